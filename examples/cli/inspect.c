/* SPDX-License-Identifier: MIT */
/* bezdist inspect: what a .bzd file holds. */
#include "cli.h"

#include <stdlib.h>

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

static json_t *shape_json(const bzd_tensor_info *tensor) {
  json_t *shape = json_array();
  for (int i = 0; i < tensor->ndim; i++) json_array_append_new(shape, json_integer(tensor->shape[i]));
  return shape;
}

int cmd_inspect(int argc, char **argv) {
  static const char *const kinds[] = {"?", "flow", "ensemble", "trainer", "paths"};
  static const char *const roles[] = {"?", "parameter", "ema", "moment1", "moment2", "buffer", "paths"};
  static const struct argp_child children[] = {{&common_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {.options = options,
                                   .parser = parse,
                                   .children = children,
                                   .args_doc = "FILE.bzd",
                                   .doc = "Shows header, metadata, tensors, sizes and content id of a file.\v"
                                          "Example: bezdist inspect model.bzd --verify"};
  struct inspect inspect = {0};
  argp_parse(&argp, argc, argv, 0, NULL, &inspect);
  if (!inspect.file) die_usage("inspect needs a file");
  common_start(&inspect.common);
  bzd_checkpoint *checkpoint;
  must(bzd_checkpoint_open_file(inspect.common.context, inspect.file, NULL, &checkpoint), NULL);
  if (inspect.verify) must(bzd_checkpoint_verify(checkpoint), inspect.file);
  bzd_checkpoint_info info = {.struct_size = sizeof info};
  must(bzd_checkpoint_get_info(checkpoint, &info), NULL);
  char id[65], version[32];
  must(bzd_checkpoint_content_id(checkpoint, id), inspect.file);
  snprintf(version, sizeof version, "%u.%u", info.version_major, info.version_minor);
  const char *kind = kinds[info.kind >= 1 && info.kind <= 4 ? info.kind : 0];
  json_t *metadata = json_object(), *tensors = json_array();
  for (int64_t i = 0; i < info.metadata; i++) {
    const char *key;
    char value[512];
    must(bzd_checkpoint_get_metadata(checkpoint, i, &key, value, sizeof value), inspect.file);
    json_object_set_new(metadata, key, json_string_nocheck(value));
  }
  for (int64_t i = 0; i < info.tensors; i++) {
    bzd_tensor_info tensor = {.struct_size = sizeof tensor};
    must(bzd_checkpoint_get_tensor(checkpoint, i, &tensor), inspect.file);
    json_array_append_new(tensors,
                          json_pack("{s:s, s:s, s:s, s:o, s:I, s:I}", "name", tensor.name, "role",
                                    roles[tensor.role >= 1 && tensor.role <= 6 ? tensor.role : 0], "dtype",
                                    tensor.dtype, "shape", shape_json(&tensor), "raw_bytes",
                                    (json_int_t)tensor.raw_bytes, "stored_bytes", (json_int_t)tensor.stored_bytes));
  }
  if (inspect.common.json) {
    json_t *line =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:o}", "file", inspect.file, "content_id", id, "version",
                  version, "kind", kind, "tensors", tensors, "raw_bytes", (json_int_t)info.raw_bytes, "file_bytes",
                  (json_int_t)info.file_bytes, "metadata", metadata);
    if (inspect.verify) json_object_set_new(line, "verified", json_true());
    json_dumpf(line, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(line);
  } else {
    printf("%s: %s, format %s, %lld tensors, %llu bytes raw in a file of %llu (%.1f %%)%s\ncontent id %s\n\n",
           inspect.file, kind, version, (long long)info.tensors, (unsigned long long)info.raw_bytes,
           (unsigned long long)info.file_bytes,
           info.raw_bytes ? 100.0 * (double)info.file_bytes / (double)info.raw_bytes : 0.0,
           inspect.verify ? ", every byte checked" : "", id);
    const char *key;
    json_t *value;
    json_object_foreach(metadata, key, value) printf("  %-28s %s\n", key, json_string_value(value));
    putchar('\n');
    size_t i;
    json_t *tensor;
    json_array_foreach(tensors, i, tensor) {
      char *shape = json_dumps(json_object_get(tensor, "shape"), JSON_COMPACT);
      printf("  %-36s %-10s %-5s %-16s %12lld -> %lld\n", json_string_value(json_object_get(tensor, "name")),
             json_string_value(json_object_get(tensor, "role")), json_string_value(json_object_get(tensor, "dtype")),
             shape ? shape : "", (long long)json_integer_value(json_object_get(tensor, "raw_bytes")),
             (long long)json_integer_value(json_object_get(tensor, "stored_bytes")));
      free(shape);
    }
    json_decref(metadata);
    json_decref(tensors);
  }
  bzd_checkpoint_destroy(checkpoint);
  common_finish(&inspect.common);
  return EXIT_DONE;
}
