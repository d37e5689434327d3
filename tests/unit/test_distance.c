/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "../support/numbers.h"
#include "num/distance.h"

enum { MOST = 150, BLOCK = BZDI_DISTANCE_BLOCK };

typedef struct table {
  double d2[MOST][MOST];
  int seen[MOST][MOST];
} table;

static void store(void *arg, int64_t a_first, int64_t a_rows, int64_t b_first, int64_t b_rows,
                  const double (*d2)[BLOCK]) {
  table *all = arg;
  for (int64_t i = 0; i < a_rows; i++)
    for (int64_t j = 0; j < b_rows; j++) {
      all->d2[a_first + i][b_first + j] = d2[i][j];
      all->seen[a_first + i][b_first + j]++;
    }
}

/* The naive loop adds in the same order: the bits must agree, from either side. */
static void every_pair_once_and_to_the_bit(void **state) {
  (void)state;
  const int64_t dims[] = {1, 2, 64, 300, 513};
  const int64_t rows[][2] = {{1, 1}, {5, 130}, {64, 64}, {150, 65}};
  for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
    for (size_t s = 0; s < sizeof rows / sizeof *rows; s++)
      for (int32_t threads = 1; threads <= 2; threads++) {
        const int64_t dim = dims[d], n = rows[s][0], m = rows[s][1];
        float *a = numbers_floats(1, n * dim, 0.0, 1.0), *b = numbers_floats(2, m * dim, 5.0, 1.0);
        table *ab = calloc(1, sizeof *ab), *ba = calloc(1, sizeof *ba), *aa = calloc(1, sizeof *aa);
        bzd_context *context = numbers_context(threads);
        assert_int_equal(bzdi_distance_all(context, dim, n, a, m, b, 0, store, ab), BZD_OK);
        assert_int_equal(bzdi_distance_all(context, dim, m, b, n, a, 0, store, ba), BZD_OK);
        assert_int_equal(bzdi_distance_all(context, dim, n, a, n, a, 1, store, aa), BZD_OK);
        for (int64_t i = 0; i < n; i++) {
          for (int64_t j = 0; j < m; j++) {
            double sum = 0.0;
            for (int64_t c = 0; c < dim; c++) {
              const double e = (double)a[i * dim + c] - (double)b[j * dim + c];
              sum += e * e;
            }
            assert_true(ab->d2[i][j] == sum && ba->d2[j][i] == sum);
            assert_true(ab->seen[i][j] == 1 && ba->seen[j][i] == 1);
          }
          for (int64_t j = i; j < n; j++) assert_int_equal(aa->seen[i][j], 1);
          assert_true(aa->d2[i][i] == 0.0);
        }
        bzdi_release(context);
        free(a);
        free(b);
        free(ab);
        free(ba);
        free(aa);
      }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_pair_once_and_to_the_bit)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
