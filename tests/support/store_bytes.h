/* SPDX-License-Identifier: MIT */
/* Stores as bytes in memory, for tests. Include it after models.h. */
#ifndef TESTS_SUPPORT_STORE_BYTES_H
#define TESTS_SUPPORT_STORE_BYTES_H

#include "store/bytes.h"
#include "store/codec.h"
#include "store/container.h"

typedef struct store_bytes {
  unsigned char *data;
  size_t size, room, refuse_at; /* refuse_at > 0: fail when the size would pass it */
} store_bytes;

static inline bzd_status store_bytes_append(void *user, const void *data, size_t n) {
  store_bytes *b = user;
  if (b->refuse_at > 0 && b->size + n > b->refuse_at) return bzdi_fail(BZD_E_IO, "no room");
  if (b->size + n > b->room) b->data = realloc(b->data, b->room = 2 * (b->size + n));
  memcpy(b->data + b->size, data, n);
  b->size += n;
  return BZD_OK;
}

static inline store_bytes store_bytes_write(bzdi_store *store) {
  store_bytes b = {0};
  const bzdi_writer writer = {store_bytes_append, &b};
  OK(bzdi_store_write(store, &writer));
  return b;
}

static inline bzd_status store_bytes_open(const bzd_context *context, const store_bytes *b, bzdi_store **out) {
  bzdi_reader reader;
  OK(bzdi_reader_buffer(context, b->data, b->size, &reader));
  return bzdi_store_open(context, &reader, NULL, out);
}

/* Repairs the checksums of index and trailer after a change. */
static inline void store_bytes_repair(store_bytes *b) {
  unsigned char *tail = b->data + b->size - 64;
  bzdi_put32(tail + 32, bzdi_crc32(0, b->data + bzdi_get64(tail + 16), bzdi_get64(tail + 24)));
  bzdi_put32(tail + 60, bzdi_crc32(0, tail, 60));
}

static inline void store_bytes_same(const store_bytes *a, const store_bytes *b) {
  assert_int_equal(a->size, b->size);
  assert_memory_equal(a->data, b->data, a->size);
}

#endif
