/* SPDX-License-Identifier: MIT */
/* What the network sees of x, condition and time. */
#ifndef BZDI_NET_EMBED_H
#define BZDI_NET_EMBED_H

#include "net/net.h"

/* Default frequencies: see embed.c for why these. */
void bzdi_embed_frequencies(int32_t count, float *out);
/* Input rows [n, ld] = [x, cond k, k, sin(t f), cos(t f)]; columns beyond are left alone. */
void bzdi_embed(const bzdi_rows *rows, int64_t dim, int64_t cond_dim, int32_t count, const float *frequencies,
                float *out, int64_t ld);

#endif
