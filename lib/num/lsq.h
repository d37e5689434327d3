/* SPDX-License-Identifier: MIT */
/* The pinned-end least-squares fit of Bezier curves to states at common times. */
#ifndef BZDI_NUM_LSQ_H
#define BZDI_NUM_LSQ_H

#include <bezdist/base.h>

/* A fit matrix G [degree-1, nodes] with P_i = sum_k G[i-1][k] X_k for the interior points; ends are copied. */
typedef struct bzdi_fit {
  const bzd_context *context; /* retained by the caller */
  int32_t degree, nodes;
  int in_double;    /* norm is above 100: products in double */
  double norm;      /* of W+, which takes deviations from the chord to control points: largest absolute row sum, so the
                       most that a control point moves when every state moves by at most 1; 0 for degree 1 */
  double condition; /* of A'WA (+ ridge), 2-norm; 1 for degree 1 */
  double *matrix;   /* [degree-1, nodes] */
  double *times;    /* [nodes] */
  double *weights;  /* [nodes] or NULL */
  double ridge;
  float *matrix_f; /* matrix, rounded */
  double *basis;   /* [nodes, degree+1], Bernstein values at the times */
} bzdi_fit;

/* times[0] = 0 < ... < times[nodes-1] = 1 strictly, nodes >= degree + 1; weights NULL = 1 (>= 0, finite); ridge >= 0 on
 * the deviation from the chord. bend, 0..1, is the share of the fitted deviation that is kept: 1 the fit, 0 the chord.
 * BZD_E_ARGUMENT for other input, BZD_E_NUMERIC when too few weights inside are positive or the fit is undefined for
 * another reason, BZD_E_MEMORY. */
bzd_status bzdi_fit_new(const bzd_context *context, int32_t degree, int32_t nodes, const double *times,
                        const double *weights, double ridge, double bend, bzdi_fit **out);
void bzdi_fit_free(bzdi_fit *fit);

/* States, time-major [nodes, n, dim] or sample-major [n, nodes, dim] -> paths [n, degree+1, dim]: one product with G,
 * written where it belongs, spread over the context's threads. Both layouts give the same bits. */
void bzdi_fit_time_major(const bzdi_fit *fit, int64_t n, int64_t dim, const float *states, float *paths);
void bzdi_fit_sample_major(const bzdi_fit *fit, int64_t n, int64_t dim, const float *states, float *paths);
/* residual[n]: root mean square over nodes and coordinates of state - curve; layout as above (time_major 0 or 1). */
void bzdi_fit_residual(const bzdi_fit *fit, int64_t n, int64_t dim, const float *states, int time_major,
                       const float *paths, double *residual);

#endif
