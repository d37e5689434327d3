/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/samples.h"

static void moments(int64_t dim, bzdi_sample a, double *mean, double *covariance) {
  for (int64_t c = 0; c < dim; c++) {
    mean[c] = 0.0;
    for (int64_t r = 0; r < a.n; r++) mean[c] += (double)a.x[r * dim + c] / (double)a.n;
  }
  for (int64_t c = 0; c < dim; c++)
    for (int64_t d = 0; d < dim; d++) {
      double sum = 0.0;
      for (int64_t r = 0; r < a.n; r++)
        sum += ((double)a.x[r * dim + c] - mean[c]) * ((double)a.x[r * dim + d] - mean[d]);
      covariance[c * dim + d] = sum / (double)(a.n - 1);
    }
}

/* In the plane Tr (S1^1/2 S2 S1^1/2)^1/2 = sqrt(Tr S1 S2 + 2 sqrt(det S1 det S2)). */
static void the_plane_in_closed_form(void **state) {
  (void)state;
  for (int seed = 1; seed <= 5; seed++) {
    enum { N = 40, M = 700 };
    float *x = numbers_floats((uint64_t)seed, N * 2, 0.0, 1.0),
          *y = numbers_floats((uint64_t)seed + 50, M * 2, 1.0, 2.0);
    for (int r = 0; r < N; r++) x[2 * r + 1] += 0.8f * x[2 * r];
    for (int r = 0; r < M; r++) y[2 * r + 1] -= 0.3f * y[2 * r];
    const bzdi_sample a = {N, x}, b = {M, y};
    double p[2], q[2], s[4], t[4], raw, matched, only;
    moments(2, a, p, s);
    moments(2, b, q, t);
    const double shift = (p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1]);
    const double of_a = s[0] + s[3], of_b = t[0] + t[3],
                 det = (s[0] * s[3] - s[1] * s[2]) * (t[0] * t[3] - t[1] * t[2]);
    const double root = sqrt(s[0] * t[0] + 2.0 * s[1] * t[1] + s[3] * t[3] + 2.0 * sqrt(det));
    assert_int_equal(bzdi_frechet(NULL, 2, a, b, &raw, &matched), BZD_OK);
    assert_true(fabs(raw - (shift + of_a + of_b - 2.0 * root)) < 1e-12);
    assert_true(fabs(matched - (shift + 2.0 * of_b - 2.0 * sqrt(of_b / of_a) * root)) < 1e-12);
    assert_true(fabs(bzdi_total_variance(2, a) - of_a) < 1e-12 && fabs(bzdi_total_variance(2, b) - of_b) < 1e-12);
    assert_int_equal(bzdi_frechet(NULL, 2, a, b, NULL, &only), BZD_OK);
    assert_true(only == matched);
    assert_int_equal(bzdi_frechet(NULL, 2, a, b, &only, NULL), BZD_OK);
    assert_true(only == raw);
    free(x);
    free(y);
  }
}

/* b = f a + v: covariances commute, so the distance is |mean|^2 + (f - 1)^2 Tr S, and matching leaves the mean. Also
 * with more dimensions than rows, and with coordinates that never change. */
static void scaled_and_shifted_sets(void **state) {
  (void)state;
  const int64_t shapes[][2] = {{1, 30}, {5, 600}, {40, 21}, {130, 70}, {100, 1100}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const int64_t dim = shapes[i][0], n = shapes[i][1];
    const double f = 1.5, v = 0.25;
    float *x = numbers_floats(9, n * dim, 0.0, 1.0), *y = malloc((size_t)(n * dim) * sizeof *y);
    double shift = 0.0, raw, matched;
    for (int64_t r = 0; r < n; r++)
      for (int64_t c = 0; c < dim; c++) {
        if (dim > 3 && c % 5 == 1) x[r * dim + c] = 2.0f;
        if (c > 0 && c % 5 != 1) x[r * dim + c] += 0.5f * x[r * dim + c / 2];
        y[r * dim + c] = (float)(f * (double)x[r * dim + c] + v);
      }
    for (int64_t c = 0; c < dim; c++) {
      double sum = 0.0;
      for (int64_t r = 0; r < n; r++) sum += (double)y[r * dim + c] - (double)x[r * dim + c];
      shift += sum * sum / (double)(n * n);
    }
    const bzdi_sample a = {n, x}, b = {n, y};
    const double total = bzdi_total_variance(dim, a);
    assert_int_equal(bzdi_frechet(NULL, dim, a, b, &raw, &matched), BZD_OK);
    assert_true(fabs(raw - (shift + (f - 1.0) * (f - 1.0) * total)) <= 2e-6 * (raw + total));
    assert_true(fabs(matched - shift) <= 2e-6 * (shift + total));
    assert_int_equal(bzdi_frechet(NULL, dim, a, a, &raw, &matched), BZD_OK);
    assert_true(raw <= 2e-6 * total && matched <= 2e-6 * total);
    free(x);
    free(y);
  }
}

/* Without any variance only the means count. */
static void points(void **state) {
  (void)state;
  const float x[] = {1, 2, 1, 2, 1, 2}, y[] = {4, 6, 4, 6, 4, 6};
  double raw, matched;
  assert_int_equal(bzdi_frechet(NULL, 2, (bzdi_sample){3, x}, (bzdi_sample){3, y}, &raw, &matched), BZD_OK);
  assert_true(raw == 25.0 && matched == 25.0);
  assert_true(bzdi_total_variance(2, (bzdi_sample){3, x}) == 0.0);
}

static void total_variance_of_many_columns(void **state) {
  (void)state;
  enum { N = 33, DIM = 150 };
  float *x = numbers_floats(4, N * DIM, 1000.0, 1.0);
  static double mean[DIM], covariance[DIM * DIM];
  double sum = 0.0;
  moments(DIM, (bzdi_sample){N, x}, mean, covariance);
  for (int c = 0; c < DIM; c++) sum += covariance[c * DIM + c];
  assert_true(fabs(bzdi_total_variance(DIM, (bzdi_sample){N, x}) - sum) <= 1e-9 * sum);
  free(x);
}

static bzd_status metric(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, double out[2]) {
  return bzdi_frechet(context, dim, a, b, out, out + 1);
}

static void threads_and_memory(void **state) {
  (void)state;
  samples_check_metric(metric, 200, 1150);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_plane_in_closed_form),
      cmocka_unit_test(scaled_and_shifted_sets),
      cmocka_unit_test(points),
      cmocka_unit_test(total_variance_of_many_columns),
      cmocka_unit_test(threads_and_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
