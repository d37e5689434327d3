/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "../support/heap.h"
#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"

static bzd_context context_on(heap *h) {
  return (bzd_context){.alloc = heap_alloc, .free = heap_free, .alloc_user = h, .threads = 1};
}

static void blocks_are_aligned_zeroed_and_given_back(void **state) {
  (void)state;
  heap h = {0};
  bzd_context lent = context_on(&h);
  const bzd_context *contexts[2] = {NULL, &lent};
  for (int c = 0; c < 2; c++) {
    for (size_t size = 0; size < 300; size += 7) {
      unsigned char *dirty = bzdi_malloc(contexts[c], size, 1);
      assert_non_null(dirty);
      assert_int_equal((uintptr_t)dirty % 64, 0);
      memset(dirty, 0xA5, size ? size : 1);
      bzdi_free(contexts[c], dirty);
      unsigned char *zero = bzdi_calloc(contexts[c], 3, size);
      assert_non_null(zero);
      assert_int_equal((uintptr_t)zero % 64, 0);
      for (size_t i = 0; i < 3 * size; i++) assert_int_equal(zero[i], 0);
      bzdi_free(contexts[c], zero);
    }
    bzdi_free(contexts[c], NULL);
  }
  assert_true(h.calls > 0);
  assert_int_equal(h.live, 0);
  assert_int_equal(h.wrong, 0);
}

static void overflow_and_refusal_give_null(void **state) {
  (void)state;
  heap h = {0};
  bzd_context lent = context_on(&h);
  assert_null(bzdi_malloc(&lent, SIZE_MAX, 2));
  assert_null(bzdi_calloc(&lent, SIZE_MAX / 2, 3));
  assert_null(bzdi_malloc(&lent, SIZE_MAX, 1));
  assert_null(bzdi_malloc(&lent, PTRDIFF_MAX, 1));
  assert_null(bzdi_malloc(NULL, SIZE_MAX - 64, 1));
  assert_int_equal(h.calls, 0); /* the host is not bothered with them */
  h.refuse_from = 1;
  assert_null(bzdi_malloc(&lent, 1, 1));
  assert_null(bzdi_calloc(&lent, 1, 1));
  assert_int_equal(h.live, 0);
}

static void *misaligned_alloc(void *user, size_t size, size_t align) {
  char *block = heap_alloc(user, size + 64, align);
  return block ? block + 8 : NULL;
}

static void misaligned_free(void *user, void *ptr, size_t size, size_t align) {
  heap_free(user, (char *)ptr - 8, size + 64, align);
}

static void misaligned_block_is_a_refusal(void **state) {
  (void)state;
  heap h = {0};
  bzd_context lent = {.alloc = misaligned_alloc, .free = misaligned_free, .alloc_user = &h};
  assert_null(bzdi_malloc(&lent, 100, 1));
  assert_int_equal(h.calls, 1);
  assert_int_equal(h.live, 0);
  assert_int_equal(h.wrong, 0);
}

static void no_memory_names_the_thing(void **state) {
  (void)state;
  char text[512];
  assert_int_equal(bzdi_no_memory("flow", 10, 8), BZD_E_MEMORY);
  bzdi_error_copy(text, sizeof text);
  assert_string_equal(text, "flow: no memory for 80 bytes");
  assert_int_equal(bzdi_no_memory("flow", SIZE_MAX, 8), BZD_E_MEMORY);
  bzdi_error_copy(text, sizeof text);
  assert_string_equal(text, "flow: no memory for 18446744073709551615 times 8 bytes");
}

static void cache_keeps_one_block(void **state) {
  (void)state;
  heap h = {0};
  bzd_context lent = context_on(&h);
  bzdi_cache cache = {NULL};
  void *a = bzdi_cache_take(&cache, &lent, 1000);
  assert_int_equal(h.calls, 1);
  bzdi_cache_give(&cache, &lent, a);
  assert_ptr_equal(bzdi_cache_take(&cache, &lent, 1000), a); /* kept */
  void *b = bzdi_cache_take(&cache, &lent, 10);              /* a is out, so another one */
  assert_ptr_not_equal(a, b);
  assert_int_equal(h.calls, 2);
  bzdi_cache_give(&cache, &lent, a);
  bzdi_cache_give(&cache, &lent, b); /* one is kept already: b goes back */
  assert_ptr_equal(bzdi_cache_take(&cache, &lent, 1), a);
  bzdi_cache_give(&cache, &lent, a);
  void *c = bzdi_cache_take(&cache, &lent, 5000); /* too small: exchanged for a larger one */
  assert_int_equal(h.calls, 3);
  assert_int_equal(h.live, 5000 + 64);
  bzdi_cache_give(&cache, &lent, c);
  void *kept = bzdi_cache_kept(&cache); /* whatever its size, and only once */
  assert_ptr_equal(kept, c);
  assert_null(bzdi_cache_kept(&cache));
  bzdi_cache_give(&cache, &lent, kept);
  h.refuse_from = h.calls + 1;
  assert_null(bzdi_cache_take(&cache, &lent, 6000));
  h.refuse_from = 0;
  bzdi_cache_give(&cache, &lent, NULL);
  bzdi_cache_clear(&cache, &lent);
  bzdi_cache_clear(&cache, &lent);
  assert_int_equal(h.live, 0);
  assert_int_equal(h.wrong, 0);
}

static void carve(bzdi_arena *arena, float **x, double **y, char **z) {
  *x = bzdi_arena_take(arena, 3, sizeof **x);
  *y = bzdi_arena_take(arena, 9, sizeof **y);
  *z = bzdi_arena_take(arena, 0, 1);
}

static void arena_counts_then_carves(void **state) {
  (void)state;
  bzdi_arena arena = {0};
  float *x;
  double *y;
  char *z;
  carve(&arena, &x, &y, &z);
  assert_null(x);
  assert_int_equal(arena.used, 64 + 128);
  char *block = bzdi_malloc(NULL, 1, arena.used);
  arena = (bzdi_arena){.base = block};
  carve(&arena, &x, &y, &z);
  assert_ptr_equal(x, block);
  assert_ptr_equal(y, block + 64);
  assert_ptr_equal(z, block + 192);
  bzdi_free(NULL, block);
}

static void arena_overflow_stays(void **state) {
  (void)state;
  char block[64];
  bzdi_arena arena = {.base = block};
  assert_null(bzdi_arena_take(&arena, SIZE_MAX / 4, 8));
  assert_true(arena.used == SIZE_MAX);
  assert_null(bzdi_arena_take(&arena, 1, 1));
  assert_true(arena.used == SIZE_MAX);
  arena = (bzdi_arena){0};
  for (int i = 0; i < 3; i++) bzdi_arena_take(&arena, PTRDIFF_MAX / 64 * 63, 1);
  assert_true(arena.used == SIZE_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_are_aligned_zeroed_and_given_back),
      cmocka_unit_test(overflow_and_refusal_give_null),
      cmocka_unit_test(misaligned_block_is_a_refusal),
      cmocka_unit_test(no_memory_names_the_thing),
      cmocka_unit_test(cache_keeps_one_block),
      cmocka_unit_test(arena_counts_then_carves),
      cmocka_unit_test(arena_overflow_stays),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
