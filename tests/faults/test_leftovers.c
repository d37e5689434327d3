/* SPDX-License-Identifier: MIT */
/* What killed saves leave beside the target, and what is no leftover: the file of a save that is alive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include "host.h"

#include "os.h"
#include "saves.h"

#include <signal.h>
#include <sys/wait.h>

enum { KILLS = 100 };

static const char *const target = "folder/model";
static long stop_at; /* the call before which the hook acts */
static int stop_signal;

static void stop(long at, int call) {
  (void)call;
  if (at == stop_at) raise(stop_signal);
}

/* A child that gets a signal before call `at` of its save. */
static pid_t start(const saves *s, int kind, long at, int signal) {
  pid_t child = fork();
  if (child != 0) return child;
  stop_at = at;
  stop_signal = signal;
  os.hook = stop;
  os_start((os_fault){0});
  _exit(saves_do(s, kind, target) == BZD_OK ? 0 : 1);
}

static long calls_of(const saves *s, int kind) {
  os_start((os_fault){0});
  OK(saves_do(s, kind, target));
  os_stop();
  return os.calls;
}

static void test_pile(void **state) {
  (void)state;
  saves s;
  int most = 0, status;
  saves_open(&s, 8, 16);
  for (int round = 0; round < 2; round++) {
    folder_clear("folder");
    long calls = calls_of(&s, SAVE_FLOW);
    image_write(target, &s.old);
    for (int i = 0; i < KILLS; i++) {
      /* Round 1: before the name is given away, the most that can stay. */
      pid_t child = start(&s, SAVE_FLOW, round ? calls - 5 : (i * 7L) % calls, SIGKILL);
      assert_int_equal(waitpid(child, &status, 0), child);
      assert_true(WIFSIGNALED(status));
      const int files = folder_count("folder", "model", NULL);
      if (files > most) most = files;
    }
    OK(saves_do(&s, SAVE_FLOW, target));
    assert_int_equal(folder_count("folder", "model", NULL), 1);
  }
  print_message("%d killed saves: at most %d files in the folder, 1 after the next save\n", 2 * KILLS, most);
  assert_int_equal(most, 2);
  saves_close(&s);
}

/* Stopped before each of its calls while this process saves the same target: goes on to the end, and succeeds. */
static void test_alive(void **state) {
  (void)state;
  saves s;
  long stops = 0;
  int status;
  saves_open(&s, 8, 16);
  folder_clear("folder");
  for (int kind = 0; kind < SAVES; kind++) {
    const int other = kind == SAVE_FLOW ? SAVE_NPZ : SAVE_FLOW;
    image_write(target, &s.old);
    const long calls = calls_of(&s, kind);
    for (long at = 0; at < calls; at++, stops++) {
      image_write(target, &s.old);
      pid_t child = start(&s, kind, at, SIGSTOP);
      assert_int_equal(waitpid(child, &status, WUNTRACED), child);
      assert_true(WIFSTOPPED(status));
      bzd_status saved = saves_do(&s, other, target);
      const int ours = file_is(target, &s.fresh[other]);
      kill(child, SIGCONT);
      assert_int_equal(waitpid(child, &status, 0), child);
      if (saved != BZD_OK || !ours) fail_msg("%s, stopped at call %ld: the other save failed", save_names[kind], at);
      if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s, stopped at call %ld: its file was taken away", save_names[kind], at);
      assert_true(file_is(target, &s.fresh[kind]) || file_is(target, &s.fresh[other]));
      assert_int_equal(folder_count("folder", "model", NULL), 1);
    }
  }
  print_message("%ld saves stopped while another process saved the same file: all ended well\n", stops);
  assert_true(stops > 100);
  saves_close(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_pile), cmocka_unit_test(test_alive)};
  char room[64];
  saves_enter(room, sizeof room);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  if (room[0]) {
    folder_clear("folder");
    rmdir("folder");
    if (chdir("/") == 0) rmdir(room);
  }
  return failed;
}
