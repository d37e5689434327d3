/* SPDX-License-Identifier: MIT */
/* Losses: a plain loop in double, central differences (limit 18), threads, and what is not finite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"

/* The plain objective: all heads alike. */
static double loss_of(const bzd_context *context, int32_t loss, double c, int64_t n, int64_t width, const float *out,
                      const float *target, float *grad) {
  bzdi_objective objective;
  bzdi_objective_set(&objective, loss, c, 1, width, 1);
  return bzdi_loss(context, &objective, n, out, target, NULL, NULL, grad);
}

static double naive(int32_t loss, double c, int64_t n, int64_t width, const float *out, const float *target) {
  double total = 0;
  for (int64_t r = 0; r < n; r++) {
    double squares = 0;
    for (int64_t k = 0; k < width; k++) squares += pow((double)out[r * width + k] - (double)target[r * width + k], 2);
    total += loss == BZDI_LOSS_MSE ? squares / (double)width : sqrt(squares + c * c) - c;
  }
  return total / (double)n;
}

static void test_values(void **state) {
  static const int64_t sizes[][2] = {{1, 1}, {3, 7}, {33, 8}, {100, 65}, {700, 3}};
  (void)state;
  for (int s = 0; s < 5; s++)
    for (int32_t loss = BZDI_LOSS_MSE; loss <= BZDI_LOSS_PSEUDO_HUBER; loss++) {
      const int64_t n = sizes[s][0], width = sizes[s][1];
      float *out = numbers_floats(1, n * width, 0, 1), *target = numbers_floats(2, n * width, 0, 1);
      double expected = naive(loss, 0.05, n, width, out, target);
      assert_true(fabs(loss_of(NULL, loss, 0.05, n, width, out, target, NULL) / expected - 1) < 1e-6);
      assert_true(loss_of(NULL, loss, 0.05, n, width, out, out, NULL) == 0);
      free(out);
      free(target);
    }
}

/* Differences of the plain loop in double, at the float values that out really takes, so that only their truncation
 * (h^2, 1e-8 here) and the rounding of the gradient to float (1e-7 of it) are left. */
static void test_central_differences(void **state) {
  enum { N = 5, WIDTH = 6 };
  (void)state;
  for (int32_t loss = BZDI_LOSS_MSE; loss <= BZDI_LOSS_PSEUDO_HUBER; loss++)
    for (int small = 0; small < 2; small++) { /* errors above and around c */
      float *out = numbers_floats(1, N * WIDTH, 0, 1), *target = numbers_floats(2, N * WIDTH, 0, 1), grad[N * WIDTH];
      const double c = 0.5;
      for (int i = 0; i < N * WIDTH && small; i++) target[i] = out[i] + 0.1f * target[i];
      loss_of(NULL, loss, c, N, WIDTH, out, target, grad);
      double norm = 0;
      for (int i = 0; i < N * WIDTH; i++) norm = fmax(norm, fabs((double)grad[i]));
      for (int i = 0; i < N * WIDTH; i++) {
        const float keep = out[i];
        out[i] = keep + 0x1p-12f;
        double high = (double)out[i], above = naive(loss, c, N, WIDTH, out, target);
        out[i] = keep - 0x1p-12f;
        double low = (double)out[i], below = naive(loss, c, N, WIDTH, out, target);
        out[i] = keep;
        assert_true(fabs((above - below) / (high - low) - (double)grad[i]) < 1e-6 * fmax(norm, 0.1));
      }
      free(out);
      free(target);
    }
}

static void test_threads_and_in_place(void **state) {
  enum { N = 1500, WIDTH = 13 };
  static const int32_t threads[] = {1, 2, 3, 8};
  (void)state;
  for (int32_t loss = BZDI_LOSS_MSE; loss <= BZDI_LOSS_PSEUDO_HUBER; loss++) {
    float *out = numbers_floats(1, N * WIDTH, 0, 1), *target = numbers_floats(2, N * WIDTH, 0, 1);
    float *grad = malloc(sizeof *grad * N * WIDTH), *place = malloc(sizeof *place * N * WIDTH);
    double first = loss_of(NULL, loss, 0.1, N, WIDTH, out, target, grad);
    for (int i = 0; i < 4; i++) {
      bzd_context *context = models_context(NULL, threads[i]);
      memcpy(place, out, sizeof *place * N * WIDTH);
      assert_true(loss_of(context, loss, 0.1, N, WIDTH, place, target, place) == first);
      SAME(place, grad, N * WIDTH);
      bzdi_release(context);
    }
    free(out);
    free(target);
    free(grad);
    free(place);
  }
}

static void test_not_finite(void **state) {
  static const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f};
  (void)state;
  for (int32_t loss = BZDI_LOSS_MSE; loss <= BZDI_LOSS_PSEUDO_HUBER; loss++)
    for (int i = 0; i < 4; i++)
      for (int at = 0; at < 18; at += 17) {
        float out[18] = {0}, target[18] = {0}, grad[18];
        out[at] = bad[i];
        if (bad[i] == 3e38f) target[at] = -3e38f; /* the difference overflows */
        assert_true(isfinite(loss_of(NULL, loss, 0.1, 2, 9, out, target, grad)) == 0);
      }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_central_differences),
                                     cmocka_unit_test(test_threads_and_in_place), cmocka_unit_test(test_not_finite)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
