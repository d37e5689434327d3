/* SPDX-License-Identifier: MIT */
/* The trainer against a plain loop of its own network, loss and optimiser (limits 1 and 7), targets of every kind of
 * student, threads, stops, failures, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "models.h"
#include "net/mlp.h"
#include "num/bernstein.h"

#include <pthread.h>
#include <sched.h>

enum { DIM = 3, BATCH = 24, WIDTH = 16, FEATURES = 8 };

static bzdi_trainer_config settings(void) {
  return (bzdi_trainer_config){.adam = {.rate = 1e-3,
                                        .final_rate = 0.1,
                                        .warmup = 4,
                                        .steps = 30,
                                        .beta1 = 0.9,
                                        .beta2 = 0.99,
                                        .epsilon = 1e-8,
                                        .weight_decay = 0.01,
                                        .clip = 0.5,
                                        .ema = 0.9},
                               .divergence = {.policy = BZDI_DIVERGENCE_STOP},
                               .batch = BATCH,
                               .loss = BZDI_LOSS_MSE,
                               .time = {.kind = BZDI_TIME_UNIFORM, .u_shape = 4, .grid_steps = 4, .seed = 17},
                               .endpoint_weight = 1,
                               .seed = 17};
}

static bzd_source *reflow(const bzd_context *context, bzd_flow *teacher) {
  bzd_fitter *fitter = models_fitter(context, 1, 2);
  bzd_ensemble *ensemble = models_single(context, teacher);
  const bzdi_ensemble_source_spec spec = {
      .guide = BZDI_GUIDE_FIT, .seed = 5, .solver = BZDI_SOLVER_RK4, .steps = 4, .bend = 1};
  bzd_source *source;
  OK(bzdi_source_new_ensemble(ensemble, fitter, fitter->fit, &spec, &source));
  bzdi_release(ensemble);
  bzdi_release(fitter);
  return source;
}

/* ---- A network, a loss and an optimiser of the test's own ---------------------------------------------------- */

/* Two hidden layers: sizes and offsets as in PyTorch's [out, in] matrices, each followed by its bias. Weights are
 * floats as in any trainer; everything between them is double. */
typedef struct plain {
  int in[3], out[3], weight[3], bias[3], count;
  float w[2048], m[2048], v[2048], ema[2048];
  double frequency[FEATURES / 2];
} plain;

static void plain_new(plain *p, const bzd_flow *student) {
  memset(p, 0, sizeof *p);
  for (int l = 0; l < 3; l++) {
    p->in[l] = l == 0 ? DIM + FEATURES : WIDTH;
    p->out[l] = l == 2 ? DIM : WIDTH;
    p->weight[l] = p->count;
    p->bias[l] = p->count + p->in[l] * p->out[l];
    p->count = p->bias[l] + p->out[l];
  }
  assert_int_equal(p->count, student->net->count);
  memcpy(p->w, student->weights, (size_t)p->count * sizeof *p->w);
  memcpy(p->ema, student->weights, (size_t)p->count * sizeof *p->w);
  for (int j = 0; j < FEATURES / 2; j++) p->frequency[j] = (double)((const bzdi_mlp *)student->net)->frequencies[j];
}

/* One row forwards and, with the error of the output, backwards; gradient added. */
static void plain_row(const plain *p, const float *x, float t, double *out, const double *error, double *grad) {
  double z[3][32], y[3][32], d[32], next[32];
  for (int j = 0; j < DIM; j++) y[0][j] = (double)x[j];
  for (int j = 0; j < FEATURES / 2; j++) {
    y[0][DIM + j] = sin((double)t * p->frequency[j]);
    y[0][DIM + FEATURES / 2 + j] = cos((double)t * p->frequency[j]);
  }
  for (int l = 0; l < 3; l++)
    for (int o = 0; o < p->out[l]; o++) {
      double sum = (double)p->w[p->bias[l] + o];
      for (int i = 0; i < p->in[l]; i++) sum += (double)p->w[p->weight[l] + o * p->in[l] + i] * y[l][i];
      z[l][o] = sum;
      if (l == 2)
        out[o] = sum;
      else
        y[l + 1][o] = sum / (1 + exp(-sum));
    }
  if (!error) return;
  memcpy(d, error, DIM * sizeof *d);
  for (int l = 2; l >= 0; l--) {
    memset(next, 0, sizeof next);
    for (int o = 0; o < p->out[l]; o++) {
      if (l < 2) {
        double s = 1 / (1 + exp(-z[l][o]));
        d[o] *= s * (1 + z[l][o] * (1 - s));
      }
      grad[p->bias[l] + o] += d[o];
      for (int i = 0; i < p->in[l]; i++) {
        grad[p->weight[l] + o * p->in[l] + i] += d[o] * y[l][i];
        next[i] += d[o] * (double)p->w[p->weight[l] + o * p->in[l] + i];
      }
    }
    memcpy(d, next, sizeof d);
  }
}

/* One training step on rows x, t with targets; the loss before it. */
static double plain_step(plain *p, const bzdi_adam_config *adam, int k, const float *x, const float *t,
                         const float *target) {
  static double grad[2048];
  double loss = 0, norm = 0, out[DIM], error[DIM];
  memset(grad, 0, sizeof grad);
  for (int r = 0; r < BATCH; r++) {
    plain_row(p, x + r * DIM, t[r], out, NULL, NULL);
    for (int j = 0; j < DIM; j++) {
      error[j] = 2 * (out[j] - (double)target[r * DIM + j]) / (BATCH * DIM);
      loss += pow(out[j] - (double)target[r * DIM + j], 2) / (BATCH * DIM);
    }
    plain_row(p, x + r * DIM, t[r], out, error, grad);
  }
  for (int i = 0; i < p->count; i++) norm += grad[i] * grad[i];
  norm = sqrt(norm);
  double scale = norm > adam->clip ? adam->clip / norm : 1, rate;
  if (k <= adam->warmup)
    rate = adam->rate * k / (double)adam->warmup;
  else
    rate = adam->rate * (adam->final_rate +
                         (1 - adam->final_rate) * 0.5 *
                             (1 + cos(acos(-1) * (double)(k - adam->warmup) / (double)(adam->steps - adam->warmup))));
  double decay = fmin(adam->ema, (1.0 + k) / (10.0 + k));
  for (int i = 0; i < p->count; i++) {
    double g = scale * grad[i];
    double m = adam->beta1 * (double)p->m[i] + (1 - adam->beta1) * g;
    double v = adam->beta2 * (double)p->v[i] + (1 - adam->beta2) * g * g;
    double step = m / (1 - pow(adam->beta1, k)) / (sqrt(v / (1 - pow(adam->beta2, k))) + adam->epsilon);
    p->m[i] = (float)m;
    p->v[i] = (float)v;
    p->w[i] = (float)((double)p->w[i] - rate * (step + adam->weight_decay * (double)p->w[i]));
    p->ema[i] = (float)(decay * (double)p->ema[i] + (1 - decay) * (double)p->w[i]);
  }
  return loss;
}

typedef struct losses {
  int count;
  double loss[64], smooth[64];
} losses;

static int32_t record(void *user, const bzd_progress *progress) {
  losses *l = user;
  l->loss[l->count] = progress->loss;
  l->smooth[l->count++] = progress->smooth_loss;
  return 0;
}

/* Limit 1. The loop makes its own pairs with the sampler, its own x_t and x1 - x0, its own network and optimiser. It
 * knows of the library where noise and times come from (public streams) and the teacher. at_zero 1 is limit 7: nothing
 * but pairs at t = 0, one-step distillation. */
static void check_reflow(double at_zero) {
  bzd_flow *teacher = models_flow(NULL, BZDI_FLOW_VELOCITY, 1, DIM, 0, 32, 3),
           *student = models_flow(NULL, BZDI_FLOW_VELOCITY, 1, DIM, 0, WIDTH, 4);
  for (int64_t i = 0; i < teacher->net->count; i++) teacher->weights[i] *= 2; /* targets worth learning */
  bzdi_flow_repack(teacher);
  bzd_source *source = reflow(NULL, bzdi_retain(teacher));
  bzdi_trainer_config config = settings();
  bzd_trainer *trainer;
  plain *p = malloc(sizeof *p);
  losses l = {0};
  config.time.at_zero = at_zero;
  OK(bzdi_trainer_new(student, source, &config, &trainer));
  plain_new(p, student);
  OK(bzdi_trainer_run(trainer, 0, record, &l));
  assert_true(l.count == 30 && trainer->step == 30);
  double smooth = 0;
  for (int k = 0; k < 30; k++) {
    float x0[BATCH * DIM], x1[BATCH * DIM], t[BATCH], x[BATCH * DIM], u[BATCH * DIM];
    int64_t index[BATCH];
    bzdi_solve solve = {.solver = BZDI_SOLVER_RK4, .steps = 4, .t1 = 1};
    bzdi_solved solved;
    bzdi_rng_normals(5, BZD_STREAM_NOISE, (uint64_t)(k * BATCH), BATCH, DIM, x0, DIM);
    OK(bzdi_solve_flow(teacher, 1, &solve, BATCH, x0, NULL, x1, NULL, 0, NULL, &solved));
    for (int r = 0; r < BATCH; r++) {
      uint32_t words[4];
      bzdi_rng_words(17, BZD_STREAM_TIME, (uint64_t)(k * BATCH + r), 0, words);
      t[r] = at_zero == 1 ? 0 : ((float)(words[0] >> 9) + 0.5f) * 0x1p-23f;
      index[r] = k * BATCH + r;
      for (int j = r * DIM; j < (r + 1) * DIM; j++) {
        x[j] = (1 - t[r]) * x0[j] + t[r] * x1[j];
        u[j] = x1[j] - x0[j];
      }
    }
    /* The library's batch: to the bit. */
    float paths[BATCH * 2 * DIM], own_t[BATCH], own_x[BATCH * DIM], own_u[BATCH * DIM];
    OK(source->kind->paths(source, BATCH, index, &(bzdi_batch){paths, NULL, NULL, NULL}));
    bzdi_times(&config.time, NULL, BATCH, index, own_t, NULL, NULL);
    bzdi_path_targets(BATCH, 1, DIM, paths, own_t, 1, 0, own_x, own_u);
    SAME(own_t, t, BATCH);
    SAME(own_x, x, BATCH * DIM);
    SAME(own_u, u, BATCH * DIM);
    if (at_zero == 1) SAME(own_x, x0, BATCH * DIM);
    double loss = plain_step(p, &config.adam, k + 1, x, t, u);
    if (!(fabs(l.loss[k] / loss - 1) < 1e-6)) fail_msg("step %d: %.9g, plain loop %.9g", k, l.loss[k], loss);
    smooth = 0.99 * smooth + 0.01 * loss;
    assert_true(fabs(l.smooth[k] / (smooth / (1 - pow(0.99, k + 1))) - 1) < 1e-6);
  }
  assert_true(l.loss[29] < 0.9 * l.loss[0]);
  for (int i = 0; i < p->count; i++) {
    assert_true(fabs((double)trainer->weights[i] - (double)p->w[i]) < 1e-5);
    assert_true(fabs((double)trainer->ema[i] - (double)p->ema[i]) < 1e-5);
  }
  free(p);
  bzdi_release(trainer);
  bzdi_release(student);
  bzdi_release(teacher);
  bzdi_release(source);
}

static void test_reflow(void **state) {
  (void)state;
  check_reflow(0);
}

static void test_one_step_distillation(void **state) {
  (void)state;
  check_reflow(1);
}

/* ---- Students of every kind ---------------------------------------------------------------------------------- */

static bzd_source *fitted(const bzd_context *context, int32_t degree, int64_t cond_dim) {
  bzd_flow *flows[2];
  for (int m = 0; m < 2; m++)
    flows[m] = models_flow(context, BZDI_FLOW_VELOCITY, 1, DIM, cond_dim, 16, (uint64_t)m + 1);
  bzd_ensemble *ensemble = models_ensemble(context, BZDI_COMBINE_VELOCITY, BZDI_RULE_UNIFORM, 2, flows, NULL);
  bzd_fitter *fitter = models_fitter(context, degree, 5);
  bzd_data *real = models_data(context, 19, DIM, (int32_t)cond_dim, 6);
  const bzdi_ensemble_source_spec spec = {
      .guide = BZDI_GUIDE_FIT, .seed = 5, .real = real, .rho = 0.25, .solver = BZDI_SOLVER_HEUN, .steps = 4, .bend = 1};
  bzd_source *source;
  OK(bzdi_source_new_ensemble(ensemble, fitter, fitter->fit, &spec, &source));
  bzdi_release(ensemble);
  bzdi_release(fitter);
  bzdi_release(real);
  return source;
}

/* The loss of a trainer is that of its flow's heads against the targets of the paths, raised to the student's degree;
 * computed here through the sampling kernels, row by row, in double. */
static void test_kinds(void **state) {
  enum { ROWS = 2 * BATCH + 5, HIGHER = 4 };
  static const struct {
    int32_t kind, degree, from;
  } cases[] = {{BZDI_FLOW_VELOCITY, 1, 1}, {BZDI_FLOW_VELOCITY, 1, 3}, {BZDI_FLOW_ENDPOINT, 1, 3},
               {BZDI_FLOW_ENDPOINT, 1, 1}, {BZDI_FLOW_CONTROL, 3, 3},  {BZDI_FLOW_CONTROL, HIGHER, 2},
               {BZDI_FLOW_CONTROL, 2, 1}};
  (void)state;
  for (int c = 0; c < 7; c++)
    for (int32_t loss = BZDI_LOSS_MSE; loss <= BZDI_LOSS_PSEUDO_HUBER; loss++) {
      const int32_t kind = cases[c].kind, degree = cases[c].degree, from = cases[c].from,
                    heads = bzdi_flow_heads(kind, degree), to = kind == BZDI_FLOW_CONTROL ? degree : from;
      bzd_source *source = fitted(NULL, from, 2);
      bzd_flow *student = models_flow(NULL, kind, degree, DIM, 2, WIDTH, 9), *trained;
      bzdi_trainer_config config = settings();
      bzd_trainer *trainer;
      config.loss = loss;
      config.time.kind = BZDI_TIME_U_SHAPED;
      config.time.at_zero = 0.2;
      OK(bzdi_trainer_new(student, source, &config, &trainer));
      OK(bzdi_trainer_run(trainer, 5, NULL, NULL));
      assert_true(isfinite(trainer->loss) && trainer->step == 5);
      OK(bzdi_trainer_flow(trainer, BZDI_USE_RAW, &trained));
      float cond[ROWS * 2], raised[(HIGHER + 1) * DIM], x[DIM], target[HIGHER * DIM], u[HIGHER * DIM],
          *paths = models_paths(source, 700, ROWS, cond);
      double total = 0, own;
      void *work = bzdi_malloc(NULL, bzdi_flow_heads_work(trained, 1, 1), 1);
      for (int r = 0; r < ROWS; r++) {
        const int64_t number = 700 + r;
        float t;
        double squares = 0, huber = 0.00054 * DIM;
        bzdi_times(&config.time, NULL, 1, &number, &t, NULL, NULL);
        bzdi_path_elevate(1, from, DIM, paths + r * (from + 1) * DIM, to, raised);
        bzdi_path_targets(1, to, DIM, raised, &t, kind == BZDI_FLOW_CONTROL ? to : 1, kind == BZDI_FLOW_ENDPOINT, x,
                          target);
        const bzdi_eval eval = {1, x, &t, cond + 2 * r, &number};
        bzdi_flow_heads_at(trained, 1, &eval, u, work);
        for (int j = 0; j < heads * DIM; j++) squares += pow((double)u[j] - (double)target[j], 2);
        total += loss == BZDI_LOSS_MSE ? squares / (heads * DIM) : sqrt(squares + huber * huber) - huber;
      }
      OK(bzdi_trainer_evaluate(trainer, NULL, 700, ROWS, BZDI_USE_RAW, &own));
      if (!(fabs(own / (total / ROWS) - 1) < 1e-5)) fail_msg("case %d: %g, expected %g", c, own, total / ROWS);
      double other;
      OK(bzdi_trainer_evaluate(trainer, source, 700, ROWS, BZDI_USE_AUTO, &other));
      assert_true(other != own); /* averaged weights */
      bzdi_free(NULL, work);
      free(paths);
      bzdi_release(trained);
      bzdi_release(trainer);
      bzdi_release(student);
      bzdi_release(source);
    }
}

/* Rows that lose their condition are those the stream says; with fraction 1 conditions change nothing. */
static void test_dropout(void **state) {
  float weights[2][4096];
  (void)state;
  for (int i = 0; i < 2; i++) {
    bzd_data *a = models_data(NULL, 12, DIM, i ? 2 : 0, 6), *data = a;
    if (!i) { /* the same rows with other conditions */
      float *rows = numbers_floats(6, 12 * DIM, 1, 0.5), *cond = numbers_floats(8, 12 * 2, 3, 1);
      const bzdi_data_spec spec = {.dtype = BZDI_DATA_F32,
                                   .copy = 1,
                                   .n = 12,
                                   .row_stride = DIM,
                                   .rows = rows,
                                   .cond = cond,
                                   .item = {.dim = DIM, .cond_dim = 2}};
      OK(bzdi_data_new(NULL, &spec, &data));
      bzdi_release(a);
      free(rows);
      free(cond);
    }
    for (int share = 0; share < 2; share++) {
      bzd_flow *student = models_flow(NULL, BZDI_FLOW_VELOCITY, 1, DIM, 2, WIDTH, 9);
      bzdi_trainer_config config = settings();
      bzd_source *source;
      bzd_trainer *trainer;
      config.cond_dropout = share ? 1 : 0.5;
      OK(bzdi_source_new_data(data, NULL, 1, &source));
      OK(bzdi_trainer_new(student, source, &config, &trainer));
      OK(bzdi_trainer_run(trainer, 3, NULL, NULL));
      if (i == 0) memcpy(weights[share], trainer->weights, (size_t)trainer->net->count * sizeof(float));
      if (i == 1)
        assert_int_equal(memcmp(weights[share], trainer->weights, (size_t)trainer->net->count * sizeof(float)) == 0,
                         share);
      bzdi_release(trainer);
      bzdi_release(source);
      bzdi_release(student);
    }
    bzdi_release(data);
  }
}

/* ---- Threads, memory ----------------------------------------------------------------------------------------- */

static void test_threads(void **state) {
  static const int32_t threads[] = {1, 2, 3, 8};
  float first[2][8192];
  double loss = 0;
  (void)state;
  for (int i = 0; i < 4; i++) {
    bzd_context *context = models_context(NULL, threads[i]);
    bzd_source *source = fitted(context, 2, 2);
    bzd_flow *student = models_flow(context, BZDI_FLOW_CONTROL, 3, DIM, 2, 48, 9);
    bzdi_trainer_config config = settings();
    bzd_trainer *trainer;
    config.batch = 150;
    config.cond_dropout = 0.2;
    config.loss = BZDI_LOSS_PSEUDO_HUBER;
    OK(bzdi_trainer_new(student, source, &config, &trainer));
    OK(bzdi_trainer_run(trainer, 0, NULL, NULL));
    assert_in_range(trainer->net->count, 1, 8192);
    size_t bytes = (size_t)trainer->net->count * sizeof(float);
    if (i == 0) {
      loss = trainer->loss;
      memcpy(first[0], trainer->weights, bytes);
      memcpy(first[1], trainer->ema, bytes);
    }
    assert_true(trainer->loss == loss);
    assert_memory_equal(first[0], trainer->weights, bytes);
    assert_memory_equal(first[1], trainer->ema, bytes);
    bzdi_release(trainer);
    bzdi_release(student);
    bzdi_release(source);
    bzdi_release(context);
  }
}

static void test_memory(void **state) {
  heap h = {0};
  bzd_context *context = models_context(&h, 2);
  (void)state;
  for (int32_t kind = BZDI_FLOW_VELOCITY; kind <= BZDI_FLOW_ENDPOINT; kind++) {
    bzd_source *source = fitted(context, 2, 2);
    bzd_flow *student = models_flow(context, kind, 3, DIM, 2, WIDTH, 9);
    bzdi_trainer_config config = settings();
    bzd_trainer *trainer;
    config.cond_dropout = 0.2;
    if (kind == BZDI_FLOW_ENDPOINT) config.divergence = (bzdi_divergence_config){BZDI_DIVERGENCE_ROLL_BACK, 1, 2, 0.5};
    const long long before = atomic_load(&h.live);
    int refused = 0;
    for (;; refused++) {
      atomic_store(&h.refuse_from, atomic_load(&h.calls) + 1 + refused);
      bzd_status status = bzdi_trainer_new(student, source, &config, &trainer);
      atomic_store(&h.refuse_from, 0);
      if (status == BZD_OK) break;
      assert_true(status == BZD_E_MEMORY && trainer == NULL && atomic_load(&h.live) == before);
    }
    assert_true(refused >= 7);
    OK(bzdi_trainer_run(trainer, 1, NULL, NULL));
    const long long calls = atomic_load(&h.calls), live = atomic_load(&h.live);
    OK(bzdi_trainer_run(trainer, 0, NULL, NULL));
    assert_true(atomic_load(&h.calls) == calls && atomic_load(&h.live) == live);
    bzdi_release(source);
    bzdi_release(student);
    bzdi_release(trainer);
  }
  bzdi_release(context);
  assert_true(atomic_load(&h.live) == 0 && atomic_load(&h.wrong) == 0);
}

/* ---- Stops and failures -------------------------------------------------------------------------------------- */

typedef struct host {
  int64_t stop_at; /* step */
  int32_t answer;  /* of the paths callback */
  int64_t poison;  /* sample */
  float value;     /* that poison has */
  bzd_trainer *trainer;
  atomic_int started, cancelled;
} host;

static int32_t own_paths(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim, int64_t cond_dim,
                         float *paths, float *cond, float *span) {
  (void)span;
  const host *o = user;
  (void)cond_dim, (void)cond;
  for (int64_t i = 0; i < n; i++) {
    float *p = paths + i * (degree + 1) * dim;
    bzdi_rng_normals(3, BZD_STREAM_USER, (uint64_t)index[i], 1, (degree + 1) * dim, p, 1);
    if (index[i] == o->poison) p[dim] = o->value;
  }
  return o->answer;
}

static int32_t late_paths(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim, int64_t cond_dim,
                          float *paths, float *cond, float *span) {
  for (int64_t i = 0; i < n; i++) span[2 * i] = 0.75f;
  return own_paths(user, n, index, degree, dim, cond_dim, paths, cond, span);
}

/* Times of paths that start late are drawn in the path's own time: what was seen of the loss is kept by that, too. */
static void test_late_paths(void **state) {
  host o = {.poison = -1};
  bzd_source *source;
  bzd_flow *student = models_flow(NULL, BZDI_FLOW_VELOCITY, 1, DIM, 0, WIDTH, 9);
  bzdi_trainer_config config = settings();
  bzd_trainer *trainer;
  int low = 0;
  (void)state;
  config.time.kind = BZDI_TIME_LOSS_AWARE;
  OK(bzdi_source_new_callback(NULL, 2, DIM, 0, late_paths, &o, &source));
  OK(bzdi_trainer_new(student, source, &config, &trainer));
  OK(bzdi_trainer_run(trainer, 10, NULL, NULL));
  for (int b = 0; b < BZDI_TIME_BINS / 2; b++) low += trainer->seen.loss[b] > 0;
  assert_in_range(low, 12, 16); /* of 16 */
  bzdi_release(trainer);
  bzdi_release(source);
  bzdi_release(student);
}

static int32_t stop(void *user, const bzd_progress *progress) {
  host *o = user;
  if (o->trainer) { /* the other thread cancels while this one waits */
    atomic_store(&o->started, 1);
    while (progress->step >= o->stop_at && !atomic_load(&o->cancelled)) sched_yield();
  } else if (progress->step == o->stop_at) {
    return 42;
  }
  return 0;
}

static void *canceller(void *user) {
  host *o = user;
  while (!atomic_load(&o->started)) sched_yield();
  atomic_store(&o->trainer->cancel, 1);
  atomic_store(&o->cancelled, 1);
  return NULL;
}

static bzd_trainer *own_trainer(host *o) {
  bzd_source *source;
  bzd_flow *student = models_flow(NULL, BZDI_FLOW_CONTROL, 2, DIM, 0, WIDTH, 9);
  const bzdi_trainer_config config = settings();
  bzd_trainer *trainer;
  OK(bzdi_source_new_callback(NULL, 2, DIM, 0, own_paths, o, &source));
  OK(bzdi_trainer_new(student, source, &config, &trainer));
  bzdi_release(source);
  bzdi_release(student);
  return trainer;
}

/* What training without any stop gives. */
static void check_uninterrupted(bzd_trainer *trainer) {
  host o = {.stop_at = -1, .poison = -1};
  bzd_trainer *twin = own_trainer(&o);
  OK(bzdi_trainer_run(twin, 0, NULL, NULL));
  assert_true(trainer->step == 30 && trainer->loss == twin->loss && trainer->smooth_loss == twin->smooth_loss);
  SAME(trainer->weights, twin->weights, twin->net->count);
  SAME(trainer->ema, twin->ema, twin->net->count);
  SAME(trainer->moment2, twin->moment2, twin->net->count);
  bzdi_release(twin);
}

static void test_stops(void **state) {
  host o = {.stop_at = 7, .poison = -1};
  bzd_trainer *trainer = own_trainer(&o);
  (void)state;
  FAILS(BZD_E_CANCELLED, "42", bzdi_trainer_run(trainer, 0, stop, &o));
  assert_int_equal(trainer->step, 7);
  o.answer = -5; /* the source's callback */
  FAILS(BZD_E_CANCELLED, "-5", bzdi_trainer_run(trainer, 0, NULL, NULL));
  assert_int_equal(trainer->step, 7);
  o.answer = 0;
  OK(bzdi_trainer_run(trainer, 2, NULL, NULL));
  assert_int_equal(trainer->step, 9);
  atomic_store(&trainer->cancel, 1); /* before the run: stops after one step, once */
  FAILS(BZD_E_CANCELLED, "after step 10", bzdi_trainer_run(trainer, 0, NULL, NULL));
  o.trainer = trainer;
  o.stop_at = 12;
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, canceller, &o), 0);
  FAILS(BZD_E_CANCELLED, "cancelled", bzdi_trainer_run(trainer, 0, stop, &o));
  pthread_join(thread, NULL);
  assert_in_range(trainer->step, 11, 12);
  o = (host){.poison = -1};
  OK(bzdi_trainer_run(trainer, 0, NULL, NULL));
  OK(bzdi_trainer_run(trainer, 0, NULL, NULL)); /* the schedule is over */
  check_uninterrupted(trainer);
  bzdi_release(trainer);
}

/* Nothing that is not finite reaches weights, moments or EMA, and when it is gone training goes on as if it had never
 * been there. */
static void test_diverged(void **state) {
  host o = {.poison = 6 * BATCH + 3, .value = NAN};
  bzd_trainer *trainer = own_trainer(&o);
  float weights[4096], moment[4096], ema[4096];
  const size_t bytes = (size_t)trainer->net->count * sizeof(float);
  double loss;
  (void)state;
  OK(bzdi_trainer_run(trainer, 6, NULL, NULL));
  memcpy(weights, trainer->weights, bytes);
  memcpy(moment, trainer->moment1, bytes);
  memcpy(ema, trainer->ema, bytes);
  loss = trainer->loss;
  FAILS(BZD_E_NUMERIC, "sample 147", bzdi_trainer_run(trainer, 0, NULL, NULL));
  o.value = 2e38f;
  FAILS(BZD_E_DIVERGED, "step 7: the loss is inf", bzdi_trainer_run(trainer, 0, NULL, NULL));
  double evaluated = -1;
  FAILS(BZD_E_CANCELLED, "9", (o.answer = 9, bzdi_trainer_evaluate(trainer, NULL, 0, 5, BZDI_USE_RAW, &evaluated)));
  o.answer = 0;
  assert_true(evaluated == -1);
  assert_true(trainer->step == 6 && trainer->loss == loss);
  assert_memory_equal(weights, trainer->weights, bytes);
  assert_memory_equal(moment, trainer->moment1, bytes);
  assert_memory_equal(ema, trainer->ema, bytes);
  o.poison = -1;
  OK(bzdi_trainer_run(trainer, 0, NULL, NULL));
  check_uninterrupted(trainer);
  bzdi_release(trainer);
}

/* A finite loss whose gradient is not: hidden units at 0, output weights near the end of float. */
static void test_gradient_named(void **state) {
  host o = {.poison = 2, .value = 1e6f};
  bzd_trainer *trainer = own_trainer(&o);
  const bzdi_net *net = trainer->net;
  const bzdi_param *last = &net->param[net->params - 2];
  (void)state;
  memset(trainer->weights, 0, (size_t)net->count * sizeof(float));
  for (int64_t i = 0; i < last->count; i++) trainer->weights[last->offset + i] = 3e38f;
  FAILS(BZD_E_DIVERGED, "step 1: gradient of layers.0.weight", bzdi_trainer_run(trainer, 0, NULL, NULL));
  assert_true(trainer->step == 0 && trainer->weights[last->offset] == 3e38f && trainer->moment1[last->offset] == 0);
  bzdi_release(trainer);
}

/* A loss that is not finite because of a weight names it. */
static void test_weight_named(void **state) {
  host o = {.poison = -1};
  bzd_trainer *trainer = own_trainer(&o);
  const bzdi_param *bias = &trainer->net->param[trainer->net->params - 1];
  (void)state;
  trainer->weights[bias->offset + 2] = NAN;
  FAILS(BZD_E_DIVERGED, bias->name, bzdi_trainer_run(trainer, 0, NULL, NULL));
  FAILS(BZD_E_DIVERGED, "step 1: the loss is nan: ", bzdi_trainer_run(trainer, 0, NULL, NULL));
  FAILS(BZD_E_DIVERGED, "element 2 is nan; nothing was applied", bzdi_trainer_run(trainer, 0, NULL, NULL));
  assert_int_equal(trainer->step, 0);
  bzdi_release(trainer);
}

/* A finite gradient whose square is not, without clipping: its largest element is named. */
static void test_large_gradient_named(void **state) {
  host o = {.poison = 2, .value = 1e6f};
  bzd_trainer *trainer = own_trainer(&o);
  const bzdi_net *net = trainer->net;
  const bzdi_param *last = &net->param[net->params - 2];
  (void)state;
  trainer->config.adam.clip = 0;
  memset(trainer->weights, 0, (size_t)net->count * sizeof(float));
  for (int64_t i = 0; i < last->count; i++) trainer->weights[last->offset + i] = 1e18f;
  FAILS(BZD_E_DIVERGED, "step 1: gradient of layers.", bzdi_trainer_run(trainer, 0, NULL, NULL));
  FAILS(BZD_E_DIVERGED, "at most 1e+18 can be applied; nothing", bzdi_trainer_run(trainer, 0, NULL, NULL));
  trainer->config.adam.clip = 1;
  OK(bzdi_trainer_run(trainer, 1, NULL, NULL));
  for (int64_t i = 0; i < net->count; i++)
    assert_true(isfinite(trainer->weights[i]) && isfinite(trainer->moment2[i]) && isfinite(trainer->ema[i]));
  bzdi_release(trainer);
}

/* A roll back restores all that training depends on, to the bit. */
static void test_roll_back(void **state) {
  host bad = {.poison = 10 * BATCH + 3, .value = NAN}, good = {.poison = -1};
  host *hosts[2] = {&bad, &good};
  bzd_trainer *trainers[2];
  (void)state;
  for (int i = 0; i < 2; i++) {
    bzd_source *source;
    bzd_flow *student = models_flow(NULL, BZDI_FLOW_CONTROL, 2, DIM, 0, WIDTH, 9);
    bzdi_trainer_config config = settings();
    config.time.kind = BZDI_TIME_LOSS_AWARE;
    config.divergence = (bzdi_divergence_config){BZDI_DIVERGENCE_ROLL_BACK, 1, 4, 0.25};
    OK(bzdi_source_new_callback(NULL, 2, DIM, 0, own_paths, hosts[i], &source));
    OK(bzdi_trainer_new(student, source, &config, &trainers[i]));
    bzdi_release(source);
    bzdi_release(student);
  }
  bzd_trainer *back = trainers[0], *twin = trainers[1];
  OK(bzdi_trainer_run(back, 11, NULL, NULL));
  OK(bzdi_trainer_run(twin, 8, NULL, NULL));
  assert_true(back->step == 11 && back->updates == 8 && back->rollbacks == 1 && back->rate_scale == 0.25);
  SAME(back->weights, twin->weights, twin->net->count);
  SAME(back->moment1, twin->moment1, twin->net->count);
  SAME(back->moment2, twin->moment2, twin->net->count);
  SAME(back->ema, twin->ema, twin->net->count);
  SAME(back->seen.loss, twin->seen.loss, BZDI_TIME_BINS);
  assert_true(back->smooth_sum == twin->smooth_sum);
  bzdi_release(back);
  bzdi_release(twin);
}

static void test_bad_teacher(void **state) {
  bzd_flow *teacher = models_flow(NULL, BZDI_FLOW_VELOCITY, 1, DIM, 0, 32, 3),
           *student = models_flow(NULL, BZDI_FLOW_VELOCITY, 1, DIM, 0, WIDTH, 4);
  bzdi_trainer_config config = settings();
  bzd_trainer *trainer;
  (void)state;
  teacher->weights[0] = NAN;
  bzdi_flow_repack(teacher);
  bzd_source *source = reflow(NULL, bzdi_retain(teacher));
  OK(bzdi_trainer_new(student, source, &config, &trainer));
  FAILS(BZD_E_NUMERIC, "teacher 0: not finite at t 0", bzdi_trainer_run(trainer, 0, NULL, NULL));
  SAME(trainer->weights, student->weights, student->net->count);
  teacher->weights[0] = 0.1f;
  bzdi_flow_repack(teacher);
  OK(bzdi_trainer_run(trainer, 0, NULL, NULL));
  bzdi_release(trainer);
  bzdi_release(source);
  bzdi_release(student);
  bzdi_release(teacher);
}

static void test_shapes(void **state) {
  host o = {.poison = -1};
  bzd_source *source, *plain_source;
  const bzdi_trainer_config config = settings();
  bzd_trainer *trainer;
  double loss;
  (void)state;
  OK(bzdi_source_new_callback(NULL, 3, DIM, 2, own_paths, &o, &source));
  OK(bzdi_source_new_callback(NULL, 2, DIM, 0, own_paths, &o, &plain_source));
  bzd_flow *flows[3] = {models_flow(NULL, BZDI_FLOW_VELOCITY, 1, DIM + 1, 2, 8, 1),
                        models_flow(NULL, BZDI_FLOW_VELOCITY, 1, DIM, 1, 8, 1),
                        models_flow(NULL, BZDI_FLOW_CONTROL, 2, DIM, 2, 8, 1)};
  FAILS(BZD_E_DIMENSION, "dim 3", bzdi_trainer_new(flows[0], source, &config, &trainer));
  assert_null(trainer);
  FAILS(BZD_E_DIMENSION, "cond_dim 2", bzdi_trainer_new(flows[1], source, &config, &trainer));
  FAILS(BZD_E_DIMENSION, "degree 3", bzdi_trainer_new(flows[2], source, &config, &trainer));
  trainer = own_trainer(&o);
  FAILS(BZD_E_DIMENSION, "cond_dim 2", bzdi_trainer_evaluate(trainer, source, 0, 4, BZDI_USE_RAW, &loss));
  OK(bzdi_trainer_evaluate(trainer, plain_source, 0, 4, BZDI_USE_RAW, &loss));
  for (int i = 0; i < 3; i++) bzdi_release(flows[i]);
  bzdi_release(trainer);
  bzdi_release(source);
  bzdi_release(plain_source);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_reflow),
                                     cmocka_unit_test(test_one_step_distillation),
                                     cmocka_unit_test(test_kinds),
                                     cmocka_unit_test(test_dropout),
                                     cmocka_unit_test(test_threads),
                                     cmocka_unit_test(test_memory),
                                     cmocka_unit_test(test_late_paths),
                                     cmocka_unit_test(test_stops),
                                     cmocka_unit_test(test_diverged),
                                     cmocka_unit_test(test_gradient_named),
                                     cmocka_unit_test(test_weight_named),
                                     cmocka_unit_test(test_roll_back),
                                     cmocka_unit_test(test_large_gradient_named),
                                     cmocka_unit_test(test_bad_teacher),
                                     cmocka_unit_test(test_shapes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
