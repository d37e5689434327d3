/* SPDX-License-Identifier: MIT */
#include "api/api.h"
#include "num/stats.h"

#include <math.h>

static const char *const NAME = "metrics config";
#define MAX_W2 2048 /* rows of the exact assignment */

static const bzd_metrics_config defaults = {
    .struct_size = sizeof(bzd_metrics_config), .which = BZD_METRIC_ALL, .directions = 512, .neighbours = 3};

bzd_status bzd_metrics_config_init(bzd_metrics_config *config, size_t size) {
  return bzdi_done(bzdi_config_init(NAME, config, size, &defaults, sizeof defaults, FIRST_METRICS_CONFIG));
}

size_t bzd_metrics_config_size(void) { return sizeof(bzd_metrics_config); }
size_t bzd_metrics_result_size(void) { return sizeof(bzd_metrics_result); }

static bzd_status check_sets(const char *name, int64_t dim, int64_t n, int64_t low_n, const float *a, int64_t m,
                             int64_t low_m, const float *b) {
  BZDI_TRY(bzdi_check_i64(name, "dim", dim, 1, BZDI_MAX_DIM));
  int64_t most = INT64_C(1) << 31;
  BZDI_TRY(bzdi_check_i64(name, "n", n, low_n, most));
  BZDI_TRY(bzdi_check_i64(name, "m", m, low_m, most));
  if ((n > 0 && a == NULL) || b == NULL)
    return bzdi_fail(BZD_E_ARGUMENT, "%s: %s is NULL", name, b == NULL ? "b" : "a");
  BZDI_TRY(bzdi_check_finite("a", n, dim, a));
  return bzdi_check_finite("b", m, dim, b);
}

static bzd_status compute(const bzd_context *context, const bzd_metrics_config *c, int64_t dim, bzdi_sample a,
                          bzdi_sample b, bzd_metrics_result *r) {
  uint32_t which = c->which;
  if (which & BZD_METRIC_SW2) BZDI_TRY(bzdi_sliced_w2(context, dim, a, b, c->directions, c->seed, &r->sw2));
  if (which & BZD_METRIC_W2) BZDI_TRY(bzdi_exact_w2(context, dim, a, b, &r->w2));
  if (which & BZD_METRIC_ENERGY) BZDI_TRY(bzdi_energy(context, dim, a, b, &r->energy));
  if (which & BZD_METRIC_FRECHET) BZDI_TRY(bzdi_frechet(context, dim, a, b, &r->frechet, &r->frechet_matched));
  if (which & BZD_METRIC_PRECISION_RECALL)
    BZDI_TRY(bzdi_precision_recall(context, dim, a, b, c->neighbours, &r->precision, &r->recall));
  if (which & BZD_METRIC_MMD) BZDI_TRY(bzdi_mmd2(context, dim, a, b, &r->mmd));
  if (which & BZD_METRIC_TOTAL_VARIANCE) {
    r->total_variance = bzdi_total_variance(dim, a);
    r->total_variance_b = bzdi_total_variance(dim, b);
  }
  return BZD_OK;
}

bzd_status bzd_metrics_compare(const bzd_context *context, const bzd_metrics_config *config, int64_t dim, int64_t n,
                               const float *a, int64_t m, const float *b, bzd_metrics_result *result) {
  static const char *const name = "metrics compare";
  BZDI_TRY(bzdi_check_context(context));
  BZDI_TRY(bzdi_check_ptr("metrics result", result));
  BZDI_TRY(bzdi_result_check("metrics result", result, FIRST_METRICS_RESULT));
  bzd_metrics_config c = defaults;
  BZDI_TRY(bzdi_config_read(NAME, config, &c, sizeof c, FIRST_METRICS_CONFIG));
  if (c.which == 0 || (c.which & ~(uint32_t)BZD_METRIC_ALL) != 0)
    return bzdi_fail(BZD_E_ARGUMENT, "%s: which is %u, expected bits of %d", NAME, (unsigned)c.which, BZD_METRIC_ALL);
  BZDI_TRY(bzdi_check_i64(NAME, "directions", c.directions, 1, 65536));
  BZDI_TRY(bzdi_check_i64(NAME, "neighbours", c.neighbours, 1, 100));
  BZDI_TRY(check_sets(name, dim, n, 8, a, m, 8, b));
  if (n != m || n > MAX_W2) {
    if (c.which == BZD_METRIC_W2)
      return bzdi_fail(BZD_E_LIMIT, "%s: exact w2 of %lld and %lld rows, expected as many of each and at most %d", name,
                       (long long)n, (long long)m, MAX_W2);
    c.which &= ~(uint32_t)BZD_METRIC_W2;
  }
  int64_t fewer = n < m ? n : m;
  if (c.neighbours >= fewer && (c.which & BZD_METRIC_PRECISION_RECALL))
    return bzdi_fail(BZD_E_ARGUMENT, "%s: neighbours is %d, expected fewer than the %lld rows", NAME, (int)c.neighbours,
                     (long long)fewer);
  bzd_metrics_result values = {.which = c.which,
                               .sw2 = NAN,
                               .w2 = NAN,
                               .energy = NAN,
                               .frechet = NAN,
                               .frechet_matched = NAN,
                               .precision = NAN,
                               .recall = NAN,
                               .mmd = NAN,
                               .total_variance = NAN,
                               .total_variance_b = NAN};
  BZDI_TRY(compute(context, &c, dim, (bzdi_sample){n, a}, (bzdi_sample){m, b}, &values));
  bzdi_result_write(result, &values, sizeof values);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_metrics_nearest(const bzd_context *context, int64_t dim, int64_t n, const float *a, int64_t m,
                               const float *b, int64_t *index, double *distance) {
  BZDI_TRY(bzdi_check_context(context));
  BZDI_TRY(check_sets("metrics nearest", dim, n, 0, a, m, 1, b));
  if (n > 0 && (index != NULL || distance != NULL)) {
    BZDI_TRY(bzdi_nearest(context, dim, (bzdi_sample){n, a}, (bzdi_sample){m, b}, index, distance));
    for (int64_t i = 0; distance != NULL && i < n; i++) distance[i] = sqrt(distance[i]);
  }
  return bzdi_done(BZD_OK);
}
