/* SPDX-License-Identifier: MIT */
/* The block codec: up to 256 KiB of raw bytes as 1, 2 or 4 byte planes, each deflated (Z_RLE) or stored, whichever is
 * smaller. Words of float32 are rotated left by 1 first, so that the exponent falls into one plane. */
#ifndef BZDI_STORE_CODEC_H
#define BZDI_STORE_CODEC_H

#include <bezdist/base.h>

enum { BZDI_BLOCK = 256 * 1024 };
#define BZDI_DEFLATED 0x80000000u /* bit of a plane's stored length */

typedef struct bzdi_coder bzdi_coder; /* workspace of one thread: planes and zlib's state */
bzd_status bzdi_coder_new(const bzd_context *context, bzdi_coder **out);
void bzdi_coder_free(bzdi_coder *coder);
/* The same inside the caller's memory of bzdi_coder_bytes() bytes, which owns nothing and needs no freeing. */
size_t bzdi_coder_bytes(void);
bzdi_coder *bzdi_coder_in(const bzd_context *context, void *memory);

/* Planes of an element size in bytes: 4, 2, or 1 for all others. */
int bzdi_planes(size_t element);

/* raw (size bytes, a multiple of the planes, 1..BZDI_BLOCK) -> *stored, *total bytes in the coder's own memory;
 * plane[4] gets stored lengths with BZDI_DEFLATED, 0 beyond the planes. Same input, same bytes. */
bzd_status bzdi_block_encode(bzdi_coder *coder, int planes, const void *raw, size_t size, const unsigned char **stored,
                             size_t *total, uint32_t plane[4]);
/* Stored lengths that fit a block of this size: each plane present, none longer than raw, all others 0. */
int bzdi_block_check(int planes, size_t size, const uint32_t plane[4]);
/* Allocates nothing where zlib's state fits the coder's room for it, as that of zlib does. Checked lengths;
 * BZD_E_CORRUPT when a plane does not inflate to exactly its size. */
bzd_status bzdi_block_decode(bzdi_coder *coder, int planes, const unsigned char *stored, const uint32_t plane[4],
                             void *raw, size_t size);
/* Room for the stored bytes of one block inside the coder. */
unsigned char *bzdi_coder_stored(bzdi_coder *coder);

uint32_t bzdi_crc32(uint32_t crc, const void *data, size_t size); /* start with 0 */
const char *bzdi_codec_zlib_version(void);                        /* of the library in use: "1.2.13" */

#endif
