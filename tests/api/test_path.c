/* SPDX-License-Identifier: MIT */
/* Bezier paths, against de Casteljau and closed forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <math.h>

#include "../support/host.h"

enum { N = 5, DIM = 3, MAX = 17 };

static float paths[N * MAX * DIM];

/* One coordinate of one curve at t. */
static double casteljau(const float *p, int degree, int j, double t) {
  double q[MAX];
  for (int i = 0; i <= degree; i++) q[i] = (double)p[i * DIM + j];
  for (int k = degree; k > 0; k--)
    for (int i = 0; i < k; i++) q[i] = (1 - t) * q[i] + t * q[i + 1];
  return q[0];
}

static const float *path(int r, int degree) { return paths + r * (degree + 1) * DIM; }

static void test_evaluate(void **state) {
  const double times[4] = {0.0, 0.3, 0.95, 1.0};
  float points[N * 4 * DIM], velocities[N * 4 * DIM];
  (void)state;
  for (int degree = 1; degree <= 16; degree++) {
    OK(bzd_path_evaluate(N, degree, DIM, paths, 4, times, points));
    OK(bzd_path_derivative(N, degree, DIM, paths, 4, times, velocities));
    for (int r = 0; r < N; r++)
      for (int k = 0; k < 4; k++)
        for (int j = 0; j < DIM; j++) {
          int at = (r * 4 + k) * DIM + j;
          double h = 1e-5, slope = (casteljau(path(r, degree), degree, j, times[k] + h) -
                                    casteljau(path(r, degree), degree, j, times[k] - h)) /
                                   (2 * h);
          assert_true(fabs((double)points[at] - casteljau(path(r, degree), degree, j, times[k])) < 1e-5);
          assert_true(fabs((double)velocities[at] - slope) < 1e-3);
        }
  }
}

static void test_elevate_reduce(void **state) {
  float higher[N * MAX * DIM], back[N * MAX * DIM];
  double error[N];
  (void)state;
  OK(bzd_path_elevate(N, 3, DIM, paths, 7, higher));
  for (int r = 0; r < N; r++)
    for (double t = 0; t <= 1; t += 0.125)
      for (int j = 0; j < DIM; j++)
        assert_true(fabs(casteljau(higher + r * 8 * DIM, 7, j, t) - casteljau(path(r, 3), 3, j, t)) < 1e-5);
  OK(bzd_path_reduce(N, 7, DIM, higher, 3, back, error));
  for (int i = 0; i < N * 4 * DIM; i++) assert_true(fabsf(back[i] - paths[i]) < 1e-4f);
  for (int r = 0; r < N; r++) assert_true(error[r] < 1e-4);
  OK(bzd_path_reduce(N, 3, DIM, paths, 1, back, error));
  for (int r = 0; r < N; r++) assert_true(error[r] > 0.05); /* curves are not lines */
}

static void test_split(void **state) {
  float left[N * 5 * DIM], right[N * 5 * DIM];
  (void)state;
  OK(bzd_path_split(N, 4, DIM, paths, 0.3, left, right));
  OK(bzd_path_split(N, 4, DIM, paths, 0.3, NULL, NULL));
  for (int r = 0; r < N; r++)
    for (double s = 0; s <= 1; s += 0.25)
      for (int j = 0; j < DIM; j++) {
        assert_true(fabs(casteljau(left + r * 5 * DIM, 4, j, s) - casteljau(path(r, 4), 4, j, 0.3 * s)) < 1e-5);
        assert_true(fabs(casteljau(right + r * 5 * DIM, 4, j, s) - casteljau(path(r, 4), 4, j, 0.3 + 0.7 * s)) < 1e-5);
      }
}

static void test_measure(void **state) {
  double straight[N], arc[N], chord[N], distance[N];
  (void)state;
  OK(bzd_path_measure(N, 2, DIM, paths, straight, arc, chord));
  OK(bzd_path_distance(N, 2, DIM, paths, paths, distance));
  for (int r = 0; r < N; r++) {
    double bend = 0, length = 0;
    const float *p = path(r, 2);
    for (int j = 0; j < DIM; j++) {
      bend += pow((double)p[j] - 2 * (double)p[DIM + j] + (double)p[2 * DIM + j], 2) / 3;
      length += pow((double)p[2 * DIM + j] - (double)p[j], 2);
    }
    assert_true(fabs(straight[r] - bend) < 1e-5 * (1 + bend));
    assert_true(fabs(chord[r] - sqrt(length)) < 1e-6);
    assert_true(arc[r] > chord[r]);
    assert_true(distance[r] == 0.0);
  }
  OK(bzd_path_distance(1, 2, DIM, paths, paths + 3 * DIM, distance));
  double quadrature = 0; /* Simpson: exact to 3, close enough for the 4th power here */
  for (int k = 0; k <= 200; k++)
    for (int j = 0; j < DIM; j++) {
      double t = k / 200.0, d = casteljau(paths, 2, j, t) - casteljau(paths + 3 * DIM, 2, j, t);
      quadrature += d * d * (k == 0 || k == 200 ? 1 : k % 2 ? 4 : 2) / 600.0;
    }
  assert_true(fabs(distance[0] - sqrt(quadrature)) < 1e-5);
}

static void test_waypoints(void **state) {
  const double tau[2] = {0.3, 0.6};
  float start[N * DIM], end[N * DIM], guides[N * 2 * DIM], out[N * 4 * DIM], points[N * 2 * DIM];
  (void)state;
  OK(bzd_noise(1, BZD_STREAM_USER, 0, N, DIM, start));
  OK(bzd_noise(2, BZD_STREAM_USER, 0, N, DIM, end));
  OK(bzd_noise(3, BZD_STREAM_USER, 0, N, 2 * DIM, guides));
  OK(bzd_path_from_waypoints(N, 3, DIM, start, guides, tau, end, out));
  OK(bzd_path_evaluate(N, 3, DIM, out, 2, tau, points));
  for (int i = 0; i < N * 2 * DIM; i++) assert_true(fabsf(points[i] - guides[i]) < 1e-4f);
  for (int r = 0; r < N; r++) {
    assert_memory_equal(out + r * 4 * DIM, start + r * DIM, DIM * sizeof *out);
    assert_memory_equal(out + (r * 4 + 3) * DIM, end + r * DIM, DIM * sizeof *out);
  }
}

/* u_m leads from x to the m-th right-hand control point; degree 1 to the bit. */
static void test_targets(void **state) {
  const float t[N] = {0.0f, 0.25f, 0.5f, 0.9f, 1.0f};
  float x[N * DIM], u[N * 3 * DIM], right[4 * DIM];
  (void)state;
  OK(bzd_path_targets(N, 3, DIM, paths, t, x, u));
  for (int r = 1; r < 4; r++) {
    OK(bzd_path_split(1, 3, DIM, path(r, 3), (double)t[r], NULL, right));
    for (int m = 1; m <= 3; m++)
      for (int j = 0; j < DIM; j++) {
        double led = (double)x[r * DIM + j] + (double)u[(r * 3 + m - 1) * DIM + j] * (m / 3.0) * (1 - (double)t[r]);
        assert_true(fabs(led - (double)right[m * DIM + j]) < 1e-5);
      }
  }
  OK(bzd_path_targets(N, 1, DIM, paths, t, x, u));
  for (int i = 0; i < N * DIM; i++) {
    const float *p = path(i / DIM, 1) + i % DIM;
    assert_true(u[i] == p[DIM] - p[0]);
  }
}

static int setup(void **state) {
  (void)state;
  OK(bzd_noise(4, BZD_STREAM_USER, 0, N, MAX * DIM, paths));
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_evaluate), cmocka_unit_test(test_elevate_reduce), cmocka_unit_test(test_split),
      cmocka_unit_test(test_measure),  cmocka_unit_test(test_waypoints),      cmocka_unit_test(test_targets),
  };
  return cmocka_run_group_tests(tests, setup, NULL);
}
