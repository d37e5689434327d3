/* SPDX-License-Identifier: MIT */
/* The two ways of a product; gemm.c chooses. */
#ifndef BZDI_NUM_GEMM_PARTS_H
#define BZDI_NUM_GEMM_PARTS_H

#include <bezdist/base.h>

/* C[m, n] = A[m, k] B[k, n]; element (i, p) of A at a[i * a_row + p * a_column], and so on. */
typedef struct bzdi_product {
  int64_t m, n, k;
  const float *a, *b;
  int64_t a_row, a_column, b_row, b_column, c_row, c_column;
  float *c;
} bzdi_product;

static inline int64_t bzdi_least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t bzdi_round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

/* Our own kernels; scratch in floats, 64-byte aligned. c_column is 1. */
int64_t bzdi_own_scratch(const bzd_context *context, int64_t m, int64_t k, int64_t a_row, int64_t a_column);
void bzdi_own_product(const bzd_context *context, const bzdi_product *product, float *scratch);

/* The micro-kernels of BLIS. knows_cpu sets BLIS up; product returns 0 and has done nothing where that says no. */
int bzdi_blis_knows_cpu(void);
void bzdi_blis_start(void);
int64_t bzdi_blis_scratch(int64_t m, int64_t n, int64_t k);
int bzdi_blis_product(const bzd_context *context, const bzdi_product *product, float *scratch);
const char *bzdi_blis_version(void);
const char *bzdi_blis_cpu(void); /* its name of the kernels it took */

#endif
