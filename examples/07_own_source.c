/* SPDX-License-Identifier: MIT */
/* 07: a method of your own is a source. Introduces: callback sources. Noise winds out to a ring of radius 2. */
#include <bezdist/bezdist.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void check(bzd_status status) {
  if (status == BZD_OK) return;
  fprintf(stderr, "%s\n", bzd_status_name(status));
  exit(1);
}

/* Path number index[i]: from the noise of that number, by way of its quarter turn, to the ring at its own angle.
 * A pure function of the number; anything but 0 stops the call that asked for it with BZD_E_CANCELLED. */
static int32_t winding(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim, int64_t cond_dim,
                       float *paths, float *cond, float *span) {
  (void)user, (void)cond_dim, (void)cond, (void)span; /* span is 0 and 1 already */
  for (int64_t i = 0; i < n; i++) {
    float *p = paths + i * (degree + 1) * dim;
    if (bzd_noise(0, BZD_STREAM_NOISE, index[i], 1, dim, p) != BZD_OK) return 1;
    float radius = hypotf(p[0], p[1]) + 1e-9f;
    p[2] = -p[1], p[3] = p[0];
    p[4] = 2 * p[0] / radius, p[5] = 2 * p[1] / radius;
  }
  return 0;
}

int main(void) {
  enum { DEGREE = 2, COUNT = 1000 };
  bzd_source *source;
  check(bzd_source_create_callback(NULL, DEGREE, 2, 0, winding, NULL, &source));
  bzd_flow_config flow;
  check(bzd_flow_config_init(&flow, sizeof flow));
  flow.kind = BZD_FLOW_CONTROL, flow.degree = DEGREE, flow.dim = 2, flow.width = 64, flow.layers = 2;
  bzd_trainer_config config;
  check(bzd_trainer_config_init(&config, sizeof config));
  config.steps = 1500, config.batch = 128, config.rate = 0.01;
  bzd_flow *fresh, *student;
  bzd_trainer *trainer;
  check(bzd_flow_create(NULL, &flow, &fresh));
  check(bzd_trainer_create(fresh, source, &config, &trainer));
  check(bzd_trainer_run(trainer, 0, NULL, NULL));
  check(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &student));
  bzd_sample_config sampling; /* its noise: the same seed, so the same starts */
  check(bzd_sample_config_init(&sampling, sizeof sampling));
  static float x[COUNT][2];
  double distance = 0;
  for (int nfe = 1; nfe <= 4; nfe += 3) {
    sampling.steps = nfe;
    check(bzd_flow_sample(student, &sampling, COUNT, NULL, NULL, &x[0][0], NULL));
    distance = 0;
    for (int i = 0; i < COUNT; i++) distance += fabs(hypot(x[i][0], x[i][1]) - 2) / COUNT;
    printf("%d evaluation%s: %.4f from the ring on average\n", nfe, nfe > 1 ? "s" : "", distance);
  }
  bzd_trainer_destroy(trainer), bzd_flow_destroy(fresh), bzd_flow_destroy(student), bzd_source_destroy(source);
  return distance < 0.05 ? 0 : 1; /* of four evaluations */
}
