/* SPDX-License-Identifier: MIT */
/* The test beds: data to learn, points to start from, and rows to score against. Two-dimensional beds are scored on
 * evenly spread points, whose own distance from the law is a tenth of that of as many random ones. */
#include "study.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FASHION "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz"
#define FASHION_LABELS "/usr/share/datasets/fashion-mnist/train-labels-idx1-ubyte.gz"

#define NOISE NULL, false, false
const struct bed beds[] = {
    {"8gaussians", "toy:8gaussians", NOISE, 65536, 0, 128, 3, false, 16000, 16000, 65536, 4096, 4, 5, true},
    {"moons-8gaussians", "toy:8gaussians", "toy:moons", false, false, 65536, 0, 128, 3, false, 16000, 16000, 65536,
     4096, 4, 5, true},
    {"checkerboard", "toy:checkerboard", NOISE, 65536, 0, 128, 3, false, 16000, 16000, 65536, 4096, 4, 5, true},
    {"moons+8gaussians", "toy:8gaussians", "toy:moons", false, true, 65536, 0, 128, 3, false, 16000, 16000, 65536, 4096,
     1, 5, false},
    {"digits", "digits", NOISE, 0, 0, 256, 3, false, 12000, 8000, 32768, 4096, 4, 3, true},
    {"fashion14", FASHION, NULL, true, false, 0, 10000, 256, 3, true, 12000, 8000, 32768, 4096, 3, 3, false},
    {"fashion28", FASHION, NOISE, 0, 10000, 384, 3, true, 12000, 8000, 32768, 4096, 3, 3, false},
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

/* Toy points are labelled by the eighth of the circle they lie in, centred on the modes of the 8 Gaussians. */
static void label_by_angle(struct set *set) {
  set->labels = must_alloc((size_t)set->n, sizeof *set->labels);
  set->classes = 8;
  for (int64_t i = 0; i < set->n; i++) {
    double angle = atan2((double)set->rows[2 * i + 1], (double)set->rows[2 * i]) / 3.14159265358979323846;
    set->labels[i] = ((int32_t)floor(4 * angle + 0.5) + 8) % 8;
  }
}

/* Every other row of a toy set becomes one of the other set; classes 0 (the other) and 1. */
static void pair_with(struct set *set, const char *other, uint64_t seed) {
  struct set rows;
  set_read(&rows, other, NULL, NULL, set->n, seed);
  set->labels = must_alloc((size_t)set->n, sizeof *set->labels);
  set->classes = 2;
  for (int64_t i = 0; i < set->n; i++) set->labels[i] = i % 2 == 0;
  for (int64_t i = 1; i < set->n; i += 2) memcpy(set->rows + 2 * i, rows.rows + 2 * i, 2 * sizeof(float));
  set_free(&rows);
}

void piece_open(struct piece *piece) {
  const struct bed *bed = piece->bed;
  struct set *set = &piece->set;
  common_start(&piece->common);
  bool digits = strcmp(bed->data, "digits") == 0, toy = is_toy(bed->data);
  set_read(set, bed->data, toy ? NULL : digits ? "digits-labels" : FASHION_LABELS, NULL, bed->rows, 1000 + piece->seed);
  if (bed->shrink) shrink(set);
  if (bed->pair)
    pair_with(set, bed->start, 2000 + piece->seed);
  else if (toy)
    label_by_angle(set);
  else
    set_shuffle(set, piece->seed);
  piece->train_n = set->n - bed->held;
  piece->samples = bed->samples;
  if (piece->scale < 1) piece->samples = (int64_t)fmax(256, ceil((double)bed->samples * piece->scale));
  if (toy) {
    piece->real_n = piece->samples;
    piece->real = even_points(bed->data, piece->real_n);
    piece->x0 = even_points(bed->start && !bed->pair ? bed->start : "toy:gaussian", piece->samples);
  } else { /* rows kept back, or all there are */
    int64_t pool = bed->held ? bed->held : set->n;
    piece->real_n = pool < piece->samples ? pool : piece->samples;
    piece->real = must_alloc((size_t)(piece->real_n * set->dim), sizeof(float));
    set_rows(set, set->n - piece->real_n, piece->real_n, piece->real);
    piece->x0 = must_alloc((size_t)(piece->samples * set->dim), sizeof(float));
    must(bzd_noise(7777 + piece->seed, BZD_STREAM_NOISE, 0, piece->samples, set->dim, piece->x0), NULL);
  }
  if (bed->start && !bed->pair) {
    set_read(&piece->start_set, bed->start, NULL, NULL, bed->rows, 2000 + piece->seed);
    piece->start = set_data(&piece->common, &piece->start_set, 0, piece->start_set.n);
  }
  int32_t *labels = set->labels; /* they choose rows for specialists; no flow of a study is conditional */
  set->labels = NULL;
  piece->data = set_data(&piece->common, set, 0, piece->train_n);
  set->labels = labels;
}

void piece_close(struct piece *piece) {
  models_free(piece);
  bzd_data_destroy(piece->data);
  bzd_data_destroy(piece->start);
  set_free(&piece->set);
  set_free(&piece->start_set);
  free(piece->real);
  free(piece->x0);
  free(piece->old.row);
  free(piece->kept.row);
  common_finish(&piece->common);
}
