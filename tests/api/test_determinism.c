/* SPDX-License-Identifier: MIT */
/* The same bits for any number of threads and any batch size: training, fitting, every solver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include "../support/host.h"
#include "../support/objects.h"
#include "../support/sources.h"

enum { DIM = 9, CLASSES = 3, N = 300, NODES = 9 };

static const int32_t THREADS[] = {1, 2, 3, 8};
static const int32_t SOLVERS[] = {BZD_SOLVER_EULER,  BZD_SOLVER_MIDPOINT,     BZD_SOLVER_HEUN,    BZD_SOLVER_RK4,
                                  BZD_SOLVER_DOPRI5, BZD_SOLVER_DOPRI5_FIXED, BZD_SOLVER_CONTROL, BZD_SOLVER_REANCHOR};
enum { SOLVER_COUNT = sizeof SOLVERS / sizeof *SOLVERS };

static float cond[N * CLASSES], out[N * DIM], states[N * NODES * DIM];

/* A flow with weights large enough that its field bends: fresh weights give almost straight lines. */
static bzd_flow *bent_flow(const bzd_context *context, int32_t kind) {
  bzd_flow *flow = make_flow(context, kind, 3, DIM, CLASSES, 48, 5);
  bzd_flow_info info = {.struct_size = sizeof info};
  OK(bzd_flow_get_info(flow, &info));
  float *w = malloc((size_t)info.parameters * sizeof *w);
  OK(bzd_flow_get_parameters(flow, info.parameters, w));
  for (int64_t i = 0; i < info.parameters; i++) w[i] *= 2.5f;
  OK(bzd_flow_set_parameters(flow, info.parameters, w));
  free(w);
  return flow;
}

static bzd_sample_config sampling(int32_t solver) {
  bzd_sample_config config;
  OK(bzd_sample_config_init(&config, sizeof config));
  config.solver = solver;
  config.steps = 5;
  config.seed = 3;
  config.guidance = 1.5;
  config.renoise = solver == BZD_SOLVER_REANCHOR ? 0.5 : 0; /* fresh noise goes by the number of the sample too */
  return config;
}

static bzd_flow *flow_for(int32_t solver, bzd_flow *velocity, bzd_flow *control) {
  return solver == BZD_SOLVER_CONTROL || solver == BZD_SOLVER_REANCHOR ? control : velocity;
}

static void test_sampling_threads(void **state) {
  uint64_t first[SOLVER_COUNT] = {0};
  (void)state;
  for (size_t k = 0; k < sizeof THREADS / sizeof *THREADS; k++) {
    bzd_context *context = host_context(NULL, THREADS[k]);
    bzd_flow *velocity = bent_flow(context, BZD_FLOW_VELOCITY), *control = bent_flow(context, BZD_FLOW_CONTROL);
    for (int i = 0; i < SOLVER_COUNT; i++) {
      bzd_sample_config config = sampling(SOLVERS[i]);
      OK(bzd_flow_sample(flow_for(SOLVERS[i], velocity, control), &config, N, NULL, cond, out, NULL));
      uint64_t hash = hash_bytes(out, sizeof out);
      if (k == 0) first[i] = hash;
      if (hash != first[i]) fail_msg("solver %d: other bits with %d threads", SOLVERS[i], THREADS[k]);
    }
    bzd_flow_destroy(velocity);
    bzd_flow_destroy(control);
    bzd_context_destroy(context);
  }
  for (int i = 1; i < SOLVER_COUNT; i++) assert_true(first[i] != first[0]);
}

/* Row r of a large batch is row r of any smaller one. */
static void test_sampling_batches(void **state) {
  static const int64_t sizes[] = {1, 2, 7, 64, 131};
  static float part[N * DIM], part_states[N * NODES * DIM];
  (void)state;
  bzd_context *context = host_context(NULL, 2);
  bzd_flow *velocity = bent_flow(context, BZD_FLOW_VELOCITY), *control = bent_flow(context, BZD_FLOW_CONTROL);
  double times[NODES];
  for (int i = 0; i < NODES; i++) times[i] = (double)i / (NODES - 1);
  for (int i = 0; i < SOLVER_COUNT; i++) {
    bzd_flow *flow = flow_for(SOLVERS[i], velocity, control);
    bzd_sample_config config = sampling(SOLVERS[i]);
    OK(bzd_flow_sample(flow, &config, N, NULL, cond, out, NULL));
    int on_the_way = SOLVERS[i] != BZD_SOLVER_REANCHOR; /* it has no states there */
    if (on_the_way) OK(bzd_flow_trajectory(flow, &config, N, NULL, cond, NODES, times, states, NULL));
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
      int64_t size = sizes[k];
      for (int64_t row = 0; row < N; row += size == 1 ? 37 : size) {
        int64_t n = N - row < size ? N - row : size;
        config.first_index = row;
        OK(bzd_flow_sample(flow, &config, n, NULL, cond + row * CLASSES, part, NULL));
        if (memcmp(part, out + row * DIM, (size_t)(n * DIM) * sizeof *part) != 0)
          fail_msg("solver %d: rows %d.. differ in batches of %d", SOLVERS[i], (int)row, (int)size);
        if (k % 2 != 0 || !on_the_way) continue;
        OK(bzd_flow_trajectory(flow, &config, n, NULL, cond + row * CLASSES, NODES, times, part_states, NULL));
        if (memcmp(part_states, states + row * NODES * DIM, (size_t)(n * NODES * DIM) * sizeof *part_states) != 0)
          fail_msg("solver %d: trajectories of rows %d.. differ in batches of %d", SOLVERS[i], (int)row, (int)size);
      }
    }
  }
  bzd_flow_destroy(velocity);
  bzd_flow_destroy(control);
  bzd_context_destroy(context);
}

static void test_velocity_batches(void **state) {
  static float x[N * DIM], t[N], v[N * DIM], one[DIM];
  static double weights[N * 2], weight[2];
  (void)state;
  bzd_context *context = host_context(NULL, 3);
  bzd_flow *flows[2] = {bent_flow(context, BZD_FLOW_VELOCITY), bent_flow(context, BZD_FLOW_CONTROL)};
  OK(bzd_noise(1, BZD_STREAM_USER, 0, N, DIM, x));
  OK(bzd_uniform(1, BZD_STREAM_USER, 0, N, 1, t));
  for (int32_t rule = BZD_RULE_UNIFORM; rule <= BZD_RULE_CONSENSUS; rule += 2) {
    bzd_ensemble *ensemble = make_ensemble(context, BZD_COMBINE_VELOCITY, rule, 2, flows);
    OK(bzd_ensemble_velocity(ensemble, N, 0, x, t, cond, v, weights));
    for (int64_t r = 0; r < N; r += 7) {
      OK(bzd_ensemble_velocity(ensemble, 1, r, x + r * DIM, t + r, cond + r * CLASSES, one, weight));
      assert_memory_equal(one, v + r * DIM, sizeof one);
      assert_memory_equal(weight, weights + r * 2, sizeof weight);
    }
    bzd_ensemble_destroy(ensemble);
  }
  bzd_flow_destroy(flows[0]);
  bzd_flow_destroy(flows[1]);
  bzd_context_destroy(context);
}

/* Ensembles are sampled as flows are, with a member drawn for each sample or weights by row. */
static void test_ensemble_samples(void **state) {
  static float part[N * DIM];
  static const int32_t combine[] = {BZD_COMBINE_ANY_VELOCITY, BZD_COMBINE_MIXTURE};
  (void)state;
  for (int c = 0; c < 2; c++)
    for (int32_t solver = BZD_SOLVER_RK4; solver <= BZD_SOLVER_DOPRI5; solver++)
      for (size_t k = 0; k < sizeof THREADS / sizeof *THREADS; k++) {
        bzd_context *context = host_context(NULL, THREADS[k]);
        bzd_flow *flows[2] = {bent_flow(context, BZD_FLOW_VELOCITY), bent_flow(context, BZD_FLOW_CONTROL)};
        bzd_ensemble *ensemble =
            make_ensemble(context, combine[c], c == 0 ? BZD_RULE_CONSENSUS : BZD_RULE_UNIFORM, 2, flows);
        bzd_sample_config config = sampling(solver);
        config.guidance = 1;
        OK(bzd_ensemble_sample(ensemble, &config, N, NULL, cond, part, NULL));
        if (k == 0) memcpy(out, part, sizeof out);
        assert_memory_equal(part, out, sizeof out);
        for (int64_t row = 0; row < N; row += 37) {
          config.first_index = row;
          OK(bzd_ensemble_sample(ensemble, &config, 1, NULL, cond + row * CLASSES, part, NULL));
          assert_memory_equal(part, out + row * DIM, DIM * sizeof *part);
        }
        bzd_ensemble_destroy(ensemble);
        bzd_flow_destroy(flows[0]);
        bzd_flow_destroy(flows[1]);
        bzd_context_destroy(context);
      }
}

/* Data, ensemble, fit, pool, trainer: one hash of all that comes out. */
static uint64_t distil(int32_t threads) {
  bzd_context *context = host_context(NULL, threads);
  bzd_data *data = make_data(context, 50, DIM, CLASSES);
  bzd_flow *teachers[2] = {bent_flow(context, BZD_FLOW_VELOCITY),
                           make_flow(context, BZD_FLOW_VELOCITY, 1, DIM, CLASSES, 32, 9)};
  bzd_ensemble *ensemble = make_ensemble(context, BZD_COMBINE_MIXTURE, BZD_RULE_UNIFORM, 2, teachers);
  bzd_fitter *fitter = make_fitter(context, 3, NODES);
  bzd_ensemble_source_config config;
  OK(bzd_ensemble_source_config_init(&config, sizeof config));
  config.real = data;
  config.rho = 0.4;
  config.steps = 8;
  bzd_source *source, *pool;
  OK(bzd_source_create_ensemble(ensemble, fitter, &config, &source));
  OK(bzd_source_create_pool(source, 0, 200, 1, NULL, NULL, &pool));
  static float paths[64 * 4 * DIM], path_cond[64 * CLASSES];
  OK(bzd_source_get_paths(pool, 0, 64, paths, path_cond, NULL));
  bzd_flow *student;
  OK(bzd_flow_create_from(teachers[0], BZD_FLOW_CONTROL, 3, &student));
  bzd_trainer *trainer = make_trainer(student, pool, 12, 96);
  OK(bzd_trainer_run(trainer, 0, NULL, NULL));
  bzd_trainer_info info = {.struct_size = sizeof info};
  OK(bzd_trainer_get_info(trainer, &info));
  uint64_t hash = hash_bytes(paths, sizeof paths) ^ hash_bytes(&info.loss, sizeof info.loss);
  float *w = malloc((size_t)info.parameters * sizeof *w);
  for (int32_t which = BZD_WEIGHTS_RAW; which <= BZD_WEIGHTS_EMA; which++) {
    bzd_flow *flow;
    OK(bzd_trainer_get_flow(trainer, which, &flow));
    OK(bzd_flow_get_parameters(flow, info.parameters, w));
    hash = hash * 31 + hash_bytes(w, (size_t)info.parameters * sizeof *w);
    bzd_flow_destroy(flow);
  }
  free(w);
  bzd_trainer_destroy(trainer);
  bzd_flow_destroy(student);
  bzd_source_destroy(pool);
  bzd_source_destroy(source);
  bzd_fitter_destroy(fitter);
  bzd_ensemble_destroy(ensemble);
  bzd_flow_destroy(teachers[0]);
  bzd_flow_destroy(teachers[1]);
  bzd_data_destroy(data);
  bzd_context_destroy(context);
  return hash;
}

static void test_training_threads(void **state) {
  (void)state;
  uint64_t first = distil(1);
  for (size_t k = 1; k < sizeof THREADS / sizeof *THREADS; k++)
    if (distil(THREADS[k]) != first) fail_msg("training: other bits with %d threads", THREADS[k]);
}

/* Training from a kind of source: its paths, the weights, the loss and what a file would hold. */
static uint64_t train(int which, int32_t threads) {
  static float paths[70 * 4 * SOURCES_DIM], path_cond[70 * SOURCES_CLASSES], span[70 * 2];
  bzd_context *context = host_context(NULL, threads);
  bzd_data *data = sources_data(context);
  bzd_source *source = sources_make(context, data, which);
  bzd_flow *student = sources_student(context, which);
  bzd_trainer *trainer = sources_trainer(student, source, which, 6);
  bzd_checkpoint *checkpoint;
  bzd_trainer_info info = {.struct_size = sizeof info};
  double evaluated;
  char id[65];
  memset(paths, 0, sizeof paths);
  OK(bzd_source_get_paths(source, 5, 70, paths, path_cond, span));
  OK(bzd_trainer_run(trainer, 0, NULL, NULL));
  OK(bzd_trainer_evaluate(trainer, NULL, 3, 50, BZD_WEIGHTS_RAW, &evaluated));
  OK(bzd_trainer_get_info(trainer, &info));
  OK(bzd_checkpoint_from_trainer(trainer, &checkpoint));
  OK(bzd_checkpoint_content_id(checkpoint, id));
  const double numbers[] = {info.loss, info.smooth_loss, info.gradient_norm, evaluated};
  uint64_t hash = hash_bytes(paths, sizeof paths) ^ hash_bytes(path_cond, sizeof path_cond) * 3;
  hash ^= hash_bytes(span, sizeof span) * 5 ^ hash_bytes(numbers, sizeof numbers) * 7 ^ hash_bytes(id, sizeof id) * 9;
  bzd_checkpoint_destroy(checkpoint);
  bzd_trainer_destroy(trainer);
  bzd_flow_destroy(student);
  bzd_source_destroy(source);
  bzd_data_destroy(data);
  bzd_context_destroy(context);
  return hash;
}

static void test_sources_threads(void **state) {
  (void)state;
  for (int which = 0; which < SOURCES; which++) {
    uint64_t first = train(which, 1);
    for (size_t k = 1; k < sizeof THREADS / sizeof *THREADS; k++)
      if (train(which, THREADS[k]) != first) fail_msg("source %d: other bits with %d threads", which, THREADS[k]);
  }
}

/* Path i of a source is the same whatever is asked for with it. */
static void test_sources_batches(void **state) {
  enum { COUNT = 60, ROOM = 4 * SOURCES_DIM };
  static float all[COUNT * ROOM], all_cond[COUNT * SOURCES_CLASSES], all_span[COUNT * 2], one[7 * ROOM],
      one_cond[7 * SOURCES_CLASSES], one_span[14];
  (void)state;
  bzd_context *context = host_context(NULL, 2);
  bzd_data *data = sources_data(context);
  for (int which = 0; which < SOURCES; which++) {
    bzd_source *source = sources_make(context, data, which);
    bzd_source_info info = {.struct_size = sizeof info};
    OK(bzd_source_get_info(source, &info));
    const int64_t row = (info.degree + 1) * info.dim;
    assert_in_range(row, 1, ROOM);
    OK(bzd_source_get_paths(source, 0, COUNT, all, all_cond, all_span));
    for (int64_t first = 0; first < COUNT; first += 11)
      for (int64_t n = 1; n <= 7 && first + n <= COUNT; n += 3) {
        OK(bzd_source_get_paths(source, first, n, one, one_cond, one_span));
        if (memcmp(one, all + first * row, (size_t)(n * row) * sizeof *one) != 0 ||
            memcmp(one_cond, all_cond + first * SOURCES_CLASSES, (size_t)(n * SOURCES_CLASSES) * sizeof *one) != 0 ||
            memcmp(one_span, all_span + first * 2, (size_t)(n * 2) * sizeof *one) != 0)
          fail_msg("source %d: %d paths from %d are others alone", which, (int)n, (int)first);
      }
    bzd_source_destroy(source);
  }
  bzd_data_destroy(data);
  bzd_context_destroy(context);
}

/* The public fitter: rows spread over threads. */
static void test_fit_threads(void **state) {
  static float fitted[N * 4 * DIM];
  static double residual[N];
  uint64_t first = 0;
  (void)state;
  OK(bzd_noise(2, BZD_STREAM_USER, 0, N, NODES * DIM, states));
  for (size_t k = 0; k < sizeof THREADS / sizeof *THREADS; k++) {
    bzd_context *context = host_context(NULL, THREADS[k]);
    bzd_fitter *fitter = make_fitter(context, 3, NODES);
    OK(bzd_fitter_fit(fitter, N, DIM, states, fitted, residual));
    uint64_t hash = hash_bytes(fitted, sizeof fitted) ^ hash_bytes(residual, sizeof residual);
    if (k == 0) first = hash;
    assert_true(hash == first);
    bzd_fitter_destroy(fitter);
    bzd_context_destroy(context);
  }
}

static int setup(void **state) {
  (void)state;
  for (int r = 0; r < N; r++) cond[r * CLASSES + r % CLASSES] = 1.0f;
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sampling_threads), cmocka_unit_test(test_sampling_batches),
      cmocka_unit_test(test_velocity_batches), cmocka_unit_test(test_ensemble_samples),
      cmocka_unit_test(test_training_threads), cmocka_unit_test(test_fit_threads),
      cmocka_unit_test(test_sources_threads),  cmocka_unit_test(test_sources_batches),
  };
  return cmocka_run_group_tests(tests, setup, NULL);
}
