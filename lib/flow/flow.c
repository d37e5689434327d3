/* SPDX-License-Identifier: MIT */
/* Making, packing and freeing flows. */
#include "flow/flow.h"

#include "base/error.h"
#include "base/rng.h"
#include "net/mlp.h"
#include "num/gemm.h"

#include <math.h>
#include <string.h>

int32_t bzdi_flow_heads(int32_t kind, int32_t degree) { return kind == BZDI_FLOW_CONTROL ? degree : 1; }

static void drop(void *self) {
  bzd_flow *flow = self;
  const bzd_context *context = flow->handle.context;
  bzdi_cache_clear(&flow->cache, context);
  bzdi_item_clear(context, &flow->item);
  bzdi_meta_clear(context, &flow->meta);
  bzdi_free(context, flow->weights);
  bzdi_free(context, flow->packed);
  bzdi_release(flow->net);
}

static bzd_status begin(const bzd_context *context, int32_t kind, int32_t degree, const bzdi_item *item,
                        bzd_flow **out) {
  bzd_flow *flow = bzdi_handle_new(context, BZDI_MAGIC_FLOW, sizeof *flow, drop);
  if (!flow) return bzdi_no_memory("flow", 1, sizeof *flow);
  flow->kind = kind;
  flow->degree = kind == BZDI_FLOW_CONTROL ? degree : 1;
  bzd_status status = bzdi_item_copy(context, item, &flow->item);
  if (status != BZD_OK) {
    bzdi_release(flow);
    return status;
  }
  *out = flow;
  return BZD_OK;
}

/* Takes net over (retained by the caller for it), makes room for weights, unless they are given. */
static bzd_status attach(bzd_flow *flow, bzdi_net *net, float *weights) {
  const bzd_context *context = flow->handle.context;
  flow->net = net;
  flow->weights = weights ? weights : bzdi_malloc(context, (size_t)net->count, sizeof(float));
  flow->packed = bzdi_malloc(context, net->kind->packed_bytes(net, flow->precision), 1);
  return flow->weights && flow->packed ? BZD_OK : bzdi_no_memory("weights", 2 * (size_t)net->count, sizeof(float));
}

static bzd_status finish(bzd_flow *flow, bzd_status status, bzd_flow **out) {
  if (status != BZD_OK) {
    bzdi_release(flow);
    return status;
  }
  bzdi_flow_repack(flow);
  *out = flow;
  return BZD_OK;
}

void bzdi_flow_repack(bzd_flow *flow) {
  flow->net->kind->pack(flow->net, flow->precision, flow->weights, flow->packed);
}

/* Compared at noise and times over all of 0..1, without a condition. */
bzd_status bzdi_flow_set_precision(bzd_flow *flow, int precision, double *error) {
  enum { ROWS = 64 };
  const bzdi_net *net = flow->net;
  const bzd_context *context = flow->handle.context;
  const size_t x_count = (size_t)(ROWS * net->dim), count = x_count * (size_t)net->heads;
  const size_t exact_work = net->kind->infer_work(net, BZDI_FLOAT32, ROWS);
  const size_t own_work = net->kind->infer_work(net, precision, ROWS);
  void *packed = bzdi_malloc(context, net->kind->packed_bytes(net, precision), 1);
  void *exact = bzdi_malloc(context, net->kind->packed_bytes(net, BZDI_FLOAT32), 1);
  void *work = bzdi_malloc(context, exact_work > own_work ? exact_work : own_work, 1);
  float *x = bzdi_malloc(context, x_count + 2 * count, sizeof(float)), t[ROWS];
  bzd_status status = BZD_OK;
  if (packed && exact && work && x) {
    const bzdi_rows rows = {ROWS, x, t, NULL, NULL};
    float *u = x + x_count, *v = u + count;
    double changed = 0, size = 0;
    net->kind->pack(net, precision, flow->weights, packed);
    net->kind->pack(net, BZDI_FLOAT32, flow->weights, exact);
    bzdi_rng_normals(0, BZD_STREAM_USER, 0, ROWS, net->dim, x, net->dim);
    for (int i = 0; i < ROWS; i++) t[i] = ((float)i + 0.5f) / ROWS;
    net->kind->infer(net, BZDI_FLOAT32, exact, &rows, u, work);
    net->kind->infer(net, precision, packed, &rows, v, work);
    for (size_t i = 0; i < count; i++) {
      const double d = (double)v[i] - (double)u[i];
      changed += d * d;
      size += (double)u[i] * (double)u[i];
    }
    *error = size > 0 ? sqrt(changed / size) : 0;
    void *old = flow->packed;
    flow->packed = packed;
    flow->precision = precision;
    packed = old;
  } else {
    status = bzdi_no_memory("packed weights", (size_t)net->count, sizeof(float));
  }
  bzdi_free(context, packed);
  bzdi_free(context, exact);
  bzdi_free(context, work);
  bzdi_free(context, x);
  return status;
}

bzd_status bzdi_flow_new(const bzd_context *context, const bzdi_flow_spec *spec, bzd_flow **out) {
  bzd_flow *flow = NULL;
  bzdi_net *net = NULL;
  *out = NULL;
  bzdi_mlp_spec shape = {.dim = spec->item.dim,
                         .cond_dim = spec->item.cond_dim,
                         .heads = bzdi_flow_heads(spec->kind, spec->degree),
                         .width = spec->width,
                         .layers = spec->layers,
                         .time_features = spec->time_features,
                         .skip = spec->skip};
  BZDI_TRY(begin(context, spec->kind, spec->degree, &spec->item, &flow));
  bzd_status status = bzdi_mlp_new(context, &shape, &net);
  if (status == BZD_OK) status = attach(flow, net, NULL);
  if (status == BZD_OK) net->kind->init(net, spec->seed, flow->weights);
  return finish(flow, status, out);
}

bzdi_flow_shape bzdi_flow_shape_of(const bzd_flow *flow) {
  return (bzdi_flow_shape){flow->kind, flow->degree, flow->generation, flow->item, flow->meta, flow->net};
}

bzd_status bzdi_flow_new_owning(const bzd_context *context, const bzdi_flow_shape *shape, float *weights,
                                bzd_flow **out) {
  bzd_flow *flow = NULL;
  *out = NULL;
  bzd_status status = begin(context, shape->kind, shape->degree, &shape->item, &flow);
  if (status != BZD_OK) {
    bzdi_free(context, weights);
    return status;
  }
  flow->generation = shape->generation;
  status = attach(flow, bzdi_retain(shape->net), weights);
  if (status == BZD_OK) status = bzdi_meta_copy(context, &shape->meta, &flow->meta);
  return finish(flow, status, out);
}

bzd_status bzdi_flow_new_net(const bzd_context *context, const bzdi_flow_shape *shape, const float *weights,
                             bzd_flow **out) {
  size_t count = (size_t)shape->net->count;
  float *copy = bzdi_malloc(context, count, sizeof *copy);
  *out = NULL;
  if (!copy) return bzdi_no_memory("weights", count, sizeof *copy);
  memcpy(copy, weights, count * sizeof *copy);
  return bzdi_flow_new_owning(context, shape, copy, out);
}

bzd_status bzdi_flow_new_from(const bzd_flow *teacher, int32_t kind, int32_t degree, bzd_flow **out) {
  const bzd_context *context = teacher->handle.context;
  bzd_flow *flow = NULL;
  bzdi_net *net = NULL;
  *out = NULL;
  BZDI_TRY(begin(context, kind, degree, &teacher->item, &flow));
  flow->generation = teacher->generation;
  bzd_status status = bzdi_mlp_with_heads(teacher->net, bzdi_flow_heads(kind, degree), &net);
  if (status == BZD_OK) status = attach(flow, net, NULL);
  if (status == BZD_OK) {
    if (net->heads == teacher->net->heads && kind == teacher->kind)
      memcpy(flow->weights, teacher->weights, (size_t)net->count * sizeof(float));
    else /* every head says what the teacher's velocity says: the curve is its straight step */
      bzdi_mlp_copy_heads(teacher->net, teacher->weights, kind == teacher->kind ? teacher->net->heads - 1 : 0, net,
                          flow->weights);
  }
  return finish(flow, status, out);
}

bzd_status bzdi_flow_new_callback(const bzd_context *context, const bzdi_item *item, bzd_velocity_fn fn, void *user,
                                  int serialise, bzd_flow **out) {
  bzd_flow *flow = NULL;
  *out = NULL;
  BZDI_TRY(begin(context, BZDI_FLOW_CALLBACK, 1, item, &flow));
  flow->fn = fn;
  flow->fn_user = user;
  flow->serialise = serialise;
  atomic_init(&flow->inside, 0);
  *out = flow;
  return BZD_OK;
}
