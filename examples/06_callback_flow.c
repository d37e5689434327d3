/* SPDX-License-Identifier: MIT */
/* 06: a flow that is your own function. Introduces: callback flows, solvers, both directions, trajectories.
 * Another library's model (ONNX Runtime, ggml, a formula) becomes a teacher this way; here: the exact field from
 * N(0, 1) to N(m, s^2), whose flow map is x -> m + s x. */
#include <bezdist/bezdist.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Every call returns a status; the text of a failure is one line on this thread. */
static void check(bzd_status status) {
  if (status == BZD_OK) return;
  char text[512];
  bzd_last_error(text, sizeof text);
  fprintf(stderr, "%s: %s\n", bzd_status_name(status), text);
  exit(1);
}

struct gaussian {
  double mean, deviation;
};

static int32_t velocity(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                        const float *cond, float *v) {
  const struct gaussian *g = user;
  (void)cond_dim, (void)cond;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < dim; j++) {
      double time = t[i], s2 = g->deviation * g->deviation;
      double gain = (time * s2 - (1 - time)) / ((1 - time) * (1 - time) + time * time * s2);
      v[i * dim + j] = (float)(g->mean + gain * (x[i * dim + j] - time * g->mean));
    }
  return 0; /* anything else stops the call with BZD_E_CANCELLED */
}

int main(void) {
  enum { N = 5 };
  struct gaussian target = {.mean = 3, .deviation = 0.5};
  bzd_flow_config config;
  check(bzd_flow_config_init(&config, sizeof config));
  config.dim = 1;
  bzd_flow *flow;
  check(bzd_flow_create_callback(NULL, &config, velocity, &target, 0, &flow));

  float x0[N] = {-2, -1, 0, 1, 2}, x1[N], back[N];
  static const struct {
    int32_t solver;
    const char *name;
  } solvers[] = {{BZD_SOLVER_EULER, "Euler"},
                 {BZD_SOLVER_HEUN, "Heun"},
                 {BZD_SOLVER_RK4, "RK4"},
                 {BZD_SOLVER_DOPRI5, "Dormand-Prince"}};
  double worst = 0;
  for (int s = 0; s < 4; s++) {
    bzd_sample_config sampling;
    check(bzd_sample_config_init(&sampling, sizeof sampling));
    sampling.solver = solvers[s].solver;
    sampling.steps = 8;
    bzd_sample_result result = {.struct_size = sizeof result};
    check(bzd_flow_sample(flow, &sampling, N, x0, NULL, x1, &result));
    sampling.t0 = 1; /* and back again */
    sampling.t1 = 0;
    check(bzd_flow_sample(flow, &sampling, N, x1, NULL, back, NULL));
    double error = 0, round_trip = 0;
    for (int i = 0; i < N; i++) {
      error = fmax(error, fabs(x1[i] - (target.mean + target.deviation * x0[i])));
      round_trip = fmax(round_trip, fabs(back[i] - x0[i]));
    }
    printf("%-14s %4.1f evaluations, error %.1e, there and back %.1e\n", solvers[s].name, result.nfe_mean, error,
           round_trip);
    worst = error; /* of the last, the adaptive one */
  }

  double times[5] = {0, 0.25, 0.5, 0.75, 1};
  float states[N][5];
  check(bzd_flow_trajectory(flow, NULL, N, x0, NULL, 5, times, &states[0][0], NULL));
  for (int i = 0; i < N; i++)
    printf("%5.2f ->%6.3f ->%6.3f ->%6.3f ->%6.3f\n", states[i][0], states[i][1], states[i][2], states[i][3],
           states[i][4]);
  bzd_flow_destroy(flow);
  return worst < 1e-3 ? 0 : 1;
}
