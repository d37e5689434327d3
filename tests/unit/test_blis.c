/* SPDX-License-Identifier: MIT */
/* BLIS ends the process when malloc fails, so: once it is set up nothing calls malloc but through the context's
 * allocator; setting it up is refused clearly when memory is short. The linker puts the functions named __wrap_ before
 * the real ones, so that these tests go through BLIS's kernels on a CPU where the rule would choose our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include "../support/forks.h"
#include "../support/refuse.h"

#include <blis.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/host.h"
#include "../support/scenarios.h"
#include "num/gemm.h"
#include "num/kernel.h"

static int with_blis;                /* pretend that our kernels are not fast here; else that they are */
static bzdi_kernels ours;            /* the base under another address passes for fast, on CPUs that have no others */
static atomic_int threads_left = -1; /* how often pthread_create succeeds; negative: always */
static atomic_int threads_refused;

const bzdi_kernels *__real_bzdi_kernels_pick(void);
const bzdi_kernels *__wrap_bzdi_kernels_pick(void);
const bzdi_kernels *__wrap_bzdi_kernels_pick(void) {
  if (with_blis) return &bzdi_kernels_base;
  return __real_bzdi_kernels_pick() == &bzdi_kernels_base ? &ours : __real_bzdi_kernels_pick();
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *arg) {
  int left = atomic_load(&threads_left);
  if (left == 0) {
    atomic_fetch_add(&threads_refused, 1);
    return EAGAIN;
  }
  if (left > 0) atomic_fetch_sub(&threads_left, 1);
  return __real_pthread_create(thread, attributes, start, arg);
}

/* ---- Setting up, each time in a process where it has not been done ------------------------------------------- */

enum { GOOD, NO_MEMORY, ENDED, ELSE };

static bzd_status make_context(void) {
  bzd_context *context;
  return bzd_context_create(NULL, &context);
}

static bzd_status make_flow_alone(void) {
  bzd_flow_config config;
  bzd_flow *flow;
  bzd_flow_config_init(&config, sizeof config);
  config.dim = 2;
  config.width = 4;
  return bzd_flow_create(NULL, &config, &flow);
}

/* What became of a child that ran `prepare`, then `make`. */
static int child(bzd_status (*make)(void), void (*prepare)(long long number), long long number) {
  int status;
  pid_t pid = fork();
  if (pid == 0) {
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGABRT, SIG_DFL); /* cmocka's handlers report it otherwise */
    signal(SIGSEGV, SIG_DFL);
    if (freopen("/dev/null", "w", stderr) == NULL || freopen("/dev/null", "w", stdout) == NULL) _exit(100);
    prepare(number);
    bzd_status made = make();
    _exit(made == BZD_OK ? GOOD : made == BZD_E_MEMORY ? NO_MEMORY : ELSE);
  }
  assert_true(pid > 0);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : ENDED;
}

static void refuse_at(long long number) { atomic_store(&refuse_quota, number); }

/* A malloc that lies: memory that was there a moment ago is refused. The look beforehand cannot see that; what comes of
 * it is counted, so that the page on it says what is so. */
static void test_refusals_in_set_up(void **state) {
  (void)state;
  if (!REFUSE) skip();
  bzd_status (*const make[2])(void) = {make_context, make_flow_alone};
  for (with_blis = 0; with_blis < 2; with_blis++)
    for (int which = 0; which < 2; which++)
      for (int once = 0; once < 2; once++) {
        long long count[4] = {0}, k = 0;
        atomic_store(&refuse_once, once);
        for (int last = ELSE; last != GOOD; k++) {
          assert_in_range(k, 0, 2000);
          last = child(make[which], refuse_at, k);
          if (last != GOOD && last != NO_MEMORY && last != ENDED) fail_msg("allocation %lld refused: %d", k, last);
          count[last]++;
        }
        print_message("%s, %s, malloc refused %s: %lld allocations, %lld times BZD_E_MEMORY, %lld times ended\n",
                      which ? "a flow without a context" : "a context", with_blis ? "BLIS's kernels" : "our kernels",
                      once ? "once" : "for good", k - 1, count[NO_MEMORY], count[ENDED]);
        assert_true(count[NO_MEMORY] > 0);
        if (!with_blis) assert_int_equal(count[ENDED], 0);
      }
}

/* Takes all that the heap has and can get, then gives `number` KiB back. */
static void starve(long long number) {
  enum { BLOCKS = 512, BLOCK = 1024 - 16 };
  static void *volatile blocks[BLOCKS], *volatile taken; /* not to be optimised away */
  const struct rlimit none = {0, 0};
  for (int i = 0; i < BLOCKS; i++) blocks[i] = malloc(BLOCK);
  setrlimit(RLIMIT_AS, &none); /* from here on the heap cannot grow */
  do taken = malloc(64);
  while (taken != NULL);
  for (long long i = 0; i < number; i++) free(blocks[i]);
}

/* Memory that is truly short: never the end of the process. */
static void test_shortage_in_set_up(void **state) {
  (void)state;
  if (!REFUSE || EMULATED) skip(); /* qemu-user does not hand limits of memory on */
  with_blis = 1;
  bzd_status (*const make[2])(void) = {make_context, make_flow_alone};
  long long count[4] = {0};
  for (int which = 0; which < 2; which++)
    for (long long kib = 0; kib <= 400; kib += 4) {
      int last = child(make[which], starve, kib);
      if (last != GOOD && last != NO_MEMORY) fail_msg("%lld KiB left: %d", kib, last);
      count[last]++;
    }
  print_message("shortage: %lld times BZD_E_MEMORY, %lld times set up, never ended\n", count[NO_MEMORY], count[GOOD]);
  assert_true(count[NO_MEMORY] > 0 && count[GOOD] > 0);
}

static void count_warning(void *user, int32_t level, const char *text) {
  if (level == BZD_LOG_WARNING && strstr(text, "no kernel for this CPU") != NULL) ++*(int *)user;
}

static bzd_status make_warned_context(void) {
  bzd_context_config config;
  bzd_context *context;
  int warnings = 0;
  bzd_context_config_init(&config, sizeof config);
  config.log = count_warning;
  config.log_user = &warnings;
  bzd_status status = bzd_context_create(&config, &context);
  return status == BZD_OK && warnings != with_blis ? BZD_E_INTERNAL : status;
}

static void unknown_cpu(long long number) {
  char text[16];
  snprintf(text, sizeof text, "%lld", number);
  setenv("BLIS_ARCH_TYPE", text, 1);
}

/* Neither of us has kernels for this CPU: one warning. Ours serve: none. Debian's BLIS of arm64 has no generic kernels
 * and ends the process that asks for them. */
static void test_warning(void **state) {
  (void)state;
#if defined(__aarch64__)
  skip();
#endif
  for (with_blis = 0; with_blis < 2; with_blis++)
    assert_int_equal(child(make_warned_context, unknown_cpu, BLIS_ARCH_GENERIC), GOOD);
}

/* ---- Afterwards ----------------------------------------------------------------------------------------------- */

/* All forms of products on 1 and 3 threads while every malloc is refused. */
static void test_products_allocate_nothing(void **state) {
  static const int64_t sizes[][3] = {{1, 1, 1}, {7, 65, 33}, {97, 34, 96}, {200, 500, 70}, {512, 512, 1024}};
  (void)state;
  if (!REFUSE) skip();
  assert_true(bzdi_gemm_ready());
  long long products = 0;
  for (int32_t threads = 1; threads <= 3; threads += 2) {
    bzd_context *context = host_context(NULL, threads);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
      const int64_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
      float *a = malloc((size_t)(m * k) * sizeof *a), *b = malloc((size_t)(k * n) * sizeof *b);
      float *c = calloc((size_t)(m * n), sizeof *c), *first = calloc((size_t)(m * n), sizeof *c);
      OK(bzd_noise(1, BZD_STREAM_USER, 0, m, k, a));
      OK(bzd_noise(2, BZD_STREAM_USER, 0, k, n, b));
      for (int form = 0; form < 4; form++) {
        const int64_t a_row = form & 1 ? 1 : k, a_column = form & 1 ? m : 1;
        const int64_t b_row = form & 2 ? 1 : n, b_column = form & 2 ? k : 1;
        const size_t bytes = bzdi_gemm_scratch_by(BZDI_GEMM_BLIS, context, m, n, k, a_row, a_column);
        void *scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
        bzdi_gemm_by(BZDI_GEMM_BLIS, context, m, n, k, a, a_row, a_column, b, b_row, b_column, first, n, scratch);
        long long before = atomic_load(&refuse_calls);
        atomic_store(&refuse_quota, 0);
        bzdi_gemm_by(BZDI_GEMM_BLIS, context, m, n, k, a, a_row, a_column, b, b_row, b_column, c, n, scratch);
        atomic_store(&refuse_quota, -1);
        assert_int_equal(atomic_load(&refuse_calls), before);
        assert_memory_equal(c, first, (size_t)(m * n) * sizeof *c);
        products++;
        free(scratch);
      }
      free(a), free(b), free(c), free(first);
    }
    bzd_context_destroy(context);
  }
  print_message("%lld products by BLIS's kernels, no allocation\n", products);
}

static void *hosted_alloc(void *user, size_t size, size_t align) {
  refuse_hosted++;
  void *block = host_alloc(user, size, align);
  refuse_hosted--;
  return block;
}

static uint64_t walk_alone(const scenario *s, int32_t threads, int refuse, long long *outside) {
  host h;
  host_init(&h);
  bzd_context_config config;
  bzd_context *context;
  OK(bzd_context_config_init(&config, sizeof config));
  config.threads = threads;
  config.alloc = hosted_alloc;
  config.free = host_free;
  config.alloc_user = &h;
  OK(bzd_context_create(&config, &context));
  world *w = calloc(1, sizeof *w);
  w->context = context;
  OK(s->prepare(w, s->which));
  long long before = atomic_load(&refuse_calls);
  if (refuse) atomic_store(&refuse_quota, 0);
  const int made = w->made;
  bzd_status status = s->walk(w, s->which);
  sc_empty(w, made);
  atomic_store(&refuse_quota, -1);
  *outside += atomic_load(&refuse_calls) - before;
  if (status != BZD_OK) fail_msg("%s: %s: %s", s->name, bzd_status_name(status), failure_text());
  uint64_t hash = w->hash;
  sc_empty(w, 0);
  free(w);
  bzd_context_destroy(context);
  assert_int_equal(atomic_load(&h.live), 0);
  return hash;
}

/* Every scenario while malloc refuses all but the context's allocator, zlib's state included. Where libc needs memory
 * for a new thread, the work goes on with those there are. */
static void test_nothing_outside_the_allocator(void **state) {
  (void)state;
  if (!REFUSE) skip();
  for (with_blis = 0; with_blis < 2; with_blis++) {
    char text[256];
    bzd_build_info(text, sizeof text);
    if (with_blis && strstr(text, "kernels for sampling") == NULL) {
      print_message("BLIS has no kernel for this CPU\n");
      break;
    }
    long long outside[3] = {0};
    int walks = 0;
    for (int i = 0; i < SCENARIO_COUNT; i++) {
      const scenario *s = &SCENARIOS[i];
      if (s->walk == sc_walk_paths || s->walk == sc_walk_context) continue; /* theirs is libc's memory */
      uint64_t golden = walk_alone(s, 1, 0, &outside[0]);
      assert_true(walk_alone(s, 1, 1, &outside[1]) == golden);
      assert_true(walk_alone(s, 3, 1, &outside[2]) == golden);
      walks++;
    }
    print_message("%d scenarios by %s: %lld allocations outside the context's allocator on one thread, %lld on three\n",
                  walks, with_blis ? "BLIS's kernels" : "our kernels", outside[0] + outside[1], outside[2]);
    assert_int_equal(outside[0] + outside[1], 0);
  }
}

/* Without a context all comes from malloc: the same statuses and bits when it refuses each call in turn. */
static void test_without_a_context(void **state) {
  static const char *const names[] = {
      "paths",           "flow: control",    "sample: dopri5",        "source: tolerance",
      "train: anchored", "checkpoint: flow", "tensors: npz deflated", "metrics: all"};
  long long refusals = 0;
  (void)state;
  if (!REFUSE) skip();
  with_blis = 0;
  for (int i = 0; i < SCENARIO_COUNT; i++) {
    const scenario *s = &SCENARIOS[i];
    int wanted = 0;
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) wanted |= strcmp(s->name, names[n]) == 0;
    for (int once = 0; wanted && once < 2; once++) {
      uint64_t golden = 0;
      atomic_store(&refuse_once, once);
      for (long long k = -1;; k++) { /* -1: never */
        world *w = calloc(1, sizeof *w);
        OK(s->prepare(w, s->which));
        const int made = w->made;
        atomic_store(&refuse_quota, k);
        bzd_status status = s->walk(w, s->which);
        atomic_store(&refuse_quota, -1);
        sc_empty(w, made);
        if (k < 0) golden = w->hash;
        if (status != BZD_OK && status != BZD_E_MEMORY)
          fail_msg("%s: malloc %lld refused: %s", s->name, k, bzd_status_name(status));
        if (status != BZD_OK) {
          w->hash = 0;
          OK(s->walk(w, s->which));
          refusals++;
        }
        assert_true(w->hash == golden);
        sc_empty(w, 0);
        free(w);
        if (k >= 0 && status == BZD_OK) break;
      }
    }
  }
  print_message("%d scenarios without a context, %lld refusals\n", (int)(sizeof names / sizeof *names), refusals);
  assert_true(refusals > 100);
}

/* The system grants 0, 1, 2 threads of the 3 asked for: same bits. */
static void test_refused_threads(void **state) {
  (void)state;
  with_blis = 0;
  long long ignored = 0;
  int walks = 0;
  sc_batch = 200; /* fewer rows are one thread's work */
  for (int i = 0; i < SCENARIO_COUNT; i++) {
    if (strncmp(SCENARIOS[i].name, "train", 5) != 0 && strncmp(SCENARIOS[i].name, "metrics", 7) != 0) continue;
    uint64_t golden = walk_alone(&SCENARIOS[i], 1, 0, &ignored);
    for (int granted = 0; granted < 3; granted++) {
      atomic_store(&threads_left, granted);
      uint64_t hash = walk_alone(&SCENARIOS[i], 4, 0, &ignored);
      atomic_store(&threads_left, -1);
      assert_true(hash == golden);
      walks++;
    }
  }
  print_message("%d walks, pthread_create refused %d times, the same bits\n", walks, atomic_load(&threads_refused));
  assert_true(atomic_load(&threads_refused) >= walks / 2); /* the metrics are too small to be shared */
  sc_batch = 8;
}

int main(void) {
  ours = bzdi_kernels_base;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_refusals_in_set_up), /* the first three before BLIS is set up */
      cmocka_unit_test(test_warning),
      cmocka_unit_test(test_shortage_in_set_up),
      cmocka_unit_test(test_products_allocate_nothing),
      cmocka_unit_test(test_nothing_outside_the_allocator),
      cmocka_unit_test(test_without_a_context),
      cmocka_unit_test(test_refused_threads)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
