/* SPDX-License-Identifier: MIT */
/* Every exported function with bad arguments: a pinned status, one line of text, outputs untouched or NULL, handles as
 * good as before, no byte of memory kept. Each line is a row of the table: expected status, call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>
#include <limits.h>
#include <math.h>

#include "../support/host.h"
#include "../support/objects.h"

enum { DIM = 4, CLASSES = 3, ROWS = 12, ROOM = 4096 };

static struct {
  host host;
  bzd_context *context;
  bzd_data *data, *wide; /* wide: of one coordinate more */
  bzd_flow *flow, *control, *endpoint, *plain, *callback;
  bzd_ensemble *ensemble, *medoid; /* medoid: combines whole trajectories */
  bzd_fitter *fitter;
  bzd_source *source, *pool, *wider;
  bzd_trainer *trainer;
  bzd_checkpoint *checkpoint;
  bzd_tensors *tensors;
  void *dead; /* what a scrubbed handle looks like */
  float x[ROOM], y[ROOM], t[ROOM], out[ROOM];
  double d[ROOM], w[ROOM];
  int64_t index[ROOM];
} s;

static const void *const FOREIGN_MARK = &s; /* what an out parameter holds before the call */

static int32_t field(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                     const float *cond, float *v) {
  (void)user, (void)x, (void)t, (void)cond_dim, (void)cond;
  memset(v, 0, (size_t)(n * dim) * sizeof *v);
  return 0;
}

static int32_t paths(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim, int64_t cond_dim,
                     float *p, float *cond, float *span) {
  (void)span;
  (void)user, (void)index, (void)cond_dim, (void)cond;
  memset(p, 0, (size_t)(n * (degree + 1) * dim) * sizeof *p);
  return 0;
}

static int32_t write_nothing(void *user, const void *data, size_t size) {
  (void)user, (void)data, (void)size;
  return 0;
}

static int32_t read_nothing(void *user, uint64_t offset, void *data, size_t size) {
  (void)user, (void)offset, (void)data, (void)size;
  return 7;
}

/* ---- The table's machinery ----------------------------------------------------------------------------------- */

static uint64_t outputs(void) {
  return hash_bytes(s.out, sizeof s.out) ^ hash_bytes(s.d, sizeof s.d) ^ hash_bytes(s.index, sizeof s.index);
}

static void check_bad(const char *call, bzd_status got, bzd_status expected, long long live, uint64_t hash) {
  if (got != expected) {
    char text[512];
    bzd_last_error(text, sizeof text);
    fail_msg("%s: %s instead of %s (%s)", call, bzd_status_name(got), bzd_status_name(expected), text);
  }
  failure_text();
  if (atomic_load(&s.host.live) != live) fail_msg("%s: memory kept", call);
  if (outputs() != hash) fail_msg("%s: outputs changed", call);
}

#define BAD(expected, call)                                                                                            \
  do {                                                                                                                 \
    long long live_ = atomic_load(&s.host.live);                                                                       \
    uint64_t hash_ = outputs();                                                                                        \
    bzd_status got_ = (call);                                                                                          \
    check_bad(#call, got_, (expected), live_, hash_);                                                                  \
  } while (0)

/* A function with an out parameter, called `made` in the call: NULL after every failure. */
#define BAD_OUT(expected, type, call)                                                                                  \
  do {                                                                                                                 \
    type *made = (type *)(uintptr_t)FOREIGN_MARK;                                                                      \
    BAD(expected, call);                                                                                               \
    if (made != NULL) fail_msg("%s: out is not NULL", #call);                                                          \
  } while (0)

/* A config c: never initialised, smaller than when it was first released, absurdly large, newer with a tail that is
 * set; NULL to its init. */
#define BAD_CONFIG(type, init, made_type, call) BAD_CONFIG_OF(type, init, BAD_OUT(BZD_E_CONFIG, made_type, call))
#define BAD_CONFIG_OF(type, init, refused) BAD_CONFIG_FROM(sizeof(type), type, init, refused)
#define BAD_CONFIG_FROM(first, type, init, refused)                                                                    \
  do {                                                                                                                 \
    struct {                                                                                                           \
      type config;                                                                                                     \
      uint64_t tail;                                                                                                   \
    } wide;                                                                                                            \
    const type *c = &wide.config;                                                                                      \
    memset(&wide, 0, sizeof wide);                                                                                     \
    refused;                                                                                                           \
    wide.config.struct_size = (first)-1;                                                                               \
    refused;                                                                                                           \
    wide.config.struct_size = UINT32_MAX;                                                                              \
    refused;                                                                                                           \
    OK(init(&wide.config, sizeof wide));                                                                               \
    wide.tail = 1;                                                                                                     \
    refused;                                                                                                           \
    BAD(BZD_E_ARGUMENT, init(NULL, sizeof(type)));                                                                     \
    BAD(BZD_E_CONFIG, init(&wide.config, 0));                                                                          \
    BAD(BZD_E_CONFIG, init(&wide.config, (first)-1));                                                                  \
    BAD(BZD_E_CONFIG, init(&wide.config, SIZE_MAX));                                                                   \
  } while (0)

/* One field of a config that is good otherwise. */
#define BAD_FIELD(expected, good, type, member, value, made_type, call)                                                \
  do {                                                                                                                 \
    type config_ = good();                                                                                             \
    config_.member = value;                                                                                            \
    const type *c = &config_;                                                                                          \
    BAD_OUT(expected, made_type, call);                                                                                \
  } while (0)

/* NULL, a handle of another kind, a scrubbed one. `h` in the call. */
#define BAD_HANDLE(type, call)                                                                                         \
  do {                                                                                                                 \
    type *h = NULL;                                                                                                    \
    BAD(BZD_E_ARGUMENT, call);                                                                                         \
    h = (type *)(void *)s.context;                                                                                     \
    BAD(BZD_E_STATE, call);                                                                                            \
    h = s.dead;                                                                                                        \
    BAD(BZD_E_STATE, call);                                                                                            \
  } while (0)
#define BAD_HANDLE_OUT(type, made_type, call)                                                                          \
  do {                                                                                                                 \
    made_type *made = (made_type *)(uintptr_t)FOREIGN_MARK;                                                            \
    BAD_HANDLE(type, call);                                                                                            \
    if (made != NULL) fail_msg("%s: out is not NULL", #call);                                                          \
  } while (0)

/* An info struct: NULL, never initialised. `i` in the call. */
#define BAD_INFO(type, call)                                                                                           \
  do {                                                                                                                 \
    type info_;                                                                                                        \
    type *i = NULL;                                                                                                    \
    BAD(BZD_E_ARGUMENT, call);                                                                                         \
    i = &info_;                                                                                                        \
    memset(i, 0, sizeof info_);                                                                                        \
    BAD(BZD_E_CONFIG, call);                                                                                           \
  } while (0)

#define ARG BZD_E_ARGUMENT

static int setup(void **state) {
  (void)state;
  host_init(&s.host);
  s.context = host_context(&s.host, 2);
  s.dead = aligned_alloc(64, 1024);
  memset(s.dead, 0, 1024);
  s.data = make_data(s.context, ROWS, DIM, CLASSES);
  s.flow = make_flow(s.context, BZD_FLOW_VELOCITY, 1, DIM, CLASSES, 16, 1);
  s.control = make_flow(s.context, BZD_FLOW_CONTROL, 2, DIM, CLASSES, 16, 2);
  s.endpoint = make_flow(s.context, BZD_FLOW_ENDPOINT, 1, DIM, CLASSES, 16, 3);
  s.plain = make_flow(s.context, BZD_FLOW_VELOCITY, 1, DIM, 0, 16, 4);
  bzd_flow_config config;
  OK(bzd_flow_config_init(&config, sizeof config));
  config.dim = DIM;
  OK(bzd_flow_create_callback(s.context, &config, field, NULL, 0, &s.callback));
  s.ensemble = make_ensemble(s.context, BZD_COMBINE_VELOCITY, BZD_RULE_UNIFORM, 1, &s.flow);
  s.medoid = make_ensemble(s.context, BZD_COMBINE_SELECT, BZD_RULE_UNIFORM, 1, &s.flow);
  s.fitter = make_fitter(s.context, 2, 5);
  OK(bzd_source_create_data(s.data, NULL, 1, &s.source));
  OK(bzd_source_create_pool(s.source, 0, 8, 1, NULL, NULL, &s.pool));
  s.wide = make_data(s.context, ROWS, DIM + 1, CLASSES);
  OK(bzd_source_create_data(s.wide, NULL, 1, &s.wider));
  s.trainer = make_trainer(s.flow, s.source, 10, 8);
  OK(bzd_trainer_run(s.trainer, 1, NULL, NULL));
  OK(bzd_checkpoint_from_flow(s.flow, &s.checkpoint));
  OK(bzd_tensors_from_flow(s.flow, &s.tensors));
  for (int i = 0; i < ROOM; i++) s.out[i] = (float)i, s.d[i] = i, s.index[i] = i;
  for (int i = 0; i < ROOM; i++) s.w[i] = (double)i / (ROOM - 1);
  return 0;
}

/* ---- base.h -------------------------------------------------------------------------------------------------- */

static bzd_context_config good_context(void) {
  bzd_context_config c;
  OK(bzd_context_config_init(&c, sizeof c));
  return c;
}

static void test_base(void **state) {
  (void)state;
#define CREATE bzd_context_create(c, &made)
#define FIELD(member, value) BAD_FIELD(ARG, good_context, bzd_context_config, member, value, bzd_context, CREATE)
  BAD_CONFIG(bzd_context_config, bzd_context_config_init, bzd_context, CREATE);
  FIELD(threads, -1);
  FIELD(threads, 257);
  FIELD(threads, INT32_MAX);
  FIELD(alloc, host_alloc);
  FIELD(free, host_free);
#undef FIELD
#undef CREATE
  BAD(ARG, bzd_context_create(NULL, NULL));
  BAD(ARG, bzd_noise(0, 0, -1, 1, 4, s.out));
  BAD(ARG, bzd_noise(0, 0, INT64_MAX, 1, 4, s.out));
  BAD(ARG, bzd_noise(0, 0, 0, -1, 4, s.out));
  BAD(ARG, bzd_noise(0, 0, 0, INT64_MAX, 4, s.out));
  BAD(ARG, bzd_noise(0, 0, 0, 1, 0, s.out));
  BAD(ARG, bzd_noise(0, 0, 0, 1, INT64_C(1) << 25, s.out));
  BAD(ARG, bzd_noise(0, 0, 0, 1, 4, NULL));
  BAD(ARG, bzd_uniform(0, 0, -1, 1, 4, s.out));
  BAD(ARG, bzd_uniform(0, 0, 0, -1, 4, s.out));
  BAD(ARG, bzd_uniform(0, 0, 0, 1, -4, s.out));
  BAD(ARG, bzd_uniform(0, 0, 0, 1, 4, NULL));
  OK(bzd_noise(0, 0, 0, 0, 4, NULL));
  BAD(ARG, bzd_on_release(NULL, NULL, NULL));
  BAD(BZD_E_STATE, bzd_on_release(s.dead, NULL, NULL));
  BAD(BZD_E_STATE, bzd_on_release((char *)s.context + 1, NULL, NULL));
}

/* ---- data.h -------------------------------------------------------------------------------------------------- */

static bzd_data_config good_data(void) {
  static const float rows[ROWS * DIM];
  bzd_data_config c;
  OK(bzd_data_config_init(&c, sizeof c));
  c.n = ROWS;
  c.dim = DIM;
  c.rows = rows;
  return c;
}

static bzd_data_config labelled_data(void) {
  static const int32_t labels[ROWS] = {0, 1, 2, 3};
  bzd_data_config c = good_data();
  c.labels = labels;
  c.classes = 4;
  return c;
}

static bzd_data_config given_data(void) {
  static const float scale[DIM] = {1, 2, 3, 4}, offset[DIM];
  bzd_data_config c = good_data();
  c.normalise = BZD_NORMALISE_GIVEN;
  c.scale = scale;
  c.offset = offset;
  return c;
}

static void test_data(void **state) {
  static const float bad_rows[ROWS * DIM] = {0, 0, 0, 0, 0, NAN};
  static const int32_t bad_labels[ROWS] = {0, -1};
  static const float zero_scale[DIM] = {1, 0, 1, 1}, nan_offset[DIM] = {0, 0, 0, NAN};
  (void)state;
#define CREATE bzd_data_create(s.context, c, &made)
#define FIELD_OF(expected, good, member, value)                                                                        \
  BAD_FIELD(expected, good, bzd_data_config, member, value, bzd_data, CREATE)
#define FIELD(member, value) FIELD_OF(ARG, good_data, member, value)
  BAD_CONFIG(bzd_data_config, bzd_data_config_init, bzd_data, CREATE);
  BAD_OUT(ARG, bzd_data, bzd_data_create(s.context, NULL, &made));
  FIELD(dtype, 0);
  FIELD(dtype, 3);
  FIELD(n, 0);
  FIELD(n, -1);
  FIELD(n, INT64_MAX);
  FIELD(dim, 0);
  FIELD(dim, INT64_MAX);
  FIELD(row_stride, 3);
  FIELD(row_stride, -4);
  FIELD(row_stride, INT64_MAX);
  FIELD(rows, NULL);
  FIELD_OF(BZD_E_NUMERIC, good_data, rows, bad_rows);
  FIELD(copy, 2);
  FIELD(classes, 3);
  FIELD(cond_dim, 3);
  FIELD(normalise, -1);
  FIELD(normalise, 4);
  FIELD(normalise, BZD_NORMALISE_GIVEN);
  FIELD(scale, zero_scale);
  FIELD(item_ndim, -1);
  FIELD(item_ndim, 5);
  FIELD(item_ndim, 2);
  FIELD_OF(ARG, labelled_data, classes, 0);
  FIELD_OF(ARG, labelled_data, classes, 3);
  FIELD_OF(ARG, labelled_data, classes, INT32_MAX);
  FIELD_OF(ARG, labelled_data, labels, bad_labels);
  FIELD_OF(ARG, labelled_data, cond, s.x);
  FIELD_OF(ARG, given_data, scale, NULL);
  FIELD_OF(ARG, given_data, scale, zero_scale);
  FIELD_OF(ARG, given_data, offset, NULL);
  FIELD_OF(ARG, given_data, offset, nan_offset);
#undef FIELD
#undef FIELD_OF
  bzd_data_config shaped = good_data();
  shaped.item_ndim = 2;
  shaped.item_shape[0] = 2;
  shaped.item_shape[1] = 3;
  BAD_OUT(BZD_E_DIMENSION, bzd_data, bzd_data_create(s.context, &shaped, &made));
  shaped.item_shape[1] = INT64_MAX;
  BAD_OUT(ARG, bzd_data, bzd_data_create(s.context, &shaped, &made));
  bzd_data_config cond = good_data();
  cond.cond = bad_rows;
  cond.cond_dim = 2;
  BAD_OUT(BZD_E_NUMERIC, bzd_data, bzd_data_create(s.context, &cond, &made));
#undef CREATE
  bzd_data_config good = good_data();
  BAD(ARG, bzd_data_create(s.context, &good, NULL));
  BAD_OUT(BZD_E_STATE, bzd_data, bzd_data_create((bzd_context *)(void *)s.data, &good, &made));
  BAD_INFO(bzd_data_info, bzd_data_get_info(s.data, i));
  bzd_data_info info = {.struct_size = sizeof info};
  BAD_HANDLE(bzd_data, bzd_data_get_info(h, &info));
  BAD_HANDLE(bzd_data, bzd_data_get_affine(h, s.out, s.out));
  BAD_HANDLE(bzd_data, bzd_data_get_rows(h, 0, 1, s.out, NULL));
  BAD(ARG, bzd_data_get_rows(s.data, -1, 1, s.out, NULL));
  BAD(ARG, bzd_data_get_rows(s.data, 0, ROWS + 1, s.out, NULL));
  BAD(ARG, bzd_data_get_rows(s.data, 1, ROWS, s.out, NULL));
  BAD(ARG, bzd_data_get_rows(s.data, INT64_MAX, INT64_MAX, s.out, NULL));
  BAD(ARG, bzd_data_get_rows(s.data, 0, -1, s.out, NULL));
  OK(bzd_data_get_affine(s.data, NULL, NULL));
  OK(bzd_data_get_rows(s.data, 0, ROWS, NULL, NULL));
}

/* ---- path.h -------------------------------------------------------------------------------------------------- */

/* What all path functions share: degree, dim, n and paths of the call. */
#define BAD_PATHS(n_, degree_, dim_, paths_)                                                                           \
  do {                                                                                                                 \
    BAD(ARG, bzd_path_evaluate(n_, degree_, dim_, paths_, 2, s.w, s.out));                                             \
    BAD(ARG, bzd_path_derivative(n_, degree_, dim_, paths_, 2, s.w, s.out));                                           \
    BAD(ARG, bzd_path_curvature(n_, degree_, dim_, paths_, 2, s.w, s.d));                                              \
    BAD(ARG, bzd_path_elevate(n_, degree_, dim_, paths_, 16, s.out));                                                  \
    BAD(ARG, bzd_path_reduce(n_, degree_, dim_, paths_, 1, s.out, s.d));                                               \
    BAD(ARG, bzd_path_split(n_, degree_, dim_, paths_, 0.5, s.out, NULL));                                             \
    BAD(ARG, bzd_path_measure(n_, degree_, dim_, paths_, s.d, NULL, NULL));                                            \
    BAD(ARG, bzd_path_distance(n_, degree_, dim_, paths_, s.x, s.d));                                                  \
    BAD(ARG, bzd_path_targets(n_, degree_, dim_, paths_, s.t, s.out, NULL));                                           \
  } while (0)

static void test_path(void **state) {
  const double nan_times[2] = {0.0, NAN}, far_times[2] = {0.0, 1e300};
  const float late[2] = {0.5f, 1.5f}, nan_t[2] = {0.5f, NAN};
  double tau[2] = {0.3, 0.7};
  (void)state;
  BAD_PATHS(-1, 2, DIM, s.x);
  BAD_PATHS(INT64_MAX, 2, DIM, s.x);
  BAD_PATHS(2, 0, DIM, s.x);
  BAD_PATHS(2, -1, DIM, s.x);
  BAD_PATHS(2, 17, DIM, s.x);
  BAD_PATHS(2, 2, 0, s.x);
  BAD_PATHS(2, 2, -3, s.x);
  BAD_PATHS(2, 2, INT64_MAX, s.x);
  BAD_PATHS(2, 2, DIM, NULL);
  BAD(ARG, bzd_path_evaluate(2, 2, DIM, s.x, -1, s.w, s.out));
  BAD(ARG, bzd_path_evaluate(2, 2, DIM, s.x, INT64_MAX, s.w, s.out));
  BAD(ARG, bzd_path_evaluate(2, 2, DIM, s.x, 2, NULL, s.out));
  BAD(ARG, bzd_path_evaluate(2, 2, DIM, s.x, 2, nan_times, s.out));
  BAD(ARG, bzd_path_evaluate(2, 2, DIM, s.x, 2, far_times, s.out));
  BAD(ARG, bzd_path_evaluate(2, 2, DIM, s.x, 2, s.w, NULL));
  BAD(ARG, bzd_path_derivative(2, 2, DIM, s.x, 2, NULL, s.out));
  BAD(ARG, bzd_path_derivative(2, 2, DIM, s.x, 2, s.w, NULL));
  BAD(ARG, bzd_path_derivative(2, 2, DIM, s.x, -1, s.w, s.out));
  BAD(ARG, bzd_path_derivative(2, 2, DIM, s.x, 2, nan_times, s.out));
  BAD(ARG, bzd_path_curvature(2, 2, DIM, s.x, -1, s.w, s.d));
  BAD(ARG, bzd_path_curvature(2, 2, DIM, s.x, INT64_MAX, s.w, s.d));
  BAD(ARG, bzd_path_curvature(2, 2, DIM, s.x, 2, NULL, s.d));
  BAD(ARG, bzd_path_curvature(2, 2, DIM, s.x, 2, nan_times, s.d));
  BAD(ARG, bzd_path_curvature(2, 2, DIM, s.x, 2, far_times, s.d));
  BAD(ARG, bzd_path_curvature(2, 2, DIM, s.x, 2, s.w, NULL));
  BAD(ARG, bzd_path_elevate(2, 2, DIM, s.x, 1, s.out));
  BAD(ARG, bzd_path_elevate(2, 2, DIM, s.x, 17, s.out));
  BAD(ARG, bzd_path_elevate(2, 2, DIM, s.x, 3, NULL));
  BAD(ARG, bzd_path_reduce(2, 2, DIM, s.x, 0, s.out, NULL));
  BAD(ARG, bzd_path_reduce(2, 2, DIM, s.x, 3, s.out, NULL));
  BAD(ARG, bzd_path_reduce(2, 2, DIM, s.x, 1, NULL, NULL));
  BAD(ARG, bzd_path_split(2, 2, DIM, s.x, 0.0, s.out, NULL));
  BAD(ARG, bzd_path_split(2, 2, DIM, s.x, 1.0, s.out, NULL));
  BAD(ARG, bzd_path_split(2, 2, DIM, s.x, NAN, s.out, NULL));
  BAD(ARG, bzd_path_distance(2, 2, DIM, s.x, NULL, s.d));
  BAD(ARG, bzd_path_distance(2, 2, DIM, s.x, s.y, NULL));
  BAD(ARG, bzd_path_targets(2, 2, DIM, s.x, NULL, s.out, NULL));
  BAD(ARG, bzd_path_targets(2, 2, DIM, s.x, late, s.out, NULL));
  BAD(ARG, bzd_path_targets(2, 2, DIM, s.x, nan_t, s.out, NULL));
#define WAY(n, degree, dim, start, guides, times, end, out)                                                            \
  bzd_path_from_waypoints(n, degree, dim, start, guides, times, end, out)
  BAD(ARG, WAY(1, 1, DIM, s.x, s.y, tau, s.x, s.out));
  BAD(ARG, WAY(1, 4, DIM, s.x, s.y, tau, s.x, s.out));
  BAD(ARG, WAY(-1, 2, DIM, s.x, s.y, tau, s.x, s.out));
  BAD(ARG, WAY(1, 2, 0, s.x, s.y, tau, s.x, s.out));
  BAD(ARG, WAY(1, 2, DIM, NULL, s.y, tau, s.x, s.out));
  BAD(ARG, WAY(1, 2, DIM, s.x, NULL, tau, s.x, s.out));
  BAD(ARG, WAY(1, 2, DIM, s.x, s.y, NULL, s.x, s.out));
  BAD(ARG, WAY(1, 2, DIM, s.x, s.y, tau, NULL, s.out));
  BAD(ARG, WAY(1, 2, DIM, s.x, s.y, tau, s.x, NULL));
  tau[0] = 0.01;
  BAD(ARG, WAY(1, 2, DIM, s.x, s.y, tau, s.x, s.out));
  tau[0] = NAN;
  BAD(ARG, WAY(1, 2, DIM, s.x, s.y, tau, s.x, s.out));
  tau[0] = 0.68;
  BAD(ARG, WAY(1, 3, DIM, s.x, s.y, tau, s.x, s.out));
  tau[0] = 0.9;
  BAD(ARG, WAY(1, 3, DIM, s.x, s.y, tau, s.x, s.out));
#undef WAY
}

/* ---- fitter.h ------------------------------------------------------------------------------------------------ */

static bzd_fitter_config good_fitter(void) {
  bzd_fitter_config c;
  OK(bzd_fitter_config_init(&c, sizeof c));
  c.nodes = 5;
  return c;
}

static void test_fitter(void **state) {
  static const double late[5] = {0.1, 0.2, 0.3, 0.4, 1}, early[5] = {0, 0.2, 0.3, 0.4, 0.9},
                      twice[5] = {0, 0.5, 0.5, 0.6, 1}, nan_times[5] = {0, 0.2, NAN, 0.4, 1},
                      negative[5] = {1, 1, -1, 1, 1}, nothing[5] = {1, 0, 0, 0, 1}, nan_weights[5] = {1, NAN, 1, 1, 1};
  (void)state;
#define CREATE bzd_fitter_create(s.context, c, &made)
#define FIELD_OF(expected, member, value)                                                                              \
  BAD_FIELD(expected, good_fitter, bzd_fitter_config, member, value, bzd_fitter, CREATE)
#define FIELD(member, value) FIELD_OF(ARG, member, value)
  BAD_CONFIG(bzd_fitter_config, bzd_fitter_config_init, bzd_fitter, CREATE);
  FIELD(degree, 0);
  FIELD(degree, -1);
  FIELD(degree, 17);
  FIELD(nodes, 2);
  FIELD(nodes, 4097);
  FIELD(nodes, -1);
  FIELD(reserved, 1);
  FIELD(times, late);
  FIELD(times, early);
  FIELD(times, twice);
  FIELD(times, nan_times);
  FIELD(weights, negative);
  FIELD(weights, nan_weights);
  FIELD_OF(BZD_E_NUMERIC, weights, nothing);
  FIELD(ridge, -1.0);
  FIELD(ridge, NAN);
  FIELD(ridge, INFINITY);
#undef FIELD
#undef FIELD_OF
#undef CREATE
  BAD(ARG, bzd_fitter_create(s.context, NULL, NULL));
  BAD_OUT(BZD_E_STATE, bzd_fitter, bzd_fitter_create((bzd_context *)(void *)s.data, NULL, &made));
  BAD_INFO(bzd_fitter_info, bzd_fitter_get_info(s.fitter, i));
  bzd_fitter_info info = {.struct_size = sizeof info};
  BAD_HANDLE(bzd_fitter, bzd_fitter_get_info(h, &info));
  BAD_HANDLE(bzd_fitter, bzd_fitter_get_times(h, s.d));
  BAD(ARG, bzd_fitter_get_times(s.fitter, NULL));
  BAD_HANDLE(bzd_fitter, bzd_fitter_fit(h, 1, DIM, s.x, s.out, s.d));
  BAD(ARG, bzd_fitter_fit(s.fitter, -1, DIM, s.x, s.out, s.d));
  BAD(ARG, bzd_fitter_fit(s.fitter, INT64_MAX, DIM, s.x, s.out, s.d));
  BAD(ARG, bzd_fitter_fit(s.fitter, 1, 0, s.x, s.out, s.d));
  BAD(ARG, bzd_fitter_fit(s.fitter, 1, INT64_MAX, s.x, s.out, s.d));
  BAD(ARG, bzd_fitter_fit(s.fitter, 1, DIM, NULL, s.out, s.d));
  BAD(ARG, bzd_fitter_fit(s.fitter, 1, DIM, s.x, NULL, s.d));
  OK(bzd_fitter_fit(s.fitter, 0, DIM, NULL, NULL, NULL));
}

/* ---- metrics.h ----------------------------------------------------------------------------------------------- */

static void test_metrics(void **state) {
  bzd_metrics_config config;
  bzd_metrics_result result = {.struct_size = sizeof result};
  static float bad[64] = {0, 0, 0, NAN};
  (void)state;
#define COMPARE(n, a, m, b) bzd_metrics_compare(s.context, &config, DIM, n, a, m, b, &result)
#define FIELD(expected, member, value)                                                                                 \
  do {                                                                                                                 \
    OK(bzd_metrics_config_init(&config, sizeof config));                                                               \
    config.member = value;                                                                                             \
    BAD(expected, COMPARE(8, s.x, 8, s.y));                                                                            \
  } while (0)
  BAD_CONFIG_OF(bzd_metrics_config, bzd_metrics_config_init,
                BAD(BZD_E_CONFIG, bzd_metrics_compare(s.context, c, DIM, 8, s.x, 8, s.y, &result)));
  FIELD(ARG, which, 0);
  FIELD(ARG, which, 128);
  FIELD(ARG, directions, 0);
  FIELD(ARG, directions, 65537);
  FIELD(ARG, neighbours, 0);
  FIELD(ARG, neighbours, 8);
  OK(bzd_metrics_config_init(&config, sizeof config));
  BAD(ARG, COMPARE(7, s.x, 8, s.y));
  BAD(ARG, COMPARE(8, s.x, 7, s.y));
  BAD(ARG, COMPARE(-1, s.x, 8, s.y));
  BAD(ARG, COMPARE(INT64_MAX, s.x, 8, s.y));
  BAD(ARG, COMPARE(8, NULL, 8, s.y));
  BAD(ARG, COMPARE(8, s.x, 8, NULL));
  BAD(BZD_E_NUMERIC, COMPARE(8, bad, 8, s.y));
  BAD(BZD_E_NUMERIC, COMPARE(8, s.x, 8, bad));
  BAD(ARG, bzd_metrics_compare(s.context, &config, 0, 8, s.x, 8, s.y, &result));
  BAD(ARG, bzd_metrics_compare(s.context, &config, DIM, 8, s.x, 8, s.y, NULL));
  BAD(BZD_E_STATE, bzd_metrics_compare((bzd_context *)(void *)s.data, &config, DIM, 8, s.x, 8, s.y, &result));
  config.which = BZD_METRIC_W2;
  BAD(BZD_E_LIMIT, COMPARE(8, s.x, 9, s.y));
  result.struct_size = 0;
  BAD(BZD_E_CONFIG, COMPARE(8, s.x, 8, s.y));
#undef FIELD
#undef COMPARE
#define NEAREST(dim, n, a, m, b) bzd_metrics_nearest(s.context, dim, n, a, m, b, s.index, s.d)
  BAD(ARG, NEAREST(0, 2, s.x, 2, s.y));
  BAD(ARG, NEAREST(DIM, -1, s.x, 2, s.y));
  BAD(ARG, NEAREST(DIM, 2, s.x, 0, s.y));
  BAD(ARG, NEAREST(DIM, 2, NULL, 2, s.y));
  BAD(ARG, NEAREST(DIM, 2, s.x, 2, NULL));
  BAD(BZD_E_NUMERIC, NEAREST(DIM, 2, bad, 2, s.y));
  BAD(BZD_E_NUMERIC, NEAREST(DIM, 2, s.x, 2, bad));
  BAD(BZD_E_STATE, bzd_metrics_nearest((bzd_context *)(void *)s.data, DIM, 2, s.x, 2, s.y, s.index, s.d));
#undef NEAREST
}

#include "arguments_flow.h"
#include "arguments_tensors.h" /* after the configs of arguments_flow.h */
#include "arguments_train.h"

/* ---- Code of the host that fails ------------------------------------------------------------------------------ */

/* A velocity, paths and weights that are not finite (user 0), or a refusal with that number. */
static int32_t bad_field(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                         const float *cond, float *v) {
  (void)field(NULL, n, dim, x, t, cond_dim, cond, v);
  v[n * dim - 1] = NAN;
  return *(int32_t *)user;
}

static int32_t bad_paths(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim, int64_t cond_dim,
                         float *p, float *cond, float *span) {
  (void)paths(NULL, n, index, degree, dim, cond_dim, p, cond, span);
  p[0] = NAN;
  return *(int32_t *)user;
}

static int32_t bad_weights(void *user, int64_t n, int64_t count, int64_t dim, const float *x, const float *t,
                           const float *v, double *weights) {
  (void)dim, (void)x, (void)t, (void)v;
  for (int64_t i = 0; i < n * count; i++) weights[i] = NAN;
  return *(int32_t *)user;
}

static int32_t stop_with(void *user, const bzd_progress *progress) {
  (void)progress;
  return *(int32_t *)user;
}

/* All that comes to a field: a teacher alone, in an ensemble, behind a source. */
static void check_failing(int32_t expected, const char *word, bzd_flow *flow, bzd_ensemble *ensemble) {
  bzd_source *source, *pool;
  bzd_flow_metrics metrics = {.struct_size = sizeof metrics};
  double effective;
  FAILS(expected, word, bzd_flow_velocity(flow, 2, s.x, s.t, NULL, 1.0, s.y));
  FAILS(expected, word, bzd_flow_sample(flow, NULL, 2, NULL, NULL, s.y, NULL));
  FAILS(expected, word, bzd_flow_trajectory(flow, NULL, 2, NULL, NULL, 3, GRID, s.y, NULL));
  FAILS(expected, word, bzd_flow_choose_grid(flow, NULL, s.w, NULL));
  FAILS(expected, word, bzd_metrics_flow(flow, NULL, &metrics));
  FAILS(expected, word, bzd_ensemble_velocity(ensemble, 2, 0, s.x, s.t, NULL, s.y, NULL));
  FAILS(expected, word, bzd_ensemble_effective(ensemble, 2, s.x, s.t, NULL, &effective));
  FAILS(expected, word, bzd_ensemble_sample(ensemble, NULL, 2, NULL, NULL, s.y, NULL));
  FAILS(expected, word, bzd_ensemble_trajectory(ensemble, NULL, 2, NULL, NULL, 3, GRID, s.y, NULL));
  OK(bzd_source_create_ensemble(ensemble, s.fitter, NULL, &source));
  FAILS(expected, word, bzd_source_get_paths(source, 0, 2, s.y, NULL, NULL));
  FAILS(expected, word, bzd_source_create_pool(source, 0, 2, 0, NULL, NULL, &pool));
  assert_null(pool);
  bzd_trainer *trainer = make_trainer(s.plain, source, 2, 8);
  bzd_trainer_info info = {.struct_size = sizeof info};
  FAILS(expected, word, bzd_trainer_run(trainer, 0, NULL, NULL));
  FAILS(expected, word, bzd_trainer_evaluate(trainer, NULL, 0, 2, BZD_WEIGHTS_AUTO, &effective));
  OK(bzd_trainer_get_info(trainer, &info));
  assert_int_equal(info.step, 0);
  bzd_trainer_destroy(trainer);
  bzd_source_destroy(source);
}

static void test_failing_host(void **state) {
  int32_t answer;
  bzd_flow_config config = good_flow();
  bzd_flow *flow;
  bzd_ensemble *ensemble, *out;
  bzd_source *source, *pool;
  (void)state;
  OK(bzd_flow_create_callback(s.context, &config, bad_field, &answer, 0, &flow));
  const bzd_flow *teacher = flow, *good[2] = {s.plain, s.plain};
  OK(bzd_ensemble_create(s.context, NULL, 1, &teacher, &ensemble));
  OK(bzd_source_create_callback(s.context, 1, DIM, 0, bad_paths, &answer, &source));
  bzd_ensemble_config rule = good_ensemble();
  rule.rule = BZD_RULE_CALLBACK;
  rule.weights = bad_weights;
  rule.weights_user = &answer;
  bzd_ensemble *weighed;
  OK(bzd_ensemble_create(s.context, &rule, 2, good, &weighed));
  for (int k = 0; k < 2; k++) {
    const bzd_status expected = k == 0 ? BZD_E_NUMERIC : BZD_E_CANCELLED;
    const char *word = k == 0 ? "" : "-37"; /* any one line, or the number */
    answer = k == 0 ? 0 : -37;
    check_failing(expected, word, flow, ensemble);
    FAILS(expected, word, bzd_source_get_paths(source, 0, 2, s.y, NULL, NULL));
    FAILS(expected, word, bzd_source_create_pool(source, 0, 2, 0, NULL, NULL, &pool));
    FAILS(expected, word, bzd_ensemble_velocity(weighed, 2, 0, s.x, s.t, NULL, s.y, NULL));
    FAILS(expected, word, bzd_ensemble_sample(weighed, NULL, 2, NULL, NULL, s.y, NULL));
    bzd_ensemble_config learns = good_ensemble();
    learns.rule = BZD_RULE_ERROR;
    learns.validation = source;
    FAILS(expected, word, bzd_ensemble_create(s.context, &learns, 2, good, &out));
    assert_null(out);
  }
  bzd_sample_config stops = good_sample();
  answer = 41;
  stops.progress = stop_with;
  stops.progress_user = &answer;
  FAILS(BZD_E_CANCELLED, "41", bzd_flow_sample(s.flow, &stops, 2, NULL, NULL, s.y, NULL));
  FAILS(BZD_E_CANCELLED, "41", bzd_flow_trajectory(s.flow, &stops, 2, NULL, NULL, 3, GRID, s.y, NULL));
  FAILS(BZD_E_CANCELLED, "41", bzd_ensemble_sample(s.ensemble, &stops, 2, NULL, NULL, s.y, NULL));
  FAILS(BZD_E_CANCELLED, "41", bzd_source_create_pool(s.source, 0, 4, 0, stop_with, &answer, &pool));
  assert_null(pool);
  FAILS(BZD_E_CANCELLED, "41", bzd_trainer_run(s.trainer, 1, stop_with, &answer));
  bzd_ensemble_destroy(weighed);
  bzd_source_destroy(source);
  bzd_ensemble_destroy(ensemble);
  bzd_flow_destroy(flow);
}

/* ---- The handles after all that ------------------------------------------------------------------------------ */

/* Destroying what is not such a handle does nothing, and leaves the text alone. */
static void test_destroy(void **state) {
  (void)state;
  BAD(ARG, bzd_noise(0, 0, 0, -1, 1, s.out));
  bzd_context_destroy(NULL);
  bzd_data_destroy(NULL);
  bzd_flow_destroy(NULL);
  bzd_ensemble_destroy(NULL);
  bzd_fitter_destroy(NULL);
  bzd_source_destroy(NULL);
  bzd_trainer_destroy(NULL);
  bzd_checkpoint_destroy(NULL);
  bzd_tensors_destroy(NULL);
  bzd_trainer_cancel(NULL);
  bzd_context_destroy(s.dead);
  bzd_data_destroy((bzd_data *)(void *)s.flow);
  bzd_flow_destroy((bzd_flow *)(void *)s.data);
  bzd_tensors_destroy((bzd_tensors *)(void *)s.data);
  bzd_trainer_cancel((bzd_trainer *)(void *)s.data);
  assert_non_null(strstr(failure_text(), "noise"));
  assert_int_equal(bzd_flow_metadata_count(NULL), -1);
  assert_int_equal(bzd_flow_metadata_count((bzd_flow *)(void *)s.data), -1);
  assert_int_equal(bzd_context_threads(NULL), 1);
}

static int teardown(void **state) {
  (void)state;
  OK(bzd_trainer_run(s.trainer, 0, NULL, NULL)); /* usable to the end */
  assert_int_equal(bzd_last_error(NULL, 0), 0);
  bzd_checkpoint_destroy(s.checkpoint);
  bzd_tensors_destroy(s.tensors);
  bzd_context_destroy(s.context); /* parents first: children keep them */
  bzd_flow_destroy(s.flow);
  bzd_data_destroy(s.data);
  bzd_source_destroy(s.source);
  bzd_trainer_destroy(s.trainer);
  bzd_source_destroy(s.pool);
  bzd_source_destroy(s.wider);
  bzd_data_destroy(s.wide);
  bzd_ensemble_destroy(s.medoid);
  bzd_fitter_destroy(s.fitter);
  bzd_ensemble_destroy(s.ensemble);
  bzd_flow_destroy(s.control);
  bzd_flow_destroy(s.endpoint);
  bzd_flow_destroy(s.plain);
  bzd_flow_destroy(s.callback);
  free(s.dead);
  assert_int_equal(atomic_load(&s.host.live), 0);
  assert_int_equal(atomic_load(&s.host.wrong), 0);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_base),     cmocka_unit_test(test_data),         cmocka_unit_test(test_path),
      cmocka_unit_test(test_fitter),   cmocka_unit_test(test_metrics),      cmocka_unit_test(test_flow),
      cmocka_unit_test(test_sampling), cmocka_unit_test(test_measure),      cmocka_unit_test(test_ensemble),
      cmocka_unit_test(test_source),   cmocka_unit_test(test_trainer),      cmocka_unit_test(test_checkpoint),
      cmocka_unit_test(test_tensors),  cmocka_unit_test(test_failing_host), cmocka_unit_test(test_destroy),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
