/* SPDX-License-Identifier: MIT */
/* The flow object: a network with its weights (or the caller's function), and what a file must know to use it. */
#ifndef BZDI_FLOW_FLOW_H
#define BZDI_FLOW_FLOW_H

#include "base/alloc.h"
#include "flow/field.h"
#include "flow/meta.h"
#include "net/net.h"

#include <stdatomic.h>

/* The values of BZD_FLOW_ in flow.h; compared by the api layer's static asserts. */
enum { BZDI_FLOW_VELOCITY = 1, BZDI_FLOW_CONTROL = 2, BZDI_FLOW_ENDPOINT = 3, BZDI_FLOW_CALLBACK = 4 };

/* What samples are: common to all kinds. */
typedef struct bzdi_item {
  int64_t dim, cond_dim;
  int32_t ndim;
  int64_t shape[4];
  float *scale, *offset; /* [dim] or both NULL: data = scale x + offset */
} bzdi_item;

struct bzd_flow {
  bzdi_handle handle;
  int32_t kind, degree; /* degree 1 unless CONTROL */
  int32_t generation;   /* how often its coupling was straightened: 1 trained on data, 2 on a flow's paths, ...; 0
                           unknown */
  bzdi_item item;
  bzdi_meta meta; /* free key-values */
  bzdi_net *net;  /* NULL: callback */
  float *weights; /* [net->count] */
  int precision;  /* of packed: num/gemm.h */
  void *packed;
  bzd_velocity_fn fn;
  void *fn_user;
  int serialise;
  _Atomic(int64_t) inside; /* of a serialised callback: the process one of whose threads is in it, or 0 */
  bzdi_cache cache;        /* workspace of velocity, curve and the samplers */
};

typedef struct bzdi_flow_spec { /* values checked by the caller */
  int32_t kind, degree, layers, time_features, skip;
  int64_t width;
  uint64_t seed;
  bzdi_item item; /* arrays borrowed, copied in */
} bzdi_flow_spec;

bzd_status bzdi_flow_new(const bzd_context *context, const bzdi_flow_spec *spec, bzd_flow **out);
bzd_status bzdi_flow_new_callback(const bzd_context *context, const bzdi_item *item, bzd_velocity_fn fn, void *user,
                                  int serialise, bzd_flow **out);
/* Everything about a network flow but its weights. */
typedef struct bzdi_flow_shape {
  int32_t kind, degree, generation;
  bzdi_item item;
  bzdi_meta meta;
  bzdi_net *net;
} bzdi_flow_shape;
bzdi_flow_shape bzdi_flow_shape_of(const bzd_flow *flow); /* borrowed */
/* Retains net, copies item, meta and weights: what snapshots and loads use. */
bzd_status bzdi_flow_new_net(const bzd_context *context, const bzdi_flow_shape *shape, const float *weights,
                             bzd_flow **out);
/* The same, taking weights (bzdi_malloc) over, also when it fails. */
bzd_status bzdi_flow_new_owning(const bzd_context *context, const bzdi_flow_shape *shape, float *weights,
                                bzd_flow **out);
bzd_status bzdi_flow_new_from(const bzd_flow *teacher, int32_t kind, int32_t degree, bzd_flow **out);
/* weights changed: pack again. */
void bzdi_flow_repack(bzd_flow *flow);
/* Packs in another precision; *error is the relative rms of what changes in the heads (flow.h). BZD_E_MEMORY: as
 * before. */
bzd_status bzdi_flow_set_precision(bzd_flow *flow, int precision, double *error);
int32_t bzdi_flow_heads(int32_t kind, int32_t degree); /* degree for CONTROL, else 1 */

bzd_status bzdi_item_copy(const bzd_context *context, const bzdi_item *from, bzdi_item *to);
void bzdi_item_clear(const bzd_context *context, bzdi_item *item);
/* Whether two items have the same dim, cond_dim and affine to the bit; a failure names `name` and the numbers. */
bzd_status bzdi_item_match(const char *name, const bzdi_item *item, const bzdi_item *expected);

/* The flow as a velocity field (first head; guidance 1 = plain). */
void bzdi_flow_field(const bzd_flow *flow, double guidance, bzdi_field *field);
/* All heads u [n, heads, dim] of a network flow at rows; serial; work as bzdi_flow_heads_work. Guided: the null rows
 * are evaluated too. */
size_t bzdi_flow_heads_work(const bzd_flow *flow, double guidance, int64_t n);
void bzdi_flow_heads_at(const bzd_flow *flow, double guidance, const bzdi_eval *eval, float *u, void *work);

/* ---- Files (flow_store.c): META "<prefix>flow.*", buffers and weights "<prefix>..." ---------------------------- */

/* Callback flows: BZD_E_UNSUPPORTED. */
bzd_status bzdi_flow_store(const bzd_flow *flow, bzdi_store *store, const char *prefix);
/* role: BZDI_ROLE_PARAMETER or BZDI_ROLE_EMA; every number in the file is checked before use. */
bzd_status bzdi_flow_load(const bzd_context *context, const bzdi_store *store, const char *prefix, int32_t role,
                          bzd_flow **out);

bzd_status bzdi_item_store(const bzdi_item *item, bzdi_store *store, const char *prefix);
bzd_status bzdi_item_load(const bzd_context *context, const bzdi_store *store, const char *prefix, bzdi_item *out);
/* What trainers store and load beside their own; bzdi_flow_shape_clear a loaded one. */
bzd_status bzdi_flow_store_shape(const bzdi_flow_shape *shape, bzdi_store *store, const char *prefix);
bzd_status bzdi_flow_load_shape(const bzd_context *context, const bzdi_store *store, const char *prefix,
                                bzdi_flow_shape *out);
void bzdi_flow_shape_clear(const bzd_context *context, bzdi_flow_shape *shape);
/* A finite array of the net's weights in this role; bzdi_free it. */
bzd_status bzdi_weights_load(const bzd_context *context, const bzdi_net *net, const bzdi_store *store,
                             const char *prefix, int32_t role, float **out);

#endif
