/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/samples.h"
#include "base/error.h"

/* Least sum of squared distances over all ways to pair rows i.. with the unused rows of b. */
static double every_pairing(int64_t dim, int n, const float *a, const float *b, int i, unsigned used) {
  if (i == n) return 0.0;
  double least = INFINITY;
  for (int j = 0; j < n; j++) {
    if (used >> j & 1u) continue;
    const double d = samples_distance(dim, a + i * dim, b + j * dim);
    least = fmin(least, d * d + every_pairing(dim, n, a, b, i + 1, used | 1u << j));
  }
  return least;
}

static void equal_to_every_pairing_tried(void **state) {
  (void)state;
  for (int n = 1; n <= 7; n++)
    for (uint64_t seed = 1; seed <= 30; seed++) {
      const int64_t dim = 1 + (int64_t)seed % 4;
      float *a = numbers_floats(seed, n * dim, 0.0, 1.0), *b = numbers_floats(seed + 100, n * dim, 0.3, 1.0);
      if (seed > 15) /* many equal costs */
        for (int64_t i = 0; i < n * dim; i++) {
          a[i] = roundf(a[i]);
          b[i] = roundf(b[i]);
        }
      double out;
      assert_int_equal(bzdi_exact_w2(NULL, dim, (bzdi_sample){n, a}, (bzdi_sample){n, b}, &out), BZD_OK);
      const double slow = sqrt(every_pairing(dim, n, a, b, 0, 0) / n);
      assert_true(fabs(out - slow) <= 1e-12 * (1.0 + slow));
      free(a);
      free(b);
    }
}

static int ascending(const void *x, const void *y) {
  const float a = *(const float *)x, b = *(const float *)y;
  return (a > b) - (a < b);
}

/* On a line the sorted pairing is the best; a shift costs its length, whatever the order of rows. */
static void large_sets_in_closed_form(void **state) {
  (void)state;
  enum { N = 600 };
  for (int kind = 0; kind < 3; kind++) {
    float *a = numbers_floats(5, N, 0.0, 1.0), *b = numbers_floats(6, N, 0.5, 2.0);
    double out, sum = 0.0;
    if (kind == 1) /* hardly any distinct values */
      for (int i = 0; i < N; i++) {
        a[i] = roundf(a[i]);
        b[i] = roundf(b[i]);
      }
    if (kind == 2) /* far from 0: costs whose last bits are noise */
      for (int i = 0; i < N; i++) {
        a[i] = 1e6f + a[i];
        b[i] = -1e6f + b[i];
      }
    assert_int_equal(bzdi_exact_w2(NULL, 1, (bzdi_sample){N, a}, (bzdi_sample){N, b}, &out), BZD_OK);
    qsort(a, N, sizeof *a, ascending);
    qsort(b, N, sizeof *b, ascending);
    for (int i = 0; i < N; i++) sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    assert_true(fabs(out - sqrt(sum / N)) <= 1e-9 * (1.0 + out));
    free(a);
    free(b);
  }
  enum { DIM = 3 };
  float *a = numbers_floats(7, N * DIM, 0.0, 1.0), b[N * DIM];
  double out;
  for (int r = 0; r < N; r++)
    for (int c = 0; c < DIM; c++) b[(r * 7 % N) * DIM + c] = a[r * DIM + c] + 0.25f * (float)(c + 1);
  assert_int_equal(bzdi_exact_w2(NULL, DIM, (bzdi_sample){N, a}, (bzdi_sample){N, b}, &out), BZD_OK);
  assert_true(fabs(out - 0.25 * sqrt(14.0)) < 1e-6);
  free(a);
}

static void other_sizes_are_refused(void **state) {
  (void)state;
  float *x = calloc(2049, sizeof *x);
  double out = 3.0;
  char text[200];
  assert_int_equal(bzdi_exact_w2(NULL, 1, (bzdi_sample){8, x}, (bzdi_sample){9, x}, &out), BZD_E_LIMIT);
  assert_true(bzdi_error_copy(text, sizeof text) > 0 && strstr(text, "8 and 9 rows") != NULL);
  assert_int_equal(bzdi_exact_w2(NULL, 1, (bzdi_sample){2049, x}, (bzdi_sample){2049, x}, &out), BZD_E_LIMIT);
  assert_true(out == 3.0);
  free(x);
}

static bzd_status metric(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, double out[2]) {
  return bzdi_exact_w2(context, dim, a, b, out);
}

static void threads_and_memory(void **state) {
  (void)state;
  samples_check_metric(metric, 150, 150);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_to_every_pairing_tried),
      cmocka_unit_test(large_sets_in_closed_form),
      cmocka_unit_test(other_sizes_are_refused),
      cmocka_unit_test(threads_and_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
