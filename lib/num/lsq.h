/* SPDX-License-Identifier: MIT */
/* Small dense linear algebra in double, and the pinned-end least-squares fit of Bezier curves to states at common
 * times. */
#ifndef BZDI_NUM_LSQ_H
#define BZDI_NUM_LSQ_H

#include <bezdist/base.h>

/* Solves the symmetric positive definite A[n,n] X = B[n,m] in place (Cholesky). BZD_E_NUMERIC when not definite. */
bzd_status bzdi_solve_spd(int64_t n, double *a, int64_t m, double *b);
/* Symmetric eigenproblem: values ascending; a [n,n] is overwritten with eigenvectors in columns (when vectors is 1).
 * work: n doubles. Householder and implicit QL. BZD_E_NUMERIC when it does not converge. */
bzd_status bzdi_eigen_symmetric(int64_t n, double *a, int vectors, double *values, double *work);

/* A fit matrix G [degree-1, nodes] with P_i = sum_k G[i-1][k] X_k for the interior points; ends are copied. */
typedef struct bzdi_fit {
  const bzd_context *context; /* retained by the caller */
  int32_t degree, nodes;
  int in_double;    /* the norm of G is above 100 */
  double norm;      /* spectral or Frobenius bound of G, documented in lsq.c */
  double condition; /* of A'WA */
  double *matrix;   /* [degree-1, nodes] */
  double *times;    /* [nodes] */
  float *matrix_f;  /* the same rounded, for the GEMM */
} bzdi_fit;

/* times[0] = 0 < ... < times[nodes-1] = 1 strictly, nodes >= degree + 1; weights NULL = 1 (>= 0, finite, enough of them
 * positive); ridge >= 0 on the deviation from the chord. Normal equations, or QR when the condition number passes 1e6.
 */
bzd_status bzdi_fit_new(const bzd_context *context, int32_t degree, int32_t nodes, const double *times,
                        const double *weights, double ridge, bzdi_fit **out);
void bzdi_fit_free(bzdi_fit *fit);
/* Time-major states [nodes, n, dim] -> paths [n, degree+1, dim]: one GEMM over n*dim columns. work: see size. */
size_t bzdi_fit_work(const bzdi_fit *fit, int64_t n, int64_t dim);
void bzdi_fit_time_major(const bzdi_fit *fit, int64_t n, int64_t dim, const float *states, float *paths, void *work);
/* Sample-major states [n, nodes, dim], fused per sample; rows spread over the context's threads. */
void bzdi_fit_sample_major(const bzdi_fit *fit, int64_t n, int64_t dim, const float *states, float *paths);
/* residual[n]: root mean square over nodes and coordinates of state - curve; layout as above (time_major 0 or 1). */
void bzdi_fit_residual(const bzdi_fit *fit, int64_t n, int64_t dim, const float *states, int time_major,
                       const float *paths, double *residual);

#endif
