/* SPDX-License-Identifier: MIT */
/* Hand-made files for the tests of the tensor formats. Include it after cmocka.h. */
#ifndef TESTS_SUPPORT_TENSOR_BYTES_H
#define TESTS_SUPPORT_TENSOR_BYTES_H

#include "models.h"
#include "store/bytes.h"
#include "store/codec.h"
#include "store/tensors.h"

typedef struct bytes {
  unsigned char *data;
  size_t size, room; /* room 0: a block of exactly this size */
} bytes;

/* Doubles, so that adding many small pieces copies each byte only a few times. */
static inline void bytes_add(bytes *b, const void *data, size_t n) {
  if (b->size + n >= b->room) {
    b->room = 2 * (b->size + n) + 16;
    b->data = realloc(b->data, b->room);
  }
  if (n > 0) memcpy(b->data + b->size, data, n);
  b->size += n;
}
static inline void bytes_text(bytes *b, const char *text) { bytes_add(b, text, strlen(text)); }
static inline void bytes_number(bytes *b, uint64_t value, int size) {
  unsigned char number[8];
  bzdi_put64(number, value);
  bytes_add(b, number, (size_t)size);
}
static inline bytes bytes_free(bytes *b) {
  free(b->data);
  return *b = (bytes){NULL, 0, 0};
}

static inline bzd_status bytes_write(void *user, const void *data, size_t n) {
  bytes_add(user, data, n);
  return BZD_OK;
}

static inline bytes bytes_of(const bzdi_tensors *tensors, int32_t format) {
  bytes b = {NULL, 0, 0};
  bzdi_writer writer = {bytes_write, &b};
  OK(bzdi_tensors_write(tensors, format, &writer));
  return b;
}

static inline bzd_status bytes_open(const bzd_context *context, const bytes *b, int32_t format,
                                    const bzdi_limits *limits, bzdi_tensors **out) {
  bzdi_reader reader;
  OK(bzdi_reader_buffer(context, b->data, b->size, &reader));
  return bzdi_tensors_open(context, &reader, format, limits, out);
}

/* Opens and reads all there is. */
static inline bzd_status bytes_judge(const bzd_context *context, const bytes *b, int32_t format) {
  bzdi_tensors *tensors;
  bzd_status status = bytes_open(context, b, format, NULL, &tensors);
  if (status != BZD_OK) {
    assert_null(tensors);
    return status;
  }
  for (int64_t i = 0; i < tensors->names.count && status == BZD_OK; i++) {
    void *data = malloc(tensors->array[i].bytes + 1);
    uint64_t expected;
    assert_true(bzdi_array_bytes(tensors->array[i].type, tensors->array[i].ndim, tensors->array[i].shape, &expected));
    assert_int_equal(expected, tensors->array[i].bytes);
    assert_true(tensors->array[i].ndim <= 8 && bzdi_names_find(&tensors->names, tensors->names.name[i]) == i);
    status = bzdi_tensors_read(tensors, i, data);
    free(data);
  }
  bzdi_tensors_free(tensors);
  return status;
}

/* Refused with this status and these words. */
#define REFUSED(status, words, b, format)                                                                              \
  do {                                                                                                                 \
    heap h_ = {0};                                                                                                     \
    bzd_context *context_ = models_context(&h_, 1);                                                                    \
    long long live_ = atomic_load(&h_.live);                                                                           \
    FAILS(status, words, bytes_judge(context_, &(b), format));                                                         \
    assert_int_equal(atomic_load(&h_.live), live_);                                                                    \
    bzdi_release(context_);                                                                                            \
  } while (0)

/* Every shorter file, then every flipped bit, in blocks of their own size: refused, or loaded whole; never a byte kept.
 * Returns how many flips load. */
static inline int bytes_damage(const bytes *good, int32_t format) {
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  long long live = atomic_load(&h.live);
  int loads = 0;
  OK(bytes_judge(context, good, format));
  for (size_t size = 0; size < good->size; size++) {
    bytes cut = {malloc(size + 1), size, 0};
    memcpy(cut.data, good->data, size);
    bytes exact = {realloc(cut.data, size ? size : 1), size, 0};
    if (bytes_judge(context, &exact, format) == BZD_OK) fail_msg("%d of %d bytes load", (int)size, (int)good->size);
    if (atomic_load(&h.live) != live) fail_msg("cut to %d: memory kept", (int)size);
    free(exact.data);
  }
  bytes flipped = {malloc(good->size), good->size, 0};
  for (size_t bit = 0; bit < 8 * good->size; bit++) {
    memcpy(flipped.data, good->data, good->size);
    flipped.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
    loads += bytes_judge(context, &flipped, format) == BZD_OK;
    if (atomic_load(&h.live) != live) fail_msg("bit %d flipped: memory kept", (int)bit);
  }
  free(flipped.data);
  bzdi_release(context);
  assert_int_equal(atomic_load(&h.wrong), 0);
  return loads;
}

/* Bytes after the good file too. */
static inline void bytes_longer(const bytes *good, int32_t format) {
  bytes longer = {NULL, 0, 0};
  bytes_add(&longer, good->data, good->size);
  bytes_text(&longer, "x");
  REFUSED(BZD_E_CORRUPT, "", longer, format);
  bytes_free(&longer);
}

/* One tensor of each type, a scalar, an empty one; in NPZ without bf16. */
static inline bzdi_tensors *bytes_tensors(const bzd_context *context, int with_bf16) {
  static const int64_t shape[3] = {2, 3, 1}, empty[2] = {0, 5};
  unsigned char data[48];
  bzdi_tensors *tensors;
  OK(bzdi_tensors_new(context, &tensors));
  for (int i = 0; i < 48; i++) data[i] = (unsigned char)(7 * i + 1);
  for (int32_t type = 1; type < BZDI_EL_END; type++)
    if (type != BZDI_EL_BF16 || with_bf16)
      OK(bzdi_tensors_add(tensors, bzdi_elements[type].name, type, 3, shape, data));
  OK(bzdi_tensors_add(tensors, "sc\xC3\xA4lar", BZDI_EL_F32, 0, NULL, data));
  OK(bzdi_tensors_add(tensors, "empty", BZDI_EL_F64, 2, empty, NULL));
  return tensors;
}

static inline void bytes_same(const bzdi_tensors *one, const bzdi_tensors *other) {
  assert_int_equal(one->names.count, other->names.count);
  for (int64_t i = 0; i < one->names.count; i++) {
    int64_t k = bzdi_names_find(&other->names, one->names.name[i]);
    assert_true(k >= 0);
    const bzdi_array *a = &one->array[i], *b = &other->array[k];
    assert_true(a->type == b->type && a->ndim == b->ndim && a->bytes == b->bytes);
    assert_memory_equal(a->shape, b->shape, sizeof a->shape);
    char *x = malloc(a->bytes + 1), *y = malloc(a->bytes + 1);
    OK(bzdi_tensors_read(one, i, x));
    OK(bzdi_tensors_read(other, k, y));
    assert_memory_equal(x, y, a->bytes);
    free(x), free(y);
  }
}

/* Written, opened as this format and as whatever the first bytes say. */
static inline void bytes_round_trip(int32_t write, int32_t read) {
  heap h = {0};
  bzd_context *context = models_context(&h, 1);
  bzdi_tensors *tensors = bytes_tensors(context, write == BZDI_FORMAT_SAFETENSORS), *again;
  bytes b = bytes_of(tensors, write);
  for (int turn = 0; turn < 2; turn++) {
    OK(bytes_open(context, &b, turn ? read : BZDI_FORMAT_AUTO, NULL, &again));
    assert_int_equal(again->format, read);
    bytes_same(tensors, again);
    bytes once_more = bytes_of(again, write); /* an opened file is written to the same bytes */
    assert_int_equal(once_more.size, b.size);
    assert_memory_equal(once_more.data, b.data, b.size);
    bytes_free(&once_more);
    bzdi_tensors_free(again);
  }
  bzdi_tensors_free(tensors);
  bytes_free(&b);
  bzdi_release(context);
  assert_int_equal(atomic_load(&h.live), 0);
}

#endif
