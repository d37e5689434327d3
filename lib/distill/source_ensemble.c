/* SPDX-License-Identifier: MIT */
/* Making the source of paths along an ensemble's trajectories: what fits what, which times are kept, which degree. */
#include "base/alloc.h"
#include "base/error.h"
#include "distill/ensemble_source.h"

#include <math.h>
#include <string.h>

typedef bzdi_ensemble_source ensemble_source;

static bzd_status hash_source(const bzd_source *source, bzdi_sha256 *hash) {
  const ensemble_source *s = (const ensemble_source *)source;
  const bzdi_ensemble_source_spec *spec = &s->spec;
  int64_t head[12] = {spec->guide,   (int64_t)spec->seed, s->start != NULL,   s->real != NULL,
                      spec->solver,  spec->steps,         spec->cond_count,   s->nodes,
                      spec->windows, spec->visit_steps,   s->visitor != NULL, s->guide[0] != NULL};
  double numbers[5] = {spec->guide_time[0], spec->guide_time[1], spec->rho, spec->rtol, spec->atol};
  bzdi_sha256_add(hash, head, sizeof head);
  bzdi_sha256_add(hash, numbers, sizeof numbers);
  bzdi_sha256_add(hash, s->forward, (size_t)s->states * sizeof(double));
  if (spec->guide == BZDI_GUIDE_FIT && s->source.degree > 1)
    bzdi_sha256_add(hash, s->fit->matrix, (size_t)((s->fit->degree - 1) * s->fit->nodes) * sizeof(double));
  if (s->cond) bzdi_sha256_add(hash, s->cond, (size_t)(spec->cond_count * source->item.cond_dim) * sizeof(float));
  if (s->start) bzdi_data_hash(s->start, hash);
  if (s->real) bzdi_data_hash(s->real, hash);
  if (s->visitor) bzdi_flow_hash(s->visitor, hash);
  for (int g = 0; g < 2; g++)
    if (s->guide[g]) bzdi_flow_hash(s->guide[g], hash);
  return bzdi_ensemble_hash(s->ensemble, hash);
}

static const bzdi_source_kind kind = {BZDI_SOURCE_ENSEMBLE, bzdi_trajectory_paths, hash_source};

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
  bzdi_release(s->visitor);
  for (int g = 0; g < 2; g++) bzdi_release(s->guide[g]);
  bzdi_fit_free(s->own_fit);
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

/* A flow that goes along with the teachers: same shapes, same units. */
static bzd_status check_companion(const char *name, const bzd_flow *flow, const bzdi_item *item) {
  return bzdi_item_match(name, &flow->item, item);
}

static bzd_status check(const bzdi_item *item, int32_t degree, const bzdi_ensemble_source_spec *spec) {
  if (spec->visitor) {
    BZDI_TRY(check_companion("visitor", spec->visitor, item));
    if (spec->visitor->kind == BZDI_FLOW_ENDPOINT)
      return bzdi_fail(BZD_E_UNSUPPORTED, "visitor: an endpoint flow has no states on the way");
  }
  for (int32_t g = 0; spec->guides && g < degree - 1; g++)
    BZDI_TRY(check_companion(g == 0 ? "guide 0" : "guide 1", spec->guides[g], item));
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
  int32_t degree = s->source.degree, windows = s->spec.windows;
  s->nodes = s->guide[0] ? 2 : guided ? degree + 1 : degree == 1 ? 2 : s->fit->nodes;
  s->states = windows * (s->nodes - 1) + 1;
  bzdi_free(context, s->forward);
  bzdi_free(context, s->backward);
  s->forward = bzdi_calloc(context, (size_t)s->states, sizeof(double));
  s->backward = bzdi_calloc(context, (size_t)s->states, sizeof(double));
  if (!s->forward || !s->backward) return bzdi_no_memory("source", 2 * (size_t)s->states, sizeof(double));
  for (int32_t k = 0; k < s->states; k++) {
    int32_t window = k / (s->nodes - 1), node = k % (s->nodes - 1);
    double within = node == 0 ? 0 : guided ? s->spec.guide_time[node - 1] : s->fit->times[node];
    s->forward[k] = k == s->states - 1 ? 1 : (window + within) / windows;
  }
  for (int32_t k = 0; k < s->states; k++) s->backward[k] = s->forward[s->states - 1 - k];
  int64_t rows = ((int64_t)1 << 21) / (s->states * s->source.item.dim * (s->members > 1 ? s->members + 1 : 1));
  s->chunk = rows < 16 ? 16 : rows > 1024 ? 1024 : rows;
  return BZD_OK;
}

static bzd_status choose_degree(ensemble_source *s) {
  int32_t degree;
  BZDI_TRY(bzdi_trajectory_degree(s, s->fit, s->spec.tolerance, &degree, &s->relative_residual));
  s->source.degree = degree;
  return plan(s);
}

/* The fit that is asked for, of the degree that was chosen, bent less. */
static bzd_status own_fit(ensemble_source *s) {
  const bzdi_fit *asked = s->fit;
  int32_t degree = s->source.degree;
  if (degree == asked->degree && (s->spec.bend == 1 || degree == 1 || s->spec.guide != BZDI_GUIDE_FIT)) return BZD_OK;
  BZDI_TRY(bzdi_fit_new(s->source.handle.context, degree, asked->nodes, asked->times, asked->weights, asked->ridge,
                        s->spec.bend, &s->own_fit));
  s->fit = s->own_fit;
  return BZD_OK;
}

static void *retained(const void *object) { return object ? bzdi_retain(object) : NULL; }

bzd_status bzdi_source_new_ensemble(const bzd_ensemble *ensemble, const void *fitter, const bzdi_fit *fit,
                                    const bzdi_ensemble_source_spec *spec, bzd_source **out) {
  const bzd_context *context = ensemble->handle.context;
  const bzdi_item *item = &ensemble->flow[0]->item;
  *out = NULL;
  BZDI_TRY(check(item, fit->degree, spec));
  ensemble_source *s = bzdi_handle_new(context, BZDI_MAGIC_SOURCE, sizeof *s, drop);
  if (!s) return bzdi_no_memory("source", 1, sizeof *s);
  s->source.kind = &kind;
  s->source.degree = fit->degree;
  int32_t generation = bzdi_ensemble_generation(ensemble);
  s->source.generation = generation > 0 ? generation + 1 : 0;
  s->spec = *spec;
  if (s->spec.windows < 1) s->spec.windows = 1;
  if (spec->solver == BZDI_SOLVER_AUTO) s->spec.solver = BZDI_SOLVER_DOPRI5;
  s->source.spans = s->spec.windows > 1 || spec->visitor;
  s->source.noise = !spec->start && !spec->visitor && s->spec.windows == 1 && !(spec->real && spec->rho > 0);
  s->source.noise_seed = spec->seed;
  s->fit = fit;
  s->relative_residual = NAN;
  s->ensemble = bzdi_retain(ensemble);
  s->members = bzdi_ensemble_by_trajectory(ensemble) ? (int32_t)ensemble->count : 1;
  s->fitter = bzdi_retain(fitter);
  s->start = retained(spec->start);
  s->real = retained(spec->real);
  s->visitor = retained(spec->visitor);
  for (int32_t g = 0; spec->guides && g < fit->degree - 1; g++) s->guide[g] = retained(spec->guides[g]);
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
  s->spec.guides = NULL;
  if (status == BZD_OK && spec->tolerance > 0) status = choose_degree(s);
  if (status == BZD_OK) status = own_fit(s);
  if (status != BZD_OK) {
    bzdi_release(s);
    return status;
  }
  *out = &s->source;
  return BZD_OK;
}

double bzdi_source_relative_residual(const bzd_source *source) {
  return source->kind == &kind ? ((const ensemble_source *)source)->relative_residual : (double)NAN;
}
