/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "../support/numbers.h"
#include "num/tile.h"

enum { ROWS = BZDI_TILE_ROWS, COLUMNS = BZDI_TILE_COLUMNS, DEPTH = 300, LD = 11 };

static void tiles_are_plain_sums_to_the_bit(void **state) {
  (void)state;
  static double a[DEPTH * ROWS], b[DEPTH * COLUMNS];
  uint64_t seed = 1;
  for (int i = 0; i < DEPTH * ROWS; i++) a[i] = numbers_normal(&seed);
  for (int i = 0; i < DEPTH * COLUMNS; i++) b[i] = numbers_normal(&seed);
  for (int depth = 0; depth <= DEPTH; depth += depth < 9 ? 1 : 97) {
    double product[ROWS * LD], distance[ROWS * LD], slow[ROWS * LD], slow_distance[ROWS * LD];
    for (int i = 0; i < ROWS * LD; i++) product[i] = distance[i] = slow[i] = slow_distance[i] = (double)i;
    bzdi_tile_products(depth, a, b, product, LD);
    bzdi_tile_distances(depth, a, b, distance, LD);
    for (int i = 0; i < ROWS; i++)
      for (int j = 0; j < COLUMNS; j++)
        for (int k = 0; k < depth; k++) {
          const double x = a[k * ROWS + i], y = b[k * COLUMNS + j];
          slow[i * LD + j] += x * y;
          slow_distance[i * LD + j] += (x - y) * (x - y);
        }
    assert_memory_equal(product, slow, sizeof slow); /* what lies beside the tile is untouched as well */
    assert_memory_equal(distance, slow_distance, sizeof slow);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(tiles_are_plain_sums_to_the_bit)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
