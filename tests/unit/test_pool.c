/* SPDX-License-Identifier: MIT */
/* Path stores: what was made is what is read, in shuffled order; facts, progress, files, hostile files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "distill/pool.h"
#include "models.h"

enum { DIM = 3, COUNT = 29, DEGREE = 2, ROW = (DEGREE + 1) * DIM, N = 3 * COUNT };

/* Conditional teacher, real data for a part of the paths, so that everything a pool may hold is there. */
static bzd_source *base(const bzd_context *context) {
  bzd_data *real = models_data(context, 11, DIM, 2, 8);
  bzd_fitter *fitter = models_fitter(context, DEGREE, 5);
  bzd_ensemble *ensemble = models_single(context, models_flow(context, BZDI_FLOW_VELOCITY, 1, DIM, 2, 16, 1));
  const bzdi_ensemble_source_spec spec = {
      .guide = BZDI_GUIDE_FIT, .seed = 3, .real = real, .rho = 0.3, .solver = BZDI_SOLVER_HEUN, .steps = 5};
  bzd_source *source;
  OK(bzdi_source_new_ensemble(ensemble, fitter, fitter->fit, &spec, &source));
  bzdi_release(ensemble);
  bzdi_release(fitter);
  bzdi_release(real);
  return source;
}

static void test_reading(void **state) {
  float cond[COUNT * 2], read_cond[N * 2];
  bzd_source *source = base(NULL), *pool;
  (void)state;
  float *paths = models_paths(source, 0, COUNT, cond);
  bzdi_spent spent = {0};
  int64_t index[COUNT];
  for (int i = 0; i < COUNT; i++) index[i] = i;
  OK(source->kind->paths(source, COUNT, index, &(bzdi_batch){paths, cond, NULL, &spent}));
  OK(bzdi_source_new_pool(source, 0, COUNT, 77, NULL, NULL, &pool));
  bzdi_release(source);
  assert_true(pool->degree == DEGREE && pool->item.dim == DIM && pool->item.cond_dim == 2);
  float *read = models_paths(pool, 0, N, read_cond);
  for (int epoch = 0; epoch < 3; epoch++) {
    int seen[COUNT] = {0};
    for (int i = 0; i < COUNT; i++) {
      int s = epoch * COUNT + i;
      int64_t at = bzdi_rng_shuffled(77, BZD_STREAM_ORDER, (uint64_t)s, COUNT);
      SAME(read + s * ROW, paths + at * ROW, ROW);
      SAME(read_cond + 2 * s, cond + 2 * at, 2);
      seen[at]++;
    }
    for (int i = 0; i < COUNT; i++) assert_int_equal(seen[i], 1);
  }
  int64_t count;
  double nfe, residual;
  bzdi_pool_facts(pool, &count, &nfe, &residual);
  assert_true(count == COUNT && nfe == 4 * 2 * 2); /* four intervals of two steps, as five steps do not divide */
  assert_true(residual == sqrt(spent.residual2 / COUNT) && residual > 0);
  free(read);
  free(paths);
  bzdi_release(pool);
}

typedef struct log_of {
  int64_t calls, last, stop_at;
  int wrong;
} log_of;

static int32_t record(void *user, const bzd_progress *progress) {
  log_of *l = user;
  l->wrong += progress->phase != BZD_PHASE_GENERATE || progress->of != 2500 || progress->step <= l->last;
  l->last = progress->step;
  return ++l->calls == l->stop_at ? -8 : 0;
}

static int32_t line(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim, int64_t cond_dim,
                    float *paths, float *cond, float *span) {
  (void)span;
  (void)user, (void)cond_dim, (void)cond;
  for (int64_t i = 0; i < n * (degree + 1) * dim; i++) paths[i] = (float)index[i / ((degree + 1) * dim)];
  return 0;
}

static void test_progress(void **state) {
  bzd_source *source, *pool;
  log_of l = {0};
  (void)state;
  OK(bzdi_source_new_callback(NULL, 1, 2, 0, line, NULL, &source));
  OK(bzdi_source_new_pool(source, 0, 2500, 1, record, &l, &pool));
  assert_true(l.wrong == 0 && l.calls >= 2 && l.last == 2500);
  bzdi_release(pool);
  l = (log_of){.stop_at = 2};
  FAILS(BZD_E_CANCELLED, "-8", bzdi_source_new_pool(source, 0, 2500, 1, record, &l, &pool));
  assert_true(pool == NULL && l.calls == 2);
  int64_t count = 5;
  double nfe, residual;
  bzdi_pool_facts(source, &count, &nfe, &residual);
  assert_true(count == 0 && nfe == 0 && residual == 0);
  bzdi_release(source);
}

static void test_identity(void **state) {
  uint8_t first[32], other[32];
  bzd_source *source = base(NULL), *a, *b, *c, *d;
  (void)state;
  OK(bzdi_source_new_pool(source, 0, COUNT, 1, NULL, NULL, &a));
  OK(bzdi_source_new_pool(source, 0, COUNT, 1, NULL, NULL, &b));
  OK(bzdi_source_new_pool(source, 0, COUNT, 2, NULL, NULL, &c));
  OK(bzdi_source_new_pool(source, 0, COUNT - 1, 1, NULL, NULL, &d));
  OK(bzdi_source_identity(a, first));
  OK(bzdi_source_identity(b, other));
  assert_memory_equal(first, other, 32);
  OK(bzdi_source_identity(c, other));
  assert_memory_not_equal(first, other, 32);
  OK(bzdi_source_identity(d, other));
  assert_memory_not_equal(first, other, 32);
  bzdi_release(a);
  bzdi_release(b);
  bzdi_release(c);
  bzdi_release(d);
  bzdi_release(source);
}

static void test_memory(void **state) {
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  bzd_source *source = base(context);
  float paths[COUNT * ROW], cond[COUNT * 2];
  OK(bzdi_source_paths(source, 0, COUNT, paths, cond, NULL)); /* its workspace is there */
  const long long before = atomic_load(&h.live);
  int refused = 0;
  (void)state;
  for (;; refused++) {
    bzd_source *pool = NULL;
    atomic_store(&h.refuse_from, atomic_load(&h.calls) + 1 + refused);
    bzd_status status = bzdi_source_new_pool(source, 0, COUNT, 1, NULL, NULL, &pool);
    atomic_store(&h.refuse_from, 0);
    if (status == BZD_OK) {
      const long long calls = atomic_load(&h.calls);
      OK(bzdi_source_paths(pool, 0, COUNT, paths, cond, NULL));
      assert_true(atomic_load(&h.calls) == calls);
    } else {
      assert_true(status == BZD_E_MEMORY && pool == NULL);
    }
    bzdi_release(pool);
    assert_true(atomic_load(&h.live) == before);
    if (status == BZD_OK) break;
  }
  assert_true(refused >= 3);
  bzdi_release(source);
  bzdi_release(context);
  assert_true(atomic_load(&h.live) == 0 && atomic_load(&h.wrong) == 0);
}

/* ---- Files --------------------------------------------------------------------------------------------------- */

/* Starts that are noise are left out of the file and come back to the bit, from any first number, also of a pool that
 * was loaded; starts that only should be noise are kept. */
static void test_noise_is_not_stored(void **state) {
  enum { MANY = 37, FIRST = 1000, WIDTH = 5 };
  (void)state;
  bzd_data *data = models_data(NULL, 8, WIDTH, 0, 3);
  for (int changed = 0; changed < 2; changed++) {
    bzd_source *source, *pool, *back;
    bzdi_store *store, *again;
    uint8_t first[32], other[32];
    OK(bzdi_source_new_data(data, NULL, 5, &source));
    OK(bzdi_source_new_pool(source, FIRST, MANY, 9, NULL, NULL, &pool));
    if (changed) ((bzdi_pool_source *)pool)->paths[36 * 2 * WIDTH + 4] += 1e-3f;
    OK(bzdi_store_new(NULL, &store));
    OK(bzdi_pool_store(pool, store));
    const bzdi_tensor *tensor = bzdi_store_tensor(store, bzdi_store_find(store, "paths", BZDI_ROLE_PATHS));
    assert_true(tensor->shape[1] == (changed ? 2 : 1));
    OK(bzdi_pool_load(NULL, store, &back));
    SAME(((bzdi_pool_source *)pool)->paths, ((bzdi_pool_source *)back)->paths, MANY * 2 * WIDTH);
    OK(bzdi_store_new(NULL, &again));
    OK(bzdi_pool_store(back, again));
    OK(bzdi_store_content_id(store, first));
    OK(bzdi_store_content_id(again, other));
    assert_memory_equal(first, other, 32);
    bzdi_store_free(store);
    bzdi_store_free(again);
    bzdi_release(back);
    bzdi_release(pool);
    bzdi_release(source);
  }
  bzdi_release(data);
}

static void test_store(void **state) {
  uint8_t first[32], other[32];
  bzd_source *source = base(NULL), *pool, *back;
  bzdi_store *store;
  (void)state;
  OK(bzdi_source_new_pool(source, 0, COUNT, 9, NULL, NULL, &pool));
  bzdi_release(source);
  OK(bzdi_store_new(NULL, &store));
  OK(bzdi_pool_store(pool, store));
  OK(bzdi_pool_load(NULL, store, &back));
  bzdi_store_free(store);
  OK(bzdi_source_identity(pool, first));
  OK(bzdi_source_identity(back, other));
  assert_memory_equal(first, other, 32);
  float cond[N * 2], back_cond[N * 2], *paths = models_paths(pool, 4, N, cond),
                                       *again = models_paths(back, 4, N, back_cond);
  SAME(paths, again, N * ROW);
  SAME(cond, back_cond, N * 2);
  int64_t count;
  double nfe, residual, back_nfe, back_residual;
  bzdi_pool_facts(pool, &count, &nfe, &residual);
  bzdi_pool_facts(back, &count, &back_nfe, &back_residual);
  assert_true(count == COUNT && nfe == back_nfe && residual == back_residual);
  free(paths);
  free(again);
  bzdi_release(pool);
  bzdi_release(back);
}

/* What a file may say that is not so: one thing wrong at a time. */
static void test_hostile_store(void **state) {
  (void)state;
  for (int wrong = 0; wrong < 11; wrong++) {
    float paths[4 * 2 * DIM], cond[4 * 2] = {0};
    for (int i = 0; i < 4 * 2 * DIM; i++) paths[i] = (float)i;
    if (wrong == 1) paths[7] = NAN;
    if (wrong == 2) cond[3] = INFINITY;
    const int64_t shape[3] = {4, 2, wrong == 3 ? 2 : DIM}, cond_shape[2] = {wrong == 4 ? 3 : 4, 2};
    const int64_t span_shape[2] = {4, 2};
    const float span[8] = {0, 1, 0, 1, 0.5f, 0.5f, 0, 1}; /* the third is empty; wrong 10: none at all */
    const bzdi_item item = {.dim = wrong == 5 ? 1 << 20 : DIM, .cond_dim = 2};
    bzdi_store *store;
    bzd_source *source;
    OK(bzdi_store_new(NULL, &store));
    OK(bzdi_store_set_i64(store, BZDI_META, "pool.count", wrong == 6 ? (int64_t)1 << 32 : 4, 0));
    OK(bzdi_store_set_i64(store, BZDI_META, "pool.degree", wrong == 7 ? 17 : 1, 0));
    if (wrong != 8) OK(bzdi_store_set_u64(store, BZDI_META, "pool.seed", 4, 0));
    OK(bzdi_store_set_i64(store, BZDI_META, "pool.spans", wrong >= 9, 0));
    OK(bzdi_store_set_i64(store, BZDI_META, "pool.generation", 2, 0));
    OK(bzdi_store_set_f64(store, BZDI_META, "pool.nfe", 0, 0));
    OK(bzdi_store_set_f64(store, BZDI_META, "pool.residual", 0, 0));
    OK(bzdi_item_store(&item, store, ""));
    OK(bzdi_store_add(store, "paths", BZDI_ROLE_PATHS, BZDI_DTYPE_F32, 3, shape, paths));
    OK(bzdi_store_add(store, "cond", BZDI_ROLE_PATHS, BZDI_DTYPE_F32, 2, cond_shape, cond));
    if (wrong == 9) OK(bzdi_store_add(store, "span", BZDI_ROLE_PATHS, BZDI_DTYPE_F32, 2, span_shape, span));
    if (wrong == 0) {
      OK(bzdi_pool_load(NULL, store, &source));
      bzdi_release(source);
    } else {
      FAILS(BZD_E_CORRUPT, "", bzdi_pool_load(NULL, store, &source));
      assert_null(source);
    }
    bzdi_store_free(store);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_reading),      cmocka_unit_test(test_progress),
                                     cmocka_unit_test(test_identity),     cmocka_unit_test(test_memory),
                                     cmocka_unit_test(test_store),        cmocka_unit_test(test_noise_is_not_stored),
                                     cmocka_unit_test(test_hostile_store)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
