/* SPDX-License-Identifier: MIT */
/* A data set: rows of bytes or floats, borrowed or copied, given out in model units with their conditions. */
#ifndef BZDI_DISTILL_DATA_H
#define BZDI_DISTILL_DATA_H

#include "flow/flow.h"
#include "store/sha256.h"

enum { BZDI_DATA_F32 = 1, BZDI_DATA_U8 = 2 };
enum { BZDI_NORMALISE_AUTO = 0, BZDI_NORMALISE_NONE = 1, BZDI_NORMALISE_STANDARDISE = 2, BZDI_NORMALISE_GIVEN = 3 };

typedef struct bzdi_data_spec { /* values checked by the caller, contents checked by new */
  int32_t dtype, classes, normalise;
  int copy;
  int64_t n, row_stride; /* stride in elements, >= item.dim */
  const void *rows;
  const int32_t *labels;
  const float *cond;
  bzdi_item item; /* dim, cond_dim (of cond; classes when labels), shape; scale and offset when GIVEN */
} bzdi_data_spec;

struct bzd_data {
  bzdi_handle handle;
  int32_t dtype, classes;
  int64_t n, row_stride;
  const void *rows; /* borrowed or owned */
  const int32_t *labels;
  const float *cond;
  void *owned[3];
  bzdi_item item; /* cond_dim = classes with labels; scale, offset NULL when the identity */
};

bzd_status bzdi_data_new(const bzd_context *context, const bzdi_data_spec *spec, bzd_data **out);
/* Rows index[0..n-1] in model units, (value - offset) / scale; x or cond may be NULL. */
void bzdi_data_rows(const bzd_data *data, int64_t n, const int64_t *index, float *x, float *cond);
/* Content for a source's identity: shape, normalisation, rows, labels, conditions. */
void bzdi_item_hash(const bzdi_item *item, bzdi_sha256 *hash);
void bzdi_data_hash(const bzd_data *data, bzdi_sha256 *hash);

#endif
