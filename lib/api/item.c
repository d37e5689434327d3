/* SPDX-License-Identifier: MIT */
#include "api/item.h"

#include "api/api.h"

#include <math.h>

bzd_status bzdi_item_shape(const char *name, int32_t ndim, const int64_t *shape, bzdi_item *item) {
  BZDI_TRY(bzdi_check_i64(name, "item_ndim", ndim, 0, 4));
  item->ndim = ndim;
  int64_t product = 1;
  for (int32_t i = 0; i < ndim; i++) {
    BZDI_TRY(bzdi_check_i64(name, "item_shape", shape[i], 1, BZDI_MAX_DIM));
    if (product > BZDI_MAX_DIM / shape[i])
      product = BZDI_MAX_DIM + 1; /* sticks: no factor is below 1 */
    else
      product *= shape[i];
    item->shape[i] = shape[i];
  }
  if (ndim > 0 && product != item->dim)
    return bzdi_fail(BZD_E_DIMENSION, "%s: item_shape holds %s%lld numbers, dim is %lld", name,
                     product > BZDI_MAX_DIM ? "at least " : "", (long long)product, (long long)item->dim);
  return BZD_OK;
}

bzd_status bzdi_item_affine(const char *name, const float *scale, const float *offset, bzdi_item *item) {
  if ((scale == NULL) != (offset == NULL))
    return bzdi_fail(BZD_E_ARGUMENT, "%s: scale and offset must be given together, %s is NULL", name,
                     scale == NULL ? "scale" : "offset");
  if (scale == NULL) return BZD_OK;
  for (int64_t j = 0; j < item->dim; j++) {
    if (!isfinite(scale[j]) || scale[j] == 0.0f)
      return bzdi_fail(BZD_E_ARGUMENT, "%s: scale[%lld] is %g, expected a finite number other than 0", name,
                       (long long)j, (double)scale[j]);
    if (!isfinite(offset[j]))
      return bzdi_fail(BZD_E_ARGUMENT, "%s: offset[%lld] is %g, expected a finite number", name, (long long)j,
                       (double)offset[j]);
  }
  /* Borrowed until the object has made its copy, never written. */
  item->scale = (float *)scale;
  item->offset = (float *)offset;
  return BZD_OK;
}

void bzdi_item_get_affine(const bzdi_item *item, float *scale, float *offset) {
  for (int64_t j = 0; j < item->dim; j++) {
    if (scale != NULL) scale[j] = item->scale == NULL ? 1.0f : item->scale[j];
    if (offset != NULL) offset[j] = item->offset == NULL ? 0.0f : item->offset[j];
  }
}

void bzdi_item_to_data(const bzdi_item *item, int64_t n, int64_t stride, float *x) {
  if (item->scale == NULL) return;
  for (int64_t r = 0; r < n; r++, x += stride)
    for (int64_t j = 0; j < item->dim; j++) x[j] = item->scale[j] * x[j] + item->offset[j];
}

void bzdi_item_to_model(const bzdi_item *item, int64_t n, int64_t stride, float *x) {
  if (item->scale == NULL) return;
  for (int64_t r = 0; r < n; r++, x += stride)
    for (int64_t j = 0; j < item->dim; j++) x[j] = (x[j] - item->offset[j]) / item->scale[j];
}
