/* SPDX-License-Identifier: MIT */
/* CRC-32 as zlib, gzip and PNG have it. */
#ifndef BZDI_STORE_CRC_H
#define BZDI_STORE_CRC_H

#include <stddef.h>
#include <stdint.h>

uint32_t bzdi_crc32(uint32_t crc, const void *data, size_t size); /* start with 0 */
/* Of two pieces one after the other, from that of each. */
uint32_t bzdi_crc32_join(uint32_t first, uint32_t second, uint64_t second_size);

/* The inner loop for CPUs with a carry-less product; size is a multiple of 16, at least 64. crc is the register, which
 * is the inverted checksum. */
int bzdi_crc32_can_fold(void);
uint32_t bzdi_crc32_fold(uint32_t crc, const unsigned char *data, size_t size);

#endif
