/* SPDX-License-Identifier: MIT */
/* DATA of the command line: toy sets, IDX and NPY files, labels and conditions beside them. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && !strcmp(text + n - m, end);
}

static void read_labels(struct set *set, const char *path) {
  int ndim;
  int64_t shape[4];
  unsigned char *bytes = idx_read(path, &ndim, shape);
  if (ndim != 1 || shape[0] != set->n)
    die("%s: %lld labels in %d dimensions, expected %lld in 1", path, (long long)shape[0], ndim, (long long)set->n);
  set->labels = must_alloc((size_t)set->n, sizeof(int32_t));
  for (int64_t i = 0; i < set->n; i++) {
    set->labels[i] = bytes[i];
    if (bytes[i] >= set->classes) set->classes = bytes[i] + 1;
  }
  free(bytes);
}

static void read_condition(struct set *set, const char *path) {
  int ndim;
  int64_t shape[5];
  set->cond = npy_read(path, &ndim, shape);
  if (shape[0] != set->n) die("%s: %lld conditions for %lld rows", path, (long long)shape[0], (long long)set->n);
  set->cond_dim = 1;
  for (int i = 1; i < ndim; i++) set->cond_dim *= shape[i];
}

void set_read(struct set *set, const char *data, const char *labels, const char *condition, int64_t toy_count,
              uint64_t seed) {
  memset(set, 0, sizeof *set);
  if (labels && condition) die_usage("--labels and --condition do not go together");
  if (!strncmp(data, "toy:", 4)) {
    set->n = toy_count ? toy_count : 20000;
    set->dim = set->shape[0] = 2;
    set->ndim = 1;
    set->rows = must_alloc((size_t)(2 * set->n), sizeof(float));
    if (!toy_make(data + 4, set->n, seed, set->rows)) die("no toy set '%s'; there are %s", data + 4, toy_names);
  } else {
    int ndim;
    int64_t shape[5];
    if (ends_with(data, ".npy"))
      set->rows = npy_read(data, &ndim, shape);
    else
      set->bytes = idx_read(data, &ndim, shape);
    set->n = shape[0];
    set->dim = 1;
    set->ndim = ndim - 1;
    for (int i = 1; i < ndim; i++) set->dim *= set->shape[i - 1] = shape[i];
    if (ndim == 1) set->ndim = 1, set->shape[0] = 1;
  }
  if (labels) read_labels(set, labels);
  if (condition) read_condition(set, condition);
}

void set_free(struct set *set) {
  free(set->rows);
  free(set->bytes);
  free(set->labels);
  free(set->cond);
  memset(set, 0, sizeof *set);
}

bzd_data *set_data(const struct common *common, const struct set *set, int64_t first, int64_t n) {
  bzd_data_config config;
  must(bzd_data_config_init(&config, sizeof config), NULL);
  config.copy = 0;
  config.n = n;
  config.dim = set->dim;
  if (set->bytes) {
    config.dtype = BZD_DTYPE_U8;
    config.rows = set->bytes + first * set->dim;
  } else {
    config.rows = set->rows + first * set->dim;
  }
  if (set->labels) config.labels = set->labels + first, config.classes = set->classes;
  if (set->cond) config.cond = set->cond + first * set->cond_dim, config.cond_dim = set->cond_dim;
  config.item_ndim = set->ndim;
  memcpy(config.item_shape, set->shape, sizeof config.item_shape);
  bzd_data *data;
  must(bzd_data_create(common->context, &config, &data), "data");
  return data;
}

static void swap_bytes(void *a, void *b, size_t size) {
  unsigned char *x = a, *y = b;
  for (size_t i = 0; i < size; i++) {
    unsigned char keep = x[i];
    x[i] = y[i];
    y[i] = keep;
  }
}

void set_shuffle(struct set *set, uint64_t seed) {
  for (int64_t i = set->n - 1; i > 0; i--) {
    float u;
    must(bzd_uniform(seed, BZD_STREAM_USER + 1, i, 1, 1, &u), NULL);
    int64_t j = (int64_t)((double)u * (double)(i + 1));
    size_t row = (size_t)set->dim, a = (size_t)i, b = (size_t)j;
    if (set->rows) swap_bytes(set->rows + a * row, set->rows + b * row, row * sizeof(float));
    if (set->bytes) swap_bytes(set->bytes + a * row, set->bytes + b * row, row);
    if (set->labels) swap_bytes(set->labels + a, set->labels + b, sizeof(int32_t));
    size_t cond = (size_t)set->cond_dim;
    if (set->cond) swap_bytes(set->cond + a * cond, set->cond + b * cond, cond * sizeof(float));
  }
}

void set_rows(const struct set *set, int64_t first, int64_t n, float *out) {
  for (int64_t i = 0; i < n * set->dim; i++)
    out[i] = set->rows ? set->rows[first * set->dim + i] : ((float)set->bytes[first * set->dim + i] - 127.5f) / 127.5f;
}
