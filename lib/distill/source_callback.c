/* SPDX-License-Identifier: MIT */
/* The caller's own paths. */
#include "base/alloc.h"
#include "base/error.h"
#include "distill/source.h"

#include <math.h>

typedef struct callback_source {
  bzd_source source;
  bzd_paths_fn fn;
  void *user;
} callback_source;

static bzd_status make_paths(const bzd_source *source, int64_t n, const int64_t *index, const bzdi_batch *out) {
  const float *paths = out->paths, *cond = out->cond;
  const callback_source *s = (const callback_source *)source;
  int64_t dim = source->item.dim, row = (source->degree + 1) * dim;
  for (int64_t r = 0; r < n; r++) {
    out->span[2 * r] = 0;
    out->span[2 * r + 1] = 1;
  }
  int32_t stop = s->fn(s->user, n, index, source->degree, dim, source->item.cond_dim, out->paths, out->cond, out->span);
  if (stop != 0) return bzdi_fail(BZD_E_CANCELLED, "paths callback returned %d", (int)stop);
  for (int64_t i = 0; i < n * row; i++)
    if (!isfinite(paths[i]))
      return bzdi_fail(BZD_E_NUMERIC, "paths callback: sample %lld, control point %lld, column %lld is %g",
                       (long long)index[i / row], (long long)(i % row / dim), (long long)(i % dim), (double)paths[i]);
  for (int64_t i = 0; cond && i < n * source->item.cond_dim; i++)
    if (!isfinite(cond[i]))
      return bzdi_fail(BZD_E_NUMERIC, "paths callback: sample %lld, condition %lld is %g",
                       (long long)index[i / source->item.cond_dim], (long long)(i % source->item.cond_dim),
                       (double)cond[i]);
  for (int64_t r = 0; r < n; r++) {
    float start = out->span[2 * r], end = out->span[2 * r + 1];
    if (!(start >= 0 && start < end && end <= 1))
      return bzdi_fail(BZD_E_NUMERIC, "paths callback: sample %lld: span %g..%g, expected 0 <= start < end <= 1",
                       (long long)index[r], (double)start, (double)end);
  }
  if (out->spent) out->spent->paths += n;
  return BZD_OK;
}

/* Code of the host: its shape, which the head of every identity has, is all there is to compare. */
static bzd_status hash_source(const bzd_source *source, bzdi_sha256 *hash) {
  (void)source, (void)hash;
  return BZD_OK;
}

static const bzdi_source_kind kind = {BZDI_SOURCE_CALLBACK, make_paths, hash_source};

bzd_status bzdi_source_new_callback(const bzd_context *context, int32_t degree, int64_t dim, int64_t cond_dim,
                                    bzd_paths_fn fn, void *user, bzd_source **out) {
  *out = NULL;
  callback_source *s = bzdi_handle_new(context, BZDI_MAGIC_SOURCE, sizeof *s, NULL);
  if (!s) return bzdi_no_memory("source", 1, sizeof *s);
  s->source.kind = &kind;
  s->source.degree = degree;
  s->source.spans = 1;
  s->source.item.dim = dim;
  s->source.item.cond_dim = cond_dim;
  s->fn = fn;
  s->user = user;
  *out = &s->source;
  return BZD_OK;
}
