/* SPDX-License-Identifier: MIT */
/* The 8x8 digits of examples/data inside the program: two IDX.gz files as bytes (made by CMake). */
#ifndef BEZDIST_CLI_DIGITS_H
#define BEZDIST_CLI_DIGITS_H

#include <stddef.h>

extern const unsigned char digits_images[], digits_labels[];
extern const size_t digits_images_size, digits_labels_size;

#endif
