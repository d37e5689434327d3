/* SPDX-License-Identifier: MIT */
/* Flows as objects: starting students, control-point steps, guidance, metadata, files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/solver.h"
#include "models.h"
#include "num/bernstein.h"

enum { DIM = 4, N = 9 };

static void sample(const bzd_flow *flow, int32_t solver, int32_t steps, const float *x0, float *out) {
  bzdi_solved solved;
  bzdi_solve solve = {.solver = solver, .steps = steps, .t1 = 1, .rtol = 1e-5, .atol = 1e-5, .max_steps = 1000};
  OK(bzdi_solve_flow(flow, 1, &solve, N, x0, NULL, out, NULL, 0, NULL, &solved));
}

/* A student that starts from a teacher takes the teacher's straight step. */
static void test_student_starts_as_teacher(void **state) {
  (void)state;
  bzd_flow *teacher = models_flow(NULL, BZDI_FLOW_VELOCITY, 1, DIM, 0, 16, 1), *student;
  float *x0 = numbers_floats(1, N * DIM, 0, 1), euler[N * DIM], curve[N * DIM];
  sample(teacher, BZDI_SOLVER_EULER, 1, x0, euler);
  for (int32_t degree = 1; degree <= 16; degree += 5) {
    OK(bzdi_flow_new_from(teacher, BZDI_FLOW_CONTROL, degree, &student));
    sample(student, BZDI_SOLVER_CONTROL, 1, x0, curve);
    for (int i = 0; i < N * DIM; i++) assert_true(fabsf(curve[i] - euler[i]) < 2e-6f);
    bzdi_release(student);
  }
  OK(bzdi_flow_new_from(teacher, BZDI_FLOW_ENDPOINT, 1, &student));
  sample(student, BZDI_SOLVER_CONTROL, 1, x0, curve);
  for (int i = 0; i < N * DIM; i++) assert_true(fabsf(curve[i] - euler[i]) < 2e-6f);
  bzdi_release(student);
  free(x0);
  bzdi_release(teacher);
}

/* A control step from t = 0 against the curve its own heads describe, by de Casteljau in double. */
static void test_control_step_is_the_curve(void **state) {
  (void)state;
  enum { DEGREE = 3 };
  bzd_flow *flow = models_flow(NULL, BZDI_FLOW_CONTROL, DEGREE, DIM, 0, 16, 2);
  float *x0 = numbers_floats(1, N * DIM, 0, 1), t[N] = {0}, u[N * DEGREE * DIM], states[N * 4 * DIM], out[N * DIM];
  void *work = malloc(bzdi_flow_heads_work(flow, 1, N) + 64);
  bzdi_eval eval = {N, x0, t, NULL, NULL};
  bzdi_flow_heads_at(flow, 1, &eval, u, work);
  double node[4] = {0, 0.25, 0.7, 1};
  bzdi_solved solved;
  bzdi_solve solve = {.solver = BZDI_SOLVER_CONTROL, .steps = 1, .t1 = 1, .nodes = 4, .node = node};
  OK(bzdi_solve_flow(flow, 1, &solve, N, x0, NULL, out, states, 0, NULL, &solved));
  assert_true(solved.nfe_mean == 1);
  for (int r = 0; r < N; r++)
    for (int k = 0; k < 4; k++)
      for (int j = 0; j < DIM; j++) {
        double p[DEGREE + 1] = {(double)x0[r * DIM + j]};
        for (int m = 1; m <= DEGREE; m++) p[m] = p[0] + (double)m / DEGREE * (double)u[(r * DEGREE + m - 1) * DIM + j];
        for (int level = DEGREE; level > 0; level--)
          for (int i = 0; i < level; i++) p[i] += node[k] * (p[i + 1] - p[i]);
        assert_true(fabs(p[0] - (double)states[(r * 4 + k) * DIM + j]) < 2e-6);
      }
  free(x0), free(work);
  bzdi_release(flow);
}

static void test_guidance(void **state) {
  (void)state;
  enum { COND = 3 };
  bzd_flow *flow = models_flow(NULL, BZDI_FLOW_VELOCITY, 1, DIM, COND, 16, 3);
  float *x = numbers_floats(1, N * DIM, 0, 1), *cond = numbers_floats(2, N * COND, 0, 1), t[N], v[3][N * DIM];
  for (int r = 0; r < N; r++) t[r] = (float)r / N;
  for (int g = 0; g < 3; g++) { /* 0: null rows alone, 1: plain, 2: guided by 2.5 */
    bzdi_field field;
    bzdi_flow_field(flow, g == 2 ? 2.5 : 1, &field);
    assert_int_equal(field.nfe, g == 2 ? 2 : 1);
    bzdi_eval eval = {N, x, t, g == 0 ? NULL : cond, NULL};
    void *work = malloc(field.work(&field, N) + 64);
    OK(field.velocity(&field, &eval, v[g], work));
    free(work);
  }
  int differ = 0;
  for (int i = 0; i < N * DIM; i++) {
    assert_true(fabsf(v[2][i] - (v[0][i] + 2.5f * (v[1][i] - v[0][i]))) < 2e-6f);
    differ += v[0][i] != v[1][i];
  }
  assert_int_equal(differ, N * DIM);
  free(x), free(cond);
  bzdi_release(flow);
}

static void test_metadata(void **state) {
  (void)state;
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  bzdi_meta meta = {0};
  char key[16];
  for (int i = 99; i >= 0; i--) {
    snprintf(key, sizeof key, "key-%02d", i);
    OK(bzdi_meta_set(context, &meta, key, "first"));
  }
  OK(bzdi_meta_set(context, &meta, "key-42", "second"));
  OK(bzdi_meta_set(context, &meta, "key-17", NULL));
  OK(bzdi_meta_set(context, &meta, "absent", NULL));
  assert_int_equal(meta.count, 99);
  for (int64_t i = 1; i < meta.count; i++) assert_true(strcmp(meta.key[i - 1], meta.key[i]) < 0);
  assert_string_equal(bzdi_meta_get(&meta, "key-42"), "second");
  assert_null(bzdi_meta_get(&meta, "key-17"));
  FAILS(BZD_E_ARGUMENT, "0 bytes", bzdi_meta_set(context, &meta, "", "x"));
  FAILS(BZD_E_ARGUMENT, "byte 1", bzdi_meta_set(context, &meta, "a b", "x"));
  FAILS(BZD_E_ARGUMENT, "UTF-8", bzdi_meta_set(context, &meta, "a", "\xC3("));
  bzdi_meta_clear(context, &meta);
  bzdi_release(context);
  assert_int_equal(atomic_load(&h.live), 0);
}

static void test_stored_and_loaded(void **state) {
  (void)state;
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  float scale[DIM] = {1, 2, 3, 4}, offset[DIM] = {0, -1, 0.5f, 7};
  const bzdi_flow_spec spec = {
      .kind = BZDI_FLOW_CONTROL,
      .degree = 3,
      .layers = 2,
      .time_features = 6,
      .width = 10,
      .skip = 1,
      .seed = 4,
      .item = {.dim = DIM, .cond_dim = 2, .ndim = 2, .shape = {2, 2}, .scale = scale, .offset = offset}};
  bzd_flow *flow, *again = NULL;
  bzdi_store *store;
  OK(bzdi_flow_new(context, &spec, &flow));
  OK(bzdi_meta_set(context, &flow->meta, "trained_on", "nothing"));
  OK(bzdi_store_new(context, &store));
  OK(bzdi_flow_store(flow, store, "x."));
  OK(bzdi_flow_load(context, store, "x.", BZDI_ROLE_PARAMETER, &again));
  assert_int_equal(again->kind, BZDI_FLOW_CONTROL);
  assert_int_equal(again->degree, 3);
  assert_int_equal(again->item.shape[1], 2);
  SAME(again->weights, flow->weights, flow->net->count);
  SAME(again->item.scale, scale, DIM);
  SAME(again->item.offset, offset, DIM);
  assert_string_equal(bzdi_meta_get(&again->meta, "trained_on"), "nothing");
  bzdi_release(again);
  /* What does not fit is refused and leaves nothing. */
  static const struct {
    const char *key;
    int64_t value;
  } wrong[] = {{"x.flow.dim", 5},   {"x.flow.kind", 9},         {"x.flow.degree", 2},   {"x.net.width", 11},
               {"x.net.layers", 3}, {"x.net.time_features", 7}, {"x.flow.cond_dim", 0}, {"x.flow.item_shape.0", 3},
               {"x.net.heads", 2},  {"x.net.skip", 2},          {"x.net.skip", 0}};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    int64_t right;
    OK(bzdi_store_get_i64(store, BZDI_META, wrong[i].key, INT64_MIN, INT64_MAX, &right));
    OK(bzdi_store_set_i64(store, BZDI_META, wrong[i].key, wrong[i].value, BZDI_MODEL));
    long long live = atomic_load(&h.live);
    FAILS(BZD_E_CORRUPT, "", bzdi_flow_load(context, store, "x.", BZDI_ROLE_PARAMETER, &again));
    assert_null(again);
    assert_int_equal(atomic_load(&h.live), live);
    OK(bzdi_store_set_i64(store, BZDI_META, wrong[i].key, right, BZDI_MODEL));
  }
  FAILS(BZD_E_CORRUPT, "", bzdi_flow_load(context, store, "x.", BZDI_ROLE_EMA, &again));
  FAILS(BZD_E_CORRUPT, "", bzdi_flow_load(context, store, "", BZDI_ROLE_PARAMETER, &again));
  OK(bzdi_flow_load(context, store, "x.", BZDI_ROLE_PARAMETER, &again));
  bzdi_store_free(store);
  bzdi_release(again);
  bzdi_release(flow);
  bzdi_release(context);
  assert_int_equal(atomic_load(&h.live), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_student_starts_as_teacher),
                                     cmocka_unit_test(test_control_step_is_the_curve), cmocka_unit_test(test_guidance),
                                     cmocka_unit_test(test_metadata), cmocka_unit_test(test_stored_and_loaded)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
