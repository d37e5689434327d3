/* SPDX-License-Identifier: MIT */
/* Good files through callbacks that fail, give less than was asked for, or lie, as the input says. What a checkpoint
 * gives must be what was saved, or a failure; a failed write leaves the object as good as before. */
#include "../look.h"

enum { ROOM = 1 << 15, FLOW, TRAINER, POOL, ENSEMBLE, CHECKPOINTS, SAFETENSORS = CHECKPOINTS, NPY, NPZ, PACKED, KINDS };

typedef struct good {
  unsigned char bytes[ROOM];
  size_t size;
  char id[65];
} good;
static good goods[KINDS];
static bzd_checkpoint *built[CHECKPOINTS];
static bzd_tensors *tensors;

static void build(void) {
  bzd_context *context = fuzz_context();
  bzd_flow *flow = fuzz_flow(context, BZD_FLOW_CONTROL, 2, 1);
  bzd_source *source = fuzz_source(context), *pool;
  bzd_trainer *trainer = fuzz_trainer(context, source, BZD_FLOW_VELOCITY, 0);
  bzd_ensemble *ensemble = fuzz_ensemble(context, BZD_COMBINE_VELOCITY, BZD_RULE_FIXED);
  static const float numbers[6] = {1, 2, 3, 4, 5, 6};
  static const int64_t shape[2] = {2, 3};
  OK(bzd_source_create_pool(source, 0, 5, 3, NULL, NULL, &pool));
  OK(bzd_checkpoint_from_flow(flow, &built[FLOW]));
  OK(bzd_checkpoint_from_trainer(trainer, &built[TRAINER]));
  OK(bzd_checkpoint_from_source(pool, &built[POOL]));
  OK(bzd_checkpoint_from_ensemble(ensemble, &built[ENSEMBLE]));
  OK(bzd_tensors_create(context, &tensors));
  OK(bzd_tensors_add(tensors, "a", "f32", 2, shape, numbers));
  for (int i = FLOW; i < KINDS; i++) {
    good *g = &goods[i];
    if (i < CHECKPOINTS) {
      OK(bzd_checkpoint_write_buffer(built[i], g->bytes, ROOM, &g->size));
      OK(bzd_checkpoint_content_id(built[i], g->id));
    } else {
      static const int32_t formats[] = {BZD_FORMAT_SAFETENSORS, BZD_FORMAT_NPY, BZD_FORMAT_NPZ,
                                        BZD_FORMAT_NPZ_DEFLATED};
      OK(bzd_tensors_write_buffer(tensors, g->bytes, ROOM, &g->size, formats[i - CHECKPOINTS]));
    }
  }
  bzd_ensemble_destroy(ensemble);
  bzd_trainer_destroy(trainer);
  bzd_source_destroy(pool);
  bzd_source_destroy(source);
  bzd_flow_destroy(flow);
}

typedef struct schedule { /* the callbacks' user */
  input in;
  const good *good;
  size_t written;
  int failed, lied;
} schedule;

static int32_t read_bytes(void *user, uint64_t offset, void *to, size_t size) {
  schedule *s = user;
  uint8_t action = input_u8(&s->in);
  for (size_t i = 0; i < size; i++) /* beyond the end of the file there is something, too */
    ((unsigned char *)to)[i] = offset + i < s->good->size ? s->good->bytes[offset + i] : 0xEE;
  if (action % 8 == 4) return s->failed = 1, action / 8 + 1;
  if (size == 0 || action % 8 < 4) return 0;
  s->lied = 1;
  size_t at = input_u16(&s->in) % size;
  if (action % 8 == 5) ((unsigned char *)to)[at] ^= (unsigned char)(1 << action / 8 % 8);
  if (action % 8 == 6) memset((char *)to + at, action, size - at);
  if (action % 8 == 7) memmove(to, (char *)to + at, size - at);
  return 0;
}

static int32_t write_bytes(void *user, const void *data, size_t size) {
  schedule *s = user;
  uint8_t action = input_u8(&s->in);
  CHECK(!s->failed); /* nobody writes after a failure */
  if (action % 8 == 7) return s->failed = 1, action / 8 + 1;
  CHECK(size <= s->good->size - s->written && memcmp(data, s->good->bytes + s->written, size) == 0);
  s->written += size;
  return 0;
}

static void check_saved(const good *g, bzd_status (*save)(const void *, bzd_checkpoint **), void *object) {
  bzd_checkpoint *again;
  char id[65];
  if (!object) return;
  OK(save(object, &again));
  OK(bzd_checkpoint_content_id(again, id));
  CHECK(strcmp(id, g->id) == 0);
  bzd_checkpoint_destroy(again);
}

static bzd_status save_flow(const void *o, bzd_checkpoint **out) { return bzd_checkpoint_from_flow(o, out); }
static bzd_status save_ensemble(const void *o, bzd_checkpoint **out) { return bzd_checkpoint_from_ensemble(o, out); }
static bzd_status save_source(const void *o, bzd_checkpoint **out) { return bzd_checkpoint_from_source(o, out); }
static bzd_status save_trainer(const void *o, bzd_checkpoint **out) { return bzd_checkpoint_from_trainer(o, out); }

static void read_checkpoint(int kind, schedule *s, uint64_t size) {
  static bzd_source *source;
  bzd_checkpoint *checkpoint;
  bzd_flow *flow = NULL;
  bzd_trainer *trainer = NULL;
  bzd_ensemble *ensemble = NULL;
  bzd_source *pool = NULL, *stream = NULL;
  if (!source) source = fuzz_source(NULL);
  bzd_status status = bzd_checkpoint_open_callback(fuzz_context(), read_bytes, s, size, fuzz_limits(), &checkpoint);
  SANE(status);
  CHECK((checkpoint != NULL) == (status == BZD_OK));
  if (!checkpoint) return;
  if (kind == FLOW) {
    SANE(bzd_checkpoint_get_flow(checkpoint, BZD_WEIGHTS_AUTO, &flow));
    check_saved(s->good, save_flow, flow);
  } else if (kind == TRAINER) {
    SANE(bzd_checkpoint_get_trainer(checkpoint, source, &trainer));
    check_saved(s->good, save_trainer, trainer);
  } else if (kind == ENSEMBLE) {
    SANE(bzd_checkpoint_get_ensemble(checkpoint, &ensemble));
    check_saved(s->good, save_ensemble, ensemble);
  } else {
    SANE(bzd_checkpoint_get_source(checkpoint, &pool));
    check_saved(s->good, save_source, pool);
    SANE(bzd_checkpoint_stream_source(checkpoint, &stream));
    if (stream) look_source(stream);
  }
  status = bzd_checkpoint_verify(checkpoint);
  SANE(status);
  CHECK(status == BZD_OK || s->failed || s->lied || size != s->good->size);
  bzd_flow_destroy(flow);
  bzd_trainer_destroy(trainer);
  bzd_ensemble_destroy(ensemble);
  bzd_source_destroy(pool);
  bzd_source_destroy(stream);
  bzd_checkpoint_destroy(checkpoint);
}

static void read_tensors(schedule *s, uint64_t size) {
  static unsigned char data[600000] __attribute__((aligned(64)));
  bzd_tensors *opened;
  bzd_status status =
      bzd_tensors_open_callback(fuzz_context(), read_bytes, s, size, BZD_FORMAT_AUTO, fuzz_limits(), &opened);
  SANE(status);
  CHECK((opened != NULL) == (status == BZD_OK));
  if (!opened) return;
  bzd_tensors_info info = {.struct_size = sizeof info};
  OK(bzd_tensors_get_info(opened, &info));
  for (int64_t i = 0; i < info.count; i++) SANE(bzd_tensors_read(opened, i, data, sizeof data));
  bzd_tensors_destroy(opened);
}

static void write_file(int kind, schedule *s) {
  static const int32_t formats[] = {BZD_FORMAT_SAFETENSORS, BZD_FORMAT_NPY, BZD_FORMAT_NPZ, BZD_FORMAT_NPZ_DEFLATED};
  bzd_status status = kind < CHECKPOINTS
                          ? bzd_checkpoint_write_callback(built[kind], write_bytes, s)
                          : bzd_tensors_write_callback(tensors, write_bytes, s, formats[kind - CHECKPOINTS]);
  CHECK(status == (s->failed ? BZD_E_IO : BZD_OK));
  CHECK(s->failed || s->written == s->good->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input in = {data, size};
  if (!built[FLOW]) build();
  size_t live = fuzz_host.live;
  uint8_t what = input_u8(&in);
  int kind = FLOW + what % (KINDS - FLOW), writing = what >= 128;
  schedule s = {.good = &goods[kind]};
  int64_t longer = writing ? 0 : input_u8(&in);
  s.in = in;
  uint64_t told = longer < 200 ? s.good->size : s.good->size + (uint64_t)(longer - 228); /* shorter, longer */
  if (writing)
    write_file(kind, &s);
  else if (kind < CHECKPOINTS)
    read_checkpoint(kind, &s, told);
  else
    read_tensors(&s, told);
  if (writing && s.failed) { /* once more, undisturbed */
    schedule again = {.good = s.good};
    write_file(kind, &again);
  }
  CHECK(fuzz_host.live == live);
  return 0;
}
