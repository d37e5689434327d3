/* SPDX-License-Identifier: MIT */
/* Squared Euclidean distances between float32 rows: each the plain sum over the coordinates in double, in order, so
 * that a pair has the same bits by whatever route it is reached. */
#ifndef BZDI_NUM_DISTANCE_H
#define BZDI_NUM_DISTANCE_H

#include <bezdist/base.h>

#define BZDI_DISTANCE_BLOCK 64 /* rows of either side done at once */

typedef struct bzdi_distance_scratch {
  double a[BZDI_DISTANCE_BLOCK * 256], b[BZDI_DISTANCE_BLOCK * 256];
  double d2[BZDI_DISTANCE_BLOCK][BZDI_DISTANCE_BLOCK];
} bzdi_distance_scratch;

/* own->d2[i][j] = |a_i - b_j|^2 for up to 64 rows of each, rows dim floats apart. */
void bzdi_distance_block(int64_t dim, int64_t a_rows, const float *a, int64_t b_rows, const float *b,
                         bzdi_distance_scratch *own);

/* Called with the distances from rows a_first.. to rows b_first... For a set against itself the blocks on and right of
 * the diagonal only (b_first >= a_first), so pairs i < j. */
typedef void (*bzdi_distance_fn)(void *arg, int64_t a_first, int64_t a_rows, int64_t b_first, int64_t b_rows,
                                 const double (*d2)[BZDI_DISTANCE_BLOCK]);

/* Goes over all pairs of a [n, dim] and b [m, dim]. Blocks of 64 rows of a are spread over the context's threads; one
 * block of a meets the blocks of b in order on one thread. upper 1 (a and b the same rows): as above. BZD_E_MEMORY. */
bzd_status bzdi_distance_all(const bzd_context *context, int64_t dim, int64_t n, const float *a, int64_t m,
                             const float *b, int upper, bzdi_distance_fn each, void *arg);
/* The same in the caller's scratch, one for each slot of the context (bzdi_slots). */
void bzdi_distance_all_in(const bzd_context *context, bzdi_distance_scratch *slots, int64_t dim, int64_t n,
                          const float *a, int64_t m, const float *b, int upper, bzdi_distance_fn each, void *arg);

#endif
