/* SPDX-License-Identifier: MIT */
/* The demo's job and its report. */
#ifndef BEZDIST_CLI_DEMO_H
#define BEZDIST_CLI_DEMO_H

#include "cli.h"

enum { DEMO_TEACHERS = 3, DEMO_SAMPLES = 2000 };

struct demo {
  struct common common;
  const char *out, *data;
  double minutes;
  struct set set;             /* shuffled: the first `train` rows are learned from, `test` more are kept to judge by */
  int64_t train, test, width; /* width of the networks */
  int32_t layers;
  int64_t teacher_steps, student_steps, paths;
  float *train_rows, *test_rows; /* model units */
  json_t *metrics;               /* what becomes metrics.json */
  json_t *scores;                /* its rows: model, nfe, the metrics */
  json_t *nearest;               /* its rows: how far samples are from the nearest training row */
  json_t *curves;                /* its loss curves by name */
};

/* Path of a file in the output folder; static storage, used at once. */
const char *demo_path(const struct demo *demo, const char *name);
/* Writes paths.svg, samples-*.png and report.html; student and teacher are drawn. */
void demo_report(struct demo *demo, const bzd_flow *teacher, const bzd_flow *student, const bzd_source *pool);

#endif
