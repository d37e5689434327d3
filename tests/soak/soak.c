/* SPDX-License-Identifier: MIT */
/* The whole interface, over and over: create, train, save, load, sample, destroy. After a warm-up of a tenth of the
 * time memory, descriptors and threads must stay as they are, and every cycle must compute the bits of the first.
 *
 * soak SECONDS [FILE.csv]: a line of counts about sixty times a run. Files go into the folder it runs in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <dirent.h>
#include <time.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "host.h"
#include "objects.h"
#include "scenarios.h"

/* What may not grow. */
typedef struct counts {
  long resident, in_use, descriptors, threads; /* KiB, bytes, -, - */
} counts;

static int entries(const char *folder) {
  int count = 0;
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  while (readdir(dir)) count++;
  closedir(dir);
  return count;
}

static counts count(void) {
  counts now;
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  assert_non_null(file);
  assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
  fclose(file);
  now.resident = pages * (sysconf(_SC_PAGESIZE) / 1024);
  now.in_use = 0; /* unknown */
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
  struct mallinfo2 heap = mallinfo2();
  now.in_use = (long)(heap.uordblks + heap.hblkhd);
#endif
  now.descriptors = entries("/proc/self/fd");
  now.threads = entries("/proc/self/task");
  return now;
}

static double seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* A model of 200,000 weights trained, saved, loaded, trained on and sampled: blocks of several sizes, all threads. */
static bzd_status walk_large(world *w) {
  enum { DIM = 64, ROWS = 256 };
  static float out[ROWS * DIM];
  bzd_data *data;
  bzd_source *source;
  bzd_flow *flow, *trained;
  bzd_trainer *trainer, *resumed;
  bzd_checkpoint *checkpoint, *opened;
  bzd_data_config data_config;
  bzd_flow_config flow_config;
  bzd_trainer_config config;
  TRY(bzd_noise(21, BZD_STREAM_USER, 0, ROWS, DIM, out));
  TRY(bzd_data_config_init(&data_config, sizeof data_config));
  data_config.n = ROWS;
  data_config.dim = DIM;
  data_config.rows = out;
  MAKE(data, &data, bzd_data_create(w->context, &data_config, &data));
  MAKE(source, &source, bzd_source_create_data(data, NULL, 1, &source));
  TRY(bzd_flow_config_init(&flow_config, sizeof flow_config));
  flow_config.dim = DIM;
  MAKE(flow, &flow, bzd_flow_create(w->context, &flow_config, &flow));
  TRY(bzd_trainer_config_init(&config, sizeof config));
  config.steps = 20;
  MAKE(trainer, &trainer, bzd_trainer_create(flow, source, &config, &trainer));
  TRY(bzd_trainer_run(trainer, 10, NULL, NULL));
  MAKE(checkpoint, &checkpoint, bzd_checkpoint_from_trainer(trainer, &checkpoint));
  TRY(bzd_checkpoint_write_file(checkpoint, "soak.bzd"));
  MAKE(checkpoint, &opened, bzd_checkpoint_open_file(w->context, "soak.bzd", NULL, &opened));
  MAKE(trainer, &resumed, bzd_checkpoint_get_trainer(opened, source, &resumed));
  TRY(bzd_trainer_run(resumed, 0, NULL, NULL));
  MAKE(flow, &trained, bzd_trainer_get_flow(resumed, BZD_WEIGHTS_AUTO, &trained));
  TRY(bzd_flow_sample(trained, NULL, ROWS, NULL, NULL, out, NULL));
  sc_mix(w, out, sizeof out);
  return BZD_OK;
}

/* Everything once, on a context of its own; the hash of all that was computed. */
static uint64_t cycle(void) {
  static world w;
  static host h;
  host_init(&h);
  memset(&w, 0, sizeof w);
  bzd_context *context = host_context(&h, 2);
  w.context = context;
  w.host = &h;
  OK(walk_large(&w));
  sc_empty(&w, 0);
  for (int i = 0; i < SCENARIO_COUNT; i++) {
    OK(SCENARIOS[i].prepare(&w, SCENARIOS[i].which));
    OK(SCENARIOS[i].walk(&w, SCENARIOS[i].which));
    sc_empty(&w, 0);
  }
  bzd_context_destroy(context);
  assert_true(atomic_load(&h.live) == 0 && atomic_load(&h.wrong) == 0);
  return w.hash;
}

static double length;
static const char *table;

static void test_soak(void **state) {
  (void)state;
  FILE *csv = table ? fopen(table, "w") : NULL;
  assert_true(!table || csv);
  if (csv) fputs("seconds,cycles,resident_kib,in_use_bytes,descriptors,threads\n", csv);
  const double began = seconds();
  const uint64_t first = cycle();
  counts warm = {0}, now = {0}, most = {0};
  long cycles = 1, warm_cycles = 0;
  double next = 0, past = 0;
  while ((past = seconds() - began) < length || warm_cycles == 0 || cycles < 2 * warm_cycles) {
    if (cycle() != first) fail_msg("cycle %ld computed other bits than the first", cycles + 1);
    cycles++;
    now = count();
    if (csv && past >= next) {
      fprintf(csv, "%.0f,%ld,%ld,%ld,%ld,%ld\n", past, cycles, now.resident, now.in_use, now.descriptors, now.threads);
      fflush(csv);
      next += length / 60;
    }
    if (past < length / 10) continue;
    if (warm_cycles == 0) {
      warm = most = now;
      warm_cycles = cycles;
    }
    if (now.resident > most.resident) most.resident = now.resident;
    if (now.in_use > most.in_use) most.in_use = now.in_use;
    if (now.descriptors != warm.descriptors || now.threads != warm.threads)
      fail_msg("cycle %ld: %ld descriptors and %ld threads, %ld and %ld before", cycles, now.descriptors, now.threads,
               warm.descriptors, warm.threads);
  }
  if (csv) fclose(csv);
  print_message(
      "%.0f s, %ld cycles of %d scenarios, all of the first's bits; after %ld cycles %ld KiB resident and %ld "
      "bytes in use, since then at most %+ld KiB and %+ld bytes; %ld descriptors, %ld threads\n",
      past, cycles, SCENARIO_COUNT + 1, warm_cycles, warm.resident, warm.in_use, most.resident - warm.resident,
      most.in_use - warm.in_use, now.descriptors, now.threads);
  assert_true(most.resident - warm.resident <= 1024);
  assert_true(most.in_use - warm.in_use <= 65536);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_soak)};
  if (argc < 2 || argc > 3 || (length = strtod(argv[1], NULL)) <= 0) {
    fprintf(stderr, "soak SECONDS [FILE.csv]\n");
    return 2;
  }
  table = argc > 2 ? argv[2] : NULL;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
