/* SPDX-License-Identifier: MIT */
/* The studies, one function each, and the recipe they agree on. */
#ifndef BEZDIST_CLI_STUDIES_H
#define BEZDIST_CLI_STUDIES_H

#include "study.h"

/* Bezier distillation as the library does it by default for 1 to 8 evaluations. */
struct recipe recipe_bezier(const struct piece *piece);

void run_accumulation(struct piece *piece);
void run_sampling(struct piece *piece);

#endif
