/* SPDX-License-Identifier: MIT */
/* The rest of the method through the public interface: windows, on-policy paths, transport, rules of weights, whole
 * trajectories combined, chosen degrees, grids, re-anchoring, and limits 6, 14 and 16. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <bezdist/bezdist.h>

#include "../support/host.h"
#include "../support/objects.h"

enum { N = 40, DIM = 2 };

/* ---- Velocity fields ------------------------------------------------------------------------------------------ */

/* A vector for each teacher, the same everywhere. */
static int32_t constant(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                        const float *cond, float *v) {
  (void)x, (void)t, (void)cond_dim, (void)cond;
  for (int64_t i = 0; i < n * dim; i++) v[i] = *(const float *)user;
  return 0;
}

/* Turns about the origin and slows down: trajectories are curved and speeds uneven. */
static int32_t spiral(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                      const float *cond, float *v) {
  (void)user, (void)dim, (void)cond_dim, (void)cond;
  for (int64_t r = 0; r < n; r++) {
    v[2 * r] = -2 * x[2 * r + 1] - t[r] * x[2 * r];
    v[2 * r + 1] = 2 * x[2 * r] - t[r] * x[2 * r + 1];
  }
  return 0;
}

static bzd_flow *callback(int64_t dim, bzd_velocity_fn fn, void *user) {
  bzd_flow_config config;
  bzd_flow *flow;
  OK(bzd_flow_config_init(&config, sizeof config));
  config.dim = dim;
  OK(bzd_flow_create_callback(NULL, &config, fn, user, 0, &flow));
  return flow;
}

static bzd_ensemble *single(const bzd_flow *flow) {
  bzd_ensemble *ensemble;
  OK(bzd_ensemble_create(NULL, NULL, 1, &flow, &ensemble));
  return ensemble;
}

static bzd_ensemble_source_config source_config(void) {
  bzd_ensemble_source_config config;
  OK(bzd_ensemble_source_config_init(&config, sizeof config));
  config.seed = 3;
  return config;
}

/* Takes the ensemble over. */
static bzd_source *source_of(bzd_ensemble *ensemble, int32_t degree, const bzd_ensemble_source_config *config) {
  bzd_fitter *fitter = make_fitter(NULL, degree, degree == 1 ? 2 : 17);
  bzd_source *source;
  OK(bzd_source_create_ensemble(ensemble, fitter, config, &source));
  bzd_fitter_destroy(fitter);
  bzd_ensemble_destroy(ensemble);
  return source;
}

static bzd_source_info info_of(const bzd_source *source) {
  bzd_source_info info = {.struct_size = sizeof info};
  OK(bzd_source_get_info(source, &info));
  return info;
}

/* ---- Windows: limit 6 ------------------------------------------------------------------------------------------ */

/* K windows of degree 1 are piecewise rectified flow: in window k the target is K (x_{k+1} - x_k), at states on the
 * line between them. The trainer's loss is that of a plain loop. */
static void test_windows(void **state) {
  enum { K = 4 };
  (void)state;
  bzd_flow *teacher = callback(DIM, spiral, NULL), *student = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, 0, 16, 5);
  bzd_ensemble_source_config config = source_config();
  config.windows = K;
  bzd_source *source = source_of(single(teacher), 1, &config);
  float paths[N * 2 * DIM], span[2 * N], states[N / K * (K + 1) * DIM];
  double times[K + 1] = {0, 0.25, 0.5, 0.75, 1};
  OK(bzd_source_get_paths(source, 0, N, paths, NULL, span));
  bzd_sample_config sample;
  OK(bzd_sample_config_init(&sample, sizeof sample));
  sample.solver = BZD_SOLVER_RK4;
  sample.steps = 16;
  sample.seed = config.seed;
  OK(bzd_flow_trajectory(teacher, &sample, N / K, NULL, NULL, K + 1, times, states, NULL));
  for (int i = 0; i < N; i++) {
    const float *from = states + (i / K * (K + 1) + i % K) * DIM;
    assert_memory_equal(paths + 2 * i * DIM, from, 2 * DIM * sizeof(float));
    assert_true(span[2 * i] == (float)(i % K) / K && span[2 * i + 1] == (float)(i % K + 1) / K);
  }
  bzd_trainer *trainer = make_trainer(student, source, 4, 8);
  double loss, plain = 0;
  OK(bzd_trainer_evaluate(trainer, NULL, 0, N, BZD_WEIGHTS_RAW, &loss));
  for (int i = 0; i < N; i++) {
    float u, x[DIM], v[DIM], t;
    OK(bzd_uniform(0, BZD_STREAM_TIME, i, 1, 1, &u));
    t = (float)(i % K) / K + u / K;
    for (int j = 0; j < DIM; j++) x[j] = (1 - u) * paths[2 * i * DIM + j] + u * paths[(2 * i + 1) * DIM + j];
    OK(bzd_flow_velocity(student, 1, x, &t, NULL, 1, v));
    for (int j = 0; j < DIM; j++)
      plain += pow((double)v[j] - K * ((double)paths[(2 * i + 1) * DIM + j] - (double)paths[2 * i * DIM + j]), 2);
  }
  assert_true(fabs(loss / (plain / (N * DIM)) - 1) < 1e-5);
  bzd_trainer_destroy(trainer);
  /* Windows of a higher degree; and students that predict the rest of a path cannot have them. */
  bzd_source *curves = source_of(single(teacher), 3, &config);
  float cubic[N * 4 * DIM];
  OK(bzd_source_get_paths(curves, 0, N, cubic, NULL, NULL));
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < DIM; j++) { /* more nodes, so other steps of the solver */
      assert_true(fabsf(cubic[4 * i * DIM + j] - paths[2 * i * DIM + j]) < 1e-5f);
      assert_true(fabsf(cubic[(4 * i + 3) * DIM + j] - paths[(2 * i + 1) * DIM + j]) < 1e-5f);
    }
  }
  bzd_flow *control = make_flow(NULL, BZD_FLOW_CONTROL, 3, DIM, 0, 16, 5);
  trainer = make_trainer(control, curves, 4, 8);
  FAILS(BZD_E_UNSUPPORTED, "ends at t 0.25", bzd_trainer_run(trainer, 1, NULL, NULL));
  bzd_trainer_destroy(trainer);
  bzd_flow_destroy(control);
  bzd_source_destroy(curves);
  bzd_source_destroy(source);
  bzd_flow_destroy(student);
  bzd_flow_destroy(teacher);
}

/* ---- On-policy paths -------------------------------------------------------------------------------------------- */

/* A path starts where the visitor is after k of its steps, and ends where the teacher takes that state. */
static void test_visits(void **state) {
  enum { STEPS = 4 };
  (void)state;
  float drift = 0.5f;
  bzd_flow *teacher = callback(DIM, spiral, NULL), *visitor = callback(DIM, constant, &drift);
  bzd_ensemble_source_config config = source_config();
  config.visitor = visitor;
  config.visit_steps = STEPS;
  bzd_source *source = source_of(single(teacher), 2, &config);
  float paths[N * 3 * DIM], span[2 * N], x0[N * DIM], end[DIM];
  int seen[STEPS] = {0};
  OK(bzd_source_get_paths(source, 0, N, paths, NULL, span));
  OK(bzd_noise(config.seed, BZD_STREAM_NOISE, 0, N, DIM, x0));
  for (int i = 0; i < N; i++) {
    const int k = (int)(span[2 * i] * STEPS);
    assert_true(span[2 * i] == (float)k / STEPS && span[2 * i + 1] == 1);
    seen[k]++;
    float *start = paths + 3 * i * DIM;
    for (int j = 0; j < DIM; j++) assert_true(fabsf(start[j] - (x0[i * DIM + j] + drift * span[2 * i])) < 1e-6f);
    bzd_sample_config sample;
    OK(bzd_sample_config_init(&sample, sizeof sample));
    sample.t0 = (double)span[2 * i];
    OK(bzd_flow_sample(teacher, &sample, 1, start, NULL, end, NULL));
    for (int j = 0; j < DIM; j++) assert_true(fabsf(end[j] - start[2 * DIM + j]) < 1e-3f);
  }
  for (int k = 0; k < STEPS; k++) assert_true(seen[k] > 0);
  /* Such paths train students of all kinds, from a pool too; the trainer may change over to them. */
  bzd_source *pool;
  OK(bzd_source_create_pool(source, 5, 30, 1, NULL, NULL, &pool));
  bzd_ensemble_source_config whole = source_config();
  bzd_source *first = source_of(single(teacher), 2, &whole);
  bzd_flow *student = make_flow(NULL, BZD_FLOW_CONTROL, 2, DIM, 0, 16, 5);
  bzd_trainer *trainer = make_trainer(student, first, 8, 8);
  OK(bzd_trainer_run(trainer, 4, NULL, NULL));
  OK(bzd_trainer_set_source(trainer, pool));
  OK(bzd_trainer_run(trainer, 0, NULL, NULL));
  bzd_trainer_info info = {.struct_size = sizeof info};
  OK(bzd_trainer_get_info(trainer, &info));
  assert_true(info.step == 8 && isfinite(info.loss));
  bzd_flow *wide = make_flow(NULL, BZD_FLOW_CONTROL, 2, DIM + 1, 0, 16, 5);
  bzd_data *data = make_data(NULL, 20, DIM + 1, 0);
  bzd_source *other;
  OK(bzd_source_create_data(data, NULL, 0, &other));
  FAILS(BZD_E_DIMENSION, "dim 3", bzd_trainer_set_source(trainer, other));
  bzd_source_destroy(other);
  bzd_data_destroy(data);
  bzd_flow_destroy(wide);
  bzd_trainer_destroy(trainer);
  bzd_flow_destroy(student);
  bzd_source_destroy(first);
  bzd_source_destroy(pool);
  bzd_source_destroy(source);
  bzd_flow_destroy(visitor);
  bzd_flow_destroy(teacher);
}

/* ---- Transport -------------------------------------------------------------------------------------------------- */

/* Each group is the best of all 24 ways; targets and labels keep their places; groups do not mix. */
static void test_transport(void **state) {
  enum { GROUP = 4, CLASSES = 3 };
  static const int order[24][4] = {{0, 1, 2, 3}, {0, 1, 3, 2}, {0, 2, 1, 3}, {0, 2, 3, 1}, {0, 3, 1, 2}, {0, 3, 2, 1},
                                   {1, 0, 2, 3}, {1, 0, 3, 2}, {1, 2, 0, 3}, {1, 2, 3, 0}, {1, 3, 0, 2}, {1, 3, 2, 0},
                                   {2, 0, 1, 3}, {2, 0, 3, 1}, {2, 1, 0, 3}, {2, 1, 3, 0}, {2, 3, 0, 1}, {2, 3, 1, 0},
                                   {3, 0, 1, 2}, {3, 0, 2, 1}, {3, 1, 0, 2}, {3, 1, 2, 0}, {3, 2, 0, 1}, {3, 2, 1, 0}};
  (void)state;
  bzd_data *data = make_data(NULL, 30, DIM, CLASSES);
  bzd_source *plain, *dealt;
  OK(bzd_source_create_data(data, NULL, 9, &plain));
  OK(bzd_source_create_transport(data, NULL, GROUP, 9, &dealt));
  assert_true(info_of(dealt).kind == BZD_SOURCE_TRANSPORT && info_of(dealt).generation == 1);
  float a[N * 2 * DIM], b[N * 2 * DIM], a_cond[N * CLASSES], b_cond[N * CLASSES], one[2 * DIM], one_cond[CLASSES];
  OK(bzd_source_get_paths(plain, 0, N, a, a_cond, NULL));
  OK(bzd_source_get_paths(dealt, 0, N, b, b_cond, NULL));
  assert_memory_equal(a_cond, b_cond, sizeof a_cond);
  int moved = 0;
  for (int g = 0; g < N / GROUP; g++) {
    double least = INFINITY, own = 0;
    for (int k = 0; k < 24; k++) {
      double sum = 0;
      for (int r = 0; r < GROUP; r++)
        for (int j = 0; j < DIM; j++)
          sum += pow(
              (double)a[(2 * (g * GROUP + r) + 1) * DIM + j] - (double)a[2 * (g * GROUP + order[k][r]) * DIM + j], 2);
      least = fmin(least, sum);
    }
    for (int r = g * GROUP; r < (g + 1) * GROUP; r++) {
      assert_memory_equal(a + (2 * r + 1) * DIM, b + (2 * r + 1) * DIM, DIM * sizeof(float));
      moved += memcmp(a + 2 * r * DIM, b + 2 * r * DIM, DIM * sizeof(float)) != 0;
      for (int j = 0; j < DIM; j++) own += pow((double)b[(2 * r + 1) * DIM + j] - (double)b[2 * r * DIM + j], 2);
    }
    assert_true(fabs(own - least) < 1e-5 * least);
  }
  assert_true(moved > N / 2);
  for (int i = N - 1; i >= 0; i -= 7) { /* a sample alone */
    OK(bzd_source_get_paths(dealt, i, 1, one, one_cond, NULL));
    assert_memory_equal(one, b + 2 * i * DIM, sizeof one);
    assert_memory_equal(one_cond, b_cond + i * CLASSES, sizeof one_cond);
  }
  bzd_source_destroy(dealt);
  bzd_source_destroy(plain);
  bzd_data_destroy(data);
}

/* ---- Rules of weights ------------------------------------------------------------------------------------------- */

static int32_t to_one(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim, int64_t cond_dim,
                      float *paths, float *cond, float *span) {
  (void)user, (void)cond_dim, (void)cond, (void)span, (void)degree;
  for (int64_t r = 0; r < n; r++)
    for (int64_t j = 0; j < dim; j++) {
      paths[2 * r * dim + j] = (float)(index[r] % 7);
      paths[(2 * r + 1) * dim + j] = (float)(index[r] % 7) + 1;
    }
  return 0;
}

static int32_t prefer_second(void *user, int64_t n, int64_t count, int64_t dim, const float *x, const float *t,
                             const float *v, double *weights) {
  (void)dim, (void)x, (void)t, (void)v;
  for (int64_t r = 0; r < n; r++)
    for (int64_t m = 0; m < count; m++) weights[r * count + m] = m == 1 ? 3 : *(const double *)user;
  return 0;
}

/* Lines of five slopes in turn, by the number of the sample. */
static int32_t scattered(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim, int64_t cond_dim,
                         float *paths, float *cond, float *span) {
  (void)user, (void)degree, (void)cond_dim, (void)cond, (void)span;
  for (int64_t r = 0; r < n; r++)
    for (int64_t j = 0; j < dim; j++) {
      paths[2 * r * dim + j] = 0;
      paths[(2 * r + 1) * dim + j] = 0.5f * (float)(index[r] % 5);
    }
  return 0;
}

/* 1 / (d_m - min d + sigma) with d_m the mean of the paired differences to teacher 0, sigma their mean standard error:
 * what all share (1/2 here, the variance of the slopes) does not count. */
static void test_weights_by_error(void **state) {
  enum { COUNT = 500 };
  float speed[3] = {1, 1.1f, 1.5f};
  bzd_flow *flow[3];
  const bzd_flow *teachers[3];
  (void)state;
  for (int m = 0; m < 3; m++) teachers[m] = flow[m] = callback(DIM, constant, &speed[m]);
  bzd_source *lines;
  OK(bzd_source_create_callback(NULL, 1, DIM, 0, scattered, NULL, &lines));
  bzd_ensemble_config config;
  bzd_ensemble *ensemble;
  OK(bzd_ensemble_config_init(&config, sizeof config));
  config.rule = BZD_RULE_ERROR;
  config.validation = lines;
  config.validation_count = COUNT;
  OK(bzd_ensemble_create(NULL, &config, 3, teachers, &ensemble));
  double d[3] = {0}, sigma = 0, weights[3], expected[3], sum = 0, least = INFINITY;
  for (int m = 0; m < 3; m++) {
    double squares = 0;
    for (int i = 0; i < COUNT; i++) {
      double slope = 0.5 * (i % 5), apart = pow((double)speed[m] - slope, 2) - pow((double)speed[0] - slope, 2);
      d[m] += apart / COUNT;
      squares += apart * apart / COUNT;
    }
    sigma += sqrt((squares - d[m] * d[m]) / COUNT) / 2; /* teacher 0's difference to itself is none */
    least = fmin(least, d[m]);
  }
  for (int m = 0; m < 3; m++) sum += expected[m] = 1 / (d[m] - least + sigma);
  OK(bzd_ensemble_get_weights(ensemble, 0.5, weights));
  for (int m = 0; m < 3; m++) assert_true(fabs(weights[m] - expected[m] / sum) < 1e-6);
  assert_true(weights[0] > weights[1] && weights[1] > weights[2] && weights[2] > 0.01);
  bzd_ensemble_destroy(ensemble);
  bzd_source_destroy(lines);
  for (int m = 0; m < 3; m++) bzd_flow_destroy(flow[m]);
}

/* Right, nearly right, far off: by the rule's own formula. */
static void test_rules(void **state) {
  float speed[3] = {1, 1.1f, 3};
  bzd_flow *flow[3];
  const bzd_flow *teachers[3];
  (void)state;
  for (int m = 0; m < 3; m++) teachers[m] = flow[m] = callback(DIM, constant, &speed[m]);
  bzd_source *lines;
  OK(bzd_source_create_callback(NULL, 1, DIM, 0, to_one, NULL, &lines));
  float x[N * DIM] = {0}, t[N], v[N * DIM];
  double weights[N * 3], one = 1, effective;
  for (int i = 0; i < N; i++) t[i] = (float)i / N;
  bzd_ensemble_config config;
  OK(bzd_ensemble_config_init(&config, sizeof config));
  bzd_ensemble *ensemble;
  bzd_ensemble_info info = {.struct_size = sizeof info};

  config.rule = BZD_RULE_MEDOID;
  OK(bzd_ensemble_create(NULL, &config, 3, teachers, &ensemble));
  OK(bzd_ensemble_velocity(ensemble, N, 0, x, t, NULL, v, weights));
  for (int i = 0; i < N; i++) assert_true(v[2 * i] == speed[1] && weights[3 * i + 1] == 1 && weights[3 * i] == 0);
  OK(bzd_ensemble_effective(ensemble, N, x, t, NULL, &effective));
  assert_true(effective == 1);
  OK(bzd_ensemble_get_info(ensemble, &info));
  assert_true(isnan(info.effective));
  FAILS(BZD_E_UNSUPPORTED, "own", bzd_ensemble_get_weights(ensemble, 0.5, weights));
  bzd_ensemble_destroy(ensemble);

  config.rule = BZD_RULE_CALLBACK;
  config.weights = prefer_second;
  config.weights_user = &one;
  OK(bzd_ensemble_create(NULL, &config, 3, teachers, &ensemble));
  OK(bzd_ensemble_velocity(ensemble, N, 0, x, t, NULL, v, weights));
  for (int i = 0; i < N; i++) {
    assert_true(weights[3 * i] == 0.2 && weights[3 * i + 1] == 0.6);
    assert_true(v[2 * i] == (float)(0.2 * (double)speed[0] + 0.6 * (double)speed[1] + 0.2 * (double)speed[2]));
  }
  one = -1;
  FAILS(BZD_E_NUMERIC, "teacher 0 is -1", bzd_ensemble_velocity(ensemble, N, 0, x, t, NULL, v, weights));
  bzd_ensemble_destroy(ensemble);
  config.weights = NULL;

  /* Errors 0, 0.01, 4 on every row: no scatter, so the right one takes nearly all. */
  config.rule = BZD_RULE_ERROR;
  config.validation = lines;
  config.validation_count = 500;
  OK(bzd_ensemble_create(NULL, &config, 3, teachers, &ensemble));
  OK(bzd_ensemble_get_weights(ensemble, 0.3, weights));
  assert_true(weights[0] > 0.999 && weights[1] > weights[2] && fabs(weights[0] + weights[1] + weights[2] - 1) < 1e-12);
  OK(bzd_ensemble_get_info(ensemble, &info));
  assert_true(fabs(info.effective - 1) < 1e-2);
  bzd_ensemble_destroy(ensemble);

  /* Identical teachers: uniform, and that teacher's bits (limit 9). */
  const bzd_flow *same[3] = {flow[1], flow[1], flow[1]};
  for (int32_t rule = BZD_RULE_ERROR; rule <= BZD_RULE_VARIANCE; rule++) {
    config.rule = rule;
    OK(bzd_ensemble_create(NULL, &config, 3, same, &ensemble));
    OK(bzd_ensemble_velocity(ensemble, N, 0, x, t, NULL, v, weights));
    for (int i = 0; i < N; i++) assert_true(v[2 * i] == speed[1] && fabs(weights[3 * i] - 1.0 / 3) < 1e-12);
    OK(bzd_ensemble_get_info(ensemble, &info));
    assert_true(fabs(info.effective - 3) < 1e-9);
    bzd_ensemble_destroy(ensemble);
  }
  /* Whole trajectories: the medoid's, and the mean. */
  OK(bzd_ensemble_config_init(&config, sizeof config));
  for (int32_t combine = BZD_COMBINE_SELECT; combine <= BZD_COMBINE_ENDPOINT; combine++) {
    config.combine = combine;
    OK(bzd_ensemble_create(NULL, &config, 3, teachers, &ensemble));
    FAILS(BZD_E_UNSUPPORTED, "trajectories", bzd_ensemble_velocity(ensemble, 1, 0, x, t, NULL, v, NULL));
    FAILS(BZD_E_UNSUPPORTED, "trajectories", bzd_ensemble_sample(ensemble, NULL, 1, x, NULL, v, NULL));
    bzd_ensemble_source_config spec = source_config();
    bzd_source *source = source_of(ensemble, 1, &spec);
    float paths[N * 2 * DIM];
    OK(bzd_source_get_paths(source, 0, N, paths, NULL, NULL));
    const float gone = combine == BZD_COMBINE_SELECT ? speed[1] : (speed[0] + speed[1] + speed[2]) / 3;
    for (int i = 0; i < N; i++) assert_true(fabsf(paths[(2 * i + 1) * DIM] - paths[2 * i * DIM] - gone) < 1e-5f);
    bzd_source_destroy(source);
  }
  /* Identical teachers, combined in any other way: that teacher's paths (limit 9; the mean's to rounding). */
  float alone[N * 2 * DIM], paths[N * 2 * DIM];
  bzd_ensemble_source_config spec = source_config();
  OK(bzd_ensemble_config_init(&config, sizeof config));
  bzd_source *source = source_of(single(flow[1]), 1, &spec);
  OK(bzd_source_get_paths(source, 0, N, alone, NULL, NULL));
  bzd_source_destroy(source);
  for (int32_t combine = BZD_COMBINE_MIXTURE; combine <= BZD_COMBINE_ENDPOINT; combine++) {
    config.combine = combine;
    OK(bzd_ensemble_create(NULL, &config, 3, same, &ensemble));
    source = source_of(ensemble, 1, &spec);
    OK(bzd_source_get_paths(source, 0, N, paths, NULL, NULL));
    for (int i = 0; i < N * 2 * DIM; i++)
      assert_true(combine == BZD_COMBINE_ENDPOINT ? fabsf(paths[i] - alone[i]) < 1e-6f : paths[i] == alone[i]);
    bzd_source_destroy(source);
  }
  /* By weight: distances to a heavy member count for more, and so does its trajectory. */
  const double heavy[3] = {0.1, 0.1, 0.8};
  config.rule = BZD_RULE_FIXED;
  config.fixed = heavy;
  for (int32_t combine = BZD_COMBINE_SELECT; combine <= BZD_COMBINE_ENDPOINT; combine++) {
    config.combine = combine;
    OK(bzd_ensemble_create(NULL, &config, 3, teachers, &ensemble));
    source = source_of(ensemble, 1, &spec);
    OK(bzd_source_get_paths(source, 0, N, paths, NULL, NULL));
    const float gone = combine == BZD_COMBINE_SELECT ? speed[2] : 0.1f * speed[0] + 0.1f * speed[1] + 0.8f * speed[2];
    for (int i = 0; i < N; i++) assert_true(fabsf(paths[(2 * i + 1) * DIM] - paths[2 * i * DIM] - gone) < 1e-5f);
    bzd_source_destroy(source);
  }
  config.rule = BZD_RULE_UNIFORM;
  config.fixed = NULL;
  /* Two of one weight are as near to each other: each sample follows either, about as many each. */
  enum { MANY = 400 };
  static float ends[MANY * 2 * DIM];
  int64_t second = 0;
  config.combine = BZD_COMBINE_SELECT;
  OK(bzd_ensemble_create(NULL, &config, 2, teachers + 1, &ensemble));
  source = source_of(ensemble, 1, &spec);
  OK(bzd_source_get_paths(source, 0, MANY, ends, NULL, NULL));
  for (int i = 0; i < MANY; i++) {
    float gone = ends[(2 * i + 1) * DIM] - ends[2 * i * DIM];
    assert_true(fabsf(gone - speed[1]) < 1e-5f || fabsf(gone - speed[2]) < 1e-5f);
    second += gone > 2;
  }
  assert_in_range(second, MANY / 2 - 40, MANY / 2 + 40); /* four standard deviations */
  bzd_source_destroy(source);
  for (int m = 0; m < 3; m++) bzd_flow_destroy(flow[m]);
  /* Paths that are not whole teach no weights. */
  bzd_flow *teacher = callback(DIM, spiral, NULL);
  bzd_ensemble_source_config cut = source_config();
  cut.windows = 2;
  bzd_source *windows = source_of(single(teacher), 1, &cut);
  OK(bzd_ensemble_config_init(&config, sizeof config));
  config.rule = BZD_RULE_ERROR;
  config.validation = windows;
  FAILS(BZD_E_UNSUPPORTED, "sample 0 runs from t 0 to 0.5",
        bzd_ensemble_create(NULL, &config, 1, (const bzd_flow *const *)&teacher, &ensemble));
  bzd_source_destroy(windows);
  bzd_flow_destroy(teacher);
  bzd_source_destroy(lines);
}

/* Errors of 0.1 and, before t = 1/2 in one teacher, of 1; phases apart, so that they do not correlate. */
struct wobble {
  double early, late, phase;
};
static int32_t wobbly(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                      const float *cond, float *v) {
  const struct wobble *w = user;
  (void)cond_dim, (void)cond;
  for (int64_t r = 0; r < n; r++)
    for (int64_t j = 0; j < dim; j++)
      v[r * dim + j] =
          (float)(1 + (t[r] < 0.5f ? w->early : w->late) * sin(37 * (double)x[r * dim + j] * w->phase + w->phase));
  return 0;
}

static void test_variance_by_time(void **state) {
  struct wobble wobble[3] = {{0.1, 0.1, 1}, {0.1, 0.1, 2.3}, {1, 0.1, 3.7}};
  const bzd_flow *teachers[3];
  bzd_ensemble_config config;
  bzd_ensemble *ensemble;
  double early[3], late[3];
  (void)state;
  for (int m = 0; m < 3; m++) teachers[m] = callback(DIM, wobbly, &wobble[m]);
  bzd_data *data = make_data(NULL, 2000, DIM, 0);
  bzd_source *lines;
  OK(bzd_source_create_data(data, NULL, 1, &lines));
  OK(bzd_ensemble_config_init(&config, sizeof config));
  config.rule = BZD_RULE_VARIANCE;
  config.validation = lines;
  config.bins = 4;
  OK(bzd_ensemble_create(NULL, &config, 3, teachers, &ensemble));
  OK(bzd_ensemble_get_weights(ensemble, 0.1, early));
  OK(bzd_ensemble_get_weights(ensemble, 0.9, late));
  assert_true(early[2] < 0.03 && early[0] > 0.3 && early[1] > 0.3); /* 1 : 1 : 1/100 */
  for (int m = 0; m < 3; m++) assert_true(fabs(late[m] - 1.0 / 3) < 0.05);
  bzd_ensemble_destroy(ensemble);
  bzd_source_destroy(lines);
  bzd_data_destroy(data);
  for (int m = 0; m < 3; m++) bzd_flow_destroy((bzd_flow *)(uintptr_t)teachers[m]);
}

/* Flows know how often their coupling was straightened; fields of different couplings are not averaged by accident. */
static void test_generations(void **state) {
  (void)state;
  bzd_data *data = make_data(NULL, 50, DIM, 0);
  bzd_flow *fresh = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, 0, 8, 1), *first, *second;
  bzd_source *pairs;
  bzd_flow_info info = {.struct_size = sizeof info};
  OK(bzd_flow_get_info(fresh, &info));
  assert_int_equal(info.generation, 0);
  OK(bzd_source_create_data(data, NULL, 0, &pairs));
  bzd_trainer *trainer = make_trainer(fresh, pairs, 2, 8);
  OK(bzd_trainer_run(trainer, 0, NULL, NULL));
  OK(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &first));
  bzd_trainer_destroy(trainer);
  bzd_ensemble_source_config config = source_config();
  bzd_source *lines = source_of(single(first), 1, &config);
  assert_int_equal(info_of(lines).generation, 2);
  trainer = make_trainer(first, lines, 2, 8);
  OK(bzd_trainer_run(trainer, 0, NULL, NULL));
  OK(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &second));
  bzd_checkpoint *checkpoint, *opened;
  bzd_flow *loaded;
  OK(bzd_checkpoint_from_trainer(trainer, &checkpoint)); /* a trainer's file is a flow's too */
  OK(bzd_checkpoint_get_flow(checkpoint, BZD_WEIGHTS_AUTO, &loaded));
  OK(bzd_flow_get_info(loaded, &info));
  assert_int_equal(info.generation, 2);
  bzd_flow_destroy(loaded);
  bzd_checkpoint_destroy(checkpoint);
  bzd_trainer_destroy(trainer);
  OK(bzd_flow_get_info(first, &info));
  assert_int_equal(info.generation, 1);
  OK(bzd_flow_get_info(second, &info));
  assert_int_equal(info.generation, 2);
  const bzd_flow *both[2] = {first, second};
  bzd_ensemble_config combine;
  bzd_ensemble *ensemble;
  OK(bzd_ensemble_config_init(&combine, sizeof combine));
  FAILS(BZD_E_UNSUPPORTED, "teacher 1: generation 2, teacher 0's is 1",
        bzd_ensemble_create(NULL, &combine, 2, both, &ensemble));
  for (int32_t kind = BZD_COMBINE_MIXTURE; kind <= BZD_COMBINE_ANY_VELOCITY; kind++) {
    combine.combine = kind;
    OK(bzd_ensemble_create(NULL, &combine, 2, both, &ensemble));
    bzd_ensemble_destroy(ensemble);
  }
  /* It is kept in files. */
  static char bytes[65536];
  size_t size;
  OK(bzd_checkpoint_from_flow(second, &checkpoint));
  OK(bzd_checkpoint_write_buffer(checkpoint, bytes, sizeof bytes, &size));
  OK(bzd_checkpoint_open_buffer(NULL, bytes, size, NULL, &opened));
  OK(bzd_checkpoint_get_flow(opened, BZD_WEIGHTS_AUTO, &loaded));
  OK(bzd_flow_get_info(loaded, &info));
  assert_int_equal(info.generation, 2);
  bzd_flow_destroy(loaded);
  bzd_checkpoint_destroy(opened);
  bzd_checkpoint_destroy(checkpoint);
  bzd_source_destroy(lines);
  bzd_source_destroy(pairs);
  bzd_flow_destroy(fresh);
  bzd_flow_destroy(first);
  bzd_flow_destroy(second);
  bzd_data_destroy(data);
}

/* ---- Degree and guides ------------------------------------------------------------------------------------------ */

/* rms(state - curve) / rms(end - start) of the best curve of a degree along a trajectory of the spiral, which turns by
 * 2 t and shrinks by exp(-t^2 / 2): the same for every start. */
static double residual_of_spiral(int32_t degree) {
  enum { NODES = 17, MOST_DEGREE = 8 };
  float states[NODES * 2], path[(MOST_DEGREE + 1) * 2];
  bzd_fitter *fitter = make_fitter(NULL, degree, NODES);
  for (int k = 0; k < NODES; k++) {
    double t = k / (NODES - 1.0), size = exp(-t * t / 2);
    states[2 * k] = (float)(size * cos(2 * t));
    states[2 * k + 1] = (float)(size * sin(2 * t));
  }
  OK(bzd_fitter_fit(fitter, 1, 2, states, path, NULL));
  bzd_fitter_destroy(fitter);
  double apart = 0, chord = 0;
  for (int k = 0; k < NODES; k++)
    for (int j = 0; j < 2; j++) {
      double p[MOST_DEGREE + 1], t = k / (NODES - 1.0); /* de Casteljau */
      for (int i = 0; i <= degree; i++) p[i] = (double)path[2 * i + j];
      for (int left = degree; left > 0; left--)
        for (int i = 0; i < left; i++) p[i] += t * (p[i + 1] - p[i]);
      apart += pow(p[0] - (double)states[2 * k + j], 2) / NODES;
      if (k == 0) chord += pow((double)states[2 * (NODES - 1) + j] - (double)states[j], 2);
    }
  return sqrt(apart / chord);
}

static void test_chosen_degree(void **state) {
  float speed = 2;
  (void)state;
  bzd_flow *straight = callback(DIM, constant, &speed), *curved = callback(DIM, spiral, NULL);
  bzd_ensemble_source_config config = source_config();
  config.tolerance = 1e-3;
  bzd_source *source = source_of(single(straight), 6, &config);
  assert_true(info_of(source).degree == 1 && info_of(source).relative_residual < 1e-3);
  float line[2 * DIM];
  OK(bzd_source_get_paths(source, 4, 1, line, NULL, NULL));
  assert_true(fabsf(line[DIM] - line[0] - speed) < 1e-5f);
  bzd_source_destroy(source);
  int32_t last = 1;
  for (int k = 0; k < 3; k++) { /* tighter, higher */
    config.tolerance = pow(10, -1 - k);
    source = source_of(single(curved), 8, &config);
    bzd_source_info info = info_of(source);
    assert_true(info.degree > last && info.relative_residual <= config.tolerance);
    assert_true(fabs(residual_of_spiral(info.degree) / info.relative_residual - 1) < 0.01);
    assert_true(residual_of_spiral(info.degree - 1) > config.tolerance); /* the smallest */
    last = info.degree;
    bzd_source_destroy(source);
  }
  config.tolerance = 0;
  source = source_of(single(curved), 3, &config);
  assert_true(info_of(source).degree == 3 && isnan(info_of(source).relative_residual));
  bzd_source_destroy(source);
  bzd_flow_destroy(straight);
  bzd_flow_destroy(curved);
}

/* The paper's form: where other teachers send x0 are the guides, as control points or passed. */
static void test_guides_by_flows(void **state) {
  float speed[3] = {1, 2, 4};
  (void)state;
  bzd_flow *flow[3];
  for (int m = 0; m < 3; m++) flow[m] = callback(DIM, constant, &speed[m]);
  const bzd_flow *guides[2] = {flow[1], flow[2]};
  bzd_ensemble_source_config config = source_config();
  config.guides = guides;
  for (int32_t degree = 2; degree <= 3; degree++)
    for (int32_t guide = BZD_GUIDE_CONTROL; guide <= BZD_GUIDE_WAYPOINT; guide++) {
      config.guide = guide;
      config.guide_times[0] = degree == 2 ? 0.5 : 1.0 / 3;
      bzd_source *source = source_of(single(flow[0]), degree, &config);
      float paths[N * 4 * DIM];
      OK(bzd_source_get_paths(source, 0, N, paths, NULL, NULL));
      for (int i = 0; i < N; i++) {
        const float *path = paths + i * (degree + 1) * DIM;
        assert_true(fabsf(path[degree * DIM] - path[0] - speed[0]) < 1e-5f);
        for (int g = 1; g < degree; g++) {
          float point[DIM];
          const float *at = path + g * DIM;
          if (guide == BZD_GUIDE_WAYPOINT) {
            OK(bzd_path_evaluate(1, degree, DIM, path, 1, &config.guide_times[g - 1], point));
            at = point;
          }
          assert_true(fabsf(at[0] - path[0] - speed[g]) < 1e-5f);
        }
      }
      bzd_source_destroy(source);
    }
  for (int m = 0; m < 3; m++) bzd_flow_destroy(flow[m]);
}

/* Students as guides go as bzd_flow_sample sends them by default: 4 steps along curves, one jump of an endpoint flow.
 */
static void test_guides_by_students(void **state) {
  static const int32_t kinds[] = {BZD_FLOW_CONTROL, BZD_FLOW_ENDPOINT};
  float speed = 1;
  (void)state;
  bzd_flow *teacher = callback(DIM, constant, &speed);
  for (int k = 0; k < 2; k++) {
    bzd_flow *student = make_flow(NULL, kinds[k], kinds[k] == BZD_FLOW_CONTROL ? 2 : 1, DIM, 0, 8, 1);
    const bzd_flow *guides[1] = {student};
    bzd_ensemble_source_config config = source_config();
    config.guides = guides;
    config.guide = BZD_GUIDE_CONTROL;
    config.guide_times[0] = 0.5;
    bzd_source *source = source_of(single(teacher), 2, &config);
    float paths[N * 3 * DIM], start[DIM], end[DIM];
    OK(bzd_source_get_paths(source, 0, N, paths, NULL, NULL));
    for (int i = 0; i < N; i++) {
      memcpy(start, paths + i * 3 * DIM, sizeof start);
      OK(bzd_flow_sample(student, NULL, 1, start, NULL, end, NULL));
      assert_memory_equal(end, paths + i * 3 * DIM + DIM, sizeof end);
    }
    bzd_source_destroy(source);
    bzd_flow_destroy(student);
  }
  bzd_flow_destroy(teacher);
}

/* A path of two windows is fitted in each: a trajectory that is two parabolas needs degree 2 with two windows, more
 * without; what is left over is measured window by window. */
static int32_t kinked(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                      const float *cond, float *v) {
  (void)user, (void)x, (void)cond_dim, (void)cond;
  for (int64_t i = 0; i < n * dim; i++) v[i] = t[i / dim] < 0.5f ? 4 * t[i / dim] : 4 * (1 - t[i / dim]);
  return 0;
}
static void test_degree_of_windows(void **state) {
  (void)state;
  bzd_flow *teacher = callback(DIM, kinked, NULL);
  int32_t degree[2];
  for (int32_t windows = 1; windows <= 2; windows++) {
    bzd_ensemble_source_config config = source_config();
    config.windows = windows;
    config.tolerance = 1e-3;
    config.steps = 32;
    bzd_source *source = source_of(single(teacher), 8, &config);
    bzd_source_info info = {.struct_size = sizeof info};
    OK(bzd_source_get_info(source, &info));
    degree[windows - 1] = info.degree;
    bzd_source_destroy(source);
  }
  assert_true(degree[1] == 2 && degree[0] > 2);
  bzd_flow_destroy(teacher);
}

/* ---- Limits 14 and 16 -------------------------------------------------------------------------------------------- */

/* From N(0, 1) to N(m, s^2) with independent pairs (limit 13). */
static int32_t gaussian(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                        const float *cond, float *v) {
  const double *law = user, m = law[0], s2 = law[1] * law[1];
  (void)cond_dim, (void)cond;
  for (int64_t i = 0; i < n * dim; i++) {
    double at = (double)t[i / dim];
    v[i] = (float)(m + (at * s2 - (1 - at)) / ((1 - at) * (1 - at) + at * at * s2) * ((double)x[i] - at * m));
  }
  return 0;
}

/* E|X1-X0|^2 + S(X) = E|Z1-Z0|^2 + S(Z) + V(X). In closed form: the left side is m^2 + 1 + s^2 (lines), E|Z1-Z0|^2 =
 * m^2 + (s-1)^2. 20,000 rows: a standard error of about 1 % of each part. */
static void test_energy_budget(void **state) {
  enum { ROWS = 20000 };
  double law[2] = {1.5, 0.4};
  (void)state;
  bzd_flow *flow = callback(1, gaussian, law);
  float *rows = malloc(ROWS * sizeof *rows);
  OK(bzd_noise(21, BZD_STREAM_USER, 0, ROWS, 1, rows));
  for (int i = 0; i < ROWS; i++) rows[i] = (float)(law[0] + law[1] * (double)rows[i]);
  bzd_data_config data_config;
  bzd_data *data;
  bzd_source *pairs;
  OK(bzd_data_config_init(&data_config, sizeof data_config));
  data_config.n = ROWS;
  data_config.dim = 1;
  data_config.rows = rows;
  OK(bzd_data_create(NULL, &data_config, &data));
  OK(bzd_source_create_data(data, NULL, 2, &pairs));
  bzd_flow_metrics_config config;
  bzd_flow_metrics numbers = {.struct_size = sizeof numbers};
  OK(bzd_flow_metrics_config_init(&config, sizeof config));
  config.rows = ROWS;
  config.paths = pairs;
  config.real = data;
  OK(bzd_metrics_flow(flow, &config, &numbers));
  assert_true(fabs(numbers.path_straightness) < 1e-5 && fabs(numbers.path_arc_over_chord) < 1e-6);
  assert_true(fabs(numbers.path_chord2 / (law[0] * law[0] + 1 + law[1] * law[1]) - 1) < 0.03);
  assert_true(fabs(numbers.chord2 / (law[0] * law[0] + (law[1] - 1) * (law[1] - 1)) - 1) < 0.03);
  /* The flow sends x to t m + b(t) x, b^2 = (1-t)^2 + t^2 s^2: S(Z) is the integral of (b' - (s - 1))^2, V = 2 s - S.
   */
  double straight = 0;
  for (int i = 0; i < 1000; i++) { /* the midpoint rule */
    double at = (i + 0.5) / 1000, b = sqrt((1 - at) * (1 - at) + at * at * law[1] * law[1]);
    straight += pow((at * law[1] * law[1] - (1 - at)) / b - (law[1] - 1), 2) / 1000;
  }
  assert_true(fabs(numbers.straightness / straight - 1) < 0.03);
  assert_true(fabs(numbers.crossing_variance / (2 * law[1] - straight) - 1) < 0.03);
  assert_true(fabs(numbers.budget) < 0.03);
  assert_true(numbers.drift < 1e-3); /* there and back by the adaptive solver */
  /* A decoder of one Euler step sends every code to m. */
  double away = 0;
  for (int i = 0; i < ROWS; i++) away += pow((double)rows[i] - law[0], 2) / ROWS;
  config.decode_solver = BZD_SOLVER_EULER;
  config.decode_steps = 1;
  OK(bzd_metrics_flow(flow, &config, &numbers));
  assert_true(fabs(numbers.drift / sqrt(away) - 1) < 1e-3);
  /* Trajectories of the flow itself as paths: they do not cross, and V is what their fit leaves. */
  bzd_ensemble_source_config along = source_config();
  along.bend = 1;
  bzd_source *curves = source_of(single(flow), 4, &along);
  config.paths = curves;
  config.real = NULL;
  config.rows = 500;
  OK(bzd_metrics_flow(flow, &config, &numbers));
  assert_true(numbers.crossing_variance < 1e-3 && isnan(numbers.drift) && fabs(numbers.budget) < 1e-3);
  bzd_source_destroy(curves);
  bzd_source_destroy(pairs);
  bzd_data_destroy(data);
  bzd_flow_destroy(flow);
  free(rows);
}

enum { POINTS = 5 };
static const float points[POINTS][DIM] = {{1, 2}, {-1, 0.5f}, {2, -1}, {-2, -2}, {0.3f, 1}};

/* v(z, t) = sum_i softmax_i(-|z - t x_i|^2 / (2 (1-t)^2)) (x_i - z) / (1 - t). */
static int32_t finite_data(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                           const float *cond, float *v) {
  (void)user, (void)cond_dim, (void)cond, (void)dim;
  for (int64_t r = 0; r < n; r++) {
    double left = fmax(1 - (double)t[r], 1e-4), exponent[POINTS], most = -INFINITY, sum = 0, out[DIM] = {0};
    for (int i = 0; i < POINTS; i++) {
      double squares = 0;
      for (int j = 0; j < DIM; j++) squares += pow((double)x[r * DIM + j] - (1 - left) * (double)points[i][j], 2);
      exponent[i] = -squares / (2 * left * left);
      most = fmax(most, exponent[i]);
    }
    for (int i = 0; i < POINTS; i++) {
      double weight = exp(exponent[i] - most);
      sum += weight;
      for (int j = 0; j < DIM; j++) out[j] += weight * ((double)points[i][j] - (double)x[r * DIM + j]) / left;
    }
    for (int j = 0; j < DIM; j++) v[r * DIM + j] = (float)(out[j] / sum);
  }
  return 0;
}

/* The exact field of finitely many points leads every sample to one of them, and each gets its share. */
static void test_finite_data(void **state) {
  enum { ROWS = 500 };
  (void)state;
  bzd_flow *flow = callback(DIM, finite_data, NULL);
  float *out = malloc(ROWS * DIM * sizeof *out);
  int got[POINTS] = {0};
  OK(bzd_flow_sample(flow, NULL, ROWS, NULL, NULL, out, NULL));
  for (int r = 0; r < ROWS; r++) {
    double least = INFINITY;
    int nearest = 0;
    for (int i = 0; i < POINTS; i++) {
      double apart = hypot((double)(out[r * DIM] - points[i][0]), (double)(out[r * DIM + 1] - points[i][1]));
      if (apart < least) least = apart, nearest = i;
    }
    if (!(least < 0.01)) fail_msg("row %d is %g from the nearest point", r, least);
    got[nearest]++;
  }
  for (int i = 0; i < POINTS; i++) assert_true(abs(got[i] - ROWS / POINTS) < 36); /* four standard deviations of 100 */
  free(out);
  bzd_flow_destroy(flow);
}

/* ---- Grids and re-anchoring ----------------------------------------------------------------------------------------
 */

/* Speed 10 t^4: Euler's error of a step is known, so all grids can be compared. */
static int32_t late(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                    const float *cond, float *v) {
  (void)user, (void)x, (void)cond_dim, (void)cond;
  for (int64_t i = 0; i < n * dim; i++) v[i] = 10 * powf(t[i / dim], 4);
  return 0;
}

static double euler_error(double a, double b) { return fabs((b - a) * 10 * pow(a, 4) - 2 * (pow(b, 5) - pow(a, 5))); }

static void test_grid(void **state) {
  enum { CANDIDATES = 10 };
  (void)state;
  bzd_flow *flow = callback(DIM, late, NULL);
  bzd_grid_config config;
  double grid[4], error, least = INFINITY, best[2] = {0};
  OK(bzd_grid_config_init(&config, sizeof config));
  config.steps = 3;
  config.candidates = CANDIDATES;
  config.rows = 20;
  OK(bzd_flow_choose_grid(flow, &config, grid, &error));
  for (int a = 1; a < CANDIDATES; a++)
    for (int b = a + 1; b < CANDIDATES; b++) {
      double s = (double)a / CANDIDATES, t = (double)b / CANDIDATES,
             sum = euler_error(0, s) + euler_error(s, t) + euler_error(t, 1);
      if (sum < least) least = sum, best[0] = s, best[1] = t;
    }
  assert_true(grid[0] == 0 && grid[1] == best[0] && grid[2] == best[1] && grid[3] == 1);
  assert_true(fabs(error / least - 1) < 1e-3);
  bzd_sample_config sample;
  float out[DIM], x0[DIM] = {0};
  OK(bzd_sample_config_init(&sample, sizeof sample));
  sample.solver = BZD_SOLVER_EULER;
  sample.grid = grid;
  sample.grid_count = 4;
  OK(bzd_flow_sample(flow, &sample, 1, x0, NULL, out, NULL));
  assert_true(fabs((double)out[0] - (2 - least)) < 1e-3);
  /* Along a teacher's curves: a control-point flow, conditions and all. */
  bzd_flow *control = make_flow(NULL, BZD_FLOW_CONTROL, 2, DIM, 3, 16, 5);
  bzd_data *data = make_data(NULL, 40, DIM, 3);
  bzd_source *lines;
  OK(bzd_source_create_data(data, NULL, 0, &lines));
  FAILS(BZD_E_ARGUMENT, "conditions", bzd_flow_choose_grid(control, &config, grid, &error));
  config.paths = lines;
  OK(bzd_flow_choose_grid(control, &config, grid, &error));
  assert_true(grid[0] == 0 && grid[1] > 0 && grid[2] > grid[1] && grid[3] == 1 && isfinite(error));
  FAILS(BZD_E_DIMENSION, "cond_dim", bzd_flow_choose_grid(flow, &config, grid, &error));
  bzd_source_destroy(lines);
  bzd_data_destroy(data);
  bzd_flow_destroy(control);
  bzd_flow_destroy(flow);
}

/* By hand: jump to the end, back to the line from (partly fresh) noise, jump again. */
static void test_reanchor(void **state) {
  (void)state;
  for (int kind = BZD_FLOW_CONTROL; kind <= BZD_FLOW_ENDPOINT; kind++)
    for (int fresh = 0; fresh < 2; fresh++) {
      bzd_flow *flow = make_flow(NULL, kind, 2, DIM, 0, 16, 5);
      const int32_t degree = kind == BZD_FLOW_CONTROL ? 2 : 1;
      float x0[N * DIM], x[N * DIM], paths[N * 3 * DIM], t[N], noise[N * DIM], out[N * DIM], one[DIM];
      bzd_sample_config config;
      OK(bzd_sample_config_init(&config, sizeof config));
      config.solver = BZD_SOLVER_REANCHOR;
      config.steps = 3;
      config.seed = 8;
      config.renoise = fresh ? 0.6 : 0;
      bzd_sample_result result = {.struct_size = sizeof result};
      OK(bzd_flow_sample(flow, &config, N, NULL, NULL, out, &result));
      assert_true(result.nfe_mean == 3);
      OK(bzd_noise(8, BZD_STREAM_NOISE, 0, N, DIM, x0));
      memcpy(x, x0, sizeof x);
      for (int s = 1; s <= 3; s++) {
        for (int i = 0; i < N; i++) t[i] = (float)(s - 1) / 3;
        OK(bzd_flow_curve(flow, N, x, t, NULL, 1, paths));
        OK(bzd_noise(8 + (uint64_t)s, BZD_STREAM_RENOISE, 0, N, DIM, noise));
        for (int i = 0; i < N * DIM; i++) {
          const float end = paths[(i / DIM * (degree + 1) + degree) * DIM + i % DIM];
          const float z = fresh ? 0.8f * x0[i] + 0.6f * noise[i] : x0[i], at = (float)s / 3;
          x[i] = s == 3 ? end : (1 - at) * z + at * end;
        }
      }
      for (int i = 0; i < N * DIM; i++) assert_true(fabsf(x[i] - out[i]) < 1e-4f);
      config.first_index = 17; /* a row alone */
      OK(bzd_flow_sample(flow, &config, 1, NULL, NULL, one, NULL));
      assert_memory_equal(one, out + 17 * DIM, sizeof one);
      config.t1 = 0.5;
      FAILS(BZD_E_UNSUPPORTED, "from 0 to 1", bzd_flow_sample(flow, &config, 1, NULL, NULL, one, NULL));
      bzd_flow_destroy(flow);
    }
}

/* y = x^2: 2 / (1 + 4 x^2)^(3/2). A line: 0. */
static void test_curvature(void **state) {
  const float parabola[3 * DIM] = {0, 0, 0.5f, 0, 1, 1}, line[2 * DIM] = {1, 2, 3, 5};
  const double times[3] = {0, 0.3, 1};
  double curvature[3];
  (void)state;
  OK(bzd_path_curvature(1, 2, DIM, parabola, 3, times, curvature));
  for (int k = 0; k < 3; k++) assert_true(fabs(curvature[k] * pow(1 + 4 * times[k] * times[k], 1.5) / 2 - 1) < 1e-6);
  OK(bzd_path_curvature(1, 1, DIM, line, 3, times, curvature));
  for (int k = 0; k < 3; k++) assert_true(curvature[k] == 0);
  float higher[6 * DIM];
  OK(bzd_path_elevate(1, 2, DIM, parabola, 5, higher));
  OK(bzd_path_curvature(1, 5, DIM, higher, 1, &times[1], curvature));
  assert_true(fabs(curvature[0] * pow(1.36, 1.5) / 2 - 1) < 1e-4);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_windows),
                                     cmocka_unit_test(test_visits),
                                     cmocka_unit_test(test_transport),
                                     cmocka_unit_test(test_weights_by_error),
                                     cmocka_unit_test(test_rules),
                                     cmocka_unit_test(test_variance_by_time),
                                     cmocka_unit_test(test_generations),
                                     cmocka_unit_test(test_chosen_degree),
                                     cmocka_unit_test(test_guides_by_flows),
                                     cmocka_unit_test(test_guides_by_students),
                                     cmocka_unit_test(test_degree_of_windows),
                                     cmocka_unit_test(test_energy_budget),
                                     cmocka_unit_test(test_finite_data),
                                     cmocka_unit_test(test_grid),
                                     cmocka_unit_test(test_reanchor),
                                     cmocka_unit_test(test_curvature)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
