/* SPDX-License-Identifier: MIT */
/* Products against a triple loop in double; the same bits for any threads, and for a row whatever goes with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bf16.h"
#include "num/gemm.h"
#include "num/kernel.h"
#include "numbers.h"

#include <float.h>
#include <string.h>

/* |computed - exact| <= (k + 2) eps sum |a b|: any order of additions, fused or not. */
static void check(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column, const float *b,
                  int64_t b_row, int64_t b_column, const float *c, int64_t ldc) {
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) {
      double sum = 0, size = 0;
      for (int64_t p = 0; p < k; p++) {
        double term = (double)a[i * a_row + p * a_column] * (double)b[p * b_row + j * b_column];
        sum += term;
        size += fabs(term);
      }
      if (!(fabs(sum - (double)c[i * ldc + j]) <= (double)(k + 2) * (double)FLT_EPSILON * size))
        fail_msg("%lld x %lld x %lld: element %lld, %lld is %g, expected %g", (long long)m, (long long)n, (long long)k,
                 (long long)i, (long long)j, (double)c[i * ldc + j], sum);
    }
}

/* With a guard behind what a product may use of its scratch. */
static void product(int way, const bzd_context *context, int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
                    int64_t a_column, const float *b, int64_t b_row, int64_t b_column, float *c, int64_t ldc) {
  enum { GUARD = 64 };
  size_t bytes = bzdi_gemm_scratch_by(way, context, m, n, k, a_row, a_column);
  unsigned char *scratch = aligned_alloc(64, (bytes + GUARD + 63) / 64 * 64);
  memset(scratch + bytes, 0xA5, GUARD);
  bzdi_gemm_by(way, context, m, n, k, a, a_row, a_column, b, b_row, b_column, c, ldc, scratch);
  for (int i = 0; i < GUARD; i++) assert_int_equal(scratch[bytes + (size_t)i], 0xA5);
  free(scratch);
}

static void one_shape(int way, int64_t m, int64_t n, int64_t k, int transposed_a, int transposed_b) {
  float *a = numbers_floats(1, m * k, 0, 1), *b = numbers_floats(2, k * n, 0, 1);
  int64_t ldc = n + 3;
  float *c = numbers_floats(3, m * ldc, 0, 1), *before = malloc((size_t)(m * ldc) * sizeof *before);
  memcpy(before, c, (size_t)(m * ldc) * sizeof *c);
  int64_t a_row = transposed_a ? 1 : k, a_column = transposed_a ? m : 1;
  int64_t b_row = transposed_b ? 1 : n, b_column = transposed_b ? k : 1;
  product(way, NULL, m, n, k, a, a_row, a_column, b, b_row, b_column, c, ldc);
  check(m, n, k, a, a_row, a_column, b, b_row, b_column, c, ldc);
  for (int64_t i = 0; i < m; i++) /* columns beyond n are not ours */
    assert_memory_equal(c + i * ldc + n, before + i * ldc + n, 3 * sizeof *c);
  free(a), free(b), free(c), free(before);
}

static void test_all_forms(void **state) {
  (void)state;
  static const int64_t sizes[][3] = {{1, 1, 1},    {6, 64, 5},   {7, 65, 33},    {13, 2, 128},   {100, 130, 1},
                                     {97, 34, 96}, {2, 128, 70}, {31, 47, 1100}, {70, 66, 1024}, {300, 20, 600}};
  for (int way = BZDI_GEMM_OWN; way <= BZDI_GEMM_BLIS; way++)
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
      for (int form = 0; form < 4; form++) one_shape(way, sizes[s][0], sizes[s][1], sizes[s][2], form & 1, form >> 1);
}

static void test_random_shapes(void **state) {
  (void)state;
  uint64_t seed = 9;
  for (int i = 0; i < 60; i++) {
    int64_t m = 1 + (int64_t)(70 * numbers_uniform(&seed)), n = 1 + (int64_t)(140 * numbers_uniform(&seed));
    one_shape(BZDI_GEMM_RULE, m, n, 1 + (int64_t)(70 * numbers_uniform(&seed)), i & 1, i >> 1 & 1);
  }
}

/* One and several blocks of K; A packed because it is transposed, because its rows share lines of the cache, or not. */
static void test_same_bits_for_any_threads(void **state) {
  (void)state;
  enum { M = 250, N = 300 };
  static const int64_t depths[] = {90, 600, 1024};
  static const int32_t threads[] = {1, 2, 3, 8};
  for (int d = 0; d < 3; d++)
    for (int transposed = 0; transposed < 2; transposed++) {
      const int64_t k = depths[d], a_row = transposed ? 1 : k, a_column = transposed ? M : 1;
      float *a = numbers_floats(1, M * k, 0, 1), *b = numbers_floats(2, k * N, 0, 1);
      float *first = calloc(M * N, sizeof *first), *c = calloc(M * N, sizeof *c);
      for (int way = BZDI_GEMM_OWN; way <= BZDI_GEMM_BLIS; way++) {
        for (int t = 0; t < 4; t++) {
          bzd_context *context = numbers_context(threads[t]);
          assert_non_null(context);
          product(way, context, M, N, k, a, a_row, a_column, b, N, 1, t == 0 ? first : c, N);
          if (t > 0) assert_memory_equal(first, c, sizeof(float) * M * N);
          bzdi_release(context);
        }
        check(M, N, k, a, a_row, a_column, b, N, 1, first, N);
      }
      free(a), free(b), free(c), free(first);
    }
}

static double slow_silu(double z) { return z / (1 + exp(-z)); }

typedef struct packed_case {
  int precision;
  int64_t n, k;
  float *weights, *bias; /* [n, k], and what bfloat16 makes of them */
  void *packed, *work;
} packed_case;

static void multiply(const packed_case *p, int64_t m, const float *a, int silu, float *c) {
  bzdi_packed_gemm(p->precision, m, p->n, p->k, a, p->k, p->packed, p->bias, silu, c, p->n, p->work);
}

/* K of several blocks and less than one, panels whole and not. */
static void packed_of(int precision, int64_t n, int64_t k) {
  enum { M = 29 };
  float *a = numbers_floats(1, M * k, 0, 1), *c = calloc((size_t)(M * n), sizeof *c),
        *part = calloc((size_t)(M * n), sizeof *c);
  packed_case p = {precision, n, k, numbers_floats(2, n * k, 0, 0.2), numbers_floats(3, n, 0, 1), NULL, NULL};
  p.packed = aligned_alloc(64, bzdi_packed_bytes(precision, k, n));
  p.work = aligned_alloc(64, (bzdi_packed_work(precision, k) + 64) / 64 * 64);
  bzdi_pack(precision, k, n, p.weights, 1, k, p.packed); /* weights [out, in] */
  for (int64_t i = 0; precision == BZDI_BFLOAT16 && i < n * k; i++) {
    uint16_t half;
    bzdi_bf16_from_f32(&p.weights[i], 1, &half);
    bzdi_bf16_to_f32(&half, 1, &p.weights[i]);
  }
  for (int silu = 0; silu < 2; silu++) {
    multiply(&p, M, a, silu, c);
    for (int64_t i = 0; i < M; i++)
      for (int64_t j = 0; j < n; j++) {
        double sum = (double)p.bias[j];
        for (int64_t q = 0; q < k; q++) sum += (double)a[i * k + q] * (double)p.weights[j * k + q];
        assert_true(fabs((silu ? slow_silu(sum) : sum) - (double)c[i * n + j]) < 4e-7 * (double)k + 1e-5);
      }
    /* A row's bits do not depend on the rows beside it. */
    for (int64_t m = 1; m <= M; m++) {
      multiply(&p, m, a, silu, part);
      assert_memory_equal(part, c, sizeof(float) * (size_t)(m * n));
    }
    for (int64_t i = 0; i < M; i++) {
      multiply(&p, 1, a + i * k, silu, part);
      assert_memory_equal(part, c + i * n, sizeof(float) * (size_t)n);
    }
  }
  /* What bfloat16 says is what float32 says of the rounded weights, to the bit. */
  if (precision == BZDI_BFLOAT16) {
    packed_case exact = p;
    exact.precision = BZDI_FLOAT32;
    exact.packed = aligned_alloc(64, bzdi_packed_bytes(BZDI_FLOAT32, k, n));
    bzdi_pack(BZDI_FLOAT32, k, n, p.weights, 1, k, exact.packed);
    multiply(&exact, M, a, 1, part);
    assert_memory_equal(part, c, sizeof(float) * (size_t)(M * n));
    if (n % 64 == 0)
      assert_true(2 * bzdi_packed_bytes(BZDI_BFLOAT16, k, n) <= bzdi_packed_bytes(BZDI_FLOAT32, k, n) + 64);
    free(exact.packed);
  }
  bzdi_packed_gemm(precision, M, n, k, a, k, p.packed, NULL, 0, c, n, p.work);
  check(M, n, k, a, k, 1, p.weights, 1, k, c, n);
  free(a), free(c), free(part), free(p.weights), free(p.bias), free(p.packed), free(p.work);
}

static void test_packed(void **state) {
  static const int64_t widths[] = {1, 16, 63, 64, 139, 256}, depths[] = {1, 57, 256, 601};
  (void)state;
  for (int precision = BZDI_FLOAT32; precision <= BZDI_BFLOAT16; precision++)
    for (size_t n = 0; n < sizeof widths / sizeof *widths; n++)
      for (size_t k = 0; k < sizeof depths / sizeof *depths; k++) packed_of(precision, widths[n], depths[k]);
}

/* One row by panels of bfloat16, in every table, the last of them whole or not: the bits of a tile of what they are
 * widened to, which is the upper halves themselves. */
static void test_every_row(void **state) {
  (void)state;
  enum { K = 37 };
  for (int32_t i = 0; bzdi_kernels_at(i); i++) {
    const bzdi_kernels *kernels = bzdi_kernels_at(i);
    const int32_t panel = kernels->panel, lanes = kernels->lanes, most = kernels->row_panels * panel;
    float *a = numbers_floats(1, K, 0, 1), *b = numbers_floats(2, most * K, 0, 1);
    float *c = calloc((size_t)most + 1, sizeof *c), *tiles = calloc((size_t)most, sizeof *c);
    float *wide = calloc((size_t)(panel * K), sizeof *wide);
    uint32_t *pairs = calloc((size_t)(most * K / 2), sizeof *pairs);
    for (int32_t j = 0; j < most * K; j++) { /* b[panel][K][panel] and the same as pairs of vectors */
      uint16_t half;
      bzdi_bf16_from_f32(&b[j], 1, &half);
      bzdi_bf16_to_f32(&half, 1, &b[j]);
      const int32_t in_pair = j % (2 * lanes);
      pairs[j / (2 * lanes) * lanes + in_pair % lanes] |= (uint32_t)half << (in_pair < lanes ? 0 : 16);
    }
    for (int32_t columns = 1; columns <= most; columns++) {
      const int32_t panels = columns <= panel ? 1 : kernels->row_panels;
      if (panels > 1 && columns <= most - panel) continue;
      bzdi_tile_job job = {.k = K, .a = a, .a_row = K, .a_column = 1, .c = c, .b16 = pairs};
      c[columns] = 77;
      kernels->row(&job, panels, columns);
      assert_true(c[columns] == 77);
      for (int32_t q = 0; q < columns; q += panel) {
        const int32_t here = columns - q < panel ? columns - q : panel, width = (here + lanes - 1) / lanes * lanes;
        bzdi_tile_job one = job;
        kernels->widen(K, width, pairs + q / 2 * K, wide);
        for (int32_t p = 0; p < K; p++)
          assert_memory_equal(wide + p * width, b + q * K + p * panel, sizeof(float) * (size_t)width);
        one.b = wide;
        one.c = tiles + q;
        kernels->tile(&one, 1, here);
      }
      assert_memory_equal(c, tiles, sizeof(float) * (size_t)columns);
      if (columns < most) continue;
      job.b16 = NULL; /* the same as float32: whole panels alone */
      job.b = b;
      memset(c, 0, sizeof(float) * (size_t)columns);
      kernels->row(&job, panels, columns);
      assert_memory_equal(c, tiles, sizeof(float) * (size_t)columns);
    }
    free(a), free(b), free(c), free(tiles), free(wide), free(pairs);
  }
}

/* Every table this CPU runs, one tile of each size. */
static void test_every_table(void **state) {
  (void)state;
  int tables = 0;
  for (int32_t i = 0; bzdi_kernels_at(i); i++, tables++) {
    const bzdi_kernels *kernels = bzdi_kernels_at(i);
    enum { K = 19 };
    for (int32_t rows = 1; rows <= BZDI_TILE_MOST; rows++)
      for (int32_t columns = 1; columns <= kernels->panel; columns++) {
        int32_t width = (columns + kernels->lanes - 1) / kernels->lanes * kernels->lanes;
        static float b[K * 64], c[6 * 64], a[6 * K];
        uint64_t seed = 3;
        memset(b, 0, sizeof b);
        for (int j = 0; j < rows * K; j++) a[j] = (float)numbers_normal(&seed);
        for (int p = 0; p < K; p++)
          for (int j = 0; j < columns; j++) b[p * width + j] = (float)numbers_normal(&seed);
        bzdi_tile_job job = {.k = K, .a = a, .a_row = K, .a_column = 1, .b = b, .c = c, .ldc = 64};
        kernels->tile(&job, rows, columns);
        check(rows, columns, K, a, K, 1, b, width, 1, c, 64);
        static float parts[6 * 64];
        memcpy(parts, c, sizeof c); /* what lies beyond the tile */
        job.c = parts;
        for (int64_t p = 0; p < K; p += 7) { /* put down and gone on with: the same chain, the same bits */
          job.a = a + p;
          job.b = b + p * width;
          job.k = K - p < 7 ? K - p : 7;
          job.go_on = p > 0;
          kernels->tile(&job, rows, columns);
        }
        assert_memory_equal(parts, c, sizeof c);
        job = (bzdi_tile_job){.k = K, .a = a, .a_row = K, .a_column = 1, .b = b, .c = parts, .ldc = 64};
        job.ahead = UINTPTR_MAX - 700; /* no address of ours: what is asked for ahead is not read */
        job.ahead_step = 64;
        kernels->tile(&job, rows, columns);
        assert_memory_equal(parts, c, sizeof c);
      }
  }
  assert_true(tables >= 1);
}

static void test_description(void **state) {
  (void)state;
  char text[160], cut[8];
  size_t length = bzdi_gemm_describe(text, sizeof text);
  assert_int_equal(length, strlen(text));
  assert_non_null(strstr(text, "blis"));
  assert_int_equal(bzdi_gemm_describe(cut, sizeof cut), length);
  assert_int_equal(strlen(cut), 7);
  assert_true(bzdi_gemm_ready());
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_forms),
                                     cmocka_unit_test(test_random_shapes),
                                     cmocka_unit_test(test_same_bits_for_any_threads),
                                     cmocka_unit_test(test_packed),
                                     cmocka_unit_test(test_every_row),
                                     cmocka_unit_test(test_every_table),
                                     cmocka_unit_test(test_description)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
