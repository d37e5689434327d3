/* SPDX-License-Identifier: MIT */
/* Limits, and bytes in and out for checkpoints and tensors. */
#include "api/io.h"

#include "api/api.h"

#include <string.h>

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

bzd_status bzdi_limits_read(const bzd_limits *limits, bzdi_limits *out) {
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

/* ---- Out ----------------------------------------------------------------------------------------------------- */

bzd_status bzdi_write_file(const bzd_context *context, const char *path, bzdi_write_fn *write, void *object) {
  bzdi_save *save;
  bzdi_writer writer;
  BZDI_TRY(bzdi_check_ptr("path", path));
  BZDI_TRY(bzdi_save_open(context, path, &save, &writer));
  bzd_status status = write(object, &writer);
  if (status != BZD_OK) {
    bzdi_save_abandon(save);
    return status;
  }
  return bzdi_save_commit(save);
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

bzd_status bzdi_write_callback(const char *name, bzd_write_fn fn, void *user, bzdi_write_fn *write, void *object) {
  if (fn == NULL) return bzdi_fail(BZD_E_ARGUMENT, "%s write: fn is NULL", name);
  sink s = {fn, user};
  bzdi_writer writer = {.write = write_sink, .user = &s};
  return write(object, &writer);
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

bzd_status bzdi_write_buffer(const char *name, void *buf, size_t cap, size_t *size, bzdi_write_fn *write,
                             void *object) {
  BZDI_TRY(bzdi_check_ptr("size", size));
  memory m = {.buf = buf, .cap = buf == NULL ? 0 : cap};
  bzdi_writer writer = {.write = write_memory, .user = &m};
  BZDI_TRY(write(object, &writer));
  *size = m.size;
  if (buf != NULL && m.size > cap)
    return bzdi_fail(BZD_E_LIMIT, "%s write: cap is %zu, expected %zu bytes", name, cap, m.size);
  return BZD_OK;
}

/* ---- In ------------------------------------------------------------------------------------------------------ */

bzd_status bzdi_in_file(bzd_status status, const char *path) {
  if (status == BZD_OK) return status;
  char text[400];
  bzdi_error_copy(text, sizeof text);
  return bzdi_fail(status, "%s: %s", path, text);
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

bzd_status bzdi_reader_callback(const bzd_context *context, bzd_read_fn fn, void *user, uint64_t size,
                                bzdi_reader *out) {
  origin *o = bzdi_malloc(context, 1, sizeof *o);
  if (o == NULL) return bzdi_no_memory("reader", 1, sizeof *o);
  *o = (origin){.fn = fn, .user = user, .context = bzdi_retain(bzdi_context(context))};
  *out = (bzdi_reader){.size = size, .read = read_origin, .close = close_origin, .user = o};
  return BZD_OK;
}
