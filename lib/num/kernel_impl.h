/* SPDX-License-Identifier: MIT */
/* The source of all kernel tables. The including file defines LANES (floats in a vector), PANEL_VECTORS (vectors in a
 * full panel: tile rows x vectors + vectors + 1 must fit the registers), DEPTH (of K that passes at a time), TABLE and
 * TABLE_NAME. */
#include "num/kernel.h"

#include <math.h>
#include <string.h>
#if defined(__SSE__)
#include <immintrin.h>
#endif

typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int32_t vi __attribute__((vector_size(4 * LANES)));
typedef float vf_loose __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

static inline vf load(const float *p) { return *(const vf_loose *)p; }
static inline void store(float *p, vf x) { *(vf_loose *)p = x; }
static inline vf splat(float x) { return x - (vf){0}; }
static inline vi splat_int(int32_t x) { return x - (vi){0}; }
static inline vf choose(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }

#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define APART __attribute__((noinline))
#else
#define APART __attribute__((noinline, noclone)) /* one for all tiles */
#endif

/* The first count <= LANES floats, 0 beyond. */
static inline vf load_part(const float *p, int64_t count) {
  vf x = {0};
  if (count == LANES) return load(p); /* memcpy of any other count is a call */
  memcpy(&x, p, (size_t)count * sizeof(float));
  return x;
}
static inline void store_part(float *p, vf x, int64_t count) {
  if (count == LANES)
    store(p, x);
  else
    memcpy(p, &x, (size_t)count * sizeof(float));
}

/* x where it is within the bounds or not a number. One instruction each where there is one: vector extensions have none
 * in C, and a comparison with a choice takes the units that multiply. */
static inline vf clamp(vf x, vf least, vf most) {
#if LANES == 16 && defined(__AVX512F__)
  return (vf)_mm512_min_ps((__m512)most, _mm512_max_ps((__m512)least, (__m512)x));
#elif LANES == 8 && defined(__AVX__)
  return (vf)_mm256_min_ps((__m256)most, _mm256_max_ps((__m256)least, (__m256)x));
#elif LANES == 4 && defined(__SSE__)
  return (vf)_mm_min_ps((__m128)most, _mm_max_ps((__m128)least, (__m128)x));
#else
  x = choose(x < least, least, x);
  return choose(x > most, most, x);
#endif
}

/* e^x: x = n ln 2 + f, |f| <= ln 2 / 2, e^f as 1 + f + f^2 times a minimax polynomial of degree 4 (relative
 * error 3.6e-9 with rounded coefficients); below 2 ulp on [-87, 88], clamped outside. */
static inline vf exponential(vf x) {
  x = clamp(x, splat(-87.0f), splat(88.0f));
  const vf magic =
      splat(12583039.0f); /* 1.5 * 2^23 + 127: adding it rounds to a whole number, whose bits are the last */
  const vf biased = x * splat(1.44269504f) + magic, n = biased - magic;
  vf f = x - n * splat(0.693359375f);
  f = f - n * splat(-2.12194440e-4f);
  vf p = splat(1.38145406e-3f);
  p = p * f + splat(8.36874545e-3f);
  p = p * f + splat(4.1668389e-2f);
  p = p * f + splat(0.166665211f);
  p = p * f + splat(0.49999994f);
  p = p * f * f + f + splat(1.0f);
  const vi power = (vi)biased << 23;
  return p * (vf)power;
}

static inline vf sigmoid(vf z) { return splat(1.0f) / (splat(1.0f) + exponential(-z)); }
static inline vf silu(vf z) { return z * sigmoid(z); }

/* The part of a tile at the edge that exists, one vector after another. Apart from the sums' loop, whose registers the
 * compiler otherwise spills. */
static APART void begin(const bzdi_tile_job *job, float *sums, int32_t rows, int32_t vectors, int32_t columns) {
  for (int32_t r = 0; r < rows; r++)
    for (int32_t v = 0; v < vectors; v++) {
      const int64_t left = columns - v * LANES;
      store(sums + (r * vectors + v) * LANES,
            load_part(job->c + r * job->ldc + v * LANES, left < LANES ? left : LANES));
    }
}

static APART void finish(const bzdi_tile_job *job, const float *sums, int32_t rows, int32_t vectors, int32_t columns) {
  for (int32_t r = 0; r < rows; r++)
    for (int32_t v = 0; v < vectors; v++) {
      const int64_t left = columns - v * LANES;
      store_part(job->c + r * job->ldc + v * LANES, load(sums + (r * vectors + v) * LANES),
                 left < LANES ? left : LANES);
    }
}

/* The sums of a tile go on over p. To ask for the lines of memory that are read next costs a small product 3 %. */
INLINE void add_products(const bzdi_tile_job *job, vf sum[6][PANEL_VECTORS], const int rows, const int vectors,
                         const int look_ahead) {
  const float *b = job->b, *a = job->a;
  const int64_t a_row = job->a_row, a_column = job->a_column;
  uintptr_t ahead = job->ahead;
  for (int64_t p = 0; p < job->k; p++) {
    vf line[PANEL_VECTORS];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++) line[v] = load(b + v * LANES);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
      vf x = splat(a[r * a_row]);
#pragma GCC unroll 8
      for (int v = 0; v < vectors; v++) sum[r][v] += x * line[v];
    }
    if (look_ahead) {
#pragma GCC unroll 8
      for (int at = 0; at < (PANEL_VECTORS * LANES + 15) / 16; at++)
        __builtin_prefetch((const void *)(ahead + 64 * (uintptr_t)at));
      ahead += job->ahead_step;
    }
    a += a_column;
    b += vectors * LANES;
  }
}

/* One tile of constant size: the compiler unrolls everything and keeps the sums in registers. */
INLINE void tile_sized(const bzdi_tile_job *job, int32_t columns, const int rows, const int vectors) {
  vf sum[6][PANEL_VECTORS];
  float sums[6 * PANEL_VECTORS * LANES];
  const int whole = columns == vectors * LANES;
  if (job->go_on && !whole) begin(job, sums, rows, vectors, columns);
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++)
      sum[r][v] = !job->go_on ? (vf){0}
                  : whole     ? load(job->c + r * job->ldc + v * LANES)
                              : load(sums + (r * vectors + v) * LANES);
  if (vectors == PANEL_VECTORS && job->ahead)
    add_products(job, sum, rows, vectors, 1);
  else
    add_products(job, sum, rows, vectors, 0);
  if (whole) {
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
      for (int v = 0; v < vectors; v++) store(job->c + r * job->ldc + v * LANES, sum[r][v]);
    return;
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++) store(sums + (r * vectors + v) * LANES, sum[r][v]);
  finish(job, sums, rows, vectors, columns);
}

#define TILE(rows, vectors)                                                                                            \
  static void tile_##rows##_##vectors(const bzdi_tile_job *job, int32_t columns) {                                     \
    tile_sized(job, columns, rows, vectors);                                                                           \
  }
#define TILES(vectors)                                                                                                 \
  TILE(1, vectors) TILE(2, vectors) TILE(3, vectors) TILE(4, vectors) TILE(5, vectors) TILE(6, vectors)
#define TILE_ROW(vectors)                                                                                              \
  { tile_1_##vectors, tile_2_##vectors, tile_3_##vectors, tile_4_##vectors, tile_5_##vectors, tile_6_##vectors }
TILES(1)
TILES(2)
#if PANEL_VECTORS == 4
TILES(3)
TILES(4)
#endif

static void tile(const bzdi_tile_job *job, int32_t rows, int32_t columns) {
  typedef void (*sized)(const bzdi_tile_job *job, int32_t columns);
  static const sized table[PANEL_VECTORS][6] = {
    TILE_ROW(1),
    TILE_ROW(2),
#if PANEL_VECTORS == 4
    TILE_ROW(3),
    TILE_ROW(4),
#endif
  };
  table[(columns + LANES - 1) / LANES - 1][rows - 1](job, columns);
}

/* ---- Weights in bfloat16 ------------------------------------------------------------------------------------- */

/* A word holds a lane of two vectors, so that either is one operation away: the lower half shifted up, the upper one
 * with the rest cleared. */
typedef uint32_t vu __attribute__((vector_size(4 * LANES)));
typedef uint32_t vu_loose __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

static inline vf lower(vu pair) { return (vf)(pair << 16); }
static inline vf upper(vu pair) { return (vf)(pair & ((vu){0} + 0xFFFF0000u)); }

static void widen(int64_t k, int64_t width, const uint32_t *from, float *to) {
  for (int64_t p = 0; p < k; p++, from += PANEL_VECTORS / 2 * LANES, to += width)
    for (int64_t q = 0; q < width; q += 2 * LANES) {
      const vu pair = *(const vu_loose *)(from + q / 2);
      store(to + q, lower(pair));
      if (q + LANES < width) store(to + q + LANES, upper(pair));
    }
}

/* ---- One row -------------------------------------------------------------------------------------------------- */

/* Eight sums, as many as hide the latency of one: a single panel has two to four. Memory, which is what a single row
 * waits for, is asked for in as many places. The chain of an element is a tile's. */
enum { PAIRS = PANEL_VECTORS / 2, ROW_PANELS = 8 / PANEL_VECTORS, PANEL = PANEL_VECTORS * LANES };

INLINE void row_sized(const bzdi_tile_job *job, const int half, const int panels, int32_t columns) {
  vf sum[ROW_PANELS * PANEL_VECTORS];
  float sums[PANEL];
#pragma GCC unroll 8
  for (int v = 0; v < panels * PANEL_VECTORS; v++) sum[v] = (vf){0};
  const float *a = job->a;
  const int64_t k = job->k;
  for (int64_t p = 0; p < k; p++) {
    const vf x = splat(a[p]);
#pragma GCC unroll 4
    for (int q = 0; q < panels; q++)
#pragma GCC unroll 2
      for (int v = 0; v < PAIRS; v++) {
        const int64_t at = (q * k + p) * PANEL + 2 * v * LANES; /* of float32; one of the two pointers is NULL */
        vf first, second;
        if (half) {
          const vu pair = *(const vu_loose *)(job->b16 + at / 2);
          first = lower(pair), second = upper(pair);
        } else {
          first = load(job->b + at), second = load(job->b + at + LANES);
        }
        sum[q * PANEL_VECTORS + 2 * v] += x * first;
        sum[q * PANEL_VECTORS + 2 * v + 1] += x * second;
      }
  }
  bzdi_tile_job one = *job;
#pragma GCC unroll 4
  for (int q = 0; q < panels; q++, columns -= PANEL) {
#pragma GCC unroll 4
    for (int v = 0; v < PANEL_VECTORS; v++) store(sums + v * LANES, sum[q * PANEL_VECTORS + v]);
    one.c = job->c + q * PANEL;
    const int32_t here = columns < PANEL ? columns : PANEL;
    finish(&one, sums, 1, (here + LANES - 1) / LANES, here);
  }
}

static void row(const bzdi_tile_job *job, int32_t panels, int32_t columns) {
  if (!job->b16)
    row_sized(job, 0, ROW_PANELS, columns);
  else if (panels == ROW_PANELS)
    row_sized(job, 1, ROW_PANELS, columns);
  else
    row_sized(job, 1, 1, columns);
}

/* ---- Element-wise passes -------------------------------------------------------------------------------------- */

/* Rows of a strip of columns, when their sums are whole: inside the tile, a dozen vectors at a time, each chain of some
 * seventy cycles stood alone (a third of a small network's time). */
static void activate(int64_t n, int64_t width, const float *bias, int act, float *c, int64_t ldc) {
  for (int64_t r = 0; r < n; r++, c += ldc) {
    int64_t j = 0;
    for (; j + LANES <= width; j += LANES) { /* a loop of its own: a look at what is left takes 6 % of a pass */
      vf x = load(c + j);
      if (bias) x += load(bias + j);
      store(c + j, act ? silu(x) : x);
    }
    if (j < width) {
      vf x = load_part(c + j, width - j);
      if (bias) x += load_part(bias + j, width - j);
      store_part(c + j, act ? silu(x) : x, width - j);
    }
  }
}

/* silu'(z), s = sigmoid(z) */
static inline vf silu_slope(vf z, vf s) { return s * (splat(1.0f) + z * (splat(1.0f) - s)); }

static void bias_silu(int64_t n, int64_t width, const float *bias, float *z, float *y) {
  for (int64_t r = 0; r < n; r++, z += width, y += width) {
    int64_t j = 0;
    for (; j + LANES <= width; j += LANES) {
      const vf x = load(z + j) + load(bias + j), s = sigmoid(x);
      store(y + j, x * s);
      store(z + j, silu_slope(x, s));
    }
    if (j < width) {
      const vf x = load_part(z + j, width - j) + load_part(bias + j, width - j), s = sigmoid(x);
      store_part(y + j, x * s, width - j);
      store_part(z + j, silu_slope(x, s), width - j);
    }
  }
}

static void multiply(int64_t count, const float *x, float *y) {
  for (int64_t i = 0; i < count; i++) y[i] *= x[i];
}

static void column_sums(int64_t n, int64_t width, const float *x, float *out) {
  int64_t j = 0;
  for (; j + 4 * LANES <= width; j += 4 * LANES) { /* whole lines of memory */
    vf sum[4] = {{0}};
    for (int64_t r = 0; r < n; r++)
#pragma GCC unroll 4
      for (int v = 0; v < 4; v++) sum[v] += load(x + r * width + j + v * LANES);
    for (int v = 0; v < 4; v++) store(out + j + v * LANES, sum[v]);
  }
  for (; j + LANES <= width; j += LANES) {
    vf sum = {0};
    for (int64_t r = 0; r < n; r++) sum += load(x + r * width + j);
    store(out + j, sum);
  }
  for (; j < width; j++) {
    float sum = 0;
    for (int64_t r = 0; r < n; r++) sum += x[r * width + j];
    out[j] = sum;
  }
}

/* sin and cos of x = n pi/2 + f, |f| <= pi/4, |x| <= 1000: reduction in three parts, polynomials of Cephes' degree;
 * absolute error below 1.3e-7. */
static inline void sin_cos(vf x, vf *sine, vf *cosine) {
  const vf magic = splat(12582912.0f);
  vf n = (x * splat(0.636619772f) + magic) - magic;
  vf f = x - n * splat(1.5703125f);
  f = f - n * splat(4.83751297e-4f);
  f = f - n * splat(7.54978995489e-8f);
  vi quadrant = __builtin_convertvector(n, vi);
  vf f2 = f * f;
  vf s = splat(-1.9515295891e-4f);
  s = s * f2 + splat(8.3321608736e-3f);
  s = s * f2 + splat(-1.6666654611e-1f);
  s = s * f2 * f + f;
  vf c = splat(2.443315711809948e-5f);
  c = c * f2 + splat(-1.388731625493765e-3f);
  c = c * f2 + splat(4.166664568298827e-2f);
  c = c * f2 * f2 - splat(0.5f) * f2 + splat(1.0f);
  vi odd = -(quadrant & splat_int(1)); /* all bits where the two swap */
  *sine = choose(odd, c, s);
  *cosine = choose(odd, s, c);
  *sine = (vf)((vi)*sine ^ ((quadrant & splat_int(2)) << 30));
  *cosine = (vf)((vi)*cosine ^ (((quadrant + splat_int(1)) & splat_int(2)) << 30));
}

static void time_features(int64_t n, const float *t, int64_t count, const float *f, float *out, int64_t ld) {
  for (int64_t r = 0; r < n; r++, out += ld)
    for (int64_t j = 0; j < count; j += LANES) {
      int64_t left = count - j < LANES ? count - j : LANES;
      vf sine, cosine;
      sin_cos(load_part(f + j, left) * splat(t[r]), &sine, &cosine);
      store_part(out + j, sine, left);
      store_part(out + count + j, cosine, left);
    }
}

static double sum_squares(int64_t count, const float *x) {
  double sum[16] = {0}; /* the same sixteen sums on every CPU */
  int64_t i = 0;
  for (; i + 16 <= count; i += 16)
    for (int l = 0; l < 16; l++) sum[l] += (double)x[i + l] * (double)x[i + l];
  for (int l = 0; i < count; i++, l++) sum[l] += (double)x[i] * (double)x[i];
  double total = 0;
  for (int l = 0; l < 16; l++) total += sum[l];
  return total;
}

/* Half an ulp of the largest floats is 1e31: what is at most this cannot carry a weight beyond them. */
#define LARGEST_UPDATE 1e30f

/* rate with c1, root = sqrt(c2): sqrt(v c2) as sqrt(v) sqrt(c2), one product less inside. */
static inline void adam_weights(const bzdi_adam s, float rate, float root, int hold, int64_t count, const float *grad,
                                float *w, float *m, float *v) {
  const float n1 = 1 - s.b1, n2 = 1 - s.b2, shrink = 1 - s.rate * s.decay;
  for (int64_t i = 0; i < count; i++) {
    float g = s.scale * grad[i];
    m[i] = s.b1 * m[i] + n1 * g;
    v[i] = s.b2 * v[i] + n2 * (g * g);
    float update = rate * m[i] / (sqrtf(v[i]) * root + s.eps);
    if (hold) update = fminf(fmaxf(update, -LARGEST_UPDATE), LARGEST_UPDATE);
    w[i] = shrink * w[i] - update;
  }
}

static void adam(const bzdi_adam *adam, int64_t count, const float *grad, float *w, float *m, float *v, float *ema) {
  const bzdi_adam s = *adam;
  const float rate = s.rate * s.c1, root = sqrtf(s.c2);
  if (rate * (float)BZDI_LARGEST_GRADIENT < LARGEST_UPDATE * s.eps)
    adam_weights(s, rate, root, 0, count, grad, w, m, v);
  else /* only where eps is next to nothing */
    adam_weights(s, rate, root, 1, count, grad, w, m, v);
  if (!ema) return;
  const float keep = s.ema_decay, take = 1 - s.ema_decay;
  for (int64_t i = 0; i < count; i++) ema[i] = keep * ema[i] + take * w[i];
}

const bzdi_kernels TABLE = {
    .name = TABLE_NAME,
    .lanes = LANES,
    .panel = LANES * PANEL_VECTORS,
    .depth = DEPTH,
    .tile = tile,
    .row_panels = ROW_PANELS,
    .row = row,
    .widen = widen,
    .activate = activate,
    .bias_silu = bias_silu,
    .multiply = multiply,
    .column_sums = column_sums,
    .time_features = time_features,
    .sum_squares = sum_squares,
    .adam = adam,
};
