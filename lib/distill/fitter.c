/* SPDX-License-Identifier: MIT */
#include "distill/fitter.h"

#include "base/alloc.h"
#include "base/error.h"

static void drop(void *self) {
  bzd_fitter *fitter = self;
  bzdi_fit_free(fitter->fit);
}

bzd_status bzdi_fitter_new(const bzd_context *context, int32_t degree, int32_t nodes, const double *times,
                           const double *weights, double ridge, bzd_fitter **out) {
  bzd_fitter *fitter = bzdi_handle_new(context, BZDI_MAGIC_FITTER, sizeof *fitter, drop);
  if (fitter == NULL) return bzdi_no_memory("fitter", 1, sizeof *fitter);
  double *equal = NULL;
  bzd_status status = BZD_OK;
  if (times == NULL) {
    equal = bzdi_malloc(context, (size_t)nodes, sizeof *equal);
    if (equal == NULL)
      status = bzdi_no_memory("fitter times", (size_t)nodes, sizeof *equal);
    else
      for (int32_t k = 0; k < nodes; k++) equal[k] = (double)k / (nodes - 1);
    times = equal;
  }
  if (status == BZD_OK)
    status = bzdi_fit_new(fitter->handle.context, degree, nodes, times, weights, ridge, 1.0, &fitter->fit);
  bzdi_free(context, equal);
  if (status == BZD_OK)
    *out = fitter;
  else
    bzdi_release(fitter);
  return status;
}
