/* SPDX-License-Identifier: MIT */
/* Path stores in a store: META "pool.*", tensors "paths", "cond" and "span". Starts that are noise are not stored but
 * made again from their numbers. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "distill/pool.h"

#include <math.h>
#include <string.h>

/* The paths without their starts, [count, degree, dim], into rest; noise is room for one start. 0 when a start is not
 * the noise it should be, to the bit. */
static int without_starts(const bzdi_pool_source *s, float *noise, float *rest) {
  size_t dim = (size_t)s->source.item.dim, row = dim * (size_t)s->source.degree;
  for (int64_t i = 0; i < s->count; i++) {
    const float *path = s->paths + (size_t)i * (dim + row);
    bzdi_rng_normals(s->start_seed, BZD_STREAM_NOISE, (uint64_t)(s->first + i), 1, (int64_t)dim, noise, (int64_t)dim);
    if (memcmp(path, noise, dim * sizeof *noise) != 0) return 0;
    memcpy(rest + (size_t)i * row, path + dim, row * sizeof *rest);
  }
  return 1;
}

static bzd_status store_paths(const bzdi_pool_source *s, bzdi_store *store) {
  const bzd_context *context = s->source.handle.context;
  int64_t dim = s->source.item.dim, shape[3] = {s->count, s->source.degree + 1, dim};
  if (s->starts_are_noise) {
    size_t size = (size_t)(s->count * s->source.degree * dim);
    float *rest = bzdi_malloc(context, size, sizeof *rest), *noise = bzdi_malloc(context, (size_t)dim, sizeof *noise);
    bzd_status status = rest && noise ? BZD_OK : bzdi_no_memory("pool", size, sizeof *rest);
    int left_out = status == BZD_OK && without_starts(s, noise, rest);
    if (left_out) {
      shape[1] = s->source.degree;
      status = bzdi_store_add(store, "paths", BZDI_ROLE_PATHS, BZDI_DTYPE_F32, 3, shape, rest);
      if (status == BZD_OK) status = bzdi_store_set_u64(store, BZDI_META, "pool.start_seed", s->start_seed, BZDI_MODEL);
      if (status == BZD_OK) status = bzdi_store_set_i64(store, BZDI_META, "pool.first", s->first, BZDI_MODEL);
    }
    bzdi_free(context, rest);
    bzdi_free(context, noise);
    if (left_out || status != BZD_OK) return status;
  }
  return bzdi_store_add(store, "paths", BZDI_ROLE_PATHS, BZDI_DTYPE_F32, 3, shape, s->paths);
}

bzd_status bzdi_pool_store(const bzd_source *source, bzdi_store *store) {
  const bzdi_pool_source *s = (const bzdi_pool_source *)source;
  int64_t cond[2] = {s->count, source->item.cond_dim}, span[2] = {s->count, 2};
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_META, "pool.count", s->count, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_META, "pool.degree", source->degree, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_u64(store, BZDI_META, "pool.seed", s->seed, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_f64(store, BZDI_META, "pool.nfe", s->nfe, 0));
  BZDI_TRY(bzdi_store_set_f64(store, BZDI_META, "pool.residual", s->residual, 0));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_META, "pool.spans", source->spans, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_META, "pool.generation", source->generation, 0));
  BZDI_TRY(bzdi_item_store(&source->item, store, ""));
  BZDI_TRY(store_paths(s, store));
  if (s->cond) BZDI_TRY(bzdi_store_add(store, "cond", BZDI_ROLE_PATHS, BZDI_DTYPE_F32, 2, cond, s->cond));
  return s->span ? bzdi_store_add(store, "span", BZDI_ROLE_PATHS, BZDI_DTYPE_F32, 2, span, s->span) : BZD_OK;
}

static bzd_status check_finite(const char *name, int64_t count, const float *values) {
  for (int64_t i = 0; i < count; i++)
    if (!isfinite(values[i]))
      return bzdi_fail(BZD_E_CORRUPT, "tensor %s: element %lld is %g, expected finite", name, (long long)i,
                       (double)values[i]);
  return BZD_OK;
}

/* Stored without starts they are read to the end of the room and moved to their places in order, which never overtakes
 * what is still to be moved. */
static bzd_status read_paths(const bzdi_store *store, bzdi_pool_source *s) {
  int64_t dim = s->source.item.dim, shape[3] = {s->count, s->source.degree + !s->starts_are_noise, dim};
  int64_t row = shape[1] * dim, size = s->count * row;
  float *at = s->paths + (s->starts_are_noise ? s->count * dim : 0);
  BZDI_TRY(bzdi_store_read_f32(store, "paths", BZDI_ROLE_PATHS, 3, shape, at));
  BZDI_TRY(check_finite("paths", size, at));
  if (!s->starts_are_noise) return BZD_OK;
  for (int64_t i = 0; i < s->count; i++) {
    float *path = s->paths + i * (row + dim);
    memmove(path + dim, at + i * row, (size_t)row * sizeof *path);
    bzdi_rng_normals(s->start_seed, BZD_STREAM_NOISE, (uint64_t)(s->first + i), 1, dim, path, dim);
  }
  return BZD_OK;
}

static bzd_status read_all(const bzdi_store *store, bzdi_pool_source *s) {
  int64_t cond[2] = {s->count, s->source.item.cond_dim}, span[2] = {s->count, 2};
  BZDI_TRY(read_paths(store, s));
  if (s->cond) {
    BZDI_TRY(bzdi_store_read_f32(store, "cond", BZDI_ROLE_PATHS, 2, cond, s->cond));
    BZDI_TRY(check_finite("cond", cond[0] * cond[1], s->cond));
  }
  if (!s->span) return BZD_OK;
  BZDI_TRY(bzdi_store_read_f32(store, "span", BZDI_ROLE_PATHS, 2, span, s->span));
  for (int64_t i = 0; i < s->count; i++)
    if (!(s->span[2 * i] >= 0 && s->span[2 * i] < s->span[2 * i + 1] && s->span[2 * i + 1] <= 1))
      return bzdi_fail(BZD_E_CORRUPT, "tensor span: row %lld is %g..%g, expected 0 <= start < end <= 1", (long long)i,
                       (double)s->span[2 * i], (double)s->span[2 * i + 1]);
  return BZD_OK;
}

bzd_status bzdi_pool_load(const bzd_context *context, const bzdi_store *store, bzd_source **out) {
  int64_t count, degree, spans, generation, first = 0;
  uint64_t seed, start_seed = 0;
  double nfe, residual;
  bzdi_item item;
  *out = NULL;
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_META, "pool.count", 1, (int64_t)1 << 32, &count));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_META, "pool.degree", 1, 16, &degree));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_META, "pool.spans", 0, 1, &spans));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_META, "pool.generation", 0, INT32_MAX, &generation));
  BZDI_TRY(bzdi_store_get_u64(store, BZDI_META, "pool.seed", &seed));
  BZDI_TRY(bzdi_store_get_f64(store, BZDI_META, "pool.nfe", &nfe));
  BZDI_TRY(bzdi_store_get_f64(store, BZDI_META, "pool.residual", &residual));
  int noise = bzdi_store_has(store, BZDI_META, "pool.start_seed");
  if (noise) {
    BZDI_TRY(bzdi_store_get_u64(store, BZDI_META, "pool.start_seed", &start_seed));
    BZDI_TRY(bzdi_store_get_i64(store, BZDI_META, "pool.first", 0, (int64_t)1 << 62, &first));
  }
  BZDI_TRY(bzdi_item_load(context, store, "", &item));
  /* The index must hold the tensors before memory is taken by what the metadata say. */
  int64_t paths = bzdi_store_find(store, "paths", BZDI_ROLE_PATHS),
          cond = bzdi_store_find(store, "cond", BZDI_ROLE_PATHS);
  const bzdi_tensor *tensor = paths < 0 ? NULL : bzdi_store_tensor(store, paths);
  const bzdi_tensor *second = cond < 0 ? NULL : bzdi_store_tensor(store, cond);
  bzd_status status = BZD_OK;
  if (!tensor || tensor->ndim != 3 || tensor->shape[0] != count || tensor->shape[1] != degree + !noise ||
      tensor->shape[2] != item.dim)
    status = bzdi_fail(BZD_E_CORRUPT, "tensor paths: missing or not [%lld, %lld, %lld]", (long long)count,
                       (long long)degree + !noise, (long long)item.dim);
  else if (item.cond_dim > 0 &&
           (!second || second->ndim != 2 || second->shape[0] != count || second->shape[1] != item.cond_dim))
    status = bzdi_fail(BZD_E_CORRUPT, "tensor cond: missing or not [%lld, %lld]", (long long)count,
                       (long long)item.cond_dim);
  int64_t third = bzdi_store_find(store, "span", BZDI_ROLE_PATHS);
  const bzdi_tensor *span = third < 0 ? NULL : bzdi_store_tensor(store, third);
  if (status == BZD_OK && spans && (!span || span->ndim != 2 || span->shape[0] != count || span->shape[1] != 2))
    status = bzdi_fail(BZD_E_CORRUPT, "tensor span: missing or not [%lld, 2]", (long long)count);
  bzdi_pool_source *s = NULL;
  if (status == BZD_OK) status = bzdi_pool_new_empty(context, (int32_t)degree, &item, (int32_t)spans, count, seed, &s);
  bzdi_item_clear(context, &item);
  if (status == BZD_OK) {
    s->first = first;
    s->starts_are_noise = noise;
    s->start_seed = start_seed;
    status = read_all(store, s);
  }
  if (status != BZD_OK) {
    bzdi_release(s);
    return status;
  }
  s->source.generation = (int32_t)generation;
  s->nfe = isfinite(nfe) ? nfe : 0;
  s->residual = isfinite(residual) ? residual : 0;
  *out = &s->source;
  return BZD_OK;
}
