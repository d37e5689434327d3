/* SPDX-License-Identifier: MIT */
/* Data sets: normalisation, strides, borrowed and copied rows, labels as one-hot conditions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <math.h>

#include "../support/host.h"

enum { N = 6, DIM = 4 };

static bzd_data_config config_of(const void *rows) {
  bzd_data_config c;
  OK(bzd_data_config_init(&c, sizeof c));
  c.n = N;
  c.dim = DIM;
  c.rows = rows;
  return c;
}

static bzd_data *create(const bzd_data_config *config) {
  bzd_data *data;
  OK(bzd_data_create(NULL, config, &data));
  return data;
}

static void test_bytes(void **state) {
  uint8_t rows[N * 7];
  float x[N * DIM], scale[DIM], offset[DIM];
  (void)state;
  for (int i = 0; i < N * 7; i++) rows[i] = (uint8_t)(i * 6);
  bzd_data_config c = config_of(rows);
  c.dtype = BZD_DTYPE_U8;
  c.row_stride = 7;
  c.item_ndim = 3;
  c.item_shape[0] = 1;
  c.item_shape[1] = c.item_shape[2] = 2;
  bzd_data *data = create(&c);
  bzd_data_info info = {.struct_size = sizeof info};
  OK(bzd_data_get_info(data, &info));
  assert_int_equal(info.dtype, BZD_DTYPE_U8);
  assert_int_equal(info.n, N);
  assert_int_equal(info.dim, DIM);
  assert_int_equal(info.cond_dim, 0);
  assert_int_equal(info.has_affine, 1);
  assert_int_equal(info.item_ndim, 3);
  assert_int_equal(info.item_shape[2], 2);
  OK(bzd_data_get_affine(data, scale, offset));
  OK(bzd_data_get_rows(data, 0, N, x, NULL));
  for (int r = 0; r < N; r++)
    for (int j = 0; j < DIM; j++) {
      assert_true(fabsf(x[r * DIM + j] - ((float)rows[r * 7 + j] / 127.5f - 1.0f)) < 1e-6f);
      assert_true(fabsf(scale[j] * x[r * DIM + j] + offset[j] - (float)rows[r * 7 + j]) < 1e-4f);
    }
  bzd_data_destroy(data);
}

static void test_none_and_borrowed(void **state) {
  float rows[N * DIM], x[DIM], scale[DIM], offset[DIM];
  (void)state;
  for (int i = 0; i < N * DIM; i++) rows[i] = (float)i;
  bzd_data_config c = config_of(rows);
  bzd_data *copied = create(&c);
  c.copy = 0;
  bzd_data *borrowed = create(&c);
  rows[DIM] = -5.0f;
  OK(bzd_data_get_rows(copied, 1, 1, x, NULL));
  assert_true(x[0] == 4.0f && x[3] == 7.0f);
  OK(bzd_data_get_rows(borrowed, 1, 1, x, NULL));
  assert_true(x[0] == -5.0f);
  OK(bzd_data_get_affine(copied, scale, offset));
  assert_true(scale[2] == 1.0f && offset[2] == 0.0f);
  bzd_data_destroy(copied);
  bzd_data_destroy(borrowed);
}

static void test_standardise(void **state) {
  float rows[N * DIM], x[N * DIM];
  (void)state;
  for (int i = 0; i < N * DIM; i++) rows[i] = i % DIM == 3 ? 8.0f : (float)((i * 37) % 11) * 0.5f;
  bzd_data_config c = config_of(rows);
  c.normalise = BZD_NORMALISE_STANDARDISE;
  bzd_data *data = create(&c);
  OK(bzd_data_get_rows(data, 0, N, x, NULL));
  for (int j = 0; j < DIM; j++) {
    double mean = 0, square = 0;
    for (int r = 0; r < N; r++) mean += (double)x[r * DIM + j] / N;
    for (int r = 0; r < N; r++) square += pow((double)x[r * DIM + j] - mean, 2) / (N - 1);
    assert_true(fabs(mean) < 1e-6);
    assert_true(fabs(square - (j == 3 ? 0.0 : 1.0)) < 1e-5);
  }
  bzd_data_destroy(data);
}

static void test_given(void **state) {
  float rows[N * DIM], x[N * DIM];
  const float scale[DIM] = {2, 4, -1, 0.5f}, offset[DIM] = {1, 0, 3, -2};
  (void)state;
  for (int i = 0; i < N * DIM; i++) rows[i] = (float)i * 0.75f;
  bzd_data_config c = config_of(rows);
  c.normalise = BZD_NORMALISE_GIVEN;
  c.scale = scale;
  c.offset = offset;
  bzd_data *data = create(&c);
  OK(bzd_data_get_rows(data, 0, N, x, NULL));
  for (int i = 0; i < N * DIM; i++) assert_true(fabsf(x[i] - (rows[i] - offset[i % DIM]) / scale[i % DIM]) < 1e-5f);
  bzd_data_destroy(data);
}

static void test_conditions(void **state) {
  float rows[N * DIM] = {0}, one_hot[N * 3], cond[N * 2], given[N * 2];
  const int32_t labels[N] = {0, 2, 1, 1, 0, 2};
  (void)state;
  bzd_data_config c = config_of(rows);
  c.labels = labels;
  c.classes = 3;
  bzd_data *data = create(&c);
  bzd_data_info info = {.struct_size = sizeof info};
  OK(bzd_data_get_info(data, &info));
  assert_int_equal(info.cond_dim, 3);
  assert_int_equal(info.classes, 3);
  OK(bzd_data_get_rows(data, 0, N, NULL, one_hot));
  for (int r = 0; r < N; r++)
    for (int k = 0; k < 3; k++) assert_true(one_hot[r * 3 + k] == (k == labels[r] ? 1.0f : 0.0f));
  bzd_data_destroy(data);
  for (int i = 0; i < N * 2; i++) given[i] = (float)i;
  c = config_of(rows);
  c.cond = given;
  c.cond_dim = 2;
  data = create(&c);
  OK(bzd_data_get_rows(data, 0, N, NULL, cond));
  assert_memory_equal(cond, given, sizeof cond);
  bzd_data_destroy(data);
}

static void test_messages(void **state) {
  float rows[N * DIM] = {0};
  const int32_t labels[N] = {0, 1, 2, 9, 1, 1};
  bzd_data *data;
  (void)state;
  bzd_data_config c = config_of(rows);
  c.n = 0;
  FAILS(BZD_E_ARGUMENT, "data config: n is 0", bzd_data_create(NULL, &c, &data));
  c.n = N;
  rows[2 * DIM + 3] = NAN;
  FAILS(BZD_E_NUMERIC, "row 2, column 3", bzd_data_create(NULL, &c, &data));
  rows[2 * DIM + 3] = 0;
  c.labels = labels;
  c.classes = 3;
  FAILS(BZD_E_ARGUMENT, "9", bzd_data_create(NULL, &c, &data));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_bytes),       cmocka_unit_test(test_none_and_borrowed),
                                     cmocka_unit_test(test_standardise), cmocka_unit_test(test_given),
                                     cmocka_unit_test(test_conditions),  cmocka_unit_test(test_messages)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
