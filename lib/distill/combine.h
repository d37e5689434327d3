/* SPDX-License-Identifier: MIT */
/* How members' velocities become one. */
#ifndef BZDI_DISTILL_COMBINE_H
#define BZDI_DISTILL_COMBINE_H

#include "distill/ensemble.h"

size_t bzdi_combine_work(const bzd_ensemble *ensemble, int64_t n);
/* Weighted mean at shared (x, t); v or weights [n, count] may be NULL. */
bzd_status bzdi_combine_velocity(const bzd_ensemble *ensemble, const bzdi_eval *eval, float *v, double *weights,
                                 void *work);
/* The constant weights [count] at time t, for rules that do not look at rows. */
void bzdi_combine_weights(const bzd_ensemble *ensemble, double t, double *weights);
/* Each row by the member its sample number draws. */
bzd_status bzdi_combine_mixture(const bzd_ensemble *ensemble, const bzdi_eval *eval, float *v, void *work);
/* After either of them, with the same arguments: BZD_E_NUMERIC naming the first member whose velocity is not finite. */
bzd_status bzdi_combine_check(const bzd_ensemble *ensemble, const bzdi_eval *eval, const float *v, void *work);

#endif
