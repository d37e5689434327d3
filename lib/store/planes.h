/* SPDX-License-Identifier: MIT */
/* Numbers as byte planes: plane p holds byte p of every number, so that bytes of one kind lie together for deflate.
 * Words of 4 bytes are rotated left by 1 first, so that the exponent of a float32 falls into one plane. */
#ifndef BZDI_STORE_PLANES_H
#define BZDI_STORE_PLANES_H

#include <stddef.h>

/* planes 1, 2 or 4; size a multiple of it; out: one plane after the other. */
void bzdi_planes_split(int planes, const unsigned char *raw, size_t size, unsigned char *out);
/* And back, from planes wherever they lie. */
void bzdi_planes_join(int planes, const unsigned char *const plane[4], unsigned char *raw, size_t size);

#endif
