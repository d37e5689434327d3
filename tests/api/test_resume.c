/* SPDX-License-Identifier: MIT */
/* Exact resume: k steps, saved, loaded in a new process, and the other steps there, give the bits of an uninterrupted
 * run. The program starts itself again for that: test_resume <form> <kind> <file> <result>. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <sys/wait.h>
#include <unistd.h>

#include "../support/host.h"
#include "../support/objects.h"
#include "../support/sources.h"

enum { FIRST = 7 };
enum { FORM_FILE, FORM_BUFFER, FORM_CALLBACK, FORMS };

/* ---- What both processes build ------------------------------------------------------------------------------- */

typedef struct setting {
  bzd_context *context;
  bzd_data *data;
  bzd_source *source;
  bzd_flow *student;
} setting;

static setting make_setting(int kind, int32_t threads) {
  setting s = {.context = host_context(NULL, threads)};
  s.data = sources_data(s.context);
  s.source = sources_make(s.context, s.data, kind);
  s.student = sources_student(s.context, kind);
  return s;
}

static void drop_setting(setting *s) {
  bzd_flow_destroy(s->student);
  bzd_source_destroy(s->source);
  bzd_data_destroy(s->data);
  bzd_context_destroy(s->context);
}

static bzd_trainer *start(const setting *s, int kind) {
  return sources_trainer(s->student, s->source, kind, SOURCES_STEPS);
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

static void test_resumed(void **state) {
  (void)state;
  int form = atoi(arguments[1]), kind = atoi(arguments[2]);
  setting s = make_setting(kind, 2);
  bzd_trainer *trainer = load(&s, form, arguments[3]);
  bzd_trainer_info info = {.struct_size = sizeof info};
  OK(bzd_trainer_get_info(trainer, &info));
  assert_int_equal(info.step, FIRST);
  assert_int_equal(info.steps, SOURCES_STEPS);
  assert_int_equal(info.fingerprint_differs, 0);
  OK(bzd_trainer_run(trainer, 0, NULL, NULL));
  uint64_t result = digest(trainer);
  FILE *file = fopen(arguments[4], "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(&result, sizeof result, 1, file), 1);
  assert_int_equal(fclose(file), 0);
  bzd_trainer_destroy(trainer);
  drop_setting(&s);
}

static uint64_t resume_elsewhere(int form, int kind, const char *path, const char *result) {
  char form_text[8], kind_text[8];
  uint64_t value = 0;
  snprintf(form_text, sizeof form_text, "%d", form);
  snprintf(kind_text, sizeof kind_text, "%d", kind);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    execl("/proc/self/exe", arguments[0], form_text, kind_text, path, result, (char *)NULL);
    _exit(127);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  FILE *file = fopen(result, "rb");
  assert_non_null(file);
  assert_int_equal(fread(&value, sizeof value, 1, file), 1);
  fclose(file);
  return value;
}

static void test_resume(void **state) {
  char directory[] = "/tmp/bezdist-resume-XXXXXX", path[64], result[64];
  (void)state;
  assert_non_null(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/trainer.bzd", directory);
  snprintf(result, sizeof result, "%s/result", directory);
  for (int kind = 0; kind < SOURCES; kind++) {
    setting s = make_setting(kind, 1);
    bzd_trainer *whole = start(&s, kind), *part = start(&s, kind);
    OK(bzd_trainer_run(whole, 0, NULL, NULL));
    OK(bzd_trainer_run(part, FIRST, NULL, NULL));
    uint64_t expected = digest(whole);
    assert_true(expected != digest(part));
    for (int form = kind == SOURCE_DATA ? 0 : kind % FORMS; form < FORMS; form += kind == SOURCE_DATA ? 1 : FORMS) {
      save(part, form, path);
      if (resume_elsewhere(form, kind, path, result) != expected) fail_msg("kind %d, form %d: other bits", kind, form);
      remove(path);
      remove(result);
    }
    bzd_trainer_destroy(whole);
    bzd_trainer_destroy(part);
    drop_setting(&s);
  }
  assert_int_equal(rmdir(directory), 0);
}

/* Another source than the trainer had is refused. */
static void test_other_source(void **state) {
  (void)state;
  setting s = make_setting(SOURCE_DATA, 1);
  bzd_trainer *trainer = start(&s, SOURCE_DATA), *out = trainer;
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

int main(int argc, char **argv) {
  const struct CMUnitTest child[] = {cmocka_unit_test(test_resumed)};
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_resume), cmocka_unit_test(test_other_source)};
  arguments = argv;
  return argc == 5 ? cmocka_run_group_tests(child, NULL, NULL) : cmocka_run_group_tests(tests, NULL, NULL);
}
