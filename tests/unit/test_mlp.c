/* SPDX-License-Identifier: MIT */
/* The MLP against a plain one in double, its gradient against central differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"
#include "net/embed.h"
#include "net/mlp.h"
#include "num/gemm.h"

enum { DIM = 3, COND = 2, HEADS = 2, WIDTH = 9, LAYERS = 2, FEATURES = 6, ROWS = 11 };

/* Every test runs without and with a skip connection. */
static const int32_t without = 0, with = 1;

typedef struct fixture {
  bzdi_net *net;
  float *weights, *x, *t, *cond, *probe; /* probe: d loss / d out */
  uint8_t keep[ROWS];
  bzdi_rows rows;
} fixture;

static void make(const bzd_context *context, int32_t skip, fixture *f) {
  bzdi_mlp_spec spec = {DIM, COND, HEADS, WIDTH, LAYERS, FEATURES, NULL, skip};
  OK(bzdi_mlp_new(context, &spec, &f->net));
  f->weights = malloc((size_t)f->net->count * sizeof(float));
  f->net->kind->init(f->net, 7, f->weights);
  if (skip) { /* it begins as none */
    const bzdi_param *last = &f->net->param[f->net->params - 2];
    float *values = numbers_floats(5, last[0].count + last[1].count, 0, 1);
    assert_int_equal(last[0].count + last[1].count, HEADS * (FEATURES + 1));
    for (int64_t i = 0; i < HEADS * (FEATURES + 1); i++) assert_true(f->weights[last->offset + i] == 0.0f);
    memcpy(f->weights + last->offset, values, HEADS * (FEATURES + 1) * sizeof(float));
    free(values);
  }
  f->x = numbers_floats(1, ROWS * DIM, 0, 1);
  f->t = numbers_floats(2, ROWS, 0.5, 0.2);
  f->cond = numbers_floats(3, ROWS * COND, 0, 1);
  f->probe = numbers_floats(4, ROWS * HEADS * DIM, 0, 1);
  for (int r = 0; r < ROWS; r++) f->keep[r] = r % 3 != 0;
  f->rows = (bzdi_rows){ROWS, f->x, f->t, f->cond, f->keep};
}

static void clear(fixture *f) {
  free(f->weights), free(f->x), free(f->t), free(f->cond), free(f->probe);
  bzdi_release(f->net);
}

/* One row through the same network, loops and double alone. */
static void slow(const fixture *f, const double *weights, int r, double *out) {
  const bzdi_mlp *mlp = (const bzdi_mlp *)f->net;
  double x[64], y[64], features[FEATURES];
  int n = 0, kept = !f->rows.keep || f->rows.keep[r];
  for (int j = 0; j < DIM; j++) x[n++] = (double)f->x[r * DIM + j];
  for (int j = 0; j < COND; j++) x[n++] = kept ? (double)f->cond[r * COND + j] : 0;
  x[n++] = kept;
  for (int j = 0; j < FEATURES / 2; j++) x[n++] = sin((double)(f->t[r] * mlp->frequencies[j]));
  for (int j = 0; j < FEATURES / 2; j++) x[n++] = cos((double)(f->t[r] * mlp->frequencies[j]));
  assert_int_equal(n, mlp->input);
  memcpy(features, x + n - FEATURES, sizeof features);
  for (int l = 0; l <= LAYERS; l++) {
    const bzdi_param *w = &f->net->param[2 * l], *b = w + 1;
    for (int64_t o = 0; o < w->shape[0]; o++) {
      double sum = weights[b->offset + o];
      for (int64_t i = 0; i < w->shape[1]; i++) sum += weights[w->offset + o * w->shape[1] + i] * x[i];
      y[o] = l < LAYERS ? sum / (1 + exp(-sum)) : sum;
    }
    memcpy(l < LAYERS ? x : out, y, (size_t)w->shape[0] * sizeof *y);
  }
  if (!mlp->skip) return;
  const bzdi_param *w = &f->net->param[2 * (LAYERS + 1)], *b = w + 1;
  assert_string_equal(w->name, "skip.weight");
  assert_string_equal(b->name, "skip.bias");
  for (int h = 0; h < HEADS; h++) {
    double gain = weights[b->offset + h];
    for (int j = 0; j < FEATURES; j++) gain += weights[w->offset + h * FEATURES + j] * features[j];
    for (int j = 0; j < DIM; j++) out[h * DIM + j] += gain * (double)f->x[r * DIM + j];
  }
}

static double slow_loss(const fixture *f, const double *weights) {
  double loss = 0, out[HEADS * DIM];
  for (int r = 0; r < ROWS; r++) {
    slow(f, weights, r, out);
    for (int j = 0; j < HEADS * DIM; j++) loss += out[j] * (double)f->probe[r * HEADS * DIM + j];
  }
  return loss;
}

static void test_forward_and_infer(void **state) {
  fixture f;
  make(NULL, *(const int32_t *)*state, &f);
  double exact[HEADS * DIM], weights[1024];
  assert_true(f.net->count <= 1024);
  for (int64_t i = 0; i < f.net->count; i++) weights[i] = (double)f.weights[i];
  float out[ROWS * HEADS * DIM], again[ROWS * HEADS * DIM];
  assert_true(f.net->kind->infer_work(f.net, BZDI_FLOAT32, ROWS) <= f.net->kind->train_work(f.net, ROWS));
  void *work = aligned_alloc(64, (f.net->kind->train_work(f.net, ROWS) + 63) / 64 * 64);
  void *packed = aligned_alloc(64, f.net->kind->packed_bytes(f.net, BZDI_FLOAT32));
  f.net->kind->forward(f.net, f.weights, &f.rows, out, work);
  f.net->kind->pack(f.net, BZDI_FLOAT32, f.weights, packed);
  f.net->kind->infer(f.net, BZDI_FLOAT32, packed, &f.rows, again, work);
  for (int r = 0; r < ROWS; r++) {
    slow(&f, weights, r, exact);
    for (int j = 0; j < HEADS * DIM; j++) {
      assert_true(fabs((double)out[r * HEADS * DIM + j] - exact[j]) < 2e-6);
      assert_true(fabs((double)again[r * HEADS * DIM + j] - exact[j]) < 2e-6);
    }
  }
  /* A row's bits depend on that row alone. */
  for (int r = 0; r < ROWS; r++) {
    float one[HEADS * DIM];
    bzdi_rows row = {1, f.x + r * DIM, f.t + r, f.cond + r * COND, f.keep + r};
    f.net->kind->infer(f.net, BZDI_FLOAT32, packed, &row, one, work);
    SAME(one, again + r * HEADS * DIM, HEADS * DIM);
  }
  free(work), free(packed);
  clear(&f);
}

/* Central differences of the slow network in double are exact to about h^2. */
static void test_gradient(void **state) {
  fixture f;
  make(NULL, *(const int32_t *)*state, &f);
  double weights[1024];
  float *out = malloc(ROWS * HEADS * DIM * sizeof(float)), *grad = malloc((size_t)f.net->count * sizeof(float));
  void *work = aligned_alloc(64, (f.net->kind->train_work(f.net, ROWS) + 63) / 64 * 64);
  f.net->kind->forward(f.net, f.weights, &f.rows, out, work);
  f.net->kind->backward(f.net, f.weights, &f.rows, f.probe, grad, work);
  float *probe = numbers_floats(4, ROWS * HEADS * DIM, 0, 1); /* backward may overwrite its own */
  memcpy(f.probe, probe, ROWS * HEADS * DIM * sizeof(float));
  for (int64_t i = 0; i < f.net->count; i++) weights[i] = (double)f.weights[i];
  for (int64_t i = 0; i < f.net->count; i++) {
    double keep = weights[i], h = 1e-5;
    weights[i] = keep + h;
    double up = slow_loss(&f, weights);
    weights[i] = keep - h;
    double down = slow_loss(&f, weights), slope = (up - down) / (2 * h);
    weights[i] = keep;
    if (!(fabs((double)grad[i] - slope) < 2e-5 * (1 + fabs(slope))))
      fail_msg("gradient %lld is %g, differences say %g", (long long)i, (double)grad[i], slope);
  }
  free(out), free(grad), free(work), free(probe);
  clear(&f);
}

static void test_same_bits_for_any_threads(void **state) {
  float *first = NULL;
  static const int32_t threads[] = {1, 2, 3, 8};
  for (int i = 0; i < 4; i++) {
    bzd_context *context = models_context(NULL, threads[i]);
    fixture f;
    make(context, *(const int32_t *)*state, &f);
    float *out = malloc(ROWS * HEADS * DIM * sizeof(float)), *grad = malloc((size_t)f.net->count * sizeof(float));
    void *work = aligned_alloc(64, (f.net->kind->train_work(f.net, ROWS) + 63) / 64 * 64);
    f.net->kind->forward(f.net, f.weights, &f.rows, out, work);
    f.net->kind->backward(f.net, f.weights, &f.rows, out, grad, work);
    if (i == 0)
      first = grad;
    else
      SAME(first, grad, f.net->count);
    if (i > 0) free(grad);
    free(out), free(work);
    clear(&f);
    bzdi_release(context);
  }
  free(first);
}

static void test_heads_copied(void **state) {
  fixture f;
  make(NULL, *(const int32_t *)*state, &f);
  bzdi_net *wide;
  OK(bzdi_mlp_with_heads(f.net, 3, &wide));
  float *weights = malloc((size_t)wide->count * sizeof(float)), out[ROWS * HEADS * DIM], many[ROWS * 3 * DIM];
  bzdi_mlp_copy_heads(f.net, f.weights, 1, wide, weights);
  void *work = aligned_alloc(64, (wide->kind->train_work(wide, ROWS) + 63) / 64 * 64);
  f.net->kind->forward(f.net, f.weights, &f.rows, out, work);
  wide->kind->forward(wide, weights, &f.rows, many, work);
  for (int r = 0; r < ROWS; r++)
    for (int h = 0; h < 3; h++)
      for (int j = 0; j < DIM; j++)
        assert_true(fabsf(many[(r * 3 + h) * DIM + j] - out[(r * HEADS + 1) * DIM + j]) < 1e-6f);
  free(weights), free(work);
  bzdi_release(wide);
  clear(&f);
}

static void test_initial_weights(void **state) {
  (void)state;
  bzdi_net *net;
  bzdi_mlp_spec spec = {8, 0, 1, 100, 1, 8, NULL, 0};
  OK(bzdi_mlp_new(NULL, &spec, &net));
  float *weights = malloc((size_t)net->count * sizeof(float));
  net->kind->init(net, 0, weights);
  for (int i = 0; i < 4; i++) { /* uniform in +-1/sqrt(fan in): bound kept and nearly reached, variance a third */
    double bound = 1 / sqrt(i < 2 ? 16.0 : 100.0), most = 0, squares = 0;
    const bzdi_param *param = &net->param[i];
    for (int64_t k = 0; k < param->count; k++) {
      most = fmax(most, fabs((double)weights[param->offset + k]));
      squares += (double)weights[param->offset + k] * (double)weights[param->offset + k];
    }
    assert_true(most <= bound);
    if (param->count < 500) continue;
    assert_true(most > 0.98 * bound);
    assert_true(fabs(squares / (double)param->count / (bound * bound / 3) - 1) < 0.1);
  }
  free(weights);
  bzdi_release(net);
}

int main(void) {
#define BOTH(test)                                                                                                     \
  {#test, test, NULL, NULL, (void *)(uintptr_t)&without}, {                                                            \
#test " with a skip connection", test, NULL, NULL, (void *)(uintptr_t)&with                                        \
  }
  const struct CMUnitTest tests[] = {BOTH(test_forward_and_infer), BOTH(test_gradient),
                                     BOTH(test_same_bits_for_any_threads), BOTH(test_heads_copied),
                                     cmocka_unit_test(test_initial_weights)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
