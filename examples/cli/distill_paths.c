/* SPDX-License-Identifier: MIT */
/* From teachers to training paths: their data, how they combine, what is fitted to their trajectories. */
#include "distill.h"

#include <math.h>
#include <stdlib.h>

bool distill_learns(const struct distill *distill) {
  return distill->rule == BZD_RULE_ERROR || distill->rule == BZD_RULE_VARIANCE;
}

static bzd_flow *load(const struct common *common, const char *path) {
  bzd_flow *flow = NULL;
  if (path) must(bzd_flow_load(common->context, path, &flow), NULL);
  return flow;
}

void companions_load(struct companions *with, const struct distill *distill) {
  const struct training *training = &distill->training;
  const struct common *common = &training->common;
  struct set *real = &with->real_set, *start = &with->start_set;
  *with = (struct companions){0};
  if (distill->start) {
    set_read(start, distill->start, NULL, NULL, training->toy_count, common->seed + 1);
    with->start = set_data(common, start, 0, start->n);
  }
  if (distill->real) {
    set_read(real, distill->real, training->labels, training->condition, training->toy_count, common->seed);
    int64_t held = 0;
    if (distill_learns(distill)) {
      held = real->n / 5;
      if (held < 1) die("%s: %lld rows, weights are learned from a fifth of them", distill->real, (long long)real->n);
      set_shuffle(real, common->seed);
      bzd_data *rows = set_data(common, real, real->n - held, held);
      must(bzd_source_create_data(rows, with->start, common->seed + 1000, &with->validation), distill->real);
      bzd_data_destroy(rows);
    }
    with->real = set_data(common, real, 0, real->n - held);
  }
  with->visitor = load(common, distill->visitor);
  for (int g = 0; g < distill->guide_count; g++) with->guide[g] = load(common, distill->guides[g]);
}

void companions_free(struct companions *with) {
  bzd_source_destroy(with->validation);
  bzd_data_destroy(with->real);
  bzd_data_destroy(with->start);
  bzd_flow_destroy(with->visitor);
  for (int g = 0; g < MAX_GUIDES; g++) bzd_flow_destroy(with->guide[g]);
  set_free(&with->real_set);
  set_free(&with->start_set);
}

static bzd_ensemble *make_ensemble(const struct distill *distill, const struct companions *with, int count,
                                   bzd_flow *const *teachers) {
  bzd_ensemble_config config;
  must(bzd_ensemble_config_init(&config, sizeof config), NULL);
  double guidance[MAX_TEACHERS];
  for (int i = 0; i < count; i++) guidance[i] = distill->guidance;
  config.combine = distill->combine;
  config.seed = distill->training.common.seed;
  config.guidance = guidance;
  if (count > 1) {
    config.rule = distill->rule;
    config.fixed = distill->rule == BZD_RULE_FIXED ? distill->rule_numbers : NULL;
    if (distill->rule == BZD_RULE_VARIANCE && distill->rule_count > 0) config.bins = (int32_t)distill->rule_numbers[0];
    if (distill->rule == BZD_RULE_CONSENSUS && distill->rule_count > 0) config.temperature = distill->rule_numbers[0];
    config.validation = with->validation;
  }
  if (config.fixed && distill->rule_count != count)
    die("--weights: %d numbers for %d teachers", distill->rule_count, count);
  bzd_ensemble *ensemble;
  must(bzd_ensemble_create(distill->training.common.context, &config, count, (const bzd_flow *const *)teachers,
                           &ensemble),
       NULL);
  return ensemble;
}

static bzd_source *make_source(const struct distill *distill, const struct companions *with,
                               const bzd_ensemble *ensemble) {
  enum { HIGHEST = 8 }; /* degree that a tolerance may choose */
  bzd_fitter_config fitter_config;
  must(bzd_fitter_config_init(&fitter_config, sizeof fitter_config), NULL);
  fitter_config.degree = distill->degree ? distill->degree : HIGHEST;
  fitter_config.nodes = (int32_t)(distill->degree == 1 ? 2 : distill->nodes);
  bzd_fitter *fitter;
  must(bzd_fitter_create(distill->training.common.context, &fitter_config, &fitter), "--degree, --nodes");
  bzd_ensemble_source_config config;
  must(bzd_ensemble_source_config_init(&config, sizeof config), NULL);
  config.guide = distill->guide;
  if (distill->degree == 2) config.guide_times[0] = 0.5;
  if (distill->guide_count) config.guides = (const bzd_flow *const *)with->guide;
  config.seed = distill->training.common.seed;
  config.start = with->start;
  config.real = with->real;
  config.rho = distill->rho >= 0 ? distill->rho : with->real ? 0.5 : 0;
  config.solver = distill->solver;
  config.steps = (int32_t)distill->solver_steps;
  config.windows = (int32_t)distill->windows;
  if (distill->bend >= 0) config.bend = distill->bend;
  config.visitor = with->visitor;
  config.visit_steps = (int32_t)distill->visit_steps;
  if (!distill->degree) config.tolerance = distill->tolerance;
  bzd_source *source;
  must(bzd_source_create_ensemble(ensemble, fitter, &config, &source), NULL);
  bzd_fitter_destroy(fitter);
  if (distill->degree || distill->training.common.quiet) return source;
  bzd_source_info info = {.struct_size = sizeof info};
  must(bzd_source_get_info(source, &info), NULL);
  bool within = info.relative_residual <= distill->tolerance;
  fprintf(stderr, "bezdist: degree %d: relative residual %.3g, tolerance %.3g%s\n", info.degree, info.relative_residual,
          distill->tolerance, within ? "" : " is not reached");
  return source;
}

/* NULL: interrupted. */
static bzd_source *make_pool(const struct distill *distill, const bzd_source *source) {
  const struct common *common = &distill->training.common;
  struct progress progress = {.title = "paths", .quiet = common->quiet};
  bzd_source *pool;
  interrupt_catch();
  bzd_status status = bzd_source_create_pool(source, 0, distill->pool, common->seed, progress_show, &progress, &pool);
  progress_end(&progress);
  if (status == BZD_E_CANCELLED && interrupted()) return NULL;
  must(status, "paths");
  return pool;
}

/* Effective number of teachers; of rules by row along paths that the student is trained on. */
static double effective(const bzd_ensemble *ensemble, const bzd_source *source) {
  enum { ROWS = 1024 };
  bzd_ensemble_info info = {.struct_size = sizeof info};
  bzd_source_info facts = {.struct_size = sizeof facts};
  must(bzd_ensemble_get_info(ensemble, &info), NULL);
  must(bzd_source_get_info(source, &facts), NULL);
  if (!isnan(info.effective)) return info.effective;
  size_t dim = (size_t)facts.dim, cond_dim = (size_t)facts.cond_dim;
  float *paths = must_alloc(ROWS * ((size_t)facts.degree + 1) * dim, sizeof(float)),
        *cond = must_alloc(ROWS * cond_dim, sizeof(float)), *x = must_alloc(ROWS * dim, sizeof(float)), t[ROWS],
        span[2 * ROWS];
  must(bzd_source_get_paths(source, 0, ROWS, paths, cond, span), "paths");
  for (int i = 0; i < ROWS; i++) t[i] = ((float)i + 0.5f) / ROWS;
  must(bzd_path_targets(ROWS, facts.degree, facts.dim, paths, t, x, NULL), NULL);
  for (int i = 0; i < ROWS; i++) t[i] = span[2 * i] + (span[2 * i + 1] - span[2 * i]) * t[i];
  double mean;
  must(bzd_ensemble_effective(ensemble, ROWS, x, t, cond_dim ? cond : NULL, &mean), "--weights");
  free(paths);
  free(cond);
  free(x);
  return mean;
}

bzd_source *distill_paths(const struct distill *distill, const struct companions *with, int count,
                          bzd_flow *const *teachers) {
  bzd_ensemble *ensemble = make_ensemble(distill, with, count, teachers);
  bzd_source *source = make_source(distill, with, ensemble);
  if (distill->pool) {
    bzd_source *pool = make_pool(distill, source);
    bzd_source_destroy(source);
    source = pool;
  }
  if (source && count > 1 && !distill->training.common.quiet)
    fprintf(stderr, "bezdist: effective number of teachers: %.4g of %d\n", effective(ensemble, source), count);
  bzd_ensemble_destroy(ensemble);
  return source;
}
