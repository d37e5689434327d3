/* SPDX-License-Identifier: MIT */
/* Flows and sampling: callback fields of known solution, units, grids, curves, guidance, metadata, parameters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <math.h>

#include "../support/host.h"
#include "../support/objects.h"

enum { DIM = 2, N = 6 };

typedef struct seen {
  int64_t rows, calls;
  int32_t answer;
  double poison_after; /* NaN from this time on */
} seen;

/* v = (x1, -x0): a rotation; one turn of an angle t. */
static int32_t rotate(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                      const float *cond, float *v) {
  seen *s = user;
  (void)cond_dim, (void)cond;
  s->rows += n;
  s->calls++;
  for (int64_t r = 0; r < n; r++) {
    v[r * dim] = x[r * dim + 1];
    v[r * dim + 1] = (double)t[r] >= s->poison_after ? NAN : -x[r * dim];
  }
  return s->answer;
}

static bzd_flow *make_rotation(seen *s, const float *scale, const float *offset) {
  bzd_flow_config config;
  bzd_flow *flow;
  OK(bzd_flow_config_init(&config, sizeof config));
  config.dim = DIM;
  config.scale = scale;
  config.offset = offset;
  *s = (seen){.poison_after = 2.0};
  OK(bzd_flow_create_callback(NULL, &config, rotate, s, 1, &flow));
  return flow;
}

static bzd_sample_config sampling(int32_t solver, int32_t steps) {
  bzd_sample_config c;
  OK(bzd_sample_config_init(&c, sizeof c));
  c.solver = solver;
  c.steps = steps;
  return c;
}

static double error_of(const float *x, const float *x0, double angle) {
  double worst = 0;
  for (int r = 0; r < N; r++) {
    double c = cos(angle), s = sin(angle), a = (double)x0[2 * r], b = (double)x0[2 * r + 1];
    worst = fmax(worst, fabs((double)x[2 * r] - (c * a + s * b)));
    worst = fmax(worst, fabs((double)x[2 * r + 1] - (c * b - s * a)));
  }
  return worst;
}

static void test_solvers(void **state) {
  static const int32_t stages[] = {0, 1, 2, 2, 4, 0, 0, 6};
  float x0[N * DIM], x[N * DIM], back[N * DIM];
  seen s;
  (void)state;
  bzd_flow *flow = make_rotation(&s, NULL, NULL);
  OK(bzd_noise(0, BZD_STREAM_NOISE, 0, N, DIM, x0));
  for (int32_t solver = BZD_SOLVER_EULER; solver <= BZD_SOLVER_DOPRI5_FIXED; solver++) {
    if (solver == BZD_SOLVER_CONTROL) continue;
    bzd_sample_config c = sampling(solver, 40);
    bzd_sample_result result = {.struct_size = sizeof result};
    s.rows = 0;
    OK(bzd_flow_sample(flow, &c, N, NULL, NULL, x, &result));
    double tolerance = solver == BZD_SOLVER_EULER ? 0.05 : solver <= BZD_SOLVER_HEUN ? 5e-4 : 1e-4;
    if (error_of(x, x0, 1.0) > tolerance) fail_msg("solver %d: error %g", solver, error_of(x, x0, 1.0));
    assert_int_equal(result.solver, solver);
    assert_true(fabs(result.nfe_mean * N - (double)s.rows) < 1e-6);
    if (solver != BZD_SOLVER_DOPRI5) assert_int_equal(result.nfe_max, 40 * stages[solver]);
    assert_true(result.seconds >= 0);
    c.t0 = 1.0;
    c.t1 = 0.0;
    OK(bzd_flow_sample(flow, &c, N, x, NULL, back, NULL));
    for (int i = 0; i < N * DIM; i++) assert_true(fabs((double)back[i] - (double)x0[i]) < 2 * tolerance);
    OK(bzd_flow_sample(flow, &c, N, x, NULL, x, NULL)); /* in place */
    assert_memory_equal(x, back, sizeof x);
  }
  bzd_flow_destroy(flow);
}

static void test_trajectory_and_grid(void **state) {
  const double times[4] = {0.0, 0.2, 0.7, 1.0}, grid[5] = {0.0, 0.1, 0.4, 0.8, 1.0};
  float x0[N * DIM], states[N * 4 * DIM], x[N * DIM], at[N * DIM];
  seen s;
  (void)state;
  bzd_flow *flow = make_rotation(&s, NULL, NULL);
  OK(bzd_noise(5, BZD_STREAM_USER, 0, N, DIM, x0));
  for (int32_t solver = BZD_SOLVER_RK4; solver <= BZD_SOLVER_DOPRI5; solver++) {
    bzd_sample_config c = sampling(solver, 16);
    OK(bzd_flow_trajectory(flow, &c, N, x0, NULL, 4, times, states, NULL));
    for (int k = 0; k < 4; k++) {
      for (int r = 0; r < N; r++) memcpy(at + r * DIM, states + (r * 4 + k) * DIM, DIM * sizeof *at);
      if (k == 0) assert_memory_equal(at, x0, sizeof at);
      if (error_of(at, x0, times[k]) > 2e-4) fail_msg("solver %d, node %d: %g", solver, k, error_of(at, x0, times[k]));
    }
  }
  bzd_sample_config c = sampling(BZD_SOLVER_EULER, 3);
  c.grid_count = 5;
  c.grid = grid;
  OK(bzd_flow_sample(flow, &c, N, x0, NULL, x, NULL));
  for (int r = 0; r < N; r++) {
    double a = (double)x0[2 * r], b = (double)x0[2 * r + 1];
    for (int k = 0; k < 4; k++) {
      double h = grid[k + 1] - grid[k], next = a + h * b;
      b -= h * a;
      a = next;
    }
    assert_true(fabs((double)x[2 * r] - a) < 1e-5 && fabs((double)x[2 * r + 1] - b) < 1e-5);
  }
  bzd_flow_destroy(flow);
}

/* Data units: out is mapped at t = 1 forwards, x0 backwards. */
static void test_units(void **state) {
  const float scale[DIM] = {2, 10}, offset[DIM] = {-1, 5};
  const double times[3] = {0.0, 0.5, 1.0}, reverse[3] = {1.0, 0.5, 0.0};
  float x0[N * DIM], model[N * DIM], data[N * DIM], back[N * DIM], states[N * 3 * DIM];
  seen s;
  (void)state;
  bzd_flow *flow = make_rotation(&s, scale, offset);
  OK(bzd_noise(5, BZD_STREAM_USER, 0, N, DIM, x0));
  bzd_sample_config c = sampling(BZD_SOLVER_RK4, 32);
  OK(bzd_flow_sample(flow, &c, N, x0, NULL, model, NULL));
  c.units = BZD_UNITS_DATA;
  OK(bzd_flow_sample(flow, &c, N, x0, NULL, data, NULL));
  OK(bzd_flow_trajectory(flow, &c, N, x0, NULL, 3, times, states, NULL));
  for (int i = 0; i < N * DIM; i++) {
    assert_true(data[i] == scale[i % DIM] * model[i] + offset[i % DIM]);
    assert_true(fabsf(states[(i / DIM * 3 + 2) * DIM + i % DIM] - data[i]) < 1e-4f);
    assert_true(states[i / DIM * 3 * DIM + i % DIM] == x0[i]);
  }
  c.t0 = 1.0;
  c.t1 = 0.0;
  OK(bzd_flow_sample(flow, &c, N, data, NULL, back, NULL));
  for (int i = 0; i < N * DIM; i++) assert_true(fabsf(back[i] - x0[i]) < 1e-4f);
  OK(bzd_flow_trajectory(flow, &c, N, data, NULL, 3, reverse, states, NULL));
  for (int i = 0; i < N * DIM; i++) {
    assert_true(fabsf(states[i / DIM * 3 * DIM + i % DIM] - data[i]) < 1e-4f);
    assert_true(fabsf(states[(i / DIM * 3 + 2) * DIM + i % DIM] - x0[i]) < 1e-4f);
  }
  float got_scale[DIM], got_offset[DIM];
  OK(bzd_flow_get_affine(flow, got_scale, got_offset));
  assert_memory_equal(got_scale, scale, sizeof scale);
  assert_memory_equal(got_offset, offset, sizeof offset);
  bzd_flow_destroy(flow);
}

static int32_t stop_at_once(void *user, const bzd_progress *progress) {
  *(int32_t *)user = progress->phase;
  return 9;
}

static void test_stops(void **state) {
  float x[N * DIM];
  seen s;
  int32_t phase = 0;
  (void)state;
  bzd_flow *flow = make_rotation(&s, NULL, NULL);
  bzd_sample_config c = sampling(BZD_SOLVER_RK4, 8);
  s.answer = 5;
  FAILS(BZD_E_CANCELLED, "5", bzd_flow_sample(flow, &c, N, NULL, NULL, x, NULL));
  s.answer = 0;
  s.poison_after = 0.5;
  FAILS(BZD_E_NUMERIC, "", bzd_flow_sample(flow, &c, N, NULL, NULL, x, NULL));
  s.poison_after = 2.0;
  c.progress = stop_at_once;
  c.progress_user = &phase;
  FAILS(BZD_E_CANCELLED, "9", bzd_flow_sample(flow, &c, N, NULL, NULL, x, NULL));
  assert_int_equal(phase, BZD_PHASE_SAMPLE);
  c = sampling(BZD_SOLVER_DOPRI5, 0);
  c.max_steps = 2;
  c.rtol = 1e-9;
  c.atol = 1e-12;
  FAILS(BZD_E_STEPS, "row", bzd_flow_sample(flow, &c, N, NULL, NULL, x, NULL));
  OK(bzd_flow_sample(flow, NULL, N, NULL, NULL, x, NULL)); /* still usable */
  bzd_flow_destroy(flow);
}

/* A control-point flow steps along its own predicted curve. */
static void test_control(void **state) {
  float x0[N * DIM], t[N] = {0}, paths[N * 4 * DIM], x[N * DIM], half[N * DIM], velocity[N * DIM];
  const double middle[2] = {0.5, 1.0};
  (void)state;
  bzd_flow *flow = make_flow(NULL, BZD_FLOW_CONTROL, 3, DIM, 0, 16, 4);
  OK(bzd_noise(0, BZD_STREAM_NOISE, 0, N, DIM, x0));
  OK(bzd_flow_curve(flow, N, x0, t, NULL, 1.0, paths));
  bzd_sample_config c = sampling(BZD_SOLVER_AUTO, 1);
  bzd_sample_result result = {.struct_size = sizeof result};
  OK(bzd_flow_sample(flow, &c, N, NULL, NULL, x, &result));
  assert_int_equal(result.solver, BZD_SOLVER_CONTROL);
  assert_true(result.nfe_mean == 1.0);
  OK(bzd_flow_velocity(flow, N, x0, t, NULL, 1.0, velocity));
  for (int r = 0; r < N; r++)
    for (int j = 0; j < DIM; j++) {
      const float *p = paths + r * 4 * DIM + j;
      assert_true(p[0] == x0[r * DIM + j]);
      assert_true(fabsf(p[3 * DIM] - x[r * DIM + j]) < 1e-5f);
      assert_true(fabsf(3.0f * (p[DIM] - p[0]) - velocity[r * DIM + j]) < 1e-4f);
    }
  c.t1 = 0.5;
  OK(bzd_flow_sample(flow, &c, N, NULL, NULL, half, NULL));
  float points[N * 2 * DIM];
  OK(bzd_path_evaluate(N, 3, DIM, paths, 2, middle, points));
  for (int i = 0; i < N * DIM; i++) assert_true(fabsf(half[i] - points[(i / DIM) * 2 * DIM + i % DIM]) < 1e-5f);
  c = sampling(BZD_SOLVER_AUTO, 0);
  OK(bzd_flow_sample(flow, &c, N, NULL, NULL, x, &result));
  assert_int_equal(result.nfe_max, 4);
  bzd_flow_destroy(flow);
}

static void test_guidance(void **state) {
  float x[N * DIM], t[N] = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f}, cond[N * 3] = {0}, with[N * DIM], without[N * DIM],
                    guided[N * DIM];
  (void)state;
  bzd_flow *flow = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, 3, 16, 4);
  OK(bzd_noise(0, BZD_STREAM_NOISE, 0, N, DIM, x));
  for (int r = 0; r < N; r++) cond[r * 3 + r % 3] = 1.0f;
  OK(bzd_flow_velocity(flow, N, x, t, cond, 1.0, with));
  OK(bzd_flow_velocity(flow, N, x, t, NULL, 1.0, without));
  OK(bzd_flow_velocity(flow, N, x, t, cond, 2.5, guided));
  assert_memory_not_equal(with, without, sizeof with);
  for (int i = 0; i < N * DIM; i++)
    assert_true(fabsf(guided[i] - (without[i] + 2.5f * (with[i] - without[i]))) < 1e-5f);
  OK(bzd_flow_velocity(flow, N, x, t, cond, 0.0, guided));
  for (int i = 0; i < N * DIM; i++) assert_true(fabsf(guided[i] - without[i]) < 1e-6f);
  bzd_sample_config c = sampling(BZD_SOLVER_EULER, 4);
  bzd_sample_result result = {.struct_size = sizeof result};
  c.guidance = 2.5;
  OK(bzd_flow_sample(flow, &c, N, NULL, cond, x, &result));
  assert_int_equal(result.nfe_max, 8);
  bzd_flow_destroy(flow);
}

/* A student of the teacher's weights: its curve is the teacher's straight step. */
static void expect_straight_step(const bzd_flow *teacher) {
  bzd_flow *student;
  float t[N] = {0}, v[N * DIM], curve[N * 3 * DIM], x0[N * DIM];
  OK(bzd_flow_create_from(teacher, BZD_FLOW_CONTROL, 2, &student));
  OK(bzd_noise(0, BZD_STREAM_NOISE, 0, N, DIM, x0));
  OK(bzd_flow_velocity(teacher, N, x0, t, NULL, 1.0, v));
  OK(bzd_flow_curve(student, N, x0, t, NULL, 1.0, curve));
  for (int i = 0; i < N * DIM; i++) {
    const float *p = curve + i / DIM * 3 * DIM + i % DIM;
    assert_true(fabsf(p[2 * DIM] - (x0[i] + v[i])) < 1e-5f && fabsf(p[DIM] - (x0[i] + 0.5f * v[i])) < 1e-5f);
  }
  bzd_flow_destroy(student);
}

static void test_metadata_and_parameters(void **state) {
  const char *key, *value;
  (void)state;
  bzd_flow *flow = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, 0, 8, 4), *twin;
  OK(bzd_flow_set_metadata(flow, "title", "first"));
  OK(bzd_flow_set_metadata(flow, "data.name", "digits"));
  OK(bzd_flow_set_metadata(flow, "title", "second"));
  assert_int_equal(bzd_flow_metadata_count(flow), 2);
  OK(bzd_flow_metadata_at(flow, 0, &key, &value));
  assert_string_equal(key, "data.name");
  OK(bzd_flow_get_metadata(flow, "title", &value));
  assert_string_equal(value, "second");
  OK(bzd_flow_set_metadata(flow, "title", NULL));
  OK(bzd_flow_get_metadata(flow, "title", &value));
  assert_null(value);
  bzd_flow_info info = {.struct_size = sizeof info};
  OK(bzd_flow_get_info(flow, &info));
  /* dim + 8 features -> 8 -> 8 -> dim, with biases */
  assert_int_equal(info.parameters, 10 * 8 + 8 + 8 * 8 + 8 + 8 * 2 + 2);
  assert_int_equal(info.layers, 2);
  assert_int_equal(info.width, 8);
  assert_int_equal(info.time_features, 8);
  assert_true(info.packed_bytes >= info.parameters * 4);
  float w[256], x[N * DIM], y[N * DIM], z[N * DIM];
  OK(bzd_flow_get_parameters(flow, info.parameters, w));
  twin = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, 0, 8, 77);
  OK(bzd_flow_sample(flow, NULL, N, NULL, NULL, x, NULL));
  OK(bzd_flow_sample(twin, NULL, N, NULL, NULL, y, NULL));
  assert_memory_not_equal(x, y, sizeof x);
  OK(bzd_flow_set_parameters(twin, info.parameters, w));
  OK(bzd_flow_sample(twin, NULL, N, NULL, NULL, z, NULL));
  assert_memory_equal(x, z, sizeof x);
  expect_straight_step(flow);
  bzd_flow_destroy(twin);
  bzd_flow_destroy(flow);
  flow = make_flow(NULL, BZD_FLOW_ENDPOINT, 1, DIM, 0, 8, 3);
  set_skip(flow, 1, 0.25f);
  expect_straight_step(flow);
  bzd_flow_destroy(flow);
}

/* bfloat16 says what float32 says of weights rounded by hand, whatever the threads and the rows beside; float32 comes
 * back to the bit; what is saved and copied does not notice. */
static void test_precision(void **state) {
  enum { ROWS = 70, WIDE = 12, MOST = 16384 };
  (void)state;
  for (int32_t kind = BZD_FLOW_VELOCITY; kind <= BZD_FLOW_ENDPOINT; kind++) {
    bzd_flow *flow = make_flow(NULL, kind, 3, WIDE, 0, 64, 5), *rounded = make_flow(NULL, kind, 3, WIDE, 0, 64, 5),
             *copy;
    static float w[MOST], before[ROWS * WIDE], x[ROWS * WIDE], y[ROWS * WIDE], z[ROWS * WIDE], t[ROWS], kept[MOST];
    bzd_flow_info info = {.struct_size = sizeof info}, half = {.struct_size = sizeof half};
    OK(bzd_noise(3, BZD_STREAM_USER, 0, ROWS, WIDE, x));
    OK(bzd_uniform(4, BZD_STREAM_USER, 0, ROWS, 1, t));
    OK(bzd_flow_get_info(flow, &info));
    if (info.skip) set_skip(flow, 1, 0.1f);
    assert_in_range(info.parameters, 1, MOST);
    OK(bzd_flow_get_parameters(flow, info.parameters, w));
    const int64_t skip = info.skip ? info.time_features + 1 : 0; /* the last parameters, of one head; they stay */
    OK(bzd_flow_velocity(flow, ROWS, x, t, NULL, 1.0, before));

    double error = -1, mean = 0, size = 0;
    OK(bzd_flow_set_precision(flow, BZD_PRECISION_BFLOAT16, &error));
    OK(bzd_flow_get_info(flow, &half));
    assert_true(half.packed_bytes < info.packed_bytes * 3 / 4); /* narrow outputs are padded */
    OK(bzd_flow_get_parameters(flow, info.parameters, kept));
    assert_memory_equal(kept, w, (size_t)info.parameters * sizeof *w);
    OK(bzd_flow_velocity(flow, ROWS, x, t, NULL, 1.0, y));
    for (int i = 0; i < ROWS * WIDE; i++) {
      mean += pow((double)y[i] - (double)before[i], 2);
      size += pow((double)before[i], 2);
    }
    /* Of the same order as what was told of other rows; a weight is rounded by 2^-9 at most. */
    assert_true(error > 1e-5 && error < 4e-3 && sqrt(mean / size) < 3 * error && sqrt(mean / size) > error / 3);
    for (int i = 0; i < ROWS; i++) {
      OK(bzd_flow_velocity(flow, 1, x + i * WIDE, t + i, NULL, 1.0, z));
      assert_memory_equal(z, y + i * WIDE, WIDE * sizeof *z);
    }

    /* The first tensor of every pair is a weight; biases stay. By hand: to nearest, ties to even. */
    float *at = w;
    for (int32_t l = 0; l <= info.layers; l++) {
      const int64_t in = l == 0 ? WIDE + info.time_features : info.width;
      const int64_t out = l < info.layers ? info.width : (kind == BZD_FLOW_CONTROL ? 3 : 1) * WIDE;
      for (int64_t i = 0; i < out * in; i++) {
        int exponent;
        const double mantissa = frexp((double)at[i], &exponent);
        at[i] = (float)ldexp(nearbyint(ldexp(mantissa, 8)), exponent - 8);
      }
      at += out * in + out;
    }
    assert_true(at - w + skip == info.parameters);
    OK(bzd_flow_set_parameters(rounded, info.parameters, w));
    OK(bzd_flow_velocity(rounded, ROWS, x, t, NULL, 1.0, z));
    assert_memory_equal(z, y, sizeof z);
    OK(bzd_flow_set_precision(rounded, BZD_PRECISION_BFLOAT16, &error));
    assert_true(error == 0);

    OK(bzd_flow_create_from(flow, kind, 3, &copy));
    OK(bzd_flow_velocity(copy, ROWS, x, t, NULL, 1.0, z));
    assert_memory_equal(z, before, sizeof z);
    OK(bzd_flow_set_parameters(flow, info.parameters, kept)); /* packs again, in the same precision */
    OK(bzd_flow_velocity(flow, ROWS, x, t, NULL, 1.0, z));
    assert_memory_equal(z, y, sizeof z);
    OK(bzd_flow_set_precision(flow, BZD_PRECISION_FLOAT32, &error));
    assert_true(error == 0);
    OK(bzd_flow_velocity(flow, ROWS, x, t, NULL, 1.0, z));
    assert_memory_equal(z, before, sizeof z);
    bzd_flow_destroy(copy);
    bzd_flow_destroy(rounded);
    bzd_flow_destroy(flow);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_precision),
      cmocka_unit_test(test_solvers),
      cmocka_unit_test(test_trajectory_and_grid),
      cmocka_unit_test(test_units),
      cmocka_unit_test(test_stops),
      cmocka_unit_test(test_control),
      cmocka_unit_test(test_guidance),
      cmocka_unit_test(test_metadata_and_parameters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
