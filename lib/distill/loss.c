/* SPDX-License-Identifier: MIT */
/* Losses and their gradients. Sums in double: eight partial sums a row, rows in order, blocks of rows in order. */
#include "base/task.h"
#include "distill/objective.h"

#include <math.h>
#include <string.h>

enum { MOST_BLOCKS = 512, LEAST_ROWS = 32 };

typedef struct job {
  const bzdi_objective *objective;
  int64_t n, width, rows; /* rows of a block */
  const float *out, *target, *weight, *step;
  double *row_loss;
  float *grad;
  double sums[MOST_BLOCKS];
} job;

void bzdi_objective_set(bzdi_objective *o, int32_t loss, double huber_c, int32_t heads, int64_t dim,
                        double endpoint_weight) {
  double gram[(BZDI_MAX_DEGREE + 1) * (BZDI_MAX_DEGREE + 1)];
  memset(o, 0, sizeof *o);
  o->loss = loss;
  o->heads = heads;
  o->dim = dim;
  o->huber_c = huber_c;
  o->plain = loss != BZDI_LOSS_GRAM && endpoint_weight == 1;
  bzdi_gram(heads, gram);
  for (int32_t i = 1; i <= heads; i++)
    for (int32_t j = 1; j <= heads; j++) {
      double *entry = &o->form[(i - 1) * heads + j - 1];
      if (loss == BZDI_LOSS_GRAM)
        *entry = gram[i * (heads + 1) + j] * i * j / ((double)heads * heads);
      else
        *entry = i == j ? 1.0 / heads : 0;
    }
  o->form[heads * heads - 1] += (endpoint_weight - 1) / heads;
}

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

/* heads times the sum of e' form e over coordinates. */
static double row_form(const bzdi_objective *o, const float *out, const float *target) {
  double sum = 0, e[BZDI_MAX_DEGREE];
  for (int64_t j = 0; j < o->dim; j++) {
    for (int32_t m = 0; m < o->heads; m++) e[m] = (double)(out[m * o->dim + j] - target[m * o->dim + j]);
    for (int32_t a = 0; a < o->heads; a++)
      for (int32_t b = 0; b < o->heads; b++) sum += o->form[a * o->heads + b] * e[a] * e[b];
  }
  return sum * o->heads;
}

/* grad = factor * heads * form e. */
static void form_gradient(const bzdi_objective *o, double factor, const float *out, const float *target, float *grad) {
  double e[BZDI_MAX_DEGREE];
  for (int64_t j = 0; j < o->dim; j++) {
    for (int32_t m = 0; m < o->heads; m++) e[m] = (double)(out[m * o->dim + j] - target[m * o->dim + j]);
    for (int32_t a = 0; a < o->heads; a++) {
      double sum = 0;
      for (int32_t b = 0; b < o->heads; b++) sum += o->form[a * o->heads + b] * e[b];
      grad[a * o->dim + j] = (float)(factor * o->heads * sum);
    }
  }
}

/* The error of a step's mean velocity: b [heads] are the weights of the heads in it. */
static double step_error(const bzdi_objective *o, const double *b, const float *out, const float *target) {
  double e = 0;
  for (int32_t m = 0; m < o->heads; m++) e += b[m] * (double)(out[m * o->dim] - target[m * o->dim]);
  return e;
}

static double row_step(const bzdi_objective *o, const double *b, const float *out, const float *target) {
  double sum = 0;
  for (int64_t j = 0; j < o->dim; j++) {
    double e = step_error(o, b, out + j, target + j);
    sum += e * e;
  }
  return sum * o->heads;
}

static void step_gradient(const bzdi_objective *o, double factor, const double *b, const float *out,
                          const float *target, float *grad) {
  for (int64_t j = 0; j < o->dim; j++) {
    double e = factor * o->heads * step_error(o, b, out + j, target + j);
    for (int32_t m = 0; m < o->heads; m++) grad[m * o->dim + j] = (float)(e * b[m]);
  }
}

static void loss_task(void *arg, int64_t i, int32_t slot) {
  job *j = arg;
  const bzdi_objective *o = j->objective;
  int64_t first = i * j->rows, end = first + j->rows < j->n ? first + j->rows : j->n;
  double total = 0;
  (void)slot;
  for (int64_t r = first; r < end; r++) {
    const float *out = j->out + r * j->width, *target = j->target + r * j->width;
    double b[BZDI_MAX_DEGREE + 1];
    int step = j->step && j->step[r] > 0;
    if (step) bzdi_bernstein(o->heads - 1, (double)j->step[r], b);
    double squares = step       ? row_step(o, b, out, target)
                     : o->plain ? row_squares(j->width, out, target)
                                : row_form(o, out, target);
    double weight = j->weight ? (double)j->weight[r] : 1, value, slope;
    if (o->loss == BZDI_LOSS_PSEUDO_HUBER) {
      double root = sqrt(squares + o->huber_c * o->huber_c);
      value = root - o->huber_c;
      slope = 1 / (root * (double)j->n);
    } else {
      value = squares;
      slope = 2 / ((double)j->n * (double)j->width);
    }
    total += weight * value;
    if (j->row_loss) j->row_loss[r] = o->loss == BZDI_LOSS_PSEUDO_HUBER ? value : value / (double)j->width;
    if (!j->grad) continue;
    float *grad = j->grad + r * j->width, factor = (float)(weight * slope);
    if (step)
      step_gradient(o, weight * slope, b, out, target, grad);
    else if (o->plain)
      for (int64_t k = 0; k < j->width; k++) grad[k] = factor * (out[k] - target[k]);
    else
      form_gradient(o, weight * slope, out, target, grad);
  }
  j->sums[i] = total;
}

double bzdi_loss(const bzd_context *context, const bzdi_objective *objective, int64_t n, const float *out,
                 const float *target, const float *weight, const float *step, double *row_loss, float *grad) {
  job j = {.objective = objective,
           .n = n,
           .width = objective->heads * objective->dim,
           .out = out,
           .target = target,
           .weight = weight,
           .step = step,
           .row_loss = row_loss,
           .grad = grad};
  j.rows = (n + MOST_BLOCKS - 1) / MOST_BLOCKS;
  if (j.rows < LEAST_ROWS) j.rows = LEAST_ROWS;
  int64_t blocks = (n + j.rows - 1) / j.rows;
  bzdi_parallel_for(context, blocks, loss_task, &j);
  double total = 0;
  for (int64_t i = 0; i < blocks; i++) total += j.sums[i];
  return total / ((double)n * (objective->loss == BZDI_LOSS_PSEUDO_HUBER ? 1 : (double)j.width));
}
