/* SPDX-License-Identifier: MIT */
/* The test beds: data to learn, points to start from, and rows to score against. Two-dimensional beds are scored on
 * evenly spread points, whose own distance from the law is a tenth of that of as many random ones. */
#include "study.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FASHION "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz"
#define FASHION_LABELS "/usr/share/datasets/fashion-mnist/train-labels-idx1-ubyte.gz"

const struct bed beds[] = {
    {"8gaussians", "toy:8gaussians", NULL, false, 65536, 128, 3, 16000, 16000, 65536, 4096, 4, 5},
    {"moons-8gaussians", "toy:8gaussians", "toy:moons", false, 65536, 128, 3, 16000, 16000, 65536, 4096, 4, 5},
    {"checkerboard", "toy:checkerboard", NULL, false, 65536, 128, 3, 16000, 16000, 65536, 4096, 4, 5},
    {"digits", "digits", NULL, false, 0, 256, 3, 12000, 12000, 32768, 4096, 4, 3},
    {"fashion14", FASHION, NULL, true, 0, 512, 3, 20000, 15000, 32768, 4096, 3, 3},
    {"fashion28", FASHION, NULL, false, 0, 512, 3, 20000, 12000, 32768, 4096, 3, 3},
};
const int bed_count = sizeof beds / sizeof beds[0];

/* Means of 2 x 2 pixels, in place. */
static void shrink(struct set *set) {
  int64_t h = set->shape[0] / 2, w = set->shape[1] / 2;
  for (int64_t i = 0; i < set->n; i++) {
    const unsigned char *from = set->bytes + i * set->dim;
    unsigned char *to = set->bytes + i * h * w;
    for (int64_t y = 0; y < h; y++)
      for (int64_t x = 0; x < w; x++) {
        const unsigned char *p = from + 2 * y * set->shape[1] + 2 * x;
        to[y * w + x] = (unsigned char)((p[0] + p[1] + p[set->shape[1]] + p[set->shape[1] + 1] + 2) / 4);
      }
  }
  set->shape[0] = h;
  set->shape[1] = w;
  set->dim = h * w;
}

static float *even_points(const char *data, int64_t n) {
  float *rows = must_alloc((size_t)(2 * n), sizeof(float));
  toy_even(data + 4, n, rows);
  return rows;
}

static bool is_toy(const char *data) { return strncmp(data, "toy:", 4) == 0; }

void piece_open(struct piece *piece) {
  const struct bed *bed = piece->bed;
  common_start(&piece->common);
  bool digits = strcmp(bed->data, "digits") == 0, toy = is_toy(bed->data);
  set_read(&piece->set, bed->data,
           toy      ? NULL
           : digits ? "digits-labels"
                    : FASHION_LABELS,
           NULL, bed->rows, 1000 + piece->seed);
  if (bed->shrink) shrink(&piece->set);
  if (!toy) set_shuffle(&piece->set, piece->seed);
  /* Labels choose rows for specialists; no flow of a study is conditional. */
  piece->samples = bed->samples;
  if (toy) {
    piece->real_n = piece->samples;
    piece->real = even_points(bed->data, piece->real_n);
    piece->x0 = even_points(bed->start ? bed->start : "toy:gaussian", piece->samples);
  } else { /* all digits; of the larger sets as many rows as samples, from behind */
    piece->real_n = piece->set.n < piece->samples ? piece->set.n : piece->samples;
    float *rows = must_alloc((size_t)(piece->real_n * piece->set.dim), sizeof(float));
    set_rows(&piece->set, piece->set.n - piece->real_n, piece->real_n, rows);
    piece->real = rows;
    float *x0 = must_alloc((size_t)(piece->samples * piece->set.dim), sizeof(float));
    must(bzd_noise(7777 + piece->seed, BZD_STREAM_NOISE, 0, piece->samples, piece->set.dim, x0), NULL);
    piece->x0 = x0;
  }
  if (bed->start) {
    set_read(&piece->start_set, bed->start, NULL, NULL, bed->rows, 2000 + piece->seed);
    piece->start = set_data(&piece->common, &piece->start_set, 0, piece->start_set.n);
  }
  int32_t *labels = piece->set.labels;
  piece->set.labels = NULL;
  piece->data = set_data(&piece->common, &piece->set, 0, piece->set.n);
  piece->set.labels = labels;
}

void piece_close(struct piece *piece) {
  bzd_data_destroy(piece->data);
  bzd_data_destroy(piece->start);
  set_free(&piece->set);
  set_free(&piece->start_set);
  free((void *)(uintptr_t)piece->real);
  free((void *)(uintptr_t)piece->x0);
  common_finish(&piece->common);
}
