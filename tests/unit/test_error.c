/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "base/error.h"

static void text_is_set_copied_and_cleared(void **state) {
  (void)state;
  char text[64];
  assert_int_equal(bzdi_fail(BZD_E_DIMENSION, "teacher %d: dim %d, expected %d", 2, 64, 784), BZD_E_DIMENSION);
  assert_int_equal(bzdi_error_copy(text, sizeof text), 31);
  assert_string_equal(text, "teacher 2: dim 64, expected 784");
  assert_int_equal(bzdi_done(BZD_E_DIMENSION), BZD_E_DIMENSION);
  assert_int_equal(bzdi_error_copy(NULL, 0), 31);
  assert_int_equal(bzdi_done(BZD_OK), BZD_OK);
  assert_int_equal(bzdi_error_copy(text, sizeof text), 0);
  assert_string_equal(text, "");
}

static void copy_is_cut_to_the_buffer(void **state) {
  (void)state;
  char text[8];
  memset(text, 'x', sizeof text);
  assert_int_equal(bzdi_text_copy("abcdef", text, 4), 6);
  assert_memory_equal(text, "abc\0xxxx", 8);
  assert_int_equal(bzdi_text_copy("abcdef", text, 7), 6);
  assert_memory_equal(text, "abcdef\0x", 8);
  assert_int_equal(bzdi_text_copy("abcdef", text, 1), 6);
  assert_int_equal(text[0], 0);
  assert_int_equal(bzdi_text_copy("abcdef", text, 0), 6);
  assert_int_equal(text[1], 'b');
  assert_int_equal(bzdi_text_copy("abcdef", NULL, 0), 6);
}

static void control_bytes_and_length_are_tamed(void **state) {
  (void)state;
  char text[1024], longer[1024];
  bzdi_fail(BZD_E_IO, "a\nb\tc\x7f"
                      "d\x1b[0m \xC3\xA9");
  bzdi_error_copy(text, sizeof text);
  assert_string_equal(text, "a?b?c?d?[0m \xC3\xA9");
  memset(longer, 'y', sizeof longer - 1);
  longer[sizeof longer - 1] = '\0';
  bzdi_fail(BZD_E_IO, "%s", longer);
  assert_int_equal(bzdi_error_copy(text, sizeof text), 511);
  assert_memory_equal(text, longer, 511);
}

static bzd_status inner(int fails) { return fails ? bzdi_fail(BZD_E_STEPS, "row 3") : BZD_OK; }

static bzd_status outer(int fails, int *reached) {
  BZDI_TRY(inner(fails));
  *reached = 1;
  return BZD_OK;
}

static void try_passes_failures_on(void **state) {
  (void)state;
  int reached = 0;
  assert_int_equal(outer(1, &reached), BZD_E_STEPS);
  assert_int_equal(reached, 0);
  assert_int_equal(outer(0, &reached), BZD_OK);
  assert_int_equal(reached, 1);
}

static void *other_thread(void *out) {
  size_t *length = out;
  length[0] = bzdi_error_copy(NULL, 0);
  bzdi_fail(BZD_E_IO, "elsewhere");
  length[1] = bzdi_error_copy(NULL, 0);
  return NULL;
}

static void each_thread_has_its_own(void **state) {
  (void)state;
  size_t length[2] = {99, 99};
  char text[16];
  pthread_t thread;
  bzdi_fail(BZD_E_IO, "here");
  assert_int_equal(pthread_create(&thread, NULL, other_thread, length), 0);
  pthread_join(thread, NULL);
  assert_int_equal(length[0], 0);
  assert_int_equal(length[1], 9);
  bzdi_error_copy(text, sizeof text);
  assert_string_equal(text, "here");
}

static void statuses_have_pinned_numbers_and_names(void **state) {
  (void)state;
  static const struct {
    bzd_status status;
    const char *name;
  } pinned[] = {{0, "BZD_OK"},          {-10, "BZD_E_ARGUMENT"},    {-11, "BZD_E_DIMENSION"}, {-12, "BZD_E_CONFIG"},
                {-13, "BZD_E_STATE"},   {-14, "BZD_E_UNSUPPORTED"}, {-20, "BZD_E_MEMORY"},    {-21, "BZD_E_LIMIT"},
                {-30, "BZD_E_IO"},      {-31, "BZD_E_FORMAT"},      {-32, "BZD_E_CORRUPT"},   {-33, "BZD_E_VERSION"},
                {-40, "BZD_E_NUMERIC"}, {-41, "BZD_E_DIVERGED"},    {-42, "BZD_E_STEPS"},     {-50, "BZD_E_CANCELLED"},
                {-90, "BZD_E_INTERNAL"}};
  size_t k = 0;
  for (bzd_status status = 0; status >= -100; status--) {
    const char *expected = "BZD_E_UNKNOWN";
    if (k < sizeof pinned / sizeof *pinned && pinned[k].status == status) expected = pinned[k++].name;
    assert_string_equal(bzdi_status_name(status), expected);
  }
  assert_int_equal(k, sizeof pinned / sizeof *pinned);
  assert_string_equal(bzdi_status_name(1), "BZD_E_UNKNOWN");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_is_set_copied_and_cleared),
      cmocka_unit_test(copy_is_cut_to_the_buffer),
      cmocka_unit_test(control_bytes_and_length_are_tamed),
      cmocka_unit_test(try_passes_failures_on),
      cmocka_unit_test(each_thread_has_its_own),
      cmocka_unit_test(statuses_have_pinned_numbers_and_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
