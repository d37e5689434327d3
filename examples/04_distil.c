/* SPDX-License-Identifier: MIT */
/* 04: Bezier distillation. Introduces: the ensemble source, pools of paths, control-point students, few-step sampling.
 * The teacher is a formula: the exact velocity field from noise to a ring of eight Gaussians. */
#include <bezdist/bezdist.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Every call returns a status; the text of a failure is one line on this thread. */
static void check(bzd_status status) {
  if (status == BZD_OK) return;
  char text[512];
  bzd_last_error(text, sizeof text);
  fprintf(stderr, "%s: %s\n", bzd_status_name(status), text);
  exit(1);
}

enum { MODES = 8, COUNT = 2000 };

/* Mean velocity of independent pairs (x0, x1), x1 a mixture of Gaussians of deviation s: given the mode, x1 - x0 is
 * linear in x; the posterior of the mode weighs them. */
static int32_t ring(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                    const float *cond, float *v) {
  const double s = *(const double *)user;
  (void)dim, (void)cond_dim, (void)cond;
  for (int64_t i = 0; i < n; i++) {
    double time = t[i], variance = (1 - time) * (1 - time) + time * time * s * s, weight[MODES], sum = 0, out[2] = {0};
    for (int k = 0; k < MODES; k++) {
      double dx = x[2 * i] - time * 2 * cos(0.25 * 3.141592653589793 * k),
             dy = x[2 * i + 1] - time * 2 * sin(0.25 * 3.141592653589793 * k);
      sum += weight[k] = exp(-0.5 * (dx * dx + dy * dy) / variance) + 1e-300;
    }
    for (int k = 0; k < MODES; k++) {
      double gain = (time * s * s - (1 - time)) / variance;
      double mode[2] = {2 * cos(0.25 * 3.141592653589793 * k), 2 * sin(0.25 * 3.141592653589793 * k)};
      for (int j = 0; j < 2; j++) out[j] += weight[k] / sum * (mode[j] + gain * (x[2 * i + j] - time * mode[j]));
    }
    for (int j = 0; j < 2; j++) v[2 * i + j] = (float)out[j];
  }
  return 0;
}

int main(void) {
  double deviation = 0.2;
  bzd_flow_config flow_config;
  check(bzd_flow_config_init(&flow_config, sizeof flow_config));
  flow_config.dim = 2;
  flow_config.width = 96;
  bzd_flow *teacher;
  check(bzd_flow_create_callback(NULL, &flow_config, ring, &deviation, 0, &teacher));
  bzd_ensemble *ensemble;
  check(bzd_ensemble_create(NULL, NULL, 1, (const bzd_flow *const *)&teacher, &ensemble));

  /* Trajectories of the teacher become quadratics; 20,000 of them, made once. */
  bzd_fitter *fitter;
  check(bzd_fitter_create(NULL, NULL, &fitter));
  bzd_source *paths, *pool;
  check(bzd_source_create_ensemble(ensemble, fitter, NULL, &paths));
  check(bzd_source_create_pool(paths, 0, 20000, 0, NULL, NULL, &pool));
  bzd_source_info facts = {.struct_size = sizeof facts};
  check(bzd_source_get_info(pool, &facts));
  printf("%lld paths, %.0f teacher evaluations each, residual of the fit %.3f\n", (long long)facts.count, facts.nfe,
         facts.residual);

  flow_config.kind = BZD_FLOW_CONTROL; /* one evaluation gives the whole rest of the curve */
  bzd_flow *fresh, *student;
  check(bzd_flow_create(NULL, &flow_config, &fresh));
  bzd_trainer_config config;
  check(bzd_trainer_config_init(&config, sizeof config));
  config.steps = 2500;
  bzd_trainer *trainer;
  check(bzd_trainer_create(fresh, pool, &config, &trainer));
  check(bzd_trainer_run(trainer, 0, NULL, NULL));
  check(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &student));

  /* Both map the same noise; how far apart do they land? */
  static float exact[2 * COUNT], few[2 * COUNT];
  check(bzd_flow_sample(teacher, NULL, COUNT, NULL, NULL, exact, NULL));
  double last = 0;
  for (int nfe = 1; nfe <= 4; nfe *= 2) {
    bzd_sample_config sampling;
    check(bzd_sample_config_init(&sampling, sizeof sampling));
    sampling.steps = nfe;
    check(bzd_flow_sample(student, &sampling, COUNT, NULL, NULL, few, NULL));
    bzd_metrics_result metrics = {.struct_size = sizeof metrics};
    check(bzd_metrics_compare(NULL, NULL, 2, COUNT, few, COUNT, exact, &metrics));
    printf("student, %d evaluation%s: sliced W2 to the teacher %.4f\n", nfe, nfe > 1 ? "s" : "", last = metrics.sw2);
  }
  bzd_trainer_destroy(trainer);
  bzd_flow_destroy(fresh);
  bzd_flow_destroy(student);
  bzd_source_destroy(pool);
  bzd_source_destroy(paths);
  bzd_fitter_destroy(fitter);
  bzd_ensemble_destroy(ensemble);
  bzd_flow_destroy(teacher);
  return last < 0.2 ? 0 : 1;
}
