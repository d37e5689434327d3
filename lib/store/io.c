/* SPDX-License-Identifier: MIT */
/* Files in, buffers in, and the atomic replacement of a file. */
#include "store/io.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Reading ------------------------------------------------------------------------------------------------- */

typedef struct file_reader {
  const bzd_context *context;
  int fd;
} file_reader;

static bzd_status file_read(void *user, uint64_t offset, void *buf, size_t n) {
  const file_reader *file = user;
  for (size_t done = 0; done < n;) {
    ssize_t got = pread(file->fd, (char *)buf + done, n - done, (off_t)(offset + done));
    if (got > 0) {
      done += (size_t)got;
    } else if (got == 0) {
      return bzdi_fail(BZD_E_IO, "the file became shorter while it was read: offset %llu",
                       (unsigned long long)(offset + done));
    } else if (errno != EINTR) {
      return bzdi_fail(BZD_E_IO, "reading %zu bytes at %llu: %s", n - done, (unsigned long long)(offset + done),
                       strerror(errno));
    }
  }
  return BZD_OK;
}

static void file_close(void *user) {
  file_reader *file = user;
  close(file->fd);
  bzdi_free(file->context, file);
}

bzd_status bzdi_reader_file(const bzd_context *context, const char *path, bzdi_reader *out) {
  struct stat facts;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO must not hang us */
  if (fd < 0) return bzdi_fail(BZD_E_IO, "%s: %s", path, strerror(errno));
  if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    close(fd);
    return bzdi_fail(BZD_E_IO, "%s: not a regular file", path);
  }
  file_reader *file = bzdi_malloc(context, 1, sizeof *file);
  if (!file) {
    close(fd);
    return bzdi_no_memory(path, 1, sizeof *file);
  }
  *file = (file_reader){context, fd};
  *out = (bzdi_reader){.size = (uint64_t)facts.st_size, .read = file_read, .close = file_close, .user = file};
  return BZD_OK;
}

static bzd_status buffer_read(void *user, uint64_t offset, void *buf, size_t n) {
  memcpy(buf, (const char *)user + offset, n);
  return BZD_OK;
}

bzd_status bzdi_reader_buffer(const bzd_context *context, const void *data, size_t size, bzdi_reader *out) {
  (void)context;
  *out = (bzdi_reader){.size = size, .read = buffer_read, .user = (void *)(uintptr_t)data, .data = data};
  return BZD_OK;
}

bzdi_limits bzdi_limits_of(const bzdi_limits *limits) {
  bzdi_limits all = {.max_file = (uint64_t)64 << 30,
                     .max_raw = (uint64_t)64 << 30,
                     .max_index = (uint64_t)64 << 20,
                     .max_tensors = 65536,
                     .max_meta = 65536};
  if (!limits) return all;
  if (limits->max_file) all.max_file = limits->max_file;
  if (limits->max_raw) all.max_raw = limits->max_raw;
  if (limits->max_index) all.max_index = limits->max_index;
  if (limits->max_tensors) all.max_tensors = limits->max_tensors;
  if (limits->max_meta) all.max_meta = limits->max_meta;
  return all;
}

/* ---- Atomic replacement -------------------------------------------------------------------------------------- */

enum { MOST_NAME = 255 };

struct bzdi_save {
  const bzd_context *context;
  int fd, folder;
  char name[MOST_NAME + 1], temporary[MOST_NAME + 1]; /* in the folder */
  char path[1];                                       /* as the caller gave it, for texts */
};

static bzd_status write_all(void *user, const void *buf, size_t n) {
  const bzdi_save *save = user;
  for (size_t done = 0; done < n;) {
    ssize_t wrote = write(save->fd, (const char *)buf + done, n - done);
    if (wrote > 0)
      done += (size_t)wrote;
    else if (wrote == 0)
      return bzdi_fail(BZD_E_IO, "%s: nothing could be written", save->path);
    else if (errno != EINTR)
      return bzdi_fail(BZD_E_IO, "%s: %s", save->path, strerror(errno));
  }
  return BZD_OK;
}

/* Frees everything; errno stays what it was. */
static void finish(bzdi_save *save, int remove) {
  int error = errno;
  if (save->fd >= 0) close(save->fd);
  if (remove && save->temporary[0]) unlinkat(save->folder, save->temporary, 0);
  if (save->folder >= 0) close(save->folder);
  bzdi_free(save->context, save);
  errno = error;
}

static bzd_status fail_open(bzdi_save *save) {
  int error = errno;
  bzd_status status = bzdi_fail(BZD_E_IO, "%s: %s", save->path, strerror(error));
  errno = error;
  finish(save, 1);
  return status;
}

/* Opens the folder of path and keeps its last part. */
static int open_folder(bzdi_save *save, const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  size_t length = strlen(name);
  if (length == 0 || !strcmp(name, ".") || !strcmp(name, "..")) return errno = EISDIR, 0;
  if (length > MOST_NAME - 16) return errno = ENAMETOOLONG, 0;
  memcpy(save->name, name, length + 1);
  if (!slash) {
    save->folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  } else if (slash == path) {
    save->folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  } else {
    save->path[slash - path] = 0; /* borrow our copy */
    save->folder = open(save->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    save->path[slash - path] = '/';
  }
  return save->folder >= 0;
}

bzd_status bzdi_save_open(const bzd_context *context, const char *path, bzdi_save **out, bzdi_writer *writer) {
  size_t length = strlen(path);
  struct stat old;
  bzdi_save *save = bzdi_calloc(context, 1, sizeof *save + length + 1);
  *out = NULL;
  if (!save) return bzdi_no_memory(path, 1, sizeof *save + length);
  save->context = context;
  save->fd = save->folder = -1;
  memcpy(save->path, path, length + 1);
  if (!open_folder(save, path)) return fail_open(save);
  int existed = fstatat(save->folder, save->name, &old, AT_SYMLINK_NOFOLLOW) == 0;
  if (existed && S_ISDIR(old.st_mode)) return errno = EISDIR, fail_open(save);
  for (int i = 0; save->fd < 0; i++) {
    snprintf(save->temporary, sizeof save->temporary, ".%.*s.%d.%d", MOST_NAME - 32, save->name,
             (int)getpid() % 1000000, i % 1000);
    save->fd = openat(save->folder, save->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (save->fd >= 0 || (errno == EEXIST && i < 999)) continue;
    save->temporary[0] = 0; /* not ours */
    return fail_open(save);
  }
  if (existed && S_ISREG(old.st_mode) && fchmod(save->fd, old.st_mode & 07777) != 0) return fail_open(save);
  *out = save;
  *writer = (bzdi_writer){write_all, save};
  return BZD_OK;
}

bzd_status bzdi_save_commit(bzdi_save *save) {
  /* A failed fsync is not tried again: the pages it lost are gone. */
  if (fsync(save->fd) != 0) return fail_open(save);
  int fd = save->fd;
  save->fd = -1;
  if (close(fd) != 0) return fail_open(save);
  if (renameat(save->folder, save->temporary, save->folder, save->name) != 0) return fail_open(save);
  /* The new file stands; only whether its name survives a power cut depends on this. Some file systems refuse it. */
  bzd_status status = BZD_OK;
  if (fsync(save->folder) != 0 && errno != EINVAL && errno != EBADF)
    status = bzdi_fail(BZD_E_IO, "%s: written, but its folder cannot be made durable: %s", save->path, strerror(errno));
  finish(save, 0);
  return status;
}

void bzdi_save_abandon(bzdi_save *save) {
  if (save) finish(save, 1);
}
