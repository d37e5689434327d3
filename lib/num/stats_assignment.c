/* SPDX-License-Identifier: MIT */
/* Exact W2 between sets of one size: the assignment problem by shortest augmenting paths (Jonker and Volgenant 1987,
 * their LAPJV), O(n^3) with a small constant, costs in double. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/task.h"
#include "num/distance.h"
#include "num/stats.h"

#include <math.h>
#include <string.h>

enum { BLOCK = BZDI_DISTANCE_BLOCK, MOST_ROWS = 2048 };

typedef struct assignment {
  int32_t n;
  double *cost;     /* [n, n] */
  double *price;    /* of columns; dual feasible: cost - price is least, in every row, at its column */
  double *distance; /* of columns from the row that looks for one */
  int32_t *column;  /* of each row, -1 = none */
  int32_t *row;     /* of each column, -1 = none */
  int32_t *from;    /* row from which a column was reached */
  int32_t *list;    /* columns: scanned, to scan, not reached */
  int32_t *open;    /* rows without a column */
} assignment;

/* Prices = least cost of each column, given to its row where that is still free; then prices of columns whose row won
 * only them are lowered to its second choice. Returns how many rows stay open. */
static int32_t reduce_columns(assignment *p) {
  const int32_t n = p->n;
  int32_t open = 0;
  for (int32_t i = 0; i < n; i++) p->column[i] = p->from[i] = -1; /* from: columns a row won, counted from -1 */
  for (int32_t j = 0; j < n; j++) {
    p->price[j] = p->cost[j];
    p->row[j] = 0;
  }
  for (int32_t i = 1; i < n; i++)
    for (int32_t j = 0; j < n; j++)
      if (p->cost[(int64_t)i * n + j] < p->price[j]) {
        p->price[j] = p->cost[(int64_t)i * n + j];
        p->row[j] = i;
      }
  for (int32_t j = n - 1; j >= 0; j--) {
    const int32_t i = p->row[j];
    if (p->from[i]++ < 0)
      p->column[i] = j;
    else
      p->row[j] = -1;
  }
  for (int32_t i = 0; i < n; i++) {
    if (p->column[i] < 0) p->open[open++] = i;
    if (p->from[i] != 0) continue;
    double second = INFINITY;
    for (int32_t j = 0; j < n; j++)
      if (j != p->column[i]) second = fmin(second, p->cost[(int64_t)i * n + j] - p->price[j]);
    if (second < INFINITY) p->price[p->column[i]] -= second;
  }
  return open;
}

/* Each open row takes its best column, whose price falls to the second best; the row it drives out is next. */
static int32_t augment_rows(assignment *p, int32_t count) {
  const int32_t n = p->n;
  int32_t next = 0, open = 0;
  for (int64_t steps = 0; next < count; steps++) {
    const int32_t i = p->open[next++];
    const double *cost = p->cost + (int64_t)i * n;
    double best = INFINITY, second = INFINITY;
    int32_t best_at = 0, second_at = 0;
    for (int32_t j = 0; j < n; j++) {
      const double h = cost[j] - p->price[j];
      if (!(h < second)) continue;
      if (h < best) {
        second = best;
        second_at = best_at;
        best = h;
        best_at = j;
      } else {
        second = h;
        second_at = j;
      }
    }
    const double lowered = p->price[best_at] - (second - best);
    const int gain = second < INFINITY && lowered < p->price[best_at]; /* rounding may leave no gain */
    int32_t other = p->row[best_at];
    if (gain) {
      p->price[best_at] = lowered;
    } else if (other >= 0 && second < INFINITY) {
      best_at = second_at;
      other = p->row[best_at];
    }
    p->column[i] = best_at;
    p->row[best_at] = i;
    if (other < 0) continue;
    p->column[other] = -1;
    if (gain && steps < (int64_t)n * 8)
      p->open[--next] = other;
    else
      p->open[open++] = other; /* open <= next: rows already taken from the list make room */
  }
  return open;
}

/* Gives open row `start` a column along the shortest alternating path (Dijkstra on reduced costs). */
static void augment_path(assignment *p, int32_t start) {
  const int32_t n = p->n;
  int32_t low = 0, high = 0, scanned = 0, end = -1; /* list: [0, low) scanned, [low, high) at the least distance */
  double least = 0.0;
  for (int32_t j = 0; j < n; j++) {
    p->distance[j] = p->cost[(int64_t)start * n + j] - p->price[j];
    p->from[j] = start;
    p->list[j] = j;
  }
  while (end < 0) {
    if (low == high) {
      scanned = low;
      least = p->distance[p->list[high++]];
      for (int32_t k = high; k < n; k++) {
        const int32_t j = p->list[k];
        if (p->distance[j] > least) continue;
        if (p->distance[j] < least) {
          high = low;
          least = p->distance[j];
        }
        p->list[k] = p->list[high];
        p->list[high++] = j;
      }
      for (int32_t k = low; k < high && end < 0; k++)
        if (p->row[p->list[k]] < 0) end = p->list[k];
      if (end >= 0) break;
    }
    const int32_t j0 = p->list[low++], i = p->row[j0];
    const double *cost = p->cost + (int64_t)i * n, base = cost[j0] - p->price[j0] - least;
    for (int32_t k = high; k < n; k++) {
      const int32_t j = p->list[k];
      const double d = cost[j] - p->price[j] - base;
      if (!(d < p->distance[j])) continue;
      p->distance[j] = d;
      p->from[j] = i;
      if (d > least) continue;
      if (p->row[j] < 0) {
        end = j;
        break;
      }
      p->list[k] = p->list[high];
      p->list[high++] = j;
    }
  }
  for (int32_t k = 0; k < scanned; k++) p->price[p->list[k]] += p->distance[p->list[k]] - least;
  for (int32_t j = end, i = -1; i != start;) {
    i = p->from[j];
    p->row[j] = i;
    const int32_t before = p->column[i];
    p->column[i] = j;
    j = before;
  }
}

static void solve(assignment *p) {
  int32_t open = reduce_columns(p);
  for (int pass = 0; pass < 2; pass++) open = augment_rows(p, open);
  for (int32_t k = 0; k < open; k++) augment_path(p, p->open[k]);
}

typedef struct cost_matrix {
  int64_t n;
  double *cost;
} cost_matrix;

static void fill(void *arg, int64_t a_first, int64_t a_rows, int64_t b_first, int64_t b_rows,
                 const double (*d2)[BLOCK]) {
  const cost_matrix *task = arg;
  for (int64_t i = 0; i < a_rows; i++)
    memcpy(task->cost + (a_first + i) * task->n + b_first, d2[i], (size_t)b_rows * sizeof(double));
}

static size_t carve(const bzd_context *context, size_t n, void *base, assignment *p, bzdi_distance_scratch **slots) {
  bzdi_arena arena = {base, 0};
  double *cost = bzdi_arena_take(&arena, n * n, sizeof *cost), *price = bzdi_arena_take(&arena, n, sizeof *price),
         *distance = bzdi_arena_take(&arena, n, sizeof *distance);
  int32_t *index[5];
  for (int i = 0; i < 5; i++) index[i] = bzdi_arena_take(&arena, n, sizeof *index[i]);
  *slots = bzdi_arena_take(&arena, (size_t)bzdi_slots(context), sizeof **slots);
  *p = (assignment){.n = (int32_t)n,
                    .cost = cost,
                    .price = price,
                    .distance = distance,
                    .column = index[0],
                    .row = index[1],
                    .from = index[2],
                    .list = index[3],
                    .open = index[4]};
  return arena.used;
}

bzd_status bzdi_assignment(const bzd_context *context, bzdi_cache *cache, int64_t dim, bzdi_sample a, bzdi_sample b,
                           int32_t *partner, double *mean) {
  if (a.n != b.n || a.n > MOST_ROWS)
    return bzdi_fail(BZD_E_LIMIT, "exact assignment: %lld and %lld rows, expected the same number, at most %d",
                     (long long)a.n, (long long)b.n, MOST_ROWS);
  const size_t n = (size_t)a.n;
  assignment p;
  bzdi_distance_scratch *slots;
  const size_t bytes = carve(context, n, NULL, &p, &slots);
  void *memory = bzdi_cache_take(cache, context, bytes);
  if (memory == NULL) return bzdi_no_memory("exact assignment", bytes, 1);
  carve(context, n, memory, &p, &slots);
  cost_matrix matrix = {a.n, p.cost};
  bzdi_distance_all_in(context, slots, dim, a.n, a.x, b.n, b.x, 0, fill, &matrix);
  solve(&p);
  double sum = 0.0;
  for (size_t i = 0; i < n; i++) sum += p.cost[i * n + (size_t)p.column[i]];
  if (mean != NULL) *mean = sum / (double)n;
  if (partner != NULL) memcpy(partner, p.column, n * sizeof *partner);
  bzdi_cache_give(cache, context, memory);
  return BZD_OK;
}

bzd_status bzdi_exact_w2(const bzd_context *context, int64_t dim, bzdi_sample a, bzdi_sample b, double *out) {
  double mean = 0.0;
  bzdi_cache cache = {NULL};
  const bzd_status status = bzdi_assignment(context, &cache, dim, a, b, NULL, &mean);
  bzdi_cache_clear(&cache, context);
  if (status == BZD_OK) *out = sqrt(mean);
  return status;
}
