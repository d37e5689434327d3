/* SPDX-License-Identifier: MIT */
#include "ideas.h"

#include <stdlib.h>

bzd_trainer_config idea_training(int64_t steps, uint64_t seed) {
  bzd_trainer_config config;
  must(bzd_trainer_config_init(&config, sizeof config), NULL);
  config.steps = steps;
  config.seed = seed;
  return config;
}

bzd_flow *idea_fresh(const struct ideas *ideas, uint64_t seed) {
  bzd_flow_config config;
  bzd_flow *flow;
  must(bzd_flow_config_init(&config, sizeof config), NULL);
  config.dim = 2;
  config.width = 96;
  config.seed = seed;
  must(bzd_flow_create(ideas->common.context, &config, &flow), "a flow");
  return flow;
}

bzd_flow *idea_train(const bzd_flow *flow, bzd_source *source, const bzd_trainer_config *config) {
  bzd_trainer *trainer;
  bzd_flow *trained;
  must(bzd_trainer_create(flow, source, config, &trainer), "a training");
  must(bzd_trainer_run(trainer, 0, NULL, NULL), "a training");
  must(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &trained), "a training");
  bzd_trainer_destroy(trainer);
  bzd_source_destroy(source);
  return trained;
}

bzd_ensemble_source_config idea_paths_config(const struct ideas *ideas) {
  bzd_ensemble_source_config config;
  must(bzd_ensemble_source_config_init(&config, sizeof config), NULL);
  config.bend = 1; /* the pictures show the fit */
  config.start = ideas->start;
  config.seed = 3;
  return config;
}

bzd_source *idea_paths(const struct ideas *ideas, const bzd_flow *teacher, int32_t degree,
                       const bzd_ensemble_source_config *config) {
  bzd_ensemble_source_config own = idea_paths_config(ideas);
  bzd_fitter_config shape;
  bzd_ensemble *ensemble;
  bzd_fitter *fitter;
  bzd_source *source;
  must(bzd_fitter_config_init(&shape, sizeof shape), NULL);
  shape.degree = degree;
  must(bzd_fitter_create(ideas->common.context, &shape, &fitter), "a fitter");
  must(bzd_ensemble_create(ideas->common.context, NULL, 1, &teacher, &ensemble), "an ensemble");
  must(bzd_source_create_ensemble(ensemble, fitter, config ? config : &own, &source), "paths");
  bzd_fitter_destroy(fitter);
  bzd_ensemble_destroy(ensemble);
  return source;
}

void idea_states(const bzd_flow *flow, int64_t n, const float *x0, int64_t count, float *states) {
  bzd_sample_config config;
  double *times = must_alloc((size_t)count, sizeof *times);
  must(bzd_sample_config_init(&config, sizeof config), NULL);
  config.solver = BZD_SOLVER_DOPRI5;
  for (int64_t k = 0; k < count; k++) times[k] = (double)k / (double)(count - 1);
  must(bzd_flow_trajectory(flow, &config, n, x0, NULL, count, times, states, NULL), "trajectories");
  free(times);
}

void idea_sample(const bzd_flow *flow, int32_t solver, int32_t steps, const double *grid, int64_t n, const float *x0,
                 float *out) {
  bzd_sample_config config;
  must(bzd_sample_config_init(&config, sizeof config), NULL);
  config.solver = solver;
  config.steps = steps;
  config.grid = grid;
  config.grid_count = grid ? steps + 1 : 0;
  must(bzd_flow_sample(flow, &config, n, x0, NULL, out, NULL), "samples");
}

static bzd_data *data_of(const struct ideas *ideas, const float *rows) {
  bzd_data_config config;
  bzd_data *data;
  must(bzd_data_config_init(&config, sizeof config), NULL);
  config.n = IDEA_ROWS;
  config.dim = 2;
  config.rows = rows;
  must(bzd_data_create(ideas->common.context, &config, &data), "data");
  return data;
}

/* The teacher: 4000 steps, weights' seed 4, data's 5, training's 6. The student: 4000 steps from the teacher's weights
 * on 8192 of its paths, half of the rows at t = 0, seed 7. */
static void train_flows(struct ideas *ideas) {
  bzd_source *source, *pool;
  bzd_flow *fresh = idea_fresh(ideas, 4), *copy;
  bzd_trainer_config config = idea_training(4000, 6);
  must(bzd_source_create_data(ideas->target, ideas->start, 5, &source), "data");
  ideas->teacher = idea_train(fresh, source, &config);
  bzd_flow_destroy(fresh);
  source = idea_paths(ideas, ideas->teacher, 2, NULL);
  must(bzd_source_create_pool(source, 0, 8192, 7, NULL, NULL, &pool), "paths");
  bzd_source_destroy(source);
  must(bzd_flow_create_from(ideas->teacher, BZD_FLOW_CONTROL, 2, &copy), "a student");
  config = idea_training(4000, 7);
  config.at_zero = 0.5;
  ideas->student = idea_train(copy, pool, &config);
  bzd_flow_destroy(copy);
}

void study_ideas(const struct common *common, const char *out) {
  struct ideas *ideas = must_alloc(1, sizeof *ideas);
  ideas->common = *common;
  ideas->out = out;
  if (!common->context) common_start(&ideas->common);
  make_folder(out);
  toy_make("moons", IDEA_ROWS, 1, ideas->start_rows);
  toy_make("8gaussians", IDEA_ROWS, 2, ideas->target_rows);
  ideas->start = data_of(ideas, ideas->start_rows);
  ideas->target = data_of(ideas, ideas->target_rows);
  train_flows(ideas);
  draw_crossing(ideas);
  draw_reflow(ideas);
  draw_chords(ideas);
  draw_anchoring(ideas);
  draw_transport(ideas);
  draw_spans(ideas);
  draw_split(ideas);
  draw_guides(ideas);
  draw_bend(ideas);
  draw_steps(ideas);
  draw_grid(ideas);
  draw_times(ideas);
  draw_weights(ideas);
  draw_budget(ideas);
  bzd_flow_destroy(ideas->teacher);
  bzd_flow_destroy(ideas->student);
  bzd_data_destroy(ideas->start);
  bzd_data_destroy(ideas->target);
  if (!common->context) common_finish(&ideas->common);
  free(ideas);
}
