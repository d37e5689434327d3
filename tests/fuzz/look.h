/* SPDX-License-Identifier: MIT */
/* Everything that can be done with an opened file, at small cost, and what must then hold. */
#ifndef TESTS_FUZZ_LOOK_H
#define TESTS_FUZZ_LOOK_H

#include "models.h"

static inline void look_flow(const bzd_flow *flow) {
  bzd_flow_info info = {.struct_size = sizeof info};
  bzd_sample_config config;
  float out[FUZZ_MOST_DIM], scale[FUZZ_MOST_DIM], offset[FUZZ_MOST_DIM];
  OK(bzd_flow_get_info(flow, &info));
  CHECK(info.dim >= 1 && info.cond_dim >= 0 && info.kind >= BZD_FLOW_VELOCITY && info.kind <= BZD_FLOW_ENDPOINT);
  for (int64_t i = 0; i < bzd_flow_metadata_count(flow); i++) {
    const char *key, *value, *found;
    OK(bzd_flow_metadata_at(flow, i, &key, &value));
    OK(bzd_flow_get_metadata(flow, key, &found));
    CHECK(found == value);
  }
  if (info.dim > FUZZ_MOST_DIM) return;
  OK(bzd_flow_get_affine(flow, scale, offset));
  OK(bzd_sample_config_init(&config, sizeof config));
  config.steps = info.kind == BZD_FLOW_ENDPOINT ? 1 : 2;
  config.solver = info.kind == BZD_FLOW_VELOCITY ? BZD_SOLVER_HEUN : BZD_SOLVER_AUTO;
  config.units = BZD_UNITS_DATA;
  bzd_status status = bzd_flow_sample(flow, &config, 1, NULL, NULL, out, NULL);
  CHECK(status == BZD_OK || status == BZD_E_NUMERIC || status == BZD_E_MEMORY);
}

static inline void look_ensemble(const bzd_ensemble *ensemble) {
  bzd_ensemble_info info = {.struct_size = sizeof info};
  bzd_sample_config config;
  float out[FUZZ_MOST_DIM];
  bzd_flow *member;
  OK(bzd_ensemble_get_info(ensemble, &info));
  CHECK(info.count >= 1 && info.count <= 64);
  OK(bzd_ensemble_get_member(ensemble, info.count - 1, &member));
  look_flow(member);
  bzd_flow_destroy(member);
  if (info.dim > FUZZ_MOST_DIM) return;
  OK(bzd_sample_config_init(&config, sizeof config));
  config.solver = BZD_SOLVER_EULER;
  config.steps = 1;
  SANE(bzd_ensemble_sample(ensemble, &config, 1, NULL, NULL, out, NULL));
}

static inline void look_source(const bzd_source *source) {
  enum { MOST = 4096 };
  static float paths[MOST], cond[MOST];
  float span[2];
  bzd_source_info info = {.struct_size = sizeof info};
  OK(bzd_source_get_info(source, &info));
  CHECK(info.degree >= 1 && info.dim >= 1 && info.count >= 0);
  if (info.dim > MOST / (info.degree + 1) || info.cond_dim > MOST) return;
  for (int64_t first = 0; first < 6 && (info.count == 0 || first < 2 * info.count); first++)
    SANE(bzd_source_get_paths(source, first, 1, paths, cond, span));
}

static inline void look_trainer(bzd_trainer *trainer) {
  bzd_trainer_info info = {.struct_size = sizeof info};
  bzd_flow *flow = NULL;
  OK(bzd_trainer_get_info(trainer, &info));
  CHECK(info.step >= 0 && info.step <= info.steps);
  if (info.batch * info.parameters < 5000) SANE(bzd_trainer_run(trainer, 1, NULL, NULL));
  bzd_status status = bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &flow);
  CHECK(status == BZD_OK || status == BZD_E_MEMORY);
  bzd_flow_destroy(flow);
}

/* Facts, names and values, no block; returns the bytes of all tensors. */
static inline bzd_checkpoint_info look_index(const bzd_checkpoint *checkpoint) {
  bzd_checkpoint_info info = {.struct_size = sizeof info};
  uint64_t raw = 0;
  OK(bzd_checkpoint_get_info(checkpoint, &info));
  CHECK(info.raw_bytes <= fuzz_limits()->max_raw && info.tensors <= fuzz_limits()->max_tensors);
  for (int64_t i = 0; i < info.tensors; i++) {
    bzd_tensor_info tensor = {.struct_size = sizeof tensor};
    OK(bzd_checkpoint_get_tensor(checkpoint, i, &tensor));
    CHECK(strlen(tensor.name) > 0 && strlen(tensor.dtype) > 1 && tensor.ndim >= 0 && tensor.ndim <= 8);
    raw += tensor.raw_bytes;
  }
  CHECK(raw == info.raw_bytes);
  for (int64_t i = 0; i < info.metadata; i++) {
    const char *key;
    char value[64];
    OK(bzd_checkpoint_get_metadata(checkpoint, i, &key, value, i % 8 == 7 ? 3 : sizeof value));
    CHECK(strlen(key) > 0 && strlen(value) < sizeof value);
  }
  bzd_tensor_info none = {.struct_size = sizeof none};
  CHECK(bzd_checkpoint_get_tensor(checkpoint, info.tensors, &none) == BZD_E_ARGUMENT);
  CHECK(bzd_checkpoint_get_metadata(checkpoint, info.metadata, NULL, NULL, 0) == BZD_E_ARGUMENT);
  return info;
}

/* What an intact file holds, it holds again after it was written: the content id, and then every byte. */
static inline void look_rewritten(bzd_checkpoint *checkpoint, const char *id) {
  enum { ROOM = 1 << 20 };
  static unsigned char first[ROOM], second[ROOM];
  size_t size, again;
  char other[65];
  bzd_checkpoint *copy;
  bzd_status status = bzd_checkpoint_write_buffer(checkpoint, first, ROOM, &size);
  if (status == BZD_E_MEMORY) return;
  CHECK(status == BZD_OK);
  status = bzd_checkpoint_open_buffer(fuzz_context(), first, size, NULL, &copy);
  if (status == BZD_E_MEMORY) return;
  CHECK(status == BZD_OK);
  status = bzd_checkpoint_content_id(copy, other);
  CHECK(status == BZD_E_MEMORY || (status == BZD_OK && strcmp(id, other) == 0));
  status = bzd_checkpoint_write_buffer(copy, second, ROOM, &again);
  CHECK(status == BZD_E_MEMORY || (status == BZD_OK && size == again && memcmp(first, second, size) == 0));
  bzd_checkpoint_destroy(copy);
}

/* source: what trainers are resumed on. */
static inline void look_checkpoint(bzd_checkpoint *checkpoint, const bzd_source *source) {
  static unsigned char data[600000];
  bzd_checkpoint_info info = look_index(checkpoint);
  bzd_flow *flow = NULL;
  bzd_ensemble *ensemble = NULL;
  bzd_source *paths = NULL;
  bzd_trainer *trainer = NULL;
  char id[65];
  bzd_status whole = bzd_checkpoint_verify(checkpoint);
  SANE(whole);
  if (whole == BZD_OK) {
    for (int64_t i = 0; i < info.tensors; i++) OK(bzd_checkpoint_read_tensor(checkpoint, i, data, sizeof data));
    bzd_status status = bzd_checkpoint_content_id(checkpoint, id);
    CHECK(status == BZD_OK || status == BZD_E_MEMORY);
    if (status == BZD_OK) look_rewritten(checkpoint, id);
  } else if (info.tensors > 0) {
    SANE(bzd_checkpoint_read_tensor(checkpoint, 0, data, sizeof data));
  }
  for (int32_t which = BZD_WEIGHTS_AUTO; which <= BZD_WEIGHTS_EMA; which++) {
    bzd_status status = bzd_checkpoint_get_flow(checkpoint, which, &flow);
    SANE(status);
    CHECK((flow != NULL) == (status == BZD_OK));
    if (flow) look_flow(flow);
    bzd_flow_destroy(flow);
  }
  SANE(bzd_checkpoint_get_ensemble(checkpoint, &ensemble));
  if (ensemble) look_ensemble(ensemble);
  SANE(bzd_checkpoint_get_source(checkpoint, &paths));
  if (paths) look_source(paths);
  bzd_source_destroy(paths);
  SANE(bzd_checkpoint_stream_source(checkpoint, &paths));
  if (paths) look_source(paths);
  SANE(bzd_checkpoint_get_trainer(checkpoint, source, &trainer));
  if (trainer) look_trainer(trainer);
  bzd_ensemble_destroy(ensemble);
  bzd_source_destroy(paths);
  bzd_trainer_destroy(trainer);
}

/* A checkpoint from memory, to its last byte. */
static inline void look_file(const uint8_t *data, size_t size) {
  static bzd_source *source;
  if (!source) source = fuzz_source(NULL);
  bzd_checkpoint *checkpoint;
  fuzz_refuse(0, 0);
  size_t live = (fuzz_context(), fuzz_host.live);
  bzd_status status = bzd_checkpoint_open_buffer(fuzz_context(), data, size, fuzz_limits(), &checkpoint);
  SANE(status);
  CHECK((checkpoint != NULL) == (status == BZD_OK));
  if (checkpoint) look_checkpoint(checkpoint, source);
  bzd_checkpoint_destroy(checkpoint);
  CHECK(fuzz_host.live == live);
}

/* Names, texts and numbers of a tensor file; what was read is written in every format that can hold it, and read
 * again. */
static inline bzd_status look_tensors(const bzd_tensors *tensors, unsigned char *data, size_t room) {
  bzd_tensors_info info = {.struct_size = sizeof info};
  bzd_status whole = BZD_OK;
  OK(bzd_tensors_get_info(tensors, &info));
  for (int64_t i = 0; i < info.count; i++) {
    bzd_tensor_info tensor = {.struct_size = sizeof tensor};
    int64_t found;
    OK(bzd_tensors_get(tensors, i, &tensor));
    OK(bzd_tensors_find(tensors, tensor.name, &found));
    CHECK(found == i && tensor.ndim >= 0 && tensor.ndim <= 8 && tensor.raw_bytes <= room);
    bzd_status status = bzd_tensors_read(tensors, i, data, room);
    SANE(status);
    if (status != BZD_OK) whole = status;
    int64_t count = 1; /* of an empty tensor the other dimensions may be anything */
    for (int32_t k = 0; k < tensor.ndim; k++) count = tensor.shape[k] == 0 ? 0 : count;
    for (int32_t k = 0; k < tensor.ndim && count > 0; k++) count *= tensor.shape[k];
    if (count <= (int64_t)(room / sizeof(float)))
      CHECK(bzd_tensors_read_f32(tensors, i, (float *)(void *)data, (size_t)count) == status);
  }
  for (int64_t i = 0; i < info.texts; i++) {
    const char *key, *value, *found;
    OK(bzd_tensors_text_at(tensors, i, &key, &value));
    OK(bzd_tensors_get_text(tensors, key, &found));
    CHECK(found == value);
  }
  return whole;
}

static inline void look_tensor_file(const uint8_t *bytes, size_t size, int32_t format) {
  enum { ROOM = 1 << 20 };
  static unsigned char data[600000] __attribute__((aligned(64))), first[ROOM], second[ROOM];
  bzd_context *context = fuzz_context();
  bzd_tensors *tensors, *again;
  bzd_flow *flow;
  bzd_status status = bzd_tensors_open_buffer(context, bytes, size, format, fuzz_limits(), &tensors);
  SANE(status);
  CHECK((tensors != NULL) == (status == BZD_OK));
  if (!tensors) return;
  if (look_tensors(tensors, data, sizeof data) == BZD_OK)
    for (int32_t to = BZD_FORMAT_SAFETENSORS; to <= BZD_FORMAT_NPZ_DEFLATED; to++) {
      size_t written, twice;
      status = bzd_tensors_write_buffer(tensors, first, ROOM, &written, to);
      SANE(status);
      if (status != BZD_OK) continue;
      OK(bzd_tensors_open_buffer(context, first, written, BZD_FORMAT_AUTO, NULL, &again));
      OK(look_tensors(again, data, sizeof data));
      OK(bzd_tensors_write_buffer(again, second, ROOM, &twice, to));
      CHECK(written == twice && memcmp(first, second, written) == 0);
      bzd_tensors_destroy(again);
    }
  SANE(bzd_tensors_get_flow(tensors, NULL, &flow));
  if (flow) look_flow(flow);
  bzd_flow_destroy(flow);
  bzd_tensors_destroy(tensors);
}

#endif
