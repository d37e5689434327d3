/* SPDX-License-Identifier: MIT */
/* Writes the first corpora: seeds FOLDER makes FOLDER/TARGET/NAME for each target. Same library, same bytes. */
#define _DEFAULT_SOURCE
#include "models.h"

#include <sys/stat.h>
#include <zlib.h>

static const char *folder;

static void put(const char *target, const char *name, const void *data, size_t size) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", folder, target);
  mkdir(path, 0777);
  snprintf(path, sizeof path, "%s/%s/%s", folder, target, name);
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
    perror(path);
    exit(1);
  }
}

static unsigned char bytes[1 << 16];

static void checkpoint(const char *name, bzd_status made, bzd_checkpoint *built) {
  static const char *const targets[] = {"load", "load_repaired", "index"};
  size_t size;
  OK(made);
  OK(bzd_checkpoint_write_buffer(built, bytes, sizeof bytes, &size));
  for (int i = 0; i < 3; i++) put(targets[i], name, bytes, size);
  bzd_checkpoint_destroy(built);
}

static void checkpoints(void) {
  static const struct {
    const char *name;
    int32_t combine, rule;
  } rules[] = {{"ensemble_fixed", BZD_COMBINE_VELOCITY, BZD_RULE_FIXED},
               {"ensemble_mixture", BZD_COMBINE_MIXTURE, BZD_RULE_UNIFORM},
               {"ensemble_variance", BZD_COMBINE_VELOCITY, BZD_RULE_VARIANCE},
               {"ensemble_consensus", BZD_COMBINE_VELOCITY, BZD_RULE_CONSENSUS}};
  static const char *const kinds[] = {"flow_velocity", "flow_control", "flow_endpoint"};
  bzd_checkpoint *built = NULL;
  bzd_source *source = fuzz_source(NULL), *other, *pool;
  for (int32_t k = 0; k < 3; k++) {
    bzd_flow *flow = fuzz_flow(NULL, k + 1, 2, k);
    OK(bzd_flow_set_metadata(flow, "note", "a text"));
    bzd_status status = bzd_checkpoint_from_flow(flow, &built);
    checkpoint(kinds[k], status, built);
    bzd_flow_destroy(flow);
  }
  for (int k = 0; k < 4; k++) {
    bzd_ensemble *ensemble = fuzz_ensemble(NULL, rules[k].combine, rules[k].rule);
    bzd_status status = bzd_checkpoint_from_ensemble(ensemble, &built);
    checkpoint(rules[k].name, status, built);
    bzd_ensemble_destroy(ensemble);
  }
  for (int32_t aware = 0; aware < 2; aware++) {
    bzd_trainer *trainer = fuzz_trainer(NULL, source, aware ? BZD_FLOW_ENDPOINT : BZD_FLOW_VELOCITY, aware);
    bzd_status status = bzd_checkpoint_from_trainer(trainer, &built);
    checkpoint(aware ? "trainer_loss_aware" : "trainer", status, built);
    bzd_trainer_destroy(trainer);
  }
  OK(bzd_source_create_pool(source, 0, 5, 3, NULL, NULL, &pool));
  bzd_status status = bzd_checkpoint_from_source(pool, &built);
  checkpoint("pool", status, built);
  status = bzd_checkpoint_from_paths(source, 2, 7, 3, 1, NULL, NULL, &built);
  checkpoint("pool_windows", status, built);
  OK(bzd_source_create_callback(NULL, 3, 2, 2, fuzz_paths, NULL, &other));
  status = bzd_checkpoint_from_paths(other, 0, 5, 2, 1, NULL, NULL, &built);
  checkpoint("pool_spans", status, built);
  bzd_source_destroy(other);
  bzd_source_destroy(pool);
  bzd_source_destroy(source);
}

static void tensor_files(void) {
  static const struct {
    const char *target, *name;
    int32_t format;
  } formats[] = {{"safetensors", "three", BZD_FORMAT_SAFETENSORS},
                 {"npz", "three", BZD_FORMAT_NPZ},
                 {"npz", "three_deflated", BZD_FORMAT_NPZ_DEFLATED}};
  static const int64_t shape[2] = {2, 3};
  static const char *const dtypes[] = {"f32", "i64", "u8"};
  static const unsigned char numbers[48] = {0, 0, 128, 63, 0, 0, 0, 64, 1, 2, 3};
  bzd_tensors *tensors, *one;
  size_t size;
  OK(bzd_tensors_create(NULL, &tensors));
  for (int i = 0; i < 3; i++) {
    OK(bzd_tensors_add(tensors, dtypes[i], dtypes[i], 2, shape, numbers));
    OK(bzd_tensors_create(NULL, &one));
    OK(bzd_tensors_add(one, "x", dtypes[i], 2, shape, numbers));
    OK(bzd_tensors_write_buffer(one, bytes, sizeof bytes, &size, BZD_FORMAT_NPY));
    put("npy", dtypes[i], bytes, size);
    bzd_tensors_destroy(one);
  }
  for (int i = 0; i < 3; i++) {
    OK(bzd_tensors_write_buffer(tensors, bytes, sizeof bytes, &size, formats[i].format));
    put(formats[i].target, formats[i].name, bytes, size);
  }
  bzd_tensors_destroy(tensors);
  bzd_flow *flow = fuzz_flow(NULL, BZD_FLOW_CONTROL, 2, 1);
  OK(bzd_flow_set_metadata(flow, "note", "a \"text\"\n"));
  OK(bzd_tensors_from_flow(flow, &tensors));
  OK(bzd_tensors_write_buffer(tensors, bytes, sizeof bytes, &size, BZD_FORMAT_SAFETENSORS));
  put("safetensors", "flow", bytes, size);
  bzd_tensors_destroy(tensors);
  bzd_flow_destroy(flow);
}

static void idx(void) {
  static const unsigned char codes[] = {0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E}, width[] = {1, 1, 2, 4, 4, 8};
  for (int i = 0; i < 6; i++) {
    unsigned char file[12 + 6 * 8] = {0, 0, codes[i], 2, 0, 0, 0, 2, 0, 0, 0, 3}, name[] = "dtype_0";
    for (int k = 0; k < 6 * width[i]; k++) file[12 + k] = (unsigned char)(k * 7);
    name[6] = (unsigned char)('0' + i);
    put("idx", (char *)name, file, 12u + 6u * width[i]);
    if (i > 0) continue;
    z_stream z = {.next_in = file, .avail_in = 18, .next_out = bytes, .avail_out = sizeof bytes};
    CHECK(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK && deflate(&z, Z_FINISH) == Z_STREAM_END);
    put("idx", "gzipped", bytes, z.total_out);
    deflateEnd(&z);
  }
}

/* Programs and schedules: each kind with nothing behind it, with ramps, and with pseudorandom bytes. */
static void schedules(void) {
  static const struct {
    const char *target;
    int kinds;
  } targets[] = {{"block", 8}, {"round_trip", 3}, {"io", 8}, {"memory", 7}, {"calls", 24}, {"configs", 8}};
  uint32_t state = 1;
  for (int t = 0; t < 6; t++)
    for (int kind = 0; kind < targets[t].kinds; kind++)
      for (int form = 0; form < 3; form++) {
        char name[32];
        size_t size = form == 0 ? 16 : 200;
        memset(bytes, 0, size);
        for (size_t i = 1; form > 0 && i < size; i++) {
          state = state * 1664525u + 1013904223u;
          bytes[i] = form == 1 ? (unsigned char)(i / 4) : (unsigned char)(state >> 24);
        }
        bytes[0] = (unsigned char)(strcmp(targets[t].target, "io") == 0 ? kind * 37 : kind);
        snprintf(name, sizeof name, "kind_%d_%d", kind, form);
        put(targets[t].target, name, bytes, size);
      }
  /* A program that trains, saves, loads and distils. */
  static const unsigned char program[] = {1, 0, 0,  2, 0, 0, 1,  0,   0,   0, 1,  1,  1, 0,  8,  3,  3, 0,
                                          0, 1, 1,  0, 0, 0, 9,  255, 0,   3, 17, 2,  0, 0,  18, 0,  0, 19,
                                          0, 1, 20, 2, 1, 0, 1,  9,   255, 1, 1,  11, 0, 1,  1,  13, 0, 0,
                                          3, 0, 0,  1, 1, 0, 17, 0,   1,   2, 18, 1,  2, 19, 1,  2};
  put("calls", "train_save_load", program, sizeof program);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  folder = argv[1];
  mkdir(folder, 0777);
  checkpoints();
  tensor_files();
  idx();
  schedules();
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return (void)data, (int)size; } /* named by fuzz.h */
