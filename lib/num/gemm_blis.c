/* SPDX-License-Identifier: MIT */
/* Products by the micro-kernels of BLIS (the only file that knows it).
 *
 * BLIS lends its innermost kernel alone, which has no state; packing, blocks, threads and memory are ours, because its
 * own memory pools end the process when malloc fails, and lock (docs/decisions/0011). */
#include "base/task.h"
#include "num/gemm_parts.h"

#include <blis.h>

enum { MOST = 64 };                /* rows or columns of a micro-kernel */
enum { ROWS = 96, COLUMNS = 384 }; /* of one block, rounded down to whole tiles */

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
  return kernel->rows > 0 && kernel->rows <= MOST && kernel->columns > 0 && kernel->columns <= MOST &&
         kernel->depth > 0 && bli_cntx_get_blksz_max_dt(BLIS_FLOAT, BLIS_MR, cntx) == kernel->rows &&
         bli_cntx_get_blksz_max_dt(BLIS_FLOAT, BLIS_NR, cntx) == kernel->columns;
}

typedef struct job {
  bzdi_product of;
  micro kernel;
  float *packed_a, *packed_b;
  int64_t block_rows, block_columns, row_blocks, column_blocks; /* a task each */
} job;

int bzdi_blis_knows_cpu(void) {
  micro kernel;
  return micro_pick(&kernel);
}

void bzdi_blis_start(void) { bli_init(); }
const char *bzdi_blis_version(void) { return bli_info_get_version_str(); }
const char *bzdi_blis_cpu(void) { return bli_arch_string(bli_arch_query_id()); }

/* Whole tiles: a kernel's need not divide 16. */
int64_t bzdi_blis_scratch(int64_t m, int64_t n, int64_t k) { return (m + n + 2 * MOST) * k; }

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

static void pack_task(void *arg, int64_t i, int32_t slot) {
  const job *j = arg;
  const bzdi_product *g = &j->of;
  (void)slot;
  if (i < j->row_blocks) {
    const int64_t first = i * j->block_rows;
    pack_lines(first, bzdi_least(first + j->block_rows, g->m), j->kernel.rows, g->k, g->a, g->a_row, g->a_column,
               j->packed_a);
  } else {
    const int64_t first = (i - j->row_blocks) * j->block_columns;
    pack_lines(first, bzdi_least(first + j->block_columns, g->n), j->kernel.columns, g->k, g->b, g->b_column, g->b_row,
               j->packed_b);
  }
}

static void block_task(void *arg, int64_t i, int32_t slot) {
  const job *j = arg;
  const bzdi_product *g = &j->of;
  const micro *kernel = &j->kernel;
  (void)slot;
  const int64_t first_row = i / j->column_blocks * j->block_rows, end_row = bzdi_least(first_row + j->block_rows, g->m);
  const int64_t first = i % j->column_blocks * j->block_columns, end = bzdi_least(first + j->block_columns, g->n);
  float one = 1, beta = 0;
  for (int64_t p = 0; p < g->k; p += kernel->depth, beta = 1) {
    const int64_t depth = bzdi_least(kernel->depth, g->k - p);
    for (int64_t q = first; q < end; q += kernel->columns) {
      float *b = j->packed_b + q * g->k + p * kernel->columns;
      for (int64_t r = first_row; r < end_row; r += kernel->rows) {
        float *a = j->packed_a + r * g->k + p * kernel->rows;
        auxinfo_t next = {0}; /* what to fetch beforehand; any address serves */
        bli_auxinfo_set_next_a(a, &next);
        bli_auxinfo_set_next_b(b, &next);
        kernel->run(bzdi_least(kernel->rows, end_row - r), bzdi_least(kernel->columns, end - q), depth, &one, a, b,
                    &beta, g->c + r * g->c_row + q * g->c_column, g->c_row, g->c_column, &next, kernel->cntx);
      }
    }
  }
}

static bzdi_product transposed(const bzdi_product *g) { /* C' = B' A' */
  return (bzdi_product){.m = g->n,
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
                        .c = g->c};
}

int bzdi_blis_product(const bzd_context *context, const bzdi_product *product, float *scratch) {
  job j;
  if (!micro_pick(&j.kernel)) return 0;
  j.of = j.kernel.by_columns ? transposed(product) : *product;
  j.packed_a = scratch;
  j.packed_b = scratch + bzdi_round_up(bzdi_round_up(j.of.m, j.kernel.rows) * j.of.k, 16);
  j.block_rows = ROWS / j.kernel.rows * j.kernel.rows;
  j.block_columns = COLUMNS / j.kernel.columns * j.kernel.columns;
  j.row_blocks = (j.of.m + j.block_rows - 1) / j.block_rows;
  j.column_blocks = (j.of.n + j.block_columns - 1) / j.block_columns;
  bzdi_parallel_for(context, j.row_blocks + j.column_blocks, pack_task, &j);
  bzdi_parallel_for(context, j.row_blocks * j.column_blocks, block_task, &j);
  return 1;
}
