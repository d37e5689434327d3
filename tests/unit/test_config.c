/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/config.h"
#include "base/error.h"

/* A struct as first released, as this library knows it, and as a later one will. */
struct first {
  uint32_t struct_size;
  int32_t a;
};
struct ours {
  uint32_t struct_size;
  int32_t a;
  double b;
};
struct later {
  uint32_t struct_size;
  int32_t a;
  double b;
  int64_t c, d;
};

static const struct ours defaults = {.a = 7, .b = 2.5};

static bzd_status init(void *config, size_t size) {
  return bzdi_config_init("thing config", config, size, &defaults, sizeof defaults, sizeof(struct first));
}

static bzd_status read_over(const void *config, struct ours *values) {
  return bzdi_config_read("thing config", config, values, sizeof *values, sizeof(struct first));
}

static void assert_text(const char *expected) {
  char text[512];
  bzdi_error_copy(text, sizeof text);
  assert_string_equal(text, expected);
}

static void init_fills_what_the_caller_knows(void **state) {
  (void)state;
  struct later all;
  for (size_t size = 0; size <= sizeof all; size += 8) {
    memset(&all, 0xEE, sizeof all);
    if (size < sizeof(struct first)) {
      assert_int_equal(init(&all, size), BZD_E_CONFIG);
      assert_int_equal(all.struct_size, 0xEEEEEEEE);
      continue;
    }
    assert_int_equal(init(&all, size), BZD_OK);
    assert_int_equal(all.struct_size, size);
    assert_int_equal(all.a, 7);
    if (size >= sizeof(struct ours)) assert_true(all.b == 2.5);
    for (size_t i = 0; i < sizeof all; i++) {
      unsigned char byte = ((unsigned char *)&all)[i];
      if (i >= size) assert_int_equal(byte, 0xEE);
      if (i >= sizeof(struct ours) && i < size) assert_int_equal(byte, 0);
    }
  }
}

static void init_refuses(void **state) {
  (void)state;
  struct later all = {.a = 3};
  assert_int_equal(init(NULL, sizeof all), BZD_E_ARGUMENT);
  assert_text("thing config is NULL");
  assert_int_equal(init(&all, 4), BZD_E_CONFIG);
  assert_text("thing config: size is 4, expected 8..4096");
  assert_int_equal(init(&all, SIZE_MAX), BZD_E_CONFIG);
  assert_int_equal(init(&all, (size_t)UINT32_MAX + 17), BZD_E_CONFIG);
  assert_int_equal(all.a, 3);
}

static void read_overlays_every_generation(void **state) {
  (void)state;
  struct ours values = defaults;
  assert_int_equal(read_over(NULL, &values), BZD_OK);
  assert_int_equal(values.a, 7);

  struct first old = {.struct_size = sizeof old, .a = 11};
  assert_int_equal(read_over(&old, &values), BZD_OK);
  assert_int_equal(values.struct_size, sizeof values);
  assert_int_equal(values.a, 11);
  assert_true(values.b == 2.5); /* ours stands */

  struct ours same = {.struct_size = sizeof same, .a = 12, .b = 1};
  assert_int_equal(read_over(&same, &values), BZD_OK);
  assert_int_equal(values.a, 12);
  assert_true(values.b == 1);

  struct later new = {.struct_size = sizeof new, .a = 13, .b = 4};
  assert_int_equal(read_over(&new, &values), BZD_OK);
  assert_int_equal(values.struct_size, sizeof values);
  assert_int_equal(values.a, 13);
  assert_true(values.b == 4);

  new.a = 14;
  new.d = INT64_MIN; /* one byte, the last */
  assert_int_equal(read_over(&new, &values), BZD_E_CONFIG);
  assert_text("thing config: newer than this library (byte 31 is set, 16 are known)");
  assert_int_equal(values.a, 13);
}

static void read_refuses_what_was_never_initialised(void **state) {
  (void)state;
  struct ours values = defaults, config = {.a = 1};
  const uint32_t sizes[] = {0, 1, 7, 4097, 0xCDCDCDCD, UINT32_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    config.struct_size = sizes[i];
    assert_int_equal(read_over(&config, &values), BZD_E_CONFIG);
    assert_memory_equal(&values, &defaults, sizeof values);
    assert_int_equal(bzdi_result_check("thing info", &config, sizeof(struct first)), BZD_E_CONFIG);
  }
  config.struct_size = 0;
  read_over(&config, &values);
  assert_text("thing config: never initialised (struct_size is 0, expected 16)");
  bzdi_result_check("thing info", &config, 8);
  assert_text("thing info: never initialised (struct_size is 0, expected at least 8)");
}

static void results_go_to_the_smaller_size(void **state) {
  (void)state;
  const struct ours values = {.struct_size = sizeof values, .a = 5, .b = 6};
  assert_int_equal(bzdi_result_check("thing info", NULL, 8), BZD_OK);
  bzdi_result_write(NULL, &values, sizeof values);
  struct later all;
  const size_t sizes[] = {sizeof(struct first), sizeof(struct ours), sizeof(struct later)};
  for (int i = 0; i < 3; i++) {
    memset(&all, 0xEE, sizeof all);
    all.struct_size = (uint32_t)sizes[i];
    assert_int_equal(bzdi_result_check("thing info", &all, 8), BZD_OK);
    bzdi_result_write(&all, &values, sizeof values);
    assert_int_equal(all.struct_size, sizes[i]);
    assert_int_equal(all.a, 5);
    if (i == 0)
      assert_int_equal(((unsigned char *)&all)[8], 0xEE);
    else
      assert_true(all.b == 6);
    assert_int_equal(((unsigned char *)&all)[16], 0xEE);
  }
}

static void ranges_are_closed_and_nan_fails(void **state) {
  (void)state;
  assert_int_equal(bzdi_check_i64("flow", "degree", 1, 1, 16), BZD_OK);
  assert_int_equal(bzdi_check_i64("flow", "degree", 16, 1, 16), BZD_OK);
  assert_int_equal(bzdi_check_i64("flow", "degree", 0, 1, 16), BZD_E_ARGUMENT);
  assert_int_equal(bzdi_check_i64("flow", "degree", 17, 1, 16), BZD_E_ARGUMENT);
  assert_text("flow: degree is 17, expected 1..16");
  assert_int_equal(bzdi_check_i64("flow", "degree", INT64_MIN, 1, 16), BZD_E_ARGUMENT);
  assert_int_equal(bzdi_check_f64("trainer", "rho", 0, 0, 1), BZD_OK);
  assert_int_equal(bzdi_check_f64("trainer", "rho", 1, 0, 1), BZD_OK);
  assert_int_equal(bzdi_check_f64("trainer", "rho", 1.5, 0, 1), BZD_E_ARGUMENT);
  assert_text("trainer: rho is 1.5, expected 0..1");
  assert_int_equal(bzdi_check_f64("trainer", "rho", (double)NAN, 0, 1), BZD_E_ARGUMENT);
  assert_int_equal(bzdi_check_f64("trainer", "rho", (double)INFINITY, 0, 1), BZD_E_ARGUMENT);
  assert_int_equal(bzdi_check_ptr("flow", "x"), BZD_OK);
  assert_int_equal(bzdi_check_ptr("flow", NULL), BZD_E_ARGUMENT);
  assert_text("flow is NULL");
}

static void finite_names_row_and_column(void **state) {
  (void)state;
  float x[15] = {0, -0.0f, 1e38f, -3.4028234e38f, 1e-45f};
  assert_int_equal(bzdi_check_finite("data", 5, 3, x), BZD_OK);
  assert_int_equal(bzdi_check_finite("data", 0, 3, NULL), BZD_OK);
  for (int i = 0; i < 15; i++) {
    const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (int k = 0; k < 4; k++) {
      float kept = x[i];
      x[i] = bad[k];
      assert_int_equal(bzdi_check_finite("data", 5, 3, x), BZD_E_NUMERIC);
      x[i] = kept;
    }
  }
  x[7] = -INFINITY;
  bzdi_check_finite("data", 5, 3, x);
  assert_text("data: row 2, column 1 is -inf");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(init_fills_what_the_caller_knows), cmocka_unit_test(init_refuses),
      cmocka_unit_test(read_overlays_every_generation),   cmocka_unit_test(read_refuses_what_was_never_initialised),
      cmocka_unit_test(results_go_to_the_smaller_size),   cmocka_unit_test(ranges_are_closed_and_nan_fails),
      cmocka_unit_test(finite_names_row_and_column),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
