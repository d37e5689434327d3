/* SPDX-License-Identifier: MIT */
/* Tensors and texts as an object; which format a file has. */
#include "store/tensors.h"

#include "base/alloc.h"
#include "base/error.h"
#include "store/bytes.h"
#include "store/flate.h"

#include <string.h>

enum { PIECE = 64 * 1024 }; /* of a tensor that is transposed while it is read; a multiple of every element */

bzd_status bzdi_tensors_new(const bzd_context *context, bzdi_tensors **out) {
  *out = bzdi_calloc(context, 1, sizeof **out);
  if (!*out) return bzdi_no_memory("tensors", 1, sizeof **out);
  (*out)->context = context;
  return BZD_OK;
}

void bzdi_tensors_free(bzdi_tensors *tensors) {
  if (!tensors) return;
  const bzd_context *context = tensors->context;
  for (int64_t i = 0; i < tensors->names.count; i++) bzdi_free(context, tensors->array[i].data);
  for (int64_t i = 0; i < tensors->keys.count; i++) bzdi_free(context, tensors->text[i]);
  bzdi_names_clear(context, &tensors->names);
  bzdi_names_clear(context, &tensors->keys);
  bzdi_free(context, tensors->array);
  bzdi_free(context, tensors->text);
  if (tensors->reader.close) tensors->reader.close(tensors->reader.user);
  bzdi_free(context, tensors);
}

bzd_status bzdi_over(const char *what, uint64_t have, uint64_t limit) {
  return bzdi_fail(BZD_E_LIMIT, "%s is %llu, the limit is %llu", what, (unsigned long long)have,
                   (unsigned long long)limit);
}

/* ---- Shapes -------------------------------------------------------------------------------------------------- */

/* A product that overflows is refused even where a later dimension is 0. */
static int count_of(int32_t ndim, const int64_t *shape, uint64_t *count) {
  *count = 1;
  for (int32_t i = 0; i < ndim; i++)
    if (shape[i] < 0 || !bzdi_mul64(count, (uint64_t)shape[i])) return 0;
  return 1;
}

int bzdi_array_bytes(int32_t type, int32_t ndim, const int64_t *shape, uint64_t *bytes) {
  return count_of(ndim, shape, bytes) && bzdi_mul64(bytes, bzdi_elements[type].size) && *bytes >> 62 == 0;
}

uint64_t bzdi_array_count(const bzdi_array *array) { return array->bytes / bzdi_elements[array->type].size; }

/* ---- Building ------------------------------------------------------------------------------------------------ */

/* Room for one element more. */
static bzd_status grow(const bzd_context *context, void **array, int64_t count, int64_t *room, size_t size) {
  if (count < *room) return BZD_OK;
  int64_t more = *room ? 2 * *room : 16;
  void *grown = bzdi_malloc(context, (size_t)more, size);
  if (!grown) return bzdi_no_memory("tensors", (size_t)more, size);
  if (count > 0) memcpy(grown, *array, (size_t)count * size);
  bzdi_free(context, *array);
  *array = grown;
  *room = more;
  return BZD_OK;
}

static bzd_status grow_arrays(bzdi_tensors *tensors) {
  void *array = tensors->array;
  bzd_status status = grow(tensors->context, &array, tensors->names.count, &tensors->array_room, sizeof(bzdi_array));
  tensors->array = array;
  return status;
}

bzd_status bzdi_tensors_add(bzdi_tensors *tensors, const char *name, int32_t type, int32_t ndim, const int64_t *shape,
                            const void *data) {
  bzdi_array array = {.type = type, .ndim = ndim};
  if (!bzdi_is_utf8((const unsigned char *)name, strlen(name)))
    return bzdi_fail(BZD_E_ARGUMENT, "tensor name '%.60s' is not UTF-8", name);
  if (!bzdi_array_bytes(type, ndim, shape, &array.bytes))
    return bzdi_fail(BZD_E_ARGUMENT, "tensor %.60s: no such shape of %d dimensions", name, (int)ndim);
  if (bzdi_names_find(&tensors->names, name) >= 0)
    return bzdi_fail(BZD_E_ARGUMENT, "tensor %.60s is there already", name);
  for (int32_t i = 0; i < ndim; i++) array.shape[i] = shape[i];
  BZDI_TRY(grow_arrays(tensors));
  char *own_name = bzdi_names_copy(tensors->context, name, strlen(name));
  array.data = bzdi_malloc(tensors->context, array.bytes, 1);
  bzd_status status = own_name && array.data ? bzdi_names_insert(tensors->context, &tensors->names, own_name)
                                             : bzdi_no_memory(name, array.bytes, 1);
  if (status != BZD_OK) {
    bzdi_free(tensors->context, own_name);
    bzdi_free(tensors->context, array.data);
    return status;
  }
  if (array.bytes > 0) memcpy(array.data, data, array.bytes);
  tensors->array[tensors->names.count - 1] = array;
  tensors->raw_bytes += array.bytes;
  return BZD_OK;
}

static bzd_status grow_texts(bzdi_tensors *tensors) {
  void *text = tensors->text;
  bzd_status status = grow(tensors->context, &text, tensors->keys.count, &tensors->text_room, sizeof *tensors->text);
  tensors->text = text;
  return status;
}

static void remove_text(bzdi_tensors *tensors, int64_t at) {
  bzdi_free(tensors->context, tensors->text[at]);
  bzdi_names_remove(tensors->context, &tensors->keys, at);
  memmove(tensors->text + at, tensors->text + at + 1, (size_t)(tensors->keys.count - at) * sizeof *tensors->text);
}

bzd_status bzdi_tensors_set_text(bzdi_tensors *tensors, const char *key, const char *value) {
  const bzd_context *context = tensors->context;
  if (!bzdi_is_utf8((const unsigned char *)key, strlen(key)))
    return bzdi_fail(BZD_E_ARGUMENT, "text key '%.60s' is not UTF-8", key);
  if (value && !bzdi_is_utf8((const unsigned char *)value, strlen(value)))
    return bzdi_fail(BZD_E_ARGUMENT, "text %.60s: value is not UTF-8", key);
  int64_t at = bzdi_names_find(&tensors->keys, key);
  if (!value) {
    if (at >= 0) remove_text(tensors, at);
    return BZD_OK;
  }
  bzd_status status = BZD_OK;
  BZDI_TRY(grow_texts(tensors));
  char *own_value = bzdi_names_copy(context, value, strlen(value));
  char *own_key = at < 0 ? bzdi_names_copy(context, key, strlen(key)) : NULL;
  if (!own_value || (at < 0 && !own_key)) status = bzdi_no_memory(key, strlen(value), 1);
  if (status == BZD_OK && at < 0) status = bzdi_names_insert(context, &tensors->keys, own_key);
  if (status != BZD_OK) {
    bzdi_free(context, own_key);
    bzdi_free(context, own_value);
    return status;
  }
  if (at < 0)
    at = tensors->keys.count - 1;
  else
    bzdi_free(context, tensors->text[at]);
  tensors->text[at] = own_value;
  return BZD_OK;
}

/* ---- Opening ------------------------------------------------------------------------------------------------- */

bzd_status bzdi_tensors_append(bzdi_tensors *tensors, const char *name, size_t length, const bzdi_array *array) {
  const bzdi_limits *limits = &tensors->limits;
  if (tensors->names.count >= limits->max_tensors)
    return bzdi_over("number of tensors", (uint64_t)tensors->names.count + 1, (uint64_t)limits->max_tensors);
  uint64_t raw = tensors->raw_bytes;
  if (!bzdi_add64(&raw, array->bytes)) raw = UINT64_MAX;
  if (raw > limits->max_raw) return bzdi_over("size of all tensors", raw, limits->max_raw);
  BZDI_TRY(grow_arrays(tensors));
  char *own_name = bzdi_names_copy(tensors->context, name, length);
  if (!own_name) return bzdi_no_memory("tensor name", length, 1);
  bzd_status status = bzdi_names_append(tensors->context, &tensors->names, own_name);
  if (status != BZD_OK) {
    bzdi_free(tensors->context, own_name);
    return status;
  }
  tensors->array[tensors->names.count - 1] = *array;
  tensors->raw_bytes = raw;
  return BZD_OK;
}

bzd_status bzdi_tensors_append_text(bzdi_tensors *tensors, char *key, char *value) {
  uint64_t most = (uint64_t)tensors->limits.max_meta, count = (uint64_t)tensors->keys.count;
  if (count >= most) return bzdi_over("number of texts", count + 1, most);
  BZDI_TRY(grow_texts(tensors));
  BZDI_TRY(bzdi_names_append(tensors->context, &tensors->keys, key));
  tensors->text[count] = value;
  return BZD_OK;
}

bzd_status bzdi_tensors_sort(bzdi_tensors *tensors) {
  int64_t twice = bzdi_names_sort(&tensors->names);
  if (twice >= 0) return bzdi_fail(BZD_E_CORRUPT, "tensor %.60s is there twice", tensors->names.name[twice]);
  twice = bzdi_names_sort(&tensors->keys);
  return twice < 0 ? BZD_OK : bzdi_fail(BZD_E_CORRUPT, "text %.60s is there twice", tensors->keys.name[twice]);
}

static int looks_like_idx(const unsigned char *head, size_t size) {
  if (size < 4 || head[0] != 0 || head[1] != 0 || head[3] == 0) return 0;
  for (int32_t type = 1; type < BZDI_EL_END; type++)
    if (bzdi_elements[type].idx != 0 && head[2] == bzdi_elements[type].idx) return 1;
  return 0;
}

/* No file fits two: what an IDX file would say as a safetensors length is more than such a file can hold. */
static int32_t format_of(const unsigned char *head, size_t size, uint64_t file_size) {
  if (size >= 6 && memcmp(head, "\x93NUMPY", 6) == 0) return BZDI_FORMAT_NPY;
  if (size >= 4 && (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0)) return BZDI_FORMAT_NPZ;
  if (size >= 2 && head[0] == 0x1F && head[1] == 0x8B) return BZDI_FORMAT_IDX;
  int braces = size >= 9 && head[8] == '{';
  if (braces && bzdi_get64(head) <= file_size - 8) return BZDI_FORMAT_SAFETENSORS;
  if (looks_like_idx(head, size)) return BZDI_FORMAT_IDX;
  return braces ? BZDI_FORMAT_SAFETENSORS : BZDI_FORMAT_AUTO;
}

static bzd_status open_format(bzdi_tensors *tensors, int32_t format) {
  const bzdi_reader *reader = &tensors->reader;
  unsigned char head[16];
  size_t size = reader->size < sizeof head ? (size_t)reader->size : sizeof head;
  if (reader->size > tensors->limits.max_file) return bzdi_over("file size", reader->size, tensors->limits.max_file);
  if (format == BZDI_FORMAT_AUTO) {
    if (size > 0) BZDI_TRY(reader->read(reader->user, 0, head, size));
    format = format_of(head, size, reader->size);
  }
  tensors->format = format;
  switch (format) {
  case BZDI_FORMAT_SAFETENSORS: return bzdi_safetensors_open(tensors);
  case BZDI_FORMAT_NPY: return bzdi_npy_open(tensors);
  case BZDI_FORMAT_NPZ: return bzdi_npz_open(tensors);
  case BZDI_FORMAT_IDX: return bzdi_idx_open(tensors);
  default:
    return bzdi_fail(BZD_E_FORMAT, "%llu bytes that begin like no safetensors, NPY, NPZ or IDX file",
                     (unsigned long long)reader->size);
  }
}

bzd_status bzdi_tensors_open(const bzd_context *context, const bzdi_reader *reader, int32_t format,
                             const bzdi_limits *limits, bzdi_tensors **out) {
  bzdi_tensors *tensors;
  *out = NULL;
  bzd_status status = bzdi_tensors_new(context, &tensors);
  if (status != BZD_OK) {
    if (reader->close) reader->close(reader->user);
    return status;
  }
  tensors->reader = *reader; /* closed with the tensors */
  tensors->limits = bzdi_limits_of(limits);
  status = open_format(tensors, format);
  if (status == BZD_OK) status = bzdi_tensors_sort(tensors);
  if (status == BZD_OK)
    *out = tensors;
  else
    bzdi_tensors_free(tensors);
  return status;
}

/* ---- Reading ------------------------------------------------------------------------------------------------- */

/* What is wrong with the bytes of a tensor does not know its name. */
static bzd_status in_tensor(bzd_status status, const char *name) {
  if (status == BZD_OK) return status;
  char text[400];
  bzdi_error_copy(text, sizeof text);
  return bzdi_fail(status, "tensor %.60s: %s", name, text);
}

static bzd_status skip(bzdi_stream *stream, uint64_t bytes) {
  unsigned char scratch[512];
  for (uint64_t piece; bytes > 0; bytes -= piece) {
    piece = bytes < sizeof scratch ? bytes : sizeof scratch;
    BZDI_TRY(bzdi_stream_read(stream, scratch, piece));
  }
  return BZD_OK;
}

/* The stream has the first index running fastest, the tensor the last one. */
static bzd_status transpose(bzdi_stream *stream, const bzdi_array *array, unsigned char *piece, unsigned char *to) {
  uint64_t size = bzdi_elements[array->type].size, stride[BZDI_MOST_DIMS], at = 0;
  int64_t index[BZDI_MOST_DIMS] = {0};
  for (int32_t i = array->ndim; i-- > 0;)
    stride[i] = i == array->ndim - 1 ? size : stride[i + 1] * (uint64_t)array->shape[i + 1];
  for (uint64_t left = array->bytes, part; left > 0; left -= part) {
    part = left < PIECE ? left : PIECE;
    BZDI_TRY(bzdi_stream_read(stream, piece, part));
    for (uint64_t i = 0; i < part; i += size) {
      memcpy(to + at, piece + i, size);
      for (int32_t d = 0; d < array->ndim; d++) {
        at += stride[d];
        if (++index[d] < array->shape[d]) break;
        at -= stride[d] * (uint64_t)array->shape[d];
        index[d] = 0;
      }
    }
  }
  return BZD_OK;
}

static bzd_status read_stream(const bzdi_tensors *tensors, const bzdi_array *array, bzdi_stream *stream, void *to) {
  BZDI_TRY(skip(stream, array->skip));
  if (array->fortran && array->ndim > 1 && array->bytes > 0) {
    unsigned char *piece = bzdi_malloc(tensors->context, PIECE, 1);
    if (!piece) return bzdi_no_memory("transposition", PIECE, 1);
    bzd_status status = transpose(stream, array, piece, to);
    bzdi_free(tensors->context, piece);
    BZDI_TRY(status);
  } else {
    BZDI_TRY(bzdi_stream_read(stream, to, array->bytes));
  }
  BZDI_TRY(bzdi_stream_end(stream));
  if (array->big_endian) bzdi_element_swap(array->type, to, bzdi_array_count(array));
  return BZD_OK;
}

bzd_status bzdi_tensors_read(const bzdi_tensors *tensors, int64_t i, void *to) {
  const bzdi_array *array = &tensors->array[i];
  if (array->data) {
    if (array->bytes > 0) memcpy(to, array->data, array->bytes);
    return BZD_OK;
  }
  bzdi_stream *stream;
  bzd_status status = bzdi_stream_open(tensors->context, &tensors->reader, &array->wrap, &stream);
  if (status == BZD_OK) {
    status = read_stream(tensors, array, stream, to);
    bzdi_stream_close(stream);
  }
  return in_tensor(status, tensors->names.name[i]);
}

bzd_status bzdi_tensors_read_f32(const bzdi_tensors *tensors, int64_t i, float *to) {
  const bzdi_array *array = &tensors->array[i];
  if (bzdi_elements[array->type].size <= sizeof(float)) { /* converted in place */
    BZDI_TRY(bzdi_tensors_read(tensors, i, to));
    bzdi_element_to_f32(array->type, to, bzdi_array_count(array), to);
    return BZD_OK;
  }
  const void *data;
  void *owned;
  BZDI_TRY(bzdi_tensors_data(tensors, i, &data, &owned));
  bzdi_element_to_f32(array->type, data, bzdi_array_count(array), to);
  bzdi_free(tensors->context, owned);
  return BZD_OK;
}

bzd_status bzdi_tensors_data(const bzdi_tensors *tensors, int64_t i, const void **data, void **owned) {
  const bzdi_array *array = &tensors->array[i];
  *owned = NULL;
  *data = array->data;
  if (array->data) return BZD_OK;
  void *read = bzdi_malloc(tensors->context, array->bytes, 1);
  if (!read) return bzdi_no_memory(tensors->names.name[i], array->bytes, 1);
  bzd_status status = bzdi_tensors_read(tensors, i, read);
  if (status == BZD_OK)
    *data = *owned = read;
  else
    bzdi_free(tensors->context, read);
  return status;
}

/* ---- Writing ------------------------------------------------------------------------------------------------- */

bzd_status bzdi_tensors_write(const bzdi_tensors *tensors, int32_t format, const bzdi_writer *writer) {
  switch (format) {
  case BZDI_FORMAT_SAFETENSORS: return bzdi_safetensors_write(tensors, writer);
  case BZDI_FORMAT_NPY: return bzdi_npy_write(tensors, writer);
  case BZDI_FORMAT_NPZ: return bzdi_npz_write(tensors, 0, writer);
  case BZDI_FORMAT_NPZ_DEFLATED: return bzdi_npz_write(tensors, 1, writer);
  default: return bzdi_fail(BZD_E_UNSUPPORTED, "IDX files are read, not written");
  }
}
