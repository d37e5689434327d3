/* SPDX-License-Identifier: MIT */
/* Trainers: learning, schedules, callbacks, snapshots, one-step students, failures that leave everything as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <math.h>

#include "../support/host.h"
#include "../support/objects.h"

enum { DIM = 2 };

/* Straight paths from noise to x0 + (3, -1): the velocity is a constant. */
static int32_t shift(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim, int64_t cond_dim,
                     float *p, float *c, float *span) {
  (void)span;
  const int64_t *poison = user;
  (void)cond_dim, (void)c;
  for (int64_t i = 0; i < n; i++) {
    float x[DIM];
    bzd_noise(1, BZD_STREAM_USER, index[i], 1, DIM, x);
    for (int32_t k = 0; k <= degree; k++)
      for (int64_t j = 0; j < dim; j++)
        p[(i * (degree + 1) + k) * dim + j] = x[j] + (j == 0 ? 3.0f : -1.0f) * (float)k / (float)degree;
    if (index[i] == *poison) p[i * (degree + 1) * dim] = NAN;
  }
  return 0;
}

static bzd_source *make_shift(int64_t *poison, int32_t degree) {
  bzd_source *source;
  OK(bzd_source_create_callback(NULL, degree, DIM, 0, shift, poison, &source));
  return source;
}

typedef struct log_of {
  int64_t calls, stop_at;
  double rates[64], first, last;
} log_of;

static int32_t record(void *user, const bzd_progress *progress) {
  log_of *l = user;
  if (l->calls < 64) l->rates[l->calls] = progress->rate;
  if (l->calls == 0) l->first = progress->loss;
  l->last = progress->smooth_loss;
  l->calls++;
  if (progress->struct_size != sizeof *progress || progress->phase != BZD_PHASE_TRAIN || progress->step != l->calls)
    return 99;
  return progress->step == l->stop_at ? 7 : 0;
}

static void test_learns(void **state) {
  static const int32_t kinds[3] = {BZD_FLOW_VELOCITY, BZD_FLOW_CONTROL, BZD_FLOW_ENDPOINT};
  float x0[20 * DIM], x[20 * DIM];
  int64_t poison = -1;
  (void)state;
  OK(bzd_noise(1, BZD_STREAM_USER, 1000, 20, DIM, x0));
  for (int k = 0; k < 3; k++)
    for (int32_t loss = BZD_LOSS_MSE; loss <= BZD_LOSS_PSEUDO_HUBER; loss++) {
      bzd_source *source = make_shift(&poison, 2);
      bzd_flow *student = make_flow(NULL, kinds[k], 2, DIM, 0, 16, 1), *trained;
      bzd_trainer_config config;
      bzd_trainer *trainer;
      log_of l = {0};
      OK(bzd_trainer_config_init(&config, sizeof config));
      config.steps = 400;
      config.batch = 32;
      config.rate = 1e-2;
      config.ema = 0.9;
      config.loss = loss;
      config.time = BZD_TIME_U_SHAPED;
      OK(bzd_trainer_create(student, source, &config, &trainer));
      bzd_trainer_info info = {.struct_size = sizeof info};
      OK(bzd_trainer_get_info(trainer, &info));
      assert_true(info.step == 0 && isnan(info.loss) && info.has_ema == 1);
      OK(bzd_trainer_run(trainer, 0, record, &l));
      assert_int_equal(l.calls, 400);
      assert_true(l.last < 0.05 * l.first);
      OK(bzd_trainer_get_info(trainer, &info));
      assert_true(info.step == 400 && info.gradient_norm >= 0 && info.work_bytes > 0);
      OK(bzd_trainer_run(trainer, 5, record, &l)); /* the schedule is over: nothing */
      assert_int_equal(l.calls, 400);
      OK(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &trained));
      OK(bzd_flow_sample(trained, NULL, 20, x0, NULL, x, NULL));
      for (int i = 0; i < 20 * DIM; i++)
        if (fabsf(x[i] - x0[i] - (i % DIM == 0 ? 3.0f : -1.0f)) > 0.25f)
          fail_msg("kind %d, loss %d: %g", kinds[k], loss, (double)(x[i] - x0[i]));
      bzd_flow_destroy(trained);
      bzd_trainer_destroy(trainer);
      bzd_flow_destroy(student);
      bzd_source_destroy(source);
    }
}

/* Warm-up k / warmup, then the cosine. */
static void test_schedule(void **state) {
  int64_t poison = -1;
  log_of l = {0};
  (void)state;
  bzd_source *source = make_shift(&poison, 1);
  bzd_flow *student = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, 0, 8, 1);
  bzd_trainer_config config;
  bzd_trainer *trainer;
  OK(bzd_trainer_config_init(&config, sizeof config));
  config.steps = 50;
  config.batch = 4;
  config.rate = 0.01;
  config.final_rate = 0.1;
  config.warmup = 10;
  OK(bzd_trainer_create(student, source, &config, &trainer));
  OK(bzd_trainer_run(trainer, 0, record, &l));
  for (int k = 1; k <= 10; k++) assert_true(fabs(l.rates[k - 1] - 0.01 * k / 10) < 1e-12);
  for (int k = 11; k < 50; k++) assert_true(l.rates[k] < l.rates[k - 1]);
  assert_true(fabs(l.rates[49] - 0.001) < 1e-12);
  bzd_trainer_destroy(trainer);
  bzd_flow_destroy(student);
  bzd_source_destroy(source);
}

static void parameters(const bzd_trainer *trainer, int32_t which, float *w) {
  bzd_flow *flow;
  bzd_flow_info info = {.struct_size = sizeof info};
  OK(bzd_trainer_get_flow(trainer, which, &flow));
  OK(bzd_flow_get_info(flow, &info));
  OK(bzd_flow_get_parameters(flow, info.parameters, w));
  bzd_flow_destroy(flow);
}

/* A callback stops after its step; going on gives the bits of an undisturbed run. A snapshot stands still. */
static void test_stop_and_snapshot(void **state) {
  enum { PARAMETERS = 10 * 16 + 16 + 16 * 16 + 16 + 16 * 2 + 2 };
  static float raw[PARAMETERS], twin_raw[PARAMETERS], ema[PARAMETERS], before[PARAMETERS], after[PARAMETERS];
  int64_t poison = -1;
  (void)state;
  bzd_source *source = make_shift(&poison, 1);
  bzd_flow *student = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, 0, 16, 1), *snapshot;
  bzd_trainer *trainer = make_trainer(student, source, 30, 8), *twin = make_trainer(student, source, 30, 8);
  log_of l = {.stop_at = 11};
  FAILS(BZD_E_CANCELLED, "7", bzd_trainer_run(trainer, 0, record, &l));
  bzd_trainer_info info = {.struct_size = sizeof info};
  OK(bzd_trainer_get_info(trainer, &info));
  assert_int_equal(info.step, 11);
  assert_int_equal(info.parameters, PARAMETERS);
  OK(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_RAW, &snapshot));
  OK(bzd_flow_get_parameters(snapshot, PARAMETERS, before));
  OK(bzd_trainer_run(trainer, 7, NULL, NULL));
  OK(bzd_trainer_run(trainer, 0, NULL, NULL));
  OK(bzd_trainer_run(twin, 0, NULL, NULL));
  parameters(trainer, BZD_WEIGHTS_RAW, raw);
  parameters(twin, BZD_WEIGHTS_RAW, twin_raw);
  parameters(trainer, BZD_WEIGHTS_EMA, ema);
  assert_memory_equal(raw, twin_raw, sizeof raw);
  assert_memory_not_equal(raw, ema, sizeof raw);
  OK(bzd_flow_get_parameters(snapshot, PARAMETERS, after));
  assert_memory_equal(before, after, sizeof before);
  assert_memory_not_equal(before, raw, sizeof before);
  parameters(trainer, BZD_WEIGHTS_AUTO, after);
  assert_memory_equal(after, ema, sizeof ema);
  OK(bzd_flow_get_parameters(student, PARAMETERS, after)); /* the student itself was copied */
  bzd_flow *fresh = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, 0, 16, 1);
  OK(bzd_flow_get_parameters(fresh, PARAMETERS, before));
  assert_memory_equal(before, after, sizeof before);
  double loss, again;
  OK(bzd_trainer_evaluate(trainer, NULL, 5000, 100, BZD_WEIGHTS_RAW, &loss));
  OK(bzd_trainer_evaluate(trainer, source, 5000, 100, BZD_WEIGHTS_RAW, &again));
  assert_true(isfinite(loss) && loss > 0 && loss == again);
  OK(bzd_trainer_evaluate(trainer, NULL, 5000, 100, BZD_WEIGHTS_EMA, &again));
  assert_true(loss != again);
  bzd_flow_destroy(fresh);
  bzd_flow_destroy(snapshot);
  bzd_trainer_destroy(twin);
  bzd_trainer_destroy(trainer);
  bzd_flow_destroy(student);
  bzd_source_destroy(source);
}

/* A loss that is not finite never reaches the weights. */
static void test_diverged(void **state) {
  enum { PARAMETERS = 10 * 16 + 16 + 16 * 16 + 16 + 16 * 2 + 2 };
  static float before[PARAMETERS], after[PARAMETERS];
  int64_t poison = 5 * 8 + 3;
  (void)state;
  bzd_source *source = make_shift(&poison, 1);
  bzd_flow *student = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, 0, 16, 1);
  bzd_trainer *trainer = make_trainer(student, source, 30, 8);
  OK(bzd_trainer_run(trainer, 5, NULL, NULL));
  parameters(trainer, BZD_WEIGHTS_RAW, before);
  bzd_status status = bzd_trainer_run(trainer, 0, NULL, NULL);
  assert_true(status == BZD_E_NUMERIC || status == BZD_E_DIVERGED);
  failure_text();
  parameters(trainer, BZD_WEIGHTS_RAW, after);
  assert_memory_equal(before, after, sizeof before);
  poison = -1;
  OK(bzd_trainer_run(trainer, 0, NULL, NULL));
  bzd_trainer_destroy(trainer);
  bzd_flow_destroy(student);
  bzd_source_destroy(source);
}

/* The loss of each of the first 4 steps of a schedule, in weights that stay as they are (a rate of 1e-12). */
static void losses(const bzd_source *source, double at_zero, double consistency, int64_t steps, double *loss) {
  bzd_flow *flow = make_flow(NULL, BZD_FLOW_CONTROL, 2, DIM, 0, 16, 7);
  bzd_trainer_config config;
  OK(bzd_trainer_config_init(&config, sizeof config));
  config.steps = steps;
  config.batch = 8;
  config.rate = 1e-12;
  config.at_zero = at_zero;
  config.consistency = consistency;
  bzd_trainer *trainer;
  OK(bzd_trainer_create(flow, source, &config, &trainer));
  for (int i = 0; i < 4; i++) {
    bzd_trainer_info info = {.struct_size = sizeof info};
    OK(bzd_trainer_run(trainer, 1, NULL, NULL));
    OK(bzd_trainer_get_info(trainer, &info));
    loss[i] = info.loss;
  }
  bzd_trainer_destroy(trainer);
  bzd_flow_destroy(flow);
}

/* What consistency adds to the loss of one batch, by schedules of two lengths: the same in each step for rows at t = 0,
 * for others falling from that of the first step as the square of what is left. (How much it is:
 * unit.test_consistency.)
 */
static void test_consistency_fades(void **state) {
  int64_t poison = -1;
  bzd_source *source = make_shift(&poison, 2);
  (void)state;
  for (int jumps = 0; jumps < 2; jumps++) {
    double none[4], four[4], eight[4], half[4];
    losses(source, jumps, 0, 4, none);
    losses(source, jumps, 1, 4, four);
    losses(source, jumps, 1, 8, eight);
    losses(source, jumps, 0.5, 4, half);
    for (int i = 0; i < 4; i++) {
      const double left4 = jumps ? 1 : (1 - i / 4.0) * (1 - i / 4.0), left8 = jumps ? 1 : (1 - i / 8.0) * (1 - i / 8.0);
      const double added = (eight[i] - none[i]) / left8;
      assert_true(added > 1e-6);
      assert_true(fabs(four[i] - none[i] - left4 * added) <= 1e-6 * added);
      assert_true(fabs(half[i] - none[i] - 0.5 * left4 * added) <= 1e-6 * added);
    }
  }
  bzd_source_destroy(source);
}

static void test_refusals(void **state) {
  int64_t poison = -1;
  (void)state;
  bzd_source *source = make_shift(&poison, 3);
  bzd_flow *narrow = make_flow(NULL, BZD_FLOW_CONTROL, 2, DIM, 0, 8, 1),
           *wide = make_flow(NULL, BZD_FLOW_VELOCITY, 1, 5, 0, 8, 1),
           *higher = make_flow(NULL, BZD_FLOW_CONTROL, 5, DIM, 0, 8, 1);
  bzd_trainer *trainer;
  bzd_flow *none;
  FAILS(BZD_E_DIMENSION, "degree", bzd_trainer_create(narrow, source, NULL, &trainer));
  FAILS(BZD_E_DIMENSION, "dim", bzd_trainer_create(wide, source, NULL, &trainer));
  bzd_trainer_config config;
  OK(bzd_trainer_config_init(&config, sizeof config));
  config.ema = 0;
  config.steps = 3;
  config.batch = 4;
  OK(bzd_trainer_create(higher, source, &config, &trainer)); /* elevated */
  OK(bzd_trainer_run(trainer, 0, NULL, NULL));
  FAILS(BZD_E_STATE, "", bzd_trainer_get_flow(trainer, BZD_WEIGHTS_EMA, &none));
  assert_null(none);
  bzd_trainer_destroy(trainer);
  bzd_flow_destroy(narrow);
  bzd_flow_destroy(wide);
  bzd_flow_destroy(higher);
  bzd_source_destroy(source);
}

/* What is aimed at is set, the rest is kept, and a trainer takes it. */
static void test_aim(void **state) {
  static const int32_t kinds[] = {BZD_FLOW_VELOCITY, BZD_FLOW_CONTROL, BZD_FLOW_ENDPOINT}, nfes[] = {1, 2, 8, 9};
  int64_t poison = -1;
  bzd_source *source = make_shift(&poison, 2);
  (void)state;
  for (int k = 0; k < 3; k++)
    for (int i = 0; i < 4; i++) {
      bzd_trainer_config config, was;
      bzd_trainer *trainer;
      bzd_flow *student = make_flow(NULL, kinds[k], kinds[k] == BZD_FLOW_CONTROL ? 2 : 1, DIM, 0, 8, 1);
      OK(bzd_trainer_config_init(&config, sizeof config));
      config.steps = 2;
      config.batch = 8;
      config.rate = 0.01;
      was = config;
      OK(bzd_trainer_config_aim(&config, kinds[k], nfes[i]));
      if (kinds[k] == BZD_FLOW_CONTROL) {
        assert_true(config.at_grid == (nfes[i] == 1 ? 1 : nfes[i] <= 8 ? 0.5 : 0));
        assert_true(config.one_step == (nfes[i] == 1 ? 1 : 0.9) && config.grid_steps == 4);
        assert_true(config.consistency == (nfes[i] > 1));
        was.at_grid = config.at_grid, was.one_step = config.one_step, was.consistency = config.consistency;
      } else if (kinds[k] == BZD_FLOW_ENDPOINT) {
        assert_true(config.at_zero == (nfes[i] == 1));
        was.at_zero = config.at_zero;
      }
      assert_memory_equal(&config, &was, sizeof config);
      OK(bzd_trainer_create(student, source, &config, &trainer));
      OK(bzd_trainer_run(trainer, 0, NULL, NULL));
      bzd_trainer_destroy(trainer);
      bzd_flow_destroy(student);
    }
  bzd_source_destroy(source);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_aim),
                                     cmocka_unit_test(test_learns),
                                     cmocka_unit_test(test_schedule),
                                     cmocka_unit_test(test_stop_and_snapshot),
                                     cmocka_unit_test(test_diverged),
                                     cmocka_unit_test(test_refusals),
                                     cmocka_unit_test(test_consistency_fades)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
