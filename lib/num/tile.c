/* SPDX-License-Identifier: MIT */
#include "num/tile.h"

/* Vectors of the width that the instruction set has, and the same as they lie in memory. GCC 12 keeps wider ones, and
 * those that it copies by memcpy, on the stack (measured: an eighth of the speed). Each element is one chain of
 * additions over p, so the width does not change a bit. */
typedef double v2 __attribute__((vector_size(16)));
typedef double v4 __attribute__((vector_size(32)));
typedef double v8 __attribute__((vector_size(64)));
typedef double v2_memory __attribute__((vector_size(16), aligned(8), may_alias));
typedef double v4_memory __attribute__((vector_size(32), aligned(8), may_alias));
typedef double v8_memory __attribute__((vector_size(64), aligned(8), may_alias));

#define UNROLL _Pragma("GCC unroll 16")
#define PRODUCT(vector, sum, x, y) sum += x * y
#define DISTANCE(vector, sum, x, y)                                                                                    \
  do {                                                                                                                 \
    const vector d = x - y;                                                                                            \
    sum += d * d;                                                                                                      \
  } while (0)
#define VARIANT(name, attribute, vector, add)                                                                          \
  attribute static void name(int64_t k, const double *a, const double *b, double *c, int64_t ldc) {                    \
    enum { LANES = sizeof(vector) / sizeof(double), PARTS = BZDI_TILE_COLUMNS / LANES };                               \
    vector sum[BZDI_TILE_ROWS][PARTS];                                                                                 \
    UNROLL for (int i = 0; i < BZDI_TILE_ROWS; i++) UNROLL for (int j = 0; j < PARTS; j++) sum[i][j] =                 \
        *(const vector##_memory *)(c + i * ldc + j * LANES);                                                           \
    for (int64_t p = 0; p < k; p++, a += BZDI_TILE_ROWS, b += BZDI_TILE_COLUMNS) {                                     \
      UNROLL for (int j = 0; j < PARTS; j++) {                                                                         \
        const vector y = *(const vector##_memory *)(b + j * LANES);                                                    \
        UNROLL for (int i = 0; i < BZDI_TILE_ROWS; i++) { add(vector, sum[i][j], a[i], y); }                           \
      }                                                                                                                \
    }                                                                                                                  \
    UNROLL for (int i = 0; i < BZDI_TILE_ROWS; i++) UNROLL for (int j = 0; j < PARTS; j++) *                           \
        (vector##_memory *)(c + i * ldc + j * LANES) = sum[i][j];                                                      \
  }

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512vl,avx512dq")))
VARIANT(products_avx2, AVX2, v4, PRODUCT)
VARIANT(products_avx512, AVX512, v8, PRODUCT)
VARIANT(distances_avx2, AVX2, v4, DISTANCE)
VARIANT(distances_avx512, AVX512, v8, DISTANCE)
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
VARIANT(products_base, , v2, PRODUCT)
VARIANT(distances_base, , v2, DISTANCE)

void bzdi_tile_products(int64_t k, const double *a, const double *b, double *c, int64_t ldc) {
  DISPATCH(products)
  products_base(k, a, b, c, ldc);
}

void bzdi_tile_distances(int64_t k, const double *a, const double *b, double *c, int64_t ldc) {
  DISPATCH(distances)
  distances_base(k, a, b, c, ldc);
}
