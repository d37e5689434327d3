/* SPDX-License-Identifier: MIT */
/* The pinned-end fit: stated norms and condition numbers, a naive twin, limits 8 and 10 of docs/math.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "../support/heap.h"
#include "../support/numbers.h"
#include "base/error.h"
#include "num/bernstein.h"
#include "num/dense.h"
#include "num/lsq.h"

enum { NODES = 17, MOST = BZDI_MAX_DEGREE + 1 };

static void equal_times(int32_t nodes, double *times) {
  for (int32_t k = 0; k < nodes; k++) times[k] = (double)k / (nodes - 1);
}

static bzdi_fit *fit_of(const bzd_context *context, int32_t degree, int32_t nodes) {
  double times[64];
  bzdi_fit *fit = NULL;
  equal_times(nodes, times);
  return bzdi_fit_new(context, degree, nodes, times, NULL, 0.0, 1.0, &fit) == BZD_OK ? fit : NULL;
}

/* [n, nodes, dim] to [nodes, n, dim]; the caller frees. */
static float *time_major(int64_t n, int32_t nodes, int64_t dim, const float *states) {
  float *out = malloc((size_t)(n * nodes * dim) * sizeof *out);
  for (int64_t r = 0; r < n; r++)
    for (int32_t k = 0; k < nodes; k++)
      memcpy(out + (k * n + r) * dim, states + (r * nodes + k) * dim, (size_t)dim * sizeof *out);
  return out;
}

static void norms_and_conditions_are_as_stated(void **state) {
  (void)state;
  /* with 17 equal nodes; the continuous Gram matrix is a little better conditioned than its sum over nodes */
  const struct {
    int32_t degree;
    double norm, condition, tolerance;
  } stated[] = {{2, 2.490272, 1.0, 1e-6},         {3, 4.502639, 7.002129, 1e-6},    {4, 11.371688, 37.242428, 1e-6},
                {6, 48.671588, 787.2625, 1e-5},   {8, 234.414776, 15992.445, 1e-6}, {12, 6927.93, 1.6595245e7, 1e-6},
                {16, 1.136078e6, 7.0549e11, 1e-3}};
  for (size_t i = 0; i < sizeof stated / sizeof *stated; i++) {
    bzdi_fit *fit = fit_of(NULL, stated[i].degree, NODES);
    assert_non_null(fit);
    assert_true(fabs(fit->norm / stated[i].norm - 1.0) < 2e-6);
    assert_true(fabs(fit->condition / stated[i].condition - 1.0) < stated[i].tolerance);
    assert_int_equal(fit->in_double, stated[i].degree >= 8);
    bzdi_fit_free(fit);
  }
}

/* Normal equations of the deviation from the chord, as docs/math.md writes them. */
static void the_matrix_solves_the_normal_equations(void **state) {
  (void)state;
  const double times[9] = {0.0, 0.05, 0.2, 0.35, 0.5, 0.55, 0.8, 0.93, 1.0};
  const double weights[9] = {3.0, 1.0, 0.5, 0.0, 2.0, 1.0, 4.0, 0.25, 9.0};
  for (int kind = 0; kind < 4; kind++)
    for (int32_t degree = 2; degree <= 5; degree++) {
      const int32_t inner = degree - 1;
      const double *w = kind & 1 ? weights : NULL, ridge = kind & 2 ? 0.03 : 0.0;
      bzdi_fit *fit = NULL;
      assert_int_equal(bzdi_fit_new(NULL, degree, 9, times, w, ridge, 1.0, &fit), BZD_OK);
      double x[9], a[16] = {0}, b[4] = {0};
      uint64_t seed = 3;
      for (int k = 0; k < 9; k++) x[k] = numbers_normal(&seed);
      for (int k = 0; k < 9; k++) {
        double basis[MOST];
        bzdi_bernstein(degree, times[k], basis);
        const double e = x[k] - (1.0 - times[k]) * x[0] - times[k] * x[8], weight = w == NULL ? 1.0 : w[k];
        for (int i = 0; i < inner; i++) {
          b[i] += weight * basis[i + 1] * e;
          for (int j = 0; j < inner; j++) a[i * inner + j] += weight * basis[i + 1] * basis[j + 1];
        }
      }
      for (int i = 0; i < inner; i++) a[i * inner + i] += ridge;
      assert_int_equal(bzdi_solve_spd(inner, a, 1, b), BZD_OK);
      for (int i = 0; i < inner; i++) {
        const double at = (i + 1.0) / degree;
        double sum = 0.0;
        for (int k = 0; k < 9; k++) sum += fit->matrix[i * 9 + k] * x[k];
        assert_true(fabs(sum - ((1.0 - at) * x[0] + at * x[8] + b[i])) < 1e-10);
      }
      bzdi_fit_free(fit);
    }
}

/* W+ A = I as far as the condition number of A allows: a fit that loses orthogonality, or solves with A'A, fails. */
static void the_matrix_inverts_the_basis(void **state) {
  (void)state;
  for (int32_t degree = 2; degree <= BZDI_MAX_DEGREE; degree++) {
    bzdi_fit *fit = fit_of(NULL, degree, NODES);
    for (int i = 1; i < degree; i++)
      for (int j = 1; j < degree; j++) {
        double sum = i == j ? -1.0 : 0.0;
        for (int k = 1; k < NODES - 1; k++) sum += fit->matrix[(i - 1) * NODES + k] * fit->basis[k * (degree + 1) + j];
        assert_true(fabs(sum) <= 1e-14 * sqrt(fit->condition));
      }
    bzdi_fit_free(fit);
  }
}

/* Limit 8, first half: control points come back within 4 |W+| 2^-24, the curve within rounding. */
static void polynomials_are_recovered(void **state) {
  (void)state;
  enum { N = 7 };
  const int64_t dim = 5;
  double times[NODES], residual[N];
  equal_times(NODES, times);
  for (int32_t degree = 1; degree <= BZDI_MAX_DEGREE; degree++) {
    const int64_t size = (degree + 1) * dim;
    float *truth = numbers_floats(13, N * size, 0.0, 1.0), states[N * NODES * 5], paths[N * MOST * 5], most = 0.0f;
    bzdi_path_evaluate(N, degree, dim, truth, NODES, times, states);
    for (int i = 0; i < N * NODES * 5; i++) most = fmaxf(most, fabsf(states[i]));
    bzdi_fit *fit = fit_of(NULL, degree, NODES);
    bzdi_fit_sample_major(fit, N, dim, states, paths);
    bzdi_fit_residual(fit, N, dim, states, 0, paths, residual);
    const double allowed = 4.0 * fmax(fit->norm, 1.0) * 0x1p-24 * (double)most;
    for (int64_t i = 0; i < N * size; i++) assert_true(fabs((double)paths[i] - (double)truth[i]) <= allowed);
    for (int r = 0; r < N; r++) assert_true(residual[r] <= 1e-6 * (double)most);
    bzdi_fit_free(fit);
    free(truth);
  }
}

/* Limit 8, second half, on curves that no polynomial follows. */
static void residuals_fall_with_the_degree(void **state) {
  (void)state;
  enum { N = 4 };
  float states[N * NODES], paths[N * MOST];
  double before[N], residual[N];
  for (int r = 0; r < N; r++)
    for (int k = 0; k < NODES; k++) states[r * NODES + k] = (float)(tanh(6.0 * k / NODES - 2.0 - r) + sin(3.0 * k + r));
  for (int32_t degree = 1; degree <= BZDI_MAX_DEGREE; degree++) {
    bzdi_fit *fit = fit_of(NULL, degree, NODES);
    bzdi_fit_sample_major(fit, N, 1, states, paths);
    bzdi_fit_residual(fit, N, 1, states, 0, paths, residual);
    for (int r = 0; r < N && degree > 1; r++) assert_true(residual[r] <= before[r] + 1e-6);
    if (degree == BZDI_MAX_DEGREE) /* 17 points, 17 nodes: through all of them */
      for (int r = 0; r < N; r++) assert_true(residual[r] < 0.01);
    memcpy(before, residual, sizeof before);
    bzdi_fit_free(fit);
  }
}

/* Every shape against the naive sum with the matrix; both layouts and all thread counts to the bit. */
static void all_layouts_and_threads_agree(void **state) {
  (void)state;
  const int64_t shapes[][2] = {{1, 1}, {3, 1}, {40, 2}, {200, 3}, {5, 64}, {4, 65}, {700, 7}, {2, 1000}, {1, 5000}};
  const int32_t degrees[] = {1, 2, 4, 9};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (size_t d = 0; d < 4; d++) {
      const int64_t n = shapes[s][0], dim = shapes[s][1], count = n * (degrees[d] + 1) * dim;
      const int32_t degree = degrees[d], nodes = 12;
      float *states = numbers_floats(17, n * nodes * dim, 1.0, 2.0), *turned = time_major(n, nodes, dim, states);
      float *paths = malloc((size_t)count * sizeof *paths), *other = malloc((size_t)count * sizeof *other);
      double *residual = malloc((size_t)n * sizeof *residual), *again = malloc((size_t)n * sizeof *again);
      for (int threads = 1; threads <= 3; threads++) {
        bzd_context *context = numbers_context(threads);
        bzdi_fit *fit = fit_of(context, degree, nodes);
        bzdi_fit_sample_major(fit, n, dim, states, threads == 1 ? paths : other);
        if (threads > 1) assert_memory_equal(paths, other, (size_t)count * sizeof *paths);
        memset(other, 0, (size_t)count * sizeof *other);
        bzdi_fit_time_major(fit, n, dim, turned, other);
        assert_memory_equal(paths, other, (size_t)count * sizeof *paths);
        bzdi_fit_residual(fit, n, dim, states, 0, paths, residual);
        bzdi_fit_residual(fit, n, dim, turned, 1, paths, again);
        assert_memory_equal(residual, again, (size_t)n * sizeof *again);
        for (int64_t r = 0; r < n && threads == 1; r++) {
          double squares = 0.0;
          for (int64_t c = 0; c < dim; c++) {
            const float *x = states + r * nodes * dim + c, *p = paths + r * (degree + 1) * dim + c;
            assert_true(p[0] == x[0] && p[degree * dim] == x[(nodes - 1) * dim]);
            for (int i = 1; i < degree; i++) {
              double sum = 0.0, size = 0.0;
              for (int k = 0; k < nodes; k++) {
                sum += fit->matrix[(i - 1) * nodes + k] * (double)x[k * dim];
                size += fabs(fit->matrix[(i - 1) * nodes + k] * (double)x[k * dim]);
              }
              assert_true(fabs((double)p[i * dim] - sum) <= 6.0 * 0x1p-24 * size);
            }
            for (int k = 0; k < nodes; k++) {
              double b[MOST], e = (double)x[k * dim];
              bzdi_bernstein(degree, (double)k / (nodes - 1), b);
              for (int i = 0; i <= degree; i++) e -= b[i] * (double)p[i * dim];
              squares += e * e;
            }
          }
          assert_true(fabs(residual[r] - sqrt(squares / (double)(nodes * dim))) <= 1e-12 * (1.0 + residual[r]));
        }
        bzdi_fit_free(fit);
        bzdi_release(context);
      }
      free(states);
      free(turned);
      free(paths);
      free(other);
      free(residual);
      free(again);
    }
}

/* Limit 10. */
static void the_fit_of_the_mean_is_the_mean_of_the_fits(void **state) {
  (void)state;
  enum { TEACHERS = 4, DIM = 50 };
  for (int32_t degree = 2; degree <= 8; degree += 2) {
    float mean[NODES * DIM], paths[TEACHERS * MOST * DIM], of_mean[MOST * DIM];
    float *states = numbers_floats(23, TEACHERS * NODES * DIM, 0.0, 1.0);
    for (int i = 0; i < NODES * DIM; i++) {
      double sum = 0.0;
      for (int m = 0; m < TEACHERS; m++) sum += (double)states[m * NODES * DIM + i];
      mean[i] = (float)(sum / TEACHERS);
    }
    bzdi_fit *fit = fit_of(NULL, degree, NODES);
    bzdi_fit_sample_major(fit, TEACHERS, DIM, states, paths);
    bzdi_fit_sample_major(fit, 1, DIM, mean, of_mean);
    for (int i = 0; i < (degree + 1) * DIM; i++) {
      double sum = 0.0;
      for (int m = 0; m < TEACHERS; m++) sum += (double)paths[m * (degree + 1) * DIM + i];
      assert_true(fabs(sum / TEACHERS - (double)of_mean[i]) <= 4.0 * (fit->norm + 1.0) * 0x1p-24 * 4.0);
    }
    bzdi_fit_free(fit);
    free(states);
  }
}

/* The ridge pulls to the chord, not to the origin. */
static void a_strong_ridge_gives_the_chord(void **state) {
  (void)state;
  double times[NODES];
  equal_times(NODES, times);
  for (int weighted = 0; weighted < 2; weighted++) {
    double none[NODES] = {0};
    float states[NODES], paths[5];
    bzdi_fit *fit = NULL;
    assert_int_equal(bzdi_fit_new(NULL, 4, NODES, times, weighted ? none : NULL, 1e12, 1.0, &fit), BZD_OK);
    for (int k = 0; k < NODES; k++) states[k] = (float)(100.0 + 8.0 * times[k] + 5.0 * sin(9.0 * times[k]));
    states[NODES - 1] = 108.0f;
    bzdi_fit_sample_major(fit, 1, 1, states, paths);
    for (int i = 0; i <= 4; i++) assert_true(fabsf(paths[i] - (100.0f + 2.0f * (float)i)) <= 1e-4f);
    bzdi_fit_free(fit);
  }
}

static void bad_arguments_are_refused(void **state) {
  (void)state;
  double times[9], weights[9];
  const double nan = NAN;
  struct {
    int32_t degree, nodes, time_at, weight_at;
    double time, weight, ridge;
    bzd_status status;
    const char *text;
  } bad[] = {
      {0, 9, -1, -1, 0, 0, 0, BZD_E_ARGUMENT, "degree is 0"},
      {17, 9, -1, -1, 0, 0, 0, BZD_E_ARGUMENT, "degree is 17"},
      {9, 9, -1, -1, 0, 0, 0, BZD_E_ARGUMENT, "9 nodes, expected at least 10"},
      {4, 9, 0, -1, 0.1, 0, 0, BZD_E_ARGUMENT, "from 0.1 to 1"},
      {4, 9, 8, -1, 0.9, 0, 0, BZD_E_ARGUMENT, "from 0 to 0.9"},
      {4, 9, 3, -1, 0.5, 0, 0, BZD_E_ARGUMENT, "times[4] is 0.5"},
      {4, 9, 3, -1, nan, 0, 0, BZD_E_ARGUMENT, "times[3] is nan"},
      {4, 9, -1, 2, 0, -1.0, 0, BZD_E_ARGUMENT, "weights[2] is -1"},
      {4, 9, -1, 2, 0, nan, 0, BZD_E_ARGUMENT, "weights[2] is nan"},
      {4, 9, -1, -1, 0, 0, -1.0, BZD_E_ARGUMENT, "ridge is -1"},
      {4, 9, -1, -1, 0, 0, nan, BZD_E_ARGUMENT, "ridge is nan"},
      {8, 9, -1, 5, 0, 0.0, 0, BZD_E_NUMERIC, "6 positive weights"},
      {8, 9, -1, 5, 0, 1e-30, 0, BZD_E_NUMERIC, "undefined"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char text[200];
    bzdi_fit *fit = (bzdi_fit *)&times; /* must become NULL */
    equal_times(9, times);
    for (int k = 0; k < 9; k++) weights[k] = 1.0;
    if (bad[i].time_at >= 0) times[bad[i].time_at] = bad[i].time;
    if (bad[i].weight_at >= 0) weights[bad[i].weight_at] = bad[i].weight;
    assert_int_equal(bzdi_fit_new(NULL, bad[i].degree, bad[i].nodes, times, weights, bad[i].ridge, 1.0, &fit),
                     bad[i].status);
    assert_null(fit);
    assert_true(bzdi_error_copy(text, sizeof text) > 0 && strstr(text, bad[i].text) != NULL);
  }
}

static void nothing_leaks(void **state) {
  (void)state;
  double times[NODES];
  equal_times(NODES, times);
  for (int refuse = 0; refuse <= 3; refuse++) {
    heap h = {0};
    const bzd_context_config config = {
        .struct_size = sizeof config, .threads = 1, .alloc = heap_alloc, .free = heap_free, .alloc_user = &h};
    bzd_context *context = NULL;
    assert_int_equal(bzdi_context_new(&config, &context), BZD_OK);
    const long long before = atomic_load(&h.live), calls = atomic_load(&h.calls);
    bzdi_fit *fit = NULL;
    if (refuse > 0) atomic_store(&h.refuse_from, calls + refuse);
    const bzd_status status = bzdi_fit_new(context, 6, NODES, times, NULL, 0.0, 1.0, &fit);
    assert_int_equal(status, refuse == 1 || refuse == 2 ? BZD_E_MEMORY : BZD_OK);
    assert_true((fit == NULL) == (status != BZD_OK));
    bzdi_fit_free(fit);
    assert_true(atomic_load(&h.live) == before && atomic_load(&h.wrong) == 0);
    bzdi_release(context);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(norms_and_conditions_are_as_stated),
      cmocka_unit_test(the_matrix_solves_the_normal_equations),
      cmocka_unit_test(the_matrix_inverts_the_basis),
      cmocka_unit_test(polynomials_are_recovered),
      cmocka_unit_test(residuals_fall_with_the_degree),
      cmocka_unit_test(all_layouts_and_threads_agree),
      cmocka_unit_test(the_fit_of_the_mean_is_the_mean_of_the_fits),
      cmocka_unit_test(a_strong_ridge_gives_the_chord),
      cmocka_unit_test(bad_arguments_are_refused),
      cmocka_unit_test(nothing_leaks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
