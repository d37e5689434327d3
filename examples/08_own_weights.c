/* SPDX-License-Identifier: MIT */
/* 08: a weight rule of your own. Introduces: BZD_RULE_CALLBACK. Teachers near N(0, 1) -> N(3, 0.5^2), one broken. */
#include <bezdist/bezdist.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void check(bzd_status status) {
  if (status != BZD_OK) fprintf(stderr, "%s\n", bzd_status_name(status)), exit(1);
}

static int32_t velocity(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                        const float *cond, float *v) {
  const double *teacher = user; /* mean, deviation, and the time from which it stands still */
  (void)dim, (void)cond_dim, (void)cond;
  for (int64_t i = 0; i < n; i++) {
    double mean = teacher[0], s2 = teacher[1] * teacher[1], variance = (1 - t[i]) * (1 - t[i]) + t[i] * t[i] * s2;
    v[i] = t[i] > teacher[2] ? 0 : (float)(mean + (t[i] * s2 - (1 - t[i])) / variance * (x[i] - t[i] * mean));
  }
  return 0;
}

/* Of three teachers in one dimension: the nearer to the median velocity, the heavier. The library scales to sum 1. */
static int32_t near_median(void *user, int64_t n, int64_t count, int64_t dim, const float *x, const float *t,
                           const float *v, double *weights) {
  (void)user, (void)dim, (void)x, (void)t;
  for (int64_t i = 0; i < n; i++) {
    float a = v[i], b = v[n + i], c = v[2 * n + i], median = fmaxf(fminf(a, b), fminf(fmaxf(a, b), c));
    for (int64_t m = 0; m < count; m++) weights[i * count + m] = 1 / (1e-3 + pow(v[m * n + i] - median, 2));
  }
  return 0;
}

int main(void) {
  enum { COUNT = 2000 };
  double teachers[3][3] = {{2.98, 0.5, 1}, {3.02, 0.5, 1}, {3, 0.5, 0.5}}, mean = 0, deviation = 0;
  bzd_flow_config config;
  check(bzd_flow_config_init(&config, sizeof config));
  config.dim = 1;
  bzd_flow *flows[3];
  for (int m = 0; m < 3; m++) check(bzd_flow_create_callback(NULL, &config, velocity, teachers[m], 0, &flows[m]));
  for (int own = 0; own < 2; own++) {
    bzd_ensemble_config rule;
    check(bzd_ensemble_config_init(&rule, sizeof rule));
    if (own) rule.rule = BZD_RULE_CALLBACK, rule.weights = near_median;
    bzd_ensemble *ensemble;
    check(bzd_ensemble_create(NULL, &rule, 3, (const bzd_flow *const *)flows, &ensemble));
    static float x[COUNT];
    check(bzd_ensemble_sample(ensemble, NULL, COUNT, NULL, NULL, x, NULL));
    mean = deviation = 0;
    for (int i = 0; i < COUNT; i++) mean += x[i] / COUNT, deviation += x[i] * x[i] / COUNT;
    deviation = sqrt(deviation - mean * mean);
    printf("%s: mean %.3f (3), deviation %.3f (0.5)\n", own ? "near the median" : "uniform", mean, deviation);
    bzd_ensemble_destroy(ensemble);
  }
  for (int m = 0; m < 3; m++) bzd_flow_destroy(flows[m]);
  return fabs(mean / 3 - 1) < 0.03 && fabs(deviation / 0.5 - 1) < 0.03 ? 0 : 1; /* of the last, the own rule */
}
