/* SPDX-License-Identifier: MIT */
/* What the files of tests/data/golden hold and how they were made: one function each. Part of test_golden.c. */

enum { DIM = 3, CLASSES = 2, WIDTH = 8 };

typedef struct golden {
  const char *name;
  bzd_checkpoint *(*make)(void);
  int again; /* 1: made anew it is the same file on any machine; trainers compute with this one's kernels */
} golden;

static bzd_flow_config small_flow(int32_t kind) {
  bzd_flow_config config;
  OK(bzd_flow_config_init(&config, sizeof config));
  config.kind = kind;
  config.degree = kind == BZD_FLOW_CONTROL ? 3 : 1;
  config.dim = DIM;
  config.width = WIDTH;
  config.layers = 2;
  config.time_features = 8;
  config.seed = 5;
  return config;
}

static bzd_checkpoint *of_flow(const bzd_flow_config *config, const char *title) {
  bzd_flow *flow;
  bzd_checkpoint *checkpoint;
  OK(bzd_flow_create(NULL, config, &flow));
  if (title) OK(bzd_flow_set_metadata(flow, "title", title));
  OK(bzd_checkpoint_from_flow(flow, &checkpoint));
  bzd_flow_destroy(flow);
  return checkpoint;
}

static bzd_checkpoint *make_velocity(void) {
  bzd_flow_config config = small_flow(BZD_FLOW_VELOCITY);
  return of_flow(&config, NULL);
}
static bzd_checkpoint *make_control(void) {
  bzd_flow_config config = small_flow(BZD_FLOW_CONTROL);
  return of_flow(&config, NULL);
}
static bzd_checkpoint *make_endpoint(void) {
  bzd_flow_config config = small_flow(BZD_FLOW_ENDPOINT);
  return of_flow(&config, NULL);
}

/* A skip connection, which begins as none: its numbers are set. */
static bzd_checkpoint *make_skip(void) {
  bzd_flow_config config = small_flow(BZD_FLOW_CONTROL);
  bzd_checkpoint *checkpoint;
  bzd_flow *flow;
  config.skip = 1;
  OK(bzd_flow_create(NULL, &config, &flow));
  set_skip(flow, config.degree, 1.0f / 64);
  OK(bzd_checkpoint_from_flow(flow, &checkpoint));
  bzd_flow_destroy(flow);
  return checkpoint;
}

/* Scale, offset, the shape of an item, conditions, metadata. */
static bzd_checkpoint *make_affine(void) {
  static const float scale[DIM] = {1, -2, 0.5f}, offset[DIM] = {-1, 0, 1e-20f};
  bzd_flow_config config = small_flow(BZD_FLOW_VELOCITY);
  config.cond_dim = CLASSES;
  config.scale = scale;
  config.offset = offset;
  config.item_ndim = 2;
  config.item_shape[0] = 1;
  config.item_shape[1] = DIM;
  return of_flow(&config, "\xC3\xA9t\xC3\xA9");
}

/* Tensors of several blocks, which deflate to little: all zero but for some. */
static bzd_checkpoint *make_blocks(void) {
  bzd_flow_config config = small_flow(BZD_FLOW_VELOCITY);
  bzd_flow_info info = {.struct_size = sizeof info};
  bzd_checkpoint *checkpoint;
  bzd_flow *flow;
  config.width = 300;
  OK(bzd_flow_create(NULL, &config, &flow));
  OK(bzd_flow_get_info(flow, &info));
  float *w = calloc((size_t)info.parameters, sizeof *w);
  for (int64_t i = 0; i < info.parameters; i += 1009) w[i] = (float)i / 4096 - 7;
  OK(bzd_flow_set_parameters(flow, info.parameters, w));
  OK(bzd_checkpoint_from_flow(flow, &checkpoint));
  bzd_flow_destroy(flow);
  free(w);
  return checkpoint;
}

static bzd_checkpoint *make_bf16(void) {
  bzd_checkpoint *checkpoint = make_affine();
  OK(bzd_checkpoint_set_storage(checkpoint, BZD_STORAGE_BF16));
  return checkpoint;
}

static bzd_checkpoint *make_sections(void) {
  bzd_checkpoint *checkpoint = make_velocity();
  OK(bzd_checkpoint_set_section(checkpoint, "note", "for people", 10));
  OK(bzd_checkpoint_set_section(checkpoint, "myBn", "\0\1\2\377", 4));
  OK(bzd_checkpoint_set_section(checkpoint, "zero", "", 0));
  return checkpoint;
}

static bzd_checkpoint *of_ensemble(int32_t rule) {
  static const double fixed[2] = {1, 4}, guidance[2] = {1, 2};
  bzd_flow *flows[2] = {make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, CLASSES, WIDTH, 1),
                        make_flow(NULL, BZD_FLOW_CONTROL, 2, DIM, CLASSES, WIDTH, 2)};
  const bzd_flow *teachers[2] = {flows[0], flows[1]};
  bzd_ensemble_config config;
  bzd_ensemble *ensemble;
  bzd_checkpoint *checkpoint;
  OK(bzd_flow_set_metadata(flows[0], "title", "first"));
  OK(bzd_ensemble_config_init(&config, sizeof config));
  config.combine = rule == BZD_RULE_FIXED ? BZD_COMBINE_MIXTURE : BZD_COMBINE_ANY_VELOCITY;
  config.rule = rule;
  config.fixed = rule == BZD_RULE_FIXED ? fixed : NULL;
  config.guidance = guidance;
  config.seed = 9;
  OK(bzd_ensemble_create(NULL, &config, 2, teachers, &ensemble));
  OK(bzd_checkpoint_from_ensemble(ensemble, &checkpoint));
  bzd_ensemble_destroy(ensemble);
  bzd_flow_destroy(flows[0]), bzd_flow_destroy(flows[1]);
  return checkpoint;
}
static bzd_checkpoint *make_fixed(void) { return of_ensemble(BZD_RULE_FIXED); }
static bzd_checkpoint *make_consensus(void) { return of_ensemble(BZD_RULE_CONSENSUS); }
static bzd_checkpoint *make_ensemble_bf16(void) {
  bzd_checkpoint *checkpoint = make_fixed();
  OK(bzd_checkpoint_set_storage(checkpoint, BZD_STORAGE_BF16));
  return checkpoint;
}

/* The source of all trainers here. */
static bzd_source *trainers_source(void) {
  bzd_data *data = make_data(NULL, 12, DIM, CLASSES);
  bzd_source *source;
  OK(bzd_source_create_data(data, NULL, 7, &source));
  bzd_data_destroy(data);
  return source;
}

static bzd_checkpoint *of_trainer(double ema, int32_t time) {
  bzd_flow *student = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, CLASSES, WIDTH, 3);
  bzd_source *source = trainers_source();
  bzd_trainer_config config;
  bzd_trainer *trainer;
  bzd_checkpoint *checkpoint;
  OK(bzd_trainer_config_init(&config, sizeof config));
  config.steps = 20;
  config.batch = 16;
  config.ema = ema;
  config.time = time;
  OK(bzd_trainer_create(student, source, &config, &trainer));
  OK(bzd_trainer_run(trainer, 7, NULL, NULL));
  OK(bzd_checkpoint_from_trainer(trainer, &checkpoint));
  bzd_trainer_destroy(trainer), bzd_source_destroy(source), bzd_flow_destroy(student);
  return checkpoint;
}
static bzd_checkpoint *make_trainer_ema(void) { return of_trainer(0.99, BZD_TIME_UNIFORM); }
static bzd_checkpoint *make_trainer_plain(void) { return of_trainer(0, BZD_TIME_U_SHAPED); }
static bzd_checkpoint *make_trainer_aware(void) { return of_trainer(0.99, BZD_TIME_LOSS_AWARE); }

/* Takes source over. */
static bzd_checkpoint *of_paths(bzd_source *source, int64_t window) {
  bzd_checkpoint *checkpoint;
  OK(bzd_checkpoint_from_paths(source, 3, 25, window, 2, NULL, NULL, &checkpoint));
  bzd_source_destroy(source);
  return checkpoint;
}

/* From noise, which is not stored. */
static bzd_checkpoint *make_paths_noise(void) { return of_paths(trainers_source(), 0); }

/* From rows, which are, in windows. */
static bzd_checkpoint *make_paths_rows(void) {
  bzd_data *data = make_data(NULL, 12, DIM, CLASSES), *start = make_data(NULL, 9, DIM, 0);
  bzd_source *source;
  OK(bzd_source_create_data(data, start, 7, &source));
  bzd_data_destroy(data), bzd_data_destroy(start);
  return of_paths(source, 10);
}

/* With times of their ends. */
static int32_t spanned(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim, int64_t cond_dim,
                       float *paths, float *cond, float *span) {
  int64_t row = (degree + 1) * dim;
  (void)user, (void)cond_dim, (void)cond;
  for (int64_t r = 0; r < n; r++) {
    if (bzd_noise(4, BZD_STREAM_USER, index[r], 1, row, paths + r * row) != BZD_OK) return 1;
    span[2 * r] = (float)(index[r] % 3) / 4;
    span[2 * r + 1] = 1;
  }
  return 0;
}
static bzd_checkpoint *make_paths_spans(void) {
  bzd_source *source;
  OK(bzd_source_create_callback(NULL, 2, DIM, 0, spanned, NULL, &source));
  return of_paths(source, 10);
}

static const golden goldens[] = {{"flow-velocity", make_velocity, 1},
                                 {"flow-control", make_control, 1},
                                 {"flow-endpoint", make_endpoint, 1},
                                 {"flow-skip", make_skip, 1},
                                 {"flow-affine", make_affine, 1},
                                 {"flow-blocks", make_blocks, 1},
                                 {"flow-bf16", make_bf16, 1},
                                 {"flow-sections", make_sections, 1},
                                 {"ensemble-fixed", make_fixed, 1},
                                 {"ensemble-consensus", make_consensus, 1},
                                 {"ensemble-bf16", make_ensemble_bf16, 1},
                                 {"trainer-ema", make_trainer_ema, 0},
                                 {"trainer-plain", make_trainer_plain, 0},
                                 {"trainer-loss-aware", make_trainer_aware, 0},
                                 {"paths-noise", make_paths_noise, 1},
                                 {"paths-rows", make_paths_rows, 1},
                                 {"paths-spans", make_paths_spans, 1}};
enum { GOLDENS = sizeof goldens / sizeof goldens[0] };
