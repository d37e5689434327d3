/* SPDX-License-Identifier: MIT */
/* As load; but checksums and lengths are repaired after each mutation, so that what lies behind them is reached. */
#include "../look.h"
#include "../repair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  look_file(data, size);
  return 0;
}
