/* SPDX-License-Identifier: MIT */
/* Plots as SVG. */
#include "page.h"

#include <math.h>
#include <stdlib.h>

static const char *const colours[] = {"#1668a8", "#c8501e", "#3c8c40", "#8a4fa8",
                                      "#9a6a1c", "#5a6470", "#c23b70", "#1c8c8c"};
enum { COLOURS = 8 };

struct axis {
  double low, high, from, to; /* values, and the pixels they go to */
  bool log, whole;            /* whole: no marks between integers */
};

static double place(const struct axis *axis, double value) {
  double low = axis->low, high = axis->high;
  if (axis->log) value = log10(value), low = log10(low), high = log10(high);
  return axis->from + (value - low) / (high - low) * (axis->to - axis->from);
}

static double nice_step(double range) {
  double step = pow(10, floor(log10(range / 4)));
  return range / step > 20 ? 5 * step : range / step > 10 ? 2.5 * step : step * (range / step > 6 ? 2 : 1);
}

static void tick(struct text *text, const struct axis *axis, bool vertical, double other_from, double other_to,
                 double at) {
  double p = place(axis, at);
  if (at < axis->low * (1 - 1e-9) || at > axis->high * (1 + 1e-9)) return;
  if (vertical)
    text_add(text,
             "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"grid\" stroke=\"#ddd\"/>"
             "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%g</text>",
             other_from, p, other_to, p, other_from - 6, p + 4, at);
  else
    text_add(text, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g</text>", p, other_from + 18, at);
}

/* A log axis is marked at powers of two (horizontal) or at 1, 2, 5 of every decade; where that gives fewer than two
 * marks, at equal steps as a linear axis. */
static void ticks(struct text *text, const struct axis *axis, bool vertical, double from, double to) {
  if (axis->log && !vertical) {
    for (double value = pow(2, ceil(log2(axis->low) - 1e-9)); value <= axis->high * (1 + 1e-9); value *= 2)
      tick(text, axis, vertical, from, to, value);
    return;
  }
  if (axis->log) {
    int marks = 0;
    for (int pass = 0; pass < 2; pass++) {
      if (pass == 1 && marks < 2) break;
      for (double value = pow(10, floor(log10(axis->low))); value <= axis->high; value *= 10)
        for (int part = 1; part <= 5; part = part == 1 ? 2 : part + 3) {
          marks += pass == 0 && value * part >= axis->low && value * part <= axis->high;
          if (pass == 1) tick(text, axis, vertical, from, to, value * part);
        }
    }
    if (marks >= 2) return;
  }
  double step = nice_step(axis->high - axis->low);
  if (axis->whole) step = fmax(1, floor(step));
  for (double value = ceil(axis->low / step) * step; value <= axis->high * (1 + 1e-9) + 1e-300; value += step)
    tick(text, axis, vertical, from, to, value);
}

void plot_lines(struct text *text, const char *x_label, const char *y_label, bool log_x, bool log_y, size_t count,
                const struct series *series) {
  double height = fmax(350, 44 + 18 * (double)count);
  struct axis x = {INFINITY, -INFINITY, 70, 600, log_x, true}, y = {INFINITY, -INFINITY, 300, 20, log_y, false};
  for (size_t s = 0; s < count; s++)
    for (size_t i = 0; i < series[s].n; i++) {
      double value = series[s].y[i];
      x.whole &= series[s].x[i] == floor(series[s].x[i]);
      if (!isfinite(value) || (log_y && value <= 0)) continue;
      x.low = fmin(x.low, series[s].x[i]), x.high = fmax(x.high, series[s].x[i]);
      y.low = fmin(y.low, value), y.high = fmax(y.high, value);
    }
  if (!(x.high > x.low)) x.low = 0, x.high = 1;
  if (!(y.high > y.low)) y.low = log_y ? 0.1 : 0, y.high = 1;
  text_add(text,
           "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 860 %.0f\" class=\"plot\" role=\"img\" "
           "aria-label=\"%s over %s\" font-family=\"sans-serif\" font-size=\"12\">"
           "<rect width=\"860\" height=\"%.0f\" fill=\"white\"/>",
           height, y_label, x_label, height);
  ticks(text, &y, true, x.from, x.to);
  ticks(text, &x, false, y.from, y.to);
  text_add(text,
           "<text x=\"%.0f\" y=\"342\" text-anchor=\"middle\">%s</text>"
           "<text x=\"16\" y=\"%.0f\" text-anchor=\"middle\" transform=\"rotate(-90 16 %.0f)\">%s</text>",
           (x.from + x.to) / 2, x_label, (y.from + y.to) / 2, (y.from + y.to) / 2, y_label);
  for (size_t s = 0; s < count; s++) { /* beyond the colours there are, lines are dashed */
    const char *colour = colours[s % COLOURS], *dash = s / COLOURS % 3 == 0   ? ""
                                                       : s / COLOURS % 3 == 1 ? " stroke-dasharray=\"6 3\""
                                                                              : " stroke-dasharray=\"2 2\"";
    double legend = 32 + 18 * (double)s;
    text_add(text, "<polyline fill=\"none\" stroke-width=\"1.6\" stroke=\"%s\"%s points=\"", colour, dash);
    for (size_t i = 0; i < series[s].n; i++)
      if (isfinite(series[s].y[i]) && (!log_y || series[s].y[i] > 0))
        text_add(text, "%.1f,%.1f ", place(&x, series[s].x[i]), place(&y, series[s].y[i]));
    text_add(text, "\"/>");
    for (size_t i = 0; i < series[s].n && series[s].n <= 16; i++)
      if (isfinite(series[s].y[i]) && (!log_y || series[s].y[i] > 0))
        text_add(text, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"%s\"/>", place(&x, series[s].x[i]),
                 place(&y, series[s].y[i]), colour);
    text_add(text,
             "<line x1=\"612\" y1=\"%.0f\" x2=\"636\" y2=\"%.0f\" stroke=\"%s\" stroke-width=\"1.6\"%s/>"
             "<text x=\"642\" y=\"%.0f\" fill=\"%s\">%s</text>",
             legend - 4, legend - 4, colour, dash, legend, colour, series[s].name);
  }
  text_add(text, "</svg>\n");
}

void plot_paths(struct text *text, int64_t n, int32_t degree, const float *paths, int64_t m, const float *points) {
  enum { PIECES = 32, SIDE = 520 };
  double times[PIECES + 1], low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
  for (int k = 0; k <= PIECES; k++) times[k] = (double)k / PIECES;
  const float *sets[2] = {paths, points};
  int64_t counts[2] = {n * (degree + 1), m};
  for (int s = 0; s < 2; s++)
    for (int64_t i = 0; i < counts[s]; i++)
      for (int j = 0; j < 2; j++)
        low[j] = fmin(low[j], sets[s][2 * i + j]), high[j] = fmax(high[j], sets[s][2 * i + j]);
  double span = fmax(high[0] - low[0], high[1] - low[1]);
  if (!(span > 0)) span = 1;
  struct axis x = {low[0], low[0] + span, 15, SIDE - 15, false, false},
              y = {low[1], low[1] + span, SIDE - 15, 15, false, false};
  float *curve = must_alloc((size_t)(n * (PIECES + 1) * 2), sizeof(float));
  must(bzd_path_evaluate(n, degree, 2, paths, PIECES + 1, times, curve), "paths");
  text_add(text,
           "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" class=\"paths\" role=\"img\" "
           "aria-label=\"Bezier paths with control polygons\">",
           SIDE, SIDE);
  for (int64_t i = 0; i < m; i++)
    text_add(text, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"1.6\" fill=\"#b8c0c8\"/>", place(&x, points[2 * i]),
             place(&y, points[2 * i + 1]));
  for (int64_t i = 0; i < n; i++) {
    const char *colour = colours[i % COLOURS];
    const float *polygon = paths + i * (degree + 1) * 2;
    text_add(text, "<polyline fill=\"none\" stroke=\"%s\" stroke-dasharray=\"3 3\" stroke-width=\"0.8\" points=\"",
             colour);
    for (int k = 0; k <= degree; k++)
      text_add(text, "%.1f,%.1f ", place(&x, polygon[2 * k]), place(&y, polygon[2 * k + 1]));
    text_add(text, "\"/>");
    for (int k = 1; k < degree; k++) {
      double cx = place(&x, polygon[2 * k]), cy = place(&y, polygon[2 * k + 1]);
      text_add(text, "<rect x=\"%.1f\" y=\"%.1f\" width=\"5\" height=\"5\" fill=\"none\" stroke=\"%s\"/>", cx - 2.5,
               cy - 2.5, colour);
    }
    text_add(text, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\" points=\"", colour);
    for (int k = 0; k <= PIECES; k++) {
      const float *point = curve + (i * (PIECES + 1) + k) * 2;
      text_add(text, "%.1f,%.1f ", place(&x, point[0]), place(&y, point[1]));
    }
    text_add(text, "\"/><circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"white\" stroke=\"%s\"/>", place(&x, polygon[0]),
             place(&y, polygon[1]), colour);
    text_add(text, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>", place(&x, polygon[2 * degree]),
             place(&y, polygon[2 * degree + 1]), colour);
  }
  text_add(text, "</svg>\n");
  free(curve);
}
