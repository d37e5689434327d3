/* SPDX-License-Identifier: MIT */
/* Paths along an ensemble's trajectories: forwards from x0, or for a fraction rho backwards from real rows. Work is
 * done in chunks so that memory does not grow with the number of paths. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "distill/guide.h"
#include "distill/source.h"

#include <stdio.h>
#include <string.h>

typedef struct ensemble_source {
  bzd_source source;
  bzd_ensemble *ensemble;
  void *fitter; /* the handle that owns fit */
  const bzdi_fit *fit;
  bzd_data *start, *real;
  bzdi_ensemble_source_spec spec;
  float *cond;     /* [cond_count, cond_dim], own copy */
  int32_t nodes;   /* states taken of a trajectory */
  double *forward; /* [nodes] times, and the same from 1 to 0 */
  double *backward;
  int64_t chunk;
} ensemble_source;

/* Rows of a chunk going one way. */
typedef struct work {
  float *x, *cond, *states, *paths;
  double *residual;
  int64_t *index, *place;
} work;

static size_t carve(const ensemble_source *s, void *base, work *w) {
  int64_t n = s->chunk, dim = s->source.item.dim;
  bzdi_arena arena = {base, 0};
  w->x = bzdi_arena_take(&arena, (size_t)(n * dim), sizeof(float));
  w->cond = bzdi_arena_take(&arena, (size_t)(n * s->source.item.cond_dim), sizeof(float));
  w->states = bzdi_arena_take(&arena, (size_t)(n * dim * s->nodes), sizeof(float));
  w->paths = bzdi_arena_take(&arena, (size_t)(n * dim * (s->source.degree + 1)), sizeof(float));
  w->residual = bzdi_arena_take(&arena, (size_t)n, sizeof(double));
  w->index = bzdi_arena_take(&arena, (size_t)n, sizeof(int64_t));
  w->place = bzdi_arena_take(&arena, (size_t)n, sizeof(int64_t));
  return arena.used;
}

static int is_anchored(const ensemble_source *s, int64_t sample) {
  return s->real && s->spec.rho > 0 &&
         (s->spec.rho >= 1 || bzdi_rng_unit(s->spec.seed, BZD_STREAM_ANCHOR, (uint64_t)sample) < s->spec.rho);
}

/* The condition of a sample: of its real row, or drawn from the given ones. */
static void condition(const ensemble_source *s, int64_t sample, float *out) {
  int64_t cond_dim = s->source.item.cond_dim;
  if (s->real && s->real->item.cond_dim > 0) {
    int64_t row = bzdi_rng_shuffled(s->spec.seed, BZD_STREAM_ORDER, (uint64_t)sample, s->real->n);
    bzdi_data_rows(s->real, 1, &row, NULL, out);
  } else {
    int64_t row = bzdi_rng_shuffled(s->spec.seed, BZD_STREAM_ORDER, (uint64_t)sample, s->spec.cond_count);
    memcpy(out, s->cond + row * cond_dim, (size_t)cond_dim * sizeof(float));
  }
}

/* A row of data; noise is made by the solver, block by block. */
static void starting_point(const ensemble_source *s, int64_t sample, int anchored, float *x) {
  const bzd_data *data = anchored ? s->real : s->start;
  if (!data) return;
  uint32_t stream = anchored ? BZD_STREAM_ORDER : BZD_STREAM_PARTNER;
  int64_t row = bzdi_rng_shuffled(s->spec.seed, stream, (uint64_t)sample, data->n);
  bzdi_data_rows(data, 1, &row, x, NULL);
}

/* Trajectories were integrated from 1 to 0: put their states in ascending order. */
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

static bzd_status to_paths(const ensemble_source *s, int64_t n, const work *w, bzdi_spent *spent) {
  int64_t dim = s->source.item.dim;
  if (s->spec.guide != BZDI_GUIDE_FIT)
    return bzdi_guide_paths(s->source.degree, n, dim, w->states, s->spec.guide == BZDI_GUIDE_WAYPOINT,
                            s->spec.guide_time, w->paths);
  if (s->source.degree == 1) /* only the ends were kept: reflow */
    return bzdi_guide_paths(1, n, dim, w->states, 0, NULL, w->paths);
  bzdi_fit_time_major(s->fit, n, dim, w->states, w->paths);
  if (!spent) return BZD_OK;
  bzdi_fit_residual(s->fit, n, dim, w->states, 1, w->paths, w->residual);
  for (int64_t r = 0; r < n; r++) spent->residual2 += w->residual[r] * w->residual[r];
  return BZD_OK;
}

/* Runs the solver. When a trajectory was lost it is run again with every teacher looked at, so that the text names the
 * teacher; rows of the solver become sample numbers. */
static bzd_status integrate(const ensemble_source *s, const bzdi_solve *solve, int64_t n, const float *x0,
                            const work *w, bzdi_solved *solved) {
  const bzd_context *context = s->source.handle.context;
  const float *cond = s->source.item.cond_dim > 0 ? w->cond : NULL;
  bzdi_field field;
  bzdi_ensemble_field(s->ensemble, &field);
  bzd_status status =
      bzdi_solve_field(context, &s->ensemble->cache, &field, solve, n, x0, cond, NULL, w->states, 1, solved);
  if (status == BZD_OK) return BZD_OK;
  char text[400];
  long long row;
  int rest = 0;
  bzdi_error_copy(text, sizeof text);
  if (sscanf(text, "row %lld: %n", &row, &rest) != 1 || rest == 0 || row < 0 || row >= n) return status;
  if (status == BZD_E_NUMERIC) {
    bzdi_ensemble_checked_field(s->ensemble, &field);
    bzd_status again =
        bzdi_solve_field(context, &s->ensemble->cache, &field, solve, n, x0, cond, NULL, w->states, 1, solved);
    if (again == BZD_E_NUMERIC) {
      char named[400];
      bzdi_error_copy(named, sizeof named);
      if (strncmp(named, "teacher", 7) == 0) return again;
    }
  }
  return bzdi_fail(status, "sample %lld: %s", (long long)w->index[row], text + rest);
}

/* The rows of a chunk that go this way. */
static bzd_status one_way(const ensemble_source *s, int anchored, int64_t n, const int64_t *index,
                          const bzdi_batch *out, const work *w) {
  float *cond = out->cond, *paths = out->paths;
  bzdi_spent *spent = out->spent;
  int64_t dim = s->source.item.dim, cond_dim = s->source.item.cond_dim, rows = 0;
  for (int64_t r = 0; r < n; r++) {
    if (is_anchored(s, index[r]) != anchored) continue;
    starting_point(s, index[r], anchored, w->x + rows * dim);
    if (cond_dim > 0) {
      condition(s, index[r], w->cond + rows * cond_dim);
      if (cond) memcpy(cond + r * cond_dim, w->cond + rows * cond_dim, (size_t)cond_dim * sizeof(float));
    }
    w->index[rows] = index[r];
    w->place[rows++] = r;
  }
  if (rows == 0) return BZD_OK;
  bzdi_solved solved;
  bzdi_solve solve = {.solver = s->spec.solver,
                      .steps = s->spec.steps,
                      .t0 = anchored ? 1 : 0,
                      .t1 = anchored ? 0 : 1,
                      .rtol = s->spec.rtol,
                      .atol = s->spec.atol,
                      .max_steps = 10000,
                      .index = w->index,
                      .seed = s->spec.seed,
                      .nodes = s->nodes,
                      .node = anchored ? s->backward : s->forward};
  BZDI_TRY(integrate(s, &solve, rows, anchored || s->start ? w->x : NULL, w, &solved));
  if (anchored) reverse(w->states, s->nodes, rows * dim);
  if (spent) {
    spent->paths += rows;
    spent->nfe += solved.nfe_mean * (double)rows;
  }
  BZDI_TRY(to_paths(s, rows, w, spent));
  int64_t row = (s->source.degree + 1) * dim;
  for (int64_t i = 0; i < rows; i++) memcpy(paths + w->place[i] * row, w->paths + i * row, (size_t)row * sizeof(float));
  return BZD_OK;
}

/* How many rows of a chunk go which way changes from call to call; the solver's workspace is to hold them all at once,
 * so that later calls allocate nothing. */
static bzd_status reserve(const ensemble_source *s, int64_t n) {
  const bzd_context *context = s->source.handle.context;
  bzdi_field field;
  bzdi_ensemble_field(s->ensemble, &field);
  size_t bytes = bzdi_solve_bytes(context, &field, s->spec.solver, n < s->chunk ? n : s->chunk);
  void *memory = bzdi_cache_take(&s->ensemble->cache, context, bytes);
  if (!memory) return bzdi_no_memory("source", 1, bytes);
  bzdi_cache_give(&s->ensemble->cache, context, memory);
  return BZD_OK;
}

static bzd_status make_paths(const bzd_source *source, int64_t n, const int64_t *index, const bzdi_batch *out) {
  const ensemble_source *s = (const ensemble_source *)source;
  int64_t row = (source->degree + 1) * source->item.dim;
  work w;
  bzdi_cache *cache = &((bzd_source *)(uintptr_t)source)->cache; /* a workspace is no change a reader can see */
  size_t bytes = carve(s, NULL, &w);
  if (s->spec.rho > 0 && s->spec.rho < 1) BZDI_TRY(reserve(s, n));
  void *memory = bzdi_cache_take(cache, source->handle.context, bytes);
  if (!memory) return bzdi_no_memory("source", 1, bytes);
  carve(s, memory, &w);
  bzd_status status = BZD_OK;
  for (int64_t done = 0; status == BZD_OK && done < n; done += s->chunk) {
    int64_t count = n - done < s->chunk ? n - done : s->chunk;
    bzdi_batch part = {out->paths + done * row, out->cond ? out->cond + done * source->item.cond_dim : NULL,
                       out->span ? out->span + 2 * done : NULL, out->spent};
    for (int anchored = 0; status == BZD_OK && anchored < 2; anchored++)
      status = one_way(s, anchored, count, index + done, &part, &w);
  }
  bzdi_cache_give(cache, source->handle.context, memory);
  return status;
}

static bzd_status hash_source(const bzd_source *source, bzdi_sha256 *hash) {
  const ensemble_source *s = (const ensemble_source *)source;
  const bzdi_ensemble_source_spec *spec = &s->spec;
  int64_t head[8] = {spec->guide,  (int64_t)spec->seed, s->start != NULL, s->real != NULL,
                     spec->solver, spec->steps,         spec->cond_count, s->nodes};
  double numbers[5] = {spec->guide_time[0], spec->guide_time[1], spec->rho, spec->rtol, spec->atol};
  bzdi_sha256_add(hash, head, sizeof head);
  bzdi_sha256_add(hash, numbers, sizeof numbers);
  bzdi_sha256_add(hash, s->forward, (size_t)s->nodes * sizeof(double));
  if (spec->guide == BZDI_GUIDE_FIT && s->source.degree > 1)
    bzdi_sha256_add(hash, s->fit->matrix, (size_t)((s->fit->degree - 1) * s->fit->nodes) * sizeof(double));
  if (s->cond) bzdi_sha256_add(hash, s->cond, (size_t)(spec->cond_count * source->item.cond_dim) * sizeof(float));
  if (s->start) bzdi_data_hash(s->start, hash);
  if (s->real) bzdi_data_hash(s->real, hash);
  return bzdi_ensemble_hash(s->ensemble, hash);
}

static const bzdi_source_kind kind = {BZDI_SOURCE_ENSEMBLE, make_paths, hash_source};

static void drop(void *self) {
  ensemble_source *s = self;
  const bzd_context *context = s->source.handle.context;
  bzdi_cache_clear(&s->source.cache, context);
  bzdi_item_clear(context, &s->source.item);
  bzdi_free(context, s->cond);
  bzdi_free(context, s->forward);
  bzdi_free(context, s->backward);
  bzdi_release(s->ensemble);
  bzdi_release(s->fitter);
  bzdi_release(s->start);
  bzdi_release(s->real);
}

/* Units: two normalisations must be one; teachers without any may well speak the units of the data. */
static bzd_status check_real(const bzdi_item *item, const bzdi_item *real) {
  bzdi_item expected = *item;
  expected.cond_dim = real->cond_dim;
  if (!item->scale || !real->scale) {
    expected.scale = real->scale;
    expected.offset = real->offset;
  }
  return bzdi_item_match("real", real, &expected);
}

static bzd_status check(const bzdi_item *item, const bzdi_ensemble_source_spec *spec) {
  if (spec->start && spec->start->item.dim != item->dim)
    return bzdi_fail(BZD_E_DIMENSION, "start: dim %lld, expected %lld", (long long)spec->start->item.dim,
                     (long long)item->dim);
  if (spec->real) BZDI_TRY(check_real(item, &spec->real->item));
  if (spec->rho > 0 && !spec->real)
    return bzdi_fail(BZD_E_ARGUMENT, "ensemble source config: rho is %g, but real is NULL", spec->rho);
  if (item->cond_dim == 0) return BZD_OK;
  if (spec->real && spec->real->item.cond_dim > 0) {
    if (spec->real->item.cond_dim != item->cond_dim)
      return bzdi_fail(BZD_E_DIMENSION, "real: cond_dim %lld, expected %lld", (long long)spec->real->item.cond_dim,
                       (long long)item->cond_dim);
    return BZD_OK;
  }
  if (spec->rho > 0)
    return bzdi_fail(BZD_E_ARGUMENT,
                     "ensemble source config: rho is %g, but real has no conditions to integrate its rows back with",
                     spec->rho);
  if (!spec->cond || spec->cond_count < 1)
    return bzdi_fail(
        BZD_E_ARGUMENT,
        "ensemble source config: the teachers take conditions of %lld numbers, and neither real nor cond gives them",
        (long long)item->cond_dim);
  return BZD_OK;
}

/* The times at which trajectories are kept, and how many rows go at once: about 8 MB of states. */
static bzd_status plan(ensemble_source *s) {
  const bzd_context *context = s->source.handle.context;
  int guided = s->spec.guide != BZDI_GUIDE_FIT;
  int32_t degree = s->source.degree;
  s->nodes = guided ? degree + 1 : degree == 1 ? 2 : s->fit->nodes;
  s->forward = bzdi_calloc(context, (size_t)s->nodes, sizeof(double));
  s->backward = bzdi_calloc(context, (size_t)s->nodes, sizeof(double));
  if (!s->forward || !s->backward) return bzdi_no_memory("source", 2 * (size_t)s->nodes, sizeof(double));
  for (int32_t k = 0; k < s->nodes; k++) {
    int inner = k > 0 && k < s->nodes - 1;
    s->forward[k] = !inner ? (k > 0) : guided ? s->spec.guide_time[k - 1] : s->fit->times[k];
  }
  for (int32_t k = 0; k < s->nodes; k++) s->backward[k] = s->forward[s->nodes - 1 - k];
  int64_t rows = ((int64_t)1 << 21) / (s->nodes * s->source.item.dim);
  s->chunk = rows < 16 ? 16 : rows > 1024 ? 1024 : rows;
  return BZD_OK;
}

bzd_status bzdi_source_new_ensemble(const bzd_ensemble *ensemble, const void *fitter, const bzdi_fit *fit,
                                    const bzdi_ensemble_source_spec *spec, bzd_source **out) {
  const bzd_context *context = ensemble->handle.context;
  const bzdi_item *item = &ensemble->flow[0]->item;
  *out = NULL;
  BZDI_TRY(check(item, spec));
  ensemble_source *s = bzdi_handle_new(context, BZDI_MAGIC_SOURCE, sizeof *s, drop);
  if (!s) return bzdi_no_memory("source", 1, sizeof *s);
  s->source.kind = &kind;
  s->source.degree = fit->degree;
  int32_t generation = bzdi_ensemble_generation(ensemble);
  s->source.generation = generation > 0 ? generation + 1 : 0;
  s->spec = *spec;
  if (spec->solver == BZDI_SOLVER_AUTO) s->spec.solver = BZDI_SOLVER_DOPRI5;
  s->fit = fit;
  s->ensemble = bzdi_retain(ensemble);
  s->fitter = bzdi_retain(fitter);
  s->start = spec->start ? bzdi_retain(spec->start) : NULL;
  s->real = spec->real ? bzdi_retain(spec->real) : NULL;
  bzd_status status = bzdi_item_copy(context, item, &s->source.item);
  if (status == BZD_OK) status = plan(s);
  if (status == BZD_OK && item->cond_dim > 0 && spec->cond) {
    size_t count = (size_t)(spec->cond_count * item->cond_dim);
    s->cond = bzdi_malloc(context, count, sizeof(float));
    if (s->cond)
      memcpy(s->cond, spec->cond, count * sizeof(float));
    else
      status = bzdi_no_memory("source", count, sizeof(float));
  }
  s->spec.cond = NULL;
  if (status != BZD_OK) {
    bzdi_release(s);
    return status;
  }
  *out = &s->source;
  return BZD_OK;
}
