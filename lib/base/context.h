/* SPDX-License-Identifier: MIT */
/* The context: what the host lends us. The default one (for NULL) is constant: no allocator of its own, one thread. */
#ifndef BZDI_BASE_CONTEXT_H
#define BZDI_BASE_CONTEXT_H

#include "base/handle.h"

#include <bezdist/base.h>

struct bzdi_pool;

struct bzd_context {
  bzdi_handle handle; /* handle.context is the context itself */
  bzd_alloc_fn alloc; /* never NULL */
  bzd_free_fn free;
  void *alloc_user;
  bzd_log_fn log; /* may be NULL */
  void *log_user;
  bzd_parallel_for_fn parallel_for; /* NULL: own pool */
  void *parallel_for_user;
  int32_t threads;
  struct bzdi_pool
      *pool; /* NULL when threads == 1 or parallel_for is set; owns its locks, starts threads at first use */
};

bzd_status bzdi_context_new(const bzd_context_config *config, bzd_context **out); /* config complete and checked */
/* The context itself, or the constant default one for NULL. */
bzd_context *bzdi_context(const bzd_context *context);
/* Cores this process may run on, at least 1. */
int32_t bzdi_cores(void);
void bzdi_log(const bzd_context *context, int32_t level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
