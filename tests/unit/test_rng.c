/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/rng_lanes.h"

static const double pi = 3.14159265358979323846;

/* ---- A plain twin, one number at a time, written from docs/noise.md -------------------------------------------- */

static uint32_t bits_of(float x) {
  uint32_t b;
  memcpy(&b, &x, sizeof b);
  return b;
}

static float float_of(uint32_t b) {
  float x;
  memcpy(&x, &b, sizeof x);
  return x;
}

static float twin_radius(uint32_t w) {
  int upper = w >= 0x80000000u;
  uint32_t t = upper ? ~w : w;
  float q = ((float)(int32_t)t + 0.5f) * 0x1p-32f;
  float u = upper ? 1.0f - q : q;
  uint32_t above = bits_of(u) - 0x3F3504F3u; /* u = m 2^e with m in [sqrt(1/2), sqrt(2)) */
  int e = (int)(above >> 23) - (above >> 31 ? 512 : 0);
  float scale = ldexpf(1.0f, -e);
  float f = upper ? (scale - 1.0f) - q * scale : q * scale - 1.0f;
  float f2 = f * f, f4 = f2 * f2;
  float a = 1.0f - f * float_of(0x3F2AAAAAu), b = float_of(0x3F000113u) - f * float_of(0x3ECCD00Eu);
  float c = float_of(0x3EAA3945u) - f * float_of(0x3E916C98u), d = float_of(0x3E86C123u) - f * float_of(0x3E82AF56u);
  float g = (a + f2 * b) + f4 * ((c + f2 * d) + f4 * float_of(0x3E1C64B4u));
  float y = f2 * g + (float)e * float_of(0x39DE8083u);
  y = (y - 2.0f * f) - (float)e * 1.38671875f;
  return sqrtf(y);
}

static void twin_turn(uint32_t w, float r, float *x, float *y) {
  uint32_t quarter = (w + 0x20000000u) >> 30;
  uint32_t rest = (w << 2) | 2u;
  float t = (float)(int32_t)rest * 0x1p-32f, z = t * t;
  float s =
      ((z * -float_of(0x3B99A2E1u) + float_of(0x3DA340C8u)) * z - float_of(0x3F255E13u)) * z + float_of(0x3FC90FDBu);
  float c =
      ((z * float_of(0x3A6A3844u) - float_of(0x3CAAD89Cu)) * z + float_of(0x3E81E0D7u)) * z - float_of(0x3F9DE9E6u);
  s = s * t;
  c = c * z + 1.0f;
  switch (quarter) {
  case 0: *x = r * c, *y = r * s; break;
  case 1: *x = r * -s, *y = r * c; break;
  case 2: *x = r * -c, *y = r * -s; break;
  default: *x = r * s, *y = r * -c; break;
  }
}

static void twin_block(int kind, const uint32_t w[4], float z[4]) {
  for (int k = 0; k < 4; k += 2) {
    if (kind == BZDI_RNG_NORMALS) {
      twin_turn(w[k + 1], twin_radius(w[k]), &z[k], &z[k + 1]);
    } else {
      z[k] = ((float)(w[k] >> 9) + 0.5f) / 8388608.0f;
      z[k + 1] = ((float)(w[k + 1] >> 9) + 0.5f) / 8388608.0f;
    }
  }
}

static float twin(int kind, uint64_t seed, uint32_t stream, uint64_t index, int64_t j) {
  uint32_t w[4];
  float z[4];
  bzdi_rng_words(seed, stream, index, (uint32_t)(j / 4), w);
  twin_block(kind, w, z);
  return z[j % 4];
}

static void exact(const uint32_t w[2], double z[2]) {
  double u = ((double)w[0] + 0.5) * 0x1p-32, v = ((double)w[1] + 0.5) * 0x1p-32;
  double r = sqrt(-2 * (u > 0.5 ? log1p(-((double)~w[0] + 0.5) * 0x1p-32) : log(u)));
  z[0] = r * cos(2 * pi * v);
  z[1] = r * sin(2 * pi * v);
}

/* ---- Philox ----------------------------------------------------------------------------------------------------- */

static void known_answers(void **state) {
  (void)state;
  /* Random123, kat_vectors, philox4x32 with 10 rounds */
  static const uint32_t vectors[3][10] = {{0, 0, 0, 0, 0, 0, 0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8},
                                          {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF,
                                           0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD},
                                          {0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0,
                                           0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}};
  for (int i = 0; i < 3; i++) {
    uint32_t out[4];
    bzdi_philox(vectors[i], vectors[i] + 4, out);
    assert_memory_equal(out, vectors[i] + 6, sizeof out);
    const uint32_t *c = vectors[i], *k = vectors[i] + 4;
    bzdi_rng_words((uint64_t)k[1] << 32 | k[0], c[3], (uint64_t)c[1] << 32 | c[0], c[2], out);
    assert_memory_equal(out, vectors[i] + 6, sizeof out);
  }
}

/* ---- Bits ------------------------------------------------------------------------------------------------------- */

static int variants(bzdi_rng_lanes_fn fn[3]) {
  int n = 0;
  fn[n++] = bzdi_rng_lanes_base;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) fn[n++] = bzdi_rng_lanes_avx2;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw"))
    fn[n++] = bzdi_rng_lanes_avx512;
#endif
  return n;
}

static void variants_equal_the_twin(void **state) {
  (void)state;
  enum { N = 1 << 12 };
  static uint32_t lo[N], hi[N], block[N];
  static float made[4 * N], expected[4 * N];
  bzdi_rng_lanes_fn fn[3];
  const int count = variants(fn);
  for (uint32_t round = 0; round < 8; round++) {
    const int kind = round % 4 == 3 ? BZDI_RNG_UNIFORMS : BZDI_RNG_NORMALS;
    const uint32_t key[2] = {round * 0x9E3779B9u, ~round}, stream = round << 16 | 5;
    for (uint32_t i = 0; i < N; i++) {
      uint32_t w[4];
      bzdi_rng_words(99, 3, i, round, w);
      lo[i] = w[0];
      hi[i] = w[1];
      block[i] = w[2];
      const uint32_t counter[4] = {lo[i], hi[i], block[i], stream};
      bzdi_philox(counter, key, w);
      twin_block(kind, w, expected + 4 * i);
    }
    for (int v = 0; v < count; v++) {
      memset(made, 0, sizeof made);
      fn[v](kind, key, stream, lo, hi, block, N, made);
      assert_memory_equal(made, expected, sizeof made);
    }
  }
}

static void rows_do_not_depend_on_the_call(void **state) {
  (void)state;
  static const int64_t dims[] = {1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 784, 1030};
  static const uint64_t firsts[] = {0, 1, 0xFFFFFFF0u, UINT64_C(0x123456789ABCDEF0)};
  const uint64_t seed = UINT64_C(0xDEADBEEF01234567);
  for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
    const int64_t dim = dims[d], ld = dim + 3, n = 37;
    float *dense = malloc((size_t)(n * dim) * sizeof *dense), *wide = malloc((size_t)(n * ld) * sizeof *wide);
    assert_true(dense && wide);
    for (size_t f = 0; f < sizeof firsts / sizeof *firsts; f++) {
      int64_t listed[37];
      bzdi_rng_normals(seed, 2, firsts[f], n, dim, dense, dim);
      for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < dim; j++) {
          float expected = twin(BZDI_RNG_NORMALS, seed, 2, firsts[f] + (uint64_t)i, j);
          assert_int_equal(bits_of(dense[i * dim + j]), bits_of(expected));
        }
      }
      /* listed samples in another order into rows apart; what lies between the rows stays */
      for (int64_t i = 0; i < n; i++) listed[i] = (int64_t)firsts[f] + (i * 11) % n;
      memset(wide, 0x5A, (size_t)(n * ld) * sizeof *wide);
      bzdi_rng_normals_at(seed, 2, listed, n, dim, wide, ld);
      for (int64_t i = 0; i < n; i++) {
        assert_memory_equal(wide + i * ld, dense + (i * 11) % n * dim, (size_t)dim * sizeof *wide);
        for (int64_t j = dim; j < ld; j++) assert_int_equal(bits_of(wide[i * ld + j]), 0x5A5A5A5A);
      }
      /* cut in two */
      bzdi_rng_normals(seed, 2, firsts[f], 17, dim, wide, dim);
      bzdi_rng_normals(seed, 2, firsts[f] + 17, n - 17, dim, wide + 17 * dim, dim);
      assert_memory_equal(wide, dense, (size_t)(n * dim) * sizeof *wide);
      bzdi_rng_uniforms(seed, 2, firsts[f], n, dim, wide);
      for (int64_t i = 0; i < n * dim; i += 3) {
        float expected = twin(BZDI_RNG_UNIFORMS, seed, 2, firsts[f] + (uint64_t)(i / dim), i % dim);
        assert_int_equal(bits_of(wide[i]), bits_of(expected));
      }
    }
    free(dense);
    free(wide);
  }
  float untouched = 3;
  bzdi_rng_normals(seed, 2, 0, 0, 5, &untouched, 5);
  assert_true(untouched == 3);
}

/* The worked example of docs/noise.md: a change of any bit is a new version of the noise. */
static void version_one_is_pinned(void **state) {
  (void)state;
  static const uint32_t words[4] = {0x5BBD83B1, 0x68784C85, 0x172067AA, 0x2E6B75B7};
  static const uint32_t normals[6] = {0xBF99A317, 0x3F483A0F, 0x3F6AC545, 0x3FFEF421, 0xBF2E9C33, 0x3FB2CD2C};
  static const uint32_t uniforms[4] = {0x3EB77B06, 0x3ED0F09A, 0x3DB90338, 0x3E39ADD4};
  uint32_t w[4];
  float z[6], u[4];
  bzdi_rng_words(42, BZD_STREAM_NOISE, 7, 0, w);
  bzdi_rng_normals(42, BZD_STREAM_NOISE, 7, 1, 6, z, 6);
  bzdi_rng_uniforms(42, BZD_STREAM_NOISE, 7, 1, 4, u);
  assert_memory_equal(w, words, sizeof w);
  assert_memory_equal(z, normals, sizeof z);
  assert_memory_equal(u, uniforms, sizeof u);
  static const int order[14] = {1, 6, 2, 4, 3, 5, 0, 0, 4, 3, 6, 1, 2, 5};
  for (int i = 0; i < 14; i++) assert_int_equal(bzdi_rng_shuffled(42, BZD_STREAM_ORDER, (uint64_t)i, 7), order[i]);
  static const int longer[4] = {1421, 372, 318, 418};
  for (int i = 0; i < 4; i++) assert_int_equal(bzdi_rng_shuffled(42, BZD_STREAM_ORDER, (uint64_t)i, 1437), longer[i]);
}

/* ---- Accuracy and distribution ---------------------------------------------------------------------------------- */

static void normals_are_accurate(void **state) {
  (void)state;
  /* every end and joint of the two maps, then random words */
  static const uint32_t ends[] = {0,          1,          2,          3,          0x7F,       0xFFFF,
                                  0x00FFFFFF, 0x1FFFFFFF, 0x20000000, 0x3FFFFFFF, 0x40000000, 0x5A827999,
                                  0x5A8279FF, 0x5FFFFFFF, 0x60000000, 0x7FFFFFFF, 0x80000000, 0x9FFFFFFF,
                                  0xA0000000, 0xB504F332, 0xB504F334, 0xB5050000, 0xBFFFFFFF, 0xC0000000,
                                  0xDFFFFFFF, 0xE0000000, 0xFFFF0000, 0xFFFFFFF0, 0xFFFFFFFE, 0xFFFFFFFF};
  const uint32_t count = sizeof ends / sizeof *ends;
  double worst = 0, worst_relative = 0, libm = 0;
  for (uint32_t i = 0; i < 400000; i++) {
    uint32_t w[4];
    float z[4];
    double x[2];
    bzdi_rng_words(5, 6, i, 7, w);
    if (i < count * count) {
      w[0] = ends[i / count];
      w[1] = ends[i % count];
    }
    twin_block(BZDI_RNG_NORMALS, w, z);
    exact(w, x);
    double r = hypot(x[0], x[1]);
    float u = ((float)w[0] + 0.5f) * 0x1p-32f, a = (float)(2 * pi) * (((float)w[1] + 0.5f) * 0x1p-32f);
    float rf = sqrtf(-2.0f * logf(u));
    const float naive[2] = {rf * cosf(a), rf * sinf(a)};
    for (int k = 0; k < 2; k++) {
      double error = fabs((double)z[k] - x[k]);
      worst = fmax(worst, error);
      worst_relative = fmax(worst_relative, error / r);
      libm = fmax(libm, fabs((double)naive[k] - x[k]));
    }
  }
  print_message("largest error %.3g, %.3g of the radius; with float libm %.3g\n", worst, worst_relative, libm);
  assert_true(worst < 9e-7);                 /* two units in the last place of numbers in 4..8 */
  assert_true(worst_relative < 3 * 0x1p-24); /* 1.5 units in the last place */
  assert_true(worst <= libm);
}

static int by_value(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static void normals_are_normal(void **state) {
  (void)state;
  enum { N = 1 << 18, DIM = 64 };
  float *z = malloc(N * sizeof *z);
  assert_non_null(z);
  bzdi_rng_normals(20260101, BZD_STREAM_NOISE, 0, N / DIM, DIM, z, DIM);
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0, neighbour = 0, row = 0, squares = 0;
  int tail3 = 0, tail4 = 0;
  for (int i = 0; i < N; i++) {
    double x = (double)z[i];
    m1 += x;
    m2 += x * x;
    m3 += x * x * x;
    m4 += x * x * x * x;
    neighbour += x * (double)z[(i + 1) % N];
    row += x * (double)z[(i + DIM) % N];
    squares += (x * x - 1) * ((double)z[i ^ 1] * (double)z[i ^ 1] - 1); /* the two of a pair share their radius */
    tail3 += fabs(x) > 3;
    tail4 += fabs(x) > 4;
  }
  /* 4 standard errors each; Var: x 1, x^2 2, x^3 15, x^4 96, products 1, products of squares 4 (twice counted: 8) */
  const double se = 1 / sqrt((double)N);
  assert_true(fabs(m1 / N) < 4 * se);
  assert_true(fabs(m2 / N - 1) < 4 * sqrt(2) * se);
  assert_true(fabs(m3 / N) < 4 * sqrt(15) * se);
  assert_true(fabs(m4 / N - 3) < 4 * sqrt(96) * se);
  assert_true(fabs(neighbour / N) < 4 * se);
  assert_true(fabs(row / N) < 4 * se);
  assert_true(fabs(squares / N) < 4 * sqrt(8) * se);
  /* Poisson counts */
  const double p3 = N * erfc(3 / sqrt(2)), p4 = N * erfc(4 / sqrt(2));
  assert_true(fabs(tail3 - p3) < 4 * sqrt(p3));
  assert_true(fabs(tail4 - p4) < 4 * sqrt(p4));
  /* Kolmogorov-Smirnov: P(sqrt(N) D > 1.95) = 0.001 */
  qsort(z, N, sizeof *z, by_value);
  double d = 0;
  for (int i = 0; i < N; i++) {
    double p = 0.5 * erfc(-(double)z[i] / sqrt(2));
    d = fmax(d, fmax(p - (double)i / N, (i + 1.0) / N - p));
  }
  assert_true(d * sqrt((double)N) < 1.95);
  free(z);
}

static void uniforms_are_uniform(void **state) {
  (void)state;
  enum { N = 1 << 16 };
  static float u[N];
  bzdi_rng_uniforms(8, 9, 100, N / 16, 16, u);
  double low = 1, high = 0, unit_d = 0, d = 0;
  double *unit = malloc(N * sizeof *unit);
  assert_non_null(unit);
  int bins[64] = {0};
  for (int i = 0; i < N; i++) {
    unit[i] = bzdi_rng_unit(8, 10, (uint64_t)i);
    assert_true(unit[i] > 0 && unit[i] < 1);
    bins[(int)(unit[i] * 64)]++;
    low = fmin(low, (double)u[i]);
    high = fmax(high, (double)u[i]);
  }
  assert_true(low > 0 && high < 1);
  qsort(u, N, sizeof *u, by_value);
  for (int i = 0; i < N; i++) d = fmax(d, fmax((double)u[i] - (double)i / N, (i + 1.0) / N - (double)u[i]));
  assert_true(d * sqrt((double)N) < 1.95);
  for (int b = 0; b < 64; b++) unit_d += (bins[b] - N / 64.0) * (bins[b] - N / 64.0) / (N / 64.0);
  assert_true(unit_d > 27 && unit_d < 110); /* chi-square of 63 degrees, 1e-4 on both sides */
  uint32_t w[4];
  bzdi_rng_words(8, 10, 3, 0, w);
  assert_true(unit[3] == ((double)(((uint64_t)w[0] << 20) + (w[1] >> 12)) + 0.5) / 4503599627370496.0);
  free(unit);
}

/* ---- Shuffled walks --------------------------------------------------------------------------------------------- */

static void every_run_visits_each_item_once(void **state) {
  (void)state;
  static const int64_t sizes[] = {1,  2,  3,  4,    5,    7,    8,    9,     16,    17,
                                  63, 64, 65, 1000, 1437, 4096, 4097, 65535, 65536, 65537};
  static unsigned char seen[65537];
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    const int64_t n = sizes[k];
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
      memset(seen, 0, sizeof seen);
      for (int64_t i = 0; i < n; i++) {
        int64_t at = bzdi_rng_shuffled(77, BZD_STREAM_ORDER, epoch * (uint64_t)n + (uint64_t)i, n);
        assert_true(at >= 0 && at < n);
        assert_int_equal(seen[at]++, 0);
      }
    }
  }
}

static void runs_seeds_and_streams_differ(void **state) {
  (void)state;
  const int64_t n = 1437;
  int fixed[3] = {0}, in_place = 0;
  for (int64_t i = 0; i < n; i++) {
    int64_t at = bzdi_rng_shuffled(1, 1, (uint64_t)i, n);
    in_place += at == i;
    fixed[0] += at == bzdi_rng_shuffled(1, 1, (uint64_t)(i + n), n);
    fixed[1] += at == bzdi_rng_shuffled(2, 1, (uint64_t)i, n);
    fixed[2] += at == bzdi_rng_shuffled(1, 5, (uint64_t)i, n);
  }
  /* Two random orders agree in about one place, Poisson: more than 8 has probability 1e-6. */
  assert_true(in_place <= 8);
  for (int k = 0; k < 3; k++) assert_true(fixed[k] <= 8);
}

static void small_orders_are_equally_frequent(void **state) {
  (void)state;
  enum { RUNS = 72000 };
  /* all orders of a few items; chi-square bounds of 1e-4 on both sides */
  static const struct {
    int n, orders;
    double low, high;
  } cases[] = {{2, 2, 0, 15.1}, {3, 6, 0, 25.7}, {4, 24, 5.5, 56}, {5, 120, 70, 183}, {6, 720, 584, 869}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    int counts[720] = {0};
    const int n = cases[c].n;
    for (uint64_t run = 0; run < RUNS; run++) {
      int at[6], rank = 0;
      for (int i = 0; i < n; i++) at[i] = (int)bzdi_rng_shuffled(3, 1, run * (uint64_t)n + (uint64_t)i, n);
      for (int i = 0; i < n; i++) {
        int smaller = 0;
        for (int j = i + 1; j < n; j++) smaller += at[j] < at[i];
        rank = rank * (n - i) + smaller;
      }
      counts[rank]++;
    }
    double chi = 0, mean = (double)RUNS / cases[c].orders;
    for (int k = 0; k < cases[c].orders; k++) chi += (counts[k] - mean) * (counts[k] - mean) / mean;
    print_message("orders of %d: chi-square %.1f\n", n, chi);
    assert_true(chi >= cases[c].low && chi < cases[c].high);
  }
}

static void item_and_place_are_independent(void **state) {
  (void)state;
  enum { N = 37, RUNS = 4000 };
  static int counts[N][N];
  int follows = 0;
  for (uint64_t run = 0; run < RUNS; run++) {
    int64_t last = -9;
    for (uint64_t i = 0; i < N; i++) {
      int64_t at = bzdi_rng_shuffled(4, 1, run * N + i, N);
      counts[i][at]++;
      follows += at == last + 1;
      last = at;
    }
  }
  double chi = 0, mean = (double)RUNS / N;
  for (int i = 0; i < N; i++) {
    for (int k = 0; k < N; k++) chi += (counts[i][k] - mean) * (counts[i][k] - mean) / mean;
  }
  const double degrees = (N - 1.0) * (N - 1.0);
  assert_true(fabs(chi - degrees) < 4 * sqrt(2 * degrees));
  /* a neighbour follows in (N - 1) of the N (N - 1) pairs for each of N - 1 places: (N - 1) / N a run */
  const double expected = RUNS * (N - 1.0) / N;
  assert_true(fabs(follows - expected) < 4 * sqrt(expected));
}

static void huge_walks_stay_inside(void **state) {
  (void)state;
  const int64_t sizes[] = {INT64_C(1) << 40, (INT64_C(1) << 40) - 1, (INT64_C(1) << 39) + 1, INT64_C(5000000000)};
  for (int k = 0; k < 4; k++) {
    double sum = 0;
    for (uint64_t s = 0; s < 2000; s++) {
      int64_t at = bzdi_rng_shuffled(5, 1, UINT64_MAX - s, sizes[k]);
      assert_true(at >= 0 && at < sizes[k]);
      sum += (double)at / (double)sizes[k];
    }
    assert_true(fabs(sum / 2000 - 0.5) < 4 / sqrt(12 * 2000.0));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known_answers),
      cmocka_unit_test(variants_equal_the_twin),
      cmocka_unit_test(rows_do_not_depend_on_the_call),
      cmocka_unit_test(version_one_is_pinned),
      cmocka_unit_test(normals_are_accurate),
      cmocka_unit_test(normals_are_normal),
      cmocka_unit_test(uniforms_are_uniform),
      cmocka_unit_test(every_run_visits_each_item_once),
      cmocka_unit_test(runs_seeds_and_streams_differ),
      cmocka_unit_test(small_orders_are_equally_frequent),
      cmocka_unit_test(item_and_place_are_independent),
      cmocka_unit_test(huge_walks_stay_inside),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
