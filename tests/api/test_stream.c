/* SPDX-License-Identifier: MIT */
/* Path stores that are streamed: the bits of those in memory for every kind of paths and size of window, training and
 * resume included; files made a window at a time; the memory both take; damage, cancelling, threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <math.h>
#include <pthread.h>

#include "../support/host.h"
#include "../support/objects.h"
#include "../support/sources.h"

enum { DIM = SOURCES_DIM, CLASSES = SOURCES_CLASSES, MOST_DEGREE = 3 };

typedef struct bytes {
  char *data;
  size_t size;
} bytes;

static bytes bytes_of(bzd_checkpoint *checkpoint) {
  bytes b;
  OK(bzd_checkpoint_write_buffer(checkpoint, NULL, 0, &b.size));
  b.data = malloc(b.size);
  OK(bzd_checkpoint_write_buffer(checkpoint, b.data, b.size, &b.size));
  return b;
}

static bytes bytes_of_paths(const bzd_source *base, int64_t first, int64_t count, int64_t window, uint64_t seed) {
  bzd_checkpoint *checkpoint;
  OK(bzd_checkpoint_from_paths(base, first, count, window, seed, NULL, NULL, &checkpoint));
  bytes b = bytes_of(checkpoint);
  bzd_checkpoint_destroy(checkpoint);
  return b;
}

static bzd_source *open_source(const bzd_context *context, bytes b, int streamed) {
  bzd_checkpoint *checkpoint;
  bzd_source *source;
  OK(bzd_checkpoint_open_buffer(context, b.data, b.size, NULL, &checkpoint));
  if (streamed)
    OK(bzd_checkpoint_stream_source(checkpoint, &source));
  else
    OK(bzd_checkpoint_get_source(checkpoint, &source));
  bzd_checkpoint_destroy(checkpoint);
  return source;
}

/* Lines of sample i from i; no conditions, no noise. */
static int32_t numbered(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim, int64_t cond_dim,
                        float *paths, float *cond, float *span) {
  int64_t row = (degree + 1) * dim;
  (void)user, (void)cond_dim, (void)cond, (void)span;
  for (int64_t i = 0; i < n * row; i++) paths[i] = (float)(index[i / row] + i % row);
  return 0;
}

enum { FROM_NOISE = SOURCES, FROM_DATA, KINDS };

static bzd_source *make_base(const bzd_context *context, const bzd_data *data, int which) {
  bzd_source *source;
  if (which < SOURCES) return sources_make(context, data, which);
  OK(bzd_source_create_data(data, which == FROM_DATA ? data : NULL, 3, &source));
  return source;
}

/* ---- Bits ---------------------------------------------------------------------------------------------------- */

static void compare(const bzd_source *a, const bzd_source *b, int64_t first, int64_t n, const char *what,
                    int64_t window) {
  bzd_source_info info = {.struct_size = sizeof info};
  OK(bzd_source_get_info(a, &info));
  size_t floats = (size_t)n * (size_t)((info.degree + 1) * info.dim + info.cond_dim + 2);
  float *one = calloc(floats, sizeof *one), *other = calloc(floats, sizeof *other);
  size_t paths = (size_t)(n * (info.degree + 1) * info.dim), cond = (size_t)(n * info.cond_dim);
  OK(bzd_source_get_paths(a, first, n, one, one + paths, one + paths + cond));
  OK(bzd_source_get_paths(b, first, n, other, other + paths, other + paths + cond));
  if (memcmp(one, other, floats * sizeof *one) != 0) fail_msg("%s: other bits in windows of %d", what, (int)window);
  free(one);
  free(other);
}

static void test_bits(void **state) {
  enum { COUNT = 400, FIRST = 11 };
  static const int which[] = {FROM_NOISE, FROM_DATA, SOURCE_ANCHORED, SOURCE_WINDOWS, SOURCE_VISITOR, SOURCE_CALLBACK};
  static const int64_t windows[] = {1, 7, 64, COUNT, COUNT + 5, 0};
  (void)state;
  bzd_data *data = sources_data(NULL);
  for (size_t k = 0; k < sizeof which / sizeof *which; k++) {
    bzd_source *base = make_base(NULL, data, which[k]), *pool;
    OK(bzd_source_create_pool(base, FIRST, COUNT, 5, NULL, NULL, &pool));
    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
      bytes b = bytes_of_paths(base, FIRST, COUNT, windows[w], 5);
      bzd_source *memory = open_source(NULL, b, 0), *stream = open_source(NULL, b, 1);
      bzd_source_info one = {.struct_size = sizeof one}, other = one, made = one;
      compare(memory, stream, 0, 3 * COUNT, "epochs", windows[w]);
      compare(memory, stream, ((int64_t)1 << 62) - 3 * COUNT, 3 * COUNT, "last samples", windows[w]);
      for (int64_t first = 5; first < 2 * COUNT; first += 97) compare(memory, stream, first, 3, "parts", windows[w]);
      if (windows[w] == 0 || windows[w] >= COUNT) compare(pool, stream, 0, 3 * COUNT, "one window", windows[w]);
      OK(bzd_source_get_info(memory, &one));
      OK(bzd_source_get_info(stream, &other));
      OK(bzd_source_get_info(pool, &made));
      assert_memory_equal(&one, &other, offsetof(bzd_source_info, relative_residual));
      assert_true(other.kind == BZD_SOURCE_POOL && other.count == COUNT && other.generation == made.generation);
      /* A trajectory that a source cuts is gone again for each window of the store that has a part of it. */
      if (which[k] != SOURCE_WINDOWS) {
        assert_true(fabs(other.nfe - made.nfe) <= 1e-9 * made.nfe);
        assert_true(fabs(other.residual - made.residual) <= 1e-9 * made.residual);
      }
      bzd_source_destroy(memory);
      bzd_source_destroy(stream);
      free(b.data);
    }
    bzd_source_destroy(pool);
    bzd_source_destroy(base);
  }
  bzd_data_destroy(data);
}

/* Windows in the order of the file, each row once in each epoch, and not in the same order every time. */
static void test_order(void **state) {
  enum { COUNT = 50, WINDOW = 8 };
  (void)state;
  bzd_source *base;
  float paths[COUNT * 4], last[COUNT * 4] = {0};
  OK(bzd_source_create_callback(NULL, 1, 2, 0, numbered, NULL, &base));
  bytes b = bytes_of_paths(base, 0, COUNT, WINDOW, 3);
  bzd_source *stream = open_source(NULL, b, 1);
  for (int epoch = 0; epoch < 4; epoch++) {
    int seen[COUNT] = {0};
    OK(bzd_source_get_paths(stream, epoch * COUNT, COUNT, paths, NULL, NULL));
    for (int i = 0; i < COUNT; i++) {
      int row = (int)paths[4 * i];
      assert_int_equal(row / WINDOW, i / WINDOW);
      seen[row]++;
    }
    for (int i = 0; i < COUNT; i++) assert_int_equal(seen[i], 1);
    assert_memory_not_equal(paths, last, sizeof paths);
    memcpy(last, paths, sizeof paths);
  }
  bzd_source_destroy(stream);
  bzd_source_destroy(base);
  free(b.data);
}

/* ---- Bytes --------------------------------------------------------------------------------------------------- */

static void same_bytes(bytes a, bytes b) {
  assert_int_equal(a.size, b.size);
  assert_memory_equal(a.data, b.data, a.size);
}

/* Made while it is written, made in memory and then written, loaded and written again: the same bytes. */
static void test_bytes(void **state) {
  (void)state;
  bzd_data *data = sources_data(NULL);
  for (int which = 0; which < KINDS; which++) {
    char id[65], id_before[65];
    bzd_source *base = make_base(NULL, data, which), *pool;
    bzd_checkpoint *made, *kept;
    OK(bzd_source_create_pool(base, 4, 70, 5, NULL, NULL, &pool));
    OK(bzd_checkpoint_from_paths(base, 4, 70, 0, 5, NULL, NULL, &made));
    OK(bzd_checkpoint_from_source(pool, &kept));
    OK(bzd_checkpoint_content_id(made, id_before));
    OK(bzd_checkpoint_verify(made));
    bytes one = bytes_of(made), again = bytes_of(made), other = bytes_of(kept);
    same_bytes(one, other);
    same_bytes(one, again);
    OK(bzd_checkpoint_content_id(made, id));
    assert_string_equal(id, id_before);
    OK(bzd_checkpoint_content_id(kept, id));
    assert_string_equal(id, id_before);
    free(one.data);
    free(again.data);
    free(other.data);
    bzd_checkpoint_destroy(made);
    bzd_checkpoint_destroy(kept);
    bytes windows = bytes_of_paths(base, 4, 70, 9, 5);
    for (int streamed = 0; streamed < 2; streamed++) {
      bzd_source *loaded = open_source(NULL, windows, streamed), *twice;
      OK(bzd_checkpoint_from_source(loaded, &kept));
      OK(bzd_checkpoint_stream_source(kept, &twice)); /* of what no file holds yet */
      compare(loaded, twice, 3, 100, "through a checkpoint", 9);
      bytes rewritten = bytes_of(kept);
      same_bytes(windows, rewritten);
      free(rewritten.data);
      bzd_checkpoint_destroy(kept);
      bzd_source_destroy(loaded);
      bzd_source_destroy(twice);
    }
    OK(bzd_checkpoint_open_buffer(NULL, windows.data, windows.size, NULL, &kept));
    bytes opened = bytes_of(kept);
    same_bytes(windows, opened);
    free(opened.data);
    bzd_checkpoint_destroy(kept);
    free(windows.data);
    bzd_source_destroy(pool);
    bzd_source_destroy(base);
  }
  bzd_data_destroy(data);
}

/* Tensors of a store that is made are made when they are read; a source comes of what was written. */
static void test_unwritten(void **state) {
  (void)state;
  bzd_source *base, *source;
  bzd_checkpoint *checkpoint;
  float row[2 * 4], span[2 * 2];
  OK(bzd_source_create_callback(NULL, 1, 2, 0, numbered, NULL, &base));
  OK(bzd_checkpoint_from_paths(base, 0, 5, 2, 3, NULL, NULL, &checkpoint));
  bzd_checkpoint_info info = {.struct_size = sizeof info};
  bzd_tensor_info tensor = {.struct_size = sizeof tensor};
  OK(bzd_checkpoint_get_info(checkpoint, &info));
  assert_true(info.tensors == 6 && info.kind == BZD_CHECKPOINT_PATHS && info.raw_bytes == 5 * 6 * sizeof(float));
  OK(bzd_checkpoint_get_tensor(checkpoint, 2, &tensor));
  assert_string_equal(tensor.name, "window.00001.paths");
  assert_true(tensor.role == BZD_ROLE_PATHS && tensor.shape[0] == 2 && tensor.shape[1] == 2 && tensor.shape[2] == 2);
  OK(bzd_checkpoint_read_tensor(checkpoint, 2, row, sizeof row));
  for (int i = 0; i < 8; i++) assert_true(row[i] == (float)(2 + i / 4 + i % 4));
  OK(bzd_checkpoint_read_tensor(checkpoint, 3, span, sizeof span));
  assert_true(span[0] == 0 && span[1] == 1 && span[2] == 0 && span[3] == 1);
  FAILS(BZD_E_STATE, "written", bzd_checkpoint_get_source(checkpoint, &source));
  FAILS(BZD_E_STATE, "written", bzd_checkpoint_stream_source(checkpoint, &source));
  assert_null(source);
  bzd_checkpoint_destroy(checkpoint);
  bzd_source_destroy(base);
}

typedef struct stopper {
  int64_t calls, stop_at, last;
} stopper;

static int32_t stop_late(void *user, const bzd_progress *progress) {
  stopper *s = user;
  assert_true(progress->phase == BZD_PHASE_GENERATE && progress->of == 40 && progress->step > s->last);
  s->last = progress->step;
  return ++s->calls == s->stop_at ? 5 : 0;
}

static char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  char *data = malloc(*size);
  assert_int_equal(fread(data, 1, *size, file), *size);
  fclose(file);
  return data;
}

/* A write that is stopped leaves the file as it was; the next one is whole. */
static void test_cancel(void **state) {
  static const char path[] = "stream.bzd";
  (void)state;
  bzd_source *base;
  bzd_checkpoint *checkpoint;
  stopper s = {.stop_at = 3};
  size_t size, unknown = 1;
  OK(bzd_source_create_callback(NULL, 1, 2, 0, numbered, NULL, &base));
  bytes expected = bytes_of_paths(base, 0, 40, 10, 3), before = bytes_of_paths(base, 7, 9, 2, 3);
  FILE *file = fopen(path, "wb");
  assert_int_equal(fwrite(before.data, 1, before.size, file), before.size);
  fclose(file);
  OK(bzd_checkpoint_from_paths(base, 0, 40, 10, 3, stop_late, &s, &checkpoint));
  assert_true(s.calls == 0); /* nothing is made yet */
  FAILS(BZD_E_CANCELLED, "5 after 30 of 40", bzd_checkpoint_write_file(checkpoint, path));
  char *kept = read_file(path, &size);
  same_bytes(before, (bytes){kept, size});
  free(kept);
  s = (stopper){.stop_at = 1};
  FAILS(BZD_E_CANCELLED, "5 after 10", bzd_checkpoint_write_buffer(checkpoint, NULL, 0, &unknown));
  assert_true(unknown == 0);
  s = (stopper){0};
  OK(bzd_checkpoint_write_file(checkpoint, path));
  assert_true(s.calls == 4 && s.last == 40);
  kept = read_file(path, &size);
  same_bytes(expected, (bytes){kept, size});
  free(kept);
  bzd_checkpoint_destroy(checkpoint);
  bzd_source_destroy(base);
  free(expected.data);
  free(before.data);
  remove(path);
}

/* ---- Training ------------------------------------------------------------------------------------------------ */

static void test_training(void **state) {
  enum { STEPS = 25 }; /* eleven epochs and more */
  static const int kinds[] = {SOURCE_ANCHORED, SOURCE_WINDOWS, SOURCE_DATA};
  (void)state;
  for (int32_t threads = 1; threads <= 3; threads += 2)
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
      int which = kinds[k] == SOURCE_WINDOWS ? SOURCE_WINDOW_POOL : kinds[k]; /* of a student and config */
      bzd_context *context = host_context(NULL, threads);
      bzd_data *data = sources_data(context);
      bzd_source *base = sources_make(context, data, kinds[k]);
      bytes b = bytes_of_paths(base, 2, 70, 13, 5);
      bzd_source *source[2] = {open_source(context, b, 0), open_source(context, b, 1)};
      bzd_flow *student = sources_student(context, which);
      char id[2][65];
      for (int streamed = 0; streamed < 2; streamed++) {
        bzd_trainer *trainer = sources_trainer(student, source[streamed], which, STEPS), *resumed;
        bzd_checkpoint *checkpoint;
        OK(bzd_trainer_run(trainer, 10, NULL, NULL));
        OK(bzd_checkpoint_from_trainer(trainer, &checkpoint));
        bzd_trainer_destroy(trainer);
        OK(bzd_checkpoint_get_trainer(checkpoint, source[!streamed], &resumed)); /* the other one goes on */
        bzd_checkpoint_destroy(checkpoint);
        OK(bzd_trainer_run(resumed, 0, NULL, NULL));
        OK(bzd_checkpoint_from_trainer(resumed, &checkpoint));
        OK(bzd_checkpoint_content_id(checkpoint, id[streamed]));
        bzd_checkpoint_destroy(checkpoint);
        bzd_trainer_destroy(resumed);
      }
      assert_string_equal(id[0], id[1]);
      for (int streamed = 0; streamed < 2; streamed++) {
        bzd_trainer *trainer = sources_trainer(student, source[streamed], which, STEPS);
        bzd_checkpoint *checkpoint;
        OK(bzd_trainer_run(trainer, 0, NULL, NULL));
        OK(bzd_checkpoint_from_trainer(trainer, &checkpoint));
        OK(bzd_checkpoint_content_id(checkpoint, id[1]));
        assert_string_equal(id[0], id[1]);
        bzd_checkpoint_destroy(checkpoint);
        bzd_trainer_destroy(trainer);
      }
      bytes other = bytes_of_paths(base, 3, 70, 13, 5); /* of other samples: refused */
      bzd_source *foreign = open_source(context, other, 1);
      bzd_trainer *trainer = sources_trainer(student, source[1], which, STEPS), *none;
      bzd_checkpoint *checkpoint;
      OK(bzd_checkpoint_from_trainer(trainer, &checkpoint));
      FAILS(BZD_E_ARGUMENT, "source", bzd_checkpoint_get_trainer(checkpoint, foreign, &none));
      bzd_checkpoint_destroy(checkpoint);
      bzd_trainer_destroy(trainer);
      bzd_source_destroy(foreign);
      free(other.data);
      bzd_flow_destroy(student);
      bzd_source_destroy(source[0]);
      bzd_source_destroy(source[1]);
      bzd_source_destroy(base);
      bzd_data_destroy(data);
      bzd_context_destroy(context);
      free(b.data);
    }
}

/* A byte of the last window is wrong: not seen at opening, nor by who reads other windows; the trainer stops before the
 * step that needs it, and goes on when the byte is right again. */
static void test_damage(void **state) {
  enum { COUNT = 64, WINDOW = 8, BATCH = 8, STEPS = 20 };
  (void)state;
  bzd_data *data = make_data(NULL, 20, DIM, 0);
  bzd_source *base;
  float paths[COUNT * 2 * DIM];
  OK(bzd_source_create_data(data, NULL, 1, &base));
  bytes b = bytes_of_paths(base, 0, COUNT, WINDOW, 5);
  bzd_source *good = open_source(NULL, b, 0);
  uint64_t index_at = 0;
  for (int i = 7; i >= 0; i--) index_at = index_at << 8 | (unsigned char)b.data[b.size - 64 + 16 + (size_t)i];
  char *byte = &b.data[index_at - 5];
  *byte ^= 16;
  bzd_source *stream = open_source(NULL, b, 1), *none;
  bzd_checkpoint *checkpoint;
  OK(bzd_checkpoint_open_buffer(NULL, b.data, b.size, NULL, &checkpoint));
  FAILS(BZD_E_CORRUPT, "window.00007.paths", bzd_checkpoint_get_source(checkpoint, &none));
  bzd_checkpoint_destroy(checkpoint);
  for (int again = 0; again < 3; again++) {
    OK(bzd_source_get_paths(stream, 0, COUNT - WINDOW, paths, NULL, NULL));
    FAILS(BZD_E_CORRUPT, "window.00007.paths", bzd_source_get_paths(stream, COUNT - WINDOW, 1, paths, NULL, NULL));
  }
  bzd_flow *student = make_flow(NULL, BZD_FLOW_VELOCITY, 1, DIM, 0, 16, 1);
  bzd_trainer *trainer = make_trainer(student, stream, STEPS, BATCH),
              *whole = make_trainer(student, good, STEPS, BATCH);
  bzd_trainer_info info = {.struct_size = sizeof info};
  for (int again = 0; again < 2; again++) {
    FAILS(BZD_E_CORRUPT, "window.00007.paths", bzd_trainer_run(trainer, 0, NULL, NULL));
    OK(bzd_trainer_get_info(trainer, &info));
    assert_int_equal(info.step, 7);
  }
  *byte ^= 16;
  OK(bzd_trainer_run(trainer, 0, NULL, NULL));
  OK(bzd_trainer_run(whole, 0, NULL, NULL));
  char id[2][65];
  for (int i = 0; i < 2; i++) {
    OK(bzd_checkpoint_from_trainer(i ? whole : trainer, &checkpoint));
    OK(bzd_checkpoint_content_id(checkpoint, id[i]));
    bzd_checkpoint_destroy(checkpoint);
  }
  assert_string_equal(id[0], id[1]);
  bzd_trainer_destroy(trainer);
  bzd_trainer_destroy(whole);
  bzd_flow_destroy(student);
  bzd_source_destroy(stream);
  bzd_source_destroy(good);
  bzd_source_destroy(base);
  bzd_data_destroy(data);
  free(b.data);
}

/* ---- Memory -------------------------------------------------------------------------------------------------- */

typedef struct device { /* a file, and what is in use while it is written or read */
  bytes file;
  host *h;
  long long most;
} device;

static void look(device *d) {
  long long live = atomic_load(&d->h->live);
  if (live > d->most) d->most = live;
}

static int32_t write_device(void *user, const void *data, size_t size) {
  device *d = user;
  look(d);
  d->file.data = realloc(d->file.data, d->file.size + size);
  memcpy(d->file.data + d->file.size, data, size);
  d->file.size += size;
  return 0;
}

static int32_t read_device(void *user, uint64_t offset, void *data, size_t size) {
  device *d = user;
  look(d);
  memcpy(data, d->file.data + offset, size);
  return 0;
}

static int32_t look_on(void *user, const bzd_progress *progress) {
  (void)progress;
  look(user);
  return 0;
}

/* A store of 16 windows is written and read with one of them in memory and a margin for the codec (planes, stored
 * bytes, zlib's state) and the index. */
static void test_memory(void **state) {
  enum { WIDE = 1024, COUNT = 4096, WINDOW = 256, MARGIN = 2 << 20, BATCH = 64 };
  (void)state;
  const long long window = (long long)WINDOW * 2 * WIDE * (long long)sizeof(float);
  host h;
  host_init(&h);
  bzd_context *context = host_context(&h, 1);
  bzd_data *data = make_data(context, 16, WIDE, 0);
  bzd_source *base, *stream;
  bzd_checkpoint *checkpoint;
  device d = {.h = &h};
  float *paths = malloc(BATCH * 2 * WIDE * sizeof *paths);
  OK(bzd_source_create_data(data, NULL, 1, &base));
  long long before = atomic_load(&h.live);
  OK(bzd_checkpoint_from_paths(base, 0, COUNT, WINDOW, 5, look_on, &d, &checkpoint));
  OK(bzd_checkpoint_write_callback(checkpoint, write_device, &d));
  if (d.most - before > window + MARGIN)
    fail_msg("writing took %lld bytes, a window has %lld", d.most - before, window);
  bzd_checkpoint_destroy(checkpoint);
  assert_true(atomic_load(&h.live) == before);
  d.most = 0;
  OK(bzd_checkpoint_open_callback(context, read_device, &d, d.file.size, NULL, &checkpoint));
  OK(bzd_checkpoint_stream_source(checkpoint, &stream));
  bzd_checkpoint_destroy(checkpoint);
  OK(bzd_source_get_paths(stream, 0, BATCH, paths, NULL, NULL));
  long long calls = atomic_load(&h.calls);
  for (int64_t first = 0; first < COUNT + WINDOW; first += BATCH)
    OK(bzd_source_get_paths(stream, first + 13, BATCH, paths, NULL, NULL));
  assert_true(atomic_load(&h.calls) == calls); /* nothing more for the other windows */
  if (d.most - before > window + MARGIN)
    fail_msg("reading took %lld bytes, a window has %lld", d.most - before, window);
  bzd_source_destroy(stream);
  bzd_source_destroy(base);
  bzd_data_destroy(data);
  bzd_context_destroy(context);
  assert_true(atomic_load(&h.live) == 0 && atomic_load(&h.wrong) == 0);
  free(paths);
  free(d.file.data);
}

/* ---- Threads ------------------------------------------------------------------------------------------------- */

enum { SHARED = 120, READERS = 3, ROUNDS = 60, LENGTH = 11 };

typedef struct reader {
  const bzd_source *stream;
  const float *expected; /* [2 * SHARED, 4] */
  int64_t start;
  int wrong; /* asserted by the main thread */
} reader;

static void *read_on(void *arg) {
  reader *r = arg;
  float paths[LENGTH * 4];
  for (int64_t i = 0; i < ROUNDS; i++) {
    int64_t first = (r->start + 17 * i) % (2 * SHARED - LENGTH);
    r->wrong += bzd_source_get_paths(r->stream, first, LENGTH, paths, NULL, NULL) != BZD_OK ||
                memcmp(paths, r->expected + first * 4, sizeof paths) != 0;
  }
  return NULL;
}

/* One streamed source, several threads at different windows. */
static void test_threads(void **state) {
  (void)state;
  host h;
  host_init(&h);
  bzd_context *context = host_context(&h, 2);
  bzd_source *base;
  float expected[2 * SHARED * 4];
  OK(bzd_source_create_callback(context, 1, 2, 0, numbered, NULL, &base));
  bytes b = bytes_of_paths(base, 0, SHARED, 10, 3);
  bzd_source *stream = open_source(context, b, 1), *memory = open_source(context, b, 0);
  OK(bzd_source_get_paths(memory, 0, 2 * SHARED, expected, NULL, NULL));
  pthread_t threads[READERS];
  reader readers[READERS];
  for (int i = 0; i < READERS; i++) {
    readers[i] = (reader){stream, expected, i * 40, 0};
    assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
  }
  for (int i = 0; i < READERS; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < READERS; i++) assert_int_equal(readers[i].wrong, 0);
  bzd_source_destroy(memory);
  bzd_source_destroy(stream);
  bzd_source_destroy(base);
  bzd_context_destroy(context);
  assert_true(atomic_load(&h.live) == 0 && atomic_load(&h.wrong) == 0);
  free(b.data);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bits),      cmocka_unit_test(test_order),  cmocka_unit_test(test_bytes),
      cmocka_unit_test(test_unwritten), cmocka_unit_test(test_cancel), cmocka_unit_test(test_training),
      cmocka_unit_test(test_damage),    cmocka_unit_test(test_memory), cmocka_unit_test(test_threads)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
