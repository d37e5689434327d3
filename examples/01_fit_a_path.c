/* SPDX-License-Identifier: MIT */
/* 01: fit Bezier paths to trajectories. Introduces: bzd_fitter, the functions of path.h, statuses and error texts. */
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

enum { N = 3, NODES = 17, DEGREE = 3 };

int main(void) {
  /* Three quarter circles of radius 1, 2 and 3, seen at 17 times: states [n, nodes, 2]. */
  static float states[N][NODES][2], paths[N][DEGREE + 1][2];
  for (int i = 0; i < N; i++)
    for (int k = 0; k < NODES; k++) {
      double angle = 0.5 * 3.141592653589793 * k / (NODES - 1);
      states[i][k][0] = (float)((i + 1) * cos(angle));
      states[i][k][1] = (float)((i + 1) * sin(angle));
    }

  bzd_fitter_config config;
  check(bzd_fitter_config_init(&config, sizeof config));
  config.degree = DEGREE;
  config.nodes = NODES;
  bzd_fitter *fitter;
  check(bzd_fitter_create(NULL, &config, &fitter));

  double residual[N], straightness[N], arc[N], chord[N];
  check(bzd_fitter_fit(fitter, N, 2, &states[0][0][0], &paths[0][0][0], residual));
  check(bzd_path_measure(N, DEGREE, 2, &paths[0][0][0], straightness, arc, chord));
  for (int i = 0; i < N; i++) {
    printf("radius %d: control points", i + 1);
    for (int j = 0; j <= DEGREE; j++) printf(" (%.3f, %.3f)", paths[i][j][0], paths[i][j][1]);
    printf("\n  residual %.2g, arc length %.5f (quarter circle %.5f), arc/chord %.4f, straightness %.3f\n", residual[i],
           arc[i], 0.5 * 3.141592653589793 * (i + 1), arc[i] / chord[i], straightness[i]);
    if (residual[i] > 0.002 * (i + 1)) return 1;
  }

  /* The same curves at a time of your own, and as two halves. */
  float middle[N][2], left[N][DEGREE + 1][2];
  double half = 0.5;
  check(bzd_path_evaluate(N, DEGREE, 2, &paths[0][0][0], 1, &half, &middle[0][0]));
  check(bzd_path_split(N, DEGREE, 2, &paths[0][0][0], half, &left[0][0][0], NULL));
  printf("middle of the first: (%.4f, %.4f), end of its first half: (%.4f, %.4f)\n", middle[0][0], middle[0][1],
         left[0][DEGREE][0], left[0][DEGREE][1]);

  /* A mistake gives a status and a line that names it; nothing else happens. */
  config.nodes = 2;
  bzd_fitter *wrong = NULL;
  char text[512];
  bzd_status status = bzd_fitter_create(NULL, &config, &wrong);
  bzd_last_error(text, sizeof text);
  printf("%s: %s\n", bzd_status_name(status), text);

  bzd_fitter_destroy(fitter);
  return status == BZD_E_ARGUMENT ? 0 : 1;
}
