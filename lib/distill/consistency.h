/* SPDX-License-Identifier: MIT */
/* A control-point student held to its own composition: Phi(t->s) = Phi(r->s) o Phi(t->r), t < r < s <= 1. The
 * right-hand side is taken as given (no gradient), so no derivative of the network is needed. */
#ifndef BZDI_DISTILL_CONSISTENCY_H
#define BZDI_DISTILL_CONSISTENCY_H

#include "base/alloc.h"
#include "net/net.h"

typedef struct bzdi_consistency {
  float *r, *x, *out, *error; /* middle times [n], states there [n, dim], heads there [n, heads, dim]; difference of the
                                 two mean velocities from t to s [n, dim] */
  double *end, *weight;       /* s, and what the row weighs [n] */
  void *net;                  /* activations of the second pass */
} bzdi_consistency;

/* Takes its arrays from the arena. */
void bzdi_consistency_carve(bzdi_arena *arena, const bzdi_net *net, int64_t n, bzdi_consistency *c);
/* With the heads `out` at rows: draws r and s of samples index[n] (stream CONSISTENCY), evaluates the student at r and
 * keeps the error; returns its weighted mean square over rows and coordinates. jump: the weight of rows at t = 0, which
 * go to s = 1; other: that of the rest. */
double bzdi_consistency_error(const bzdi_net *net, const float *weights, uint64_t seed, const int64_t *index,
                              const bzdi_rows *rows, const float *out, double jump, double other,
                              const bzdi_consistency *c);
/* Adds its gradient with respect to the heads to grad [n, heads, dim]. */
void bzdi_consistency_gradient(const bzdi_net *net, const bzdi_rows *rows, const bzdi_consistency *c, float *grad);

#endif
