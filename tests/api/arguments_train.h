/* SPDX-License-Identifier: MIT */
/* Part of test_arguments.c: sources, trainers, checkpoints. */

/* ---- source.h ------------------------------------------------------------------------------------------------ */

static bzd_ensemble_source_config good_source(void) {
  bzd_ensemble_source_config c;
  OK(bzd_ensemble_source_config_init(&c, sizeof c));
  c.real = s.data; /* its conditions */
  return c;
}

static bzd_ensemble_source_config guided_source(void) {
  bzd_ensemble_source_config c = good_source();
  c.guide = BZD_GUIDE_WAYPOINT;
  c.guide_times[0] = 0.5;
  return c;
}

static void test_source_create(void) {
#define CREATE bzd_source_create_ensemble(s.ensemble, s.fitter, c, &made)
#define FIELD_OF(expected, good, member, value)                                                                        \
  BAD_FIELD(expected, good, bzd_ensemble_source_config, member, value, bzd_source, CREATE)
#define FIELD(member, value) FIELD_OF(ARG, good_source, member, value)
  BAD_CONFIG(bzd_ensemble_source_config, bzd_ensemble_source_config_init, bzd_source, CREATE);
  FIELD(guide, -1);
  FIELD(guide, 3);
  FIELD_OF(ARG, guided_source, guide_times[0], 0.0);
  FIELD_OF(ARG, guided_source, guide_times[0], NAN);
  FIELD_OF(ARG, guided_source, guide_times[0], 0.97);
  FIELD(rho, -0.1);
  FIELD(rho, 1.1);
  FIELD(rho, NAN);
  FIELD(solver, -1);
  FIELD(solver, 9);
  FIELD(visit_steps, -1);
  FIELD(visit_steps, INT32_MAX);
  FIELD(windows, -1);
  FIELD(windows, INT32_MAX);
  FIELD(tolerance, INFINITY);
  FIELD_OF(BZD_E_UNSUPPORTED, guided_source, tolerance, 0.1);
  FIELD_OF(BZD_E_UNSUPPORTED, guided_source, windows, 2);
  FIELD_OF(BZD_E_UNSUPPORTED, good_source, visitor, s.endpoint);
  FIELD_OF(BZD_E_DIMENSION, good_source, start, s.wide);
  FIELD_OF(BZD_E_DIMENSION, good_source, real, s.wide);
  FIELD(visit_steps, 0);
  FIELD(visit_steps, 1025);
  FIELD(windows, 0);
  FIELD(windows, 257);
  FIELD(tolerance, -1.0);
  FIELD(bend, -0.01);
  FIELD(bend, 1.01);
  FIELD(bend, NAN);
  FIELD(tolerance, NAN);
  FIELD_OF(BZD_E_UNSUPPORTED, good_source, solver, BZD_SOLVER_CONTROL);
  FIELD_OF(BZD_E_UNSUPPORTED, good_source, solver, BZD_SOLVER_REANCHOR);
  FIELD(steps, 0);
  FIELD(steps, INT32_MAX);
  FIELD(rtol, NAN);
  FIELD(rtol, 0.0);
  FIELD(atol, NAN);
  FIELD(atol, 0.0);
  FIELD(cond_count, 1);
  FIELD(cond, s.x);
  FIELD_OF(BZD_E_STATE, good_source, real, (const bzd_data *)(const void *)s.flow);
  FIELD_OF(BZD_E_STATE, good_source, start, s.dead);
  bzd_ensemble_source_config c = good_source();
  static const float bad_cond[2 * CLASSES] = {0, 0, 0, NAN};
  c.cond = bad_cond;
  c.cond_count = 2;
  BAD_OUT(BZD_E_NUMERIC, bzd_source, bzd_source_create_ensemble(s.ensemble, s.fitter, &c, &made));
  c.cond_count = INT64_MAX;
  BAD_OUT(ARG, bzd_source, bzd_source_create_ensemble(s.ensemble, s.fitter, &c, &made));
  c = good_source();
  c.real = NULL;
  c.rho = 0.5;
  BAD_OUT(ARG, bzd_source, bzd_source_create_ensemble(s.ensemble, s.fitter, &c, &made));
  c = good_source();
  c.windows = 2; /* of a visitor's paths: refused */
  c.visitor = s.flow;
  BAD_OUT(BZD_E_UNSUPPORTED, bzd_source, bzd_source_create_ensemble(s.ensemble, s.fitter, &c, &made));
  c = good_source();
  c.visitor = (const bzd_flow *)(const void *)s.data;
  BAD_OUT(BZD_E_STATE, bzd_source, bzd_source_create_ensemble(s.ensemble, s.fitter, &c, &made));
  c = good_source();
  c.visitor = s.plain; /* of another dim or condition */
  BAD_OUT(BZD_E_DIMENSION, bzd_source, bzd_source_create_ensemble(s.ensemble, s.fitter, &c, &made));
  c = good_source();
  const bzd_flow *guides[2] = {s.flow, s.flow};
  c.guides = guides; /* guide is FIT */
  BAD_OUT(ARG, bzd_source, bzd_source_create_ensemble(s.ensemble, s.fitter, &c, &made));
  c.guide = BZD_GUIDE_CONTROL;
  c.visitor = s.flow; /* guides start at 0 */
  BAD_OUT(BZD_E_UNSUPPORTED, bzd_source, bzd_source_create_ensemble(s.ensemble, s.fitter, &c, &made));
  c.visitor = NULL;
  guides[0] = NULL;
  BAD_OUT(ARG, bzd_source, bzd_source_create_ensemble(s.ensemble, s.fitter, &c, &made));
  guides[0] = (const bzd_flow *)(const void *)s.data;
  BAD_OUT(BZD_E_STATE, bzd_source, bzd_source_create_ensemble(s.ensemble, s.fitter, &c, &made));
  guides[0] = s.plain; /* of another condition */
  BAD_OUT(BZD_E_DIMENSION, bzd_source, bzd_source_create_ensemble(s.ensemble, s.fitter, &c, &made));
#undef FIELD
#undef FIELD_OF
#undef CREATE
  c = good_source();
  BAD_HANDLE_OUT(bzd_ensemble, bzd_source, bzd_source_create_ensemble(h, s.fitter, &c, &made));
  BAD_HANDLE_OUT(bzd_fitter, bzd_source, bzd_source_create_ensemble(s.ensemble, h, &c, &made));
  BAD(ARG, bzd_source_create_ensemble(s.ensemble, s.fitter, &c, NULL));
  BAD_HANDLE_OUT(bzd_data, bzd_source, bzd_source_create_data(h, NULL, 0, &made));
  BAD_OUT(BZD_E_STATE, bzd_source, bzd_source_create_data(s.data, s.dead, 0, &made));
  BAD(ARG, bzd_source_create_data(s.data, NULL, 0, NULL));
  BAD_OUT(BZD_E_DIMENSION, bzd_source, bzd_source_create_data(s.data, s.wide, 0, &made));
  BAD_OUT(BZD_E_DIMENSION, bzd_source, bzd_source_create_transport(s.data, s.wide, 16, 0, &made));
  BAD_HANDLE_OUT(bzd_data, bzd_source, bzd_source_create_transport(h, NULL, 16, 0, &made));
  BAD_OUT(BZD_E_STATE, bzd_source, bzd_source_create_transport(s.data, s.dead, 16, 0, &made));
  BAD_OUT(ARG, bzd_source, bzd_source_create_transport(s.data, NULL, 1, 0, &made));
  BAD_OUT(ARG, bzd_source, bzd_source_create_transport(s.data, NULL, 2049, 0, &made));
  BAD_OUT(ARG, bzd_source, bzd_source_create_transport(s.data, NULL, -1, 0, &made));
  BAD_OUT(ARG, bzd_source, bzd_source_create_transport(s.data, NULL, INT64_MAX, 0, &made));
  BAD_OUT(ARG, bzd_source, bzd_source_create_transport(s.data, NULL, INT64_MIN, 0, &made));
  BAD(ARG, bzd_source_create_transport(s.data, NULL, 16, 0, NULL));
#define CALLBACK(context, degree, dim, cond_dim, fn)                                                                   \
  bzd_source_create_callback(context, degree, dim, cond_dim, fn, NULL, &made)
  BAD_OUT(ARG, bzd_source, CALLBACK(s.context, 0, DIM, 0, paths));
  BAD_OUT(ARG, bzd_source, CALLBACK(s.context, 17, DIM, 0, paths));
  BAD_OUT(ARG, bzd_source, CALLBACK(s.context, 2, 0, 0, paths));
  BAD_OUT(ARG, bzd_source, CALLBACK(s.context, 2, INT64_MAX, 0, paths));
  BAD_OUT(ARG, bzd_source, CALLBACK(s.context, 2, DIM, -1, paths));
  BAD_OUT(ARG, bzd_source, CALLBACK(s.context, 2, DIM, INT64_MAX, paths));
  BAD_OUT(ARG, bzd_source, CALLBACK(s.context, 2, DIM, 0, NULL));
  BAD_OUT(BZD_E_STATE, bzd_source, CALLBACK((bzd_context *)(void *)s.data, 2, DIM, 0, paths));
  BAD(ARG, bzd_source_create_callback(s.context, 2, DIM, 0, paths, NULL, NULL));
#undef CALLBACK
  BAD_HANDLE_OUT(bzd_source, bzd_source, bzd_source_create_pool(h, 0, 4, 0, NULL, NULL, &made));
  BAD_OUT(ARG, bzd_source, bzd_source_create_pool(s.source, 0, 0, 0, NULL, NULL, &made));
  BAD_OUT(ARG, bzd_source, bzd_source_create_pool(s.source, 0, -1, 0, NULL, NULL, &made));
  BAD_OUT(ARG, bzd_source, bzd_source_create_pool(s.source, 0, INT64_MAX, 0, NULL, NULL, &made));
  BAD_OUT(ARG, bzd_source, bzd_source_create_pool(s.source, -1, 4, 0, NULL, NULL, &made));
  BAD_OUT(ARG, bzd_source, bzd_source_create_pool(s.source, INT64_MAX, 4, 0, NULL, NULL, &made));
  BAD(ARG, bzd_source_create_pool(s.source, 0, 4, 0, NULL, NULL, NULL));
}

static void test_source(void **state) {
  (void)state;
  test_source_create();
  BAD_INFO(bzd_source_info, bzd_source_get_info(s.source, i));
  bzd_source_info info = {.struct_size = sizeof info};
  BAD_HANDLE(bzd_source, bzd_source_get_info(h, &info));
  BAD_HANDLE(bzd_source, bzd_source_get_paths(h, 0, 1, s.out, s.out, NULL));
  BAD(ARG, bzd_source_get_paths(s.source, -1, 1, s.out, s.out, NULL));
  BAD(ARG, bzd_source_get_paths(s.source, INT64_MAX, 1, s.out, s.out, NULL));
  BAD(ARG, bzd_source_get_paths(s.source, 0, -1, s.out, s.out, NULL));
  BAD(ARG, bzd_source_get_paths(s.source, 0, INT64_MAX, s.out, s.out, NULL));
  BAD(ARG, bzd_source_get_paths(s.source, 0, 1, NULL, s.out, NULL));
  BAD(ARG, bzd_source_get_paths(s.source, 0, 1, s.out, NULL, NULL));
  OK(bzd_source_get_paths(s.source, 0, 0, NULL, NULL, NULL));
}

/* ---- trainer.h ----------------------------------------------------------------------------------------------- */

static bzd_trainer_config good_trainer(void) {
  bzd_trainer_config c;
  OK(bzd_trainer_config_init(&c, sizeof c));
  c.steps = 4;
  c.batch = 8;
  return c;
}

static void test_trainer_create(void) {
#define CREATE bzd_trainer_create(s.flow, s.source, c, &made)
#define FIELD(member, value) BAD_FIELD(ARG, good_trainer, bzd_trainer_config, member, value, bzd_trainer, CREATE)
#define FRACTION(member)                                                                                               \
  do {                                                                                                                 \
    FIELD(member, -0.1);                                                                                               \
    FIELD(member, 1.1);                                                                                                \
    FIELD(member, NAN);                                                                                                \
    FIELD(member, INFINITY);                                                                                           \
  } while (0)
  BAD_CONFIG(bzd_trainer_config, bzd_trainer_config_init, bzd_trainer, CREATE);
  FIELD(loss, 0);
  FIELD(loss, 4);
  FIELD(steps, 0);
  FIELD(steps, -1);
  FIELD(steps, INT64_MAX);
  FIELD(batch, 0);
  FIELD(batch, INT64_MAX);
  FRACTION(rate);
  FIELD(rate, 0.0);
  FRACTION(final_rate);
  FIELD(warmup, -2);
  FIELD(warmup, 5);
  FRACTION(beta1);
  FIELD(beta1, 1.0);
  FRACTION(beta2);
  FIELD(epsilon, 0.0);
  FIELD(epsilon, NAN);
  FRACTION(weight_decay);
  FIELD(clip, -1.0);
  FIELD(clip, NAN);
  FRACTION(ema);
  FIELD(ema, 1.0);
  FIELD(huber_c, -1.0);
  FIELD(huber_c, NAN);
  FIELD(time, 0);
  FIELD(time, 5);
  FIELD(grid_steps, 0);
  FIELD(grid_steps, 1025);
  FIELD(logit_mean, NAN);
  FIELD(logit_mean, 21.0);
  FIELD(logit_std, 0.0);
  FIELD(logit_std, INFINITY);
  FIELD(u_shape, 0.0);
  FIELD(u_shape, NAN);
  FIELD(u_shape, 31.0);
  FRACTION(at_zero);
  FRACTION(at_grid);
  FRACTION(one_step);
  FIELD(endpoint_weight, -1.0);
  FIELD(endpoint_weight, NAN);
  FIELD(consistency, -1.0);
  FIELD(consistency, INFINITY);
  FRACTION(cond_dropout);
  FIELD(divergence, 0);
  FIELD(divergence, 4);
  FIELD(divergence_limit, 0);
  FIELD(divergence_limit, 1000001);
  FIELD(snapshot_every, 0);
  FIELD(snapshot_every, INT64_MAX);
  FRACTION(rollback_rate);
  FIELD(rollback_rate, 0.0);
#undef FRACTION
#undef FIELD
#undef CREATE
  bzd_trainer_config c = good_trainer();
  c.at_zero = c.at_grid = 0.6; /* together more than all rows */
  BAD_OUT(ARG, bzd_trainer, bzd_trainer_create(s.flow, s.source, &c, &made));
  c = good_trainer();
  c.loss = BZD_LOSS_GRAM; /* for control-point students alone, as the next two */
  BAD_OUT(BZD_E_UNSUPPORTED, bzd_trainer, bzd_trainer_create(s.flow, s.source, &c, &made));
  c = good_trainer();
  c.consistency = 1;
  BAD_OUT(BZD_E_UNSUPPORTED, bzd_trainer, bzd_trainer_create(s.flow, s.source, &c, &made));
  c = good_trainer();
  c.endpoint_weight = 2;
  BAD_OUT(BZD_E_UNSUPPORTED, bzd_trainer, bzd_trainer_create(s.flow, s.source, &c, &made));
  c = good_trainer();
  BAD_HANDLE_OUT(bzd_flow, bzd_trainer, bzd_trainer_create(h, s.source, &c, &made));
  BAD_HANDLE_OUT(bzd_source, bzd_trainer, bzd_trainer_create(s.flow, h, &c, &made));
  BAD(ARG, bzd_trainer_create(s.flow, s.source, &c, NULL));
  BAD_OUT(BZD_E_UNSUPPORTED, bzd_trainer, bzd_trainer_create(s.callback, s.source, &c, &made));
  BAD_OUT(BZD_E_DIMENSION, bzd_trainer, bzd_trainer_create(s.plain, s.source, &c, &made));
}

static void test_trainer_aim(void) {
  bzd_trainer_config c = good_trainer(), before = c;
  BAD(ARG, bzd_trainer_config_aim(NULL, BZD_FLOW_CONTROL, 1));
  BAD(ARG, bzd_trainer_config_aim(&c, 0, 1));
  BAD(ARG, bzd_trainer_config_aim(&c, BZD_FLOW_CALLBACK, 1));
  BAD(ARG, bzd_trainer_config_aim(&c, BZD_FLOW_CONTROL, 0));
  BAD(ARG, bzd_trainer_config_aim(&c, BZD_FLOW_CONTROL, 1000001));
  assert_memory_equal(&c, &before, sizeof c);
  memset(&c, 0, sizeof c);
  BAD(BZD_E_CONFIG, bzd_trainer_config_aim(&c, BZD_FLOW_CONTROL, 1));
}

static void test_trainer(void **state) {
  double loss = 5.0;
  (void)state;
  test_trainer_create();
  test_trainer_aim();
  BAD_INFO(bzd_trainer_info, bzd_trainer_get_info(s.trainer, i));
  bzd_trainer_info info = {.struct_size = sizeof info};
  BAD_HANDLE(bzd_trainer, bzd_trainer_get_info(h, &info));
  BAD_HANDLE(bzd_trainer, bzd_trainer_run(h, 1, NULL, NULL));
  BAD(ARG, bzd_trainer_run(s.trainer, -1, NULL, NULL));
  BAD_HANDLE(bzd_trainer, bzd_trainer_set_source(h, s.source));
  BAD_HANDLE(bzd_source, bzd_trainer_set_source(s.trainer, h));
  BAD(BZD_E_DIMENSION, bzd_trainer_set_source(s.trainer, s.wider));
  BAD(BZD_E_DIMENSION, bzd_trainer_evaluate(s.trainer, s.wider, 0, 1, BZD_WEIGHTS_AUTO, &loss));
  BAD_HANDLE_OUT(bzd_trainer, bzd_flow, bzd_trainer_get_flow(h, BZD_WEIGHTS_AUTO, &made));
  BAD_OUT(ARG, bzd_flow, bzd_trainer_get_flow(s.trainer, -1, &made));
  BAD_OUT(ARG, bzd_flow, bzd_trainer_get_flow(s.trainer, 3, &made));
  BAD(ARG, bzd_trainer_get_flow(s.trainer, BZD_WEIGHTS_AUTO, NULL));
  BAD_HANDLE(bzd_trainer, bzd_trainer_evaluate(h, NULL, 0, 1, BZD_WEIGHTS_AUTO, &loss));
  BAD(BZD_E_STATE, bzd_trainer_evaluate(s.trainer, s.dead, 0, 1, BZD_WEIGHTS_AUTO, &loss));
  BAD(ARG, bzd_trainer_evaluate(s.trainer, NULL, -1, 1, BZD_WEIGHTS_AUTO, &loss));
  BAD(ARG, bzd_trainer_evaluate(s.trainer, NULL, 0, 0, BZD_WEIGHTS_AUTO, &loss));
  BAD(ARG, bzd_trainer_evaluate(s.trainer, NULL, 0, INT64_MAX, BZD_WEIGHTS_AUTO, &loss));
  BAD(ARG, bzd_trainer_evaluate(s.trainer, NULL, 0, 1, 7, &loss));
  BAD(ARG, bzd_trainer_evaluate(s.trainer, NULL, 0, 1, BZD_WEIGHTS_AUTO, NULL));
  assert_true(loss == 5.0);
}

/* ---- checkpoint.h -------------------------------------------------------------------------------------------- */

static void test_checkpoint_bytes(void) {
  size_t size = 0;
  BAD_HANDLE(bzd_checkpoint, bzd_checkpoint_write_file(h, "/tmp/never"));
  BAD(ARG, bzd_checkpoint_write_file(s.checkpoint, NULL));
  BAD(BZD_E_IO, bzd_checkpoint_write_file(s.checkpoint, "/no/such/directory/x.bzd"));
  BAD_HANDLE(bzd_checkpoint, bzd_checkpoint_write_callback(h, write_nothing, NULL));
  BAD(ARG, bzd_checkpoint_write_callback(s.checkpoint, NULL, NULL));
  BAD_HANDLE(bzd_checkpoint, bzd_checkpoint_write_buffer(h, s.out, 4, &size));
  BAD(ARG, bzd_checkpoint_write_buffer(s.checkpoint, s.out, sizeof s.out, NULL));
#define OPEN_FILE(path, limits) bzd_checkpoint_open_file(s.context, path, limits, &made)
#define OPEN_BUFFER(data, size_, limits) bzd_checkpoint_open_buffer(s.context, data, size_, limits, &made)
#define OPEN_CALLBACK(fn, limits) bzd_checkpoint_open_callback(s.context, fn, NULL, 1000, limits, &made)
  BAD_CONFIG(bzd_limits, bzd_limits_init, bzd_checkpoint, OPEN_BUFFER(s.x, 64, c));
  bzd_limits limits;
  OK(bzd_limits_init(&limits, sizeof limits));
  limits.max_tensors = -1;
  BAD_OUT(ARG, bzd_checkpoint, OPEN_BUFFER(s.x, 64, &limits));
  BAD_OUT(ARG, bzd_checkpoint, OPEN_FILE("/no/such/file", &limits));
  BAD_OUT(ARG, bzd_checkpoint, OPEN_CALLBACK(read_nothing, &limits));
  limits.max_tensors = 1;
  limits.reserved = 1;
  BAD_OUT(ARG, bzd_checkpoint, OPEN_BUFFER(s.x, 64, &limits));
  BAD_OUT(ARG, bzd_checkpoint, OPEN_FILE(NULL, NULL));
  BAD_OUT(BZD_E_IO, bzd_checkpoint, OPEN_FILE("/no/such/file", NULL));
  BAD_OUT(BZD_E_IO, bzd_checkpoint, OPEN_FILE("/tmp", NULL));
  BAD_OUT(ARG, bzd_checkpoint, OPEN_BUFFER(NULL, 64, NULL));
  BAD_OUT(BZD_E_FORMAT, bzd_checkpoint, OPEN_BUFFER(s.x, 0, NULL));
  BAD_OUT(BZD_E_FORMAT, bzd_checkpoint, OPEN_BUFFER(s.x, 1024, NULL));
  BAD_OUT(ARG, bzd_checkpoint, OPEN_CALLBACK(NULL, NULL));
  BAD_OUT(BZD_E_IO, bzd_checkpoint, OPEN_CALLBACK(read_nothing, NULL));
#undef OPEN_FILE
#undef OPEN_BUFFER
#undef OPEN_CALLBACK
  bzd_context *foreign = (bzd_context *)(void *)s.data;
  BAD_OUT(BZD_E_STATE, bzd_checkpoint, bzd_checkpoint_open_file(foreign, "/no/such/file", NULL, &made));
  BAD_OUT(BZD_E_STATE, bzd_checkpoint, bzd_checkpoint_open_buffer(foreign, s.x, 64, NULL, &made));
  BAD_OUT(BZD_E_STATE, bzd_checkpoint, bzd_checkpoint_open_callback(foreign, read_nothing, NULL, 64, NULL, &made));
  BAD(ARG, bzd_checkpoint_open_file(s.context, "/no/such/file", NULL, NULL));
  BAD(ARG, bzd_checkpoint_open_buffer(s.context, s.x, 64, NULL, NULL));
  BAD(ARG, bzd_checkpoint_open_callback(s.context, read_nothing, NULL, 64, NULL, NULL));
  BAD_HANDLE(bzd_flow, bzd_flow_save(h, "/tmp/never"));
  BAD(ARG, bzd_flow_save(s.flow, NULL));
  BAD(BZD_E_IO, bzd_flow_save(s.flow, "/no/such/directory/x.bzd"));
  BAD(BZD_E_UNSUPPORTED, bzd_flow_save(s.callback, "/tmp/never"));
  BAD_OUT(ARG, bzd_flow, bzd_flow_load(s.context, NULL, &made));
  BAD_OUT(BZD_E_IO, bzd_flow, bzd_flow_load(s.context, "/no/such/file", &made));
  BAD_OUT(BZD_E_STATE, bzd_flow, bzd_flow_load(foreign, "/no/such/file", &made));
  BAD(ARG, bzd_flow_load(s.context, "/no/such/file", NULL));
}

static void test_checkpoint_objects(void) {
  BAD_HANDLE_OUT(bzd_flow, bzd_checkpoint, bzd_checkpoint_from_flow(h, &made));
  BAD_HANDLE_OUT(bzd_ensemble, bzd_checkpoint, bzd_checkpoint_from_ensemble(h, &made));
  BAD_HANDLE_OUT(bzd_trainer, bzd_checkpoint, bzd_checkpoint_from_trainer(h, &made));
  BAD_HANDLE_OUT(bzd_source, bzd_checkpoint, bzd_checkpoint_from_source(h, &made));
#define PATHS(base, first, count, window) bzd_checkpoint_from_paths(base, first, count, window, 0, NULL, NULL, &made)
  BAD_HANDLE_OUT(bzd_source, bzd_checkpoint, PATHS(h, 0, 4, 0));
  BAD_OUT(ARG, bzd_checkpoint, PATHS(s.source, -1, 4, 0));
  BAD_OUT(ARG, bzd_checkpoint, PATHS(s.source, INT64_MAX, 4, 0));
  BAD_OUT(ARG, bzd_checkpoint, PATHS(s.source, 0, 0, 0));
  BAD_OUT(ARG, bzd_checkpoint, PATHS(s.source, 0, -1, 0));
  BAD_OUT(ARG, bzd_checkpoint, PATHS(s.source, 0, INT64_MAX, 0));
  BAD_OUT(ARG, bzd_checkpoint, PATHS(s.source, 0, 4, -1));
  BAD_OUT(ARG, bzd_checkpoint, PATHS(s.source, 0, 4, INT64_MAX));
  BAD_OUT(ARG, bzd_checkpoint, PATHS(s.source, 0, 16385, 1)); /* one window too many */
#undef PATHS
  BAD(ARG, bzd_checkpoint_from_paths(s.source, 0, 4, 0, 0, NULL, NULL, NULL));
  BAD(ARG, bzd_checkpoint_from_flow(s.flow, NULL));
  BAD(ARG, bzd_checkpoint_from_ensemble(s.ensemble, NULL));
  BAD(ARG, bzd_checkpoint_from_trainer(s.trainer, NULL));
  BAD(ARG, bzd_checkpoint_from_source(s.pool, NULL));
  BAD_OUT(BZD_E_UNSUPPORTED, bzd_checkpoint, bzd_checkpoint_from_flow(s.callback, &made));
  BAD_OUT(BZD_E_UNSUPPORTED, bzd_checkpoint, bzd_checkpoint_from_source(s.source, &made));
  BAD_HANDLE_OUT(bzd_checkpoint, bzd_flow, bzd_checkpoint_get_flow(h, BZD_WEIGHTS_AUTO, &made));
  BAD_HANDLE_OUT(bzd_checkpoint, bzd_ensemble, bzd_checkpoint_get_ensemble(h, &made));
  BAD_HANDLE_OUT(bzd_checkpoint, bzd_trainer, bzd_checkpoint_get_trainer(h, s.source, &made));
  BAD_HANDLE_OUT(bzd_checkpoint, bzd_source, bzd_checkpoint_get_source(h, &made));
  BAD_HANDLE_OUT(bzd_checkpoint, bzd_source, bzd_checkpoint_stream_source(h, &made));
  BAD(ARG, bzd_checkpoint_get_flow(s.checkpoint, BZD_WEIGHTS_AUTO, NULL));
  BAD(ARG, bzd_checkpoint_get_ensemble(s.checkpoint, NULL));
  BAD(ARG, bzd_checkpoint_get_trainer(s.checkpoint, s.source, NULL));
  BAD(ARG, bzd_checkpoint_get_source(s.checkpoint, NULL));
  BAD(ARG, bzd_checkpoint_stream_source(s.checkpoint, NULL));
  BAD_OUT(ARG, bzd_flow, bzd_checkpoint_get_flow(s.checkpoint, 3, &made));
  BAD_OUT(BZD_E_STATE, bzd_flow, bzd_checkpoint_get_flow(s.checkpoint, BZD_WEIGHTS_EMA, &made));
  BAD_OUT(BZD_E_STATE, bzd_ensemble, bzd_checkpoint_get_ensemble(s.checkpoint, &made));
  BAD_OUT(BZD_E_STATE, bzd_trainer, bzd_checkpoint_get_trainer(s.checkpoint, s.source, &made));
  BAD_OUT(BZD_E_STATE, bzd_source, bzd_checkpoint_get_source(s.checkpoint, &made));
  BAD_OUT(BZD_E_STATE, bzd_source, bzd_checkpoint_stream_source(s.checkpoint, &made));
}

static void test_checkpoint_changes(void) {
  const char *value = NULL;
  const void *data = NULL;
  size_t size = 0;
  char name[5] = "kept", long_key[65] = {0};
  memset(long_key, 'k', 64);
  static const char *const bad_keys[] = {"", "a b", "\xC3\xA9", "a/b"};
  static const char *const bad_names[] = {"",
                                          "abc",
                                          "abcde",
                                          "Abcd",
                                          "ab d",
                                          "ab1d",
                                          "\xC3\xA9"
                                          "ab"};
  BAD_HANDLE(bzd_checkpoint, bzd_checkpoint_set_metadata(h, "k", "v"));
  BAD_HANDLE(bzd_checkpoint, bzd_checkpoint_find_metadata(h, "k", &value));
  BAD(ARG, bzd_checkpoint_set_metadata(s.checkpoint, NULL, "v"));
  BAD(ARG, bzd_checkpoint_set_metadata(s.checkpoint, long_key, "v"));
  BAD(ARG, bzd_checkpoint_set_metadata(s.checkpoint, "k", "\xFF"));
  BAD(ARG, bzd_checkpoint_find_metadata(s.checkpoint, NULL, &value));
  BAD(ARG, bzd_checkpoint_find_metadata(s.checkpoint, "k", NULL));
  for (size_t i = 0; i < sizeof bad_keys / sizeof bad_keys[0]; i++) {
    BAD(ARG, bzd_checkpoint_set_metadata(s.checkpoint, bad_keys[i], "v"));
    BAD(ARG, bzd_checkpoint_set_metadata(s.checkpoint, bad_keys[i], NULL));
    BAD(ARG, bzd_checkpoint_find_metadata(s.checkpoint, bad_keys[i], &value));
  }
  BAD_HANDLE(bzd_checkpoint, bzd_checkpoint_set_section(h, "note", "x", 1));
  BAD_HANDLE(bzd_checkpoint, bzd_checkpoint_get_section(h, "note", &data, &size));
  BAD_HANDLE(bzd_checkpoint, bzd_checkpoint_section_at(h, 0, name, &size));
  BAD(ARG, bzd_checkpoint_set_section(s.checkpoint, NULL, "x", 1));
  BAD(ARG, bzd_checkpoint_get_section(s.checkpoint, NULL, &data, &size));
  for (size_t i = 0; i < sizeof bad_names / sizeof bad_names[0]; i++) {
    BAD(ARG, bzd_checkpoint_set_section(s.checkpoint, bad_names[i], "x", 1));
    BAD(ARG, bzd_checkpoint_get_section(s.checkpoint, bad_names[i], &data, &size));
  }
  BAD(ARG, bzd_checkpoint_set_section(s.checkpoint, "nOte", "x", 1)); /* the format's own */
  BAD(ARG, bzd_checkpoint_set_section(s.checkpoint, "note", NULL, 1));
  BAD(BZD_E_LIMIT, bzd_checkpoint_set_section(s.checkpoint, "note", "x", SIZE_MAX));
  BAD(ARG, bzd_checkpoint_get_section(s.checkpoint, "note", NULL, &size));
  BAD(ARG, bzd_checkpoint_get_section(s.checkpoint, "note", &data, NULL));
  BAD(ARG, bzd_checkpoint_section_at(s.checkpoint, -1, name, &size));
  BAD(ARG, bzd_checkpoint_section_at(s.checkpoint, 0, name, &size));
  BAD(ARG, bzd_checkpoint_section_at(s.checkpoint, INT64_MAX, name, NULL));
  BAD(ARG, bzd_checkpoint_section_at(s.checkpoint, 0, NULL, &size));
  assert_string_equal(name, "kept");
  BAD_HANDLE(bzd_checkpoint, bzd_checkpoint_set_storage(h, BZD_STORAGE_BF16));
  BAD(ARG, bzd_checkpoint_set_storage(s.checkpoint, -1));
  BAD(ARG, bzd_checkpoint_set_storage(s.checkpoint, 2));
  bzd_checkpoint *other;
  OK(bzd_checkpoint_from_trainer(s.trainer, &other));
  BAD(BZD_E_UNSUPPORTED, bzd_checkpoint_set_storage(other, BZD_STORAGE_BF16));
  bzd_checkpoint_destroy(other);
  OK(bzd_checkpoint_from_source(s.pool, &other));
  BAD(BZD_E_UNSUPPORTED, bzd_checkpoint_set_storage(other, BZD_STORAGE_BF16));
  bzd_checkpoint_destroy(other);
  bzd_tensor_info tensor = {.struct_size = sizeof tensor};
  OK(bzd_checkpoint_get_tensor(s.checkpoint, 0, &tensor));
  int64_t rows = tensor.shape[0];
  size_t row = (size_t)tensor.raw_bytes / (size_t)rows;
  BAD_HANDLE(bzd_checkpoint, bzd_checkpoint_read_rows(h, 0, 0, 1, s.out, sizeof s.out));
  BAD(ARG, bzd_checkpoint_read_rows(s.checkpoint, -1, 0, 1, s.out, sizeof s.out));
  BAD(ARG, bzd_checkpoint_read_rows(s.checkpoint, INT64_MAX, 0, 1, s.out, sizeof s.out));
  BAD(ARG, bzd_checkpoint_read_rows(s.checkpoint, 0, -1, 1, s.out, sizeof s.out));
  BAD(ARG, bzd_checkpoint_read_rows(s.checkpoint, 0, rows + 1, 0, s.out, sizeof s.out));
  BAD(ARG, bzd_checkpoint_read_rows(s.checkpoint, 0, 1, rows, s.out, sizeof s.out));
  BAD(ARG, bzd_checkpoint_read_rows(s.checkpoint, 0, 0, -1, s.out, sizeof s.out));
  BAD(ARG, bzd_checkpoint_read_rows(s.checkpoint, 0, INT64_MAX, INT64_MAX, s.out, sizeof s.out));
  BAD(ARG, bzd_checkpoint_read_rows(s.checkpoint, 0, 0, 1, NULL, SIZE_MAX));
  BAD(BZD_E_LIMIT, bzd_checkpoint_read_rows(s.checkpoint, 0, 0, 2, s.out, 2 * row - 1));
  OK(bzd_checkpoint_read_rows(s.checkpoint, 0, rows, 0, NULL, 0));
}

static void test_checkpoint(void **state) {
  const char *key = "kept";
  (void)state;
  test_checkpoint_changes();
  test_checkpoint_objects();
  test_checkpoint_bytes();
  BAD_INFO(bzd_checkpoint_info, bzd_checkpoint_get_info(s.checkpoint, i));
  BAD_INFO(bzd_tensor_info, bzd_checkpoint_get_tensor(s.checkpoint, 0, i));
  bzd_checkpoint_info info = {.struct_size = sizeof info};
  bzd_tensor_info tensor = {.struct_size = sizeof tensor};
  BAD_HANDLE(bzd_checkpoint, bzd_checkpoint_get_info(h, &info));
  BAD_HANDLE(bzd_checkpoint, bzd_checkpoint_get_tensor(h, 0, &tensor));
  BAD(ARG, bzd_checkpoint_get_tensor(s.checkpoint, -1, &tensor));
  BAD(ARG, bzd_checkpoint_get_tensor(s.checkpoint, INT64_MAX, &tensor));
  OK(bzd_checkpoint_get_tensor(s.checkpoint, 0, &tensor));
  BAD_HANDLE(bzd_checkpoint, bzd_checkpoint_read_tensor(h, 0, s.out, sizeof s.out));
  BAD(ARG, bzd_checkpoint_read_tensor(s.checkpoint, -1, s.out, sizeof s.out));
  BAD(ARG, bzd_checkpoint_read_tensor(s.checkpoint, INT64_MAX, s.out, sizeof s.out));
  BAD(BZD_E_LIMIT, bzd_checkpoint_read_tensor(s.checkpoint, 0, s.out, tensor.raw_bytes - 1));
  BAD(ARG, bzd_checkpoint_read_tensor(s.checkpoint, 0, NULL, SIZE_MAX));
  BAD_HANDLE(bzd_checkpoint, bzd_checkpoint_get_metadata(h, 0, &key, NULL, 0));
  BAD(ARG, bzd_checkpoint_get_metadata(s.checkpoint, -1, &key, NULL, 0));
  BAD(ARG, bzd_checkpoint_get_metadata(s.checkpoint, INT64_MAX, &key, NULL, 0));
  OK(bzd_checkpoint_get_metadata(s.checkpoint, 0, NULL, NULL, 0));
  BAD_HANDLE(bzd_checkpoint, bzd_checkpoint_verify(h));
  BAD_HANDLE(bzd_checkpoint, bzd_checkpoint_content_id(h, (char *)s.out));
  BAD(ARG, bzd_checkpoint_content_id(s.checkpoint, NULL));
}
