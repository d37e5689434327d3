/* SPDX-License-Identifier: MIT */
#include "api/api.h"
#include "api/evaluate.h"
#include "api/item.h"
#include "flow/flow.h"
#include "net/mlp.h"
#include "num/bernstein.h"
#include "num/gemm.h"

#include <string.h>

_Static_assert((int)BZDI_FLOAT32 == BZD_PRECISION_FLOAT32 && (int)BZDI_BFLOAT16 == BZD_PRECISION_BFLOAT16,
               "BZD_PRECISION_");
_Static_assert((int)BZDI_FLOW_VELOCITY == BZD_FLOW_VELOCITY && (int)BZDI_FLOW_CONTROL == BZD_FLOW_CONTROL &&
                   (int)BZDI_FLOW_ENDPOINT == BZD_FLOW_ENDPOINT && (int)BZDI_FLOW_CALLBACK == BZD_FLOW_CALLBACK,
               "BZD_FLOW_");

static const char *const NAME = "flow config";

static const bzd_flow_config defaults = {.struct_size = sizeof(bzd_flow_config),
                                         .kind = BZD_FLOW_VELOCITY,
                                         .degree = 2,
                                         .layers = 3,
                                         .width = 256,
                                         .time_features = 32};

bzd_status bzd_flow_config_init(bzd_flow_config *config, size_t size) {
  return bzdi_done(bzdi_config_init(NAME, config, size, &defaults, sizeof defaults, FIRST_FLOW_CONFIG));
}

size_t bzd_flow_config_size(void) { return sizeof(bzd_flow_config); }
size_t bzd_flow_info_size(void) { return sizeof(bzd_flow_info); }

/* The caller's struct, and the part of it that every kind uses. */
static bzd_status read_config(const bzd_flow_config *config, bzd_flow_config *c, bzdi_item *item) {
  BZDI_TRY(bzdi_check_ptr(NAME, config));
  *c = defaults;
  BZDI_TRY(bzdi_config_read(NAME, config, c, sizeof *c, FIRST_FLOW_CONFIG));
  BZDI_TRY(bzdi_check_i64(NAME, "reserved", c->reserved, 0, 0));
  BZDI_TRY(bzdi_check_i64(NAME, "dim", c->dim, 1, BZDI_MAX_DIM));
  BZDI_TRY(bzdi_check_i64(NAME, "cond_dim", c->cond_dim, 0, BZDI_MAX_DIM));
  *item = (bzdi_item){.dim = c->dim, .cond_dim = c->cond_dim};
  BZDI_TRY(bzdi_item_shape(NAME, c->item_ndim, c->item_shape, item));
  return bzdi_item_affine(NAME, c->scale, c->offset, item);
}

/* Kinds with a network; their degree is 1 unless they are control-point flows. */
static bzd_status check_kind(const char *name, int32_t kind, int32_t *degree) {
  BZDI_TRY(bzdi_check_i64(name, "kind", kind, BZD_FLOW_VELOCITY, BZD_FLOW_ENDPOINT));
  if (kind != BZD_FLOW_CONTROL) *degree = 1;
  return bzdi_check_degree(name, *degree, 1, BZDI_MAX_DEGREE);
}

bzd_status bzd_flow_create(const bzd_context *context, const bzd_flow_config *config, bzd_flow **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_check_context(context));
  bzd_flow_config c;
  bzdi_item item;
  BZDI_TRY(read_config(config, &c, &item));
  BZDI_TRY(check_kind(NAME, c.kind, &c.degree));
  BZDI_TRY(bzdi_check_i64(NAME, "layers", c.layers, 1, 16));
  BZDI_TRY(bzdi_check_i64(NAME, "width", c.width, 1, 65536));
  BZDI_TRY(bzdi_check_i64(NAME, "time_features", c.time_features, 2, 1024));
  if (c.time_features % 2 != 0)
    return bzdi_fail(BZD_E_ARGUMENT, "%s: time_features is %d, expected an even number", NAME, (int)c.time_features);
  BZDI_TRY(bzdi_check_i64(NAME, "skip", c.skip, 0, 1));
  bzdi_flow_spec spec = {.kind = c.kind,
                         .degree = c.degree,
                         .layers = c.layers,
                         .time_features = c.time_features,
                         .skip = c.skip,
                         .width = c.width,
                         .seed = c.seed,
                         .item = item};
  return bzdi_done(bzdi_flow_new(context, &spec, out));
}

static bzd_status check(const bzd_flow *flow) { return bzdi_handle_check(flow, BZDI_MAGIC_FLOW, "flow", "flow"); }

/* A flow with weights of its own. */
static bzd_status check_net(const char *name, const bzd_flow *flow) {
  return flow->net != NULL ? BZD_OK : bzdi_fail(BZD_E_UNSUPPORTED, "%s: a callback flow has no weights", name);
}

bzd_status bzd_flow_create_from(const bzd_flow *teacher, int32_t kind, int32_t degree, bzd_flow **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_handle_check(teacher, BZDI_MAGIC_FLOW, "teacher", "flow"));
  BZDI_TRY(check_kind("flow create from", kind, &degree));
  BZDI_TRY(check_net("flow create from", teacher));
  return bzdi_done(bzdi_flow_new_from(teacher, kind, degree, out));
}

bzd_status bzd_flow_create_callback(const bzd_context *context, const bzd_flow_config *config, bzd_velocity_fn fn,
                                    void *user, int32_t serialise, bzd_flow **out) {
  BZDI_OUT(out);
  BZDI_TRY(bzdi_check_context(context));
  bzd_flow_config c;
  bzdi_item item;
  BZDI_TRY(read_config(config, &c, &item));
  if (fn == NULL) return bzdi_fail(BZD_E_ARGUMENT, "callback flow: fn is NULL");
  BZDI_TRY(bzdi_check_i64("callback flow", "serialise", serialise, 0, 1));
  return bzdi_done(bzdi_flow_new_callback(context, &item, fn, user, serialise, out));
}

void bzd_flow_destroy(bzd_flow *flow) { bzdi_destroy(flow, BZDI_MAGIC_FLOW); }

bzd_status bzd_flow_get_info(const bzd_flow *flow, bzd_flow_info *info) {
  BZDI_TRY(check(flow));
  BZDI_TRY(bzdi_check_ptr("flow info", info));
  BZDI_TRY(bzdi_result_check("flow info", info, FIRST_FLOW_INFO));
  bzd_flow_info values = {.kind = flow->kind,
                          .degree = flow->degree,
                          .has_affine = flow->item.scale != NULL,
                          .dim = flow->item.dim,
                          .cond_dim = flow->item.cond_dim,
                          .item_ndim = flow->item.ndim,
                          .generation = flow->generation};
  for (int32_t i = 0; i < flow->item.ndim; i++) values.item_shape[i] = flow->item.shape[i];
  if (flow->net != NULL) {
    values.parameters = flow->net->count;
    values.packed_bytes = (int64_t)flow->net->kind->packed_bytes(flow->net, flow->precision);
    if (flow->net->kind == &bzdi_mlp_kind) {
      const bzdi_mlp *mlp = (const bzdi_mlp *)flow->net;
      values.layers = mlp->layers;
      values.width = mlp->width;
      values.time_features = mlp->time_features;
      values.skip = mlp->skip;
    }
  }
  bzdi_result_write(info, &values, sizeof values);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_flow_get_affine(const bzd_flow *flow, float *scale, float *offset) {
  BZDI_TRY(check(flow));
  bzdi_item_get_affine(&flow->item, scale, offset);
  return bzdi_done(BZD_OK);
}

/* ---- Metadata and parameters --------------------------------------------------------------------------------- */

bzd_status bzd_flow_set_metadata(bzd_flow *flow, const char *key, const char *value) {
  BZDI_TRY(check(flow));
  BZDI_TRY(bzdi_check_ptr("metadata key", key));
  return bzdi_done(bzdi_meta_set(flow->handle.context, &flow->meta, key, value));
}

int64_t bzd_flow_metadata_count(const bzd_flow *flow) {
  return flow == NULL || flow->handle.magic != BZDI_MAGIC_FLOW ? -1 : flow->meta.count;
}

bzd_status bzd_flow_metadata_at(const bzd_flow *flow, int64_t i, const char **key, const char **value) {
  if (key != NULL) *key = NULL;
  if (value != NULL) *value = NULL;
  BZDI_TRY(check(flow));
  if (i < 0 || i >= flow->meta.count)
    return bzdi_fail(BZD_E_ARGUMENT, "flow metadata: i is %lld of %lld keys", (long long)i,
                     (long long)flow->meta.count);
  if (key != NULL) *key = flow->meta.key[i];
  if (value != NULL) *value = flow->meta.value[i];
  return bzdi_done(BZD_OK);
}

bzd_status bzd_flow_get_metadata(const bzd_flow *flow, const char *key, const char **value) {
  if (value != NULL) *value = NULL;
  BZDI_TRY(check(flow));
  BZDI_TRY(bzdi_check_ptr("metadata key", key));
  BZDI_TRY(bzdi_check_ptr("metadata value", value));
  *value = bzdi_meta_get(&flow->meta, key);
  return bzdi_done(BZD_OK);
}

static bzd_status check_parameters(const bzd_flow *flow, int64_t count, const float *values) {
  BZDI_TRY(check(flow));
  BZDI_TRY(check_net("flow parameters", flow));
  if (count != flow->net->count)
    return bzdi_fail(BZD_E_DIMENSION, "flow parameters: count is %lld, expected %lld", (long long)count,
                     (long long)flow->net->count);
  return bzdi_check_ptr("flow parameters: values", values);
}

bzd_status bzd_flow_get_parameters(const bzd_flow *flow, int64_t count, float *values) {
  BZDI_TRY(check_parameters(flow, count, values));
  memcpy(values, flow->weights, (size_t)count * sizeof *values);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_flow_set_parameters(bzd_flow *flow, int64_t count, const float *values) {
  BZDI_TRY(check_parameters(flow, count, values));
  for (int32_t p = 0; p < flow->net->params; p++) {
    const bzdi_param *param = &flow->net->param[p];
    BZDI_TRY(bzdi_check_finite(param->name, 1, param->count, values + param->offset));
  }
  memcpy(flow->weights, values, (size_t)count * sizeof *values);
  bzdi_flow_repack(flow);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_flow_set_precision(bzd_flow *flow, int32_t precision, double *error) {
  double changed;
  BZDI_TRY(check(flow));
  BZDI_TRY(bzdi_check_i64("flow", "precision", precision, BZD_PRECISION_FLOAT32, BZD_PRECISION_BFLOAT16));
  if (flow->net == NULL) return bzdi_fail(BZD_E_UNSUPPORTED, "set precision: a callback flow has no weights");
  BZDI_TRY(bzdi_done(bzdi_flow_set_precision(flow, precision, &changed)));
  if (error != NULL) *error = changed;
  return BZD_OK;
}

/* ---- Evaluation ---------------------------------------------------------------------------------------------- */

/* Fills what velocity and curve share; cond is set to what the rows really have. */
static bzd_status prepare(const char *name, const bzd_flow *flow, int64_t n, const float *x, const float *t,
                          const float *cond, double guidance, int64_t stride, float *out, bzdi_field *field,
                          bzdi_blocks *blocks) {
  BZDI_TRY(bzdi_check_rows(name, n, stride + flow->item.cond_dim));
  BZDI_TRY(bzdi_check_guidance(name, guidance, flow->item.cond_dim, cond));
  if (n > 0 && (x == NULL || t == NULL || out == NULL))
    return bzdi_fail(BZD_E_ARGUMENT, "%s: %s is NULL", name, x == NULL ? "x" : t == NULL ? "t" : "out");
  BZDI_TRY(bzdi_check_row_times(name, n, t));
  bzdi_flow_field(flow, guidance, field);
  *blocks = (bzdi_blocks){.context = flow->handle.context,
                          .cache = &((bzd_flow *)flow)->cache,
                          .field = field,
                          .n = n,
                          .x = x,
                          .t = t,
                          .cond = flow->item.cond_dim == 0 ? NULL : cond,
                          .out = out,
                          .guidance = guidance};
  return BZD_OK;
}

bzd_status bzd_flow_velocity(const bzd_flow *flow, int64_t n, const float *x, const float *t, const float *cond,
                             double guidance, float *v) {
  BZDI_TRY(check(flow));
  bzdi_field field;
  bzdi_blocks blocks;
  BZDI_TRY(prepare("flow velocity", flow, n, x, t, cond, guidance, flow->item.dim, v, &field, &blocks));
  return bzdi_done(bzdi_blocks_velocity(&blocks));
}

static int64_t heads_of(const bzd_flow *flow) { return bzdi_flow_heads(flow->kind, flow->degree); }

static size_t curve_work(const bzdi_blocks *blocks, int64_t rows) {
  const bzd_flow *flow = blocks->field->self;
  bzdi_arena arena = {0};
  bzdi_arena_take(&arena, (size_t)(rows * heads_of(flow) * flow->item.dim), sizeof(float));
  bzdi_arena_take(&arena, bzdi_flow_heads_work(flow, blocks->guidance, rows), 1);
  return arena.used;
}

static bzd_status curve_block(const bzdi_blocks *blocks, const bzdi_eval *eval, int64_t row, void *work) {
  const bzd_flow *flow = blocks->field->self;
  int64_t dim = flow->item.dim, heads = heads_of(flow);
  bzdi_arena arena = {.base = work};
  float *u = bzdi_arena_take(&arena, (size_t)(eval->n * heads * dim), sizeof *u);
  void *rest = bzdi_arena_take(&arena, bzdi_flow_heads_work(flow, blocks->guidance, eval->n), 1);
  bzdi_flow_heads_at(flow, blocks->guidance, eval, u, rest);
  bzdi_heads_to_path(eval->n, (int32_t)heads, dim, eval->x, u, eval->t, (float *)blocks->out + row * (heads + 1) * dim);
  return BZD_OK;
}

bzd_status bzd_flow_curve(const bzd_flow *flow, int64_t n, const float *x, const float *t, const float *cond,
                          double guidance, float *paths) {
  BZDI_TRY(check(flow));
  if (flow->kind != BZD_FLOW_CONTROL && flow->kind != BZD_FLOW_ENDPOINT)
    return bzdi_fail(BZD_E_UNSUPPORTED, "flow curve: a %s flow predicts no curve",
                     flow->kind == BZD_FLOW_CALLBACK ? "callback" : "velocity");
  bzdi_field field;
  bzdi_blocks blocks;
  BZDI_TRY(prepare("flow curve", flow, n, x, t, cond, guidance, (heads_of(flow) + 1) * flow->item.dim, paths, &field,
                   &blocks));
  blocks.work = curve_work;
  blocks.block = curve_block;
  return bzdi_done(bzdi_blocks_run(&blocks));
}
