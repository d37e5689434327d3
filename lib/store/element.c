/* SPDX-License-Identifier: MIT */
#include "store/element.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are read as they lie in little-endian files");

const bzdi_element bzdi_elements[BZDI_EL_END] = {
    [BZDI_EL_BOOL] = {"bool", "BOOL", "b1", 1, 0}, [BZDI_EL_U8] = {"u8", "U8", "u1", 1, 0x08},
    [BZDI_EL_I8] = {"i8", "I8", "i1", 1, 0x09},    [BZDI_EL_I16] = {"i16", "I16", "i2", 2, 0x0B},
    [BZDI_EL_U16] = {"u16", "U16", "u2", 2, 0},    [BZDI_EL_F16] = {"f16", "F16", "f2", 2, 0},
    [BZDI_EL_BF16] = {"bf16", "BF16", "", 2, 0},   [BZDI_EL_I32] = {"i32", "I32", "i4", 4, 0x0C},
    [BZDI_EL_U32] = {"u32", "U32", "u4", 4, 0},    [BZDI_EL_F32] = {"f32", "F32", "f4", 4, 0x0D},
    [BZDI_EL_F64] = {"f64", "F64", "f8", 8, 0x0E}, [BZDI_EL_I64] = {"i64", "I64", "i8", 8, 0},
    [BZDI_EL_U64] = {"u64", "U64", "u8", 8, 0},
};

int32_t bzdi_element_of(const char *name) {
  for (int32_t type = 1; type < BZDI_EL_END; type++)
    if (strcmp(name, bzdi_elements[type].name) == 0) return type;
  return 0;
}

int bzdi_element_is_float(int32_t type) {
  return type == BZDI_EL_F16 || type == BZDI_EL_BF16 || type == BZDI_EL_F32 || type == BZDI_EL_F64;
}

void bzdi_element_swap(int32_t type, void *data, uint64_t count) {
  size_t size = bzdi_elements[type].size;
  unsigned char *at = data;
  for (uint64_t i = 0; i < count && size > 1; i++, at += size)
    for (size_t k = 0; k < size / 2; k++) {
      unsigned char keep = at[k];
      at[k] = at[size - 1 - k];
      at[size - 1 - k] = keep;
    }
}

static float from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* IEEE binary16: every number of it is a float32. */
static float half(uint16_t bits) {
  uint32_t sign = (uint32_t)(bits & 0x8000) << 16, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent == 31) return from_bits(sign | 0x7F800000u | fraction << 13);
  if (exponent > 0) return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
  float small = (float)fraction * 0x1p-24f; /* 0 and the subnormal ones, exact */
  return sign ? -small : small;
}

#define NUMBER(type_)                                                                                                  \
  do {                                                                                                                 \
    type_ number;                                                                                                      \
    memcpy(&number, at, sizeof number);                                                                                \
    return (float)number;                                                                                              \
  } while (0)

static float one(int32_t type, const unsigned char *at) {
  uint16_t bits;
  switch (type) {
  case BZDI_EL_BOOL: return at[0] != 0;
  case BZDI_EL_U8: return at[0];
  case BZDI_EL_I8: NUMBER(int8_t);
  case BZDI_EL_I16: NUMBER(int16_t);
  case BZDI_EL_U16: NUMBER(uint16_t);
  case BZDI_EL_F16: return memcpy(&bits, at, 2), half(bits);
  case BZDI_EL_BF16: return memcpy(&bits, at, 2), from_bits((uint32_t)bits << 16);
  case BZDI_EL_I32: NUMBER(int32_t);
  case BZDI_EL_U32: NUMBER(uint32_t);
  case BZDI_EL_F32: NUMBER(float);
  case BZDI_EL_F64: NUMBER(double);
  case BZDI_EL_I64: NUMBER(int64_t);
  default: NUMBER(uint64_t);
  }
}

void bzdi_element_to_f32(int32_t type, const void *from, uint64_t count, float *to) {
  size_t size = bzdi_elements[type].size;
  /* From the end, so that in place nothing is overwritten before it was read. */
  for (uint64_t i = count; i-- > 0;) {
    float value = one(type, (const unsigned char *)from + i * size);
    memcpy((unsigned char *)to + i * sizeof value, &value, sizeof value);
  }
}
