/* SPDX-License-Identifier: MIT */
/* One block of the codec. First byte: even: planes, size, four plane lengths and stored bytes of the input's own are
 * decoded; odd: the input is encoded, decoded and compared, then one bit of the stored bytes is flipped. */
#include "../fuzz.h"
#include "store/codec.h"

enum { MOST = 16384 };

static bzdi_coder *the_coder(void) {
  static bzdi_coder *coder;
  if (!coder) coder = bzdi_coder_in(fuzz_context(), aligned_alloc(64, (bzdi_coder_bytes() + 63) / 64 * 64));
  CHECK(coder);
  return coder;
}

static void decode(input *in, int planes) {
  size_t size = input_u16(in) % MOST + 1u;
  uint32_t plane[4], total = 0;
  for (int p = 0; p < 4; p++) {
    uint16_t length = input_u16(in); /* bit 15: deflated; 0 in its place: the whole plane */
    plane[p] = length & 0x8000 ? (length & 0x7FFFu) | BZDI_DEFLATED
               : length        ? length
                               : (uint32_t)(size / (size_t)planes);
    if (p >= planes && length == 0) plane[p] = 0;
    total += plane[p] & ~BZDI_DEFLATED;
  }
  if (!bzdi_block_check(planes, size, plane)) return;
  CHECK(total <= size);
  unsigned char *stored = malloc(total), *raw = malloc(size); /* of their own sizes */
  input_bytes(in, stored, total);
  bzd_status status = bzdi_block_decode(the_coder(), planes, stored, plane, raw, size);
  CHECK(status == BZD_OK || status == BZD_E_CORRUPT);
  free(stored);
  free(raw);
}

static void encode(input *in, int planes) {
  uint16_t flip = input_u16(in);
  size_t size = in->left / 4 * 4, total;
  uint32_t plane[4];
  static unsigned char stored[BZDI_STORED], room[BZDI_BLOCK];
  if (size == 0 || size > MOST) return;
  total = bzdi_block_encode(room, planes, in->at, size, stored, plane);
  CHECK(bzdi_block_check(planes, size, plane) && total <= size);
  unsigned char *copy = malloc(total), *raw = malloc(size);
  memcpy(copy, stored, total);
  CHECK(bzdi_block_decode(the_coder(), planes, copy, plane, raw, size) == BZD_OK);
  CHECK(memcmp(raw, in->at, size) == 0);
  copy[flip / 8u % total] ^= (unsigned char)(1 << flip % 8);
  bzd_status status = bzdi_block_decode(the_coder(), planes, copy, plane, raw, size);
  /* The last bits of a deflate stream mean nothing: only the checksum in the file notices them. */
  int deflated = ((plane[0] | plane[1] | plane[2] | plane[3]) & BZDI_DEFLATED) != 0;
  CHECK(deflated ? status == BZD_OK || status == BZD_E_CORRUPT : status == BZD_OK && memcmp(raw, in->at, size) != 0);
  free(copy);
  free(raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const int planes[] = {1, 2, 4, 4};
  input in = {data, size};
  uint8_t kind = input_u8(&in);
  size_t live = (the_coder(), fuzz_host.live);
  if (kind % 2)
    encode(&in, planes[kind / 2 % 4]);
  else
    decode(&in, planes[kind / 2 % 4]);
  CHECK(fuzz_host.live == live);
  return 0;
}
