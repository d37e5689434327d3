/* SPDX-License-Identifier: MIT */
/* Named tensors and texts as other programs' files hold them. Built and written, or opened with every check made before
 * anything is believed (docs/tensor-files.md). */
#ifndef BZDI_STORE_TENSORS_H
#define BZDI_STORE_TENSORS_H

#include "store/element.h"
#include "store/names.h"
#include "store/stream.h"

/* The values of BZD_FORMAT_. */
enum {
  BZDI_FORMAT_AUTO = 0,
  BZDI_FORMAT_SAFETENSORS = 1,
  BZDI_FORMAT_NPY = 2,
  BZDI_FORMAT_NPZ = 3,
  BZDI_FORMAT_IDX = 4,
  BZDI_FORMAT_NPZ_DEFLATED = 5
};
enum { BZDI_MOST_DIMS = 8 };
#define BZDI_UNNAMED "arr_0" /* the tensor of a file without names, as numpy.savez calls it */

typedef struct bzdi_array {
  int32_t type, ndim; /* BZDI_EL_ */
  int64_t shape[BZDI_MOST_DIMS];
  uint64_t bytes;
  void *data;     /* owned; NULL when it lies in the file: */
  bzdi_wrap wrap; /* the stream that holds it, */
  uint64_t skip;  /* after so many bytes of a header, */
  int32_t big_endian, fortran;
} bzdi_array;

typedef struct bzdi_tensors {
  const bzd_context *context; /* the owner's */
  bzdi_names names;           /* of array */
  bzdi_array *array;
  bzdi_names keys; /* of text, each UTF-8 */
  char **text;
  int64_t array_room, text_room;
  int32_t format; /* BZDI_FORMAT_ of the opened file, else AUTO */
  bzdi_reader reader;
  bzdi_limits limits;
  uint64_t raw_bytes;
} bzdi_tensors;

bzd_status bzdi_tensors_new(const bzd_context *context, bzdi_tensors **out);
void bzdi_tensors_free(bzdi_tensors *tensors);
/* The data are copied. */
bzd_status bzdi_tensors_add(bzdi_tensors *tensors, const char *name, int32_t type, int32_t ndim, const int64_t *shape,
                            const void *data);
/* value NULL removes. */
bzd_status bzdi_tensors_set_text(bzdi_tensors *tensors, const char *key, const char *value);
/* Takes the reader over (closes it with the tensors, or at once on failure); limits NULL: the defaults. */
bzd_status bzdi_tensors_open(const bzd_context *context, const bzdi_reader *reader, int32_t format,
                             const bzdi_limits *limits, bzdi_tensors **out);
/* Bytes in C order and this machine's byte order. */
bzd_status bzdi_tensors_read(const bzdi_tensors *tensors, int64_t i, void *to);
bzd_status bzdi_tensors_read_f32(const bzdi_tensors *tensors, int64_t i, float *to);
bzd_status bzdi_tensors_write(const bzdi_tensors *tensors, int32_t format, const bzdi_writer *writer);
uint64_t bzdi_array_count(const bzdi_array *array);

/* ---- For the formats ----------------------------------------------------------------------------------------- */

/* The bytes of a shape into *bytes; 0: more than 2^62, or a dimension below 0. */
int bzdi_array_bytes(int32_t type, int32_t ndim, const int64_t *shape, uint64_t *bytes);
/* One tensor more from a file, name and array copied, the name not yet found; refuses what passes a limit. */
bzd_status bzdi_tensors_append(bzdi_tensors *tensors, const char *name, size_t length, const bzdi_array *array);
/* One text more, key and value taken over when that succeeds. */
bzd_status bzdi_tensors_append_text(bzdi_tensors *tensors, char *key, char *value);
/* Names are found from now on; refuses one that is there twice. */
bzd_status bzdi_tensors_sort(bzdi_tensors *tensors);
bzd_status bzdi_over(const char *what, uint64_t have, uint64_t limit); /* BZD_E_LIMIT with the numbers */
/* The bytes of tensor i: its own data, or read into *owned, which the caller frees. */
bzd_status bzdi_tensors_data(const bzdi_tensors *tensors, int64_t i, const void **data, void **owned);

bzd_status bzdi_safetensors_open(bzdi_tensors *tensors);
bzd_status bzdi_safetensors_write(const bzdi_tensors *tensors, const bzdi_writer *writer);
bzd_status bzdi_npy_open(bzdi_tensors *tensors);
bzd_status bzdi_npy_write(const bzdi_tensors *tensors, const bzdi_writer *writer);
bzd_status bzdi_npz_open(bzdi_tensors *tensors);
bzd_status bzdi_npz_write(const bzdi_tensors *tensors, int deflated, const bzdi_writer *writer);
bzd_status bzdi_idx_open(bzdi_tensors *tensors);

/* The NPY header of a stream of size raw bytes, of which it must leave exactly the data. */
bzd_status bzdi_npy_read_header(const bzdi_tensors *tensors, bzdi_stream *stream, uint64_t size, bzdi_array *array);
enum { BZDI_MOST_NPY_HEADER = 512 };
/* Magic to newline as NumPy writes it; BZD_E_UNSUPPORTED for bf16. */
bzd_status bzdi_npy_header(const char *name, const bzdi_array *array, char header[BZDI_MOST_NPY_HEADER], size_t *size);

#endif
