/* SPDX-License-Identifier: MIT */
/* The fitter handle: a fit matrix (num/lsq.h) that many threads share. */
#ifndef BZDI_DISTILL_FITTER_H
#define BZDI_DISTILL_FITTER_H

#include "base/handle.h"
#include "num/lsq.h"

struct bzd_fitter {
  bzdi_handle handle;
  bzdi_fit *fit;
};

/* Arguments as bzdi_fit_new, checked by the caller; times NULL: equal distances. */
bzd_status bzdi_fitter_new(const bzd_context *context, int32_t degree, int32_t nodes, const double *times,
                           const double *weights, double ridge, bzd_fitter **out);

#endif
