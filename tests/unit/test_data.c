/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"

enum { N = 5, DIM = 3, STRIDE = 4 };

static float rows[N * STRIDE];
static const int32_t labels[N] = {2, 0, 1, 1, 2};

static bzdi_data_spec floats(void) {
  for (int i = 0; i < N * STRIDE; i++) rows[i] = i % STRIDE == DIM ? NAN : 0.37f * (float)i - 2.0f; /* NaN: padding */
  return (bzdi_data_spec){
      .dtype = BZDI_DATA_F32, .copy = 1, .n = N, .row_stride = STRIDE, .rows = rows, .item = {.dim = DIM}};
}

static void test_stride_and_copy(void **state) {
  const int64_t index[4] = {4, 0, 4, 2};
  float x[4 * DIM];
  (void)state;
  for (int copy = 0; copy < 2; copy++) {
    bzdi_data_spec spec = floats();
    bzd_data *data;
    spec.copy = copy;
    OK(bzdi_data_new(NULL, &spec, &data));
    rows[4 * STRIDE] = 99;
    bzdi_data_rows(data, 4, index, x, NULL);
    for (int r = 0; r < 4; r++)
      for (int j = 0; j < DIM; j++) {
        float value = 0.37f * (float)(index[r] * STRIDE + j) - 2.0f;
        assert_true(x[r * DIM + j] == (!copy && index[r] == 4 && j == 0 ? 99.0f : value));
      }
    assert_null(data->item.scale);
    assert_int_equal(data->item.cond_dim, 0);
    bzdi_release(data);
  }
}

static void test_normalisation(void **state) {
  unsigned char bytes[4] = {0, 255, 51, 128};
  const int64_t all[N] = {0, 1, 2, 3, 4};
  float x[N * DIM], scale[DIM] = {2, -4, 0.5f}, offset[DIM] = {1, 0, -1};
  bzdi_data_spec spec = {.dtype = BZDI_DATA_U8, .copy = 1, .n = 2, .row_stride = 2, .rows = bytes, .item = {.dim = 2}};
  bzd_data *data;
  (void)state;
  OK(bzdi_data_new(NULL, &spec, &data));
  bzdi_data_rows(data, 2, all, x, NULL);
  for (int i = 0; i < 4; i++) assert_true(x[i] == ((float)bytes[i] - 127.5f) / 127.5f);
  assert_true(x[0] == -1.0f && x[1] == 1.0f);
  bzdi_release(data);
  spec.normalise = BZDI_NORMALISE_NONE;
  OK(bzdi_data_new(NULL, &spec, &data));
  bzdi_data_rows(data, 2, all, x, NULL);
  assert_true(x[2] == 51.0f && data->item.scale == NULL);
  bzdi_release(data);

  spec = floats();
  spec.normalise = BZDI_NORMALISE_GIVEN;
  spec.item.scale = scale;
  spec.item.offset = offset;
  OK(bzdi_data_new(NULL, &spec, &data));
  bzdi_data_rows(data, N, all, x, NULL);
  for (int i = 0; i < N * DIM; i++)
    assert_true(x[i] == (rows[i / DIM * STRIDE + i % DIM] - offset[i % DIM]) / scale[i % DIM]);
  bzdi_release(data);

  spec = floats();
  spec.normalise = BZDI_NORMALISE_STANDARDISE;
  for (int i = 0; i < N; i++) rows[i * STRIDE + 1] = 7;
  OK(bzdi_data_new(NULL, &spec, &data));
  bzdi_data_rows(data, N, all, x, NULL);
  for (int j = 0; j < DIM; j++) {
    double mean = 0, squares = 0;
    for (int i = 0; i < N; i++) mean += (double)x[i * DIM + j] / N;
    for (int i = 0; i < N; i++) squares += pow((double)x[i * DIM + j] - mean, 2) / (N - 1);
    assert_true(fabs(mean) < 1e-6);
    assert_true(fabs(squares - (j == 1 ? 0 : 1)) < 1e-5);
  }
  assert_true(data->item.scale[1] == 1.0f && data->item.offset[1] == 7.0f);
  bzdi_release(data);
}

static void test_conditions(void **state) {
  const int64_t index[3] = {3, 0, 4};
  float cond[9], given[N * 2];
  bzdi_data_spec spec = floats();
  bzd_data *data;
  (void)state;
  spec.labels = labels;
  spec.classes = 3;
  OK(bzdi_data_new(NULL, &spec, &data));
  assert_int_equal(data->item.cond_dim, 3);
  bzdi_data_rows(data, 3, index, NULL, cond);
  for (int r = 0; r < 3; r++)
    for (int j = 0; j < 3; j++) assert_true(cond[3 * r + j] == (j == labels[index[r]] ? 1.0f : 0.0f));
  bzdi_release(data);
  spec = floats();
  for (int i = 0; i < N * 2; i++) given[i] = (float)i;
  spec.cond = given;
  spec.item.cond_dim = 2;
  OK(bzdi_data_new(NULL, &spec, &data));
  bzdi_data_rows(data, 3, index, NULL, cond);
  for (int r = 0; r < 3; r++) assert_true(cond[2 * r] == (float)(2 * index[r]) && cond[2 * r + 1] == cond[2 * r] + 1);
  bzdi_release(data);
}

static void test_refusals(void **state) {
  int32_t wrong[N] = {0, 1, 2, 3, 0};
  float given[N] = {0, 0, INFINITY, 0, 0};
  bzdi_data_spec spec = floats();
  bzd_data *data = (bzd_data *)&spec;
  (void)state;
  rows[2 * STRIDE + 1] = NAN;
  FAILS(BZD_E_NUMERIC, "row 2, column 1", bzdi_data_new(NULL, &spec, &data));
  assert_null(data);
  spec = floats();
  spec.labels = wrong;
  spec.classes = 3;
  FAILS(BZD_E_ARGUMENT, "label of row 3 is 3, expected 0..2", bzdi_data_new(NULL, &spec, &data));
  wrong[1] = -1;
  FAILS(BZD_E_ARGUMENT, "row 1 is -1", bzdi_data_new(NULL, &spec, &data));
  spec = floats();
  spec.normalise = BZDI_NORMALISE_STANDARDISE;
  for (int i = 0; i < N; i++) rows[i * STRIDE + 2] = i % 2 ? 3.4e38f : -3.4e38f;
  FAILS(BZD_E_NUMERIC, "deviation of column 2", bzdi_data_new(NULL, &spec, &data));
  spec = floats();
  spec.cond = given;
  spec.item.cond_dim = 1;
  FAILS(BZD_E_NUMERIC, "row 2", bzdi_data_new(NULL, &spec, &data));
}

static void digest(const bzdi_data_spec *spec, uint8_t id[32]) {
  bzd_data *data;
  bzdi_sha256 hash;
  OK(bzdi_data_new(NULL, spec, &data));
  bzdi_sha256_start(&hash);
  bzdi_data_hash(data, &hash);
  bzdi_sha256_end(&hash, id);
  bzdi_release(data);
}

/* The hash sees content, not where it lies. */
static void test_hash(void **state) {
  uint8_t first[32], other[32];
  float dense[N * DIM];
  bzdi_data_spec spec = floats();
  (void)state;
  spec.labels = labels;
  spec.classes = 3;
  digest(&spec, first);
  for (int i = 0; i < N * DIM; i++) dense[i] = rows[i / DIM * STRIDE + i % DIM];
  spec.rows = dense;
  spec.row_stride = DIM;
  spec.copy = 0;
  digest(&spec, other);
  assert_memory_equal(first, other, 32);
  dense[7] = nextafterf(dense[7], 10);
  digest(&spec, other);
  assert_memory_not_equal(first, other, 32);
  spec = floats();
  spec.labels = labels;
  spec.classes = 4;
  digest(&spec, other);
  assert_memory_not_equal(first, other, 32);
  spec.classes = 3;
  spec.normalise = BZDI_NORMALISE_STANDARDISE;
  digest(&spec, other);
  assert_memory_not_equal(first, other, 32);
  spec.normalise = BZDI_NORMALISE_NONE;
  spec.labels = NULL;
  digest(&spec, other);
  assert_memory_not_equal(first, other, 32);
}

static void test_refused_memory(void **state) {
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  const long long before = atomic_load(&h.live);
  bzdi_data_spec spec = floats();
  int refused = 0;
  (void)state;
  spec.labels = labels;
  spec.classes = 3;
  spec.normalise = BZDI_NORMALISE_STANDARDISE;
  for (;; refused++) {
    bzd_data *data = NULL;
    atomic_store(&h.refuse_from, atomic_load(&h.calls) + 1 + refused);
    bzd_status status = bzdi_data_new(context, &spec, &data);
    atomic_store(&h.refuse_from, 0);
    if (status == BZD_OK) {
      bzdi_release(data);
      break;
    }
    assert_int_equal(status, BZD_E_MEMORY);
    assert_null(data);
    assert_true(atomic_load(&h.live) == before);
  }
  assert_true(refused >= 5 && atomic_load(&h.live) == before && atomic_load(&h.wrong) == 0);
  bzdi_release(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_stride_and_copy),
                                     cmocka_unit_test(test_normalisation),
                                     cmocka_unit_test(test_conditions),
                                     cmocka_unit_test(test_refusals),
                                     cmocka_unit_test(test_hash),
                                     cmocka_unit_test(test_refused_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
