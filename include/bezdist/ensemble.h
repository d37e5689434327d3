/* SPDX-License-Identifier: MIT */
/* Ensembles: teachers and the rule that combines them. A velocity field like a flow, to sample from or to distil. */
#ifndef BEZDIST_ENSEMBLE_H
#define BEZDIST_ENSEMBLE_H

#include <bezdist/flow.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Mean velocity at a shared (x, t): only for teachers of the same coupling. */
#define BZD_COMBINE_VELOCITY 1
/* Each sample follows one teacher, drawn with the weights: any teachers. */
#define BZD_COMBINE_MIXTURE 2
/* Each sample takes the teacher's trajectory whose squared distances to the others, each times the other's weight, add
 * up to the least (the medoid); of several as near, as two of one weight are, one drawn as in a MIXTURE: any teachers;
 * paths only. */
#define BZD_COMBINE_SELECT 3
/* Mean of the teachers' trajectories, ends included: shrinks the variance of the target wherever teachers differ; for
 * comparison; paths only. */
#define BZD_COMBINE_ENDPOINT 4
/* As VELOCITY without the check of generations: the mean of fields of different couplings is the flow of neither. */
#define BZD_COMBINE_ANY_VELOCITY 5

/* Equal weights. */
#define BZD_RULE_UNIFORM 1
/* Given numbers. */
#define BZD_RULE_FIXED 2
/* Per row softmax(-|v_m - c|^2 / (2 T^2 dim)), c the leave-one-out mean; velocities only. */
#define BZD_RULE_CONSENSUS 3
/* Per row the one velocity nearest to the others, the mean of several as near, as two always are; velocities only. */
#define BZD_RULE_MEDOID 4
/* 1 / (mean square error on validation's paths - the least of all teachers' + the standard error of such a difference),
 * on common rows. */
#define BZD_RULE_ERROR 5
/* 1 / variance per bin of time, told from how far a teacher is from the mean of the others on validation's paths;
 * linear between bins; velocities only. Two teachers cannot be told apart: one half each. */
#define BZD_RULE_VARIANCE 6
/* The caller's own rule; velocities only. */
#define BZD_RULE_CALLBACK 7

/* What bzd_ensemble_create takes. */
typedef struct bzd_ensemble_config {
  uint32_t struct_size;         /* set by bzd_ensemble_config_init */
  int32_t combine;              /* BZD_COMBINE_, default VELOCITY */
  int32_t rule;                 /* of weights: BZD_RULE_, default UNIFORM */
  int32_t reserved;             /* 0 */
  const double *fixed;          /* [count] 0..1e30 with a positive sum, copied and scaled to sum 1; FIXED only */
  bzd_weights_fn weights;       /* of CALLBACK; it and its user must outlive the ensemble and all that retains it */
  void *weights_user;           /* user of weights, NULL (default) */
  const bzd_source *validation; /* paths that ERROR and VARIANCE learn from on creation: those that the teachers were to
                                   learn, not seen in training; not kept */
  int64_t validation_count;     /* samples of it, 16..2^31, default 4096 */
  int32_t bins;                 /* of time, VARIANCE: 1..64, default 8 */
  int32_t reserved2;            /* 0 */
  double temperature;           /* T of CONSENSUS, in units of velocity, 1e-6..1e6, default 0.1 */
  const double *guidance;       /* [count] guidance of each member, -1000..1000, copied; NULL (default): 1 */
  uint64_t seed;                /* which member a sample of a MIXTURE follows (BZD_STREAM_MEMBER), default 0 */
} bzd_ensemble_config;

/* Defaults, and the size of the struct in this library: as bzd_context_config_init and _size. Threads: any. Since 0.1.
 */
BZD_API bzd_status bzd_ensemble_config_init(bzd_ensemble_config *config, size_t size);
BZD_API size_t bzd_ensemble_config_size(void);

/* Retains count (1..64) flows of any kinds that agree in dim, cond_dim and affine. VELOCITY demands that flows of known
 * generation (bzd_flow_info) share it. config NULL = the defaults. Status:
 * BZD_E_DIMENSION ("teacher 2: dim 64, expected 784"), BZD_E_ARGUMENT, BZD_E_UNSUPPORTED (a rule that the combination
 * does not have; teachers of different generations), BZD_E_NUMERIC (a teacher on validation's paths), BZD_E_STATE,
 * BZD_E_CONFIG, BZD_E_MEMORY. *out NULL on failure. Threads: any, shared-read on the flows. Since 0.1. */
BZD_API bzd_status bzd_ensemble_create(const bzd_context *context, const bzd_ensemble_config *config, int64_t count,
                                       const bzd_flow *const *teachers, bzd_ensemble **out);
/* Drops the caller's hold. NULL is fine. Threads: any, once. Since 0.1. */
BZD_API void bzd_ensemble_destroy(bzd_ensemble *ensemble);

/* What bzd_ensemble_get_info fills. */
typedef struct bzd_ensemble_info {
  uint32_t struct_size; /* set by the caller */
  int32_t combine;      /* BZD_COMBINE_ */
  int32_t rule;         /* BZD_RULE_ */
  int32_t nfe;          /* network evaluations that one evaluation of a row counts: all members, guided ones twice */
  int64_t count;        /* of members */
  int64_t dim;          /* numbers in one sample */
  int64_t cond_dim;     /* numbers in one condition */
  double effective; /* effective number of teachers, 1 / sum of squared weights, mean over time; NaN for rules by row:
                       bzd_ensemble_effective */
} bzd_ensemble_info;

/* sizeof(bzd_ensemble_info) in this library. Threads: any. Since 0.1. */
BZD_API size_t bzd_ensemble_info_size(void);
/* Facts of an ensemble into the part of *info that the caller's struct_size covers. Status: BZD_E_ARGUMENT (NULL),
 * BZD_E_STATE (not a live handle), BZD_E_CONFIG (struct_size never set). Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_ensemble_get_info(const bzd_ensemble *ensemble, bzd_ensemble_info *info);
/* Copies the weights [count] at time t in 0..1 (rules by row: BZD_E_UNSUPPORTED, see bzd_ensemble_velocity). Status:
 * BZD_E_ARGUMENT, BZD_E_STATE. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_ensemble_get_weights(const bzd_ensemble *ensemble, double t, double *weights);
/* *effective = mean over n >= 1 rows of 1 / sum of squared weights at x [n, dim], t [n], cond. Status as
 * bzd_ensemble_velocity. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_ensemble_effective(const bzd_ensemble *ensemble, int64_t n, const float *x, const float *t,
                                          const float *cond, double *effective);
/* A new hold on member i (destroy it like any flow). Status: BZD_E_ARGUMENT, BZD_E_STATE. Threads: shared-read. Since
 * 0.1. */
BZD_API bzd_status bzd_ensemble_get_member(const bzd_ensemble *ensemble, int64_t i, bzd_flow **out);

/* The combined velocity v [n, dim] at rows whose sample numbers are first_index.. (0..2^62; they choose the member of a
 * MIXTURE), and the weights [n, count] used (may be NULL). As bzd_flow_velocity otherwise, status and t's check
 * included; SELECT and ENDPOINT have no velocity (BZD_E_UNSUPPORTED). Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_ensemble_velocity(const bzd_ensemble *ensemble, int64_t n, int64_t first_index, const float *x,
                                         const float *t, const float *cond, float *v, double *weights);

/* bzd_flow_sample and bzd_flow_trajectory of the combined field; config->guidance must be 1 (members carry their own)
 * and the solver an ODE one (AUTO = DOPRI5). Status as theirs. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_ensemble_sample(const bzd_ensemble *ensemble, const bzd_sample_config *config, int64_t n,
                                       const float *x0, const float *cond, float *out, bzd_sample_result *result);
BZD_API bzd_status bzd_ensemble_trajectory(const bzd_ensemble *ensemble, const bzd_sample_config *config, int64_t n,
                                           const float *x0, const float *cond, int64_t count, const double *times,
                                           float *states, bzd_sample_result *result);

#ifdef __cplusplus
}
#endif
#endif
