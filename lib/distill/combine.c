/* SPDX-License-Identifier: MIT */
/* Weighted sums are accumulated in double in the order of the members and rounded once: M copies of a teacher give that
 * teacher's bits under any rule. */
#include "distill/combine.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST = BZDI_MOST_TEACHERS };

typedef struct work {
  float *v;                        /* mean: [count, n, dim]; mixture: [n, dim] */
  float *x, *t, *cond;             /* gathered rows of a mixture */
  int64_t *index, *member, *place; /* of all rows; of the gathered ones */
  double *weights;                 /* of the host's rule, else NULL */
  void *flow;
} work;

static size_t carve(const bzd_ensemble *ensemble, int64_t n, void *base, work *w) {
  const bzdi_item *item = &ensemble->flow[0]->item;
  bzdi_arena arena = {base, 0};
  int mixture = ensemble->combine == BZDI_COMBINE_MIXTURE;
  size_t rows = (size_t)(n * item->dim), most = 0;
  w->v = bzdi_arena_take(&arena, rows * (mixture ? 1 : (size_t)ensemble->count), sizeof(float));
  w->x = bzdi_arena_take(&arena, mixture ? rows : 0, sizeof(float));
  w->t = bzdi_arena_take(&arena, mixture ? (size_t)n : 0, sizeof(float));
  w->cond = bzdi_arena_take(&arena, mixture ? (size_t)(n * item->cond_dim) : 0, sizeof(float));
  w->index = bzdi_arena_take(&arena, mixture ? (size_t)n : 0, sizeof(int64_t));
  w->member = bzdi_arena_take(&arena, mixture ? (size_t)n : 0, sizeof(int64_t));
  w->place = bzdi_arena_take(&arena, mixture ? (size_t)n : 0, sizeof(int64_t));
  for (int64_t m = 0; m < ensemble->count; m++) {
    bzdi_field field;
    bzdi_flow_field(ensemble->flow[m], ensemble->guidance[m], &field);
    size_t bytes = field.work(&field, n);
    if (bytes > most) most = bytes;
  }
  w->weights = ensemble->rule == BZDI_RULE_CALLBACK
                   ? bzdi_arena_take(&arena, (size_t)(n * ensemble->count), sizeof(double))
                   : NULL;
  w->flow = bzdi_arena_take(&arena, most, 1);
  return arena.used;
}

size_t bzdi_combine_work(const bzd_ensemble *ensemble, int64_t n) {
  work w;
  return carve(ensemble, n, NULL, &w);
}

/* Only callbacks can fail; their text gets the member's number in front. */
static bzd_status evaluate(const bzd_ensemble *ensemble, int64_t m, const bzdi_eval *eval, float *v, void *memory) {
  bzdi_field field;
  bzdi_flow_field(ensemble->flow[m], ensemble->guidance[m], &field);
  bzd_status status = field.velocity(&field, eval, v, memory);
  if (status == BZD_OK) return status;
  char text[400];
  bzdi_error_copy(text, sizeof text);
  return bzdi_fail(status, "teacher %lld: %s", (long long)m, text);
}

/* Weights of one row: softmax(-|v_m - c_m|^2 / (2 T^2 dim)) with c_m the mean of the others. Two members are equally
 * far from each other, which differences of rounded sums would not always give. */
static void consensus(const bzd_ensemble *ensemble, int64_t n, int64_t row, int64_t dim, const float *v,
                      double *weight) {
  int64_t count = ensemble->count;
  double distance[MOST] = {0}, least = INFINITY, sum = 0, others = (double)(count - 1);
  for (int64_t j = 0; count > 2 && j < dim; j++) {
    double total = 0;
    for (int64_t m = 0; m < count; m++) total += (double)v[(m * n + row) * dim + j];
    for (int64_t m = 0; m < count; m++) {
      double own = (double)v[(m * n + row) * dim + j], apart = own - (total - own) / others;
      distance[m] += apart * apart;
    }
  }
  for (int64_t m = 0; m < count; m++) least = fmin(least, distance[m]);
  double sharpness = 1 / (2 * ensemble->temperature * ensemble->temperature * (double)dim);
  for (int64_t m = 0; m < count; m++) sum += weight[m] = exp(-(distance[m] - least) * sharpness);
  for (int64_t m = 0; m < count; m++) weight[m] /= sum;
}

/* All weight on the member nearest to the others, shared by several that are as near: two always are. */
static void medoid(const bzd_ensemble *ensemble, int64_t n, int64_t row, int64_t dim, const float *v, double *weight) {
  int64_t count = ensemble->count, nearest = 0;
  double least = INFINITY;
  for (int64_t a = 0; a < count; a++) {
    double sum = 0;
    for (int64_t b = 0; b < count; b++)
      for (int64_t j = 0; a != b && j < dim; j++) {
        double apart = (double)v[(a * n + row) * dim + j] - (double)v[(b * n + row) * dim + j];
        sum += apart * apart;
      }
    if (sum < least) least = sum, nearest = 0;
    nearest += sum == least;
    weight[a] = sum;
  }
  for (int64_t m = 0; m < count; m++) weight[m] = weight[m] == least ? 1 / (double)nearest : 0;
}

void bzdi_combine_weights(const bzd_ensemble *ensemble, double t, double *weight) {
  int64_t count = ensemble->count;
  double at = fmin(fmax(t * ensemble->bins - 0.5, 0), ensemble->bins - 1);
  int32_t low = (int32_t)at;
  double share = at - low;
  const double *a = ensemble->table + low * count, *b = share > 0 ? a + count : a;
  for (int64_t m = 0; m < count; m++) weight[m] = share > 0 ? (1 - share) * a[m] + share * b[m] : a[m];
}

/* The host's weights of all rows, checked and scaled to sum 1. */
static bzd_status ask_host(const bzd_ensemble *ensemble, const bzdi_eval *eval, const float *v, double *weights) {
  int64_t count = ensemble->count, dim = ensemble->flow[0]->item.dim;
  int32_t stop = ensemble->weights(ensemble->weights_user, eval->n, count, dim, eval->x, eval->t, v, weights);
  if (stop != 0) return bzdi_fail(BZD_E_CANCELLED, "weights callback returned %d", (int)stop);
  for (int64_t r = 0; r < eval->n; r++) {
    double sum = 0, *row = weights + r * count;
    for (int64_t m = 0; m < count; m++) {
      if (!(row[m] >= 0 && row[m] <= 1e30))
        return bzdi_fail(BZD_E_NUMERIC, "weights callback: row %lld, teacher %lld is %g, expected 0..1e30",
                         (long long)r, (long long)m, row[m]);
      sum += row[m];
    }
    if (!(sum > 0)) return bzdi_fail(BZD_E_NUMERIC, "weights callback: row %lld sums to %g", (long long)r, sum);
    for (int64_t m = 0; m < count; m++) row[m] /= sum;
  }
  return BZD_OK;
}

bzd_status bzdi_combine_velocity(const bzd_ensemble *ensemble, const bzdi_eval *eval, float *v, double *weights,
                                 void *memory) {
  int64_t n = eval->n, count = ensemble->count, dim = ensemble->flow[0]->item.dim;
  work w;
  carve(ensemble, n, memory, &w);
  for (int64_t m = 0; m < count; m++)
    if (ensemble->weight[m] > 0) BZDI_TRY(evaluate(ensemble, m, eval, w.v + m * n * dim, w.flow));
  if (w.weights) BZDI_TRY(ask_host(ensemble, eval, w.v, w.weights));
  for (int64_t r = 0; r < n; r++) {
    double weight[MOST];
    if (ensemble->rule == BZDI_RULE_CONSENSUS)
      consensus(ensemble, n, r, dim, w.v, weight);
    else if (ensemble->rule == BZDI_RULE_MEDOID)
      medoid(ensemble, n, r, dim, w.v, weight);
    else if (w.weights)
      memcpy(weight, w.weights + r * count, (size_t)count * sizeof *weight);
    else
      bzdi_combine_weights(ensemble, (double)eval->t[r], weight);
    if (weights) memcpy(weights + r * count, weight, (size_t)count * sizeof *weight);
    for (int64_t j = 0; v && j < dim; j++) {
      double sum = 0;
      for (int64_t m = 0; m < count; m++)
        if (weight[m] != 0) sum += weight[m] * (double)w.v[(m * n + r) * dim + j]; /* NaN weights must show */
      v[r * dim + j] = (float)sum;
    }
  }
  return BZD_OK;
}

bzd_status bzdi_combine_mixture(const bzd_ensemble *ensemble, const bzdi_eval *eval, float *v, void *memory) {
  int64_t dim = ensemble->flow[0]->item.dim, cond_dim = ensemble->flow[0]->item.cond_dim;
  work w;
  carve(ensemble, eval->n, memory, &w);
  for (int64_t r = 0; r < eval->n; r++) w.member[r] = bzdi_ensemble_member(ensemble, eval->index[r]);
  for (int64_t m = 0; m < ensemble->count; m++) {
    int64_t n = 0;
    for (int64_t r = 0; r < eval->n; r++) {
      if (w.member[r] != m) continue;
      memcpy(w.x + n * dim, eval->x + r * dim, (size_t)dim * sizeof(float));
      if (eval->cond) memcpy(w.cond + n * cond_dim, eval->cond + r * cond_dim, (size_t)cond_dim * sizeof(float));
      w.t[n] = eval->t[r];
      w.index[n] = eval->index[r];
      w.place[n++] = r;
    }
    if (n == 0) continue;
    bzdi_eval part = {n, w.x, w.t, eval->cond ? w.cond : NULL, w.index};
    BZDI_TRY(evaluate(ensemble, m, &part, w.v, w.flow));
    for (int64_t i = 0; i < n; i++) memcpy(v + w.place[i] * dim, w.v + i * dim, (size_t)dim * sizeof(float));
  }
  return BZD_OK;
}

bzd_status bzdi_combine_check(const bzd_ensemble *ensemble, const bzdi_eval *eval, const float *v, void *memory) {
  int64_t n = eval->n, dim = ensemble->flow[0]->item.dim;
  int mixture = ensemble->combine == BZDI_COMBINE_MIXTURE;
  work w;
  carve(ensemble, n, memory, &w);
  for (int64_t m = 0; m < ensemble->count; m++) {
    const float *own = mixture ? v : w.v + m * n * dim;
    for (int64_t r = 0; ensemble->weight[m] > 0 && r < n; r++) {
      if (mixture && w.member[r] != m) continue;
      for (int64_t j = 0; j < dim; j++)
        if (!isfinite(own[r * dim + j]))
          return bzdi_fail(BZD_E_NUMERIC, "teacher %lld: not finite at t %.6g", (long long)m, (double)eval->t[r]);
    }
  }
  return BZD_OK;
}
