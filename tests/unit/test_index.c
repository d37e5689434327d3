/* SPDX-License-Identifier: MIT */
/* Every check the reader makes, on both sides of its edge and with its text, by files put together from the format page
 * alone: each of its reasons is reached, and what is right passes to the bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"
#include "store/layout.h"

#include "bzd_file.h"

enum { A, B, C, TENSORS };

/* Types, roles, numbers of dimensions and letters at both ends of what may be. extras < 0: no key-values either. */
static bytes make(int extras) {
  static const unsigned char minus_two[8] = {0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF},
                             data[48] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17},
                             tenth[8] = {0x9A, 0x99, 0x99, 0x99, 0x99, 0x99, 0xB9, 0x3F};
  static const file_value values[] = {{FILE_META, "!", 1, 1, 8, minus_two}, {FILE_META, "real", 3, 0, 8, tenth},
                                      {FILE_META, "text", 4, 1, 2, data},   {FILE_STAT, "many", 2, 1, 8, minus_two},
                                      {FILE_STAT, "none", 5, 0, 0, data},   {FILE_STAT, "some", 5, 1, 3, data + 3},
                                      {FILE_STAT, "~~~~~~~", 4, 0, 1, data}};
  file_parts *parts = calloc(1, sizeof *parts);
  bytes out = {0};
  parts->tensor[A] = (file_tensor){.name = "a", .dtype = 1, .role = 1, .ndim = 2, .dims = {2, 3}, .size = 24};
  parts->tensor[B] = (file_tensor){.name = "b", .dtype = 6, .role = 6, .ndim = 1, .dims = {5}, .size = 5};
  parts->tensor[C] =
      (file_tensor){.name = "c.", .dtype = 2, .role = 2, .ndim = 8, .dims = {1, 1, 1, 3, 1, 1, 1, 2}, .size = 48};
  for (parts->tensors = 0; parts->tensors < TENSORS; parts->tensors++) {
    file_tensor *t = &parts->tensor[parts->tensors];
    t->data = malloc(t->size);
    memcpy(t->data, data, t->size);
  }
  memcpy(parts->value, values, sizeof values);
  parts->values = sizeof values / sizeof *values;
  parts->extra[0] = (file_extra){"aAzZ", 7, 3, data};
  parts->extra[1] = (file_extra){"zZaA", UINT32_MAX, 0, data};
  parts->extras = extras < 0 ? 0 : extras;
  if (extras < 0) parts->values = 0;
  file_make(parts, 0, &out);
  file_parts_free(parts);
  return out;
}

static bzd_status open_file(const bytes *file, const bzdi_limits *limits, bzdi_store **out) {
  bzdi_reader reader;
  OK(bzdi_reader_buffer(NULL, file->data, file->size, &reader));
  return bzdi_store_open(NULL, &reader, limits, out);
}

static bzd_status judge(const bytes *file) {
  bzdi_store *store;
  bzd_status status = open_file(file, NULL, &store);
  if (status != BZD_OK) {
    assert_null(store);
    return status;
  }
  status = bzdi_store_verify(store);
  bzdi_store_free(store);
  return status;
}

/* ---- What is right ------------------------------------------------------------------------------------------- */

static void has_value(const bzdi_store *store, int section, int64_t i, const char *key, int32_t type, int flags,
                      const char *text) {
  const char *found;
  int32_t its_type;
  int its_flags;
  char its_text[32];
  OK(bzdi_store_at(store, section, i, &found, &its_type, &its_flags, its_text, sizeof its_text));
  assert_string_equal(found, key);
  assert_string_equal(its_text, text);
  assert_true(its_type == type && its_flags == flags);
}

static void has_tensor(const bzdi_store *store, int64_t i, const bzdi_tensor *expected) {
  const bzdi_tensor *tensor = bzdi_store_tensor(store, i);
  assert_string_equal(tensor->name, expected->name);
  assert_memory_equal(tensor->shape, expected->shape, sizeof tensor->shape);
  assert_true(tensor->role == expected->role && tensor->dtype == expected->dtype && tensor->ndim == expected->ndim);
  assert_true(tensor->stored_dtype == expected->dtype && tensor->bytes == expected->bytes);
  assert_true(tensor->stored_bytes == expected->bytes);
}

static void test_all_is_read(void **state) {
  (void)state;
  static const bzdi_tensor tensors[TENSORS] = {{"a", 1, 1, 1, 2, {2, 3}, 24, 24},
                                               {"b", 6, 6, 6, 1, {5}, 5, 5},
                                               {"c.", 2, 2, 2, 8, {1, 1, 1, 3, 1, 1, 1, 2}, 48, 48}};
  bytes file = make(2);
  bzdi_store *store;
  char type[5];
  const void *data;
  size_t size;
  uint32_t major = 9, minor = 9;
  OK(open_file(&file, NULL, &store));
  OK(bzdi_store_verify(store));
  assert_int_equal(bzdi_store_tensors(store), TENSORS);
  for (int i = 0; i < TENSORS; i++) has_tensor(store, i, &tensors[i]);
  assert_int_equal(bzdi_store_raw_bytes(store), 24 + 5 + 48);
  assert_int_equal(bzdi_store_file_bytes(store), file.size);
  bzdi_store_version(store, &major, &minor);
  assert_true(major == 1 && minor == 0);
  assert_true(bzdi_store_count(store, BZDI_META) == 3 && bzdi_store_count(store, BZDI_STAT) == 4);
  has_value(store, BZDI_META, 0, "!", BZDI_I64, 1, "-2");
  has_value(store, BZDI_META, 1, "real", BZDI_F64, 0, "0.10000000000000001");
  has_value(store, BZDI_META, 2, "text", BZDI_STR, 1, "\1\2");
  has_value(store, BZDI_STAT, 0, "many", BZDI_U64, 1, "18446744073709551614");
  has_value(store, BZDI_STAT, 1, "none", BZDI_BYTES, 0, "");
  has_value(store, BZDI_STAT, 2, "some", BZDI_BYTES, 1, "040506");
  has_value(store, BZDI_STAT, 3, "~~~~~~~", BZDI_STR, 0, "\1");
  assert_int_equal(bzdi_store_extras(store), 2);
  bzdi_store_extra_at(store, 0, type, &data, &size);
  assert_true(strcmp(type, "aAzZ") == 0 && size == 3 && memcmp(data, "\1\2\3", 3) == 0);
  bzdi_store_extra_at(store, 1, type, &data, &size);
  assert_true(strcmp(type, "zZaA") == 0 && size == 0);
  bzdi_store_free(store);
  /* a minor version more: read as it is, known by its number */
  file_map map = file_look(&file);
  file.data[10] = 3;
  file_repair(&file, &map);
  OK(open_file(&file, NULL, &store));
  bzdi_store_version(store, &major, &minor);
  assert_true(major == 1 && minor == 3);
  bzdi_store_free(store);
  free(file.data);
}

/* ---- One field changed --------------------------------------------------------------------------------------- */

enum { HEAD = -2, TAIL = -1 }; /* beside the sections */

typedef struct change {
  int where;
  size_t at;
  int width;
  uint64_t value;
  bzd_status status;
  const char *text;
} change;

static void refuse(const change *c) {
  bytes file = make(2);
  file_map map = file_look(&file);
  unsigned char *to = c->where == HEAD ? file.data : file.data + file.size - FILE_TAIL;
  if (c->where >= 0) to = file.data + map.section[c->where].at;
  assert_true(file_get(to + c->at, c->width) != c->value);
  file_put(to + c->at, c->width, c->value);
  file_repair(&file, &map);
  FAILS(c->status, c->text, judge(&file));
  free(file.data);
}

static void test_fields(void **state) {
  (void)state;
  bytes file = make(2);
  const file_map map = file_look(&file);
  const uint64_t size = file.size, at = map.index_at, length = map.index_size;
  enum { A_ = 0, B_ = 128, C_ = 256, BLOCK = 32, CORRUPT = BZD_E_CORRUPT };
  const change changes[] = {
      {HEAD, 0, 1, 0x88, BZD_E_FORMAT, "first 8 bytes"},
      {HEAD, 7, 1, 0x0B, BZD_E_FORMAT, "first 8 bytes"},
      {HEAD, 8, 2, 0, BZD_E_VERSION, "format version 0.0, this library reads 1.x"},
      {HEAD, 8, 2, 0x101, BZD_E_VERSION, "format version 257.0"},
      {HEAD, 12, 4, 1, BZD_E_VERSION, "header flags 0x1 "},
      {HEAD, 12, 4, 0x80000000u, BZD_E_VERSION, "header flags 0x80000000"},
      {TAIL, 0, 1, 'C', CORRUPT, "no trailer"},
      {TAIL, 7, 1, '2', CORRUPT, "no trailer"},
      {TAIL, 8, 8, size - 1, CORRUPT, "file length is"},
      {TAIL, 8, 8, size + 1, CORRUPT, "file length is"},
      {TAIL, 16, 8, at - 1, CORRUPT, "end of the index is"},
      {TAIL, 16, 8, at + 1, CORRUPT, "end of the index is"},
      {TAIL, 16, 8, FILE_HEAD - 1, CORRUPT, "end of the index is"},
      {TAIL, 24, 8, length - 1, CORRUPT, "end of the index is"},
      {TAIL, 24, 8, length + 1, CORRUPT, "end of the index is"},
      {TAIL, 24, 8, UINT64_MAX, CORRUPT, "end of the index is"},
      {TAIL, 36, 4, 2, CORRUPT, "number of tensors is 3, expected 2"},
      {TAIL, 36, 4, 4, CORRUPT, "number of tensors is 3, expected 4"},
      {TAIL, 40, 8, 76, CORRUPT, "decoded size is 77, expected 76"},
      {TAIL, 40, 8, 78, CORRUPT, "decoded size is 77, expected 78"},
      /* tensors */
      {FILE_TENS, A_, 4, 1, CORRUPT, "name cannot be: offset 1, 1 bytes"},
      {FILE_TENS, A_, 4, 2, CORRUPT, "name cannot be: offset 2, 1 bytes"},
      {FILE_TENS, B_, 4, 0, CORRUPT, "name cannot be: offset 0"},
      {FILE_TENS, A_ + 4, 4, 0, CORRUPT, "name cannot be: offset 0, 0 bytes"},
      {FILE_TENS, C_ + 4, 4, 3, CORRUPT, "name cannot be: offset 2, 3 bytes"},
      {FILE_TENS, C_ + 4, 4, 1, CORRUPT, "bytes of names used is 3, expected 4"},
      {FILE_TENS, C_ + 4, 4, UINT32_MAX, CORRUPT, "name cannot be"},
      {FILE_TENS, A_ + 8, 2, 0, CORRUPT, "dtype 0"},
      {FILE_TENS, A_ + 8, 2, 7, CORRUPT, "dtype 7"},
      {FILE_TENS, A_ + 12, 2, 0, CORRUPT, "role 0"},
      {FILE_TENS, B_ + 12, 2, 7, CORRUPT, "role 7"},
      {FILE_TENS, C_ + 14, 2, 9, CORRUPT, "9 dimensions"},
      {FILE_TENS, A_ + 10, 2, 2, CORRUPT, "tensor a: dtype 1 of role 1 stored as 2"},
      {FILE_TENS, A_ + 10, 2, 4, CORRUPT, "tensor a: dtype 1 of role 1 stored as 4"},
      {FILE_TENS, B_ + 10, 2, 3, CORRUPT, "tensor b: dtype 6 of role 6 stored as 3"},
      {FILE_TENS, C_ + 10, 2, 3, CORRUPT, "tensor c.: dtype 2 of role 2 stored as 3"},
      {FILE_TENS, A_ + 16, 8, 0, CORRUPT, "tensor a: dimension 0 is 0"},
      {FILE_TENS, A_ + 16, 8, UINT64_C(1) << 63, CORRUPT, "tensor a: dimension 0 is 9223372036854775808"},
      {FILE_TENS, A_ + 16, 8, INT64_MAX, CORRUPT, "tensor a: 24 bytes, its shape has 0"},
      {FILE_TENS, A_ + 24, 8, 4, CORRUPT, "tensor a: 24 bytes, its shape has 32"},
      {FILE_TENS, A_ + 32, 8, 1, CORRUPT, "tensor a: dimension 2 is 1"},
      {FILE_TENS, A_ + 72, 8, 1, CORRUPT, "tensor a: dimension 7 is 1"},
      {FILE_TENS, C_ + 72, 8, 0, CORRUPT, "tensor c.: dimension 7 is 0"},
      {FILE_TENS, A_ + 80, 8, 1, CORRUPT, "tensor a: blocks 1.. do not follow"},
      {FILE_TENS, B_ + 80, 8, 0, CORRUPT, "tensor b: blocks 0.. do not follow"},
      {FILE_TENS, A_ + 88, 8, 0, CORRUPT, "blocks of a tensor is 0, expected 1"},
      {FILE_TENS, A_ + 88, 8, 2, CORRUPT, "blocks of a tensor is 2, expected 1"},
      {FILE_TENS, A_ + 96, 8, 23, CORRUPT, "tensor a: 23 bytes, its shape has 24"},
      {FILE_TENS, A_ + 96, 8, 25, CORRUPT, "tensor a: 25 bytes, its shape has 24"},
      {FILE_TENS, A_ + 104, 4, 1, CORRUPT, "tensor a: checksum is"},
      {FILE_TENS, C_ + 104, 4, UINT32_MAX, CORRUPT, "tensor c.: checksum is"},
      /* blocks */
      {FILE_BLKS, 0, 4, 23, CORRUPT, "raw length of a block is 23, expected 24"},
      {FILE_BLKS, 0, 4, 25, CORRUPT, "raw length of a block is 25, expected 24"},
      {FILE_BLKS, BLOCK + 4, 4, 1, CORRUPT, "tensor b: checksum of block 0 is"},
      {FILE_BLKS, 8, 4, 7, CORRUPT, "tensor a: the record of block 0 cannot be"},
      {FILE_BLKS, 20, 4, 5, CORRUPT, "tensor a: the record of block 0 cannot be"},
      {FILE_BLKS, BLOCK + 12, 4, 1, CORRUPT, "tensor b: the record of block 0 cannot be"},
      {FILE_BLKS, 24, 1, 1, CORRUPT, "tensor a: the record of block 0 cannot be"},
      {FILE_BLKS, 31, 1, 0x80, CORRUPT, "tensor a: the record of block 0 cannot be"},
      /* key-values: the first of each section */
      {FILE_META, 0, 2, 0, CORRUPT, "a key of 0 bytes cannot be"},
      {FILE_META, 0, 2, 2, CORRUPT, "a key of 2 bytes cannot be"},
      {FILE_META, 0, 2, UINT16_MAX, CORRUPT, "key-values are cut off"},
      {FILE_META, 2, 1, 0, CORRUPT, "!: type 0 is not known"},
      {FILE_META, 2, 1, 6, CORRUPT, "!: type 6 is not known"},
      {FILE_META, 3, 1, 2, CORRUPT, "!: flags 0x2 are not known"},
      {FILE_META, 3, 1, 0x81, CORRUPT, "!: flags 0x81 are not known"},
      {FILE_META, 4, 4, 7, CORRUPT, "! is 7, expected 8"},
      {FILE_META, 4, 4, 9, CORRUPT, "! is 9, expected 8"},
      {FILE_META, 4, 4, UINT32_MAX, CORRUPT, "key-values are cut off"},
      {FILE_META, 2, 1, 4, CORRUPT, "!: a string that is not UTF-8"},
      {FILE_META, 8, 1, ' ', CORRUPT, "a key of 1 bytes cannot be"},
      {FILE_META, 8, 1, 0x7F, CORRUPT, "a key of 1 bytes cannot be"},
      {FILE_META, 8, 1, 's', CORRUPT, "key real does not ascend"},
      {FILE_STAT, 2, 1, 4, CORRUPT, "many: a string that is not UTF-8"},
      {FILE_STAT, 4, 4, 9, CORRUPT, "many is 9, expected 8"},
      {FILE_STAT, 28, 4, 0x796E616D, CORRUPT, "key many does not ascend"}, /* none is many, again */
  };
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) refuse(&changes[i]);
  for (size_t i = 16; i < 60; i++) refuse(&(change){HEAD, i, 1, 1, CORRUPT, "reserved bytes of the header"});
  for (size_t i = 48; i < 60; i++) refuse(&(change){TAIL, i, 1, 1, CORRUPT, "reserved bytes of the trailer"});
  for (size_t i = 108; i < 128; i++) refuse(&(change){FILE_TENS, i, 1, 1, CORRUPT, "tensor a: reserved bytes"});
  /* of the sections' own headers, which stand before what they hold */
  for (int s = 0; s < FILE_SECTIONS; s++) {
    static const char *const texts[] = {"section 0 is", "section 1 is", "section 2 is", "section 3 is", "section 4 is"};
    const size_t here = map.section[s].at - map.section[0].at;
    for (size_t k = 0; k < 4; k++) {
      refuse(&(change){0, here - 16 + k, 1, 'x', CORRUPT, texts[s]});
      refuse(&(change){0, here - 16 + k, 1, 'A' + (k > 1), CORRUPT, texts[s]});
    }
    refuse(&(change){0, here - 12, 4, 1, CORRUPT, texts[s]});
  }
  free(file.data);
}

/* The letters of a section's name, and a capital that makes it critical. */
static void test_names_of_sections(void **state) {
  (void)state;
  static const char *const wrong[] = {"x@xx", "x[xx", "x`xx", "x{xx", "@xxx", "xxx{", "xx x"};
  static const char *const right[] = {"xAxx", "xZxx", "xaxx", "xzxx", "axxx", "zxxx", "xxxZ", "aaaa"};
  static const char *const critical[] = {"Axxx", "Zxxx", "STRS"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    bytes file = make(0);
    file_append_section(&file, wrong[i], "", 0);
    FAILS(BZD_E_CORRUPT, "section 5 has no name of four letters", judge(&file));
    free(file.data);
  }
  for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
    bytes file = make(0);
    file_append_section(&file, right[i], "", 0);
    OK(judge(&file));
    file_append_section(&file, right[i], "", 0);
    FAILS(BZD_E_CORRUPT, "does not ascend", judge(&file));
    free(file.data);
  }
  for (size_t i = 0; i < sizeof critical / sizeof *critical; i++) {
    bytes file = make(0);
    file_append_section(&file, critical[i], "", 0);
    FAILS(BZD_E_VERSION, critical[i], judge(&file));
    free(file.data);
  }
  /* as many as there may be, and one more */
  for (int more = 0; more < 2; more++) {
    bytes file = make(0);
    const file_map map = file_look(&file);
    char name[5] = "aaaa";
    file.size -= FILE_TAIL;
    const uint64_t raw = file_get(file.data + file.size + 40, 8);
    for (int i = 0; i < BZDI_MOST_EXTRAS + more; i++) {
      name[2] = (char)('a' + i / 26);
      name[3] = (char)('a' + i % 26);
      file_section(&file, name, 0, name, 4);
    }
    file_tail(&file, map.index_at, TENSORS, raw);
    bzdi_store *store;
    if (more) {
      FAILS(BZD_E_LIMIT, "number of ancillary sections", open_file(&file, NULL, &store));
    } else {
      OK(open_file(&file, NULL, &store));
      assert_int_equal(bzdi_store_extras(store), BZDI_MOST_EXTRAS);
      for (int i = 0; i < BZDI_MOST_EXTRAS; i++) {
        char type[5];
        const void *data;
        size_t size;
        bzdi_store_extra_at(store, i, type, &data, &size);
        assert_true(size == 4 && memcmp(type, data, 4) == 0 && type[3] == 'a' + i % 26);
      }
      bzdi_store_free(store);
    }
    free(file.data);
  }
}

/* ---- Bytes too many or too few ------------------------------------------------------------------------------- */

/* `more` zeros after the payload of section s, or before the index (s < 0); negative: as many bytes less. */
static bytes stretched(int s, int more) {
  bytes file = make(0), out = {0};
  file_map map = file_look(&file);
  const unsigned char *tail = file.data + file.size - FILE_TAIL;
  bytes_add(&out, file.data, map.index_at);
  if (s < 0) bytes_number(&out, more, 0);
  const size_t at = out.size;
  for (int k = 0; k < map.sections; k++) {
    const unsigned char *payload = file.data + map.section[k].at;
    unsigned char zeros[256] = {0};
    size_t size = map.section[k].size, added = k == s && more > 0 ? (size_t)more : 0;
    if (k == s && more < 0) size -= (size_t)-more;
    bytes_add(&out, payload - 16, 8);
    bytes_number(&out, 8, size + added);
    bytes_add(&out, payload, size);
    bytes_add(&out, zeros, added);
  }
  file_tail(&out, at, file_get(tail + 36, 4), file_get(tail + 40, 8));
  free(file.data);
  return out;
}

static void refuse_stretched(int s, int more, const char *text) {
  bytes file = stretched(s, more);
  FAILS(BZD_E_CORRUPT, text, judge(&file));
  free(file.data);
}

static void test_lengths(void **state) {
  (void)state;
  bytes same = stretched(FILE_STRS, 0);
  OK(judge(&same));
  free(same.data);
  refuse_stretched(-1, 1, "end of the blocks is 141, expected 142");
  refuse_stretched(FILE_STRS, 1, "bytes of names used is 4, expected 5");
  refuse_stretched(FILE_STRS, -1, "name cannot be: offset 2, 2 bytes");
  refuse_stretched(FILE_TENS, 1, "number of tensors is 3, expected 3");
  refuse_stretched(FILE_TENS, 128, "number of tensors is 4, expected 3");
  refuse_stretched(FILE_TENS, -1, "number of tensors is 2, expected 3");
  refuse_stretched(FILE_TENS, -128, "number of tensors is 2, expected 3");
  refuse_stretched(FILE_BLKS, 1, "bytes of block records is 97, expected 96");
  refuse_stretched(FILE_BLKS, 32, "blocks used is 3, expected 4");
  refuse_stretched(FILE_BLKS, -32, "tensor c.: blocks 2.. do not follow");
  refuse_stretched(FILE_META, 1, "key-values are cut off");
  refuse_stretched(FILE_META, -1, "key-values are cut off");
  refuse_stretched(FILE_STAT, 7, "key-values are cut off");
  refuse_stretched(FILE_STAT, 8, "a key of 0 bytes cannot be");
  bytes file = make(2);
  for (size_t size = 0; size < file.size; size++) {
    bytes cut = {file.data, size, 0};
    FAILS(size < FILE_HEAD ? BZD_E_FORMAT : BZD_E_CORRUPT,
          size < FILE_HEAD               ? "too few"
          : size < FILE_HEAD + FILE_TAIL ? "bytes: the file is cut off"
                                         : "no trailer",
          judge(&cut));
  }
  free(file.data);
  /* an index that ends in the middle of a section's header or payload */
  for (size_t less = 1; less < 60; less += less < 19 ? 1 : 8) {
    file = make(2);
    file_map map = file_look(&file);
    const unsigned char *tail = file.data + file.size - FILE_TAIL;
    uint64_t raw = file_get(tail + 40, 8);
    file.size -= FILE_TAIL + less;
    file_tail(&file, map.index_at, TENSORS, raw);
    if (less == 16 || less == 16 + 16 + 3) {
      OK(judge(&file)); /* the last sections gone, whole */
    } else {
      FAILS(BZD_E_CORRUPT, "the index is cut off in section", judge(&file));
    }
    free(file.data);
  }
}

/* Sections that are not there at all. */
static void test_missing_sections(void **state) {
  (void)state;
  static const char *const texts[] = {"cut off in section 0", "cut off in section 1", "cut off in section 2",
                                      "cut off in section 3", "cut off in section 4"};
  for (int s = 0; s < FILE_SECTIONS; s++) {
    bytes file = make(0);
    const file_map map = file_look(&file);
    const uint64_t raw = file_get(file.data + file.size - FILE_TAIL + 40, 8);
    file.size = map.section[s].at - 16;
    file_tail(&file, map.index_at, TENSORS, raw);
    FAILS(BZD_E_CORRUPT, texts[s], judge(&file));
    free(file.data);
  }
}

/* The first ascends by (name, role), the others' blocks follow one another. */
static void test_order(void **state) {
  (void)state;
  bytes file = make(0);
  file_map map = file_look(&file);
  unsigned char *names = file.data + map.section[FILE_STRS].at;
  names[1] = 'a'; /* a of role 1, a of role 6 */
  file_repair(&file, &map);
  OK(judge(&file));
  file_put(file.data + map.section[FILE_TENS].at + 12, 2, 6); /* both of role 6 */
  file_repair(&file, &map);
  FAILS(BZD_E_CORRUPT, "tensor a does not ascend", judge(&file));
  names[0] = 'b';
  file_repair(&file, &map);
  FAILS(BZD_E_CORRUPT, "tensor a does not ascend", judge(&file));
  free(file.data);
}

/* ---- Limits -------------------------------------------------------------------------------------------------- */

static void limit(const bytes *file, const bzdi_limits *enough, const bzdi_limits *less, const char *text) {
  bzdi_store *store;
  OK(open_file(file, enough, &store));
  bzdi_store_free(store);
  FAILS(BZD_E_LIMIT, text, open_file(file, less, &store));
}

static void test_limits(void **state) {
  (void)state;
  bytes file = make(2);
  const file_map map = file_look(&file);
  limit(&file, &(bzdi_limits){.max_file = file.size}, &(bzdi_limits){.max_file = file.size - 1}, "file size is");
  limit(&file, &(bzdi_limits){.max_raw = 77}, &(bzdi_limits){.max_raw = 76}, "decoded size is 77, the limit is 76");
  limit(&file, &(bzdi_limits){.max_tensors = 3}, &(bzdi_limits){.max_tensors = 2}, "number of tensors is 3, the limit");
  limit(&file, &(bzdi_limits){.max_meta = 7}, &(bzdi_limits){.max_meta = 6}, "number of key-values is 7, the limit");
  bzdi_store *none;
  FAILS(BZD_E_LIMIT, "index size is", open_file(&file, &(bzdi_limits){.max_index = map.index_size - 1}, &none));
  FAILS(BZD_E_LIMIT, "memory of the index", open_file(&file, &(bzdi_limits){.max_index = map.index_size}, &none));
  /* what is counted, block by block: index, tensors with their records, names, key-values (texts twice), sections */
  const uint64_t head = BZDI_ALLOC_HEADER;
  uint64_t counted = map.index_size + head + TENSORS * sizeof(bzdi_slot) + 96 + head + (4 + TENSORS) + TENSORS * head;
  counted += (1 + 4 + 4 + 4 + 4 + 4 + 7) + 7 + 7 * head;                                    /* keys */
  counted += (8 + 8 + 2 + 8 + 0 + 3 + 1) + 7 + 7 * head + (2 + 1) + 2 + 2 * head;           /* values */
  counted += 7 * (3 * sizeof(bzdi_entry) + head) + 3 + 2 * (2 * sizeof(bzdi_extra) + head); /* arrays, sections */
  limit(&file, &(bzdi_limits){.max_index = counted}, &(bzdi_limits){.max_index = counted - 1}, "memory of the index");
  free(file.data);
  file = make(-1); /* where a name comes last */
  counted =
      file_look(&file).index_size + head + TENSORS * sizeof(bzdi_slot) + 96 + head + (4 + TENSORS) + TENSORS * head;
  limit(&file, &(bzdi_limits){.max_index = counted}, &(bzdi_limits){.max_index = counted - 1}, "memory of the index");
  free(file.data);
}

/* A shape of too many bytes, in a record that says 0 of them in as many blocks as 0 - 1 bytes would take. */
static void test_no_shape(void **state) {
  (void)state;
  bytes file = make(0);
  const file_map map = file_look(&file);
  unsigned char *record = file.data + map.section[FILE_TENS].at;
  file_put(record + 16, 8, INT64_MAX);
  file_put(record + 88, 8, UINT64_MAX / FILE_BLOCK + 1);
  file_put(record + 96, 8, 0);
  file_repair(&file, &map);
  FAILS(BZD_E_CORRUPT, "tensor a: 0 bytes, its shape has 0", judge(&file));
  free(file.data);
}

/* More than deflate and bfloat16 could make of so many bytes is refused as such. */
static void test_ratio(void **state) {
  (void)state;
  bytes file = make(0);
  const file_map map = file_look(&file);
  const uint64_t most = 2064 * ((uint64_t)file.size + 64) + 1; /* the first that is too many */
  unsigned char *raw = file.data + file.size - FILE_TAIL + 40;
  file_put(raw, 8, most - 1);
  file_repair(&file, &map);
  FAILS(BZD_E_CORRUPT, "decoded size is 77, expected", judge(&file));
  file_put(raw, 8, most);
  file_repair(&file, &map);
  FAILS(BZD_E_LIMIT, "decoded size is", judge(&file));
  free(file.data);
}

static bzd_status append(void *user, const void *data, size_t n) {
  bytes_add(user, data, n);
  return BZD_OK;
}

/* Blocks that are copied are looked at: what became wrong since the file was opened is not passed on. */
static void test_copied_blocks(void **state) {
  (void)state;
  static const char *const texts[] = {"tensor a: checksum of block 0", "tensor b: checksum of block 0",
                                      "tensor c.: checksum of block 0"};
  static const size_t places[] = {FILE_HEAD, FILE_HEAD + 24, FILE_HEAD + 24 + 5 + 47};
  bytes file = make(2), out = {0};
  const bzdi_writer writer = {append, &out};
  bzdi_store *store;
  OK(open_file(&file, NULL, &store));
  OK(bzdi_store_write(store, &writer));
  assert_true(out.size == file.size && memcmp(out.data, file.data, out.size) == 0);
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    file.data[places[i]] ^= 4;
    out.size = 0;
    FAILS(BZD_E_CORRUPT, texts[i], bzdi_store_write(store, &writer));
    file.data[places[i]] ^= 4;
  }
  bzdi_store_free(store);
  free(file.data), free(out.data);
}

static void test_defaults(void **state) {
  (void)state;
  const bzdi_limits all = bzdi_limits_of(NULL), none = bzdi_limits_of(&(bzdi_limits){0});
  const bzdi_limits mine = {1, 2, 3, 4, 5}, same = bzdi_limits_of(&mine);
  assert_true(all.max_file == UINT64_C(68719476736) && all.max_raw == UINT64_C(68719476736));
  assert_true(all.max_index == 67108864 && all.max_tensors == 65536 && all.max_meta == 65536);
  assert_memory_equal(&all, &none, sizeof all);
  assert_memory_equal(&mine, &same, sizeof mine);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_is_read),
                                     cmocka_unit_test(test_fields),
                                     cmocka_unit_test(test_names_of_sections),
                                     cmocka_unit_test(test_lengths),
                                     cmocka_unit_test(test_missing_sections),
                                     cmocka_unit_test(test_order),
                                     cmocka_unit_test(test_limits),
                                     cmocka_unit_test(test_no_shape),
                                     cmocka_unit_test(test_ratio),
                                     cmocka_unit_test(test_copied_blocks),
                                     cmocka_unit_test(test_defaults)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
