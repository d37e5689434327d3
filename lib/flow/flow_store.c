/* SPDX-License-Identifier: MIT */
/* Flows in a store: META "<prefix>flow.*", the net's description, buffers "<prefix>scale" and "offset", weights. */
#include "base/error.h"
#include "flow/flow.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *named(char *buf, size_t cap, const char *prefix, const char *key) {
  snprintf(buf, cap, "%s%s", prefix, key);
  return buf;
}

static bzd_status store_i64(bzdi_store *store, const char *prefix, const char *key, int64_t value) {
  char name[128];
  return bzdi_store_set_i64(store, BZDI_META, named(name, sizeof name, prefix, key), value, BZDI_MODEL);
}

static bzd_status load_i64(const bzdi_store *store, const char *prefix, const char *key, int64_t low, int64_t high,
                           int64_t *value) {
  char name[128];
  return bzdi_store_get_i64(store, BZDI_META, named(name, sizeof name, prefix, key), low, high, value);
}

bzd_status bzdi_item_store(const bzdi_item *item, bzdi_store *store, const char *prefix) {
  char name[128];
  BZDI_TRY(store_i64(store, prefix, "flow.dim", item->dim));
  BZDI_TRY(store_i64(store, prefix, "flow.cond_dim", item->cond_dim));
  BZDI_TRY(store_i64(store, prefix, "flow.item_ndim", item->ndim));
  for (int32_t i = 0; i < item->ndim; i++) {
    char key[32];
    snprintf(key, sizeof key, "flow.item_shape.%d", (int)i);
    BZDI_TRY(store_i64(store, prefix, key, item->shape[i]));
  }
  if (!item->scale) return BZD_OK;
  BZDI_TRY(bzdi_store_add(store, named(name, sizeof name, prefix, "scale"), BZDI_ROLE_BUFFER, BZDI_DTYPE_F32, 1,
                          &item->dim, item->scale));
  return bzdi_store_add(store, named(name, sizeof name, prefix, "offset"), BZDI_ROLE_BUFFER, BZDI_DTYPE_F32, 1,
                        &item->dim, item->offset);
}

static bzd_status load_affine(const bzd_context *context, const bzdi_store *store, const char *prefix,
                              bzdi_item *item) {
  char scale[128], offset[128];
  named(scale, sizeof scale, prefix, "scale");
  named(offset, sizeof offset, prefix, "offset");
  if (bzdi_store_find(store, scale, BZDI_ROLE_BUFFER) < 0) return BZD_OK;
  const bzdi_tensor *tensor = bzdi_store_tensor(store, bzdi_store_find(store, scale, BZDI_ROLE_BUFFER));
  if (tensor->ndim != 1 || tensor->shape[0] != item->dim) /* before memory is taken by what the metadata say */
    return bzdi_fail(BZD_E_CORRUPT, "tensor %s: not [%lld]", scale, (long long)item->dim);
  item->scale = bzdi_malloc(context, (size_t)item->dim, sizeof(float));
  item->offset = bzdi_malloc(context, (size_t)item->dim, sizeof(float));
  if (!item->scale || !item->offset) return bzdi_no_memory("affine", 2 * (size_t)item->dim, sizeof(float));
  BZDI_TRY(bzdi_store_read_f32(store, scale, BZDI_ROLE_BUFFER, 1, &item->dim, item->scale));
  BZDI_TRY(bzdi_store_read_f32(store, offset, BZDI_ROLE_BUFFER, 1, &item->dim, item->offset));
  for (int64_t j = 0; j < item->dim; j++)
    if (!isfinite(item->scale[j]) || item->scale[j] == 0 || !isfinite(item->offset[j]))
      return bzdi_fail(BZD_E_CORRUPT, "affine of coordinate %lld is %g, %g, expected finite and not 0", (long long)j,
                       (double)item->scale[j], (double)item->offset[j]);
  return BZD_OK;
}

bzd_status bzdi_item_load(const bzd_context *context, const bzdi_store *store, const char *prefix, bzdi_item *out) {
  bzdi_item item = {0};
  int64_t ndim, product = 1;
  BZDI_TRY(load_i64(store, prefix, "flow.dim", 1, 1 << 20, &item.dim));
  BZDI_TRY(load_i64(store, prefix, "flow.cond_dim", 0, 1 << 20, &item.cond_dim));
  BZDI_TRY(load_i64(store, prefix, "flow.item_ndim", 0, 4, &ndim));
  item.ndim = (int32_t)ndim;
  for (int32_t i = 0; i < item.ndim; i++) {
    char key[32];
    snprintf(key, sizeof key, "flow.item_shape.%d", (int)i);
    BZDI_TRY(load_i64(store, prefix, key, 1, item.dim, &item.shape[i]));
    product = product > item.dim ? product : product * item.shape[i];
  }
  if (item.ndim > 0 && product != item.dim)
    return bzdi_fail(BZD_E_CORRUPT, "item shape has %lld elements, expected dim %lld", (long long)product,
                     (long long)item.dim);
  bzd_status status = load_affine(context, store, prefix, &item);
  if (status != BZD_OK)
    bzdi_item_clear(context, &item);
  else
    *out = item;
  return status;
}

bzd_status bzdi_flow_store_shape(const bzdi_flow_shape *shape, bzdi_store *store, const char *prefix) {
  BZDI_TRY(store_i64(store, prefix, "flow.kind", shape->kind));
  BZDI_TRY(store_i64(store, prefix, "flow.degree", shape->degree));
  BZDI_TRY(store_i64(store, prefix, "flow.generation", shape->generation));
  BZDI_TRY(store_i64(store, prefix, "flow.noise_version", BZD_NOISE_VERSION));
  BZDI_TRY(bzdi_item_store(&shape->item, store, prefix));
  BZDI_TRY(bzdi_meta_store(&shape->meta, store, prefix));
  return shape->net->kind->describe(shape->net, store, prefix);
}

bzd_status bzdi_flow_store(const bzd_flow *flow, bzdi_store *store, const char *prefix) {
  if (!flow->net) return bzdi_fail(BZD_E_UNSUPPORTED, "a callback flow cannot be stored: it is code of the host");
  bzdi_flow_shape shape = bzdi_flow_shape_of(flow);
  BZDI_TRY(bzdi_flow_store_shape(&shape, store, prefix));
  return bzdi_net_save_array(flow->net, store, prefix, BZDI_ROLE_PARAMETER, flow->weights);
}

bzd_status bzdi_flow_load_shape(const bzd_context *context, const bzdi_store *store, const char *prefix,
                                bzdi_flow_shape *out) {
  bzdi_flow_shape shape = {0};
  int64_t kind, degree, generation, noise;
  BZDI_TRY(load_i64(store, prefix, "flow.kind", BZDI_FLOW_VELOCITY, BZDI_FLOW_ENDPOINT, &kind));
  BZDI_TRY(load_i64(store, prefix, "flow.degree", 1, 16, &degree));
  BZDI_TRY(load_i64(store, prefix, "flow.generation", 0, INT32_MAX, &generation));
  BZDI_TRY(load_i64(store, prefix, "flow.noise_version", 1, INT32_MAX, &noise));
  if (noise != BZD_NOISE_VERSION)
    return bzdi_fail(BZD_E_VERSION, "noise version %lld, this library has %d", (long long)noise, BZD_NOISE_VERSION);
  if (kind != BZDI_FLOW_CONTROL && degree != 1)
    return bzdi_fail(BZD_E_CORRUPT, "flow.degree is %lld, expected 1 for this kind", (long long)degree);
  shape.kind = (int32_t)kind;
  shape.degree = (int32_t)degree;
  shape.generation = (int32_t)generation;
  bzd_status status = bzdi_item_load(context, store, prefix, &shape.item);
  if (status == BZD_OK) status = bzdi_meta_load(context, store, prefix, &shape.meta);
  if (status == BZD_OK) status = bzdi_net_load(context, store, prefix, &shape.net);
  if (status == BZD_OK && (shape.net->dim != shape.item.dim || shape.net->cond_dim != shape.item.cond_dim ||
                           shape.net->heads != bzdi_flow_heads(shape.kind, shape.degree)))
    status = bzdi_fail(BZD_E_CORRUPT, "network of dim %lld, cond_dim %lld, %lld heads does not fit its flow",
                       (long long)shape.net->dim, (long long)shape.net->cond_dim, (long long)shape.net->heads);
  if (status != BZD_OK)
    bzdi_flow_shape_clear(context, &shape);
  else
    *out = shape;
  return status;
}

void bzdi_flow_shape_clear(const bzd_context *context, bzdi_flow_shape *shape) {
  bzdi_item_clear(context, &shape->item);
  bzdi_meta_clear(context, &shape->meta);
  bzdi_release(shape->net);
  shape->net = NULL;
}

/* In pieces without a branch per number, which the compiler makes vectors of. */
static bzd_status check_finite(const float *weights, int64_t count) {
  enum { PIECE = 1024 };
  for (int64_t start = 0; start < count; start += PIECE) {
    const float *piece = weights + start;
    int64_t n = count - start < PIECE ? count - start : PIECE;
    int bad = n < PIECE; /* the rest: one by one */
    for (int i = 0; n == PIECE && i < PIECE; i++) bad |= !(fabsf(piece[i]) <= FLT_MAX);
    for (int64_t i = start; bad && i < start + n; i++)
      if (!isfinite(weights[i]))
        return bzdi_fail(BZD_E_CORRUPT, "weight %lld is %g, expected finite", (long long)i, (double)weights[i]);
  }
  return BZD_OK;
}

bzd_status bzdi_weights_load(const bzd_context *context, const bzdi_net *net, const bzdi_store *store,
                             const char *prefix, int32_t role, float **out) {
  *out = NULL;
  /* The index must hold every tensor with its shape before memory is taken for them all. */
  for (int32_t i = 0; i < net->params; i++) {
    char name[128];
    int64_t at = bzdi_store_find(store, named(name, sizeof name, prefix, net->param[i].name), role);
    const bzdi_tensor *tensor = at < 0 ? NULL : bzdi_store_tensor(store, at);
    if (!tensor || tensor->bytes != (uint64_t)net->param[i].count * sizeof(float))
      return bzdi_fail(BZD_E_CORRUPT, "tensor %s of role %d is missing or not of %lld floats", name, (int)role,
                       (long long)net->param[i].count);
  }
  float *weights = bzdi_malloc(context, (size_t)net->count, sizeof(float));
  if (!weights) return bzdi_no_memory("weights", (size_t)net->count, sizeof(float));
  bzd_status status = bzdi_net_load_array(net, store, prefix, role, weights);
  if (status == BZD_OK) status = check_finite(weights, net->count);
  if (status != BZD_OK) {
    bzdi_free(context, weights);
    return status;
  }
  *out = weights;
  return BZD_OK;
}

bzd_status bzdi_flow_load(const bzd_context *context, const bzdi_store *store, const char *prefix, int32_t role,
                          bzd_flow **out) {
  bzdi_flow_shape shape;
  float *weights = NULL;
  *out = NULL;
  BZDI_TRY(bzdi_flow_load_shape(context, store, prefix, &shape));
  bzd_status status = bzdi_weights_load(context, shape.net, store, prefix, role, &weights);
  if (status == BZD_OK) status = bzdi_flow_new_owning(context, &shape, weights, out);
  bzdi_flow_shape_clear(context, &shape);
  return status;
}
