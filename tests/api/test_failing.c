/* SPDX-License-Identifier: MIT */
/* Every allocation of every scenario is refused in turn, once and for good, by the context's allocator: BZD_E_MEMORY
 * with a text, nothing kept, and the same walk over the same objects then gives the bits of one that was not disturbed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include "../support/host.h"
#include "../support/scenarios.h"

/* Sanitizers make a walk twenty times as long; one allocation in 29 is what they are shown. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STRIDE = 29 };
#else
enum { STRIDE = 1 };
#endif

typedef struct tally {
  long long refusals; /* walks in which an allocation was refused */
  long long survived; /* of those, walks that did without and gave the same bits */
} tally;

static void refuse_each(const scenario *s, int32_t threads, int once, tally *counts) {
  host h;
  host_init(&h);
  bzd_context *context = host_context(&h, threads);
  atomic_store(&h.once, once);
  const long long base = atomic_load(&h.live);
  world *w = sc_prepared(s, &h, context);
  assert_non_null(w);
  OK(sc_walk(s, w));
  const uint64_t golden = w->hash;
  const long long kept = atomic_load(&h.live); /* workspaces stay in their objects */
  sc_end(w);
  assert_int_equal(atomic_load(&h.live), base);

  for (long long k = 0;; k += STRIDE) {
    w = sc_prepared(s, &h, context);
    assert_non_null(w);
    atomic_store(&h.refused, 0);
    atomic_store(&h.quota, k);
    bzd_status status = sc_walk(s, w);
    atomic_store(&h.quota, -1);
    const long long refused = atomic_load(&h.refused);
    if (status == BZD_OK && w->hash != golden) fail_msg("%s: other bits, allocation %lld refused", s->name, k);
    if (status == BZD_OK && refused > 0) counts->survived++;
    if (status != BZD_OK && (status != BZD_E_MEMORY || refused == 0))
      fail_msg("%s: allocation %lld refused: %s: %s", s->name, k, bzd_status_name(status), failure_text());
    if (status != BZD_OK) failure_text();
    status = sc_walk(s, w);
    if (status != BZD_OK)
      fail_msg("%s: after allocation %lld was refused: %s: %s", s->name, k, bzd_status_name(status), failure_text());
    if (w->hash != golden) fail_msg("%s: other bits after allocation %lld was refused", s->name, k);
    if (atomic_load(&h.live) > kept)
      fail_msg("%s: allocation %lld refused: %lld bytes kept", s->name, k, atomic_load(&h.live) - kept);
    sc_end(w);
    if (atomic_load(&h.live) != base)
      fail_msg("%s: allocation %lld refused: %lld bytes lost", s->name, k, atomic_load(&h.live) - base);
    if (refused == 0) break; /* the walk has no allocation k */
    counts->refusals++;
  }
  bzd_context_destroy(context);
  assert_int_equal(atomic_load(&h.live), 0);
  assert_int_equal(atomic_load(&h.wrong), 0);
}

static void each_scenario(int32_t threads, int once) {
  tally counts = {0, 0};
  for (int i = 0; i < SCENARIO_COUNT; i++) {
    const long long before = counts.refusals;
    refuse_each(&SCENARIOS[i], threads, once, &counts);
    assert_true(counts.refusals > before || SCENARIOS[i].walk == sc_walk_paths); /* those take libc's memory */
  }
  print_message("%d scenarios on %d thread(s), %lld allocations refused %s, %lld of them done without\n",
                (int)SCENARIO_COUNT, (int)threads, counts.refusals, once ? "once" : "for good", counts.survived);
}

static void test_for_good(void **state) {
  (void)state;
  each_scenario(1, 0);
}

static void test_once(void **state) {
  (void)state;
  each_scenario(2, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_for_good), cmocka_unit_test(test_once)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
