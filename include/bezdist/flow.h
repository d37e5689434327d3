/* SPDX-License-Identifier: MIT */
/* Flows: models of transport from t = 0 (noise, or any data set) to t = 1 (the target), and sampling from them. */
#ifndef BEZDIST_FLOW_H
#define BEZDIST_FLOW_H

#include <bezdist/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the network of a flow says at (x, t). Heads speak in velocity units: u_m is the mean velocity from x to the
 * control point R_m of the rest of the path (docs/math.md, "Students"). */
#define BZD_FLOW_VELOCITY 1 /* v = dx/dt: sampled by an ODE solver */
#define BZD_FLOW_CONTROL 2  /* u_1..u_degree: one evaluation gives the whole rest of the curve */
#define BZD_FLOW_ENDPOINT 3 /* u_n alone: one jump from t to 1 */
#define BZD_FLOW_CALLBACK 4 /* the caller's own velocity function */

/* What bzd_flow_create and bzd_flow_create_callback take. */
typedef struct bzd_flow_config {
  uint32_t struct_size;  /* set by bzd_flow_config_init */
  int32_t kind;          /* BZD_FLOW_VELOCITY (default), _CONTROL or _ENDPOINT */
  int32_t degree;        /* of a control-point flow, 1..16, default 2; ignored by the others (their degree is 1) */
  int32_t layers;        /* hidden layers of the MLP, 1..16, default 3 */
  int64_t dim;           /* numbers in one sample, 1..2^20; required (default 0 is refused) */
  int64_t cond_dim;      /* numbers in one condition, 0..2^20, default 0 */
  int64_t width;         /* units of each hidden layer, 1..65536, default 256 */
  int32_t time_features; /* even, 2..1024, default 32: sin and cos at time_features/2 frequencies */
  int32_t item_ndim;     /* 0..4, default 0 = [dim] */
  int64_t item_shape[4]; /* such as {1, 28, 28}; each 1..2^20, product = dim. Kept in the file, for drawing */
  uint64_t seed;         /* of the initial weights (stream BZD_STREAM_INIT), default 0 */
  const float *scale;    /* [dim] finite, not 0, copied: data value = scale * model value + offset; NULL (default): 1 */
  const float *offset;   /* [dim] finite, copied; given together with scale, NULL (default): 0 */
  int32_t skip;          /* 1: head h of the network adds g_h(t) x to what the layers say, g_h linear in the time
                            features and learned. For samples of more numbers than half the width: layers too narrow to
                            carry them all leave noise in the rest. Default 0 */
  int32_t reserved;      /* 0 */
} bzd_flow_config;

/* Defaults, and the size of the struct in this library: as bzd_context_config_init and _size. Threads: any. Since 0.1.
 */
BZD_API bzd_status bzd_flow_config_init(bzd_flow_config *config, size_t size);
BZD_API size_t bzd_flow_config_size(void);

/* A flow with fresh weights: W and b uniform in +-1/sqrt(fan in), no skip yet. *out is the caller's to destroy, NULL on
 * failure.
 * Status: BZD_E_ARGUMENT (names field, value and range), BZD_E_DIMENSION (item_shape), BZD_E_STATE (context),
 * BZD_E_CONFIG, BZD_E_MEMORY. Threads: any. Since 0.1. */
BZD_API bzd_status bzd_flow_create(const bzd_context *context, const bzd_flow_config *config, bzd_flow **out);

/* A student that starts from a network teacher's weights: same trunk, same affine, item shape and condition; each of
 * its heads is a copy of the teacher's last head (first head of a control-point teacher when the kinds differ), so that
 * its curve is the teacher's straight step. kind and degree as in bzd_flow_config.
 * Status: BZD_E_UNSUPPORTED (a callback flow has no weights), BZD_E_ARGUMENT, BZD_E_STATE, BZD_E_MEMORY. *out NULL on
 * failure. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_flow_create_from(const bzd_flow *teacher, int32_t kind, int32_t degree, bzd_flow **out);

/* A flow that is the caller's own function (another library's model, a formula). config gives dim, cond_dim, item
 * shape and affine; its other fields are ignored. serialise 1: the library never enters fn from two threads at once;
 * 0: several host threads that use the flow may. fn and user must outlive the flow and all that retains it.
 * Status: as bzd_flow_create. Threads: any. Since 0.1. */
BZD_API bzd_status bzd_flow_create_callback(const bzd_context *context, const bzd_flow_config *config,
                                            bzd_velocity_fn fn, void *user, int32_t serialise, bzd_flow **out);

/* Drops the caller's hold; ensembles and trainers keep what they use. NULL is fine. Threads: any, once. Since 0.1. */
BZD_API void bzd_flow_destroy(bzd_flow *flow);

/* What bzd_flow_get_info fills. */
typedef struct bzd_flow_info {
  uint32_t struct_size;  /* set by the caller: sizeof(bzd_flow_info) */
  int32_t kind;          /* BZD_FLOW_ */
  int32_t degree;        /* of a control-point flow, else 1 */
  int32_t layers;        /* 0 for a callback flow, as are the next four */
  int64_t width;         /* units of each hidden layer */
  int64_t parameters;    /* floats */
  int64_t packed_bytes;  /* weights as sampling reads them */
  int32_t time_features; /* sin and cos together */
  int32_t has_affine;    /* 1 when scale and offset were given */
  int64_t dim;           /* numbers in one sample */
  int64_t cond_dim;      /* numbers in one condition */
  int32_t item_ndim;     /* as given in the config */
  int32_t generation; /* 1 trained on data, 2 on the paths of such flows, ...; 0 unknown (callbacks, fresh weights) */
  int64_t item_shape[4]; /* the first item_ndim */
  int32_t skip;          /* as in the config */
  int32_t reserved;      /* 0 */
} bzd_flow_info;

/* sizeof(bzd_flow_info) in this library. Threads: any. Since 0.1. */
BZD_API size_t bzd_flow_info_size(void);
/* Facts of a flow into the part of *info that the caller's struct_size covers. Status: BZD_E_ARGUMENT (NULL),
 * BZD_E_STATE (not a live handle), BZD_E_CONFIG (struct_size never set). Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_flow_get_info(const bzd_flow *flow, bzd_flow_info *info);

/* Copies the affine map to data units into scale[dim] and offset[dim] (1 and 0 when there is none); either may be
 * NULL. Status: BZD_E_ARGUMENT (NULL), BZD_E_STATE. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_flow_get_affine(const bzd_flow *flow, float *scale, float *offset);

/* Free metadata of a flow, saved with it: key 1..63 bytes of [A-Za-z0-9_.-], value UTF-8 text of at most 65535 bytes;
 * value NULL removes the key. Both are copied. Status: BZD_E_ARGUMENT, BZD_E_STATE, BZD_E_MEMORY. Threads: exclusive.
 * Since 0.1. */
BZD_API bzd_status bzd_flow_set_metadata(bzd_flow *flow, const char *key, const char *value);
/* Number of keys; -1 when flow is not a flow. Threads: shared-read. Since 0.1. */
BZD_API int64_t bzd_flow_metadata_count(const bzd_flow *flow);
/* The i-th key and value in ascending order of keys; the strings live until the flow or its metadata change; either
 * may be NULL. Status: BZD_E_ARGUMENT (i), BZD_E_STATE. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_flow_metadata_at(const bzd_flow *flow, int64_t i, const char **key, const char **value);
/* Value of a key, *value NULL when there is none; it lives until the flow or its metadata change. Status:
 * BZD_E_ARGUMENT, BZD_E_STATE. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_flow_get_metadata(const bzd_flow *flow, const char *key, const char **value);

/* Copies the weights: parameters floats, tensor by tensor in the order of the file, each [out, in] as in PyTorch.
 * Status: BZD_E_DIMENSION when count differs, BZD_E_UNSUPPORTED (callback), BZD_E_ARGUMENT, BZD_E_STATE. Threads:
 * shared-read. Since 0.1. */
BZD_API bzd_status bzd_flow_get_parameters(const bzd_flow *flow, int64_t count, float *values);
/* Replaces the weights; all must be finite. Status: as bzd_flow_get_parameters, and BZD_E_NUMERIC (tensor and place):
 * the old weights stay. Threads: exclusive. Since 0.1. */
BZD_API bzd_status bzd_flow_set_parameters(bzd_flow *flow, int64_t count, const float *values);

#define BZD_PRECISION_FLOAT32 0  /* as every flow begins */
#define BZD_PRECISION_BFLOAT16 1 /* weights rounded to 8 bits of mantissa */

/* How evaluation and sampling read this flow's weights: float32, as every flow begins, or rounded to bfloat16 (8 bits
 * of mantissa, to nearest, ties to even; biases and sums stay float32): half of packed_bytes, and a single row, which
 * waits for memory, in little more than half the time. The flow's own weights stay as they are: training, copies, files
 * and bzd_flow_get_parameters do not notice, and FLOAT32 brings every bit back. *error (may be NULL): what the heads
 * change by at 64 rows of noise (stream BZD_STREAM_USER of seed 0) and times (i + 1/2) / 64 without a condition, root
 * mean square over that of float32; 0 for FLOAT32. A row's bits still depend on that row alone.
 * Status: BZD_E_ARGUMENT, BZD_E_UNSUPPORTED (callback), BZD_E_STATE, BZD_E_MEMORY: the flow is as before. Threads:
 * exclusive. Since 0.1. */
BZD_API bzd_status bzd_flow_set_precision(bzd_flow *flow, int32_t precision, double *error);

/* ---- Evaluation ---------------------------------------------------------------------------------------------- */

/* Velocity v [n, dim] at x [n, dim], t [n] in [0, 1], cond [n, cond_dim] (NULL: unconditional, or cond_dim 0). For a
 * control-point flow its first head, for an endpoint flow its only one. guidance g in -1000..1000: v(null) + g (v(c) -
 * v(null)); 1 = plain, and the only value allowed without a condition. t is checked; x and cond are not scanned: a row
 * that is not finite makes its own v so, and no other's.
 * Status: BZD_E_ARGUMENT, BZD_E_STATE, BZD_E_NUMERIC (a callback gave a value that is not finite), BZD_E_CANCELLED,
 * BZD_E_MEMORY; v holds no meaning after a failure. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_flow_velocity(const bzd_flow *flow, int64_t n, const float *x, const float *t, const float *cond,
                                     double guidance, float *v);

/* Control points paths [n, degree + 1, dim] of the rest of each row's curve from (x, t) to t = 1; row 0 of each is x.
 * Control-point and endpoint flows (degree 1); others BZD_E_UNSUPPORTED. Otherwise as bzd_flow_velocity. Threads:
 * shared-read. Since 0.1. */
BZD_API bzd_status bzd_flow_curve(const bzd_flow *flow, int64_t n, const float *x, const float *t, const float *cond,
                                  double guidance, float *paths);

/* ---- Sampling ------------------------------------------------------------------------------------------------ */

#define BZD_SOLVER_AUTO 0         /* CONTROL for control-point and endpoint flows, DOPRI5 otherwise */
#define BZD_SOLVER_EULER 1        /* order 1, 1 evaluation a step */
#define BZD_SOLVER_MIDPOINT 2     /* order 2, 2 */
#define BZD_SOLVER_HEUN 3         /* order 2, 2 */
#define BZD_SOLVER_RK4 4          /* order 4, 4 */
#define BZD_SOLVER_DOPRI5 5       /* Dormand-Prince 5(4), its own step size for each row; first same as last */
#define BZD_SOLVER_CONTROL 6      /* along the predicted curve, 1 evaluation a step; exact for a true curve */
#define BZD_SOLVER_DOPRI5_FIXED 7 /* the same tableau with fixed steps, order 5, 6 evaluations a step */
/* Control-point and endpoint flows, 1 evaluation a step, from t0 = 0 to t1 = 1: each evaluation jumps to t = 1; the
 * next state lies on the line from noise to there, (1 - t) z + t x1, z = sqrt(1 - eta^2) x0 + eta (fresh noise). */
#define BZD_SOLVER_REANCHOR 8

#define BZD_UNITS_MODEL 0 /* values as the network sees them */
/* Ends at t = 1 in data units: out forwards, x0 (when given) backwards, by the flow's affine. */
#define BZD_UNITS_DATA 1

/* What bzd_flow_sample, bzd_flow_trajectory and their twins for ensembles take. */
typedef struct bzd_sample_config {
  uint32_t struct_size;     /* set by bzd_sample_config_init */
  int32_t solver;           /* BZD_SOLVER_, default AUTO */
  int32_t steps;            /* fixed-step solvers: 1..1000000; 0 (default): CONTROL and REANCHOR 4 (endpoint flows 1),
                               others 16 */
  int32_t grid_count;       /* 0 (default): equal steps; else 2..1000001 times in grid, and steps is ignored. Not with
                               DOPRI5, which chooses its own */
  const double *grid;       /* [grid_count] strictly monotone from t0 to t1, borrowed during the call */
  double t0;                /* start, 0..1, default 0 */
  double t1;                /* end, 0..1, not t0, default 1; t1 < t0 integrates backwards (not with CONTROL) */
  double rtol;              /* DOPRI5: error per step against atol + rtol |x|, rms over a row, default 1e-4, 1e-9..1 */
  double atol;              /* default 1e-4, 1e-12..1 */
  int64_t max_steps;        /* DOPRI5: tried steps for one row, 1..2^40, default 10000 */
  double guidance;          /* -1000..1000, default 1; see bzd_flow_velocity; a guided evaluation counts 2 NFE */
  uint64_t seed;            /* of the noise when x0 is NULL (stream BZD_STREAM_NOISE), default 0 */
  int64_t first_index;      /* number of the first row, 0..2^62, default 0: row r is sample first_index + r */
  int32_t units;            /* BZD_UNITS_: of the ends at t = 1, default MODEL */
  int32_t reserved;         /* 0 */
  double renoise;           /* eta of REANCHOR, 0..1, default 0: the sample's own x0 again */
  bzd_progress_fn progress; /* may be NULL (default) */
  void *progress_user;      /* user of progress, NULL (default) */
} bzd_sample_config;

/* Defaults, and the size of the struct in this library: as bzd_context_config_init and _size. Threads: any. Since 0.1.
 */
BZD_API bzd_status bzd_sample_config_init(bzd_sample_config *config, size_t size);
BZD_API size_t bzd_sample_config_size(void);

/* What sampling fills. */
typedef struct bzd_sample_result {
  uint32_t struct_size; /* set by the caller */
  int32_t solver;       /* the one used, never AUTO */
  double nfe_mean;      /* network evaluations per row, rejected steps and guidance included */
  int64_t nfe_max;      /* of the row with the most */
  int64_t rejected;     /* rejected steps of all rows */
  double seconds;       /* of the call */
} bzd_sample_result;

/* sizeof(bzd_sample_result) in this library. Threads: any. Since 0.1. */
BZD_API size_t bzd_sample_result_size(void);

/* Moves n rows from t0 to t1. x0 [n, dim] or NULL = standard normal noise of the seed; cond [n, cond_dim] or NULL; out
 * [n, dim], may be x0 itself. config NULL = the defaults. result may be NULL. Row r depends on its own x0, cond, seed
 * and number alone, not on n or the number of threads.
 * x0 and cond are not scanned beforehand.
 * Status: BZD_E_ARGUMENT, BZD_E_STATE, BZD_E_CONFIG, BZD_E_UNSUPPORTED (solver and kind), BZD_E_NUMERIC (a state that
 * is not finite: row and time named), BZD_E_STEPS, BZD_E_CANCELLED, BZD_E_MEMORY. After a failure out holds no meaning,
 * *result is unchanged.
 * Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_flow_sample(const bzd_flow *flow, const bzd_sample_config *config, int64_t n, const float *x0,
                                   const float *cond, float *out, bzd_sample_result *result);

/* The states on the way, states [n, count, dim] at times [count], strictly monotone from t0 to t1, both included, count
 * 2..2^20. config's t0 and t1 stand (NULL: 0 and 1).
 * DOPRI5 interpolates (order 4); fixed-step solvers divide each interval so that the steps add up to at least steps; a
 * control-point flow evaluates its curves. With BZD_UNITS_DATA the states at t = 1 alone are mapped. Otherwise as
 * bzd_flow_sample. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_flow_trajectory(const bzd_flow *flow, const bzd_sample_config *config, int64_t n,
                                       const float *x0, const float *cond, int64_t count, const double *times,
                                       float *states, bzd_sample_result *result);

/* ---- Grids --------------------------------------------------------------------------------------------------- */

/* What bzd_flow_choose_grid takes. */
typedef struct bzd_grid_config {
  uint32_t struct_size;    /* set by bzd_grid_config_init */
  int32_t steps;           /* of the grid wanted, 1..256, default 4 */
  int32_t candidates;      /* equal intervals whose ends are the times to choose from, steps..256, default 32 */
  int32_t reserved;        /* 0 */
  int64_t rows;            /* trajectories measured on, 16..2^20, default 1024 */
  uint64_t seed;           /* of their noise when paths is NULL, default 0 */
  const bzd_source *paths; /* the teacher's curves (paths from 0 to 1, conditions along); NULL (default): the flow's own
                              trajectories by the adaptive solver from noise, unconditional flows only */
} bzd_grid_config;

/* Defaults, and the size of the struct in this library: as bzd_context_config_init and _size. Threads: any. Since 0.1.
 */
BZD_API bzd_status bzd_grid_config_init(bzd_grid_config *config, size_t size);
BZD_API size_t bzd_grid_config_size(void);

/* The grid [steps + 1] from 0 to 1 of least error for few-step sampling, by dynamic programming: a step from a to b
 * costs the root mean square of where the flow's step from a state at a lands (along its curve, or by Euler for
 * velocity flows), minus the state of the same trajectory at b; a grid costs the sum. *error (may be NULL) is that sum.
 * For bzd_sample_config.grid. Endpoint flows have no grid (BZD_E_UNSUPPORTED). Status: BZD_E_ARGUMENT, BZD_E_STATE,
 * BZD_E_CONFIG, BZD_E_DIMENSION, BZD_E_NUMERIC, BZD_E_MEMORY. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_flow_choose_grid(const bzd_flow *flow, const bzd_grid_config *config, double *grid,
                                        double *error);

#ifdef __cplusplus
}
#endif
#endif
