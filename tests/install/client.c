/* SPDX-License-Identifier: MIT */
/* A C99 program against the installed library: is it the one of the headers, and do training, sampling, matrix products
 * and compressed files work? */
#include <bezdist/bezdist.h>

#include <stdio.h>

enum { ROWS = 256, DIM = 4, COUNT = 64 };

static bzd_status learn(const float *rows, float *samples) {
  bzd_data_config data_config;
  bzd_flow_config flow_config;
  bzd_trainer_config trainer_config;
  bzd_data *data = NULL;
  bzd_source *source = NULL;
  bzd_flow *fresh = NULL, *flow = NULL, *loaded = NULL;
  bzd_trainer *trainer = NULL;
  bzd_status s = bzd_data_config_init(&data_config, sizeof data_config);
  if (!s) s = bzd_flow_config_init(&flow_config, sizeof flow_config);
  if (!s) s = bzd_trainer_config_init(&trainer_config, sizeof trainer_config);
  data_config.rows = rows, data_config.n = ROWS, data_config.dim = DIM;
  flow_config.dim = DIM, flow_config.width = 16;
  trainer_config.steps = 20;
  if (!s) s = bzd_data_create(NULL, &data_config, &data);
  if (!s) s = bzd_source_create_data(data, NULL, 0, &source);
  if (!s) s = bzd_flow_create(NULL, &flow_config, &fresh);
  if (!s) s = bzd_trainer_create(fresh, source, &trainer_config, &trainer);
  if (!s) s = bzd_trainer_run(trainer, 0, NULL, NULL);
  if (!s) s = bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &flow);
  if (!s) s = bzd_flow_save(flow, "client.bzd");
  if (!s) s = bzd_flow_load(NULL, "client.bzd", &loaded);
  if (!s) s = bzd_flow_sample(loaded, NULL, COUNT, NULL, NULL, samples, NULL);
  bzd_flow_destroy(loaded), bzd_flow_destroy(flow), bzd_flow_destroy(fresh);
  bzd_trainer_destroy(trainer), bzd_source_destroy(source), bzd_data_destroy(data);
  return s;
}

int main(void) {
  static float rows[ROWS * DIM], samples[COUNT * DIM];
  char text[512];
  bzd_status s = bzd_noise(0, BZD_STREAM_USER, 0, ROWS, DIM, rows);
  if (!s) s = learn(rows, samples);
  if (s) {
    bzd_last_error(text, sizeof text);
    fprintf(stderr, "%s: %s\n", bzd_status_name(s), text);
    return 1;
  }
  printf("%s %.9g\n", bzd_version_string(), samples[0]);
  return bzd_version() == ((uint32_t)BZD_VERSION_MAJOR << 16 | BZD_VERSION_MINOR << 8 | BZD_VERSION_PATCH) ? 0 : 1;
}
