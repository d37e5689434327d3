/* SPDX-License-Identifier: MIT */
/* Files, buffers and callbacks as the public functions give them: what checkpoints and tensors share. */
#ifndef BZDI_API_IO_H
#define BZDI_API_IO_H

#include "store/io.h"

#include <bezdist/checkpoint.h>

bzd_status bzdi_limits_read(const bzd_limits *limits, bzdi_limits *out); /* NULL: the defaults */

/* What is wrong inside a file does not know the file's name. */
bzd_status bzdi_in_file(bzd_status status, const char *path);

/* A reader through fn; close it. */
bzd_status bzdi_reader_callback(const bzd_context *context, bzd_read_fn fn, void *user, uint64_t size,
                                bzdi_reader *out);

/* Writes an object: store, format and what else it needs are behind it. */
typedef bzd_status bzdi_write_fn(void *object, const bzdi_writer *writer);
bzd_status bzdi_write_file(const bzd_context *context, const char *path, bzdi_write_fn *write, void *object);
bzd_status bzdi_write_callback(const char *name, bzd_write_fn fn, void *user, bzdi_write_fn *write, void *object);
bzd_status bzdi_write_buffer(const char *name, void *buf, size_t cap, size_t *size, bzdi_write_fn *write, void *object);

#endif
