/* SPDX-License-Identifier: MIT */
#include "num/bernstein.h"

double bzdi_binomial(int32_t n, int32_t k) {
  double c = 1.0;
  for (int32_t i = 1; i <= k; i++) c = c * (n - k + i) / i; /* an integer after every step: exact up to 2^53 */
  return c;
}

void bzdi_bernstein(int32_t n, double t, double *b) {
  const double s = 1.0 - t;
  b[0] = 1.0;
  for (int32_t d = 1; d <= n; d++) { /* b_i,d = (1-t) b_i,d-1 + t b_i-1,d-1: sums of positive terms on [0, 1] */
    double carry = 0.0;
    for (int32_t i = 0; i < d; i++) {
      const double low = b[i];
      b[i] = s * low + carry;
      carry = t * low;
    }
    b[d] = carry;
  }
}

void bzdi_gram(int32_t n, double *m) {
  for (int32_t i = 0; i <= n; i++)
    for (int32_t j = 0; j <= n; j++)
      m[i * (n + 1) + j] = bzdi_binomial(n, i) * bzdi_binomial(n, j) / ((2 * n + 1) * bzdi_binomial(2 * n, i + j));
}
