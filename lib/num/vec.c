/* SPDX-License-Identifier: MIT */
/* The element-wise passes, handed to the best kernel table. */
#include "num/vec.h"

#include "num/kernel.h"

void bzdi_vec_bias(int64_t n, int64_t width, const float *bias, float *z) {
  bzdi_kernels_pick()->activate(n, width, bias, 0, z, width);
}

void bzdi_vec_bias_silu(int64_t n, int64_t width, const float *bias, float *z, float *y) {
  bzdi_kernels_pick()->bias_silu(n, width, bias, z, y);
}

void bzdi_vec_multiply(int64_t count, const float *x, float *y) { bzdi_kernels_pick()->multiply(count, x, y); }

void bzdi_vec_column_sums(int64_t n, int64_t width, const float *x, float *out) {
  bzdi_kernels_pick()->column_sums(n, width, x, out);
}

void bzdi_vec_time_features(int64_t n, const float *t, int64_t count, const float *f, float *out, int64_t ld) {
  bzdi_kernels_pick()->time_features(n, t, count, f, out, ld);
}

double bzdi_vec_sum_squares(int64_t count, const float *x) { return bzdi_kernels_pick()->sum_squares(count, x); }

void bzdi_vec_adam(const bzdi_adam *adam, int64_t count, const float *grad, float *w, float *m, float *v, float *ema) {
  bzdi_kernels_pick()->adam(adam, count, grad, w, m, v, ema);
}
