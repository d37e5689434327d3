/* SPDX-License-Identifier: MIT */
/* What bezdist bench measures beside the library's own work. */
#ifndef BEZDIST_CLI_BENCH_H
#define BEZDIST_CLI_BENCH_H

#include <stdint.h>

/* Of all threads together: fused multiply-adds in registers, 10^9 operations a second (0 where there is no loop for
 * this CPU), and bytes read one after another from more memory than caches hold, 10^9 a second. */
double machine_peak_fma(int threads);
double machine_bandwidth(int threads);

/* Bytes that a context's allocator gave and did not get back: of a trainer with EMA after its first steps; of a flow
 * and its workspace after sampling `rows` rows in one step, without the weights that a file or a trainer would need. */
struct bench_memory {
  int64_t parameters, trainer, activations, sampler, packed, workspace;
};
void measure_memory(int threads, int64_t dim, int64_t width, int64_t batch, struct bench_memory *memory);

#endif
