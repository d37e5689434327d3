/* SPDX-License-Identifier: MIT */
/* Small dense linear algebra in double. */
#ifndef BZDI_NUM_DENSE_H
#define BZDI_NUM_DENSE_H

#include <bezdist/base.h>

/* Solves the symmetric positive definite A[n,n] X = B[n,m] in place (Cholesky). BZD_E_NUMERIC when not definite. */
bzd_status bzdi_solve_spd(int64_t n, double *a, int64_t m, double *b);

/* A matrix by row and column stride; a transpose is a swap of the two. */
typedef struct bzdi_matrix {
  const double *at;
  int64_t row, column;
} bzdi_matrix;

/* C[m, n] += A[m, k] B[k, n], C with rows n apart; every element one sum over k in order. Blocks of C are spread over
 * the context's threads. BZD_E_MEMORY. */
bzd_status bzdi_dense_add_product(const bzd_context *context, int64_t m, int64_t n, int64_t k, bzdi_matrix a,
                                  bzdi_matrix b, double *c);

#endif
