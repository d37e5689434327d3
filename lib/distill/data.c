/* SPDX-License-Identifier: MIT */
#include "distill/data.h"

#include "base/config.h"
#include "base/error.h"

#include <math.h>
#include <string.h>

static void drop(void *self) {
  bzd_data *data = self;
  for (int i = 0; i < 3; i++) bzdi_free(data->handle.context, data->owned[i]);
  bzdi_item_clear(data->handle.context, &data->item);
}

static size_t element(int32_t dtype) { return dtype == BZDI_DATA_U8 ? 1 : sizeof(float); }

static double value_at(const bzd_data *data, int64_t row, int64_t j) {
  int64_t at = row * data->row_stride + j;
  return data->dtype == BZDI_DATA_U8 ? ((const unsigned char *)data->rows)[at]
                                     : (double)((const float *)data->rows)[at];
}

static bzd_status check_contents(const bzdi_data_spec *spec) {
  if (spec->dtype == BZDI_DATA_F32)
    for (int64_t i = 0; i < spec->n; i++) {
      const float *row = (const float *)spec->rows + i * spec->row_stride;
      for (int64_t j = 0; j < spec->item.dim; j++)
        if (!isfinite(row[j]))
          return bzdi_fail(BZD_E_NUMERIC, "data: row %lld, column %lld is %g", (long long)i, (long long)j,
                           (double)row[j]);
    }
  for (int64_t i = 0; spec->labels && i < spec->n; i++)
    if (spec->labels[i] < 0 || spec->labels[i] >= spec->classes)
      return bzdi_fail(BZD_E_ARGUMENT, "data: label of row %lld is %d, expected 0..%d", (long long)i,
                       (int)spec->labels[i], (int)spec->classes - 1);
  return spec->cond ? bzdi_check_finite("data cond", spec->n, spec->item.cond_dim, spec->cond) : BZD_OK;
}

/* Copies a part, rows packed; NULL stays NULL. */
static bzd_status keep_copy(bzd_data *data, int which, const void *from, int64_t rows, size_t row, size_t stride) {
  if (!from) return BZD_OK;
  char *copy = bzdi_malloc(data->handle.context, (size_t)rows, row);
  if (!copy) return bzdi_no_memory("data", (size_t)rows, row);
  for (int64_t i = 0; i < rows; i++) memcpy(copy + (size_t)i * row, (const char *)from + (size_t)i * stride, row);
  data->owned[which] = copy;
  return BZD_OK;
}

static bzd_status copy_parts(bzd_data *data, const bzdi_data_spec *spec) {
  size_t size = element(spec->dtype), row = (size_t)spec->item.dim * size;
  BZDI_TRY(keep_copy(data, 0, spec->rows, spec->n, row, (size_t)spec->row_stride * size));
  BZDI_TRY(keep_copy(data, 1, spec->labels, spec->n, sizeof(int32_t), sizeof(int32_t)));
  size_t cond = (size_t)spec->item.cond_dim * sizeof(float);
  BZDI_TRY(keep_copy(data, 2, spec->cond, spec->n, cond, cond));
  data->rows = data->owned[0];
  data->labels = data->owned[1];
  data->cond = data->owned[2];
  data->row_stride = spec->item.dim;
  return BZD_OK;
}

/* The affine of the chosen normalisation; none when it is the identity. */
static bzd_status normalise(bzd_data *data, const bzdi_data_spec *spec) {
  const bzd_context *context = data->handle.context;
  int64_t dim = spec->item.dim;
  int automatic = spec->normalise == BZDI_NORMALISE_AUTO;
  if (spec->normalise == BZDI_NORMALISE_NONE || (automatic && spec->dtype == BZDI_DATA_F32)) return BZD_OK;
  float *scale = data->item.scale = bzdi_malloc(context, (size_t)dim, sizeof(float));
  float *offset = data->item.offset = bzdi_malloc(context, (size_t)dim, sizeof(float));
  if (!scale || !offset) return bzdi_no_memory("data", 2 * (size_t)dim, sizeof(float));
  for (int64_t j = 0; j < dim; j++) {
    if (automatic) {
      scale[j] = offset[j] = 127.5f;
    } else if (spec->normalise == BZDI_NORMALISE_GIVEN) {
      scale[j] = spec->item.scale[j];
      offset[j] = spec->item.offset[j];
    } else {
      double mean = 0, squares = 0;
      for (int64_t i = 0; i < data->n; i++) mean += value_at(data, i, j);
      mean /= (double)data->n;
      for (int64_t i = 0; i < data->n; i++) squares += (value_at(data, i, j) - mean) * (value_at(data, i, j) - mean);
      double deviation = data->n > 1 ? sqrt(squares / (double)(data->n - 1)) : 0;
      scale[j] = (float)deviation > 0 ? (float)deviation : 1;
      if (!isfinite(scale[j])) /* beyond float32, though every value is within */
        return bzdi_fail(BZD_E_NUMERIC, "data: standard deviation of column %lld is %g", (long long)j, deviation);
      offset[j] = (float)mean;
    }
  }
  return BZD_OK;
}

bzd_status bzdi_data_new(const bzd_context *context, const bzdi_data_spec *spec, bzd_data **out) {
  *out = NULL;
  BZDI_TRY(check_contents(spec));
  bzd_data *data = bzdi_handle_new(context, BZDI_MAGIC_DATA, sizeof *data, drop);
  if (!data) return bzdi_no_memory("data", 1, sizeof *data);
  data->dtype = spec->dtype;
  data->classes = spec->labels ? spec->classes : 0;
  data->n = spec->n;
  data->row_stride = spec->row_stride;
  data->rows = spec->rows;
  data->labels = spec->labels;
  data->cond = spec->cond;
  data->item = spec->item;
  data->item.scale = data->item.offset = NULL;
  data->item.cond_dim = spec->labels ? spec->classes : spec->cond ? spec->item.cond_dim : 0;
  bzd_status status = spec->copy ? copy_parts(data, spec) : BZD_OK;
  if (status == BZD_OK) status = normalise(data, spec);
  if (status != BZD_OK) {
    bzdi_release(data);
    return status;
  }
  *out = data;
  return BZD_OK;
}

void bzdi_data_rows(const bzd_data *data, int64_t n, const int64_t *index, float *x, float *cond) {
  int64_t dim = data->item.dim, cond_dim = data->item.cond_dim;
  const float *scale = data->item.scale, *offset = data->item.offset;
  for (int64_t r = 0; x && r < n; r++) {
    float *out = x + r * dim;
    if (data->dtype == BZDI_DATA_U8) {
      const unsigned char *row = (const unsigned char *)data->rows + index[r] * data->row_stride;
      if (scale)
        for (int64_t j = 0; j < dim; j++) out[j] = ((float)row[j] - offset[j]) / scale[j];
      else
        for (int64_t j = 0; j < dim; j++) out[j] = (float)row[j];
    } else {
      const float *row = (const float *)data->rows + index[r] * data->row_stride;
      if (scale)
        for (int64_t j = 0; j < dim; j++) out[j] = (row[j] - offset[j]) / scale[j];
      else
        memcpy(out, row, (size_t)dim * sizeof(float));
    }
  }
  for (int64_t r = 0; cond && r < n; r++) {
    float *out = cond + r * cond_dim;
    if (data->labels) {
      memset(out, 0, (size_t)cond_dim * sizeof(float));
      out[data->labels[index[r]]] = 1;
    } else if (data->cond) {
      memcpy(out, data->cond + index[r] * cond_dim, (size_t)cond_dim * sizeof(float));
    }
  }
}

void bzdi_item_hash(const bzdi_item *item, bzdi_sha256 *hash) {
  int64_t head[4] = {item->dim, item->cond_dim, item->scale != NULL, item->ndim};
  bzdi_sha256_add(hash, head, sizeof head);
  if (!item->scale) return;
  bzdi_sha256_add(hash, item->scale, (size_t)item->dim * sizeof(float));
  bzdi_sha256_add(hash, item->offset, (size_t)item->dim * sizeof(float));
}

void bzdi_data_hash(const bzd_data *data, bzdi_sha256 *hash) {
  int64_t head[3] = {data->dtype, data->n, data->classes};
  size_t size = element(data->dtype);
  bzdi_sha256_add(hash, head, sizeof head);
  bzdi_item_hash(&data->item, hash);
  for (int64_t i = 0; i < data->n; i++)
    bzdi_sha256_add(hash, (const char *)data->rows + (size_t)(i * data->row_stride) * size,
                    (size_t)data->item.dim * size);
  if (data->labels) bzdi_sha256_add(hash, data->labels, (size_t)data->n * sizeof(int32_t));
  if (data->cond) bzdi_sha256_add(hash, data->cond, (size_t)(data->n * data->item.cond_dim) * sizeof(float));
}
