/* SPDX-License-Identifier: MIT */
/* Path stores in a store: META "pool.*", tensors "paths" and "cond". */
#include "base/alloc.h"
#include "base/error.h"
#include "distill/pool.h"

#include <math.h>

bzd_status bzdi_pool_store(const bzd_source *source, bzdi_store *store) {
  const bzdi_pool_source *s = (const bzdi_pool_source *)source;
  int64_t shape[3] = {s->count, source->degree + 1, source->item.dim}, cond[2] = {s->count, source->item.cond_dim},
          span[2] = {s->count, 2};
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_META, "pool.count", s->count, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_META, "pool.degree", source->degree, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_u64(store, BZDI_META, "pool.seed", s->seed, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_f64(store, BZDI_META, "pool.nfe", s->nfe, 0));
  BZDI_TRY(bzdi_store_set_f64(store, BZDI_META, "pool.residual", s->residual, 0));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_META, "pool.spans", source->spans, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_META, "pool.generation", source->generation, 0));
  BZDI_TRY(bzdi_item_store(&source->item, store, ""));
  BZDI_TRY(bzdi_store_add(store, "paths", BZDI_ROLE_PATHS, BZDI_DTYPE_F32, 3, shape, s->paths));
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

static bzd_status read_all(const bzdi_store *store, bzdi_pool_source *s) {
  int64_t shape[3] = {s->count, s->source.degree + 1, s->source.item.dim},
          cond[2] = {s->count, s->source.item.cond_dim}, span[2] = {s->count, 2};
  BZDI_TRY(bzdi_store_read_f32(store, "paths", BZDI_ROLE_PATHS, 3, shape, s->paths));
  BZDI_TRY(check_finite("paths", shape[0] * shape[1] * shape[2], s->paths));
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
  int64_t count, degree, spans, generation;
  uint64_t seed;
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
  BZDI_TRY(bzdi_item_load(context, store, "", &item));
  /* The index must hold the tensors before memory is taken by what the metadata say. */
  int64_t paths = bzdi_store_find(store, "paths", BZDI_ROLE_PATHS),
          cond = bzdi_store_find(store, "cond", BZDI_ROLE_PATHS);
  const bzdi_tensor *tensor = paths < 0 ? NULL : bzdi_store_tensor(store, paths);
  const bzdi_tensor *second = cond < 0 ? NULL : bzdi_store_tensor(store, cond);
  bzd_status status = BZD_OK;
  if (!tensor || tensor->ndim != 3 || tensor->shape[0] != count || tensor->shape[1] != degree + 1 ||
      tensor->shape[2] != item.dim)
    status = bzdi_fail(BZD_E_CORRUPT, "tensor paths: missing or not [%lld, %lld, %lld]", (long long)count,
                       (long long)degree + 1, (long long)item.dim);
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
  if (status == BZD_OK) status = read_all(store, s);
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
