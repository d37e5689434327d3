/* SPDX-License-Identifier: MIT */
/* What stands where a save goes: links, folders, devices, other people's files and modes; and two saves of one file at
 * once. Nothing but the target changes. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "saves.h"

#include "os.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

static saves all;
static char folder[64], path[128], other[128];

static const char *in_folder(const char *name) {
  static char full[4][600];
  static int turn;
  turn = (turn + 1) % 4;
  snprintf(full[turn], sizeof full[turn], "%s/%s", folder, name);
  return full[turn];
}

static void put_old(const char *file) { put_file(file, all.content[FLOW][OLD].data, all.content[FLOW][OLD].size); }
static bzd_status save_to(const char *file, int version) { return saves_save(&all, FLOW, version, file); }
static void check(const char *file, int version) {
  if (!file_is(file, &all.content[FLOW][version])) fail_msg("%s is not the %s file", file, version_texts[version]);
}

static mode_t type_of(const char *file) {
  struct stat facts;
  assert_int_equal(lstat(file, &facts), 0);
  return facts.st_mode & S_IFMT;
}

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
  empty_folder(folder);
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

static int set_up(void **state) {
  (void)state;
  saves_make(&all);
  make_folder(folder, sizeof folder);
  snprintf(path, sizeof path, "%s/target", folder);
  snprintf(other, sizeof other, "%s/other", folder);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  empty_folder(folder);
  rmdir(folder);
  saves_free(&all);
  return 0;
}

/* Also after a test that failed in a hook. */
static int clean_up(void **state) {
  (void)state;
  os_stop();
  os.hook = NULL;
  umask(022);
  empty_folder(folder);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(test_links, clean_up),
                                     cmocka_unit_test_teardown(test_hard_links, clean_up),
                                     cmocka_unit_test_teardown(test_refused, clean_up),
                                     cmocka_unit_test_teardown(test_long_names, clean_up),
                                     cmocka_unit_test_teardown(test_modes, clean_up),
                                     cmocka_unit_test_teardown(test_read_only_folder, clean_up),
                                     cmocka_unit_test_teardown(test_taken_names, clean_up),
                                     cmocka_unit_test_teardown(test_no_name_left, clean_up),
                                     cmocka_unit_test_teardown(test_interleaved, clean_up),
                                     cmocka_unit_test_teardown(test_replaced_leftover, clean_up),
                                     cmocka_unit_test_teardown(test_removed_under_lock, clean_up),
                                     cmocka_unit_test_teardown(test_taken_for_leftover, clean_up),
                                     cmocka_unit_test_teardown(test_threads, clean_up)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
