/* SPDX-License-Identifier: MIT */
/* Times of training rows. Words of the sample's block: 0 places it, 1 decides the atoms at 0 and on the grid, 2 flips
 * (U-shaped), is the second uniform of a normal or chooses the sampler, 3 chooses which of its steps. */
#include "base/rng.h"
#include "distill/objective.h"

#include <math.h>

/* Share of rows that LOSS_AWARE spreads evenly, whatever was seen. */
#define EVEN 0.2

/* (r + 1/2) / 2^23 of the top 23 bits: inside (0, 1) and exact in float32. */
static double unit(uint32_t word) { return ((double)(word >> 9) + 0.5) / 8388608.0; }

/* p(t) = a (e^(at) + e^(a(1-t))) / (2 (e^a - 1)): the rising half by its inverse, then flipped or not. */
static double u_shaped(double a, double u, int flip) {
  double t = log1p(u * expm1(a)) / a;
  return flip ? 1 - t : t;
}

/* 1 / (1 + exp(-(mean + std z))), z by Box-Muller. */
static double logit_normal(double mean, double std, double u, double v) {
  double z = sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
  return 1 / (1 + exp(-(mean + std * z)));
}

/* Share of rows in each bin: by the root of its loss, which is what the size of a gradient goes with. A bin not seen
 * yet counts as the mean of the others. */
static void shares(const bzdi_time_seen *seen, double share[BZDI_TIME_BINS]) {
  double sum = 0;
  int known = 0;
  for (int b = 0; b < BZDI_TIME_BINS; b++)
    if (seen->loss[b] > 0) sum += sqrt(seen->loss[b]), known++;
  for (int b = 0; b < BZDI_TIME_BINS; b++) {
    double own = known == 0 ? 1 : seen->loss[b] > 0 ? sqrt(seen->loss[b]) * known / sum : 1;
    share[b] = own;
  }
  sum = 0;
  for (int b = 0; b < BZDI_TIME_BINS; b++) sum += share[b];
  for (int b = 0; b < BZDI_TIME_BINS; b++) share[b] = EVEN / BZDI_TIME_BINS + (1 - EVEN) * share[b] / sum;
}

static double by_shares(const double share[BZDI_TIME_BINS], double u, float *weight) {
  int b = 0;
  for (; b < BZDI_TIME_BINS - 1 && u >= share[b]; b++) u -= share[b];
  *weight = (float)(1 / (BZDI_TIME_BINS * share[b]));
  return (b + fmin(u / share[b], 1)) / BZDI_TIME_BINS;
}

/* A step of a sampler: of one step with probability one_step, else of grid_steps, a half, a quarter .. of them while
 * that is whole and more than one, with equal chances. Returns where it starts; *share is how much of the rest it goes.
 */
static double grid_step(const bzdi_time_config *config, double which, double place, float *share) {
  int32_t steps = 1;
  if (which >= config->one_step) {
    int32_t kinds = 0;
    for (int32_t k = config->grid_steps; k > 1; k = k % 2 == 0 ? k / 2 : 1) kinds++;
    int32_t halvings = (int32_t)((which - config->one_step) / (1 - config->one_step) * kinds);
    steps = config->grid_steps >> (halvings < kinds ? halvings : kinds - (kinds > 0));
  }
  double k = floor(place * steps);
  *share = (float)(1 / (steps - k));
  return k / steps;
}

void bzdi_times(const bzdi_time_config *config, const bzdi_time_seen *seen, int64_t n, const int64_t *index, float *t,
                float *weight, float *step) {
  double share[BZDI_TIME_BINS];
  if (config->kind == BZDI_TIME_LOSS_AWARE) shares(seen, share);
  for (int64_t r = 0; r < n; r++) {
    uint32_t words[4];
    float own = 1, part = 0;
    bzdi_rng_words(config->seed, BZD_STREAM_TIME, (uint64_t)index[r], 0, words);
    double time = unit(words[0]), atom = unit(words[1]);
    switch (config->kind) {
    case BZDI_TIME_U_SHAPED: time = u_shaped(config->u_shape, time, (words[2] & 1) != 0); break;
    case BZDI_TIME_LOGIT_NORMAL:
      time = logit_normal(config->logit_mean, config->logit_std, time, unit(words[2]));
      break;
    case BZDI_TIME_LOSS_AWARE: time = by_shares(share, time, &own); break;
    default: break;
    }
    if (atom < config->at_zero + config->at_grid) {
      time = atom < config->at_zero ? 0 : grid_step(config, unit(words[2]), unit(words[3]), &part);
      own = 1;
    }
    t[r] = fminf((float)time, 0.99999994f); /* rounding must not reach 1 */
    if (weight) weight[r] = own;
    if (step) step[r] = part;
  }
}

void bzdi_times_learn(bzdi_time_seen *seen, int64_t n, const float *t, const double *loss) {
  double sum[BZDI_TIME_BINS] = {0};
  int64_t count[BZDI_TIME_BINS] = {0};
  for (int64_t r = 0; r < n; r++) {
    int b = (int)(t[r] * BZDI_TIME_BINS);
    sum[b] += loss[r];
    count[b]++;
  }
  for (int b = 0; b < BZDI_TIME_BINS; b++) {
    if (count[b] == 0) continue;
    double now = sum[b] / (double)count[b];
    seen->loss[b] = seen->loss[b] > 0 ? 0.98 * seen->loss[b] + 0.02 * now : now;
  }
}
