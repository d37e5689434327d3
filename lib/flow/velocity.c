/* SPDX-License-Identifier: MIT */
/* A flow evaluated: all heads of a network, its first head as a velocity field, the caller's function as one. */
#include "base/error.h"
#include "base/task.h"
#include "flow/flow.h"

#include <math.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A weight is read once for all rows of a block, whose layer stays in the second-level cache, and every thread shall
 * have some. */
int64_t bzdi_field_block(const bzdi_field *field, const bzd_context *context, int64_t n) {
  enum { LEAST = 48, MOST = 132, TILE = 6 };
  if (field->serial) return 4096; /* the host's code gets as many at once as memory reasonably allows */
  const int64_t slots = bzdi_slots(context), rows = ((n + slots - 1) / slots + TILE - 1) / TILE * TILE;
  return rows < LEAST ? LEAST : rows > MOST ? MOST : rows;
}

/* ---- Networks ------------------------------------------------------------------------------------------------ */

/* Whether a guided evaluation needs the null rows at all. */
static int is_guided(const bzd_flow *flow, double guidance) { return flow->item.cond_dim > 0 && guidance != 1.0; }

size_t bzdi_flow_heads_work(const bzd_flow *flow, double guidance, int64_t n) {
  bzdi_arena arena = {NULL, 0};
  bzdi_arena_take(&arena, flow->net->kind->infer_work(flow->net, flow->precision, n), 1);
  if (is_guided(flow, guidance))
    bzdi_arena_take(&arena, (size_t)(n * flow->net->heads * flow->item.dim), sizeof(float));
  return arena.used;
}

void bzdi_flow_heads_at(const bzd_flow *flow, double guidance, const bzdi_eval *eval, float *u, void *work) {
  const bzdi_net *net = flow->net;
  bzdi_arena arena = {work, 0};
  void *inner = bzdi_arena_take(&arena, net->kind->infer_work(net, flow->precision, eval->n), 1);
  bzdi_rows rows = {eval->n, eval->x, eval->t, eval->cond, NULL};
  net->kind->infer(net, flow->precision, flow->packed, &rows, u, inner);
  if (!is_guided(flow, guidance) || !eval->cond) return;
  size_t count = (size_t)(eval->n * net->heads * flow->item.dim);
  float *null = bzdi_arena_take(&arena, count, sizeof(float)), g = (float)guidance;
  rows.cond = NULL;
  net->kind->infer(net, flow->precision, flow->packed, &rows, null, inner);
  for (size_t i = 0; i < count; i++) u[i] = null[i] + g * (u[i] - null[i]);
}

static size_t net_work(const bzdi_field *field, int64_t n) {
  const bzd_flow *flow = field->self;
  bzdi_arena arena = {NULL, 0};
  bzdi_arena_take(&arena, bzdi_flow_heads_work(flow, field->guidance, n), 1);
  if (flow->net->heads > 1) bzdi_arena_take(&arena, (size_t)(n * flow->net->heads * flow->item.dim), sizeof(float));
  return arena.used;
}

static bzd_status net_velocity(const bzdi_field *field, const bzdi_eval *eval, float *v, void *work) {
  const bzd_flow *flow = field->self;
  int64_t dim = flow->item.dim, heads = flow->net->heads;
  bzdi_arena arena = {work, 0};
  void *inner = bzdi_arena_take(&arena, bzdi_flow_heads_work(flow, field->guidance, eval->n), 1);
  if (heads == 1) {
    bzdi_flow_heads_at(flow, field->guidance, eval, v, inner);
    return BZD_OK;
  }
  float *u = bzdi_arena_take(&arena, (size_t)(eval->n * heads * dim), sizeof(float));
  bzdi_flow_heads_at(flow, field->guidance, eval, u, inner);
  for (int64_t r = 0; r < eval->n; r++) memcpy(v + r * dim, u + r * heads * dim, (size_t)dim * sizeof(float));
  return BZD_OK;
}

/* ---- The caller's function ----------------------------------------------------------------------------------- */

static size_t callback_work(const bzdi_field *field, int64_t n) {
  (void)field, (void)n;
  return 0;
}

/* One thread at a time. The process that is in there is named, so that a child of fork need not wait for a thread of
 * its parent, which it does not have. */
static void enter(const bzd_flow *flow) {
  _Atomic(int64_t) *inside = &((bzd_flow *)(uintptr_t)flow)->inside;
  const int64_t here = getpid();
  for (int tries = 0;; tries++) {
    int64_t other = atomic_load(inside);
    if (other != here && atomic_compare_exchange_strong(inside, &other, here)) return;
    if (tries < 100)
      sched_yield();
    else
      nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
  }
}

static void leave(const bzd_flow *flow) { atomic_store(&((bzd_flow *)(uintptr_t)flow)->inside, 0); }

static bzd_status callback_velocity(const bzdi_field *field, const bzdi_eval *eval, float *v, void *work) {
  const bzd_flow *flow = field->self;
  (void)work;
  if (field->cond_dim > 0 && !eval->cond)
    return bzdi_fail(BZD_E_ARGUMENT, "callback flow: cond is NULL, expected [n, %lld]", (long long)field->cond_dim);
  if (field->guidance != 1.0)
    return bzdi_fail(BZD_E_UNSUPPORTED, "callback flow: guidance is %g, only 1 is offered: it has no null condition",
                     field->guidance);
  if (flow->serialise) enter(flow);
  int32_t stop = flow->fn(flow->fn_user, eval->n, field->dim, eval->x, eval->t, field->cond_dim, eval->cond, v);
  if (flow->serialise) leave(flow);
  if (stop != 0) return bzdi_fail(BZD_E_CANCELLED, "velocity callback returned %d", (int)stop);
  for (int64_t i = 0; i < eval->n * field->dim; i++)
    if (!isfinite(v[i]))
      return bzdi_fail(BZD_E_NUMERIC, "velocity callback: row %lld, column %lld is %g at t %g",
                       (long long)(i / field->dim), (long long)(i % field->dim), (double)v[i],
                       (double)eval->t[i / field->dim]);
  return BZD_OK;
}

void bzdi_flow_field(const bzd_flow *flow, double guidance, bzdi_field *field) {
  int callback = flow->net == NULL;
  *field = (bzdi_field){.self = flow,
                        .guidance = guidance,
                        .dim = flow->item.dim,
                        .cond_dim = flow->item.cond_dim,
                        .nfe = !callback && is_guided(flow, guidance) ? 2 : 1,
                        .serial = callback,
                        .work = callback ? callback_work : net_work,
                        .velocity = callback ? callback_velocity : net_velocity};
}
