/* SPDX-License-Identifier: MIT */
/* bezdist study ideas: the pictures of docs/math.md, each drawn from small flows trained here. */
#ifndef BEZDIST_CLI_IDEAS_H
#define BEZDIST_CLI_IDEAS_H

#include "ideas_draw.h"

/* Two moons to eight Gaussians, in the plane. Seeds: rows of the moons 1, of the Gaussians 2; weights, paths and
 * training of a flow as each training says. */
enum { IDEA_ROWS = 8192 };

struct ideas {
  struct common common;
  const char *out;
  float start_rows[2 * IDEA_ROWS], target_rows[2 * IDEA_ROWS];
  bzd_data *start, *target;
  bzd_flow *teacher; /* velocity, from data */
  bzd_flow *student; /* control points of degree 2, from the teacher's paths */
};

/* Writes every picture into the folder out. */
void study_ideas(const struct common *common, const char *out);

/* ---- What the pictures share (ideas.c) -------------------------------------------------------------------------- */

/* Trains a copy of flow on source and drops source. */
bzd_flow *idea_train(const bzd_flow *flow, bzd_source *source, const bzd_trainer_config *config);
bzd_trainer_config idea_training(int64_t steps, uint64_t seed);
bzd_flow *idea_fresh(const struct ideas *ideas, uint64_t seed);
/* Paths of one teacher; config NULL: forwards from the moons, seed 3. */
bzd_source *idea_paths(const struct ideas *ideas, const bzd_flow *teacher, int32_t degree,
                       const bzd_ensemble_source_config *config);
bzd_ensemble_source_config idea_paths_config(const struct ideas *ideas);
/* States [n, count, 2] at equal times from 0 to 1, by the adaptive solver. */
void idea_states(const bzd_flow *flow, int64_t n, const float *x0, int64_t count, float *states);
/* Where n points go in so many steps of a solver; grid [steps + 1] NULL: equal ones. */
void idea_sample(const bzd_flow *flow, int32_t solver, int32_t steps, const double *grid, int64_t n, const float *x0,
                 float *out);

/* ---- The pictures ------------------------------------------------------------------------------------------------ */

void draw_crossing(const struct ideas *ideas); /* ideas_flow.c */
void draw_reflow(const struct ideas *ideas);
void draw_chords(const struct ideas *ideas);
void draw_anchoring(const struct ideas *ideas);
void draw_transport(const struct ideas *ideas);
void draw_split(const struct ideas *ideas); /* ideas_curve.c */
void draw_guides(const struct ideas *ideas);
void draw_bend(const struct ideas *ideas);
void draw_steps(const struct ideas *ideas);
void draw_spans(const struct ideas *ideas);
void draw_grid(const struct ideas *ideas);
void draw_times(const struct ideas *ideas);   /* ideas_time.c */
void draw_weights(const struct ideas *ideas); /* ideas_ensemble.c */
void draw_budget(const struct ideas *ideas);

#endif
