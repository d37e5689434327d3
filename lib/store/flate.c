/* SPDX-License-Identifier: MIT */
#include "store/flate.h"

#include "base/alloc.h"
#include "base/error.h"

#include <zlib.h>

enum { WINDOW = -15, PIECE = 1 << 30 }; /* no wrapper; zlib counts in 32 bits */

struct bzdi_inflater {
  const bzd_context *context;
  z_stream stream;
};

static void *zlib_alloc(void *user, unsigned count, unsigned size) { return bzdi_malloc(user, count, size); }
static void zlib_free(void *user, void *block) { bzdi_free(user, block); }

static void start(z_stream *stream, const bzd_context *context) {
  *stream = (z_stream){.zalloc = zlib_alloc, .zfree = zlib_free, .opaque = (void *)(uintptr_t)context};
}

bzd_status bzdi_inflater_new(const bzd_context *context, bzdi_inflater **out) {
  bzdi_inflater *inflater = bzdi_malloc(context, 1, sizeof *inflater);
  *out = NULL;
  if (!inflater) return bzdi_no_memory("inflate", 1, sizeof *inflater);
  inflater->context = context;
  start(&inflater->stream, context);
  if (inflateInit2(&inflater->stream, WINDOW) != Z_OK) {
    bzdi_free(context, inflater);
    return bzdi_no_memory("inflate", 1, 1 << 16);
  }
  *out = inflater;
  return BZD_OK;
}

void bzdi_inflater_free(bzdi_inflater *inflater) {
  if (!inflater) return;
  inflateEnd(&inflater->stream);
  bzdi_free(inflater->context, inflater);
}

bzd_status bzdi_inflate(bzdi_inflater *inflater, const unsigned char **in, size_t *in_left, unsigned char **out,
                        uint64_t *out_left, int *ended) {
  z_stream *stream = &inflater->stream;
  uInt takes = *in_left < PIECE ? (uInt)*in_left : PIECE, gives = *out_left < PIECE ? (uInt)*out_left : PIECE;
  stream->next_in = (unsigned char *)(uintptr_t)*in;
  stream->avail_in = takes;
  stream->next_out = *out;
  stream->avail_out = gives;
  int result = inflate(stream, Z_NO_FLUSH);
  *in += takes - stream->avail_in;
  *in_left -= takes - stream->avail_in;
  *out += gives - stream->avail_out;
  *out_left -= gives - stream->avail_out;
  *ended = result == Z_STREAM_END;
  if (result == Z_MEM_ERROR) return bzdi_no_memory("inflate", 1, 1 << 16);
  if (result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR) return BZD_OK; /* BUF_ERROR: no progress */
  return bzdi_fail(BZD_E_CORRUPT, "deflate stream is damaged (%s)", stream->msg ? stream->msg : "zlib gives no cause");
}

/* All of data into the stream; its output to out. */
static bzd_status feed(z_stream *stream, const unsigned char *data, uint64_t size, int last, bzdi_buffer *out) {
  int result = Z_OK;
  for (uint64_t left = size; left > 0 || last;) {
    uInt takes = left < PIECE ? (uInt)left : PIECE;
    BZDI_TRY(bzdi_buffer_room(out, 1 << 16));
    size_t room = out->room - out->size;
    uInt gives = room < PIECE ? (uInt)room : PIECE;
    stream->next_in = (unsigned char *)(uintptr_t)(data + (size - left));
    stream->avail_in = takes;
    stream->next_out = out->data + out->size;
    stream->avail_out = gives;
    result = deflate(stream, last && takes == left ? Z_FINISH : Z_NO_FLUSH);
    left -= takes - stream->avail_in;
    out->size += gives - stream->avail_out;
    if (result == Z_STREAM_END) return BZD_OK;
    if (result == Z_STREAM_ERROR) return bzdi_fail(BZD_E_INTERNAL, "deflate: zlib refuses its own stream");
  }
  return BZD_OK;
}

bzd_status bzdi_deflate(const bzd_context *context, const void *head, size_t head_size, const void *data, uint64_t size,
                        bzdi_buffer *out) {
  static const unsigned char none[1];
  z_stream stream;
  start(&stream, context);
  if (deflateInit2(&stream, 6, Z_DEFLATED, WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return bzdi_no_memory("deflate", 1, 1 << 18);
  bzd_status status = feed(&stream, head, head_size, 0, out);
  if (status == BZD_OK) status = feed(&stream, size > 0 ? data : none, size, 1, out);
  deflateEnd(&stream);
  return status;
}
