/* SPDX-License-Identifier: MIT */
/* Does error accumulate over rounds? Reflow, one-step and Bezier distillation at equal networks, steps, batches and
 * teacher evaluations a round, with and without real anchoring. A round trains student_steps steps on as many new
 * paths. */
#include "studies.h"

enum { ENSEMBLE = 4 };

/* CHAIN: each round's student teaches the next. FIRST: the first teachers teach every round, whose student starts from
 * the last one's weights. */
enum { CHAIN, FIRST };

static void rounds(struct piece *piece, const char *method, const char *variant, const struct recipe *recipe, int count,
                   const struct model *teachers, int who) {
  struct model last = {0};
  for (int round = 1; round <= piece->rounds; round++) {
    struct recipe own = *recipe;
    own.seed += (uint64_t)round;
    struct model next = round == 1     ? make_student(piece, method, &own, count, teachers, NULL)
                        : who == CHAIN ? make_student(piece, method, &own, 1, &last, NULL)
                                       : make_student(piece, method, &own, count, teachers, &last);
    score_all(piece, method, variant, round, &next);
    bzd_flow_destroy(last.flow);
    last = next;
  }
  bzd_flow_destroy(last.flow);
}

/* What each round of reflow had, distilled into one step: beside round r of reflow, of the same cost. */
static void one_step_of_reflow(struct piece *piece, const char *variant, const struct recipe *line,
                               const struct recipe *onestep, const struct model *teacher) {
  struct model last = *teacher;
  for (int round = 1; round <= piece->rounds; round++) {
    struct recipe own = *onestep, straight = *line;
    own.seed = straight.seed = (uint64_t)round;
    struct model distilled = make_student(piece, "onestep", &own, 1, &last, NULL);
    score_all(piece, "krf+onestep", variant, round, &distilled);
    bzd_flow_destroy(distilled.flow);
    if (round == piece->rounds) break;
    struct model next = make_student(piece, "krf", &straight, 1, &last, NULL);
    if (round > 1) bzd_flow_destroy(last.flow);
    last = next;
  }
  if (piece->rounds > 1) bzd_flow_destroy(last.flow);
}

void run_accumulation(struct piece *piece) {
  struct model teacher[ENSEMBLE];
  for (int m = 0; m < ENSEMBLE; m++) teacher[m] = make_teacher(piece, m, 1, NULL);
  score_all(piece, "teacher", "one", 0, &teacher[0]);
  for (int anchored = 0; anchored < 2; anchored++) {
    const char *variant = anchored ? "anchored" : "plain";
    struct recipe line = recipe_default(piece), onestep, curve = recipe_bezier(piece);
    line.rho = curve.rho = anchored ? 0.5 : 0;
    line.kind = BZD_FLOW_VELOCITY;
    line.degree = 1;
    onestep = line;
    onestep.kind = BZD_FLOW_ENDPOINT;
    onestep.training.at_zero = 1;
    rounds(piece, "krf", variant, &line, 1, teacher, CHAIN);
    one_step_of_reflow(piece, variant, &line, &onestep, teacher);
    rounds(piece, "bezier", variant, &curve, 1, teacher, FIRST);
    rounds(piece, "bezier-ensemble", variant, &curve, ENSEMBLE, teacher, FIRST);
    if (anchored) continue;
    rounds(piece, "krf-first-teacher", variant, &line, 1, teacher, FIRST);
    rounds(piece, "onestep-first-teacher", variant, &onestep, 1, teacher, FIRST);
    rounds(piece, "bezier-chain", variant, &curve, 1, teacher, CHAIN);
    struct recipe few = recipe_one_to_four(piece);
    rounds(piece, "bezier-1to4", variant, &few, 1, teacher, FIRST);
  }
  for (int m = 0; m < ENSEMBLE; m++) bzd_flow_destroy(teacher[m].flow);
}
