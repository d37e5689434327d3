/* SPDX-License-Identifier: MIT */
/* Does error accumulate over rounds? Reflow, one-step and Bezier distillation at equal networks, steps, batches and
 * teacher evaluations a round, with and without real anchoring. A round trains student_steps steps on new paths; those
 * of a mean of velocities are fewer, as each costs an evaluation of every member, those of a mixture are not. */
#include "studies.h"

#include <string.h>

enum { ENSEMBLE = 4 };

/* CHAIN: each round's student teaches the next. FIRST: the first teachers teach every round, whose student starts from
 * the last one's weights. */
enum { CHAIN, FIRST };

static void rounds(struct piece *piece, const char *method, const char *variant, const struct recipe *recipe, int count,
                   struct model *const *teachers, int who, int last_round) {
  struct model *last = NULL;
  for (int round = 1; round <= last_round; round++) {
    struct recipe own = *recipe;
    own.seed = (uint64_t)round;
    int cost = recipe->combine == BZD_COMBINE_MIXTURE ? 1 : count;
    own.paths = (recipe->paths + cost - 1) / cost;
    struct model *next = round == 1     ? make_student(piece, &own, count, teachers, NULL)
                         : who == CHAIN ? make_student(piece, &own, 1, &last, NULL)
                                        : make_student(piece, &own, count, teachers, last);
    score_all(piece, method, variant, round, next);
    last = next;
  }
}

/* The last round of a reflow distilled into one step instead: beside round r of reflow, of the same cost. */
static void one_step_of_reflow(struct piece *piece, const char *variant, const struct recipe *line,
                               const struct recipe *onestep, struct model *teacher, int last_round) {
  for (int round = 1; round <= last_round; round++) {
    struct recipe own = *onestep, straight = *line;
    own.seed = straight.seed = (uint64_t)round;
    score_all(piece, "krf+onestep", variant, round, make_student(piece, &own, 1, &teacher, NULL));
    teacher = make_student(piece, &straight, 1, &teacher, NULL);
  }
}

void run_accumulation(struct piece *piece) {
  struct model *teacher[ENSEMBLE];
  for (int m = 0; m < ENSEMBLE; m++) teacher[m] = make_teacher(piece, m, 1, NULL);
  score_floor(piece);
  score_all(piece, "teacher", "one", 0, teacher[0]);
  for (int anchored = 0; anchored < 2; anchored++) {
    const char *variant = anchored ? "anchored" : "plain";
    /* A round at 28 x 28 takes long: anchored there once. */
    int last = anchored && strcmp(piece->bed->name, "fashion28") == 0 ? 1 : piece->rounds;
    struct recipe line = recipe_reflow(piece), onestep = recipe_onestep(piece), curve = recipe_bezier(piece);
    line.rho = onestep.rho = curve.rho = anchored ? 0.5 : 0;
    rounds(piece, "krf", variant, &line, 1, teacher, CHAIN, last);
    one_step_of_reflow(piece, variant, &line, &onestep, teacher[0], last);
    rounds(piece, "bezier", variant, &curve, 1, teacher, FIRST, last);
    rounds(piece, "bezier-ensemble", variant, &curve, ENSEMBLE, teacher, FIRST, last);
    if (anchored) continue;
    struct recipe mixed = curve;
    mixed.combine = BZD_COMBINE_MIXTURE;
    rounds(piece, "bezier-mixture", variant, &mixed, ENSEMBLE, teacher, FIRST, last);
    rounds(piece, "onestep-first-teacher", variant, &onestep, 1, teacher, FIRST, last);
    if (!piece->bed->ablated) continue;
    rounds(piece, "krf-first-teacher", variant, &line, 1, teacher, FIRST, last);
    rounds(piece, "bezier-chain", variant, &curve, 1, teacher, CHAIN, last);
  }
}
