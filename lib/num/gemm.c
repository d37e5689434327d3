/* SPDX-License-Identifier: MIT */
/* Matrix products: our own packed kernels, and the micro-kernels of BLIS (the only file that knows it).
 *
 * The rule. Own kernels wherever the CPU has AVX2 or better, or BLIS does not know it (its generic kernels reach a
 * sixth of peak); BLIS elsewhere (SSE-only x86, and the ARM and POWER cores it is tuned for). The figures are in
 * docs/performance.md. Only the CPU decides, never the shape: so a row of C never changes its kernel with its
 * neighbours.
 *
 * BLIS lends its innermost kernel alone, which has no state; packing, blocks, threads and memory are ours, because its
 * own memory pools end the process when malloc fails, and lock (docs/decisions/0011). */
#include "num/gemm.h"

#include "base/error.h"
#include "base/task.h"
#include "num/kernel.h"

#include <assert.h>
#include <blis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_CHUNK = 16 * BZDI_TILE_MOST }; /* rows of one task: enough work to share, the panel stays in L2 */
enum { BLIS_MOST = 64 };                  /* rows or columns of a micro-kernel */

/* What every BLIS since 0.9 calls: C[m, n] = beta C + alpha A B of one tile, edges included. Its own name for this type
 * changed with each version. */
typedef void (*micro_fn)(dim_t m, dim_t n, dim_t k, const float *alpha, const float *a, const float *b,
                         const float *beta, float *c, inc_t c_row, inc_t c_column, auxinfo_t *next, const cntx_t *cntx);

typedef struct micro {
  micro_fn run;
  const cntx_t *cntx;
  bool by_columns;              /* writes columns of C faster than rows */
  int64_t rows, columns, depth; /* of a tile, and of what of K the caches hold */
} micro;

/* The micro-kernel for this CPU; 0 where it wants its operands packed in a way of its own (POWER9 repeats each
 * number), or BLIS does not know the CPU. With BLIS_ARCH_TYPE set, asking for the architecture before bli_init aborts
 * the process; bli_init itself runs once. */
static int micro_pick(micro *kernel) {
  bli_init();
  if (bli_arch_query_id() == BLIS_ARCH_GENERIC) return 0;
  cntx_t *cntx = (cntx_t *)(uintptr_t)bli_gks_query_cntx();
  kernel->cntx = cntx;
#ifdef BEZDIST_BLIS_0
  kernel->run = (micro_fn)(uintptr_t)bli_cntx_get_l3_nat_ukr_dt(BLIS_FLOAT, BLIS_GEMM_UKR, cntx);
  kernel->by_columns = bli_cntx_l3_nat_ukr_prefers_cols_dt(BLIS_FLOAT, BLIS_GEMM_UKR, cntx);
#else
  kernel->run = (micro_fn)(uintptr_t)bli_cntx_get_ukr_dt(BLIS_FLOAT, BLIS_GEMM_UKR, cntx);
  kernel->by_columns = bli_cntx_ukr_prefers_cols_dt(BLIS_FLOAT, BLIS_GEMM_UKR, cntx);
#endif
  kernel->rows = bli_cntx_get_blksz_def_dt(BLIS_FLOAT, BLIS_MR, cntx);
  kernel->columns = bli_cntx_get_blksz_def_dt(BLIS_FLOAT, BLIS_NR, cntx);
  kernel->depth = bli_cntx_get_blksz_def_dt(BLIS_FLOAT, BLIS_KC, cntx);
  return kernel->rows > 0 && kernel->rows <= BLIS_MOST && kernel->columns > 0 && kernel->columns <= BLIS_MOST &&
         kernel->depth > 0 && bli_cntx_get_blksz_max_dt(BLIS_FLOAT, BLIS_MR, cntx) == kernel->rows &&
         bli_cntx_get_blksz_max_dt(BLIS_FLOAT, BLIS_NR, cntx) == kernel->columns;
}

/* Where own kernels serve, BLIS is not even set up. */
static int own_are_fast(void) { return bzdi_kernels_pick() != &bzdi_kernels_base; }

static int rule(void) {
  micro kernel;
  return own_are_fast() || !micro_pick(&kernel) ? BZDI_GEMM_OWN : BZDI_GEMM_BLIS;
}

static int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

/* ---- Packed weights ------------------------------------------------------------------------------------------ */

size_t bzdi_packed_floats(int64_t k, int64_t n) { return (size_t)round_up(n, bzdi_kernels_pick()->lanes) * (size_t)k; }

/* A line of a panel: columns of it, zero up to width. Whole vectors by copies of constant size. */
static void pack_line(const float *in, int64_t columns, int64_t width, float *out) {
  int64_t q = 0;
  for (; q + 8 <= columns; q += 8) memcpy(out + q, in + q, 8 * sizeof *out);
  for (; q < columns; q++) out[q] = in[q];
  for (; q < width; q++) out[q] = 0;
}

typedef float v4 __attribute__((vector_size(16)));

/* out[p * width + q] = in[q * line + p] for p < 4, q < 4. */
static void transpose4(const float *in, int64_t line, float *out, int64_t width) {
  v4 r[4];
  for (int q = 0; q < 4; q++) memcpy(&r[q], in + q * line, sizeof r[q]);
  const v4 a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5), b = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5),
           c = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7), d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
  const v4 t[4] = {__builtin_shufflevector(a, b, 0, 1, 4, 5), __builtin_shufflevector(a, b, 2, 3, 6, 7),
                   __builtin_shufflevector(c, d, 0, 1, 4, 5), __builtin_shufflevector(c, d, 2, 3, 6, 7)};
  for (int p = 0; p < 4; p++) memcpy(out + p * width, &t[p], sizeof t[p]);
}

/* One panel: columns j.. of B as [k][width], width whole vectors, zero beyond n. */
static void pack_panel(const bzdi_kernels *kernels, int64_t k, int64_t n, const float *b, int64_t b_row,
                       int64_t b_column, int64_t j, float *packed) {
  int64_t columns = n - j < kernels->panel ? n - j : kernels->panel, width = round_up(columns, kernels->lanes);
  float *out = packed + j * k;
  b += j * b_column;
  if (b_column == 1) {
    for (int64_t p = 0; p < k; p++) pack_line(b + p * b_row, columns, width, out + p * width);
    return;
  }
  /* Columns are far apart (a transposed weight): four are read along their rows at a time. */
  int64_t done = 0;
  if (b_row == 1)
    for (; done + 4 <= k; done += 4)
      for (int64_t q = 0; q + 4 <= columns; q += 4)
        transpose4(b + q * b_column + done, b_column, out + done * width + q, width);
  for (int64_t q = 0; q < width; q++)
    for (int64_t p = q < columns / 4 * 4 ? done : 0; p < k; p++)
      out[p * width + q] = q < columns ? b[p * b_row + q * b_column] : 0;
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

/* All rows of C beside one panel of B; tiled: A is packed as tiles [k][rows]. A block of the panel stays in the cache
 * while the rows pass; C holds the sums in between, and they go on as if they had never been put down. */
static void panel_product(const bzdi_kernels *kernels, const bzdi_tile_job *all, int tiled, int64_t m,
                          int32_t columns) {
  const int64_t depth = m <= BZDI_TILE_MOST ? all->k : kernels->depth, width = round_up(columns, kernels->lanes);
  for (int64_t p = 0; p < all->k; p += depth) {
    bzdi_tile_job job = *all;
    const int last = all->k - p <= depth;
    job.k = last ? all->k - p : depth;
    job.b = all->b + p * width;
    job.go_on = p > 0;
    if (!last) job.bias = NULL, job.silu = 0;
    for (int64_t i = 0; i < m;) {
      const int32_t rows = tile_rows(m - i);
      if (tiled) job.a_column = rows;
      job.a = all->a + i * (tiled ? all->k : all->a_row) + p * job.a_column;
      job.c = all->c + i * all->ldc;
      kernels->tile(&job, rows, columns);
      i += rows;
    }
  }
}

void bzdi_packed_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *packed,
                      const float *bias, int silu, float *c, int64_t ldc) {
  const bzdi_kernels *kernels = bzdi_kernels_pick();
  for (int64_t j = 0; j < n; j += kernels->panel) {
    const bzdi_tile_job job = {.k = k,
                               .a = a,
                               .a_row = lda,
                               .a_column = 1,
                               .b = packed + j * k,
                               .bias = bias ? bias + j : NULL,
                               .silu = silu,
                               .c = c + j,
                               .ldc = ldc};
    panel_product(kernels, &job, 0, m, (int32_t)(n - j < kernels->panel ? n - j : kernels->panel));
  }
}

/* ---- Own kernels for training -------------------------------------------------------------------------------- */

typedef struct product {
  int64_t m, n, k;
  const float *a, *b;
  int64_t a_row, a_column, b_row, b_column, c_row, c_column;
  float *c, *packed_a, *packed_b;
  int64_t chunks_a, chunks_b; /* a task each: blocks along the rows, along the columns */
  const bzdi_kernels *kernels;
  micro kernel; /* BLIS alone, as the next two */
  int64_t block_rows, block_columns;
} product;

/* Whole tiles of either way: BLIS's need not divide 16. */
size_t bzdi_gemm_scratch_by(int way, int64_t m, int64_t n, int64_t k) {
  if (way == BZDI_GEMM_RULE) way = rule();
  const int64_t lines = way == BZDI_GEMM_BLIS ? m + n + 2 * BLIS_MOST : round_up(m, 16) + round_up(n, 16);
  return (size_t)lines * (size_t)k * sizeof(float) + 64;
}

size_t bzdi_gemm_scratch(int64_t m, int64_t n, int64_t k) { return bzdi_gemm_scratch_by(BZDI_GEMM_RULE, m, n, k); }

/* Rows of a transposed A as tiles [k][rows], so that a tile reads one line of memory at a time. */
static void pack_rows(const product *g, int64_t chunk) {
  const int64_t first = chunk * ROW_CHUNK, end = first + ROW_CHUNK < g->m ? first + ROW_CHUNK : g->m;
  for (int64_t p = 0; p < g->k; p++) {
    const float *in = g->a + p * g->a_column;
    for (int64_t i = first; i < end;) {
      const int32_t rows = tile_rows(end - i);
      float *out = g->packed_a + i * g->k + p * rows;
      if (g->a_row == 1 && rows == BZDI_TILE_MOST)
        memcpy(out, in + i, BZDI_TILE_MOST * sizeof *out);
      else
        for (int32_t r = 0; r < rows; r++) out[r] = in[(i + r) * g->a_row];
      i += rows;
    }
  }
}

static void pack_task(void *arg, int64_t i, int32_t slot) {
  const product *g = arg;
  (void)slot;
  if (i < g->chunks_b)
    pack_panel(g->kernels, g->k, g->n, g->b, g->b_row, g->b_column, i * g->kernels->panel, g->packed_b);
  else
    pack_rows(g, i - g->chunks_b);
}

static void own_task(void *arg, int64_t i, int32_t slot) {
  const product *g = arg;
  (void)slot;
  const int64_t j = i / g->chunks_a * g->kernels->panel, first = i % g->chunks_a * ROW_CHUNK;
  const int tiled = g->a_column != 1; /* else rows are lines of memory already */
  const bzdi_tile_job job = {.k = g->k,
                             .a = tiled ? g->packed_a + first * g->k : g->a + first * g->a_row,
                             .a_row = tiled ? 1 : g->a_row,
                             .a_column = 1,
                             .b = g->packed_b + j * g->k,
                             .c = g->c + first * g->c_row + j,
                             .ldc = g->c_row};
  panel_product(g->kernels, &job, tiled, g->m - first < ROW_CHUNK ? g->m - first : ROW_CHUNK,
                (int32_t)(g->n - j < g->kernels->panel ? g->n - j : g->kernels->panel));
}

static void own_gemm(const bzd_context *context, product *g, float *scratch) {
  g->kernels = bzdi_kernels_pick();
  g->chunks_a = (g->m + ROW_CHUNK - 1) / ROW_CHUNK;
  g->chunks_b = (g->n + g->kernels->panel - 1) / g->kernels->panel;
  g->packed_b = scratch;
  g->packed_a = scratch + round_up(g->n, 16) * g->k;
  bzdi_parallel_for(context, g->chunks_b + (g->a_column == 1 ? 0 : g->chunks_a), pack_task, g);
  bzdi_parallel_for(context, g->chunks_b * g->chunks_a, own_task, g);
}

/* ---- BLIS ---------------------------------------------------------------------------------------------------- */

enum { BLIS_ROWS = 96, BLIS_COLUMNS = 384 }; /* of one block, rounded down to whole tiles */

/* Lines first..end-1 of a matrix as tiles [k][width], zero beyond `end`. */
static void pack_lines(int64_t first, int64_t end, int64_t width, int64_t k, const float *in, int64_t line,
                       int64_t step, float *packed) {
  for (; first < end; first += width) {
    const int64_t lines = end - first < width ? end - first : width;
    float *out = packed + first * k;
    for (int64_t p = 0; p < k; p++, out += width) {
      for (int64_t q = 0; q < lines; q++) out[q] = in[(first + q) * line + p * step];
      for (int64_t q = lines; q < width; q++) out[q] = 0;
    }
  }
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static void blis_pack_task(void *arg, int64_t i, int32_t slot) {
  const product *g = arg;
  (void)slot;
  if (i < g->chunks_a) {
    int64_t first = i * g->block_rows;
    pack_lines(first, least(first + g->block_rows, g->m), g->kernel.rows, g->k, g->a, g->a_row, g->a_column,
               g->packed_a);
  } else {
    int64_t first = (i - g->chunks_a) * g->block_columns;
    pack_lines(first, least(first + g->block_columns, g->n), g->kernel.columns, g->k, g->b, g->b_column, g->b_row,
               g->packed_b);
  }
}

static void blis_task(void *arg, int64_t i, int32_t slot) {
  const product *g = arg;
  const micro *kernel = &g->kernel;
  (void)slot;
  int64_t first_row = i / g->chunks_b * g->block_rows, end_row = least(first_row + g->block_rows, g->m);
  int64_t first = i % g->chunks_b * g->block_columns, end = least(first + g->block_columns, g->n);
  float one = 1, beta = 0;
  for (int64_t p = 0; p < g->k; p += kernel->depth, beta = 1) {
    const int64_t depth = least(kernel->depth, g->k - p);
    for (int64_t j = first; j < end; j += kernel->columns) {
      float *b = g->packed_b + j * g->k + p * kernel->columns;
      for (int64_t r = first_row; r < end_row; r += kernel->rows) {
        float *a = g->packed_a + r * g->k + p * kernel->rows;
        auxinfo_t next = {0}; /* what to fetch beforehand; any address serves */
        bli_auxinfo_set_next_a(a, &next);
        bli_auxinfo_set_next_b(b, &next);
        kernel->run(least(kernel->rows, end_row - r), least(kernel->columns, end - j), depth, &one, a, b, &beta,
                    g->c + r * g->c_row + j * g->c_column, g->c_row, g->c_column, &next, kernel->cntx);
      }
    }
  }
}

static void blis_gemm(const bzd_context *context, product *g, float *scratch) {
  if (g->kernel.by_columns) /* C' = B' A' */
    *g = (product){.m = g->n,
                   .n = g->m,
                   .k = g->k,
                   .a = g->b,
                   .b = g->a,
                   .a_row = g->b_column,
                   .a_column = g->b_row,
                   .b_row = g->a_column,
                   .b_column = g->a_row,
                   .c_row = g->c_column,
                   .c_column = g->c_row,
                   .c = g->c,
                   .kernel = g->kernel};
  g->packed_a = scratch;
  g->packed_b = scratch + round_up(round_up(g->m, g->kernel.rows) * g->k, 16);
  g->block_rows = BLIS_ROWS / g->kernel.rows * g->kernel.rows;
  g->block_columns = BLIS_COLUMNS / g->kernel.columns * g->kernel.columns;
  g->chunks_a = (g->m + g->block_rows - 1) / g->block_rows;
  g->chunks_b = (g->n + g->block_columns - 1) / g->block_columns;
  bzdi_parallel_for(context, g->chunks_a + g->chunks_b, blis_pack_task, g);
  bzdi_parallel_for(context, g->chunks_a * g->chunks_b, blis_task, g);
}

/* ---- The product --------------------------------------------------------------------------------------------- */

void bzdi_gemm_by(int way, const bzd_context *context, int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
                  int64_t a_column, const float *b, int64_t b_row, int64_t b_column, float *c, int64_t ldc,
                  void *scratch) {
  assert(m > 0 && n > 0 && k > 0 && a && b && c && scratch);
  if (way == BZDI_GEMM_RULE) way = rule();
  product g = {.m = m,
               .n = n,
               .k = k,
               .a = a,
               .b = b,
               .a_row = a_row,
               .a_column = a_column,
               .b_row = b_row,
               .b_column = b_column,
               .c_row = ldc,
               .c_column = 1,
               .c = c};
  if (way == BZDI_GEMM_BLIS && micro_pick(&g.kernel))
    blis_gemm(context, &g, scratch);
  else
    own_gemm(context, &g, scratch);
}

void bzdi_gemm(const bzd_context *context, int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
               int64_t a_column, const float *b, int64_t b_row, int64_t b_column, float *c, int64_t ldc,
               void *scratch) {
  bzdi_gemm_by(BZDI_GEMM_RULE, context, m, n, k, a, a_row, a_column, b, b_row, b_column, c, ldc, scratch);
}

/* ---- Set-up and description ---------------------------------------------------------------------------------- */

/* Setting BLIS up takes memory by malloc (0.9: 342 blocks, 82,364 bytes together, 5,072 the largest) and ends the
 * process where that is refused. So three times as much is asked for first, in blocks so small that a common malloc
 * keeps them in its heap when they are freed: what was there a moment ago is still there. */
int bzdi_gemm_ready(void) {
  enum { BLOCKS = 32, BYTES = 8192 };
  char *block[BLOCKS];
  int got = 0;
  if (own_are_fast()) return 1;
  while (got < BLOCKS && (block[got] = malloc(BYTES)) != NULL) got++;
  for (int i = got; i-- > 0;) free(block[i]);
  if (got == BLOCKS) bli_init();
  return got == BLOCKS;
}

int bzdi_gemm_is_slow(void) { return !own_are_fast() && rule() == BZDI_GEMM_OWN; }

size_t bzdi_gemm_describe(char *buf, size_t cap) {
  char text[160];
  const char *own = bzdi_kernels_pick()->name, *version = bli_info_get_version_str();
  if (own_are_fast())
    snprintf(text, sizeof text, "own %s kernels (blis %s not used)", own, version);
  else if (rule() == BZDI_GEMM_OWN)
    snprintf(text, sizeof text, "own %s kernels (blis %s: no kernel for this CPU)", own, version);
  else
    snprintf(text, sizeof text, "blis %s %s kernels, own %s kernels for sampling", version,
             bli_arch_string(bli_arch_query_id()), own);
  return bzdi_text_copy(text, buf, cap);
}
