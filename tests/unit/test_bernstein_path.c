/* SPDX-License-Identifier: MIT */
/* Paths against de Casteljau in double, and limits 2, 3, 4, 5, 11 and 12 of docs/math.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "../support/numbers.h"
#include "base/error.h"
#include "num/bernstein.h"

enum { N = 3, MOST = BZDI_MAX_DEGREE + 1 };

static const int64_t dims[] = {1, 2, 16, 37};

/* B(t) and B'(t) of coordinate c by repeated interpolation. */
static double casteljau(int degree, int64_t dim, const float *path, int64_t c, double t, double *derivative) {
  double p[MOST] = {0};
  for (int i = 0; i <= degree; i++) p[i] = (double)path[i * dim + c];
  if (derivative != NULL) *derivative = degree * (p[1] - p[0]);
  for (int d = degree; d > 0; d--) {
    if (d == 1 && derivative != NULL) *derivative = degree * (p[1] - p[0]);
    for (int i = 0; i < d; i++) p[i] = (1.0 - t) * p[i] + t * p[i + 1];
  }
  return p[0];
}

static float largest(int64_t count, const float *x) {
  float most = 0.0f;
  for (int64_t i = 0; i < count; i++) most = fmaxf(most, fabsf(x[i]));
  return most;
}

static void points_and_velocities_are_de_casteljaus(void **state) {
  (void)state;
  const double times[] = {0.0, 0.3, 0.5, 0.999999, 1.0};
  for (int degree = 1; degree <= BZDI_MAX_DEGREE; degree++)
    for (size_t d = 0; d < 4; d++) {
      const int64_t dim = dims[d], size = (degree + 1) * dim;
      float *paths = numbers_floats(7, N * size, 0.0, 1.0), x[N * 5 * 37], v[N * 5 * 37];
      bzdi_path_evaluate(N, degree, dim, paths, 5, times, x);
      bzdi_path_derivative(N, degree, dim, paths, 5, times, v);
      for (int64_t r = 0; r < N; r++)
        for (int64_t k = 0; k < 5; k++)
          for (int64_t c = 0; c < dim; c++) {
            double slope;
            const double point = casteljau(degree, dim, paths + r * size, c, times[k], &slope);
            const int64_t at = (r * 5 + k) * dim + c;
            assert_true(fabs((double)x[at] - point) <= 0.51 * FLT_EPSILON * (fabs(point) + 1e-7));
            assert_true(fabs((double)v[at] - slope) <= 0.51 * FLT_EPSILON * (fabs(slope) + 1e-6));
          }
      for (int64_t r = 0; r < N; r++) {
        assert_memory_equal(x + r * 5 * dim, paths + r * size, (size_t)dim * sizeof *x);
        assert_memory_equal(x + (r * 5 + 4) * dim, paths + r * size + degree * dim, (size_t)dim * sizeof *x);
      }
      free(paths);
    }
}

/* Limits 2 and 3, and that nothing of a curve changes. */
static void elevation_keeps_the_curve(void **state) {
  (void)state;
  const int64_t dim = 5;
  const double times[] = {0.0, 0.1, 0.5, 0.9, 1.0};
  for (int degree = 1; degree <= 8; degree++)
    for (int to = degree; to <= BZDI_MAX_DEGREE; to++) {
      float *paths = numbers_floats(11, N * (degree + 1) * dim, 2.0, 1.0), high[N * MOST * 5], a[N * 25], b[N * 25];
      bzdi_path_elevate(N, degree, dim, paths, to, high);
      bzdi_path_evaluate(N, degree, dim, paths, 5, times, a);
      bzdi_path_evaluate(N, to, dim, high, 5, times, b);
      const float scale = largest(N * (degree + 1) * dim, paths);
      for (int i = 0; i < N * 25; i++) assert_true(fabsf(a[i] - b[i]) <= 2.0f * FLT_EPSILON * scale);
      if (degree == 1) { /* a line stays a line: points at equal distances */
        double straight[N];
        bzdi_path_measure(N, to, dim, high, straight, NULL, NULL);
        for (int r = 0; r < N; r++)
          assert_true(straight[r] <= pow(to * 2.0 * FLT_EPSILON * (double)scale, 2) * (double)dim);
      }
      free(paths);
    }
  /* by the single step of the textbook: quadratic to cubic */
  float q[] = {1.0f, 4.0f, -2.0f}, cubic[4];
  bzdi_path_elevate(1, 2, 1, q, 3, cubic);
  assert_true(cubic[0] == 1.0f && cubic[1] == 3.0f && cubic[2] == 2.0f && cubic[3] == -2.0f);
}

/* Limit 2 by a guide: P_1 halfway. Limits 4 and 5: P_1 = x0 + alpha (x1 - x0) / 2. */
static void guides_along_the_chord(void **state) {
  (void)state;
  const double times[] = {0.0, 0.25, 0.5, 0.8, 1.0};
  for (int step = 0; step <= 4; step++) {
    const double alpha = 0.5 * step, x0 = -1.5, x1 = 2.25;
    const float path[] = {(float)x0, (float)(x0 + alpha * (x1 - x0) / 2.0), (float)x1};
    float x[5], v[5];
    bzdi_path_evaluate(1, 2, 1, path, 5, times, x);
    bzdi_path_derivative(1, 2, 1, path, 5, times, v);
    for (int k = 0; k < 5; k++) {
      const double t = times[k]; /* initial speed alpha, constant acceleration 2 (1 - alpha), chord lengths */
      const double way = alpha * t + (1.0 - alpha) * t * t, speed = alpha + 2.0 * (1.0 - alpha) * t;
      assert_true(fabs((double)x[k] - (x0 + way * (x1 - x0))) <= 4e-7);
      assert_true(fabs((double)v[k] - speed * (x1 - x0)) <= 2e-6);
      if (step == 0) assert_true(fabs((double)x[k] - ((1.0 - t * t) * x0 + t * t * x1)) <= 4e-7);
    }
  }
}

static void reduction_undoes_elevation(void **state) {
  (void)state;
  const int64_t dim = 3;
  for (int to = 1; to <= BZDI_MAX_DEGREE; to++)
    for (int degree = to; degree <= BZDI_MAX_DEGREE; degree++) {
      float *paths = numbers_floats(3, N * (to + 1) * dim, 0.0, 1.0), high[N * MOST * 3], back[N * MOST * 3];
      double error[N];
      bzdi_path_elevate(N, to, dim, paths, degree, high);
      assert_int_equal(bzdi_path_reduce(NULL, N, degree, dim, high, to, back, error), BZD_OK);
      /* rounding the elevated points to float is amplified in single control points, never in the curve */
      for (int r = 0; r < N; r++) {
        assert_true(error[r] < 2e-6);
        assert_memory_equal(back + r * (to + 1) * dim, paths + r * (to + 1) * dim, (size_t)dim * sizeof *back);
        assert_memory_equal(back + (r * (to + 1) + to) * dim, paths + (r * (to + 1) + to) * dim,
                            (size_t)dim * sizeof *back);
      }
      if (to <= 4)
        for (int i = 0; i < N * (to + 1) * dim; i++) assert_true(fabsf(back[i] - paths[i]) < 1e-4f);
      free(paths);
    }
}

/* No other curve of the lower degree with these ends is nearer: moving any interior point makes the error grow. */
static void reduction_is_the_nearest(void **state) {
  (void)state;
  const int degree = 6, to = 4;
  float *path = numbers_floats(5, degree + 1, 0.0, 1.0), low[5], high[7];
  double error, moved;
  assert_int_equal(bzdi_path_reduce(NULL, 1, degree, 1, path, to, low, &error), BZD_OK);
  assert_true(error > 1e-3);
  for (int i = 1; i < to; i++)
    for (int sign = -1; sign <= 1; sign += 2) {
      float other[5];
      memcpy(other, low, sizeof other);
      other[i] += (float)sign * 0.01f;
      bzdi_path_elevate(1, to, 1, other, degree, high);
      bzdi_path_distance2(1, degree, 1, path, high, &moved);
      assert_true(sqrt(moved) > error);
    }
  bzdi_path_elevate(1, to, 1, low, degree, high);
  bzdi_path_distance2(1, degree, 1, path, high, &moved);
  assert_true(fabs(sqrt(moved) - error) < 1e-6);
  free(path);
}

/* Limit 12. */
static void halves_of_a_split_are_the_curve(void **state) {
  (void)state;
  const int64_t dim = 7;
  const double at[] = {0.0, 0.25, 0.6, 0.999, 1.0}, times[] = {0.0, 0.4, 1.0};
  for (int degree = 1; degree <= BZDI_MAX_DEGREE; degree++)
    for (int s = 0; s < 5; s++) {
      const int64_t size = (degree + 1) * dim;
      float *paths = numbers_floats(19, N * size, 0.0, 1.0), left[N * MOST * 7], right[N * MOST * 7], a[N * 21],
            b[N * 21];
      bzdi_path_split(N, degree, dim, paths, at[s], left, right);
      for (int half = 0; half < 2; half++) {
        double mapped[3];
        for (int k = 0; k < 3; k++) mapped[k] = half ? at[s] + times[k] * (1.0 - at[s]) : times[k] * at[s];
        bzdi_path_evaluate(N, degree, dim, paths, 3, mapped, a);
        bzdi_path_evaluate(N, degree, dim, half ? right : left, 3, times, b);
        for (int i = 0; i < N * 21; i++) assert_true(fabsf(a[i] - b[i]) <= 1e-6f);
      }
      for (int r = 0; r < N; r++) {
        assert_memory_equal(left + r * size, paths + r * size, (size_t)dim * sizeof *left);
        assert_memory_equal(right + r * size + degree * dim, paths + r * size + degree * dim,
                            (size_t)dim * sizeof *left);
        assert_memory_equal(left + r * size + degree * dim, right + r * size, (size_t)dim * sizeof *left);
      }
      free(paths);
    }
}

/* The sum over t = (k + 1/2) / count of something on the curve: the slow twin of every integral. */
static double midpoint(int degree, int64_t dim, const float *path, int what) {
  enum { COUNT = 4000 };
  double sum = 0.0;
  for (int k = 0; k < COUNT; k++) {
    double part = 0.0;
    for (int64_t c = 0; c < dim; c++) {
      double slope;
      const double chord = (double)path[degree * dim + c] - (double)path[c];
      const double x = casteljau(degree, dim, path, c, (k + 0.5) / COUNT, &slope);
      part += what == 0 ? (slope - chord) * (slope - chord) : what == 1 ? slope * slope : x * x;
    }
    sum += (what == 1 ? sqrt(part) : part) / COUNT;
  }
  return sum;
}

static void measures_are_their_integrals(void **state) {
  (void)state;
  for (int degree = 1; degree <= BZDI_MAX_DEGREE; degree += 3)
    for (size_t d = 1; d < 4; d++) {
      const int64_t dim = dims[d], size = (degree + 1) * dim;
      float *paths = numbers_floats(23, N * size, 0.0, 1.0);
      double s[N], arc[N], chord[N];
      bzdi_path_measure(N, degree, dim, paths, s, arc, chord);
      for (int r = 0; r < N; r++) {
        const float *p = paths + r * size;
        double length = 0.0;
        for (int64_t c = 0; c < dim; c++) length += pow((double)p[degree * dim + c] - (double)p[c], 2);
        assert_true(fabs(chord[r] - sqrt(length)) <= 1e-12 * chord[r]);
        assert_true(fabs(s[r] - midpoint(degree, dim, p, 0)) <= 1e-5 * s[r] + 1e-12);
        /* wild curves in the plane come near cusps, where neither rule is exact */
        assert_true(fabs(arc[r] - midpoint(degree, dim, p, 1)) <= (dim == 2 ? 2e-3 : 2e-6) * arc[r]);
        if (degree == 1) assert_true(s[r] == 0.0 && fabs(arc[r] - chord[r]) <= 1e-14 * chord[r]);
      }
      free(paths);
    }
}

static void straightness_of_low_degrees_in_closed_form(void **state) {
  (void)state;
  float *p = numbers_floats(29, 4, 0.0, 1.0);
  double s;
  bzdi_path_measure(1, 2, 1, p, &s, NULL, NULL);
  const double a = (double)p[0] - 2.0 * (double)p[1] + (double)p[2];
  const double b = (double)p[1] - 2.0 * (double)p[2] + (double)p[3];
  assert_true(fabs(s - a * a / 3.0) <= 1e-12 * s);
  bzdi_path_measure(1, 3, 1, p, &s, NULL, NULL);
  assert_true(fabs(s - (0.8 * a * a + 1.4 * a * b + 0.8 * b * b)) <= 1e-12 * s);
  free(p);
}

/* Limit 11: the Gram form against quadrature of |A - B|^2. */
static void gram_distance_is_the_quadrature(void **state) {
  (void)state;
  for (int degree = 1; degree <= BZDI_MAX_DEGREE; degree += 3)
    for (size_t d = 0; d < 4; d++) {
      const int64_t dim = dims[d], size = (degree + 1) * dim;
      float *a = numbers_floats(31, N * size, 0.0, 1.0), *b = numbers_floats(37, N * size, 0.0, 1.0);
      float *difference = numbers_floats(41, N * size, 0.0, 1.0);
      double distance2[N], none[N];
      for (int64_t i = 0; i < N * size; i++) difference[i] = a[i] - b[i];
      bzdi_path_distance2(N, degree, dim, a, b, distance2);
      bzdi_path_distance2(N, degree, dim, a, a, none);
      for (int r = 0; r < N; r++) {
        assert_true(fabs(distance2[r] - midpoint(degree, dim, difference + r * size, 2)) <= 1e-5 * distance2[r]);
        assert_true(none[r] == 0.0);
      }
      free(a);
      free(b);
      free(difference);
    }
}

static void curves_pass_their_waypoints(void **state) {
  (void)state;
  const int64_t dim = 6;
  for (int degree = 2; degree <= 3; degree++) {
    const double tau[2] = {0.3, 0.55};
    float *p0 = numbers_floats(43, N * dim, 0.0, 1.0), *pn = numbers_floats(47, N * dim, 0.0, 1.0);
    float *z = numbers_floats(53, N * 2 * dim, 0.0, 1.0), paths[N * 4 * 6], x[N * 2 * 6];
    assert_int_equal(bzdi_path_from_waypoints(N, degree, dim, p0, z, tau, pn, paths), BZD_OK);
    bzdi_path_evaluate(N, degree, dim, paths, degree - 1, tau, x);
    for (int i = 0; i < N * (degree - 1) * dim; i++) assert_true(fabsf(x[i] - z[i]) <= 3e-6f);
    for (int r = 0; r < N; r++) {
      assert_memory_equal(paths + r * (degree + 1) * dim, p0 + r * dim, (size_t)dim * sizeof *p0);
      assert_memory_equal(paths + (r * (degree + 1) + degree) * dim, pn + r * dim, (size_t)dim * sizeof *p0);
    }
    if (degree == 2) /* the formula of docs/math.md */
      for (int i = 0; i < N * dim; i++) {
        const double t = tau[0], s = 1.0 - t;
        const double p1 = ((double)z[i] - s * s * (double)p0[i] - t * t * (double)pn[i]) / (2.0 * t * s);
        assert_true(fabs((double)paths[(i / dim * 3 + 1) * dim + i % dim] - p1) <= 1e-6);
      }
    free(p0);
    free(pn);
    free(z);
  }
}

static void waypoints_too_close_are_refused(void **state) {
  (void)state;
  const double bad[][2] = {{0.04, 0.5}, {0.96, 0.98}, {0.5, 0.54}, {0.6, 0.4}, {NAN, 0.5}, {0.5, NAN}, {0.5, 0.97}};
  const float p0 = 0.0f, pn = 1.0f, z[2] = {0.2f, 0.4f};
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
    float out[4] = {9.0f, 9.0f, 9.0f, 9.0f};
    char text[200];
    assert_int_equal(bzdi_path_from_waypoints(1, 3, 1, &p0, z, bad[k], &pn, out), BZD_E_ARGUMENT);
    assert_true(bzdi_error_copy(text, sizeof text) > 0 && strstr(text, "tau[") != NULL);
    for (int i = 0; i < 4; i++) assert_true(out[i] == 9.0f);
  }
  float out[5];
  const double good[2] = {0.05, 0.95};
  assert_int_equal(bzdi_path_from_waypoints(1, 3, 1, &p0, z, good, &pn, out), BZD_OK);
  assert_int_equal(bzdi_path_from_waypoints(1, 4, 1, &p0, z, good, &pn, out), BZD_E_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(points_and_velocities_are_de_casteljaus),
      cmocka_unit_test(elevation_keeps_the_curve),
      cmocka_unit_test(guides_along_the_chord),
      cmocka_unit_test(reduction_undoes_elevation),
      cmocka_unit_test(reduction_is_the_nearest),
      cmocka_unit_test(halves_of_a_split_are_the_curve),
      cmocka_unit_test(measures_are_their_integrals),
      cmocka_unit_test(straightness_of_low_degrees_in_closed_form),
      cmocka_unit_test(gram_distance_is_the_quadrature),
      cmocka_unit_test(curves_pass_their_waypoints),
      cmocka_unit_test(waypoints_too_close_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
