/* SPDX-License-Identifier: MIT */
/* Files written whole or not at all, tables for people, JSON lines for programs. */
#define _GNU_SOURCE
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens the temporary file and waits for its lock, which ends with its process: what a killed write left is written
 * over, and of two writes of one path at once the second begins when the first is done. */
static int open_temporary(const char *temporary, mode_t mode) {
  struct stat named, opened;
  for (;;) {
    int fd = open(temporary, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode);
    if (fd < 0) return -1;
    while (flock(fd, LOCK_EX) != 0 && errno == EINTR) {}
    /* Else the one that held the lock has renamed its file. */
    bool there = lstat(temporary, &named) == 0;
    if (there ? fstat(fd, &opened) == 0 && named.st_dev == opened.st_dev && named.st_ino == opened.st_ino
              : errno != ENOENT)
      return fd;
    close(fd);
  }
}

static bool write_all(int fd, const char *data, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t wrote = write(fd, data + done, size - done);
    if (wrote > 0)
      done += (size_t)wrote;
    else if (wrote == 0)
      return errno = ENOSPC, false;
    else if (errno != EINTR)
      return false;
  }
  return true;
}

/* Named and replaced as the library's saves are; but the folder is not made durable, since a picture is drawn again. */
void write_atomic(const char *path, const void *data, size_t size) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  struct stat old = {.st_mode = S_IFREG | 0666};
  bool keep = stat(path, &old) == 0;
  if (!S_ISREG(old.st_mode)) die("%s: not a regular file", path);
  char *temporary;
  if (asprintf(&temporary, "%.*s.%.240s.bezdist-0", (int)(name - path), path, name) < 0) die("no memory for a name");
  int fd = open_temporary(temporary, old.st_mode & 0777);
  if (fd < 0) die("%s: %s", path, strerror(errno));
  if (ftruncate(fd, 0) != 0 || (keep && fchmod(fd, old.st_mode & 0777) != 0) || !write_all(fd, data, size) ||
      fsync(fd) != 0 || rename(temporary, path) != 0) {
    int error = errno;
    unlink(temporary); /* while it is locked */
    die("%s: %s", path, strerror(error));
  }
  close(fd);
  free(temporary);
}

static void cell(const json_t *value, char *out, size_t cap) {
  if (json_is_integer(value))
    snprintf(out, cap, "%lld", (long long)json_integer_value(value));
  else if (json_is_real(value))
    snprintf(out, cap, "%.4g", json_real_value(value));
  else if (json_is_string(value))
    snprintf(out, cap, "%s", json_string_value(value));
  else
    snprintf(out, cap, "-");
}

void print_rows(const struct common *common, json_t *rows, const char *const *keys) {
  size_t index;
  json_t *row;
  if (common->json) {
    json_array_foreach(rows, index, row) {
      json_dumpf(row, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
      putchar('\n');
    }
    return;
  }
  /* A column is as wide as its widest cell; one that nobody filled is left out. Words to the left, numbers right. */
  char text[128];
  for (int line = -1; line < (int)json_array_size(rows); line++) {
    for (const char *const *key = keys; *key; key++) {
      size_t width = strlen(*key);
      bool used = false, words = false;
      json_array_foreach(rows, index, row) {
        const json_t *value = json_object_get(row, *key);
        cell(value, text, sizeof text);
        used = used || value;
        words = words || json_is_string(value);
        if (strlen(text) > width) width = strlen(text);
      }
      if (!used) continue;
      if (line < 0)
        snprintf(text, sizeof text, "%s", *key);
      else
        cell(json_object_get(json_array_get(rows, (size_t)line), *key), text, sizeof text);
      printf("%*s  ", words ? -(int)width : (int)width, text);
    }
    putchar('\n');
  }
}

static void put(json_t *object, const char *prefix, const char *key, double value) {
  char name[64];
  snprintf(name, sizeof name, "%s%s", prefix, key);
  if (isfinite(value)) json_object_set_new(object, name, json_real(value));
}

json_t *metrics_json(const struct common *common, int64_t dim, int64_t n, const float *a, int64_t m, const float *b,
                     const char *prefix) {
  bzd_metrics_result result = {.struct_size = sizeof result};
  must(bzd_metrics_compare(common->context, NULL, dim, n, a, m, b, &result), "metrics");
  json_t *object = json_object();
  put(object, prefix, "sw2", result.sw2);
  put(object, prefix, "w2", result.w2);
  put(object, prefix, "energy", result.energy);
  put(object, prefix, "frechet", result.frechet);
  put(object, prefix, "frechet_matched", result.frechet_matched);
  put(object, prefix, "total_variance", result.total_variance);
  put(object, prefix, "precision", result.precision);
  put(object, prefix, "recall", result.recall);
  put(object, prefix, "mmd", result.mmd);
  return object;
}

json_t *flow_metrics_json(const struct common *common, const bzd_flow *flow, const bzd_data *data,
                          const bzd_data *start, int64_t rows) {
  bzd_flow_metrics_config config;
  must(bzd_flow_metrics_config_init(&config, sizeof config), NULL);
  bzd_source *paths;
  must(bzd_source_create_data(data, start, common->seed, &paths), NULL);
  config.paths = paths;
  config.real = data;
  config.rows = rows;
  bzd_flow_metrics result = {.struct_size = sizeof result};
  must(bzd_metrics_flow(flow, &config, &result), "metrics of the flow");
  bzd_source_destroy(paths);
  json_t *object = json_object();
  put(object, "", "straightness", result.straightness);
  put(object, "", "arc_over_chord", result.arc_over_chord);
  put(object, "", "crossing_variance", result.crossing_variance);
  put(object, "", "drift", result.drift);
  return object;
}

void make_folder(const char *path) {
  char part[4096];
  snprintf(part, sizeof part, "%s", path);
  for (char *at = part + 1;; at++) {
    if (*at && *at != '/') continue;
    char keep = *at;
    *at = 0;
    if (mkdir(part, 0777) != 0 && errno != EEXIST) die("%s: %s", part, strerror(errno));
    if (!keep) return;
    *at = keep;
  }
}
