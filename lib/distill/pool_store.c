/* SPDX-License-Identifier: MIT */
/* Path stores in a store: META "pool.*", and for each window the tensors "window.00000.cond", ".paths" and ".span",
 * made from the pool when they are asked for. Starts that are noise are not stored but made again from their numbers.
 */
#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "distill/pool.h"

#include <stdio.h>
#include <string.h>

enum { COND, PATHS, REST, SPAN, PARTS }; /* REST: paths without their starts */

/* 1: each start is the noise it should be, to the bit. Made and loaded pools see to that themselves. */
static int starts_can_go(const bzdi_pool_source *s, float *noise) {
  int64_t dim = s->source.item.dim, row = (s->source.degree + 1) * dim;
  for (int64_t i = 0; !s->load && i < s->plan.count; i++) {
    bzdi_rng_normals(s->plan.start_seed, BZD_STREAM_NOISE, (uint64_t)(s->plan.first + i), 1, dim, noise, dim);
    if (memcmp(s->paths + i * row, noise, (size_t)dim * sizeof *noise) != 0) return 0;
  }
  return 1;
}

/* Floats at..at+n-1 of the paths without their starts: rows of `degree` times dim behind dim floats each. */
static void copy_rest(const bzdi_pool_source *s, const float *paths, uint64_t at, uint64_t n, float *dst) {
  uint64_t dim = (uint64_t)s->source.item.dim, rest = dim * (uint64_t)s->source.degree;
  while (n > 0) {
    uint64_t row = at / rest, within = at % rest, some = rest - within < n ? rest - within : n;
    memcpy(dst, paths + row * (rest + dim) + dim + within, some * sizeof *dst);
    dst += some;
    at += some;
    n -= some;
  }
}

static bzd_status make(void *user, int64_t tag, uint64_t offset, uint64_t size, void *dst) {
  const bzdi_pool_source *s = user;
  bzdi_window window;
  BZDI_TRY(bzdi_pool_take(s, tag / PARTS, &window));
  switch (tag % PARTS) {
  case COND: memcpy(dst, (const char *)window.cond + offset, size); break;
  case PATHS: memcpy(dst, (const char *)window.paths + offset, size); break;
  case REST: copy_rest(s, window.paths, offset / sizeof(float), size / sizeof(float), dst); break;
  default: memcpy(dst, (const char *)window.span + offset, size);
  }
  bzdi_pool_give(s, &window);
  return BZD_OK;
}

static bzd_status add_tensor(bzdi_store *store, int64_t window, int part, int32_t ndim, const int64_t *shape) {
  static const char *const names[PARTS] = {"cond", "paths", "paths", "span"};
  char name[64];
  snprintf(name, sizeof name, BZDI_POOL_TENSOR, (long long)window, names[part]);
  return bzdi_store_add_made(store, name, BZDI_ROLE_PATHS, BZDI_DTYPE_F32, ndim, shape, window * PARTS + part);
}

bzd_status bzdi_pool_store_facts(const bzdi_pool_source *s, bzdi_store *store) {
  BZDI_TRY(bzdi_store_set_f64(store, BZDI_META, "pool.nfe", s->nfe, 0));
  BZDI_TRY(bzdi_store_set_f64(store, BZDI_META, "pool.residual", s->residual, 0));
  return bzdi_store_set_bytes(store, BZDI_META, "pool.identity", s->digest, sizeof s->digest, 0);
}

static bzd_status store_plan(const bzdi_pool_source *s, bzdi_store *store, int *without_starts) {
  const bzdi_pool_plan *plan = &s->plan;
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_META, "pool.count", plan->count, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_META, "pool.degree", plan->degree, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_u64(store, BZDI_META, "pool.seed", plan->seed, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_META, "pool.spans", plan->spans, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_META, "pool.window", plan->window, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_META, "pool.generation", plan->generation, 0));
  BZDI_TRY(bzdi_item_store(&s->source.item, store, ""));
  *without_starts = 0;
  if (!plan->starts_are_noise) return BZD_OK;
  float *noise = bzdi_malloc(s->source.handle.context, (size_t)s->source.item.dim, sizeof *noise);
  if (!noise) return bzdi_no_memory("pool", (size_t)s->source.item.dim, sizeof *noise);
  *without_starts = starts_can_go(s, noise);
  bzdi_free(s->source.handle.context, noise);
  if (!*without_starts) return BZD_OK;
  BZDI_TRY(bzdi_store_set_u64(store, BZDI_META, "pool.start_seed", plan->start_seed, BZDI_MODEL));
  return bzdi_store_set_i64(store, BZDI_META, "pool.first", plan->first, BZDI_MODEL);
}

bzd_status bzdi_pool_store(const bzd_source *source, bzdi_store *store) {
  const bzdi_pool_source *s = (const bzdi_pool_source *)source;
  int without_starts;
  bzdi_maker maker = {.user = bzdi_retain(s), .make = make, .drop = bzdi_release};
  if (s->unmade) {
    maker.begin = bzdi_pool_begin;
    maker.end = bzdi_pool_end;
  }
  bzdi_store_set_maker(store, &maker);
  BZDI_TRY(store_plan(s, store, &without_starts));
  if (!s->unmade) BZDI_TRY(bzdi_pool_store_facts(s, store));
  for (int64_t w = 0; w < s->windows; w++) {
    int64_t rows = bzdi_pool_rows(s, w), cond[2] = {rows, source->item.cond_dim}, span[2] = {rows, 2};
    int64_t paths[3] = {rows, source->degree + !without_starts, source->item.dim};
    if (cond[1] > 0) BZDI_TRY(add_tensor(store, w, COND, 2, cond));
    BZDI_TRY(add_tensor(store, w, without_starts ? REST : PATHS, 3, paths));
    if (source->spans) BZDI_TRY(add_tensor(store, w, SPAN, 2, span));
  }
  return BZD_OK;
}
