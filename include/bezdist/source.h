/* SPDX-License-Identifier: MIT */
/* Sources: where training paths come from. All training is regression on Bezier paths, so a method is a source. */
#ifndef BEZDIST_SOURCE_H
#define BEZDIST_SOURCE_H

#include <bezdist/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A source maps sample numbers to paths [degree + 1, dim] and conditions [cond_dim]: a pure function of the source's
 * seed and the number. Trainers read samples step * batch onwards, so nothing but the step need be saved to resume. */

/* Independent coupling of data: paths [x0, x1] of degree 1, x1 a row of target in shuffled order (each epoch visits
 * each row once), x0 standard normal noise, or a row of start (NULL: noise) in an order of its own. Conditions are
 * target's. Gives flow matching (1-RF). Retains both sets. Status: BZD_E_DIMENSION (dims of the two sets),
 * BZD_E_ARGUMENT (NULL), BZD_E_STATE, BZD_E_MEMORY. *out NULL on failure. Threads: any. Since 0.1. */
BZD_API bzd_status bzd_source_create_data(const bzd_data *target, const bzd_data *start, uint64_t seed,
                                          bzd_source **out);

/* The same rows in minibatch optimal transport (Tong et al. 2023, Pooladian et al. 2023): among samples kb .. kb + b -
 * 1, b = group (2..2048), the x0 are dealt out anew so that the sum of |x1 - x0|^2 is least. Each x1 keeps its place,
 * its label and its condition. Exact assignment, cubic in group: put a pool over it to pay once. Status: as
 * bzd_source_create_data. Threads: any. Since 0.1. */
BZD_API bzd_status bzd_source_create_transport(const bzd_data *target, const bzd_data *start, int64_t group,
                                               uint64_t seed, bzd_source **out);

#define BZD_GUIDE_FIT 0      /* the fitter's least squares over the whole trajectory */
#define BZD_GUIDE_CONTROL 1  /* the guides become the interior control points (degree 2 or 3) */
#define BZD_GUIDE_WAYPOINT 2 /* the curve passes the guides at guide_times (degree 2 or 3) */

/* What bzd_source_create_ensemble takes. */
typedef struct bzd_ensemble_source_config {
  uint32_t struct_size;  /* set by bzd_ensemble_source_config_init */
  int32_t guide;         /* BZD_GUIDE_, default FIT */
  double guide_times[2]; /* degree 2: the first; degree 3: both, ascending, 0.05 apart; default {1/3, 2/3}; for degree
                            2 use {1/2} */
  uint64_t seed;         /* of the noise x0 and of the orders, default 0 */
  const bzd_data *start; /* rows for x0; NULL (default): noise */
  const bzd_data *real;  /* real data: end points of anchored paths, and conditions; NULL (default): none */
  double rho;            /* fraction of paths integrated backwards from a row of real, 0..1, default 0 */
  int32_t solver;        /* BZD_SOLVER_ but CONTROL, default RK4; AUTO = DOPRI5 */
  int32_t steps;         /* of fixed-step solvers, 1..1000000, default 16 */
  double rtol;           /* of DOPRI5, 1e-9..1, default 1e-4 */
  double atol;           /* of DOPRI5, 1e-12..1, default 1e-4 */
  const float *cond;     /* [cond_count, cond_dim] finite conditions to draw from when real gives none, copied; NULL
                            (default): none */
  int64_t cond_count;    /* 0 (default) without cond */
  const bzd_flow *const *guides; /* CONTROL and WAYPOINT: [degree - 1] flows; where each sends x0 is a guide (the
                                    paper's form; control-point flows in 4 steps, endpoint flows in 1), retained. NULL
                                    (default): states of the trajectory at guide_times */
  const bzd_flow *visitor; /* on-policy paths: this flow (a student) goes k of visit_steps equal steps from x0, k drawn;
                              the ensemble goes on from there to t = 1. Paths start at k / visit_steps. Retained; NULL
                              (default): none */
  int32_t visit_steps;     /* 1..1024, default 4 */
  int32_t windows;         /* K > 1: trajectories are cut into K equal windows, a path each; velocity students only
                              (piecewise rectified flow with degree 1). 1..256, default 1 */
  double tolerance;        /* > 0: degree = the smallest whose fit, before bend, has a relative residual rms(state -
                              curve) / rms(x1 - x0) of at most this over a probe (256 trajectories, fewer where they are
                              large); the fitter's degree (at most 8) is the highest. Chosen once, as a student has a
                              head for each degree. 0 (default): the fitter's degree. Guide FIT */
  double bend; /* of FIT: share of the fitted curve's deviation from its chord that a path keeps, 0..1: 1 the fit
                  itself, 0 the straight line. Default 0.75: students of paths between the two are better
                  than those of either (docs/math.md, docs/results.md) */
} bzd_ensemble_source_config;

/* Defaults, and the size of the struct in this library: as bzd_context_config_init and _size. Threads: any. Since 0.1.
 */
BZD_API bzd_status bzd_ensemble_source_config_init(bzd_ensemble_source_config *config, size_t size);
BZD_API size_t bzd_ensemble_source_config_size(void);

/* The ensemble's trajectories from x0 (or, for a fraction rho, backwards from real data), fitted by fitter into paths
 * of its degree. A fitter of degree 1 makes it reflow: [x0, T(x0)]. Backward paths of a real row keep that row at t = 1
 * to the bit. Conditional teachers need conditions: from real, or cond. Each call integrates anew: put a pool over it
 * to pay once. Retains ensemble, fitter and data sets; config NULL = the defaults. Status: BZD_E_ARGUMENT,
 * BZD_E_DIMENSION, BZD_E_UNSUPPORTED (solver CONTROL; guides of another degree), BZD_E_NUMERIC (cond), BZD_E_STATE,
 * BZD_E_CONFIG, BZD_E_MEMORY. *out NULL on failure. Threads: any. Since 0.1. */
BZD_API bzd_status bzd_source_create_ensemble(const bzd_ensemble *ensemble, const bzd_fitter *fitter,
                                              const bzd_ensemble_source_config *config, bzd_source **out);

/* The caller's own paths; fn and user must outlive the source. degree 1..16, dim 1..2^20, cond_dim 0..2^20.
 * Status: BZD_E_ARGUMENT, BZD_E_STATE (context), BZD_E_MEMORY. *out NULL on failure. Threads: any. Since 0.1. */
BZD_API bzd_status bzd_source_create_callback(const bzd_context *context, int32_t degree, int64_t dim, int64_t cond_dim,
                                              bzd_paths_fn fn, void *user, bzd_source **out);

/* A path store: samples first..first+count-1 of base made now (first 0..2^62, count 1..2^32) and kept in memory; each
 * epoch reads each once, in shuffled order within windows of rows that follow each other: 64 MiB of paths each, so most
 * stores are one. Can be saved (checkpoint.h); stores that do not fit into memory: bzd_checkpoint_from_paths and
 * bzd_checkpoint_stream_source. A new pool of later samples, given to the trainer
 * with bzd_trainer_set_source, refreshes the pairs. base is not retained. progress may be NULL. Status: as
 * bzd_source_get_paths. *out NULL on failure. Threads: shared-read on base. Since 0.1. */
BZD_API bzd_status bzd_source_create_pool(const bzd_source *base, int64_t first, int64_t count, uint64_t seed,
                                          bzd_progress_fn progress, void *user, bzd_source **out);

/* Drops the caller's hold. NULL is fine. Threads: any, once. Since 0.1. */
BZD_API void bzd_source_destroy(bzd_source *source);

#define BZD_SOURCE_DATA 1      /* bzd_source_create_data */
#define BZD_SOURCE_ENSEMBLE 2  /* bzd_source_create_ensemble */
#define BZD_SOURCE_CALLBACK 3  /* bzd_source_create_callback */
#define BZD_SOURCE_POOL 4      /* bzd_source_create_pool, or a path store's file */
#define BZD_SOURCE_TRANSPORT 5 /* bzd_source_create_transport */

/* What bzd_source_get_info fills. */
typedef struct bzd_source_info {
  uint32_t struct_size;     /* set by the caller */
  int32_t kind;             /* BZD_SOURCE_ */
  int32_t degree;           /* of the paths */
  int32_t generation;       /* of a flow trained on it: 1 from data, one more than the teachers'; 0 unknown */
  int64_t dim;              /* numbers in one point */
  int64_t cond_dim;         /* numbers in one condition */
  int64_t count;            /* of a pool; 0: endless */
  double nfe;               /* pool: teacher evaluations per path it cost, mean; else 0 */
  double residual;          /* pool over an ensemble: root mean square of state - path, bend included; else 0 */
  double relative_residual; /* of the probe that chose the degree; NaN when it was given */
} bzd_source_info;

/* sizeof(bzd_source_info) in this library. Threads: any. Since 0.1. */
BZD_API size_t bzd_source_info_size(void);
/* Facts of a source into the part of *info that the caller's struct_size covers. Status: BZD_E_ARGUMENT (NULL),
 * BZD_E_STATE (not a live handle), BZD_E_CONFIG (struct_size never set). Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_source_get_info(const bzd_source *source, bzd_source_info *info);

/* Paths [n, degree + 1, dim], cond [n, cond_dim] (may be NULL when cond_dim is 0) and the times of the paths' ends span
 * [n, 2] (may be NULL) of samples first..first+n-1, first 0..2^62. After a failure the outputs hold no meaning. Status:
 * BZD_E_ARGUMENT, BZD_E_STATE, BZD_E_NUMERIC ("teacher 2: not finite at t 0.25"), BZD_E_CANCELLED, BZD_E_STEPS,
 * BZD_E_CORRUPT and BZD_E_IO (bzd_checkpoint_stream_source), BZD_E_MEMORY. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_source_get_paths(const bzd_source *source, int64_t first, int64_t n, float *paths, float *cond,
                                        float *span);

#ifdef __cplusplus
}
#endif
#endif
