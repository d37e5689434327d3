/* SPDX-License-Identifier: MIT */
/* The path store: paths made once and kept, cut into windows of consecutive rows. An epoch visits the windows in order
 * and the rows of each in shuffled order, so that a store on disk needs one window in memory and gives the same bits as
 * one that is in memory as a whole. */
#ifndef BZDI_DISTILL_POOL_H
#define BZDI_DISTILL_POOL_H

#include "distill/source.h"

enum { BZDI_POOL_WINDOWS = 16384 }; /* at most; three tensors each, a reader takes 65536 unless told otherwise */

typedef struct bzdi_pool_source bzdi_pool_source;

typedef struct bzdi_window {
  float *paths, *cond, *span; /* [rows, degree+1, dim], [rows, cond_dim] or NULL, [rows, 2] or NULL */
  void *block;                /* to be given back; NULL in memory */
} bzdi_window;

/* What a pool is, all of it known before there are paths. */
typedef struct bzdi_pool_plan {
  const bzdi_item *item;
  int32_t degree, spans, generation;
  int32_t starts_are_noise;
  uint64_t start_seed;   /* of the noise that P_0 is */
  uint64_t seed;         /* of the order */
  int64_t count, window; /* window: rows, 0 the default */
  int64_t first;         /* number of path 0 in what the pool is made of */
} bzdi_pool_plan;

struct bzdi_pool_source {
  bzd_source source;   /* its cache keeps the window loaded last */
  bzdi_pool_plan plan; /* item: the source's own; window: 1..count */
  int64_t windows;
  float *paths, *cond, *span; /* of all windows, when they are in memory */
  /* Else: makes or reads all rows of one window. Safe from any thread. */
  bzd_status (*load)(const bzdi_pool_source *self, int64_t window, const bzdi_window *out);
  int32_t unmade; /* 1: nfe, residual and digest come when it is written */
  double nfe, residual;
  uint8_t digest[32]; /* of order and paths */
};

/* Rows of a window by default: 64 MiB of paths, and no more than BZDI_POOL_WINDOWS windows. */
int64_t bzdi_pool_default_window(int64_t count, int32_t degree, int64_t dim);
/* An object of size bytes that begins with a bzdi_pool_source and is dropped by drop, which calls bzdi_pool_drop. No
 * paths yet. */
bzd_status bzdi_pool_new_sized(const bzd_context *context, const bzdi_pool_plan *plan, size_t size,
                               void (*drop)(void *self), bzdi_pool_source **out);
void bzdi_pool_drop(void *self);
/* With room for all paths in memory. */
bzd_status bzdi_pool_new_empty(const bzd_context *context, const bzdi_pool_plan *plan, bzdi_pool_source **out);

int64_t bzdi_pool_rows(const bzdi_pool_source *s, int64_t window);
/* A window's rows, until given back. */
bzd_status bzdi_pool_take(const bzdi_pool_source *s, int64_t window, bzdi_window *out);
void bzdi_pool_give(const bzdi_pool_source *s, const bzdi_window *window);

/* The digest: start, each window in order, bzdi_sha256_end. */
void bzdi_pool_digest_start(const bzdi_pool_source *s, bzdi_sha256 *hash);
void bzdi_pool_digest_add(const bzdi_pool_source *s, int64_t window, const bzdi_window *rows, bzdi_sha256 *hash);
/* Of a pool in memory. */
void bzdi_pool_digest(const bzdi_pool_source *s, uint8_t digest[32]);

/* A maker's begin and end (store/container.h) for a pool that bzdi_source_new_made made. */
void bzdi_pool_begin(void *self);
bzd_status bzdi_pool_end(void *self, bzdi_store *store);
/* META that is known when all paths are. */
bzd_status bzdi_pool_store_facts(const bzdi_pool_source *s, bzdi_store *store);

#define BZDI_POOL_TENSOR "window.%05lld.%s" /* "cond", "paths" or "span" */

#endif
