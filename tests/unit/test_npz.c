/* SPDX-License-Identifier: MIT */
/* NPZ: round trips, ZIP files made by hand in all their forms, and those that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/flate.h"
#include "tensor_bytes.h"

/* What a member and the end of a hand-made file say; what is not given is told as it is. */
typedef struct member {
  const char *name, *local_name; /* of the local header, NULL: the same */
  int method, local_method;      /* + 1 of the local one, 0: the same */
  int flags, local_flags;        /* + 1 likewise */
  int wide, local_wide;          /* sizes and offset in zip64 fields */
  int descriptor;                /* sizes and checksum stand behind the data */
  uint64_t size, stored;         /* lies; 0: the truth */
  uint32_t crc, local_crc, disk; /* added to the truth */
  int64_t offset;                /* added to the truth */
  const char *extra;             /* of the entry, with extra_size */
  size_t extra_size;
  const bytes *raw; /* NULL: an array of three bytes */
} member;

typedef struct file {
  bytes b, directory;
  int count;
} file;

static bytes array_bytes(void) {
  bytes b = {NULL, 0, 0};
  static const char header[] = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }\n";
  bytes_text(&b, "\x93NUMPY\1");
  bytes_number(&b, 0, 1);
  bytes_number(&b, strlen(header), 2);
  bytes_text(&b, header);
  bytes_text(&b, "abc");
  return b;
}

static void add(file *f, const member *m) {
  bytes own = array_bytes(), packed = {NULL, 0, 0};
  const bytes *raw = m->raw ? m->raw : &own;
  uint32_t crc = bzdi_crc32(0, raw->data, raw->size);
  bzdi_buffer deflated = {.context = NULL};
  OK(bzdi_deflate(NULL, raw->data, raw->size, NULL, 0, &deflated));
  bytes_add(&packed, m->method == 8 ? deflated.data : raw->data, m->method == 8 ? deflated.size : raw->size);
  uint64_t size = m->size ? m->size : raw->size, stored = m->stored ? m->stored : packed.size, at = f->b.size;
  int flags = m->flags | (m->descriptor ? 8 : 0);
  const char *local_name = m->local_name ? m->local_name : m->name;

  bytes_number(&f->b, 0x04034b50, 4);
  bytes_number(&f->b, 20, 2);
  bytes_number(&f->b, (uint64_t)(m->local_flags ? m->local_flags - 1 : flags), 2);
  bytes_number(&f->b, (uint64_t)(m->local_method ? m->local_method - 1 : m->method), 2);
  bytes_number(&f->b, 0, 4);
  bytes_number(&f->b, m->descriptor ? 0 : crc + m->local_crc, 4);
  bytes_number(&f->b, m->descriptor ? 0 : m->local_wide ? UINT32_MAX : packed.size, 4);
  bytes_number(&f->b, m->descriptor ? 0 : m->local_wide ? UINT32_MAX : raw->size, 4);
  bytes_number(&f->b, strlen(local_name), 2);
  bytes_number(&f->b, m->local_wide ? 20 : 0, 2);
  bytes_text(&f->b, local_name);
  if (m->local_wide) {
    bytes_number(&f->b, 1, 2);
    bytes_number(&f->b, 16, 2);
    bytes_number(&f->b, raw->size, 8);
    bytes_number(&f->b, packed.size, 8);
  }
  bytes_add(&f->b, packed.data, packed.size);
  if (m->descriptor) {
    bytes_text(&f->b, "PK\7\b");
    bytes_number(&f->b, crc, 4);
    bytes_number(&f->b, packed.size, 4);
    bytes_number(&f->b, raw->size, 4);
  }

  bytes *d = &f->directory;
  uint64_t offset = at + (uint64_t)m->offset;
  bytes_number(d, 0x02014b50, 4);
  bytes_number(d, 20, 2);
  bytes_number(d, 20, 2);
  bytes_number(d, (uint64_t)flags, 2);
  bytes_number(d, (uint64_t)m->method, 2);
  bytes_number(d, 0, 4);
  bytes_number(d, crc + m->crc, 4);
  bytes_number(d, m->wide ? UINT32_MAX : stored, 4);
  bytes_number(d, m->wide ? UINT32_MAX : size, 4);
  bytes_number(d, strlen(m->name), 2);
  bytes_number(d, (m->wide ? 28 : 0) + m->extra_size, 2);
  bytes_number(d, 2, 2); /* a comment */
  bytes_number(d, m->disk, 2);
  bytes_number(d, 0, 6);
  bytes_number(d, m->wide ? UINT32_MAX : offset, 4);
  bytes_text(d, m->name);
  if (m->wide) {
    bytes_number(d, 1, 2);
    bytes_number(d, 24, 2);
    bytes_number(d, size, 8);
    bytes_number(d, stored, 8);
    bytes_number(d, offset, 8);
  }
  bytes_add(d, m->extra, m->extra_size);
  bytes_text(d, "hi");
  f->count++;
  bytes_free(&packed);
  bytes_free(&own);
  bzdi_buffer_free(&deflated);
}

/* The end records; wide: zip64 ones too, with the short one full. lie is added to the number of entries. */
static bytes finish(file *f, int wide, int lie, const char *comment) {
  uint64_t at = f->b.size, size = f->directory.size, count = (uint64_t)(f->count + lie);
  bytes_add(&f->b, f->directory.data, size);
  if (wide) {
    uint64_t end = f->b.size;
    bytes_number(&f->b, 0x06064b50, 4);
    bytes_number(&f->b, 44, 8);
    bytes_number(&f->b, 45, 2);
    bytes_number(&f->b, 45, 2);
    bytes_number(&f->b, 0, 8);
    bytes_number(&f->b, count, 8);
    bytes_number(&f->b, count, 8);
    bytes_number(&f->b, size, 8);
    bytes_number(&f->b, at, 8);
    bytes_number(&f->b, 0x07064b50, 4);
    bytes_number(&f->b, 0, 4);
    bytes_number(&f->b, end, 8);
    bytes_number(&f->b, 1, 4);
  }
  bytes_number(&f->b, 0x06054b50, 4);
  bytes_number(&f->b, 0, 4);
  bytes_number(&f->b, wide ? UINT16_MAX : count, 2);
  bytes_number(&f->b, wide ? UINT16_MAX : count, 2);
  bytes_number(&f->b, wide ? UINT32_MAX : size, 4);
  bytes_number(&f->b, wide ? UINT32_MAX : at, 4);
  bytes_number(&f->b, strlen(comment), 2);
  bytes_text(&f->b, comment);
  bytes_free(&f->directory);
  return f->b;
}

/* A good member, then this one. */
static bytes make(const member *m) {
  const member first = {.name = "first.npy"};
  file f = {.count = 0};
  add(&f, &first);
  add(&f, m);
  return finish(&f, 0, 0, "");
}

static void refuses(bzd_status status, const char *words, const member *m) {
  bytes b = make(m);
  REFUSED(status, words, b, BZDI_FORMAT_NPZ);
  bytes_free(&b);
}

static void accepts(bytes b, int64_t count, const char *name) {
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  bzdi_tensors *tensors;
  char out[3];
  OK(bytes_judge(context, &b, BZDI_FORMAT_NPZ));
  OK(bytes_open(context, &b, BZDI_FORMAT_AUTO, NULL, &tensors));
  assert_int_equal(tensors->names.count, count);
  if (name) {
    int64_t at = bzdi_names_find(&tensors->names, name);
    assert_true(at >= 0);
    OK(bzdi_tensors_read(tensors, at, out));
    assert_memory_equal(out, "abc", 3);
  }
  bzdi_tensors_free(tensors);
  bzdi_release(context);
  assert_int_equal(atomic_load(&h.live), 0);
  bytes_free(&b);
}

#define ACCEPTS(...)                                                                                                   \
  do {                                                                                                                 \
    const member m_ = {__VA_ARGS__};                                                                                   \
    accepts(make(&m_), 2, "a");                                                                                        \
  } while (0)
#define REFUSES(status, words, ...)                                                                                    \
  do {                                                                                                                 \
    const member m_ = {__VA_ARGS__};                                                                                   \
    refuses(status, words, &m_);                                                                                       \
  } while (0)

static void test_round_trip(void **state) {
  (void)state;
  bytes_round_trip(BZDI_FORMAT_NPZ, BZDI_FORMAT_NPZ);
  bytes_round_trip(BZDI_FORMAT_NPZ_DEFLATED, BZDI_FORMAT_NPZ);
}

static void test_accepted(void **state) {
  (void)state;
  for (int method = 0; method <= 8; method += 8) {
    ACCEPTS(.name = "a.npy", .method = method);
    ACCEPTS(.name = "a.npy", .method = method, .wide = 1);
    ACCEPTS(.name = "a.npy", .method = method, .local_wide = 1);
    ACCEPTS(.name = "a.npy", .method = method, .wide = 1, .local_wide = 1, .flags = 6);
    ACCEPTS(.name = "a.npy", .method = method, .descriptor = 1);
    ACCEPTS(.name = "a.npy", .method = method, .extra = "\x55\x54\1\0x", .extra_size = 5);
  }
  const member odd = {.name = "../../etc/pa\xC3\x9F.npy", .flags = 1 << 11};
  accepts(make(&odd), 2, "../../etc/pa\xC3\x9F"); /* a name, never a path */
  const member bare = {.name = ".npy"}, good = {.name = "a.npy", .method = 8};
  accepts(make(&bare), 2, "");
  for (int wide = 0; wide < 2; wide++) {
    file f = {.count = 0};
    add(&f, &good);
    accepts(finish(&f, wide, 0, ""), 1, "a");
    f = (file){.count = 0};
    add(&f, &good);
    accepts(finish(&f, wide, 0, "a comment with PK\5\6 in it, and more than enough behind it"), 1, "a");
    f = (file){.count = 0};
    if (!wide) accepts(finish(&f, wide, 0, ""), 0, NULL);
  }
}

static void test_entries(void **state) {
  (void)state;
  REFUSES(BZD_E_UNSUPPORTED, "encrypted", .name = "a.npy", .flags = 1);
  REFUSES(BZD_E_UNSUPPORTED, "flags", .name = "a.npy", .flags = 0x2000);
  REFUSES(BZD_E_UNSUPPORTED, "method 12", .name = "a.npy", .method = 12);
  REFUSES(BZD_E_UNSUPPORTED, "called .npy", .name = "a.txt");
  REFUSES(BZD_E_UNSUPPORTED, "called .npy", .name = "npy");
  REFUSES(BZD_E_UNSUPPORTED, "disk 3", .name = "a.npy", .disk = 3);
  REFUSES(BZD_E_UNSUPPORTED, "ASCII", .name = "\xC3\x9F.npy");
  REFUSES(BZD_E_CORRUPT, "UTF-8", .name = "\xC3.npy", .flags = 1 << 11);
  REFUSES(BZD_E_CORRUPT, "twice", .name = "first.npy");
  REFUSES(BZD_E_CORRUPT, "name differs", .name = "a.npy", .local_name = "b.npy");
  REFUSES(BZD_E_CORRUPT, "length of a member's name", .name = "a.npy", .local_name = "ab.npy");
  REFUSES(BZD_E_CORRUPT, "method of", .name = "a.npy", .local_method = 9);
  REFUSES(BZD_E_CORRUPT, "flags of", .name = "a.npy", .local_flags = 7);
  REFUSES(BZD_E_CORRUPT, "checksum of a member", .name = "a.npy", .local_crc = 1);
  REFUSES(BZD_E_CORRUPT, "checksum is", .name = "a.npy", .crc = 1, .local_crc = 1);
  REFUSES(BZD_E_CORRUPT, "checksum is", .name = "a.npy", .method = 8, .crc = 1, .local_crc = 1);
  REFUSES(BZD_E_CORRUPT, "stored member", .name = "a.npy", .size = 70);
  REFUSES(BZD_E_CORRUPT, "size of a member", .name = "a.npy", .method = 8, .size = 70);
  REFUSES(BZD_E_CORRUPT, "stored size", .name = "a.npy", .method = 8, .stored = 60);
  REFUSES(BZD_E_CORRUPT, "room", .name = "a.npy", .stored = 7000, .size = 7000);
  REFUSES(BZD_E_CORRUPT, "its shape says", .name = "a.npy", .descriptor = 1, .stored = 72, .size = 72);
  REFUSES(BZD_E_CORRUPT, "its shape says", .name = "a.npy", .method = 8, .descriptor = 1, .size = 70);
  REFUSES(BZD_E_LIMIT, "deflated member", .name = "a.npy", .method = 8, .descriptor = 1, .size = 1 << 30);
  REFUSES(BZD_E_CORRUPT, "signature", .name = "a.npy", .offset = 1);
  REFUSES(BZD_E_CORRUPT, "offset", .name = "a.npy", .offset = 1000);
  REFUSES(BZD_E_CORRUPT, "offset", .name = "a.npy", .wide = 1, .offset = -1000);
  REFUSES(BZD_E_CORRUPT, "cut off", .name = "a.npy", .extra = "\1\0\x18", .extra_size = 3);
  REFUSES(BZD_E_CORRUPT, "cut off", .name = "a.npy", .extra = "\x55\x54\2\0x", .extra_size = 5);
  REFUSES(BZD_E_CORRUPT, "lacks a number", .name = "a.npy", .size = UINT32_MAX, .stored = UINT32_MAX);
  REFUSES(BZD_E_CORRUPT, "two zip64", .name = "a.npy", .wide = 1, .extra = "\1\0\0\0", .extra_size = 4);
}

static void test_members(void **state) {
  (void)state;
  bytes longer = array_bytes(), other = {NULL, 0, 0}, object = array_bytes();
  bytes_text(&longer, "d");
  bytes_text(&other, "no array at all");
  memcpy(strstr((char *)object.data + 10, "|u1"), "|O1", 3);
  for (int method = 0; method <= 8; method += 8) {
    REFUSES(BZD_E_CORRUPT, "4 bytes, its shape says 3", .name = "a.npy", .method = method, .raw = &longer);
    REFUSES(BZD_E_CORRUPT, "no NPY array", .name = "a.npy", .method = method, .raw = &other);
    REFUSES(BZD_E_UNSUPPORTED, "pickle", .name = "a.npy", .method = method, .raw = &object);
  }
  /* Inflates to more, or to less, than it says. */
  bytes good = array_bytes();
  file f = {.count = 0};
  bytes shorter = {good.data, good.size - 1, 0};
  const member more = {.name = "a.npy", .method = 8, .raw = &longer, .size = good.size, .descriptor = 1};
  const member less = {.name = "a.npy", .method = 8, .raw = &shorter, .size = good.size, .descriptor = 1};
  add(&f, &more);
  bytes b = finish(&f, 0, 0, "");
  REFUSED(BZD_E_CORRUPT, "more than", b, BZDI_FORMAT_NPZ);
  bytes_free(&b);
  f = (file){.count = 0};
  add(&f, &less);
  b = finish(&f, 0, 0, "");
  REFUSED(BZD_E_CORRUPT, "short", b, BZDI_FORMAT_NPZ);
  bytes_free(&b);
  bytes_free(&good), bytes_free(&longer), bytes_free(&other), bytes_free(&object);
}

static void refuses_file(bzd_status status, const char *words, bytes b) {
  REFUSED(status, words, b, BZDI_FORMAT_NPZ);
  bytes_free(&b);
}

static file one_member(void) {
  const member m = {.name = "a.npy"};
  file f = {.count = 0};
  add(&f, &m);
  return f;
}

static bytes changed(bytes b, size_t from_end, int value) {
  b.data[b.size - from_end] = (unsigned char)value;
  return b;
}

static void test_ends(void **state) {
  (void)state;
  file f = one_member(), overlap = one_member();
  refuses_file(BZD_E_CORRUPT, "number of entries is 2", finish(&f, 0, 1, ""));
  f = one_member();
  refuses_file(BZD_E_CORRUPT, "end of the directory", finish(&f, 0, -1, ""));
  f = one_member();
  bytes before = {NULL, 0, 0}, b = finish(&f, 0, 0, ""); /* something in front of a whole file */
  bytes_text(&before, "PK\3\4");
  bytes_add(&before, b.data, b.size);
  bytes_free(&b);
  refuses_file(BZD_E_CORRUPT, "size of the directory", before);
  f = one_member();
  refuses_file(BZD_E_UNSUPPORTED, "disk 1", changed(finish(&f, 0, 0, ""), 18, 1));
  f = one_member();
  refuses_file(BZD_E_CORRUPT, "on this disk", changed(finish(&f, 0, 0, ""), 14, 9));
  f = one_member();
  refuses_file(BZD_E_CORRUPT, "no end record", changed(finish(&f, 0, 0, ""), 2, 1));
  /* zip64: 22 bytes of the end, 20 of the locator, 56 of the long end. */
  f = one_member();
  refuses_file(BZD_E_UNSUPPORTED, "2 disks", changed(finish(&f, 1, 0, ""), 22 + 4, 2));
  f = one_member();
  refuses_file(BZD_E_CORRUPT, "zip64 end", changed(finish(&f, 1, 0, ""), 22 + 12, 1));
  f = one_member();
  refuses_file(BZD_E_CORRUPT, "length of the zip64 end", changed(finish(&f, 1, 0, ""), 22 + 20 + 52, 45));
  f = one_member();
  refuses_file(BZD_E_CORRUPT, "on this disk", changed(finish(&f, 1, 0, ""), 22 + 20 + 32, 9));
  f = one_member();
  refuses_file(BZD_E_CORRUPT, "number of entries", changed(changed(finish(&f, 1, 0, ""), 12, 9), 14, 9));
  f = one_member();
  refuses_file(BZD_E_CORRUPT, "size of the directory", changed(finish(&f, 1, 0, ""), 22 + 20 + 16, 9));
  /* Two entries of one local header. */
  size_t entry = overlap.directory.size;
  unsigned char *copy = malloc(entry);
  memcpy(copy, overlap.directory.data, entry);
  bytes_add(&overlap.directory, copy, entry);
  free(copy);
  overlap.count = 2;
  refuses_file(BZD_E_CORRUPT, "overlaps", finish(&overlap, 0, 0, ""));
  refuses_file(BZD_E_FORMAT, "not an NPZ", (bytes){calloc(50, 1), 50, 0});
}

static void test_limits(void **state) {
  const member m = {.name = "a.npy", .method = 8};
  const bzdi_limits limits[] = {{.max_file = 100}, {.max_raw = 5}, {.max_index = 20}, {.max_tensors = 1}};
  bzdi_tensors *tensors;
  (void)state;
  bytes b = make(&m);
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
    FAILS(BZD_E_LIMIT, "limit is", bytes_open(NULL, &b, BZDI_FORMAT_AUTO, &limits[i], &tensors));
  bytes_free(&b);
}

/* More members than the short end record can count. */
static void test_many(void **state) {
  enum { COUNT = 65537 };
  const bzdi_limits more = {.max_tensors = 100000};
  bzdi_tensors *tensors, *again;
  char name[16];
  (void)state;
  OK(bzdi_tensors_new(NULL, &tensors));
  for (int i = 0; i < COUNT; i++) {
    snprintf(name, sizeof name, "%05d", i);
    OK(bzdi_tensors_add(tensors, name, BZDI_EL_U8, 0, NULL, "x"));
  }
  bytes b = bytes_of(tensors, BZDI_FORMAT_NPZ);
  FAILS(BZD_E_LIMIT, "65537", bytes_open(NULL, &b, BZDI_FORMAT_NPZ, NULL, &again));
  OK(bytes_open(NULL, &b, BZDI_FORMAT_NPZ, &more, &again));
  assert_int_equal(again->names.count, COUNT);
  assert_int_equal(bzdi_names_find(&again->names, "65536"), 65536);
  bzdi_tensors_free(again);
  bzdi_tensors_free(tensors);
  bytes_free(&b);
}

/* A fraction of a larger tensor, so that it passes the buffers of the stream more than once. */
static void test_large(void **state) {
  enum { COUNT = 300000 };
  float *values = numbers_floats(5, COUNT, 0, 1);
  const int64_t shape[1] = {COUNT};
  bzdi_tensors *tensors, *again;
  (void)state;
  for (int i = 0; i < COUNT; i++) values[i] = i % 3 ? values[i] : 0;
  OK(bzdi_tensors_new(NULL, &tensors));
  OK(bzdi_tensors_add(tensors, "x", BZDI_EL_F32, 1, shape, values));
  for (int32_t format = BZDI_FORMAT_NPZ; format <= BZDI_FORMAT_NPZ_DEFLATED; format += 2) {
    bytes b = bytes_of(tensors, format);
    OK(bytes_open(NULL, &b, BZDI_FORMAT_AUTO, NULL, &again));
    bytes_same(tensors, again);
    bzdi_tensors_free(again);
    if (format == BZDI_FORMAT_NPZ_DEFLATED) assert_in_range(b.size, 1, 4 * COUNT * 3 / 4);
    bytes_free(&b);
  }
  bzdi_tensors_free(tensors);
  free(values);
}

static void test_damage(void **state) {
  (void)state;
  for (int method = 0; method <= 8; method += 8) {
    const member m = {.name = "a.npy", .method = method};
    file f = {.count = 0};
    add(&f, &m);
    bytes b = finish(&f, 0, 0, "");
    int loads = bytes_damage(&b, BZDI_FORMAT_NPZ);
    bytes_longer(&b, BZDI_FORMAT_NPZ);
    print_message("NPZ, method %d: %d of %d flipped bits load\n", method, loads, 8 * (int)b.size);
    /* Versions, times, attributes and the comment mean nothing to us: 6 bytes of the local header, 20 of the entry. */
    assert_in_range(loads, 1, 8 * 34);
    bytes_free(&b);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip), cmocka_unit_test(test_accepted), cmocka_unit_test(test_entries),
      cmocka_unit_test(test_members),    cmocka_unit_test(test_ends),     cmocka_unit_test(test_limits),
      cmocka_unit_test(test_many),       cmocka_unit_test(test_large),    cmocka_unit_test(test_damage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
