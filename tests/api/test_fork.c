/* SPDX-License-Identifier: MIT */
/* fork in a program that trains: the child trains on, samples and saves with the bits of the parent, whatever the
 * parent's other threads were at, and never hangs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../support/forks.h"
#include "../support/host.h"
#include "../support/objects.h"
#include "../support/sources.h"

enum { N = 60, LONGEST = 120 /* seconds; a busy machine must not reach it */ };

typedef struct family {
  host host;
  bzd_context *context;
  bzd_data *data;
  bzd_source *source;
  bzd_trainer *trainer;
  bzd_flow *flow;
} family;

/* What the child has to do; 0 or where it failed. No cmocka here: its long jumps end in the parent's copy. */
static int work(family *f, const char *path, uint64_t *hash) {
  static float out[N * SOURCES_DIM], cond[N * SOURCES_CLASSES];
  bzd_flow *trained, *loaded;
  for (int i = 0; i < N; i++) cond[i * SOURCES_CLASSES + i % SOURCES_CLASSES] = 1;
  if (bzd_trainer_run(f->trainer, 0, NULL, NULL) != BZD_OK) return 1;
  if (bzd_trainer_get_flow(f->trainer, BZD_WEIGHTS_AUTO, &trained) != BZD_OK) return 2;
  if (bzd_flow_save(trained, path) != BZD_OK) return 3;
  if (bzd_flow_load(f->context, path, &loaded) != BZD_OK) return 4;
  remove(path);
  if (bzd_flow_sample(loaded, NULL, N, NULL, cond, out, NULL) != BZD_OK) return 5;
  *hash = hash_bytes(out, sizeof out);
  if (bzd_flow_sample(f->flow, NULL, N, NULL, cond, out, NULL) != BZD_OK) return 6;
  *hash ^= hash_bytes(out, sizeof out);
  bzd_flow_destroy(trained);
  bzd_flow_destroy(loaded);
  return 0;
}

static int leave(family *f) {
  bzd_flow_destroy(f->flow);
  bzd_trainer_destroy(f->trainer);
  bzd_source_destroy(f->source);
  bzd_data_destroy(f->data);
  bzd_context_destroy(f->context);
  return atomic_load(&f->host.live) == 0 && atomic_load(&f->host.wrong) == 0 ? 0 : 7;
}

static void found(family *f, int which, int32_t threads) {
  host_init(&f->host);
  f->context = host_context(&f->host, threads);
  f->data = sources_data(f->context);
  f->source = sources_make(f->context, f->data, which);
  bzd_flow *student = sources_student(f->context, which);
  f->trainer = sources_trainer(student, f->source, which, 12);
  f->flow = student;
}

/* The exit status of the child and what it wrote. */
static void await(pid_t child, int from, uint64_t *hash) {
  int status;
  assert_true(child > 0);
  ssize_t got = read(from, hash, sizeof *hash);
  assert_int_equal(waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status))
    fail_msg("child ended by signal %d%s", WTERMSIG(status), WTERMSIG(status) == SIGALRM ? ": it hung" : "");
  assert_int_equal(WEXITSTATUS(status), 0);
  assert_int_equal(got, sizeof *hash);
}

static pid_t fork_and_work(family *f, int *from, int all_given_back) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  if (child == 0) {
    char path[64];
    uint64_t hash = 0;
    alarm(LONGEST);
    snprintf(path, sizeof path, "child-%ld.bzd", (long)getpid());
    int failed = work(f, path, &hash), left = leave(f);
    if (write(ends[1], &hash, sizeof hash) != (ssize_t)sizeof hash) _exit(8);
    _exit(failed ? failed : all_given_back ? left : 0);
  }
  close(ends[1]);
  *from = ends[0];
  return child;
}

/* Of every kind of source, in mid-training: the child and then the parent go to the end. */
static void test_in_mid_training(void **state) {
  (void)state;
  if (!THREADS_MAY_FORK) skip();
  for (int32_t threads = 1; threads <= 3; threads += 2)
    for (int which = 0; which < SOURCES; which++) {
      family f;
      uint64_t hers = 0, his = 0;
      int from;
      found(&f, which, threads);
      OK(bzd_trainer_run(f.trainer, 5, NULL, NULL));
      pid_t child = fork_and_work(&f, &from, 1);
      await(child, from, &hers);
      close(from);
      assert_int_equal(work(&f, "parent.bzd", &his), 0);
      assert_int_equal(leave(&f), 0);
      if (hers != his) fail_msg("source %d, %d threads: child and parent differ", which, (int)threads);
    }
  print_message("%d forks in mid-training\n", 2 * SOURCES);
}

/* ---- While other threads are in the middle of calls ---------------------------------------------------------- */

typedef struct busy {
  const bzd_flow *flow;
  atomic_int stop;
  atomic_llong calls;
} busy;

static void *sample_on(void *arg) {
  busy *b = arg;
  static _Thread_local float out[N * SOURCES_DIM], cond[N * SOURCES_CLASSES];
  while (!atomic_load(&b->stop)) {
    if (bzd_flow_sample(b->flow, NULL, N, NULL, cond, out, NULL) != BZD_OK) break;
    atomic_fetch_add(&b->calls, 1);
  }
  return NULL;
}

static int32_t slow_swirl(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                          const float *cond, float *v) {
  (void)user, (void)t, (void)cond_dim, (void)cond;
  for (int64_t i = 0; i < n * dim; i++) v[i] = -x[i];
  nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL); /* a fork falls into it more often than not */
  return 0;
}

/* Two of the parent's threads sample, from the flow that the child will use or from a serialised callback. What they
 * held is lost to the child, so not all of its memory comes back. */
static void fork_beside(int serialised) {
  enum { FORKS = 8 };
  family f;
  busy b = {0};
  bzd_flow *callback = NULL;
  pthread_t threads[2];
  uint64_t hash[FORKS + 1] = {0};
  found(&f, SOURCE_DATA, 3);
  if (serialised) {
    bzd_flow_config config;
    OK(bzd_flow_config_init(&config, sizeof config));
    config.dim = SOURCES_DIM;
    config.cond_dim = SOURCES_CLASSES;
    OK(bzd_flow_create_callback(f.context, &config, slow_swirl, NULL, 1, &callback));
    bzd_flow_destroy(f.flow);
    f.flow = callback;
  }
  b.flow = f.flow;
  OK(bzd_trainer_run(f.trainer, 5, NULL, NULL));
  for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, sample_on, &b), 0);
  for (int i = 0; i < FORKS; i++) {
    int from;
    long long calls = atomic_load(&b.calls);
    while (atomic_load(&b.calls) == calls) nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    pid_t child = fork_and_work(&f, &from, 0);
    await(child, from, &hash[i]);
    close(from);
  }
  atomic_store(&b.stop, 1);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  assert_int_equal(work(&f, "parent.bzd", &hash[FORKS]), 0);
  assert_int_equal(leave(&f), 0);
  for (int i = 0; i < FORKS; i++) assert_true(hash[i] == hash[FORKS]);
  print_message("%d forks beside threads that sample%s\n", (int)FORKS, serialised ? ", serialised" : "");
}

static void test_beside_threads(void **state) {
  (void)state;
  if (!THREADS_MAY_FORK) skip();
  fork_beside(0);
}

static void test_beside_a_serialised_callback(void **state) {
  (void)state;
  if (!THREADS_MAY_FORK) skip();
  fork_beside(1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_in_mid_training), cmocka_unit_test(test_beside_threads),
                                     cmocka_unit_test(test_beside_a_serialised_callback)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
