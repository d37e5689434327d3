/* SPDX-License-Identifier: MIT */
/* bezdist sample: samples of a model, or given points sent through it. */
#include "sampling.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_GRID = 1025 }; /* times of --grid */

struct sample {
  struct common common;
  const char *model, *from, *out, *condition;
  int64_t count, nfe, label, first;
  int32_t solver;
  double guidance, tolerance, renoise; /* renoise < 0: not given */
  double grid[MAX_GRID];
  int grid_count;
  bool grid_auto, backward, data_units;
};

enum {
  KEY_MODEL = 1,
  KEY_COUNT,
  KEY_NFE,
  KEY_SOLVER,
  KEY_FROM,
  KEY_BACKWARD,
  KEY_OUT,
  KEY_LABEL,
  KEY_CONDITION,
  KEY_GUIDANCE,
  KEY_FIRST,
  KEY_UNITS,
  KEY_TOLERANCE,
  KEY_RENOISE,
  KEY_GRID
};

static const struct argp_option options[] = {
    {"model", KEY_MODEL, "M.bzd", 0, "Model to sample", 0},
    {"count", KEY_COUNT, "N", 0, "Number of samples (default 64; with --from: its rows)", 0},
    {"first", KEY_FIRST, "I", 0, "Number of the first sample (default 0)", 0},
    {"nfe", KEY_NFE, "K", 0, "Network evaluations per sample", 0},
    {"solver", KEY_SOLVER, "NAME", 0, "euler, midpoint, heun, rk4, dopri5, dopri5-fixed, control or reanchor", 0},
    {"renoise", KEY_RENOISE, "F", 0, "Of reanchor: share of fresh noise in each step, 0..1 (default 0)", 0},
    {"grid", KEY_GRID, "auto|T0,T1,..", 0,
     "Times of the steps instead of equal ones; auto: of least error, in as many steps as --nfe says", 0},
    {"tolerance", KEY_TOLERANCE, "F", 0, "Of dopri5, relative and absolute (default 1e-4)", 0},
    {"from", KEY_FROM, "X.npy", 0, "Start from these points instead of noise", 0},
    {"backward", KEY_BACKWARD, NULL, 0, "From t = 1 to t = 0", 0},
    {"label", KEY_LABEL, "K", 0, "Class of the samples", 0},
    {"condition", KEY_CONDITION, "FILE.npy", 0, "Conditions, one for each sample or one for all", 0},
    {"guidance", KEY_GUIDANCE, "F", 0, "Guidance scale (default 1)", 0},
    {"data-units", KEY_UNITS, NULL, 0, "Values as in the training data's file instead of the model's", 0},
    {"out", KEY_OUT, "X.npy|X.png", 0, "File to write (default samples.npy)", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state) {
  struct sample *sample = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &sample->common; return 0;
  case KEY_MODEL: sample->model = text; return 0;
  case KEY_COUNT: sample->count = parse_int("--count", text, 1, (int64_t)1 << 32); return 0;
  case KEY_FIRST: sample->first = parse_int("--first", text, 0, (int64_t)1 << 60); return 0;
  case KEY_NFE: sample->nfe = parse_int("--nfe", text, 1, 1000000); return 0;
  case KEY_SOLVER: sample->solver = parse_name("--solver", text, solvers); return 0;
  case KEY_RENOISE: sample->renoise = parse_real("--renoise", text, 0, 1); return 0;
  case KEY_GRID:
    sample->grid_auto = !strcmp(text, "auto");
    sample->grid_count = sample->grid_auto ? 0 : parse_reals("--grid", text, 0, 1, MAX_GRID, sample->grid);
    return 0;
  case KEY_TOLERANCE: sample->tolerance = parse_real("--tolerance", text, 1e-9, 1); return 0;
  case KEY_FROM: sample->from = text; return 0;
  case KEY_BACKWARD: sample->backward = true; return 0;
  case KEY_LABEL: sample->label = parse_int("--label", text, 0, 1 << 20); return 0;
  case KEY_CONDITION: sample->condition = text; return 0;
  case KEY_GUIDANCE: sample->guidance = parse_real("--guidance", text, 0, 1000); return 0;
  case KEY_UNITS: sample->data_units = true; return 0;
  case KEY_OUT: sample->out = text; return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

/* Usage errors: options that would do nothing, or say the number of steps twice. */
static void check(const struct sample *sample) {
  if (!sample->model) die_usage("sample needs --model");
  if (sample->renoise >= 0 && sample->solver != BZD_SOLVER_REANCHOR) die_usage("--renoise goes with --solver reanchor");
  if (sample->grid_count == 1) die_usage("--grid: one time, expected two or more");
  if (sample->grid_count && sample->nfe) die_usage("--nfe does not go with --grid T0,T1,.., which has its own steps");
  if (sample->grid_auto && sample->backward) die_usage("--grid auto does not go with --backward");
}

/* The flow's own trajectories under these conditions [n, cond_dim] (NULL: none), for a grid to be chosen on. */
static bzd_source *own_paths(const struct sample *sample, const bzd_flow *flow, int64_t n, const float *cond,
                             int64_t cond_dim) {
  bzd_ensemble *self;
  bzd_fitter_config fitter_config;
  bzd_fitter *fitter;
  bzd_ensemble_source_config config;
  bzd_source *paths;
  float *none = cond ? NULL : must_alloc((size_t)cond_dim, sizeof(float));
  if (none) memset(none, 0, (size_t)cond_dim * sizeof *none);
  must(bzd_ensemble_create(sample->common.context, NULL, 1, &flow, &self), "--grid auto");
  must(bzd_fitter_config_init(&fitter_config, sizeof fitter_config), NULL);
  fitter_config.degree = 8; /* the trajectory itself, not a curve of few points */
  fitter_config.nodes = 33;
  must(bzd_fitter_create(sample->common.context, &fitter_config, &fitter), NULL);
  must(bzd_ensemble_source_config_init(&config, sizeof config), NULL);
  config.seed = sample->common.seed;
  config.steps = 32;
  config.bend = 1;
  config.cond = cond ? cond : none;
  config.cond_count = cond ? n : 1;
  must(bzd_source_create_ensemble(self, fitter, &config, &paths), "--grid auto");
  bzd_fitter_destroy(fitter);
  bzd_ensemble_destroy(self);
  free(none);
  return paths;
}

/* --grid into the config, chosen here where it is auto: for these conditions, without guidance. */
static void set_grid(struct sample *sample, const bzd_flow *flow, const bzd_flow_info *info, int64_t n,
                     const float *cond, bzd_sample_config *config) {
  if (sample->grid_auto) {
    bzd_source *paths = info->cond_dim ? own_paths(sample, flow, n, cond, info->cond_dim) : NULL;
    bzd_grid_config grid;
    must(bzd_grid_config_init(&grid, sizeof grid), NULL);
    if (config->steps) grid.steps = config->steps;
    if (grid.candidates < grid.steps) grid.candidates = grid.steps;
    grid.seed = sample->common.seed;
    grid.paths = paths;
    double error;
    must(bzd_flow_choose_grid(flow, &grid, sample->grid, &error), "--grid auto");
    bzd_source_destroy(paths);
    sample->grid_count = grid.steps + 1;
    if (!sample->common.quiet) {
      fputs("bezdist: grid ", stderr);
      for (int k = 0; k < sample->grid_count; k++) fprintf(stderr, "%s%.9g", k ? "," : "", sample->grid[k]);
      fprintf(stderr, ": error %.4g\n", error);
    }
  }
  config->grid = sample->grid_count ? sample->grid : NULL;
  config->grid_count = sample->grid_count;
}

static void write_samples(const struct sample *sample, const bzd_flow_info *info, int64_t n, const float *rows) {
  size_t length = strlen(sample->out);
  int ndim = info->item_ndim ? info->item_ndim : 1;
  int64_t shape[5] = {n};
  for (int i = 0; i < ndim; i++) shape[i + 1] = info->item_ndim ? info->item_shape[i] : info->dim;
  if (length > 4 && !strcmp(sample->out + length - 4, ".png")) {
    size_t size;
    unsigned char *png = sheet_png(n, rows, ndim, shape + 1, &size);
    if (!png) die("%s: samples of this shape cannot be drawn; write an .npy file", sample->out);
    write_atomic(sample->out, png, size);
    free(png);
  } else {
    npy_write(sample->out, ndim + 1, shape, rows);
  }
}

int cmd_sample(int argc, char **argv) {
  static const struct argp_child children[] = {{&common_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {.options = options,
                                   .parser = parse,
                                   .children = children,
                                   .doc = "Draws samples; the i-th depends on the seed and i alone.\v"
                                          "Example: bezdist sample --model m.bzd --count 64 --nfe 2 --out sheet.png"};
  struct sample sample = {.label = -1, .guidance = 1, .renoise = -1, .out = "samples.npy"};
  argp_parse(&argp, argc, argv, 0, NULL, &sample);
  check(&sample);
  common_start(&sample.common);
  bzd_flow *flow;
  must(bzd_flow_load(sample.common.context, sample.model, &flow), NULL);
  bzd_flow_info info = {.struct_size = sizeof info};
  must(bzd_flow_get_info(flow, &info), NULL);
  float *from = NULL;
  int64_t n = sample.count ? sample.count : 64;
  if (sample.from) {
    int ndim;
    int64_t shape[5], dim = 1;
    from = npy_read(sample.from, &ndim, shape);
    for (int i = 1; i < ndim; i++) dim *= shape[i];
    if (dim != info.dim)
      die("%s: rows of %lld numbers, the model takes %lld", sample.from, (long long)dim, (long long)info.dim);
    if (sample.count > shape[0])
      die("--count %lld: %s has %lld rows", (long long)sample.count, sample.from, (long long)shape[0]);
    if (!sample.count) n = shape[0];
  } else if (sample.backward) {
    die_usage("--backward needs --from");
  }
  float *cond, *out = must_alloc((size_t)(n * info.dim), sizeof(float));
  sampling_condition(flow, n, sample.label, sample.condition, &cond);
  bzd_sample_config config;
  int32_t solver = sample.solver;
  bool grid = sample.grid_auto || sample.grid_count, velocity = info.kind == BZD_FLOW_VELOCITY;
  if (solver == BZD_SOLVER_AUTO && grid && (velocity || sample.backward)) solver = BZD_SOLVER_EULER;
  if (solver == BZD_SOLVER_AUTO && sample.backward && !sample.nfe) solver = BZD_SOLVER_DOPRI5;
  sampling_for(flow, solver, sample.nfe, sample.guidance, &config);
  config.seed = sample.common.seed;
  config.first_index = sample.first;
  if (sample.backward) config.t0 = 1, config.t1 = 0;
  if (sample.data_units) config.units = BZD_UNITS_DATA;
  if (sample.renoise >= 0) config.renoise = sample.renoise;
  set_grid(&sample, flow, &info, n, cond, &config);
  if (sample.tolerance > 0) config.rtol = config.atol = sample.tolerance;
  struct progress progress = {.title = "sample", .quiet = sample.common.quiet};
  config.progress = progress_show;
  config.progress_user = &progress;
  interrupt_catch();
  bzd_sample_result result = {.struct_size = sizeof result};
  bzd_status status = bzd_flow_sample(flow, &config, n, from, cond, out, &result);
  progress_end(&progress);
  if (status == BZD_E_CANCELLED && interrupted()) {
    fprintf(stderr, "bezdist: stopped; nothing was written\n");
    return EXIT_INTERRUPTED;
  }
  must(status, sample.model);
  write_samples(&sample, &info, n, out);
  json_t *rows = json_pack("[{s:s, s:I, s:f, s:I, s:s, s:f}]", "out", sample.out, "count", (json_int_t)n, "nfe",
                           result.nfe_mean, "nfe_max", (json_int_t)result.nfe_max, "solver", solver_name(result.solver),
                           "us_per_sample", result.seconds * 1e6 / (double)n);
  if (config.grid_count) {
    json_t *times = json_array();
    for (int k = 0; k < config.grid_count; k++) json_array_append_new(times, json_real(config.grid[k]));
    json_object_set_new(json_array_get(rows, 0), "grid", times);
  }
  static const char *const keys[] = {"count", "nfe", "nfe_max", "solver", "us_per_sample", "out", NULL};
  print_rows(&sample.common, rows, keys);
  json_decref(rows);
  free(from);
  free(cond);
  free(out);
  bzd_flow_destroy(flow);
  common_finish(&sample.common);
  return EXIT_DONE;
}
