/* SPDX-License-Identifier: MIT */
/* Tensors out of a store. Blocks are decoded in lots on all threads of the context, each where it belongs; the bytes of
 * a lot are fetched on the caller's thread, and checksums are joined in order there, so that neither callbacks nor
 * texts ever meet a worker. */
#include "base/alloc.h"
#include "base/bf16.h"
#include "base/error.h"
#include "base/task.h"
#include "store/element.h"
#include "store/layout.h"

#include <string.h>

typedef struct piece { /* one block on its way */
  const bzdi_slot *slot;
  const unsigned char *record, *stored;
  uint64_t block;     /* of its tensor */
  size_t skip, take;  /* which of its raw bytes are wanted */
  unsigned char *dst; /* where to; NULL: checked alone */
  int whole;          /* all blocks of the tensor are wanted, so that its checksum can be compared */
  uint32_t crc;       /* of its raw bytes */
  bzd_status status;
} piece;

typedef struct lot { /* blocks at a time, and what decoding them takes */
  const bzdi_store *store;
  int64_t most, count; /* pieces */
  int32_t coders;
  piece *piece;          /* [most] */
  unsigned char *stored; /* [most] blocks; NULL when the file lies in memory */
  unsigned char *coder;  /* [coders] of coder_bytes: a coder, and a block's raw bytes on their way elsewhere */
  size_t coder_bytes;
  uint32_t crc; /* of the tensor, up to here */
} lot;

static size_t carve(lot *l, void *memory) {
  bzdi_arena arena = {memory, 0};
  size_t most = (size_t)l->most;
  l->coder_bytes = bzdi_coder_bytes() + BZDI_BLOCK; /* whole lines of the cache, both */
  l->piece = bzdi_arena_take(&arena, most, sizeof *l->piece);
  l->coder = bzdi_arena_take(&arena, (size_t)l->coders, l->coder_bytes);
  l->stored = l->store->reader.data ? NULL : bzdi_arena_take(&arena, most, BZDI_BLOCK);
  return arena.used;
}

/* ---- A piece -------------------------------------------------------------------------------------------------- */

static uint32_t planes_of(const unsigned char *record, uint32_t plane[4]) {
  uint32_t total = 0;
  for (int p = 0; p < 4; p++) {
    plane[p] = bzdi_get32(record + 8 + 4 * p);
    total += plane[p] & ~BZDI_DEFLATED;
  }
  return total;
}

bzd_status bzdi_block_check_stored(const bzdi_slot *slot, uint64_t block, const unsigned char *record,
                                   const void *stored) {
  uint32_t plane[4], expected = bzdi_get32(record + 4), crc = bzdi_crc32(0, stored, planes_of(record, plane));
  if (crc == expected) return BZD_OK;
  return bzdi_fail(BZD_E_CORRUPT, "tensor %s: checksum of block %llu is %u, expected %u", slot->tensor.name,
                   (unsigned long long)block, crc, expected);
}

static bzd_status decode_piece(const lot *l, piece *p, int64_t coder) {
  const bzdi_tensor *tensor = &p->slot->tensor;
  unsigned char *room = l->coder + (size_t)coder * l->coder_bytes;
  size_t size = bzdi_get32(p->record);
  int as_is = tensor->dtype == tensor->stored_dtype, direct = p->dst && as_is && p->take == size;
  unsigned char *raw = direct ? p->dst : room + l->coder_bytes - BZDI_BLOCK;
  uint32_t plane[4];
  planes_of(p->record, plane);
  BZDI_TRY(bzdi_block_check_stored(p->slot, p->block, p->record, p->stored));
  BZDI_TRY(bzdi_block_decode(bzdi_coder_in(l->store->context, room), bzdi_planes(bzdi_dtype_size(tensor->stored_dtype)),
                             p->stored, plane, raw, size));
  p->crc = bzdi_crc32(0, raw, size);
  if (!p->dst || direct) return BZD_OK;
  if (as_is)
    memcpy(p->dst, raw + p->skip, p->take);
  else
    bzdi_bf16_to_f32(raw + p->skip, p->take / 2, p->dst);
  return BZD_OK;
}

static void run_piece(void *arg, int64_t i, int32_t slot) {
  lot *l = arg;
  l->piece[i].status = decode_piece(l, &l->piece[i], l->coders < l->most ? slot : i);
}

/* Decodes what is there. A failure is repeated here, for its text, which only this thread's caller may see. */
static bzd_status flush(lot *l) {
  bzdi_parallel_for(l->store->context, l->count, run_piece, l);
  for (int64_t i = 0; i < l->count; i++) {
    piece *p = &l->piece[i];
    const bzdi_slot *slot = p->slot;
    if (p->status != BZD_OK) BZDI_TRY(decode_piece(l, p, 0));
    l->crc = p->block == 0 ? p->crc : bzdi_crc32_join(l->crc, p->crc, bzdi_get32(p->record));
    if (p->block == slot->blocks - 1 && p->whole && l->crc != slot->crc)
      return bzdi_fail(BZD_E_CORRUPT, "tensor %s: checksum is %u, expected %u", slot->tensor.name, l->crc, slot->crc);
  }
  l->count = 0;
  return BZD_OK;
}

/* ---- Tensors -------------------------------------------------------------------------------------------------- */

/* What is wanted of a tensor, in bytes of the type it is stored in. */
static bzdi_want narrowed(const bzdi_slot *slot, const bzdi_want *want) {
  size_t raw = bzdi_dtype_size(slot->tensor.dtype), stored = bzdi_dtype_size(slot->tensor.stored_dtype);
  return (bzdi_want){want->tensor, want->from / raw * stored, want->to / raw * stored, want->dst};
}

/* From memory or the maker. */
static bzd_status read_kept(const bzdi_store *store, const bzdi_slot *slot, const bzdi_want *want) {
  bzdi_want part = narrowed(slot, want);
  if (slot->made) return store->maker.make(store->maker.user, slot->tag, want->from, want->to - want->from, want->dst);
  const unsigned char *data = (const unsigned char *)slot->data + part.from;
  if (slot->tensor.dtype == slot->tensor.stored_dtype)
    memcpy(want->dst, data, part.to - part.from);
  else
    bzdi_bf16_to_f32(data, (part.to - part.from) / 2, want->dst);
  return BZD_OK;
}

/* From the file: the blocks that are touched join the lot, which is decoded when it is full. */
static bzd_status read_blocks(lot *l, const bzdi_slot *slot, const bzdi_want *want) {
  const bzdi_reader *reader = &l->store->reader;
  bzdi_want part = narrowed(slot, want);
  size_t wider = slot->tensor.dtype == slot->tensor.stored_dtype ? 1 : 2;
  uint64_t offset = slot->offset, first = part.from / BZDI_BLOCK;
  const unsigned char *record = l->store->records + slot->first_block * BZDI_BLOCK_BYTES;
  for (uint64_t b = 0; b * BZDI_BLOCK < part.to; b++, record += BZDI_BLOCK_BYTES) {
    uint32_t plane[4], total = planes_of(record, plane);
    if (b >= first) {
      piece *p = &l->piece[l->count];
      uint64_t start = b * BZDI_BLOCK, end = start + bzdi_get32(record);
      uint64_t from = start > part.from ? start : part.from, to = end < part.to ? end : part.to;
      *p = (piece){.slot = slot, .record = record, .block = b, .skip = from - start, .take = to - from};
      p->whole = part.from == 0 && want->to == slot->tensor.bytes;
      if (want->dst) p->dst = (unsigned char *)want->dst + wider * (from - part.from);
      if (reader->data) {
        p->stored = reader->data + offset;
      } else {
        unsigned char *room = l->stored + (size_t)l->count * BZDI_BLOCK;
        BZDI_TRY(reader->read(reader->user, offset, room, total));
        p->stored = room;
      }
      if (++l->count == l->most) BZDI_TRY(flush(l));
    }
    offset += total;
  }
  return BZD_OK;
}

static int in_file(const bzdi_slot *slot) { return !slot->data && !slot->made; }

static bzdi_want nth(const bzdi_store *store, const bzdi_want *want, int64_t i) {
  return want ? want[i] : (bzdi_want){i, 0, store->slot[i].tensor.bytes, NULL};
}

/* want NULL: everything that lies in the file is checked. */
static bzd_status run(const bzdi_store *store, int64_t count, const bzdi_want *want) {
  uint64_t blocks = 0;
  for (int64_t i = 0; i < count; i++) {
    bzdi_want one = nth(store, want, i), part = narrowed(&store->slot[one.tensor], &one);
    if (!in_file(&store->slot[one.tensor]))
      BZDI_TRY(want ? read_kept(store, &store->slot[one.tensor], &one) : BZD_OK);
    else
      blocks += (part.to + BZDI_BLOCK - 1) / BZDI_BLOCK - part.from / BZDI_BLOCK;
  }
  if (blocks == 0) return BZD_OK;
  bzdi_lot_size size = bzdi_lot_size_of(store->context, blocks);
  lot l = {.store = store, .most = size.blocks, .coders = size.coders};
  size_t bytes = carve(&l, NULL);
  bzdi_cache *cache = &((bzdi_store *)(uintptr_t)store)->cache; /* no change a reader can see */
  void *memory = bzdi_cache_take(cache, store->context, bytes);
  if (!memory) return bzdi_no_memory("decoder", bytes, 1);
  carve(&l, memory);
  bzd_status status = BZD_OK;
  for (int64_t i = 0; status == BZD_OK && i < count; i++) {
    bzdi_want one = nth(store, want, i);
    if (in_file(&store->slot[one.tensor])) status = read_blocks(&l, &store->slot[one.tensor], &one);
  }
  if (status == BZD_OK) status = flush(&l);
  bzdi_cache_give(cache, store->context, memory);
  return status;
}

bzd_status bzdi_store_read_many(const bzdi_store *store, int64_t count, const bzdi_want *want) {
  return run(store, count, want);
}

bzd_status bzdi_store_read(const bzdi_store *store, int64_t i, void *dst) {
  bzdi_want want = {i, 0, store->slot[i].tensor.bytes, dst};
  return run(store, 1, &want);
}

bzd_status bzdi_store_verify(const bzdi_store *store) { return run(store, store->slots, NULL); }
