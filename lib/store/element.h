/* SPDX-License-Identifier: MIT */
/* Types of numbers in other programs' tensor files, and how they become float32. */
#ifndef BZDI_STORE_ELEMENT_H
#define BZDI_STORE_ELEMENT_H

#include <stddef.h>
#include <stdint.h>

/* Ascending by size, in the order by which safetensors sorts. */
enum {
  BZDI_EL_BOOL = 1,
  BZDI_EL_U8,
  BZDI_EL_I8,
  BZDI_EL_I16,
  BZDI_EL_U16,
  BZDI_EL_F16,
  BZDI_EL_BF16,
  BZDI_EL_I32,
  BZDI_EL_U32,
  BZDI_EL_F32,
  BZDI_EL_F64,
  BZDI_EL_I64,
  BZDI_EL_U64,
  BZDI_EL_END
};

typedef struct bzdi_element {
  const char *name;        /* the public one: "f32" */
  const char *safetensors; /* "F32" */
  char npy[4];             /* "f4", without the byte order; "" where NumPy has none */
  uint8_t size;
  uint8_t idx; /* code of IDX, 0: none */
} bzdi_element;
extern const bzdi_element bzdi_elements[BZDI_EL_END];

int32_t bzdi_element_of(const char *name); /* 0: no such public name */
int bzdi_element_is_float(int32_t type);
/* The other byte order, in place. */
void bzdi_element_swap(int32_t type, void *data, uint64_t count);
/* count numbers at from to float32, rounded to nearest; to may be from where the numbers have at most 4 bytes. */
void bzdi_element_to_f32(int32_t type, const void *from, uint64_t count, float *to);

#endif
