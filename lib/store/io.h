/* SPDX-License-Identifier: MIT */
/* Where bytes come from and go to: file, memory and the caller's callbacks behind one pair of structs. */
#ifndef BZDI_STORE_IO_H
#define BZDI_STORE_IO_H

#include <bezdist/base.h>

typedef struct bzdi_reader {
  uint64_t size;
  /* Exactly n bytes at offset (offset + n <= size), or a failure with its text set. */
  bzd_status (*read)(void *user, uint64_t offset, void *buf, size_t n);
  void (*close)(void *user); /* may be NULL */
  void *user;
  const unsigned char *data; /* the bytes themselves where they lie in memory, else NULL */
} bzdi_reader;

typedef struct bzdi_limits { /* what a reader may be made to use by a file; 0 = the default */
  uint64_t max_file, max_raw, max_index;
  int64_t max_tensors, max_meta;
} bzdi_limits;
bzdi_limits bzdi_limits_of(const bzdi_limits *limits); /* with the defaults filled in; NULL: the defaults */

typedef struct bzdi_writer {
  bzd_status (*write)(void *user, const void *buf, size_t n); /* all of it, appended, or a failure */
  void *user;
} bzdi_writer;

bzd_status bzdi_reader_file(const bzd_context *context, const char *path, bzdi_reader *out);
/* Borrows the buffer. */
bzd_status bzdi_reader_buffer(const bzd_context *context, const void *data, size_t size, bzdi_reader *out);

/* Atomic replacement of a file: open makes a temporary file beside path, locked as long as it is written, and removes
 * those of dead saves; commit makes it durable and renames; abandon removes it and leaves the old file as it was.
 * Exactly one of commit and abandon follows open. */
typedef struct bzdi_save bzdi_save;
bzd_status bzdi_save_open(const bzd_context *context, const char *path, bzdi_save **save, bzdi_writer *writer);
bzd_status bzdi_save_commit(bzdi_save *save);
void bzdi_save_abandon(bzdi_save *save);

#endif
