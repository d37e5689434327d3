/* SPDX-License-Identifier: MIT */
#include "ideas_draw.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

void picture_open(struct picture *picture, int width, int height, const char *what) {
  picture->text = (struct text){0};
  text_add(&picture->text,
           "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" "
           "aria-label=\"%s\" font-family=\"DejaVu Sans, Verdana, sans-serif\" font-size=\"13\">\n"
           "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n",
           width, height, width, height, what, width, height);
}

void picture_close(struct picture *picture, const char *out, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.svg", out, name);
  text_add(&picture->text, "</svg>\n");
  write_atomic(path, picture->text.data, picture->text.size);
  free(picture->text.data);
}

struct panel panel_axes(struct picture *picture, double left, double top, double width, double height,
                        const double x[2], const double y[2], const char *title) {
  struct panel panel = {picture, left, top, width, height, {x[0], y[0]}, {x[1], y[1]}};
  text_add(&picture->text,
           "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" stroke=\"" PALE "\"/>\n", left,
           top, width, height);
  write_words(picture, left + width / 2, top - 9, "middle", INK, "%s", title);
  return panel;
}

struct panel panel_open(struct picture *picture, double left, double top, double width, double height, double low,
                        double high, const char *title) {
  double unit = fmin(width, height) / (high - low), middle = (low + high) / 2;
  double x[2] = {middle - width / unit / 2, middle + width / unit / 2};
  double y[2] = {middle - height / unit / 2, middle + height / unit / 2};
  return panel_axes(picture, left, top, width, height, x, y, title);
}

struct panel panel_around(struct picture *picture, double left, double top, double width, double height, int64_t n,
                          const float *points, double room, const char *title) {
  double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
  for (int64_t i = 0; i < 2 * n; i++) {
    low[i % 2] = fmin(low[i % 2], (double)points[i]);
    high[i % 2] = fmax(high[i % 2], (double)points[i]);
  }
  double unit = fmin(width / (high[0] - low[0]), height / (high[1] - low[1])) / (1 + room), x[2], y[2];
  x[0] = (low[0] + high[0] - width / unit) / 2;
  x[1] = (low[0] + high[0] + width / unit) / 2;
  y[0] = (low[1] + high[1] - height / unit) / 2;
  y[1] = (low[1] + high[1] + height / unit) / 2;
  return panel_axes(picture, left, top, width, height, x, y, title);
}

static double across(const struct panel *panel, double x) {
  return panel->left + (x - panel->low[0]) / (panel->high[0] - panel->low[0]) * panel->width;
}

static double down(const struct panel *panel, double y) {
  return panel->top + (panel->high[1] - y) / (panel->high[1] - panel->low[1]) * panel->height;
}

void draw_points(const struct panel *panel, int64_t n, const float *points, double size, const char *colour) {
  struct text *text = &panel->picture->text;
  text_add(text, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%.1f\" stroke-linecap=\"round\" d=\"", colour, size);
  for (int64_t i = 0; i < n; i++) /* strokes without length are round dots */
    text_add(text, "M%.1f %.1fh0", across(panel, (double)points[2 * i]), down(panel, (double)points[2 * i + 1]));
  text_add(text, "\"/>\n");
}

void draw_line(const struct panel *panel, int64_t n, const float *points, double width, const char *colour,
               const char *dash) {
  struct text *text = &panel->picture->text;
  text_add(text, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%.1f\"", colour, width);
  if (dash) text_add(text, " stroke-dasharray=\"%s\"", dash);
  text_add(text, " points=\"");
  for (int64_t i = 0; i < n; i++)
    text_add(text, "%s%.1f,%.1f", i ? " " : "", across(panel, (double)points[2 * i]),
             down(panel, (double)points[2 * i + 1]));
  text_add(text, "\"/>\n");
}

void draw_curve(const struct panel *panel, int32_t degree, const float *path, double from, double to, double width,
                const char *colour, const char *dash) {
  enum { PIECES = 16 };
  double times[PIECES + 1];
  float points[2 * (PIECES + 1)];
  for (int k = 0; k <= PIECES; k++) times[k] = from + (to - from) * k / PIECES;
  must(bzd_path_evaluate(1, degree, 2, path, PIECES + 1, times, points), "a curve");
  draw_line(panel, PIECES + 1, points, width, colour, dash);
}

void draw_ring(const struct panel *panel, const float *point, double size, const char *colour) {
  text_add(&panel->picture->text,
           "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"#ffffff\" stroke=\"%s\" stroke-width=\"1.8\"/>\n",
           across(panel, (double)point[0]), down(panel, (double)point[1]), size, colour);
}

void draw_square(const struct panel *panel, const float *point, const char *colour) {
  text_add(&panel->picture->text,
           "<rect x=\"%.1f\" y=\"%.1f\" width=\"9\" height=\"9\" fill=\"#ffffff\" stroke=\"%s\" "
           "stroke-width=\"1.8\"/>\n",
           across(panel, (double)point[0]) - 4.5, down(panel, (double)point[1]) - 4.5, colour);
}

void draw_bar(const struct panel *panel, double from, double to, double height, const char *colour) {
  double top = down(panel, fmin(height, panel->high[1]));
  text_add(&panel->picture->text, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n",
           across(panel, from), top, across(panel, to) - across(panel, from), panel->top + panel->height - top, colour);
}

static void words(struct text *text, double x, double y, const char *anchor, const char *colour, const char *format,
                  va_list arguments) {
  char line[256];
  vsnprintf(line, sizeof line, format, arguments);
  /* A white edge keeps words readable where they cross a line. */
  text_add(text,
           "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"%s\" stroke=\"#ffffff\" stroke-width=\"3\" "
           "paint-order=\"stroke\">%s</text>\n",
           x, y, anchor, colour, line);
}

void draw_words(const struct panel *panel, const float *point, double dx, double dy, const char *anchor,
                const char *colour, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  words(&panel->picture->text, across(panel, (double)point[0]) + dx, down(panel, (double)point[1]) + dy, anchor, colour,
        format, arguments);
  va_end(arguments);
}

void write_words(struct picture *picture, double x, double y, const char *anchor, const char *colour,
                 const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  words(&picture->text, x, y, anchor, colour, format, arguments);
  va_end(arguments);
}

void write_key(struct picture *picture, double x, double y, const char *colour, const char *dash, const char *words) {
  text_add(&picture->text,
           "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"2.2\"%s%s%s/>\n", x,
           y - 4, x + 26, y - 4, colour, dash ? " stroke-dasharray=\"" : "", dash ? dash : "", dash ? "\"" : "");
  write_words(picture, x + 33, y, "start", INK, "%s", words);
}
