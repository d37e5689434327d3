/* SPDX-License-Identifier: MIT */
/* The inside of a store, and the numbers of the file layout (docs/checkpoint-format.md). */
#ifndef BZDI_STORE_LAYOUT_H
#define BZDI_STORE_LAYOUT_H

#include "base/alloc.h"
#include "store/bytes.h"
#include "store/codec.h"
#include "store/container.h"

enum { BZDI_MAJOR = 1, BZDI_MINOR = 0 };
enum { BZDI_HEAD_BYTES = 64, BZDI_TAIL_BYTES = 64, BZDI_TENSOR_BYTES = 128, BZDI_BLOCK_BYTES = 32 };
enum { BZDI_MOST_NAME = 255 };
extern const unsigned char bzdi_head_magic[8], bzdi_tail_magic[8];

typedef struct bzdi_entry { /* a key-value; numbers as their 8 little-endian bytes */
  char *key;
  unsigned char *value;
  size_t size;
  int32_t type, flags;
} bzdi_entry;

typedef struct bzdi_slot {
  bzdi_tensor tensor;                   /* name owned */
  void *data;                           /* in the stored type, owned; NULL when it lies in the file or is made */
  int64_t tag;                          /* what the maker knows it by */
  int32_t made;                         /* 1: its bytes come from the maker */
  uint64_t first_block, blocks, offset; /* in the file */
  uint32_t crc;
} bzdi_slot;

typedef struct bzdi_extra { /* an ancillary section we do not know: kept */
  unsigned char type[4];
  uint32_t flags;
  unsigned char *payload;
  size_t size;
} bzdi_extra;

struct bzdi_store {
  const bzd_context *context; /* retained */
  bzdi_slot *slot;            /* ascending by (name, role) */
  bzdi_entry *entry[2];       /* ascending by key */
  bzdi_extra *extra;          /* ascending by type */
  int64_t slots, slot_room, entries[2], entry_room[2], extras;
  bzdi_maker maker;       /* of a built store; zeros: none */
  bzdi_reader reader;     /* of an opened store */
  unsigned char *records; /* block records of an opened store */
  uint64_t file_bytes;
  uint32_t major, minor;
  bzdi_cache cache; /* the decoder's workspace */
};

size_t bzdi_dtype_size(int32_t dtype); /* 0: unknown */
/* Bytes of a shape, checked; 0: no valid shape (a dimension below 1, or too many bytes). */
uint64_t bzdi_shape_bytes(int32_t dtype, int32_t ndim, const int64_t *shape);
int bzdi_name_is_good(const char *name, size_t length);
uint64_t bzdi_slot_bytes(const bzdi_slot *slot); /* in the stored type */
/* Order of tensors in files. */
int bzdi_slot_order(const char *name, int32_t role, const bzdi_slot *slot);

/* How many blocks are coded at a time: two for each thread, so that one does not wait long for another; a few blocks go
 * one after the other on the caller's thread. */
enum { BZDI_FEW_BLOCKS = 4 };
typedef struct bzdi_lot_size {
  int64_t blocks;
  int32_t coders; /* as many as blocks, or as threads: a coder goes by block or by slot */
} bzdi_lot_size;
bzdi_lot_size bzdi_lot_size_of(const bzd_context *context, uint64_t blocks);

/* The checksum of a block's stored bytes. */
bzd_status bzdi_block_check_stored(const bzdi_slot *slot, uint64_t block, const unsigned char *record,
                                   const void *stored);

#endif
