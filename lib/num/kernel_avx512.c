/* SPDX-License-Identifier: MIT */
#define LANES 16
#define PANEL_VECTORS 4 /* 6 x 4 sums, 4 of B, 1 of A: 29 of 32 registers */
#define DEPTH INT64_MAX /* a line of B serves 24 sums: the second-level cache keeps up */
#define TABLE bzdi_kernels_avx512
#define TABLE_NAME "avx512"
#include "num/kernel_impl.h"
