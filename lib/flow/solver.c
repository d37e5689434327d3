/* SPDX-License-Identifier: MIT */
/* Cuts rows into blocks, hands them to the solvers over the context's threads, and turns what they report into numbers,
 * texts and progress. */
#include "flow/solver.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/task.h"
#include "flow/block.h"

#include <math.h>
#include <string.h>

int32_t bzdi_solver_stages(int32_t solver) {
  static const int32_t stages[] = {0, 1, 2, 2, 4, 0, 1, 6};
  return solver >= 0 && solver < 8 ? stages[solver] : 0;
}

/* ---- Blocks -------------------------------------------------------------------------------------------------- */

void bzdi_block_index(const bzdi_block *block, int64_t *index) {
  const bzdi_solve *solve = block->solve;
  for (int64_t r = 0; r < block->n; r++)
    index[r] = solve->index ? solve->index[block->first + r] : solve->first_index + block->first + r;
}

void bzdi_block_start(const bzdi_block *block, const int64_t *index, float *x) {
  if (block->x0)
    memmove(x, block->x0, (size_t)(block->n * block->dim) * sizeof(float));
  else
    bzdi_rng_normals_at(block->solve->seed, BZD_STREAM_NOISE, index, block->n, block->dim, x, block->dim);
}

float *bzdi_block_state(const bzdi_block *block, int64_t r, int64_t node) {
  int64_t row = block->first + r;
  return block->states +
         (block->time_major ? node * block->total + row : row * block->solve->nodes + node) * block->dim;
}

void bzdi_block_fail(bzdi_tally *tally, bzd_status status, int64_t row, double time) {
  if (tally->status != BZD_OK && tally->row <= row) return;
  tally->status = status;
  tally->row = row;
  tally->time = time;
}

/* ---- Steps --------------------------------------------------------------------------------------------------- */

static void open_interval(bzdi_march *march) {
  const bzdi_solve *solve = march->solve;
  double length = fabs(solve->node[march->node] - solve->node[march->node - 1]);
  march->done = 0;
  march->of = (int64_t)ceil((double)solve->steps * length / fabs(solve->t1 - solve->t0) - 1e-9);
  if (march->of < 1) march->of = 1;
}

void bzdi_march_start(const bzdi_solve *solve, bzdi_march *march) {
  *march = (bzdi_march){.solve = solve, .of = solve->steps, .t = solve->t0};
  if (solve->nodes > 0 && !solve->grid) {
    march->node = 1;
    open_interval(march);
  }
}

int bzdi_march_next(bzdi_march *march, double *to, int64_t *node) {
  const bzdi_solve *solve = march->solve;
  *node = -1;
  if (march->done == march->of) {
    if (march->node == 0 || march->node + 1 >= solve->nodes) return 0;
    march->node++;
    open_interval(march);
  }
  double from = march->node ? solve->node[march->node - 1] : solve->t0;
  double end = march->node ? solve->node[march->node] : solve->t1;
  march->done++;
  if (march->node == 0 && solve->grid)
    *to = solve->grid[march->done];
  else if (march->done == march->of)
    *to = end; /* to the bit */
  else
    *to = from + (end - from) * ((double)march->done / (double)march->of);
  if (march->node && march->done == march->of) *node = march->node;
  march->t = *to;
  return 1;
}

/* ---- The whole call ------------------------------------------------------------------------------------------ */

typedef struct job {
  bzdi_block block; /* what all blocks have in common */
  int64_t rows;     /* of a block */
  int64_t first_block;
  size_t slot_bytes;
  char *memory;
  bzd_status (*run)(const bzdi_block *block);
  bzd_status status; /* serial fields alone */
} job;

static void block_task(void *arg, int64_t i, int32_t slot) {
  job *j = arg;
  char *memory = j->memory + (size_t)slot * j->slot_bytes;
  bzdi_block block = j->block;
  block.first = (j->first_block + i) * j->rows;
  block.n = block.total - block.first < j->rows ? block.total - block.first : j->rows;
  int64_t cond_dim = block.field ? block.field->cond_dim : block.flow->item.cond_dim;
  if (block.x0) block.x0 += block.first * block.dim;
  if (block.cond) block.cond += block.first * cond_dim;
  if (block.out) block.out += block.first * block.dim;
  block.tally = (bzdi_tally *)memory;
  block.work = memory + 64;
  bzd_status status = j->run(&block);
  if (status != BZD_OK) j->status = status;
}

/* Adds up the slots; a failure becomes its text here, on the caller's thread. */
static bzd_status collect(const job *j, int32_t slots, bzdi_tally *sum) {
  *sum = (bzdi_tally){0};
  for (int32_t s = 0; s < slots; s++) {
    const bzdi_tally *t = (const bzdi_tally *)(j->memory + (size_t)s * j->slot_bytes);
    sum->nfe += t->nfe;
    sum->rejected += t->rejected;
    if (t->nfe_max > sum->nfe_max) sum->nfe_max = t->nfe_max;
    if (t->status != BZD_OK) bzdi_block_fail(sum, t->status, t->row, t->time);
  }
  if (sum->status == BZD_E_NUMERIC)
    return bzdi_fail(sum->status, "row %lld: the state is not finite at t %.6g", (long long)sum->row, sum->time);
  if (sum->status == BZD_E_STEPS)
    return bzdi_fail(sum->status, "row %lld: %lld steps did not suffice, t is %.6g", (long long)sum->row,
                     (long long)j->block.solve->max_steps, sum->time);
  return sum->status;
}

/* A tally, then the solver's work. */
static size_t slot_bytes(size_t work) { return 64 + (work + 63) / 64 * 64; }

static bzd_status run_all(const bzd_context *context, bzdi_cache *cache, job *j, size_t work, int serial,
                          bzdi_solved *solved) {
  int32_t slots = serial ? 1 : bzdi_slots(context);
  int64_t total = j->block.total, blocks = (total + j->rows - 1) / j->rows;
  bzdi_tally sum = {0};
  _Static_assert(sizeof(bzdi_tally) <= 64, "a tally takes the first 64 bytes of a slot");
  *solved = (bzdi_solved){0};
  if (blocks == 0) return BZD_OK;
  j->slot_bytes = slot_bytes(work);
  if (work > SIZE_MAX / 1024) return bzdi_no_memory("solver", work, (size_t)slots);
  j->memory = bzdi_cache_take(cache, context, j->slot_bytes * (size_t)slots);
  if (!j->memory) return bzdi_no_memory("solver", j->slot_bytes, (size_t)slots);
  for (int32_t s = 0; s < slots; s++) memset(j->memory + (size_t)s * j->slot_bytes, 0, 64);
  const bzdi_solve *solve = j->block.solve;
  /* With progress: groups of blocks, between which the callback is asked; without: all at once. */
  int64_t group = !solve->progress ? blocks : serial ? 1 : 4 * (int64_t)slots;
  double began = solve->progress ? bzdi_seconds() : 0;
  bzd_status status = BZD_OK;
  for (int64_t done = 0; status == BZD_OK && done < blocks; done += group) {
    int64_t count = blocks - done < group ? blocks - done : group;
    j->first_block = done;
    if (serial)
      for (int64_t i = 0; i < count && j->status == BZD_OK; i++) block_task(j, i, 0);
    else
      bzdi_parallel_for(context, count, block_task, j);
    status = j->status != BZD_OK ? j->status : collect(j, slots, &sum);
    if (status != BZD_OK || !solve->progress) continue;
    int64_t rows = (done + count) * j->rows < total ? (done + count) * j->rows : total;
    bzd_progress progress = {.struct_size = sizeof progress,
                             .phase = BZD_PHASE_SAMPLE,
                             .step = rows,
                             .of = total,
                             .nfe = (double)sum.nfe / (double)rows,
                             .seconds = bzdi_seconds() - began};
    int32_t stop = solve->progress(solve->progress_user, &progress);
    if (stop != 0)
      status = bzdi_fail(BZD_E_CANCELLED, "progress callback returned %d after %lld of %lld rows", (int)stop,
                         (long long)rows, (long long)total);
  }
  bzdi_cache_give(cache, context, j->memory);
  if (status != BZD_OK) return status;
  *solved = (bzdi_solved){(double)sum.nfe / (double)total, sum.nfe_max, sum.rejected};
  return BZD_OK;
}

static bzd_status hold(const bzd_context *context, bzdi_cache *cache, size_t work, int serial) {
  size_t bytes = slot_bytes(work) * (serial ? 1 : (size_t)bzdi_slots(context));
  void *memory = bzdi_cache_take(cache, context, bytes);
  if (!memory) return bzdi_no_memory("solver", bytes, 1);
  bzdi_cache_give(cache, context, memory);
  return BZD_OK;
}

bzd_status bzdi_solve_reserve(const bzd_context *context, bzdi_cache *cache, const bzdi_field *field, int32_t solver,
                              int64_t n) {
  const int64_t most = bzdi_field_block(field, context, n), rows = most < n ? most : n;
  size_t work = solver == BZDI_SOLVER_DOPRI5 ? bzdi_dopri5_work(field, rows) : bzdi_fixed_work(field, rows);
  return hold(context, cache, work, field->serial);
}

bzd_status bzdi_solve_flow_reserve(const bzd_flow *flow, int32_t solver, int64_t n) {
  bzdi_field field;
  bzdi_flow_field(flow, 1, &field);
  bzdi_cache *cache = &((bzd_flow *)(uintptr_t)flow)->cache;
  if (solver != BZDI_SOLVER_CONTROL) return bzdi_solve_reserve(flow->handle.context, cache, &field, solver, n);
  const int64_t most = bzdi_field_block(&field, flow->handle.context, n), rows = most < n ? most : n;
  return hold(flow->handle.context, cache, bzdi_control_work(flow, 1, rows, 0), 0);
}

bzd_status bzdi_solve_field(const bzd_context *context, bzdi_cache *cache, const bzdi_field *field,
                            const bzdi_solve *solve, int64_t n, const float *x0, const float *cond, float *out,
                            float *states, int time_major, bzdi_solved *solved) {
  job j = {.block = {.solve = solve,
                     .field = field,
                     .total = n,
                     .dim = field->dim,
                     .x0 = x0,
                     .cond = cond,
                     .out = out,
                     .states = states,
                     .time_major = time_major},
           .rows = bzdi_field_block(field, context, n)};
  if (j.rows > n) j.rows = n > 0 ? n : 1;
  int adaptive = solve->solver == BZDI_SOLVER_DOPRI5;
  if (solve->grid && solve->nodes > 0)
    return bzdi_fail(BZD_E_UNSUPPORTED, "a grid of steps and times of a trajectory do not go together");
  j.run = adaptive ? bzdi_dopri5_run : bzdi_fixed_run;
  size_t work = adaptive ? bzdi_dopri5_work(field, j.rows) : bzdi_fixed_work(field, j.rows);
  return run_all(context, cache, &j, work, field->serial, solved);
}

bzd_status bzdi_solve_control(const bzd_flow *flow, double guidance, const bzdi_solve *solve, int64_t n,
                              const float *x0, const float *cond, float *out, float *states, int time_major,
                              bzdi_solved *solved) {
  bzdi_field field;
  bzdi_flow_field(flow, guidance, &field);
  if (flow->kind == BZDI_FLOW_ENDPOINT && solve->solver != BZDI_SOLVER_REANCHOR &&
      (solve->steps != 1 || solve->t1 != 1))
    return bzdi_fail(BZD_E_ARGUMENT, "an endpoint flow jumps from t0 to 1 in 1 step, not to %.6g in %d", solve->t1,
                     (int)solve->steps);
  job j = {.block = {.solve = solve,
                     .flow = flow,
                     .guidance = guidance,
                     .total = n,
                     .dim = flow->item.dim,
                     .x0 = x0,
                     .cond = cond,
                     .out = out,
                     .states = states,
                     .time_major = time_major},
           .rows = bzdi_field_block(&field, flow->handle.context, n),
           .run = bzdi_control_run};
  if (j.rows > n) j.rows = n > 0 ? n : 1;
  bzdi_cache *cache = &((bzd_flow *)(uintptr_t)flow)->cache; /* a workspace is no change a reader can see */
  return run_all(flow->handle.context, cache, &j,
                 bzdi_control_work(flow, guidance, j.rows, solve->solver == BZDI_SOLVER_REANCHOR), 0, solved);
}

bzd_status bzdi_solve_flow(const bzd_flow *flow, double guidance, const bzdi_solve *solve, int64_t n, const float *x0,
                           const float *cond, float *out, float *states, int time_major, int32_t *used,
                           bzdi_solved *solved) {
  int curve = flow->kind == BZDI_FLOW_CONTROL || flow->kind == BZDI_FLOW_ENDPOINT;
  bzdi_solve chosen = *solve;
  if (chosen.solver == BZDI_SOLVER_AUTO) chosen.solver = curve ? BZDI_SOLVER_CONTROL : BZDI_SOLVER_DOPRI5;
  if (used) *used = chosen.solver;
  if (chosen.solver == BZDI_SOLVER_CONTROL || chosen.solver == BZDI_SOLVER_REANCHOR) {
    if (!curve)
      return bzdi_fail(BZD_E_UNSUPPORTED, "solver %s needs a control-point or endpoint flow",
                       chosen.solver == BZDI_SOLVER_CONTROL ? "CONTROL" : "REANCHOR");
    return bzdi_solve_control(flow, guidance, &chosen, n, x0, cond, out, states, time_major, solved);
  }
  bzdi_field field;
  bzdi_flow_field(flow, guidance, &field);
  bzdi_cache *cache = &((bzd_flow *)(uintptr_t)flow)->cache;
  return bzdi_solve_field(flow->handle.context, cache, &field, &chosen, n, x0, cond, out, states, time_major, solved);
}
