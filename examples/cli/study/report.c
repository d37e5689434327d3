/* SPDX-License-Identifier: MIT */
/* Tables and plots of all rows of a study. */
#include "report.h"

#include <glob.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- Two forms of one text ----------------------------------------------------------------------------------------
 */

void report_heading(struct report *report, const char *text) {
  text_add(&report->md, "\n## %s\n", text);
  text_add(&report->html, "<h2>%s</h2>\n", text);
}

void report_text(struct report *report, const char *format, ...) {
  char text[4096];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  text_add(&report->md, "\n%s\n", text);
  text_add(&report->html, "<p>%s</p>\n", text);
}

void report_row(struct report *report, bool first, int count, const char *const *cells) {
  text_add(&report->md, first ? "\n|" : "|");
  text_add(&report->html, first ? "<table><tr>" : "<tr>");
  for (int i = 0; i < count; i++) {
    text_add(&report->md, " %s |", cells[i]);
    text_add(&report->html, first ? "<th>%s</th>" : "<td>%s</td>", cells[i]);
  }
  text_add(&report->md, "\n");
  text_add(&report->html, "</tr>\n");
  if (!first) return;
  text_add(&report->md, "|");
  for (int i = 0; i < count; i++) text_add(&report->md, "---|");
  text_add(&report->md, "\n");
}

void report_end_table(struct report *report) { text_add(&report->html, "</table>\n"); }

void report_claim(struct report *report, const char *data, int seeds, const char *what, const char *figures,
                  const char *short_figures, const char *verdict) {
  const char *cells[] = {what, figures, verdict};
  report_row(report, false, 3, cells);
  if (!*verdict) return;
  report->verdicts = realloc(report->verdicts, (report->verdict_count + 1) * sizeof *report->verdicts);
  if (!report->verdicts) die("no memory for a table of claims");
  struct verdict *v = &report->verdicts[report->verdict_count++];
  snprintf(v->what, sizeof v->what, "%s", what);
  snprintf(v->short_figures, sizeof v->short_figures, "%s", short_figures);
  snprintf(v->verdict, sizeof v->verdict, "%s", verdict);
  v->data = data;
  v->seeds = seeds;
}

void report_plot(struct report *report, const char *name, struct text *svg) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.svg", report->out, name);
  write_atomic(path, svg->data, svg->size);
  text_add(&report->md, "\n![%s](%s.svg)\n", name, name);
  text_add(&report->html, "%s", svg->data);
  free(svg->data);
  memset(svg, 0, sizeof *svg);
}

size_t add_words(char *text, size_t size, size_t length, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int more = vsnprintf(text + length, size - length, format, arguments);
  va_end(arguments);
  return length + (size_t)more < size ? length + (size_t)more : size - 1;
}

/* ---- Numbers over seeds -------------------------------------------------------------------------------------------
 */

static bool matches(const struct row *row, const struct key *key, const char *sampling) {
  return (!key->data || strcmp(row->data, key->data) == 0) && (!key->method || strcmp(row->method, key->method) == 0) &&
         (!key->variant || strcmp(row->variant, key->variant) == 0) && (key->round < 0 || row->round == key->round) &&
         strcmp(row->sampling, sampling) == 0;
}

struct spread spread_of(const struct rows *rows, const struct key *key, const char *sampling, int column) {
  struct spread spread = {0};
  double sum = 0, squares = 0;
  for (size_t i = 0; i < rows->n; i++) {
    double value = rows->row[i].value[column];
    if (!matches(&rows->row[i], key, sampling) || !isfinite(value)) continue;
    spread.n++;
    sum += value;
    squares += value * value;
  }
  if (spread.n == 0) return spread;
  spread.mean = sum / spread.n;
  double variance = spread.n > 1 ? (squares - sum * spread.mean) / (spread.n - 1) : 0;
  spread.deviation = sqrt(fmax(variance, 0));
  return spread;
}

static bool value_of_seed(const struct rows *rows, const struct key *key, const char *sampling, int column,
                          uint64_t seed, double *value) {
  for (size_t i = 0; i < rows->n; i++) {
    *value = rows->row[i].value[column];
    if (rows->row[i].seed == seed && isfinite(*value) && matches(&rows->row[i], key, sampling)) return true;
  }
  return false;
}

bool has_seed(const struct rows *rows, const struct key *key, const char *sampling, uint64_t seed) {
  double value;
  return value_of_seed(rows, key, sampling, SW2, seed, &value);
}

struct spread spread_of_difference(const struct rows *rows, const struct key *a, const char *a_sampling,
                                   const struct key *b, const char *b_sampling, int column) {
  struct spread spread = {0};
  double sum = 0, squares = 0, other;
  for (size_t i = 0; i < rows->n; i++) {
    double value = rows->row[i].value[column];
    if (!matches(&rows->row[i], a, a_sampling) || !isfinite(value) ||
        !value_of_seed(rows, b, b_sampling, column, rows->row[i].seed, &other))
      continue;
    spread.n++;
    sum += value - other;
    squares += (value - other) * (value - other);
  }
  if (spread.n == 0) return spread;
  spread.mean = sum / spread.n;
  spread.deviation = spread.n > 1 ? sqrt(fmax((squares - sum * spread.mean) / (spread.n - 1), 0)) : 0;
  return spread;
}

void spread_text(struct spread spread, char *out, size_t size) {
  if (spread.n == 0) {
    snprintf(out, size, "%s", "");
    return;
  }
  double least = fmax(fabs(spread.mean), 1e-9);
  int digits = least >= 100 ? 1 : least >= 10 ? 2 : least >= 1 ? 3 : 4;
  if (spread.n > 1)
    snprintf(out, size, "%.*f +- %.*f", digits, spread.mean, digits, spread.deviation);
  else
    snprintf(out, size, "%.*f", digits, spread.mean);
}

/* ---- The tables ---------------------------------------------------------------------------------------------------
 */

enum { MOST_CELLS = 3 + MOST_SAMPLINGS + COLUMNS };

struct cells {
  int n;
  char text[MOST_CELLS][64];
  const char *at[MOST_CELLS];
};

static void cell(struct cells *cells, const char *text) {
  snprintf(cells->text[cells->n], sizeof cells->text[0], "%s", text);
  cells->at[cells->n] = cells->text[cells->n];
  cells->n++;
}

int samplings_of(const struct rows *rows, const char *data, const char *names[MOST_SAMPLINGS]) {
  int n = 0;
  for (size_t i = 0; i < rows->n && n < MOST_SAMPLINGS; i++) {
    bool known = strcmp(rows->row[i].data, data) != 0 || strcmp(rows->row[i].sampling, "-") == 0;
    for (int k = 0; k < n; k++) known |= strcmp(names[k], rows->row[i].sampling) == 0;
    if (!known) names[n++] = rows->row[i].sampling;
  }
  return n;
}

bool has_column(const struct rows *rows, const char *data, int column) {
  for (size_t i = 0; i < rows->n; i++)
    if (strcmp(rows->row[i].data, data) == 0 && isfinite(rows->row[i].value[column])) return true;
  return false;
}

bool next_key(const struct rows *rows, const char *data, size_t *at, struct key *key) {
  for (; *at < rows->n; ++*at) {
    const struct row *row = &rows->row[*at];
    bool fresh = strcmp(row->data, data) == 0;
    for (size_t j = 0; fresh && j < *at; j++) {
      const struct row *old = &rows->row[j];
      fresh = strcmp(old->data, data) != 0 || strcmp(old->method, row->method) != 0 ||
              strcmp(old->variant, row->variant) != 0 || old->round != row->round;
    }
    if (!fresh) continue;
    *key = (struct key){data, row->method, row->variant, row->round};
    ++*at;
    return true;
  }
  return false;
}

/* sw2 by sampling, then other measures at one sampling. */
static void table(struct report *report, const char *data, bool by_sampling, const char *at, const int *columns,
                  int count) {
  const struct rows *rows = &report->rows;
  const char *samplings[MOST_SAMPLINGS];
  int n = by_sampling ? samplings_of(rows, data, samplings) : 0;
  struct cells head = {0};
  cell(&head, "method");
  cell(&head, "variant");
  cell(&head, "round");
  for (int k = 0; k < n; k++) {
    char name[64];
    snprintf(name, sizeof name, "sw2 at %s", samplings[k]);
    cell(&head, name);
  }
  for (int c = 0; c < count; c++)
    if (has_column(rows, data, columns[c])) cell(&head, column_names[columns[c]]);
  report_row(report, true, head.n, head.at);
  struct key key;
  for (size_t i = 0; next_key(rows, data, &i, &key);) {
    struct cells cells = {0};
    char text[64];
    bool floor = strcmp(key.method, "floor") == 0, any = false;
    cell(&cells, key.method);
    cell(&cells, key.variant);
    snprintf(text, sizeof text, "%d", key.round);
    cell(&cells, key.round > 0 ? text : "");
    for (int k = 0; k < n; k++) {
      spread_text(spread_of(rows, &key, floor && k == 0 ? "-" : samplings[k], SW2), text, sizeof text);
      any |= *text != '\0';
      cell(&cells, text);
    }
    for (int c = 0; c < count; c++) {
      if (!has_column(rows, data, columns[c])) continue;
      spread_text(spread_of(rows, &key, floor ? "-" : at, columns[c]), text, sizeof text);
      any |= *text != '\0';
      cell(&cells, text);
    }
    if (any) report_row(report, false, cells.n, cells.at);
  }
  report_end_table(report);
}

int rounds_in(const struct rows *rows, const char *data) {
  int most = 0;
  for (size_t i = 0; i < rows->n; i++)
    if (strcmp(rows->row[i].data, data) == 0 && rows->row[i].round > most) most = rows->row[i].round;
  return most;
}

int seeds_of(const struct rows *rows, const char *data) {
  int count = 0;
  for (size_t i = 0; i < rows->n; i++) {
    bool fresh = strcmp(rows->row[i].data, data) == 0;
    for (size_t j = 0; fresh && j < i; j++)
      fresh = strcmp(rows->row[j].data, data) != 0 || rows->row[j].seed != rows->row[i].seed;
    count += fresh;
  }
  return count;
}

static void bed_report(struct report *report, const struct bed *bed) {
  static const int samples[] = {ENERGY, FRECHET,  FRECHET_MATCHED, VARIANCE, VARIANCE_REAL, PRECISION,
                                RECALL, MODE_STD, OFF_MODE,        KEPT,     MOVED,         DRIFT};
  static const int flows[] = {NFE, STRAIGHTNESS, ARC, CROSSING, BUDGET, DRIFT, TEACHERS, STEPS};
  bool accumulation = strcmp(report->study->name, "accumulation") == 0;
  char name[128], text[64];
  snprintf(text, sizeof text, "; all of it times %g (--scale)", report->scale);
  report_heading(report, bed->name);
  report_text(report,
              "Seeds: %d. MLP of %d x %lld%s, batch 256; teachers of %lld steps, students of %lld on %lld paths; %lld "
              "samples scored%s.",
              seeds_of(&report->rows, bed->name), (int)bed->layers, (long long)bed->width,
              bed->skip ? " with a skip connection" : "", (long long)bed->teacher_steps, (long long)bed->student_steps,
              (long long)bed->paths, (long long)bed->samples, report->scale == 1 ? "" : text);
  report_short(report, bed->name, SW2);
  if (has_column(&report->rows, bed->name, KEPT)) report_short(report, bed->name, KEPT);
  if (accumulation) {
    report_claims(report, bed->name);
    static const char *const at[] = {"4", "ode"};
    for (int k = 0; k < 2; k++) {
      snprintf(name, sizeof name, "%s-%s-%s", report->study->name, bed->name, at[k]);
      report_plot_rounds(report, bed->name, at[k], "plain", "round", name);
    }
  } else {
    report_contests(report, bed->name);
    snprintf(name, sizeof name, "%s-%s", report->study->name, bed->name);
    if (rounds_in(&report->rows, bed->name) > 1)
      report_plot_rounds(report, bed->name, "4", NULL, "teachers", name);
    else
      report_plot_nfe(report, bed->name, name);
  }
  report_text(report, "Everything at 4 evaluations, sw2 at all:");
  table(report, bed->name, true, "4", samples, sizeof samples / sizeof *samples);
  report_text(report, "By the adaptive solver, and of the flow itself:");
  static const int both[] = {ENERGY, FRECHET, FRECHET_MATCHED, VARIANCE, RECALL, MODE_STD};
  int columns[sizeof both / sizeof *both + sizeof flows / sizeof *flows], count = 0;
  for (size_t i = 0; i < sizeof both / sizeof *both; i++) columns[count++] = both[i];
  for (size_t i = 0; i < sizeof flows / sizeof *flows; i++) columns[count++] = flows[i];
  table(report, bed->name, false, "ode", columns, count);
}

void study_report(const struct study *study, const char *out, double scale) {
  struct report report = {.study = study, .out = out, .scale = scale};
  char path[4096];
  glob_t found;
  snprintf(path, sizeof path, "%s/%s-*.csv", out, study->name);
  if (glob(path, 0, NULL, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc; i++) rows_read(&report.rows, found.gl_pathv[i]);
  globfree(&found);
  if (report.rows.n == 0) die("%s: no rows of %s", out, study->name);
  for (int b = 0; b < bed_count; b++)
    if (seeds_of(&report.rows, beds[b].name) > 0) bed_report(&report, &beds[b]);
  struct text md = report.md, html = report.html; /* of the beds; the claims that they tell come before them */
  report.md = report.html = (struct text){0};
  text_add(&report.md, "# %s: %s\n\nMade by `bezdist study %s`; mean +- standard deviation over seeds.\n", study->name,
           study->what, study->name);
  text_add(&report.html,
           "<!DOCTYPE html><meta charset=\"utf-8\"><title>bezdist study %s</title>"
           "<style>body{font:14px/1.5 sans-serif;max-width:1200px;margin:2em auto;padding:0 1em}"
           "table{border-collapse:collapse;font-size:12px}th,td{border:1px solid #ccc;padding:2px 6px;text-align:right}"
           "svg.plot{max-width:820px;display:block}svg text{font:12px sans-serif}.grid{stroke:#ddd}</style>"
           "<h1>%s: %s</h1><p>Mean and standard deviation over seeds.</p>\n",
           study->name, study->name, study->what);
  report_verdicts(&report);
  if (md.data) text_add(&report.md, "%s", md.data);
  if (html.data) text_add(&report.html, "%s", html.data);
  free(md.data);
  free(html.data);
  free(report.verdicts);
  snprintf(path, sizeof path, "%s/%s.md", out, study->name);
  write_atomic(path, report.md.data, report.md.size);
  snprintf(path, sizeof path, "%s/%s.html", out, study->name);
  write_atomic(path, report.html.data, report.html.size);
  free(report.md.data);
  free(report.html.data);
  free(report.rows.row);
}
