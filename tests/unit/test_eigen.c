/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "../support/numbers.h"
#include "num/eigen.h"

/* kind 0: full rank; 1: rank 2; 2: diagonal; 3: zero; 4: blocks of very different size; 5: equal eigenvalues */
static double *symmetric(int n, int kind, uint64_t seed) {
  double *a = calloc((size_t)(n * n), sizeof *a);
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= i; j++) {
      double x = numbers_normal(&seed);
      if (kind == 1) x = (i + 1.0) * (j + 1.0) + cos(i) * cos(j);
      if (kind == 2 && i != j) x = 0.0;
      if (kind == 3) x = 0.0;
      if (kind == 4) x *= pow(10.0, -(i + j) / 2.0);
      if (kind == 5) x = i == j ? 3.0 : -2.0 / n; /* I - 2 v v' and then some */
      a[i * n + j] = a[j * n + i] = x;
    }
  return a;
}

static void vectors_diagonalise(void **state) {
  (void)state;
  for (int n = 1; n <= 40; n += n < 6 ? 1 : 17)
    for (int kind = 0; kind < 6; kind++) {
      double *a = symmetric(n, kind, 9), *q = malloc((size_t)(n * n) * sizeof *q), values[64], alone[64], work[128];
      double norm = 0.0;
      for (int i = 0; i < n * n; i++) norm = fmax(norm, fabs(a[i]));
      memcpy(q, a, (size_t)(n * n) * sizeof *q);
      assert_int_equal(bzdi_eigen_symmetric(n, q, 1, values, work), BZD_OK);
      for (int k = 0; k < n; k++) {
        assert_true(k == 0 || values[k] >= values[k - 1]);
        for (int i = 0; i < n; i++) { /* A q_k = value q_k */
          double sum = -values[k] * q[i * n + k];
          for (int j = 0; j < n; j++) sum += a[i * n + j] * q[j * n + k];
          assert_true(fabs(sum) <= 1e-14 * n * norm);
        }
        for (int l = 0; l < n; l++) { /* q_k . q_l */
          double sum = k == l ? -1.0 : 0.0;
          for (int i = 0; i < n; i++) sum += q[i * n + k] * q[i * n + l];
          assert_true(fabs(sum) <= 1e-14 * n);
        }
      }
      assert_int_equal(bzdi_eigen_symmetric(n, a, 0, alone, work), BZD_OK);
      for (int k = 0; k < n; k++) assert_true(fabs(alone[k] - values[k]) <= 1e-14 * n * norm);
      free(a);
      free(q);
    }
}

/* The second difference matrix: 2 - 2 cos(k pi / (n + 1)). */
static void known_values(void **state) {
  (void)state;
  enum { N = 150 };
  static double a[N * N], values[N], work[2 * N];
  for (int i = 0; i < N; i++) {
    a[i * N + i] = 2.0;
    if (i > 0) a[i * N + i - 1] = a[(i - 1) * N + i] = -1.0;
  }
  assert_int_equal(bzdi_eigen_symmetric(N, a, 0, values, work), BZD_OK);
  for (int k = 0; k < N; k++)
    assert_true(fabs(values[k] - (2.0 - 2.0 * cos((k + 1) * 3.141592653589793 / (N + 1)))) <= 1e-13);
}

static void what_is_not_finite_is_refused(void **state) {
  (void)state;
  const double bad[] = {NAN, INFINITY, -INFINITY};
  for (int k = 0; k < 3; k++) {
    double a[9] = {1, 2, 3, 2, 1, 0, 3, 0, 1}, values[3], work[6];
    a[5] = a[7] = bad[k];
    assert_int_equal(bzdi_eigen_symmetric(3, a, 0, values, work), BZD_E_NUMERIC);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(vectors_diagonalise),
      cmocka_unit_test(known_values),
      cmocka_unit_test(what_is_not_finite_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
