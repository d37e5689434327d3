/* SPDX-License-Identifier: MIT */
/* Other programs' tensor files: named tensors and texts, read from and written to safetensors, NPY and NPZ, read from
 * IDX; flows in them under PyTorch's names. What is read, written and refused: docs/tensor-files.md. */
#ifndef BEZDIST_TENSORS_H
#define BEZDIST_TENSORS_H

#include <bezdist/checkpoint.h>
#include <bezdist/flow.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BZD_FORMAT_AUTO 0         /* opening only: told by the first bytes */
#define BZD_FORMAT_SAFETENSORS 1  /* tensors and texts */
#define BZD_FORMAT_NPY 2          /* one tensor, no name (called "arr_0"), no texts, no bf16 */
#define BZD_FORMAT_NPZ 3          /* written as numpy.savez does; no texts, no bf16 */
#define BZD_FORMAT_IDX 4          /* opening only; plain or gzipped; one tensor, called "arr_0" */
#define BZD_FORMAT_NPZ_DEFLATED 5 /* writing only: as numpy.savez_compressed does */

/* ---- Bytes in ------------------------------------------------------------------------------------------------ */

/* Headers are read and checked, tensors when they are asked for; format is BZD_FORMAT_AUTO.._IDX. Of limits (NULL = the
 * defaults) max_raw is the bytes of all tensors, max_index those of a header or directory, max_meta the texts. The file
 * stays open until destroy. Status: BZD_E_ARGUMENT, BZD_E_STATE (context), BZD_E_CONFIG, BZD_E_IO, BZD_E_FORMAT
 * (another kind of file), BZD_E_CORRUPT, BZD_E_VERSION, BZD_E_UNSUPPORTED (what it holds is named), BZD_E_LIMIT,
 * BZD_E_MEMORY. *out NULL on failure. Threads: any. Since 0.1. */
BZD_API bzd_status bzd_tensors_open_file(const bzd_context *context, const char *path, int32_t format,
                                         const bzd_limits *limits, bzd_tensors **out);
/* The same from size bytes at data, borrowed until destroy. Status and threads as bzd_tensors_open_file. Since 0.1. */
BZD_API bzd_status bzd_tensors_open_buffer(const bzd_context *context, const void *data, size_t size, int32_t format,
                                           const bzd_limits *limits, bzd_tensors **out);
/* The same through fn; fn and user must outlive the tensors. Status and threads as bzd_tensors_open_file. Since 0.1. */
BZD_API bzd_status bzd_tensors_open_callback(const bzd_context *context, bzd_read_fn fn, void *user, uint64_t file_size,
                                             int32_t format, const bzd_limits *limits, bzd_tensors **out);

/* ---- Building ------------------------------------------------------------------------------------------------ */

/* No tensors, no texts. *out is the caller's to destroy, NULL on failure. Status: BZD_E_ARGUMENT, BZD_E_STATE
 * (context), BZD_E_MEMORY. Threads: any. Since 0.1. */
BZD_API bzd_status bzd_tensors_create(const bzd_context *context, bzd_tensors **out);
/* Drops the caller's hold. NULL is fine. Threads: any, once. Since 0.1. */
BZD_API void bzd_tensors_destroy(bzd_tensors *tensors);
/* One tensor more, also to an opened file's, which itself stays as it is. name: UTF-8, new. dtype: "bool", "u8", "i8",
 * "u16", "i16", "f16", "bf16", "u32", "i32", "f32", "u64", "i64" or "f64". ndim 0..8 (0: one number, shape may be
 * NULL); each dimension at least 0. data: the numbers in C order and this machine's byte order, copied; may be NULL
 * when there are none. Status: BZD_E_ARGUMENT, BZD_E_STATE, BZD_E_MEMORY. Threads: exclusive. Since 0.1. */
BZD_API bzd_status bzd_tensors_add(bzd_tensors *tensors, const char *name, const char *dtype, int32_t ndim,
                                   const int64_t *shape, const void *data);
/* Sets a text (safetensors' __metadata__): key and value UTF-8, both copied; value NULL removes the key. Status:
 * BZD_E_ARGUMENT, BZD_E_STATE, BZD_E_MEMORY. Threads: exclusive. Since 0.1. */
BZD_API bzd_status bzd_tensors_set_text(bzd_tensors *tensors, const char *key, const char *value);

/* ---- Looking inside ------------------------------------------------------------------------------------------ */

/* What bzd_tensors_get_info fills. */
typedef struct bzd_tensors_info {
  uint32_t struct_size; /* set by the caller */
  int32_t format;       /* BZD_FORMAT_ of the opened file; AUTO when built */
  int64_t count;        /* of tensors */
  int64_t texts;        /* number of them */
  uint64_t raw_bytes;   /* of all tensors */
  uint64_t file_bytes;  /* 0 when built */
} bzd_tensors_info;

/* sizeof(bzd_tensors_info) in this library. Threads: any. Since 0.1. */
BZD_API size_t bzd_tensors_info_size(void);
/* Facts into the part of *info that the caller's struct_size covers. Status: BZD_E_ARGUMENT (NULL), BZD_E_STATE,
 * BZD_E_CONFIG (struct_size never set). Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_tensors_get_info(const bzd_tensors *tensors, bzd_tensors_info *info);
/* Tensor i in the order of the header or directory, then of adding: bzd_tensor_info with role 0; stored_bytes are those
 * in the file, wrapping included (0 when added). Its strings live as long as the tensors. Status: BZD_E_ARGUMENT (i,
 * NULL), BZD_E_STATE, BZD_E_CONFIG. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_tensors_get(const bzd_tensors *tensors, int64_t i, bzd_tensor_info *info);
/* *i: the tensor of this name, -1 when there is none. Status: BZD_E_ARGUMENT (NULL), BZD_E_STATE. Threads: shared-read.
 * Since 0.1. */
BZD_API bzd_status bzd_tensors_find(const bzd_tensors *tensors, const char *name, int64_t *i);
/* Tensor i into data of cap >= raw_bytes bytes, in C order and this machine's byte order, whatever those of the file;
 * checksums are checked where the file has them. Status: BZD_E_LIMIT (cap), BZD_E_ARGUMENT, BZD_E_STATE, BZD_E_CORRUPT,
 * BZD_E_IO, BZD_E_MEMORY; data hold no meaning after the last three. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_tensors_read(const bzd_tensors *tensors, int64_t i, void *data, size_t cap);
/* The same as float32, count (exactly those of tensor i) of them: f16 and bf16 exactly; f64 and whole numbers rounded
 * to nearest, ties to even, f64 beyond the range to infinity; bool 0 or 1. Status: BZD_E_DIMENSION (count), otherwise
 * as bzd_tensors_read. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_tensors_read_f32(const bzd_tensors *tensors, int64_t i, float *data, size_t count);
/* The i-th key and value in ascending order of keys; they live until the texts change; either may be NULL. Status:
 * BZD_E_ARGUMENT (i), BZD_E_STATE. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_tensors_text_at(const bzd_tensors *tensors, int64_t i, const char **key, const char **value);
/* Value of a key, *value NULL when there is none; it lives until the texts change. Status: BZD_E_ARGUMENT, BZD_E_STATE.
 * Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_tensors_get_text(const bzd_tensors *tensors, const char *key, const char **value);

/* ---- Bytes out ----------------------------------------------------------------------------------------------- */

/* Writes a format: BZD_FORMAT_SAFETENSORS, _NPY, _NPZ or _NPZ_DEFLATED. Atomic as bzd_checkpoint_write_file; path may
 * be the file that was opened. Status: BZD_E_UNSUPPORTED (what the format cannot hold is named), BZD_E_ARGUMENT,
 * BZD_E_STATE, BZD_E_IO, BZD_E_CORRUPT (a tensor of an opened file), BZD_E_MEMORY. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_tensors_write_file(const bzd_tensors *tensors, const char *path, int32_t format);
/* The bytes of the file through fn. Status and threads as bzd_tensors_write_file. Since 0.1. */
BZD_API bzd_status bzd_tensors_write_callback(const bzd_tensors *tensors, bzd_write_fn fn, void *user, int32_t format);
/* Into buf of cap bytes; *size is the size needed, also when buf is NULL (then nothing is written) or too small
 * (BZD_E_LIMIT, and buf holds no meaning). Otherwise as bzd_tensors_write_file. Since 0.1. */
BZD_API bzd_status bzd_tensors_write_buffer(const bzd_tensors *tensors, void *buf, size_t cap, size_t *size,
                                            int32_t format);

/* ---- Flows --------------------------------------------------------------------------------------------------- */

/* A flow as tensors, float32 and copied: "layers.L.weight" [out, in] and "layers.L.bias" [out] as PyTorch has them, the
 * skip connection's "skip.weight" [heads, time_features] and "skip.bias" [heads] where there is one, the buffers
 * "frequencies" and (with an affine) "scale" and "offset"; the rest of it, its metadata included, as JSON in the text
 * "bezdist". Status: BZD_E_UNSUPPORTED (a callback flow), BZD_E_ARGUMENT, BZD_E_STATE, BZD_E_MEMORY. *out NULL
 * on failure. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_tensors_from_flow(const bzd_flow *flow, bzd_tensors **out);
/* The flow of such tensors; with float32 the same bits. Weights may be any floating type. Without the text "bezdist" it
 * is a plain state dict: config says what shapes cannot (kind, degree, dim, cond_dim; item shape; scale and offset
 * where the tensors hold none), layers, width, time_features and skip are told by the shapes, missing frequencies are
 * the library's own, and the activation is SiLU. With the text config is ignored and may be NULL. A tensor that is no
 * part of a flow is refused. Status: BZD_E_ARGUMENT, BZD_E_STATE, BZD_E_CONFIG, BZD_E_UNSUPPORTED (no text and no
 * config, a foreign tensor or type), BZD_E_DIMENSION (shapes that do not fit config), BZD_E_CORRUPT (those that do not
 * fit the text, numbers that are not finite), BZD_E_VERSION, BZD_E_IO, BZD_E_MEMORY. *out NULL on failure. Threads:
 * shared-read. Since 0.1. */
BZD_API bzd_status bzd_tensors_get_flow(const bzd_tensors *tensors, const bzd_flow_config *config, bzd_flow **out);

#ifdef __cplusplus
}
#endif
#endif
