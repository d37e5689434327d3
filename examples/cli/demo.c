/* SPDX-License-Identifier: MIT */
/* bezdist demo: the whole job on real data. Several teachers, their ensemble, Bezier paths, a few-step student; beside
 * it, of the same network and as many steps: reflow (two rounds) and one-step distillation. */
#include "demo.h"
#include "sampling.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { KEY_OUT = 1, KEY_DATA, KEY_MINUTES };

static const struct argp_option options[] = {
    {"out", KEY_OUT, "DIR", 0, "Folder for everything that is written (default build/demo)", 0},
    {"data", KEY_DATA, "DATA", 0, "Data to learn (default digits: the 8x8 digits inside this program)", 0},
    {"minutes", KEY_MINUTES, "M", 0,
     "Scale of the work: 2.5 (default) takes two and a half to five minutes on two cores", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state) {
  struct demo *demo = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &demo->common; return 0;
  case KEY_OUT: demo->out = text; return 0;
  case KEY_DATA: demo->data = text; return 0;
  case KEY_MINUTES: demo->minutes = parse_real("--minutes", text, 0.01, 10000); return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

const char *demo_path(const struct demo *demo, const char *name) {
  static char path[4096];
  snprintf(path, sizeof path, "%s/%s", demo->out, name);
  return path;
}

/* Trains student on source for sampling with aim evaluations (0: as it comes), saves NAME.bzd and the loss curve,
 * returns the flow. Ctrl-C: saves what there is. */
static bzd_flow *train(struct demo *demo, const char *name, const bzd_source *source, bzd_flow *student, int64_t steps,
                       int32_t aim, uint64_t seed) {
  bzd_trainer_config config;
  must(bzd_trainer_config_init(&config, sizeof config), NULL);
  config.steps = steps;
  config.seed = seed;
  bzd_flow_info info = {.struct_size = sizeof info};
  must(bzd_flow_get_info(student, &info), name);
  if (aim) must(bzd_trainer_config_aim(&config, info.kind, aim), name);
  bzd_trainer *trainer;
  must(bzd_trainer_create(student, source, &config, &trainer), name);
  bzd_flow_destroy(student);
  struct progress progress = {.title = name, .quiet = demo->common.quiet, .curve = json_array()};
  json_object_set_new(demo->curves, name, progress.curve);
  double start = clock_seconds();
  bzd_status status = bzd_trainer_run(trainer, 0, progress_show, &progress);
  progress_end(&progress);
  if (status != BZD_E_CANCELLED) must(status, name);
  char file[128];
  snprintf(file, sizeof file, "%s.bzd", name);
  bzd_flow *flow;
  must(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &flow), name);
  bzd_checkpoint *checkpoint;
  if (status == BZD_E_CANCELLED)
    must(bzd_checkpoint_from_trainer(trainer, &checkpoint), name);
  else
    must(bzd_checkpoint_from_flow(flow, &checkpoint), name);
  must(bzd_checkpoint_write_file(checkpoint, demo_path(demo, file)), NULL);
  bzd_checkpoint_destroy(checkpoint);
  if (status == BZD_E_CANCELLED) {
    fprintf(stderr, "bezdist: stopped; the work so far is in %s; the same command starts again\n", demo->out);
    exit(EXIT_INTERRUPTED);
  }
  bzd_trainer_destroy(trainer);
  if (!demo->common.json && !demo->common.quiet)
    fprintf(stderr, "%-18s %lld steps in %.0f s\n", name, (long long)steps, clock_seconds() - start);
  return flow;
}

static bzd_flow *fresh_flow(const struct demo *demo, uint64_t seed) {
  bzd_flow_config config;
  must(bzd_flow_config_init(&config, sizeof config), NULL);
  config.dim = demo->set.dim;
  config.width = demo->width;
  config.layers = demo->layers;
  config.seed = seed;
  config.item_ndim = demo->set.ndim;
  memcpy(config.item_shape, demo->set.shape, sizeof config.item_shape);
  bzd_flow *flow;
  must(bzd_flow_create(demo->common.context, &config, &flow), NULL);
  return flow;
}

static bzd_flow *student_from(const bzd_flow *teacher, int32_t kind, int32_t degree) {
  bzd_flow *flow;
  must(bzd_flow_create_from(teacher, kind, degree, &flow), NULL);
  return flow;
}

/* Paths of this degree from the teachers' mean velocity, made once. */
static bzd_source *make_paths(struct demo *demo, int64_t count, bzd_flow *const *teachers, int32_t degree) {
  bzd_ensemble *ensemble;
  must(bzd_ensemble_create(demo->common.context, NULL, count, (const bzd_flow *const *)teachers, &ensemble), NULL);
  bzd_fitter_config fitter_config;
  must(bzd_fitter_config_init(&fitter_config, sizeof fitter_config), NULL);
  fitter_config.degree = degree;
  bzd_fitter *fitter;
  must(bzd_fitter_create(demo->common.context, &fitter_config, &fitter), NULL);
  bzd_ensemble_source_config config;
  must(bzd_ensemble_source_config_init(&config, sizeof config), NULL);
  config.seed = demo->common.seed;
  bzd_source *source, *pool;
  must(bzd_source_create_ensemble(ensemble, fitter, &config, &source), NULL);
  struct progress progress = {.title = "paths", .quiet = demo->common.quiet};
  bzd_status status =
      bzd_source_create_pool(source, 0, demo->paths, demo->common.seed, progress_show, &progress, &pool);
  progress_end(&progress);
  if (status == BZD_E_CANCELLED && interrupted()) exit(EXIT_INTERRUPTED);
  must(status, "paths");
  bzd_source_destroy(source);
  bzd_fitter_destroy(fitter);
  bzd_ensemble_destroy(ensemble);
  return pool;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Distances to the nearest training row: a row of the table that shows memorising. threshold < 0: returns the median of
 * these rows' distances over 4, below which a sample counts as a copy. */
static double nearest(struct demo *demo, const char *name, int64_t n, const float *rows, double threshold) {
  double *distance = must_alloc((size_t)n, sizeof(double));
  must(bzd_metrics_nearest(demo->common.context, demo->set.dim, n, rows, demo->train, demo->train_rows, NULL, distance),
       name);
  qsort(distance, (size_t)n, sizeof(double), ascending);
  if (threshold < 0) threshold = distance[n / 2] / 4;
  int64_t copies = 0;
  while (copies < n && distance[copies] < threshold) copies++;
  json_array_append_new(demo->nearest, json_pack("{s:s, s:f, s:f, s:f, s:f}", "rows", name, "nearest_5%",
                                                 distance[n / 20], "nearest_median", distance[n / 2], "nearest_95%",
                                                 distance[n - 1 - n / 20], "copies", (double)copies / (double)n));
  free(distance);
  return threshold;
}

/* Samples of a model at this NFE (0: the adaptive solver) into the table; returns them, free() them. */
static float *score(struct demo *demo, const char *name, const bzd_flow *flow, int64_t nfe) {
  float *rows = must_alloc((size_t)(DEMO_SAMPLES * demo->set.dim), sizeof(float));
  bzd_sample_config config;
  sampling_for(flow, nfe ? BZD_SOLVER_AUTO : BZD_SOLVER_DOPRI5, nfe, 1, &config);
  config.seed = demo->common.seed + 77; /* noise that training has not seen */
  bzd_sample_result result = {.struct_size = sizeof result};
  must(bzd_flow_sample(flow, &config, DEMO_SAMPLES, NULL, NULL, rows, &result), name);
  json_t *row = json_pack("{s:s, s:f, s:I, s:s, s:f}", "model", name, "nfe", result.nfe_mean, "nfe_max",
                          (json_int_t)result.nfe_max, "solver", solver_name(result.solver), "us_per_sample",
                          result.seconds * 1e6 / DEMO_SAMPLES);
  json_t *numbers = metrics_json(&demo->common, demo->set.dim, DEMO_SAMPLES, rows, demo->test, demo->test_rows, "");
  json_object_update(row, numbers);
  json_decref(numbers);
  json_array_append_new(demo->scores, row);
  return rows;
}

static void write_sheet(struct demo *demo, const char *name, const float *rows) {
  char file[128];
  size_t size;
  unsigned char *png = sheet_png(100, rows, demo->set.ndim, demo->set.shape, &size);
  if (!png) return;
  snprintf(file, sizeof file, "samples-%s.png", name);
  write_atomic(demo_path(demo, file), png, size);
  free(png);
}

static void prepare(struct demo *demo) {
  set_read(&demo->set, demo->data, NULL, NULL, 4000, demo->common.seed);
  set_shuffle(&demo->set, demo->common.seed);
  demo->test = demo->set.n / 5 + (demo->set.n % 5 != 0); /* of 1,797 digits: 360, and 1,437 to learn from */
  if (demo->test > 2048) demo->test = 2048;
  demo->train = demo->set.n - demo->test;
  if (demo->test < 100) die("%s: %lld rows, the demo needs at least 500", demo->data, (long long)demo->set.n);
  demo->train_rows = must_alloc((size_t)(demo->train * demo->set.dim), sizeof(float));
  demo->test_rows = must_alloc((size_t)(demo->test * demo->set.dim), sizeof(float));
  set_rows(&demo->set, 0, demo->train, demo->train_rows);
  set_rows(&demo->set, demo->train, demo->test, demo->test_rows);
  demo->width = 256;
  demo->layers = 3;
  double scale = demo->minutes / 2.5;
  demo->teacher_steps = (int64_t)ceil(6000 * scale);
  demo->student_steps = (int64_t)ceil(8000 * scale);
  demo->paths = (int64_t)ceil(32768 * scale);
  demo->scores = json_array();
  demo->nearest = json_array();
  demo->curves = json_object();
  make_folder(demo->out);
}

static void judge(struct demo *demo, bzd_flow *const *teacher, const bzd_flow *bezier, bzd_flow *const *reflow,
                  const bzd_flow *onestep) {
  /* The floor: real rows that were trained on, scored like samples. */
  json_t *floor_row = json_pack("{s:s}", "model", "training digits");
  if (strcmp(demo->data, "digits") != 0) json_object_set_new(floor_row, "model", json_string("training rows"));
  json_t *numbers =
      metrics_json(&demo->common, demo->set.dim, demo->test, demo->train_rows, demo->test, demo->test_rows, "");
  json_object_update(floor_row, numbers);
  json_decref(numbers);
  json_array_append_new(demo->scores, floor_row);
  double threshold = nearest(demo, "kept back", demo->test, demo->test_rows, -1);
  static const int64_t nfes[] = {0, 1, 2, 4};
  struct {
    const char *name;
    const bzd_flow *flow;
    int first, last; /* of nfes */
  } models[] = {{"teacher", teacher[0], 0, 3},
                {"reflow-1", reflow[0], 0, 3},
                {"reflow-2", reflow[1], 0, 3},
                {"one-step", onestep, 1, 1},
                {"bezier", bezier, 1, 3}};
  for (size_t m = 0; m < sizeof models / sizeof models[0]; m++)
    for (int k = models[m].first; k <= models[m].last; k++) {
      char name[64];
      float *rows = score(demo, models[m].name, models[m].flow, nfes[k]);
      if (nfes[k])
        snprintf(name, sizeof name, "%s-%lld", models[m].name, (long long)nfes[k]);
      else
        snprintf(name, sizeof name, "%s-dopri5", models[m].name);
      write_sheet(demo, name, rows);
      if (m == 0 ? k == 0 : k == models[m].last) nearest(demo, name, DEMO_SAMPLES, rows, threshold);
      free(rows);
    }
}

static void print_tables(const struct demo *demo) {
  static const char *const keys[] = {"model",     "nfe",     "solver",          "sw2",
                                     "energy",    "frechet", "frechet_matched", "total_variance",
                                     "precision", "recall",  "us_per_sample",   NULL};
  static const char *const nearest_keys[] = {"rows", "nearest_5%", "nearest_median", "nearest_95%", "copies", NULL};
  if (!demo->common.json)
    printf("\nScores of %d samples against %lld rows kept back:\n", DEMO_SAMPLES, (long long)demo->test);
  print_rows(&demo->common, demo->scores, keys);
  if (!demo->common.json)
    printf("\nDistance to the nearest training row (copies: closer than a quarter of the kept-back median):\n");
  print_rows(&demo->common, demo->nearest, nearest_keys);
}

int cmd_demo(int argc, char **argv) {
  static const struct argp_child children[] = {{&common_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {
      .options = options,
      .parser = parse,
      .children = children,
      .doc = "The whole job on real data: three teachers, their ensemble, Bezier paths, a few-step "
             "student, scored against reflow and one-step distillation; writes checkpoints, "
             "sample sheets, metrics.json and report.html.\v"
             "Example: bezdist demo --out build/demo"};
  struct demo demo = {.out = "build/demo", .data = "digits", .minutes = 2.5};
  argp_parse(&argp, argc, argv, 0, NULL, &demo);
  common_start(&demo.common);
  interrupt_catch();
  double start = clock_seconds();
  prepare(&demo);
  uint64_t seed = demo.common.seed;

  bzd_data *data = set_data(&demo.common, &demo.set, 0, demo.train);
  bzd_source *source;
  bzd_flow *teacher[DEMO_TEACHERS];
  for (int m = 0; m < DEMO_TEACHERS; m++) { /* the same coupling, other data order, noise and weights */
    char name[32];
    snprintf(name, sizeof name, "teacher-%d", m + 1);
    uint64_t own = seed * 1000 + (uint64_t)m;
    must(bzd_source_create_data(data, NULL, own, &source), NULL);
    teacher[m] = train(&demo, name, source, fresh_flow(&demo, own), demo.teacher_steps, 0, own);
    bzd_source_destroy(source);
  }
  bzd_source *curves = make_paths(&demo, DEMO_TEACHERS, teacher, 2);
  bzd_flow *bezier =
      train(&demo, "bezier", curves, student_from(teacher[0], BZD_FLOW_CONTROL, 2), demo.student_steps, 4, seed);

  bzd_source *lines = make_paths(&demo, DEMO_TEACHERS, teacher, 1);
  bzd_flow *onestep =
      train(&demo, "one-step", lines, student_from(teacher[0], BZD_FLOW_ENDPOINT, 1), demo.student_steps, 1, seed);
  bzd_flow *reflow[2];
  reflow[0] =
      train(&demo, "reflow-1", lines, student_from(teacher[0], BZD_FLOW_VELOCITY, 1), demo.student_steps, 0, seed);
  bzd_source *again = make_paths(&demo, 1, reflow, 1);
  reflow[1] =
      train(&demo, "reflow-2", again, student_from(reflow[0], BZD_FLOW_VELOCITY, 1), demo.student_steps, 0, seed);

  judge(&demo, teacher, bezier, reflow, onestep);
  demo.metrics = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:f, s:O, s:O, s:O}", "data", demo.data,
                           "seed", (json_int_t)seed, "train", (json_int_t)demo.train, "test", (json_int_t)demo.test,
                           "teacher_steps", (json_int_t)demo.teacher_steps, "student_steps",
                           (json_int_t)demo.student_steps, "paths", (json_int_t)demo.paths, "samples", DEMO_SAMPLES,
                           "threads", bzd_context_threads(demo.common.context), "seconds", clock_seconds() - start,
                           "scores", demo.scores, "nearest", demo.nearest, "losses", demo.curves);
  char *json = json_dumps(demo.metrics, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
  if (!json) die("no memory for metrics.json");
  write_atomic(demo_path(&demo, "metrics.json"), json, strlen(json));
  free(json);
  demo_report(&demo, teacher[0], bezier, curves);
  print_tables(&demo);
  if (!demo.common.json) printf("\n%.0f s; open %s\n", clock_seconds() - start, demo_path(&demo, "report.html"));

  for (int m = 0; m < DEMO_TEACHERS; m++) bzd_flow_destroy(teacher[m]);
  bzd_flow_destroy(bezier);
  bzd_flow_destroy(onestep);
  bzd_flow_destroy(reflow[0]);
  bzd_flow_destroy(reflow[1]);
  bzd_source_destroy(curves);
  bzd_source_destroy(lines);
  bzd_source_destroy(again);
  bzd_data_destroy(data);
  json_decref(demo.metrics);
  json_decref(demo.scores);
  json_decref(demo.nearest);
  json_decref(demo.curves);
  free(demo.train_rows);
  free(demo.test_rows);
  set_free(&demo.set);
  common_finish(&demo.common);
  return EXIT_DONE;
}
