/* SPDX-License-Identifier: MIT */
/* What samples are: copying and comparing. */
#include "base/error.h"
#include "flow/flow.h"

#include <string.h>

bzd_status bzdi_item_copy(const bzd_context *context, const bzdi_item *from, bzdi_item *to) {
  bzdi_item item = *from;
  item.scale = item.offset = NULL;
  if (from->scale) {
    size_t count = (size_t)from->dim;
    item.scale = bzdi_malloc(context, count, sizeof(float));
    item.offset = bzdi_malloc(context, count, sizeof(float));
    if (!item.scale || !item.offset) {
      bzdi_item_clear(context, &item);
      return bzdi_no_memory("affine", 2 * count, sizeof(float));
    }
    memcpy(item.scale, from->scale, count * sizeof(float));
    memcpy(item.offset, from->offset, count * sizeof(float));
  }
  *to = item;
  return BZD_OK;
}

void bzdi_item_clear(const bzd_context *context, bzdi_item *item) {
  bzdi_free(context, item->scale);
  bzdi_free(context, item->offset);
  item->scale = item->offset = NULL;
}

bzd_status bzdi_item_match(const char *name, const bzdi_item *item, const bzdi_item *expected) {
  if (item->dim != expected->dim)
    return bzdi_fail(BZD_E_DIMENSION, "%s: dim %lld, expected %lld", name, (long long)item->dim,
                     (long long)expected->dim);
  if (item->cond_dim != expected->cond_dim)
    return bzdi_fail(BZD_E_DIMENSION, "%s: cond_dim %lld, expected %lld", name, (long long)item->cond_dim,
                     (long long)expected->cond_dim);
  if (!item->scale != !expected->scale)
    return bzdi_fail(BZD_E_DIMENSION, "%s: has %s affine, expected %s", name, item->scale ? "an" : "no",
                     expected->scale ? "one" : "none");
  if (!item->scale) return BZD_OK;
  for (int64_t j = 0; j < item->dim; j++)
    if (memcmp(&item->scale[j], &expected->scale[j], sizeof(float)) != 0 ||
        memcmp(&item->offset[j], &expected->offset[j], sizeof(float)) != 0)
      return bzdi_fail(BZD_E_DIMENSION, "%s: affine of coordinate %lld is %g, %g, expected %g, %g", name, (long long)j,
                       (double)item->scale[j], (double)item->offset[j], (double)expected->scale[j],
                       (double)expected->offset[j]);
  return BZD_OK;
}
