/* SPDX-License-Identifier: MIT */
/* Random numbers for tests of the numerical layer, and contexts of several threads. */
#ifndef TESTS_SUPPORT_NUMBERS_H
#define TESTS_SUPPORT_NUMBERS_H

#include "base/context.h"
#include "base/handle.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* SplitMix64: uniform in [0, 1). */
static inline double numbers_uniform(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
  return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

static inline double numbers_normal(uint64_t *state) {
  const double u = 1.0 - numbers_uniform(state), v = numbers_uniform(state);
  return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

/* count normals, mean and deviation given; the caller frees. */
static inline float *numbers_floats(uint64_t seed, int64_t count, double mean, double deviation) {
  float *x = malloc((size_t)count * sizeof *x);
  for (int64_t i = 0; i < count; i++) x[i] = (float)(mean + deviation * numbers_normal(&seed));
  return x;
}

static inline bzd_context *numbers_context(int32_t threads) {
  bzd_context *context = NULL;
  const bzd_context_config config = {.struct_size = sizeof config, .threads = threads};
  return bzdi_context_new(&config, &context) == BZD_OK ? context : NULL;
}

#endif
