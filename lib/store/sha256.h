/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4). */
#ifndef BZDI_STORE_SHA256_H
#define BZDI_STORE_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct bzdi_sha256 {
  uint32_t state[8];
  uint64_t bytes;
  unsigned char block[64];
} bzdi_sha256;

void bzdi_sha256_start(bzdi_sha256 *hash);
void bzdi_sha256_add(bzdi_sha256 *hash, const void *data, size_t size);
void bzdi_sha256_end(bzdi_sha256 *hash, uint8_t digest[32]);

#endif
