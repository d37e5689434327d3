/* SPDX-License-Identifier: MIT */
/* A save is killed before and after each of its system calls (ptrace): the target is the old file or the new one to the
 * byte, at most one temporary file is beside it, and the next save removes that. Saves of one target at the same time,
 * from threads and from processes: one of them, whole; who reads meanwhile always finds one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include "host.h"

#include "saves.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static const char *const target = "folder/model";

/* Lets a child that saves go on to its stop number `stops` and kills it there. 1: it ended before; -1: no ptrace. */
static int killed_save(const saves *s, int kind, long stops) {
  int status;
  pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(77);
    raise(SIGSTOP);
    _exit(saves_do(s, kind, target) == BZD_OK ? 0 : 1);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  if (WIFEXITED(status)) return -1;
  for (long stop = 0; stop < stops; stop++) {
    assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status)) {
      assert_int_equal(WEXITSTATUS(status), 0);
      return 1;
    }
  }
  kill(child, SIGKILL);
  assert_int_equal(waitpid(child, &status, 0), child);
  return 0;
}

static void test_killed(void **state) {
  (void)state;
  saves s;
  long kills = 0, old = 0, leftovers = 0;
  saves_open(&s, 8, 16);
  for (int kind = 0; kind < SAVES; kind++) {
    folder_clear("folder");
    for (long stop = 0;; stop++) {
      image_write(target, &s.old);
      int ended = killed_save(&s, kind, stop);
      if (ended < 0) {
        print_message("skipped: ptrace is not permitted\n");
        skip();
      }
      if (ended) break;
      kills++;
      const int stayed = file_is(target, &s.old), files = folder_count("folder", "model", NULL);
      if (!stayed && !file_is(target, &s.fresh[kind]))
        fail_msg("%s: killed at stop %ld: neither old nor new", save_names[kind], stop);
      if (files > 2) fail_msg("%s: killed at stop %ld: %d files", save_names[kind], stop, files);
      old += stayed;
      leftovers += files == 2;
    }
    OK(saves_do(&s, kind, target));
    assert_int_equal(folder_count("folder", "model", NULL), 1);
  }
  print_message(
      "%ld kills: %ld left the old file, %ld the new one; %ld left a temporary file, which the next save removed\n",
      kills, old, kills - old, leftovers);
  assert_true(kills > 200 && old > 0 && old < kills && leftovers > 50);
  saves_close(&s);
}

/* ---- At the same time -------------------------------------------------------------------------------------------- */

enum { WRITERS = 4, TIMES = 25 };

typedef struct writer {
  const saves *s;
  int kind, failed;
} writer;

static void *save_often(void *user) {
  writer *w = user;
  for (int i = 0; i < TIMES; i++) w->failed += saves_do(w->s, w->kind, target) != BZD_OK;
  return NULL;
}

static int is_one_of(const saves *s) {
  image found = image_read(target);
  int known = image_is(&found, &s->old);
  for (int kind = 0; kind < SAVES; kind++) known |= image_is(&found, &s->fresh[kind]);
  free(found.data);
  return known;
}

static void test_together(void **state) {
  (void)state;
  saves s;
  saves_open(&s, 8, 16);
  folder_clear("folder");
  image_write(target, &s.old);
  pthread_t thread[WRITERS];
  writer writers[WRITERS];
  pid_t child[WRITERS];
  for (int w = 0; w < WRITERS; w++) {
    writers[w] = (writer){&s, w % SAVES, 0};
    child[w] = fork();
    if (child[w] == 0) {
      save_often(&writers[w]);
      _exit(writers[w].failed != 0);
    }
  }
  for (int w = 0; w < WRITERS; w++) assert_int_equal(pthread_create(&thread[w], NULL, save_often, &writers[w]), 0);
  long looks = 0;
  for (int left = WRITERS; left > 0; looks++) {
    int status;
    assert_true(is_one_of(&s));
    for (int w = 0; w < WRITERS; w++)
      if (child[w] > 0 && waitpid(child[w], &status, WNOHANG) == child[w]) {
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        child[w] = 0;
        left--;
      }
  }
  for (int w = 0; w < WRITERS; w++) {
    pthread_join(thread[w], NULL);
    assert_int_equal(writers[w].failed, 0);
  }
  assert_true(is_one_of(&s));
  print_message("%d saves by %d threads and %d processes, %ld looks at the file meanwhile: always one of them, whole\n",
                2 * WRITERS * TIMES, WRITERS, WRITERS, looks);
  assert_int_equal(folder_count("folder", "model", NULL), 1);
  saves_close(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_killed), cmocka_unit_test(test_together)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
