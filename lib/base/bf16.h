/* SPDX-License-Identifier: MIT */
/* bfloat16: the upper half of a float32. From it exactly; to it to nearest, ties to even, NaNs staying NaN with their
 * sign and upper bits. Any alignment. */
#ifndef BZDI_BASE_BF16_H
#define BZDI_BASE_BF16_H

#include <stdint.h>

void bzdi_bf16_to_f32(const void *from, uint64_t count, void *to);
void bzdi_bf16_from_f32(const void *from, uint64_t count, void *to);

#endif
