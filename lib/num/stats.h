/* SPDX-License-Identifier: MIT */
/* Distances between two samples a[n, dim] and b[m, dim] (b is the real one where it matters). Definitions stand in
 * docs/math.md; all sums in double in a fixed order; spread over the context's threads; fail only for lack of memory or
 * a stated limit. */
#ifndef BZDI_NUM_STATS_H
#define BZDI_NUM_STATS_H

#include "base/alloc.h"

typedef struct bzdi_sample {
  int64_t n;
  const float *x; /* [n, dim], finite */
} bzdi_sample;

/* Square root of the mean over unit directions of the exact 1-D W2^2, the integral of the squared difference of the
 * quantile functions. Direction k: the normals of sample k of BZD_STREAM_METRIC, normalised in double. */
bzd_status bzdi_sliced_w2(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, int32_t directions,
                          uint64_t seed, double *out);
/* The pairing of least mean squared distance: partner[i] is the row of b that row i of a goes with; either may be NULL.
 * n == m <= 2048, else BZD_E_LIMIT. Its memory stays in the cache. */
bzd_status bzdi_assignment(const bzd_context *context, bzdi_cache *cache, int64_t dim, bzdi_sample a, bzdi_sample b,
                           int32_t *partner, double *mean);
/* Root of the least mean squared distance over all pairings. n == m <= 2048, else BZD_E_LIMIT. */
bzd_status bzdi_exact_w2(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, double *out);
/* 2 E|X-Y| - E|X-X'| - E|Y-Y'| without the diagonals. n, m >= 2. */
bzd_status bzdi_energy(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, double *out);
/* Unbiased, sum of the kernels exp(-d^2 / (2 s^2)), s = median pairwise distance of b x {1/4, 1/2, 1, 2, 4}. The median
 * is over all pairs of b, of rows floor(i m / 2048), i < 2048, when m is above 2048; should it be 0, the mean distance
 * stands for it, and 1 when that is 0 too. n, m >= 2. */
bzd_status bzdi_mmd2(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, double *out);
/* frechet, and frechet with a's dispersion matched to b's total variance; either may be NULL. n, m >= 2. */
bzd_status bzdi_frechet(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, double *raw,
                        double *matched);
/* Share of a within the radius of some row of b, and the reverse; a row's radius reaches its k-th nearest neighbour in
 * its own set, itself excluded, the border included. k in 1..min(n, m) - 1, else BZD_E_LIMIT. */
bzd_status bzdi_precision_recall(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, int32_t k,
                                 double *precision, double *recall);
/* Sum over coordinates of the variance (n - 1). */
double bzdi_total_variance(int64_t dim, bzdi_sample a);
/* index[n] and squared distance[n] of the nearest row of b (the first of equals) to each row of a; either may be NULL.
 * m >= 1. */
bzd_status bzdi_nearest(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, int64_t *index,
                        double *distance2);

#endif
