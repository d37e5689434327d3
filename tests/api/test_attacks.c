/* SPDX-License-Identifier: MIT */
/* Hostile files whose checksums are right (tests/support/bzd_attacks.h), and bombs: each is refused, or what it says
 * holds together: every byte decodes, what it makes works, and what that writes opens again. Memory before a refusal is
 * bounded by the limits, counted by the host's allocator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include "heap.h"
#include "host.h"
#include "objects.h"
#include "sources.h"

#include "bzd_file.h"
#include "bzd_kinds.h"

#include "bzd_attacks.h"

#include <stdio.h>

/* SLACK: workspace beyond what a limit allows. WORK: what a step of a loaded trainer with a hostile batch may take. */
enum { INDEX_LIMIT = 1 << 20, RAW_LIMIT = 4 << 20, SLACK = 1 << 20, WORK = 256 << 20 };

/* Sanitizers are slow: they get every 16th file. */
#if defined(__SANITIZE_ADDRESS__)
enum { EVERY = 16 };
#else
enum { EVERY = 1 };
#endif

typedef struct judge {
  bzd_context *context;
  bzd_source *source; /* of the trainer */
  heap *memory;
  long long seen, files[ATTACKS], refused[ATTACKS], made; /* made: objects of files that were loaded */
  long long opening, making; /* bytes used at most before a file, or an object of it, was refused */
} judge;

static heap memory;
static const bzd_limits limits = {.struct_size = sizeof limits,
                                  .max_index = INDEX_LIMIT,
                                  .max_raw = RAW_LIMIT,
                                  .max_tensors = 4096,
                                  .max_meta = 4096};

/* What an object of a hostile file may be refused with: what it does not hold, or numbers that do not go together. */
static int refused(bzd_status status) {
  return kind_refusal(status) || status == BZD_E_STATE || status == BZD_E_ARGUMENT || status == BZD_E_UNSUPPORTED ||
         status == BZD_E_DIMENSION || status == BZD_E_NUMERIC;
}

/* Written again, it opens and decodes again. */
static void check_written(judge *j, bzd_status status, bzd_checkpoint *checkpoint, const char *what) {
  bzd_checkpoint *again;
  if (status != BZD_OK) fail_msg("%s: not to be written: %s", what, bzd_status_name(status));
  bytes file = kind_bytes(checkpoint);
  status = kind_open(j->context, &file, NULL, &again);
  if (status != BZD_OK) fail_msg("%s: written again it is refused: %s", what, bzd_status_name(status));
  bzd_checkpoint_destroy(again);
  free(file.data);
  j->made++;
}

static void use_flow(judge *j, bzd_flow *flow, const char *what) {
  bzd_flow_info info = {.struct_size = sizeof info};
  bzd_checkpoint *checkpoint;
  OK(bzd_flow_get_info(flow, &info));
  assert_true(info.dim >= 1 && info.dim <= RAW_LIMIT / 4);
  float *x = malloc((size_t)(2 * info.dim) * sizeof *x);
  bzd_sample_config config;
  OK(bzd_sample_config_init(&config, sizeof config));
  config.steps = 1;
  if (info.kind == BZD_FLOW_VELOCITY) config.solver = BZD_SOLVER_EULER;
  bzd_status status = bzd_flow_sample(flow, &config, 2, NULL, NULL, x, NULL);
  if (status != BZD_OK && status != BZD_E_NUMERIC && status != BZD_E_UNSUPPORTED)
    fail_msg("%s: sampling fails: %s", what, bzd_status_name(status));
  free(x);
  status = bzd_checkpoint_from_flow(flow, &checkpoint);
  check_written(j, status, checkpoint, what);
  bzd_flow_destroy(flow);
}

static void use_ensemble(judge *j, bzd_ensemble *ensemble, const char *what) {
  bzd_checkpoint *checkpoint;
  bzd_status status = bzd_checkpoint_from_ensemble(ensemble, &checkpoint);
  check_written(j, status, checkpoint, what);
  bzd_ensemble_destroy(ensemble);
}

static void use_source(judge *j, bzd_source *source, const char *what) {
  bzd_source_info info = {.struct_size = sizeof info};
  OK(bzd_source_get_info(source, &info));
  const size_t row = (size_t)((info.degree + 1) * info.dim), cond = (size_t)info.cond_dim;
  float *paths = malloc(2 * row * sizeof *paths), *conditions = malloc((2 * cond + 1) * sizeof *conditions);
  bzd_status status = bzd_source_get_paths(source, 0, 2, paths, cond > 0 ? conditions : NULL, NULL);
  if (status != BZD_OK && !refused(status)) fail_msg("%s: paths fail: %s", what, bzd_status_name(status));
  free(conditions);
  free(paths);
  bzd_source_destroy(source);
  j->made++;
}

static void use_trainer(judge *j, bzd_trainer *trainer, const char *what) {
  bzd_checkpoint *checkpoint;
  bzd_status status = bzd_checkpoint_from_trainer(trainer, &checkpoint);
  check_written(j, status, checkpoint, what);
  const long long room = memory.room;
  memory.room = memory.live + WORK; /* a batch of millions is a valid number */
  status = bzd_trainer_run(trainer, 1, NULL, NULL);
  memory.room = room;
  if (status != BZD_OK && status != BZD_E_NUMERIC && status != BZD_E_MEMORY && status != BZD_E_STATE &&
      status != BZD_E_DIVERGED)
    fail_msg("%s: a step fails: %s", what, bzd_status_name(status));
  bzd_trainer_destroy(trainer);
}

static void check_refusal(judge *j, bzd_status status, const char *call, const char *what, long long used) {
  if (!refused(status)) fail_msg("%s: %s gives %s", what, call, bzd_status_name(status));
  if (used > RAW_LIMIT + SLACK) fail_msg("%s: %s takes %lld bytes before it is refused", what, call, used);
  if (used > j->making) j->making = used;
}

static void objects_of(judge *j, bzd_checkpoint *checkpoint, const char *what) {
  bzd_flow *flow;
  bzd_ensemble *ensemble;
  bzd_source *source;
  bzd_trainer *trainer;
#define MAKE(call, object, use)                                                                                        \
  do {                                                                                                                 \
    const long long before = memory.live;                                                                              \
    memory.peak = before;                                                                                              \
    bzd_status status = call;                                                                                          \
    if (status == BZD_OK)                                                                                              \
      use(j, object, what);                                                                                            \
    else                                                                                                               \
      check_refusal(j, status, #call, what, memory.peak - before);                                                     \
  } while (0)
  MAKE(bzd_checkpoint_get_flow(checkpoint, BZD_WEIGHTS_AUTO, &flow), flow, use_flow);
  MAKE(bzd_checkpoint_get_ensemble(checkpoint, &ensemble), ensemble, use_ensemble);
  MAKE(bzd_checkpoint_get_source(checkpoint, &source), source, use_source);
  MAKE(bzd_checkpoint_stream_source(checkpoint, &source), source, use_source);
  MAKE(bzd_checkpoint_get_trainer(checkpoint, j->source, &trainer), trainer, use_trainer);
#undef MAKE
}

static void judge_file(void *user, int group, const char *what, const bytes *file) {
  judge *j = user;
  bzd_checkpoint *checkpoint;
  const long long before = memory.live;
  if (j->seen++ % EVERY != 0) return;
  memory.peak = before;
  j->files[group]++;
  bzd_status status = kind_open(j->context, file, &limits, &checkpoint);
  if (status != BZD_OK) {
    const long long used = memory.peak - before;
    if (!kind_refusal(status)) fail_msg("%s: %s: %s", attack_names[group], what, bzd_status_name(status));
    if (used > INDEX_LIMIT + SLACK)
      fail_msg("%s: %s: %lld bytes before it is refused", attack_names[group], what, used);
    if (used > j->opening) j->opening = used;
    j->refused[group]++;
  } else {
    objects_of(j, checkpoint, what);
    bzd_checkpoint_destroy(checkpoint);
  }
  if (memory.live != before) fail_msg("%s: %s: %lld bytes are kept", attack_names[group], what, memory.live - before);
}

static void open_judge(judge *j) {
  const bzd_context_config config = {
      .struct_size = sizeof config, .threads = 1, .alloc = heap_alloc, .free = heap_free, .alloc_user = &memory};
  *j = (judge){.memory = &memory};
  OK(bzd_context_create(&config, &j->context));
  j->source = kind_source(j->context);
}

static void close_judge(judge *j) {
  bzd_source_destroy(j->source);
  bzd_context_destroy(j->context);
  assert_int_equal(memory.live, 0);
  assert_int_equal(memory.wrong, 0);
}

static void test_attacks(void **state) {
  (void)state;
  judge j;
  bytes file[KINDS];
  long long files = 0, gone = 0;
  open_judge(&j);
  for (int kind = 0; kind < KINDS; kind++) file[kind] = kind_file(j.context, kind);
  /* the first use makes workspaces that the context keeps */
  bzd_checkpoint *first;
  OK(kind_open(j.context, &file[0], &limits, &first));
  objects_of(&j, first, "as it was");
  bzd_checkpoint_destroy(first);
  attack_all(&(attacker){judge_file, &j}, KINDS, file);
  for (int g = 0; g < ATTACKS; g++) {
    print_message("%-16s %8lld files, %8lld refused on opening or decoding\n", attack_names[g], j.files[g],
                  j.refused[g]);
    files += j.files[g];
    gone += j.refused[g];
  }
  print_message(
      "%lld files: %lld refused on opening or decoding, with at most %lld bytes used until then; objects of the "
      "others refused with at most %lld, or made: %lld, which all work\n",
      files, gone, j.opening, j.making, j.made);
  assert_true(files > 50000 / EVERY && gone > files / 2 && j.made > 1000 / EVERY);
  for (int kind = 0; kind < KINDS; kind++) free(file[kind].data);
  close_judge(&j);
}

/* ---- Bombs ------------------------------------------------------------------------------------------------------ */

/* One tensor "bomb" of zeros, uint8, deflated. */
static bytes zeros(size_t size, int values, const file_value *value) {
  file_parts *parts = calloc(1, sizeof *parts);
  bytes out = {0};
  parts->tensors = 1;
  parts->tensor[0] = (file_tensor){.name = "bomb", .dtype = 6, .role = 5, .ndim = 1, .dims = {size}, .size = size};
  parts->tensor[0].data = calloc(1, size);
  memcpy(parts->value, value, (size_t)values * sizeof *value);
  parts->values = values;
  file_make(parts, 1, &out);
  file_parts_free(parts);
  return out;
}

static long long peak_of_opening(bzd_context *context, const bytes *file, const bzd_limits *with, bzd_status *status) {
  bzd_checkpoint *checkpoint;
  const long long before = memory.live;
  memory.peak = before;
  *status = kind_open(context, file, with, &checkpoint);
  bzd_checkpoint_destroy(checkpoint);
  assert_true(memory.live == before);
  return memory.peak - before;
}

typedef struct number {
  const char *key;
  uint64_t value;
} number;

/* Sizes said in key-values, with nothing behind them: no object, and no memory for it. */
static void claim(judge *j, int kind, size_t count, const number *numbers) {
  bytes file = kind_file(j->context, kind), out = {0};
  file_parts *parts = file_take(&file);
  unsigned char value[8][8];
  for (size_t k = 0; k < count; k++) {
    int found = 0;
    for (int i = 0; i < parts->values; i++) {
      if (strcmp(parts->value[i].key, numbers[k].key) != 0) continue;
      file_put(value[k], 8, numbers[k].value);
      parts->value[i].value = value[k];
      found = 1;
    }
    assert_true(found);
  }
  file_make(parts, 0, &out);
  bzd_checkpoint *checkpoint;
  bzd_flow *flow;
  bzd_source *source;
  OK(kind_open(j->context, &out, NULL, &checkpoint));
  for (int object = 0; object < 3; object++) {
    const long long before = memory.live;
    memory.peak = before;
    bzd_status status = object == 0   ? bzd_checkpoint_get_flow(checkpoint, BZD_WEIGHTS_AUTO, &flow)
                        : object == 1 ? bzd_checkpoint_get_source(checkpoint, &source)
                                      : bzd_checkpoint_stream_source(checkpoint, &source);
    if (!refused(status))
      fail_msg("%s = %llu ...: %s", numbers->key, (unsigned long long)numbers->value, bzd_status_name(status));
    if (memory.peak - before > SLACK)
      fail_msg("%s = %llu ... takes %lld bytes", numbers->key, (unsigned long long)numbers->value,
               memory.peak - before);
  }
  bzd_checkpoint_destroy(checkpoint);
  file_parts_free(parts);
  free(file.data);
  free(out.data);
}

/* A file is decoded in blocks, so a large tensor of zeros costs nothing until somebody asks for it, and a stream that
 * gives more than its plane stops there; what the index says to hold is bounded before memory is asked for. */
static void test_bombs(void **state) {
  enum { BIG = 64 << 20, SMALL = 1000 };
  static const unsigned char kind[8] = {1};
  static const file_value values[] = {{FILE_META, "kind", 1, 1, 8, kind}};
  (void)state;
  judge j;
  bzd_status status;
  open_judge(&j);
  bytes file = zeros(BIG, 1, values);
  assert_true(file.size < BIG / 500);
  assert_true(peak_of_opening(j.context, &file, NULL, &status) < SLACK && status == BZD_OK);
  assert_true(peak_of_opening(j.context, &file, &limits, &status) < SLACK && status == BZD_E_LIMIT);
  free(file.data);

  /* the same stream of a whole block, in records of a tensor of 1000 bytes */
  file = zeros(FILE_BLOCK, 1, values);
  file_map map = file_look(&file);
  unsigned char *record = file.data + map.section[FILE_TENS].at, few[SMALL] = {0};
  file_put(record + 16, 8, SMALL);
  file_put(record + 96, 8, SMALL);
  file_put(record + 104, 4, file_crc(few, SMALL));
  file_put(file.data + map.section[FILE_BLKS].at, 4, SMALL);
  file_put(file.data + file.size - FILE_TAIL + 40, 8, SMALL);
  file_repair(&file, &map);
  assert_true(peak_of_opening(j.context, &file, NULL, &status) < SLACK && status == BZD_E_CORRUPT);
  free(file.data);

  /* key-values: a hundred thousand, and the bytes of one as long as the index may be */
  bytes many = {0};
  file_head(&many);
  for (int s = 0; s < 3; s++) file_section(&many, s == 0 ? "STRS" : s == 1 ? "TENS" : "BLKS", 0, NULL, 0);
  bytes meta = {0};
  for (int i = 0; i < 100000; i++) {
    file_value v = values[0];
    snprintf(v.key, sizeof v.key, "key%06d", i);
    file_add_value(&meta, &v);
  }
  file_section(&many, "META", 0, meta.data, meta.size);
  file_section(&many, "STAT", 0, NULL, 0);
  file_tail(&many, FILE_HEAD, 0, 0);
  static const uint64_t most[] = {64 << 20, 16 << 20, 4 << 20, 3 << 20, 1 << 20};
  for (size_t m = 0; m < sizeof most / sizeof *most;
       m++) { /* the count is refused first, then the memory, then the size */
    const bzd_limits little = {.struct_size = sizeof little, .max_index = most[m], .max_meta = m == 0 ? 0 : 1 << 20};
    long long used = peak_of_opening(j.context, &many, &little, &status);
    if (status != BZD_E_LIMIT || used > (long long)most[m] + SLACK / 16)
      fail_msg("100000 key-values, limit %llu: %s, %lld bytes", (unsigned long long)most[m], bzd_status_name(status),
               used);
  }
  free(meta.data);
  free(many.data);

  for (int shift = 10; shift < 63; shift++) {
    static const char *const keys[] = {"net.width", "net.layers",  "net.dim",      "net.heads",    "net.time_features",
                                       "flow.dim",  "flow.degree", "net.cond_dim", "flow.cond_dim"};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
      claim(&j, KIND_FLOW, 1, &(const number){keys[k], UINT64_C(1) << shift});
    claim(&j, KIND_CONDITIONAL, 1, &(const number){"net.skip", UINT64_C(1) << shift});
  }
  static const number wide[] = {{"flow.dim", 1 << 20},
                                {"net.dim", 1 << 20},
                                {"net.width", 65536},
                                {"net.layers", 16},
                                {"net.time_features", 1024}};
  static const number heads[] = {
      {"flow.degree", 16}, {"net.heads", 16}, {"flow.cond_dim", 1 << 20}, {"net.cond_dim", 1 << 20}};
  static const number affine[] = {{"flow.dim", 1 << 20}, {"net.dim", 1 << 20}, {"flow.item_ndim", 0}};
  static const number windows[] = {{"pool.count", 16384}, {"pool.window", 1}};
  static const number rows[] = {{"pool.count", UINT64_C(1) << 32}, {"pool.window", UINT64_C(1) << 32}};
  static const number starts[] = {{"pool.count", UINT64_C(1) << 32}, {"pool.window", 262144}, {"flow.dim", 1 << 20}};
#define CLAIM(kind, numbers) claim(&j, kind, sizeof(numbers) / sizeof *(numbers), numbers)
  CLAIM(KIND_FLOW, wide);
  CLAIM(KIND_CONDITIONAL, heads);
  CLAIM(KIND_CONDITIONAL, affine);
  CLAIM(KIND_PATHS, windows);
  CLAIM(KIND_PATHS, rows);
  CLAIM(KIND_STARTS, windows);
  CLAIM(KIND_STARTS, starts);
#undef CLAIM
  close_judge(&j);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_attacks), cmocka_unit_test(test_bombs)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
