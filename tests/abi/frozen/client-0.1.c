/* SPDX-License-Identifier: MIT */
/* A program of version 0.1: every function it had, used as its headers said. Compiled against the frozen header and
 * never changed, it must run with every later library of ABI generation 0 (test_abi.sh). It asks for what is promised
 * (statuses, shapes, sizes, the numbers of a seed), not for bits that a better kernel may change. */
#include "bezdist-0.1.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 64, DIM = 2, CLASSES = 2, DEGREE = 2, NODES = 9, N = 16 };

static int failures;

static void check(int right, int line, const char *what) {
  char text[512];
  if (right) return;
  failures++;
  bzd_last_error(text, sizeof text);
  fprintf(stderr, "line %d: %s (%s)\n", line, what, text);
}
#define MUST(what) check((what) ? 1 : 0, __LINE__, #what)
#define OK(call) MUST((call) == BZD_OK)
#define IS(status, call) MUST((call) == (status))

/* ---- What the host gives ---- */

static long live, calls, logged;

static void *host_alloc(void *user, size_t size, size_t align) {
  void *p = aligned_alloc(align, (size + align - 1) / align * align);
  if (p != NULL) ++*(long *)user;
  return p;
}
static void host_free(void *user, void *p, size_t size, size_t align) {
  (void)size, (void)align;
  if (p != NULL) --*(long *)user;
  free(p);
}
static void host_log(void *user, int32_t level, const char *text) {
  MUST(level == BZD_LOG_WARNING || level == BZD_LOG_INFO);
  MUST(text != NULL);
  ++*(long *)user;
}
static void host_parallel_for(void *user, int64_t n, bzd_task_fn fn, void *arg) {
  (void)user;
  for (int64_t i = n; i-- > 0;) fn(arg, i);
}
static int32_t on_progress(void *user, const bzd_progress *p) {
  MUST(p->struct_size >= sizeof *p && p->phase >= BZD_PHASE_TRAIN && p->phase <= BZD_PHASE_GENERATE);
  ++calls;
  return user != NULL && --*(int *)user == 0 ? 7 : 0;
}
static int32_t attract(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                       const float *cond, float *v) {
  (void)user, (void)t, (void)cond_dim, (void)cond;
  for (int64_t i = 0; i < n * dim; i++) v[i] = 1.0f - x[i];
  return 0;
}
static int32_t first_teacher(void *user, int64_t n, int64_t count, int64_t dim, const float *x, const float *t,
                             const float *v, double *weights) {
  (void)user, (void)dim, (void)x, (void)t, (void)v;
  for (int64_t i = 0; i < n * count; i++) weights[i] = i % count == 0;
  return 0;
}
static int32_t lines(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim, int64_t cond_dim,
                     float *paths, float *cond, float *span) {
  (void)user, (void)cond_dim, (void)cond, (void)span;
  for (int64_t r = 0; r < n; r++)
    for (int32_t k = 0; k <= degree; k++)
      for (int64_t c = 0; c < dim; c++)
        paths[(r * (degree + 1) + k) * dim + c] = (float)k / (float)degree * (float)(1 + index[r] % 3);
  return 0;
}
typedef struct bytes {
  unsigned char *data;
  size_t size;
} bytes;
static int32_t append(void *user, const void *data, size_t size) {
  bytes *b = user;
  unsigned char *grown = realloc(b->data, b->size + size);
  if (grown == NULL) return 1;
  memcpy(grown + b->size, data, size);
  b->data = grown, b->size += size;
  return 0;
}
static int32_t fetch(void *user, uint64_t offset, void *data, size_t size) {
  const bytes *b = user;
  if (offset > b->size || size > b->size - offset) return 1;
  memcpy(data, b->data + offset, size);
  return 0;
}

static void gone(void *user) { ++*(int *)user; }

/* ---- The nouns ---- */

static bzd_context *context;
static float rows[ROWS * DIM];
static int32_t labels[ROWS];

static void base(void) {
  char text[512];
  bzd_context_config config;
  float z[4], u[4];
  MUST(bzd_version() >= (0u << 16 | 1u << 8));
  MUST(strncmp(bzd_version_string(), "0.", 2) == 0);
  MUST(bzd_build_info(text, sizeof text) > 0);
  MUST(strcmp(bzd_status_name(BZD_E_DIVERGED), "BZD_E_DIVERGED") == 0);
  MUST(strcmp(bzd_status_name(1), "BZD_E_UNKNOWN") == 0);
  MUST(bzd_context_config_size() >= sizeof config && bzd_progress_size() >= sizeof(bzd_progress));
  OK(bzd_context_config_init(&config, sizeof config));
  MUST(config.struct_size == sizeof config && config.threads == 1 && config.alloc == NULL);
  config.threads = 300;
  IS(BZD_E_ARGUMENT, bzd_context_create(&config, &context));
  MUST(bzd_last_error(text, sizeof text) > 0 && strstr(text, "300") != NULL);
  memset(&config, 0, sizeof config);
  IS(BZD_E_CONFIG, bzd_context_create(&config, &context));
  OK(bzd_context_config_init(&config, sizeof config));
  config.threads = 2;
  config.alloc = host_alloc, config.free = host_free, config.alloc_user = &live;
  config.log = host_log, config.log_user = &logged;
  config.parallel_for = host_parallel_for;
  OK(bzd_context_create(&config, &context));
  MUST(bzd_context_threads(context) == 2 && bzd_context_threads(NULL) == 1);
  /* Noise version 1 and the uniform numbers are final. */
  OK(bzd_noise(1, BZD_STREAM_USER, 5, 2, 2, z));
  OK(bzd_uniform(1, BZD_STREAM_USER, 5, 2, 2, u));
  static const float noise[4] = {-0x1.3af41cp-2f, 0x1.1965f4p-1f, 0x1.bb622p+0f, -0x1.c5e916p-2f};
  static const float uniform[4] = {0x1.a3e3a6p-1f, 0x1.53265cp-2f, 0x1.9e4568p-3f, 0x1.eb952ep-1f};
  MUST(memcmp(z, noise, sizeof z) == 0);
  MUST(memcmp(u, uniform, sizeof u) == 0);
  OK(bzd_noise(2, BZD_STREAM_USER, 0, ROWS, DIM, rows));
  for (int i = 0; i < ROWS; i++) labels[i] = i % CLASSES, rows[i * DIM] += labels[i] ? 3.0f : -3.0f;
}

static bzd_data *data(void) {
  bzd_data_config config;
  bzd_data_info info = {.struct_size = sizeof info};
  bzd_data *made;
  float scale[DIM], offset[DIM], x[DIM], cond[CLASSES];
  MUST(bzd_data_config_size() >= sizeof config && bzd_data_info_size() >= sizeof info);
  OK(bzd_data_config_init(&config, sizeof config));
  MUST(config.dtype == BZD_DTYPE_F32 && config.copy == 1 && config.normalise == BZD_NORMALISE_AUTO);
  IS(BZD_E_ARGUMENT, bzd_data_create(context, &config, &made));
  MUST(made == NULL);
  config.n = ROWS, config.dim = DIM, config.rows = rows, config.labels = labels, config.classes = CLASSES;
  config.normalise = BZD_NORMALISE_STANDARDISE;
  OK(bzd_data_create(context, &config, &made));
  OK(bzd_data_get_info(made, &info));
  MUST(info.n == ROWS && info.dim == DIM && info.cond_dim == CLASSES && info.classes == CLASSES && info.has_affine);
  OK(bzd_data_get_affine(made, scale, offset));
  OK(bzd_data_get_rows(made, 3, 1, x, cond));
  MUST(fabsf(x[0] * scale[0] + offset[0] - rows[3 * DIM]) < 1e-5f && cond[1] == 1.0f && cond[0] == 0.0f);
  return made;
}

static bzd_flow *make_flow(int32_t kind, int64_t cond_dim, uint64_t seed) {
  bzd_flow_config config;
  bzd_flow *made;
  OK(bzd_flow_config_init(&config, sizeof config));
  MUST(config.kind == BZD_FLOW_VELOCITY && config.degree == 2 && config.layers == 3 && config.width == 256);
  config.kind = kind, config.degree = DEGREE, config.dim = DIM, config.cond_dim = cond_dim, config.width = 16;
  config.layers = 2, config.seed = seed;
  OK(bzd_flow_create(context, &config, &made));
  return made;
}

static bzd_flow *train(const bzd_flow *fresh, const bzd_source *source, int64_t steps) {
  bzd_trainer_config config;
  bzd_trainer_info info = {.struct_size = sizeof info};
  bzd_trainer *trainer;
  bzd_flow *trained;
  double loss = -1;
  int stop_after = 2;
  MUST(bzd_trainer_config_size() >= sizeof config && bzd_trainer_info_size() >= sizeof info);
  OK(bzd_trainer_config_init(&config, sizeof config));
  MUST(config.steps == 10000 && config.batch == 256 && config.rate == 1e-3 && config.divergence == BZD_DIVERGENCE_STOP);
  OK(bzd_trainer_config_aim(&config, BZD_FLOW_CONTROL, 2));
  MUST(config.at_grid == 0.5 && config.consistency == 1);
  OK(bzd_trainer_config_init(&config, sizeof config));
  config.steps = steps, config.batch = 32;
  OK(bzd_trainer_create(fresh, source, &config, &trainer));
  IS(BZD_E_CANCELLED, bzd_trainer_run(trainer, 0, on_progress, &stop_after));
  OK(bzd_trainer_get_info(trainer, &info));
  MUST(info.step == 2 && info.steps == steps && info.batch == 32 && info.has_ema == 1);
  bzd_trainer_cancel(trainer);
  IS(BZD_E_CANCELLED, bzd_trainer_run(trainer, 0, NULL, NULL));
  OK(bzd_trainer_set_source(trainer, source));
  OK(bzd_trainer_run(trainer, 0, NULL, NULL));
  OK(bzd_trainer_evaluate(trainer, NULL, 0, 32, BZD_WEIGHTS_RAW, &loss));
  MUST(loss >= 0 && loss < 100);

  bzd_checkpoint *checkpoint;
  bzd_trainer *resumed;
  bzd_checkpoint_info facts = {.struct_size = sizeof facts};
  OK(bzd_checkpoint_from_trainer(trainer, &checkpoint));
  OK(bzd_checkpoint_get_info(checkpoint, &facts));
  MUST(facts.kind == BZD_CHECKPOINT_TRAINER);
  OK(bzd_checkpoint_get_trainer(checkpoint, source, &resumed));
  OK(bzd_trainer_get_info(resumed, &info));
  MUST(info.step == steps && info.fingerprint_differs == 0);
  bzd_trainer_destroy(resumed);
  bzd_checkpoint_destroy(checkpoint);

  OK(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &trained));
  bzd_trainer_destroy(trainer);
  return trained;
}

static void flow(bzd_flow *made) {
  bzd_flow_info info = {.struct_size = sizeof info};
  bzd_sample_config config;
  bzd_sample_result result = {.struct_size = sizeof result};
  float x[N * DIM], t[N], cond[N * CLASSES], v[N * DIM], out[N * DIM], states[N * 3 * DIM];
  const char *key, *value;
  double error = -1;
  MUST(bzd_flow_config_size() >= sizeof(bzd_flow_config) && bzd_flow_info_size() >= sizeof info);
  MUST(bzd_sample_config_size() >= sizeof config && bzd_sample_result_size() >= sizeof result);
  OK(bzd_flow_get_info(made, &info));
  MUST(info.kind == BZD_FLOW_VELOCITY && info.dim == DIM && info.cond_dim == CLASSES && info.generation == 1);
  OK(bzd_noise(3, BZD_STREAM_NOISE, 0, N, DIM, x));
  for (int i = 0; i < N; i++) t[i] = (float)i / N, cond[2 * i] = 1, cond[2 * i + 1] = 0;
  OK(bzd_flow_velocity(made, N, x, t, cond, 1.0, v));
  IS(BZD_E_UNSUPPORTED, bzd_flow_curve(made, N, x, t, cond, 1.0, states));
  OK(bzd_sample_config_init(&config, sizeof config));
  MUST(config.solver == BZD_SOLVER_AUTO && config.t1 == 1 && config.guidance == 1 && config.max_steps == 10000);
  config.solver = BZD_SOLVER_HEUN, config.steps = 4, config.progress = on_progress;
  OK(bzd_flow_sample(made, &config, N, x, cond, out, &result));
  MUST(result.solver == BZD_SOLVER_HEUN && result.nfe_mean == 8 && result.nfe_max == 8 && result.rejected == 0);
  static const double times[3] = {0, 0.5, 1};
  OK(bzd_flow_trajectory(made, &config, N, x, cond, 3, times, states, NULL));
  MUST(memcmp(states, x, DIM * sizeof *x) == 0);
  OK(bzd_flow_set_metadata(made, "who", "a client of 0.1"));
  MUST(bzd_flow_metadata_count(made) == 1);
  OK(bzd_flow_metadata_at(made, 0, &key, &value));
  MUST(strcmp(key, "who") == 0);
  OK(bzd_flow_get_metadata(made, "who", &value));
  MUST(strcmp(value, "a client of 0.1") == 0);
  OK(bzd_flow_get_affine(made, x, v));
  MUST(x[0] == 1 && v[0] == 0);
  float *weights = malloc((size_t)info.parameters * sizeof *weights);
  MUST(weights != NULL);
  OK(bzd_flow_get_parameters(made, info.parameters, weights));
  OK(bzd_flow_set_parameters(made, info.parameters, weights));
  IS(BZD_E_DIMENSION, bzd_flow_set_parameters(made, info.parameters + 1, weights));
  free(weights);
  OK(bzd_flow_set_precision(made, BZD_PRECISION_BFLOAT16, &error));
  MUST(error > 0 && error < 0.1);
  OK(bzd_flow_set_precision(made, BZD_PRECISION_FLOAT32, NULL));
}

static void own_flow(void) {
  bzd_flow_config config;
  bzd_flow *made;
  bzd_grid_config grid_config;
  int released = 0;
  double grid[5], error;
  float out[N * DIM];
  OK(bzd_flow_config_init(&config, sizeof config));
  config.dim = DIM;
  OK(bzd_flow_create_callback(context, &config, attract, NULL, 1, &made));
  OK(bzd_flow_sample(made, NULL, N, NULL, NULL, out, NULL));
  MUST(bzd_grid_config_size() >= sizeof grid_config);
  OK(bzd_grid_config_init(&grid_config, sizeof grid_config));
  MUST(grid_config.steps == 4 && grid_config.candidates == 32 && grid_config.rows == 1024);
  grid_config.rows = 32, grid_config.candidates = 8;
  OK(bzd_flow_choose_grid(made, &grid_config, grid, &error));
  MUST(grid[0] == 0 && grid[4] == 1 && error > 0);
  OK(bzd_on_release(made, gone, &released));
  bzd_flow_destroy(made);
  MUST(released == 1);
}

static bzd_ensemble *ensemble(const bzd_flow *a, const bzd_flow *b, int32_t rule) {
  const bzd_flow *teachers[2] = {a, b};
  bzd_ensemble_config config;
  bzd_ensemble *made;
  MUST(bzd_ensemble_config_size() >= sizeof config);
  OK(bzd_ensemble_config_init(&config, sizeof config));
  MUST(config.combine == BZD_COMBINE_VELOCITY && config.rule == BZD_RULE_UNIFORM && config.bins == 8);
  config.rule = rule;
  if (rule == BZD_RULE_CALLBACK) config.weights = first_teacher;
  OK(bzd_ensemble_create(context, &config, 2, teachers, &made));
  return made;
}

static void use_ensemble(const bzd_ensemble *made) {
  bzd_ensemble_info info = {.struct_size = sizeof info};
  float x[N * DIM], t[N] = {0}, cond[N * CLASSES] = {0}, v[N * DIM], states[N * 2 * DIM];
  double weights[N * 2], effective;
  bzd_flow *member;
  static const double times[2] = {0, 1};
  MUST(bzd_ensemble_info_size() >= sizeof info);
  OK(bzd_ensemble_get_info(made, &info));
  MUST(info.count == 2 && info.dim == DIM && info.nfe == 2);
  if (info.rule == BZD_RULE_UNIFORM) {
    OK(bzd_ensemble_get_weights(made, 0.5, weights));
    MUST(weights[0] == 0.5 && info.effective == 2);
  }
  OK(bzd_noise(4, BZD_STREAM_NOISE, 0, N, DIM, x));
  OK(bzd_ensemble_velocity(made, N, 0, x, t, cond, v, weights));
  OK(bzd_ensemble_effective(made, N, x, t, cond, &effective));
  MUST(info.rule == BZD_RULE_UNIFORM ? fabs(effective - 2) < 1e-9 : fabs(effective - 1) < 1e-9);
  OK(bzd_ensemble_sample(made, NULL, N, x, cond, v, NULL));
  OK(bzd_ensemble_trajectory(made, NULL, N, x, cond, 2, times, states, NULL));
  OK(bzd_ensemble_get_member(made, 1, &member));
  bzd_flow_destroy(member);
}

static bzd_fitter *fitter(void) {
  bzd_fitter_config config;
  bzd_fitter_info info = {.struct_size = sizeof info};
  bzd_fitter *made;
  double times[NODES], residual;
  float states[NODES], path[DEGREE + 1];
  MUST(bzd_fitter_config_size() >= sizeof config && bzd_fitter_info_size() >= sizeof info);
  OK(bzd_fitter_config_init(&config, sizeof config));
  MUST(config.degree == 2 && config.nodes == 17);
  config.nodes = NODES;
  OK(bzd_fitter_create(context, &config, &made));
  OK(bzd_fitter_get_info(made, &info));
  MUST(info.degree == DEGREE && info.nodes == NODES && info.norm > 0);
  OK(bzd_fitter_get_times(made, times));
  for (int k = 0; k < NODES; k++) states[k] = (float)(times[k] * times[k]);
  OK(bzd_fitter_fit(made, 1, 1, states, path, &residual));
  MUST(path[0] == 0 && path[2] == 1 && fabsf(path[1]) < 1e-5f && residual < 1e-5);
  return made;
}

static void paths(void) {
  static const float p[3] = {0, 0, 1}; /* t^2 */
  static const double half[1] = {0.5}, tau[1] = {0.5};
  static const float start[1] = {0}, guide[1] = {0.25f}, end[1] = {1}, t[1] = {0.5f};
  float q[4], left[3], right[3], x, u[2];
  double straight, arc, chord, d;
  OK(bzd_path_evaluate(1, 2, 1, p, 1, half, q));
  MUST(q[0] == 0.25f);
  OK(bzd_path_derivative(1, 2, 1, p, 1, half, q));
  MUST(q[0] == 1.0f);
  OK(bzd_path_elevate(1, 2, 1, p, 3, q));
  OK(bzd_path_reduce(1, 3, 1, q, 2, left, &d));
  MUST(fabsf(left[1]) < 1e-6f && d < 1e-6);
  OK(bzd_path_split(1, 2, 1, p, 0.5, left, right));
  MUST(left[2] == 0.25f && right[0] == 0.25f);
  OK(bzd_path_measure(1, 2, 1, p, &straight, &arc, &chord));
  MUST(fabs(straight - 1.0 / 3) < 1e-6 && fabs(arc - 1) < 1e-6 && chord == 1);
  OK(bzd_path_curvature(1, 2, 1, p, 1, half, &d));
  MUST(d == 0);
  OK(bzd_path_distance(1, 2, 1, p, p, &d));
  MUST(d == 0);
  OK(bzd_path_from_waypoints(1, 2, 1, start, guide, tau, end, q));
  MUST(fabsf(q[1]) < 1e-6f);
  OK(bzd_path_targets(1, 2, 1, p, t, &x, u));
  MUST(x == 0.25f && u[1] == 1.5f);
}

static void metrics(const bzd_flow *student, const bzd_data *real) {
  bzd_metrics_config config;
  bzd_metrics_result result = {.struct_size = sizeof result};
  bzd_flow_metrics_config flow_config;
  bzd_flow_metrics flow_result = {.struct_size = sizeof flow_result};
  bzd_source *from;
  int64_t index[N];
  double distance[N];
  MUST(bzd_metrics_config_size() >= sizeof config && bzd_metrics_result_size() >= sizeof result);
  MUST(bzd_flow_metrics_config_size() >= sizeof flow_config && bzd_flow_metrics_size() >= sizeof flow_result);
  OK(bzd_metrics_config_init(&config, sizeof config));
  MUST(config.which == BZD_METRIC_ALL && config.directions == 512 && config.neighbours == 3);
  OK(bzd_metrics_compare(context, &config, DIM, ROWS, rows, ROWS, rows, &result));
  MUST(result.sw2 == 0 && result.w2 == 0 && result.precision == 1 && result.recall == 1);
  OK(bzd_metrics_nearest(context, DIM, N, rows + DIM, ROWS, rows, index, distance));
  MUST(index[0] == 1 && distance[0] == 0);
  OK(bzd_source_create_data(real, NULL, 0, &from));
  OK(bzd_flow_metrics_config_init(&flow_config, sizeof flow_config));
  MUST(flow_config.steps == 64 && flow_config.rows == 2048);
  flow_config.rows = 16, flow_config.steps = 4, flow_config.paths = from;
  OK(bzd_metrics_flow(student, &flow_config, &flow_result));
  MUST(flow_result.straightness >= 0 && flow_result.chord2 > 0 && isnan(flow_result.drift));
  bzd_source_destroy(from);
}

/* Distils a and b; returns the student, and the pool of paths. */
static bzd_flow *distil(const bzd_flow *a, const bzd_flow *b, const bzd_data *real, bzd_source **pool) {
  bzd_ensemble *uniform = ensemble(a, b, BZD_RULE_UNIFORM), *own = ensemble(a, b, BZD_RULE_CALLBACK);
  bzd_fitter *fit = fitter();
  bzd_ensemble_source_config config;
  bzd_source_info info = {.struct_size = sizeof info};
  bzd_source *online, *mine;
  bzd_flow *fresh, *student;
  float path[2 * (DEGREE + 1) * DIM], cond[2 * CLASSES], span[4];
  use_ensemble(uniform);
  use_ensemble(own);
  MUST(bzd_ensemble_source_config_size() >= sizeof config && bzd_source_info_size() >= sizeof info);
  OK(bzd_ensemble_source_config_init(&config, sizeof config));
  MUST(config.guide == BZD_GUIDE_FIT && config.solver == BZD_SOLVER_RK4 && config.steps == 16 && config.bend == 0.75);
  config.real = real, config.rho = 0.5;
  OK(bzd_source_create_ensemble(uniform, fit, &config, &online));
  OK(bzd_source_create_pool(online, 0, ROWS, 1, on_progress, NULL, pool));
  OK(bzd_source_get_info(*pool, &info));
  MUST(info.kind == BZD_SOURCE_POOL && info.degree == DEGREE && info.count == ROWS && info.generation == 2);
  OK(bzd_source_get_paths(*pool, 0, 2, path, cond, span));
  MUST(span[0] == 0 && span[1] == 1);
  OK(bzd_source_create_callback(context, DEGREE, DIM, 0, lines, NULL, &mine));
  OK(bzd_source_get_paths(mine, 0, 2, path, NULL, NULL));
  MUST(path[2] == 0.5f && path[DIM * DEGREE] == 1.0f);
  OK(bzd_flow_create_from(a, BZD_FLOW_CONTROL, DEGREE, &fresh));
  student = train(fresh, *pool, 20);

  bzd_checkpoint *checkpoint;
  bzd_ensemble *loaded;
  OK(bzd_checkpoint_from_ensemble(uniform, &checkpoint));
  OK(bzd_checkpoint_get_ensemble(checkpoint, &loaded));
  bzd_ensemble_destroy(loaded);
  bzd_checkpoint_destroy(checkpoint);
  bzd_flow_destroy(fresh);
  bzd_source_destroy(online);
  bzd_source_destroy(mine);
  bzd_fitter_destroy(fit);
  bzd_ensemble_destroy(uniform);
  bzd_ensemble_destroy(own);
  return student;
}

static void stores(const bzd_source *pool, const bzd_data *real) {
  bzd_checkpoint *checkpoint, *opened, *written;
  bzd_source *loaded, *streamed, *transport;
  bytes file = {NULL, 0};
  float a[DIM * (DEGREE + 1)], b[DIM * (DEGREE + 1)];
  OK(bzd_checkpoint_from_source(pool, &checkpoint));
  OK(bzd_checkpoint_write_callback(checkpoint, append, &file));
  OK(bzd_checkpoint_open_callback(context, fetch, &file, file.size, NULL, &opened));
  OK(bzd_checkpoint_get_source(opened, &loaded));
  OK(bzd_checkpoint_stream_source(opened, &streamed));
  float cond[CLASSES];
  OK(bzd_source_get_paths(loaded, 7, 1, a, cond, NULL));
  OK(bzd_source_get_paths(streamed, 7, 1, b, cond, NULL));
  MUST(memcmp(a, b, sizeof a) == 0);
  OK(bzd_source_create_transport(real, NULL, 8, 1, &transport));
  OK(bzd_checkpoint_from_paths(transport, 0, 32, 0, 1, on_progress, NULL, &written));
  size_t size = 0;
  OK(bzd_checkpoint_write_buffer(written, NULL, 0, &size));
  MUST(size > 0);
  bzd_checkpoint_destroy(written);
  bzd_source_destroy(transport);
  bzd_source_destroy(loaded);
  bzd_source_destroy(streamed);
  bzd_checkpoint_destroy(opened);
  bzd_checkpoint_destroy(checkpoint);
  free(file.data);
}

static void files(const bzd_flow *made) {
  bzd_limits limits;
  bzd_checkpoint *checkpoint, *opened;
  bzd_checkpoint_info info = {.struct_size = sizeof info};
  bzd_tensor_info tensor = {.struct_size = sizeof tensor};
  bzd_flow *loaded;
  unsigned char *buffer;
  size_t size = 0, section_size = 0;
  char id[65], id2[65], name[5], value[64];
  const char *key;
  const void *section;
  float x[N * DIM], y[N * DIM], cond[N * CLASSES] = {0};
  MUST(bzd_limits_size() >= sizeof limits && bzd_checkpoint_info_size() >= sizeof info);
  MUST(bzd_tensor_info_size() >= sizeof tensor);
  OK(bzd_limits_init(&limits, sizeof limits));
  MUST(limits.max_tensors == 65536);
  OK(bzd_checkpoint_from_flow(made, &checkpoint));
  OK(bzd_checkpoint_set_metadata(checkpoint, "note", "kept"));
  OK(bzd_checkpoint_set_section(checkpoint, "hoST", "own bytes", 9));
  OK(bzd_checkpoint_write_buffer(checkpoint, NULL, 0, &size));
  buffer = malloc(size);
  MUST(buffer != NULL);
  IS(BZD_E_LIMIT, bzd_checkpoint_write_buffer(checkpoint, buffer, size - 1, &size));
  OK(bzd_checkpoint_write_buffer(checkpoint, buffer, size, &size));
  OK(bzd_checkpoint_write_file(checkpoint, "client.bzd"));
  OK(bzd_checkpoint_content_id(checkpoint, id));
  OK(bzd_checkpoint_open_buffer(context, buffer, size, &limits, &opened));
  OK(bzd_checkpoint_verify(opened));
  OK(bzd_checkpoint_content_id(opened, id2));
  MUST(strcmp(id, id2) == 0 && strlen(id) == 64);
  OK(bzd_checkpoint_get_info(opened, &info));
  MUST(info.kind == BZD_CHECKPOINT_FLOW && info.version_major == 1 && info.sections == 1 && info.file_bytes == size);
  OK(bzd_checkpoint_find_metadata(opened, "note", &key));
  MUST(strcmp(key, "kept") == 0);
  OK(bzd_checkpoint_get_metadata(opened, 0, &key, value, sizeof value));
  OK(bzd_checkpoint_section_at(opened, 0, name, &section_size));
  MUST(strcmp(name, "hoST") == 0 && section_size == 9);
  OK(bzd_checkpoint_get_section(opened, "hoST", &section, &section_size));
  MUST(memcmp(section, "own bytes", 9) == 0);
  OK(bzd_checkpoint_get_tensor(opened, 0, &tensor));
  MUST(tensor.ndim >= 1 && strcmp(tensor.dtype, "f32") == 0 && tensor.raw_bytes % 4 == 0);
  float *values = malloc(tensor.raw_bytes);
  MUST(values != NULL);
  OK(bzd_checkpoint_read_tensor(opened, 0, values, tensor.raw_bytes));
  OK(bzd_checkpoint_read_rows(opened, 0, 0, 1, values, tensor.raw_bytes));
  free(values);
  OK(bzd_checkpoint_get_flow(opened, BZD_WEIGHTS_AUTO, &loaded));
  OK(bzd_flow_sample(made, NULL, N, NULL, cond, x, NULL));
  OK(bzd_flow_sample(loaded, NULL, N, NULL, cond, y, NULL));
  MUST(memcmp(x, y, sizeof x) == 0);
  OK(bzd_flow_save(loaded, "client.bzd"));
  bzd_flow_destroy(loaded);
  OK(bzd_flow_load(context, "client.bzd", &loaded));
  bzd_flow_destroy(loaded);
  bzd_checkpoint_destroy(opened);
  OK(bzd_checkpoint_open_file(context, "client.bzd", NULL, &opened));
  OK(bzd_checkpoint_set_storage(opened, BZD_STORAGE_BF16));
  bzd_checkpoint_destroy(opened);
  buffer[size / 2] ^= 1;
  bzd_status status = bzd_checkpoint_open_buffer(context, buffer, size, NULL, &opened);
  if (status == BZD_OK) status = bzd_checkpoint_verify(opened);
  MUST(status == BZD_E_CORRUPT || status == BZD_E_FORMAT);
  bzd_checkpoint_destroy(opened);
  bzd_checkpoint_destroy(checkpoint);
  free(buffer);
}

static void tensors(const bzd_flow *made) {
  bzd_tensors *built, *opened, *of_flow;
  bzd_tensors_info info = {.struct_size = sizeof info};
  bzd_tensor_info one = {.struct_size = sizeof one};
  bytes file = {NULL, 0};
  bzd_flow *loaded;
  static const int64_t shape[2] = {2, 3};
  static const float values[6] = {1, 2, 3, 4, 5, 6};
  float back[6];
  int64_t i = -2;
  const char *key, *value;
  size_t size = 0;
  MUST(bzd_tensors_info_size() >= sizeof info);
  OK(bzd_tensors_create(context, &built));
  OK(bzd_tensors_add(built, "a", "f32", 2, shape, values));
  OK(bzd_tensors_set_text(built, "k", "v"));
  OK(bzd_tensors_write_callback(built, append, &file, BZD_FORMAT_SAFETENSORS));
  OK(bzd_tensors_write_buffer(built, NULL, 0, &size, BZD_FORMAT_SAFETENSORS));
  MUST(size == file.size);
  OK(bzd_tensors_write_file(built, "client.safetensors", BZD_FORMAT_SAFETENSORS));
  OK(bzd_tensors_open_file(context, "client.safetensors", BZD_FORMAT_AUTO, NULL, &opened));
  bzd_tensors_destroy(opened);
  OK(bzd_tensors_open_callback(context, fetch, &file, file.size, BZD_FORMAT_AUTO, NULL, &opened));
  bzd_tensors_destroy(opened);
  OK(bzd_tensors_open_buffer(context, file.data, file.size, BZD_FORMAT_AUTO, NULL, &opened));
  OK(bzd_tensors_get_info(opened, &info));
  MUST(info.format == BZD_FORMAT_SAFETENSORS && info.count == 1 && info.texts == 1 && info.raw_bytes == 24);
  OK(bzd_tensors_find(opened, "a", &i));
  MUST(i == 0);
  OK(bzd_tensors_get(opened, 0, &one));
  MUST(strcmp(one.name, "a") == 0 && one.ndim == 2 && one.shape[1] == 3);
  OK(bzd_tensors_read(opened, 0, back, sizeof back));
  MUST(memcmp(back, values, sizeof back) == 0);
  OK(bzd_tensors_read_f32(opened, 0, back, 6));
  OK(bzd_tensors_text_at(opened, 0, &key, &value));
  OK(bzd_tensors_get_text(opened, "k", &value));
  MUST(strcmp(value, "v") == 0);
  OK(bzd_tensors_from_flow(made, &of_flow));
  OK(bzd_tensors_get_flow(of_flow, NULL, &loaded));
  bzd_flow_destroy(loaded);
  bzd_tensors_destroy(of_flow);
  bzd_tensors_destroy(opened);
  bzd_tensors_destroy(built);
  free(file.data);
}

int main(void) {
  base();
  bzd_data *real = data();
  bzd_source *from, *pool;
  bzd_flow *fresh = make_flow(BZD_FLOW_VELOCITY, CLASSES, 1), *other = make_flow(BZD_FLOW_VELOCITY, CLASSES, 2);
  OK(bzd_source_create_data(real, NULL, 1, &from));
  bzd_flow *a = train(fresh, from, 30), *b = train(other, from, 30);
  flow(a);
  own_flow();
  paths();
  bzd_flow *student = distil(a, b, real, &pool);
  float out[N * DIM], cond[N * CLASSES] = {0}, t[N] = {0}, curve[N * (DEGREE + 1) * DIM];
  bzd_sample_result result = {.struct_size = sizeof result};
  OK(bzd_flow_sample(student, NULL, N, NULL, cond, out, &result));
  MUST(result.solver == BZD_SOLVER_CONTROL && result.nfe_mean == 4);
  OK(bzd_flow_curve(student, N, out, t, cond, 1.0, curve));
  MUST(memcmp(curve, out, DIM * sizeof *out) == 0);
  metrics(a, real);
  stores(pool, real);
  files(a);
  tensors(student);
  MUST(calls > 0 && live > 0);
  bzd_context_destroy(context); /* any order */
  bzd_source_destroy(pool);
  bzd_flow_destroy(student);
  bzd_flow_destroy(a);
  bzd_flow_destroy(b);
  bzd_flow_destroy(fresh);
  bzd_flow_destroy(other);
  bzd_source_destroy(from);
  bzd_data_destroy(real);
  MUST(live == 0);
  printf("version %s: %d wrong\n", bzd_version_string(), failures);
  return failures != 0;
}
