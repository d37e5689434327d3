/* SPDX-License-Identifier: MIT */
/* Along a control-point flow's own curve: one evaluation gives the rest of the path, and a step evaluates it. */
#include "base/alloc.h"
#include "base/rng.h"
#include "flow/block.h"
#include "num/bernstein.h"

#include <math.h>
#include <string.h>

typedef struct work {
  float *x, *u;      /* [n, dim], [n, heads, dim] */
  float *x0, *noise; /* REANCHOR alone */
  float *t;
  double *from, *to;
  int64_t *index;
  void *heads;
} work;

static size_t carve(const bzd_flow *flow, double guidance, int64_t n, int reanchor, void *base, work *w) {
  bzdi_arena arena = {base, 0};
  w->x = bzdi_arena_take(&arena, (size_t)(n * flow->item.dim), sizeof(float));
  w->u = bzdi_arena_take(&arena, (size_t)(n * flow->item.dim * flow->net->heads), sizeof(float));
  w->x0 = bzdi_arena_take(&arena, reanchor ? (size_t)(n * flow->item.dim) : 0, sizeof(float));
  w->noise = bzdi_arena_take(&arena, reanchor ? (size_t)(n * flow->item.dim) : 0, sizeof(float));
  w->t = bzdi_arena_take(&arena, (size_t)n, sizeof(float));
  w->from = bzdi_arena_take(&arena, (size_t)n, sizeof(double));
  w->to = bzdi_arena_take(&arena, (size_t)n, sizeof(double));
  w->index = bzdi_arena_take(&arena, (size_t)n, sizeof(int64_t));
  w->heads = bzdi_arena_take(&arena, bzdi_flow_heads_work(flow, guidance, n), 1);
  return arena.used;
}

size_t bzdi_control_work(const bzd_flow *flow, double guidance, int64_t n, int reanchor) {
  work w;
  return carve(flow, guidance, n, reanchor, NULL, &w);
}

/* All rows along their curves to one time. */
static void step(const bzdi_block *block, work *w, double to, float *out) {
  for (int64_t r = 0; r < block->n; r++) w->to[r] = to;
  bzdi_heads_step(block->n, block->flow->degree, block->dim, w->x, w->u, w->from, w->to, out);
}

static void write_node(const bzdi_block *block, work *w, int64_t node) {
  double to = block->solve->node[node];
  for (int64_t r = 0; r < block->n; r++)
    bzdi_heads_step(1, block->flow->degree, block->dim, w->x + r * block->dim,
                    w->u + r * block->dim * block->flow->net->heads, &w->from[r], &to,
                    bzdi_block_state(block, r, node));
}

/* From the predicted ends, in w->x, to states at time t on the lines from noise to them. Fresh noise of step s is of
 * seed + s in a stream of its own, so that a row's is a function of its number alone. */
static void reanchor(const bzdi_block *block, work *w, int32_t s, double t) {
  const bzdi_solve *solve = block->solve;
  double fresh = solve->renoise, kept = sqrt(1 - fresh * fresh);
  if (fresh > 0)
    bzdi_rng_normals_at(solve->seed + (uint64_t)s, BZD_STREAM_RENOISE, w->index, block->n, block->dim, w->noise,
                        block->dim);
  for (int64_t i = 0; i < block->n * block->dim; i++) {
    double z = kept * (double)w->x0[i] + (fresh > 0 ? fresh * (double)w->noise[i] : 0);
    w->x[i] = (float)((1 - t) * z + t * (double)w->x[i]);
  }
}

bzd_status bzdi_control_run(const bzdi_block *block) {
  const bzdi_solve *solve = block->solve;
  const bzd_flow *flow = block->flow;
  int64_t dim = block->dim, node = 1;
  work w;
  int again = solve->solver == BZDI_SOLVER_REANCHOR;
  carve(flow, block->guidance, block->n, again, block->work, &w);
  bzdi_block_index(block, w.index);
  bzdi_block_start(block, w.index, w.x);
  if (block->states && solve->nodes > 0)
    for (int64_t r = 0; r < block->n; r++)
      memcpy(bzdi_block_state(block, r, 0), w.x + r * dim, (size_t)dim * sizeof(float));
  if (again) memcpy(w.x0, w.x, (size_t)(block->n * dim) * sizeof(float));
  double t = solve->t0;
  for (int32_t s = 1; s <= solve->steps; s++) {
    double share = (double)s / (double)solve->steps;
    double to = solve->grid         ? solve->grid[s]
                : s == solve->steps ? solve->t1
                                    : solve->t0 + (solve->t1 - solve->t0) * share;
    for (int64_t r = 0; r < block->n; r++) w.t[r] = (float)t, w.from[r] = t;
    bzdi_eval eval = {block->n, w.x, w.t, block->cond, w.index};
    bzdi_flow_heads_at(flow, block->guidance, &eval, w.u, w.heads);
    while (block->states && node < solve->nodes && solve->node[node] <= to) write_node(block, &w, node++);
    step(block, &w, again ? 1 : to, w.x);
    if (again && s < solve->steps) reanchor(block, &w, s, to);
    t = to;
    for (int64_t i = 0; i < block->n * dim; i++)
      if (!isfinite(w.x[i])) {
        bzdi_block_fail(block->tally, BZD_E_NUMERIC, block->first + i / dim, t);
        return BZD_OK;
      }
  }
  if (block->out) memcpy(block->out, w.x, (size_t)(block->n * dim) * sizeof(float));
  int64_t nfe = solve->steps * (flow->item.cond_dim > 0 && block->guidance != 1.0 ? 2 : 1);
  block->tally->nfe += nfe * block->n;
  if (nfe > block->tally->nfe_max) block->tally->nfe_max = nfe;
  return BZD_OK;
}
