/* SPDX-License-Identifier: MIT */
#include "base/handle.h"

#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"

#include <assert.h>

void *bzdi_handle_new(const bzd_context *context, uint32_t magic, size_t size, void (*drop)(void *self)) {
  assert(size >= sizeof(bzdi_handle));
  bzdi_handle *handle = bzdi_calloc(context, 1, size);
  if (!handle) return NULL;
  handle->magic = magic;
  handle->size = size;
  handle->drop = drop;
  handle->context = bzdi_retain(bzdi_context(context));
  atomic_init(&handle->holders, 1);
  return handle;
}

void *bzdi_retain(const void *object) {
  bzdi_handle *handle = (bzdi_handle *)(uintptr_t)object; /* the const of a shared object covers what readers see */
  if (handle && handle->size != 0)                        /* size 0: the default context, constant and never counted */
    atomic_fetch_add_explicit(&handle->holders, 1, memory_order_relaxed);
  return handle;
}

void bzdi_release(void *object) {
  bzdi_handle *handle = object;
  if (!handle || handle->size == 0) return;
  int before = atomic_fetch_sub_explicit(&handle->holders, 1, memory_order_acq_rel);
  assert(before > 0);
  if (before != 1) return;
  bzd_context *context = handle->context;
  const bzd_release_fn released = handle->released;
  void *user = handle->released_user;
  if (handle->drop) handle->drop(handle);
  handle->magic = 0;
  bzdi_free(context, handle); /* a context is freed with its own allocator, read before the call */
  if (released) released(user);
  if ((void *)context != object) bzdi_release(context);
}

bzd_status bzdi_handle_check(const void *object, uint32_t magic, const char *name, const char *kind) {
  const bzdi_handle *handle = object;
  if (!handle) return bzdi_fail(BZD_E_ARGUMENT, "%s is NULL", name);
  if ((uintptr_t)object % _Alignof(bzdi_handle) != 0 || handle->magic != magic)
    return bzdi_fail(BZD_E_STATE, "%s is not a live %s handle", name, kind);
  return BZD_OK;
}

bzd_status bzdi_handle_on_release(void *object, bzd_release_fn fn, void *user) {
  static const uint32_t kinds[] = {BZDI_MAGIC_CONTEXT,  BZDI_MAGIC_DATA,       BZDI_MAGIC_FLOW,
                                   BZDI_MAGIC_ENSEMBLE, BZDI_MAGIC_FITTER,     BZDI_MAGIC_SOURCE,
                                   BZDI_MAGIC_TRAINER,  BZDI_MAGIC_CHECKPOINT, BZDI_MAGIC_TENSORS};
  bzdi_handle *handle = object;
  if (!handle) return bzdi_fail(BZD_E_ARGUMENT, "handle is NULL");
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if ((uintptr_t)object % _Alignof(bzdi_handle) != 0 || handle->magic != kinds[i]) continue;
    handle->released = fn;
    handle->released_user = user;
    return BZD_OK;
  }
  return bzdi_fail(BZD_E_STATE, "handle is not a live handle");
}
