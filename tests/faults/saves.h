/* SPDX-License-Identifier: MIT */
/* Every way to save a file, with versions of what is saved and the bytes each must give. Include it after cmocka.h. */
#ifndef TESTS_FAULTS_SAVES_H
#define TESTS_FAULTS_SAVES_H

#include <bezdist/bezdist.h>

#include "host.h"
#include "objects.h"
#include "os.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLOW, TRAINER, SAFETENSORS, NPY, NPZ, NPZ_DEFLATED, REWRITTEN, KINDS };
enum { OLD, NEW, LATER, VERSIONS };
static const char *const kind_names[KINDS] = {"flow", "trainer",      "safetensors", "npy",
                                              "npz",  "npz deflated", "rewritten"};
static const int32_t kind_formats[KINDS] = {
    0, 0, BZD_FORMAT_SAFETENSORS, BZD_FORMAT_NPY, BZD_FORMAT_NPZ, BZD_FORMAT_NPZ_DEFLATED, BZD_FORMAT_SAFETENSORS};

typedef struct content { /* of a file */
  unsigned char *data;
  size_t size;
} content;

typedef struct saves {
  host host;
  bzd_context *context;
  bzd_flow *flow[VERSIONS];
  bzd_checkpoint *trainer[VERSIONS];
  bzd_tensors *one[VERSIONS], *many[VERSIONS];
  content content[KINDS][VERSIONS];
} saves;

static inline bzd_checkpoint *saves_trainer(const bzd_context *context, const bzd_flow *flow) {
  bzd_data *data = make_data(context, 16, 2, 0);
  bzd_source *source;
  bzd_trainer_config config;
  bzd_trainer *trainer;
  bzd_checkpoint *checkpoint;
  OK(bzd_source_create_data(data, NULL, 1, &source));
  OK(bzd_trainer_config_init(&config, sizeof config));
  config.steps = 2;
  config.batch = 4;
  OK(bzd_trainer_create(flow, source, &config, &trainer));
  OK(bzd_trainer_run(trainer, 0, NULL, NULL));
  OK(bzd_checkpoint_from_trainer(trainer, &checkpoint));
  bzd_trainer_destroy(trainer);
  bzd_source_destroy(source);
  bzd_data_destroy(data);
  return checkpoint;
}

static inline bzd_tensors *saves_tensors(const bzd_context *context, int64_t count, int version) {
  enum { ROWS = 10, COLUMNS = 7 };
  const int64_t shape[] = {ROWS, COLUMNS};
  float values[ROWS * COLUMNS];
  char name[8];
  bzd_tensors *tensors;
  OK(bzd_tensors_create(context, &tensors));
  for (int64_t i = 0; i < count; i++) {
    OK(bzd_noise(5, BZD_STREAM_USER, (version * 100 + i) * ROWS, ROWS, COLUMNS, values));
    snprintf(name, sizeof name, "w%d", (int)i);
    OK(bzd_tensors_add(tensors, name, "f32", 2, shape, values));
  }
  return tensors;
}

static const char *const version_texts[VERSIONS] = {"old", "new", "later"};

static inline content saves_tensor_bytes(const bzd_tensors *tensors, int32_t format) {
  content c;
  OK(bzd_tensors_write_buffer(tensors, NULL, 0, &c.size, format));
  assert_non_null(c.data = malloc(c.size));
  OK(bzd_tensors_write_buffer(tensors, c.data, c.size, &c.size, format));
  return c;
}

static inline content saves_checkpoint_bytes(bzd_checkpoint *checkpoint) {
  content c;
  OK(bzd_checkpoint_write_buffer(checkpoint, NULL, 0, &c.size));
  assert_non_null(c.data = malloc(c.size));
  OK(bzd_checkpoint_write_buffer(checkpoint, c.data, c.size, &c.size));
  return c;
}

static inline void saves_make(saves *s) {
  host_init(&s->host);
  s->context = host_context(&s->host, 1);
  for (int v = 0; v < VERSIONS; v++) {
    bzd_checkpoint *checkpoint;
    bzd_tensors *texted = saves_tensors(s->context, 2, OLD); /* what a rewritten file is: another text each time */
    OK(bzd_tensors_set_text(texted, "version", version_texts[v]));
    s->flow[v] = make_flow(s->context, BZD_FLOW_VELOCITY, 1, 2, 0, 8, (uint64_t)v + 1);
    s->trainer[v] = saves_trainer(s->context, s->flow[v]);
    s->one[v] = saves_tensors(s->context, 1, v);
    s->many[v] = saves_tensors(s->context, 3, v);
    OK(bzd_checkpoint_from_flow(s->flow[v], &checkpoint));
    s->content[FLOW][v] = saves_checkpoint_bytes(checkpoint);
    s->content[TRAINER][v] = saves_checkpoint_bytes(s->trainer[v]);
    for (int kind = SAFETENSORS; kind <= NPZ_DEFLATED; kind++)
      s->content[kind][v] = saves_tensor_bytes(kind == NPY ? s->one[v] : s->many[v], kind_formats[kind]);
    s->content[REWRITTEN][v] = saves_tensor_bytes(texted, BZD_FORMAT_SAFETENSORS);
    bzd_checkpoint_destroy(checkpoint);
    bzd_tensors_destroy(texted);
  }
}

static inline void saves_free(saves *s) {
  for (int v = 0; v < VERSIONS; v++) {
    bzd_flow_destroy(s->flow[v]);
    bzd_checkpoint_destroy(s->trainer[v]);
    bzd_tensors_destroy(s->one[v]);
    bzd_tensors_destroy(s->many[v]);
    for (int kind = 0; kind < KINDS; kind++) free(s->content[kind][v].data);
  }
  bzd_context_destroy(s->context);
  assert_int_equal(s->host.live, 0);
  assert_int_equal(s->host.wrong, 0);
}

/* The last save of a kind: opens what is there and writes it over itself. */
static inline bzd_status saves_rewrite(const saves *s, const char *path, int version) {
  bzd_tensors *tensors;
  bzd_status status = bzd_tensors_open_file(s->context, path, BZD_FORMAT_SAFETENSORS, NULL, &tensors);
  if (status != BZD_OK) return status;
  status = bzd_tensors_set_text(tensors, "version", version_texts[version]);
  if (status == BZD_OK) status = bzd_tensors_write_file(tensors, path, BZD_FORMAT_SAFETENSORS);
  bzd_tensors_destroy(tensors);
  return status;
}

static inline bzd_status saves_save(const saves *s, int kind, int version, const char *path) {
  if (kind == FLOW) return bzd_flow_save(s->flow[version], path);
  if (kind == TRAINER) return bzd_checkpoint_write_file(s->trainer[version], path);
  if (kind == REWRITTEN) return saves_rewrite(s, path, version);
  return bzd_tensors_write_file(kind == NPY ? s->one[version] : s->many[version], path, kind_formats[kind]);
}

/* Reads all of a file as its users would. */
static inline bzd_status saves_load(const saves *s, int kind, const char *path) {
  if (kind == FLOW) {
    bzd_flow *flow;
    bzd_status status = bzd_flow_load(s->context, path, &flow);
    bzd_flow_destroy(flow);
    return status;
  }
  if (kind == TRAINER) {
    bzd_checkpoint *checkpoint;
    bzd_status status = bzd_checkpoint_open_file(s->context, path, NULL, &checkpoint);
    if (status == BZD_OK) status = bzd_checkpoint_verify(checkpoint);
    bzd_checkpoint_destroy(checkpoint);
    return status;
  }
  bzd_tensors *tensors;
  float values[70];
  bzd_tensors_info info = {.struct_size = sizeof info};
  bzd_status status = bzd_tensors_open_file(s->context, path, BZD_FORMAT_AUTO, NULL, &tensors);
  if (status != BZD_OK) return status;
  status = bzd_tensors_get_info(tensors, &info);
  for (int64_t i = 0; i < info.count && status == BZD_OK; i++)
    status = bzd_tensors_read_f32(tensors, i, values, sizeof values / sizeof *values);
  bzd_tensors_destroy(tensors);
  return status;
}

/* ---- Files --------------------------------------------------------------------------------------------------- */

static inline void put_file(const char *path, const void *data, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

static inline content get_file(const char *path) { /* data NULL: none */
  content c = {NULL, 0};
  FILE *file = fopen(path, "rb");
  if (!file) return c;
  struct stat facts;
  assert_int_equal(fstat(fileno(file), &facts), 0); /* of this file: the path may lead to another by now */
  assert_non_null(c.data = malloc((size_t)facts.st_size + 1));
  c.size = fread(c.data, 1, (size_t)facts.st_size + 1, file);
  fclose(file);
  return c;
}

static inline int file_is(const char *path, const content *expected) {
  content c = get_file(path);
  int same = c.data && c.size == expected->size && memcmp(c.data, expected->data, c.size) == 0;
  free(c.data);
  return same;
}

/* A folder of its own, in memory where there is such a place: thousands of renames then wait for no disk. */
static inline void make_folder(char *folder, size_t cap) {
  snprintf(folder, cap, "/dev/shm/bezdist-XXXXXX");
  if (mkdtemp(folder)) return;
  snprintf(folder, cap, "faults-XXXXXX");
  assert_non_null(mkdtemp(folder));
}

/* Number of files in a folder. */
static inline int entries(const char *folder) {
  int count = 0;
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  for (struct dirent *e = readdir(dir); e; e = readdir(dir)) count += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
  closedir(dir);
  return count;
}

static inline void empty_folder(const char *folder) {
  char path[600];
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
    if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
    snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    assert_int_equal(remove(path), 0);
  }
  closedir(dir);
}

/* ---- What every test has: the saves, a folder and names in it ------------------------------------------------- */

static saves all;
static char folder[64], path[128], other[128];

static inline int set_up(void **state) {
  (void)state;
  saves_make(&all);
  make_folder(folder, sizeof folder);
  snprintf(path, sizeof path, "%s/target", folder);
  snprintf(other, sizeof other, "%s/other", folder);
  return 0;
}

static inline int tear_down(void **state) {
  (void)state;
  empty_folder(folder);
  rmdir(folder);
  saves_free(&all);
  return 0;
}

/* After each test, also one that failed in a hook. */
static inline int clean_up(void **state) {
  (void)state;
  os_stop();
  os.hook = NULL;
  umask(022);
  empty_folder(folder);
  return 0;
}

static inline const char *in_folder(const char *name) {
  static char full[4][600];
  static int turn;
  turn = (turn + 1) % 4;
  snprintf(full[turn], sizeof full[turn], "%s/%s", folder, name);
  return full[turn];
}

static inline void put_old(const char *file) {
  put_file(file, all.content[FLOW][OLD].data, all.content[FLOW][OLD].size);
}
static inline bzd_status save_to(const char *file, int version) { return saves_save(&all, FLOW, version, file); }
static inline void check(const char *file, int version) {
  if (!file_is(file, &all.content[FLOW][version])) fail_msg("%s is not the %s file", file, version_texts[version]);
}

static inline mode_t type_of(const char *file) {
  struct stat facts;
  assert_int_equal(lstat(file, &facts), 0);
  return facts.st_mode & S_IFMT;
}

#endif
