/* SPDX-License-Identifier: MIT */
#include "flow/grid.h"

#include "base/error.h"
#include "num/bernstein.h"

#include <math.h>
#include <string.h>

typedef struct work {
  float *u, *t, *at; /* heads [n, heads, dim], times [n], where a step lands [n, dim] */
  double *from, *to;
  int64_t *index;
  double *cost, *best; /* [nodes, nodes], [steps + 1, nodes] */
  int32_t *last;       /* [steps + 1, nodes] */
  void *inner;
} work;

static size_t carve(const bzdi_field *field, const bzd_flow *flow, double guidance, int64_t n, int32_t nodes,
                    int32_t steps, void *base, work *w) {
  bzdi_arena arena = {base, 0};
  size_t rows = (size_t)n, heads = flow->net ? (size_t)flow->net->heads : 1,
         cells = (size_t)nodes * (size_t)(steps + 1);
  w->u = bzdi_arena_take(&arena, rows * heads * (size_t)field->dim, sizeof(float));
  w->t = bzdi_arena_take(&arena, rows, sizeof(float));
  w->at = bzdi_arena_take(&arena, rows * (size_t)field->dim, sizeof(float));
  w->from = bzdi_arena_take(&arena, rows, sizeof(double));
  w->to = bzdi_arena_take(&arena, rows, sizeof(double));
  w->index = bzdi_arena_take(&arena, rows, sizeof(int64_t));
  w->cost = bzdi_arena_take(&arena, (size_t)nodes * (size_t)nodes, sizeof(double));
  w->best = bzdi_arena_take(&arena, cells, sizeof(double));
  w->last = bzdi_arena_take(&arena, cells, sizeof(int32_t));
  size_t inner = flow->kind == BZDI_FLOW_CONTROL ? bzdi_flow_heads_work(flow, guidance, n) : field->work(field, n);
  w->inner = bzdi_arena_take(&arena, inner, 1);
  return arena.used;
}

/* Errors of all steps that start at node i. */
static bzd_status measure(const bzdi_field *field, const bzd_flow *flow, double guidance, int64_t n,
                          const float *states, const float *cond, int32_t nodes, const double *node, int32_t i,
                          const work *w) {
  int64_t dim = field->dim;
  const float *x = states + i * n * dim;
  int32_t degree = flow->kind == BZDI_FLOW_CONTROL ? flow->degree : 1;
  for (int64_t r = 0; r < n; r++) {
    w->t[r] = fminf((float)node[i], 0.99999994f);
    w->from[r] = node[i];
    w->index[r] = r;
  }
  bzdi_eval eval = {n, x, w->t, cond, w->index};
  if (flow->kind == BZDI_FLOW_CONTROL)
    bzdi_flow_heads_at(flow, guidance, &eval, w->u, w->inner);
  else
    BZDI_TRY(field->velocity(field, &eval, w->u, w->inner));
  for (int32_t j = i + 1; j < nodes; j++) {
    const float *goal = states + j * n * dim;
    double sum = 0;
    for (int64_t r = 0; r < n; r++) w->to[r] = node[j];
    bzdi_heads_step(n, degree, dim, x, w->u, w->from, w->to, w->at);
    for (int64_t k = 0; k < n * dim; k++)
      sum += ((double)w->at[k] - (double)goal[k]) * ((double)w->at[k] - (double)goal[k]);
    w->cost[i * nodes + j] = sqrt(sum / (double)(n * dim));
    if (!isfinite(w->cost[i * nodes + j]))
      return bzdi_fail(BZD_E_NUMERIC, "grid: a step from t %.6g to %.6g is not finite", node[i], node[j]);
  }
  return BZD_OK;
}

bzd_status bzdi_grid_choose(const bzd_flow *flow, double guidance, int64_t n, const float *states, const float *cond,
                            int32_t nodes, const double *node, int32_t steps, double *grid, double *error) {
  const bzd_context *context = flow->handle.context;
  bzdi_field field;
  work w;
  bzdi_flow_field(flow, guidance, &field);
  size_t bytes = carve(&field, flow, guidance, n, nodes, steps, NULL, &w);
  void *memory = bzdi_malloc(context, bytes, 1);
  if (!memory) return bzdi_no_memory("grid", bytes, 1);
  carve(&field, flow, guidance, n, nodes, steps, memory, &w);
  bzd_status status = BZD_OK;
  for (int32_t i = 0; status == BZD_OK && i < nodes - 1; i++)
    status = measure(&field, flow, guidance, n, states, cond, nodes, node, i, &w);
  if (status == BZD_OK) {
    for (int32_t j = 0; j < nodes; j++) w.best[j] = j == 0 ? 0 : (double)INFINITY;
    for (int32_t s = 1; s <= steps; s++)
      for (int32_t j = 0; j < nodes; j++) {
        double *best = &w.best[s * nodes + j];
        *best = INFINITY;
        for (int32_t i = 0; i < j; i++) {
          double sum = w.best[(s - 1) * nodes + i] + w.cost[i * nodes + j];
          if (sum < *best) *best = sum, w.last[s * nodes + j] = i;
        }
      }
    int32_t at = nodes - 1;
    *error = w.best[steps * nodes + at];
    for (int32_t s = steps; s >= 0; s--) {
      grid[s] = node[at];
      at = s > 0 ? w.last[s * nodes + at] : at;
    }
  }
  bzdi_free(context, memory);
  return status;
}
