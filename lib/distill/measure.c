/* SPDX-License-Identifier: MIT */
#include "distill/measure.h"

#include "base/error.h"
#include "base/rng.h"
#include "num/bernstein.h"

#include <math.h>

enum { PIECE = 256 };

typedef struct work {
  float *paths, *cond, *x, *states, *v, *u, *at, *t;
  int64_t *index;
  void *field;
} work;

static size_t carve(const bzdi_field *field, const bzd_source *source, int32_t steps, void *base, work *w) {
  bzdi_arena arena = {base, 0};
  size_t dim = (size_t)field->dim, nodes = (size_t)steps + 1;
  w->paths = bzdi_arena_take(&arena, source ? PIECE * dim * (size_t)(source->degree + 1) : 0, sizeof(float));
  w->cond = bzdi_arena_take(&arena, PIECE * (size_t)field->cond_dim, sizeof(float));
  w->x = bzdi_arena_take(&arena, PIECE * dim, sizeof(float));
  w->states = bzdi_arena_take(&arena, PIECE * dim * nodes, sizeof(float));
  w->v = bzdi_arena_take(&arena, PIECE * dim, sizeof(float));
  w->u = bzdi_arena_take(&arena, PIECE * dim, sizeof(float));
  w->at = bzdi_arena_take(&arena, PIECE * dim, sizeof(float));
  w->t = bzdi_arena_take(&arena, PIECE, sizeof(float));
  w->index = bzdi_arena_take(&arena, PIECE, sizeof(int64_t));
  w->field = bzdi_arena_take(&arena, field->work(field, PIECE), 1);
  return arena.used;
}

/* The flow's trajectories from w->x: energy by Simpson's rule over the nodes (their number is odd), arc by chords. */
static bzd_status along_flow(const bzdi_field *field, const bzd_flow *flow, int64_t n, int32_t steps,
                             const double *node, const work *w, bzdi_measure *sum) {
  int64_t dim = field->dim;
  double energy = 0;
  bzdi_solve solve = {.solver = BZDI_SOLVER_RK4, .steps = steps, .t0 = 0, .t1 = 1, .nodes = steps + 1, .node = node};
  bzdi_solved solved;
  bzd_flow *own = (bzd_flow *)(uintptr_t)flow; /* a workspace is no change a reader can see */
  const float *cond = field->cond_dim > 0 ? w->cond : NULL;
  BZDI_TRY(
      bzdi_solve_field(flow->handle.context, &own->cache, field, &solve, n, w->x, cond, NULL, w->states, 1, &solved));
  for (int32_t k = 0; k <= steps; k++) {
    const float *x = w->states + k * n * dim;
    double weight = (k == 0 || k == steps ? 1 : k % 2 ? 4 : 2) / (3.0 * steps), squares = 0;
    for (int64_t r = 0; r < n; r++) w->t[r] = fminf((float)node[k], 0.99999994f);
    bzdi_eval eval = {n, x, w->t, cond, w->index};
    BZDI_TRY(field->velocity(field, &eval, w->v, w->field));
    for (int64_t i = 0; i < n * dim; i++) squares += (double)w->v[i] * (double)w->v[i];
    energy += weight * squares;
  }
  double chords = 0;
  for (int64_t r = 0; r < n; r++) {
    double arc = 0, chord = 0;
    for (int32_t k = 1; k <= steps; k++) {
      double part = 0;
      for (int64_t j = 0; j < dim; j++)
        part += pow((double)w->states[(k * n + r) * dim + j] - (double)w->states[((k - 1) * n + r) * dim + j], 2);
      arc += sqrt(part);
    }
    for (int64_t j = 0; j < dim; j++)
      chord += pow((double)w->states[(steps * n + r) * dim + j] - (double)w->states[r * dim + j], 2);
    chords += chord;
    if (chord > 0) sum->arc_over_chord += arc / sqrt(chord) - 1;
  }
  sum->chord2 += chords;
  sum->straightness += energy - chords;
  return BZD_OK;
}

/* The paths' own numbers, and what of their velocity the flow does not say. Times are spread evenly over the samples.
 */
static bzd_status along_paths(const bzdi_field *field, const bzd_source *source, int64_t first, int64_t n,
                              const work *w, bzdi_measure *sum) {
  int64_t dim = field->dim;
  double straight[PIECE], arc[PIECE], chord[PIECE];
  bzdi_path_measure(n, source->degree, dim, w->paths, straight, arc, chord);
  for (int64_t r = 0; r < n; r++) {
    sum->path_straightness += straight[r];
    sum->path_chord2 += chord[r] * chord[r];
    if (chord[r] > 0) sum->path_arc_over_chord += arc[r] / chord[r] - 1;
    w->t[r] = fminf((float)fmod(0.5 + (double)(first + r) * 0.6180339887498949, 1), 0.99999994f);
  }
  bzdi_path_targets(n, source->degree, dim, w->paths, w->t, 1, 0, w->at, w->u);
  bzdi_eval eval = {n, w->at, w->t, field->cond_dim > 0 ? w->cond : NULL, w->index};
  BZDI_TRY(field->velocity(field, &eval, w->v, w->field));
  for (int64_t i = 0; i < n * dim; i++)
    sum->crossing_variance += ((double)w->u[i] - (double)w->v[i]) * ((double)w->u[i] - (double)w->v[i]);
  return BZD_OK;
}

bzd_status bzdi_measure_flow(const bzd_flow *flow, const bzd_source *source, int64_t n, int32_t steps, uint64_t seed,
                             bzdi_measure *out) {
  const bzd_context *context = flow->handle.context;
  bzdi_field field;
  work w;
  bzdi_flow_field(flow, 1, &field);
  size_t bytes = carve(&field, source, steps, NULL, &w);
  double *node = bzdi_malloc(context, (size_t)steps + 1, sizeof *node);
  void *memory = bzdi_malloc(context, bytes, 1);
  bzd_status status = node && memory ? BZD_OK : bzdi_no_memory("measure", bytes, 1);
  if (status == BZD_OK) carve(&field, source, steps, memory, &w);
  for (int32_t k = 0; status == BZD_OK && k <= steps; k++) node[k] = (double)k / steps;
  bzdi_measure sum = {0};
  int64_t dim = field.dim;
  for (int64_t done = 0; status == BZD_OK && done < n; done += PIECE) {
    int64_t part = n - done < PIECE ? n - done : PIECE;
    for (int64_t r = 0; r < part; r++) w.index[r] = done + r;
    if (source) {
      status = bzdi_source_whole_paths(source, done, part, w.paths, field.cond_dim > 0 ? w.cond : NULL);
      for (int64_t r = 0; status == BZD_OK && r < part; r++)
        for (int64_t j = 0; j < dim; j++) w.x[r * dim + j] = w.paths[r * (source->degree + 1) * dim + j];
    } else {
      bzdi_rng_normals_at(seed, BZD_STREAM_NOISE, w.index, part, dim, w.x, dim);
    }
    if (status == BZD_OK) status = along_flow(&field, flow, part, steps, node, &w, &sum);
    if (status == BZD_OK && source) status = along_paths(&field, source, done, part, &w, &sum);
  }
  bzdi_free(context, node);
  bzdi_free(context, memory);
  if (status != BZD_OK) return status;
  double rows = (double)n, none = source ? 1 : (double)NAN;
  *out = (bzdi_measure){sum.straightness / rows,
                        sum.chord2 / rows,
                        sum.arc_over_chord / rows,
                        none * sum.path_straightness / rows,
                        none * sum.path_chord2 / rows,
                        none * sum.path_arc_over_chord / rows,
                        none * sum.crossing_variance / rows,
                        0};
  out->budget =
      (out->path_chord2 + out->path_straightness) / (out->chord2 + out->straightness + out->crossing_variance) - 1;
  return BZD_OK;
}

bzd_status bzdi_measure_drift(const bzd_flow *encoder, const bzd_flow *decoder, const bzdi_solve *decode, int64_t n,
                              const float *rows, const float *cond, double *drift) {
  const bzd_context *context = encoder->handle.context;
  int64_t dim = encoder->item.dim;
  float *codes = bzdi_malloc(context, (size_t)(n * dim), sizeof *codes);
  if (!codes) return bzdi_no_memory("drift", (size_t)(n * dim), sizeof *codes);
  bzdi_solve encode = {.solver = BZDI_SOLVER_DOPRI5, .t0 = 1, .t1 = 0, .rtol = 1e-5, .atol = 1e-5, .max_steps = 10000};
  bzdi_solved solved;
  bzdi_field field;
  int32_t used;
  bzdi_flow_field(encoder, 1, &field);
  bzd_flow *own = (bzd_flow *)(uintptr_t)encoder; /* a workspace is no change a reader can see */
  bzd_status status = bzdi_solve_field(context, &own->cache, &field, &encode, n, rows, cond, codes, NULL, 0, &solved);
  if (status == BZD_OK) status = bzdi_solve_flow(decoder, 1, decode, n, codes, cond, codes, NULL, 0, &used, &solved);
  double sum = 0;
  for (int64_t i = 0; status == BZD_OK && i < n * dim; i++)
    sum += ((double)codes[i] - (double)rows[i]) * ((double)codes[i] - (double)rows[i]);
  bzdi_free(context, codes);
  if (status == BZD_OK) *drift = sqrt(sum / (double)(n * dim));
  return status;
}
