/* SPDX-License-Identifier: MIT */
/* A checkpoint from memory: opened, looked at, verified, written again; every object that it may hold. */
#include "../look.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  look_file(data, size);
  return 0;
}
