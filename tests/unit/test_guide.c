/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "distill/guide.h"
#include "models.h"

/* Control points are where the states are; waypoints are where the curve passes. */
static void test_guides(void **state) {
  static const int64_t dims[] = {1, 2, 63, 64, 65, 130};
  static const double tau[2] = {0.3, 0.8};
  (void)state;
  for (int d = 0; d < 6; d++)
    for (int32_t degree = 1; degree <= 3; degree++) {
      const int64_t n = 7, dim = dims[d], points = degree + 1;
      float *states = numbers_floats(5, points * n * dim, 0, 2),
            *paths = malloc((size_t)(points * n * dim) * sizeof *paths);
      OK(bzdi_guide_paths(degree, n, dim, states, 0, tau, paths));
      for (int64_t r = 0; r < n; r++)
        for (int64_t k = 0; k < points; k++) SAME(paths + (r * points + k) * dim, states + (k * n + r) * dim, dim);
      if (degree > 1) {
        OK(bzdi_guide_paths(degree, n, dim, states, 1, tau, paths));
        for (int64_t r = 0; r < n; r++) {
          const float *p = paths + r * points * dim;
          SAME(p, states + r * dim, dim);
          SAME(p + degree * dim, states + (degree * n + r) * dim, dim);
          for (int k = 1; k < degree; k++)
            for (int64_t j = 0; j < dim; j++) {
              double s = tau[k - 1], q = 1 - s, at;
              at = degree == 2 ? q * q * (double)p[j] + 2 * q * s * (double)p[dim + j] + s * s * (double)p[2 * dim + j]
                               : q * q * q * (double)p[j] + 3 * q * q * s * (double)p[dim + j] +
                                     3 * q * s * s * (double)p[2 * dim + j] + s * s * s * (double)p[3 * dim + j];
              assert_true(fabs(at - (double)states[(k * n + r) * dim + j]) < 3e-5);
            }
        }
      }
      free(states);
      free(paths);
    }
}

static void test_refused_times(void **state) {
  static const double wrong[4][2] = {{0.04, 0.5}, {0.3, 0.96}, {0.5, 0.52}, {0.6, 0.3}};
  float states[4] = {0, 1, 2, 3}, paths[4];
  (void)state;
  for (int i = 0; i < 4; i++) FAILS(BZD_E_ARGUMENT, "", bzdi_guide_paths(3, 1, 1, states, 1, wrong[i], paths));
  FAILS(BZD_E_ARGUMENT, "", bzdi_guide_paths(2, 1, 1, states, 1, wrong[0], paths));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_guides), cmocka_unit_test(test_refused_times)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
