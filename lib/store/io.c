/* SPDX-License-Identifier: MIT */
/* Files in, buffers in, and the atomic replacement of a file. */
#include "store/io.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_INTERRUPTIONS = 1000 }; /* EINTR in a row and nothing done: given up, so that no call can hang */

/* As texts name it: the end of a long path, so that the cause has room. */
static const char *shown(const char *path) {
  size_t length = strlen(path);
  return length > 400 ? path + length - 400 : path;
}

/* ---- Reading ------------------------------------------------------------------------------------------------- */

typedef struct file_reader {
  const bzd_context *context;
  int fd;
} file_reader;

static bzd_status file_read(void *user, uint64_t offset, void *buf, size_t n) {
  const file_reader *file = user;
  int interruptions = 0;
  for (size_t done = 0; done < n;) {
    ssize_t got = pread(file->fd, (char *)buf + done, n - done, (off_t)(offset + done));
    if (got > 0) {
      done += (size_t)got;
      interruptions = 0;
    } else if (got == 0) {
      return bzdi_fail(BZD_E_IO, "the file became shorter while it was read: offset %llu",
                       (unsigned long long)(offset + done));
    } else if (errno != EINTR || ++interruptions == MOST_INTERRUPTIONS) {
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
  if (fd < 0) return bzdi_fail(BZD_E_IO, "%s: %s", shown(path), strerror(errno));
  const char *refused = fstat(fd, &facts) != 0 ? strerror(errno) : S_ISREG(facts.st_mode) ? NULL : "not a regular file";
  if (refused) {
    close(fd);
    return bzdi_fail(BZD_E_IO, "%s: %s", shown(path), refused);
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

/* A save writes .NAME.bezdist-I beside the target and holds a lock (flock) on it. The system drops the lock when the
 * process ends, however it ends: a temporary file that can be locked is a dead save's, and the next save of the target
 * removes it. A file is removed under its lock only, and is its owner's only once that holds the lock and the name
 * still leads to it; so nobody removes or renames what another save is writing. */

enum { MOST_NAME = 255, MOST_KEPT = 240, SWEPT = 8, MOST_TEMPORARIES = 1000 };

struct bzdi_save {
  const bzd_context *context;
  int fd, folder;
  char name[MOST_NAME + 1], temporary[MOST_NAME + 1]; /* in the folder */
  char path[1];                                       /* as the caller gave it, for texts */
};

static bzd_status write_all(void *user, const void *buf, size_t n) {
  const bzdi_save *save = user;
  int interruptions = 0;
  for (size_t done = 0; done < n;) {
    ssize_t wrote = write(save->fd, (const char *)buf + done, n - done);
    if (wrote > 0) {
      done += (size_t)wrote;
      interruptions = 0;
    } else if (wrote == 0) {
      return bzdi_fail(BZD_E_IO, "%s: nothing could be written", shown(save->path));
    } else if (errno != EINTR || ++interruptions == MOST_INTERRUPTIONS) {
      return bzdi_fail(BZD_E_IO, "%s: %s", shown(save->path), strerror(errno));
    }
  }
  return BZD_OK;
}

/* Frees everything; errno stays what it was. */
static void finish(bzdi_save *save, int remove) {
  int error = errno;
  if (save->fd >= 0) {
    if (remove) unlinkat(save->folder, save->temporary, 0); /* while it is locked */
    close(save->fd);
  }
  if (save->folder >= 0) close(save->folder);
  bzdi_free(save->context, save);
  errno = error;
}

static bzd_status fail(bzdi_save *save, const char *cause) {
  int error = errno;
  bzd_status status = bzdi_fail(BZD_E_IO, "%s: %s", shown(save->path), cause);
  errno = error;
  finish(save, 1);
  return status;
}

/* Opens the folder of path and keeps its last part. */
static int open_folder(bzdi_save *save, const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  size_t length = strlen(name);
  if (length == 0 || !strcmp(name, ".") || !strcmp(name, "..")) return errno = EISDIR, 0;
  if (length > MOST_NAME) return errno = ENAMETOOLONG, 0;
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

/* Does the name of the temporary file lead to this regular file? Negative: the system does not say. */
static int leads_to(const bzdi_save *save, int fd) {
  struct stat named, opened;
  if (fstat(fd, &opened) != 0) return -1;
  if (fstatat(save->folder, save->temporary, &named, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT ? 0 : -1;
  return S_ISREG(opened.st_mode) && named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

/* False when there is no file of the name. */
static int remove_leftover(const bzdi_save *save) {
  int flags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  int fd = openat(save->folder, save->temporary, O_WRONLY | flags); /* NFS locks only what may be written */
  if (fd < 0 && errno == EACCES) fd = openat(save->folder, save->temporary, O_RDONLY | flags);
  if (fd < 0) return errno != ENOENT;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0 && leads_to(save, fd) > 0) unlinkat(save->folder, save->temporary, 0);
  close(fd);
  return 1;
}

static void name_temporary(bzdi_save *save, int i) {
  snprintf(save->temporary, sizeof save->temporary, ".%.*s.bezdist-%d", MOST_KEPT, save->name, i);
}

static int open_temporary(bzdi_save *save, mode_t mode) {
  for (int i = 0, there = 1; i < SWEPT || (there && i < MOST_TEMPORARIES); i++) {
    name_temporary(save, i);
    there = remove_leftover(save);
  }
  for (int i = 0; i < MOST_TEMPORARIES; i++) {
    name_temporary(save, i);
    save->fd = openat(save->folder, save->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (save->fd < 0 && errno != EEXIST) return 0;
    if (save->fd < 0) continue;
    /* Until it is locked it looks like a leftover, and may be gone. Where nothing can be locked, nobody removes it. */
    int busy = flock(save->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK,
        ours = busy ? 0 : leads_to(save, save->fd);
    if (ours > 0) return 1;
    int error = errno;
    close(save->fd);
    save->fd = -1;
    if (ours < 0) return errno = error, 0;
  }
  return errno = EEXIST, 0;
}

/* Only a regular file is replaced, and a link to one or to nothing: the link, not what it leads to. */
static const char *look_at_target(const bzdi_save *save, mode_t *mode, int *keep) {
  struct stat old, behind;
  *mode = 0666;
  *keep = 0;
  if (fstatat(save->folder, save->name, &old, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? NULL : strerror(errno);
  if (S_ISLNK(old.st_mode)) {
    if (fstatat(save->folder, save->name, &behind, 0) != 0 || S_ISREG(behind.st_mode)) return NULL;
    old = behind;
  }
  if (S_ISDIR(old.st_mode)) return errno = EISDIR, strerror(EISDIR);
  if (!S_ISREG(old.st_mode)) return errno = EINVAL, "not a regular file";
  *mode = old.st_mode & 0777;
  *keep = 1;
  return NULL;
}

bzd_status bzdi_save_open(const bzd_context *context, const char *path, bzdi_save **out, bzdi_writer *writer) {
  size_t length = strlen(path);
  bzdi_save *save = bzdi_calloc(context, 1, sizeof *save + length + 1);
  mode_t mode;
  int keep;
  *out = NULL;
  if (!save) return bzdi_no_memory(path, 1, sizeof *save + length);
  save->context = context;
  save->fd = save->folder = -1;
  memcpy(save->path, path, length + 1);
  if (!open_folder(save, path)) return fail(save, strerror(errno));
  const char *refused = look_at_target(save, &mode, &keep);
  if (refused) return fail(save, refused);
  /* Nobody may open it who may not open the old file; fchmod gives back what the umask took. */
  if (!open_temporary(save, mode) || (keep && fchmod(save->fd, mode) != 0)) return fail(save, strerror(errno));
  *out = save;
  *writer = (bzdi_writer){write_all, save};
  return BZD_OK;
}

/* Some file systems send the bytes when a descriptor is closed: asked with a copy, since the lock is needed. */
static int close_copy(const bzdi_save *save) {
  int fd = fcntl(save->fd, F_DUPFD_CLOEXEC, 0);
  return fd >= 0 && close(fd) == 0;
}

bzd_status bzdi_save_commit(bzdi_save *save) {
  /* A failed fsync is not tried again: the pages it lost are gone. */
  if (fsync(save->fd) != 0 || !close_copy(save) ||
      renameat(save->folder, save->temporary, save->folder, save->name) != 0)
    return fail(save, strerror(errno));
  /* The new file stands; only whether its name survives a power cut depends on this. Some file systems refuse it. */
  bzd_status status = BZD_OK;
  if (fsync(save->folder) != 0 && errno != EINVAL && errno != EBADF)
    status = bzdi_fail(BZD_E_IO, "%s: written, but its folder cannot be made durable: %s", shown(save->path),
                       strerror(errno));
  finish(save, 0);
  return status;
}

void bzdi_save_abandon(bzdi_save *save) {
  if (save) finish(save, 1);
}
