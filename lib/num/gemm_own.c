/* SPDX-License-Identifier: MIT */
/* Products by our own kernels: rows times weights packed once, and the product of training.
 *
 * A tile takes rows of A and one panel of B, [k][a few vectors]. So B is packed into panels; A only where its columns
 * lie side by side (a transposed matrix), or its rows fall on the same lines of the first-level cache. What is not all
 * used at once passes in blocks: K in blocks of which a panel fills half of that cache, rows so that A's block stays in
 * the second level, columns in strips of a few lines of memory. C holds the sums in between, and they go on as if they
 * had never been put down: each element stays one chain over K, so neither blocks nor threads show in a bit. */
#include "base/bf16.h"
#include "base/task.h"
#include "num/gemm.h"
#include "num/gemm_parts.h"
#include "num/kernel.h"

#include <string.h>

enum { FAR = 1 << 16 };          /* floats of packed weights that do not stay in the second-level cache: 256 KiB */
enum { PAGE = 1024 };            /* floats of a page of memory */
enum { AHEAD = 8 };              /* rows of B that are asked for before they are packed */
enum { STRIP = 64 };             /* columns of B that are packed at a time: 256 bytes of each row */
enum { BLOCK_FLOATS = 1 << 16 }; /* of A: 256 KiB */
enum { SAME_LINES = 1024 };      /* rows so many floats apart share lines of the first-level cache (4 KiB a way) */

size_t bzdi_packed_bytes(int precision, int64_t k, int64_t n) {
  const bzdi_kernels *kernels = bzdi_kernels_pick();
  const int64_t bytes = precision == BZDI_BFLOAT16 ? bzdi_round_up(n, kernels->panel) * k * (int64_t)sizeof(uint16_t)
                                                   : bzdi_round_up(n, kernels->lanes) * k * (int64_t)sizeof(float);
  return (size_t)bzdi_round_up(bytes, 64);
}

/* A line of a panel: columns of it, zero up to width. Whole vectors by copies of constant size. */
static inline void pack_line(const float *in, int64_t columns, int64_t width, float *out) {
  int64_t q = 0;
  for (; q + 8 <= columns; q += 8) memcpy(out + q, in + q, 8 * sizeof *out);
  for (; q < columns; q++) out[q] = in[q];
  for (; q < width; q++) out[q] = 0;
}

typedef float v4 __attribute__((vector_size(16)));

/* out[p * width + q] = in[q * line + p] for p < 4, q < 4. */
static inline void transpose4(const float *in, int64_t line, float *out, int64_t width) {
  v4 r0, r1, r2, r3;
  memcpy(&r0, in, sizeof r0);
  memcpy(&r1, in + line, sizeof r1);
  memcpy(&r2, in + 2 * line, sizeof r2);
  memcpy(&r3, in + 3 * line, sizeof r3);
  const v4 a = __builtin_shufflevector(r0, r1, 0, 4, 1, 5), b = __builtin_shufflevector(r2, r3, 0, 4, 1, 5),
           c = __builtin_shufflevector(r0, r1, 2, 6, 3, 7), d = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
  r0 = __builtin_shufflevector(a, b, 0, 1, 4, 5);
  r1 = __builtin_shufflevector(a, b, 2, 3, 6, 7);
  r2 = __builtin_shufflevector(c, d, 0, 1, 4, 5);
  r3 = __builtin_shufflevector(c, d, 2, 3, 6, 7);
  memcpy(out, &r0, sizeof r0);
  memcpy(out + width, &r1, sizeof r1);
  memcpy(out + 2 * width, &r2, sizeof r2);
  memcpy(out + 3 * width, &r3, sizeof r3);
}

/* One panel [k][width] of columns far apart (of a transposed weight), width whole vectors, zero beyond them. */
static void pack_panel(int64_t k, int64_t columns, int64_t width, const float *b, int64_t b_row, int64_t b_column,
                       float *out) {
  int64_t done = 0;
  if (b_row == 1)
    for (; done + 16 <= k; done += 16) /* a line of memory */
      for (int64_t q = 0; q + 4 <= columns; q += 4)
        for (int64_t p = done; p < done + 16; p += 4)
          transpose4(b + q * b_column + p, b_column, out + p * width + q, width);
  for (int64_t q = 0; q < width; q++)
    for (int64_t p = q < columns / 4 * 4 ? done : 0; p < k; p++)
      out[p * width + q] = q < columns ? b[p * b_row + q * b_column] : 0;
}

/* The lines of a strip's row that is `away` floats from b: no two rows lie in one page, past whose end the processor
 * does not look ahead by itself. (An address alone; it may lie behind the matrix.) */
static inline void ask_for(const float *b, int64_t away) {
  for (int64_t j = 0; j < STRIP; j += 16)
    __builtin_prefetch((const void *)((uintptr_t)b + (uintptr_t)(away + j) * sizeof *b));
}

/* B[k, n] as panels, one after another. Where its columns lie side by side, a row of them all at a time: a line of
 * memory of each page alone, as one panel needs it, takes twice as long (0.4 and 0.2 ns a float). */
static void pack_panels(const bzdi_kernels *kernels, int64_t k, int64_t n, const float *b, int64_t b_row,
                        int64_t b_column, float *packed) {
  const int64_t panel = kernels->panel, last = n % panel, width = bzdi_round_up(last, kernels->lanes);
  if (b_column != 1) {
    for (int64_t j = 0; j < n - last; j += panel)
      pack_panel(k, panel, panel, b + j * b_column, b_row, b_column, packed + j * k);
    if (last) pack_panel(k, last, width, b + (n - last) * b_column, b_row, b_column, packed + (n - last) * k);
    return;
  }
  for (int64_t p = 0; p < k; p++, b += b_row) {
    if (n == STRIP) ask_for(b, AHEAD * b_row);
    for (int64_t j = 0; j < n - last; j += panel) pack_line(b + j, panel, panel, packed + j * k + p * panel);
    if (last) pack_line(b + n - last, last, width, packed + (n - last) * k + p * width);
  }
}

/* Panels of bfloat16, all of full width (kernel.h). Once for each change of the weights: plain. */
static void pack16(const bzdi_kernels *kernels, int64_t k, int64_t n, const float *b, int64_t b_row, int64_t b_column,
                   uint32_t *packed) {
  const int64_t lanes = kernels->lanes;
  for (int64_t j = 0; j < n; j += kernels->panel)
    for (int64_t p = 0; p < k; p++)
      for (int64_t q = j; q < j + kernels->panel; q += 2 * lanes)
        for (int64_t lane = 0; lane < lanes; lane++) {
          const int64_t column[2] = {q + lane, q + lanes + lane};
          uint16_t half[2] = {0, 0};
          for (int h = 0; h < 2; h++)
            if (column[h] < n) bzdi_bf16_from_f32(b + p * b_row + column[h] * b_column, 1, &half[h]);
          *packed++ = half[0] | (uint32_t)half[1] << 16;
        }
}

void bzdi_pack(int precision, int64_t k, int64_t n, const float *b, int64_t b_row, int64_t b_column, void *packed) {
  if (precision == BZDI_BFLOAT16)
    pack16(bzdi_kernels_pick(), k, n, b, b_row, b_column, packed);
  else
    pack_panels(bzdi_kernels_pick(), k, n, b, b_row, b_column, packed);
}

/* Rows of the next tile: full ones, and the rest in two even parts rather than one tall and one thin. */
static int32_t tile_rows(int64_t left) {
  if (left >= 2 * BZDI_TILE_MOST || left == BZDI_TILE_MOST) return BZDI_TILE_MOST;
  return (int32_t)(left > BZDI_TILE_MOST ? (left + 1) / 2 : left);
}

size_t bzdi_packed_work(int precision, int64_t k) {
  const bzdi_kernels *kernels = bzdi_kernels_pick();
  return precision == BZDI_FLOAT32 ? 0 : (size_t)(kernels->panel * bzdi_least(k, kernels->depth)) * sizeof(float);
}

/* All rows of C beside a strip of B: for each block of K panel by panel, so that A's block stays in the second level of
 * the cache and the panel's in the first while the rows pass. One of bfloat16 is made float32 in work. The processor
 * itself looks ahead in a stream of memory, but not past the end of a page: so a single tile asks for what is a page
 * further on, several ask for the next block while they have this one. What is not far needs none of it. */
static void strip_product(const bzdi_kernels *kernels, const bzdi_tile_job *all, int64_t m, int64_t columns, int far,
                          float *work) {
  const int64_t panel = kernels->panel, k = all->k;
  const int64_t tiles = (m + BZDI_TILE_MOST - 1) / BZDI_TILE_MOST;
  const int whole = tiles == 1 && !all->b16; /* panels at a stretch */
  const int64_t depth = whole ? k : kernels->depth;
  const int64_t idle = tiles > 1 && !all->b16; /* the first tile reads the block itself */
  for (int64_t p = 0; p < k; p += depth)
    for (int64_t q = 0; q < columns; q += panel) {
      bzdi_tile_job job = *all;
      const int64_t here = bzdi_least(panel, columns - q), width = bzdi_round_up(here, kernels->lanes);
      const int last = k - p <= depth;
      job.k = last ? k - p : depth;
      job.b = all->b16 ? work : all->b + q * k + p * width;
      if (all->b16) kernels->widen(job.k, width, all->b16 + (q * k + p * panel) / 2, work);
      job.go_on = p > 0;
      const size_t number = all->b16 ? sizeof(uint16_t) : sizeof(float);
      const int64_t next = whole                 ? q * k + PAGE
                           : q + panel < columns ? (q + panel) * k + p * panel
                           : last                ? columns * k
                                                 : (p + depth) * panel;
      uintptr_t ahead = (all->b16 ? (uintptr_t)all->b16 : (uintptr_t)all->b) + (uintptr_t)next * number;
      job.ahead_step = (uintptr_t)panel * number / (uintptr_t)(tiles - idle);
      int64_t t = 0;
      for (int64_t i = 0; i < m; t++) {
        const int32_t rows = tile_rows(m - i);
        job.a = all->a + i * all->a_row + p;
        job.c = all->c + i * all->ldc + q;
        job.ahead = !far || t < idle ? 0 : ahead + (uintptr_t)((t - idle) * job.k) * job.ahead_step;
        kernels->tile(&job, rows, (int32_t)here);
        i += rows;
      }
    }
}

void bzdi_packed_gemm(int precision, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const void *packed,
                      const float *bias, int silu, float *c, int64_t ldc, void *work) {
  const bzdi_kernels *kernels = bzdi_kernels_pick();
  const int64_t panel = kernels->panel, most = kernels->row_panels * panel;
  bzdi_tile_job job = {.k = k, .a = a, .a_row = lda, .a_column = 1, .ldc = ldc};
  for (int64_t j = 0, columns; j < n; j += columns) {
    job.c = c + j;
    if (precision == BZDI_BFLOAT16)
      job.b16 = (const uint32_t *)packed + j / 2 * k;
    else
      job.b = (const float *)packed + j * k;
    if (m == 1 && (job.b16 || n - j >= most)) {
      columns = bzdi_least(n - j > most - panel ? most : panel, n - j);
      kernels->row(&job, columns > panel ? kernels->row_panels : 1, (int32_t)columns);
    } else {
      columns = bzdi_least(STRIP, n - j);
      strip_product(kernels, &job, m, columns, k * n > FAR, work);
    }
    if (bias || silu) kernels->activate(m, columns, bias ? bias + j : NULL, silu, c + j, ldc);
  }
}

/* ---- The product of training --------------------------------------------------------------------------------- */

typedef struct job {
  bzdi_product of;
  const bzdi_kernels *kernels;
  float *packed_a, *panels; /* panels: of one strip, for each slot */
  int64_t block_rows, blocks, strips, panels_floats;
  int64_t first, depth; /* the part of K that passes now: all of it, or what of A is packed at a time */
  int tiled;            /* columns of A side by side: packed as tiles */
} job;

static int is_packed(int64_t a_row, int64_t a_column) { return a_column != 1 || a_row % SAME_LINES == 0; }

static int64_t panels_floats(const bzdi_kernels *kernels, int64_t k) { return STRIP * bzdi_least(k, kernels->depth); }

int64_t bzdi_own_scratch(const bzd_context *context, int64_t m, int64_t k, int64_t a_row, int64_t a_column) {
  const bzdi_kernels *kernels = bzdi_kernels_pick();
  const int64_t packed = is_packed(a_row, a_column) ? m * bzdi_least(k, kernels->depth) : 0;
  return packed + bzdi_slots(context) * panels_floats(kernels, k);
}

/* One block of A: rows one after another, or tiles [depth][rows of a tile]. */
static void pack_block(const job *j, int64_t rows, int64_t depth, const float *a, float *packed) {
  const int64_t a_row = j->of.a_row, a_column = j->of.a_column;
  if (!j->tiled) {
    for (int64_t i = 0; i < rows; i++) memcpy(packed + i * depth, a + i * a_row, (size_t)depth * sizeof *packed);
    return;
  }
  int64_t whole = 0; /* rows in tiles of full height */
  while (tile_rows(rows - whole) == BZDI_TILE_MOST) whole += BZDI_TILE_MOST;
  for (int64_t p = 0; p < depth; p++, a += a_column) {
    float *out = packed + p * BZDI_TILE_MOST;
    int64_t i = 0;
    if (a_row == 1)
      for (; i < whole; i += BZDI_TILE_MOST, out += depth * BZDI_TILE_MOST)
        memcpy(out, a + i, BZDI_TILE_MOST * sizeof *out);
    while (i < rows) {
      const int32_t tile = tile_rows(rows - i);
      for (int32_t r = 0; r < tile; r++) packed[i * depth + p * tile + r] = a[(i + r) * a_row];
      i += tile;
    }
  }
}

static void pack_task(void *arg, int64_t i, int32_t slot) {
  const job *j = arg;
  const bzdi_product *g = &j->of;
  const int64_t first = i * j->block_rows, rows = bzdi_least(j->block_rows, g->m - first);
  (void)slot;
  pack_block(j, rows, j->depth, g->a + first * g->a_row + j->first * g->a_column, j->packed_a + first * j->depth);
}

/* A block of rows beside a strip of columns. */
static void strip_task(void *arg, int64_t i, int32_t slot) {
  const job *j = arg;
  const bzdi_product *g = &j->of;
  const int64_t panel = j->kernels->panel, end = j->first + j->depth;
  const int64_t first = i % j->blocks * j->block_rows, rows = bzdi_least(j->block_rows, g->m - first);
  const int64_t column = i / j->blocks * STRIP, columns = bzdi_least(STRIP, g->n - column);
  float *panels = j->panels + slot * j->panels_floats;
  for (int64_t p = j->first; p < end; p += j->kernels->depth) {
    const int64_t depth = bzdi_least(j->kernels->depth, end - p);
    pack_panels(j->kernels, depth, columns, g->b + p * g->b_row + column * g->b_column, g->b_row, g->b_column, panels);
    bzdi_tile_job tile = {.k = depth, .ldc = g->c_row, .go_on = p > 0, .a_row = g->a_row, .a_column = 1};
    const float *a = g->a + first * g->a_row + p;
    if (j->packed_a) a = j->packed_a + first * depth, tile.a_row = depth;
    const int64_t step = tile.a_row; /* from one row of the block to the next */
    if (j->tiled) tile.a_row = 1;
    for (int64_t q = 0; q < columns; q += panel) {
      tile.b = panels + q * depth;
      for (int64_t r = 0; r < rows;) {
        const int32_t height = tile_rows(rows - r);
        if (j->tiled) tile.a_column = height;
        tile.a = a + r * step;
        tile.c = g->c + (first + r) * g->c_row + column + q;
        j->kernels->tile(&tile, height, (int32_t)bzdi_least(panel, columns - q));
        r += height;
      }
    }
  }
}

void bzdi_own_product(const bzd_context *context, const bzdi_product *product, float *scratch) {
  const bzdi_product *g = product;
  job j = {.of = *g, .kernels = bzdi_kernels_pick(), .tiled = g->a_column != 1};
  const int64_t slots = bzdi_slots(context);
  j.strips = (g->n + STRIP - 1) / STRIP;
  int64_t blocks = 1 + (g->m - 1) / (BLOCK_FLOATS / bzdi_least(g->k, j.kernels->depth));
  if (slots > 1 && blocks * j.strips < 4 * slots) /* work for all threads, though B is packed more than once */
    blocks = bzdi_least(1 + (g->m - 1) / (8 * BZDI_TILE_MOST), (4 * slots + j.strips - 1) / j.strips);
  j.block_rows = bzdi_round_up((g->m + blocks - 1) / blocks, BZDI_TILE_MOST);
  j.blocks = (g->m + j.block_rows - 1) / j.block_rows;
  j.panels_floats = panels_floats(j.kernels, g->k);
  j.panels = scratch;
  if (is_packed(g->a_row, g->a_column)) j.packed_a = scratch + slots * j.panels_floats;
  for (int64_t most = j.packed_a ? j.kernels->depth : g->k; j.first < g->k; j.first += most) {
    j.depth = bzdi_least(most, g->k - j.first);
    if (j.packed_a) bzdi_parallel_for(context, j.blocks, pack_task, &j);
    bzdi_parallel_for(context, j.blocks * j.strips, strip_task, &j);
  }
}
