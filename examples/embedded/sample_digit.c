/* SPDX-License-Identifier: MIT */
/* A model inside the program: no file system, and no buffer whose size is not known when it is compiled.
 *   bezdist convert student.bzd digits.h --bf16 --slim
 *   cc -I. sample_digit.c $(pkg-config --cflags --libs bezdist) -o sample_digit && ./sample_digit 3
 * digits.h is a model of 8x8 pictures, such as build/demo/student.bzd. Draws sample number 0 of the seed; with a second
 * argument it prints the bits of its numbers instead. */
#include <bezdist/bezdist.h>

#include "digits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 8, DIM = SIDE * SIDE, EVALUATIONS = 2 };

static bzd_status sample(uint64_t seed, float *out) {
  bzd_checkpoint *checkpoint = NULL;
  bzd_flow *flow = NULL;
  bzd_limits limits;
  bzd_sample_config config;
  bzd_flow_info info = {.struct_size = sizeof info};
  bzd_limits_init(&limits, sizeof limits);
  bzd_sample_config_init(&config, sizeof config);
  limits.max_raw = 64 << 20; /* what a model may take of this device */
  config.seed = seed;
  config.steps = EVALUATIONS;
  bzd_status s = bzd_checkpoint_open_buffer(NULL, digits, digits_size, &limits, &checkpoint); /* where it is */
  if (!s) s = bzd_checkpoint_get_flow(checkpoint, BZD_WEIGHTS_AUTO, &flow);
  bzd_checkpoint_destroy(checkpoint);
  if (!s) s = bzd_flow_get_info(flow, &info);
  if (!s && info.dim != DIM) s = BZD_E_DIMENSION; /* out has no room for more */
  if (!s) s = bzd_flow_sample(flow, &config, 1, NULL, NULL, out, NULL);
  bzd_flow_destroy(flow);
  return s;
}

int main(int argc, char **argv) {
  float picture[DIM];
  bzd_status s = sample(argc > 1 ? strtoull(argv[1], NULL, 10) : 0, picture);
  if (s) return fprintf(stderr, "%s\n", bzd_status_name(s)), 1;
  for (int i = 0; i < DIM; i++) {
    static const char shades[] = " .:-=+*#%@";
    float light = (picture[i] + 1) / 2;
    int shade = light > 0 ? (int)(light * 10) : 0;
    uint32_t bits;
    memcpy(&bits, &picture[i], sizeof bits);
    if (argc > 2)
      printf("%08" PRIx32 "\n", bits);
    else
      printf("%c%c%s", shades[shade > 9 ? 9 : shade], shades[shade > 9 ? 9 : shade], i % SIDE == SIDE - 1 ? "\n" : "");
  }
  return 0;
}
