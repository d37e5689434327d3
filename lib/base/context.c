/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* sched_getaffinity, madvise */
#include "base/context.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/task.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOST_THREADS 256

/* Large blocks of ours begin where a huge page does and ask for such pages: without them half of the time to load a
 * model goes into its first touch. A wish; where it is not heard nothing but addresses is lost. */
#define HUGE_PAGE ((size_t)2 << 20)

static void wish_huge(void *block, size_t size) {
#if defined(MADV_HUGEPAGE)
  int error = errno;
  madvise(block, size / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
  errno = error;
#else
  (void)block, (void)size;
#endif
}

static void *libc_alloc(void *user, size_t size, size_t align) {
  void *block;
  (void)user;
  if (posix_memalign(&block, size >= HUGE_PAGE ? HUGE_PAGE : align, size) != 0) return NULL;
  if (size >= HUGE_PAGE) wish_huge(block, size);
  return block;
}

static void libc_free(void *user, void *block, size_t size, size_t align) {
  (void)user, (void)size, (void)align;
  free(block);
}

/* Size 0 tells retain and release that this one is not counted. */
static const bzd_context default_context = {
    .handle = {.magic = BZDI_MAGIC_CONTEXT}, .alloc = libc_alloc, .free = libc_free, .threads = 1};

bzd_context *bzdi_context(const bzd_context *context) {
  return (bzd_context *)(uintptr_t)(context ? context : &default_context);
}

int32_t bzdi_cores(void) {
  long cores = 0;
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
#endif
  if (cores < 1) cores = sysconf(_SC_NPROCESSORS_ONLN); /* elsewhere, or more cores than cpu_set_t holds */
  if (cores < 1) cores = 1;
  return cores < MOST_THREADS ? (int32_t)cores : MOST_THREADS;
}

static void drop(void *self) {
  bzd_context *context = self;
  bzdi_pool_free(context, context->pool);
}

bzd_status bzdi_context_new(const bzd_context_config *config, bzd_context **out) {
  *out = NULL;
  bzd_context lent = {.alloc = config->alloc ? config->alloc : libc_alloc,
                      .free = config->alloc ? config->free : libc_free,
                      .alloc_user = config->alloc_user};
  bzd_context *context = bzdi_calloc(&lent, 1, sizeof *context);
  if (!context) return bzdi_no_memory("context", 1, sizeof *context);
  context->handle.magic = BZDI_MAGIC_CONTEXT;
  context->handle.size = sizeof *context;
  context->handle.context = context;
  context->handle.drop = drop;
  atomic_init(&context->handle.holders, 1);
  context->alloc = lent.alloc;
  context->free = lent.free;
  context->alloc_user = lent.alloc_user;
  context->log = config->log;
  context->log_user = config->log_user;
  context->parallel_for = config->parallel_for;
  context->parallel_for_user = config->parallel_for_user;
  context->threads = config->threads ? config->threads : bzdi_cores();
  if (context->threads > 1 && !context->parallel_for) {
    context->pool = bzdi_pool_new(context, context->threads);
    if (!context->pool) {
      int32_t threads = context->threads;
      bzdi_release(context);
      return bzdi_fail(BZD_E_MEMORY, "context: no memory for a pool of %d threads", threads);
    }
  }
  *out = context;
  return BZD_OK;
}

void bzdi_log(const bzd_context *context, int32_t level, const char *format, ...) {
  const bzd_context *host = bzdi_context(context);
  if (!host->log) return;
  char text[512];
  va_list args;
  va_start(args, format);
  int length = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (length < 0) return;
  for (char *c = text; *c; c++) {
    if ((unsigned char)*c < 0x20 || *c == 0x7F) *c = '?'; /* one line, whatever a path holds */
  }
  host->log(host->log_user, level, text);
}
