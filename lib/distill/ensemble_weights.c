/* SPDX-License-Identifier: MIT */
#include "distill/ensemble_weights.h"

#include "base/error.h"
#include "base/rng.h"
#include "num/bernstein.h"

#include <math.h>
#include <string.h>

enum { PIECE = 256 };

/* Rows of paths at times spread evenly over [0, 1], and every teacher's velocity there. */
typedef struct rows {
  float *paths, *cond, *t, *x, *u, *v; /* v [count, PIECE, dim] */
  void *flow;
} rows;

static size_t carve(const bzd_ensemble *e, const bzd_source *source, void *base, rows *w) {
  const bzdi_item *item = &source->item;
  size_t dim = (size_t)item->dim, most = 0;
  bzdi_arena arena = {base, 0};
  w->paths = bzdi_arena_take(&arena, PIECE * dim * (size_t)(source->degree + 1), sizeof(float));
  w->cond = bzdi_arena_take(&arena, PIECE * (size_t)item->cond_dim, sizeof(float));
  w->t = bzdi_arena_take(&arena, PIECE, sizeof(float));
  w->x = bzdi_arena_take(&arena, PIECE * dim, sizeof(float));
  w->u = bzdi_arena_take(&arena, PIECE * dim, sizeof(float));
  w->v = bzdi_arena_take(&arena, PIECE * dim * (size_t)e->count, sizeof(float));
  for (int64_t m = 0; m < e->count; m++) {
    bzdi_field field;
    bzdi_flow_field(e->flow[m], e->guidance[m], &field);
    size_t bytes = field.work(&field, PIECE);
    if (bytes > most) most = bytes;
  }
  w->flow = bzdi_arena_take(&arena, most, 1);
  return arena.used;
}

static bzd_status fill(const bzd_ensemble *e, const bzd_source *source, int64_t first, int64_t n, const rows *w) {
  int64_t index[PIECE];
  BZDI_TRY(bzdi_source_whole_paths(source, first, n, w->paths, source->item.cond_dim > 0 ? w->cond : NULL));
  for (int64_t r = 0; r < n; r++) {
    index[r] = first + r;
    w->t[r] = (float)fmod(0.5 + (double)(first + r) * 0.6180339887498949, 1);
    w->t[r] = fminf(w->t[r], 0.99999994f);
  }
  bzdi_path_targets(n, source->degree, source->item.dim, w->paths, w->t, 1, 0, w->x, w->u);
  for (int64_t m = 0; m < e->count; m++) {
    bzdi_field field;
    bzdi_eval eval = {n, w->x, w->t, source->item.cond_dim > 0 ? w->cond : NULL, index};
    bzdi_flow_field(e->flow[m], e->guidance[m], &field);
    BZDI_TRY(field.velocity(&field, &eval, w->v + m * PIECE * source->item.dim, w->flow));
  }
  return BZD_OK;
}

typedef struct sums {
  double error[BZDI_MOST_TEACHERS], pair[BZDI_MOST_TEACHERS], pair2[BZDI_MOST_TEACHERS]; /* pair: error - member 0's */
  double apart[BZDI_MOST_WEIGHT_BINS][BZDI_MOST_TEACHERS];
  int64_t rows, in_bin[BZDI_MOST_WEIGHT_BINS];
} sums;

static void add_row(const bzd_ensemble *e, int64_t dim, int64_t r, int32_t bins, const rows *w, sums *s) {
  double own[BZDI_MOST_TEACHERS] = {0}, apart[BZDI_MOST_TEACHERS] = {0};
  int64_t count = e->count;
  for (int64_t j = 0; j < dim; j++) {
    double total = 0, u = (double)w->u[r * dim + j];
    for (int64_t m = 0; m < count; m++) {
      double v = (double)w->v[(m * PIECE + r) * dim + j];
      total += v;
      own[m] += (v - u) * (v - u) / (double)dim;
    }
    for (int64_t m = 0; count > 1 && m < count; m++) {
      double v = (double)w->v[(m * PIECE + r) * dim + j], d = v - (total - v) / (double)(count - 1);
      apart[m] += d * d / (double)dim;
    }
  }
  int32_t bin = (int32_t)((double)w->t[r] * bins);
  for (int64_t m = 0; m < count; m++) {
    double pair = own[m] - own[0];
    s->error[m] += own[m];
    s->pair[m] += pair;
    s->pair2[m] += pair * pair;
    s->apart[bin][m] += apart[m];
  }
  s->rows++;
  s->in_bin[bin]++;
}

/* Rows of one common error: what tells teachers apart is the paired difference, known to its standard error. */
static void by_error(int64_t count, const sums *s, double *weight) {
  double least = INFINITY, spread = 0, n = (double)s->rows, sum = 0;
  for (int64_t m = 0; m < count; m++) {
    double mean = s->pair[m] / n;
    least = fmin(least, mean);
    spread += sqrt(fmax(s->pair2[m] / n - mean * mean, 0) / n) / (double)(count > 1 ? count - 1 : 1);
  }
  double excess = 0; /* teachers that differ without any scatter are told apart to a millionth of their difference */
  for (int64_t m = 0; m < count; m++) excess += (s->pair[m] / n - least) / (double)count;
  spread = fmax(spread, 1e-6 * excess);
  for (int64_t m = 0; m < count; m++) sum += weight[m] = spread > 0 ? 1 / (s->pair[m] / n - least + spread) : 1;
  for (int64_t m = 0; m < count; m++) weight[m] /= sum;
}

/* D_m = s_m^2 + sum of the others' s^2 / (M-1)^2, solved for s_m^2; two teachers cannot be told apart. */
static void by_variance(int64_t count, const double *apart, double *weight) {
  double total = 0, sum = 0, others = (double)(count - 1), variance[BZDI_MOST_TEACHERS], mean = 0;
  for (int64_t m = 0; m < count; m++) total += apart[m];
  for (int64_t m = 0; m < count; m++) {
    double all = total * others / (double)count;
    variance[m] = count > 2 ? (apart[m] - all / (others * others)) / (1 - 1 / (others * others)) : 1;
    mean += fmax(variance[m], 0) / (double)count;
  }
  for (int64_t m = 0; m < count; m++) sum += weight[m] = mean > 0 ? 1 / fmax(variance[m], 0.01 * mean) : 1;
  for (int64_t m = 0; m < count; m++) weight[m] /= sum;
}

bzd_status bzdi_ensemble_learn(bzd_ensemble *e, const bzd_source *source, int64_t n, int32_t bins) {
  const bzd_context *context = e->handle.context;
  rows w;
  size_t bytes = carve(e, source, NULL, &w), table = (size_t)(bins * e->count);
  void *memory = bzdi_malloc(context, bytes, 1);
  sums *s = bzdi_calloc(context, 1, sizeof *s);
  double *weight = bzdi_calloc(context, table, sizeof *weight);
  bzd_status status = memory && s && weight ? BZD_OK : bzdi_no_memory("ensemble weights", 1, bytes);
  if (status == BZD_OK) carve(e, source, memory, &w);
  for (int64_t done = 0; status == BZD_OK && done < n; done += PIECE) {
    int64_t part = n - done < PIECE ? n - done : PIECE;
    status = fill(e, source, done, part, &w);
    for (int64_t r = 0; status == BZD_OK && r < part; r++) add_row(e, source->item.dim, r, bins, &w, s);
  }
  for (int64_t m = 0; status == BZD_OK && m < e->count; m++)
    if (!isfinite(s->error[m]))
      status =
          bzdi_fail(BZD_E_NUMERIC, "teacher %lld: not finite on the paths its weight is learned from", (long long)m);
  for (int32_t b = 0; status == BZD_OK && b < bins; b++) {
    if (e->rule == BZDI_RULE_ERROR)
      by_error(e->count, s, weight + b * e->count);
    else if (s->in_bin[b] == 0)
      status = bzdi_fail(BZD_E_ARGUMENT, "ensemble weights: none of %lld paths falls into bin %d of %d", (long long)n,
                         (int)b, (int)bins);
    else
      by_variance(e->count, s->apart[b], weight + b * e->count);
  }
  if (status == BZD_OK) status = bzdi_ensemble_set_table(e, bins, weight);
  bzdi_free(context, weight);
  bzdi_free(context, s);
  bzdi_free(context, memory);
  return status;
}
