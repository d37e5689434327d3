/* SPDX-License-Identifier: MIT */
/* Ensembles in a store: META "ensemble.*", the members with prefixes "0.", "1.", ... */
#include "base/error.h"
#include "distill/ensemble.h"

#include <math.h>
#include <stdio.h>

enum { MOST = BZDI_MOST_TEACHERS };

static const char *weight_key(char key[64], int64_t m, int32_t bin) {
  snprintf(key, 64, bin == 0 ? "ensemble.weight.%d" : "ensemble.weight.%d.%d", (int)m, (int)bin);
  return key;
}

static bzd_status store_member(const bzd_ensemble *ensemble, int64_t m, bzdi_store *store) {
  char prefix[16], key[64];
  snprintf(prefix, sizeof prefix, "%d.", (int)m);
  for (int32_t b = 0; b < ensemble->bins; b++)
    BZDI_TRY(bzdi_store_set_f64(store, BZDI_META, weight_key(key, m, b), ensemble->table[b * ensemble->count + m],
                                BZDI_MODEL));
  snprintf(key, sizeof key, "ensemble.guidance.%d", (int)m);
  BZDI_TRY(bzdi_store_set_f64(store, BZDI_META, key, ensemble->guidance[m], BZDI_MODEL));
  if (!ensemble->flow[m]->net)
    return bzdi_fail(BZD_E_UNSUPPORTED, "teacher %lld is a callback flow and cannot be stored", (long long)m);
  return bzdi_flow_store(ensemble->flow[m], store, prefix);
}

bzd_status bzdi_ensemble_store(const bzd_ensemble *ensemble, bzdi_store *store) {
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_META, "ensemble.count", ensemble->count, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_META, "ensemble.combine", ensemble->combine, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_META, "ensemble.rule", ensemble->rule, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_u64(store, BZDI_META, "ensemble.seed", ensemble->seed, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_f64(store, BZDI_META, "ensemble.temperature", ensemble->temperature, BZDI_MODEL));
  BZDI_TRY(bzdi_store_set_i64(store, BZDI_META, "ensemble.bins", ensemble->bins, BZDI_MODEL));
  if (ensemble->rule == BZDI_RULE_CALLBACK)
    return bzdi_fail(BZD_E_UNSUPPORTED, "an ensemble with a weights callback cannot be stored: it is code of the host");
  for (int64_t m = 0; m < ensemble->count; m++) BZDI_TRY(store_member(ensemble, m, store));
  return BZD_OK;
}

static bzd_status load_member(const bzd_context *context, const bzdi_store *store, int64_t m, int64_t bins,
                              int64_t count, double *table, double *guidance, bzd_flow **flow) {
  char prefix[16], key[64];
  for (int32_t b = 0; b < bins; b++) {
    double *weight = &table[b * count + m];
    BZDI_TRY(bzdi_store_get_f64(store, BZDI_META, weight_key(key, m, b), weight));
    if (!(*weight >= 0 && *weight <= 1)) return bzdi_fail(BZD_E_CORRUPT, "%s is %g, expected 0..1", key, *weight);
  }
  snprintf(key, sizeof key, "ensemble.guidance.%d", (int)m);
  BZDI_TRY(bzdi_store_get_f64(store, BZDI_META, key, guidance));
  if (!(fabs(*guidance) <= 1000)) return bzdi_fail(BZD_E_CORRUPT, "%s is %g, expected -1000..1000", key, *guidance);
  snprintf(prefix, sizeof prefix, "%d.", (int)m);
  return bzdi_flow_load(context, store, prefix, BZDI_ROLE_PARAMETER, flow);
}

static bzd_status check_table(int64_t bins, int64_t count, const double *table) {
  for (int64_t b = 0; b < bins; b++) {
    double sum = 0;
    for (int64_t m = 0; m < count; m++) sum += table[b * count + m];
    if (!(fabs(sum - 1) < 1e-9)) return bzdi_fail(BZD_E_CORRUPT, "ensemble weights add up to %.12g, expected 1", sum);
  }
  return BZD_OK;
}

bzd_status bzdi_ensemble_load(const bzd_context *context, const bzdi_store *store, bzd_ensemble **out) {
  int64_t combine, rule, bins;
  bzd_flow *flow[MOST] = {NULL};
  double table[BZDI_MOST_WEIGHT_BINS * MOST], guidance[MOST];
  bzdi_ensemble_spec spec = {.flows = (const bzd_flow *const *)flow, .fixed = table, .guidance = guidance};
  *out = NULL;
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_META, "ensemble.count", 1, MOST, &spec.count));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_META, "ensemble.combine", BZDI_COMBINE_VELOCITY, BZDI_COMBINE_ANY_VELOCITY,
                              &combine));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_META, "ensemble.rule", BZDI_RULE_UNIFORM, BZDI_RULE_VARIANCE, &rule));
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_META, "ensemble.bins", 1, BZDI_MOST_WEIGHT_BINS, &bins));
  BZDI_TRY(bzdi_store_get_u64(store, BZDI_META, "ensemble.seed", &spec.seed));
  BZDI_TRY(bzdi_store_get_f64(store, BZDI_META, "ensemble.temperature", &spec.temperature));
  if (!(spec.temperature >= 1e-6 && spec.temperature <= 1e6))
    return bzdi_fail(BZD_E_CORRUPT, "ensemble.temperature is %g, expected 1e-06..1e+06", spec.temperature);
  spec.combine = (int32_t)combine;
  spec.rule = (int32_t)rule;
  if (!bzdi_ensemble_goes(spec.combine, spec.rule))
    return bzdi_fail(BZD_E_CORRUPT, "ensemble.rule is %lld, which combination %lld does not have", (long long)rule,
                     (long long)combine);
  bzd_status status = BZD_OK;
  for (int64_t m = 0; status == BZD_OK && m < spec.count; m++)
    status = load_member(context, store, m, bins, spec.count, table, &guidance[m], &flow[m]);
  if (status == BZD_OK) status = check_table(bins, spec.count, table);
  if (status == BZD_OK) status = bzdi_ensemble_new(context, &spec, out);
  if (status == BZD_E_DIMENSION) status = bzdi_fail(BZD_E_CORRUPT, "members of the ensemble differ in shape");
  if (status == BZD_E_UNSUPPORTED) status = bzdi_fail(BZD_E_CORRUPT, "members of the ensemble differ in generation");
  /* The weights were a simplex when they were saved: take their bits, not a second scaling. */
  if (status == BZD_OK) status = bzdi_ensemble_set_table(*out, (int32_t)bins, table);
  if (status != BZD_OK) {
    bzdi_release(*out);
    *out = NULL;
  }
  for (int64_t m = 0; m < spec.count; m++) bzdi_release(flow[m]);
  return status;
}
