/* SPDX-License-Identifier: MIT */
#include "distill/pool.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

static bzd_status make_paths(const bzd_source *source, int64_t n, const int64_t *index, const bzdi_batch *out) {
  const bzdi_pool_source *s = (const bzdi_pool_source *)source;
  int64_t row = (source->degree + 1) * source->item.dim, cond_dim = source->item.cond_dim;
  for (int64_t r = 0; r < n; r++) {
    int64_t at = bzdi_rng_shuffled(s->seed, BZD_STREAM_ORDER, (uint64_t)index[r], s->count);
    memcpy(out->paths + r * row, s->paths + at * row, (size_t)row * sizeof(float));
    if (out->cond) memcpy(out->cond + r * cond_dim, s->cond + at * cond_dim, (size_t)cond_dim * sizeof(float));
    if (out->span) memcpy(out->span + 2 * r, s->span + 2 * at, 2 * sizeof(float));
  }
  if (out->spent) out->spent->paths += n;
  return BZD_OK;
}

static bzd_status hash_source(const bzd_source *source, bzdi_sha256 *hash) {
  const bzdi_pool_source *s = (const bzdi_pool_source *)source;
  int64_t head[2] = {s->count, (int64_t)s->seed};
  bzdi_sha256_add(hash, head, sizeof head);
  bzdi_sha256_add(hash, s->paths, (size_t)(s->count * (source->degree + 1) * source->item.dim) * sizeof(float));
  if (s->cond) bzdi_sha256_add(hash, s->cond, (size_t)(s->count * source->item.cond_dim) * sizeof(float));
  if (s->span) bzdi_sha256_add(hash, s->span, (size_t)(s->count * 2) * sizeof(float));
  return BZD_OK;
}

static const bzdi_source_kind kind = {BZDI_SOURCE_POOL, make_paths, hash_source};

static void drop(void *self) {
  bzdi_pool_source *s = self;
  const bzd_context *context = s->source.handle.context;
  bzdi_item_clear(context, &s->source.item);
  bzdi_free(context, s->paths);
  bzdi_free(context, s->cond);
  bzdi_free(context, s->span);
}

bzd_status bzdi_pool_new_empty(const bzd_context *context, int32_t degree, const bzdi_item *item, int32_t spans,
                               int64_t count, uint64_t seed, bzdi_pool_source **out) {
  int64_t row, all;
  *out = NULL;
  if (__builtin_mul_overflow(item->dim, (int64_t)(degree + 1), &row) || __builtin_mul_overflow(row, count, &all) ||
      all > INT64_MAX / 8)
    return bzdi_fail(BZD_E_ARGUMENT, "pool: %lld paths of degree %d and dim %lld are too many to count",
                     (long long)count, (int)degree, (long long)item->dim);
  bzdi_pool_source *s = bzdi_handle_new(context, BZDI_MAGIC_SOURCE, sizeof *s, drop);
  if (!s) return bzdi_no_memory("pool", 1, sizeof *s);
  s->source.kind = &kind;
  s->source.degree = degree;
  s->source.spans = spans;
  s->count = count;
  s->seed = seed;
  s->paths = bzdi_malloc(context, (size_t)all, sizeof(float));
  if (item->cond_dim > 0) s->cond = bzdi_malloc(context, (size_t)count, (size_t)item->cond_dim * sizeof(float));
  if (spans) s->span = bzdi_malloc(context, (size_t)count, 2 * sizeof(float));
  bzd_status status = BZD_OK;
  if (!s->paths || (item->cond_dim > 0 && !s->cond) || (spans && !s->span))
    status = bzdi_no_memory("pool", (size_t)all, sizeof(float));
  if (status == BZD_OK) status = bzdi_item_copy(context, item, &s->source.item);
  if (status != BZD_OK) {
    bzdi_release(s);
    return status;
  }
  *out = s;
  return BZD_OK;
}

static bzd_status fill(bzdi_pool_source *s, const bzd_source *base, int64_t first, bzd_progress_fn progress,
                       void *user) {
  enum { PIECE = 1024 };
  int64_t index[PIECE], row = (base->degree + 1) * base->item.dim;
  bzdi_spent spent = {0};
  double began = bzdi_seconds();
  for (int64_t done = 0; done < s->count; done += PIECE) {
    int64_t n = s->count - done < PIECE ? s->count - done : PIECE;
    for (int64_t r = 0; r < n; r++) index[r] = first + done + r;
    bzdi_batch out = {s->paths + done * row, s->cond ? s->cond + done * base->item.cond_dim : NULL,
                      s->span ? s->span + 2 * done : NULL, &spent};
    BZDI_TRY(base->kind->paths(base, n, index, &out));
    if (!progress) continue;
    bzd_progress now = {.struct_size = sizeof now,
                        .phase = BZD_PHASE_GENERATE,
                        .step = done + n,
                        .of = s->count,
                        .nfe = spent.nfe / (double)(done + n),
                        .seconds = bzdi_seconds() - began};
    int32_t stop = progress(user, &now);
    if (stop != 0)
      return bzdi_fail(BZD_E_CANCELLED, "progress callback returned %d after %lld of %lld paths", (int)stop,
                       (long long)(done + n), (long long)s->count);
  }
  s->nfe = spent.nfe / (double)s->count;
  s->residual = sqrt(spent.residual2 / (double)s->count);
  return BZD_OK;
}

bzd_status bzdi_source_new_pool(const bzd_source *base, int64_t first, int64_t count, uint64_t seed,
                                bzd_progress_fn progress, void *user, bzd_source **out) {
  bzdi_pool_source *s;
  *out = NULL;
  BZDI_TRY(bzdi_pool_new_empty(base->handle.context, base->degree, &base->item, base->spans, count, seed, &s));
  s->source.generation = base->generation;
  s->first = first;
  s->starts_are_noise = base->noise;
  s->start_seed = base->noise_seed;
  bzd_status status = fill(s, base, first, progress, user);
  if (status != BZD_OK) {
    bzdi_release(s);
    return status;
  }
  *out = &s->source;
  return BZD_OK;
}

void bzdi_pool_facts(const bzd_source *source, int64_t *count, double *nfe, double *residual) {
  const bzdi_pool_source *s = source->kind->id == BZDI_SOURCE_POOL ? (const bzdi_pool_source *)source : NULL;
  *count = s ? s->count : 0;
  *nfe = s ? s->nfe : 0;
  *residual = s ? s->residual : 0;
}
