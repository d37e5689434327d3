/* SPDX-License-Identifier: MIT */
#include "api/api.h"
#include "api/item.h"
#include "distill/data.h"

_Static_assert((int)BZDI_DATA_F32 == BZD_DTYPE_F32 && (int)BZDI_DATA_U8 == BZD_DTYPE_U8, "BZD_DTYPE_");
_Static_assert((int)BZDI_NORMALISE_AUTO == BZD_NORMALISE_AUTO && (int)BZDI_NORMALISE_NONE == BZD_NORMALISE_NONE &&
                   (int)BZDI_NORMALISE_STANDARDISE == BZD_NORMALISE_STANDARDISE &&
                   (int)BZDI_NORMALISE_GIVEN == BZD_NORMALISE_GIVEN,
               "BZD_NORMALISE_");

static const char *const NAME = "data config";

static const bzd_data_config defaults = {
    .struct_size = sizeof(bzd_data_config), .dtype = BZD_DTYPE_F32, .copy = 1, .normalise = BZD_NORMALISE_AUTO};

bzd_status bzd_data_config_init(bzd_data_config *config, size_t size) {
  return bzdi_done(bzdi_config_init(NAME, config, size, &defaults, sizeof defaults, FIRST_DATA_CONFIG));
}

size_t bzd_data_config_size(void) { return sizeof(bzd_data_config); }
size_t bzd_data_info_size(void) { return sizeof(bzd_data_info); }

/* Labels and conditions: one or the other, each with its size. */
static bzd_status check_cond(const bzd_data_config *c) {
  if (c->labels != NULL && c->cond != NULL)
    return bzdi_fail(BZD_E_ARGUMENT, "%s: labels and cond are both given, expected one of them", NAME);
  if (c->labels != NULL)
    BZDI_TRY(bzdi_check_i64(NAME, "classes", c->classes, 1, BZDI_MAX_DIM));
  else if (c->classes != 0)
    return bzdi_fail(BZD_E_ARGUMENT, "%s: classes is %d, but labels is NULL", NAME, (int)c->classes);
  if (c->cond != NULL) return bzdi_check_i64(NAME, "cond_dim", c->cond_dim, 1, BZDI_MAX_DIM);
  if (c->cond_dim != 0)
    return bzdi_fail(BZD_E_ARGUMENT, "%s: cond_dim is %lld, but cond is NULL", NAME, (long long)c->cond_dim);
  return BZD_OK;
}

static bzd_status check_rows(const bzd_data_config *c) {
  BZDI_TRY(bzdi_check_i64(NAME, "dtype", c->dtype, BZD_DTYPE_F32, BZD_DTYPE_U8));
  BZDI_TRY(bzdi_check_i64(NAME, "n", c->n, 1, BZDI_MAX_ROWS));
  BZDI_TRY(bzdi_check_i64(NAME, "dim", c->dim, 1, BZDI_MAX_DIM));
  if (c->row_stride != 0) BZDI_TRY(bzdi_check_i64(NAME, "row_stride", c->row_stride, c->dim, INT64_MAX / 64 / c->n));
  return bzdi_check_ptr("data config: rows", c->rows);
}

static bzd_status check_normalise(const bzd_data_config *c) {
  BZDI_TRY(bzdi_check_i64(NAME, "normalise", c->normalise, BZD_NORMALISE_AUTO, BZD_NORMALISE_GIVEN));
  if (c->normalise == BZD_NORMALISE_GIVEN) return bzdi_check_ptr("data config: scale", c->scale);
  if (c->scale != NULL || c->offset != NULL)
    return bzdi_fail(BZD_E_ARGUMENT, "%s: %s is given, but normalise is %d, expected BZD_NORMALISE_GIVEN (%d)", NAME,
                     c->scale != NULL ? "scale" : "offset", (int)c->normalise, BZD_NORMALISE_GIVEN);
  return BZD_OK;
}

bzd_status bzd_data_create(const bzd_context *context, const bzd_data_config *config, bzd_data **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_check_context(context));
  BZDI_TRY(bzdi_check_ptr(NAME, config));
  bzd_data_config c = defaults;
  BZDI_TRY(bzdi_config_read(NAME, config, &c, sizeof c, FIRST_DATA_CONFIG));
  BZDI_TRY(check_rows(&c));
  BZDI_TRY(bzdi_check_i64(NAME, "copy", c.copy, 0, 1));
  BZDI_TRY(check_cond(&c));
  BZDI_TRY(check_normalise(&c));
  bzdi_data_spec spec = {.dtype = c.dtype,
                         .classes = c.classes,
                         .normalise = c.normalise,
                         .copy = c.copy,
                         .n = c.n,
                         .row_stride = c.row_stride == 0 ? c.dim : c.row_stride,
                         .rows = c.rows,
                         .labels = c.labels,
                         .cond = c.cond};
  spec.item.dim = c.dim;
  spec.item.cond_dim = c.labels != NULL ? c.classes : c.cond_dim;
  BZDI_TRY(bzdi_item_shape(NAME, c.item_ndim, c.item_shape, &spec.item));
  BZDI_TRY(bzdi_item_affine(NAME, c.scale, c.offset, &spec.item));
  return bzdi_done(bzdi_data_new(context, &spec, out));
}

void bzd_data_destroy(bzd_data *data) { bzdi_destroy(data, BZDI_MAGIC_DATA); }

bzd_status bzd_data_get_info(const bzd_data *data, bzd_data_info *info) {
  BZDI_TRY(bzdi_handle_check(data, BZDI_MAGIC_DATA, "data", "data"));
  BZDI_TRY(bzdi_check_ptr("data info", info));
  BZDI_TRY(bzdi_result_check("data info", info, FIRST_DATA_INFO));
  bzd_data_info values = {.dtype = data->dtype,
                          .n = data->n,
                          .dim = data->item.dim,
                          .cond_dim = data->item.cond_dim,
                          .classes = data->classes,
                          .has_affine = data->item.scale != NULL,
                          .item_ndim = data->item.ndim};
  for (int i = 0; i < data->item.ndim; i++) values.item_shape[i] = data->item.shape[i];
  bzdi_result_write(info, &values, sizeof values);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_data_get_affine(const bzd_data *data, float *scale, float *offset) {
  BZDI_TRY(bzdi_handle_check(data, BZDI_MAGIC_DATA, "data", "data"));
  bzdi_item_get_affine(&data->item, scale, offset);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_data_get_rows(const bzd_data *data, int64_t first, int64_t n, float *x, float *cond) {
  BZDI_TRY(bzdi_handle_check(data, BZDI_MAGIC_DATA, "data", "data"));
  BZDI_TRY(bzdi_check_i64("data rows", "first", first, 0, data->n));
  BZDI_TRY(bzdi_check_i64("data rows", "n", n, 0, data->n - first));
  int64_t cond_dim = data->item.cond_dim;
  if (cond_dim == 0) cond = NULL;
  enum { CHUNK = 256 };
  int64_t index[CHUNK];
  for (int64_t done = 0; done < n; done += CHUNK) {
    int64_t count = n - done < CHUNK ? n - done : CHUNK;
    for (int64_t i = 0; i < count; i++) index[i] = first + done + i;
    bzdi_data_rows(data, count, index, x == NULL ? NULL : x + done * data->item.dim,
                   cond == NULL ? NULL : cond + done * cond_dim);
  }
  return bzdi_done(BZD_OK);
}
