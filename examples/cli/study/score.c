/* SPDX-License-Identifier: MIT */
/* Scores of a model's samples: lines of the piece's CSV. */
#include "sampling.h"
#include "study.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void score_header(FILE *csv) {
  fputs("study,data,seed,method,variant,round,steps,nfe,solver,sw2,energy,frechet,frechet_matched,total_variance,"
        "total_variance_real,precision,recall,mode_std,off_mode\n",
        csv);
}

/* The 8 Gaussians: root mean square distance from the own mode's centre per coordinate (the law's is 0.2), and the
 * share farther than five of those from every centre. */
static void modes(int64_t n, const float *rows, double *within, double *off) {
  double sum = 0;
  int64_t inside = 0;
  for (int64_t i = 0; i < n; i++) {
    double least = INFINITY;
    for (int k = 0; k < 8; k++) {
      double angle = 3.14159265358979323846 * k / 4;
      double dx = (double)rows[2 * i] - 2 * cos(angle), dy = (double)rows[2 * i + 1] - 2 * sin(angle);
      least = fmin(least, dx * dx + dy * dy);
    }
    if (least > 0.8 * 0.8) continue; /* between two modes: half their distance is 0.77 */
    inside++;
    sum += least;
  }
  *within = sqrt(sum / (2 * (double)inside));
  int64_t far = 0;
  for (int64_t i = 0; i < n; i++) {
    double least = INFINITY;
    for (int k = 0; k < 8; k++) {
      double angle = 3.14159265358979323846 * k / 4;
      double dx = (double)rows[2 * i] - 2 * cos(angle), dy = (double)rows[2 * i + 1] - 2 * sin(angle);
      least = fmin(least, dx * dx + dy * dy);
    }
    far += least > 0.6 * 0.6; /* three standard deviations: 1.1 % of the law */
  }
  *off = (double)far / (double)n;
}

void score_rows(struct piece *piece, const char *method, const char *variant, int round, double steps, double nfe,
                const char *solver, const float *rows, int64_t n) {
  bzd_metrics_config config;
  must(bzd_metrics_config_init(&config, sizeof config), NULL);
  config.which =
      BZD_METRIC_SW2 | BZD_METRIC_ENERGY | BZD_METRIC_FRECHET | BZD_METRIC_PRECISION_RECALL | BZD_METRIC_TOTAL_VARIANCE;
  bzd_metrics_result result = {.struct_size = sizeof result};
  must(
      bzd_metrics_compare(piece->common.context, &config, piece->set.dim, n, rows, piece->real_n, piece->real, &result),
      method);
  double within = NAN, off = NAN;
  if (strcmp(piece->bed->data, "toy:8gaussians") == 0) modes(n, rows, &within, &off);
  fprintf(piece->csv, "%s,%s,%llu,%s,%s,%d,%.0f,%.6g,%s,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g\n",
          piece->study, piece->bed->name, (unsigned long long)piece->seed, method, variant, round, steps, nfe, solver,
          result.sw2, result.energy, result.frechet, result.frechet_matched, result.total_variance,
          result.total_variance_b, result.precision, result.recall, within, off);
  fflush(piece->csv);
}

void score(struct piece *piece, const char *method, const char *variant, int round, const struct model *model,
           int count, const int *nfe) {
  float *rows = must_alloc((size_t)(piece->samples * piece->set.dim), sizeof(float));
  for (int k = 0; k < count; k++) {
    bzd_sample_config config;
    sampling_for(model->flow, nfe[k] == NFE_ODE ? BZD_SOLVER_DOPRI5 : BZD_SOLVER_AUTO, nfe[k], 1, &config);
    bzd_sample_result result = {.struct_size = sizeof result};
    must(bzd_flow_sample(model->flow, &config, piece->samples, piece->x0, NULL, rows, &result), model->key);
    score_rows(piece, method, variant, round, model->steps, nfe[k] == NFE_ODE ? result.nfe_mean : nfe[k],
               solver_name(result.solver), rows, piece->samples);
  }
  free(rows);
}

void score_all(struct piece *piece, const char *method, const char *variant, int round, const struct model *model) {
  static const int all[] = {1, 2, 4, 8, NFE_ODE};
  bzd_flow_info info = {.struct_size = sizeof info};
  must(bzd_flow_get_info(model->flow, &info), NULL);
  score(piece, method, variant, round, model, info.kind == BZD_FLOW_ENDPOINT ? 1 : 5, all);
}
