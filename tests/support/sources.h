/* SPDX-License-Identifier: MIT */
/* Every kind of source over one small data set with conditions, a student and a trainer's config that fit it. Between
 * them they use every loss, every way to draw times, and consistency. Include it after objects.h. */
#ifndef TESTS_SUPPORT_SOURCES_H
#define TESTS_SUPPORT_SOURCES_H

#include "own_paths.h"

#include <unistd.h>

enum {
  SOURCE_DATA,
  SOURCE_TRANSPORT,
  SOURCE_ANCHORED,    /* an ensemble, half of the paths backwards from real data */
  SOURCE_CONSENSUS,   /* adaptive solver, weights by row, waypoints */
  SOURCE_WINDOWS,     /* three of them, which no batch is a multiple of */
  SOURCE_VISITOR,     /* on-policy, some of the paths anchored */
  SOURCE_GUIDES,      /* flows as guides, some of the paths anchored */
  SOURCE_SELECT,      /* whole trajectories of two teachers, some anchored */
  SOURCE_TOLERANCE,   /* degree chosen */
  SOURCE_CALLBACK,    /* spans of the caller's own */
  SOURCE_POOL,        /* over SOURCE_ANCHORED */
  SOURCE_WINDOW_POOL, /* over SOURCE_WINDOWS */
  SOURCE_STREAM,      /* over SOURCE_ANCHORED, from a file, a few rows at a time */
  SOURCES
};

enum { SOURCES_DIM = 6, SOURCES_CLASSES = 2, SOURCES_STEPS = 20, SOURCES_BATCH = 32 };

static inline bzd_source *sources_over(const bzd_source *base) {
  bzd_source *pool;
  OK(bzd_source_create_pool(base, 0, 70, 5, NULL, NULL, &pool));
  return pool;
}

/* The file is there as long as it is open. */
static inline bzd_source *sources_from_file(const bzd_context *context, const bzd_source *base) {
  char path[64];
  bzd_checkpoint *checkpoint;
  bzd_source *source;
  snprintf(path, sizeof path, "stream-%ld.bzd", (long)getpid());
  OK(bzd_checkpoint_from_paths(base, 0, 70, 9, 5, NULL, NULL, &checkpoint));
  OK(bzd_checkpoint_write_file(checkpoint, path));
  bzd_checkpoint_destroy(checkpoint);
  OK(bzd_checkpoint_open_file(context, path, NULL, &checkpoint));
  remove(path);
  OK(bzd_checkpoint_stream_source(checkpoint, &source));
  bzd_checkpoint_destroy(checkpoint);
  return source;
}

static inline bzd_source *sources_ensemble(const bzd_context *context, const bzd_data *data, int which) {
  bzd_flow *flows[2] = {make_flow(context, BZD_FLOW_VELOCITY, 1, SOURCES_DIM, SOURCES_CLASSES, 16, 3),
                        make_flow(context, BZD_FLOW_CONTROL, 2, SOURCES_DIM, SOURCES_CLASSES, 24, 4)};
  const bzd_flow *guides[1] = {flows[1]};
  bzd_ensemble *ensemble =
      make_ensemble(context, which == SOURCE_SELECT ? BZD_COMBINE_SELECT : BZD_COMBINE_ANY_VELOCITY,
                    which == SOURCE_CONSENSUS ? BZD_RULE_CONSENSUS : BZD_RULE_UNIFORM, 2, flows);
  bzd_fitter *fitter = make_fitter(context, which == SOURCE_TOLERANCE ? 3 : 2, 5);
  bzd_ensemble_source_config config;
  bzd_source *source;
  OK(bzd_ensemble_source_config_init(&config, sizeof config));
  config.real = data;
  config.seed = 8;
  config.steps = 4;
  config.rho = which == SOURCE_CONSENSUS || which == SOURCE_WINDOWS || which == SOURCE_TOLERANCE ? 0 : 0.5;
  if (which == SOURCE_CONSENSUS) {
    config.solver = BZD_SOLVER_DOPRI5;
    config.guide = BZD_GUIDE_WAYPOINT;
    config.guide_times[0] = 0.5;
  }
  if (which == SOURCE_WINDOWS) config.windows = 3;
  if (which == SOURCE_VISITOR) config.visitor = flows[1];
  if (which == SOURCE_GUIDES) {
    config.guide = BZD_GUIDE_CONTROL;
    config.guides = guides;
  }
  if (which == SOURCE_TOLERANCE) config.tolerance = 0.01;
  OK(bzd_source_create_ensemble(ensemble, fitter, &config, &source));
  bzd_fitter_destroy(fitter);
  bzd_ensemble_destroy(ensemble);
  bzd_flow_destroy(flows[0]);
  bzd_flow_destroy(flows[1]);
  return source;
}

static inline bzd_data *sources_data(const bzd_context *context) {
  return make_data(context, 30, SOURCES_DIM, SOURCES_CLASSES);
}

static inline bzd_source *sources_make(const bzd_context *context, const bzd_data *data, int which) {
  bzd_source *source, *base;
  switch (which) {
  case SOURCE_DATA: OK(bzd_source_create_data(data, NULL, 9, &source)); return source;
  case SOURCE_TRANSPORT: OK(bzd_source_create_transport(data, NULL, 20, 9, &source)); return source;
  case SOURCE_CALLBACK:
    OK(bzd_source_create_callback(context, 2, SOURCES_DIM, SOURCES_CLASSES, own_paths, NULL, &source));
    return source;
  case SOURCE_POOL:
  case SOURCE_WINDOW_POOL:
  case SOURCE_STREAM:
    base = sources_ensemble(context, data, which == SOURCE_WINDOW_POOL ? SOURCE_WINDOWS : SOURCE_ANCHORED);
    source = which == SOURCE_STREAM ? sources_from_file(context, base) : sources_over(base);
    bzd_source_destroy(base);
    return source;
  default: return sources_ensemble(context, data, which);
  }
}

/* Windows are for velocity students alone; the others take turns. */
static inline bzd_flow *sources_student(const bzd_context *context, int which) {
  int32_t kind = which % 4 == 0 || which == SOURCE_WINDOW_POOL ? BZD_FLOW_VELOCITY
                 : which % 4 == 3                              ? BZD_FLOW_ENDPOINT
                                                               : BZD_FLOW_CONTROL;
  return make_flow(context, kind, 3, SOURCES_DIM, SOURCES_CLASSES, 24, 1);
}

static inline bzd_trainer *sources_trainer(const bzd_flow *student, const bzd_source *source, int which,
                                           int64_t steps) {
  bzd_flow_info info = {.struct_size = sizeof info};
  bzd_trainer_config config;
  bzd_trainer *trainer;
  OK(bzd_flow_get_info(student, &info));
  OK(bzd_trainer_config_init(&config, sizeof config));
  config.steps = steps;
  config.batch = SOURCES_BATCH;
  config.cond_dropout = 0.2;
  config.weight_decay = 0.01;
  config.time = which % 3 == 1 ? BZD_TIME_LOSS_AWARE : which % 3 == 2 ? BZD_TIME_LOGIT_NORMAL : BZD_TIME_U_SHAPED;
  config.at_zero = 0.1;
  config.at_grid = 0.1;
  config.ema = which == SOURCE_TRANSPORT ? 0 : 0.99;
  config.loss = BZD_LOSS_MSE;
  if (which % 4 == 3) config.loss = BZD_LOSS_PSEUDO_HUBER;
  if (info.kind == BZD_FLOW_CONTROL) {
    config.loss = which % 4 == 2 ? BZD_LOSS_GRAM : BZD_LOSS_MSE;
    config.endpoint_weight = 2;
    config.consistency = 0.5;
  }
  OK(bzd_trainer_create(student, source, &config, &trainer));
  return trainer;
}

#endif
