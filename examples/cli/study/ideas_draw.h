/* SPDX-License-Identifier: MIT */
/* Pictures of docs/math.md: panels of the plane with points, lines, Bezier curves and words, as SVG that stands alone.
 * White behind everything, so that a dark page does not swallow the lines. */
#ifndef BEZDIST_CLI_IDEAS_DRAW_H
#define BEZDIST_CLI_IDEAS_DRAW_H

#include "page.h"

#define BLUE "#1668a8"
#define ORANGE "#c8501e"
#define GREEN "#2f7d33"
#define VIOLET "#8a4fa8"
#define GREY "#98a2ac"
#define PALE "#c3cad1"
#define INK "#20262c"
#define DASHED "5 4"

struct picture {
  struct text text;
};
void picture_open(struct picture *picture, int width, int height, const char *what);
/* Into out/name.svg. */
void picture_close(struct picture *picture, const char *out, const char *name);

/* A rectangle of the picture, in pixels, that shows a rectangle of the plane; y grows upwards. */
struct panel {
  struct picture *picture;
  double left, top, width, height, low[2], high[2];
};
/* With a frame and a title above it; the plane is shown without distortion, in the middle, around low..high. */
struct panel panel_open(struct picture *picture, double left, double top, double width, double height, double low,
                        double high, const char *title);
/* Around n points [n, 2], undistorted, with this share of room beside them. */
struct panel panel_around(struct picture *picture, double left, double top, double width, double height, int64_t n,
                          const float *points, double room, const char *title);
/* With axes of their own: x from..to, y from..to. */
struct panel panel_axes(struct picture *picture, double left, double top, double width, double height,
                        const double x[2], const double y[2], const char *title);

/* Points [n, 2]. dash NULL: a whole line. */
void draw_points(const struct panel *panel, int64_t n, const float *points, double size, const char *colour);
void draw_line(const struct panel *panel, int64_t n, const float *points, double width, const char *colour,
               const char *dash);
/* A curve [degree + 1, 2] between two of its times. */
void draw_curve(const struct panel *panel, int32_t degree, const float *path, double from, double to, double width,
                const char *colour, const char *dash);
/* A ring with a white inside, and a square for a control point. */
void draw_ring(const struct panel *panel, const float *point, double size, const char *colour);
void draw_square(const struct panel *panel, const float *point, const char *colour);
void draw_bar(const struct panel *panel, double from, double to, double height, const char *colour);
/* Words beside a point: dx, dy in pixels; anchor "start", "middle" or "end". */
void draw_words(const struct panel *panel, const float *point, double dx, double dy, const char *anchor,
                const char *colour, const char *format, ...) __attribute__((format(printf, 7, 8)));
/* Words at a place of the picture in pixels. */
void write_words(struct picture *picture, double x, double y, const char *anchor, const char *colour,
                 const char *format, ...) __attribute__((format(printf, 6, 7)));
/* A line of a legend: a sample of the stroke, then words. */
void write_key(struct picture *picture, double x, double y, const char *colour, const char *dash, const char *words);

#endif
