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
  WIDTH = 64, /* columns (coordinates of one or several samples) done together */
  RUN = 32,   /* nodes gathered together */
  INNER = BZDI_MAX_DEGREE - 1,
  BLOCK = 1 << 16 /* states that one task takes */
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

/* sum[i][0..] += sum_k g[i][k] x[k][0..] for `rows` control points, 1..4 (a constant where this is inlined), with as
 * many columns as a vector has lanes. */
#define ADD(name, number, vector, load)                                                                                \
  static inline __attribute__((always_inline)) void name(int rows, int32_t nodes, int32_t count, const number *g,      \
                                                         const float *x, int64_t stride, number *sum) {                \
    vector s0, s1 = {0}, s2 = {0}, s3 = {0};                                                                           \
    memcpy(&s0, sum, sizeof s0);                                                                                       \
    if (rows > 1) memcpy(&s1, sum + WIDTH, sizeof s1);                                                                 \
    if (rows > 2) memcpy(&s2, sum + 2 * WIDTH, sizeof s2);                                                             \
    if (rows > 3) memcpy(&s3, sum + 3 * WIDTH, sizeof s3);                                                             \
    for (int32_t k = 0; k < count; k++) {                                                                              \
      vector v;                                                                                                        \
      load(v, x + k * stride);                                                                                         \
      s0 += g[k] * v;                                                                                                  \
      if (rows > 1) s1 += g[nodes + k] * v;                                                                            \
      if (rows > 2) s2 += g[2 * nodes + k] * v;                                                                        \
      if (rows > 3) s3 += g[3 * nodes + k] * v;                                                                        \
    }                                                                                                                  \
    memcpy(sum, &s0, sizeof s0);                                                                                       \
    if (rows > 1) memcpy(sum + WIDTH, &s1, sizeof s1);                                                                 \
    if (rows > 2) memcpy(sum + 2 * WIDTH, &s2, sizeof s2);                                                             \
    if (rows > 3) memcpy(sum + 3 * WIDTH, &s3, sizeof s3);                                                             \
  }                                                                                                                    \
  /* All control points, all columns. */                                                                               \
  static inline __attribute__((always_inline)) void name##_all(                                                        \
      int32_t inner, int32_t nodes, int32_t count, const number *g, const float *x, int64_t stride, number *sum) {     \
    const int64_t lanes = sizeof(vector) / sizeof(number);                                                             \
    for (int64_t j = 0; j < WIDTH; j += lanes) {                                                                       \
      const number *row = g;                                                                                           \
      number *to = sum + j;                                                                                            \
      int32_t left = inner;                                                                                            \
      for (; left >= 4; left -= 4, row += 4 * (int64_t)nodes, to += 4 * WIDTH)                                         \
        name(4, nodes, count, row, x + j, stride, to);                                                                 \
      if (left == 3) name(3, nodes, count, row, x + j, stride, to);                                                    \
      if (left == 2) name(2, nodes, count, row, x + j, stride, to);                                                    \
      if (left == 1) name(1, nodes, count, row, x + j, stride, to);                                                    \
    }                                                                                                                  \
  }

typedef float v16 __attribute__((vector_size(64)));
typedef float v8f __attribute__((vector_size(32)));
typedef double v8 __attribute__((vector_size(64)));

#define LOAD(v, from) memcpy(&(v), (from), sizeof(v))
#define WIDEN(v, from)                                                                                                 \
  do {                                                                                                                 \
    v8f narrow;                                                                                                        \
    memcpy(&narrow, (from), sizeof narrow);                                                                            \
    (v) = __builtin_convertvector(narrow, v8);                                                                         \
  } while (0)
ADD(add_float, float, v16, LOAD)
ADD(add_double, double, v8, WIDEN)

/* Adds nodes k..k+count-1 to all control points; exactly one of the two sums is used. */
static inline __attribute__((always_inline)) void add(const bzdi_fit *fit, int32_t k, int32_t count, const float *x,
                                                      int64_t stride, float (*sum)[WIDTH], double (*wide)[WIDTH]) {
  if (fit->in_double)
    add_double_all(fit->degree - 1, fit->nodes, count, fit->matrix + k, x, stride, wide[0]);
  else
    add_float_all(fit->degree - 1, fit->nodes, count, fit->matrix_f + k, x, stride, sum[0]);
}

typedef void (*add_fn)(const bzdi_fit *fit, int32_t k, int32_t count, const float *x, int64_t stride,
                       float (*sum)[WIDTH], double (*wide)[WIDTH]);

#define VARIANT(name, attribute)                                                                                       \
  attribute static void name(const bzdi_fit *fit, int32_t k, int32_t count, const float *x, int64_t stride,            \
                             float(*sum)[WIDTH], double(*wide)[WIDTH]) {                                               \
    add(fit, k, count, x, stride, sum, wide);                                                                          \
  }
VARIANT(add_base, )
#if defined(__x86_64__)
VARIANT(add_avx2, __attribute__((target("avx2"))))
VARIANT(add_avx512, __attribute__((target("avx512f,avx512vl,avx512dq"))))
#endif

static add_fn choose(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
    return add_avx512;
  if (__builtin_cpu_supports("avx2")) return add_avx2;
#endif
  return add_base;
}

static void fit_columns(const product *p, add_fn add_nodes, int64_t first, int64_t width) {
  const bzdi_fit *fit = p->fit;
  const int32_t inner = fit->degree - 1;
  const int in_place = width == WIDTH && (p->sample == p->dim || first % p->dim + WIDTH <= p->dim);
  float room[RUN][WIDTH], sum[INNER][WIDTH];
  double wide[INNER][WIDTH];
  if (width < WIDTH) memset(room, 0, sizeof room); /* columns beyond the last are computed too, and dropped */
  if (fit->in_double)
    memset(wide, 0, (size_t)inner * sizeof *wide);
  else
    memset(sum, 0, (size_t)inner * sizeof *sum);
  for (int32_t k = 0; k < fit->nodes && inner > 0; k += RUN) {
    const int32_t count = fit->nodes - k < RUN ? fit->nodes - k : RUN;
    for (int32_t l = 0; l < count && !in_place; l++) gather(p, k + l, first, width, room[l]);
    if (in_place)
      add_nodes(fit, k, count, p->states + k * p->node + first / p->dim * p->sample + first % p->dim, p->node, sum,
                wide);
    else
      add_nodes(fit, k, count, room[0], WIDTH, sum, wide);
  }
  for (int32_t i = 0; i < inner; i++) {
    for (int64_t j = 0; j < WIDTH && fit->in_double; j++) sum[i][j] = (float)wide[i][j];
    scatter(p, i + 1, first, width, sum[i]);
  }
  for (int32_t end = 0; end < 2; end++) {
    gather(p, end ? fit->nodes - 1 : 0, first, width, room[0]);
    scatter(p, end ? fit->degree : 0, first, width, room[0]);
  }
}

static void fit_task(void *arg, int64_t index, int32_t slot) {
  (void)slot;
  const product *p = arg;
  const add_fn add_nodes = choose();
  const int64_t first = index * p->samples, count = p->n - first < p->samples ? p->n - first : p->samples;
  const int64_t end = (first + count) * p->dim;
  for (int64_t c = first * p->dim; c < end; c += WIDTH) fit_columns(p, add_nodes, c, end - c < WIDTH ? end - c : WIDTH);
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
      for (int64_t c = 0; c < p->dim; c += WIDTH) {
        const int64_t width = p->dim - c < WIDTH ? p->dim - c : WIDTH;
        double e[WIDTH];
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
