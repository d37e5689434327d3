/* SPDX-License-Identifier: MIT */
/* Types, statuses, errors, the context and the random numbers: what every other header needs.
 *
 * What holds for all functions of the library, said once:
 * - Arrays: contiguous, row-major, float32 unless the type says otherwise. A row count of 0 does nothing and is fine,
 *   and array arguments may then be NULL.
 * - Failure: a function that returns bzd_status returns 0 or one of BZD_E_. After a failure *out is NULL, plain outputs
 *   and result structs are unchanged unless the comment says they hold no meaning, and every handle is still good. The
 *   text of the failure is bzd_last_error.
 * - Handles: made by _create, _load, _open, _from or _get functions with a last parameter `out` that is the caller's to
 *   destroy, once. Objects retain what they are made from, so any order of destroying works. Destroying NULL, or
 *   something that is not a live handle of that kind, does nothing.
 * - Threads: "any" is no rule. "shared-read": many threads may use the object at once in calls of this mark.
 *   "exclusive": no other call on that object meanwhile. A call on an object also reads what that retains.
 *   Distinct objects are independent. */
#ifndef BEZDIST_BASE_H
#define BEZDIST_BASE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define BZD_API __attribute__((visibility("default")))
#else
#define BZD_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version ------------------------------------------------------------------------------------------------- */

/* Version of these headers. */
#define BZD_VERSION_MAJOR 0
#define BZD_VERSION_MINOR 1
#define BZD_VERSION_PATCH 0

/* Version of the library that runs: major << 16 | minor << 8 | patch. Threads: any. Since 0.1. */
BZD_API uint32_t bzd_version(void);

/* The same as text, "0.1.0"; static storage, never freed. Threads: any. Since 0.1. */
BZD_API const char *bzd_version_string(void);

/* Copies one line on how this library was built and what it chose on this machine (matrix kernels and why, zlib,
 * noise version) into buf, cut to cap bytes with the closing NUL; buf may be NULL when cap is 0.
 * Returns the length of the whole text without the NUL. Threads: any. Since 0.1. */
BZD_API size_t bzd_build_info(char *buf, size_t cap);

/* ---- Status and error text ----------------------------------------------------------------------------------- */

/* Result of a call: 0 or one of the negative BZD_E_ numbers. The numbers are pinned for ever; unknown ones may be
 * added in the gaps. */
typedef int32_t bzd_status;

#define BZD_OK 0                /* done */
#define BZD_E_ARGUMENT (-10)    /* an argument is NULL, out of range or not finite */
#define BZD_E_DIMENSION (-11)   /* two things that must agree in shape do not */
#define BZD_E_CONFIG (-12)      /* a struct was never initialised, or is newer than this library */
#define BZD_E_STATE (-13)       /* not a live handle of this kind, or the handle cannot do this now */
#define BZD_E_UNSUPPORTED (-14) /* meaningful, but this flow, build or combination does not offer it */
#define BZD_E_MEMORY (-20)      /* the allocator refused */
#define BZD_E_LIMIT (-21)       /* a limit set by the caller (or fixed by the format) would be passed */
#define BZD_E_IO (-30)          /* the system or an I/O callback failed; the text names path and cause */
#define BZD_E_FORMAT (-31)      /* not a file of the expected kind */
#define BZD_E_CORRUPT (-32)     /* such a file, but damaged */
#define BZD_E_VERSION (-33)     /* such a file, but of a later version or with unknown critical parts */
#define BZD_E_NUMERIC (-40)     /* a value that must be finite is not (a teacher's velocity, a data row) */
#define BZD_E_DIVERGED (-41)    /* training met a non-finite loss or gradient; the weights are those before it */
#define BZD_E_STEPS (-42)       /* an adaptive solver used up its steps; the text names row and time */
#define BZD_E_CANCELLED (-50)   /* a callback returned non-zero, or a cancel function was called */
#define BZD_E_INTERNAL (-90)    /* a defect of the library */

/* Name of a status, "BZD_E_MEMORY"; "BZD_E_UNKNOWN" for any other number. Static storage. Threads: any. Since 0.1. */
BZD_API const char *bzd_status_name(bzd_status status);

/* Copies the text of this thread's last failed call into buf, cut to cap bytes with the closing NUL; one line without
 * a newline, empty after a call that succeeded (destroy functions and plain getters leave it alone). buf may be NULL
 * when cap is 0. Returns the length of the whole text without the NUL. Threads: any, each its own text. Since 0.1. */
BZD_API size_t bzd_last_error(char *buf, size_t cap);

/* ---- Context ------------------------------------------------------------------------------------------------- */

/* What a host lends the library: allocator, log, threads. Immutable and shareable between threads. Every create
 * function takes one; NULL means libc's allocator, no log and the calling thread alone. */
typedef struct bzd_context bzd_context;

/* Returns size bytes aligned to align (a power of two, at most 64) or NULL. Called on any thread. */
typedef void *(*bzd_alloc_fn)(void *user, size_t size, size_t align);
/* Gives back what bzd_alloc_fn gave, with the same size and align. Called on any thread. */
typedef void (*bzd_free_fn)(void *user, void *ptr, size_t size, size_t align);

#define BZD_LOG_WARNING 1 /* something works less well than it could */
#define BZD_LOG_INFO 2    /* anything else worth a line; none so far */
/* One line without a newline. Called on the caller's thread. */
typedef void (*bzd_log_fn)(void *user, int32_t level, const char *text);

/* One piece of work; never calls back into the library's public functions. */
typedef void (*bzd_task_fn)(void *arg, int64_t i);
/* Calls fn(arg, i) once for each i in 0..n-1, on any threads in any order, and returns when all are done. Results do
 * not depend on how the host spreads the calls. */
typedef void (*bzd_parallel_for_fn)(void *user, int64_t n, bzd_task_fn fn, void *arg);

/* What bzd_context_create takes. */
typedef struct bzd_context_config {
  uint32_t struct_size; /* set by bzd_context_config_init */
  int32_t threads;      /* 1..256, default 1; 0 = the number of cores this process may use. With parallel_for: how many
                           calls of fn may run at once (more of them wait for each other) */
  bzd_alloc_fn alloc;   /* NULL (default): libc. alloc and free are given together */
  bzd_free_fn free;     /* with alloc; NULL (default): libc */
  void *alloc_user;     /* user of alloc and free, NULL (default) */
  bzd_log_fn log;       /* NULL (default): silent */
  void *log_user;       /* user of log, NULL (default) */
  bzd_parallel_for_fn parallel_for; /* NULL (default): the library's own pool, started at first use */
  void *parallel_for_user;          /* user of parallel_for, NULL (default) */
} bzd_context_config;

/* Fills *config, of which the caller knows size bytes (sizeof), with the defaults above; all size bytes are written. A
 * twin of this function exists for every config. Functions that take a config copy what they need and read it before
 * they return; NULL stands for the defaults unless a field is required.
 * Status: BZD_E_ARGUMENT (NULL), BZD_E_CONFIG (size below the first released one, or above 4096). Threads: any. Since
 * 0.1. */
BZD_API bzd_status bzd_context_config_init(bzd_context_config *config, size_t size);
/* sizeof(bzd_context_config) in this library; a twin of this function exists for every public struct, for bindings
 * that cannot see sizeof. Threads: any. Since 0.1. */
BZD_API size_t bzd_context_config_size(void);

/* Creates a context; config NULL = the defaults. *out is NULL on failure. Objects keep their context alive, so it may
 * be destroyed before them. Sets the matrix library up where it is needed; when neither that nor we have kernels for
 * this CPU, one warning goes to the log. Status: BZD_E_ARGUMENT (names field, value and range), BZD_E_CONFIG,
 * BZD_E_MEMORY. Threads: any. Since 0.1. */
BZD_API bzd_status bzd_context_create(const bzd_context_config *config, bzd_context **out);
/* Drops the caller's hold; the pool's threads are joined when the last object using it is gone. NULL is fine.
 * Threads: any, once per handle. Since 0.1. */
BZD_API void bzd_context_destroy(bzd_context *context);
/* Number of threads the context works with, found out when the config said 0; 1 for NULL. Threads: any. Since 0.1. */
BZD_API int32_t bzd_context_threads(const bzd_context *context);

/* ---- Handles, and what several nouns share ------------------------------------------------------------------- */

/* Opaque handles. `const` in a parameter is the thread rule: many threads may share the object during that call. */
typedef struct bzd_data bzd_data;             /* rows of real data                         (data.h) */
typedef struct bzd_flow bzd_flow;             /* a model of transport                      (flow.h) */
typedef struct bzd_ensemble bzd_ensemble;     /* teachers and the rule that combines them  (ensemble.h) */
typedef struct bzd_fitter bzd_fitter;         /* trajectories -> Bezier control points     (fitter.h) */
typedef struct bzd_source bzd_source;         /* where training paths come from            (source.h) */
typedef struct bzd_trainer bzd_trainer;       /* fits a flow to the paths of a source      (trainer.h) */
typedef struct bzd_checkpoint bzd_checkpoint; /* named tensors and metadata, as in a file  (checkpoint.h) */
typedef struct bzd_tensors bzd_tensors;       /* tensors of other programs' files         (tensors.h) */

/* Called once, when what it was given for is gone. It may destroy other objects, and calls nothing else of the library.
 */
typedef void (*bzd_release_fn)(void *user);

/* Has fn(user) called when the last hold on an object is gone, the caller's and those of all objects that retain it,
 * and nothing that was lent to it (callback and user, borrowed rows or bytes; of a context its allocator and log) will
 * be used again: the moment for a binding to free a closure. handle is any live handle of these types, or a context.
 * fn runs on the thread that drops the last hold, inside the destroy function or the call that replaces the object.
 * One for each object: a later one takes the place of the earlier, which is not called; fn NULL takes it away.
 * Status: BZD_E_ARGUMENT (NULL), BZD_E_STATE (not a live handle). Threads: exclusive. Since 0.1. */
BZD_API bzd_status bzd_on_release(void *handle, bzd_release_fn fn, void *user);

/* Partial progress of a long call. Filled by the library; struct_size is the library's. */
typedef struct bzd_progress {
  uint32_t struct_size; /* set by the library */
  int32_t phase;        /* BZD_PHASE_: what the numbers below count */
  int64_t step;         /* done so far, this call's or the whole schedule's (trainers) */
  int64_t of;           /* of so many; 0 = unknown */
  double loss;          /* trainers: of the last step; else 0 */
  double smooth_loss;   /* trainers: exponential mean over about 100 steps */
  double rate;          /* trainers: learning rate of the last step */
  double nfe;           /* samplers and sources: network evaluations per row so far, mean */
  double seconds;       /* since this call began */
} bzd_progress;

#define BZD_PHASE_TRAIN 1    /* training steps */
#define BZD_PHASE_SAMPLE 2   /* rows sampled */
#define BZD_PHASE_GENERATE 3 /* paths made by a source */

/* sizeof(bzd_progress) in this library. Threads: any. Since 0.1. */
BZD_API size_t bzd_progress_size(void);

/* Called on the thread of the long call, between pieces of work. Non-zero stops the call with BZD_E_CANCELLED; the
 * number is quoted in the error text. */
typedef int32_t (*bzd_progress_fn)(void *user, const bzd_progress *progress);

/* A velocity field of the caller's own: fills v [n, dim] with the velocity at x [n, dim], time t [n] (each row its own)
 * and condition cond [n, cond_dim] (NULL when cond_dim is 0). Called on the thread of the call that needs it. Non-zero
 * stops that call with BZD_E_CANCELLED. */
typedef int32_t (*bzd_velocity_fn)(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                                   const float *cond, float *v);

/* A weight rule of the caller's own: fills weights [n, count], each at least 0 and not all 0 in a row (they are scaled
 * to sum 1), for the velocities v [count, n, dim] of the teachers at x [n, dim], t [n]. A row's weights must depend on
 * that row alone. Non-zero stops the call with BZD_E_CANCELLED. */
typedef int32_t (*bzd_weights_fn)(void *user, int64_t n, int64_t count, int64_t dim, const float *x, const float *t,
                                  const float *v, double *weights);

/* Paths of the caller's own: fills paths [n, degree + 1, dim] and cond [n, cond_dim] (NULL when cond_dim is 0) for the
 * samples index[0..n-1]. span [n, 2] comes filled with 0 and 1; a path that starts later or ends earlier writes its
 * times there, 0 <= start < end <= 1. The same index must give the same path, or exact resume is lost. Non-zero stops
 * the call with BZD_E_CANCELLED. */
typedef int32_t (*bzd_paths_fn)(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim,
                                int64_t cond_dim, float *paths, float *cond, float *span);

/* ---- Random numbers ------------------------------------------------------------------------------------------ */

/* Philox4x32-10 (Salmon et al. 2011): key = seed, counter = {index lo, index hi, block of four numbers, stream}. So
 * number j of sample i is a pure function of (seed, stream, i, j). Streams are pinned for ever. */
#define BZD_STREAM_NOISE 0       /* x0 of sample i */
#define BZD_STREAM_ORDER 1       /* order of the target data set */
#define BZD_STREAM_TIME 2        /* time t of a training row */
#define BZD_STREAM_DROPOUT 3     /* which training rows lose their condition */
#define BZD_STREAM_INIT 4        /* initial weights */
#define BZD_STREAM_PARTNER 5     /* order of the source data set (data to data) */
#define BZD_STREAM_MEMBER 6      /* member drawn by a mixture */
#define BZD_STREAM_ANCHOR 7      /* which paths start from real data */
#define BZD_STREAM_METRIC 8      /* directions of the sliced metrics */
#define BZD_STREAM_CONSISTENCY 9 /* middle and end of a consistency row */
#define BZD_STREAM_VISIT 10      /* where an on-policy path leaves the student */
#define BZD_STREAM_RENOISE 11    /* fresh noise of the re-anchoring sampler */
#define BZD_STREAM_USER 0x10000  /* from here on: the caller's own */

/* Noise version 1: how normals are made from counters (docs/noise.md); recorded in files. */
#define BZD_NOISE_VERSION 1

/* Standard normal numbers [n, dim] of samples first..first+n-1 into out (caller's). dim 1..2^24, n >= 0, first
 * 0..2^62. Status: BZD_E_ARGUMENT. Threads: any. Since 0.1. */
BZD_API bzd_status bzd_noise(uint64_t seed, uint32_t stream, int64_t first, int64_t n, int64_t dim, float *out);
/* The same for uniform numbers in (0, 1): (r + 1/2) / 2^23 of the top 23 bits r. Status: BZD_E_ARGUMENT. Threads: any.
 * Since 0.1. */
BZD_API bzd_status bzd_uniform(uint64_t seed, uint32_t stream, int64_t first, int64_t n, int64_t dim, float *out);

#ifdef __cplusplus
}
#endif
#endif
