/* SPDX-License-Identifier: MIT */
#include "api/api.h"

#include <stdio.h>

bzd_status bzdi_check_list(const char *name, const char *field, int64_t count, const double *values, double low,
                           double high) {
  for (int64_t i = 0; i < count; i++) {
    char item[64];
    snprintf(item, sizeof item, "%s[%lld]", field, (long long)i);
    BZDI_TRY(bzdi_check_f64(name, item, values[i], low, high));
  }
  return BZD_OK;
}

bzd_status bzdi_check_times(const char *name, const char *field, int64_t count, const double *times, double t0,
                            double t1) {
  if (times[0] != t0)
    return bzdi_fail(BZD_E_ARGUMENT, "%s: %s[0] is %.9g, expected the start %.9g", name, field, times[0], t0);
  for (int64_t i = 1; i < count; i++)
    if (!(t0 < t1 ? times[i - 1] < times[i] : times[i - 1] > times[i]))
      return bzdi_fail(BZD_E_ARGUMENT, "%s: %s[%lld] is %.9g after %.9g, expected strictly %s times", name, field,
                       (long long)i, times[i], times[i - 1], t0 < t1 ? "ascending" : "descending");
  if (times[count - 1] != t1)
    return bzdi_fail(BZD_E_ARGUMENT, "%s: %s[%lld] is %.9g, expected the end %.9g", name, field, (long long)(count - 1),
                     times[count - 1], t1);
  return BZD_OK;
}

bzd_status bzdi_check_row_times(const char *name, int64_t n, const float *t) {
  for (int64_t r = 0; r < n; r++)
    if (!(t[r] >= 0.0f && t[r] <= 1.0f))
      return bzdi_fail(BZD_E_ARGUMENT, "%s: t of row %lld is %g, expected 0..1", name, (long long)r, (double)t[r]);
  return BZD_OK;
}

bzd_status bzdi_check_waypoints(const char *name, const char *field, int32_t degree, const double *tau) {
  BZDI_TRY(bzdi_check_list(name, field, degree - 1, tau, 0.05, 0.95));
  if (degree == 3 && !(tau[1] - tau[0] >= 0.05))
    return bzdi_fail(BZD_E_ARGUMENT, "%s: %s is {%.9g, %.9g}, expected ascending times at least 0.05 apart", name,
                     field, tau[0], tau[1]);
  return BZD_OK;
}

bzd_status bzdi_check_guidance(const char *name, double guidance, int64_t cond_dim, const float *cond) {
  BZDI_TRY(bzdi_check_f64(name, "guidance", guidance, -1000.0, 1000.0));
  if (guidance != 1.0 && (cond_dim == 0 || cond == NULL))
    return bzdi_fail(BZD_E_ARGUMENT, "%s: guidance is %.9g without a condition (%s), expected 1", name, guidance,
                     cond_dim == 0 ? "cond_dim is 0" : "cond is NULL");
  return BZD_OK;
}

void bzdi_destroy(void *object, uint32_t magic) {
  if (object != NULL && ((bzdi_handle *)object)->magic == magic) bzdi_release(object);
}
