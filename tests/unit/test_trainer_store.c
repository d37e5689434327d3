/* SPDX-License-Identifier: MIT */
/* Exact resume: k steps, a store, N - k steps = N steps to the bit; flows out of trainer files; files that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"

enum { DIM = 3, STEPS = 25 };

static bzdi_trainer_config settings(void) {
  return (bzdi_trainer_config){
      .adam = {.rate = 3e-3,
               .final_rate = 0.1,
               .warmup = 4,
               .steps = STEPS,
               .beta1 = 0.9,
               .beta2 = 0.99,
               .epsilon = 1e-8,
               .weight_decay = 0.01,
               .clip = 0.5,
               .ema = 0.9},
      .divergence = {.policy = BZDI_DIVERGENCE_STOP},
      .batch = 20,
      .loss = BZDI_LOSS_PSEUDO_HUBER,
      .time =
          {.kind = BZDI_TIME_LOSS_AWARE, .u_shape = 4, .logit_std = 1, .grid_steps = 4, .at_zero = 0.1, .at_grid = 0.1},
      .endpoint_weight = 1,
      .cond_dropout = 0.2,
      .seed = UINT64_C(1) << 63 | 17};
}

static bzd_source *data_source(const bzd_context *context, uint64_t rows) {
  bzd_data *data = models_data(context, 23, DIM, 2, rows);
  bzd_source *source;
  OK(bzdi_source_new_data(data, NULL, 4, &source));
  bzdi_release(data);
  return source;
}

static bzd_trainer *create(const bzd_context *context, int32_t kind, double ema) {
  bzd_source *source = data_source(context, 1);
  bzd_flow *student = models_flow(context, kind, 3, DIM, 2, 16, 9);
  bzdi_trainer_config config = settings();
  bzd_trainer *trainer;
  config.adam.ema = ema;
  OK(bzdi_meta_set(context, &student->meta, "made-by", "a test"));
  OK(bzdi_trainer_new(student, source, &config, &trainer));
  bzdi_release(student);
  bzdi_release(source);
  return trainer;
}

static bzdi_store *stored(const bzd_trainer *trainer) {
  bzdi_store *store;
  OK(bzdi_store_new(NULL, &store));
  OK(bzdi_trainer_store(trainer, store));
  return store;
}

static void check_same(const bzd_trainer *a, const bzd_trainer *b) {
  const int64_t count = a->net->count;
  assert_true(a->step == b->step && a->rate == b->rate && a->norm == b->norm);
  SAME(&a->loss, &b->loss, 1); /* NaN before the first step */
  SAME(&a->smooth_loss, &b->smooth_loss, 1);
  SAME(a->weights, b->weights, count);
  SAME(a->moment1, b->moment1, count);
  SAME(a->moment2, b->moment2, count);
  assert_int_equal(a->ema == NULL, b->ema == NULL);
  if (a->ema) SAME(a->ema, b->ema, count);
}

static void test_resume(void **state) {
  static const int64_t stops[] = {0, 1, 3, 11, STEPS};
  (void)state;
  for (int32_t kind = BZDI_FLOW_VELOCITY; kind <= BZDI_FLOW_ENDPOINT; kind++)
    for (int with = 0; with < 2; with++) {
      bzd_trainer *whole = create(NULL, kind, with ? 0.9 : 0);
      OK(bzdi_trainer_run(whole, 0, NULL, NULL));
      for (int s = 0; s < 5; s++) {
        bzd_trainer *first = create(NULL, kind, with ? 0.9 : 0), *second;
        if (stops[s] > 0) OK(bzdi_trainer_run(first, stops[s], NULL, NULL));
        bzdi_store *store = stored(first);
        bzd_source *source = data_source(NULL, 1);
        OK(bzdi_trainer_load(store, source, &second));
        bzdi_store_free(store);
        bzdi_release(source);
        check_same(first, second);
        assert_int_equal(second->fingerprint_differs, 0);
        assert_string_equal(bzdi_meta_get(&second->meta, "made-by"), "a test");
        OK(bzdi_trainer_run(first, 1, NULL, NULL)); /* the one that was saved goes on for itself */
        OK(bzdi_trainer_run(second, 0, NULL, NULL));
        check_same(second, whole);
        bzdi_release(first);
        bzdi_release(second);
      }
      bzdi_release(whole);
    }
}

/* Any reader of flows takes one out of a trainer's file. */
static void test_flows(void **state) {
  bzd_trainer *trainer = create(NULL, BZDI_FLOW_CONTROL, 0.9);
  (void)state;
  OK(bzdi_trainer_run(trainer, 5, NULL, NULL));
  bzdi_store *store = stored(trainer);
  for (int32_t role = BZDI_ROLE_PARAMETER; role <= BZDI_ROLE_EMA; role++) {
    bzd_flow *flow, *snapshot;
    OK(bzdi_flow_load(NULL, store, "", role, &flow));
    OK(bzdi_trainer_flow(trainer, role == BZDI_ROLE_EMA ? BZDI_USE_EMA : BZDI_USE_RAW, &snapshot));
    assert_true(flow->kind == BZDI_FLOW_CONTROL && flow->degree == 3 && flow->item.cond_dim == 2);
    SAME(flow->weights, snapshot->weights, flow->net->count);
    bzdi_release(flow);
    bzdi_release(snapshot);
  }
  bzdi_store_free(store);
  bzdi_release(trainer);
}

static void test_other_source(void **state) {
  bzd_trainer *trainer = create(NULL, BZDI_FLOW_VELOCITY, 0.9), *none;
  bzdi_store *store = stored(trainer);
  bzd_source *source = data_source(NULL, 2);
  (void)state;
  FAILS(BZD_E_ARGUMENT, "source differs from the one the trainer was saved with",
        bzdi_trainer_load(store, source, &none));
  assert_null(none);
  bzdi_store_free(store);
  bzdi_release(source);
  bzdi_release(trainer);
}

/* Made with other kernels: a remark, no failure. */
static void test_fingerprint(void **state) {
  bzd_trainer *trainer = create(NULL, BZDI_FLOW_VELOCITY, 0), *back;
  bzd_source *source = data_source(NULL, 1);
  bzdi_store *store = stored(trainer);
  (void)state;
  OK(bzdi_store_set_str(store, BZDI_STAT, "trainer.kernels", "abacus", 0));
  OK(bzdi_trainer_load(store, source, &back));
  assert_int_equal(back->fingerprint_differs, BZDI_KERNELS_DIFFER);
  bzdi_release(back);
  OK(bzdi_store_set_str(store, BZDI_STAT, "trainer.version", "9.9.9", 0));
  OK(bzdi_trainer_load(store, source, &back));
  assert_int_equal(back->fingerprint_differs, BZDI_KERNELS_DIFFER | BZDI_VERSION_DIFFERS);
  OK(bzdi_trainer_run(back, 0, NULL, NULL));
  bzdi_store_free(store);
  bzdi_release(source);
  bzdi_release(back);
  bzdi_release(trainer);
}

/* One lie at a time. */
static void test_hostile(void **state) {
  static const struct {
    const char *key;
    int real; /* value is a double, else an integer */
    double value;
  } lies[] = {{"trainer.batch", 0, 0},
              {"trainer.batch", 0, 1 << 21},
              {"trainer.steps", 0, 0},
              {"trainer.warmup", 0, 26},
              {"trainer.warmup", 0, -1},
              {"trainer.step", 0, -1},
              {"trainer.step", 0, STEPS + 1},
              {"trainer.loss_kind", 0, 4},
              {"trainer.time", 0, 5},
              {"trainer.rate", 1, 0},
              {"trainer.rate", 1, NAN},
              {"trainer.beta1", 1, 1},
              {"trainer.beta2", 1, -0.1},
              {"trainer.epsilon", 1, 0},
              {"trainer.ema", 1, 1},
              {"trainer.clip", 1, -1},
              {"trainer.clip", 1, INFINITY},
              {"trainer.u_shape", 1, 0},
              {"trainer.at_zero", 1, 1.5},
              {"trainer.cond_dropout", 1, NAN},
              {"trainer.huber_c", 1, -1},
              {"trainer.weight_decay", 1, 1e9},
              {"trainer.final_rate", 1, -1e-9},
              {"trainer.at_grid", 1, 0.95},
              {"trainer.logit_std", 1, 0},
              {"trainer.logit_mean", 1, NAN},
              {"trainer.grid_steps", 0, 0},
              {"trainer.consistency", 1, -1},
              {"trainer.endpoint_weight", 1, INFINITY}};
  bzd_trainer *trainer = create(NULL, BZDI_FLOW_VELOCITY, 0.9), *none;
  bzd_source *source = data_source(NULL, 1);
  (void)state;
  for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
    bzdi_store *store = stored(trainer);
    if (lies[i].real)
      OK(bzdi_store_set_f64(store, BZDI_STAT, lies[i].key, lies[i].value, BZDI_MODEL));
    else
      OK(bzdi_store_set_i64(store, BZDI_STAT, lies[i].key, (int64_t)lies[i].value, BZDI_MODEL));
    FAILS(BZD_E_CORRUPT, lies[i].key, bzdi_trainer_load(store, source, &none));
    assert_null(none);
    bzdi_store_free(store);
  }
  const float keep[2] = {trainer->moment2[7], trainer->weights[7]};
  trainer->moment2[7] = -1;
  bzdi_store *store = stored(trainer);
  FAILS(BZD_E_CORRUPT, "second moment 7", bzdi_trainer_load(store, source, &none));
  bzdi_store_free(store);
  trainer->moment2[7] = keep[0];
  trainer->moment1[7] = -2e18f;
  store = stored(trainer);
  FAILS(BZD_E_CORRUPT, "first moment 7 is -2e+18", bzdi_trainer_load(store, source, &none));
  bzdi_store_free(store);
  trainer->moment1[7] = 0;
  trainer->weights[7] = NAN;
  store = stored(trainer);
  FAILS(BZD_E_CORRUPT, "", bzdi_trainer_load(store, source, &none));
  bzdi_store_free(store);
  trainer->weights[7] = keep[1];
  store = stored(trainer); /* 5 bytes where the identity of the source should be */
  OK(bzdi_store_set_bytes(store, BZDI_STAT, "trainer.source", "12345", 5, 0));
  FAILS(BZD_E_CORRUPT, "trainer.source", bzdi_trainer_load(store, source, &none));
  bzdi_store_free(store);
  OK(bzdi_store_new(NULL, &store)); /* nothing at all */
  FAILS(BZD_E_CORRUPT, "", bzdi_trainer_load(store, source, &none));
  bzdi_store_free(store);
  bzdi_release(source);
  bzdi_release(trainer);
}

/* Lies about a policy and how far it has come; step 6 = 5 updates, 1 roll back or skip. */
static void test_hostile_divergence(void **state) {
  static const struct {
    int32_t policy;
    const char *key;
    int64_t value;
  } lies[] = {{BZDI_DIVERGENCE_SKIP, "trainer.divergence", 1},
              {BZDI_DIVERGENCE_SKIP, "trainer.divergence", 4},
              {BZDI_DIVERGENCE_SKIP, "trainer.divergence_limit", 0},
              {BZDI_DIVERGENCE_SKIP, "trainer.divergence_limit", 1000001},
              {BZDI_DIVERGENCE_SKIP, "trainer.snapshot_every", 0},
              {BZDI_DIVERGENCE_SKIP, "trainer.rollback_rate", 2},
              {BZDI_DIVERGENCE_SKIP, "trainer.updates", 6},
              {BZDI_DIVERGENCE_SKIP, "trainer.updates", 4},
              {BZDI_DIVERGENCE_SKIP, "trainer.updates", -1},
              {BZDI_DIVERGENCE_SKIP, "trainer.skipped", 7},
              {BZDI_DIVERGENCE_SKIP, "trainer.skipped_in_row", 2},
              {BZDI_DIVERGENCE_SKIP, "trainer.rollbacks", 1},
              {BZDI_DIVERGENCE_ROLL_BACK, "trainer.skipped", 1},
              {BZDI_DIVERGENCE_ROLL_BACK, "trainer.rollbacks", 4},
              {BZDI_DIVERGENCE_ROLL_BACK, "trainer.rollbacks", 2},
              {BZDI_DIVERGENCE_ROLL_BACK, "trainer.updates", 7},
              {BZDI_DIVERGENCE_ROLL_BACK, "trainer.snapshot_updates", 6},
              {BZDI_DIVERGENCE_ROLL_BACK, "trainer.snapshot_updates", -1},
              {BZDI_DIVERGENCE_ROLL_BACK, "trainer.snapshot_time_seen", 0}};
  bzd_source *source = data_source(NULL, 1);
  (void)state;
  for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
    bzd_flow *student = models_flow(NULL, BZDI_FLOW_VELOCITY, 3, DIM, 2, 16, 9);
    bzdi_trainer_config config = settings();
    bzd_trainer *trainer, *back;
    bzdi_store *store;
    config.divergence = (bzdi_divergence_config){lies[i].policy, 3, 100, 0.5};
    OK(bzdi_trainer_new(student, source, &config, &trainer));
    OK(bzdi_trainer_run(trainer, 5, NULL, NULL));
    trainer->step++;
    *(lies[i].policy == BZDI_DIVERGENCE_SKIP ? &trainer->skipped : &trainer->rollbacks) = 1;
    store = stored(trainer);
    OK(bzdi_trainer_load(store, source, &back));
    bzdi_release(back);
    if (strcmp(lies[i].key, "trainer.rollback_rate") == 0)
      OK(bzdi_store_set_f64(store, BZDI_STAT, lies[i].key, (double)lies[i].value, BZDI_MODEL));
    else if (strcmp(lies[i].key, "trainer.snapshot_time_seen") == 0)
      OK(bzdi_store_set_bytes(store, BZDI_STAT, lies[i].key, "12345", 5, BZDI_MODEL));
    else
      OK(bzdi_store_set_i64(store, BZDI_STAT, lies[i].key, lies[i].value, BZDI_MODEL));
    FAILS(BZD_E_CORRUPT, "trainer.", bzdi_trainer_load(store, source, &back));
    assert_null(back);
    bzdi_store_free(store);
    bzdi_release(trainer);
    bzdi_release(student);
  }
  bzdi_release(source);
}

/* The id is that of the training, not of the machine or the moment; a step changes it. */
static void test_content_id(void **state) {
  bzd_trainer *trainer = create(NULL, BZDI_FLOW_VELOCITY, 0.9);
  uint8_t first[32], other[32];
  bzdi_store *store = stored(trainer);
  (void)state;
  OK(bzdi_store_content_id(store, first));
  OK(bzdi_store_set_str(store, BZDI_STAT, "trainer.kernels", "abacus", 0));
  OK(bzdi_store_content_id(store, other));
  assert_memory_equal(first, other, 32);
  OK(bzdi_store_set_i64(store, BZDI_STAT, "trainer.step", 1, BZDI_MODEL));
  OK(bzdi_store_content_id(store, other));
  assert_memory_not_equal(first, other, 32);
  bzdi_store_free(store);
  bzdi_release(trainer);
}

static void test_memory(void **state) {
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  bzd_trainer *trainer = create(NULL, BZDI_FLOW_VELOCITY, 0.9), *back;
  bzd_source *source = data_source(context, 1);
  bzdi_store *store = stored(trainer);
  const long long before = atomic_load(&h.live);
  int refused = 0;
  (void)state;
  for (;; refused++) {
    atomic_store(&h.refuse_from, atomic_load(&h.calls) + 1 + refused);
    bzd_status status = bzdi_trainer_load(store, source, &back);
    atomic_store(&h.refuse_from, 0);
    if (status == BZD_OK) break;
    assert_true(status == BZD_E_MEMORY && back == NULL && atomic_load(&h.live) == before);
  }
  assert_true(refused > 10);
  bzdi_store_free(store);
  bzdi_release(trainer);
  bzdi_release(source);
  bzdi_release(back);
  bzdi_release(context);
  assert_true(atomic_load(&h.live) == 0 && atomic_load(&h.wrong) == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_resume),       cmocka_unit_test(test_flows),
                                     cmocka_unit_test(test_other_source), cmocka_unit_test(test_fingerprint),
                                     cmocka_unit_test(test_hostile),      cmocka_unit_test(test_hostile_divergence),
                                     cmocka_unit_test(test_content_id),   cmocka_unit_test(test_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
