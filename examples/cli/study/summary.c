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
  char text[MOST][224];
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
      char of[24] = "";
      if (v && v->seeds != seeds_of(&report->rows, names[b])) snprintf(of, sizeof of, " (%d seeds)", v->seeds);
      snprintf(text[b + 1], sizeof text[0], v ? "%s, %s%s" : "", v ? v->short_figures : "", v ? v->verdict : "", of);
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

/* The means of all rounds of a method and variant at a sampling, in order; "-" for one that others have. */
static bool rounds_of(const struct report *report, const struct key *key, const char *sampling, int column, char *out,
                      size_t size) {
  const struct rows *rows = &report->rows;
  size_t length = 0;
  int most = rounds_in(rows, key->data);
  out[0] = 0;
  struct spread whole = spread_of(rows, key, sampling, column);
  if (whole.n == 0) return false;
  struct key once = *key;
  once.round = 0;
  bool no_rounds = spread_of(rows, &once, sampling, column).n > 0;
  for (int round = no_rounds ? 0 : 1; round <= (no_rounds ? 0 : most); round++) {
    struct key anyone = {key->data, NULL, NULL, round};
    if (spread_of(rows, &anyone, sampling, column).n == 0) continue; /* of `teachers`: 1, 2, 4, 8 */
    struct key at = *key;
    char text[32] = "-";
    at.round = round;
    struct spread spread = spread_of(rows, &at, sampling, column);
    if (spread.n > 0) number(spread.mean, text, sizeof text);
    /* The deviation where there is room for it: of one round. */
    if (spread.n > 1 && (no_rounds || most == 1)) {
      char deviation[32];
      number(spread.deviation, deviation, sizeof deviation);
      length = add_words(out, size, length, "%s +- %s", text, deviation);
    } else {
      length = add_words(out, size, length, "%s%s", length ? " " : "", text);
    }
  }
  return true;
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
  int seeds = seeds_of(rows, data);
  snprintf(text[0], sizeof text[0], "%s, %d seed%s", column_names[column], seeds, seeds > 1 ? "s" : "");
  cells[0] = text[0];
  for (int k = 0; k < n; k++) {
    snprintf(text[k + 1], sizeof text[0], "%s", strcmp(samplings[k], "ode") == 0 ? "adaptive solver" : samplings[k]);
    cells[k + 1] = text[k + 1];
  }
  report_row(report, true, n + 1, cells);
  for (size_t i = 0; i < rows->n; i++) { /* all rounds of a method and variant are in one line */
    struct key key = {data, rows->row[i].method, rows->row[i].variant, -1};
    bool any = false, floor = strcmp(key.method, "floor") == 0; /* no sampling: it stands in the first column */
    if (!is_new(rows, i, data)) continue;
    snprintf(text[0], sizeof text[0], "%s, %s", key.method, key.variant);
    cells[0] = text[0];
    for (int k = 0; k < n; k++) {
      any |= rounds_of(report, &key, floor && k == 0 ? "-" : samplings[k], column, text[k + 1], sizeof text[0]);
      cells[k + 1] = text[k + 1];
    }
    if (any) report_row(report, false, n + 1, cells);
  }
  report_end_table(report);
  end(report);
}
