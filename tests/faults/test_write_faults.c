/* SPDX-License-Identifier: MIT */
/* Every system call of a save fails, once and from then on: the file is the old one, or, where success is reported, the
 * new one; the text names path and cause; nothing is left over and the next save succeeds. With the argument "full"
 * every fault is tried, else every fifth. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "saves.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static int full;

static int next_fd(void) {
  int fd = dup(0);
  assert_true(fd >= 0);
  close(fd);
  return fd;
}

/* What there is before a save: nothing, an old file, or also what a killed save left. */
enum { NOTHING, OLD_FILE, LEFTOVER, SCENES };
static const char *const scene_names[SCENES] = {"new", "over an old file", "with a leftover"};

static void put_scene(int kind, int scene) {
  char leftover[160];
  if (scene == NOTHING)
    unlink(path);
  else
    put_file(path, all.content[kind][OLD].data, all.content[kind][OLD].size);
  snprintf(leftover, sizeof leftover, "%s/.target.bezdist-0", folder);
  if (scene == LEFTOVER) put_file(leftover, "half", 4);
}

/* The only failure after which the new file stands: its folder could not be made durable. */
static int stands(const char *text) { return strstr(text, "written, but its folder cannot be made durable") != NULL; }

typedef struct count {
  long faults, failures, successes, standing, left;
  unsigned met; /* calls, of os.met */
} count;

/* What fails must be told: the path (or the tensor that cannot be read), and the system's words for the fault. */
static void check_text(const os_fault *fault, const char *text) {
  const char *cause = fault->action == OS_ERROR  ? strerror(fault->error)
                      : fault->action == OS_FULL ? strerror(ENOSPC)
                                                 : "nothing could be written";
  if ((!strstr(text, path) && !(os.met & 1u << OS_READ && strstr(text, "tensor w"))) || !strstr(text, cause))
    fail_msg("\"%s\" lacks \"%s\" or \"%s\"", text, path, cause);
}

/* No save succeeds after such a call has failed. */
static int must_fail(long at, const os_fault *fault) {
  int call = os.kind[at];
  if (fault->action != OS_ERROR) return fault->action == OS_ZERO || fault->action == OS_FULL;
  if (call == OS_WRITE) return fault->error != EINTR || fault->lasting;
  if (call == OS_CLOSE) return at > 0 && os.kind[at - 1] == OS_COPY;
  if (call == OS_STAT) return at > 0 && os.kind[at - 1] == OS_OPEN; /* the old file's */
  return call == OS_OPEN || call == OS_FSYNC || call == OS_COPY || call == OS_CHMOD || call == OS_RENAME;
}

/* Nor does one fail after these. */
static int must_succeed(long at, const os_fault *fault) {
  int call = os.kind[at];
  if (call != OS_WRITE && call != OS_READ) return 0;
  return fault->action == OS_ONE || fault->action == OS_HALF ||
         (fault->action == OS_ERROR && fault->error == EINTR && !fault->lasting);
}

static void one_fault(int kind, int scene, os_fault fault, count *c) {
  const content *versions = all.content[kind];
  char what[128];
  put_scene(kind, scene);
  long long live = all.host.live;
  int fd = next_fd();
  os_start(fault);
  bzd_status status = saves_save(&all, kind, NEW, path);
  os_stop();
  if (!os.met) return; /* it does not fit the call */
  snprintf(what, sizeof what, "%s, %s, call %ld (%s), action %d, %s, %s", kind_names[kind], scene_names[scene],
           fault.at, os_names[os.kind[fault.at]], fault.action, fault.action == OS_ERROR ? strerror(fault.error) : "-",
           fault.lasting ? "from then on" : "once");
  c->faults++;
  c->met |= os.met;
  if (all.host.live != live) fail_msg("%s: %lld bytes leak", what, (long long)all.host.live - live);
  if (next_fd() != fd) fail_msg("%s: a descriptor leaks", what);
  int there = 1;
  if (status == BZD_OK) {
    c->successes++;
    if (must_fail(fault.at, &fault)) fail_msg("%s: success", what);
    if (!file_is(path, &versions[NEW])) fail_msg("%s: success, but not the new file", what);
  } else {
    const char *text = failure_text();
    c->failures++;
    if (must_succeed(fault.at, &fault)) fail_msg("%s: %s", what, text);
    if (status != BZD_E_IO) fail_msg("%s: %s", what, bzd_status_name(status));
    check_text(&fault, text);
    if (stands(text)) {
      c->standing++;
      if (os.kind[fault.at] != OS_FSYNC && !fault.lasting) fail_msg("%s: %s", what, text);
      if (!file_is(path, &versions[NEW])) fail_msg("%s: %s, but not the new file", what, text);
    } else if (scene != NOTHING) {
      if (!file_is(path, &versions[OLD])) fail_msg("%s: failure, but not the old file", what);
    } else {
      there = 0;
      if (access(path, F_OK) == 0) fail_msg("%s: failure, but a file", what);
    }
  }
  /* Left over only when it cannot be removed, or the system does not say whose it is. */
  int left = entries(folder) - there;
  if (scene == LEFTOVER ? left > 2 : left > (os.met & (1u << OS_UNLINK | 1u << OS_STAT) ? 1 : 0))
    fail_msg("%s: %d files left over", what, left);
  c->left += left;
  if (kind == REWRITTEN && !there) return;
  OK(saves_save(&all, kind, LATER, path));
  if (!file_is(path, &versions[LATER])) fail_msg("%s: the next save is not there", what);
  if (entries(folder) != 1) fail_msg("%s: %d files after the next save", what, entries(folder));
}

static void test_every_call(void **state) {
  (void)state;
  static const os_fault faults[] = {{.action = OS_ERROR, .error = ENOSPC},
                                    {.action = OS_ERROR, .error = EIO},
                                    {.action = OS_ERROR, .error = EDQUOT},
                                    {.action = OS_ERROR, .error = EINTR},
                                    {.action = OS_ERROR, .error = EROFS},
                                    {.action = OS_ONE},
                                    {.action = OS_HALF},
                                    {.action = OS_ZERO},
                                    {.action = OS_FULL}};
  enum { FAULTS = sizeof faults / sizeof *faults };
  count c = {0};
  long calls = 0, turn = 0;
  for (int kind = 0; kind < KINDS; kind++)
    for (int scene = kind == REWRITTEN ? OLD_FILE : NOTHING; scene < SCENES; scene++) {
      put_scene(kind, scene);
      os_start((os_fault){0});
      OK(saves_save(&all, kind, NEW, path));
      os_stop();
      long n = os.calls;
      assert_true(file_is(path, &all.content[kind][NEW]) && entries(folder) == 1);
      calls += n;
      for (long at = 0; at < n; at++)
        for (int f = 0; f < FAULTS; f++)
          for (int lasting = 0; lasting < 2; lasting++) {
            if (turn++ % 5 != 0 && !full) continue;
            os_fault fault = faults[f];
            fault.at = at;
            fault.lasting = lasting;
            one_fault(kind, scene, fault, &c);
          }
    }
  assert_int_equal(c.met, (1u << OS_CALLS) - 1); /* they do go through os.c */
  assert_true(c.left > 0 && c.standing > 0);
  print_message("%ld calls of %d saves: %ld faults: %ld saves failed, in %ld of them only the folder's fsync; %ld "
                "succeeded; %ld files were left over for the next save, which removed all\n",
                calls, SCENES * KINDS - 1, c.faults, c.failures, c.standing, c.successes, c.left);
}

/* ---- Limits of the system ------------------------------------------------------------------------------------ */

static void limit_size(rlim_t size) {
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = size;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A file may not grow beyond any size: with SIGXFSZ ignored the save fails. */
static void test_size_limit(void **state) {
  (void)state;
  long tried = 0;
  struct rlimit before;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
  for (int kind = 0; kind < KINDS; kind++) {
    size_t size = all.content[kind][NEW].size;
    put_scene(kind, OLD_FILE);
    for (size_t limit = 0; limit < size; limit += full ? 1 : 13) {
      limit_size(limit);
      bzd_status status = saves_save(&all, kind, NEW, path);
      limit_size(before.rlim_cur);
      assert_int_equal(status, BZD_E_IO);
      assert_non_null(strstr(failure_text(), strerror(EFBIG)));
      assert_non_null(strstr(failure_text(), path));
      if (!file_is(path, &all.content[kind][OLD])) fail_msg("%s, %zu bytes: not the old file", kind_names[kind], limit);
      assert_int_equal(entries(folder), 1);
      tried++;
    }
    limit_size(size);
    os_start((os_fault){0});
    OK(saves_save(&all, kind, NEW, path));
    os_stop();
    limit_size(before.rlim_cur);
    assert_true(file_is(path, &all.content[kind][NEW]));
  }
  assert_true(signal(SIGXFSZ, SIG_DFL) == SIG_IGN); /* the library left it */
  print_message("%ld limits of the file size, SIGXFSZ ignored: each save failed, each old file stands\n", tried);
}

/* With SIGXFSZ as a process starts, the system ends it within the save: the host's business, and the old file stands.
 */
static void test_size_signal(void **state) {
  (void)state;
  enum { PARTS = 10 };
  long tried = 0;
  for (int kind = 0; kind < KINDS; kind++) {
    const content *versions = all.content[kind];
    put_scene(kind, OLD_FILE);
    for (size_t part = 0; part < PARTS; part++) {
      fflush(NULL);
      pid_t child = fork();
      assert_true(child >= 0);
      if (child == 0) {
        limit_size(versions[NEW].size * part / PARTS);
        saves_save(&all, kind, NEW, path);
        _exit(0);
      }
      int status;
      assert_int_equal(waitpid(child, &status, 0), child);
      assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
      assert_true(file_is(path, &versions[OLD]));
      assert_true(entries(folder) <= 2); /* the leftovers do not pile up */
      tried++;
    }
    OK(saves_save(&all, kind, LATER, path));
    assert_true(file_is(path, &versions[LATER]) && entries(folder) == 1);
  }
  print_message("%ld processes ended by SIGXFSZ: each old file stands\n", tried);
}

/* ---- What a save must leave alone ---------------------------------------------------------------------------- */

typedef struct process_state {
  void (*handler[NSIG])(int);
  int flags[NSIG], masked[NSIG];
  mode_t umask;
  char cwd[1024], locale[256];
} process_state;

static void note_process(process_state *p) {
  memset(p, 0, sizeof *p);
  sigset_t mask;
  sigprocmask(SIG_SETMASK, NULL, &mask);
  for (int i = 1; i < NSIG; i++) {
    struct sigaction action;
    p->masked[i] = sigismember(&mask, i);
    if (sigaction(i, NULL, &action) != 0) continue; /* libc's own */
    p->handler[i] = action.sa_handler;
    p->flags[i] = action.sa_flags;
  }
  umask(p->umask = umask(0));
  assert_non_null(getcwd(p->cwd, sizeof p->cwd));
  snprintf(p->locale, sizeof p->locale, "%s", setlocale(LC_ALL, NULL));
}

static process_state at_start;
static long looked;

static void look(long at, int call) {
  static process_state now;
  (void)at, (void)call;
  note_process(&now);
  assert_memory_equal(&now, &at_start, sizeof now);
  looked++;
}

/* Signals, umask, folder and locale are the same before, at each call of, and after a save that succeeds or fails. */
static void test_process_state(void **state) {
  (void)state;
  looked = 0;
  note_process(&at_start);
  os.hook = look;
  for (int kind = 0; kind < KINDS; kind++) {
    put_scene(kind, OLD_FILE);
    os_start((os_fault){0});
    OK(saves_save(&all, kind, NEW, path));
    os_start((os_fault){.at = os.calls / 2, .action = OS_ERROR, .error = EIO, .lasting = 1});
    bzd_status status = saves_save(&all, kind, NEW, path);
    os_stop();
    look(0, 0);
    assert_int_equal(status, BZD_E_IO);
  }
  os.hook = NULL;
  empty_folder(folder);
  print_message("signals, mask, umask, folder and locale looked at %ld times\n", looked);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_call), cmocka_unit_test(test_size_limit),
                                     cmocka_unit_test(test_size_signal), cmocka_unit_test(test_process_state)};
  full = argc > 1 && !strcmp(argv[1], "full");
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
