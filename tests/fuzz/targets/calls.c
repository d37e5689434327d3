/* SPDX-License-Identifier: MIT */
/* Random sequences of calls: the input is a program over the public functions and a few slots of handles. Handles that
 * are NULL or of another kind must give a failure, outputs must be there exactly when the status is 0, and when all
 * slots are destroyed, in any order, nothing is left. */
#include "../models.h"

enum { DATA, FLOW, ENSEMBLE, FITTER, SOURCE, TRAINER, CHECKPOINT, TENSORS, KINDS, SLOTS = 3, ROOM = 1 << 16 };

typedef struct machine {
  input in;
  void *slot[KINDS][SLOTS];
  int bad; /* an argument of this call is no good handle */
} machine;

static float floats[1024], out[4096];
static double doubles[64];
static unsigned char bytes[ROOM];
static size_t stored;

/* A handle of this kind; now and then of another, NULL, or something that was one. */
static void *take(machine *m, int kind) {
  static uint64_t scrubbed[32];
  uint8_t how = input_u8(&m->in);
  void *handle = m->slot[kind][how % SLOTS];
  if (how >= 248) handle = m->slot[(kind + 1 + how % (KINDS - 1)) % KINDS][how % SLOTS], m->bad = 1;
  if (how == 247) handle = scrubbed;
  if (how == 247 || !handle) m->bad = 1;
  return handle;
}
/* The same where NULL is allowed. */
static void *take_optional(machine *m, int kind) {
  int bad = m->bad;
  void *handle = input_u8(&m->in) % 2 ? take(m, kind) : NULL;
  if (!handle) m->bad = bad;
  return handle;
}

/* The context; now and then something else. */
static const bzd_context *context(machine *m) {
  if (input_u8(&m->in) < 248) return fuzz_context();
  const void *other = m->slot[input_u8(&m->in) % KINDS][0];
  if (other) m->bad = 1; /* NULL is a context */
  return other;
}

static void done(machine *m, bzd_status status) {
  SANE(status);
  CHECK(!(m->bad && status == BZD_OK));
}

static void destroy(int kind, void *handle) {
  switch (kind) {
  case DATA: bzd_data_destroy(handle); break;
  case FLOW: bzd_flow_destroy(handle); break;
  case ENSEMBLE: bzd_ensemble_destroy(handle); break;
  case FITTER: bzd_fitter_destroy(handle); break;
  case SOURCE: bzd_source_destroy(handle); break;
  case TRAINER: bzd_trainer_destroy(handle); break;
  case CHECKPOINT: bzd_checkpoint_destroy(handle); break;
  default: bzd_tensors_destroy(handle);
  }
}

/* The status of a call that makes a handle; the slot's old one goes. */
static void made(machine *m, int kind, bzd_status status, void *handle) {
  done(m, status);
  CHECK((handle != NULL) == (status == BZD_OK));
  if (!handle) return;
  uint8_t at = input_u8(&m->in) % SLOTS;
  destroy(kind, m->slot[kind][at]);
  m->slot[kind][at] = handle;
}

/* Rows that the arrays have, or a number that must be refused. */
static int64_t rows(machine *m) {
  uint8_t how = input_u8(&m->in);
  if (how < 250) return how % 4;
  m->bad = 1;
  return how % 2 ? -1 : INT64_MAX;
}

#define MAKE(kind, type, call)                                                                                         \
  do {                                                                                                                 \
    type *object;                                                                                                      \
    bzd_status made_status = (call);                                                                                   \
    made(m, kind, made_status, object);                                                                                \
  } while (0)

/* Dimensions of what a flow, source or data set has; 0 where the handle is bad. */
static bzd_flow_info flow_info(machine *m, const bzd_flow *flow) {
  bzd_flow_info info = {.struct_size = sizeof info};
  done(m, bzd_flow_get_info(flow, &info));
  return info;
}

static void make_data(machine *m) {
  bzd_data_config c;
  static const int32_t labels[8] = {0, 1, 1, 0, 1, 0, 0, 1};
  OK(bzd_data_config_init(&c, sizeof c));
  c.rows = floats;
  c.n = 1 + input_u8(&m->in) % 8;
  c.dim = 1 + input_u8(&m->in) % 3;
  uint8_t bits = input_u8(&m->in);
  if (bits & 1) c.labels = labels, c.classes = 2;
  c.normalise = bits / 2 % 3;
  c.copy = bits / 8 % 2;
  MAKE(DATA, bzd_data, bzd_data_create(context(m), &c, &object));
}

static int32_t velocity(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                        const float *cond, float *v) {
  (void)user, (void)t, (void)cond_dim, (void)cond;
  for (int64_t i = 0; i < n * dim; i++) v[i] = 1 - x[i];
  return 0;
}

static void make_flow(machine *m) {
  bzd_flow_config c;
  OK(bzd_flow_config_init(&c, sizeof c));
  uint8_t bits = input_u8(&m->in);
  c.kind = 1 + bits % 3;
  c.degree = 1 + bits / 3 % 3;
  c.dim = 1 + input_u8(&m->in) % 3;
  c.cond_dim = input_u8(&m->in) % 4 == 0 ? 2 : 0;
  c.layers = 1;
  c.width = 3;
  c.time_features = 2;
  if (bits >= 250)
    MAKE(FLOW, bzd_flow, bzd_flow_create_callback(context(m), &c, velocity, NULL, bits % 2, &object));
  else
    MAKE(FLOW, bzd_flow, bzd_flow_create(context(m), &c, &object));
}

static void make_ensemble(machine *m) {
  bzd_ensemble_config c;
  const bzd_flow *teachers[3];
  OK(bzd_ensemble_config_init(&c, sizeof c));
  c.combine = 1 + input_u8(&m->in) % 5;
  c.rule = 1 + input_u8(&m->in) % 4;
  c.fixed = c.rule == BZD_RULE_FIXED ? doubles + 1 : NULL;
  int64_t count = 1 + input_u8(&m->in) % 3;
  for (int64_t i = 0; i < count; i++) teachers[i] = take(m, FLOW);
  MAKE(ENSEMBLE, bzd_ensemble, bzd_ensemble_create(context(m), &c, count, teachers, &object));
}

static void make_ensemble_source(machine *m) {
  bzd_ensemble_source_config c;
  OK(bzd_ensemble_source_config_init(&c, sizeof c));
  c.solver = BZD_SOLVER_EULER + input_u8(&m->in) % 2;
  c.steps = 1 + input_u8(&m->in) % 2;
  c.start = take_optional(m, DATA);
  c.real = take_optional(m, DATA);
  c.rho = c.real ? 0.5 : 0;
  c.visitor = take_optional(m, FLOW);
  c.visit_steps = 2;
  const bzd_ensemble *ensemble = take(m, ENSEMBLE);
  const bzd_fitter *fitter = take(m, FITTER);
  MAKE(SOURCE, bzd_source, bzd_source_create_ensemble(ensemble, fitter, &c, &object));
}

static void make_trainer(machine *m) {
  bzd_trainer_config c;
  OK(bzd_trainer_config_init(&c, sizeof c));
  uint8_t bits = input_u8(&m->in);
  c.steps = 1 + bits % 4;
  c.batch = 1 + bits / 4 % 4;
  c.loss = 1 + bits / 16 % 3;
  c.time = 1 + bits / 64;
  c.ema = input_u8(&m->in) % 2 ? 0.5 : 0;
  const bzd_flow *student = take(m, FLOW);
  const bzd_source *source = take(m, SOURCE);
  MAKE(TRAINER, bzd_trainer, bzd_trainer_create(student, source, &c, &object));
}

static int32_t stop(void *user, const bzd_progress *progress) {
  CHECK(progress->struct_size > 0);
  return *(const uint8_t *)user;
}

static void run_trainer(machine *m) {
  bzd_trainer *trainer = take(m, TRAINER);
  uint8_t answer = input_u8(&m->in) % 4 == 0;
  bzd_trainer_info before = {.struct_size = sizeof before}, after = {.struct_size = sizeof after};
  done(m, bzd_trainer_get_info(trainer, &before));
  if (m->bad) return;
  if (input_u8(&m->in) % 8 == 0) bzd_trainer_cancel(trainer);
  bzd_status status = bzd_trainer_run(trainer, input_u8(&m->in) % 3, stop, &answer);
  done(m, status);
  OK(bzd_trainer_get_info(trainer, &after));
  CHECK(after.step >= before.step && after.step <= after.steps);
}

static void sample_flow(machine *m) {
  const bzd_flow *flow = take(m, FLOW);
  bzd_sample_config c;
  OK(bzd_sample_config_init(&c, sizeof c));
  c.solver = input_u8(&m->in) % 9;
  c.steps = 1 + input_u8(&m->in) % 2;
  c.max_steps = 50;
  c.units = input_u8(&m->in) % 2;
  bzd_flow_info info = flow_info(m, flow);
  int64_t n = rows(m);
  const float *cond = info.cond_dim && input_u8(&m->in) % 2 ? floats : NULL;
  if (cond && input_u8(&m->in) % 2) c.guidance = 2;
  done(m, bzd_flow_sample(flow, &c, n, NULL, cond, out, NULL));
}

static void evaluate_flow(machine *m) {
  const bzd_flow *flow = take(m, FLOW);
  int64_t n = rows(m);
  if (input_u8(&m->in) % 2)
    done(m, bzd_flow_velocity(flow, n, floats, floats + 512, NULL, 1, out));
  else
    done(m, bzd_flow_curve(flow, n, floats, floats + 512, NULL, 1, out));
}

static void precision(machine *m) {
  bzd_flow *flow = take(m, FLOW);
  const int32_t wanted = input_u8(&m->in) % 4;
  double error;
  if (wanted > BZD_PRECISION_BFLOAT16) m->bad = 1;
  done(m, bzd_flow_set_precision(flow, wanted, &error));
}

static void parameters(machine *m) {
  if (input_u8(&m->in) % 4 == 0) {
    precision(m);
    return;
  }
  bzd_flow *flow = take(m, FLOW);
  bzd_flow_info info = flow_info(m, flow);
  int64_t count = input_u8(&m->in) % 8 ? info.parameters : info.parameters + 1;
  if (count > 1024) return;
  if (count != info.parameters) m->bad = 1;
  done(m, bzd_flow_get_parameters(flow, count, out));
  if (input_u8(&m->in) % 2) out[0] = NAN, m->bad = 1;
  done(m, bzd_flow_set_parameters(flow, count, out));
}

static void metadata(machine *m) {
  bzd_flow *flow = take(m, FLOW);
  char key[4] = {(char)input_u8(&m->in), (char)input_u8(&m->in), 0, 0}, value[4];
  const char *found;
  input_bytes(&m->in, value, sizeof value);
  value[3] = 0;
  SANE(bzd_flow_set_metadata(flow, key, input_u8(&m->in) % 4 ? value : NULL));
  SANE(bzd_flow_get_metadata(flow, key, &found));
  CHECK(m->bad ? bzd_flow_metadata_count(flow) == -1 : bzd_flow_metadata_count(flow) >= 0);
}

static void get_paths(machine *m) {
  const bzd_source *source = take(m, SOURCE);
  bzd_source_info info = {.struct_size = sizeof info};
  done(m, bzd_source_get_info(source, &info));
  int64_t n = rows(m);
  done(m, bzd_source_get_paths(source, input_u8(&m->in), n, out, out + 2048, floats + 600));
}

static void checkpoint_out(machine *m) {
  bzd_checkpoint *checkpoint = take(m, CHECKPOINT);
  char id[65];
  stored = 0;
  bzd_status status = bzd_checkpoint_write_buffer(checkpoint, bytes, sizeof bytes, &stored);
  done(m, status);
  if (status != BZD_OK) stored = 0;
  SANE(bzd_checkpoint_content_id(checkpoint, id));
  SANE(bzd_checkpoint_verify(checkpoint));
}

/* From a copy that the slot keeps borrowing. */
static void checkpoint_in(machine *m) {
  static unsigned char copy[4][ROOM];
  static int next;
  unsigned char *own = copy[next++ % 4]; /* may lie under an older checkpoint: its blocks are then damaged */
  memcpy(own, bytes, stored);
  if (input_u8(&m->in) % 2)
    MAKE(CHECKPOINT, bzd_checkpoint, bzd_checkpoint_open_buffer(context(m), own, stored, fuzz_limits(), &object));
  else
    MAKE(TENSORS, bzd_tensors, bzd_tensors_open_buffer(context(m), own, stored, 0, fuzz_limits(), &object));
}

static void tensors_out(machine *m) {
  const bzd_tensors *tensors = take(m, TENSORS);
  size_t size;
  bzd_status status = bzd_tensors_write_buffer(tensors, bytes, sizeof bytes, &size, input_i32(&m->in) % 7);
  done(m, status);
  stored = status == BZD_OK ? size : 0;
}

static void tensors_add(machine *m) {
  bzd_tensors *tensors = take(m, TENSORS);
  char name[3] = {(char)('a' + input_u8(&m->in) % 3), 0, 0};
  int64_t shape[3] = {input_u8(&m->in) % 4, input_u8(&m->in) % 4, 2}, at;
  SANE(bzd_tensors_add(tensors, name, input_u8(&m->in) % 2 ? "f32" : "bf16", input_u8(&m->in) % 4, shape, floats));
  SANE(bzd_tensors_set_text(tensors, name, input_u8(&m->in) % 2 ? "text" : NULL));
  bzd_status status = bzd_tensors_find(tensors, name, &at);
  done(m, status);
  if (status != BZD_OK || at < 0) return;
  SANE(bzd_tensors_read(tensors, at, out, sizeof out));
}

static void step(machine *m) {
  m->bad = 0;
  uint8_t op = input_u8(&m->in) % 34;
  void *a, *b;
  double loss;
  switch (op) {
  case 0: make_data(m); break;
  case 1: make_flow(m); break;
  case 2: make_ensemble(m); break;
  case 3: {
    bzd_fitter_config c;
    OK(bzd_fitter_config_init(&c, sizeof c));
    c.degree = 1 + input_u8(&m->in) % 3, c.nodes = 4 + input_u8(&m->in) % 3;
    MAKE(FITTER, bzd_fitter, bzd_fitter_create(context(m), &c, &object));
    break;
  }
  case 4:
    a = take(m, DATA), b = take_optional(m, DATA);
    MAKE(SOURCE, bzd_source, bzd_source_create_data(a, b, input_u8(&m->in), &object));
    break;
  case 5:
    a = take(m, DATA), b = take_optional(m, DATA);
    MAKE(SOURCE, bzd_source, bzd_source_create_transport(a, b, 2 + input_u8(&m->in) % 3, 1, &object));
    break;
  case 6: make_ensemble_source(m); break;
  case 7:
    a = take(m, SOURCE);
    MAKE(SOURCE, bzd_source,
         bzd_source_create_pool(a, input_u8(&m->in), 1 + input_u8(&m->in) % 5, 1, NULL, NULL, &object));
    break;
  case 8:
    MAKE(SOURCE, bzd_source,
         bzd_source_create_callback(context(m), 1 + input_u8(&m->in) % 3, 1 + input_u8(&m->in) % 3,
                                    input_u8(&m->in) % 3, fuzz_paths, NULL, &object));
    break;
  case 9: make_trainer(m); break;
  case 10: run_trainer(m); break;
  case 11: sample_flow(m); break;
  case 12: evaluate_flow(m); break;
  case 13: parameters(m); break;
  case 14: metadata(m); break;
  case 15: get_paths(m); break;
  case 16:
    a = take(m, FLOW);
    MAKE(FLOW, bzd_flow, bzd_flow_create_from(a, 1 + input_u8(&m->in) % 4, input_u8(&m->in) % 5, &object));
    break;
  case 17:
    a = take(m, TRAINER);
    MAKE(FLOW, bzd_flow, bzd_trainer_get_flow(a, input_u8(&m->in) % 4, &object));
    break;
  case 18:
    a = take(m, TRAINER), b = take(m, SOURCE);
    done(m, bzd_trainer_set_source(a, b));
    break;
  case 19:
    a = take(m, TRAINER), b = take_optional(m, SOURCE);
    SANE(bzd_trainer_evaluate(a, b, input_u8(&m->in), rows(m), input_u8(&m->in) % 4, &loss));
    break;
  case 20:
    a = take(m, FLOW);
    MAKE(CHECKPOINT, bzd_checkpoint, bzd_checkpoint_from_flow(a, &object));
    break;
  case 21:
    a = take(m, ENSEMBLE);
    MAKE(CHECKPOINT, bzd_checkpoint, bzd_checkpoint_from_ensemble(a, &object));
    break;
  case 22:
    a = take(m, TRAINER);
    MAKE(CHECKPOINT, bzd_checkpoint, bzd_checkpoint_from_trainer(a, &object));
    break;
  case 23:
    a = take(m, SOURCE);
    MAKE(CHECKPOINT, bzd_checkpoint, bzd_checkpoint_from_source(a, &object));
    break;
  case 24:
    a = take(m, SOURCE);
    MAKE(CHECKPOINT, bzd_checkpoint,
         bzd_checkpoint_from_paths(a, input_u8(&m->in), 1 + input_u8(&m->in) % 5, input_u8(&m->in) % 4, 1, NULL, NULL,
                                   &object));
    break;
  case 25: checkpoint_out(m); break;
  case 26: checkpoint_in(m); break;
  case 27:
    a = take(m, CHECKPOINT); /* objects back */
    switch (input_u8(&m->in) % 5) {
    case 0: MAKE(FLOW, bzd_flow, bzd_checkpoint_get_flow(a, input_u8(&m->in) % 4, &object)); break;
    case 1: MAKE(ENSEMBLE, bzd_ensemble, bzd_checkpoint_get_ensemble(a, &object)); break;
    case 2: MAKE(SOURCE, bzd_source, bzd_checkpoint_get_source(a, &object)); break;
    case 3: MAKE(SOURCE, bzd_source, bzd_checkpoint_stream_source(a, &object)); break;
    default: b = take(m, SOURCE); MAKE(TRAINER, bzd_trainer, bzd_checkpoint_get_trainer(a, b, &object));
    }
    break;
  case 28: MAKE(TENSORS, bzd_tensors, bzd_tensors_create(context(m), &object)); break;
  case 29: tensors_add(m); break;
  case 30: tensors_out(m); break;
  case 31:
    a = take(m, FLOW);
    MAKE(TENSORS, bzd_tensors, bzd_tensors_from_flow(a, &object));
    break;
  case 32:
    a = take(m, TENSORS);
    MAKE(FLOW, bzd_flow, bzd_tensors_get_flow(a, NULL, &object));
    break;
  default: { /* a destroy function of this kind or of another, which then does nothing */
    uint8_t how = input_u8(&m->in);
    int kind = how % KINDS, other = input_u8(&m->in) % 8 ? kind : (kind + 1) % KINDS;
    void **slot = &m->slot[kind][how / KINDS % SLOTS];
    destroy(other, *slot);
    if (other == kind) *slot = NULL;
  }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  machine m = {.in = {data, size}};
  size_t live = (fuzz_context(), fuzz_host.live);
  for (int i = 0; i < 1024; i++) floats[i] = (float)(i % 9) / 8;
  for (int i = 0; i < 64; i++) doubles[i] = i;
  stored = 0;
  for (int i = 0; i < 32 && m.in.left > 0; i++) step(&m);
  uint8_t order = size > 0 ? data[size - 1] : 0;
  for (int i = 0; i < KINDS * SLOTS; i++) {
    int at = (i * 5 + order) % (KINDS * SLOTS); /* 5 and 24 have no common divisor */
    destroy(at / SLOTS, m.slot[at / SLOTS][at % SLOTS]);
  }
  CHECK(fuzz_host.live == live);
  return 0;
}
