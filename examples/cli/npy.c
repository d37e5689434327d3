/* SPDX-License-Identifier: MIT */
/* NPY files (numpy.lib.format versions 1 to 3): float32, float64 and uint8, little-endian, C order. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Text after "'key':" in the header's dictionary. */
static const char *find_key(const char *header, const char *key) {
  char quoted[32];
  snprintf(quoted, sizeof quoted, "'%s'", key);
  const char *at = strstr(header, quoted);
  if (!at) return NULL;
  at += strlen(quoted);
  while (*at == ' ' || *at == ':') at++;
  return at;
}

static size_t parse_header(const char *path, const char *header, int *ndim, int64_t shape[5], int *kind) {
  static const struct {
    const char *descr;
    size_t size;
  } types[] = {{"'<f4'", 4}, {"'<f8'", 8}, {"'|u1'", 1}, {"'u1'", 1}};
  const char *descr = find_key(header, "descr"), *order = find_key(header, "fortran_order"),
             *at = find_key(header, "shape");
  if (!descr || !order || !at || *at != '(') die("%s: NPY header without descr, fortran_order or shape", path);
  if (strncmp(order, "False", 5) != 0) die("%s: Fortran order; save it with numpy.ascontiguousarray", path);
  *kind = -1;
  for (int i = 0; i < 4; i++)
    if (!strncmp(descr, types[i].descr, strlen(types[i].descr))) *kind = i;
  if (*kind < 0) die("%s: element type %.6s, only <f4, <f8 and u1 are read", path, descr);
  for (*ndim = 0, at++;;) {
    while (*at == ' ' || *at == ',') at++;
    if (*at == ')') break;
    char *end;
    errno = 0;
    long long size = strtoll(at, &end, 10);
    if (end == at || errno || size < 1 || *ndim == 5) die("%s: shape that cannot be used: %.40s", path, at);
    shape[(*ndim)++] = size;
    at = end;
  }
  if (*ndim == 0) die("%s: a scalar, expected rows", path);
  return types[*kind].size;
}

float *npy_read(const char *path, int *ndim, int64_t shape[5]) {
  FILE *file = fopen(path, "rb");
  if (!file) die("%s: %s", path, strerror(errno));
  unsigned char head[12];
  if (fread(head, 1, 10, file) != 10 || memcmp(head, "\x93NUMPY", 6) != 0) die("%s: not an NPY file", path);
  size_t length = (size_t)head[8] | (size_t)head[9] << 8;
  if (head[6] > 1) {
    if (fread(head + 10, 1, 2, file) != 2) die("%s: cut off in its header", path);
    length |= (size_t)head[10] << 16 | (size_t)head[11] << 24;
  }
  if (head[6] < 1 || head[6] > 3 || length > 1 << 20)
    die("%s: NPY version %d or header length %zu", path, head[6], length);
  char *header = must_alloc(length + 1, 1);
  if (fread(header, 1, length, file) != length) die("%s: cut off in its header", path);
  int kind;
  size_t size = parse_header(path, header, ndim, shape, &kind), count = 1;
  free(header);
  for (int i = 0; i < *ndim; i++)
    if (__builtin_mul_overflow(count, (size_t)shape[i], &count) || count > (size_t)1 << 34)
      die("%s: more than 2^34 elements", path);
  long data = ftell(file);
  if (fseek(file, 0, SEEK_END) != 0 || ftell(file) - data != (long)(count * size))
    die("%s: %ld bytes of data, its shape says %zu", path, ftell(file) - data, count * size);
  fseek(file, data, SEEK_SET);
  unsigned char *raw = must_alloc(count, size);
  if (fread(raw, size, count, file) != count) die("%s: cannot be read: %s", path, strerror(errno));
  fclose(file);
  if (size == 4) return (float *)(void *)raw; /* malloc's alignment serves */
  float *values = must_alloc(count, sizeof(float));
  for (size_t i = 0; i < count; i++) {
    double wide;
    if (size == 8) memcpy(&wide, raw + 8 * i, 8);
    values[i] = size == 8 ? (float)wide : ((float)raw[i] - 127.5f) / 127.5f;
  }
  free(raw);
  return values;
}

void npy_write(const char *path, int ndim, const int64_t *shape, const float *values) {
  char header[256];
  size_t count = 1;
  int length = snprintf(header + 10, sizeof header - 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
  for (int i = 0; i < ndim; i++) {
    length += snprintf(header + 10 + length, sizeof header - 10 - (size_t)length, "%lld, ", (long long)shape[i]);
    count *= (size_t)shape[i];
  }
  length += snprintf(header + 10 + length, sizeof header - 10 - (size_t)length, "), }");
  while ((10 + length + 1) % 64) header[10 + length++] = ' ';
  header[10 + length++] = '\n';
  memcpy(header, "\x93NUMPY\x01\x00", 8);
  header[8] = (char)(length & 255);
  header[9] = (char)(length >> 8);
  size_t size = 10 + (size_t)length + count * sizeof(float);
  char *file = must_alloc(size, 1);
  memcpy(file, header, 10 + (size_t)length);
  memcpy(file + 10 + length, values, count * sizeof(float));
  write_atomic(path, file, size);
  free(file);
}
