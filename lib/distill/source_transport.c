/* SPDX-License-Identifier: MIT */
/* Minibatch optimal transport: the rows of the independent coupling, the x0 of each group of samples dealt out anew. A
 * sample belongs to the group of its number, so that it stays a pure function of seed and number. */
#include "base/alloc.h"
#include "base/error.h"
#include "distill/source.h"
#include "num/stats.h"

#include <string.h>

typedef struct transport_source {
  bzd_source source;
  bzd_source *rows; /* the independent coupling */
  int64_t group;
  bzdi_cache pairing; /* memory of the assignment */
} transport_source;

typedef struct work {
  float *paths, *cond, *x0, *x1;
  int64_t *index;
  int32_t *partner;
} work;

static size_t carve(const transport_source *s, void *base, work *w) {
  bzdi_arena arena = {base, 0};
  size_t rows = (size_t)s->group, dim = (size_t)s->source.item.dim;
  w->paths = bzdi_arena_take(&arena, rows * 2 * dim, sizeof(float));
  w->cond = bzdi_arena_take(&arena, rows * (size_t)s->source.item.cond_dim, sizeof(float));
  w->x0 = bzdi_arena_take(&arena, rows * dim, sizeof(float));
  w->x1 = bzdi_arena_take(&arena, rows * dim, sizeof(float));
  w->index = bzdi_arena_take(&arena, rows, sizeof(int64_t));
  w->partner = bzdi_arena_take(&arena, rows, sizeof(int32_t));
  return arena.used;
}

/* All paths of one group, in order, into w->paths. */
static bzd_status make_group(const transport_source *s, int64_t group, const work *w) {
  bzdi_cache *pairing = &((transport_source *)(uintptr_t)s)->pairing; /* a workspace is no change a reader can see */
  int64_t dim = s->source.item.dim;
  size_t row = (size_t)dim * sizeof(float);
  for (int64_t r = 0; r < s->group; r++) w->index[r] = group * s->group + r;
  bzdi_batch batch = {w->paths, s->source.item.cond_dim > 0 ? w->cond : NULL, NULL, NULL};
  BZDI_TRY(s->rows->kind->paths(s->rows, s->group, w->index, &batch));
  for (int64_t r = 0; r < s->group; r++) {
    memcpy(w->x0 + r * dim, w->paths + 2 * r * dim, row);
    memcpy(w->x1 + r * dim, w->paths + (2 * r + 1) * dim, row);
  }
  bzdi_sample targets = {s->group, w->x1}, starts = {s->group, w->x0};
  BZDI_TRY(bzdi_assignment(s->source.handle.context, pairing, dim, targets, starts, w->partner, NULL));
  for (int64_t r = 0; r < s->group; r++) memcpy(w->paths + 2 * r * dim, w->x0 + w->partner[r] * dim, row);
  return BZD_OK;
}

static bzd_status make_paths(const bzd_source *source, int64_t n, const int64_t *index, const bzdi_batch *out) {
  const transport_source *s = (const transport_source *)source;
  int64_t row = 2 * source->item.dim, cond_dim = source->item.cond_dim, made = -1;
  work w;
  bzdi_cache *cache = &((bzd_source *)(uintptr_t)source)->cache; /* a workspace is no change a reader can see */
  size_t bytes = carve(s, NULL, &w);
  void *memory = bzdi_cache_take(cache, source->handle.context, bytes);
  if (!memory) return bzdi_no_memory("source", 1, bytes);
  carve(s, memory, &w);
  bzd_status status = BZD_OK;
  for (int64_t r = 0; status == BZD_OK && r < n; r++) {
    int64_t group = index[r] / s->group, at = index[r] % s->group;
    if (group != made) status = make_group(s, group, &w);
    if (status != BZD_OK) break;
    made = group;
    memcpy(out->paths + r * row, w.paths + at * row, (size_t)row * sizeof(float));
    if (out->cond) memcpy(out->cond + r * cond_dim, w.cond + at * cond_dim, (size_t)cond_dim * sizeof(float));
  }
  bzdi_cache_give(cache, source->handle.context, memory);
  if (out->spent) out->spent->paths += n;
  return status;
}

static bzd_status hash_source(const bzd_source *source, bzdi_sha256 *hash) {
  const transport_source *s = (const transport_source *)source;
  bzdi_sha256_add(hash, &s->group, sizeof s->group);
  return s->rows->kind->hash(s->rows, hash);
}

static const bzdi_source_kind kind = {BZDI_SOURCE_TRANSPORT, make_paths, hash_source};

static void drop(void *self) {
  transport_source *s = self;
  bzdi_cache_clear(&s->source.cache, s->source.handle.context);
  bzdi_cache_clear(&s->pairing, s->source.handle.context);
  bzdi_item_clear(s->source.handle.context, &s->source.item);
  bzdi_release(s->rows);
}

bzd_status bzdi_source_new_transport(const bzd_data *target, const bzd_data *start, int64_t group, uint64_t seed,
                                     bzd_source **out) {
  const bzd_context *context = target->handle.context;
  bzd_source *rows;
  *out = NULL;
  BZDI_TRY(bzdi_source_new_data(target, start, seed, &rows));
  transport_source *s = bzdi_handle_new(context, BZDI_MAGIC_SOURCE, sizeof *s, drop);
  if (!s) {
    bzdi_release(rows);
    return bzdi_no_memory("source", 1, sizeof *s);
  }
  s->source.kind = &kind;
  s->source.degree = 1;
  s->source.generation = 1;
  s->rows = rows;
  s->group = group;
  bzd_status status = bzdi_item_copy(context, &target->item, &s->source.item);
  if (status != BZD_OK) {
    bzdi_release(s);
    return status;
  }
  *out = &s->source;
  return BZD_OK;
}
