/* SPDX-License-Identifier: MIT */
/* In mean velocities, as the heads speak them: with a over [t, s], b over [t, r], c over [r, s] and f = (r-t)/(s-t) the
 * error is a - (f b + (1-f) c), which loses nothing when s - t is small. */
#include "distill/consistency.h"

#include "base/rng.h"
#include "num/bernstein.h"

#include <math.h>
#include <stdbool.h>

void bzdi_consistency_carve(bzdi_arena *arena, const bzdi_net *net, int64_t n, bzdi_consistency *c) {
  size_t rows = (size_t)n, dim = (size_t)net->dim;
  c->r = bzdi_arena_take(arena, rows, sizeof(float));
  c->x = bzdi_arena_take(arena, rows * dim, sizeof(float));
  c->out = bzdi_arena_take(arena, rows * dim * (size_t)net->heads, sizeof(float));
  c->error = bzdi_arena_take(arena, rows * dim, sizeof(float));
  c->end = bzdi_arena_take(arena, rows, sizeof(double));
  c->weight = bzdi_arena_take(arena, rows, sizeof(double));
  c->net = bzdi_arena_take(arena, net->kind->train_work(net, n), 1);
}

static double unit(uint32_t word) { return ((double)(word >> 9) + 0.5) / 8388608.0; }

/* Rows at t = 0 end at s = 1, as samples of one step do, and half of the others. */
static void draw(uint64_t seed, const int64_t *index, const bzdi_rows *rows, double jump, double other,
                 const bzdi_consistency *c) {
  for (int64_t i = 0; i < rows->n; i++) {
    uint32_t words[4];
    bzdi_rng_words(seed, BZD_STREAM_CONSISTENCY, (uint64_t)index[i], 0, words);
    double t = (double)rows->t[i];
    bool whole = t == 0 || words[2] & 1;
    double span = whole ? 1 - t : (1 - t) * fmax(unit(words[1]), 0.05);
    c->end[i] = whole ? 1 : t + span;
    c->r[i] = fminf((float)(t + span * unit(words[0])), 0.99999994f);
    c->weight[i] = t == 0 ? jump : other;
  }
}

/* Weights of the heads in the mean velocity of a step over this share of the rest. */
static void head_weights(int32_t degree, double from, double to, double b[BZDI_MAX_DEGREE + 1]) {
  bzdi_bernstein(degree - 1, (to - from) / (1 - from), b);
}

static double mean(int32_t degree, int64_t dim, const double *b, const float *u) {
  double sum = 0;
  for (int32_t m = 0; m < degree; m++) sum += b[m] * (double)u[m * dim];
  return sum;
}

double bzdi_consistency_error(const bzdi_net *net, const float *weights, uint64_t seed, const int64_t *index,
                              const bzdi_rows *rows, const float *out, double jump, double other,
                              const bzdi_consistency *c) {
  int64_t n = rows->n, dim = net->dim;
  int32_t degree = (int32_t)net->heads;
  double b[BZDI_MAX_DEGREE + 1], whole[BZDI_MAX_DEGREE + 1], total = 0;
  draw(seed, index, rows, jump, other, c);
  for (int64_t i = 0; i < n; i++) { /* the student's own state at r; what is known of the error so far */
    double t = (double)rows->t[i], r = (double)c->r[i], f = (r - t) / (c->end[i] - t);
    const float *u = out + i * degree * dim, *x = rows->x + i * dim;
    head_weights(degree, t, r, b);
    head_weights(degree, t, c->end[i], whole);
    for (int64_t j = 0; j < dim; j++) {
      double first = mean(degree, dim, b, u + j);
      c->x[i * dim + j] = (float)((double)x[j] + (r - t) * first);
      c->error[i * dim + j] = (float)(mean(degree, dim, whole, u + j) - f * first);
    }
  }
  bzdi_rows middle = *rows;
  middle.x = c->x;
  middle.t = c->r;
  net->kind->forward(net, weights, &middle, c->out, c->net);
  for (int64_t i = 0; i < n; i++) {
    double t = (double)rows->t[i], r = (double)c->r[i], rest = (c->end[i] - r) / (c->end[i] - t);
    head_weights(degree, r, c->end[i], b);
    for (int64_t j = 0; j < dim; j++) {
      float *e = &c->error[i * dim + j];
      *e = (float)((double)*e - rest * mean(degree, dim, b, c->out + i * degree * dim + j));
      total += c->weight[i] * (double)*e * (double)*e;
    }
  }
  return total / ((double)n * (double)dim);
}

void bzdi_consistency_gradient(const bzdi_net *net, const bzdi_rows *rows, const bzdi_consistency *c, float *grad) {
  int64_t n = rows->n, dim = net->dim;
  int32_t degree = (int32_t)net->heads;
  double b[BZDI_MAX_DEGREE + 1];
  for (int64_t i = 0; i < n; i++) {
    double factor = 2 * c->weight[i] / ((double)n * (double)dim);
    head_weights(degree, (double)rows->t[i], c->end[i], b);
    for (int32_t m = 0; m < degree; m++) {
      float scale = (float)(factor * b[m]), *row = grad + (i * degree + m) * dim;
      for (int64_t j = 0; j < dim; j++) row[j] += scale * c->error[i * dim + j];
    }
  }
}
