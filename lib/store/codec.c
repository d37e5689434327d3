/* SPDX-License-Identifier: MIT */
#include "store/codec.h"

#include "base/alloc.h"
#include "base/error.h"
#include "store/planes.h"

#include <string.h>
#include <zlib.h>

/* Of one stream. inflate's state, about 7 KiB, and the 32 KiB that a broken stream makes it take; deflate's with window
 * 15 and memory level 9. A zlib that wants more is given it by the host's allocator. */
enum { INFLATE_ROOM = 48 * 1024, DEFLATE_ROOM = 448 * 1024 };

struct bzdi_coder {
  const bzd_context *context;
  size_t zlib_room, zlib_used;
  _Alignas(64) unsigned char planes[BZDI_BLOCK];
  _Alignas(64) unsigned char zlib[]; /* zlib_room bytes */
};

static size_t zlib_room(int way) { return way == BZDI_ENCODE ? DEFLATE_ROOM : INFLATE_ROOM; }

size_t bzdi_coder_bytes(int way) { return sizeof(bzdi_coder) + zlib_room(way); }

bzdi_coder *bzdi_coder_in(const bzd_context *context, int way, void *memory) {
  bzdi_coder *coder = memory;
  coder->context = context;
  coder->zlib_room = zlib_room(way);
  return coder;
}

int bzdi_planes(size_t element) { return element == 4 ? 4 : element == 2 ? 2 : 1; }

/* From the room while it lasts: a stream's blocks all go before the next stream begins. */
static void *zlib_alloc(void *user, unsigned count, unsigned size) {
  bzdi_coder *coder = user;
  size_t bytes = ((size_t)count * size + 63) / 64 * 64;
  if (bytes > coder->zlib_room - coder->zlib_used) return bzdi_malloc(coder->context, count, size);
  coder->zlib_used += bytes;
  return coder->zlib + coder->zlib_used - bytes;
}
static void zlib_free(void *user, void *block) {
  bzdi_coder *coder = user;
  uintptr_t at = (uintptr_t)block - (uintptr_t)coder->zlib;
  if (at >= coder->zlib_room) bzdi_free(coder->context, block);
}

static z_stream new_stream(bzdi_coder *coder) {
  z_stream stream = {0};
  coder->zlib_used = 0;
  stream.zalloc = zlib_alloc;
  stream.zfree = zlib_free;
  stream.opaque = coder;
  return stream;
}

/* Whether deflate is worth trying: a plane whose bytes are all but evenly spread (mantissas) only costs time. */
static int looks_random(const unsigned char *bytes, size_t n) {
  if (n < 4096) return 0;
  uint32_t count[4][256] = {0}; /* four, so that equal bytes in a row need not wait for each other */
  for (size_t i = 0; i < n / 4 * 4; i += 4)
    for (int k = 0; k < 4; k++) count[k][bytes[i + (size_t)k]]++;
  for (size_t i = n / 4 * 4; i < n; i++) count[0][bytes[i]]++;
  double squares = 0, expected = (double)n / 256;
  for (int i = 0; i < 256; i++) {
    double more = (double)(count[0][i] + count[1][i] + count[2][i] + count[3][i]) - expected;
    squares += more * more;
  }
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

bzd_status bzdi_block_encode(bzdi_coder *coder, int planes, const void *raw, size_t size, unsigned char *stored,
                             size_t *total, uint32_t plane[4]) {
  size_t n = size / (size_t)planes, used = 0;
  bzdi_planes_split(planes, raw, size, coder->planes);
  for (int p = 0; p < 4; p++) plane[p] = 0;
  for (int p = 0; p < planes; p++) {
    const unsigned char *in = coder->planes + (size_t)p * n;
    size_t packed = 0;
    /* A deflated plane must save at least a byte, so the room is one short of the plane. */
    if (n > 1 && !looks_random(in, n)) BZDI_TRY(deflate_plane(coder, in, n, stored + used, n - 1, &packed));
    if (packed > 0) {
      plane[p] = (uint32_t)packed | BZDI_DEFLATED;
      used += packed;
    } else {
      memcpy(stored + used, in, n);
      plane[p] = (uint32_t)n;
      used += n;
    }
  }
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
  const unsigned char *in[4] = {NULL}; /* planes that were not deflated are taken from where they are */
  for (int p = 0; p < planes; p++) {
    size_t length = plane[p] & ~BZDI_DEFLATED;
    unsigned char *out = coder->planes + (size_t)p * n;
    if (plane[p] & BZDI_DEFLATED) BZDI_TRY(inflate_plane(coder, stored, length, out, n));
    in[p] = plane[p] & BZDI_DEFLATED ? out : stored;
    stored += length;
  }
  bzdi_planes_join(planes, in, raw, size);
  return BZD_OK;
}

/* ---- Checksums ------------------------------------------------------------------------------------------------ */

uint32_t bzdi_crc32(uint32_t crc, const void *data, size_t size) {
  size_t folded = size >= 256 && bzdi_crc32_can_fold() ? size / 16 * 16 : 0;
  if (folded > 0) crc = ~bzdi_crc32_fold(~crc, data, folded);
  return (uint32_t)crc32_z(crc, (const unsigned char *)data + folded, size - folded);
}

uint32_t bzdi_crc32_join(uint32_t first, uint32_t second, uint64_t second_size) {
  return (uint32_t)crc32_combine(first, second, (z_off_t)second_size);
}

const char *bzdi_codec_zlib_version(void) { return zlibVersion(); }
