/* SPDX-License-Identifier: MIT */
/* Means, variances and the Frechet distance of Gaussian fits. */
#include "base/alloc.h"
#include "base/error.h"
#include "num/dense.h"
#include "num/eigen.h"
#include "num/stats.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { COLUMNS = 64, ROWS = 512 /* rows centred at a time */ };

/* Means of columns first.., rows added in order. */
static void column_means(int64_t dim, bzdi_sample a, int64_t first, int64_t width, double *mean) {
  for (int64_t c = 0; c < width; c++) mean[c] = 0.0;
  for (int64_t r = 0; r < a.n; r++)
    for (int64_t c = 0; c < width; c++) mean[c] += (double)a.x[r * dim + first + c];
  for (int64_t c = 0; c < width; c++) mean[c] /= (double)a.n;
}

double bzdi_total_variance(int64_t dim, bzdi_sample a) {
  double total = 0.0;
  for (int64_t first = 0; first < dim; first += COLUMNS) {
    const int64_t width = dim - first < COLUMNS ? dim - first : COLUMNS;
    double mean[COLUMNS], sum[COLUMNS] = {0};
    column_means(dim, a, first, width, mean);
    for (int64_t r = 0; r < a.n; r++)
      for (int64_t c = 0; c < width; c++) {
        const double d = (double)a.x[r * dim + first + c] - mean[c];
        sum[c] += d * d;
      }
    for (int64_t c = 0; c < width; c++) total += sum[c] / (double)(a.n - 1);
  }
  return total;
}

/* Covariance [dim, dim] over n - 1; centred: room for [ROWS, dim]. */
static bzd_status covariance(const bzd_context *context, int64_t dim, bzdi_sample a, const double *mean,
                             double *centred, double *out) {
  memset(out, 0, (size_t)(dim * dim) * sizeof *out);
  for (int64_t first = 0; first < a.n; first += ROWS) {
    const int64_t rows = a.n - first < ROWS ? a.n - first : ROWS;
    for (int64_t r = 0; r < rows; r++)
      for (int64_t c = 0; c < dim; c++) centred[r * dim + c] = (double)a.x[(first + r) * dim + c] - mean[c];
    const bzdi_matrix by_column = {centred, 1, dim}, by_row = {centred, dim, 1};
    BZDI_TRY(bzdi_dense_add_product(context, dim, dim, rows, by_column, by_row, out));
  }
  for (int64_t i = 0; i < dim * dim; i++) out[i] /= (double)(a.n - 1);
  return BZD_OK;
}

static double trace(int64_t dim, const double *s) {
  double sum = 0.0;
  for (int64_t i = 0; i < dim; i++) sum += s[i * dim + i];
  return sum;
}

/* Tr (S1^1/2 S2 S1^1/2)^1/2. With S1 = V L V', the matrix has the eigenvalues of W' S2 W, W = V L^1/2, of which only
 * the columns that are not rounding are kept. s1 is overwritten; room [2, dim, dim]; values [3 dim]. */
static bzd_status root_trace(const bzd_context *context, int64_t dim, double *s1, const double *s2, double *room,
                             double *values, double *out) {
  double *product = room, *small = room + dim * dim;
  BZDI_TRY(bzdi_eigen_symmetric(dim, s1, 1, values, values + dim));
  const double least = (double)dim * DBL_EPSILON * fmax(values[dim - 1], 0.0);
  int64_t dropped = 0;
  while (dropped < dim && !(values[dropped] > least)) dropped++;
  const int64_t rank = dim - dropped;
  *out = 0.0;
  if (rank == 0) return BZD_OK;
  for (int64_t i = 0; i < dim; i++)
    for (int64_t j = dropped; j < dim; j++) s1[i * dim + j] *= sqrt(values[j]);
  const bzdi_matrix w = {s1 + dropped, dim, 1}, transposed = {s1 + dropped, 1, dim};
  const bzdi_matrix real = {s2, dim, 1}, half = {product, rank, 1};
  memset(room, 0, (size_t)(2 * dim * dim) * sizeof *room);
  BZDI_TRY(bzdi_dense_add_product(context, dim, rank, dim, real, w, product));
  BZDI_TRY(bzdi_dense_add_product(context, rank, rank, dim, transposed, half, small));
  for (int64_t i = 0; i < rank; i++)
    for (int64_t j = 0; j < i; j++) {
      const double mean = 0.5 * (small[i * rank + j] + small[j * rank + i]);
      small[i * rank + j] = small[j * rank + i] = mean;
    }
  BZDI_TRY(bzdi_eigen_symmetric(rank, small, 0, values, values + dim));
  for (int64_t i = 0; i < rank; i++) *out += sqrt(fmax(values[i], 0.0));
  return BZD_OK;
}

bzd_status bzdi_frechet(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, double *raw,
                        double *matched) {
  const size_t d = (size_t)dim, room = ROWS > 2 * d ? ROWS * d : 2 * d * d, count = 2 * d * d + room + 5 * d;
  double *block = bzdi_malloc(context, count, sizeof *block);
  if (block == NULL) return bzdi_no_memory("Frechet distance", count, sizeof *block);
  double *s1 = block, *s2 = s1 + d * d, *work = s2 + d * d, *mean_a = work + room, *mean_b = mean_a + d;
  double *values = mean_b + d, shift = 0.0, root = 0.0;
  column_means(dim, a, 0, dim, mean_a);
  column_means(dim, b, 0, dim, mean_b);
  bzd_status status = covariance(context, dim, a, mean_a, work, s1);
  if (status == BZD_OK) status = covariance(context, dim, b, mean_b, work, s2);
  if (status == BZD_OK) {
    const double of_a = trace(dim, s1), of_b = trace(dim, s2);
    status = root_trace(context, dim, s1, s2, work, values, &root);
    if (status == BZD_OK) {
      for (int64_t c = 0; c < dim; c++) shift += (mean_a[c] - mean_b[c]) * (mean_a[c] - mean_b[c]);
      const double plain = shift + of_a + of_b - 2.0 * root;
      /* a rescaled by f about its mean: S1 becomes f^2 S1; without any dispersion there is nothing to rescale */
      const double same = of_a > 0.0 ? shift + 2.0 * of_b - 2.0 * sqrt(of_b / of_a) * root : plain;
      if (raw != NULL) *raw = fmax(plain, 0.0);
      if (matched != NULL) *matched = fmax(same, 0.0);
    }
  }
  bzdi_free(context, block);
  return status;
}
