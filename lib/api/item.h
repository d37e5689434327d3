/* SPDX-License-Identifier: MIT */
/* Shape and affine map of samples, as data and flow configs give them. */
#ifndef BZDI_API_ITEM_H
#define BZDI_API_ITEM_H

#include "flow/flow.h"

/* item->dim is set and checked. ndim 0: shape [dim]. */
bzd_status bzdi_item_shape(const char *name, int32_t ndim, const int64_t *shape, bzdi_item *item);
/* Borrowed: scale finite and not 0, offset finite, both or none. */
bzd_status bzdi_item_affine(const char *name, const float *scale, const float *offset, bzdi_item *item);
/* Copies; 1 and 0 where the item has none. Either may be NULL. */
void bzdi_item_get_affine(const bzdi_item *item, float *scale, float *offset);
/* Between model and data units, in place: n rows, stride floats apart. */
void bzdi_item_to_data(const bzdi_item *item, int64_t n, int64_t stride, float *x);
void bzdi_item_to_model(const bzdi_item *item, int64_t n, int64_t stride, float *x);

#endif
