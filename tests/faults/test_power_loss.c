/* SPDX-License-Identifier: MIT */
/* What a power cut leaves: the changes that saves made to the file system are logged, and thousands of states built
 * that a disk may be in after a cut at any point. In each the file is the old or the new one, and the new one once
 * success was reported. Without the fsyncs in the log the same states show broken files, or the test is worth nothing.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "saves.h"

enum { STATES = 2000, BLOCK = 512 };

/* ---- Chance -------------------------------------------------------------------------------------------------- */

static uint64_t chance;

static uint64_t draw(uint64_t below) { /* splitmix64 */
  uint64_t z = (chance += UINT64_C(0x9E3779B97F4A7C15));
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return (z ^ (z >> 31)) % below;
}

/* ---- A file system after a power cut --------------------------------------------------------------------------
 * So many records of the log were issued, so many of them are finished (the last may be half done). Bytes: those
 * written before a finished fsync of the file are there; each later write is there, is not, is cut, or has a block that
 * holds zeros or something else; since none overlaps another, that is any order of them. Names: changes before a
 * finished fsync of the folder are there; each later one is or is not, whatever became of those before it and of the
 * bytes. A rename is one change of a name, as every file system with a journal has it. */

typedef struct disk_file {
  size_t size;
  unsigned char data[1 << 16];
} disk_file;

static disk_file old_file, new_file;

static void write_some(const os_record *record, int durable) {
  size_t from = record->offset, to = record->offset + record->size;
  assert_true(to <= sizeof new_file.data);
  int fate = durable ? 7 : (int)draw(8);
  if (fate == 0) return;                                                     /* dropped */
  if (fate == 1) to = from + draw(record->size);                             /* cut at a byte */
  if (fate == 2) to = to / BLOCK * BLOCK < from ? from : to / BLOCK * BLOCK; /* cut at a block */
  if (to > new_file.size) {
    memset(new_file.data + new_file.size, 0, to - new_file.size);
    new_file.size = to;
  }
  memcpy(new_file.data + from, record->data, to - from);
  if (fate < 3 || fate > 5 || to == from) return;
  size_t hole = from + draw(to - from), end = hole / BLOCK * BLOCK + BLOCK; /* within a block */
  if (end > to) end = to;
  for (size_t i = hole; i < end; i++) new_file.data[i] = fate == 3 ? 0 : (unsigned char)draw(256);
  if (fate == 5) new_file.size = end; /* and the length is older than the bytes */
}

/* Fills in new_file and says whether the target's name leads to it. */
static int cut_power(int issued, int finished) {
  int synced = -1, folder_synced = -1, leads = 0;
  size_t written = 0;
  for (int i = 0; i < finished; i++) {
    if (os.record[i].operation == OS_LOG_SYNC) synced = i;
    if (os.record[i].operation == OS_LOG_SYNC_FOLDER) folder_synced = i;
  }
  new_file.size = 0;
  for (int i = 0; i < issued; i++) {
    const os_record *record = &os.record[i];
    if (record->operation == OS_LOG_WRITE) {
      assert_int_equal(record->offset, written); /* none overlaps another */
      written += record->size;
      write_some(record, i < synced);
    }
    if (record->operation == OS_LOG_RENAME && !strcmp(record->to, "target") && (i < folder_synced || draw(2)))
      leads = 1;
  }
  return leads;
}

typedef struct verdict {
  long states, olds, news, torn, accepted, lost;
} verdict;

static void judge(int kind, int issued, int finished, verdict *v) {
  const content *versions = all.content[kind];
  const disk_file *target = cut_power(issued, finished) ? &new_file : &old_file;
  put_file(path, target->data, target->size);
  int loads = saves_load(&all, kind, path) == BZD_OK;
  v->states++;
  if (file_is(path, &versions[NEW])) {
    v->news++;
    assert_true(loads);
  } else if (file_is(path, &versions[OLD])) {
    v->olds++;
    assert_true(loads);
    v->lost += finished == os.records;
  } else {
    v->torn++;
    v->accepted += loads;
  }
}

/* Logs a save of this kind and cuts it. */
static void cut_save(int kind, verdict *v) {
  const content *old = &all.content[kind][OLD];
  assert_true(old->size <= sizeof old_file.data);
  memcpy(old_file.data, old->data, old->size);
  old_file.size = old->size;
  put_file(path, old->data, old->size);
  os.logging = 1;
  os_start((os_fault){0});
  OK(saves_save(&all, kind, NEW, path));
  os_stop();
  os.logging = 0;
  assert_true(os.records > 3);
  chance = (uint64_t)kind;
  for (int i = 0; i < STATES; i++) {
    /* Half of them anywhere, half in the last changes, where names move, and after them: success was reported. */
    int n = os.records, at = draw(2) ? (int)draw((uint64_t)n + 2) : n + 1 - (int)draw(5);
    if (at == n + 1)
      judge(kind, n, n, v);
    else
      judge(kind, at, at > 0 ? at - 1 : 0, v);
  }
  os_clear_log();
  unlink(path);
}

static void print_verdict(const char *what, const verdict *v) {
  print_message("%s: %ld states after a power cut: %ld old, %ld new, %ld broken; old after reported success: %ld\n",
                what, v->states, v->olds, v->news, v->torn, v->lost);
}

static void test_power_loss(void **state) {
  (void)state;
  verdict v = {0};
  for (int kind = 0; kind < KINDS; kind++) cut_save(kind, &v);
  print_verdict("saves", &v);
  assert_true(v.states >= 10000);
  assert_int_equal(v.torn, 0);
  assert_int_equal(v.lost, 0);
  assert_true(v.olds > v.states / 10 && v.news > v.states / 10);
}

/* The two controls: each fsync is needed, and these states show it. */
static void test_without_sync(void **state) {
  (void)state;
  verdict v = {0}, files = {0};
  os.no_sync = 1;
  for (int kind = 0; kind < KINDS; kind++) {
    verdict one = {0};
    cut_save(kind, &one);
    assert_true(one.torn > STATES / 20);
    if (kind == FLOW || kind == TRAINER) files.torn += one.torn, files.accepted += one.accepted;
    v.states += one.states, v.olds += one.olds, v.news += one.news, v.torn += one.torn, v.lost += one.lost;
  }
  os.no_sync = 0;
  print_verdict("control, no fsync of the file", &v);
  assert_int_equal(files.accepted, 0); /* and no broken checkpoint passes for a whole one */
  print_message("of them %ld broken checkpoints, all refused by the loader\n", files.torn);
}

static void test_without_folder_sync(void **state) {
  (void)state;
  verdict v = {0};
  os.no_folder_sync = 1;
  for (int kind = 0; kind < KINDS; kind++) cut_save(kind, &v);
  os.no_folder_sync = 0;
  print_verdict("control, no fsync of the folder", &v);
  assert_int_equal(v.torn, 0);
  assert_true(v.lost > v.states / 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_power_loss), cmocka_unit_test(test_without_sync),
                                     cmocka_unit_test(test_without_folder_sync)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
