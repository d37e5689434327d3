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
      .guide = BZDI_GUIDE_FIT, .seed = 3, .real = real, .rho = 0.3, .solver = BZDI_SOLVER_HEUN, .steps = 5, .bend = 1};
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

typedef struct memory {
  unsigned char *bytes;
  size_t size;
} memory;

static bzd_status put(void *user, const void *data, size_t size) {
  memory *m = user;
  m->bytes = realloc(m->bytes, m->size + size);
  memcpy(m->bytes + m->size, data, size);
  m->size += size;
  return BZD_OK;
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
    bzdi_pool_digest((bzdi_pool_source *)pool, ((bzdi_pool_source *)pool)->digest);
    OK(bzdi_store_new(NULL, &store));
    OK(bzdi_pool_store(pool, store));
    const bzdi_tensor *tensor = bzdi_store_tensor(store, bzdi_store_find(store, "window.00000.paths", BZDI_ROLE_PATHS));
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
  for (int wrong = 0; wrong < 17; wrong++) {
    float paths[4 * 2 * DIM], cond[4 * 2] = {0};
    for (int i = 0; i < 4 * 2 * DIM; i++) paths[i] = (float)i;
    const int64_t order[3] = {4, 4, 4}; /* count, window, seed */
    uint8_t identity[32];
    bzdi_sha256 hash;
    bzdi_sha256_start(&hash);
    bzdi_sha256_add(&hash, order, sizeof order);
    bzdi_sha256_add(&hash, paths, sizeof paths);
    bzdi_sha256_add(&hash, cond, sizeof cond);
    bzdi_sha256_end(&hash, identity);
    if (wrong == 11) identity[5] ^= 1;
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
    OK(bzdi_store_set_i64(store, BZDI_META, "pool.spans", wrong == 9 || wrong == 10, 0));
    if (wrong != 12) OK(bzdi_store_set_i64(store, BZDI_META, "pool.window", wrong == 13 ? 0 : wrong == 14 ? 5 : 4, 0));
    if (wrong != 15)
      OK(bzdi_store_set_bytes(store, BZDI_META, "pool.identity", identity, wrong == 16 ? 31 : sizeof identity, 0));
    OK(bzdi_store_set_i64(store, BZDI_META, "pool.generation", 2, 0));
    OK(bzdi_store_set_f64(store, BZDI_META, "pool.nfe", 0, 0));
    OK(bzdi_store_set_f64(store, BZDI_META, "pool.residual", 0, 0));
    OK(bzdi_item_store(&item, store, ""));
    OK(bzdi_store_add(store, "window.00000.paths", BZDI_ROLE_PATHS, BZDI_DTYPE_F32, 3, shape, paths));
    OK(bzdi_store_add(store, "window.00000.cond", BZDI_ROLE_PATHS, BZDI_DTYPE_F32, 2, cond_shape, cond));
    if (wrong == 9)
      OK(bzdi_store_add(store, "window.00000.span", BZDI_ROLE_PATHS, BZDI_DTYPE_F32, 2, span_shape, span));
    if (wrong == 0) {
      OK(bzdi_pool_load(NULL, store, &source));
      bzdi_release(source);
    } else {
      FAILS(BZD_E_CORRUPT, "", bzdi_pool_load(NULL, store, &source));
      assert_null(source);
    }
    /* A window at a time: what stands in the window is found when it is read, twice; the identity is believed. */
    int late = wrong == 1 || wrong == 2 || wrong == 9;
    if (wrong == 0 || wrong == 11 || late) {
      float out[5 * 2 * DIM], out_cond[5 * 2], out_span[5 * 2];
      OK(bzdi_pool_stream(NULL, store, NULL, &source));
      for (int again = 0; again < 2; again++)
        if (late)
          FAILS(BZD_E_CORRUPT, "window.00000", bzdi_source_paths(source, 3, 5, out, out_cond, out_span));
        else
          OK(bzdi_source_paths(source, 3, 5, out, out_cond, out_span));
      bzdi_release(source);
    } else {
      FAILS(BZD_E_CORRUPT, "", bzdi_pool_stream(NULL, store, NULL, &source));
      assert_null(source);
    }
    bzdi_store_free(store);
  }
}

/* ---- Windows ------------------------------------------------------------------------------------------------- */

static void test_default_window(void **state) {
  (void)state;
  const int64_t many = (int64_t)1 << 32;
  assert_true(bzdi_pool_default_window(1000, 1, 64) == 1000);               /* all in one */
  assert_true(bzdi_pool_default_window(1 << 20, 3, 1024) == 4096);          /* 64 MiB of 16 KiB each */
  assert_true(bzdi_pool_default_window(100, 16, 1 << 20) == 1);             /* a row is more */
  assert_true(bzdi_pool_default_window(many, 16, 1 << 20) == many / 16384); /* not too many windows */
  assert_true(bzdi_pool_default_window(16385 * 2 + 1, 16, 1 << 20) == 3);   /* the same, rounded up */
}

/* Row of sample s by the rule of the format page, against stores of all kinds of windows, in memory and streamed. */
static void test_windows(void **state) {
  enum { MANY = 40, EPOCHS = 3 };
  static const int64_t windows[] = {1, 7, 8, MANY, MANY + 3};
  bzd_source *source, *pools[2];
  (void)state;
  OK(bzdi_source_new_callback(NULL, 1, 2, 0, line, NULL, &source));
  for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
    int64_t window = windows[i] < MANY ? windows[i] : MANY, parts = (MANY + window - 1) / window;
    bzd_source *made;
    bzdi_store *store;
    float paths[EPOCHS * MANY * 4];
    OK(bzdi_source_new_made(source, 5, MANY, windows[i], 77, NULL, NULL, &made));
    OK(bzdi_store_new(NULL, &store));
    OK(bzdi_pool_store(made, store));
    assert_true(bzdi_store_tensors(store) == 2 * parts); /* paths and span */
    FAILS(BZD_E_STATE, "written", bzdi_pool_load(NULL, store, &pools[0]));
    FAILS(BZD_E_STATE, "written", bzdi_pool_stream(NULL, store, NULL, &pools[0]));
    bzdi_release(made);
    memory m = {0};
    OK(bzdi_store_write(store, &(bzdi_writer){put, &m}));
    bzdi_store_free(store);
    bzdi_reader reader;
    OK(bzdi_reader_buffer(NULL, m.bytes, m.size, &reader));
    OK(bzdi_store_open(NULL, &reader, NULL, &store));
    OK(bzdi_pool_load(NULL, store, &pools[0]));
    OK(bzdi_pool_stream(NULL, store, NULL, &pools[1]));
    for (int p = 0; p < 2; p++) {
      OK(bzdi_source_paths(pools[p], 0, EPOCHS * MANY, paths, NULL, NULL));
      for (int64_t s = 0; s < EPOCHS * MANY; s++) {
        int64_t epoch = s / MANY, at = s % MANY, w = at / window, rows = w < parts - 1 ? window : MANY - w * window;
        int64_t row = w * window + bzdi_rng_shuffled(77, BZD_STREAM_ORDER,
                                                     (uint64_t)((epoch * parts + w) * rows + at % window), rows);
        assert_true(paths[s * 4] == (float)(5 + row));
        if (parts == 1) assert_true(row == bzdi_rng_shuffled(77, BZD_STREAM_ORDER, (uint64_t)s, MANY));
      }
      bzdi_release(pools[p]);
    }
    bzdi_store_free(store);
    free(m.bytes);
  }
  FAILS(BZD_E_ARGUMENT, "16385", bzdi_source_new_made(source, 0, 16385, 1, 0, NULL, NULL, &pools[0]));
  bzdi_release(source);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_reading),       cmocka_unit_test(test_progress),
                                     cmocka_unit_test(test_identity),      cmocka_unit_test(test_memory),
                                     cmocka_unit_test(test_store),         cmocka_unit_test(test_noise_is_not_stored),
                                     cmocka_unit_test(test_hostile_store), cmocka_unit_test(test_default_window),
                                     cmocka_unit_test(test_windows)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
