/* SPDX-License-Identifier: MIT */
/* The training loop: batch, targets, forward, loss, backward, optimiser. Everything is checked to be finite before
 * anything is applied; what is done when it is not is divergence.c's. */
#include "distill/trainer.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/task.h"
#include "distill/consistency.h"
#include "num/bernstein.h"

#include <math.h>
#include <string.h>

enum { ROW_BLOCK = 32 }; /* rows of one task when targets are made */

typedef struct work {
  int64_t *index;
  float *paths, *raised, *cond, *t, *x, *target, *out; /* raised: paths elevated to the student's degree */
  float *span, *weight, *step;                         /* NULL where not needed, as row_loss */
  double *row_loss;
  uint8_t *keep;
  void *net;
  bzdi_consistency consistency;
} work;

/* Degree of the student's paths: they are elevated when the source's is lower. */
static int32_t path_degree(const bzd_trainer *trainer, const bzd_source *source) {
  return trainer->kind == BZDI_FLOW_CONTROL ? trainer->degree : source->degree;
}

static size_t carve(const bzd_trainer *trainer, const bzd_source *source, void *base, work *w) {
  const bzdi_net *net = trainer->net;
  int64_t n = trainer->config.batch, dim = net->dim, width = net->heads * dim;
  int32_t degree = path_degree(trainer, source);
  bzdi_arena arena = {base, 0};
  w->index = bzdi_arena_take(&arena, (size_t)n, sizeof(int64_t));
  w->paths = bzdi_arena_take(&arena, (size_t)(n * (source->degree + 1) * dim), sizeof(float));
  w->raised = bzdi_arena_take(&arena, degree > source->degree ? (size_t)(n * (degree + 1) * dim) : 0, sizeof(float));
  w->cond = bzdi_arena_take(&arena, (size_t)(n * net->cond_dim), sizeof(float));
  w->t = bzdi_arena_take(&arena, (size_t)n, sizeof(float));
  w->x = bzdi_arena_take(&arena, (size_t)(n * dim), sizeof(float));
  w->target = bzdi_arena_take(&arena, (size_t)(n * width), sizeof(float));
  w->out = bzdi_arena_take(&arena, (size_t)(n * width), sizeof(float));
  int aware = trainer->config.time.kind == BZDI_TIME_LOSS_AWARE;
  w->span = source->spans ? bzdi_arena_take(&arena, (size_t)(2 * n), sizeof(float)) : NULL;
  w->weight = aware ? bzdi_arena_take(&arena, (size_t)n, sizeof(float)) : NULL;
  w->step = trainer->config.time.at_grid > 0 ? bzdi_arena_take(&arena, (size_t)n, sizeof(float)) : NULL;
  w->row_loss = aware ? bzdi_arena_take(&arena, (size_t)n, sizeof(double)) : NULL;
  w->keep = bzdi_arena_take(&arena, net->cond_dim > 0 ? (size_t)n : 0, 1);
  w->net = bzdi_arena_take(&arena, net->kind->train_work(net, n), 1);
  if (trainer->config.consistency > 0) bzdi_consistency_carve(&arena, net, n, &w->consistency);
  return arena.used;
}

/* ---- Making and freeing -------------------------------------------------------------------------------------- */

static void drop(void *self) {
  bzd_trainer *trainer = self;
  const bzd_context *context = trainer->handle.context;
  bzdi_snapshot *kept = &trainer->snapshot;
  float *arrays[] = {trainer->weights, trainer->grad, trainer->moment1, trainer->moment2, trainer->ema,
                     kept->weights,    kept->moment1, kept->moment2,    kept->ema};
  for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) bzdi_free(context, arrays[i]);
  bzdi_free(context, trainer->work);
  bzdi_item_clear(context, &trainer->item);
  bzdi_meta_clear(context, &trainer->meta);
  bzdi_release(trainer->net);
  bzdi_release(trainer->source);
}

static bzd_status check_source(const bzd_trainer *trainer, const bzd_source *source) {
  if (source->item.dim != trainer->item.dim)
    return bzdi_fail(BZD_E_DIMENSION, "source: dim %lld, the student's is %lld", (long long)source->item.dim,
                     (long long)trainer->item.dim);
  if (source->item.cond_dim != trainer->item.cond_dim)
    return bzdi_fail(BZD_E_DIMENSION, "source: cond_dim %lld, the student's is %lld", (long long)source->item.cond_dim,
                     (long long)trainer->item.cond_dim);
  if (trainer->kind == BZDI_FLOW_CONTROL && source->degree > trainer->degree)
    return bzdi_fail(BZD_E_DIMENSION, "source: paths of degree %d, the student's is %d", (int)source->degree,
                     (int)trainer->degree);
  return BZD_OK;
}

/* Room for the snapshot, which is the state of the start until a later one is kept. */
static bzd_status take_snapshot(bzd_trainer *trainer) {
  const bzd_context *context = trainer->handle.context;
  bzdi_snapshot *kept = &trainer->snapshot;
  size_t count = (size_t)trainer->net->count;
  kept->weights = bzdi_malloc(context, count, sizeof(float));
  kept->moment1 = bzdi_calloc(context, count, sizeof(float));
  kept->moment2 = bzdi_calloc(context, count, sizeof(float));
  kept->ema = trainer->ema ? bzdi_malloc(context, count, sizeof(float)) : NULL;
  if (!kept->weights || !kept->moment1 || !kept->moment2 || (trainer->ema && !kept->ema))
    return bzdi_no_memory("trainer snapshot", 4 * count, sizeof(float));
  memcpy(kept->weights, trainer->weights, count * sizeof(float));
  if (kept->ema) memcpy(kept->ema, trainer->weights, count * sizeof(float));
  return BZD_OK;
}

static bzd_status take_memory(bzd_trainer *trainer, const float *weights) {
  const bzd_context *context = trainer->handle.context;
  size_t count = (size_t)trainer->net->count;
  work w;
  trainer->weights = bzdi_malloc(context, count, sizeof(float));
  trainer->grad = bzdi_malloc(context, count, sizeof(float));
  trainer->moment1 = bzdi_calloc(context, count, sizeof(float));
  trainer->moment2 = bzdi_calloc(context, count, sizeof(float));
  trainer->ema = trainer->config.adam.ema > 0 ? bzdi_malloc(context, count, sizeof(float)) : NULL;
  trainer->work_bytes = carve(trainer, trainer->source, NULL, &w);
  trainer->work = bzdi_malloc(context, trainer->work_bytes, 1);
  if (!trainer->weights || !trainer->grad || !trainer->moment1 || !trainer->moment2 || !trainer->work ||
      (trainer->config.adam.ema > 0 && !trainer->ema))
    return bzdi_no_memory("trainer", 5 * count * sizeof(float) + trainer->work_bytes, 1);
  memcpy(trainer->weights, weights, count * sizeof(float));
  if (trainer->ema) memcpy(trainer->ema, weights, count * sizeof(float));
  return trainer->config.divergence.policy == BZDI_DIVERGENCE_ROLL_BACK ? take_snapshot(trainer) : BZD_OK;
}

bzd_status bzdi_trainer_new_net(const bzd_context *context, const bzdi_flow_shape *shape, const float *weights,
                                const bzd_source *source, const bzdi_trainer_config *config, bzd_trainer **out) {
  *out = NULL;
  bzd_trainer *trainer = bzdi_handle_new(context, BZDI_MAGIC_TRAINER, sizeof *trainer, drop);
  if (!trainer) return bzdi_no_memory("trainer", 1, sizeof *trainer);
  trainer->config = *config;
  trainer->config.time.seed = config->seed;
  if (trainer->config.huber_c == 0) trainer->config.huber_c = 0.00054 * (double)shape->item.dim;
  trainer->kind = shape->kind;
  trainer->degree = shape->degree;
  trainer->generation = shape->generation;
  trainer->net = bzdi_retain(shape->net);
  trainer->source = bzdi_retain(source);
  trainer->loss = NAN;
  trainer->smooth_loss = NAN;
  trainer->rate_scale = 1;
  bzdi_objective_set(&trainer->objective, config->loss, trainer->config.huber_c, (int32_t)shape->net->heads,
                     shape->item.dim, config->endpoint_weight);
  bzd_status status = bzdi_item_copy(context, &shape->item, &trainer->item);
  if (status == BZD_OK) status = bzdi_meta_copy(context, &shape->meta, &trainer->meta);
  if (status == BZD_OK) status = check_source(trainer, source);
  if (status == BZD_OK) status = take_memory(trainer, weights);
  if (status != BZD_OK) {
    bzdi_release(trainer);
    return status;
  }
  *out = trainer;
  return BZD_OK;
}

bzd_status bzdi_trainer_new(const bzd_flow *student, const bzd_source *source, const bzdi_trainer_config *config,
                            bzd_trainer **out) {
  bzdi_flow_shape shape = bzdi_flow_shape_of(student);
  return bzdi_trainer_new_net(student->handle.context, &shape, student->weights, source, config, out);
}

bzd_status bzdi_trainer_set_source(bzd_trainer *trainer, const bzd_source *source) {
  work w;
  BZDI_TRY(check_source(trainer, source));
  size_t bytes = carve(trainer, source, NULL, &w);
  if (bytes > trainer->work_bytes) { /* paths of a higher degree, or with spans */
    void *memory = bzdi_malloc(trainer->handle.context, bytes, 1);
    if (!memory) return bzdi_no_memory("trainer", bytes, 1);
    bzdi_free(trainer->handle.context, trainer->work);
    trainer->work = memory;
    trainer->work_bytes = bytes;
  }
  bzd_source *old = trainer->source;
  trainer->source = bzdi_retain(source);
  bzdi_release(old);
  return BZD_OK;
}

/* ---- One step ------------------------------------------------------------------------------------------------ */

typedef struct target_job {
  const bzd_trainer *trainer;
  const work *w;
  int64_t n;
  int32_t from, degree; /* of the source's paths and the student's */
} target_job;

/* Paths that live on [a, b]: the curve's own time s becomes a + (b - a) s, its velocities are over b - a. */
static void to_span(int64_t n, int64_t width, const float *span, float *t, float *target) {
  for (int64_t r = 0; r < n; r++) {
    float start = span[2 * r], length = span[2 * r + 1] - start;
    if (start == 0 && length == 1) continue;
    t[r] = fminf(start + length * t[r], 0.99999994f);
    for (int64_t j = 0; j < width; j++) target[r * width + j] /= length;
  }
}

/* Back to the curve's own time, in which times are drawn. */
static void from_span(int64_t n, const float *span, float *t) {
  for (int64_t r = 0; r < n; r++)
    t[r] = fmaxf(0, fminf((t[r] - span[2 * r]) / (span[2 * r + 1] - span[2 * r]), 0.99999994f));
}

static void target_task(void *arg, int64_t i, int32_t slot) {
  const target_job *j = arg;
  const bzdi_net *net = j->trainer->net;
  const work *w = j->w;
  int64_t first = i * ROW_BLOCK, n = j->n - first < ROW_BLOCK ? j->n - first : ROW_BLOCK, dim = net->dim;
  float *paths = w->paths + first * (j->from + 1) * dim;
  (void)slot;
  if (j->degree > j->from) {
    float *raised = w->raised + first * (j->degree + 1) * dim;
    bzdi_path_elevate(n, j->from, dim, paths, j->degree, raised);
    paths = raised;
  }
  float *t = w->t + first, *target = w->target + first * net->heads * dim;
  bzdi_times(&j->trainer->config.time, &j->trainer->seen, n, w->index + first, t, w->weight ? w->weight + first : NULL,
             w->step ? w->step + first : NULL);
  bzdi_path_targets(n, j->degree, dim, paths, t, (int32_t)net->heads, j->trainer->kind == BZDI_FLOW_ENDPOINT,
                    w->x + first * dim, target);
  if (w->span) to_span(n, net->heads * dim, w->span + 2 * first, t, target);
}

/* Samples first.. of the source as rows with targets. */
static bzd_status make_batch(const bzd_trainer *trainer, const bzd_source *source, int64_t first, int64_t n,
                             const work *w, bzdi_rows *rows) {
  const bzdi_trainer_config *config = &trainer->config;
  const bzdi_net *net = trainer->net;
  for (int64_t r = 0; r < n; r++) w->index[r] = first + r;
  bzdi_batch batch = {w->paths, net->cond_dim > 0 ? w->cond : NULL, w->span, NULL};
  BZDI_TRY(source->kind->paths(source, n, w->index, &batch));
  if (w->span && trainer->kind != BZDI_FLOW_VELOCITY)
    for (int64_t r = 0; r < n; r++)
      if (w->span[2 * r + 1] != 1)
        return bzdi_fail(BZD_E_UNSUPPORTED,
                         "source: the path of sample %lld ends at t %g; the rest of a path, which %s students predict, "
                         "must end at 1",
                         (long long)w->index[r], (double)w->span[2 * r + 1],
                         trainer->kind == BZDI_FLOW_CONTROL ? "control-point" : "endpoint");
  *rows = (bzdi_rows){n, w->x, w->t, net->cond_dim > 0 ? w->cond : NULL, NULL};
  if (net->cond_dim > 0 && config->cond_dropout > 0) {
    for (int64_t r = 0; r < n; r++)
      w->keep[r] = bzdi_rng_unit(config->seed, BZD_STREAM_DROPOUT, (uint64_t)w->index[r]) >= config->cond_dropout;
    rows->keep = w->keep;
  }
  target_job job = {trainer, w, n, source->degree, path_degree(trainer, source)};
  bzdi_parallel_for(trainer->handle.context, (n + ROW_BLOCK - 1) / ROW_BLOCK, target_task, &job);
  return BZD_OK;
}

/* The first row whose error is not finite; gradient [n, width] is that of the loss. */
static int64_t bad_sample(const bzdi_rows *rows, int64_t width, const float *gradient, const int64_t *index) {
  for (int64_t i = 0; i < rows->n * width; i++)
    if (!isfinite(gradient[i])) return index[i / width];
  return -1;
}

static bzd_status one_step(bzd_trainer *trainer) {
  const bzdi_trainer_config *config = &trainer->config;
  const bzd_context *context = trainer->handle.context;
  const bzdi_net *net = trainer->net;
  bzdi_rows rows;
  work w;
  carve(trainer, trainer->source, trainer->work, &w);
  bzd_status made = make_batch(trainer, trainer->source, trainer->step * config->batch, config->batch, &w, &rows);
  if (made != BZD_OK) return made == BZD_E_NUMERIC ? bzdi_trainer_bad_batch(trainer) : made;
  net->kind->forward(net, trainer->weights, &rows, w.out, w.net);
  double loss = 0;
  if (config->consistency > 0) {
    /* What a student's composition gets wrong is taught on, and drifts in later rounds: so the last steps are spent on
     * the paths. But no other row is taught by the jump from noise to samples, which gains most by its composition. */
    double left = 1 - (double)trainer->step / (double)config->adam.steps;
    loss = bzdi_consistency_error(net, trainer->weights, config->seed, w.index, &rows, w.out, config->consistency,
                                  config->consistency * left * left, &w.consistency);
  }
  loss += bzdi_loss(context, &trainer->objective, rows.n, w.out, w.target, w.weight, w.step, w.row_loss, w.out);
  if (!isfinite(loss))
    return bzdi_trainer_diverged(trainer, 1, loss, 0, bad_sample(&rows, net->heads * net->dim, w.out, w.index));
  if (config->consistency > 0) bzdi_consistency_gradient(net, &rows, &w.consistency, w.out);
  net->kind->backward(net, trainer->weights, &rows, w.out, trainer->grad, w.net);
  double norm = bzdi_adam_norm(context, net->count, trainer->grad);
  if (!bzdi_adam_takes(&config->adam, norm)) return bzdi_trainer_diverged(trainer, 0, loss, norm, -1);
  bzdi_trainer_snapshot(trainer);
  trainer->step++;
  trainer->updates++;
  trainer->skipped_in_row = 0;
  trainer->loss = loss;
  trainer->norm = norm;
  trainer->smooth_sum = 0.99 * trainer->smooth_sum + 0.01 * loss;
  bzdi_trainer_derive(trainer);
  bzdi_adam_step(context, &config->adam, trainer->updates, trainer->rate, norm, net->count, trainer->grad,
                 trainer->weights, trainer->moment1, trainer->moment2, trainer->ema);
  if (w.row_loss) {
    if (w.span) from_span(rows.n, w.span, w.t);
    bzdi_times_learn(&trainer->seen, rows.n, w.t, w.row_loss);
  }
  return BZD_OK;
}

/* ---- Running ------------------------------------------------------------------------------------------------- */

bzd_status bzdi_trainer_run(bzd_trainer *trainer, int64_t count, bzd_progress_fn progress, void *user) {
  int64_t steps = trainer->config.adam.steps, left = steps - trainer->step;
  if (count > 0 && count < left) left = count;
  double began = bzdi_seconds();
  for (int64_t i = 0; i < left; i++) {
    BZDI_TRY(one_step(trainer));
    int32_t stop = 0;
    if (progress) {
      bzd_progress now = {.struct_size = sizeof now,
                          .phase = BZD_PHASE_TRAIN,
                          .step = trainer->step,
                          .of = steps,
                          .loss = trainer->loss,
                          .smooth_loss = trainer->smooth_loss,
                          .rate = trainer->rate,
                          .seconds = bzdi_seconds() - began};
      stop = progress(user, &now);
    }
    if (stop != 0)
      return bzdi_fail(BZD_E_CANCELLED, "progress callback returned %d after step %lld of %lld", (int)stop,
                       (long long)trainer->step, (long long)steps);
    if (atomic_exchange(&trainer->cancel, 0))
      return bzdi_fail(BZD_E_CANCELLED, "cancelled after step %lld of %lld", (long long)trainer->step,
                       (long long)steps);
  }
  return BZD_OK;
}

static bzd_status choose(const bzd_trainer *trainer, int32_t which, const float **weights) {
  if (which == BZDI_USE_EMA && !trainer->ema)
    return bzdi_fail(BZD_E_STATE, "the trainer keeps no EMA weights (its ema is 0)");
  *weights = which == BZDI_USE_RAW || !trainer->ema ? trainer->weights : trainer->ema;
  return BZD_OK;
}

bzdi_flow_shape bzdi_trainer_shape(const bzd_trainer *trainer) {
  int32_t generation = trainer->step > 0 ? trainer->source->generation : trainer->generation;
  return (bzdi_flow_shape){trainer->kind, trainer->degree, generation, trainer->item, trainer->meta, trainer->net};
}

bzd_status bzdi_trainer_flow(const bzd_trainer *trainer, int32_t which, bzd_flow **out) {
  const float *weights = NULL;
  *out = NULL;
  BZDI_TRY(choose(trainer, which, &weights));
  bzdi_flow_shape shape = bzdi_trainer_shape(trainer);
  return bzdi_flow_new_net(trainer->handle.context, &shape, weights, out);
}

bzd_status bzdi_trainer_evaluate(bzd_trainer *trainer, const bzd_source *source, int64_t first, int64_t n,
                                 int32_t which, double *loss) {
  const bzdi_trainer_config *config = &trainer->config;
  const bzd_context *context = trainer->handle.context;
  const bzdi_net *net = trainer->net;
  const float *weights = NULL;
  BZDI_TRY(choose(trainer, which, &weights));
  if (!source) source = trainer->source;
  BZDI_TRY(check_source(trainer, source));
  work w;
  size_t bytes = carve(trainer, source, NULL, &w); /* another source may have paths of a higher degree */
  void *memory = bytes <= trainer->work_bytes ? trainer->work : bzdi_malloc(context, bytes, 1);
  if (!memory) return bzdi_no_memory("evaluation", bytes, 1);
  carve(trainer, source, memory, &w);
  double total = 0;
  bzd_status status = BZD_OK;
  for (int64_t done = 0; status == BZD_OK && done < n; done += config->batch) {
    bzdi_rows rows;
    int64_t count = n - done < config->batch ? n - done : config->batch;
    status = make_batch(trainer, source, first + done, count, &w, &rows);
    if (status != BZD_OK) break;
    net->kind->forward(net, weights, &rows, w.out, w.net);
    total +=
        (double)count * bzdi_loss(context, &trainer->objective, count, w.out, w.target, w.weight, w.step, NULL, NULL);
  }
  if (memory != trainer->work) bzdi_free(context, memory);
  if (status == BZD_OK) *loss = total / (double)n;
  return status;
}
