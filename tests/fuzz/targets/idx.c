/* SPDX-License-Identifier: MIT */
/* IDX, plain and gzipped: opened as this format and by its first bytes, read, written in every format that can hold it.
 */
#include "../look.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  size_t live = (fuzz_context(), fuzz_host.live);
  look_tensor_file(data, size, size % 2 ? BZD_FORMAT_AUTO : BZD_FORMAT_IDX);
  CHECK(fuzz_host.live == live);
  return 0;
}
