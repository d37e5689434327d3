/* SPDX-License-Identifier: MIT */
/* Exact resume: k steps, saved, loaded in a new process on another number of threads, and the other steps there, give
 * the bits of an uninterrupted run; for every kind of source with every kind of student. The program starts itself
 * again for that: test_resume <form> <source> <from> <to> <directory>. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "../support/forks.h"
#include "../support/host.h"
#include "../support/objects.h"
#include "../support/sources.h"

enum { FIRST = 7, SWITCH = 3 };
enum { FORM_FILE, FORM_BUFFER, FORM_CALLBACK, FORMS };
enum { VELOCITY, CONTROL, ENDPOINT, SWITCHED, STUDENTS }; /* the last is a velocity student that began on other paths */

static const int32_t threads[][2] = {{1, 2}, {1, 3}, {2, 1}, {3, 1}}; /* of the run that is saved, of the one resumed */
enum { THREADS = 4 };

static int fits(int kind, int student) {
  int windows = kind == SOURCE_WINDOWS || kind == SOURCE_WINDOW_POOL;
  return !windows || student == VELOCITY || student == SWITCHED;
}

/* ---- What both processes build ------------------------------------------------------------------------------- */

typedef struct setting {
  bzd_context *context;
  bzd_data *data;
  bzd_source *source;
} setting;

static setting make_setting(int kind, int32_t count) {
  setting s = {.context = host_context(NULL, count)};
  s.data = sources_data(s.context);
  s.source = sources_make(s.context, s.data, kind);
  return s;
}

static void drop_setting(setting *s) {
  bzd_source_destroy(s->source);
  bzd_data_destroy(s->data);
  bzd_context_destroy(s->context);
}

/* After so many steps; 0: all of them. The way to train changes with source and student. */
static bzd_trainer *train(const setting *s, int kind, int student, int64_t steps) {
  static const int32_t kinds[STUDENTS] = {BZD_FLOW_VELOCITY, BZD_FLOW_CONTROL, BZD_FLOW_ENDPOINT, BZD_FLOW_VELOCITY};
  bzd_flow *flow = make_flow(s->context, kinds[student], 3, SOURCES_DIM, SOURCES_CLASSES, 24, 1);
  bzd_source *before = student == SWITCHED ? sources_make(s->context, s->data, SOURCE_DATA) : NULL;
  bzd_trainer *trainer = sources_trainer(flow, before ? before : s->source, kind + student, SOURCES_STEPS);
  if (before) {
    OK(bzd_trainer_run(trainer, SWITCH, NULL, NULL));
    OK(bzd_trainer_set_source(trainer, s->source));
  }
  OK(bzd_trainer_run(trainer, steps > 0 && before ? steps - SWITCH : steps, NULL, NULL));
  bzd_source_destroy(before);
  bzd_flow_destroy(flow);
  return trainer;
}

/* Weights, averaged weights, losses and the content id of a trainer's checkpoint: all that could differ. */
static uint64_t digest(const bzd_trainer *trainer) {
  bzd_trainer_info info = {.struct_size = sizeof info};
  bzd_checkpoint *checkpoint;
  char id[65];
  OK(bzd_trainer_get_info(trainer, &info));
  OK(bzd_checkpoint_from_trainer(trainer, &checkpoint));
  OK(bzd_checkpoint_content_id(checkpoint, id));
  bzd_checkpoint_destroy(checkpoint);
  const double facts[] = {(double)info.step, info.loss, info.smooth_loss, info.rate, info.gradient_norm};
  return hash_bytes(id, sizeof id) * 31 + hash_bytes(facts, sizeof facts);
}

/* ---- The three forms ----------------------------------------------------------------------------------------- */

static int32_t put(void *user, const void *data, size_t size) { return fwrite(data, 1, size, user) == size ? 0 : 1; }

static int32_t get(void *user, uint64_t offset, void *data, size_t size) {
  return fseek(user, (long)offset, SEEK_SET) == 0 && fread(data, 1, size, user) == size ? 0 : 1;
}

static void save(const bzd_trainer *trainer, int form, const char *path) {
  bzd_checkpoint *checkpoint;
  OK(bzd_checkpoint_from_trainer(trainer, &checkpoint));
  if (form == FORM_FILE) {
    OK(bzd_checkpoint_write_file(checkpoint, path));
  } else {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    if (form == FORM_CALLBACK) {
      OK(bzd_checkpoint_write_callback(checkpoint, put, file));
    } else {
      size_t size, again;
      OK(bzd_checkpoint_write_buffer(checkpoint, NULL, 0, &size));
      char *buf = malloc(size);
      FAILS(BZD_E_LIMIT, "cap", bzd_checkpoint_write_buffer(checkpoint, buf, size - 1, &again));
      assert_int_equal(again, size);
      OK(bzd_checkpoint_write_buffer(checkpoint, buf, size, &again));
      assert_int_equal(again, size);
      assert_int_equal(fwrite(buf, 1, size, file), size);
      free(buf);
    }
    assert_int_equal(fclose(file), 0);
  }
  bzd_checkpoint_destroy(checkpoint);
}

static bzd_trainer *load(const setting *s, int form, const char *path) {
  bzd_checkpoint *checkpoint;
  bzd_trainer *trainer;
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file);
  rewind(file);
  char *buf = malloc(size);
  assert_int_equal(fread(buf, 1, size, file), size);
  if (form == FORM_FILE)
    OK(bzd_checkpoint_open_file(s->context, path, NULL, &checkpoint));
  else if (form == FORM_BUFFER)
    OK(bzd_checkpoint_open_buffer(s->context, buf, size, NULL, &checkpoint));
  else
    OK(bzd_checkpoint_open_callback(s->context, get, file, size, NULL, &checkpoint));
  OK(bzd_checkpoint_get_trainer(checkpoint, s->source, &trainer));
  bzd_checkpoint_destroy(checkpoint);
  free(buf);
  fclose(file);
  return trainer;
}

/* ---- The new process ----------------------------------------------------------------------------------------- */

static char **arguments;

static void path_of(char path[96], const char *directory, int32_t from, int student) {
  snprintf(path, 96, "%s/%d-%d.bzd", directory, (int)from, student);
}

/* Resumes every student of this source that was trained on `from` threads on `to` of them. */
static void test_resumed(void **state) {
  const int form = atoi(arguments[1]), kind = atoi(arguments[2]), from = atoi(arguments[3]), to = atoi(arguments[4]);
  uint64_t results[STUDENTS] = {0};
  char path[96];
  setting s = make_setting(kind, to);
  (void)state;
  for (int student = 0; student < STUDENTS; student++) {
    if (!fits(kind, student)) continue;
    path_of(path, arguments[5], from, student);
    bzd_trainer *trainer = load(&s, form, path);
    bzd_trainer_info info = {.struct_size = sizeof info};
    OK(bzd_trainer_get_info(trainer, &info));
    assert_int_equal(info.step, FIRST);
    assert_int_equal(info.steps, SOURCES_STEPS);
    assert_int_equal(info.fingerprint_differs, 0);
    OK(bzd_trainer_run(trainer, 0, NULL, NULL));
    results[student] = digest(trainer);
    bzd_trainer_destroy(trainer);
  }
  snprintf(path, sizeof path, "%s/result", arguments[5]);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(results, sizeof results, 1, file), 1);
  assert_int_equal(fclose(file), 0);
  drop_setting(&s);
}

static void resume_elsewhere(int form, int kind, const int32_t pair[2], const char *directory,
                             uint64_t results[STUDENTS]) {
  char text[4][12], path[96];
  const int numbers[4] = {form, kind, (int)pair[0], (int)pair[1]};
  for (int i = 0; i < 4; i++) snprintf(text[i], sizeof text[i], "%d", numbers[i]);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    execl("/proc/self/exe", arguments[0], text[0], text[1], text[2], text[3], directory, (char *)NULL);
    _exit(127);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  snprintf(path, sizeof path, "%s/result", directory);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  assert_int_equal(fread(results, sizeof *results, STUDENTS, file), STUDENTS);
  fclose(file);
  remove(path);
}

static void test_resume(void **state) {
  char directory[] = "bezdist-resume-XXXXXX", path[96];
  int resumed = 0, processes = 0;
  (void)state;
  if (EMULATED) skip();
  assert_non_null(mkdtemp(directory));
  for (int kind = 0; kind < SOURCES; kind++) {
    uint64_t expected[STUDENTS] = {0}, results[STUDENTS];
    setting s[4]; /* by number of threads */
    for (int32_t t = 1; t <= 3; t++) s[t] = make_setting(kind, t);
    for (int student = 0; student < STUDENTS; student++) {
      if (!fits(kind, student)) continue;
      bzd_trainer *whole = train(&s[1], kind, student, 0);
      expected[student] = digest(whole);
      bzd_trainer_destroy(whole);
    }
    for (int pair = 0; pair < THREADS; pair++) {
      const int form = (kind + pair) % FORMS;
      const int32_t from = threads[pair][0];
      for (int student = 0; student < STUDENTS; student++) {
        if (!fits(kind, student)) continue;
        bzd_trainer *part = train(&s[from], kind, student, FIRST);
        assert_true(digest(part) != expected[student]);
        path_of(path, directory, from, student);
        save(part, form, path);
        bzd_trainer_destroy(part);
      }
      resume_elsewhere(form, kind, threads[pair], directory, results);
      processes++;
      for (int student = 0; student < STUDENTS; student++) {
        if (!fits(kind, student)) continue;
        if (results[student] != expected[student])
          fail_msg("source %d, student %d, form %d, threads %d then %d: other bits", kind, student, form, (int)from,
                   (int)threads[pair][1]);
        path_of(path, directory, from, student);
        remove(path);
        resumed++;
      }
    }
    for (int32_t t = 1; t <= 3; t++) drop_setting(&s[t]);
  }
  assert_int_equal(rmdir(directory), 0);
  print_message("%d combinations resumed in %d processes: %d sources, %d students, %d pairs of thread counts\n",
                resumed, processes, SOURCES, STUDENTS, THREADS);
}

/* Another source than the trainer had is refused. */
static void test_other_source(void **state) {
  (void)state;
  setting s = make_setting(SOURCE_DATA, 1);
  bzd_trainer *trainer = train(&s, SOURCE_DATA, VELOCITY, 1), *out = trainer;
  bzd_checkpoint *checkpoint;
  bzd_source *other;
  OK(bzd_source_create_data(s.data, NULL, 10, &other));
  OK(bzd_checkpoint_from_trainer(trainer, &checkpoint));
  FAILS(BZD_E_ARGUMENT, "source", bzd_checkpoint_get_trainer(checkpoint, other, &out));
  assert_null(out);
  OK(bzd_checkpoint_get_trainer(checkpoint, s.source, &out));
  bzd_trainer_destroy(out);
  bzd_source_destroy(other);
  bzd_checkpoint_destroy(checkpoint);
  bzd_trainer_destroy(trainer);
  drop_setting(&s);
}

/* ---- Fingerprint --------------------------------------------------------------------------------------------- */

static void put32(unsigned char *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (unsigned char)(value >> 8 * i);
}

/* Another first byte of the text under a key, and the checksums that cover it (docs/checkpoint-format.md). */
static void edit(unsigned char *file, size_t size, const char *key) {
  unsigned char *trailer = file + size - 64, *index, *at = NULL;
  uint64_t start = 0;
  for (int i = 7; i >= 0; i--) start = start << 8 | trailer[16 + i];
  index = file + start;
  const size_t length = strlen(key), index_size = (size_t)(trailer - index);
  for (unsigned char *c = index; !at && c + length < trailer; c++)
    if (memcmp(c, key, length) == 0) at = c;
  assert_non_null(at);
  at[length] ^= 1;
  put32(trailer + 32, (uint32_t)crc32(0, index, (uInt)index_size));
  put32(trailer + 60, (uint32_t)crc32(0, trailer, 60));
}

/* A file of another library or other kernels is resumed, and that is said. */
static void test_fingerprint(void **state) {
  static const struct {
    const char *keys[2];
    int32_t differs;
  } cases[] = {{{NULL, NULL}, 0},
               {{"trainer.kernels", NULL}, 1},
               {{"trainer.version", NULL}, 2},
               {{"trainer.version", "trainer.kernels"}, 3}};
  setting s = make_setting(SOURCE_DATA, 1);
  bzd_trainer *trainer = train(&s, SOURCE_DATA, VELOCITY, FIRST), *whole = train(&s, SOURCE_DATA, VELOCITY, 0);
  bzd_checkpoint *checkpoint;
  size_t size;
  (void)state;
  OK(bzd_checkpoint_from_trainer(trainer, &checkpoint));
  OK(bzd_checkpoint_write_buffer(checkpoint, NULL, 0, &size));
  unsigned char *file = malloc(size);
  for (int c = 0; c < 4; c++) {
    bzd_checkpoint *opened;
    bzd_trainer *back;
    bzd_trainer_info info = {.struct_size = sizeof info};
    OK(bzd_checkpoint_write_buffer(checkpoint, file, size, &size));
    for (int k = 0; k < 2 && cases[c].keys[k]; k++) edit(file, size, cases[c].keys[k]);
    OK(bzd_checkpoint_open_buffer(s.context, file, size, NULL, &opened));
    OK(bzd_checkpoint_get_trainer(opened, s.source, &back));
    OK(bzd_trainer_get_info(back, &info));
    assert_int_equal(info.fingerprint_differs, cases[c].differs);
    OK(bzd_trainer_run(back, 0, NULL, NULL));
    assert_true(digest(back) == digest(whole)); /* it was the same library after all */
    bzd_trainer_destroy(back);
    bzd_checkpoint_destroy(opened);
  }
  free(file);
  bzd_checkpoint_destroy(checkpoint);
  bzd_trainer_destroy(trainer);
  bzd_trainer_destroy(whole);
  drop_setting(&s);
}

int main(int argc, char **argv) {
  const struct CMUnitTest child[] = {cmocka_unit_test(test_resumed)};
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_resume), cmocka_unit_test(test_other_source),
                                     cmocka_unit_test(test_fingerprint)};
  arguments = argv;
  return argc == 6 ? cmocka_run_group_tests(child, NULL, NULL) : cmocka_run_group_tests(tests, NULL, NULL);
}
