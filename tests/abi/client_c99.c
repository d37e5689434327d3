/* SPDX-License-Identifier: MIT */
/* Compiled as C99 with -Wpedantic -Werror: the headers ask for nothing newer, each stands alone, and a whole program
 * can be written against them. Links to the shared library. */
#include <bezdist/bezdist.h>
#include <bezdist/checkpoint.h>
#include <bezdist/data.h>
#include <bezdist/ensemble.h>
#include <bezdist/fitter.h>
#include <bezdist/flow.h>
#include <bezdist/metrics.h>
#include <bezdist/path.h>
#include <bezdist/source.h>
#include <bezdist/trainer.h>

#include <stdio.h>

int main(void) {
  bzd_flow_config config;
  bzd_flow *flow = NULL;
  float x[2 * 3];
  char text[512];
  bzd_status status = bzd_flow_config_init(&config, sizeof config);
  if (status == BZD_OK) {
    config.dim = 3;
    config.width = 8;
    status = bzd_flow_create(NULL, &config, &flow);
  }
  if (status == BZD_OK) status = bzd_flow_sample(flow, NULL, 2, NULL, NULL, x, NULL);
  if (status != BZD_OK) {
    bzd_last_error(text, sizeof text);
    fprintf(stderr, "%s: %s\n", bzd_status_name(status), text);
  }
  bzd_flow_destroy(flow);
  return status == BZD_OK ? 0 : 1;
}
