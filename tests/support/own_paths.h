/* SPDX-License-Identifier: MIT */
/* A source of the caller's own: normal control points, a class, and a span that does not begin at 0 for two of three.
 */
#ifndef TESTS_SUPPORT_OWN_PATHS_H
#define TESTS_SUPPORT_OWN_PATHS_H

#include "tricks.h"

static inline int32_t own_paths(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim,
                                int64_t cond_dim, float *paths, float *cond, float *span) {
  int64_t row = (degree + 1) * dim;
  const trick *t = trick_due();
  (void)user;
  TRICK_EARLY(t);
  for (int64_t r = 0; r < n; r++) {
    if (bzd_noise(4, BZD_STREAM_USER, index[r], 1, row, paths + r * row) != BZD_OK) return 1;
    for (int64_t k = 0; k < cond_dim; k++) cond[r * cond_dim + k] = k == index[r] % cond_dim;
    span[2 * r] = (float)(index[r] % 3) / 4;
  }
  trick_spoil(t, TRICK_VALUES, paths, n * row, sizeof *paths);
  trick_spoil(t, TRICK_COND, cond, n * cond_dim, sizeof *cond);
  trick_spoil(t, TRICK_SPAN, span, 2 * n, sizeof *span);
  return 0;
}

#endif
