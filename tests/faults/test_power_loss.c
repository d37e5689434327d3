/* SPDX-License-Identifier: MIT */
/* The power fails at any moment of a save: from the record of its system calls, states of the file system are built
 * that a crash may leave: bytes that were not synced are there, lost, cut, zeros or garbage, each write for itself;
 * changes of the folder that were not synced are there or not, each for itself. The target is the old file or the new
 * one in each. Control: with the file's fsync left out of the record, the same states show broken files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include "host.h"

#include "os.h"
#include "saves.h"

enum { STATES = 12000 };

static uint64_t turn;
static uint32_t draw(uint32_t below) {
  turn = turn * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)((turn >> 33) % below);
}

/* What of the new file's bytes a crash after record `last` leaves. */
static image crashed_bytes(int last) {
  image out = {calloc(1, 1), 0};
  int synced = -1;
  for (int r = 0; r <= last; r++)
    if (os.record[r].operation == OS_LOG_SYNC) synced = r;
  for (int r = 0; r <= last; r++) {
    const os_record *record = &os.record[r];
    if (record->operation != OS_LOG_WRITE) continue;
    size_t size = record->size;
    uint32_t fate = r < synced ? 0 : draw(5); /* 0: there */
    if (fate == 1) continue;                  /* lost */
    if (fate == 2) size = draw((uint32_t)size + 1);
    if (size == 0) continue;
    if (record->offset + size > out.size) {
      out.data = realloc(out.data, record->offset + size);
      memset(out.data + out.size, 0, record->offset + size - out.size);
      out.size = record->offset + size;
    }
    memcpy(out.data + record->offset, record->data, size);
    if (fate >= 3) { /* a part was allocated and not written */
      size_t at = draw((uint32_t)size), n = 1 + draw((uint32_t)(size - at));
      for (size_t i = 0; i < n; i++) out.data[record->offset + at + i] = fate == 3 ? 0 : (unsigned char)draw(256);
    }
  }
  return out;
}

/* What stands at the target's name: 1: the new file's inode, 0: the old one's. */
static int renamed(int last) {
  int synced = -1, done = 0;
  for (int r = 0; r <= last; r++)
    if (os.record[r].operation == OS_LOG_SYNC_FOLDER) synced = r;
  for (int r = 0; r <= last; r++)
    if (os.record[r].operation == OS_LOG_RENAME && strcmp(os.record[r].to, "model") == 0)
      done = r < synced || draw(2) == 0;
  return done;
}

typedef struct outcome {
  long old, fresh, broken;
} outcome;

static outcome crash(const saves *s, int kind, uint64_t seed, long states) {
  outcome count = {0};
  turn = seed;
  for (long i = 0; i < states; i++) {
    int last = (int)draw((uint32_t)os.records + 1) - 1;
    if (!renamed(last)) {
      count.old++;
      continue;
    }
    image found = crashed_bytes(last);
    if (image_is(&found, &s->fresh[kind])) {
      count.fresh++;
    } else {
      count.broken++;
      bzd_checkpoint *checkpoint; /* and the loader knows, or the bytes would be the new ones */
      if (kind <= SAVE_FLOW && i % 16 == 0) {
        bzd_status status = bzd_checkpoint_open_buffer(NULL, found.data, found.size, NULL, &checkpoint);
        if (status == BZD_OK) status = bzd_checkpoint_verify(checkpoint);
        assert_true(status == BZD_E_CORRUPT || status == BZD_E_FORMAT);
        bzd_checkpoint_destroy(checkpoint);
      }
    }
    free(found.data);
  }
  return count;
}

static void record(const saves *s, int kind, int no_sync, int no_folder_sync) {
  folder_clear("folder");
  image_write("folder/model", &s->old);
  os_clear_log();
  os.logging = 1;
  os.no_sync = no_sync;
  os.no_folder_sync = no_folder_sync;
  os_start((os_fault){0});
  OK(saves_do(s, kind, "folder/model"));
  os_stop();
  os.logging = 0;
}

static void test_power_loss(void **state) {
  (void)state;
  saves s;
  outcome all = {0};
  saves_open(&s, 64, 128); /* files of several blocks */
  for (int kind = 0; kind < SAVES; kind++) {
    record(&s, kind, 0, 0);
    outcome count = crash(&s, kind, 100 + (uint64_t)kind, STATES / SAVES);
    if (count.broken) fail_msg("%s: %ld states are broken", save_names[kind], count.broken);
    assert_true(count.old > STATES / SAVES / 8 && count.fresh > 20);
    all.old += count.old;
    all.fresh += count.fresh;
    /* When the save has returned, the new file is there whatever happens. */
    turn = 7;
    for (int i = 0; i < 100; i++) {
      image found = crashed_bytes(os.records - 1);
      assert_true(renamed(os.records - 1) && image_is(&found, &s.fresh[kind]));
      free(found.data);
    }
  }
  print_message("%d states: %ld with the old file, %ld with the new one, 0 with another\n", STATES, all.old, all.fresh);
  record(&s, SAVE_CHECKPOINT, 1, 0);
  outcome control = crash(&s, SAVE_CHECKPOINT, 5, STATES / SAVES);
  print_message("control, the file not synced: %ld of %d states broken\n", control.broken, STATES / SAVES);
  assert_true(control.broken > 100);
  record(&s, SAVE_CHECKPOINT, 0, 1);
  int lost = 0;
  turn = 9;
  for (int i = 0; i < 100; i++) lost += !renamed(os.records - 1);
  print_message("control, the folder not synced: %d of 100 finished saves undone\n", lost);
  assert_true(lost > 10);
  os_clear_log();
  saves_close(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_power_loss)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
