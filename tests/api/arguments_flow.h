/* SPDX-License-Identifier: MIT */
/* Part of test_arguments.c: flows, sampling, ensembles. */

/* ---- flow.h -------------------------------------------------------------------------------------------------- */

static bzd_flow_config good_flow(void) {
  bzd_flow_config c;
  OK(bzd_flow_config_init(&c, sizeof c));
  c.dim = DIM;
  c.width = 8;
  return c;
}

static void test_flow_create(void) {
  static const float scale[DIM] = {1, 0, 1, 1}, ones[DIM] = {1, 1, 1, 1};
#define CREATE bzd_flow_create(s.context, c, &made)
#define FIELD(member, value) BAD_FIELD(ARG, good_flow, bzd_flow_config, member, value, bzd_flow, CREATE)
  BAD_CONFIG_FROM(104, bzd_flow_config, bzd_flow_config_init, BAD_OUT(BZD_E_CONFIG, bzd_flow, CREATE));
  BAD_OUT(ARG, bzd_flow, bzd_flow_create(s.context, NULL, &made));
  FIELD(kind, 0);
  FIELD(kind, BZD_FLOW_CALLBACK);
  FIELD(kind, -1);
  FIELD(layers, 0);
  FIELD(layers, 17);
  FIELD(dim, 0);
  FIELD(dim, -1);
  FIELD(dim, INT64_MAX);
  FIELD(cond_dim, -1);
  FIELD(cond_dim, INT64_MAX);
  FIELD(width, 0);
  FIELD(width, INT64_MAX);
  FIELD(time_features, 0);
  FIELD(time_features, 3);
  FIELD(time_features, 2048);
  FIELD(item_ndim, 5);
  FIELD(item_ndim, -1);
  FIELD(scale, ones);
  FIELD(offset, ones);
  FIELD(skip, 2);
  FIELD(skip, -1);
  FIELD(reserved, 1);
#undef FIELD
#undef CREATE
  bzd_flow_config c = good_flow();
  c.kind = BZD_FLOW_CONTROL;
  c.degree = 17;
  BAD_OUT(ARG, bzd_flow, bzd_flow_create(s.context, &c, &made));
  c.degree = 0;
  BAD_OUT(ARG, bzd_flow, bzd_flow_create(s.context, &c, &made));
  c = good_flow();
  c.scale = scale;
  c.offset = ones;
  BAD_OUT(ARG, bzd_flow, bzd_flow_create(s.context, &c, &made));
  c = good_flow();
  c.item_ndim = 1;
  c.item_shape[0] = 5;
  BAD_OUT(BZD_E_DIMENSION, bzd_flow, bzd_flow_create(s.context, &c, &made));
  c = good_flow();
  BAD(ARG, bzd_flow_create(s.context, &c, NULL));
  BAD_OUT(BZD_E_STATE, bzd_flow, bzd_flow_create((bzd_context *)(void *)s.data, &c, &made));
  BAD_OUT(ARG, bzd_flow, bzd_flow_create_callback(s.context, &c, NULL, NULL, 0, &made));
  BAD_OUT(ARG, bzd_flow, bzd_flow_create_callback(s.context, &c, field, NULL, 2, &made));
  BAD_OUT(ARG, bzd_flow, bzd_flow_create_callback(s.context, NULL, field, NULL, 0, &made));
  BAD(ARG, bzd_flow_create_callback(s.context, &c, field, NULL, 0, NULL));
  c.dim = 0;
  BAD_OUT(ARG, bzd_flow, bzd_flow_create_callback(s.context, &c, field, NULL, 0, &made));
  BAD_HANDLE_OUT(bzd_flow, bzd_flow, bzd_flow_create_from(h, BZD_FLOW_VELOCITY, 1, &made));
  BAD_OUT(ARG, bzd_flow, bzd_flow_create_from(s.flow, 0, 1, &made));
  BAD_OUT(ARG, bzd_flow, bzd_flow_create_from(s.flow, BZD_FLOW_CALLBACK, 1, &made));
  BAD_OUT(ARG, bzd_flow, bzd_flow_create_from(s.flow, BZD_FLOW_CONTROL, 0, &made));
  BAD_OUT(ARG, bzd_flow, bzd_flow_create_from(s.flow, BZD_FLOW_CONTROL, 17, &made));
  BAD_OUT(BZD_E_UNSUPPORTED, bzd_flow, bzd_flow_create_from(s.callback, BZD_FLOW_VELOCITY, 1, &made));
  BAD(ARG, bzd_flow_create_from(s.flow, BZD_FLOW_VELOCITY, 1, NULL));
}

static void test_flow_facts(void) {
  const char *text = "kept";
  bzd_flow_info info = {.struct_size = sizeof info};
  BAD_INFO(bzd_flow_info, bzd_flow_get_info(s.flow, i));
  BAD_HANDLE(bzd_flow, bzd_flow_get_info(h, &info));
  BAD_HANDLE(bzd_flow, bzd_flow_get_affine(h, s.out, s.out));
  BAD_HANDLE(bzd_flow, bzd_flow_set_metadata(h, "key", "value"));
  BAD(ARG, bzd_flow_set_metadata(s.flow, NULL, "value"));
  BAD(ARG, bzd_flow_set_metadata(s.flow, "", "value"));
  BAD(ARG, bzd_flow_set_metadata(s.flow, "two words", "value"));
  BAD(ARG, bzd_flow_set_metadata(s.flow, "1234567890123456789012345678901234567890123456789012345678901234", "64"));
  BAD(ARG, bzd_flow_set_metadata(s.flow, "key", "not \xff UTF-8"));
  BAD_HANDLE(bzd_flow, bzd_flow_metadata_at(h, 0, NULL, NULL));
  BAD(ARG, bzd_flow_metadata_at(s.flow, -1, &text, NULL));
  assert_null(text);
  BAD(ARG, bzd_flow_metadata_at(s.flow, INT64_MAX, NULL, &text));
  BAD_HANDLE(bzd_flow, bzd_flow_get_metadata(h, "key", &text));
  BAD(ARG, bzd_flow_get_metadata(s.flow, NULL, &text));
  BAD(ARG, bzd_flow_get_metadata(s.flow, "key", NULL));
  OK(bzd_flow_get_info(s.flow, &info));
  BAD_HANDLE(bzd_flow, bzd_flow_get_parameters(h, info.parameters, s.out));
  BAD(BZD_E_DIMENSION, bzd_flow_get_parameters(s.flow, info.parameters - 1, s.out));
  BAD(BZD_E_DIMENSION, bzd_flow_get_parameters(s.flow, -1, s.out));
  BAD(ARG, bzd_flow_get_parameters(s.flow, info.parameters, NULL));
  BAD(BZD_E_UNSUPPORTED, bzd_flow_get_parameters(s.callback, 0, s.out));
  BAD_HANDLE(bzd_flow, bzd_flow_set_parameters(h, info.parameters, s.x));
  BAD(BZD_E_DIMENSION, bzd_flow_set_parameters(s.flow, info.parameters + 1, s.x));
  BAD(ARG, bzd_flow_set_parameters(s.flow, info.parameters, NULL));
  assert_in_range(info.parameters, 1, ROOM);
  s.y[info.parameters - 1] = INFINITY;
  BAD(BZD_E_NUMERIC, bzd_flow_set_parameters(s.flow, info.parameters, s.y));
  s.y[info.parameters - 1] = 0;
  double error = 7;
  BAD_HANDLE(bzd_flow, bzd_flow_set_precision(h, BZD_PRECISION_BFLOAT16, &error));
  BAD(ARG, bzd_flow_set_precision(s.flow, -1, &error));
  BAD(ARG, bzd_flow_set_precision(s.flow, 2, &error));
  BAD(BZD_E_UNSUPPORTED, bzd_flow_set_precision(s.callback, BZD_PRECISION_FLOAT32, &error));
  assert_true(error == 7);
}

static void test_flow_evaluate(void) {
  static const float bad_t[2] = {0.5f, NAN}, late_t[2] = {0.0f, 1.25f};
#define VELOCITY(n, x, t, cond, g, v) bzd_flow_velocity(s.flow, n, x, t, cond, g, v)
#define CURVE(n, x, t, cond, g, p) bzd_flow_curve(s.control, n, x, t, cond, g, p)
  BAD_HANDLE(bzd_flow, bzd_flow_velocity(h, 1, s.x, s.t, NULL, 1.0, s.out));
  BAD_HANDLE(bzd_flow, bzd_flow_curve(h, 1, s.x, s.t, NULL, 1.0, s.out));
  BAD(ARG, VELOCITY(-1, s.x, s.t, NULL, 1.0, s.out));
  BAD(ARG, VELOCITY(INT64_MAX, s.x, s.t, NULL, 1.0, s.out));
  BAD(ARG, VELOCITY(1, NULL, s.t, NULL, 1.0, s.out));
  BAD(ARG, VELOCITY(1, s.x, NULL, NULL, 1.0, s.out));
  BAD(ARG, VELOCITY(1, s.x, s.t, NULL, 1.0, NULL));
  BAD(ARG, VELOCITY(2, s.x, bad_t, NULL, 1.0, s.out));
  BAD(ARG, VELOCITY(2, s.x, late_t, NULL, 1.0, s.out));
  BAD(ARG, VELOCITY(1, s.x, s.t, NULL, 2.0, s.out));
  BAD(ARG, VELOCITY(1, s.x, s.t, s.y, NAN, s.out));
  BAD(ARG, VELOCITY(1, s.x, s.t, s.y, 1e9, s.out));
  BAD(ARG, bzd_flow_velocity(s.plain, 1, s.x, s.t, s.y, 2.0, s.out));
  BAD(ARG, CURVE(-1, s.x, s.t, NULL, 1.0, s.out));
  BAD(ARG, CURVE(1, NULL, s.t, NULL, 1.0, s.out));
  BAD(ARG, CURVE(1, s.x, NULL, NULL, 1.0, s.out));
  BAD(ARG, CURVE(1, s.x, s.t, NULL, 1.0, NULL));
  BAD(ARG, CURVE(2, s.x, late_t, NULL, 1.0, s.out));
  BAD(ARG, CURVE(1, s.x, s.t, NULL, NAN, s.out));
  BAD(BZD_E_UNSUPPORTED, bzd_flow_curve(s.flow, 1, s.x, s.t, NULL, 1.0, s.out));
  BAD(BZD_E_UNSUPPORTED, bzd_flow_curve(s.callback, 1, s.x, s.t, NULL, 1.0, s.out));
  OK(VELOCITY(0, NULL, NULL, NULL, 1.0, NULL));
  OK(CURVE(0, NULL, NULL, NULL, 1.0, NULL));
#undef CURVE
#undef VELOCITY
}

static void test_flow(void **state) {
  (void)state;
  test_flow_create();
  test_flow_facts();
  test_flow_evaluate();
}

/* ---- Sampling: the same table for flows and ensembles --------------------------------------------------------- */

static const double GRID[3] = {0.0, 0.25, 1.0};

static bzd_sample_config good_sample(void) {
  bzd_sample_config c;
  OK(bzd_sample_config_init(&c, sizeof c));
  return c;
}

#define BAD_SAMPLE(expected, member, value)                                                                            \
  do {                                                                                                                 \
    bzd_sample_config sample_ = good_sample();                                                                         \
    sample_.member = value;                                                                                            \
    BAD(expected, bzd_flow_sample(s.flow, &sample_, 2, NULL, NULL, s.out, NULL));                                      \
    BAD(expected, bzd_flow_trajectory(s.flow, &sample_, 2, NULL, NULL, 3, GRID, s.out, NULL));                         \
    BAD(expected, bzd_ensemble_sample(s.ensemble, &sample_, 2, NULL, NULL, s.out, NULL));                              \
    BAD(expected, bzd_ensemble_trajectory(s.ensemble, &sample_, 2, NULL, NULL, 3, GRID, s.out, NULL));                 \
  } while (0)

static void test_sample_config(void) {
  bzd_sample_config config;
  BAD_CONFIG_OF(bzd_sample_config, bzd_sample_config_init,
                BAD(BZD_E_CONFIG, bzd_flow_sample(s.flow, c, 2, NULL, NULL, s.out, NULL)));
  BAD_SAMPLE(BZD_E_CONFIG, struct_size, 0);
  BAD_SAMPLE(BZD_E_CONFIG, struct_size, sizeof config - 1);
  BAD_SAMPLE(BZD_E_CONFIG, struct_size, UINT32_MAX);
  BAD_SAMPLE(ARG, solver, -1);
  BAD_SAMPLE(ARG, solver, 9);
  BAD_SAMPLE(BZD_E_UNSUPPORTED, solver, BZD_SOLVER_REANCHOR);
  BAD_SAMPLE(ARG, renoise, -0.1);
  BAD_SAMPLE(ARG, renoise, NAN);
  BAD_SAMPLE(ARG, renoise, 1.5);
  BAD_SAMPLE(BZD_E_UNSUPPORTED, solver, BZD_SOLVER_CONTROL);
  BAD_SAMPLE(ARG, steps, -1);
  BAD_SAMPLE(ARG, steps, INT32_MAX);
  BAD_SAMPLE(ARG, grid_count, -1);
  BAD_SAMPLE(ARG, grid_count, 1);
  BAD_SAMPLE(ARG, grid_count, 3);
  BAD_SAMPLE(ARG, t0, -0.5);
  BAD_SAMPLE(ARG, t0, NAN);
  BAD_SAMPLE(ARG, t0, 1.0);
  BAD_SAMPLE(ARG, t1, 1.5);
  BAD_SAMPLE(ARG, t1, NAN);
  BAD_SAMPLE(ARG, rtol, NAN);
  BAD_SAMPLE(ARG, rtol, 0.0);
  BAD_SAMPLE(ARG, rtol, 2.0);
  BAD_SAMPLE(ARG, atol, NAN);
  BAD_SAMPLE(ARG, atol, -1.0);
  BAD_SAMPLE(ARG, max_steps, 0);
  BAD_SAMPLE(ARG, max_steps, INT64_MAX);
  BAD_SAMPLE(ARG, guidance, 2.0);
  BAD_SAMPLE(ARG, guidance, NAN);
  BAD_SAMPLE(ARG, first_index, -1);
  BAD_SAMPLE(ARG, first_index, INT64_MAX);
  BAD_SAMPLE(ARG, units, 2);
  BAD_SAMPLE(ARG, reserved, 1);
}

#define BAD_GRID(...)                                                                                                  \
  do {                                                                                                                 \
    const double grid_[3] = {__VA_ARGS__};                                                                             \
    bzd_sample_config c = good_sample();                                                                               \
    c.solver = BZD_SOLVER_EULER;                                                                                       \
    c.grid_count = 3;                                                                                                  \
    c.grid = grid_;                                                                                                    \
    BAD(ARG, bzd_flow_sample(s.flow, &c, 2, NULL, NULL, s.out, NULL));                                                 \
    BAD(ARG, bzd_flow_trajectory(s.flow, NULL, 2, NULL, NULL, 3, grid_, s.out, NULL));                                 \
    BAD(ARG, bzd_ensemble_trajectory(s.ensemble, NULL, 2, NULL, NULL, 3, grid_, s.out, NULL));                         \
  } while (0)

static void test_sampling(void **state) {
  (void)state;
  test_sample_config();
  BAD_GRID(0.0, 0.0, 1.0);
  BAD_GRID(0.0, NAN, 1.0);
  BAD_GRID(0.1, 0.5, 1.0);
  BAD_GRID(0.0, 0.5, 0.9);
  BAD_GRID(1.0, 0.5, 0.0);
  bzd_sample_config c = good_sample();
  c.grid_count = 3;
  c.grid = GRID;
  c.solver = BZD_SOLVER_DOPRI5;
  BAD(BZD_E_UNSUPPORTED, bzd_flow_sample(s.flow, &c, 2, NULL, NULL, s.out, NULL));
  c = good_sample();
  c.solver = BZD_SOLVER_EULER;
  BAD(BZD_E_UNSUPPORTED, bzd_flow_sample(s.endpoint, &c, 2, NULL, NULL, s.out, NULL));
  c = good_sample();
  c.t0 = 1.0;
  c.t1 = 0.0;
  BAD(BZD_E_UNSUPPORTED, bzd_flow_sample(s.control, &c, 2, s.x, NULL, s.out, NULL));
  bzd_sample_result result = {.struct_size = 0};
  BAD(BZD_E_CONFIG, bzd_flow_sample(s.flow, NULL, 2, NULL, NULL, s.out, &result));
  BAD(BZD_E_CONFIG, bzd_flow_trajectory(s.flow, NULL, 2, NULL, NULL, 3, GRID, s.out, &result));
  BAD(BZD_E_CONFIG, bzd_ensemble_sample(s.ensemble, NULL, 2, NULL, NULL, s.out, &result));
  BAD(BZD_E_CONFIG, bzd_ensemble_trajectory(s.ensemble, NULL, 2, NULL, NULL, 3, GRID, s.out, &result));
  BAD_HANDLE(bzd_flow, bzd_flow_sample(h, NULL, 2, NULL, NULL, s.out, NULL));
  BAD_HANDLE(bzd_flow, bzd_flow_trajectory(h, NULL, 2, NULL, NULL, 3, GRID, s.out, NULL));
  BAD_HANDLE(bzd_ensemble, bzd_ensemble_sample(h, NULL, 2, NULL, NULL, s.out, NULL));
  BAD_HANDLE(bzd_ensemble, bzd_ensemble_trajectory(h, NULL, 2, NULL, NULL, 3, GRID, s.out, NULL));
  const int64_t wrong[] = {-1, INT64_MAX};
  for (int i = 0; i < 2; i++) {
    BAD(ARG, bzd_flow_sample(s.flow, NULL, wrong[i], NULL, NULL, s.out, NULL));
    BAD(ARG, bzd_flow_trajectory(s.flow, NULL, wrong[i], NULL, NULL, 3, GRID, s.out, NULL));
    BAD(ARG, bzd_flow_trajectory(s.flow, NULL, 2, NULL, NULL, wrong[i], GRID, s.out, NULL));
    BAD(ARG, bzd_ensemble_sample(s.ensemble, NULL, wrong[i], NULL, NULL, s.out, NULL));
    BAD(ARG, bzd_ensemble_trajectory(s.ensemble, NULL, 2, NULL, NULL, wrong[i], GRID, s.out, NULL));
  }
  BAD(ARG, bzd_flow_sample(s.flow, NULL, 2, NULL, NULL, NULL, NULL));
  BAD(ARG, bzd_flow_trajectory(s.flow, NULL, 2, NULL, NULL, 3, NULL, s.out, NULL));
  BAD(ARG, bzd_flow_trajectory(s.flow, NULL, 2, NULL, NULL, 3, GRID, NULL, NULL));
  BAD(ARG, bzd_flow_trajectory(s.flow, NULL, 2, NULL, NULL, 1, GRID, s.out, NULL));
  BAD(ARG, bzd_ensemble_sample(s.ensemble, NULL, 2, NULL, NULL, NULL, NULL));
  BAD(ARG, bzd_ensemble_trajectory(s.ensemble, NULL, 2, NULL, NULL, 3, NULL, s.out, NULL));
  OK(bzd_flow_sample(s.flow, NULL, 0, NULL, NULL, NULL, NULL));
  OK(bzd_ensemble_sample(s.ensemble, NULL, 0, NULL, NULL, NULL, NULL));
}

/* ---- ensemble.h ---------------------------------------------------------------------------------------------- */

static bzd_ensemble_config good_ensemble(void) {
  bzd_ensemble_config c;
  OK(bzd_ensemble_config_init(&c, sizeof c));
  return c;
}

static bzd_ensemble_config fixed_ensemble(void) {
  static const double fixed[2] = {1.0, 3.0};
  bzd_ensemble_config c = good_ensemble();
  c.rule = BZD_RULE_FIXED;
  c.fixed = fixed;
  return c;
}

static void test_ensemble(void **state) {
  static const double zeros[2], negative[2] = {1.0, -1.0}, nans[2] = {1.0, NAN}, huge[2] = {1.0, 1e6};
  const bzd_flow *two[2] = {s.flow, s.control}, *mixed[2] = {s.flow, s.plain}, *holes[2] = {s.flow, NULL},
                 *foreign[2] = {s.flow, (const bzd_flow *)(const void *)s.data};
  const float late[2] = {0.5f, 2.0f};
  (void)state;
#define CREATE bzd_ensemble_create(s.context, c, 2, two, &made)
#define FIELD_OF(expected, good, member, value)                                                                        \
  BAD_FIELD(expected, good, bzd_ensemble_config, member, value, bzd_ensemble, CREATE)
#define FIELD(member, value) FIELD_OF(ARG, good_ensemble, member, value)
  BAD_CONFIG(bzd_ensemble_config, bzd_ensemble_config_init, bzd_ensemble, CREATE);
  FIELD(combine, 0);
  FIELD(combine, 6);
  FIELD(rule, 0);
  FIELD(rule, 8);
  FIELD(rule, BZD_RULE_CALLBACK);
  FIELD(bins, 0);
  FIELD(bins, 65);
  FIELD(validation_count, 15);
  FIELD(validation_count, INT64_MAX);
  FIELD(reserved2, 1);
  FIELD(validation, s.source);
  FIELD(rule, BZD_RULE_FIXED);
  FIELD(reserved, 1);
  FIELD(fixed, zeros);
  FIELD(temperature, 0.0);
  FIELD(temperature, NAN);
  FIELD(guidance, nans);
  FIELD(guidance, huge);
  FIELD_OF(ARG, fixed_ensemble, fixed, zeros);
  FIELD_OF(ARG, fixed_ensemble, fixed, negative);
  FIELD_OF(ARG, fixed_ensemble, fixed, nans);
  bzd_ensemble_config mixture = good_ensemble();
  mixture.combine = BZD_COMBINE_MIXTURE;
  for (int32_t rule = BZD_RULE_CONSENSUS; rule <= BZD_RULE_CALLBACK; rule++) {
    if (rule == BZD_RULE_ERROR) continue;
    mixture.rule = rule;
    BAD_OUT(BZD_E_UNSUPPORTED, bzd_ensemble, bzd_ensemble_create(s.context, &mixture, 2, two, &made));
  }
  mixture.rule = BZD_RULE_ERROR;
  BAD_OUT(ARG, bzd_ensemble, bzd_ensemble_create(s.context, &mixture, 2, two, &made)); /* nothing to learn from */
  mixture.validation = (const bzd_source *)(const void *)s.data;
  BAD_OUT(BZD_E_STATE, bzd_ensemble, bzd_ensemble_create(s.context, &mixture, 2, two, &made));
  mixture.validation = s.wider;
  BAD_OUT(BZD_E_DIMENSION, bzd_ensemble, bzd_ensemble_create(s.context, &mixture, 2, two, &made));
  mixture.rule = BZD_RULE_UNIFORM; /* validation for nothing */
  BAD_OUT(ARG, bzd_ensemble, bzd_ensemble_create(s.context, &mixture, 2, two, &made));
#undef FIELD
#undef FIELD_OF
#undef CREATE
  BAD(ARG, bzd_ensemble_create(s.context, NULL, 2, two, NULL));
  BAD_OUT(BZD_E_STATE, bzd_ensemble, bzd_ensemble_create((bzd_context *)(void *)s.data, NULL, 2, two, &made));
  BAD_OUT(ARG, bzd_ensemble, bzd_ensemble_create(s.context, NULL, 0, two, &made));
  BAD_OUT(ARG, bzd_ensemble, bzd_ensemble_create(s.context, NULL, -1, two, &made));
  BAD_OUT(ARG, bzd_ensemble, bzd_ensemble_create(s.context, NULL, 65, two, &made));
  BAD_OUT(ARG, bzd_ensemble, bzd_ensemble_create(s.context, NULL, 2, NULL, &made));
  BAD_OUT(ARG, bzd_ensemble, bzd_ensemble_create(s.context, NULL, 2, holes, &made));
  BAD_OUT(BZD_E_STATE, bzd_ensemble, bzd_ensemble_create(s.context, NULL, 2, foreign, &made));
  BAD_OUT(BZD_E_DIMENSION, bzd_ensemble, bzd_ensemble_create(s.context, NULL, 2, mixed, &made));
  BAD_INFO(bzd_ensemble_info, bzd_ensemble_get_info(s.ensemble, i));
  bzd_ensemble_info info = {.struct_size = sizeof info};
  BAD_HANDLE(bzd_ensemble, bzd_ensemble_get_info(h, &info));
  BAD_HANDLE(bzd_ensemble, bzd_ensemble_get_weights(h, 0.5, s.d));
  BAD(ARG, bzd_ensemble_get_weights(s.ensemble, -0.1, s.d));
  BAD(ARG, bzd_ensemble_get_weights(s.ensemble, NAN, s.d));
  BAD(ARG, bzd_ensemble_get_weights(s.ensemble, 0.5, NULL));
  BAD_HANDLE(bzd_ensemble, bzd_ensemble_effective(h, 1, s.x, s.t, NULL, s.d));
  BAD(ARG, bzd_ensemble_effective(s.ensemble, 0, s.x, s.t, NULL, s.d));
  BAD(ARG, bzd_ensemble_effective(s.ensemble, -1, s.x, s.t, NULL, s.d));
  BAD(ARG, bzd_ensemble_effective(s.ensemble, INT64_MAX, s.x, s.t, NULL, s.d));
  BAD(ARG, bzd_ensemble_effective(s.ensemble, 1, s.x, NULL, NULL, s.d));
  BAD(BZD_E_UNSUPPORTED, bzd_ensemble_effective(s.medoid, 1, s.x, s.t, NULL, s.d));
  BAD(BZD_E_UNSUPPORTED, bzd_ensemble_velocity(s.medoid, 1, 0, s.x, s.t, NULL, s.out, s.d));
  BAD(BZD_E_UNSUPPORTED, bzd_ensemble_sample(s.medoid, NULL, 2, NULL, NULL, s.out, NULL));
  BAD(BZD_E_UNSUPPORTED, bzd_ensemble_trajectory(s.medoid, NULL, 2, NULL, NULL, 3, GRID, s.out, NULL));
  BAD(ARG, bzd_ensemble_effective(s.ensemble, 1, NULL, s.t, NULL, s.d));
  BAD(ARG, bzd_ensemble_effective(s.ensemble, 2, s.x, late, NULL, s.d));
  BAD(ARG, bzd_ensemble_effective(s.ensemble, 1, s.x, s.t, NULL, NULL));
  BAD_HANDLE_OUT(bzd_ensemble, bzd_flow, bzd_ensemble_get_member(h, 0, &made));
  BAD_OUT(ARG, bzd_flow, bzd_ensemble_get_member(s.ensemble, -1, &made));
  BAD_OUT(ARG, bzd_flow, bzd_ensemble_get_member(s.ensemble, 1, &made));
  BAD(ARG, bzd_ensemble_get_member(s.ensemble, 0, NULL));
#define VELOCITY(n, first, x, t, v) bzd_ensemble_velocity(s.ensemble, n, first, x, t, NULL, v, s.d)
  BAD_HANDLE(bzd_ensemble, bzd_ensemble_velocity(h, 1, 0, s.x, s.t, NULL, s.out, s.d));
  BAD(ARG, VELOCITY(-1, 0, s.x, s.t, s.out));
  BAD(ARG, VELOCITY(INT64_MAX, 0, s.x, s.t, s.out));
  BAD(ARG, VELOCITY(1, -1, s.x, s.t, s.out));
  BAD(ARG, VELOCITY(1, INT64_MAX, s.x, s.t, s.out));
  BAD(ARG, VELOCITY(1, 0, NULL, s.t, s.out));
  BAD(ARG, VELOCITY(1, 0, s.x, NULL, s.out));
  BAD(ARG, VELOCITY(1, 0, s.x, s.t, NULL));
  BAD(ARG, VELOCITY(2, 0, s.x, late, s.out));
#undef VELOCITY
}

/* ---- Grids and numbers of a flow -------------------------------------------------------------------------------- */

static void test_measure(void **state) {
  (void)state;
  bzd_grid_config grid;
  bzd_flow_metrics_config config;
  bzd_flow_metrics out = {.struct_size = sizeof out}, unset = {0};
#define GRID(member, value)                                                                                            \
  do {                                                                                                                 \
    OK(bzd_grid_config_init(&grid, sizeof grid));                                                                      \
    grid.member = value;                                                                                               \
    BAD(ARG, bzd_flow_choose_grid(s.plain, &grid, s.d, NULL));                                                         \
  } while (0)
  BAD_CONFIG_OF(bzd_grid_config, bzd_grid_config_init, BAD(BZD_E_CONFIG, bzd_flow_choose_grid(s.plain, c, s.d, NULL)));
  BAD_CONFIG_OF(bzd_flow_metrics_config, bzd_flow_metrics_config_init,
                BAD(BZD_E_CONFIG, bzd_metrics_flow(s.plain, c, &out)));
  GRID(steps, 0);
  GRID(steps, -1);
  GRID(steps, 33); /* more than the candidates */
  GRID(candidates, -1);
  GRID(candidates, INT32_MAX);
  GRID(rows, -1);
  GRID(steps, 257);
  GRID(candidates, 3);
  GRID(candidates, 257);
  GRID(reserved, 1);
  GRID(rows, 15);
  GRID(rows, INT64_MAX);
#undef GRID
  OK(bzd_grid_config_init(&grid, sizeof grid));
  BAD_HANDLE(bzd_flow, bzd_flow_choose_grid(h, &grid, s.d, NULL));
  BAD(ARG, bzd_flow_choose_grid(s.plain, &grid, NULL, NULL));
  BAD(ARG, bzd_flow_choose_grid(s.flow, &grid, s.d, NULL)); /* conditions, and no paths to give them */
  BAD(BZD_E_UNSUPPORTED, bzd_flow_choose_grid(s.endpoint, &grid, s.d, NULL));
  grid.paths = s.wider;
  BAD(BZD_E_DIMENSION, bzd_flow_choose_grid(s.flow, &grid, s.d, NULL));
  grid.paths = (const bzd_source *)(const void *)s.data;
  BAD(BZD_E_STATE, bzd_flow_choose_grid(s.plain, &grid, s.d, NULL));
  grid.struct_size = 0;
  BAD(BZD_E_CONFIG, bzd_flow_choose_grid(s.plain, &grid, s.d, NULL));
#define METRICS(member, value)                                                                                         \
  do {                                                                                                                 \
    OK(bzd_flow_metrics_config_init(&config, sizeof config));                                                          \
    config.member = value;                                                                                             \
    BAD(ARG, bzd_metrics_flow(s.plain, &config, &out));                                                                \
  } while (0)
  METRICS(steps, 0);
  METRICS(steps, 3);
  METRICS(steps, 4098);
  METRICS(steps, -2);
  METRICS(steps, INT32_MAX);
  METRICS(rows, -1);
  METRICS(decode_solver, -1);
  METRICS(decode_steps, INT32_MAX);
  METRICS(rows, 0);
  METRICS(rows, INT64_MAX);
  METRICS(decode_solver, 9);
  METRICS(decode_steps, -1);
#undef METRICS
  OK(bzd_flow_metrics_config_init(&config, sizeof config));
  BAD_HANDLE(bzd_flow, bzd_metrics_flow(h, &config, &out));
  BAD(ARG, bzd_metrics_flow(s.plain, &config, NULL));
  BAD(BZD_E_CONFIG, bzd_metrics_flow(s.plain, &config, &unset));
  BAD(ARG, bzd_metrics_flow(s.flow, &config, &out));
  BAD(BZD_E_UNSUPPORTED, bzd_metrics_flow(s.endpoint, &config, &out));
  config.real = s.wide;
  BAD(BZD_E_DIMENSION, bzd_metrics_flow(s.plain, &config, &out));
  config.real = NULL;
  config.paths = s.wider;
  BAD(BZD_E_DIMENSION, bzd_metrics_flow(s.flow, &config, &out));
  config.paths = (const bzd_source *)(const void *)s.data;
  BAD(BZD_E_STATE, bzd_metrics_flow(s.flow, &config, &out));
  config.paths = NULL;
  config.real = (const bzd_data *)s.dead;
  BAD(BZD_E_STATE, bzd_metrics_flow(s.plain, &config, &out));
}
