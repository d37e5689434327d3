/* SPDX-License-Identifier: MIT */
#include "store/codec.h"

#include "base/alloc.h"
#include "base/error.h"
#include "store/deflate.h"
#include "store/planes.h"

#include <string.h>
#include <zlib.h>

/* inflate's state, about 7 KiB, and the 32 KiB that a broken stream makes it take. A zlib that wants more is given it
 * by the host's allocator. */
enum { ZLIB_ROOM = 48 * 1024 };

struct bzdi_coder {
  const bzd_context *context;
  size_t zlib_used; /* of the room */
  _Alignas(64) unsigned char planes[BZDI_BLOCK];
  _Alignas(64) unsigned char zlib_room[ZLIB_ROOM];
};

size_t bzdi_coder_bytes(void) { return sizeof(bzdi_coder); }

bzdi_coder *bzdi_coder_in(const bzd_context *context, void *memory) {
  bzdi_coder *coder = memory;
  coder->context = context;
  return coder;
}

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

/* A zlib stream around deflate: header, block, Adler-32 of the plane. 0: it saves less than a sixteenth of the plane
 * and would cost more time to read than it is worth. */
static size_t pack_plane(const unsigned char *in, size_t n, unsigned char *out) {
  enum { AROUND = 2 + 4 };
  size_t most = n - n / 16;
  if (n < 16 || most <= AROUND) return 0;
  size_t size = bzdi_deflate_plane(in, n, out + 2, most - AROUND);
  if (size == 0) return 0;
  uint32_t sum = (uint32_t)adler32_z(1, in, n);
  out[0] = 0x78, out[1] = 0x9C; /* window 15; the header is a multiple of 31 */
  for (int k = 0; k < 4; k++) out[2 + size + (size_t)k] = (unsigned char)(sum >> (24 - 8 * k));
  return size + AROUND;
}

size_t bzdi_block_encode(unsigned char *room, int planes, const void *raw, size_t size, unsigned char *stored,
                         uint32_t plane[4]) {
  size_t n = size / (size_t)planes, used = 0;
  bzdi_planes_split(planes, raw, size, room);
  for (int p = 0; p < 4; p++) plane[p] = 0;
  for (int p = 0; p < planes; p++) {
    const unsigned char *in = room + (size_t)p * n;
    size_t packed = pack_plane(in, n, stored + used);
    if (packed == 0) memcpy(stored + used, in, n);
    plane[p] = packed > 0 ? (uint32_t)packed | BZDI_DEFLATED : (uint32_t)n;
    used += packed > 0 ? packed : n;
  }
  return used;
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
