/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/task.h"
#include "num/stats.h"
#include "num/tile.h"

#include <math.h>
#include <string.h>

enum { GROUP = 16, ROWS = BZDI_TILE_ROWS, LANES = BZDI_TILE_COLUMNS }; /* directions a task projects on at once */

typedef struct sliced {
  int64_t dim;
  bzdi_sample a, b;
  int32_t directions;
  uint64_t seed;
  char *scratch;
  size_t slot; /* bytes of scratch a slot has */
  double *w2;  /* [directions] */
} sliced;

typedef struct workspace {
  double *directions; /* [GROUP / LANES][dim, LANES] */
  double *rows;       /* [dim, ROWS] */
  double *a, *b;      /* projections [n, GROUP], rows rounded up to ROWS */
  uint64_t *sorted_a, *sorted_b, *spare;
  float *noise; /* [dim] */
} workspace;

static size_t carve(const sliced *task, char *base, workspace *w) {
  const size_t dim = (size_t)task->dim, n = (size_t)task->a.n, m = (size_t)task->b.n;
  bzdi_arena arena = {base, 0};
  w->directions = bzdi_arena_take(&arena, dim * GROUP, sizeof(double));
  w->rows = bzdi_arena_take(&arena, dim * ROWS, sizeof(double));
  w->a = bzdi_arena_take(&arena, (n + ROWS) * GROUP, sizeof(double));
  w->b = bzdi_arena_take(&arena, (m + ROWS) * GROUP, sizeof(double));
  w->sorted_a = bzdi_arena_take(&arena, n, sizeof(uint64_t));
  w->sorted_b = bzdi_arena_take(&arena, m, sizeof(uint64_t));
  w->spare = bzdi_arena_take(&arena, n > m ? n : m, sizeof(uint64_t));
  w->noise = bzdi_arena_take(&arena, dim, sizeof(float));
  return arena.used;
}

static void draw(const sliced *task, int64_t direction, int64_t lane, workspace *w) {
  double *out = w->directions + lane / LANES * LANES * task->dim + lane % LANES, sum = 0.0;
  bzdi_rng_normals(task->seed, BZD_STREAM_METRIC, (uint64_t)direction, 1, task->dim, w->noise, task->dim);
  for (int64_t c = 0; c < task->dim; c++) sum += (double)w->noise[c] * (double)w->noise[c];
  for (int64_t c = 0; c < task->dim; c++)
    out[c * LANES] = sum > 0.0 ? (double)w->noise[c] / sqrt(sum) : (c == 0 ? 1.0 : 0.0);
}

static void project(int64_t dim, bzdi_sample x, workspace *w, double *out) {
  memset(out, 0, (size_t)(x.n + ROWS) * GROUP * sizeof *out);
  for (int64_t r = 0; r < x.n; r += ROWS) {
    for (int64_t l = 0; l < ROWS; l++)
      for (int64_t c = 0; c < dim; c++) w->rows[c * ROWS + l] = r + l < x.n ? (double)x.x[(r + l) * dim + c] : 0.0;
    for (int64_t j = 0; j < GROUP; j += LANES)
      bzdi_tile_products(dim, w->rows, w->directions + j * dim, out + r * GROUP + j, GROUP);
  }
}

/* Doubles as integers of the same order, and back. */
static uint64_t key_of(double x) {
  uint64_t k;
  memcpy(&k, &x, sizeof k);
  return k >> 63 ? ~k : k | UINT64_C(1) << 63;
}

static double value_of(uint64_t k) {
  double x;
  k = k >> 63 ? k & ~(UINT64_C(1) << 63) : ~k;
  memcpy(&x, &k, sizeof x);
  return x;
}

/* Column `lane` of p [n, GROUP] in ascending order: radix sort by bytes, bytes that all keys share skipped. */
static void sort(int64_t n, const double *p, int64_t lane, uint64_t *keys, uint64_t *spare) {
  uint32_t count[8][256] = {{0}};
  for (int64_t i = 0; i < n; i++) {
    keys[i] = key_of(p[i * GROUP + lane]);
    for (int byte = 0; byte < 8; byte++) count[byte][keys[i] >> (8 * byte) & 255]++;
  }
  uint64_t *from = keys, *to = spare;
  for (int byte = 0; byte < 8; byte++) {
    if (count[byte][keys[0] >> (8 * byte) & 255] == (uint32_t)n) continue;
    uint32_t at[256], sum = 0;
    for (int v = 0; v < 256; v++) {
      at[v] = sum;
      sum += count[byte][v];
    }
    for (int64_t i = 0; i < n; i++) to[at[from[i] >> (8 * byte) & 255]++] = from[i];
    uint64_t *other = from;
    from = to;
    to = other;
  }
  if (from != keys) memcpy(keys, from, (size_t)n * sizeof *keys);
}

/* Integral over (0, 1) of (A^-1 - B^-1)^2 for sorted values: steps of both quantile functions, in units of 1 / (n m).
 */
static double quantile_distance(int64_t n, const uint64_t *a, int64_t m, const uint64_t *b) {
  double sum = 0.0;
  for (int64_t i = 0, j = 0, at = 0; i < n && j < m;) {
    const int64_t end_a = (i + 1) * m, end_b = (j + 1) * n, next = end_a < end_b ? end_a : end_b;
    const double d = value_of(a[i]) - value_of(b[j]);
    sum += (double)(next - at) * (d * d);
    at = next;
    i += next == end_a;
    j += next == end_b;
  }
  return sum / ((double)n * (double)m);
}

static void group(void *arg, int64_t index, int32_t slot) {
  const sliced *task = arg;
  const int64_t first = index * GROUP, left = task->directions - first, lanes = left < GROUP ? left : GROUP;
  workspace w;
  carve(task, task->scratch + (size_t)slot * task->slot, &w);
  memset(w.directions, 0, (size_t)task->dim * GROUP * sizeof(double));
  for (int64_t lane = 0; lane < lanes; lane++) draw(task, first + lane, lane, &w);
  project(task->dim, task->a, &w, w.a);
  project(task->dim, task->b, &w, w.b);
  for (int64_t lane = 0; lane < lanes; lane++) {
    sort(task->a.n, w.a, lane, w.sorted_a, w.spare);
    sort(task->b.n, w.b, lane, w.sorted_b, w.spare);
    task->w2[first + lane] = quantile_distance(task->a.n, w.sorted_a, task->b.n, w.sorted_b);
  }
}

bzd_status bzdi_sliced_w2(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, int32_t directions,
                          uint64_t seed, double *out) {
  sliced task = {.dim = dim, .a = a, .b = b, .directions = directions, .seed = seed};
  workspace none;
  task.slot = carve(&task, NULL, &none);
  const size_t slots = (size_t)bzdi_slots(context);
  task.scratch = bzdi_malloc(context, slots, task.slot);
  task.w2 = bzdi_malloc(context, (size_t)directions, sizeof(double));
  bzd_status status = BZD_OK;
  if (task.scratch == NULL || task.w2 == NULL) {
    status = bzdi_no_memory("sliced W2", slots, task.slot);
  } else {
    bzdi_parallel_for(context, (directions + GROUP - 1) / GROUP, group, &task);
    double sum = 0.0;
    for (int32_t k = 0; k < directions; k++) sum += task.w2[k];
    *out = sqrt(sum / directions);
  }
  bzdi_free(context, task.scratch);
  bzdi_free(context, task.w2);
  return status;
}
