/* SPDX-License-Identifier: MIT */
/* The fused inner loops, one table per instruction set. kernel_impl.h is the one source; kernel_base.c, kernel_avx2.c
 * and kernel_avx512.c compile it. These files alone are built with -ffp-contract=fast: vector extensions have no other
 * way to a fused multiply-add. */
#ifndef BZDI_NUM_KERNEL_H
#define BZDI_NUM_KERNEL_H

#include "num/vec.h"

#include <stddef.h>

#define BZDI_TILE_MOST 6 /* rows of a tile at most, in every table */

/* C[rows, columns] = A B, or with go_on C + A B, the sums going on from C. A element (r, p) at
 * a[r * a_row + p * a_column]; b is one packed panel [k][width] with width = columns rounded up to whole vectors. Each
 * element is one chain of fused multiply-adds over p = 0..k-1, so its bits depend on its own row and column alone. */
typedef struct bzdi_tile_job {
  int64_t k;
  const float *a;
  int64_t a_row, a_column;
  const float *b;
  int go_on;
  float *c;
  int64_t ldc;
  uintptr_t ahead; /* an address that is read next, or 0: asked for meanwhile, ahead_step bytes further for each p */
  uintptr_t ahead_step;
  const uint32_t *b16; /* in place of b: [k][panel / 2], word i of a pair of vectors holds lane i of both */
} bzdi_tile_job;

typedef struct bzdi_kernels {
  const char *name;
  int32_t lanes, panel; /* floats in a vector; columns of a full panel */
  int64_t depth;        /* rows of a panel that the first-level cache holds beside A and C */
  void (*tile)(const bzdi_tile_job *job, int32_t rows, int32_t columns);
  int32_t row_panels; /* that row takes at once */
  /* One row by panels one after another: row_panels whole ones of float32; of bfloat16 1 or row_panels, the last of
   * them perhaps not whole. */
  void (*row)(const bzdi_tile_job *job, int32_t panels, int32_t columns);
  /* Lines of one panel of bfloat16 as float32, width of them, whole vectors: [k][width]. */
  void (*widen)(int64_t k, int64_t width, const uint32_t *from, float *to);
  /* C[n, width] = act(C + bias), bias NULL = 0. */
  void (*activate)(int64_t n, int64_t width, const float *bias, int silu, float *c, int64_t ldc);
  void (*bias_silu)(int64_t n, int64_t width, const float *bias, float *z, float *y);
  void (*multiply)(int64_t count, const float *x, float *y);
  void (*column_sums)(int64_t n, int64_t width, const float *x, float *out);
  void (*time_features)(int64_t n, const float *t, int64_t count, const float *f, float *out, int64_t ld);
  double (*sum_squares)(int64_t count, const float *x);
  void (*adam)(const bzdi_adam *adam, int64_t count, const float *grad, float *w, float *m, float *v, float *ema);
} bzdi_kernels;

extern const bzdi_kernels bzdi_kernels_base, bzdi_kernels_avx2, bzdi_kernels_avx512;

/* The best table this CPU runs. */
const bzdi_kernels *bzdi_kernels_pick(void);
/* The i-th table this CPU runs, best first, or NULL: for tests. */
const bzdi_kernels *bzdi_kernels_at(int32_t i);

#endif
