/* SPDX-License-Identifier: MIT */
#include "api/api.h"
#include "distill/fitter.h"
#include "num/bernstein.h"

#include <string.h>

static const char *const NAME = "fitter config";

static const bzd_fitter_config defaults = {.struct_size = sizeof(bzd_fitter_config), .degree = 2, .nodes = 17};

bzd_status bzd_fitter_config_init(bzd_fitter_config *config, size_t size) {
  return bzdi_done(bzdi_config_init(NAME, config, size, &defaults, sizeof defaults, FIRST_FITTER_CONFIG));
}

size_t bzd_fitter_config_size(void) { return sizeof(bzd_fitter_config); }
size_t bzd_fitter_info_size(void) { return sizeof(bzd_fitter_info); }

bzd_status bzd_fitter_create(const bzd_context *context, const bzd_fitter_config *config, bzd_fitter **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_check_context(context));
  bzd_fitter_config c = defaults;
  BZDI_TRY(bzdi_config_read(NAME, config, &c, sizeof c, FIRST_FITTER_CONFIG));
  BZDI_TRY(bzdi_check_degree(NAME, c.degree, 1, BZDI_MAX_DEGREE));
  BZDI_TRY(bzdi_check_i64(NAME, "nodes", c.nodes, c.degree + 1, 4096));
  BZDI_TRY(bzdi_check_i64(NAME, "reserved", c.reserved, 0, 0));
  if (c.times != NULL) BZDI_TRY(bzdi_check_times(NAME, "times", c.nodes, c.times, 0.0, 1.0));
  if (c.weights != NULL) BZDI_TRY(bzdi_check_list(NAME, "weights", c.nodes, c.weights, 0.0, 1e30));
  BZDI_TRY(bzdi_check_f64(NAME, "ridge", c.ridge, 0.0, 1e30));
  return bzdi_done(bzdi_fitter_new(context, c.degree, c.nodes, c.times, c.weights, c.ridge, out));
}

void bzd_fitter_destroy(bzd_fitter *fitter) { bzdi_destroy(fitter, BZDI_MAGIC_FITTER); }

static bzd_status check(const bzd_fitter *fitter) {
  return bzdi_handle_check(fitter, BZDI_MAGIC_FITTER, "fitter", "fitter");
}

bzd_status bzd_fitter_get_info(const bzd_fitter *fitter, bzd_fitter_info *info) {
  BZDI_TRY(check(fitter));
  BZDI_TRY(bzdi_check_ptr("fitter info", info));
  BZDI_TRY(bzdi_result_check("fitter info", info, FIRST_FITTER_INFO));
  const bzdi_fit *fit = fitter->fit;
  bzd_fitter_info values = {.degree = fit->degree,
                            .nodes = fit->nodes,
                            .in_double = fit->in_double != 0,
                            .norm = fit->norm,
                            .condition = fit->condition};
  bzdi_result_write(info, &values, sizeof values);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_fitter_get_times(const bzd_fitter *fitter, double *times) {
  BZDI_TRY(check(fitter));
  BZDI_TRY(bzdi_check_ptr("fitter times", times));
  memcpy(times, fitter->fit->times, (size_t)fitter->fit->nodes * sizeof *times);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_fitter_fit(const bzd_fitter *fitter, int64_t n, int64_t dim, const float *states, float *paths,
                          double *residual) {
  BZDI_TRY(check(fitter));
  BZDI_TRY(bzdi_check_i64("fitter fit", "dim", dim, 1, BZDI_MAX_DIM));
  BZDI_TRY(bzdi_check_rows("fitter fit", n, dim * fitter->fit->nodes));
  if (n > 0) {
    BZDI_TRY(bzdi_check_ptr("fitter fit: states", states));
    BZDI_TRY(bzdi_check_ptr("fitter fit: paths", paths));
    bzdi_fit_sample_major(fitter->fit, n, dim, states, paths);
    if (residual != NULL) bzdi_fit_residual(fitter->fit, n, dim, states, 0, paths, residual);
  }
  return bzdi_done(BZD_OK);
}
