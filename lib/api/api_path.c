/* SPDX-License-Identifier: MIT */
#include "api/api.h"
#include "num/bernstein.h"

#include <math.h>

_Static_assert(BZDI_MAX_DEGREE == 16, "degrees of the public headers");

/* Arguments that all functions share; most is the largest count of points a row has on either side. */
static bzd_status check(const char *name, int64_t n, int32_t degree, int64_t dim, int64_t most, const float *paths) {
  BZDI_TRY(bzdi_check_degree(name, degree, 1, BZDI_MAX_DEGREE));
  BZDI_TRY(bzdi_check_i64(name, "dim", dim, 1, BZDI_MAX_DIM));
  BZDI_TRY(bzdi_check_rows(name, n, dim * (most > degree ? most : degree + 1)));
  if (n > 0 && paths == NULL) return bzdi_fail(BZD_E_ARGUMENT, "%s: paths is NULL", name);
  return BZD_OK;
}

static bzd_status check_given(const char *name, const char *what, int64_t n, const void *pointer) {
  return n > 0 && pointer == NULL ? bzdi_fail(BZD_E_ARGUMENT, "%s: %s is NULL", name, what) : BZD_OK;
}

static bzd_status check_points(const char *name, int64_t n, int32_t degree, int64_t dim, const float *paths,
                               int64_t count, const double *times, const char *what, const void *out) {
  BZDI_TRY(bzdi_check_i64(name, "count", count, 0, INT64_C(1) << 20));
  BZDI_TRY(check(name, n, degree, dim, count, paths));
  BZDI_TRY(check_given(name, "times", count, times));
  BZDI_TRY(bzdi_check_list(name, "times", count, times, -1e6, 1e6));
  return check_given(name, what, count == 0 ? 0 : n, out);
}

bzd_status bzd_path_evaluate(int64_t n, int32_t degree, int64_t dim, const float *paths, int64_t count,
                             const double *times, float *points) {
  BZDI_TRY(check_points("path evaluate", n, degree, dim, paths, count, times, "points", points));
  if (n > 0 && count > 0) bzdi_path_evaluate(n, degree, dim, paths, count, times, points);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_path_derivative(int64_t n, int32_t degree, int64_t dim, const float *paths, int64_t count,
                               const double *times, float *velocities) {
  BZDI_TRY(check_points("path derivative", n, degree, dim, paths, count, times, "velocities", velocities));
  if (n > 0 && count > 0) bzdi_path_derivative(n, degree, dim, paths, count, times, velocities);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_path_elevate(int64_t n, int32_t degree, int64_t dim, const float *paths, int32_t to, float *out) {
  static const char *const name = "path elevate";
  BZDI_TRY(check(name, n, degree, dim, BZDI_MAX_DEGREE + 1, paths));
  BZDI_TRY(bzdi_check_i64(name, "to", to, degree, BZDI_MAX_DEGREE));
  BZDI_TRY(check_given(name, "out", n, out));
  if (n > 0) bzdi_path_elevate(n, degree, dim, paths, to, out);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_path_reduce(int64_t n, int32_t degree, int64_t dim, const float *paths, int32_t to, float *out,
                           double *error) {
  static const char *const name = "path reduce";
  BZDI_TRY(check(name, n, degree, dim, 0, paths));
  BZDI_TRY(bzdi_check_i64(name, "to", to, 1, degree));
  BZDI_TRY(check_given(name, "out", n, out));
  return bzdi_done(n == 0 ? BZD_OK : bzdi_path_reduce(NULL, n, degree, dim, paths, to, out, error));
}

bzd_status bzd_path_split(int64_t n, int32_t degree, int64_t dim, const float *paths, double t, float *left,
                          float *right) {
  static const char *const name = "path split";
  BZDI_TRY(check(name, n, degree, dim, 0, paths));
  if (!(t > 0.0 && t < 1.0)) return bzdi_fail(BZD_E_ARGUMENT, "%s: t is %.9g, expected 0 < t < 1", name, t);
  if (n > 0) bzdi_path_split(n, degree, dim, paths, t, left, right);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_path_measure(int64_t n, int32_t degree, int64_t dim, const float *paths, double *straightness,
                            double *arc, double *chord) {
  BZDI_TRY(check("path measure", n, degree, dim, 0, paths));
  if (n > 0) bzdi_path_measure(n, degree, dim, paths, straightness, arc, chord);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_path_curvature(int64_t n, int32_t degree, int64_t dim, const float *paths, int64_t count,
                              const double *times, double *curvature) {
  static const char *const name = "path curvature";
  BZDI_TRY(check_points(name, n, degree, dim, paths, count, times, "curvature", curvature));
  if (n > 0 && count > 0) bzdi_path_curvature(n, degree, dim, paths, count, times, curvature);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_path_distance(int64_t n, int32_t degree, int64_t dim, const float *a, const float *b, double *distance) {
  static const char *const name = "path distance";
  BZDI_TRY(check_given(name, "a", n, a));
  BZDI_TRY(check_given(name, "b", n, b));
  BZDI_TRY(check(name, n, degree, dim, 0, a));
  BZDI_TRY(check_given(name, "distance", n, distance));
  if (n > 0) bzdi_path_distance2(n, degree, dim, a, b, distance);
  for (int64_t i = 0; i < n; i++) distance[i] = sqrt(distance[i]);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_path_from_waypoints(int64_t n, int32_t degree, int64_t dim, const float *start, const float *guides,
                                   const double *tau, const float *end, float *paths) {
  static const char *const name = "path from waypoints";
  BZDI_TRY(bzdi_check_degree(name, degree, 2, 3));
  BZDI_TRY(check(name, n, degree, dim, 0, paths));
  BZDI_TRY(check_given(name, "start", n, start));
  BZDI_TRY(check_given(name, "guides", n, guides));
  BZDI_TRY(check_given(name, "end", n, end));
  BZDI_TRY(check_given(name, "tau", 1, tau));
  BZDI_TRY(bzdi_check_waypoints(name, "tau", degree, tau));
  return bzdi_done(n == 0 ? BZD_OK : bzdi_path_from_waypoints(n, degree, dim, start, guides, tau, end, paths));
}

bzd_status bzd_path_targets(int64_t n, int32_t degree, int64_t dim, const float *paths, const float *t, float *x,
                            float *u) {
  static const char *const name = "path targets";
  BZDI_TRY(check(name, n, degree, dim, 0, paths));
  BZDI_TRY(check_given(name, "t", n, t));
  BZDI_TRY(bzdi_check_row_times(name, n, t));
  if (n > 0) bzdi_path_targets(n, degree, dim, paths, t, degree, 0, x, u);
  return bzdi_done(BZD_OK);
}
