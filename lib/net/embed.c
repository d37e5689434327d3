/* SPDX-License-Identifier: MIT */
#include "net/embed.h"

#include "num/vec.h"

#include <string.h>

/* f_j = (j + 1) pi / 4: with 16 of them, periods from 8 down to half the unit interval. Slower ones would repeat what
 * the bias says; faster ones add little for paths that are nearly straight, and the spacing keeps features independent.
 */
void bzdi_embed_frequencies(int32_t count, float *out) {
  for (int32_t j = 0; j < count; j++) out[j] = (float)((j + 1) * 0.78539816339744831);
}

void bzdi_embed(const bzdi_rows *rows, int64_t dim, int64_t cond_dim, int32_t count, const float *frequencies,
                float *out, int64_t ld) {
  for (int64_t r = 0; r < rows->n; r++) {
    float *row = out + r * ld;
    memcpy(row, rows->x + r * dim, (size_t)dim * sizeof(float));
    if (cond_dim == 0) continue;
    int kept = rows->cond && (!rows->keep || rows->keep[r]);
    if (kept)
      memcpy(row + dim, rows->cond + r * cond_dim, (size_t)cond_dim * sizeof(float));
    else
      memset(row + dim, 0, (size_t)cond_dim * sizeof(float));
    row[dim + cond_dim] = kept ? 1 : 0;
  }
  int64_t before = dim + (cond_dim ? cond_dim + 1 : 0);
  bzdi_vec_time_features(rows->n, rows->t, count, frequencies, out + before, ld);
}
