/* SPDX-License-Identifier: MIT */
/* Noise for any CPU: four lanes, with SSE2 or NEON where they are the baseline. */
#include "base/rng_lanes.h"

#define W 4
#define NAME bzdi_rng_lanes_base

#if defined(__x86_64__)
#include <emmintrin.h>
#define mul_even(a, b) ((v64)_mm_mul_epu32((__m128i)(a), (__m128i)(b)))
#define root(x) ((vf)_mm_sqrt_ps((__m128)(x)))
#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#define mul_even(a, b) ((v64)vmull_u32(vmovn_u64((uint64x2_t)(a)), vmovn_u64((uint64x2_t)(b))))
#define root(x) ((vf)vsqrtq_f32((float32x4_t)(x)))
#else
#include <math.h>
#define mul_even(a, b) (((a)&0xFFFFFFFFu) * ((b)&0xFFFFFFFFu))
#define root(x) ((vf){sqrtf((x)[0]), sqrtf((x)[1]), sqrtf((x)[2]), sqrtf((x)[3])})
#endif

/* out[4 lane + k] = z[k][lane] */
#define put(z, out)                                                                                                    \
  do {                                                                                                                 \
    vf a = __builtin_shufflevector(z[0], z[1], 0, 4, 1, 5), b = __builtin_shufflevector(z[0], z[1], 2, 6, 3, 7);       \
    vf c = __builtin_shufflevector(z[2], z[3], 0, 4, 1, 5), d = __builtin_shufflevector(z[2], z[3], 2, 6, 3, 7);       \
    vf rows[4] = {__builtin_shufflevector(a, c, 0, 1, 4, 5), __builtin_shufflevector(a, c, 2, 3, 6, 7),                \
                  __builtin_shufflevector(b, d, 0, 1, 4, 5), __builtin_shufflevector(b, d, 2, 3, 6, 7)};               \
    memcpy((out), rows, sizeof rows);                                                                                  \
  } while (0)

#include "base/rng_lanes_body.h"
