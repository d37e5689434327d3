/* SPDX-License-Identifier: MIT */
/* A small sorted list of text keys and values. */
#ifndef BZDI_FLOW_META_H
#define BZDI_FLOW_META_H

#include "store/container.h"

typedef struct bzdi_meta {
  int64_t count, capacity;
  char **key, **value;
} bzdi_meta;

enum { BZDI_MOST_META = 4096 }; /* keys */
/* Whether a key and a value (NULL: none) may be, as flow.h says. */
bzd_status bzdi_meta_check(const char *key, const char *value);
/* value NULL removes. Checks of length and characters as flow.h says. */
bzd_status bzdi_meta_set(const bzd_context *context, bzdi_meta *meta, const char *key, const char *value);
const char *bzdi_meta_get(const bzdi_meta *meta, const char *key); /* NULL: none */
bzd_status bzdi_meta_copy(const bzd_context *context, const bzdi_meta *from, bzdi_meta *to);
void bzdi_meta_clear(const bzd_context *context, bzdi_meta *meta);
/* As META strings "<prefix>user.<key>". */
bzd_status bzdi_meta_store(const bzdi_meta *meta, bzdi_store *store, const char *prefix);
bzd_status bzdi_meta_load(const bzd_context *context, const bzdi_store *store, const char *prefix, bzdi_meta *out);

#endif
