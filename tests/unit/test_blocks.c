/* SPDX-License-Identifier: MIT */
/* Blocks on all threads: the same bytes and texts whatever their number, bounded memory, nothing allocated for a block;
 * parts of tensors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"
#include "store_bytes.h"

#include <pthread.h>

/* ---- A host that counts -------------------------------------------------------------------------------------- */

typedef struct host {
  heap heap;
  atomic_llong peak;
  int64_t loops, most; /* calls of parallel_for, pieces of the largest */
} host;

static void *counted_alloc(void *user, size_t size, size_t align) {
  host *h = user;
  void *block = heap_alloc(&h->heap, size, align);
  long long live = atomic_load(&h->heap.live), peak = atomic_load(&h->peak);
  while (live > peak && !atomic_compare_exchange_weak(&h->peak, &peak, live)) continue;
  return block;
}

static void counted_free(void *user, void *ptr, size_t size, size_t align) {
  heap_free(&((host *)user)->heap, ptr, size, align);
}

/* From the last to the first, on two threads in turn: an order no pool has. */
typedef struct loop {
  int64_t n, step;
  bzd_task_fn fn;
  void *arg;
} loop;

static void *run_loop(void *arg) {
  const loop *l = arg;
  for (int64_t i = l->n - 1; i >= 0; i -= l->step) l->fn(l->arg, i);
  return NULL;
}

static void backwards(void *user, int64_t n, bzd_task_fn fn, void *arg) {
  host *h = user;
  pthread_t other;
  loop mine = {n, 2, fn, arg}, theirs = {n - 1, 2, fn, arg};
  h->loops++;
  if (n > h->most) h->most = n;
  assert_int_equal(pthread_create(&other, NULL, run_loop, &theirs), 0);
  run_loop(&mine);
  pthread_join(other, NULL);
}

static bzd_context *make_context(host *h, int32_t threads, int hosted) {
  bzd_context *context;
  bzd_context_config config = {.struct_size = sizeof config, .threads = threads};
  memset(h, 0, sizeof *h);
  config.alloc = counted_alloc;
  config.free = counted_free;
  config.alloc_user = h;
  config.parallel_for = hosted ? backwards : NULL;
  config.parallel_for_user = h;
  OK(bzdi_context_new(&config, &context));
  return context;
}

/* ---- A store of many blocks ----------------------------------------------------------------------------------- */

enum { BLOCK = BZDI_BLOCK / 4, TENSORS = 9 };
/* Floats: of no whole block, of one, one more and one less, of many; weights, zeros and noise. */
static const int64_t counts[TENSORS] = {5, BLOCK,     BLOCK + 1,     BLOCK - 1, 7 * BLOCK + 333,
                                        3, 4 * BLOCK, 2 * BLOCK + 1, 1};

static float *values_of(int i) {
  float *values = numbers_floats((uint64_t)i + 1, counts[i], 0, 0.05);
  if (i == 6) memset(values, 0, (size_t)counts[i] * sizeof *values);
  for (int64_t k = 0; i == 7 && k < counts[i]; k++) {
    uint32_t bits = (uint32_t)k * 2654435761u ^ (uint32_t)k << 16;
    memcpy(&values[k], &bits, sizeof bits); /* any bits, NaNs too */
  }
  return values;
}

typedef struct maker {
  float *values;
  int refuse; /* at this many bytes */
  pthread_t caller;
} maker;

static bzd_status make_bytes(void *user, int64_t tag, uint64_t offset, uint64_t size, void *dst) {
  const maker *m = user;
  assert_true(tag == 4 && pthread_equal(pthread_self(), m->caller));
  if (m->refuse && offset >= (uint64_t)m->refuse) return bzdi_fail(BZD_E_CANCELLED, "made enough");
  memcpy(dst, (const char *)m->values + offset, size);
  return BZD_OK;
}

/* Tensor 4 is made when m is given. */
static bzdi_store *make(const bzd_context *context, maker *m, int most) {
  bzdi_store *store;
  OK(bzdi_store_new(context, &store));
  OK(bzdi_store_set_i64(store, BZDI_META, "kind", 1, BZDI_MODEL));
  if (m) bzdi_store_set_maker(store, &(bzdi_maker){.user = m, .make = make_bytes});
  for (int i = 0; i < most; i++) {
    char name[8];
    snprintf(name, sizeof name, "t%d", i);
    float *values = values_of(i);
    if (m && i == 4)
      OK(bzdi_store_add_made(store, name, BZDI_ROLE_PATHS, BZDI_DTYPE_F32, 1, &counts[i], i));
    else
      OK(bzdi_store_add(store, name, BZDI_ROLE_PATHS, BZDI_DTYPE_F32, 1, &counts[i], values));
    free(values);
  }
  return store;
}

static void expect_values(const bzdi_store *store) {
  bzdi_want want[TENSORS];
  float *all[TENSORS];
  for (int i = 0; i < TENSORS; i++) {
    float *values = values_of(i), *one = malloc((size_t)counts[i] * sizeof *one);
    all[i] = malloc((size_t)counts[i] * sizeof *one);
    want[i] = (bzdi_want){i, 0, (uint64_t)counts[i] * sizeof *one, all[i]};
    OK(bzdi_store_read(store, i, one));
    SAME(one, values, counts[i]);
    free(values), free(one);
  }
  OK(bzdi_store_read_many(store, TENSORS, want));
  for (int i = 0; i < TENSORS; i++) {
    float *values = values_of(i);
    SAME(all[i], values, counts[i]);
    free(values), free(all[i]);
  }
}

/* One thread with everything in memory is the reference. */
static void test_threads(void **state) {
  (void)state;
  maker m = {.values = values_of(4), .caller = pthread_self()};
  bzdi_store *plain = make(NULL, NULL, TENSORS);
  store_bytes expected = store_bytes_write(plain);
  bzdi_store_free(plain);
  static const int32_t threads[] = {1, 2, 3, 8};
  for (int k = 0; k < 4; k++)
    for (int hosted = 0; hosted < 2; hosted++) {
      host h;
      bzd_context *context = make_context(&h, threads[k], hosted);
      bzdi_store *store = make(context, &m, TENSORS), *opened;
      long long live = atomic_load(&h.heap.live), calls = atomic_load(&h.heap.calls);
      atomic_store(&h.peak, live);
      store_bytes b = store_bytes_write(store);
      store_bytes_same(&b, &expected);
      /* A block of planes for each thread, at most two made and two stored ones, and the index. */
      long long block = BZDI_BLOCK + 256, most = threads[k] == 1 ? 3 * block : 5 * threads[k] * block;
      assert_in_range(atomic_load(&h.peak) - live, block, most + 32768);
      assert_in_range(atomic_load(&h.heap.calls) - calls, 1, 24); /* the workspace, and an index that doubles */
      free(b.data);
      OK(store_bytes_open(context, &expected, &opened));
      live = atomic_load(&h.heap.live);
      atomic_store(&h.peak, live);
      h.loops = h.most = 0;
      OK(bzdi_store_verify(opened));
      assert_in_range(atomic_load(&h.peak) - live, block, 4 * threads[k] * block);
      calls = atomic_load(&h.heap.calls);
      expect_values(opened);
      OK(bzdi_store_verify(opened));
      live = atomic_load(&h.heap.live);
      atomic_store(&h.peak, live);
      b = store_bytes_write(opened); /* blocks copied, one at a time: the same file */
      store_bytes_same(&b, &expected);
      assert_in_range(atomic_load(&h.peak) - live, block, 2 * block + 32768);
      assert_true(h.loops > 0 ? hosted && threads[k] > 1 && h.most <= 2 * threads[k] : !hosted || threads[k] == 1);
      free(b.data);
      bzdi_store_free(store), bzdi_store_free(opened);
      bzdi_release(context);
      assert_true(atomic_load(&h.heap.live) == 0 && atomic_load(&h.heap.wrong) == 0);
    }
  free(m.values), free(expected.data);
}

/* Read again with the same need, nothing is allocated; few blocks stay on the caller's thread. */
static void test_steady_state(void **state) {
  (void)state;
  for (int hosted = 0; hosted < 2; hosted++) {
    host h;
    bzd_context *context = make_context(&h, 4, hosted);
    bzdi_store *store = make(context, NULL, TENSORS), *small = make(context, NULL, 2), *opened;
    store_bytes b = store_bytes_write(store);
    OK(store_bytes_open(context, &b, &opened));
    float *values = malloc((size_t)counts[4] * sizeof *values);
    OK(bzdi_store_verify(opened)); /* the largest workspace */
    long long calls = atomic_load(&h.heap.calls);
    for (int turn = 0; turn < 3; turn++) {
      OK(bzdi_store_verify(opened));
      OK(bzdi_store_read(opened, 4, values));
      OK(bzdi_store_read(opened, 1, values));
    }
    assert_true(atomic_load(&h.heap.calls) == calls);
    h.loops = 0;
    store_bytes few = store_bytes_write(small); /* two blocks */
    OK(bzdi_store_read(opened, 2, values));
    assert_int_equal(h.loops, 0);
    OK(bzdi_store_read(opened, 4, values)); /* eight */
    assert_true(h.loops == (hosted ? 1 : 0));
    free(values), free(b.data), free(few.data);
    bzdi_store_free(store), bzdi_store_free(small), bzdi_store_free(opened);
    bzdi_release(context);
    assert_int_equal(atomic_load(&h.heap.live), 0);
  }
}

/* The first damaged block in the order of the file is named, on the caller's thread, whoever decodes it. */
static void test_failures(void **state) {
  (void)state;
  maker m = {.values = values_of(4), .caller = pthread_self()};
  for (int32_t threads = 1; threads <= 4; threads += 3) {
    host h;
    bzd_context *context = make_context(&h, threads, threads > 1);
    bzdi_store *store = make(context, &m, TENSORS), *opened;
    store_bytes b = store_bytes_write(store);
    OK(store_bytes_open(context, &b, &opened));
    long long live = atomic_load(&h.heap.live);
    uint64_t at = 64;
    for (int64_t i = 0; i < 4; i++) at += bzdi_store_tensor(opened, i)->stored_bytes;
    b.data[at + 5 * 200000] ^= 1; /* block 4 of t4, or so: blocks have some 218,000 bytes */
    b.data[at + 6 * 216000] ^= 1;
    FAILS(BZD_E_CORRUPT, "tensor t4: checksum of block 4 is", bzdi_store_verify(opened));
    float *values = malloc((size_t)counts[4] * sizeof *values);
    FAILS(BZD_E_CORRUPT, "tensor t4: checksum of block 4 is", bzdi_store_read(opened, 4, values));
    store_bytes copy = {0};
    FAILS(BZD_E_CORRUPT, "tensor t4: checksum of block 4 is",
          bzdi_store_write(opened, &(bzdi_writer){store_bytes_append, &copy}));
    b.data[at + 5 * 200000] ^= 1;
    FAILS(BZD_E_CORRUPT, "tensor t4: checksum of block 5 is", bzdi_store_verify(opened));
    b.data[at + 6 * 216000] ^= 1;
    OK(bzdi_store_verify(opened));
    /* The checksum of a tensor whose blocks are all whole. */
    unsigned char *record = b.data + bzdi_get64(b.data + b.size - 48) + 16 + 2 * TENSORS + 16 + 4 * 128;
    record[104] ^= 1;
    store_bytes_repair(&b);
    bzdi_store *other;
    OK(store_bytes_open(context, &b, &other));
    FAILS(BZD_E_CORRUPT, "tensor t4: checksum is", bzdi_store_verify(other));
    bzdi_store_free(other);
    for (size_t room = 100; room < b.size; room += b.size / 37) { /* the writer stops at any point */
      store_bytes cut = {.refuse_at = room};
      FAILS(BZD_E_IO, "no room", bzdi_store_write(store, &(bzdi_writer){store_bytes_append, &cut}));
      free(cut.data);
    }
    for (m.refuse = 1; m.refuse < 7 * BZDI_BLOCK; m.refuse += BZDI_BLOCK) { /* and so does the maker */
      store_bytes cut = {0};
      FAILS(BZD_E_CANCELLED, "made enough", bzdi_store_write(store, &(bzdi_writer){store_bytes_append, &cut}));
      free(cut.data);
    }
    m.refuse = 0;
    free(values), free(copy.data);
    bzdi_store_free(opened);
    atomic_store(&h.heap.refuse_from, atomic_load(&h.heap.calls) + 1);
    store_bytes none = {0};
    FAILS(BZD_E_MEMORY, "encoder", bzdi_store_write(store, &(bzdi_writer){store_bytes_append, &none}));
    atomic_store(&h.heap.refuse_from, 0);
    free(none.data), free(b.data);
    bzdi_store_free(store);
    bzdi_release(context);
    assert_true(atomic_load(&h.heap.live) == 0 && live > 0);
  }
  free(m.values);
}

/* Ranges about every seam; damage elsewhere does not matter, and damage inside is found. */
static void test_parts(void **state) {
  (void)state;
  bzd_context *context = models_context(NULL, 2);
  bzdi_store *store = make(context, NULL, TENSORS), *opened;
  store_bytes b = store_bytes_write(store);
  OK(store_bytes_open(context, &b, &opened));
  float *values = values_of(4), *part = malloc((size_t)(counts[4] + 1) * sizeof *part);
  static const int64_t at[] = {0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 7, 7 * BLOCK, 7 * BLOCK + 333};
  enum { PLACES = sizeof at / sizeof at[0] };
  int count = 0;
  for (int i = 0; i < PLACES; i++)
    for (int k = i; k < PLACES; k++, count++) {
      bzdi_want want = {4, 4 * (uint64_t)at[i], 4 * (uint64_t)at[k], part};
      part[at[k] - at[i]] = -7;
      for (int from = 0; from < 2; from++) {
        memset(part, 0, (size_t)(at[k] - at[i]) * sizeof *part);
        OK(bzdi_store_read_many(from ? opened : store, 1, &want));
        SAME(part, values + at[i], at[k] - at[i]);
        assert_true(part[at[k] - at[i]] == -7); /* and nothing beyond */
      }
    }
  assert_int_equal(count, 45);
  uint64_t offset = 64;
  for (int64_t i = 0; i < 4; i++) offset += bzdi_store_tensor(opened, i)->stored_bytes;
  b.data[offset + 5] ^= 1; /* in block 0 */
  bzdi_want far = {4, BZDI_BLOCK, 4 * (uint64_t)counts[4], part}, near = {4, BZDI_BLOCK - 4, BZDI_BLOCK, part};
  OK(bzdi_store_read_many(opened, 1, &far));
  FAILS(BZD_E_CORRUPT, "block 0", bzdi_store_read_many(opened, 1, &near));
  free(values), free(part), free(b.data);
  bzdi_store_free(store), bzdi_store_free(opened);
  bzdi_release(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads), cmocka_unit_test(test_steady_state),
                                     cmocka_unit_test(test_failures), cmocka_unit_test(test_parts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
