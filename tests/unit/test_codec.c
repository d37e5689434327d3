/* SPDX-License-Identifier: MIT */
/* Numbers as bytes, the cursor that cannot leave its bytes, UTF-8, planes and checksums against slow twins, and the
 * block codec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "numbers.h"
#include "store/bytes.h"
#include "store/codec.h"
#include "store/deflate.h"
#include "store/planes.h"

#include <dlfcn.h>
#include <string.h>
#include <zlib.h>

/* ---- A zlib that takes more memory, and counts ------------------------------------------------------------------ */

static const unsigned char *room; /* of the coder; NULL: zlib takes what it takes */
static long beyond;               /* blocks that were not in it */
static size_t summed;             /* bytes that zlib made its last CRC-32 of */

static void *next_of(const char *name) {
  void *next = dlsym((void *)-1L, name); /* RTLD_NEXT, which POSIX alone does not name */
  assert_non_null(next);
  return next;
}

int inflateInit2_(z_streamp stream, int bits, const char *version, int size) {
  int (*next)(z_streamp, int, const char *, int);
  *(void **)&next = next_of("inflateInit2_");
  unsigned char *block[8];
  for (size_t i = 0; room && i < 8; i++) {
    const size_t bytes = 9999;
    assert_non_null(block[i] = stream->zalloc(stream->opaque, 3, bytes / 3));
    assert_int_equal((uintptr_t)block[i] % 16, 0); /* as malloc's */
    const uintptr_t at = (uintptr_t)block[i] - (uintptr_t)room, end = bzdi_coder_bytes();
    assert_true(at >= end || at + bytes <= end);
    beyond += at >= end;
    memset(block[i], (int)i, bytes);
  }
  for (size_t i = 0; room && i < 8; i++) {
    for (size_t k = 0; k < 9999; k++) assert_int_equal(block[i][k], i);
    stream->zfree(stream->opaque, block[i]);
  }
  return next(stream, bits, version, size);
}

uLong crc32_z(uLong crc, const Bytef *data, z_size_t size) {
  uLong (*next)(uLong, const Bytef *, z_size_t);
  *(void **)&next = next_of("crc32_z");
  summed = size;
  return next(crc, data, size);
}

/* ---- Numbers, cursor, UTF-8 -------------------------------------------------------------------------------------- */

static void test_numbers(void **state) {
  (void)state;
  unsigned char b[8];
  bzdi_put64(b, UINT64_C(0x0123456789abcdef));
  const unsigned char expected[8] = {0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01};
  assert_memory_equal(b, expected, 8);
  assert_true(bzdi_get64(b) == UINT64_C(0x0123456789abcdef) && bzdi_get32(b) == 0x89abcdefu &&
              bzdi_get16(b) == 0xcdefu);
  uint64_t sum = UINT64_MAX - 1, product = UINT64_C(1) << 40;
  assert_true(bzdi_add64(&sum, 1) && sum == UINT64_MAX);
  assert_false(bzdi_add64(&sum, 1));
  assert_true(bzdi_mul64(&product, 1 << 20));
  assert_false(bzdi_mul64(&product, 16));
}

static void test_cursor(void **state) {
  (void)state;
  const unsigned char bytes[7] = {1, 2, 0, 3, 0, 0, 0};
  bzdi_cursor cursor = {bytes, bytes + 7, 0};
  assert_int_equal(bzdi_cursor_u8(&cursor), 1);
  assert_int_equal(bzdi_cursor_u16(&cursor), 2);
  assert_int_equal(bzdi_cursor_u32(&cursor), 3);
  assert_true(cursor.at == cursor.end && !cursor.bad);
  assert_non_null(bzdi_cursor_bytes(&cursor, 0));
  assert_null(bzdi_cursor_bytes(&cursor, UINT64_MAX));
  assert_true(cursor.bad);
  assert_int_equal(bzdi_cursor_u64(&cursor), 0);
  assert_null(bzdi_cursor_bytes(&cursor, 0)); /* bad for good */
}

static void test_utf8(void **state) {
  (void)state;
  static const char *const good[] = {
      "", "plain", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"};
  static const char *const bad[] = {"\x80",
                                    "\xC0\x80",
                                    "\xC1\xBF",
                                    "\xC3",
                                    "\xE2\x82",
                                    "\xE0\x9F\xBF",
                                    "\xED\xA0\x80",
                                    "\xF0\x8F\xBF\xBF",
                                    "\xF4\x90\x80\x80",
                                    "\xF5\x80\x80\x80",
                                    "\xFF",
                                    "a\xC3("};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    assert_true(bzdi_is_utf8((const unsigned char *)good[i], strlen(good[i])));
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_false(bzdi_is_utf8((const unsigned char *)bad[i], strlen(bad[i])));
  assert_false(bzdi_is_utf8((const unsigned char *)"a\0b", 3));
}

/* Of one character and no more, as the Unicode standard's table 3-7 lists them; 0 is none of ours. */
static int one_character(const unsigned char *c, size_t size) {
  static const struct {
    size_t size;
    unsigned char low[4], high[4];
  } rows[] = {{1, {0x01}, {0x7F}},
              {2, {0xC2, 0x80}, {0xDF, 0xBF}},
              {3, {0xE0, 0xA0, 0x80}, {0xE0, 0xBF, 0xBF}},
              {3, {0xE1, 0x80, 0x80}, {0xEC, 0xBF, 0xBF}},
              {3, {0xED, 0x80, 0x80}, {0xED, 0x9F, 0xBF}},
              {3, {0xEE, 0x80, 0x80}, {0xEF, 0xBF, 0xBF}},
              {4, {0xF0, 0x90, 0x80, 0x80}, {0xF0, 0xBF, 0xBF, 0xBF}},
              {4, {0xF1, 0x80, 0x80, 0x80}, {0xF3, 0xBF, 0xBF, 0xBF}},
              {4, {0xF4, 0x80, 0x80, 0x80}, {0xF4, 0x8F, 0xBF, 0xBF}}};
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
    size_t k = 0;
    while (k < size && size == rows[r].size && c[k] >= rows[r].low[k] && c[k] <= rows[r].high[k]) k++;
    if (k == size) return 1;
  }
  return 0;
}

static int characters(const unsigned char *c, size_t size) {
  for (size_t k = 1; k <= 4 && k <= size; k++)
    if (one_character(c, k)) return characters(c + k, size - k);
  return size == 0;
}

static void test_every_character(void **state) {
  (void)state;
  static const unsigned char edges[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0};
  enum { EDGES = sizeof edges };
  for (unsigned a = 0; a < 256; a++)
    for (unsigned b = 0; b < 256; b++)
      for (unsigned rest = 0; rest < (a < 0xE0 ? 1 : EDGES * EDGES); rest++) {
        const unsigned char c[5] = {(unsigned char)a, (unsigned char)b, edges[rest / EDGES], edges[rest % EDGES], 'x'};
        for (size_t size = 1; size <= sizeof c; size++) assert_int_equal(bzdi_is_utf8(c, size), characters(c, size));
      }
}

/* Encodes, checks, decodes; returns the stored size. */
static size_t round_trip(bzdi_coder *coder, int planes, const void *raw, size_t size) {
  unsigned char *copy = malloc(BZDI_STORED), *back = malloc(size);
  size_t sum = 0;
  uint32_t plane[4];
  size_t total = bzdi_block_encode(back, planes, raw, size, copy, plane);
  for (int p = 0; p < 4; p++) sum += plane[p] & ~BZDI_DEFLATED;
  assert_true(sum == total && total <= size);
  assert_true(bzdi_block_check(planes, size, plane));
  assert_int_equal(bzdi_block_decode(coder, planes, copy, plane, back, size), BZD_OK);
  assert_memory_equal(back, raw, size);
  if (plane[planes - 1] & BZDI_DEFLATED) { /* the last plane, damaged or mismeasured, does not pass */
    copy[total - 1] ^= 1;
    assert_int_equal(bzdi_block_decode(coder, planes, copy, plane, back, size), BZD_E_CORRUPT);
    copy[total - 1] ^= 1;
    plane[planes - 1]--;
    assert_int_equal(bzdi_block_decode(coder, planes, copy, plane, back, size), BZD_E_CORRUPT);
    plane[planes - 1] -= (plane[planes - 1] & ~BZDI_DEFLATED) / 2; /* cut off in the middle, zlib keeps its window */
    assert_int_equal(bzdi_block_decode(coder, planes, copy, plane, back, size), BZD_E_CORRUPT);
  }
  free(copy), free(back);
  return total;
}

static void test_codec(void **state) {
  (void)state;
  void *memory = malloc(bzdi_coder_bytes());
  bzdi_coder *coder = bzdi_coder_in(NULL, memory);
  float *weights = numbers_floats(1, BZDI_BLOCK / 4, 0, 0.05);
  for (int planes = 1; planes <= 4; planes *= 2)
    for (size_t n = 1; n < 3000; n = 2 * n + 3) round_trip(coder, planes, weights, n * (size_t)planes);
  size_t stored = round_trip(coder, 4, weights, BZDI_BLOCK);
  double ratio = (double)stored / BZDI_BLOCK;
  assert_true(ratio > 0.80 && ratio < 0.87); /* the entropy of the exponents, and mantissas as they are */
  uint32_t odd[6] = {0x7fc00001u, 0x7f800000u, 0xff800000u, 0xffffffffu, 0x80000000u, 1};
  round_trip(coder, 4, odd, sizeof odd);
  memset(weights, 0, BZDI_BLOCK);
  assert_true(round_trip(coder, 4, weights, BZDI_BLOCK) < BZDI_BLOCK / 500);
  room = memory;
  round_trip(coder, 4, weights, BZDI_BLOCK);
  room = NULL;
  assert_true(beyond > 0);
  free(weights);
  free(memory);
}

/* A plane is packed where that saves a sixteenth, and not where it saves a byte less. */
static void test_sixteenth(void **state) {
  (void)state;
  enum { SIZE = 4096, AROUND = 6 };
  unsigned char raw[SIZE], work[SIZE], out[BZDI_STORED];
  uint32_t plane[4], turn = 1;
  int near = 0;
  for (uint32_t values = 150; values < 210; values++) {
    for (size_t i = 0; i < SIZE; i++) raw[i] = (unsigned char)((turn = turn * 1664525u + 1013904223u) % 65521 % values);
    const size_t size = bzdi_deflate_plane(raw, SIZE, out, SIZE) + AROUND;
    bzdi_block_encode(work, 1, raw, SIZE, out, plane);
    assert_int_equal(plane[0], size <= SIZE - SIZE / 16 ? size | BZDI_DEFLATED : SIZE);
    near += size > SIZE - SIZE / 15 && size < SIZE - SIZE / 17;
  }
  assert_true(near > 3);
}

/* The slow twins: the format's sentences, byte by byte and bit by bit. */
static void split_slowly(int planes, const unsigned char *raw, size_t size, unsigned char *out) {
  for (size_t i = 0; i < size; i += (size_t)planes) {
    unsigned char turned[4] = {raw[i]};
    for (int k = 0; k < planes; k++) turned[k] = raw[i + (size_t)k];
    if (planes == 4) {
      int sign = raw[i + 3] >> 7;
      for (int k = 3; k > 0; k--) turned[k] = (unsigned char)(raw[i + (size_t)k] << 1 | raw[i + (size_t)k - 1] >> 7);
      turned[0] = (unsigned char)(raw[i] << 1 | sign);
    }
    for (int k = 0; k < planes; k++) out[(size_t)k * (size / (size_t)planes) + i / (size_t)planes] = turned[k];
  }
}

static uint32_t crc_slowly(const unsigned char *data, size_t size) {
  uint32_t crc = 0xFFFFFFFFu;
  for (size_t i = 0; i < size; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
  }
  return ~crc;
}

static void test_planes(void **state) {
  (void)state;
  enum { MOST = 1200 };
  unsigned char raw[MOST], fast[MOST], slow[MOST], back[MOST];
  long long count = 0;
  for (size_t i = 0; i < MOST; i++) raw[i] = (unsigned char)(i * 2654435761u >> 13);
  for (int planes = 1; planes <= 4; planes *= 2)
    for (size_t n = 1; n * (size_t)planes <= MOST; n++, count++) {
      size_t size = n * (size_t)planes;
      const unsigned char *plane[4] = {NULL};
      memset(fast, 0xAA, sizeof fast), memset(slow, 0xAA, sizeof slow), memset(back, 0, sizeof back);
      bzdi_planes_split(planes, raw, size, fast);
      split_slowly(planes, raw, size, slow);
      assert_memory_equal(fast, slow, sizeof fast); /* and nothing beyond */
      for (int p = 0; p < planes; p++) plane[p] = slow + (size_t)p * n;
      bzdi_planes_join(planes, plane, back, size);
      assert_memory_equal(back, raw, size);
    }
  assert_int_equal(count, 1200 + 600 + 300);
}

/* Every length and alignment around the seams; folding alone, where this CPU can; two pieces joined at every place. */
static void test_crc(void **state) {
  (void)state;
  enum { MOST = 1400 };
  unsigned char data[MOST + 16];
  for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 2246822519u >> 11);
  assert_int_equal(bzdi_crc32(0, "123456789", 9), 0xCBF43926u);
  for (size_t at = 0; at < 16; at += 5)
    for (size_t size = 0; size <= MOST; size++)
      assert_true(bzdi_crc32(0, data + at, size) == crc_slowly(data + at, size));
#if defined(__x86_64__)
  assert_int_equal(bzdi_crc32_can_fold(), __builtin_cpu_supports("pclmul") > 0);
#else
  assert_false(bzdi_crc32_can_fold());
#endif
  bzdi_crc32(0, data, MOST); /* what is no multiple of 16 is left to zlib */
  assert_int_equal(summed, bzdi_crc32_can_fold() ? MOST % 16 : MOST);
  for (size_t size = 64; bzdi_crc32_can_fold() && size <= MOST; size += 16)
    assert_true(~bzdi_crc32_fold(0xFFFFFFFFu, data, size) == crc_slowly(data, size));
  uint32_t whole = crc_slowly(data, MOST);
  for (size_t cut = 0; cut <= MOST; cut++) {
    uint32_t first = bzdi_crc32(0, data, cut);
    assert_true(bzdi_crc32(first, data + cut, MOST - cut) == whole);
    assert_true(bzdi_crc32_join(first, bzdi_crc32(0, data + cut, MOST - cut), MOST - cut) == whole);
  }
}

static void test_impossible_records(void **state) {
  (void)state;
  const uint32_t good[4] = {10, 10, 10, 9 | BZDI_DEFLATED};
  assert_true(bzdi_block_check(4, 40, good));
  static const uint32_t bad[][4] = {{10, 10, 10, 10 | BZDI_DEFLATED},
                                    {9, 10, 10, 10},
                                    {11, 10, 10, 10},
                                    {10, 10, 10, BZDI_DEFLATED},
                                    {10, 10, 10, 0}};
  for (size_t i = 0; i < 5; i++) assert_false(bzdi_block_check(4, 40, bad[i]));
  const uint32_t two[4] = {20, 20, 1, 0};
  assert_false(bzdi_block_check(2, 40, two));
  assert_false(bzdi_block_check(4, 41, good));
  assert_false(bzdi_block_check(4, 0, good));
  static const uint32_t none[4] = {0}, most[4] = {BZDI_BLOCK}, more[4] = {BZDI_BLOCK + 1};
  for (int planes = 1; planes <= 4; planes *= 2) assert_false(bzdi_block_check(planes, 0, none));
  assert_true(bzdi_block_check(1, BZDI_BLOCK, most));
  assert_false(bzdi_block_check(1, BZDI_BLOCK + 1, more));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers),
                                     cmocka_unit_test(test_cursor),
                                     cmocka_unit_test(test_utf8),
                                     cmocka_unit_test(test_every_character),
                                     cmocka_unit_test(test_planes),
                                     cmocka_unit_test(test_crc),
                                     cmocka_unit_test(test_codec),
                                     cmocka_unit_test(test_sixteenth),
                                     cmocka_unit_test(test_impossible_records)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
