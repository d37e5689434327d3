/* SPDX-License-Identifier: MIT */
#include "api/api.h"
#include "distill/fitter.h"
#include "distill/source.h"
#include "num/bernstein.h"

_Static_assert((int)BZDI_SOURCE_DATA == BZD_SOURCE_DATA && (int)BZDI_SOURCE_ENSEMBLE == BZD_SOURCE_ENSEMBLE &&
                   (int)BZDI_SOURCE_CALLBACK == BZD_SOURCE_CALLBACK && (int)BZDI_SOURCE_POOL == BZD_SOURCE_POOL &&
                   (int)BZDI_SOURCE_TRANSPORT == BZD_SOURCE_TRANSPORT,
               "BZD_SOURCE_");
_Static_assert((int)BZDI_GUIDE_FIT == BZD_GUIDE_FIT && (int)BZDI_GUIDE_CONTROL == BZD_GUIDE_CONTROL &&
                   (int)BZDI_GUIDE_WAYPOINT == BZD_GUIDE_WAYPOINT,
               "BZD_GUIDE_");

static const char *const NAME = "ensemble source config";

static const bzd_ensemble_source_config defaults = {.struct_size = sizeof(bzd_ensemble_source_config),
                                                    .guide = BZD_GUIDE_FIT,
                                                    .guide_times = {1.0 / 3.0, 2.0 / 3.0},
                                                    .solver = BZD_SOLVER_RK4,
                                                    .steps = 16,
                                                    .rtol = 1e-4,
                                                    .atol = 1e-4,
                                                    .visit_steps = 4,
                                                    .windows = 1,
                                                    .bend = 0.75};

bzd_status bzd_ensemble_source_config_init(bzd_ensemble_source_config *config, size_t size) {
  return bzdi_done(bzdi_config_init(NAME, config, size, &defaults, sizeof defaults, FIRST_ENSEMBLE_SOURCE_CONFIG));
}

size_t bzd_ensemble_source_config_size(void) { return sizeof(bzd_ensemble_source_config); }
size_t bzd_source_info_size(void) { return sizeof(bzd_source_info); }

bzd_status bzd_source_create_data(const bzd_data *target, const bzd_data *start, uint64_t seed, bzd_source **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_handle_check(target, BZDI_MAGIC_DATA, "target", "data"));
  if (start != NULL) BZDI_TRY(bzdi_handle_check(start, BZDI_MAGIC_DATA, "start", "data"));
  return bzdi_done(bzdi_source_new_data(target, start, seed, out));
}

bzd_status bzd_source_create_transport(const bzd_data *target, const bzd_data *start, int64_t group, uint64_t seed,
                                       bzd_source **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_handle_check(target, BZDI_MAGIC_DATA, "target", "data"));
  if (start != NULL) BZDI_TRY(bzdi_handle_check(start, BZDI_MAGIC_DATA, "start", "data"));
  BZDI_TRY(bzdi_check_i64("transport source", "group", group, 2, 2048));
  return bzdi_done(bzdi_source_new_transport(target, start, group, seed, out));
}

static bzd_status check_guide(const bzd_ensemble_source_config *c, int32_t degree) {
  BZDI_TRY(bzdi_check_i64(NAME, "guide", c->guide, BZD_GUIDE_FIT, BZD_GUIDE_WAYPOINT));
  if (c->guide == BZD_GUIDE_FIT && c->guides != NULL)
    return bzdi_fail(BZD_E_ARGUMENT, "%s: guides are given, but guide is FIT, expected CONTROL or WAYPOINT", NAME);
  if (c->guide == BZD_GUIDE_FIT) return BZD_OK;
  if (degree != 2 && degree != 3)
    return bzdi_fail(BZD_E_UNSUPPORTED, "%s: guide is %d, but the fitter's degree is %d, expected 2 or 3", NAME,
                     (int)c->guide, (int)degree);
  for (int32_t g = 0; c->guides != NULL && g < degree - 1; g++)
    BZDI_TRY(bzdi_handle_check(c->guides[g], BZDI_MAGIC_FLOW, g == 0 ? "guide 0" : "guide 1", "flow"));
  return bzdi_check_waypoints(NAME, "guide_times", degree, c->guide_times);
}

/* Windows, visits and a chosen degree are for whole fits; the first two do not go together. */
static bzd_status check_parts(const bzd_ensemble_source_config *c, int32_t degree) {
  BZDI_TRY(bzdi_check_i64(NAME, "visit_steps", c->visit_steps, 1, 1024));
  BZDI_TRY(bzdi_check_i64(NAME, "windows", c->windows, 1, 256));
  BZDI_TRY(bzdi_check_f64(NAME, "tolerance", c->tolerance, 0.0, 1e6));
  BZDI_TRY(bzdi_check_f64(NAME, "bend", c->bend, 0.0, 1.0));
  if (c->visitor != NULL) BZDI_TRY(bzdi_handle_check(c->visitor, BZDI_MAGIC_FLOW, "visitor", "flow"));
  if (c->windows > 1 && (c->guide != BZD_GUIDE_FIT || c->visitor != NULL))
    return bzdi_fail(BZD_E_UNSUPPORTED, "%s: %d windows do not go with %s", NAME, (int)c->windows,
                     c->visitor != NULL ? "a visitor" : "guides");
  if (c->visitor != NULL && c->guides != NULL)
    return bzdi_fail(BZD_E_UNSUPPORTED, "%s: a visitor does not go with guides' flows, which start at t = 0", NAME);
  if (c->tolerance > 0.0 && (c->guide != BZD_GUIDE_FIT || degree > 8))
    return bzdi_fail(BZD_E_UNSUPPORTED,
                     "%s: tolerance is %.9g, a chosen degree needs guide FIT and a fitter of degree "
                     "at most 8, not %d",
                     NAME, c->tolerance, (int)degree);
  return BZD_OK;
}

static bzd_status check_solver(const bzd_ensemble_source_config *c) {
  BZDI_TRY(bzdi_check_i64(NAME, "solver", c->solver, BZD_SOLVER_AUTO, BZD_SOLVER_REANCHOR));
  if (c->solver == BZD_SOLVER_CONTROL || c->solver == BZD_SOLVER_REANCHOR)
    return bzdi_fail(BZD_E_UNSUPPORTED, "%s: solver %s does not integrate an ensemble's velocity", NAME,
                     c->solver == BZD_SOLVER_CONTROL ? "CONTROL" : "REANCHOR");
  BZDI_TRY(bzdi_check_i64(NAME, "steps", c->steps, 1, 1000000));
  BZDI_TRY(bzdi_check_f64(NAME, "rtol", c->rtol, 1e-9, 1.0));
  return bzdi_check_f64(NAME, "atol", c->atol, 1e-12, 1.0);
}

static bzd_status check_rows(const bzd_ensemble_source_config *c, int64_t cond_dim) {
  if (c->start != NULL) BZDI_TRY(bzdi_handle_check(c->start, BZDI_MAGIC_DATA, "ensemble source config: start", "data"));
  if (c->real != NULL) BZDI_TRY(bzdi_handle_check(c->real, BZDI_MAGIC_DATA, "ensemble source config: real", "data"));
  BZDI_TRY(bzdi_check_f64(NAME, "rho", c->rho, 0.0, 1.0));
  if (c->rho > 0.0 && c->real == NULL)
    return bzdi_fail(BZD_E_ARGUMENT, "%s: rho is %.9g, but real is NULL", NAME, c->rho);
  if (c->cond == NULL) return bzdi_check_i64(NAME, "cond_count without cond", c->cond_count, 0, 0);
  if (cond_dim == 0) return bzdi_fail(BZD_E_DIMENSION, "%s: cond is given, but the teachers' cond_dim is 0", NAME);
  BZDI_TRY(bzdi_check_i64(NAME, "cond_count", c->cond_count, 1, INT64_MAX / 64 / cond_dim));
  return bzdi_check_finite("ensemble source config: cond", c->cond_count, cond_dim, c->cond);
}

bzd_status bzd_source_create_ensemble(const bzd_ensemble *ensemble, const bzd_fitter *fitter,
                                      const bzd_ensemble_source_config *config, bzd_source **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_handle_check(ensemble, BZDI_MAGIC_ENSEMBLE, "ensemble", "ensemble"));
  BZDI_TRY(bzdi_handle_check(fitter, BZDI_MAGIC_FITTER, "fitter", "fitter"));
  bzd_ensemble_source_config c = defaults;
  BZDI_TRY(bzdi_config_read(NAME, config, &c, sizeof c, FIRST_ENSEMBLE_SOURCE_CONFIG));
  BZDI_TRY(check_guide(&c, fitter->fit->degree));
  BZDI_TRY(check_parts(&c, fitter->fit->degree));
  BZDI_TRY(check_solver(&c));
  BZDI_TRY(check_rows(&c, ensemble->flow[0]->item.cond_dim));
  bzdi_ensemble_source_spec spec = {.guide = c.guide,
                                    .guide_time = {c.guide_times[0], c.guide_times[1]},
                                    .seed = c.seed,
                                    .start = c.start,
                                    .real = c.real,
                                    .rho = c.rho,
                                    .solver = c.solver == BZD_SOLVER_AUTO ? BZD_SOLVER_DOPRI5 : c.solver,
                                    .steps = c.steps,
                                    .rtol = c.rtol,
                                    .atol = c.atol,
                                    .cond = c.cond,
                                    .cond_count = c.cond_count,
                                    .windows = c.windows,
                                    .visit_steps = c.visit_steps,
                                    .visitor = c.visitor,
                                    .guides = c.guides,
                                    .tolerance = c.tolerance,
                                    .bend = c.bend};
  return bzdi_done(bzdi_source_new_ensemble(ensemble, fitter, fitter->fit, &spec, out));
}

bzd_status bzd_source_create_callback(const bzd_context *context, int32_t degree, int64_t dim, int64_t cond_dim,
                                      bzd_paths_fn fn, void *user, bzd_source **out) {
  static const char *const name = "callback source";
  BZDI_OUT(out);
  BZDI_TRY(bzdi_check_context(context));
  BZDI_TRY(bzdi_check_degree(name, degree, 1, BZDI_MAX_DEGREE));
  BZDI_TRY(bzdi_check_i64(name, "dim", dim, 1, BZDI_MAX_DIM));
  BZDI_TRY(bzdi_check_i64(name, "cond_dim", cond_dim, 0, BZDI_MAX_DIM));
  if (fn == NULL) return bzdi_fail(BZD_E_ARGUMENT, "%s: fn is NULL", name);
  return bzdi_done(bzdi_source_new_callback(context, degree, dim, cond_dim, fn, user, out));
}

bzd_status bzd_source_create_pool(const bzd_source *base, int64_t first, int64_t count, uint64_t seed,
                                  bzd_progress_fn progress, void *user, bzd_source **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_handle_check(base, BZDI_MAGIC_SOURCE, "base", "source"));
  BZDI_TRY(bzdi_check_first("path store", "first", first));
  BZDI_TRY(bzdi_check_i64("path store", "count", count, 1, INT64_C(1) << 32));
  return bzdi_done(bzdi_source_new_pool(base, first, count, seed, progress, user, out));
}

void bzd_source_destroy(bzd_source *source) { bzdi_destroy(source, BZDI_MAGIC_SOURCE); }

static bzd_status check(const bzd_source *source) {
  return bzdi_handle_check(source, BZDI_MAGIC_SOURCE, "source", "source");
}

bzd_status bzd_source_get_info(const bzd_source *source, bzd_source_info *info) {
  BZDI_TRY(check(source));
  BZDI_TRY(bzdi_check_ptr("source info", info));
  BZDI_TRY(bzdi_result_check("source info", info, FIRST_SOURCE_INFO));
  bzd_source_info values = {.kind = source->kind->id,
                            .degree = source->degree,
                            .generation = source->generation,
                            .dim = source->item.dim,
                            .cond_dim = source->item.cond_dim,
                            .relative_residual = bzdi_source_relative_residual(source)};
  bzdi_pool_facts(source, &values.count, &values.nfe, &values.residual);
  bzdi_result_write(info, &values, sizeof values);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_source_get_paths(const bzd_source *source, int64_t first, int64_t n, float *paths, float *cond,
                                float *span) {
  static const char *const name = "source paths";
  BZDI_TRY(check(source));
  BZDI_TRY(bzdi_check_first(name, "first", first));
  BZDI_TRY(bzdi_check_rows(name, n, source->item.dim * (source->degree + 1) + source->item.cond_dim));
  if (n > 0 && paths == NULL) return bzdi_fail(BZD_E_ARGUMENT, "%s: paths is NULL", name);
  if (source->item.cond_dim == 0)
    cond = NULL;
  else if (n > 0 && cond == NULL)
    return bzdi_fail(BZD_E_ARGUMENT, "%s: cond is NULL, cond_dim is %lld", name, (long long)source->item.cond_dim);
  return bzdi_done(n == 0 ? BZD_OK : bzdi_source_paths(source, first, n, paths, cond, span));
}
