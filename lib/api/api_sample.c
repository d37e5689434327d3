/* SPDX-License-Identifier: MIT */
#include "api/api.h"
#include "api/sampling.h"

static bzd_status run(bzdi_sampling *s, const bzd_flow *flow, const bzd_sample_config *config,
                      bzd_sample_result *result) {
  s->context = flow->handle.context;
  s->item = &flow->item;
  s->kind = flow->kind;
  s->automatic =
      flow->kind == BZDI_FLOW_CONTROL || flow->kind == BZDI_FLOW_ENDPOINT ? BZDI_SOLVER_CONTROL : BZDI_SOLVER_DOPRI5;
  BZDI_TRY(bzdi_sampling_prepare(s, config, result));
  bzd_status status = BZD_OK;
  if (s->n > 0)
    status =
        bzdi_solve_flow(flow, s->guidance, &s->solve, s->n, s->x0, s->cond, s->out, s->states, 0, &s->used, &s->solved);
  return bzdi_sampling_finish(s, status, result);
}

bzd_status bzd_flow_sample(const bzd_flow *flow, const bzd_sample_config *config, int64_t n, const float *x0,
                           const float *cond, float *out, bzd_sample_result *result) {
  BZDI_TRY(bzdi_handle_check(flow, BZDI_MAGIC_FLOW, "flow", "flow"));
  bzdi_sampling s = {.name = "flow sample", .n = n, .x0 = x0, .cond = cond, .out = out};
  return bzdi_done(run(&s, flow, config, result));
}

bzd_status bzd_flow_trajectory(const bzd_flow *flow, const bzd_sample_config *config, int64_t n, const float *x0,
                               const float *cond, int64_t count, const double *times, float *states,
                               bzd_sample_result *result) {
  BZDI_TRY(bzdi_handle_check(flow, BZDI_MAGIC_FLOW, "flow", "flow"));
  bzdi_sampling s = {.name = "flow trajectory", .n = n, .x0 = x0, .cond = cond, .trajectory = 1};
  s.states = states;
  s.count = count;
  s.times = times;
  return bzdi_done(run(&s, flow, config, result));
}
