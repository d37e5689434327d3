/* SPDX-License-Identifier: MIT */
/* Body of rng_lanes_*.c; docs/noise.md states what it computes. The including file defines
 *   W                 lanes of 32 bits in a vector
 *   NAME              the function
 *   mul_even(a, b)    64-bit products of the even 32-bit lanes
 *   root(x)           square root of each float
 * Philox runs on 64-bit lanes of which the low half counts: the multiplication ignores the upper halves, so no shuffle
 * is needed until the words are done. Nothing here may be reordered or contracted: the order is the definition. */
#ifndef BZDI_BASE_RNG_LANES_BODY_H
#define BZDI_BASE_RNG_LANES_BODY_H

#include <float.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0, "noise version 1 needs float arithmetic in float");
_Static_assert(BZDI_RNG_LANES % W == 0, "vectors must divide the lanes");

typedef uint64_t v64 __attribute__((vector_size(4 * W)));
typedef uint32_t vu __attribute__((vector_size(4 * W)));
typedef int32_t vi __attribute__((vector_size(4 * W)));
typedef float vf __attribute__((vector_size(4 * W)));

#define ROUNDS 10

static inline vu load(const uint32_t *p) {
  vu x;
  memcpy(&x, p, sizeof x);
  return x;
}

static inline vu u_all(uint32_t x) { return x - (vu){0}; }

static inline void one_round(v64 c[4], v64 key0, v64 key1) {
  v64 p0 = mul_even(c[0], (v64)u_all(0xD2511F53u)), p1 = mul_even(c[2], (v64)u_all(0xCD9E8D57u));
  c[0] = (p1 >> 32) ^ c[1] ^ key0;
  c[1] = p1;
  c[2] = (p0 >> 32) ^ c[3] ^ key1;
  c[3] = p0;
}

/* The words of W blocks, word by word; key holds the pairs of round keys. */
static inline void words(const v64 key[2 * ROUNDS], uint32_t stream, vu lo, vu hi, vu block, vu w[4]) {
  v64 even[4] = {(v64)lo, (v64)hi, (v64)block, (v64)u_all(stream)};
  v64 odd[4] = {even[0] >> 32, even[1] >> 32, even[2] >> 32, even[3]};
#pragma GCC unroll 10
  for (int r = 0; r < ROUNDS; r++) {
    one_round(even, key[2 * r], key[2 * r + 1]);
    one_round(odd, key[2 * r], key[2 * r + 1]);
  }
  for (int k = 0; k < 4; k++) w[k] = (vu)((even[k] & 0xFFFFFFFFu) | (odd[k] << 32));
}

/* sqrt(-2 ln u), u = (w + 1/2) / 2^32. With q = min(u, 1 - u), which float holds with full relative precision, u is
 * written m 2^e, m in [sqrt(1/2), sqrt(2)), and m - 1 = f comes without cancellation at both ends. */
static inline vf radius(vu w) {
  vu upper = (vu)((vi)w >> 31); /* all ones where u > 1/2 */
  vf q = (__builtin_convertvector((vi)(w ^ upper), vf) + 0.5f) * 0x1p-32f;
  vf one = (vf)(upper & 0x3F800000u);
  vf part = (vf)((vu)q ^ (upper & 0x80000000u));
  vu above = (vu)(one + part) - 0x3F3504F3u; /* bits of u over those of sqrt(1/2) */
  vf scale = (vf)(0x3F800000u - (above & 0xFF800000u));
  vf e = __builtin_convertvector((vi)above >> 23, vf);
  vf f = (one * scale - 1.0f) + part * scale;
  vf f2 = f * f, f4 = f2 * f2; /* -2 ln(1 + f) = -2 f + f^2 g(f); g by Estrin's scheme: a short chain */
  vf g0 = (1.0f - f * 0x1.555554p-1f) + f2 * (0x1.000226p-1f - f * 0x1.99a01cp-2f);
  vf g4 = (0x1.54728ap-2f - f * 0x1.22d930p-2f) + f2 * (0x1.0d8246p-2f - f * 0x1.055eacp-2f);
  vf g = g0 + f4 * (g4 + f4 * 0x1.38c968p-3f);
  vf y = f2 * g + e * 0x1.bd0106p-12f; /* -2 ln 2 in two parts, the larger one exact times any e */
  y = (y - (f + f)) - e * 0x1.63p0f;
  return root(y);
}

/* r cos and r sin of 2 pi (w + 1/2) / 2^32. t in [-1/2, 1/2) is the angle from the nearest quarter turn. */
static inline void turn(vu w, vf r, vf *x, vf *y) {
  vu quarter = w + 0x20000000u;
  vf t = __builtin_convertvector((vi)((w << 2) | 2u), vf) * 0x1p-32f;
  vf z = t * t;
  vf s = z * -0x1.3345c2p-8f + 0x1.468190p-4f;
  s = s * z - 0x1.4abc26p-1f;
  s = s * z + 0x1.921fb6p0f;
  s = s * t;
  vf c = z * 0x1.d47088p-11f - 0x1.55b138p-6f;
  c = c * z + 0x1.03c1aep-2f;
  c = c * z - 0x1.3bd3ccp0f;
  c = c * z + 1.0f;
  vu swap = (vu)((vi)(quarter << 1) >> 31);
  vu mixed = ((vu)s ^ (vu)c) & swap;
  *x = r * (vf)(((vu)c ^ mixed) ^ ((quarter + 0x40000000u) & 0x80000000u));
  *y = r * (vf)(((vu)s ^ mixed) ^ (quarter & 0x80000000u));
}

static inline void normals(vu w[4], vf z[4]) {
  turn(w[1], radius(w[0]), &z[0], &z[1]);
  turn(w[3], radius(w[2]), &z[2], &z[3]);
}

static inline void uniforms(vu w[4], vf z[4]) {
  for (int k = 0; k < 4; k++) z[k] = (__builtin_convertvector((vi)(w[k] >> 9), vf) + 0.5f) * 0x1p-23f;
}

void NAME(int kind, const uint32_t key[2], uint32_t stream, const uint32_t *lo, const uint32_t *hi,
          const uint32_t *block, int64_t n, float *out) {
  v64 keys[2 * ROUNDS];
  for (int r = 0; r < ROUNDS; r++) {
    keys[2 * r] = (v64)u_all(key[0] + (uint32_t)r * 0x9E3779B9u);
    keys[2 * r + 1] = (v64)u_all(key[1] + (uint32_t)r * 0xBB67AE85u);
  }
  for (int64_t i = 0; i < n; i += W) {
    vu w[4];
    vf z[4];
    words(keys, stream, load(lo + i), load(hi + i), load(block + i), w);
    if (kind == BZDI_RNG_NORMALS)
      normals(w, z);
    else
      uniforms(w, z);
    put(z, out + 4 * i);
  }
}

#endif
