/* SPDX-License-Identifier: MIT */
/* From sample numbers to paths: where a trajectory starts, its integration, what is kept of it. Rows are sorted into
 * groups that go the same way, each integrated at once, in chunks so that memory does not grow with the number of
 * paths. */
#include "base/error.h"
#include "base/rng.h"
#include "distill/ensemble_source.h"
#include "distill/guide.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef bzdi_ensemble_source self;

/* Ways of a row: forwards from t = 0; from state k of the visitor, k = 1..; backwards from real data. */
enum { FORWARDS = 0, BACKWARDS = -1 };

typedef struct place {
  int64_t at, row; /* place in the output; row of the chunk */
  int32_t window;
} place;

typedef struct work {
  float *x, *cond, *states, *members, *guides, *paths;
  double *residual, *visited; /* visited: times of the part after a visit */
  int64_t *index;             /* numbers of the chunk's trajectories */
  place *place;
  int64_t rows, places;
} work;

static size_t carve(const self *s, void *base, work *w) {
  int64_t n = s->chunk, dim = s->source.item.dim;
  bzdi_arena arena = {base, 0};
  size_t states = (size_t)(n * dim * s->states);
  w->x = bzdi_arena_take(&arena, (size_t)(n * dim), sizeof(float));
  w->cond = bzdi_arena_take(&arena, (size_t)(n * s->source.item.cond_dim), sizeof(float));
  w->states = bzdi_arena_take(&arena, states, sizeof(float));
  w->members = bzdi_arena_take(&arena, s->members > 1 ? states * (size_t)s->members : 0, sizeof(float));
  w->guides = bzdi_arena_take(&arena, s->guide[0] ? (size_t)(n * dim * (s->source.degree + 1)) : 0, sizeof(float));
  w->paths = bzdi_arena_take(&arena, (size_t)(n * dim * (s->source.degree + 1)), sizeof(float));
  w->residual = bzdi_arena_take(&arena, (size_t)n, sizeof(double));
  w->visited = bzdi_arena_take(&arena, (size_t)s->states, sizeof(double));
  w->index = bzdi_arena_take(&arena, (size_t)n, sizeof(int64_t));
  w->place = bzdi_arena_take(&arena, (size_t)n, sizeof(place));
  return arena.used;
}

/* ---- Where a trajectory starts -------------------------------------------------------------------------------- */

static int32_t way_of(const self *s, int64_t number) {
  const bzdi_ensemble_source_spec *spec = &s->spec;
  if (s->real && spec->rho > 0 &&
      (spec->rho >= 1 || bzdi_rng_unit(spec->seed, BZD_STREAM_ANCHOR, (uint64_t)number) < spec->rho))
    return BACKWARDS;
  if (!s->visitor) return FORWARDS;
  return (int32_t)(bzdi_rng_unit(spec->seed, BZD_STREAM_VISIT, (uint64_t)number) * spec->visit_steps);
}

/* The condition of a sample: of its real row, or drawn from the given ones. */
static void condition(const self *s, int64_t number, float *out) {
  int64_t cond_dim = s->source.item.cond_dim;
  if (s->real && s->real->item.cond_dim > 0) {
    int64_t row = bzdi_rng_shuffled(s->spec.seed, BZD_STREAM_ORDER, (uint64_t)number, s->real->n);
    bzdi_data_rows(s->real, 1, &row, NULL, out);
  } else {
    int64_t row = bzdi_rng_shuffled(s->spec.seed, BZD_STREAM_ORDER, (uint64_t)number, s->spec.cond_count);
    memcpy(out, s->cond + row * cond_dim, (size_t)cond_dim * sizeof(float));
  }
}

/* A row of data; noise is made by the solver, block by block. */
static void starting_point(const self *s, int64_t number, int32_t way, float *x) {
  const bzd_data *data = way == BACKWARDS ? s->real : s->start;
  if (!data) return;
  uint32_t stream = way == BACKWARDS ? BZD_STREAM_ORDER : BZD_STREAM_PARTNER;
  int64_t row = bzdi_rng_shuffled(s->spec.seed, stream, (uint64_t)number, data->n);
  bzdi_data_rows(data, 1, &row, x, NULL);
}

/* The rows of a chunk that go this way. With windows, consecutive samples share a trajectory. */
static void gather(const self *s, int32_t way, int64_t n, const int64_t *index, const bzdi_batch *out, work *w) {
  int64_t dim = s->source.item.dim, cond_dim = s->source.item.cond_dim;
  w->rows = w->places = 0;
  for (int64_t r = 0; r < n; r++) {
    int64_t number = index[r] / s->spec.windows;
    if (way_of(s, number) != way) continue;
    if (w->rows == 0 || w->index[w->rows - 1] != number) {
      starting_point(s, number, way, w->x + w->rows * dim);
      if (cond_dim > 0) condition(s, number, w->cond + w->rows * cond_dim);
      w->index[w->rows++] = number;
    }
    if (out->cond)
      memcpy(out->cond + r * cond_dim, w->cond + (w->rows - 1) * cond_dim, (size_t)cond_dim * sizeof(float));
    w->place[w->places++] = (place){r, w->rows - 1, (int32_t)(index[r] % s->spec.windows)};
  }
}

/* ---- Integration ---------------------------------------------------------------------------------------------- */

static void reverse(float *states, int64_t nodes, int64_t block) {
  for (int64_t k = 0; k < nodes / 2; k++) {
    float *a = states + k * block, *b = states + (nodes - 1 - k) * block;
    for (int64_t i = 0; i < block; i++) {
      float keep = a[i];
      a[i] = b[i];
      b[i] = keep;
    }
  }
}

/* The ensemble's field, or that of one of its members (member >= 0). */
static void field_of(const self *s, int64_t member, bzdi_field *field) {
  if (member >= 0)
    bzdi_flow_field(s->ensemble->flow[member], s->ensemble->guidance[member], field);
  else
    bzdi_ensemble_field(s->ensemble, field);
}

/* Runs the solver over that field. When a trajectory was lost it
 * is run again with every teacher looked at, so that the text names the teacher; rows of the solver become sample
 * numbers.
 */
static bzd_status integrate(const self *s, int64_t member, const bzdi_solve *solve, const float *x0, const work *w,
                            float *states, bzdi_solved *solved) {
  const bzd_context *context = s->source.handle.context;
  const float *cond = s->source.item.cond_dim > 0 ? w->cond : NULL;
  bzdi_cache *cache = &s->ensemble->cache;
  bzdi_field field;
  field_of(s, member, &field);
  bzd_status status = bzdi_solve_field(context, cache, &field, solve, w->rows, x0, cond, NULL, states, 1, solved);
  if (status == BZD_OK) return BZD_OK;
  char text[400];
  long long row;
  int rest = 0;
  bzdi_error_copy(text, sizeof text);
  if (sscanf(text, "row %lld: %n", &row, &rest) != 1 || rest == 0 || row < 0 || row >= w->rows) return status;
  if (member >= 0)
    return bzdi_fail(status, "teacher %lld: sample %lld: %s", (long long)member, (long long)w->index[row], text + rest);
  if (status == BZD_E_NUMERIC) {
    bzdi_ensemble_checked_field(s->ensemble, &field);
    bzd_status again = bzdi_solve_field(context, cache, &field, solve, w->rows, x0, cond, NULL, states, 1, solved);
    if (again == BZD_E_NUMERIC) {
      char named[400];
      bzdi_error_copy(named, sizeof named);
      if (strncmp(named, "teacher", 7) == 0) return again;
    }
  }
  return bzdi_fail(status, "sample %lld: %s", (long long)w->index[row], text + rest);
}

/* The medoid trajectory of each row: the one nearest to the others, weighted. Of several that are as near, which two of
 * one weight always are, the sample's own draw takes one. */
static void select_member(const self *s, const work *w) {
  int64_t dim = s->source.item.dim, block = w->rows * dim, count = s->members;
  for (int64_t r = 0; r < w->rows; r++) {
    double apart[BZDI_MOST_TEACHERS], least = INFINITY;
    for (int64_t a = 0; a < count; a++) {
      apart[a] = s->ensemble->weight[a] > 0 ? 0 : INFINITY;
      for (int64_t b = 0; b < count; b++)
        for (int64_t k = 0; a != b && k < s->states; k++) {
          const float *p = w->members + (a * s->states + k) * block + r * dim,
                      *q = w->members + (b * s->states + k) * block + r * dim;
          double part = 0;
          for (int64_t j = 0; j < dim; j++) part += ((double)p[j] - (double)q[j]) * ((double)p[j] - (double)q[j]);
          apart[a] += s->ensemble->weight[b] * part;
        }
      least = fmin(least, apart[a]);
    }
    int64_t nearest = 0, best = 0;
    for (int64_t a = 0; a < count; a++) nearest += apart[a] == least;
    double u = bzdi_rng_unit(s->ensemble->seed, BZD_STREAM_MEMBER, (uint64_t)w->index[r]);
    int64_t left = (int64_t)(u * (double)nearest);
    for (int64_t a = 0; a < count; a++)
      if (apart[a] == least && left-- == 0) best = a;
    for (int64_t k = 0; k < s->states; k++)
      memcpy(w->states + k * block + r * dim, w->members + (best * s->states + k) * block + r * dim,
             (size_t)dim * sizeof(float));
  }
}

static void average_members(const self *s, const work *w) {
  int64_t size = w->rows * s->source.item.dim * s->states;
  for (int64_t i = 0; i < size; i++) {
    double sum = 0;
    for (int64_t m = 0; m < s->members; m++)
      if (s->ensemble->weight[m] != 0) sum += s->ensemble->weight[m] * (double)w->members[m * size + i];
    w->states[i] = (float)sum;
  }
}

/* Few-step students go as they are sampled by default. */
static int32_t guide_solver(const self *s, int32_t g) {
  const int32_t kind = s->guide[g]->kind;
  return kind == BZDI_FLOW_CONTROL || kind == BZDI_FLOW_ENDPOINT ? BZDI_SOLVER_CONTROL : s->spec.solver;
}

static int32_t visitor_solver(const self *s) {
  return s->visitor->kind == BZDI_FLOW_CONTROL ? BZDI_SOLVER_CONTROL : BZDI_SOLVER_EULER;
}

/* x becomes the visitor's state after k of its steps. */
static bzd_status visit(const self *s, int32_t k, work *w) {
  bzdi_solve solve = {.solver = visitor_solver(s),
                      .steps = k,
                      .t0 = 0,
                      .t1 = (double)k / s->spec.visit_steps,
                      .index = w->index,
                      .seed = s->spec.seed};
  bzdi_solved solved;
  int32_t used;
  return bzdi_solve_flow(s->visitor, 1, &solve, w->rows, s->start ? w->x : NULL,
                         s->source.item.cond_dim > 0 ? w->cond : NULL, w->x, NULL, 0, &used, &solved);
}

/* Trajectories of the gathered rows into w->states, time-major, ascending in time. */
static bzd_status trajectories(const self *s, int32_t way, work *w, bzdi_spent *spent) {
  int64_t dim = s->source.item.dim;
  int given = way != FORWARDS || s->start != NULL;
  double from = way > 0 ? (double)way / s->spec.visit_steps : 0;
  bzdi_solved solved;
  bzdi_solve solve = {.solver = s->spec.solver,
                      .steps = s->spec.steps,
                      .t0 = way == BACKWARDS ? 1 : from,
                      .t1 = way == BACKWARDS ? 0 : 1,
                      .rtol = s->spec.rtol,
                      .atol = s->spec.atol,
                      .max_steps = 10000,
                      .index = w->index,
                      .seed = s->spec.seed,
                      .nodes = s->states,
                      .node = way == BACKWARDS ? s->backward
                              : way > 0        ? w->visited
                                               : s->forward};
  if (way > 0) {
    BZDI_TRY(visit(s, way, w));
    for (int32_t k = 0; k < s->states; k++) w->visited[k] = from + (1 - from) * s->forward[k];
    w->visited[s->states - 1] = 1;
  }
  const float *x0 = given ? w->x : NULL;
  double nfe = 0;
  if (s->members == 1) {
    BZDI_TRY(integrate(s, -1, &solve, x0, w, w->states, &solved));
    nfe = solved.nfe_mean;
  } else {
    int64_t size = w->rows * dim * s->states;
    for (int64_t m = 0; m < s->members; m++) {
      BZDI_TRY(integrate(s, m, &solve, x0, w, w->members + m * size, &solved));
      nfe += solved.nfe_mean;
    }
    if (s->ensemble->combine == BZDI_COMBINE_SELECT)
      select_member(s, w);
    else
      average_members(s, w);
  }
  if (way == BACKWARDS) reverse(w->states, s->states, w->rows * dim);
  if (spent) {
    spent->paths += w->places;
    spent->nfe += nfe * (double)w->rows;
  }
  return BZD_OK;
}

/* ---- What is kept --------------------------------------------------------------------------------------------- */

/* Start, where each guide's own flow sends it, end. */
static bzd_status guides_by_flows(const self *s, const work *w, bzdi_spent *spent) {
  int64_t block = w->rows * s->source.item.dim;
  size_t bytes = (size_t)block * sizeof(float);
  memcpy(w->guides, w->states, bytes);
  memcpy(w->guides + s->source.degree * block, w->states + (s->states - 1) * block, bytes);
  for (int32_t g = 0; g < s->source.degree - 1; g++) {
    const int32_t solver = guide_solver(s, g);
    bzdi_solve solve = {.solver = solver,
                        .steps = solver != BZDI_SOLVER_CONTROL             ? s->spec.steps
                                 : s->guide[g]->kind == BZDI_FLOW_ENDPOINT ? 1
                                                                           : 4,
                        .t0 = 0,
                        .t1 = 1,
                        .rtol = s->spec.rtol,
                        .atol = s->spec.atol,
                        .max_steps = 10000,
                        .index = w->index};
    bzdi_solved solved;
    int32_t used;
    BZDI_TRY(bzdi_solve_flow(s->guide[g], 1, &solve, w->rows, w->states, s->source.item.cond_dim > 0 ? w->cond : NULL,
                             w->guides + (g + 1) * block, NULL, 0, &used, &solved));
    if (spent) spent->nfe += solved.nfe_mean * (double)w->rows;
  }
  return BZD_OK;
}

/* Paths of one window of all rows into w->paths. */
static bzd_status to_paths(const self *s, int32_t window, const work *w, bzdi_spent *spent) {
  int64_t dim = s->source.item.dim, n = w->rows;
  const float *states = w->states + window * (s->nodes - 1) * n * dim;
  if (s->guide[0])
    return bzdi_guide_paths(s->source.degree, n, dim, w->guides, s->spec.guide == BZDI_GUIDE_WAYPOINT,
                            s->spec.guide_time, w->paths);
  if (s->spec.guide != BZDI_GUIDE_FIT)
    return bzdi_guide_paths(s->source.degree, n, dim, states, s->spec.guide == BZDI_GUIDE_WAYPOINT, s->spec.guide_time,
                            w->paths);
  if (s->source.degree == 1) /* only the ends were kept: reflow */
    return bzdi_guide_paths(1, n, dim, states, 0, NULL, w->paths);
  bzdi_fit_time_major(s->fit, n, dim, states, w->paths);
  if (!spent) return BZD_OK;
  bzdi_fit_residual(s->fit, n, dim, states, 1, w->paths, w->residual);
  for (int64_t r = 0; r < n; r++) spent->residual2 += w->residual[r] * w->residual[r] / s->spec.windows;
  return BZD_OK;
}

static bzd_status one_way(const self *s, int32_t way, int64_t n, const int64_t *index, const bzdi_batch *out, work *w) {
  gather(s, way, n, index, out, w);
  if (w->rows == 0) return BZD_OK;
  BZDI_TRY(trajectories(s, way, w, out->spent));
  if (s->guide[0]) BZDI_TRY(guides_by_flows(s, w, out->spent));
  int64_t row = (s->source.degree + 1) * s->source.item.dim;
  int32_t windows = s->spec.windows;
  for (int32_t window = 0; window < windows; window++) {
    BZDI_TRY(to_paths(s, window, w, out->spent));
    for (int64_t i = 0; i < w->places; i++) {
      const place *p = &w->place[i];
      if (p->window != window) continue;
      memcpy(out->paths + p->at * row, w->paths + p->row * row, (size_t)row * sizeof(float));
      if (!out->span) continue;
      out->span[2 * p->at] = way > 0 ? (float)((double)way / s->spec.visit_steps) : (float)((double)window / windows);
      out->span[2 * p->at + 1] = (float)((double)(window + 1) / windows);
    }
  }
  return BZD_OK;
}

/* How many rows of a chunk go which way, or share a trajectory, changes from call to call; the solvers' workspaces are
 * to hold them all at once, so that later calls allocate nothing. */
static bzd_status reserve(const self *s, int64_t n) {
  int64_t rows = n < s->chunk ? n : s->chunk;
  for (int64_t m = s->members > 1 ? 0 : -1; m < (s->members > 1 ? s->members : 0); m++) {
    bzdi_field field;
    field_of(s, m, &field);
    BZDI_TRY(bzdi_solve_reserve(s->source.handle.context, &s->ensemble->cache, &field, s->spec.solver, rows));
  }
  if (s->visitor) BZDI_TRY(bzdi_solve_flow_reserve(s->visitor, visitor_solver(s), rows));
  for (int g = 0; g < 2; g++)
    if (s->guide[g]) BZDI_TRY(bzdi_solve_flow_reserve(s->guide[g], guide_solver(s, g), rows));
  return BZD_OK;
}

bzd_status bzdi_trajectory_paths(const bzd_source *source, int64_t n, const int64_t *index, const bzdi_batch *out) {
  const self *s = (const self *)source;
  int64_t row = (source->degree + 1) * source->item.dim;
  work w;
  bzdi_cache *cache = &((bzd_source *)(uintptr_t)source)->cache; /* a workspace is no change a reader can see */
  size_t bytes = carve(s, NULL, &w);
  int32_t visits = s->visitor ? s->spec.visit_steps : 1;
  if (visits > 1 || s->spec.windows > 1 || (s->spec.rho > 0 && s->spec.rho < 1)) BZDI_TRY(reserve(s, n));
  void *memory = bzdi_cache_take(cache, source->handle.context, bytes);
  if (!memory) return bzdi_no_memory("source", 1, bytes);
  carve(s, memory, &w);
  bzd_status status = BZD_OK;
  for (int64_t done = 0; status == BZD_OK && done < n; done += s->chunk) {
    int64_t count = n - done < s->chunk ? n - done : s->chunk;
    bzdi_batch part = {out->paths + done * row, out->cond ? out->cond + done * source->item.cond_dim : NULL,
                       out->span ? out->span + 2 * done : NULL, out->spent};
    for (int32_t way = BACKWARDS; status == BZD_OK && way < visits; way++)
      status = one_way(s, way, count, index + done, &part, &w);
  }
  bzdi_cache_give(cache, source->handle.context, memory);
  return status;
}

/* ---- Degree --------------------------------------------------------------------------------------------------- */

/* Root mean square of state - curve over that of end - start, of all windows. */
static bzd_status relative_residual(const self *s, const bzdi_fit *most, int32_t degree, const work *w,
                                    double *relative) {
  int64_t dim = s->source.item.dim, block = w->rows * dim;
  bzdi_fit *fit;
  BZDI_TRY(
      bzdi_fit_new(s->source.handle.context, degree, most->nodes, most->times, most->weights, most->ridge, 1.0, &fit));
  double residual = 0, chord = 0;
  for (int32_t window = 0; window < s->spec.windows; window++) {
    const float *start = w->states + window * (s->nodes - 1) * block, *end = start + (s->nodes - 1) * block;
    bzdi_fit_time_major(fit, w->rows, dim, start, w->paths);
    bzdi_fit_residual(fit, w->rows, dim, start, 1, w->paths, w->residual);
    for (int64_t r = 0; r < w->rows; r++) residual += w->residual[r] * w->residual[r] / (double)w->rows;
    for (int64_t i = 0; i < block; i++) chord += pow((double)end[i] - (double)start[i], 2) / (double)block;
  }
  bzdi_fit_free(fit);
  *relative = chord > 0 ? sqrt(residual / chord) : 0;
  return BZD_OK;
}

bzd_status bzdi_trajectory_degree(bzdi_ensemble_source *s, const bzdi_fit *most, double tolerance, int32_t *degree,
                                  double *relative) {
  enum { PROBE = 256 };
  int64_t index[PROBE], n = s->chunk < PROBE ? s->chunk : PROBE;
  work w;
  bzdi_batch none = {0};
  void *memory = bzdi_malloc(s->source.handle.context, carve(s, NULL, &w), 1);
  if (!memory) return bzdi_no_memory("source", carve(s, NULL, &w), 1);
  carve(s, memory, &w);
  int32_t way = s->spec.rho > 0.5 ? BACKWARDS : FORWARDS; /* the more frequent one is soon found often enough */
  int64_t found = 0;
  for (int64_t i = 0; found < n; i++)
    if (way_of(s, i) == way) index[found++] = i * s->spec.windows;
  gather(s, way, n, index, &none, &w);
  bzd_status status = trajectories(s, way, &w, NULL);
  *relative = INFINITY;
  for (*degree = 1; status == BZD_OK; ++*degree) {
    status = relative_residual(s, most, *degree, &w, relative);
    if (*relative <= tolerance || *degree == most->degree) break;
  }
  bzdi_free(s->source.handle.context, memory);
  return status;
}
