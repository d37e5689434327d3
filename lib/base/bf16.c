/* SPDX-License-Identifier: MIT */
#include "base/bf16.h"

#include <string.h>

void bzdi_bf16_to_f32(const void *from, uint64_t count, void *to) {
  for (uint64_t i = 0; i < count; i++) {
    uint16_t bits;
    memcpy(&bits, (const char *)from + 2 * i, sizeof bits);
    uint32_t value = (uint32_t)bits << 16;
    memcpy((char *)to + 4 * i, &value, sizeof value);
  }
}

void bzdi_bf16_from_f32(const void *from, uint64_t count, void *to) {
  for (uint64_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, (const char *)from + 4 * i, sizeof bits);
    uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16, nan = bits >> 16 | 0x40; /* quiet */
    uint16_t half = (uint16_t)((bits & 0x7FFFFFFF) > 0x7F800000 ? nan : rounded);
    memcpy((char *)to + 2 * i, &half, sizeof half);
  }
}
