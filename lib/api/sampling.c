/* SPDX-License-Identifier: MIT */
#include "api/sampling.h"

#include "api/api.h"
#include "api/item.h"
#include "base/clock.h"

#include <string.h>

_Static_assert((int)BZDI_SOLVER_AUTO == BZD_SOLVER_AUTO && (int)BZDI_SOLVER_EULER == BZD_SOLVER_EULER &&
                   (int)BZDI_SOLVER_MIDPOINT == BZD_SOLVER_MIDPOINT && (int)BZDI_SOLVER_HEUN == BZD_SOLVER_HEUN &&
                   (int)BZDI_SOLVER_RK4 == BZD_SOLVER_RK4 && (int)BZDI_SOLVER_DOPRI5 == BZD_SOLVER_DOPRI5 &&
                   (int)BZDI_SOLVER_CONTROL == BZD_SOLVER_CONTROL &&
                   (int)BZDI_SOLVER_DOPRI5_FIXED == BZD_SOLVER_DOPRI5_FIXED &&
                   (int)BZDI_SOLVER_REANCHOR == BZD_SOLVER_REANCHOR,
               "BZD_SOLVER_");

static const char *const NAME = "sample config";

#define MAX_STEPS 1000000
#define MAX_TIMES (INT64_C(1) << 20)

static const bzd_sample_config defaults = {.struct_size = sizeof(bzd_sample_config),
                                           .solver = BZD_SOLVER_AUTO,
                                           .t0 = 0.0,
                                           .t1 = 1.0,
                                           .rtol = 1e-4,
                                           .atol = 1e-4,
                                           .max_steps = 10000,
                                           .guidance = 1.0};

bzd_status bzd_sample_config_init(bzd_sample_config *config, size_t size) {
  return bzdi_done(bzdi_config_init(NAME, config, size, &defaults, sizeof defaults, FIRST_SAMPLE_CONFIG));
}

size_t bzd_sample_config_size(void) { return sizeof(bzd_sample_config); }
size_t bzd_sample_result_size(void) { return sizeof(bzd_sample_result); }

static bzd_status check_config(const bzd_sample_config *c) {
  BZDI_TRY(bzdi_check_i64(NAME, "solver", c->solver, BZD_SOLVER_AUTO, BZD_SOLVER_REANCHOR));
  BZDI_TRY(bzdi_check_i64(NAME, "steps", c->steps, 0, MAX_STEPS));
  BZDI_TRY(bzdi_check_i64(NAME, "grid_count", c->grid_count, 0, MAX_STEPS + 1));
  BZDI_TRY(bzdi_check_f64(NAME, "t0", c->t0, 0.0, 1.0));
  BZDI_TRY(bzdi_check_f64(NAME, "t1", c->t1, 0.0, 1.0));
  if (c->t0 == c->t1) return bzdi_fail(BZD_E_ARGUMENT, "%s: t0 and t1 are both %.9g", NAME, c->t0);
  if (c->grid_count > 0) {
    BZDI_TRY(bzdi_check_i64(NAME, "grid_count", c->grid_count, 2, MAX_STEPS + 1));
    BZDI_TRY(bzdi_check_ptr("sample config: grid", c->grid));
    BZDI_TRY(bzdi_check_times(NAME, "grid", c->grid_count, c->grid, c->t0, c->t1));
  }
  BZDI_TRY(bzdi_check_f64(NAME, "rtol", c->rtol, 1e-9, 1.0));
  BZDI_TRY(bzdi_check_f64(NAME, "atol", c->atol, 1e-12, 1.0));
  BZDI_TRY(bzdi_check_i64(NAME, "max_steps", c->max_steps, 1, INT64_C(1) << 40));
  BZDI_TRY(bzdi_check_first(NAME, "first_index", c->first_index));
  BZDI_TRY(bzdi_check_i64(NAME, "units", c->units, BZD_UNITS_MODEL, BZD_UNITS_DATA));
  BZDI_TRY(bzdi_check_f64(NAME, "renoise", c->renoise, 0.0, 1.0));
  return bzdi_check_i64(NAME, "reserved", c->reserved, 0, 0);
}

/* Steps and solver of this kind of flow. */
static bzd_status resolve(bzdi_sampling *s, const bzd_sample_config *c) {
  s->used = c->solver == BZD_SOLVER_AUTO ? s->automatic : c->solver;
  int curve = s->used == BZD_SOLVER_CONTROL || s->used == BZD_SOLVER_REANCHOR;
  if (curve && s->kind != BZD_FLOW_CONTROL && s->kind != BZD_FLOW_ENDPOINT)
    return bzdi_fail(BZD_E_UNSUPPORTED, "%s: solver %s needs a control-point or endpoint flow", s->name,
                     s->used == BZD_SOLVER_CONTROL ? "CONTROL" : "REANCHOR");
  if (!curve && s->kind == BZD_FLOW_ENDPOINT)
    return bzdi_fail(BZD_E_UNSUPPORTED,
                     "%s: solver is %d, an endpoint flow is sampled by CONTROL (%d) and REANCHOR (%d) alone", s->name,
                     (int)s->used, BZD_SOLVER_CONTROL, BZD_SOLVER_REANCHOR);
  if (s->used == BZD_SOLVER_REANCHOR && (c->t0 != 0.0 || c->t1 != 1.0 || s->trajectory))
    return bzdi_fail(BZD_E_UNSUPPORTED, "%s: solver REANCHOR goes from 0 to 1 and leaves no path (t0 %.9g, t1 %.9g%s)",
                     s->name, c->t0, c->t1, s->trajectory ? ", a trajectory" : "");
  if (s->used == BZD_SOLVER_CONTROL && c->t1 < c->t0)
    return bzdi_fail(BZD_E_UNSUPPORTED, "%s: solver CONTROL does not go backwards (t0 %.9g, t1 %.9g)", s->name, c->t0,
                     c->t1);
  if (s->used == BZD_SOLVER_DOPRI5 && c->grid_count > 0)
    return bzdi_fail(BZD_E_UNSUPPORTED, "%s: solver DOPRI5 chooses its own steps, grid_count is %d, expected 0",
                     s->name, (int)c->grid_count);
  int32_t steps = c->steps;
  if (c->grid_count > 0)
    steps = c->grid_count - 1;
  else if (steps == 0)
    steps = !curve ? 16 : s->used == BZD_SOLVER_REANCHOR ? 4 : s->kind == BZD_FLOW_ENDPOINT ? 1 : 4;
  s->solve = (bzdi_solve){.solver = s->used,
                          .steps = steps,
                          .grid = c->grid_count > 0 ? c->grid : NULL,
                          .t0 = c->t0,
                          .t1 = c->t1,
                          .rtol = c->rtol,
                          .atol = c->atol,
                          .max_steps = c->max_steps,
                          .renoise = c->renoise,
                          .first_index = c->first_index,
                          .seed = c->seed,
                          .nodes = s->trajectory ? s->count : 0,
                          .node = s->trajectory ? s->times : NULL,
                          .progress = c->progress,
                          .progress_user = c->progress_user};
  return BZD_OK;
}

/* Backwards in data units: x0 is at t = 1, where values are mapped. */
static bzd_status map_start(bzdi_sampling *s) {
  if (s->units != BZD_UNITS_DATA || s->solve.t0 != 1.0 || s->x0 == NULL || s->item->scale == NULL) return BZD_OK;
  float *x = s->out;
  size_t count = (size_t)(s->n * s->item->dim);
  if (x == NULL) {
    x = s->mapped = bzdi_malloc(s->context, count, sizeof *x);
    if (x == NULL) return bzdi_no_memory(s->name, count, sizeof *x);
  }
  if (x != s->x0) memcpy(x, s->x0, count * sizeof *x);
  bzdi_item_to_model(s->item, s->n, s->item->dim, x);
  s->x0 = x;
  return BZD_OK;
}

bzd_status bzdi_sampling_prepare(bzdi_sampling *s, const bzd_sample_config *config, const bzd_sample_result *result) {
  s->began = bzdi_seconds();
  BZDI_TRY(bzdi_result_check("sample result", result, FIRST_SAMPLE_RESULT));
  bzd_sample_config c = defaults;
  BZDI_TRY(bzdi_config_read(NAME, config, &c, sizeof c, FIRST_SAMPLE_CONFIG));
  BZDI_TRY(check_config(&c));
  BZDI_TRY(bzdi_check_guidance(NAME, c.guidance, s->item->cond_dim, s->cond));
  if (s->plain && c.guidance != 1.0)
    return bzdi_fail(BZD_E_ARGUMENT, "%s: guidance is %.9g, expected 1 (members carry their own)", s->name, c.guidance);
  s->guidance = c.guidance;
  s->units = c.units;
  if (s->item->cond_dim == 0) s->cond = NULL;
  if (s->trajectory) {
    BZDI_TRY(bzdi_check_i64(s->name, "count", s->count, 2, MAX_TIMES));
    if (s->times == NULL) return bzdi_fail(BZD_E_ARGUMENT, "%s: times is NULL", s->name);
    BZDI_TRY(bzdi_check_times(s->name, "times", s->count, s->times, c.t0, c.t1));
  }
  BZDI_TRY(bzdi_check_rows(s->name, s->n, s->item->dim * (s->trajectory ? s->count : 1) + s->item->cond_dim));
  if (s->n > 0 && (s->trajectory ? s->states : s->out) == NULL)
    return bzdi_fail(BZD_E_ARGUMENT, "%s: %s is NULL", s->name, s->trajectory ? "states" : "out");
  BZDI_TRY(resolve(s, &c));
  return s->n == 0 ? BZD_OK : map_start(s);
}

bzd_status bzdi_sampling_finish(bzdi_sampling *s, bzd_status status, bzd_sample_result *result) {
  bzdi_free(s->context, s->mapped);
  if (status != BZD_OK) return status;
  int64_t dim = s->item->dim;
  if (s->units == BZD_UNITS_DATA && s->n > 0) {
    if (!s->trajectory) {
      if (s->solve.t1 == 1.0) bzdi_item_to_data(s->item, s->n, dim, s->out);
    } else {
      if (s->solve.t0 == 1.0) bzdi_item_to_data(s->item, s->n, s->count * dim, s->states);
      if (s->solve.t1 == 1.0) bzdi_item_to_data(s->item, s->n, s->count * dim, s->states + (s->count - 1) * dim);
    }
  }
  bzd_sample_result values = {.solver = s->used,
                              .nfe_mean = s->solved.nfe_mean,
                              .nfe_max = s->solved.nfe_max,
                              .rejected = s->solved.rejected,
                              .seconds = bzdi_seconds() - s->began};
  bzdi_result_write(result, &values, sizeof values);
  return BZD_OK;
}
