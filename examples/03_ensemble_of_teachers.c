/* SPDX-License-Identifier: MIT */
/* 03: an ensemble of teachers. Introduces: bzd_ensemble, weight rules, sampling from an ensemble. */
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

/* Two interleaved half circles with a little noise: n rows of two numbers. */
static void make_moons(int64_t n, float *rows) {
  check(bzd_noise(1, BZD_STREAM_USER, 0, n, 2, rows));
  for (int64_t i = 0; i < n; i++) {
    double angle = 3.141592653589793 * fmod(0.6180339887498949 * (double)i, 1), side = i % 2 ? -1 : 1;
    rows[2 * i] = (float)(side * (cos(angle) - 0.5) + 0.07 * rows[2 * i]);
    rows[2 * i + 1] = (float)(side * (sin(angle) - 0.25) + 0.07 * rows[2 * i + 1]);
  }
}

static bzd_flow *train(bzd_source *source, int32_t kind, int32_t degree, uint64_t seed, int64_t steps) {
  bzd_flow_config flow_config;
  check(bzd_flow_config_init(&flow_config, sizeof flow_config));
  flow_config.kind = kind;
  flow_config.degree = degree;
  flow_config.dim = 2;
  flow_config.width = 64;
  flow_config.seed = seed;
  bzd_trainer_config config;
  check(bzd_trainer_config_init(&config, sizeof config));
  config.steps = steps;
  config.seed = seed;
  bzd_flow *fresh, *flow;
  bzd_trainer *trainer;
  check(bzd_flow_create(NULL, &flow_config, &fresh));
  check(bzd_trainer_create(fresh, source, &config, &trainer));
  check(bzd_trainer_run(trainer, 0, NULL, NULL));
  check(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &flow));
  bzd_trainer_destroy(trainer);
  bzd_flow_destroy(fresh);
  return flow;
}

static double score(int64_t n, const float *samples, const float *rows) {
  bzd_metrics_config config;
  check(bzd_metrics_config_init(&config, sizeof config));
  config.which = BZD_METRIC_SW2;
  bzd_metrics_result result = {.struct_size = sizeof result};
  check(bzd_metrics_compare(NULL, &config, 2, n, samples, n, rows, &result));
  return result.sw2;
}

int main(void) {
  enum { ROWS = 2000, TEACHERS = 3 };
  static float rows[2 * ROWS], samples[2 * ROWS];
  make_moons(ROWS, rows);
  bzd_data_config data_config;
  check(bzd_data_config_init(&data_config, sizeof data_config));
  data_config.n = ROWS;
  data_config.dim = 2;
  data_config.rows = rows;
  bzd_data *data;
  bzd_source *source;
  check(bzd_data_create(NULL, &data_config, &data));
  check(bzd_source_create_data(data, NULL, 0, &source));

  /* Teachers of one coupling (here: other seeds of the same training) may be averaged as velocities. */
  bzd_flow *teacher[TEACHERS];
  for (int m = 0; m < TEACHERS; m++) {
    teacher[m] = train(source, BZD_FLOW_VELOCITY, 1, (uint64_t)m, 800);
    check(bzd_flow_sample(teacher[m], NULL, ROWS, NULL, NULL, samples, NULL));
    printf("teacher %d alone: sliced W2 %.4f\n", m, score(ROWS, samples, rows));
  }

  static const struct {
    int32_t combine, rule;
    const char *name;
  } ways[] = {{BZD_COMBINE_VELOCITY, BZD_RULE_UNIFORM, "mean velocity"},
              {BZD_COMBINE_VELOCITY, BZD_RULE_CONSENSUS, "consensus"},
              {BZD_COMBINE_MIXTURE, BZD_RULE_UNIFORM, "mixture"}};
  for (int i = 0; i < 3; i++) {
    bzd_ensemble_config config;
    check(bzd_ensemble_config_init(&config, sizeof config));
    config.combine = ways[i].combine;
    config.rule = ways[i].rule;
    bzd_ensemble *ensemble;
    check(bzd_ensemble_create(NULL, &config, TEACHERS, (const bzd_flow *const *)teacher, &ensemble));
    bzd_sample_result result = {.struct_size = sizeof result};
    check(bzd_ensemble_sample(ensemble, NULL, ROWS, NULL, NULL, samples, &result));
    printf("%s: sliced W2 %.4f, %.1f evaluations a sample\n", ways[i].name, score(ROWS, samples, rows),
           result.nfe_mean);
    bzd_ensemble_destroy(ensemble);
  }
  for (int m = 0; m < TEACHERS; m++) bzd_flow_destroy(teacher[m]);
  bzd_source_destroy(source);
  bzd_data_destroy(data);
  return 0;
}
