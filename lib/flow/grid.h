/* SPDX-License-Identifier: MIT */
/* Where a few-step sampler should evaluate: the grid of least measured error, by dynamic programming. */
#ifndef BZDI_FLOW_GRID_H
#define BZDI_FLOW_GRID_H

#include "flow/flow.h"

/* Chooses steps + 1 of the times node[0..nodes-1] (0 and 1 among them): the error of a step from i to j is the root
 * mean square of where the flow's step lands minus states[j] (a control-point flow steps along its curve, others by
 * Euler), that of a grid the sum over its steps. states, time-major [nodes, n, dim]; cond [n, cond_dim] or NULL. */
bzd_status bzdi_grid_choose(const bzd_flow *flow, double guidance, int64_t n, const float *states, const float *cond,
                            int32_t nodes, const double *node, int32_t steps, double *grid, double *error);

#endif
