/* SPDX-License-Identifier: MIT */
/* Weights that are learned from paths: by the error of each teacher, or by its variance over time. */
#ifndef BZDI_DISTILL_ENSEMBLE_WEIGHTS_H
#define BZDI_DISTILL_ENSEMBLE_WEIGHTS_H

#include "distill/source.h"

/* ERROR: rows of n paths at uniform times, the same for all teachers; the least mean square error is subtracted from
 * all, since most of it is common to every teacher, and weights go with 1 / (what is left + its standard error).
 * VARIANCE: in each of `bins` bins of time, weights go with 1 / variance, told from how far a teacher is from the mean
 * of the others. */
bzd_status bzdi_ensemble_learn(bzd_ensemble *ensemble, const bzd_source *paths, int64_t n, int32_t bins);

#endif
