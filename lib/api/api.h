/* SPDX-License-Identifier: MIT */
/* What the api files share: checks of arguments with one wording. */
#ifndef BZDI_API_API_H
#define BZDI_API_API_H

#include "api/sizes.h"
#include "base/alloc.h"
#include "base/config.h"
#include "base/context.h"
#include "base/error.h"
#include "base/handle.h"

#include <bezdist/bezdist.h>

_Static_assert(sizeof(void *) == 8 && sizeof(size_t) == 8, "libbezdist is for 64-bit platforms");
_Static_assert(sizeof(float) == 4 && sizeof(double) == 8, "float and double must be IEEE 754 binary32 and binary64");

#define BZDI_MAX_DIM (INT64_C(1) << 20)
#define BZDI_MAX_ROWS (INT64_C(1) << 40)
#define BZDI_MAX_INDEX (INT64_C(1) << 62) /* sample numbers: first + n cannot overflow */

/* Out parameter of a create function: refused when NULL, else NULL until the end. */
#define BZDI_OUT(out)                                                                                                  \
  do {                                                                                                                 \
    BZDI_TRY(bzdi_check_ptr("out", out));                                                                              \
    *(out) = NULL;                                                                                                     \
  } while (0)

/* NULL is a context too. */
static inline bzd_status bzdi_check_context(const bzd_context *context) {
  return context == NULL ? BZD_OK : bzdi_handle_check(context, BZDI_MAGIC_CONTEXT, "context", "context");
}

/* n rows of per_row elements, each of 8 bytes at most, with room left for every sum of such products. */
static inline bzd_status bzdi_check_rows(const char *name, int64_t n, int64_t per_row) {
  int64_t most = INT64_MAX / 64 / per_row;
  return bzdi_check_i64(name, "n", n, 0, most < BZDI_MAX_ROWS ? most : BZDI_MAX_ROWS);
}

static inline bzd_status bzdi_check_degree(const char *name, int32_t degree, int32_t low, int32_t high) {
  return bzdi_check_i64(name, "degree", degree, low, high);
}

/* Rows first..first+n-1 of endlessly many samples. */
static inline bzd_status bzdi_check_first(const char *name, const char *field, int64_t first) {
  return bzdi_check_i64(name, field, first, 0, BZDI_MAX_INDEX);
}

/* Numbers of a short list: "<name>: <field>[i] is nan, expected low..high". */
bzd_status bzdi_check_list(const char *name, const char *field, int64_t count, const double *values, double low,
                           double high);
/* times[0] = t0, strictly monotone, times[count-1] = t1. */
bzd_status bzdi_check_times(const char *name, const char *field, int64_t count, const double *times, double t0,
                            double t1);
/* t[n], each in 0..1. */
bzd_status bzdi_check_row_times(const char *name, int64_t n, const float *t);

/* Times of degree - 1 guides: ascending, none within 0.05 of 0, 1 or each other. */
bzd_status bzdi_check_waypoints(const char *name, const char *field, int32_t degree, const double *tau);

/* Guidance other than 1 needs conditions to guide by. */
bzd_status bzdi_check_guidance(const char *name, double guidance, int64_t cond_dim, const float *cond);

/* A handle the caller gives up. Neither NULL nor something that is not such a handle is touched. */
void bzdi_destroy(void *object, uint32_t magic);

#endif
