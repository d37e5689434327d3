/* SPDX-License-Identifier: MIT */
/* The store as an object: tensors and key-values in the order of files. */
#include "store/container.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/task.h"
#include "store/layout.h"
#include "store/sha256.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const unsigned char bzdi_head_magic[8] = {0x89, 'B', 'Z', 'D', 0x0D, 0x0A, 0x1A, 0x0A};
const unsigned char bzdi_tail_magic[8] = {'B', 'Z', 'D', 'T', 'A', 'I', 'L', '1'};

static const char *const sections[] = {"metadata", "trainer state"};

bzd_status bzdi_store_new(const bzd_context *context, bzdi_store **out) {
  *out = bzdi_calloc(context, 1, sizeof **out);
  if (!*out) return bzdi_no_memory("checkpoint", 1, sizeof **out);
  (*out)->context = context;
  (*out)->major = BZDI_MAJOR;
  (*out)->minor = BZDI_MINOR;
  return BZD_OK;
}

void bzdi_store_free(bzdi_store *store) {
  if (!store) return;
  const bzd_context *context = store->context;
  for (int64_t i = 0; i < store->slots; i++) {
    bzdi_free(context, (void *)(uintptr_t)store->slot[i].tensor.name);
    bzdi_free(context, store->slot[i].data);
  }
  for (int s = 0; s < 2; s++) {
    for (int64_t i = 0; i < store->entries[s]; i++) {
      bzdi_free(context, store->entry[s][i].key);
      bzdi_free(context, store->entry[s][i].value);
    }
    bzdi_free(context, store->entry[s]);
  }
  for (int64_t i = 0; i < store->extras; i++) bzdi_free(context, store->extra[i].payload);
  bzdi_free(context, store->extra);
  bzdi_free(context, store->slot);
  bzdi_free(context, store->records);
  bzdi_cache_clear(&store->cache, context);
  if (store->maker.drop) store->maker.drop(store->maker.user);
  if (store->reader.close) store->reader.close(store->reader.user);
  bzdi_free(context, store);
}

/* ---- Shapes and names ---------------------------------------------------------------------------------------- */

size_t bzdi_dtype_size(int32_t dtype) {
  static const size_t sizes[] = {0, 4, 8, 2, 4, 8, 1};
  return dtype >= 1 && dtype <= BZDI_DTYPE_U8 ? sizes[dtype] : 0;
}

uint64_t bzdi_shape_bytes(int32_t dtype, int32_t ndim, const int64_t *shape) {
  uint64_t bytes = bzdi_dtype_size(dtype);
  if (ndim < 0 || ndim > 8) return 0;
  for (int32_t i = 0; i < ndim; i++)
    if (shape[i] < 1 || !bzdi_mul64(&bytes, (uint64_t)shape[i])) return 0;
  return bytes >> 62 ? 0 : bytes;
}

uint64_t bzdi_slot_bytes(const bzdi_slot *slot) {
  const bzdi_tensor *tensor = &slot->tensor;
  return tensor->bytes / bzdi_dtype_size(tensor->dtype) * bzdi_dtype_size(tensor->stored_dtype);
}

bzdi_lot_size bzdi_lot_size_of(const bzd_context *context, uint64_t blocks) {
  int32_t threads = blocks < BZDI_FEW_BLOCKS ? 1 : bzdi_slots(context);
  int64_t most = threads == 1 ? 1 : 2 * (int64_t)threads;
  if (blocks < (uint64_t)most) most = (int64_t)blocks;
  return (bzdi_lot_size){most, most < threads ? (int32_t)most : threads};
}

int bzdi_name_is_good(const char *name, size_t length) {
  if (length < 1 || length > BZDI_MOST_NAME) return 0;
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)name[i] < 0x21 || (unsigned char)name[i] > 0x7E) return 0;
  return 1;
}

int bzdi_slot_order(const char *name, int32_t role, const bzdi_slot *slot) {
  int order = strcmp(name, slot->tensor.name);
  return order ? order : role < slot->tensor.role ? -1 : role > slot->tensor.role;
}

/* ---- Tensors ------------------------------------------------------------------------------------------------- */

static int64_t slot_place(const bzdi_store *store, const char *name, int32_t role, int *found) {
  int64_t low = 0, high = store->slots;
  *found = 0;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    int order = bzdi_slot_order(name, role, &store->slot[middle]);
    if (order == 0) return *found = 1, middle;
    if (order > 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Room for one more element of an array; doubles. */
static bzd_status grow(const bzd_context *context, void **array, int64_t count, int64_t *room, size_t size) {
  if (count < *room) return BZD_OK;
  int64_t more = *room ? 2 * *room : 16;
  void *grown = bzdi_malloc(context, (size_t)more, size);
  if (!grown) return bzdi_no_memory("checkpoint", (size_t)more, size);
  if (count > 0) memcpy(grown, *array, (size_t)count * size);
  bzdi_free(context, *array);
  *array = grown;
  *room = more;
  return BZD_OK;
}

/* A slot without data. */
static bzd_status add_slot(bzdi_store *store, const char *name, int32_t role, int32_t dtype, int32_t ndim,
                           const int64_t *shape, bzdi_slot **out) {
  uint64_t bytes = bzdi_shape_bytes(dtype, ndim, shape);
  int found;
  if (!bzdi_name_is_good(name, strlen(name)))
    return bzdi_fail(BZD_E_ARGUMENT, "tensor name '%.40s' has other than 1..255 printable bytes", name);
  if (bytes == 0) return bzdi_fail(BZD_E_ARGUMENT, "tensor %s: no such shape of %d dimensions", name, (int)ndim);
  int64_t place = slot_place(store, name, role, &found);
  if (found) return bzdi_fail(BZD_E_ARGUMENT, "tensor %s of role %d is there already", name, (int)role);
  void *array = store->slot;
  bzd_status status = grow(store->context, &array, store->slots, &store->slot_room, sizeof *store->slot);
  store->slot = array;
  if (status != BZD_OK) return status;
  char *own_name = bzdi_malloc(store->context, strlen(name) + 1, 1);
  if (!own_name) return bzdi_no_memory(name, strlen(name) + 1, 1);
  strcpy(own_name, name);
  memmove(store->slot + place + 1, store->slot + place, (size_t)(store->slots - place) * sizeof *store->slot);
  bzdi_slot *slot = &store->slot[place];
  *slot = (bzdi_slot){.tensor = {own_name, role, dtype, dtype, ndim, {0}, bytes, 0}};
  for (int32_t i = 0; i < ndim; i++) slot->tensor.shape[i] = shape[i];
  store->slots++;
  *out = slot;
  return BZD_OK;
}

bzd_status bzdi_store_add(bzdi_store *store, const char *name, int32_t role, int32_t dtype, int32_t ndim,
                          const int64_t *shape, const void *data) {
  uint64_t bytes = bzdi_shape_bytes(dtype, ndim, shape);
  void *own_data = bytes ? bzdi_malloc(store->context, bytes, 1) : NULL;
  if (bytes && !own_data) return bzdi_no_memory(name, bytes, 1);
  bzdi_slot *slot;
  bzd_status status = add_slot(store, name, role, dtype, ndim, shape, &slot);
  if (status != BZD_OK) {
    bzdi_free(store->context, own_data);
    return status;
  }
  slot->data = memcpy(own_data, data, bytes);
  return BZD_OK;
}

void bzdi_store_set_maker(bzdi_store *store, const bzdi_maker *maker) { store->maker = *maker; }
int bzdi_store_unfinished(const bzdi_store *store) { return store->maker.end != NULL; }

bzd_status bzdi_store_add_made(bzdi_store *store, const char *name, int32_t role, int32_t dtype, int32_t ndim,
                               const int64_t *shape, int64_t tag) {
  bzdi_slot *slot;
  BZDI_TRY(add_slot(store, name, role, dtype, ndim, shape, &slot));
  slot->made = 1;
  slot->tag = tag;
  return BZD_OK;
}

int64_t bzdi_store_tensors(const bzdi_store *store) { return store->slots; }
const bzdi_tensor *bzdi_store_tensor(const bzdi_store *store, int64_t i) { return &store->slot[i].tensor; }

int64_t bzdi_store_find(const bzdi_store *store, const char *name, int32_t role) {
  int found;
  int64_t place = slot_place(store, name, role, &found);
  return found ? place : -1;
}

bzd_status bzdi_store_find_f32(const bzdi_store *store, const char *name, int32_t role, int32_t ndim,
                               const int64_t *shape, int64_t *at) {
  *at = bzdi_store_find(store, name, role);
  if (*at < 0) return bzdi_fail(BZD_E_CORRUPT, "tensor %s of role %d is missing", name, (int)role);
  const bzdi_tensor *tensor = bzdi_store_tensor(store, *at);
  if (tensor->dtype != BZDI_DTYPE_F32 || tensor->ndim != ndim)
    return bzdi_fail(BZD_E_CORRUPT, "tensor %s: dtype %d with %d dimensions, expected float32 with %d", name,
                     (int)tensor->dtype, (int)tensor->ndim, (int)ndim);
  for (int32_t i = 0; i < ndim; i++)
    if (tensor->shape[i] != shape[i])
      return bzdi_fail(BZD_E_CORRUPT, "tensor %s: dimension %d is %lld, expected %lld", name, (int)i,
                       (long long)tensor->shape[i], (long long)shape[i]);
  return BZD_OK;
}

bzd_status bzdi_store_read_f32(const bzdi_store *store, const char *name, int32_t role, int32_t ndim,
                               const int64_t *shape, float *dst) {
  int64_t at;
  BZDI_TRY(bzdi_store_find_f32(store, name, role, ndim, shape, &at));
  return bzdi_store_read(store, at, dst);
}

uint64_t bzdi_store_file_bytes(const bzdi_store *store) { return store->file_bytes; }
uint64_t bzdi_store_raw_bytes(const bzdi_store *store) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < store->slots; i++) sum += store->slot[i].tensor.bytes;
  return sum;
}
void bzdi_store_version(const bzdi_store *store, uint32_t *major, uint32_t *minor) {
  *major = store->major;
  *minor = store->minor;
}

/* ---- Key-values ---------------------------------------------------------------------------------------------- */

static int64_t entry_place(const bzdi_store *store, int section, const char *key, int *found) {
  int64_t low = 0, high = store->entries[section];
  *found = 0;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    int order = strcmp(key, store->entry[section][middle].key);
    if (order == 0) return *found = 1, middle;
    if (order > 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bzd_status set(bzdi_store *store, int section, const char *key, int32_t type, const void *value, size_t size,
                      int flags) {
  int found;
  if (!bzdi_name_is_good(key, strlen(key)))
    return bzdi_fail(BZD_E_ARGUMENT, "%s key '%.40s' has other than 1..255 printable bytes", sections[section], key);
  int64_t place = entry_place(store, section, key, &found);
  void *array = store->entry[section];
  bzd_status status =
      grow(store->context, &array, store->entries[section], &store->entry_room[section], sizeof(bzdi_entry));
  store->entry[section] = array;
  if (status != BZD_OK) return status;
  char *own_key = found ? NULL : bzdi_malloc(store->context, strlen(key) + 1, 1);
  unsigned char *own_value = bzdi_malloc(store->context, size + 1, 1); /* a NUL for strings */
  if ((!found && !own_key) || !own_value) {
    bzdi_free(store->context, own_key);
    bzdi_free(store->context, own_value);
    return bzdi_no_memory(key, size, 1);
  }
  memcpy(own_value, value, size);
  own_value[size] = 0;
  bzdi_entry *entry = &store->entry[section][place];
  if (found) {
    own_key = entry->key;
    bzdi_free(store->context, entry->value);
  } else {
    strcpy(own_key, key);
    memmove(entry + 1, entry, (size_t)(store->entries[section] - place) * sizeof *entry);
    store->entries[section]++;
  }
  *entry = (bzdi_entry){own_key, own_value, size, type, flags};
  return BZD_OK;
}

bzd_status bzdi_store_set_u64(bzdi_store *store, int section, const char *key, uint64_t value, int flags) {
  unsigned char bytes[8];
  bzdi_put64(bytes, value);
  return set(store, section, key, BZDI_U64, bytes, 8, flags);
}
bzd_status bzdi_store_set_i64(bzdi_store *store, int section, const char *key, int64_t value, int flags) {
  unsigned char bytes[8];
  bzdi_put64(bytes, (uint64_t)value);
  return set(store, section, key, BZDI_I64, bytes, 8, flags);
}
bzd_status bzdi_store_set_f64(bzdi_store *store, int section, const char *key, double value, int flags) {
  unsigned char bytes[8];
  uint64_t bits;
  memcpy(&bits, &value, 8);
  bzdi_put64(bytes, bits);
  return set(store, section, key, BZDI_F64, bytes, 8, flags);
}
bzd_status bzdi_store_set_str(bzdi_store *store, int section, const char *key, const char *value, int flags) {
  return set(store, section, key, BZDI_STR, value, strlen(value), flags);
}
bzd_status bzdi_store_set_bytes(bzdi_store *store, int section, const char *key, const void *value, size_t size,
                                int flags) {
  return set(store, section, key, BZDI_BYTES, value, size, flags);
}

static bzd_status get(const bzdi_store *store, int section, const char *key, int32_t type, const bzdi_entry **out) {
  int found;
  int64_t place = entry_place(store, section, key, &found);
  if (!found) return bzdi_fail(BZD_E_CORRUPT, "%s lacks %s", sections[section], key);
  *out = &store->entry[section][place];
  if ((*out)->type != type)
    return bzdi_fail(BZD_E_CORRUPT, "%s: %s has type %d, expected %d", sections[section], key, (int)(*out)->type,
                     (int)type);
  return BZD_OK;
}

bzd_status bzdi_store_get_u64(const bzdi_store *store, int section, const char *key, uint64_t *out) {
  const bzdi_entry *entry;
  BZDI_TRY(get(store, section, key, BZDI_U64, &entry));
  *out = bzdi_get64(entry->value);
  return BZD_OK;
}
bzd_status bzdi_store_get_i64(const bzdi_store *store, int section, const char *key, int64_t low, int64_t high,
                              int64_t *out) {
  const bzdi_entry *entry;
  BZDI_TRY(get(store, section, key, BZDI_I64, &entry));
  int64_t value = (int64_t)bzdi_get64(entry->value);
  if (value < low || value > high)
    return bzdi_fail(BZD_E_CORRUPT, "%s: %s is %lld, expected %lld..%lld", sections[section], key, (long long)value,
                     (long long)low, (long long)high);
  *out = value;
  return BZD_OK;
}
bzd_status bzdi_store_get_f64(const bzdi_store *store, int section, const char *key, double *out) {
  const bzdi_entry *entry;
  BZDI_TRY(get(store, section, key, BZDI_F64, &entry));
  uint64_t bits = bzdi_get64(entry->value);
  memcpy(out, &bits, 8);
  return BZD_OK;
}
bzd_status bzdi_store_get_str(const bzdi_store *store, int section, const char *key, const char **out) {
  const bzdi_entry *entry;
  BZDI_TRY(get(store, section, key, BZDI_STR, &entry));
  *out = (const char *)entry->value;
  return BZD_OK;
}
bzd_status bzdi_store_get_bytes(const bzdi_store *store, int section, const char *key, const void **out, size_t *size) {
  const bzdi_entry *entry;
  BZDI_TRY(get(store, section, key, BZDI_BYTES, &entry));
  *out = entry->value;
  *size = entry->size;
  return BZD_OK;
}
int bzdi_store_has(const bzdi_store *store, int section, const char *key) {
  int found;
  entry_place(store, section, key, &found);
  return found;
}
void bzdi_store_remove(bzdi_store *store, int section, const char *key) {
  int found;
  int64_t place = entry_place(store, section, key, &found);
  if (!found) return;
  bzdi_entry *entry = &store->entry[section][place];
  bzdi_free(store->context, entry->key);
  bzdi_free(store->context, entry->value);
  store->entries[section]--;
  memmove(entry, entry + 1, (size_t)(store->entries[section] - place) * sizeof *entry);
}
int64_t bzdi_store_count(const bzdi_store *store, int section) { return store->entries[section]; }

/* With a point, whatever stands between the digits in the host's locale. */
static void real_text(double real, char *text, size_t cap) {
  char local[64], plain[64];
  size_t used = 0;
  snprintf(local, sizeof local, "%.17g", real);
  for (const char *c = local; *c; c++) {
    int digit = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || *c == '-' || *c == '+';
    if (digit || used == 0 || plain[used - 1] != '.') plain[used++] = digit ? *c : '.';
  }
  plain[used] = 0;
  snprintf(text, cap, "%s", plain);
}

bzd_status bzdi_store_at(const bzdi_store *store, int section, int64_t i, const char **key, int32_t *type, int *flags,
                         char *text, size_t cap) {
  if (i < 0 || i >= store->entries[section])
    return bzdi_fail(BZD_E_ARGUMENT, "%s has %lld keys, not number %lld", sections[section],
                     (long long)store->entries[section], (long long)i);
  const bzdi_entry *entry = &store->entry[section][i];
  *key = entry->key;
  if (type) *type = entry->type;
  if (flags) *flags = entry->flags;
  if (cap == 0) return BZD_OK;
  uint64_t bits = entry->size == 8 ? bzdi_get64(entry->value) : 0;
  double real;
  memcpy(&real, &bits, 8);
  switch (entry->type) {
  case BZDI_I64: snprintf(text, cap, "%" PRId64, (int64_t)bits); break;
  case BZDI_U64: snprintf(text, cap, "%" PRIu64, bits); break;
  case BZDI_F64: real_text(real, text, cap); break;
  case BZDI_STR: snprintf(text, cap, "%s", (const char *)entry->value); break;
  default:
    text[0] = 0;
    for (size_t k = 0; k < entry->size && 2 * k + 2 < cap; k++) snprintf(text + 2 * k, 3, "%02x", entry->value[k]);
  }
  return BZD_OK;
}

/* ---- Content id ---------------------------------------------------------------------------------------------- */

static void add32(bzdi_sha256 *hash, uint64_t value) {
  unsigned char bytes[4];
  bzdi_put32(bytes, (uint32_t)value);
  bzdi_sha256_add(hash, bytes, 4);
}
static void add64(bzdi_sha256 *hash, uint64_t value) {
  unsigned char bytes[8];
  bzdi_put64(bytes, value);
  bzdi_sha256_add(hash, bytes, 8);
}

/* What is not in memory: made in pieces, or decoded as a whole. */
static bzd_status add_tensor(bzdi_sha256 *hash, const bzdi_store *store, int64_t i) {
  const bzdi_slot *slot = &store->slot[i];
  uint64_t bytes = slot->tensor.bytes, size = slot->made && bytes > BZDI_BLOCK ? BZDI_BLOCK : bytes;
  if (slot->data && slot->tensor.stored_dtype == slot->tensor.dtype)
    return bzdi_sha256_add(hash, slot->data, bytes), BZD_OK;
  void *piece = bzdi_malloc(store->context, size, 1);
  if (!piece) return bzdi_no_memory(slot->tensor.name, size, 1);
  bzd_status status = BZD_OK;
  for (uint64_t done = 0; status == BZD_OK && done < bytes; done += size) {
    if (size > bytes - done) size = bytes - done;
    status = slot->made ? store->maker.make(store->maker.user, slot->tag, done, size, piece)
                        : bzdi_store_read(store, i, piece);
    if (status == BZD_OK) bzdi_sha256_add(hash, piece, size);
  }
  bzdi_free(store->context, piece);
  return status;
}

bzd_status bzdi_store_content_id(const bzdi_store *store, uint8_t id[32]) {
  bzdi_sha256 hash;
  bzdi_sha256_start(&hash);
  for (int64_t i = 0; i < store->slots; i++) {
    const bzdi_tensor *tensor = &store->slot[i].tensor;
    add32(&hash, strlen(tensor->name));
    bzdi_sha256_add(&hash, tensor->name, strlen(tensor->name));
    add32(&hash, (uint32_t)tensor->role);
    add32(&hash, (uint32_t)tensor->dtype);
    add32(&hash, (uint32_t)tensor->ndim);
    for (int32_t k = 0; k < tensor->ndim; k++) add64(&hash, (uint64_t)tensor->shape[k]);
    add64(&hash, tensor->bytes);
    BZDI_TRY(add_tensor(&hash, store, i));
  }
  for (int section = BZDI_STAT; section >= BZDI_META; section--)
    for (int64_t i = 0; i < store->entries[section]; i++) {
      const bzdi_entry *entry = &store->entry[section][i];
      if (!(entry->flags & BZDI_MODEL)) continue;
      add32(&hash, (uint32_t)section);
      add32(&hash, strlen(entry->key));
      bzdi_sha256_add(&hash, entry->key, strlen(entry->key));
      add32(&hash, (uint32_t)entry->type);
      add32(&hash, entry->size);
      bzdi_sha256_add(&hash, entry->value, entry->size);
    }
  bzdi_sha256_end(&hash, id);
  return BZD_OK;
}
