/* SPDX-License-Identifier: MIT */
#include "api/api.h"
#include "api/evaluate.h"
#include "api/sampling.h"
#include "distill/combine.h"
#include "distill/ensemble_weights.h"

#include <math.h>
#include <stdio.h>

_Static_assert((int)BZDI_COMBINE_VELOCITY == BZD_COMBINE_VELOCITY && (int)BZDI_COMBINE_MIXTURE == BZD_COMBINE_MIXTURE &&
                   (int)BZDI_COMBINE_SELECT == BZD_COMBINE_SELECT &&
                   (int)BZDI_COMBINE_ENDPOINT == BZD_COMBINE_ENDPOINT &&
                   (int)BZDI_COMBINE_ANY_VELOCITY == BZD_COMBINE_ANY_VELOCITY,
               "BZD_COMBINE_");
_Static_assert((int)BZDI_RULE_UNIFORM == BZD_RULE_UNIFORM && (int)BZDI_RULE_FIXED == BZD_RULE_FIXED &&
                   (int)BZDI_RULE_CONSENSUS == BZD_RULE_CONSENSUS && (int)BZDI_RULE_MEDOID == BZD_RULE_MEDOID &&
                   (int)BZDI_RULE_ERROR == BZD_RULE_ERROR && (int)BZDI_RULE_VARIANCE == BZD_RULE_VARIANCE &&
                   (int)BZDI_RULE_CALLBACK == BZD_RULE_CALLBACK,
               "BZD_RULE_");

static const char *const NAME = "ensemble config";
#define MAX_TEACHERS BZDI_MOST_TEACHERS

static const bzd_ensemble_config defaults = {.struct_size = sizeof(bzd_ensemble_config),
                                             .combine = BZD_COMBINE_VELOCITY,
                                             .rule = BZD_RULE_UNIFORM,
                                             .validation_count = 4096,
                                             .bins = 8,
                                             .temperature = 0.1};

bzd_status bzd_ensemble_config_init(bzd_ensemble_config *config, size_t size) {
  return bzdi_done(bzdi_config_init(NAME, config, size, &defaults, sizeof defaults, FIRST_ENSEMBLE_CONFIG));
}

size_t bzd_ensemble_config_size(void) { return sizeof(bzd_ensemble_config); }
size_t bzd_ensemble_info_size(void) { return sizeof(bzd_ensemble_info); }

/* Names of checked values, for texts. */
static const char *rule_name(int32_t rule) {
  static const char *const names[] = {"UNIFORM", "FIXED", "CONSENSUS", "MEDOID", "ERROR", "VARIANCE", "CALLBACK"};
  return names[rule - BZD_RULE_UNIFORM];
}
static const char *combine_name(int32_t combine) {
  static const char *const names[] = {"VELOCITY", "MIXTURE", "SELECT", "ENDPOINT", "ANY_VELOCITY"};
  return names[combine - BZD_COMBINE_VELOCITY];
}

static bzd_status check_rule(const bzd_ensemble_config *c, int64_t count) {
  BZDI_TRY(bzdi_check_i64(NAME, "combine", c->combine, BZD_COMBINE_VELOCITY, BZD_COMBINE_ANY_VELOCITY));
  BZDI_TRY(bzdi_check_i64(NAME, "rule", c->rule, BZD_RULE_UNIFORM, BZD_RULE_CALLBACK));
  BZDI_TRY(bzdi_check_i64(NAME, "reserved", c->reserved, 0, 0));
  BZDI_TRY(bzdi_check_i64(NAME, "reserved2", c->reserved2, 0, 0));
  if (!bzdi_ensemble_goes(c->combine, c->rule))
    return bzdi_fail(BZD_E_UNSUPPORTED, "%s: rule is %s, combine %s has only UNIFORM, FIXED and ERROR weights", NAME,
                     rule_name(c->rule), combine_name(c->combine));
  if ((c->rule == BZD_RULE_CALLBACK) != (c->weights != NULL))
    return bzdi_fail(BZD_E_ARGUMENT, "%s: rule is %s, but weights is %s; rule CALLBACK and it go together", NAME,
                     rule_name(c->rule), c->weights ? "given" : "NULL");
  BZDI_TRY(bzdi_check_i64(NAME, "bins", c->bins, 1, BZDI_MOST_WEIGHT_BINS));
  BZDI_TRY(bzdi_check_i64(NAME, "validation_count", c->validation_count, 16, INT64_C(1) << 31));
  BZDI_TRY(bzdi_check_f64(NAME, "temperature", c->temperature, 1e-6, 1e6));
  if (c->rule != BZD_RULE_FIXED && c->fixed != NULL)
    return bzdi_fail(BZD_E_ARGUMENT, "%s: fixed is given, but rule is %s, expected FIXED", NAME, rule_name(c->rule));
  if (c->rule != BZD_RULE_FIXED) return BZD_OK;
  BZDI_TRY(bzdi_check_ptr("ensemble config: fixed", c->fixed));
  BZDI_TRY(bzdi_check_list(NAME, "fixed", count, c->fixed, 0.0, 1e30));
  double sum = 0.0;
  for (int64_t i = 0; i < count; i++) sum += c->fixed[i];
  if (!(sum > 0.0)) return bzdi_fail(BZD_E_ARGUMENT, "%s: fixed weights sum to %.9g, expected more than 0", NAME, sum);
  return BZD_OK;
}

/* Live flows, and guidance only where there is a condition to guide by. */
static bzd_status check_teachers(const bzd_ensemble_config *c, int64_t count, const bzd_flow *const *teachers) {
  for (int64_t i = 0; i < count; i++) {
    char name[32];
    snprintf(name, sizeof name, "teacher %lld", (long long)i);
    BZDI_TRY(bzdi_handle_check(teachers[i], BZDI_MAGIC_FLOW, name, "flow"));
    if (c->guidance == NULL) continue;
    BZDI_TRY(bzdi_check_f64(name, "guidance", c->guidance[i], -1000.0, 1000.0));
    if (c->guidance[i] != 1.0 && teachers[i]->item.cond_dim == 0)
      return bzdi_fail(BZD_E_ARGUMENT, "%s: guidance is %.9g, but its cond_dim is 0, expected 1", name, c->guidance[i]);
  }
  return BZD_OK;
}

/* Paths that weights are learned from; only the rules that do may have them. */
static bzd_status check_validation(const bzd_ensemble_config *c, const bzd_flow *teacher) {
  int learns = c->rule == BZD_RULE_ERROR || c->rule == BZD_RULE_VARIANCE;
  if (!learns && c->validation == NULL) return BZD_OK;
  if (learns && c->validation == NULL)
    return bzdi_fail(BZD_E_ARGUMENT, "%s: rule is %s, but validation is NULL", NAME, rule_name(c->rule));
  if (!learns) return bzdi_fail(BZD_E_ARGUMENT, "%s: validation is given, but rule is %s", NAME, rule_name(c->rule));
  BZDI_TRY(bzdi_handle_check(c->validation, BZDI_MAGIC_SOURCE, "ensemble config: validation", "source"));
  const bzdi_item *item = &c->validation->item;
  if (item->dim != teacher->item.dim || item->cond_dim != teacher->item.cond_dim)
    return bzdi_fail(BZD_E_DIMENSION, "validation: dim %lld and cond_dim %lld, the teachers' are %lld and %lld",
                     (long long)item->dim, (long long)item->cond_dim, (long long)teacher->item.dim,
                     (long long)teacher->item.cond_dim);
  return BZD_OK;
}

bzd_status bzd_ensemble_create(const bzd_context *context, const bzd_ensemble_config *config, int64_t count,
                               const bzd_flow *const *teachers, bzd_ensemble **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_check_context(context));
  bzd_ensemble_config c = defaults;
  BZDI_TRY(bzdi_config_read(NAME, config, &c, sizeof c, FIRST_ENSEMBLE_CONFIG));
  BZDI_TRY(bzdi_check_i64("ensemble", "count", count, 1, MAX_TEACHERS));
  BZDI_TRY(bzdi_check_ptr("teachers", teachers));
  BZDI_TRY(check_rule(&c, count));
  BZDI_TRY(check_teachers(&c, count, teachers));
  BZDI_TRY(check_validation(&c, teachers[0]));
  bzdi_ensemble_spec spec = {.combine = c.combine,
                             .rule = c.rule,
                             .temperature = c.temperature,
                             .seed = c.seed,
                             .count = count,
                             .flows = teachers,
                             .fixed = c.fixed,
                             .guidance = c.guidance,
                             .weights = c.weights,
                             .weights_user = c.weights_user};
  BZDI_TRY(bzdi_ensemble_new(context, &spec, out));
  if (c.validation == NULL) return bzdi_done(BZD_OK);
  bzd_status status =
      bzdi_ensemble_learn(*out, c.validation, c.validation_count, c.rule == BZD_RULE_VARIANCE ? c.bins : 1);
  if (status != BZD_OK) {
    bzdi_release(*out);
    *out = NULL;
  }
  return bzdi_done(status);
}

void bzd_ensemble_destroy(bzd_ensemble *ensemble) { bzdi_destroy(ensemble, BZDI_MAGIC_ENSEMBLE); }

static bzd_status check(const bzd_ensemble *ensemble) {
  return bzdi_handle_check(ensemble, BZDI_MAGIC_ENSEMBLE, "ensemble", "ensemble");
}

bzd_status bzd_ensemble_get_info(const bzd_ensemble *ensemble, bzd_ensemble_info *info) {
  BZDI_TRY(check(ensemble));
  BZDI_TRY(bzdi_check_ptr("ensemble info", info));
  BZDI_TRY(bzdi_result_check("ensemble info", info, FIRST_ENSEMBLE_INFO));
  bzdi_field field;
  bzdi_ensemble_field(ensemble, &field);
  bzd_ensemble_info values = {.combine = ensemble->combine,
                              .rule = ensemble->rule,
                              .nfe = field.nfe,
                              .count = ensemble->count,
                              .dim = field.dim,
                              .cond_dim = field.cond_dim,
                              .effective = bzdi_ensemble_by_row(ensemble) ? (double)NAN : 0};
  for (int32_t b = 0; b < ensemble->bins; b++) {
    double squares = 0;
    for (int64_t m = 0; m < ensemble->count; m++)
      squares += ensemble->table[b * ensemble->count + m] * ensemble->table[b * ensemble->count + m];
    values.effective += 1 / squares / ensemble->bins;
  }
  bzdi_result_write(info, &values, sizeof values);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_ensemble_get_member(const bzd_ensemble *ensemble, int64_t i, bzd_flow **out) {
  BZDI_OUT(out);
  BZDI_TRY(check(ensemble));
  BZDI_TRY(bzdi_check_i64("ensemble", "i", i, 0, ensemble->count - 1));
  *out = bzdi_retain(ensemble->flow[i]);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_ensemble_get_weights(const bzd_ensemble *ensemble, double t, double *weights) {
  static const char *const name = "ensemble weights";
  BZDI_TRY(check(ensemble));
  BZDI_TRY(bzdi_check_f64(name, "t", t, 0.0, 1.0));
  BZDI_TRY(bzdi_check_ptr("weights", weights));
  if (bzdi_ensemble_by_row(ensemble))
    return bzdi_fail(BZD_E_UNSUPPORTED, "%s: rule %d gives each row weights of its own", name, (int)ensemble->rule);
  bzdi_combine_weights(ensemble, t, weights);
  return bzdi_done(BZD_OK);
}

/* ---- Evaluation and sampling --------------------------------------------------------------------------------- */

static bzd_status check_velocity(const char *name, const bzd_ensemble *ensemble) {
  if (!bzdi_ensemble_by_trajectory(ensemble)) return BZD_OK;
  return bzdi_fail(BZD_E_UNSUPPORTED, "%s: %s combines whole trajectories and has no velocity; make paths of it", name,
                   ensemble->combine == BZDI_COMBINE_SELECT ? "SELECT" : "ENDPOINT");
}

/* Velocities into blocks.out and weights, either NULL, of one evaluation of each teacher. */
typedef struct weighed {
  bzdi_blocks blocks;
  double *weights;
} weighed;

static bzd_status weighed_block(const bzdi_blocks *blocks, const bzdi_eval *eval, int64_t row, void *work) {
  const bzd_ensemble *ensemble = blocks->field->self;
  double *weights = ((const weighed *)blocks)->weights;
  return bzdi_ensemble_velocity(ensemble, eval, blocks->out ? (float *)blocks->out + row * blocks->field->dim : NULL,
                                weights ? weights + row * ensemble->count : NULL, work);
}

static bzd_status weigh(const char *name, const bzd_ensemble *ensemble, int64_t n, int64_t first_index, const float *x,
                        const float *t, const float *cond, float *v, double *weights) {
  BZDI_TRY(check_velocity(name, ensemble));
  bzdi_field field;
  bzdi_ensemble_field(ensemble, &field);
  BZDI_TRY(bzdi_check_rows(name, n, field.dim + field.cond_dim + ensemble->count));
  BZDI_TRY(bzdi_check_first(name, "first_index", first_index));
  if (n > 0 && (x == NULL || t == NULL))
    return bzdi_fail(BZD_E_ARGUMENT, "%s: %s is NULL", name, x == NULL ? "x" : "t");
  BZDI_TRY(bzdi_check_row_times(name, n, t));
  weighed all = {.blocks = {.context = ensemble->handle.context,
                            .cache = &((bzd_ensemble *)ensemble)->cache,
                            .field = &field,
                            .n = n,
                            .first_index = first_index,
                            .x = x,
                            .t = t,
                            .cond = field.cond_dim == 0 ? NULL : cond,
                            .out = v,
                            .block = weighed_block},
                 .weights = weights};
  return bzdi_done(bzdi_blocks_run(&all.blocks));
}

bzd_status bzd_ensemble_velocity(const bzd_ensemble *ensemble, int64_t n, int64_t first_index, const float *x,
                                 const float *t, const float *cond, float *v, double *weights) {
  static const char *const name = "ensemble velocity";
  BZDI_TRY(check(ensemble));
  if (n > 0 && v == NULL) return bzdi_fail(BZD_E_ARGUMENT, "%s: v is NULL", name);
  return weigh(name, ensemble, n, first_index, x, t, cond, v, weights);
}

bzd_status bzd_ensemble_effective(const bzd_ensemble *ensemble, int64_t n, const float *x, const float *t,
                                  const float *cond, double *effective) {
  static const char *const name = "ensemble effective";
  BZDI_TRY(check(ensemble));
  BZDI_TRY(bzdi_check_ptr("effective", effective));
  int64_t count = ensemble->count;
  BZDI_TRY(bzdi_check_rows(name, n, count));
  BZDI_TRY(bzdi_check_i64(name, "n", n, 1, BZDI_MAX_ROWS));
  const bzd_context *context = ensemble->handle.context;
  double *weights = bzdi_malloc(context, (size_t)(n * count), sizeof *weights), sum = 0;
  if (!weights) return bzdi_no_memory("ensemble", (size_t)(n * count), sizeof *weights);
  bzd_status status = weigh(name, ensemble, n, 0, x, t, cond, NULL, weights);
  for (int64_t r = 0; status == BZD_OK && r < n; r++) {
    double squares = 0;
    for (int64_t m = 0; m < count; m++) squares += weights[r * count + m] * weights[r * count + m];
    sum += 1 / squares;
  }
  bzdi_free(context, weights);
  if (status != BZD_OK) return status;
  *effective = sum / (double)n;
  return bzdi_done(BZD_OK);
}

static bzd_status run(bzdi_sampling *s, const bzd_ensemble *ensemble, const bzd_sample_config *config,
                      bzd_sample_result *result) {
  BZDI_TRY(check_velocity(s->name, ensemble));
  s->context = ensemble->handle.context;
  s->item = &ensemble->flow[0]->item;
  s->kind = BZDI_FLOW_VELOCITY;
  s->automatic = BZDI_SOLVER_DOPRI5;
  s->plain = 1;
  BZDI_TRY(bzdi_sampling_prepare(s, config, result));
  bzd_status status = BZD_OK;
  if (s->guidance != 1.0)
    status =
        bzdi_fail(BZD_E_ARGUMENT, "%s: guidance is %.9g, expected 1 (members carry their own)", s->name, s->guidance);
  else if (s->n > 0) {
    bzdi_field field;
    bzdi_ensemble_field(ensemble, &field);
    status = bzdi_solve_field(s->context, &((bzd_ensemble *)ensemble)->cache, &field, &s->solve, s->n, s->x0, s->cond,
                              s->out, s->states, 0, &s->solved);
  }
  return bzdi_sampling_finish(s, status, result);
}

bzd_status bzd_ensemble_sample(const bzd_ensemble *ensemble, const bzd_sample_config *config, int64_t n,
                               const float *x0, const float *cond, float *out, bzd_sample_result *result) {
  BZDI_TRY(check(ensemble));
  bzdi_sampling s = {.name = "ensemble sample", .n = n, .x0 = x0, .cond = cond, .out = out};
  return bzdi_done(run(&s, ensemble, config, result));
}

bzd_status bzd_ensemble_trajectory(const bzd_ensemble *ensemble, const bzd_sample_config *config, int64_t n,
                                   const float *x0, const float *cond, int64_t count, const double *times,
                                   float *states, bzd_sample_result *result) {
  BZDI_TRY(check(ensemble));
  bzdi_sampling s = {.name = "ensemble trajectory", .n = n, .x0 = x0, .cond = cond, .trajectory = 1};
  s.states = states;
  s.count = count;
  s.times = times;
  return bzdi_done(run(&s, ensemble, config, result));
}
