/* SPDX-License-Identifier: MIT */
/* safetensors: u64 length of the header, header in JSON, the tensors' bytes without a gap. */
#include "base/alloc.h"
#include "base/error.h"
#include "store/bytes.h"
#include "store/json.h"
#include "store/tensors.h"

#include <string.h>

enum { MOST_HEADER = 100000000 };
static const char METADATA[] = "__metadata__";

typedef struct span { /* of a tensor's bytes, behind the header */
  uint64_t begin, end;
} span;

typedef struct opening {
  bzdi_tensors *tensors;
  bzdi_json json;
  uint64_t data; /* bytes behind the header */
  uint64_t at;   /* where they begin in the file */
  int has_metadata;
} opening;

/* ---- Reading ------------------------------------------------------------------------------------------------- */

static bzd_status read_text(bzdi_tensors *tensors, bzdi_json *json) {
  char *key, *value = NULL;
  BZDI_TRY(bzdi_json_key(json, &key));
  bzd_status status = bzdi_json_string(json, &value);
  if (status == BZD_OK) status = bzdi_tensors_append_text(tensors, key, value);
  if (status != BZD_OK) {
    bzdi_free(tensors->context, key);
    bzdi_free(tensors->context, value);
  }
  return status;
}

static bzd_status read_metadata(opening *o) {
  int more;
  if (o->has_metadata++) return bzdi_fail(BZD_E_CORRUPT, "%s is there twice", METADATA);
  BZDI_TRY(bzdi_json_expect(&o->json, '{'));
  for (int first = 1;; first = 0) {
    BZDI_TRY(bzdi_json_more(&o->json, first, '}', &more));
    if (!more) return BZD_OK;
    BZDI_TRY(read_text(o->tensors, &o->json));
  }
}

static bzd_status read_dtype(opening *o, const char *name, bzdi_array *array) {
  char *dtype;
  BZDI_TRY(bzdi_json_string(&o->json, &dtype));
  for (int32_t type = 1; type < BZDI_EL_END; type++)
    if (strcmp(dtype, bzdi_elements[type].safetensors) == 0) array->type = type;
  bzd_status status =
      array->type ? BZD_OK
                  : bzdi_fail(BZD_E_UNSUPPORTED, "tensor %.60s: dtype '%.40s' is not one that is read", name, dtype);
  bzdi_free(o->tensors->context, dtype);
  return status;
}

static bzd_status read_shape(opening *o, const char *name, bzdi_array *array) {
  int more;
  BZDI_TRY(bzdi_json_expect(&o->json, '['));
  for (;; array->ndim++) {
    BZDI_TRY(bzdi_json_more(&o->json, array->ndim == 0, ']', &more));
    if (!more) return BZD_OK;
    if (array->ndim == BZDI_MOST_DIMS)
      return bzdi_fail(BZD_E_UNSUPPORTED, "tensor %.60s has more than %d dimensions", name, BZDI_MOST_DIMS);
    BZDI_TRY(bzdi_json_number(&o->json, &array->shape[array->ndim]));
  }
}

static bzd_status read_offsets(opening *o, span *bytes) {
  int64_t begin, end;
  BZDI_TRY(bzdi_json_expect(&o->json, '['));
  BZDI_TRY(bzdi_json_number(&o->json, &begin));
  BZDI_TRY(bzdi_json_expect(&o->json, ','));
  BZDI_TRY(bzdi_json_number(&o->json, &end));
  *bytes = (span){(uint64_t)begin, (uint64_t)end};
  return bzdi_json_expect(&o->json, ']');
}

/* The three members of an entry, in any order, each once and nothing else. */
static bzd_status read_members(opening *o, const char *name, bzdi_array *array, span *bytes) {
  static const char *const members[] = {"dtype", "shape", "data_offsets"};
  int have[3] = {0}, more;
  BZDI_TRY(bzdi_json_expect(&o->json, '{'));
  for (int first = 1;; first = 0) {
    BZDI_TRY(bzdi_json_more(&o->json, first, '}', &more));
    if (!more) break;
    char *key;
    int which = 3;
    BZDI_TRY(bzdi_json_key(&o->json, &key));
    for (int i = 0; i < 3; i++)
      if (strcmp(key, members[i]) == 0) which = i;
    bzd_status status = BZD_OK;
    if (which == 3 || have[which]++)
      status =
          bzdi_fail(BZD_E_CORRUPT, "tensor %.60s: '%.40s' is %s", name, key, which == 3 ? "no member" : "there twice");
    bzdi_free(o->tensors->context, key);
    if (status == BZD_OK)
      status = which == 0   ? read_dtype(o, name, array)
               : which == 1 ? read_shape(o, name, array)
                            : read_offsets(o, bytes);
    BZDI_TRY(status);
  }
  for (int i = 0; i < 3; i++)
    if (!have[i]) return bzdi_fail(BZD_E_CORRUPT, "tensor %.60s lacks %s", name, members[i]);
  return BZD_OK;
}

static bzd_status read_tensor(opening *o, const char *name) {
  bzdi_array array = {0};
  span bytes = {0, 0};
  BZDI_TRY(read_members(o, name, &array, &bytes));
  if (bytes.begin > bytes.end || bytes.end > o->data)
    return bzdi_fail(BZD_E_CORRUPT, "tensor %.60s: offsets %llu..%llu of %llu bytes", name,
                     (unsigned long long)bytes.begin, (unsigned long long)bytes.end, (unsigned long long)o->data);
  if (!bzdi_array_bytes(array.type, array.ndim, array.shape, &array.bytes) || array.bytes != bytes.end - bytes.begin)
    return bzdi_fail(BZD_E_CORRUPT, "tensor %.60s: offsets %llu..%llu do not fit its shape and dtype", name,
                     (unsigned long long)bytes.begin, (unsigned long long)bytes.end);
  array.wrap = (bzdi_wrap){.packing = BZDI_WRAP_NONE, .offset = o->at + bytes.begin, .stored = array.bytes};
  return bzdi_tensors_append(o->tensors, name, strlen(name), &array);
}

static bzd_status read_entry(opening *o) {
  char *name;
  BZDI_TRY(bzdi_json_key(&o->json, &name));
  bzd_status status = strcmp(name, METADATA) == 0 ? read_metadata(o) : read_tensor(o, name);
  bzdi_free(o->tensors->context, name);
  return status;
}

static int lies_before(const void *user, int64_t a, int64_t b) {
  const bzdi_wrap *x = &((const bzdi_array *)user)[a].wrap, *y = &((const bzdi_array *)user)[b].wrap;
  return x->offset != y->offset ? x->offset < y->offset : x->stored < y->stored;
}

/* One after the other from the first byte to the last. */
static bzd_status check_spans(const opening *o) {
  const bzdi_tensors *tensors = o->tensors;
  int64_t count = tensors->names.count;
  uint64_t end = o->at;
  int64_t *order = bzdi_malloc(tensors->context, (size_t)count, sizeof *order);
  if (!order) return bzdi_no_memory("offsets", (size_t)count, sizeof *order);
  bzd_status status = BZD_OK;
  for (int64_t i = 0; i < count; i++) order[i] = i;
  bzdi_sort(order, count, lies_before, tensors->array);
  for (int64_t i = 0; i < count && status == BZD_OK; i++) {
    const bzdi_wrap *wrap = &tensors->array[order[i]].wrap;
    if (wrap->offset != end)
      status = bzdi_fail(BZD_E_CORRUPT, "tensor %.60s begins at %llu, the one before it ends at %llu",
                         tensors->names.name[order[i]], (unsigned long long)(wrap->offset - o->at),
                         (unsigned long long)(end - o->at));
    end = wrap->offset + wrap->stored;
  }
  bzdi_free(tensors->context, order);
  if (status == BZD_OK && end != o->at + o->data)
    status = bzdi_fail(BZD_E_CORRUPT, "tensors end at %llu of %llu bytes", (unsigned long long)(end - o->at),
                       (unsigned long long)o->data);
  return status;
}

static bzd_status read_header(opening *o, const unsigned char *header, size_t size) {
  int more;
  if (header[0] != '{') return bzdi_fail(BZD_E_CORRUPT, "header: byte 0 is 0x%02x, expected '{'", header[0]);
  BZDI_TRY(bzdi_json_start(o->tensors->context, "header", header, size, &o->json));
  BZDI_TRY(bzdi_json_expect(&o->json, '{'));
  for (int first = 1;; first = 0) {
    BZDI_TRY(bzdi_json_more(&o->json, first, '}', &more));
    if (!more) break;
    BZDI_TRY(read_entry(o));
  }
  BZDI_TRY(bzdi_json_end(&o->json));
  return check_spans(o);
}

bzd_status bzdi_safetensors_open(bzdi_tensors *tensors) {
  const bzdi_reader *reader = &tensors->reader;
  unsigned char head[8];
  if (reader->size < 10) /* the least is "{}" */
    return bzdi_fail(BZD_E_FORMAT, "%llu bytes are too few for a safetensors file", (unsigned long long)reader->size);
  BZDI_TRY(reader->read(reader->user, 0, head, sizeof head));
  uint64_t size = bzdi_get64(head);
  if (size > MOST_HEADER || size > reader->size - 8 || size < 2)
    return bzdi_fail(BZD_E_CORRUPT, "header of %llu bytes in a file of %llu, expected 2..%d within it",
                     (unsigned long long)size, (unsigned long long)reader->size, MOST_HEADER);
  if (size > tensors->limits.max_index) return bzdi_over("header size", size, tensors->limits.max_index);
  unsigned char *header = bzdi_malloc(tensors->context, (size_t)size, 1);
  if (!header) return bzdi_no_memory("header", (size_t)size, 1);
  opening o = {.tensors = tensors, .data = reader->size - 8 - size, .at = 8 + size};
  bzd_status status = reader->read(reader->user, 8, header, (size_t)size);
  if (status == BZD_OK) status = read_header(&o, header, (size_t)size);
  bzdi_free(tensors->context, header);
  return status;
}

/* ---- Writing ------------------------------------------------------------------------------------------------- */

/* Types come ascending by size, so that the largest stand first and everything is aligned. */
static int written_before(const void *user, int64_t a, int64_t b) {
  const bzdi_tensors *tensors = user;
  int32_t x = tensors->array[a].type, y = tensors->array[b].type;
  return x != y ? x > y : strcmp(tensors->names.name[a], tensors->names.name[b]) < 0;
}

static bzd_status add_metadata(const bzdi_tensors *tensors, bzdi_buffer *header) {
  if (tensors->keys.count == 0) return BZD_OK;
  BZDI_TRY(bzdi_buffer_text(header, "\"%s\":{", METADATA));
  for (int64_t i = 0; i < tensors->keys.count; i++) {
    int64_t at = tensors->keys.order[i];
    if (i > 0) BZDI_TRY(bzdi_buffer_add(header, ",", 1));
    BZDI_TRY(bzdi_json_write(header, tensors->keys.name[at]));
    BZDI_TRY(bzdi_buffer_add(header, ":", 1));
    BZDI_TRY(bzdi_json_write(header, tensors->text[at]));
  }
  return bzdi_buffer_add(header, "}", 1);
}

static bzd_status add_tensor(const char *name, const bzdi_array *array, uint64_t *offset, bzdi_buffer *header) {
  if (strcmp(name, METADATA) == 0)
    return bzdi_fail(BZD_E_UNSUPPORTED, "safetensors cannot hold a tensor called %s", METADATA);
  if (header->size > 1) BZDI_TRY(bzdi_buffer_add(header, ",", 1));
  BZDI_TRY(bzdi_json_write(header, name));
  BZDI_TRY(bzdi_buffer_text(header, ":{\"dtype\":\"%s\",\"shape\":[", bzdi_elements[array->type].safetensors));
  for (int32_t i = 0; i < array->ndim; i++)
    BZDI_TRY(bzdi_buffer_text(header, i ? ",%lld" : "%lld", (long long)array->shape[i]));
  uint64_t begin = *offset;
  if (!bzdi_add64(offset, array->bytes) || *offset > INT64_MAX)
    return bzdi_fail(BZD_E_UNSUPPORTED, "the tensors have more than 2^63 bytes");
  return bzdi_buffer_text(header, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)begin,
                          (unsigned long long)*offset);
}

static bzd_status make_header(const bzdi_tensors *tensors, const int64_t *order, bzdi_buffer *header) {
  uint64_t offset = 0;
  BZDI_TRY(bzdi_buffer_add(header, "{", 1));
  BZDI_TRY(add_metadata(tensors, header));
  for (int64_t i = 0; i < tensors->names.count; i++)
    BZDI_TRY(add_tensor(tensors->names.name[order[i]], &tensors->array[order[i]], &offset, header));
  BZDI_TRY(bzdi_buffer_add(header, "}", 1));
  BZDI_TRY(bzdi_buffer_add(header, "       ", (8 - header->size % 8) % 8));
  if (header->size > MOST_HEADER)
    return bzdi_fail(BZD_E_UNSUPPORTED, "safetensors header of %zu bytes, the format allows %d", header->size,
                     MOST_HEADER);
  return BZD_OK;
}

static bzd_status write_all(const bzdi_tensors *tensors, const int64_t *order, const bzdi_buffer *header,
                            const bzdi_writer *writer) {
  unsigned char head[8];
  bzdi_put64(head, header->size);
  BZDI_TRY(writer->write(writer->user, head, sizeof head));
  BZDI_TRY(writer->write(writer->user, header->data, header->size));
  for (int64_t i = 0; i < tensors->names.count; i++) {
    uint64_t bytes = tensors->array[order[i]].bytes;
    const void *data;
    void *owned;
    if (bytes == 0) continue;
    BZDI_TRY(bzdi_tensors_data(tensors, order[i], &data, &owned));
    bzd_status status = writer->write(writer->user, data, (size_t)bytes);
    bzdi_free(tensors->context, owned);
    BZDI_TRY(status);
  }
  return BZD_OK;
}

bzd_status bzdi_safetensors_write(const bzdi_tensors *tensors, const bzdi_writer *writer) {
  int64_t count = tensors->names.count;
  bzdi_buffer header = {.context = tensors->context};
  int64_t *order = bzdi_malloc(tensors->context, (size_t)count, sizeof *order);
  if (!order) return bzdi_no_memory("order of tensors", (size_t)count, sizeof *order);
  for (int64_t i = 0; i < count; i++) order[i] = i;
  bzdi_sort(order, count, written_before, tensors);
  bzd_status status = make_header(tensors, order, &header);
  if (status == BZD_OK) status = write_all(tensors, order, &header, writer);
  bzdi_buffer_free(&header);
  bzdi_free(tensors->context, order);
  return status;
}
