/* SPDX-License-Identifier: MIT */
/* What all sources share: endless sample numbers cut into pieces, and the identity. */
#include "distill/source.h"

#include "base/error.h"

bzd_status bzdi_source_paths(const bzd_source *source, int64_t first, int64_t n, float *paths, float *cond,
                             float *span) {
  enum { PIECE = 1024 };
  int64_t index[PIECE], row = (source->degree + 1) * source->item.dim;
  float spare[2 * PIECE];
  for (int64_t done = 0; done < n; done += PIECE) {
    int64_t count = n - done < PIECE ? n - done : PIECE;
    float *times = span ? span + 2 * done : spare;
    for (int64_t r = 0; r < count; r++) {
      index[r] = first + done + r;
      times[2 * r] = 0;
      times[2 * r + 1] = 1;
    }
    bzdi_batch out = {paths + done * row, cond ? cond + done * source->item.cond_dim : NULL,
                      source->spans ? times : NULL, NULL};
    bzd_status status = source->kind->paths(source, count, index, &out);
    if (status != BZD_OK) return status;
  }
  return BZD_OK;
}

bzd_status bzdi_source_whole_paths(const bzd_source *source, int64_t first, int64_t n, float *paths, float *cond) {
  enum { PIECE = 256 };
  int64_t row = (source->degree + 1) * source->item.dim;
  float span[2 * PIECE];
  for (int64_t done = 0; done < n; done += PIECE) {
    int64_t count = n - done < PIECE ? n - done : PIECE;
    BZDI_TRY(bzdi_source_paths(source, first + done, count, paths + done * row,
                               cond ? cond + done * source->item.cond_dim : NULL, span));
    for (int64_t r = 0; r < count; r++)
      if (span[2 * r] != 0 || span[2 * r + 1] != 1)
        return bzdi_fail(BZD_E_UNSUPPORTED, "paths: sample %lld runs from t %g to %g, expected 0 to 1",
                         (long long)(first + done + r), (double)span[2 * r], (double)span[2 * r + 1]);
  }
  return BZD_OK;
}

bzd_status bzdi_source_identity(const bzd_source *source, uint8_t id[32]) {
  int64_t head[4] = {source->kind->id, source->degree, source->item.dim, source->item.cond_dim};
  bzdi_sha256 hash;
  bzdi_sha256_start(&hash);
  bzdi_sha256_add(&hash, head, sizeof head);
  bzd_status status = source->kind->hash(source, &hash);
  bzdi_sha256_end(&hash, id);
  return status;
}
