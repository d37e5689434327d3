/* SPDX-License-Identifier: MIT */
/* Multi-layer perceptron: linear + SiLU hidden layers, linear output; sin/cos features of t at fixed frequencies. With
 * a skip connection, head h adds g_h(t) x to what the layers say, g_h linear in the features: docs/decisions/0018. */
#ifndef BZDI_NET_MLP_H
#define BZDI_NET_MLP_H

#include "net/net.h"

typedef struct bzdi_mlp_spec {
  int64_t dim, cond_dim, heads, width;
  int32_t layers, time_features; /* hidden layers; features even */
  const float *frequencies;      /* [time_features / 2], NULL = the default ones of embed.h */
  int32_t skip;                  /* 0 or 1 */
} bzdi_mlp_spec;

typedef struct bzdi_mlp {
  bzdi_net net;
  int64_t width, input; /* input = dim + (cond_dim ? cond_dim + 1 : 0) + time_features */
  int32_t layers, time_features, skip;
  float *frequencies;
} bzdi_mlp;

extern const bzdi_net_kind bzdi_mlp_kind;

/* The spec is checked by the caller (api) or by load. */
bzd_status bzdi_mlp_new(const bzd_context *context, const bzdi_mlp_spec *spec, bzdi_net **out);
bzd_status bzdi_mlp_load(const bzd_context *context, const bzdi_store *store, const char *prefix, bzdi_net **out);
/* The same trunk with another number of heads. */
bzd_status bzdi_mlp_with_heads(const bzdi_net *net, int64_t heads, bzdi_net **out);
/* Weights for that net: trunk copied, each head a copy of head `from` of the old one. */
void bzdi_mlp_copy_heads(const bzdi_net *net, const float *weights, int64_t from, const bzdi_net *to, float *out);

#endif
