/* SPDX-License-Identifier: MIT */
/* The block codec: up to 256 KiB of raw bytes as 1, 2 or 4 byte planes (store/planes.h), each stored as it is or as a
 * zlib stream. */
#ifndef BZDI_STORE_CODEC_H
#define BZDI_STORE_CODEC_H

#include "store/crc.h"

#include <bezdist/base.h>

enum { BZDI_BLOCK = 256 * 1024 };
#define BZDI_DEFLATED 0x80000000u /* bit of a plane's stored length */

/* What decoding takes, planes and zlib's state, in the caller's memory: it owns nothing and needs no freeing. */
typedef struct bzdi_coder bzdi_coder;
size_t bzdi_coder_bytes(void);
bzdi_coder *bzdi_coder_in(const bzd_context *context, void *memory);

/* Planes of an element size in bytes: 4, 2, or 1 for all others. */
int bzdi_planes(size_t element);

/* raw (size bytes, a multiple of the planes, 1..BZDI_BLOCK) -> the returned number of bytes, at most size, at stored,
 * which has room for BZDI_STORED; plane[4] gets stored lengths with BZDI_DEFLATED, 0 beyond the planes. room: size
 * bytes of workspace. Same input, same bytes. */
enum { BZDI_STORED = BZDI_BLOCK + 64 };
size_t bzdi_block_encode(unsigned char *room, int planes, const void *raw, size_t size, unsigned char *stored,
                         uint32_t plane[4]);
/* Stored lengths that fit a block of this size: each plane present, none longer than raw, all others 0. */
int bzdi_block_check(int planes, size_t size, const uint32_t plane[4]);
/* Allocates nothing where zlib's state fits the coder's room for it, as that of zlib does. Checked lengths;
 * BZD_E_CORRUPT when a plane does not inflate to exactly its size. */
bzd_status bzdi_block_decode(bzdi_coder *coder, int planes, const unsigned char *stored, const uint32_t plane[4],
                             void *raw, size_t size);
const char *bzdi_codec_zlib_version(void); /* of the library in use: "1.2.13" */

#endif
