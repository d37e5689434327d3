/* SPDX-License-Identifier: MIT */
/* .bzd files taken apart and put together byte by byte, from docs/checkpoint-format.md and with zlib's CRC-32 and
 * inflate alone: what the library would never write. Include it after cmocka.h. */
#ifndef TESTS_SUPPORT_BZD_FILE_H
#define TESTS_SUPPORT_BZD_FILE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { FILE_HEAD = 64, FILE_TAIL = 64, FILE_BLOCK = 262144, FILE_TENSORS = 80, FILE_VALUES = 160, FILE_EXTRAS = 4 };
enum { FILE_STRS, FILE_TENS, FILE_BLKS, FILE_META, FILE_STAT, FILE_SECTIONS };
#define FILE_DEFLATED UINT32_C(0x80000000)

/* ---- Bytes --------------------------------------------------------------------------------------------------- */

typedef struct bytes {
  unsigned char *data;
  size_t size, room;
} bytes;

static inline void bytes_add(bytes *b, const void *data, size_t size) {
  if (b->size + size > b->room) {
    b->room = 2 * (b->size + size);
    b->data = realloc(b->data, b->room);
    assert_non_null(b->data);
  }
  if (size > 0) memcpy(b->data + b->size, data, size);
  b->size += size;
}

static inline void file_put(unsigned char *at, int width, uint64_t value) {
  for (int i = 0; i < width; i++) at[i] = (unsigned char)(value >> (8 * i));
}
static inline uint64_t file_get(const unsigned char *at, int width) {
  uint64_t value = 0;
  for (int i = 0; i < width; i++) value |= (uint64_t)at[i] << (8 * i);
  return value;
}
static inline void bytes_number(bytes *b, int width, uint64_t value) {
  unsigned char number[8];
  file_put(number, width, value);
  bytes_add(b, number, (size_t)width);
}
static inline uint32_t file_crc(const void *data, size_t size) { return (uint32_t)crc32_z(0, data, size); }

/* ---- Parts --------------------------------------------------------------------------------------------------- */

typedef struct file_tensor {
  char name[64];
  uint32_t dtype, role, ndim;
  uint64_t dims[8];
  size_t size;
  unsigned char *data; /* raw */
} file_tensor;

typedef struct file_value {
  int section; /* FILE_META or FILE_STAT */
  char key[64];
  uint32_t type, flags;
  size_t size;
  const unsigned char *value;
} file_value;

typedef struct file_extra {
  char name[5];
  uint32_t flags;
  size_t size;
  const unsigned char *payload;
} file_extra;

/* What a file holds. A copy of the struct shares the bytes: attacks change a copy. */
typedef struct file_parts {
  int tensors, values, extras;
  file_tensor tensor[FILE_TENSORS];
  file_value value[FILE_VALUES];
  file_extra extra[FILE_EXTRAS];
} file_parts;

/* Where things stand in an intact file. */
typedef struct file_map {
  size_t index_at, index_size;
  int sections;
  struct {
    size_t at, size; /* of the payload; its header stands 16 bytes before */
  } section[FILE_SECTIONS + FILE_EXTRAS];
} file_map;

static inline file_map file_look(const bytes *file) {
  file_map map = {0};
  const unsigned char *tail = file->data + file->size - FILE_TAIL;
  map.index_at = file_get(tail + 16, 8);
  map.index_size = file_get(tail + 24, 8);
  for (size_t at = map.index_at; at < map.index_at + map.index_size;) {
    map.section[map.sections].at = at + 16;
    map.section[map.sections].size = file_get(file->data + at + 8, 8);
    at += 16 + map.section[map.sections++].size;
  }
  return map;
}

/* The checksums of header, index and trailer, over the index where it was. */
static inline void file_repair(bytes *file, const file_map *map) {
  unsigned char *tail = file->data + file->size - FILE_TAIL;
  file_put(file->data + 60, 4, file_crc(file->data, 60));
  file_put(tail + 32, 4, file_crc(file->data + map->index_at, map->index_size));
  file_put(tail + 60, 4, file_crc(tail, 60));
}

static inline int file_planes(uint32_t dtype) { return dtype == 1 || dtype == 4 ? 4 : dtype == 3 ? 2 : 1; }
static inline size_t file_element(uint32_t dtype) {
  return dtype == 2 || dtype == 5 ? 8 : dtype == 3 ? 2 : dtype == 6 ? 1 : 4;
}

/* One block to its planes and back. */
static inline void file_split(int planes, const unsigned char *raw, size_t size, unsigned char *out) {
  for (size_t i = 0; i < size / (size_t)planes; i++) {
    uint64_t word = file_get(raw + i * (size_t)planes, planes);
    if (planes == 4) word = (word << 1 | word >> 31) & UINT32_MAX;
    for (int p = 0; p < planes; p++) out[(size_t)p * (size / (size_t)planes) + i] = (unsigned char)(word >> (8 * p));
  }
}
static inline void file_join(int planes, const unsigned char *in, size_t size, unsigned char *raw) {
  for (size_t i = 0; i < size / (size_t)planes; i++) {
    uint64_t word = 0;
    for (int p = 0; p < planes; p++) word |= (uint64_t)in[(size_t)p * (size / (size_t)planes) + i] << (8 * p);
    if (planes == 4) word = (word >> 1 | word << 31) & UINT32_MAX;
    file_put(raw + i * (size_t)planes, planes, word);
  }
}

/* The parts of an intact file whose tensors have one block each; the values point into it. */
static inline file_parts *file_take(const bytes *file) {
  file_parts *parts = calloc(1, sizeof *parts);
  file_map map = file_look(file);
  const unsigned char *names = file->data + map.section[FILE_STRS].at, *blocks = file->data + FILE_HEAD;
  for (size_t i = 0; i < map.section[FILE_TENS].size / 128; i++) {
    const unsigned char *record = file->data + map.section[FILE_TENS].at + 128 * i;
    const unsigned char *block = file->data + map.section[FILE_BLKS].at + 32 * i;
    file_tensor *t = &parts->tensor[parts->tensors++];
    size_t length = file_get(record + 4, 4);
    assert_true(parts->tensors <= FILE_TENSORS && length < sizeof t->name && file_get(record + 88, 8) == 1);
    memcpy(t->name, names, length);
    names += length;
    t->dtype = (uint32_t)file_get(record + 8, 2);
    t->role = (uint32_t)file_get(record + 12, 2);
    t->ndim = (uint32_t)file_get(record + 14, 2);
    for (int d = 0; d < 8; d++) t->dims[d] = file_get(record + 16 + 8 * d, 8);
    t->size = file_get(record + 96, 8);
    t->data = malloc(t->size);
    int planes = file_planes(t->dtype);
    size_t n = t->size / (size_t)planes;
    unsigned char *scratch = malloc(t->size);
    for (int p = 0; p < planes; p++) {
      uint32_t field = (uint32_t)file_get(block + 8 + 4 * p, 4), stored = field & ~FILE_DEFLATED;
      uLongf got = n;
      if (field & FILE_DEFLATED)
        assert_int_equal(uncompress(scratch + (size_t)p * n, &got, blocks, stored), Z_OK);
      else
        memcpy(scratch + (size_t)p * n, blocks, n);
      assert_int_equal(got, n);
      blocks += stored;
    }
    file_join(planes, scratch, t->size, t->data);
    free(scratch);
  }
  for (int s = FILE_META; s <= FILE_STAT; s++) {
    const unsigned char *at = file->data + map.section[s].at, *end = at + map.section[s].size;
    while (at < end) {
      file_value *v = &parts->value[parts->values++];
      size_t length = file_get(at, 2);
      assert_true(parts->values <= FILE_VALUES && length < sizeof v->key);
      v->section = s;
      v->type = at[2];
      v->flags = at[3];
      v->size = file_get(at + 4, 4);
      memcpy(v->key, at + 8, length);
      v->value = at + 8 + length;
      at = v->value + v->size;
    }
  }
  for (int s = FILE_SECTIONS; s < map.sections; s++) {
    file_extra *e = &parts->extra[parts->extras++];
    assert_true(parts->extras <= FILE_EXTRAS);
    const unsigned char *head = file->data + map.section[s].at - 16;
    memcpy(e->name, head, 4);
    e->flags = (uint32_t)file_get(head + 4, 4);
    e->size = map.section[s].size;
    e->payload = file->data + map.section[s].at;
  }
  return parts;
}

static inline void file_parts_free(file_parts *parts) {
  for (int i = 0; i < parts->tensors; i++) free(parts->tensor[i].data);
  free(parts);
}

/* ---- Putting together ---------------------------------------------------------------------------------------- */

static inline void file_head(bytes *out) {
  static const unsigned char magic[12] = {0x89, 'B', 'Z', 'D', 0x0D, 0x0A, 0x1A, 0x0A, 1, 0, 0, 0};
  unsigned char head[FILE_HEAD] = {0};
  out->size = 0;
  memcpy(head, magic, sizeof magic);
  file_put(head + 60, 4, file_crc(head, 60));
  bytes_add(out, head, sizeof head);
}

static inline void file_section(bytes *out, const char *name, uint32_t flags, const void *payload, size_t size) {
  bytes_add(out, name, 4);
  bytes_number(out, 4, flags);
  bytes_number(out, 8, size);
  bytes_add(out, payload, size);
}

/* The index began at index_at. */
static inline void file_tail(bytes *out, size_t index_at, uint64_t tensors, uint64_t raw) {
  unsigned char tail[FILE_TAIL] = "BZDTAIL1";
  file_put(tail + 8, 8, out->size + FILE_TAIL);
  file_put(tail + 16, 8, index_at);
  file_put(tail + 24, 8, out->size - index_at);
  file_put(tail + 32, 4, file_crc(out->data + index_at, out->size - index_at));
  file_put(tail + 36, 4, tensors);
  file_put(tail + 40, 8, raw);
  file_put(tail + 60, 4, file_crc(tail, 60));
  bytes_add(out, tail, sizeof tail);
}

static inline void file_add_value(bytes *out, const file_value *v) {
  bytes_number(out, 2, strlen(v->key));
  bytes_number(out, 1, v->type);
  bytes_number(out, 1, v->flags);
  bytes_number(out, 4, v->size);
  bytes_add(out, v->key, strlen(v->key));
  bytes_add(out, v->value, v->size);
}

/* The planes of a block as they are stored, and their fields of its record. */
static inline void file_pack(const unsigned char *planes, size_t n, int deflate, bytes *out, uint32_t *field) {
  unsigned char *packed = malloc(compressBound(n));
  uLongf size = compressBound(n);
  if (deflate && compress2(packed, &size, planes, n, 9) == Z_OK && size < n) {
    bytes_add(out, packed, size);
    *field = (uint32_t)size | FILE_DEFLATED;
  } else {
    bytes_add(out, planes, n);
    *field = (uint32_t)n;
  }
  free(packed);
}

/* All checksums right. deflate 0: every plane stored as it is. */
static inline void file_make(const file_parts *parts, int deflate, bytes *out) {
  static const char name[FILE_SECTIONS][5] = {"STRS", "TENS", "BLKS", "META", "STAT"};
  bytes section[FILE_SECTIONS] = {{0}};
  uint64_t raw = 0, blocks = 0;
  unsigned char *split = malloc(FILE_BLOCK);
  file_head(out);
  for (int i = 0; i < parts->tensors; i++) {
    const file_tensor *t = &parts->tensor[i];
    uint64_t count = (t->size + FILE_BLOCK - 1) / FILE_BLOCK;
    int planes = file_planes(t->dtype);
    bytes *record = &section[FILE_TENS], *block = &section[FILE_BLKS];
    bytes_number(record, 4, section[FILE_STRS].size);
    bytes_number(record, 4, strlen(t->name));
    bytes_add(&section[FILE_STRS], t->name, strlen(t->name));
    bytes_number(record, 2, t->dtype);
    bytes_number(record, 2, t->dtype);
    bytes_number(record, 2, t->role);
    bytes_number(record, 2, t->ndim);
    for (int d = 0; d < 8; d++) bytes_number(record, 8, t->dims[d]);
    bytes_number(record, 8, blocks);
    bytes_number(record, 8, count);
    bytes_number(record, 8, t->size);
    bytes_number(record, 4, file_crc(t->data, t->size));
    for (int z = 0; z < 5; z++) bytes_number(record, 4, 0);
    for (size_t at = 0; at < t->size; at += FILE_BLOCK) {
      size_t size = t->size - at < FILE_BLOCK ? t->size - at : FILE_BLOCK;
      file_split(planes, t->data + at, size, split);
      uint32_t field[4] = {0};
      size_t start = out->size, n = size / (size_t)planes;
      for (int p = 0; p < planes; p++) file_pack(split + (size_t)p * n, n, deflate, out, &field[p]);
      bytes_number(block, 4, size);
      bytes_number(block, 4, file_crc(out->data + start, out->size - start));
      for (int p = 0; p < 4; p++) bytes_number(block, 4, field[p]);
      bytes_number(block, 8, 0);
    }
    blocks += count;
    raw += t->size;
  }
  for (int i = 0; i < parts->values; i++) file_add_value(&section[parts->value[i].section], &parts->value[i]);
  size_t index_at = out->size;
  for (int s = 0; s < FILE_SECTIONS; s++) file_section(out, name[s], 0, section[s].data, section[s].size);
  for (int i = 0; i < parts->extras; i++)
    file_section(out, parts->extra[i].name, parts->extra[i].flags, parts->extra[i].payload, parts->extra[i].size);
  file_tail(out, index_at, (uint64_t)parts->tensors, raw);
  for (int s = 0; s < FILE_SECTIONS; s++) free(section[s].data);
  free(split);
}

/* A section more, after the others; everything else stays as it is. */
static inline void file_append_section(bytes *file, const char *name, const void *payload, size_t size) {
  file_map map = file_look(file);
  unsigned char *tail = file->data + file->size - FILE_TAIL;
  uint64_t tensors = file_get(tail + 36, 4), raw = file_get(tail + 40, 8);
  file->size -= FILE_TAIL;
  file_section(file, name, 0, payload, size);
  file_tail(file, map.index_at, tensors, raw);
}

#endif
