/* SPDX-License-Identifier: MIT */
/* Matrix products: our own packed kernels, and BLIS through its typed expert interface (the only file that knows it).
 *
 * The rule. Own kernels wherever the CPU has AVX2 or better, or BLIS does not know it (its generic kernels reach a
 * sixth of peak); BLIS elsewhere (SSE-only x86, and the ARM and POWER cores it is tuned for). The figures are in
 * docs/performance.md. Only the CPU decides, never the shape: so a row of C never changes its kernel with its
 * neighbours. BLIS is given one thread in an explicit rntm, so no setting of its host is read or changed. It chooses
 * its algorithm by shape, so blocks handed to it are cut by the shape alone. */
#include "num/gemm.h"

#include "base/error.h"
#include "base/task.h"
#include "num/kernel.h"

#include <assert.h>
#include <blis.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROW_CHUNK = 16 * BZDI_TILE_MOST }; /* rows of one task: enough work to share, the panel stays in L2 */

/* With BLIS_ARCH_TYPE set, asking before bli_init aborts the process; bli_init itself runs once. */
static arch_t blis_arch(void) {
  bli_init();
  return bli_arch_query_id();
}

static int blis_is_generic(void) { return blis_arch() == BLIS_ARCH_GENERIC; }

static int rule(void) {
  return bzdi_kernels_pick() != &bzdi_kernels_base || blis_is_generic() ? BZDI_GEMM_OWN : BZDI_GEMM_BLIS;
}

static int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

/* ---- Packed weights ------------------------------------------------------------------------------------------ */

size_t bzdi_packed_floats(int64_t k, int64_t n) { return (size_t)round_up(n, bzdi_kernels_pick()->lanes) * (size_t)k; }

/* One panel: columns j.. of B as [k][width], width whole vectors, zero beyond n. */
static void pack_panel(const bzdi_kernels *kernels, int64_t k, int64_t n, const float *b, int64_t b_row,
                       int64_t b_column, int64_t j, float *packed) {
  int64_t columns = n - j < kernels->panel ? n - j : kernels->panel, width = round_up(columns, kernels->lanes);
  float *out = packed + j * k;
  b += j * b_column;
  if (b_column == 1) {
    for (int64_t p = 0; p < k; p++, out += width) {
      for (int64_t q = 0; q < columns; q++) out[q] = b[p * b_row + q];
      for (int64_t q = columns; q < width; q++) out[q] = 0;
    }
    return;
  }
  /* Columns are far apart (a transposed weight): read each along its rows, eight at a time. */
  for (int64_t q = 0; q < width; q++) {
    if (q >= columns) {
      for (int64_t p = 0; p < k; p++) out[p * width + q] = 0;
    } else if (q + 8 <= columns) {
      const float *in = b + q * b_column;
      for (int64_t p = 0; p < k; p++)
        for (int64_t e = 0; e < 8; e++) out[p * width + q + e] = in[p * b_row + e * b_column];
      q += 7;
    } else {
      for (int64_t p = 0; p < k; p++) out[p * width + q] = b[p * b_row + q * b_column];
    }
  }
}

void bzdi_pack(int64_t k, int64_t n, const float *b, int64_t b_row, int64_t b_column, float *packed) {
  const bzdi_kernels *kernels = bzdi_kernels_pick();
  for (int64_t j = 0; j < n; j += kernels->panel) pack_panel(kernels, k, n, b, b_row, b_column, j, packed);
}

/* Rows of the next tile: full ones, and the rest in two even parts rather than one tall and one thin. */
static int32_t tile_rows(int64_t left) {
  if (left >= 2 * BZDI_TILE_MOST || left == BZDI_TILE_MOST) return BZDI_TILE_MOST;
  return (int32_t)(left > BZDI_TILE_MOST ? (left + 1) / 2 : left);
}

void bzdi_packed_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *packed,
                      const float *bias, int silu, float *c, int64_t ldc) {
  const bzdi_kernels *kernels = bzdi_kernels_pick();
  for (int64_t j = 0; j < n; j += kernels->panel) {
    int32_t columns = (int32_t)(n - j < kernels->panel ? n - j : kernels->panel);
    for (int64_t i = 0; i < m;) {
      int32_t rows = tile_rows(m - i);
      bzdi_tile_job job = {k, a + i * lda,     lda, 1, packed + j * k, bias ? bias + j : NULL, silu,
                           0, c + i * ldc + j, ldc};
      kernels->tile(&job, rows, columns);
      i += rows;
    }
  }
}

/* ---- Own kernels for training -------------------------------------------------------------------------------- */

typedef struct product {
  const bzdi_kernels *kernels;
  int64_t m, n, k;
  const float *a, *b;
  int64_t a_row, a_column, b_row, b_column, ldc;
  float *c, *packed_a, *packed_b;
  int accumulate;
  int64_t panels, chunks;
} product;

size_t bzdi_gemm_scratch(int64_t m, int64_t n, int64_t k) {
  return ((size_t)round_up(m, 16) + (size_t)round_up(n, 16)) * (size_t)k * sizeof(float) + 64;
}

/* Rows of a transposed A as tiles [k][rows], so that a tile reads one line of memory at a time. */
static void pack_rows(const product *g, int64_t chunk) {
  int64_t first = chunk * ROW_CHUNK, end = first + ROW_CHUNK < g->m ? first + ROW_CHUNK : g->m;
  for (int64_t i = first; i < end;) {
    int32_t rows = tile_rows(end - i);
    const float *in = g->a + i * g->a_row;
    float *out = g->packed_a + i * g->k;
    for (int64_t p = 0; p < g->k; p++)
      for (int32_t r = 0; r < rows; r++) out[p * rows + r] = in[p * g->a_column + r * g->a_row];
    i += rows;
  }
}

static void pack_task(void *arg, int64_t i, int32_t slot) {
  const product *g = arg;
  (void)slot;
  if (i < g->panels)
    pack_panel(g->kernels, g->k, g->n, g->b, g->b_row, g->b_column, i * g->kernels->panel, g->packed_b);
  else
    pack_rows(g, i - g->panels);
}

static void own_task(void *arg, int64_t i, int32_t slot) {
  const product *g = arg;
  (void)slot;
  int64_t j = i / g->chunks * g->kernels->panel, first = i % g->chunks * ROW_CHUNK;
  int64_t end = first + ROW_CHUNK < g->m ? first + ROW_CHUNK : g->m;
  int32_t columns = (int32_t)(g->n - j < g->kernels->panel ? g->n - j : g->kernels->panel);
  for (int64_t row = first; row < end;) {
    int32_t rows = tile_rows(end - row);
    bzdi_tile_job job = {g->k,          g->packed_a + row * g->k, 1,     rows, g->packed_b + j * g->k, NULL, 0,
                         g->accumulate, g->c + row * g->ldc + j,  g->ldc};
    if (g->a_column == 1) { /* rows are lines of memory already */
      job.a = g->a + row * g->a_row;
      job.a_row = g->a_row;
      job.a_column = 1;
    }
    g->kernels->tile(&job, rows, columns);
    row += rows;
  }
}

/* ---- BLIS ---------------------------------------------------------------------------------------------------- */

enum { BLIS_ROWS = 128, BLIS_COLUMNS = 512 };

static void blis_product(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column,
                         const float *b, int64_t b_row, int64_t b_column, int accumulate, float *c, int64_t ldc) {
  float one = 1, beta = accumulate ? 1 : 0;
  rntm_t one_thread = BLIS_RNTM_INITIALIZER;
  bli_rntm_set_num_threads(1, &one_thread);
  /* BLIS's prototypes lack const; it only reads A and B. */
  bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, m, n, k, &one, (float *)(uintptr_t)a, a_row, a_column,
               (float *)(uintptr_t)b, b_row, b_column, &beta, c, ldc, 1, NULL, &one_thread);
}

static void blis_task(void *arg, int64_t i, int32_t slot) {
  const product *g = arg;
  (void)slot;
  int64_t row = i / g->chunks * BLIS_ROWS, column = i % g->chunks * BLIS_COLUMNS;
  int64_t rows = g->m - row < BLIS_ROWS ? g->m - row : BLIS_ROWS,
          columns = g->n - column < BLIS_COLUMNS ? g->n - column : BLIS_COLUMNS;
  blis_product(rows, columns, g->k, g->a + row * g->a_row, g->a_row, g->a_column, g->b + column * g->b_column, g->b_row,
               g->b_column, g->accumulate, g->c + row * g->ldc + column, g->ldc);
}

/* ---- The product --------------------------------------------------------------------------------------------- */

void bzdi_gemm_by(int way, const bzd_context *context, int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
                  int64_t a_column, const float *b, int64_t b_row, int64_t b_column, float *c, int64_t ldc,
                  int accumulate, void *scratch) {
  assert(m > 0 && n > 0 && k > 0 && a && b && c && scratch); /* BLIS aborts on what is not so */
  product g = {.kernels = bzdi_kernels_pick(),
               .m = m,
               .n = n,
               .k = k,
               .a = a,
               .b = b,
               .a_row = a_row,
               .a_column = a_column,
               .b_row = b_row,
               .b_column = b_column,
               .ldc = ldc,
               .c = c,
               .accumulate = accumulate};
  if ((way == BZDI_GEMM_RULE ? rule() : way) == BZDI_GEMM_BLIS) {
    g.chunks = (n + BLIS_COLUMNS - 1) / BLIS_COLUMNS;
    bzdi_parallel_for(context, (m + BLIS_ROWS - 1) / BLIS_ROWS * g.chunks, blis_task, &g);
    return;
  }
  g.panels = (n + g.kernels->panel - 1) / g.kernels->panel;
  g.chunks = (m + ROW_CHUNK - 1) / ROW_CHUNK;
  g.packed_b = scratch;
  g.packed_a = g.packed_b + round_up(n, 16) * k;
  bzdi_parallel_for(context, g.panels + (a_column == 1 ? 0 : g.chunks), pack_task, &g);
  bzdi_parallel_for(context, g.panels * g.chunks, own_task, &g);
}

void bzdi_gemm(const bzd_context *context, int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
               int64_t a_column, const float *b, int64_t b_row, int64_t b_column, float *c, int64_t ldc, int accumulate,
               void *scratch) {
  bzdi_gemm_by(BZDI_GEMM_RULE, context, m, n, k, a, a_row, a_column, b, b_row, b_column, c, ldc, accumulate, scratch);
}

/* ---- Set-up and description ---------------------------------------------------------------------------------- */

bzd_status bzdi_gemm_warm(const bzd_context *context) {
  (void)context;
  if (rule() != BZDI_GEMM_BLIS) return BZD_OK; /* BLIS will not be called */
  /* BLIS takes its packing buffers from malloc and aborts when refused: see that they are to be had first. */
  size_t need = (size_t)16 << 20;
  void *probe = malloc(need);
  if (!probe) return bzdi_fail(BZD_E_MEMORY, "context: no memory for %zu bytes that BLIS needs", need);
  free(probe);
  float a[4] = {1, 2, 3, 4}, b[4] = {1, 0, 0, 1}, c[4];
  blis_product(2, 2, 2, a, 2, 1, b, 2, 1, 0, c, 2);
  return BZD_OK;
}

int bzdi_gemm_blis_is_generic(void) { return blis_is_generic() && rule() == BZDI_GEMM_BLIS; }

size_t bzdi_gemm_describe(char *buf, size_t cap) {
  char text[160];
  const char *blis = bli_arch_string(blis_arch());
  if (rule() == BZDI_GEMM_OWN)
    snprintf(text, sizeof text, "own %s kernels (blis %s: %s)", bzdi_kernels_pick()->name, bli_info_get_version_str(),
             blis_is_generic() ? "generic, CPU unknown to it" : blis);
  else
    snprintf(text, sizeof text, "blis %s %s kernels, own %s kernels for sampling", bli_info_get_version_str(), blis,
             bzdi_kernels_pick()->name);
  return bzdi_text_copy(text, buf, cap);
}
