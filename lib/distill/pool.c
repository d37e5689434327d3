/* SPDX-License-Identifier: MIT */
/* Path stores: the order of their rows, windows in memory or loaded, identity. */
#include "distill/pool.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"

#include <string.h>

/* ---- Windows ------------------------------------------------------------------------------------------------- */

int64_t bzdi_pool_default_window(int64_t count, int32_t degree, int64_t dim) {
  int64_t window = ((int64_t)64 << 20) / ((degree + 1) * dim * (int64_t)sizeof(float));
  int64_t least = (count + BZDI_POOL_WINDOWS - 1) / BZDI_POOL_WINDOWS; /* >= 1 */
  if (window < least) window = least;
  return window < count ? window : count;
}

int64_t bzdi_pool_rows(const bzdi_pool_source *s, int64_t window) {
  return window < s->windows - 1 ? s->plan.window : s->plan.count - window * s->plan.window;
}

/* Begins a window's block: which one it holds. */
typedef struct head {
  int64_t window; /* -1: none */
} head;

static size_t carve(const bzdi_pool_source *s, void *block, bzdi_window *out) {
  bzdi_arena arena = {block, 0};
  size_t rows = (size_t)s->plan.window, dim = (size_t)s->source.item.dim, cond_dim = (size_t)s->source.item.cond_dim;
  bzdi_arena_take(&arena, 1, sizeof(head));
  out->paths = bzdi_arena_take(&arena, rows * (size_t)(s->source.degree + 1) * dim, sizeof(float));
  out->cond = cond_dim > 0 ? bzdi_arena_take(&arena, rows * cond_dim, sizeof(float)) : NULL;
  out->span = s->source.spans ? bzdi_arena_take(&arena, rows * 2, sizeof(float)) : NULL;
  out->block = block;
  return arena.used;
}

/* Callers at the same time get a block each; one of them is kept. */
bzd_status bzdi_pool_take(const bzdi_pool_source *s, int64_t window, bzdi_window *out) {
  if (!s->load) {
    int64_t at = window * s->plan.window, row = (s->source.degree + 1) * s->source.item.dim;
    *out = (bzdi_window){s->paths + at * row, s->cond ? s->cond + at * s->source.item.cond_dim : NULL,
                         s->span ? s->span + 2 * at : NULL, NULL};
    return BZD_OK;
  }
  const bzd_context *context = s->source.handle.context;
  head *block = bzdi_cache_kept(&((bzdi_pool_source *)(uintptr_t)s)->source.cache); /* no change a reader can see */
  if (!block) {
    size_t bytes = carve(s, NULL, out);
    block = bzdi_malloc(context, 1, bytes);
    if (!block) return bzdi_no_memory("path store", 1, bytes);
    block->window = -1;
  }
  carve(s, block, out);
  if (block->window == window) return BZD_OK;
  block->window = -1;
  bzd_status status = s->load(s, window, out);
  if (status == BZD_OK)
    block->window = window;
  else
    bzdi_pool_give(s, out);
  return status;
}

void bzdi_pool_give(const bzdi_pool_source *s, const bzdi_window *window) {
  bzdi_cache_give(&((bzdi_pool_source *)(uintptr_t)s)->source.cache, s->source.handle.context, window->block);
}

/* ---- As a source --------------------------------------------------------------------------------------------- */

static int64_t window_of(const bzdi_pool_source *s, int64_t number) { return number % s->plan.count / s->plan.window; }

static bzd_status make_paths(const bzd_source *source, int64_t n, const int64_t *index, const bzdi_batch *out) {
  const bzdi_pool_source *s = (const bzdi_pool_source *)source;
  int64_t row = (source->degree + 1) * source->item.dim, cond_dim = source->item.cond_dim;
  for (int64_t r = 0; r < n;) {
    int64_t w = window_of(s, index[r]), rows = bzdi_pool_rows(s, w);
    bzdi_window window;
    BZDI_TRY(bzdi_pool_take(s, w, &window));
    for (; r < n && window_of(s, index[r]) == w; r++) {
      /* Each window of each epoch is an epoch of its own to the shuffle; with one window that is all there is. */
      uint64_t turn = (uint64_t)(index[r] / s->plan.count) * (uint64_t)s->windows + (uint64_t)w;
      uint64_t place = (uint64_t)(index[r] % s->plan.count % s->plan.window);
      int64_t at = bzdi_rng_shuffled(s->plan.seed, BZD_STREAM_ORDER, turn * (uint64_t)rows + place, rows);
      memcpy(out->paths + r * row, window.paths + at * row, (size_t)row * sizeof(float));
      if (out->cond) memcpy(out->cond + r * cond_dim, window.cond + at * cond_dim, (size_t)cond_dim * sizeof(float));
      if (out->span) memcpy(out->span + 2 * r, window.span + 2 * at, 2 * sizeof(float));
    }
    bzdi_pool_give(s, &window);
  }
  if (out->spent) out->spent->paths += n;
  return BZD_OK;
}

void bzdi_pool_digest_start(const bzdi_pool_source *s, bzdi_sha256 *hash) {
  int64_t facts[3] = {s->plan.count, s->plan.window, (int64_t)s->plan.seed};
  bzdi_sha256_start(hash);
  bzdi_sha256_add(hash, facts, sizeof facts);
}

void bzdi_pool_digest_add(const bzdi_pool_source *s, int64_t window, const bzdi_window *rows, bzdi_sha256 *hash) {
  int64_t n = bzdi_pool_rows(s, window);
  bzdi_sha256_add(hash, rows->paths, (size_t)(n * (s->source.degree + 1) * s->source.item.dim) * sizeof(float));
  if (rows->cond) bzdi_sha256_add(hash, rows->cond, (size_t)(n * s->source.item.cond_dim) * sizeof(float));
  if (rows->span) bzdi_sha256_add(hash, rows->span, (size_t)(n * 2) * sizeof(float));
}

void bzdi_pool_digest(const bzdi_pool_source *s, uint8_t digest[32]) {
  bzdi_sha256 hash;
  bzdi_pool_digest_start(s, &hash);
  for (int64_t w = 0; w < s->windows; w++) {
    bzdi_window window;
    bzdi_pool_take(s, w, &window); /* in memory: cannot fail */
    bzdi_pool_digest_add(s, w, &window, &hash);
  }
  bzdi_sha256_end(&hash, digest);
}

/* The digest stands for the paths, so that no one has to read a file of them for their identity. */
static bzd_status hash_source(const bzd_source *source, bzdi_sha256 *hash) {
  bzdi_sha256_add(hash, ((const bzdi_pool_source *)source)->digest, sizeof((const bzdi_pool_source *)source)->digest);
  return BZD_OK;
}

static const bzdi_source_kind kind = {BZDI_SOURCE_POOL, make_paths, hash_source};

/* ---- Making and freeing -------------------------------------------------------------------------------------- */

void bzdi_pool_drop(void *self) {
  bzdi_pool_source *s = self;
  const bzd_context *context = s->source.handle.context;
  bzdi_cache_clear(&s->source.cache, context);
  bzdi_item_clear(context, &s->source.item);
  bzdi_free(context, s->paths);
  bzdi_free(context, s->cond);
  bzdi_free(context, s->span);
}

bzd_status bzdi_pool_new_sized(const bzd_context *context, const bzdi_pool_plan *plan, size_t size,
                               void (*drop)(void *self), bzdi_pool_source **out) {
  int64_t row, all;
  *out = NULL;
  if (__builtin_mul_overflow(plan->item->dim, (int64_t)(plan->degree + 1), &row) ||
      __builtin_mul_overflow(row, plan->count, &all) || all > INT64_MAX / 8)
    return bzdi_fail(BZD_E_ARGUMENT, "pool: %lld paths of degree %d and dim %lld are too many to count",
                     (long long)plan->count, (int)plan->degree, (long long)plan->item->dim);
  int64_t window = plan->window ? plan->window : bzdi_pool_default_window(plan->count, plan->degree, plan->item->dim);
  if (window > plan->count) window = plan->count;
  int64_t windows = (plan->count - 1) / window + 1;
  if (windows > BZDI_POOL_WINDOWS)
    return bzdi_fail(BZD_E_ARGUMENT, "path store: %lld paths in windows of %lld are %lld windows, at most %d",
                     (long long)plan->count, (long long)window, (long long)windows, BZDI_POOL_WINDOWS);
  bzdi_pool_source *s = bzdi_handle_new(context, BZDI_MAGIC_SOURCE, size, drop);
  if (!s) return bzdi_no_memory("pool", 1, size);
  s->source.kind = &kind;
  s->source.degree = plan->degree;
  s->source.spans = plan->spans;
  s->source.generation = plan->generation;
  s->plan = *plan;
  s->plan.window = window;
  s->plan.item = &s->source.item;
  s->windows = windows;
  bzd_status status = bzdi_item_copy(context, plan->item, &s->source.item);
  if (status != BZD_OK) {
    bzdi_release(s);
    return status;
  }
  *out = s;
  return BZD_OK;
}

bzd_status bzdi_pool_new_empty(const bzd_context *context, const bzdi_pool_plan *plan, bzdi_pool_source **out) {
  bzdi_pool_source *s;
  BZDI_TRY(bzdi_pool_new_sized(context, plan, sizeof *s, bzdi_pool_drop, &s));
  size_t count = (size_t)plan->count, row = (size_t)((plan->degree + 1) * plan->item->dim);
  size_t cond_dim = (size_t)plan->item->cond_dim;
  s->paths = bzdi_malloc(context, count, row * sizeof(float));
  if (cond_dim > 0) s->cond = bzdi_malloc(context, count, cond_dim * sizeof(float));
  if (plan->spans) s->span = bzdi_malloc(context, count, 2 * sizeof(float));
  if (!s->paths || (cond_dim > 0 && !s->cond) || (plan->spans && !s->span)) {
    bzdi_release(s);
    *out = NULL;
    return bzdi_no_memory("pool", count, row * sizeof(float));
  }
  *out = s;
  return BZD_OK;
}

void bzdi_pool_facts(const bzd_source *source, int64_t *count, double *nfe, double *residual) {
  const bzdi_pool_source *s = source->kind->id == BZDI_SOURCE_POOL ? (const bzdi_pool_source *)source : NULL;
  *count = s ? s->plan.count : 0;
  *nfe = s ? s->nfe : 0;
  *residual = s ? s->residual : 0;
}
