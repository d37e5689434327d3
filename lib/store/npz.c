/* SPDX-License-Identifier: MIT */
/* NPZ: a ZIP file of NPY members, called "<name>.npy". */
#include "base/alloc.h"
#include "base/error.h"
#include "store/tensors.h"
#include "store/zip.h"

#include <string.h>

static const char SUFFIX[] = ".npy";
enum { SUFFIX_LENGTH = 4, MOST_NAME = 65535 };

static bzd_status read_member(bzdi_tensors *tensors, const bzdi_member *member, bzdi_array *array) {
  bzdi_stream *stream;
  array->wrap = member->wrap;
  BZDI_TRY(bzdi_stream_open(tensors->context, &tensors->reader, &member->wrap, &stream));
  bzd_status status = bzdi_npy_read_header(tensors, stream, member->size, array);
  bzdi_stream_close(stream);
  return status;
}

static bzd_status add_member(bzdi_tensors *tensors, const bzdi_member *member) {
  bzdi_array array = {0};
  int shown = member->length < 60 ? (int)member->length : 60;
  if (member->length < SUFFIX_LENGTH ||
      memcmp(member->name + member->length - SUFFIX_LENGTH, SUFFIX, SUFFIX_LENGTH) != 0)
    return bzdi_fail(BZD_E_UNSUPPORTED, "member '%.*s' is not called .npy", shown, member->name);
  bzd_status status = read_member(tensors, member, &array);
  if (status != BZD_OK) {
    char text[400];
    bzdi_error_copy(text, sizeof text);
    return bzdi_fail(status == BZD_E_FORMAT ? BZD_E_CORRUPT : status, "member '%.*s': %s", shown, member->name, text);
  }
  return bzdi_tensors_append(tensors, member->name, member->length - SUFFIX_LENGTH, &array);
}

bzd_status bzdi_npz_open(bzdi_tensors *tensors) {
  const bzdi_reader *reader = &tensors->reader;
  unsigned char head[4] = {0};
  bzdi_zip zip;
  if (reader->size >= sizeof head) BZDI_TRY(reader->read(reader->user, 0, head, sizeof head));
  if (memcmp(head, "PK\3\4", 4) != 0 && memcmp(head, "PK\5\6", 4) != 0)
    return bzdi_fail(BZD_E_FORMAT, "not an NPZ file: its first 4 bytes are no zip signature");
  BZDI_TRY(bzdi_zip_open(tensors->context, reader, &tensors->limits, &zip));
  bzd_status status = BZD_OK;
  for (int64_t i = 0; i < zip.members && status == BZD_OK; i++) status = add_member(tensors, &zip.member[i]);
  bzdi_zip_clear(&zip);
  return status;
}

/* ---- Writing ------------------------------------------------------------------------------------------------- */

static bzd_status write_member(const bzdi_tensors *tensors, int64_t i, int deflated, bzdi_zip_writer *zip) {
  const char *name = tensors->names.name[i];
  const bzdi_array *array = &tensors->array[i];
  char header[BZDI_MOST_NPY_HEADER];
  size_t size, length = strlen(name);
  const void *data;
  void *owned;
  BZDI_TRY(bzdi_npy_header(name, array, header, &size));
  if (length + SUFFIX_LENGTH > MOST_NAME)
    return bzdi_fail(BZD_E_UNSUPPORTED, "tensor %.60s: a name of %zu bytes, NPZ holds at most %d", name, length,
                     MOST_NAME - SUFFIX_LENGTH);
  char *file = bzdi_malloc(tensors->context, length + SUFFIX_LENGTH + 1, 1);
  if (!file) return bzdi_no_memory(name, length + SUFFIX_LENGTH + 1, 1);
  memcpy(file, name, length);
  memcpy(file + length, SUFFIX, SUFFIX_LENGTH + 1);
  bzd_status status = bzdi_tensors_data(tensors, i, &data, &owned);
  if (status == BZD_OK) {
    status = bzdi_zip_add(zip, file, deflated, header, size, data, array->bytes);
    bzdi_free(tensors->context, owned);
  }
  bzdi_free(tensors->context, file);
  return status;
}

bzd_status bzdi_npz_write(const bzdi_tensors *tensors, int deflated, const bzdi_writer *writer) {
  bzdi_zip_writer zip = {.writer = writer, .directory = {.context = tensors->context}};
  if (tensors->keys.count > 0)
    return bzdi_fail(BZD_E_UNSUPPORTED, "NPZ holds no texts, there are %lld", (long long)tensors->keys.count);
  bzd_status status = BZD_OK;
  for (int64_t i = 0; i < tensors->names.count && status == BZD_OK; i++)
    status = write_member(tensors, i, deflated, &zip);
  if (status == BZD_OK) status = bzdi_zip_finish(&zip);
  bzdi_buffer_free(&zip.directory);
  return status;
}
