/* SPDX-License-Identifier: MIT */
/* The container: round trips, canonical bytes, and files that are cut, flipped, foreign or from the future. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "models.h"
#include "store/bytes.h"
#include "store/codec.h"
#include "store/container.h"
#include "store/layout.h"

#include <locale.h>

/* What stands between the digits of a real number in the host's locale. */
static const char *point = ".";

int snprintf(char *text, size_t cap, const char *format, ...) {
  va_list list;
  va_start(list, format);
  int length = vsnprintf(text, cap, format, list);
  va_end(list);
  char *at = strcmp(format, "%.17g") == 0 ? strchr(text, '.') : NULL;
  if (!at) return length;
  memmove(at + strlen(point), at + 1, strlen(at));
  memcpy(at, point, strlen(point));
  return length + (int)strlen(point) - 1;
}

typedef struct bytes {
  unsigned char *data;
  size_t size, refuse_at; /* refuse_at > 0: fail when the size would pass it */
} bytes;

static bzd_status append(void *user, const void *data, size_t n) {
  bytes *b = user;
  if (b->refuse_at > 0 && b->size + n > b->refuse_at) return bzdi_fail(BZD_E_IO, "no room");
  b->data = realloc(b->data, b->size + n + 1);
  memcpy(b->data + b->size, data, n);
  b->size += n;
  return BZD_OK;
}

static bytes write_store(bzdi_store *store) {
  bytes b = {0};
  bzdi_writer writer = {append, &b};
  OK(bzdi_store_write(store, &writer));
  return b;
}

static bzd_status open_bytes(const bzd_context *context, const bytes *b, const bzdi_limits *limits, bzdi_store **out) {
  bzdi_reader reader;
  OK(bzdi_reader_buffer(context, b->data, b->size, &reader));
  return bzdi_store_open(context, &reader, limits, out);
}

/* Opens and reads every byte. */
static bzd_status judge(const bzd_context *context, const bytes *b) {
  bzdi_store *store;
  bzd_status status = open_bytes(context, b, NULL, &store);
  if (status != BZD_OK) return status;
  status = bzdi_store_verify(store);
  bzdi_store_free(store);
  return status;
}

static const int64_t big[2] = {300, 301}, small[1] = {5}, scalar[1] = {1};

/* One tensor of each type, one of several blocks, key-values of each type; order 1 adds in another order. */
static bzdi_store *make(const bzd_context *context, int order, int with_big) {
  static const double reals[5] = {1, -0.0, INFINITY, 1e-310, 5};
  static const int32_t ints[5] = {1, -2, 3, 4, 5};
  static const int64_t longs[5] = {1, INT64_MIN, 3, 4, 5};
  static const uint8_t octets[5] = {0, 1, 2, 254, 255};
  static const uint16_t halves[5] = {0x3f80, 0x7fc0, 1, 2, 3};
  float *values = numbers_floats(3, big[0] * big[1], 0, 0.05);
  bzdi_store *store;
  OK(bzdi_store_new(context, &store));
  if (order) OK(bzdi_store_set_i64(store, BZDI_META, "z", 1, 0));
  for (int turn = 0; turn < 7; turn++) {
    switch (order ? 6 - turn : turn) {
    case 0: OK(bzdi_store_add(store, "a", BZDI_ROLE_PARAMETER, BZDI_DTYPE_F32, 1, small, values)); break;
    case 1: OK(bzdi_store_add(store, "a", BZDI_ROLE_EMA, BZDI_DTYPE_F64, 1, small, reals)); break;
    case 2: OK(bzdi_store_add(store, "b.int", BZDI_ROLE_BUFFER, BZDI_DTYPE_I32, 1, small, ints)); break;
    case 3: OK(bzdi_store_add(store, "b.long", BZDI_ROLE_BUFFER, BZDI_DTYPE_I64, 1, small, longs)); break;
    case 4: OK(bzdi_store_add(store, "c", BZDI_ROLE_BUFFER, BZDI_DTYPE_U8, 1, small, octets)); break;
    case 5: OK(bzdi_store_add(store, "d", BZDI_ROLE_BUFFER, BZDI_DTYPE_BF16, 1, small, halves)); break;
    default:
      if (with_big) OK(bzdi_store_add(store, "m", BZDI_ROLE_PATHS, BZDI_DTYPE_F32, 2, big, values));
      OK(bzdi_store_add(store, "s", BZDI_ROLE_BUFFER, BZDI_DTYPE_F32, 0, scalar, values));
    }
  }
  OK(bzdi_store_set_f64(store, BZDI_META, "real", 0.1, BZDI_MODEL));
  OK(bzdi_store_set_str(store, BZDI_META, "text", "\xC3\xA9t\xC3\xA9", BZDI_MODEL));
  OK(bzdi_store_set_i64(store, BZDI_META, "z", 1, 0));
  OK(bzdi_store_set_u64(store, BZDI_STAT, "count", UINT64_MAX, BZDI_MODEL));
  OK(bzdi_store_set_bytes(store, BZDI_STAT, "raw", "\0\1\2", 3, 0));
  OK(bzdi_store_set_bytes(store, BZDI_STAT, "none", "", 0, 0));
  free(values);
  return store;
}

static void test_round_trip(void **state) {
  (void)state;
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  bzdi_store *store = make(context, 0, 1), *again;
  bytes first = write_store(store);
  OK(open_bytes(context, &first, NULL, &again));
  OK(bzdi_store_verify(again));
  assert_int_equal(bzdi_store_tensors(again), 8);
  for (int64_t i = 0; i < 8; i++) {
    const bzdi_tensor *a = bzdi_store_tensor(store, i), *b = bzdi_store_tensor(again, i);
    assert_string_equal(a->name, b->name);
    assert_true(a->role == b->role && a->dtype == b->dtype && a->bytes == b->bytes && a->ndim == b->ndim);
    assert_memory_equal(a->shape, b->shape, sizeof a->shape); /* 0 beyond the dimensions */
    void *x = malloc(a->bytes), *y = malloc(a->bytes);
    OK(bzdi_store_read(store, i, x));
    OK(bzdi_store_read(again, i, y));
    assert_memory_equal(x, y, a->bytes);
    free(x), free(y);
  }
  double real;
  const char *text;
  uint64_t count;
  const void *raw;
  size_t size;
  OK(bzdi_store_get_f64(again, BZDI_META, "real", &real));
  OK(bzdi_store_get_str(again, BZDI_META, "text", &text));
  OK(bzdi_store_get_u64(again, BZDI_STAT, "count", &count));
  OK(bzdi_store_get_bytes(again, BZDI_STAT, "raw", &raw, &size));
  assert_true(real == 0.1 && count == UINT64_MAX && size == 3 && memcmp(raw, "\0\1\2", 3) == 0);
  assert_string_equal(text, "\xC3\xA9t\xC3\xA9");
  FAILS(BZD_E_CORRUPT, "lacks nothing", bzdi_store_get_u64(again, BZDI_STAT, "nothing", &count));
  FAILS(BZD_E_CORRUPT, "type", bzdi_store_get_u64(again, BZDI_META, "real", &count));
  /* Canonical: written again, loaded and written, and built in another order: the same bytes and the same id. */
  bzdi_store *other = make(context, 1, 1);
  bytes second = write_store(store), third = write_store(again), fourth = write_store(other);
  uint8_t id[3][32];
  assert_true(first.size == second.size && first.size == third.size && first.size == fourth.size);
  assert_memory_equal(first.data, second.data, first.size);
  assert_memory_equal(first.data, third.data, first.size);
  assert_memory_equal(first.data, fourth.data, first.size);
  OK(bzdi_store_set_i64(other, BZDI_META, "remark", 9, 0)); /* not part of the model */
  OK(bzdi_store_content_id(store, id[0]));
  OK(bzdi_store_content_id(again, id[1]));
  OK(bzdi_store_content_id(other, id[2]));
  assert_memory_equal(id[0], id[1], 32);
  assert_memory_equal(id[0], id[2], 32);
  OK(bzdi_store_set_f64(other, BZDI_META, "real", 0.2, BZDI_MODEL));
  OK(bzdi_store_content_id(other, id[2]));
  assert_true(memcmp(id[0], id[2], 32) != 0);
  free(first.data), free(second.data), free(third.data), free(fourth.data);
  bzdi_store_free(store), bzdi_store_free(again), bzdi_store_free(other);
  bzdi_release(context);
  assert_int_equal(atomic_load(&h.live), 0);
}

/* Every cut, every flipped bit, every appended byte of a small file is refused, and nothing stays behind. */
static void test_damage(void **state) {
  (void)state;
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  bzdi_store *store = make(context, 0, 0);
  bytes b = write_store(store);
  bzdi_store_free(store);
  long long live = atomic_load(&h.live);
  OK(judge(context, &b));
  assert_true(b.size > 1000 && b.size < 4000);
  for (size_t size = 0; size < b.size; size++) {
    bytes cut = {b.data, size, 0};
    assert_true(judge(context, &cut) < 0);
  }
  for (size_t bit = 0; bit < 8 * b.size; bit++) {
    b.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
    if (judge(context, &b) == BZD_OK) fail_msg("bit %zu of byte %zu may be anything", bit % 8, bit / 8);
    b.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
  }
  bytes longer = {malloc(b.size + 64), b.size, 0};
  memcpy(longer.data, b.data, b.size);
  memset(longer.data + b.size, 0, 64);
  for (int i = 0; i < 64; i++) {
    longer.size++;
    assert_true(judge(context, &longer) < 0);
  }
  assert_int_equal(atomic_load(&h.live), live);
  free(longer.data);
  free(b.data);
  bzdi_release(context);
}

/* Repairs the checksums of header, index and trailer after a change. */
static void repair(bytes *b) {
  unsigned char *tail = b->data + b->size - 64;
  uint64_t at = bzdi_get64(tail + 16), size = bzdi_get64(tail + 24);
  bzdi_put32(b->data + 60, bzdi_crc32(0, b->data, 60));
  bzdi_put32(tail + 32, bzdi_crc32(0, b->data + at, size));
  bzdi_put32(tail + 60, bzdi_crc32(0, tail, 60));
}

/* A section at the end of the index. */
static void add_section(bytes *b, const char *type, const char *payload) {
  size_t n = strlen(payload), more = 16 + n;
  b->data = realloc(b->data, b->size + more);
  memmove(b->data + b->size - 64 + more, b->data + b->size - 64, 64);
  unsigned char *at = b->data + b->size - 64;
  memcpy(at, type, 4);
  bzdi_put32(at + 4, 0);
  bzdi_put64(at + 8, n);
  memcpy(at + 16, payload, n);
  b->size += more;
  unsigned char *tail = b->data + b->size - 64;
  bzdi_put64(tail + 8, b->size);
  bzdi_put64(tail + 24, bzdi_get64(tail + 24) + more);
  repair(b);
}

static void test_versions_and_sections(void **state) {
  (void)state;
  bzdi_store *store = make(NULL, 0, 0), *again;
  bytes b = write_store(store);
  bzdi_put16(b.data + 8, 2);
  repair(&b);
  FAILS(BZD_E_VERSION, "version 2.0", judge(NULL, &b));
  bzdi_put16(b.data + 8, 1);
  repair(&b);
  OK(judge(NULL, &b));
  add_section(&b, "note", "for people");
  OK(open_bytes(NULL, &b, NULL, &again)); /* ancillary: kept, in place */
  bytes kept = write_store(again);
  assert_int_equal(kept.size, b.size);
  assert_memory_equal(kept.data, b.data, b.size);
  bzdi_store_free(again);
  add_section(&b, "note", "twice");
  FAILS(BZD_E_CORRUPT, "note does not ascend", judge(NULL, &b));
  add_section(&kept, "Xtra", "");
  FAILS(BZD_E_VERSION, "critical section Xtra", judge(NULL, &kept));
  bytes foreign = {malloc(200), 200, 0};
  memset(foreign.data, 'x', 200);
  FAILS(BZD_E_FORMAT, "not a .bzd file", judge(NULL, &foreign));
  foreign.size = 10;
  FAILS(BZD_E_FORMAT, "10 bytes", judge(NULL, &foreign));
  free(foreign.data), free(b.data), free(kept.data);
  bzdi_store_free(store);
}

static void test_limits(void **state) {
  (void)state;
  bzdi_store *store = make(NULL, 0, 1), *again;
  bytes b = write_store(store);
  const bzdi_limits limits[] = {
      {.max_file = b.size - 1}, {.max_raw = 1000}, {.max_index = 100}, {.max_tensors = 7}, {.max_meta = 5}};
  for (int i = 0; i < 5; i++) FAILS(BZD_E_LIMIT, "limit", open_bytes(NULL, &b, &limits[i], &again));
  const bzdi_limits enough = {
      .max_file = b.size, .max_raw = 400000, .max_index = 10000, .max_tensors = 8, .max_meta = 6};
  OK(open_bytes(NULL, &b, &enough, &again));
  bzdi_store_free(again);
  free(b.data);
  bzdi_store_free(store);
}

static void test_bad_arguments_and_writers(void **state) {
  (void)state;
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  bzdi_store *store = make(context, 0, 1);
  const int64_t zero[1] = {0}, huge[3] = {INT64_MAX, INT64_MAX, 2};
  FAILS(BZD_E_ARGUMENT, "already", bzdi_store_add(store, "a", BZDI_ROLE_PARAMETER, BZDI_DTYPE_F32, 1, small, small));
  FAILS(BZD_E_ARGUMENT, "shape", bzdi_store_add(store, "q", BZDI_ROLE_PARAMETER, BZDI_DTYPE_F32, 1, zero, small));
  FAILS(BZD_E_ARGUMENT, "shape", bzdi_store_add(store, "q", BZDI_ROLE_PARAMETER, BZDI_DTYPE_F32, 3, huge, small));
  FAILS(BZD_E_ARGUMENT, "name", bzdi_store_add(store, "", BZDI_ROLE_PARAMETER, BZDI_DTYPE_F32, 1, small, small));
  FAILS(BZD_E_ARGUMENT, "name", bzdi_store_add(store, "a b", BZDI_ROLE_PARAMETER, BZDI_DTYPE_F32, 1, small, small));
  long long live = atomic_load(&h.live);
  for (size_t room = 1; room < 300000; room = 2 * room + 7) {
    bytes b = {.refuse_at = room};
    bzdi_writer writer = {append, &b};
    FAILS(BZD_E_IO, "no room", bzdi_store_write(store, &writer));
    free(b.data);
    assert_int_equal(atomic_load(&h.live), live);
  }
  bytes b = write_store(store); /* as if nothing had happened */
  OK(judge(context, &b));
  free(b.data);
  bzdi_store_free(store);
  bzdi_release(context);
  assert_int_equal(atomic_load(&h.live), 0);
}

/* The worked example of docs/checkpoint-format.md, to the byte. */
static void test_worked_example(void **state) {
  (void)state;
  const int64_t shape[1] = {2};
  const float values[2] = {1, -2};
  bzdi_store *store;
  OK(bzdi_store_new(NULL, &store));
  OK(bzdi_store_add(store, "w", BZDI_ROLE_PARAMETER, BZDI_DTYPE_F32, 1, shape, values));
  OK(bzdi_store_set_i64(store, BZDI_META, "kind", 1, BZDI_MODEL));
  bytes b = write_store(store);
  assert_int_equal(b.size, 64 + 8 + 16 + 1 + 16 + 128 + 16 + 32 + 16 + 8 + 4 + 8 + 16 + 64);
  const unsigned char block[8] = {0, 1, 0,    0,
                                  0, 0, 0x7f, 0x80}; /* 3f800000 and c0000000 turned left by 1: 7f000000, 80000001 */
  assert_memory_equal(b.data + 64, block, 8);
  for (size_t i = 0; i < b.size && getenv("SHOW_EXAMPLE"); i++)
    printf("%s%02x%s", i % 16 == 0 ? (printf("%04zx ", i), "") : "", b.data[i],
           i % 16 == 15 || i + 1 == b.size ? "\n" : " ");
  free(b.data);
  bzdi_store_free(store);
}

/* ---- Tensors that are made ----------------------------------------------------------------------------------- */

typedef struct maker {
  const float *values;
  uint64_t next; /* byte of tensor 7 that comes next when it is written */
  int begun, ended, failed, dropped, refuse;
} maker;

static bzd_status make_bytes(void *user, int64_t tag, uint64_t offset, uint64_t size, void *dst) {
  maker *m = user;
  assert_true(tag == 7 && (m->begun == m->ended + m->failed || offset == m->next));
  if (m->refuse && offset > 0) return bzdi_fail(BZD_E_NUMERIC, "refused");
  memcpy(dst, (const char *)m->values + offset, size);
  m->next = offset + size;
  return BZD_OK;
}

static void begin(void *user) {
  maker *m = user;
  m->begun++;
  m->next = 0;
}

static bzd_status end(void *user, bzdi_store *store) {
  maker *m = user;
  m->ended += store != NULL;
  m->failed += store == NULL;
  return store ? bzdi_store_set_i64(store, BZDI_META, "late", 5, BZDI_MODEL) : BZD_OK;
}

static void dropped(void *user) { ((maker *)user)->dropped++; }

/* The same bytes and id as a copy gives, in pieces when it is written; key-values that come last; a maker that fails.
 */
static void test_made(void **state) {
  (void)state;
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  maker m = {.values = numbers_floats(3, big[0] * big[1], 0, 0.05)};
  const bzdi_maker parts = {.user = &m, .make = make_bytes, .begin = begin, .end = end, .drop = dropped};
  bzdi_store *made, *kept;
  uint8_t id[2][32];
  OK(bzdi_store_new(context, &made));
  OK(bzdi_store_new(context, &kept));
  assert_false(bzdi_store_unfinished(made));
  bzdi_store_set_maker(made, &parts);
  assert_true(bzdi_store_unfinished(made));
  OK(bzdi_store_add_made(made, "m", BZDI_ROLE_PATHS, BZDI_DTYPE_F32, 2, big, 7));
  OK(bzdi_store_add(made, "s", BZDI_ROLE_BUFFER, BZDI_DTYPE_F32, 1, small, m.values));
  OK(bzdi_store_add(kept, "m", BZDI_ROLE_PATHS, BZDI_DTYPE_F32, 2, big, m.values));
  OK(bzdi_store_add(kept, "s", BZDI_ROLE_BUFFER, BZDI_DTYPE_F32, 1, small, m.values));
  FAILS(BZD_E_ARGUMENT, "there", bzdi_store_add_made(made, "m", BZDI_ROLE_PATHS, BZDI_DTYPE_F32, 2, big, 8));
  OK(bzdi_store_content_id(made, id[0]));
  OK(bzdi_store_content_id(kept, id[1]));
  assert_memory_equal(id[0], id[1], 32);
  OK(bzdi_store_verify(made));
  float *read = malloc(sizeof(float) * (size_t)(big[0] * big[1]));
  OK(bzdi_store_read(made, 0, read));
  SAME(read, m.values, big[0] * big[1]);
  free(read);
  m.refuse = 1;
  bytes none = {0};
  FAILS(BZD_E_NUMERIC, "refused", bzdi_store_write(made, &(bzdi_writer){append, &none}));
  assert_true(m.begun == 1 && m.ended == 0 && m.failed == 1 && !bzdi_store_has(made, BZDI_META, "late"));
  m.refuse = 0;
  OK(bzdi_store_set_i64(kept, BZDI_META, "late", 5, BZDI_MODEL));
  bytes first = write_store(made), again = write_store(made), other = write_store(kept);
  assert_true(m.begun == 3 && m.ended == 2 && first.size == again.size && first.size == other.size);
  assert_memory_equal(first.data, again.data, first.size);
  assert_memory_equal(first.data, other.data, first.size);
  bzdi_store_free(made);
  bzdi_store_free(kept);
  assert_int_equal(m.dropped, 1);
  /* Read again: nothing is allocated. */
  OK(open_bytes(context, &first, NULL, &made));
  read = malloc(sizeof(float) * (size_t)(big[0] * big[1]));
  OK(bzdi_store_read(made, 0, read));
  const long long calls = atomic_load(&h.calls);
  OK(bzdi_store_read(made, 0, read));
  assert_true(atomic_load(&h.calls) == calls);
  SAME(read, m.values, big[0] * big[1]);
  bzdi_store_free(made);
  free(read);
  free((void *)(uintptr_t)m.values);
  free(none.data), free(first.data), free(again.data), free(other.data);
  bzdi_release(context);
  assert_true(atomic_load(&h.live) == 0 && atomic_load(&h.wrong) == 0);
}

/* ---- Values, names and shapes --------------------------------------------------------------------------------- */

static const char *text_of(const bzdi_store *store, int64_t i, size_t cap) {
  static char text[64];
  const char *key;
  memset(text, '?', sizeof text);
  OK(bzdi_store_at(store, BZDI_META, i, &key, NULL, NULL, text, cap));
  return text;
}

static const char *real_text_of(double value) {
  bzdi_store *store;
  OK(bzdi_store_new(NULL, &store));
  OK(bzdi_store_set_f64(store, BZDI_META, "real", value, 0));
  const char *text = text_of(store, 0, 64);
  bzdi_store_free(store);
  return text;
}

/* Numbers as C writes them, also where the host has a decimal comma; bytes as far as there is room. */
static void test_values_as_text(void **state) {
  (void)state;
  static const double reals[] = {0,    -0.0,   1,        -1.5,      0.1,      1e-310,     1.7976931348623157e308,
                                 9e99, -7e-45, INFINITY, -INFINITY, 123456.7, 1234567890, 0x1p-1074,
                                 9.9,  0.0009};
  char expected[64];
  for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
    snprintf(expected, sizeof expected, "%.17g", reals[i]);
    assert_string_equal(real_text_of(reals[i]), expected);
  }
  assert_string_equal(real_text_of(NAN), "nan");
  static const char *const points[] = {",", "\xD9\xAB", " ,"};
  for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
    point = points[i];
    assert_string_equal(real_text_of(-1234.5), "-1234.5");
    assert_string_equal(real_text_of(0.5), "0.5");
    point = ".";
  }
  if (setlocale(LC_NUMERIC, "de_DE.UTF-8")) {
    assert_string_equal(real_text_of(-1234.5), "-1234.5");
    setlocale(LC_NUMERIC, "C");
  }
  bzdi_store *store;
  const char *key = NULL;
  char text[4] = "abc";
  int32_t type = 0;
  int flags = 9;
  OK(bzdi_store_new(NULL, &store));
  OK(bzdi_store_set_bytes(store, BZDI_META, "a", "\x01\xAB\xFF", 3, 0));
  OK(bzdi_store_set_bytes(store, BZDI_META, "b", "01234567", 8, 1));
  OK(bzdi_store_set_i64(store, BZDI_META, "c", INT64_MIN, 0));
  OK(bzdi_store_set_str(store, BZDI_META, "d", "12345678", 0));
  static const char *const cuts[] = {"", "", "01", "01", "01ab", "01ab", "01abff", "01abff"};
  for (size_t cap = 1; cap <= 8; cap++) {
    const char *found = text_of(store, 0, cap);
    assert_string_equal(found, cuts[cap - 1]);
    for (size_t k = cap; k < 64; k++) assert_int_equal(found[k], '?'); /* and nothing beyond */
  }
  assert_string_equal(text_of(store, 1, 64), "3031323334353637");
  assert_string_equal(text_of(store, 2, 64), "-9223372036854775808");
  assert_string_equal(text_of(store, 2, 3), "-9");
  assert_string_equal(text_of(store, 3, 64), "12345678");
  OK(bzdi_store_at(store, BZDI_META, 1, &key, &type, &flags, text, 0)); /* no text is asked for */
  assert_true(strcmp(key, "b") == 0 && type == BZDI_BYTES && flags == 1 && strcmp(text, "abc") == 0);
  FAILS(BZD_E_ARGUMENT, "metadata has 4 keys, not number 4",
        bzdi_store_at(store, BZDI_META, 4, &key, NULL, NULL, text, 4));
  FAILS(BZD_E_ARGUMENT, "not number -1", bzdi_store_at(store, BZDI_META, -1, &key, NULL, NULL, text, 4));
  FAILS(BZD_E_ARGUMENT, "trainer state has 0", bzdi_store_at(store, BZDI_STAT, 0, &key, NULL, NULL, text, 4));
  bzdi_store_free(store);
}

/* Enough of them that arrays grow and searches halve, in an order that is not theirs; set again, got, removed. */
static void test_many_values(void **state) {
  (void)state;
  enum { COUNT = 100 };
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  bzdi_store *store;
  char key[8];
  OK(bzdi_store_new(context, &store));
  for (int i = 0; i < COUNT; i++) {
    snprintf(key, sizeof key, "k%02d", i * 37 % COUNT);
    OK(bzdi_store_set_i64(store, BZDI_STAT, key, 1, 0));
    OK(bzdi_store_set_str(store, BZDI_STAT, key, key, i % 2)); /* in the same place */
    assert_int_equal(bzdi_store_count(store, BZDI_STAT), i + 1);
    assert_false(bzdi_store_has(store, BZDI_META, key));
    for (int k = 0; k < COUNT; k++) {
      char other[8];
      snprintf(other, sizeof other, "k%02d", k * 37 % COUNT);
      assert_int_equal(bzdi_store_has(store, BZDI_STAT, other), k <= i);
    }
  }
  for (int i = 0; i < COUNT; i++) {
    const char *found, *value;
    char text[8];
    int32_t type;
    snprintf(key, sizeof key, "k%02d", i);
    OK(bzdi_store_at(store, BZDI_STAT, i, &found, &type, NULL, text, sizeof text));
    OK(bzdi_store_get_str(store, BZDI_STAT, key, &value));
    assert_true(type == BZDI_STR && strcmp(found, key) == 0 && strcmp(text, key) == 0 && strcmp(value, key) == 0);
  }
  for (int i = 0; i < COUNT; i++) {
    snprintf(key, sizeof key, "k%02d", i * 53 % COUNT);
    bzdi_store_remove(store, BZDI_STAT, key);
    bzdi_store_remove(store, BZDI_STAT, key); /* nothing */
    for (int k = 0; k < COUNT; k++) {
      char other[8];
      snprintf(other, sizeof other, "k%02d", k * 53 % COUNT);
      assert_int_equal(bzdi_store_has(store, BZDI_STAT, other), k > i);
    }
  }
  int64_t number = 0;
  OK(bzdi_store_set_i64(store, BZDI_META, "n", -5, 0));
  OK(bzdi_store_get_i64(store, BZDI_META, "n", -5, -5, &number));
  assert_int_equal(number, -5);
  FAILS(BZD_E_CORRUPT, "n is -5, expected -4..9", bzdi_store_get_i64(store, BZDI_META, "n", -4, 9, &number));
  FAILS(BZD_E_CORRUPT, "n is -5, expected -9..-6", bzdi_store_get_i64(store, BZDI_META, "n", -9, -6, &number));
  FAILS(BZD_E_CORRUPT, "metadata: n has type 1, expected 4",
        bzdi_store_get_str(store, BZDI_META, "n", &(const char *){0}));
  bzdi_store_free(store);
  bzdi_release(context);
  assert_true(atomic_load(&h.live) == 0 && atomic_load(&h.wrong) == 0);
}

/* Names and shapes on both sides of what may be; a tensor that is another than it must be. */
static void test_names_and_shapes(void **state) {
  (void)state;
  static const float values[24] = {1, 2, 3, 4, 5, 6};
  static const int64_t shape[9] = {2, 3, 1, 1, 1, 1, 1, 4, 1}, all_but[2] = {INT64_C(1) << 59, 1},
                       huge[2] = {INT64_C(1) << 60, 1};
  bzdi_store *store;
  char name[258];
  int64_t at = 7;
  OK(bzdi_store_new(NULL, &store));
  for (int c = 1; c < 256; c++) {
    const char one[3] = {'a', (char)c, 0};
    bzd_status status = bzdi_store_add(store, one, BZDI_ROLE_BUFFER, BZDI_DTYPE_U8, 1, shape, values);
    assert_int_equal(status, c > 0x20 && c < 0x7F ? BZD_OK : BZD_E_ARGUMENT);
    status = bzdi_store_set_i64(store, BZDI_META, one, 1, 0);
    assert_int_equal(status, c > 0x20 && c < 0x7F ? BZD_OK : BZD_E_ARGUMENT);
  }
  assert_true(bzdi_store_tensors(store) == 94 && bzdi_store_count(store, BZDI_META) == 94);
  for (size_t length = 254; length < 258; length++) {
    memset(name, 'n', length);
    name[length] = 0;
    bzd_status status = bzdi_store_add(store, name, BZDI_ROLE_BUFFER, BZDI_DTYPE_U8, 1, shape, values);
    assert_int_equal(status, length < 256 ? BZD_OK : BZD_E_ARGUMENT);
    status = bzdi_store_set_u64(store, BZDI_STAT, name, length, 0);
    assert_int_equal(status, length < 256 ? BZD_OK : BZD_E_ARGUMENT);
  }
  bzdi_store *again;
  bytes b = write_store(store);
  OK(open_bytes(NULL, &b, NULL, &again));
  name[255] = 0;
  uint64_t length = 0;
  OK(bzdi_store_get_u64(again, BZDI_STAT, name, &length));
  assert_true(length == 255 && bzdi_store_count(again, BZDI_STAT) == 2 && bzdi_store_tensors(again) == 96);
  bzdi_store_free(again);
  free(b.data);
  FAILS(BZD_E_ARGUMENT, "1..255 printable bytes", bzdi_store_set_i64(store, BZDI_META, "", 1, 0));
  assert_int_equal(bzdi_shape_bytes(BZDI_DTYPE_F32, -1, shape), 0);
  assert_int_equal(bzdi_shape_bytes(BZDI_DTYPE_F32, 0, shape), 4);
  assert_int_equal(bzdi_shape_bytes(BZDI_DTYPE_F32, 1, shape), 8);
  assert_int_equal(bzdi_shape_bytes(BZDI_DTYPE_F32, 8, shape), 96);
  assert_int_equal(bzdi_shape_bytes(BZDI_DTYPE_F32, 9, shape), 0);
  assert_true(bzdi_shape_bytes(BZDI_DTYPE_F32, 2, all_but) == UINT64_C(1) << 61);
  assert_int_equal(bzdi_shape_bytes(BZDI_DTYPE_F32, 2, huge), 0);
  assert_int_equal(bzdi_shape_bytes(BZDI_DTYPE_F64, 2, huge), 0);
  assert_int_equal(bzdi_shape_bytes(BZDI_DTYPE_F32, 1, (const int64_t[]){-1}), 0);
  static const size_t sizes[8] = {0, 4, 8, 2, 4, 8, 1, 0};
  for (int32_t dtype = 0; dtype < 8; dtype++) assert_int_equal(bzdi_dtype_size(dtype), sizes[dtype]);
  assert_true(bzdi_dtype_size(-1) == 0 && bzdi_dtype_size(INT32_MIN) == 0);

  OK(bzdi_store_add(store, "w", BZDI_ROLE_PARAMETER, BZDI_DTYPE_F32, 8, shape, values));
  OK(bzdi_store_add(store, "i", BZDI_ROLE_PARAMETER, BZDI_DTYPE_I32, 2, shape, values));
  FAILS(BZD_E_CORRUPT, "tensor w of role 2 is missing", bzdi_store_find_f32(store, "w", BZDI_ROLE_EMA, 8, shape, &at));
  FAILS(BZD_E_CORRUPT, "tensor i: dtype 4 with 2 dimensions",
        bzdi_store_find_f32(store, "i", BZDI_ROLE_PARAMETER, 2, shape, &at));
  FAILS(BZD_E_CORRUPT, "tensor w: dtype 1 with 8 dimensions",
        bzdi_store_find_f32(store, "w", BZDI_ROLE_PARAMETER, 7, shape, &at));
  FAILS(BZD_E_CORRUPT, "tensor w: dtype 1 with 8 dimensions, expected float32 with 9",
        bzdi_store_find_f32(store, "w", BZDI_ROLE_PARAMETER, 9, shape, &at));
  for (int i = 0; i < 8; i++) {
    int64_t other[8];
    char text[64];
    memcpy(other, shape, sizeof other);
    other[i]++;
    snprintf(text, sizeof text, "tensor w: dimension %d is %d, expected %d", i, (int)shape[i], (int)other[i]);
    FAILS(BZD_E_CORRUPT, text, bzdi_store_find_f32(store, "w", BZDI_ROLE_PARAMETER, 8, other, &at));
    other[i] -= 2;
    FAILS(BZD_E_CORRUPT, "dimension", bzdi_store_find_f32(store, "w", BZDI_ROLE_PARAMETER, 8, other, &at));
  }
  OK(bzdi_store_find_f32(store, "w", BZDI_ROLE_PARAMETER, 8, shape, &at));
  assert_string_equal(bzdi_store_tensor(store, at)->name, "w");
  assert_true(at == bzdi_store_find(store, "w", BZDI_ROLE_PARAMETER));
  float read[48];
  OK(bzdi_store_read_f32(store, "w", BZDI_ROLE_PARAMETER, 8, shape, read));
  SAME(read, values, 24);
  bzdi_store_free(store);
}

/* Refuses one allocation, not those that follow. */
typedef struct once {
  heap heap;
  long long refuse;
} once;

static void *once_alloc(void *user, size_t size, size_t align) {
  once *o = user;
  if (o->refuse > 0 && --o->refuse == 0) return NULL;
  return heap_alloc(&o->heap, size, align);
}

static void once_free(void *user, void *ptr, size_t size, size_t align) {
  heap_free(&((once *)user)->heap, ptr, size, align);
}

/* Each allocation refused in turn, alone or with all that follow, of each call: what was there stays, and nothing is
 * lost. */
static void refused_memory(int alone) {
  static const float values[5] = {1, 2, 3, 4, 5};
  static const unsigned char zeros[50000];
  once o = {0};
  heap *h = &o.heap;
  bzd_context *context;
  const bzd_context_config config = {
      .struct_size = sizeof config, .threads = 1, .alloc = once_alloc, .free = once_free, .alloc_user = &o};
  OK(bzdi_context_new(&config, &context));
  for (int call = 0; call < 11; call++) {
    bzd_status status = BZD_E_MEMORY;
    for (long long refuse = 1; status == BZD_E_MEMORY; refuse++) {
      bzdi_store *store, *again = NULL;
      bytes b = {0};
      uint8_t id[32];
      char key[8];
      long long before = atomic_load(&h->live);
      OK(bzdi_store_new(context, &store));
      for (int i = 0; i < 16; i++) { /* the next one makes the arrays grow */
        snprintf(key, sizeof key, "k%02d", i);
        OK(bzdi_store_set_i64(store, BZDI_META, key, i, 0));
        OK(bzdi_store_add(store, key, BZDI_ROLE_PARAMETER, BZDI_DTYPE_F32, 1, small, values));
      }
      /* each more than twice what stands before it in the index, which so grows for each */
      OK(bzdi_store_set_bytes(store, BZDI_META, "long", zeros, 4000, 0));
      if (call != 8) OK(bzdi_store_set_bytes(store, BZDI_STAT, "state", zeros, 14000, 0)); /* it would be refused */
      OK(bzdi_store_set_extra(store, "note", zeros, sizeof zeros));
      b = write_store(store);
      if (call >= 6 && call < 10) {
        bzdi_store_free(store);
        OK(open_bytes(context, &b, NULL, &store));
      }
      long long live = atomic_load(&h->live);
      if (alone)
        o.refuse = refuse;
      else
        atomic_store(&h->refuse_from, atomic_load(&h->calls) + refuse);
      bytes other = {0};
      bzdi_writer writer = {append, &other};
      switch (call) {
      case 0: status = bzdi_store_set_str(store, BZDI_META, "new", "value", 0); break;
      case 1: status = bzdi_store_set_str(store, BZDI_META, "k03", "value", 0); break;
      case 2: status = bzdi_store_add(store, "new", BZDI_ROLE_BUFFER, BZDI_DTYPE_F32, 1, small, values); break;
      case 3: status = bzdi_store_set_extra(store, "next", "abcd", 4); break;
      case 4: status = bzdi_store_set_extra(store, "note", "abcd", 4); break;
      case 5: status = open_bytes(context, &b, NULL, &again); break;
      case 6: status = bzdi_store_verify(store); break;
      case 7: status = bzdi_store_content_id(store, id); break;
      case 8: status = bzdi_store_set_narrow(store, 1); break;
      default: status = bzdi_store_write(store, &writer);
      }
      if (status == BZD_OK && alone) assert_true(o.refuse > 0); /* it has fewer allocations: none was refused unsaid */
      atomic_store(&h->refuse_from, 0);
      o.refuse = 0;
      if (status == BZD_E_MEMORY) {
        if (call == 5) assert_int_equal(atomic_load(&h->live), live); /* the others may keep room */
        assert_null(again);
        bytes same = write_store(store);
        assert_int_equal(same.size, b.size);
        assert_memory_equal(same.data, b.data, b.size);
        free(same.data);
      } else {
        OK(status);
        assert_true(refuse > 1);
        if (again) bzdi_store_free(again);
      }
      free(other.data), free(b.data);
      bzdi_store_free(store);
      assert_int_equal(atomic_load(&h->live), before);
    }
  }
  bzdi_release(context);
  assert_true(atomic_load(&h->live) == 0 && atomic_load(&h->wrong) == 0);
}

static void test_refused_memory(void **state) {
  (void)state;
  refused_memory(0);
  refused_memory(1);
}

/* The records of so many blocks that the index grows for them, and no memory just then: said too. */
static void test_refused_records(void **state) {
  (void)state;
  enum { BLOCKS = 28 };
  static const int64_t shape[1] = {BLOCKS * (int64_t)BZDI_BLOCK};
  once o = {0};
  bzd_context *context;
  const bzd_context_config config = {
      .struct_size = sizeof config, .threads = 1, .alloc = once_alloc, .free = once_free, .alloc_user = &o};
  bzdi_store *store;
  void *zeros = calloc(1, (size_t)shape[0]);
  OK(bzdi_context_new(&config, &context));
  OK(bzdi_store_new(context, &store));
  OK(bzdi_store_add(store, "w", BZDI_ROLE_BUFFER, BZDI_DTYPE_U8, 1, shape, zeros));
  free(zeros);
  bzd_status status = BZD_E_MEMORY;
  for (long long refuse = 1; status == BZD_E_MEMORY; refuse++) {
    bytes b = {0};
    bzdi_writer writer = {append, &b};
    o.refuse = refuse;
    status = bzdi_store_write(store, &writer);
    if (status == BZD_OK) assert_true(o.refuse > 0 && refuse > 4);
    free(b.data);
  }
  OK(status);
  bzdi_store_free(store);
  bzdi_release(context);
  assert_int_equal(atomic_load(&o.heap.live), 0);
}

/* ---- Bytes that do not come or go once ------------------------------------------------------------------------- */

typedef struct flaky {
  bytes bytes;
  int fail; /* this call; 0: none */
} flaky;

static bzd_status flaky_write(void *user, const void *data, size_t n) {
  flaky *f = user;
  if (f->fail > 0 && --f->fail == 0) return bzdi_fail(BZD_E_IO, "once");
  return append(&f->bytes, data, n);
}

static bzd_status flaky_read(void *user, uint64_t offset, void *buf, size_t n) {
  flaky *f = user;
  if (f->fail > 0 && --f->fail == 0) {
    memset(buf, 0, n);
    return bzdi_fail(BZD_E_IO, "once");
  }
  assert_true(offset <= f->bytes.size && n <= f->bytes.size - offset);
  memcpy(buf, f->bytes.data + offset, n);
  return BZD_OK;
}

/* One call that fails, and none after it: said by whoever made it, whatever was being done; then all is as before. */
static void test_once(void **state) {
  (void)state;
  static const float ones[5] = {1, 1, 1, 1, 1};
  bzdi_store *built = make(NULL, 0, 1), *opened, *mixed;
  OK(bzdi_store_set_extra(built, "note", "abc", 3));
  flaky file = {.bytes = write_store(built)};
  const bytes *good = &file.bytes;
  const bzdi_reader reader = {.size = good->size, .read = flaky_read, .user = &file};
  OK(bzdi_store_open(NULL, &reader, NULL, &opened));
  /* on two threads, five tensors in memory: four are one lot, one waits when the last is copied from the file */
  bzd_context *context = models_context(NULL, 2);
  bzdi_store *five;
  OK(bzdi_store_new(context, &five));
  for (int i = 0; i < 6; i++) {
    const char name[3] = {'p', (char)('0' + i), 0};
    OK(bzdi_store_add(five, name, i < 5 ? BZDI_ROLE_PARAMETER : BZDI_ROLE_BUFFER, BZDI_DTYPE_F32, 1, small, ones));
  }
  bytes half = write_store(five);
  OK(open_bytes(context, &half, NULL, &mixed));
  OK(bzdi_store_set_narrow(mixed, 1));
  bzdi_store_free(five);
  for (int what = 0; what < 7; what++) {
    int done = 0;
    for (int k = 1; !done; k++) {
      const int writes = what < 2 || what == 6;
      flaky out = {.fail = writes ? k : 0};
      const bzdi_writer writer = {flaky_write, &out};
      bzdi_store *again = NULL;
      bzd_status status;
      uint8_t id[32];
      file.fail = writes ? 0 : k;
      switch (what) {
      case 0: status = bzdi_store_write(built, &writer); break;
      case 1: /* its blocks are copied */
      case 2: status = bzdi_store_write(opened, &writer); break;
      case 3: status = bzdi_store_open(NULL, &reader, NULL, &again); break;
      case 4: status = bzdi_store_verify(opened); break;
      case 5: status = bzdi_store_content_id(opened, id); break;
      default: status = bzdi_store_write(mixed, &writer);
      }
      done = file.fail > 0 || out.fail > 0; /* it has fewer calls */
      file.fail = 0;
      if (done) {
        OK(status);
        assert_true(k > 3);
        if (what < 3) assert_true(out.bytes.size == good->size && memcmp(out.bytes.data, good->data, good->size) == 0);
      } else {
        assert_int_equal(status, BZD_E_IO);
        assert_null(again);
      }
      free(out.bytes.data);
      if (again) bzdi_store_free(again);
    }
  }
  bzdi_store_free(mixed);
  free(half.data);
  bzdi_release(context);
  bzdi_store_free(opened);
  bzdi_store_free(built);
  free(file.bytes.data);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),
                                     cmocka_unit_test(test_made),
                                     cmocka_unit_test(test_damage),
                                     cmocka_unit_test(test_versions_and_sections),
                                     cmocka_unit_test(test_limits),
                                     cmocka_unit_test(test_bad_arguments_and_writers),
                                     cmocka_unit_test(test_worked_example),
                                     cmocka_unit_test(test_values_as_text),
                                     cmocka_unit_test(test_many_values),
                                     cmocka_unit_test(test_names_and_shapes),
                                     cmocka_unit_test(test_refused_memory),
                                     cmocka_unit_test(test_refused_records),
                                     cmocka_unit_test(test_once)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
