/* SPDX-License-Identifier: MIT */
/* Pictures of what several teachers weigh, and of where the energy of paths goes. */
#include "ideas.h"

#include <math.h>
#include <string.h>

/* ---- Weights --------------------------------------------------------------------------------------------------------
 */

enum { TEACHERS = 5, ROWS = 512, NODES = 17 };

static const char *const teacher_colours[TEACHERS] = {BLUE, GREEN, VIOLET, "#9a6a1c", ORANGE};

/* Four teachers of 1500 steps and one stopped after 200; weights' and training's seeds 30, 31, .. */
static void train_teachers(const struct ideas *ideas, bzd_flow *teachers[TEACHERS]) {
  for (int m = 0; m < TEACHERS; m++) {
    bzd_flow *fresh = idea_fresh(ideas, (uint64_t)(30 + m));
    bzd_trainer_config config = idea_training(m < TEACHERS - 1 ? 1500 : 200, (uint64_t)(30 + m));
    bzd_source *source;
    must(bzd_source_create_data(ideas->target, ideas->start, (uint64_t)(30 + m), &source), "data");
    teachers[m] = idea_train(fresh, source, &config);
    bzd_flow_destroy(fresh);
  }
}

/* Mean weight of each teacher at t = 1/2, over states that the ensemble's own trajectories pass. */
static void mean_weights(const struct ideas *ideas, bzd_flow *const *teachers, int32_t rule, double out[TEACHERS]) {
  static float states[2 * ROWS * 3], x[2 * ROWS], t[ROWS], v[2 * ROWS];
  static double weights[ROWS * TEACHERS];
  bzd_ensemble_config config;
  bzd_ensemble *ensemble;
  bzd_source *validation;
  bzd_sample_config solve;
  const double times[3] = {0, 0.5, 1};
  must(bzd_ensemble_config_init(&config, sizeof config), NULL);
  must(bzd_source_create_data(ideas->target, ideas->start, 99, &validation), "data");
  config.rule = rule;
  if (rule == BZD_RULE_ERROR || rule == BZD_RULE_VARIANCE) config.validation = validation;
  must(bzd_ensemble_create(ideas->common.context, &config, TEACHERS, (const bzd_flow *const *)teachers, &ensemble),
       "an ensemble");
  bzd_source_destroy(validation);
  must(bzd_sample_config_init(&solve, sizeof solve), NULL);
  must(bzd_ensemble_trajectory(ensemble, &solve, ROWS, ideas->start_rows, NULL, 3, times, states, NULL), "states");
  for (int i = 0; i < ROWS; i++) {
    memcpy(x + 2 * i, states + 6 * i + 2, 2 * sizeof(float));
    t[i] = 0.5F;
  }
  must(bzd_ensemble_velocity(ensemble, ROWS, 0, x, t, NULL, v, weights), "weights");
  bzd_ensemble_destroy(ensemble);
  for (int m = 0; m < TEACHERS; m++) {
    out[m] = 0;
    for (int i = 0; i < ROWS; i++) out[m] += weights[i * TEACHERS + m] / ROWS;
  }
}

void draw_weights(const struct ideas *ideas) {
  static const struct {
    const char *name;
    int32_t rule;
  } rules[] = {{"uniform", BZD_RULE_UNIFORM},
               {"error", BZD_RULE_ERROR},
               {"variance", BZD_RULE_VARIANCE},
               {"consensus", BZD_RULE_CONSENSUS},
               {"medoid", BZD_RULE_MEDOID}};
  enum { RULES = sizeof rules / sizeof rules[0] };
  static float states[2 * 3 * NODES];
  bzd_flow *teachers[TEACHERS];
  struct picture picture;
  const double x[2] = {0, RULES}, y[2] = {0, 0.8};
  train_teachers(ideas, teachers);
  picture_open(&picture, 880, 390, "Teachers send one start to several ends; weight rules trust them differently");
  struct panel left = panel_open(&picture, 10, 30, 300, 300, -3, 3, "five teachers from the same three starts");
  draw_points(&left, 400, ideas->target_rows, 2.2, PALE);
  for (int m = 0; m < TEACHERS; m++) {
    idea_states(teachers[m], 3, ideas->start_rows, NODES, states);
    for (int i = 0; i < 3; i++)
      draw_line(&left, NODES, states + 2 * NODES * i, 1.5, teacher_colours[m], m == TEACHERS - 1 ? DASHED : NULL);
  }
  draw_points(&left, 3, ideas->start_rows, 7, INK);
  struct panel right = panel_axes(&picture, 370, 30, 490, 300, x, y, "mean weight at t = 1/2, by rule");
  for (int r = 0; r < RULES; r++) {
    double weight[TEACHERS], effective = 0;
    mean_weights(ideas, teachers, rules[r].rule, weight);
    for (int m = 0; m < TEACHERS; m++) {
      draw_bar(&right, r + 0.08 + 0.168 * m, r + 0.08 + 0.168 * (m + 1) - 0.02, weight[m], teacher_colours[m]);
      effective += weight[m] * weight[m];
    }
    float at[2] = {(float)(r + 0.5), 0};
    draw_words(&right, at, 0, 17, "middle", INK, "%s", rules[r].name);
    draw_words(&right, at, 0, 34, "middle", INK, "%.1f", 1 / effective);
  }
  for (int k = 0; k <= 8; k += 2) {
    float at[2] = {0, (float)k / 10};
    draw_words(&right, at, -6, 4, "end", INK, "%.1f", k / 10.0);
  }
  write_key(&picture, 20, 352, BLUE, NULL, "a teacher of 1500 steps (four colours)");
  write_key(&picture, 20, 374, ORANGE, DASHED, "one stopped after 200");
  write_words(&picture, 370, 384, "start", INK, "numbers: 1 / sum of squared weights, the teachers that count");
  picture_close(&picture, ideas->out, "weights");
  for (int m = 0; m < TEACHERS; m++) bzd_flow_destroy(teachers[m]);
}

/* ---- The energy budget ----------------------------------------------------------------------------------------------
 */

/* A pile of parts, from the bottom. */
static void pile(const struct panel *panel, double from, double to, int count, const double *part,
                 const char *const *colour) {
  double sum = 0;
  for (int i = 0; i < count; i++) sum += part[i];
  for (int i = count - 1; i >= 0; i--) {
    draw_bar(panel, from, to, sum, colour[i]);
    sum -= part[i];
  }
}

/* Reflow's flow: 2000 steps on 8192 lines of the teacher, seed 8. */
static bzd_flow *straightened(const struct ideas *ideas) {
  bzd_source *endless = idea_paths(ideas, ideas->teacher, 1, NULL), *lines;
  bzd_trainer_config config = idea_training(2000, 8);
  bzd_flow *copy;
  must(bzd_source_create_pool(endless, 0, 8192, 8, NULL, NULL, &lines), "lines");
  bzd_source_destroy(endless);
  must(bzd_flow_create_from(ideas->teacher, BZD_FLOW_VELOCITY, 1, &copy), "a round");
  bzd_flow *flow = idea_train(copy, lines, &config);
  bzd_flow_destroy(copy);
  return flow;
}

void draw_budget(const struct ideas *ideas) {
  enum { CASES = 3 };
  static const char *const names[CASES] = {"data, paired independently", "reflow's lines", "fitted quadratics"};
  static const char *const path_colours[] = {BLUE, "#9cc4e4"}, *const flow_colours[] = {GREEN, "#a8d5aa", ORANGE};
  bzd_flow *reflow = straightened(ideas);
  const bzd_flow *flows[CASES] = {ideas->teacher, reflow, ideas->student};
  double paths[CASES][2], parts[CASES][3], most = 0;
  for (int k = 0; k < CASES; k++) {
    bzd_source *source;
    bzd_flow_metrics_config config;
    bzd_flow_metrics result = {.struct_size = sizeof result};
    if (k == 0)
      must(bzd_source_create_data(ideas->target, ideas->start, 55, &source), "data");
    else
      source = idea_paths(ideas, ideas->teacher, k, NULL);
    must(bzd_flow_metrics_config_init(&config, sizeof config), NULL);
    config.paths = source;
    config.rows = 4096;
    must(bzd_metrics_flow(flows[k], &config, &result), "energy");
    bzd_source_destroy(source);
    paths[k][0] = result.path_chord2, paths[k][1] = result.path_straightness;
    parts[k][0] = result.chord2, parts[k][1] = result.straightness, parts[k][2] = result.crossing_variance;
    most = fmax(most, fmax(paths[k][0] + paths[k][1], parts[k][0] + parts[k][1] + parts[k][2]));
  }
  bzd_flow_destroy(reflow);
  struct picture picture;
  const double x[2] = {0, CASES}, y[2] = {0, 1.15 * most};
  picture_open(&picture, 880, 400, "The energy of training paths is that of the flow and what crossing threw away");
  struct panel panel =
      panel_axes(&picture, 60, 30, 800, 280, x, y, "energy of the paths, and of the flow trained on them");
  for (int k = 0; k < CASES; k++) {
    pile(&panel, k + 0.15, k + 0.47, 2, paths[k], path_colours);
    pile(&panel, k + 0.53, k + 0.85, 3, parts[k], flow_colours);
    float at[2] = {(float)(k + 0.5), 0}, left[2] = {(float)(k + 0.31), (float)(paths[k][0] + paths[k][1])},
          right[2] = {(float)(k + 0.69), (float)(parts[k][0] + parts[k][1] + parts[k][2])};
    draw_words(&panel, at, 0, 17, "middle", INK, "%s", names[k]);
    draw_words(&panel, left, 0, -5, "middle", INK, "%.2f", paths[k][0] + paths[k][1]);
    draw_words(&panel, right, 0, -5, "middle", INK, "%.2f, V = %.2f", parts[k][0] + parts[k][1] + parts[k][2],
               parts[k][2]);
  }
  for (double tick = 0; tick < y[1]; tick += 1) {
    float at[2] = {0, (float)tick};
    draw_words(&panel, at, -6, 4, "end", INK, "%g", tick);
  }
  write_key(&picture, 60, 350, path_colours[0], NULL, "E|X1 - X0|^2 of the paths");
  write_key(&picture, 60, 374, path_colours[1], NULL, "S(X), their bends");
  write_key(&picture, 330, 350, flow_colours[0], NULL, "E|Z1 - Z0|^2 of the flow");
  write_key(&picture, 330, 374, flow_colours[1], NULL, "S(Z), its bends");
  write_key(&picture, 600, 350, flow_colours[2], NULL, "V, what crossing threw away");
  picture_close(&picture, ideas->out, "budget");
}
