/* SPDX-License-Identifier: MIT */
/* Times of training rows: word 0 of the sample's block places it, word 1 decides the atom at 0, word 2 flips. */
#include "base/rng.h"
#include "distill/trainer.h"

#include <math.h>

/* (r + 1/2) / 2^23 of the top 23 bits: inside (0, 1) and exact in float32. */
static double unit(uint32_t word) { return ((double)(word >> 9) + 0.5) / 8388608.0; }

/* p(t) = a (e^(at) + e^(a(1-t))) / (2 (e^a - 1)): the rising half by its inverse, then flipped or not. */
static double u_shaped(double a, double u, int flip) {
  double t = log1p(u * expm1(a)) / a;
  return flip ? 1 - t : t;
}

void bzdi_times(const bzdi_trainer_config *config, int64_t n, const int64_t *index, float *t) {
  for (int64_t r = 0; r < n; r++) {
    uint32_t words[4];
    bzdi_rng_words(config->seed, BZD_STREAM_TIME, (uint64_t)index[r], 0, words);
    double time = unit(words[0]);
    if (config->time == BZDI_TIME_U_SHAPED) time = u_shaped(config->u_shape, time, (words[2] & 1) != 0);
    if (config->at_zero > 0 && unit(words[1]) < config->at_zero) time = 0;
    t[r] = fminf((float)time, 0.99999994f); /* rounding must not reach 1 */
  }
}
