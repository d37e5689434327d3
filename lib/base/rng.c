/* SPDX-License-Identifier: MIT */
#include "base/rng.h"

#include "base/rng_lanes.h"

#include <string.h>

/* Blocks made in one go when they cannot be written in place: 7 KiB of stack with their counters. */
#define BATCH 256

void bzdi_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int r = 0; r < 10; r++) {
    uint64_t p0 = (uint64_t)c0 * 0xD2511F53u, p1 = (uint64_t)c2 * 0xCD9E8D57u;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)p1;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

void bzdi_rng_words(uint64_t seed, uint32_t stream, uint64_t index, uint32_t block, uint32_t out[4]) {
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), block, stream};
  bzdi_philox(counter, key, out);
}

bzdi_rng_lanes_fn bzdi_rng_lanes(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return bzdi_rng_lanes_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return bzdi_rng_lanes_avx2;
#endif
  return bzdi_rng_lanes_base;
}

/* Place in the list of all blocks, row after row. */
struct place {
  int64_t row, block;
};

/* Counters of the next count blocks. */
static struct place count_on(struct place at, int64_t count, int64_t per_row, uint64_t first, const int64_t *listed,
                             uint32_t *lo, uint32_t *hi, uint32_t *block) {
  for (int64_t i = 0; i < count;) {
    uint64_t index = listed ? (uint64_t)listed[at.row] : first + (uint64_t)at.row;
    int64_t run = per_row - at.block < count - i ? per_row - at.block : count - i;
    for (int64_t end = i + run; i < end; i++) {
      lo[i] = (uint32_t)index;
      hi[i] = (uint32_t)(index >> 32);
      block[i] = (uint32_t)at.block++;
    }
    if (at.block == per_row) at = (struct place){at.row + 1, 0};
  }
  return at;
}

/* Copies a batch that begins at `at` to where its numbers belong. */
static void scatter(const float *made, int64_t count, struct place at, int64_t per_row, int64_t dim, float *out,
                    int64_t ld) {
  const int64_t last = dim - 4 * (per_row - 1);
  float *to = out + at.row * ld + 4 * at.block;
  if (dim == 2) { /* worth its own loop: plane distributions */
    for (int64_t i = 0; i < count; i++) memcpy(to + i * ld, made + 4 * i, 2 * sizeof *to);
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    if (++at.block < per_row) {
      memcpy(to, made + 4 * i, 4 * sizeof *to);
      to += 4;
    } else {
      for (int64_t k = 0; k < last; k++) to[k] = made[4 * i + k];
      at = (struct place){at.row + 1, 0};
      to = out + at.row * ld;
    }
  }
}

/* The blocks of all rows form one list, cut into batches, so that rows of a few numbers fill the lanes too. */
static void fill(int kind, uint64_t seed, uint32_t stream, uint64_t first, const int64_t *listed, int64_t n,
                 int64_t dim, float *out, int64_t ld) {
  const bzdi_rng_lanes_fn lanes = bzdi_rng_lanes();
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  const int64_t per_row = (dim + 3) / 4, total = n * per_row;
  const int dense = dim % 4 == 0 && (n == 1 || ld == dim);
  uint32_t lo[BATCH], hi[BATCH], block[BATCH];
  float made[4 * BATCH];
  struct place at = {0, 0};

  for (int64_t done = 0, count; done < total; done += count) {
    count = total - done < BATCH ? total - done : BATCH;
    struct place next = count_on(at, count, per_row, first, listed, lo, hi, block);
    int64_t padded = count;
    for (; padded % BZDI_RNG_LANES != 0; padded++) lo[padded] = hi[padded] = block[padded] = 0;
    if (dense && padded == count) {
      lanes(kind, key, stream, lo, hi, block, count, out + 4 * done);
    } else {
      lanes(kind, key, stream, lo, hi, block, padded, made);
      scatter(made, count, at, per_row, dim, out, ld);
    }
    at = next;
  }
}

void bzdi_rng_normals(uint64_t seed, uint32_t stream, uint64_t first, int64_t n, int64_t dim, float *out, int64_t ld) {
  fill(BZDI_RNG_NORMALS, seed, stream, first, NULL, n, dim, out, ld);
}

void bzdi_rng_normals_at(uint64_t seed, uint32_t stream, const int64_t *index, int64_t n, int64_t dim, float *out,
                         int64_t ld) {
  fill(BZDI_RNG_NORMALS, seed, stream, 0, index, n, dim, out, ld);
}

void bzdi_rng_uniforms(uint64_t seed, uint32_t stream, uint64_t first, int64_t n, int64_t dim, float *out) {
  fill(BZDI_RNG_UNIFORMS, seed, stream, first, NULL, n, dim, out, dim);
}

double bzdi_rng_unit(uint64_t seed, uint32_t stream, uint64_t index) {
  uint32_t w[4];
  bzdi_rng_words(seed, stream, index, 0, w);
  uint64_t bits = ((uint64_t)w[0] << 32 | w[1]) >> 12;
  return ((double)bits + 0.5) * 0x1p-52;
}

/* Murmur3's finalizer: every bit of x reaches every bit of the result. */
static uint32_t mix(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x85EBCA6Bu;
  x = (x ^ (x >> 13)) * 0xC2B2AE35u;
  return x ^ (x >> 16);
}

int64_t bzdi_rng_shuffled(uint64_t seed, uint32_t stream, uint64_t s, int64_t n) {
  if (n <= 1) return 0;
  const uint64_t epoch = s / (uint64_t)n;
  uint64_t x = s % (uint64_t)n;
  uint32_t round_keys[8];
  bzdi_rng_words(seed, stream, epoch, 0, round_keys);
  bzdi_rng_words(seed, stream, epoch, 1, round_keys + 4);

  int bits = 1;
  while (bits < 62 && (INT64_C(1) << bits) < n) bits++;
  const int low_bits = (bits + 1) / 2;
  const uint32_t low_mask = (uint32_t)((UINT64_C(1) << low_bits) - 1);
  const uint32_t high_mask = (uint32_t)((UINT64_C(1) << (bits - low_bits)) - 1);
  const uint32_t rounds = bits < 8 ? 24 : 8; /* halves of a bit or two mix slowly */
  do {                                       /* from outside 0..n-1 walk on along the cycle until inside again */
    uint32_t low = (uint32_t)x & low_mask, high = (uint32_t)(x >> low_bits) & high_mask;
    for (uint32_t r = 0; r < rounds; r += 2) {
      const uint32_t again = r / 8 * 0x6A09E667u;
      low ^= mix(high * 0x9E3779B9u + round_keys[r % 8] + again) & low_mask;
      high ^= mix(low * 0x9E3779B9u + round_keys[r % 8 + 1] + again) & high_mask;
    }
    x = (uint64_t)high << low_bits | low;
  } while (x >= (uint64_t)n);
  return (int64_t)x;
}
