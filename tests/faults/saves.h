/* SPDX-License-Identifier: MIT */
/* Saves of each kind over an old file, and what may be found in their folder afterwards. Include it after cmocka.h,
 * bezdist.h and host.h. */
#ifndef TESTS_FAULTS_SAVES_H
#define TESTS_FAULTS_SAVES_H

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SAVE_CHECKPOINT, SAVE_FLOW, SAVE_SAFETENSORS, SAVE_NPY, SAVE_NPZ, SAVE_DEFLATED, SAVES };
static const char *const save_names[SAVES] = {
    "bzd_checkpoint_write_file", "bzd_flow_save", "safetensors", "npy", "npz", "npz deflated"};

typedef struct image {
  unsigned char *data;
  size_t size;
} image;

typedef struct saves {
  bzd_flow *flow; /* the new one */
  bzd_checkpoint *checkpoint;
  bzd_tensors *tensors, *array, *arrays;
  image old, fresh[SAVES]; /* what stands there, what a save writes */
} saves;

static inline image image_read(const char *path) {
  image out = {NULL, 0};
  FILE *file = fopen(path, "rb");
  if (!file) return out;
  fseek(file, 0, SEEK_END);
  out.size = (size_t)ftell(file);
  rewind(file);
  out.data = malloc(out.size + 1);
  assert_int_equal(fread(out.data, 1, out.size, file), out.size);
  fclose(file);
  return out;
}
static inline void image_write(const char *path, const image *content) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(content->data, 1, content->size, file), content->size);
  assert_int_equal(fclose(file), 0);
}
static inline int image_is(const image *a, const image *b) {
  return a->data && a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}
static inline int file_is(const char *path, const image *expected) {
  image found = image_read(path);
  int same = image_is(&found, expected);
  free(found.data);
  return same;
}

static inline bzd_status saves_do(const saves *s, int kind, const char *path) {
  switch (kind) {
  case SAVE_CHECKPOINT: return bzd_checkpoint_write_file(s->checkpoint, path);
  case SAVE_FLOW: return bzd_flow_save(s->flow, path);
  case SAVE_SAFETENSORS: return bzd_tensors_write_file(s->tensors, path, BZD_FORMAT_SAFETENSORS);
  case SAVE_NPY: return bzd_tensors_write_file(s->array, path, BZD_FORMAT_NPY);
  case SAVE_NPZ: return bzd_tensors_write_file(s->arrays, path, BZD_FORMAT_NPZ);
  default: return bzd_tensors_write_file(s->arrays, path, BZD_FORMAT_NPZ_DEFLATED);
  }
}

static inline bzd_flow *saves_flow(int64_t dim, int64_t width, uint64_t seed) {
  bzd_flow_config config;
  bzd_flow *flow;
  OK(bzd_flow_config_init(&config, sizeof config));
  config.dim = dim;
  config.width = width;
  config.layers = 2;
  config.time_features = 8;
  config.seed = seed;
  OK(bzd_flow_create(NULL, &config, &flow));
  return flow;
}

static inline void saves_open(saves *s, int64_t dim, int64_t width) {
  bzd_flow *old = saves_flow(dim, width, 1);
  OK(bzd_flow_save(old, "made"));
  s->old = image_read("made");
  bzd_flow_destroy(old);
  s->flow = saves_flow(dim, width, 2);
  OK(bzd_checkpoint_from_flow(s->flow, &s->checkpoint));
  OK(bzd_tensors_from_flow(s->flow, &s->tensors));
  OK(bzd_tensors_create(NULL, &s->array));
  OK(bzd_tensors_create(NULL, &s->arrays));
  const int64_t shape[2] = {(int64_t)(s->old.size / 8), 2};
  OK(bzd_tensors_add(s->arrays, "bytes", "u8", 2, shape, s->old.data));
  OK(bzd_tensors_add(s->array, "bytes", "u8", 2, shape, s->old.data));
  OK(bzd_tensors_add(s->arrays, "again", "u8", 1, shape, s->old.data));
  for (int kind = 0; kind < SAVES; kind++) {
    OK(saves_do(s, kind, "made"));
    s->fresh[kind] = image_read("made");
    assert_false(image_is(&s->fresh[kind], &s->old));
  }
  unlink("made");
}

static inline void saves_close(saves *s) {
  for (int kind = 0; kind < SAVES; kind++) free(s->fresh[kind].data);
  free(s->old.data);
  bzd_tensors_destroy(s->tensors);
  bzd_tensors_destroy(s->array);
  bzd_tensors_destroy(s->arrays);
  bzd_checkpoint_destroy(s->checkpoint);
  bzd_flow_destroy(s->flow);
}

/* Works in memory where there is such a place: thousands of renames then wait for no disk. */
static inline void saves_enter(char *room, size_t cap) {
  snprintf(room, cap, "/dev/shm/bezdist-XXXXXX");
  if (!mkdtemp(room)) room[0] = '\0';
  if (room[0]) assert_int_equal(chdir(room), 0);
}

/* Files in a folder; name: NULL, or room for one that is not `but`. */
static inline int folder_count(const char *folder, const char *but, char *name) {
  int count = 0;
  DIR *open = opendir(folder);
  assert_non_null(open);
  for (struct dirent *entry; (entry = readdir(open));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    count++;
    if (name && strcmp(entry->d_name, but) != 0) strcpy(name, entry->d_name);
  }
  closedir(open);
  return count;
}

static inline void folder_clear(const char *folder) {
  char path[600];
  DIR *open = opendir(folder);
  if (!open) {
    assert_int_equal(mkdir(folder, 0777), 0);
    return;
  }
  for (struct dirent *entry; (entry = readdir(open));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    assert_int_equal(unlink(path), 0);
  }
  closedir(open);
}

#endif
