/* SPDX-License-Identifier: MIT */
/* bezdist bench: times of the reference work (docs/performance.md). Medians of 7 repeats of at least 0.15 s, as the
 * scripts in tests/bench time the peers. */
#include "bench.h"
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct work {
  const char *name;
  int64_t dim, width, batch;
};
static const struct work works[] = {{"toy", 2, 128, 512}, {"digits", 64, 512, 256}, {"image", 784, 1024, 256}};
enum { WORKS = 3 };

struct bench {
  struct common common;
  bool chosen[WORKS];
  const char *what; /* --what, NULL = all */
  const char *export;
};

enum { KEY_WHAT = 1, KEY_EXPORT };
static const struct argp_option options[] = {
    {"what", KEY_WHAT, "NAME", 0,
     "Only peak_fma, bandwidth, train_step, forward, forward_bf16, sample, trajectory, fit, save, load, verify, "
     "save_safetensors, load_safetensors, metrics or memory",
     0},
    {"export", KEY_EXPORT, "FILE", 0, "Write the flow that is saved and loaded as safetensors, for peers", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state) {
  struct bench *bench = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &bench->common; return 0;
  case KEY_WHAT: bench->what = text; return 0;
  case KEY_EXPORT: bench->export = text; return 0;
  case ARGP_KEY_ARG:
    for (int i = 0; i < WORKS; i++)
      if (!strcmp(text, works[i].name)) return bench->chosen[i] = true, 0;
    die_usage("no reference work '%s'; there are toy, digits, image", text);
  default: return ARGP_ERR_UNKNOWN;
  }
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* One call of the thing under test; loops of it are timed. */
typedef void (*piece)(void *state);

/* A second in pieces of two milliseconds or one call: what a busy machine takes from some of them shows in the median,
 * hardly in the least. */
struct timing {
  double median_us, least_us;
};
static struct timing time_of(piece run, void *state) {
  enum { FEWEST = 7, MOST = 512 };
  for (int i = 0; i < 3; i++) run(state);
  double start = clock_seconds(), times[MOST];
  run(state);
  const double once = clock_seconds() - start + 1e-7;
  const int loops = (int)(2e-3 / once) + 1;
  const double pieces = 1.05 / (once * loops);
  const int n = pieces < FEWEST ? FEWEST : pieces > MOST ? MOST : (int)pieces;
  for (int r = 0; r < n; r++) {
    start = clock_seconds();
    for (int i = 0; i < loops; i++) run(state);
    times[r] = (clock_seconds() - start) / loops * 1e6;
  }
  qsort(times, (size_t)n, sizeof times[0], ascending);
  return (struct timing){times[n / 2], times[0]};
}

/* Time of the processor, of all threads, which does not count what others take: the median of 15 calls. */
static double cpu_us(piece run, void *state) {
  enum { REPEATS = 15 };
  double times[REPEATS];
  for (int r = 0; r < REPEATS; r++) {
    struct timespec start, end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    run(state);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    times[r] = (double)(end.tv_sec - start.tv_sec) * 1e6 + (double)(end.tv_nsec - start.tv_nsec) / 1e3;
  }
  qsort(times, REPEATS, sizeof times[0], ascending);
  return times[REPEATS / 2];
}

/* Everything the pieces touch. */
struct state {
  struct bench *bench;
  const struct work *work;
  bzd_data *data;
  bzd_source *source;
  bzd_flow *velocity, *control;
  bzd_trainer *trainer;
  bzd_fitter *fitter;
  bzd_sample_config sampling;
  int64_t rows;
  float *x, *t, *y, *states, *paths;
  double times[17];
  bzd_flow *trained;
  void *file, *plain; /* it as .bzd and as safetensors */
  size_t file_size, plain_size, raw_size;
};

static void train_step(void *user) { must(bzd_trainer_run(((struct state *)user)->trainer, 1, NULL, NULL), NULL); }
static void forward(void *user) {
  struct state *s = user;
  must(bzd_flow_velocity(s->velocity, s->rows, s->x, s->t, NULL, 1, s->y), NULL);
}
static void sample(void *user) {
  struct state *s = user;
  must(bzd_flow_sample(s->control, &s->sampling, s->rows, s->x, NULL, s->y, NULL), NULL);
}
static void trajectory(void *user) {
  struct state *s = user;
  must(bzd_flow_trajectory(s->velocity, &s->sampling, s->rows, s->x, NULL, 17, s->times, s->states, NULL), NULL);
}
static void fit(void *user) {
  struct state *s = user;
  must(bzd_fitter_fit(s->fitter, s->rows, s->work->dim, s->states, s->paths, NULL), NULL);
}
/* Through buffers: from a flow to bytes, and back to a flow that could sample. */
static void save(void *user) {
  struct state *s = user;
  bzd_checkpoint *checkpoint;
  must(bzd_checkpoint_from_flow(s->trained, &checkpoint), NULL);
  size_t size;
  must(bzd_checkpoint_write_buffer(checkpoint, s->file, s->file_size, &size), NULL);
  bzd_checkpoint_destroy(checkpoint);
}
static bzd_checkpoint *open_file(const struct state *s) {
  bzd_checkpoint *checkpoint;
  must(bzd_checkpoint_open_buffer(s->bench->common.context, s->file, s->file_size, NULL, &checkpoint), NULL);
  return checkpoint;
}
static void load(void *user) {
  bzd_checkpoint *checkpoint = open_file(user);
  bzd_flow *flow;
  must(bzd_checkpoint_get_flow(checkpoint, BZD_WEIGHTS_AUTO, &flow), NULL);
  bzd_flow_destroy(flow);
  bzd_checkpoint_destroy(checkpoint);
}
static void verify(void *user) { /* every block decoded and checked, nothing kept */
  bzd_checkpoint *checkpoint = open_file(user);
  must(bzd_checkpoint_verify(checkpoint), NULL);
  bzd_checkpoint_destroy(checkpoint);
}
static void save_safetensors(void *user) {
  struct state *s = user;
  bzd_tensors *tensors;
  must(bzd_tensors_from_flow(s->trained, &tensors), NULL);
  size_t size;
  must(bzd_tensors_write_buffer(tensors, s->plain, s->plain_size, &size, BZD_FORMAT_SAFETENSORS), NULL);
  bzd_tensors_destroy(tensors);
}
static void load_safetensors(void *user) {
  struct state *s = user;
  bzd_context *context = s->bench->common.context;
  bzd_tensors *tensors;
  bzd_flow *flow;
  must(bzd_tensors_open_buffer(context, s->plain, s->plain_size, BZD_FORMAT_SAFETENSORS, NULL, &tensors), NULL);
  must(bzd_tensors_get_flow(tensors, NULL, &flow), NULL);
  bzd_flow_destroy(flow);
  bzd_tensors_destroy(tensors);
}
static void metrics(void *user) {
  struct state *s = user;
  bzd_metrics_config config;
  must(bzd_metrics_config_init(&config, sizeof config), NULL);
  config.which = BZD_METRIC_SW2 | BZD_METRIC_ENERGY;
  bzd_metrics_result result = {.struct_size = sizeof result};
  must(bzd_metrics_compare(s->bench->common.context, &config, s->work->dim, s->rows, s->x, s->rows, s->y, &result),
       NULL);
}

static bool wanted(const struct bench *bench, const char *what) { return !bench->what || !strcmp(bench->what, what); }

/* stored: bytes of the file that is written or read, 0 where there is none. */
static void report_file(const struct state *s, const char *what, piece run, size_t stored) {
  if (!wanted(s->bench, what)) return;
  const struct timing timing = time_of(run, (void *)(uintptr_t)s);
  const double us = timing.median_us;
  int threads = bzd_context_threads(s->bench->common.context);
  double raw = (double)s->raw_size, core = stored ? raw / cpu_us(run, (void *)(uintptr_t)s) : 0;
  if (s->bench->common.json) {
    printf("{\"peer\": \"bezdist\", \"work\": \"%s\", \"what\": \"%s\", \"rows\": %lld, \"threads\": %d, \"us\": %.2f, "
           "\"least_us\": %.2f",
           s->work->name, what, (long long)s->rows, threads, us, timing.least_us);
    if (stored)
      printf(", \"mb_per_s\": %.1f, \"mb_per_core_s\": %.1f, \"ratio\": %.4f", raw / us, core, (double)stored / raw);
    printf("}\n");
  } else {
    printf("%-8s %-16s %5lld rows %2d threads %12.1f us, least %12.1f", s->work->name, what, (long long)s->rows,
           threads, us, timing.least_us);
    if (stored) printf(" %8.1f MB/s raw, %8.1f per core, ratio %.4f", raw / us, core, (double)stored / raw);
    putchar('\n');
  }
  fflush(stdout);
}

static void report(const struct state *s, const char *what, piece run) { report_file(s, what, run, 0); }

/* A little training makes weights of what was drawn: those of a trained network, as far as deflate can tell. */
static void run_files(struct state *s) {
  enum { STEPS = 100 };
  static const char *const whats[] = {"save", "load", "verify", "save_safetensors", "load_safetensors"};
  bool any = s->bench->export != NULL;
  for (size_t i = 0; i < sizeof whats / sizeof whats[0]; i++) any = any || wanted(s->bench, whats[i]);
  if (!any) return;
  bzd_trainer_config config;
  bzd_trainer *trainer;
  bzd_checkpoint *checkpoint;
  bzd_tensors *tensors;
  bzd_flow_info info = {.struct_size = sizeof info};
  must(bzd_trainer_config_init(&config, sizeof config), NULL);
  config.steps = STEPS;
  config.batch = 64;
  must(bzd_trainer_create(s->velocity, s->source, &config, &trainer), NULL);
  must(bzd_trainer_run(trainer, 0, NULL, NULL), NULL);
  must(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_RAW, &s->trained), NULL);
  bzd_trainer_destroy(trainer);
  must(bzd_flow_get_info(s->trained, &info), NULL);
  s->raw_size = (size_t)info.parameters * sizeof(float);
  must(bzd_checkpoint_from_flow(s->trained, &checkpoint), NULL);
  must(bzd_checkpoint_write_buffer(checkpoint, NULL, 0, &s->file_size), NULL);
  s->file = must_alloc(s->file_size, 1);
  must(bzd_checkpoint_write_buffer(checkpoint, s->file, s->file_size, &s->file_size), NULL);
  bzd_checkpoint_destroy(checkpoint);
  must(bzd_tensors_from_flow(s->trained, &tensors), NULL);
  must(bzd_tensors_write_buffer(tensors, NULL, 0, &s->plain_size, BZD_FORMAT_SAFETENSORS), NULL);
  s->plain = must_alloc(s->plain_size, 1);
  must(bzd_tensors_write_buffer(tensors, s->plain, s->plain_size, &s->plain_size, BZD_FORMAT_SAFETENSORS), NULL);
  if (s->bench->export) must(bzd_tensors_write_file(tensors, s->bench->export, BZD_FORMAT_SAFETENSORS), NULL);
  bzd_tensors_destroy(tensors);
  s->rows = 1;
  report_file(s, "save", save, s->file_size);
  report_file(s, "load", load, s->file_size);
  report_file(s, "verify", verify, s->file_size);
  report_file(s, "save_safetensors", save_safetensors, s->plain_size);
  report_file(s, "load_safetensors", load_safetensors, s->plain_size);
  bzd_flow_destroy(s->trained);
}

/* The machine's own limits; us is the time of 10^9 operations, of 10^9 bytes. */
static void report_machine(const struct bench *bench, const char *what, double (*measure)(int threads),
                           const char *unit) {
  if (!wanted(bench, what)) return;
  const int threads = bzd_context_threads(bench->common.context);
  const double value = measure(threads);
  if (bench->common.json)
    printf(
        "{\"peer\": \"bezdist\", \"work\": \"machine\", \"what\": \"%s\", \"rows\": 0, \"threads\": %d, \"us\": %.2f, "
        "\"%s\": %.2f}\n",
        what, threads, value > 0 ? 1e6 / value : 0, unit, value);
  else
    printf("%-8s %-16s %10s %2d threads %12.2f %s\n", "machine", what, "", threads, value, unit);
  fflush(stdout);
}

static void report_memory(const struct bench *bench, const struct work *work) {
  if (!wanted(bench, "memory")) return;
  const int threads = bzd_context_threads(bench->common.context);
  struct bench_memory m;
  measure_memory(threads, work->dim, work->width, work->batch, &m);
  const double state = 20.0 * (double)m.parameters; /* weights, gradient, two moments, EMA */
  if (bench->common.json)
    printf(
        "{\"peer\": \"bezdist\", \"work\": \"%s\", \"what\": \"memory\", \"rows\": %lld, \"threads\": %d, \"us\": 0, "
        "\"parameters\": %lld, \"train_bytes\": %lld, \"activation_bytes\": %lld, \"train_over_both\": %.4f, "
        "\"sample_bytes\": %lld, \"packed_bytes\": %lld, \"workspace_bytes\": %lld}\n",
        work->name, (long long)work->batch, threads, (long long)m.parameters, (long long)m.trainer,
        (long long)m.activations, (double)m.trainer / (state + (double)m.activations), (long long)m.sampler,
        (long long)m.packed, (long long)m.workspace);
  else
    printf("%-8s %-16s %5lld rows %2d threads: training %.2f MB (%.2f of weights, gradient, moments, EMA; %.2f of "
           "activations; %.2f times both), sampling %.2f MB (%.2f packed, %.2f workspace)\n",
           work->name, "memory", (long long)work->batch, threads, (double)m.trainer / 1e6, state / 1e6,
           (double)m.activations / 1e6, (double)m.trainer / (state + (double)m.activations), (double)m.sampler / 1e6,
           (double)m.packed / 1e6, (double)m.workspace / 1e6);
  fflush(stdout);
}

static void run_work(struct bench *bench, const struct work *work) {
  struct state s = {.bench = bench, .work = work};
  bzd_context *context = bench->common.context;
  int64_t most = 1024, rows = work->batch * 4;
  s.x = must_alloc((size_t)(rows * work->dim), sizeof(float));
  s.y = must_alloc((size_t)(rows * work->dim), sizeof(float));
  s.t = must_alloc((size_t)rows, sizeof(float));
  must(bzd_noise(1, BZD_STREAM_USER, 0, rows, work->dim, s.x), NULL);
  must(bzd_noise(2, BZD_STREAM_USER, 0, rows, work->dim, s.y), NULL);
  must(bzd_uniform(1, BZD_STREAM_USER, 0, rows, 1, s.t), NULL);

  bzd_data_config data_config;
  must(bzd_data_config_init(&data_config, sizeof data_config), NULL);
  data_config.n = rows;
  data_config.dim = work->dim;
  data_config.rows = s.x;
  must(bzd_data_create(context, &data_config, &s.data), NULL);
  must(bzd_source_create_data(s.data, NULL, 0, &s.source), NULL);
  bzd_flow_config flow_config;
  must(bzd_flow_config_init(&flow_config, sizeof flow_config), NULL);
  flow_config.dim = work->dim;
  flow_config.width = work->width;
  must(bzd_flow_create(context, &flow_config, &s.velocity), NULL);
  must(bzd_flow_create_from(s.velocity, BZD_FLOW_CONTROL, 2, &s.control), NULL);
  bzd_trainer_config config;
  must(bzd_trainer_config_init(&config, sizeof config), NULL);
  config.steps = (int64_t)1 << 32;
  config.batch = work->batch;
  config.ema = 0;
  config.clip = 0;
  must(bzd_trainer_create(s.velocity, s.source, &config, &s.trainer), NULL);
  s.rows = work->batch;
  report(&s, "train_step", train_step);
  for (s.rows = 1; s.rows <= 256; s.rows *= 4) report(&s, "forward", forward);
  must(bzd_flow_set_precision(s.velocity, BZD_PRECISION_BFLOAT16, NULL), NULL);
  for (s.rows = 1; s.rows <= 256; s.rows *= 4) report(&s, "forward_bf16", forward);
  must(bzd_flow_set_precision(s.velocity, BZD_PRECISION_FLOAT32, NULL), NULL);

  must(bzd_sample_config_init(&s.sampling, sizeof s.sampling), NULL);
  s.sampling.steps = 1;
  for (s.rows = 1; s.rows <= most; s.rows *= 32) report(&s, "sample", sample);

  s.rows = 256;
  for (int k = 0; k < 17; k++) s.times[k] = k / 16.0;
  s.states = must_alloc((size_t)(s.rows * 17 * work->dim), sizeof(float));
  s.paths = must_alloc((size_t)(s.rows * 4 * work->dim), sizeof(float));
  s.sampling.solver = BZD_SOLVER_RK4;
  s.sampling.steps = 16;
  report(&s, "trajectory", trajectory);
  bzd_fitter_config fitter_config;
  must(bzd_fitter_config_init(&fitter_config, sizeof fitter_config), NULL);
  fitter_config.degree = 3;
  must(bzd_fitter_create(context, &fitter_config, &s.fitter), NULL);
  must(bzd_flow_trajectory(s.velocity, &s.sampling, s.rows, s.x, NULL, 17, s.times, s.states, NULL), NULL);
  report(&s, "fit", fit);

  run_files(&s);
  s.rows = work->batch;
  report(&s, "metrics", metrics);
  report_memory(bench, work);

  bzd_trainer_destroy(s.trainer);
  bzd_fitter_destroy(s.fitter);
  bzd_flow_destroy(s.velocity);
  bzd_flow_destroy(s.control);
  bzd_source_destroy(s.source);
  bzd_data_destroy(s.data);
  free(s.x);
  free(s.y);
  free(s.t);
  free(s.states);
  free(s.paths);
  free(s.file);
  free(s.plain);
}

int cmd_bench(int argc, char **argv) {
  static const struct argp_child children[] = {{&common_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {.options = options,
                                   .parser = parse,
                                   .children = children,
                                   .args_doc = "[toy|digits|image ...]",
                                   .doc = "Times the reference work: median microseconds of one call.\v"
                                          "Example: bezdist bench digits --threads 1 --json"};
  struct bench bench = {0};
  argp_parse(&argp, argc, argv, 0, NULL, &bench);
  common_start(&bench.common);
  bool all = true;
  for (int i = 0; i < WORKS; i++) all = all && !bench.chosen[i];
  report_machine(&bench, "peak_fma", machine_peak_fma, "gflop_per_s");
  report_machine(&bench, "bandwidth", machine_bandwidth, "gb_per_s");
  for (int i = 0; i < WORKS; i++)
    if (all || bench.chosen[i]) run_work(&bench, &works[i]);
  common_finish(&bench.common);
  return EXIT_DONE;
}
