/* SPDX-License-Identifier: MIT */
/* What may be changed in a store that is to be written again: how its parameters are kept, its ancillary sections. */
#include "base/alloc.h"
#include "base/bf16.h"
#include "base/error.h"
#include "store/element.h"
#include "store/layout.h"

#include <math.h>
#include <string.h>

/* ---- bfloat16 ------------------------------------------------------------------------------------------------- */

static int changes(const bzdi_slot *slot, int32_t stored) {
  return slot->tensor.dtype == BZDI_DTYPE_F32 && slot->tensor.role == BZDI_ROLE_PARAMETER &&
         slot->tensor.stored_dtype != stored;
}

/* A rounded copy; no number may become infinite by it. */
static bzd_status narrow_copy(const bzdi_store *store, int64_t i, const float *values, void *out) {
  const bzdi_tensor *tensor = &store->slot[i].tensor;
  uint64_t count = tensor->bytes / sizeof *values;
  bzdi_bf16_from_f32(values, count, out);
  for (uint64_t k = 0; k < count; k++) {
    float rounded;
    if (fabsf(values[k]) < 0x1.FFp127f || !isfinite(values[k])) continue;
    bzdi_bf16_to_f32((const char *)out + 2 * k, 1, &rounded);
    if (isinf(rounded))
      return bzdi_fail(BZD_E_NUMERIC, "tensor %s: element %llu is %g, more than bfloat16 can hold", tensor->name,
                       (unsigned long long)k, (double)values[k]);
  }
  return BZD_OK;
}

/* The tensor's bytes in the other type: new memory, or NULL. */
static bzd_status converted(const bzdi_store *store, int64_t i, int narrow, void **out) {
  uint64_t bytes = store->slot[i].tensor.bytes;
  void *data = bzdi_malloc(store->context, bytes, 1), *half = narrow ? bzdi_malloc(store->context, bytes / 2, 1) : NULL;
  bzd_status status = !data || (narrow && !half) ? bzdi_no_memory(store->slot[i].tensor.name, bytes, 1) : BZD_OK;
  if (status == BZD_OK) status = bzdi_store_read(store, i, data);
  if (status == BZD_OK && narrow) status = narrow_copy(store, i, data, half);
  bzdi_free(store->context, narrow || status != BZD_OK ? data : NULL);
  if (status != BZD_OK) bzdi_free(store->context, half);
  *out = status != BZD_OK ? NULL : narrow ? half : data;
  return status;
}

bzd_status bzdi_store_set_narrow(bzdi_store *store, int narrow) {
  int32_t stored = narrow ? BZDI_DTYPE_BF16 : BZDI_DTYPE_F32;
  size_t count = (size_t)store->slots;
  if (narrow && store->entries[BZDI_STAT] > 0) /* no reader would take such a file */
    return bzdi_fail(BZD_E_UNSUPPORTED, "a checkpoint with the state of a trainer keeps its parameters exact");
  void **data = bzdi_calloc(store->context, count, sizeof *data);
  if (!data) return bzdi_no_memory("checkpoint", count, sizeof *data);
  bzd_status status = BZD_OK;
  for (int64_t i = 0; status == BZD_OK && i < store->slots; i++)
    if (changes(&store->slot[i], stored)) status = converted(store, i, narrow, &data[i]);
  for (int64_t i = 0; i < store->slots; i++) {
    bzdi_slot *slot = &store->slot[i];
    if (status != BZD_OK) {
      bzdi_free(store->context, data[i]);
    } else if (data[i]) {
      bzdi_free(store->context, slot->data);
      slot->data = data[i];
      slot->tensor.stored_dtype = stored;
      slot->tensor.stored_bytes = 0;
    }
  }
  bzdi_free(store->context, data);
  return status;
}

/* ---- Ancillary sections --------------------------------------------------------------------------------------- */

static int64_t extra_place(const bzdi_store *store, const char type[4], int *found) {
  int64_t i = 0;
  while (i < store->extras && memcmp(store->extra[i].type, type, 4) < 0) i++;
  *found = i < store->extras && memcmp(store->extra[i].type, type, 4) == 0;
  return i;
}

static void remove_extra(bzdi_store *store, int64_t place) {
  bzdi_extra *extra = &store->extra[place];
  bzdi_free(store->context, extra->payload);
  store->extras--;
  memmove(extra, extra + 1, (size_t)(store->extras - place) * sizeof *extra);
}

/* Room for one more. */
static bzd_status grow_extras(bzdi_store *store) {
  bzdi_extra *grown = bzdi_malloc(store->context, (size_t)store->extras + 1, sizeof *grown);
  if (!grown) return bzdi_no_memory("section", (size_t)store->extras + 1, sizeof *grown);
  if (store->extras > 0) memcpy(grown, store->extra, (size_t)store->extras * sizeof *grown);
  bzdi_free(store->context, store->extra);
  store->extra = grown;
  return BZD_OK;
}

bzd_status bzdi_store_set_extra(bzdi_store *store, const char type[4], const void *data, size_t size) {
  int found;
  size_t all = size;
  int64_t place = extra_place(store, type, &found);
  if (!data) {
    if (found) remove_extra(store, place);
    return BZD_OK;
  }
  for (int64_t i = 0; i < store->extras; i++)
    if (!found || i != place) all += store->extra[i].size;
  if (size > BZDI_MOST_EXTRA_BYTES || all > BZDI_MOST_EXTRA_BYTES)
    return bzdi_fail(BZD_E_LIMIT, "section %.4s of %zu bytes: %d bytes of ancillary sections are the most", type, size,
                     BZDI_MOST_EXTRA_BYTES);
  if (!found && store->extras == BZDI_MOST_EXTRAS)
    return bzdi_fail(BZD_E_LIMIT, "section %.4s: %d ancillary sections are the most", type, BZDI_MOST_EXTRAS);
  unsigned char *payload = bzdi_malloc(store->context, size, 1);
  if (!payload) return bzdi_no_memory("section", size, 1);
  bzd_status status = found ? BZD_OK : grow_extras(store);
  if (status != BZD_OK) {
    bzdi_free(store->context, payload);
    return status;
  }
  if (size > 0) memcpy(payload, data, size);
  bzdi_extra *extra = &store->extra[place];
  if (found) {
    bzdi_free(store->context, extra->payload);
  } else {
    memmove(extra + 1, extra, (size_t)(store->extras - place) * sizeof *extra);
    store->extras++;
    memcpy(extra->type, type, 4);
    extra->flags = 0;
  }
  extra->payload = payload;
  extra->size = size;
  return BZD_OK;
}

int64_t bzdi_store_extras(const bzdi_store *store) { return store->extras; }

void bzdi_store_extra_at(const bzdi_store *store, int64_t i, char type[5], const void **data, size_t *size) {
  memcpy(type, store->extra[i].type, 4);
  type[4] = 0;
  *data = store->extra[i].payload;
  *size = store->extra[i].size;
}
