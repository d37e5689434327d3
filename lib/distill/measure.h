/* SPDX-License-Identifier: MIT */
/* Numbers of a flow itself: how straight its trajectories are, what of the paths it cannot follow, and the energy
 * budget E|X1 - X0|^2 + S(X) = E|Z1 - Z0|^2 + S(Z) + V, X the paths, Z the flow. */
#ifndef BZDI_DISTILL_MEASURE_H
#define BZDI_DISTILL_MEASURE_H

#include "distill/source.h"

typedef struct bzdi_measure {
  double straightness, chord2, arc_over_chord; /* of the flow: S(Z), E|Z1 - Z0|^2, mean of arc / chord - 1 */
  double path_straightness, path_chord2, path_arc_over_chord; /* of the paths; NaN without */
  double crossing_variance;                                   /* V = integral E|X' - v(X_t, t)|^2 dt */
  double budget;                                              /* left side over right side - 1 */
} bzdi_measure;

/* n samples of paths first.. (NULL: from noise of seed first, no path numbers); trajectories of `steps` RK4 steps. */
bzd_status bzdi_measure_flow(const bzd_flow *flow, const bzd_source *paths, int64_t n, int32_t steps, uint64_t seed,
                             bzdi_measure *out);
/* Root mean square distance per coordinate of real rows and their decodings: encoded by `encoder` backwards with the
 * adaptive solver, decoded by `decoder` as solve says; and the same between rows and codes of shuffled pairs for scale
 * is the caller's. rows [n, dim] and cond in model units. */
bzd_status bzdi_measure_drift(const bzd_flow *encoder, const bzd_flow *decoder, const bzdi_solve *decode, int64_t n,
                              const float *rows, const float *cond, double *drift);

#endif
