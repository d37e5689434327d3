/* SPDX-License-Identifier: MIT */
/* What the tests of all distances between samples share: naive distances, and the check that threads and refused memory
 * change nothing. Include it after cmocka.h. */
#ifndef TESTS_SUPPORT_SAMPLES_H
#define TESTS_SUPPORT_SAMPLES_H

#include "heap.h"
#include "num/stats.h"
#include "numbers.h"

#include <string.h>

static inline double samples_distance(int64_t dim, const float *a, const float *b) {
  double sum = 0.0;
  for (int64_t c = 0; c < dim; c++) sum += ((double)a[c] - (double)b[c]) * ((double)a[c] - (double)b[c]);
  return sqrt(sum);
}

/* One metric with two results at most. */
typedef bzd_status (*samples_metric)(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b,
                                     double out[2]);

/* The same bits on 1, 2, 3 and 8 threads; nothing leaks, and each refused allocation is BZD_E_MEMORY. */
static inline void samples_check_metric(samples_metric metric, int64_t n, int64_t m) {
  const int64_t dim = 5;
  float *a = numbers_floats(101, n * dim, 0.0, 1.0), *b = numbers_floats(103, m * dim, 0.5, 1.5);
  const bzdi_sample left = {n, a}, right = {m, b};
  const int32_t threads[] = {1, 2, 3, 8};
  double first[2] = {0};
  assert_int_equal(metric(NULL, dim, left, right, first), BZD_OK);
  for (int i = 0; i < 4; i++) {
    bzd_context *context = numbers_context(threads[i]);
    double out[2] = {0};
    assert_int_equal(metric(context, dim, left, right, out), BZD_OK);
    assert_memory_equal(out, first, sizeof out);
    bzdi_release(context);
  }
  int refused = 0;
  for (int refuse = 1;; refuse++) {
    heap h = {0};
    const bzd_context_config config = {
        .struct_size = sizeof config, .threads = 1, .alloc = heap_alloc, .free = heap_free, .alloc_user = &h};
    bzd_context *context = NULL;
    double out[2] = {0};
    assert_int_equal(bzdi_context_new(&config, &context), BZD_OK);
    const long long before = atomic_load(&h.live);
    atomic_store(&h.refuse_from, atomic_load(&h.calls) + refuse);
    const bzd_status status = metric(context, dim, left, right, out);
    assert_true(atomic_load(&h.live) == before && atomic_load(&h.wrong) == 0);
    bzdi_release(context);
    if (status == BZD_OK) break;
    assert_int_equal(status, BZD_E_MEMORY);
    assert_true(out[0] == 0.0 && out[1] == 0.0);
    refused++;
  }
  assert_true(refused > 0);
  free(a);
  free(b);
}

#endif
