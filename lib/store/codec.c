/* SPDX-License-Identifier: MIT */
#include "store/codec.h"

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { ZLIB_ROOM = 48 * 1024 }; /* inflate's state, about 7 KiB, and the 32 KiB that a broken stream makes it take */

struct bzdi_coder {
  const bzd_context *context;
  size_t zlib_used; /* of the room */
  unsigned char planes[BZDI_BLOCK], stored[BZDI_BLOCK];
  _Alignas(64) unsigned char zlib_room[ZLIB_ROOM];
};

size_t bzdi_coder_bytes(void) { return sizeof(bzdi_coder); }

bzdi_coder *bzdi_coder_in(const bzd_context *context, void *memory) {
  bzdi_coder *coder = memory;
  coder->context = context;
  return coder;
}

bzd_status bzdi_coder_new(const bzd_context *context, bzdi_coder **out) {
  *out = bzdi_malloc(context, 1, sizeof **out);
  if (!*out) return bzdi_no_memory("codec", 1, sizeof **out);
  bzdi_coder_in(context, *out);
  return BZD_OK;
}

void bzdi_coder_free(bzdi_coder *coder) {
  if (coder) bzdi_free(coder->context, coder);
}

unsigned char *bzdi_coder_stored(bzdi_coder *coder) { return coder->stored; }
int bzdi_planes(size_t element) { return element == 4 ? 4 : element == 2 ? 2 : 1; }

/* From the room while it lasts: a stream's blocks all go before the next stream begins. */
static void *zlib_alloc(void *user, unsigned count, unsigned size) {
  bzdi_coder *coder = user;
  size_t bytes = ((size_t)count * size + 63) / 64 * 64;
  if (bytes > ZLIB_ROOM - coder->zlib_used) return bzdi_malloc(coder->context, count, size);
  coder->zlib_used += bytes;
  return coder->zlib_room + coder->zlib_used - bytes;
}
static void zlib_free(void *user, void *block) {
  bzdi_coder *coder = user;
  uintptr_t at = (uintptr_t)block - (uintptr_t)coder->zlib_room;
  if (at >= ZLIB_ROOM) bzdi_free(coder->context, block);
}

static z_stream new_stream(bzdi_coder *coder) {
  z_stream stream = {0};
  coder->zlib_used = 0;
  stream.zalloc = zlib_alloc;
  stream.zfree = zlib_free;
  stream.opaque = coder;
  return stream;
}

/* Bytes of plane p of a block: every planes-th byte, of words rotated left by 1 when there are four. */
static void split(int planes, const unsigned char *raw, size_t size, unsigned char *out) {
  size_t n = size / (size_t)planes;
  if (planes == 1) {
    memcpy(out, raw, size);
  } else if (planes == 2) {
    for (size_t i = 0; i < n; i++) out[i] = raw[2 * i], out[n + i] = raw[2 * i + 1];
  } else {
    for (size_t i = 0; i < n; i++) {
      uint32_t word = (uint32_t)raw[4 * i] | (uint32_t)raw[4 * i + 1] << 8 | (uint32_t)raw[4 * i + 2] << 16 |
                      (uint32_t)raw[4 * i + 3] << 24;
      word = word << 1 | word >> 31;
      out[i] = (unsigned char)word;
      out[n + i] = (unsigned char)(word >> 8);
      out[2 * n + i] = (unsigned char)(word >> 16);
      out[3 * n + i] = (unsigned char)(word >> 24);
    }
  }
}

static void join(int planes, const unsigned char *in, unsigned char *raw, size_t size) {
  size_t n = size / (size_t)planes;
  if (planes == 1) {
    memcpy(raw, in, size);
  } else if (planes == 2) {
    for (size_t i = 0; i < n; i++) raw[2 * i] = in[i], raw[2 * i + 1] = in[n + i];
  } else {
    for (size_t i = 0; i < n; i++) {
      uint32_t word =
          (uint32_t)in[i] | (uint32_t)in[n + i] << 8 | (uint32_t)in[2 * n + i] << 16 | (uint32_t)in[3 * n + i] << 24;
      word = word >> 1 | word << 31;
      raw[4 * i] = (unsigned char)word;
      raw[4 * i + 1] = (unsigned char)(word >> 8);
      raw[4 * i + 2] = (unsigned char)(word >> 16);
      raw[4 * i + 3] = (unsigned char)(word >> 24);
    }
  }
}

/* Whether deflate is worth trying: a plane whose bytes are all but evenly spread (mantissas) only costs time. */
static int looks_random(const unsigned char *bytes, size_t n) {
  if (n < 4096) return 0;
  uint32_t count[256] = {0};
  for (size_t i = 0; i < n; i++) count[bytes[i]]++;
  double squares = 0, expected = (double)n / 256;
  for (int i = 0; i < 256; i++) squares += ((double)count[i] - expected) * ((double)count[i] - expected);
  return squares / expected < 0.02 * (double)n; /* chi-square per byte: 0.02 is about 1.4 % to be won at most */
}

/* Deflates into room bytes; 0 when that does not suffice. */
static bzd_status deflate_plane(bzdi_coder *coder, const unsigned char *in, size_t n, unsigned char *out, size_t room,
                                size_t *size) {
  z_stream stream = new_stream(coder);
  if (deflateInit2(&stream, 6, Z_DEFLATED, 15, 9, Z_RLE) != Z_OK) return bzdi_no_memory("deflate", 1, 1 << 18);
  stream.next_in = (unsigned char *)(uintptr_t)in;
  stream.avail_in = (uInt)n;
  stream.next_out = out;
  stream.avail_out = (uInt)room;
  int result = deflate(&stream, Z_FINISH);
  *size = result == Z_STREAM_END ? room - stream.avail_out : 0;
  deflateEnd(&stream);
  return BZD_OK;
}

bzd_status bzdi_block_encode(bzdi_coder *coder, int planes, const void *raw, size_t size, const unsigned char **stored,
                             size_t *total, uint32_t plane[4]) {
  size_t n = size / (size_t)planes, used = 0;
  split(planes, raw, size, coder->planes);
  for (int p = 0; p < 4; p++) plane[p] = 0;
  for (int p = 0; p < planes; p++) {
    const unsigned char *in = coder->planes + (size_t)p * n;
    size_t packed = 0;
    /* A deflated plane must save at least a byte, so the room is one short of the plane. */
    if (n > 1 && !looks_random(in, n)) BZDI_TRY(deflate_plane(coder, in, n, coder->stored + used, n - 1, &packed));
    if (packed > 0) {
      plane[p] = (uint32_t)packed | BZDI_DEFLATED;
      used += packed;
    } else {
      memcpy(coder->stored + used, in, n);
      plane[p] = (uint32_t)n;
      used += n;
    }
  }
  *stored = coder->stored;
  *total = used;
  return BZD_OK;
}

int bzdi_block_check(int planes, size_t size, const uint32_t plane[4]) {
  size_t n = size / (size_t)planes;
  if (size == 0 || size > BZDI_BLOCK || size % (size_t)planes != 0) return 0;
  for (int p = 0; p < 4; p++) {
    size_t length = plane[p] & ~BZDI_DEFLATED;
    if (p >= planes ? plane[p] != 0 : plane[p] & BZDI_DEFLATED ? length == 0 || length >= n : length != n) return 0;
  }
  return 1;
}

static bzd_status inflate_plane(bzdi_coder *coder, const unsigned char *in, size_t n, unsigned char *out, size_t size) {
  z_stream stream = new_stream(coder);
  if (inflateInit2(&stream, 15) != Z_OK) return bzdi_no_memory("inflate", 1, 1 << 16);
  stream.next_in = (unsigned char *)(uintptr_t)in;
  stream.avail_in = (uInt)n;
  stream.next_out = out;
  stream.avail_out = (uInt)size;
  int result = inflate(&stream, Z_FINISH);
  int exact = result == Z_STREAM_END && stream.avail_out == 0 && stream.avail_in == 0;
  inflateEnd(&stream);
  if (result == Z_MEM_ERROR) return bzdi_no_memory("inflate", 1, 1 << 16);
  return exact ? BZD_OK : bzdi_fail(BZD_E_CORRUPT, "block: a plane of %zu bytes does not inflate to %zu", n, size);
}

bzd_status bzdi_block_decode(bzdi_coder *coder, int planes, const unsigned char *stored, const uint32_t plane[4],
                             void *raw, size_t size) {
  size_t n = size / (size_t)planes;
  for (int p = 0; p < planes; p++) {
    size_t length = plane[p] & ~BZDI_DEFLATED;
    unsigned char *out = coder->planes + (size_t)p * n;
    if (plane[p] & BZDI_DEFLATED)
      BZDI_TRY(inflate_plane(coder, stored, length, out, n));
    else
      memcpy(out, stored, n);
    stored += length;
  }
  join(planes, coder->planes, raw, size);
  return BZD_OK;
}

uint32_t bzdi_crc32(uint32_t crc, const void *data, size_t size) { return (uint32_t)crc32_z(crc, data, size); }

const char *bzdi_codec_zlib_version(void) { return zlibVersion(); }
