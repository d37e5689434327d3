/* SPDX-License-Identifier: MIT */
/* What every CPU of the target runs: SSE2 on x86-64, NEON on aarch64. */
#define LANES 4
#if defined(__aarch64__)
#define PANEL_VECTORS 4 /* 32 registers */
#else
#define PANEL_VECTORS 2
#endif
#define DEPTH (4096 / (PANEL_VECTORS * LANES)) /* 16 KiB of a panel */
#define TABLE bzdi_kernels_base
#define TABLE_NAME "base"
#include "num/kernel_impl.h"
