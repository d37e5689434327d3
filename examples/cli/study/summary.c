/* SPDX-License-Identifier: MIT */
/* The short tables of a study: docs/results.md shows them. */
#include "report.h"

#include <string.h>

static void begin(struct report *report, const char *what) { text_add(&report->md, "\n<!-- %s -->\n", what); }
static void end(struct report *report) { text_add(&report->md, "\n<!-- end -->\n"); }

/* ---- All claims of all beds ------------------------------------------------------------------------------------- */

static const struct verdict *verdict_of(const struct report *report, const char *data, const char *what) {
  for (size_t i = 0; i < report->verdict_count; i++)
    if (strcmp(report->verdicts[i].data, data) == 0 && strcmp(report->verdicts[i].what, what) == 0)
      return &report->verdicts[i];
  return NULL;
}

/* Whether no claim before has these words. */
static bool is_first(const struct report *report, size_t i) {
  for (size_t j = 0; j < i; j++)
    if (strcmp(report->verdicts[j].what, report->verdicts[i].what) == 0) return false;
  return true;
}

void report_verdicts(struct report *report) {
  enum { MOST = 16 };
  const char *cells[MOST], *names[MOST];
  char text[MOST][192];
  int count = 0;
  if (report->verdict_count == 0) return;
  begin(report, "claims");
  cells[0] = "claim";
  for (int b = 0; b < bed_count; b++) {
    int seeds = seeds_of(&report->rows, beds[b].name);
    if (seeds == 0) continue;
    names[count++] = beds[b].name;
    snprintf(text[count], sizeof text[count], "%s, %d seed%s", beds[b].name, seeds, seeds > 1 ? "s" : "");
    cells[count] = text[count];
  }
  report_row(report, true, count + 1, cells);
  for (size_t i = 0; i < report->verdict_count; i++) {
    if (!is_first(report, i)) continue;
    cells[0] = report->verdicts[i].what;
    for (int b = 0; b < count; b++) {
      const struct verdict *v = verdict_of(report, names[b], cells[0]);
      text[b + 1][0] = 0;
      if (v) snprintf(text[b + 1], sizeof text[b + 1], "%s, %s", v->short_figures, v->verdict);
      cells[b + 1] = text[b + 1];
    }
    report_row(report, false, count + 1, cells);
  }
  report_end_table(report);
  end(report);
}

/* ---- A measure of a bed ------------------------------------------------------------------------------------------ */

/* .0371 */
static void number(double value, char *out, size_t size) {
  char text[32];
  snprintf(text, sizeof text, "%.*f", value >= 1 ? 2 : value >= 0.1 ? 3 : 4, value);
  snprintf(out, size, "%s", text + (text[0] == '0'));
}

/* The means of all rounds of a method and variant at a sampling, in order. */
static bool rounds_of(const struct report *report, const struct key *key, const char *sampling, int column, char *out,
                      size_t size) {
  size_t length = 0;
  out[0] = 0;
  for (int round = 0; round <= 8; round++) {
    struct key at = *key;
    char text[32];
    at.round = round;
    struct spread spread = spread_of(&report->rows, &at, sampling, column);
    if (spread.n == 0) continue;
    number(spread.mean, text, sizeof text);
    length += (size_t)snprintf(out + length, size - length, "%s%s", length ? " " : "", text);
  }
  return length > 0;
}

/* Whether row i is the first of its bed, method and variant. */
static bool is_new(const struct rows *rows, size_t i, const char *data) {
  const struct row *row = &rows->row[i];
  if (strcmp(row->data, data) != 0) return false;
  for (size_t j = 0; j < i; j++)
    if (strcmp(rows->row[j].data, data) == 0 && strcmp(rows->row[j].method, row->method) == 0 &&
        strcmp(rows->row[j].variant, row->variant) == 0)
      return false;
  return true;
}

void report_short(struct report *report, const char *data, int column) {
  const struct rows *rows = &report->rows;
  const char *samplings[MOST_SAMPLINGS], *cells[2 + MOST_SAMPLINGS];
  char text[2 + MOST_SAMPLINGS][96], name[128];
  int n = samplings_of(rows, data, samplings);
  snprintf(name, sizeof name, "%s %s", column_names[column], data);
  begin(report, name);
  cells[0] = column_names[column];
  for (int k = 0; k < n; k++) {
    snprintf(text[k + 1], sizeof text[0], "%s", strcmp(samplings[k], "ode") == 0 ? "adaptive solver" : samplings[k]);
    cells[k + 1] = text[k + 1];
  }
  report_row(report, true, n + 1, cells);
  for (size_t i = 0; i < rows->n; i++) { /* all rounds of a method and variant are in one line */
    struct key key = {data, rows->row[i].method, rows->row[i].variant, -1};
    bool any = false;
    if (!is_new(rows, i, data) || strcmp(key.method, "floor") == 0) continue;
    snprintf(text[0], sizeof text[0], "%s, %s", key.method, key.variant);
    cells[0] = text[0];
    for (int k = 0; k < n; k++) {
      any |= rounds_of(report, &key, samplings[k], column, text[k + 1], sizeof text[0]);
      cells[k + 1] = text[k + 1];
    }
    if (any) report_row(report, false, n + 1, cells);
  }
  report_end_table(report);
  end(report);
}
