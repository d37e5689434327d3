/* SPDX-License-Identifier: MIT */
/* Data sets: rows of bytes or floats, borrowed or copied, with labels or conditions beside them. */
#ifndef BEZDIST_DATA_H
#define BEZDIST_DATA_H

#include <bezdist/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BZD_DTYPE_F32 1 /* float */
#define BZD_DTYPE_U8 2  /* bytes */

#define BZD_NORMALISE_AUTO 0        /* bytes: 0..255 -> -1..1; floats: as they are */
#define BZD_NORMALISE_NONE 1        /* the numbers themselves */
#define BZD_NORMALISE_STANDARDISE 2 /* per coordinate: mean 0, standard deviation 1 (n - 1; constant ones: 1) */
#define BZD_NORMALISE_GIVEN 3       /* by scale and offset below */

/* What bzd_data_create takes. */
typedef struct bzd_data_config {
  uint32_t struct_size;  /* set by bzd_data_config_init */
  int32_t dtype;         /* BZD_DTYPE_, default F32 */
  int64_t n;             /* rows, 1..2^40; required */
  int64_t dim;           /* numbers in a row, 1..2^20; required */
  int64_t row_stride;    /* distance of rows in elements, >= dim; 0 (default) = dim. labels and cond are dense */
  const void *rows;      /* [n, dim]; floats must be finite (checked on creation) */
  int32_t copy;          /* 1 (default): copied; 0: borrowed, rows, labels and cond must outlive the data and all that
                            retains it, and must not change */
  int32_t classes;       /* with labels: number of classes, 1..2^20; 0 (default) without */
  const int32_t *labels; /* [n] in 0..classes-1, or NULL (default); become one-hot conditions, cond_dim = classes */
  const float *cond;     /* [n, cond_dim] finite, or NULL (default); not together with labels */
  int64_t cond_dim;      /* 0 (default) without cond */
  int32_t normalise;     /* BZD_NORMALISE_, default AUTO: model value = (data value - offset) / scale */
  int32_t item_ndim;     /* 0..4, default 0 = [dim] */
  const float *scale;    /* [dim], with GIVEN only, copied: finite and not 0 */
  const float *offset;   /* [dim], with GIVEN only, copied: finite */
  int64_t item_shape[4]; /* such as {1, 28, 28}: product = dim; each 1..2^20 */
} bzd_data_config;

/* Defaults, and the size of the struct in this library: as bzd_context_config_init and _size. Threads: any. Since 0.1.
 */
BZD_API bzd_status bzd_data_config_init(bzd_data_config *config, size_t size);
BZD_API size_t bzd_data_config_size(void);

/* A data set of config's rows. context NULL = the default one. Status: BZD_E_ARGUMENT (names field, value and range;
 * the first label out of range), BZD_E_DIMENSION (item_shape), BZD_E_NUMERIC (first row and column that is not finite),
 * BZD_E_STATE (context), BZD_E_CONFIG, BZD_E_MEMORY. *out NULL on failure. Threads: any. Since 0.1. */
BZD_API bzd_status bzd_data_create(const bzd_context *context, const bzd_data_config *config, bzd_data **out);
/* Drops the caller's hold. NULL is fine. Threads: any, once. Since 0.1. */
BZD_API void bzd_data_destroy(bzd_data *data);

/* What bzd_data_get_info fills. */
typedef struct bzd_data_info {
  uint32_t struct_size;  /* set by the caller */
  int32_t dtype;         /* BZD_DTYPE_ of the rows given */
  int64_t n;             /* rows */
  int64_t dim;           /* numbers in a row */
  int64_t cond_dim;      /* classes when there are labels */
  int32_t classes;       /* 0 without labels */
  int32_t has_affine;    /* 1 unless the normalisation is the identity */
  int32_t item_ndim;     /* as given in the config */
  int32_t reserved;      /* 0 */
  int64_t item_shape[4]; /* the first item_ndim */
} bzd_data_info;

/* sizeof(bzd_data_info) in this library. Threads: any. Since 0.1. */
BZD_API size_t bzd_data_info_size(void);
/* Facts of a data set into the part of *info that the caller's struct_size covers. Status: BZD_E_ARGUMENT (NULL),
 * BZD_E_STATE (not a live handle), BZD_E_CONFIG (struct_size never set). Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_data_get_info(const bzd_data *data, bzd_data_info *info);
/* scale[dim] and offset[dim] of the normalisation (1 and 0 when there is none), ready for bzd_flow_config; either may
 * be NULL. Status: BZD_E_ARGUMENT (NULL), BZD_E_STATE. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_data_get_affine(const bzd_data *data, float *scale, float *offset);
/* Rows first..first+n-1 (within the set) in model units: x [n, dim], cond [n, cond_dim]; either may be NULL. Status:
 * BZD_E_ARGUMENT, BZD_E_STATE. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_data_get_rows(const bzd_data *data, int64_t first, int64_t n, float *x, float *cond);

#ifdef __cplusplus
}
#endif
#endif
