/* SPDX-License-Identifier: MIT */
/* Memory from the host's allocator, always 64-byte aligned. The size stands in a 64-byte header before the block, so
 * that free can give it back without every caller remembering it. */
#ifndef BZDI_BASE_ALLOC_H
#define BZDI_BASE_ALLOC_H

#include <bezdist/base.h>

enum { BZDI_ALLOC_HEADER = 64 }; /* bytes of each block before those that were asked for */

/* count * size bytes, zeroed; at least one byte. NULL on overflow or refusal; sets no text. */
void *bzdi_calloc(const bzd_context *context, size_t count, size_t size);
/* The same, not zeroed. */
void *bzdi_malloc(const bzd_context *context, size_t count, size_t size);
/* NULL is fine. */
void bzdi_free(const bzd_context *context, void *block);
/* bzdi_fail(BZD_E_MEMORY, "<what>: no memory for <bytes> bytes") */
bzd_status bzdi_no_memory(const char *what, size_t count, size_t size);

/* A workspace kept between calls, so that repeated calls on a shared object allocate nothing: take gives the kept block
 * when it is free and large enough, else a new one; give keeps the block or frees it when another is kept already.
 * Safe from any thread. A zeroed cache is an empty one. */
typedef struct bzdi_cache {
  _Atomic(void *) block;
} bzdi_cache;
void *bzdi_cache_take(bzdi_cache *cache, const bzd_context *context, size_t bytes); /* NULL when refused */
/* The kept block itself, with what its last user left in it; NULL when there is none. */
void *bzdi_cache_kept(bzdi_cache *cache);
void bzdi_cache_give(bzdi_cache *cache, const bzd_context *context, void *block);
void bzdi_cache_clear(bzdi_cache *cache, const bzd_context *context);

/* Carves aligned arrays out of one block. With base NULL it only counts: run the same code twice, first to size, then
 * to carve. */
typedef struct bzdi_arena {
  char *base;
  size_t used; /* bytes, each array rounded up to 64; SIZE_MAX after an overflow */
} bzdi_arena;
void *bzdi_arena_take(bzdi_arena *arena, size_t count, size_t size);

#endif
