/* SPDX-License-Identifier: MIT */
/* Arrays of NPY and IDX files, by the library's readers and writer. */
#include "cli.h"
#include "digits.h"

#include <stdlib.h>
#include <string.h>

/* The one tensor of such a file, of at least one row. */
static size_t facts(const char *path, const bzd_tensors *tensors, int most, int *ndim, int64_t *shape,
                    bzd_tensor_info *info) {
  *info = (bzd_tensor_info){.struct_size = sizeof *info};
  must(bzd_tensors_get(tensors, 0, info), path);
  *ndim = info->ndim;
  if (*ndim < 1 || *ndim > most) die("%s: %d dimensions, expected 1..%d", path, *ndim, most);
  size_t count = 1; /* the library has checked the product */
  for (int i = 0; i < *ndim; i++) {
    if (info->shape[i] == 0) die("%s: dimension %d is 0", path, i);
    count *= (size_t)(shape[i] = info->shape[i]);
  }
  return count;
}

float *npy_read(const char *path, int *ndim, int64_t shape[5]) {
  bzd_tensors *tensors;
  bzd_tensor_info info;
  must(bzd_tensors_open_file(NULL, path, BZD_FORMAT_NPY, NULL, &tensors), NULL);
  size_t count = facts(path, tensors, 5, ndim, shape, &info);
  bool bytes = !strcmp(info.dtype, "u8");
  if (info.dtype[0] != 'f' && !bytes) die("%s: element type %s, only floats and u8 are read", path, info.dtype);
  float *values = must_alloc(count, sizeof(float));
  must(bzd_tensors_read_f32(tensors, 0, values, count), path);
  for (size_t i = 0; bytes && i < count; i++) values[i] = (values[i] - 127.5f) / 127.5f;
  bzd_tensors_destroy(tensors);
  return values;
}

void npy_write(const char *path, int ndim, const int64_t *shape, const float *values) {
  bzd_tensors *tensors;
  must(bzd_tensors_create(NULL, &tensors), path);
  must(bzd_tensors_add(tensors, "", "f32", ndim, shape, values), path);
  must(bzd_tensors_write_file(tensors, path, BZD_FORMAT_NPY), NULL);
  bzd_tensors_destroy(tensors);
}

unsigned char *idx_read(const char *path, int *ndim, int64_t shape[4]) {
  bzd_tensors *tensors;
  bzd_tensor_info info;
  bool labels = !strcmp(path, "digits-labels");
  if (labels || !strcmp(path, "digits")) /* inside the program */
    must(bzd_tensors_open_buffer(NULL, labels ? digits_labels : digits_images,
                                 labels ? digits_labels_size : digits_images_size, BZD_FORMAT_IDX, NULL, &tensors),
         path);
  else
    must(bzd_tensors_open_file(NULL, path, BZD_FORMAT_IDX, NULL, &tensors), NULL);
  size_t count = facts(path, tensors, 4, ndim, shape, &info);
  if (strcmp(info.dtype, "u8") != 0) die("%s: IDX element type %s, only bytes are read", path, info.dtype);
  unsigned char *bytes = must_alloc(count, 1);
  must(bzd_tensors_read(tensors, 0, bytes, count), path);
  bzd_tensors_destroy(tensors);
  return bytes;
}
