/* SPDX-License-Identifier: MIT */
/* Deflate streams without a wrapper, as ZIP and gzip hold them, in the host's memory. */
#ifndef BZDI_STORE_FLATE_H
#define BZDI_STORE_FLATE_H

#include "store/buffer.h"

/* Deflate cannot do better than 1032 : 1, so that a promise of more is a lie. */
enum { BZDI_BEST_RATIO = 1032 };

typedef struct bzdi_inflater bzdi_inflater;
bzd_status bzdi_inflater_new(const bzd_context *context, bzdi_inflater **out);
void bzdi_inflater_free(bzdi_inflater *inflater);
/* Takes from in and puts to out what it can and moves both; *ended when the stream is over. BZD_E_CORRUPT,
 * BZD_E_MEMORY.
 */
bzd_status bzdi_inflate(bzdi_inflater *inflater, const unsigned char **in, size_t *in_left, unsigned char **out,
                        uint64_t *out_left, int *ended);

/* head and then data, as one stream at the end of out. Same bytes in, same bytes out, for one version of zlib. */
bzd_status bzdi_deflate(const bzd_context *context, const void *head, size_t head_size, const void *data, uint64_t size,
                        bzdi_buffer *out);

#endif
