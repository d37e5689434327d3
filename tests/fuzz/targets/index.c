/* SPDX-License-Identifier: MIT */
/* The index alone: opened, names, facts and values read, no block. Repaired like load_repaired. */
#include "../look.h"
#include "../repair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bzd_checkpoint *checkpoint;
  size_t live = (fuzz_context(), fuzz_host.live);
  bzd_status status = bzd_checkpoint_open_buffer(fuzz_context(), data, size, fuzz_limits(), &checkpoint);
  SANE(status);
  CHECK((checkpoint != NULL) == (status == BZD_OK));
  if (checkpoint) look_index(checkpoint);
  bzd_checkpoint_destroy(checkpoint);
  CHECK(fuzz_host.live == live);
  return 0;
}
