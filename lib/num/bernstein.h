/* SPDX-License-Identifier: MIT */
/* The Bezier kit (docs/math.md). A batch of paths is [n, degree + 1, dim]. Degrees 1..16; coefficients in double. */
#ifndef BZDI_NUM_BERNSTEIN_H
#define BZDI_NUM_BERNSTEIN_H

#include <bezdist/base.h>

#define BZDI_MAX_DEGREE 16

double bzdi_binomial(int32_t n, int32_t k);
/* b[i] = C(n,i) (1-t)^(n-i) t^i, i = 0..n. For n = 1: exactly 1-t and t. */
void bzdi_bernstein(int32_t n, double t, double *b);
/* Gram matrix M[(n+1) x (n+1)] of the Bernstein basis on [0, 1]. */
void bzdi_gram(int32_t n, double *m);

/* Row r at its own t[r]: state x[n, dim] = B(t); heads u[n, heads, dim], the mean velocities to the right-hand de
 * Casteljau points R_m, m = 1..heads (heads == degree), or only head 1 = B'(t) (heads == 1), or only the last one
 * (last_only). For degree 1: x = (1-t) P0 + t P1 and u = P1 - P0 to the bit. x or u may be NULL. */
void bzdi_path_targets(int64_t n, int32_t degree, int64_t dim, const float *paths, const float *t, int32_t heads,
                       int last_only, float *x, float *u);
/* Points of n curves at k common times: out [n, k, dim]. */
void bzdi_path_evaluate(int64_t n, int32_t degree, int64_t dim, const float *paths, int64_t k, const double *times,
                        float *out);
/* B'(t), the same shapes. */
void bzdi_path_derivative(int64_t n, int32_t degree, int64_t dim, const float *paths, int64_t k, const double *times,
                          float *out);
void bzdi_path_elevate(int64_t n, int32_t degree, int64_t dim, const float *paths, int32_t to, float *out);
/* Least squares in the Gram metric with both ends kept; error[n] (may be NULL) = sqrt(integral |A - B|^2 dt). */
bzd_status bzdi_path_reduce(const bzd_context *context, int64_t n, int32_t degree, int64_t dim, const float *paths,
                            int32_t to, float *out, double *error);
/* left and right halves at t, each [n, degree+1, dim]; either may be NULL. */
void bzdi_path_split(int64_t n, int32_t degree, int64_t dim, const float *paths, double t, float *left, float *right);
/* Per path: straightness = integral |B' - (P_n - P_0)|^2 dt; arc = length (Gauss-Legendre, 8 panels of
 * 16 points: about 1e-3 where the speed all but vanishes, else 1e-7 or better); chord. Any may be NULL. */
void bzdi_path_measure(int64_t n, int32_t degree, int64_t dim, const float *paths, double *straightness, double *arc,
                       double *chord);
/* curvature[n, k] at k common times. */
void bzdi_path_curvature(int64_t n, int32_t degree, int64_t dim, const float *paths, int64_t k, const double *times,
                         double *curvature);
/* distance2[n] = integral |A - B|^2 dt. */
void bzdi_path_distance2(int64_t n, int32_t degree, int64_t dim, const float *a, const float *b, double *distance2);
/* Velocity-unit heads u[n, degree, dim] at (x, t): point at s (both per row): x + sum_m C(n,m) s'^m (1-s')^(n-m) (m/n)
 * (1-t) u_m with s' = (s-t)/(1-t), sums in double. In-place allowed (out == x). */
void bzdi_heads_step(int64_t n, int32_t degree, int64_t dim, const float *x, const float *u, const double *t,
                     const double *s, float *out);
/* Control polygon of the rest of the path: R_0 = x, R_m = x + (m/n)(1-t) u_m; out [n, degree+1, dim]. */
void bzdi_heads_to_path(int64_t n, int32_t degree, int64_t dim, const float *x, const float *u, const float *t,
                        float *out);
/* Interior control points through waypoints: degree 2 passes z[0] at tau[0], degree 3 passes z[0], z[1] at tau[0] <
 * tau[1]. z [n, degree-1, dim]. Refuses tau within 0.05 of 0, 1 or each other. */
bzd_status bzdi_path_from_waypoints(int64_t n, int32_t degree, int64_t dim, const float *p0, const float *z,
                                    const double *tau, const float *pn, float *out);

#endif
