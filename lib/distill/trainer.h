/* SPDX-License-Identifier: MIT */
/* The one trainer: regression of a flow's heads on the paths of a source. */
#ifndef BZDI_DISTILL_TRAINER_H
#define BZDI_DISTILL_TRAINER_H

#include "distill/objective.h"
#include "distill/source.h"
#include "net/adam.h"

/* The values of BZD_WEIGHTS_ in trainer.h. */
enum { BZDI_USE_AUTO = 0, BZDI_USE_RAW = 1, BZDI_USE_EMA = 2 };

typedef struct bzdi_trainer_config {
  bzdi_adam_config adam;
  bzdi_time_config time;
  int64_t batch;
  int32_t loss;
  double huber_c, endpoint_weight, consistency, cond_dropout;
  uint64_t seed; /* also time.seed */
} bzdi_trainer_config;

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
  int64_t step;
  double loss, smooth_loss, rate, norm; /* of the last step; loss NaN before the first */
  double smooth_sum;                    /* the exponential mean before its correction for the start */
  int fingerprint_differs;
  atomic_int cancel;
  void *work; /* batch, targets, activations, scratch: made at creation */
  size_t work_bytes;
};

#define BZDI_MAGIC_TRAINER 0x4E525442u

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
bzd_status bzdi_trainer_store(const bzd_trainer *trainer, bzdi_store *store); /* trainer_store.c */
bzd_status bzdi_trainer_load(const bzdi_store *store, const bzd_source *source, bzd_trainer **out);

#endif
