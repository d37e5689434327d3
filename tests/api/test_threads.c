/* SPDX-License-Identifier: MIT */
/* Threads: many on one flow, cancelling from another thread and going on, a host's own task function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <pthread.h>
#include <time.h>

#include "../support/host.h"
#include "../support/objects.h"

enum { DIM = 6, N = 120, WORKERS = 4 };

typedef struct worker {
  const bzd_flow *flow;
  int32_t solver, rounds;
  bzd_status status; /* asserted by the main thread */
  float out[N * DIM];
} worker;

static void *sample(void *arg) {
  worker *w = arg;
  bzd_sample_config config;
  w->status = bzd_sample_config_init(&config, sizeof config);
  config.solver = w->solver;
  for (int32_t i = 0; i < w->rounds && w->status == BZD_OK; i++)
    w->status = bzd_flow_sample(w->flow, &config, N, NULL, NULL, w->out, NULL);
  return NULL;
}

/* Several threads, one flow, one pool: each gets what it would get alone. */
static void test_shared_flow(void **state) {
  static worker workers[WORKERS], alone;
  (void)state;
  host h;
  host_init(&h);
  bzd_context *context = host_context(&h, 3);
  bzd_flow *flow = make_flow(context, BZD_FLOW_VELOCITY, 1, DIM, 0, 32, 1);
  pthread_t threads[WORKERS];
  for (int32_t solver = BZD_SOLVER_RK4; solver <= BZD_SOLVER_DOPRI5; solver++) {
    alone = (worker){.flow = flow, .solver = solver, .rounds = 1};
    sample(&alone);
    assert_int_equal(alone.status, BZD_OK);
    for (int i = 0; i < WORKERS; i++) {
      workers[i] = (worker){.flow = flow, .solver = solver, .rounds = 8};
      assert_int_equal(pthread_create(&threads[i], NULL, sample, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < WORKERS; i++) {
      assert_int_equal(workers[i].status, BZD_OK);
      assert_memory_equal(workers[i].out, alone.out, sizeof alone.out);
    }
  }
  bzd_flow_destroy(flow);
  bzd_context_destroy(context);
  assert_int_equal(atomic_load(&h.live), 0);
}

/* ---- Cancelling ---------------------------------------------------------------------------------------------- */

typedef struct gate {
  bzd_trainer *trainer;
  atomic_llong step;
  atomic_int asked;
} gate;

static void nap(void) {
  const struct timespec pause = {.tv_nsec = 1000000};
  nanosleep(&pause, NULL);
}

static int32_t report(void *user, const bzd_progress *progress) {
  gate *g = user;
  atomic_store(&g->step, progress->step);
  while (progress->step == 20 && !atomic_load(&g->asked)) nap(); /* however slow the other thread is */
  return 0;
}

static void *cancel_later(void *arg) {
  gate *g = arg;
  while (atomic_load(&g->step) < 20) nap();
  bzd_trainer_cancel(g->trainer);
  atomic_store(&g->asked, 1);
  return NULL;
}

static uint64_t weights_hash(const bzd_trainer *trainer) {
  static float w[20000];
  bzd_trainer_info info = {.struct_size = sizeof info};
  bzd_flow *flow;
  OK(bzd_trainer_get_info(trainer, &info));
  assert_in_range(info.parameters, 1, sizeof w / sizeof *w);
  OK(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_EMA, &flow));
  OK(bzd_flow_get_parameters(flow, info.parameters, w));
  bzd_flow_destroy(flow);
  return hash_bytes(w, (size_t)info.parameters * sizeof *w);
}

static void test_cancel(void **state) {
  enum { STEPS = 3000 };
  (void)state;
  bzd_context *context = host_context(NULL, 2);
  bzd_data *data = make_data(context, 40, DIM, 0);
  bzd_source *source;
  OK(bzd_source_create_data(data, NULL, 1, &source));
  bzd_flow *student = make_flow(context, BZD_FLOW_VELOCITY, 1, DIM, 0, 16, 1);
  bzd_trainer *trainer = make_trainer(student, source, STEPS, 16), *twin = make_trainer(student, source, STEPS, 16);
  gate g = {.trainer = trainer};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, cancel_later, &g), 0);
  bzd_status status = bzd_trainer_run(trainer, 0, report, &g);
  pthread_join(thread, NULL);
  assert_int_equal(status, BZD_E_CANCELLED);
  bzd_trainer_info info = {.struct_size = sizeof info};
  OK(bzd_trainer_get_info(trainer, &info));
  assert_in_range(info.step, 20, STEPS - 1);
  assert_int_equal(info.step, atomic_load(&g.step));
  OK(bzd_trainer_run(trainer, 0, NULL, NULL));
  OK(bzd_trainer_get_info(trainer, &info));
  assert_int_equal(info.step, STEPS);
  OK(bzd_trainer_run(twin, 0, NULL, NULL));
  assert_true(weights_hash(trainer) == weights_hash(twin));
  bzd_trainer_destroy(trainer);
  bzd_trainer_destroy(twin);
  bzd_flow_destroy(student);
  bzd_source_destroy(source);
  bzd_data_destroy(data);
  bzd_context_destroy(context);
}

/* Cancelled before it runs: the next run stops at its first step, the one after goes on. */
static void test_cancel_before(void **state) {
  (void)state;
  bzd_data *data = make_data(NULL, 40, DIM, 0);
  bzd_source *source;
  OK(bzd_source_create_data(data, NULL, 1, &source));
  bzd_flow *student = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, 0, 16, 1);
  bzd_trainer *trainer = make_trainer(student, source, 10, 16);
  bzd_trainer_info info = {.struct_size = sizeof info};
  bzd_trainer_cancel(trainer);
  FAILS(BZD_E_CANCELLED, "cancel", bzd_trainer_run(trainer, 0, NULL, NULL));
  OK(bzd_trainer_get_info(trainer, &info));
  assert_in_range(info.step, 0, 1);
  OK(bzd_trainer_run(trainer, 0, NULL, NULL));
  OK(bzd_trainer_get_info(trainer, &info));
  assert_int_equal(info.step, 10);
  bzd_trainer_destroy(trainer);
  bzd_flow_destroy(student);
  bzd_source_destroy(source);
  bzd_data_destroy(data);
}

/* ---- A host's own task function ------------------------------------------------------------------------------ */

static void backwards(void *user, int64_t n, bzd_task_fn fn, void *arg) {
  atomic_fetch_add((atomic_llong *)user, 1);
  for (int64_t i = n - 1; i >= 0; i--) fn(arg, i);
}

static void test_task_function(void **state) {
  static worker lent, own;
  bzd_context_config config;
  bzd_context *context;
  atomic_llong calls;
  (void)state;
  atomic_init(&calls, 0);
  OK(bzd_context_config_init(&config, sizeof config));
  config.threads = 4;
  config.parallel_for = backwards;
  config.parallel_for_user = &calls;
  OK(bzd_context_create(&config, &context));
  bzd_flow *flow = make_flow(context, BZD_FLOW_VELOCITY, 1, DIM, 0, 32, 1), *twin;
  twin = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, 0, 32, 1);
  lent = (worker){.flow = flow, .solver = BZD_SOLVER_DOPRI5, .rounds = 1};
  own = (worker){.flow = twin, .solver = BZD_SOLVER_DOPRI5, .rounds = 1};
  sample(&lent);
  sample(&own);
  assert_int_equal(lent.status, BZD_OK);
  assert_memory_equal(lent.out, own.out, sizeof own.out);
  assert_true(atomic_load(&calls) > 0);
  bzd_flow_destroy(flow);
  bzd_flow_destroy(twin);
  bzd_context_destroy(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_shared_flow), cmocka_unit_test(test_cancel),
                                     cmocka_unit_test(test_cancel_before), cmocka_unit_test(test_task_function)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
