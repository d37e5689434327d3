/* SPDX-License-Identifier: MIT */
/* The inner loop of noise version 1, compiled once per instruction set. All variants give the same bits. */
#ifndef BZDI_BASE_RNG_LANES_H
#define BZDI_BASE_RNG_LANES_H

#include <stdint.h>

/* Blocks are done this many at a time by every variant. */
#define BZDI_RNG_LANES 16

/* What becomes of the four words of a block. */
#define BZDI_RNG_NORMALS 0
#define BZDI_RNG_UNIFORMS 1

/* Four floats for each of n counters {lo, hi, block, stream}; n is a multiple of BZDI_RNG_LANES. */
typedef void (*bzdi_rng_lanes_fn)(int kind, const uint32_t key[2], uint32_t stream, const uint32_t *lo,
                                  const uint32_t *hi, const uint32_t *block, int64_t n, float *out);

void bzdi_rng_lanes_base(int kind, const uint32_t key[2], uint32_t stream, const uint32_t *lo, const uint32_t *hi,
                         const uint32_t *block, int64_t n, float *out);
#if defined(__x86_64__)
void bzdi_rng_lanes_avx2(int kind, const uint32_t key[2], uint32_t stream, const uint32_t *lo, const uint32_t *hi,
                         const uint32_t *block, int64_t n, float *out);
void bzdi_rng_lanes_avx512(int kind, const uint32_t key[2], uint32_t stream, const uint32_t *lo, const uint32_t *hi,
                           const uint32_t *block, int64_t n, float *out);
#endif

/* The widest variant this CPU runs. */
bzdi_rng_lanes_fn bzdi_rng_lanes(void);

#endif
