/* SPDX-License-Identifier: MIT */
/* A store as bytes: header, blocks, index, trailer. The trailer comes last and commits. Blocks are encoded in lots on
 * all threads of the context; makers are asked and bytes are written in order, on the caller's thread. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/task.h"
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

typedef struct piece { /* one block on its way */
  bzdi_slot *slot;
  uint64_t block; /* of its tensor */
  const unsigned char *raw;
  size_t size, stored_size;
  uint32_t plane[4], crc, stored_crc; /* crc: of its raw bytes */
} piece;

enum { NAMES, TENSORS, RECORDS, META, STAT, INDEX, OUTPUTS };

typedef struct writing {
  bzdi_store *store;
  const bzdi_writer *writer;
  output *out;                    /* [OUTPUTS] */
  uint64_t blocks, offset, total; /* total: stored bytes of the tensor, up to here */
  uint32_t crc;                   /* of the tensor, up to here */
  int64_t most, count;            /* pieces */
  int32_t coders;
  piece *piece;                /* [most] */
  unsigned char *stored, *raw; /* [most] blocks; raw for what is made, else NULL */
  unsigned char *coder;        /* [coders] blocks: planes */
} writing;

static size_t carve(writing *w, int made, void *memory) {
  bzdi_arena arena = {memory, 0};
  size_t most = (size_t)w->most;
  w->piece = bzdi_arena_take(&arena, most, sizeof *w->piece);
  w->coder = bzdi_arena_take(&arena, (size_t)w->coders, BZDI_BLOCK);
  w->stored = bzdi_arena_take(&arena, most, BZDI_STORED);
  w->raw = made ? bzdi_arena_take(&arena, most, BZDI_BLOCK) : NULL;
  return arena.used;
}

/* ---- Blocks --------------------------------------------------------------------------------------------------- */

static void encode_piece(void *arg, int64_t i, int32_t slot) {
  writing *w = arg;
  piece *p = &w->piece[i];
  unsigned char *room = w->coder + (size_t)(w->coders < w->most ? slot : i) * BZDI_BLOCK;
  unsigned char *stored = w->stored + (size_t)i * BZDI_STORED;
  int planes = bzdi_planes(bzdi_dtype_size(p->slot->tensor.stored_dtype));
  p->crc = bzdi_crc32(0, p->raw, p->size);
  p->stored_size = bzdi_block_encode(room, planes, p->raw, p->size, stored, p->plane);
  p->stored_crc = bzdi_crc32(0, stored, p->stored_size);
}

static bzd_status add_tensor(writing *w, bzdi_slot *slot, uint64_t blocks) {
  const bzdi_tensor *tensor = &slot->tensor;
  output *names = &w->out[NAMES];
  unsigned char record[BZDI_TENSOR_BYTES] = {0};
  bzdi_put32(record, (uint32_t)names->size);
  bzdi_put32(record + 4, (uint32_t)strlen(tensor->name));
  bzdi_put16(record + 8, (uint32_t)tensor->dtype);
  bzdi_put16(record + 10, (uint32_t)tensor->stored_dtype);
  bzdi_put16(record + 12, (uint32_t)tensor->role);
  bzdi_put16(record + 14, (uint32_t)tensor->ndim);
  for (int i = 0; i < tensor->ndim; i++) bzdi_put64(record + 16 + 8 * i, (uint64_t)tensor->shape[i]);
  bzdi_put64(record + 80, w->blocks);
  bzdi_put64(record + 88, blocks);
  bzdi_put64(record + 96, tensor->bytes);
  bzdi_put32(record + 104, w->crc);
  BZDI_TRY(add(names, tensor->name, strlen(tensor->name)));
  BZDI_TRY(add(&w->out[TENSORS], record, sizeof record));
  slot->tensor.stored_bytes = w->total;
  w->blocks += blocks;
  w->offset += w->total;
  w->total = 0;
  return BZD_OK;
}

static uint64_t blocks_of(const bzdi_slot *slot) { return (bzdi_slot_bytes(slot) - 1) / BZDI_BLOCK + 1; }

/* Encodes what is there and writes it. */
static bzd_status flush(writing *w) {
  bzdi_parallel_for(w->store->context, w->count, encode_piece, w);
  for (int64_t i = 0; i < w->count; i++) {
    piece *p = &w->piece[i];
    unsigned char record[BZDI_BLOCK_BYTES] = {0};
    w->crc = p->block == 0 ? p->crc : bzdi_crc32_join(w->crc, p->crc, p->size);
    BZDI_TRY(w->writer->write(w->writer->user, w->stored + (size_t)i * BZDI_STORED, p->stored_size));
    bzdi_put32(record, (uint32_t)p->size);
    bzdi_put32(record + 4, p->stored_crc);
    for (int k = 0; k < 4; k++) bzdi_put32(record + 8 + 4 * k, p->plane[k]);
    BZDI_TRY(add(&w->out[RECORDS], record, sizeof record));
    w->total += p->stored_size;
    if (p->block == blocks_of(p->slot) - 1) BZDI_TRY(add_tensor(w, p->slot, p->block + 1));
  }
  w->count = 0;
  return BZD_OK;
}

/* In memory, or made: its blocks join the lot, which is encoded when it is full. */
static bzd_status write_kept(writing *w, bzdi_slot *slot) {
  const bzdi_maker *maker = &w->store->maker;
  uint64_t bytes = bzdi_slot_bytes(slot);
  for (uint64_t b = 0, start = 0; start < bytes; b++, start += BZDI_BLOCK) {
    size_t size = bytes - start < BZDI_BLOCK ? bytes - start : BZDI_BLOCK;
    unsigned char *room = w->raw ? w->raw + (size_t)w->count * BZDI_BLOCK : NULL;
    w->piece[w->count] = (piece){.slot = slot, .block = b, .size = size};
    w->piece[w->count].raw = slot->made ? room : (const unsigned char *)slot->data + start;
    if (slot->made) BZDI_TRY(maker->make(maker->user, slot->tag, start, size, room));
    if (++w->count == w->most) BZDI_TRY(flush(w));
  }
  return BZD_OK;
}

/* In the file: its blocks are written as they are, with their checksums looked at. */
static bzd_status copy_blocks(writing *w, bzdi_slot *slot) {
  const bzdi_reader *reader = &w->store->reader;
  const unsigned char *record = w->store->records + slot->first_block * BZDI_BLOCK_BYTES;
  uint64_t offset = slot->offset;
  BZDI_TRY(flush(w));
  for (uint64_t b = 0; b < slot->blocks; b++, record += BZDI_BLOCK_BYTES) {
    uint64_t size = 0;
    for (int p = 0; p < 4; p++) size += bzdi_get32(record + 8 + 4 * p) & ~BZDI_DEFLATED;
    BZDI_TRY(reader->read(reader->user, offset, w->stored, size));
    BZDI_TRY(bzdi_block_check_stored(slot, b, record, w->stored));
    BZDI_TRY(w->writer->write(w->writer->user, w->stored, size));
    offset += size;
  }
  BZDI_TRY(add(&w->out[RECORDS], record - slot->blocks * BZDI_BLOCK_BYTES, slot->blocks * BZDI_BLOCK_BYTES));
  w->crc = slot->crc;
  w->total = offset - slot->offset;
  return add_tensor(w, slot, slot->blocks);
}

static bzd_status write_tensors(writing *w) {
  bzdi_store *store = w->store;
  uint64_t blocks = 1; /* room for one to be copied */
  int made = 0;
  for (int64_t i = 0; i < store->slots; i++) {
    blocks += store->slot[i].data || store->slot[i].made ? blocks_of(&store->slot[i]) : 0;
    made = made || store->slot[i].made;
  }
  bzdi_lot_size size = bzdi_lot_size_of(store->context, blocks);
  w->most = size.blocks;
  w->coders = size.coders;
  size_t bytes = carve(w, made, NULL);
  void *memory = bzdi_malloc(store->context, 1, bytes);
  if (!memory) return bzdi_no_memory("encoder", bytes, 1);
  carve(w, made, memory);
  bzd_status status = BZD_OK;
  for (int64_t i = 0; status == BZD_OK && i < store->slots; i++) {
    bzdi_slot *slot = &store->slot[i];
    status = slot->data || slot->made ? write_kept(w, slot) : copy_blocks(w, slot);
  }
  if (status == BZD_OK) status = flush(w);
  bzdi_free(store->context, memory);
  return status;
}

/* ---- Index ---------------------------------------------------------------------------------------------------- */

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
  writing w = {.store = store, .writer = writer, .out = out, .offset = BZDI_HEAD_BYTES};
  unsigned char head[BZDI_HEAD_BYTES] = {0};
  for (int i = 0; i < OUTPUTS; i++) out[i] = (output){.context = store->context};
  memcpy(head, bzdi_head_magic, 8);
  bzdi_put16(head + 8, BZDI_MAJOR);
  bzdi_put16(head + 10, BZDI_MINOR);
  bzdi_put32(head + 60, bzdi_crc32(0, head, 60));
  if (store->maker.begin) store->maker.begin(store->maker.user);
  bzd_status status = writer->write(writer->user, head, sizeof head);
  if (status == BZD_OK) status = write_tensors(&w);
  if (store->maker.end) {
    bzd_status ended = store->maker.end(store->maker.user, status == BZD_OK ? store : NULL);
    if (status == BZD_OK) status = ended;
  }
  if (status == BZD_OK) status = write_rest(store, w.offset, writer, out);
  for (int i = 0; i < OUTPUTS; i++) bzdi_free(store->context, out[i].data);
  return status;
}
