/* SPDX-License-Identifier: MIT */
#include "num/dense.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/task.h"
#include "num/tile.h"

#include <math.h>
#include <string.h>

bzd_status bzdi_solve_spd(int64_t n, double *a, int64_t m, double *b) {
  for (int64_t i = 0; i < n; i++) { /* A = L L', L over the lower triangle */
    for (int64_t j = 0; j <= i; j++) {
      double sum = a[i * n + j];
      for (int64_t k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
      if (j < i) {
        a[i * n + j] = sum / a[j * n + j];
      } else {
        if (!(sum > 0.0))
          return bzdi_fail(BZD_E_NUMERIC, "matrix is not positive definite: pivot %d is %g", (int)i, sum);
        a[i * n + i] = sqrt(sum);
      }
    }
  }
  for (int64_t c = 0; c < m; c++) {
    for (int64_t i = 0; i < n; i++) {
      double sum = b[i * m + c];
      for (int64_t k = 0; k < i; k++) sum -= a[i * n + k] * b[k * m + c];
      b[i * m + c] = sum / a[i * n + i];
    }
    for (int64_t i = n - 1; i >= 0; i--) {
      double sum = b[i * m + c];
      for (int64_t k = i + 1; k < n; k++) sum -= a[k * n + i] * b[k * m + c];
      b[i * m + c] = sum / a[i * n + i];
    }
  }
  return BZD_OK;
}

enum { BLOCK = 64, DEPTH = 256 }; /* C in blocks of 64 x 64, k in runs of 256: packed operands stay in L2 */

typedef struct scratch {
  double a[BLOCK * DEPTH], b[BLOCK * DEPTH], c[BLOCK * BLOCK];
} scratch;

typedef struct product {
  int64_t m, n, k, columns; /* columns: blocks of C side by side */
  bzdi_matrix a, b;
  double *c;
  scratch *slots;
} product;

/* panels of `lanes` rows, each [depth, lanes], zeros beyond the last row */
static void pack(bzdi_matrix x, int64_t row, int64_t rows, int64_t first, int64_t depth, int64_t lanes, double *out) {
  for (int64_t i = 0; i < rows; i += lanes, out += lanes * depth)
    for (int64_t p = 0; p < depth; p++)
      for (int64_t l = 0; l < lanes; l++)
        out[p * lanes + l] = i + l < rows ? x.at[(row + i + l) * x.row + (first + p) * x.column] : 0.0;
}

static void product_block(void *arg, int64_t index, int32_t slot) {
  const product *task = arg;
  scratch *own = &task->slots[slot];
  const int64_t i0 = index / task->columns * BLOCK, j0 = index % task->columns * BLOCK;
  const int64_t rows = task->m - i0 < BLOCK ? task->m - i0 : BLOCK;
  const int64_t columns = task->n - j0 < BLOCK ? task->n - j0 : BLOCK;
  const bzdi_matrix b = {task->b.at, task->b.column, task->b.row}; /* by its columns */
  memset(own->c, 0, sizeof own->c);
  for (int64_t i = 0; i < rows; i++)
    memcpy(own->c + i * BLOCK, task->c + (i0 + i) * task->n + j0, (size_t)columns * sizeof(double));
  for (int64_t p = 0; p < task->k; p += DEPTH) {
    const int64_t depth = task->k - p < DEPTH ? task->k - p : DEPTH;
    pack(task->a, i0, rows, p, depth, BZDI_TILE_ROWS, own->a);
    pack(b, j0, columns, p, depth, BZDI_TILE_COLUMNS, own->b);
    for (int64_t j = 0; j < columns; j += BZDI_TILE_COLUMNS)
      for (int64_t i = 0; i < rows; i += BZDI_TILE_ROWS)
        bzdi_tile_products(depth, own->a + i * depth, own->b + j * depth, own->c + i * BLOCK + j, BLOCK);
  }
  for (int64_t i = 0; i < rows; i++)
    memcpy(task->c + (i0 + i) * task->n + j0, own->c + i * BLOCK, (size_t)columns * sizeof(double));
}

bzd_status bzdi_dense_add_product(const bzd_context *context, int64_t m, int64_t n, int64_t k, bzdi_matrix a,
                                  bzdi_matrix b, double *c) {
  const size_t slots = (size_t)bzdi_slots(context);
  product task = {m, n, k, (n + BLOCK - 1) / BLOCK, a, b, c, bzdi_malloc(context, slots, sizeof(scratch))};
  if (task.slots == NULL) return bzdi_no_memory("matrix product", slots, sizeof(scratch));
  bzdi_parallel_for(context, (m + BLOCK - 1) / BLOCK * task.columns, product_block, &task);
  bzdi_free(context, task.slots);
  return BZD_OK;
}
