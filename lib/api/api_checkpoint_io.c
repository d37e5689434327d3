/* SPDX-License-Identifier: MIT */
/* Checkpoints: bytes out and in, by file, buffer and callback. */
#include "api/api.h"
#include "api/checkpoint.h"

#include <string.h>

#define FIRST_LIMITS 48
_Static_assert(sizeof(bzd_limits) == FIRST_LIMITS, "layout of bzd_limits");

static const bzd_limits defaults = {.struct_size = sizeof(bzd_limits),
                                    .max_file = UINT64_C(64) << 30,
                                    .max_raw = UINT64_C(64) << 30,
                                    .max_index = UINT64_C(64) << 20,
                                    .max_tensors = 65536,
                                    .max_meta = 65536};

bzd_status bzd_limits_init(bzd_limits *limits, size_t size) {
  return bzdi_done(bzdi_config_init("limits", limits, size, &defaults, sizeof defaults, FIRST_LIMITS));
}

size_t bzd_limits_size(void) { return sizeof(bzd_limits); }

static bzd_status check(const bzd_checkpoint *checkpoint) {
  return bzdi_handle_check(checkpoint, BZDI_MAGIC_CHECKPOINT, "checkpoint", "checkpoint");
}

/* ---- Out ----------------------------------------------------------------------------------------------------- */

bzd_status bzd_checkpoint_write_file(bzd_checkpoint *checkpoint, const char *path) {
  BZDI_TRY(check(checkpoint));
  BZDI_TRY(bzdi_check_ptr("path", path));
  bzdi_save *save;
  bzdi_writer writer;
  BZDI_TRY(bzdi_save_open(checkpoint->handle.context, path, &save, &writer));
  bzd_status status = bzdi_store_write(checkpoint->store, &writer);
  if (status != BZD_OK) {
    bzdi_save_abandon(save);
    return status;
  }
  return bzdi_done(bzdi_save_commit(save));
}

typedef struct sink {
  bzd_write_fn fn;
  void *user;
} sink;

static bzd_status write_sink(void *user, const void *buf, size_t n) {
  const sink *s = user;
  int32_t answer = s->fn(s->user, buf, n);
  return answer == 0 ? BZD_OK : bzdi_fail(BZD_E_IO, "write callback returned %d", (int)answer);
}

bzd_status bzd_checkpoint_write_callback(bzd_checkpoint *checkpoint, bzd_write_fn fn, void *user) {
  BZDI_TRY(check(checkpoint));
  if (fn == NULL) return bzdi_fail(BZD_E_ARGUMENT, "checkpoint write: fn is NULL");
  sink s = {fn, user};
  bzdi_writer writer = {.write = write_sink, .user = &s};
  return bzdi_done(bzdi_store_write(checkpoint->store, &writer));
}

typedef struct memory {
  char *buf;
  size_t cap, size;
} memory;

static bzd_status write_memory(void *user, const void *buf, size_t n) {
  memory *m = user;
  if (m->size <= m->cap && n <= m->cap - m->size) memcpy(m->buf + m->size, buf, n);
  m->size += n;
  return BZD_OK;
}

bzd_status bzd_checkpoint_write_buffer(bzd_checkpoint *checkpoint, void *buf, size_t cap, size_t *size) {
  if (size != NULL) *size = 0;
  BZDI_TRY(check(checkpoint));
  BZDI_TRY(bzdi_check_ptr("size", size));
  memory m = {.buf = buf, .cap = buf == NULL ? 0 : cap};
  bzdi_writer writer = {.write = write_memory, .user = &m};
  BZDI_TRY(bzdi_store_write(checkpoint->store, &writer));
  *size = m.size;
  if (buf != NULL && m.size > cap)
    return bzdi_fail(BZD_E_LIMIT, "checkpoint write: cap is %zu, expected %zu bytes", cap, m.size);
  return bzdi_done(BZD_OK);
}

/* ---- In ------------------------------------------------------------------------------------------------------ */

static bzd_status read_limits(const bzd_limits *limits, bzdi_limits *out) {
  bzd_limits values = defaults;
  BZDI_TRY(bzdi_config_read("limits", limits, &values, sizeof values, FIRST_LIMITS));
  BZDI_TRY(bzdi_check_i64("limits", "reserved", values.reserved, 0, 0));
  BZDI_TRY(bzdi_check_i64("limits", "max_tensors", values.max_tensors, 0, INT64_C(1) << 40));
  BZDI_TRY(bzdi_check_i64("limits", "max_meta", values.max_meta, 0, INT64_C(1) << 40));
  *out = (bzdi_limits){.max_file = values.max_file,
                       .max_raw = values.max_raw,
                       .max_index = values.max_index,
                       .max_tensors = values.max_tensors,
                       .max_meta = values.max_meta};
  return BZD_OK;
}

/* Takes the reader over. */
static bzd_status open_reader(const bzd_context *context, const bzdi_reader *reader, const bzdi_limits *limits,
                              bzd_checkpoint **out) {
  bzd_checkpoint *checkpoint;
  bzd_status status = bzdi_checkpoint_new(context, &checkpoint);
  if (status != BZD_OK) {
    if (reader->close != NULL) reader->close(reader->user);
    return status;
  }
  status = bzdi_store_open(checkpoint->handle.context, reader, limits, &checkpoint->store);
  if (status == BZD_OK) status = bzdi_checkpoint_read_kind(checkpoint);
  if (status == BZD_OK)
    *out = checkpoint;
  else
    bzdi_release(checkpoint);
  return status;
}

/* What is wrong inside a file does not know the file's name. */
static bzd_status in_file(bzd_status status, const char *path) {
  if (status == BZD_OK) return status;
  char text[400];
  bzdi_error_copy(text, sizeof text);
  return bzdi_fail(status, "%s: %s", path, text);
}

bzd_status bzd_checkpoint_open_file(const bzd_context *context, const char *path, const bzd_limits *limits,
                                    bzd_checkpoint **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_check_context(context));
  BZDI_TRY(bzdi_check_ptr("path", path));
  bzdi_limits values;
  BZDI_TRY(read_limits(limits, &values));
  bzdi_reader reader;
  BZDI_TRY(bzdi_reader_file(context, path, &reader));
  bzd_status status = open_reader(context, &reader, &values, out);
  return bzdi_done(in_file(status, path));
}

bzd_status bzd_checkpoint_open_buffer(const bzd_context *context, const void *data, size_t size,
                                      const bzd_limits *limits, bzd_checkpoint **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_check_context(context));
  if (size > 0) BZDI_TRY(bzdi_check_ptr("data", data));
  bzdi_limits values;
  BZDI_TRY(read_limits(limits, &values));
  bzdi_reader reader;
  BZDI_TRY(bzdi_reader_buffer(context, data, size, &reader));
  return bzdi_done(open_reader(context, &reader, &values, out));
}

typedef struct origin {
  bzd_read_fn fn;
  void *user;
  bzd_context *context; /* retained */
} origin;

static bzd_status read_origin(void *user, uint64_t offset, void *buf, size_t n) {
  const origin *o = user;
  int32_t answer = o->fn(o->user, offset, buf, n);
  if (answer == 0) return BZD_OK;
  return bzdi_fail(BZD_E_IO, "read callback returned %d for %zu bytes at offset %llu", (int)answer, n,
                   (unsigned long long)offset);
}

static void close_origin(void *user) {
  origin *o = user;
  bzd_context *context = o->context;
  bzdi_free(context, o);
  bzdi_release(context);
}

bzd_status bzd_checkpoint_open_callback(const bzd_context *context, bzd_read_fn fn, void *user, uint64_t file_size,
                                        const bzd_limits *limits, bzd_checkpoint **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_check_context(context));
  if (fn == NULL) return bzdi_fail(BZD_E_ARGUMENT, "checkpoint open: fn is NULL");
  bzdi_limits values;
  BZDI_TRY(read_limits(limits, &values));
  origin *o = bzdi_malloc(context, 1, sizeof *o);
  if (o == NULL) return bzdi_no_memory("checkpoint reader", 1, sizeof *o);
  *o = (origin){.fn = fn, .user = user, .context = bzdi_retain(bzdi_context(context))};
  bzdi_reader reader = {.size = file_size, .read = read_origin, .close = close_origin, .user = o};
  return bzdi_done(open_reader(context, &reader, &values, out));
}

/* ---- Short forms --------------------------------------------------------------------------------------------- */

bzd_status bzd_flow_save(const bzd_flow *flow, const char *path) {
  bzd_checkpoint *checkpoint;
  BZDI_TRY(bzdi_check_ptr("path", path));
  BZDI_TRY(bzd_checkpoint_from_flow(flow, &checkpoint));
  bzd_status status = bzd_checkpoint_write_file(checkpoint, path);
  bzd_checkpoint_destroy(checkpoint);
  return bzdi_done(status);
}

bzd_status bzd_flow_load(const bzd_context *context, const char *path, bzd_flow **out) {
  bzd_checkpoint *checkpoint;
  BZDI_OUT(out);
  BZDI_TRY(bzd_checkpoint_open_file(context, path, NULL, &checkpoint));
  bzd_status status = bzd_checkpoint_get_flow(checkpoint, BZD_WEIGHTS_AUTO, out);
  bzd_checkpoint_destroy(checkpoint);
  return bzdi_done(in_file(status, path));
}
