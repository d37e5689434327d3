/* SPDX-License-Identifier: MIT */
/* The studies, one function each, and the recipes they agree on. */
#ifndef BEZDIST_CLI_STUDIES_H
#define BEZDIST_CLI_STUDIES_H

#include "study.h"

/* Bezier distillation as the library sets it for nfe evaluations (bzd_trainer_config_aim), degree 2. FEW is what all
 * studies start from. */
enum { FEW = 4 };
struct recipe recipe_aimed(const struct piece *piece, int32_t nfe);
struct recipe recipe_bezier(const struct piece *piece);
/* Reflow: lines, a velocity student; and the same lines at t = 0 alone, an endpoint student. */
struct recipe recipe_reflow(const struct piece *piece);
struct recipe recipe_onestep(const struct piece *piece);

void run_accumulation(struct piece *piece);
void run_degree(struct piece *piece);
void run_anchoring(struct piece *piece);
void run_guides(struct piece *piece);
void run_sampling(struct piece *piece);
void run_grids(struct piece *piece);
void run_teachers(struct piece *piece);
void run_specialists(struct piece *piece);
void run_translation(struct piece *piece);

#endif
