/* SPDX-License-Identifier: MIT */
#include "num/lsq.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/task.h"
#include "num/bernstein.h"
#include "num/eigen.h"

#include <math.h>
#include <string.h>

enum { INNER = BZDI_MAX_DEGREE - 1 }; /* most interior control points */

static const double most_in_float = 100.0; /* norm above which the product is made in double */
static const double dependent = 1e-13;     /* what is left of a column that the columns before it explain */

static bzd_status check(int32_t degree, int32_t nodes, const double *times, const double *weights, double ridge) {
  if (degree < 1 || degree > BZDI_MAX_DEGREE)
    return bzdi_fail(BZD_E_ARGUMENT, "fit: degree is %d, expected 1..%d", degree, BZDI_MAX_DEGREE);
  if (nodes < degree + 1)
    return bzdi_fail(BZD_E_ARGUMENT, "fit: %d nodes, expected at least %d for degree %d", nodes, degree + 1, degree);
  if (times[0] != 0.0 || times[nodes - 1] != 1.0)
    return bzdi_fail(BZD_E_ARGUMENT, "fit: times go from %g to %g, expected 0 to 1", times[0], times[nodes - 1]);
  for (int32_t k = 1; k < nodes; k++)
    if (!(times[k] > times[k - 1]))
      return bzdi_fail(BZD_E_ARGUMENT, "fit: times[%d] is %g after %g, expected ascending times", k, times[k],
                       times[k - 1]);
  if (!(ridge >= 0.0 && isfinite(ridge)))
    return bzdi_fail(BZD_E_ARGUMENT, "fit: ridge is %g, expected a finite number >= 0", ridge);
  int32_t positive = 0;
  for (int32_t k = 0; k < nodes; k++) {
    const double w = weights == NULL ? 1.0 : weights[k];
    if (!(w >= 0.0 && isfinite(w)))
      return bzdi_fail(BZD_E_ARGUMENT, "fit: weights[%d] is %g, expected a finite number >= 0", k, w);
    if (k > 0 && k < nodes - 1 && w > 0.0) positive++;
  }
  if (ridge == 0.0 && positive < degree - 1)
    return bzdi_fail(BZD_E_NUMERIC, "fit: %d positive weights between the ends, degree %d needs %d", positive, degree,
                     degree - 1);
  return BZD_OK;
}

/* Q R = the columns of q [columns][rows], over q; r [columns, columns]. Gram-Schmidt twice: orthogonal to rounding
 * whatever the condition number, which the normal equations would square. */
static bzd_status orthogonalise(int32_t degree, int32_t columns, int32_t rows, double *q, double *r) {
  for (int32_t j = 0; j < columns; j++) {
    double *column = q + (int64_t)j * rows, before = 0.0, after = 0.0;
    for (int32_t k = 0; k < rows; k++) before += column[k] * column[k];
    for (int32_t i = 0; i < columns; i++) r[i * columns + j] = 0.0;
    for (int pass = 0; pass < 2; pass++)
      for (int32_t i = 0; i < j; i++) {
        const double *base = q + (int64_t)i * rows;
        double dot = 0.0;
        for (int32_t k = 0; k < rows; k++) dot += base[k] * column[k];
        for (int32_t k = 0; k < rows; k++) column[k] -= dot * base[k];
        r[i * columns + j] += dot;
      }
    for (int32_t k = 0; k < rows; k++) after += column[k] * column[k];
    if (!(sqrt(after) > dependent * sqrt(before)))
      return bzdi_fail(BZD_E_NUMERIC,
                       "fit: times and weights leave %d of the %d interior points of degree %d undefined", columns - j,
                       columns, degree);
    r[j * columns + j] = sqrt(after);
    for (int32_t k = 0; k < rows; k++) column[k] /= r[j * columns + j];
  }
  return BZD_OK;
}

/* R^-1 over the upper triangle r. */
static void invert_upper(int32_t n, double *r) {
  for (int32_t j = 0; j < n; j++) {
    r[j * n + j] = 1.0 / r[j * n + j];
    for (int32_t i = 0; i < j; i++) { /* left of column j stands the inverse already; below row i, still R */
      double sum = 0.0;
      for (int32_t k = i; k < j; k++) sum += r[i * n + k] * r[k * n + j];
      r[i * n + j] = -sum * r[j * n + j];
    }
  }
}

/* Largest singular value of a [n, n], from the largest eigenvalue of A'A, which squaring does not spoil. */
static bzd_status largest_singular(int32_t n, const double *a, double *out) {
  double square[INNER * INNER], values[INNER], work[2 * INNER];
  for (int32_t i = 0; i < n; i++)
    for (int32_t j = 0; j < n; j++) {
      double sum = 0.0;
      for (int32_t k = 0; k < n; k++) sum += a[k * n + i] * a[k * n + j];
      square[i * n + j] = sum;
    }
  BZDI_TRY(bzdi_eigen_symmetric(n, square, 0, values, work));
  *out = sqrt(values[n - 1]);
  return BZD_OK;
}

/* The rows of bend W+ over columns 1..nodes-2 of fit->matrix, then both ends folded in. q: (degree-1) (nodes+degree-3).
 */
static bzd_status solve(bzdi_fit *fit, const double *weights, double ridge, double bend, double *q) {
  const int32_t n = fit->degree, inner = n - 1, seen = fit->nodes - 2, rows = seen + (ridge > 0.0 ? inner : 0);
  for (int32_t j = 0; j < inner; j++)
    for (int32_t k = 0; k < rows; k++) {
      double *at = q + (int64_t)j * rows + k;
      if (k < seen)
        *at = (weights == NULL ? 1.0 : sqrt(weights[k + 1])) * fit->basis[(k + 1) * (n + 1) + j + 1];
      else
        *at = k - seen == j ? sqrt(ridge) : 0.0;
    }
  double r[INNER * INNER] = {0}, largest = 0.0, inverse = 0.0;
  BZDI_TRY(orthogonalise(n, inner, rows, q, r));
  BZDI_TRY(largest_singular(inner, r, &largest));
  invert_upper(inner, r);
  BZDI_TRY(largest_singular(inner, r, &inverse));
  fit->condition = largest * inverse * largest * inverse;
  for (int32_t i = 0; i < inner; i++) {
    double *row = fit->matrix + (int64_t)i * fit->nodes, norm = 0.0;
    const double at = (double)(i + 1) / n;
    double start = 1.0 - at, end = at;
    for (int32_t k = 0; k < seen; k++) {
      double sum = 0.0;
      for (int32_t j = i; j < inner; j++) sum += r[i * inner + j] * q[(int64_t)j * rows + k];
      if (weights != NULL) sum *= sqrt(weights[k + 1]);
      sum *= bend;
      row[k + 1] = sum;
      norm += fabs(sum);
      start -= sum * (1.0 - fit->times[k + 1]);
      end -= sum * fit->times[k + 1];
    }
    row[0] = start;
    row[fit->nodes - 1] = end;
    if (!(norm <= fit->norm)) fit->norm = norm; /* NaN is kept */
  }
  if (!isfinite(fit->norm) || !isfinite(fit->condition))
    return bzdi_fail(BZD_E_NUMERIC, "fit: weights or ridge out of range, the fit matrix has norm %g", fit->norm);
  return BZD_OK;
}

bzd_status bzdi_fit_new(const bzd_context *context, int32_t degree, int32_t nodes, const double *times,
                        const double *weights, double ridge, double bend, bzdi_fit **out) {
  *out = NULL;
  BZDI_TRY(check(degree, nodes, times, weights, ridge));
  const size_t inner = (size_t)degree - 1, count = (size_t)nodes;
  bzdi_arena size = {NULL, 0}, arena;
  bzdi_fit *fit = NULL;
  for (int pass = 0; pass < 2; pass++) {
    if (pass == 1) {
      void *block = bzdi_calloc(context, 1, size.used);
      if (block == NULL) return bzdi_no_memory("fit matrix", 1, size.used);
      arena = (bzdi_arena){block, 0};
    }
    bzdi_arena *from = pass == 0 ? &size : &arena;
    bzdi_fit *self = bzdi_arena_take(from, 1, sizeof *fit);
    double *matrix = bzdi_arena_take(from, inner * count + 1, sizeof *matrix);
    double *own_times = bzdi_arena_take(from, count, sizeof *own_times);
    double *basis = bzdi_arena_take(from, count * (inner + 2), sizeof *basis);
    double *own_weights = bzdi_arena_take(from, weights ? count : 0, sizeof *own_weights);
    float *matrix_f = bzdi_arena_take(from, inner * count + 1, sizeof *matrix_f);
    if (pass == 0) continue;
    fit = self;
    *fit = (bzdi_fit){.context = context,
                      .degree = degree,
                      .nodes = nodes,
                      .condition = 1.0,
                      .matrix = matrix,
                      .times = own_times,
                      .weights = weights ? own_weights : NULL,
                      .ridge = ridge,
                      .matrix_f = matrix_f,
                      .basis = basis};
  }
  memcpy(fit->times, times, count * sizeof *times);
  if (weights) memcpy(fit->weights, weights, count * sizeof *weights);
  for (int32_t k = 0; k < nodes; k++) bzdi_bernstein(degree, times[k], fit->basis + k * (degree + 1));
  bzd_status status = BZD_OK;
  if (inner > 0) {
    const size_t room = inner * (count + inner);
    double *q = bzdi_malloc(context, room, sizeof *q);
    status = q == NULL ? bzdi_no_memory("fit matrix", room, sizeof *q) : solve(fit, weights, ridge, bend, q);
    bzdi_free(context, q);
  }
  if (status != BZD_OK) {
    bzdi_fit_free(fit);
    return status;
  }
  for (size_t i = 0; i < inner * count; i++) fit->matrix_f[i] = (float)fit->matrix[i];
  fit->in_double = fit->norm > most_in_float;
  *out = fit;
  return BZD_OK;
}

void bzdi_fit_free(bzdi_fit *fit) {
  if (fit != NULL) bzdi_free(fit->context, fit);
}
