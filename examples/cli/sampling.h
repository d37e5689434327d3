/* SPDX-License-Identifier: MIT */
/* What sample, eval and demo share about drawing samples. */
#ifndef BEZDIST_CLI_SAMPLING_H
#define BEZDIST_CLI_SAMPLING_H

#include "cli.h"

/* Config for this many evaluations a sample (0: the solver's default) by cli.md's rules; dies where they do not fit. */
void sampling_for(const bzd_flow *flow, int32_t solver, int64_t nfe, double guidance, bzd_sample_config *config);
/* Conditions [n, cond_dim] of --label or --condition (either may be absent: -1, NULL); *cond NULL without. */
void sampling_condition(const bzd_flow *flow, int64_t n, int64_t label, const char *path, float **cond);

#endif
