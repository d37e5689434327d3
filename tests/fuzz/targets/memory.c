/* SPDX-License-Identifier: MIT */
/* Allocation failures by schedule: what to do, from which call of alloc on, how many of them fail. Each failure is
 * BZD_E_MEMORY, leaves nothing behind, and the same call without it gives what it must. */
#include "../look.h"

enum { ROOM = 1 << 15, FLOW = 0, TRAINER, POOL, ENSEMBLE, TENSORS, SAMPLE, STEP, KINDS };
static unsigned char files[SAMPLE][ROOM], out[ROOM];
static size_t sizes[SAMPLE];
static bzd_source *source;
static bzd_flow *flow;
static bzd_trainer *trainer;

static void write(bzd_checkpoint *checkpoint, int kind) {
  OK(bzd_checkpoint_write_buffer(checkpoint, files[kind], ROOM, &sizes[kind]));
  bzd_checkpoint_destroy(checkpoint);
}

static void build(void) {
  static const float numbers[6] = {1, 2, 3, 4, 5, 6};
  static const int64_t shape[2] = {2, 3};
  bzd_context *context = fuzz_context();
  bzd_checkpoint *checkpoint;
  bzd_ensemble *ensemble = fuzz_ensemble(context, BZD_COMBINE_VELOCITY, BZD_RULE_FIXED);
  bzd_source *pool;
  bzd_tensors *tensors;
  flow = fuzz_flow(context, BZD_FLOW_CONTROL, 2, 0);
  source = fuzz_source(context);
  trainer = fuzz_trainer(context, source, BZD_FLOW_VELOCITY, 0);
  OK(bzd_source_create_pool(source, 0, 5, 3, NULL, NULL, &pool));
  OK(bzd_checkpoint_from_flow(flow, &checkpoint));
  write(checkpoint, FLOW);
  OK(bzd_checkpoint_from_trainer(trainer, &checkpoint));
  write(checkpoint, TRAINER);
  OK(bzd_checkpoint_from_source(pool, &checkpoint));
  write(checkpoint, POOL);
  OK(bzd_checkpoint_from_ensemble(ensemble, &checkpoint));
  write(checkpoint, ENSEMBLE);
  OK(bzd_tensors_create(context, &tensors));
  OK(bzd_tensors_add(tensors, "a", "f32", 2, shape, numbers));
  OK(bzd_tensors_write_buffer(tensors, files[TENSORS], ROOM, &sizes[TENSORS], BZD_FORMAT_NPZ_DEFLATED));
  bzd_tensors_destroy(tensors);
  bzd_ensemble_destroy(ensemble);
  bzd_source_destroy(pool);
}

static bzd_status back(int kind, const bzd_checkpoint *opened, bzd_checkpoint **again) {
  bzd_flow *one = NULL;
  bzd_trainer *two = NULL;
  bzd_source *three = NULL;
  bzd_ensemble *four = NULL;
  bzd_status status = BZD_OK;
  switch (kind) {
  case FLOW:
    status = bzd_checkpoint_get_flow(opened, BZD_WEIGHTS_AUTO, &one);
    if (status == BZD_OK) status = bzd_checkpoint_from_flow(one, again);
    break;
  case TRAINER:
    status = bzd_checkpoint_get_trainer(opened, source, &two);
    if (status == BZD_OK) status = bzd_checkpoint_from_trainer(two, again);
    break;
  case POOL:
    status = bzd_checkpoint_get_source(opened, &three);
    if (status == BZD_OK) status = bzd_checkpoint_from_source(three, again);
    break;
  default:
    status = bzd_checkpoint_get_ensemble(opened, &four);
    if (status == BZD_OK) status = bzd_checkpoint_from_ensemble(four, again);
  }
  bzd_flow_destroy(one);
  bzd_trainer_destroy(two);
  bzd_source_destroy(three);
  bzd_ensemble_destroy(four);
  return status;
}

/* Opened, made an object of, saved again: the same bytes, or a failure. */
static bzd_status load(int kind) {
  bzd_checkpoint *opened = NULL, *again = NULL;
  size_t size = 0;
  bzd_status status = bzd_checkpoint_open_buffer(fuzz_context(), files[kind], sizes[kind], fuzz_limits(), &opened);
  if (status == BZD_OK) status = bzd_checkpoint_verify(opened);
  if (status == BZD_OK) status = back(kind, opened, &again);
  if (status == BZD_OK) status = bzd_checkpoint_write_buffer(again, out, ROOM, &size);
  if (status == BZD_OK) CHECK(size == sizes[kind] && memcmp(out, files[kind], size) == 0);
  bzd_checkpoint_destroy(again);
  bzd_checkpoint_destroy(opened);
  return status;
}

static bzd_status tensors(void) {
  bzd_tensors *opened = NULL;
  size_t size = 0;
  bzd_status status =
      bzd_tensors_open_buffer(fuzz_context(), files[TENSORS], sizes[TENSORS], BZD_FORMAT_AUTO, fuzz_limits(), &opened);
  if (status == BZD_OK) status = bzd_tensors_write_buffer(opened, out, ROOM, &size, BZD_FORMAT_NPZ_DEFLATED);
  if (status == BZD_OK) CHECK(size == sizes[TENSORS] && memcmp(out, files[TENSORS], size) == 0);
  bzd_tensors_destroy(opened);
  return status;
}

static bzd_status sample(void) {
  static float expected[6], values[6];
  static int known;
  bzd_sample_config config;
  OK(bzd_sample_config_init(&config, sizeof config));
  bzd_status status = bzd_flow_sample(flow, &config, 3, NULL, NULL, values, NULL);
  if (status != BZD_OK) return status;
  if (known) CHECK(memcmp(values, expected, sizeof values) == 0);
  if (!known) memcpy(expected, values, sizeof values), known = 1;
  return status;
}

/* A step of a copy of the trainer: one that failed has not been done. */
static bzd_status step(void) {
  bzd_checkpoint *checkpoint = NULL;
  bzd_trainer *copy = NULL;
  bzd_trainer_info before = {.struct_size = sizeof before}, after = {.struct_size = sizeof after};
  bzd_status status = bzd_checkpoint_from_trainer(trainer, &checkpoint);
  if (status == BZD_OK) status = bzd_checkpoint_get_trainer(checkpoint, source, &copy);
  bzd_checkpoint_destroy(checkpoint);
  if (status != BZD_OK) return status;
  OK(bzd_trainer_get_info(copy, &before));
  status = bzd_trainer_run(copy, 1, NULL, NULL);
  OK(bzd_trainer_get_info(copy, &after));
  CHECK(after.step == before.step + (status == BZD_OK));
  bzd_trainer_destroy(copy);
  return status;
}

static bzd_status act(int kind) {
  if (kind == TENSORS) return tensors();
  if (kind == SAMPLE) return sample();
  if (kind == STEP) return step();
  return load(kind);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input in = {data, size};
  if (!source) {
    build();
    for (int kind = 0; kind < KINDS; kind++) OK(act(kind)); /* what is kept for ever is there now */
  }
  int kind = input_u8(&in) % KINDS;
  for (int i = 0; i < 4; i++) {
    int64_t first = input_u16(&in) % 1024, count = input_u8(&in);
    size_t live = fuzz_host.live;
    fuzz_refuse(first, count == 255 ? INT64_MAX : count);
    bzd_status status = act(kind);
    CHECK(status == (fuzz_host.refused > 0 ? BZD_E_MEMORY : BZD_OK) ||
          (status == BZD_OK && kind == SAMPLE)); /* which may do with less */
    fuzz_refuse(0, 0);
    CHECK(fuzz_host.live == live);
    if (in.left == 0) break;
  }
  OK(act(kind));
  return 0;
}
