/* SPDX-License-Identifier: MIT */
/* The plots of a report: means over seeds. */
#include "report.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_LINES = 48, MOST_POINTS = 16 };

struct lines {
  size_t count;
  struct series series[MOST_LINES];
  char label[MOST_LINES][112];
  double x[MOST_LINES][MOST_POINTS], y[MOST_LINES][MOST_POINTS];
};

static void add_point(struct lines *lines, const char *label, double x, double y) {
  size_t s = 0;
  while (s < lines->count && strcmp(lines->label[s], label) != 0) s++;
  if (s == MOST_LINES) return;
  struct series *series = &lines->series[s];
  if (s == lines->count) {
    snprintf(lines->label[s], sizeof lines->label[0], "%s", label);
    *series = (struct series){.name = lines->label[s], .x = lines->x[s], .y = lines->y[s]};
    lines->count++;
  }
  if (series->n == MOST_POINTS) return;
  lines->x[s][series->n] = x;
  lines->y[s][series->n++] = y;
}

static void end_plot(struct report *report, struct lines *lines, const char *name, const char *x, const char *y) {
  struct text svg = {0};
  if (lines->count > 0) plot_lines(&svg, x, y, strcmp(x, "NFE") == 0, true, lines->count, lines->series);
  if (lines->count > 0) report_plot(report, name, &svg);
  free(lines);
}

void report_plot_rounds(struct report *report, const char *data, const char *sampling, const char *variant,
                        const char *x, const char *name) {
  struct lines *lines = must_alloc(1, sizeof *lines);
  struct key key;
  char label[112], y[64];
  for (size_t i = 0; next_key(&report->rows, data, &i, &key);) {
    struct spread spread = spread_of(&report->rows, &key, sampling, SW2);
    if (key.round == 0 || spread.n == 0 || strcmp(key.method, "teacher") == 0) continue;
    if (variant && strcmp(key.variant, variant) != 0) continue;
    snprintf(label, sizeof label, variant ? "%s" : "%s, %s", key.method, key.variant);
    add_point(lines, label, key.round, spread.mean);
  }
  snprintf(y, sizeof y, "sw2 at %s", sampling);
  end_plot(report, lines, name, x, y);
}

void report_plot_nfe(struct report *report, const char *data, const char *name) {
  struct lines *lines = must_alloc(1, sizeof *lines);
  const char *samplings[MOST_SAMPLINGS];
  int n = samplings_of(&report->rows, data, samplings);
  struct key key;
  char label[112];
  for (size_t i = 0; next_key(&report->rows, data, &i, &key);)
    for (int k = 0; k < n; k++) {
      char *kind;
      double nfe = strtod(samplings[k], &kind);
      struct spread spread = spread_of(&report->rows, &key, samplings[k], SW2);
      if (key.round == 0 || spread.n == 0 || kind == samplings[k]) continue;
      snprintf(label, sizeof label, "%s, %s%s%s", key.method, key.variant, *kind ? ", " : "", *kind ? kind + 1 : "");
      add_point(lines, label, nfe, spread.mean);
    }
  end_plot(report, lines, name, "NFE", "sw2");
}
