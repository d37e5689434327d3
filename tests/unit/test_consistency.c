/* SPDX-License-Identifier: MIT */
/* The consistency of a student with its own composition: its error against steps along the heads, what it draws, a
 * student that has none, and the gradient against central differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "distill/consistency.h"
#include "flow/flow.h"
#include "models.h"
#include "num/bernstein.h"

enum { DIM = 3, COND = 2, WIDTH = 16, MANY = 4000, SEED = 11 };

/* Rows of a flow with its heads there, and the arrays of the consistency. */
typedef struct fixture {
  bzd_flow *flow;
  int32_t degree;
  bzdi_rows rows;
  float *x, *t, *cond, *out;
  uint8_t *keep;
  int64_t *index;
  void *memory;
  bzdi_consistency c;
} fixture;

static void *carve(const bzdi_net *net, int64_t n, bzdi_consistency *c) {
  bzdi_arena arena = {NULL, 0};
  bzdi_consistency_carve(&arena, net, n, c);
  arena.base = aligned_alloc(64, arena.used);
  arena.used = 0;
  bzdi_consistency_carve(&arena, net, n, c);
  return arena.base;
}

/* Heads of rows, each alone and with its condition or without, as sampling would have them. */
static void heads(const fixture *f, const float *x, const float *t, float *u) {
  void *work = aligned_alloc(64, (bzdi_flow_heads_work(f->flow, 1, 1) + 63) / 64 * 64);
  for (int64_t i = 0; i < f->rows.n; i++) {
    const bzdi_eval eval = {1, x + i * DIM, t + i, f->cond && f->keep[i] ? f->cond + i * COND : NULL, NULL};
    bzdi_flow_heads_at(f->flow, 1, &eval, u + i * f->degree * DIM, work);
  }
  free(work);
}

/* Times spread evenly over [0, last]. The weights are twice those of a new network, so that the heads depend on x and
 * t well. */
static void make(fixture *f, int32_t degree, int64_t cond_dim, int64_t n, float last) {
  memset(f, 0, sizeof *f);
  f->flow = models_flow(NULL, BZDI_FLOW_CONTROL, degree, DIM, cond_dim, WIDTH, 3);
  f->degree = degree;
  for (int64_t i = 0; i < f->flow->net->count; i++) f->flow->weights[i] *= 2;
  bzdi_flow_repack(f->flow);
  f->x = numbers_floats(1, n * DIM, 0, 1);
  f->t = malloc((size_t)n * sizeof *f->t);
  f->index = malloc((size_t)n * sizeof *f->index);
  f->out = malloc((size_t)(n * degree * DIM) * sizeof *f->out);
  f->keep = malloc((size_t)n);
  if (cond_dim > 0) f->cond = numbers_floats(2, n * COND, 0, 1);
  for (int64_t i = 0; i < n; i++) {
    f->t[i] = last * (float)i / (float)n;
    f->index[i] = ((int64_t)1 << 33) + 7 * i;
    f->keep[i] = i % 3 != 0;
  }
  f->rows = (bzdi_rows){n, f->x, f->t, f->cond, cond_dim > 0 ? f->keep : NULL};
  f->memory = carve(f->flow->net, n, &f->c);
  heads(f, f->x, f->t, f->out);
}

static void clear(fixture *f) {
  free(f->x), free(f->t), free(f->cond), free(f->out), free(f->keep), free(f->index), free(f->memory);
  bzdi_release(f->flow);
}

static double error_of(const fixture *f, uint64_t seed) {
  return bzdi_consistency_error(f->flow->net, f->flow->weights, seed, f->index, &f->rows, f->out, 1, 1, &f->c);
}

/* Heads that say one vector everywhere: straight paths at constant speed are their own composition. What is left is
 * the rounding of float32. */
static void test_constant_heads(void **state) {
  (void)state;
  for (int32_t degree = 1; degree <= 4; degree++) {
    fixture f;
    make(&f, degree, COND, 200, 0.999f);
    const bzdi_net *net = f.flow->net;
    const bzdi_param *bias = NULL;
    for (int32_t i = 0; i < net->params; i++)
      if (strcmp(net->param[i].name, "layers.2.bias") == 0) bias = &net->param[i]; /* after two hidden layers */
    assert_true(bias != NULL && bias->count == degree * DIM);
    assert_true(error_of(&f, SEED) > 1e-4); /* the others have an error */
    memset(f.flow->weights, 0, (size_t)net->count * sizeof(float));
    for (int64_t k = 0; k < bias->count; k++) f.flow->weights[bias->offset + k] = 0.7f + 0.9f * (float)(k % DIM);
    bzdi_flow_repack(f.flow);
    heads(&f, f.x, f.t, f.out);
    assert_true(error_of(&f, SEED) < 1e-12);
    for (int64_t k = 0; k < f.rows.n * DIM; k++) assert_true(fabsf(f.c.error[k]) < 1e-6f);
    clear(&f);
  }
}

/* The same by steps in space. Their states are float32, off by 1e-7, over s - t >= 0.05 (1 - t): errors are off by
 * some 1e-5 where s - t is small, on average over all rows by far less. */
static void test_error_is_that_of_the_steps(void **state) {
  enum { N = 300 };
  (void)state;
  for (int32_t degree = 1; degree <= 4; degree++)
    for (int64_t cond = 0; cond <= COND; cond += COND) {
      fixture f;
      make(&f, degree, cond, N, 0.9f);
      const double loss = error_of(&f, SEED);
      double t[N], r[N], sum = 0;
      float middle[N * DIM], direct[N * DIM], composed[N * DIM], *u = malloc((size_t)(N * degree * DIM) * sizeof *u);
      for (int i = 0; i < N; i++) t[i] = (double)f.t[i], r[i] = (double)f.c.r[i];
      bzdi_heads_step(N, degree, DIM, f.x, f.out, t, r, middle);
      bzdi_heads_step(N, degree, DIM, f.x, f.out, t, f.c.end, direct);
      heads(&f, middle, f.c.r, u);
      bzdi_heads_step(N, degree, DIM, middle, u, r, f.c.end, composed);
      for (int i = 0; i < N; i++)
        for (int j = 0; j < DIM; j++) {
          const int at = i * DIM + j;
          const double error = ((double)direct[at] - (double)composed[at]) / (f.c.end[i] - t[i]);
          assert_true(fabs(error - (double)f.c.error[at]) < 1e-6 / (f.c.end[i] - t[i]));
          sum += error * error / (N * DIM);
        }
      assert_true(sum > 1e-4);
      assert_true(fabs(loss / sum - 1) < 1e-3);
      free(u);
      clear(&f);
    }
}

/* Ends and middles: in order, half of the ends at 1 (four standard deviations), all where t = 0. Nearer to 1 than here
 * a float32 has no room for three times. */
static void test_draws(void **state) {
  (void)state;
  fixture f;
  make(&f, 2, COND, MANY, 0.99f);
  error_of(&f, SEED);
  int ends = 0;
  double middle = 0, length = 0;
  for (int i = 0; i < MANY; i++) {
    const double t = (double)f.t[i], r = (double)f.c.r[i], s = f.c.end[i];
    assert_true(t < r && r < s && s <= 1);
    ends += s == 1;
    middle += (r - t) / (s - t) / MANY;
    if (s < 1) length += (s - t) / (1 - t);
    assert_true(s - t > 0.0499 * (1 - t));
  }
  assert_true(fabs(ends - 0.5 * MANY) < 4 * sqrt(0.25 * MANY));
  assert_true(fabs(middle - 0.5) < 4 * sqrt(1.0 / 12 / MANY));
  /* Mean of max(u, 0.05): 1/2 + 0.05^2 / 2; its deviation is below that of u. */
  assert_true(fabs(length / (MANY - ends) - 0.50125) < 4 * sqrt(1.0 / 12 / (MANY - ends)));
  memset(f.t, 0, MANY * sizeof *f.t);
  error_of(&f, SEED);
  for (int i = 0; i < MANY; i++) assert_true(f.c.end[i] == 1 && f.c.r[i] > 0 && f.c.r[i] < 1);
  clear(&f);
}

/* A row's draw is its sample's, whatever goes with it; seeds and samples differ. A row alone may go through another
 * kernel: its error is the same to rounding. */
static void test_pure(void **state) {
  enum { N = 100 };
  (void)state;
  fixture f;
  bzdi_consistency one;
  make(&f, 3, COND, N, 0.9f);
  const bzdi_net *net = f.flow->net;
  void *memory = carve(net, 1, &one);
  const double loss = error_of(&f, SEED);
  double mean = 0, ends[N];
  float middles[N];
  for (int64_t i = 0; i < N; i++) {
    const bzdi_rows row = {1, f.x + i * DIM, f.t + i, f.cond + i * COND, f.keep + i};
    mean += bzdi_consistency_error(net, f.flow->weights, SEED, f.index + i, &row, f.out + i * 3 * DIM, 1, 1, &one) / N;
    assert_true(one.r[0] == f.c.r[i] && one.end[0] == f.c.end[i]);
    for (int j = 0; j < DIM; j++) assert_true(fabsf(one.error[j] - f.c.error[i * DIM + j]) < 1e-5f);
  }
  assert_true(fabs(mean / loss - 1) < 1e-5);
  memcpy(middles, f.c.r, sizeof middles);
  memcpy(ends, f.c.end, sizeof ends);
  assert_true(error_of(&f, SEED) == loss);
  SAME(middles, f.c.r, N);
  SAME(ends, f.c.end, N);
  for (int other = 0; other < 2; other++) { /* another seed, other samples */
    int equal = 0;
    for (int i = 0; i < N && other; i++) f.index[i]++;
    error_of(&f, other ? SEED : SEED + 1);
    for (int i = 0; i < N; i++) equal += middles[i] == f.c.r[i];
    assert_true(equal < 5);
  }
  free(memory);
  clear(&f);
}

/* Weighted mean square of a(out) - rhs, a = sum_m b_m-1,degree-1((s-t)/(1-t)) u_m; the row at t = 0 weighs jump. */
static double plain(const fixture *f, double jump, double other, const double *out, const double *rhs, double *a) {
  double sum = 0, b[BZDI_MAX_DEGREE + 1];
  for (int64_t i = 0; i < f->rows.n; i++) {
    const double t = (double)f->t[i];
    bzdi_bernstein(f->degree - 1, (f->c.end[i] - t) / (1 - t), b);
    for (int64_t j = 0; j < DIM; j++) {
      double mean = 0;
      for (int32_t m = 0; m < f->degree; m++) mean += b[m] * out[(i * f->degree + m) * DIM + j];
      if (a) a[i * DIM + j] = mean;
      if (rhs) sum += (t == 0 ? jump : other) * pow(mean - rhs[i * DIM + j], 2);
    }
  }
  return sum / (double)(f->rows.n * DIM);
}

/* The loss is quadratic in the heads: differences in double are exact but for rounding (1e-12), the gradient is right
 * to the rounding of float32. */
static void test_gradient(void **state) {
  enum { N = 9, MOST = N * 4 * DIM };
  const double jump = 2.5, other = 0.7, h = 1e-3;
  (void)state;
  for (int32_t degree = 1; degree <= 4; degree++) {
    fixture f;
    make(&f, degree, COND, N, 0.9f);
    const int count = N * degree * DIM;
    const bzdi_net *net = f.flow->net;
    const double loss = bzdi_consistency_error(net, f.flow->weights, SEED, f.index, &f.rows, f.out, jump, other, &f.c);
    double out[MOST], a[N * DIM], rhs[N * DIM], norm = 0;
    float grad[MOST] = {0}, added[MOST];
    for (int k = 0; k < count; k++) out[k] = (double)f.out[k];
    plain(&f, jump, other, out, NULL, a);
    for (int k = 0; k < N * DIM; k++) rhs[k] = a[k] - (double)f.c.error[k];
    assert_true(fabs(plain(&f, jump, other, out, rhs, NULL) / loss - 1) < 1e-9);
    bzdi_consistency_gradient(net, &f.rows, &f.c, grad);
    for (int k = 0; k < count; k++) norm = fmax(norm, fabs((double)grad[k]));
    assert_true(norm > 1e-4);
    for (int k = 0; k < count; k++) {
      const double keep = out[k];
      out[k] = keep + h;
      const double up = plain(&f, jump, other, out, rhs, NULL);
      out[k] = keep - h;
      const double down = plain(&f, jump, other, out, rhs, NULL);
      out[k] = keep;
      assert_true(fabs((up - down) / (2 * h) - (double)grad[k]) < 1e-6 * norm);
    }
    for (int k = 0; k < count; k++) added[k] = 1; /* it adds to what is there, here to the rounding of 1 */
    bzdi_consistency_gradient(net, &f.rows, &f.c, added);
    for (int k = 0; k < count; k++) assert_true(fabsf(added[k] - 1 - grad[k]) < 2e-7f);
    clear(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_constant_heads),
                                     cmocka_unit_test(test_error_is_that_of_the_steps), cmocka_unit_test(test_draws),
                                     cmocka_unit_test(test_pure), cmocka_unit_test(test_gradient)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
