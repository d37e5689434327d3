/* SPDX-License-Identifier: MIT */
/* Energy distance and MMD^2: means of a function of the distance over all pairs. */
#include "base/alloc.h"
#include "base/error.h"
#include "num/distance.h"
#include "num/stats.h"

#include <math.h>
#include <string.h>

enum { BLOCK = BZDI_DISTANCE_BLOCK, MEDIAN_ROWS = 2048 };

typedef struct pair_sum {
  int upper;
  double scale; /* of the exponent of the widest kernel; 0: the distance itself */
  double *part; /* one sum for each block of rows of a */
} pair_sum;

/* Sum of exp(-d2 / (2 s^2)) over s = bandwidth x {4, 2, 1, 1/2, 1/4}: each is the fourth power of the one before. */
static double kernels(double d2, double scale) {
  double e = exp(scale * d2), sum = e;
  for (int i = 0; i < 4; i++) {
    e *= e;
    e *= e;
    sum += e;
  }
  return sum;
}

static void add_pairs(void *arg, int64_t a_first, int64_t a_rows, int64_t b_first, int64_t b_rows,
                      const double (*d2)[BLOCK]) {
  const pair_sum *task = arg;
  double sum = 0.0;
  for (int64_t i = 0; i < a_rows; i++) {
    const int64_t next = a_first + i + 1 - b_first; /* first column right of the diagonal */
    double row = 0.0;
    for (int64_t j = task->upper && next > 0 ? next : 0; j < b_rows; j++)
      row += task->scale == 0.0 ? sqrt(d2[i][j]) : kernels(d2[i][j], task->scale);
    sum += row;
  }
  task->part[a_first / BLOCK] += sum;
}

/* Mean over pairs of a row of a and a row of b, or over pairs of different rows of a when b is NULL. */
static bzd_status mean_pairs(const bzd_context *context, int64_t dim, bzdi_sample a, const bzdi_sample *b, double scale,
                             double *mean) {
  const size_t blocks = (size_t)((a.n + BLOCK - 1) / BLOCK);
  const bzdi_sample other = b == NULL ? a : *b;
  pair_sum task = {b == NULL, scale, bzdi_calloc(context, blocks, sizeof(double))};
  if (task.part == NULL) return bzdi_no_memory("pairs", blocks, sizeof(double));
  const bzd_status status = bzdi_distance_all(context, dim, a.n, a.x, other.n, other.x, task.upper, add_pairs, &task);
  double sum = 0.0;
  for (size_t i = 0; i < blocks; i++) sum += task.part[i];
  *mean = sum / (b == NULL ? 0.5 * (double)a.n * (double)(a.n - 1) : (double)a.n * (double)other.n);
  bzdi_free(context, task.part);
  return status;
}

bzd_status bzdi_energy(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, double *out) {
  double across = 0.0, in_a = 0.0, in_b = 0.0;
  BZDI_TRY(mean_pairs(context, dim, a, &b, 0.0, &across));
  BZDI_TRY(mean_pairs(context, dim, a, NULL, 0.0, &in_a));
  BZDI_TRY(mean_pairs(context, dim, b, NULL, 0.0, &in_b));
  *out = 2.0 * across - in_a - in_b;
  return BZD_OK;
}

/* Pair i < j of n rows stands at i (2n - i - 1) / 2 + j - i - 1. */
typedef struct pair_list {
  int64_t n;
  double *d2;
} pair_list;

static void list_pairs(void *arg, int64_t a_first, int64_t a_rows, int64_t b_first, int64_t b_rows,
                       const double (*d2)[BLOCK]) {
  const pair_list *list = arg;
  for (int64_t i = a_first; i < a_first + a_rows; i++) {
    double *row = list->d2 + i * (2 * list->n - i - 1) / 2 - i - 1;
    for (int64_t j = i + 1 > b_first ? i + 1 : b_first; j < b_first + b_rows; j++)
      row[j] = d2[i - a_first][j - b_first];
  }
}

/* The element that sorting would put at place k; elements before it are not larger, those behind it not smaller. */
static double select_place(int64_t n, double *x, int64_t k) {
  int64_t low = 0, high = n - 1;
  while (low < high) {
    const double pivot = x[low + (high - low) / 2];
    int64_t i = low, j = high;
    while (i <= j) {
      while (x[i] < pivot) i++;
      while (x[j] > pivot) j--;
      if (i > j) break;
      const double other = x[i];
      x[i++] = x[j];
      x[j--] = other;
    }
    if (k <= j)
      high = j;
    else if (k >= i)
      low = i;
    else
      break;
  }
  return x[k];
}

static double bandwidth(int64_t pairs, double *d2) {
  double median = sqrt(select_place(pairs, d2, pairs / 2));
  if (pairs % 2 == 0) {
    double below = 0.0;
    for (int64_t i = 0; i < pairs / 2; i++) below = fmax(below, d2[i]);
    median = 0.5 * (median + sqrt(below));
  }
  if (median > 0.0) return median;
  double sum = 0.0;
  for (int64_t i = 0; i < pairs; i++) sum += sqrt(d2[i]);
  return sum > 0.0 ? sum / (double)pairs : 1.0;
}

static bzd_status median_distance(const bzd_context *context, int64_t dim, bzdi_sample b, double *out) {
  const int64_t n = b.n < MEDIAN_ROWS ? b.n : MEDIAN_ROWS, pairs = n * (n - 1) / 2;
  const size_t copied = b.n > MEDIAN_ROWS ? (size_t)(n * dim) : 0;
  pair_list list = {n, bzdi_malloc(context, (size_t)pairs, sizeof(double))};
  float *rows = copied > 0 ? bzdi_malloc(context, copied, sizeof(float)) : NULL;
  bzd_status status = BZD_OK;
  if (list.d2 == NULL || (copied > 0 && rows == NULL)) {
    status = bzdi_no_memory("median distance", (size_t)pairs + copied, sizeof(double));
  } else {
    for (int64_t i = 0; i < n && copied > 0; i++)
      memcpy(rows + i * dim, b.x + i * b.n / n * dim, (size_t)dim * sizeof(float));
    const float *x = copied > 0 ? rows : b.x;
    status = bzdi_distance_all(context, dim, n, x, n, x, 1, list_pairs, &list);
    if (status == BZD_OK) *out = bandwidth(pairs, list.d2);
  }
  bzdi_free(context, rows);
  bzdi_free(context, list.d2);
  return status;
}

bzd_status bzdi_mmd2(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, double *out) {
  double width = 1.0, across = 0.0, in_a = 0.0, in_b = 0.0;
  BZDI_TRY(median_distance(context, dim, b, &width));
  const double widest = 4.0 * width, scale = -0.5 / (widest * widest);
  BZDI_TRY(mean_pairs(context, dim, a, &b, scale, &across));
  BZDI_TRY(mean_pairs(context, dim, a, NULL, scale, &in_a));
  BZDI_TRY(mean_pairs(context, dim, b, NULL, scale, &in_b));
  *out = in_a + in_b - 2.0 * across;
  return BZD_OK;
}
