/* SPDX-License-Identifier: MIT */
/* Interior control points from states of a trajectory at the guide times: three different things, never blurred. */
#ifndef BZDI_DISTILL_GUIDE_H
#define BZDI_DISTILL_GUIDE_H

#include <bezdist/base.h>

/* states, time-major [degree + 1, n, dim]: start, guides, end -> paths [n, degree + 1, dim]. waypoint 0: guides are the
 * control points (any degree; 1: just the two ends); 1: the curve passes them at time[0..degree-2], degree 2 or 3. */
bzd_status bzdi_guide_paths(int32_t degree, int64_t n, int64_t dim, const float *states, int waypoint,
                            const double *time, float *paths);

#endif
