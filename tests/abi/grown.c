/* SPDX-License-Identifier: MIT */
/* A program of a later release, whose public structs all have one field more at the end, `grown` (test_abi.sh makes
 * such headers). Linked to today's library, which does not know that field (KNOWN 0), or to a library of its own
 * headers (KNOWN 1): what docs/abi.md says happens. */
#include <bezdist/bezdist.h>

#include <stdio.h>
#include <string.h>

static int failures;
static void check(int right, int line, const char *what) {
  char text[512];
  if (right) return;
  failures++;
  bzd_last_error(text, sizeof text);
  fprintf(stderr, "line %d: %s (%s)\n", line, what, text);
}
#define MUST(what) check((what) ? 1 : 0, __LINE__, #what)

/* Every config: the larger struct is initialised whole. */
#define CONFIG(type, init)                                                                                             \
  do {                                                                                                                 \
    type c;                                                                                                            \
    memset(&c, 0x55, sizeof c);                                                                                        \
    MUST(init(&c, sizeof c) == BZD_OK && c.struct_size == sizeof c && c.grown == 0);                                   \
    MUST(type##_size() == (KNOWN ? sizeof c : sizeof c - sizeof c.grown));                                             \
  } while (0)
#define BEFORE 77.0
/* A struct that the library fills: what it does not know it leaves. */
#define FILLED(info, call)                                                                                             \
  do {                                                                                                                 \
    (info).struct_size = sizeof(info);                                                                                 \
    (info).grown = BEFORE;                                                                                             \
    MUST((call) == BZD_OK && (info).struct_size == sizeof(info));                                                      \
    MUST((info).grown == (KNOWN ? 0 : BEFORE));                                                                        \
  } while (0)

static int32_t progress(void *user, const bzd_progress *p) {
  /* Read no further than struct_size: the field is there or it is not. */
  MUST((p->struct_size >= sizeof *p) == KNOWN && p->step == 1);
  ++*(int *)user;
  return 0;
}

int main(void) {
  CONFIG(bzd_context_config, bzd_context_config_init);
  CONFIG(bzd_data_config, bzd_data_config_init);
  CONFIG(bzd_ensemble_config, bzd_ensemble_config_init);
  CONFIG(bzd_ensemble_source_config, bzd_ensemble_source_config_init);
  CONFIG(bzd_fitter_config, bzd_fitter_config_init);
  CONFIG(bzd_flow_config, bzd_flow_config_init);
  CONFIG(bzd_flow_metrics_config, bzd_flow_metrics_config_init);
  CONFIG(bzd_grid_config, bzd_grid_config_init);
  CONFIG(bzd_limits, bzd_limits_init);
  CONFIG(bzd_metrics_config, bzd_metrics_config_init);
  CONFIG(bzd_sample_config, bzd_sample_config_init);
  CONFIG(bzd_trainer_config, bzd_trainer_config_init);

  enum { ROWS = 8, DIM = 2 };
  float rows[ROWS * DIM];
  int steps = 0;
  char text[512];
  bzd_data_config data_config;
  bzd_flow_config flow_config;
  bzd_trainer_config trainer_config;
  bzd_sample_result result;
  bzd_flow_info flow_info;
  bzd_trainer_info trainer_info;
  bzd_data *data;
  bzd_source *source;
  bzd_flow *flow, *none;
  bzd_trainer *trainer;
  MUST(bzd_noise(1, BZD_STREAM_USER, 0, ROWS, DIM, rows) == BZD_OK);
  MUST(bzd_data_config_init(&data_config, sizeof data_config) == BZD_OK);
  data_config.n = ROWS, data_config.dim = DIM, data_config.rows = rows;
  MUST(bzd_data_create(NULL, &data_config, &data) == BZD_OK);
  MUST(bzd_source_create_data(data, NULL, 1, &source) == BZD_OK);

  /* Served while the new field has its default; refused, not ignored, once it asks for something. */
  MUST(bzd_flow_config_init(&flow_config, sizeof flow_config) == BZD_OK);
  flow_config.dim = DIM, flow_config.width = 8;
  MUST(bzd_flow_create(NULL, &flow_config, &flow) == BZD_OK);
  flow_config.grown = 1;
  bzd_status status = bzd_flow_create(NULL, &flow_config, &none);
  bzd_last_error(text, sizeof text);
  MUST(KNOWN ? status == BZD_OK : status == BZD_E_CONFIG && none == NULL && strstr(text, "newer than this library"));
  bzd_flow_destroy(none);
  FILLED(flow_info, bzd_flow_get_info(flow, &flow_info));
  FILLED(result, bzd_flow_sample(flow, NULL, ROWS, NULL, NULL, rows, &result));

  MUST(bzd_trainer_config_init(&trainer_config, sizeof trainer_config) == BZD_OK);
  trainer_config.steps = 1;
  MUST(bzd_trainer_create(flow, source, &trainer_config, &trainer) == BZD_OK);
  MUST(bzd_trainer_run(trainer, 0, progress, &steps) == BZD_OK && steps == 1);
  FILLED(trainer_info, bzd_trainer_get_info(trainer, &trainer_info));

  bzd_trainer_destroy(trainer);
  bzd_flow_destroy(flow);
  bzd_source_destroy(source);
  bzd_data_destroy(data);
  return failures != 0;
}
