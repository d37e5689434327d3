/* SPDX-License-Identifier: MIT */
/* Solvers on fields with known flow maps: the Gaussian oracle, orders, there and back, dense output, counts, failures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/solver.h"
#include "models.h"

/* From N(0, 1) to N(m, s^2): v = m + (t s^2 - (1-t)) / ((1-t)^2 + t^2 s^2) (x - t m); the flow map is x -> m + s x. */
typedef struct oracle {
  double mean, deviation;
} oracle;

static double oracle_velocity(const oracle *o, double x, double t) {
  double s2 = o->deviation * o->deviation;
  return o->mean + (t * s2 - (1 - t)) / ((1 - t) * (1 - t) + t * t * s2) * (x - t * o->mean);
}

static int32_t gaussian(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                        const float *cond, float *v) {
  (void)cond_dim, (void)cond;
  for (int64_t i = 0; i < n * dim; i++) v[i] = (float)oracle_velocity(user, (double)x[i], (double)t[i / dim]);
  return 0;
}

/* A field in double inside: velocity of x' = a cos(b t) x, x(t) = x0 exp(a sin(b t) / b). Values of v near 1, so that
 * the rounding of v to float32 stays below the errors measured. */
static int32_t wave(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                    const float *cond, float *v) {
  (void)user, (void)cond_dim, (void)cond;
  for (int64_t i = 0; i < n * dim; i++) v[i] = (float)(3 * cos(4 * (double)t[i / dim]) * (double)x[i]);
  return 0;
}
static double wave_map(double x0, double t) { return x0 * exp(0.75 * sin(4 * t)); }

static bzdi_solve plain(int32_t solver, int32_t steps) {
  return (bzdi_solve){
      .solver = solver, .steps = steps, .t0 = 0, .t1 = 1, .rtol = 1e-5, .atol = 1e-5, .max_steps = 1000};
}

static bzdi_solved run(const bzd_flow *flow, const bzdi_solve *solve, int64_t n, const float *x0, float *out) {
  bzdi_solved solved;
  OK(bzdi_solve_flow(flow, 1, solve, n, x0, NULL, out, NULL, 0, NULL, &solved));
  return solved;
}

/* Limit 13. */
static void test_gaussian_oracle(void **state) {
  (void)state;
  oracle o = {3, 0.5};
  bzd_flow *flow = models_callback(NULL, 1, 0, gaussian, &o);
  float x0[5] = {-2, -1, 0, 1, 2}, x1[5];
  static const int32_t solvers[] = {BZDI_SOLVER_RK4, BZDI_SOLVER_DOPRI5, BZDI_SOLVER_DOPRI5_FIXED};
  for (int s = 0; s < 3; s++) {
    bzdi_solve solve = plain(solvers[s], 64);
    run(flow, &solve, 5, x0, x1);
    for (int i = 0; i < 5; i++) assert_true(fabs((double)x1[i] - (3 + 0.5 * (double)x0[i])) < 2e-4);
  }
  bzdi_release(flow);
}

/* x' = omega J x: a rotation, whose error constants do not change along the way. */
static int32_t turning(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                       const float *cond, float *v) {
  double omega = *(const double *)user;
  (void)dim, (void)t, (void)cond_dim, (void)cond;
  for (int64_t i = 0; i < n; i++) {
    v[2 * i] = (float)(-omega * (double)x[2 * i + 1]);
    v[2 * i + 1] = (float)(omega * (double)x[2 * i]);
  }
  return 0;
}

static double error_at(const bzd_flow *flow, double omega, int32_t solver, int32_t steps, int backward) {
  float x0[2] = {1, 0}, out[2];
  bzdi_solve solve = plain(solver, steps);
  if (backward) solve.t0 = 1, solve.t1 = 0;
  run(flow, &solve, 1, x0, out);
  return hypot((double)out[0] - cos(omega), (double)out[1] - (backward ? -1 : 1) * sin(omega));
}

/* Limit 15: orders 1, 2, 2, 4, 5 within 0.2, forwards and backwards: the slope between two step counts whose errors lie
 * well above float32's rounding (about 1e-7 omega) and inside the asymptotic range. */
static void test_orders(void **state) {
  (void)state;
  static const struct {
    int32_t solver, coarse, fine;
    double omega, order;
  } cases[] = {{BZDI_SOLVER_EULER, 400, 1600, 3, 1},
               {BZDI_SOLVER_MIDPOINT, 40, 160, 3, 2},
               {BZDI_SOLVER_HEUN, 40, 160, 3, 2},
               {BZDI_SOLVER_RK4, 20, 40, 6, 4},
               {BZDI_SOLVER_DOPRI5_FIXED, 18, 36, 12, 5}};
  for (int i = 0; i < 5; i++) {
    double omega = cases[i].omega;
    bzd_flow *flow = models_callback(NULL, 2, 0, turning, &omega);
    for (int backward = 0; backward < 2; backward++) {
      double coarse = error_at(flow, omega, cases[i].solver, cases[i].coarse, backward);
      double fine = error_at(flow, omega, cases[i].solver, cases[i].fine, backward);
      double order = log(coarse / fine) / log((double)cases[i].fine / cases[i].coarse);
      if (fabs(order - cases[i].order) > 0.2)
        fail_msg("solver %d, backward %d: order %.3f (errors %g, %g), expected %g", (int)cases[i].solver, backward,
                 order, coarse, fine, cases[i].order);
    }
    bzdi_release(flow);
  }
}

static void test_there_and_back(void **state) {
  (void)state;
  bzd_flow *flow = models_callback(NULL, 1, 0, wave, NULL);
  static const struct {
    int32_t solver, steps;
    double allowed;
  } cases[] = {{BZDI_SOLVER_EULER, 400, 0.1},
               {BZDI_SOLVER_HEUN, 100, 1e-2},
               {BZDI_SOLVER_RK4, 40, 1e-4},
               {BZDI_SOLVER_DOPRI5_FIXED, 20, 1e-4},
               {BZDI_SOLVER_DOPRI5, 0, 1e-3}};
  for (int i = 0; i < 5; i++) {
    float x0[2] = {1, -0.5f}, x1[2], back[2];
    bzdi_solve solve = plain(cases[i].solver, cases[i].steps);
    run(flow, &solve, 2, x0, x1);
    solve.t0 = 1, solve.t1 = 0;
    run(flow, &solve, 2, x1, back);
    for (int k = 0; k < 2; k++) assert_true(fabs((double)(back[k] - x0[k])) < cases[i].allowed);
  }
  bzdi_release(flow);
}

static void test_adaptive(void **state) {
  (void)state;
  bzd_flow *flow = models_callback(NULL, 1, 0, wave, NULL);
  float x0[1] = {1}, out[1];
  double last_error = 1, last_nfe = 0;
  for (double tolerance = 1e-2; tolerance > 1e-6; tolerance /= 10) {
    bzdi_solve solve = plain(BZDI_SOLVER_DOPRI5, 0);
    solve.rtol = solve.atol = tolerance;
    bzdi_solved solved = run(flow, &solve, 1, x0, out);
    double error = fabs((double)out[0] - wave_map(1, 1));
    assert_true(error < 30 * tolerance); /* local errors add up and are carried on by the field */
    assert_true(solved.nfe_mean >= last_nfe);
    assert_true(solved.nfe_mean == (double)solved.nfe_max);
    assert_int_equal(((int64_t)solved.nfe_mean - 2) % 6, 0); /* two to begin, six a tried step */
    last_error = error, last_nfe = solved.nfe_mean;
  }
  assert_true(last_error < 1e-4 && last_nfe > 20);
  bzdi_release(flow);
}

/* A step too large is rejected and counted. */
static int32_t kick(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                    const float *cond, float *v) {
  (void)user, (void)x, (void)cond_dim, (void)cond;
  for (int64_t i = 0; i < n * dim; i++) v[i] = t[i / dim] > 0.5f ? 50 : 0.1f;
  return 0;
}
static void test_rejected_steps_count(void **state) {
  (void)state;
  bzd_flow *flow = models_callback(NULL, 1, 0, kick, NULL);
  float x0[1] = {0}, out[1];
  bzdi_solve solve = plain(BZDI_SOLVER_DOPRI5, 0);
  solve.max_steps = 100000;
  bzdi_solved solved = run(flow, &solve, 1, x0, out);
  assert_true(solved.rejected > 0);
  assert_true(solved.nfe_mean >= 2 + 6 * (double)solved.rejected);
  bzdi_release(flow);
}

static void test_dense_output(void **state) {
  (void)state;
  bzd_flow *flow = models_callback(NULL, 2, 0, wave, NULL);
  static const int32_t solvers[] = {BZDI_SOLVER_DOPRI5, BZDI_SOLVER_RK4};
  double node[9];
  for (int s = 0; s < 2; s++)
    for (int backward = 0; backward < 2; backward++)
      for (int time_major = 0; time_major < 2; time_major++) {
        enum { N = 3 };
        float x0[N * 2] = {1, 2, -1, 0.5f, 0.1f, -2}, states[N * 9 * 2], out[N * 2];
        bzdi_solved solved;
        bzdi_solve solve = plain(solvers[s], 100);
        if (backward) solve.t0 = 1, solve.t1 = 0;
        for (int k = 0; k < 9; k++) node[k] = backward ? 1 - pow(k / 8.0, 1.5) : pow(k / 8.0, 1.5);
        solve.nodes = 9, solve.node = node;
        OK(bzdi_solve_flow(flow, 1, &solve, N, x0, NULL, out, states, time_major, NULL, &solved));
        for (int r = 0; r < N; r++)
          for (int k = 0; k < 9; k++)
            for (int j = 0; j < 2; j++) {
              double start = (double)x0[r * 2 + j] / (backward ? exp(0.75 * sin(4.0)) : 1);
              float got = time_major ? states[(k * N + r) * 2 + j] : states[(r * 9 + k) * 2 + j];
              if (fabs((double)got - wave_map(start, node[k])) > 5e-4)
                fail_msg("solver %d, node %d: %g, expected %g", (int)solvers[s], k, (double)got,
                         wave_map(start, node[k]));
              if (k == 8) assert_true(got == out[r * 2 + j]);
              if (k == 0) assert_true(got == x0[r * 2 + j]);
            }
      }
  bzdi_release(flow);
}

/* Row r is the same alone and in any company, for every solver and any number of threads; x0 from the row's number. */
static void test_rows_are_independent(void **state) {
  (void)state;
  enum { N = 100, DIM = 3 };
  static float first[7][N * DIM], out[N * DIM];
  static const int32_t threads[] = {1, 2, 3, 8};
  for (int i = 0; i < 4; i++) {
    bzd_context *context = models_context(NULL, threads[i]);
    bzd_flow *velocity = models_flow(context, BZDI_FLOW_VELOCITY, 1, DIM, 0, 17, 3);
    bzd_flow *control = models_flow(context, BZDI_FLOW_CONTROL, 3, DIM, 0, 17, 3);
    for (int32_t solver = BZDI_SOLVER_EULER; solver <= BZDI_SOLVER_DOPRI5_FIXED; solver++) {
      const bzd_flow *flow = solver == BZDI_SOLVER_CONTROL ? control : velocity;
      bzdi_solve solve = plain(solver, 3);
      solve.seed = 11;
      run(flow, &solve, N, NULL, i == 0 ? first[solver - 1] : out);
      if (i > 0) SAME(first[solver - 1], out, N * DIM);
      for (int64_t start = 0; start < N; start += 31) {
        int64_t n = N - start < 7 ? N - start : 7;
        solve.first_index = start;
        run(flow, &solve, n, NULL, out);
        SAME(first[solver - 1] + start * DIM, out, n * DIM);
      }
    }
    bzdi_release(velocity);
    bzdi_release(control);
    bzdi_release(context);
  }
}

static int32_t nan_late(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                        const float *cond, float *v) {
  (void)user, (void)cond_dim, (void)cond;
  for (int64_t i = 0; i < n * dim; i++) v[i] = t[i / dim] > 0.4f && x[i] > 1 ? NAN : 0;
  return 0;
}
static int32_t stop(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                    const float *cond, float *v) {
  (void)user, (void)n, (void)dim, (void)x, (void)t, (void)cond_dim, (void)cond, (void)v;
  return 42;
}
static int32_t stop_progress(void *user, const bzd_progress *progress) {
  *(int64_t *)user = progress->step;
  return 5;
}
static void test_failures(void **state) {
  (void)state;
  float x0[4] = {0, 0.5f, 2, 3}, out[4];
  bzdi_solved solved;
  bzd_flow *bad = models_callback(NULL, 1, 0, nan_late, NULL), *stopped = models_callback(NULL, 1, 0, stop, NULL);
  bzd_flow *good = models_callback(NULL, 1, 0, wave, NULL);
  static const int32_t solvers[] = {BZDI_SOLVER_EULER, BZDI_SOLVER_DOPRI5};
  for (int s = 0; s < 2; s++) {
    bzdi_solve solve = plain(solvers[s], 10);
    FAILS(BZD_E_NUMERIC, "row 2", bzdi_solve_flow(bad, 1, &solve, 4, x0, NULL, out, NULL, 0, NULL, &solved));
    FAILS(BZD_E_CANCELLED, "42", bzdi_solve_flow(stopped, 1, &solve, 4, x0, NULL, out, NULL, 0, NULL, &solved));
  }
  bzdi_solve solve = plain(BZDI_SOLVER_DOPRI5, 0);
  solve.rtol = solve.atol = 1e-9;
  solve.max_steps = 3;
  FAILS(BZD_E_STEPS, "row 0: 3 steps", bzdi_solve_flow(good, 1, &solve, 3, x0 + 1, NULL, out, NULL, 0, NULL, &solved));
  int64_t seen = 0;
  solve = plain(BZDI_SOLVER_EULER, 2);
  solve.progress = stop_progress;
  solve.progress_user = &seen;
  FAILS(BZD_E_CANCELLED, "returned 5", bzdi_solve_flow(good, 1, &solve, 4, x0, NULL, out, NULL, 0, NULL, &solved));
  assert_int_equal(seen, 4);
  solve = plain(BZDI_SOLVER_CONTROL, 2);
  FAILS(BZD_E_UNSUPPORTED, "CONTROL", bzdi_solve_flow(good, 1, &solve, 4, x0, NULL, out, NULL, 0, NULL, &solved));
  solve = plain(BZDI_SOLVER_EULER, 2);
  OK(bzdi_solve_flow(good, 1, &solve, 4, x0, NULL, out, NULL, 0, NULL, &solved)); /* still usable */
  assert_true(solved.nfe_mean == 2);
  bzdi_release(bad), bzdi_release(stopped), bzdi_release(good);
}

static void test_allocates_once(void **state) {
  (void)state;
  heap h = {0};
  bzd_context *context = models_context(&h, 2);
  bzd_flow *flow = models_flow(context, BZDI_FLOW_VELOCITY, 1, 4, 0, 16, 1);
  static float out[200 * 4];
  for (int32_t solver = BZDI_SOLVER_EULER; solver <= BZDI_SOLVER_DOPRI5; solver++) {
    bzdi_solve solve = plain(solver, 4);
    run(flow, &solve, 200, NULL, out);
    long long calls = atomic_load(&h.calls);
    run(flow, &solve, 200, NULL, out);
    run(flow, &solve, 150, NULL, out);
    assert_int_equal(atomic_load(&h.calls), calls);
  }
  bzdi_release(flow);
  bzdi_release(context);
  assert_int_equal(atomic_load(&h.live), 0);
  assert_int_equal(atomic_load(&h.wrong), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_gaussian_oracle),      cmocka_unit_test(test_orders),
                                     cmocka_unit_test(test_there_and_back),       cmocka_unit_test(test_adaptive),
                                     cmocka_unit_test(test_rejected_steps_count), cmocka_unit_test(test_dense_output),
                                     cmocka_unit_test(test_rows_are_independent), cmocka_unit_test(test_failures),
                                     cmocka_unit_test(test_allocates_once)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
