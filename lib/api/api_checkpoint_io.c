/* SPDX-License-Identifier: MIT */
/* Checkpoints: bytes out and in, by file, buffer and callback. */
#include "api/api.h"
#include "api/checkpoint.h"
#include "api/io.h"

static bzd_status check(const bzd_checkpoint *checkpoint) {
  return bzdi_handle_check(checkpoint, BZDI_MAGIC_CHECKPOINT, "checkpoint", "checkpoint");
}

/* ---- Out ----------------------------------------------------------------------------------------------------- */

static bzd_status write_store(void *store, const bzdi_writer *writer) { return bzdi_store_write(store, writer); }

bzd_status bzd_checkpoint_write_file(bzd_checkpoint *checkpoint, const char *path) {
  BZDI_TRY(check(checkpoint));
  return bzdi_done(bzdi_write_file(checkpoint->handle.context, path, write_store, checkpoint->store));
}

bzd_status bzd_checkpoint_write_callback(bzd_checkpoint *checkpoint, bzd_write_fn fn, void *user) {
  BZDI_TRY(check(checkpoint));
  return bzdi_done(bzdi_write_callback("checkpoint", fn, user, write_store, checkpoint->store));
}

bzd_status bzd_checkpoint_write_buffer(bzd_checkpoint *checkpoint, void *buf, size_t cap, size_t *size) {
  if (size != NULL) *size = 0;
  BZDI_TRY(check(checkpoint));
  return bzdi_done(bzdi_write_buffer("checkpoint", buf, cap, size, write_store, checkpoint->store));
}

/* ---- In ------------------------------------------------------------------------------------------------------ */

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

bzd_status bzd_checkpoint_open_file(const bzd_context *context, const char *path, const bzd_limits *limits,
                                    bzd_checkpoint **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_check_context(context));
  BZDI_TRY(bzdi_check_ptr("path", path));
  bzdi_limits values;
  BZDI_TRY(bzdi_limits_read(limits, &values));
  bzdi_reader reader;
  BZDI_TRY(bzdi_reader_file(context, path, &reader));
  bzd_status status = open_reader(context, &reader, &values, out);
  return bzdi_done(bzdi_in_file(status, path));
}

bzd_status bzd_checkpoint_open_buffer(const bzd_context *context, const void *data, size_t size,
                                      const bzd_limits *limits, bzd_checkpoint **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_check_context(context));
  if (size > 0) BZDI_TRY(bzdi_check_ptr("data", data));
  bzdi_limits values;
  BZDI_TRY(bzdi_limits_read(limits, &values));
  bzdi_reader reader;
  BZDI_TRY(bzdi_reader_buffer(context, data, size, &reader));
  return bzdi_done(open_reader(context, &reader, &values, out));
}

bzd_status bzd_checkpoint_open_callback(const bzd_context *context, bzd_read_fn fn, void *user, uint64_t file_size,
                                        const bzd_limits *limits, bzd_checkpoint **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_check_context(context));
  if (fn == NULL) return bzdi_fail(BZD_E_ARGUMENT, "checkpoint open: fn is NULL");
  bzdi_limits values;
  BZDI_TRY(bzdi_limits_read(limits, &values));
  bzdi_reader reader;
  BZDI_TRY(bzdi_reader_callback(context, fn, user, file_size, &reader));
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
  return bzdi_done(bzdi_in_file(status, path));
}
