/* SPDX-License-Identifier: MIT */
/* Sources as pure functions of (seed, sample number): data, ensembles forwards and backwards, the caller's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "models.h"
#include "num/bernstein.h"

enum { DIM = 3, ROWS = 11, N = 40 };

static bzd_flow *network(const bzd_context *context, int64_t cond_dim, uint64_t seed) {
  return models_flow(context, BZDI_FLOW_VELOCITY, 1, DIM, cond_dim, 16, seed);
}

static bzdi_ensemble_source_spec settings(void) {
  return (bzdi_ensemble_source_spec){.guide = BZDI_GUIDE_FIT,
                                     .seed = 21,
                                     .solver = BZDI_SOLVER_RK4,
                                     .steps = 6,
                                     .rtol = 1e-4,
                                     .atol = 1e-4,
                                     .bend = 1};
}

/* Takes the hold on the ensemble over. */
static bzd_source *over(bzd_ensemble *ensemble, int32_t degree, int32_t nodes, const bzdi_ensemble_source_spec *spec) {
  bzd_fitter *fitter = models_fitter(ensemble->handle.context, degree, nodes);
  bzd_source *source;
  OK(bzdi_source_new_ensemble(ensemble, fitter, fitter->fit, spec, &source));
  bzdi_release(fitter);
  bzdi_release(ensemble);
  return source;
}

/* The same however the numbers are cut into calls, and for numbers in any order. */
static void check_pure(const bzd_source *source) {
  const int64_t row = (source->degree + 1) * source->item.dim, cond_dim = source->item.cond_dim, first = 1020;
  float *cond = malloc((size_t)(N * cond_dim + 1) * sizeof *cond), one_cond[8], span[2 * N], one_span[2];
  OK(bzdi_source_paths(source, first, 0, NULL, NULL, NULL));
  float *paths = models_paths(source, first, N, cond_dim ? cond : NULL), *one = malloc((size_t)row * sizeof *one);
  float *again = malloc((size_t)(N * row) * sizeof *again);
  OK(bzdi_source_paths(source, first, N, again, cond_dim ? cond : NULL, span));
  SAME(again, paths, N * row);
  free(again);
  for (int64_t i = 0; i < N; i++) {
    const int64_t at = (i * 17) % N, index = first + at;
    OK(source->kind->paths(source, 1, &index,
                           &(bzdi_batch){one, cond_dim ? one_cond : NULL, source->spans ? one_span : NULL, NULL}));
    if (source->spans) SAME(one_span, span + 2 * at, 2);
    SAME(one, paths + at * row, row);
    if (cond_dim) SAME(one_cond, cond + at * cond_dim, cond_dim);
  }
  free(one);
  free(paths);
  free(cond);
}

/* ---- Data ---------------------------------------------------------------------------------------------------- */

static void test_data(void **state) {
  bzd_data *target = models_data(NULL, ROWS, DIM, 3, 1), *start = models_data(NULL, 7, DIM, 0, 2);
  (void)state;
  for (int with = 0; with < 2; with++) {
    bzd_source *source;
    float cond[N * 3], noise[N * DIM], row[DIM], row_cond[3];
    OK(bzdi_source_new_data(target, with ? start : NULL, 33, &source));
    assert_true(source->degree == 1 && source->item.cond_dim == 3);
    float *paths = models_paths(source, 5, N, cond);
    bzdi_rng_normals(33, BZD_STREAM_NOISE, 5, N, DIM, noise, DIM);
    for (int i = 0; i < N; i++) {
      int64_t at = bzdi_rng_shuffled(33, BZD_STREAM_ORDER, (uint64_t)(5 + i), ROWS);
      bzdi_data_rows(target, 1, &at, row, row_cond);
      SAME(paths + (2 * i + 1) * DIM, row, DIM);
      SAME(cond + 3 * i, row_cond, 3);
      at = bzdi_rng_shuffled(33, BZD_STREAM_PARTNER, (uint64_t)(5 + i), 7);
      bzdi_data_rows(start, 1, &at, row, NULL);
      SAME(paths + 2 * i * DIM, with ? row : noise + i * DIM, DIM);
    }
    check_pure(source);
    free(paths);
    bzdi_release(source);
  }
  bzd_data *wide = models_data(NULL, 4, DIM + 2, 0, 2);
  bzd_source *none;
  FAILS(BZD_E_DIMENSION, "start: dim 5, expected 3", bzdi_source_new_data(target, wide, 1, &none));
  assert_null(none);
  bzdi_release(wide);
  bzdi_release(start);
  bzdi_release(target);
}

/* ---- Ensembles, forwards ------------------------------------------------------------------------------------- */

/* Limit 1, the pairs: degree 1 is [x0, T(x0)] to the bit, T the sampler. */
static void test_reflow_pairs(void **state) {
  static const int32_t solvers[] = {BZDI_SOLVER_EULER, BZDI_SOLVER_MIDPOINT, BZDI_SOLVER_HEUN,
                                    BZDI_SOLVER_RK4,   BZDI_SOLVER_DOPRI5,   BZDI_SOLVER_DOPRI5_FIXED};
  bzd_flow *teacher = network(NULL, 0, 4);
  bzd_data *start = models_data(NULL, ROWS, DIM, 0, 9);
  (void)state;
  for (int s = 0; s < 6; s++)
    for (int with = 0; with < 2; with++) {
      bzdi_ensemble_source_spec spec = settings();
      spec.solver = solvers[s];
      spec.start = with ? start : NULL;
      bzd_source *source = over(models_single(NULL, bzdi_retain(teacher)), 1, 2 + s, &spec);
      float *paths = models_paths(source, 50, N, NULL), x0[N * DIM], x1[N * DIM];
      bzdi_rng_normals(21, BZD_STREAM_NOISE, 50, N, DIM, x0, DIM);
      for (int i = 0; i < N && with; i++) {
        int64_t at = bzdi_rng_shuffled(21, BZD_STREAM_PARTNER, (uint64_t)(50 + i), ROWS);
        bzdi_data_rows(start, 1, &at, x0 + i * DIM, NULL);
      }
      bzdi_solve solve = {.solver = solvers[s], .steps = 6, .t1 = 1, .rtol = 1e-4, .atol = 1e-4, .max_steps = 10000};
      bzdi_solved solved;
      OK(bzdi_solve_flow(teacher, 1, &solve, N, x0, NULL, x1, NULL, 0, NULL, &solved));
      for (int i = 0; i < N; i++) {
        SAME(paths + 2 * i * DIM, x0 + i * DIM, DIM);
        SAME(paths + (2 * i + 1) * DIM, x1 + i * DIM, DIM);
      }
      check_pure(source);
      free(paths);
      bzdi_release(source);
    }
  bzdi_release(start);
  bzdi_release(teacher);
}

/* The trajectory at the fitter's nodes, fitted sample by sample. */
static void test_fitted(void **state) {
  enum { NODES = 9, DEGREE = 3 };
  bzd_flow *flows[2] = {network(NULL, 0, 1), network(NULL, 0, 2)};
  bzd_ensemble *ensemble = models_ensemble(NULL, BZDI_COMBINE_VELOCITY, BZDI_RULE_CONSENSUS, 2, flows, NULL);
  bzdi_ensemble_source_spec spec = settings();
  bzd_source *source = over(bzdi_retain(ensemble), DEGREE, NODES, &spec);
  bzd_fitter *fitter = models_fitter(NULL, DEGREE, NODES);
  float states[N * NODES * DIM], expected[N * (DEGREE + 1) * DIM], paths[N * (DEGREE + 1) * DIM];
  double residual[N], squares = 0;
  int64_t index[N];
  (void)state;
  bzdi_solve solve = {.solver = BZDI_SOLVER_RK4, .steps = 6, .t1 = 1, .seed = 21, .nodes = NODES};
  solve.node = fitter->fit->times;
  bzdi_field field;
  bzdi_solved solved;
  bzdi_ensemble_field(ensemble, &field);
  OK(bzdi_solve_field(NULL, &ensemble->cache, &field, &solve, N, NULL, NULL, NULL, states, 0, &solved));
  bzdi_fit_sample_major(fitter->fit, N, DIM, states, expected);
  bzdi_fit_residual(fitter->fit, N, DIM, states, 0, expected, residual);
  for (int i = 0; i < N; i++) {
    squares += residual[i] * residual[i];
    index[i] = i;
  }
  bzdi_spent spent = {0};
  OK(source->kind->paths(source, N, index, &(bzdi_batch){paths, NULL, NULL, &spent}));
  SAME(paths, expected, N * (DEGREE + 1) * DIM);
  assert_int_equal(spent.paths, N);
  assert_true(fabs(spent.residual2 / squares - 1) < 1e-12 && squares > 0);
  assert_true(spent.nfe == solved.nfe_mean * N && solved.nfe_max % 8 == 0); /* two teachers, four stages */
  check_pure(source);
  bzdi_release(fitter);
  bzdi_release(source);
  bzdi_release(ensemble);
}

/* Paths that bend less are between the fit and its chord, whatever the degree; their ends are the same. */
static void test_bend(void **state) {
  enum { NODES = 9 };
  (void)state;
  for (int32_t degree = 1; degree <= 4; degree++) {
    const int32_t row = (degree + 1) * DIM;
    float paths[4][N * 5 * DIM];
    const double bend[4] = {1, 0.75, 0.25, 0};
    int64_t index[N];
    for (int i = 0; i < N; i++) index[i] = i;
    for (int k = 0; k < 4; k++) {
      bzdi_ensemble_source_spec spec = settings();
      spec.bend = bend[k];
      bzd_source *source = over(models_single(NULL, network(NULL, 0, 1)), degree, NODES, &spec);
      bzdi_spent spent = {0};
      OK(source->kind->paths(source, N, index, &(bzdi_batch){paths[k], NULL, NULL, &spent}));
      bzdi_release(source);
      for (int i = 0; i < N * row; i++) {
        const float *whole = paths[0] + i / row * row;
        int p = i % row / DIM, j = i % DIM;
        double at = (double)p / degree, chord = (1 - at) * (double)whole[j] + at * (double)whole[row - DIM + j];
        double expected = chord + bend[k] * ((double)whole[p * DIM + j] - chord);
        if (p == 0 || p == degree)
          assert_true(paths[k][i] == whole[p * DIM + j]);
        else
          assert_true(fabs((double)paths[k][i] - expected) < 1e-5);
      }
    }
    if (degree > 1) assert_memory_not_equal(paths[0], paths[1], sizeof(float) * (size_t)(N * row));
  }
}

/* Limit 8: velocities that are polynomials of t have polynomial trajectories. v_j = sum_k c_k t^k with numbers of its
 * own for each coordinate; the source fits them exactly from degree 3 on, and better with each degree before. */
static int32_t cubic(void *user, int64_t n, int64_t dim, const float *at, const float *t, int64_t cond_dim,
                     const float *c, float *v) {
  (void)user, (void)at, (void)cond_dim, (void)c;
  for (int64_t r = 0; r < n; r++)
    for (int64_t j = 0; j < dim; j++) v[r * dim + j] = 1.0f + (float)j * t[r] - 3 * t[r] * t[r];
  return 0;
}

static void test_polynomial_trajectory(void **state) {
  double last = INFINITY;
  (void)state;
  for (int32_t degree = 2; degree <= 5; degree++) {
    bzdi_ensemble_source_spec spec = settings();
    spec.steps = 12;
    bzd_source *source = over(models_single(NULL, models_callback(NULL, DIM, 0, cubic, NULL)), degree, 13, &spec);
    float paths[N * 6 * DIM];
    int64_t index[N];
    bzdi_spent spent = {0};
    for (int i = 0; i < N; i++) index[i] = i;
    OK(source->kind->paths(source, N, index, &(bzdi_batch){paths, NULL, NULL, &spent}));
    double residual = sqrt(spent.residual2 / N);
    if (degree >= 3) {
      assert_true(residual < 1e-6);
      for (int i = 0; i < N; i++)
        for (int j = 0; j < DIM; j++) { /* the velocity at both ends */
          const float *p = paths + i * (degree + 1) * DIM + j;
          assert_true(fabs((double)degree * (double)(p[DIM] - p[0]) - 1) < 2e-4);
          assert_true(fabs((double)degree * (double)(p[degree * DIM] - p[(degree - 1) * DIM]) - (j - 2)) < 2e-4);
        }
    } else {
      assert_true(residual > 1e-3 && residual < last);
    }
    last = residual;
    bzdi_release(source);
  }
}

static void test_guided_sources(void **state) {
  const double tau[2] = {0.25, 0.7};
  bzd_flow *teacher = network(NULL, 0, 4);
  (void)state;
  for (int32_t degree = 2; degree <= 3; degree++)
    for (int32_t guide = BZDI_GUIDE_CONTROL; guide <= BZDI_GUIDE_WAYPOINT; guide++) {
      bzdi_ensemble_source_spec spec = settings();
      spec.guide = guide;
      memcpy(spec.guide_time, tau, sizeof tau);
      bzd_source *source = over(models_single(NULL, bzdi_retain(teacher)), degree, 9, &spec);
      double node[4] = {0, tau[0], tau[1], 1};
      node[degree] = 1;
      float states[N * 4 * DIM], *paths = models_paths(source, 0, N, NULL);
      bzdi_solve solve = {
          .solver = BZDI_SOLVER_RK4, .steps = 6, .t1 = 1, .seed = 21, .nodes = degree + 1, .node = node};
      bzdi_solved solved;
      OK(bzdi_solve_flow(teacher, 1, &solve, N, NULL, NULL, NULL, states, 0, NULL, &solved));
      if (guide == BZDI_GUIDE_CONTROL) SAME(paths, states, N * (degree + 1) * DIM);
      for (int i = 0; i < N; i++)
        for (int k = 0; k <= degree; k++)
          for (int j = 0; j < DIM; j++) {
            const float *p = paths + i * (degree + 1) * DIM + j;
            double b[4], at = 0, want = (double)states[(i * (degree + 1) + k) * DIM + j];
            for (int m = 0; m <= degree; m++) {
              b[m] = (degree == 2 && m == 1               ? 2
                      : degree == 3 && (m == 1 || m == 2) ? 3
                                                          : 1) *
                     pow(1 - node[k], degree - m) * pow(node[k], m);
              at += b[m] * (double)p[m * DIM];
            }
            if (guide == BZDI_GUIDE_WAYPOINT) assert_true(fabs(at - want) < 1e-5);
          }
      check_pure(source);
      free(paths);
      bzdi_release(source);
    }
  bzdi_release(teacher);
}

/* ---- Ensembles, backwards ------------------------------------------------------------------------------------ */

static void test_anchored(void **state) {
  enum { NODES = 7, DEGREE = 3 };
  bzd_flow *teacher = network(NULL, 3, 4);
  bzd_data *real = models_data(NULL, ROWS, DIM, 3, 8);
  bzdi_ensemble_source_spec spec = settings();
  float cond[N * 3], row[DIM], row_cond[3], states[NODES * DIM], ascending[NODES * DIM], fitted[(DEGREE + 1) * DIM];
  int anchored = 0;
  (void)state;
  spec.real = real;
  spec.rho = 0.4;
  bzd_source *source = over(models_single(NULL, bzdi_retain(teacher)), DEGREE, NODES, &spec);
  bzd_fitter *fitter = models_fitter(NULL, DEGREE, NODES);
  double node[NODES];
  for (int k = 0; k < NODES; k++) node[k] = fitter->fit->times[NODES - 1 - k];
  float *paths = models_paths(source, 0, N, cond);
  for (int i = 0; i < N; i++) {
    int64_t at = bzdi_rng_shuffled(21, BZD_STREAM_ORDER, (uint64_t)i, ROWS), number = i;
    const float *path = paths + i * (DEGREE + 1) * DIM;
    int back = bzdi_rng_unit(21, BZD_STREAM_ANCHOR, (uint64_t)i) < 0.4;
    bzdi_data_rows(real, 1, &at, row, row_cond);
    SAME(cond + 3 * i, row_cond, 3); /* forward rows take the condition of the same row */
    bzdi_solve solve = {.solver = BZDI_SOLVER_RK4,
                        .steps = 6,
                        .t0 = back,
                        .t1 = !back,
                        .seed = 21,
                        .index = &number,
                        .nodes = NODES,
                        .node = back ? node : fitter->fit->times};
    bzdi_solved solved;
    OK(bzdi_solve_flow(teacher, 1, &solve, 1, back ? row : NULL, row_cond, NULL, states, 0, NULL, &solved));
    for (int k = 0; k < NODES; k++) memcpy(ascending + k * DIM, states + (back ? NODES - 1 - k : k) * DIM, sizeof row);
    bzdi_fit_sample_major(fitter->fit, 1, DIM, ascending, fitted);
    SAME(path, fitted, (DEGREE + 1) * DIM);
    if (back) SAME(path + DEGREE * DIM, row, DIM); /* the real row to the bit */
    anchored += back;
  }
  assert_in_range(anchored, 8, 24);
  check_pure(source);
  free(paths);
  bzdi_release(fitter);
  bzdi_release(source);
  bzdi_release(real);
  bzdi_release(teacher);
}

static int32_t still(void *user, int64_t n, int64_t dim, const float *at, const float *t, int64_t cond_dim,
                     const float *c, float *v) {
  (void)user, (void)at, (void)t, (void)cond_dim, (void)c;
  memset(v, 0, (size_t)(n * dim) * sizeof *v);
  return 0;
}

/* Limit 17, real fraction 1 and no teacher = 1-RF. With rho = 1 an ensemble gives nothing to the law at t = 1: end
 * points and conditions are those of the data source, sample by sample, and a teacher that does nothing leaves the real
 * row at both ends. Without any teacher the other end is noise: that is the data source, and its rows are those of
 * 1-RF's plain loop, x_t = (1 - t) x0 + t x1 and x1 - x0, to the bit. */
static void test_no_teacher(void **state) {
  bzd_data *real = models_data(NULL, ROWS, DIM, 2, 8);
  bzdi_ensemble_source_spec spec = settings();
  bzd_source *data;
  float data_cond[N * 2], cond[N * 2], noise[N * DIM], t[N], x[N * DIM], u[N * DIM];
  int64_t index[N];
  (void)state;
  spec.real = real;
  spec.rho = 1;
  bzd_source *anchored = over(models_single(NULL, models_callback(NULL, DIM, 2, still, NULL)), 1, 2, &spec);
  OK(bzdi_source_new_data(real, NULL, spec.seed, &data));
  float *lines = models_paths(data, 0, N, data_cond), *paths = models_paths(anchored, 0, N, cond);
  SAME(cond, data_cond, N * 2);
  for (int i = 0; i < N; i++) {
    SAME(paths + (2 * i + 1) * DIM, lines + (2 * i + 1) * DIM, DIM);
    SAME(paths + 2 * i * DIM, paths + (2 * i + 1) * DIM, DIM);
    index[i] = i;
  }
  const bzdi_time_config config = {.kind = BZDI_TIME_UNIFORM, .seed = 2};
  bzdi_times(&config, NULL, N, index, t, NULL, NULL);
  bzdi_path_targets(N, 1, DIM, lines, t, 1, 0, x, u);
  bzdi_rng_normals(spec.seed, BZD_STREAM_NOISE, 0, N, DIM, noise, DIM);
  for (int i = 0; i < N * DIM; i++) {
    float x1 = lines[(2 * (i / DIM) + 1) * DIM + i % DIM], time = t[i / DIM];
    assert_true(x[i] == (float)(1 - (double)time) * noise[i] + time * x1);
    assert_true(u[i] == x1 - noise[i]);
  }
  free(lines);
  free(paths);
  bzdi_release(data);
  bzdi_release(anchored);
  bzdi_release(real);
}

/* ---- Conditions, refusals ------------------------------------------------------------------------------------ */

static void test_drawn_conditions(void **state) {
  enum { COUNT = 5 };
  float given[COUNT * 2], cond[N * 2];
  bzd_flow *teacher = network(NULL, 2, 4);
  bzdi_ensemble_source_spec spec = settings();
  (void)state;
  for (int i = 0; i < COUNT * 2; i++) given[i] = (float)i;
  spec.cond = given;
  spec.cond_count = COUNT;
  bzd_source *source = over(models_single(NULL, bzdi_retain(teacher)), 1, 2, &spec);
  memset(given, 0, sizeof given); /* it was copied */
  float *paths = models_paths(source, 0, N, cond), x1[DIM];
  for (int i = 0; i < N; i++) {
    int64_t at = bzdi_rng_shuffled(21, BZD_STREAM_ORDER, (uint64_t)i, COUNT);
    assert_true(cond[2 * i] == (float)(2 * at) && cond[2 * i + 1] == (float)(2 * at + 1));
    bzdi_solve solve = {.solver = BZDI_SOLVER_RK4, .steps = 6, .t1 = 1};
    bzdi_solved solved;
    OK(bzdi_solve_flow(teacher, 1, &solve, 1, paths + 2 * i * DIM, cond + 2 * i, x1, NULL, 0, NULL, &solved));
    SAME(paths + (2 * i + 1) * DIM, x1, DIM);
  }
  check_pure(source);
  free(paths);
  bzdi_release(source);
  bzdi_release(teacher);
}

static void test_refusals(void **state) {
  bzd_ensemble *plain = models_single(NULL, network(NULL, 0, 1)),
               *conditional = models_single(NULL, network(NULL, 2, 1));
  bzd_fitter *fitter = models_fitter(NULL, 2, 5);
  bzd_data *labelled = models_data(NULL, ROWS, DIM, 3, 1), *unlabelled = models_data(NULL, ROWS, DIM, 0, 1),
           *wide = models_data(NULL, ROWS, DIM + 1, 0, 1);
  bzdi_ensemble_source_spec spec = settings();
  float given[2] = {1, 2};
  bzd_source *source;
  (void)state;
  FAILS(BZD_E_ARGUMENT, "conditions", bzdi_source_new_ensemble(conditional, fitter, fitter->fit, &spec, &source));
  assert_null(source);
  spec.real = unlabelled;
  FAILS(BZD_E_ARGUMENT, "conditions", bzdi_source_new_ensemble(conditional, fitter, fitter->fit, &spec, &source));
  spec.cond = given;
  spec.cond_count = 1;
  OK(bzdi_source_new_ensemble(conditional, fitter, fitter->fit, &spec, &source));
  bzdi_release(source);
  spec.rho = 0.5; /* a condition drawn at random is not that of the row */
  FAILS(BZD_E_ARGUMENT, "rho is 0.5", bzdi_source_new_ensemble(conditional, fitter, fitter->fit, &spec, &source));
  spec.real = labelled;
  FAILS(BZD_E_DIMENSION, "real: cond_dim 3, expected 2",
        bzdi_source_new_ensemble(conditional, fitter, fitter->fit, &spec, &source));
  OK(bzdi_source_new_ensemble(plain, fitter, fitter->fit, &spec, &source)); /* labels nobody asks for */
  assert_int_equal(source->item.cond_dim, 0);
  bzdi_release(source);
  spec.real = wide;
  FAILS(BZD_E_DIMENSION, "real: dim 4, expected 3",
        bzdi_source_new_ensemble(plain, fitter, fitter->fit, &spec, &source));
  spec.real = NULL;
  FAILS(BZD_E_ARGUMENT, "rho is 0.5, but real is NULL",
        bzdi_source_new_ensemble(plain, fitter, fitter->fit, &spec, &source));
  spec.rho = 0;
  spec.start = wide;
  FAILS(BZD_E_DIMENSION, "start: dim 4, expected 3",
        bzdi_source_new_ensemble(plain, fitter, fitter->fit, &spec, &source));
  bzdi_release(plain);
  bzdi_release(conditional);
  bzdi_release(fitter);
  bzdi_release(labelled);
  bzdi_release(unlabelled);
  bzdi_release(wide);
}

/* ---- Teachers that fail -------------------------------------------------------------------------------------- */

static int32_t stiff(void *user, int64_t n, int64_t dim, const float *at, const float *t, int64_t cond_dim,
                     const float *c, float *v) {
  (void)user, (void)t, (void)cond_dim, (void)c;
  for (int64_t i = 0; i < n * dim; i++) v[i] = at[i] > 0 ? 1e7f * sinf(1e7f * at[i]) : 0;
  return 0;
}

static void test_failing_teachers(void **state) {
  bzd_flow *flows[3] = {network(NULL, 0, 1), network(NULL, 0, 2), network(NULL, 0, 3)};
  bzdi_ensemble_source_spec spec = settings();
  float paths[N * 3 * DIM];
  int32_t solvers[2] = {BZDI_SOLVER_RK4, BZDI_SOLVER_DOPRI5};
  (void)state;
  flows[2]->weights[flows[2]->net->count - 1] = NAN;
  bzdi_flow_repack(flows[2]);
  bzd_ensemble *ensemble = models_ensemble(NULL, BZDI_COMBINE_VELOCITY, BZDI_RULE_UNIFORM, 3, flows, NULL);
  for (int s = 0; s < 2; s++) {
    spec.solver = solvers[s];
    bzd_source *source = over(bzdi_retain(ensemble), 2, 5, &spec);
    FAILS(BZD_E_NUMERIC, "teacher 2: not finite at t 0", bzdi_source_paths(source, 0, N, paths, NULL, NULL));
    bzdi_release(source);
  }
  bzdi_release(ensemble);
  /* Every velocity finite, the state not: the sample is named. */
  bzd_flow *large = network(NULL, 0, 1);
  for (int64_t i = 0; i < large->net->count; i++) large->weights[i] *= 1e20f;
  bzdi_flow_repack(large);
  spec.solver = BZDI_SOLVER_DOPRI5;
  bzd_source *source = over(models_single(NULL, models_callback(NULL, DIM, 0, stiff, NULL)), 2, 5, &spec);
  FAILS(BZD_E_STEPS, "sample 1", bzdi_source_paths(source, 100, N, paths, NULL, NULL));
  bzdi_release(source);
  spec.solver = BZDI_SOLVER_RK4;
  source = over(models_single(NULL, large), 2, 5, &spec);
  FAILS(BZD_E_NUMERIC, "teacher 0: not finite at t", bzdi_source_paths(source, 100, N, paths, NULL, NULL));
  bzdi_release(source);
}

/* ---- The caller's own ---------------------------------------------------------------------------------------- */

typedef struct own {
  int32_t answer;
  int64_t poison, poison_cond;
} own;

static int32_t numbered(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim, int64_t cond_dim,
                        float *paths, float *cond, float *span) {
  (void)span;
  const own *o = user;
  int64_t row = (degree + 1) * dim;
  for (int64_t i = 0; i < n; i++) {
    for (int64_t k = 0; k < row; k++) paths[i * row + k] = (float)(index[i] * 100 + k);
    for (int64_t k = 0; k < cond_dim; k++) cond[i * cond_dim + k] = index[i] == o->poison_cond ? NAN : (float)index[i];
    if (index[i] == o->poison) paths[i * row + dim + 1] = INFINITY;
  }
  return o->answer;
}

static void test_callback(void **state) {
  own o = {0, -1, -1};
  bzd_source *source;
  float cond[N * 2], paths[N * 3 * DIM];
  (void)state;
  OK(bzdi_source_new_callback(NULL, 2, DIM, 2, numbered, &o, &source));
  check_pure(source);
  o.answer = -3;
  FAILS(BZD_E_CANCELLED, "-3", bzdi_source_paths(source, 0, N, paths, cond, NULL));
  o = (own){0, 13, -1};
  FAILS(BZD_E_NUMERIC, "sample 13, control point 1, column 1 is inf",
        bzdi_source_paths(source, 0, N, paths, cond, NULL));
  o = (own){0, -1, 7};
  FAILS(BZD_E_NUMERIC, "sample 7, condition 0", bzdi_source_paths(source, 0, N, paths, cond, NULL));
  o = (own){0, -1, -1};
  OK(bzdi_source_paths(source, 0, N, paths, cond, NULL));
  bzdi_release(source);
}

/* ---- Identity, threads, memory ------------------------------------------------------------------------------- */

static void identity(const bzdi_ensemble_source_spec *spec, uint64_t teacher, int32_t degree, uint8_t id[32]) {
  bzd_source *source = over(models_single(NULL, network(NULL, 0, teacher)), degree, 5, spec);
  OK(bzdi_source_identity(source, id));
  bzdi_release(source);
}

static void test_identity(void **state) {
  bzd_data *real = models_data(NULL, ROWS, DIM, 0, 1), *other = models_data(NULL, ROWS, DIM, 0, 2);
  uint8_t first[32], id[32];
  bzdi_ensemble_source_spec spec = settings();
  (void)state;
  spec.real = real;
  spec.rho = 0.5;
  identity(&spec, 1, 2, first);
  identity(&spec, 1, 2, id);
  assert_memory_equal(first, id, 32);
  identity(&spec, 2, 2, id);
  assert_memory_not_equal(first, id, 32);
  identity(&spec, 1, 3, id);
  assert_memory_not_equal(first, id, 32);
  bzdi_ensemble_source_spec changed[8];
  for (int i = 0; i < 8; i++) changed[i] = spec;
  changed[0].seed++;
  changed[1].rho = 0.25;
  changed[2].steps++;
  changed[3].solver = BZDI_SOLVER_HEUN;
  changed[4].real = other;
  changed[5].start = other;
  changed[6].guide = BZDI_GUIDE_CONTROL;
  changed[6].guide_time[0] = 0.5;
  changed[7].bend = 0.5;
  for (int i = 0; i < 8; i++) {
    identity(&changed[i], 1, 2, id);
    assert_memory_not_equal(first, id, 32);
  }
  for (int i = 0; i < 2; i++) { /* a data source is its rows and its seed */
    bzd_source *a, *b, *c;
    OK(bzdi_source_new_data(real, NULL, 1, &a));
    OK(bzdi_source_new_data(i ? other : real, NULL, i ? 1 : 2, &b));
    OK(bzdi_source_new_data(real, other, 1, &c));
    OK(bzdi_source_identity(a, first));
    OK(bzdi_source_identity(b, id));
    assert_memory_not_equal(first, id, 32);
    OK(bzdi_source_identity(c, id));
    assert_memory_not_equal(first, id, 32);
    bzdi_release(a);
    bzdi_release(b);
    bzdi_release(c);
  }
  bzdi_release(real);
  bzdi_release(other);
}

static bzd_source *mixed(const bzd_context *context) {
  bzd_flow *flows[2] = {network(context, 2, 1), network(context, 2, 2)};
  bzd_data *real = models_data(context, ROWS, DIM, 2, 8);
  bzdi_ensemble_source_spec spec = settings();
  spec.real = real;
  spec.rho = 0.5;
  spec.solver = BZDI_SOLVER_DOPRI5;
  bzd_source *source =
      over(models_ensemble(context, BZDI_COMBINE_MIXTURE, BZDI_RULE_UNIFORM, 2, flows, NULL), 4, 9, &spec);
  bzdi_release(real);
  return source;
}

static void test_threads(void **state) {
  enum { MANY = 300 };
  static const int32_t threads[] = {1, 2, 3, 8};
  float *first = NULL, cond[MANY * 2];
  (void)state;
  for (int i = 0; i < 4; i++) {
    bzd_context *context = models_context(NULL, threads[i]);
    bzd_source *source = mixed(context);
    float *paths = models_paths(source, 0, MANY, cond);
    if (!first)
      first = paths;
    else
      SAME(first, paths, MANY * 5 * DIM);
    if (paths != first) free(paths);
    bzdi_release(source);
    bzdi_release(context);
  }
  free(first);
}

static void test_memory(void **state) {
  heap h = {0};
  bzd_context *context = models_context(&h, 2);
  float cond[N * 2], paths[N * 5 * DIM];
  (void)state;
  bzd_source *source = mixed(context);
  OK(bzdi_source_paths(source, 0, N, paths, cond, NULL));
  const long long calls = atomic_load(&h.calls), live = atomic_load(&h.live);
  OK(bzdi_source_paths(source, N, N, paths, cond, NULL));
  assert_true(atomic_load(&h.calls) == calls && atomic_load(&h.live) == live);
  bzdi_release(source);
  source = mixed(context); /* nothing cached */
  atomic_store(&h.refuse_from, atomic_load(&h.calls) + 1);
  assert_int_equal(bzdi_source_paths(source, 0, N, paths, cond, NULL), BZD_E_MEMORY);
  atomic_store(&h.refuse_from, atomic_load(&h.calls) + 2);
  assert_int_equal(bzdi_source_paths(source, 0, N, paths, cond, NULL), BZD_E_MEMORY);
  atomic_store(&h.refuse_from, 0);
  OK(bzdi_source_paths(source, 0, N, paths, cond, NULL));
  bzdi_release(source);
  bzdi_release(context);
  assert_true(atomic_load(&h.live) == 0 && atomic_load(&h.wrong) == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_data),
                                     cmocka_unit_test(test_reflow_pairs),
                                     cmocka_unit_test(test_fitted),
                                     cmocka_unit_test(test_bend),
                                     cmocka_unit_test(test_polynomial_trajectory),
                                     cmocka_unit_test(test_guided_sources),
                                     cmocka_unit_test(test_anchored),
                                     cmocka_unit_test(test_no_teacher),
                                     cmocka_unit_test(test_drawn_conditions),
                                     cmocka_unit_test(test_refusals),
                                     cmocka_unit_test(test_failing_teachers),
                                     cmocka_unit_test(test_callback),
                                     cmocka_unit_test(test_identity),
                                     cmocka_unit_test(test_threads),
                                     cmocka_unit_test(test_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
