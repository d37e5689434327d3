/* SPDX-License-Identifier: MIT */
#include "net/adam.h"

#include "base/task.h"
#include "num/vec.h"

#include <math.h>
#include <stddef.h>

enum { BLOCK = 1 << 15, GROUP = 1 << 10 }; /* floats of one task; tasks whose sums are kept at a time */

double bzdi_adam_rate(const bzdi_adam_config *config, int64_t k) {
  if (k <= config->warmup) return config->rate * (double)k / (double)config->warmup;
  double rest = (double)(config->steps - config->warmup);
  double share = rest > 0 ? (double)(k - config->warmup) / rest : 1;
  double floor = config->final_rate;
  return config->rate * (floor + (1 - floor) * 0.5 * (1 + cos(3.14159265358979323846 * share)));
}

typedef struct norm_job {
  const float *grad;
  int64_t count;
  double *sums;
} norm_job;

static void norm_task(void *arg, int64_t i, int32_t slot) {
  const norm_job *job = arg;
  int64_t first = i * BLOCK, count = job->count - first < BLOCK ? job->count - first : BLOCK;
  (void)slot;
  job->sums[i] = bzdi_vec_sum_squares(count, job->grad + first);
}

double bzdi_adam_norm(const bzd_context *context, int64_t count, const float *grad) {
  double total = 0, sums[GROUP];
  for (int64_t first = 0; first < count; first += (int64_t)GROUP * BLOCK) {
    int64_t left = count - first < (int64_t)GROUP * BLOCK ? count - first : (int64_t)GROUP * BLOCK;
    int64_t blocks = (left + BLOCK - 1) / BLOCK;
    norm_job job = {grad + first, left, sums};
    bzdi_parallel_for(context, blocks, norm_task, &job);
    for (int64_t i = 0; i < blocks; i++) total += sums[i];
  }
  return sqrt(total);
}

static double clip_scale(const bzdi_adam_config *config, double norm) {
  return config->clip > 0 && norm > config->clip ? config->clip / norm : 1;
}

int bzdi_adam_takes(const bzdi_adam_config *config, double norm) {
  return isfinite(norm) && clip_scale(config, norm) * norm <= BZDI_LARGEST_GRADIENT;
}

typedef struct step_job {
  bzdi_adam adam;
  int64_t count;
  const float *grad;
  float *w, *m, *v, *ema;
} step_job;

static void step_task(void *arg, int64_t i, int32_t slot) {
  const step_job *job = arg;
  int64_t first = i * BLOCK, count = job->count - first < BLOCK ? job->count - first : BLOCK;
  (void)slot;
  bzdi_vec_adam(&job->adam, count, job->grad + first, job->w + first, job->m + first, job->v + first,
                job->ema ? job->ema + first : NULL);
}

void bzdi_adam_step(const bzd_context *context, const bzdi_adam_config *config, int64_t k, double rate, double norm,
                    int64_t count, const float *grad, float *w, float *m, float *v, float *ema) {
  double scale = clip_scale(config, norm);
  double ema_decay = fmin(config->ema, (double)(1 + k) / (double)(10 + k));
  step_job job = {{(float)scale, (float)rate, (float)config->beta1, (float)config->beta2,
                   (float)(1 / (1 - pow(config->beta1, (double)k))), (float)(1 / (1 - pow(config->beta2, (double)k))),
                   (float)config->epsilon, (float)config->weight_decay, (float)ema_decay},
                  count,
                  grad,
                  w,
                  m,
                  v,
                  ema};
  bzdi_parallel_for(context, (count + BLOCK - 1) / BLOCK, step_task, &job);
}
