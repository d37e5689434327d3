/* SPDX-License-Identifier: MIT */
/* Precision and recall by neighbourhood balls, and nearest neighbours. */
#include "base/alloc.h"
#include "base/error.h"
#include "num/distance.h"
#include "num/stats.h"

#include <math.h>

enum { BLOCK = BZDI_DISTANCE_BLOCK };

typedef struct nearest_few {
  int32_t k;
  double *d2; /* [n, k] ascending */
} nearest_few;

static void keep_nearest(void *arg, int64_t a_first, int64_t a_rows, int64_t b_first, int64_t b_rows,
                         const double (*d2)[BLOCK]) {
  const nearest_few *task = arg;
  for (int64_t i = 0; i < a_rows; i++) {
    double *best = task->d2 + (a_first + i) * task->k;
    for (int64_t j = 0; j < b_rows; j++) {
      if (!(d2[i][j] < best[task->k - 1]) || a_first + i == b_first + j) continue;
      int32_t at = task->k - 1;
      for (; at > 0 && best[at - 1] > d2[i][j]; at--) best[at] = best[at - 1];
      best[at] = d2[i][j];
    }
  }
}

typedef struct inside {
  int32_t k;
  const double *d2; /* of b's rows: d2[j k + k - 1] is the squared radius */
  unsigned char *hit;
} inside;

static void mark_inside(void *arg, int64_t a_first, int64_t a_rows, int64_t b_first, int64_t b_rows,
                        const double (*d2)[BLOCK]) {
  const inside *task = arg;
  for (int64_t i = 0; i < a_rows; i++)
    for (int64_t j = 0; j < b_rows; j++)
      if (d2[i][j] <= task->d2[(b_first + j) * task->k + task->k - 1]) {
        task->hit[a_first + i] = 1;
        break;
      }
}

/* Share of a's rows inside a ball of b. */
static bzd_status coverage(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, int32_t k,
                           double *share) {
  const size_t size = (size_t)b.n * (size_t)k;
  double *d2 = bzdi_malloc(context, size, sizeof *d2);
  unsigned char *hit = bzdi_calloc(context, (size_t)a.n, 1);
  bzd_status status = BZD_OK;
  if (d2 == NULL || hit == NULL) {
    status = bzdi_no_memory("neighbourhoods", size, sizeof *d2);
  } else {
    for (size_t i = 0; i < size; i++) d2[i] = INFINITY;
    nearest_few few = {k, d2};
    inside in = {k, d2, hit};
    status = bzdi_distance_all(context, dim, b.n, b.x, b.n, b.x, 0, keep_nearest, &few);
    if (status == BZD_OK) status = bzdi_distance_all(context, dim, a.n, a.x, b.n, b.x, 0, mark_inside, &in);
    int64_t hits = 0;
    for (int64_t i = 0; i < a.n; i++) hits += hit[i];
    *share = (double)hits / (double)a.n;
  }
  bzdi_free(context, hit);
  bzdi_free(context, d2);
  return status;
}

bzd_status bzdi_precision_recall(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, int32_t k,
                                 double *precision, double *recall) {
  const int64_t most = (a.n < b.n ? a.n : b.n) - 1;
  if (k < 1 || k > most)
    return bzdi_fail(BZD_E_LIMIT,
                     "precision and recall: %d neighbours, expected 1..%lld for sets of %lld and %lld rows", k,
                     (long long)most, (long long)a.n, (long long)b.n);
  double p = 0.0, r = 0.0;
  BZDI_TRY(coverage(context, dim, a, b, k, &p));
  BZDI_TRY(coverage(context, dim, b, a, k, &r));
  *precision = p;
  *recall = r;
  return BZD_OK;
}

typedef struct closest {
  int64_t *index; /* may be NULL */
  double *d2;
} closest;

static void keep_closest(void *arg, int64_t a_first, int64_t a_rows, int64_t b_first, int64_t b_rows,
                         const double (*d2)[BLOCK]) {
  const closest *task = arg;
  for (int64_t i = 0; i < a_rows; i++)
    for (int64_t j = 0; j < b_rows; j++)
      if (d2[i][j] < task->d2[a_first + i]) {
        task->d2[a_first + i] = d2[i][j];
        if (task->index != NULL) task->index[a_first + i] = b_first + j;
      }
}

bzd_status bzdi_nearest(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, int64_t *index,
                        double *distance2) {
  double *own = distance2 == NULL ? bzdi_malloc(context, (size_t)a.n, sizeof *own) : NULL;
  if (distance2 == NULL && own == NULL) return bzdi_no_memory("nearest rows", (size_t)a.n, sizeof *own);
  closest task = {index, distance2 == NULL ? own : distance2};
  for (int64_t i = 0; i < a.n; i++) task.d2[i] = INFINITY;
  const bzd_status status = bzdi_distance_all(context, dim, a.n, a.x, b.n, b.x, 0, keep_closest, &task);
  bzdi_free(context, own);
  return status;
}
