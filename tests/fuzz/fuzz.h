/* SPDX-License-Identifier: MIT */
/* What the fuzz targets share: a check that aborts, the input as a cursor, and a host whose allocator counts, has an
 * end and can be told to refuse. A target is one LLVMFuzzerTestOneInput; libFuzzer, AFL++ or replay.c call it. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <bezdist/bezdist.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define FUZZ_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FUZZ_ASAN 1
#endif
#endif
#ifdef FUZZ_ASAN
#include <sanitizer/asan_interface.h>
#define FUZZ_POISON(at, size) ASAN_POISON_MEMORY_REGION(at, size)
#define FUZZ_UNPOISON(at, size) ASAN_UNPOISON_MEMORY_REGION(at, size)
#else
#define FUZZ_POISON(at, size) ((void)(at), (void)(size))
#define FUZZ_UNPOISON(at, size) ((void)(at), (void)(size))
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_die(const char *file, int line, const char *condition) {
  char text[512];
  bzd_last_error(text, sizeof text);
  fprintf(stderr, "%s:%d: %s does not hold; last error: %s\n", file, line, condition, text);
  abort();
}
#define CHECK(condition) ((condition) ? (void)0 : fuzz_die(__FILE__, __LINE__, #condition))

/* ---- The input ----------------------------------------------------------------------------------------------- */

typedef struct input { /* past its end it reads as 0 */
  const uint8_t *at;
  size_t left;
} input;

static inline void input_bytes(input *in, void *to, size_t size) {
  size_t n = size < in->left ? size : in->left;
  memset(to, 0, size);
  if (n > 0) memcpy(to, in->at, n), in->at += n;
  in->left -= n;
}
static inline uint8_t input_u8(input *in) {
  uint8_t value;
  input_bytes(in, &value, sizeof value);
  return value;
}
static inline uint16_t input_u16(input *in) {
  uint16_t value;
  input_bytes(in, &value, sizeof value);
  return value;
}
static inline uint64_t input_u64(input *in) {
  uint64_t value;
  input_bytes(in, &value, sizeof value);
  return value;
}
/* Numbers at which things break, small ones, and any: told by one byte, so that a mutation changes one of them. */
static inline int64_t input_i64(input *in) {
  static const int64_t hostile[] = {-1,        INT64_MIN,        INT64_MAX,        1 << 20,   (1 << 20) + 1, 256,
                                    INT32_MAX, (int64_t)1 << 32, (int64_t)1 << 40, INT32_MIN, 65536,         4097};
  uint8_t kind = input_u8(in);
  if (kind < 224) return kind % 32; /* most of the time something that can be */
  if (kind < 224 + 12) return hostile[kind - 224];
  return (int64_t)input_u64(in);
}
static inline int32_t input_i32(input *in) { return (int32_t)input_i64(in); }
static inline double input_f64(input *in) {
  static const double hostile[] = {0,       1,    -1,   0.5,  0.25, 1e-12, 1e30, 1e300, -1e300, 1e-310,
                                   1.0 / 3, 1e31, 1000, -1e6, 2,    0.999, 30,   -0.0,  4,      0.999999};
  uint8_t kind = input_u8(in);
  double value;
  if (kind < 200) return kind % 2 ? kind / 200.0 : hostile[kind / 10];
  if (kind < 210) return NAN;
  if (kind < 220) return kind % 2 ? INFINITY : -INFINITY;
  input_bytes(in, &value, sizeof value);
  return value;
}

/* ---- The host ------------------------------------------------------------------------------------------------ */

typedef struct fuzz_heap {
  size_t live, cap;     /* bytes; cap 0: 16 MiB */
  int64_t calls;        /* of alloc, since fuzz_refuse */
  int64_t first, count; /* refuses calls first .. first + count - 1; count 0: none */
  int64_t refused;      /* by these two */
  void *kept[4];        /* large blocks, whose pages cost more than what is done with them */
  size_t kept_size[4];
} fuzz_heap;

static fuzz_heap fuzz_host;

static inline void *fuzz_alloc(void *user, size_t size, size_t align) {
  enum { MOST = 16 << 20, LARGE = 64 << 10 };
  fuzz_heap *heap = user;
  void *block = NULL;
  int64_t call = heap->calls++;
  if (call >= heap->first && call - heap->first < heap->count) return heap->refused++, NULL;
  if (size > (heap->cap ? heap->cap : MOST) || heap->live > (heap->cap ? heap->cap : MOST) - size) return NULL;
  for (int i = 0; i < 4 && !block && size >= LARGE; i++)
    if (heap->kept_size[i] == size) {
      block = heap->kept[i];
      heap->kept_size[i] = 0;
      FUZZ_UNPOISON(block, size);
    }
  if (!block && posix_memalign(&block, align, size) != 0) return NULL;
  heap->live += size;
  return block;
}

static inline void fuzz_free(void *user, void *block, size_t size, size_t align) {
  enum { LARGE = 64 << 10 };
  fuzz_heap *heap = user;
  (void)align;
  CHECK(heap->live >= size);
  heap->live -= size;
  for (int i = 0; i < 4 && size >= LARGE; i++)
    if (heap->kept_size[i] == 0) {
      heap->kept[i] = block;
      heap->kept_size[i] = size;
      FUZZ_POISON(block, size);
      return;
    }
  free(block);
}

/* From now on calls of alloc are counted, and count of them refused from call first on. */
static inline void fuzz_refuse(int64_t first, int64_t count) {
  fuzz_host.calls = fuzz_host.refused = 0;
  fuzz_host.first = first;
  fuzz_host.count = count;
}

/* One context for all inputs. */
static inline bzd_context *fuzz_context(void) {
  static bzd_context *context;
  if (context) return context;
  bzd_context_config config;
  CHECK(bzd_context_config_init(&config, sizeof config) == BZD_OK);
  config.alloc = fuzz_alloc;
  config.free = fuzz_free;
  config.alloc_user = &fuzz_host;
  CHECK(bzd_context_create(&config, &context) == BZD_OK);
  return context;
}

/* What a file may make the targets use. */
static inline const bzd_limits *fuzz_limits(void) {
  static bzd_limits limits;
  if (limits.struct_size == 0) {
    CHECK(bzd_limits_init(&limits, sizeof limits) == BZD_OK);
    limits.max_file = 1 << 18;
    limits.max_raw = 600000; /* more than two blocks */
    limits.max_index = 1 << 16;
    limits.max_tensors = 100;
    limits.max_meta = 200;
  }
  return &limits;
}

/* A status of the header's list, with a text if it is a failure. */
static inline int fuzz_sane(bzd_status status) {
  if (status == BZD_OK) return 1;
  return strcmp(bzd_status_name(status), "BZD_E_UNKNOWN") != 0 && status != BZD_E_INTERNAL &&
         bzd_last_error(NULL, 0) > 0;
}
#define SANE(call) CHECK(fuzz_sane(call))

#endif
