/* SPDX-License-Identifier: MIT */
/* Config structs with fields of the input's: enumerations and numbers out of range, NaN, wrong sizes. Each is refused
 * with a text, or makes an object that works. What is valid but large is made small, so that an input is cheap. */
#include "../look.h"

enum { NUMBERS = 4096 };
static float floats[NUMBERS];
static double doubles[NUMBERS];
static int32_t labels[NUMBERS];

/* One field in four is the input's, the others keep their defaults. */
#define I32(field) ((void)(input_u8(in) % 4 == 0 && ((field) = input_i32(in), 1)))
#define I64(field) ((void)(input_u8(in) % 4 == 0 && ((field) = input_i64(in), 1)))
#define U64(field) ((void)(input_u8(in) % 4 == 0 && ((field) = input_u64(in), 1)))
#define F64(field) ((void)(input_u8(in) % 4 == 0 && ((field) = input_f64(in), 1)))
#define ARRAY(field, array) ((void)(input_u8(in) % 4 == 0 && ((field) = (array), 1)))
#define SMALL(field, most, valid) ((void)((field) > (most) && (field) <= (valid) && ((field) = (most), 1)))

static void fill(input *in) {
  uint8_t kind = input_u8(in);
  for (int i = 0; i < NUMBERS; i++) {
    floats[i] = kind % 4 == 3 ? -1 : 1;
    doubles[i] = kind % 4 == 2 ? (double)i / 16 : 1;
    labels[i] = i % 3;
  }
  for (int i = 0; i < 3; i++) {
    floats[input_u8(in) % 16] = (float)input_f64(in);
    doubles[input_u8(in) % 16] = input_f64(in);
    labels[input_u8(in) % 16] = input_i32(in);
  }
}

/* Now and then another struct_size, of the room that there is at most: what lies beyond it is read, too. */
static void size_of(input *in, uint32_t *size) {
  uint32_t room = *size;
  if (input_u8(in) < 4) *size = (uint32_t)input_i64(in);
  if (*size > room) *size = room;
}

#define SIZE(config) size_of(in, &(config).struct_size)

static void flows(input *in) {
  bzd_flow_config config;
  bzd_flow *flow, *student;
  OK(bzd_flow_config_init(&config, sizeof config));
  config.dim = 1 + input_u8(in) % 4;
  config.width = 4;
  config.time_features = 2;
  SIZE(config);
  I32(config.kind), I32(config.degree), I32(config.layers), I32(config.time_features), I32(config.item_ndim);
  I64(config.dim), I64(config.cond_dim), I64(config.width);
  for (int i = 0; i < 4; i++) I64(config.item_shape[i]);
  SMALL(config.width, 64, 65536);
  SMALL(config.dim, NUMBERS, 1 << 20);
  SMALL(config.cond_dim, NUMBERS, 1 << 20);
  SMALL(config.time_features, 64, 1024);
  U64(config.seed);
  ARRAY(config.scale, floats);
  ARRAY(config.offset, floats);
  bzd_status status = bzd_flow_create(fuzz_context(), &config, &flow);
  SANE(status);
  CHECK((flow != NULL) == (status == BZD_OK));
  if (!flow) return;
  look_flow(flow);
  SANE(bzd_flow_create_from(flow, input_i32(in), input_i32(in), &student));
  bzd_flow_destroy(student);
  bzd_flow_destroy(flow);
}

/* What configs name, made when an input needs it; objects keep workspaces, so it goes with the input. */
static struct {
  bzd_flow *flow[4];
  bzd_source *source;
  bzd_ensemble *ensemble;
  bzd_fitter *fitter;
  bzd_data *rows;
} made;

static bzd_flow *the_flow(int32_t kind) {
  if (!made.flow[kind]) made.flow[kind] = fuzz_flow(fuzz_context(), kind, 2, 0);
  return made.flow[kind];
}
static bzd_source *the_source(void) {
  if (!made.source) made.source = fuzz_source(fuzz_context());
  return made.source;
}

static void drop(void) {
  for (int i = 0; i < 4; i++) bzd_flow_destroy(made.flow[i]);
  bzd_source_destroy(made.source);
  bzd_ensemble_destroy(made.ensemble);
  bzd_fitter_destroy(made.fitter);
  bzd_data_destroy(made.rows);
  memset(&made, 0, sizeof made);
}

static void samples(input *in) {
  bzd_sample_config config;
  bzd_sample_result result = {.struct_size = sizeof result};
  float out[8 * FUZZ_DIM];
  double times[4] = {0, 0.25, 0.5, 1};
  float states[8 * 4 * FUZZ_DIM];
  OK(bzd_sample_config_init(&config, sizeof config));
  SIZE(config);
  I32(config.solver), I32(config.steps), I32(config.grid_count), I32(config.units), I32(config.reserved);
  F64(config.t0), F64(config.t1), F64(config.rtol), F64(config.atol), F64(config.guidance), F64(config.renoise);
  I64(config.max_steps), I64(config.first_index);
  U64(config.seed);
  ARRAY(config.grid, doubles);
  SMALL(config.steps, 40, 1000000);
  SMALL(config.grid_count, 40, 1000001);
  SMALL(config.max_steps, 100, (int64_t)1 << 40);
  bzd_flow *flow = the_flow(1 + input_u8(in) % 3);
  int64_t n = input_u8(in) % 8;
  SANE(bzd_flow_sample(flow, &config, n, NULL, NULL, out, &result));
  times[0] = config.t0, times[3] = config.t1;
  SANE(bzd_flow_trajectory(flow, &config, n, NULL, NULL, 4, times, states, NULL));
}

static void data(input *in) {
  bzd_data_config config;
  bzd_data *object;
  float x[FUZZ_MOST_DIM], cond[NUMBERS];
  OK(bzd_data_config_init(&config, sizeof config));
  config.n = 4, config.dim = 2;
  SIZE(config);
  config.rows = floats;
  I32(config.dtype), I32(config.copy), I32(config.classes), I32(config.normalise), I32(config.item_ndim);
  I64(config.n), I64(config.dim), I64(config.row_stride), I64(config.cond_dim);
  for (int i = 0; i < 4; i++) I64(config.item_shape[i]);
  ARRAY(config.labels, labels);
  ARRAY(config.cond, floats);
  ARRAY(config.scale, floats);
  ARRAY(config.offset, floats);
  SMALL(config.dim, 16, 1 << 20);
  SMALL(config.n, 16, (int64_t)1 << 40);
  SMALL(config.cond_dim, 16, INT64_MAX);
  SMALL(config.row_stride, 32, INT64_MAX);
  bzd_status status = bzd_data_create(fuzz_context(), &config, &object);
  SANE(status);
  CHECK((object != NULL) == (status == BZD_OK));
  bzd_data_info info = {.struct_size = sizeof info};
  if (object) {
    OK(bzd_data_get_info(object, &info));
    if (info.cond_dim <= NUMBERS) SANE(bzd_data_get_rows(object, input_i64(in), input_u8(in) % 2, x, cond));
    bzd_source *source;
    SANE(bzd_source_create_data(object, NULL, 1, &source));
    if (source) look_source(source);
    bzd_source_destroy(source);
  }
  bzd_data_destroy(object);
}

static void fitters(input *in) {
  bzd_fitter_config config;
  bzd_fitter *fitter;
  static float states[NUMBERS], paths[NUMBERS];
  double residual[1];
  OK(bzd_fitter_config_init(&config, sizeof config));
  SIZE(config);
  I32(config.degree), I32(config.nodes), I32(config.reserved);
  SMALL(config.nodes, 64, 4096);
  ARRAY(config.times, doubles);
  ARRAY(config.weights, doubles + input_u8(in) % 16);
  F64(config.ridge);
  bzd_status status = bzd_fitter_create(fuzz_context(), &config, &fitter);
  SANE(status);
  CHECK((fitter != NULL) == (status == BZD_OK));
  if (fitter) SANE(bzd_fitter_fit(fitter, 1, 2, states, paths, residual));
  bzd_fitter_destroy(fitter);
}

static void ensembles(input *in) {
  bzd_ensemble_config config;
  bzd_ensemble *ensemble;
  const bzd_flow *teachers[4];
  bzd_source *source = the_source();
  OK(bzd_ensemble_config_init(&config, sizeof config));
  SIZE(config);
  I32(config.combine), I32(config.rule), I32(config.bins), I32(config.reserved), I32(config.reserved2);
  F64(config.temperature);
  I64(config.validation_count);
  U64(config.seed);
  ARRAY(config.fixed, doubles);
  ARRAY(config.guidance, doubles);
  ARRAY(config.validation, source);
  SMALL(config.validation_count, 32, INT64_MAX);
  for (int i = 0; i < 4; i++) teachers[i] = the_flow(1 + input_u8(in) % 3);
  bzd_status status = bzd_ensemble_create(fuzz_context(), &config, 1 + input_u8(in) % 4, teachers, &ensemble);
  SANE(status);
  CHECK((ensemble != NULL) == (status == BZD_OK));
  if (ensemble) look_ensemble(ensemble);
  bzd_ensemble_destroy(ensemble);
}

static void trainers(input *in) {
  bzd_trainer_config config;
  bzd_trainer *trainer;
  double loss;
  bzd_source *source = the_source();
  OK(bzd_trainer_config_init(&config, sizeof config));
  config.batch = 4;
  config.steps = 4;
  SIZE(config);
  I32(config.loss), I32(config.time), I32(config.grid_steps);
  I64(config.steps), I64(config.batch), I64(config.warmup);
  F64(config.rate), F64(config.final_rate), F64(config.beta1), F64(config.beta2), F64(config.epsilon);
  F64(config.weight_decay), F64(config.clip), F64(config.ema), F64(config.huber_c), F64(config.u_shape);
  F64(config.logit_mean), F64(config.logit_std), F64(config.at_zero), F64(config.at_grid), F64(config.one_step);
  F64(config.endpoint_weight), F64(config.consistency), F64(config.cond_dropout);
  U64(config.seed);
  SMALL(config.batch, 32, 1 << 20);
  if (input_u8(in) % 4 == 0) SANE(bzd_trainer_config_aim(&config, input_i32(in), input_i32(in)));
  bzd_status status = bzd_trainer_create(the_flow(1 + input_u8(in) % 3), source, &config, &trainer);
  SANE(status);
  CHECK((trainer != NULL) == (status == BZD_OK));
  if (trainer) {
    look_trainer(trainer);
    SANE(bzd_trainer_evaluate(trainer, NULL, input_i64(in), 2, input_i32(in), &loss));
  }
  bzd_trainer_destroy(trainer);
}

static void ensemble_sources(input *in) {
  bzd_ensemble_source_config config;
  bzd_source *source;
  const bzd_flow *guides[2] = {the_flow(BZD_FLOW_CONTROL), the_flow(BZD_FLOW_ENDPOINT)};
  if (!made.ensemble) {
    bzd_fitter_config fit;
    OK(bzd_fitter_config_init(&fit, sizeof fit));
    fit.nodes = 5;
    OK(bzd_fitter_create(fuzz_context(), &fit, &made.fitter));
    made.ensemble = fuzz_ensemble(fuzz_context(), BZD_COMBINE_MIXTURE, BZD_RULE_UNIFORM);
    made.rows = fuzz_data(fuzz_context(), 0);
  }
  OK(bzd_ensemble_source_config_init(&config, sizeof config));
  config.steps = 2;
  SIZE(config);
  I32(config.guide), I32(config.solver), I32(config.steps), I32(config.visit_steps), I32(config.windows);
  F64(config.guide_times[0]), F64(config.guide_times[1]), F64(config.rho), F64(config.rtol), F64(config.atol);
  F64(config.tolerance);
  I64(config.cond_count);
  U64(config.seed);
  ARRAY(config.start, made.rows);
  ARRAY(config.real, made.rows);
  ARRAY(config.cond, floats);
  ARRAY(config.guides, guides);
  ARRAY(config.visitor, the_flow(BZD_FLOW_CONTROL));
  SMALL(config.steps, 8, 1000000);
  SMALL(config.cond_count, 16, INT64_MAX);
  bzd_status status = bzd_source_create_ensemble(made.ensemble, made.fitter, &config, &source);
  SANE(status);
  CHECK((source != NULL) == (status == BZD_OK));
  float paths[9 * FUZZ_DIM], span[2];
  if (source) SANE(bzd_source_get_paths(source, input_i64(in), 1, paths, NULL, span));
  bzd_source_destroy(source);
}

static void grids(input *in) {
  bzd_grid_config config;
  double grid[257], error;
  OK(bzd_grid_config_init(&config, sizeof config));
  config.rows = 16;
  config.candidates = 8;
  SIZE(config);
  I32(config.steps), I32(config.candidates), I32(config.reserved);
  I64(config.rows);
  U64(config.seed);
  SMALL(config.rows, 16, 1 << 20);
  SMALL(config.candidates, 16, 256);
  SANE(bzd_flow_choose_grid(the_flow(1 + input_u8(in) % 3), &config, grid, &error));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static void (*const kinds[])(input *) = {flows, samples, data, fitters, ensembles, trainers, ensemble_sources, grids};
  enum { KINDS = sizeof kinds / sizeof *kinds };
  input in = {bytes, size};
  size_t live = (fuzz_context(), fuzz_host.live);
  uint8_t kind = input_u8(&in) % KINDS;
  fill(&in);
  kinds[kind](&in);
  drop();
  CHECK(fuzz_host.live == live);
  return 0;
}
