/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "../support/heap.h"
#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"
#include "base/handle.h"

#define MAGIC 0x31545354u

struct thing {
  bzdi_handle handle;
  struct thing *parent;
  int *order; /* order[0] counts drops; each drop notes its name at the next place */
  int name;
};

static void drop(void *self) {
  struct thing *thing = self;
  if (thing->order) thing->order[++thing->order[0]] = thing->name;
  bzdi_release(thing->parent);
}

static struct thing *make(const bzd_context *context, int name, struct thing *parent, int *order) {
  struct thing *thing = bzdi_handle_new(context, MAGIC, sizeof *thing, drop);
  if (!thing) return NULL;
  thing->name = name;
  thing->parent = bzdi_retain(parent);
  thing->order = order;
  return thing;
}

static bzd_context *context_on(heap *h) {
  bzd_context_config config = {.struct_size = sizeof config, .threads = 1};
  bzd_context *context;
  config.alloc = heap_alloc;
  config.free = heap_free;
  config.alloc_user = h;
  assert_int_equal(bzdi_context_new(&config, &context), BZD_OK);
  return context;
}

static void any_order_of_release_works(void **state) {
  (void)state;
  /* context, parent, child: every order in which the caller may let go of the three */
  static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (int i = 0; i < 6; i++) {
    heap h = {0};
    int order[3] = {0};
    bzd_context *context = context_on(&h);
    struct thing *parent = make(context, 1, NULL, order), *child = make(context, 2, parent, order);
    void *held[3] = {context, parent, child};
    for (int k = 0; k < 3; k++) {
      assert_true(h.live > 0);
      bzdi_release(held[orders[i][k]]);
    }
    assert_int_equal(order[0], 2);
    assert_int_equal(order[1], 2); /* the child goes first, as it holds the parent */
    assert_int_equal(order[2], 1);
    assert_int_equal(h.live, 0);
    assert_int_equal(h.wrong, 0);
  }
}

static void default_context_is_never_written(void **state) {
  (void)state;
  const bzd_context *context = bzdi_context(NULL);
  const bzd_context before = {.alloc = context->alloc}; /* a write would fault: the object is constant */
  assert_ptr_equal(bzdi_retain(context), context);
  bzdi_release((void *)(uintptr_t)context);
  bzdi_release((void *)(uintptr_t)context);
  struct thing *thing = make(NULL, 1, NULL, NULL);
  assert_ptr_equal(thing->handle.context, context);
  bzdi_release(thing);
  assert_true(context->alloc == before.alloc);
  bzdi_release(NULL);
  assert_null(bzdi_retain(NULL));
}

static void check_names_the_fault(void **state) {
  (void)state;
  char text[128];
  struct thing *thing = make(NULL, 1, NULL, NULL);
  assert_int_equal(bzdi_handle_check(thing, MAGIC, "teacher 2", "flow"), BZD_OK);
  assert_int_equal(bzdi_handle_check(NULL, MAGIC, "teacher 2", "flow"), BZD_E_ARGUMENT);
  bzdi_error_copy(text, sizeof text);
  assert_string_equal(text, "teacher 2 is NULL");
  assert_int_equal(bzdi_handle_check(thing, MAGIC + 1, "teacher 2", "flow"), BZD_E_STATE);
  bzdi_error_copy(text, sizeof text);
  assert_string_equal(text, "teacher 2 is not a live flow handle");
  assert_int_equal(bzdi_handle_check((char *)thing + 1, MAGIC, "teacher 2", "flow"), BZD_E_STATE);
  bzdi_release(thing);
}

/* An allocator whose memory can still be looked at after it was given back. */
static _Alignas(64) unsigned char grave[1024];
static void *grave_alloc(void *user, size_t size, size_t align) {
  (void)user, (void)align;
  return size <= sizeof grave ? grave : NULL;
}
static void grave_free(void *user, void *ptr, size_t size, size_t align) {
  (void)ptr, (void)size, (void)align;
  ++*(int *)user;
}

static void a_dead_handle_is_recognised(void **state) {
  (void)state;
  int freed = 0;
  bzd_context context = {.alloc = grave_alloc, .free = grave_free, .alloc_user = &freed};
  context.handle.size = 0;
  struct thing *thing = make(&context, 1, NULL, NULL);
  bzdi_retain(thing);
  bzdi_release(thing);
  assert_int_equal(freed, 0);
  assert_int_equal(bzdi_handle_check(thing, MAGIC, "thing", "thing"), BZD_OK);
  bzdi_release(thing);
  assert_int_equal(freed, 1);
  assert_int_equal(bzdi_handle_check(thing, MAGIC, "thing", "thing"), BZD_E_STATE);
}

static void refused_memory_gives_null(void **state) {
  (void)state;
  heap h = {0};
  bzd_context *context = context_on(&h);
  h.refuse_from = h.calls + 1;
  assert_null(make(context, 1, NULL, NULL));
  bzdi_release(context); /* the failed one kept no hold on it */
  assert_int_equal(h.live, 0);
}

static void *hold_and_let_go(void *object) {
  for (int i = 0; i < 20000; i++) bzdi_release(bzdi_retain(object));
  bzdi_release(object);
  return NULL;
}

static void counts_are_atomic(void **state) {
  (void)state;
  heap h = {0};
  int order[2] = {0};
  bzd_context *context = context_on(&h);
  struct thing *thing = make(context, 1, NULL, order);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) {
    bzdi_retain(thing);
    assert_int_equal(pthread_create(&threads[i], NULL, hold_and_let_go, thing), 0);
  }
  bzdi_release(context);
  bzdi_release(thing);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  assert_int_equal(order[0], 1);
  assert_int_equal(h.live, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_order_of_release_works), cmocka_unit_test(default_context_is_never_written),
      cmocka_unit_test(check_names_the_fault),      cmocka_unit_test(a_dead_handle_is_recognised),
      cmocka_unit_test(refused_memory_gives_null),  cmocka_unit_test(counts_are_atomic),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
