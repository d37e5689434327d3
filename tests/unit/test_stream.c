/* SPDX-License-Identifier: MIT */
/* What the tensor formats stand on: bytes that grow, names in order, and streams of stored, deflated and gzipped bytes
 * against zlib, whole, cut, lengthened and lying. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "models.h"
#include "store/buffer.h"
#include "store/codec.h"
#include "store/flate.h"
#include "store/names.h"
#include "store/stream.h"

#include <dlfcn.h>
#include <zlib.h>

static long calls; /* of zlib, to pack and to unpack */

static int counted(const char *name, z_streamp stream, int flush) {
  int (*next)(z_streamp, int);
  *(void **)&next = dlsym((void *)-1L, name); /* RTLD_NEXT, which POSIX alone does not name */
  assert_non_null(next);
  calls++;
  return next(stream, flush);
}
int deflate(z_streamp stream, int flush) { return counted("deflate", stream, flush); }
int inflate(z_streamp stream, int flush) { return counted("inflate", stream, flush); }

/* ---- Buffers and names --------------------------------------------------------------------------------------- */

static void test_buffer(void **state) {
  (void)state;
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  long long live = atomic_load(&h.live);
  bzdi_buffer buffer = {.context = context};
  char text[301];
  for (int i = 0; i < 300; i++) {
    const unsigned char two[2] = {(unsigned char)i, (unsigned char)(i >> 8)};
    OK(bzdi_buffer_add(&buffer, two, 2));
    assert_true(buffer.size == 2 * (size_t)i + 2 && buffer.size <= buffer.room && buffer.room <= 1100);
  }
  for (int i = 0; i < 300; i++) assert_int_equal(buffer.data[2 * i] | buffer.data[2 * i + 1] << 8, i);
  OK(bzdi_buffer_add(&buffer, NULL, 0));
  const size_t size = buffer.size, room = buffer.room;
  OK(bzdi_buffer_room(&buffer, room - size));
  assert_int_equal(buffer.room, room);
  FAILS(BZD_E_MEMORY, "output", bzdi_buffer_room(&buffer, SIZE_MAX));
  FAILS(BZD_E_MEMORY, "output", bzdi_buffer_room(&buffer, SIZE_MAX / 4 - size + 1));
  atomic_store(&h.refuse_from, atomic_load(&h.calls) + 1);
  FAILS(BZD_E_MEMORY, "output", bzdi_buffer_add(&buffer, text, room - size + 1));
  atomic_store(&h.refuse_from, 0);
  assert_true(buffer.size == size && buffer.room == room && buffer.data[598] == 43);
  memset(text, 't', sizeof text);
  for (size_t length = 254; length < 259; length++) {
    text[length] = 0;
    bzdi_buffer one = {.context = context};
    OK(bzdi_buffer_text(&one, "%s", text));
    assert_int_equal(one.size, length < 255 ? length : 255); /* what does not fit is left out */
    assert_memory_equal(one.data, text, one.size);
    bzdi_buffer_free(&one);
    assert_true(one.data == NULL && one.size == 0 && one.room == 0);
    text[length] = 't';
  }
  bzdi_buffer_free(&buffer);
  assert_int_equal(atomic_load(&h.live), live);
  bzdi_release(context);
}

static int descends(const void *user, int64_t a, int64_t b) {
  assert_string_equal(user, "user");
  return a > b;
}

static void test_names(void **state) {
  (void)state;
  enum { COUNT = 40 };
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  const long long live = atomic_load(&h.live);
  char text[8];
  for (int sorted = 0; sorted < 2; sorted++) {
    bzdi_names names = {0};
    for (int i = 0; i < COUNT; i++) {
      snprintf(text, sizeof text, "n%02d+", i * 17 % COUNT);
      char *copy = bzdi_names_copy(context, text, 3); /* of a part */
      assert_int_equal(strlen(copy), 3);
      OK(sorted ? bzdi_names_append(context, &names, copy) : bzdi_names_insert(context, &names, copy));
    }
    if (sorted) assert_int_equal(bzdi_names_sort(&names), -1);
    for (int gone = 0; gone < COUNT; gone++) { /* the second goes each time, at last the first */
      for (int64_t i = 0; i < names.count; i++) {
        assert_int_equal(bzdi_names_find(&names, names.name[i]), i);
        if (i > 0) assert_true(strcmp(names.name[names.order[i - 1]], names.name[names.order[i]]) < 0);
      }
      assert_true(bzdi_names_find(&names, "n") < 0 && bzdi_names_find(&names, "n99") < 0 &&
                  names.count == COUNT - gone);
      snprintf(text, sizeof text, "%s", names.name[names.count > 1]);
      bzdi_names_remove(context, &names, names.count > 1);
      assert_true(bzdi_names_find(&names, text) < 0);
    }
    bzdi_names_clear(context, &names);
    assert_true(names.name == NULL && names.order == NULL && names.count == 0 && names.room == 0);
    assert_int_equal(atomic_load(&h.live), live);
  }
  /* out of an array that is full */
  bzdi_names full = {0};
  for (int i = 0; i < 16; i++) {
    snprintf(text, sizeof text, "n%02d", i);
    OK(bzdi_names_insert(context, &full, bzdi_names_copy(context, text, 3)));
  }
  assert_int_equal(full.room, 16);
  bzdi_names_remove(context, &full, 3);
  assert_true(full.count == 15 && bzdi_names_find(&full, "n15") == 14 && bzdi_names_find(&full, "n02") == 2);
  bzdi_names_clear(context, &full);
  /* twice the same; memory refused for either array */
  bzdi_names names = {0};
  for (int i = 0; i < 16; i++) {
    snprintf(text, sizeof text, "n%02d", i == 11 ? 4 : i);
    OK(bzdi_names_append(context, &names, bzdi_names_copy(context, text, 3)));
  }
  int64_t twice = bzdi_names_sort(&names);
  assert_true(twice == 4 || twice == 11);
  char *more = bzdi_names_copy(context, "more", 4);
  const long long held = atomic_load(&h.live);
  for (int refuse = 1; refuse <= 2; refuse++)
    for (int way = 0; way < 2; way++) {
      atomic_store(&h.refuse_from, atomic_load(&h.calls) + refuse);
      FAILS(BZD_E_MEMORY, "names",
            way ? bzdi_names_append(context, &names, more) : bzdi_names_insert(context, &names, more));
      assert_true(atomic_load(&h.live) == held && names.count == 16);
    }
  assert_null(bzdi_names_copy(context, "x", 1));
  atomic_store(&h.refuse_from, 0);
  OK(bzdi_names_append(context, &names, more));
  bzdi_names_clear(context, &names);
  for (int64_t count = 0; count < 40; count++) {
    int64_t numbers[40];
    for (int64_t i = 0; i < count; i++) numbers[i] = i * 23 % (count < 24 ? 41 : 43);
    bzdi_sort(numbers, count, descends, "user");
    for (int64_t i = 1; i < count; i++) assert_true(numbers[i - 1] > numbers[i]);
  }
  assert_int_equal(atomic_load(&h.live), live);
  bzdi_release(context);
}

/* ---- Streams ------------------------------------------------------------------------------------------------- */

enum { SIZE = 200000, ROOM = 1 << 20 };

typedef struct packed {
  unsigned char *data; /* in the middle of something else */
  size_t size;
  uint32_t crc;
} packed;

static unsigned char *raw_bytes(size_t size) {
  unsigned char *raw = malloc(size);
  for (size_t i = 0; i < size; i++) raw[i] = (unsigned char)(i * i * 2654435761u >> 17 & 0x7F);
  return raw;
}

/* window as zlib has it: -15 deflated, 31 gzip. */
static packed pack(const unsigned char *raw, size_t size, int window) {
  z_stream stream = {0};
  packed out = {malloc(ROOM), 0, (uint32_t)crc32_z(0, raw, size)};
  assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = (unsigned char *)(uintptr_t)raw;
  stream.avail_in = (uInt)size;
  stream.next_out = out.data;
  stream.avail_out = ROOM;
  assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.size = stream.total_out;
  deflateEnd(&stream);
  return out;
}

/* Reads size bytes in pieces and the end. The stored bytes lie at 3 of a buffer that has three more. */
static bzd_status read_all(const bzd_context *context, int packing, const packed *p, size_t size, size_t piece,
                           unsigned char *to) {
  bzdi_reader reader;
  bzdi_stream *stream;
  unsigned char *file = malloc(p->size + 6);
  memset(file, 0xEE, p->size + 6);
  if (p->size > 0) memcpy(file + 3, p->data, p->size);
  OK(bzdi_reader_buffer(context, file, p->size + 6, &reader));
  const bzdi_wrap wrap = {packing, p->crc, 3, p->size};
  bzd_status status = bzdi_stream_open(context, &reader, &wrap, &stream);
  if (status != BZD_OK) assert_null(stream);
  for (size_t done = 0; status == BZD_OK && done < size; done += piece)
    status = bzdi_stream_read(stream, to + done, size - done < piece ? size - done : piece);
  if (status == BZD_OK) status = bzdi_stream_end(stream);
  bzdi_stream_close(stream);
  free(file);
  return status;
}

static void test_streams(void **state) {
  (void)state;
  static const int windows[] = {0, 0, -15, 31};
  static const size_t sizes[] = {0, 1, 1000, 65535, 65536, 65537, SIZE}, pieces[] = {SIZE, 1, 4093, 65536};
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  const long long live = atomic_load(&h.live);
  unsigned char *raw = raw_bytes(SIZE), *back = malloc(SIZE + 8);
  for (int packing = BZDI_WRAP_NONE; packing <= BZDI_WRAP_GZIP; packing++)
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
      const size_t size = sizes[s];
      packed good = {raw, size, (uint32_t)crc32_z(0, raw, size)};
      if (packing >= BZDI_WRAP_DEFLATED) good = pack(raw, size, windows[packing]);
      for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
        memset(back, 0xEE, SIZE + 8);
        OK(read_all(context, packing, &good, size, pieces[k], back));
        assert_memory_equal(back, raw, size);
        for (size_t i = size; i < size + 8; i++) assert_int_equal(back[i], 0xEE);
      }
      packed lying = good;
      lying.crc ^= 1;
      if (packing == BZDI_WRAP_STORED || packing == BZDI_WRAP_DEFLATED)
        FAILS(BZD_E_CORRUPT, "checksum is", read_all(context, packing, &lying, size, SIZE, back));
      else
        OK(read_all(context, packing, &lying, size, SIZE, back));
      /* one byte too few or too many is wanted */
      FAILS(BZD_E_CORRUPT,
            packing < BZDI_WRAP_DEFLATED ? "bytes are left, expected" : "deflate stream ends 1 bytes short",
            read_all(context, packing, &good, size + 1, SIZE + 8, back));
      if (size > 0)
        FAILS(BZD_E_CORRUPT,
              packing < BZDI_WRAP_DEFLATED ? "1 bytes follow the end of the data" : "inflates to more than",
              read_all(context, packing, &good, size - 1, SIZE, back));
      /* it is cut, or something follows */
      for (size_t less = 1; less <= good.size; less = less < 12 ? less + 1 : 2 * less) {
        lying = good;
        lying.size -= less;
        FAILS(BZD_E_CORRUPT, packing == BZDI_WRAP_GZIP && less <= 8 ? "stored bytes end after" : "",
              read_all(context, packing, &lying, size, SIZE, back));
      }
      packed longer = {malloc(good.size + 1), good.size + 1, good.crc};
      memcpy(longer.data, good.data, good.size);
      longer.data[good.size] = 0x1F;
      FAILS(BZD_E_CORRUPT, "1 bytes follow the end of the data", read_all(context, packing, &longer, size, SIZE, back));
      free(longer.data);
      if (packing >= BZDI_WRAP_DEFLATED) free(good.data);
    }
  free(raw), free(back);
  assert_int_equal(atomic_load(&h.live), live);
  bzdi_release(context);
}

/* More than the checksum takes at a time. */
static void test_large_stored(void **state) {
  (void)state;
  enum { LARGE = (2 << 20) + 77777 };
  unsigned char *raw = raw_bytes(LARGE), *back = malloc(LARGE);
  packed good = {raw, LARGE, (uint32_t)crc32_z(0, raw, LARGE)};
  OK(read_all(NULL, BZDI_WRAP_STORED, &good, LARGE, LARGE, back));
  assert_memory_equal(back, raw, LARGE);
  good.crc++;
  FAILS(BZD_E_CORRUPT, "checksum is", read_all(NULL, BZDI_WRAP_STORED, &good, LARGE, LARGE, back));
  free(raw), free(back);
}

/* 'a' and a match of 29 whose end shares the last byte with the stream's: zlib has taken all of it while 28 bytes are
 * still to come. */
static void test_last_byte(void **state) {
  (void)state;
  unsigned char stored[4] = {0x4B, 0xC4, 0x0B, 0x00}, raw[30], back[30];
  memset(raw, 'a', sizeof raw);
  packed p = {stored, sizeof stored, (uint32_t)crc32_z(0, raw, sizeof raw)};
  for (size_t piece = 1; piece <= sizeof raw; piece++) {
    memset(back, 0, sizeof back);
    OK(read_all(NULL, BZDI_WRAP_DEFLATED, &p, sizeof raw, piece, back));
    assert_memory_equal(back, raw, sizeof raw);
  }
  p.size = 2;
  FAILS(BZD_E_CORRUPT, "cut off 29 bytes short", read_all(NULL, BZDI_WRAP_DEFLATED, &p, sizeof raw, sizeof raw, back));
}

/* Every combination of the header's parts, its checksum among them; each field that may not be another. */
static void test_gzip(void **state) {
  (void)state;
  enum { TEXT = 1, CRC = 2, EXTRA = 4, NAME = 8, COMMENT = 16, LONG = 300 };
  static const unsigned char start[10] = {0x1F, 0x8B, 8, 0, 1, 2, 3, 4, 0, 3};
  unsigned char *raw = raw_bytes(1000), back[1008];
  packed whole = pack(raw, 1000, 31);
  for (int flags = 0; flags < 32; flags++) {
    packed p = {malloc(ROOM), 10, 0};
    memcpy(p.data, start, 10);
    p.data[3] = (unsigned char)flags;
    if (flags & EXTRA) {
      p.data[p.size++] = LONG & 255, p.data[p.size++] = LONG >> 8;
      for (int i = 0; i < LONG; i++) p.data[p.size++] = (unsigned char)i;
    }
    if (flags & NAME) memcpy(p.data + p.size, "a name", 7), p.size += 7;
    if (flags & COMMENT) memcpy(p.data + p.size, "", 1), p.size += 1;
    uint32_t crc = (uint32_t)crc32_z(0, p.data, p.size);
    const size_t at = p.size;
    if (flags & CRC) p.data[p.size++] = (unsigned char)crc, p.data[p.size++] = (unsigned char)(crc >> 8);
    const size_t head = p.size;
    memcpy(p.data + p.size, whole.data + 10, whole.size - 10);
    p.size += whole.size - 10;
    OK(read_all(NULL, BZDI_WRAP_GZIP, &p, 1000, 1000, back));
    assert_memory_equal(back, raw, 1000);
    for (size_t size = 0; size < head; size++) {
      packed cut = {p.data, size, 0};
      FAILS(BZD_E_CORRUPT, "stored bytes end after", read_all(NULL, BZDI_WRAP_GZIP, &cut, 1000, 1000, back));
    }
    for (int bit = 0; bit < 16 && flags & CRC; bit++) {
      p.data[at + (size_t)bit / 8] ^= (unsigned char)(1 << bit % 8);
      FAILS(BZD_E_CORRUPT, "gzip header checksum", read_all(NULL, BZDI_WRAP_GZIP, &p, 1000, 1000, back));
      p.data[at + (size_t)bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    free(p.data);
  }
  static const struct {
    size_t at; /* from the end where it is 8 or less below it */
    unsigned char bit;
    bzd_status status;
    const char *text;
  } wrong[] = {{0, 1, BZD_E_FORMAT, "not a gzip"},
               {1, 1, BZD_E_FORMAT, "not a gzip"},
               {2, 1, BZD_E_UNSUPPORTED, "method 9"},
               {3, 0x20, BZD_E_CORRUPT, "reserved"},
               {3, 0x40, BZD_E_CORRUPT, "reserved"},
               {3, 0x80, BZD_E_CORRUPT, "reserved"},
               {1008, 1, BZD_E_CORRUPT, "gzip checksum"},
               {1005, 0x80, BZD_E_CORRUPT, "gzip checksum"},
               {1004, 8, BZD_E_CORRUPT, "gzip length is 1000"},
               {1004, 1, BZD_E_CORRUPT, "gzip length is 1000"},
               {1001, 0x80, BZD_E_CORRUPT, "gzip length is 1000"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const size_t at = wrong[i].at < 1000 ? wrong[i].at : whole.size - (wrong[i].at - 1000);
    whole.data[at] ^= wrong[i].bit;
    FAILS(wrong[i].status, wrong[i].text, read_all(NULL, BZDI_WRAP_GZIP, &whole, 1000, 1000, back));
    whole.data[at] ^= wrong[i].bit;
  }
  for (int method = 0; method < 256; method++) {
    whole.data[2] = (unsigned char)method;
    if (method != 8)
      FAILS(BZD_E_UNSUPPORTED, "expected 8 (deflate)", read_all(NULL, BZDI_WRAP_GZIP, &whole, 1000, 1000, back));
  }
  whole.data[2] = 8;
  OK(read_all(NULL, BZDI_WRAP_GZIP, &whole, 1000, 1000, back));
  free(whole.data), free(raw);
}

/* Ours deflated, zlib's inflate; each allocation of a stream refused. */
static void test_deflate_and_memory(void **state) {
  (void)state;
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  const long long live = atomic_load(&h.live);
  unsigned char *raw = raw_bytes(SIZE), *back = malloc(SIZE);
  static const size_t sizes[] = {0, 1, 70000, SIZE};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
    for (size_t head = 0; head <= 20 && head <= sizes[s]; head += 20) {
      bzdi_buffer out = {.context = context};
      calls = 0;
      OK(bzdi_deflate(context, raw, head, raw + head, sizes[s] - head, &out));
      packed p = {out.data, out.size, (uint32_t)crc32_z(0, raw, sizes[s])};
      OK(read_all(context, BZDI_WRAP_DEFLATED, &p, sizes[s], SIZE, back));
      assert_in_range(calls, 2, 2 * (SIZE >> 16) + 6); /* in pieces of 64 KiB, and not by bytes */
      assert_memory_equal(back, raw, sizes[s]);
      bzdi_buffer_free(&out);
    }
  packed p = pack(raw, SIZE, -15);
  bzd_status status = BZD_E_MEMORY;
  for (int refuse = 1; status == BZD_E_MEMORY; refuse++) {
    atomic_store(&h.refuse_from, atomic_load(&h.calls) + refuse);
    status = read_all(context, BZDI_WRAP_DEFLATED, &p, SIZE, SIZE, back);
    assert_true(atomic_load(&h.live) == live && (refuse > 3 || status == BZD_E_MEMORY));
  }
  OK(status);
  status = BZD_E_MEMORY;
  for (int refuse = 1; status == BZD_E_MEMORY; refuse++) {
    bzdi_buffer out = {.context = context};
    atomic_store(&h.refuse_from, atomic_load(&h.calls) + refuse);
    status = bzdi_deflate(context, NULL, 0, raw, SIZE, &out);
    bzdi_buffer_free(&out);
    assert_true(atomic_load(&h.live) == live && (refuse > 3 || status == BZD_E_MEMORY));
  }
  OK(status);
  free(p.data), free(raw), free(back);
  atomic_store(&h.refuse_from, 0);
  bzdi_release(context);
  assert_true(atomic_load(&h.live) == 0 && atomic_load(&h.wrong) == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_buffer),
                                     cmocka_unit_test(test_names),
                                     cmocka_unit_test(test_streams),
                                     cmocka_unit_test(test_large_stored),
                                     cmocka_unit_test(test_gzip),
                                     cmocka_unit_test(test_last_byte),
                                     cmocka_unit_test(test_deflate_and_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
