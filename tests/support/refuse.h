/* SPDX-License-Identifier: MIT */
/* The program's own malloc, over glibc's: counts what is asked of it outside host_alloc, and can refuse. Sanitizers
 * bring a malloc of their own, so REFUSE is 0 there. Include it before host.h, in one file of a program. */
#ifndef TESTS_SUPPORT_REFUSE_H
#define TESTS_SUPPORT_REFUSE_H

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define REFUSE 0
#endif
#endif
#if !defined(REFUSE) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define REFUSE 1
#elif !defined(REFUSE)
#define REFUSE 0
#endif

static atomic_llong refuse_calls;       /* of any allocating function, on any thread */
static atomic_llong refuse_quota = -1;  /* calls left before they are refused; negative: no end */
static atomic_int refuse_once;          /* refuse one call, not all that follow */
static _Thread_local int refuse_hosted; /* inside the host's allocator: neither counted nor refused */

#if REFUSE
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t align, size_t size);

static int refused(void) {
  if (refuse_hosted) return 0;
  atomic_fetch_add(&refuse_calls, 1);
  long long left = atomic_load(&refuse_quota);
  if (left > 0) atomic_fetch_sub(&refuse_quota, 1);
  if (left != 0) return 0;
  if (atomic_load(&refuse_once)) atomic_store(&refuse_quota, -1);
  errno = ENOMEM;
  return 1;
}

void *malloc(size_t size) { return refused() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return refused() ? NULL : __libc_calloc(count, size); }
void *realloc(void *block, size_t size) { return refused() ? NULL : __libc_realloc(block, size); }
void *memalign(size_t align, size_t size) { return refused() ? NULL : __libc_memalign(align, size); }
void *aligned_alloc(size_t align, size_t size) { return refused() ? NULL : __libc_memalign(align, size); }
int posix_memalign(void **out, size_t align, size_t size) {
  void *block = refused() ? NULL : __libc_memalign(align, size);
  if (block == NULL) return ENOMEM;
  *out = block;
  return 0;
}
#endif

#endif
