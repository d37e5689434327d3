/* SPDX-License-Identifier: MIT */
/* Threads: many on one flow, trainers at once, creating and destroying at once, cancelling from another thread and
 * going on, a host's own task function. The thread sanitizer runs this file. */
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
#include "../support/sources.h"

enum { DIM = 6, N = 120, WORKERS = 8 };

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

/* Cancelled again and again from two threads at once, and each time taken on: the bits of a run that was not. */
typedef struct nagger {
  bzd_trainer *trainer;
  atomic_int *stop;
} nagger;

static void *cancel_on(void *arg) {
  const nagger *n = arg;
  while (!atomic_load(n->stop)) {
    bzd_trainer_cancel(n->trainer);
    nap();
  }
  return NULL;
}

static void test_cancel_again_and_again(void **state) {
  (void)state;
  bzd_context *context = host_context(NULL, 2);
  bzd_data *data = make_data(context, 40, DIM, 0);
  bzd_source *source;
  OK(bzd_source_create_data(data, NULL, 1, &source));
  bzd_flow *student = make_flow(context, BZD_FLOW_VELOCITY, 1, DIM, 0, 16, 1);
  bzd_trainer *trainer = make_trainer(student, source, 600, 16), *twin = make_trainer(student, source, 600, 16);
  atomic_int stop;
  atomic_init(&stop, 0);
  nagger n = {trainer, &stop};
  pthread_t threads[2];
  bzd_trainer_info info = {.struct_size = sizeof info};
  for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, cancel_on, &n), 0);
  int cancelled = 0;
  for (info.step = 0; info.step < 600;) {
    bzd_status status = bzd_trainer_run(trainer, 0, NULL, NULL);
    assert_true(status == BZD_OK || status == BZD_E_CANCELLED);
    cancelled += status == BZD_E_CANCELLED;
    OK(bzd_trainer_get_info(trainer, &info));
  }
  atomic_store(&stop, 1);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  OK(bzd_trainer_run(twin, 0, NULL, NULL));
  assert_true(weights_hash(trainer) == weights_hash(twin));
  print_message("cancelled %d times\n", cancelled);
  bzd_trainer_destroy(trainer);
  bzd_trainer_destroy(twin);
  bzd_flow_destroy(student);
  bzd_source_destroy(source);
  bzd_data_destroy(data);
  bzd_context_destroy(context);
}

/* ---- Trainers at once ---------------------------------------------------------------------------------------- */

enum { TRAINERS = 4 };

static void *train(void *arg) {
  bzd_trainer *trainer = arg;
  for (int i = 0; i < 4; i++)
    if (bzd_trainer_run(trainer, 10, NULL, NULL) != BZD_OK) return trainer;
  return NULL;
}

/* Four trainers, on four threads, of one student and one source: of one context and its pool, then of one each. The
 * source is an ensemble's, whose workspace they fight for. */
static void test_trainers_at_once(void **state) {
  (void)state;
  uint64_t alone = 0;
  for (int own = 0; own < 2; own++) {
    bzd_context *context[TRAINERS];
    bzd_data *data[TRAINERS];
    bzd_source *source[TRAINERS];
    bzd_flow *student[TRAINERS];
    bzd_trainer *trainer[TRAINERS];
    pthread_t threads[TRAINERS];
    const int sets = own ? TRAINERS : 1;
    for (int i = 0; i < sets; i++) {
      context[i] = host_context(NULL, 2);
      data[i] = sources_data(context[i]);
      source[i] = sources_make(context[i], data[i], SOURCE_ANCHORED);
      student[i] = sources_student(context[i], SOURCE_ANCHORED);
    }
    for (int i = 0; i < TRAINERS; i++)
      trainer[i] = sources_trainer(student[own ? i : 0], source[own ? i : 0], SOURCE_ANCHORED, 40);
    for (int i = 0; i < sets; i++) { /* the trainers keep what they need */
      bzd_flow_destroy(student[i]);
      bzd_data_destroy(data[i]);
      bzd_source_destroy(source[i]);
      bzd_context_destroy(context[i]);
    }
    if (!own) {
      assert_null(train(trainer[0]));
      alone = weights_hash(trainer[0]);
    }
    for (int i = 0; i < TRAINERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, train, trainer[i]), 0);
    for (int i = 0; i < TRAINERS; i++) {
      void *failed;
      pthread_join(threads[i], &failed);
      assert_null(failed);
    }
    for (int i = 0; i < TRAINERS; i++) {
      assert_true(weights_hash(trainer[i]) == alone);
      bzd_trainer_destroy(trainer[i]);
    }
  }
}

/* ---- Creating and destroying at once ------------------------------------------------------------------------- */

typedef struct storm {
  bzd_context *context;
  const bzd_flow *shared;
  int number;
  bzd_status status;
} storm;

/* Objects on a shared context and a shared flow, contexts with threads of their own, all gone again at once. */
static void *rage(void *arg) {
  storm *s = arg;
  float out[4 * DIM];
  for (int round = 0; round < 12 && s->status == BZD_OK; round++) {
    bzd_context_config context_config;
    bzd_context *context = NULL;
    bzd_flow *flow = NULL, *member = NULL;
    bzd_ensemble *ensemble = NULL;
    bzd_checkpoint *checkpoint = NULL;
    bzd_context_config_init(&context_config, sizeof context_config);
    context_config.threads = 1 + (round + s->number) % 3;
    bzd_status status = bzd_context_create(&context_config, &context);
    if (!status) status = bzd_flow_create_from(s->shared, BZD_FLOW_CONTROL, 2, &flow);
    const bzd_flow *teachers[2] = {s->shared, flow};
    if (!status) status = bzd_ensemble_create(round % 2 ? context : s->context, NULL, 2, teachers, &ensemble);
    bzd_flow_destroy(flow);
    bzd_context_destroy(context); /* the ensemble keeps it */
    if (!status) status = bzd_ensemble_sample(ensemble, NULL, 4, NULL, NULL, out, NULL);
    if (!status) status = bzd_ensemble_get_member(ensemble, 1, &member);
    if (!status) status = bzd_checkpoint_from_ensemble(ensemble, &checkpoint);
    bzd_ensemble_destroy(ensemble);
    if (!status) status = bzd_flow_sample(member, NULL, 4, NULL, NULL, out, NULL);
    bzd_checkpoint_destroy(checkpoint);
    bzd_flow_destroy(member);
    s->status = status;
  }
  return NULL;
}

static void test_storm(void **state) {
  (void)state;
  host h;
  host_init(&h);
  bzd_context *context = host_context(&h, 2);
  bzd_flow *flow = make_flow(context, BZD_FLOW_VELOCITY, 1, DIM, 0, 16, 1);
  storm storms[WORKERS];
  pthread_t threads[WORKERS];
  for (int i = 0; i < WORKERS; i++) {
    storms[i] = (storm){context, flow, i, BZD_OK};
    assert_int_equal(pthread_create(&threads[i], NULL, rage, &storms[i]), 0);
  }
  for (int i = 0; i < WORKERS; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(storms[i].status, BZD_OK);
  }
  bzd_context_destroy(context);
  bzd_flow_destroy(flow);
  assert_int_equal(atomic_load(&h.live), 0);
  assert_int_equal(atomic_load(&h.wrong), 0);
}

/* The last holds on one object dropped by many threads at the same moment: it goes once. */
typedef struct crowd {
  pthread_barrier_t barrier;
  bzd_ensemble *ensembles[WORKERS];
  atomic_int next;
} crowd;

static void *let_go(void *arg) {
  crowd *c = arg;
  int number = atomic_fetch_add(&c->next, 1);
  pthread_barrier_wait(&c->barrier);
  bzd_ensemble_destroy(c->ensembles[number]);
  return NULL;
}

static void test_last_hold(void **state) {
  (void)state;
  for (int round = 0; round < 20; round++) {
    host h;
    crowd c;
    pthread_t threads[WORKERS];
    host_init(&h);
    atomic_init(&c.next, 0);
    bzd_context *context = host_context(&h, 2);
    bzd_flow *flow = make_flow(context, BZD_FLOW_VELOCITY, 1, DIM, 0, 16, 1);
    for (int i = 0; i < WORKERS; i++)
      c.ensembles[i] = make_ensemble(context, BZD_COMBINE_VELOCITY, BZD_RULE_UNIFORM, 1, &flow);
    bzd_flow_destroy(flow);
    bzd_context_destroy(context);
    assert_int_equal(pthread_barrier_init(&c.barrier, NULL, WORKERS), 0);
    for (int i = 0; i < WORKERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, let_go, &c), 0);
    for (int i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&c.barrier);
    assert_int_equal(atomic_load(&h.live), 0);
    assert_int_equal(atomic_load(&h.wrong), 0);
  }
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
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_shared_flow),      cmocka_unit_test(test_cancel),
      cmocka_unit_test(test_cancel_before),    cmocka_unit_test(test_cancel_again_and_again),
      cmocka_unit_test(test_trainers_at_once), cmocka_unit_test(test_storm),
      cmocka_unit_test(test_last_hold),        cmocka_unit_test(test_task_function)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
