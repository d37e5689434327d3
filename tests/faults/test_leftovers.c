/* SPDX-License-Identifier: MIT */
/* Temporary files beside the target: those of killed saves go, whatever is another's stays; and saves of one file at
 * once. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "saves.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

static long stop_at;

static void die(long at, int call) {
  (void)call;
  if (at == stop_at) raise(SIGKILL);
}

/* Saves killed one after another, every other one with its bytes written: no two of them leave a file. */
static void test_pile(void **state) {
  (void)state;
  enum { KILLS = 200 };
  long left = 0;
  put_old(path);
  os_start((os_fault){0});
  OK(save_to(path, OLD));
  os_stop();
  const long calls = os.calls;
  for (int i = 0; i < KILLS; i++) {
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
      stop_at = i % 2 ? calls - 5 : i / 2 % calls;
      os.hook = die;
      os_start((os_fault){0});
      _exit(save_to(path, NEW) == BZD_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_true(entries(folder) <= 2);
    left += entries(folder) == 2;
  }
  assert_true(left >= KILLS / 2);
  OK(save_to(path, NEW));
  assert_int_equal(entries(folder), 1);
  print_message("%d saves killed in a row, %ld of them with a temporary file beside the target: never two, and none "
                "after the next save\n",
                KILLS, left);
}

static void check_victim(void) {
  check(other, OLD);
  check(path, NEW);
}

/* Temporary names that are taken: by what is no leftover, and stays; by another name of a file, which stays. */
static void test_taken_names(void **state) {
  (void)state;
  put_old(other);
  /* A link, a folder, a FIFO. */
  assert_int_equal(symlink("other", in_folder(".target.bezdist-0")), 0);
  assert_int_equal(mkdir(in_folder(".target.bezdist-1"), 0700), 0);
  assert_int_equal(mkfifo(in_folder(".target.bezdist-2"), 0600), 0);
  /* Somebody's locked file. */
  put_old(in_folder(".target.bezdist-3"));
  int fd = open(in_folder(".target.bezdist-3"), O_RDONLY | O_CLOEXEC);
  assert_int_equal(flock(fd, LOCK_EX), 0);
  /* Not temporary names of this target. */
  static const char *const foreign[] = {".target.bezdist-x", ".target.bezdist-0.txt", ".other.bezdist-0",
                                        "target.bezdist-0", ".target.bezdist-00"};
  for (int i = 0; i < 5; i++) put_old(in_folder(foreign[i]));
  /* Leftovers: one is a hard link. */
  put_old(in_folder(".target.bezdist-4"));
  assert_int_equal(link(other, in_folder(".target.bezdist-7")), 0);
  for (int i = 0; i < 3; i++) {
    OK(save_to(path, NEW));
    check_victim();
    assert_int_equal(entries(folder), 2 + 4 + 5);
    assert_int_equal(type_of(in_folder(".target.bezdist-0")), S_IFLNK);
    check(in_folder(".target.bezdist-3"), OLD);
    for (int f = 0; f < 5; f++) check(in_folder(foreign[f]), OLD);
  }
  close(fd); /* its owner is gone */
  OK(save_to(path, NEW));
  assert_int_equal(entries(folder), 2 + 3 + 5);
  empty_folder(folder);
}

/* All names but the last are taken by locked files: a thousand saves at once. */
static void test_no_name_left(void **state) {
  (void)state;
  char name[64];
  int fds[1000];
  put_old(path);
  for (int i = 0; i < 1000; i++) {
    snprintf(name, sizeof name, ".target.bezdist-%d", i);
    fds[i] = open(in_folder(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fds[i] < 0) { /* a small limit of descriptors */
      for (int j = 0; j < i; j++) close(fds[j]);
      empty_folder(folder);
      print_message("skipped: %d descriptors are too few\n", i);
      return;
    }
    assert_int_equal(flock(fds[i], LOCK_EX), 0);
  }
  FAILS(BZD_E_IO, strerror(EEXIST), save_to(path, NEW));
  check(path, OLD);
  close(fds[999]);
  OK(save_to(path, NEW));
  check(path, NEW);
  assert_int_equal(entries(folder), 1 + 999);
  for (int i = 0; i < 999; i++) close(fds[i]);
  empty_folder(folder);
}

/* ---- Two saves at once --------------------------------------------------------------------------------------- */

static int now_kind, in_child;
static long inner;

static void inner_save(long at, int call) {
  (void)at, (void)call;
  if (in_child) {
    int status;
    pid_t child = fork();
    if (child == 0) _exit(saves_save(&all, now_kind, LATER, path) == BZD_OK ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
  } else {
    OK(saves_save(&all, now_kind, LATER, path));
  }
  assert_true(file_is(path, &all.content[now_kind][LATER]));
  assert_true(entries(folder) <= 2);
  inner++;
}

/* Before each call of a save another one of the same file, in this or another process, is done as a whole. Each stands
 * when it reports so, and neither takes the other's temporary file away. */
static void test_interleaved(void **state) {
  (void)state;
  long outer = 0;
  for (in_child = 0; in_child < 2; in_child++)
    for (now_kind = 0; now_kind < KINDS; now_kind++) {
      const content *versions = all.content[now_kind];
      put_file(path, versions[OLD].data, versions[OLD].size);
      os.hook = inner_save;
      os_start((os_fault){0});
      OK(saves_save(&all, now_kind, NEW, path));
      os_stop();
      os.hook = NULL;
      /* After the rename another save may have come: the last of the two. */
      assert_true(file_is(path, &versions[LATER]));
      assert_int_equal(entries(folder), 1);
      outer++;
    }
  print_message("%ld saves, with %ld others of the same file before each of their calls\n", outer, inner);
  empty_folder(folder);
}

static int strangers;

/* Before the first lock: the leftover that is about to be locked is gone, and another process's file has its name. */
static void replace_leftover(long at, int call) {
  (void)at;
  if (call != OS_LOCK || strangers >= 0) return;
  assert_int_equal(unlink(in_folder(".target.bezdist-0")), 0);
  strangers = open(in_folder(".target.bezdist-0"), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  assert_int_equal(flock(strangers, LOCK_EX), 0);
}

static void test_replaced_leftover(void **state) {
  (void)state;
  put_old(path);
  put_old(in_folder(".target.bezdist-0"));
  strangers = -1;
  os.hook = replace_leftover;
  os_start((os_fault){0});
  OK(save_to(path, NEW));
  os_stop();
  os.hook = NULL;
  assert_true(strangers >= 0);
  assert_int_equal(entries(folder), 2); /* it is still there */
  close(strangers);
  empty_folder(folder);
}

/* Another process looks at a temporary file before its save has locked it, and takes it for a leftover. */
static void take_for_leftover(long at, int call) {
  (void)at;
  if (call == OS_LOCK && strangers < 0 && access(in_folder(".target.bezdist-0"), F_OK) == 0) {
    strangers = open(in_folder(".target.bezdist-0"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(strangers, LOCK_EX | LOCK_NB), 0);
  }
  if (call == OS_WRITE && strangers >= 0) {
    unlink(in_folder(".target.bezdist-0"));
    close(strangers);
  }
}

static void test_taken_for_leftover(void **state) {
  (void)state;
  put_old(path);
  strangers = -1;
  os.hook = take_for_leftover;
  os_start((os_fault){0});
  OK(save_to(path, NEW));
  os_stop();
  os.hook = NULL;
  assert_true(strangers >= 0);
  check(path, NEW);
  assert_int_equal(entries(folder), 1);
  empty_folder(folder);
}

static long locked;

static void look_at_lock(long at, int call) {
  (void)at;
  if (call != OS_UNLINK) return;
  int fd = open(in_folder(".target.bezdist-0"), O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  locked += flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(fd);
}

/* A failed save removes its file while it still holds the lock: later the name may be another's. */
static void test_removed_under_lock(void **state) {
  (void)state;
  put_old(path);
  os_start((os_fault){0});
  OK(save_to(path, NEW));
  os_stop();
  long calls = os.calls, failed = 0;
  os.hook = look_at_lock;
  for (long at = 0; at < calls; at++) {
    long before = locked;
    os_start((os_fault){.at = at, .action = OS_ERROR, .error = EIO});
    bzd_status status = save_to(path, NEW);
    int removed = os.kinds[OS_UNLINK] > 0;
    os_stop();
    if (status == BZD_OK) continue;
    failed += removed;
    assert_int_equal(locked - before, removed);
  }
  os.hook = NULL;
  assert_true(failed > 5);
  empty_folder(folder);
}

enum { THREADS = 8, TURNS = 40 };

static void *save_often(void *user) {
  int version = *(const int *)user;
  for (int i = 0; i < TURNS; i++)
    if (save_to(path, version) != BZD_OK) return user;
  return NULL;
}

/* Threads save, this one reads: always one whole file of them. */
static void test_threads(void **state) {
  (void)state;
  pthread_t thread[THREADS];
  int version[THREADS];
  long read = 0;
  put_old(path);
  for (int i = 0; i < THREADS; i++) {
    version[i] = i % 2 ? NEW : LATER;
    assert_int_equal(pthread_create(&thread[i], NULL, save_often, &version[i]), 0);
  }
  for (; read < 500; read++) {
    content c = get_file(path);
    int which = -1;
    for (int v = 0; v < VERSIONS; v++)
      if (c.data && c.size == all.content[FLOW][v].size && !memcmp(c.data, all.content[FLOW][v].data, c.size))
        which = v;
    free(c.data);
    if (which < 0) fail_msg("reading %ld: no whole file", read);
    OK(saves_load(&all, FLOW, path));
  }
  for (int i = 0; i < THREADS; i++) {
    void *failed;
    pthread_join(thread[i], &failed);
    assert_null(failed);
  }
  assert_true(file_is(path, &all.content[FLOW][NEW]) || file_is(path, &all.content[FLOW][LATER]));
  OK(save_to(path, NEW));
  assert_int_equal(entries(folder), 1);
  print_message("%d saves by %d threads, %ld readings: each one whole file\n", THREADS * TURNS, THREADS, read);
  empty_folder(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(test_pile, clean_up),
                                     cmocka_unit_test_teardown(test_taken_names, clean_up),
                                     cmocka_unit_test_teardown(test_no_name_left, clean_up),
                                     cmocka_unit_test_teardown(test_interleaved, clean_up),
                                     cmocka_unit_test_teardown(test_replaced_leftover, clean_up),
                                     cmocka_unit_test_teardown(test_removed_under_lock, clean_up),
                                     cmocka_unit_test_teardown(test_taken_for_leftover, clean_up),
                                     cmocka_unit_test_teardown(test_threads, clean_up)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
