/* SPDX-License-Identifier: MIT */
/* A store as bytes: header, blocks, index, trailer. The trailer comes last and commits. */
#include "base/alloc.h"
#include "base/error.h"
#include "store/layout.h"

#include <string.h>

typedef struct output { /* growing bytes of the index */
  const bzd_context *context;
  unsigned char *data;
  size_t size, room;
} output;

static bzd_status add(output *out, const void *data, size_t size) {
  if (size > out->room - out->size) {
    size_t room = 2 * (out->size + size) + 1024;
    unsigned char *grown = bzdi_malloc(out->context, room, 1);
    if (!grown) return bzdi_no_memory("index", room, 1);
    if (out->size > 0) memcpy(grown, out->data, out->size);
    bzdi_free(out->context, out->data);
    out->data = grown;
    out->room = room;
  }
  if (size > 0) memcpy(out->data + out->size, data, size);
  out->size += size;
  return BZD_OK;
}

static bzd_status add_section(output *out, const char type[4], uint32_t flags, const void *payload, size_t size) {
  unsigned char head[16];
  memcpy(head, type, 4);
  bzdi_put32(head + 4, flags);
  bzdi_put64(head + 8, size);
  BZDI_TRY(add(out, head, sizeof head));
  return add(out, payload, size);
}

/* Where a tensor's bytes come from: memory, or block by block from the maker into one block's room. */
typedef struct input {
  const unsigned char *data;
  const bzdi_maker *maker;
  int64_t tag;
  unsigned char *room;
} input;

static bzd_status get_block(const input *in, uint64_t start, uint64_t size, const unsigned char **out) {
  *out = in->data ? in->data + start : in->room;
  return in->data ? BZD_OK : in->maker->make(in->maker->user, in->tag, start, size, in->room);
}

/* One tensor: its blocks to the writer, its record and theirs to the index. */
static bzd_status write_tensor(bzdi_slot *slot, const input *in, bzdi_coder *coder, const bzdi_writer *writer,
                               uint64_t *blocks, uint64_t *offset, output *names, output *tensors, output *records) {
  const bzdi_tensor *tensor = &slot->tensor;
  int planes = bzdi_planes(bzdi_dtype_size(tensor->dtype));
  unsigned char record[BZDI_TENSOR_BYTES] = {0};
  uint64_t count = (tensor->bytes + BZDI_BLOCK - 1) / BZDI_BLOCK, total = 0;
  uint32_t crc = 0;
  bzdi_put32(record, (uint32_t)names->size);
  bzdi_put32(record + 4, (uint32_t)strlen(tensor->name));
  bzdi_put16(record + 8, (uint32_t)tensor->dtype);
  bzdi_put16(record + 10, (uint32_t)tensor->dtype);
  bzdi_put16(record + 12, (uint32_t)tensor->role);
  bzdi_put16(record + 14, (uint32_t)tensor->ndim);
  for (int i = 0; i < tensor->ndim; i++) bzdi_put64(record + 16 + 8 * i, (uint64_t)tensor->shape[i]);
  bzdi_put64(record + 80, *blocks);
  bzdi_put64(record + 88, count);
  bzdi_put64(record + 96, tensor->bytes);
  BZDI_TRY(add(names, tensor->name, strlen(tensor->name)));
  for (uint64_t b = 0; b < count; b++) {
    uint64_t start = b * BZDI_BLOCK, size = tensor->bytes - start < BZDI_BLOCK ? tensor->bytes - start : BZDI_BLOCK;
    const unsigned char *raw, *stored;
    size_t stored_size;
    uint32_t plane[4];
    unsigned char block[BZDI_BLOCK_BYTES] = {0};
    BZDI_TRY(get_block(in, start, size, &raw));
    crc = bzdi_crc32(crc, raw, size);
    BZDI_TRY(bzdi_block_encode(coder, planes, raw, size, &stored, &stored_size, plane));
    BZDI_TRY(writer->write(writer->user, stored, stored_size));
    bzdi_put32(block, (uint32_t)size);
    bzdi_put32(block + 4, bzdi_crc32(0, stored, stored_size));
    for (int p = 0; p < 4; p++) bzdi_put32(block + 8 + 4 * p, plane[p]);
    BZDI_TRY(add(records, block, sizeof block));
    total += stored_size;
  }
  bzdi_put32(record + 104, crc);
  BZDI_TRY(add(tensors, record, sizeof record));
  slot->tensor.stored_bytes = total;
  *blocks += count;
  *offset += total;
  return BZD_OK;
}

static bzd_status write_tensors(bzdi_store *store, bzdi_coder *coder, const bzdi_writer *writer, uint64_t *offset,
                                output *names, output *tensors, output *records) {
  uint64_t blocks = 0;
  for (int64_t i = 0; i < store->slots; i++) {
    bzdi_slot *slot = &store->slot[i];
    uint64_t bytes = slot->made && slot->tensor.bytes > BZDI_BLOCK ? BZDI_BLOCK : slot->tensor.bytes;
    input in = {slot->data, &store->maker, slot->tag, NULL};
    bzd_status status = BZD_OK;
    if (!slot->data) {
      in.room = bzdi_malloc(store->context, bytes, 1);
      if (!in.room) return bzdi_no_memory(slot->tensor.name, bytes, 1);
    }
    if (!slot->data && !slot->made) { /* an opened store is written again */
      status = bzdi_store_read(store, i, in.room);
      in.data = in.room;
    }
    if (status == BZD_OK) status = write_tensor(slot, &in, coder, writer, &blocks, offset, names, tensors, records);
    bzdi_free(store->context, in.room);
    if (status != BZD_OK) return status;
  }
  return BZD_OK;
}

static bzd_status add_entries(const bzdi_store *store, int section, output *payload) {
  for (int64_t i = 0; i < store->entries[section]; i++) {
    const bzdi_entry *entry = &store->entry[section][i];
    unsigned char head[8];
    bzdi_put16(head, (uint32_t)strlen(entry->key));
    head[2] = (unsigned char)entry->type;
    head[3] = (unsigned char)entry->flags;
    bzdi_put32(head + 4, (uint32_t)entry->size);
    BZDI_TRY(add(payload, head, sizeof head));
    BZDI_TRY(add(payload, entry->key, strlen(entry->key)));
    BZDI_TRY(add(payload, entry->value, entry->size));
  }
  return BZD_OK;
}

enum { NAMES, TENSORS, RECORDS, META, STAT, INDEX, OUTPUTS };

static bzd_status write_rest(const bzdi_store *store, uint64_t offset, const bzdi_writer *writer, output *out) {
  output *index = &out[INDEX];
  BZDI_TRY(add_entries(store, BZDI_META, &out[META]));
  BZDI_TRY(add_entries(store, BZDI_STAT, &out[STAT]));
  BZDI_TRY(add_section(index, "STRS", 0, out[NAMES].data, out[NAMES].size));
  BZDI_TRY(add_section(index, "TENS", 0, out[TENSORS].data, out[TENSORS].size));
  BZDI_TRY(add_section(index, "BLKS", 0, out[RECORDS].data, out[RECORDS].size));
  BZDI_TRY(add_section(index, "META", 0, out[META].data, out[META].size));
  BZDI_TRY(add_section(index, "STAT", 0, out[STAT].data, out[STAT].size));
  for (int64_t i = 0; i < store->extras; i++) {
    const bzdi_extra *extra = &store->extra[i];
    BZDI_TRY(add_section(index, (const char *)extra->type, extra->flags, extra->payload, extra->size));
  }
  BZDI_TRY(writer->write(writer->user, index->data, index->size));
  unsigned char tail[BZDI_TAIL_BYTES] = {0};
  memcpy(tail, bzdi_tail_magic, 8);
  bzdi_put64(tail + 8, offset + index->size + BZDI_TAIL_BYTES);
  bzdi_put64(tail + 16, offset);
  bzdi_put64(tail + 24, index->size);
  bzdi_put32(tail + 32, bzdi_crc32(0, index->data, index->size));
  bzdi_put32(tail + 36, (uint32_t)store->slots);
  bzdi_put64(tail + 40, bzdi_store_raw_bytes(store));
  bzdi_put32(tail + 60, bzdi_crc32(0, tail, 60));
  return writer->write(writer->user, tail, sizeof tail);
}

bzd_status bzdi_store_write(bzdi_store *store, const bzdi_writer *writer) {
  output out[OUTPUTS];
  unsigned char head[BZDI_HEAD_BYTES] = {0};
  bzdi_coder *coder;
  uint64_t offset = BZDI_HEAD_BYTES;
  BZDI_TRY(bzdi_coder_new(store->context, &coder));
  for (int i = 0; i < OUTPUTS; i++) out[i] = (output){.context = store->context};
  memcpy(head, bzdi_head_magic, 8);
  bzdi_put16(head + 8, BZDI_MAJOR);
  bzdi_put16(head + 10, BZDI_MINOR);
  bzdi_put32(head + 60, bzdi_crc32(0, head, 60));
  if (store->maker.begin) store->maker.begin(store->maker.user);
  bzd_status status = writer->write(writer->user, head, sizeof head);
  if (status == BZD_OK)
    status = write_tensors(store, coder, writer, &offset, &out[NAMES], &out[TENSORS], &out[RECORDS]);
  if (store->maker.end) {
    bzd_status ended = store->maker.end(store->maker.user, status == BZD_OK ? store : NULL);
    if (status == BZD_OK) status = ended;
  }
  if (status == BZD_OK) status = write_rest(store, offset, writer, out);
  for (int i = 0; i < OUTPUTS; i++) bzdi_free(store->context, out[i].data);
  bzdi_coder_free(coder);
  return status;
}
