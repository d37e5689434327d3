/* SPDX-License-Identifier: MIT */
/* Ensembles and how members' velocities become one (ensemble.c, combine.c): a naive mean, one teacher in many copies,
 * mixtures row by row, failures with the teacher's number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"

enum { N = 37, DIM = 3, COND = 2, SIZE = N * DIM };

static float x[SIZE], t[N], cond[N * COND], v[SIZE];
static int64_t number[N];

static int setup(void **state) {
  uint64_t seed = 3;
  (void)state;
  for (int i = 0; i < SIZE; i++) x[i] = (float)numbers_normal(&seed);
  for (int i = 0; i < N * COND; i++) cond[i] = (float)numbers_normal(&seed);
  for (int i = 0; i < N; i++) {
    t[i] = (float)numbers_uniform(&seed);
    number[i] = 1000 + 7 * i;
  }
  return 0;
}

/* v of rows first..first+n-1. */
static bzd_status velocity(const bzdi_field *field, int first, int n, float *out) {
  const bzdi_eval eval = {n, x + first * DIM, t + first, field->cond_dim > 0 ? cond + first * COND : NULL,
                          number + first};
  void *work = bzdi_malloc(NULL, field->work(field, n), 1);
  bzd_status status = field->velocity(field, &eval, out, work);
  bzdi_free(NULL, work);
  return status;
}

static void ensemble_velocity(const bzd_ensemble *ensemble, float *out) {
  bzdi_field field;
  bzdi_ensemble_field(ensemble, &field);
  OK(velocity(&field, 0, N, out));
}

static void flow_velocity(const bzd_flow *flow, double guidance, float *out) {
  bzdi_field field;
  bzdi_flow_field(flow, guidance, &field);
  OK(velocity(&field, 0, N, out));
}

static bzd_flow *network(uint64_t seed) { return models_flow(NULL, BZDI_FLOW_VELOCITY, 1, DIM, 0, 16, seed); }

/* ---- Means --------------------------------------------------------------------------------------------------- */

static void test_fixed_weights(void **state) {
  const double fixed[3] = {1, 0.5, 2.5};
  bzd_flow *flows[3];
  float each[3][SIZE];
  (void)state;
  for (int m = 0; m < 3; m++) {
    flows[m] = network((uint64_t)m);
    flow_velocity(flows[m], 1, each[m]);
  }
  bzd_ensemble *ensemble = models_ensemble(NULL, BZDI_COMBINE_VELOCITY, BZDI_RULE_FIXED, 3, flows, fixed);
  ensemble_velocity(ensemble, v);
  for (int i = 0; i < SIZE; i++)
    assert_true(v[i] == (float)(0.25 * (double)each[0][i] + 0.125 * (double)each[1][i] + 0.625 * (double)each[2][i]));
  bzdi_field field;
  bzdi_ensemble_field(ensemble, &field);
  assert_true(field.nfe == 3 && field.serial == 0 && field.dim == DIM && field.cond_dim == 0);
  bzdi_release(ensemble);
}

/* softmax(-|v_m - c_m|^2 / (2 T^2 dim)) around the mean of the others. */
static void test_consensus(void **state) {
  enum { M = 4 };
  bzd_flow *flows[M];
  float each[M][SIZE];
  double weights[N * M];
  (void)state;
  for (int m = 0; m < M; m++) {
    flows[m] = network((uint64_t)m);
    flow_velocity(flows[m], 1, each[m]);
  }
  bzd_ensemble *ensemble = models_ensemble(NULL, BZDI_COMBINE_VELOCITY, BZDI_RULE_CONSENSUS, M, flows, NULL);
  ensemble_velocity(ensemble, v);
  bzdi_field field;
  bzdi_ensemble_field(ensemble, &field);
  void *work = bzdi_malloc(NULL, field.work(&field, N), 1);
  const bzdi_eval eval = {N, x, t, NULL, number};
  OK(bzdi_ensemble_velocity(ensemble, &eval, NULL, weights, work));
  bzdi_free(NULL, work);
  double least = 1;
  for (int r = 0; r < N; r++) {
    double naive[M], sum = 0;
    for (int m = 0; m < M; m++) {
      double squares = 0;
      for (int j = 0; j < DIM; j++) {
        double center = 0;
        for (int o = 0; o < M; o++)
          if (o != m) center += (double)each[o][r * DIM + j] / (M - 1);
        squares += pow((double)each[m][r * DIM + j] - center, 2);
      }
      sum += naive[m] = exp(-squares / (2 * 0.1 * 0.1 * DIM));
    }
    for (int m = 0; m < M; m++) {
      assert_true(fabs(weights[r * M + m] - naive[m] / sum) < 1e-12);
      least = fmin(least, naive[m] / sum);
    }
    for (int j = 0; j < DIM; j++) {
      double mean = 0;
      for (int m = 0; m < M; m++) mean += naive[m] / sum * (double)each[m][r * DIM + j];
      assert_true(fabs((double)v[r * DIM + j] - mean) < 1e-6);
    }
  }
  assert_true(least < 0.2); /* it does choose */
  bzdi_release(ensemble);
}

/* With two members consensus is 1/2, 1/2, whatever their sizes. */
static void test_consensus_of_two(void **state) {
  bzd_flow *flows[2] = {network(1), network(2)};
  double weights[2 * N];
  (void)state;
  const bzdi_net *net = flows[1]->net; /* output 10^10 times as large: sums of both are rounded in double */
  for (int64_t i = net->param[net->params - 2].offset; i < net->count; i++) flows[1]->weights[i] *= 1e10f;
  bzdi_flow_repack(flows[1]);
  bzd_ensemble *ensemble = models_ensemble(NULL, BZDI_COMBINE_VELOCITY, BZDI_RULE_CONSENSUS, 2, flows, NULL);
  bzdi_field field;
  bzdi_ensemble_field(ensemble, &field);
  void *work = bzdi_malloc(NULL, field.work(&field, N), 1);
  const bzdi_eval eval = {N, x, t, NULL, number};
  OK(bzdi_ensemble_velocity(ensemble, &eval, NULL, weights, work));
  for (int i = 0; i < 2 * N; i++) assert_true(weights[i] == 0.5);
  bzdi_free(NULL, work);
  bzdi_release(ensemble);
}

/* ---- Limit 9 ------------------------------------------------------------------------------------------------- */

static void test_identical_teachers(void **state) {
  static const int64_t counts[] = {1, 2, 3, 5, 7, 64};
  bzd_flow *teacher = network(11);
  float alone[SIZE];
  (void)state;
  flow_velocity(teacher, 1, alone);
  for (int c = 0; c < 6; c++)
    for (int32_t rule = BZDI_RULE_UNIFORM; rule <= BZDI_RULE_MEDOID; rule++) {
      bzd_flow *flows[64];
      double fixed[64];
      for (int64_t m = 0; m < counts[c]; m++) {
        flows[m] = bzdi_retain(teacher);
        fixed[m] = 0.1 + (double)((m * 37) % 11);
      }
      bzd_ensemble *ensemble =
          models_ensemble(NULL, BZDI_COMBINE_VELOCITY, rule, counts[c], flows, rule == BZDI_RULE_FIXED ? fixed : NULL);
      memset(v, 0, sizeof v);
      ensemble_velocity(ensemble, v);
      SAME(v, alone, SIZE);
      bzdi_release(ensemble);
    }
  bzdi_release(teacher);
}

static int32_t counting(void *user, int64_t n, int64_t dim, const float *at, const float *time, int64_t cond_dim,
                        const float *c, float *out) {
  int64_t *rows = user;
  (void)time, (void)cond_dim, (void)c;
  *rows += n;
  for (int64_t i = 0; i < n * dim; i++) out[i] = 0.5f * at[i];
  return 0;
}

static void test_one_hot(void **state) {
  (void)state;
  for (int chosen = 0; chosen < 3; chosen++) {
    bzd_flow *flows[3] = {network(1), network(2), network(3)};
    float alone[SIZE];
    double fixed[3] = {0, 0, 0};
    fixed[chosen] = 0.7;
    flow_velocity(flows[chosen], 1, alone);
    bzd_ensemble *ensemble = models_ensemble(NULL, BZDI_COMBINE_VELOCITY, BZDI_RULE_FIXED, 3, flows, fixed);
    ensemble_velocity(ensemble, v);
    SAME(v, alone, SIZE);
    bzdi_release(ensemble);
  }
  /* A member without weight costs nothing and makes nothing serial. */
  int64_t rows = 0;
  const double fixed[2] = {1, 0};
  bzd_flow *flows[2] = {network(1), models_callback(NULL, DIM, 0, counting, &rows)};
  bzd_ensemble *ensemble = models_ensemble(NULL, BZDI_COMBINE_VELOCITY, BZDI_RULE_FIXED, 2, flows, fixed);
  bzdi_field field;
  bzdi_ensemble_field(ensemble, &field);
  ensemble_velocity(ensemble, v);
  assert_true(rows == 0 && field.nfe == 1 && field.serial == 0);
  bzdi_release(ensemble);
}

/* Of members [count] and of the same in the other order. */
static void order_is_rounding(int32_t rule, int count) {
  enum { M = 6 };
  float other[SIZE];
  bzd_flow *flows[M], *back[M];
  double fixed[M], reversed[M];
  for (int m = 0; m < count; m++) {
    flows[m] = network((uint64_t)m);
    back[count - 1 - m] = bzdi_retain(flows[m]);
    fixed[m] = reversed[count - 1 - m] = 1.0 / (m + 1);
  }
  bzd_ensemble *a = models_ensemble(NULL, BZDI_COMBINE_VELOCITY, rule, count, flows, fixed),
               *b = models_ensemble(NULL, BZDI_COMBINE_VELOCITY, rule, count, back, reversed);
  ensemble_velocity(a, v);
  ensemble_velocity(b, other);
  for (int i = 0; i < SIZE; i++) /* sums in double: the nearest float, or its neighbour */
    assert_true(v[i] == other[i] || nextafterf(v[i], other[i]) == other[i]);
  bzdi_release(a);
  bzdi_release(b);
}

static void test_order_is_rounding(void **state) {
  (void)state;
  for (int32_t rule = BZDI_RULE_UNIFORM; rule <= BZDI_RULE_MEDOID; rule++) {
    order_is_rounding(rule, 6);
    order_is_rounding(rule, 2); /* which are equally far from each other */
  }
}

/* ---- Mixtures ------------------------------------------------------------------------------------------------ */

static void test_mixture(void **state) {
  const double fixed[3] = {0.5, 0.3, 0.2};
  int64_t rows = 0;
  bzd_flow *flows[3] = {network(1), network(2), models_callback(NULL, DIM, 0, counting, &rows)};
  float each[3][SIZE], one[DIM];
  (void)state;
  for (int m = 0; m < 3; m++) flow_velocity(flows[m], 1, each[m]);
  bzd_ensemble *ensemble = models_ensemble(NULL, BZDI_COMBINE_MIXTURE, BZDI_RULE_FIXED, 3, flows, fixed);
  bzdi_field field;
  bzdi_ensemble_field(ensemble, &field);
  assert_true(field.nfe == 1 && field.serial == 1);
  rows = 0;
  ensemble_velocity(ensemble, v);
  int64_t third = 0, tally[3] = {0};
  for (int r = 0; r < N; r++) {
    int64_t m = bzdi_ensemble_member(ensemble, number[r]);
    SAME(v + r * DIM, each[m] + r * DIM, DIM);
    OK(velocity(&field, r, 1, one)); /* alone: the same bits */
    SAME(v + r * DIM, one, DIM);
    third += m == 2;
  }
  assert_true(third > 0 && rows == 2 * third); /* each row costs one member */
  enum { MANY = 20000 };
  for (int64_t s = 0; s < MANY; s++) tally[bzdi_ensemble_member(ensemble, s)]++;
  for (int m = 0; m < 3; m++) /* four standard deviations of a binomial */
    assert_true(fabs((double)tally[m] - MANY * fixed[m]) < 4 * sqrt(MANY * fixed[m] * (1 - fixed[m])));
  bzdi_release(ensemble);
}

/* ---- Guidance, conditions ------------------------------------------------------------------------------------ */

static void test_members_guidance(void **state) {
  bzd_flow *flows[2] = {models_flow(NULL, BZDI_FLOW_VELOCITY, 1, DIM, COND, 16, 1),
                        models_flow(NULL, BZDI_FLOW_CONTROL, 3, DIM, COND, 16, 2)};
  const bzd_flow *teachers[2] = {flows[0], flows[1]};
  const double guidance[2] = {1, 2.5};
  float a[SIZE], b[SIZE];
  bzd_ensemble *ensemble;
  (void)state;
  const bzdi_ensemble_spec spec = {.combine = BZDI_COMBINE_VELOCITY,
                                   .rule = BZDI_RULE_UNIFORM,
                                   .temperature = 1,
                                   .count = 2,
                                   .flows = teachers,
                                   .guidance = guidance};
  OK(bzdi_ensemble_new(NULL, &spec, &ensemble));
  flow_velocity(flows[0], 1, a);
  flow_velocity(flows[1], 2.5, b);
  ensemble_velocity(ensemble, v);
  for (int i = 0; i < SIZE; i++) assert_true(v[i] == (float)(0.5 * (double)a[i] + 0.5 * (double)b[i]));
  bzdi_field field;
  bzdi_ensemble_field(ensemble, &field);
  assert_true(field.nfe == 3 && field.cond_dim == COND);
  bzdi_release(ensemble);
  for (int m = 0; m < 2; m++) bzdi_release(flows[m]);
}

/* ---- Failures ------------------------------------------------------------------------------------------------ */

static void test_shapes(void **state) {
  bzd_flow *wide = models_flow(NULL, BZDI_FLOW_VELOCITY, 1, 5, 0, 8, 1),
           *conditional = models_flow(NULL, BZDI_FLOW_VELOCITY, 1, DIM, 4, 8, 1), *plain = network(1);
  float scale[DIM] = {1, 2, 3}, offset[DIM] = {0};
  const bzdi_item item = {.dim = DIM, .scale = scale, .offset = offset};
  int64_t rows = 0;
  bzd_flow *affine;
  OK(bzdi_flow_new_callback(NULL, &item, counting, &rows, 0, &affine));
  const bzd_flow *teachers[3] = {plain, plain, wide};
  bzdi_ensemble_spec spec = {
      .combine = BZDI_COMBINE_VELOCITY, .rule = BZDI_RULE_UNIFORM, .temperature = 1, .count = 3, .flows = teachers};
  bzd_ensemble *ensemble;
  (void)state;
  FAILS(BZD_E_DIMENSION, "teacher 2: dim 5, expected 3", bzdi_ensemble_new(NULL, &spec, &ensemble));
  assert_null(ensemble);
  teachers[1] = conditional;
  FAILS(BZD_E_DIMENSION, "teacher 1: cond_dim 4, expected 0", bzdi_ensemble_new(NULL, &spec, &ensemble));
  teachers[1] = affine;
  FAILS(BZD_E_DIMENSION, "teacher 1", bzdi_ensemble_new(NULL, &spec, &ensemble));
  bzdi_release(wide);
  bzdi_release(conditional);
  bzdi_release(affine);
  bzdi_release(plain);
}

static int32_t stopping(void *user, int64_t n, int64_t dim, const float *at, const float *time, int64_t cond_dim,
                        const float *c, float *out) {
  (void)time, (void)cond_dim, (void)c;
  memcpy(out, at, (size_t)(n * dim) * sizeof *out);
  return *(int32_t *)user;
}

/* Under no rule may a velocity that is not finite pass for one that is. */
static void test_bad_teacher(void **state) {
  (void)state;
  for (int32_t combine = BZDI_COMBINE_VELOCITY; combine <= BZDI_COMBINE_MIXTURE; combine++)
    for (int32_t rule = BZDI_RULE_UNIFORM; rule <= (combine == BZDI_COMBINE_MIXTURE ? 2 : 3); rule++)
      for (int count = 2; count <= 4; count++) {
        const double fixed[4] = {1, 1, 1, 1};
        bzd_flow *flows[4];
        for (int m = 0; m < count; m++) flows[m] = network((uint64_t)m);
        flows[1]->weights[flows[1]->net->count - 1] = NAN; /* a bias of the output */
        bzdi_flow_repack(flows[1]);
        bzd_ensemble *ensemble = models_ensemble(NULL, combine, rule, count, flows, fixed);
        bzdi_field field;
        ensemble_velocity(ensemble, v);
        int lost = 0;
        for (int r = 0; r < N; r++) {
          int member = combine == BZDI_COMBINE_VELOCITY || bzdi_ensemble_member(ensemble, number[r]) == 1;
          assert_int_equal(isnan(v[r * DIM + DIM - 1]) != 0, member);
          lost += member;
        }
        assert_true(lost > 0);
        bzdi_ensemble_checked_field(ensemble, &field);
        FAILS(BZD_E_NUMERIC, "teacher 1: not finite at t ", velocity(&field, 0, N, v));
        bzdi_release(ensemble);
      }
  int32_t answer = 5;
  bzd_flow *flows[2] = {network(0), models_callback(NULL, DIM, 0, stopping, &answer)};
  bzd_ensemble *ensemble = models_ensemble(NULL, BZDI_COMBINE_VELOCITY, BZDI_RULE_UNIFORM, 2, flows, NULL);
  bzdi_field field;
  bzdi_ensemble_field(ensemble, &field);
  FAILS(BZD_E_CANCELLED, "teacher 1: velocity callback returned 5", velocity(&field, 0, N, v));
  answer = 0;
  OK(velocity(&field, 0, N, v));
  bzdi_ensemble_checked_field(ensemble, &field);
  OK(velocity(&field, 0, N, v));
  bzdi_release(ensemble);
}

/* ---- Identity and memory ------------------------------------------------------------------------------------- */

static void digest(double second, double temperature, uint64_t seed, uint64_t teacher, uint8_t id[32]) {
  bzd_flow *flows[2] = {network(1), network(teacher)};
  const bzd_flow *teachers[2] = {flows[0], flows[1]};
  const double fixed[2] = {1, second};
  const bzdi_ensemble_spec spec = {
      BZDI_COMBINE_VELOCITY, BZDI_RULE_FIXED, temperature, seed, 2, teachers, fixed, NULL, NULL, NULL};
  bzd_ensemble *ensemble;
  bzdi_sha256 hash;
  OK(bzdi_ensemble_new(NULL, &spec, &ensemble));
  bzdi_sha256_start(&hash);
  OK(bzdi_ensemble_hash(ensemble, &hash));
  bzdi_sha256_end(&hash, id);
  bzdi_release(ensemble);
  for (int m = 0; m < 2; m++) bzdi_release(flows[m]);
}

static void test_hash(void **state) {
  uint8_t first[32], other[32];
  (void)state;
  digest(1, 0.1, 3, 2, first);
  digest(1, 0.1, 3, 2, other);
  assert_memory_equal(first, other, 32);
  digest(2, 0.1, 3, 2, other);
  assert_memory_not_equal(first, other, 32);
  digest(1, 0.2, 3, 2, other);
  assert_memory_not_equal(first, other, 32);
  digest(1, 0.1, 4, 2, other);
  assert_memory_not_equal(first, other, 32);
  digest(1, 0.1, 3, 9, other);
  assert_memory_not_equal(first, other, 32);
}

static void test_refused_memory(void **state) {
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  bzd_flow *flows[2] = {network(1), network(2)};
  const bzd_flow *teachers[2] = {flows[0], flows[1]};
  const bzdi_ensemble_spec spec = {
      .combine = BZDI_COMBINE_VELOCITY, .rule = BZDI_RULE_UNIFORM, .temperature = 1, .count = 2, .flows = teachers};
  const long long before = atomic_load(&h.live);
  int refused = 0;
  (void)state;
  for (;; refused++) {
    bzd_ensemble *ensemble = NULL;
    atomic_store(&h.refuse_from, atomic_load(&h.calls) + 1 + refused);
    bzd_status status = bzdi_ensemble_new(context, &spec, &ensemble);
    atomic_store(&h.refuse_from, 0);
    bzdi_release(ensemble);
    assert_true(atomic_load(&h.live) == before);
    if (status == BZD_OK) break;
    assert_int_equal(status, BZD_E_MEMORY);
    assert_null(ensemble);
  }
  assert_true(refused == 5 && atomic_load(&h.wrong) == 0);
  for (int m = 0; m < 2; m++) bzdi_release(flows[m]);
  bzdi_release(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_fixed_weights),
                                     cmocka_unit_test(test_consensus),
                                     cmocka_unit_test(test_consensus_of_two),
                                     cmocka_unit_test(test_identical_teachers),
                                     cmocka_unit_test(test_one_hot),
                                     cmocka_unit_test(test_order_is_rounding),
                                     cmocka_unit_test(test_mixture),
                                     cmocka_unit_test(test_members_guidance),
                                     cmocka_unit_test(test_shapes),
                                     cmocka_unit_test(test_bad_teacher),
                                     cmocka_unit_test(test_hash),
                                     cmocka_unit_test(test_refused_memory)};
  return cmocka_run_group_tests(tests, setup, NULL);
}
