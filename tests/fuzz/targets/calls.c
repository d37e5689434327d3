/* SPDX-License-Identifier: MIT */
/* A program of calls over the public interface: one byte says which, the next ones from which slots and to which slot.
 * Slots hold live handles, NULL, or another kind of handle where the call must notice. In the end all goes, in the
 * order of slots, whatever still retains it. */
#include "../look.h"

enum { SLOTS = 3, CALLS = 24, ROOM = 1 << 15, ROWS = 3 };

static bzd_data *datas[SLOTS];
static bzd_flow *flows[SLOTS];
static bzd_ensemble *ensembles[SLOTS];
static bzd_source *sources[SLOTS];
static bzd_trainer *trainers[SLOTS];
static bzd_checkpoint *checkpoints[SLOTS];
static bzd_tensors *tensors[SLOTS];
static unsigned char files[SLOTS][ROOM]; /* of checkpoints and tensors: never changed while one of them is open */
static size_t sizes[SLOTS];
static int opened[SLOTS];

#define AT(kind) ((kind)[input_u8(in) % SLOTS])
/* Puts what `call` makes (as `made`) into a slot whose handle goes. */
#define PUT(type, kind, call)                                                                                          \
  do {                                                                                                                 \
    bzd_##type *made = NULL;                                                                                           \
    bzd_status status_ = (call);                                                                                       \
    SANE(status_);                                                                                                     \
    CHECK((made != NULL) == (status_ == BZD_OK));                                                                      \
    int slot_ = input_u8(in) % SLOTS;                                                                                  \
    bzd_##type##_destroy((kind)[slot_]);                                                                               \
    (kind)[slot_] = made;                                                                                              \
  } while (0)

static int32_t count_down(void *user, const bzd_progress *progress) {
  (void)progress;
  return --*(int *)user < 0;
}

static int64_t dim_of(const bzd_flow *flow) {
  bzd_flow_info info = {.struct_size = sizeof info};
  return bzd_flow_get_info(flow, &info) == BZD_OK ? info.dim : 1;
}

static void sample(input *in) {
  static float out[4 * ROWS * FUZZ_MOST_DIM];
  double times[3] = {0, 0.5, 1};
  bzd_sample_config config;
  int patience = input_u8(in);
  OK(bzd_sample_config_init(&config, sizeof config));
  config.solver = input_u8(in) % 9;
  config.steps = input_u8(in) % 8;
  config.max_steps = 50;
  config.guidance = input_f64(in);
  config.units = input_u8(in) % 2;
  if (patience < 128) config.progress = count_down, config.progress_user = &patience;
  const bzd_flow *flow = AT(flows);
  int64_t n = input_u8(in) % (ROWS + 1);
  if (dim_of(flow) > FUZZ_MOST_DIM) return;
  switch (input_u8(in) % 3) {
  case 0: SANE(bzd_flow_sample(flow, &config, n, NULL, NULL, out, NULL)); break;
  case 1: SANE(bzd_flow_trajectory(flow, &config, n, NULL, NULL, 3, times, out, NULL)); break;
  default: SANE(bzd_ensemble_sample(AT(ensembles), &config, n, NULL, NULL, out, NULL));
  }
}

static void ensemble(input *in) {
  static const double numbers[3] = {1, 2, 0.5};
  bzd_ensemble_config config;
  OK(bzd_ensemble_config_init(&config, sizeof config));
  config.combine = input_u8(in) % 6;
  config.rule = input_u8(in) % 8;
  if (config.rule == BZD_RULE_FIXED) config.fixed = numbers;
  config.validation = AT(sources);
  config.validation_count = 16;
  config.bins = 2;
  const bzd_flow *teachers[3] = {AT(flows), AT(flows), AT(flows)};
  PUT(ensemble, ensembles, bzd_ensemble_create(fuzz_context(), &config, 1 + input_u8(in) % 3, teachers, &made));
}

static void ensemble_source(input *in) {
  bzd_fitter_config fit;
  bzd_fitter *fitter;
  bzd_ensemble_source_config config;
  OK(bzd_fitter_config_init(&fit, sizeof fit));
  fit.degree = 1 + input_u8(in) % 3;
  fit.nodes = 5;
  OK(bzd_fitter_create(fuzz_context(), &fit, &fitter));
  OK(bzd_ensemble_source_config_init(&config, sizeof config));
  config.steps = 2;
  config.guide = input_u8(in) % 4;
  config.windows = 1 + input_u8(in) % 2;
  config.rho = input_u8(in) % 2 * 0.5;
  config.real = AT(datas);
  if (input_u8(in) % 2) config.visitor = AT(flows);
  PUT(source, sources, bzd_source_create_ensemble(AT(ensembles), fitter, &config, &made));
  bzd_fitter_destroy(fitter);
}

static void trainer(input *in) {
  bzd_trainer_config config;
  OK(bzd_trainer_config_init(&config, sizeof config));
  config.steps = 1 + input_u8(in) % 4;
  config.batch = 1 + input_u8(in) % 4;
  config.loss = 1 + input_u8(in) % 3;
  config.time = 1 + input_u8(in) % 4;
  config.consistency = input_u8(in) % 4 == 0;
  config.ema = input_u8(in) % 2 * 0.5;
  PUT(trainer, trainers, bzd_trainer_create(AT(flows), AT(sources), &config, &made));
}

/* Into slot k's file, unless something reads from there. */
static void write(input *in, int checkpoint) {
  int k = input_u8(in) % SLOTS;
  size_t size = 0;
  if (opened[k]) return;
  bzd_status status = checkpoint ? bzd_checkpoint_write_buffer(AT(checkpoints), files[k], ROOM, &size)
                                 : bzd_tensors_write_buffer(AT(tensors), files[k], ROOM, &size, 1 + input_u8(in) % 5);
  SANE(status);
  sizes[k] = status == BZD_OK ? size : 0;
}

static void call(input *in) {
  double loss;
  float paths[9 * FUZZ_MOST_DIM], cond[FUZZ_MOST_DIM], span[2];
  char id[65], key[4] = {'a', 0};
  int k, patience;
  bzd_source_info info = {.struct_size = sizeof info};
  const bzd_source *source;
  switch (input_u8(in) % CALLS) {
  case 0:
    PUT(flow, flows,
        (made = fuzz_flow(fuzz_context(), 1 + input_u8(in) % 3, 1 + input_u8(in) % 3, input_u8(in) % 3), BZD_OK));
    break;
  case 1: PUT(data, datas, (made = fuzz_data(fuzz_context(), input_u8(in) % 2 * 2), BZD_OK)); break;
  case 2:
    PUT(source, sources, bzd_source_create_data(AT(datas), input_u8(in) % 2 ? AT(datas) : NULL, input_u8(in), &made));
    break;
  case 3:
    PUT(source, sources, bzd_source_create_transport(AT(datas), NULL, 1 + input_u8(in) % 5, input_u8(in), &made));
    break;
  case 4:
    PUT(source, sources, bzd_source_create_pool(AT(sources), input_i64(in), input_u8(in) % 9, 1, NULL, NULL, &made));
    break;
  case 5:
    PUT(source, sources,
        bzd_source_create_callback(fuzz_context(), 1 + input_u8(in) % 3, FUZZ_DIM, input_u8(in) % 3, fuzz_paths, NULL,
                                   &made));
    break;
  case 6: ensemble(in); break;
  case 7: ensemble_source(in); break;
  case 8: trainer(in); break;
  case 9:
    patience = input_u8(in);
    SANE(bzd_trainer_run(AT(trainers), input_u8(in) % 4, patience < 64 ? count_down : NULL, &patience));
    break;
  case 10: SANE(bzd_trainer_set_source(AT(trainers), AT(sources))); break;
  case 11: PUT(flow, flows, bzd_trainer_get_flow(AT(trainers), input_i32(in), &made)); break;
  case 12:
    SANE(bzd_trainer_evaluate(AT(trainers), AT(sources), input_i64(in), input_u8(in) % 5, input_i32(in), &loss));
    break;
  case 13: sample(in); break;
  case 14: PUT(flow, flows, bzd_flow_create_from(AT(flows), input_u8(in) % 5, input_u8(in) % 5, &made)); break;
  case 15: PUT(flow, flows, bzd_ensemble_get_member(AT(ensembles), input_i64(in), &made)); break;
  case 16:
    source = AT(sources);
    if (bzd_source_get_info(source, &info) != BZD_OK || info.dim > FUZZ_MOST_DIM || info.degree > 8 ||
        info.cond_dim > FUZZ_MOST_DIM)
      break;
    SANE(bzd_source_get_paths(source, input_i64(in), 1, paths, cond, span));
    break;
  case 17:
    switch (input_u8(in) % 5) {
    case 0: PUT(checkpoint, checkpoints, bzd_checkpoint_from_flow(AT(flows), &made)); break;
    case 1: PUT(checkpoint, checkpoints, bzd_checkpoint_from_ensemble(AT(ensembles), &made)); break;
    case 2: PUT(checkpoint, checkpoints, bzd_checkpoint_from_trainer(AT(trainers), &made)); break;
    case 3: PUT(checkpoint, checkpoints, bzd_checkpoint_from_source(AT(sources), &made)); break;
    default:
      PUT(checkpoint, checkpoints,
          bzd_checkpoint_from_paths(AT(sources), input_i64(in), input_u8(in) % 6, input_i64(in), 1, NULL, NULL, &made));
    }
    break;
  case 18: write(in, 1); break;
  case 19:
    k = input_u8(in) % SLOTS;
    opened[k] = 1;
    PUT(checkpoint, checkpoints, bzd_checkpoint_open_buffer(fuzz_context(), files[k], sizes[k], fuzz_limits(), &made));
    break;
  case 20:
    switch (input_u8(in) % 6) {
    case 0: PUT(flow, flows, bzd_checkpoint_get_flow(AT(checkpoints), input_i32(in), &made)); break;
    case 1: PUT(ensemble, ensembles, bzd_checkpoint_get_ensemble(AT(checkpoints), &made)); break;
    case 2: PUT(trainer, trainers, bzd_checkpoint_get_trainer(AT(checkpoints), AT(sources), &made)); break;
    case 3: PUT(source, sources, bzd_checkpoint_get_source(AT(checkpoints), &made)); break;
    case 4: PUT(source, sources, bzd_checkpoint_stream_source(AT(checkpoints), &made)); break;
    default: SANE(bzd_checkpoint_content_id(AT(checkpoints), id));
    }
    break;
  case 21:
    switch (input_u8(in) % 4) {
    case 0: PUT(tensors, tensors, bzd_tensors_from_flow(AT(flows), &made)); break;
    case 1: PUT(flow, flows, bzd_tensors_get_flow(AT(tensors), NULL, &made)); break;
    case 2: write(in, 0); break;
    default:
      k = input_u8(in) % SLOTS;
      opened[k] = 1;
      PUT(tensors, tensors,
          bzd_tensors_open_buffer(fuzz_context(), files[k], sizes[k], BZD_FORMAT_AUTO, fuzz_limits(), &made));
    }
    break;
  case 22:
    key[1] = (char)input_u8(in);
    SANE(bzd_flow_set_metadata(AT(flows), key, input_u8(in) % 2 ? "v" : NULL));
    break;
  default: /* a handle of another kind */
    CHECK(bzd_trainer_run((bzd_trainer *)(void *)AT(flows), 1, NULL, NULL) != BZD_OK);
    CHECK(bzd_checkpoint_verify((bzd_checkpoint *)(void *)AT(sources)) != BZD_OK);
    if (input_u8(in) % 2) bzd_trainer_cancel(AT(trainers));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input in = {data, size};
  size_t live = (fuzz_context(), fuzz_host.live);
  memset(opened, 0, sizeof opened);
  memset(sizes, 0, sizeof sizes);
  for (int i = 0; i < 64 && in.left > 0; i++) call(&in);
#define DROP(type, kind)                                                                                               \
  for (int i = 0; i < SLOTS; i++) bzd_##type##_destroy((kind)[i]), (kind)[i] = NULL
  DROP(data, datas);
  DROP(flow, flows);
  DROP(ensemble, ensembles);
  DROP(checkpoint, checkpoints);
  DROP(source, sources);
  DROP(trainer, trainers);
  DROP(tensors, tensors);
  CHECK(fuzz_host.live == live);
  return 0;
}
