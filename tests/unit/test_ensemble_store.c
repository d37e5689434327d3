/* SPDX-License-Identifier: MIT */
/* Ensembles in a store: the same bits come back; what cannot be stored and what lies is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"

enum { DIM = 3, COUNT = 12 };

static bzd_ensemble *create(int32_t combine, int32_t rule) {
  bzd_flow *flows[COUNT];
  const bzd_flow *teachers[COUNT];
  double fixed[COUNT], guidance[COUNT];
  bzd_ensemble *ensemble;
  for (int m = 0; m < COUNT; m++) { /* kinds and sizes mixed */
    teachers[m] = flows[m] = models_flow(NULL, BZDI_FLOW_VELOCITY + m % 2, 1 + m % 4, DIM, 2, 8 + m, (uint64_t)m);
    fixed[m] = 1.0 / (m + 3);
    guidance[m] = m % 3;
  }
  const bzdi_ensemble_spec spec = {combine, rule, 0.3, UINT64_MAX - 5, COUNT, teachers, fixed, guidance, NULL, NULL};
  OK(bzdi_ensemble_new(NULL, &spec, &ensemble));
  for (int m = 0; m < COUNT; m++) bzdi_release(flows[m]);
  return ensemble;
}

static bzdi_store *stored(const bzd_ensemble *ensemble) {
  bzdi_store *store;
  OK(bzdi_store_new(NULL, &store));
  OK(bzdi_ensemble_store(ensemble, store));
  return store;
}

static void digest(const bzd_ensemble *ensemble, uint8_t id[32]) {
  bzdi_sha256 hash;
  bzdi_sha256_start(&hash);
  OK(bzdi_ensemble_hash(ensemble, &hash));
  bzdi_sha256_end(&hash, id);
}

static void test_round_trip(void **state) {
  (void)state;
  for (int32_t combine = BZDI_COMBINE_VELOCITY; combine <= BZDI_COMBINE_MIXTURE; combine++)
    for (int32_t rule = BZDI_RULE_UNIFORM; rule <= (combine == BZDI_COMBINE_MIXTURE ? 2 : 3); rule++) {
      bzd_ensemble *ensemble = create(combine, rule), *back;
      bzdi_store *store = stored(ensemble);
      uint8_t first[32], other[32];
      OK(bzdi_ensemble_load(NULL, store, &back));
      bzdi_store_free(store);
      digest(ensemble, first);
      digest(back, other); /* rule, weights, guidance, seed, every weight of every member */
      assert_memory_equal(first, other, 32);
      assert_true(back->combine == combine && back->rule == rule && back->temperature == 0.3);
      bzdi_release(ensemble);
      bzdi_release(back);
    }
}

static int32_t still(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                     const float *c, float *v) {
  (void)user, (void)x, (void)t, (void)cond_dim, (void)c;
  memset(v, 0, (size_t)(n * dim) * sizeof *v);
  return 0;
}

static void test_callback_member(void **state) {
  bzd_flow *flows[2] = {models_flow(NULL, BZDI_FLOW_VELOCITY, 1, DIM, 0, 8, 1),
                        models_callback(NULL, DIM, 0, still, NULL)};
  bzd_ensemble *ensemble = models_ensemble(NULL, BZDI_COMBINE_VELOCITY, BZDI_RULE_UNIFORM, 2, flows, NULL);
  bzdi_store *store;
  (void)state;
  OK(bzdi_store_new(NULL, &store));
  FAILS(BZD_E_UNSUPPORTED, "teacher 1", bzdi_ensemble_store(ensemble, store));
  bzdi_store_free(store);
  bzdi_release(ensemble);
}

static void test_hostile(void **state) {
  static const struct {
    const char *key;
    int real;
    double value;
  } lies[] = {{"ensemble.count", 0, 0},         {"ensemble.count", 0, 65},     {"ensemble.count", 0, COUNT + 1},
              {"ensemble.combine", 0, 6},       {"ensemble.rule", 0, 0},       {"ensemble.temperature", 1, 0},
              {"ensemble.temperature", 1, NAN}, {"ensemble.weight.3", 1, -1},  {"ensemble.weight.0", 1, NAN},
              {"ensemble.weight.11", 1, 1e300}, {"ensemble.weight.4", 1, 0.9}, {"ensemble.guidance.5", 1, 1001},
              {"ensemble.guidance.2", 1, NAN}};
  bzd_ensemble *ensemble = create(BZDI_COMBINE_VELOCITY, BZDI_RULE_FIXED), *none;
  (void)state;
  for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
    bzdi_store *store = stored(ensemble);
    if (lies[i].real)
      OK(bzdi_store_set_f64(store, BZDI_META, lies[i].key, lies[i].value, BZDI_MODEL));
    else
      OK(bzdi_store_set_i64(store, BZDI_META, lies[i].key, (int64_t)lies[i].value, BZDI_MODEL));
    FAILS(BZD_E_CORRUPT, "", bzdi_ensemble_load(NULL, store, &none));
    assert_null(none);
    bzdi_store_free(store);
  }
  bzdi_store *store = stored(ensemble); /* a mixture by consensus: there is no such thing */
  OK(bzdi_store_set_i64(store, BZDI_META, "ensemble.combine", BZDI_COMBINE_MIXTURE, BZDI_MODEL));
  OK(bzdi_store_set_i64(store, BZDI_META, "ensemble.rule", BZDI_RULE_CONSENSUS, BZDI_MODEL));
  FAILS(BZD_E_CORRUPT, "", bzdi_ensemble_load(NULL, store, &none));
  bzdi_store_free(store);
  bzdi_release(ensemble);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_callback_member),
                                     cmocka_unit_test(test_hostile)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
