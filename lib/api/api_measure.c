/* SPDX-License-Identifier: MIT */
/* Measuring flows: grids of few-step samplers, and numbers of the flow itself. */
#include "api/api.h"
#include "base/rng.h"
#include "distill/measure.h"
#include "flow/grid.h"
#include "num/bernstein.h"

#include <math.h>

static const char *const GRID = "grid config", *const METRICS = "flow metrics config";

static const bzd_grid_config grid_defaults = {
    .struct_size = sizeof(bzd_grid_config), .steps = 4, .candidates = 32, .rows = 1024};
static const bzd_flow_metrics_config metrics_defaults = {
    .struct_size = sizeof(bzd_flow_metrics_config), .steps = 64, .rows = 2048, .decode_solver = BZD_SOLVER_AUTO};

bzd_status bzd_grid_config_init(bzd_grid_config *config, size_t size) {
  return bzdi_done(bzdi_config_init(GRID, config, size, &grid_defaults, sizeof grid_defaults, FIRST_GRID_CONFIG));
}

bzd_status bzd_flow_metrics_config_init(bzd_flow_metrics_config *config, size_t size) {
  return bzdi_done(
      bzdi_config_init(METRICS, config, size, &metrics_defaults, sizeof metrics_defaults, FIRST_FLOW_METRICS_CONFIG));
}

size_t bzd_grid_config_size(void) { return sizeof(bzd_grid_config); }
size_t bzd_flow_metrics_config_size(void) { return sizeof(bzd_flow_metrics_config); }
size_t bzd_flow_metrics_size(void) { return sizeof(bzd_flow_metrics); }

/* Paths that go with the flow, or none and no condition to ask for. */
static bzd_status check_paths(const char *name, const bzd_flow *flow, const bzd_source *paths) {
  if (flow->kind == BZD_FLOW_ENDPOINT)
    return bzdi_fail(BZD_E_UNSUPPORTED, "%s: an endpoint flow has no velocity on the way", name);
  if (paths == NULL) {
    if (flow->item.cond_dim > 0)
      return bzdi_fail(BZD_E_ARGUMENT, "%s: paths is NULL, but the flow takes conditions of %lld numbers", name,
                       (long long)flow->item.cond_dim);
    return BZD_OK;
  }
  BZDI_TRY(bzdi_handle_check(paths, BZDI_MAGIC_SOURCE, "paths", "source"));
  if (paths->item.dim != flow->item.dim || paths->item.cond_dim != flow->item.cond_dim)
    return bzdi_fail(BZD_E_DIMENSION, "%s: paths of dim %lld and cond_dim %lld, the flow's are %lld and %lld", name,
                     (long long)paths->item.dim, (long long)paths->item.cond_dim, (long long)flow->item.dim,
                     (long long)flow->item.cond_dim);
  return BZD_OK;
}

/* States at the nodes, time-major, and conditions: of the paths, or of the flow itself. */
static bzd_status grid_states(const bzd_flow *flow, const bzd_grid_config *c, const double *node, float *states,
                              float *cond) {
  const bzd_context *context = flow->handle.context;
  int64_t n = c->rows, dim = flow->item.dim;
  int32_t nodes = c->candidates + 1;
  if (c->paths == NULL) {
    bzdi_field field;
    bzdi_solved solved;
    bzdi_solve solve = {.solver = BZDI_SOLVER_DOPRI5,
                        .t0 = 0,
                        .t1 = 1,
                        .rtol = 1e-5,
                        .atol = 1e-5,
                        .max_steps = 10000,
                        .seed = c->seed,
                        .nodes = nodes,
                        .node = node};
    bzdi_flow_field(flow, 1, &field);
    return bzdi_solve_field(context, &((bzd_flow *)flow)->cache, &field, &solve, n, NULL, NULL, NULL, states, 1,
                            &solved);
  }
  int32_t degree = c->paths->degree;
  float *paths = bzdi_malloc(context, (size_t)(n * (degree + 1) * dim), sizeof *paths);
  if (paths == NULL) return bzdi_no_memory("grid", (size_t)(n * (degree + 1) * dim), sizeof *paths);
  bzd_status status = bzdi_source_whole_paths(c->paths, 0, n, paths, flow->item.cond_dim > 0 ? cond : NULL);
  for (int32_t k = 0; status == BZD_OK && k < nodes; k++)
    bzdi_path_evaluate(n, degree, dim, paths, 1, &node[k], states + k * n * dim);
  bzdi_free(context, paths);
  return status;
}

bzd_status bzd_flow_choose_grid(const bzd_flow *flow, const bzd_grid_config *config, double *grid, double *error) {
  BZDI_TRY(bzdi_handle_check(flow, BZDI_MAGIC_FLOW, "flow", "flow"));
  BZDI_TRY(bzdi_check_ptr("grid", grid));
  bzd_grid_config c = grid_defaults;
  BZDI_TRY(bzdi_config_read(GRID, config, &c, sizeof c, FIRST_GRID_CONFIG));
  BZDI_TRY(bzdi_check_i64(GRID, "steps", c.steps, 1, 256));
  BZDI_TRY(bzdi_check_i64(GRID, "candidates", c.candidates, c.steps, 256));
  BZDI_TRY(bzdi_check_i64(GRID, "reserved", c.reserved, 0, 0));
  BZDI_TRY(bzdi_check_i64(GRID, "rows", c.rows, 16, INT64_C(1) << 20));
  BZDI_TRY(check_paths(GRID, flow, c.paths));
  const bzd_context *context = flow->handle.context;
  size_t states_size = (size_t)(c.rows * flow->item.dim) * (size_t)(c.candidates + 1),
         cond_size = (size_t)(c.rows * flow->item.cond_dim);
  double node[257], sum;
  for (int32_t k = 0; k <= c.candidates; k++) node[k] = (double)k / c.candidates;
  float *states = bzdi_malloc(context, states_size + cond_size, sizeof *states);
  if (states == NULL) return bzdi_no_memory("grid", states_size + cond_size, sizeof *states);
  float *cond = cond_size > 0 ? states + states_size : NULL;
  bzd_status status = grid_states(flow, &c, node, states, cond);
  if (status == BZD_OK)
    status = bzdi_grid_choose(flow, 1, c.rows, states, cond, c.candidates + 1, node, c.steps, grid, &sum);
  bzdi_free(context, states);
  if (status == BZD_OK && error != NULL) *error = sum;
  return bzdi_done(status);
}

/* Real rows there and back. */
static bzd_status drift(const bzd_flow *flow, const bzd_flow_metrics_config *c, double *out) {
  const bzd_context *context = flow->handle.context;
  int64_t n = c->rows < c->real->n ? c->rows : c->real->n, dim = flow->item.dim, cond_dim = flow->item.cond_dim;
  float *rows = bzdi_malloc(context, (size_t)(n * (dim + cond_dim)), sizeof *rows);
  int64_t *index = bzdi_malloc(context, (size_t)n, sizeof *index);
  bzd_status status = rows && index ? BZD_OK : bzdi_no_memory("drift", (size_t)(n * (dim + cond_dim)), sizeof *rows);
  for (int64_t i = 0; status == BZD_OK && i < n; i++) index[i] = i;
  float *cond = cond_dim > 0 && rows ? rows + n * dim : NULL;
  int curve = flow->kind == BZD_FLOW_CONTROL &&
              (c->decode_solver == BZD_SOLVER_AUTO || c->decode_solver == BZD_SOLVER_CONTROL ||
               c->decode_solver == BZD_SOLVER_REANCHOR); /* fewer steps, as in samplers */
  bzdi_solve decode = {.solver = c->decode_solver,
                       .steps = c->decode_steps > 0 ? c->decode_steps
                                : curve             ? 4
                                                    : 16,
                       .t0 = 0,
                       .t1 = 1,
                       .rtol = 1e-5,
                       .atol = 1e-5,
                       .max_steps = 10000};
  if (status == BZD_OK) {
    bzdi_data_rows(c->real, n, index, rows, cond);
    status = bzdi_measure_drift(flow, flow, &decode, n, rows, cond, out);
  }
  bzdi_free(context, index);
  bzdi_free(context, rows);
  return status;
}

bzd_status bzd_metrics_flow(const bzd_flow *flow, const bzd_flow_metrics_config *config, bzd_flow_metrics *result) {
  BZDI_TRY(bzdi_handle_check(flow, BZDI_MAGIC_FLOW, "flow", "flow"));
  BZDI_TRY(bzdi_check_ptr("flow metrics", result));
  BZDI_TRY(bzdi_result_check("flow metrics", result, FIRST_FLOW_METRICS));
  bzd_flow_metrics_config c = metrics_defaults;
  BZDI_TRY(bzdi_config_read(METRICS, config, &c, sizeof c, FIRST_FLOW_METRICS_CONFIG));
  BZDI_TRY(bzdi_check_i64(METRICS, "steps", c.steps, 2, 4096));
  if (c.steps % 2 != 0)
    return bzdi_fail(BZD_E_ARGUMENT, "%s: steps is %d, expected an even number", METRICS, (int)c.steps);
  BZDI_TRY(bzdi_check_i64(METRICS, "rows", c.rows, 1, INT64_C(1) << 31));
  BZDI_TRY(bzdi_check_i64(METRICS, "decode_solver", c.decode_solver, BZD_SOLVER_AUTO, BZD_SOLVER_REANCHOR));
  BZDI_TRY(bzdi_check_i64(METRICS, "decode_steps", c.decode_steps, 0, 1000000));
  BZDI_TRY(check_paths(METRICS, flow, c.paths));
  if (c.real != NULL) {
    BZDI_TRY(bzdi_handle_check(c.real, BZDI_MAGIC_DATA, "real", "data"));
    if (c.real->item.dim != flow->item.dim || (flow->item.cond_dim > 0 && c.real->item.cond_dim != flow->item.cond_dim))
      return bzdi_fail(BZD_E_DIMENSION, "%s: real of dim %lld and cond_dim %lld, the flow's are %lld and %lld", METRICS,
                       (long long)c.real->item.dim, (long long)c.real->item.cond_dim, (long long)flow->item.dim,
                       (long long)flow->item.cond_dim);
  }
  bzdi_measure m;
  double moved = NAN;
  BZDI_TRY(bzdi_measure_flow(flow, c.paths, c.rows, c.steps, c.seed, &m));
  if (c.real != NULL) BZDI_TRY(drift(flow, &c, &moved));
  bzd_flow_metrics values = {.straightness = m.straightness,
                             .chord2 = m.chord2,
                             .arc_over_chord = m.arc_over_chord,
                             .path_straightness = m.path_straightness,
                             .path_chord2 = m.path_chord2,
                             .path_arc_over_chord = m.path_arc_over_chord,
                             .crossing_variance = m.crossing_variance,
                             .budget = m.budget,
                             .drift = moved};
  bzdi_result_write(result, &values, sizeof values);
  return bzdi_done(BZD_OK);
}
