/* SPDX-License-Identifier: MIT */
/* Tiny objects that the seeds were made from and that targets need again, such as the source of a saved trainer. */
#ifndef TESTS_FUZZ_MODELS_H
#define TESTS_FUZZ_MODELS_H

#include "fuzz.h"

enum { FUZZ_DIM = 2, FUZZ_CLASSES = 2, FUZZ_ROWS = 8, FUZZ_MOST_DIM = 64 };
#define OK(call) CHECK((call) == BZD_OK)

static inline bzd_data *fuzz_data(const bzd_context *context, int32_t classes) {
  static const int32_t labels[FUZZ_ROWS] = {0, 1, 0, 1, 1, 0, 1, 0};
  float rows[FUZZ_ROWS * FUZZ_DIM];
  bzd_data_config config;
  bzd_data *data;
  for (int i = 0; i < FUZZ_ROWS * FUZZ_DIM; i++) rows[i] = (float)(i % 7) / 4 - 1;
  OK(bzd_data_config_init(&config, sizeof config));
  config.n = FUZZ_ROWS;
  config.dim = FUZZ_DIM;
  config.rows = rows;
  if (classes > 0) config.labels = labels, config.classes = classes;
  OK(bzd_data_create(context, &config, &data));
  return data;
}

static inline bzd_flow *fuzz_flow(const bzd_context *context, int32_t kind, int32_t degree, int64_t cond_dim) {
  static const float scale[FUZZ_DIM] = {2, 0.5f}, offset[FUZZ_DIM] = {1, -1};
  bzd_flow_config config;
  bzd_flow *flow;
  OK(bzd_flow_config_init(&config, sizeof config));
  config.kind = kind;
  config.degree = degree;
  config.layers = 1;
  config.dim = FUZZ_DIM;
  config.cond_dim = cond_dim;
  config.width = 3;
  config.time_features = 2;
  if (kind == BZD_FLOW_CONTROL) {
    config.item_ndim = 2;
    config.item_shape[0] = 1;
    config.item_shape[1] = FUZZ_DIM;
    config.scale = scale;
    config.offset = offset;
  }
  OK(bzd_flow_create(context, &config, &flow));
  return flow;
}

static inline bzd_ensemble *fuzz_ensemble(const bzd_context *context, int32_t combine, int32_t rule) {
  static const double fixed[2] = {1, 3}, guidance[2] = {1, 1};
  bzd_flow *one = fuzz_flow(context, BZD_FLOW_VELOCITY, 1, 0), *other = fuzz_flow(context, BZD_FLOW_ENDPOINT, 1, 0);
  const bzd_flow *teachers[2] = {one, other};
  bzd_ensemble_config config;
  bzd_ensemble *ensemble;
  OK(bzd_ensemble_config_init(&config, sizeof config));
  config.combine = combine;
  config.rule = rule;
  if (rule == BZD_RULE_FIXED) config.fixed = fixed, config.guidance = guidance;
  bzd_source *source = NULL;
  if (rule == BZD_RULE_ERROR || rule == BZD_RULE_VARIANCE) {
    bzd_data *data = fuzz_data(context, 0);
    OK(bzd_source_create_data(data, NULL, 1, &source));
    bzd_data_destroy(data);
    config.validation = source;
    config.validation_count = 16;
    config.bins = 3;
  }
  OK(bzd_ensemble_create(context, &config, 2, teachers, &ensemble));
  bzd_source_destroy(source);
  bzd_flow_destroy(one);
  bzd_flow_destroy(other);
  return ensemble;
}

/* Of the trainers in the corpora. */
static inline bzd_source *fuzz_source(const bzd_context *context) {
  bzd_data *data = fuzz_data(context, 0);
  bzd_source *source;
  OK(bzd_source_create_data(data, NULL, 1, &source));
  bzd_data_destroy(data);
  return source;
}

static inline bzd_trainer *fuzz_trainer(const bzd_context *context, const bzd_source *source, int32_t kind,
                                        int32_t loss_aware) {
  bzd_flow *flow = fuzz_flow(context, kind, 2, 0);
  bzd_trainer_config config;
  bzd_trainer *trainer;
  OK(bzd_trainer_config_init(&config, sizeof config));
  config.steps = 4;
  config.batch = 4;
  config.ema = loss_aware ? 0 : 0.9;
  config.time = loss_aware ? BZD_TIME_LOSS_AWARE : BZD_TIME_UNIFORM;
  OK(bzd_trainer_create(flow, source, &config, &trainer));
  OK(bzd_trainer_run(trainer, 2, NULL, NULL));
  bzd_flow_destroy(flow);
  return trainer;
}

/* Paths whose spans and conditions are the index's. */
static inline int32_t fuzz_paths(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim,
                                 int64_t cond_dim, float *paths, float *cond, float *span) {
  int64_t row = (degree + 1) * dim;
  (void)user;
  for (int64_t r = 0; r < n; r++) {
    for (int64_t k = 0; k < row; k++) paths[r * row + k] = (float)((index[r] + k) % 5);
    for (int64_t k = 0; k < cond_dim; k++) cond[r * cond_dim + k] = k == index[r] % cond_dim;
    span[2 * r] = (float)(index[r] % 3) / 4;
  }
  return 0;
}

#endif
