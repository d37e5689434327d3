/* SPDX-License-Identifier: MIT */
/* The one reader of the caller's structs and the one writer of result structs (docs/abi.md). */
#ifndef BZDI_BASE_CONFIG_H
#define BZDI_BASE_CONFIG_H

#include <bezdist/base.h>

/* Body of every bzd_<x>_config_init: zeroes size bytes of the caller's struct, then copies the part of defaults (ours
 * bytes) that fits and sets struct_size = size. Refuses NULL, and size < first (the first released size). */
bzd_status bzdi_config_init(const char *name, void *config, size_t size, const void *defaults, size_t ours,
                            size_t first);

/* Overlays the caller's struct on *values, which holds our defaults (ours bytes). NULL config: the defaults stand.
 * Below first: "never initialised"; longer than ours with a non-zero tail: "newer than this library". */
bzd_status bzdi_config_read(const char *name, const void *config, void *values, size_t ours, size_t first);

/* Writes a result struct to the smaller of the caller's size and ours; the caller's struct_size stays. NULL: nothing to
 * do. Check before any work with bzdi_result_check. */
bzd_status bzdi_result_check(const char *name, const void *result, size_t first);
void bzdi_result_write(void *result, const void *values, size_t ours);

/* Range checks with one wording: "<name>: <field> is <value>, expected <low>..<high>". NaN fails. */
bzd_status bzdi_check_i64(const char *name, const char *field, int64_t value, int64_t low, int64_t high);
bzd_status bzdi_check_f64(const char *name, const char *field, double value, double low, double high);
bzd_status bzdi_check_ptr(const char *name, const void *pointer); /* "<name> is NULL" */
/* Finite rows: BZD_E_NUMERIC "<name>: row <r>, column <c> is <value>". */
bzd_status bzdi_check_finite(const char *name, int64_t n, int64_t dim, const float *x);

#endif
