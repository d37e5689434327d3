/* SPDX-License-Identifier: MIT */
/* The deflate writer: zlib's inflate gives every plane back, the announced room is exact, and nothing beyond it is
 * touched but the eight bytes that the header allows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "numbers.h"
#include "store/deflate.h"

#include <string.h>
#include <zlib.h>

enum { MOST = 70000, SLACK = 8 };
static unsigned char plane[MOST], out[2 * MOST], back[MOST + 1];
static uint32_t turn = 1;

static uint32_t draw(void) { return turn = turn * 1664525u + 1013904223u; }
static unsigned char byte(void) { return (unsigned char)(draw() >> 24); }

/* Size of the stream, after everything about it was checked. */
static size_t check(size_t n) {
  memset(out, 0xA5, sizeof out);
  size_t size = bzdi_deflate_plane(plane, n, out, sizeof out - SLACK);
  assert_true(size > 0);
  for (size_t i = size + SLACK; i < size + SLACK + 64; i++) assert_int_equal(out[i], 0xA5);
  z_stream stream = {0};
  assert_int_equal(inflateInit2(&stream, -15), Z_OK);
  stream.next_in = out;
  stream.avail_in = (uInt)size;
  stream.next_out = back;
  stream.avail_out = (uInt)n + 1;
  assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
  assert_true(stream.avail_in == 0 && stream.avail_out == 1);
  inflateEnd(&stream);
  assert_memory_equal(back, plane, n);
  assert_true(bzdi_deflate_plane(plane, n, out, size) == size);
  assert_true(bzdi_deflate_plane(plane, n, out, size - 1) == 0);
  return size;
}

static void fill(int kind, size_t n) {
  for (size_t i = 0; i < n; i++) {
    switch (kind) {
    case 0: plane[i] = 7; break;
    case 1: plane[i] = byte(); break;
    case 2: plane[i] = byte() < 12 ? byte() : 3; break;                   /* runs with breaks */
    case 3: plane[i] = (unsigned char)(i / 37); break;                    /* runs of one length */
    case 4: plane[i] = byte() & byte() & byte(); break;                   /* few ones */
    default: plane[i] = (unsigned char)(120 - __builtin_clz(draw() | 1)); /* exponents: each half as often */
    }
  }
}

static void test_all_kinds(void **state) {
  (void)state;
  long long count = 0;
  for (int kind = 0; kind < 6; kind++) {
    for (size_t n = 1; n < 700; n++, count++) fill(kind, n), check(n);
    for (size_t n = 65536 - 9; n <= 65536 + 1; n++, count++) fill(kind, n), check(n);
  }
  assert_int_equal(count, 6 * (699 + 11));
  print_message("%lld planes\n", count);
}

/* Every run length around chunks and the longest match, at every place in a chunk. */
static void test_runs(void **state) {
  (void)state;
  for (size_t before = 1; before < 10; before++)
    for (size_t run = 1; run < 800; run++) {
      for (size_t i = 0; i < before; i++) plane[i] = (unsigned char)(i + 1);
      memset(plane + before, 200, run);
      plane[before + run] = 9;
      check(before + run + 1);
    }
}

/* So that no run hides the counts. */
static void shuffle(size_t n) {
  for (size_t i = n; i-- > 1;) {
    size_t j = draw() % (i + 1);
    unsigned char x = plane[i];
    plane[i] = plane[j];
    plane[j] = x;
  }
}

/* Counts that grow as Fibonacci's numbers make the deepest tree there is: codes beyond 15 bits must be shortened. And
 * one symbol alone, or two. */
static void test_deep_codes(void **state) {
  (void)state;
  size_t n = 0;
  for (uint32_t a = 1, b = 1, s = 0; s < 23; s++, b += a, a = b - a)
    for (uint32_t k = 0; k < a && n < 65536; k++) plane[n++] = (unsigned char)s;
  shuffle(n);
  assert_true(n > 40000);
  check(n);
  for (size_t i = 0; i < 65536; i++) plane[i] = byte() & 1;
  assert_in_range(check(65536), 8192, 8192 + 4096);
  memset(plane, 0, 65536);
  assert_true(check(65536) < 100);
}

/* One halving is enough here, of counts that stay above 0: other codes, and a file of the same content would
 * have other bytes. */
static void test_halved_once(void **state) {
  (void)state;
  static const uint16_t counts[] = {1,   1,   2,   4,    8,    17,   34,   52,   108,  182,
                                    294, 396, 738, 1368, 2988, 2929, 5928, 9183, 19998};
  size_t n = 0;
  for (size_t s = 0; s < 19 + 13; s++)
    for (uint32_t k = 0; k < (s < 19 ? counts[s] : 1u); k++) plane[n++] = (unsigned char)s;
  turn = 1;
  shuffle(n);
  assert_int_equal(check(n), 13354);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_kinds), cmocka_unit_test(test_runs),
                                     cmocka_unit_test(test_deep_codes), cmocka_unit_test(test_halved_once)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
