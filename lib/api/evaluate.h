/* SPDX-License-Identifier: MIT */
/* Many rows through a function of blocks of rows, spread over the context's threads. The split depends on the block
 * size alone. */
#ifndef BZDI_API_EVALUATE_H
#define BZDI_API_EVALUATE_H

#include "base/alloc.h"
#include "flow/field.h"

typedef struct bzdi_blocks bzdi_blocks;
struct bzdi_blocks {
  const bzd_context *context;
  bzdi_cache *cache;       /* workspace kept between calls */
  const bzdi_field *field; /* dims, block size, and whether the host's code is called */
  int64_t n, first_index;  /* row r is sample first_index + r */
  const float *x, *t, *cond;
  void *out;
  double guidance;                                         /* for block's own use */
  size_t (*work)(const bzdi_blocks *blocks, int64_t rows); /* NULL: the field's */
  /* One block; row is its first. Fails only when the field is serial. */
  bzd_status (*block)(const bzdi_blocks *blocks, const bzdi_eval *eval, int64_t row, void *work);
};

bzd_status bzdi_blocks_run(const bzdi_blocks *blocks);
/* The field's velocity [n, dim] into out: block is set by it. */
bzd_status bzdi_blocks_velocity(bzdi_blocks *blocks);

#endif
