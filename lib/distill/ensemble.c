/* SPDX-License-Identifier: MIT */
/* The ensemble as an object and as a velocity field. */
#include "distill/ensemble.h"

#include "base/error.h"
#include "base/rng.h"
#include "distill/combine.h"

#include <stdio.h>
#include <string.h>

static void drop(void *self) {
  bzd_ensemble *ensemble = self;
  const bzd_context *context = ensemble->handle.context;
  for (int64_t m = 0; ensemble->flow && m < ensemble->count; m++) bzdi_release(ensemble->flow[m]);
  bzdi_free(context, ensemble->flow);
  bzdi_free(context, ensemble->table);
  bzdi_free(context, ensemble->weight);
  bzdi_free(context, ensemble->guidance);
  bzdi_cache_clear(&ensemble->cache, context);
}

/* Teachers that learned different couplings have different fields, whose mean is the flow of neither. */
static bzd_status check_generations(const bzdi_ensemble_spec *spec) {
  int64_t first = -1;
  for (int64_t m = 0; m < spec->count; m++) {
    int32_t generation = spec->flows[m]->generation;
    if (generation == 0 || (spec->rule == BZDI_RULE_FIXED && spec->fixed[m] <= 0)) continue;
    if (first < 0) {
      first = m;
    } else if (generation != spec->flows[first]->generation) {
      return bzdi_fail(BZD_E_UNSUPPORTED,
                       "teacher %lld: generation %d, teacher %lld's is %d: they learned different couplings, and the "
                       "mean of their velocities is the flow of neither; use MIXTURE, SELECT or ANY_VELOCITY",
                       (long long)m, (int)generation, (long long)first, (int)spec->flows[first]->generation);
    }
  }
  return BZD_OK;
}

bzd_status bzdi_ensemble_new(const bzd_context *context, const bzdi_ensemble_spec *spec, bzd_ensemble **out) {
  *out = NULL;
  for (int64_t m = 1; m < spec->count; m++) {
    char name[32];
    snprintf(name, sizeof name, "teacher %lld", (long long)m);
    BZDI_TRY(bzdi_item_match(name, &spec->flows[m]->item, &spec->flows[0]->item));
  }
  if (spec->combine == BZDI_COMBINE_VELOCITY) BZDI_TRY(check_generations(spec));
  bzd_ensemble *ensemble = bzdi_handle_new(context, BZDI_MAGIC_ENSEMBLE, sizeof *ensemble, drop);
  if (!ensemble) return bzdi_no_memory("ensemble", 1, sizeof *ensemble);
  ensemble->combine = spec->combine;
  ensemble->rule = spec->rule;
  ensemble->temperature = spec->temperature;
  ensemble->seed = spec->seed;
  ensemble->weights = spec->weights;
  ensemble->weights_user = spec->weights_user;
  ensemble->count = spec->count;
  size_t count = (size_t)spec->count;
  ensemble->flow = bzdi_calloc(context, count, sizeof *ensemble->flow);
  ensemble->weight = bzdi_calloc(context, count, sizeof *ensemble->weight);
  ensemble->guidance = bzdi_calloc(context, count, sizeof *ensemble->guidance);
  if (!ensemble->flow || !ensemble->weight || !ensemble->guidance) {
    bzdi_release(ensemble);
    return bzdi_no_memory("ensemble", count, sizeof *ensemble->flow);
  }
  double sum = 0;
  for (int64_t m = 0; m < spec->count; m++) {
    ensemble->flow[m] = bzdi_retain(spec->flows[m]);
    ensemble->weight[m] = spec->rule == BZDI_RULE_FIXED ? spec->fixed[m] : 1;
    ensemble->guidance[m] = spec->guidance ? spec->guidance[m] : 1;
    sum += ensemble->weight[m];
  }
  for (int64_t m = 0; m < spec->count; m++) ensemble->weight[m] /= sum;
  bzd_status status = bzdi_ensemble_set_table(ensemble, 1, ensemble->weight);
  if (status != BZD_OK) {
    bzdi_release(ensemble);
    return status;
  }
  *out = ensemble;
  return BZD_OK;
}

bzd_status bzdi_ensemble_set_table(bzd_ensemble *ensemble, int32_t bins, const double *table) {
  const bzd_context *context = ensemble->handle.context;
  size_t size = (size_t)(bins * ensemble->count);
  double *copy = bzdi_malloc(context, size, sizeof *copy);
  if (!copy) return bzdi_no_memory("ensemble", size, sizeof *copy);
  memcpy(copy, table, size * sizeof *copy);
  bzdi_free(context, ensemble->table);
  ensemble->table = copy;
  ensemble->bins = bins;
  for (int64_t m = 0; bins > 1 && m < ensemble->count; m++) {
    double sum = 0;
    for (int32_t b = 0; b < bins; b++) sum += copy[b * ensemble->count + m];
    ensemble->weight[m] = sum / bins;
  }
  if (bins == 1) memcpy(ensemble->weight, copy, (size_t)ensemble->count * sizeof *copy);
  return BZD_OK;
}

int bzdi_ensemble_by_trajectory(const bzd_ensemble *ensemble) {
  return ensemble->combine == BZDI_COMBINE_SELECT || ensemble->combine == BZDI_COMBINE_ENDPOINT;
}

int bzdi_ensemble_goes(int32_t combine, int32_t rule) {
  if (combine == BZDI_COMBINE_VELOCITY || combine == BZDI_COMBINE_ANY_VELOCITY) return 1;
  return rule == BZDI_RULE_UNIFORM || rule == BZDI_RULE_FIXED || rule == BZDI_RULE_ERROR;
}

int bzdi_ensemble_by_row(const bzd_ensemble *ensemble) {
  return ensemble->rule == BZDI_RULE_CONSENSUS || ensemble->rule == BZDI_RULE_MEDOID ||
         ensemble->rule == BZDI_RULE_CALLBACK;
}

int32_t bzdi_ensemble_generation(const bzd_ensemble *ensemble) {
  int32_t most = 0;
  for (int64_t m = 0; m < ensemble->count; m++) {
    if (ensemble->weight[m] <= 0) continue;
    if (ensemble->flow[m]->generation == 0) return 0;
    if (ensemble->flow[m]->generation > most) most = ensemble->flow[m]->generation;
  }
  return most;
}

int64_t bzdi_ensemble_member(const bzd_ensemble *ensemble, int64_t index) {
  double u = bzdi_rng_unit(ensemble->seed, BZD_STREAM_MEMBER, (uint64_t)index), sum = 0;
  int64_t last = 0;
  for (int64_t m = 0; m < ensemble->count; m++) {
    if (ensemble->weight[m] <= 0) continue;
    last = m; /* rounding may leave the sum below u */
    sum += ensemble->weight[m];
    if (u < sum) return m;
  }
  return last;
}

static size_t field_work(const bzdi_field *field, int64_t n) { return bzdi_combine_work(field->self, n); }

bzd_status bzdi_ensemble_velocity(const bzd_ensemble *ensemble, const bzdi_eval *eval, float *v, double *weights,
                                  void *work) {
  int64_t count = ensemble->count;
  if (ensemble->combine != BZDI_COMBINE_MIXTURE) return bzdi_combine_velocity(ensemble, eval, v, weights, work);
  if (weights) memset(weights, 0, (size_t)(eval->n * count) * sizeof *weights);
  for (int64_t r = 0; weights && r < eval->n; r++)
    weights[r * count + bzdi_ensemble_member(ensemble, eval->index[r])] = 1;
  return v ? bzdi_combine_mixture(ensemble, eval, v, work) : BZD_OK;
}

static bzd_status field_velocity(const bzdi_field *field, const bzdi_eval *eval, float *v, void *work) {
  return bzdi_ensemble_velocity(field->self, eval, v, NULL, work);
}

void bzdi_ensemble_field(const bzd_ensemble *ensemble, bzdi_field *field) {
  const bzd_flow *first = ensemble->flow[0];
  *field = (bzdi_field){.self = ensemble,
                        .guidance = 1,
                        .dim = first->item.dim,
                        .cond_dim = first->item.cond_dim,
                        .work = field_work,
                        .serial = ensemble->rule == BZDI_RULE_CALLBACK,
                        .velocity = field_velocity};
  for (int64_t m = 0; m < ensemble->count; m++) {
    bzdi_field member;
    if (ensemble->weight[m] <= 0) continue; /* never evaluated */
    bzdi_flow_field(ensemble->flow[m], ensemble->guidance[m], &member);
    if (member.serial) field->serial = 1;
    if (ensemble->combine == BZDI_COMBINE_MIXTURE)
      field->nfe = member.nfe > field->nfe ? member.nfe : field->nfe; /* a row follows one member */
    else
      field->nfe += member.nfe;
  }
}

static bzd_status checked_velocity(const bzdi_field *field, const bzdi_eval *eval, float *v, void *work) {
  BZDI_TRY(field_velocity(field, eval, v, work));
  return bzdi_combine_check(field->self, eval, v, work);
}

void bzdi_ensemble_checked_field(const bzd_ensemble *ensemble, bzdi_field *field) {
  bzdi_ensemble_field(ensemble, field);
  field->velocity = checked_velocity;
  field->serial = 1; /* only serial fields may fail */
}

bzd_status bzdi_ensemble_hash(const bzd_ensemble *ensemble, bzdi_sha256 *hash) {
  int64_t head[4] = {ensemble->combine, ensemble->rule, ensemble->count, (int64_t)ensemble->seed};
  bzdi_sha256_add(hash, head, sizeof head);
  bzdi_sha256_add(hash, &ensemble->temperature, sizeof ensemble->temperature);
  bzdi_sha256_add(hash, ensemble->table, (size_t)(ensemble->bins * ensemble->count) * sizeof *ensemble->table);
  bzdi_sha256_add(hash, ensemble->guidance, (size_t)ensemble->count * sizeof *ensemble->guidance);
  for (int64_t m = 0; m < ensemble->count; m++) bzdi_flow_hash(ensemble->flow[m], hash);
  return BZD_OK;
}

/* A callback flow is code of the host: its kind and shape are all there is to compare. */
void bzdi_flow_hash(const bzd_flow *flow, bzdi_sha256 *hash) {
  int64_t head[3] = {flow->kind, flow->degree, flow->net ? flow->net->count : 0};
  bzdi_sha256_add(hash, head, sizeof head);
  bzdi_item_hash(&flow->item, hash);
  if (flow->net) bzdi_sha256_add(hash, flow->weights, (size_t)flow->net->count * sizeof(float));
}
