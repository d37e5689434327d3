/* SPDX-License-Identifier: MIT */
/* Little-endian numbers byte by byte, a cursor that cannot leave its bytes, and checked arithmetic: every number that
 * comes from a file goes through here. */
#ifndef BZDI_STORE_BYTES_H
#define BZDI_STORE_BYTES_H

#include <stddef.h>
#include <stdint.h>

void bzdi_put16(unsigned char *to, uint32_t value);
void bzdi_put32(unsigned char *to, uint32_t value);
void bzdi_put64(unsigned char *to, uint64_t value);
uint32_t bzdi_get16(const unsigned char *from);
uint32_t bzdi_get32(const unsigned char *from);
uint64_t bzdi_get64(const unsigned char *from);

/* 1 when all count bytes are 0. */
int bzdi_all_zero(const unsigned char *from, size_t count);

/* Whether the bytes are UTF-8 as RFC 3629 has it, without NUL. */
int bzdi_is_utf8(const unsigned char *text, size_t size);

/* *sum += value, *product *= value; 0 when that passes 64 bits. */
int bzdi_add64(uint64_t *sum, uint64_t value);
int bzdi_mul64(uint64_t *product, uint64_t value);

/* Reads forwards; after a read past the end `bad` is set and everything reads as 0. */
typedef struct bzdi_cursor {
  const unsigned char *at, *end;
  int bad;
} bzdi_cursor;
const unsigned char *bzdi_cursor_bytes(bzdi_cursor *cursor, uint64_t count); /* NULL when bad */
uint32_t bzdi_cursor_u8(bzdi_cursor *cursor);
uint32_t bzdi_cursor_u16(bzdi_cursor *cursor);
uint32_t bzdi_cursor_u32(bzdi_cursor *cursor);
uint64_t bzdi_cursor_u64(bzdi_cursor *cursor);

#endif
