/* SPDX-License-Identifier: MIT */
/* The library's defaults against everything else a study tried; specialists against a generalist; an ensemble against
 * one teacher of the same cost. */
#include "report.h"

#include <math.h>
#include <string.h>

/* ---- e: defaults ------------------------------------------------------------------------------------------------ */

/* What a caller gets who sets nothing but the number of evaluations; alternatives may be restricted to the same round
 * (number of teachers). */
static const struct contest {
  const char *study, *method, *variant, *sampling;
  bool same_round;
} contests[] = {
    {"degree", "control", "degree 2", "2", false},
    {"degree", "control", "degree 2", "4", false},
    {"teachers", "bezier", "velocity uniform", "2", true},
    {"teachers", "bezier", "velocity uniform", "4", true},
    {"anchoring", "bezier", "rho 0", "2", false},
    {"anchoring", "bezier", "rho 0", "4", false},
    {"guides", "degree 2", "fit bent by 0.75", "2", false},
    {"guides", "degree 2", "fit bent by 0.75", "4", false},
    {"sampling", "bezier", "aim 1", "1", false},
    {"sampling", "bezier", "aim 4", "2", false},
    {"sampling", "bezier", "aim 4", "4", false},
    {"sampling", "bezier", "aim 4", "8", false},
    {"sampling", "bezier", "aim 16", "ode", false},
    {"grids", "control degree 2", "equal steps", "2", false},
    {"grids", "control degree 2", "equal steps", "4", false},
    {"grids", "control degree 2", "equal steps", "8", false},
};

/* "4", "4-grid" and "4-anchor" are of one number of evaluations. */
static bool same_nfe(const char *a, const char *b) {
  size_t length = strcspn(a, "-");
  return length == strcspn(b, "-") && strncmp(a, b, length) == 0;
}

static bool is_alternative(const struct key *key) {
  static const char *const none[] = {"floor", "teacher", "generalist"};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++)
    if (strcmp(key->method, none[i]) == 0) return false;
  return strcmp(key->variant, "longer") != 0;
}

/* The alternative that has all n seeds of the default and is the most below it, which may be itself; own - it. */
static struct spread best_of(const struct report *report, const struct contest *contest, const struct key *own, int n,
                             struct key *best, const char **sampling) {
  const struct rows *rows = &report->rows;
  struct spread most = {.mean = -INFINITY};
  struct key key;
  for (size_t i = 0; next_key(rows, own->data, &i, &key);) {
    if (!is_alternative(&key) || (contest->same_round && key.round != own->round)) continue;
    for (size_t k = 0; k < rows->n; k++) { /* its samplings of this number of evaluations */
      const char *at = rows->row[k].sampling;
      if (!same_nfe(at, contest->sampling)) continue;
      struct spread above = spread_of_difference(rows, own, contest->sampling, &key, at, SW2);
      if (above.n < n || above.mean <= most.mean) continue;
      most = above;
      *best = key;
      *sampling = at;
    }
  }
  return most;
}

static void defaults(struct report *report, const struct contest *contest, const struct key *own) {
  struct spread spread = spread_of(&report->rows, own, contest->sampling, SW2);
  if (spread.n == 0) return;
  struct key best = {0};
  const char *sampling = NULL;
  struct spread above = best_of(report, contest, own, spread.n, &best, &sampling);
  double least = spread.mean - above.mean, error = above.deviation / sqrt(spread.n);
  char what[160], text[256], few[96];
  if (contest->same_round)
    snprintf(what, sizeof what, "e. %s, %s, of %d, at %s NFE", own->method, own->variant, own->round,
             contest->sampling);
  else
    snprintf(what, sizeof what, "e. %s, %s, at %s NFE", own->method, own->variant, contest->sampling);
  snprintf(text, sizeof text, "%.4f; best %.4f (%s, %s, %s); ratio %.3f, paired difference %.4f +- %.4f", spread.mean,
           least, best.method, best.variant, sampling, spread.mean / least, above.mean, error);
  if (above.mean <= 0)
    snprintf(few, sizeof few, "%.4f", spread.mean);
  else
    snprintf(few, sizeof few, "%.2f of %s, %s, %s", spread.mean / least, best.method, best.variant, sampling);
  report_claim(report, own->data, spread.n, what, text, few,
               above.mean <= 0               ? "holds: best"
               : spread.mean <= 1.05 * least ? "holds: within 5 %"
               : spread.n < 2                ? "open: one seed has no spread"
               : above.mean <= error         ? "holds: not to be told from the best"
                                             : "**fails**");
}

/* ---- d: specialists and equal cost ------------------------------------------------------------------------------ */

static void specialists(struct report *report, const char *data) {
  struct key student = {data, "generalist", "student", 1}, key;
  for (size_t i = 0; next_key(&report->rows, data, &i, &key);) {
    bool merged = strcmp(key.method, "shards") == 0 || strcmp(key.method, "classes") == 0;
    struct spread difference = spread_of_difference(&report->rows, &key, "4", &student, "4", SW2);
    if (!merged || difference.n == 0 || strcmp(key.variant, "merged field") == 0) continue;
    double other = spread_of(&report->rows, &key, "4", SW2).mean, own = other - difference.mean;
    char what[160], text[160], ratio[16];
    snprintf(what, sizeof what, "d. four specialists of %s, %s, over the generalist's student, 4 NFE: at most 1.10",
             key.method, key.variant);
    snprintf(text, sizeof text, "%.4f / %.4f = %.2f", other, own, other / own);
    snprintf(ratio, sizeof ratio, "%.2f", other / own);
    report_claim(report, data, difference.n, what, text, ratio, other <= 1.1 * own ? "holds" : "**fails**");
  }
}

static void equal_cost(struct report *report, const char *data) {
  for (int count = 2; count <= MOST_TEACHERS; count *= 2) {
    struct key many = {data, "bezier", "velocity uniform", count}, one = {data, "bezier", "longer", count};
    struct spread a = spread_of(&report->rows, &many, "4", SW2), b = spread_of(&report->rows, &one, "4", SW2);
    struct spread difference = spread_of_difference(&report->rows, &many, "4", &one, "4", SW2);
    if (difference.n == 0) continue;
    double error = difference.deviation / sqrt(difference.n);
    char what[160], text[160], ratio[16];
    snprintf(what, sizeof what, "d. student of %d teachers against that of one trained %d times as long, 4 NFE", count,
             count);
    snprintf(text, sizeof text, "%.4f, %.4f; paired difference %.4f +- %.4f", a.mean, b.mean, difference.mean, error);
    snprintf(ratio, sizeof ratio, "%.2f", a.mean / b.mean);
    report_claim(report, data, difference.n, what, text, ratio,
                 difference.n < 2                 ? "open: one seed has no spread"
                 : fabs(difference.mean) <= error ? "not to be told apart"
                 : difference.mean < 0            ? "the ensemble wins"
                                                  : "one teacher wins");
  }
}

void report_contests(struct report *report, const char *data) {
  static const char *const head[] = {"claim", "figures (sw2)", ""};
  const char *study = report->study->name;
  bool any = strcmp(study, "specialists") == 0;
  for (size_t i = 0; i < sizeof contests / sizeof *contests; i++) any |= strcmp(study, contests[i].study) == 0;
  if (!any) return;
  report_row(report, true, 3, head);
  for (size_t i = 0; i < sizeof contests / sizeof *contests; i++) {
    if (strcmp(study, contests[i].study) != 0) continue;
    struct key key;
    for (size_t k = 0; next_key(&report->rows, data, &k, &key);)
      if (strcmp(key.method, contests[i].method) == 0 && strcmp(key.variant, contests[i].variant) == 0)
        defaults(report, &contests[i], &key);
  }
  if (strcmp(study, "specialists") == 0) specialists(report, data);
  if (strcmp(study, "teachers") == 0) equal_cost(report, data);
  report_end_table(report);
}
