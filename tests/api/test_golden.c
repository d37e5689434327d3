/* SPDX-License-Identifier: MIT */
/* Files of format 1.0 as they were written once, one of each kind and variant: they are read for ever, mean what they
 * meant, and come out again as they are: by copying, through the object they hold, and made anew. "write" as argument
 * makes them and expected.txt in tests/data/golden, which is for new variants: files that are there are not touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include "../support/host.h"
#include "../support/objects.h"

#include "golden.h"

enum { NAME = 64, PATH = 1024, LINE = 2048, MOST = 20000 };

typedef struct bytes {
  unsigned char *data;
  size_t size;
} bytes;

static bytes written(bzd_checkpoint *checkpoint) {
  bytes b;
  OK(bzd_checkpoint_write_buffer(checkpoint, NULL, 0, &b.size));
  b.data = malloc(b.size);
  OK(bzd_checkpoint_write_buffer(checkpoint, b.data, b.size, &b.size));
  return b;
}

static void path_of(const char *name, char path[PATH]) { snprintf(path, PATH, "%s/%s", GOLDEN_FOLDER, name); }

static bytes read_file(const char *name) {
  char path[PATH];
  bytes b = {malloc(MOST + 1), 0};
  path_of(name, path);
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s is missing", path);
  b.size = fread(b.data, 1, MOST + 1, file);
  fclose(file);
  if (b.size > MOST) fail_msg("%s has more than %d bytes", path, MOST);
  return b;
}

static void file_of(const golden *g, char name[NAME]) { snprintf(name, NAME, "%s.bzd", g->name); }

/* What a file means, in one line: content id, and for each tensor its first and its last element as bits. */
static void describe(const bzd_checkpoint *checkpoint, const char *name, char *line, size_t cap) {
  char id[65];
  bzd_checkpoint_info info = {.struct_size = sizeof info};
  OK(bzd_checkpoint_content_id(checkpoint, id));
  OK(bzd_checkpoint_get_info(checkpoint, &info));
  size_t used = (size_t)snprintf(line, cap, "%s %s %d", name, id, (int)info.kind);
  for (int64_t i = 0; i < info.tensors; i++) {
    bzd_tensor_info tensor = {.struct_size = sizeof tensor};
    OK(bzd_checkpoint_get_tensor(checkpoint, i, &tensor));
    uint32_t *values = malloc((size_t)tensor.raw_bytes);
    OK(bzd_checkpoint_read_tensor(checkpoint, i, values, (size_t)tensor.raw_bytes));
    used += (size_t)snprintf(line + used, cap - used, " %s:%d:%08x:%08x", tensor.name, (int)tensor.role, values[0],
                             values[tensor.raw_bytes / 4 - 1]);
    free(values);
    assert_true(used < cap);
  }
}

static void expect_line(const char *line) {
  bytes all = read_file("expected.txt");
  all.data[all.size] = 0;
  size_t length = strlen(line);
  for (const char *at = (const char *)all.data; (at = strstr(at, line)) != NULL; at++)
    if ((at == (const char *)all.data || at[-1] == '\n') && at[length] == '\n') {
      free(all.data);
      return;
    }
  fail_msg("expected.txt has no line\n%s", line);
}

/* The object inside, as a checkpoint again. */
static bzd_checkpoint *through_object(const bzd_checkpoint *checkpoint, int32_t kind, int *other_kernels) {
  bzd_checkpoint *again;
  bzd_flow *flow;
  bzd_ensemble *ensemble;
  bzd_source *source;
  bzd_trainer *trainer;
  bzd_trainer_info info = {.struct_size = sizeof info};
  switch (kind) {
  case BZD_CHECKPOINT_FLOW:
    OK(bzd_checkpoint_get_flow(checkpoint, BZD_WEIGHTS_AUTO, &flow));
    OK(bzd_checkpoint_from_flow(flow, &again));
    bzd_flow_destroy(flow);
    break;
  case BZD_CHECKPOINT_ENSEMBLE:
    OK(bzd_checkpoint_get_ensemble(checkpoint, &ensemble));
    OK(bzd_checkpoint_from_ensemble(ensemble, &again));
    bzd_ensemble_destroy(ensemble);
    break;
  case BZD_CHECKPOINT_TRAINER:
    source = trainers_source();
    OK(bzd_checkpoint_get_trainer(checkpoint, source, &trainer));
    OK(bzd_trainer_get_info(trainer, &info));
    assert_int_equal(info.step, 7);
    *other_kernels = info.fingerprint_differs;
    OK(bzd_checkpoint_from_trainer(trainer, &again));
    OK(bzd_trainer_run(trainer, 0, NULL, NULL)); /* and it goes on */
    bzd_trainer_destroy(trainer), bzd_source_destroy(source);
    break;
  default:
    OK(bzd_checkpoint_get_source(checkpoint, &source));
    OK(bzd_checkpoint_from_source(source, &again));
    bzd_source_destroy(source);
  }
  return again;
}

/* What objects do not carry. */
static void carry_over(const bzd_checkpoint *from, bzd_checkpoint *to) {
  bzd_checkpoint_info info = {.struct_size = sizeof info};
  bzd_tensor_info tensor = {.struct_size = sizeof tensor};
  OK(bzd_checkpoint_get_info(from, &info));
  for (int64_t i = 0; i < info.sections; i++) {
    char name[5];
    const void *data;
    size_t size;
    OK(bzd_checkpoint_section_at(from, i, name, NULL));
    OK(bzd_checkpoint_get_section(from, name, &data, &size));
    OK(bzd_checkpoint_set_section(to, name, data, size));
  }
  for (int64_t i = 0; i < info.tensors; i++) {
    OK(bzd_checkpoint_get_tensor(from, i, &tensor));
    if (strcmp(tensor.dtype, tensor.stored_dtype) == 0) continue;
    OK(bzd_checkpoint_set_storage(to, BZD_STORAGE_BF16));
    return;
  }
}

static void expect_bytes(const char *name, const char *how, bzd_checkpoint *checkpoint, const bytes *expected) {
  bytes b = written(checkpoint);
  if (b.size != expected->size || memcmp(b.data, expected->data, b.size) != 0)
    fail_msg("%s: %s it is another file (%zu bytes, %zu)", name, how, b.size, expected->size);
  free(b.data);
}

static void test_golden(void **state) {
  (void)state;
  int same = 0;
  for (int i = 0; i < GOLDENS; i++) {
    const golden *g = &goldens[i];
    char name[NAME], line[LINE], id[2][65];
    int other_kernels = 0;
    bzd_checkpoint *opened;
    bzd_checkpoint_info info = {.struct_size = sizeof info};
    file_of(g, name);
    bytes file = read_file(name);
    OK(bzd_checkpoint_open_buffer(NULL, file.data, file.size, NULL, &opened));
    OK(bzd_checkpoint_verify(opened));
    OK(bzd_checkpoint_get_info(opened, &info));
    assert_true(info.version_major == 1 && info.version_minor == 0);
    describe(opened, g->name, line, sizeof line);
    expect_line(line);
    expect_bytes(name, "copied", opened, &file);
    bzd_checkpoint *again = through_object(opened, info.kind, &other_kernels);
    carry_over(opened, again);
    OK(bzd_checkpoint_content_id(opened, id[0]));
    OK(bzd_checkpoint_content_id(again, id[1]));
    assert_string_equal(id[0], id[1]);
    if (!other_kernels) expect_bytes(name, "through its object", again, &file), same++;
    bzd_checkpoint_destroy(again);
    if (g->again) {
      bzd_checkpoint *fresh = g->make();
      expect_bytes(name, "made anew", fresh, &file);
      bzd_checkpoint_destroy(fresh);
    }
    bzd_checkpoint_destroy(opened);
    free(file.data);
  }
  print_message("%d files, %d of them the same bytes through their objects\n", GOLDENS, same);
  assert_in_range(same, GOLDENS - 3, GOLDENS);
}

static int write_new(void) {
  char path[PATH], name[NAME], line[LINE];
  path_of("expected.txt", path);
  FILE *expected = fopen(path, "ab");
  for (int i = 0; expected && i < GOLDENS; i++) {
    file_of(&goldens[i], name);
    path_of(name, path);
    FILE *file = fopen(path, "wbx");
    if (!file) continue; /* it is there */
    bzd_checkpoint *checkpoint = goldens[i].make(), *opened;
    bytes b = written(checkpoint);
    fwrite(b.data, 1, b.size, file);
    fclose(file);
    if (bzd_checkpoint_open_buffer(NULL, b.data, b.size, NULL, &opened) != BZD_OK) return 1;
    describe(opened, goldens[i].name, line, sizeof line);
    fprintf(expected, "%s\n", line);
    bzd_checkpoint_destroy(opened), bzd_checkpoint_destroy(checkpoint);
    free(b.data);
  }
  return expected == NULL || fclose(expected) != 0;
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};
  if (argc > 1 && strcmp(argv[1], "write") == 0) return write_new();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
