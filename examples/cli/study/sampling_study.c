/* SPDX-License-Identifier: MIT */
/* Which times should a student train at, and what should its errors cost? */
#include "studies.h"

#include <string.h>

struct recipe recipe_bezier(const struct piece *piece) {
  return recipe_default(piece);
}

struct recipe recipe_one_to_four(const struct piece *piece) {
  struct recipe recipe = recipe_default(piece);
  recipe.training.at_zero = 0.5;
  recipe.training.endpoint_weight = 4;
  return recipe;
}

void run_sampling(struct piece *piece) {
  struct model teacher = make_teacher(piece, 0, 1, NULL);
  score_all(piece, "teacher", "one", 0, &teacher);
  struct recipe onestep = recipe_default(piece);
  onestep.kind = BZD_FLOW_ENDPOINT;
  onestep.degree = 1;
  onestep.training.at_zero = 1;
  struct model model = make_student(piece, "onestep", &onestep, 1, &teacher, NULL);
  score_all(piece, "onestep", "at-zero-1", 1, &model);
  bzd_flow_destroy(model.flow);
  static const struct {
    const char *name;
    int32_t time, loss, grid;
    double at_zero, at_grid, end, consistency;
  } tries[] = {
      {"uniform", BZD_TIME_UNIFORM, BZD_LOSS_MSE, 4, 0, 0, 1, 0},
      {"zero-0.25", BZD_TIME_UNIFORM, BZD_LOSS_MSE, 4, 0.25, 0, 1, 0},
      {"zero-0.5", BZD_TIME_UNIFORM, BZD_LOSS_MSE, 4, 0.5, 0, 1, 0},
      {"zero-0.75", BZD_TIME_UNIFORM, BZD_LOSS_MSE, 4, 0.75, 0, 1, 0},
      {"grid-0.5", BZD_TIME_UNIFORM, BZD_LOSS_MSE, 4, 0, 0.5, 1, 0},
      {"zero-0.5-grid-0.25", BZD_TIME_UNIFORM, BZD_LOSS_MSE, 4, 0.5, 0.25, 1, 0},
      {"zero-0.5-end-4", BZD_TIME_UNIFORM, BZD_LOSS_MSE, 4, 0.5, 0, 4, 0},
      {"u-shaped", BZD_TIME_U_SHAPED, BZD_LOSS_MSE, 4, 0, 0, 1, 0},
      {"logit-normal", BZD_TIME_LOGIT_NORMAL, BZD_LOSS_MSE, 4, 0, 0, 1, 0},
      {"loss-aware", BZD_TIME_LOSS_AWARE, BZD_LOSS_MSE, 4, 0, 0, 1, 0},
      {"gram", BZD_TIME_UNIFORM, BZD_LOSS_GRAM, 4, 0, 0, 1, 0},
      {"huber", BZD_TIME_UNIFORM, BZD_LOSS_PSEUDO_HUBER, 4, 0, 0, 1, 0},
      {"consistency-1", BZD_TIME_UNIFORM, BZD_LOSS_MSE, 4, 0, 0, 1, 1},
      {"zero-0.5-consistency-1", BZD_TIME_UNIFORM, BZD_LOSS_MSE, 4, 0.5, 0, 1, 1},
  };
  for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
    struct recipe recipe = recipe_default(piece);
    recipe.training.time = tries[i].time;
    recipe.training.loss = tries[i].loss;
    recipe.training.grid_steps = tries[i].grid;
    recipe.training.at_zero = tries[i].at_zero;
    recipe.training.at_grid = tries[i].at_grid;
    recipe.training.endpoint_weight = tries[i].end;
    recipe.training.consistency = tries[i].consistency;
    model = make_student(piece, "student", &recipe, 1, &teacher, NULL);
    score_all(piece, "bezier", tries[i].name, 1, &model);
    bzd_flow_destroy(model.flow);
  }
  bzd_flow_destroy(teacher.flow);
}
