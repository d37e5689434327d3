/* SPDX-License-Identifier: MIT */
/* Losses: a plain loop in double, central differences (limit 18), threads, what is not finite; the distance of curves,
 * and heads that do not count alike. */
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
  return bzdi_loss(context, &objective, n, out, target, NULL, NULL, NULL, grad);
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

/* ---- Curves, and heads that do not count alike ----------------------------------------------------------------- */

/* A coordinate's part of the row loss: (1/heads) sum w_m e_m^2, or the integral over the rest of the path of the
 * squared distance sum B_m (m/heads) e_m of the curves (4 Gauss points: exact for heads <= 3) and what the last head
 * counts more. */
static double coordinate(int32_t loss, int32_t heads, double endpoint, const double *e) {
  static const double nodes[] = {0.3399810435848563, 0.8611363115940526};
  static const double shares[] = {0.6521451548625461 / 2, 0.3478548451374538 / 2};
  double sum = 0;
  if (loss != BZDI_LOSS_GRAM) {
    for (int32_t m = 0; m < heads; m++) sum += (m == heads - 1 ? endpoint : 1) * e[m] * e[m] / heads;
    return sum;
  }
  for (int q = 0; q < 4; q++) {
    double b[BZDI_MAX_DEGREE + 1], at = 0.5 + (q & 1 ? 0.5 : -0.5) * nodes[q / 2], distance = 0;
    bzdi_bernstein(heads, at, b);
    for (int32_t m = 1; m <= heads; m++) distance += b[m] * m / heads * e[m - 1];
    sum += shares[q / 2] * distance * distance;
  }
  return sum + (endpoint - 1) / heads * e[heads - 1] * e[heads - 1];
}

/* The weighted mean over rows; row [n] (NULL) gets theirs without the weight. */
static double weighted(int32_t loss, double c, double endpoint, int64_t n, int32_t heads, int64_t dim, const float *out,
                       const float *target, const float *weight, double *row) {
  double total = 0;
  for (int64_t r = 0; r < n; r++) {
    double sum = 0, e[BZDI_MAX_DEGREE];
    for (int64_t j = 0; j < dim; j++) {
      for (int32_t m = 0; m < heads; m++) {
        const int64_t at = (r * heads + m) * dim + j;
        e[m] = (double)out[at] - (double)target[at];
      }
      sum += coordinate(loss, heads, endpoint, e);
    }
    double value = loss == BZDI_LOSS_PSEUDO_HUBER ? sqrt(heads * sum + c * c) - c : sum / (double)dim;
    if (row) row[r] = value;
    total += (weight ? (double)weight[r] : 1) * value;
  }
  return total / (double)n;
}

/* The paths are float32: control points of size 1 are off by 1e-7, their differences, 0.1 e and more at t <= 0.9, by
 * 1e-6 of themselves, and small ones by some 1e-5; twice that in the square. */
static void test_gram_is_the_distance_of_the_curves(void **state) {
  enum { N = 40, DIM = 3 };
  static const float times[] = {0, 0.25f, 0.6f, 0.9f};
  (void)state;
  for (int32_t heads = 1; heads <= 5; heads++)
    for (int k = 0; k < 4; k++) {
      const int64_t count = N * heads * DIM, points = N * (heads + 1) * DIM;
      float *x = numbers_floats(3, N * DIM, 0, 1), *out = numbers_floats(1, count, 0, 1);
      float *target = numbers_floats(2, count, 0, 1), t[N], *a = numbers_floats(0, points, 0, 1);
      float *b = numbers_floats(0, points, 0, 1);
      double rows[N], distance2[N], expected = 0;
      for (int r = 0; r < N; r++) t[r] = times[k];
      bzdi_objective objective;
      bzdi_objective_set(&objective, BZDI_LOSS_GRAM, 0.1, heads, DIM, 1);
      double loss = bzdi_loss(NULL, &objective, N, out, target, NULL, NULL, rows, NULL);
      bzdi_heads_to_path(N, heads, DIM, x, out, t, a);
      bzdi_heads_to_path(N, heads, DIM, x, target, t, b);
      bzdi_path_distance2(N, heads, DIM, a, b, distance2);
      for (int r = 0; r < N; r++) {
        const double own = distance2[r] / pow(1 - (double)t[r], 2) / DIM;
        assert_true(fabs(rows[r] / own - 1) < 1e-4);
        expected += own / N;
      }
      assert_true(fabs(loss / expected - 1) < 1e-4);
      assert_true(bzdi_loss(NULL, &objective, N, out, out, NULL, NULL, NULL, NULL) == 0);
      free(x), free(out), free(target), free(a), free(b);
    }
}

/* The library takes differences in float: 6e-8 of each error, 1e-6 is ample for their squares' sum. */
static void test_endpoint_weight(void **state) {
  enum { N = 37, DIM = 5 };
  static const double endpoints[] = {0.25, 1, 4};
  (void)state;
  for (int32_t heads = 1; heads <= 5; heads++)
    for (int k = 0; k < 3; k++) {
      const double w = endpoints[k];
      float *out = numbers_floats(1, N * heads * DIM, 0, 1), *target = numbers_floats(2, N * heads * DIM, 0, 1);
      double rows[N], expected[N], alike[N];
      bzdi_objective objective;
      bzdi_objective_set(&objective, BZDI_LOSS_MSE, 0.1, heads, DIM, w);
      double loss = bzdi_loss(NULL, &objective, N, out, target, NULL, NULL, rows, NULL);
      double mean = weighted(BZDI_LOSS_MSE, 0.1, w, N, heads, DIM, out, target, NULL, expected);
      assert_true(fabs(loss / mean - 1) < 1e-6);
      for (int r = 0; r < N; r++) assert_true(fabs(rows[r] / expected[r] - 1) < 1e-6);
      bzdi_objective_set(&objective, BZDI_LOSS_GRAM, 0.1, heads, DIM, 1);
      bzdi_loss(NULL, &objective, N, out, target, NULL, NULL, alike, NULL);
      bzdi_objective_set(&objective, BZDI_LOSS_GRAM, 0.1, heads, DIM, w);
      bzdi_loss(NULL, &objective, N, out, target, NULL, NULL, rows, NULL);
      for (int r = 0; r < N; r++) {
        double last = 0;
        for (int j = 0; j < DIM; j++) {
          const int at = (r * heads + heads - 1) * DIM + j;
          last += pow((double)out[at] - (double)target[at], 2) / DIM;
        }
        assert_true(fabs(rows[r] - alike[r] - (w - 1) / heads * last) < 1e-6 * (alike[r] + last));
      }
      free(out), free(target);
    }
}

/* As test_central_differences: truncation 1e-8, the gradient's rounding 1e-7 of it. */
static void test_weighted_differences(void **state) {
  enum { N = 5, HEADS = 3, DIM = 4, COUNT = N * HEADS * DIM };
  static const struct {
    int32_t loss;
    double endpoint;
    int by_row;
  } cases[] = {{BZDI_LOSS_GRAM, 1, 0}, {BZDI_LOSS_GRAM, 2, 1},         {BZDI_LOSS_MSE, 4, 0},
               {BZDI_LOSS_MSE, 1, 1},  {BZDI_LOSS_PSEUDO_HUBER, 4, 1}, {BZDI_LOSS_PSEUDO_HUBER, 1, 1}};
  static const float row_weights[N] = {1, 0.5f, 3, 0, 1.75f};
  const double c = 0.5;
  (void)state;
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    const int32_t loss = cases[k].loss;
    const double endpoint = cases[k].endpoint;
    const float *weight = cases[k].by_row ? row_weights : NULL;
    float *out = numbers_floats(1, COUNT, 0, 1), *target = numbers_floats(2, COUNT, 0, 1), grad[COUNT];
    double rows[N], expected[N], norm = 0;
    bzdi_objective objective;
    bzdi_objective_set(&objective, loss, c, HEADS, DIM, endpoint);
    double value = bzdi_loss(NULL, &objective, N, out, target, weight, NULL, rows, grad);
    double mean = weighted(loss, c, endpoint, N, HEADS, DIM, out, target, weight, expected);
    assert_true(fabs(value / mean - 1) < 1e-6);
    for (int r = 0; r < N; r++) assert_true(fabs(rows[r] / expected[r] - 1) < 1e-6);
    for (int i = 0; i < COUNT; i++) norm = fmax(norm, fabs((double)grad[i]));
    for (int i = 0; i < COUNT; i++) {
      const float keep = out[i];
      out[i] = keep + 0x1p-12f;
      double high = (double)out[i], up = weighted(loss, c, endpoint, N, HEADS, DIM, out, target, weight, NULL);
      out[i] = keep - 0x1p-12f;
      double low = (double)out[i], down = weighted(loss, c, endpoint, N, HEADS, DIM, out, target, weight, NULL);
      out[i] = keep;
      assert_true(fabs((up - down) / (high - low) - (double)grad[i]) < 1e-6 * fmax(norm, 0.1));
    }
    bzdi_loss(NULL, &objective, N, out, target, weight, NULL, NULL, out); /* in place: the same bits */
    SAME(out, grad, COUNT);
    free(out), free(target);
  }
}

/* Rows that are steps: the error is that of the mean velocity over the step, where the student's own step lands (by the
 * curves themselves, evaluated) over its length. Rows of step 0 cost what they did; a step of 1 sees the last head
 * alone. Gradients as test_weighted_differences. */
static void test_steps(void **state) {
  enum { N = 6, DIM = 3 };
  static const float steps[N] = {0, 1, 0.5f, 0.25f, 0.9f, 0}, times[N] = {0.1f, 0, 0, 0.5f, 0.2f, 0.7f};
  (void)state;
  for (int32_t heads = 1; heads <= 4; heads++)
    for (int32_t loss = BZDI_LOSS_MSE; loss <= BZDI_LOSS_GRAM; loss++) {
      const int64_t count = N * heads * DIM, points = N * (heads + 1) * DIM;
      float *out = numbers_floats(1, count, 0, 1), *target = numbers_floats(2, count, 0, 1),
            *x = numbers_floats(3, N * DIM, 0, 1);
      float *a = numbers_floats(0, points, 0, 1), *b = numbers_floats(0, points, 0, 1),
            *grad = numbers_floats(0, count, 0, 1);
      double rows[N], plain[N];
      bzdi_objective objective;
      bzdi_objective_set(&objective, loss, 0.5, heads, DIM, 1);
      bzdi_loss(NULL, &objective, N, out, target, NULL, NULL, plain, NULL);
      const double value = bzdi_loss(NULL, &objective, N, out, target, NULL, steps, rows, grad);
      bzdi_heads_to_path(N, heads, DIM, x, out, times, a);
      bzdi_heads_to_path(N, heads, DIM, x, target, times, b);
      double mean = 0;
      for (int r = 0; r < N; r++) {
        mean += rows[r] / N;
        if (steps[r] == 0) {
          assert_true(rows[r] == plain[r]);
          continue;
        }
        double basis[BZDI_MAX_DEGREE + 1], square = 0, length = (double)steps[r] * (1 - (double)times[r]);
        bzdi_bernstein(heads, (double)steps[r], basis);
        for (int j = 0; j < DIM; j++) {
          double miss = 0;
          for (int32_t m = 0; m <= heads; m++)
            miss +=
                basis[m] * ((double)a[(r * (heads + 1) + m) * DIM + j] - (double)b[(r * (heads + 1) + m) * DIM + j]);
          square += miss * miss / (length * length);
        }
        const double expected = loss == BZDI_LOSS_PSEUDO_HUBER ? sqrt(heads * square + 0.25) - 0.5 : square / DIM;
        assert_true(fabs(rows[r] / expected - 1) < 2e-5); /* control points are float32 */
      }
      assert_true(fabs(value / mean - 1) < 1e-12);
      for (int64_t i = 0; i < count; i++) {
        const float keep = out[i];
        out[i] = keep + 0x1p-9f;
        double high = (double)out[i], up = bzdi_loss(NULL, &objective, N, out, target, NULL, steps, NULL, NULL);
        out[i] = keep - 0x1p-9f;
        double low = (double)out[i], down = bzdi_loss(NULL, &objective, N, out, target, NULL, steps, NULL, NULL);
        out[i] = keep;
        assert_true(fabs((up - down) / (high - low) - (double)grad[i]) < 1e-5);
      }
      for (int j = 0; j < DIM; j++) /* row 1 goes all the way */
        for (int32_t m = 0; m < heads - 1; m++) assert_true(grad[(heads + m) * DIM + j] == 0);
      free(out), free(target), free(x), free(a), free(b), free(grad);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_values),
                                     cmocka_unit_test(test_central_differences),
                                     cmocka_unit_test(test_threads_and_in_place),
                                     cmocka_unit_test(test_not_finite),
                                     cmocka_unit_test(test_gram_is_the_distance_of_the_curves),
                                     cmocka_unit_test(test_endpoint_weight),
                                     cmocka_unit_test(test_weighted_differences),
                                     cmocka_unit_test(test_steps)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
