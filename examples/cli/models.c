/* SPDX-License-Identifier: MIT */
/* Names of solvers, and the options of sampling that several commands share. */
#include "sampling.h"

#include <stdlib.h>
#include <string.h>

const struct name solvers[] = {
    {"euler", BZD_SOLVER_EULER},     {"midpoint", BZD_SOLVER_MIDPOINT}, {"heun", BZD_SOLVER_HEUN},
    {"rk4", BZD_SOLVER_RK4},         {"dopri5", BZD_SOLVER_DOPRI5},     {"dopri5-fixed", BZD_SOLVER_DOPRI5_FIXED},
    {"control", BZD_SOLVER_CONTROL}, {"reanchor", BZD_SOLVER_REANCHOR}, {0}};

const char *solver_name(int32_t solver) {
  for (const struct name *name = solvers; name->text; name++)
    if (name->value == solver) return name->text;
  return "?";
}

void sampling_for(const bzd_flow *flow, int32_t solver, int64_t nfe, double guidance, bzd_sample_config *config) {
  static const int stages[] = {
      [BZD_SOLVER_EULER] = 1,  [BZD_SOLVER_MIDPOINT] = 2, [BZD_SOLVER_HEUN] = 2,         [BZD_SOLVER_RK4] = 4,
      [BZD_SOLVER_DOPRI5] = 0, [BZD_SOLVER_CONTROL] = 1,  [BZD_SOLVER_DOPRI5_FIXED] = 6, [BZD_SOLVER_REANCHOR] = 1,
  };
  bzd_flow_info info = {.struct_size = sizeof info};
  must(bzd_flow_get_info(flow, &info), NULL);
  bool curve = info.kind == BZD_FLOW_CONTROL || info.kind == BZD_FLOW_ENDPOINT;
  must(bzd_sample_config_init(config, sizeof *config), NULL);
  if (solver == BZD_SOLVER_AUTO) solver = curve ? BZD_SOLVER_CONTROL : nfe ? BZD_SOLVER_EULER : BZD_SOLVER_DOPRI5;
  config->solver = solver;
  config->guidance = guidance;
  if (!nfe) return;
  int cost = stages[solver] * (guidance == 1 ? 1 : 2); /* a guided evaluation counts twice */
  if (cost == 0) die("--nfe does not go with dopri5, which chooses its own steps");
  if (nfe % cost) die("--nfe %lld: %s takes %d evaluations a step", (long long)nfe, solver_name(solver), cost);
  config->steps = (int32_t)(nfe / cost);
}

void sampling_condition(const bzd_flow *flow, int64_t n, int64_t label, const char *path, float **cond) {
  bzd_flow_info info = {.struct_size = sizeof info};
  must(bzd_flow_get_info(flow, &info), NULL);
  *cond = NULL;
  if (label < 0 && !path) return;
  if (label >= 0 && path) die_usage("--label and --condition do not go together");
  if (!info.cond_dim) die("the model takes no condition");
  *cond = must_alloc((size_t)(n * info.cond_dim), sizeof(float));
  if (path) {
    int ndim;
    int64_t shape[5], width = 1;
    float *values = npy_read(path, &ndim, shape);
    for (int i = 1; i < ndim; i++) width *= shape[i];
    if (width != info.cond_dim)
      die("%s: conditions of %lld numbers, the model takes %lld", path, (long long)width, (long long)info.cond_dim);
    if (shape[0] != n && shape[0] != 1)
      die("%s: %lld conditions for %lld samples", path, (long long)shape[0], (long long)n);
    for (int64_t i = 0; i < n; i++)
      memcpy(*cond + i * width, values + (shape[0] == 1 ? 0 : i) * width, (size_t)width * sizeof(float));
    free(values);
  } else {
    if (label >= info.cond_dim)
      die("--label %lld: the model has %lld classes", (long long)label, (long long)info.cond_dim);
    for (int64_t i = 0; i < n; i++) (*cond)[i * info.cond_dim + label] = 1;
  }
}
