/* SPDX-License-Identifier: MIT */
/* Reports of studies: the same tables as Markdown and as a page, plots beside them. */
#ifndef BEZDIST_CLI_REPORT_H
#define BEZDIST_CLI_REPORT_H

#include "page.h"
#include "study.h"

struct report {
  struct text md, html;
  const struct study *study;
  const char *out;
  struct rows rows;
};

/* A heading, a paragraph, a row of a table of count cells (the first row begins it), the end of a table. */
void report_heading(struct report *report, const char *text);
void report_text(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
void report_row(struct report *report, bool first, int count, const char *const *cells);
void report_end_table(struct report *report);
/* An SVG into the page and as OUT/NAME.svg beside the Markdown; takes svg. */
void report_plot(struct report *report, const char *name, struct text *svg);

/* Mean and standard deviation over seeds. */
struct spread {
  int n;
  double mean, deviation;
};
/* Which rows: variant NULL and round -1 stand for any. */
struct key {
  const char *data, *method, *variant;
  int round;
};
struct spread spread_of(const struct rows *rows, const struct key *key, const char *sampling, int column);
/* "0.0634 +- 0.0034" with digits significant by the mean; "" without rows. */
void spread_text(struct spread spread, char *out, size_t size);

/* What accumulation claims, bed by bed (claims.c). */
void report_claims(struct report *report, const char *data);

#endif
