/* SPDX-License-Identifier: MIT */
/* The one interface every network sits behind: shapes, forward, backward, parameter views. A net is only the shape of a
 * computation and never changes; weights, gradients and moments are flat arrays of `count` floats that the caller owns,
 * so one pass serves them all. MLP now; patch transformer and U-Net later. */
#ifndef BZDI_NET_NET_H
#define BZDI_NET_NET_H

#include "base/handle.h"
#include "store/container.h"

/* One named tensor inside the flat array, in PyTorch's layout ([out, in]). */
typedef struct bzdi_param {
  char name[32]; /* "layers.0.weight" */
  int32_t ndim;
  int64_t shape[4];
  int64_t offset, count;
} bzdi_param;

/* Rows that go in together. keep[r] == 0 hides the condition of row r (dropout, guidance's null); keep NULL: every
 * condition counts. The network sees [x, cond k, k, features of t], k = keep; the middle part only where cond_dim > 0.
 */
typedef struct bzdi_rows {
  int64_t n;
  const float *x;      /* [n, dim] */
  const float *t;      /* [n] */
  const float *cond;   /* [n, cond_dim], NULL when cond_dim is 0 or when no row has one (keep all 0) */
  const uint8_t *keep; /* [n] or NULL */
} bzdi_rows;

typedef struct bzdi_net bzdi_net;

typedef struct bzdi_net_kind {
  const char *name; /* pinned in files: "mlp" */
  void (*init)(const bzdi_net *net, uint64_t seed, float *weights);

  /* Training: forward keeps in work what backward needs; parallel inside, same bits for any number of threads. backward
   * takes d loss / d out (which it may overwrite) and sets grad. */
  size_t (*train_work)(const bzdi_net *net, int64_t n); /* bytes */
  void (*forward)(const bzdi_net *net, const float *weights, const bzdi_rows *rows, float *out, void *work);
  void (*backward)(const bzdi_net *net, const float *weights, const bzdi_rows *rows, float *out_grad, float *grad,
                   void *work);

  /* Sampling: weights packed once, in a precision of num/gemm.h; infer is serial, allocates nothing, and a row's bits
   * depend on that row alone. */
  size_t (*packed_bytes)(const bzdi_net *net, int precision);
  void (*pack)(const bzdi_net *net, int precision, const float *weights, void *packed);
  size_t (*infer_work)(const bzdi_net *net, int precision, int64_t n); /* bytes */
  void (*infer)(const bzdi_net *net, int precision, const void *packed, const bzdi_rows *rows, float *out, void *work);

  /* The shape of the net (not the weights) into META keys and buffers of a store; see bzdi_net_load. */
  bzd_status (*describe)(const bzdi_net *net, bzdi_store *store, const char *prefix);
} bzdi_net_kind;

struct bzdi_net {
  bzdi_handle handle;
  const bzdi_net_kind *kind;
  int64_t dim, cond_dim, heads; /* out is [n, heads, dim] */
  int64_t count;                /* floats in all parameters */
  int32_t params;
  bzdi_param *param; /* [params], offsets ascending, without gaps */
};

/* Writes each parameter of the flat array as a tensor "<prefix><name>" with this role; read demands names and shapes.
 */
bzd_status bzdi_net_save_array(const bzdi_net *net, bzdi_store *store, const char *prefix, int32_t role,
                               const float *array);
bzd_status bzdi_net_load_array(const bzdi_net *net, const bzdi_store *store, const char *prefix, int32_t role,
                               float *array);
/* Reads "<prefix>net.kind" and lets that kind build itself. */
bzd_status bzdi_net_load(const bzd_context *context, const bzdi_store *store, const char *prefix, bzdi_net **out);

#endif
