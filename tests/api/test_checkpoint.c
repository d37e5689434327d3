/* SPDX-License-Identifier: MIT */
/* Checkpoints: what comes back is what went in; damaged, cut, foreign and unwritable files are refused and harm
 * nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/full_flow.h"
#include "../support/host.h"
#include "../support/objects.h"

enum { DIM = 5, CLASSES = 3, N = 20 };

static char directory[] = "files-XXXXXX", path[64];

static void *bytes_of(bzd_checkpoint *checkpoint, size_t *size) {
  OK(bzd_checkpoint_write_buffer(checkpoint, NULL, 0, size));
  void *buf = malloc(*size);
  OK(bzd_checkpoint_write_buffer(checkpoint, buf, *size, size));
  return buf;
}

static int entries(void) {
  int count = 0;
  DIR *dir = opendir(directory);
  assert_non_null(dir);
  for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
    count += e->d_name[0] != '.' || strlen(e->d_name) > 2;
  closedir(dir);
  return count;
}

static void test_flow(void **state) {
  (void)state;
  for (int32_t kind = BZD_FLOW_VELOCITY; kind <= BZD_FLOW_ENDPOINT; kind++) {
    bzd_flow *flow = make_full_flow(NULL, kind), *loaded;
    OK(bzd_flow_save(flow, path));
    assert_int_equal(entries(), 1);
    OK(bzd_flow_load(NULL, path, &loaded));
    bzd_flow_info one = {.struct_size = sizeof one}, other = {.struct_size = sizeof other};
    OK(bzd_flow_get_info(flow, &one));
    OK(bzd_flow_get_info(loaded, &other));
    assert_memory_equal(&one, &other, sizeof one);
    const char *title;
    OK(bzd_flow_get_metadata(loaded, "title", &title));
    assert_string_equal(title, FULL_TITLE);
    expect_same_samples(flow, loaded);
    bzd_flow_destroy(flow);
    bzd_flow_destroy(loaded);
    remove(path);
  }
}

static void test_ensemble(void **state) {
  float x[N * DIM], y[N * DIM];
  const double fixed[2] = {1, 4}, guidance[2] = {1, 2};
  (void)state;
  bzd_flow *flows[2] = {make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, CLASSES, 16, 1),
                        make_flow(NULL, BZD_FLOW_CONTROL, 2, DIM, CLASSES, 8, 2)};
  const bzd_flow *teachers[2] = {flows[0], flows[1]};
  bzd_ensemble_config config;
  bzd_ensemble *ensemble, *loaded;
  bzd_checkpoint *checkpoint;
  OK(bzd_ensemble_config_init(&config, sizeof config));
  config.combine = BZD_COMBINE_MIXTURE;
  config.rule = BZD_RULE_FIXED;
  config.fixed = fixed;
  config.guidance = guidance;
  config.seed = 9;
  OK(bzd_ensemble_create(NULL, &config, 2, teachers, &ensemble));
  OK(bzd_checkpoint_from_ensemble(ensemble, &checkpoint));
  OK(bzd_checkpoint_write_file(checkpoint, path));
  bzd_checkpoint_destroy(checkpoint);
  OK(bzd_checkpoint_open_file(NULL, path, NULL, &checkpoint));
  bzd_checkpoint_info info = {.struct_size = sizeof info};
  OK(bzd_checkpoint_get_info(checkpoint, &info));
  assert_int_equal(info.kind, BZD_CHECKPOINT_ENSEMBLE);
  OK(bzd_checkpoint_get_ensemble(checkpoint, &loaded));
  bzd_checkpoint_destroy(checkpoint);
  float cond[N * CLASSES] = {0};
  for (int r = 0; r < N; r++) cond[r * CLASSES + r % CLASSES] = 1.0f;
  OK(bzd_ensemble_sample(ensemble, NULL, N, NULL, cond, x, NULL));
  OK(bzd_ensemble_sample(loaded, NULL, N, NULL, cond, y, NULL));
  assert_memory_equal(x, y, sizeof x);
  bzd_ensemble_destroy(ensemble);
  bzd_ensemble_destroy(loaded);
  bzd_flow_destroy(flows[0]);
  bzd_flow_destroy(flows[1]);
  remove(path);
}

static void test_paths(void **state) {
  float one[N * 2 * DIM], other[N * 2 * DIM], one_cond[N * CLASSES], other_cond[N * CLASSES];
  (void)state;
  bzd_data *data = make_data(NULL, 12, DIM, CLASSES);
  bzd_source *source, *pool, *loaded;
  bzd_checkpoint *checkpoint, *opened;
  size_t size;
  OK(bzd_source_create_data(data, NULL, 1, &source));
  OK(bzd_source_create_pool(source, 0, 15, 2, NULL, NULL, &pool));
  OK(bzd_checkpoint_from_source(pool, &checkpoint));
  void *buf = bytes_of(checkpoint, &size);
  OK(bzd_checkpoint_open_buffer(NULL, buf, size, NULL, &opened));
  OK(bzd_checkpoint_get_source(opened, &loaded));
  OK(bzd_source_get_paths(pool, 3, N, one, one_cond, NULL));
  OK(bzd_source_get_paths(loaded, 3, N, other, other_cond, NULL));
  assert_memory_equal(one, other, sizeof one);
  assert_memory_equal(one_cond, other_cond, sizeof one_cond);
  bzd_checkpoint_destroy(opened);
  free(buf);
  bzd_checkpoint_destroy(checkpoint);
  bzd_source_destroy(loaded);
  bzd_source_destroy(pool);
  bzd_source_destroy(source);
  bzd_data_destroy(data);
}

/* Same model, same bytes, same content id; another weight, another id. */
static void test_identity(void **state) {
  char id[65], again[65];
  size_t size, size_again;
  (void)state;
  bzd_flow *flow = make_full_flow(NULL, BZD_FLOW_CONTROL);
  bzd_checkpoint *built, *opened;
  OK(bzd_checkpoint_from_flow(flow, &built));
  char *buf = bytes_of(built, &size), *buf_again = bytes_of(built, &size_again);
  assert_int_equal(size, size_again);
  assert_memory_equal(buf, buf_again, size);
  OK(bzd_checkpoint_open_buffer(NULL, buf, size, NULL, &opened));
  OK(bzd_checkpoint_content_id(built, id));
  OK(bzd_checkpoint_content_id(opened, again));
  assert_string_equal(id, again);
  assert_int_equal(strspn(id, "0123456789abcdef"), 64);
  bzd_flow_info info = {.struct_size = sizeof info};
  OK(bzd_flow_get_info(flow, &info));
  float *w = malloc((size_t)info.parameters * sizeof *w);
  OK(bzd_flow_get_parameters(flow, info.parameters, w));
  w[0] += 1.0f;
  OK(bzd_flow_set_parameters(flow, info.parameters, w));
  free(w);
  bzd_checkpoint_destroy(built);
  OK(bzd_checkpoint_from_flow(flow, &built));
  OK(bzd_checkpoint_content_id(built, again));
  assert_string_not_equal(id, again);
  bzd_checkpoint_destroy(built);
  bzd_checkpoint_destroy(opened);
  bzd_flow_destroy(flow);
  free(buf);
  free(buf_again);
}

static void test_inside(void **state) {
  size_t size;
  (void)state;
  bzd_flow *flow = make_full_flow(NULL, BZD_FLOW_VELOCITY);
  bzd_checkpoint *built, *opened;
  OK(bzd_checkpoint_from_flow(flow, &built));
  void *buf = bytes_of(built, &size);
  OK(bzd_checkpoint_open_buffer(NULL, buf, size, NULL, &opened));
  bzd_checkpoint_info info = {.struct_size = sizeof info};
  OK(bzd_checkpoint_get_info(opened, &info));
  assert_int_equal(info.kind, BZD_CHECKPOINT_FLOW);
  assert_int_equal(info.file_bytes, size);
  assert_int_equal(info.version_major, 1);
  bzd_flow_info facts = {.struct_size = sizeof facts};
  OK(bzd_flow_get_info(flow, &facts));
  uint64_t raw = 0, parameters = 0;
  for (int64_t i = 0; i < info.tensors; i++) {
    bzd_tensor_info t = {.struct_size = sizeof t};
    OK(bzd_checkpoint_get_tensor(opened, i, &t));
    uint64_t count = 1;
    for (int32_t d = 0; d < t.ndim; d++) count *= (uint64_t)t.shape[d];
    assert_true(strlen(t.name) > 0 && t.stored_bytes > 0);
    if (strcmp(t.dtype, "f32") == 0) assert_int_equal(t.raw_bytes, 4 * count);
    if (t.role == BZD_ROLE_PARAMETER) parameters += count;
    raw += t.raw_bytes;
    void *data = malloc(t.raw_bytes);
    OK(bzd_checkpoint_read_tensor(opened, i, data, t.raw_bytes));
    free(data);
  }
  assert_int_equal(raw, info.raw_bytes);
  assert_int_equal(parameters, facts.parameters);
  int found = 0;
  for (int64_t i = 0; i < info.metadata; i++) {
    const char *key;
    char value[256], cut[4];
    OK(bzd_checkpoint_get_metadata(opened, i, &key, value, sizeof value));
    found += strstr(key, "title") != NULL && strstr(value, FULL_TITLE) != NULL;
    OK(bzd_checkpoint_get_metadata(opened, i, &key, cut, sizeof cut));
    assert_true(strlen(cut) < sizeof cut);
  }
  assert_int_equal(found, 1);
  OK(bzd_checkpoint_verify(opened));
  bzd_limits limits;
  bzd_checkpoint *none;
  OK(bzd_limits_init(&limits, sizeof limits));
  limits.max_raw = info.raw_bytes - 1;
  FAILS(BZD_E_LIMIT, "", bzd_checkpoint_open_buffer(NULL, buf, size, &limits, &none));
  OK(bzd_limits_init(&limits, sizeof limits));
  limits.max_file = size - 1;
  FAILS(BZD_E_LIMIT, "", bzd_checkpoint_open_buffer(NULL, buf, size, &limits, &none));
  OK(bzd_limits_init(&limits, sizeof limits));
  limits.max_tensors = info.tensors - 1;
  FAILS(BZD_E_LIMIT, "", bzd_checkpoint_open_buffer(NULL, buf, size, &limits, &none));
  bzd_checkpoint_destroy(opened);
  bzd_checkpoint_destroy(built);
  bzd_flow_destroy(flow);
  free(buf);
}

/* No cut and no changed byte passes for intact. */
static void test_damage(void **state) {
  size_t size;
  (void)state;
  host h;
  host_init(&h);
  bzd_context *context = host_context(&h, 1);
  bzd_flow *flow = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, CLASSES, 8, 1);
  bzd_checkpoint *built, *opened;
  OK(bzd_checkpoint_from_flow(flow, &built));
  unsigned char *buf = bytes_of(built, &size);
  long long base = atomic_load(&h.live);
  for (size_t cut = 0; cut < size; cut += cut < 128 || cut + 130 > size ? 1 : 17) {
    bzd_status status = bzd_checkpoint_open_buffer(context, buf, cut, NULL, &opened);
    assert_true(status == BZD_E_FORMAT || status == BZD_E_CORRUPT || status == BZD_E_VERSION);
    failure_text();
    assert_null(opened);
  }
  for (size_t at = 0; at < size; at += at < 128 || at + 130 > size ? 1 : 7) {
    buf[at] ^= 0x40;
    bzd_status status = bzd_checkpoint_open_buffer(context, buf, size, NULL, &opened);
    if (status == BZD_OK) {
      status = bzd_checkpoint_verify(opened);
      bzd_checkpoint_destroy(opened);
    }
    if (status >= 0) fail_msg("byte %d of %d changed and passed", (int)at, (int)size);
    failure_text();
    buf[at] ^= 0x40;
  }
  assert_int_equal(atomic_load(&h.live), base);
  OK(bzd_checkpoint_open_buffer(context, buf, size, NULL, &opened));
  OK(bzd_checkpoint_verify(opened));
  bzd_checkpoint_destroy(opened);
  bzd_checkpoint_destroy(built);
  bzd_flow_destroy(flow);
  bzd_context_destroy(context);
  free(buf);
}

static void test_foreign_files(void **state) {
  (void)state;
  bzd_flow *flow = make_full_flow(NULL, BZD_FLOW_VELOCITY), *none = flow;
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  for (int i = 0; i < 500; i++) fputs("\x89PNG\r\n\x1a\n", file);
  fclose(file);
  FAILS(BZD_E_FORMAT, path, bzd_flow_load(NULL, path, &none));
  assert_null(none);
  OK(bzd_flow_save(flow, path)); /* replaces it */
  struct stat facts;
  assert_int_equal(stat(path, &facts), 0);
  assert_int_equal(truncate(path, facts.st_size / 2), 0);
  FAILS(BZD_E_CORRUPT, path, bzd_flow_load(NULL, path, &none));
  assert_int_equal(truncate(path, 0), 0);
  FAILS(BZD_E_FORMAT, path, bzd_flow_load(NULL, path, &none));
  remove(path);
  FAILS(BZD_E_IO, path, bzd_flow_load(NULL, path, &none));
  assert_int_equal(mkdir(path, 0700), 0); /* a directory stands where the file should */
  FAILS(BZD_E_IO, path, bzd_flow_save(flow, path));
  assert_int_equal(rmdir(path), 0);
  assert_int_equal(entries(), 0);
  bzd_flow_destroy(flow);
}

static int32_t refuse(void *user, const void *data, size_t size) {
  (void)data;
  *(size_t *)user += size;
  return *(size_t *)user > 500 ? 28 : 0;
}

static void test_failing_callback(void **state) {
  size_t taken = 0;
  (void)state;
  bzd_flow *flow = make_full_flow(NULL, BZD_FLOW_VELOCITY);
  bzd_checkpoint *checkpoint;
  OK(bzd_checkpoint_from_flow(flow, &checkpoint));
  FAILS(BZD_E_IO, "28", bzd_checkpoint_write_callback(checkpoint, refuse, &taken));
  OK(bzd_checkpoint_write_file(checkpoint, path));
  remove(path);
  bzd_checkpoint_destroy(checkpoint);
  bzd_flow_destroy(flow);
}

static void test_wrong_kind(void **state) {
  (void)state;
  bzd_flow *flow = make_full_flow(NULL, BZD_FLOW_VELOCITY), *none_flow;
  bzd_ensemble *none;
  bzd_checkpoint *checkpoint;
  OK(bzd_checkpoint_from_flow(flow, &checkpoint));
  FAILS(BZD_E_STATE, "holds a flow, expected an ensemble", bzd_checkpoint_get_ensemble(checkpoint, &none));
  FAILS(BZD_E_STATE, "averaged", bzd_checkpoint_get_flow(checkpoint, BZD_WEIGHTS_EMA, &none_flow));
  bzd_checkpoint_destroy(checkpoint);
  bzd_flow_destroy(flow);
}

static int setup(void **state) {
  (void)state;
  if (mkdtemp(directory) == NULL) return -1;
  snprintf(path, sizeof path, "%s/x.bzd", directory);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  return rmdir(directory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_flow),          cmocka_unit_test(test_ensemble),         cmocka_unit_test(test_paths),
      cmocka_unit_test(test_identity),      cmocka_unit_test(test_inside),           cmocka_unit_test(test_damage),
      cmocka_unit_test(test_foreign_files), cmocka_unit_test(test_failing_callback), cmocka_unit_test(test_wrong_kind),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
