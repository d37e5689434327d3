/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "os.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

os_state os;
const char *const os_names[OS_CALLS] = {"open",  "openat", "stat",  "flock", "fchmod",   "pread",
                                        "write", "fsync",  "fcntl", "close", "renameat", "unlinkat"};

void os_start(os_fault fault) {
  os.fault = fault;
  os.calls = 0;
  os.met = 0;
  memset(os.kinds, 0, sizeof os.kinds);
  os.on = 1;
}

void os_stop(void) { os.on = 0; }

typedef void (*function)(void);

static function next(const char *name) {
  void *address = dlsym(RTLD_NEXT, name);
  function found;
  memcpy(&found, &address, sizeof found);
  return found;
}

/* libc's function of the name, as `real`. */
#define REAL(name)                                                                                                     \
  static __typeof__(&(name)) real;                                                                                     \
  if (!real) real = (__typeof__(&(name)))next(#name)

/* Counts a call; true when the fault meets it. */
static int meets(int call) {
  if (!os.on) return 0;
  long at = os.calls++;
  os.kinds[call]++;
  if (at < OS_MOST_CALLS) os.kind[at] = (unsigned char)call;
  if (os.hook) {
    os_state *state = &os;
    state->on = 0;
    state->hook(at, call);
    state->on = 1;
  }
  const os_fault *fault = &os.fault;
  if (fault->action == OS_NO_FAULT || at < fault->at || (at > fault->at && !fault->lasting)) return 0;
  int moves = call == OS_WRITE || call == OS_READ;
  if ((fault->action == OS_ONE || fault->action == OS_HALF) && !moves) return 0;
  if ((fault->action == OS_ZERO || fault->action == OS_FULL) && call != OS_WRITE) return 0;
  os.met |= 1u << call;
  return 1;
}

/* The failure of a call that a fault met. */
static int failed(void) {
  errno = os.fault.error;
  return -1;
}

/* ---- The log ------------------------------------------------------------------------------------------------- */

static os_record *add_record(int operation) {
  if (os.records == OS_MOST_RECORDS) abort();
  os_record *record = &os.record[os.records++];
  memset(record, 0, sizeof *record);
  record->operation = operation;
  return record;
}

static void log_names(int operation, const char *from, const char *to) {
  if (!os.on || !os.logging) return;
  os_record *record = add_record(operation);
  snprintf(record->from, sizeof record->from, "%s", from);
  snprintf(record->to, sizeof record->to, "%s", to);
}

static void log_write(int fd, const void *data, size_t size) {
  if (!os.on || !os.logging || size == 0) return;
  os_record *record = add_record(OS_LOG_WRITE);
  record->offset = (size_t)lseek(fd, 0, SEEK_CUR) - size;
  record->size = size;
  record->data = malloc(size);
  if (!record->data) abort();
  memcpy(record->data, data, size);
}

void os_clear_log(void) {
  for (int i = 0; i < os.records; i++) free(os.record[i].data);
  os.records = 0;
}

/* ---- The calls ----------------------------------------------------------------------------------------------- */

int open(const char *path, int flags, ...) {
  REAL(open);
  mode_t mode = 0;
  if (flags & O_CREAT) {
    va_list more;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
  }
  return meets(OS_OPEN) ? failed() : real(path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
  REAL(openat);
  mode_t mode = 0;
  if (flags & O_CREAT) {
    va_list more;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
  }
  if (meets(OS_OPENAT)) return failed();
  int fd = real(folder, path, flags, mode);
  if (fd >= 0 && (flags & O_CREAT)) log_names(OS_LOG_CREATE, path, "");
  return fd;
}

int fstat(int fd, struct stat *facts) {
  REAL(fstat);
  return meets(OS_STAT) ? failed() : real(fd, facts);
}

int fstatat(int folder, const char *restrict path, struct stat *restrict facts, int flags) {
  REAL(fstatat);
  return meets(OS_STAT) ? failed() : real(folder, path, facts, flags);
}

int flock(int fd, int operation) {
  REAL(flock);
  return meets(OS_LOCK) ? failed() : real(fd, operation);
}

int fchmod(int fd, mode_t mode) {
  REAL(fchmod);
  return meets(OS_CHMOD) ? failed() : real(fd, mode);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset) {
  REAL(pread);
  if (meets(OS_READ)) {
    if (os.fault.action == OS_ERROR) return failed();
    if (size > 1) size = os.fault.action == OS_ONE ? 1 : size / 2;
  }
  return real(fd, data, size, offset);
}

static int full_device(void) {
  static int fd = -1;
  int on = os.on;
  os.on = 0;
  if (fd < 0) fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
  os.on = on;
  return fd;
}

ssize_t write(int fd, const void *data, size_t size) {
  REAL(write);
  if (meets(OS_WRITE)) {
    if (os.fault.action == OS_ERROR) return failed();
    if (os.fault.action == OS_ZERO) return 0;
    if (os.fault.action == OS_FULL) return real(full_device(), data, size);
    if (size > 1) size = os.fault.action == OS_ONE ? 1 : size / 2;
  }
  ssize_t wrote = real(fd, data, size);
  if (wrote > 0) log_write(fd, data, (size_t)wrote);
  return wrote;
}

int fsync(int fd) {
  REAL(fsync);
  if (meets(OS_FSYNC)) return failed();
  if (!os.on) return real(fd);
  struct stat facts;
  os.on = 0;
  int folder = fstat(fd, &facts) == 0 && S_ISDIR(facts.st_mode);
  os.on = 1;
  if (os.logging && !(folder ? os.no_folder_sync : os.no_sync)) add_record(folder ? OS_LOG_SYNC_FOLDER : OS_LOG_SYNC);
  return 0;
}

int fcntl(int fd, int command, ...) {
  REAL(fcntl);
  va_list more;
  va_start(more, command);
  long argument = va_arg(more, long);
  va_end(more);
  return meets(OS_COPY) ? failed() : real(fd, command, argument);
}

int close(int fd) {
  REAL(close);
  int bad = meets(OS_CLOSE), status = real(fd);
  return bad ? failed() : status;
}

int renameat(int folder, const char *from, int other, const char *to) {
  REAL(renameat);
  if (meets(OS_RENAME)) return failed();
  int status = real(folder, from, other, to);
  if (status == 0) log_names(OS_LOG_RENAME, from, to);
  return status;
}

int unlinkat(int folder, const char *path, int flags) {
  REAL(unlinkat);
  if (meets(OS_UNLINK)) return failed();
  int status = real(folder, path, flags);
  if (status == 0) log_names(OS_LOG_UNLINK, path, "");
  return status;
}
