/* SPDX-License-Identifier: MIT */
/* 02: train a flow and sample from it. Introduces: bzd_context, bzd_data, a data source, bzd_trainer, progress,
 * sampling. */
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

static int32_t show(void *user, const bzd_progress *progress) {
  (void)user;
  if (progress->step % 500 == 0)
    printf("step %lld of %lld, loss %.4f\n", (long long)progress->step, (long long)progress->of, progress->smooth_loss);
  return 0; /* anything else stops the training; run it again to go on */
}

static void draw(int64_t n, const float *rows) {
  char picture[16][49];
  for (int y = 0; y < 16; y++) snprintf(picture[y], sizeof picture[y], "%48s", "");
  for (int64_t i = 0; i < n; i++) {
    int x = (int)(24 + 15 * rows[2 * i]), y = (int)(8 - 7 * rows[2 * i + 1]);
    if (x >= 0 && x < 48 && y >= 0 && y < 16) picture[y][x] = picture[y][x] == ' ' ? '.' : '#';
  }
  for (int y = 0; y < 16; y++) printf("|%s|\n", picture[y]);
}

int main(void) {
  enum { ROWS = 4000, COUNT = 1000 };
  static float rows[2 * ROWS], samples[2 * COUNT];
  make_moons(ROWS, rows);

  bzd_context_config context_config;
  check(bzd_context_config_init(&context_config, sizeof context_config));
  context_config.threads = 2;
  bzd_context *context;
  check(bzd_context_create(&context_config, &context));

  bzd_data_config data_config;
  check(bzd_data_config_init(&data_config, sizeof data_config));
  data_config.n = ROWS;
  data_config.dim = 2;
  data_config.rows = rows;
  bzd_data *data;
  check(bzd_data_create(context, &data_config, &data));
  bzd_source *source;
  check(bzd_source_create_data(data, NULL, 0, &source)); /* straight lines from noise to data */

  bzd_flow_config flow_config;
  check(bzd_flow_config_init(&flow_config, sizeof flow_config));
  flow_config.dim = 2;
  flow_config.width = 64;
  bzd_flow *fresh;
  check(bzd_flow_create(context, &flow_config, &fresh));

  bzd_trainer_config trainer_config;
  check(bzd_trainer_config_init(&trainer_config, sizeof trainer_config));
  trainer_config.steps = 2000;
  bzd_trainer *trainer;
  check(bzd_trainer_create(fresh, source, &trainer_config, &trainer));
  check(bzd_trainer_run(trainer, 0, show, NULL));
  bzd_flow *flow;
  check(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &flow));

  bzd_sample_result result = {.struct_size = sizeof result};
  check(bzd_flow_sample(flow, NULL, COUNT, NULL, NULL, samples, &result)); /* adaptive solver, noise of seed 0 */
  draw(COUNT, samples);
  bzd_metrics_result metrics = {.struct_size = sizeof metrics};
  check(bzd_metrics_compare(context, NULL, 2, COUNT, samples, COUNT, rows, &metrics));
  printf("%.1f evaluations a sample, sliced W2 to the data %.4f\n", result.nfe_mean, metrics.sw2);

  /* Any order: what is still used is kept alive. */
  bzd_context_destroy(context);
  bzd_data_destroy(data);
  bzd_source_destroy(source);
  bzd_flow_destroy(fresh);
  bzd_trainer_destroy(trainer);
  bzd_flow_destroy(flow);
  return metrics.sw2 < 0.2 ? 0 : 1;
}
