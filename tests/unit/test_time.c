/* SPDX-License-Identifier: MIT */
/* Times of training rows: moments and distribution functions, the atoms at 0 and on a grid, times by what losses were
 * seen, a pure function of the sample number. Seeds are fixed; the tolerances are four standard errors of the moment,
 * and the Kolmogorov statistic's 0.1 % point.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"

enum { MANY = 200000 };

static float t[MANY], other[MANY];
static int64_t number[MANY];

static int ascending(const void *a, const void *b) {
  const float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static double u_cdf(double a, double at) { return (exp(a * at) - exp(a * (1 - at)) + exp(a) - 1) / (2 * (exp(a) - 1)); }

/* Largest distance of the empirical distribution from F, times sqrt(n); a = 0: uniform. */
static double kolmogorov(double a) {
  double most = 0;
  qsort(t, MANY, sizeof *t, ascending);
  for (int i = 0; i < MANY; i++) {
    double f = a > 0 ? u_cdf(a, (double)t[i]) : (double)t[i];
    most = fmax(most, fmax(fabs(f - (double)i / MANY), fabs(f - (double)(i + 1) / MANY)));
  }
  return most * sqrt(MANY);
}

static void moments(double *mean, double *variance) {
  *mean = *variance = 0;
  for (int i = 0; i < MANY; i++) *mean += (double)t[i] / MANY;
  for (int i = 0; i < MANY; i++) *variance += pow((double)t[i] - *mean, 2) / MANY;
}

static void test_distributions(void **state) {
  static const double shapes[] = {0, 0.001, 1, 4, 30};
  (void)state;
  for (int i = 0; i < MANY; i++) number[i] = i;
  for (int s = 0; s < 5; s++) {
    const bzdi_time_config config = {
        .kind = s == 0 ? BZDI_TIME_UNIFORM : BZDI_TIME_U_SHAPED, .u_shape = shapes[s], .seed = 12};
    double mean, variance;
    bzdi_times(&config, NULL, MANY, number, t, NULL, NULL);
    moments(&mean, &variance);
    for (int i = 0; i < MANY; i++) assert_true(t[i] >= 0 && t[i] < 1);
    assert_true(fabs(mean - 0.5) < 4 * sqrt(variance / MANY));
    if (shapes[s] == 4) assert_true(fabs(variance - 0.115671) < 4 * 0.0876 / sqrt(MANY)); /* sd of (t - 1/2)^2 */
    if (s == 0) assert_true(fabs(variance - 1.0 / 12) < 4 * 0.0745 / sqrt(MANY));
    assert_true(kolmogorov(shapes[s]) < 1.95);
  }
}

/* A row's time is its sample's, whatever goes with it; seeds differ. */
static void test_pure(void **state) {
  const bzdi_time_config config = {.kind = BZDI_TIME_U_SHAPED, .u_shape = 4, .at_zero = 0.2, .seed = 9};
  bzdi_time_config reseeded = config;
  (void)state;
  reseeded.seed = UINT64_C(9) << 32;
  for (int i = 0; i < 1000; i++) number[i] = ((int64_t)1 << 40) + 3 * i;
  bzdi_times(&config, NULL, 1000, number, t, NULL, NULL);
  for (int i = 0; i < 1000; i++) bzdi_times(&config, NULL, 1, number + i, other + i, NULL, NULL);
  SAME(t, other, 1000);
  bzdi_times(&reseeded, NULL, 1000, number, other, NULL, NULL);
  int equal = 0;
  for (int i = 0; i < 1000; i++) equal += t[i] > 0 && t[i] == other[i];
  assert_true(equal < 10);
}

/* The atom replaces times and leaves the others as they were. */
static void test_atom(void **state) {
  bzdi_time_config config = {.kind = BZDI_TIME_UNIFORM, .seed = 4};
  int zeros = 0;
  (void)state;
  for (int i = 0; i < MANY; i++) number[i] = i;
  bzdi_times(&config, NULL, MANY, number, other, NULL, NULL);
  config.at_zero = 0.3;
  bzdi_times(&config, NULL, MANY, number, t, NULL, NULL);
  for (int i = 0; i < MANY; i++) {
    assert_true(other[i] > 0);
    zeros += t[i] == 0;
    assert_true(t[i] == 0 || t[i] == other[i]);
  }
  assert_true(fabs(zeros - 0.3 * MANY) < 4 * sqrt(0.21 * MANY));
  double mean = 0; /* of those that stay: independent of the choice */
  for (int i = 0; i < MANY; i++) mean += (double)t[i] / (MANY - zeros);
  assert_true(fabs(mean - 0.5) < 4 * sqrt(1.0 / 12 / (MANY - zeros)));
  config.at_zero = 1;
  bzdi_times(&config, NULL, MANY, number, t, NULL, NULL);
  for (int i = 0; i < MANY; i++) assert_true(t[i] == 0);
}

/* log(t/(1-t)) is normal. */
static void test_logit_normal(void **state) {
  static const double settings[][2] = {{0, 1}, {-0.8, 0.6}};
  (void)state;
  for (int i = 0; i < MANY; i++) number[i] = i;
  for (int s = 0; s < 2; s++) {
    const bzdi_time_config config = {
        .kind = BZDI_TIME_LOGIT_NORMAL, .logit_mean = settings[s][0], .logit_std = settings[s][1], .seed = 21};
    const double deviation = settings[s][1];
    double mean = 0, variance = 0;
    bzdi_times(&config, NULL, MANY, number, t, NULL, NULL);
    for (int i = 0; i < MANY; i++) {
      assert_true(t[i] > 0 && t[i] < 1);
      other[i] = (float)log((double)t[i] / (1 - (double)t[i]));
      mean += (double)other[i] / MANY;
    }
    for (int i = 0; i < MANY; i++) variance += pow((double)other[i] - mean, 2) / MANY;
    assert_true(fabs(mean - settings[s][0]) < 4 * deviation / sqrt(MANY));
    assert_true(fabs(variance - deviation * deviation) < 4 * deviation * deviation * sqrt(2.0 / MANY));
  }
}

/* Within four standard deviations of a binomial count. */
static int about(int count, double share) { return fabs(count - share * MANY) < 4 * sqrt(share * (1 - share) * MANY); }

/* Rows on the grid replace times and leave the others as they were. Uniform times are odd multiples of 2^-24: none is
 * on the grid by itself. Samplers of 12 steps: one, or 12, 6, 3 alike. */
static void test_grid(void **state) {
  static const double atoms[][3] = {{0, 0.5, 0.25}, {0.3, 0.25, 0.75}, {0.4, 0.6, 1}, {0, 1, 0}};
  static const int steps[] = {1, 12, 6, 3};
  static float step[MANY];
  (void)state;
  for (int i = 0; i < MANY; i++) number[i] = i;
  for (int s = 0; s < 4; s++) {
    bzdi_time_config config = {.kind = BZDI_TIME_UNIFORM, .grid_steps = 12, .at_zero = atoms[s][0], .seed = 8};
    int counts[4][12] = {{0}}, on_grid = 0, zero = 0;
    const double one = atoms[s][2];
    bzdi_times(&config, NULL, MANY, number, other, NULL, step);
    for (int i = 0; i < MANY; i++) assert_true(step[i] == 0);
    config.at_grid = atoms[s][1];
    config.one_step = one;
    bzdi_times(&config, NULL, MANY, number, t, NULL, step);
    for (int i = 0; i < MANY; i++) {
      if (step[i] == 0) {
        assert_true(t[i] == other[i]);
        zero += t[i] == 0;
        continue;
      }
      int found = 0;
      for (int k = 0; k < 4 && !found; k++) { /* which sampler's step is it? the length says */
        const int place = (int)lround((double)t[i] * steps[k]);
        const double length = (double)step[i] * (1 - (double)t[i]) * steps[k];
        found = fabs((double)t[i] * steps[k] - place) < 1e-5 && fabs(length - 1) < 1e-5;
        if (found) counts[k][place]++;
      }
      assert_true(found);
      on_grid++;
    }
    assert_true(about(on_grid, atoms[s][1]) || on_grid == MANY);
    assert_true(atoms[s][0] == 0 ? zero == 0 : about(zero, atoms[s][0]));
    for (int k = 0; k < 4; k++)
      for (int j = 0; j < steps[k]; j++) {
        const double share = atoms[s][1] * (k == 0 ? one : (1 - one) / 3 / steps[k]);
        assert_true(share == 0 ? counts[k][j] == 0 : share == 1 ? counts[k][j] == MANY : about(counts[k][j], share));
      }
  }
}

/* Nothing seen: uniform times, all weights 1. The shares are 1/32 but for their rounding in double. */
static void test_nothing_seen(void **state) {
  static float weight[MANY];
  bzdi_time_config config = {.kind = BZDI_TIME_UNIFORM, .seed = 31};
  const bzdi_time_seen seen = {{0}};
  (void)state;
  for (int i = 0; i < MANY; i++) number[i] = i;
  bzdi_times(&config, NULL, MANY, number, other, NULL, NULL);
  config.kind = BZDI_TIME_LOSS_AWARE;
  bzdi_times(&config, &seen, MANY, number, t, weight, NULL);
  for (int i = 0; i < MANY; i++) {
    assert_true(fabsf(t[i] - other[i]) < 1e-6f);
    assert_true(fabsf(weight[i] - 1) < 1e-6f);
  }
  assert_true(kolmogorov(0) < 1.95);
}

/* Rows go by the root of what was seen, weights make up for it. */
static void test_loss_aware(void **state) {
  static float weight[MANY];
  (void)state;
  for (int i = 0; i < MANY; i++) number[i] = i;
  for (int gap = 0; gap < 2; gap++) { /* all bins seen; bin 5 not yet, which counts as the mean of the roots */
    bzdi_time_config config = {.kind = BZDI_TIME_LOSS_AWARE, .grid_steps = 4, .seed = 32};
    bzdi_time_seen seen;
    double root[BZDI_TIME_BINS], share[BZDI_TIME_BINS], sum = 0, mean = 0, square = 0, weights = 0;
    int counts[BZDI_TIME_BINS] = {0};
    for (int b = 0; b < BZDI_TIME_BINS; b++) {
      seen.loss[b] = b < BZDI_TIME_BINS / 2 ? 0.04 : 0.36;
      root[b] = b < BZDI_TIME_BINS / 2 ? 0.2 : 0.6;
    }
    if (gap) seen.loss[5] = 0, root[5] = (15 * 0.2 + 16 * 0.6) / 31;
    for (int b = 0; b < BZDI_TIME_BINS; b++) sum += root[b];
    for (int b = 0; b < BZDI_TIME_BINS; b++) share[b] = 0.2 / BZDI_TIME_BINS + 0.8 * root[b] / sum;
    bzdi_times(&config, &seen, MANY, number, t, weight, NULL);
    for (int i = 0; i < MANY; i++) {
      assert_true(t[i] >= 0 && t[i] < 1);
      const int b = (int)(t[i] * BZDI_TIME_BINS);
      counts[b]++;
      assert_true(fabs((double)weight[i] * BZDI_TIME_BINS * share[b] - 1) < 1e-6);
      const double value = (double)weight[i] * (double)t[i] * (double)t[i];
      mean += value / MANY;
      square += value * value / MANY;
      weights += (double)weight[i] / MANY;
    }
    for (int b = 0; b < BZDI_TIME_BINS; b++) assert_true(about(counts[b], share[b]));
    assert_true(fabs(mean - 1.0 / 3) < 4 * sqrt((square - mean * mean) / MANY));
    assert_true(fabs(weights - 1) < 4 * 0.5 / sqrt(MANY)); /* 0.46: deviation of weights 5/3 and 5/7 */
    /* Atoms keep weight 1, the others their time and weight. */
    config.at_zero = config.at_grid = 0.25;
    static float atom_weight[MANY];
    int kept = 0;
    bzdi_times(&config, &seen, MANY, number, other, atom_weight, NULL);
    for (int i = 0; i < MANY; i++) {
      const int same = other[i] == t[i] && atom_weight[i] == weight[i];
      assert_true(same || (4 * other[i] == floorf(4 * other[i]) && atom_weight[i] == 1));
      kept += same;
    }
    assert_true(about(kept, 0.5));
  }
}

/* The first mean of a bin is taken as it is, later ones move it by 2 %; bins without rows stay. */
static void test_learn(void **state) {
  static const float times[] = {0, 0.03f, 0.5f, 0.99999994f, 0.51f};
  static const double first[] = {2, 4, 8, 5, 10}, later[] = {1, 1, 59, 5, 59};
  bzdi_time_seen seen = {{0}};
  (void)state;
  bzdi_times_learn(&seen, 5, times, first);
  for (int b = 0; b < BZDI_TIME_BINS; b++) {
    const double expected = b == 0 ? 3 : b == 16 ? 9 : b == 31 ? 5 : 0;
    assert_true(fabs(seen.loss[b] - expected) < 1e-12);
  }
  bzdi_times_learn(&seen, 5, times, later);
  assert_true(fabs(seen.loss[0] - 2.96) < 1e-12);
  assert_true(fabs(seen.loss[16] - 10) < 1e-12);
  assert_true(fabs(seen.loss[31] - 5) < 1e-12);
  bzdi_times_learn(&seen, 1, times + 2, first);
  assert_true(fabs(seen.loss[0] - 2.96) < 1e-12);
  assert_true(fabs(seen.loss[16] - (0.98 * 10 + 0.02 * 2)) < 1e-12);
  assert_true(seen.loss[1] == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_distributions), cmocka_unit_test(test_pure),
                                     cmocka_unit_test(test_atom),          cmocka_unit_test(test_logit_normal),
                                     cmocka_unit_test(test_grid),          cmocka_unit_test(test_nothing_seen),
                                     cmocka_unit_test(test_loss_aware),    cmocka_unit_test(test_learn)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
