/* SPDX-License-Identifier: MIT */
/* A mutator for .bzd files: changes bytes, or one number of the index to a hostile one, then makes lengths, counts,
 * offsets and checksums true again; now and then one kind of repair is left out. */
#ifndef TESTS_FUZZ_REPAIR_H
#define TESTS_FUZZ_REPAIR_H

#include "store/layout.h"

#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

enum {
  SKIP_ENDS = 1,
  SKIP_SECTIONS = 2,
  SKIP_NAMES = 4,
  SKIP_SHAPES = 8,
  SKIP_BLOCKS = 16,
  SKIP_DATA = 32,
  SKIP_TENSOR_CRC = 64,
  SKIP_ENTRIES = 128,
  SKIP_INDEX_CRC = 256,
  SKIP_TRAILER = 512,
  SKIP_CRC = 1024
};

enum { STRS, TENS, BLKS, META, STAT, PARTS };
static const char *const repair_names[PARTS] = {"STRS", "TENS", "BLKS", "META", "STAT"};

typedef struct repair_part {
  size_t at, size; /* of the payload */
} repair_part;

static inline size_t repair_find(const uint8_t *data, size_t from, size_t to, const char *word) {
  for (; from + 4 <= to; from++)
    if (memcmp(data + from, word, 4) == 0) return from;
  return to;
}

/* The sections of index..end; one whose length leads nowhere ends where the next name stands. */
static inline int repair_sections(uint8_t *data, size_t index, size_t end, unsigned skip, repair_part part[PARTS]) {
  size_t at = index;
  for (int i = 0; i < PARTS; i++) {
    if (end - at < 16 || memcmp(data + at, repair_names[i], 4) != 0) return 0;
    uint64_t size = bzdi_get64(data + at + 8);
    int follows =
        size <= end - at - 16 &&
        (i == STAT || (end - at - 16 - size >= 16 && memcmp(data + at + 16 + size, repair_names[i + 1], 4) == 0));
    if (!follows) {
      size = (i == STAT ? end : repair_find(data, at + 16, end, repair_names[i + 1])) - at - 16;
      if (!(skip & SKIP_SECTIONS)) bzdi_put64(data + at + 8, size);
    }
    part[i] = (repair_part){at + 16, (size_t)size};
    at += 16 + (size_t)size;
  }
  while (end - at >= 16) { /* ancillary ones: the last takes what is left */
    uint64_t size = bzdi_get64(data + at + 8);
    if (size > end - at - 16 && !(skip & SKIP_SECTIONS)) bzdi_put64(data + at + 8, size = end - at - 16);
    if (size > end - at - 16) break;
    at += 16 + (size_t)size;
  }
  return 1;
}

static inline void repair_entries(uint8_t *data, repair_part part) {
  size_t at = part.at, end = part.at + part.size;
  while (end - at >= 8) {
    size_t key = bzdi_get16(data + at), left = end - at - 8;
    if (key > left) bzdi_put16(data + at, (uint32_t)(key = left < 9 ? left : left - 8));
    size_t value = bzdi_get32(data + at + 4);
    if (value > left - key) bzdi_put32(data + at + 4, (uint32_t)(value = left - key));
    at += 8 + key + value;
  }
}

/* Records of tensors and blocks; returns the stored bytes they add up to, *raw the decoded ones. */
static inline uint64_t repair_records(uint8_t *data, const repair_part part[PARTS], unsigned skip, uint64_t *raw) {
  uint64_t names = 0, block = 0, stored = 0, most = part[BLKS].size / BZDI_BLOCK_BYTES;
  size_t count = part[TENS].size / BZDI_TENSOR_BYTES;
  *raw = 0;
  for (size_t i = 0; i < count; i++) {
    uint8_t *record = data + part[TENS].at + i * BZDI_TENSOR_BYTES;
    if (!(skip & SKIP_NAMES)) {
      uint64_t length = bzdi_get32(record + 4), left = part[STRS].size - names;
      if (length > left || i + 1 == count) bzdi_put32(record + 4, (uint32_t)(length = left));
      bzdi_put32(record, (uint32_t)names);
      names += length;
    }
    int64_t shape[8];
    for (int k = 0; k < 8; k++) shape[k] = (int64_t)bzdi_get64(record + 16 + 8 * k);
    int32_t dtype = (int32_t)bzdi_get16(record + 8);
    uint64_t bytes = bzdi_shape_bytes(dtype, (int32_t)bzdi_get16(record + 14), shape);
    if (bytes > 0 && !(skip & SKIP_SHAPES)) bzdi_put64(record + 96, bytes);
    bytes = bzdi_get64(record + 96);
    *raw += bytes;
    uint64_t blocks = bytes > 0 ? (bytes - 1) / BZDI_BLOCK + 1 : 0;
    if (!(skip & SKIP_BLOCKS)) {
      bzdi_put64(record + 80, block);
      bzdi_put64(record + 88, blocks);
    }
    size_t planes = (size_t)bzdi_planes(bzdi_dtype_size(dtype));
    for (uint64_t b = 0; b < blocks && block < most; b++, block++) {
      uint8_t *at = data + part[BLKS].at + block * BZDI_BLOCK_BYTES;
      size_t size = bytes - b * BZDI_BLOCK < BZDI_BLOCK ? (size_t)(bytes - b * BZDI_BLOCK) : (size_t)BZDI_BLOCK;
      if (!(skip & SKIP_BLOCKS)) bzdi_put32(at, (uint32_t)size);
      for (size_t p = 0; p < 4; p++) {
        uint32_t length = bzdi_get32(at + 8 + 4 * p), own = length & ~BZDI_DEFLATED;
        if (p >= planes)
          length = 0;
        else if (!(length & BZDI_DEFLATED) || own == 0 || own >= size / planes)
          length = (uint32_t)(size / planes);
        if (!(skip & SKIP_BLOCKS)) bzdi_put32(at + 8 + 4 * p, length);
        stored += bzdi_get32(at + 8 + 4 * p) & ~BZDI_DEFLATED;
      }
    }
  }
  return stored;
}

/* Checksums of stored blocks, and of the tensors they decode to. */
static inline void repair_checksums(uint8_t *data, const repair_part part[PARTS], size_t index, unsigned skip) {
  static bzdi_coder *coder;
  static unsigned char raw[BZDI_BLOCK];
  uint64_t block = 0, most = part[BLKS].size / BZDI_BLOCK_BYTES;
  size_t offset = BZDI_HEAD_BYTES;
  if (!coder) coder = bzdi_coder_in(NULL, aligned_alloc(64, (bzdi_coder_bytes() + 63) / 64 * 64));
  for (size_t i = 0; i < part[TENS].size / BZDI_TENSOR_BYTES; i++) {
    uint8_t *record = data + part[TENS].at + i * BZDI_TENSOR_BYTES;
    int planes = bzdi_planes(bzdi_dtype_size((int32_t)bzdi_get16(record + 10))), whole = 1;
    uint32_t crc = 0;
    for (uint64_t b = 0; b < bzdi_get64(record + 88) && block < most; b++, block++) {
      uint8_t *at = data + part[BLKS].at + block * BZDI_BLOCK_BYTES;
      uint32_t plane[4], size = bzdi_get32(at);
      size_t total = 0;
      for (int p = 0; p < 4; p++) total += (plane[p] = bzdi_get32(at + 8 + 4 * p)) & ~BZDI_DEFLATED;
      if (total > index - offset) return;
      bzdi_put32(at + 4, bzdi_crc32(0, data + offset, total));
      whole = whole && bzdi_block_check(planes, size, plane) &&
              bzdi_block_decode(coder, planes, data + offset, plane, raw, size) == BZD_OK;
      if (whole) crc = bzdi_crc32(crc, raw, size);
      offset += total;
    }
    if (whole && !(skip & SKIP_TENSOR_CRC)) bzdi_put32(record + 104, crc);
  }
}

/* Returns the new size, at most `most`. */
static inline size_t repair(uint8_t *data, size_t size, size_t most, unsigned skip) {
  if (size < BZDI_HEAD_BYTES + 16 * PARTS + BZDI_TAIL_BYTES || skip & SKIP_CRC) return size;
  if (!(skip & SKIP_ENDS)) memcpy(data, bzdi_head_magic, 8);
  bzdi_put32(data + 60, bzdi_crc32(0, data, 60));
  size_t end = size - BZDI_TAIL_BYTES, index = repair_find(data, BZDI_HEAD_BYTES, end, "STRS");
  repair_part part[PARTS];
  uint64_t raw = 0;
  int have = repair_sections(data, index, end, skip, part);
  if (have) {
    uint64_t stored = repair_records(data, part, skip, &raw);
    size_t to = stored < most ? (size_t)stored + BZDI_HEAD_BYTES : most;
    if (!(skip & SKIP_DATA) && to != index && to <= most && size - index <= most - to) {
      memmove(data + to, data + index, size - index);
      if (to > index) memset(data + index, 0, to - index);
      for (int i = 0; i < PARTS; i++) part[i].at += to - index; /* modulo 2^64 */
      size += to - index;
      end += to - index;
      index = to;
    }
    repair_checksums(data, part, index, skip);
    if (!(skip & SKIP_ENTRIES)) repair_entries(data, part[META]), repair_entries(data, part[STAT]);
  }
  uint8_t *tail = data + end;
  if (!(skip & SKIP_ENDS)) memcpy(tail, bzdi_tail_magic, 8);
  if (!(skip & SKIP_TRAILER)) {
    bzdi_put64(tail + 8, size);
    bzdi_put64(tail + 16, index);
    bzdi_put64(tail + 24, end - index);
    if (have) bzdi_put32(tail + 36, (uint32_t)(part[TENS].size / BZDI_TENSOR_BYTES)), bzdi_put64(tail + 40, raw);
  }
  if (!(skip & SKIP_INDEX_CRC)) bzdi_put32(tail + 32, bzdi_crc32(0, data + index, end - index));
  bzdi_put32(tail + 60, bzdi_crc32(0, tail, 60));
  return size;
}

static inline uint32_t repair_next(uint32_t *state) { /* xorshift */
  *state ^= *state << 13, *state ^= *state >> 17, *state ^= *state << 5;
  return *state;
}

/* Each of eleven repairs is left out one time in 128. */
static inline unsigned repair_skip(uint32_t *state) {
  uint32_t r = repair_next(state) >> 8;
  return r % 128 < 11 ? 1u << r % 128 : 0;
}

/* A number of 1, 2, 4 or 8 bytes somewhere behind the data. */
static inline void repair_hostile(uint8_t *data, size_t size, uint32_t *state) {
  static const uint64_t values[] = {0,
                                    1,
                                    2,
                                    3,
                                    4,
                                    5,
                                    6,
                                    7,
                                    8,
                                    9,
                                    255,
                                    256,
                                    65535,
                                    65536,
                                    0x7FFFFFFF,
                                    0x80000000,
                                    0xFFFFFFFF,
                                    0x100000000,
                                    UINT64_MAX,
                                    INT64_MAX,
                                    1ull << 62,
                                    1ull << 61,
                                    1ull << 40,
                                    262144,
                                    262145,
                                    0x3FF0000000000000,
                                    0x7FF8000000000000,
                                    0x7FF0000000000000,
                                    0xBFF0000000000000,
                                    0x3FE0000000000000,
                                    0x3F800000,
                                    0x7FC00000};
  size_t index = repair_find(data, BZDI_HEAD_BYTES, size, "STRS"), width = (size_t)1 << repair_next(state) % 4;
  if (repair_next(state) % 16 == 0) index = 0;
  if (size - index < 8) return;
  size_t at = index + repair_next(state) % (size - index - 7);
  uint64_t value = values[repair_next(state) % (sizeof values / sizeof *values)];
  for (size_t i = 0; i < width; i++) data[at + i] = (uint8_t)(value >> 8 * i);
}

#ifdef FUZZ_AFL
/* AFL++ mutates by itself; its post-process function repairs. */
size_t afl_custom_post_process(void *state, uint8_t *data, size_t size, uint8_t **out);
void *afl_custom_init(void *afl, unsigned seed);
void afl_custom_deinit(void *state);
void *afl_custom_init(void *afl, unsigned seed) { return (void)seed, afl; }
void afl_custom_deinit(void *state) { (void)state; }
size_t afl_custom_post_process(void *state, uint8_t *data, size_t size, uint8_t **out) {
  enum { MOST = 1 << 16 };
  static uint8_t copy[MOST];
  (void)state;
  uint32_t seed = bzdi_crc32(0, data, size) | 1;
  if (size > MOST) return *out = data, size;
  memcpy(copy, data, size);
  return *out = copy, repair(copy, size, MOST, repair_skip(&seed));
}
#else
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
  uint32_t state = seed * 2654435761u | 1;
  if (repair_next(&state) % 3 == 0)
    repair_hostile(data, size, &state);
  else
    size = LLVMFuzzerMutate(data, size, most);
  return repair(data, size, most, repair_skip(&state));
}
#endif

#endif
