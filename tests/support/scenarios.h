/* SPDX-License-Identifier: MIT */
/* Walks through the public interface, each small and each able to fail at any call: what tests of failing allocations
 * and of the host's state repeat. prepare makes what the walk starts from; walk returns the status of the first call
 * that fails and mixes all that it computes into w->hash. Both leave what they made in the world's bag. Include it
 * after host.h. */
#ifndef TESTS_SUPPORT_SCENARIOS_H
#define TESTS_SUPPORT_SCENARIOS_H

#include <unistd.h>
#include <zlib.h>

#include "own_paths.h"
#include "tricks.h"

enum { SC_DIM = 3, SC_CLASSES = 2, SC_N = 16, SC_NODES = 5, SC_BAG = 48, SC_BYTES = 1 << 16 };

typedef struct world {
  const bzd_context *context;
  host *host; /* of the context; NULL: libc */
  uint64_t hash;
  int made; /* objects in the bag */
  struct {
    void (*drop)(void *object);
    void *object;
  } bag[SC_BAG];
  /* what prepare gives to walk */
  bzd_data *data;
  bzd_flow *flow, *other;
  bzd_ensemble *ensemble;
  bzd_fitter *fitter;
  bzd_source *source;
  bzd_trainer *trainer;
  bzd_checkpoint *checkpoint;
  bzd_tensors *tensors;
  unsigned char bytes[SC_BYTES];
  size_t size;
} world;

typedef struct scenario {
  const char *name;
  bzd_status (*prepare)(world *w, int32_t which);
  bzd_status (*walk)(world *w, int32_t which);
  int32_t which;
} scenario;

#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    bzd_status try_status = (call);                                                                                    \
    if (try_status != BZD_OK) return try_status;                                                                       \
  } while (0)

/* Makes an object by `call`, whose last argument is `out`, and puts it into the bag. */
#define MAKE(noun, out, call)                                                                                          \
  do {                                                                                                                 \
    TRY(call);                                                                                                         \
    sc_keep(w, sc_drop_##noun, *(out));                                                                                \
  } while (0)

#define DROP(noun)                                                                                                     \
  static inline void sc_drop_##noun(void *object) { bzd_##noun##_destroy(object); }
DROP(data)
DROP(flow)
DROP(ensemble)
DROP(fitter)
DROP(source)
DROP(trainer)
DROP(checkpoint)
DROP(tensors)
DROP(context)
#undef DROP

static inline void sc_keep(world *w, void (*drop)(void *), void *object) {
  assert_true(w->made < SC_BAG);
  w->bag[w->made].drop = drop;
  w->bag[w->made++].object = object;
}

/* Destroys what came after the first `from`, in the order of making: objects keep what they are made from. */
static inline void sc_empty(world *w, int from) {
  for (int i = from; i < w->made; i++) w->bag[i].drop(w->bag[i].object);
  w->made = from;
}

static inline void sc_mix(world *w, const void *data, size_t size) {
  w->hash = w->hash * UINT64_C(0x9E3779B97F4A7C15) + hash_bytes(data, size);
}

/* ---- Objects -------------------------------------------------------------------------------------------------- */

static const float SC_SCALE[SC_DIM] = {2, 0.5f, 1}, SC_OFFSET[SC_DIM] = {1, 0, -1};

static inline bzd_status sc_data(world *w, int32_t classes, int32_t normalise, bzd_data **out) {
  float rows[SC_N * SC_DIM];
  int32_t labels[SC_N];
  bzd_data_config config;
  TRY(bzd_noise(11, BZD_STREAM_USER, 0, SC_N, SC_DIM, rows));
  for (int i = 0; i < SC_N; i++) labels[i] = i % 2;
  TRY(bzd_data_config_init(&config, sizeof config));
  config.n = SC_N;
  config.dim = SC_DIM;
  config.rows = rows;
  config.normalise = normalise;
  if (normalise == BZD_NORMALISE_GIVEN) {
    config.scale = SC_SCALE;
    config.offset = SC_OFFSET;
  }
  if (classes) {
    config.labels = labels;
    config.classes = classes;
  }
  MAKE(data, out, bzd_data_create(w->context, &config, out));
  return BZD_OK;
}

static inline bzd_status sc_flow(world *w, int32_t kind, int32_t degree, int64_t cond_dim, uint64_t seed,
                                 bzd_flow **out) {
  bzd_flow_config config;
  TRY(bzd_flow_config_init(&config, sizeof config));
  config.kind = kind;
  config.degree = degree;
  config.dim = SC_DIM;
  config.cond_dim = cond_dim;
  config.width = 8;
  config.layers = 1;
  config.time_features = 4;
  config.seed = seed;
  config.scale = SC_SCALE;
  config.offset = SC_OFFSET;
  MAKE(flow, out, bzd_flow_create(w->context, &config, out));
  return BZD_OK;
}

static inline int32_t sc_swirl(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                               const float *cond, float *v) {
  const trick *bad = trick_due();
  (void)user, (void)t, (void)cond_dim, (void)cond;
  TRICK_EARLY(bad);
  for (int64_t i = 0; i < n * dim; i++) v[i] = i % dim == 0 ? -x[i] : 0.5f * x[i];
  trick_spoil(bad, TRICK_VALUES, v, n * dim, sizeof *v);
  return 0;
}

static inline int32_t sc_weigh(void *user, int64_t n, int64_t count, int64_t dim, const float *x, const float *t,
                               const float *v, double *weights) {
  const trick *bad = trick_due();
  (void)user, (void)dim, (void)x, (void)v;
  TRICK_EARLY(bad);
  for (int64_t i = 0; i < n * count; i++) weights[i] = 1 + (double)t[i / count] * (double)(i % count);
  trick_spoil(bad, TRICK_VALUES, weights, n * count, sizeof *weights);
  return 0;
}

static inline int32_t sc_report(void *user, const bzd_progress *progress) {
  const trick *bad = trick_due();
  (void)user, (void)progress;
  TRICK_EARLY(bad);
  return 0;
}

static inline bzd_status sc_fitter(world *w, int32_t degree, bzd_fitter **out) {
  bzd_fitter_config config;
  TRY(bzd_fitter_config_init(&config, sizeof config));
  config.degree = degree;
  config.nodes = SC_NODES;
  MAKE(fitter, out, bzd_fitter_create(w->context, &config, out));
  return BZD_OK;
}

static inline bzd_status sc_callback_flow(world *w, int64_t cond_dim, int32_t serialise, bzd_flow **out) {
  bzd_flow_config config;
  TRY(bzd_flow_config_init(&config, sizeof config));
  config.dim = SC_DIM;
  config.cond_dim = cond_dim;
  MAKE(flow, out, bzd_flow_create_callback(w->context, &config, sc_swirl, NULL, serialise, out));
  return BZD_OK;
}

static int sc_callback_teacher; /* whether the first teacher is the caller's own */

/* Of an unconditional or conditional velocity flow and a control flow. */
static inline bzd_status sc_teachers(world *w, int64_t cond_dim) {
  if (sc_callback_teacher)
    TRY(sc_callback_flow(w, cond_dim, 0, &w->flow));
  else
    TRY(sc_flow(w, BZD_FLOW_VELOCITY, 1, cond_dim, 3, &w->flow));
  return sc_flow(w, BZD_FLOW_CONTROL, 2, cond_dim, 4, &w->other);
}

static inline bzd_status sc_ensemble(world *w, int32_t combine, int32_t rule, bzd_ensemble **out) {
  static const double fixed[2] = {1, 3};
  const bzd_flow *flows[2] = {w->flow, w->other};
  bzd_ensemble_config config;
  TRY(bzd_ensemble_config_init(&config, sizeof config));
  config.combine = combine;
  config.rule = rule;
  if (rule == BZD_RULE_FIXED) config.fixed = fixed;
  if (rule == BZD_RULE_CALLBACK) config.weights = sc_weigh;
  if (rule == BZD_RULE_ERROR || rule == BZD_RULE_VARIANCE) config.validation = w->source;
  config.validation_count = 32;
  config.bins = 2;
  MAKE(ensemble, out, bzd_ensemble_create(w->context, &config, 2, flows, out));
  return BZD_OK;
}

/* ---- Sources, each with a loss, a way to draw times and a student of its own ---------------------------------- */

enum {
  SC_DATA,
  SC_TRANSPORT,
  SC_ANCHORED,
  SC_CONSENSUS,
  SC_WINDOWS,
  SC_VISITOR,
  SC_GUIDES,
  SC_SELECT,
  SC_TOLERANCE,
  SC_CALLBACK,
  SC_POOL,
  SC_STREAM,
  SC_SOURCES
};

static inline bzd_status sc_made_source(world *w, int32_t which, bzd_source **out) {
  TRY(sc_teachers(w, SC_CLASSES));
  TRY(sc_ensemble(w, which == SC_SELECT ? BZD_COMBINE_SELECT : BZD_COMBINE_ANY_VELOCITY,
                  which == SC_CONSENSUS ? BZD_RULE_CONSENSUS : BZD_RULE_UNIFORM, &w->ensemble));
  TRY(sc_fitter(w, which == SC_TOLERANCE ? 3 : 2, &w->fitter));
  const bzd_flow *guides[1] = {w->other};
  bzd_ensemble_source_config config;
  TRY(bzd_ensemble_source_config_init(&config, sizeof config));
  config.real = w->data;
  config.seed = 8;
  config.steps = 2;
  config.rho = which == SC_CONSENSUS || which == SC_WINDOWS || which == SC_TOLERANCE ? 0 : 0.5;
  if (which == SC_CONSENSUS) {
    config.solver = BZD_SOLVER_DOPRI5;
    config.guide = BZD_GUIDE_WAYPOINT;
    config.guide_times[0] = 0.5;
  }
  if (which == SC_WINDOWS) config.windows = 3;
  if (which == SC_VISITOR) config.visitor = w->other;
  if (which == SC_GUIDES) {
    config.guide = BZD_GUIDE_CONTROL;
    config.guides = guides;
  }
  if (which == SC_TOLERANCE) config.tolerance = 0.01;
  MAKE(source, out, bzd_source_create_ensemble(w->ensemble, w->fitter, &config, out));
  return BZD_OK;
}

static inline bzd_status sc_bytes(world *w, bzd_checkpoint *checkpoint) {
  return bzd_checkpoint_write_buffer(checkpoint, w->bytes, sizeof w->bytes, &w->size);
}

static inline bzd_status sc_source(world *w, int32_t which) {
  bzd_source *base = NULL;
  TRY(sc_data(w, SC_CLASSES, BZD_NORMALISE_GIVEN, &w->data));
  switch (which) {
  case SC_DATA: MAKE(source, &w->source, bzd_source_create_data(w->data, NULL, 9, &w->source)); break;
  case SC_TRANSPORT: MAKE(source, &w->source, bzd_source_create_transport(w->data, NULL, 8, 9, &w->source)); break;
  case SC_CALLBACK:
    MAKE(source, &w->source,
         bzd_source_create_callback(w->context, 2, SC_DIM, SC_CLASSES, own_paths, NULL, &w->source));
    break;
  case SC_POOL:
    TRY(sc_made_source(w, SC_ANCHORED, &base));
    MAKE(source, &w->source, bzd_source_create_pool(base, 0, 20, 5, sc_report, NULL, &w->source));
    break;
  case SC_STREAM: {
    bzd_checkpoint *made, *opened;
    TRY(sc_made_source(w, SC_ANCHORED, &base));
    MAKE(checkpoint, &made, bzd_checkpoint_from_paths(base, 0, 20, 7, 5, sc_report, NULL, &made));
    TRY(sc_bytes(w, made));
    MAKE(checkpoint, &opened, bzd_checkpoint_open_buffer(w->context, w->bytes, w->size, NULL, &opened));
    MAKE(source, &w->source, bzd_checkpoint_stream_source(opened, &w->source));
    break;
  }
  default: TRY(sc_made_source(w, which, &w->source));
  }
  return BZD_OK;
}

static int64_t sc_batch = 8;

static inline bzd_status sc_trainer(world *w, int32_t which, bzd_trainer **out) {
  bzd_flow *student;
  bzd_trainer_config config;
  const int32_t kind = which % 4 == 0 ? BZD_FLOW_VELOCITY : which % 4 == 3 ? BZD_FLOW_ENDPOINT : BZD_FLOW_CONTROL;
  TRY(sc_flow(w, kind, 3, SC_CLASSES, 1, &student));
  TRY(bzd_trainer_config_init(&config, sizeof config));
  config.steps = 3;
  config.batch = sc_batch;
  config.cond_dropout = 0.2;
  config.weight_decay = 0.01;
  config.time = BZD_TIME_UNIFORM + which % 4;
  config.at_zero = 0.1;
  config.at_grid = 0.1;
  config.ema = which == SC_TRANSPORT ? 0 : 0.99;
  config.loss = which % 4 == 3 ? BZD_LOSS_PSEUDO_HUBER : which % 4 == 2 ? BZD_LOSS_GRAM : BZD_LOSS_MSE;
  if (kind == BZD_FLOW_CONTROL) {
    config.endpoint_weight = 2;
    config.consistency = 0.5;
  }
  MAKE(trainer, out, bzd_trainer_create(student, w->source, &config, out));
  return BZD_OK;
}

/* ---- Walks ---------------------------------------------------------------------------------------------------- */

static inline bzd_status sc_nothing(world *w, int32_t which) {
  (void)w, (void)which;
  return BZD_OK;
}

static inline bzd_status sc_walk_context(world *w, int32_t threads) {
  bzd_context *context;
  bzd_context_config config;
  TRY(bzd_context_config_init(&config, sizeof config));
  config.threads = threads;
  if (w->host) {
    config.alloc = host_alloc;
    config.free = host_free;
    config.alloc_user = w->host;
  }
  MAKE(context, &context, bzd_context_create(&config, &context));
  const int32_t got = bzd_context_threads(context);
  sc_mix(w, &got, sizeof got);
  return BZD_OK;
}

static inline bzd_status sc_sample(world *w, const bzd_flow *flow, int32_t solver, int64_t n, const float *cond,
                                   double guidance) {
  float out[SC_N * SC_DIM];
  bzd_sample_config config;
  bzd_sample_result result = {.struct_size = sizeof result};
  TRY(bzd_sample_config_init(&config, sizeof config));
  config.solver = solver;
  config.steps = solver == BZD_SOLVER_AUTO || solver == BZD_SOLVER_DOPRI5 ? 0 : 3;
  config.guidance = guidance;
  config.seed = 5;
  config.units = BZD_UNITS_DATA;
  config.progress = sc_report;
  TRY(bzd_flow_sample(flow, &config, n, NULL, cond, out, &result));
  sc_mix(w, out, sizeof *out * (size_t)(n * SC_DIM));
  sc_mix(w, &result.nfe_max, sizeof result.nfe_max);
  return BZD_OK;
}

static const float SC_COND[SC_N * SC_CLASSES] = {1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1,
                                                 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1};
static const float SC_T[SC_N] = {0, 0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f, 1, 0, 0.25f, 0.5f, 0.75f, 1};
static const double SC_TIMES[SC_NODES] = {0.0, 0.25, 0.5, 0.75, 1.0}, SC_BACK[3] = {1.0, 0.5, 0.0};

static inline bzd_status sc_evaluate(world *w, const bzd_flow *flow, const float *cond) {
  float x[SC_N * SC_DIM], v[SC_N * SC_DIM], states[SC_N * SC_NODES * SC_DIM];
  bzd_sample_config config;
  bzd_flow_info info = {.struct_size = sizeof info};
  TRY(bzd_noise(1, BZD_STREAM_USER, 0, SC_N, SC_DIM, x));
  TRY(bzd_flow_velocity(flow, SC_N, x, SC_T, cond, 1, v));
  sc_mix(w, v, sizeof v);
  TRY(bzd_flow_trajectory(flow, NULL, SC_N, x, cond, SC_NODES, SC_TIMES, states, NULL));
  sc_mix(w, states, sizeof states);
  TRY(bzd_flow_get_info(flow, &info));
  if (info.kind == BZD_FLOW_CONTROL || info.kind == BZD_FLOW_ENDPOINT) {
    float paths[SC_N * 4 * SC_DIM] = {0};
    TRY(bzd_flow_curve(flow, SC_N, x, SC_T, cond, 1, paths));
    sc_mix(w, paths, sizeof paths);
    return BZD_OK;
  }
  TRY(bzd_sample_config_init(&config, sizeof config));
  config.t0 = 1;
  config.t1 = 0;
  config.solver = BZD_SOLVER_HEUN;
  config.units = BZD_UNITS_DATA; /* backwards in data units: x0 is copied */
  TRY(bzd_flow_trajectory(flow, &config, SC_N, x, cond, 3, SC_BACK, states, NULL));
  sc_mix(w, states, sizeof *states * SC_N * 3 * SC_DIM);
  return BZD_OK;
}

static inline bzd_status sc_walk_flow(world *w, int32_t kind) {
  bzd_flow *flow;
  const char *value;
  bzd_flow_info info = {.struct_size = sizeof info};
  float weights[1000];
  TRY(sc_flow(w, kind, 2, SC_CLASSES, 1, &flow));
  TRY(bzd_flow_set_metadata(flow, "name", "first"));
  TRY(bzd_flow_set_metadata(flow, "date", "today"));
  TRY(bzd_flow_set_metadata(flow, "name", "a longer name than the first"));
  TRY(bzd_flow_get_metadata(flow, "name", &value));
  sc_mix(w, value, strlen(value));
  TRY(bzd_flow_get_info(flow, &info));
  TRY(bzd_flow_get_parameters(flow, info.parameters, weights));
  for (int64_t i = 0; i < info.parameters; i++) weights[i] *= 1.5f;
  TRY(bzd_flow_set_parameters(flow, info.parameters, weights));
  TRY(bzd_flow_set_precision(flow, BZD_PRECISION_BFLOAT16, NULL));
  TRY(sc_evaluate(w, flow, SC_COND));
  return sc_sample(w, flow, BZD_SOLVER_AUTO, SC_N, SC_COND, 2);
}

static inline bzd_status sc_walk_callback_flow(world *w, int32_t serialise) {
  bzd_flow *flow;
  TRY(sc_callback_flow(w, 0, serialise, &flow));
  TRY(sc_evaluate(w, flow, NULL));
  return sc_sample(w, flow, BZD_SOLVER_AUTO, SC_N, NULL, 1);
}

static inline bzd_status sc_prepare_teachers(world *w, int32_t which) {
  (void)which;
  return sc_teachers(w, 0);
}

static inline bzd_status sc_walk_flow_from(world *w, int32_t which) {
  bzd_flow *flow;
  (void)which;
  for (int32_t kind = BZD_FLOW_VELOCITY; kind <= BZD_FLOW_ENDPOINT; kind++) {
    MAKE(flow, &flow, bzd_flow_create_from(kind == BZD_FLOW_CONTROL ? w->flow : w->other, kind, 3, &flow));
    TRY(sc_sample(w, flow, BZD_SOLVER_AUTO, SC_N, NULL, 1));
  }
  return BZD_OK;
}

static inline bzd_status sc_walk_solver(world *w, int32_t solver) {
  const bzd_flow *flow = solver == BZD_SOLVER_CONTROL || solver == BZD_SOLVER_REANCHOR ? w->other : w->flow;
  TRY(sc_sample(w, flow, solver, 2, NULL, 1));
  return sc_sample(w, flow, solver, SC_N, NULL, 1); /* a larger workspace than the one kept */
}

/* Combination and rule in one number. */
static inline bzd_status sc_prepare_ensemble(world *w, int32_t which) {
  (void)which;
  TRY(sc_data(w, 0, BZD_NORMALISE_GIVEN, &w->data));
  MAKE(source, &w->source, bzd_source_create_data(w->data, NULL, 9, &w->source));
  return sc_teachers(w, 0);
}

static inline bzd_status sc_walk_ensemble(world *w, int32_t which) {
  const int32_t combine = which / 10, rule = which % 10;
  float x[SC_N * SC_DIM], v[SC_N * SC_DIM], states[SC_N * SC_NODES * SC_DIM];
  double weights[2 * SC_N], effective;
  bzd_ensemble *ensemble;
  bzd_flow *member;
  bzd_sample_config config;
  TRY(sc_ensemble(w, combine, rule, &ensemble));
  TRY(bzd_noise(1, BZD_STREAM_USER, 0, SC_N, SC_DIM, x));
  if (combine == BZD_COMBINE_SELECT || combine == BZD_COMBINE_ENDPOINT) { /* paths only */
    bzd_fitter *fitter;
    bzd_source *source;
    TRY(sc_fitter(w, 2, &fitter));
    MAKE(source, &source, bzd_source_create_ensemble(ensemble, fitter, NULL, &source));
    TRY(bzd_source_get_paths(source, 0, SC_N, states, NULL, NULL));
    sc_mix(w, states, sizeof *states * SC_N * 3 * SC_DIM);
    return BZD_OK;
  }
  TRY(bzd_ensemble_velocity(ensemble, SC_N, 0, x, SC_T, NULL, v, weights));
  sc_mix(w, v, sizeof v);
  TRY(bzd_ensemble_effective(ensemble, SC_N, x, SC_T, NULL, &effective));
  sc_mix(w, &effective, sizeof effective);
  TRY(bzd_sample_config_init(&config, sizeof config));
  config.steps = 3;
  config.solver = BZD_SOLVER_RK4;
  TRY(bzd_ensemble_sample(ensemble, &config, SC_N, NULL, NULL, v, NULL));
  sc_mix(w, v, sizeof v);
  TRY(bzd_ensemble_trajectory(ensemble, &config, SC_N, x, NULL, SC_NODES, SC_TIMES, states, NULL));
  sc_mix(w, states, sizeof states);
  MAKE(flow, &member, bzd_ensemble_get_member(ensemble, 1, &member));
  return BZD_OK;
}

static inline bzd_status sc_walk_fitter(world *w, int32_t weighted) {
  static const double weights[SC_NODES] = {1, 2, 3, 2, 1}, times[SC_NODES] = {0, 0.1, 0.5, 0.8, 1};
  float states[SC_N * SC_NODES * SC_DIM], paths[SC_N * 4 * SC_DIM];
  double residual[SC_N];
  bzd_fitter_config config;
  bzd_fitter *fitter;
  TRY(bzd_fitter_config_init(&config, sizeof config));
  config.degree = 3;
  config.nodes = SC_NODES;
  config.times = weighted ? times : NULL;
  config.weights = weighted ? weights : NULL;
  MAKE(fitter, &fitter, bzd_fitter_create(w->context, &config, &fitter));
  TRY(bzd_noise(1, BZD_STREAM_USER, 0, SC_N, SC_NODES * SC_DIM, states));
  TRY(bzd_fitter_fit(fitter, SC_N, SC_DIM, states, paths, residual));
  sc_mix(w, paths, sizeof paths);
  sc_mix(w, residual, sizeof residual);
  return BZD_OK;
}

static inline bzd_status sc_walk_data(world *w, int32_t dtype) {
  static const unsigned char bytes[SC_N * SC_DIM] = {1, 2, 3, 50, 60, 70, 250, 251, 252};
  float x[SC_N * SC_DIM], cond[SC_N * SC_CLASSES];
  bzd_data *data;
  if (dtype == BZD_DTYPE_F32) {
    TRY(sc_data(w, SC_CLASSES, BZD_NORMALISE_STANDARDISE, &data));
  } else {
    bzd_data_config config;
    TRY(bzd_data_config_init(&config, sizeof config));
    config.dtype = dtype;
    config.n = SC_N;
    config.dim = SC_DIM;
    config.rows = bytes;
    config.cond = SC_COND;
    config.cond_dim = SC_CLASSES;
    config.normalise = BZD_NORMALISE_GIVEN;
    config.scale = SC_SCALE;
    config.offset = SC_OFFSET;
    MAKE(data, &data, bzd_data_create(w->context, &config, &data));
  }
  TRY(bzd_data_get_rows(data, 0, SC_N, x, cond));
  sc_mix(w, x, sizeof x);
  sc_mix(w, cond, sizeof cond);
  return BZD_OK;
}

static inline bzd_status sc_walk_source(world *w, int32_t which) {
  float paths[SC_N * 4 * SC_DIM] = {0}, cond[SC_N * SC_CLASSES], span[SC_N * 2];
  TRY(sc_source(w, which));
  TRY(bzd_source_get_paths(w->source, 3, SC_N, paths, cond, span));
  sc_mix(w, paths, sizeof paths);
  sc_mix(w, cond, sizeof cond);
  sc_mix(w, span, sizeof span);
  return BZD_OK;
}

static inline bzd_status sc_prepare_source(world *w, int32_t which) { return sc_source(w, which); }

static inline bzd_status sc_finish(world *w, bzd_trainer *trainer) {
  bzd_flow *flow;
  double loss;
  TRY(bzd_trainer_run(trainer, 0, sc_report, NULL));
  TRY(bzd_trainer_evaluate(trainer, NULL, 0, SC_N, BZD_WEIGHTS_AUTO, &loss));
  sc_mix(w, &loss, sizeof loss);
  MAKE(flow, &flow, bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &flow));
  return sc_sample(w, flow, BZD_SOLVER_AUTO, SC_N, SC_COND, 1);
}

static inline bzd_status sc_walk_train(world *w, int32_t which) {
  bzd_trainer *trainer;
  TRY(sc_trainer(w, which, &trainer));
  return sc_finish(w, trainer);
}

/* The trainer is made before: a failure leaves it where it stands, and the next walk takes it on. */
static inline bzd_status sc_prepare_trainer(world *w, int32_t which) {
  TRY(sc_source(w, which));
  return sc_trainer(w, which, &w->trainer);
}

static inline bzd_status sc_walk_run(world *w, int32_t which) {
  bzd_source *source;
  (void)which;
  MAKE(source, &source, bzd_source_create_data(w->data, NULL, 20, &source));
  TRY(bzd_trainer_set_source(w->trainer, source));
  return sc_finish(w, w->trainer);
}

/* ---- Checkpoints ---------------------------------------------------------------------------------------------- */

static inline int32_t sc_write(void *user, const void *data, size_t size) {
  world *w = user;
  const trick *bad = trick_due();
  TRICK_EARLY(bad);
  if (size > sizeof w->bytes - w->size) return 1;
  memcpy(w->bytes + w->size, data, size);
  trick_spoil(bad, TRICK_VALUES, w->bytes + w->size, (int64_t)size, 1);
  w->size += size;
  return 0;
}

static inline int32_t sc_read(void *user, uint64_t offset, void *data, size_t size) {
  const world *w = user;
  const trick *bad = trick_due();
  TRICK_EARLY(bad);
  if (offset > w->size || size > w->size - offset) return 1;
  memcpy(data, w->bytes + offset, size);
  trick_spoil(bad, TRICK_VALUES, data, (int64_t)size, 1);
  return 0;
}

static inline bzd_status sc_prepare_checkpoint(world *w, int32_t kind) {
  TRY(sc_source(w, SC_POOL));
  if (kind != BZD_CHECKPOINT_TRAINER) return BZD_OK;
  TRY(sc_trainer(w, SC_POOL, &w->trainer));
  return bzd_trainer_run(w->trainer, 2, NULL, NULL);
}

static inline bzd_status sc_walk_checkpoint(world *w, int32_t kind) {
  bzd_checkpoint *made, *opened;
  switch (kind) {
  case BZD_CHECKPOINT_FLOW: MAKE(checkpoint, &made, bzd_checkpoint_from_flow(w->flow, &made)); break;
  case BZD_CHECKPOINT_ENSEMBLE: MAKE(checkpoint, &made, bzd_checkpoint_from_ensemble(w->ensemble, &made)); break;
  case BZD_CHECKPOINT_TRAINER: MAKE(checkpoint, &made, bzd_checkpoint_from_trainer(w->trainer, &made)); break;
  default: MAKE(checkpoint, &made, bzd_checkpoint_from_source(w->source, &made));
  }
  w->size = 0;
  TRY(bzd_checkpoint_write_callback(made, sc_write, w));
  sc_mix(w, w->bytes, w->size);
  MAKE(checkpoint, &opened, bzd_checkpoint_open_callback(w->context, sc_read, w, w->size, NULL, &opened));
  bzd_checkpoint_info info = {.struct_size = sizeof info};
  char text[256], id[65];
  const char *key;
  float tensor[2000];
  TRY(bzd_checkpoint_get_info(opened, &info));
  for (int64_t i = 0; i < info.metadata; i++) {
    TRY(bzd_checkpoint_get_metadata(opened, i, &key, text, sizeof text));
    sc_mix(w, text, strlen(text));
  }
  for (int64_t i = 0; i < info.tensors; i++) {
    bzd_tensor_info about = {.struct_size = sizeof about};
    TRY(bzd_checkpoint_get_tensor(opened, i, &about));
    TRY(bzd_checkpoint_read_tensor(opened, i, tensor, sizeof tensor));
    sc_mix(w, tensor, (size_t)about.raw_bytes);
  }
  TRY(bzd_checkpoint_verify(opened));
  TRY(bzd_checkpoint_content_id(opened, id));
  sc_mix(w, id, 64);
  TRY(bzd_checkpoint_content_id(made, id));
  sc_mix(w, id, 64);
  bzd_flow *flow;
  bzd_ensemble *ensemble;
  bzd_trainer *trainer;
  bzd_source *source;
  float paths[SC_N * 4 * SC_DIM] = {0}, cond[SC_N * SC_CLASSES];
  switch (kind) {
  case BZD_CHECKPOINT_FLOW:
    MAKE(flow, &flow, bzd_checkpoint_get_flow(opened, BZD_WEIGHTS_AUTO, &flow));
    return sc_sample(w, flow, BZD_SOLVER_AUTO, SC_N, SC_COND, 1);
  case BZD_CHECKPOINT_ENSEMBLE:
    MAKE(ensemble, &ensemble, bzd_checkpoint_get_ensemble(opened, &ensemble));
    return BZD_OK;
  case BZD_CHECKPOINT_TRAINER:
    MAKE(flow, &flow, bzd_checkpoint_get_flow(opened, BZD_WEIGHTS_RAW, &flow));
    MAKE(trainer, &trainer, bzd_checkpoint_get_trainer(opened, w->source, &trainer));
    return sc_finish(w, trainer);
  default:
    MAKE(source, &source, bzd_checkpoint_get_source(opened, &source));
    TRY(bzd_source_get_paths(source, 0, SC_N, paths, cond, NULL));
    sc_mix(w, paths, sizeof paths);
    MAKE(source, &source, bzd_checkpoint_stream_source(opened, &source));
    TRY(bzd_source_get_paths(source, 0, SC_N, paths, cond, NULL));
    sc_mix(w, paths, sizeof paths);
    return BZD_OK;
  }
}

static inline bzd_status sc_walk_made_paths(world *w, int32_t which) {
  bzd_checkpoint *made;
  (void)which;
  MAKE(checkpoint, &made, bzd_checkpoint_from_paths(w->source, 0, 20, 6, 5, sc_report, NULL, &made));
  size_t size;
  TRY(bzd_checkpoint_write_buffer(made, NULL, 0, &size));
  TRY(sc_bytes(w, made));
  assert_int_equal(size, w->size);
  sc_mix(w, w->bytes, w->size);
  return BZD_OK;
}

static inline bzd_status sc_walk_flow_file(world *w, int32_t which) {
  char path[64];
  bzd_flow *flow;
  (void)which;
  snprintf(path, sizeof path, "scenario-%ld.bzd", (long)getpid());
  TRY(bzd_flow_save(w->flow, path));
  MAKE(flow, &flow, bzd_flow_load(w->context, path, &flow));
  TRY(sc_sample(w, flow, BZD_SOLVER_AUTO, SC_N, NULL, 1));
  remove(path);
  return BZD_OK;
}

/* ---- Other programs' files ------------------------------------------------------------------------------------ */

static inline bzd_status sc_build(world *w, int texts, int32_t count, bzd_tensors **out) {
  static const double numbers[6] = {1, 2, 3, 4, 5, 6};
  static const int64_t shape[2] = {2, 3};
  char name[32];
  MAKE(tensors, out, bzd_tensors_create(w->context, out));
  for (int32_t i = 0; i < count; i++) {
    snprintf(name, sizeof name, "group.%d", (int)i);
    TRY(bzd_tensors_add(*out, name, i % 2 ? "f32" : "f64", 2, shape, numbers));
  }
  if (texts) {
    TRY(bzd_tensors_set_text(*out, "author", "nobody"));
    TRY(bzd_tensors_set_text(*out, "title", "\"quoted\" \xC3\xA4"));
  }
  return BZD_OK;
}

static inline bzd_status sc_read_all(world *w, bzd_tensors *tensors) {
  bzd_tensors_info info = {.struct_size = sizeof info};
  TRY(bzd_tensors_get_info(tensors, &info));
  for (int64_t i = 0; i < info.count; i++) {
    bzd_tensor_info about = {.struct_size = sizeof about};
    double data[16];
    float floats[16];
    TRY(bzd_tensors_get(tensors, i, &about));
    TRY(bzd_tensors_read(tensors, i, data, sizeof data));
    TRY(bzd_tensors_read_f32(tensors, i, floats, 6));
    sc_mix(w, about.name, strlen(about.name));
    sc_mix(w, data, (size_t)about.raw_bytes);
    sc_mix(w, floats, 6 * sizeof *floats);
  }
  return BZD_OK;
}

static inline bzd_status sc_walk_tensors(world *w, int32_t format) {
  bzd_tensors *tensors, *opened;
  TRY(sc_build(w, format == BZD_FORMAT_SAFETENSORS, format == BZD_FORMAT_NPY ? 1 : 3, &tensors));
  TRY(bzd_tensors_write_buffer(tensors, w->bytes, sizeof w->bytes, &w->size, format));
  sc_mix(w, w->bytes, w->size);
  w->size = 0;
  TRY(bzd_tensors_write_callback(tensors, sc_write, w, format));
  MAKE(tensors, &opened, bzd_tensors_open_callback(w->context, sc_read, w, w->size, BZD_FORMAT_AUTO, NULL, &opened));
  TRY(sc_read_all(w, opened));
  if (format == BZD_FORMAT_NPY) return BZD_OK;
  static const float one = 1;
  TRY(bzd_tensors_add(opened, "new", "f32", 0, NULL, &one));
  unsigned char again[8192];
  size_t size;
  TRY(bzd_tensors_write_buffer(opened, again, sizeof again, &size, format));
  sc_mix(w, again, size);
  return BZD_OK;
}

static inline bzd_status sc_walk_tensors_file(world *w, int32_t format) {
  char path[64];
  bzd_tensors *tensors, *opened;
  snprintf(path, sizeof path, "scenario-%ld.tensors", (long)getpid());
  TRY(sc_build(w, 0, 2, &tensors));
  TRY(bzd_tensors_write_file(tensors, path, format));
  MAKE(tensors, &opened, bzd_tensors_open_file(w->context, path, BZD_FORMAT_AUTO, NULL, &opened));
  TRY(sc_read_all(w, opened));
  remove(path);
  return BZD_OK;
}

/* which 1: gzipped. */
static inline bzd_status sc_prepare_idx(world *w, int32_t gzipped) {
  static const unsigned char idx[18] = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6};
  memcpy(w->bytes, idx, sizeof idx);
  w->size = sizeof idx;
  if (!gzipped) return BZD_OK;
  z_stream stream = {
      .next_in = (Bytef *)(uintptr_t)idx, .avail_in = sizeof idx, .next_out = w->bytes, .avail_out = sizeof w->bytes};
  assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
  assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
  w->size = stream.total_out;
  deflateEnd(&stream);
  return BZD_OK;
}

static inline bzd_status sc_walk_idx(world *w, int32_t gzipped) {
  bzd_tensors *opened;
  (void)gzipped;
  MAKE(tensors, &opened, bzd_tensors_open_buffer(w->context, w->bytes, w->size, BZD_FORMAT_AUTO, NULL, &opened));
  return sc_read_all(w, opened);
}

static inline bzd_status sc_walk_tensors_flow(world *w, int32_t which) {
  bzd_tensors *tensors;
  bzd_flow *flow;
  (void)which;
  MAKE(tensors, &tensors, bzd_tensors_from_flow(w->other, &tensors));
  MAKE(flow, &flow, bzd_tensors_get_flow(tensors, NULL, &flow));
  return sc_sample(w, flow, BZD_SOLVER_AUTO, SC_N, NULL, 1);
}

/* ---- Measures ------------------------------------------------------------------------------------------------- */

static inline bzd_status sc_walk_metrics(world *w, int32_t which) {
  float a[SC_N * SC_DIM], b[SC_N * SC_DIM];
  int64_t index[SC_N];
  double distance[SC_N];
  bzd_metrics_config config;
  bzd_metrics_result result = {.struct_size = sizeof result};
  TRY(bzd_noise(1, BZD_STREAM_USER, 0, SC_N, SC_DIM, a));
  TRY(bzd_noise(2, BZD_STREAM_USER, 0, SC_N, SC_DIM, b));
  TRY(bzd_metrics_config_init(&config, sizeof config));
  config.which = (uint32_t)which;
  config.directions = 8;
  TRY(bzd_metrics_compare(w->context, &config, SC_DIM, SC_N, a, SC_N, b, &result));
  sc_mix(w, &result.sw2, 10 * sizeof(double));
  TRY(bzd_metrics_nearest(w->context, SC_DIM, SC_N, a, SC_N, b, index, distance));
  sc_mix(w, index, sizeof index);
  sc_mix(w, distance, sizeof distance);
  return BZD_OK;
}

static inline bzd_status sc_walk_flow_metrics(world *w, int32_t with_paths) {
  bzd_flow_metrics_config config;
  bzd_flow_metrics result = {.struct_size = sizeof result};
  TRY(bzd_flow_metrics_config_init(&config, sizeof config));
  config.steps = 4;
  config.rows = 8;
  if (with_paths) {
    config.paths = w->source;
    config.real = w->data;
  }
  TRY(bzd_metrics_flow(w->flow, &config, &result));
  sc_mix(w, &result.straightness, 9 * sizeof(double));
  return BZD_OK;
}

static inline bzd_status sc_walk_grid(world *w, int32_t with_paths) {
  double grid[4], error;
  bzd_grid_config config;
  TRY(bzd_grid_config_init(&config, sizeof config));
  config.steps = 3;
  config.candidates = 6;
  config.rows = 16;
  if (with_paths) config.paths = w->source;
  TRY(bzd_flow_choose_grid(w->other, &config, grid, &error));
  sc_mix(w, grid, sizeof grid);
  sc_mix(w, &error, sizeof error);
  return BZD_OK;
}

static inline bzd_status sc_walk_paths(world *w, int32_t which) {
  float paths[SC_N * 4 * SC_DIM], out[SC_N * 5 * SC_DIM], right[SC_N * 4 * SC_DIM];
  double numbers[3 * SC_N];
  (void)which;
  TRY(bzd_noise(1, BZD_STREAM_USER, 0, SC_N, 4 * SC_DIM, paths));
  TRY(bzd_path_reduce(SC_N, 3, SC_DIM, paths, 2, out, numbers));
  sc_mix(w, out, sizeof *out * SC_N * 3 * SC_DIM);
  TRY(bzd_path_elevate(SC_N, 3, SC_DIM, paths, 4, out));
  sc_mix(w, out, sizeof out);
  TRY(bzd_path_evaluate(SC_N, 3, SC_DIM, paths, SC_NODES, SC_TIMES, out));
  sc_mix(w, out, sizeof out);
  TRY(bzd_path_split(SC_N, 3, SC_DIM, paths, 0.3, NULL, right));
  sc_mix(w, right, sizeof right);
  TRY(bzd_path_measure(SC_N, 3, SC_DIM, paths, numbers, numbers + SC_N, numbers + 2 * SC_N));
  sc_mix(w, numbers, sizeof numbers);
  TRY(bzd_path_distance(SC_N, 3, SC_DIM, paths, right, numbers));
  sc_mix(w, numbers, sizeof *numbers * SC_N);
  TRY(bzd_path_targets(SC_N, 3, SC_DIM, paths, SC_T, NULL, right));
  sc_mix(w, right, sizeof *right * SC_N * 3 * SC_DIM);
  return BZD_OK;
}

#define SC_EACH_SOURCE(prefix, prepare, walk)                                                                          \
  {prefix "data", prepare, walk, SC_DATA}, {prefix "transport", prepare, walk, SC_TRANSPORT},                          \
      {prefix "anchored", prepare, walk, SC_ANCHORED}, {prefix "consensus", prepare, walk, SC_CONSENSUS},              \
      {prefix "windows", prepare, walk, SC_WINDOWS}, {prefix "visitor", prepare, walk, SC_VISITOR},                    \
      {prefix "guides", prepare, walk, SC_GUIDES}, {prefix "select", prepare, walk, SC_SELECT},                        \
      {prefix "tolerance", prepare, walk, SC_TOLERANCE}, {prefix "callback", prepare, walk, SC_CALLBACK},              \
      {prefix "pool", prepare, walk, SC_POOL}, {                                                                       \
    prefix "stream", prepare, walk, SC_STREAM                                                                          \
  }

static const scenario SCENARIOS[] = {
    {"context", sc_nothing, sc_walk_context, 3},
    {"data: floats", sc_nothing, sc_walk_data, BZD_DTYPE_F32},
    {"data: bytes", sc_nothing, sc_walk_data, BZD_DTYPE_U8},
    {"flow: velocity", sc_nothing, sc_walk_flow, BZD_FLOW_VELOCITY},
    {"flow: control", sc_nothing, sc_walk_flow, BZD_FLOW_CONTROL},
    {"flow: endpoint", sc_nothing, sc_walk_flow, BZD_FLOW_ENDPOINT},
    {"flow: callback", sc_nothing, sc_walk_callback_flow, 0},
    {"flow: callback, serialised", sc_nothing, sc_walk_callback_flow, 1},
    {"flow: from another", sc_prepare_teachers, sc_walk_flow_from, 0},
    {"sample: euler", sc_prepare_teachers, sc_walk_solver, BZD_SOLVER_EULER},
    {"sample: midpoint", sc_prepare_teachers, sc_walk_solver, BZD_SOLVER_MIDPOINT},
    {"sample: heun", sc_prepare_teachers, sc_walk_solver, BZD_SOLVER_HEUN},
    {"sample: rk4", sc_prepare_teachers, sc_walk_solver, BZD_SOLVER_RK4},
    {"sample: dopri5", sc_prepare_teachers, sc_walk_solver, BZD_SOLVER_DOPRI5},
    {"sample: control", sc_prepare_teachers, sc_walk_solver, BZD_SOLVER_CONTROL},
    {"sample: dopri5 fixed", sc_prepare_teachers, sc_walk_solver, BZD_SOLVER_DOPRI5_FIXED},
    {"sample: reanchor", sc_prepare_teachers, sc_walk_solver, BZD_SOLVER_REANCHOR},
    {"ensemble: mixture", sc_prepare_ensemble, sc_walk_ensemble, 10 * BZD_COMBINE_MIXTURE + BZD_RULE_UNIFORM},
    {"ensemble: select", sc_prepare_ensemble, sc_walk_ensemble, 10 * BZD_COMBINE_SELECT + BZD_RULE_UNIFORM},
    {"ensemble: endpoint", sc_prepare_ensemble, sc_walk_ensemble, 10 * BZD_COMBINE_ENDPOINT + BZD_RULE_FIXED},
    {"ensemble: velocity, fixed", sc_prepare_ensemble, sc_walk_ensemble, 10 * BZD_COMBINE_VELOCITY + BZD_RULE_FIXED},
    {"weights: uniform", sc_prepare_ensemble, sc_walk_ensemble, 10 * BZD_COMBINE_ANY_VELOCITY + BZD_RULE_UNIFORM},
    {"weights: consensus", sc_prepare_ensemble, sc_walk_ensemble, 10 * BZD_COMBINE_ANY_VELOCITY + BZD_RULE_CONSENSUS},
    {"weights: medoid", sc_prepare_ensemble, sc_walk_ensemble, 10 * BZD_COMBINE_ANY_VELOCITY + BZD_RULE_MEDOID},
    {"weights: error", sc_prepare_ensemble, sc_walk_ensemble, 10 * BZD_COMBINE_ANY_VELOCITY + BZD_RULE_ERROR},
    {"weights: variance", sc_prepare_ensemble, sc_walk_ensemble, 10 * BZD_COMBINE_ANY_VELOCITY + BZD_RULE_VARIANCE},
    {"weights: callback", sc_prepare_ensemble, sc_walk_ensemble, 10 * BZD_COMBINE_ANY_VELOCITY + BZD_RULE_CALLBACK},
    {"fitter", sc_nothing, sc_walk_fitter, 0},
    {"fitter: weighted", sc_nothing, sc_walk_fitter, 1},
    SC_EACH_SOURCE("source: ", sc_nothing, sc_walk_source),
    SC_EACH_SOURCE("train: ", sc_prepare_source, sc_walk_train),
    SC_EACH_SOURCE("run: ", sc_prepare_trainer, sc_walk_run),
    {"checkpoint: flow", sc_prepare_checkpoint, sc_walk_checkpoint, BZD_CHECKPOINT_FLOW},
    {"checkpoint: ensemble", sc_prepare_checkpoint, sc_walk_checkpoint, BZD_CHECKPOINT_ENSEMBLE},
    {"checkpoint: trainer", sc_prepare_checkpoint, sc_walk_checkpoint, BZD_CHECKPOINT_TRAINER},
    {"checkpoint: paths", sc_prepare_checkpoint, sc_walk_checkpoint, BZD_CHECKPOINT_PATHS},
    {"checkpoint: paths made as written", sc_prepare_source, sc_walk_made_paths, SC_ANCHORED},
    {"checkpoint: flow's file", sc_prepare_teachers, sc_walk_flow_file, 0},
    {"tensors: safetensors", sc_nothing, sc_walk_tensors, BZD_FORMAT_SAFETENSORS},
    {"tensors: npy", sc_nothing, sc_walk_tensors, BZD_FORMAT_NPY},
    {"tensors: npz", sc_nothing, sc_walk_tensors, BZD_FORMAT_NPZ},
    {"tensors: npz deflated", sc_nothing, sc_walk_tensors, BZD_FORMAT_NPZ_DEFLATED},
    {"tensors: file", sc_nothing, sc_walk_tensors_file, BZD_FORMAT_NPZ_DEFLATED},
    {"tensors: idx", sc_prepare_idx, sc_walk_idx, 0},
    {"tensors: idx gzipped", sc_prepare_idx, sc_walk_idx, 1},
    {"tensors: flow", sc_prepare_teachers, sc_walk_tensors_flow, 0},
    {"metrics: all", sc_nothing, sc_walk_metrics, BZD_METRIC_ALL},
    {"metrics: assignment", sc_nothing, sc_walk_metrics, BZD_METRIC_W2},
    {"metrics: flow", sc_prepare_teachers, sc_walk_flow_metrics, 0},
    {"metrics: flow and paths", sc_prepare_ensemble, sc_walk_flow_metrics, 1},
    {"grid", sc_prepare_teachers, sc_walk_grid, 0},
    {"grid: of paths", sc_prepare_ensemble, sc_walk_grid, 1},
    {"paths", sc_nothing, sc_walk_paths, 0},
};

static inline void sc_end(world *w) {
  sc_empty(w, 0);
  free(w);
}

/* A world of its own, prepared; NULL when what the scenario starts from cannot be made. */
static inline world *sc_prepared(const scenario *s, host *h, const bzd_context *context) {
  world *w = calloc(1, sizeof *w);
  assert_non_null(w);
  w->context = context;
  w->host = h;
  if (s->prepare(w, s->which) == BZD_OK) return w;
  sc_end(w);
  return NULL;
}

/* Walks, and gives back what the walk made. */
static inline bzd_status sc_walk(const scenario *s, world *w) {
  const int before = w->made;
  w->hash = 0;
  bzd_status status = s->walk(w, s->which);
  sc_empty(w, before);
  return status;
}

enum { SCENARIO_COUNT = sizeof SCENARIOS / sizeof *SCENARIOS };

#endif
