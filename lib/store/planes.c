/* SPDX-License-Identifier: MIT */
/* 16 numbers at a time by vectors of the compiler, which every 64-bit CPU has; what is left over one by one. */
#include "store/planes.h"

#include <stdint.h>
#include <string.h>

typedef uint8_t v16 __attribute__((vector_size(16)));
typedef uint32_t v4w __attribute__((vector_size(16)));

enum { AT_ONCE = 16 };

static v16 load(const unsigned char *from) {
  v16 v;
  memcpy(&v, from, sizeof v);
  return v;
}
static void store(unsigned char *to, v16 v) { memcpy(to, &v, sizeof v); }

/* Bytes of a and b in turn: of the first halves, of the second halves. */
static v16 zip_low(v16 a, v16 b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
static v16 zip_high(v16 a, v16 b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/* The perfect shuffle of 64 bytes, which turns the 6 bits of a byte's place left by one. Of 16 words they are wwwwpp,
 * word and place in it: four times makes them ppwwww, planes, and twice brings those back. */
static void shuffle(v16 v[4]) {
  v16 a = v[0], b = v[1], c = v[2], d = v[3];
  v[0] = zip_low(a, c), v[1] = zip_high(a, c), v[2] = zip_low(b, d), v[3] = zip_high(b, d);
}

static size_t split4(const unsigned char *raw, unsigned char *out, size_t n) {
  size_t i = 0;
  for (; i + AT_ONCE <= n; i += AT_ONCE) {
    v16 v[4];
    for (size_t k = 0; k < 4; k++) {
      v4w words = (v4w)load(raw + 4 * i + 16 * k);
      v[k] = (v16)(words << 1 | words >> 31);
    }
    for (int turn = 0; turn < 4; turn++) shuffle(v);
    for (size_t k = 0; k < 4; k++) store(out + k * n + i, v[k]);
  }
  return i;
}

static size_t join4(const unsigned char *const plane[4], unsigned char *raw, size_t n) {
  size_t i = 0;
  for (; i + AT_ONCE <= n; i += AT_ONCE) {
    v16 v[4] = {load(plane[0] + i), load(plane[1] + i), load(plane[2] + i), load(plane[3] + i)};
    shuffle(v);
    shuffle(v);
    for (size_t k = 0; k < 4; k++) {
      v4w words = (v4w)v[k];
      store(raw + 4 * i + 16 * k, (v16)(words >> 1 | words << 31));
    }
  }
  return i;
}

void bzdi_planes_split(int planes, const unsigned char *raw, size_t size, unsigned char *out) {
  size_t n = size / (size_t)planes;
  if (planes == 1) {
    memcpy(out, raw, size);
  } else if (planes == 2) {
    for (size_t i = 0; i < n; i++) out[i] = raw[2 * i], out[n + i] = raw[2 * i + 1];
  } else {
    for (size_t i = split4(raw, out, n); i < n; i++) {
      uint32_t word = (uint32_t)raw[4 * i] | (uint32_t)raw[4 * i + 1] << 8 | (uint32_t)raw[4 * i + 2] << 16 |
                      (uint32_t)raw[4 * i + 3] << 24;
      word = word << 1 | word >> 31;
      for (int p = 0; p < 4; p++) out[(size_t)p * n + i] = (unsigned char)(word >> 8 * p);
    }
  }
}

void bzdi_planes_join(int planes, const unsigned char *const plane[4], unsigned char *raw, size_t size) {
  size_t n = size / (size_t)planes, i = 0;
  if (planes == 1) {
    memcpy(raw, plane[0], size);
  } else if (planes == 2) {
    for (; i + AT_ONCE <= n; i += AT_ONCE) {
      v16 a = load(plane[0] + i), b = load(plane[1] + i);
      store(raw + 2 * i, zip_low(a, b));
      store(raw + 2 * i + 16, zip_high(a, b));
    }
    for (; i < n; i++) raw[2 * i] = plane[0][i], raw[2 * i + 1] = plane[1][i];
  } else {
    for (i = join4(plane, raw, n); i < n; i++) {
      uint32_t word = (uint32_t)plane[0][i] | (uint32_t)plane[1][i] << 8 | (uint32_t)plane[2][i] << 16 |
                      (uint32_t)plane[3][i] << 24;
      word = word >> 1 | word << 31;
      for (int p = 0; p < 4; p++) raw[4 * i + (size_t)p] = (unsigned char)(word >> 8 * p);
    }
  }
}
