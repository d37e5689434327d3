/* SPDX-License-Identifier: MIT */
/* Noise with AVX-512: sixteen lanes. The build gives this file -mavx512f and friends; contraction stays off. */
#if defined(__x86_64__)
#include "base/rng_lanes.h"

#include <immintrin.h>

#define W 16
#define NAME bzdi_rng_lanes_avx512
#define mul_even(a, b) ((v64)_mm512_mul_epu32((__m512i)(a), (__m512i)(b)))
#define root(x) ((vf)_mm512_sqrt_ps((__m512)(x)))

/* out[4 lane + k] = z[k][lane]: transposed within each quarter, then the quarters stored apart */
#define put(z, out)                                                                                                    \
  do {                                                                                                                 \
    __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps((__m512)z[0], (__m512)z[1]));                                      \
    __m512d b = _mm512_castps_pd(_mm512_unpackhi_ps((__m512)z[0], (__m512)z[1]));                                      \
    __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps((__m512)z[2], (__m512)z[3]));                                      \
    __m512d d = _mm512_castps_pd(_mm512_unpackhi_ps((__m512)z[2], (__m512)z[3]));                                      \
    __m512 rows[4] = {_mm512_castpd_ps(_mm512_unpacklo_pd(a, c)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, c)),          \
                      _mm512_castpd_ps(_mm512_unpacklo_pd(b, d)), _mm512_castpd_ps(_mm512_unpackhi_pd(b, d))};         \
    for (int k = 0; k < 4; k++) {                                                                                      \
      _mm_storeu_ps((out) + 4 * k, _mm512_castps512_ps128(rows[k]));                                                   \
      _mm_storeu_ps((out) + 4 * k + 16, _mm512_extractf32x4_ps(rows[k], 1));                                           \
      _mm_storeu_ps((out) + 4 * k + 32, _mm512_extractf32x4_ps(rows[k], 2));                                           \
      _mm_storeu_ps((out) + 4 * k + 48, _mm512_extractf32x4_ps(rows[k], 3));                                           \
    }                                                                                                                  \
  } while (0)

#include "base/rng_lanes_body.h"
#else
typedef int bzdi_rng_lanes_avx512_unused;
#endif
