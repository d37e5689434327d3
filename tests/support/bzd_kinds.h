/* SPDX-License-Identifier: MIT */
/* A small .bzd file of every kind, and what can be done with a file of any kind. Include it after host.h, objects.h,
 * heap.h and bzd_file.h. */
#ifndef TESTS_SUPPORT_BZD_KINDS_H
#define TESTS_SUPPORT_BZD_KINDS_H

enum {
  KIND_FLOW,
  KIND_CONDITIONAL, /* control points, affine, item shape, metadata of the caller */
  KIND_ENSEMBLE,
  KIND_TRAINER,
  KIND_PATHS,  /* P_0 stored, conditions, times of their ends */
  KIND_STARTS, /* P_0 not stored, three windows */
  KIND_EXTRA,  /* KIND_TRAINER and an ancillary section */
  KINDS
};

static const char *const kind_names[KINDS] = {"flow", "conditional", "ensemble", "trainer", "paths", "starts", "extra"};

enum { KIND_DIM = 4, KIND_CLASSES = 2 };

static inline bytes kind_bytes(bzd_checkpoint *checkpoint) {
  bytes out = {0};
  OK(bzd_checkpoint_write_buffer(checkpoint, NULL, 0, &out.size));
  out.room = out.size;
  out.data = malloc(out.room);
  OK(bzd_checkpoint_write_buffer(checkpoint, out.data, out.room, &out.size));
  bzd_checkpoint_destroy(checkpoint);
  return out;
}

/* What the trainer of KIND_TRAINER learns from. */
static inline bzd_source *kind_source(const bzd_context *context) {
  bzd_data *data = make_data(context, 20, KIND_DIM, KIND_CLASSES);
  bzd_source *source;
  OK(bzd_source_create_data(data, NULL, 9, &source));
  bzd_data_destroy(data);
  return source;
}

static inline bzd_flow *kind_conditional(const bzd_context *context) {
  static const float scale[KIND_DIM] = {1, -2, 0.5f, 3}, offset[KIND_DIM] = {0, 1, -1, 2};
  bzd_flow_config config;
  bzd_flow *flow;
  OK(bzd_flow_config_init(&config, sizeof config));
  config.kind = BZD_FLOW_CONTROL;
  config.degree = 3;
  config.dim = KIND_DIM;
  config.cond_dim = KIND_CLASSES;
  config.width = 3;
  config.layers = 1;
  config.time_features = 4;
  config.skip = 1;
  config.item_ndim = 2;
  config.item_shape[0] = config.item_shape[1] = 2;
  config.scale = scale;
  config.offset = offset;
  OK(bzd_flow_create(context, &config, &flow));
  OK(bzd_flow_set_metadata(flow, "made.by", "h\xC3\xA9l\xC3\xA8ne"));
  return flow;
}

static inline bzd_trainer *kind_trainer(const bzd_context *context, const bzd_source *source) {
  bzd_flow *student = make_flow(context, BZD_FLOW_VELOCITY, 1, KIND_DIM, KIND_CLASSES, 8, 1);
  bzd_trainer_config config;
  bzd_trainer *trainer;
  OK(bzd_trainer_config_init(&config, sizeof config));
  config.steps = 10;
  config.batch = 8;
  config.time = BZD_TIME_LOSS_AWARE;
  config.cond_dropout = 0.1;
  OK(bzd_trainer_create(student, source, &config, &trainer));
  OK(bzd_trainer_run(trainer, 3, NULL, NULL));
  bzd_flow_destroy(student);
  return trainer;
}

static inline bytes kind_file(const bzd_context *context, int kind) {
  bzd_checkpoint *checkpoint = NULL;
  bzd_source *source = kind_source(context);
  switch (kind) {
  case KIND_FLOW:
  case KIND_CONDITIONAL: {
    bzd_flow *flow =
        kind == KIND_FLOW ? make_flow(context, BZD_FLOW_VELOCITY, 1, KIND_DIM, 0, 5, 3) : kind_conditional(context);
    OK(bzd_checkpoint_from_flow(flow, &checkpoint));
    bzd_flow_destroy(flow);
    break;
  }
  case KIND_ENSEMBLE: {
    bzd_flow *flows[2] = {make_flow(context, BZD_FLOW_VELOCITY, 1, KIND_DIM, 0, 4, 3),
                          make_flow(context, BZD_FLOW_ENDPOINT, 1, KIND_DIM, 0, 3, 4)};
    bzd_ensemble *ensemble = make_ensemble(context, BZD_COMBINE_VELOCITY, BZD_RULE_CONSENSUS, 2, flows);
    OK(bzd_checkpoint_from_ensemble(ensemble, &checkpoint));
    bzd_ensemble_destroy(ensemble);
    bzd_flow_destroy(flows[0]);
    bzd_flow_destroy(flows[1]);
    break;
  }
  case KIND_PATHS: {
    bzd_source *base, *pool;
    OK(bzd_source_create_callback(context, 2, SOURCES_DIM, SOURCES_CLASSES, own_paths, NULL, &base));
    OK(bzd_source_create_pool(base, 0, 12, 5, NULL, NULL, &pool));
    OK(bzd_checkpoint_from_source(pool, &checkpoint));
    bzd_source_destroy(pool);
    bzd_source_destroy(base);
    break;
  }
  case KIND_STARTS: OK(bzd_checkpoint_from_paths(source, 0, 12, 5, 7, NULL, NULL, &checkpoint)); break;
  default: {
    bzd_trainer *trainer = kind_trainer(context, source);
    OK(bzd_checkpoint_from_trainer(trainer, &checkpoint));
    bzd_trainer_destroy(trainer);
  }
  }
  bytes out = kind_bytes(checkpoint);
  if (kind == KIND_EXTRA) {
    unsigned char payload[300];
    for (size_t i = 0; i < sizeof payload; i++) payload[i] = (unsigned char)(i * i);
    file_append_section(&out, "noTe", payload, sizeof payload);
  }
  bzd_source_destroy(source);
  return out;
}

/* ---- Judging ------------------------------------------------------------------------------------------------- */

/* How a file may be refused. */
static inline int kind_refusal(bzd_status status) {
  return status == BZD_E_FORMAT || status == BZD_E_CORRUPT || status == BZD_E_VERSION || status == BZD_E_LIMIT;
}

/* Opens and decodes every byte; *out NULL when that fails. */
static inline bzd_status kind_open(const bzd_context *context, const bytes *file, const bzd_limits *limits,
                                   bzd_checkpoint **out) {
  bzd_status status = bzd_checkpoint_open_buffer(context, file->data, file->size, limits, out);
  if (status == BZD_OK) status = bzd_checkpoint_verify(*out);
  if (status != BZD_OK) {
    bzd_checkpoint_destroy(*out);
    *out = NULL;
  }
  return status;
}

#endif
