/* SPDX-License-Identifier: MIT */
/* The one trainer: regression of a flow's heads on the paths of a source. */
#ifndef BZDI_DISTILL_TRAINER_H
#define BZDI_DISTILL_TRAINER_H

#include "distill/source.h"
#include "net/adam.h"

/* The values of BZD_LOSS_, BZD_TIME_ and BZD_WEIGHTS_ in trainer.h. */
enum { BZDI_LOSS_MSE = 1, BZDI_LOSS_PSEUDO_HUBER = 2 };
enum { BZDI_TIME_UNIFORM = 1, BZDI_TIME_U_SHAPED = 2 };
enum { BZDI_USE_AUTO = 0, BZDI_USE_RAW = 1, BZDI_USE_EMA = 2 };

typedef struct bzdi_trainer_config {
  bzdi_adam_config adam;
  int64_t batch;
  int32_t loss, time;
  double huber_c, u_shape, at_zero, cond_dropout;
  uint64_t seed;
} bzdi_trainer_config;

struct bzd_trainer {
  bzdi_handle handle;
  bzdi_trainer_config config;
  int32_t kind, degree; /* of the student */
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
bzd_status bzdi_trainer_run(bzd_trainer *trainer, int64_t count, bzd_progress_fn progress, void *user);
bzd_status bzdi_trainer_flow(const bzd_trainer *trainer, int32_t which, bzd_flow **out);
bzd_status bzdi_trainer_evaluate(bzd_trainer *trainer, const bzd_source *source, int64_t first, int64_t n,
                                 int32_t which, double *loss);
bzd_status bzdi_trainer_store(const bzd_trainer *trainer, bzdi_store *store); /* trainer_store.c */
bzd_status bzdi_trainer_load(const bzdi_store *store, const bzd_source *source, bzd_trainer **out);

/* Times t[n] of the rows of samples index[n] (time.c): pure functions of (seed, number). */
void bzdi_times(const bzdi_trainer_config *config, int64_t n, const int64_t *index, float *t);
/* Loss of out against target, both [n, width] (width = heads * dim), and its gradient into grad (may be out itself, or
 * NULL); sums in double, fixed order (loss.c). MSE: mean over rows and width. Pseudo-Huber: mean over rows of
 * sqrt(|e|^2 + c^2) - c with e the whole row. */
double bzdi_loss(const bzd_context *context, int32_t loss, double huber_c, int64_t n, int64_t width, const float *out,
                 const float *target, float *grad);

#endif
