/* SPDX-License-Identifier: MIT */
#define LANES 8
#define PANEL_VECTORS 2 /* 6 x 2 sums, 2 of B, 1 of A: 15 of 16 registers */
#define DEPTH 256       /* 16 KiB of a panel: half of the first-level cache */
#define TABLE bzdi_kernels_avx2
#define TABLE_NAME "avx2"
#include "num/kernel_impl.h"
