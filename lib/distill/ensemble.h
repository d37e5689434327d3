/* SPDX-License-Identifier: MIT */
/* Teachers and the rule that combines their velocities. Weighted sums in double, rounded once. */
#ifndef BZDI_DISTILL_ENSEMBLE_H
#define BZDI_DISTILL_ENSEMBLE_H

#include "distill/data.h"
#include "flow/solver.h"

/* The values of BZD_COMBINE_ and BZD_RULE_ in ensemble.h. */
enum {
  BZDI_COMBINE_VELOCITY = 1,
  BZDI_COMBINE_MIXTURE = 2,
  BZDI_COMBINE_SELECT = 3,
  BZDI_COMBINE_ENDPOINT = 4,
  BZDI_COMBINE_ANY_VELOCITY = 5
};
enum {
  BZDI_RULE_UNIFORM = 1,
  BZDI_RULE_FIXED = 2,
  BZDI_RULE_CONSENSUS = 3,
  BZDI_RULE_MEDOID = 4,
  BZDI_RULE_ERROR = 5,
  BZDI_RULE_VARIANCE = 6,
  BZDI_RULE_CALLBACK = 7
};
enum { BZDI_MOST_TEACHERS = 64, BZDI_MOST_WEIGHT_BINS = 64 };

typedef struct bzdi_ensemble_spec {
  int32_t combine, rule;
  double temperature;
  uint64_t seed;
  int64_t count;
  const bzd_flow *const *flows;
  const double *fixed, *guidance; /* [count] or NULL */
  bzd_weights_fn weights;         /* CALLBACK */
  void *weights_user;
} bzdi_ensemble_spec;

struct bzd_ensemble {
  bzdi_handle handle;
  int32_t combine, rule;
  double temperature;
  uint64_t seed;
  int64_t count;
  bzd_flow **flow; /* [count], retained */
  int32_t bins;
  double *table;  /* [bins, count] weights at the middles of bins of time, rows of sum 1; in between linear */
  double *weight; /* [count] their mean over the bins */
  double *guidance;
  bzd_weights_fn weights;
  void *weights_user;
  bzdi_cache cache; /* of samplers and velocity */
};

bzd_status bzdi_ensemble_new(const bzd_context *context, const bzdi_ensemble_spec *spec, bzd_ensemble **out);
/* bins > 0 rows of sum 1, copied: the weights that a rule learned, or a file holds. */
bzd_status bzdi_ensemble_set_table(bzd_ensemble *ensemble, int32_t bins, const double *table);
/* SELECT and ENDPOINT combine whole trajectories: no velocity field. */
int bzdi_ensemble_by_trajectory(const bzd_ensemble *ensemble);
/* Whether a rule of weights makes sense for a combination: mixtures draw and trajectories are combined by constant
 * weights, SELECT by its own choice. */
int bzdi_ensemble_goes(int32_t combine, int32_t rule);
/* Whether a row's weights depend on the velocities there. */
int bzdi_ensemble_by_row(const bzd_ensemble *ensemble);
void bzdi_ensemble_field(const bzd_ensemble *ensemble, bzdi_field *field);
/* The same field, on the caller's thread alone, that fails naming the teacher whose velocity is not finite: to find out
 * why a trajectory was lost, at no cost to those that are not. */
void bzdi_ensemble_checked_field(const bzd_ensemble *ensemble, bzdi_field *field);
/* Velocities v [n, dim] and the weights [n, count] behind them, either may be NULL, of one evaluation of each member.
 * work as the field's. */
bzd_status bzdi_ensemble_velocity(const bzd_ensemble *ensemble, const bzdi_eval *eval, float *v, double *weights,
                                  void *work);
/* The highest of its members' generations, 0 when one is unknown. */
int32_t bzdi_ensemble_generation(const bzd_ensemble *ensemble);
/* The member a sample follows in a MIXTURE. */
int64_t bzdi_ensemble_member(const bzd_ensemble *ensemble, int64_t index);

/* "<prefix>ensemble.*" and the members under "<prefix><i>.". */
bzd_status bzdi_ensemble_store(const bzd_ensemble *ensemble, bzdi_store *store);
bzd_status bzdi_ensemble_load(const bzd_context *context, const bzdi_store *store, bzd_ensemble **out);
void bzdi_flow_hash(const bzd_flow *flow, bzdi_sha256 *hash);
bzd_status bzdi_ensemble_hash(const bzd_ensemble *ensemble, bzdi_sha256 *hash);

#endif
