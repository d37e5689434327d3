/* SPDX-License-Identifier: MIT */
/* Deflate (RFC 1951) for planes of bytes: one block with Huffman codes of its own, in which eight bytes that equal the
 * one before them are a match at distance 1, and so is what follows of the run. Several times faster than zlib at this,
 * and the bytes do not depend on zlib's version. */
#ifndef BZDI_STORE_DEFLATE_H
#define BZDI_STORE_DEFLATE_H

#include <stddef.h>

/* A whole stream of n >= 1 bytes to out, which has room for most + 8. Its size, or 0 when that is above most: nothing
 * of meaning is in out then. */
size_t bzdi_deflate_plane(const unsigned char *bytes, size_t n, unsigned char *out, size_t most);

#endif
