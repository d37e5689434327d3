/* SPDX-License-Identifier: MIT */
/* Element-wise passes of every kernel table against libm in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "num/kernel.h"
#include "numbers.h"

#include <string.h>

enum { COUNT = 1000 };

static double sigmoid(double z) { return 1 / (1 + exp(-z)); }

static void for_each_table(void (*check)(const bzdi_kernels *kernels)) {
  for (int32_t i = 0; bzdi_kernels_at(i); i++) check(bzdi_kernels_at(i));
}

static void check_silu(const bzdi_kernels *kernels) {
  enum { WIDTH = 37, ROWS = 27 };
  static float z[ROWS * WIDTH], y[ROWS * WIDTH], before[ROWS * WIDTH], bias[WIDTH];
  uint64_t seed = 1;
  for (int i = 0; i < ROWS * WIDTH; i++) z[i] = before[i] = (float)(40 * numbers_uniform(&seed) - 20);
  for (int j = 0; j < WIDTH; j++) bias[j] = (float)numbers_normal(&seed);
  kernels->bias_silu(ROWS, WIDTH, bias, z, y);
  static float dy[ROWS * WIDTH];
  for (int i = 0; i < ROWS * WIDTH; i++) {
    float sum = before[i] + bias[i % WIDTH];
    double s = sigmoid((double)sum), exact = (double)sum * s, slope = s * (1 + (double)sum * (1 - s));
    assert_true(fabs((double)y[i] - exact) <= 4e-7 * fabs(exact) + 1e-12);
    assert_true(fabs((double)z[i] - slope) <= 1e-6);
    dy[i] = y[i];
  }
  kernels->multiply(ROWS * WIDTH, z, dy);
  for (int i = 0; i < ROWS * WIDTH; i++) assert_true(dy[i] == y[i] * z[i]);
  /* The pass after a product: the same numbers, rows apart, beside what is not its own. */
  enum { LD = 50 };
  static float c[ROWS * LD];
  for (int act = 0; act < 2; act++)
    for (int with_bias = 0; with_bias < 2; with_bias++) {
      for (int i = 0; i < ROWS * LD; i++) c[i] = i % LD < WIDTH ? before[i / LD * WIDTH + i % LD] : -7;
      kernels->activate(ROWS, WIDTH, with_bias ? bias : NULL, act, c, LD);
      for (int i = 0; i < ROWS * LD; i++) {
        if (i % LD >= WIDTH) {
          assert_true(c[i] == -7);
          continue;
        }
        const int at = i / LD * WIDTH + i % LD;
        const float sum = with_bias ? before[at] + bias[i % LD] : before[at];
        if (act && with_bias) assert_true(c[i] == y[at]);
        if (act)
          assert_true(fabs((double)c[i] - (double)sum * sigmoid((double)sum)) <= 4e-7 * fabs((double)c[i]) + 1e-12);
        if (!act) assert_true(c[i] == sum);
      }
    }
  /* Far out, and what is not a number stays one. */
  float odd[5] = {200, -200, NAN, INFINITY, 0}, out[5], none[5] = {0};
  kernels->bias_silu(1, 5, none, odd, out);
  assert_true(out[0] == 200 && fabsf(out[1]) < 1e-30f && isnan(out[2]) && out[3] == INFINITY && out[4] == 0);
}
static void test_silu(void **state) {
  (void)state;
  for_each_table(check_silu);
}

static void check_features(const bzdi_kernels *kernels) {
  enum { FREQUENCIES = 23, ROWS = 50, LD = 60 };
  static float t[ROWS], f[FREQUENCIES], out[ROWS * LD];
  uint64_t seed = 2;
  for (int i = 0; i < ROWS; i++) t[i] = (float)(2 * numbers_uniform(&seed) - 1);
  for (int j = 0; j < FREQUENCIES; j++) f[j] = (float)(1000 * numbers_uniform(&seed) * (j % 3 == 0 ? 1 : 0.01));
  for (int i = 0; i < ROWS * LD; i++) out[i] = -7;
  kernels->time_features(ROWS, t, FREQUENCIES, f, out, LD);
  for (int i = 0; i < ROWS; i++) {
    for (int j = 0; j < FREQUENCIES; j++) {
      double x = (double)(t[i] * f[j]);
      /* 1.3e-7 of the polynomials, and the reduction's last part times |x|. */
      double allowed = 1.5e-7 + 1e-9 * fabs(x);
      assert_true(fabs((double)out[i * LD + j] - sin(x)) < allowed);
      assert_true(fabs((double)out[i * LD + FREQUENCIES + j] - cos(x)) < allowed);
    }
    for (int j = 2 * FREQUENCIES; j < LD; j++) assert_true(out[i * LD + j] == -7);
  }
}
static void test_features(void **state) {
  (void)state;
  for_each_table(check_features);
}

static void check_sums(const bzdi_kernels *kernels) {
  float *x = numbers_floats(4, COUNT, 0, 3);
  double sum = 0;
  for (int i = 0; i < COUNT; i++) sum += (double)x[i] * (double)x[i];
  assert_true(fabs(kernels->sum_squares(COUNT, x) - sum) < 1e-12 * sum);
  assert_true(fabs(kernels->sum_squares(7, x) -
                   ((double)x[0] * x[0] + (double)x[1] * x[1] + (double)x[2] * x[2] + (double)x[3] * x[3] +
                    (double)x[4] * x[4] + (double)x[5] * x[5] + (double)x[6] * x[6])) < 1e-12 * sum);
  enum { WIDTH = 50, ROWS = 20 };
  float columns[WIDTH];
  kernels->column_sums(ROWS, WIDTH, x, columns);
  for (int j = 0; j < WIDTH; j++) {
    double exact = 0;
    for (int r = 0; r < ROWS; r++) exact += (double)x[r * WIDTH + j];
    assert_true(fabs((double)columns[j] - exact) < 1e-4);
  }
  x[COUNT / 2] = NAN;
  assert_true(isnan(kernels->sum_squares(COUNT, x)));
  free(x);
}
static void test_sums(void **state) {
  (void)state;
  for_each_table(check_sums);
}

static void check_adam(const bzdi_kernels *kernels) {
  enum { N = 133 };
  const bzdi_adam s = {0.5f, 0.01f, 0.9f, 0.99f, 3.0f, 20.0f, 1e-8f, 0.1f, 0.95f};
  float *g = numbers_floats(5, N, 0, 1), *w = numbers_floats(6, N, 0, 1), *m = numbers_floats(7, N, 0, 0.1);
  float *v = numbers_floats(8, N, 1, 0.1), *ema = numbers_floats(9, N, 0, 1), before[4][N];
  memcpy(before[0], w, sizeof before[0]), memcpy(before[1], m, sizeof before[0]);
  memcpy(before[2], v, sizeof before[0]), memcpy(before[3], ema, sizeof before[0]);
  kernels->adam(&s, N, g, w, m, v, ema);
  for (int i = 0; i < N; i++) {
    double grad = 0.5 * (double)g[i], m1 = 0.9 * (double)before[1][i] + 0.1 * grad;
    double v1 = 0.99 * (double)before[2][i] + 0.01 * grad * grad;
    double w1 = (double)before[0][i] - 0.01 * (m1 * 3 / (sqrt(v1 * 20) + 1e-8) + 0.1 * (double)before[0][i]);
    assert_true(fabs((double)m[i] - m1) < 1e-6 && fabs((double)v[i] - v1) < 1e-6 && fabs((double)w[i] - w1) < 1e-6);
    assert_true(fabs((double)ema[i] - (0.95 * (double)before[3][i] + 0.05 * w1)) < 1e-6);
  }
  free(g), free(w), free(m), free(v), free(ema);
}
static void test_adam(void **state) {
  (void)state;
  for_each_table(check_adam);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_silu), cmocka_unit_test(test_features),
                                     cmocka_unit_test(test_sums), cmocka_unit_test(test_adam)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
