/* SPDX-License-Identifier: MIT */
/* Metrics against closed forms and brute force. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <math.h>

#include "../support/host.h"

enum { DIM = 3, N = 200 };

static float a[N * DIM], b[N * DIM];

static void test_shifted(void **state) {
  bzd_metrics_config config;
  bzd_metrics_result r = {.struct_size = sizeof r};
  (void)state;
  for (int i = 0; i < N * DIM; i++) b[i] = a[i] + (i % DIM == 0 ? 2.0f : 0.0f);
  OK(bzd_metrics_config_init(&config, sizeof config));
  OK(bzd_metrics_compare(NULL, &config, DIM, N, a, N, b, &r));
  assert_int_equal(r.which, BZD_METRIC_ALL);
  assert_true(fabs(r.w2 - 2.0) < 1e-5);      /* the best assignment is the shift */
  assert_true(fabs(r.frechet - 4.0) < 1e-4); /* same covariance, means 2 apart, squared form */
  assert_true(fabs(r.frechet_matched - 4.0) < 1e-4);
  assert_true(fabs(r.sw2 - 2.0 / sqrt(3.0)) < 0.1); /* mean of 4 cos^2 over 512 directions in 3-d */
  assert_true(r.energy > 0.5 && r.mmd > 0.05);
  assert_true(fabs(r.total_variance - r.total_variance_b) < 1e-4);
  bzd_metrics_result same = {.struct_size = sizeof same};
  OK(bzd_metrics_compare(NULL, NULL, DIM, N, a, N, a, &same));
  assert_true(fabs(same.w2) < 1e-6 && fabs(same.sw2) < 1e-6 && fabs(same.frechet) < 1e-6);
  assert_true(same.precision == 1.0 && same.recall == 1.0);
}

static void test_energy(void **state) {
  bzd_metrics_config config;
  bzd_metrics_result r = {.struct_size = sizeof r};
  double cross = 0, aa = 0, bb = 0;
  (void)state;
  OK(bzd_metrics_config_init(&config, sizeof config));
  config.which = BZD_METRIC_ENERGY;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      double dc = 0, da = 0, db = 0;
      for (int k = 0; k < DIM; k++) {
        dc += pow((double)a[i * DIM + k] - (double)b[j * DIM + k], 2);
        da += pow((double)a[i * DIM + k] - (double)a[j * DIM + k], 2);
        db += pow((double)b[i * DIM + k] - (double)b[j * DIM + k], 2);
      }
      cross += sqrt(dc);
      aa += sqrt(da);
      bb += sqrt(db);
    }
  OK(bzd_metrics_compare(NULL, &config, DIM, N, a, N, b, &r));
  assert_true(fabs(r.energy - (2 * cross / (N * N) - aa / (N * (N - 1)) - bb / (N * (N - 1)))) < 1e-5);
  assert_int_equal(r.which, BZD_METRIC_ENERGY);
  assert_true(isnan(r.sw2) && isnan(r.w2) && isnan(r.frechet) && isnan(r.precision) && isnan(r.mmd));
}

static void test_where_w2_applies(void **state) {
  bzd_metrics_config config;
  bzd_metrics_result r = {.struct_size = sizeof r};
  (void)state;
  OK(bzd_metrics_config_init(&config, sizeof config));
  OK(bzd_metrics_compare(NULL, &config, DIM, N, a, N - 1, b, &r));
  assert_int_equal(r.which, BZD_METRIC_ALL & ~BZD_METRIC_W2);
  assert_true(isnan(r.w2) && r.sw2 > 0);
}

static void test_nearest(void **state) {
  int64_t index[N];
  double distance[N];
  (void)state;
  OK(bzd_metrics_nearest(NULL, DIM, N, a, N / 2, b, index, distance));
  for (int i = 0; i < N; i++) {
    double best = HUGE_VAL;
    int at = -1;
    for (int j = 0; j < N / 2; j++) {
      double d = 0;
      for (int k = 0; k < DIM; k++) d += pow((double)a[i * DIM + k] - (double)b[j * DIM + k], 2);
      if (d < best) best = d, at = j;
    }
    assert_int_equal(index[i], at);
    assert_true(fabs(distance[i] - sqrt(best)) < 1e-5);
  }
  int64_t only_index[N];
  double only_distance[N];
  OK(bzd_metrics_nearest(NULL, DIM, N, a, N / 2, b, only_index, NULL));
  OK(bzd_metrics_nearest(NULL, DIM, N, a, N / 2, b, NULL, only_distance));
  OK(bzd_metrics_nearest(NULL, DIM, N, a, N / 2, b, NULL, NULL));
  assert_memory_equal(index, only_index, sizeof index);
  assert_memory_equal(distance, only_distance, sizeof distance);
}

/* The same bits for any number of threads. */
static void test_threads(void **state) {
  bzd_metrics_result first = {.struct_size = sizeof first}, r = {.struct_size = sizeof r};
  (void)state;
  OK(bzd_metrics_compare(NULL, NULL, DIM, N, a, N, b, &first));
  for (int32_t threads = 2; threads <= 8; threads += 3) {
    host h;
    host_init(&h);
    bzd_context *context = host_context(&h, threads);
    OK(bzd_metrics_compare(context, NULL, DIM, N, a, N, b, &r));
    assert_memory_equal(&first, &r, sizeof r);
    bzd_context_destroy(context);
    assert_int_equal(atomic_load(&h.live), 0);
  }
}

static int setup(void **state) {
  (void)state;
  OK(bzd_noise(1, BZD_STREAM_USER, 0, N, DIM, a));
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_shifted), cmocka_unit_test(test_energy),
                                     cmocka_unit_test(test_where_w2_applies), cmocka_unit_test(test_nearest),
                                     cmocka_unit_test(test_threads)};
  return cmocka_run_group_tests(tests, setup, NULL);
}
