/* SPDX-License-Identifier: MIT */
/* Ensembles: the rules in closed form, mixtures, guidance of members, sampling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <math.h>

#include "../support/host.h"
#include "../support/objects.h"

enum { DIM = 3, N = 40, COUNT = 3 };

/* Member m of three answers the constant SHIFT[m]. */
static const float SHIFT[COUNT] = {1.0f, 2.0f, 10.0f};
static int64_t rows_asked; /* of all members */

static int32_t constant(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                        const float *cond, float *v) {
  (void)x, (void)t, (void)cond_dim, (void)cond;
  rows_asked += n;
  for (int64_t i = 0; i < n * dim; i++) v[i] = *(const float *)user;
  return 0;
}

static bzd_flow *flows[COUNT];
static float x[N * DIM], t[N], v[N * DIM];
static double weights[N * COUNT];

static bzd_ensemble *create(int32_t combine, int32_t rule, const double *fixed) {
  const bzd_flow *teachers[COUNT] = {flows[0], flows[1], flows[2]};
  bzd_ensemble_config config;
  bzd_ensemble *ensemble;
  OK(bzd_ensemble_config_init(&config, sizeof config));
  config.combine = combine;
  config.rule = rule;
  config.fixed = fixed;
  config.temperature = 2.0;
  config.seed = 4;
  OK(bzd_ensemble_create(NULL, &config, COUNT, teachers, &ensemble));
  return ensemble;
}

static void expect_weights(const double *expected) {
  float sum = 0;
  double mean = 0;
  for (int m = 0; m < COUNT; m++) mean += expected[m] * (double)SHIFT[m];
  sum = (float)mean;
  for (int r = 0; r < N; r++) {
    for (int m = 0; m < COUNT; m++) assert_true(fabs(weights[r * COUNT + m] - expected[m]) < 1e-9);
    for (int j = 0; j < DIM; j++) assert_true(fabsf(v[r * DIM + j] - sum) < 1e-6f);
  }
}

static void test_rules(void **state) {
  const double uniform[COUNT] = {1.0 / 3, 1.0 / 3, 1.0 / 3}, given[COUNT] = {1, 0, 3}, scaled[COUNT] = {0.25, 0, 0.75};
  (void)state;
  bzd_ensemble *ensemble = create(BZD_COMBINE_VELOCITY, BZD_RULE_UNIFORM, NULL);
  OK(bzd_ensemble_velocity(ensemble, N, 0, x, t, NULL, v, weights));
  expect_weights(uniform);
  bzd_ensemble_info info = {.struct_size = sizeof info};
  OK(bzd_ensemble_get_info(ensemble, &info));
  assert_int_equal(info.count, COUNT);
  assert_int_equal(info.nfe, COUNT);
  assert_int_equal(info.dim, DIM);
  bzd_ensemble_destroy(ensemble);
  ensemble = create(BZD_COMBINE_VELOCITY, BZD_RULE_FIXED, given);
  OK(bzd_ensemble_velocity(ensemble, N, 0, x, t, NULL, v, weights));
  expect_weights(scaled);
  bzd_ensemble_destroy(ensemble);
  double consensus[COUNT], sum = 0;
  for (int m = 0; m < COUNT; m++) {
    double others = ((double)(SHIFT[0] + SHIFT[1] + SHIFT[2] - SHIFT[m])) / 2, d = (double)SHIFT[m] - others;
    consensus[m] = exp(-d * d * DIM / (2 * 2.0 * 2.0 * DIM));
    sum += consensus[m];
  }
  for (int m = 0; m < COUNT; m++) consensus[m] /= sum;
  ensemble = create(BZD_COMBINE_VELOCITY, BZD_RULE_CONSENSUS, NULL);
  OK(bzd_ensemble_velocity(ensemble, N, 0, x, t, NULL, v, weights));
  expect_weights(consensus);
  bzd_ensemble_destroy(ensemble);
}

/* Each sample follows one member, always the same, wherever it stands in a batch. */
static void test_mixture(void **state) {
  int seen[COUNT] = {0};
  float one[DIM], out[N * DIM];
  (void)state;
  bzd_ensemble *ensemble = create(BZD_COMBINE_MIXTURE, BZD_RULE_UNIFORM, NULL);
  OK(bzd_ensemble_velocity(ensemble, N, 100, x, t, NULL, v, weights));
  for (int r = 0; r < N; r++) {
    int member = -1;
    for (int m = 0; m < COUNT; m++)
      if (weights[r * COUNT + m] == 1.0) member = m;
    assert_in_range(member, 0, COUNT - 1);
    seen[member]++;
    assert_true(v[r * DIM] == SHIFT[member]);
    OK(bzd_ensemble_velocity(ensemble, 1, 100 + r, x, t, NULL, one, NULL));
    assert_true(one[0] == SHIFT[member]);
  }
  for (int m = 0; m < COUNT; m++) assert_true(seen[m] > 0);
  bzd_sample_config config;
  OK(bzd_sample_config_init(&config, sizeof config));
  config.first_index = 100;
  config.solver = BZD_SOLVER_EULER;
  OK(bzd_ensemble_sample(ensemble, &config, N, x, NULL, out, NULL));
  for (int i = 0; i < N * DIM; i++) assert_true(fabsf(out[i] - (x[i] + v[i])) < 1e-4f);
  bzd_ensemble_destroy(ensemble);
}

/* Identical members under any rule are one of them, to the bit. */
static void test_identical(void **state) {
  float alone[N * DIM], together[N * DIM];
  (void)state;
  bzd_flow *flow = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, 0, 16, 3), *same[4] = {flow, flow, flow, flow};
  OK(bzd_flow_sample(flow, NULL, N, NULL, NULL, alone, NULL));
  for (int32_t rule = BZD_RULE_UNIFORM; rule <= BZD_RULE_CONSENSUS; rule += 2)
    for (int64_t count = 1; count <= 4; count++) {
      bzd_ensemble *ensemble = make_ensemble(NULL, BZD_COMBINE_VELOCITY, rule, count, same);
      OK(bzd_ensemble_sample(ensemble, NULL, N, NULL, NULL, together, NULL));
      assert_memory_equal(alone, together, sizeof alone);
      bzd_ensemble_destroy(ensemble);
    }
  bzd_flow_destroy(flow);
}

static void test_members(void **state) {
  bzd_flow *member;
  (void)state;
  bzd_ensemble *ensemble = create(BZD_COMBINE_VELOCITY, BZD_RULE_UNIFORM, NULL);
  OK(bzd_ensemble_get_member(ensemble, 2, &member));
  bzd_ensemble_destroy(ensemble);
  OK(bzd_flow_velocity(member, N, x, t, NULL, 1.0, v)); /* a hold of its own */
  assert_true(v[0] == SHIFT[2]);
  bzd_flow_destroy(member);
  bzd_flow *wide = make_flow(NULL, BZD_FLOW_VELOCITY, 1, 64, 0, 8, 0);
  const bzd_flow *mixed[2] = {flows[0], wide};
  bzd_ensemble *none;
  FAILS(BZD_E_DIMENSION, "teacher 1: dim 64, expected 3", bzd_ensemble_create(NULL, NULL, 2, mixed, &none));
  bzd_flow_destroy(wide);
}

static void test_guidance(void **state) {
  float cond[N * 2] = {0}, guided[N * DIM];
  const double guidance[1] = {3.0};
  (void)state;
  bzd_flow *flow = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, 2, 16, 3);
  const bzd_flow *teacher = flow;
  bzd_ensemble_config config;
  bzd_ensemble *ensemble;
  OK(bzd_ensemble_config_init(&config, sizeof config));
  config.guidance = guidance;
  OK(bzd_ensemble_create(NULL, &config, 1, &teacher, &ensemble));
  for (int r = 0; r < N; r++) cond[r * 2 + r % 2] = 1.0f;
  OK(bzd_flow_velocity(flow, N, x, t, cond, 3.0, v));
  OK(bzd_ensemble_velocity(ensemble, N, 0, x, t, cond, guided, NULL));
  assert_memory_equal(v, guided, sizeof v);
  bzd_ensemble_info info = {.struct_size = sizeof info};
  OK(bzd_ensemble_get_info(ensemble, &info));
  assert_int_equal(info.nfe, 2);
  bzd_ensemble_destroy(ensemble);
  bzd_flow_destroy(flow);
}

static int setup(void **state) {
  bzd_flow_config config;
  (void)state;
  OK(bzd_flow_config_init(&config, sizeof config));
  config.dim = DIM;
  for (int m = 0; m < COUNT; m++)
    OK(bzd_flow_create_callback(NULL, &config, constant, (void *)(uintptr_t)&SHIFT[m], 0, &flows[m]));
  OK(bzd_noise(2, BZD_STREAM_USER, 0, N, DIM, x));
  OK(bzd_uniform(2, BZD_STREAM_USER, 0, N, 1, t));
  return 0;
}

static int teardown(void **state) {
  (void)state;
  for (int m = 0; m < COUNT; m++) bzd_flow_destroy(flows[m]);
  return 0;
}

/* Velocities, their weights and the effective number: each member is asked once for a row, or not at all. */
static void test_once(void **state) {
  static const struct {
    int32_t combine, rule, velocity, effective; /* evaluations of a row */
  } cases[] = {{BZD_COMBINE_VELOCITY, BZD_RULE_UNIFORM, COUNT, COUNT},
               {BZD_COMBINE_VELOCITY, BZD_RULE_CONSENSUS, COUNT, COUNT},
               {BZD_COMBINE_MIXTURE, BZD_RULE_UNIFORM, 1, 0}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bzd_ensemble *ensemble = create(cases[i].combine, cases[i].rule, NULL);
    static float alone[N * DIM];
    double effective;
    rows_asked = 0;
    OK(bzd_ensemble_velocity(ensemble, N, 5, x, t, NULL, v, weights));
    assert_int_equal(rows_asked, N * cases[i].velocity);
    OK(bzd_ensemble_velocity(ensemble, N, 5, x, t, NULL, alone, NULL));
    assert_memory_equal(alone, v, sizeof v);
    rows_asked = 0;
    OK(bzd_ensemble_effective(ensemble, N, x, t, NULL, &effective));
    assert_int_equal(rows_asked, N * cases[i].effective);
    bzd_ensemble_destroy(ensemble);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_rules),     cmocka_unit_test(test_mixture),
                                     cmocka_unit_test(test_identical), cmocka_unit_test(test_members),
                                     cmocka_unit_test(test_guidance),  cmocka_unit_test(test_once)};
  return cmocka_run_group_tests(tests, setup, teardown);
}
