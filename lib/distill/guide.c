/* SPDX-License-Identifier: MIT */
#include "distill/guide.h"

#include "num/bernstein.h"

#include <string.h>

bzd_status bzdi_guide_paths(int32_t degree, int64_t n, int64_t dim, const float *states, int waypoint,
                            const double *time, float *paths) {
  size_t row = (size_t)dim * sizeof(float);
  for (int64_t r = 0; r < n; r++)
    for (int32_t k = 0; k <= degree; k++) memcpy(paths + (r * (degree + 1) + k) * dim, states + (k * n + r) * dim, row);
  if (!waypoint) return BZD_OK;
  for (int64_t r = 0; r < n; r++) {
    float *path = paths + r * (degree + 1) * dim;
    /* The waypoints are read before the control points that replace them are written: row by row, from the states. */
    for (int64_t j = 0; j < dim; j++) {
      float start = path[j], end = path[degree * dim + j], guide[2], polygon[4];
      for (int32_t k = 1; k < degree; k++) guide[k - 1] = path[k * dim + j];
      bzd_status status = bzdi_path_from_waypoints(1, degree, 1, &start, guide, time, &end, polygon);
      if (status != BZD_OK) return status;
      for (int32_t k = 1; k < degree; k++) path[k * dim + j] = polygon[k];
    }
  }
  return BZD_OK;
}
