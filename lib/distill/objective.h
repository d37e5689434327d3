/* SPDX-License-Identifier: MIT */
/* What a training minimises: which times are drawn, what an error of the heads costs, and how a student is held to its
 * own composition. */
#ifndef BZDI_DISTILL_OBJECTIVE_H
#define BZDI_DISTILL_OBJECTIVE_H

#include "num/bernstein.h"

/* The values of BZD_LOSS_ and BZD_TIME_ in trainer.h. */
enum { BZDI_LOSS_MSE = 1, BZDI_LOSS_PSEUDO_HUBER = 2, BZDI_LOSS_GRAM = 3 };
enum { BZDI_TIME_UNIFORM = 1, BZDI_TIME_U_SHAPED = 2, BZDI_TIME_LOGIT_NORMAL = 3, BZDI_TIME_LOSS_AWARE = 4 };

/* ---- Times (time.c) ------------------------------------------------------------------------------------------- */

typedef struct bzdi_time_config {
  int32_t kind, grid_steps;
  double u_shape, logit_mean, logit_std, at_zero, at_grid, one_step;
  uint64_t seed;
} bzdi_time_config;

enum { BZDI_TIME_BINS = 32, BZDI_MOST_GRID_STEPS = 1024 };

/* What LOSS_AWARE has seen: a running mean of the rows' losses per bin of time; 0 where nothing was seen yet. */
typedef struct bzdi_time_seen {
  double loss[BZDI_TIME_BINS];
} bzdi_time_seen;

/* Times t[n] of samples index[n]: pure functions of (seed, number) and, for LOSS_AWARE, of what was seen. weight [n]
 * (NULL but for LOSS_AWARE): 1 / density of a row's time, so that the mean loss stays that of uniform times. step [n]
 * (NULL without at_grid): for rows on the grid the share of the rest of the path that the sampler's step goes, else 0.
 */
void bzdi_times(const bzdi_time_config *config, const bzdi_time_seen *seen, int64_t n, const int64_t *index, float *t,
                float *weight, float *step);
/* Rows' losses into the running means. */
void bzdi_times_learn(bzdi_time_seen *seen, int64_t n, const float *t, const double *loss);

/* ---- Losses (loss.c) ------------------------------------------------------------------------------------------ */

typedef struct bzdi_objective {
  int32_t loss;
  int32_t heads;
  int64_t dim;
  double huber_c;
  int32_t plain;                                  /* form is the identity / heads */
  double form[BZDI_MAX_DEGREE * BZDI_MAX_DEGREE]; /* error of one coordinate's heads: e' form e */
} bzdi_objective;

/* MSE and pseudo-Huber: the mean over heads. GRAM: the distance of the two curves over (1 - t)^2, in head units
 * sum M_ij (ij/n^2) e_i e_j. endpoint_weight is the weight of the last head, 1 = as the others. */
void bzdi_objective_set(bzdi_objective *objective, int32_t loss, double huber_c, int32_t heads, int64_t dim,
                        double endpoint_weight);
/* Mean over rows of weight[r] (NULL: 1) times the row's loss, and its gradient into grad (may be out itself, or NULL);
 * row_loss [n] (NULL) without the weight. With E = sum of e' form e over coordinates, a row's loss is E / dim, or
 * sqrt(heads E + c^2) - c. Where step[r] > 0 (step NULL: nowhere) E is the square of the error of the mean velocity
 * over that share of the rest of the path, sum over m of b_{m,heads-1}(step) e_m, instead. Sums in double, fixed order.
 * out, target [n, heads, dim]. */
double bzdi_loss(const bzd_context *context, const bzdi_objective *objective, int64_t n, const float *out,
                 const float *target, const float *weight, const float *step, double *row_loss, float *grad);

#endif
