/* SPDX-License-Identifier: MIT */
/* Small flows, ensembles and data sets for tests of the distill layer, made through the internal functions. Include it
 * after cmocka.h. */
#ifndef TESTS_SUPPORT_MODELS_H
#define TESTS_SUPPORT_MODELS_H

#include "base/context.h"
#include "base/error.h"
#include "distill/fitter.h"
#include "distill/trainer.h"
#include "heap.h"
#include "numbers.h"

#include <stdio.h>
#include <string.h>

/* Success, or the library's own text. */
#define OK(call)                                                                                                       \
  do {                                                                                                                 \
    bzd_status ok_status = (call);                                                                                     \
    if (ok_status != BZD_OK) {                                                                                         \
      char ok_text[512];                                                                                               \
      bzdi_error_copy(ok_text, sizeof ok_text);                                                                        \
      fail_msg("%s: %s: %s", #call, bzdi_status_name(ok_status), ok_text);                                             \
    }                                                                                                                  \
  } while (0)

/* This status, and a text that holds these words. */
#define FAILS(status, words, call)                                                                                     \
  do {                                                                                                                 \
    bzd_status fails_status = (call);                                                                                  \
    char fails_text[512];                                                                                              \
    bzdi_error_copy(fails_text, sizeof fails_text);                                                                    \
    if (fails_status != (status)) fail_msg("%s: %s: %s", #call, bzdi_status_name(fails_status), fails_text);           \
    if (strstr(fails_text, (words)) == NULL) fail_msg("%s: \"%s\" lacks \"%s\"", #call, fails_text, (words));          \
  } while (0)

#define SAME(a, b, count) assert_memory_equal((a), (b), (size_t)(count) * sizeof *(a))

static inline bzd_context *models_context(heap *h, int32_t threads) {
  bzd_context_config config = {.struct_size = sizeof config, .threads = threads};
  bzd_context *context = NULL;
  if (h) {
    config.alloc = heap_alloc;
    config.free = heap_free;
    config.alloc_user = h;
  }
  OK(bzdi_context_new(&config, &context));
  return context;
}

static inline bzd_flow *models_flow(const bzd_context *context, int32_t kind, int32_t degree, int64_t dim,
                                    int64_t cond_dim, int64_t width, uint64_t seed) {
  const bzdi_flow_spec spec = {.kind = kind,
                               .degree = degree,
                               .layers = 2,
                               .time_features = 8,
                               .width = width,
                               .seed = seed,
                               .item = {.dim = dim, .cond_dim = cond_dim}};
  bzd_flow *flow = NULL;
  OK(bzdi_flow_new(context, &spec, &flow));
  return flow;
}

static inline bzd_flow *models_callback(const bzd_context *context, int64_t dim, int64_t cond_dim, bzd_velocity_fn fn,
                                        void *user) {
  const bzdi_item item = {.dim = dim, .cond_dim = cond_dim};
  bzd_flow *flow = NULL;
  OK(bzdi_flow_new_callback(context, &item, fn, user, 0, &flow));
  return flow;
}

/* Takes the caller's hold on the flows over. */
static inline bzd_ensemble *models_ensemble(const bzd_context *context, int32_t combine, int32_t rule, int64_t count,
                                            bzd_flow *const *flows, const double *fixed) {
  const bzd_flow *teachers[64];
  bzd_ensemble *ensemble = NULL;
  for (int64_t m = 0; m < count; m++) teachers[m] = flows[m];
  const bzdi_ensemble_spec spec = {.combine = combine,
                                   .rule = rule,
                                   .temperature = 0.1,
                                   .seed = 5,
                                   .count = count,
                                   .flows = teachers,
                                   .fixed = fixed};
  OK(bzdi_ensemble_new(context, &spec, &ensemble));
  for (int64_t m = 0; m < count; m++) bzdi_release(flows[m]);
  return ensemble;
}

/* One teacher. */
static inline bzd_ensemble *models_single(const bzd_context *context, bzd_flow *flow) {
  return models_ensemble(context, BZDI_COMBINE_VELOCITY, BZDI_RULE_UNIFORM, 1, &flow, NULL);
}

static inline bzd_fitter *models_fitter(const bzd_context *context, int32_t degree, int32_t nodes) {
  bzd_fitter *fitter = NULL;
  OK(bzdi_fitter_new(context, degree, nodes, NULL, NULL, 0, &fitter));
  return fitter;
}

/* Normal rows about 1, labels i % classes when classes > 0; copied. */
static inline bzd_data *models_data(const bzd_context *context, int64_t n, int64_t dim, int32_t classes,
                                    uint64_t seed) {
  float *rows = numbers_floats(seed, n * dim, 1, 0.5);
  int32_t *labels = malloc((size_t)n * sizeof *labels);
  for (int64_t i = 0; i < n; i++) labels[i] = classes > 0 ? (int32_t)(i % classes) : 0;
  const bzdi_data_spec spec = {.dtype = BZDI_DATA_F32,
                               .classes = classes,
                               .copy = 1,
                               .n = n,
                               .row_stride = dim,
                               .rows = rows,
                               .labels = classes > 0 ? labels : NULL,
                               .item = {.dim = dim, .cond_dim = classes}};
  bzd_data *data = NULL;
  OK(bzdi_data_new(context, &spec, &data));
  free(rows);
  free(labels);
  return data;
}

/* Paths of samples first..first+n-1, the caller frees them. */
static inline float *models_paths(const bzd_source *source, int64_t first, int64_t n, float *cond) {
  float *paths = malloc((size_t)(n * (source->degree + 1) * source->item.dim) * sizeof *paths);
  OK(bzdi_source_paths(source, first, n, paths, cond, NULL));
  return paths;
}

#endif
