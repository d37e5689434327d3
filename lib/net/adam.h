/* SPDX-License-Identifier: MIT */
/* The optimiser: schedule, clipping, Adam and EMA over flat arrays. State is (step, moments, EMA); all else is config.
 */
#ifndef BZDI_NET_ADAM_H
#define BZDI_NET_ADAM_H

#include <bezdist/base.h>

typedef struct bzdi_adam_config {
  double rate, final_rate; /* peak, and the share of it left at the end of the cosine, 0..1 */
  int64_t warmup, steps;   /* linear warm-up steps, length of the whole schedule */
  double beta1, beta2, epsilon, weight_decay;
  double clip; /* largest gradient norm, 0 = off */
  double ema;  /* 0 = off; decay at step k is min(ema, (1 + k) / (10 + k)) */
} bzdi_adam_config;

/* Learning rate of step k = 1..steps: rate k / warmup while k <= warmup, then the cosine down to final_rate * rate. */
double bzdi_adam_rate(const bzdi_adam_config *config, int64_t k);
/* Norm of the gradient (blocks of fixed size spread over threads, added in order). */
double bzdi_adam_norm(const bzd_context *context, int64_t count, const float *grad);
/* Whether a gradient of this norm may be applied: finite, and once clipped at most BZDI_LARGEST_GRADIENT. */
int bzdi_adam_takes(const bzdi_adam_config *config, double norm);
/* The k-th update of all parameters, at this rate; norm from bzdi_adam_norm, one that bzdi_adam_takes; ema NULL when
 * off. */
void bzdi_adam_step(const bzd_context *context, const bzdi_adam_config *config, int64_t k, double rate, double norm,
                    int64_t count, const float *grad, float *w, float *m, float *v, float *ema);

#endif
