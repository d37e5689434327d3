/* SPDX-License-Identifier: MIT */
/* Refused allocations: from call `first` on `count` of them fail, in a scenario or while the rest of the input is
 * loaded. The status is BZD_E_MEMORY or that of the undisturbed run, nothing is kept, and once memory is there again
 * the same call gives the same bytes. */
#include "../look.h"

enum { ROOM = 1 << 15 };

typedef struct outcome {
  bzd_status status;
  uint64_t hash;
} outcome;

static void mix(outcome *o, const void *data, size_t size) {
  for (size_t i = 0; i < size; i++) o->hash = (o->hash ^ ((const unsigned char *)data)[i]) * UINT64_C(0x100000001b3);
}

/* The next call, unless one has failed. */
#define STEP(call)                                                                                                     \
  do {                                                                                                                 \
    if (o.status == BZD_OK) o.status = (call);                                                                         \
  } while (0)

static void write_out(outcome *to, bzd_checkpoint *checkpoint) {
  static unsigned char bytes[ROOM];
  outcome o = *to;
  size_t size = 0;
  STEP(bzd_checkpoint_write_buffer(checkpoint, bytes, sizeof bytes, &size));
  if (o.status == BZD_OK) mix(&o, bytes, size);
  *to = o;
}

static int32_t read_bytes(void *user, uint64_t offset, void *to, size_t size) {
  const input *in = user;
  CHECK(offset <= in->left && size <= in->left - offset);
  memcpy(to, in->at + offset, size);
  return 0;
}

/* Every object of a checkpoint in the input, borrowed or read through a callback. */
static outcome load(const bzd_context *context, const uint8_t *data, size_t size, int callback) {
  input whole = {data, size};
  static bzd_source *source;
  outcome o = {BZD_OK, 0};
  bzd_checkpoint *checkpoint = NULL;
  bzd_flow *flow = NULL;
  bzd_ensemble *ensemble = NULL;
  bzd_source *paths = NULL, *stream = NULL;
  bzd_trainer *trainer = NULL;
  bzd_checkpoint_info info = {.struct_size = sizeof info};
  char id[65] = "";
  if (!source) source = fuzz_source(NULL);
  STEP(callback ? bzd_checkpoint_open_callback(context, read_bytes, &whole, size, fuzz_limits(), &checkpoint)
                : bzd_checkpoint_open_buffer(context, data, size, fuzz_limits(), &checkpoint));
  STEP(bzd_checkpoint_get_info(checkpoint, &info));
  STEP(bzd_checkpoint_verify(checkpoint));
  STEP(bzd_checkpoint_content_id(checkpoint, id));
  write_out(&o, checkpoint);
  if (info.kind == BZD_CHECKPOINT_FLOW) STEP(bzd_checkpoint_get_flow(checkpoint, BZD_WEIGHTS_AUTO, &flow));
  if (info.kind == BZD_CHECKPOINT_ENSEMBLE) STEP(bzd_checkpoint_get_ensemble(checkpoint, &ensemble));
  if (info.kind == BZD_CHECKPOINT_TRAINER) STEP(bzd_checkpoint_get_trainer(checkpoint, source, &trainer));
  if (info.kind == BZD_CHECKPOINT_PATHS) {
    STEP(bzd_checkpoint_get_source(checkpoint, &paths));
    STEP(bzd_checkpoint_stream_source(checkpoint, &stream));
  }
  mix(&o, id, sizeof id);
  bzd_flow_destroy(flow);
  bzd_ensemble_destroy(ensemble);
  bzd_source_destroy(paths);
  bzd_source_destroy(stream);
  bzd_trainer_destroy(trainer);
  bzd_checkpoint_destroy(checkpoint);
  return o;
}

/* Every tensor of a file in the input, and the file in every format. */
static outcome read_tensors(const bzd_context *context, const uint8_t *data, size_t size, int callback) {
  input whole = {data, size};
  static unsigned char bytes[600000] __attribute__((aligned(64)));
  outcome o = {BZD_OK, 0};
  bzd_tensors *tensors = NULL;
  bzd_tensors_info info = {.struct_size = sizeof info};
  bzd_flow *flow = NULL;
  STEP(callback ? bzd_tensors_open_callback(context, read_bytes, &whole, size, 0, fuzz_limits(), &tensors)
                : bzd_tensors_open_buffer(context, data, size, BZD_FORMAT_AUTO, fuzz_limits(), &tensors));
  STEP(bzd_tensors_get_info(tensors, &info));
  for (int64_t i = 0; o.status == BZD_OK && i < info.count; i++) {
    bzd_tensor_info tensor = {.struct_size = sizeof tensor};
    STEP(bzd_tensors_get(tensors, i, &tensor));
    STEP(bzd_tensors_read(tensors, i, bytes, sizeof bytes));
    if (o.status == BZD_OK) mix(&o, bytes, tensor.raw_bytes < 4096 ? tensor.raw_bytes : 4096);
    uint64_t count = tensor.raw_bytes / (strstr(tensor.dtype, "64") ? 8 : 1);
    if (count * sizeof(float) <= sizeof bytes && strstr(tensor.dtype, "64"))
      STEP(bzd_tensors_read_f32(tensors, i, (float *)(void *)bytes, count));
  }
  for (int32_t format = BZD_FORMAT_SAFETENSORS; o.status == BZD_OK && format <= BZD_FORMAT_NPZ_DEFLATED; format++) {
    size_t written = 0;
    bzd_status status = bzd_tensors_write_buffer(tensors, bytes, sizeof bytes, &written, format);
    if (status == BZD_OK) mix(&o, bytes, written);
    if (status == BZD_E_MEMORY) o.status = status;
  }
  STEP(bzd_tensors_set_text(tensors, "key", "value"));
  STEP(bzd_tensors_set_text(tensors, "key", "other"));
  STEP(bzd_tensors_add(tensors, "one more", "f32", 0, NULL, &(float){1}));
  if (o.status == BZD_OK) {
    bzd_status status = bzd_tensors_get_flow(tensors, NULL, &flow);
    if (status == BZD_E_MEMORY) o.status = status;
  }
  bzd_flow_destroy(flow);
  bzd_tensors_destroy(tensors);
  return o;
}

/* From data to a trained student in a file. */
static outcome train(const bzd_context *context, uint8_t kind) {
  outcome o = {BZD_OK, 0};
  bzd_data *data = NULL;
  bzd_source *source = NULL, *pool = NULL;
  bzd_flow *flow = NULL, *trained = NULL;
  bzd_trainer *trainer = NULL;
  bzd_checkpoint *checkpoint = NULL, *paths = NULL;
  bzd_data_config dc;
  bzd_flow_config fc;
  bzd_trainer_config tc;
  float rows[8] = {0, 1, 2, 3, 4, 5, 6, 7}, out[2];
  OK(bzd_data_config_init(&dc, sizeof dc));
  OK(bzd_flow_config_init(&fc, sizeof fc));
  OK(bzd_trainer_config_init(&tc, sizeof tc));
  dc.rows = rows, dc.n = 4, dc.dim = 2;
  fc.dim = 2, fc.width = 3, fc.layers = 1, fc.time_features = 2, fc.kind = 1 + kind % 3;
  tc.steps = 1, tc.batch = 2, tc.time = 1 + kind / 3 % 4, tc.consistency = fc.kind == BZD_FLOW_CONTROL;
  STEP(bzd_data_create(context, &dc, &data));
  STEP(kind & 64 ? bzd_source_create_transport(data, data, 2, 1, &source)
                 : bzd_source_create_data(data, NULL, 1, &source));
  STEP(bzd_source_create_pool(source, 0, 4, 1, NULL, NULL, &pool));
  STEP(bzd_flow_create(context, &fc, &flow));
  STEP(bzd_flow_set_metadata(flow, "key", "value"));
  STEP(bzd_trainer_create(flow, pool, &tc, &trainer));
  STEP(bzd_trainer_run(trainer, 0, NULL, NULL));
  STEP(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &trained));
  STEP(bzd_flow_sample(trained, NULL, 1, NULL, NULL, out, NULL));
  if (o.status == BZD_OK) mix(&o, out, sizeof out);
  STEP(bzd_checkpoint_from_trainer(trainer, &checkpoint));
  write_out(&o, checkpoint);
  STEP(bzd_checkpoint_from_paths(source, 0, 4, 2, 1, NULL, NULL, &paths));
  write_out(&o, paths);
  bzd_checkpoint_destroy(paths);
  bzd_checkpoint_destroy(checkpoint);
  bzd_flow_destroy(trained);
  bzd_trainer_destroy(trainer);
  bzd_flow_destroy(flow);
  bzd_source_destroy(pool);
  bzd_source_destroy(source);
  bzd_data_destroy(data);
  return o;
}

/* Teachers to paths. The flows stay: they must be as good as before. */
static outcome distil(const bzd_context *context, uint8_t kind) {
  static bzd_flow *flows[2];
  if (!flows[0]) {
    fuzz_refuse(0, 0);
    flows[0] = fuzz_flow(NULL, BZD_FLOW_VELOCITY, 1, 0), flows[1] = fuzz_flow(NULL, BZD_FLOW_ENDPOINT, 1, 0);
  }
  outcome o = {BZD_OK, 0};
  const bzd_flow *teachers[2] = {flows[0], flows[1]};
  bzd_ensemble *ensemble = NULL;
  bzd_fitter *fitter = NULL;
  bzd_source *source = NULL;
  bzd_checkpoint *checkpoint = NULL;
  bzd_tensors *tensors = NULL;
  bzd_fitter_config fc;
  bzd_ensemble_config ec;
  bzd_ensemble_source_config sc;
  float paths[2 * 3 * 2], span[4];
  OK(bzd_fitter_config_init(&fc, sizeof fc));
  OK(bzd_ensemble_config_init(&ec, sizeof ec));
  OK(bzd_ensemble_source_config_init(&sc, sizeof sc));
  fc.nodes = 4, ec.combine = kind % 2 ? BZD_COMBINE_MIXTURE : BZD_COMBINE_VELOCITY;
  sc.steps = 2, sc.solver = kind & 2 ? BZD_SOLVER_DOPRI5 : BZD_SOLVER_EULER, sc.visitor = kind & 4 ? flows[1] : NULL;
  STEP(bzd_ensemble_create(context, &ec, 2, teachers, &ensemble));
  STEP(bzd_fitter_create(context, &fc, &fitter));
  STEP(bzd_source_create_ensemble(ensemble, fitter, &sc, &source));
  STEP(bzd_source_get_paths(source, 0, 2, paths, NULL, span));
  if (o.status == BZD_OK) mix(&o, paths, sizeof paths);
  STEP(bzd_checkpoint_from_ensemble(ensemble, &checkpoint));
  write_out(&o, checkpoint);
  STEP(bzd_tensors_from_flow(flows[0], &tensors));
  bzd_tensors_destroy(tensors);
  bzd_checkpoint_destroy(checkpoint);
  bzd_source_destroy(source);
  bzd_fitter_destroy(fitter);
  bzd_ensemble_destroy(ensemble);
  return o;
}

static outcome run(uint8_t kind, const input *in) {
  const bzd_context *context = fuzz_context();
  switch (kind % 4) {
  case 0: return load(context, in->at, in->left, kind & 4);
  case 1: return read_tensors(context, in->at, in->left, kind & 4);
  case 2: return train(context, kind / 4);
  default: return distil(context, kind / 4);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input in = {data, size};
  uint8_t kind = input_u8(&in);
  uint16_t first = input_u16(&in);
  uint8_t count = input_u8(&in);
  size_t live = (fuzz_context(), fuzz_host.live);
  fuzz_refuse(first % 2048, count == 255 ? INT64_MAX / 2 : 1 + count % 8);
  outcome disturbed = run(kind, &in);
  int64_t refused = fuzz_host.refused;
  fuzz_refuse(0, 0);
  CHECK(fuzz_host.live == live);
  if (refused == 0) return 0;
  outcome calm = run(kind, &in);
  CHECK(fuzz_host.live == live);
  /* zlib asks again elsewhere for what is refused, so that a refusal may go unnoticed. */
  CHECK(disturbed.status == BZD_E_MEMORY ||
        (disturbed.status == calm.status && (calm.status != BZD_OK || disturbed.hash == calm.hash)));
  CHECK(calm.status != BZD_E_INTERNAL);
  return 0;
}
