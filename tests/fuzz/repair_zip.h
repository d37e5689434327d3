/* SPDX-License-Identifier: MIT */
/* A mutator for ZIP files: after each mutation the end record finds the directory, entries find their members, and the
 * checksums of stored members are made true; now and then not. */
#ifndef TESTS_FUZZ_REPAIR_ZIP_H
#define TESTS_FUZZ_REPAIR_ZIP_H

#include "store/bytes.h"
#include "store/codec.h"
#include "store/zip.h"

#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

static inline size_t repair_zip_find(const uint8_t *data, size_t from, size_t to, uint32_t sign) {
  for (; from + 4 <= to; from++)
    if (bzdi_get32(data + from) == sign) return from;
  return to;
}

static inline void repair_zip(uint8_t *data, size_t size) {
  size_t directory = repair_zip_find(data, 0, size, BZDI_ZIP_ENTRY_SIGN), member = 0;
  size_t end = repair_zip_find(data, directory, size, BZDI_ZIP_END_SIGN), count = 0;
  size_t end64 = repair_zip_find(data, directory, end, BZDI_ZIP_END64_SIGN), stop = end64 < end ? end64 : end;
  for (size_t at = directory; stop - at >= BZDI_ZIP_ENTRY && bzdi_get32(data + at) == BZDI_ZIP_ENTRY_SIGN; count++) {
    member = repair_zip_find(data, member, directory, BZDI_ZIP_LOCAL_SIGN);
    if (bzdi_get32(data + at + 42) != BZDI_ZIP_FULL32) bzdi_put32(data + at + 42, (uint32_t)member);
    size_t next = repair_zip_find(data, member + 4, directory, BZDI_ZIP_LOCAL_SIGN);
    size_t head = directory - member < BZDI_ZIP_LOCAL
                      ? 0
                      : BZDI_ZIP_LOCAL + bzdi_get16(data + member + 26) + bzdi_get16(data + member + 28);
    if (head > 0 && head <= next - member && bzdi_get16(data + at + 10) == 0) {
      size_t stored = next - member - head;
      uint32_t crc = bzdi_crc32(0, data + member + head, stored);
      if (bzdi_get32(data + at + 20) != BZDI_ZIP_FULL32) bzdi_put32(data + at + 20, (uint32_t)stored);
      if (bzdi_get32(data + at + 24) != BZDI_ZIP_FULL32) bzdi_put32(data + at + 24, (uint32_t)stored);
      bzdi_put32(data + at + 16, crc);
      memcpy(data + member + 14, data + at + 16, 12);
    }
    at += BZDI_ZIP_ENTRY + bzdi_get16(data + at + 28) + bzdi_get16(data + at + 30) + bzdi_get16(data + at + 32);
    if (at > stop) at = stop;
    member = next;
  }
  if (size - end < BZDI_ZIP_END) return;
  bzdi_put16(data + end + 20, (uint32_t)(size - end - BZDI_ZIP_END));
  if (end64 < end) return;
  bzdi_put16(data + end + 8, (uint32_t)count);
  bzdi_put16(data + end + 10, (uint32_t)count);
  bzdi_put32(data + end + 12, (uint32_t)(end - directory));
  bzdi_put32(data + end + 16, (uint32_t)directory);
}

#ifndef FUZZ_AFL
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, most);
  if (seed % 4) repair_zip(data, size);
  return size;
}
#endif

#endif
