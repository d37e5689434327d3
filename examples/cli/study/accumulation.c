/* SPDX-License-Identifier: MIT */
/* Does error accumulate over rounds? Reflow and Bezier distillation at equal networks, steps, batches and teacher
 * evaluations, each with and without real anchoring. */
#include "studies.h"

enum { ENSEMBLE = 4 };

/* Round after round, each one's student teaching the next (chain), or all of them the first teachers (not). */
static void rounds(struct piece *piece, const char *method, const char *variant, const struct recipe *recipe, int count,
                   const struct model *teachers, bool chain) {
  struct model last = {0};
  for (int round = 1; round <= piece->rounds; round++) {
    struct recipe own = *recipe;
    own.seed += (uint64_t)round;
    bool first = round == 1;
    struct model next = chain && !first ? make_student(piece, method, &own, 1, &last, NULL)
                                        : make_student(piece, method, &own, count, teachers, first ? NULL : &last);
    score_all(piece, method, variant, round, &next);
    bzd_flow_destroy(last.flow);
    last = next;
  }
  bzd_flow_destroy(last.flow);
}

void run_accumulation(struct piece *piece) {
  struct model teacher[ENSEMBLE];
  for (int m = 0; m < ENSEMBLE; m++) teacher[m] = make_teacher(piece, m, 1, NULL);
  score_all(piece, "teacher", "one", 0, &teacher[0]);
  for (int anchored = 0; anchored < 2; anchored++) {
    const char *variant = anchored ? "anchored" : "plain";
    struct recipe line = recipe_default(piece), curve;
    line.rho = anchored ? 0.5 : 0;
    curve = recipe_bezier(piece);
    curve.rho = line.rho;
    line.kind = BZD_FLOW_VELOCITY;
    line.degree = 1;
    /* k-RF, and one-step distillation of what each round had */
    struct recipe onestep = line;
    onestep.kind = BZD_FLOW_ENDPOINT;
    onestep.training.at_zero = 1;
    struct model last = teacher[0];
    for (int round = 1; round <= piece->rounds; round++) {
      line.seed = onestep.seed = (uint64_t)round;
      struct model distilled = make_student(piece, "onestep", &onestep, 1, &last, NULL);
      score_all(piece, "krf+onestep", variant, round, &distilled);
      bzd_flow_destroy(distilled.flow);
      struct model next = make_student(piece, "krf", &line, 1, &last, NULL);
      score_all(piece, "krf", variant, round, &next);
      if (round > 1) bzd_flow_destroy(last.flow);
      last = next;
    }
    if (piece->rounds > 0) bzd_flow_destroy(last.flow);
    rounds(piece, "bezier", variant, &curve, 1, teacher, false);
    rounds(piece, "bezier-ensemble", variant, &curve, ENSEMBLE, teacher, false);
    if (anchored) continue;
    line.seed = 0;
    rounds(piece, "krf-first-teacher", variant, &line, 1, teacher, false);
    rounds(piece, "bezier-chain", variant, &curve, 1, teacher, true);
  }
  for (int m = 0; m < ENSEMBLE; m++) bzd_flow_destroy(teacher[m].flow);
}
