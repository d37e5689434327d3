/* SPDX-License-Identifier: MIT */
/* What is claimed of accumulation, held against its rows. Ratios are of means over seeds. */
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct spread at(const struct report *report, const char *data, const char *method, int round,
                        const char *sampling, int column) {
  struct key key = {data, method, round == 0 ? "one" : "plain", round};
  return spread_of(&report->rows, &key, sampling, column);
}

/* The last round that reflow and Bezier distillation of one teacher both have. */
static int last_round(const struct report *report, const char *data) {
  int round = 0;
  while (at(report, data, "krf", round + 1, "ode", SW2).n > 0 &&
         at(report, data, "bezier", round + 1, "ode", SW2).n > 0)
    round++;
  return round;
}

/* Whether all rounds of a method have been measured at this sampling. */
static bool complete(const struct report *report, const char *data, const char *method, int last,
                     const char *sampling) {
  for (int round = 1; round <= last; round++)
    if (at(report, data, method, round, sampling, SW2).n == 0) return false;
  return true;
}

static const char *verdict(bool holds) { return holds ? "holds" : "**fails**"; }

/* A further ratio of a short list, " 0.672"; the new length. */
static size_t add_ratio(char *text, size_t size, size_t length, double ratio) {
  return add_words(text, size, length, "%s%.3f", length ? " " : "", ratio);
}

/* Seeds of a claim: common_seeds has left those alone that have all of it. */
static int seeds(const struct report *report, const char *data) { return seeds_of(&report->rows, data); }

static struct spread growth_of(const struct report *report, const char *data, const char *method, int last) {
  struct key end = {data, method, "plain", last}, start = {data, method, "plain", 1};
  return spread_of_difference(&report->rows, &end, "ode", &start, "ode", SW2);
}

/* a: growth of the adaptive solver's sw2 from round 1 to the last, and what becomes of the dispersion. */
static void growth(struct report *report, const char *data, const char *method, int last) {
  char text[512], what[128], few[96];
  struct spread krf = growth_of(report, data, "krf", last), bezier = growth_of(report, data, method, last);
  snprintf(text, sizeof text, "k-RF %.4f to %.4f (%+.4f, deviation over seeds %.4f), %s %.4f to %.4f (%+.4f, %.4f)",
           at(report, data, "krf", 1, "ode", SW2).mean, at(report, data, "krf", last, "ode", SW2).mean, krf.mean,
           krf.deviation, method, at(report, data, method, 1, "ode", SW2).mean,
           at(report, data, method, last, "ode", SW2).mean, bezier.mean, bezier.deviation);
  snprintf(what, sizeof what, "a. %s: growth of sw2 (adaptive solver) at most half of k-RF's", method);
  snprintf(few, sizeof few, "%+.5f (%.5f) against %+.5f (%.5f)", bezier.mean, bezier.deviation, krf.mean,
           krf.deviation);
  report_claim(report, data, seeds(report, data), what, text, few,
               krf.n < 2                   ? "open: one seed has no spread"
               : krf.mean <= krf.deviation ? "nothing to stop: k-RF's growth is not above its spread"
                                           : verdict(bezier.mean <= krf.mean / 2));
  int column = at(report, data, method, 1, "ode", MODE_STD).n > 0 ? MODE_STD : VARIANCE;
  double first = at(report, data, method, 1, "ode", column).mean,
         end = at(report, data, method, last, "ode", column).mean;
  struct key floor = {data, "floor", NULL, -1};
  snprintf(text, sizeof text, "%s: %s %.4f to %.4f (%+.1f %%), k-RF %.4f to %.4f, teacher %.4f, data %.4f",
           column_names[column], method, first, end, 100 * (end / first - 1),
           at(report, data, "krf", 1, "ode", column).mean, at(report, data, "krf", last, "ode", column).mean,
           at(report, data, "teacher", 0, "ode", column).mean,
           column == MODE_STD ? spread_of(&report->rows, &floor, "-", MODE_STD).mean
                              : at(report, data, "teacher", 0, "ode", VARIANCE_REAL).mean);
  snprintf(what, sizeof what, "a. %s: dispersion changes by at most 2 %%", method);
  snprintf(few, sizeof few, "%+.1f %%", 100 * (end / first - 1));
  report_claim(report, data, seeds(report, data), what, text, few, verdict(fabs(end / first - 1) <= 0.02));
}

/* b: against k-RF of the same total cost, round by round, and against the teacher's own adaptive solver. */
static void few(struct report *report, const char *data, const char *method, int last) {
  char text[512], what[128], ratios[96];
  static const char *const nfe[] = {"2", "4"};
  for (int k = 0; k < 2; k++) {
    size_t length = 0, short_length = 0;
    double worst = 0;
    for (int round = 1; round <= last; round++) {
      double krf = at(report, data, "krf", round, nfe[k], SW2).mean,
             own = at(report, data, method, round, nfe[k], SW2).mean;
      length = add_words(text, sizeof text, length, "%s%.4f / %.4f = %.2f", round > 1 ? ", " : "", own, krf, own / krf);
      short_length = add_ratio(ratios, sizeof ratios, short_length, own / krf);
      worst = fmax(worst, own / krf);
    }
    snprintf(what, sizeof what, "b. %s at %s NFE over k-RF of equal cost, by round: at most 0.80", method, nfe[k]);
    report_claim(report, data, seeds(report, data), what, text, ratios, verdict(worst <= 0.8));
  }
  double own = at(report, data, method, 1, "4", SW2).mean, teacher = at(report, data, "teacher", 0, "ode", SW2).mean;
  snprintf(text, sizeof text, "%.4f / %.4f = %.2f", own, teacher, own / teacher);
  snprintf(what, sizeof what, "b. %s at 4 NFE over the teacher's adaptive solver: at most 1.10", method);
  add_ratio(ratios, sizeof ratios, 0, own / teacher);
  report_claim(report, data, seeds(report, data), what, text, ratios, verdict(own <= 1.1 * teacher));
}

/* Two-sided measures besides sw2: a student that shrinks modes or drops some cannot hide in them. */
static void others(struct report *report, const char *data, const char *method) {
  static const int columns[] = {ENERGY, FRECHET, FRECHET_MATCHED, RECALL, VARIANCE};
  struct key floor = {data, "floor", NULL, -1};
  char text[512], what[128];
  size_t length = 0;
  for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
    double floor_value = spread_of(&report->rows, &floor, "-", columns[c]).mean;
    if (columns[c] == VARIANCE) floor_value = at(report, data, "teacher", 0, "ode", VARIANCE_REAL).mean;
    length =
        add_words(text, sizeof text, length, "%s%s %.4g, %.4g, %.4g, %.4g", c ? "; " : "", column_names[columns[c]],
                  at(report, data, method, 1, "4", columns[c]).mean, at(report, data, "krf", 1, "4", columns[c]).mean,
                  at(report, data, "teacher", 0, "ode", columns[c]).mean, floor_value);
  }
  snprintf(what, sizeof what, "b. %s at 4 NFE, k-RF at 4, teacher's adaptive solver, data; round 1", method);
  report_claim(report, data, seeds(report, data), what, text, "", "");
}

/* c: one evaluation against one-step distillation of the same teacher at equal cost: no worse by more than a standard
 * error of the paired difference. */
static void one(struct report *report, const char *data, const char *method, int last) {
  char text[512], ratios[96];
  size_t length = 0, short_length = 0;
  bool holds = true, spread = true;
  for (int round = 1; round <= last; round++) {
    struct spread own = at(report, data, method, round, "1", SW2);
    struct spread dedicated = at(report, data, "onestep-first-teacher", round, "1", SW2);
    length = add_words(text, sizeof text, length, "%s%.4f / %.4f = %.2f", round > 1 ? ", " : "", own.mean,
                       dedicated.mean, own.mean / dedicated.mean);
    short_length = add_ratio(ratios, sizeof ratios, short_length, own.mean / dedicated.mean);
    struct key a = {data, method, "plain", round}, b = {data, "onestep-first-teacher", "plain", round};
    struct spread difference = spread_of_difference(&report->rows, &a, "1", &b, "1", SW2);
    spread &= difference.n > 1;
    holds &= difference.n > 0 && difference.mean <= difference.deviation / sqrt(difference.n);
  }
  char what[160];
  snprintf(what, sizeof what,
           "c. %s at 1 NFE over one-step distillation of equal cost, by round: at most 1, within a standard error",
           method);
  report_claim(report, data, seeds(report, data), what, text, ratios,
               spread ? verdict(holds) : "open: one seed has no spread");
}

/* The rows of seeds that have the last round of both, so that no mean is over other seeds than its neighbour. */
static struct rows common_seeds(const struct report *report, const char *data, const char *method, int last) {
  struct key a = {data, "krf", "plain", last}, b = {data, method, "plain", last};
  struct rows rows = {0};
  for (size_t i = 0; i < report->rows.n; i++) {
    const struct row *row = &report->rows.row[i];
    if (strcmp(row->data, data) == 0 && has_seed(&report->rows, &a, "ode", row->seed) &&
        has_seed(&report->rows, &b, "ode", row->seed))
      rows_add(&rows, row);
  }
  return rows;
}

void report_claims(struct report *report, const char *data) {
  int last = last_round(report, data);
  if (last < 1) return;
  static const char *const head[] = {"claim", "figures (sw2 unless said)", ""};
  report_row(report, true, 3, head);
  static const char *const methods[] = {"bezier", "bezier-ensemble", "bezier-mixture", "bezier-chain"};
  const struct rows all = report->rows;
  for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
    report->rows = all;
    report->rows = common_seeds(report, data, methods[m], last);
    if (complete(report, data, methods[m], last, "ode")) {
      if (last > 1) growth(report, data, methods[m], last);
      few(report, data, methods[m], last);
      others(report, data, methods[m]);
      if (complete(report, data, "onestep-first-teacher", last, "1")) one(report, data, methods[m], last);
    }
    free(report->rows.row);
  }
  report->rows = all;
  report_end_table(report);
}
