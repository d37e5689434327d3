/* SPDX-License-Identifier: MIT */
/* Every config filled from the input: enums out of range, NaN, sizes that cannot be. Each is refused with a text, or
 * gives an object that a little is done with. Arrays that a config counts are given only where the count is theirs. */
#include "../models.h"

enum { ROOM = 4096 };
static float floats[ROOM];
static double doubles[ROOM];
static int32_t labels[ROOM];

/* What must be set for the rest to matter, most of the time. */
static int64_t small(input *in, int64_t most) {
  uint8_t kind = input_u8(in);
  return kind < 240 ? 1 + kind % most : input_i64(in);
}
static int64_t from_0(input *in, int64_t most) {
  uint8_t kind = input_u8(in);
  return kind < 240 ? kind % most : input_i64(in);
}
/* NULL, or the array when it has at least count numbers; a count that no array could have must be refused. */
static const void *array(input *in, const void *values, int64_t count) {
  if (input_u8(in) % 4 == 0) return NULL;
  return count <= ROOM ? values : NULL;
}
static void fill(input *in) {
  for (int i = 0; i < 32; i++) {
    doubles[i] = input_f64(in);
    floats[i] = (float)input_f64(in);
    labels[i] = input_i32(in);
  }
}
/* Of a struct that was never initialised, or of another version. */
static uint32_t struct_size(input *in, uint32_t size) {
  uint8_t kind = input_u8(in);
  return kind < 250 ? size : kind < 253 ? size - 8 : kind == 253 ? 0 : kind == 254 ? 7 : 4097;
}

#define CREATED(status, object)                                                                                        \
  do {                                                                                                                 \
    SANE(status);                                                                                                      \
    CHECK(((status) == BZD_OK) == ((object) != NULL));                                                                 \
  } while (0)

static void flow(input *in) {
  bzd_flow_config c;
  bzd_flow *flow;
  OK(bzd_flow_config_init(&c, sizeof c));
  c.struct_size = struct_size(in, sizeof c);
  c.kind = (int32_t)small(in, 3);
  c.degree = (int32_t)small(in, 16);
  c.layers = (int32_t)small(in, 3);
  c.dim = small(in, 8);
  c.cond_dim = from_0(in, 4);
  c.width = small(in, 16);
  c.time_features = (int32_t)small(in, 8);
  c.item_ndim = (int32_t)from_0(in, 5);
  for (int i = 0; i < 4; i++) c.item_shape[i] = small(in, 3);
  c.seed = input_u64(in);
  fill(in);
  c.scale = array(in, floats, c.dim);
  c.offset = array(in, floats, c.dim);
  c.skip = (int32_t)from_0(in, 2);
  bzd_status status = bzd_flow_create(fuzz_context(), &c, &flow);
  CREATED(status, flow);
  if (flow) {
    bzd_flow_info info = {.struct_size = struct_size(in, sizeof info)};
    SANE(bzd_flow_get_info(flow, &info));
    bzd_flow *student;
    status = bzd_flow_create_from(flow, (int32_t)small(in, 3), (int32_t)small(in, 16), &student);
    CREATED(status, student);
    bzd_flow_destroy(student);
  }
  bzd_flow_destroy(flow);
}

static void sample(input *in) {
  static bzd_flow *flows[3];
  float out[3 * 3 * FUZZ_DIM];
  bzd_sample_config c;
  bzd_sample_result result = {.struct_size = struct_size(in, sizeof result)};
  for (int32_t i = 0; i < 3; i++)
    if (!flows[i]) flows[i] = fuzz_flow(NULL, i + 1, 2, 0);
  OK(bzd_sample_config_init(&c, sizeof c));
  c.struct_size = struct_size(in, sizeof c);
  c.solver = (int32_t)from_0(in, 9);
  c.steps = (int32_t)from_0(in, 8);
  if (c.steps > 64 && c.steps <= 1000000) c.steps = 64; /* valid, but not worth the time */
  fill(in);
  if (input_u8(in) % 4 == 0) {
    c.grid_count = (int32_t)small(in, 8);
    c.grid = array(in, doubles, c.grid_count);
    if (c.grid_count > ROOM) c.grid = NULL;
    doubles[0] = 0;
  }
  if (input_u8(in) % 2) c.t0 = input_f64(in), c.t1 = input_f64(in);
  if (input_u8(in) % 2) c.rtol = input_f64(in), c.atol = input_f64(in);
  c.max_steps = small(in, 50);
  if (c.max_steps > 100 && c.max_steps <= (INT64_C(1) << 40)) c.max_steps = 100;
  if (input_u8(in) % 4 == 0) c.guidance = input_f64(in);
  c.seed = input_u64(in);
  c.first_index = small(in, 100);
  c.units = (int32_t)from_0(in, 3);
  c.reserved = input_u8(in) > 250;
  if (input_u8(in) % 2) c.renoise = input_f64(in);
  const bzd_flow *flow = flows[input_u8(in) % 3];
  if (input_u8(in) % 2)
    SANE(bzd_flow_sample(flow, &c, 2, NULL, NULL, out, &result));
  else
    SANE(bzd_flow_trajectory(flow, &c, 2, NULL, NULL, 2 + input_u8(in) % 2, doubles, out, &result));
}

static void data(input *in) {
  bzd_data_config c;
  bzd_data *data;
  OK(bzd_data_config_init(&c, sizeof c));
  c.struct_size = struct_size(in, sizeof c);
  fill(in);
  if (input_u8(in) % 2)
    for (int i = 0; i < 32; i++) labels[i] &= 3, floats[i] = isfinite(floats[i]) ? floats[i] : 0;
  c.dtype = (int32_t)small(in, 2);
  c.n = small(in, 16);
  c.dim = small(in, 8);
  c.row_stride = from_0(in, 10);
  c.cond_dim = from_0(in, 4);
  c.classes = (int32_t)from_0(in, 6);
  int64_t stride = c.row_stride ? c.row_stride : c.dim;
  int fits = c.n <= 64 && stride <= 32 && c.dim <= 32 && c.cond_dim <= 32;
  if (fits) {
    c.rows = array(in, floats, 1);
    c.labels = array(in, labels, 1);
    c.cond = input_u8(in) % 2 ? floats : NULL;
    c.scale = array(in, floats, c.dim);
    c.offset = array(in, floats, c.dim);
  } else if (c.n > 0 && c.dim > 0 && input_u8(in) % 2 && (c.n > (INT64_C(1) << 40) || c.dim > 1 << 20)) {
    c.rows = floats; /* refused before it is read */
  }
  c.copy = (int32_t)from_0(in, 2);
  c.normalise = (int32_t)from_0(in, 4);
  c.item_ndim = (int32_t)from_0(in, 4);
  for (int i = 0; i < 4; i++) c.item_shape[i] = small(in, 3);
  bzd_status status = bzd_data_create(fuzz_context(), &c, &data);
  CREATED(status, data);
  if (data) {
    float x[32];
    if (c.dim <= 32) OK(bzd_data_get_rows(data, c.n - 1, 1, x, NULL));
  }
  bzd_data_destroy(data);
}

static void fitter(input *in) {
  bzd_fitter_config c;
  bzd_fitter *fitter;
  OK(bzd_fitter_config_init(&c, sizeof c));
  c.struct_size = struct_size(in, sizeof c);
  fill(in);
  c.degree = (int32_t)small(in, 6);
  c.nodes = (int32_t)small(in, 16);
  c.reserved = input_u8(in) > 250;
  if (input_u8(in) % 2 && c.nodes >= 2 && c.nodes <= 32) {
    doubles[0] = 0, doubles[c.nodes - 1] = 1;
    c.times = doubles;
  }
  c.weights = array(in, doubles + 32, c.nodes);
  for (int i = 0; i < 32; i++) doubles[32 + i] = input_f64(in);
  if (input_u8(in) % 2) c.ridge = input_f64(in);
  bzd_status status = bzd_fitter_create(fuzz_context(), &c, &fitter);
  CREATED(status, fitter);
  if (fitter && c.nodes <= 64) {
    float states[64], paths[20];
    memcpy(states, floats, sizeof states);
    SANE(bzd_fitter_fit(fitter, 1, 1, states, paths, NULL));
  }
  bzd_fitter_destroy(fitter);
}

static void trainer(input *in) {
  static bzd_flow *students[3];
  static bzd_source *source;
  bzd_trainer_config c;
  bzd_trainer *trainer;
  if (!source) source = fuzz_source(NULL);
  for (int32_t i = 0; i < 3; i++)
    if (!students[i]) students[i] = fuzz_flow(fuzz_context(), i + 1, 2, 0);
  OK(bzd_trainer_config_init(&c, sizeof c));
  int32_t kind = (int32_t)small(in, 3);
  if (input_u8(in) % 4 == 0) SANE(bzd_trainer_config_aim(&c, kind, input_i32(in)));
  c.struct_size = struct_size(in, sizeof c);
  c.loss = (int32_t)small(in, 3);
  c.steps = small(in, 4);
  c.batch = small(in, 8);
  double *fields[] = {&c.rate,    &c.final_rate, &c.beta1,    &c.beta2,           &c.epsilon,     &c.weight_decay,
                      &c.clip,    &c.ema,        &c.huber_c,  &c.u_shape,         &c.logit_mean,  &c.logit_std,
                      &c.at_zero, &c.at_grid,    &c.one_step, &c.endpoint_weight, &c.consistency, &c.cond_dropout};
  for (int k = input_u8(in) % 4; k > 0; k--) {
    double *field = fields[input_u8(in) % 18];
    *field = input_f64(in);
  }
  c.warmup = from_0(in, 4);
  c.time = (int32_t)small(in, 4);
  c.grid_steps = (int32_t)small(in, 8);
  c.seed = input_u64(in);
  const bzd_flow *student = students[input_u8(in) % 3];
  bzd_status status = bzd_trainer_create(student, source, &c, &trainer);
  CREATED(status, trainer);
  if (trainer && c.batch <= 64) {
    double loss;
    status = bzd_trainer_run(trainer, 2, NULL, NULL);
    SANE(status);
    SANE(bzd_trainer_evaluate(trainer, NULL, small(in, 8), small(in, 4) & 63, (int32_t)from_0(in, 3), &loss));
  }
  bzd_trainer_destroy(trainer);
}

static void grid(input *in) {
  static bzd_flow *flow;
  bzd_grid_config c;
  double grid[257], error;
  if (!flow) flow = fuzz_flow(NULL, BZD_FLOW_CONTROL, 2, 0);
  OK(bzd_grid_config_init(&c, sizeof c));
  c.struct_size = struct_size(in, sizeof c);
  c.steps = (int32_t)small(in, 4);
  c.candidates = (int32_t)small(in, 8);
  if (c.candidates > 16 && c.candidates <= 256) c.candidates = 16;
  c.reserved = input_u8(in) > 250;
  c.rows = small(in, 3);
  if (c.rows < 4) c.rows += 15;
  if (c.rows > 32 && c.rows <= 1 << 20) c.rows = 32;
  c.seed = input_u64(in);
  SANE(bzd_flow_choose_grid(flow, &c, grid, &error));
}

static void ensemble(input *in) {
  static bzd_flow *flows[3];
  static bzd_source *validation;
  bzd_ensemble_config c;
  bzd_ensemble *ensemble;
  for (int32_t i = 0; i < 3; i++)
    if (!flows[i]) flows[i] = fuzz_flow(NULL, BZD_FLOW_VELOCITY, 1, 0);
  if (!validation) validation = fuzz_source(NULL);
  const bzd_flow *teachers[3] = {flows[0], flows[1], flows[2]};
  OK(bzd_ensemble_config_init(&c, sizeof c));
  c.struct_size = struct_size(in, sizeof c);
  fill(in);
  c.combine = (int32_t)small(in, 5);
  c.rule = (int32_t)small(in, 7);
  c.reserved = input_u8(in) > 250;
  c.fixed = array(in, doubles, 3);
  c.guidance = input_u8(in) % 4 ? NULL : doubles + 3;
  c.validation = input_u8(in) % 4 ? validation : NULL;
  c.validation_count = small(in, 4);
  if (c.validation_count < 5) c.validation_count += 15;
  if (c.validation_count > 64 && c.validation_count <= (INT64_C(1) << 31)) c.validation_count = 64;
  c.bins = (int32_t)small(in, 8);
  if (input_u8(in) % 2) c.temperature = input_f64(in);
  c.seed = input_u64(in);
  int64_t count = input_u8(in) > 250 ? 0 : 1 + input_u8(in) % 3;
  bzd_status status = bzd_ensemble_create(fuzz_context(), &c, count, teachers, &ensemble);
  CREATED(status, ensemble);
  if (ensemble) {
    float x[2] = {0.5f, 1}, t = 0.5f, v[2];
    double weights[3];
    SANE(bzd_ensemble_get_weights(ensemble, input_f64(in), weights));
    SANE(bzd_ensemble_velocity(ensemble, 1, small(in, 3), x, &t, NULL, v, weights));
  }
  bzd_ensemble_destroy(ensemble);
}

static void ensemble_source(input *in) {
  static bzd_ensemble *ensemble;
  static bzd_fitter *fitters[3];
  static bzd_data *rows;
  static bzd_flow *visitor;
  bzd_ensemble_source_config c;
  bzd_source *source;
  if (!ensemble) {
    bzd_fitter_config fc;
    OK(bzd_fitter_config_init(&fc, sizeof fc));
    fc.nodes = 5;
    for (int i = 0; i < 3; i++) fc.degree = 1 + i, (void)bzd_fitter_create(NULL, &fc, &fitters[i]);
    ensemble = fuzz_ensemble(NULL, BZD_COMBINE_VELOCITY, BZD_RULE_UNIFORM);
    rows = fuzz_data(NULL, 0);
    visitor = fuzz_flow(NULL, BZD_FLOW_ENDPOINT, 1, 0);
  }
  const bzd_flow *guides[2] = {visitor, visitor};
  OK(bzd_ensemble_source_config_init(&c, sizeof c));
  c.struct_size = struct_size(in, sizeof c);
  c.guide = (int32_t)from_0(in, 3);
  if (input_u8(in) % 2) c.guide_times[0] = input_f64(in), c.guide_times[1] = input_f64(in);
  c.seed = input_u64(in);
  c.start = input_u8(in) % 2 ? rows : NULL;
  c.real = input_u8(in) % 2 ? rows : NULL;
  if (input_u8(in) % 2) c.rho = input_f64(in);
  c.solver = (int32_t)from_0(in, 9);
  c.steps = (int32_t)small(in, 4);
  if (c.steps > 16 && c.steps <= 1000000) c.steps = 16;
  if (input_u8(in) % 4 == 0) c.rtol = input_f64(in);
  if (input_u8(in) % 4 == 0) c.atol = input_f64(in);
  if (c.rtol < 1e-5) c.rtol = c.rtol >= 1e-9 ? 1e-5 : c.rtol; /* valid, but not worth the time */
  c.guides = input_u8(in) % 4 == 0 ? guides : NULL;
  c.visitor = input_u8(in) % 4 == 0 ? visitor : NULL;
  c.visit_steps = (int32_t)small(in, 4);
  if (c.visit_steps > 16 && c.visit_steps <= 1024) c.visit_steps = 16;
  c.windows = (int32_t)small(in, 3);
  if (input_u8(in) % 32 == 0) c.tolerance = input_f64(in);
  bzd_status status = bzd_source_create_ensemble(ensemble, fitters[input_u8(in) % 3], &c, &source);
  CREATED(status, source);
  if (source) {
    float paths[4 * FUZZ_DIM];
    int64_t first = from_0(in, 20);
    SANE(bzd_source_get_paths(source, first, 1, paths, NULL, NULL));
  }
  bzd_source_destroy(source);
}

static void limits(input *in) {
  bzd_limits c;
  bzd_checkpoint *checkpoint;
  static unsigned char file[8192];
  static size_t size;
  if (size == 0) {
    bzd_flow *flow = fuzz_flow(NULL, BZD_FLOW_VELOCITY, 1, 0);
    OK(bzd_checkpoint_from_flow(flow, &checkpoint));
    OK(bzd_checkpoint_write_buffer(checkpoint, file, sizeof file, &size));
    bzd_checkpoint_destroy(checkpoint);
    bzd_flow_destroy(flow);
  }
  OK(bzd_limits_init(&c, sizeof c));
  c.struct_size = struct_size(in, sizeof c);
  c.reserved = input_u8(in) > 250;
  c.max_file = (uint64_t)input_i64(in) * 64;
  c.max_raw = (uint64_t)input_i64(in) * 64;
  c.max_index = (uint64_t)input_i64(in) * 64;
  c.max_tensors = input_i64(in);
  c.max_meta = input_i64(in);
  bzd_status status = bzd_checkpoint_open_buffer(fuzz_context(), file, size, &c, &checkpoint);
  CREATED(status, checkpoint);
  if (checkpoint) {
    bzd_checkpoint_info info = {.struct_size = sizeof info};
    OK(bzd_checkpoint_get_info(checkpoint, &info));
    if (c.struct_size == sizeof c) {
      CHECK(c.max_file == 0 || c.max_file >= size);
      CHECK(c.max_raw == 0 || c.max_raw >= info.raw_bytes);
      CHECK(c.max_tensors == 0 || c.max_tensors >= info.tensors);
      CHECK(c.max_meta == 0 || c.max_meta >= info.metadata);
    }
  }
  bzd_checkpoint_destroy(checkpoint);
}

static void metrics(input *in) {
  bzd_metrics_config c;
  bzd_metrics_result result = {.struct_size = struct_size(in, sizeof result)};
  fill(in);
  OK(bzd_metrics_config_init(&c, sizeof c));
  c.struct_size = struct_size(in, sizeof c);
  c.which = input_u8(in) % 8 ? input_u8(in) % 128u : (uint32_t)input_i64(in);
  c.directions = (int32_t)small(in, 8);
  if (c.directions > 64 && c.directions <= 65536) c.directions = 64;
  c.neighbours = (int32_t)small(in, 4);
  c.seed = input_u64(in);
  SANE(bzd_metrics_compare(fuzz_context(), &c, 2, 8 + input_u8(in) % 3, floats, 8, floats + 4, &result));
}

/* Not the process's own pool of threads: a context of one thread or of the host's scheduler. */
static void context(input *in) {
  bzd_context_config c;
  bzd_context *context;
  OK(bzd_context_config_init(&c, sizeof c));
  c.struct_size = struct_size(in, sizeof c);
  c.threads = input_i32(in);
  uint8_t bits = input_u8(in);
  c.parallel_for = fuzz_parallel;
  c.alloc = bits & 1 ? fuzz_alloc : NULL;
  c.free = bits & 2 ? fuzz_free : NULL;
  c.alloc_user = &fuzz_host;
  bzd_status status = bzd_context_create(&c, &context);
  CREATED(status, context);
  if (context) {
    bzd_flow *flow = fuzz_flow(context, BZD_FLOW_VELOCITY, 1, 0);
    float out[5 * FUZZ_DIM];
    SANE(bzd_flow_sample(flow, NULL, 5, NULL, NULL, out, NULL));
    bzd_context_destroy(context);
    bzd_flow_destroy(flow);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static void (*const configs[])(input *) = {flow,     sample,          data,   fitter,  trainer, grid,
                                             ensemble, ensemble_source, limits, metrics, context};
  input in = {bytes, size};
  static int started;
  uint8_t kind = input_u8(&in) % (sizeof configs / sizeof *configs);
  if (!started++) { /* what targets keep for ever */
    input none = {NULL, 0};
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) configs[i](&none);
  }
  size_t live = (fuzz_context(), fuzz_host.live);
  configs[kind](&in);
  CHECK(fuzz_host.live == live);
  return 0;
}
