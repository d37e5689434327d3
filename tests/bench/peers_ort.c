/* SPDX-License-Identifier: MIT */
/* Times ONNX Runtime's forward pass through its C API, without its headers: the function table's prefix never changes.
 * Usage: peers_ort LIBONNXRUNTIME THREADS toy|digits|image MODEL.onnx; prints JSON lines like peers_torch.py. */
#define _POSIX_C_SOURCE 200809L
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
static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int threads = atoi(argv[2]);
  int64_t dim = !strcmp(argv[3], "toy") ? 2 : !strcmp(argv[3], "digits") ? 64 : 784, in = dim + 32;
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
  void *env, *options, *session, *memory;
  check(((void *(*)(int, const char *, void **))api[CreateEnv])(3, "peers", &env));
  check(((void *(*)(void **))api[CreateSessionOptions])(&options));
  check(((void *(*)(void *, int))api[SetIntraOpNumThreads])(options, threads));
  check(((void *(*)(void *, int))api[SetInterOpNumThreads])(options, 1));
  check(((void *(*)(void *, const void *, size_t, void *, void **))api[CreateSessionFromArray])(
      env, model, (size_t)size, options, &session));
  check(((void *(*)(int, int, void **))api[CreateCpuMemoryInfo])(0, 0, &memory));
  for (int64_t rows = 1; rows <= 256; rows *= 4) {
    float *x = malloc(sizeof(float) * (size_t)(rows * in)), *y = malloc(sizeof(float) * (size_t)(rows * dim));
    for (int64_t i = 0; i < rows * in; i++) x[i] = (float)rand() / (float)RAND_MAX - 0.5f;
    void *vx, *vy;
    void *(*make)(void *, void *, size_t, const int64_t *, size_t, int, void **) =
        (void *(*)(void *, void *, size_t, const int64_t *, size_t, int, void **))api[CreateTensorWithData];
    check(make(memory, x, sizeof(float) * (size_t)(rows * in), (int64_t[]){rows, in}, 2, 1, &vx));
    check(make(memory, y, sizeof(float) * (size_t)(rows * dim), (int64_t[]){rows, dim}, 2, 1, &vy));
    const char *in_name = "x", *out_name = "y";
    void *(*run)(void *, void *, const char **, void **, size_t, const char **, size_t, void **) =
        (void *(*)(void *, void *, const char **, void **, size_t, const char **, size_t, void **))api[Run];
    for (int i = 0; i < 5; i++) check(run(session, NULL, &in_name, &vx, 1, &out_name, 1, &vy));
    double start = now();
    check(run(session, NULL, &in_name, &vx, 1, &out_name, 1, &vy));
    const double once = now() - start + 1e-7; /* as examples/cli/bench.c */
    const int loops = (int)(2e-3 / once) + 1;
    const double pieces = 1.05 / (once * loops);
    const int n = pieces < 7 ? 7 : pieces > 512 ? 512 : (int)pieces;
    double times[512];
    for (int r = 0; r < n; r++) {
      start = now();
      for (int i = 0; i < loops; i++) check(run(session, NULL, &in_name, &vx, 1, &out_name, 1, &vy));
      times[r] = (now() - start) / loops;
    }
    qsort(times, (size_t)n, sizeof times[0], by_value);
    printf("{\"peer\": \"onnxruntime\", \"work\": \"%s\", \"what\": \"forward\", \"rows\": %d, \"threads\": %d, "
           "\"us\": %.2f, \"least_us\": %.2f}\n",
           argv[3], (int)rows, threads, times[n / 2] * 1e6, times[0] * 1e6);
    fflush(stdout);
    free(x);
    free(y);
  }
  return 0;
}
