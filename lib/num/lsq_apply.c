/* SPDX-License-Identifier: MIT */
/* The product of the fit matrix with states. It is thin (1..15 rows of G, any number of columns) and must also serve
 * the sample-major layout and norms that ask for double, so it has a loop of its own: states are read where they lie
 * and control points written where they belong, without a workspace. Every element is one sum over the nodes in order,
 * without FMA: neither layout, shape, threads nor instruction set shows in the bits. */
#include "base/task.h"
#include "num/bernstein.h"
#include "num/lsq.h"

#include <math.h>
#include <string.h>

enum {
  GATHER = 128, /* columns (coordinates of several samples) gathered together, of RUN nodes */
  RUN = 8,
  LANES = 16, /* columns are done in multiples of it: the widest vectors */
  INNER = BZDI_MAX_DEGREE - 1,
  SUMS = INNER * GATHER, /* as many columns of one sample at a time as they have room for */
  BLOCK = 1 << 16        /* states that one task takes */
};

/* The states seen as [nodes] x [n dim] columns, column c = sample c / dim, coordinate c % dim. */
typedef struct product {
  const bzdi_fit *fit;
  int64_t n, dim, samples; /* samples: per task */
  int64_t node, sample;    /* strides of states, in floats */
  const float *states;
  float *paths;
} product;

/* memcpy that costs no call for the few floats of a low-dimensional sample. */
static void copy(float *restrict to, const float *restrict from, int64_t count) {
  if (count >= 8)
    memcpy(to, from, (size_t)count * sizeof *to);
  else
    for (int64_t j = 0; j < count; j++) to[j] = from[j];
}

/* `width` columns from `first` on of one node, side by side. */
static void gather(const product *p, int32_t k, int64_t first, int64_t width, float *out) {
  const float *at = p->states + k * p->node + first / p->dim * p->sample + first % p->dim;
  int64_t run = p->dim - first % p->dim;
  for (int64_t j = 0; j < width; run = p->dim) {
    if (run > width - j) run = width - j;
    copy(out + j, at, run);
    j += run;
    at += run + p->sample - p->dim;
  }
}

/* The same columns of control point i back to their rows. */
static void scatter(const product *p, int32_t i, int64_t first, int64_t width, const float *from) {
  int64_t r = first / p->dim, c = first % p->dim;
  for (int64_t j = 0; j < width; r++, c = 0) {
    float *at = p->paths + (r * (p->fit->degree + 1) + i) * p->dim + c;
    const int64_t run = p->dim - c < width - j ? p->dim - c : width - j;
    copy(at, from + j, run);
    j += run;
  }
}

/* Vectors of the width that the instruction set has: GCC keeps wider ones on the stack. */
typedef float f4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef float f8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float f16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef double d4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef double d8 __attribute__((vector_size(64), aligned(8), may_alias));

/* sum[i width + 0..width-1] += sum_k g[i][k] x[k][0..width-1] for `rows` control points, 1..4 (a constant where this is
 * inlined), one node after the other: memory is read as it lies, the sums stay in the cache. Then all control points.
 */
#define ADD(name, number, vector, narrow)                                                                              \
  static inline __attribute__((always_inline)) void name(int rows, int32_t nodes, int32_t count, const number *g,      \
                                                         const float *x, int64_t stride, int64_t width, number *sum) { \
    const int64_t lanes = sizeof(vector) / sizeof(number);                                                             \
    for (int32_t k = 0; k < count; k++, x += stride)                                                                   \
      for (int64_t j = 0; j < width; j += lanes) {                                                                     \
        const vector v = __builtin_convertvector(*(const narrow *)(x + j), vector);                                    \
        *(vector *)(sum + j) += g[k] * v;                                                                              \
        if (rows > 1) *(vector *)(sum + width + j) += g[nodes + k] * v;                                                \
        if (rows > 2) *(vector *)(sum + 2 * width + j) += g[2 * nodes + k] * v;                                        \
        if (rows > 3) *(vector *)(sum + 3 * width + j) += g[3 * nodes + k] * v;                                        \
      }                                                                                                                \
  }                                                                                                                    \
  static inline                                                                                                        \
      __attribute__((always_inline)) void name##_all(int32_t inner, int32_t nodes, int32_t count, const number *g,     \
                                                     const float *x, int64_t stride, int64_t width, number *sum) {     \
    for (; inner >= 4; inner -= 4, g += 4 * (int64_t)nodes, sum += 4 * width)                                          \
      name(4, nodes, count, g, x, stride, width, sum);                                                                 \
    if (inner == 3) name(3, nodes, count, g, x, stride, width, sum);                                                   \
    if (inner == 2) name(2, nodes, count, g, x, stride, width, sum);                                                   \
    if (inner == 1) name(1, nodes, count, g, x, stride, width, sum);                                                   \
  }
ADD(add_f4, float, f4, f4)
ADD(add_d4, double, d4, f4) /* in two halves on SSE2 */
#if defined(__x86_64__)
ADD(add_f8, float, f8, f8)
ADD(add_f16, float, f16, f16)
ADD(add_d8, double, d8, f8)
#endif

/* Adds nodes k..k+count-1 to all control points; exactly one of the two sums is used. */
typedef void (*add_fn)(const bzdi_fit *fit, int32_t k, int32_t count, const float *x, int64_t stride, int64_t width,
                       float *sum, double *wide);
#define VARIANT(name, attribute, single, wider)                                                                        \
  attribute static void name(const bzdi_fit *fit, int32_t k, int32_t count, const float *x, int64_t stride,            \
                             int64_t width, float *sum, double *wide) {                                                \
    if (fit->in_double)                                                                                                \
      wider(fit->degree - 1, fit->nodes, count, fit->matrix + k, x, stride, width, wide);                              \
    else                                                                                                               \
      single(fit->degree - 1, fit->nodes, count, fit->matrix_f + k, x, stride, width, sum);                            \
  }
VARIANT(add_base, , add_f4_all, add_d4_all)
#if defined(__x86_64__)
VARIANT(add_avx2, __attribute__((target("avx2"))), add_f8_all, add_d4_all)
VARIANT(add_avx512, __attribute__((target("avx512f,avx512vl,avx512dq"))), add_f16_all, add_d8_all)
#endif

static add_fn choose(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
    return add_avx512;
  if (__builtin_cpu_supports("avx2")) return add_avx2;
#endif
  return add_base;
}

/* Columns from `first` on; in_place: they lie side by side in states, and are whole vectors; else GATHER at most. */
static void fit_columns(const product *p, add_fn add_nodes, int64_t first, int64_t width, int in_place) {
  const bzdi_fit *fit = p->fit;
  const int32_t inner = fit->degree - 1;
  const int64_t whole = (width + LANES - 1) / LANES * LANES;
  const float *states = p->states + first / p->dim * p->sample + first % p->dim;
  float room[RUN * GATHER];
  union {
    float single[SUMS];
    double wide[SUMS];
  } sums;
  float *sum = sums.single;
  double *wide = sums.wide;
  if (fit->in_double)
    memset(wide, 0, (size_t)(inner * whole) * sizeof *wide);
  else
    memset(sum, 0, (size_t)(inner * whole) * sizeof *sum);
  if (in_place) add_nodes(fit, 0, fit->nodes, states, p->node, whole, sum, wide);
  if (!in_place) memset(room, 0, sizeof room); /* columns beyond the last are computed too, and dropped */
  for (int32_t k = 0; k < fit->nodes && !in_place; k += RUN) {
    const int32_t count = fit->nodes - k < RUN ? fit->nodes - k : RUN;
    for (int32_t l = 0; l < count; l++) gather(p, k + l, first, width, room + l * whole);
    add_nodes(fit, k, count, room, whole, whole, sum, wide);
  }
  for (int64_t j = 0; j < inner * whole && fit->in_double; j++) sums.single[j] = (float)sums.wide[j]; /* in place */
  for (int32_t i = 0; i < inner; i++) scatter(p, i + 1, first, width, sum + i * whole);
  for (int32_t end = 0; end < 2; end++) { /* sums are not needed any more */
    gather(p, end ? fit->nodes - 1 : 0, first, width, sum);
    scatter(p, end ? fit->degree : 0, first, width, sum);
  }
}

/* Samples of few coordinates side by side; longer ones one after another. */
static void fit_task(void *arg, int64_t index, int32_t slot) {
  (void)slot;
  const product *p = arg;
  const add_fn add_nodes = choose();
  const int64_t first = index * p->samples, count = p->n - first < p->samples ? p->n - first : p->samples;
  const int64_t end = (first + count) * p->dim, dim = p->dim;
  const int joined = p->sample == dim; /* columns of all samples lie side by side */
  const int64_t most = SUMS / (p->fit->degree > 1 ? p->fit->degree - 1 : 1) / LANES * LANES;
  for (int64_t c = first * dim, width; c < end; c += width) {
    const int long_sample = joined || dim >= GATHER / 4;
    width = long_sample && !joined ? dim - c % dim : end - c;
    const int in_place = long_sample && width >= LANES;
    const int64_t limit = in_place ? most : GATHER;
    if (width > limit) width = limit;
    if (in_place) width = width / LANES * LANES;
    fit_columns(p, add_nodes, c, width, in_place);
  }
}

static product make(const bzdi_fit *fit, int64_t n, int64_t dim, const float *states, int time_major, float *paths) {
  const int64_t size = fit->nodes * dim, samples = size < BLOCK ? BLOCK / size : 1;
  return (product){fit, n, dim, samples, time_major ? n * dim : dim, time_major ? dim : size, states, paths};
}

static void run(product *p, bzdi_task task) {
  bzdi_parallel_for(p->fit->context, (p->n + p->samples - 1) / p->samples, task, p);
}

void bzdi_fit_time_major(const bzdi_fit *fit, int64_t n, int64_t dim, const float *states, float *paths) {
  product p = make(fit, n, dim, states, 1, paths);
  run(&p, fit_task);
}

void bzdi_fit_sample_major(const bzdi_fit *fit, int64_t n, int64_t dim, const float *states, float *paths) {
  product p = make(fit, n, dim, states, 0, paths);
  run(&p, fit_task);
}

typedef struct residual_task {
  product p;
  const float *curves;
  double *residual;
} residual_task;

static void residual_rows(void *arg, int64_t index, int32_t slot) {
  (void)slot;
  const residual_task *task = arg;
  const product *p = &task->p;
  const int32_t points = p->fit->degree + 1;
  const int64_t first = index * p->samples, last = first + p->samples < p->n ? first + p->samples : p->n;
  for (int64_t r = first; r < last; r++) {
    const float *path = task->curves + r * points * p->dim;
    double sum = 0.0;
    for (int32_t k = 0; k < p->fit->nodes; k++) {
      const float *x = p->states + k * p->node + r * p->sample;
      const double *b = p->fit->basis + k * points;
      for (int64_t c = 0; c < p->dim; c += GATHER) {
        const int64_t width = p->dim - c < GATHER ? p->dim - c : GATHER;
        double e[GATHER];
        for (int64_t j = 0; j < width; j++) e[j] = (double)x[c + j];
        for (int32_t i = 0; i < points; i++)
          for (int64_t j = 0; j < width; j++) e[j] -= b[i] * (double)path[i * p->dim + c + j];
        for (int64_t j = 0; j < width; j++) sum += e[j] * e[j];
      }
    }
    task->residual[r] = sqrt(sum / ((double)p->fit->nodes * (double)p->dim));
  }
}

void bzdi_fit_residual(const bzdi_fit *fit, int64_t n, int64_t dim, const float *states, int time_major,
                       const float *paths, double *residual) {
  residual_task task = {make(fit, n, dim, states, time_major, NULL), paths, residual};
  bzdi_parallel_for(fit->context, (n + task.p.samples - 1) / task.p.samples, residual_rows, &task);
}
