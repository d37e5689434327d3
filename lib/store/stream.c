/* SPDX-License-Identifier: MIT */
#include "store/stream.h"

#include "base/alloc.h"
#include "base/error.h"
#include "store/bytes.h"
#include "store/codec.h"
#include "store/flate.h"

#include <string.h>

enum { INPUT = 64 * 1024, CRC_PIECE = 1 << 20 };

struct bzdi_stream {
  const bzd_context *context;
  const bzdi_reader *reader; /* the owner's */
  bzdi_wrap wrap;
  uint64_t at, end; /* stored bytes not yet fetched */
  uint64_t given;   /* raw bytes so far */
  uint32_t crc;     /* of them */
  int over;         /* the deflate stream has ended */
  bzdi_inflater *inflater;
  const unsigned char *next; /* in input */
  size_t left;
  unsigned char input[INPUT];
};

static bzd_status refill(bzdi_stream *stream) {
  if (stream->left > 0) return BZD_OK;
  uint64_t size = stream->end - stream->at < INPUT ? stream->end - stream->at : INPUT;
  if (size == 0)
    return bzdi_fail(BZD_E_CORRUPT, "stored bytes end after %llu", (unsigned long long)stream->wrap.stored);
  BZDI_TRY(stream->reader->read(stream->reader->user, stream->at, stream->input, (size_t)size));
  stream->at += size;
  stream->next = stream->input;
  stream->left = (size_t)size;
  return BZD_OK;
}

/* ---- gzip (RFC 1952) ----------------------------------------------------------------------------------------- */

static bzd_status gzip_bytes(bzdi_stream *stream, unsigned char *to, size_t size, uint32_t *crc) {
  for (size_t i = 0; i < size; i++) {
    BZDI_TRY(refill(stream));
    to[i] = *stream->next++;
    stream->left--;
  }
  *crc = bzdi_crc32(*crc, to, size);
  return BZD_OK;
}

static bzd_status gzip_text(bzdi_stream *stream, uint32_t *crc) {
  unsigned char c = 1;
  while (c) BZDI_TRY(gzip_bytes(stream, &c, 1, crc));
  return BZD_OK;
}

static bzd_status gzip_header(bzdi_stream *stream) {
  enum { HAS_CRC = 2, HAS_EXTRA = 4, HAS_NAME = 8, HAS_COMMENT = 16, RESERVED = 0xE0 };
  unsigned char head[10], two[2], c;
  uint32_t crc = 0;
  BZDI_TRY(gzip_bytes(stream, head, sizeof head, &crc));
  if (head[0] != 0x1F || head[1] != 0x8B) return bzdi_fail(BZD_E_FORMAT, "not a gzip file");
  if (head[2] != 8) return bzdi_fail(BZD_E_UNSUPPORTED, "gzip method %d, expected 8 (deflate)", head[2]);
  if (head[3] & RESERVED) return bzdi_fail(BZD_E_CORRUPT, "gzip flags 0x%02x have reserved bits", head[3]);
  if (head[3] & HAS_EXTRA) {
    BZDI_TRY(gzip_bytes(stream, two, 2, &crc));
    for (uint32_t left = bzdi_get16(two); left > 0; left--) BZDI_TRY(gzip_bytes(stream, &c, 1, &crc));
  }
  if (head[3] & HAS_NAME) BZDI_TRY(gzip_text(stream, &crc));
  if (head[3] & HAS_COMMENT) BZDI_TRY(gzip_text(stream, &crc));
  uint32_t expected = crc & 0xFFFF;
  if (!(head[3] & HAS_CRC)) return BZD_OK;
  BZDI_TRY(gzip_bytes(stream, two, 2, &crc));
  if (bzdi_get16(two) != expected)
    return bzdi_fail(BZD_E_CORRUPT, "gzip header checksum is %u, expected %u", expected, bzdi_get16(two));
  return BZD_OK;
}

/* After the deflate stream: its checksum and length, and no second member. */
static bzd_status gzip_trailer(bzdi_stream *stream) {
  unsigned char tail[8];
  uint32_t none = 0;
  BZDI_TRY(gzip_bytes(stream, tail, sizeof tail, &none));
  if (bzdi_get32(tail) != stream->crc)
    return bzdi_fail(BZD_E_CORRUPT, "gzip checksum is %u, expected %u", stream->crc, bzdi_get32(tail));
  if (bzdi_get32(tail + 4) != (uint32_t)stream->given)
    return bzdi_fail(BZD_E_CORRUPT, "gzip length is %u, expected %u", (uint32_t)stream->given, bzdi_get32(tail + 4));
  return BZD_OK;
}

/* ---- The stream ---------------------------------------------------------------------------------------------- */

bzd_status bzdi_stream_open(const bzd_context *context, const bzdi_reader *reader, const bzdi_wrap *wrap,
                            bzdi_stream **out) {
  bzdi_stream *stream = bzdi_malloc(context, 1, sizeof *stream);
  *out = NULL;
  if (!stream) return bzdi_no_memory("tensor reader", 1, sizeof *stream);
  memset(stream, 0, offsetof(bzdi_stream, input));
  stream->context = context;
  stream->reader = reader;
  stream->wrap = *wrap;
  stream->at = wrap->offset;
  stream->end = wrap->offset + wrap->stored;
  bzd_status status = wrap->packing == BZDI_WRAP_GZIP ? gzip_header(stream) : BZD_OK;
  if (status == BZD_OK && (wrap->packing == BZDI_WRAP_DEFLATED || wrap->packing == BZDI_WRAP_GZIP))
    status = bzdi_inflater_new(context, &stream->inflater);
  if (status == BZD_OK)
    *out = stream;
  else
    bzdi_stream_close(stream);
  return status;
}

void bzdi_stream_close(bzdi_stream *stream) {
  if (!stream) return;
  bzdi_inflater_free(stream->inflater);
  bzdi_free(stream->context, stream);
}

static bzd_status read_stored(bzdi_stream *stream, unsigned char *to, uint64_t size) {
  if (size > stream->end - stream->at)
    return bzdi_fail(BZD_E_CORRUPT, "%llu bytes are left, expected %llu",
                     (unsigned long long)(stream->end - stream->at), (unsigned long long)size);
  while (size > 0) {
    /* In pieces that stay in the cache for the checksum. */
    uint64_t piece = stream->wrap.packing == BZDI_WRAP_NONE || size < CRC_PIECE ? size : CRC_PIECE;
    BZDI_TRY(stream->reader->read(stream->reader->user, stream->at, to, (size_t)piece));
    if (stream->wrap.packing != BZDI_WRAP_NONE) stream->crc = bzdi_crc32(stream->crc, to, (size_t)piece);
    stream->at += piece;
    to += piece;
    size -= piece;
  }
  return BZD_OK;
}

static bzd_status read_deflated(bzdi_stream *stream, unsigned char *to, uint64_t size) {
  while (size > 0) {
    if (stream->over) return bzdi_fail(BZD_E_CORRUPT, "deflate stream ends %llu bytes short", (unsigned long long)size);
    if (stream->left == 0 && stream->at < stream->end) BZDI_TRY(refill(stream));
    unsigned char *start = to;
    size_t left = stream->left;
    BZDI_TRY(bzdi_inflate(stream->inflater, &stream->next, &stream->left, &to, &size, &stream->over));
    stream->crc = bzdi_crc32(stream->crc, start, (size_t)(to - start));
    stream->given += (uint64_t)(to - start);
    if (!stream->over && to == start && stream->left == left && stream->at == stream->end)
      return bzdi_fail(BZD_E_CORRUPT, "deflate stream is cut off %llu bytes short", (unsigned long long)size);
  }
  return BZD_OK;
}

bzd_status bzdi_stream_read(bzdi_stream *stream, void *data, uint64_t size) {
  return stream->inflater ? read_deflated(stream, data, size) : read_stored(stream, data, size);
}

/* What is left of a deflate stream after the last byte: its end, and nothing else. */
static bzd_status end_deflated(bzdi_stream *stream) {
  unsigned char more, *to = &more;
  uint64_t room = 1;
  while (!stream->over) {
    if (stream->left == 0) BZDI_TRY(refill(stream));
    BZDI_TRY(bzdi_inflate(stream->inflater, &stream->next, &stream->left, &to, &room, &stream->over));
    if (room == 0)
      return bzdi_fail(BZD_E_CORRUPT, "inflates to more than %llu bytes", (unsigned long long)stream->given);
  }
  if (stream->wrap.packing == BZDI_WRAP_GZIP) BZDI_TRY(gzip_trailer(stream));
  return BZD_OK;
}

bzd_status bzdi_stream_end(bzdi_stream *stream) {
  if (stream->inflater) BZDI_TRY(end_deflated(stream));
  uint64_t left = stream->left + (stream->end - stream->at);
  if (left > 0) return bzdi_fail(BZD_E_CORRUPT, "%llu bytes follow the end of the data", (unsigned long long)left);
  if ((stream->wrap.packing == BZDI_WRAP_STORED || stream->wrap.packing == BZDI_WRAP_DEFLATED) &&
      stream->crc != stream->wrap.crc)
    return bzdi_fail(BZD_E_CORRUPT, "checksum is %u, expected %u", stream->crc, stream->wrap.crc);
  return BZD_OK;
}
