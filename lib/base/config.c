/* SPDX-License-Identifier: MIT */
#include "base/config.h"

#include "base/error.h"

#include <inttypes.h>
#include <string.h>

/* No public struct is larger; a size above is garbage, and reading that far would crash. */
#define LARGEST 4096

static uint32_t size_of(const void *config) {
  uint32_t size;
  memcpy(&size, config, sizeof size);
  return size;
}

bzd_status bzdi_config_init(const char *name, void *config, size_t size, const void *defaults, size_t ours,
                            size_t first) {
  BZDI_TRY(bzdi_check_ptr(name, config));
  if (size < first || size > LARGEST)
    return bzdi_fail(BZD_E_CONFIG, "%s: size is %zu, expected %zu..%d", name, size, first, LARGEST);
  const uint32_t struct_size = (uint32_t)size;
  memset(config, 0, size);
  memcpy(config, defaults, size < ours ? size : ours);
  memcpy(config, &struct_size, sizeof struct_size);
  return BZD_OK;
}

bzd_status bzdi_config_read(const char *name, const void *config, void *values, size_t ours, size_t first) {
  if (!config) return BZD_OK;
  const size_t size = size_of(config);
  if (size < first || size > LARGEST)
    return bzdi_fail(BZD_E_CONFIG, "%s: never initialised (struct_size is %zu, expected %zu)", name, size, ours);
  for (size_t i = ours; i < size; i++) {
    if (((const unsigned char *)config)[i] != 0)
      return bzdi_fail(BZD_E_CONFIG, "%s: newer than this library (byte %zu is set, %zu are known)", name, i, ours);
  }
  const uint32_t struct_size = (uint32_t)ours;
  memcpy(values, config, size < ours ? size : ours);
  memcpy(values, &struct_size, sizeof struct_size);
  return BZD_OK;
}

bzd_status bzdi_result_check(const char *name, const void *result, size_t first) {
  if (!result) return BZD_OK;
  const size_t size = size_of(result);
  if (size < first || size > LARGEST)
    return bzdi_fail(BZD_E_CONFIG, "%s: never initialised (struct_size is %zu, expected at least %zu)", name, size,
                     first);
  return BZD_OK;
}

void bzdi_result_write(void *result, const void *values, size_t ours) {
  if (!result) return;
  const uint32_t size = size_of(result);
  memcpy(result, values, size < ours ? size : ours);
  memcpy(result, &size, sizeof size);
}

bzd_status bzdi_check_i64(const char *name, const char *field, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return BZD_OK;
  return bzdi_fail(BZD_E_ARGUMENT, "%s: %s is %" PRId64 ", expected %" PRId64 "..%" PRId64, name, field, value, low,
                   high);
}

bzd_status bzdi_check_f64(const char *name, const char *field, double value, double low, double high) {
  if (value >= low && value <= high) return BZD_OK;
  return bzdi_fail(BZD_E_ARGUMENT, "%s: %s is %.9g, expected %.9g..%.9g", name, field, value, low, high);
}

bzd_status bzdi_check_ptr(const char *name, const void *pointer) {
  return pointer ? BZD_OK : bzdi_fail(BZD_E_ARGUMENT, "%s is NULL", name);
}

bzd_status bzdi_check_finite(const char *name, int64_t n, int64_t dim, const float *x) {
  for (int64_t r = 0; r < n; r++) {
    const float *row = x + r * dim;
    uint32_t worst = 0; /* no branch per value: the largest exponent of the row decides */
    for (int64_t c = 0; c < dim; c++) {
      uint32_t bits;
      memcpy(&bits, row + c, sizeof bits);
      bits &= 0x7F800000u;
      worst = bits > worst ? bits : worst;
    }
    if (worst != 0x7F800000u) continue;
    for (int64_t c = 0; c < dim; c++) {
      if (!(row[c] - row[c] == 0))
        return bzdi_fail(BZD_E_NUMERIC, "%s: row %" PRId64 ", column %" PRId64 " is %g", name, r, c, (double)row[c]);
    }
  }
  return BZD_OK;
}
