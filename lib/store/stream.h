/* SPDX-License-Identifier: MIT */
/* The bytes of a tensor as one forward stream, whatever they are wrapped in: nothing, a ZIP member, gzip. */
#ifndef BZDI_STORE_STREAM_H
#define BZDI_STORE_STREAM_H

#include "store/io.h"

enum {
  BZDI_WRAP_NONE,     /* no checksum */
  BZDI_WRAP_STORED,   /* a member of ZIP: CRC-32 */
  BZDI_WRAP_DEFLATED, /* the same, deflated */
  BZDI_WRAP_GZIP      /* one gzip member with its header and trailer */
};

typedef struct bzdi_wrap { /* where in the file, and how; checked by whoever fills it in to lie within the file */
  int packing;
  uint32_t crc;            /* STORED, DEFLATED */
  uint64_t offset, stored; /* bytes in the file */
} bzdi_wrap;

typedef struct bzdi_stream bzdi_stream;
bzd_status bzdi_stream_open(const bzd_context *context, const bzdi_reader *reader, const bzdi_wrap *wrap,
                            bzdi_stream **out);
void bzdi_stream_close(bzdi_stream *stream);
/* The next size bytes; BZD_E_CORRUPT when there are fewer. */
bzd_status bzdi_stream_read(bzdi_stream *stream, void *data, uint64_t size);
/* Nothing more comes, and the checksums agree. */
bzd_status bzdi_stream_end(bzdi_stream *stream);

#endif
