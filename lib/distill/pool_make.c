/* SPDX-License-Identifier: MIT */
/* Filling path stores from another source: all windows now, or each when it is asked for. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "distill/pool.h"

#include <math.h>
#include <string.h>

/* What is added up over the windows, in order. */
typedef struct tally {
  bzd_progress_fn progress; /* may be NULL */
  void *user;
  double began;
  int64_t done; /* paths */
  bzdi_spent spent;
  bzdi_sha256 hash;
} tally;

static void tally_start(const bzdi_pool_source *s, tally *t) {
  t->began = bzdi_seconds();
  t->done = 0;
  t->spent = (bzdi_spent){0};
  bzdi_pool_digest_start(s, &t->hash);
}

static void tally_end(tally *t, bzdi_pool_source *s) {
  s->nfe = t->spent.nfe / (double)s->plan.count;
  s->residual = sqrt(t->spent.residual2 / (double)s->plan.count);
  bzdi_sha256_end(&t->hash, s->digest);
}

static bzd_status report(const bzdi_pool_source *s, const tally *t) {
  bzd_progress now = {.struct_size = sizeof now,
                      .phase = BZD_PHASE_GENERATE,
                      .step = t->done,
                      .of = s->plan.count,
                      .nfe = t->spent.nfe / (double)t->done,
                      .seconds = bzdi_seconds() - t->began};
  int32_t stop = t->progress(t->user, &now);
  if (stop == 0) return BZD_OK;
  return bzdi_fail(BZD_E_CANCELLED, "progress callback returned %d after %lld of %lld paths", (int)stop,
                   (long long)t->done, (long long)s->plan.count);
}

/* One window of base's paths, in pieces that depend on the window alone; t may be NULL. */
static bzd_status fill(const bzdi_pool_source *s, const bzd_source *base, int64_t window, const bzdi_window *out,
                       tally *t) {
  enum { PIECE = 1024 };
  int64_t index[PIECE], row = (base->degree + 1) * base->item.dim, rows = bzdi_pool_rows(s, window);
  for (int64_t done = 0; done < rows; done += PIECE) {
    int64_t n = rows - done < PIECE ? rows - done : PIECE;
    for (int64_t r = 0; r < n; r++) index[r] = s->plan.first + window * s->plan.window + done + r;
    bzdi_batch batch = {out->paths + done * row, out->cond ? out->cond + done * base->item.cond_dim : NULL,
                        out->span ? out->span + 2 * done : NULL, t ? &t->spent : NULL};
    BZDI_TRY(base->kind->paths(base, n, index, &batch));
    if (!t) continue;
    t->done += n;
    if (t->progress) BZDI_TRY(report(s, t));
  }
  if (t) bzdi_pool_digest_add(s, window, out, &t->hash);
  return BZD_OK;
}

static bzdi_pool_plan plan_of(const bzd_source *base, int64_t first, int64_t count, int64_t window, uint64_t seed) {
  return (bzdi_pool_plan){.item = &base->item,
                          .degree = base->degree,
                          .spans = base->spans,
                          .generation = base->generation,
                          .starts_are_noise = base->noise,
                          .start_seed = base->noise_seed,
                          .seed = seed,
                          .count = count,
                          .window = window,
                          .first = first};
}

/* ---- Now, in memory ------------------------------------------------------------------------------------------ */

bzd_status bzdi_source_new_pool(const bzd_source *base, int64_t first, int64_t count, uint64_t seed,
                                bzd_progress_fn progress, void *user, bzd_source **out) {
  bzdi_pool_plan plan = plan_of(base, first, count, 0, seed);
  bzdi_pool_source *s;
  *out = NULL;
  BZDI_TRY(bzdi_pool_new_empty(base->handle.context, &plan, &s));
  tally t = {.progress = progress, .user = user};
  tally_start(s, &t);
  bzd_status status = BZD_OK;
  for (int64_t w = 0; status == BZD_OK && w < s->windows; w++) {
    bzdi_window window;
    status = bzdi_pool_take(s, w, &window);
    if (status == BZD_OK) status = fill(s, base, w, &window, &t);
  }
  if (status != BZD_OK) {
    bzdi_release(s);
    return status;
  }
  tally_end(&t, s);
  *out = &s->source;
  return BZD_OK;
}

/* ---- When asked for ------------------------------------------------------------------------------------------ */

typedef struct made_pool {
  bzdi_pool_source pool;
  bzd_source *base; /* retained */
  tally tally;
  int32_t counting; /* 1: it is being written, by one thread, in order */
} made_pool;

/* Starts that are noise are not stored, so they must be it. */
static bzd_status check_starts(const bzdi_pool_source *s, int64_t window, const bzdi_window *rows) {
  enum { SOME = 64 };
  float noise[SOME];
  int64_t dim = s->source.item.dim, row = (s->source.degree + 1) * dim, first = s->plan.first + window * s->plan.window;
  int64_t some = dim < SOME ? dim : SOME;
  for (int64_t r = 0; r < bzdi_pool_rows(s, window); r++) {
    bzdi_rng_normals(s->plan.start_seed, BZD_STREAM_NOISE, (uint64_t)(first + r), 1, some, noise, some);
    if (memcmp(rows->paths + r * row, noise, (size_t)some * sizeof *noise) != 0)
      return bzdi_fail(BZD_E_INTERNAL, "path store: path %lld does not start at its noise", (long long)(first + r));
  }
  return BZD_OK;
}

static bzd_status make_window(const bzdi_pool_source *self, int64_t window, const bzdi_window *out) {
  made_pool *s = (made_pool *)(uintptr_t)self;
  BZDI_TRY(fill(self, s->base, window, out, s->counting ? &s->tally : NULL));
  return self->plan.starts_are_noise ? check_starts(self, window, out) : BZD_OK;
}

static void drop(void *self) {
  bzdi_release(((made_pool *)self)->base);
  bzdi_pool_drop(self);
}

bzd_status bzdi_source_new_made(const bzd_source *base, int64_t first, int64_t count, int64_t window, uint64_t seed,
                                bzd_progress_fn progress, void *user, bzd_source **out) {
  bzdi_pool_plan plan = plan_of(base, first, count, window, seed);
  bzdi_pool_source *pool;
  *out = NULL;
  BZDI_TRY(bzdi_pool_new_sized(base->handle.context, &plan, sizeof(made_pool), drop, &pool));
  pool->load = make_window;
  pool->unmade = 1;
  made_pool *s = (made_pool *)pool;
  s->base = bzdi_retain(base);
  s->tally.progress = progress;
  s->tally.user = user;
  *out = &pool->source;
  return BZD_OK;
}

/* Without a kept window each of them is made once from here to the end, in order: all its bytes are asked for before
 * the next one's. */
void bzdi_pool_begin(void *self) {
  made_pool *s = self;
  bzdi_cache_clear(&s->pool.source.cache, s->pool.source.handle.context);
  tally_start(&s->pool, &s->tally);
  s->counting = 1;
}

bzd_status bzdi_pool_end(void *self, bzdi_store *store) {
  made_pool *s = self;
  s->counting = 0;
  if (!store) return BZD_OK;
  tally_end(&s->tally, &s->pool);
  return bzdi_pool_store_facts(&s->pool, store);
}
