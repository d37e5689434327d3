/* SPDX-License-Identifier: MIT */
/* The clock goes forwards, in seconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

#include <time.h>

static void test_clock(void **state) {
  (void)state;
  const struct timespec pause = {.tv_nsec = 20000000};
  double start = bzdi_seconds();
  nanosleep(&pause, NULL);
  double passed = bzdi_seconds() - start;
  assert_true(passed >= 0.019 && passed < 3600); /* a pause may last long on a busy machine */
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_clock)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
