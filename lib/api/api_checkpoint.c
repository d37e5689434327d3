/* SPDX-License-Identifier: MIT */
/* Checkpoints: building them from objects, objects back from them, and looking inside. Bytes in and out stand in
 * api_checkpoint_io.c. */
#include "api/checkpoint.h"

#include "api/api.h"
#include "distill/trainer.h"

#include <string.h>

_Static_assert((int)BZDI_ROLE_PARAMETER == BZD_ROLE_PARAMETER && (int)BZDI_ROLE_EMA == BZD_ROLE_EMA &&
                   (int)BZDI_ROLE_MOMENT1 == BZD_ROLE_MOMENT1 && (int)BZDI_ROLE_MOMENT2 == BZD_ROLE_MOMENT2 &&
                   (int)BZDI_ROLE_BUFFER == BZD_ROLE_BUFFER && (int)BZDI_ROLE_PATHS == BZD_ROLE_PATHS,
               "BZD_ROLE_");

#define KIND_KEY "kind" /* META: BZD_CHECKPOINT_ */

static const char *const KINDS[] = {"", "a flow", "an ensemble", "a trainer", "paths"};

size_t bzd_checkpoint_info_size(void) { return sizeof(bzd_checkpoint_info); }
size_t bzd_tensor_info_size(void) { return sizeof(bzd_tensor_info); }

static void drop(void *self) {
  bzd_checkpoint *checkpoint = self;
  bzdi_store_free(checkpoint->store);
}

bzd_status bzdi_checkpoint_new(const bzd_context *context, bzd_checkpoint **out) {
  *out = bzdi_handle_new(context, BZDI_MAGIC_CHECKPOINT, sizeof **out, drop);
  return *out == NULL ? bzdi_no_memory("checkpoint", 1, sizeof **out) : BZD_OK;
}

bzd_status bzdi_checkpoint_read_kind(bzd_checkpoint *checkpoint) {
  int64_t kind;
  BZDI_TRY(
      bzdi_store_get_i64(checkpoint->store, BZDI_META, KIND_KEY, BZD_CHECKPOINT_FLOW, BZD_CHECKPOINT_PATHS, &kind));
  checkpoint->kind = (int32_t)kind;
  return BZD_OK;
}

/* ---- Building ------------------------------------------------------------------------------------------------ */

static bzd_status fill(bzd_checkpoint *checkpoint, const void *object) {
  BZDI_TRY(bzdi_store_new(checkpoint->handle.context, &checkpoint->store));
  bzdi_store *store = checkpoint->store;
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_META, KIND_KEY, checkpoint->kind, BZDI_MODEL));
  switch (checkpoint->kind) {
  case BZD_CHECKPOINT_FLOW: return bzdi_flow_store(object, store, "");
  case BZD_CHECKPOINT_ENSEMBLE: return bzdi_ensemble_store(object, store);
  case BZD_CHECKPOINT_TRAINER: return bzdi_trainer_store(object, store);
  default: return bzdi_pool_store(object, store);
  }
}

/* object begins with a handle that was checked. */
static bzd_status build(int32_t kind, const void *object, bzd_checkpoint **out) {
  bzd_checkpoint *checkpoint;
  BZDI_TRY(bzdi_checkpoint_new(((const bzdi_handle *)object)->context, &checkpoint));
  checkpoint->kind = kind;
  bzd_status status = fill(checkpoint, object);
  if (status == BZD_OK)
    *out = checkpoint;
  else
    bzdi_release(checkpoint);
  return status;
}

bzd_status bzd_checkpoint_from_flow(const bzd_flow *flow, bzd_checkpoint **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_handle_check(flow, BZDI_MAGIC_FLOW, "flow", "flow"));
  return bzdi_done(build(BZD_CHECKPOINT_FLOW, flow, out));
}

bzd_status bzd_checkpoint_from_ensemble(const bzd_ensemble *ensemble, bzd_checkpoint **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_handle_check(ensemble, BZDI_MAGIC_ENSEMBLE, "ensemble", "ensemble"));
  return bzdi_done(build(BZD_CHECKPOINT_ENSEMBLE, ensemble, out));
}

bzd_status bzd_checkpoint_from_trainer(const bzd_trainer *trainer, bzd_checkpoint **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_handle_check(trainer, BZDI_MAGIC_TRAINER, "trainer", "trainer"));
  return bzdi_done(build(BZD_CHECKPOINT_TRAINER, trainer, out));
}

bzd_status bzd_checkpoint_from_source(const bzd_source *source, bzd_checkpoint **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_handle_check(source, BZDI_MAGIC_SOURCE, "source", "source"));
  if (source->kind->id != BZD_SOURCE_POOL)
    return bzdi_fail(BZD_E_UNSUPPORTED, "checkpoint: source is of kind %d, expected a path store (BZD_SOURCE_POOL, %d)",
                     (int)source->kind->id, BZD_SOURCE_POOL);
  return bzdi_done(build(BZD_CHECKPOINT_PATHS, source, out));
}

bzd_status bzd_checkpoint_from_paths(const bzd_source *base, int64_t first, int64_t count, int64_t window,
                                     uint64_t seed, bzd_progress_fn progress, void *user, bzd_checkpoint **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_handle_check(base, BZDI_MAGIC_SOURCE, "base", "source"));
  BZDI_TRY(bzdi_check_first("path store", "first", first));
  BZDI_TRY(bzdi_check_i64("path store", "count", count, 1, INT64_C(1) << 32));
  BZDI_TRY(bzdi_check_i64("path store", "window", window, 0, INT64_C(1) << 32));
  bzd_source *pool;
  BZDI_TRY(bzdi_source_new_made(base, first, count, window, seed, progress, user, &pool));
  bzd_status status = build(BZD_CHECKPOINT_PATHS, pool, out);
  bzdi_release(pool); /* the store has it */
  return bzdi_done(status);
}

void bzd_checkpoint_destroy(bzd_checkpoint *checkpoint) { bzdi_destroy(checkpoint, BZDI_MAGIC_CHECKPOINT); }

/* ---- Objects back -------------------------------------------------------------------------------------------- */

static bzd_status check(const bzd_checkpoint *checkpoint) {
  return bzdi_handle_check(checkpoint, BZDI_MAGIC_CHECKPOINT, "checkpoint", "checkpoint");
}

static bzd_status check_kind(const bzd_checkpoint *checkpoint, int32_t kind) {
  BZDI_TRY(check(checkpoint));
  if (checkpoint->kind != kind)
    return bzdi_fail(BZD_E_STATE, "checkpoint holds %s, expected %s", KINDS[checkpoint->kind], KINDS[kind]);
  return BZD_OK;
}

static int has_ema(const bzdi_store *store) {
  for (int64_t i = 0; i < bzdi_store_tensors(store); i++)
    if (bzdi_store_tensor(store, i)->role == BZDI_ROLE_EMA) return 1;
  return 0;
}

bzd_status bzd_checkpoint_get_flow(const bzd_checkpoint *checkpoint, int32_t which, bzd_flow **out) {
  BZDI_OUT(out);
  BZDI_TRY(check(checkpoint));
  BZDI_TRY(bzdi_check_i64("checkpoint flow", "which", which, BZD_WEIGHTS_AUTO, BZD_WEIGHTS_EMA));
  if (checkpoint->kind != BZD_CHECKPOINT_TRAINER) BZDI_TRY(check_kind(checkpoint, BZD_CHECKPOINT_FLOW));
  int ema = has_ema(checkpoint->store);
  if (which == BZD_WEIGHTS_EMA && !ema) return bzdi_fail(BZD_E_STATE, "checkpoint holds no averaged weights");
  int32_t role = ema && which != BZD_WEIGHTS_RAW ? BZDI_ROLE_EMA : BZDI_ROLE_PARAMETER;
  return bzdi_done(bzdi_flow_load(checkpoint->handle.context, checkpoint->store, "", role, out));
}

bzd_status bzd_checkpoint_get_ensemble(const bzd_checkpoint *checkpoint, bzd_ensemble **out) {
  BZDI_OUT(out);
  BZDI_TRY(check_kind(checkpoint, BZD_CHECKPOINT_ENSEMBLE));
  return bzdi_done(bzdi_ensemble_load(checkpoint->handle.context, checkpoint->store, out));
}

bzd_status bzd_checkpoint_get_trainer(const bzd_checkpoint *checkpoint, const bzd_source *source, bzd_trainer **out) {
  BZDI_OUT(out);
  BZDI_TRY(check_kind(checkpoint, BZD_CHECKPOINT_TRAINER));
  BZDI_TRY(bzdi_handle_check(source, BZDI_MAGIC_SOURCE, "source", "source"));
  return bzdi_done(bzdi_trainer_load(checkpoint->store, source, out));
}

bzd_status bzd_checkpoint_get_source(const bzd_checkpoint *checkpoint, bzd_source **out) {
  BZDI_OUT(out);
  BZDI_TRY(check_kind(checkpoint, BZD_CHECKPOINT_PATHS));
  return bzdi_done(bzdi_pool_load(checkpoint->handle.context, checkpoint->store, out));
}

bzd_status bzd_checkpoint_stream_source(const bzd_checkpoint *checkpoint, bzd_source **out) {
  BZDI_OUT(out);
  BZDI_TRY(check_kind(checkpoint, BZD_CHECKPOINT_PATHS));
  return bzdi_done(bzdi_pool_stream(checkpoint->handle.context, checkpoint->store, checkpoint, out));
}

/* ---- Looking inside ------------------------------------------------------------------------------------------ */

bzd_status bzd_checkpoint_get_info(const bzd_checkpoint *checkpoint, bzd_checkpoint_info *info) {
  BZDI_TRY(check(checkpoint));
  BZDI_TRY(bzdi_check_ptr("checkpoint info", info));
  BZDI_TRY(bzdi_result_check("checkpoint info", info, FIRST_CHECKPOINT_INFO));
  const bzdi_store *store = checkpoint->store;
  bzd_checkpoint_info values = {.kind = checkpoint->kind,
                                .tensors = bzdi_store_tensors(store),
                                .metadata = bzdi_store_count(store, BZDI_META) + bzdi_store_count(store, BZDI_STAT),
                                .raw_bytes = bzdi_store_raw_bytes(store),
                                .file_bytes = bzdi_store_file_bytes(store),
                                .sections = bzdi_store_extras(store)};
  bzdi_store_version(store, &values.version_major, &values.version_minor);
  bzdi_result_write(info, &values, sizeof values);
  return bzdi_done(BZD_OK);
}

static const char *dtype_name(int32_t dtype) {
  switch (dtype) {
  case BZDI_DTYPE_F32: return "f32";
  case BZDI_DTYPE_F64: return "f64";
  case BZDI_DTYPE_BF16: return "bf16";
  case BZDI_DTYPE_I32: return "i32";
  case BZDI_DTYPE_I64: return "i64";
  default: return "u8";
  }
}

bzd_status bzdi_checkpoint_check_tensor(const bzd_checkpoint *checkpoint, int64_t i) {
  int64_t count = bzdi_store_tensors(checkpoint->store);
  if (i < 0 || i >= count)
    return bzdi_fail(BZD_E_ARGUMENT, "checkpoint tensor: i is %lld of %lld tensors", (long long)i, (long long)count);
  return BZD_OK;
}

static bzd_status check_tensor(const bzd_checkpoint *checkpoint, int64_t i) {
  BZDI_TRY(check(checkpoint));
  return bzdi_checkpoint_check_tensor(checkpoint, i);
}

bzd_status bzd_checkpoint_get_tensor(const bzd_checkpoint *checkpoint, int64_t i, bzd_tensor_info *info) {
  BZDI_TRY(check_tensor(checkpoint, i));
  BZDI_TRY(bzdi_check_ptr("tensor info", info));
  BZDI_TRY(bzdi_result_check("tensor info", info, FIRST_TENSOR_INFO));
  const bzdi_tensor *tensor = bzdi_store_tensor(checkpoint->store, i);
  bzd_tensor_info values = {.role = tensor->role,
                            .name = tensor->name,
                            .dtype = dtype_name(tensor->dtype),
                            .stored_dtype = dtype_name(tensor->stored_dtype),
                            .ndim = tensor->ndim,
                            .raw_bytes = tensor->bytes,
                            .stored_bytes = tensor->stored_bytes};
  memcpy(values.shape, tensor->shape, sizeof values.shape);
  bzdi_result_write(info, &values, sizeof values);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_checkpoint_read_tensor(const bzd_checkpoint *checkpoint, int64_t i, void *data, size_t cap) {
  BZDI_TRY(check_tensor(checkpoint, i));
  const bzdi_tensor *tensor = bzdi_store_tensor(checkpoint->store, i);
  if (cap < tensor->bytes)
    return bzdi_fail(BZD_E_LIMIT, "tensor %s: cap is %zu, expected %llu bytes", tensor->name, cap,
                     (unsigned long long)tensor->bytes);
  if (tensor->bytes > 0) BZDI_TRY(bzdi_check_ptr("checkpoint tensor: data", data));
  return bzdi_done(bzdi_store_read(checkpoint->store, i, data));
}

bzd_status bzd_checkpoint_get_metadata(const bzd_checkpoint *checkpoint, int64_t i, const char **key, char *value,
                                       size_t cap) {
  if (key != NULL) *key = NULL;
  BZDI_TRY(check(checkpoint));
  const bzdi_store *store = checkpoint->store;
  int64_t metas = bzdi_store_count(store, BZDI_META), count = metas + bzdi_store_count(store, BZDI_STAT);
  if (i < 0 || i >= count)
    return bzdi_fail(BZD_E_ARGUMENT, "checkpoint metadata: i is %lld of %lld key-values", (long long)i,
                     (long long)count);
  char none[1];
  const char *name;
  int kept = value != NULL && cap > 0;
  BZDI_TRY(bzdi_store_at(store, i < metas ? BZDI_META : BZDI_STAT, i < metas ? i : i - metas, &name, NULL, NULL,
                         kept ? value : none, kept ? cap : sizeof none));
  if (key != NULL) *key = name;
  return bzdi_done(BZD_OK);
}

bzd_status bzd_checkpoint_verify(const bzd_checkpoint *checkpoint) {
  BZDI_TRY(check(checkpoint));
  return bzdi_done(bzdi_store_verify(checkpoint->store));
}

bzd_status bzd_checkpoint_content_id(const bzd_checkpoint *checkpoint, char *id) {
  static const char digits[] = "0123456789abcdef";
  uint8_t hash[32];
  BZDI_TRY(check(checkpoint));
  BZDI_TRY(bzdi_check_ptr("content id", id));
  BZDI_TRY(bzdi_store_content_id(checkpoint->store, hash));
  for (int i = 0; i < 32; i++) {
    id[2 * i] = digits[hash[i] >> 4];
    id[2 * i + 1] = digits[hash[i] & 15];
  }
  id[64] = '\0';
  return bzdi_done(BZD_OK);
}
