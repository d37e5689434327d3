/* SPDX-License-Identifier: MIT */
/* Steps that must not be applied. Whether one is, the loop knows from its loss and from the norm it takes for clipping,
 * so that a good step pays nothing; which tensor is to blame is looked for only then. */
#include "base/context.h"
#include "base/error.h"
#include "distill/trainer.h"
#include "num/vec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The first element that is not finite; without one and with a limit, the first that is at least that. */
static const bzdi_param *find(const bzdi_net *net, const float *array, double limit, int64_t *element) {
  for (int32_t i = 0; i < net->params; i++) {
    const bzdi_param *param = &net->param[i];
    for (*element = 0; *element < param->count; ++*element) {
      float value = array[param->offset + *element];
      if (!isfinite(value) || (limit > 0 && fabs((double)value) >= limit)) return param;
    }
  }
  return NULL;
}

/* In a loss a weight is to blame, or a sample; in a gradient its own element. */
static void describe(const bzd_trainer *trainer, int bad_loss, double loss, double norm, int64_t sample, char *text,
                     size_t cap) {
  const bzdi_net *net = trainer->net;
  const long long step = (long long)trainer->step + 1;
  /* some element has at least its share of a norm that is too large */
  double share = isfinite(norm) ? 0.999 * norm / sqrt((double)net->count) : 0;
  const float *array = bad_loss ? trainer->weights : trainer->grad;
  int64_t at = 0;
  const bzdi_param *param = find(net, array, bad_loss ? 0 : share, &at);
  const double value = param ? (double)array[param->offset + at] : 0;
  if (bad_loss && param)
    snprintf(text, cap, "step %lld: the loss is %g: %s, element %lld is %g", step, loss, param->name, (long long)at,
             value);
  else if (bad_loss && sample >= 0)
    snprintf(text, cap, "step %lld: the loss is %g, first that of sample %lld", step, loss, (long long)sample);
  else if (bad_loss)
    snprintf(text, cap, "step %lld: the loss is %g", step, loss);
  else
    snprintf(text, cap, "step %lld: gradient of %s, element %lld is %g; norm %g, at most %g can be applied", step,
             param ? param->name : "?", (long long)at, value, norm, BZDI_LARGEST_GRADIENT);
}

static void carry(const bzd_trainer *trainer, float *now, float *kept, int back) {
  if (now) memcpy(back ? now : kept, back ? kept : now, (size_t)trainer->net->count * sizeof(float));
}

/* What updates change, from the trainer to its snapshot, or back. */
static void carry_all(bzd_trainer *trainer, int back) {
  bzdi_snapshot *kept = &trainer->snapshot;
  carry(trainer, trainer->weights, kept->weights, back);
  carry(trainer, trainer->moment1, kept->moment1, back);
  carry(trainer, trainer->moment2, kept->moment2, back);
  carry(trainer, trainer->ema, kept->ema, back);
  if (back) {
    trainer->updates = kept->updates;
    trainer->smooth_sum = kept->smooth_sum;
    trainer->seen = kept->seen;
  } else {
    kept->updates = trainer->updates;
    kept->smooth_sum = trainer->smooth_sum;
    kept->seen = trainer->seen;
  }
}

void bzdi_trainer_snapshot(bzd_trainer *trainer) {
  if (trainer->snapshot.weights && trainer->step % trainer->config.divergence.snapshot_every == 0)
    carry_all(trainer, 0);
}

void bzdi_trainer_derive(bzd_trainer *trainer) {
  if (trainer->step > 0) trainer->rate = bzdi_adam_rate(&trainer->config.adam, trainer->step) * trainer->rate_scale;
  trainer->smooth_loss =
      trainer->updates > 0 ? trainer->smooth_sum / (1 - pow(0.99, (double)trainer->updates)) : (double)NAN;
}

/* What the policy makes of a step that text describes; status is that of a stop. */
static bzd_status act(bzd_trainer *trainer, bzd_status status, const char *text) {
  const bzdi_divergence_config *config = &trainer->config.divergence;
  const int skips = config->policy == BZDI_DIVERGENCE_SKIP, rolls = config->policy == BZDI_DIVERGENCE_ROLL_BACK;
  const int64_t used = skips ? trainer->skipped_in_row : trainer->rollbacks;
  if (!skips && !rolls) return bzdi_fail(status, "%s; nothing was applied", text);
  if (used >= config->limit)
    return bzdi_fail(BZD_E_DIVERGED, "%s; nothing was applied, after %lld %s", text, (long long)used,
                     skips ? "skipped steps in a row" : "roll backs");
  if (skips) {
    trainer->skipped++;
    trainer->skipped_in_row++;
    bzdi_log(trainer->handle.context, BZD_LOG_WARNING, "%s; skipped, %lld in a row of at most %d", text,
             (long long)trainer->skipped_in_row, (int)config->limit);
  } else {
    carry_all(trainer, 1);
    trainer->rollbacks++;
    trainer->rate_scale *= config->rollback_rate;
    bzdi_log(trainer->handle.context, BZD_LOG_WARNING, "%s; back to the weights of update %lld, roll back %lld of %d",
             text, (long long)trainer->updates, (long long)trainer->rollbacks, (int)config->limit);
  }
  trainer->step++;
  bzdi_trainer_derive(trainer);
  return BZD_OK;
}

bzd_status bzdi_trainer_diverged(bzd_trainer *trainer, int bad_loss, double loss, double norm, int64_t sample) {
  char text[320];
  describe(trainer, bad_loss, loss, norm, sample, text, sizeof text);
  return act(trainer, BZD_E_DIVERGED, text);
}

bzd_status bzdi_trainer_bad_batch(bzd_trainer *trainer) {
  char text[320];
  int used = snprintf(text, sizeof text, "step %lld: ", (long long)trainer->step + 1);
  bzdi_error_copy(text + used, sizeof text - (size_t)used);
  return act(trainer, BZD_E_NUMERIC, text);
}
