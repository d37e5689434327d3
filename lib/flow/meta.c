/* SPDX-License-Identifier: MIT */
#include "flow/meta.h"

#include "base/alloc.h"
#include "base/error.h"
#include "store/bytes.h"

#include <stdio.h>
#include <string.h>

enum { MOST_KEY = 63, MOST_VALUE = 65535 };

static int good_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

static bzd_status check_key(const char *key) {
  size_t length = strlen(key);
  if (length < 1 || length > MOST_KEY)
    return bzdi_fail(BZD_E_ARGUMENT, "metadata key has %zu bytes, expected 1..%d", length, MOST_KEY);
  for (size_t i = 0; i < length; i++)
    if (!good_character(key[i]))
      return bzdi_fail(BZD_E_ARGUMENT, "metadata key '%s': byte %zu is not one of A-Z a-z 0-9 _ . -", key, i);
  return BZD_OK;
}

bzd_status bzdi_meta_check(const char *key, const char *value) {
  BZDI_TRY(check_key(key));
  if (!value) return BZD_OK;
  if (strlen(value) > MOST_VALUE)
    return bzdi_fail(BZD_E_ARGUMENT, "metadata '%s': value has %zu bytes, expected at most %d", key, strlen(value),
                     MOST_VALUE);
  if (!bzdi_is_utf8((const unsigned char *)value, strlen(value)))
    return bzdi_fail(BZD_E_ARGUMENT, "metadata '%s': value is not UTF-8", key);
  return BZD_OK;
}

static char *copy_text(const bzd_context *context, const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = bzdi_malloc(context, size, 1);
  if (copy) memcpy(copy, text, size);
  return copy;
}

/* Where key stands or would stand. */
static int64_t find(const bzdi_meta *meta, const char *key, int *found) {
  int64_t low = 0, high = meta->count;
  *found = 0;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    int order = strcmp(meta->key[middle], key);
    if (order == 0) return *found = 1, middle;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

const char *bzdi_meta_get(const bzdi_meta *meta, const char *key) {
  int found;
  int64_t i = find(meta, key, &found);
  return found ? meta->value[i] : NULL;
}

static bzd_status grow(const bzd_context *context, bzdi_meta *meta) {
  if (meta->count < meta->capacity) return BZD_OK;
  int64_t capacity = meta->capacity ? 2 * meta->capacity : 8;
  char **keys = bzdi_malloc(context, (size_t)capacity, sizeof *keys);
  char **values = bzdi_malloc(context, (size_t)capacity, sizeof *values);
  if (!keys || !values) {
    bzdi_free(context, keys);
    bzdi_free(context, values);
    return bzdi_no_memory("metadata", (size_t)capacity, 2 * sizeof *keys);
  }
  if (meta->count > 0) {
    memcpy(keys, meta->key, (size_t)meta->count * sizeof *keys);
    memcpy(values, meta->value, (size_t)meta->count * sizeof *values);
  }
  bzdi_free(context, meta->key);
  bzdi_free(context, meta->value);
  meta->key = keys;
  meta->value = values;
  meta->capacity = capacity;
  return BZD_OK;
}

static void remove_at(const bzd_context *context, bzdi_meta *meta, int64_t i) {
  bzdi_free(context, meta->key[i]);
  bzdi_free(context, meta->value[i]);
  meta->count--;
  memmove(meta->key + i, meta->key + i + 1, (size_t)(meta->count - i) * sizeof *meta->key);
  memmove(meta->value + i, meta->value + i + 1, (size_t)(meta->count - i) * sizeof *meta->value);
}

bzd_status bzdi_meta_set(const bzd_context *context, bzdi_meta *meta, const char *key, const char *value) {
  int found;
  BZDI_TRY(bzdi_meta_check(key, value));
  int64_t i = find(meta, key, &found);
  if (!value) {
    if (found) remove_at(context, meta, i);
    return BZD_OK;
  }
  if (!found && meta->count == BZDI_MOST_META)
    return bzdi_fail(BZD_E_LIMIT, "metadata: %d keys are the most", BZDI_MOST_META);
  if (!found) BZDI_TRY(grow(context, meta));
  char *new_value = copy_text(context, value), *new_key = found ? NULL : copy_text(context, key);
  if (!new_value || (!found && !new_key)) {
    bzdi_free(context, new_value);
    bzdi_free(context, new_key);
    return bzdi_no_memory("metadata", strlen(value) + 1, 1);
  }
  if (found) {
    bzdi_free(context, meta->value[i]);
    meta->value[i] = new_value;
    return BZD_OK;
  }
  memmove(meta->key + i + 1, meta->key + i, (size_t)(meta->count - i) * sizeof *meta->key);
  memmove(meta->value + i + 1, meta->value + i, (size_t)(meta->count - i) * sizeof *meta->value);
  meta->key[i] = new_key;
  meta->value[i] = new_value;
  meta->count++;
  return BZD_OK;
}

bzd_status bzdi_meta_copy(const bzd_context *context, const bzdi_meta *from, bzdi_meta *to) {
  memset(to, 0, sizeof *to);
  for (int64_t i = 0; i < from->count; i++) {
    bzd_status status = bzdi_meta_set(context, to, from->key[i], from->value[i]);
    if (status != BZD_OK) {
      bzdi_meta_clear(context, to);
      return status;
    }
  }
  return BZD_OK;
}

void bzdi_meta_clear(const bzd_context *context, bzdi_meta *meta) {
  for (int64_t i = 0; i < meta->count; i++) {
    bzdi_free(context, meta->key[i]);
    bzdi_free(context, meta->value[i]);
  }
  bzdi_free(context, meta->key);
  bzdi_free(context, meta->value);
  memset(meta, 0, sizeof *meta);
}

bzd_status bzdi_meta_store(const bzdi_meta *meta, bzdi_store *store, const char *prefix) {
  for (int64_t i = 0; i < meta->count; i++) {
    char key[128];
    snprintf(key, sizeof key, "%suser.%s", prefix, meta->key[i]);
    BZDI_TRY(bzdi_store_set_str(store, BZDI_META, key, meta->value[i], 0));
  }
  return BZD_OK;
}

bzd_status bzdi_meta_load(const bzd_context *context, const bzdi_store *store, const char *prefix, bzdi_meta *out) {
  char start[64];
  int length = snprintf(start, sizeof start, "%suser.", prefix);
  memset(out, 0, sizeof *out);
  for (int64_t i = 0; i < bzdi_store_count(store, BZDI_META); i++) {
    const char *key, *value;
    int32_t type;
    bzd_status status = bzdi_store_at(store, BZDI_META, i, &key, &type, NULL, NULL, 0);
    if (status == BZD_OK && strncmp(key, start, (size_t)length) == 0 && type == BZDI_STR) {
      status = bzdi_store_get_str(store, BZDI_META, key, &value);
      if (status == BZD_OK) status = bzdi_meta_set(context, out, key + length, value);
      if (status == BZD_E_ARGUMENT) status = bzdi_fail(BZD_E_CORRUPT, "metadata key '%.80s' cannot be", key);
    }
    if (status != BZD_OK) {
      bzdi_meta_clear(context, out);
      return status;
    }
  }
  return BZD_OK;
}
