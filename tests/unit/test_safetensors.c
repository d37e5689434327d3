/* SPDX-License-Identifier: MIT */
/* safetensors: round trips, bytes as the reference writes them, and headers that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tensor_bytes.h"

static bytes make(const char *header, size_t data) {
  bytes b = {NULL, 0, 0};
  static const unsigned char zeros[64];
  bytes_number(&b, strlen(header), 8);
  bytes_text(&b, header);
  bytes_add(&b, zeros, data);
  return b;
}

#define T(entry) "{\"t\":" entry "}"
#define GOOD "{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}"

static void accepts(const char *header, size_t data) {
  bytes b = make(header, data);
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  OK(bytes_judge(context, &b, BZDI_FORMAT_SAFETENSORS));
  bzdi_release(context);
  assert_int_equal(atomic_load(&h.live), 0);
  bytes_free(&b);
}

static void refuses(bzd_status status, const char *words, const char *header, size_t data) {
  bytes b = make(header, data);
  REFUSED(status, words, b, BZDI_FORMAT_SAFETENSORS);
  bytes_free(&b);
}

static void test_round_trip(void **state) {
  (void)state;
  bytes_round_trip(BZDI_FORMAT_SAFETENSORS, BZDI_FORMAT_SAFETENSORS);
}

/* Larger types first, then by name; metadata first of all; padded to 8 bytes. */
static void test_written(void **state) {
  static const char expected[] = "{\"__metadata__\":{\"a\\n\":\"\\u0001\\\"\"},"
                                 "\"z\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]},"
                                 "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[8,12]},"
                                 "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[12,16]},"
                                 "\"c\":{\"dtype\":\"BOOL\",\"shape\":[0,3],\"data_offsets\":[16,16]}}";
  static const int64_t one[1] = {1}, none[2] = {0, 3};
  static const int64_t wide = 5;
  static const float value = 2;
  bzdi_tensors *tensors;
  (void)state;
  OK(bzdi_tensors_new(NULL, &tensors));
  OK(bzdi_tensors_add(tensors, "c", BZDI_EL_BOOL, 2, none, NULL));
  OK(bzdi_tensors_add(tensors, "b", BZDI_EL_F32, 1, one, &value));
  OK(bzdi_tensors_add(tensors, "a", BZDI_EL_F32, 0, NULL, &value));
  OK(bzdi_tensors_add(tensors, "z", BZDI_EL_I64, 1, one, &wide));
  OK(bzdi_tensors_set_text(tensors, "a\n", "\x01\""));
  bytes b = bytes_of(tensors, BZDI_FORMAT_SAFETENSORS);
  uint64_t length = bzdi_get64(b.data);
  assert_int_equal(length % 8, 0);
  assert_int_equal(b.size, 8 + length + 16);
  assert_in_range(length, sizeof expected - 1, sizeof expected + 6);
  assert_memory_equal(b.data + 8, expected, sizeof expected - 1);
  for (size_t i = sizeof expected - 1; i < length; i++) assert_int_equal(b.data[8 + i], ' ');
  FAILS(BZD_E_ARGUMENT, "already", bzdi_tensors_add(tensors, "a", BZDI_EL_F32, 0, NULL, &value));
  OK(bzdi_tensors_add(tensors, "__metadata__", BZDI_EL_F32, 0, NULL, &value));
  bytes other = {NULL, 0, 0};
  bzdi_writer writer = {bytes_write, &other};
  FAILS(BZD_E_UNSUPPORTED, "__metadata__", bzdi_tensors_write(tensors, BZDI_FORMAT_SAFETENSORS, &writer));
  FAILS(BZD_E_UNSUPPORTED, "IDX", bzdi_tensors_write(tensors, BZDI_FORMAT_IDX, &writer));
  assert_int_equal(other.size, 0);
  bytes_free(&b);
  bzdi_tensors_free(tensors);
}

static void test_accepted(void **state) {
  (void)state;
  accepts("{}", 0);
  accepts("{}      ", 0);
  accepts(T(GOOD), 16);
  accepts(T(GOOD) "   ", 16);
  accepts("{ \"t\"\t:\n{\r\"shape\" : [ 2 , 2 ] , \"data_offsets\":[ 0 , 16 ], \"dty\\u0070e\":\"F32\" } }", 16);
  accepts("{\"__metadata__\":{},\"t\":" GOOD "}", 16);
  accepts("{\"t\":" GOOD ",\"__metadata__\":{\"k\":\"\\ud83d\\ude00\",\"\":\"\"}}", 16);
  /* The header's order is free, that of the bytes is not. */
  accepts("{\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[1,4]},"
          "\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},"
          "\"e\":{\"dtype\":\"F64\",\"shape\":[0,9],\"data_offsets\":[1,1]}}",
          4);
}

static void test_refused(void **state) {
  (void)state;
  refuses(BZD_E_FORMAT, "too few", "", 0);
  refuses(BZD_E_CORRUPT, "expected '{'", " {}", 0);
  refuses(BZD_E_CORRUPT, "expected '{'", "[]", 0);
  refuses(BZD_E_CORRUPT, "spaces", "{}\n", 0);
  refuses(BZD_E_CORRUPT, "spaces", "{} {", 0);
  refuses(BZD_E_CORRUPT, "UTF-8", "{\"\xff\":" GOOD "}", 16);
  refuses(BZD_E_CORRUPT, "twice", "{\"t\":" GOOD ",\"t\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[16,16]}}",
          16);
  refuses(BZD_E_CORRUPT, "twice", "{\"__metadata__\":{},\"__metadata__\":{}}", 0);
  refuses(BZD_E_CORRUPT, "twice", "{\"__metadata__\":{\"a\":\"\",\"\\u0061\":\"\"}}", 0);
  refuses(BZD_E_CORRUPT, "expected", "{\"__metadata__\":{\"a\":1}}", 0);
  refuses(BZD_E_CORRUPT, "expected", "{\"__metadata__\":{\"a\":{}}}", 0);
  refuses(BZD_E_CORRUPT, "expected", "{\"__metadata__\":null}", 0);
  refuses(BZD_E_CORRUPT, "expected", T("[]"), 0);
  refuses(BZD_E_CORRUPT, "lacks shape", T("{\"dtype\":\"F32\",\"data_offsets\":[0,4]}"), 4);
  refuses(BZD_E_CORRUPT, "lacks dtype", T("{}"), 0);
  refuses(BZD_E_CORRUPT, "no member", T("{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4],\"x\":1}"), 4);
  refuses(BZD_E_CORRUPT, "twice", T("{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}"), 4);
  refuses(BZD_E_UNSUPPORTED, "F8_E4M3", T("{\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[0,4]}"), 4);
  refuses(BZD_E_UNSUPPORTED, "8 dim", T("{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}"), 1);
  refuses(BZD_E_UNSUPPORTED, "NUL", "{\"\\u0000\":" GOOD "}", 16);
  refuses(BZD_E_CORRUPT, "surrogates", "{\"\\ud83d\":" GOOD "}", 16);
  refuses(BZD_E_CORRUPT, "surrogates", "{\"\\ude00\":" GOOD "}", 16);
  refuses(BZD_E_CORRUPT, "surrogates", "{\"\\ud83d\\u0041\":" GOOD "}", 16);
  refuses(BZD_E_CORRUPT, "hexadecimal", "{\"\\u12g4\":" GOOD "}", 16);
  refuses(BZD_E_CORRUPT, "escape", "{\"\\x\":" GOOD "}", 16);
  refuses(BZD_E_CORRUPT, "control", "{\"a\tb\":" GOOD "}", 16);
  refuses(BZD_E_CORRUPT, "end of a string", "{\"abc", 16);
  refuses(BZD_E_CORRUPT, "end of a string", "{\"abc\\\"", 16);
  refuses(BZD_E_CORRUPT, "','", "{\"t\":" GOOD " \"u\":" GOOD "}", 16);
  refuses(BZD_E_CORRUPT, "'\"'", "{\"t\":" GOOD ",}", 16);
}

static void test_numbers(void **state) {
  (void)state;
#define SHAPE(shape, offsets) T("{\"dtype\":\"F32\",\"shape\":[" shape "],\"data_offsets\":[" offsets "]}")
  refuses(BZD_E_CORRUPT, "fit", SHAPE("2,3", "0,16"), 16);
  refuses(BZD_E_CORRUPT, "16 bytes", SHAPE("2,2", "4,20"), 16);
  refuses(BZD_E_CORRUPT, "begins at 4", SHAPE("2,2", "4,20"), 20);
  refuses(BZD_E_CORRUPT, "16 of 20", SHAPE("2,2", "0,16"), 20);
  refuses(BZD_E_CORRUPT, "16..0", SHAPE("2,2", "16,0"), 16);
  refuses(BZD_E_CORRUPT, "digits", SHAPE("2.0,2", "0,16"), 16);
  refuses(BZD_E_CORRUPT, "digits", SHAPE("2e0,2", "0,16"), 16);
  refuses(BZD_E_CORRUPT, "leading", SHAPE("02,2", "0,16"), 16);
  refuses(BZD_E_CORRUPT, "whole number", SHAPE("-2,2", "0,16"), 16);
  refuses(BZD_E_CORRUPT, "whole number", SHAPE("2,2,", "0,16"), 16);
  refuses(BZD_E_CORRUPT, "2^63", SHAPE("9223372036854775808", "0,16"), 16);
  refuses(BZD_E_CORRUPT, "2^63", SHAPE("99999999999999999999999", "0,16"), 16);
  refuses(BZD_E_CORRUPT, "fit", SHAPE("4294967296,4294967296", "0,16"), 16);
  refuses(BZD_E_CORRUPT, "fit", SHAPE("4294967296,4294967296,0", "0,0"), 0);
  refuses(BZD_E_CORRUPT, "','", SHAPE("2,2", "0"), 16);
  refuses(BZD_E_CORRUPT, "']'", SHAPE("2,2", "0,16,16"), 16);
  refuses(BZD_E_CORRUPT, "begins at 1",
          "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
          "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
          3);
  bytes b = make(T(GOOD), 16);
  bzdi_put64(b.data, 100000001);
  REFUSED(BZD_E_CORRUPT, "100000001", b, BZDI_FORMAT_SAFETENSORS);
  bzdi_put64(b.data, UINT64_MAX);
  REFUSED(BZD_E_CORRUPT, "18446744073709551615", b, BZDI_FORMAT_SAFETENSORS);
  bytes_free(&b);
}

static void test_limits(void **state) {
  bzdi_tensors *tensors;
  (void)state;
  bytes b = make("{\"__metadata__\":{\"a\":\"\",\"b\":\"\"},\"t\":" GOOD
                 ",\"u\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[16,16]}}",
                 16);
  const bzdi_limits limits[] = {
      {.max_file = b.size - 1}, {.max_raw = 15}, {.max_index = 50}, {.max_tensors = 1}, {.max_meta = 1}};
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
    FAILS(BZD_E_LIMIT, "limit is", bytes_open(NULL, &b, BZDI_FORMAT_AUTO, &limits[i], &tensors));
  bytes_free(&b);
}

static void test_damage(void **state) {
  (void)state;
  bzdi_tensors *tensors;
  const int64_t shape[1] = {3};
  OK(bzdi_tensors_new(NULL, &tensors));
  OK(bzdi_tensors_add(tensors, "w", BZDI_EL_F16, 1, shape, "abcdef"));
  OK(bzdi_tensors_set_text(tensors, "k", "v"));
  bytes b = bytes_of(tensors, BZDI_FORMAT_SAFETENSORS);
  int loads = bytes_damage(&b, BZDI_FORMAT_SAFETENSORS);
  bytes_longer(&b, BZDI_FORMAT_SAFETENSORS);
  print_message("safetensors: %d of %d flipped bits load\n", loads, 8 * (int)b.size);
  assert_in_range(loads, 48, 8 * b.size / 4); /* those of the data, and names */
  bytes_free(&b);
  bzdi_tensors_free(tensors);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip), cmocka_unit_test(test_written), cmocka_unit_test(test_accepted),
      cmocka_unit_test(test_refused),    cmocka_unit_test(test_numbers), cmocka_unit_test(test_limits),
      cmocka_unit_test(test_damage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
