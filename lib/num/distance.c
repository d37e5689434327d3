/* SPDX-License-Identifier: MIT */
#include "num/distance.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/task.h"
#include "num/tile.h"

#include <string.h>

enum { BLOCK = BZDI_DISTANCE_BLOCK, DEPTH = 256 };

/* panels of `lanes` rows, each [depth, lanes], zeros beyond the last row */
static void pack(int64_t rows, const float *x, int64_t dim, int64_t depth, int64_t lanes, double *out) {
  for (int64_t i = 0; i < rows; i += lanes, out += lanes * depth)
    for (int64_t l = 0; l < lanes; l++)
      for (int64_t p = 0; p < depth; p++) out[p * lanes + l] = i + l < rows ? (double)x[(i + l) * dim + p] : 0.0;
}

void bzdi_distance_block(int64_t dim, int64_t a_rows, const float *a, int64_t b_rows, const float *b,
                         bzdi_distance_scratch *own) {
  memset(own->d2, 0, sizeof own->d2);
  for (int64_t first = 0; first < dim; first += DEPTH) {
    const int64_t depth = dim - first < DEPTH ? dim - first : DEPTH;
    pack(a_rows, a + first, dim, depth, BZDI_TILE_ROWS, own->a);
    pack(b_rows, b + first, dim, depth, BZDI_TILE_COLUMNS, own->b);
    for (int64_t j = 0; j < b_rows; j += BZDI_TILE_COLUMNS)
      for (int64_t i = 0; i < a_rows; i += BZDI_TILE_ROWS)
        bzdi_tile_distances(depth, own->a + i * depth, own->b + j * depth, &own->d2[i][j], BLOCK);
  }
}

typedef struct pairs {
  int64_t dim, n, m;
  const float *a, *b;
  int upper;
  bzdi_distance_fn each;
  void *arg;
  bzdi_distance_scratch *slots;
} pairs;

static void block_row(void *arg, int64_t index, int32_t slot) {
  const pairs *p = arg;
  bzdi_distance_scratch *own = &p->slots[slot];
  const int64_t i = index * BLOCK, rows = p->n - i < BLOCK ? p->n - i : BLOCK;
  for (int64_t j = p->upper ? i : 0; j < p->m; j += BLOCK) {
    const int64_t columns = p->m - j < BLOCK ? p->m - j : BLOCK;
    bzdi_distance_block(p->dim, rows, p->a + i * p->dim, columns, p->b + j * p->dim, own);
    p->each(p->arg, i, rows, j, columns, (const double(*)[BLOCK])own->d2);
  }
}

void bzdi_distance_all_in(const bzd_context *context, bzdi_distance_scratch *slots, int64_t dim, int64_t n,
                          const float *a, int64_t m, const float *b, int upper, bzdi_distance_fn each, void *arg) {
  pairs p = {dim, n, m, a, b, upper, each, arg, slots};
  bzdi_parallel_for(context, (n + BLOCK - 1) / BLOCK, block_row, &p);
}

bzd_status bzdi_distance_all(const bzd_context *context, int64_t dim, int64_t n, const float *a, int64_t m,
                             const float *b, int upper, bzdi_distance_fn each, void *arg) {
  const size_t count = (size_t)bzdi_slots(context);
  bzdi_distance_scratch *slots = bzdi_malloc(context, count, sizeof *slots);
  if (slots == NULL) return bzdi_no_memory("distances", count, sizeof *slots);
  bzdi_distance_all_in(context, slots, dim, n, a, m, b, upper, each, arg);
  bzdi_free(context, slots);
  return BZD_OK;
}
