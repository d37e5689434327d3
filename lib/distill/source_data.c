/* SPDX-License-Identifier: MIT */
/* Independent coupling: lines from noise, or a row of another set, to a row of data. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/task.h"
#include "distill/source.h"

typedef struct data_source {
  bzd_source source;
  bzd_data *target, *start; /* retained; start may be NULL */
  uint64_t seed;
} data_source;

enum { BLOCK = 32 }; /* rows of one task */

typedef struct job {
  const data_source *self;
  int64_t n;
  const int64_t *index;
  float *paths, *cond;
} job;

static void rows_task(void *arg, int64_t i, int32_t slot) {
  const job *j = arg;
  const data_source *s = j->self;
  int64_t dim = s->source.item.dim, first = i * BLOCK, n = j->n - first < BLOCK ? j->n - first : BLOCK;
  (void)slot;
  float *paths = j->paths + first * 2 * dim;
  if (!s->start) bzdi_rng_normals_at(s->seed, BZD_STREAM_NOISE, j->index + first, n, dim, paths, 2 * dim);
  for (int64_t r = 0; r < n; r++) {
    uint64_t sample = (uint64_t)j->index[first + r];
    int64_t row = bzdi_rng_shuffled(s->seed, BZD_STREAM_ORDER, sample, s->target->n);
    bzdi_data_rows(s->target, 1, &row, paths + (2 * r + 1) * dim,
                   j->cond ? j->cond + (first + r) * s->source.item.cond_dim : NULL);
    if (!s->start) continue;
    row = bzdi_rng_shuffled(s->seed, BZD_STREAM_PARTNER, sample, s->start->n);
    bzdi_data_rows(s->start, 1, &row, paths + 2 * r * dim, NULL);
  }
}

static bzd_status make_paths(const bzd_source *source, int64_t n, const int64_t *index, const bzdi_batch *out) {
  job j = {(const data_source *)source, n, index, out->paths, out->cond};
  bzdi_parallel_for(source->handle.context, (n + BLOCK - 1) / BLOCK, rows_task, &j);
  if (out->spent) out->spent->paths += n;
  return BZD_OK;
}

static bzd_status hash_source(const bzd_source *source, bzdi_sha256 *hash) {
  const data_source *s = (const data_source *)source;
  bzdi_sha256_add(hash, &s->seed, sizeof s->seed);
  bzdi_data_hash(s->target, hash);
  if (s->start) bzdi_data_hash(s->start, hash);
  return BZD_OK;
}

static const bzdi_source_kind kind = {BZDI_SOURCE_DATA, make_paths, hash_source};

static void drop(void *self) {
  data_source *s = self;
  bzdi_item_clear(s->source.handle.context, &s->source.item);
  bzdi_release(s->target);
  bzdi_release(s->start);
}

bzd_status bzdi_source_new_data(const bzd_data *target, const bzd_data *start, uint64_t seed, bzd_source **out) {
  *out = NULL;
  if (start && start->item.dim != target->item.dim)
    return bzdi_fail(BZD_E_DIMENSION, "start: dim %lld, expected %lld", (long long)start->item.dim,
                     (long long)target->item.dim);
  data_source *s = bzdi_handle_new(target->handle.context, BZDI_MAGIC_SOURCE, sizeof *s, drop);
  if (!s) return bzdi_no_memory("source", 1, sizeof *s);
  s->source.kind = &kind;
  s->source.degree = 1;
  s->source.generation = 1;
  s->source.noise = start == NULL;
  s->source.noise_seed = seed;
  s->seed = seed;
  s->target = bzdi_retain(target);
  s->start = start ? bzdi_retain(start) : NULL;
  bzd_status status = bzdi_item_copy(target->handle.context, &target->item, &s->source.item);
  if (status != BZD_OK) {
    bzdi_release(s);
    return status;
  }
  *out = &s->source;
  return BZD_OK;
}
