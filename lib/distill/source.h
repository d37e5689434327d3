/* SPDX-License-Identifier: MIT */
/* The path-source interface: sample numbers -> Bezier paths with conditions, a pure function of (seed, number). The
 * trainer knows nothing else; adding a method is adding a source. */
#ifndef BZDI_DISTILL_SOURCE_H
#define BZDI_DISTILL_SOURCE_H

#include "distill/data.h"
#include "distill/ensemble.h"
#include "num/lsq.h"

/* The values of BZD_SOURCE_ and BZD_GUIDE_ in source.h. */
enum {
  BZDI_SOURCE_DATA = 1,
  BZDI_SOURCE_ENSEMBLE = 2,
  BZDI_SOURCE_CALLBACK = 3,
  BZDI_SOURCE_POOL = 4,
  BZDI_SOURCE_TRANSPORT = 5
};
enum { BZDI_GUIDE_FIT = 0, BZDI_GUIDE_CONTROL = 1, BZDI_GUIDE_WAYPOINT = 2 };

/* What making some paths cost, added up. */
typedef struct bzdi_spent {
  int64_t paths;
  double nfe, residual2; /* sums over paths */
} bzdi_spent;

/* Where a source writes. */
typedef struct bzdi_batch {
  float *paths;      /* [n, degree+1, dim] */
  float *cond;       /* [n, cond_dim]; NULL when cond_dim is 0 */
  float *span;       /* [n, 2] times of a path's ends; NULL when the source's paths all run from 0 to 1 */
  bzdi_spent *spent; /* may be NULL */
} bzdi_batch;

typedef struct bzdi_source_kind {
  int32_t id;
  bzd_status (*paths)(const bzd_source *source, int64_t n, const int64_t *index, const bzdi_batch *out);
  /* Everything the paths depend on. */
  bzd_status (*hash)(const bzd_source *source, bzdi_sha256 *hash);
} bzdi_source_kind;

struct bzd_source {
  bzdi_handle handle;
  const bzdi_source_kind *kind;
  int32_t degree;
  int32_t spans;      /* 1: paths have times of their own, see bzdi_batch */
  int32_t generation; /* of a flow trained on it: 1 from data, one more than its teachers', 0 unknown */
  int32_t noise;      /* 1: P_0 of sample i is noise i of noise_seed (BZD_STREAM_NOISE), so it need not be stored */
  uint64_t noise_seed;
  bzdi_item item;   /* dim, cond_dim, shape, affine of the target */
  bzdi_cache cache; /* workspace of paths */
};

bzd_status bzdi_source_new_data(const bzd_data *target, const bzd_data *start, uint64_t seed, bzd_source **out);
/* The x0 of each group of samples dealt out anew, by optimal assignment. */
bzd_status bzdi_source_new_transport(const bzd_data *target, const bzd_data *start, int64_t group, uint64_t seed,
                                     bzd_source **out);
bzd_status bzdi_source_new_callback(const bzd_context *context, int32_t degree, int64_t dim, int64_t cond_dim,
                                    bzd_paths_fn fn, void *user, bzd_source **out);

typedef struct bzdi_ensemble_source_spec { /* values checked by the caller, shapes against each other by new */
  int32_t guide;
  double guide_time[2];
  uint64_t seed;
  const bzd_data *start, *real; /* may be NULL */
  double rho;
  int32_t solver, steps;
  double rtol, atol;
  const float *cond;
  int64_t cond_count;
  int32_t windows;               /* 1: whole trajectories */
  int32_t visit_steps;           /* of the visitor */
  const bzd_flow *visitor;       /* NULL: none */
  const bzd_flow *const *guides; /* degree - 1 flows whose ends are the guides; NULL: states of the trajectory */
  double tolerance;              /* > 0: the degree is chosen, the fit's is the highest */
  double bend;                   /* of FIT: share of the deviation from the chord that is kept, 0..1 */
} bzdi_ensemble_source_spec;

/* fit is the fitter's; the handle `fitter` that owns it is retained. */
bzd_status bzdi_source_new_ensemble(const bzd_ensemble *ensemble, const void *fitter, const bzdi_fit *fit,
                                    const bzdi_ensemble_source_spec *spec, bzd_source **out);

/* Samples first..first+count-1 of base. */
bzd_status bzdi_source_new_pool(const bzd_source *base, int64_t first, int64_t count, uint64_t seed,
                                bzd_progress_fn progress, void *user, bzd_source **out);
/* The same, but each window of rows is made whenever it is asked for: to be stored, not to be trained on. window 0 is
 * the default; progress is called while it is written. */
bzd_status bzdi_source_new_made(const bzd_source *base, int64_t first, int64_t count, int64_t window, uint64_t seed,
                                bzd_progress_fn progress, void *user, bzd_source **out);
/* Facts of a pool: count, mean NFE, rms residual; zeros for other kinds. */
void bzdi_pool_facts(const bzd_source *source, int64_t *count, double *nfe, double *residual);
/* What the probe that chose the degree found; NaN for sources whose degree was given. */
double bzdi_source_relative_residual(const bzd_source *source);
/* The store retains the pool, whose paths are copied when they are asked for. */
bzd_status bzdi_pool_store(const bzd_source *source, bzdi_store *store);
bzd_status bzdi_pool_load(const bzd_context *context, const bzdi_store *store, bzd_source **out);
/* Reads a window of paths at a time; the handle `owner` that owns the store is retained. */
bzd_status bzdi_pool_stream(const bzd_context *context, const bzdi_store *store, const void *owner, bzd_source **out);

/* Samples first..first+n-1, n may be any size; span may be NULL, else it is filled for every source. */
bzd_status bzdi_source_paths(const bzd_source *source, int64_t first, int64_t n, float *paths, float *cond,
                             float *span);
/* The same, refusing paths that do not run from 0 to 1. */
bzd_status bzdi_source_whole_paths(const bzd_source *source, int64_t first, int64_t n, float *paths, float *cond);
/* SHA-256 over kind and all that the paths depend on. */
bzd_status bzdi_source_identity(const bzd_source *source, uint8_t id[32]);

#endif
