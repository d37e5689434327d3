/* SPDX-License-Identifier: MIT */
#include "api/api.h"
#include "distill/trainer.h"

_Static_assert((int)BZDI_LOSS_MSE == BZD_LOSS_MSE && (int)BZDI_LOSS_PSEUDO_HUBER == BZD_LOSS_PSEUDO_HUBER &&
                   (int)BZDI_LOSS_GRAM == BZD_LOSS_GRAM,
               "BZD_LOSS_");
_Static_assert((int)BZDI_TIME_UNIFORM == BZD_TIME_UNIFORM && (int)BZDI_TIME_U_SHAPED == BZD_TIME_U_SHAPED &&
                   (int)BZDI_TIME_LOGIT_NORMAL == BZD_TIME_LOGIT_NORMAL &&
                   (int)BZDI_TIME_LOSS_AWARE == BZD_TIME_LOSS_AWARE,
               "BZD_TIME_");
_Static_assert((int)BZDI_DIVERGENCE_STOP == BZD_DIVERGENCE_STOP && (int)BZDI_DIVERGENCE_SKIP == BZD_DIVERGENCE_SKIP &&
                   (int)BZDI_DIVERGENCE_ROLL_BACK == BZD_DIVERGENCE_ROLL_BACK,
               "BZD_DIVERGENCE_");
_Static_assert((int)BZDI_USE_AUTO == BZD_WEIGHTS_AUTO && (int)BZDI_USE_RAW == BZD_WEIGHTS_RAW &&
                   (int)BZDI_USE_EMA == BZD_WEIGHTS_EMA,
               "BZD_WEIGHTS_");

static const char *const NAME = "trainer config";

static const bzd_trainer_config defaults = {.struct_size = sizeof(bzd_trainer_config),
                                            .loss = BZD_LOSS_MSE,
                                            .steps = 10000,
                                            .batch = 256,
                                            .rate = 1e-3,
                                            .final_rate = 0.0,
                                            .warmup = -1,
                                            .beta1 = 0.9,
                                            .beta2 = 0.999,
                                            .epsilon = 1e-8,
                                            .clip = 1.0,
                                            .ema = 0.999,
                                            .time = BZD_TIME_UNIFORM,
                                            .grid_steps = 4,
                                            .one_step = 0.75,
                                            .u_shape = 4.0,
                                            .logit_std = 1.0,
                                            .endpoint_weight = 1.0,
                                            .divergence = BZD_DIVERGENCE_STOP,
                                            .divergence_limit = 10,
                                            .snapshot_every = 100,
                                            .rollback_rate = 0.5};

bzd_status bzd_trainer_config_init(bzd_trainer_config *config, size_t size) {
  return bzdi_done(bzdi_config_init(NAME, config, size, &defaults, sizeof defaults, FIRST_TRAINER_CONFIG));
}

bzd_status bzd_trainer_config_aim(bzd_trainer_config *config, int32_t kind, int32_t nfe) {
  bzd_trainer_config read = defaults;
  BZDI_TRY(bzdi_check_ptr(NAME, config));
  BZDI_TRY(bzdi_config_read(NAME, config, &read, sizeof read, FIRST_TRAINER_CONFIG));
  BZDI_TRY(bzdi_check_i64("aim", "kind", kind, BZD_FLOW_VELOCITY, BZD_FLOW_ENDPOINT));
  BZDI_TRY(bzdi_check_i64("aim", "nfe", nfe, 1, 1000000));
  if (kind == BZD_FLOW_ENDPOINT) config->at_zero = nfe == 1 ? 1 : 0;
  if (kind == BZD_FLOW_CONTROL) {
    config->at_zero = 0;
    config->at_grid = nfe == 1 ? 1 : nfe <= 8 ? 0.5 : 0;
    config->one_step = nfe == 1 ? 1 : 0.9;
    config->grid_steps = 4;
    config->consistency = nfe == 1 ? 0 : 1;
  }
  return bzdi_done(BZD_OK);
}

size_t bzd_trainer_config_size(void) { return sizeof(bzd_trainer_config); }
size_t bzd_trainer_info_size(void) { return sizeof(bzd_trainer_info); }

static bzd_status check_optimiser(const bzd_trainer_config *c) {
  BZDI_TRY(bzdi_check_i64(NAME, "steps", c->steps, 1, INT64_C(1) << 40));
  BZDI_TRY(bzdi_check_i64(NAME, "batch", c->batch, 1, INT64_C(1) << 20));
  BZDI_TRY(bzdi_check_f64(NAME, "rate", c->rate, 1e-12, 1.0));
  BZDI_TRY(bzdi_check_f64(NAME, "final_rate", c->final_rate, 0.0, 1.0));
  BZDI_TRY(bzdi_check_i64(NAME, "warmup", c->warmup, -1, c->steps));
  BZDI_TRY(bzdi_check_f64(NAME, "beta1", c->beta1, 0.0, 0.999999));
  BZDI_TRY(bzdi_check_f64(NAME, "beta2", c->beta2, 0.0, 0.999999));
  BZDI_TRY(bzdi_check_f64(NAME, "epsilon", c->epsilon, 1e-30, 1.0));
  BZDI_TRY(bzdi_check_f64(NAME, "weight_decay", c->weight_decay, 0.0, 1.0));
  BZDI_TRY(bzdi_check_f64(NAME, "clip", c->clip, 0.0, 1e30));
  return bzdi_check_f64(NAME, "ema", c->ema, 0.0, 0.999999);
}

static bzd_status check_divergence(const bzd_trainer_config *c) {
  BZDI_TRY(bzdi_check_i64(NAME, "divergence", c->divergence, BZD_DIVERGENCE_STOP, BZD_DIVERGENCE_ROLL_BACK));
  BZDI_TRY(bzdi_check_i64(NAME, "divergence_limit", c->divergence_limit, 1, BZDI_MOST_DIVERGENCES));
  BZDI_TRY(bzdi_check_i64(NAME, "snapshot_every", c->snapshot_every, 1, INT64_C(1) << 40));
  return bzdi_check_f64(NAME, "rollback_rate", c->rollback_rate, 1e-6, 1.0);
}

static bzd_status check_objective(const bzd_trainer_config *c, int32_t kind) {
  BZDI_TRY(bzdi_check_i64(NAME, "loss", c->loss, BZD_LOSS_MSE, BZD_LOSS_GRAM));
  BZDI_TRY(bzdi_check_f64(NAME, "huber_c", c->huber_c, 0.0, 1e30));
  BZDI_TRY(bzdi_check_i64(NAME, "time", c->time, BZD_TIME_UNIFORM, BZD_TIME_LOSS_AWARE));
  BZDI_TRY(bzdi_check_i64(NAME, "grid_steps", c->grid_steps, 1, BZDI_MOST_GRID_STEPS));
  BZDI_TRY(bzdi_check_f64(NAME, "u_shape", c->u_shape, 1e-3, 30.0));
  BZDI_TRY(bzdi_check_f64(NAME, "logit_mean", c->logit_mean, -20.0, 20.0));
  BZDI_TRY(bzdi_check_f64(NAME, "logit_std", c->logit_std, 1e-3, 20.0));
  BZDI_TRY(bzdi_check_f64(NAME, "at_zero", c->at_zero, 0.0, 1.0));
  BZDI_TRY(bzdi_check_f64(NAME, "at_grid", c->at_grid, 0.0, 1.0));
  BZDI_TRY(bzdi_check_f64(NAME, "one_step", c->one_step, 0.0, 1.0));
  if (c->at_zero + c->at_grid > 1.0)
    return bzdi_fail(BZD_E_ARGUMENT, "%s: at_zero %.9g and at_grid %.9g add up to more than 1", NAME, c->at_zero,
                     c->at_grid);
  BZDI_TRY(bzdi_check_f64(NAME, "endpoint_weight", c->endpoint_weight, 0.0, 1e6));
  BZDI_TRY(bzdi_check_f64(NAME, "consistency", c->consistency, 0.0, 1e6));
  if (kind != BZD_FLOW_CONTROL && (c->loss == BZD_LOSS_GRAM || c->endpoint_weight != 1.0 || c->consistency > 0.0))
    return bzdi_fail(BZD_E_UNSUPPORTED, "%s: %s is for control-point students", NAME,
                     c->loss == BZD_LOSS_GRAM    ? "loss GRAM"
                     : c->endpoint_weight != 1.0 ? "endpoint_weight other than 1"
                                                 : "consistency");
  return bzdi_check_f64(NAME, "cond_dropout", c->cond_dropout, 0.0, 1.0);
}

bzd_status bzd_trainer_create(const bzd_flow *student, const bzd_source *source, const bzd_trainer_config *config,
                              bzd_trainer **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_handle_check(student, BZDI_MAGIC_FLOW, "student", "flow"));
  BZDI_TRY(bzdi_handle_check(source, BZDI_MAGIC_SOURCE, "source", "source"));
  bzd_trainer_config c = defaults;
  BZDI_TRY(bzdi_config_read(NAME, config, &c, sizeof c, FIRST_TRAINER_CONFIG));
  BZDI_TRY(check_optimiser(&c));
  BZDI_TRY(check_objective(&c, student->kind));
  BZDI_TRY(check_divergence(&c));
  if (student->net == NULL) return bzdi_fail(BZD_E_UNSUPPORTED, "student: a callback flow has no weights to train");
  if (c.warmup == -1) c.warmup = c.steps / 10 < 100 ? c.steps / 10 : 100;
  bzdi_trainer_config values = {.adam = {.rate = c.rate,
                                         .final_rate = c.final_rate,
                                         .warmup = c.warmup,
                                         .steps = c.steps,
                                         .beta1 = c.beta1,
                                         .beta2 = c.beta2,
                                         .epsilon = c.epsilon,
                                         .weight_decay = c.weight_decay,
                                         .clip = c.clip,
                                         .ema = c.ema},
                                .divergence = {.policy = c.divergence,
                                               .limit = c.divergence_limit,
                                               .snapshot_every = c.snapshot_every,
                                               .rollback_rate = c.rollback_rate},
                                .batch = c.batch,
                                .loss = c.loss,
                                .time = {.kind = c.time,
                                         .grid_steps = c.grid_steps,
                                         .u_shape = c.u_shape,
                                         .logit_mean = c.logit_mean,
                                         .logit_std = c.logit_std,
                                         .at_zero = c.at_zero,
                                         .at_grid = c.at_grid,
                                         .one_step = c.one_step,
                                         .seed = c.seed},
                                .huber_c = c.huber_c,
                                .endpoint_weight = c.endpoint_weight,
                                .consistency = c.consistency,
                                .cond_dropout = c.cond_dropout,
                                .seed = c.seed};
  return bzdi_done(bzdi_trainer_new(student, source, &values, out));
}

void bzd_trainer_destroy(bzd_trainer *trainer) { bzdi_destroy(trainer, BZDI_MAGIC_TRAINER); }

static bzd_status check(const bzd_trainer *trainer) {
  return bzdi_handle_check(trainer, BZDI_MAGIC_TRAINER, "trainer", "trainer");
}

bzd_status bzd_trainer_get_info(const bzd_trainer *trainer, bzd_trainer_info *info) {
  BZDI_TRY(check(trainer));
  BZDI_TRY(bzdi_check_ptr("trainer info", info));
  BZDI_TRY(bzdi_result_check("trainer info", info, FIRST_TRAINER_INFO));
  bzd_trainer_info values = {.has_ema = trainer->ema != NULL,
                             .step = trainer->step,
                             .steps = trainer->config.adam.steps,
                             .batch = trainer->config.batch,
                             .parameters = trainer->net->count,
                             .work_bytes = (int64_t)trainer->work_bytes,
                             .loss = trainer->loss,
                             .smooth_loss = trainer->smooth_loss,
                             .rate = trainer->rate,
                             .gradient_norm = trainer->norm,
                             .fingerprint_differs = trainer->fingerprint_differs,
                             .skipped = trainer->skipped,
                             .rollbacks = trainer->rollbacks};
  bzdi_result_write(info, &values, sizeof values);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_trainer_run(bzd_trainer *trainer, int64_t count, bzd_progress_fn progress, void *user) {
  BZDI_TRY(check(trainer));
  BZDI_TRY(bzdi_check_i64("trainer run", "count", count, 0, INT64_MAX));
  return bzdi_done(bzdi_trainer_run(trainer, count, progress, user));
}

bzd_status bzd_trainer_set_source(bzd_trainer *trainer, const bzd_source *source) {
  BZDI_TRY(check(trainer));
  BZDI_TRY(bzdi_handle_check(source, BZDI_MAGIC_SOURCE, "source", "source"));
  return bzdi_done(bzdi_trainer_set_source(trainer, source));
}

/* Signal-safe: no text, one store. */
void bzd_trainer_cancel(bzd_trainer *trainer) {
  if (trainer != NULL && trainer->handle.magic == BZDI_MAGIC_TRAINER) atomic_store(&trainer->cancel, 1);
}

static bzd_status check_which(int32_t which) {
  return bzdi_check_i64("trainer weights", "which", which, BZD_WEIGHTS_AUTO, BZD_WEIGHTS_EMA);
}

bzd_status bzd_trainer_get_flow(const bzd_trainer *trainer, int32_t which, bzd_flow **out) {
  BZDI_OUT(out);
  BZDI_TRY(check(trainer));
  BZDI_TRY(check_which(which));
  return bzdi_done(bzdi_trainer_flow(trainer, which, out));
}

bzd_status bzd_trainer_evaluate(bzd_trainer *trainer, const bzd_source *source, int64_t first, int64_t n, int32_t which,
                                double *loss) {
  static const char *const name = "trainer evaluate";
  BZDI_TRY(check(trainer));
  if (source != NULL) BZDI_TRY(bzdi_handle_check(source, BZDI_MAGIC_SOURCE, "source", "source"));
  BZDI_TRY(bzdi_check_first(name, "first", first));
  BZDI_TRY(bzdi_check_i64(name, "n", n, 1, BZDI_MAX_ROWS));
  BZDI_TRY(check_which(which));
  BZDI_TRY(bzdi_check_ptr("trainer evaluate: loss", loss));
  return bzdi_done(bzdi_trainer_evaluate(trainer, source, first, n, which, loss));
}
