/* SPDX-License-Identifier: MIT */
/* The demo's report.html: tables, loss curves, sample sheets and Bezier paths, all inside one file. */
#include "demo.h"
#include "page.h"
#include "sampling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.2rem "
    ".7rem;text-align:right;border-bottom:1px "
    "solid #d8dde4}th:first-child,td:first-child{text-align:left}figure{display:inline-block;margin:.5rem 1rem .5rem 0}"
    "figcaption{font-size:.85rem}img{image-rendering:pixelated;max-width:26rem}svg text{font:12px "
    "system-ui,sans-serif;fill:#1c2430}"
    "svg .grid{stroke:#e3e7ec}svg.plot{width:100%}svg.paths{width:32rem;max-width:100%}tr.ours td{font-weight:600}";

static void add_table(struct text *page, json_t *rows, const char *const *keys, const char *bold) {
  text_add(page, "<table><tr>");
  for (const char *const *key = keys; *key; key++) text_add(page, "<th>%s</th>", *key);
  text_add(page, "</tr>\n");
  size_t i;
  json_t *row;
  json_array_foreach(rows, i, row) {
    const char *name = json_string_value(json_object_get(row, keys[0]));
    text_add(page, "<tr%s>", name && !strncmp(name, bold, strlen(bold)) ? " class=\"ours\"" : "");
    for (const char *const *key = keys; *key; key++) {
      json_t *value = json_object_get(row, *key);
      if (json_is_string(value))
        text_add(page, "<td>%s</td>", json_string_value(value));
      else if (json_is_number(value))
        text_add(page, "<td>%.4g</td>", json_number_value(value));
      else
        text_add(page, "<td></td>");
    }
    text_add(page, "</tr>\n");
  }
  text_add(page, "</table>\n");
}

static void add_losses(struct text *page, json_t *curves) {
  struct series series[16];
  size_t count = 0;
  const char *name;
  json_t *curve;
  json_object_foreach(curves, name, curve) {
    if (count == 16) break;
    size_t n = json_array_size(curve);
    double *x = must_alloc(n, sizeof(double)), *y = must_alloc(n, sizeof(double));
    for (size_t i = 0; i < n; i++) {
      x[i] = json_number_value(json_array_get(json_array_get(curve, i), 0));
      y[i] = json_number_value(json_array_get(json_array_get(curve, i), 1));
    }
    series[count++] = (struct series){name, n, x, y};
  }
  plot_lines(page, "step", "smoothed loss", false, true, count, series);
  for (size_t s = 0; s < count; s++) {
    free((void *)(uintptr_t)series[s].x);
    free((void *)(uintptr_t)series[s].y);
  }
}

static void add_sheet(struct text *page, const struct demo *demo, int64_t n, const float *rows, const char *caption) {
  size_t size;
  unsigned char *png = sheet_png(n, rows, demo->set.ndim, demo->set.shape, &size);
  if (!png) return;
  text_add(page, "<figure>");
  text_add_png(page, png, size, caption);
  text_add(page, "<figcaption>%s</figcaption></figure>\n", caption);
  free(png);
}

static void add_samples(struct text *page, const struct demo *demo, const char *caption, const bzd_flow *flow,
                        int64_t nfe) {
  float *rows = must_alloc((size_t)(64 * demo->set.dim), sizeof(float));
  bzd_sample_config config;
  sampling_for(flow, nfe ? BZD_SOLVER_AUTO : BZD_SOLVER_DOPRI5, nfe, 1, &config);
  config.seed = demo->common.seed + 77;
  must(bzd_flow_sample(flow, &config, 64, NULL, NULL, rows, NULL), caption);
  add_sheet(page, demo, 64, rows, caption);
  free(rows);
}

/* Samples above the training rows nearest to them. */
static void add_neighbours(struct text *page, const struct demo *demo, const bzd_flow *student) {
  enum { COUNT = 10 };
  int64_t dim = demo->set.dim, index[COUNT];
  float *rows = must_alloc((size_t)(2 * COUNT * dim), sizeof(float));
  bzd_sample_config config;
  sampling_for(student, BZD_SOLVER_AUTO, 4, 1, &config);
  config.seed = demo->common.seed + 77;
  must(bzd_flow_sample(student, &config, COUNT, NULL, NULL, rows, NULL), NULL);
  must(bzd_metrics_nearest(demo->common.context, dim, COUNT, rows, demo->train, demo->train_rows, index, NULL), NULL);
  for (int64_t i = 0; i < COUNT; i++)
    memcpy(rows + (COUNT + i) * dim, demo->train_rows + index[i] * dim, (size_t)dim * sizeof(float));
  add_sheet(page, demo, COUNT, rows, "samples at 4 NFE");
  add_sheet(page, demo, COUNT, rows + COUNT * dim, "the training rows nearest to them");
  free(rows);
}

/* First two principal directions [2, dim] of rows, by power iteration on the covariance. */
static void principal_plane(int64_t n, int64_t dim, const float *rows, double *mean, double *axes) {
  for (int64_t j = 0; j < dim; j++) {
    mean[j] = 0;
    for (int64_t i = 0; i < n; i++) mean[j] += rows[i * dim + j];
    mean[j] /= (double)n;
  }
  double *next = must_alloc((size_t)dim, sizeof(double));
  for (int k = 0; k < 2; k++) {
    double *axis = axes + k * dim;
    for (int64_t j = 0; j < dim; j++) axis[j] = 1 + 0.1 * (double)((j + k) % 7);
    for (int turn = 0; turn < 60; turn++) {
      memset(next, 0, (size_t)dim * sizeof(double));
      for (int64_t i = 0; i < n; i++) {
        double dot = 0;
        for (int64_t j = 0; j < dim; j++) dot += (rows[i * dim + j] - mean[j]) * axis[j];
        for (int64_t j = 0; j < dim; j++) next[j] += dot * (rows[i * dim + j] - mean[j]);
      }
      double along = 0, norm = 0;
      for (int64_t j = 0; k == 1 && j < dim; j++) along += next[j] * axes[j];
      for (int64_t j = 0; j < dim; j++) next[j] -= k == 1 ? along * axes[j] : 0, norm += next[j] * next[j];
      for (int64_t j = 0; j < dim; j++) axis[j] = norm > 0 ? next[j] / sqrt(norm) : 0;
    }
  }
  free(next);
}

static void project(int64_t n, int64_t dim, const float *rows, const double *mean, const double *axes, float *out) {
  for (int64_t i = 0; i < n; i++)
    for (int k = 0; k < 2; k++) {
      double dot = 0;
      for (int64_t j = 0; j < dim; j++) dot += (rows[i * dim + j] - mean[j]) * axes[k * dim + j];
      out[2 * i + k] = (float)dot;
    }
}

static void add_paths(struct text *page, const struct demo *demo, const bzd_source *pool) {
  enum { PATHS = 8, POINTS = 400 };
  bzd_source_info info = {.struct_size = sizeof info};
  must(bzd_source_get_info(pool, &info), NULL);
  int64_t dim = demo->set.dim, points = demo->train < POINTS ? demo->train : POINTS,
          corners = PATHS * (info.degree + 1);
  float *paths = must_alloc((size_t)(corners * dim), sizeof(float)),
        *flat = must_alloc((size_t)(2 * corners), sizeof(float)),
        *background = must_alloc((size_t)(2 * points), sizeof(float));
  double *mean = must_alloc((size_t)dim, sizeof(double)), *axes = must_alloc((size_t)(2 * dim), sizeof(double));
  must(bzd_source_get_paths(pool, 0, PATHS, paths, NULL, NULL), NULL);
  if (dim == 2) { /* nothing to project */
    axes[0] = axes[3] = 1;
  } else {
    principal_plane(demo->train, dim, demo->train_rows, mean, axes);
  }
  project(corners, dim, paths, mean, axes, flat);
  project(points, dim, demo->train_rows, mean, axes, background);
  struct text picture = {0};
  plot_paths(&picture, PATHS, info.degree, flat, points, background);
  write_atomic(demo_path(demo, "paths.svg"), picture.data, picture.size);
  text_add(page, "%s", picture.data);
  text_add(page,
           "<p>%d paths of the ensemble's trajectories as quadratic Bezier curves, in the plane of the data's first "
           "two principal "
           "directions: open circle noise, full circle sample, dashed the control polygon, grey the training rows. "
           "%.0f teacher "
           "evaluations a path, residual of the fit %.3g.</p>\n",
           PATHS, info.nfe, info.residual);
  free(picture.data);
  free(paths);
  free(flat);
  free(background);
  free(mean);
  free(axes);
}

void demo_report(struct demo *demo, const bzd_flow *teacher, const bzd_flow *student, const bzd_source *pool) {
  static const char *const keys[] = {"model",     "nfe",     "solver",          "sw2",
                                     "energy",    "frechet", "frechet_matched", "total_variance",
                                     "precision", "recall",  "us_per_sample",   NULL};
  static const char *const nearest_keys[] = {"rows", "nearest_5%", "nearest_median", "nearest_95%", "copies", NULL};
  struct text page = {0};
  text_add(&page,
           "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>bezdist demo</title><style>%s</style>\n"
           "<h1>Bezier distillation of %s</h1>\n<p>%d teachers (%lld steps each), an ensemble, %lld Bezier paths, one "
           "student (%lld "
           "steps); reflow and one-step distillation got the same network and as many steps each. Learned from %lld "
           "rows, scored with %d samples "
           "against the other %lld; seed %llu. libbezdist %s.</p>\n",
           style, demo->data, DEMO_TEACHERS, (long long)demo->teacher_steps, (long long)demo->paths,
           (long long)demo->student_steps, (long long)demo->train, DEMO_SAMPLES, (long long)demo->test,
           (unsigned long long)demo->common.seed, bzd_version_string());
  text_add(&page, "<h2>Scores</h2>\n<p>NFE: network evaluations per sample. Lower is better but for precision and "
                  "recall; total variance should "
                  "match the data's. The first row is the floor: real rows scored like samples.</p>\n");
  add_table(&page, demo->scores, keys, "bezier");
  text_add(&page, "<h2>Samples</h2>\n");
  add_sheet(&page, demo, 64, demo->test_rows, "real rows kept back");
  add_samples(&page, demo, "teacher, adaptive solver", teacher, 0);
  add_samples(&page, demo, "Bezier student, 1 NFE", student, 1);
  add_samples(&page, demo, "Bezier student, 2 NFE", student, 2);
  add_samples(&page, demo, "Bezier student, 4 NFE", student, 4);
  text_add(&page, "<h2>Paths</h2>\n");
  add_paths(&page, demo, pool);
  text_add(&page, "<h2>Is it memory?</h2>\n<p>Distance to the nearest training row, of rows kept back and of samples. "
                  "Copies are closer than a "
                  "quarter of the kept-back median.</p>\n");
  add_table(&page, demo->nearest, nearest_keys, "bezier");
  add_neighbours(&page, demo, student);
  text_add(&page, "<h2>Training</h2>\n");
  add_losses(&page, demo->curves);
  text_add(&page, "</html>\n");
  write_atomic(demo_path(demo, "report.html"), page.data, page.size);
  free(page.data);
}
