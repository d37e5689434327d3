/* SPDX-License-Identifier: MIT */
/* Memory: nothing is allocated once a call has been made before; nothing stays; any refused allocation is survived. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include "../support/host.h"
#include "../support/objects.h"
#include "../support/sources.h"

enum { DIM = 8, CLASSES = 3, N = 150, NODES = 5 };

static float cond[N * CLASSES], out[N * NODES * DIM], x[N * DIM], t[N], v[N * DIM];
static const double TIMES[NODES] = {0.0, 0.25, 0.5, 0.75, 1.0};

static int32_t swirl(void *user, int64_t n, int64_t dim, const float *from, const float *when, int64_t cond_dim,
                     const float *c, float *velocity) {
  (void)user, (void)when, (void)cond_dim, (void)c;
  for (int64_t i = 0; i < n * dim; i++) velocity[i] = i % dim == 0 ? -from[i] : 0.5f * from[i];
  return 0;
}

/* Runs `call` once, then again: the second time allocates nothing and keeps nothing. */
#define STEADY(h, call)                                                                                                \
  do {                                                                                                                 \
    OK(call);                                                                                                          \
    long long calls_ = atomic_load(&(h).calls), live_ = atomic_load(&(h).live);                                        \
    for (int again_ = 0; again_ < 3; again_++) OK(call);                                                               \
    if (atomic_load(&(h).calls) != calls_)                                                                             \
      fail_msg("%s: %d allocations", #call, (int)(atomic_load(&(h).calls) - calls_));                                  \
    assert_int_equal(atomic_load(&(h).live), live_);                                                                   \
  } while (0)

static void test_sampling(void **state) {
  (void)state;
  for (int32_t threads = 1; threads <= 3; threads += 2) {
    host h;
    host_init(&h);
    bzd_context *context = host_context(&h, threads);
    bzd_flow *flow = make_flow(context, BZD_FLOW_VELOCITY, 1, DIM, CLASSES, 32, 1);
    bzd_flow *control = make_flow(context, BZD_FLOW_CONTROL, 3, DIM, CLASSES, 32, 2);
    bzd_flow *endpoint = make_flow(context, BZD_FLOW_ENDPOINT, 1, DIM, CLASSES, 32, 3);
    bzd_flow_config flow_config;
    bzd_flow *callback, *pair[2] = {flow, control};
    OK(bzd_flow_config_init(&flow_config, sizeof flow_config));
    flow_config.dim = DIM;
    OK(bzd_flow_create_callback(context, &flow_config, swirl, NULL, 1, &callback));
    bzd_ensemble *ensemble = make_ensemble(context, BZD_COMBINE_VELOCITY, BZD_RULE_CONSENSUS, 2, pair);
    bzd_sample_config config;
    OK(bzd_sample_config_init(&config, sizeof config));
    config.guidance = 2.0;
    for (int32_t solver = BZD_SOLVER_EULER; solver <= BZD_SOLVER_DOPRI5_FIXED; solver++) {
      config.solver = solver;
      bzd_flow *any = solver == BZD_SOLVER_CONTROL ? control : flow;
      STEADY(h, bzd_flow_sample(any, &config, N, NULL, cond, v, NULL));
      STEADY(h, bzd_flow_trajectory(any, &config, N, NULL, cond, NODES, TIMES, out, NULL));
    }
    config.solver = BZD_SOLVER_REANCHOR;
    config.renoise = 0.5;
    STEADY(h, bzd_flow_sample(control, &config, N, NULL, cond, v, NULL));
    STEADY(h, bzd_flow_sample(endpoint, NULL, N, NULL, NULL, v, NULL));
    STEADY(h, bzd_flow_sample(callback, NULL, N, NULL, NULL, v, NULL));
    STEADY(h, bzd_ensemble_sample(ensemble, NULL, N, NULL, cond, v, NULL));
    STEADY(h, bzd_flow_velocity(flow, N, x, t, cond, 2.0, v));
    STEADY(h, bzd_flow_curve(control, N, x, t, cond, 2.0, out));
    STEADY(h, bzd_ensemble_velocity(ensemble, N, 0, x, t, cond, v, NULL));
    bzd_ensemble_destroy(ensemble);
    bzd_flow_destroy(callback);
    bzd_flow_destroy(endpoint);
    bzd_flow_destroy(control);
    bzd_flow_destroy(flow);
    bzd_context_destroy(context);
    assert_int_equal(atomic_load(&h.live), 0);
    assert_int_equal(atomic_load(&h.wrong), 0);
  }
}

/* From every kind of source, with every loss; what a batch holds of each way of a path changes from step to step. */
static void test_training(void **state) {
  (void)state;
  for (int32_t threads = 1; threads <= 3; threads += 2)
    for (int which = 0; which < SOURCES; which++) {
      host h;
      host_init(&h);
      bzd_context *context = host_context(&h, threads);
      bzd_data *data = sources_data(context);
      bzd_source *source = sources_make(context, data, which);
      bzd_flow *student = sources_student(context, which);
      bzd_trainer *trainer = sources_trainer(student, source, which, 40);
      bzd_flow_destroy(student);
      bzd_data_destroy(data);
      OK(bzd_trainer_run(trainer, 1, NULL, NULL));
      long long calls = atomic_load(&h.calls);
      OK(bzd_trainer_run(trainer, 0, NULL, NULL));
      if (atomic_load(&h.calls) != calls)
        fail_msg("source %d, %d threads: %d allocations after the first step", which, (int)threads,
                 (int)(atomic_load(&h.calls) - calls));
      bzd_source_destroy(source);
      bzd_trainer_destroy(trainer);
      bzd_context_destroy(context);
      assert_int_equal(atomic_load(&h.live), 0);
      assert_int_equal(atomic_load(&h.wrong), 0);
    }
}

static void test_fitting(void **state) {
  (void)state;
  host h;
  host_init(&h);
  bzd_context *context = host_context(&h, 3);
  bzd_fitter *fitter = make_fitter(context, 2, NODES);
  STEADY(h, bzd_fitter_fit(fitter, 20, DIM, out, out + 20 * NODES * DIM, NULL));
  bzd_fitter_destroy(fitter);
  bzd_context_destroy(context);
  assert_int_equal(atomic_load(&h.live), 0);
}

/* The whole way from data to a sample of a loaded student; stops at the first failure. */
static bzd_status whole_way(host *h, bzd_context *context) {
  bzd_data *data = NULL;
  bzd_flow *flow = NULL, *student = NULL, *trained = NULL, *loaded = NULL;
  bzd_ensemble *ensemble = NULL;
  bzd_fitter *fitter = NULL;
  bzd_source *source = NULL, *pool = NULL;
  bzd_trainer *trainer = NULL, *resumed = NULL;
  bzd_checkpoint *checkpoint = NULL, *opened = NULL, *paths = NULL, *teachers = NULL, *made = NULL, *file = NULL;
  bzd_source *stream = NULL;
  char *buf = NULL, *made_buf = NULL;
  size_t size = 0;
  bzd_data_config data_config;
  bzd_flow_config flow_config;
  bzd_fitter_config fitter_config;
  bzd_trainer_config trainer_config;
  bzd_metrics_result metrics = {.struct_size = sizeof metrics};
  static float rows[32 * DIM];
  bzd_status status = BZD_OK;
  (void)h;
#define STEP(call)                                                                                                     \
  do {                                                                                                                 \
    status = (call);                                                                                                   \
    if (status != BZD_OK) goto end;                                                                                    \
  } while (0)
  STEP(bzd_noise(1, BZD_STREAM_USER, 0, 32, DIM, rows));
  STEP(bzd_data_config_init(&data_config, sizeof data_config));
  data_config.n = 32;
  data_config.dim = DIM;
  data_config.rows = rows;
  data_config.normalise = BZD_NORMALISE_STANDARDISE;
  STEP(bzd_data_create(context, &data_config, &data));
  STEP(bzd_flow_config_init(&flow_config, sizeof flow_config));
  flow_config.dim = DIM;
  flow_config.width = 16;
  STEP(bzd_flow_create(context, &flow_config, &flow));
  STEP(bzd_flow_set_metadata(flow, "name", "teacher"));
  const bzd_flow *teacher = flow;
  STEP(bzd_ensemble_create(context, NULL, 1, &teacher, &ensemble));
  STEP(bzd_fitter_config_init(&fitter_config, sizeof fitter_config));
  fitter_config.nodes = NODES;
  STEP(bzd_fitter_create(context, &fitter_config, &fitter));
  STEP(bzd_source_create_ensemble(ensemble, fitter, NULL, &source));
  STEP(bzd_source_create_pool(source, 0, 16, 1, NULL, NULL, &pool));
  STEP(bzd_flow_create_from(flow, BZD_FLOW_CONTROL, 2, &student));
  STEP(bzd_trainer_config_init(&trainer_config, sizeof trainer_config));
  trainer_config.steps = 3;
  trainer_config.batch = 8;
  STEP(bzd_trainer_create(student, pool, &trainer_config, &trainer));
  STEP(bzd_trainer_run(trainer, 2, NULL, NULL));
  STEP(bzd_checkpoint_from_trainer(trainer, &checkpoint));
  STEP(bzd_checkpoint_write_buffer(checkpoint, NULL, 0, &size));
  buf = malloc(size);
  STEP(bzd_checkpoint_write_buffer(checkpoint, buf, size, &size));
  STEP(bzd_checkpoint_open_buffer(context, buf, size, NULL, &opened));
  STEP(bzd_checkpoint_get_trainer(opened, pool, &resumed));
  STEP(bzd_checkpoint_get_flow(opened, BZD_WEIGHTS_EMA, &loaded));
  STEP(bzd_trainer_run(resumed, 0, NULL, NULL));
  STEP(bzd_trainer_get_flow(resumed, BZD_WEIGHTS_AUTO, &trained));
  STEP(bzd_checkpoint_from_source(pool, &paths));
  STEP(bzd_checkpoint_from_paths(source, 0, 16, 5, 1, NULL, NULL, &made));
  STEP(bzd_checkpoint_write_buffer(made, NULL, 0, &size));
  made_buf = malloc(size);
  STEP(bzd_checkpoint_write_buffer(made, made_buf, size, &size));
  STEP(bzd_checkpoint_open_buffer(context, made_buf, size, NULL, &file));
  STEP(bzd_checkpoint_stream_source(file, &stream));
  STEP(bzd_trainer_set_source(trainer, stream));
  STEP(bzd_trainer_run(trainer, 1, NULL, NULL));
  STEP(bzd_checkpoint_from_ensemble(ensemble, &teachers));
  STEP(bzd_flow_sample(trained, NULL, 32, NULL, NULL, out, NULL));
  STEP(bzd_metrics_compare(context, NULL, DIM, 32, out, 32, rows, &metrics));
#undef STEP
end:
  bzd_checkpoint_destroy(made);
  bzd_checkpoint_destroy(file);
  bzd_source_destroy(stream);
  bzd_checkpoint_destroy(teachers);
  bzd_checkpoint_destroy(paths);
  bzd_checkpoint_destroy(opened);
  bzd_checkpoint_destroy(checkpoint);
  bzd_trainer_destroy(resumed);
  bzd_trainer_destroy(trainer);
  bzd_flow_destroy(loaded);
  bzd_flow_destroy(trained);
  bzd_flow_destroy(student);
  bzd_source_destroy(pool);
  bzd_source_destroy(source);
  bzd_fitter_destroy(fitter);
  bzd_ensemble_destroy(ensemble);
  bzd_flow_destroy(flow);
  bzd_data_destroy(data);
  free(made_buf);
  free(buf);
  return status;
}

/* The k-th allocation is refused, for every k: BZD_E_MEMORY with a text, nothing kept. */
static void test_refused(void **state) {
  (void)state;
  host h;
  host_init(&h);
  bzd_context *context = host_context(&h, 1);
  long long base = atomic_load(&h.live), refused = 0;
  for (long long quota = 0; quota < 2000; quota++) {
    atomic_store(&h.quota, quota);
    bzd_status status = whole_way(&h, context);
    char text[512];
    if (status != BZD_OK) bzd_last_error(text, sizeof text);
    atomic_store(&h.quota, -1);
    if (atomic_load(&h.live) != base) fail_msg("allocation %d refused: memory kept (%s)", (int)quota, text);
    if (status == BZD_OK) break;
    refused++;
    if (status != BZD_E_MEMORY) fail_msg("allocation %d refused: %s (%s)", (int)quota, bzd_status_name(status), text);
  }
  assert_in_range(refused, 30, 1999);
  bzd_context_destroy(context);
  assert_int_equal(atomic_load(&h.live), 0);
  assert_int_equal(atomic_load(&h.wrong), 0);
}

static int setup(void **state) {
  (void)state;
  for (int r = 0; r < N; r++) cond[r * CLASSES + r % CLASSES] = 1.0f;
  OK(bzd_noise(1, BZD_STREAM_USER, 0, N, DIM, x));
  OK(bzd_uniform(1, BZD_STREAM_USER, 0, N, 1, t));
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_sampling), cmocka_unit_test(test_training),
                                     cmocka_unit_test(test_fitting), cmocka_unit_test(test_refused)};
  return cmocka_run_group_tests(tests, setup, NULL);
}
