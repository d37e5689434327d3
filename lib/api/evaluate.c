/* SPDX-License-Identifier: MIT */
#include "api/evaluate.h"

#include "base/error.h"
#include "base/task.h"

/* Rows of the host's code per call: large, since each call may cost a trip to another machine. */
#define SERIAL_ROWS 65536

typedef struct job {
  const bzdi_blocks *blocks;
  int64_t rows; /* of a block */
  size_t work;  /* bytes of a slot, index numbers first */
  size_t index; /* bytes of the index numbers */
  char *memory;
  bzd_status status; /* written by serial runs alone */
} job;

static void run_block(void *arg, int64_t i, int32_t slot) {
  job *j = arg;
  const bzdi_blocks *b = j->blocks;
  char *work = j->memory + (size_t)slot * j->work;
  int64_t *index = (int64_t *)work;
  int64_t row = i * j->rows, rows = b->n - row < j->rows ? b->n - row : j->rows;
  for (int64_t r = 0; r < rows; r++) index[r] = b->first_index + row + r;
  bzdi_eval eval = {.n = rows,
                    .x = b->x + row * b->field->dim,
                    .t = b->t + row,
                    .cond = b->cond == NULL ? NULL : b->cond + row * b->field->cond_dim,
                    .index = index};
  bzd_status status = b->block(b, &eval, row, work + j->index);
  if (status != BZD_OK) j->status = status;
}

bzd_status bzdi_blocks_run(const bzdi_blocks *blocks) {
  if (blocks->n == 0) return BZD_OK;
  int serial = blocks->field->serial;
  job j = {.blocks = blocks,
           .rows = serial ? SERIAL_ROWS : bzdi_field_block(blocks->field, blocks->context, blocks->n),
           .status = BZD_OK};
  if (j.rows > blocks->n) j.rows = blocks->n;
  bzdi_arena size = {0};
  bzdi_arena_take(&size, (size_t)j.rows, sizeof(int64_t));
  j.index = size.used;
  size_t work = blocks->work ? blocks->work(blocks, j.rows) : blocks->field->work(blocks->field, j.rows);
  bzdi_arena_take(&size, work, 1);
  j.work = size.used;
  size_t slots = serial ? 1 : (size_t)bzdi_slots(blocks->context), bytes;
  if (j.work == SIZE_MAX || __builtin_mul_overflow(j.work, slots, &bytes))
    return bzdi_no_memory("evaluation", j.work, slots);
  j.memory = bzdi_cache_take(blocks->cache, blocks->context, bytes);
  if (j.memory == NULL) return bzdi_no_memory("evaluation", 1, bytes);
  int64_t count = (blocks->n + j.rows - 1) / j.rows;
  if (serial)
    for (int64_t i = 0; i < count && j.status == BZD_OK; i++) run_block(&j, i, 0);
  else
    bzdi_parallel_for(blocks->context, count, run_block, &j);
  bzdi_cache_give(blocks->cache, blocks->context, j.memory);
  return j.status;
}

static bzd_status velocity_block(const bzdi_blocks *blocks, const bzdi_eval *eval, int64_t row, void *work) {
  return blocks->field->velocity(blocks->field, eval, (float *)blocks->out + row * blocks->field->dim, work);
}

bzd_status bzdi_blocks_velocity(bzdi_blocks *blocks) {
  blocks->block = velocity_block;
  return bzdi_blocks_run(blocks);
}
