/* SPDX-License-Identifier: MIT */
/* Every system call of a save fails in turn, in every way it can, once and from then on: the file that was there stays
 * to the byte, or the new one stands whole; success is never said of anything else; nothing else stays in the folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include "host.h"

#include "os.h"
#include "saves.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const char *const target = "folder/model";

static const struct {
  const char *name;
  int action, error;
} faults[] = {{"ENOSPC", OS_ERROR, ENOSPC}, {"EIO", OS_ERROR, EIO},   {"EDQUOT", OS_ERROR, EDQUOT},
              {"EINTR", OS_ERROR, EINTR},   {"one byte", OS_ONE, 0},  {"half", OS_HALF, 0},
              {"nothing", OS_ZERO, 0},      {"/dev/full", OS_FULL, 0}};

typedef struct counts {
  long faults, failed, kept; /* met a call; saves that said so; of these with the old file in place */
  long calls[OS_CALLS];      /* faults that met each kind of call */
} counts;

/* The words of a fault that must be in the text. */
static const char *cause_of(int f) {
  if (faults[f].action == OS_ERROR) return strerror(faults[f].error);
  return faults[f].action == OS_ZERO ? "nothing could be written" : strerror(ENOSPC);
}

static void one_fault(const saves *s, int kind, int f, long at, int lasting, counts *c) {
  char what[128], text[512] = "";
  snprintf(what, sizeof what, "%s, %s at call %ld%s", save_names[kind], faults[f].name, at, lasting ? " on" : "");
  folder_clear("folder");
  image_write(target, &s->old);
  os_start((os_fault){at, faults[f].action, faults[f].error, lasting});
  bzd_status status = saves_do(s, kind, target);
  os_stop();
  if (!os.met) return; /* this call cannot fail so */
  c->faults++;
  for (int call = 0; call < OS_CALLS; call++) c->calls[call] += os.met >> call & 1;
  const int fresh = file_is(target, &s->fresh[kind]), old = file_is(target, &s->old);
  if (status == BZD_OK) {
    if (!fresh) fail_msg("%s: success, but the file is not the new one", what);
  } else {
    c->failed++;
    c->kept += old;
    bzd_last_error(text, sizeof text);
    if (status != BZD_E_IO || !strstr(text, target)) fail_msg("%s: %s: %s", what, bzd_status_name(status), text);
    if (!strstr(text, cause_of(f))) fail_msg("%s: '%s' lacks the cause", what, text);
    if (!old && !(fresh && strstr(text, "written, but"))) fail_msg("%s: neither old nor new: %s", what, text);
  }
  /* What cannot be removed stays, and what the system will not say whose it is: the next save removes it. */
  if (!(os.met & (1u << OS_UNLINK | 1u << OS_STAT)) && folder_count("folder", "model", NULL) != 1)
    fail_msg("%s: something else is left in the folder", what);
  os_start((os_fault){0});
  OK(saves_do(s, kind, target));
  os_stop();
  assert_true(file_is(target, &s->fresh[kind]));
  if (folder_count("folder", "model", NULL) != 1) fail_msg("%s: a leftover outlives the next save", what);
}

static void test_faults(void **state) {
  (void)state;
  saves s;
  counts c = {0};
  saves_open(&s, 8, 16);
  folder_clear("folder");
  for (int kind = 0; kind < SAVES; kind++) {
    image_write(target, &s.old);
    os_start((os_fault){0});
    OK(saves_do(&s, kind, target));
    os_stop();
    const long calls = os.calls;
    assert_true(calls > 8 && os.kinds[OS_FSYNC] == 2 && os.kinds[OS_RENAME] == 1 && os.kinds[OS_WRITE] > 0);
    for (int f = 0; f < (int)(sizeof faults / sizeof *faults); f++)
      for (int lasting = 0; lasting < 2; lasting++)
        for (long at = 0; at < calls + 4; at++) one_fault(&s, kind, f, at, lasting, &c);
  }
  print_message(
      "%ld faults: %ld saves failed, %ld of them with the old file in place, the others with the new one whole\n",
      c.faults, c.failed, c.kept);
  for (int call = 0; call < OS_CALLS; call++) {
    if (call == OS_READ) continue; /* a save reads nothing */
    print_message("%s %ld\n", os_names[call], c.calls[call]);
    assert_true(c.calls[call] > 0);
  }
  assert_true(c.faults > 500 && c.failed > 300 && c.kept > c.failed * 3 / 4);
  saves_close(&s);
}

/* A limit of the file size, with the signal that tells of it ignored (a status) and not (the process is the host's to
 * lose; the file is not). */
static void test_size_limit(void **state) {
  (void)state;
  saves s;
  saves_open(&s, 8, 16);
  folder_clear("folder");
  for (int ignored = 0; ignored < 2; ignored++) {
    image_write(target, &s.old);
    pid_t child = fork();
    if (child == 0) {
      struct rlimit limit = {.rlim_cur = 100, .rlim_max = 100};
      setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
      setrlimit(RLIMIT_FSIZE, &limit);
      signal(SIGXFSZ, ignored ? SIG_IGN : SIG_DFL);
      bzd_status status = bzd_checkpoint_write_file(s.checkpoint, target);
      _exit(status == BZD_E_IO ? 7 : 1);
    }
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    if (ignored)
      assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) == 7);
    else
      assert_true(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGXFSZ);
    assert_true(file_is(target, &s.old));
    assert_true(folder_count("folder", "model", NULL) <= 2 - ignored);
    OK(bzd_checkpoint_write_file(s.checkpoint, target));
    assert_int_equal(folder_count("folder", "model", NULL), 1);
  }
  saves_close(&s);
}

/* Nobody can be asked for a folder that may not be written but a user whom modes bind. */
static void test_read_only(void **state) {
  (void)state;
  saves s;
  saves_open(&s, 8, 16);
  folder_clear("folder");
  image_write(target, &s.old);
  assert_int_equal(chmod(target, 0666), 0);
  assert_int_equal(chmod("folder", 0555), 0);
  pid_t child = fork();
  if (child == 0) {
    char text[512] = "";
    if (geteuid() == 0 && (chmod(".", 0755) != 0 || setgid(65534) != 0 || setuid(65534) != 0)) _exit(77);
    bzd_status status = bzd_checkpoint_write_file(s.checkpoint, target);
    bzd_last_error(text, sizeof text);
    _exit(status == BZD_E_IO && strstr(text, target) && strstr(text, strerror(EACCES)) ? 0 : 1);
  }
  int ended;
  assert_int_equal(waitpid(child, &ended, 0), child);
  assert_int_equal(chmod("folder", 0755), 0);
  assert_true(file_is(target, &s.old) && folder_count("folder", "model", NULL) == 1);
  saves_close(&s);
  assert_true(WIFEXITED(ended));
  if (WEXITSTATUS(ended) == 77) {
    print_message("skipped: a read-only folder, root cannot become another user\n");
    skip();
  }
  assert_int_equal(WEXITSTATUS(ended), 0);
}

/* ---- What stands at the target's name --------------------------------------------------------------------------- */

static void refused(const saves *s, const char *path, const char *word) {
  char text[512] = "";
  assert_int_equal(bzd_checkpoint_write_file(s->checkpoint, path), BZD_E_IO);
  bzd_last_error(text, sizeof text);
  if (!strstr(text, word)) fail_msg("%s: '%s' lacks '%s'", path, text, word);
}

static void test_targets(void **state) {
  (void)state;
  saves s;
  saves_open(&s, 8, 16);
  const image *fresh = &s.fresh[SAVE_CHECKPOINT];
  struct stat facts;
  char name[300];
  folder_clear("folder");
  /* A link is replaced, not followed: what it leads to stays. */
  image_write("folder/other", &s.old);
  assert_int_equal(symlink("other", "folder/link"), 0);
  assert_int_equal(symlink("nowhere", "folder/dangling"), 0);
  OK(bzd_checkpoint_write_file(s.checkpoint, "folder/link"));
  OK(bzd_checkpoint_write_file(s.checkpoint, "folder/dangling"));
  assert_true(file_is("folder/link", fresh) && file_is("folder/dangling", fresh) && file_is("folder/other", &s.old));
  assert_true(lstat("folder/link", &facts) == 0 && S_ISREG(facts.st_mode));
  assert_int_equal(access("folder/nowhere", F_OK), -1);
  /* Another name of the old file keeps it. */
  assert_int_equal(link("folder/other", "folder/twin"), 0);
  OK(bzd_checkpoint_write_file(s.checkpoint, "folder/twin"));
  assert_true(file_is("folder/twin", fresh) && file_is("folder/other", &s.old));
  /* Permissions are the old file's, or what the umask leaves. */
  assert_int_equal(chmod("folder/other", 0640), 0);
  OK(bzd_checkpoint_write_file(s.checkpoint, "folder/other"));
  assert_true(stat("folder/other", &facts) == 0 && (facts.st_mode & 07777) == 0640);
  mode_t mask = umask(027);
  OK(bzd_checkpoint_write_file(s.checkpoint, "folder/new"));
  assert_int_equal(umask(mask), 027);
  assert_true(stat("folder/new", &facts) == 0 && (facts.st_mode & 07777) == 0640);
  /* Nothing else is replaced. */
  assert_int_equal(mkfifo("folder/pipe", 0600), 0);
  refused(&s, "folder/pipe", "not a regular file");
  refused(&s, "folder", "directory");
  refused(&s, "folder/", "directory");
  refused(&s, "missing/model", "missing/model");
  memset(name, 'a', sizeof name);
  memcpy(name, "folder/", 7);
  name[7 + 256] = '\0';
  refused(&s, name, "too long");
  name[7 + 255] = '\0'; /* the longest name there is */
  OK(bzd_checkpoint_write_file(s.checkpoint, name));
  assert_true(file_is(name, fresh));
  assert_int_equal(folder_count("folder", "", NULL), 7);
  saves_close(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_faults), cmocka_unit_test(test_size_limit),
                                     cmocka_unit_test(test_read_only), cmocka_unit_test(test_targets)};
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
