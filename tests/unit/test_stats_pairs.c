/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/samples.h"

static double slow_energy(int64_t dim, bzdi_sample a, bzdi_sample b) {
  const double n = (double)a.n, m = (double)b.n;
  double across = 0.0, in_a = 0.0, in_b = 0.0;
  for (int64_t i = 0; i < a.n; i++)
    for (int64_t j = 0; j < b.n; j++) across += samples_distance(dim, a.x + i * dim, b.x + j * dim);
  for (int64_t i = 0; i < a.n; i++)
    for (int64_t j = 0; j < a.n; j++) in_a += samples_distance(dim, a.x + i * dim, a.x + j * dim);
  for (int64_t i = 0; i < b.n; i++)
    for (int64_t j = 0; j < b.n; j++) in_b += samples_distance(dim, b.x + i * dim, b.x + j * dim);
  return 2.0 * across / (n * m) - in_a / (n * (n - 1.0)) - in_b / (m * (m - 1.0));
}

static int ascending(const void *x, const void *y) {
  const double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

/* rows of b that count for the median: all, or 2048 at equal steps */
static double slow_median(int64_t dim, bzdi_sample b) {
  const int64_t n = b.n < 2048 ? b.n : 2048, pairs = n * (n - 1) / 2;
  double *d = malloc((size_t)pairs * sizeof *d);
  int64_t k = 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < i; j++) d[k++] = samples_distance(dim, b.x + i * b.n / n * dim, b.x + j * b.n / n * dim);
  qsort(d, (size_t)pairs, sizeof *d, ascending);
  const double median = pairs % 2 ? d[pairs / 2] : 0.5 * (d[pairs / 2 - 1] + d[pairs / 2]);
  free(d);
  return median;
}

static double slow_kernel(int64_t dim, const float *x, const float *y, double width) {
  double sum = 0.0;
  const double d = samples_distance(dim, x, y);
  for (double factor = 0.25; factor < 5.0; factor *= 2.0) sum += exp(-d * d / (2.0 * factor * width * factor * width));
  return sum;
}

static double slow_mmd2(int64_t dim, bzdi_sample a, bzdi_sample b, double width) {
  const double n = (double)a.n, m = (double)b.n;
  double across = 0.0, in_a = 0.0, in_b = 0.0;
  for (int64_t i = 0; i < a.n; i++)
    for (int64_t j = 0; j < b.n; j++) across += slow_kernel(dim, a.x + i * dim, b.x + j * dim, width);
  for (int64_t i = 0; i < a.n; i++)
    for (int64_t j = 0; j < a.n; j++) in_a += i == j ? 0.0 : slow_kernel(dim, a.x + i * dim, a.x + j * dim, width);
  for (int64_t i = 0; i < b.n; i++)
    for (int64_t j = 0; j < b.n; j++) in_b += i == j ? 0.0 : slow_kernel(dim, b.x + i * dim, b.x + j * dim, width);
  return in_a / (n * (n - 1.0)) + in_b / (m * (m - 1.0)) - 2.0 * across / (n * m);
}

static void equal_to_the_slow_versions(void **state) {
  (void)state;
  const int64_t shapes[][3] = {{1, 2, 2}, {2, 30, 45}, {7, 64, 65}, {300, 9, 13}, {3, 200, 130}, {2, 5, 6}};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    const int64_t dim = shapes[s][0], n = shapes[s][1], m = shapes[s][2];
    float *x = numbers_floats(1, n * dim, 0.0, 1.0), *y = numbers_floats(2, m * dim, -0.3, 2.0);
    const bzdi_sample a = {n, x}, b = {m, y};
    double energy, mmd2;
    assert_int_equal(bzdi_energy(NULL, dim, a, b, &energy), BZD_OK);
    assert_int_equal(bzdi_mmd2(NULL, dim, a, b, &mmd2), BZD_OK);
    assert_true(fabs(energy - slow_energy(dim, a, b)) <= 1e-12 * fabs(energy) + 1e-13);
    assert_true(fabs(mmd2 - slow_mmd2(dim, a, b, slow_median(dim, b))) <= 1e-10);
    free(x);
    free(y);
  }
}

static void the_median_of_many_rows_is_that_of_the_stated_ones(void **state) {
  (void)state;
  enum { M = 3000 };
  float *x = numbers_floats(1, 8, 0.0, 1.0), *y = numbers_floats(2, M, 0.0, 1.0);
  for (int j = 0; j < M; j++) y[j] = j % 3 ? y[j] : 5.0f * y[j];
  double mmd2;
  assert_int_equal(bzdi_mmd2(NULL, 1, (bzdi_sample){8, x}, (bzdi_sample){M, y}, &mmd2), BZD_OK);
  /* the slow version over all pairs takes too long: its sums over b alone are left to a thinned set */
  const double width = slow_median(1, (bzdi_sample){M, y});
  double in_b = 0.0, across = 0.0, in_a = 0.0;
  for (int i = 0; i < M; i++)
    for (int j = 0; j < i; j++) {
      const double e = (double)y[i] - (double)y[j];
      double k = exp(-e * e / (32.0 * width * width));
      for (int power = 0; power < 5; power++) {
        in_b += k;
        k = k * k * (k * k);
      }
    }
  for (int i = 0; i < 8; i++) {
    for (int j = 0; j < M; j++) across += slow_kernel(1, x + i, y + j, width);
    for (int j = 0; j < i; j++) in_a += slow_kernel(1, x + i, x + j, width);
  }
  const double slow = in_a / 28.0 + in_b / (0.5 * M * (M - 1.0)) - 2.0 * across / (8.0 * M);
  assert_true(fabs(mmd2 - slow) <= 1e-10);
  free(x);
  free(y);
}

/* Two points against two points on a line. */
static void small_sets_by_hand(void **state) {
  (void)state;
  const float x[] = {0.0f, 1.0f}, y[] = {3.0f, 5.0f}, same[] = {2.0f, 2.0f, 2.0f, 2.0f};
  const bzdi_sample a = {2, x}, b = {2, y}, point = {4, same};
  double out;
  assert_int_equal(bzdi_energy(NULL, 1, a, b, &out), BZD_OK);
  assert_true(fabs(out - (2.0 * 3.5 - 1.0 - 2.0)) <= 1e-15);
  assert_int_equal(bzdi_mmd2(NULL, 1, a, b, &out), BZD_OK);
  assert_true(fabs(out - slow_mmd2(1, a, b, 2.0)) <= 1e-14);
  /* no distance at all in b: bandwidth 1 */
  assert_int_equal(bzdi_mmd2(NULL, 1, a, point, &out), BZD_OK);
  assert_true(fabs(out - slow_mmd2(1, a, point, 1.0)) <= 1e-14);
  /* more than half of the pairs without one: the mean distance, 6 pairs of which 3 have distance 3 */
  const float most[] = {2.0f, 2.0f, 2.0f, 5.0f, 2.0f};
  assert_int_equal(bzdi_mmd2(NULL, 1, a, (bzdi_sample){5, most}, &out), BZD_OK);
  assert_true(fabs(out - slow_mmd2(1, a, (bzdi_sample){5, most}, 1.2)) <= 1e-14);
}

/* N(0, 1) against N(s, 1) on a line: E|X - Y| = s erf(s / 2) + 2 exp(-s^2 / 4) / sqrt pi, so the energy distance is
 * 2 s erf(s / 2) + 4 (exp(-s^2 / 4) - 1) / sqrt pi. MMD^2 of one Gaussian kernel with bandwidth h: 2 h / sqrt(h^2 + 2)
 * (1 - exp(-s^2 / (2 (h^2 + 2)))). */
static void gaussian_shifts_in_closed_form(void **state) {
  (void)state;
  enum { N = 3000 };
  const double s = 1.5, root = sqrt(3.141592653589793);
  float *x = numbers_floats(11, N, 0.0, 1.0), *y = numbers_floats(12, N, s, 1.0);
  double energy, mmd2, expected = 0.0;
  assert_int_equal(bzdi_energy(NULL, 1, (bzdi_sample){N, x}, (bzdi_sample){N, y}, &energy), BZD_OK);
  assert_int_equal(bzdi_mmd2(NULL, 1, (bzdi_sample){N, x}, (bzdi_sample){N, y}, &mmd2), BZD_OK);
  /* tolerance: three standard deviations, which over 50 other seeds were 0.040 and 0.042 */
  assert_true(fabs(energy - (2.0 * s * erf(s / 2.0) + 4.0 * (exp(-s * s / 4.0) - 1.0) / root)) < 0.13);
  const double width = slow_median(1, (bzdi_sample){N, y});
  for (double factor = 0.25; factor < 5.0; factor *= 2.0) {
    const double h2 = factor * factor * width * width;
    expected += 2.0 * sqrt(h2 / (h2 + 2.0)) * (1.0 - exp(-s * s / (2.0 * (h2 + 2.0))));
  }
  assert_true(fabs(mmd2 - expected) < 0.13);
  free(x);
  free(y);
}

static bzd_status both(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, double out[2]) {
  double values[2];
  bzd_status status = bzdi_energy(context, dim, a, b, &values[0]);
  if (status == BZD_OK) status = bzdi_mmd2(context, dim, a, b, &values[1]);
  if (status == BZD_OK) memcpy(out, values, sizeof values);
  return status;
}

static void threads_and_memory(void **state) {
  (void)state;
  samples_check_metric(both, 200, 150);
  samples_check_metric(both, 70, 2100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_to_the_slow_versions),
      cmocka_unit_test(the_median_of_many_rows_is_that_of_the_stated_ones),
      cmocka_unit_test(small_sets_by_hand),
      cmocka_unit_test(gaussian_shifts_in_closed_form),
      cmocka_unit_test(threads_and_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
