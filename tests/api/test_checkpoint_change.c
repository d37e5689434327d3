/* SPDX-License-Identifier: MIT */
/* Checkpoints opened, changed and written again without a model; flows and ensembles as bfloat16; rows of a tensor; the
 * same file with any number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <math.h>
#include <unistd.h>

#include "../support/host.h"
#include "../support/objects.h"

enum { DIM = 6, CLASSES = 2, WIDTH = 40 };

static void *bytes_of(bzd_checkpoint *checkpoint, size_t *size) {
  OK(bzd_checkpoint_write_buffer(checkpoint, NULL, 0, size));
  void *buf = malloc(*size);
  OK(bzd_checkpoint_write_buffer(checkpoint, buf, *size, size));
  return buf;
}

/* kind BZD_CHECKPOINT_; as bytes. */
static void *make_file(const bzd_context *context, int32_t kind, size_t *size) {
  bzd_flow *flows[2] = {make_flow(context, BZD_FLOW_VELOCITY, 1, DIM, CLASSES, WIDTH, 1),
                        make_flow(context, BZD_FLOW_VELOCITY, 1, DIM, CLASSES, WIDTH, 2)};
  bzd_data *data = make_data(context, 12, DIM, CLASSES);
  bzd_source *source, *pool;
  bzd_checkpoint *checkpoint;
  OK(bzd_source_create_data(data, NULL, 1, &source));
  OK(bzd_flow_set_metadata(flows[0], "title", "first"));
  bzd_trainer *trainer = make_trainer(flows[0], source, 3, 8);
  bzd_ensemble *ensemble = make_ensemble(context, BZD_COMBINE_MIXTURE, BZD_RULE_UNIFORM, 2, flows);
  OK(bzd_source_create_pool(source, 0, 15, 2, NULL, NULL, &pool));
  if (kind == BZD_CHECKPOINT_FLOW) OK(bzd_checkpoint_from_flow(flows[0], &checkpoint));
  if (kind == BZD_CHECKPOINT_ENSEMBLE) OK(bzd_checkpoint_from_ensemble(ensemble, &checkpoint));
  if (kind == BZD_CHECKPOINT_TRAINER) OK(bzd_checkpoint_from_trainer(trainer, &checkpoint));
  if (kind == BZD_CHECKPOINT_PATHS) OK(bzd_checkpoint_from_source(pool, &checkpoint));
  void *buf = bytes_of(checkpoint, size);
  bzd_checkpoint_destroy(checkpoint);
  bzd_source_destroy(pool), bzd_source_destroy(source), bzd_trainer_destroy(trainer);
  bzd_ensemble_destroy(ensemble), bzd_data_destroy(data);
  bzd_flow_destroy(flows[0]), bzd_flow_destroy(flows[1]);
  return buf;
}

/* Every kind of file takes metadata and sections and gives them back; taken out again, the file is what it was. */
static void test_changes(void **state) {
  (void)state;
  int files = 0;
  for (int32_t kind = BZD_CHECKPOINT_FLOW; kind <= BZD_CHECKPOINT_PATHS; kind++, files++) {
    size_t size, changed_size, again_size, length;
    char id[65], changed_id[65], name[5];
    const char *value;
    const void *bytes;
    void *file = make_file(NULL, kind, &size);
    bzd_checkpoint *opened, *changed;
    OK(bzd_checkpoint_open_buffer(NULL, file, size, NULL, &opened));
    OK(bzd_checkpoint_content_id(opened, id));
    OK(bzd_checkpoint_set_metadata(opened, "where.from", "D\xC3\xBCren"));
    OK(bzd_checkpoint_set_metadata(opened, "empty", ""));
    OK(bzd_checkpoint_set_section(opened, "pict", "\0\1\2", 3));
    OK(bzd_checkpoint_set_section(opened, "none", "", 0));
    void *changed_file = bytes_of(opened, &changed_size);
    OK(bzd_checkpoint_open_buffer(NULL, changed_file, changed_size, NULL, &changed));
    OK(bzd_checkpoint_verify(changed));
    OK(bzd_checkpoint_content_id(changed, changed_id));
    assert_string_equal(id, changed_id);
    OK(bzd_checkpoint_find_metadata(changed, "where.from", &value));
    assert_string_equal(value, "D\xC3\xBCren");
    OK(bzd_checkpoint_find_metadata(changed, "empty", &value));
    assert_string_equal(value, "");
    OK(bzd_checkpoint_find_metadata(changed, "nothing", &value));
    assert_null(value);
    bzd_checkpoint_info info = {.struct_size = sizeof info};
    OK(bzd_checkpoint_get_info(changed, &info));
    assert_int_equal(info.sections, 2);
    OK(bzd_checkpoint_section_at(changed, 1, name, &length));
    assert_true(strcmp(name, "pict") == 0 && length == 3);
    OK(bzd_checkpoint_get_section(changed, "pict", &bytes, &length));
    assert_true(length == 3 && memcmp(bytes, "\0\1\2", 3) == 0);
    OK(bzd_checkpoint_get_section(changed, "none", &bytes, &length));
    assert_true(length == 0 && bytes != NULL);
    OK(bzd_checkpoint_get_section(changed, "othe", &bytes, &length));
    assert_true(length == 0 && bytes == NULL);
    OK(bzd_checkpoint_set_metadata(changed, "where.from", NULL));
    OK(bzd_checkpoint_set_metadata(changed, "empty", NULL));
    OK(bzd_checkpoint_set_section(changed, "pict", NULL, 0));
    OK(bzd_checkpoint_set_section(changed, "none", NULL, 0));
    void *again = bytes_of(changed, &again_size);
    assert_int_equal(again_size, size);
    assert_memory_equal(again, file, size);
    bzd_checkpoint_destroy(opened), bzd_checkpoint_destroy(changed);
    free(file), free(changed_file), free(again);
  }
  assert_int_equal(files, 4);
}

/* What is set on the file is the flow's metadata and the other way round; a file is replaced while it is open. */
static void test_flow_metadata(void **state) {
  (void)state;
  const char *path = "changed.bzd", *value;
  bzd_flow *flow = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, 0, WIDTH, 1), *loaded;
  bzd_checkpoint *opened;
  OK(bzd_flow_set_metadata(flow, "title", "before"));
  OK(bzd_flow_save(flow, path));
  OK(bzd_checkpoint_open_file(NULL, path, NULL, &opened));
  OK(bzd_checkpoint_find_metadata(opened, "title", &value));
  assert_string_equal(value, "before");
  OK(bzd_checkpoint_set_metadata(opened, "title", "after"));
  for (int i = 0; i < 2; i++) OK(bzd_checkpoint_write_file(opened, path));
  bzd_checkpoint_destroy(opened);
  OK(bzd_flow_load(NULL, path, &loaded));
  OK(bzd_flow_get_metadata(loaded, "title", &value));
  assert_string_equal(value, "after");
  bzd_flow_destroy(loaded);
  OK(bzd_checkpoint_from_flow(flow, &opened)); /* as many keys as a flow may have */
  char key[16];
  for (int i = 1; i < 4096; i++) {
    snprintf(key, sizeof key, "k%d", i);
    OK(bzd_checkpoint_set_metadata(opened, key, ""));
  }
  FAILS(BZD_E_LIMIT, "4096", bzd_checkpoint_set_metadata(opened, "more", ""));
  OK(bzd_checkpoint_set_metadata(opened, "title", "replaced"));
  OK(bzd_checkpoint_get_flow(opened, BZD_WEIGHTS_AUTO, &loaded));
  assert_int_equal(bzd_flow_metadata_count(loaded), 4096);
  bzd_checkpoint_destroy(opened);
  bzd_flow_destroy(loaded), bzd_flow_destroy(flow);
  assert_int_equal(unlink(path), 0);
}

static float *parameters(const bzd_flow *flow, int64_t *count) {
  bzd_flow_info info = {.struct_size = sizeof info};
  OK(bzd_flow_get_info(flow, &info));
  float *w = malloc((size_t)info.parameters * sizeof *w);
  OK(bzd_flow_get_parameters(flow, *count = info.parameters, w));
  return w;
}

/* Rounded parameters, in the flow that is loaded and in members of an ensemble; rounded once, they stay. */
static void test_storage(void **state) {
  (void)state;
  int64_t count;
  for (int32_t kind = BZD_CHECKPOINT_FLOW; kind <= BZD_CHECKPOINT_ENSEMBLE; kind++) {
    size_t size, small_size, wide_size;
    char id[3][65];
    void *file = make_file(NULL, kind, &size);
    bzd_checkpoint *opened, *small, *wide;
    OK(bzd_checkpoint_open_buffer(NULL, file, size, NULL, &opened));
    OK(bzd_checkpoint_content_id(opened, id[0]));
    OK(bzd_checkpoint_set_storage(opened, BZD_STORAGE_EXACT)); /* it is */
    OK(bzd_checkpoint_content_id(opened, id[1]));
    assert_string_equal(id[0], id[1]);
    OK(bzd_checkpoint_set_storage(opened, BZD_STORAGE_BF16));
    void *small_file = bytes_of(opened, &small_size);
    assert_true(small_size < size);
    OK(bzd_checkpoint_open_buffer(NULL, small_file, small_size, NULL, &small));
    OK(bzd_checkpoint_verify(small));
    OK(bzd_checkpoint_content_id(opened, id[1]));
    OK(bzd_checkpoint_content_id(small, id[2]));
    assert_string_not_equal(id[0], id[1]);
    assert_string_equal(id[1], id[2]);
    bzd_checkpoint_info info = {.struct_size = sizeof info};
    OK(bzd_checkpoint_get_info(small, &info));
    for (int64_t i = 0; i < info.tensors; i++) {
      bzd_tensor_info tensor = {.struct_size = sizeof tensor};
      OK(bzd_checkpoint_get_tensor(small, i, &tensor));
      assert_string_equal(tensor.dtype, "f32");
      assert_string_equal(tensor.stored_dtype, tensor.role == BZD_ROLE_PARAMETER ? "bf16" : "f32");
    }
    bzd_flow *exact = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, CLASSES, WIDTH, 1), *rounded;
    if (kind == BZD_CHECKPOINT_FLOW) {
      OK(bzd_checkpoint_get_flow(small, BZD_WEIGHTS_AUTO, &rounded));
    } else {
      bzd_ensemble *ensemble;
      OK(bzd_checkpoint_get_ensemble(small, &ensemble));
      OK(bzd_ensemble_get_member(ensemble, 0, &rounded));
      bzd_ensemble_destroy(ensemble);
    }
    float *w = parameters(exact, &count), *r = parameters(rounded, &count);
    int64_t differ = 0;
    for (int64_t i = 0; i < count; i++) {
      uint32_t bits;
      memcpy(&bits, r + i, sizeof bits);
      assert_int_equal(bits & 0xFFFF, 0);
      assert_true(fabsf(r[i] - w[i]) <= fabsf(w[i]) * 0x1p-8f);
      differ += r[i] != w[i];
    }
    assert_true(differ > count / 2);
    OK(bzd_checkpoint_set_storage(small, BZD_STORAGE_EXACT));
    void *wide_file = bytes_of(small, &wide_size);
    OK(bzd_checkpoint_open_buffer(NULL, wide_file, wide_size, NULL, &wide));
    OK(bzd_checkpoint_content_id(wide, id[2]));
    assert_string_equal(id[1], id[2]);
    free(w), free(r), free(file), free(small_file), free(wide_file);
    bzd_flow_destroy(exact), bzd_flow_destroy(rounded);
    bzd_checkpoint_destroy(opened), bzd_checkpoint_destroy(small), bzd_checkpoint_destroy(wide);
  }
}

static void test_rows(void **state) {
  (void)state;
  bzd_flow *flow = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, CLASSES, WIDTH, 1);
  bzd_checkpoint *built, *opened;
  size_t size;
  OK(bzd_checkpoint_from_flow(flow, &built));
  void *file = bytes_of(built, &size);
  OK(bzd_checkpoint_open_buffer(NULL, file, size, NULL, &opened));
  bzd_checkpoint_info info = {.struct_size = sizeof info};
  OK(bzd_checkpoint_get_info(opened, &info));
  int64_t reads = 0;
  for (int64_t i = 0; i < info.tensors; i++) {
    bzd_tensor_info tensor = {.struct_size = sizeof tensor};
    OK(bzd_checkpoint_get_tensor(opened, i, &tensor));
    size_t bytes = (size_t)tensor.raw_bytes, row = bytes / (size_t)tensor.shape[0];
    char *whole = malloc(bytes), *part = malloc(bytes + 1);
    OK(bzd_checkpoint_read_tensor(opened, i, whole, bytes));
    for (int64_t first = 0; first <= tensor.shape[0]; first += 3)
      for (int64_t count = 0; count <= tensor.shape[0] - first; count += 7, reads++) {
        const bzd_checkpoint *from = reads % 2 ? opened : built;
        size_t want = (size_t)count * row;
        part[want] = 'x';
        OK(bzd_checkpoint_read_rows(from, i, first, count, part, want));
        assert_memory_equal(part, whole + (size_t)first * row, want);
        assert_true(part[want] == 'x');
      }
    free(whole), free(part);
  }
  assert_in_range(reads, 200, 2000);
  bzd_checkpoint_destroy(built), bzd_checkpoint_destroy(opened);
  bzd_flow_destroy(flow);
  free(file);
}

/* A flow of some 30 blocks, saved and loaded with any number of threads: one file, one flow. */
static void test_threads(void **state) {
  (void)state;
  void *expected = NULL;
  size_t expected_size = 0;
  float *weights = NULL;
  for (int32_t threads = 1; threads <= 8; threads = threads == 3 ? 8 : threads + 1) {
    host h;
    host_init(&h);
    bzd_context *context = host_context(&h, threads);
    bzd_flow *flow = make_flow(context, BZD_FLOW_VELOCITY, 1, 64, 0, 1000, 5), *loaded;
    bzd_checkpoint *checkpoint;
    size_t size;
    int64_t count;
    OK(bzd_checkpoint_from_flow(flow, &checkpoint));
    void *file = bytes_of(checkpoint, &size);
    bzd_checkpoint_destroy(checkpoint);
    OK(bzd_checkpoint_open_buffer(context, file, size, NULL, &checkpoint));
    OK(bzd_checkpoint_verify(checkpoint));
    OK(bzd_checkpoint_get_flow(checkpoint, BZD_WEIGHTS_AUTO, &loaded));
    float *w = parameters(loaded, &count);
    if (threads == 1) {
      expected = file, expected_size = size, weights = w;
    } else {
      assert_int_equal(size, expected_size);
      assert_memory_equal(file, expected, size);
      assert_memory_equal(w, weights, (size_t)count * sizeof *w);
      free(file), free(w);
    }
    bzd_checkpoint_destroy(checkpoint);
    bzd_flow_destroy(flow), bzd_flow_destroy(loaded);
    bzd_context_destroy(context);
    assert_true(atomic_load(&h.live) == 0 && atomic_load(&h.wrong) == 0);
  }
  free(expected), free(weights);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_changes), cmocka_unit_test(test_flow_metadata),
                                     cmocka_unit_test(test_storage), cmocka_unit_test(test_rows),
                                     cmocka_unit_test(test_threads)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
