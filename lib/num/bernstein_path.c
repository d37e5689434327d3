/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "num/bernstein.h"
#include "num/dense.h"

#include <math.h>
#include <string.h>

enum {
  MOST = BZDI_MAX_DEGREE + 1, /* control points */
  WIDTH = 16,                 /* coordinates done together */
  BLOCK = 16384               /* floats of paths that stay in cache while all times pass over them */
};

/* out[0..width-1] = sum_i c[i] p[i dim + ..], in double, rounded once. Inlined with a constant width. */
static inline __attribute__((always_inline)) void combine_width(int32_t points, const double *c, int64_t dim,
                                                                const float *restrict p, int64_t width,
                                                                float *restrict out) {
  double sum[WIDTH] = {0};
  for (int32_t i = 0; i < points; i++)
    for (int64_t j = 0; j < width; j++) sum[j] += c[i] * (double)p[i * dim + j];
  for (int64_t j = 0; j < width; j++) out[j] = (float)sum[j];
}

/* One point of one curve: out[dim] = sum_i c[i] p[i, dim]. */
static void combine(int32_t points, const double *c, int64_t dim, const float *p, float *out) {
  int64_t j = 0;
  for (; j + WIDTH <= dim; j += WIDTH) combine_width(points, c, dim, p + j, WIDTH, out + j);
  if (j < dim) combine_width(points, c, dim, p + j, dim - j, out + j);
}

/* Several points of every curve: out [n, rows, dim] = C [rows, points] times paths [n, points, dim]. */
static void combine_rows(int64_t n, int32_t points, int64_t dim, const float *paths, int32_t rows, const double *c,
                         float *out) {
  for (int64_t r = 0; r < n; r++)
    for (int32_t k = 0; k < rows; k++)
      combine(points, c + k * points, dim, paths + r * points * dim, out + (r * rows + k) * dim);
}

static void copy_rows(int64_t n, int64_t dim, const float *from, int64_t from_stride, float *to, int64_t to_stride) {
  for (int64_t r = 0; r < n; r++) memcpy(to + r * to_stride, from + r * from_stride, (size_t)dim * sizeof *to);
}

/* Weights of the control points in B(t), or in B'(t) = sum_i n (b_i-1,n-1 - b_i,n-1) P_i. */
static void point_weights(int32_t n, double t, int derivative, double *c) {
  if (!derivative) {
    bzdi_bernstein(n, t, c);
    return;
  }
  double b[MOST];
  bzdi_bernstein(n - 1, t, b);
  for (int32_t i = 0; i <= n; i++) c[i] = n * ((i > 0 ? b[i - 1] : 0.0) - (i < n ? b[i] : 0.0));
}

static void points_at(int64_t n, int32_t degree, int64_t dim, const float *paths, int64_t k, const double *times,
                      int derivative, float *out) {
  const int64_t size = (degree + 1) * dim, rows = size < BLOCK ? BLOCK / size : 1;
  for (int64_t first = 0; first < n; first += rows) {
    const int64_t last = first + rows < n ? first + rows : n;
    for (int64_t j = 0; j < k; j++) {
      double c[MOST];
      point_weights(degree, times[j], derivative, c);
      for (int64_t r = first; r < last; r++) combine(degree + 1, c, dim, paths + r * size, out + (r * k + j) * dim);
    }
  }
}

void bzdi_path_evaluate(int64_t n, int32_t degree, int64_t dim, const float *paths, int64_t k, const double *times,
                        float *out) {
  points_at(n, degree, dim, paths, k, times, 0, out);
}

void bzdi_path_derivative(int64_t n, int32_t degree, int64_t dim, const float *paths, int64_t k, const double *times,
                          float *out) {
  points_at(n, degree, dim, paths, k, times, 1, out);
}

/* E [to + 1, degree + 1]: P'_j = sum_i C(n,i) C(r,j-i) / C(n+r,j) P_i with r = to - n, all single steps at once. */
static void elevation(int32_t degree, int32_t to, double *e) {
  const int32_t r = to - degree;
  for (int32_t j = 0; j <= to; j++)
    for (int32_t i = 0; i <= degree; i++)
      e[j * (degree + 1) + i] =
          i > j || j - i > r ? 0.0 : bzdi_binomial(degree, i) * bzdi_binomial(r, j - i) / bzdi_binomial(to, j);
}

void bzdi_path_elevate(int64_t n, int32_t degree, int64_t dim, const float *paths, int32_t to, float *out) {
  double e[MOST * MOST];
  elevation(degree, to, e);
  combine_rows(n, degree + 1, dim, paths, to + 1, e, out);
  copy_rows(n, dim, paths, (degree + 1) * dim, out, (to + 1) * dim);
  copy_rows(n, dim, paths + degree * dim, (degree + 1) * dim, out + to * dim, (to + 1) * dim);
}

/* Q [to + 1, degree + 1]: the nearest polygon with the same ends. The deviation from the chord is what is fitted, so a
 * line stays a line whatever the conditioning: Q_j = L(j/to) + sum over interior i of S_ji (P_i - L(i/degree)). */
static bzd_status reduction(int32_t degree, int32_t to, double *q) {
  const int32_t inner = to - 1, points = degree + 1;
  double gram[MOST * MOST], m[MOST * MOST], s[MOST * MOST];
  bzdi_gram(to, gram);
  for (int32_t j = 0; j < inner; j++) {
    for (int32_t i = 0; i < inner; i++) m[j * inner + i] = gram[(j + 1) * (to + 1) + i + 1];
    for (int32_t i = 0; i < degree - 1; i++) /* integral of b_j+1,to b_i+1,degree */
      s[j * (degree - 1) + i] = bzdi_binomial(to, j + 1) * bzdi_binomial(degree, i + 1) /
                                ((to + degree + 1) * bzdi_binomial(to + degree, i + j + 2));
  }
  BZDI_TRY(bzdi_solve_spd(inner, m, degree - 1, s));
  for (int32_t j = 0; j <= to; j++) {
    const double at = (double)j / to;
    double *row = q + j * points, start = 1.0 - at, end = at;
    for (int32_t i = 1; i < degree; i++) {
      const double w = j > 0 && j < to ? s[(j - 1) * (degree - 1) + i - 1] : 0.0;
      row[i] = w;
      start -= w * (degree - i) / degree;
      end -= w * i / degree;
    }
    row[0] = start;
    row[degree] = end;
  }
  return BZD_OK;
}

/* sum_ij M_ij d_i . d_j over width coordinates of d [points, WIDTH]. */
static double quadratic_form(int32_t points, int64_t width, const double *m, const double *d) {
  double sum = 0.0;
  for (int32_t i = 0; i < points; i++)
    for (int32_t j = 0; j <= i; j++) {
      double dot = 0.0;
      for (int64_t c = 0; c < width; c++) dot += d[i * WIDTH + c] * d[j * WIDTH + c];
      sum += (i == j ? 1.0 : 2.0) * m[i * points + j] * dot;
    }
  return sum;
}

bzd_status bzdi_path_reduce(const bzd_context *context, int64_t n, int32_t degree, int64_t dim, const float *paths,
                            int32_t to, float *out, double *error) {
  (void)context; /* all matrices are small enough for the stack */
  double q[MOST * MOST], e[MOST * MOST], gram[MOST * MOST];
  const int64_t size = (degree + 1) * dim, reduced = (to + 1) * dim;
  if (to == degree) {
    memcpy(out, paths, (size_t)(n * size) * sizeof *out);
  } else {
    BZDI_TRY(reduction(degree, to, q));
    combine_rows(n, degree + 1, dim, paths, to + 1, q, out);
    copy_rows(n, dim, paths, size, out, reduced);
    copy_rows(n, dim, paths + degree * dim, size, out + to * dim, reduced);
  }
  if (error == NULL) return BZD_OK;
  elevation(to, degree, e); /* what was lost is measured on the rounded result, at the original degree */
  bzdi_gram(degree, gram);
  for (int64_t r = 0; r < n; r++) {
    double sum = 0.0;
    for (int64_t c = 0; c < dim; c += WIDTH) {
      const int64_t width = dim - c < WIDTH ? dim - c : WIDTH;
      double d[MOST * WIDTH];
      for (int32_t j = 0; j <= degree; j++)
        for (int64_t k = 0; k < width; k++) {
          double lifted = 0.0;
          for (int32_t i = 0; i <= to; i++) lifted += e[j * (to + 1) + i] * (double)out[r * reduced + i * dim + c + k];
          d[j * WIDTH + k] = (double)paths[r * size + j * dim + c + k] - lifted;
        }
      sum += quadratic_form(degree + 1, width, gram, d);
    }
    error[r] = sqrt(sum < 0.0 ? 0.0 : sum);
  }
  return BZD_OK;
}

void bzdi_path_split(int64_t n, int32_t degree, int64_t dim, const float *paths, double t, float *left, float *right) {
  const int32_t points = degree + 1;
  double a[MOST * MOST] = {0}, b[MOST * MOST] = {0};
  for (int32_t j = 0; j <= degree; j++) { /* L_j = sum_i b_i,j P_i and R_j = sum_i b_i,n-j P_j+i */
    bzdi_bernstein(j, t, a + j * points);
    bzdi_bernstein(degree - j, t, b + j * points + j);
  }
  if (left != NULL) {
    combine_rows(n, points, dim, paths, points, a, left);
    copy_rows(n, dim, paths, points * dim, left, points * dim);
  }
  if (right != NULL) {
    combine_rows(n, points, dim, paths, points, b, right);
    copy_rows(n, dim, paths + degree * dim, points * dim, right + degree * dim, points * dim);
  }
}

/* Nodes and weights of the 16-point Gauss-Legendre rule on [-1, 1], the positive half. */
static const double gauss_node[8] = {0.0950125098376374402, 0.2816035507792589132, 0.4580167776572273863,
                                     0.6178762444026437484, 0.7554044083550030339, 0.8656312023878317439,
                                     0.9445750230732325761, 0.9894009349916499326};
static const double gauss_weight[8] = {0.1894506104550684963, 0.1826034150449235889, 0.1691565193950025382,
                                       0.1495959888165767321, 0.1246289712555338720, 0.0951585116824927848,
                                       0.0622535239386478929, 0.0271524594117540949};
enum { PANELS = 8, NODES = PANELS * 16 };

/* weights[q] and Bernstein values b[q, degree] of degree - 1 of the composite rule on [0, 1]. */
static void quadrature(int32_t degree, double *weights, double *b) {
  for (int32_t q = 0; q < NODES; q++) {
    const int32_t g = q % 16 / 2;
    const double x = q % 2 ? gauss_node[g] : -gauss_node[g];
    weights[q] = gauss_weight[g] / (2 * PANELS);
    bzdi_bernstein(degree - 1, (q / 16 + (1.0 + x) / 2.0) / PANELS, b + q * degree);
  }
}

void bzdi_path_measure(int64_t n, int32_t degree, int64_t dim, const float *paths, double *straightness, double *arc,
                       double *chord) {
  double gram[MOST * MOST], weights[NODES], b[NODES * BZDI_MAX_DEGREE];
  bzdi_gram(degree - 1, gram);
  quadrature(degree, weights, b);
  for (int64_t r = 0; r < n; r++) {
    const float *path = paths + r * (degree + 1) * dim;
    /* With E_i = n (P_i+1 - P_i) - (P_n - P_0): B' = chord + sum_i b_i E_i, so dot products of the E and the chord
     * give the speed at any time; a straight path has E = 0 and nothing cancels. */
    double dots[MOST * MOST] = {0}, along[MOST] = {0}, chord2 = 0.0;
    for (int64_t c = 0; c < dim; c += WIDTH) {
      const int64_t width = dim - c < WIDTH ? dim - c : WIDTH;
      double e[MOST * WIDTH], whole[WIDTH];
      for (int64_t k = 0; k < width; k++) {
        whole[k] = (double)path[degree * dim + c + k] - (double)path[c + k];
        chord2 += whole[k] * whole[k];
      }
      for (int32_t i = 0; i < degree; i++)
        for (int64_t k = 0; k < width; k++) {
          const float *p = path + i * dim + c + k;
          e[i * WIDTH + k] = degree * ((double)p[dim] - (double)p[0]) - whole[k];
          along[i] += e[i * WIDTH + k] * whole[k];
        }
      for (int32_t i = 0; i < degree; i++)
        for (int32_t j = 0; j <= i; j++)
          for (int64_t k = 0; k < width; k++) dots[i * degree + j] += e[i * WIDTH + k] * e[j * WIDTH + k];
    }
    if (chord != NULL) chord[r] = sqrt(chord2);
    if (straightness != NULL) {
      double sum = 0.0;
      for (int32_t i = 0; i < degree; i++)
        for (int32_t j = 0; j <= i; j++) sum += (i == j ? 1.0 : 2.0) * gram[i * degree + j] * dots[i * degree + j];
      straightness[r] = sum < 0.0 ? 0.0 : sum;
    }
    if (arc == NULL) continue;
    double length = 0.0;
    for (int32_t q = 0; q < NODES; q++) {
      const double *w = b + q * degree;
      double speed2 = chord2;
      for (int32_t i = 0; i < degree; i++) {
        double row = along[i];
        for (int32_t j = 0; j < i; j++) row += w[j] * dots[i * degree + j];
        speed2 += w[i] * (2.0 * row + w[i] * dots[i * degree + i]);
      }
      length += weights[q] * sqrt(speed2 < 0.0 ? 0.0 : speed2);
    }
    arc[r] = length;
  }
}

void bzdi_path_distance2(int64_t n, int32_t degree, int64_t dim, const float *a, const float *b, double *distance2) {
  double gram[MOST * MOST];
  bzdi_gram(degree, gram);
  for (int64_t r = 0; r < n; r++) {
    double sum = 0.0;
    for (int64_t c = 0; c < dim; c += WIDTH) {
      const int64_t width = dim - c < WIDTH ? dim - c : WIDTH;
      double d[MOST * WIDTH];
      for (int32_t j = 0; j <= degree; j++)
        for (int64_t k = 0; k < width; k++) {
          const int64_t at = (r * (degree + 1) + j) * dim + c + k;
          d[j * WIDTH + k] = (double)a[at] - (double)b[at];
        }
      sum += quadratic_form(degree + 1, width, gram, d);
    }
    distance2[r] = sum < 0.0 ? 0.0 : sum;
  }
}

static const double margin = 0.05;

static bzd_status check_waypoints(int32_t degree, const double *tau) {
  if (degree != 2 && degree != 3) return bzdi_fail(BZD_E_ARGUMENT, "waypoints: degree is %d, expected 2 or 3", degree);
  for (int32_t k = 0; k < degree - 1; k++)
    if (!(tau[k] >= margin && tau[k] <= 1.0 - margin))
      return bzdi_fail(BZD_E_ARGUMENT, "waypoints: tau[%d] is %g, expected %g..%g", k, tau[k], margin, 1.0 - margin);
  if (degree == 3 && !(tau[1] - tau[0] >= margin))
    return bzdi_fail(BZD_E_ARGUMENT, "waypoints: tau[1] - tau[0] is %g, expected at least %g", tau[1] - tau[0], margin);
  return BZD_OK;
}

bzd_status bzdi_path_from_waypoints(int64_t n, int32_t degree, int64_t dim, const float *p0, const float *z,
                                    const double *tau, const float *pn, float *out) {
  BZDI_TRY(check_waypoints(degree, tau));
  /* Deviations from the chord once more: A (P - L) = z - L(tau), A_ki = b_i,n(tau_k), at most 2 x 2. */
  const int32_t inner = degree - 1;
  double b[2][4], inverse[2][2] = {{0}};
  for (int32_t k = 0; k < inner; k++) bzdi_bernstein(degree, tau[k], b[k]);
  if (inner == 1) {
    inverse[0][0] = 1.0 / b[0][1];
  } else {
    const double det = b[0][1] * b[1][2] - b[0][2] * b[1][1];
    inverse[0][0] = b[1][2] / det;
    inverse[0][1] = -b[0][2] / det;
    inverse[1][0] = -b[1][1] / det;
    inverse[1][1] = b[0][1] / det;
  }
  const int64_t size = (degree + 1) * dim;
  for (int64_t r = 0; r < n; r++)
    for (int64_t c = 0; c < dim; c++) {
      const double start = (double)p0[r * dim + c], end = (double)pn[r * dim + c];
      for (int32_t i = 0; i < inner; i++) {
        const double at = (double)(i + 1) / degree;
        double sum = (1.0 - at) * start + at * end;
        for (int32_t k = 0; k < inner; k++) {
          const double deviation = (double)z[(r * inner + k) * dim + c] - ((1.0 - tau[k]) * start + tau[k] * end);
          sum += inverse[i][k] * deviation;
        }
        out[r * size + (i + 1) * dim + c] = (float)sum;
      }
    }
  copy_rows(n, dim, p0, dim, out, size);
  copy_rows(n, dim, pn, dim, out + degree * dim, size);
  return BZD_OK;
}

/* B'' = n (n-1) sum_i b_i,n-2 (P_i+2 - 2 P_i+1 + P_i); lengths and their product in double. */
void bzdi_path_curvature(int64_t n, int32_t degree, int64_t dim, const float *paths, int64_t k, const double *times,
                         double *curvature) {
  for (int64_t j = 0; j < k; j++) {
    double first[MOST], second[MOST] = {0}, b[MOST];
    point_weights(degree, times[j], 1, first);
    if (degree > 1) bzdi_bernstein(degree - 2, times[j], b);
    for (int32_t i = 0; i + 2 <= degree; i++) {
      const double part = degree * (degree - 1.0) * b[i];
      second[i] += part;
      second[i + 1] -= 2 * part;
      second[i + 2] += part;
    }
    for (int64_t r = 0; r < n; r++) {
      const float *p = paths + r * (degree + 1) * dim;
      double speed2 = 0, bend2 = 0, along = 0;
      for (int64_t c = 0; c < dim; c++) {
        double v = 0, a = 0;
        for (int32_t i = 0; i <= degree; i++) {
          v += first[i] * (double)p[i * dim + c];
          a += second[i] * (double)p[i * dim + c];
        }
        speed2 += v * v;
        bend2 += a * a;
        along += v * a;
      }
      const double across2 = speed2 * bend2 - along * along;
      curvature[r * k + j] = speed2 > 0  ? sqrt(across2 > 0 ? across2 : 0) / (speed2 * sqrt(speed2))
                             : bend2 > 0 ? (double)INFINITY
                                         : 0;
    }
  }
}
