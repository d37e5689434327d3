/* SPDX-License-Identifier: MIT */
/* bzd_on_release: what was lent is given back once, when the last of all that retain it is gone, and not before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include "../support/host.h"
#include "../support/objects.h"

enum { ROWS = 32, DIM = 2 };

static host h;

/* A callback's closure: what it was freed with tells whether it was in use when it should not have been. */
typedef struct closure {
  float pull;
  int uses;
  int released;
  long long live; /* bytes of the library when it was released */
} closure;

static int32_t attract(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                       const float *cond, float *v) {
  closure *c = user;
  (void)t, (void)cond_dim, (void)cond;
  c->uses += c->released ? 1000000 : 1;
  for (int64_t i = 0; i < n * dim; i++) v[i] = c->pull * (1.0f - x[i]);
  return 0;
}

static void gone(void *user) {
  closure *c = user;
  c->released++;
  c->live = atomic_load(&h.live);
}

static bzd_flow *callback_flow(const bzd_context *context, closure *c) {
  bzd_flow_config config;
  bzd_flow *flow;
  OK(bzd_flow_config_init(&config, sizeof config));
  config.dim = DIM;
  OK(bzd_flow_create_callback(context, &config, attract, c, 1, &flow));
  OK(bzd_on_release(flow, gone, c));
  return flow;
}

/* flow <- ensemble <- source <- trainer, let go in that order: the closure lives as long as the trainer. */
static void test_chain(void **state) {
  (void)state;
  host_init(&h);
  closure c = {.pull = 1.0f}, d = {.pull = 2.0f};
  bzd_context *context = host_context(&h, 2);
  bzd_flow *flows[2] = {callback_flow(context, &c), callback_flow(context, &d)}, *member, *student, *trained;
  bzd_ensemble *ensemble = make_ensemble(context, BZD_COMBINE_VELOCITY, BZD_RULE_UNIFORM, 2, flows);
  bzd_fitter *fitter = make_fitter(context, 2, 5);
  bzd_source *source;
  bzd_trainer_config config;
  bzd_trainer *trainer;
  OK(bzd_source_create_ensemble(ensemble, fitter, NULL, &source));
  student = make_flow(context, BZD_FLOW_CONTROL, 2, DIM, 0, 8, 1);
  OK(bzd_trainer_config_init(&config, sizeof config));
  config.steps = 3;
  config.batch = 8;
  OK(bzd_trainer_create(student, source, &config, &trainer));
  OK(bzd_ensemble_get_member(ensemble, 1, &member));
  bzd_flow_destroy(flows[0]);
  bzd_flow_destroy(flows[1]);
  bzd_ensemble_destroy(ensemble);
  bzd_source_destroy(source);
  assert_int_equal(c.released, 0);
  OK(bzd_trainer_run(trainer, 0, NULL, NULL));
  OK(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &trained)); /* needs no teacher */
  bzd_trainer_destroy(trainer);
  assert_int_equal(c.released, 1);
  assert_int_equal(d.released, 0); /* a member is held still */
  bzd_flow_destroy(member);
  assert_int_equal(d.released, 1);
  assert_true(c.uses > 0 && c.uses < 1000000 && d.uses == c.uses);
  bzd_flow_destroy(trained);
  bzd_flow_destroy(student);
  bzd_fitter_destroy(fitter);
  bzd_context_destroy(context);
  assert_int_equal(atomic_load(&h.live), 0);
}

/* A context's own allocator may go once nothing of the library is left in it. */
static void test_context(void **state) {
  (void)state;
  host_init(&h);
  closure c = {0};
  bzd_context *context = host_context(&h, 3);
  OK(bzd_on_release(context, gone, &c));
  bzd_flow *flow = make_flow(context, BZD_FLOW_VELOCITY, 1, DIM, 0, 8, 1);
  float out[ROWS * DIM];
  bzd_context_destroy(context);
  OK(bzd_flow_sample(flow, NULL, ROWS, NULL, NULL, out, NULL));
  assert_int_equal(c.released, 0);
  bzd_flow_destroy(flow);
  assert_int_equal(c.released, 1);
  assert_int_equal(c.live, 0);
}

/* Rows and bytes that the library borrows. */
static void test_borrowed(void **state) {
  (void)state;
  host_init(&h);
  closure rows_of = {0}, bytes_of = {0}, paths_of = {0};
  bzd_context *context = host_context(&h, 1);
  float *rows = calloc(ROWS * DIM, sizeof *rows);
  bzd_data_config config;
  bzd_data *data;
  bzd_source *source, *pool, *streamed;
  bzd_checkpoint *store, *opened;
  size_t size;
  OK(bzd_data_config_init(&config, sizeof config));
  config.n = ROWS;
  config.dim = DIM;
  config.rows = rows;
  config.copy = 0;
  OK(bzd_data_create(context, &config, &data));
  OK(bzd_on_release(data, gone, &rows_of));
  OK(bzd_source_create_data(data, NULL, 1, &source));
  OK(bzd_on_release(source, gone, &paths_of));
  bzd_data_destroy(data);
  assert_int_equal(rows_of.released, 0);
  OK(bzd_source_create_pool(source, 0, ROWS, 1, NULL, NULL, &pool));
  bzd_source_destroy(source); /* a pool has its own copy of the paths */
  assert_int_equal(rows_of.released, 1);
  assert_int_equal(paths_of.released, 1);
  free(rows);

  OK(bzd_checkpoint_from_source(pool, &store));
  bzd_source_destroy(pool);
  OK(bzd_checkpoint_write_buffer(store, NULL, 0, &size));
  unsigned char *bytes = malloc(size);
  OK(bzd_checkpoint_write_buffer(store, bytes, size, &size));
  bzd_checkpoint_destroy(store);
  OK(bzd_checkpoint_open_buffer(context, bytes, size, NULL, &opened));
  OK(bzd_on_release(opened, gone, &bytes_of));
  OK(bzd_checkpoint_stream_source(opened, &streamed));
  bzd_checkpoint_destroy(opened);
  float path[2 * DIM];
  OK(bzd_source_get_paths(streamed, 0, 1, path, NULL, NULL));
  assert_int_equal(bytes_of.released, 0);
  bzd_source_destroy(streamed);
  assert_int_equal(bytes_of.released, 1);
  free(bytes);
  bzd_context_destroy(context);
  assert_int_equal(atomic_load(&h.live), 0);
}

/* The last word counts; NULL is no word; a trainer that takes another source lets go of the first. */
static void test_changes(void **state) {
  (void)state;
  host_init(&h);
  closure first = {0}, second = {0}, third = {0};
  bzd_context *context = host_context(&h, 1);
  bzd_flow *flow = make_flow(context, BZD_FLOW_VELOCITY, 1, DIM, 0, 8, 1);
  bzd_data *data = make_data(context, ROWS, DIM, 0);
  bzd_source *source, *later;
  bzd_trainer *trainer;
  bzd_tensors *tensors;
  OK(bzd_source_create_data(data, NULL, 1, &source));
  OK(bzd_source_create_data(data, NULL, 2, &later));
  OK(bzd_on_release(source, gone, &first));
  OK(bzd_on_release(source, gone, &second));
  OK(bzd_trainer_create(flow, source, NULL, &trainer));
  bzd_source_destroy(source);
  assert_int_equal(second.released, 0);
  OK(bzd_trainer_set_source(trainer, later));
  assert_int_equal(first.released, 0);
  assert_int_equal(second.released, 1);
  OK(bzd_on_release(trainer, gone, &third));
  OK(bzd_on_release(trainer, NULL, NULL));
  bzd_trainer_destroy(trainer);
  assert_int_equal(third.released, 0);
  OK(bzd_tensors_create(context, &tensors));
  OK(bzd_on_release(tensors, gone, &third));
  bzd_tensors_destroy(tensors);
  assert_int_equal(third.released, 1);
  bzd_source_destroy(later);
  bzd_data_destroy(data);
  bzd_flow_destroy(flow);
  bzd_context_destroy(context);
  assert_int_equal(atomic_load(&h.live), 0);
}

static void destroy_flow(void *user) { bzd_flow_destroy(user); }

/* What is given back may hold objects of the library itself: a closure that calls another flow. */
static void test_nested(void **state) {
  (void)state;
  host_init(&h);
  closure c = {.pull = 1.0f};
  bzd_context *context = host_context(&h, 2);
  bzd_flow *inner = callback_flow(context, &c), *outer = make_flow(context, BZD_FLOW_VELOCITY, 1, DIM, 0, 8, 1);
  bzd_ensemble *ensemble = make_ensemble(context, BZD_COMBINE_VELOCITY, BZD_RULE_UNIFORM, 1, &outer);
  OK(bzd_on_release(outer, destroy_flow, inner));
  bzd_context_destroy(context);
  bzd_flow_destroy(outer);
  assert_int_equal(c.released, 0);
  bzd_ensemble_destroy(ensemble); /* the last hold on outer, and so on inner, and so on the context */
  assert_int_equal(c.released, 1);
  assert_int_equal(atomic_load(&h.live), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_chain),   cmocka_unit_test(test_context), cmocka_unit_test(test_borrowed),
      cmocka_unit_test(test_changes), cmocka_unit_test(test_nested),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
