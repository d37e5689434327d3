/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* sched_setaffinity */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "../support/heap.h"
#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"
#include "base/task.h"

static bzd_context_config config_on(heap *h, int32_t threads) {
  return (bzd_context_config){.struct_size = sizeof(bzd_context_config),
                              .threads = threads,
                              .alloc = heap_alloc,
                              .free = heap_free,
                              .alloc_user = h};
}

static void default_context_is_plain(void **state) {
  (void)state;
  const bzd_context *context = bzdi_context(NULL);
  assert_non_null(context);
  assert_int_equal(context->threads, 1);
  assert_null(context->pool);
  assert_null(context->log);
  assert_int_equal(bzdi_handle_check(context, BZDI_MAGIC_CONTEXT, "context", "context"), BZD_OK);
  bzdi_log(NULL, BZD_LOG_INFO, "nobody hears this");
  assert_ptr_equal(bzdi_context(context), context);
}

static void new_copies_the_config(void **state) {
  (void)state;
  heap h = {0};
  bzd_context_config config = config_on(&h, 1);
  bzd_context *context = NULL;
  assert_int_equal(bzdi_context_new(&config, &context), BZD_OK);
  memset(&config, 0xEE, sizeof config);
  assert_ptr_equal(context->handle.context, context);
  assert_ptr_equal(context->alloc_user, &h);
  assert_int_equal(context->threads, 1);
  assert_null(context->pool);
  void *block = bzdi_malloc(context, 100, 1);
  assert_non_null(block);
  bzdi_free(context, block);
  bzdi_retain(context);
  bzdi_release(context);
  assert_true(h.live > 0);
  bzdi_release(context);
  assert_int_equal(h.live, 0);
  assert_int_equal(h.wrong, 0);
}

static void every_refused_allocation_is_survived(void **state) {
  (void)state;
  for (int k = 1;; k++) {
    heap h = {.refuse_from = k};
    bzd_context_config config = config_on(&h, 4);
    bzd_context *context = (bzd_context *)&h;
    bzd_status status = bzdi_context_new(&config, &context);
    if (status == BZD_OK) {
      assert_true(k > 2); /* the context and its pool were refused before */
      bzdi_release(context);
      assert_int_equal(h.live, 0);
      break;
    }
    assert_int_equal(status, BZD_E_MEMORY);
    assert_null(context);
    assert_int_equal(h.live, 0);
  }
}

static void threads_zero_means_the_cores_allowed(void **state) {
  (void)state;
  bzd_context_config config = {.struct_size = sizeof config};
  bzd_context *context;
  assert_int_equal(bzdi_context_new(&config, &context), BZD_OK);
  assert_int_equal(context->threads, bzdi_cores());
  assert_int_equal(bzdi_slots(context), bzdi_cores());
  bzdi_release(context);

  cpu_set_t all, one;
  assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
  assert_int_equal(bzdi_cores(), CPU_COUNT(&all) < 256 ? CPU_COUNT(&all) : 256);
  size_t cpu = 0;
  while (!CPU_ISSET(cpu, &all)) cpu++;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
  assert_int_equal(bzdi_cores(), 1);
  assert_int_equal(bzdi_context_new(&config, &context), BZD_OK);
  assert_int_equal(context->threads, 1);
  bzdi_release(context);
  assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

struct heard {
  int32_t level;
  int lines;
  char text[600];
};

static void listen(void *user, int32_t level, const char *text) {
  struct heard *heard = user;
  heard->level = level;
  heard->lines++;
  strncpy(heard->text, text, sizeof heard->text - 1);
}

static void log_reaches_the_host_as_one_line(void **state) {
  (void)state;
  struct heard heard = {0};
  bzd_context_config config = {.struct_size = sizeof config, .threads = 1, .log = listen, .log_user = &heard};
  bzd_context *context;
  assert_int_equal(bzdi_context_new(&config, &context), BZD_OK);
  bzdi_log(context, BZD_LOG_WARNING, "step %d of %d: %s", 3, 10, "a\nb");
  assert_int_equal(heard.lines, 1);
  assert_int_equal(heard.level, BZD_LOG_WARNING);
  assert_string_equal(heard.text, "step 3 of 10: a?b");
  char longer[1000];
  memset(longer, 'z', sizeof longer - 1);
  longer[sizeof longer - 1] = '\0';
  bzdi_log(context, BZD_LOG_INFO, "%s", longer);
  assert_int_equal(strlen(heard.text), 511);
  bzdi_release(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(default_context_is_plain),
      cmocka_unit_test(new_copies_the_config),
      cmocka_unit_test(every_refused_allocation_is_survived),
      cmocka_unit_test(threads_zero_means_the_cores_allowed),
      cmocka_unit_test(log_reaches_the_host_as_one_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
