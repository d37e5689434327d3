/* SPDX-License-Identifier: MIT */
/* One block of rows on its way from t0 to t1: what the solvers share. */
#ifndef BZDI_FLOW_BLOCK_H
#define BZDI_FLOW_BLOCK_H

#include "flow/solver.h"

/* Explicit Runge-Kutta method: stage i is evaluated at x + h sum_{j<i} a[i][j] k_j, time t + c[i] h. */
typedef struct bzdi_tableau {
  int32_t stages;
  double a[7][6], b[7], c[7];
} bzdi_tableau;
const bzdi_tableau *bzdi_tableau_of(int32_t solver); /* NULL: none */

/* Numbers of one slot, added up at the end; the failure of the lowest row stands. */
typedef struct bzdi_tally {
  int64_t nfe, nfe_max, rejected;
  bzd_status status; /* BZD_OK, or why row failed; texts are made on the caller's thread */
  int64_t row;
  double time;
} bzdi_tally;

typedef struct bzdi_block {
  const bzdi_solve *solve;
  const bzdi_field *field; /* NULL for CONTROL */
  const bzd_flow *flow;    /* CONTROL alone */
  double guidance;
  int64_t first, n, total; /* rows first..first+n-1 of total in this call */
  int64_t dim;
  const float *x0, *cond; /* of the first row of the block; x0 NULL: noise */
  float *out;             /* of the first row of the block, or NULL */
  float *states;          /* of the whole call, or NULL */
  int time_major;
  void *work;
  bzdi_tally *tally;
} bzdi_block;

/* Sample numbers of the block's rows. */
void bzdi_block_index(const bzdi_block *block, int64_t *index);
/* x0 or noise into x [n, dim]. */
void bzdi_block_start(const bzdi_block *block, const int64_t *index, float *x);
/* Where row r of the block keeps its state at a node. */
float *bzdi_block_state(const bzdi_block *block, int64_t r, int64_t node);
void bzdi_block_fail(bzdi_tally *tally, bzd_status status, int64_t row, double time);

/* The solvers: bytes of work for n rows, and the run. They return a failure only when the field is serial and the
 * host's function failed; anything else goes to the tally. */
size_t bzdi_fixed_work(const bzdi_field *field, int64_t n);
bzd_status bzdi_fixed_run(const bzdi_block *block);
size_t bzdi_dopri5_work(const bzdi_field *field, int64_t n);
bzd_status bzdi_dopri5_run(const bzdi_block *block);
size_t bzdi_control_work(const bzd_flow *flow, double guidance, int64_t n, int reanchor);
bzd_status bzdi_control_run(const bzdi_block *block);

/* Steps between consecutive stops, as a function of the step number: the grid or equal steps; with nodes each interval
 * is divided so that the steps add up to at least solve->steps. */
typedef struct bzdi_march {
  const bzdi_solve *solve;
  int64_t node;     /* the next node to reach; without nodes 0 */
  int64_t done, of; /* steps of the present interval */
  double t;
} bzdi_march;
void bzdi_march_start(const bzdi_solve *solve, bzdi_march *march);
/* The next step's end, or 0 when t1 is reached; *node is the node it ends at, or -1. */
int bzdi_march_next(bzdi_march *march, double *to, int64_t *node);

#endif
