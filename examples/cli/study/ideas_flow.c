/* SPDX-License-Identifier: MIT */
/* Pictures of flows: what crosses, what bends, where ends come from. */
#include "ideas.h"

#include <math.h>
#include <string.h>

#define SIDE 300.0   /* of a panel, in pixels */
#define SPAN 3.0     /* of the plane around its middle */
enum { BACK = 400 }; /* data points behind a panel */

static const char *const palette[] = {BLUE, ORANGE, GREEN, VIOLET};

static struct panel place(const struct ideas *ideas, struct picture *picture, int column, const char *title) {
  struct panel panel = panel_open(picture, 10 + (SIDE + 14) * column, 30, SIDE, SIDE, -SPAN, SPAN, title);
  draw_points(&panel, BACK, ideas->target_rows, 2.2, PALE);
  return panel;
}

static struct picture open_row(int columns, int below, const char *what) {
  struct picture picture;
  picture_open(&picture, 6 + ((int)SIDE + 14) * columns, 40 + (int)SIDE + below, what);
  return picture;
}

/* Lines of the training data, and the trained flow's trajectories from the same starts. */
void draw_crossing(const struct ideas *ideas) {
  enum { LINES = 60, NODES = 25 };
  static float paths[4 * LINES], x0[2 * LINES], states[2 * LINES * NODES];
  bzd_source *source;
  must(bzd_source_create_data(ideas->target, ideas->start, 5, &source), "data");
  must(bzd_source_get_paths(source, 0, LINES, paths, NULL, NULL), "data");
  bzd_source_destroy(source);
  for (int i = 0; i < LINES; i++) memcpy(x0 + 2 * i, paths + 4 * i, 2 * sizeof(float));
  idea_states(ideas->teacher, LINES, x0, NODES, states);
  struct picture picture = open_row(2, 30, "Training lines cross; the trajectories of the trained flow bend instead");
  struct panel left = place(ideas, &picture, 0, "training lines: ends drawn apart");
  struct panel right = place(ideas, &picture, 1, "trajectories of the trained flow");
  for (int i = 0; i < LINES; i++) {
    draw_line(&left, 2, paths + 4 * i, 1, BLUE, NULL);
    draw_line(&right, NODES, states + 2 * NODES * i, 1, BLUE, NULL);
  }
  draw_points(&left, LINES, x0, 5, ORANGE);
  draw_points(&right, LINES, x0, 5, ORANGE);
  for (int i = 0; i < LINES; i++) memcpy(x0 + 2 * i, paths + 4 * i + 2, 2 * sizeof(float));
  draw_points(&left, LINES, x0, 5, GREEN);
  for (int i = 0; i < LINES; i++) memcpy(x0 + 2 * i, states + 2 * (NODES * i + NODES - 1), 2 * sizeof(float));
  draw_points(&right, LINES, x0, 5, GREEN);
  write_key(&picture, 150, 352, ORANGE, NULL, "start, t = 0");
  write_key(&picture, 300, 352, GREEN, NULL, "end, t = 1");
  write_key(&picture, 440, 352, PALE, NULL, "data");
  picture_close(&picture, ideas->out, "crossing");
}

/* Root mean square distance of n points and others. */
static double apart_of(int64_t n, const float *a, const float *b) {
  double square = 0;
  for (int64_t i = 0; i < 2 * n; i++) square += pow((double)a[i] - (double)b[i], 2) / (double)n;
  return sqrt(square);
}

/* Rounds of reflow: each 500 steps from the last one's weights on 4096 pairs of it (seeds 20, 21, ...). */
void draw_reflow(const struct ideas *ideas) {
  enum { LINES = 40, NODES = 17, ROUNDS = 6, ENDS = 2048 };
  static float states[2 * LINES * NODES], first[2 * ENDS], last[2 * ENDS], ends[2 * ENDS];
  const double x[2] = {0, ROUNDS + 0.3};
  double y[2] = {0, 0}, step[ROUNDS + 1] = {0}, total[ROUNDS + 1] = {0};
  struct picture picture = open_row(3, 60, "Reflow straightens trajectories, and its ends drift round by round");
  bzd_flow *flow = NULL;
  for (int round = 0; round <= ROUNDS; round++) {
    if (round > 0) {
      bzd_trainer_config config = idea_training(500, (uint64_t)(20 + round));
      bzd_ensemble_source_config paths = idea_paths_config(ideas);
      const bzd_flow *teacher = flow ? flow : ideas->teacher;
      bzd_source *pairs;
      bzd_flow *copy, *next;
      paths.seed = (uint64_t)(20 + round);
      bzd_source *endless = idea_paths(ideas, teacher, 1, &paths);
      must(bzd_source_create_pool(endless, 0, 4096, 0, NULL, NULL, &pairs), "pairs");
      bzd_source_destroy(endless);
      must(bzd_flow_create_from(teacher, BZD_FLOW_VELOCITY, 1, &copy), "a round");
      next = idea_train(copy, pairs, &config);
      bzd_flow_destroy(copy);
      bzd_flow_destroy(flow);
      flow = next;
    }
    idea_sample(round ? flow : ideas->teacher, BZD_SOLVER_DOPRI5, 0, NULL, ENDS, ideas->start_rows, ends);
    if (round == 0) memcpy(first, ends, sizeof first);
    if (round > 0) step[round] = apart_of(ENDS, ends, last), total[round] = apart_of(ENDS, ends, first);
    memcpy(last, ends, sizeof last);
    if (round > 1) continue;
    struct panel panel = place(ideas, &picture, round, round ? "after one round of reflow" : "trained on data");
    idea_states(round ? flow : ideas->teacher, LINES, ideas->start_rows, NODES, states);
    for (int i = 0; i < LINES; i++) draw_line(&panel, NODES, states + 2 * NODES * i, 1, BLUE, NULL);
    draw_points(&panel, LINES, ideas->start_rows, 5, ORANGE);
  }
  bzd_flow_destroy(flow);
  for (int round = 1; round <= ROUNDS; round++) y[1] = fmax(y[1], 1.15 * total[round]);
  struct panel panel = panel_axes(&picture, 60 + (SIDE + 14) * 2, 30, SIDE - 50, SIDE - 20, x, y,
                                  "how far ends moved (root mean square)");
  const double *lines[2] = {step, total};
  for (int k = 0; k < 2; k++) {
    float points[2 * ROUNDS];
    for (int round = 1; round <= ROUNDS; round++) {
      points[2 * round - 2] = (float)round;
      points[2 * round - 1] = (float)lines[k][round];
    }
    draw_line(&panel, ROUNDS, points, 2, k ? VIOLET : GREEN, NULL);
    draw_points(&panel, ROUNDS, points, 6, k ? VIOLET : GREEN);
  }
  for (int round = 1; round <= ROUNDS; round++) {
    float at[2] = {(float)round, 0};
    draw_words(&panel, at, 0, 17, "middle", INK, "%d", round);
  }
  for (double tick = 0; tick < y[1]; tick += 0.05) {
    float at[2] = {0, (float)tick};
    draw_words(&panel, at, -6, 4, "end", INK, "%.2f", tick);
  }
  write_words(&picture, 60 + (SIDE + 14) * 2.4, 345, "middle", INK, "round");
  write_key(&picture, 40, 352, ORANGE, NULL, "starts");
  write_key(&picture, 160, 352, BLUE, NULL, "trajectories");
  write_key(&picture, 310, 352, PALE, NULL, "data");
  write_key(&picture, 650, 364, GREEN, NULL, "against the round before");
  write_key(&picture, 650, 384, VIOLET, NULL, "against the first flow");
  picture_close(&picture, ideas->out, "reflow");
}

/* The time at which two chords come nearest, and how near. a, b: first and last state. */
static double meeting(const float *a0, const float *a1, const float *b0, const float *b1, double *apart) {
  double d[2], e[2], dd = 0, de = 0, ee = 0;
  for (int j = 0; j < 2; j++) {
    d[j] = (double)a0[j] - (double)b0[j];
    e[j] = (double)a1[j] - (double)b1[j] - d[j];
    dd += d[j] * d[j], de += d[j] * e[j], ee += e[j] * e[j];
  }
  double t = ee > 0 ? fmin(fmax(-de / ee, 0), 1) : 0;
  *apart = sqrt(fmax(dd + 2 * t * de + t * t * ee, 0));
  return t;
}

/* State of a trajectory at t, between its nodes. */
static void state_at(const float *states, int nodes, double t, float *out) {
  double at = t * (nodes - 1);
  int k = at < nodes - 2 ? (int)at : nodes - 2;
  for (int j = 0; j < 2; j++)
    out[j] = (float)((1 - (at - k)) * (double)states[2 * k + j] + (at - k) * (double)states[2 * k + 2 + j]);
}

/* Pairs of chords that meet at one time, and their trajectories at that time: the three pairs of 3000 trajectories
 * that are then furthest apart and whose chords differ most, no two of them near each other. */
void draw_chords(const struct ideas *ideas) {
  enum { ALL = 3000, NODES = 33, PAIRS = 3 };
  static float states[2 * ALL * NODES], paths[2 * ALL * 3];
  bzd_fitter_config shape;
  bzd_fitter *fitter;
  float shown[2 * PAIRS];
  idea_states(ideas->teacher, ALL, ideas->start_rows, NODES, states);
  must(bzd_fitter_config_init(&shape, sizeof shape), NULL);
  shape.nodes = NODES;
  must(bzd_fitter_create(ideas->common.context, &shape, &fitter), "a fitter");
  must(bzd_fitter_fit(fitter, ALL, 2, states, paths, NULL), "a fit");
  bzd_fitter_destroy(fitter);
  struct picture picture = open_row(PAIRS, 56, "Chords of a teacher meet where its trajectories do not");
  for (int p = 0; p < PAIRS; p++) {
    double most = -1, time = 0;
    const float *pair[2] = {NULL, NULL}, *fit[2] = {NULL, NULL};
    for (int a = 0; a < ALL; a++) {
      const float *s = states + 2 * NODES * a;
      bool fresh = true;
      for (int q = 0; q < p; q++) fresh &= hypot((double)(s[0] - shown[2 * q]), (double)(s[1] - shown[2 * q + 1])) > 1;
      for (int b = 0; fresh && b < a; b++) {
        const float *r = states + 2 * NODES * b;
        double apart, t = meeting(s, s + 2 * (NODES - 1), r, r + 2 * (NODES - 1), &apart);
        if (apart > 0.03 || t < 0.1 || t > 0.9) continue;
        float here[2], there[2];
        state_at(s, NODES, t, here);
        state_at(r, NODES, t, there);
        double gap = hypot((double)(here[0] - there[0]), (double)(here[1] - there[1]));
        const float *s1 = s + 2 * (NODES - 1), *r1 = r + 2 * (NODES - 1);
        gap *= hypot((double)(s1[0] - s[0] - r1[0] + r[0]), (double)(s1[1] - s[1] - r1[1] + r[1]));
        if (gap <= most) continue;
        most = gap, time = t;
        pair[0] = s, pair[1] = r;
        fit[0] = paths + 6 * a, fit[1] = paths + 6 * b;
      }
    }
    if (!pair[0]) die("ideas: no chords meet");
    memcpy(shown + 2 * p, pair[0], 2 * sizeof(float));
    float seen[4 * NODES], middle[2];
    for (int side = 0; side < 2; side++) memcpy(seen + 2 * NODES * side, pair[side], 2 * NODES * sizeof(float));
    char title[64];
    snprintf(title, sizeof title, "a pair of trajectories, t = %.2f", time);
    struct panel panel = panel_around(&picture, 10 + (SIDE + 14) * p, 30, SIDE, SIDE, 2 * NODES, seen, 0.25, title);
    for (int side = 0; side < 2; side++) {
      const float *s = pair[side], ends[4] = {s[0], s[1], s[2 * NODES - 2], s[2 * NODES - 1]};
      draw_line(&panel, NODES, s, 6, PALE, NULL);
      draw_line(&panel, 2, ends, 1.5, palette[side], DASHED);
      for (int j = 0; j < 2; j++) middle[j] = (float)((1 - time) * (double)ends[j] + time * (double)ends[2 + j]);
    }
    for (int side = 0; side < 2; side++) {
      float at[2];
      draw_curve(&panel, 2, fit[side], 0, 1, 2.2, palette[side], NULL);
      draw_points(&panel, 1, pair[side], 8, palette[side]);
      must(bzd_path_evaluate(1, 2, 2, fit[side], 1, &time, at), "a curve");
      draw_ring(&panel, at, 4.5, palette[side]);
    }
    draw_ring(&panel, middle, 5.5, INK);
  }
  write_key(&picture, 40, 352, PALE, NULL, "trajectories; dots: their starts");
  write_key(&picture, 340, 352, BLUE, DASHED, "chords [x0, T(x0)]; black ring: where both are at t");
  write_key(&picture, 40, 376, BLUE, NULL,
            "quadratics fitted to the trajectories; rings: where they are at the same t");
  picture_close(&picture, ideas->out, "chords");
}

/* Forward and backward paths of a teacher stopped early (400 steps, seed 9). */
void draw_anchoring(const struct ideas *ideas) {
  enum { PATHS = 64 };
  static float paths[6 * PATHS], ends[2 * PATHS];
  bzd_flow *fresh = idea_fresh(ideas, 4);
  bzd_trainer_config training = idea_training(400, 9);
  bzd_source *source;
  must(bzd_source_create_data(ideas->target, ideas->start, 5, &source), "data");
  bzd_flow *early = idea_train(fresh, source, &training);
  bzd_flow_destroy(fresh);
  struct picture picture = open_row(2, 30, "Paths integrated backwards from data end on data");
  for (int anchored = 0; anchored < 2; anchored++) {
    bzd_ensemble_source_config config = idea_paths_config(ideas);
    if (anchored) config.real = ideas->target, config.rho = 1;
    source = idea_paths(ideas, early, 2, &config);
    must(bzd_source_get_paths(source, 0, PATHS, paths, NULL, NULL), "paths");
    bzd_source_destroy(source);
    struct panel panel =
        place(ideas, &picture, anchored, anchored ? "backwards from data (rho = 1)" : "forwards from x0 (rho = 0)");
    for (int i = 0; i < PATHS; i++) {
      draw_curve(&panel, 2, paths + 6 * i, 0, 1, 0.8, BLUE, NULL);
      memcpy(ends + 2 * i, paths + 6 * i, 2 * sizeof(float));
    }
    draw_points(&panel, PATHS, ends, 4.5, ORANGE);
    for (int i = 0; i < PATHS; i++) memcpy(ends + 2 * i, paths + 6 * i + 4, 2 * sizeof(float));
    draw_points(&panel, PATHS, ends, 5, GREEN);
  }
  bzd_flow_destroy(early);
  write_key(&picture, 150, 352, ORANGE, NULL, "P0, t = 0");
  write_key(&picture, 300, 352, GREEN, NULL, "Pn, t = 1");
  write_key(&picture, 440, 352, PALE, NULL, "data");
  picture_close(&picture, ideas->out, "anchoring");
}

/* One group of samples, dealt out independently and by optimal transport. */
void draw_transport(const struct ideas *ideas) {
  enum { GROUP = 64 };
  static float paths[4 * GROUP], points[2 * GROUP];
  struct picture picture =
      open_row(2, 50, "The same 64 starts and ends, paired independently and by optimal transport");
  for (int best = 0; best < 2; best++) {
    bzd_source *source;
    double square = 0;
    if (best)
      must(bzd_source_create_transport(ideas->target, ideas->start, GROUP, 5, &source), "data");
    else
      must(bzd_source_create_data(ideas->target, ideas->start, 5, &source), "data");
    must(bzd_source_get_paths(source, 0, GROUP, paths, NULL, NULL), "data");
    bzd_source_destroy(source);
    struct panel panel = place(ideas, &picture, best, best ? "optimal within a group of 64" : "independent pairs");
    for (int i = 0; i < GROUP; i++) {
      draw_line(&panel, 2, paths + 4 * i, 1, BLUE, NULL);
      for (int j = 0; j < 2; j++) square += pow((double)(paths[4 * i + 2 + j] - paths[4 * i + j]), 2) / GROUP;
    }
    for (int end = 0; end < 2; end++) {
      for (int i = 0; i < GROUP; i++) memcpy(points + 2 * i, paths + 4 * i + 2 * end, 2 * sizeof(float));
      draw_points(&panel, GROUP, points, 5, end ? GREEN : ORANGE);
    }
    write_words(&picture, 160 + 314 * best, 352, "middle", INK, "mean squared distance %.2f", square);
  }
  write_key(&picture, 190, 374, ORANGE, NULL, "x0");
  write_key(&picture, 290, 374, GREEN, NULL, "x1");
  write_key(&picture, 390, 374, PALE, NULL, "data");
  picture_close(&picture, ideas->out, "transport");
}
