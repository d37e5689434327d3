/* SPDX-License-Identifier: MIT */
/* Studies of one student: degree, anchoring, guides, times and losses, grids. Defaults stand beside every change. */
#include "studies.h"

#include <string.h>

struct recipe recipe_aimed(const struct piece *piece, int32_t nfe) {
  struct recipe recipe = recipe_default(piece);
  must(bzd_trainer_config_aim(&recipe.training, BZD_FLOW_CONTROL, nfe), "aim");
  return recipe;
}

struct recipe recipe_bezier(const struct piece *piece) {
  return recipe_aimed(piece, FEW);
}

struct recipe recipe_reflow(const struct piece *piece) {
  struct recipe recipe = recipe_default(piece);
  recipe.kind = BZD_FLOW_VELOCITY;
  recipe.degree = 1;
  return recipe;
}

struct recipe recipe_onestep(const struct piece *piece) {
  struct recipe recipe = recipe_reflow(piece);
  recipe.kind = BZD_FLOW_ENDPOINT;
  recipe.training.at_zero = 1;
  return recipe;
}

static void one(struct piece *piece, const char *method, const char *variant, const struct recipe *recipe,
                struct model *teacher) {
  score_all(piece, method, variant, 1, make_student(piece, recipe, 1, &teacher, NULL));
}

/* Every study of one student has them beside its own rows. */
static struct model *references(struct piece *piece) {
  struct model *teacher = make_teacher(piece, 0, 1, NULL);
  struct recipe line = recipe_reflow(piece), onestep = recipe_onestep(piece);
  score_floor(piece);
  score_all(piece, "teacher", "one", 0, teacher);
  one(piece, "krf", "once", &line, teacher);
  one(piece, "onestep", "once", &onestep, teacher);
  return teacher;
}

void run_degree(struct piece *piece) {
  struct model *teacher = references(piece);
  static const struct {
    const char *name;
    int32_t kind;
  } kinds[] = {{"control", BZD_FLOW_CONTROL}, {"velocity", BZD_FLOW_VELOCITY}, {"endpoint", BZD_FLOW_ENDPOINT}};
  for (int k = 0; k < 3; k++)
    for (int32_t degree = 1; degree <= 6; degree++) {
      char variant[32];
      struct recipe recipe = kinds[k].kind == BZD_FLOW_CONTROL ? recipe_bezier(piece) : recipe_default(piece);
      recipe.kind = kinds[k].kind;
      recipe.degree = degree;
      snprintf(variant, sizeof variant, "degree %d", (int)degree);
      one(piece, kinds[k].name, variant, &recipe, teacher);
    }
}

void run_anchoring(struct piece *piece) {
  struct model *teacher = references(piece);
  for (int q = 0; q <= 4; q++) {
    char variant[32];
    struct recipe recipe = recipe_bezier(piece);
    recipe.rho = q / 4.0;
    snprintf(variant, sizeof variant, "rho %g", q / 4.0);
    one(piece, "bezier", variant, &recipe, teacher);
  }
}

/* Interior points from the fit, bent in full or less, from states of the trajectory, or from where other teachers send
 * the same x0. */
void run_guides(struct piece *piece) {
  struct model *teacher = references(piece), *three[3] = {teacher};
  for (int m = 1; m < 3; m++) three[m] = make_teacher(piece, m, 1, NULL);
  static const struct {
    const char *name;
    int32_t guide;
  } guides[] = {{"control", BZD_GUIDE_CONTROL}, {"waypoint", BZD_GUIDE_WAYPOINT}};
  for (int32_t degree = 2; degree <= 3; degree++) {
    char method[32];
    snprintf(method, sizeof method, "degree %d", (int)degree);
    for (int q = 0; q <= 4; q++) {
      char variant[32];
      struct recipe recipe = recipe_bezier(piece);
      recipe.degree = degree;
      recipe.bend = q / 4.0;
      snprintf(variant, sizeof variant, "fit bent by %g", recipe.bend);
      one(piece, method, variant, &recipe, teacher);
    }
    for (int g = 0; g < 2; g++)
      for (int ends = 0; ends < 2; ends++) {
        char variant[32];
        struct recipe recipe = recipe_bezier(piece);
        recipe.degree = degree;
        recipe.guide = guides[g].guide;
        recipe.guide_flows = (uint64_t)ends;
        snprintf(variant, sizeof variant, "%s %s", guides[g].name, ends ? "endpoints" : "trajectory");
        score_all(piece, method, variant, 1, make_student(piece, &recipe, ends ? degree : 1, three, NULL));
      }
  }
}

/* The same three with twice the learning rate: whether a comparison is one of methods or of trainings cut short. */
static void faster(struct piece *piece, struct model *teacher) {
  struct recipe line = recipe_reflow(piece), onestep = recipe_onestep(piece), curve = recipe_bezier(piece);
  line.training.rate *= 2;
  onestep.training.rate *= 2;
  curve.training.rate *= 2;
  one(piece, "krf", "twice the rate", &line, teacher);
  one(piece, "onestep", "twice the rate", &onestep, teacher);
  one(piece, "bezier", "aim 4 twice the rate", &curve, teacher);
}

/* What the library sets for an aim, and one change at a time: of the steps' share, then of plain uniform times. */
void run_sampling(struct piece *piece) {
  struct model *teacher = references(piece);
  static const int32_t aims[] = {1, FEW, 16};
  for (int k = 0; k < 3; k++) {
    char variant[32];
    struct recipe recipe = recipe_aimed(piece, aims[k]);
    snprintf(variant, sizeof variant, "aim %d", (int)aims[k]);
    one(piece, "bezier", variant, &recipe, teacher);
  }
  static const struct {
    const char *name;
    int32_t time, loss;
    double at_zero, at_grid, one_step, end, consistency;
  } tries[] = {
      {"quarter steps + consistency", BZD_TIME_UNIFORM, BZD_LOSS_MSE, 0, 0.25, 0.9, 1, 1},
      {"3/4 steps + consistency", BZD_TIME_UNIFORM, BZD_LOSS_MSE, 0, 0.75, 0.9, 1, 1},
      {"half steps .5 + consistency", BZD_TIME_UNIFORM, BZD_LOSS_MSE, 0, 0.5, 0.5, 1, 1},
      {"half steps", BZD_TIME_UNIFORM, BZD_LOSS_MSE, 0, 0.5, 0.9, 1, 0},
      {"steps alone", BZD_TIME_UNIFORM, BZD_LOSS_MSE, 0, 1, 0.9, 1, 0},
      {"uniform", BZD_TIME_UNIFORM, BZD_LOSS_MSE, 0, 0, 0, 1, 0},
      {"zero .5", BZD_TIME_UNIFORM, BZD_LOSS_MSE, 0.5, 0, 0, 1, 0},
      {"zero .5 end 4", BZD_TIME_UNIFORM, BZD_LOSS_MSE, 0.5, 0, 0, 4, 0},
      {"u-shaped", BZD_TIME_U_SHAPED, BZD_LOSS_MSE, 0, 0, 0, 1, 0},
      {"logit-normal", BZD_TIME_LOGIT_NORMAL, BZD_LOSS_MSE, 0, 0, 0, 1, 0},
      {"loss-aware", BZD_TIME_LOSS_AWARE, BZD_LOSS_MSE, 0, 0, 0, 1, 0},
      {"gram", BZD_TIME_UNIFORM, BZD_LOSS_GRAM, 0, 0, 0, 1, 0},
      {"huber", BZD_TIME_UNIFORM, BZD_LOSS_PSEUDO_HUBER, 0, 0, 0, 1, 0},
  };
  for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
    struct recipe recipe = recipe_default(piece);
    recipe.training.time = tries[i].time;
    recipe.training.loss = tries[i].loss;
    recipe.training.at_zero = tries[i].at_zero;
    recipe.training.at_grid = tries[i].at_grid;
    recipe.training.one_step = tries[i].one_step;
    recipe.training.endpoint_weight = tries[i].end;
    recipe.training.consistency = tries[i].consistency;
    one(piece, "bezier", tries[i].name, &recipe, teacher);
  }
  faster(piece, teacher);
}

/* ---- Grids ------------------------------------------------------------------------------------------------------ */

/* The grid of least error on a student's own paths, new ones; of a teacher on curves of degree 6 along its
 * trajectories. */
static void chosen_grid(struct piece *piece, struct model *model, int steps, double *grid) {
  struct recipe curves = recipe_default(piece);
  curves.degree = 6;
  curves.bend = 1;
  struct model *follower = model->is_teacher ? make_student(piece, &curves, 1, &model, NULL) : model;
  bzd_source *paths = model_paths(piece, follower, 78);
  bzd_grid_config config;
  must(bzd_grid_config_init(&config, sizeof config), NULL);
  config.steps = steps;
  config.paths = paths;
  must(bzd_flow_choose_grid(model_flow(piece, model), &config, grid, NULL), model->key);
  bzd_source_destroy(paths);
}

static void on_grids(struct piece *piece, const char *method, struct model *model) {
  bool control = !model->is_teacher && model->recipe.kind == BZD_FLOW_CONTROL;
  for (int steps = 2; steps <= 8; steps *= 2) {
    char name[16];
    double grid[16];
    struct row row;
    struct sampling sampling = {.name = name, .nfe = steps};
    snprintf(name, sizeof name, "%d", steps);
    score(piece, method, "equal steps", 1, model, &sampling);
    snprintf(name, sizeof name, "%d-grid", steps);
    if (row_wanted(piece, method, "chosen grid", 1, model, name, &row)) {
      chosen_grid(piece, model, steps, grid);
      sampling.grid = grid;
      score_now(piece, &row, model, &sampling);
      sampling.grid = NULL;
    }
    if (!control) continue;
    sampling.solver = BZD_SOLVER_REANCHOR;
    snprintf(name, sizeof name, "%d-anchor", steps);
    score(piece, method, "re-anchored", 1, model, &sampling);
    sampling.renoise = 1;
    snprintf(name, sizeof name, "%d-renoise", steps);
    score(piece, method, "re-anchored with fresh noise", 1, model, &sampling);
  }
}

void run_grids(struct piece *piece) {
  struct model *teacher = references(piece);
  struct recipe line = recipe_reflow(piece);
  on_grids(piece, "teacher", teacher);
  on_grids(piece, "krf", make_student(piece, &line, 1, &teacher, NULL));
  for (int32_t degree = 1; degree <= 3; degree++) {
    char method[32];
    struct recipe recipe = recipe_bezier(piece);
    recipe.degree = degree;
    snprintf(method, sizeof method, "control degree %d", (int)degree);
    on_grids(piece, method, make_student(piece, &recipe, 1, &teacher, NULL));
  }
}
