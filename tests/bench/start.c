/* SPDX-License-Identifier: MIT */
/* From nothing to a sample: dlopen of the library, a context, a model of digits from a file, one row in one step.
 * start LIBRARY FILE   (makes FILE where it is missing); prints milliseconds of the steps. */
#include <bezdist/bezdist.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static void *library;

static void *find(const char *name) {
  void *found = dlsym(library, name);
  if (found) return found;
  fprintf(stderr, "%s: %s\n", name, dlerror());
  exit(1);
}
#define CALL(function, ...)                                                                                            \
  do {                                                                                                                 \
    union {                                                                                                            \
      void *object;                                                                                                    \
      __typeof__(&(function)) call;                                                                                    \
    } at = {find(#function)};                                                                                          \
    bzd_status status = at.call(__VA_ARGS__);                                                                          \
    if (status != BZD_OK) {                                                                                            \
      fprintf(stderr, #function ": %d\n", (int)status);                                                                \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

static void make(const char *file) {
  bzd_flow_config config;
  bzd_flow *flow;
  bzd_checkpoint *checkpoint;
  CALL(bzd_flow_config_init, &config, sizeof config);
  config.kind = BZD_FLOW_CONTROL;
  config.dim = 64;
  config.width = 512;
  CALL(bzd_flow_create, NULL, &config, &flow);
  CALL(bzd_checkpoint_from_flow, flow, &checkpoint);
  CALL(bzd_checkpoint_write_file, checkpoint, file);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const double start = now();
  library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (!library) return fprintf(stderr, "%s\n", dlerror()), 1;
  const double opened = now();
  if (access(argv[2], F_OK) != 0) return make(argv[2]), 0;
  bzd_context_config config;
  bzd_context *context;
  bzd_checkpoint *checkpoint;
  bzd_flow *flow;
  float x[64];
  CALL(bzd_context_config_init, &config, sizeof config);
  CALL(bzd_context_create, &config, &context);
  CALL(bzd_checkpoint_open_file, context, argv[2], NULL, &checkpoint);
  CALL(bzd_checkpoint_get_flow, checkpoint, BZD_WEIGHTS_AUTO, &flow);
  const double loaded = now();
  CALL(bzd_flow_sample, flow, NULL, 1, NULL, NULL, x, NULL);
  const double sampled = now();
  printf("dlopen %.2f ms, context and model %.2f, first sample %.2f, together %.2f\n", opened - start, loaded - opened,
         sampled - loaded, sampled - start);
  return 0;
}
