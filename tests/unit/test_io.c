/* SPDX-License-Identifier: MIT */
/* Atomic replacement of files, and what is refused to be read or replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"
#include "store/io.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

static int entries(const char *folder) {
  int count = 0;
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  for (struct dirent *e = readdir(dir); e; e = readdir(dir)) count += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
  closedir(dir);
  return count;
}

static void check_file(const char *path, const char *content) {
  bzdi_reader reader;
  char text[64] = "";
  OK(bzdi_reader_file(NULL, path, &reader));
  assert_int_equal(reader.size, strlen(content));
  OK(reader.read(reader.user, 0, text, reader.size));
  assert_string_equal(text, content);
  if (reader.size > 2) {
    OK(reader.read(reader.user, 2, text, 1));
    assert_int_equal(text[0], content[2]);
  }
  FAILS(BZD_E_IO, "shorter", reader.read(reader.user, reader.size, text, 1));
  reader.close(reader.user);
}

static void test_replace(void **state) {
  (void)state;
  char folder[] = "io-XXXXXX", path[64];
  struct stat facts;
  bzdi_save *save;
  bzdi_writer writer;
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/file", folder);
  OK(bzdi_save_open(NULL, path, &save, &writer));
  OK(writer.write(writer.user, "first", 5));
  assert_int_equal(access(path, F_OK), -1); /* not before it is whole */
  OK(bzdi_save_commit(save));
  check_file(path, "first");
  assert_int_equal(chmod(path, 0640), 0);
  OK(bzdi_save_open(NULL, path, &save, &writer));
  OK(writer.write(writer.user, "sec", 3));
  OK(writer.write(writer.user, "ond", 3));
  check_file(path, "first");
  OK(bzdi_save_commit(save));
  check_file(path, "second");
  assert_int_equal(stat(path, &facts), 0);
  assert_int_equal(facts.st_mode & 07777, 0640); /* its mode is kept */
  OK(bzdi_save_open(NULL, path, &save, &writer));
  OK(writer.write(writer.user, "half", 4));
  bzdi_save_abandon(save);
  check_file(path, "second");
  assert_int_equal(entries(folder), 1); /* no temporary stays */
  unlink(path);
  rmdir(folder);
}

static void test_refused(void **state) {
  (void)state;
  char folder[] = "io-XXXXXX", path[64];
  bzdi_save *save = NULL;
  bzdi_writer writer;
  bzdi_reader reader;
  assert_non_null(mkdtemp(folder));
  FAILS(BZD_E_IO, "Is a directory", bzdi_save_open(NULL, folder, &save, &writer));
  snprintf(path, sizeof path, "%s/", folder);
  FAILS(BZD_E_IO, "Is a directory", bzdi_save_open(NULL, path, &save, &writer));
  snprintf(path, sizeof path, "%s/none/file", folder);
  FAILS(BZD_E_IO, "No such file", bzdi_save_open(NULL, path, &save, &writer));
  FAILS(BZD_E_IO, "No such file", bzdi_reader_file(NULL, path, &reader));
  FAILS(BZD_E_IO, "not a regular file", bzdi_reader_file(NULL, folder, &reader));
  snprintf(path, sizeof path, "%s/fifo", folder);
  assert_int_equal(mkfifo(path, 0600), 0);
  FAILS(BZD_E_IO, "not a regular file", bzdi_reader_file(NULL, path, &reader));
  assert_null(save);
  assert_int_equal(entries(folder), 1);
  unlink(path);
  rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_replace), cmocka_unit_test(test_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
