/* SPDX-License-Identifier: MIT */
/* Element-wise passes around the matrix products, dispatched at run time to the best instruction set (kernel_*.c).
 * Each has a scalar twin in the tests. Deterministic: fixed order of additions, no dependence on threads. */
#ifndef BZDI_NUM_VEC_H
#define BZDI_NUM_VEC_H

#include <bezdist/base.h>

/* z[n, width] += bias (row). */
void bzdi_vec_bias(int64_t n, int64_t width, const float *bias, float *z);
/* The same, y = silu(z) and then z = silu'(z), for the backward pass. */
void bzdi_vec_bias_silu(int64_t n, int64_t width, const float *bias, float *z, float *y);
/* y[i] *= x[i], count elements. */
void bzdi_vec_multiply(int64_t count, const float *x, float *y);
/* out[width] = column sums of x[n, width], rows added in order. */
void bzdi_vec_column_sums(int64_t n, int64_t width, const float *x, float *out);
/* out[r*ld + j] = sin(t[r] f[j]), out[r*ld + count + j] = cos(t[r] f[j]). |t f| <= 1000; max error stated in vec.c. */
void bzdi_vec_time_features(int64_t n, const float *t, int64_t count, const float *f, float *out, int64_t ld);
/* Sum of squares, accumulated in double in a fixed order; NaN or Inf when any element is. */
double bzdi_vec_sum_squares(int64_t count, const float *x);

/* One pass of Adam (decoupled weight decay), EMA and nothing else:
 *   g = scale grad; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; w -= rate (m c1 / (sqrt(v c2) + eps) + decay w), the
 *   part from m held to +-1e30: while |g| <= BZDI_LARGEST_GRADIENT, and |m| too before, finite w, v and ema stay so;
 *   ema = d ema + (1-d) w when ema is not NULL.  c1 = 1/(1-b1^k), c2 = 1/(1-b2^k). */
#define BZDI_LARGEST_GRADIENT 1e18 /* its square times 100 is a float32 */
typedef struct bzdi_adam {
  float scale, rate, b1, b2, c1, c2, eps, decay, ema_decay;
} bzdi_adam;
void bzdi_vec_adam(const bzdi_adam *adam, int64_t count, const float *grad, float *w, float *m, float *v, float *ema);

#endif
