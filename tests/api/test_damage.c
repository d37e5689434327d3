/* SPDX-License-Identifier: MIT */
/* No damaged file passes for intact: a file with every section, every type of tensor and of value, deflated planes and
 * others is cut at every length, each of its bits flipped, each of its bytes set to each other value, bytes appended;
 * opening or decoding refuses every one.
 * Sanitizers get every length and bit but a sixteenth of the values; BEZDIST_DAMAGE=full gives them all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include "host.h"
#include "objects.h"
#include "sources.h"

#include "bzd_file.h"
#include "bzd_kinds.h"

#if defined(__SANITIZE_ADDRESS__)
#include "heap.h"
enum { STRIDE = 16 };
#else
/* The same counts by an allocator that begins anew when all is given back: a third of the time. */
enum { STRIDE = 1, ROOM = 4 << 20 };
typedef struct heap {
  size_t live, used, base; /* base: where it begins anew; the context stands before */
  int wrong;
  _Alignas(64) unsigned char room[ROOM];
} heap;

static void *heap_alloc(void *user, size_t size, size_t align) {
  heap *h = user;
  if (h->live == h->base) h->used = h->base;
  size_t at = (h->used + align - 1) / align * align;
  if (at > ROOM || size > ROOM - at) return NULL;
  h->used = at + size;
  h->live += size;
  return h->room + at;
}

static void heap_free(void *user, void *ptr, size_t size, size_t align) {
  heap *h = user;
  size_t at = (size_t)((unsigned char *)ptr - h->room);
  if (at % align != 0 || size > h->used || at > h->used - size) h->wrong++;
  h->live -= size;
}
#endif

typedef struct damage {
  bzd_context *context;
  bytes file;
  long long files, opening, decoding; /* tried; refused on opening, on decoding */
} damage;

static heap memory;

static void must_refuse(damage *d, const bytes *file, const char *what, size_t at, unsigned value) {
  bzd_checkpoint *checkpoint;
  d->files++;
  bzd_status status = bzd_checkpoint_open_buffer(d->context, file->data, file->size, NULL, &checkpoint);
  if (status != BZD_OK) {
    d->opening++;
  } else {
    status = bzd_checkpoint_verify(checkpoint);
    bzd_checkpoint_destroy(checkpoint);
    d->decoding++;
  }
  if (!kind_refusal(status)) fail_msg("%s at %zu, %u: %s", what, at, value, bzd_status_name(status));
}

/* The tensors take about half of it, which is quickest. */
static bytes make_file(void) {
  static const unsigned char kind[8] = {1}, real[8] = {0, 0, 0, 0, 0, 0, 0xF8, 0x7F}, text[] = "gr\xC3\xBC\xC3\x9F";
  static const file_value values[] = {{FILE_META, "kind", 1, 1, 8, kind},
                                      {FILE_META, "real", 3, 0, 8, real},
                                      {FILE_META, "text", 4, 1, sizeof text - 1, text},
                                      {FILE_STAT, "bytes", 5, 1, 5, (const unsigned char *)"\0\1\2\3\4"},
                                      {FILE_STAT, "count", 2, 0, 8, kind},
                                      {FILE_STAT, "none", 5, 0, 0, kind}};
  static const uint64_t count[7] = {0, 900, 150, 300, 100, 40, 700};
  file_parts *parts = calloc(1, sizeof *parts);
  unsigned char payload[4800];
  bytes out = {0};
  for (uint32_t dtype = 1; dtype <= 6; dtype++) {
    file_tensor *t = &parts->tensor[parts->tensors++];
    *t = (file_tensor){.name = "tensor.", .dtype = dtype, .role = dtype, .ndim = 2, .dims = {count[dtype] / 2, 2}};
    t->name[7] = (char)('0' + dtype);
    t->size = count[dtype] * file_element(dtype);
    t->data = malloc(t->size);
    for (size_t i = 0; i < t->size; i++) t->data[i] = (unsigned char)(dtype % 2 ? i * i * i >> 3 : i / 300);
    if (dtype == 1) OK(bzd_noise(1, BZD_STREAM_USER, 0, 1, (int64_t)count[dtype], (float *)(void *)t->data));
  }
  memcpy(parts->value, values, sizeof values);
  parts->values = sizeof values / sizeof *values;
  for (size_t i = 0; i < sizeof payload; i++) payload[i] = (unsigned char)(i * i >> 4);
  parts->extra[parts->extras++] = (file_extra){"noTe", 7, sizeof payload, payload};
  file_make(parts, 1, &out);
  file_parts_free(parts);
  return out;
}

static void set_up(damage *d) {
  const bzd_context_config config = {
      .struct_size = sizeof config, .threads = 1, .alloc = heap_alloc, .free = heap_free, .alloc_user = &memory};
  bzd_checkpoint *checkpoint;
  OK(bzd_context_create(&config, &d->context));
#if !defined(__SANITIZE_ADDRESS__)
  memory.base = memory.live;
#endif
  d->file = make_file();
  OK(kind_open(d->context, &d->file, NULL, &checkpoint));
  bzd_checkpoint_destroy(checkpoint);
}

static void test_damage(void **state) {
  (void)state;
  damage d = {0};
  set_up(&d);
  const char *wish = getenv("BEZDIST_DAMAGE");
  const unsigned stride = wish && strcmp(wish, "full") == 0 ? 1 : STRIDE;
  const long long before = (long long)memory.live;
  bytes file = d.file;
  long long cuts, bits, values;
  for (file.size = 0; file.size < d.file.size; file.size++) {
    bytes cut = {malloc(file.size + 1), file.size, 0}; /* of its own: a sanitizer sees a read past its end */
    memcpy(cut.data, file.data, file.size);
    must_refuse(&d, &cut, "cut", file.size, 0);
    free(cut.data);
  }
  cuts = d.files;
  for (size_t at = 0; at < file.size; at++)
    for (unsigned bit = 0; bit < 8; bit++) {
      file.data[at] ^= (unsigned char)(1u << bit);
      must_refuse(&d, &file, "flipped bit", at, bit);
      file.data[at] ^= (unsigned char)(1u << bit);
    }
  bits = d.files - cuts;
  for (size_t at = 0; at < file.size; at++) {
    const unsigned char original = file.data[at];
    for (unsigned k = 1 + (unsigned)at % stride; k < 256; k += stride) {
      file.data[at] = (unsigned char)(original + k);
      must_refuse(&d, &file, "byte", at, file.data[at]);
    }
    file.data[at] = original;
  }
  values = d.files - cuts - bits;
  static const unsigned char ends[] = {0, 1, 0x0A, 0x7F, 0x80, 0xFF, 'B'};
  bytes longer = {malloc(file.size + 300), 0, 0};
  memcpy(longer.data, file.data, file.size);
  for (size_t more = 1; more <= 300; more++)
    for (size_t e = 0; e < sizeof ends; e++) {
      memset(longer.data + file.size, ends[e], more);
      longer.size = file.size + more;
      must_refuse(&d, &longer, "appended", more, ends[e]);
    }
  for (size_t more = 1; more <= 300; more++) { /* the file's own beginning and end */
    longer.size = file.size + more;
    memcpy(longer.data + file.size, file.data, more);
    must_refuse(&d, &longer, "appended head", more, 0);
    memcpy(longer.data + file.size, file.data + file.size - more, more);
    must_refuse(&d, &longer, "appended tail", more, 0);
  }
  print_message(
      "%zu bytes: %lld files refused (%lld cuts, %lld bits, %lld byte values, %lld appended), %lld on opening, "
      "%lld on decoding\n",
      file.size, d.files, cuts, bits, values, d.files - cuts - bits - values, d.opening, d.decoding);
  assert_true(stride > 1 || d.files > 2700000);
  assert_true((long long)memory.live == before && memory.wrong == 0);
  free(longer.data);
  free(file.data);
  bzd_context_destroy(d.context);
  assert_int_equal(memory.live, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_damage)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
