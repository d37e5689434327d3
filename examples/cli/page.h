/* SPDX-License-Identifier: MIT */
/* Text that grows, pictures as data URIs, plots as SVG: what reports are made of. */
#ifndef BEZDIST_CLI_PAGE_H
#define BEZDIST_CLI_PAGE_H

#include "cli.h"

struct text {
  char *data; /* NUL-terminated, NULL when empty; free() it */
  size_t size, capacity;
};
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* <img> of a PNG with its bytes inside. */
void text_add_png(struct text *text, const unsigned char *png, size_t size, const char *alt);

/* One line of a plot: y over x, colours cycle by order. */
struct series {
  const char *name;
  size_t n;
  const double *x, *y;
};
/* Lines with axes, ticks and a legend; x, y on a log scale when log_x, log_y. */
void plot_lines(struct text *text, const char *x_label, const char *y_label, bool log_x, bool log_y, size_t count,
                const struct series *series);

/* Paths [n, degree + 1, 2] over background points [m, 2]: curve, control polygon, start and end. */
void plot_paths(struct text *text, int64_t n, int32_t degree, const float *paths, int64_t m, const float *points);

#endif
