/* SPDX-License-Identifier: MIT */
/* A host that loads the library at run time: dlopen_host LIBRARY. Loading, use and unloading, again and again, leave
 * the process as it was; and a thread's first call when malloc refuses everything is a status, not the end. */
#define _GNU_SOURCE
#include <bezdist/bezdist.h>

#include "../support/refuse.h"

#include "../support/process.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 500, DIM = 4, TIMES = 10 };

#define MUST(what)                                                                                                     \
  do {                                                                                                                 \
    if (!(what)) {                                                                                                     \
      fprintf(stderr, "line %d: %s\n", __LINE__, #what);                                                               \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

#define FIND(name) __typeof__(&name) my_##name = (__typeof__(&name))(uintptr_t)dlsym(library, #name)

static void *library;

/* A flow sampled on three threads. */
static void use(void) {
  static float out[ROWS * DIM];
  FIND(bzd_context_config_init);
  FIND(bzd_context_create);
  FIND(bzd_context_destroy);
  FIND(bzd_flow_config_init);
  FIND(bzd_flow_create);
  FIND(bzd_flow_sample);
  FIND(bzd_flow_destroy);
  FIND(bzd_build_info);
  char text[256];
  bzd_context_config context_config;
  bzd_flow_config config;
  bzd_context *context;
  bzd_flow *flow;
  MUST(my_bzd_build_info(text, sizeof text) > 0);
  MUST(my_bzd_context_config_init(&context_config, sizeof context_config) == BZD_OK);
  context_config.threads = 3;
  MUST(my_bzd_context_create(&context_config, &context) == BZD_OK);
  MUST(my_bzd_flow_config_init(&config, sizeof config) == BZD_OK);
  config.dim = DIM;
  MUST(my_bzd_flow_create(context, &config, &flow) == BZD_OK);
  my_bzd_context_destroy(context);
  MUST(my_bzd_flow_sample(flow, NULL, ROWS, NULL, NULL, out, NULL) == BZD_OK);
  my_bzd_flow_destroy(flow);
}

/* On a new thread: the first call there, refused all memory. */
static void *first_call(void *arg) {
  FIND(bzd_flow_config_init);
  FIND(bzd_flow_create);
  FIND(bzd_last_error);
  bzd_flow_config config;
  bzd_flow *flow;
  char text[64];
  (void)arg;
  MUST(pthread_setname_np(pthread_self(), "first call") == 0);
  atomic_store(&refuse_quota, 0);
  bzd_status status = my_bzd_flow_config_init(&config, sizeof config);
  config.dim = DIM;
  if (status == BZD_OK) status = my_bzd_flow_create(NULL, &config, &flow);
  size_t length = my_bzd_last_error(text, sizeof text);
  atomic_store(&refuse_quota, -1);
  MUST(!REFUSE || (status == BZD_E_MEMORY && length > 0));
  return NULL;
}

int main(int argc, char **argv) {
  static process before, loaded, after;
  MUST(argc == 2);
  long long threads = 0;
  for (int i = 0; i < TIMES; i++) {
    look(&before);
    library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) fprintf(stderr, "%s\n", dlerror());
    MUST(library != NULL);
    const char *what = changed_since(&before, &loaded);
    if (what != NULL) fprintf(stderr, "after dlopen: %s\n", what);
    MUST(what == NULL);
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, first_call, NULL) == 0);
    MUST(pthread_join(thread, NULL) == 0);
    use();
    threads += 2;
    MUST(dlclose(library) == 0);
    MUST(dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) == NULL); /* it is truly gone */
    what = changed_since(&before, &after);
    if (what != NULL) fprintf(stderr, "after dlclose: %s\n", what);
    MUST(what == NULL);
  }
  printf("%d times loaded, used and unloaded, %lld threads begun and ended\n", (int)TIMES, threads);
  return 0;
}
