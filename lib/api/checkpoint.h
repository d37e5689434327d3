/* SPDX-License-Identifier: MIT */
/* The checkpoint handle: a store and what it holds. */
#ifndef BZDI_API_CHECKPOINT_H
#define BZDI_API_CHECKPOINT_H

#include "base/handle.h"
#include "store/container.h"

struct bzd_checkpoint {
  bzdi_handle handle;
  bzdi_store *store;
  int32_t kind; /* BZD_CHECKPOINT_ */
};

/* Without a store yet. */
bzd_status bzdi_checkpoint_new(const bzd_context *context, bzd_checkpoint **out);
/* Sets kind from the opened store. */
bzd_status bzdi_checkpoint_read_kind(bzd_checkpoint *checkpoint);
/* i is one of its tensors. */
bzd_status bzdi_checkpoint_check_tensor(const bzd_checkpoint *checkpoint, int64_t i);

#endif
