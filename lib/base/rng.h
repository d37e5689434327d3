/* SPDX-License-Identifier: MIT */
/* Philox4x32-10 and noise version 1. Everything is a pure function of (seed, stream, index, position). Only integer
 * operations and + - * / sqrt, no libm, no FMA: the same bits on every CPU, scalar or vector. */
#ifndef BZDI_BASE_RNG_H
#define BZDI_BASE_RNG_H

#include <bezdist/base.h>

/* One block; counter and key words as in the paper's reference. */
void bzdi_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
/* Four words of block `block` of sample `index`. */
void bzdi_rng_words(uint64_t seed, uint32_t stream, uint64_t index, uint32_t block, uint32_t out[4]);
/* Normals [n, dim] of samples first.., or of the listed samples (index[n]); out rows ld floats apart. */
void bzdi_rng_normals(uint64_t seed, uint32_t stream, uint64_t first, int64_t n, int64_t dim, float *out, int64_t ld);
void bzdi_rng_normals_at(uint64_t seed, uint32_t stream, const int64_t *index, int64_t n, int64_t dim, float *out,
                         int64_t ld);
/* (r + 1/2) / 2^23 of the top 23 bits r of each word, rows dim floats apart. */
void bzdi_rng_uniforms(uint64_t seed, uint32_t stream, uint64_t first, int64_t n, int64_t dim, float *out);
/* First uniform in (0,1) of a sample, in double: (r + 1/2) / 2^52 of the top 52 bits r of the first two words. (A 53rd
 * bit would round up to 1.) */
double bzdi_rng_unit(uint64_t seed, uint32_t stream, uint64_t index);
/* Position of draw s in an endless shuffled walk over n items: every run of n draws [kn, (k+1)n) visits each item once,
 * in an order of its own (a keyed Feistel permutation with cycle walking; nothing is stored). n in 1..2^40. */
int64_t bzdi_rng_shuffled(uint64_t seed, uint32_t stream, uint64_t s, int64_t n);

#endif
