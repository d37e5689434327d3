/* SPDX-License-Identifier: MIT */
/* Distances between two sets of samples, a (generated) and b (real). Definitions: docs/math.md. */
#ifndef BEZDIST_METRICS_H
#define BEZDIST_METRICS_H

#include <bezdist/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What to compute; fields of the same names in bzd_metrics_result. */
#define BZD_METRIC_SW2 1               /* sw2 */
#define BZD_METRIC_W2 2                /* w2; n == m <= 2048 */
#define BZD_METRIC_ENERGY 4            /* energy */
#define BZD_METRIC_FRECHET 8           /* frechet and frechet_matched */
#define BZD_METRIC_PRECISION_RECALL 16 /* precision and recall */
#define BZD_METRIC_MMD 32              /* mmd */
#define BZD_METRIC_TOTAL_VARIANCE 64   /* total_variance and total_variance_b */
#define BZD_METRIC_ALL 127             /* all of them, w2 only where it applies */

/* What bzd_metrics_compare takes. */
typedef struct bzd_metrics_config {
  uint32_t struct_size; /* set by bzd_metrics_config_init */
  uint32_t which;       /* BZD_METRIC_ bits, default ALL */
  int32_t directions;   /* of sw2, 1..65536, default 512 */
  int32_t neighbours;   /* k of precision and recall, 1..100, fewer than the rows of either set, default 3 */
  uint64_t seed;        /* of the directions (BZD_STREAM_METRIC), default 0 */
} bzd_metrics_config;

/* Defaults, and the size of the struct in this library: as bzd_context_config_init and _size. Threads: any. Since 0.1.
 */
BZD_API bzd_status bzd_metrics_config_init(bzd_metrics_config *config, size_t size);
BZD_API size_t bzd_metrics_config_size(void);

/* What bzd_metrics_compare fills: what was not asked for, or does not apply, is NaN. */
typedef struct bzd_metrics_result {
  uint32_t struct_size;    /* set by the caller */
  uint32_t which;          /* what was computed */
  double sw2;              /* sliced 2-Wasserstein distance */
  double w2;               /* exact 2-Wasserstein distance, by assignment */
  double energy;           /* energy distance, squared form, U-statistic */
  double frechet;          /* Frechet distance of Gaussian fits, squared form, on the values themselves */
  double frechet_matched;  /* the same, a rescaled about its mean to b's total variance */
  double precision;        /* share of a inside b's neighbourhood balls */
  double recall;           /* share of b inside a's */
  double mmd;              /* squared MMD, unbiased, RBF kernels */
  double total_variance;   /* of a: sum over coordinates */
  double total_variance_b; /* of b */
} bzd_metrics_result;

/* sizeof(bzd_metrics_result) in this library. Threads: any. Since 0.1. */
BZD_API size_t bzd_metrics_result_size(void);

/* Compares a [n, dim] with b [m, dim], both finite, n and m 8..2^31, dim 1..2^20. Quadratic in n + m but for sw2,
 * Frechet (cubic in dim) and total variance. config NULL = the defaults; result is required and unchanged on failure.
 * Status: BZD_E_ARGUMENT, BZD_E_STATE (context), BZD_E_CONFIG, BZD_E_NUMERIC (row and column), BZD_E_LIMIT (W2 asked
 * for alone where it does not apply), BZD_E_MEMORY. Threads: any. Since 0.1. */
BZD_API bzd_status bzd_metrics_compare(const bzd_context *context, const bzd_metrics_config *config, int64_t dim,
                                       int64_t n, const float *a, int64_t m, const float *b,
                                       bzd_metrics_result *result);

/* For each row of a [n, dim] the number index [n] of the nearest row of b [m, dim] and its distance [n]; either may be
 * NULL. Both sets finite, n 0..2^31, m 1..2^31. Shows memorised training data. After a failure
 * the outputs hold no meaning. Status: BZD_E_ARGUMENT, BZD_E_NUMERIC, BZD_E_STATE (context), BZD_E_MEMORY. Threads:
 * any. Since 0.1. */
BZD_API bzd_status bzd_metrics_nearest(const bzd_context *context, int64_t dim, int64_t n, const float *a, int64_t m,
                                       const float *b, int64_t *index, double *distance);

/* ---- The flow itself ------------------------------------------------------------------------------------------- */

/* What bzd_metrics_flow takes. */
typedef struct bzd_flow_metrics_config {
  uint32_t struct_size;    /* set by bzd_flow_metrics_config_init */
  int32_t steps;           /* of the trajectories measured (RK4), even, 2..4096, default 64 */
  int64_t rows;            /* trajectories, 1..2^31, default 2048 */
  const bzd_source *paths; /* what the flow was trained on, or any other paths from 0 to 1; NULL (default): none, from
                              noise, unconditional flows only */
  const bzd_data *real;    /* rows to encode and decode; NULL (default): no drift */
  int32_t decode_solver;   /* BZD_SOLVER_ of the way back, default AUTO */
  int32_t decode_steps;    /* 0 (default): as bzd_sample_config */
  uint64_t seed;           /* of the noise without paths, default 0 */
} bzd_flow_metrics_config;

/* Defaults, and the size of the struct in this library: as bzd_context_config_init and _size. Threads: any. Since 0.1.
 */
BZD_API bzd_status bzd_flow_metrics_config_init(bzd_flow_metrics_config *config, size_t size);
BZD_API size_t bzd_flow_metrics_config_size(void);

/* What bzd_metrics_flow fills: what was not asked for is NaN. */
typedef struct bzd_flow_metrics {
  uint32_t struct_size;       /* set by the caller */
  uint32_t reserved;          /* 0 */
  double straightness;        /* S(Z) = E integral |Z' - (Z1 - Z0)|^2 dt of the flow's trajectories */
  double chord2;              /* E|Z1 - Z0|^2 */
  double arc_over_chord;      /* mean of arc length / chord - 1 */
  double path_straightness;   /* straightness of the paths */
  double path_chord2;         /* chord2 of the paths */
  double path_arc_over_chord; /* arc_over_chord of the paths */
  double crossing_variance; /* V = integral E|X' - v(X_t, t)|^2 dt: what no velocity field can follow, plus the error of
                               this one. The floor of the training loss, times dim */
  double budget;            /* (path_chord2 + path_straightness) / (chord2 + straightness + crossing_variance) - 1: 0
                               for the exact field */
  double drift;             /* root mean square per coordinate between real rows and what their codes (velocity
                               backwards, adaptive solver) decode to by the config's decode_solver */
} bzd_flow_metrics;

/* sizeof(bzd_flow_metrics) in this library. Threads: any. Since 0.1. */
BZD_API size_t bzd_flow_metrics_size(void);

/* Measures a flow (not an endpoint flow: BZD_E_UNSUPPORTED). config NULL = the defaults; result is required and
 * unchanged on failure. Status: BZD_E_ARGUMENT, BZD_E_STATE, BZD_E_CONFIG, BZD_E_DIMENSION, BZD_E_UNSUPPORTED (paths
 * with times of their own), BZD_E_NUMERIC, BZD_E_MEMORY. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_metrics_flow(const bzd_flow *flow, const bzd_flow_metrics_config *config,
                                    bzd_flow_metrics *result);

#ifdef __cplusplus
}
#endif
#endif
