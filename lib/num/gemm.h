/* SPDX-License-Identifier: MIT */
/* Matrix products. Row-major float32; operands of bzdi_gemm by row and column stride, so a transposed operand is a
 * swap of its strides.
 *
 * bzdi_gemm: C = A B, for training: kernels of BLIS or our own by the rule in gemm.c, in blocks that are spread over
 * the context's threads; same bits for any number of threads.
 *
 * bzdi_packed_: rows times weights packed once, for sampling: our own kernels always, serial (call it inside a task); a
 * row's bits depend on k and n only, never on how many rows go with it. */
#ifndef BZDI_NUM_GEMM_H
#define BZDI_NUM_GEMM_H

#include <bezdist/base.h>

/* Scratch bytes of one bzdi_gemm of this shape and these strides of A with this context; one of more rows, columns or
 * depth and the same strides serves smaller shapes. 64-byte aligned. */
size_t bzdi_gemm_scratch(const bzd_context *context, int64_t m, int64_t n, int64_t k, int64_t a_row, int64_t a_column);
/* C[m, n] = A[m, k] B[k, n]. C has unit column stride. m, n, k >= 1. */
void bzdi_gemm(const bzd_context *context, int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
               int64_t a_column, const float *b, int64_t b_row, int64_t b_column, float *c, int64_t ldc, void *scratch);

/* How packed weights are kept. The values of BZD_PRECISION_ in flow.h; compared by the api layer's static asserts. */
enum { BZDI_FLOAT32 = 0, BZDI_BFLOAT16 = 1 };

/* Bytes of a packed [k, n] matrix, a multiple of 64, and the packing of B[k, n] given by strides. */
size_t bzdi_packed_bytes(int precision, int64_t k, int64_t n);
void bzdi_pack(int precision, int64_t k, int64_t n, const float *b, int64_t b_row, int64_t b_column, void *packed);
/* Bytes of work of a packed product; 0 for float32. */
size_t bzdi_packed_work(int precision, int64_t k);
/* C[m, n] = act(A[m, k] B + bias); bias NULL = 0; silu 0 or 1. ldc >= n; C columns n.. are not written. */
void bzdi_packed_gemm(int precision, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const void *packed,
                      const float *bias, int silu, float *c, int64_t ldc, void *work);

/* Which way bzdi_gemm goes; tests and measurements force one. */
enum { BZDI_GEMM_RULE = 0, BZDI_GEMM_OWN = 1, BZDI_GEMM_BLIS = 2 };
size_t bzdi_gemm_scratch_by(int way, const bzd_context *context, int64_t m, int64_t n, int64_t k, int64_t a_row,
                            int64_t a_column);
void bzdi_gemm_by(int way, const bzd_context *context, int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
                  int64_t a_column, const float *b, int64_t b_row, int64_t b_column, float *c, int64_t ldc,
                  void *scratch);

/* Sets BLIS up where it will be used, after a look that memory is there: it ends the process when malloc fails, and
 * takes memory at no other time. 0: no memory; sets no text. To be called before anything else here: wherever a context
 * begins, or a network without one. */
int bzdi_gemm_ready(void);
/* One phrase on what was chosen and why: "own avx512 kernels (blis 0.9.0 not used)". Returns its length. */
size_t bzdi_gemm_describe(char *buf, size_t cap);
/* Whether neither we nor BLIS have kernels for this CPU. */
int bzdi_gemm_is_slow(void);

#endif
