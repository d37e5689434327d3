/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "../support/forks.h"
#include "../support/heap.h"
#include "base/context.h"
#include "base/task.h"

#define SLOTS 8

static bzd_context *context_with(heap *h, int32_t threads, bzd_parallel_for_fn parallel_for, void *user) {
  bzd_context_config config = {.struct_size = sizeof config,
                               .threads = threads,
                               .alloc = heap_alloc,
                               .free = heap_free,
                               .alloc_user = h,
                               .parallel_for = parallel_for,
                               .parallel_for_user = user};
  bzd_context *context;
  return bzdi_context_new(&config, &context) == BZD_OK ? context : NULL;
}

/* What a loop may get wrong, recorded in the pieces and looked at afterwards. */
struct record {
  atomic_int runs[1000]; /* of each piece */
  atomic_int in_slot[SLOTS], now;
  atomic_int most;        /* pieces at once */
  atomic_int shared, bad; /* two in a slot; a slot or number out of range */
  int64_t n;
  int32_t slots;
  const bzd_context *context; /* for the nested loop, if any */
  atomic_int nested_elsewhere;
  int busy; /* turns of work in a piece */
};

static void piece(void *arg, int64_t i, int32_t slot) {
  struct record *r = arg;
  if (i < 0 || i >= r->n || slot < 0 || slot >= r->slots) {
    atomic_fetch_add(&r->bad, 1);
    return;
  }
  if (atomic_fetch_add(&r->in_slot[slot], 1) != 0) atomic_fetch_add(&r->shared, 1);
  int now = atomic_fetch_add(&r->now, 1) + 1, most = atomic_load(&r->most);
  while (now > most && !atomic_compare_exchange_weak(&r->most, &most, now)) {}
  for (volatile int k = 0; k < r->busy; k++) {}
  atomic_fetch_add(&r->runs[i], 1);
  atomic_fetch_sub(&r->now, 1);
  atomic_fetch_sub(&r->in_slot[slot], 1);
}

/* One loop and everything that must hold of it. */
static int loop_is_right(const bzd_context *context, struct record *r, int64_t n, int busy) {
  memset(r, 0, sizeof *r);
  r->n = n;
  r->slots = bzdi_slots(context);
  r->busy = busy;
  bzdi_parallel_for(context, n, piece, r);
  for (int64_t i = 0; i < n; i++) {
    if (atomic_load(&r->runs[i]) != 1) return 0;
  }
  return !r->bad && !r->shared && r->most <= r->slots && atomic_load(&r->now) == 0;
}

static void each_piece_runs_once(void **state) {
  (void)state;
  static struct record r;
  const int32_t threads[] = {1, 2, 3, 8};
  assert_true(loop_is_right(NULL, &r, 17, 0));
  for (int t = 0; t < 4; t++) {
    heap h = {0};
    bzd_context *context = context_with(&h, threads[t], NULL, NULL);
    assert_non_null(context);
    assert_int_equal(bzdi_slots(context), threads[t]);
    long long calls = h.calls;
    for (int64_t n = 0; n < 40; n++) assert_true(loop_is_right(context, &r, n, 10));
    for (int k = 0; k < 300; k++) assert_true(loop_is_right(context, &r, 1 + k % 9, k % 50));
    assert_true(loop_is_right(context, &r, 1000, 100));
    assert_int_equal(h.calls, calls); /* loops allocate nothing */
    bzdi_release(context);
    assert_int_equal(h.live, 0);
  }
}

struct meeting {
  pthread_t caller;
  atomic_int here, met;
};

/* Waits asleep until another thread is in a piece too, however few cores there are; a helper that never comes shows
 * after a minute. */
static void meet(struct meeting *m) {
  atomic_fetch_add(&m->here, 1);
  for (int k = 0; k < 60000 && !atomic_load(&m->met); k++) {
    if (atomic_load(&m->here) >= 2)
      atomic_store(&m->met, 1);
    else
      nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  atomic_fetch_sub(&m->here, 1);
}

static void meeting_piece(void *arg, int64_t i, int32_t slot) {
  (void)i, (void)slot;
  meet(arg);
}

static void workers_take_part(void **state) {
  (void)state;
  heap h = {0};
  bzd_context *context = context_with(&h, 2, NULL, NULL);
  for (int k = 0; k < 20; k++) { /* asleep after a pause, spinning without one */
    if (k % 2) nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    struct meeting m = {0};
    bzdi_parallel_for(context, 2, meeting_piece, &m);
    assert_int_equal(m.met, 1);
  }
  bzdi_release(context);
  assert_int_equal(h.live, 0);
}

/* ---- Nested and concurrent -------------------------------------------------------------------------------------- */

static void inner_piece(void *arg, int64_t i, int32_t slot) {
  pthread_t *self = arg;
  if (!pthread_equal(self[0], pthread_self()) || i < 0 || slot < 0) self[1] = self[2];
}

static void outer_piece(void *arg, int64_t i, int32_t slot) {
  struct record *r = arg;
  (void)i, (void)slot;
  pthread_t who[3] = {pthread_self(), (pthread_t)0, (pthread_t)1};
  bzdi_parallel_for(r->context, 20, inner_piece, who);
  if (!pthread_equal(who[1], (pthread_t)0)) atomic_fetch_add(&r->nested_elsewhere, 1);
  atomic_fetch_add(&r->runs[i], 1);
}

static void nested_loops_stay_on_their_thread(void **state) {
  (void)state;
  static struct record r;
  heap h = {0};
  bzd_context *context = context_with(&h, 3, NULL, NULL);
  memset(&r, 0, sizeof r);
  r.context = context;
  bzdi_parallel_for(context, 50, outer_piece, &r);
  for (int i = 0; i < 50; i++) assert_int_equal(r.runs[i], 1);
  assert_int_equal(r.nested_elsewhere, 0);
  bzdi_release(context);
  assert_int_equal(h.live, 0);
}

struct caller {
  const bzd_context *context;
  struct record record;
  int wrong;
};

static void *call_often(void *arg) {
  struct caller *c = arg;
  for (int k = 0; k < 200; k++) c->wrong += !loop_is_right(c->context, &c->record, 1 + k % 13, 20);
  return NULL;
}

static void concurrent_callers_queue(void **state) {
  (void)state;
  static struct caller callers[4];
  heap h = {0};
  bzd_context *context = context_with(&h, 3, NULL, NULL);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) {
    callers[i] = (struct caller){.context = context};
    assert_int_equal(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
  }
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(callers[i].wrong, 0);
  }
  bzdi_release(context);
  assert_int_equal(h.live, 0);
}

/* ---- The host's function ---------------------------------------------------------------------------------------- */

struct host {
  int threads;
  int64_t n;
  bzd_task_fn fn;
  void *arg;
  atomic_int calls;
  _Atomic(int64_t) next;
};

static void *host_thread(void *arg) {
  struct host *host = arg;
  for (int64_t i; (i = atomic_fetch_add(&host->next, 1)) < host->n;) host->fn(host->arg, host->n - 1 - i);
  return NULL;
}

static void host_parallel_for(void *user, int64_t n, bzd_task_fn fn, void *arg) {
  struct host *host = user;
  pthread_t threads[16];
  int started = 0;
  host->n = n;
  host->fn = fn;
  host->arg = arg;
  atomic_store(&host->next, 0);
  atomic_fetch_add(&host->calls, 1);
  while (started < host->threads && pthread_create(&threads[started], NULL, host_thread, host) == 0) started++;
  host_thread(host);
  for (int i = 0; i < started; i++) pthread_join(threads[i], NULL);
}

static void host_function_is_used_within_the_slots(void **state) {
  (void)state;
  static struct record r;
  struct host host = {.threads = 7};
  for (int32_t slots = 1; slots <= 3; slots++) {
    heap h = {0};
    bzd_context *context = context_with(&h, slots, host_parallel_for, &host);
    assert_null(context->pool);
    atomic_store(&host.calls, 0);
    for (int k = 0; k < 20; k++) assert_true(loop_is_right(context, &r, 30, 3000));
    assert_int_equal(host.calls, slots > 1 ? 20 : 0); /* one slot: no need to ask the host */
    memset(&r, 0, sizeof r);
    r.context = context;
    bzdi_parallel_for(context, 50, outer_piece, &r);
    for (int i = 0; i < 50; i++) assert_int_equal(r.runs[i], 1);
    assert_int_equal(r.nested_elsewhere, 0);
    bzdi_release(context);
    assert_int_equal(h.live, 0);
  }
  heap h = {0};
  bzd_context *context = context_with(&h, 256, host_parallel_for, &host); /* all four words of slots */
  atomic_store(&host.calls, 0);
  memset(&r, 0, sizeof r);
  r.context = context;
  bzdi_parallel_for(context, 600, outer_piece, &r);
  for (int i = 0; i < 600; i++) assert_int_equal(r.runs[i], 1);
  assert_int_equal(host.calls, 1);
  bzdi_release(context);
}

/* ---- Fork, signals, modes --------------------------------------------------------------------------------------- */

struct looper {
  const bzd_context *context;
  struct record record;
  atomic_int stop;
};

static void *loop_on(void *arg) {
  struct looper *l = arg;
  while (!atomic_load(&l->stop)) loop_is_right(l->context, &l->record, 16, 500);
  return NULL;
}

/* In the child: loops, loops of a grandchild, all memory given back; 0 when right. The alarm ends a hang. */
static int child_of_fork(bzd_context *context, heap *h, int depth) {
  static struct record r;
  alarm(120);
  for (int k = 0; k < 20; k++) {
    if (!loop_is_right(context, &r, 50, 200)) return 10 + depth;
  }
  if (depth == 0) {
    int status;
    pid_t grandchild = fork();
    if (grandchild == 0) _exit(child_of_fork(context, h, 1));
    if (waitpid(grandchild, &status, 0) != grandchild || !WIFEXITED(status)) return 20;
    if (WEXITSTATUS(status) != 0) return WEXITSTATUS(status);
  }
  bzdi_release(context);
  return atomic_load(&h->live) == 0 && atomic_load(&h->wrong) == 0 ? 0 : 30;
}

static void a_forked_child_gets_its_own_threads(void **state) {
  (void)state;
  if (!THREADS_MAY_FORK) skip();
  for (int round = 0; round < 12; round++) {
    heap h = {0};
    static struct record r;
    static struct looper looper;
    bzd_context *context = context_with(&h, 3, NULL, NULL);
    pthread_t thread;
    if (round % 3 != 0)
      assert_true(loop_is_right(context, &r, 50, 200)); /* else the child is the first to start threads */
    if (round % 3 == 2) { /* fork in the middle of another thread's loop, locks held and all */
      looper = (struct looper){.context = context};
      assert_int_equal(pthread_create(&thread, NULL, loop_on, &looper), 0);
      nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    pid_t child = fork();
    if (child == 0) _exit(child_of_fork(context, &h, 0));
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    if (round % 3 == 2) {
      atomic_store(&looper.stop, 1);
      pthread_join(thread, NULL);
    }
    assert_true(loop_is_right(context, &r, 50, 200)); /* the parent is none the worse */
    bzdi_release(context);
    assert_int_equal(h.live, 0);
  }
}

static void a_child_without_memory_works_alone(void **state) {
  (void)state;
  if (!THREADS_MAY_FORK) skip();
  heap h = {0};
  static struct record r;
  bzd_context *context = context_with(&h, 3, NULL, NULL);
  assert_true(loop_is_right(context, &r, 50, 200));
  pid_t child = fork();
  if (child == 0) {
    alarm(120);
    h.refuse_from = h.calls + 1;
    int right = loop_is_right(context, &r, 50, 200) && r.most == 1;
    bzdi_release(context);
    _exit(right && h.live == 0 ? 0 : 1);
  }
  int status = -1;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  bzdi_release(context);
}

struct masks {
  struct meeting meeting;
  atomic_int unblocked, pieces;
};

static void mask_piece(void *arg, int64_t i, int32_t slot) {
  struct masks *m = arg;
  (void)i, (void)slot;
  sigset_t set;
  meet(&m->meeting);
  if (pthread_equal(m->meeting.caller, pthread_self())) return;
  atomic_fetch_add(&m->pieces, 1);
  pthread_sigmask(SIG_SETMASK, NULL, &set);
  if (!sigismember(&set, SIGINT) || !sigismember(&set, SIGTERM) || !sigismember(&set, SIGALRM) ||
      !sigismember(&set, SIGUSR1))
    atomic_fetch_add(&m->unblocked, 1);
}

static void workers_block_signals_the_caller_does_not(void **state) {
  (void)state;
  heap h = {0};
  bzd_context *context = context_with(&h, 4, NULL, NULL);
  struct masks m = {.meeting = {.caller = pthread_self()}};
  sigset_t before, after;
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  bzdi_parallel_for(context, 16, mask_piece, &m);
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  assert_true(m.pieces > 0);
  assert_int_equal(m.unblocked, 0);
  for (int s = 1; s < 32; s++) assert_int_equal(sigismember(&before, s), sigismember(&after, s));
  bzdi_release(context);
}

#if defined(__x86_64__)
struct modes {
  unsigned mode;
  atomic_int wrong;
};

static void mode_piece(void *arg, int64_t i, int32_t slot) {
  struct modes *m = arg;
  (void)i, (void)slot;
  for (volatile int k = 0; k < 20000; k++) {}
  if ((_mm_getcsr() & ~0x3Fu) != m->mode) atomic_fetch_add(&m->wrong, 1);
}

static void workers_take_the_callers_rounding(void **state) {
  (void)state;
  heap h = {0};
  bzd_context *context = context_with(&h, 3, NULL, NULL);
  const unsigned kept = _mm_getcsr();
  struct modes m = {0};
  for (int k = 0; k < 40; k++) {
    m.mode = (kept & ~0x3Fu) | (k % 2 ? 0x6000u : 0); /* towards zero and back */
    _mm_setcsr(m.mode);
    bzdi_parallel_for(context, 16, mode_piece, &m);
  }
  _mm_setcsr(kept);
  assert_int_equal(m.wrong, 0);
  bzdi_release(context);
}
#endif

/* ---- Cost, for information --------------------------------------------------------------------------------------- */

static void nothing(void *arg, int64_t i, int32_t slot) { (void)arg, (void)i, (void)slot; }

/* Printed, not judged: on a busy machine the figure says how busy it is. A lost wake-up would hang. */
static void cost_of_an_empty_loop(void **state) {
  (void)state;
  heap h = {0};
  bzd_context *context = context_with(&h, 2, NULL, NULL);
  struct timespec from, to;
  double best = INFINITY;
  for (int round = 0; round < 20; round++) {
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int k = 0; k < 500; k++) bzdi_parallel_for(context, 2, nothing, NULL);
    clock_gettime(CLOCK_MONOTONIC, &to);
    double each = ((double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec)) / 500;
    best = each < best ? each : best;
  }
  print_message("empty loop of two pieces on two threads: %.2f us\n", best * 1e6);
  bzdi_release(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_piece_runs_once),
    cmocka_unit_test(workers_take_part),
    cmocka_unit_test(nested_loops_stay_on_their_thread),
    cmocka_unit_test(concurrent_callers_queue),
    cmocka_unit_test(host_function_is_used_within_the_slots),
    cmocka_unit_test(a_forked_child_gets_its_own_threads),
    cmocka_unit_test(a_child_without_memory_works_alone),
    cmocka_unit_test(workers_block_signals_the_caller_does_not),
#if defined(__x86_64__)
    cmocka_unit_test(workers_take_the_callers_rounding),
#endif
    cmocka_unit_test(cost_of_an_empty_loop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
