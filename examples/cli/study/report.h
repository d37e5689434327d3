/* SPDX-License-Identifier: MIT */
/* Reports of studies: the same tables as Markdown and as a page, plots beside them. */
#ifndef BEZDIST_CLI_REPORT_H
#define BEZDIST_CLI_REPORT_H

#include "page.h"
#include "study.h"

/* A claim held against the rows of one bed. */
struct verdict {
  char what[160], short_figures[96], verdict[64];
  const char *data;
  int seeds; /* that it is of */
};

struct report {
  struct text md, html;
  struct verdict *verdicts;
  size_t verdict_count;
  const struct study *study;
  const char *out;
  double scale; /* of the budgets, see the command */
  struct rows rows;
};

/* A heading, a paragraph, a row of a table of count cells (the first row begins it), the end of a table. */
void report_heading(struct report *report, const char *text);
void report_text(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
void report_row(struct report *report, bool first, int count, const char *const *cells);
void report_end_table(struct report *report);
/* A row of a bed's table of claims, and, but for those without a verdict, a cell of the table of all beds. */
void report_claim(struct report *report, const char *data, int seeds, const char *what, const char *figures,
                  const char *short_figures, const char *verdict);
/* An SVG into the page and as OUT/NAME.svg beside the Markdown; takes svg. */
void report_plot(struct report *report, const char *name, struct text *svg);

/* Writes at text + length as snprintf does; the new length, always less than size. */
size_t add_words(char *text, size_t size, size_t length, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Mean and standard deviation over seeds. */
struct spread {
  int n;
  double mean, deviation;
};
/* Which rows: method or variant NULL and round -1 stand for any. */
struct key {
  const char *data, *method, *variant;
  int round;
};
struct spread spread_of(const struct rows *rows, const struct key *key, const char *sampling, int column);
/* Whether a seed has such a row with an sw2. */
bool has_seed(const struct rows *rows, const struct key *key, const char *sampling, uint64_t seed);
/* Of the differences a - b between rows of one seed. */
struct spread spread_of_difference(const struct rows *rows, const struct key *a, const char *a_sampling,
                                   const struct key *b, const char *b_sampling, int column);
/* The i-th different (method, variant, round) of a bed, *at to begin with 0; false when there are no more. */
bool next_key(const struct rows *rows, const char *data, size_t *at, struct key *key);
/* The seeds that a bed has rows of, counted. */
int seeds_of(const struct rows *rows, const char *data);
/* The greatest round of a bed. */
int rounds_in(const struct rows *rows, const char *data);
/* The samplings of a bed, in order of appearance; their number. */
enum { MOST_SAMPLINGS = 16 };
int samplings_of(const struct rows *rows, const char *data, const char *names[MOST_SAMPLINGS]);
/* Whether any row of a bed has this measure. */
bool has_column(const struct rows *rows, const char *data, int column);
/* "0.0634 +- 0.0034" with digits significant by the mean; "" without rows. */
void spread_text(struct spread spread, char *out, size_t size);

/* What is claimed of accumulation (claims.c); of the library's defaults and of specialists (contests.c). A table for a
 * bed, nothing where the study has no say. */
void report_claims(struct report *report, const char *data);
void report_contests(struct report *report, const char *data);

/* sw2 at one sampling over rounds (of `teachers`: over their number), a line for each method, of one variant alone or
 * of each. Not the floor; nor the teacher, whose few Euler steps would flatten the rest. */
void report_plot_rounds(struct report *report, const char *data, const char *sampling, const char *variant,
                        const char *x, const char *name);
/* sw2 over evaluations, a line for each method, variant and kind of sampling ("4-grid" is one of kind "-grid"). */
void report_plot_nfe(struct report *report, const char *data, const char *name);

/* What docs/results.md shows of a study (summary.c), between marks that docs/results/fill.sh looks for: all claims of
 * all beds, and one measure of a bed. */
void report_verdicts(struct report *report);
void report_short(struct report *report, const char *data, int column);

#endif
