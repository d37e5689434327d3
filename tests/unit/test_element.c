/* SPDX-License-Identifier: MIT */
/* Numbers of other types as float32, and names that are found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tensor_bytes.h"

static float one(int32_t type, const void *bits) {
  float out;
  bzdi_element_to_f32(type, bits, 1, &out);
  return out;
}

/* Every half: the value by its definition, and exact both ways. */
static void test_half(void **state) {
  (void)state;
  for (uint32_t bits = 0; bits < 65536; bits++) {
    uint16_t half = (uint16_t)bits;
    int exponent = (int)(bits >> 10 & 31), fraction = (int)(bits & 1023);
    float value = one(BZDI_EL_F16, &half);
    if (exponent == 31 && fraction > 0) {
      assert_true(isnan(value));
      continue;
    }
    double expected = exponent == 31  ? INFINITY
                      : exponent == 0 ? ldexp(fraction, -24)
                                      : ldexp(1024 + fraction, exponent - 25);
    assert_true((double)value == (bits >> 15 ? -expected : expected));
    assert_int_equal(signbit(value) != 0, bits >> 15);
  }
}

static void test_others(void **state) {
  const uint16_t third = 0x3EAB, nan = 0xFFC1, i16 = 0x8000;
  const uint32_t big = 0xFFFFFFFF, tie = 16777217;
  const int32_t low = INT32_MIN;
  const uint64_t most = UINT64_MAX;
  const int64_t least = INT64_MIN;
  const double tiny = 1e-46, large = 1e39, even = 16777217, next = 0.1;
  const unsigned char bits[1] = {200}, truths[3] = {0, 1, 2};
  (void)state;
  assert_true(one(BZDI_EL_BF16, &third) == 0.333984375f && isnan(one(BZDI_EL_BF16, &nan)));
  assert_true(one(BZDI_EL_I16, &i16) == -32768 && one(BZDI_EL_U16, &i16) == 32768);
  assert_true(one(BZDI_EL_U32, &big) == 4294967296.0f && one(BZDI_EL_U32, &tie) == 16777216.0f);
  assert_true(one(BZDI_EL_I32, &low) == -2147483648.0f);
  assert_true(one(BZDI_EL_U64, &most) == 18446744073709551616.0f &&
              one(BZDI_EL_I64, &least) == -9223372036854775808.0f);
  assert_true(one(BZDI_EL_F64, &tiny) == 0 && isinf(one(BZDI_EL_F64, &large)) && one(BZDI_EL_F64, &next) == 0.1f);
  assert_true(one(BZDI_EL_F64, &even) == 16777216.0f);
  assert_true(one(BZDI_EL_U8, bits) == 200 && one(BZDI_EL_I8, bits) == -56 && one(BZDI_EL_BOOL, bits) == 1);
  assert_true(one(BZDI_EL_BOOL, truths) == 0 && one(BZDI_EL_BOOL, truths + 1) == 1 &&
              one(BZDI_EL_BOOL, truths + 2) == 1);
}

static void test_floats(void **state) {
  (void)state;
  for (int32_t type = 1; type < BZDI_EL_END; type++)
    assert_int_equal(bzdi_element_is_float(type), strchr(bzdi_elements[type].name, 'f') != NULL);
}

/* In place, where the numbers are no wider than float32. */
static void test_in_place(void **state) {
  union {
    float values[300];
    uint8_t octets[300];
    int16_t words[300];
  } room;
  (void)state;
  for (int i = 0; i < 300; i++) room.octets[i] = (uint8_t)i;
  bzdi_element_to_f32(BZDI_EL_U8, &room, 300, room.values);
  for (int i = 0; i < 300; i++) assert_true(room.values[i] == (float)(i & 255));
  for (int i = 0; i < 300; i++) room.words[i] = (int16_t)-i;
  bzdi_element_to_f32(BZDI_EL_I16, &room, 300, room.values);
  for (int i = 0; i < 300; i++) assert_true(room.values[i] == (float)-i);
}

static void test_names(void **state) {
  enum { COUNT = 1000 };
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  bzdi_names names = {0};
  char text[16];
  (void)state;
  for (int i = 0; i < COUNT; i++) {
    snprintf(text, sizeof text, "n%d", i * 7919 % COUNT);
    char *copy = bzdi_names_copy(context, text, strlen(text));
    OK(i < COUNT / 2 ? bzdi_names_append(context, &names, copy) : bzdi_names_insert(context, &names, copy));
    if (i == COUNT / 2 - 1) assert_int_equal(bzdi_names_sort(&names), -1);
  }
  for (int i = 0; i < COUNT; i += 3) { /* a removed one is gone, the others are found */
    int64_t before = names.count;
    snprintf(text, sizeof text, "n%d", i);
    bzdi_names_remove(context, &names, bzdi_names_find(&names, text));
    assert_int_equal(names.count, before - 1);
  }
  for (int i = 0; i < COUNT; i++) {
    snprintf(text, sizeof text, "n%d", i);
    int64_t at = bzdi_names_find(&names, text);
    if (i % 3 == 0)
      assert_int_equal(at, -1);
    else
      assert_string_equal(names.name[at], text);
  }
  for (int64_t i = 1; i < names.count; i++)
    assert_true(strcmp(names.name[names.order[i - 1]], names.name[names.order[i]]) < 0);
  OK(bzdi_names_append(context, &names, bzdi_names_copy(context, "n1", 2)));
  assert_string_equal(names.name[bzdi_names_sort(&names)], "n1");
  bzdi_names_clear(context, &names);
  bzdi_release(context);
  assert_int_equal(atomic_load(&h.live), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_half), cmocka_unit_test(test_others),
                                     cmocka_unit_test(test_floats), cmocka_unit_test(test_in_place),
                                     cmocka_unit_test(test_names)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
