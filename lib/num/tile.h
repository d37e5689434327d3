/* SPDX-License-Identifier: MIT */
/* The inner loop of everything quadratic in double: 4 rows against 8 rows, each result one plain sum over k in order
 * (no FMA), so all instruction sets, and a naive loop, give the same bits. */
#ifndef BZDI_NUM_TILE_H
#define BZDI_NUM_TILE_H

#include <stdint.h>

#define BZDI_TILE_ROWS 4
#define BZDI_TILE_COLUMNS 8

/* c[i ldc + j] += sum_k a[k][i] b[k][j], i < 4, j < 8; a [k, 4] and b [k, 8] packed. */
void bzdi_tile_products(int64_t k, const double *a, const double *b, double *c, int64_t ldc);
/* c[i ldc + j] += sum_k (a[k][i] - b[k][j])^2. */
void bzdi_tile_distances(int64_t k, const double *a, const double *b, double *c, int64_t ldc);

#endif
