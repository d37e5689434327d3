/* SPDX-License-Identifier: MIT */
#include "num/bernstein.h"

#include <stddef.h>
#include <string.h>

enum {
  MOST = BZDI_MAX_DEGREE + 1,
  WIDTH = 16 /* coordinates done together */
};

/* What row r's time makes of its polygon: state = sum_i x[i] P_i, head m = sum_i u[m][i] (P_i+1 - P_i). */
typedef struct coefficients {
  float x[MOST];
  float u[BZDI_MAX_DEGREE][BZDI_MAX_DEGREE];
} coefficients;

/* u_m = (n/m) sum_{j<m} rho_j, rho_j = sum_k b_k,n-1-j(t) D_j+k: the right-hand de Casteljau points of the polygon of
 * differences. Nothing is divided by 1 - t. */
static void set_coefficients(int32_t n, double t, int32_t heads, int last_only, coefficients *c) {
  double b[MOST], sum[BZDI_MAX_DEGREE] = {0};
  bzdi_bernstein(n, t, b);
  for (int32_t i = 0; i <= n; i++) c->x[i] = (float)b[i];
  const int32_t last = last_only ? n : heads;
  for (int32_t m = 1; m <= last; m++) {
    bzdi_bernstein(n - m, t, b);
    for (int32_t i = m - 1; i < n; i++) sum[i] += b[i - m + 1];
    if (last_only && m < n) continue;
    float *u = c->u[last_only ? 0 : m - 1];
    for (int32_t i = 0; i < n; i++) u[i] = (float)(sum[i] * n / m);
  }
}

typedef float v16 __attribute__((vector_size(WIDTH * sizeof(float))));

/* sum_i w[m][i] d[i] of `rows` heads m (a constant where this is inlined) to out[m stride]. */
static inline __attribute__((always_inline)) void heads_width(int rows, int32_t n, const float (*w)[BZDI_MAX_DEGREE],
                                                              const v16 *d, float *out, int64_t stride) {
  const size_t size = sizeof(v16);
  v16 s0 = w[0][0] * d[0], s1 = s0, s2 = s0, s3 = s0;
  if (rows > 1) s1 = w[1][0] * d[0];
  if (rows > 2) s2 = w[2][0] * d[0];
  if (rows > 2) s3 = w[3][0] * d[0];
  for (int32_t i = 1; i < n; i++) {
    s0 += w[0][i] * d[i];
    if (rows > 1) s1 += w[1][i] * d[i];
    if (rows > 2) s2 += w[2][i] * d[i];
    if (rows > 2) s3 += w[3][i] * d[i];
  }
  memcpy(out, &s0, size);
  if (rows > 1) memcpy(out + stride, &s1, size);
  if (rows > 2) memcpy(out + 2 * stride, &s2, size);
  if (rows > 2) memcpy(out + 3 * stride, &s3, size);
}

/* WIDTH coordinates of one row, the polygon's points and the heads `stride` apart. */
static inline __attribute__((always_inline)) void row_width(int32_t n, int64_t stride, const coefficients *c,
                                                            const float *p, int32_t heads, float *x, float *u) {
  const size_t size = sizeof(v16);
  v16 d[BZDI_MAX_DEGREE], point, next;
  memcpy(&point, p, size);
  v16 sum = c->x[0] * point;
  for (int32_t i = 0; i < n; i++) {
    memcpy(&next, p + (i + 1) * stride, size);
    sum += c->x[i + 1] * next;
    d[i] = next - point;
    point = next;
  }
  memcpy(x, &sum, size);
  int32_t m = 0;
  for (; m + 4 <= heads; m += 4) heads_width(4, n, c->u + m, d, u + m * stride, stride);
  for (; m + 2 <= heads; m += 2) heads_width(2, n, c->u + m, d, u + m * stride, stride);
  if (m < heads) heads_width(1, n, c->u + m, d, u + m * stride, stride);
}

/* All coordinates of one row. What is less than WIDTH goes through a copy, so that the loops above stand once in each
 * instruction set. x may be NULL; heads is 0 where u is. */
static inline __attribute__((always_inline)) void row(int32_t n, int64_t dim, const coefficients *c, const float *p,
                                                      int32_t heads, float *x, float *u) {
  float points[MOST * WIDTH], at[WIDTH], out[BZDI_MAX_DEGREE * WIDTH];
  for (int64_t j = 0; j < dim; j += WIDTH) {
    const int whole = j + WIDTH <= dim;
    const size_t size = (size_t)(whole ? WIDTH : dim - j) * sizeof(float);
    if (!whole) {
      memset(points, 0, (size_t)(n + 1) * WIDTH * sizeof(float));
      for (int32_t i = 0; i <= n; i++) memcpy(points + i * WIDTH, p + i * dim + j, size);
    }
    row_width(n, whole ? dim : WIDTH, c, whole ? p + j : points, heads, at, whole && heads > 0 ? u + j : out);
    if (x != NULL) memcpy(x + j, at, size);
    for (int32_t m = 0; !whole && m < heads; m++) memcpy(u + m * dim + j, out + m * WIDTH, size);
  }
}

typedef void (*row_fn)(int32_t n, int64_t dim, const coefficients *c, const float *p, int32_t heads, float *x,
                       float *u);

/* The same loops, and without FMA the same bits, for each instruction set. */
#define VARIANT(name, attribute)                                                                                       \
  attribute static void name(int32_t n, int64_t dim, const coefficients *c, const float *p, int32_t heads, float *x,   \
                             float *u) {                                                                               \
    row(n, dim, c, p, heads, x, u);                                                                                    \
  }
VARIANT(row_base, )
#if defined(__x86_64__)
VARIANT(row_avx2, __attribute__((target("avx2"))))
VARIANT(row_avx512, __attribute__((target("avx512f,avx512vl,avx512dq"))))
#endif

static row_fn choose(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
    return row_avx512;
  if (__builtin_cpu_supports("avx2")) return row_avx2;
#endif
  return row_base;
}

void bzdi_path_targets(int64_t n, int32_t degree, int64_t dim, const float *paths, const float *t, int32_t heads,
                       int last_only, float *x, float *u) {
  const row_fn do_row = choose();
  if (last_only) heads = 1;
  const int32_t wanted = u == NULL ? 0 : heads;
  for (int64_t r = 0; r < n; r++) {
    coefficients c;
    set_coefficients(degree, (double)t[r], heads, last_only, &c);
    do_row(degree, dim, &c, paths + r * (degree + 1) * dim, wanted, x == NULL ? NULL : x + r * dim,
           u == NULL ? NULL : u + r * heads * dim);
  }
}

/* C(n,m) (m/n) (1-t) s'^m (1-s')^(n-m) = (s-t) b_m-1,n-1(s'): the step is s - t times a mean of the heads. */
void bzdi_heads_step(int64_t n, int32_t degree, int64_t dim, const float *x, const float *u, const double *t,
                     const double *s, float *out) {
  for (int64_t r = 0; r < n; r++) {
    const double rest = 1.0 - t[r], step = s[r] - t[r];
    double b[MOST];
    bzdi_bernstein(degree - 1, rest != 0.0 ? step / rest : 0.0, b);
    for (int64_t c = 0; c < dim; c += WIDTH) {
      const int64_t width = dim - c < WIDTH ? dim - c : WIDTH;
      double sum[WIDTH] = {0};
      for (int32_t m = 0; m < degree; m++)
        for (int64_t j = 0; j < width; j++) sum[j] += b[m] * (double)u[(r * degree + m) * dim + c + j];
      for (int64_t j = 0; j < width; j++) out[r * dim + c + j] = (float)((double)x[r * dim + c + j] + step * sum[j]);
    }
  }
}

void bzdi_heads_to_path(int64_t n, int32_t degree, int64_t dim, const float *x, const float *u, const float *t,
                        float *out) {
  for (int64_t r = 0; r < n; r++) {
    float *path = out + r * (degree + 1) * dim;
    const float *start = x + r * dim;
    for (int64_t j = 0; j < dim; j++) path[j] = start[j];
    for (int32_t m = 1; m <= degree; m++) {
      const double scale = (1.0 - (double)t[r]) * m / degree;
      const float *head = u + (r * degree + m - 1) * dim;
      for (int64_t j = 0; j < dim; j++) path[m * dim + j] = (float)((double)start[j] + scale * (double)head[j]);
    }
  }
}
