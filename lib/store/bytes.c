/* SPDX-License-Identifier: MIT */
#include "store/bytes.h"

static void put(unsigned char *to, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) to[i] = (unsigned char)(value >> (8 * i));
}
static uint64_t get(const unsigned char *from, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value |= (uint64_t)from[i] << (8 * i);
  return value;
}

void bzdi_put16(unsigned char *to, uint32_t value) { put(to, value, 2); }
void bzdi_put32(unsigned char *to, uint32_t value) { put(to, value, 4); }
void bzdi_put64(unsigned char *to, uint64_t value) { put(to, value, 8); }
uint32_t bzdi_get16(const unsigned char *from) { return (uint32_t)get(from, 2); }
uint32_t bzdi_get32(const unsigned char *from) { return (uint32_t)get(from, 4); }
uint64_t bzdi_get64(const unsigned char *from) { return get(from, 8); }

int bzdi_all_zero(const unsigned char *from, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (from[i] != 0) return 0;
  return 1;
}

int bzdi_is_utf8(const unsigned char *text, size_t size) {
  for (size_t i = 0; i < size;) {
    unsigned char c = text[i];
    int more = c < 0x80 ? 0 : c < 0xC2 ? -1 : c < 0xE0 ? 1 : c < 0xF0 ? 2 : c < 0xF5 ? 3 : -1;
    if (c == 0 || more < 0 || size - i <= (size_t)more) return 0;
    for (int k = 1; k <= more; k++)
      if ((text[i + (size_t)k] & 0xC0) != 0x80) return 0;
    /* Longer than needed, surrogates, beyond U+10FFFF. */
    unsigned char next = more > 0 ? text[i + 1] : 0;
    if ((c == 0xE0 && next < 0xA0) || (c == 0xED && next >= 0xA0) || (c == 0xF0 && next < 0x90) ||
        (c == 0xF4 && next >= 0x90))
      return 0;
    i += (size_t)more + 1;
  }
  return 1;
}

int bzdi_add64(uint64_t *sum, uint64_t value) { return !__builtin_add_overflow(*sum, value, sum); }
int bzdi_mul64(uint64_t *product, uint64_t value) { return !__builtin_mul_overflow(*product, value, product); }

const unsigned char *bzdi_cursor_bytes(bzdi_cursor *cursor, uint64_t count) {
  if (cursor->bad || count > (uint64_t)(cursor->end - cursor->at)) {
    cursor->bad = 1;
    return NULL;
  }
  const unsigned char *at = cursor->at;
  cursor->at += count;
  return at;
}

static uint64_t read_number(bzdi_cursor *cursor, int bytes) {
  const unsigned char *at = bzdi_cursor_bytes(cursor, (uint64_t)bytes);
  return at ? get(at, bytes) : 0;
}

uint32_t bzdi_cursor_u8(bzdi_cursor *cursor) { return (uint32_t)read_number(cursor, 1); }
uint32_t bzdi_cursor_u16(bzdi_cursor *cursor) { return (uint32_t)read_number(cursor, 2); }
uint32_t bzdi_cursor_u32(bzdi_cursor *cursor) { return (uint32_t)read_number(cursor, 4); }
uint64_t bzdi_cursor_u64(bzdi_cursor *cursor) { return read_number(cursor, 8); }
