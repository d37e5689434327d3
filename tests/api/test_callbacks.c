/* SPDX-License-Identifier: MIT */
/* Each callback of each scenario (velocities, weights, paths, progress, reading, writing) misbehaves at each of its
 * calls in turn, once and from then on: it stops the call, writes nothing, or gives NaN, infinities, huge, negative or
 * zero numbers or other bytes. A status that the headers name with a text, or a result; nothing lost; the same walk
 * then gives the bits of one that was not disturbed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <math.h>

#include "../support/host.h"
#include "../support/scenarios.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { PLACES = 2 };
#else
enum { PLACES = 8 };
#endif

static const trick TRICKS[] = {
    {"17", 17, TRICK_RETURN, 0},
    {"-17", -17, TRICK_RETURN, 0},
    {"BZD_E_MEMORY", BZD_E_MEMORY, TRICK_RETURN, 0},
    {"largest", INT32_MAX, TRICK_RETURN, 0},
    {"least", INT32_MIN, TRICK_RETURN, 0},
    {"nothing written", 0, TRICK_RETURN, 0},
    {"NaN", 0, TRICK_VALUES, NAN},
    {"infinity", 0, TRICK_VALUES, INFINITY},
    {"3e38", 0, TRICK_VALUES, 3e38},
    {"-3e38", 0, TRICK_VALUES, -3e38},
    {"1e-45", 0, TRICK_VALUES, 1e-45},
    {"0", 0, TRICK_VALUES, 0},
    {"last NaN", 0, TRICK_LAST, NAN},
    {"last -infinity", 0, TRICK_LAST, -INFINITY},
    {"last -3e38", 0, TRICK_LAST, -3e38},
    {"condition NaN", 0, TRICK_COND, NAN},
    {"condition 3e38", 0, TRICK_COND, 3e38},
    {"span NaN", 0, TRICK_SPAN, NAN},
    {"span 0", 0, TRICK_SPAN, 0},
    {"span -1", 0, TRICK_SPAN, -1},
    {"span 3e38", 0, TRICK_SPAN, 3e38},
};
enum { TRICK_COUNT = sizeof TRICKS / sizeof *TRICKS };

typedef struct tally {
  int scenarios;
  long long played, refused, noticed_by[64], other_bits, same_bits;
} tally;

static bzd_status walk(const scenario *s, world *w) {
  atomic_store(&tricks.calls, 0);
  return sc_walk(s, w);
}

static void must_walk(const scenario *s, world *w, uint64_t golden, const trick *t, const char *when) {
  bzd_status status = walk(s, w);
  if (status != BZD_OK) fail_msg("%s, %s: %s: %s: %s", s->name, t->name, when, bzd_status_name(status), failure_text());
  if (w->hash != golden) fail_msg("%s, %s: %s: other bits", s->name, t->name, when);
}

/* What a callback that misbehaves may lead to. */
static int expected(const trick *t, bzd_status status) {
  if (t->part == TRICK_RETURN && t->answer) return status == BZD_E_CANCELLED || status == BZD_E_IO;
  switch (status) {
  case BZD_E_NUMERIC:
  case BZD_E_DIVERGED:
  case BZD_E_STEPS:
  case BZD_E_ARGUMENT:
  case BZD_E_IO:
  case BZD_E_FORMAT:
  case BZD_E_CORRUPT:
  case BZD_E_VERSION:
  case BZD_E_LIMIT: return 1;
  default: return 0;
  }
}

static void play(const scenario *s, host *h, const bzd_context *context, const trick *t, long long at, int once,
                 uint64_t golden, tally *counts) {
  world *w = sc_prepared(s, h, context);
  assert_non_null(w);
  tricks.now = t;
  tricks.at = at;
  tricks.once = once;
  atomic_store(&tricks.played, 0);
  atomic_store(&tricks.numbers, 0);
  bzd_status status = walk(s, w);
  tricks.now = NULL;
  if (atomic_load(&tricks.played) == 0) { /* this callback has no such numbers */
    if (status != BZD_OK || w->hash != golden) fail_msg("%s: other bits without a trick", s->name);
    sc_end(w);
    return;
  }
  counts->played++;
  if (status == BZD_OK) {
    if (t->part == TRICK_RETURN && t->answer) fail_msg("%s: %s, unnoticed at call %lld", s->name, t->name, at);
    if (!isfinite(t->value) && atomic_load(&tricks.numbers) > 0)
      fail_msg("%s: %s, unnoticed at call %lld", s->name, t->name, at);
    if (w->hash == golden)
      counts->same_bits++;
    else
      counts->other_bits++;
  } else {
    const char *text = failure_text();
    char number[16];
    snprintf(number, sizeof number, "%d", (int)t->answer);
    if (!expected(t, status))
      fail_msg("%s, %s at call %lld: %s: %s", s->name, t->name, at, bzd_status_name(status), text);
    if (t->part == TRICK_RETURN && t->answer && !strstr(text, number))
      fail_msg("%s, %s at call %lld: no number in: %s", s->name, t->name, at, text);
    counts->refused++;
    counts->noticed_by[-status]++;
    if (t->part == TRICK_RETURN && t->answer) must_walk(s, w, golden, t, "the same objects");
  }
  sc_end(w);
}

static void each_call(const scenario *s, int32_t threads, tally *counts) {
  host h;
  host_init(&h);
  bzd_context *context = host_context(&h, threads);
  const long long base = atomic_load(&h.live);
  world *w = sc_prepared(s, &h, context);
  if (w && walk(s, w) != BZD_OK) {
    sc_end(w);
    w = NULL;
  }
  if (!w) { /* needs a network for a teacher */
    assert_true(sc_callback_teacher);
    failure_text();
  }
  if (w) {
    const uint64_t golden = w->hash;
    const long long calls = atomic_load(&tricks.calls);
    sc_end(w);
    counts->scenarios += calls > 0;
    const long long stride = calls > PLACES ? calls / PLACES : 1;
    for (long long at = 0; at < calls; at += stride)
      for (int i = 0; i < TRICK_COUNT; i++)
        for (int once = 0; once < 2; once++) play(s, &h, context, &TRICKS[i], at, once, golden, counts);
    w = sc_prepared(s, &h, context);
    assert_non_null(w);
    must_walk(s, w, golden, &TRICKS[0], "at last");
    sc_end(w);
  }
  assert_int_equal(atomic_load(&h.live), base);
  bzd_context_destroy(context);
  assert_int_equal(atomic_load(&h.live), 0);
  assert_int_equal(atomic_load(&h.wrong), 0);
}

typedef struct setting {
  int32_t threads;
  int callback_teacher;
} setting;

static void each_scenario(void **state) {
  const setting *at = *state;
  tally counts = {0};
  sc_callback_teacher = at->callback_teacher;
  for (int i = 0; i < SCENARIO_COUNT; i++) each_call(&SCENARIOS[i], at->threads, &counts);
  sc_callback_teacher = 0;
  assert_true(counts.refused > 0);
  print_message("%d scenarios on %d thread(s)%s: %lld walks with a callback that misbehaves: %lld failed (",
                counts.scenarios, (int)at->threads, at->callback_teacher ? ", a callback for a teacher" : "",
                counts.played, counts.refused);
  for (int i = 0, some = 0; i < 64; i++)
    if (counts.noticed_by[i]) print_message("%s%lld %s", some++ ? ", " : "", counts.noticed_by[i], bzd_status_name(-i));
  print_message("), %lld went on with what they got, %lld gave the undisturbed bits\n", counts.other_bits,
                counts.same_bits);
}

int main(void) {
  static setting plain = {1, 0}, threads = {3, 0}, teacher = {1, 1}, teacher_threads = {3, 1};
  const struct CMUnitTest tests[] = {
      {"scenarios", each_scenario, NULL, NULL, &plain},
      {"scenarios, 3 threads", each_scenario, NULL, NULL, &threads},
      {"scenarios, a callback for a teacher", each_scenario, NULL, NULL, &teacher},
      {"scenarios, a callback for a teacher, 3 threads", each_scenario, NULL, NULL, &teacher_threads},
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
