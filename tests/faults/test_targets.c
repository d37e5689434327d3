/* SPDX-License-Identifier: MIT */
/* What stands where a save goes: links, folders, devices, other people's files and modes. Nothing but the target
 * changes. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "saves.h"

#include <limits.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

/* ---- What stands there --------------------------------------------------------------------------------------- */

/* A link is replaced, what it leads to stays. */
static void test_links(void **state) {
  (void)state;
  assert_int_equal(mkdir(in_folder("elsewhere"), 0700), 0);
  put_old(in_folder("elsewhere/model"));
  put_old(in_folder("model"));
  static const char *const ends[] = {"model", "elsewhere/model", "nothing", "nowhere/nothing", "target"};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    assert_int_equal(symlink(ends[i], path), 0);
    OK(save_to(path, NEW));
    assert_int_equal(type_of(path), S_IFREG);
    check(path, NEW);
    check(in_folder("model"), OLD);
    check(in_folder("elsewhere/model"), OLD);
    assert_int_equal(entries(in_folder("elsewhere")), 1);
    assert_int_equal(entries(folder), 3);
    assert_int_equal(unlink(path), 0);
  }
  /* A folder that is a link is a folder. */
  assert_int_equal(symlink("elsewhere", path), 0);
  OK(save_to(in_folder("target/model"), NEW));
  check(in_folder("elsewhere/model"), NEW);
  assert_int_equal(entries(in_folder("elsewhere")), 1);
  unlink(in_folder("elsewhere/model"));
  empty_folder(folder);
}

static void test_hard_links(void **state) {
  (void)state;
  put_old(path);
  assert_int_equal(link(path, other), 0);
  OK(save_to(path, NEW));
  check(path, NEW);
  check(other, OLD);
  assert_int_equal(entries(folder), 2);
  empty_folder(folder);
}

/* Only a regular file is replaced, directly or behind a link. */
static void test_refused(void **state) {
  (void)state;
  static const char *const words[] = {"Is a directory", "not a regular file", "not a regular file"};
  int made = 0;
  for (int i = 0; i < 3; i++) {
    if (i == 0) assert_int_equal(mkdir(other, 0700), 0);
    if (i == 1) assert_int_equal(mkfifo(other, 0600), 0);
    if (i == 2 && mknod(other, S_IFCHR | 0600, makedev(1, 7)) != 0) {
      print_message("skipped: /dev/full as the target itself, no right to make a device\n");
      break;
    }
    made++;
    mode_t type = type_of(other);
    assert_int_equal(symlink("other", path), 0);
    FAILS(BZD_E_IO, words[i], save_to(other, NEW));
    FAILS(BZD_E_IO, words[i], save_to(path, NEW));
    assert_int_equal(type_of(other), type);
    assert_int_equal(type_of(path), S_IFLNK);
    assert_int_equal(entries(folder), 2);
    empty_folder(folder);
  }
  assert_true(made >= 2);
  assert_int_equal(symlink("/dev/full", path), 0);
  FAILS(BZD_E_IO, "not a regular file", save_to(path, NEW));
  assert_int_equal(type_of(path), S_IFLNK);
  unlink(path);
  static const char *const names[] = {"", ".", "..", "none/target"};
  for (int i = 0; i < 4; i++) {
    FAILS(BZD_E_IO, i < 3 ? "Is a directory" : "No such file", save_to(in_folder(names[i]), NEW));
    assert_int_equal(entries(folder), 0);
  }
  put_old(other);
  FAILS(BZD_E_IO, "Not a directory", save_to(in_folder("other/target"), NEW));
  check(other, OLD);
  empty_folder(folder);
}

/* As a user whom modes bind. Exit status 0: the folder may not be written, and nothing changed. */
static int save_read_only(void) {
  if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return 77;
  if (save_to(path, NEW) != BZD_E_IO || !strstr(failure_text(), strerror(EACCES))) return 1;
  if (save_to(other, NEW) != BZD_E_IO || !strstr(failure_text(), strerror(EACCES))) return 2;
  return 0;
}

static void test_read_only_folder(void **state) {
  (void)state;
  int status;
  put_old(path);
  assert_int_equal(chmod(path, 0666), 0);
  assert_int_equal(chmod(folder, 0555), 0);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) _exit(save_read_only());
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(chmod(folder, 0755), 0);
  if (WEXITSTATUS(status) == 77)
    print_message("skipped: a read-only folder, root cannot become another user\n");
  else
    assert_int_equal(WEXITSTATUS(status), 0);
  check(path, OLD);
  assert_int_equal(entries(folder), 1);
  empty_folder(folder);
}

static long suffixes;

static void look_for_suffix(long at, int call) {
  (void)at;
  if (call != OS_FSYNC) return;
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  for (struct dirent *e = readdir(dir); e; e = readdir(dir)) suffixes += strstr(e->d_name, ".bezdist-0") != NULL;
  closedir(dir);
}

static void test_long_names(void **state) {
  (void)state;
  char name[300], deep[PATH_MAX + 100];
  memset(name, 'n', sizeof name);
  name[255] = 0;
  put_old(in_folder(name));
  name[254] = 'm';
  put_old(in_folder(name)); /* the same temporary names */
  os.hook = look_for_suffix;
  os_start((os_fault){0});
  OK(save_to(in_folder(name), NEW));
  os_stop();
  os.hook = NULL;
  assert_int_equal(suffixes, 1);
  check(in_folder(name), NEW);
  name[254] = 'n';
  check(in_folder(name), OLD);
  name[255] = 'n', name[256] = 0;
  FAILS(BZD_E_IO, strerror(ENAMETOOLONG), save_to(in_folder(name), NEW));
  snprintf(deep, sizeof deep, "%s", folder);
  while (strlen(deep) < PATH_MAX) strcat(deep, "/.");
  strcat(deep, "/target");
  FAILS(BZD_E_IO, strerror(ENAMETOOLONG), save_to(deep, NEW));
  assert_int_equal(entries(folder), 2);
  empty_folder(folder);
}

/* ---- Other people's files ------------------------------------------------------------------------------------ */

static mode_t allowed;
static long mode_looks;

static void look_at_mode(long at, int call) {
  struct stat facts;
  (void)at, (void)call;
  if (lstat(in_folder(".target.bezdist-0"), &facts) != 0) return;
  assert_int_equal(facts.st_mode & 0777 & ~allowed, 0);
  mode_looks++;
}

/* The old file's mode is kept, and at no time may anybody open the new one who may not open the old. */
static void test_modes(void **state) {
  (void)state;
  static const mode_t modes[] = {0600, 0640, 0644, 0666, 0444, 0755, 0400, 04755, 0}, masks[] = {022, 077, 0, 027};
  struct stat facts;
  mode_t before = umask(022);
  for (size_t m = 0; m < sizeof masks / sizeof *masks; m++) {
    umask(masks[m]);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
      unlink(path);
      put_old(path);
      assert_int_equal(chmod(path, modes[i]), 0);
      allowed = modes[i] & 0777;
      os.hook = look_at_mode;
      os_start((os_fault){0});
      OK(save_to(path, NEW));
      os_stop();
      os.hook = NULL;
      assert_int_equal(stat(path, &facts), 0);
      assert_int_equal(facts.st_mode & 07777, allowed); /* but for set-user-id and its like */
    }
    unlink(path);
    OK(save_to(path, NEW));
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0666 & ~masks[m]);
  }
  umask(before);
  assert_true(mode_looks > 100);
  print_message("%zu modes under %zu umasks, %ld looks at the new file's while it is written\n",
                sizeof modes / sizeof *modes, sizeof masks / sizeof *masks, mode_looks);
  empty_folder(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_links, clean_up),   cmocka_unit_test_teardown(test_hard_links, clean_up),
      cmocka_unit_test_teardown(test_refused, clean_up), cmocka_unit_test_teardown(test_long_names, clean_up),
      cmocka_unit_test_teardown(test_modes, clean_up),   cmocka_unit_test_teardown(test_read_only_folder, clean_up)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
