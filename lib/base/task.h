/* SPDX-License-Identifier: MIT */
/* Parallel loops. The caller splits its work by the data alone, never by the thread count; which thread runs a piece
 * must not show in the result. Tasks cannot fail and allocate nothing: workspaces are made before. */
#ifndef BZDI_BASE_TASK_H
#define BZDI_BASE_TASK_H

#include <bezdist/base.h>

struct bzdi_pool;

/* slot is in 0..bzdi_slots-1 and no two running pieces of one call share one: index the call's scratch with it. */
typedef void (*bzdi_task)(void *arg, int64_t i, int32_t slot);

int32_t bzdi_slots(const bzd_context *context);
/* Runs task for i in 0..n-1. n == 1, one thread, or a call from inside a task: in order on this thread. Several host
 * threads may call at once: they queue. After fork a child gets a fresh pool. */
void bzdi_parallel_for(const bzd_context *context, int64_t n, bzdi_task task, void *arg);

struct bzdi_pool *bzdi_pool_new(const bzd_context *context,
                                int32_t threads);                        /* no thread started yet; NULL: no memory */
void bzdi_pool_free(const bzd_context *context, struct bzdi_pool *pool); /* joins the threads */

#endif
