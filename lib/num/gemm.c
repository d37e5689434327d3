/* SPDX-License-Identifier: MIT */
/* Which way a matrix product goes.
 *
 * The rule. Own kernels wherever the CPU has AVX2 or better, or BLIS does not know it (its generic kernels reach a
 * sixth of peak); BLIS elsewhere (SSE-only x86, and the ARM and POWER cores it is tuned for). The figures are in
 * docs/performance.md. Only the CPU decides, never the shape: so a row of C never changes its kernel with its
 * neighbours. */
#include "num/gemm.h"

#include "base/error.h"
#include "num/gemm_parts.h"
#include "num/kernel.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* Where own kernels serve, BLIS is not even set up. */
static int own_are_fast(void) { return bzdi_kernels_pick() != &bzdi_kernels_base; }

static int rule(void) { return own_are_fast() || !bzdi_blis_knows_cpu() ? BZDI_GEMM_OWN : BZDI_GEMM_BLIS; }

size_t bzdi_gemm_scratch_by(int way, const bzd_context *context, int64_t m, int64_t n, int64_t k, int64_t a_row,
                            int64_t a_column) {
  if (way == BZDI_GEMM_RULE) way = rule();
  int64_t floats = bzdi_own_scratch(context, m, k, a_row, a_column); /* BLIS may still say no */
  if (way == BZDI_GEMM_BLIS && floats < bzdi_blis_scratch(m, n, k)) floats = bzdi_blis_scratch(m, n, k);
  return (size_t)floats * sizeof(float) + 64;
}

size_t bzdi_gemm_scratch(const bzd_context *context, int64_t m, int64_t n, int64_t k, int64_t a_row, int64_t a_column) {
  return bzdi_gemm_scratch_by(BZDI_GEMM_RULE, context, m, n, k, a_row, a_column);
}

void bzdi_gemm_by(int way, const bzd_context *context, int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
                  int64_t a_column, const float *b, int64_t b_row, int64_t b_column, float *c, int64_t ldc,
                  void *scratch) {
  assert(m > 0 && n > 0 && k > 0 && a && b && c && scratch);
  if (way == BZDI_GEMM_RULE) way = rule();
  const bzdi_product product = {.m = m,
                                .n = n,
                                .k = k,
                                .a = a,
                                .b = b,
                                .a_row = a_row,
                                .a_column = a_column,
                                .b_row = b_row,
                                .b_column = b_column,
                                .c_row = ldc,
                                .c_column = 1,
                                .c = c};
  if (way != BZDI_GEMM_BLIS || !bzdi_blis_product(context, &product, scratch))
    bzdi_own_product(context, &product, scratch);
}

void bzdi_gemm(const bzd_context *context, int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
               int64_t a_column, const float *b, int64_t b_row, int64_t b_column, float *c, int64_t ldc,
               void *scratch) {
  bzdi_gemm_by(BZDI_GEMM_RULE, context, m, n, k, a, a_row, a_column, b, b_row, b_column, c, ldc, scratch);
}

/* ---- Set-up and description ---------------------------------------------------------------------------------- */

/* Setting BLIS up takes memory by malloc (0.9: 342 blocks, 82,364 bytes together, 5,072 the largest) and ends the
 * process where that is refused. So three times as much is asked for first, in blocks so small that a common malloc
 * keeps them in its heap when they are freed: what was there a moment ago is still there. */
int bzdi_gemm_ready(void) {
  enum { BLOCKS = 32, BYTES = 8192 };
  char *block[BLOCKS];
  int got = 0;
  if (own_are_fast()) return 1;
  while (got < BLOCKS && (block[got] = malloc(BYTES)) != NULL) got++;
  for (int i = got; i-- > 0;) free(block[i]);
  if (got == BLOCKS) bzdi_blis_start();
  return got == BLOCKS;
}

int bzdi_gemm_is_slow(void) { return !own_are_fast() && rule() == BZDI_GEMM_OWN; }

size_t bzdi_gemm_describe(char *buf, size_t cap) {
  char text[160];
  const char *own = bzdi_kernels_pick()->name, *version = bzdi_blis_version();
  if (own_are_fast())
    snprintf(text, sizeof text, "own %s kernels (blis %s not used)", own, version);
  else if (rule() == BZDI_GEMM_OWN)
    snprintf(text, sizeof text, "own %s kernels (blis %s: no kernel for this CPU)", own, version);
  else
    snprintf(text, sizeof text, "blis %s %s kernels, own %s kernels for sampling", version, bzdi_blis_cpu(), own);
  return bzdi_text_copy(text, buf, cap);
}
