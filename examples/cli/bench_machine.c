/* SPDX-License-Identifier: MIT */
/* What the machine could do: the limits that figures of the library are held against. */
#include "bench.h"
#include "cli.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { CHAINS = 12, MOST = 64, ROUNDS = 5 }; /* chains: two units of four cycles need eight, tiles have twelve */

#define FMA_LOOP(name, attribute, vector, lanes)                                                                       \
  typedef float vector __attribute__((vector_size(4 * (lanes))));                                                      \
  attribute static float name(int64_t count) {                                                                         \
    vector s[CHAINS], x, y;                                                                                            \
    for (int l = 0; l < (lanes); l++) x[l] = 0.999f, y[l] = 0.001f;                                                    \
    for (int c = 0; c < CHAINS; c++) s[c] = x;                                                                         \
    for (int64_t i = 0; i < count; i++) {                                                                              \
      _Pragma("GCC unroll 12") for (int c = 0; c < CHAINS; c++) s[c] = s[c] * x + y;                                   \
    }                                                                                                                  \
    for (int c = 1; c < CHAINS; c++) s[0] += s[c];                                                                     \
    return s[0][0];                                                                                                    \
  }
#if defined(__x86_64__) && !defined(__clang__)
FMA_LOOP(fma_avx2, __attribute__((target("avx2,fma"), optimize("fp-contract=fast"))), v8, 8)
FMA_LOOP(fma_avx512, __attribute__((target("avx512f"), optimize("fp-contract=fast"))), v16, 16)
#endif

struct job {
  float (*fma)(int64_t count);
  int64_t count;
  const uint64_t *memory;
  volatile float sink;
  volatile uint64_t sum;
};

static void *run_fma(void *user) {
  struct job *job = user;
  job->sink = job->fma(job->count);
  return NULL;
}

static void *run_read(void *user) {
  struct job *job = user;
  uint64_t sum[16] = {0};
  for (int64_t i = 0; i < job->count; i += 16)
    for (int j = 0; j < 16; j++) sum[j] += job->memory[i + j];
  for (int j = 1; j < 16; j++) sum[0] += sum[j];
  job->sum = sum[0];
  return NULL;
}

/* Seconds of the shortest of a few rounds in which all threads run a job each. */
static double shortest(int threads, void *(*run)(void *), struct job *jobs) {
  double best = 1e9;
  for (int r = 0; r < ROUNDS; r++) {
    pthread_t others[MOST];
    int started = 0;
    double start = clock_seconds();
    for (int i = 1; i < threads; i++)
      if (pthread_create(&others[started], NULL, run, &jobs[i]) == 0)
        started++;
      else
        run(&jobs[i]);
    run(&jobs[0]);
    for (int i = 0; i < started; i++) pthread_join(others[i], NULL);
    double seconds = clock_seconds() - start;
    if (seconds < best) best = seconds;
  }
  return best;
}

double machine_peak_fma(int threads) {
  struct job jobs[MOST] = {{0}};
  int lanes = 0;
  if (threads > MOST) threads = MOST;
#if defined(__x86_64__) && !defined(__clang__)
  if (__builtin_cpu_supports("avx512f"))
    jobs[0].fma = fma_avx512, lanes = 16;
  else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    jobs[0].fma = fma_avx2, lanes = 8;
#endif
  if (!jobs[0].fma) return 0;
  jobs[0].count = 8000000;
  for (int i = 1; i < threads; i++) jobs[i] = jobs[0];
  return 2.0 * CHAINS * lanes * (double)jobs[0].count * threads / shortest(threads, run_fma, jobs) / 1e9;
}

double machine_bandwidth(int threads) {
  enum { WORDS = 1 << 25 }; /* 256 MiB */
  struct job jobs[MOST] = {{0}};
  if (threads > MOST) threads = MOST;
  uint64_t *memory = must_alloc(WORDS, sizeof *memory);
  memset(memory, 1, WORDS * sizeof *memory);
  const int64_t each = WORDS / threads / 16 * 16;
  for (int i = 0; i < threads; i++) jobs[i] = (struct job){.count = each, .memory = memory + i * each};
  double seconds = shortest(threads, run_read, jobs);
  free(memory);
  return (double)each * threads * sizeof *memory / seconds / 1e9;
}
