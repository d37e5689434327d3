/* SPDX-License-Identifier: MIT */
/* IDX, plain and gzipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tensor_bytes.h"

#include <zlib.h>

static bytes make(int type, int ndim, const uint32_t *shape, const void *data, size_t size) {
  bytes b = {NULL, 0, 0};
  const unsigned char head[4] = {0, 0, (unsigned char)type, (unsigned char)ndim};
  bytes_add(&b, head, 4);
  for (int i = 0; i < ndim; i++) {
    const unsigned char big[4] = {(unsigned char)(shape[i] >> 24), (unsigned char)(shape[i] >> 16),
                                  (unsigned char)(shape[i] >> 8), (unsigned char)shape[i]};
    bytes_add(&b, big, 4);
  }
  bytes_add(&b, data, size);
  return b;
}

/* One gzip member with these header flags. */
static bytes gzip(const bytes *raw, int flags) {
  bytes b = {NULL, 0, 0};
  const unsigned char head[10] = {0x1F, 0x8B, 8, (unsigned char)flags};
  unsigned char packed[4096];
  z_stream stream = {0};
  bytes_add(&b, head, 10);
  if (flags & 4) bytes_add(&b, "\3\0abc", 5);
  if (flags & 8) bytes_add(&b, "name", 5);
  if (flags & 16) bytes_add(&b, "comment", 8);
  if (flags & 2) bytes_number(&b, bzdi_crc32(0, b.data, b.size) & 0xFFFF, 2);
  assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = raw->data;
  stream.avail_in = (uInt)raw->size;
  stream.next_out = packed;
  stream.avail_out = sizeof packed;
  assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
  bytes_add(&b, packed, stream.total_out);
  deflateEnd(&stream);
  bytes_number(&b, bzdi_crc32(0, raw->data, raw->size), 4);
  bytes_number(&b, raw->size, 4);
  return b;
}

static const uint32_t three[1] = {3}, plane[2] = {2, 3}, huge[3] = {4000000000u, 4000000000u, 4000000000u};
static const uint32_t deep[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};

static void refuses(bzd_status status, const char *words, bytes b) {
  REFUSED(status, words, b, BZDI_FORMAT_IDX);
  bytes_free(&b);
}

static void test_values(void **state) {
  static const struct {
    int code;
    int32_t type;
    size_t size;
  } types[] = {{8, BZDI_EL_U8, 1},    {9, BZDI_EL_I8, 1},    {0xB, BZDI_EL_I16, 2},
               {0xC, BZDI_EL_I32, 4}, {0xD, BZDI_EL_F32, 4}, {0xE, BZDI_EL_F64, 8}};
  unsigned char data[48];
  (void)state;
  for (int i = 0; i < 48; i++) data[i] = (unsigned char)i;
  for (int k = 0; k < 12; k++) {
    bytes b = make(types[k / 2].code, 2, plane, data, 6 * types[k / 2].size), packed = gzip(&b, 0);
    unsigned char out[48];
    bzdi_tensors *tensors;
    OK(bytes_open(NULL, k % 2 ? &packed : &b, BZDI_FORMAT_AUTO, NULL, &tensors));
    assert_int_equal(tensors->format, BZDI_FORMAT_IDX);
    const bzdi_array *array = &tensors->array[0];
    assert_true(array->type == types[k / 2].type && array->ndim == 2 && array->shape[0] == 2 && array->shape[1] == 3);
    OK(bzdi_tensors_read(tensors, 0, out));
    size_t size = types[k / 2].size;
    for (size_t i = 0; i < 6 * size; i++) assert_int_equal(out[i], data[i / size * size + size - 1 - i % size]);
    bzdi_tensors_free(tensors);
    bytes_free(&b);
    bytes_free(&packed);
  }
}

static void test_refused(void **state) {
  (void)state;
  refuses(BZD_E_FORMAT, "too few", (bytes){calloc(3, 1), 3, 0});
  refuses(BZD_E_CORRUPT, "0x0a", make(10, 1, three, "abc", 3));
  refuses(BZD_E_CORRUPT, "0 dimensions", make(8, 0, NULL, "a", 1));
  refuses(BZD_E_UNSUPPORTED, "9 dimensions", make(8, 9, deep, "a", 1));
  refuses(BZD_E_CORRUPT, "10 bytes, its header says 11", make(8, 1, three, "ab", 2));
  refuses(BZD_E_CORRUPT, "12 bytes, its header says 11", make(8, 1, three, "abcd", 4));
  refuses(BZD_E_CORRUPT, "2^62", make(8, 3, huge, "abcd", 4));
  bytes b = make(8, 1, three, "abc", 3);
  b.data[1] = 1;
  refuses(BZD_E_FORMAT, "not an IDX", b);
}

static bytes changed(bytes b, size_t place, int value) {
  b.data[place] = (unsigned char)value;
  return b;
}

static void test_gzip(void **state) {
  (void)state;
  bytes raw = make(8, 1, three, "abc", 3), shorter = make(8, 1, three, "ab", 2), longer = make(8, 1, three, "abcd", 4);
  for (int flags = 0; flags < 32; flags += 2) {
    bytes b = gzip(&raw, flags);
    OK(bytes_judge(NULL, &b, BZDI_FORMAT_IDX));
    bytes_free(&b);
  }
  bytes good = gzip(&raw, 0);
  size_t end = good.size;
  refuses(BZD_E_UNSUPPORTED, "method 9", changed(gzip(&raw, 0), 2, 9));
  refuses(BZD_E_CORRUPT, "reserved", changed(gzip(&raw, 0), 3, 0x20));
  refuses(BZD_E_CORRUPT, "header checksum", changed(gzip(&raw, 2), 4, 1));
  refuses(BZD_E_CORRUPT, "gzip checksum", changed(gzip(&raw, 0), end - 8, good.data[end - 8] ^ 1));
  refuses(BZD_E_CORRUPT, "header says", changed(gzip(&raw, 0), end - 4, 99));
  refuses(BZD_E_CORRUPT, "header says", gzip(&shorter, 0));
  refuses(BZD_E_CORRUPT, "header says", gzip(&longer, 0));
  bytes lying = gzip(&longer, 0);
  refuses(BZD_E_CORRUPT, "more than 11", changed(lying, lying.size - 4, 11));
  lying = gzip(&shorter, 0);
  refuses(BZD_E_CORRUPT, "short", changed(lying, lying.size - 4, 11));
  bytes two = gzip(&raw, 0);
  bytes_add(&two, good.data, good.size); /* a second member: its length stands at the end, as of one */
  refuses(BZD_E_CORRUPT, "follow", two);
  static const uint32_t promise[1] = {1 << 20};
  bytes header = make(8, 1, promise, "", 0), bomb = gzip(&header, 0);
  bzdi_put32(bomb.data + bomb.size - 4, 8 + (1 << 20));
  refuses(BZD_E_CORRUPT, "at most", bomb);
  bytes_free(&header);
  bytes_free(&good);
  bytes_free(&raw);
  bytes_free(&shorter);
  bytes_free(&longer);
}

static void test_damage(void **state) {
  (void)state;
  bytes raw = make(0xB, 1, three, "abcdef", 6), packed = gzip(&raw, 8);
  int plain = bytes_damage(&raw, BZDI_FORMAT_IDX), gzipped = bytes_damage(&packed, BZDI_FORMAT_IDX);
  bytes_longer(&raw, BZDI_FORMAT_IDX);
  bytes_longer(&packed, BZDI_FORMAT_IDX);
  print_message("IDX: %d of %d flipped bits load, gzipped %d of %d\n", plain, 8 * (int)raw.size, gzipped,
                8 * (int)packed.size);
  assert_int_equal(plain, 48);           /* those of the data */
  assert_in_range(gzipped, 48, 48 + 40); /* time, system and name of the gzip header mean nothing to us */
  bytes_free(&raw);
  bytes_free(&packed);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_refused),
                                     cmocka_unit_test(test_gzip), cmocka_unit_test(test_damage)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
