/* SPDX-License-Identifier: MIT */
/* A host allocator that counts, and that can refuse. Checks that size and alignment come back as they were given. */
#ifndef TESTS_SUPPORT_HEAP_H
#define TESTS_SUPPORT_HEAP_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct heap {
  atomic_llong live, calls, wrong; /* bytes not given back; allocations so far; frees that do not match */
  atomic_llong refuse_from;        /* refuse allocation number k and all later ones; 0: never */
  atomic_llong peak;               /* the most that was live; set it to live to begin anew */
  long long room;                  /* refuse what would make more than this live; 0: no end */
} heap;

/* A block carries what it was asked for in the 64 bytes before it. */
static inline void *heap_alloc(void *user, size_t size, size_t align) {
  heap *h = user;
  long long call = atomic_fetch_add(&h->calls, 1) + 1;
  long long from = atomic_load(&h->refuse_from);
  void *block;
  if (h->room && atomic_load(&h->live) + (long long)size > h->room) return NULL;
  if ((from && call >= from) || posix_memalign(&block, 64, size + 64) != 0) return NULL;
  ((size_t *)block)[0] = size;
  ((size_t *)block)[1] = align;
  long long live = atomic_fetch_add(&h->live, (long long)size) + (long long)size, peak = atomic_load(&h->peak);
  while (live > peak && !atomic_compare_exchange_weak(&h->peak, &peak, live)) {}
  return (char *)block + 64;
}

static inline void heap_free(void *user, void *ptr, size_t size, size_t align) {
  heap *h = user;
  size_t *block = (size_t *)((char *)ptr - 64);
  if (block[0] != size || block[1] != align) atomic_fetch_add(&h->wrong, 1);
  atomic_fetch_sub(&h->live, (long long)size);
  free(block);
}

#endif
