/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "../support/numbers.h"
#include "base/error.h"
#include "num/dense.h"
#include "num/tile.h"

static double *doubles(uint64_t seed, int64_t count) {
  double *x = malloc((size_t)count * sizeof *x);
  for (int64_t i = 0; i < count; i++) x[i] = numbers_normal(&seed);
  return x;
}

static void definite_systems_are_solved(void **state) {
  (void)state;
  for (int n = 1; n <= 20; n++) {
    enum { M = 3 };
    double *g = doubles(1, n * n), *x = doubles(2, n * M), a[400], b[20 * M];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        a[i * n + j] = i == j ? 0.5 : 0.0;
        for (int k = 0; k < n; k++) a[i * n + j] += g[i * n + k] * g[j * n + k];
      }
    }
    for (int i = 0; i < n; i++)
      for (int c = 0; c < M; c++) {
        b[i * M + c] = 0.0;
        for (int k = 0; k < n; k++) b[i * M + c] += a[i * n + k] * x[k * M + c];
      }
    assert_int_equal(bzdi_solve_spd(n, a, M, b), BZD_OK);
    for (int i = 0; i < n * M; i++) assert_true(fabs(b[i] - x[i]) < 1e-10);
    free(g);
    free(x);
  }
}

static void other_systems_are_refused(void **state) {
  (void)state;
  double indefinite[] = {1.0, 2.0, 2.0, 1.0}, unknown[] = {1.0, NAN, NAN, 1.0}, singular[] = {1.0, 1.0, 1.0, 1.0};
  double b[2] = {1.0, 1.0};
  char text[100];
  assert_int_equal(bzdi_solve_spd(2, indefinite, 1, b), BZD_E_NUMERIC);
  assert_true(bzdi_error_copy(text, sizeof text) > 0 && strstr(text, "pivot 1 is -3") != NULL);
  assert_int_equal(bzdi_solve_spd(2, unknown, 1, b), BZD_E_NUMERIC);
  assert_int_equal(bzdi_solve_spd(2, singular, 1, b), BZD_E_NUMERIC);
}

/* The naive loop adds in the same order, so the bits must agree, with any instruction set and any threads. */
static void products_are_naive_products_to_the_bit(void **state) {
  (void)state;
  const int64_t shapes[][3] = {{1, 1, 1}, {5, 9, 3}, {64, 64, 256}, {65, 70, 257}, {3, 130, 600}, {100, 1, 1}};
  for (int threads = 1; threads <= 3; threads += 2) {
    bzd_context *context = numbers_context(threads);
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
      for (int turned = 0; turned < 2; turned++) {
        const int64_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
        double *a = doubles(3, m * k), *b = doubles(4, k * n), *c = doubles(5, m * n), *slow = doubles(5, m * n);
        const bzdi_matrix left = {a, turned ? 1 : k, turned ? m : 1}, right = {b, turned ? 1 : n, turned ? k : 1};
        for (int64_t i = 0; i < m; i++)
          for (int64_t j = 0; j < n; j++)
            for (int64_t p = 0; p < k; p++)
              slow[i * n + j] += a[i * left.row + p * left.column] * b[p * right.row + j * right.column];
        assert_int_equal(bzdi_dense_add_product(context, m, n, k, left, right, c), BZD_OK);
        assert_memory_equal(c, slow, (size_t)(m * n) * sizeof *c);
        free(a);
        free(b);
        free(c);
        free(slow);
      }
    bzdi_release(context);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(definite_systems_are_solved),
      cmocka_unit_test(other_systems_are_refused),
      cmocka_unit_test(products_are_naive_products_to_the_bit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
