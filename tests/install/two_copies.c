/* SPDX-License-Identifier: MIT */
/* Two copies of the library in one process: two_copies ROUTE A [B]. ROUTE says how they come in:
 *   local  two files, dlopen with RTLD_LOCAL, as plugins have them
 *   space  one file in two namespaces (dlmopen)
 *   inside one linked into this program, which exports it (-rdynamic), and one file
 * Each trains, saves, loads and samples, in turns with the other: the same bits, and errors that do not mix. */
#define _GNU_SOURCE
#include <bezdist/bezdist.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 256, DIM = 8, COUNT = 64, STEPS = 30 };

#define MUST(what)                                                                                                     \
  do {                                                                                                                 \
    if (!(what)) {                                                                                                     \
      fprintf(stderr, "line %d: %s\n", __LINE__, #what);                                                               \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

#define CALLS(X)                                                                                                       \
  X(bzd_context_config_init)                                                                                           \
  X(bzd_context_create)                                                                                                \
  X(bzd_context_destroy)                                                                                               \
  X(bzd_data_config_init)                                                                                              \
  X(bzd_data_create)                                                                                                   \
  X(bzd_data_destroy)                                                                                                  \
  X(bzd_flow_config_init)                                                                                              \
  X(bzd_flow_create)                                                                                                   \
  X(bzd_flow_destroy)                                                                                                  \
  X(bzd_flow_load)                                                                                                     \
  X(bzd_flow_sample)                                                                                                   \
  X(bzd_flow_save)                                                                                                     \
  X(bzd_last_error)                                                                                                    \
  X(bzd_noise)                                                                                                         \
  X(bzd_source_create_data)                                                                                            \
  X(bzd_source_destroy)                                                                                                \
  X(bzd_trainer_config_init)                                                                                           \
  X(bzd_trainer_create)                                                                                                \
  X(bzd_trainer_destroy)                                                                                               \
  X(bzd_trainer_get_flow)                                                                                              \
  X(bzd_trainer_run)

/* One copy: its functions, and what is at work in it. */
typedef struct copy {
#define DECLARE(name) __typeof__(&name) name;
  CALLS(DECLARE)
  bzd_context *context;
  bzd_trainer *trainer;
  bzd_flow *flow;
  char file[16];
  float samples[COUNT * DIM];
} copy;

static void find(copy *c, void *library, const char *name) {
  memset(c, 0, sizeof *c);
#define FIND(call)                                                                                                     \
  c->call = (__typeof__(&call))(uintptr_t)dlsym(library, #call);                                                       \
  MUST(c->call != NULL);
  CALLS(FIND)
  snprintf(c->file, sizeof c->file, "%s.bzd", name);
}

static void start(copy *c) {
  static float rows[ROWS * DIM];
  bzd_context_config context_config;
  bzd_data_config data_config;
  bzd_flow_config flow_config;
  bzd_trainer_config trainer_config;
  bzd_data *data;
  bzd_source *source;
  bzd_flow *fresh;
  MUST(c->bzd_context_config_init(&context_config, sizeof context_config) == BZD_OK);
  context_config.threads = 2;
  MUST(c->bzd_context_create(&context_config, &c->context) == BZD_OK);
  MUST(c->bzd_noise(1, BZD_STREAM_USER, 0, ROWS, DIM, rows) == BZD_OK);
  MUST(c->bzd_data_config_init(&data_config, sizeof data_config) == BZD_OK);
  data_config.rows = rows, data_config.n = ROWS, data_config.dim = DIM;
  MUST(c->bzd_data_create(c->context, &data_config, &data) == BZD_OK);
  MUST(c->bzd_source_create_data(data, NULL, 0, &source) == BZD_OK);
  MUST(c->bzd_flow_config_init(&flow_config, sizeof flow_config) == BZD_OK);
  flow_config.dim = DIM, flow_config.width = 32;
  MUST(c->bzd_flow_create(c->context, &flow_config, &fresh) == BZD_OK);
  MUST(c->bzd_trainer_config_init(&trainer_config, sizeof trainer_config) == BZD_OK);
  trainer_config.steps = STEPS;
  MUST(c->bzd_trainer_create(fresh, source, &trainer_config, &c->trainer) == BZD_OK);
  c->bzd_flow_destroy(fresh), c->bzd_source_destroy(source), c->bzd_data_destroy(data);
}

static void finish(copy *c) {
  bzd_flow *trained;
  MUST(c->bzd_trainer_get_flow(c->trainer, BZD_WEIGHTS_AUTO, &trained) == BZD_OK);
  MUST(c->bzd_flow_save(trained, c->file) == BZD_OK);
  MUST(c->bzd_flow_load(c->context, c->file, &c->flow) == BZD_OK);
  MUST(c->bzd_flow_sample(c->flow, NULL, COUNT, NULL, NULL, c->samples, NULL) == BZD_OK);
  c->bzd_flow_destroy(trained), c->bzd_trainer_destroy(c->trainer);
}

/* A failure several calls deep: saving is one public function that uses others. */
static void fail(copy *c, const char *path) { MUST(c->bzd_flow_save(c->flow, path) == BZD_E_IO); }

static void expect_error(copy *c, const char *part) {
  char text[512];
  c->bzd_last_error(text, sizeof text);
  if (strstr(text, part) == NULL) {
    fprintf(stderr, "the error is '%s', without %s\n", text, part);
    exit(1);
  }
}

int main(int argc, char **argv) {
  static copy a, b;
  const char *route = argc > 2 ? argv[1] : "";
  void *first, *second;
  if (strcmp(route, "space") == 0) {
    first = dlmopen(LM_ID_NEWLM, argv[2], RTLD_NOW);
    second = dlmopen(LM_ID_NEWLM, argv[2], RTLD_NOW);
  } else if (strcmp(route, "inside") == 0) {
    first = dlopen(NULL, RTLD_NOW);
    second = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
  } else {
    MUST(strcmp(route, "local") == 0 && argc > 3);
    first = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
    second = dlopen(argv[3], RTLD_NOW | RTLD_LOCAL);
  }
  if (first == NULL || second == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  find(&a, first, "a");
  find(&b, second, "b");
  MUST(a.bzd_flow_sample != b.bzd_flow_sample); /* two copies, not one twice */

  start(&a);
  start(&b);
  for (int step = 0; step < STEPS; step += 10) {
    MUST(a.bzd_trainer_run(a.trainer, 10, NULL, NULL) == BZD_OK);
    MUST(b.bzd_trainer_run(b.trainer, 10, NULL, NULL) == BZD_OK);
  }
  finish(&a);
  finish(&b);
  MUST(memcmp(a.samples, b.samples, sizeof a.samples) == 0);

  fail(&a, "missing-a/model.bzd");
  fail(&b, "missing-b/model.bzd");
  expect_error(&a, "missing-a");
  expect_error(&b, "missing-b");

  a.bzd_flow_destroy(a.flow), a.bzd_context_destroy(a.context);
  if (strcmp(route, "inside") != 0) MUST(dlclose(first) == 0); /* one goes, the other stays */
  MUST(b.bzd_flow_sample(b.flow, NULL, COUNT, NULL, NULL, b.samples, NULL) == BZD_OK);
  MUST(memcmp(a.samples, b.samples, sizeof a.samples) == 0);
  b.bzd_flow_destroy(b.flow), b.bzd_context_destroy(b.context);
  return 0;
}
