/* SPDX-License-Identifier: MIT */
/* Picture of the times that training draws, read from the trainer itself: on a path whose velocity at its own time s is
 * s (or 1), squeezed into a millionth of the unit interval, any network's answer is nothing beside the target, and the
 * loss of one row is 10^12 w s^2 (or 10^12 w), w the row's weight. */
#include "ideas.h"

#include <math.h>
#include <string.h>

#define SQUEEZED 1e-6f

static int32_t squeezed(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim, int64_t cond_dim,
                        float *paths, float *cond, float *span) {
  const int32_t *growing = user;
  (void)index, (void)cond_dim, (void)cond;
  memset(paths, 0, (size_t)(n * (degree + 1) * dim) * sizeof(float));
  for (int64_t i = 0; i < n; i++) {
    float *path = paths + i * (degree + 1) * dim; /* s^2 / 2, or s, in the first coordinate */
    path[dim] = *growing ? 0 : 0.5f;
    path[2 * dim] = *growing ? 0.5f : 1;
    span[2 * i] = 0;
    span[2 * i + 1] = SQUEEZED;
  }
  return 0;
}

enum { DRAWS = 24000, BINS = 32 };

/* Shares of DRAWS rows in BINS + 1 bins, the first for rows at 0; weight [BINS]: a row's weight there. */
static void times_of(const struct ideas *ideas, bzd_trainer *trainer, double *density, double *at_zero,
                     double *weight) {
  int32_t flags[2] = {1, 0};
  bzd_source *source[2];
  memset(density, 0, BINS * sizeof *density);
  *at_zero = 0;
  for (int k = 0; k < 2; k++)
    must(bzd_source_create_callback(ideas->common.context, 2, 2, 0, squeezed, &flags[k], &source[k]), "a source");
  for (int i = 0; i < DRAWS; i++) {
    double loss[2];
    for (int k = 0; k < 2; k++)
      must(bzd_trainer_evaluate(trainer, source[k], i, 1, BZD_WEIGHTS_AUTO, &loss[k]), "a time");
    double time = sqrt(loss[0] / loss[1]);
    if (time < 1e-4) { /* the network's answer beside a target of 0 */
      *at_zero += 1.0 / DRAWS;
      continue;
    }
    int bin = (int)fmin(time * BINS, BINS - 1);
    density[bin] += (double)BINS / DRAWS;
    weight[bin] = loss[1] * 2 * (double)SQUEEZED * (double)SQUEEZED;
  }
  for (int k = 0; k < 2; k++) bzd_source_destroy(source[k]);
}

/* Densities of docs/math.md with the trainer's defaults. */
static double density_of(int32_t kind, double t) {
  const double a = 4, pi = 3.14159265358979323846;
  double z = log(t / (1 - t));
  if (kind == BZD_TIME_U_SHAPED) return a * (exp(a * t) + exp(a * (1 - t))) / (2 * (exp(a) - 1));
  if (kind == BZD_TIME_LOGIT_NORMAL) return exp(-z * z / 2) / (sqrt(2 * pi) * t * (1 - t));
  return 1;
}

void draw_times(const struct ideas *ideas) {
  static const struct {
    const char *title;
    int32_t kind;
    double at_grid;
  } kinds[] = {{"uniform, a quarter steps of 1, 2, 4", BZD_TIME_UNIFORM, 0.25},
               {"U-shaped, a = 4", BZD_TIME_U_SHAPED, 0},
               {"logit-normal, mean 0, std 1", BZD_TIME_LOGIT_NORMAL, 0},
               {"loss-aware, after 1500 steps", BZD_TIME_LOSS_AWARE, 0}};
  const double x[2] = {0, 1}, y[2] = {0, 4.6};
  struct picture picture;
  picture_open(&picture, 958, 290, "Densities of the times that training draws");
  for (int i = 0; i < 4; i++) {
    double density[BINS], at_zero, weight[BINS] = {0};
    bzd_trainer_config config = idea_training(1500, 8);
    bzd_flow *fresh = idea_fresh(ideas, 4);
    bzd_source *source;
    bzd_trainer *trainer;
    config.time = kinds[i].kind;
    config.at_grid = kinds[i].at_grid;
    config.one_step = 0.25;
    must(bzd_source_create_data(ideas->target, ideas->start, 5, &source), "data");
    must(bzd_trainer_create(fresh, source, &config, &trainer), "a training");
    if (kinds[i].kind == BZD_TIME_LOSS_AWARE) must(bzd_trainer_run(trainer, 0, NULL, NULL), "a training");
    times_of(ideas, trainer, density, &at_zero, weight);
    bzd_trainer_destroy(trainer);
    bzd_source_destroy(source);
    bzd_flow_destroy(fresh);
    struct panel panel = panel_axes(&picture, 10 + 237 * i, 30, 227, 190, x, y, kinds[i].title);
    for (int b = 0; b < BINS; b++) draw_bar(&panel, (b + 0.08) / BINS, (b + 0.92) / BINS, density[b], "#8fb8d8");
    if (kinds[i].at_grid > 0) {
      float at[2] = {0.03f, 4.2f};
      draw_bar(&panel, 0, 0.02, 4.3, ORANGE);
      draw_words(&panel, at, 4, 4, "start", ORANGE, "%.0f %% of rows at 0", 100 * at_zero);
    }
    float line[2 * 201];
    int n = 0;
    for (int k = 1; k < 200; k++, n++) {
      double t = k / 200.0, p = density_of(kinds[i].kind, t) * (1 - kinds[i].at_grid);
      if (kinds[i].kind == BZD_TIME_LOSS_AWARE) p = 1 / weight[(int)(t * BINS)];
      line[2 * n] = (float)t;
      line[2 * n + 1] = (float)p;
    }
    draw_line(&panel, n, line, 1.8, INK, NULL);
    for (int k = 0; k <= 2; k++)
      write_words(&picture, 10 + 237 * i + 227 * (0.02 + 0.48 * k), 236, "middle", INK, "%g", 0.5 * k);
  }
  write_words(
      &picture, 10, 256, "start", INK,
      "t. Bars: 24000 times that a trainer drew, per unit of t. Lines: the formulas; on the right 1 / (weight of "
      "a row).");
  write_words(&picture, 10, 276, "start", INK,
              "Bars that rise above the line on the left: a row in four is a step of a sampler of 1 (a quarter of "
              "them), 2 or 4 steps.");
  picture_close(&picture, ideas->out, "times");
}
