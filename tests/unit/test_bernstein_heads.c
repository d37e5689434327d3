/* SPDX-License-Identifier: MIT */
/* Training targets and steps of heads in velocity units, against de Casteljau in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "../support/numbers.h"
#include "num/bernstein.h"

enum { MOST = BZDI_MAX_DEGREE + 1, N = 6 };

static const float times[N] = {0.0f, 1.0f, 0.999999f, 0.5f, 0.13f, 1e-6f};
static const int64_t dims[] = {1, 2, 16, 41};

/* Right-hand de Casteljau points of coordinate c at t: r[0] = B(t) .. r[degree]. */
static void right_points(int degree, double t, double *r) {
  for (int d = degree; d > 0; d--)
    for (int i = 0; i < d; i++) r[i] = (1.0 - t) * r[i] + t * r[i + 1];
}

/* u_m as the mean of n rho_j, j < m, rho the right-hand points of the polygon of differences. */
static void heads_of(int degree, int64_t dim, const float *path, int64_t c, double t, double *u) {
  double rho[MOST], sum = 0.0;
  for (int i = 0; i < degree; i++) rho[i] = (double)path[(i + 1) * dim + c] - (double)path[i * dim + c];
  right_points(degree - 1, t, rho);
  for (int m = 1; m <= degree; m++) {
    sum += rho[m - 1];
    u[m - 1] = degree * sum / m;
  }
}

static void targets_are_de_casteljaus(void **state) {
  (void)state;
  for (int degree = 1; degree <= BZDI_MAX_DEGREE; degree++)
    for (size_t d = 0; d < 4; d++) {
      const int64_t dim = dims[d], size = (degree + 1) * dim;
      float *paths = numbers_floats(61, N * size, 0.0, 1.0), *x = malloc(sizeof(float) * (size_t)(N * dim)),
            *u = malloc(sizeof(float) * (size_t)(N * dim * degree));
      bzdi_path_targets(N, degree, dim, paths, times, degree, 0, x, u);
      for (int r = 0; r < N; r++)
        for (int64_t c = 0; c < dim; c++) {
          double right[MOST], heads[MOST], scale = 0.0;
          for (int i = 0; i <= degree; i++) {
            right[i] = (double)paths[r * size + i * dim + c];
            scale = fmax(scale, fabs(right[i]));
          }
          const double t = (double)times[r];
          right_points(degree, t, right);
          heads_of(degree, dim, paths + r * size, c, t, heads);
          assert_true(fabs((double)x[r * dim + c] - right[0]) <= 4.0 * (double)FLT_EPSILON * scale);
          for (int m = 1; m <= degree; m++) {
            const double head = (double)u[(r * degree + m - 1) * dim + c];
            assert_true(fabs(head - heads[m - 1]) <= 4.0 * (double)FLT_EPSILON * 2.0 * degree * scale);
            if (t < 0.9) { /* the definition, where its division is harmless in double */
              const double definition = (right[m] - right[0]) * degree / (m * (1.0 - t));
              assert_true(fabs(definition - heads[m - 1]) <= 1e-11 * degree * scale);
            }
          }
        }
      free(paths);
      free(x);
      free(u);
    }
}

static void degree_one_is_reflow_to_the_bit(void **state) {
  (void)state;
  enum { ROWS = 300 };
  const int64_t dim = 19;
  uint64_t seed = 5;
  float *paths = numbers_floats(67, ROWS * 2 * dim, 0.3, 2.0), t[ROWS], x[ROWS * 19], u[ROWS * 19], last[ROWS * 19];
  for (int r = 0; r < ROWS; r++) t[r] = (float)pow(numbers_uniform(&seed), r % 8 + 1);
  bzdi_path_targets(ROWS, 1, dim, paths, t, 1, 0, x, u);
  bzdi_path_targets(ROWS, 1, dim, paths, t, 1, 1, NULL, last);
  for (int r = 0; r < ROWS; r++)
    for (int64_t c = 0; c < dim; c++) {
      const float p0 = paths[r * 2 * dim + c], p1 = paths[(r * 2 + 1) * dim + c];
      const float state_there = (1.0f - t[r]) * p0 + t[r] * p1, velocity = p1 - p0;
      assert_true(x[r * dim + c] == state_there);
      assert_true(u[r * dim + c] == velocity && last[r * dim + c] == velocity);
    }
  free(paths);
}

/* One head alone, or none, or no state: the same bits as together. */
static void parts_are_the_whole(void **state) {
  (void)state;
  const int64_t dim = 23;
  for (int degree = 1; degree <= BZDI_MAX_DEGREE; degree++) {
    float *paths = numbers_floats(71, N * (degree + 1) * dim, 0.0, 1.0), x[N * 23], alone[N * 23], first[N * 23],
          last[N * 23], u[N * 16 * 23], heads[N * 16 * 23];
    bzdi_path_targets(N, degree, dim, paths, times, degree, 0, x, u);
    bzdi_path_targets(N, degree, dim, paths, times, degree, 0, NULL, heads);
    bzdi_path_targets(N, degree, dim, paths, times, degree, 0, alone, NULL);
    bzdi_path_targets(N, degree, dim, paths, times, 1, 0, NULL, first);
    bzdi_path_targets(N, degree, dim, paths, times, 1, 1, NULL, last);
    assert_memory_equal(x, alone, sizeof x);
    assert_memory_equal(u, heads, (size_t)(N * degree * dim) * sizeof *u);
    for (int r = 0; r < N; r++) {
      assert_memory_equal(first + r * dim, u + r * degree * dim, (size_t)dim * sizeof *u);
      assert_memory_equal(last + r * dim, u + (r * degree + degree - 1) * dim, (size_t)dim * sizeof *u);
    }
    free(paths);
  }
}

/* Targets of a path, stepped, are points of that path; s = t stays, s = 1 arrives. */
static void steps_follow_the_path(void **state) {
  (void)state;
  const int64_t dim = 9;
  const float t[N] = {0.0f, 0.2f, 0.5f, 0.875f, 0.999f, 1.0f};
  for (int degree = 1; degree <= BZDI_MAX_DEGREE; degree++)
    for (int to = 0; to < 4; to++) {
      const int64_t size = (degree + 1) * dim;
      float *paths = numbers_floats(73, N * size, 0.0, 1.0), x[N * 9], u[N * 16 * 9], out[N * 9], on_path[9];
      double from[N], s[N];
      for (int r = 0; r < N; r++) {
        from[r] = (double)t[r];
        s[r] = from[r] + (1.0 - from[r]) * to / 3.0;
      }
      bzdi_path_targets(N, degree, dim, paths, t, degree, 0, x, u);
      bzdi_heads_step(N, degree, dim, x, u, from, s, out);
      for (int r = 0; r < N; r++) {
        bzdi_path_evaluate(1, degree, dim, paths + r * size, 1, s + r, on_path);
        for (int64_t c = 0; c < dim; c++) assert_true(fabsf(out[r * dim + c] - on_path[c]) <= 4e-6f);
      }
      if (to == 0) assert_memory_equal(out, x, sizeof x);
      bzdi_heads_step(N, degree, dim, x, u, from, s, x);
      assert_memory_equal(out, x, sizeof x); /* in place */
      free(paths);
    }
}

static void a_step_is_its_formula(void **state) {
  (void)state;
  const int64_t dim = 3;
  for (int degree = 1; degree <= BZDI_MAX_DEGREE; degree++) {
    float *x = numbers_floats(79, dim, 0.0, 1.0), *u = numbers_floats(83, degree * dim, 0.0, 1.0), out[3];
    const double t = 0.3, s = 0.8, p = (s - t) / (1.0 - t);
    bzdi_heads_step(1, degree, dim, x, u, &t, &s, out);
    for (int c = 0; c < dim; c++) {
      double sum = (double)x[c];
      for (int m = 1; m <= degree; m++)
        sum += bzdi_binomial(degree, m) * pow(p, m) * pow(1.0 - p, degree - m) * m / degree * (1.0 - t) *
               (double)u[(m - 1) * dim + c];
      assert_true(fabs((double)out[c] - sum) <= 0.51 * (double)FLT_EPSILON * (fabs(sum) + 1e-6));
    }
    free(x);
    free(u);
  }
}

/* Limit 12 in heads: the polygon they stand for is the right half of the split path. */
static void heads_stand_for_the_rest_of_the_path(void **state) {
  (void)state;
  const int64_t dim = 9;
  for (int degree = 1; degree <= BZDI_MAX_DEGREE; degree++) {
    const int64_t size = (degree + 1) * dim;
    float *paths = numbers_floats(89, N * size, 0.0, 1.0), x[N * 9], u[N * 16 * 9], rest[N * MOST * 9], half[MOST * 9];
    bzdi_path_targets(N, degree, dim, paths, times, degree, 0, x, u);
    bzdi_heads_to_path(N, degree, dim, x, u, times, rest);
    for (int r = 0; r < N; r++) {
      bzdi_path_split(1, degree, dim, paths + r * size, (double)times[r], NULL, half);
      for (int64_t i = 0; i < size; i++) assert_true(fabsf(rest[r * size + i] - half[i]) <= 4e-6f);
      assert_memory_equal(rest + r * size, x + r * dim, (size_t)dim * sizeof *x);
    }
    free(paths);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(targets_are_de_casteljaus), cmocka_unit_test(degree_one_is_reflow_to_the_bit),
      cmocka_unit_test(parts_are_the_whole),       cmocka_unit_test(steps_follow_the_path),
      cmocka_unit_test(a_step_is_its_formula),     cmocka_unit_test(heads_stand_for_the_rest_of_the_path),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
