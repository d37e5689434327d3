/* SPDX-License-Identifier: MIT */
/* Trainers in a store: the student as a flow (any reader of flows can take it), EMA and moments beside its weights, and
 * what exact resume needs as STAT. What defines the training counts in the content id; averages and the fingerprint of
 * the kernels do not. */
#include "base/error.h"
#include "distill/trainer.h"
#include "num/gemm.h"
#include "num/vec.h"
#include "store/bytes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Before the names of a snapshot's tensors. */
static const char *const SNAPSHOT = "snapshot.";

/* One list serves saving and loading; ranges as in trainer.h. */
typedef struct number {
  const char *key;
  double low, high;
  double *value;
} number;

enum { NUMBERS = 18 };
static void list(bzdi_trainer_config *config, number numbers[NUMBERS]) {
  bzdi_adam_config *adam = &config->adam;
  bzdi_time_config *time = &config->time;
  const number all[NUMBERS] = {{"trainer.rate", 1e-12, 1, &adam->rate},
                               {"trainer.final_rate", 0, 1, &adam->final_rate},
                               {"trainer.beta1", 0, 0.999999, &adam->beta1},
                               {"trainer.beta2", 0, 0.999999, &adam->beta2},
                               {"trainer.epsilon", 1e-30, 1, &adam->epsilon},
                               {"trainer.weight_decay", 0, 1, &adam->weight_decay},
                               {"trainer.clip", 0, 1e30, &adam->clip},
                               {"trainer.ema", 0, 0.999999, &adam->ema},
                               {"trainer.huber_c", 0, 1e30, &config->huber_c},
                               {"trainer.u_shape", 1e-3, 30, &time->u_shape},
                               {"trainer.at_zero", 0, 1, &time->at_zero},
                               {"trainer.cond_dropout", 0, 1, &config->cond_dropout},
                               {"trainer.at_grid", 0, 1, &time->at_grid},
                               {"trainer.one_step", 0, 1, &time->one_step},
                               {"trainer.logit_mean", -20, 20, &time->logit_mean},
                               {"trainer.logit_std", 1e-3, 20, &time->logit_std},
                               {"trainer.endpoint_weight", 0, 1e6, &config->endpoint_weight},
                               {"trainer.consistency", 0, 1e6, &config->consistency}};
  memcpy(numbers, all, sizeof all);
}

/* Of a trainer that stops when it diverges nothing of this is written, so that its file is what it always was. */
static bzd_status store_divergence(const bzdi_divergence_config *config, bzdi_store *store) {
  if (config->policy == BZDI_DIVERGENCE_STOP) return BZD_OK;
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_STAT, "trainer.divergence", config->policy, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_STAT, "trainer.divergence_limit", config->limit, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_STAT, "trainer.snapshot_every", config->snapshot_every, BZDI_MODEL));
  return bzdi_store_set_f64(store, BZDI_STAT, "trainer.rollback_rate", config->rollback_rate, BZDI_MODEL);
}

static bzd_status load_divergence(const bzdi_store *store, bzdi_divergence_config *config) {
  int64_t policy, limit;
  *config = (bzdi_divergence_config){.policy = BZDI_DIVERGENCE_STOP};
  if (!bzdi_store_has(store, BZDI_STAT, "trainer.divergence")) return BZD_OK;
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_STAT, "trainer.divergence", BZDI_DIVERGENCE_SKIP, BZDI_DIVERGENCE_ROLL_BACK,
                              &policy));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_STAT, "trainer.divergence_limit", 1, BZDI_MOST_DIVERGENCES, &limit));
  BZDI_TRY(
      bzdi_store_get_i64(store, BZDI_STAT, "trainer.snapshot_every", 1, (int64_t)1 << 40, &config->snapshot_every));
  BZDI_TRY(bzdi_store_get_f64(store, BZDI_STAT, "trainer.rollback_rate", &config->rollback_rate));
  if (!(config->rollback_rate >= 1e-6 && config->rollback_rate <= 1))
    return bzdi_fail(BZD_E_CORRUPT, "trainer.rollback_rate is %g, expected 1e-06..1", config->rollback_rate);
  config->policy = (int32_t)policy;
  config->limit = (int32_t)limit;
  return BZD_OK;
}

static bzd_status store_config(const bzd_trainer *trainer, bzdi_store *store) {
  bzdi_trainer_config config = trainer->config;
  number numbers[NUMBERS];
  list(&config, numbers);
  for (int i = 0; i < NUMBERS; i++)
    BZDI_TRY(bzdi_store_set_f64(store, BZDI_STAT, numbers[i].key, *numbers[i].value, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_STAT, "trainer.steps", config.adam.steps, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_STAT, "trainer.warmup", config.adam.warmup, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_STAT, "trainer.batch", config.batch, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_STAT, "trainer.loss_kind", config.loss, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_STAT, "trainer.time", config.time.kind, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_STAT, "trainer.grid_steps", config.time.grid_steps, BZDI_MODEL));
  return bzdi_store_set_u64(store, BZDI_STAT, "trainer.seed", config.seed, BZDI_MODEL);
}

static bzd_status load_config(const bzdi_store *store, bzdi_trainer_config *config) {
  number numbers[NUMBERS];
  int64_t loss, time, grid;
  memset(config, 0, sizeof *config);
  list(config, numbers);
  for (int i = 0; i < NUMBERS; i++) {
    BZDI_TRY(bzdi_store_get_f64(store, BZDI_STAT, numbers[i].key, numbers[i].value));
    if (!(*numbers[i].value >= numbers[i].low && *numbers[i].value <= numbers[i].high))
      return bzdi_fail(BZD_E_CORRUPT, "%s is %g, expected %g..%g", numbers[i].key, *numbers[i].value, numbers[i].low,
                       numbers[i].high);
  }
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_STAT, "trainer.steps", 1, (int64_t)1 << 40, &config->adam.steps));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_STAT, "trainer.warmup", 0, config->adam.steps, &config->adam.warmup));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_STAT, "trainer.batch", 1, 1 << 20, &config->batch));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_STAT, "trainer.loss_kind", BZDI_LOSS_MSE, BZDI_LOSS_GRAM, &loss));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_STAT, "trainer.time", BZDI_TIME_UNIFORM, BZDI_TIME_LOSS_AWARE, &time));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_STAT, "trainer.grid_steps", 1, BZDI_MOST_GRID_STEPS, &grid));
  BZDI_TRY(bzdi_store_get_u64(store, BZDI_STAT, "trainer.seed", &config->seed));
  config->loss = (int32_t)loss;
  config->time.kind = (int32_t)time;
  config->time.grid_steps = (int32_t)grid;
  config->time.seed = config->seed;
  BZDI_TRY(load_divergence(store, &config->divergence));
  if (config->time.at_zero + config->time.at_grid > 1)
    return bzdi_fail(BZD_E_CORRUPT, "trainer.at_zero + trainer.at_grid is %g, expected at most 1",
                     config->time.at_zero + config->time.at_grid);
  return BZD_OK;
}

/* float64, little-endian like every number of a file. */
enum { SEEN_BYTES = 8 * BZDI_TIME_BINS };

static bzd_status store_seen(const bzdi_time_seen *seen, bzdi_store *store, const char *key) {
  unsigned char bytes[SEEN_BYTES];
  for (int b = 0; b < BZDI_TIME_BINS; b++) {
    uint64_t bits;
    memcpy(&bits, &seen->loss[b], sizeof bits);
    bzdi_put64(bytes + 8 * b, bits);
  }
  return bzdi_store_set_bytes(store, BZDI_STAT, key, bytes, sizeof bytes, BZDI_MODEL);
}

/* How far a trainer with a policy has come, and what it would go back to. */
static bzd_status store_progress(const bzd_trainer *trainer, bzdi_store *store) {
  const bzdi_net *net = trainer->net;
  const bzdi_snapshot *kept = &trainer->snapshot;
  if (trainer->config.divergence.policy == BZDI_DIVERGENCE_STOP) return BZD_OK;
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_STAT, "trainer.updates", trainer->updates, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_STAT, "trainer.skipped", trainer->skipped, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_STAT, "trainer.skipped_in_row", trainer->skipped_in_row, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_STAT, "trainer.rollbacks", trainer->rollbacks, BZDI_MODEL));
  if (!kept->weights) return BZD_OK;
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_STAT, "trainer.snapshot_updates", kept->updates, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_f64(store, BZDI_STAT, "trainer.snapshot_smooth_sum", kept->smooth_sum, 0));
  if (trainer->config.time.kind == BZDI_TIME_LOSS_AWARE)
    BZDI_TRY(store_seen(&kept->seen, store, "trainer.snapshot_time_seen"));
  BZDI_TRY(bzdi_net_save_array(net, store, SNAPSHOT, BZDI_ROLE_PARAMETER, kept->weights));
  if (kept->ema) BZDI_TRY(bzdi_net_save_array(net, store, SNAPSHOT, BZDI_ROLE_EMA, kept->ema));
  BZDI_TRY(bzdi_net_save_array(net, store, SNAPSHOT, BZDI_ROLE_MOMENT1, kept->moment1));
  return bzdi_net_save_array(net, store, SNAPSHOT, BZDI_ROLE_MOMENT2, kept->moment2);
}

static void library_version(char *text, size_t cap) {
  snprintf(text, cap, "%d.%d.%d", BZD_VERSION_MAJOR, BZD_VERSION_MINOR, BZD_VERSION_PATCH);
}

bzd_status bzdi_trainer_store(const bzd_trainer *trainer, bzdi_store *store) {
  const bzdi_net *net = trainer->net;
  uint8_t id[32];
  char kernels[160];
  bzdi_flow_shape shape = bzdi_trainer_shape(trainer);
  BZDI_TRY(bzdi_flow_store_shape(&shape, store, ""));
  BZDI_TRY(bzdi_net_save_array(net, store, "", BZDI_ROLE_PARAMETER, trainer->weights));
  if (trainer->ema) BZDI_TRY(bzdi_net_save_array(net, store, "", BZDI_ROLE_EMA, trainer->ema));
  BZDI_TRY(bzdi_net_save_array(net, store, "", BZDI_ROLE_MOMENT1, trainer->moment1));
  BZDI_TRY(bzdi_net_save_array(net, store, "", BZDI_ROLE_MOMENT2, trainer->moment2));
  BZDI_TRY(store_config(trainer, store));
  BZDI_TRY(store_divergence(&trainer->config.divergence, store));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_STAT, "trainer.step", trainer->step, BZDI_MODEL));
  BZDI_TRY(bzdi_source_identity(trainer->source, id));
  BZDI_TRY(bzdi_store_set_bytes(store, BZDI_STAT, "trainer.source", id, sizeof id, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_f64(store, BZDI_STAT, "trainer.last_loss", trainer->loss, 0));
  BZDI_TRY(bzdi_store_set_f64(store, BZDI_STAT, "trainer.last_norm", trainer->norm, 0));
  BZDI_TRY(bzdi_store_set_f64(store, BZDI_STAT, "trainer.smooth_sum", trainer->smooth_sum, 0));
  if (trainer->config.time.kind == BZDI_TIME_LOSS_AWARE)
    BZDI_TRY(store_seen(&trainer->seen, store, "trainer.time_seen"));
  BZDI_TRY(store_progress(trainer, store));
  bzdi_gemm_describe(kernels, sizeof kernels);
  char version[32];
  library_version(version, sizeof version);
  BZDI_TRY(bzdi_store_set_str(store, BZDI_STAT, "trainer.version", version, 0));
  return bzdi_store_set_str(store, BZDI_STAT, "trainer.kernels", kernels, 0);
}

/* What gradients that can be applied leave behind, with room for rounding: Adam's root needs one that is not negative,
 * finite weights that both have bounds. */
static bzd_status check_moment(int32_t role, int64_t count, const float *moment) {
  const int second = role == BZDI_ROLE_MOMENT2;
  const double most = 1.01 * (second ? BZDI_LARGEST_GRADIENT * BZDI_LARGEST_GRADIENT : BZDI_LARGEST_GRADIENT);
  const double least = second ? 0 : -most;
  for (int64_t i = 0; i < count; i++)
    if (!((double)moment[i] >= least && (double)moment[i] <= most))
      return bzdi_fail(BZD_E_CORRUPT, "%s moment %lld is %g, expected %g..%g", second ? "second" : "first",
                       (long long)i, (double)moment[i], least, most);
  return BZD_OK;
}

static bzd_status load_array(const bzdi_store *store, const bzd_trainer *trainer, const char *prefix, int32_t role,
                             float *array) {
  float *values;
  if (!array) return BZD_OK;
  BZDI_TRY(bzdi_weights_load(trainer->handle.context, trainer->net, store, prefix, role, &values));
  memcpy(array, values, (size_t)trainer->net->count * sizeof(float));
  bzdi_free(trainer->handle.context, values);
  return role == BZDI_ROLE_EMA || role == BZDI_ROLE_PARAMETER ? BZD_OK : check_moment(role, trainer->net->count, array);
}

static bzd_status load_seen(const bzdi_store *store, const char *key, bzdi_time_seen *seen) {
  const void *saved;
  size_t size;
  BZDI_TRY(bzdi_store_get_bytes(store, BZDI_STAT, key, &saved, &size));
  if (size != SEEN_BYTES) return bzdi_fail(BZD_E_CORRUPT, "%s has %zu bytes, expected %d", key, size, SEEN_BYTES);
  for (int b = 0; b < BZDI_TIME_BINS; b++) {
    uint64_t bits = bzdi_get64((const unsigned char *)saved + 8 * b);
    memcpy(&seen->loss[b], &bits, sizeof bits);
    if (!(seen->loss[b] >= 0 && isfinite(seen->loss[b])))
      return bzdi_fail(BZD_E_CORRUPT, "%s: bin %d is %g, expected finite and at least 0", key, b, seen->loss[b]);
  }
  return BZD_OK;
}

/* After the step. */
static bzd_status load_progress(const bzdi_store *store, bzd_trainer *trainer) {
  const bzdi_divergence_config *config = &trainer->config.divergence;
  const int skips = config->policy == BZDI_DIVERGENCE_SKIP;
  bzdi_snapshot *kept = &trainer->snapshot;
  trainer->updates = trainer->step;
  if (config->policy == BZDI_DIVERGENCE_STOP) return BZD_OK;
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_STAT, "trainer.updates", 0, trainer->step, &trainer->updates));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_STAT, "trainer.skipped", 0, skips ? trainer->step : 0, &trainer->skipped));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_STAT, "trainer.skipped_in_row", 0,
                              trainer->skipped < config->limit ? trainer->skipped : config->limit,
                              &trainer->skipped_in_row));
  BZDI_TRY(
      bzdi_store_get_i64(store, BZDI_STAT, "trainer.rollbacks", 0, skips ? 0 : config->limit, &trainer->rollbacks));
  if (trainer->updates + trainer->skipped + trainer->rollbacks > trainer->step ||
      (skips && trainer->updates + trainer->skipped != trainer->step))
    return bzdi_fail(BZD_E_CORRUPT, "trainer.updates is %lld, which does not fit step %lld",
                     (long long)trainer->updates, (long long)trainer->step);
  for (int64_t i = 0; i < trainer->rollbacks; i++) trainer->rate_scale *= config->rollback_rate;
  if (!kept->weights) return BZD_OK;
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_STAT, "trainer.snapshot_updates", 0, trainer->updates, &kept->updates));
  BZDI_TRY(bzdi_store_get_f64(store, BZDI_STAT, "trainer.snapshot_smooth_sum", &kept->smooth_sum));
  if (trainer->config.time.kind == BZDI_TIME_LOSS_AWARE)
    BZDI_TRY(load_seen(store, "trainer.snapshot_time_seen", &kept->seen));
  BZDI_TRY(load_array(store, trainer, SNAPSHOT, BZDI_ROLE_PARAMETER, kept->weights));
  BZDI_TRY(load_array(store, trainer, SNAPSHOT, BZDI_ROLE_EMA, kept->ema));
  BZDI_TRY(load_array(store, trainer, SNAPSHOT, BZDI_ROLE_MOMENT1, kept->moment1));
  return load_array(store, trainer, SNAPSHOT, BZDI_ROLE_MOMENT2, kept->moment2);
}

/* What computed the file beside what computes now, as fingerprint_differs of trainer.h. */
static bzd_status compare_fingerprint(const bzdi_store *store, int32_t *differs) {
  const char *kernels, *version;
  char now[160];
  BZDI_TRY(bzdi_store_get_str(store, BZDI_STAT, "trainer.kernels", &kernels));
  BZDI_TRY(bzdi_store_get_str(store, BZDI_STAT, "trainer.version", &version));
  bzdi_gemm_describe(now, sizeof now);
  *differs = strcmp(now, kernels) != 0 ? BZDI_KERNELS_DIFFER : 0;
  library_version(now, sizeof now);
  *differs |= strcmp(now, version) != 0 ? BZDI_VERSION_DIFFERS : 0;
  return BZD_OK;
}

static bzd_status load_state(const bzdi_store *store, bzd_trainer *trainer) {
  BZDI_TRY(load_array(store, trainer, "", BZDI_ROLE_EMA, trainer->ema));
  BZDI_TRY(load_array(store, trainer, "", BZDI_ROLE_MOMENT1, trainer->moment1));
  BZDI_TRY(load_array(store, trainer, "", BZDI_ROLE_MOMENT2, trainer->moment2));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_STAT, "trainer.step", 0, trainer->config.adam.steps, &trainer->step));
  BZDI_TRY(bzdi_store_get_f64(store, BZDI_STAT, "trainer.last_loss", &trainer->loss));
  BZDI_TRY(bzdi_store_get_f64(store, BZDI_STAT, "trainer.last_norm", &trainer->norm));
  BZDI_TRY(bzdi_store_get_f64(store, BZDI_STAT, "trainer.smooth_sum", &trainer->smooth_sum));
  if (trainer->config.time.kind == BZDI_TIME_LOSS_AWARE)
    BZDI_TRY(load_seen(store, "trainer.time_seen", &trainer->seen));
  BZDI_TRY(load_progress(store, trainer));
  BZDI_TRY(compare_fingerprint(store, &trainer->fingerprint_differs));
  bzdi_trainer_derive(trainer);
  return BZD_OK;
}

static bzd_status check_identity(const bzdi_store *store, const bzd_source *source) {
  uint8_t id[32];
  const void *saved;
  size_t size;
  BZDI_TRY(bzdi_store_get_bytes(store, BZDI_STAT, "trainer.source", &saved, &size));
  if (size != sizeof id) return bzdi_fail(BZD_E_CORRUPT, "trainer.source has %zu bytes, expected 32", size);
  BZDI_TRY(bzdi_source_identity(source, id));
  if (memcmp(id, saved, sizeof id) != 0)
    return bzdi_fail(BZD_E_ARGUMENT,
                     "source differs from the one the trainer was saved with (kind, seed, data or teachers)");
  return BZD_OK;
}

bzd_status bzdi_trainer_load(const bzdi_store *store, const bzd_source *source, bzd_trainer **out) {
  const bzd_context *context = source->handle.context;
  bzdi_trainer_config config;
  bzdi_flow_shape shape;
  float *weights = NULL;
  bzd_trainer *trainer = NULL;
  *out = NULL;
  BZDI_TRY(load_config(store, &config));
  BZDI_TRY(check_identity(store, source));
  BZDI_TRY(bzdi_flow_load_shape(context, store, "", &shape));
  bzd_status status = bzdi_weights_load(context, shape.net, store, "", BZDI_ROLE_PARAMETER, &weights);
  if (status == BZD_OK) status = bzdi_trainer_new_net(context, &shape, weights, source, &config, &trainer);
  if (status == BZD_OK) status = load_state(store, trainer);
  bzdi_free(context, weights);
  bzdi_flow_shape_clear(context, &shape);
  if (status != BZD_OK) {
    bzdi_release(trainer);
    return status;
  }
  *out = trainer;
  return BZD_OK;
}
