/* SPDX-License-Identifier: MIT */
/* bezdist fit: Bezier control points of trajectories. */
#include "cli.h"

#include <math.h>
#include <stdlib.h>

struct fit {
  struct common common;
  const char *trajectory, *times, *out;
  int32_t degree;
  double ridge;
};

enum { KEY_TRAJECTORY = 1, KEY_TIMES, KEY_DEGREE, KEY_OUT, KEY_RIDGE };

static const struct argp_option options[] = {
    {"trajectory", KEY_TRAJECTORY, "X.npy", 0, "States [n, K, dim]", 0},
    {"times", KEY_TIMES, "T.npy", 0, "Times [K] from 0 to 1 (default: equal distances)", 0},
    {"degree", KEY_DEGREE, "N", 0, "Degree, 1..16 (default 2)", 0},
    {"ridge", KEY_RIDGE, "F", 0, "Pull towards the chord (default 0)", 0},
    {"out", KEY_OUT, "P.npy", 0, "Control points [n, N+1, dim]", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state) {
  struct fit *fit = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &fit->common; return 0;
  case KEY_TRAJECTORY: fit->trajectory = text; return 0;
  case KEY_TIMES: fit->times = text; return 0;
  case KEY_DEGREE: fit->degree = (int32_t)parse_int("--degree", text, 1, 16); return 0;
  case KEY_RIDGE: fit->ridge = parse_real("--ridge", text, 0, 1e12); return 0;
  case KEY_OUT: fit->out = text; return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

int cmd_fit(int argc, char **argv) {
  static const struct argp_child children[] = {{&common_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {.options = options,
                                   .parser = parse,
                                   .children = children,
                                   .doc =
                                       "Fits Bezier curves to trajectories, both ends kept.\v"
                                       "Example: bezdist fit --trajectory x.npy --times t.npy --degree 3 --out p.npy"};
  struct fit fit = {.degree = 2};
  argp_parse(&argp, argc, argv, 0, NULL, &fit);
  if (!fit.trajectory || !fit.out) die_usage("fit needs --trajectory and --out");
  common_start(&fit.common);
  int ndim;
  int64_t shape[5];
  float *states = npy_read(fit.trajectory, &ndim, shape);
  if (ndim < 2) die("%s: %d dimensions, expected [n, K, dim]", fit.trajectory, ndim);
  int64_t n = shape[0], nodes = shape[1], dim = 1;
  for (int i = 2; i < ndim; i++) dim *= shape[i];
  if (nodes > 4096) die("%s: %lld states per trajectory, at most 4096", fit.trajectory, (long long)nodes);
  double *times = must_alloc((size_t)nodes, sizeof(double));
  for (int64_t k = 0; k < nodes; k++) times[k] = nodes > 1 ? (double)k / (double)(nodes - 1) : 0;
  if (fit.times) {
    int times_ndim;
    int64_t times_shape[5];
    float *values = npy_read(fit.times, &times_ndim, times_shape);
    if (times_ndim != 1 || times_shape[0] != nodes)
      die("%s: %lld times for %lld states per trajectory", fit.times, (long long)times_shape[0], (long long)nodes);
    for (int64_t k = 0; k < nodes; k++) times[k] = values[k];
    free(values);
  }
  bzd_fitter_config config;
  must(bzd_fitter_config_init(&config, sizeof config), NULL);
  config.degree = fit.degree;
  config.nodes = (int32_t)nodes;
  config.times = times;
  config.ridge = fit.ridge;
  bzd_fitter *fitter;
  must(bzd_fitter_create(fit.common.context, &config, &fitter), fit.trajectory);
  float *paths = must_alloc((size_t)(n * (fit.degree + 1) * dim), sizeof(float));
  double *residual = must_alloc((size_t)n, sizeof(double)), sum = 0, worst = 0;
  must(bzd_fitter_fit(fitter, n, dim, states, paths, residual), fit.trajectory);
  for (int64_t i = 0; i < n; i++) sum += residual[i] * residual[i], worst = fmax(worst, residual[i]);
  int64_t out_shape[3] = {n, fit.degree + 1, dim};
  npy_write(fit.out, 3, out_shape, paths);
  json_t *rows =
      json_pack("[{s:I, s:I, s:I, s:i, s:f, s:f}]", "paths", (json_int_t)n, "nodes", (json_int_t)nodes, "dim",
                (json_int_t)dim, "degree", fit.degree, "residual", sqrt(sum / (double)n), "residual_max", worst);
  static const char *const keys[] = {"paths", "nodes", "dim", "degree", "residual", "residual_max", NULL};
  print_rows(&fit.common, rows, keys);
  json_decref(rows);
  free(states);
  free(times);
  free(paths);
  free(residual);
  bzd_fitter_destroy(fitter);
  common_finish(&fit.common);
  return EXIT_DONE;
}
