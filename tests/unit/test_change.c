/* SPDX-License-Identifier: MIT */
/* What can be changed in a store: parameters as bfloat16 and back, ancillary sections, key-values; and the records that
 * say so and cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bf16.h"
#include "models.h"
#include "store/element.h"
#include "store_bytes.h"

/* ---- Rounding ------------------------------------------------------------------------------------------------- */

static double value_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* The nearer of the two neighbours; of two equally near ones the even one. Beyond the last finite one the next step
 * counts as 2^128. */
static uint16_t round_slowly(uint32_t bits) {
  uint32_t low = bits >> 16, high = low + 1;
  double x = fabs(value_of(bits)), below = fabs(value_of(low << 16)),
         above = (high & 0x7FFF) == 0x7F80 ? 0x1p128 : fabs(value_of(high << 16));
  if (isinf(x)) return (uint16_t)low;
  if (x - below != above - x) return (uint16_t)(x - below < above - x ? low : high);
  return (uint16_t)(low & 1 ? high : low);
}

/* All upper halves with the lower ones that matter. */
static void test_rounding(void **state) {
  (void)state;
  static const uint32_t lows[] = {0, 1, 0x1234, 0x7FFF, 0x8000, 0x8001, 0xFFFF};
  long long finite = 0, nans = 0;
  for (uint32_t upper = 0; upper < 65536; upper++)
    for (size_t k = 0; k < sizeof lows / sizeof lows[0]; k++) {
      uint32_t bits = upper << 16 | lows[k], back;
      uint16_t half;
      bzdi_bf16_from_f32(&bits, 1, &half);
      bzdi_bf16_to_f32(&half, 1, &back);
      assert_true(back == (uint32_t)half << 16);
      if (isnan(value_of(bits))) {
        assert_true(isnan(value_of(back)) && (half & 0xFF80) == (upper & 0xFF80) && (half & 0x3F) == (upper & 0x3F));
        nans++;
      } else {
        assert_int_equal(half, round_slowly(bits));
        finite++;
      }
    }
  assert_true(finite == 7LL * 2 * 32640 + 2 && nans == 7LL * 2 * 128 - 2);
}

/* ---- A store with parameters ---------------------------------------------------------------------------------- */

enum { N = 150000, M = 40 };
static const int64_t shape[1] = {N}, few[1] = {M};

static bzdi_store *make(const bzd_context *context, const float *values) {
  bzdi_store *store;
  OK(bzdi_store_new(context, &store));
  OK(bzdi_store_set_i64(store, BZDI_META, "kind", 1, BZDI_MODEL));
  OK(bzdi_store_add(store, "a", BZDI_ROLE_PARAMETER, BZDI_DTYPE_F32, 1, shape, values));
  OK(bzdi_store_add(store, "b", BZDI_ROLE_BUFFER, BZDI_DTYPE_F32, 1, few, values));
  OK(bzdi_store_add(store, "c", BZDI_ROLE_PARAMETER, BZDI_DTYPE_F32, 1, few, values));
  OK(bzdi_store_add(store, "d", BZDI_ROLE_PARAMETER, BZDI_DTYPE_I32, 1, few, values));
  return store;
}

static void expect_rounded(const bzdi_store *store, const float *values) {
  float *read = malloc(N * sizeof *read), part[7];
  OK(bzdi_store_read(store, 0, read));
  for (int64_t i = 0; i < N; i++) {
    uint32_t bits, have;
    memcpy(&bits, values + i, 4), memcpy(&have, read + i, 4);
    assert_true(have == (uint32_t)round_slowly(bits) << 16);
  }
  for (int64_t at = 131072 - 3; at < 131072 + 1; at++) { /* the seam of two blocks */
    bzdi_want want = {0, 4 * (uint64_t)at, 4 * (uint64_t)(at + 7), part};
    OK(bzdi_store_read_many(store, 1, &want));
    SAME(part, read + at, 7);
  }
  OK(bzdi_store_read(store, 1, read)); /* buffers and other types as they are */
  SAME(read, values, M);
  OK(bzdi_store_read(store, 3, read));
  SAME(read, values, M);
  free(read);
}

static void expect_same_id(const bzdi_store *one, const bzdi_store *other, int same) {
  uint8_t id[2][32];
  OK(bzdi_store_content_id(one, id[0]));
  OK(bzdi_store_content_id(other, id[1]));
  assert_int_equal(memcmp(id[0], id[1], 32) == 0, same);
}

static void test_narrow(void **state) {
  (void)state;
  heap h = {0};
  bzd_context *context = models_context(&h, 2);
  float *values = numbers_floats(3, N, 0, 0.05);
  bzdi_store *exact = make(context, values), *built = make(context, values), *opened, *narrow, *wide;
  store_bytes exact_file = store_bytes_write(exact);
  OK(bzdi_store_set_narrow(built, 1));
  expect_rounded(built, values);
  store_bytes file = store_bytes_write(built);
  assert_true(file.size < exact_file.size * 45 / 100);
  OK(store_bytes_open(context, &file, &narrow));
  OK(bzdi_store_verify(narrow));
  expect_rounded(narrow, values);
  assert_true(bzdi_store_tensor(narrow, 0)->dtype == BZDI_DTYPE_F32 &&
              bzdi_store_tensor(narrow, 0)->stored_dtype == BZDI_DTYPE_BF16 &&
              bzdi_store_tensor(narrow, 1)->stored_dtype == BZDI_DTYPE_F32 &&
              bzdi_store_tensor(narrow, 3)->stored_dtype == BZDI_DTYPE_I32);
  expect_same_id(built, narrow, 1);
  expect_same_id(exact, narrow, 0);
  /* From an opened file, and again and again: the same bytes; and back the rounded values in float32, the same id. */
  OK(store_bytes_open(context, &exact_file, &opened));
  assert_true(bzdi_store_tensor(opened, 0)->stored_bytes > 0);
  OK(bzdi_store_set_narrow(opened, 1));
  assert_int_equal(bzdi_store_tensor(opened, 0)->stored_bytes, 0); /* before it is written */
  store_bytes again = store_bytes_write(opened), copied = store_bytes_write(narrow);
  store_bytes_same(&again, &file);
  store_bytes_same(&copied, &file);
  OK(bzdi_store_set_narrow(narrow, 1)); /* it is */
  OK(bzdi_store_set_narrow(narrow, 0));
  store_bytes wide_file = store_bytes_write(narrow);
  OK(store_bytes_open(context, &wide_file, &wide));
  expect_rounded(wide, values);
  assert_int_equal(bzdi_store_tensor(wide, 0)->stored_dtype, BZDI_DTYPE_F32);
  expect_same_id(wide, built, 1);
  OK(bzdi_store_set_narrow(narrow, 1));
  free(again.data);
  again = store_bytes_write(narrow);
  store_bytes_same(&again, &file);
  /* Too large for bfloat16: named, and nothing is changed. Infinite and NaN stay what they are. */
  float odd[M] = {[0] = INFINITY, [1] = -NAN, [2] = 0x1.FEp127f, [7] = 0x1.FEFFFEp127f};
  bzdi_store *large = make(context, values);
  OK(bzdi_store_add(large, "z", BZDI_ROLE_PARAMETER, BZDI_DTYPE_F32, 1, few, odd));
  OK(bzdi_store_set_narrow(large, 1));
  bzdi_store_free(large);
  large = make(context, values);
  odd[5] = -0x1.FFp127f;
  OK(bzdi_store_add(large, "z", BZDI_ROLE_PARAMETER, BZDI_DTYPE_F32, 1, few, odd));
  FAILS(BZD_E_NUMERIC, "tensor z: element 5 is -3.39", bzdi_store_set_narrow(large, 1));
  assert_int_equal(bzdi_store_tensor(large, 0)->stored_dtype, BZDI_DTYPE_F32);
  /* Each allocation refused in turn: as it was. */
  int refused = 0;
  for (bzd_status status = BZD_E_MEMORY; status != BZD_OK; refused++) {
    long long live = atomic_load(&h.live);
    atomic_store(&h.refuse_from, atomic_load(&h.calls) + 1 + refused);
    status = bzdi_store_set_narrow(exact, 1);
    atomic_store(&h.refuse_from, 0);
    if (status == BZD_OK) break;
    assert_int_equal(status, BZD_E_MEMORY);
    assert_int_equal(atomic_load(&h.live), live);
    store_bytes unchanged = store_bytes_write(exact);
    store_bytes_same(&unchanged, &exact_file);
    free(unchanged.data);
  }
  assert_int_equal(refused, 5); /* the list, and two for each parameter */
  expect_same_id(exact, built, 1);
  free(values), free(file.data), free(exact_file.data), free(again.data), free(copied.data), free(wide_file.data);
  bzdi_store_free(exact), bzdi_store_free(built), bzdi_store_free(opened), bzdi_store_free(narrow);
  bzdi_store_free(wide), bzdi_store_free(large);
  bzdi_release(context);
  assert_true(atomic_load(&h.live) == 0 && atomic_load(&h.wrong) == 0);
}

/* Other pairs of types, other roles, and trainers' files: refused. Zeros, which deflate best, are not taken for a bomb.
 */
static void test_records(void **state) {
  (void)state;
  float *values = numbers_floats(3, N, 0, 0.05);
  bzdi_store *store = make(NULL, values), *opened;
  OK(bzdi_store_set_narrow(store, 1));
  store_bytes b = store_bytes_write(store);
  unsigned char *tensors = b.data + bzdi_get64(b.data + b.size - 48) + 16 + 4 + 16;
  static const struct {
    int tensor, dtype, stored, role;
  } bad[] = {{0, 1, 2, 1}, {0, 1, 4, 1}, {0, 1, 0, 1}, {0, 1, 7, 1}, {0, 2, 3, 1}, {0, 4, 3, 1},
             {0, 1, 3, 2}, {0, 1, 3, 5}, {0, 1, 3, 6}, {1, 1, 3, 5}, {3, 4, 1, 1}, {0, 3, 1, 1}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    unsigned char kept[128], *record = tensors + 128 * bad[i].tensor;
    memcpy(kept, record, sizeof kept);
    bzdi_put16(record + 8, (uint32_t)bad[i].dtype);
    bzdi_put16(record + 10, (uint32_t)bad[i].stored);
    bzdi_put16(record + 12, (uint32_t)bad[i].role);
    store_bytes_repair(&b);
    FAILS(BZD_E_CORRUPT, "stored as", store_bytes_open(NULL, &b, &opened));
    memcpy(record, kept, sizeof kept);
  }
  store_bytes_repair(&b);
  OK(store_bytes_open(NULL, &b, &opened));
  OK(bzdi_store_set_i64(opened, BZDI_STAT, "trainer.step", 1, BZDI_MODEL));
  store_bytes trainer = store_bytes_write(opened);
  bzdi_store_free(opened);
  FAILS(BZD_E_CORRUPT, "beside the state of a trainer", store_bytes_open(NULL, &trainer, &opened));
  OK(bzdi_store_set_narrow(store, 0));
  OK(bzdi_store_set_i64(store, BZDI_STAT, "trainer.step", 1, BZDI_MODEL));
  FAILS(BZD_E_UNSUPPORTED, "state of a trainer", bzdi_store_set_narrow(store, 1));
  bzdi_store_free(store);
  enum { MANY = 4 << 20 };
  const int64_t many[1] = {MANY};
  float *zeros = calloc(MANY, sizeof *zeros);
  OK(bzdi_store_new(NULL, &store));
  OK(bzdi_store_add(store, "zeros", BZDI_ROLE_PARAMETER, BZDI_DTYPE_F32, 1, many, zeros));
  OK(bzdi_store_set_narrow(store, 1));
  store_bytes flat = store_bytes_write(store);
  assert_true(flat.size < sizeof *zeros * MANY / 1032); /* more than deflate alone could do */
  OK(store_bytes_open(NULL, &flat, &opened));
  OK(bzdi_store_verify(opened));
  bzdi_store_free(opened), bzdi_store_free(store);
  free(values), free(zeros), free(b.data), free(trainer.data), free(flat.data);
}

/* ---- Sections and key-values ----------------------------------------------------------------------------------- */

static void test_sections(void **state) {
  (void)state;
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  float *values = numbers_floats(3, N, 0, 0.05);
  bzdi_store *store = make(context, values), *opened;
  store_bytes without = store_bytes_write(store);
  static const char *const names[] = {"note", "abcd", "zzzz", "maPs"};
  for (int i = 0; i < 4; i++) OK(bzdi_store_set_extra(store, names[i], names[i], (size_t)i + 1));
  OK(bzdi_store_set_extra(store, "maPs", "", 0)); /* replaced by nothing, and there */
  store_bytes with = store_bytes_write(store);
  assert_int_equal(with.size, without.size + 4 * 16 + 1 + 2 + 3);
  OK(store_bytes_open(context, &with, &opened));
  expect_same_id(store, opened, 1);
  static const char *const sorted[] = {"abcd", "maPs", "note", "zzzz"};
  static const size_t sizes[] = {2, 0, 1, 3};
  assert_int_equal(bzdi_store_extras(opened), 4);
  for (int64_t i = 0; i < 4; i++) {
    char type[5];
    const void *data;
    size_t size;
    bzdi_store_extra_at(opened, i, type, &data, &size);
    assert_string_equal(type, sorted[i]);
    assert_int_equal(size, sizes[i]);
    assert_memory_equal(data, sorted[i], size);
  }
  store_bytes again = store_bytes_write(opened);
  store_bytes_same(&again, &with);
  /* Key-values of an opened file: set, replaced, removed; all else is kept. */
  OK(bzdi_store_set_str(opened, BZDI_META, "user.title", "one", 0));
  OK(bzdi_store_set_str(opened, BZDI_META, "user.title", "two", 0));
  store_bytes titled = store_bytes_write(opened);
  assert_int_equal(titled.size, with.size + 8 + 10 + 3);
  bzdi_store_remove(opened, BZDI_META, "user.title");
  bzdi_store_remove(opened, BZDI_META, "user.title");
  for (int i = 0; i < 4; i++) {
    OK(bzdi_store_set_extra(opened, names[i], NULL, 0));
    OK(bzdi_store_set_extra(opened, names[i], NULL, 0));
  }
  free(again.data);
  again = store_bytes_write(opened);
  store_bytes_same(&again, &without);
  /* As many bytes as may be, whichever of them is replaced. */
  enum { MOST = BZDI_MOST_EXTRA_BYTES };
  void *zeros = calloc(1, MOST + 1);
  for (int i = 1; i < 4; i++) {
    bzdi_store *full;
    OK(bzdi_store_new(context, &full));
    for (int k = 1; k < 4; k++) OK(bzdi_store_set_extra(full, sorted[k], zeros, 1000));
    FAILS(BZD_E_LIMIT, "are the most", bzdi_store_set_extra(full, sorted[i], zeros, MOST - 1999));
    OK(bzdi_store_set_extra(full, sorted[i], zeros, MOST - 2000));
    FAILS(BZD_E_LIMIT, "are the most", bzdi_store_set_extra(full, sorted[0], zeros, 1));
    OK(bzdi_store_set_extra(full, sorted[0], zeros, 0));
    bzdi_store_free(full);
    OK(bzdi_store_new(context, &full));
    FAILS(BZD_E_LIMIT, "are the most", bzdi_store_set_extra(full, "only", zeros, MOST + 1));
    OK(bzdi_store_set_extra(full, "only", zeros, MOST));
    bzdi_store_free(full);
  }
  free(zeros);
  /* As many as may be. */
  char name[5] = "aaaa";
  for (int i = 0; i < BZDI_MOST_EXTRAS; i++) {
    name[2] = (char)('a' + i / 26), name[3] = (char)('a' + i % 26);
    OK(bzdi_store_set_extra(opened, name, name, 4));
  }
  FAILS(BZD_E_LIMIT, "64", bzdi_store_set_extra(opened, "zzzz", name, 4));
  OK(bzdi_store_set_extra(opened, "aaaa", name, 3));
  char *large = calloc(1, BZDI_MOST_EXTRA_BYTES);
  FAILS(BZD_E_LIMIT, "bytes", bzdi_store_set_extra(opened, "aaaa", large, BZDI_MOST_EXTRA_BYTES - 4 * 63 + 1));
  OK(bzdi_store_set_extra(opened, "aaaa", large, BZDI_MOST_EXTRA_BYTES - 4 * 63));
  FAILS(BZD_E_LIMIT, "bytes", bzdi_store_set_extra(opened, "aaab", large, SIZE_MAX));
  free(large), free(values), free(without.data), free(with.data), free(again.data), free(titled.data);
  bzdi_store_free(store), bzdi_store_free(opened);
  bzdi_release(context);
  assert_true(atomic_load(&h.live) == 0 && atomic_load(&h.wrong) == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_rounding), cmocka_unit_test(test_narrow),
                                     cmocka_unit_test(test_records), cmocka_unit_test(test_sections)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
