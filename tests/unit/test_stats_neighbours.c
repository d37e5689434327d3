/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../support/samples.h"
#include "base/error.h"

static int ascending(const void *x, const void *y) {
  const double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

/* share of a inside the balls of b, by sorting all distances */
static double slow_share(int64_t dim, bzdi_sample a, bzdi_sample b, int32_t k) {
  double *radius = malloc((size_t)b.n * sizeof *radius), *d = malloc((size_t)b.n * sizeof *d);
  int64_t hits = 0;
  for (int64_t j = 0; j < b.n; j++) {
    int64_t count = 0;
    for (int64_t i = 0; i < b.n; i++)
      if (i != j) d[count++] = samples_distance(dim, b.x + j * dim, b.x + i * dim);
    qsort(d, (size_t)count, sizeof *d, ascending);
    radius[j] = d[k - 1];
  }
  for (int64_t i = 0; i < a.n; i++) {
    int hit = 0;
    for (int64_t j = 0; j < b.n; j++) hit |= samples_distance(dim, a.x + i * dim, b.x + j * dim) <= radius[j];
    hits += hit;
  }
  free(radius);
  free(d);
  return (double)hits / (double)a.n;
}

static void equal_to_the_slow_version(void **state) {
  (void)state;
  const int64_t shapes[][3] = {{1, 20, 20}, {2, 30, 145}, {7, 64, 65}, {40, 90, 13}, {3, 200, 130}};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (int32_t k = 1; k <= 12; k += k == 1 ? 2 : 9) {
      const int64_t dim = shapes[s][0], n = shapes[s][1], m = shapes[s][2];
      float *x = numbers_floats(1, n * dim, 0.0, 1.0), *y = numbers_floats(2, m * dim, 0.8, 0.7);
      const bzdi_sample a = {n, x}, b = {m, y};
      double precision, recall;
      assert_int_equal(bzdi_precision_recall(NULL, dim, a, b, k, &precision, &recall), BZD_OK);
      assert_true(precision == slow_share(dim, a, b, k));
      assert_true(recall == slow_share(dim, b, a, k));
      free(x);
      free(y);
    }
}

/* On the integers the third neighbour is 2 away inside, 3 away at the ends; the border belongs to the ball. */
static void borders_are_inside_and_a_row_is_not_its_own_neighbour(void **state) {
  (void)state;
  const float line[] = {0, 1, 2, 3, 4, 5, 6, 7}, probe[] = {-3.0f, -3.5f, 10.0f, 10.01f, 3.0f};
  double precision, recall;
  assert_int_equal(
      bzdi_precision_recall(NULL, 1, (bzdi_sample){5, probe}, (bzdi_sample){8, line}, 3, &precision, &recall), BZD_OK);
  assert_true(precision == 3.0 / 5.0);
  const float twins[] = {1, 1, 1, 1, 9, 9, 9, 9}; /* radius 0 with k = 3: only the points themselves */
  const float near_twins[] = {1.0f, 1.001f, 9.0f, 5.0f};
  assert_int_equal(
      bzdi_precision_recall(NULL, 1, (bzdi_sample){4, near_twins}, (bzdi_sample){8, twins}, 3, &precision, &recall),
      BZD_OK);
  assert_true(precision == 0.5 && recall == 1.0);
  assert_int_equal(
      bzdi_precision_recall(NULL, 1, (bzdi_sample){8, line}, (bzdi_sample){8, line}, 1, &precision, &recall), BZD_OK);
  assert_true(precision == 1.0 && recall == 1.0);
}

static void too_many_neighbours_are_refused(void **state) {
  (void)state;
  const float x[8] = {0};
  double precision = 7.0, recall = 7.0;
  char text[200];
  const bzdi_sample a = {8, x}, b = {4, x};
  assert_int_equal(bzdi_precision_recall(NULL, 1, a, b, 4, &precision, &recall), BZD_E_LIMIT);
  assert_true(bzdi_error_copy(text, sizeof text) > 0 && strstr(text, "4 neighbours, expected 1..3") != NULL);
  assert_int_equal(bzdi_precision_recall(NULL, 1, a, b, 0, &precision, &recall), BZD_E_LIMIT);
  assert_true(precision == 7.0 && recall == 7.0);
  assert_int_equal(bzdi_precision_recall(NULL, 1, a, b, 3, &precision, &recall), BZD_OK);
}

static void nearest_rows(void **state) {
  (void)state;
  const int64_t shapes[][3] = {{1, 20, 1}, {2, 30, 145}, {40, 90, 13}, {3, 200, 130}};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    const int64_t dim = shapes[s][0], n = shapes[s][1], m = shapes[s][2];
    float *x = numbers_floats(1, n * dim, 0.0, 1.0), *y = numbers_floats(2, m * dim, 0.0, 1.0);
    int64_t index[200], alone[200];
    double d2[200], distance[200];
    if (m > 100) memcpy(y + 99 * dim, y + 7 * dim, (size_t)dim * sizeof *y); /* equals: the first one counts */
    memcpy(x, y + (m > 7 ? 7 : 0) * dim, (size_t)dim * sizeof *x);
    assert_int_equal(bzdi_nearest(NULL, dim, (bzdi_sample){n, x}, (bzdi_sample){m, y}, index, d2), BZD_OK);
    assert_int_equal(bzdi_nearest(NULL, dim, (bzdi_sample){n, x}, (bzdi_sample){m, y}, alone, NULL), BZD_OK);
    assert_int_equal(bzdi_nearest(NULL, dim, (bzdi_sample){n, x}, (bzdi_sample){m, y}, NULL, distance), BZD_OK);
    assert_true(d2[0] == 0.0 && index[0] == (m > 7 ? 7 : 0));
    for (int64_t i = 0; i < n; i++) {
      int64_t best = 0;
      for (int64_t j = 1; j < m; j++)
        if (samples_distance(dim, x + i * dim, y + j * dim) < samples_distance(dim, x + i * dim, y + best * dim))
          best = j;
      assert_true(index[i] == best && alone[i] == best);
      assert_true(sqrt(d2[i]) == samples_distance(dim, x + i * dim, y + best * dim) && distance[i] == d2[i]);
    }
    free(x);
    free(y);
  }
}

static bzd_status shares(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, double out[2]) {
  return bzdi_precision_recall(context, dim, a, b, 3, out, out + 1);
}

static bzd_status closest(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, double out[2]) {
  int64_t index[256];
  const bzd_status status = bzdi_nearest(context, dim, a, b, index, NULL);
  for (int64_t i = 0; status == BZD_OK && i < a.n; i++) out[0] += (double)(index[i] * (i + 1));
  return status;
}

static void threads_and_memory(void **state) {
  (void)state;
  samples_check_metric(shares, 200, 150);
  samples_check_metric(closest, 200, 150);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_to_the_slow_version),
      cmocka_unit_test(borders_are_inside_and_a_row_is_not_its_own_neighbour),
      cmocka_unit_test(too_many_neighbours_are_refused),
      cmocka_unit_test(nearest_rows),
      cmocka_unit_test(threads_and_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
