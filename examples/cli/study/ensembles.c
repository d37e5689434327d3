/* SPDX-License-Identifier: MIT */
/* Studies of several teachers: how many, how they combine and weigh; specialists merged. */
#include "studies.h"

#include <string.h>

static void student_of(struct piece *piece, const char *method, const char *variant, const struct recipe *recipe,
                       int count, struct model *const *teachers) {
  score_all(piece, method, variant, count, make_student(piece, recipe, count, teachers, NULL));
}

/* Round is the number of teachers. Behind "longer": one teacher trained for as many steps as all of them. */
void run_teachers(struct piece *piece) {
  struct model *teacher[MOST_TEACHERS];
  for (int m = 0; m < MOST_TEACHERS; m++) teacher[m] = make_teacher(piece, m, 1, NULL);
  score_floor(piece);
  static const struct {
    const char *name;
    int32_t combine, rule;
  } ways[] = {{"velocity uniform", BZD_COMBINE_VELOCITY, BZD_RULE_UNIFORM},
              {"velocity error", BZD_COMBINE_VELOCITY, BZD_RULE_ERROR},
              {"velocity variance", BZD_COMBINE_VELOCITY, BZD_RULE_VARIANCE},
              {"velocity consensus", BZD_COMBINE_VELOCITY, BZD_RULE_CONSENSUS},
              {"velocity medoid", BZD_COMBINE_VELOCITY, BZD_RULE_MEDOID},
              {"mixture", BZD_COMBINE_MIXTURE, BZD_RULE_UNIFORM},
              {"select", BZD_COMBINE_SELECT, BZD_RULE_UNIFORM},
              {"endpoint", BZD_COMBINE_ENDPOINT, BZD_RULE_UNIFORM}};
  for (int count = 1; count <= MOST_TEACHERS; count *= 2) {
    struct recipe recipe = recipe_bezier(piece);
    struct model *longer = make_teacher(piece, 0, count, NULL);
    score_all(piece, "teacher", "longer", count, longer);
    score_all(piece, "bezier", "longer", count, make_student(piece, &recipe, 1, &longer, NULL));
    const int64_t paths = recipe.paths;
    for (size_t w = 0; w < (count == 1 ? 1 : sizeof ways / sizeof ways[0]); w++) {
      recipe.combine = ways[w].combine;
      recipe.rule = ways[w].rule;
      /* Equal teacher evaluations: a path of all members costs one of each, of a mixture one. */
      recipe.paths = ways[w].combine == BZD_COMBINE_MIXTURE ? paths : (paths + count - 1) / count;
      student_of(piece, "bezier", ways[w].name, &recipe, count, teacher);
    }
  }
}

/* ---- Specialists ---------------------------------------------------------------------------------------------------
 */

/* Four specialists become one student. Of shards: their mean velocity, or a teacher drawn per path. Of classes: a
 * teacher drawn per path, in proportion to its rows. Drawn teachers send one x0 to several ends, so a second round
 * straightens what the first student (a velocity flow, which is their mixture's field) has learned. */
static void merged(struct piece *piece, const char *method, const struct part *part, int32_t combine) {
  struct model *specialist[4], *first;
  double rows[4] = {0};
  struct recipe mixture = recipe_reflow(piece), curve = recipe_bezier(piece);
  for (int m = 0; m < 4; m++) {
    specialist[m] = make_teacher(piece, m, 1, &part[m]);
    for (int64_t i = part[m].first; i < piece->train_n; i += part[m].stride)
      rows[m] += part[m].class_to == part[m].class_from ||
                 (piece->set.labels[i] >= part[m].class_from && piece->set.labels[i] < part[m].class_to);
  }
  curve.combine = combine;
  curve.rule = BZD_RULE_FIXED;
  memcpy(curve.weights, rows, sizeof rows);
  student_of(piece, method, combine == BZD_COMBINE_VELOCITY ? "mean velocity" : "one round", &curve, 4, specialist);
  if (combine == BZD_COMBINE_VELOCITY) return;
  mixture.degree = 3;
  mixture.combine = combine;
  mixture.rule = BZD_RULE_FIXED;
  memcpy(mixture.weights, rows, sizeof rows);
  first = make_student(piece, &mixture, 4, specialist, NULL);
  score_all(piece, method, "merged field", 4, first);
  curve = recipe_bezier(piece);
  score_all(piece, method, "two rounds", 4, make_student(piece, &curve, 1, &first, NULL));
}

void run_specialists(struct piece *piece) {
  static const struct part shards[4] = {{0, 4, 0, 0}, {1, 4, 0, 0}, {2, 4, 0, 0}, {3, 4, 0, 0}};
  static const struct part eight[4] = {{0, 1, 0, 2}, {0, 1, 2, 4}, {0, 1, 4, 6}, {0, 1, 6, 8}};
  static const struct part ten[4] = {{0, 1, 0, 3}, {0, 1, 3, 5}, {0, 1, 5, 8}, {0, 1, 8, 10}};
  struct model *generalist = make_teacher(piece, 0, 1, NULL);
  struct recipe curve = recipe_bezier(piece);
  score_floor(piece);
  score_all(piece, "generalist", "teacher", 1, generalist);
  student_of(piece, "generalist", "student", &curve, 1, &generalist);
  merged(piece, "shards", shards, BZD_COMBINE_VELOCITY);
  merged(piece, "shards", shards, BZD_COMBINE_MIXTURE);
  merged(piece, "classes", piece->set.classes == 8 ? eight : ten, BZD_COMBINE_MIXTURE);
}
