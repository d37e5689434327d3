/* SPDX-License-Identifier: MIT */
/* Schedule, norm, clipping and EMA of the optimiser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/adam.h"
#include "numbers.h"

#include <string.h>

static void test_schedule(void **state) {
  (void)state;
  const bzdi_adam_config config = {.rate = 0.01, .final_rate = 0.1, .warmup = 10, .steps = 110};
  assert_true(fabs(bzdi_adam_rate(&config, 1) - 0.001) < 1e-15);
  assert_true(fabs(bzdi_adam_rate(&config, 10) - 0.01) < 1e-15);
  assert_true(fabs(bzdi_adam_rate(&config, 60) - 0.01 * (0.1 + 0.9 * 0.5)) < 1e-15); /* half way down */
  assert_true(fabs(bzdi_adam_rate(&config, 110) - 0.001) < 1e-15);
  const bzdi_adam_config flat = {.rate = 1, .final_rate = 1, .warmup = 0, .steps = 5};
  for (int k = 1; k <= 5; k++) assert_true(bzdi_adam_rate(&flat, k) == 1);
}

static void test_norm(void **state) {
  (void)state;
  enum { COUNT = 100003 };
  float *grad = numbers_floats(1, COUNT, 0, 2);
  double sum = 0;
  for (int i = 0; i < COUNT; i++) sum += (double)grad[i] * (double)grad[i];
  double norm = bzdi_adam_norm(NULL, COUNT, grad);
  assert_true(fabs(norm - sqrt(sum)) < 1e-10 * norm);
  bzd_context *context = numbers_context(3);
  assert_true(bzdi_adam_norm(context, COUNT, grad) == norm);
  bzdi_release(context);
  grad[COUNT - 1] = INFINITY;
  assert_true(!isfinite(bzdi_adam_norm(NULL, COUNT, grad)));
  free(grad);
}

/* Three steps against Adam written out. */
static void test_steps(void **state) {
  (void)state;
  enum { N = 40 };
  const bzdi_adam_config config = {.rate = 0.01,
                                   .final_rate = 0.5,
                                   .warmup = 2,
                                   .steps = 3,
                                   .beta1 = 0.9,
                                   .beta2 = 0.99,
                                   .epsilon = 1e-8,
                                   .weight_decay = 0.01,
                                   .clip = 0.5,
                                   .ema = 0.9};
  float *w = numbers_floats(2, N, 0, 1), m[N] = {0}, v[N] = {0}, ema[N];
  double sw[N], sm[N] = {0}, sv[N] = {0}, se[N];
  memcpy(ema, w, sizeof ema);
  for (int i = 0; i < N; i++) sw[i] = se[i] = (double)w[i];
  for (int k = 1; k <= 3; k++) {
    float *g = numbers_floats((uint64_t)(10 + k), N, 0, 1);
    double norm = bzdi_adam_norm(NULL, N, g), scale = norm > 0.5 ? 0.5 / norm : 1;
    double rate = bzdi_adam_rate(&config, k), d = fmin(0.9, (1.0 + k) / (10.0 + k));
    bzdi_adam_step(NULL, &config, k, rate, norm, N, g, w, m, v, ema);
    for (int i = 0; i < N; i++) {
      double grad = scale * (double)g[i];
      sm[i] = 0.9 * sm[i] + 0.1 * grad;
      sv[i] = 0.99 * sv[i] + 0.01 * grad * grad;
      sw[i] -= rate * (sm[i] / (1 - pow(0.9, k)) / (sqrt(sv[i] / (1 - pow(0.99, k))) + 1e-8) + 0.01 * sw[i]);
      se[i] = d * se[i] + (1 - d) * sw[i];
      assert_true(fabs((double)w[i] - sw[i]) < 2e-6 && fabs((double)ema[i] - se[i]) < 2e-6);
    }
    free(g);
  }
  free(w);
}

/* The worst that can be applied, with settings that hold nothing back: weights stay finite. */
static void test_finite(void **state) {
  static const double betas[] = {0, 0.9, 0.999999}, epsilons[] = {1e-30, 1e-8};
  static const float grads[] = {1e18f, 0, 0, -1e18f, 1e-30f, 0};
  int cases = 0;
  (void)state;
  for (int b1 = 0; b1 < 3; b1++)
    for (int b2 = 0; b2 < 3; b2++)
      for (int e = 0; e < 2; e++, cases++) {
        const bzdi_adam_config config = {.rate = 1,
                                         .final_rate = 1,
                                         .steps = 6,
                                         .beta1 = betas[b1],
                                         .beta2 = betas[b2],
                                         .epsilon = epsilons[e],
                                         .ema = 0.9};
        float w[2] = {3e38f, 0}, m[2] = {0}, v[2] = {0}, ema[2] = {3e38f, 0};
        for (int k = 1; k <= 6; k++) {
          float g[2] = {grads[k - 1], -grads[k - 1]};
          double norm = (double)fabsf(g[0]);
          assert_true(bzdi_adam_takes(&config, norm));
          bzdi_adam_step(NULL, &config, k, 1, norm, 2, g, w, m, v, ema);
          for (int i = 0; i < 2; i++)
            assert_true(isfinite(w[i]) && isfinite(m[i]) && isfinite(v[i]) && v[i] >= 0 && isfinite(ema[i]));
        }
      }
  const bzdi_adam_config clipped = {.clip = 1}, not = {.clip = 0};
  assert_true(bzdi_adam_takes(&clipped, 1e40) && !bzdi_adam_takes(&not, 1.1e18));
  assert_true(!bzdi_adam_takes(&clipped, INFINITY) && !bzdi_adam_takes(&clipped, NAN));
  print_message("%d settings\n", cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_schedule), cmocka_unit_test(test_norm),
                                     cmocka_unit_test(test_steps), cmocka_unit_test(test_finite)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
