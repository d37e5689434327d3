/* SPDX-License-Identifier: MIT */
/* Forward passes of ONNX Runtime and of the library (float32 and bfloat16 weights), in turn every few milliseconds, so
 * that what a busy machine takes from one it takes from all. ONNX Runtime by its C API, without its headers: the
 * function table's prefix never changes.
 * Usage: forward LIBONNXRUNTIME THREADS toy|digits|image MODEL.onnx; prints JSON lines like peers_torch.py. */
#define _POSIX_C_SOURCE 200809L
#include <bezdist/bezdist.h>
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef void *(*fn)();
static const fn *api;
enum {
  GetErrorMessage = 2,
  CreateEnv = 3,
  CreateSessionFromArray = 8,
  Run = 9,
  CreateSessionOptions = 10,
  SetIntraOpNumThreads = 24,
  SetInterOpNumThreads = 25,
  CreateTensorWithData = 49,
  CreateCpuMemoryInfo = 69
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
static void check(void *status) {
  if (!status) return;
  fprintf(stderr, "onnxruntime: %s\n", ((const char *(*)(void *))api[GetErrorMessage])(status));
  exit(1);
}
static void must(bzd_status status) {
  if (status == BZD_OK) return;
  char text[256];
  bzd_last_error(text, sizeof text);
  fprintf(stderr, "bezdist: %s\n", text);
  exit(1);
}
static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* What runs: all of one number of rows. */
struct work {
  int64_t rows;
  void *session, *in, *out;
  bzd_flow *flow[2];
  float *x, *t, *y;
};

static void onnxruntime(const struct work *w) {
  static const char *in_name = "x", *out_name = "y";
  void *(*run)(void *, void *, const char **, void **, size_t, const char **, size_t, void **) =
      (void *(*)(void *, void *, const char **, void **, size_t, const char **, size_t, void **))api[Run];
  void *out = w->out;
  check(run(w->session, NULL, &in_name, (void **)&w->in, 1, &out_name, 1, &out));
}
static void float32(const struct work *w) { must(bzd_flow_velocity(w->flow[0], w->rows, w->x, w->t, NULL, 1, w->y)); }
static void bfloat16(const struct work *w) { must(bzd_flow_velocity(w->flow[1], w->rows, w->x, w->t, NULL, 1, w->y)); }

enum { MOST = 512, WARM = 3 };

/* Median and least, in microseconds a call, of two sides in turn: about a second each, in pieces of two milliseconds or
 * one call, after calls that are not timed, so that a side finds its weights and code in the caches. On more than one
 * thread each has its second as a whole, since waiting workers of the one would take a core from the other. */
static void compare(const char *name, const char *what, void (*const sides[2])(const struct work *),
                    const struct work *w, int threads) {
  static double times[2][MOST];
  int loops[2], n = MOST;
  for (int s = 0; s < 2; s++) {
    double once = 1e9;
    for (int i = 0; i < 5; i++) {
      const double start = now();
      sides[s](w);
      if (now() - start < once) once = now() - start + 1e-7;
    }
    loops[s] = (int)(2e-3 / once) + 1;
    const double pieces = 1.05 / (once * loops[s]);
    if (pieces < n) n = pieces < 15 ? 15 : (int)pieces;
  }
  const int stretch = threads == 1 ? 1 : n;
  for (int first = 0; first < n; first += stretch)
    for (int s = 0; s < 2; s++) {
      if (threads > 1) nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
      for (int i = 0; i < (loops[s] < WARM ? loops[s] : WARM); i++) sides[s](w);
      for (int r = first; r < first + stretch; r++) {
        const double start = now();
        for (int i = 0; i < loops[s]; i++) sides[s](w);
        times[s][r] = (now() - start) / loops[s] * 1e6;
      }
    }
  for (int s = 0; s < 2; s++) qsort(times[s], (size_t)n, sizeof times[s][0], by_value);
  printf("{\"peer\": \"onnxruntime\", \"work\": \"%s\", \"what\": \"%s\", \"rows\": %d, \"threads\": %d, "
         "\"us\": %.2f, \"least_us\": %.2f, \"bezdist_us\": %.2f, \"bezdist_least_us\": %.2f}\n",
         name, what, (int)w->rows, threads, times[0][n / 2], times[0][0], times[1][n / 2], times[1][0]);
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int threads = atoi(argv[2]);
  const int is_toy = !strcmp(argv[3], "toy"), is_digits = !strcmp(argv[3], "digits");
  const int64_t dim = is_toy ? 2 : is_digits ? 64 : 784, in = dim + 32;
  void *so = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (!so) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  struct base {
    const fn *(*get)(uint32_t);
    const char *(*version)(void);
  };
  struct base *(*get_base)(void);
  *(void **)&get_base = dlsym(so, "OrtGetApiBase");
  api = get_base()->get(8);
  FILE *f = fopen(argv[4], "rb");
  if (!f) {
    perror(argv[4]);
    return 1;
  }
  fseek(f, 0, SEEK_END);
  long size = ftell(f);
  rewind(f);
  void *model = malloc((size_t)size);
  if (fread(model, 1, (size_t)size, f) != (size_t)size) return 1;
  struct work work = {0};
  void *env, *options, *memory;
  check(((void *(*)(int, const char *, void **))api[CreateEnv])(3, "peers", &env));
  check(((void *(*)(void **))api[CreateSessionOptions])(&options));
  check(((void *(*)(void *, int))api[SetIntraOpNumThreads])(options, threads));
  check(((void *(*)(void *, int))api[SetInterOpNumThreads])(options, 1));
  check(((void *(*)(void *, const void *, size_t, void *, void **))api[CreateSessionFromArray])(
      env, model, (size_t)size, options, &work.session));
  check(((void *(*)(int, int, void **))api[CreateCpuMemoryInfo])(0, 0, &memory));
  void *(*make)(void *, void *, size_t, const int64_t *, size_t, int, void **) =
      (void *(*)(void *, void *, size_t, const int64_t *, size_t, int, void **))api[CreateTensorWithData];

  bzd_context_config context_config;
  must(bzd_context_config_init(&context_config, sizeof context_config));
  context_config.threads = threads;
  bzd_context *context;
  must(bzd_context_create(&context_config, &context));
  bzd_flow_config config;
  must(bzd_flow_config_init(&config, sizeof config));
  config.dim = dim;
  config.width = is_toy ? 128 : is_digits ? 512 : 1024;
  for (int i = 0; i < 2; i++) must(bzd_flow_create(context, &config, &work.flow[i]));
  must(bzd_flow_set_precision(work.flow[1], BZD_PRECISION_BFLOAT16, NULL));

  for (work.rows = 1; work.rows <= 256; work.rows *= 4) {
    const int64_t rows = work.rows;
    float *embedded = malloc(sizeof(float) * (size_t)(rows * in)), *y = malloc(sizeof(float) * (size_t)(rows * dim));
    work.x = malloc(sizeof(float) * (size_t)(rows * dim));
    work.y = malloc(sizeof(float) * (size_t)(rows * dim));
    work.t = malloc(sizeof(float) * (size_t)rows);
    must(bzd_noise(1, BZD_STREAM_USER, 0, rows, in, embedded));
    must(bzd_noise(1, BZD_STREAM_USER, 0, rows, dim, work.x));
    must(bzd_uniform(1, BZD_STREAM_USER, 0, rows, 1, work.t));
    check(make(memory, embedded, sizeof(float) * (size_t)(rows * in), (int64_t[]){rows, in}, 2, 1, &work.in));
    check(make(memory, y, sizeof(float) * (size_t)(rows * dim), (int64_t[]){rows, dim}, 2, 1, &work.out));
    compare(argv[3], "forward", (void (*[2])(const struct work *)){onnxruntime, float32}, &work, threads);
    compare(argv[3], "forward_bf16", (void (*[2])(const struct work *)){onnxruntime, bfloat16}, &work, threads);
    free(embedded), free(y), free(work.x), free(work.y), free(work.t);
  }
  return 0;
}
