/* SPDX-License-Identifier: MIT */
/* Which tables this CPU runs, best first. */
#include "num/kernel.h"

const bzdi_kernels *bzdi_kernels_at(int32_t i) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && i-- == 0)
    return &bzdi_kernels_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && i-- == 0) return &bzdi_kernels_avx2;
#endif
  return i == 0 ? &bzdi_kernels_base : NULL;
}

const bzdi_kernels *bzdi_kernels_pick(void) { return bzdi_kernels_at(0); }
