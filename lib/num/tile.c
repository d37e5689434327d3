/* SPDX-License-Identifier: MIT */
#include "num/tile.h"

#include <string.h>

typedef double v8 __attribute__((vector_size(64), aligned(8), may_alias));

/* Compiled once per instruction set by the wrappers below; `square` is a constant in each of them. */
static inline __attribute__((always_inline)) void tile(int square, int64_t k, const double *a, const double *b,
                                                       double *c, int64_t ldc) {
  v8 c0, c1, c2, c3;
  memcpy(&c0, c, sizeof c0);
  memcpy(&c1, c + ldc, sizeof c1);
  memcpy(&c2, c + 2 * ldc, sizeof c2);
  memcpy(&c3, c + 3 * ldc, sizeof c3);
  for (int64_t p = 0; p < k; p++, a += BZDI_TILE_ROWS, b += BZDI_TILE_COLUMNS) {
    v8 y;
    memcpy(&y, b, sizeof y);
    if (square) {
      const v8 d0 = a[0] - y, d1 = a[1] - y, d2 = a[2] - y, d3 = a[3] - y;
      c0 += d0 * d0;
      c1 += d1 * d1;
      c2 += d2 * d2;
      c3 += d3 * d3;
    } else {
      c0 += a[0] * y;
      c1 += a[1] * y;
      c2 += a[2] * y;
      c3 += a[3] * y;
    }
  }
  memcpy(c, &c0, sizeof c0);
  memcpy(c + ldc, &c1, sizeof c1);
  memcpy(c + 2 * ldc, &c2, sizeof c2);
  memcpy(c + 3 * ldc, &c3, sizeof c3);
}

#define VARIANT(name, attribute, square)                                                                               \
  attribute static void name(int64_t k, const double *a, const double *b, double *c, int64_t ldc) {                    \
    tile(square, k, a, b, c, ldc);                                                                                     \
  }

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512vl,avx512dq")))
VARIANT(products_avx2, AVX2, 0)
VARIANT(products_avx512, AVX512, 0)
VARIANT(distances_avx2, AVX2, 1)
VARIANT(distances_avx512, AVX512, 1)
#define DISPATCH(name)                                                                                                 \
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) { \
    name##_avx512(k, a, b, c, ldc);                                                                                    \
    return;                                                                                                            \
  }                                                                                                                    \
  if (__builtin_cpu_supports("avx2")) {                                                                                \
    name##_avx2(k, a, b, c, ldc);                                                                                      \
    return;                                                                                                            \
  }
#else
#define DISPATCH(name)
#endif
VARIANT(products_base, , 0)
VARIANT(distances_base, , 1)

void bzdi_tile_products(int64_t k, const double *a, const double *b, double *c, int64_t ldc) {
  DISPATCH(products)
  products_base(k, a, b, c, ldc);
}

void bzdi_tile_distances(int64_t k, const double *a, const double *b, double *c, int64_t ldc) {
  DISPATCH(distances)
  distances_base(k, a, b, c, ldc);
}
