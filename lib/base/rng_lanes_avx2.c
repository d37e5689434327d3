/* SPDX-License-Identifier: MIT */
/* Noise with AVX2: eight lanes. The build gives this file -mavx2; contraction stays off. */
#if defined(__x86_64__)
#include "base/rng_lanes.h"

#include <immintrin.h>

#define W 8
#define NAME bzdi_rng_lanes_avx2
#define mul_even(a, b) ((v64)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))
#define root(x) ((vf)_mm256_sqrt_ps((__m256)(x)))

/* out[4 lane + k] = z[k][lane]: transposed within each half, then the halves stored apart */
#define put(z, out)                                                                                                    \
  do {                                                                                                                 \
    __m256d a = _mm256_castps_pd(_mm256_unpacklo_ps((__m256)z[0], (__m256)z[1]));                                      \
    __m256d b = _mm256_castps_pd(_mm256_unpackhi_ps((__m256)z[0], (__m256)z[1]));                                      \
    __m256d c = _mm256_castps_pd(_mm256_unpacklo_ps((__m256)z[2], (__m256)z[3]));                                      \
    __m256d d = _mm256_castps_pd(_mm256_unpackhi_ps((__m256)z[2], (__m256)z[3]));                                      \
    __m256 rows[4] = {_mm256_castpd_ps(_mm256_unpacklo_pd(a, c)), _mm256_castpd_ps(_mm256_unpackhi_pd(a, c)),          \
                      _mm256_castpd_ps(_mm256_unpacklo_pd(b, d)), _mm256_castpd_ps(_mm256_unpackhi_pd(b, d))};         \
    for (int k = 0; k < 4; k++) {                                                                                      \
      _mm_storeu_ps((out) + 4 * k, _mm256_castps256_ps128(rows[k]));                                                   \
      _mm_storeu_ps((out) + 4 * k + 16, _mm256_extractf128_ps(rows[k], 1));                                            \
    }                                                                                                                  \
  } while (0)

#include "base/rng_lanes_body.h"
#else
typedef int bzdi_rng_lanes_avx2_unused;
#endif
