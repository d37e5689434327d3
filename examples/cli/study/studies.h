/* SPDX-License-Identifier: MIT */
/* The studies, one function each, and the recipe they agree on. */
#ifndef BEZDIST_CLI_STUDIES_H
#define BEZDIST_CLI_STUDIES_H

#include "study.h"

/* Bezier distillation for 2 evaluations or more: degree 2, uniform times. */
struct recipe recipe_bezier(const struct piece *piece);
/* One student for 1 to 4: half of its rows at t = 0, its end weighted. */
struct recipe recipe_one_to_four(const struct piece *piece);

void run_accumulation(struct piece *piece);
void run_sampling(struct piece *piece);

#endif
