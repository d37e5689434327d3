/* SPDX-License-Identifier: MIT */
/* The .bzd container (docs/checkpoint-format.md) as an object: named tensors, typed metadata, trainer state. Built by
 * the flow and distill layers and written, or opened from bytes with every check made before anything is believed. */
#ifndef BZDI_STORE_CONTAINER_H
#define BZDI_STORE_CONTAINER_H

#include "store/io.h"

typedef struct bzdi_store bzdi_store;

/* Pinned in files. */
enum {
  BZDI_DTYPE_F32 = 1,
  BZDI_DTYPE_F64 = 2,
  BZDI_DTYPE_BF16 = 3,
  BZDI_DTYPE_I32 = 4,
  BZDI_DTYPE_I64 = 5,
  BZDI_DTYPE_U8 = 6
};
enum {
  BZDI_ROLE_PARAMETER = 1,
  BZDI_ROLE_EMA = 2,
  BZDI_ROLE_MOMENT1 = 3,
  BZDI_ROLE_MOMENT2 = 4,
  BZDI_ROLE_BUFFER = 5,
  BZDI_ROLE_PATHS = 6
};
enum { BZDI_META = 0, BZDI_STAT = 1 };                                           /* sections of key-values */
enum { BZDI_I64 = 1, BZDI_U64 = 2, BZDI_F64 = 3, BZDI_STR = 4, BZDI_BYTES = 5 }; /* types of values */
enum { BZDI_MODEL = 1 }; /* flag of a META value: part of the content id */

typedef struct bzdi_tensor {
  const char *name; /* unique within role: the key is (name, role) */
  int32_t role, dtype, stored_dtype, ndim;
  int64_t shape[8];
  uint64_t bytes;        /* raw */
  uint64_t stored_bytes; /* 0 before it was written */
} bzdi_tensor;

/* Tensors too large to be kept are made when they are asked for. */
typedef struct bzdi_maker {
  void *user;
  /* Bytes offset..offset+size-1 of the tensor with this tag. Safe from any thread, but while the store is written. */
  bzd_status (*make)(void *user, int64_t tag, uint64_t offset, uint64_t size, void *dst);
  /* Both may be NULL. The store is written: all bytes will be asked for in the order of the file. They were (store), or
   * the writing failed (NULL); key-values that are known by then may be set. */
  void (*begin)(void *user);
  bzd_status (*end)(void *user, bzdi_store *store);
  void (*drop)(void *user); /* with the store; may be NULL */
} bzdi_maker;

bzd_status bzdi_store_new(const bzd_context *context, bzdi_store **out);
void bzdi_store_free(bzdi_store *store);

/* The data are copied. Names: UTF-8 without control bytes, 1..255 bytes. */
bzd_status bzdi_store_add(bzdi_store *store, const char *name, int32_t role, int32_t dtype, int32_t ndim,
                          const int64_t *shape, const void *data);
/* One maker a store, which takes its user over. */
void bzdi_store_set_maker(bzdi_store *store, const bzdi_maker *maker);
bzd_status bzdi_store_add_made(bzdi_store *store, const char *name, int32_t role, int32_t dtype, int32_t ndim,
                               const int64_t *shape, int64_t tag);
bzd_status bzdi_store_set_i64(bzdi_store *store, int section, const char *key, int64_t value, int flags);
bzd_status bzdi_store_set_u64(bzdi_store *store, int section, const char *key, uint64_t value, int flags);
bzd_status bzdi_store_set_f64(bzdi_store *store, int section, const char *key, double value, int flags);
bzd_status bzdi_store_set_str(bzdi_store *store, int section, const char *key, const char *value, int flags);
bzd_status bzdi_store_set_bytes(bzdi_store *store, int section, const char *key, const void *value, size_t size,
                                int flags);

/* Missing or of another type: BZD_E_CORRUPT naming section and key. Strings and bytes belong to the store. */
bzd_status bzdi_store_get_i64(const bzdi_store *store, int section, const char *key, int64_t low, int64_t high,
                              int64_t *out);
bzd_status bzdi_store_get_u64(const bzdi_store *store, int section, const char *key, uint64_t *out);
bzd_status bzdi_store_get_f64(const bzdi_store *store, int section, const char *key, double *out);
bzd_status bzdi_store_get_str(const bzdi_store *store, int section, const char *key, const char **out);
bzd_status bzdi_store_get_bytes(const bzdi_store *store, int section, const char *key, const void **out, size_t *size);
int bzdi_store_has(const bzdi_store *store, int section, const char *key);
void bzdi_store_remove(bzdi_store *store, int section, const char *key); /* none: nothing happens */
int64_t bzdi_store_count(const bzdi_store *store, int section);
/* The i-th in file order; value as text for people goes to text. flags and type may be NULL. */
bzd_status bzdi_store_at(const bzdi_store *store, int section, int64_t i, const char **key, int32_t *type, int *flags,
                         char *text, size_t cap);

int64_t bzdi_store_tensors(const bzdi_store *store);
const bzdi_tensor *bzdi_store_tensor(const bzdi_store *store, int64_t i);
/* Index or -1. */
int64_t bzdi_store_find(const bzdi_store *store, const char *name, int32_t role);
/* Decodes tensor i (checks block and tensor crc) into dst of its raw size. Blocks are decoded on all threads of the
 * context; the workspace is kept with the store, so that reading again allocates nothing. */
bzd_status bzdi_store_read(const bzdi_store *store, int64_t i, void *dst);
typedef struct bzdi_want {
  int64_t tensor;
  uint64_t from, to; /* raw bytes from..to-1, whole elements; of a part only the blocks it touches are checked */
  void *dst;
} bzdi_want;
/* Several at once, so that small tensors share the threads. */
bzd_status bzdi_store_read_many(const bzdi_store *store, int64_t count, const bzdi_want *want);
/* float32 parameters kept as bfloat16 from here on (narrow 1), rounded now, or as float32 again (0): what is read and
 * hashed is what will be written. All or none: BZD_E_NUMERIC where a number would become infinite. */
bzd_status bzdi_store_set_narrow(bzdi_store *store, int narrow);
/* 1: more key-values come when the store is written, see bzdi_maker. */
int bzdi_store_unfinished(const bzdi_store *store);
/* Index of (name, role), which must be of dtype f32 and this shape; BZD_E_CORRUPT naming tensor and numbers. */
bzd_status bzdi_store_find_f32(const bzdi_store *store, const char *name, int32_t role, int32_t ndim,
                               const int64_t *shape, int64_t *at);
/* Finds it so, and reads it. */
bzd_status bzdi_store_read_f32(const bzdi_store *store, const char *name, int32_t role, int32_t ndim,
                               const int64_t *shape, float *dst);

/* Ancillary sections, by four letters of which the first is small: kept, not read. The bytes belong to the store.
 * Set copies them; data NULL removes. */
enum {
  BZDI_MOST_EXTRAS = 64,
  BZDI_MOST_EXTRA_BYTES = 24 << 20 /* in all: a reader holds them twice, within its 64 MiB of index */
};
bzd_status bzdi_store_set_extra(bzdi_store *store, const char type[4], const void *data, size_t size);
int64_t bzdi_store_extras(const bzdi_store *store);
void bzdi_store_extra_at(const bzdi_store *store, int64_t i, char type[5], const void **data, size_t *size);

bzd_status bzdi_store_write(bzdi_store *store, const bzdi_writer *writer);
/* Takes the reader over (closes it with the store, or at once on failure). Checks in the order of the format page;
 * reads header, trailer and index, no blocks. limits NULL = defaults. */
bzd_status bzdi_store_open(const bzd_context *context, const bzdi_reader *reader, const bzdi_limits *limits,
                           bzdi_store **out);
/* Reads every block of every tensor. */
bzd_status bzdi_store_verify(const bzdi_store *store);
/* Facts of an opened store's file; 0 for one that was built. */
uint64_t bzdi_store_file_bytes(const bzdi_store *store);
uint64_t bzdi_store_raw_bytes(const bzdi_store *store);
void bzdi_store_version(const bzdi_store *store, uint32_t *major, uint32_t *minor);
/* SHA-256 over the sorted tensor records (name, role, dtype, shape, raw bytes), the STAT entries marked BZDI_MODEL
 * (step, counters, cursor) and the META entries marked BZDI_MODEL. */
bzd_status bzdi_store_content_id(const bzdi_store *store, uint8_t id[32]);

#endif
