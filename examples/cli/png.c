/* SPDX-License-Identifier: MIT */
/* Grey PNG pictures in memory, and sheets of samples. */
#include "cli.h"

#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

unsigned char *png_encode(int64_t width, int64_t height, const unsigned char *grey, size_t *size) {
  png_image image = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)width,
                     .height = (png_uint_32)height,
                     .format = PNG_FORMAT_GRAY};
  png_alloc_size_t bytes = 0;
  if (!png_image_write_get_memory_size(image, bytes, 0, grey, 0, NULL)) die("PNG: %s", image.message);
  unsigned char *out = must_alloc(bytes, 1);
  if (!png_image_write_to_memory(&image, out, &bytes, 0, grey, 0, NULL)) die("PNG: %s", image.message);
  *size = bytes;
  return out;
}

static unsigned char to_grey(float value) {
  float grey = 127.5f + 127.5f * value;
  return (unsigned char)(grey <= 0 ? 0 : grey >= 255 ? 255 : grey + 0.5f);
}

/* Points of the plane, [-3, 3]^2, dark on white. */
static unsigned char *scatter_png(int64_t n, const float *rows, size_t *size) {
  enum { SIDE = 512 };
  unsigned char *grey = must_alloc(SIDE * SIDE, 1);
  memset(grey, 255, SIDE * SIDE);
  for (int64_t i = 0; i < n; i++)
    for (int dy = 0; dy < 2; dy++)
      for (int dx = 0; dx < 2; dx++) {
        double x = (rows[2 * i] + 3.0) / 6 * SIDE + dx, y = (3.0 - rows[2 * i + 1]) / 6 * SIDE + dy;
        if (!(x >= 0 && x < SIDE && y >= 0 && y < SIDE)) continue;
        unsigned char *pixel = &grey[(int)y * SIDE + (int)x];
        *pixel = (unsigned char)(*pixel > 80 ? *pixel - 80 : 0);
      }
  unsigned char *png = png_encode(SIDE, SIDE, grey, size);
  free(grey);
  return png;
}

unsigned char *sheet_png(int64_t n, const float *rows, int ndim, const int64_t *shape, size_t *size) {
  int64_t height = 0, width = 0;
  if (ndim == 1 && shape[0] == 2) return scatter_png(n, rows, size);
  if (ndim == 2) height = shape[0], width = shape[1];
  if (ndim == 3 && shape[0] == 1) height = shape[1], width = shape[2];
  if (ndim == 1) {
    int64_t side = llround(sqrt((double)shape[0]));
    if (side * side == shape[0] && side > 1) height = width = side;
  }
  if (height < 1 || n < 1) return NULL;
  int64_t across = (int64_t)ceil(sqrt((double)n * (double)height / (double)width)), down = (n + across - 1) / across;
  int64_t scale = 32 / (height > width ? height : width), gap = 2;
  if (scale < 1) scale = 1;
  int64_t cell_w = width * scale + gap, cell_h = height * scale + gap;
  int64_t sheet_w = across * cell_w + gap, sheet_h = down * cell_h + gap;
  if (sheet_w > 30000 || sheet_h > 30000) return NULL;
  unsigned char *grey = must_alloc((size_t)(sheet_w * sheet_h), 1);
  memset(grey, 255, (size_t)(sheet_w * sheet_h));
  for (int64_t i = 0; i < n; i++)
    for (int64_t y = 0; y < height * scale; y++)
      for (int64_t x = 0; x < width * scale; x++)
        grey[(i / across * cell_h + gap + y) * sheet_w + i % across * cell_w + gap + x] =
            to_grey(rows[i * height * width + y / scale * width + x / scale]);
  unsigned char *png = png_encode(sheet_w, sheet_h, grey, size);
  free(grey);
  return png;
}
