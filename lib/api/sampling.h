/* SPDX-License-Identifier: MIT */
/* What sampling from flows and from ensembles shares: the config, the ends in data units, the result. */
#ifndef BZDI_API_SAMPLING_H
#define BZDI_API_SAMPLING_H

#include "flow/solver.h"

#include <bezdist/flow.h>

/* One call. Filled by the caller up to times, then by bzdi_sampling_prepare. */
typedef struct bzdi_sampling {
  const char *name; /* for texts: "flow sample" */
  const bzd_context *context;
  const bzdi_item *item;
  int32_t automatic;  /* BZDI_SOLVER_ that AUTO stands for */
  int32_t kind;       /* BZDI_FLOW_; VELOCITY for ensembles */
  int32_t plain;      /* 1: guidance must be 1 */
  int32_t trajectory; /* 1: states [n, count, dim] at times; 0: out [n, dim] */
  int64_t n;
  const float *x0, *cond;
  float *out, *states;
  int64_t count;
  const double *times;
  double guidance;
  int32_t used; /* solver */
  int32_t units;
  double began;
  bzdi_solve solve;
  bzdi_solved solved;
  float *mapped; /* x0 in model units, when it is neither x0 nor out */
} bzdi_sampling;

bzd_status bzdi_sampling_prepare(bzdi_sampling *s, const bzd_sample_config *config, const bzd_sample_result *result);
/* After the solver: ends to data units, the result, the temporary freed. Passes status on. */
bzd_status bzdi_sampling_finish(bzdi_sampling *s, bzd_status status, bzd_sample_result *result);

#endif
