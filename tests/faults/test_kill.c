/* SPDX-License-Identifier: MIT */
/* SIGKILL before and after every system call of a save: the file is the old or the new one, and saves that
 * are alive keep their files. With the path of the bezdist program in BEZDIST_PROGRAM the same for `bezdist train`.
 * Skipped where a process may not trace its child. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "saves.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static const char *program; /* bezdist; NULL: not built */

/* ---- A traced child ------------------------------------------------------------------------------------------ */

typedef struct work { /* of a child */
  int kind, version;
  char **command; /* instead, when not NULL */
} work;

static pid_t start(const work *w) {
  int status;
  fflush(NULL);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child > 0) {
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    assert_int_equal(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL), 0);
    return child;
  }
  if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(77);
  raise(SIGSTOP);
  if (w->command) {
    int null = open("/dev/null", O_RDWR);
    if (dup2(null, 1) < 0 || dup2(null, 2) < 0) _exit(1);
    execv(w->command[0], w->command);
    _exit(1);
  }
  _exit(saves_save(&all, w->kind, w->version, path) == BZD_OK ? 0 : 1);
}

/* Lets the child go on for so many stops, at entry and at exit of its system calls; returns those it made. It is ended
 * when it made fewer, and stopped otherwise. */
static long go_on(pid_t child, long stops) {
  int status;
  long made = 0;
  for (int signal = 0; made < stops;) {
    assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, signal), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status)) {
      assert_int_equal(WEXITSTATUS(status), 0);
      return made;
    }
    assert_true(WIFSTOPPED(status));
    signal = 0;
    if (WSTOPSIG(status) == (SIGTRAP | 0x80))
      made++;
    else if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) /* exec; somebody who stops processes */
      signal = WSTOPSIG(status);
  }
  return made;
}

static void kill_child(pid_t child) {
  int status;
  assert_int_equal(kill(child, SIGKILL), 0);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static long count_stops(const work *w) { return go_on(start(w), 1L << 40); }

static int may_trace(void) {
  int status;
  pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(77);
    raise(SIGSTOP);
    _exit(0);
  }
  if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return 0;
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return 1;
}

static void put_old_of(int kind) { put_file(path, all.content[kind][OLD].data, all.content[kind][OLD].size); }

/* One save's leftover in the folder, or none. */
static void set_leftover(const char *name, int there) {
  char file[200];
  snprintf(file, sizeof file, "%s/.%s.bezdist-0", folder, name);
  if (there)
    put_file(file, "half", 4);
  else
    unlink(file);
}

/* ---- The library --------------------------------------------------------------------------------------------- */

static void test_every_call(void **state) {
  (void)state;
  long kills = 0, olds = 0, news = 0, left = 0;
  for (int i = 0; i < 2 * KINDS; i++) {
    int kind = i / 2, leftover = i % 2;
    const content *versions = all.content[kind];
    const work w = {.kind = kind, .version = NEW};
    for (long k = 1;; k++) {
      put_old_of(kind);
      set_leftover("target", leftover);
      pid_t child = start(&w);
      if (go_on(child, k) < k) break; /* it was done before */
      kill_child(child);
      kills++;
      int there = entries(folder), is_new = file_is(path, &versions[NEW]);
      if (there > 2) fail_msg("%s, stop %ld: %d files", kind_names[kind], k, there);
      if (!is_new && !file_is(path, &versions[OLD])) fail_msg("%s, stop %ld: another file", kind_names[kind], k);
      OK(saves_load(&all, kind, path));
      left += there == 2;
      news += is_new;
      olds += !is_new;
    }
    assert_true(file_is(path, &versions[NEW]) && entries(folder) == 1);
  }
  assert_true(olds > 0 && news > 0 && left > 0);
  print_message(
      "%ld saves killed, one at each stop: %ld old files, %ld new ones; after %ld a temporary file, never two\n", kills,
      olds, news, left);
}

/* Starts a save and stops it in the middle of its bytes, its temporary file made and locked. */
static pid_t start_half(const work *w) {
  enum { FURTHER = 14 }; /* stops: open, flock, fstat, fstatat, fchmod, write */
  pid_t child = start(w);
  int before = entries(folder), left = -1;
  while (left != 0) {
    assert_int_equal(go_on(child, 1), 1);
    int now = entries(folder);
    if (now > before) left = FURTHER;
    before = now;
    if (left > 0) left--;
  }
  return child;
}

/* Saves that are alive keep their files whatever others do; once killed they lose them, let go on they succeed. */
static void test_alive(void **state) {
  (void)state;
  enum { PROCESSES = 12, SAVES = 20 };
  const work w = {.kind = FLOW, .version = NEW};
  pid_t child[PROCESSES];
  put_old(path);
  for (int killed = 1; killed >= 0; killed--) {
    for (int i = 0; i < PROCESSES; i++) child[i] = start_half(&w);
    assert_int_equal(entries(folder), 1 + PROCESSES);
    for (int i = 0; i < SAVES; i++) {
      OK(saves_save(&all, FLOW, LATER, path));
      assert_true(file_is(path, &all.content[FLOW][LATER]));
      assert_int_equal(entries(folder), 1 + PROCESSES);
    }
    for (int i = 0; i < PROCESSES; i++) {
      int status = 0;
      if (killed) {
        kill_child(child[i]);
        continue;
      }
      assert_int_equal(ptrace(PTRACE_DETACH, child[i], NULL, 0), 0);
      assert_int_equal(waitpid(child[i], &status, 0), child[i]);
      assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
      assert_true(file_is(path, &all.content[FLOW][NEW]));
    }
    OK(saves_save(&all, FLOW, LATER, path));
    assert_int_equal(entries(folder), 1);
    empty_folder(folder);
    put_old(path);
  }
  print_message("%d saves stopped in the middle kept their files through %d others, twice; let go on, all succeeded\n",
                PROCESSES, SAVES);
}

/* Processes that save the same file, some of them killed at any time: one whole file, always. */
static void test_storm(void **state) {
  (void)state;
  enum { PROCESSES = 6, SAVES = 25, ROUNDS = 4 };
  long readings = 0;
  put_old(path);
  for (int round = 0; round < ROUNDS; round++) {
    pid_t child[PROCESSES];
    fflush(NULL);
    for (int i = 0; i < PROCESSES; i++) {
      child[i] = fork();
      if (child[i] != 0) continue;
      for (int n = 0; n < SAVES || i == 0; n++) /* the first saves until it is killed */
        if (saves_save(&all, FLOW, i % 2 ? NEW : LATER, path) != BZD_OK) _exit(1);
      _exit(0);
    }
    for (int i = PROCESSES - 1; i >= 0; i--) {
      int status;
      pid_t ended = 0;
      for (; ended == 0 && i > 0; readings++) {
        if (!file_is(path, &all.content[FLOW][OLD]) && !file_is(path, &all.content[FLOW][NEW]) &&
            !file_is(path, &all.content[FLOW][LATER])) {
          content c = get_file(path); /* replaced between the looks? */
          int whole = 0;
          for (int v = 0; v < VERSIONS; v++)
            whole |=
                c.data && c.size == all.content[FLOW][v].size && !memcmp(c.data, all.content[FLOW][v].data, c.size);
          free(c.data);
          assert_true(whole);
        }
        assert_true((ended = waitpid(child[i], &status, WNOHANG)) >= 0);
      }
      if (i == 0) {
        kill_child(child[i]);
      } else {
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
      }
    }
    assert_true(entries(folder) <= 2);
  }
  OK(saves_save(&all, FLOW, NEW, path));
  assert_int_equal(entries(folder), 1);
  empty_folder(folder);
  print_message("%d processes with %d saves each and %d killed, %ld readings: each one whole file\n",
                ROUNDS * (PROCESSES - 1), SAVES, ROUNDS, readings);
}

/* ---- The program --------------------------------------------------------------------------------------------- */

static void run(char **command) {
  const work w = {.command = command};
  count_stops(&w); /* also asserts that it succeeds */
}

/* A training goes on and is killed: its checkpoint is that of before or that of after. */
static void test_program(void **state) {
  (void)state;
  if (!program) skip();
  static char file[256];
  snprintf(file, sizeof file, "%s/model.bzd", folder);
  char command_program[1024], steps[] = "5", later[] = "8";
  snprintf(command_program, sizeof command_program, "%s", program);
  char *words[] = {command_program, "train",    "--data",  "toy:moons", "--toy-count", "100",
                   "--out",         file,       "--steps", "20",        "--net",       "mlp:8x2",
                   "--batch",       "8",        "--quiet", "--threads", "1",           "--stop-at",
                   steps,           "--resume", NULL};
  run(words);
  content old = get_file(file);
  words[18] = later;
  const work w = {.command = words};
  long stops = count_stops(&w), kills = 0, olds = 0, news = 0;
  content new = get_file(file);
  assert_true(old.size != new.size || memcmp(old.data, new.data, old.size) != 0);
  put_file(file, old.data, old.size);
  /* Most of the calls are those of its start: ten of them, then every third of those that hold the save. */
  for (long k = 1;; k += k < stops - 100 ? (stops - 100) / 10 : 3) {
    pid_t child = start(&w);
    if (go_on(child, k) < k) break; /* it was done before */
    kill_child(child);
    kills++;
    assert_true(entries(folder) <= 2);
    int is_new = file_is(file, &new);
    assert_true(is_new || file_is(file, &old));
    news += is_new;
    olds += !is_new;
    put_file(file, old.data, old.size);
    set_leftover("model.bzd", 0);
  }
  assert_true(file_is(file, &new));
  assert_int_equal(entries(folder), 1);
  assert_true(olds > 0 && news > 0);
  print_message(
      "bezdist train --resume, killed at %ld of its %ld stops: %ld old files, %ld new ones; then it goes on\n", kills,
      stops, olds, news);
  free(old.data);
  free(new.data);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_every_call, clean_up), cmocka_unit_test_teardown(test_alive, clean_up),
      cmocka_unit_test_teardown(test_storm, clean_up), cmocka_unit_test_teardown(test_program, clean_up)};
  program = getenv("BEZDIST_PROGRAM");
  if (!may_trace()) {
    print_message("skipped: a process may not trace its child here\n");
    return 77;
  }
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
