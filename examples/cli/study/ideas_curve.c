/* SPDX-License-Identifier: MIT */
/* Pictures of curves: what a polygon says, and what a student's evaluation is good for. */
#include "ideas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NODES = 33 };

/* The trajectories among the first that bend most, and their fitted curves. */
static void most_bent(const struct ideas *ideas, int count, int32_t degree, float *states, float *paths) {
  enum { LOOK = 400, MOST = 4 };
  static float all[2 * LOOK * NODES], fits[2 * LOOK * 4];
  double arc[LOOK], chord[LOOK];
  bzd_fitter_config shape;
  bzd_fitter *fitter;
  must(bzd_fitter_config_init(&shape, sizeof shape), NULL);
  shape.nodes = NODES;
  shape.degree = degree;
  must(bzd_fitter_create(ideas->common.context, &shape, &fitter), "a fitter");
  idea_states(ideas->teacher, LOOK, ideas->start_rows, NODES, all);
  must(bzd_fitter_fit(fitter, LOOK, 2, all, fits, NULL), "a fit");
  bzd_fitter_destroy(fitter);
  must(bzd_path_measure(LOOK, degree, 2, fits, NULL, arc, chord), "a curve");
  for (int c = 0; c < count; c++) {
    int best = -1;
    for (int i = 0; i < LOOK; i++)
      if (chord[i] > 1.2 && (best < 0 || arc[i] / chord[i] > arc[best] / chord[best])) best = i;
    if (best < 0) die("ideas: no trajectory bends");
    chord[best] = 0;
    memcpy(states + 2 * NODES * c, all + 2 * NODES * best, 2 * NODES * sizeof(float));
    memcpy(paths + 2 * (degree + 1) * c, fits + 2 * (degree + 1) * best, 2 * (size_t)(degree + 1) * sizeof(float));
  }
}

/* Moves words away from the polygon's middle. */
static void name_point(const struct panel *panel, const float *point, const float *middle, const char *colour,
                       const char *name) {
  double dx = (double)(point[0] - middle[0]), dy = (double)(point[1] - middle[1]), length = hypot(dx, dy);
  if (length > 0) dx /= length, dy /= length;
  draw_words(panel, point, 17 * dx, 5 - 17 * dy, "middle", colour, "%s", name);
}

void draw_split(const struct ideas *ideas) {
  const double t = 0.4;
  float states[2 * NODES], path[6], left[6], right[6], middle[2] = {0, 0};
  most_bent(ideas, 1, 2, states, path);
  must(bzd_path_split(1, 2, 2, path, t, left, right), "a curve");
  for (int k = 0; k < 3; k++)
    for (int j = 0; j < 2; j++) middle[j] += path[2 * k + j] / 3;
  struct picture picture;
  picture_open(&picture, 560, 420, "A quadratic, its polygon, and the polygon of the rest of it after t = 0.4");
  struct panel panel =
      panel_around(&picture, 10, 30, 540, 320, 3, path, 0.35, "a quadratic B, and what is left of it at t");
  draw_line(&panel, 3, path, 1.2, GREY, DASHED);
  draw_line(&panel, 3, right, 1.6, ORANGE, DASHED);
  draw_curve(&panel, 2, path, 0, t, 2.2, GREY, NULL);
  draw_curve(&panel, 2, right, 0, 1, 2.6, ORANGE, NULL);
  for (int k = 0; k < 3; k++) draw_square(&panel, path + 2 * k, GREY);
  draw_square(&panel, left + 2, GREY);
  for (int k = 0; k < 3; k++) draw_square(&panel, right + 2 * k, ORANGE);
  name_point(&panel, path, middle, INK, "P0");
  name_point(&panel, path + 2, middle, INK, "P1");
  name_point(&panel, right + 2, middle, ORANGE, "R1");
  name_point(&panel, path + 4, middle, ORANGE, "P2 = R2");
  draw_words(&panel, right, -14, 12, "end", ORANGE, "R0 = B(t), t = %g", t);
  write_key(&picture, 30, 374, GREY, NULL, "B before t, and the polygon P0 P1 P2 of all of B");
  write_key(&picture, 30, 396, ORANGE, NULL, "the rest of B: a quadratic of its own, polygon R0 R1 R2");
  picture_close(&picture, ideas->out, "split");
}

void draw_guides(const struct ideas *ideas) {
  const double half = 0.5;
  static const char *const titles[3] = {"a control point: P1 = Z", "a waypoint: B(1/2) = Z", "a fit of 17 states"};
  float states[2 * NODES], fit[6], few[2 * 17], paths[3][6];
  bzd_fitter *fitter;
  most_bent(ideas, 1, 2, states, fit);
  for (int k = 0; k < 17; k++) memcpy(few + 2 * k, states + 4 * k, 2 * sizeof(float));
  const float *z = few + 16, *end = few + 32;
  memcpy(paths[0], few, 2 * sizeof(float));
  memcpy(paths[0] + 2, z, 2 * sizeof(float));
  memcpy(paths[0] + 4, end, 2 * sizeof(float));
  must(bzd_path_from_waypoints(1, 2, 2, few, z, &half, end, paths[1]), "a waypoint");
  must(bzd_fitter_create(ideas->common.context, NULL, &fitter), "a fitter"); /* degree 2, 17 states */
  must(bzd_fitter_fit(fitter, 1, 2, few, paths[2], NULL), "a fit");
  bzd_fitter_destroy(fitter);
  struct picture picture;
  picture_open(&picture, 958, 322, "One state of a trajectory as control point, as waypoint, and all states as a fit");
  for (int c = 0; c < 3; c++) {
    struct panel panel = panel_around(&picture, 10 + 316 * c, 30, 306, 250, 9, paths[0], 0.5, titles[c]);
    draw_line(&panel, NODES, states, 5, PALE, NULL);
    draw_line(&panel, 3, paths[c], 1.1, BLUE, DASHED);
    draw_curve(&panel, 2, paths[c], 0, 1, 2.2, BLUE, NULL);
    draw_square(&panel, paths[c] + 2, BLUE);
    if (c == 2) draw_points(&panel, 15, few + 2, 6, ORANGE);
    if (c < 2) draw_points(&panel, 1, z, 9, ORANGE);
    draw_points(&panel, 1, few, 7, INK);
    draw_points(&panel, 1, end, 7, INK);
    if (c < 2) draw_words(&panel, z, 12, 5, "start", ORANGE, "Z");
    draw_words(&panel, few, -10, 5, "end", INK, "x0");
    draw_words(&panel, end, -10, 5, "end", INK, "x1");
  }
  write_key(&picture, 60, 306, PALE, NULL, "the teacher's trajectory");
  write_key(&picture, 310, 306, BLUE, NULL, "the path, its polygon dashed, its P1 a square");
  write_key(&picture, 690, 306, ORANGE, NULL, "what it was made from");
  picture_close(&picture, ideas->out, "guides");
}

/* Where 512 paths are at half time, coloured by the Gaussian that they end in: along chords most groups are apart,
 * curves that follow the teacher keep neighbours together, as it parts them late. */
void draw_bend(const struct ideas *ideas) {
  enum { PATHS = 512 };
  static const char *const colours[4] = {BLUE, ORANGE, GREEN, VIOLET};
  static const char *const titles[3] = {"bend 0: chords", "bend 0.75", "bend 1: fits of the trajectories"};
  static float paths[6 * PATHS], halfway[2 * PATHS];
  const double half = 0.5;
  struct picture picture;
  picture_open(&picture, 958, 366, "Where paths are at half time, by the Gaussian that they end in, for three bends");
  for (int c = 0; c < 3; c++) {
    bzd_ensemble_source_config config = idea_paths_config(ideas);
    config.bend = c == 0 ? 0 : c == 1 ? 0.75 : 1;
    bzd_source *source = idea_paths(ideas, ideas->teacher, 2, &config);
    must(bzd_source_get_paths(source, 0, PATHS, paths, NULL, NULL), "paths");
    bzd_source_destroy(source);
    must(bzd_path_evaluate(PATHS, 2, 2, paths, 1, &half, halfway), "curves");
    struct panel panel = panel_open(&picture, 10 + 316 * c, 30, 306, 306, -2.6, 2.6, titles[c]);
    for (int i = 0; i < PATHS; i++) {
      const float *end = paths + 6 * i + 4;
      double eighth = atan2((double)end[1], (double)end[0]) / 3.14159265358979323846 * 4;
      draw_points(&panel, 1, halfway + 2 * i, 3.5, colours[((int)floor(eighth + 0.5) + 8) % 4]);
    }
  }
  write_words(&picture, 479, 356, "middle", INK,
              "paths at t = 1/2; a colour for the Gaussian at their end (opposite ones share it)");
  picture_close(&picture, ideas->out, "bend");
}

/* The teacher by Euler steps, and the student along its curves, from the same start. */
void draw_steps(const struct ideas *ideas) {
  static const int counts[3] = {1, 2, 4};
  float states[2 * NODES * 2], fits[12];
  most_bent(ideas, 2, 2, states, fits);
  const float *truth = states; /* the one that bends most */
  float seen[2 * (NODES + 5)];
  struct picture picture;
  picture_open(&picture, 958, 580,
               "Euler steps of a teacher and steps along a student's curves, at 1, 2 and 4 evaluations");
  memcpy(seen, truth, 2 * NODES * sizeof(float));
  for (int s = 0; s < 5; s++) { /* room for Euler's steps */
    double to = 0.25 * s;
    memcpy(seen + 2 * (NODES + s), truth, 2 * sizeof(float));
    if (s == 0) continue;
    bzd_sample_config config;
    must(bzd_sample_config_init(&config, sizeof config), NULL);
    config.solver = BZD_SOLVER_EULER;
    config.steps = 1;
    config.t1 = to;
    must(bzd_flow_sample(ideas->teacher, &config, 1, truth, NULL, seen + 2 * (NODES + s), NULL), "a step");
  }
  for (int row = 0; row < 2; row++)
    for (int c = 0; c < 3; c++) {
      char title[64];
      snprintf(title, sizeof title, "%s, %d evaluation%s", row ? "student" : "teacher, Euler", counts[c],
               counts[c] > 1 ? "s" : "");
      struct panel panel = panel_around(&picture, 10 + 316 * c, 30 + 262 * row, 306, 222, NODES + 5, seen, 0.2, title);
      const char *colour = row ? BLUE : ORANGE;
      float x[2] = {truth[0], truth[1]}, next[2], path[6];
      draw_line(&panel, NODES, truth, 5, PALE, NULL);
      for (int s = 0; s < counts[c]; s++) {
        bzd_sample_config config;
        must(bzd_sample_config_init(&config, sizeof config), NULL);
        config.solver = row ? BZD_SOLVER_CONTROL : BZD_SOLVER_EULER;
        config.steps = 1;
        config.t0 = (double)s / counts[c];
        config.t1 = (double)(s + 1) / counts[c];
        must(bzd_flow_sample(row ? ideas->student : ideas->teacher, &config, 1, x, NULL, next, NULL), "a step");
        float at = (float)config.t0, line[4] = {x[0], x[1], next[0], next[1]};
        if (row) {
          must(bzd_flow_curve(ideas->student, 1, x, &at, NULL, 1, path), "a curve");
          double share = (config.t1 - config.t0) / (1 - config.t0);
          if (s + 1 < counts[c]) draw_curve(&panel, 2, path, share, 1, 1.2, colour, DASHED);
          draw_curve(&panel, 2, path, 0, share, 2.2, colour, NULL);
        } else {
          draw_line(&panel, 2, line, 2.2, colour, NULL);
        }
        draw_ring(&panel, x, 3.5, colour);
        memcpy(x, next, sizeof x);
      }
      draw_points(&panel, 1, x, 8, colour);
      draw_points(&panel, 1, truth + 2 * (NODES - 1), 5, INK);
    }
  write_key(&picture, 40, 540, PALE, NULL, "the teacher's trajectory; black dot: its end");
  write_key(&picture, 40, 562, BLUE, NULL, "the part of the student's curve that is used");
  write_key(&picture, 520, 540, ORANGE, NULL, "Euler steps; rings: evaluations");
  write_key(&picture, 520, 562, BLUE, DASHED, "the rest of it, predicted anew at the next ring");
  picture_close(&picture, ideas->out, "steps");
}

/* Equal grids and chosen ones of the teacher's Euler steps: what a grid costs, and how far 2048 ends are missed. */
void draw_grid(const struct ideas *ideas) {
  enum { ROWS = 2048, KINDS = 3 };
  static const int counts[KINDS] = {2, 4, 8};
  static float ends[2 * ROWS], truth[2 * ROWS];
  const double time[2] = {-0.03, 1.03}, none[2] = {0, 6};
  struct picture picture;
  picture_open(&picture, 800, 300, "Equal steps and steps chosen by dynamic programming");
  struct panel panel = panel_axes(&picture, 90, 30, 420, 220, time, none, "where the steps begin and end, t");
  idea_sample(ideas->teacher, BZD_SOLVER_DOPRI5, 0, NULL, ROWS, ideas->start_rows, truth);
  bzd_source *paths = idea_paths(ideas, ideas->teacher, 6, NULL);
  write_words(&picture, 595, 21, "middle", INK, "sum of step errors");
  write_words(&picture, 725, 21, "middle", INK, "miss of the ends");
  for (int i = 0; i < KINDS; i++)
    for (int chosen = 0; chosen < 2; chosen++) {
      double grid[16], cost, square = 0, y = 5.4 - 2 * i - 0.75 * chosen;
      bzd_grid_config config;
      must(bzd_grid_config_init(&config, sizeof config), NULL);
      config.steps = counts[i];
      config.paths = paths;
      if (!chosen) config.candidates = counts[i]; /* no choice is left: equal steps */
      must(bzd_flow_choose_grid(ideas->teacher, &config, grid, &cost), "a grid");
      idea_sample(ideas->teacher, BZD_SOLVER_EULER, counts[i], grid, ROWS, ideas->start_rows, ends);
      for (int r = 0; r < 2 * ROWS; r++) square += pow((double)(ends[r] - truth[r]), 2) / (2 * ROWS);
      const char *colour = chosen ? BLUE : ORANGE;
      float line[4] = {0, (float)y, 1, (float)y};
      draw_line(&panel, 2, line, 1.2, colour, NULL);
      for (int k = 0; k <= counts[i]; k++) {
        float at[2] = {(float)grid[k], (float)y};
        draw_ring(&panel, at, 4, colour);
      }
      double pixel = 30 + (6 - y) / 6 * 220 + 5;
      write_words(&picture, 82, pixel, "end", colour, "%d %s", counts[i], chosen ? "chosen" : "equal");
      write_words(&picture, 595, pixel, "middle", colour, "%.3f", cost);
      write_words(&picture, 725, pixel, "middle", colour, "%.3f", sqrt(square));
    }
  bzd_source_destroy(paths);
  for (int k = 0; k <= 4; k++)
    write_words(&picture, 90 + 420 * (0.25 * k + 0.03) / 1.06, 268, "middle", INK, "%g", 0.25 * k);
  write_words(&picture, 400, 290, "middle", INK,
              "Euler steps of the teacher. Errors: root mean square per coordinate, against its own trajectories");
  picture_close(&picture, ideas->out, "grid");
}

/* The student of the next picture, a copy of the teacher that has not learned yet: its steps are Euler's. */
static void visit(const bzd_flow *student, int from, int of, float *states) {
  bzd_sample_config config;
  must(bzd_sample_config_init(&config, sizeof config), NULL);
  config.solver = BZD_SOLVER_CONTROL;
  config.steps = 1;
  config.t0 = (double)from / of;
  config.t1 = (double)(from + 1) / of;
  must(bzd_flow_sample(student, &config, 1, states + 2 * from, NULL, states + 2 * from + 2, NULL), "a visit");
}

/* Paths that live on a part of [0, 1]: four windows of one trajectory, and the rest after two of a student's steps. */
void draw_spans(const struct ideas *ideas) {
  enum { WINDOWS = 4, VISITS = 4, LOOK = 128 };
  static float paths[6 * LOOK], span[2 * LOOK], states[2 * LOOK * NODES], x0[2 * LOOK], whole[6 * LOOK];
  struct picture picture;
  picture_open(&picture, 634, 394, "Windows of a trajectory, and a path that starts where a student is");
  bzd_ensemble_source_config config = idea_paths_config(ideas);
  config.windows = WINDOWS;
  bzd_source *source = idea_paths(ideas, ideas->teacher, 1, &config);
  must(bzd_source_get_paths(source, 0, LOOK, paths, NULL, span), "paths");
  bzd_source_destroy(source);
  int best = 0;
  double most = 0;
  for (int i = 0; i < LOOK / WINDOWS; i++) { /* the one whose windows turn most */
    const float *first = paths + 4 * WINDOWS * i, *last = first + 4 * (WINDOWS - 1);
    double turn =
        hypot((double)(first[2] - first[0] - last[2] + last[0]), (double)(first[3] - first[1] - last[3] + last[1]));
    if (turn > most) most = turn, best = i;
  }
  idea_states(ideas->teacher, 1, paths + 4 * WINDOWS * best, NODES, states);
  struct panel panel =
      panel_around(&picture, 10, 30, 300, 300, NODES, states, 0.6, "4 windows of degree 1 of a trajectory");
  draw_line(&panel, NODES, states, 6, PALE, NULL);
  for (int w = 0; w < WINDOWS; w++) draw_line(&panel, 2, paths + 4 * (WINDOWS * best + w), 2.2, BLUE, NULL);
  for (int w = 0; w < WINDOWS; w++) {
    const float *path = paths + 4 * (WINDOWS * best + w);
    draw_ring(&panel, path, 4, BLUE);
    draw_words(&panel, path, 9, w < 2 ? -9 : 17, "start", INK, "t = %g", (double)span[2 * (WINDOWS * best + w)]);
  }
  bzd_flow *student;
  must(bzd_flow_create_from(ideas->teacher, BZD_FLOW_CONTROL, 2, &student), "a student");
  config = idea_paths_config(ideas);
  config.visitor = student;
  config.visit_steps = VISITS;
  source = idea_paths(ideas, ideas->teacher, 2, &config);
  must(bzd_source_get_paths(source, 0, LOOK, paths, NULL, span), "paths");
  bzd_source_destroy(source);
  source = idea_paths(ideas, ideas->teacher, 2, NULL); /* the same x0 without visits */
  must(bzd_source_get_paths(source, 0, LOOK, whole, NULL, NULL), "paths");
  bzd_source_destroy(source);
  for (int i = 0; i < LOOK; i++) memcpy(x0 + 2 * i, whole + 6 * i, 2 * sizeof(float));
  idea_states(ideas->teacher, LOOK, x0, NODES, states);
  most = 0;
  for (int i = 0; i < LOOK; i++) { /* the one that the student leads furthest from the teacher's trajectory */
    const float *there = states + 2 * (NODES * i + NODES / 2);
    double apart = hypot((double)(paths[6 * i] - there[0]), (double)(paths[6 * i + 1] - there[1]));
    if (lround((double)span[2 * i] * VISITS) == 2 && apart > most) most = apart, best = i;
  }
  float seen[2 * NODES + 12], steps[6];
  memcpy(seen, states + 2 * NODES * best, 2 * NODES * sizeof(float));
  memcpy(steps, x0 + 2 * best, 2 * sizeof(float));
  for (int s = 0; s < 2; s++) visit(student, s, VISITS, steps);
  memcpy(seen + 2 * NODES, steps, sizeof steps);
  memcpy(seen + 2 * NODES + 6, paths + 6 * best, sizeof steps);
  bzd_flow_destroy(student);
  panel = panel_around(&picture, 324, 30, 300, 300, NODES + 6, seen, 0.4, "on-policy, after 2 of 4 steps");
  draw_line(&panel, NODES, seen, 6, PALE, NULL);
  draw_line(&panel, 3, steps, 1.8, ORANGE, DASHED);
  draw_curve(&panel, 2, paths + 6 * best, 0, 1, 2.2, BLUE, NULL);
  draw_ring(&panel, steps, 4, ORANGE);
  draw_ring(&panel, steps + 2, 4, ORANGE);
  draw_ring(&panel, paths + 6 * best, 4, BLUE);
  draw_words(&panel, steps, 9, 5, "start", INK, "x0");
  draw_words(&panel, paths + 6 * best, 9, 5, "start", INK, "t = %g", (double)span[2 * best]);
  write_key(&picture, 30, 352, PALE, NULL, "the teacher's trajectory from x0");
  write_key(&picture, 30, 376, BLUE, NULL, "training paths");
  write_key(&picture, 345, 352, ORANGE, DASHED, "the student's own steps");
  picture_close(&picture, ideas->out, "spans");
}
