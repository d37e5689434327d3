/* SPDX-License-Identifier: MIT */
/* Times of training rows: moments and distribution functions, the atom at 0, a pure function of the sample number.
 * Seeds are fixed; the tolerances are four standard errors of the moment, and the Kolmogorov statistic's 0.1 % point.
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
    bzdi_times(&config, NULL, MANY, number, t, NULL);
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
  bzdi_times(&config, NULL, 1000, number, t, NULL);
  for (int i = 0; i < 1000; i++) bzdi_times(&config, NULL, 1, number + i, other + i, NULL);
  SAME(t, other, 1000);
  bzdi_times(&reseeded, NULL, 1000, number, other, NULL);
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
  bzdi_times(&config, NULL, MANY, number, other, NULL);
  config.at_zero = 0.3;
  bzdi_times(&config, NULL, MANY, number, t, NULL);
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
  bzdi_times(&config, NULL, MANY, number, t, NULL);
  for (int i = 0; i < MANY; i++) assert_true(t[i] == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_distributions), cmocka_unit_test(test_pure),
                                     cmocka_unit_test(test_atom)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
