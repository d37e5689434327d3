/* SPDX-License-Identifier: MIT */
/* Scores of a model: rows of the piece's CSV. */
#include "study.h"

#include "sampling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Rows that are wanted, kept, and written --------------------------------------------------------------------- */

bool row_wanted(struct piece *piece, const char *method, const char *variant, int round, const struct model *model,
                const char *sampling, struct row *row) {
  struct row known;
  bool found = false, written = false; /* measured; under this name too */
  for (size_t i = piece->old.n; i > 0 && !written; i--) {
    const struct row *old = &piece->old.row[i - 1];
    if (strcmp(old->sampling, sampling) != 0 || strcmp(old->model, model ? model->key : "data") != 0) continue;
    written = strcmp(old->method, method) == 0 && strcmp(old->variant, variant) == 0 && old->round == round;
    if (!found || written) known = *old;
    found = true;
  }
  if (!found) row_clear(&known);
  *row = known;
  snprintf(row->study, sizeof row->study, "%s", piece->study);
  snprintf(row->data, sizeof row->data, "%s", piece->bed->name);
  snprintf(row->method, sizeof row->method, "%s", method);
  snprintf(row->variant, sizeof row->variant, "%s", variant);
  snprintf(row->sampling, sizeof row->sampling, "%s", sampling);
  snprintf(row->model, sizeof row->model, "%s", model ? model->key : "data");
  row->seed = piece->seed;
  row->round = round;
  row->value[STEPS] = model ? model->steps : 0;
  if (found) {
    if (piece->planning) return false;
    rows_add(&piece->kept, row);
    if (written) return false;
    rows_add(&piece->old, row);
    rows_write(piece->csv, row);
    fflush(piece->csv);
    return false;
  }
  piece->planned += piece->planning;
  return !piece->planning;
}

void row_done(struct piece *piece, struct row *row) {
  rows_add(&piece->kept, row);
  rows_add(&piece->old, row);
  rows_write(piece->csv, row);
  fflush(piece->csv);
  piece->measured++;
  double gone = clock_seconds() - piece->began;
  if (!piece->common.quiet)
    fprintf(stderr, "%s %s %llu: %d of %d rows, about %.0f min left; %s %s round %d at %s: sw2 %.4g\n", piece->study,
            piece->bed->name, (unsigned long long)piece->seed, piece->measured, piece->planned,
            gone / piece->measured * (piece->planned - piece->measured) / 60, row->method, row->variant, row->round,
            row->sampling, row->value[SW2]);
}

/* ---- What is measured -------------------------------------------------------------------------------------------- */

static void modes(int64_t n, const float *rows, double *within, double *off) {
  double sum = 0;
  int64_t inside = 0, far = 0;
  for (int64_t i = 0; i < n; i++) {
    double least = INFINITY;
    for (int k = 0; k < 8; k++) {
      double angle = 3.14159265358979323846 * k / 4;
      double dx = (double)rows[2 * i] - 2 * cos(angle), dy = (double)rows[2 * i + 1] - 2 * sin(angle);
      least = fmin(least, dx * dx + dy * dy);
    }
    far += least > 0.6 * 0.6;
    if (least > 0.6 * 0.6) continue;
    inside++;
    sum += least;
  }
  *within = sqrt(sum / (2 * (double)inside));
  *off = (double)far / (double)n;
}

void measure_samples(struct piece *piece, struct row *row, const float *samples, int64_t n) {
  bzd_metrics_config config;
  must(bzd_metrics_config_init(&config, sizeof config), NULL);
  config.which =
      BZD_METRIC_SW2 | BZD_METRIC_ENERGY | BZD_METRIC_FRECHET | BZD_METRIC_PRECISION_RECALL | BZD_METRIC_TOTAL_VARIANCE;
  bzd_metrics_result result = {.struct_size = sizeof result};
  must(bzd_metrics_compare(piece->common.context, &config, piece->set.dim, n, samples, piece->real_n, piece->real,
                           &result),
       row->model);
  double *value = row->value;
  value[SW2] = result.sw2;
  value[ENERGY] = result.energy;
  value[FRECHET] = result.frechet;
  value[FRECHET_MATCHED] = result.frechet_matched;
  value[VARIANCE] = result.total_variance;
  value[VARIANCE_REAL] = result.total_variance_b;
  value[PRECISION] = result.precision;
  value[RECALL] = result.recall;
  if (strcmp(piece->bed->data, "toy:8gaussians") == 0) modes(n, samples, &value[MODE_STD], &value[OFF_MODE]);
}

/* Trajectories, energy budget and drift, on paths that training has not seen. */
static void measure_flow(struct piece *piece, struct model *model, struct row *row) {
  bzd_flow_metrics_config config;
  must(bzd_flow_metrics_config_init(&config, sizeof config), NULL);
  config.rows = piece->set.dim > 2 ? 512 : 2048;
  if (config.rows > piece->samples) config.rows = piece->samples;
  config.steps = 32;
  bool windows = model->recipe.windows > 1; /* paths with times of their own have no budget */
  bzd_source *paths = windows ? NULL : model_paths(piece, model, 77);
  config.paths = paths;
  config.real = piece->data;
  bzd_flow_metrics result = {.struct_size = sizeof result};
  must(bzd_metrics_flow(model_flow(piece, model), &config, &result), model->key);
  bzd_source_destroy(paths);
  row->value[STRAIGHTNESS] = result.straightness;
  row->value[ARC] = result.arc_over_chord;
  row->value[CROSSING] = result.crossing_variance;
  row->value[BUDGET] = result.budget;
  row->value[DRIFT] = result.drift;
  if (model->count < 2 || model->recipe.guide_flows) return;
  bzd_ensemble *ensemble = model_ensemble(piece, model);
  bzd_ensemble_info info = {.struct_size = sizeof info};
  must(bzd_ensemble_get_info(ensemble, &info), model->key);
  row->value[TEACHERS] = info.effective;
  bzd_ensemble_destroy(ensemble);
}

void score_now(struct piece *piece, struct row *row, struct model *model, const struct sampling *sampling) {
  bzd_flow *flow = model_flow(piece, model);
  float *samples = must_alloc((size_t)(piece->samples * piece->set.dim), sizeof(float));
  bzd_sample_config config;
  sampling_for(flow, sampling->nfe == 0 ? BZD_SOLVER_DOPRI5 : sampling->solver, sampling->nfe, 1, &config);
  if (sampling->grid) config.grid = sampling->grid, config.grid_count = config.steps + 1;
  config.renoise = sampling->renoise;
  config.seed = 7777 + piece->seed;
  bzd_sample_result result = {.struct_size = sizeof result};
  must(bzd_flow_sample(flow, &config, piece->samples, piece->x0, NULL, samples, &result), model->key);
  row->value[NFE] = result.nfe_mean;
  measure_samples(piece, row, samples, piece->samples);
  if (sampling->nfe == 0) measure_flow(piece, model, row);
  free(samples);
  row_done(piece, row);
}

void score(struct piece *piece, const char *method, const char *variant, int round, struct model *model,
           const struct sampling *sampling) {
  struct row row;
  if (row_wanted(piece, method, variant, round, model, sampling->name, &row)) score_now(piece, &row, model, sampling);
}

void score_all(struct piece *piece, const char *method, const char *variant, int round, struct model *model) {
  static const struct sampling all[] = {{.name = "1", .nfe = 1},
                                        {.name = "2", .nfe = 2},
                                        {.name = "4", .nfe = 4},
                                        {.name = "8", .nfe = 8},
                                        {.name = "ode"}};
  bool endpoint = !model->is_teacher && model->recipe.kind == BZD_FLOW_ENDPOINT;
  for (int k = 0; k < (endpoint ? 1 : 5); k++) score(piece, method, variant, round, model, &all[k]);
}

void score_floor(struct piece *piece) {
  struct row row;
  if (!row_wanted(piece, "floor", "learned rows", 0, NULL, "-", &row)) return;
  int64_t n = piece->train_n < piece->samples ? piece->train_n : piece->samples;
  float *rows = must_alloc((size_t)(n * piece->set.dim), sizeof(float));
  set_rows(&piece->set, 0, n, rows);
  measure_samples(piece, &row, rows, n);
  free(rows);
  row_done(piece, &row);
}
