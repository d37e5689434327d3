/* SPDX-License-Identifier: MIT */
/* The path store: paths made once and kept. */
#ifndef BZDI_DISTILL_POOL_H
#define BZDI_DISTILL_POOL_H

#include "distill/source.h"

typedef struct bzdi_pool_source {
  bzd_source source;
  int64_t count, first; /* first: number of path 0 in what the pool was made of */
  uint64_t seed;
  float *paths, *cond, *span; /* [count, degree+1, dim], [count, cond_dim] or NULL, [count, 2] or NULL */
  uint64_t start_seed;        /* of the noise that P_0 is, see starts_are_noise */
  int32_t starts_are_noise;
  double nfe, residual;
} bzdi_pool_source;

/* Empty, with room for count paths. */
bzd_status bzdi_pool_new_empty(const bzd_context *context, int32_t degree, const bzdi_item *item, int32_t spans,
                               int64_t count, uint64_t seed, bzdi_pool_source **out);

#endif
