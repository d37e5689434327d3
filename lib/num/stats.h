/* SPDX-License-Identifier: MIT */
/* Distances between two samples a[n, dim] and b[m, dim] (b is the real one where it matters). Definitions stand in
 * docs/math.md; all sums in double in a fixed order; spread over the context's threads; fail only for lack of memory or
 * a stated limit. */
#ifndef BZDI_NUM_STATS_H
#define BZDI_NUM_STATS_H

#include <bezdist/base.h>

typedef struct bzdi_sample {
  int64_t n;
  const float *x; /* [n, dim], finite */
} bzdi_sample;

bzd_status bzdi_sliced_w2(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, int32_t directions,
                          uint64_t seed, double *out);
bzd_status bzdi_exact_w2(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b,
                         double *out); /* n == m <= 2048 */
bzd_status bzdi_energy(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, double *out);
bzd_status bzdi_mmd2(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, double *out);
/* frechet, and frechet with a's dispersion matched to b's total variance; either may be NULL. n, m >= 2. */
bzd_status bzdi_frechet(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, double *raw,
                        double *matched);
bzd_status bzdi_precision_recall(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, int32_t k,
                                 double *precision, double *recall);
/* Sum over coordinates of the variance (n - 1). */
double bzdi_total_variance(int64_t dim, bzdi_sample a);
/* index[n] and squared distance[n] of the nearest row of b to each row of a. */
void bzdi_nearest(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, int64_t *index,
                  double *distance2);

#endif
