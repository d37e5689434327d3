/* SPDX-License-Identifier: MIT */
/* Checkpoints: what can be changed without a model, and parts of what is inside: metadata, ancillary sections, how
 * parameters are stored, some rows of a tensor. */
#include "api/api.h"
#include "api/checkpoint.h"
#include "flow/meta.h"

#include <stdio.h>
#include <string.h>

#define USER "user." /* META keys of the caller */

static bzd_status check(const bzd_checkpoint *checkpoint) {
  return bzdi_handle_check(checkpoint, BZDI_MAGIC_CHECKPOINT, "checkpoint", "checkpoint");
}

/* ---- Metadata ------------------------------------------------------------------------------------------------- */

typedef struct user_key {
  char text[128];
} user_key;

static bzd_status check_key(const char *key, const char *value, user_key *out) {
  BZDI_TRY(bzdi_check_ptr("metadata key", key));
  BZDI_TRY(bzdi_meta_check(key, value));
  snprintf(out->text, sizeof out->text, USER "%s", key);
  return BZD_OK;
}

static int64_t count_user_keys(const bzdi_store *store) {
  int64_t count = 0;
  for (int64_t i = 0; i < bzdi_store_count(store, BZDI_META); i++) {
    const char *key;
    if (bzdi_store_at(store, BZDI_META, i, &key, NULL, NULL, NULL, 0) == BZD_OK)
      count += strncmp(key, USER, strlen(USER)) == 0;
  }
  return count;
}

bzd_status bzd_checkpoint_set_metadata(bzd_checkpoint *checkpoint, const char *key, const char *value) {
  user_key full;
  BZDI_TRY(check(checkpoint));
  BZDI_TRY(check_key(key, value, &full));
  bzdi_store *store = checkpoint->store;
  if (value == NULL) {
    bzdi_store_remove(store, BZDI_META, full.text);
    return bzdi_done(BZD_OK);
  }
  if (!bzdi_store_has(store, BZDI_META, full.text) && count_user_keys(store) >= BZDI_MOST_META)
    return bzdi_fail(BZD_E_LIMIT, "metadata: %d keys are the most", BZDI_MOST_META);
  return bzdi_done(bzdi_store_set_str(store, BZDI_META, full.text, value, 0));
}

bzd_status bzd_checkpoint_find_metadata(const bzd_checkpoint *checkpoint, const char *key, const char **value) {
  user_key full;
  if (value != NULL) *value = NULL;
  BZDI_TRY(check(checkpoint));
  BZDI_TRY(check_key(key, NULL, &full));
  BZDI_TRY(bzdi_check_ptr("metadata value", value));
  if (!bzdi_store_has(checkpoint->store, BZDI_META, full.text)) return bzdi_done(BZD_OK);
  return bzdi_done(bzdi_store_get_str(checkpoint->store, BZDI_META, full.text, value));
}

/* ---- Ancillary sections --------------------------------------------------------------------------------------- */

static int is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

static bzd_status check_section(const char *name) {
  BZDI_TRY(bzdi_check_ptr("section", name));
  size_t length = strlen(name);
  for (size_t i = 0; i < length; i++)
    if (!is_letter(name[i])) length = 0;
  if (length != 4 || name[0] < 'a')
    return bzdi_fail(BZD_E_ARGUMENT, "section '%.8s' is not of four letters of which the first is small", name);
  return BZD_OK;
}

bzd_status bzd_checkpoint_set_section(bzd_checkpoint *checkpoint, const char *name, const void *data, size_t size) {
  BZDI_TRY(check(checkpoint));
  BZDI_TRY(check_section(name));
  if (name[1] < 'a')
    return bzdi_fail(BZD_E_ARGUMENT, "section '%s': names whose second letter is a capital are the format's", name);
  if (size > 0) BZDI_TRY(bzdi_check_ptr("section data", data));
  return bzdi_done(bzdi_store_set_extra(checkpoint->store, name, data, size));
}

bzd_status bzd_checkpoint_get_section(const bzd_checkpoint *checkpoint, const char *name, const void **data,
                                      size_t *size) {
  if (data != NULL) *data = NULL;
  if (size != NULL) *size = 0;
  BZDI_TRY(check(checkpoint));
  BZDI_TRY(check_section(name));
  BZDI_TRY(bzdi_check_ptr("section data", data));
  BZDI_TRY(bzdi_check_ptr("section size", size));
  for (int64_t i = 0; i < bzdi_store_extras(checkpoint->store); i++) {
    char type[5];
    const void *bytes;
    size_t length;
    bzdi_store_extra_at(checkpoint->store, i, type, &bytes, &length);
    if (strcmp(type, name) == 0) *data = bytes, *size = length;
  }
  return bzdi_done(BZD_OK);
}

bzd_status bzd_checkpoint_section_at(const bzd_checkpoint *checkpoint, int64_t i, char *name, size_t *size) {
  BZDI_TRY(check(checkpoint));
  BZDI_TRY(bzdi_check_ptr("section name", name));
  int64_t count = bzdi_store_extras(checkpoint->store);
  if (i < 0 || i >= count)
    return bzdi_fail(BZD_E_ARGUMENT, "checkpoint section: i is %lld of %lld sections", (long long)i, (long long)count);
  const void *bytes;
  size_t length;
  bzdi_store_extra_at(checkpoint->store, i, name, &bytes, &length);
  if (size != NULL) *size = length;
  return bzdi_done(BZD_OK);
}

/* ---- Parameters and parts of tensors --------------------------------------------------------------------------- */

bzd_status bzd_checkpoint_set_storage(bzd_checkpoint *checkpoint, int32_t storage) {
  BZDI_TRY(check(checkpoint));
  BZDI_TRY(bzdi_check_i64("checkpoint", "storage", storage, BZD_STORAGE_EXACT, BZD_STORAGE_BF16));
  if (storage == BZD_STORAGE_BF16 && checkpoint->kind != BZD_CHECKPOINT_FLOW &&
      checkpoint->kind != BZD_CHECKPOINT_ENSEMBLE)
    return bzdi_fail(BZD_E_UNSUPPORTED, "checkpoint of kind %d: flows and ensembles alone are stored as bfloat16",
                     (int)checkpoint->kind);
  return bzdi_done(bzdi_store_set_narrow(checkpoint->store, storage == BZD_STORAGE_BF16));
}

bzd_status bzd_checkpoint_read_rows(const bzd_checkpoint *checkpoint, int64_t i, int64_t first, int64_t count,
                                    void *data, size_t cap) {
  BZDI_TRY(check(checkpoint));
  BZDI_TRY(bzdi_checkpoint_check_tensor(checkpoint, i));
  const bzdi_tensor *tensor = bzdi_store_tensor(checkpoint->store, i);
  int64_t rows = tensor->ndim > 0 ? tensor->shape[0] : 1;
  BZDI_TRY(bzdi_check_i64(tensor->name, "first", first, 0, rows));
  BZDI_TRY(bzdi_check_i64(tensor->name, "count", count, 0, rows - first));
  uint64_t row = tensor->bytes / (uint64_t)rows;
  if (cap < (uint64_t)count * row)
    return bzdi_fail(BZD_E_LIMIT, "tensor %s: cap is %zu, expected %llu bytes", tensor->name, cap,
                     (unsigned long long)((uint64_t)count * row));
  if (count == 0) return bzdi_done(BZD_OK);
  BZDI_TRY(bzdi_check_ptr("checkpoint rows: data", data));
  bzdi_want want = {i, (uint64_t)first * row, (uint64_t)(first + count) * row, data};
  return bzdi_done(bzdi_store_read_many(checkpoint->store, 1, &want));
}
