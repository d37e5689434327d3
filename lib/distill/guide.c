/* SPDX-License-Identifier: MIT */
#include "distill/guide.h"

#include "num/bernstein.h"

#include <string.h>

enum { WIDTH = 64 }; /* coordinates done together */

/* Control points in place of the waypoints of one path. */
static bzd_status through(int32_t degree, int64_t dim, const double *time, float *path) {
  float start[WIDTH], guides[2 * WIDTH], end[WIDTH], polygon[4 * WIDTH];
  for (int64_t j = 0; j < dim; j += WIDTH) {
    int64_t width = dim - j < WIDTH ? dim - j : WIDTH;
    size_t part = (size_t)width * sizeof(float);
    memcpy(start, path + j, part);
    memcpy(end, path + degree * dim + j, part);
    for (int32_t k = 1; k < degree; k++) memcpy(guides + (k - 1) * width, path + k * dim + j, part);
    bzd_status status = bzdi_path_from_waypoints(1, degree, width, start, guides, time, end, polygon);
    if (status != BZD_OK) return status;
    for (int32_t k = 1; k < degree; k++) memcpy(path + k * dim + j, polygon + k * width, part);
  }
  return BZD_OK;
}

bzd_status bzdi_guide_paths(int32_t degree, int64_t n, int64_t dim, const float *states, int waypoint,
                            const double *time, float *paths) {
  size_t row = (size_t)dim * sizeof(float);
  for (int64_t r = 0; r < n; r++) {
    float *path = paths + r * (degree + 1) * dim;
    for (int32_t k = 0; k <= degree; k++) memcpy(path + k * dim, states + (k * n + r) * dim, row);
    bzd_status status = waypoint ? through(degree, dim, time, path) : BZD_OK;
    if (status != BZD_OK) return status;
  }
  return BZD_OK;
}
