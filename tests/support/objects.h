/* SPDX-License-Identifier: MIT */
/* Small objects for tests of the public interface, made through it. Include it after host.h. */
#ifndef TESTS_SUPPORT_OBJECTS_H
#define TESTS_SUPPORT_OBJECTS_H

/* n rows of dim normal numbers about (1, 1, ...), with labels i % classes when classes > 0. */
static inline bzd_data *make_data(const bzd_context *context, int64_t n, int64_t dim, int32_t classes) {
  float *rows = malloc((size_t)(n * dim) * sizeof *rows);
  int32_t *labels = malloc((size_t)n * sizeof *labels);
  bzd_data_config config;
  bzd_data *data;
  OK(bzd_noise(11, BZD_STREAM_USER, 0, n, dim, rows));
  for (int64_t i = 0; i < n * dim; i++) rows[i] = 1.0f + 0.5f * rows[i];
  for (int64_t i = 0; i < n; i++) labels[i] = classes > 0 ? (int32_t)(i % classes) : 0;
  OK(bzd_data_config_init(&config, sizeof config));
  config.n = n;
  config.dim = dim;
  config.rows = rows;
  if (classes > 0) {
    config.labels = labels;
    config.classes = classes;
  }
  OK(bzd_data_create(context, &config, &data));
  free(rows);
  free(labels);
  return data;
}

static inline bzd_flow *make_flow(const bzd_context *context, int32_t kind, int32_t degree, int64_t dim,
                                  int64_t cond_dim, int64_t width, uint64_t seed) {
  bzd_flow_config config;
  bzd_flow *flow;
  OK(bzd_flow_config_init(&config, sizeof config));
  config.kind = kind;
  config.degree = degree;
  config.dim = dim;
  config.cond_dim = cond_dim;
  config.width = width;
  config.layers = 2;
  config.time_features = 8;
  config.skip = kind == BZD_FLOW_ENDPOINT; /* so that all that is tested is tested with one too */
  config.seed = seed;
  OK(bzd_flow_create(context, &config, &flow));
  return flow;
}

static inline bzd_ensemble *make_ensemble(const bzd_context *context, int32_t combine, int32_t rule, int64_t count,
                                          bzd_flow *const *flows) {
  const bzd_flow *teachers[64];
  bzd_ensemble_config config;
  bzd_ensemble *ensemble;
  for (int64_t i = 0; i < count; i++) teachers[i] = flows[i];
  OK(bzd_ensemble_config_init(&config, sizeof config));
  config.combine = combine;
  config.rule = rule;
  OK(bzd_ensemble_create(context, &config, count, teachers, &ensemble));
  return ensemble;
}

/* Makes a skip connection, which begins as none, count: the last parameters, [heads, features + 1] of them. */
static inline void set_skip(bzd_flow *flow, int heads, float unit) {
  bzd_flow_info info = {.struct_size = sizeof info};
  OK(bzd_flow_get_info(flow, &info));
  assert_true(info.skip == 1);
  float *w = malloc((size_t)info.parameters * sizeof *w);
  OK(bzd_flow_get_parameters(flow, info.parameters, w));
  for (int i = 1; i <= heads * (info.time_features + 1); i++) w[info.parameters - i] = unit * (float)i;
  OK(bzd_flow_set_parameters(flow, info.parameters, w));
  free(w);
}

static inline bzd_fitter *make_fitter(const bzd_context *context, int32_t degree, int32_t nodes) {
  bzd_fitter_config config;
  bzd_fitter *fitter;
  OK(bzd_fitter_config_init(&config, sizeof config));
  config.degree = degree;
  config.nodes = nodes;
  OK(bzd_fitter_create(context, &config, &fitter));
  return fitter;
}

static inline bzd_trainer *make_trainer(const bzd_flow *student, const bzd_source *source, int64_t steps,
                                        int64_t batch) {
  bzd_trainer_config config;
  bzd_trainer *trainer;
  OK(bzd_trainer_config_init(&config, sizeof config));
  config.steps = steps;
  config.batch = batch;
  config.cond_dropout = 0.1;
  OK(bzd_trainer_create(student, source, &config, &trainer));
  return trainer;
}

#endif
