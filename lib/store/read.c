/* SPDX-License-Identifier: MIT */
/* Bytes as a store. The order of the checks is the format's: sizes and checksums first, then limits, then memory, then
 * structure; every number from the file is checked before it is used. No recursion, no assert on input. */
#include "base/alloc.h"
#include "base/error.h"
#include "store/layout.h"

#include <string.h>

typedef struct opening {
  bzdi_store *store;
  bzdi_limits limits;
  uint64_t index_at, index_size, raw_bytes;
  uint64_t memory; /* that the index takes, and what it becomes */
  uint32_t tensors;
  uint32_t index_crc;
  unsigned char *index;
  const char *narrow; /* name of a tensor stored as bfloat16, or NULL */
} opening;

static bzd_status corrupt(const char *what, uint64_t have, uint64_t expected) {
  return bzdi_fail(BZD_E_CORRUPT, "%s is %llu, expected %llu", what, (unsigned long long)have,
                   (unsigned long long)expected);
}

static bzd_status over(const char *what, uint64_t have, uint64_t limit) {
  return bzdi_fail(BZD_E_LIMIT, "%s is %llu, the limit is %llu", what, (unsigned long long)have,
                   (unsigned long long)limit);
}

/* Counts a block of memory before it is asked for: an index of many small parts takes many times its size. */
static bzd_status charge(opening *o, uint64_t bytes) {
  if (!bzdi_add64(&o->memory, bytes) || !bzdi_add64(&o->memory, BZDI_ALLOC_HEADER) || o->memory > o->limits.max_index)
    return over("memory of the index", o->memory, o->limits.max_index);
  return BZD_OK;
}

/* ---- Ends of the file ---------------------------------------------------------------------------------------- */

static bzd_status read_header(opening *o, const bzdi_reader *reader) {
  unsigned char head[BZDI_HEAD_BYTES];
  if (reader->size < BZDI_HEAD_BYTES)
    return bzdi_fail(BZD_E_FORMAT, "%llu bytes are too few for a .bzd file", (unsigned long long)reader->size);
  BZDI_TRY(reader->read(reader->user, 0, head, sizeof head));
  if (memcmp(head, bzdi_head_magic, 8) != 0)
    return bzdi_fail(BZD_E_FORMAT, "not a .bzd file: its first 8 bytes differ");
  uint32_t crc = bzdi_crc32(0, head, 60);
  if (crc != bzdi_get32(head + 60)) return corrupt("header checksum", crc, bzdi_get32(head + 60));
  o->store->major = bzdi_get16(head + 8);
  o->store->minor = bzdi_get16(head + 10);
  if (o->store->major != BZDI_MAJOR)
    return bzdi_fail(BZD_E_VERSION, "format version %u.%u, this library reads %d.x", o->store->major, o->store->minor,
                     BZDI_MAJOR);
  if (bzdi_get32(head + 12) != 0)
    return bzdi_fail(BZD_E_VERSION, "header flags 0x%x are not known", bzdi_get32(head + 12));
  return bzdi_all_zero(head + 16, 44) ? BZD_OK : bzdi_fail(BZD_E_CORRUPT, "reserved bytes of the header are not 0");
}

static bzd_status read_trailer(opening *o, const bzdi_reader *reader) {
  unsigned char tail[BZDI_TAIL_BYTES];
  uint64_t size = reader->size;
  if (size < BZDI_HEAD_BYTES + BZDI_TAIL_BYTES)
    return bzdi_fail(BZD_E_CORRUPT, "%llu bytes: the file is cut off", (unsigned long long)size);
  BZDI_TRY(reader->read(reader->user, size - BZDI_TAIL_BYTES, tail, sizeof tail));
  if (memcmp(tail, bzdi_tail_magic, 8) != 0)
    return bzdi_fail(BZD_E_CORRUPT, "no trailer: the file is cut off or was not written to its end");
  uint32_t crc = bzdi_crc32(0, tail, 60);
  if (crc != bzdi_get32(tail + 60)) return corrupt("trailer checksum", crc, bzdi_get32(tail + 60));
  if (bzdi_get64(tail + 8) != size) return corrupt("file length", size, bzdi_get64(tail + 8));
  if (!bzdi_all_zero(tail + 48, 12)) return bzdi_fail(BZD_E_CORRUPT, "reserved bytes of the trailer are not 0");
  o->index_at = bzdi_get64(tail + 16);
  o->index_size = bzdi_get64(tail + 24);
  o->index_crc = bzdi_get32(tail + 32);
  o->tensors = bzdi_get32(tail + 36);
  o->raw_bytes = bzdi_get64(tail + 40);
  uint64_t end = o->index_at;
  if (o->index_at < BZDI_HEAD_BYTES || !bzdi_add64(&end, o->index_size) || end != size - BZDI_TAIL_BYTES)
    return corrupt("end of the index", end, size - BZDI_TAIL_BYTES);
  return BZD_OK;
}

static bzd_status check_limits(const opening *o, uint64_t size) {
  const bzdi_limits *limits = &o->limits;
  if (size > limits->max_file) return over("file size", size, limits->max_file);
  if (o->index_size > limits->max_index) return over("index size", o->index_size, limits->max_index);
  if (o->tensors > limits->max_tensors) return over("number of tensors", o->tensors, (uint64_t)limits->max_tensors);
  if (o->raw_bytes > limits->max_raw) return over("decoded size", o->raw_bytes, limits->max_raw);
  /* Deflate cannot do better than 1032 : 1, and bfloat16 becomes twice as much. */
  if (o->raw_bytes > 0 && (o->raw_bytes - 1) / 2064 >= size + 64)
    return over("decoded size", o->raw_bytes, 2064 * (size + 64));
  return BZD_OK;
}

/* ---- Key-values ---------------------------------------------------------------------------------------------- */

static bzd_status check_value(const char *key, uint32_t type, const unsigned char *value, uint32_t size) {
  if (type < BZDI_I64 || type > BZDI_BYTES) return bzdi_fail(BZD_E_CORRUPT, "%s: type %u is not known", key, type);
  if (type <= BZDI_F64 && size != 8) return corrupt(key, size, 8);
  if (type == BZDI_STR && !bzdi_is_utf8(value, size))
    return bzdi_fail(BZD_E_CORRUPT, "%s: a string that is not UTF-8", key);
  return BZD_OK;
}

static bzd_status read_entries(opening *o, int section, const unsigned char *payload, uint64_t size) {
  bzdi_store *store = o->store;
  bzdi_cursor cursor = {payload, payload + size, 0};
  char last[BZDI_MOST_NAME + 1] = "", key[BZDI_MOST_NAME + 1];
  while (cursor.at < cursor.end) {
    uint32_t length = bzdi_cursor_u16(&cursor), type = bzdi_cursor_u8(&cursor), flags = bzdi_cursor_u8(&cursor);
    uint32_t value_size = bzdi_cursor_u32(&cursor);
    const unsigned char *name = bzdi_cursor_bytes(&cursor, length), *value = bzdi_cursor_bytes(&cursor, value_size);
    if (cursor.bad) return bzdi_fail(BZD_E_CORRUPT, "key-values are cut off");
    if (!bzdi_name_is_good((const char *)name, length))
      return bzdi_fail(BZD_E_CORRUPT, "a key of %u bytes cannot be", length);
    memcpy(key, name, length);
    key[length] = 0;
    if (strcmp(last, key) >= 0) return bzdi_fail(BZD_E_CORRUPT, "key %s does not ascend", key);
    if (flags & ~(uint32_t)BZDI_MODEL) return bzdi_fail(BZD_E_CORRUPT, "%s: flags 0x%x are not known", key, flags);
    BZDI_TRY(check_value(key, type, value, value_size));
    if (store->entries[0] + store->entries[1] >= o->limits.max_meta)
      return over("number of key-values", (uint64_t)o->limits.max_meta + 1, (uint64_t)o->limits.max_meta);
    BZDI_TRY(charge(o, length + 1));
    BZDI_TRY(charge(o, (uint64_t)value_size + 1));
    if (type == BZDI_STR) BZDI_TRY(charge(o, (uint64_t)value_size + 1)); /* there twice for a moment */
    BZDI_TRY(charge(o, 3 * sizeof(bzdi_entry)));                         /* the array doubles beside the old one */
    bzd_status status;
    if (type == BZDI_STR) {
      char *text = bzdi_malloc(store->context, (size_t)value_size + 1, 1);
      if (!text) return bzdi_no_memory(key, value_size, 1);
      memcpy(text, value, value_size);
      text[value_size] = 0;
      status = bzdi_store_set_str(store, section, key, text, (int)flags);
      bzdi_free(store->context, text);
    } else if (type == BZDI_BYTES) {
      status = bzdi_store_set_bytes(store, section, key, value, value_size, (int)flags);
    } else {
      uint64_t bits = bzdi_get64(value);
      double real;
      memcpy(&real, &bits, 8);
      status = type == BZDI_I64   ? bzdi_store_set_i64(store, section, key, (int64_t)bits, (int)flags)
               : type == BZDI_U64 ? bzdi_store_set_u64(store, section, key, bits, (int)flags)
                                  : bzdi_store_set_f64(store, section, key, real, (int)flags);
    }
    BZDI_TRY(status);
    memcpy(last, key, length + 1);
  }
  return BZD_OK;
}

/* ---- Tensors and blocks -------------------------------------------------------------------------------------- */

typedef struct part {
  const unsigned char *at;
  uint64_t size;
} part;

static bzd_status read_tensor(opening *o, const unsigned char *record, part names, uint64_t *name_end,
                              bzdi_slot *slot) {
  bzdi_tensor *tensor = &slot->tensor;
  uint32_t name_at = bzdi_get32(record), length = bzdi_get32(record + 4), ndim = bzdi_get16(record + 14);
  uint64_t end = name_at;
  if (name_at != *name_end || !bzdi_add64(&end, length) || end > names.size ||
      !bzdi_name_is_good((const char *)names.at + name_at, length))
    return bzdi_fail(BZD_E_CORRUPT, "a tensor's name cannot be: offset %u, %u bytes", name_at, length);
  *name_end = end;
  BZDI_TRY(charge(o, (uint64_t)length + 1));
  char *name = bzdi_malloc(o->store->context, (size_t)length + 1, 1);
  if (!name) return bzdi_no_memory("tensor name", length, 1);
  memcpy(name, names.at + name_at, length);
  name[length] = 0;
  tensor->name = name;
  tensor->dtype = (int32_t)bzdi_get16(record + 8);
  tensor->stored_dtype = (int32_t)bzdi_get16(record + 10);
  tensor->role = (int32_t)bzdi_get16(record + 12);
  tensor->ndim = (int32_t)ndim;
  if (bzdi_dtype_size(tensor->dtype) == 0 || tensor->role < BZDI_ROLE_PARAMETER || tensor->role > BZDI_ROLE_PATHS ||
      ndim > 8)
    return bzdi_fail(BZD_E_CORRUPT, "tensor %s: dtype %d, role %d, %u dimensions", name, (int)tensor->dtype,
                     (int)tensor->role, ndim);
  if (tensor->stored_dtype != tensor->dtype &&
      (tensor->dtype != BZDI_DTYPE_F32 || tensor->stored_dtype != BZDI_DTYPE_BF16 ||
       tensor->role != BZDI_ROLE_PARAMETER))
    return bzdi_fail(BZD_E_CORRUPT, "tensor %s: dtype %d of role %d stored as %d", name, (int)tensor->dtype,
                     (int)tensor->role, (int)tensor->stored_dtype);
  if (tensor->stored_dtype != tensor->dtype) o->narrow = name;
  for (uint32_t i = 0; i < 8; i++) {
    uint64_t size = bzdi_get64(record + 16 + 8 * i);
    if (i < ndim ? size < 1 || size > INT64_MAX : size != 0)
      return bzdi_fail(BZD_E_CORRUPT, "tensor %s: dimension %u is %llu", name, i, (unsigned long long)size);
    tensor->shape[i] = (int64_t)size;
  }
  slot->first_block = bzdi_get64(record + 80);
  slot->blocks = bzdi_get64(record + 88);
  tensor->bytes = bzdi_get64(record + 96);
  slot->crc = bzdi_get32(record + 104);
  uint64_t bytes = bzdi_shape_bytes(tensor->dtype, tensor->ndim, tensor->shape);
  if (bytes == 0 || bytes != tensor->bytes)
    return bzdi_fail(BZD_E_CORRUPT, "tensor %s: %llu bytes, its shape has %llu", name,
                     (unsigned long long)tensor->bytes, (unsigned long long)bytes);
  uint64_t blocks = (bzdi_slot_bytes(slot) - 1) / BZDI_BLOCK + 1;
  if (slot->blocks != blocks) return corrupt("blocks of a tensor", slot->blocks, blocks);
  return bzdi_all_zero(record + 108, 20) ? BZD_OK
                                         : bzdi_fail(BZD_E_CORRUPT, "tensor %s: reserved bytes are not 0", name);
}

/* The blocks of a tensor partition it, each stored as its planes say. */
static bzd_status read_blocks(bzdi_slot *slot, const unsigned char *records) {
  bzdi_tensor *tensor = &slot->tensor;
  int planes = bzdi_planes(bzdi_dtype_size(tensor->stored_dtype));
  uint64_t left = bzdi_slot_bytes(slot);
  for (uint64_t b = 0; b < slot->blocks; b++) {
    const unsigned char *record = records + (slot->first_block + b) * BZDI_BLOCK_BYTES;
    uint64_t size = left < BZDI_BLOCK ? left : BZDI_BLOCK;
    uint32_t plane[4];
    if (bzdi_get32(record) != size) return corrupt("raw length of a block", bzdi_get32(record), size);
    for (int p = 0; p < 4; p++) plane[p] = bzdi_get32(record + 8 + 4 * p);
    if (!bzdi_block_check(planes, size, plane) || !bzdi_all_zero(record + 24, 8))
      return bzdi_fail(BZD_E_CORRUPT, "tensor %s: the record of block %llu cannot be", tensor->name,
                       (unsigned long long)b);
    for (int p = 0; p < planes; p++) tensor->stored_bytes += plane[p] & ~BZDI_DEFLATED;
    left -= size;
  }
  return BZD_OK;
}

static bzd_status read_tensors(opening *o, part names, part tensors, part blocks) {
  bzdi_store *store = o->store;
  uint64_t count = tensors.size / BZDI_TENSOR_BYTES, block = 0, name_end = 0, raw = 0, offset = BZDI_HEAD_BYTES;
  if (tensors.size % BZDI_TENSOR_BYTES || count != o->tensors) return corrupt("number of tensors", count, o->tensors);
  if (blocks.size % BZDI_BLOCK_BYTES)
    return corrupt("bytes of block records", blocks.size, blocks.size / BZDI_BLOCK_BYTES * BZDI_BLOCK_BYTES);
  BZDI_TRY(charge(o, count * sizeof *store->slot + blocks.size));
  store->slot = bzdi_calloc(store->context, count, sizeof *store->slot);
  store->records = bzdi_malloc(store->context, blocks.size, 1);
  if (!store->slot || !store->records) return bzdi_no_memory("index", count, sizeof *store->slot);
  store->slot_room = (int64_t)count;
  memcpy(store->records, blocks.at, blocks.size);
  for (uint64_t i = 0; i < count; i++) {
    bzdi_slot *slot = &store->slot[store->slots++]; /* freed with the store from here on */
    BZDI_TRY(read_tensor(o, tensors.at + i * BZDI_TENSOR_BYTES, names, &name_end, slot));
    if (i > 0 && bzdi_slot_order(slot->tensor.name, slot->tensor.role, slot - 1) <= 0)
      return bzdi_fail(BZD_E_CORRUPT, "tensor %s does not ascend", slot->tensor.name);
    if (slot->first_block != block || slot->blocks > blocks.size / BZDI_BLOCK_BYTES - block)
      return bzdi_fail(BZD_E_CORRUPT, "tensor %s: blocks %llu.. do not follow", slot->tensor.name,
                       (unsigned long long)slot->first_block);
    block += slot->blocks;
    if (!bzdi_add64(&raw, slot->tensor.bytes)) return bzdi_fail(BZD_E_CORRUPT, "the tensors' sizes overflow");
    BZDI_TRY(read_blocks(slot, store->records));
    slot->offset = offset;
    if (!bzdi_add64(&offset, slot->tensor.stored_bytes) || offset > o->index_at)
      return corrupt("end of the blocks", offset, o->index_at);
  }
  if (block != blocks.size / BZDI_BLOCK_BYTES) return corrupt("blocks used", block, blocks.size / BZDI_BLOCK_BYTES);
  if (name_end != names.size) return corrupt("bytes of names used", name_end, names.size);
  if (raw != o->raw_bytes) return corrupt("decoded size", raw, o->raw_bytes);
  return offset == o->index_at ? BZD_OK : corrupt("end of the blocks", offset, o->index_at);
}

/* ---- Sections ------------------------------------------------------------------------------------------------ */

static bzd_status keep_extra(opening *o, const unsigned char *type, uint32_t flags, part payload) {
  bzdi_store *store = o->store;
  if (store->extras > 0 && memcmp(store->extra[store->extras - 1].type, type, 4) >= 0)
    return bzdi_fail(BZD_E_CORRUPT, "section %.4s does not ascend", (const char *)type);
  if (store->extras == BZDI_MOST_EXTRAS) return over("number of ancillary sections", 65, BZDI_MOST_EXTRAS);
  BZDI_TRY(charge(o, payload.size + 2 * sizeof(bzdi_extra)));
  bzdi_extra *grown = bzdi_malloc(store->context, (size_t)store->extras + 1, sizeof *grown);
  unsigned char *bytes = bzdi_malloc(store->context, payload.size, 1);
  if (!grown || !bytes) {
    bzdi_free(store->context, grown);
    bzdi_free(store->context, bytes);
    return bzdi_no_memory("section", payload.size, 1);
  }
  if (store->extras > 0) memcpy(grown, store->extra, (size_t)store->extras * sizeof *grown);
  if (payload.size > 0) memcpy(bytes, payload.at, payload.size);
  bzdi_free(store->context, store->extra);
  store->extra = grown;
  bzdi_extra *extra = &grown[store->extras++];
  memcpy(extra->type, type, 4);
  extra->flags = flags;
  extra->payload = bytes;
  extra->size = payload.size;
  return BZD_OK;
}

static int is_letter(unsigned char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

static bzd_status read_sections(opening *o) {
  static const char known[5][5] = {"STRS", "TENS", "BLKS", "META", "STAT"};
  bzdi_cursor cursor = {o->index, o->index + o->index_size, 0};
  part parts[5];
  for (int i = 0; cursor.at < cursor.end || i < 5; i++) {
    const unsigned char *type = bzdi_cursor_bytes(&cursor, 4);
    uint32_t flags = bzdi_cursor_u32(&cursor);
    uint64_t size = bzdi_cursor_u64(&cursor);
    part payload = {bzdi_cursor_bytes(&cursor, size), size};
    if (cursor.bad) return bzdi_fail(BZD_E_CORRUPT, "the index is cut off in section %d", i);
    for (int k = 0; k < 4; k++)
      if (!is_letter(type[k])) return bzdi_fail(BZD_E_CORRUPT, "section %d has no name of four letters", i);
    if (i < 5) {
      if (memcmp(type, known[i], 4) != 0 || flags != 0)
        return bzdi_fail(BZD_E_CORRUPT, "section %d is %.4s with flags 0x%x, expected %s", i, (const char *)type, flags,
                         known[i]);
      parts[i] = payload;
    } else if (type[0] >= 'A' && type[0] <= 'Z') { /* PNG's rule: a capital is critical */
      return bzdi_fail(BZD_E_VERSION, "critical section %.4s is not known to this library", (const char *)type);
    } else {
      BZDI_TRY(keep_extra(o, type, flags, payload));
    }
  }
  BZDI_TRY(read_tensors(o, parts[0], parts[1], parts[2]));
  BZDI_TRY(read_entries(o, BZDI_META, parts[3].at, parts[3].size));
  if (o->narrow && parts[4].size > 0)
    return bzdi_fail(BZD_E_CORRUPT, "tensor %s: stored as bfloat16 beside the state of a trainer", o->narrow);
  return read_entries(o, BZDI_STAT, parts[4].at, parts[4].size);
}

/* ---- Opening ------------------------------------------------------------------------------------------------- */

static bzd_status open_index(opening *o, const bzdi_reader *reader) {
  BZDI_TRY(read_header(o, reader));
  BZDI_TRY(read_trailer(o, reader));
  BZDI_TRY(check_limits(o, reader->size));
  BZDI_TRY(charge(o, o->index_size));
  o->index = bzdi_malloc(o->store->context, o->index_size, 1);
  if (!o->index) return bzdi_no_memory("index", o->index_size, 1);
  BZDI_TRY(reader->read(reader->user, o->index_at, o->index, o->index_size));
  uint32_t crc = bzdi_crc32(0, o->index, o->index_size);
  if (crc != o->index_crc) return corrupt("index checksum", crc, o->index_crc);
  return read_sections(o);
}

bzd_status bzdi_store_open(const bzd_context *context, const bzdi_reader *reader, const bzdi_limits *limits,
                           bzdi_store **out) {
  opening o = {.limits = bzdi_limits_of(limits)};
  *out = NULL;
  bzd_status status = bzdi_store_new(context, &o.store);
  if (status != BZD_OK) {
    if (reader->close) reader->close(reader->user);
    return status;
  }
  o.store->reader = *reader; /* closed with the store */
  o.store->file_bytes = reader->size;
  status = open_index(&o, reader);
  bzdi_free(context, o.index);
  if (status != BZD_OK)
    bzdi_store_free(o.store);
  else
    *out = o.store;
  return status;
}
