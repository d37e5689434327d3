/* SPDX-License-Identifier: MIT */
/* 05: checkpoints and exact resume. Introduces: bzd_checkpoint, cancelling from a callback, the same bits after a stop.
 */
#include <bezdist/bezdist.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int32_t stop_at_150(void *user, const bzd_progress *progress) {
  (void)user;
  return progress->step == 150;
}

static bzd_trainer *new_trainer(const bzd_source *source) {
  bzd_flow_config flow_config;
  check(bzd_flow_config_init(&flow_config, sizeof flow_config));
  flow_config.dim = 2;
  flow_config.width = 32;
  bzd_trainer_config config;
  check(bzd_trainer_config_init(&config, sizeof config));
  config.steps = 400;
  bzd_flow *fresh;
  bzd_trainer *trainer;
  check(bzd_flow_create(NULL, &flow_config, &fresh));
  check(bzd_trainer_create(fresh, source, &config, &trainer));
  bzd_flow_destroy(fresh);
  return trainer;
}

/* A number that stands for everything the model is: equal ids, equal models. */
static void content_id(const bzd_trainer *trainer, char id[65]) {
  bzd_checkpoint *checkpoint;
  check(bzd_checkpoint_from_trainer(trainer, &checkpoint));
  check(bzd_checkpoint_content_id(checkpoint, id));
  bzd_checkpoint_destroy(checkpoint);
}

int main(void) {
  enum { ROWS = 1000 };
  static float rows[2 * ROWS];
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

  char whole[65], resumed[65];
  bzd_trainer *trainer = new_trainer(source);
  check(bzd_trainer_run(trainer, 0, NULL, NULL));
  content_id(trainer, whole);
  bzd_trainer_destroy(trainer);

  /* The same training, stopped after 150 steps, saved, loaded and ended. */
  trainer = new_trainer(source);
  bzd_status status = bzd_trainer_run(trainer, 0, stop_at_150, NULL);
  printf("stopped: %s\n", bzd_status_name(status));
  bzd_checkpoint *checkpoint;
  check(bzd_checkpoint_from_trainer(trainer, &checkpoint));
  check(bzd_checkpoint_write_file(checkpoint, "05_moons.bzd")); /* whole or not at all */
  bzd_checkpoint_destroy(checkpoint);
  bzd_trainer_destroy(trainer);

  check(bzd_checkpoint_open_file(NULL, "05_moons.bzd", NULL, &checkpoint));
  bzd_checkpoint_info info = {.struct_size = sizeof info};
  check(bzd_checkpoint_get_info(checkpoint, &info));
  printf("05_moons.bzd: %lld tensors, %llu bytes in %llu\n", (long long)info.tensors,
         (unsigned long long)info.raw_bytes, (unsigned long long)info.file_bytes);
  check(bzd_checkpoint_get_trainer(checkpoint, source, &trainer));
  bzd_checkpoint_destroy(checkpoint);
  check(bzd_trainer_run(trainer, 0, NULL, NULL));
  content_id(trainer, resumed);
  printf("uninterrupted %.16s\nresumed       %.16s\n", whole, resumed);

  bzd_trainer_destroy(trainer);
  bzd_source_destroy(source);
  bzd_data_destroy(data);
  return strcmp(whole, resumed) == 0 && status == BZD_E_CANCELLED ? 0 : 1;
}
