/* SPDX-License-Identifier: MIT */
/* Atomic replacement of files, what is refused to be read or replaced, and system calls that do half of their work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"
#include "store/io.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- System calls that do less than they were asked for ------------------------------------------------------- */

static struct {
  int on;
  size_t most;           /* bytes a call at most */
  long interrupt, calls; /* so many EINTR before each call that does something; calls since then */
  int error;             /* and then this, or 0 */
  size_t asked;          /* by the last call */
} slow;

/* -1: the call fails; else bytes it may do. */
static ssize_t slowed(size_t n) {
  slow.asked = n;
  if (!slow.on) return (ssize_t)n;
  if (slow.calls++ < slow.interrupt) return errno = EINTR, -1;
  slow.calls = 0;
  if (slow.error) return errno = slow.error, -1;
  return (ssize_t)(n < slow.most ? n : slow.most);
}

ssize_t pread(int fd, void *buf, size_t n, off_t offset) {
  ssize_t size = slowed(n);
  if (size < 0 || lseek(fd, offset, SEEK_SET) < 0) return -1;
  return read(fd, buf, (size_t)size);
}

ssize_t write(int fd, const void *buf, size_t n) {
  ssize_t size = slowed(n);
  if (size < 0) return -1;
  return pwrite(fd, buf, (size_t)size, lseek(fd, size, SEEK_CUR) - size);
}

/* One call of these fails: the count-th of its kind from now on. */
static struct { int fsync, fchmod, fstat, fstatat, openat, error; } broken;
static int closes_input; /* another thread of the host, while a save is opened */

static int breaks(int *count) { return *count > 0 && --*count == 0 ? (errno = broken.error, 1) : 0; }

static void *next_of(const char *name) {
  void *next = dlsym((void *)-1L, name); /* RTLD_NEXT, which POSIX alone does not name */
  assert_non_null(next);
  return next;
}

int fsync(int fd) {
  int (*next)(int);
  *(void **)&next = next_of("fsync");
  return breaks(&broken.fsync) ? -1 : next(fd);
}
int fchmod(int fd, mode_t mode) {
  int (*next)(int, mode_t);
  *(void **)&next = next_of("fchmod");
  return breaks(&broken.fchmod) ? -1 : next(fd, mode);
}
int fstat(int fd, struct stat *facts) {
  int (*next)(int, struct stat *);
  *(void **)&next = next_of("fstat");
  return breaks(&broken.fstat) ? -1 : next(fd, facts);
}
int openat(int folder, const char *name, int flags, ...) {
  int (*next)(int, const char *, int, ...);
  mode_t mode = 0;
  if (flags & O_CREAT) {
    va_list more;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
  }
  *(void **)&next = next_of("openat");
  return breaks(&broken.openat) ? -1 : next(folder, name, flags, mode);
}
int fstatat(int folder, const char *name, struct stat *facts, int flags) {
  int (*next)(int, const char *, struct stat *, int);
  *(void **)&next = next_of("fstatat");
  if (closes_input) close(0);
  closes_input = 0;
  return breaks(&broken.fstatat) ? -1 : next(folder, name, facts, flags);
}

static int entries(const char *folder) {
  int count = 0;
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  for (struct dirent *e = readdir(dir); e; e = readdir(dir)) count += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
  closedir(dir);
  return count;
}

static void check_file(const char *path, const char *content) {
  bzdi_reader reader;
  char text[64] = "";
  OK(bzdi_reader_file(NULL, path, &reader));
  assert_int_equal(reader.size, strlen(content));
  OK(reader.read(reader.user, 0, text, reader.size));
  assert_string_equal(text, content);
  if (reader.size > 2) {
    OK(reader.read(reader.user, 2, text, 1));
    assert_int_equal(text[0], content[2]);
  }
  FAILS(BZD_E_IO, "shorter", reader.read(reader.user, reader.size, text, 1));
  reader.close(reader.user);
}

static void test_replace(void **state) {
  (void)state;
  char folder[] = "io-XXXXXX", path[64];
  struct stat facts;
  bzdi_save *save;
  bzdi_writer writer;
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/file", folder);
  OK(bzdi_save_open(NULL, path, &save, &writer));
  OK(writer.write(writer.user, "first", 5));
  assert_int_equal(access(path, F_OK), -1); /* not before it is whole */
  OK(bzdi_save_commit(save));
  check_file(path, "first");
  assert_int_equal(chmod(path, 0640), 0);
  OK(bzdi_save_open(NULL, path, &save, &writer));
  OK(writer.write(writer.user, "sec", 3));
  OK(writer.write(writer.user, "ond", 3));
  check_file(path, "first");
  OK(bzdi_save_commit(save));
  check_file(path, "second");
  assert_int_equal(stat(path, &facts), 0);
  assert_int_equal(facts.st_mode & 07777, 0640); /* its mode is kept */
  OK(bzdi_save_open(NULL, path, &save, &writer));
  OK(writer.write(writer.user, "half", 4));
  bzdi_save_abandon(save);
  check_file(path, "second");
  assert_int_equal(entries(folder), 1); /* no temporary stays */
  unlink(path);
  rmdir(folder);
}

static void test_refused(void **state) {
  (void)state;
  char folder[] = "io-XXXXXX", path[64];
  bzdi_save *save = NULL;
  bzdi_writer writer;
  bzdi_reader reader;
  assert_non_null(mkdtemp(folder));
  FAILS(BZD_E_IO, "Is a directory", bzdi_save_open(NULL, folder, &save, &writer));
  snprintf(path, sizeof path, "%s/", folder);
  FAILS(BZD_E_IO, "Is a directory", bzdi_save_open(NULL, path, &save, &writer));
  snprintf(path, sizeof path, "%s/none/file", folder);
  FAILS(BZD_E_IO, "No such file", bzdi_save_open(NULL, path, &save, &writer));
  FAILS(BZD_E_IO, "No such file", bzdi_reader_file(NULL, path, &reader));
  FAILS(BZD_E_IO, "not a regular file", bzdi_reader_file(NULL, folder, &reader));
  snprintf(path, sizeof path, "%s/fifo", folder);
  assert_int_equal(mkfifo(path, 0600), 0);
  FAILS(BZD_E_IO, "not a regular file", bzdi_reader_file(NULL, path, &reader));
  strcat(path, "/file");
  alarm(10); /* a pipe that nobody writes to must not hang us */
  FAILS(BZD_E_IO, "Not a directory", bzdi_save_open(NULL, path, &save, &writer));
  alarm(0);
  for (int dots = 1; dots <= 2; dots++) {
    snprintf(path, sizeof path, "%s/none/%.*s", folder, dots, "..");
    FAILS(BZD_E_IO, "Is a directory", bzdi_save_open(NULL, path, &save, &writer));
  }
  assert_null(save);
  assert_int_equal(entries(folder), 1);
  snprintf(path, sizeof path, "%s/fifo", folder);
  unlink(path);
  rmdir(folder);
}

/* Short reads and writes and interruptions, all but one of too many in a row: the same bytes. One more: given up. */
static void test_slow(void **state) {
  (void)state;
  enum { SIZE = 7, MOST = 1000 };
  char folder[] = "io-XXXXXX", path[64], text[SIZE + 1] = "";
  bzdi_save *save;
  bzdi_writer writer;
  bzdi_reader reader;
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/file", folder);
  for (size_t most = 1; most <= SIZE; most++) {
    OK(bzdi_save_open(NULL, path, &save, &writer));
    slow.on = 1, slow.most = most, slow.interrupt = MOST - 1, slow.calls = 0, slow.error = 0;
    OK(writer.write(writer.user, "a", 1));
    OK(writer.write(writer.user, "bcdefg", SIZE - 1));
    slow.on = 0;
    OK(bzdi_save_commit(save));
    OK(bzdi_reader_file(NULL, path, &reader));
    assert_int_equal(reader.size, SIZE);
    slow.on = 1;
    memset(text, 0, sizeof text);
    OK(reader.read(reader.user, 0, text, SIZE));
    assert_string_equal(text, "abcdefg");
    OK(reader.read(reader.user, 2, text, SIZE - 2));
    assert_string_equal(text, "cdefgfg");
    assert_int_equal(slow.asked, (SIZE - 2 - 1) % most + 1); /* what was left, and no more */
    slow.on = 0;
    reader.close(reader.user);
  }
  static const struct {
    long interrupt;
    int error;
    const char *cause;
  } bad[] = {{MOST, 0, "Interrupted system call"}, {0, EIO, "Input/output error"}, {3, EBADF, "Bad file descriptor"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    OK(bzdi_save_open(NULL, path, &save, &writer));
    OK(bzdi_reader_file(NULL, path, &reader));
    slow.on = 1, slow.most = 1, slow.interrupt = bad[i].interrupt, slow.calls = 0, slow.error = bad[i].error;
    FAILS(BZD_E_IO, bad[i].cause, writer.write(writer.user, "x", 1));
    slow.calls = 0;
    FAILS(BZD_E_IO, bad[i].cause, reader.read(reader.user, 1, text, 1));
    slow.on = 0;
    reader.close(reader.user);
    bzdi_save_abandon(save);
    check_file(path, "abcdefg");
  }
  OK(bzdi_save_open(NULL, path, &save, &writer));
  slow.on = 1, slow.most = 0, slow.interrupt = 0, slow.error = 0;
  FAILS(BZD_E_IO, "nothing could be written", writer.write(writer.user, "xyz", 3));
  slow.on = 0;
  bzdi_save_abandon(save);
  assert_int_equal(entries(folder), 1);
  unlink(path);
  rmdir(folder);
}

/* Open descriptors; each must be closed by an exec. */
static int descriptors(void) {
  int count = 0;
  for (int fd = 3; fd < 100; fd++) {
    int flags = fcntl(fd, F_GETFD);
    if (flags < 0) continue;
    count++;
    assert_true(flags & FD_CLOEXEC);
  }
  return count;
}

/* New files get what the umask leaves, old ones keep what they had; no descriptor stays, and none outlives an exec. */
static void test_modes_and_descriptors(void **state) {
  (void)state;
  static const struct {
    mode_t mask, old, expected; /* old 01000: there is none */
  } cases[] = {{0, 01000, 0666}, {022, 01000, 0644}, {077, 01000, 0600}, {077, 0666, 0666},
               {0, 0600, 0600},  {022, 0777, 0777},  {022, 0400, 0400},  {0, 0640, 0640}};
  char folder[] = "io-XXXXXX", path[64], bare[] = "io-bare";
  bzdi_save *save;
  bzdi_writer writer;
  bzdi_reader reader;
  for (int fd = 3; fd < 100; fd++) { /* what we were started with does not count */
    int flags = fcntl(fd, F_GETFD);
    if (flags >= 0) fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
  }
  const int before = descriptors();
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/file", folder);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int way = 0; way < 3; way++) { /* to commit, to abandon, in the working folder */
      const char *name = way < 2 ? path : bare;
      struct stat facts;
      unlink(name);
      if (cases[i].old != 01000) {
        close(open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        assert_int_equal(chmod(name, cases[i].old), 0);
      }
      mode_t mask = umask(cases[i].mask);
      bzd_status status = bzdi_save_open(NULL, name, &save, &writer);
      umask(mask);
      OK(status);
      assert_int_equal(descriptors(), before + 2); /* the file and its folder */
      OK(writer.write(writer.user, "mode", 4));
      if (way == 1)
        bzdi_save_abandon(save);
      else
        OK(bzdi_save_commit(save));
      assert_int_equal(descriptors(), before);
      assert_int_equal(stat(name, &facts), way == 1 && cases[i].old == 01000 ? -1 : 0);
      if (way == 1) continue;
      assert_int_equal(facts.st_mode & 07777, cases[i].expected);
      check_file(name, "mode");
    }
  unlink(bare);
  OK(bzdi_reader_file(NULL, path, &reader));
  assert_int_equal(descriptors(), before + 1);
  reader.close(reader.user);
  FAILS(BZD_E_IO, "regular", bzdi_reader_file(NULL, folder, &reader));
  FAILS(BZD_E_IO, "directory", bzdi_save_open(NULL, folder, &save, &writer));
  bzdi_save_abandon(NULL);
  /* 0 is a descriptor like any other */
  const int input = fcntl(0, F_DUPFD_CLOEXEC, 3);
  for (int way = 0; way < 3; way++) {
    if (input >= 0) close(0);
    if (way) assert_int_equal(open(".", O_RDONLY | O_CLOEXEC), 0); /* the folder is another, and the file may be 0 */
    /* a leftover may be 0 */
    if (way == 2) {
      char leftover[96];
      snprintf(leftover, sizeof leftover, "%s/.file.bezdist-0", folder);
      close(open(leftover, O_WRONLY | O_CREAT, 0600));
    }
    closes_input = way == 2;
    OK(bzdi_save_open(NULL, path, &save, &writer));
    assert_int_equal(entries(folder), 2);
    if (way == 1) close(0);
    OK(bzdi_save_commit(save));
    OK(bzdi_reader_file(NULL, path, &reader));
    reader.close(reader.user);
    assert_int_equal(fcntl(0, F_GETFD), -1);
  }
  if (input >= 0) {
    assert_int_equal(dup2(input, 0), 0);
    close(input);
  }
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  long long calls = atomic_load(&h.calls), live = atomic_load(&h.live);
  atomic_store(&h.refuse_from, calls + 1);
  FAILS(BZD_E_MEMORY, path, bzdi_reader_file(context, path, &reader));
  FAILS(BZD_E_MEMORY, path, bzdi_save_open(context, path, &save, &writer));
  assert_null(save);
  atomic_store(&h.refuse_from, 0);
  OK(bzdi_reader_file(context, path, &reader));
  reader.close(reader.user);
  OK(bzdi_save_open(context, path, &save, &writer));
  bzdi_save_abandon(save);
  assert_int_equal(atomic_load(&h.live), live);
  assert_int_equal(descriptors(), before);
  bzdi_release(context);
  unlink(path);
  rmdir(folder);
}

/* What a dead save's file may have become: a pipe nobody reads must not hang the next save, a link is not followed. */
static void test_strange_leftovers(void **state) {
  (void)state;
  char folder[] = "io-XXXXXX", path[64], pipe[96], link[96], other[64];
  bzdi_save *save;
  bzdi_writer writer;
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/file", folder);
  snprintf(other, sizeof other, "%s/other", folder);
  snprintf(pipe, sizeof pipe, "%s/.file.bezdist-0", folder);
  snprintf(link, sizeof link, "%s/.file.bezdist-1", folder);
  assert_int_equal(mkfifo(pipe, 0600), 0);
  assert_int_equal(symlink("other", link), 0);
  close(open(other, O_WRONLY | O_CREAT, 0600));
  for (int read = 0; read < 2; read++) { /* and one that somebody reads */
    int reader = read ? open(pipe, O_RDONLY | O_NONBLOCK) : -1;
    alarm(10);
    OK(bzdi_save_open(NULL, path, &save, &writer));
    OK(writer.write(writer.user, "whole", 5));
    OK(bzdi_save_commit(save));
    alarm(0);
    if (reader >= 0) close(reader);
    check_file(path, "whole");
    assert_int_equal(entries(folder), 4);
  }
  unlink(pipe), unlink(link), unlink(other), unlink(path);
  /* eight of them, all dead */
  for (int i = 0; i < 8; i++) {
    snprintf(other, sizeof other, "%s/.file.bezdist-%d", folder, i);
    close(open(other, O_WRONLY | O_CREAT, 0600));
  }
  OK(bzdi_save_open(NULL, path, &save, &writer));
  OK(bzdi_save_commit(save));
  assert_int_equal(entries(folder), 1);
  unlink(path);
  /* one that nothing may be done with, and one after it; a thousand, and what has no name of ours */
  for (int most = 9; most <= 1001; most += 1001 - 9) {
    for (int i = most == 9 ? 7 : 0; i < most; i++) {
      snprintf(other, sizeof other, "%s/.file.bezdist-%d", folder, i);
      close(open(other, O_WRONLY | O_CREAT, 0600));
    }
    broken.openat = most == 9 ? 8 : 0;
    broken.error = EPERM;
    OK(bzdi_save_open(NULL, path, &save, &writer));
    OK(bzdi_save_commit(save));
    assert_int_equal(entries(folder), 2);
    if (most == 9) snprintf(other, sizeof other, "%s/.file.bezdist-7", folder);
    assert_int_equal(unlink(other), 0);
  }
  unlink(path);
  /* one that may be read only; root may write anything */
  const int root = geteuid() == 0;
  assert_int_equal(chmod(folder, 0777), 0);
  if (!root || seteuid(65534) == 0) {
    close(open(pipe, O_WRONLY | O_CREAT, 0400));
    assert_int_equal(entries(folder), 1);
    bzd_status status = bzdi_save_open(NULL, path, &save, &writer);
    if (status == BZD_OK) status = bzdi_save_commit(save);
    if (root) assert_int_equal(seteuid(0), 0);
    OK(status);
    assert_int_equal(entries(folder), 1);
    unlink(path);
  }
  rmdir(folder);
}

/* A link to a file or to nothing is replaced itself; one to anything else is refused like that. */
static void test_links(void **state) {
  (void)state;
  char folder[] = "io-XXXXXX", path[64], other[64];
  struct stat facts;
  bzdi_save *save = NULL;
  bzdi_writer writer;
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/link", folder);
  snprintf(other, sizeof other, "%s/other", folder);
  for (int there = 0; there < 2; there++) {
    if (there) close(open(other, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(symlink("other", path), 0);
    OK(bzdi_save_open(NULL, path, &save, &writer));
    OK(writer.write(writer.user, "itself", 6));
    OK(bzdi_save_commit(save));
    assert_true(lstat(path, &facts) == 0 && S_ISREG(facts.st_mode));
    check_file(path, "itself");
    unlink(path);
  }
  check_file(other, "");
  unlink(other);
  assert_int_equal(symlink("../", path), 0);
  FAILS(BZD_E_IO, "Is a directory", bzdi_save_open(NULL, path, &save, &writer));
  unlink(path);
  assert_true(mkfifo(other, 0600) == 0 && symlink("other", path) == 0);
  FAILS(BZD_E_IO, "not a regular file", bzdi_save_open(NULL, path, &save, &writer));
  FAILS(BZD_E_IO, "not a regular file", bzdi_save_open(NULL, other, &save, &writer));
  assert_null(save);
  assert_int_equal(entries(folder), 2);
  unlink(path), unlink(other);
  rmdir(folder);
}

/* Calls that fail alone: what was there stays, or the new file stands and it is said what is not sure. */
static void test_broken_calls(void **state) {
  (void)state;
  enum { FILE_SYNC = 1, FOLDER_SYNC, MODE, TARGET, LEFTOVER, OPENED };
  static const struct {
    int call, error, fresh;
    bzd_status status;
    const char *text;
  } cases[] = {{FILE_SYNC, EIO, 0, BZD_E_IO, "Input/output"},
               {FILE_SYNC, EINVAL, 0, BZD_E_IO, "Invalid"},
               {FOLDER_SYNC, EIO, 1, BZD_E_IO, "written, but"},
               {FOLDER_SYNC, ENOSPC, 1, BZD_E_IO, "written, but"},
               {FOLDER_SYNC, EINVAL, 1, BZD_OK, ""},
               {FOLDER_SYNC, EBADF, 1, BZD_OK, ""},
               {MODE, EPERM, 0, BZD_E_IO, "not permitted"},
               {TARGET, EACCES, 0, BZD_E_IO, "denied"},
               {TARGET, EPERM, 0, BZD_E_IO, "not permitted"},
               {LEFTOVER, EIO, 0, BZD_E_IO, "Input/output"},
               {OPENED, EIO, 0, BZD_E_IO, "Input/output"}};
  char folder[] = "io-XXXXXX", path[64];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/file", folder);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bzdi_save *save;
    bzdi_writer writer;
    OK(bzdi_save_open(NULL, path, &save, &writer));
    OK(writer.write(writer.user, "old", 3));
    OK(bzdi_save_commit(save));
    broken.error = cases[i].error;
    broken.fsync = cases[i].call == FILE_SYNC ? 1 : cases[i].call == FOLDER_SYNC ? 2 : 0;
    broken.fchmod = cases[i].call == MODE;
    broken.fstatat = cases[i].call == TARGET ? 1 : cases[i].call == LEFTOVER ? 2 : 0; /* of our own temporary file */
    broken.fstat = cases[i].call == OPENED;
    bzd_status status = bzdi_save_open(NULL, path, &save, &writer);
    if (status == BZD_OK) {
      OK(writer.write(writer.user, "fresh", 5));
      status = bzdi_save_commit(save);
    }
    assert_true(broken.fsync == 0 && broken.fchmod == 0 && broken.fstatat == 0 && broken.fstat == 0);
    if (cases[i].status == BZD_OK)
      OK(status);
    else
      FAILS(cases[i].status, cases[i].text, status);
    check_file(path, cases[i].fresh ? "fresh" : "old");
    if (cases[i].call < LEFTOVER) assert_int_equal(entries(folder), 1); /* else it is not known to be ours */
  }
  bzdi_save *save;
  bzdi_writer writer;
  OK(bzdi_save_open(NULL, path, &save, &writer)); /* and the next one tidies up */
  bzdi_save_abandon(save);
  assert_int_equal(entries(folder), 1);
  unlink(path);
  rmdir(folder);
}

/* Names at the edge of what a folder takes; of a long path a text shows the end. */
static void test_names(void **state) {
  (void)state;
  static const char *const folders[] = {"", ".", "..", "/", "./", "./.", "./..", "/.."};
  char name[260], path[600], text[600];
  bzdi_save *save;
  bzdi_writer writer;
  bzdi_reader reader;
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
    FAILS(BZD_E_IO, "Is a directory", bzdi_save_open(NULL, folders[i], &save, &writer));
  for (size_t length = 238; length < 259; length++) {
    memset(name, 'n', length);
    name[length] = 0;
    if (length > 255) {
      FAILS(BZD_E_IO, "File name too long", bzdi_save_open(NULL, name, &save, &writer));
      continue;
    }
    OK(bzdi_save_open(NULL, name, &save, &writer));
    OK(writer.write(writer.user, name, length % 60));
    OK(bzdi_save_commit(save));
    name[length % 60] = 0;
    char whole[260];
    memset(whole, 'n', length);
    whole[length] = 0;
    check_file(whole, name);
    unlink(whole);
  }
  for (size_t length = 399; length < 404; length++) {
    for (size_t k = 0; k < length; k++) path[k] = (char)(k % 100 == 99 ? '/' : 'a' + k % 23);
    path[length] = 0;
    FAILS(BZD_E_IO, "No such file", bzdi_reader_file(NULL, path, &reader));
    bzdi_error_copy(text, sizeof text);
    const char *end = length > 400 ? path + length - 400 : path;
    assert_true(strncmp(text, end, strlen(end)) == 0 && text[strlen(end)] == ':');
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_replace), cmocka_unit_test(test_refused),
                                     cmocka_unit_test(test_slow),    cmocka_unit_test(test_modes_and_descriptors),
                                     cmocka_unit_test(test_names),   cmocka_unit_test(test_strange_leftovers),
                                     cmocka_unit_test(test_links),   cmocka_unit_test(test_broken_calls)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
