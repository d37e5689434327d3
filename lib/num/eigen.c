/* SPDX-License-Identifier: MIT */
#include "num/eigen.h"

#include "base/error.h"

#include <float.h>
#include <math.h>

enum { LANES = 8 }; /* partial sums of a dot product: fixed, so the order of additions is too */

static double dot(int64_t n, const double *restrict x, const double *restrict y) {
  double part[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++) part[l] += x[i + l] * y[i + l];
  for (int l = 0; i < n; i++, l++) part[l] += x[i] * y[i];
  return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}

static void subtract(int64_t n, double s, const double *restrict x, double *restrict y) {
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++) y[i + l] -= s * x[i + l];
  for (; i < n; i++) y[i] -= s * x[i];
}

static void subtract_two(int64_t n, double s, const double *restrict x, double t, const double *restrict z,
                         double *restrict y) {
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++) y[i + l] -= s * x[i + l] + t * z[i + l];
  for (; i < n; i++) y[i] -= s * x[i] + t * z[i];
}

static void rotate(int64_t n, double c, double s, double *restrict x, double *restrict y) {
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++) {
      const double f = y[i + l];
      y[i + l] = s * x[i + l] + c * f;
      x[i + l] = c * x[i + l] - s * f;
    }
  for (; i < n; i++) {
    const double f = y[i];
    y[i] = s * x[i] + c * f;
    x[i] = c * x[i] - s * f;
  }
}

/* v with |v|^2 = 2 and (I - v v') x = alpha e_0, over x; v = 0 when there is nothing to reflect. Returns alpha. */
static double reflector(int64_t n, double *x) {
  double scale = 0.0;
  for (int64_t i = 1; i < n; i++) scale = fmax(scale, fabs(x[i]));
  if (scale == 0.0) {
    const double alpha = x[0];
    for (int64_t i = 0; i < n; i++) x[i] = 0.0;
    return alpha;
  }
  scale = fmax(scale, fabs(x[0]));
  for (int64_t i = 0; i < n; i++) x[i] /= scale;
  const double norm = sqrt(dot(n, x, x)), first = x[0], sign = first < 0.0 ? -1.0 : 1.0;
  x[0] = first + sign * norm;
  const double length = sqrt(norm * (norm + fabs(first))); /* |v| / sqrt 2 */
  for (int64_t i = 0; i < n; i++) x[i] /= length;
  return -sign * norm * scale;
}

/* A = Q T Q' with T tridiagonal (d, e; e[i] couples i and i + 1). The reflectors stay in the rows of a, right of the
 * diagonal: row k holds v_k in columns k + 1... w: n doubles. */
static void tridiagonal(int64_t n, double *a, double *d, double *e, double *w) {
  for (int64_t k = 0; k < n - 1; k++) {
    const int64_t m = n - 1 - k;
    double *v = a + k * n + k + 1, *rest = a + (k + 1) * n + k + 1;
    d[k] = a[k * n + k];
    e[k] = reflector(m, v);
    /* A <- (I - v v') A (I - v v') = A - v q' - q v', q = p - (v.p / 2) v, p = A v */
    for (int64_t i = 0; i < m; i++) w[i] = dot(m, rest + i * n, v);
    subtract(m, 0.5 * dot(m, v, w), v, w);
    for (int64_t i = 0; i < m; i++) subtract_two(m, v[i], w, w[i], v, rest + i * n);
  }
  d[n - 1] = a[n * n - 1];
  e[n - 1] = 0.0;
}

/* Q = H_0 H_1 ... in place of the reflectors, then transposed, so that what QL rotates are rows. w: n doubles. */
static void accumulate(int64_t n, double *a, double *w) {
  for (int64_t k = n - 1; k >= 0; k--) {
    const int64_t m = n - 1 - k;
    double *v = a + k * n + k + 1, *rest = a + (k + 1) * n + k + 1;
    for (int64_t j = 0; j < m; j++) w[j] = 0.0;
    for (int64_t i = 0; i < m; i++) subtract(m, -v[i], rest + i * n, w);
    for (int64_t i = 0; i < m; i++) subtract(m, v[i], w, rest + i * n);
    for (int64_t j = 0; j < m; j++) v[j] = rest[j * n - 1] = 0.0;
    a[k * n + k] = 1.0;
  }
}

static void transpose(int64_t n, double *a) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < i; j++) {
      const double other = a[i * n + j];
      a[i * n + j] = a[j * n + i];
      a[j * n + i] = other;
    }
}

/* Implicit QL of the tridiagonal matrix d, e; rows of z are rotated along when it is not NULL. */
static bzd_status implicit_ql(int64_t n, double *d, double *e, double *z) {
  double norm = 0.0;
  for (int64_t i = 0; i < n; i++) norm = fmax(norm, fabs(d[i]) + fabs(e[i]));
  const double tiny = DBL_EPSILON * DBL_EPSILON * norm;
  for (int64_t l = 0; l < n; l++)
    for (int sweep = 0;; sweep++) {
      int64_t m = l;
      while (m < n - 1 && !(fabs(e[m]) <= DBL_EPSILON * (fabs(d[m]) + fabs(d[m + 1])) + tiny)) m++;
      if (m == l) break;
      if (sweep == 100) return bzdi_fail(BZD_E_NUMERIC, "eigenvalue %d of %d does not converge", (int)l, (int)n);
      double g = (d[l + 1] - d[l]) / (2.0 * e[l]), r = hypot(g, 1.0); /* Wilkinson's shift */
      g = d[m] - d[l] + e[l] / (g + copysign(r, g));
      double s = 1.0, c = 1.0, p = 0.0;
      int64_t i = m - 1;
      for (; i >= l; i--) {
        const double f = s * e[i], b = c * e[i];
        r = hypot(f, g);
        e[i + 1] = r;
        if (r == 0.0) { /* the matrix falls apart early */
          d[i + 1] -= p;
          e[m] = 0.0;
          break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2.0 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        if (z != NULL) rotate(n, c, s, z + i * n, z + (i + 1) * n);
      }
      if (i >= l) continue;
      d[l] -= p;
      e[l] = g;
      e[m] = 0.0;
    }
  return BZD_OK;
}

static void sort(int64_t n, double *d, double *z) {
  for (int64_t i = 0; i < n; i++) {
    int64_t least = i;
    for (int64_t j = i + 1; j < n; j++)
      if (d[j] < d[least]) least = j;
    if (least == i) continue;
    const double value = d[i];
    d[i] = d[least];
    d[least] = value;
    for (int64_t j = 0; z != NULL && j < n; j++) {
      const double other = z[i * n + j];
      z[i * n + j] = z[least * n + j];
      z[least * n + j] = other;
    }
  }
}

bzd_status bzdi_eigen_symmetric(int64_t n, double *a, int vectors, double *values, double *work) {
  if (n == 0) return BZD_OK;
  for (int64_t i = 0; i < n * n; i++)
    if (!isfinite(a[i]))
      return bzdi_fail(BZD_E_NUMERIC, "eigenvalues of a matrix whose element %d, %d is %g", (int)(i / n), (int)(i % n),
                       a[i]);
  tridiagonal(n, a, values, work, work + n);
  if (vectors) {
    accumulate(n, a, work + n);
    transpose(n, a);
  }
  BZDI_TRY(implicit_ql(n, values, work, vectors ? a : NULL));
  sort(n, values, vectors ? a : NULL);
  if (vectors) transpose(n, a);
  return BZD_OK;
}
