/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"

#include "base/context.h"
#include "base/error.h"

#include <stdatomic.h>
#include <string.h>

enum { ALIGN = BZDI_ALLOC_HEADER };

/* Stands in the 64 bytes before every block. */
struct header {
  size_t total; /* bytes asked of the host, header included */
};

static struct header *header_of(void *block) { return (struct header *)((char *)block - ALIGN); }

/* count * size with room for the header and rounding, or false. */
static int product(size_t count, size_t size, size_t *bytes) {
  return !__builtin_mul_overflow(count, size, bytes) && *bytes <= (size_t)PTRDIFF_MAX - 2 * ALIGN;
}

void *bzdi_malloc(const bzd_context *context, size_t count, size_t size) {
  const bzd_context *host = bzdi_context(context);
  size_t bytes;
  if (!product(count, size, &bytes)) return NULL;
  size_t total = ALIGN + (bytes ? bytes : 1);
  struct header *header = host->alloc(host->alloc_user, total, ALIGN);
  if (!header) return NULL;
  if ((uintptr_t)header % ALIGN != 0) { /* vector code would crash far from the cause */
    host->free(host->alloc_user, header, total, ALIGN);
    return NULL;
  }
  header->total = total;
  return (char *)header + ALIGN;
}

void *bzdi_calloc(const bzd_context *context, size_t count, size_t size) {
  void *block = bzdi_malloc(context, count, size);
  if (block) memset(block, 0, header_of(block)->total - ALIGN);
  return block;
}

void bzdi_free(const bzd_context *context, void *block) {
  if (!block) return;
  const bzd_context *host = bzdi_context(context);
  struct header *header = header_of(block);
  host->free(host->alloc_user, header, header->total, ALIGN);
}

bzd_status bzdi_no_memory(const char *what, size_t count, size_t size) {
  size_t bytes;
  if (!product(count, size, &bytes))
    return bzdi_fail(BZD_E_MEMORY, "%s: no memory for %zu times %zu bytes", what, count, size);
  return bzdi_fail(BZD_E_MEMORY, "%s: no memory for %zu bytes", what, bytes);
}

void *bzdi_cache_kept(bzdi_cache *cache) { return atomic_exchange_explicit(&cache->block, NULL, memory_order_acquire); }

void *bzdi_cache_take(bzdi_cache *cache, const bzd_context *context, size_t bytes) {
  void *block = bzdi_cache_kept(cache);
  if (block && header_of(block)->total - ALIGN >= bytes) return block;
  bzdi_free(context, block);
  return bzdi_malloc(context, 1, bytes);
}

void bzdi_cache_give(bzdi_cache *cache, const bzd_context *context, void *block) {
  void *empty = NULL;
  if (!block) return;
  if (!atomic_compare_exchange_strong_explicit(&cache->block, &empty, block, memory_order_release,
                                               memory_order_relaxed))
    bzdi_free(context, block);
}

void bzdi_cache_clear(bzdi_cache *cache, const bzd_context *context) { bzdi_free(context, bzdi_cache_kept(cache)); }

void *bzdi_arena_take(bzdi_arena *arena, size_t count, size_t size) {
  size_t bytes, start = arena->used;
  if (start == SIZE_MAX || !product(count, size, &bytes) ||
      __builtin_add_overflow(start, (bytes + ALIGN - 1) / ALIGN * ALIGN, &arena->used)) {
    arena->used = SIZE_MAX;
    return NULL;
  }
  return arena->base ? arena->base + start : NULL;
}
