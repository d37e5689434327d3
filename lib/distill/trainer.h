/* SPDX-License-Identifier: MIT */
/* The one trainer: regression of a flow's heads on the paths of a source. */
#ifndef BZDI_DISTILL_TRAINER_H
#define BZDI_DISTILL_TRAINER_H

#include "distill/objective.h"
#include "distill/source.h"
#include "net/adam.h"

/* The values of BZD_WEIGHTS_ in trainer.h. */
enum { BZDI_USE_AUTO = 0, BZDI_USE_RAW = 1, BZDI_USE_EMA = 2 };

/* The values of BZD_DIVERGENCE_ in trainer.h. */
enum { BZDI_DIVERGENCE_STOP = 1, BZDI_DIVERGENCE_SKIP = 2, BZDI_DIVERGENCE_ROLL_BACK = 3 };
enum { BZDI_MOST_DIVERGENCES = 1000000 };

/* Of fingerprint_differs in trainer.h. */
enum { BZDI_KERNELS_DIFFER = 1, BZDI_VERSION_DIFFERS = 2 };

typedef struct bzdi_divergence_config {
  int32_t policy, limit;
  int64_t snapshot_every;
  double rollback_rate;
} bzdi_divergence_config;

typedef struct bzdi_trainer_config {
  bzdi_adam_config adam;
  bzdi_divergence_config divergence;
  bzdi_time_config time;
  int64_t batch;
  int32_t loss;
  double huber_c, endpoint_weight, consistency, cond_dropout;
  uint64_t seed; /* also time.seed */
} bzdi_trainer_config;

/* What a roll back goes back to: the state before a step whose loss and gradient were fit to be applied. */
typedef struct bzdi_snapshot {
  float *weights, *moment1, *moment2, *ema; /* NULL but for ROLL_BACK */
  int64_t updates;
  double smooth_sum;
  bzdi_time_seen seen;
} bzdi_snapshot;

struct bzd_trainer {
  bzdi_handle handle;
  bzdi_trainer_config config;
  bzdi_objective objective;
  bzdi_time_seen seen;              /* state of loss-aware times */
  int32_t kind, degree, generation; /* of the student as it was given */
  bzdi_item item;
  bzdi_meta meta;
  bzdi_net *net;
  bzd_source *source;                              /* retained */
  float *weights, *grad, *moment1, *moment2, *ema; /* [net->count]; ema NULL when off */
  bzdi_snapshot snapshot;
  int64_t step;    /* of the schedule: with those that were not applied */
  int64_t updates; /* that the weights have seen */
  int64_t skipped, skipped_in_row, rollbacks;
  double rate_scale;                    /* rollback_rate to the power of rollbacks */
  double loss, smooth_loss, rate, norm; /* of the last step that was applied; loss NaN before the first */
  double smooth_sum;                    /* the exponential mean before its correction for the start */
  int32_t fingerprint_differs;          /* BZDI_..._DIFFER of the file it was loaded from */
  atomic_int cancel;
  void *work; /* batch, targets, activations, scratch: made at creation */
  size_t work_bytes;
};

/* With the weights of now, no moments, step 0; what create and load share. */
bzd_status bzdi_trainer_new_net(const bzd_context *context, const bzdi_flow_shape *shape, const float *weights,
                                const bzd_source *source, const bzdi_trainer_config *config, bzd_trainer **out);
bzd_status bzdi_trainer_new(const bzd_flow *student, const bzd_source *source, const bzdi_trainer_config *config,
                            bzd_trainer **out);
/* Another source from the next step on: on-policy paths of a newer student, refreshed pairs. Retained. */
bzd_status bzdi_trainer_set_source(bzd_trainer *trainer, const bzd_source *source);
bzd_status bzdi_trainer_run(bzd_trainer *trainer, int64_t count, bzd_progress_fn progress, void *user);
bzdi_flow_shape bzdi_trainer_shape(const bzd_trainer *trainer); /* borrowed */
bzd_status bzdi_trainer_flow(const bzd_trainer *trainer, int32_t which, bzd_flow **out);
bzd_status bzdi_trainer_evaluate(bzd_trainer *trainer, const bzd_source *source, int64_t first, int64_t n,
                                 int32_t which, double *loss);

/* ---- Divergence (divergence.c) -------------------------------------------------------------------------------- */

/* A step that must not be applied, because of its loss or of its gradient's norm (bad_loss 0): a failure that names
 * step and tensor, or what the policy does instead, after which the step counts. sample: which one spoiled the loss, -1
 * unknown. */
bzd_status bzdi_trainer_diverged(bzd_trainer *trainer, int bad_loss, double loss, double norm, int64_t sample);
/* The same for a batch that its source could not make of finite numbers (BZD_E_NUMERIC, the text just set). */
bzd_status bzdi_trainer_bad_batch(bzd_trainer *trainer);
/* Before an update: keeps the state when it is time to. */
void bzdi_trainer_snapshot(bzd_trainer *trainer);
/* rate and smooth_loss from step, rate_scale, updates and smooth_sum. */
void bzdi_trainer_derive(bzd_trainer *trainer);

/* ---- Files (trainer_store.c) ---------------------------------------------------------------------------------- */

bzd_status bzdi_trainer_store(const bzd_trainer *trainer, bzdi_store *store);
bzd_status bzdi_trainer_load(const bzdi_store *store, const bzd_source *source, bzd_trainer **out);

#endif
