/* SPDX-License-Identifier: MIT */
/* IDX, as the MNIST files have it: 0 0 type ndim, sizes and numbers big-endian; plain or as one gzip member. */
#include "base/error.h"
#include "store/bytes.h"
#include "store/flate.h"
#include "store/tensors.h"

#include <string.h>

static bzd_status read_header(bzdi_stream *stream, bzdi_array *array) {
  unsigned char head[4], size[4];
  BZDI_TRY(bzdi_stream_read(stream, head, sizeof head));
  if (head[0] != 0 || head[1] != 0)
    return bzdi_fail(BZD_E_FORMAT, "not an IDX file: it begins with 0x%02x 0x%02x, expected 0 0", head[0], head[1]);
  for (int32_t type = 1; type < BZDI_EL_END; type++)
    if (bzdi_elements[type].idx != 0 && bzdi_elements[type].idx == head[2]) array->type = type;
  if (array->type == 0) return bzdi_fail(BZD_E_CORRUPT, "IDX type 0x%02x is none of 08, 09, 0B to 0E", head[2]);
  if (head[3] == 0) return bzdi_fail(BZD_E_CORRUPT, "IDX file has 0 dimensions, expected at least 1");
  if (head[3] > BZDI_MOST_DIMS)
    return bzdi_fail(BZD_E_UNSUPPORTED, "IDX file has %d dimensions, at most %d are read", head[3], BZDI_MOST_DIMS);
  array->ndim = head[3];
  for (int32_t i = 0; i < array->ndim; i++) {
    BZDI_TRY(bzdi_stream_read(stream, size, sizeof size));
    array->shape[i] = (int64_t)size[0] << 24 | (int64_t)size[1] << 16 | (int64_t)size[2] << 8 | size[3];
  }
  array->skip = 4 + 4 * (uint64_t)array->ndim;
  array->big_endian = 1;
  if (!bzdi_array_bytes(array->type, array->ndim, array->shape, &array->bytes))
    return bzdi_fail(BZD_E_CORRUPT, "IDX file: its sizes say more than 2^62 bytes");
  return BZD_OK;
}

static bzd_status wrong_size(uint64_t have, const char *more, uint64_t expected) {
  return bzdi_fail(BZD_E_CORRUPT, "IDX file holds %llu bytes%s, its header says %llu", (unsigned long long)have, more,
                   (unsigned long long)expected);
}

/* Before memory is taken for what the header promises. */
static bzd_status check_size(const bzdi_reader *reader, const bzdi_array *array) {
  uint64_t expected = array->skip + array->bytes;
  if (array->wrap.packing == BZDI_WRAP_NONE)
    return reader->size == expected ? BZD_OK : wrong_size(reader->size, "", expected);
  unsigned char tail[4]; /* gzip ends with the raw length, modulo 2^32 */
  BZDI_TRY(reader->read(reader->user, reader->size - 4, tail, sizeof tail));
  if (bzdi_get32(tail) != (uint32_t)expected) return wrong_size(bzdi_get32(tail), " (modulo 2^32)", expected);
  if (expected / BZDI_BEST_RATIO > reader->size)
    return wrong_size(BZDI_BEST_RATIO * reader->size, " at most", expected);
  return BZD_OK;
}

bzd_status bzdi_idx_open(bzdi_tensors *tensors) {
  const bzdi_reader *reader = &tensors->reader;
  bzdi_array array = {.wrap = {.packing = BZDI_WRAP_NONE, .stored = reader->size}};
  unsigned char head[2];
  if (reader->size < 4)
    return bzdi_fail(BZD_E_FORMAT, "%llu bytes are too few for an IDX file", (unsigned long long)reader->size);
  BZDI_TRY(reader->read(reader->user, 0, head, sizeof head));
  if (head[0] == 0x1F && head[1] == 0x8B) array.wrap.packing = BZDI_WRAP_GZIP;
  bzdi_stream *stream;
  BZDI_TRY(bzdi_stream_open(tensors->context, reader, &array.wrap, &stream));
  bzd_status status = read_header(stream, &array);
  bzdi_stream_close(stream);
  BZDI_TRY(status);
  BZDI_TRY(check_size(reader, &array));
  return bzdi_tensors_append(tensors, BZDI_UNNAMED, strlen(BZDI_UNNAMED), &array);
}
