/* SPDX-License-Identifier: MIT */
/* Dormand-Prince 5(4) with a step size, error norm and count for each row (Hairer, Norsett, Wanner, Solving Ordinary
 * Differential Equations I, II.4 to II.6: starting step, error control, dense output). Rows that arrive are compacted
 * away, so the network sees only rows that still move. */
#include "base/alloc.h"
#include "flow/block.h"

#include <math.h>
#include <string.h>

/* Difference of the orders 5 and 4, and the dense output's extra combination. */
static const double error_of[7] = {71.0 / 57600,      0,          -71.0 / 16695, 71.0 / 1920,
                                   -17253.0 / 339200, 22.0 / 525, -1.0 / 40};
static const double dense_of[7] = {-12715105075.0 / 11282082432,  0,
                                   87487479700.0 / 32700410799,   -10690763975.0 / 1880347072,
                                   701980252875.0 / 199316789632, -1453857185.0 / 822651844,
                                   69997945.0 / 29380423};

/* A moving row; slot i of all arrays belongs to one. */
typedef struct mover {
  int64_t row;   /* of the block */
  int64_t tried; /* steps */
  int64_t nfe;
  int64_t node; /* next one to write */
  double t, h;
  int rejected_last;
} mover;

typedef struct work {
  mover *mover;
  double *x, *next;        /* [n, dim] */
  float *stage, *k[7];     /* [n, dim] */
  float *t, *cond;         /* of the movers */
  int64_t *index, *sample; /* of the movers; of all rows */
  void *field;
} work;

static size_t carve(const bzdi_field *field, int64_t n, void *base, work *w) {
  bzdi_arena arena = {base, 0};
  size_t count = (size_t)(n * field->dim);
  w->mover = bzdi_arena_take(&arena, (size_t)n, sizeof(mover));
  w->x = bzdi_arena_take(&arena, count, sizeof(double));
  w->next = bzdi_arena_take(&arena, count, sizeof(double));
  w->stage = bzdi_arena_take(&arena, count, sizeof(float));
  for (int i = 0; i < 7; i++) w->k[i] = bzdi_arena_take(&arena, count, sizeof(float));
  w->t = bzdi_arena_take(&arena, (size_t)n, sizeof(float));
  w->cond = bzdi_arena_take(&arena, (size_t)(n * field->cond_dim), sizeof(float));
  w->index = bzdi_arena_take(&arena, (size_t)n, sizeof(int64_t));
  w->sample = bzdi_arena_take(&arena, (size_t)n, sizeof(int64_t));
  w->field = bzdi_arena_take(&arena, field->work(field, n), 1);
  return arena.used;
}

size_t bzdi_dopri5_work(const bzdi_field *field, int64_t n) {
  work w;
  return carve(field, n, NULL, &w);
}

static bzd_status evaluate(const bzdi_block *block, const work *w, int64_t movers, float *v) {
  bzdi_eval eval = {movers, w->stage, w->t, block->cond ? w->cond : NULL, w->index};
  return block->field->velocity(block->field, &eval, v, w->field);
}

/* Scaled rms norm over one row of what f gives for coordinate j. */
static double scale_at(const bzdi_solve *solve, double a, double b) {
  return solve->atol + solve->rtol * fmax(fabs(a), fabs(b));
}

static void write_state(const bzdi_block *block, int64_t row, int64_t node, const double *x) {
  float *out = bzdi_block_state(block, row, node);
  for (int64_t j = 0; j < block->dim; j++) out[j] = (float)x[j];
}

/* First step of every row: the largest that Hairer's estimates of the first two derivatives trust. */
static bzd_status first_steps(const bzdi_block *block, work *w, int64_t movers) {
  const bzdi_solve *solve = block->solve;
  int64_t dim = block->dim;
  double span = fabs(solve->t1 - solve->t0), sign = solve->t1 > solve->t0 ? 1 : -1;
  for (int64_t i = 0; i < movers; i++) {
    double d0 = 0, d1 = 0;
    for (int64_t j = 0; j < dim; j++) {
      double x = w->x[i * dim + j], scale = scale_at(solve, x, x), v = (double)w->k[0][i * dim + j];
      d0 += x / scale * (x / scale);
      d1 += v / scale * (v / scale);
    }
    d0 = sqrt(d0 / (double)dim), d1 = sqrt(d1 / (double)dim);
    double h = d0 < 1e-5 || d1 < 1e-5 ? 1e-6 : 0.01 * d0 / d1;
    w->mover[i].h = fmin(h, span);
    for (int64_t j = 0; j < dim; j++)
      w->stage[i * dim + j] = (float)(w->x[i * dim + j] + sign * w->mover[i].h * (double)w->k[0][i * dim + j]);
    w->t[i] = (float)(solve->t0 + sign * w->mover[i].h);
  }
  bzd_status status = evaluate(block, w, movers, w->k[1]);
  if (status != BZD_OK) return status;
  for (int64_t i = 0; i < movers; i++) {
    double d1 = 0, d2 = 0, h0 = w->mover[i].h;
    for (int64_t j = 0; j < dim; j++) {
      double x = w->x[i * dim + j], scale = scale_at(solve, x, x), v = (double)w->k[0][i * dim + j];
      double change = (double)w->k[1][i * dim + j] - v;
      d1 += v / scale * (v / scale);
      d2 += change / scale * (change / scale);
    }
    d1 = sqrt(d1 / (double)dim), d2 = sqrt(d2 / (double)dim) / h0;
    double most = fmax(d1, d2), h1 = most <= 1e-15 ? fmax(1e-6, h0 * 1e-3) : pow(0.01 / most, 0.2);
    double h = fmin(fmin(100 * h0, h1), span);
    w->mover[i].h = sign * (h > 0 ? h : h0); /* a row that is not finite shows up as such in its first step */
    w->mover[i].nfe += block->field->nfe;
  }
  return BZD_OK;
}

/* Nodes passed by an accepted step of mover i, by the interpolant of order 4. */
static void write_nodes(const bzdi_block *block, work *w, int64_t i, double t, double h, double reached) {
  const bzdi_solve *solve = block->solve;
  mover *m = &w->mover[i];
  int64_t dim = block->dim;
  double sign = h > 0 ? 1 : -1;
  while (m->node < solve->nodes && sign * solve->node[m->node] <= sign * reached) {
    double u = (solve->node[m->node] - t) / h, rest = 1 - u;
    float *out = bzdi_block_state(block, m->row, m->node);
    for (int64_t j = 0; j < dim; j++) {
      int64_t at = i * dim + j;
      double x0 = w->x[at], x1 = w->next[at], extra = 0;
      if (solve->node[m->node] == reached) {
        out[j] = (float)x1;
        continue;
      }
      for (int s = 0; s < 7; s++) extra += dense_of[s] * (double)w->k[s][at];
      double change = x1 - x0, bend = h * (double)w->k[0][at] - change;
      double twist = change - h * (double)w->k[6][at] - bend;
      out[j] = (float)(x0 + u * (change + rest * (bend + u * (twist + rest * h * extra))));
    }
    m->node++;
  }
}

static void move_slot(const bzdi_block *block, work *w, int64_t from, int64_t to) {
  size_t row = (size_t)block->dim;
  w->mover[to] = w->mover[from];
  w->index[to] = w->index[from];
  memcpy(w->x + to * block->dim, w->x + from * block->dim, row * sizeof(double));
  memcpy(w->k[0] + to * block->dim, w->k[0] + from * block->dim, row * sizeof(float));
  int64_t cond_dim = block->field->cond_dim;
  if (block->cond) memcpy(w->cond + to * cond_dim, w->cond + from * cond_dim, (size_t)cond_dim * sizeof(float));
}

static void leave(const bzdi_block *block, const work *w, int64_t i) {
  const mover *m = &w->mover[i];
  if (block->out)
    for (int64_t j = 0; j < block->dim; j++) block->out[m->row * block->dim + j] = (float)w->x[i * block->dim + j];
  block->tally->nfe += m->nfe;
  if (m->nfe > block->tally->nfe_max) block->tally->nfe_max = m->nfe;
}

/* Judges the step that mover i tried: accepts or rejects it and chooses the next. 1 when the row has arrived or failed.
 */
static int judge(const bzdi_block *block, work *w, int64_t i, double t, double h, double to) {
  const bzdi_solve *solve = block->solve;
  mover *m = &w->mover[i];
  int64_t dim = block->dim;
  double sum = 0, finite = 0;
  for (int64_t j = 0; j < dim; j++) {
    int64_t at = i * dim + j;
    double error = 0;
    for (int s = 0; s < 7; s++) error += error_of[s] * (double)w->k[s][at];
    error *= h / scale_at(solve, w->x[at], w->next[at]);
    sum += error * error;
    finite += (double)w->k[0][at] * 0;
  }
  if (finite != 0) { /* the velocity where the row stands is not finite: no step can help */
    bzdi_block_fail(block->tally, BZD_E_NUMERIC, block->first + m->row, t);
    return 1;
  }
  double norm = sqrt(sum / (double)dim);
  double factor = isfinite(norm) ? fmin(10, fmax(0.2, 0.9 * pow(fmax(norm, 1e-10), -0.2))) : 0.2;
  m->tried++;
  m->nfe += 6 * block->field->nfe;
  if (isfinite(norm) && norm <= 1) {
    if (block->states) write_nodes(block, w, i, t, h, to);
    memcpy(w->x + i * dim, w->next + i * dim, (size_t)dim * sizeof(double));
    memcpy(w->k[0] + i * dim, w->k[6] + i * dim, (size_t)dim * sizeof(float));
    m->t = to;
    m->h *= m->rejected_last ? fmin(1, factor) : factor;
    m->rejected_last = 0;
    if (to == solve->t1) {
      leave(block, w, i);
      return 1;
    }
  } else {
    block->tally->rejected++;
    m->rejected_last = 1;
    m->h = h * fmin(factor, 0.9);
  }
  if (m->tried >= solve->max_steps || fabs(m->h) < 1e-14) {
    bzdi_block_fail(block->tally, BZD_E_STEPS, block->first + m->row, m->t);
    return 1;
  }
  return 0;
}

bzd_status bzdi_dopri5_run(const bzdi_block *block) {
  const bzdi_solve *solve = block->solve;
  const bzdi_tableau *method = bzdi_tableau_of(BZDI_SOLVER_DOPRI5);
  const bzdi_field *field = block->field;
  int64_t dim = block->dim, movers = block->n;
  double sign = solve->t1 > solve->t0 ? 1 : -1;
  work w;
  carve(field, block->n, block->work, &w);
  bzdi_block_index(block, w.sample);
  bzdi_block_start(block, w.sample, w.stage);
  if (block->cond) memcpy(w.cond, block->cond, (size_t)(block->n * field->cond_dim) * sizeof(float));
  for (int64_t i = 0; i < movers; i++) {
    w.mover[i] = (mover){.row = i, .t = solve->t0, .node = 1, .nfe = field->nfe};
    w.index[i] = w.sample[i];
    w.t[i] = (float)solve->t0;
    for (int64_t j = 0; j < dim; j++) w.x[i * dim + j] = (double)w.stage[i * dim + j];
    if (block->states && solve->nodes > 0) write_state(block, i, 0, w.x + i * dim);
  }
  bzd_status status = evaluate(block, &w, movers, w.k[0]);
  if (status == BZD_OK) status = first_steps(block, &w, movers);
  if (status != BZD_OK) return status;
  while (movers > 0) {
    for (int64_t i = 0; i < movers; i++) /* the last step ends at t1 to the bit */
      if (sign * (w.mover[i].t + 1.0001 * w.mover[i].h - solve->t1) > 0) w.mover[i].h = solve->t1 - w.mover[i].t;
    for (int32_t s = 1; s < 7; s++) {
      const double *a = method->a[s];
      for (int64_t i = 0; i < movers; i++) {
        double h = w.mover[i].h;
        w.t[i] = (float)(w.mover[i].t + method->c[s] * h);
        for (int64_t at = i * dim; at < (i + 1) * dim; at++) {
          double sum = 0;
          for (int32_t j = 0; j < s; j++) sum += a[j] * (double)w.k[j][at];
          w.next[at] = w.x[at] + h * sum; /* the seventh stage stands at the step's end */
          w.stage[at] = (float)w.next[at];
        }
      }
      status = evaluate(block, &w, movers, w.k[s]);
      if (status != BZD_OK) return status;
    }
    int64_t kept = 0;
    for (int64_t i = 0; i < movers; i++) {
      double t = w.mover[i].t, h = w.mover[i].h, to = h == solve->t1 - t ? solve->t1 : t + h;
      if (judge(block, &w, i, t, h, to)) continue;
      if (kept != i) move_slot(block, &w, i, kept);
      kept++;
    }
    movers = kept;
  }
  return BZD_OK;
}
