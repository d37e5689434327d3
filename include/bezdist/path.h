/* SPDX-License-Identifier: MIT */
/* Bezier paths [n, degree + 1, dim], P_0 at t = 0 and P_degree at t = 1: plain functions on arrays of the caller.
 * Formulas: docs/math.md. */
#ifndef BEZDIST_PATH_H
#define BEZDIST_PATH_H

#include <bezdist/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All of them: n >= 0, degree 1..16, dim 1..2^20; paths that are not finite make their own outputs so, and no others';
 * outputs are the caller's and must not overlap the inputs. On the calling thread alone. Status: BZD_E_ARGUMENT (names
 * argument, value and range), BZD_E_MEMORY (reduce). Threads: any. Since 0.1. */

/* points [n, count, dim] = B(times[k]), count 0..2^20; times in 0..1, or outside within +-1e6: extrapolated. Since 0.1.
 */
BZD_API bzd_status bzd_path_evaluate(int64_t n, int32_t degree, int64_t dim, const float *paths, int64_t count,
                                     const double *times, float *points);
/* velocities [n, count, dim] = B'(times[k]), as bzd_path_evaluate. Since 0.1. */
BZD_API bzd_status bzd_path_derivative(int64_t n, int32_t degree, int64_t dim, const float *paths, int64_t count,
                                       const double *times, float *velocities);
/* The same curves with to + 1 control points, out [n, to + 1, dim], to in degree..16. Exact. Since 0.1. */
BZD_API bzd_status bzd_path_elevate(int64_t n, int32_t degree, int64_t dim, const float *paths, int32_t to, float *out);
/* The nearest curves of a lower degree to <= degree in integral |A - B|^2 dt, both ends kept; error [n] (may be NULL) =
 * the square root of that integral. out [n, to + 1, dim], to in 1..degree. Since 0.1. */
BZD_API bzd_status bzd_path_reduce(int64_t n, int32_t degree, int64_t dim, const float *paths, int32_t to, float *out,
                                   double *error);
/* The halves before and after t, 0 < t < 1, each [n, degree + 1, dim]; either may be NULL. Since 0.1. */
BZD_API bzd_status bzd_path_split(int64_t n, int32_t degree, int64_t dim, const float *paths, double t, float *left,
                                  float *right);
/* Per path, each [n] or NULL: straightness integral |B' - (P_n - P_0)|^2 dt, arc length, chord length. Since 0.1. */
BZD_API bzd_status bzd_path_measure(int64_t n, int32_t degree, int64_t dim, const float *paths, double *straightness,
                                    double *arc, double *chord);
/* curvature [n, count] at times[k] (as bzd_path_evaluate): sqrt(|B'|^2 |B''|^2 - (B' . B'')^2) / |B'|^3, one over the
 * radius of the circle that fits best; 0 for a line, infinite where the curve stands still and turns. Since 0.1. */
BZD_API bzd_status bzd_path_curvature(int64_t n, int32_t degree, int64_t dim, const float *paths, int64_t count,
                                      const double *times, double *curvature);
/* distance [n] = square root of integral |A - B|^2 dt of two curves of one degree (Gram matrix, no sampling). Since
 * 0.1. */
BZD_API bzd_status bzd_path_distance(int64_t n, int32_t degree, int64_t dim, const float *a, const float *b,
                                     double *distance);
/* Quadratics (degree 2) or cubics (degree 3) from start [n, dim] to end [n, dim] that pass guides [n, degree - 1, dim]
 * at times tau [degree - 1] (WAYPOINTS; tau ascending, none within 0.05 of 0, 1 or each other). For guides that are
 * control points, put them into the polygon yourself: a curve does not pass through its interior control points. Since
 * 0.1. */
BZD_API bzd_status bzd_path_from_waypoints(int64_t n, int32_t degree, int64_t dim, const float *start,
                                           const float *guides, const double *tau, const float *end, float *paths);
/* What a student is trained on: states x [n, dim] = B(t[r]) of row r's own time, and heads u [n, degree, dim], the mean
 * velocities from there to the control points of the rest of the curve. Either may be NULL. t [n], each in 0..1. Since
 * 0.1. */
BZD_API bzd_status bzd_path_targets(int64_t n, int32_t degree, int64_t dim, const float *paths, const float *t,
                                    float *x, float *u);

#ifdef __cplusplus
}
#endif
#endif
