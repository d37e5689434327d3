/* SPDX-License-Identifier: MIT */
/* A host for tests of the public interface: an allocator that counts and can refuse, hashes, and checks of the error
 * text. Include it after cmocka.h and bezdist.h. */
#ifndef TESTS_SUPPORT_HOST_H
#define TESTS_SUPPORT_HOST_H

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct host {
  atomic_llong live;  /* bytes handed out and not given back */
  atomic_llong calls; /* of alloc */
  atomic_llong quota; /* calls left before alloc refuses; negative: no end */
  atomic_llong refused;
  atomic_int once;  /* refuse one call, not all that follow */
  atomic_int wrong; /* blocks given back with another size or alignment */
} host;

/* Stands behind each block: what free must be told. */
typedef struct host_tail {
  size_t size, align;
} host_tail;

static inline void *host_alloc(void *user, size_t size, size_t align) {
  host *h = user;
  atomic_fetch_add(&h->calls, 1);
  long long left = atomic_load(&h->quota);
  if (left == 0) {
    atomic_fetch_add(&h->refused, 1);
    if (atomic_load(&h->once)) atomic_store(&h->quota, -1);
    return NULL;
  }
  if (left > 0) atomic_fetch_sub(&h->quota, 1);
  void *block = NULL;
  if (posix_memalign(&block, align, size + sizeof(host_tail)) != 0) return NULL;
  host_tail tail = {size, align};
  memcpy((char *)block + size, &tail, sizeof tail);
  memset(block, 0xA5, size);
  atomic_fetch_add(&h->live, (long long)size);
  return block;
}

static inline void host_free(void *user, void *ptr, size_t size, size_t align) {
  host *h = user;
  host_tail tail;
  memcpy(&tail, (char *)ptr + size, sizeof tail);
  if (tail.size != size || tail.align != align) atomic_fetch_add(&h->wrong, 1);
  atomic_fetch_sub(&h->live, (long long)size);
  free(ptr);
}

static inline void host_init(host *h) {
  atomic_init(&h->live, 0);
  atomic_init(&h->calls, 0);
  atomic_init(&h->quota, -1);
  atomic_init(&h->refused, 0);
  atomic_init(&h->once, 0);
  atomic_init(&h->wrong, 0);
}

/* A context on this host; h may be NULL. */
static inline bzd_context *host_context(host *h, int32_t threads) {
  bzd_context_config config;
  bzd_context *context;
  assert_int_equal(bzd_context_config_init(&config, sizeof config), BZD_OK);
  config.threads = threads;
  if (h != NULL) {
    config.alloc = host_alloc;
    config.free = host_free;
    config.alloc_user = h;
  }
  assert_int_equal(bzd_context_create(&config, &context), BZD_OK);
  return context;
}

/* FNV-1a. */
static inline uint64_t hash_bytes(const void *data, size_t size) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < size; i++) hash = (hash ^ ((const unsigned char *)data)[i]) * UINT64_C(0x100000001b3);
  return hash;
}

/* Success, or the library's own text. */
#define OK(call)                                                                                                       \
  do {                                                                                                                 \
    bzd_status ok_status = (call);                                                                                     \
    if (ok_status != BZD_OK) {                                                                                         \
      char ok_text[512];                                                                                               \
      bzd_last_error(ok_text, sizeof ok_text);                                                                         \
      fail_msg("%s: %s: %s", #call, bzd_status_name(ok_status), ok_text);                                              \
    }                                                                                                                  \
  } while (0)

/* The text of the last failure: one line, not empty. */
static inline const char *failure_text(void) {
  static _Thread_local char text[512];
  assert_true(bzd_last_error(text, sizeof text) > 0);
  for (const char *c = text; *c != '\0'; c++) assert_true((unsigned char)*c >= 0x20);
  return text;
}

/* This status, and a text that holds these words. */
#define FAILS(status, words, call)                                                                                     \
  do {                                                                                                                 \
    bzd_status fails_status = (call);                                                                                  \
    if (fails_status != (status)) fail_msg("%s: %s", #call, bzd_status_name(fails_status));                            \
    if (strstr(failure_text(), (words)) == NULL) fail_msg("%s: \"%s\" lacks \"%s\"", #call, failure_text(), (words));  \
  } while (0)

#endif
