/* SPDX-License-Identifier: MIT */
/* Sources: couplings, orders, anchored paths, guides, pools, the caller's own paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <math.h>

#include "../support/host.h"
#include "../support/objects.h"

enum { DIM = 3, ROWS = 10, N = 30, NODES = 9 };

static float paths[N * 5 * DIM], cond[N * 2];

/* The row of data [ROWS, DIM] that x is, or -1. */
static int row_of(const float *rows, const float *x) {
  for (int r = 0; r < ROWS; r++)
    if (memcmp(rows + r * DIM, x, DIM * sizeof *x) == 0) return r;
  return -1;
}

/* x0 is the noise of the sample, x1 a row; every epoch visits every row once, in an order of its own. */
static void test_data(void **state) {
  float rows[ROWS * DIM], noise[N * DIM];
  int order[3][ROWS];
  (void)state;
  bzd_data *data = make_data(NULL, ROWS, DIM, 2);
  bzd_source *source;
  OK(bzd_data_get_rows(data, 0, ROWS, rows, NULL));
  OK(bzd_source_create_data(data, NULL, 6, &source));
  bzd_source_info info = {.struct_size = sizeof info};
  OK(bzd_source_get_info(source, &info));
  assert_int_equal(info.kind, BZD_SOURCE_DATA);
  assert_int_equal(info.degree, 1);
  assert_int_equal(info.cond_dim, 2);
  assert_int_equal(info.count, 0);
  OK(bzd_source_get_paths(source, 0, N, paths, cond, NULL));
  OK(bzd_noise(6, BZD_STREAM_NOISE, 0, N, DIM, noise));
  for (int s = 0; s < N; s++) {
    assert_memory_equal(paths + s * 2 * DIM, noise + s * DIM, DIM * sizeof *noise);
    int row = row_of(rows, paths + (s * 2 + 1) * DIM);
    assert_in_range(row, 0, ROWS - 1);
    assert_true(cond[s * 2 + row % 2] == 1.0f && cond[s * 2 + 1 - row % 2] == 0.0f);
    order[s / ROWS][s % ROWS] = row;
  }
  for (int epoch = 0; epoch < 3; epoch++) {
    int seen = 0;
    for (int i = 0; i < ROWS; i++) seen |= 1 << order[epoch][i];
    assert_int_equal(seen, (1 << ROWS) - 1);
  }
  assert_memory_not_equal(order[0], order[1], sizeof order[0]);
  float one[2 * DIM], one_cond[2];
  OK(bzd_source_get_paths(source, 17, 1, one, one_cond, NULL));
  assert_memory_equal(one, paths + 17 * 2 * DIM, sizeof one);
  bzd_data_destroy(data); /* the source keeps it */
  OK(bzd_source_get_paths(source, 17, 1, one, one_cond, NULL));
  bzd_source_destroy(source);
}

static void test_two_sets(void **state) {
  float from[ROWS * DIM], to[ROWS * DIM];
  (void)state;
  bzd_data *start = make_data(NULL, ROWS, DIM, 0), *wrong = make_data(NULL, ROWS, DIM + 1, 0);
  bzd_data_config config;
  bzd_data *target;
  bzd_source *source;
  for (int i = 0; i < ROWS * DIM; i++) to[i] = (float)i;
  OK(bzd_data_config_init(&config, sizeof config));
  config.n = ROWS;
  config.dim = DIM;
  config.rows = to;
  OK(bzd_data_create(NULL, &config, &target));
  OK(bzd_data_get_rows(start, 0, ROWS, from, NULL));
  OK(bzd_source_create_data(target, start, 6, &source));
  OK(bzd_source_get_paths(source, 0, N, paths, NULL, NULL));
  for (int s = 0; s < N; s++) {
    assert_true(row_of(from, paths + s * 2 * DIM) >= 0);
    assert_true(row_of(to, paths + (s * 2 + 1) * DIM) >= 0);
  }
  bzd_source_destroy(source);
  FAILS(BZD_E_DIMENSION, "4", bzd_source_create_data(target, wrong, 6, &source));
  bzd_data_destroy(start);
  bzd_data_destroy(wrong);
  bzd_data_destroy(target);
}

/* ---- Ensembles ----------------------------------------------------------------------------------------------- */

/* v = x: states x0 e^t. Curved in time, straight in space, known everywhere. */
static int32_t grow(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                    const float *c, float *v) {
  (void)t, (void)cond_dim, (void)c;
  if (user != NULL && *(int32_t *)user != 0) v[0] = NAN;
  for (int64_t i = user != NULL && *(int32_t *)user != 0; i < n * dim; i++) v[i] = x[i];
  return 0;
}

static int32_t poison;
static bzd_ensemble *growing;

static bzd_source *create(const bzd_fitter *fitter, int32_t guide, double tau, const bzd_data *real, double rho) {
  bzd_ensemble_source_config config;
  bzd_source *source;
  OK(bzd_ensemble_source_config_init(&config, sizeof config));
  config.guide = guide;
  if (guide != BZD_GUIDE_FIT) config.guide_times[0] = tau;
  config.real = real;
  config.rho = rho;
  config.seed = 3;
  config.steps = 32;
  config.bend = 1;
  OK(bzd_source_create_ensemble(growing, fitter, &config, &source));
  return source;
}

/* Curves follow the teacher's trajectory; a fitter of degree 1 leaves its ends: reflow. */
static void test_forward(void **state) {
  float noise[N * DIM];
  (void)state;
  OK(bzd_noise(3, BZD_STREAM_NOISE, 0, N, DIM, noise));
  for (int degree = 1; degree <= 4; degree += 3) {
    bzd_fitter *fitter = make_fitter(NULL, degree, NODES);
    bzd_source *source = create(fitter, BZD_GUIDE_FIT, 0, NULL, 0);
    OK(bzd_source_get_paths(source, 0, N, paths, NULL, NULL));
    for (int s = 0; s < N; s++)
      for (int j = 0; j < DIM; j++) {
        const float *p = paths + s * (degree + 1) * DIM + j;
        float x0 = noise[s * DIM + j];
        assert_true(p[0] == x0);
        assert_true(fabsf(p[degree * DIM] - x0 * (float)exp(1.0)) < 1e-4f);
      }
    if (degree == 4) {
      const double times[3] = {0.25, 0.5, 0.8};
      float points[N * 3 * DIM];
      OK(bzd_path_evaluate(N, 4, DIM, paths, 3, times, points));
      for (int i = 0; i < N * 3 * DIM; i++) {
        float x0 = noise[i / (3 * DIM) * DIM + i % DIM];
        assert_true(fabs((double)points[i] - (double)x0 * exp(times[i / DIM % 3])) < 5e-4);
      }
    }
    bzd_source_destroy(source);
    bzd_fitter_destroy(fitter);
  }
}

/* Control points and waypoints are different things. */
static void test_guides(void **state) {
  (void)state;
  bzd_fitter *fitter = make_fitter(NULL, 2, NODES);
  for (int32_t guide = BZD_GUIDE_CONTROL; guide <= BZD_GUIDE_WAYPOINT; guide++) {
    bzd_source *source = create(fitter, guide, 0.5, NULL, 0);
    OK(bzd_source_get_paths(source, 0, N, paths, NULL, NULL));
    for (int i = 0; i < N; i++)
      for (int j = 0; j < DIM; j++) {
        const float *p = paths + i * 3 * DIM + j;
        float state_at = p[0] * (float)exp(0.5);
        float at = guide == BZD_GUIDE_CONTROL ? p[DIM] : 0.25f * p[0] + 0.5f * p[DIM] + 0.25f * p[2 * DIM];
        assert_true(fabsf(at - state_at) < 1e-4f);
      }
    bzd_source_destroy(source);
  }
  bzd_fitter_destroy(fitter);
}

/* Anchored paths end in a real row to the bit; rho is their share. */
static void test_anchored(void **state) {
  enum { MANY = 400 };
  static float many[MANY * 3 * DIM];
  float rows[ROWS * DIM];
  int real = 0;
  (void)state;
  bzd_data *data = make_data(NULL, ROWS, DIM, 0);
  bzd_fitter *fitter = make_fitter(NULL, 2, NODES);
  OK(bzd_data_get_rows(data, 0, ROWS, rows, NULL));
  bzd_source *source = create(fitter, BZD_GUIDE_FIT, 0, data, 0.3);
  OK(bzd_source_get_paths(source, 0, MANY, many, NULL, NULL));
  for (int s = 0; s < MANY; s++) {
    const float *p = many + s * 3 * DIM;
    if (row_of(rows, p + 2 * DIM) < 0) continue;
    real++;
    for (int j = 0; j < DIM; j++) assert_true(fabsf(p[j] - p[2 * DIM + j] * (float)exp(-1.0)) < 1e-4f);
  }
  assert_in_range(real, 83, 157); /* 120 +- 4 standard deviations of 9.2 */
  bzd_source_destroy(source);
  bzd_fitter_destroy(fitter);
  bzd_data_destroy(data);
}

static void test_poisoned(void **state) {
  (void)state;
  bzd_fitter *fitter = make_fitter(NULL, 2, NODES);
  bzd_source *source = create(fitter, BZD_GUIDE_FIT, 0, NULL, 0), *pool;
  poison = 1;
  FAILS(BZD_E_NUMERIC, "teacher 0", bzd_source_get_paths(source, 0, N, paths, NULL, NULL));
  FAILS(BZD_E_NUMERIC, "teacher 0", bzd_source_create_pool(source, 0, 8, 0, NULL, NULL, &pool));
  assert_null(pool);
  poison = 0;
  OK(bzd_source_get_paths(source, 0, N, paths, NULL, NULL));
  bzd_source_destroy(source);
  bzd_fitter_destroy(fitter);
}

/* ---- Callbacks and pools ------------------------------------------------------------------------------------- */

static int32_t numbered(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim, int64_t cond_dim,
                        float *p, float *c, float *span) {
  (void)span;
  for (int64_t i = 0; i < n; i++) {
    for (int64_t k = 0; k < (degree + 1) * dim; k++) p[i * (degree + 1) * dim + k] = (float)(index[i] * 100 + k);
    for (int64_t k = 0; k < cond_dim; k++) c[i * cond_dim + k] = (float)index[i];
  }
  return *(int32_t *)user;
}

static int32_t stop(void *user, const bzd_progress *progress) {
  *(int32_t *)user = progress->phase;
  return 3;
}

static void test_callback_and_pool(void **state) {
  enum { COUNT = 12 };
  int32_t answer = 0, phase = 0, visits[2][COUNT] = {{0}};
  bzd_source *source, *pool;
  (void)state;
  OK(bzd_source_create_callback(NULL, 2, DIM, 2, numbered, &answer, &source));
  OK(bzd_source_get_paths(source, 5, 2, paths, cond, NULL));
  assert_true(paths[0] == 500.0f && paths[3 * DIM + 8] == 608.0f && cond[1] == 5.0f && cond[2] == 6.0f);
  answer = 4;
  FAILS(BZD_E_CANCELLED, "4", bzd_source_get_paths(source, 5, 2, paths, cond, NULL));
  answer = 0;
  FAILS(BZD_E_CANCELLED, "3", bzd_source_create_pool(source, 0, COUNT, 1, stop, &phase, &pool));
  assert_null(pool);
  assert_int_equal(phase, BZD_PHASE_GENERATE);
  OK(bzd_source_create_pool(source, 0, COUNT, 1, NULL, NULL, &pool));
  bzd_source_destroy(source);
  OK(bzd_source_get_paths(pool, 0, 2 * COUNT, paths, cond, NULL));
  for (int s = 0; s < 2 * COUNT; s++) {
    int number = (int)cond[s * 2];
    assert_in_range(number, 0, COUNT - 1);
    assert_true(paths[s * 3 * DIM] == (float)(number * 100));
    visits[s / COUNT][number]++;
  }
  for (int i = 0; i < COUNT; i++) assert_true(visits[0][i] == 1 && visits[1][i] == 1);
  bzd_source_info info = {.struct_size = sizeof info};
  OK(bzd_source_get_info(pool, &info));
  assert_int_equal(info.kind, BZD_SOURCE_POOL);
  assert_int_equal(info.count, COUNT);
  bzd_source_destroy(pool);
}

/* A pool knows what its teachers' paths cost and how well they fit. */
static void test_pool_facts(void **state) {
  (void)state;
  bzd_fitter *fitter = make_fitter(NULL, 2, NODES);
  bzd_source *source = create(fitter, BZD_GUIDE_FIT, 0, NULL, 0), *pool;
  OK(bzd_source_create_pool(source, 0, 20, 1, NULL, NULL, &pool));
  bzd_source_info info = {.struct_size = sizeof info};
  OK(bzd_source_get_info(pool, &info));
  assert_true(info.nfe == 32 * 4);
  assert_true(info.residual > 1e-5 && info.residual < 0.1);
  bzd_source_destroy(pool);
  bzd_source_destroy(source);
  bzd_fitter_destroy(fitter);
}

static int setup(void **state) {
  bzd_flow_config config;
  bzd_flow *flow;
  (void)state;
  OK(bzd_flow_config_init(&config, sizeof config));
  config.dim = DIM;
  OK(bzd_flow_create_callback(NULL, &config, grow, &poison, 0, &flow));
  growing = make_ensemble(NULL, BZD_COMBINE_VELOCITY, BZD_RULE_UNIFORM, 1, &flow);
  bzd_flow_destroy(flow);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  bzd_ensemble_destroy(growing);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_data),
      cmocka_unit_test(test_two_sets),
      cmocka_unit_test(test_forward),
      cmocka_unit_test(test_guides),
      cmocka_unit_test(test_anchored),
      cmocka_unit_test(test_poisoned),
      cmocka_unit_test(test_callback_and_pool),
      cmocka_unit_test(test_pool_facts),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
