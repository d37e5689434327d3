/* SPDX-License-Identifier: MIT */
#define LANES 16
#define PANEL_VECTORS 4 /* 6 x 4 sums, 4 of B, 1 of A: 29 of 32 registers */
#define DEPTH 256       /* 64 KiB of a panel in the second-level cache: a line of B serves 24 sums */
#define TABLE bzdi_kernels_avx512
#define TABLE_NAME "avx512"
#include "num/kernel_impl.h"
