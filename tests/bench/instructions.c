/* SPDX-License-Identifier: MIT */
/* One piece of the reference work, small, a number of times over on one thread: for counting instructions.
 * instructions <piece> <times> */
#include <bezdist/bezdist.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 96, DIM = 64, WIDTH = 128, NODES = 16, DEGREE = 3 };

static void must(bzd_status status, const char *what) {
  if (status == BZD_OK) return;
  char text[512];
  bzd_last_error(text, sizeof text);
  fprintf(stderr, "%s: %s\n", what, text);
  exit(1);
}
#define MUST(call) must(call, #call)

static float x[ROWS * DIM], y[ROWS * DIM], t[ROWS], states[ROWS * NODES * DIM], paths[ROWS * (DEGREE + 1) * DIM];
static double times[NODES];
static bzd_context *context;
static bzd_flow *flow, *student;
static bzd_trainer *trainer;
static bzd_fitter *fitter;
static void *file;
static size_t file_size;

static void make(void) {
  bzd_context_config context_config;
  MUST(bzd_context_config_init(&context_config, sizeof context_config));
  context_config.threads = 1;
  MUST(bzd_context_create(&context_config, &context));
  MUST(bzd_noise(1, BZD_STREAM_USER, 0, ROWS, DIM, x));
  MUST(bzd_uniform(1, BZD_STREAM_USER, 0, ROWS, 1, t));
  MUST(bzd_noise(2, BZD_STREAM_USER, 0, ROWS * NODES, DIM, states));
  bzd_data_config data_config;
  bzd_data *data;
  bzd_source *source;
  MUST(bzd_data_config_init(&data_config, sizeof data_config));
  data_config.n = ROWS;
  data_config.dim = DIM;
  data_config.rows = x;
  MUST(bzd_data_create(context, &data_config, &data));
  MUST(bzd_source_create_data(data, NULL, 0, &source));
  bzd_flow_config flow_config;
  MUST(bzd_flow_config_init(&flow_config, sizeof flow_config));
  flow_config.dim = DIM;
  flow_config.width = WIDTH;
  MUST(bzd_flow_create(context, &flow_config, &flow));
  MUST(bzd_flow_create_from(flow, BZD_FLOW_CONTROL, DEGREE, &student));
  bzd_trainer_config config;
  MUST(bzd_trainer_config_init(&config, sizeof config));
  config.steps = 1 << 20;
  config.batch = ROWS;
  MUST(bzd_trainer_create(flow, source, &config, &trainer));
  bzd_fitter_config fitter_config;
  MUST(bzd_fitter_config_init(&fitter_config, sizeof fitter_config));
  fitter_config.degree = DEGREE;
  fitter_config.nodes = NODES;
  for (int k = 0; k < NODES; k++) times[k] = k / (double)(NODES - 1);
  fitter_config.times = times;
  MUST(bzd_fitter_create(context, &fitter_config, &fitter));
  bzd_checkpoint *checkpoint;
  MUST(bzd_checkpoint_from_flow(flow, &checkpoint));
  MUST(bzd_checkpoint_write_buffer(checkpoint, NULL, 0, &file_size));
  file = malloc(file_size);
  if (!file) exit(1);
  MUST(bzd_checkpoint_write_buffer(checkpoint, file, file_size, &file_size));
  bzd_checkpoint_destroy(checkpoint);
  bzd_source_destroy(source);
  bzd_data_destroy(data);
}

static void train(void) { MUST(bzd_trainer_run(trainer, 1, NULL, NULL)); }
static void forward(void) { MUST(bzd_flow_velocity(flow, ROWS, x, t, NULL, 1, y)); }
static void forward_one(void) { MUST(bzd_flow_velocity(flow, 1, x, t, NULL, 1, y)); }
static void adaptive(void) { MUST(bzd_flow_sample(flow, NULL, 8, x, NULL, y, NULL)); }
static void curve(void) { MUST(bzd_flow_curve(student, ROWS, x, t, NULL, 1, paths)); }
static void fit(void) { MUST(bzd_fitter_fit(fitter, ROWS, DIM, states, paths, NULL)); }
static void save(void) {
  bzd_checkpoint *checkpoint;
  size_t size;
  MUST(bzd_checkpoint_from_flow(flow, &checkpoint));
  MUST(bzd_checkpoint_write_buffer(checkpoint, file, file_size, &size));
  bzd_checkpoint_destroy(checkpoint);
}
static void load(void) {
  bzd_checkpoint *checkpoint;
  bzd_flow *loaded;
  MUST(bzd_checkpoint_open_buffer(context, file, file_size, NULL, &checkpoint));
  MUST(bzd_checkpoint_get_flow(checkpoint, BZD_WEIGHTS_AUTO, &loaded));
  bzd_flow_destroy(loaded);
  bzd_checkpoint_destroy(checkpoint);
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*run)(void);
  } pieces[] = {{"train_step", train},  {"forward", forward}, {"forward_one", forward_one},
                {"adaptive", adaptive}, {"curve", curve},     {"fit", fit},
                {"save", save},         {"load", load}};
  const int count = argc == 3 ? atoi(argv[2]) : 0;
  for (size_t i = 0; argc == 3 && i < sizeof pieces / sizeof *pieces; i++)
    if (strcmp(argv[1], pieces[i].name) == 0) {
      make();
      for (int k = 0; k < count; k++) pieces[i].run();
      bzd_trainer_destroy(trainer);
      bzd_fitter_destroy(fitter);
      bzd_flow_destroy(student);
      bzd_flow_destroy(flow);
      bzd_context_destroy(context);
      free(file);
      return 0;
    }
  fprintf(stderr, "instructions PIECE TIMES; the pieces:");
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) fprintf(stderr, " %s", pieces[i].name);
  fprintf(stderr, "\n");
  return 2;
}
