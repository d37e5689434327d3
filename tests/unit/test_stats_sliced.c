/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/samples.h"
#include "base/rng.h"

static int ascending(const void *x, const void *y) {
  const double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

/* Both samples repeated to n m values, so that quantile functions meet step by step. */
static double slow_w2(int64_t n, double *a, int64_t m, double *b) {
  qsort(a, (size_t)n, sizeof *a, ascending);
  qsort(b, (size_t)m, sizeof *b, ascending);
  double sum = 0.0;
  for (int64_t k = 0; k < n * m; k++) sum += (a[k / m] - b[k / n]) * (a[k / m] - b[k / n]);
  return sum / (double)(n * m);
}

static double slow_sliced(int64_t dim, bzdi_sample a, bzdi_sample b, int32_t directions, uint64_t seed) {
  double total = 0.0, *x = malloc((size_t)a.n * sizeof *x), *y = malloc((size_t)b.n * sizeof *y);
  float *z = malloc((size_t)dim * sizeof *z);
  for (int32_t k = 0; k < directions; k++) {
    double norm = 0.0;
    bzdi_rng_normals(seed, BZD_STREAM_METRIC, (uint64_t)k, 1, dim, z, dim);
    for (int64_t c = 0; c < dim; c++) norm += (double)z[c] * (double)z[c];
    for (int64_t r = 0; r < a.n; r++) {
      x[r] = 0.0;
      for (int64_t c = 0; c < dim; c++) x[r] += (double)a.x[r * dim + c] * (double)z[c] / sqrt(norm);
    }
    for (int64_t r = 0; r < b.n; r++) {
      y[r] = 0.0;
      for (int64_t c = 0; c < dim; c++) y[r] += (double)b.x[r * dim + c] * (double)z[c] / sqrt(norm);
    }
    total += slow_w2(a.n, x, b.n, y);
  }
  free(x);
  free(y);
  free(z);
  return sqrt(total / directions);
}

static void equal_to_the_slow_version(void **state) {
  (void)state;
  const int64_t shapes[][3] = {{1, 20, 20}, {2, 30, 45}, {7, 64, 1}, {33, 1, 50}, {300, 9, 13}, {3, 300, 300}};
  const int32_t directions[] = {1, 16, 37};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (int d = 0; d < 3; d++) {
      const int64_t dim = shapes[s][0], n = shapes[s][1], m = shapes[s][2];
      float *a = numbers_floats(1, n * dim, 0.0, 1.0), *b = numbers_floats(2, m * dim, -0.3, 2.0);
      const bzdi_sample left = {n, a}, right = {m, b};
      double fast;
      assert_int_equal(bzdi_sliced_w2(NULL, dim, left, right, directions[d], 5, &fast), BZD_OK);
      const double slow = slow_sliced(dim, left, right, directions[d], 5);
      assert_true(fabs(fast - slow) <= 1e-12 * slow);
      free(a);
      free(b);
    }
}

/* A shift by v: W2 along u is |u . v|, in one dimension |v|, and over all directions |v| / sqrt(dim). */
static void a_shift_in_closed_form(void **state) {
  (void)state;
  for (int64_t dim = 1; dim <= 16; dim *= 4) {
    enum { N = 100 };
    float *a = numbers_floats(3, N * dim, 0.0, 1.0), *b = numbers_floats(3, N * dim, 0.0, 1.0);
    double out, length = 0.0;
    for (int64_t c = 0; c < dim; c++) {
      length += 0.25 * (double)((c + 1) * (c + 1));
      for (int64_t r = 0; r < N; r++) b[r * dim + c] += 0.5f * (float)(c + 1);
    }
    assert_int_equal(bzdi_sliced_w2(NULL, dim, (bzdi_sample){N, a}, (bzdi_sample){N, b}, 4096, 0, &out), BZD_OK);
    /* the mean of dim (u.v)^2 over 4096 directions has relative deviation below sqrt(2 / 4096) = 0.022 */
    assert_true(fabs(out / sqrt(length / (double)dim) - 1.0) < (dim == 1 ? 1e-6 : 0.033));
    assert_int_equal(bzdi_sliced_w2(NULL, dim, (bzdi_sample){N, a}, (bzdi_sample){N, a}, 64, 0, &out), BZD_OK);
    assert_true(out == 0.0);
    free(a);
    free(b);
  }
}

static void order_of_rows_does_not_matter(void **state) {
  (void)state;
  enum { N = 50, DIM = 4 };
  float *a = numbers_floats(7, N * DIM, 0.0, 1.0), *b = numbers_floats(8, N * DIM, 0.0, 1.0), turned[N * DIM];
  double one, two, other_seed;
  for (int r = 0; r < N; r++) memcpy(turned + r * DIM, a + (N - 1 - r) * DIM, DIM * sizeof *a);
  assert_int_equal(bzdi_sliced_w2(NULL, DIM, (bzdi_sample){N, a}, (bzdi_sample){N, b}, 32, 1, &one), BZD_OK);
  assert_int_equal(bzdi_sliced_w2(NULL, DIM, (bzdi_sample){N, turned}, (bzdi_sample){N, b}, 32, 1, &two), BZD_OK);
  assert_int_equal(bzdi_sliced_w2(NULL, DIM, (bzdi_sample){N, a}, (bzdi_sample){N, b}, 32, 2, &other_seed), BZD_OK);
  assert_true(one == two && one != other_seed);
  free(a);
  free(b);
}

static bzd_status metric(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, double out[2]) {
  return bzdi_sliced_w2(context, dim, a, b, 100, 0, out);
}

static void threads_and_memory(void **state) {
  (void)state;
  samples_check_metric(metric, 130, 77);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_to_the_slow_version),
      cmocka_unit_test(a_shift_in_closed_form),
      cmocka_unit_test(order_of_rows_does_not_matter),
      cmocka_unit_test(threads_and_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
