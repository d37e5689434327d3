/* SPDX-License-Identifier: MIT */
/* Trainers: fit a flow to the paths of a source. */
#ifndef BEZDIST_TRAINER_H
#define BEZDIST_TRAINER_H

#include <bezdist/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Mean square over heads and coordinates. */
#define BZD_LOSS_MSE 1
/* Per row sqrt(|e|^2 + c^2) - c, c = 0.00054 dim unless huber_c is set. */
#define BZD_LOSS_PSEUDO_HUBER 2
/* Control-point students: distance of the two curves over (1 - t)^2, sum M_ij (ij/n^2) e_i . e_j / dim, M the Gram
 * matrix of the Bernstein basis. */
#define BZD_LOSS_GRAM 3

/* p(t) = 1. */
#define BZD_TIME_UNIFORM 1
/* p(t) = a (e^(at) + e^(a(1-t))) / (2 (e^a - 1)). */
#define BZD_TIME_U_SHAPED 2
/* t = 1 / (1 + exp(-(logit_mean + logit_std z))), z normal (Esser et al. 2024). */
#define BZD_TIME_LOGIT_NORMAL 3
/* Denser where the loss of 32 bins has been larger (by its root, a fifth of the rows even), rows weighted by
 * 1 / density, so that what is minimised stays that of uniform times. */
#define BZD_TIME_LOSS_AWARE 4

/* A step diverges when its loss or gradient is not finite, when the gradient's norm is above 1e18 after clipping (its
 * square would not be finite), or when the source cannot make its batch of finite numbers (BZD_E_NUMERIC). Nothing of
 * it is applied to weights, moments, EMA or loss-aware times, and then: STOP: the run ends with BZD_E_DIVERGED, or the
 * source's BZD_E_NUMERIC. SKIP: the step counts, and training goes on with the next; BZD_E_DIVERGED after
 * divergence_limit of them in a row. ROLL_BACK: weights, moments, EMA and loss-aware times go back to the snapshot, the
 * rate is multiplied by rollback_rate from then on, and the step counts: schedule and samples go on, so that a bad
 * batch is not met again. BZD_E_DIVERGED after divergence_limit of them. The snapshot is the start, or later the state
 * before the last good step whose number, counted from 0, is a multiple of snapshot_every; it takes 4 floats a
 * parameter, 3 without EMA, in memory and in a checkpoint. Adam's and EMA's corrections for the start count the updates
 * that the weights have seen. Each skip and roll back is one warning in the context's log. */
#define BZD_DIVERGENCE_STOP 1      /* the run ends */
#define BZD_DIVERGENCE_SKIP 2      /* the step is left out */
#define BZD_DIVERGENCE_ROLL_BACK 3 /* back to a snapshot, with a lower rate */

/* What bzd_trainer_create takes. */
typedef struct bzd_trainer_config {
  uint32_t struct_size;   /* set by bzd_trainer_config_init */
  int32_t loss;           /* BZD_LOSS_, default MSE */
  int64_t steps;          /* length of the schedule, 1..2^40, default 10000 */
  int64_t batch;          /* rows of a step, 1..2^20, default 256 */
  double rate;            /* peak learning rate, 1e-12..1, default 1e-3 */
  double final_rate;      /* share of rate left at the end of the cosine, 0..1, default 0 */
  int64_t warmup;         /* steps of linear warm-up, 0..steps; -1 (default) = min(100, steps / 10) */
  double beta1;           /* 0..0.999999, default 0.9 */
  double beta2;           /* 0..0.999999, default 0.999 */
  double epsilon;         /* 1e-30..1, default 1e-8 */
  double weight_decay;    /* decoupled, 0..1, default 0 */
  double clip;            /* largest gradient norm, 0..1e30, 0 = off, default 1 */
  double ema;             /* decay of the averaged weights, 0 = off .. 0.999999, default 0.999; ramped in step k as
                             min(ema, (1 + k) / (10 + k)) */
  double huber_c;         /* 0..1e30; 0 (default) = 0.00054 dim */
  int32_t time;           /* BZD_TIME_, default UNIFORM */
  int32_t grid_steps;     /* of at_grid, 1..1024, default 4 */
  double u_shape;         /* a of U_SHAPED, 0.001..30, default 4 */
  double logit_mean;      /* -20..20, default 0 */
  double logit_std;       /* 0.001..20, default 1 */
  double at_zero;         /* fraction of rows at t = 0, 0..1, default 0; 1 = one-step distillation */
  double at_grid;         /* fraction of rows that are steps of a few-step sampler: of one step with probability
                             one_step, else of grid_steps, or a half, a quarter .. of them while whole, with equal
                             chances. A row stands where such a step starts, and its loss is the error of the mean
                             velocity over that step alone; where paths have spans these are steps through the span.
                             at_zero + at_grid <= 1, default 0 */
  double one_step;        /* 0..1, default 0.75 */
  double endpoint_weight; /* weight of the last head, 0..1e6, default 1: nothing added; control-point students */
  double consistency;     /* weight of |Phi(t->s) - Phi(r->s) o Phi(t->r)|^2 / ((s - t)^2 dim), r and s drawn, the
                             composition taken as given; rows at t = 0 go to s = 1 and keep this weight, that of the
                             others falls from it as (1 - step / steps)^2; one evaluation more a row; control-point
                             students, 0..1e6, default 0 */
  double cond_dropout; /* fraction of rows trained without their condition, 0..1, default 0 (0.1 for guidance); without
                          conditions it does nothing */
  uint64_t seed;       /* of times and dropout, default 0 */
  int32_t divergence;  /* BZD_DIVERGENCE_, default STOP */
  int32_t divergence_limit; /* 1..1000000, default 10 */
  int64_t snapshot_every;   /* 1..2^40, default 100 */
  double rollback_rate;     /* 1e-6..1, default 0.5 */
} bzd_trainer_config;

/* Defaults, and the size of the struct in this library: as bzd_context_config_init and _size. Threads: any. Since 0.1.
 */
BZD_API bzd_status bzd_trainer_config_init(bzd_trainer_config *config, size_t size);
BZD_API size_t bzd_trainer_config_size(void);

/* Sets what was measured best (docs/results.md, "sampling") for a student of this kind (BZD_FLOW_) that will be sampled
 * with nfe evaluations (1..1000000); everything else in *config, which must be initialised, stays.
 * Control-point: 1 at_grid = 1, one_step = 1 (one-step distillation); 2..8 at_grid = 0.5, one_step = 0.9, grid_steps =
 * 4, consistency = 1; more consistency = 1 alone. Endpoint: at_zero = 1 for nfe 1. Velocity: nothing is changed.
 * Status: BZD_E_ARGUMENT (NULL, kind, nfe), BZD_E_CONFIG. Threads: any. Since 0.1. */
BZD_API bzd_status bzd_trainer_config_aim(bzd_trainer_config *config, int32_t kind, int32_t nfe);

/* Trains a copy of student (a network flow) on the paths of source, which it retains; config NULL = the defaults. A
 * control-point student must have the degree of the paths or a higher one (they are elevated); the other kinds take
 * paths of any degree. Status: BZD_E_DIMENSION (dims, cond_dim, degree), BZD_E_UNSUPPORTED (callback flow),
 * BZD_E_ARGUMENT, BZD_E_STATE, BZD_E_CONFIG, BZD_E_MEMORY. *out NULL on failure. Threads: shared-read on student and
 * source. Since 0.1. */
BZD_API bzd_status bzd_trainer_create(const bzd_flow *student, const bzd_source *source,
                                      const bzd_trainer_config *config, bzd_trainer **out);
/* Drops the caller's hold. NULL is fine. Threads: any, once, and not during run. Since 0.1. */
BZD_API void bzd_trainer_destroy(bzd_trainer *trainer);

/* What bzd_trainer_get_info fills. */
typedef struct bzd_trainer_info {
  uint32_t struct_size; /* set by the caller */
  int32_t has_ema;      /* 1 when averaged weights are kept */
  int64_t step;         /* done, those that were skipped or rolled back included */
  int64_t steps;        /* of the schedule */
  int64_t batch;        /* rows of a step */
  int64_t parameters;   /* floats */
  int64_t work_bytes;   /* activations, batch and scratch; weights, gradient, moments, EMA and snapshot come on top */
  double loss;          /* of the last step that was applied, NaN before the first */
  double smooth_loss;   /* exponential mean over about 100 steps */
  double rate;          /* learning rate of that step */
  double gradient_norm; /* of that step, before clipping */
  int32_t fingerprint_differs; /* resumed from a file made with other matrix kernels (+ 1), by another version of the
                                  library (+ 2): the bits may differ from an uninterrupted run's */
  int32_t reserved;            /* 0 */
  int64_t skipped;             /* steps, by BZD_DIVERGENCE_SKIP */
  int64_t rollbacks;           /* steps, by BZD_DIVERGENCE_ROLL_BACK */
} bzd_trainer_info;

/* sizeof(bzd_trainer_info) in this library. Threads: any. Since 0.1. */
BZD_API size_t bzd_trainer_info_size(void);
/* Facts of a trainer into the part of *info that the caller's struct_size covers. Status: BZD_E_ARGUMENT (NULL),
 * BZD_E_STATE (not a live handle), BZD_E_CONFIG (struct_size never set). Threads: exclusive with run, else shared-read.
 * Since 0.1. */
BZD_API bzd_status bzd_trainer_get_info(const bzd_trainer *trainer, bzd_trainer_info *info);

/* Up to count more steps (0: to the end of the schedule), never beyond it; after the end it does nothing. progress (may
 * be NULL) is called after each step; non-zero stops after that step with BZD_E_CANCELLED, as does bzd_trainer_cancel.
 * A trainer that was stopped goes on where it was with the next call: the same bits as without the stop. Status:
 * BZD_E_DIVERGED (step and tensor, or sample, named; nothing of that step was applied), BZD_E_ARGUMENT, BZD_E_STATE,
 * and as bzd_source_get_paths. Threads: exclusive. Since 0.1. */
BZD_API bzd_status bzd_trainer_run(bzd_trainer *trainer, int64_t count, bzd_progress_fn progress, void *user);

/* Another source from the next step on: paths of a newer student (on-policy), pairs inverted anew. Retains it, drops
 * its hold on the old one. To resume from a file, give the source that was in use when it was saved. Status:
 * BZD_E_DIMENSION, BZD_E_ARGUMENT, BZD_E_STATE, BZD_E_MEMORY; the old source stays. Threads: exclusive. Since 0.1. */
BZD_API bzd_status bzd_trainer_set_source(bzd_trainer *trainer, const bzd_source *source);

/* Asks a running (or the next) run to stop after its current step. One atomic store: safe from any thread and from
 * signal handlers. NULL is fine. Since 0.1. */
BZD_API void bzd_trainer_cancel(bzd_trainer *trainer);

#define BZD_WEIGHTS_AUTO 0 /* EMA when there is one, else raw */
#define BZD_WEIGHTS_RAW 1  /* as trained */
#define BZD_WEIGHTS_EMA 2  /* averaged */

/* An independent flow with the weights of now, the caller's to destroy; training may go on. Status: BZD_E_STATE (EMA
 * asked for, none kept), BZD_E_ARGUMENT, BZD_E_MEMORY. *out NULL on failure. Threads: exclusive with run, else
 * shared-read. Since 0.1. */
BZD_API bzd_status bzd_trainer_get_flow(const bzd_trainer *trainer, int32_t which, bzd_flow **out);

/* Mean loss of the weights `which` over n >= 1 rows of samples first.. of source (NULL: the trainer's own) without
 * training; times are drawn as in training from the sample numbers, and the consistency term is left out. Status:
 * BZD_E_DIMENSION (source), BZD_E_ARGUMENT, BZD_E_STATE, and as bzd_source_get_paths. Threads: exclusive. Since 0.1. */
BZD_API bzd_status bzd_trainer_evaluate(bzd_trainer *trainer, const bzd_source *source, int64_t first, int64_t n,
                                        int32_t which, double *loss);

#ifdef __cplusplus
}
#endif
#endif
