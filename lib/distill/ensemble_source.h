/* SPDX-License-Identifier: MIT */
/* The source of paths along an ensemble's trajectories, shared by its making (source_ensemble.c) and its work
 * (trajectory.c). */
#ifndef BZDI_DISTILL_ENSEMBLE_SOURCE_H
#define BZDI_DISTILL_ENSEMBLE_SOURCE_H

#include "distill/source.h"

typedef struct bzdi_ensemble_source {
  bzd_source source;
  bzd_ensemble *ensemble;
  void *fitter; /* the handle that owns the fit asked for */
  const bzdi_fit *fit;
  bzdi_fit *own_fit; /* when the degree was chosen, or paths bend less than the fit */
  bzd_data *start, *real;
  bzd_flow *visitor, *guide[2];
  bzdi_ensemble_source_spec spec;
  float *cond;     /* [cond_count, cond_dim], own copy */
  int32_t nodes;   /* states that make one path */
  int32_t states;  /* kept of a trajectory: windows * (nodes - 1) + 1 */
  double *forward; /* [states] times, and the same from 1 to 0 */
  double *backward;
  int32_t members;          /* trajectories integrated for each row: 1, or one for each teacher (SELECT, ENDPOINT) */
  int64_t chunk;            /* rows at once */
  double relative_residual; /* of the probe that chose the degree; NaN without one */
} bzdi_ensemble_source;

bzd_status bzdi_trajectory_paths(const bzd_source *source, int64_t n, const int64_t *index, const bzdi_batch *out);
/* The smallest degree below most whose relative residual over the first 256 samples is at most tolerance, else most. */
bzd_status bzdi_trajectory_degree(bzdi_ensemble_source *s, const bzdi_fit *most, double tolerance, int32_t *degree,
                                  double *relative);

#endif
