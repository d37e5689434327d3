/* SPDX-License-Identifier: MIT */
/* Numbers as bytes, the cursor that cannot leave its bytes, UTF-8, and the block codec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "numbers.h"
#include "store/bytes.h"
#include "store/codec.h"

#include <string.h>

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

/* Encodes, checks, decodes; returns the stored size. */
static size_t round_trip(bzdi_coder *coder, int planes, const void *raw, size_t size) {
  const unsigned char *stored;
  size_t total, sum = 0;
  uint32_t plane[4];
  assert_int_equal(bzdi_block_encode(coder, planes, raw, size, &stored, &total, plane), BZD_OK);
  for (int p = 0; p < 4; p++) sum += plane[p] & ~BZDI_DEFLATED;
  assert_true(sum == total && total <= size);
  assert_true(bzdi_block_check(planes, size, plane));
  unsigned char *copy = malloc(total), *back = malloc(size);
  memcpy(copy, stored, total);
  assert_int_equal(bzdi_block_decode(coder, planes, copy, plane, back, size), BZD_OK);
  assert_memory_equal(back, raw, size);
  if (plane[planes - 1] & BZDI_DEFLATED) { /* the last plane, damaged or mismeasured, does not pass */
    copy[total - 1] ^= 1;
    assert_int_equal(bzdi_block_decode(coder, planes, copy, plane, back, size), BZD_E_CORRUPT);
    copy[total - 1] ^= 1;
    plane[planes - 1]--;
    assert_int_equal(bzdi_block_decode(coder, planes, copy, plane, back, size), BZD_E_CORRUPT);
  }
  free(copy), free(back);
  return total;
}

static void test_codec(void **state) {
  (void)state;
  bzdi_coder *coder;
  assert_int_equal(bzdi_coder_new(NULL, &coder), BZD_OK);
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
  free(weights);
  bzdi_coder_free(coder);
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
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers), cmocka_unit_test(test_cursor),
                                     cmocka_unit_test(test_utf8), cmocka_unit_test(test_codec),
                                     cmocka_unit_test(test_impossible_records)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
