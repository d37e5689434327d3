/* SPDX-License-Identifier: MIT */
#include "num/bernstein.h"

#include <stddef.h>

enum {
  MOST = BZDI_MAX_DEGREE + 1,
  WIDTH = 16 /* coordinates done together: loops of constant length, which compilers turn into vectors at -O2 */
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

/* width coordinates of one row; inlined with a constant width. */
static inline __attribute__((always_inline)) void row_width(int32_t n, int64_t dim, const coefficients *c,
                                                            const float *restrict p, int32_t heads, int64_t width,
                                                            float *restrict x, float *restrict u) {
  if (x != NULL) {
    float sum[WIDTH];
    for (int64_t j = 0; j < width; j++) sum[j] = c->x[0] * p[j];
    for (int32_t i = 1; i <= n; i++)
      for (int64_t j = 0; j < width; j++) sum[j] += c->x[i] * p[i * dim + j];
    for (int64_t j = 0; j < width; j++) x[j] = sum[j];
  }
  if (u != NULL) {
    float d[BZDI_MAX_DEGREE][WIDTH];
    for (int32_t i = 0; i < n; i++)
      for (int64_t j = 0; j < width; j++) d[i][j] = p[(i + 1) * dim + j] - p[i * dim + j];
    for (int32_t m = 0; m < heads; m++) {
      float sum[WIDTH];
      for (int64_t j = 0; j < width; j++) sum[j] = c->u[m][0] * d[0][j];
      for (int32_t i = 1; i < n; i++)
        for (int64_t j = 0; j < width; j++) sum[j] += c->u[m][i] * d[i][j];
      for (int64_t j = 0; j < width; j++) u[m * dim + j] = sum[j];
    }
  }
}

void bzdi_path_targets(int64_t n, int32_t degree, int64_t dim, const float *paths, const float *t, int32_t heads,
                       int last_only, float *x, float *u) {
  if (last_only) heads = 1;
  for (int64_t r = 0; r < n; r++) {
    coefficients c;
    set_coefficients(degree, (double)t[r], heads, last_only, &c);
    const float *p = paths + r * (degree + 1) * dim;
    float *state = x == NULL ? NULL : x + r * dim, *head = u == NULL ? NULL : u + r * heads * dim;
    int64_t j = 0;
    for (; j + WIDTH <= dim; j += WIDTH)
      row_width(degree, dim, &c, p + j, heads, WIDTH, state == NULL ? NULL : state + j, head == NULL ? NULL : head + j);
    if (j < dim)
      row_width(degree, dim, &c, p + j, heads, dim - j, state == NULL ? NULL : state + j,
                head == NULL ? NULL : head + j);
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
