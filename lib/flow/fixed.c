/* SPDX-License-Identifier: MIT */
/* Fixed-step explicit Runge-Kutta methods. State and stage sums in double: float32 would hide an order above 2. */
#include "base/alloc.h"
#include "flow/block.h"

#include <math.h>
#include <string.h>

static const bzdi_tableau euler = {.stages = 1, .b = {1}};
static const bzdi_tableau midpoint = {.stages = 2, .a = {{0}, {0.5}}, .b = {0, 1}, .c = {0, 0.5}};
static const bzdi_tableau heun = {.stages = 2, .a = {{0}, {1}}, .b = {0.5, 0.5}, .c = {0, 1}};
static const bzdi_tableau rk4 = {.stages = 4,
                                 .a = {{0}, {0.5}, {0, 0.5}, {0, 0, 1}},
                                 .b = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6},
                                 .c = {0, 0.5, 0.5, 1}};
/* Dormand and Prince 1980; the seventh stage is the first of the next step and used by the adaptive method alone. */
static const bzdi_tableau dopri5 = {.stages = 6,
                                    .a = {{0},
                                          {1.0 / 5},
                                          {3.0 / 40, 9.0 / 40},
                                          {44.0 / 45, -56.0 / 15, 32.0 / 9},
                                          {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
                                          {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
                                          {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}},
                                    .b = {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84},
                                    .c = {0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1}};

const bzdi_tableau *bzdi_tableau_of(int32_t solver) {
  switch (solver) {
  case BZDI_SOLVER_EULER: return &euler;
  case BZDI_SOLVER_MIDPOINT: return &midpoint;
  case BZDI_SOLVER_HEUN: return &heun;
  case BZDI_SOLVER_RK4: return &rk4;
  case BZDI_SOLVER_DOPRI5:
  case BZDI_SOLVER_DOPRI5_FIXED: return &dopri5;
  default: return NULL;
  }
}

typedef struct work {
  double *x;           /* [n, dim] */
  float *stage, *k[6]; /* [n, dim] */
  float *t;            /* [n] */
  int64_t *index;
  void *field;
} work;

static size_t carve(const bzdi_field *field, int64_t n, void *base, work *w) {
  bzdi_arena arena = {base, 0};
  size_t count = (size_t)(n * field->dim);
  w->x = bzdi_arena_take(&arena, count, sizeof(double));
  w->stage = bzdi_arena_take(&arena, count, sizeof(float));
  for (int i = 0; i < 6; i++) w->k[i] = bzdi_arena_take(&arena, count, sizeof(float));
  w->t = bzdi_arena_take(&arena, (size_t)n, sizeof(float));
  w->index = bzdi_arena_take(&arena, (size_t)n, sizeof(int64_t));
  w->field = bzdi_arena_take(&arena, field->work(field, n), 1);
  return arena.used;
}

size_t bzdi_fixed_work(const bzdi_field *field, int64_t n) {
  work w;
  return carve(field, n, NULL, &w);
}

/* The stage's input: x + h sum a_j k_j, in double, rounded once. */
static void combine(int64_t count, const work *w, double h, const double *a, int32_t terms, float *out) {
  for (int64_t i = 0; i < count; i++) {
    double sum = 0;
    for (int32_t j = 0; j < terms; j++) sum += a[j] * (double)w->k[j][i];
    out[i] = (float)(w->x[i] + h * sum);
  }
}

static int check_finite(const bzdi_block *block, const work *w, double t) {
  for (int64_t i = 0; i < block->n * block->dim; i++)
    if (!isfinite(w->x[i])) {
      bzdi_block_fail(block->tally, BZD_E_NUMERIC, block->first + i / block->dim, t);
      return 0;
    }
  return 1;
}

static void write_state(const bzdi_block *block, const work *w, int64_t node) {
  for (int64_t r = 0; r < block->n; r++) {
    float *out = bzdi_block_state(block, r, node);
    for (int64_t j = 0; j < block->dim; j++) out[j] = (float)w->x[r * block->dim + j];
  }
}

bzd_status bzdi_fixed_run(const bzdi_block *block) {
  const bzdi_solve *solve = block->solve;
  const bzdi_tableau *method = bzdi_tableau_of(solve->solver);
  int64_t count = block->n * block->dim, steps = 0;
  work w;
  carve(block->field, block->n, block->work, &w);
  bzdi_block_index(block, w.index);
  bzdi_block_start(block, w.index, w.stage);
  for (int64_t i = 0; i < count; i++) w.x[i] = (double)w.stage[i];
  if (block->states && solve->nodes > 0) write_state(block, &w, 0);
  bzdi_march march;
  bzdi_march_start(solve, &march);
  double t = solve->t0, to;
  int64_t node;
  while (bzdi_march_next(&march, &to, &node)) {
    double h = to - t;
    for (int32_t s = 0; s < method->stages; s++) {
      combine(count, &w, h, method->a[s], s, w.stage);
      for (int64_t r = 0; r < block->n; r++) w.t[r] = (float)(t + method->c[s] * h);
      bzdi_eval eval = {block->n, w.stage, w.t, block->cond, w.index};
      bzd_status status = block->field->velocity(block->field, &eval, w.k[s], w.field);
      if (status != BZD_OK) return status;
    }
    for (int64_t i = 0; i < count; i++) {
      double sum = 0;
      for (int32_t s = 0; s < method->stages; s++) sum += method->b[s] * (double)w.k[s][i];
      w.x[i] += h * sum;
    }
    t = to;
    steps++;
    if (!check_finite(block, &w, t)) return BZD_OK;
    if (node >= 0 && block->states) write_state(block, &w, node);
  }
  if (block->out)
    for (int64_t i = 0; i < count; i++) block->out[i] = (float)w.x[i];
  int64_t nfe = steps * method->stages * block->field->nfe;
  block->tally->nfe += nfe * block->n;
  if (nfe > block->tally->nfe_max) block->tally->nfe_max = nfe;
  return BZD_OK;
}
