/* SPDX-License-Identifier: MIT */
/* Steps that must not be applied: a source that yields NaN, infinities or huge numbers at given steps, under each
 * policy, way to train and number of threads, saved and resumed at every step of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <math.h>

#include "../support/host.h"
#include "../support/objects.h"

enum {
  DIM = 2,
  WIDTH = 16,
  BATCH = 8,
  STEPS = 24,
  PARAMETERS = 10 * WIDTH + WIDTH + WIDTH * WIDTH + WIDTH + WIDTH * DIM + DIM
};

/* ---- The source ---------------------------------------------------------------------------------------------- */

typedef struct poison {
  uint32_t steps; /* bit k: step k, counted from 0 */
  float value;
} poison;

static const float values[] = {NAN, INFINITY, -INFINITY, 3e38f, 1e25f};
enum { VALUES = 5 };

static int32_t paths_of(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim, int64_t cond_dim,
                        float *p, float *c, float *span) {
  const poison *bad = user;
  int64_t row = (degree + 1) * dim;
  (void)c, (void)span, (void)cond_dim;
  for (int64_t i = 0; i < n; i++) {
    int64_t step = index[i] / BATCH;
    if (bzd_noise(1, BZD_STREAM_USER, index[i], 1, row, p + i * row) != BZD_OK) return 1;
    if (index[i] % BATCH == 3 && step < STEPS && (bad->steps >> step & 1)) p[i * row + dim] = bad->value;
  }
  return 0;
}

/* ---- A trainer ----------------------------------------------------------------------------------------------- */

typedef struct training {
  int32_t policy, limit;
  int64_t snapshot_every;
  int32_t loss, time;
  double ema, clip;
} training;

typedef struct setting {
  bzd_context *context;
  bzd_source *source;
  bzd_flow *student;
  poison poison;
  int warnings;
} setting;

static void count_warnings(void *user, int32_t level, const char *text) {
  if (level == BZD_LOG_WARNING && strncmp(text, "step ", 5) == 0) ++*(int *)user;
}

static void make_setting(setting *s, int32_t threads, uint32_t steps, float value) {
  bzd_context_config config;
  memset(s, 0, sizeof *s);
  s->poison = (poison){steps, value};
  OK(bzd_context_config_init(&config, sizeof config));
  config.threads = threads;
  config.log = count_warnings;
  config.log_user = &s->warnings;
  OK(bzd_context_create(&config, &s->context));
  OK(bzd_source_create_callback(s->context, 2, DIM, 0, paths_of, &s->poison, &s->source));
  s->student = make_flow(s->context, BZD_FLOW_VELOCITY, 1, DIM, 0, WIDTH, 1);
}

static void drop_setting(setting *s) {
  bzd_flow_destroy(s->student);
  bzd_source_destroy(s->source);
  bzd_context_destroy(s->context);
}

static bzd_trainer *start(const setting *s, const training *way) {
  bzd_trainer_config config;
  bzd_trainer *trainer;
  OK(bzd_trainer_config_init(&config, sizeof config));
  config.steps = STEPS;
  config.batch = BATCH;
  config.rate = 0.01;
  config.loss = way->loss;
  config.time = way->time;
  config.ema = way->ema;
  config.clip = way->clip;
  config.divergence = way->policy;
  config.divergence_limit = way->limit;
  config.snapshot_every = way->snapshot_every;
  OK(bzd_trainer_create(s->student, s->source, &config, &trainer));
  return trainer;
}

static bzd_trainer_info info_of(const bzd_trainer *trainer) {
  bzd_trainer_info info = {.struct_size = sizeof info};
  OK(bzd_trainer_get_info(trainer, &info));
  return info;
}

static void parameters(const bzd_trainer *trainer, int32_t which, float values_out[PARAMETERS]) {
  bzd_flow *flow;
  OK(bzd_trainer_get_flow(trainer, which, &flow));
  OK(bzd_flow_get_parameters(flow, PARAMETERS, values_out));
  bzd_flow_destroy(flow);
}

/* Weights, moments, snapshot and counts by the content id, and what the info says. */
static uint64_t digest(const bzd_trainer *trainer) {
  bzd_trainer_info info = info_of(trainer);
  bzd_checkpoint *checkpoint;
  char id[65];
  OK(bzd_checkpoint_from_trainer(trainer, &checkpoint));
  OK(bzd_checkpoint_content_id(checkpoint, id));
  bzd_checkpoint_destroy(checkpoint);
  const double facts[] = {(double)info.step, (double)info.skipped, (double)info.rollbacks, info.loss, info.smooth_loss,
                          info.rate,         info.gradient_norm};
  return hash_bytes(id, sizeof id) * 31 + hash_bytes(facts, sizeof facts);
}

static void check_finite(const bzd_trainer *trainer) {
  float p[PARAMETERS];
  for (int32_t which = BZD_WEIGHTS_AUTO; which <= BZD_WEIGHTS_RAW; which++) {
    parameters(trainer, which, p);
    for (int i = 0; i < PARAMETERS; i++) assert_true(isfinite(p[i]));
  }
}

static int32_t check_each(void *user, const bzd_progress *progress) {
  (void)progress;
  check_finite(user);
  return 0;
}

static bzd_trainer *through_file(const bzd_trainer *trainer, const setting *s) {
  bzd_checkpoint *checkpoint;
  bzd_trainer *back;
  bzd_flow *flow;
  size_t size;
  OK(bzd_checkpoint_from_trainer(trainer, &checkpoint));
  OK(bzd_checkpoint_write_buffer(checkpoint, NULL, 0, &size));
  void *bytes = malloc(size);
  OK(bzd_checkpoint_write_buffer(checkpoint, bytes, size, &size));
  bzd_checkpoint_destroy(checkpoint);
  OK(bzd_checkpoint_open_buffer(s->context, bytes, size, NULL, &checkpoint));
  OK(bzd_checkpoint_get_flow(checkpoint, BZD_WEIGHTS_AUTO, &flow)); /* snapshot or not, for others it is a flow */
  bzd_flow_destroy(flow);
  OK(bzd_checkpoint_get_trainer(checkpoint, s->source, &back));
  bzd_checkpoint_destroy(checkpoint);
  free(bytes);
  return back;
}

/* ---- What must come out -------------------------------------------------------------------------------------- */

typedef struct outcome {
  int64_t step, skipped, rollbacks; /* when the run ends */
  int stopped;
} outcome;

/* The policies once more, over the bits alone. */
static outcome expect(const training *way, uint32_t bad) {
  outcome o = {0};
  int in_row = 0;
  for (; o.step < STEPS; o.step++) {
    if (!(bad >> o.step & 1)) {
      in_row = 0;
      continue;
    }
    int used = way->policy == BZD_DIVERGENCE_SKIP ? in_row : (int)o.rollbacks;
    o.stopped = way->policy == BZD_DIVERGENCE_STOP || used == way->limit;
    if (o.stopped) break;
    if (way->policy == BZD_DIVERGENCE_SKIP)
      o.skipped++, in_row++;
    else
      o.rollbacks++;
  }
  return o;
}

static const uint32_t patterns[] = {0,     1, 1 << 5, 7 << 9, 1 << 3 | 1 << 9 | 1 << 10 | 1 << 16, 1 << (STEPS - 1),
                                    0xFFF0};
static const training ways[] = {
    {BZD_DIVERGENCE_STOP, 10, 100, BZD_LOSS_MSE, BZD_TIME_UNIFORM, 0.9, 1},
    {BZD_DIVERGENCE_SKIP, 10, 100, BZD_LOSS_MSE, BZD_TIME_UNIFORM, 0.9, 1},
    {BZD_DIVERGENCE_SKIP, 2, 100, BZD_LOSS_PSEUDO_HUBER, BZD_TIME_LOSS_AWARE, 0, 0.5},
    {BZD_DIVERGENCE_ROLL_BACK, 10, 4, BZD_LOSS_MSE, BZD_TIME_LOSS_AWARE, 0.9, 1},
    {BZD_DIVERGENCE_ROLL_BACK, 2, 1, BZD_LOSS_PSEUDO_HUBER, BZD_TIME_UNIFORM, 0, 1},
    {BZD_DIVERGENCE_ROLL_BACK, 3, 100, BZD_LOSS_MSE, BZD_TIME_LOGIT_NORMAL, 0.9, 1},
};
enum { PATTERNS = 7, WAYS = 6 };

/* 3e38 squared is not finite; 1e25 can be applied once clipped. */
static int refused(const training *way, int value) { return value < 3 || (value == 3 && way->loss == BZD_LOSS_MSE); }

static void check_end(bzd_trainer *trainer, bzd_status status, const outcome *o) {
  if (o->stopped) {
    char words[32];
    snprintf(words, sizeof words, "step %d: ", (int)o->step + 1);
    assert_true(status == BZD_E_DIVERGED || status == BZD_E_NUMERIC);
    assert_non_null(strstr(failure_text(), words));
    assert_non_null(strstr(failure_text(), "nothing was applied"));
  } else {
    assert_int_equal(status, BZD_OK);
  }
  bzd_trainer_info info = info_of(trainer);
  assert_int_equal(info.step, o->step);
  assert_int_equal(info.skipped, o->skipped);
  assert_int_equal(info.rollbacks, o->rollbacks);
  check_finite(trainer);
}

/* What a bad batch holds leaves no trace, and neither do threads. */
static void test_policies(void **state) {
  int runs = 0;
  (void)state;
  for (int w = 0; w < WAYS; w++)
    for (int p = 0; p < PATTERNS; p++) {
      const outcome o = expect(&ways[w], patterns[p]);
      uint64_t first = 0;
      for (int v = 0; refused(&ways[w], v); v++) {
        setting s;
        make_setting(&s, v % 3 + 1, patterns[p], values[v]);
        bzd_trainer *trainer = start(&s, &ways[w]);
        bzd_status status = bzd_trainer_run(trainer, 0, check_each, trainer);
        check_end(trainer, status, &o);
        assert_int_equal(s.warnings, o.skipped + o.rollbacks);
        if (v == 0) first = digest(trainer);
        if (digest(trainer) != first) fail_msg("way %d, pattern %d: %g leaves a trace", w, p, (double)values[v]);
        bzd_trainer_destroy(trainer);
        drop_setting(&s);
        runs++;
      }
    }
  print_message("%d runs: %d ways, %d patterns of bad steps, 3 or 4 values\n", runs, WAYS, PATTERNS);
}

/* Numbers that are huge but finite, clipped, not clipped. */
static void test_huge(void **state) {
  static const float huge[] = {1e10f, 1e18f, 1e19f, 1e25f, 1e30f, 3e38f};
  (void)state;
  for (int32_t loss = BZD_LOSS_MSE; loss <= BZD_LOSS_PSEUDO_HUBER; loss++)
    for (int clip = 0; clip < 2; clip++)
      for (int v = 0; v < 6; v++) {
        const training way = {BZD_DIVERGENCE_SKIP, STEPS, 1, loss, BZD_TIME_LOSS_AWARE, 0.9, clip};
        setting s;
        make_setting(&s, 1, 0xF0F0F0, huge[v]);
        bzd_trainer *trainer = start(&s, &way);
        OK(bzd_trainer_run(trainer, 0, check_each, trainer));
        bzd_trainer_info info = info_of(trainer);
        assert_true(isfinite(info.loss) && isfinite(info.smooth_loss) && isfinite(info.gradient_norm));
        bzd_trainer_destroy(trainer);
        drop_setting(&s);
      }
}

/* Where a roll back goes: before the last good step that is a multiple of snapshot_every, and what follows. */
static void test_roll_back(void **state) {
  static const struct {
    int64_t every;
    uint32_t bad;
    int64_t run, updates;
  } cases[] = {{4, 1 << 10, 11, 8}, {1, 1 << 10, 11, 9}, {100, 1 << 10, 11, 0}, {4, 1 << 8 | 1 << 10, 11, 4},
               {4, 1, 1, 0},        {4, 1 << 4, 5, 0},   {5, 3 << 11, 13, 10}};
  float got[PARAMETERS], expected[PARAMETERS];
  (void)state;
  for (int c = 0; c < 7; c++) {
    const training way = {BZD_DIVERGENCE_ROLL_BACK, 5, cases[c].every, BZD_LOSS_MSE, BZD_TIME_LOSS_AWARE, 0.9, 1};
    setting s, good;
    make_setting(&s, 1, cases[c].bad, NAN);
    make_setting(&good, 1, 0, 0);
    bzd_trainer *trainer = start(&s, &way), *twin = start(&good, &way);
    OK(bzd_trainer_run(trainer, cases[c].run, NULL, NULL));
    if (cases[c].updates > 0) OK(bzd_trainer_run(twin, cases[c].updates, NULL, NULL));
    for (int32_t which = BZD_WEIGHTS_RAW; which <= BZD_WEIGHTS_EMA; which++) {
      parameters(trainer, which, got);
      parameters(twin, which, expected);
      assert_memory_equal(got, expected, sizeof got);
    }
    bzd_trainer_info info = info_of(trainer), other = info_of(twin);
    assert_true(memcmp(&info.smooth_loss, &other.smooth_loss, sizeof(double)) == 0);
    OK(bzd_trainer_run(trainer, 1, NULL, NULL));
    OK(bzd_trainer_run(twin, cases[c].run + 1 - cases[c].updates, NULL, NULL));
    info = info_of(trainer), other = info_of(twin);
    double scale = pow(0.5, (double)info.rollbacks);
    assert_true(info.rollbacks > 0 && fabs(info.rate - scale * other.rate) < 1e-15);
    parameters(twin, BZD_WEIGHTS_RAW, got);
    assert_memory_not_equal(got, expected, sizeof got);
    bzd_trainer_destroy(trainer);
    bzd_trainer_destroy(twin);
    drop_setting(&s);
    drop_setting(&good);
  }
}

/* Without a bad step every policy trains to the same weights. */
static void test_good(void **state) {
  float first[PARAMETERS], other[PARAMETERS];
  (void)state;
  for (int32_t policy = BZD_DIVERGENCE_STOP; policy <= BZD_DIVERGENCE_ROLL_BACK; policy++) {
    const training way = {policy, 1, 3, BZD_LOSS_MSE, BZD_TIME_LOSS_AWARE, 0.9, 1};
    setting s;
    make_setting(&s, 1, 0, 0);
    bzd_trainer *trainer = start(&s, &way);
    OK(bzd_trainer_run(trainer, 0, NULL, NULL));
    parameters(trainer, BZD_WEIGHTS_EMA, policy == BZD_DIVERGENCE_STOP ? first : other);
    if (policy > BZD_DIVERGENCE_STOP) assert_memory_equal(first, other, sizeof first);
    bzd_trainer_destroy(trainer);
    drop_setting(&s);
  }
}

/* Saved after k steps, for every k, resumed with another number of threads: the end of an uninterrupted run. */
static void test_resume(void **state) {
  int resumed = 0;
  (void)state;
  for (int w = 0; w < WAYS; w++)
    for (int p = 0; p < PATTERNS; p++) {
      const outcome o = expect(&ways[w], patterns[p]);
      setting s, s2;
      make_setting(&s, 1, patterns[p], values[p % VALUES]);
      make_setting(&s2, w % 2 + 2, patterns[p], values[p % VALUES]);
      bzd_trainer *whole = start(&s, &ways[w]), *part = start(&s, &ways[w]);
      bzd_status status = bzd_trainer_run(whole, 0, NULL, NULL);
      const uint64_t expected = digest(whole);
      const int64_t end = info_of(whole).step;
      if (refused(&ways[w], p % VALUES)) assert_int_equal(end, o.step);
      for (int64_t k = 0; k <= end; k++) {
        if (k > 0) OK(bzd_trainer_run(part, 1, NULL, NULL));
        bzd_trainer *back = through_file(part, &s2);
        if (digest(back) != digest(part)) fail_msg("way %d, pattern %d: saved after %d differs", w, p, (int)k);
        assert_int_equal(bzd_trainer_run(back, 0, NULL, NULL), status);
        if (digest(back) != expected) fail_msg("way %d, pattern %d: resumed after %d differs", w, p, (int)k);
        bzd_trainer_destroy(back);
        resumed++;
      }
      bzd_trainer_destroy(whole);
      bzd_trainer_destroy(part);
      drop_setting(&s);
      drop_setting(&s2);
    }
  print_message("%d resumes\n", resumed);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_policies), cmocka_unit_test(test_huge),
                                     cmocka_unit_test(test_roll_back), cmocka_unit_test(test_good),
                                     cmocka_unit_test(test_resume)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
