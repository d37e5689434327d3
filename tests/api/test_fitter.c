/* SPDX-License-Identifier: MIT */
/* The fitter: curves found again, residuals, weights, ridge, one fitter for many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <math.h>
#include <pthread.h>

#include "../support/host.h"
#include "../support/objects.h"

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

/* A trajectory that is a curve of the degree is found again; residuals are what they say. */
static void test_curves(void **state) {
  enum { NODES = 12 };
  double times[NODES], residual[N];
  float states[N * NODES * DIM], fitted[N * 4 * DIM];
  (void)state;
  bzd_fitter *fitter = make_fitter(NULL, 3, NODES);
  OK(bzd_fitter_get_times(fitter, times));
  assert_true(times[0] == 0.0 && times[NODES - 1] == 1.0 && fabs(times[3] - 3.0 / 11.0) < 1e-15);
  OK(bzd_path_evaluate(N, 3, DIM, paths, NODES, times, states));
  OK(bzd_fitter_fit(fitter, N, DIM, states, fitted, residual));
  for (int i = 0; i < N * 4 * DIM; i++) assert_true(fabsf(fitted[i] - paths[i]) < 2e-5f);
  for (int r = 0; r < N; r++) assert_true(residual[r] < 1e-6);
  OK(bzd_path_evaluate(N, 8, DIM, paths, NODES, times, states));
  OK(bzd_fitter_fit(fitter, N, DIM, states, fitted, residual));
  for (int r = 0; r < N; r++) {
    double sum = 0;
    for (int k = 0; k < NODES; k++)
      for (int j = 0; j < DIM; j++)
        sum += pow(casteljau(fitted + r * 4 * DIM, 3, j, times[k]) - (double)states[(r * NODES + k) * DIM + j], 2);
    assert_true(fabs(residual[r] - sqrt(sum / (NODES * DIM))) < 1e-5);
    assert_memory_equal(fitted + r * 4 * DIM, states + r * NODES * DIM, DIM * sizeof *fitted);
  }
  bzd_fitter_info info = {.struct_size = sizeof info};
  OK(bzd_fitter_get_info(fitter, &info));
  assert_int_equal(info.degree, 3);
  assert_int_equal(info.nodes, NODES);
  assert_int_equal(info.in_double, 0);
  assert_true(info.condition >= 1.0 && info.norm > 0.0);
  bzd_fitter_destroy(fitter);
  fitter = make_fitter(NULL, 16, 17);
  OK(bzd_fitter_get_info(fitter, &info));
  assert_int_equal(info.in_double, 1);
  bzd_fitter_destroy(fitter);
}

/* A node of weight 0 does not count; an enormous ridge leaves the chord. */
static void test_weights_and_ridge(void **state) {
  enum { NODES = 6 };
  const double times[NODES] = {0, 0.1, 0.35, 0.5, 0.8, 1}, weights[NODES] = {1, 2, 0, 1, 3, 1};
  float states[N * NODES * DIM], fitted[N * 3 * DIM];
  (void)state;
  bzd_fitter_config config;
  bzd_fitter *fitter;
  OK(bzd_fitter_config_init(&config, sizeof config));
  config.nodes = NODES;
  config.times = times;
  config.weights = weights;
  OK(bzd_fitter_create(NULL, &config, &fitter));
  OK(bzd_path_evaluate(N, 2, DIM, paths, NODES, times, states));
  for (int r = 0; r < N; r++) states[(r * NODES + 2) * DIM] = 100.0f; /* the one that does not count */
  OK(bzd_fitter_fit(fitter, N, DIM, states, fitted, NULL));
  for (int i = 0; i < N * 3 * DIM; i++) assert_true(fabsf(fitted[i] - paths[i]) < 1e-5f);
  bzd_fitter_destroy(fitter);
  config.ridge = 1e12;
  OK(bzd_fitter_create(NULL, &config, &fitter));
  OK(bzd_fitter_fit(fitter, N, DIM, states, fitted, NULL));
  for (int r = 0; r < N; r++)
    for (int j = 0; j < DIM; j++) {
      const float *p = fitted + r * 3 * DIM + j;
      assert_true(fabsf(p[DIM] - 0.5f * (p[0] + p[2 * DIM])) < 1e-5f);
    }
  bzd_fitter_destroy(fitter);
}

typedef struct worker {
  const bzd_fitter *fitter;
  bzd_status status;
  float states[N * 9 * DIM], paths[N * 4 * DIM];
} worker;

static void *fit(void *arg) {
  worker *w = arg;
  for (int i = 0; i < 200 && w->status == BZD_OK; i++)
    w->status = bzd_fitter_fit(w->fitter, N, DIM, w->states, w->paths, NULL);
  return NULL;
}

static void test_shared(void **state) {
  static worker workers[3];
  pthread_t threads[3];
  (void)state;
  bzd_context *context = host_context(NULL, 2);
  bzd_fitter *fitter = make_fitter(context, 3, 9);
  for (int i = 0; i < 3; i++) {
    workers[i].fitter = fitter;
    OK(bzd_noise(1, BZD_STREAM_USER, 0, N, 9 * DIM, workers[i].states));
    assert_int_equal(pthread_create(&threads[i], NULL, fit, &workers[i]), 0);
  }
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(workers[i].status, BZD_OK);
    assert_memory_equal(workers[i].paths, workers[0].paths, sizeof workers[0].paths);
  }
  bzd_fitter_destroy(fitter);
  bzd_context_destroy(context);
}

static int setup(void **state) {
  (void)state;
  OK(bzd_noise(4, BZD_STREAM_USER, 0, N, MAX * DIM, paths));
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_curves), cmocka_unit_test(test_weights_and_ridge),
                                     cmocka_unit_test(test_shared)};
  return cmocka_run_group_tests(tests, setup, NULL);
}
