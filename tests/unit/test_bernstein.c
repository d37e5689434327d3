/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "num/bernstein.h"
#include "num/eigen.h"

static void binomials_are_pascals(void **state) {
  (void)state;
  double row[33] = {1.0};
  for (int n = 0; n <= 32; n++) {
    for (int k = 0; k <= n; k++) assert_true(bzdi_binomial(n, k) == row[k]);
    for (int k = n + 1; k > 0 && n < 32; k--) row[k] += row[k - 1];
  }
}

static void basis_is_its_formula(void **state) {
  (void)state;
  const double times[] = {0.0, 1.0, 0.5, 0.1, 0.999999, 1e-9, -0.25, 1.5};
  for (int n = 0; n <= BZDI_MAX_DEGREE; n++)
    for (size_t k = 0; k < sizeof times / sizeof *times; k++) {
      double b[BZDI_MAX_DEGREE + 1];
      bzdi_bernstein(n, times[k], b);
      for (int i = 0; i <= n; i++) {
        const double expected = bzdi_binomial(n, i) * pow(1.0 - times[k], n - i) * pow(times[k], i);
        assert_true(fabs(b[i] - expected) <= 1e-14 * fmax(1.0, pow(fabs(1.0 - times[k]) + fabs(times[k]), n)));
      }
    }
  const float t = 0.7f;
  double b[2];
  bzdi_bernstein(1, (double)t, b);
  assert_true(b[0] == 1.0 - (double)t && b[1] == (double)t);
}

/* Integral of b_i b_j by Simpson's rule on 2000 intervals. */
static void gram_is_the_integral(void **state) {
  (void)state;
  for (int n = 1; n <= 6; n++) {
    double m[49], sum[49] = {0};
    bzdi_gram(n, m);
    for (int k = 0; k <= 2000; k++) {
      double b[7];
      bzdi_bernstein(n, k / 2000.0, b);
      const double w = (k == 0 || k == 2000 ? 1.0 : k % 2 ? 4.0 : 2.0) / 6000.0;
      for (int i = 0; i <= n; i++)
        for (int j = 0; j <= n; j++) sum[i * (n + 1) + j] += w * b[i] * b[j];
    }
    for (int i = 0; i < (n + 1) * (n + 1); i++) assert_true(fabs(m[i] - sum[i]) < 1e-9);
  }
}

/* The published condition numbers of the interior block. */
static void interior_gram_is_as_ill_conditioned_as_stated(void **state) {
  (void)state;
  const struct {
    int n;
    double condition;
  } stated[] = {{2, 1.0}, {3, 7.0}, {4, 37.0}, {6, 762.0}, {8, 1.3e4}, {12, 3.5e6}, {16, 8.7e8}};
  for (size_t k = 0; k < sizeof stated / sizeof *stated; k++) {
    const int n = stated[k].n, inner = n - 1;
    double m[17 * 17], a[15 * 15], values[15], work[30];
    bzdi_gram(n, m);
    for (int i = 0; i < inner; i++)
      for (int j = 0; j < inner; j++) a[i * inner + j] = m[(i + 1) * (n + 1) + j + 1];
    assert_int_equal(bzdi_eigen_symmetric(inner, a, 0, values, work), BZD_OK);
    const double condition = values[inner - 1] / values[0];
    assert_true(fabs(condition / stated[k].condition - 1.0) < 0.03);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(binomials_are_pascals),
      cmocka_unit_test(basis_is_its_formula),
      cmocka_unit_test(gram_is_the_integral),
      cmocka_unit_test(interior_gram_is_as_ill_conditioned_as_stated),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
