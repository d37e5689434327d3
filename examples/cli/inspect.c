/* SPDX-License-Identifier: MIT */
/* bezdist inspect: what a file holds: ours, or one of other programs' tensors. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

struct inspect {
  struct common common;
  const char *file;
  bool verify;
};

enum { KEY_VERIFY = 1 };

static const struct argp_option options[] = {
    {"verify", KEY_VERIFY, NULL, 0, "Decode and check every byte", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state) {
  struct inspect *inspect = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &inspect->common; return 0;
  case KEY_VERIFY: inspect->verify = true; return 0;
  case ARGP_KEY_ARG:
    if (inspect->file) return ARGP_ERR_UNKNOWN;
    inspect->file = text;
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static json_t *tensor_json(const bzd_tensor_info *tensor, const char *role) {
  json_t *shape = json_array();
  for (int i = 0; i < tensor->ndim; i++) json_array_append_new(shape, json_integer(tensor->shape[i]));
  json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:I}", "name", tensor->name, "role", role, "dtype",
                           tensor->dtype, "stored_dtype", tensor->stored_dtype, "shape", shape, "raw_bytes",
                           (json_int_t)tensor->raw_bytes, "stored_bytes", (json_int_t)tensor->stored_bytes);
  if (role[0] == 0) json_object_del(json, "role");
  if (!strcmp(tensor->stored_dtype, tensor->dtype)) json_object_del(json, "stored_dtype");
  return json;
}

/* Both kinds of files as one object: kind, version, tensors, raw_bytes, file_bytes, metadata, and what a .bzd file has
 * beside them. */
static json_t *checkpoint_json(const struct inspect *inspect, bzd_checkpoint *checkpoint) {
  static const char *const kinds[] = {"?", "flow", "ensemble", "trainer", "paths"};
  static const char *const roles[] = {"?", "parameter", "ema", "moment1", "moment2", "buffer", "paths"};
  if (inspect->verify) must(bzd_checkpoint_verify(checkpoint), inspect->file);
  bzd_checkpoint_info info = {.struct_size = sizeof info};
  must(bzd_checkpoint_get_info(checkpoint, &info), NULL);
  char id[65], version[32];
  must(bzd_checkpoint_content_id(checkpoint, id), inspect->file);
  snprintf(version, sizeof version, "%u.%u", info.version_major, info.version_minor);
  json_t *metadata = json_object(), *tensors = json_array();
  for (int64_t i = 0; i < info.metadata; i++) {
    const char *key;
    char value[512];
    must(bzd_checkpoint_get_metadata(checkpoint, i, &key, value, sizeof value), inspect->file);
    json_object_set_new(metadata, key, json_string_nocheck(value));
  }
  for (int64_t i = 0; i < info.tensors; i++) {
    bzd_tensor_info tensor = {.struct_size = sizeof tensor};
    must(bzd_checkpoint_get_tensor(checkpoint, i, &tensor), inspect->file);
    json_array_append_new(tensors, tensor_json(&tensor, roles[tensor.role >= 1 && tensor.role <= 6 ? tensor.role : 0]));
  }
  json_t *sections = json_object();
  for (int64_t i = 0; i < info.sections; i++) {
    char name[5];
    size_t size;
    must(bzd_checkpoint_section_at(checkpoint, i, name, &size), inspect->file);
    json_object_set_new(sections, name, json_integer((json_int_t)size));
  }
  return json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:o, s:o}", "file", inspect->file, "content_id", id, "version",
                   version, "kind", kinds[info.kind >= 1 && info.kind <= 4 ? info.kind : 0], "tensors", tensors,
                   "raw_bytes", (json_int_t)info.raw_bytes, "file_bytes", (json_int_t)info.file_bytes, "metadata",
                   metadata, "sections", sections);
}

static json_t *tensors_json(const struct inspect *inspect, const bzd_tensors *file) {
  static const char *const formats[] = {"?", "safetensors", "npy", "npz", "idx"};
  bzd_tensors_info info = {.struct_size = sizeof info};
  must(bzd_tensors_get_info(file, &info), NULL);
  json_t *metadata = json_object(), *tensors = json_array();
  for (int64_t i = 0; i < info.texts; i++) {
    const char *key, *value;
    must(bzd_tensors_text_at(file, i, &key, &value), NULL);
    json_object_set_new(metadata, key, json_string(value));
  }
  for (int64_t i = 0; i < info.count; i++) {
    bzd_tensor_info tensor = {.struct_size = sizeof tensor};
    must(bzd_tensors_get(file, i, &tensor), NULL);
    json_array_append_new(tensors, tensor_json(&tensor, ""));
    if (!inspect->verify) continue;
    void *bytes = must_alloc(tensor.raw_bytes + 1, 1);
    must(bzd_tensors_read(file, i, bytes, tensor.raw_bytes), inspect->file);
    free(bytes);
  }
  return json_pack("{s:s, s:s, s:s, s:o, s:I, s:I, s:o}", "file", inspect->file, "version",
                   formats[info.format >= 1 && info.format <= 4 ? info.format : 0], "kind", "tensors", "tensors",
                   tensors, "raw_bytes", (json_int_t)info.raw_bytes, "file_bytes", (json_int_t)info.file_bytes,
                   "metadata", metadata);
}

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

static long long number_of(const json_t *object, const char *key) {
  return (long long)json_integer_value(json_object_get(object, key));
}

/* Names and texts of other programs' files may hold anything: no control byte of theirs reaches a terminal. */
static void print_text(const char *text, int width) {
  int length = 0;
  for (; *text; text++, length++) putchar((unsigned char)*text < 0x20 || *text == 0x7F ? '?' : *text);
  printf("%*s", length < width ? width - length + 1 : 1, "");
}

static void show(const struct inspect *inspect, const json_t *line) {
  double raw = (double)number_of(line, "raw_bytes"), whole = (double)number_of(line, "file_bytes");
  json_t *value;
  const char *key;
  size_t i;
  printf("%s: %s, format %s, %zu tensors, %.0f bytes raw in a file of %.0f (%.1f %%)%s\n", inspect->file,
         text_of(line, "kind"), text_of(line, "version"), json_array_size(json_object_get(line, "tensors")), raw, whole,
         raw > 0 ? 100.0 * whole / raw : 0.0, inspect->verify ? ", every byte checked" : "");
  if (json_object_get(line, "content_id")) printf("content id %s\n", text_of(line, "content_id"));
  putchar('\n');
  json_object_foreach(json_object_get(line, "metadata"), key, value) {
    printf("  ");
    print_text(key, 28);
    print_text(json_string_value(value), 0);
    putchar('\n');
  }
  json_object_foreach(json_object_get(line, "sections"), key, value)
      printf("  section %-20s %12lld bytes\n", key, (long long)json_integer_value(value));
  putchar('\n');
  json_array_foreach(json_object_get(line, "tensors"), i, value) {
    char *shape = json_dumps(json_object_get(value, "shape"), JSON_COMPACT);
    printf("  ");
    print_text(text_of(value, "name"), 36);
    printf("%-10s %-5s %-16s %12lld -> %lld%s%s\n", text_of(value, "role"), text_of(value, "dtype"), shape ? shape : "",
           number_of(value, "raw_bytes"), number_of(value, "stored_bytes"),
           json_object_get(value, "stored_dtype") ? " as " : "", text_of(value, "stored_dtype"));
    free(shape);
  }
}

int cmd_inspect(int argc, char **argv) {
  static const struct argp_child children[] = {{&common_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {.options = options,
                                   .parser = parse,
                                   .children = children,
                                   .args_doc = "FILE",
                                   .doc = "Shows header, metadata, tensors, sizes and content id of a .bzd file, or "
                                          "what a safetensors, NPY, NPZ or IDX file holds.\v"
                                          "Example: bezdist inspect model.bzd --verify"};
  struct inspect inspect = {0};
  argp_parse(&argp, argc, argv, 0, NULL, &inspect);
  if (!inspect.file) die_usage("inspect needs a file");
  common_start(&inspect.common);
  bzd_checkpoint *checkpoint = NULL;
  bzd_tensors *tensors = NULL;
  bzd_status status = bzd_checkpoint_open_file(inspect.common.context, inspect.file, NULL, &checkpoint);
  if (status == BZD_E_FORMAT) {
    status = bzd_tensors_open_file(inspect.common.context, inspect.file, BZD_FORMAT_AUTO, NULL, &tensors);
    if (status == BZD_E_FORMAT) die("%s: not a .bzd file, nor safetensors, NPY, NPZ or IDX", inspect.file);
  }
  must(status, NULL);
  json_t *line = checkpoint ? checkpoint_json(&inspect, checkpoint) : tensors_json(&inspect, tensors);
  if (inspect.common.json) {
    if (inspect.verify) json_object_set_new(line, "verified", json_true());
    json_dumpf(line, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n');
  } else {
    show(&inspect, line);
  }
  json_decref(line);
  bzd_tensors_destroy(tensors);
  bzd_checkpoint_destroy(checkpoint);
  common_finish(&inspect.common);
  return EXIT_DONE;
}
