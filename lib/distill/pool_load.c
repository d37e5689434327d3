/* SPDX-License-Identifier: MIT */
/* Path stores back from a store: all paths into memory, or a window at a time when it is asked for. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "distill/pool.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- One window ---------------------------------------------------------------------------------------------- */

static bzd_status read_floats(const bzdi_store *store, int64_t window, const char *part, int64_t count, float *values) {
  char name[64];
  snprintf(name, sizeof name, BZDI_POOL_TENSOR, (long long)window, part);
  BZDI_TRY(bzdi_store_read(store, bzdi_store_find(store, name, BZDI_ROLE_PATHS), values));
  for (int64_t i = 0; i < count; i++)
    if (!isfinite(values[i]))
      return bzdi_fail(BZD_E_CORRUPT, "tensor %s: element %lld is %g, expected finite", name, (long long)i,
                       (double)values[i]);
  return BZD_OK;
}

/* Stored without starts they are read to the end of the room and moved to their places in order, which never overtakes
 * what is still to be moved. */
static bzd_status read_paths(const bzdi_pool_source *s, const bzdi_store *store, int64_t window,
                             const bzdi_window *out) {
  int noise = s->plan.starts_are_noise;
  int64_t dim = s->source.item.dim, rows = bzdi_pool_rows(s, window), row = (s->source.degree + !noise) * dim;
  int64_t first = s->plan.first + window * s->plan.window;
  float *at = out->paths + (noise ? rows * dim : 0);
  BZDI_TRY(read_floats(store, window, "paths", rows * row, at));
  for (int64_t r = 0; noise && r < rows; r++) {
    float *path = out->paths + r * (row + dim);
    memmove(path + dim, at + r * row, (size_t)row * sizeof *path);
    bzdi_rng_normals(s->plan.start_seed, BZD_STREAM_NOISE, (uint64_t)(first + r), 1, dim, path, dim);
  }
  return BZD_OK;
}

/* The tensors are there and have their shapes. */
static bzd_status read_window(const bzdi_pool_source *s, const bzdi_store *store, int64_t window,
                              const bzdi_window *out) {
  int64_t rows = bzdi_pool_rows(s, window);
  BZDI_TRY(read_paths(s, store, window, out));
  if (out->cond) BZDI_TRY(read_floats(store, window, "cond", rows * s->source.item.cond_dim, out->cond));
  if (!out->span) return BZD_OK;
  BZDI_TRY(read_floats(store, window, "span", rows * 2, out->span));
  for (int64_t r = 0; r < rows; r++) {
    float start = out->span[2 * r], end = out->span[2 * r + 1];
    if (!(start >= 0 && start < end && end <= 1))
      return bzdi_fail(BZD_E_CORRUPT, "tensor " BZDI_POOL_TENSOR ": row %lld is %g..%g, expected 0 <= start < end <= 1",
                       (long long)window, "span", (long long)r, (double)start, (double)end);
  }
  return BZD_OK;
}

/* ---- What the file says it is -------------------------------------------------------------------------------- */

typedef struct facts {
  bzdi_pool_plan plan;
  bzdi_item item;
  double nfe, residual;
  uint8_t digest[32];
} facts;

static bzd_status read_plan(const bzdi_store *store, bzdi_pool_plan *plan) {
  int64_t degree, spans, generation;
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_META, "pool.count", 1, (int64_t)1 << 32, &plan->count));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_META, "pool.window", (plan->count - 1) / BZDI_POOL_WINDOWS + 1, plan->count,
                              &plan->window));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_META, "pool.degree", 1, 16, &degree));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_META, "pool.spans", 0, 1, &spans));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_META, "pool.generation", 0, INT32_MAX, &generation));
  BZDI_TRY(bzdi_store_get_u64(store, BZDI_META, "pool.seed", &plan->seed));
  plan->degree = (int32_t)degree;
  plan->spans = (int32_t)spans;
  plan->generation = (int32_t)generation;
  plan->starts_are_noise = bzdi_store_has(store, BZDI_META, "pool.start_seed");
  if (!plan->starts_are_noise) return BZD_OK;
  BZDI_TRY(bzdi_store_get_u64(store, BZDI_META, "pool.start_seed", &plan->start_seed));
  return bzdi_store_get_i64(store, BZDI_META, "pool.first", 0, (int64_t)1 << 62, &plan->first);
}

static bzd_status check_tensor(const bzdi_store *store, int64_t window, const char *part, int32_t ndim,
                               const int64_t *shape) {
  char name[64];
  int64_t at;
  snprintf(name, sizeof name, BZDI_POOL_TENSOR, (long long)window, part);
  return bzdi_store_find_f32(store, name, BZDI_ROLE_PATHS, ndim, shape, &at);
}

/* The index must hold the tensors before memory is taken by what the metadata say. */
static bzd_status check_tensors(const bzdi_store *store, const facts *f) {
  const bzdi_pool_plan *plan = &f->plan;
  for (int64_t w = 0; w * plan->window < plan->count; w++) {
    int64_t left = plan->count - w * plan->window, rows = left < plan->window ? left : plan->window;
    int64_t cond[2] = {rows, f->item.cond_dim}, span[2] = {rows, 2};
    int64_t paths[3] = {rows, plan->degree + !plan->starts_are_noise, f->item.dim};
    BZDI_TRY(check_tensor(store, w, "paths", 3, paths));
    if (cond[1] > 0) BZDI_TRY(check_tensor(store, w, "cond", 2, cond));
    if (plan->spans) BZDI_TRY(check_tensor(store, w, "span", 2, span));
  }
  return BZD_OK;
}

/* f->item is the caller's to clear after success. */
static bzd_status read_facts(const bzd_context *context, const bzdi_store *store, facts *f) {
  const void *digest;
  size_t size;
  *f = (facts){0};
  if (bzdi_store_unfinished(store))
    return bzdi_fail(BZD_E_STATE, "the checkpoint makes its paths when it is written: open what was written");
  BZDI_TRY(read_plan(store, &f->plan));
  BZDI_TRY(bzdi_store_get_f64(store, BZDI_META, "pool.nfe", &f->nfe));
  BZDI_TRY(bzdi_store_get_f64(store, BZDI_META, "pool.residual", &f->residual));
  BZDI_TRY(bzdi_store_get_bytes(store, BZDI_META, "pool.identity", &digest, &size));
  if (size != sizeof f->digest)
    return bzdi_fail(BZD_E_CORRUPT, "metadata: pool.identity has %zu bytes, expected %zu", size, sizeof f->digest);
  memcpy(f->digest, digest, size);
  if (!isfinite(f->nfe)) f->nfe = 0;
  if (!isfinite(f->residual)) f->residual = 0;
  BZDI_TRY(bzdi_item_load(context, store, "", &f->item));
  f->plan.item = &f->item;
  bzd_status status = check_tensors(store, f);
  if (status != BZD_OK) bzdi_item_clear(context, &f->item);
  return status;
}

static void set_facts(const facts *f, bzdi_pool_source *s) {
  s->nfe = f->nfe;
  s->residual = f->residual;
  memcpy(s->digest, f->digest, sizeof s->digest);
}

/* ---- In memory ----------------------------------------------------------------------------------------------- */

static bzd_status read_all(const bzdi_store *store, bzdi_pool_source *s) {
  uint8_t digest[32];
  for (int64_t w = 0; w < s->windows; w++) {
    bzdi_window window;
    BZDI_TRY(bzdi_pool_take(s, w, &window));
    BZDI_TRY(read_window(s, store, w, &window));
  }
  bzdi_pool_digest(s, digest);
  return memcmp(digest, s->digest, sizeof digest) == 0
             ? BZD_OK
             : bzdi_fail(BZD_E_CORRUPT, "metadata: pool.identity is not that of the paths");
}

bzd_status bzdi_pool_load(const bzd_context *context, const bzdi_store *store, bzd_source **out) {
  facts f;
  bzdi_pool_source *s;
  *out = NULL;
  BZDI_TRY(read_facts(context, store, &f));
  bzd_status status = bzdi_pool_new_empty(context, &f.plan, &s);
  bzdi_item_clear(context, &f.item);
  if (status != BZD_OK) return status;
  set_facts(&f, s);
  status = read_all(store, s);
  if (status != BZD_OK) {
    bzdi_release(s);
    return status;
  }
  *out = &s->source;
  return BZD_OK;
}

/* ---- A window at a time -------------------------------------------------------------------------------------- */

typedef struct streamed_pool {
  bzdi_pool_source pool;
  const bzdi_store *store;
  void *owner; /* of the store; retained */
} streamed_pool;

static bzd_status load_window(const bzdi_pool_source *self, int64_t window, const bzdi_window *out) {
  return read_window(self, ((const streamed_pool *)self)->store, window, out);
}

static void drop(void *self) {
  bzdi_pool_drop(self);
  bzdi_release(((streamed_pool *)self)->owner);
}

bzd_status bzdi_pool_stream(const bzd_context *context, const bzdi_store *store, const void *owner, bzd_source **out) {
  facts f;
  bzdi_pool_source *s;
  *out = NULL;
  BZDI_TRY(read_facts(context, store, &f));
  bzd_status status = bzdi_pool_new_sized(context, &f.plan, sizeof(streamed_pool), drop, &s);
  bzdi_item_clear(context, &f.item);
  if (status != BZD_OK) return status;
  set_facts(&f, s);
  s->load = load_window;
  ((streamed_pool *)s)->store = store;
  ((streamed_pool *)s)->owner = bzdi_retain(owner);
  *out = &s->source;
  return BZD_OK;
}
