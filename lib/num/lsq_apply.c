/* SPDX-License-Identifier: MIT */
/* The product of the fit matrix with states. It is as thin as a product can be (1..15 rows of G, hundreds of thousands
 * of columns), so memory decides: each state is read once and each control point written once, straight to its place,
 * where a general matrix product would pack the states and leave its result to be scattered. */
#include "base/task.h"
#include "num/bernstein.h"
#include "num/lsq.h"

#include <math.h>
#include <string.h>

enum {
  WIDTH = 64, /* columns (coordinates of one or several samples) done together */
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

/* Columns first.. of node k: in place when they lie side by side, else gathered into room. */
static const float *columns(const product *p, int32_t k, int64_t first, int64_t width, float *room) {
  const int64_t r = first / p->dim, c = first % p->dim;
  const float *at = p->states + k * p->node + r * p->sample + c;
  if (p->sample == p->dim || c + width <= p->dim) return at;
  for (int64_t j = 0, in_row = p->dim - c; j < width; j += in_row, in_row = p->dim) {
    const int64_t run = in_row < width - j ? in_row : width - j;
    memcpy(room + j, at, (size_t)run * sizeof *room);
    at += run + p->sample - p->dim;
  }
  return room;
}

/* Columns of control point i back to their rows. */
static void scatter(const product *p, int32_t i, int64_t first, int64_t width, const float *from) {
  int64_t r = first / p->dim, c = first % p->dim;
  for (int64_t j = 0; j < width; r++, c = 0) {
    const int64_t run = p->dim - c < width - j ? p->dim - c : width - j;
    memcpy(p->paths + (r * (p->fit->degree + 1) + i) * p->dim + c, from + j, (size_t)run * sizeof *from);
    j += run;
  }
}

/* Both take `width` as a constant where they are inlined. */
static inline __attribute__((always_inline)) void add_float(int32_t inner, int32_t nodes, const float *g, int64_t width,
                                                            const float *restrict x, float (*restrict sum)[WIDTH]) {
  for (int32_t i = 0; i < inner; i++) {
    const float weight = g[(int64_t)i * nodes];
    for (int64_t j = 0; j < width; j++) sum[i][j] += weight * x[j];
  }
}

static inline __attribute__((always_inline)) void add_double(int32_t inner, int32_t nodes, const double *g,
                                                             int64_t width, const float *restrict x,
                                                             double (*restrict sum)[WIDTH]) {
  for (int32_t i = 0; i < inner; i++) {
    const double weight = g[(int64_t)i * nodes];
    for (int64_t j = 0; j < width; j++) sum[i][j] += weight * (double)x[j];
  }
}

static void fit_columns(const product *p, int64_t first, int64_t width) {
  const bzdi_fit *fit = p->fit;
  const int32_t inner = fit->degree - 1;
  float room[WIDTH], out[INNER][WIDTH] = {{0}};
  if (fit->in_double) {
    double sum[INNER][WIDTH] = {{0}};
    for (int32_t k = 0; k < fit->nodes; k++) {
      const float *x = columns(p, k, first, width, room);
      if (width == WIDTH)
        add_double(inner, fit->nodes, fit->matrix + k, WIDTH, x, sum);
      else
        add_double(inner, fit->nodes, fit->matrix + k, width, x, sum);
    }
    for (int32_t i = 0; i < inner; i++)
      for (int64_t j = 0; j < width; j++) out[i][j] = (float)sum[i][j];
  } else {
    for (int32_t k = 0; k < fit->nodes; k++) {
      const float *x = columns(p, k, first, width, room);
      if (width == WIDTH)
        add_float(inner, fit->nodes, fit->matrix_f + k, WIDTH, x, out);
      else
        add_float(inner, fit->nodes, fit->matrix_f + k, width, x, out);
    }
  }
  scatter(p, 0, first, width, columns(p, 0, first, width, room));
  for (int32_t i = 0; i < inner; i++) scatter(p, i + 1, first, width, out[i]);
  scatter(p, fit->degree, first, width, columns(p, fit->nodes - 1, first, width, room));
}

static void fit_task(void *arg, int64_t index, int32_t slot) {
  (void)slot;
  const product *p = arg;
  const int64_t first = index * p->samples, count = p->n - first < p->samples ? p->n - first : p->samples;
  const int64_t end = (first + count) * p->dim;
  for (int64_t c = first * p->dim; c < end; c += WIDTH) fit_columns(p, c, end - c < WIDTH ? end - c : WIDTH);
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
