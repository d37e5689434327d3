/* SPDX-License-Identifier: MIT */
/* Losses and their gradients. Sums in double: eight partial sums a row, rows in order, blocks of rows in order. */
#include "base/task.h"
#include "distill/trainer.h"

#include <math.h>

enum { MOST_BLOCKS = 512, LEAST_ROWS = 32 };

typedef struct job {
  int32_t loss;
  double huber_c;
  int64_t n, width, rows; /* rows of a block */
  const float *out, *target;
  float *grad;
  double sums[MOST_BLOCKS];
} job;

static double row_squares(int64_t width, const float *out, const float *target) {
  double sum[8] = {0};
  int64_t j = 0;
  for (; j + 8 <= width; j += 8)
    for (int l = 0; l < 8; l++) {
      double e = (double)(out[j + l] - target[j + l]);
      sum[l] += e * e;
    }
  for (; j < width; j++) {
    double e = (double)(out[j] - target[j]);
    sum[0] += e * e;
  }
  return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

static void loss_task(void *arg, int64_t i, int32_t slot) {
  job *j = arg;
  int64_t first = i * j->rows, end = first + j->rows < j->n ? first + j->rows : j->n;
  double total = 0;
  (void)slot;
  for (int64_t r = first; r < end; r++) {
    const float *out = j->out + r * j->width, *target = j->target + r * j->width;
    double squares = row_squares(j->width, out, target), slope;
    if (j->loss == BZDI_LOSS_MSE) {
      total += squares;
      slope = 2 / ((double)j->n * (double)j->width);
    } else {
      double root = sqrt(squares + j->huber_c * j->huber_c);
      total += root - j->huber_c;
      slope = 1 / (root * (double)j->n);
    }
    if (!j->grad) continue;
    float *grad = j->grad + r * j->width, factor = (float)slope;
    for (int64_t k = 0; k < j->width; k++) grad[k] = factor * (out[k] - target[k]);
  }
  j->sums[i] = total;
}

double bzdi_loss(const bzd_context *context, int32_t loss, double huber_c, int64_t n, int64_t width, const float *out,
                 const float *target, float *grad) {
  job j = {.loss = loss, .huber_c = huber_c, .n = n, .width = width, .out = out, .target = target, .grad = grad};
  j.rows = (n + MOST_BLOCKS - 1) / MOST_BLOCKS;
  if (j.rows < LEAST_ROWS) j.rows = LEAST_ROWS;
  int64_t blocks = (n + j.rows - 1) / j.rows;
  bzdi_parallel_for(context, blocks, loss_task, &j);
  double total = 0;
  for (int64_t i = 0; i < blocks; i++) total += j.sums[i];
  return total / ((double)n * (loss == BZDI_LOSS_MSE ? (double)width : 1));
}
