/* SPDX-License-Identifier: MIT */
/* What every handle begins with: a magic word, an atomic count of holders, the context it lives in. Children retain
 * parents, so any order of destroying works. */
#ifndef BZDI_BASE_HANDLE_H
#define BZDI_BASE_HANDLE_H

#include <bezdist/base.h>
#include <stdatomic.h>

/* What each kind begins with; networks are inside flows alone. */
#define BZDI_MAGIC_CONTEXT 0x545A4342u
#define BZDI_MAGIC_DATA 0x41544144u
#define BZDI_MAGIC_FLOW 0x574C4642u
#define BZDI_MAGIC_ENSEMBLE 0x534E4542u
#define BZDI_MAGIC_FITTER 0x52544946u
#define BZDI_MAGIC_SOURCE 0x43525342u
#define BZDI_MAGIC_TRAINER 0x4E525442u
#define BZDI_MAGIC_CHECKPOINT 0x54504B43u
#define BZDI_MAGIC_TENSORS 0x534E4554u
#define BZDI_MAGIC_NET 0x545A4E42u

typedef struct bzdi_handle {
  uint32_t magic;
  atomic_int holders;
  size_t size;
  bzd_context *context;     /* retained */
  void (*drop)(void *self); /* frees what the object owns, not the object itself; may be NULL */
  bzd_release_fn released;  /* the caller's, called when all is gone; may be NULL */
  void *released_user;
} bzdi_handle;

/* A zeroed object of size bytes that begins with a bzdi_handle, with one holder; NULL when memory is refused (no text
 * set). context may be NULL. */
void *bzdi_handle_new(const bzd_context *context, uint32_t magic, size_t size, void (*drop)(void *self));
/* One holder more; returns its argument, const taken away (a count is no change a reader can see). */
void *bzdi_retain(const void *object);
/* One holder less; the last one runs drop, scrubs the magic, frees the object, calls released, then releases the
 * context. NULL fine. */
void bzdi_release(void *object);
/* BZD_OK, or BZD_E_ARGUMENT "<name> is NULL", or BZD_E_STATE "<name> is not a live <kind> handle". */
bzd_status bzdi_handle_check(const void *object, uint32_t magic, const char *name, const char *kind);
/* Sets what is called after the last release; BZD_E_ARGUMENT or BZD_E_STATE where object is no public handle. */
bzd_status bzdi_handle_on_release(void *object, bzd_release_fn fn, void *user);

#endif
