/* SPDX-License-Identifier: MIT */
/* ODE solvers over a field, and the step along a control-point flow's own curve. A block of rows is integrated from
 * start to end by one task with its own scratch; state and stage sums in double; adaptive rows carry their own step
 * size, error norm and count, and finished rows are compacted away. */
#ifndef BZDI_FLOW_SOLVER_H
#define BZDI_FLOW_SOLVER_H

#include "flow/field.h"
#include "flow/flow.h"

/* The values of BZD_SOLVER_ in flow.h. */
enum {
  BZDI_SOLVER_AUTO = 0,
  BZDI_SOLVER_EULER = 1,
  BZDI_SOLVER_MIDPOINT = 2,
  BZDI_SOLVER_HEUN = 3,
  BZDI_SOLVER_RK4 = 4,
  BZDI_SOLVER_DOPRI5 = 5,
  BZDI_SOLVER_CONTROL = 6,
  BZDI_SOLVER_DOPRI5_FIXED = 7,
  BZDI_SOLVER_REANCHOR = 8
};

typedef struct bzdi_solve {
  int32_t solver;       /* not AUTO */
  int32_t steps;        /* fixed-step solvers without grid */
  const double *grid;   /* [steps + 1] or NULL = equal steps */
  double t0, t1;        /* any direction */
  double rtol, atol;    /* DOPRI5 */
  int64_t max_steps;    /* DOPRI5: tried steps per row */
  double renoise;       /* REANCHOR: share of fresh noise */
  int64_t first_index;  /* row r is sample first_index + r, unless */
  const int64_t *index; /* [n] says otherwise */
  uint64_t seed;        /* of the noise when x0 is NULL (BZD_STREAM_NOISE) */
  int64_t nodes;        /* 0, or states wanted at node[0] = t0 .. node[nodes-1] = t1 */
  const double *node;
  bzd_progress_fn progress; /* may be NULL */
  void *progress_user;
} bzdi_solve;

typedef struct bzdi_solved {
  double nfe_mean;
  int64_t nfe_max, rejected;
} bzdi_solved;

/* Moves n rows. out [n, dim] or NULL; states or NULL: [nodes, n, dim] when time_major, else [n, nodes, dim]. In place
 * (out == x0) is fine. cache: workspace kept between calls. Failures name row (its number in this call) and time. */
bzd_status bzdi_solve_field(const bzd_context *context, bzdi_cache *cache, const bzdi_field *field,
                            const bzdi_solve *solve, int64_t n, const float *x0, const float *cond, float *out,
                            float *states, int time_major, bzdi_solved *solved);
/* Lets the cache hold what calls of at most n rows take, so that they allocate nothing however many rows they have. */
bzd_status bzdi_solve_reserve(const bzd_context *context, bzdi_cache *cache, const bzdi_field *field, int32_t solver,
                              int64_t n);
/* The same for unguided bzdi_solve_flow with this solver, not AUTO. */
bzd_status bzdi_solve_flow_reserve(const bzd_flow *flow, int32_t solver, int64_t n);
/* CONTROL and ENDPOINT flows with BZDI_SOLVER_CONTROL: the same arguments. */
bzd_status bzdi_solve_control(const bzd_flow *flow, double guidance, const bzdi_solve *solve, int64_t n,
                              const float *x0, const float *cond, float *out, float *states, int time_major,
                              bzdi_solved *solved);
/* Either, by flow and solver; AUTO resolved into *used. BZD_E_UNSUPPORTED where kind and solver do not go together. */
bzd_status bzdi_solve_flow(const bzd_flow *flow, double guidance, const bzdi_solve *solve, int64_t n, const float *x0,
                           const float *cond, float *out, float *states, int time_major, int32_t *used,
                           bzdi_solved *solved);
/* Evaluations one step takes: 1, 2, 2, 4, 6 (DOPRI5: 0, it varies), CONTROL 1. */
int32_t bzdi_solver_stages(int32_t solver);

#endif
