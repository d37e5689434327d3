/* SPDX-License-Identifier: MIT */
/* Trainers in a store: the student as a flow (any reader of flows can take it), EMA and moments beside its weights, and
 * what exact resume needs as STAT. What defines the training counts in the content id; averages and the fingerprint of
 * the kernels do not. */
#include "base/error.h"
#include "distill/trainer.h"
#include "num/gemm.h"
#include "store/bytes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

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
  if (config->time.at_zero + config->time.at_grid > 1)
    return bzdi_fail(BZD_E_CORRUPT, "trainer.at_zero + trainer.at_grid is %g, expected at most 1",
                     config->time.at_zero + config->time.at_grid);
  return BZD_OK;
}

/* float64, little-endian like every number of a file. */
enum { SEEN_BYTES = 8 * BZDI_TIME_BINS };

static bzd_status store_seen(const bzdi_time_seen *seen, bzdi_store *store) {
  unsigned char bytes[SEEN_BYTES];
  for (int b = 0; b < BZDI_TIME_BINS; b++) {
    uint64_t bits;
    memcpy(&bits, &seen->loss[b], sizeof bits);
    bzdi_put64(bytes + 8 * b, bits);
  }
  return bzdi_store_set_bytes(store, BZDI_STAT, "trainer.time_seen", bytes, sizeof bytes, BZDI_MODEL);
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
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_STAT, "trainer.step", trainer->step, BZDI_MODEL));
  BZDI_TRY(bzdi_source_identity(trainer->source, id));
  BZDI_TRY(bzdi_store_set_bytes(store, BZDI_STAT, "trainer.source", id, sizeof id, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_f64(store, BZDI_STAT, "trainer.last_loss", trainer->loss, 0));
  BZDI_TRY(bzdi_store_set_f64(store, BZDI_STAT, "trainer.last_norm", trainer->norm, 0));
  BZDI_TRY(bzdi_store_set_f64(store, BZDI_STAT, "trainer.smooth_sum", trainer->smooth_sum, 0));
  if (trainer->config.time.kind == BZDI_TIME_LOSS_AWARE) BZDI_TRY(store_seen(&trainer->seen, store));
  bzdi_gemm_describe(kernels, sizeof kernels);
  char version[32];
  snprintf(version, sizeof version, "%d.%d.%d", BZD_VERSION_MAJOR, BZD_VERSION_MINOR, BZD_VERSION_PATCH);
  BZDI_TRY(bzdi_store_set_str(store, BZDI_STAT, "trainer.version", version, 0));
  return bzdi_store_set_str(store, BZDI_STAT, "trainer.kernels", kernels, 0);
}

/* Non-negative: what Adam's root needs. */
static bzd_status check_moment(int64_t count, const float *moment2) {
  for (int64_t i = 0; i < count; i++)
    if (!(moment2[i] >= 0))
      return bzdi_fail(BZD_E_CORRUPT, "second moment %lld is %g, expected at least 0", (long long)i,
                       (double)moment2[i]);
  return BZD_OK;
}

static bzd_status load_array(const bzdi_store *store, const bzd_trainer *trainer, int32_t role, float *array) {
  float *values;
  BZDI_TRY(bzdi_weights_load(trainer->handle.context, trainer->net, store, "", role, &values));
  memcpy(array, values, (size_t)trainer->net->count * sizeof(float));
  bzdi_free(trainer->handle.context, values);
  return BZD_OK;
}

static bzd_status load_seen(const bzdi_store *store, bzdi_time_seen *seen) {
  const void *saved;
  size_t size;
  BZDI_TRY(bzdi_store_get_bytes(store, BZDI_STAT, "trainer.time_seen", &saved, &size));
  if (size != SEEN_BYTES)
    return bzdi_fail(BZD_E_CORRUPT, "trainer.time_seen has %zu bytes, expected %d", size, SEEN_BYTES);
  for (int b = 0; b < BZDI_TIME_BINS; b++) {
    uint64_t bits = bzdi_get64((const unsigned char *)saved + 8 * b);
    memcpy(&seen->loss[b], &bits, sizeof bits);
    if (!(seen->loss[b] >= 0 && isfinite(seen->loss[b])))
      return bzdi_fail(BZD_E_CORRUPT, "trainer.time_seen: bin %d is %g, expected finite and at least 0", b,
                       seen->loss[b]);
  }
  return BZD_OK;
}

static bzd_status load_state(const bzdi_store *store, bzd_trainer *trainer) {
  const char *kernels;
  char now[160];
  if (trainer->ema) BZDI_TRY(load_array(store, trainer, BZDI_ROLE_EMA, trainer->ema));
  BZDI_TRY(load_array(store, trainer, BZDI_ROLE_MOMENT1, trainer->moment1));
  BZDI_TRY(load_array(store, trainer, BZDI_ROLE_MOMENT2, trainer->moment2));
  BZDI_TRY(check_moment(trainer->net->count, trainer->moment2));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_STAT, "trainer.step", 0, trainer->config.adam.steps, &trainer->step));
  BZDI_TRY(bzdi_store_get_f64(store, BZDI_STAT, "trainer.last_loss", &trainer->loss));
  BZDI_TRY(bzdi_store_get_f64(store, BZDI_STAT, "trainer.last_norm", &trainer->norm));
  BZDI_TRY(bzdi_store_get_f64(store, BZDI_STAT, "trainer.smooth_sum", &trainer->smooth_sum));
  BZDI_TRY(bzdi_store_get_str(store, BZDI_STAT, "trainer.kernels", &kernels));
  if (trainer->config.time.kind == BZDI_TIME_LOSS_AWARE) BZDI_TRY(load_seen(store, &trainer->seen));
  if (trainer->step > 0) {
    trainer->rate = bzdi_adam_rate(&trainer->config.adam, trainer->step);
    trainer->smooth_loss = trainer->smooth_sum / (1 - pow(0.99, (double)trainer->step));
  }
  bzdi_gemm_describe(now, sizeof now);
  trainer->fingerprint_differs = strcmp(now, kernels) != 0;
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
