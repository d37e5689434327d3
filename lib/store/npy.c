/* SPDX-License-Identifier: MIT */
/* NPY (numpy.lib.format, versions 1.0 to 3.0): magic, version, length of the header, header as a Python dictionary,
 * bytes. */
#include "base/alloc.h"
#include "base/error.h"
#include "store/bytes.h"
#include "store/tensors.h"

#include <stdio.h>
#include <string.h>

static const unsigned char MAGIC[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

/* ---- The dictionary ------------------------------------------------------------------------------------------ */

typedef struct text {
  const char *start, *at, *end;
} text;

static bzd_status bad(const text *t, const char *expected) {
  if (t->at >= t->end)
    return bzdi_fail(BZD_E_CORRUPT, "NPY header ends after %zu bytes, expected %s", (size_t)(t->end - t->start),
                     expected);
  return bzdi_fail(BZD_E_CORRUPT, "NPY header: byte %zu is 0x%02x, expected %s", (size_t)(t->at - t->start),
                   (unsigned char)*t->at, expected);
}

static int next_is(text *t, char c) {
  while (t->at < t->end && (*t->at == ' ' || *t->at == '\t' || *t->at == '\n' || *t->at == '\r')) t->at++;
  return t->at < t->end && *t->at == c;
}

static bzd_status expect(text *t, char c) {
  const char expected[] = {'\'', c, '\'', 0};
  if (!next_is(t, c)) return bad(t, expected);
  t->at++;
  return BZD_OK;
}

/* In either quotes, without escapes. */
static bzd_status quoted(text *t, const char **word, size_t *length) {
  char quote = next_is(t, '"') ? '"' : '\'';
  if (!next_is(t, quote)) return bad(t, "a quoted word");
  const char *start = ++t->at;
  while (t->at < t->end && *t->at != quote && *t->at != '\\' && *t->at != '\n') t->at++;
  if (t->at >= t->end || *t->at != quote) return bad(t, "a closing quote");
  *word = start;
  *length = (size_t)(t->at++ - start);
  return BZD_OK;
}

static int is(const char *word, size_t length, const char *other) {
  return length == strlen(other) && memcmp(word, other, length) == 0;
}

static bzd_status read_descr(text *t, bzdi_array *array) {
  const char *word;
  size_t length;
  if (next_is(t, '[') || next_is(t, '('))
    return bzdi_fail(BZD_E_UNSUPPORTED, "NPY array of records (structured dtype): not read");
  BZDI_TRY(quoted(t, &word, &length));
  char order = length > 0 ? word[0] : 0;
  for (int32_t type = 1; type < BZDI_EL_END; type++) {
    const bzdi_element *element = &bzdi_elements[type];
    if (!element->npy[0] || !(length > 1 && is(word + 1, length - 1, element->npy))) continue;
    if (order == '<' || order == '>' || (order == '|' && element->size == 1)) array->type = type;
  }
  array->big_endian = order == '>';
  if (array->type) return BZD_OK;
  char kind = length > 1 && (order == '<' || order == '>' || order == '|' || order == '=') ? word[1] : order;
  const char *why = kind == 'O'                                 ? " (Python objects, a pickle)"
                    : kind == 'S' || kind == 'U' || kind == 'a' ? " (strings)"
                    : kind == 'V'                               ? " (records or raw bytes)"
                    : kind == 'c'                               ? " (complex numbers)"
                                                                : "";
  return bzdi_fail(BZD_E_UNSUPPORTED, "NPY dtype '%.*s'%s: not read", length < 40 ? (int)length : 40, word, why);
}

static bzd_status read_order(text *t, bzdi_array *array) {
  static const char *const words[] = {"False", "True"};
  for (int i = 0; i < 2; i++) {
    size_t length = strlen(words[i]);
    next_is(t, words[i][0]);
    if ((size_t)(t->end - t->at) < length || memcmp(t->at, words[i], length) != 0) continue;
    t->at += length;
    array->fortran = i;
    return BZD_OK;
  }
  return bad(t, "True or False");
}

static bzd_status read_number(text *t, int64_t *out) {
  uint64_t value = 0;
  const char *start = t->at;
  for (; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++)
    if (!bzdi_mul64(&value, 10) || !bzdi_add64(&value, (uint64_t)(*t->at - '0')) || value > INT64_MAX)
      return bad(t, "a number below 2^63");
  if (t->at == start || (*start == '0' && t->at - start > 1)) return bad(t, "a number");
  *out = (int64_t)value;
  return BZD_OK;
}

static bzd_status read_shape(text *t, bzdi_array *array) {
  int commas = 0;
  BZDI_TRY(expect(t, '('));
  while (!next_is(t, ')')) {
    if (array->ndim > commas) return bad(t, "',' or ')'");
    if (array->ndim == BZDI_MOST_DIMS)
      return bzdi_fail(BZD_E_UNSUPPORTED, "NPY array has more than %d dimensions", BZDI_MOST_DIMS);
    BZDI_TRY(read_number(t, &array->shape[array->ndim]));
    array->ndim++;
    if (!next_is(t, ',')) continue;
    commas++;
    t->at++;
  }
  if (array->ndim == 1 && commas == 0) return bad(t, "',': (n) is a number, (n,) a shape");
  return expect(t, ')');
}

static bzd_status read_dictionary(text *t, bzdi_array *array) {
  static const char *const keys[] = {"descr", "fortran_order", "shape"};
  int have[3] = {0};
  BZDI_TRY(t->at < t->end && *t->at == '{' ? expect(t, '{') : bad(t, "'{'"));
  for (int first = 1; !next_is(t, '}'); first = 0) {
    const char *key;
    size_t length;
    int which = 3;
    if (!first) BZDI_TRY(expect(t, ','));
    if (!first && next_is(t, '}')) break; /* a comma after the last one */
    BZDI_TRY(quoted(t, &key, &length));
    for (int i = 0; i < 3; i++)
      if (is(key, length, keys[i])) which = i;
    if (which == 3 || have[which]++)
      return bzdi_fail(BZD_E_CORRUPT, "NPY header: key '%.*s' is %s", length < 40 ? (int)length : 40, key,
                       which == 3 ? "none of descr, fortran_order, shape" : "there twice");
    BZDI_TRY(expect(t, ':'));
    BZDI_TRY(which == 0 ? read_descr(t, array) : which == 1 ? read_order(t, array) : read_shape(t, array));
  }
  BZDI_TRY(expect(t, '}'));
  for (int i = 0; i < 3; i++)
    if (!have[i]) return bzdi_fail(BZD_E_CORRUPT, "NPY header lacks %s", keys[i]);
  while (t->at < t->end && *t->at == ' ') t->at++;
  return t->at + 1 == t->end && *t->at == '\n' ? BZD_OK : bad(t, "spaces and one newline at its end");
}

/* ---- Reading ------------------------------------------------------------------------------------------------- */

bzd_status bzdi_npy_read_header(const bzdi_tensors *tensors, bzdi_stream *stream, uint64_t size, bzdi_array *array) {
  unsigned char head[12];
  if (size < 10) return bzdi_fail(BZD_E_FORMAT, "%llu bytes are too few for an NPY array", (unsigned long long)size);
  BZDI_TRY(bzdi_stream_read(stream, head, 8));
  if (memcmp(head, MAGIC, sizeof MAGIC) != 0) return bzdi_fail(BZD_E_FORMAT, "no NPY array: its first 6 bytes differ");
  if (head[6] < 1 || head[6] > 3 || head[7] != 0)
    return bzdi_fail(BZD_E_VERSION, "NPY version %d.%d, expected 1.0, 2.0 or 3.0", head[6], head[7]);
  size_t field = head[6] == 1 ? 2 : 4;
  if (size < 8 + field) return bzdi_fail(BZD_E_CORRUPT, "NPY header is cut off");
  BZDI_TRY(bzdi_stream_read(stream, head + 8, field));
  uint64_t length = field == 2 ? bzdi_get16(head + 8) : bzdi_get32(head + 8);
  if (length > size - 8 - field)
    return bzdi_fail(BZD_E_CORRUPT, "NPY header of %llu bytes, %llu are left", (unsigned long long)length,
                     (unsigned long long)(size - 8 - field));
  if (length > tensors->limits.max_index) return bzdi_over("header size", length, tensors->limits.max_index);
  char *header = bzdi_malloc(tensors->context, (size_t)length, 1);
  if (!header) return bzdi_no_memory("NPY header", (size_t)length, 1);
  text t = {header, header, header + length};
  bzd_status status = bzdi_stream_read(stream, header, length);
  if (status == BZD_OK) status = read_dictionary(&t, array);
  bzdi_free(tensors->context, header);
  BZDI_TRY(status);
  array->skip = 8 + field + length;
  if (!bzdi_array_bytes(array->type, array->ndim, array->shape, &array->bytes))
    return bzdi_fail(BZD_E_CORRUPT, "NPY array: its shape has more than 2^62 bytes");
  if (array->bytes != size - array->skip)
    return bzdi_fail(BZD_E_CORRUPT, "NPY array has %llu bytes, its shape says %llu",
                     (unsigned long long)(size - array->skip), (unsigned long long)array->bytes);
  return BZD_OK;
}

bzd_status bzdi_npy_open(bzdi_tensors *tensors) {
  bzdi_array array = {.wrap = {.packing = BZDI_WRAP_NONE, .stored = tensors->reader.size}};
  bzdi_stream *stream;
  BZDI_TRY(bzdi_stream_open(tensors->context, &tensors->reader, &array.wrap, &stream));
  bzd_status status = bzdi_npy_read_header(tensors, stream, tensors->reader.size, &array);
  bzdi_stream_close(stream);
  BZDI_TRY(status);
  /* Without a checksum nobody needs the header again. */
  array.wrap.offset = array.skip;
  array.wrap.stored = array.bytes;
  array.skip = 0;
  return bzdi_tensors_append(tensors, BZDI_UNNAMED, strlen(BZDI_UNNAMED), &array);
}

/* ---- Writing ------------------------------------------------------------------------------------------------- */

bzd_status bzdi_npy_header(const char *name, const bzdi_array *array, char header[BZDI_MOST_NPY_HEADER], size_t *size) {
  /* NumPy leaves room for the first dimension to grow to 21 digits, then at least one space up to 64 bytes. */
  enum { PREFIX = 10, GROWN = 21, ALIGN = 64 };
  const bzdi_element *element = &bzdi_elements[array->type];
  char *out = header + PREFIX, shape[BZDI_MOST_DIMS * 22 + 1] = "";
  size_t room = BZDI_MOST_NPY_HEADER - PREFIX, used = 0;
  int spare = 0;
  if (!element->npy[0])
    return bzdi_fail(BZD_E_UNSUPPORTED, "tensor %.60s: NPY has no dtype for %s", name, element->name);
  for (int32_t i = 0; i < array->ndim; i++) {
    int digits = snprintf(shape + used, sizeof shape - used, "%lld", (long long)array->shape[i]);
    if (i == 0) spare = GROWN - digits;
    used += (size_t)digits;
    const char *after = i + 1 < array->ndim ? ", " : array->ndim == 1 ? "," : "";
    used += (size_t)snprintf(shape + used, sizeof shape - used, "%s", after);
  }
  size_t length = (size_t)snprintf(out, room, "{'descr': '%c%s', 'fortran_order': False, 'shape': (%s), }",
                                   element->size == 1 ? '|' : '<', element->npy, shape);
  size_t padding = ALIGN - (PREFIX + length + (size_t)spare + 1) % ALIGN;
  memset(out + length, ' ', (size_t)spare + padding);
  length += (size_t)spare + padding;
  out[length++] = '\n';
  memcpy(header, MAGIC, sizeof MAGIC);
  header[6] = 1;
  header[7] = 0;
  bzdi_put16((unsigned char *)header + 8, (uint32_t)length);
  *size = PREFIX + length;
  return BZD_OK;
}

bzd_status bzdi_npy_write(const bzdi_tensors *tensors, const bzdi_writer *writer) {
  char header[BZDI_MOST_NPY_HEADER];
  size_t size;
  const void *data;
  void *owned;
  if (tensors->names.count != 1)
    return bzdi_fail(BZD_E_UNSUPPORTED, "NPY holds one tensor, not %lld", (long long)tensors->names.count);
  if (tensors->keys.count > 0)
    return bzdi_fail(BZD_E_UNSUPPORTED, "NPY holds no texts, there are %lld", (long long)tensors->keys.count);
  BZDI_TRY(bzdi_npy_header(tensors->names.name[0], &tensors->array[0], header, &size));
  BZDI_TRY(bzdi_tensors_data(tensors, 0, &data, &owned));
  bzd_status status = writer->write(writer->user, header, size);
  if (status == BZD_OK && tensors->array[0].bytes > 0)
    status = writer->write(writer->user, data, (size_t)tensors->array[0].bytes);
  bzdi_free(tensors->context, owned);
  return status;
}
