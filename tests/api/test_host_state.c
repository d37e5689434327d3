/* SPDX-License-Identifier: MIT */
/* What belongs to the process is as it was after every scenario, and a process in a strange state gets the bits of an
 * ordinary one, as far as docs/embedding.md promises. */
#define _GNU_SOURCE /* feenableexcept, uselocale, sched_getaffinity */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <errno.h>

#include "../support/host.h"
#include "../support/objects.h"
#include "../support/process.h"
#include "../support/scenarios.h"

static bzd_context *started; /* whose threads began in the ordinary state; NULL: begin them now */

/* One scenario in a context of its own, or the one started: its status, its hash, the process compared, errno not set
 * to 0. */
static bzd_status visit(const scenario *s, int32_t threads, uint64_t *hash) {
  static process before, after;
  look(&before);
  bzd_context *context = threads > 1 && started ? started : host_context(NULL, threads);
  world *w = calloc(1, sizeof *w);
  w->context = context;
  errno = EXDEV;
  bzd_status status = s->prepare(w, s->which);
  if (status == BZD_OK) status = s->walk(w, s->which);
  const int error = errno;
  *hash = w->hash;
  sc_empty(w, 0);
  free(w);
  if (context != started) bzd_context_destroy(context);
  const char *what = changed_since(&before, &after);
  if (what != NULL) fail_msg("%s: the host's %s changed", s->name, what);
  assert_int_not_equal(error, 0);
  return status;
}

static uint64_t ordinary[SCENARIO_COUNT];

/* Every scenario in the state the process is in; `same`: with the bits of an ordinary process. */
static void visit_all(const char *what, int same) {
  int others = 0;
  for (int i = 0; i < SCENARIO_COUNT; i++) {
    uint64_t alone, shared;
    bzd_status status = visit(&SCENARIOS[i], 1, &alone);
    if (status != BZD_OK) fail_msg("%s: %s: %s: %s", what, SCENARIOS[i].name, bzd_status_name(status), failure_text());
    assert_int_equal(visit(&SCENARIOS[i], 3, &shared), BZD_OK);
    if (alone != shared) fail_msg("%s: %s: other bits on three threads", what, SCENARIOS[i].name);
    if (same && alone != ordinary[i]) fail_msg("%s: %s: other bits", what, SCENARIOS[i].name);
    others += alone != ordinary[i];
  }
  print_message("%s: %d scenarios, %d with other bits than an ordinary process\n", what, (int)SCENARIO_COUNT, others);
}

static int go_ordinary(void **state) {
  (void)state;
  for (int i = 0; i < SCENARIO_COUNT; i++) OK(visit(&SCENARIOS[i], 1, &ordinary[i]));
  return 0;
}

/* Nothing is printed. */
static void test_ordinary(void **state) {
  (void)state;
  fflush(stdout);
  fflush(stderr);
  FILE *printed = tmpfile();
  assert_non_null(printed);
  int out = dup(1), err = dup(2);
  dup2(fileno(printed), 1);
  dup2(fileno(printed), 2);
  for (int i = 0; i < SCENARIO_COUNT; i++) {
    uint64_t hash;
    visit(&SCENARIOS[i], 2, &hash);
  }
  fflush(stdout);
  dup2(out, 1);
  dup2(err, 2);
  close(out);
  close(err);
  struct stat about;
  assert_int_equal(fstat(fileno(printed), &about), 0);
  assert_int_equal(about.st_size, 0);
  fclose(printed);
  visit_all("ordinary", 1);
}

static void on_signal(int number) { (void)number; }

static void test_signals(void **state) {
  (void)state;
  sigset_t all, old;
  struct sigaction action, before;
  sigfillset(&all);
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  sigaction(SIGUSR1, &action, &before);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  visit_all("all signals blocked, a handler", 1);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  sigaction(SIGUSR1, &before, NULL);
  /* Interrupted all the time: every system call of the library may come back with EINTR. */
  action.sa_flags = 0;
  sigaction(SIGALRM, &action, &before);
  const struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
  int mismatches = 0;
  for (int i = 0; i < SCENARIO_COUNT; i++) {
    world *w = calloc(1, sizeof *w);
    setitimer(ITIMER_REAL, &often, NULL);
    bzd_status status = SCENARIOS[i].prepare(w, SCENARIOS[i].which);
    if (status == BZD_OK) status = SCENARIOS[i].walk(w, SCENARIOS[i].which);
    setitimer(ITIMER_REAL, &never, NULL);
    if (status != BZD_OK) fail_msg("interrupted: %s: %s", SCENARIOS[i].name, bzd_status_name(status));
    mismatches += w->hash != ordinary[i];
    sc_empty(w, 0);
    free(w);
  }
  sigaction(SIGALRM, &before, NULL);
  assert_int_equal(mismatches, 0);
}

static void test_umask(void **state) {
  (void)state;
  mode_t old = umask(0777);
  visit_all("umask 0777", geteuid() == 0); /* who is not root cannot read what it wrote then */
  umask(old);
}

/* A comma in numbers, as in German. */
static void test_locale(void **state) {
  (void)state;
  char folder[512];
  assert_non_null(getcwd(folder, sizeof folder - 1));
  if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL) {
    if (system("localedef -i de_DE -f UTF-8 ./de_DE.UTF-8 >localedef.log 2>&1") != 0) {
      print_message("no German locale and no localedef to make one\n");
      skip();
    }
    assert_int_equal(setenv("LOCPATH", folder, 1), 0);
    assert_non_null(setlocale(LC_ALL, "de_DE.UTF-8"));
  }
  char number[16];
  snprintf(number, sizeof number, "%.1f", 0.5);
  assert_string_equal(number, "0,5");
  visit_all("German", 1);
  setlocale(LC_ALL, "C");
}

/* ---- Arithmetic in a state that is not the default: nothing breaks, threads agree, the state stays ------------- */

/* 2000 rows: enough that all threads get some. */
static uint64_t many_rows(const bzd_context *context) {
  enum { ROWS = 2000, DIM = 4 };
  static float out[ROWS * DIM];
  bzd_flow *flow = make_flow(context, BZD_FLOW_VELOCITY, 1, DIM, 0, 64, 1);
  OK(bzd_flow_sample(flow, NULL, ROWS, NULL, NULL, out, NULL));
  bzd_flow_destroy(flow);
  return hash_bytes(out, sizeof out);
}

static void start_threads(void) {
  started = host_context(NULL, 3);
  many_rows(started);
}

static void stop_threads(void) {
  bzd_context_destroy(started);
  started = NULL;
}

static void test_rounding(void **state) {
  static const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  (void)state;
  start_threads();
  for (int i = 0; i < 3; i++) {
    assert_int_equal(fesetround(modes[i]), 0);
    assert_true(many_rows(NULL) == many_rows(started));
    visit_all("another rounding", 0);
    fesetround(FE_TONEAREST);
  }
  visit_all("to nearest again", 1);
  stop_threads();
}

static void test_denormals(void **state) {
  (void)state;
#if defined(__x86_64__)
  start_threads();
  uint32_t old = _mm_getcsr();
  _mm_setcsr(old | 0x8040); /* flush to zero, denormals are zero */
  visit_all("denormals flushed", 0);
  _mm_setcsr(old);
  stop_threads();
#elif defined(__aarch64__)
  start_threads();
  uint64_t old;
  __asm__ volatile("mrs %0, fpcr" : "=r"(old));
  __asm__ volatile("msr fpcr, %0" : : "r"(old | UINT64_C(1) << 24)); /* flush to zero */
  visit_all("denormals flushed", 0);
  __asm__ volatile("msr fpcr, %0" : : "r"(old));
  stop_threads();
#else
  skip();
#endif
}

/* Traps that a host has turned on belong to the host. */
static void test_traps(void **state) {
  (void)state;
  feclearexcept(FE_ALL_EXCEPT);
  int old = feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW);
  if (old == -1) skip();
  visit_all("traps on division by zero, invalid, overflow", 1);
  feclearexcept(FE_ALL_EXCEPT);
  fedisableexcept(FE_ALL_EXCEPT);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_ordinary), cmocka_unit_test(test_signals),
                                     cmocka_unit_test(test_umask),    cmocka_unit_test(test_locale),
                                     cmocka_unit_test(test_rounding), cmocka_unit_test(test_denormals),
                                     cmocka_unit_test(test_traps)};
  return cmocka_run_group_tests(tests, go_ordinary, NULL);
}
