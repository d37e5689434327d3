/* SPDX-License-Identifier: MIT */
/* Fitters: trajectories [n, nodes, dim] -> Bezier control points, both ends pinned, weighted least squares inside. */
#ifndef BEZDIST_FITTER_H
#define BEZDIST_FITTER_H

#include <bezdist/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What bzd_fitter_create takes. */
typedef struct bzd_fitter_config {
  uint32_t struct_size; /* set by bzd_fitter_config_init */
  int32_t degree;       /* 1..16, default 2 */
  int32_t nodes;        /* states per trajectory, degree + 1 .. 4096, default 17 */
  int32_t reserved;     /* 0 */
  const double *times; /* [nodes], times[0] = 0 < ... < 1 = times[nodes - 1], copied; NULL (default): equal distances */
  const double *weights; /* [nodes] 0..1e30, at least degree - 1 positive ones inside, copied; NULL (default): 1 */
  double ridge;          /* 0..1e30, default 0: pulls the curve towards its chord, not towards the origin */
} bzd_fitter_config;

/* Defaults, and the size of the struct in this library: as bzd_context_config_init and _size. Threads: any. Since 0.1.
 */
BZD_API bzd_status bzd_fitter_config_init(bzd_fitter_config *config, size_t size);
BZD_API size_t bzd_fitter_config_size(void);

/* The fit matrix is made once, in double. config NULL = the defaults. Status: BZD_E_ARGUMENT, BZD_E_STATE (context),
 * BZD_E_NUMERIC (weights that leave the fit undefined), BZD_E_CONFIG, BZD_E_MEMORY. *out NULL on failure. Threads: any.
 * Since 0.1. */
BZD_API bzd_status bzd_fitter_create(const bzd_context *context, const bzd_fitter_config *config, bzd_fitter **out);
/* Drops the caller's hold. NULL is fine. Threads: any, once. Since 0.1. */
BZD_API void bzd_fitter_destroy(bzd_fitter *fitter);

/* What bzd_fitter_get_info fills. */
typedef struct bzd_fitter_info {
  uint32_t struct_size; /* set by the caller */
  int32_t degree;       /* of the curves */
  int32_t nodes;        /* states per trajectory */
  int32_t in_double;    /* 1 when the norm passes 100 and the product is made in double */
  double norm;          /* of the fit matrix: how much an error of a state is amplified */
  double condition;     /* of the normal equations */
} bzd_fitter_info;

/* sizeof(bzd_fitter_info) in this library. Threads: any. Since 0.1. */
BZD_API size_t bzd_fitter_info_size(void);
/* Facts of a fitter into the part of *info that the caller's struct_size covers. Status: BZD_E_ARGUMENT (NULL),
 * BZD_E_STATE (not a live handle), BZD_E_CONFIG (struct_size never set). Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_fitter_get_info(const bzd_fitter *fitter, bzd_fitter_info *info);
/* Copies the times of the nodes into times [nodes]. Status: BZD_E_ARGUMENT (NULL), BZD_E_STATE. Threads: shared-read.
 * Since 0.1. */
BZD_API bzd_status bzd_fitter_get_times(const bzd_fitter *fitter, double *times);

/* states [n, nodes, dim] -> paths [n, degree + 1, dim]; residual [n] (may be NULL): root mean square over nodes and
 * coordinates of state - curve. n >= 0, dim 1..2^20. States are not scanned: one that is not finite makes its own path
 * so. The ends of a path are the first and last state to the bit. Status: BZD_E_ARGUMENT, BZD_E_STATE. Threads:
 * shared-read. Since 0.1. */
BZD_API bzd_status bzd_fitter_fit(const bzd_fitter *fitter, int64_t n, int64_t dim, const float *states, float *paths,
                                  double *residual);

#ifdef __cplusplus
}
#endif
#endif
