/* SPDX-License-Identifier: MIT */
/* Checkpoints: what a .bzd file holds, as an object. Built from a flow, ensemble, trainer or path store, or opened from
 * a file; written to a file, a buffer or a callback. Format: docs/checkpoint-format.md. */
#ifndef BEZDIST_CHECKPOINT_H
#define BEZDIST_CHECKPOINT_H

#include <bezdist/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a reader may be made to use by a file. 0 stands for the default. */
typedef struct bzd_limits {
  uint32_t struct_size; /* set by bzd_limits_init */
  uint32_t reserved;    /* 0 */
  uint64_t max_file;    /* bytes of the file, default 64 GiB */
  uint64_t max_raw;     /* bytes of all tensors when decoded, default 64 GiB */
  uint64_t max_index;   /* bytes of the index and of what it becomes in memory, default 64 MiB */
  int64_t max_tensors;  /* default 65536 */
  int64_t max_meta;     /* key-values, default 65536 */
} bzd_limits;

/* Defaults, and the size of the struct in this library: as bzd_context_config_init and _size. Threads: any. Since 0.1.
 */
BZD_API bzd_status bzd_limits_init(bzd_limits *limits, size_t size);
BZD_API size_t bzd_limits_size(void);

/* ---- Building ------------------------------------------------------------------------------------------------ */

/* Snapshots: the checkpoint holds copies, the object may go on. Ensembles carry their members. BZD_E_UNSUPPORTED where
 * a callback flow would have to be stored; BZD_E_ARGUMENT (NULL), BZD_E_STATE (not a live handle), BZD_E_MEMORY. *out
 * NULL on failure. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_from_flow(const bzd_flow *flow, bzd_checkpoint **out);
BZD_API bzd_status bzd_checkpoint_from_ensemble(const bzd_ensemble *ensemble, bzd_checkpoint **out);
/* Everything exact resume needs but the source: raw weights, EMA, moments, step, config, the source's identity. As
 * above; exclusive with run. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_from_trainer(const bzd_trainer *trainer, bzd_checkpoint **out);
/* Path stores only (bzd_source_create_pool); others BZD_E_UNSUPPORTED. Retains the store, which never changes, instead
 * of a copy. Otherwise as above. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_from_source(const bzd_source *source, bzd_checkpoint **out);
/* A path store too large for memory: samples first..first+count-1 of base (0..2^62, 1..2^32), in windows of `window`
 * rows (1..2^32, at most 16384 windows; 0: bzd_source_create_pool's), with the order of seed. Nothing is made now: each
 * write makes the paths, on its thread, a window in memory at a time, calls progress (may be NULL; fn and user must
 * outlive the checkpoint; non-zero stops the write with BZD_E_CANCELLED) and fails as bzd_source_get_paths where base
 * does. The same samples always give the same bytes; with window 0 those that bzd_source_create_pool and
 * bzd_checkpoint_from_source give. write_buffer makes the paths also to find the size; reading tensors and the content
 * id make what they need; a source comes of what was written only (BZD_E_STATE). Retains base. Status: BZD_E_ARGUMENT
 * (NULL, numbers), BZD_E_STATE, BZD_E_MEMORY. *out NULL on failure. Threads: shared-read on base. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_from_paths(const bzd_source *base, int64_t first, int64_t count, int64_t window,
                                             uint64_t seed, bzd_progress_fn progress, void *user, bzd_checkpoint **out);
/* Drops the caller's hold. NULL is fine. Threads: any, once. Since 0.1. */
BZD_API void bzd_checkpoint_destroy(bzd_checkpoint *checkpoint);

/* ---- Bytes out ----------------------------------------------------------------------------------------------- */

/* Atomic: written beside path (".NAME.bezdist-0"), made durable, renamed over it. On failure the file at path is what
 * it was and nothing else is left; but when only the folder could not be made durable (the text says "written, but"),
 * the new file stands and a power cut may bring the old one back. What a killed save left the next save of path
 * removes. Keeps the old file's mode; a link is replaced, not followed; what is neither a regular file nor a link to
 * one is refused. Status: BZD_E_IO (path and cause), BZD_E_ARGUMENT, BZD_E_STATE, BZD_E_MEMORY. Threads: exclusive; any
 * number of threads and processes may save to one path. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_write_file(bzd_checkpoint *checkpoint, const char *path);
/* Takes size bytes, in order, on the caller's thread; non-zero stops with BZD_E_IO, the number quoted. */
typedef int32_t (*bzd_write_fn)(void *user, const void *data, size_t size);
/* The bytes of the file through fn. Status and threads as bzd_checkpoint_write_file. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_write_callback(bzd_checkpoint *checkpoint, bzd_write_fn fn, void *user);
/* Into buf of cap bytes; *size is the size needed, also when buf is NULL (then nothing is written) or too small
 * (BZD_E_LIMIT, and buf holds no meaning). Status: BZD_E_ARGUMENT, BZD_E_STATE, BZD_E_MEMORY. Threads: exclusive. Since
 * 0.1. */
BZD_API bzd_status bzd_checkpoint_write_buffer(bzd_checkpoint *checkpoint, void *buf, size_t cap, size_t *size);

/* ---- Bytes in ------------------------------------------------------------------------------------------------ */

/* Header, trailer and index are read and checked; tensors when they are asked for. limits NULL = the defaults. The file
 * stays open until destroy. Status: BZD_E_ARGUMENT, BZD_E_STATE (context), BZD_E_CONFIG, BZD_E_IO, BZD_E_FORMAT,
 * BZD_E_CORRUPT, BZD_E_VERSION, BZD_E_LIMIT, BZD_E_MEMORY. Threads: any. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_open_file(const bzd_context *context, const char *path, const bzd_limits *limits,
                                            bzd_checkpoint **out);
/* The same from size bytes at data, borrowed until destroy. Status and threads as bzd_checkpoint_open_file. Since 0.1.
 */
BZD_API bzd_status bzd_checkpoint_open_buffer(const bzd_context *context, const void *data, size_t size,
                                              const bzd_limits *limits, bzd_checkpoint **out);
/* Fills data with size bytes from offset of a file of file_size bytes; non-zero = BZD_E_IO. fn may be called until
 * destroy, on the thread of the call that needs bytes. */
typedef int32_t (*bzd_read_fn)(void *user, uint64_t offset, void *data, size_t size);
/* The same through fn; fn and user must outlive the checkpoint. Status and threads as bzd_checkpoint_open_file. Since
 * 0.1. */
BZD_API bzd_status bzd_checkpoint_open_callback(const bzd_context *context, bzd_read_fn fn, void *user,
                                                uint64_t file_size, const bzd_limits *limits, bzd_checkpoint **out);

/* ---- Objects back -------------------------------------------------------------------------------------------- */

/* The flow of a flow's or trainer's file, the caller's to destroy; which is BZD_WEIGHTS_ of trainer.h. The new object
 * needs the checkpoint no more. Status: BZD_E_STATE (it holds something else, or no averaged weights), BZD_E_ARGUMENT,
 * BZD_E_CORRUPT, BZD_E_IO, BZD_E_MEMORY. *out NULL on failure. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_get_flow(const bzd_checkpoint *checkpoint, int32_t which, bzd_flow **out);
/* The ensemble of an ensemble's file, members included. Otherwise as bzd_checkpoint_get_flow. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_get_ensemble(const bzd_checkpoint *checkpoint, bzd_ensemble **out);
/* The trainer of a trainer's file, at the step where it was saved, on source, which it retains and which must be the
 * one the trainer had (same kind, seed, data, teachers: compared by identity; BZD_E_ARGUMENT when it differs). The
 * schedule is the saved one. Otherwise as bzd_checkpoint_get_flow. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_get_trainer(const bzd_checkpoint *checkpoint, const bzd_source *source,
                                              bzd_trainer **out);
/* The path store of its file, all of it in memory. Otherwise as bzd_checkpoint_get_flow. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_get_source(const bzd_checkpoint *checkpoint, bzd_source **out);
/* The same store, its paths read when they are asked for: one window of them is kept in memory, and one more for each
 * further thread that asks at the same time. Same bits, same identity, so that a trainer can go on with either.
 * Retains the checkpoint, whose file must stay as it is. Damage that the index does not show is found when it is read:
 * bzd_source_get_paths and a trainer's step then fail with BZD_E_CORRUPT or BZD_E_IO and change nothing. Otherwise as
 * bzd_checkpoint_get_flow. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_stream_source(const bzd_checkpoint *checkpoint, bzd_source **out);

/* ---- Looking inside ------------------------------------------------------------------------------------------ */

#define BZD_CHECKPOINT_FLOW 1     /* a flow */
#define BZD_CHECKPOINT_ENSEMBLE 2 /* an ensemble with its members */
#define BZD_CHECKPOINT_TRAINER 3  /* a training at some step */
#define BZD_CHECKPOINT_PATHS 4    /* a path store */

/* What bzd_checkpoint_get_info fills. */
typedef struct bzd_checkpoint_info {
  uint32_t struct_size;   /* set by the caller */
  int32_t kind;           /* BZD_CHECKPOINT_ */
  uint32_t version_major; /* of the format */
  uint32_t version_minor; /* of the format */
  int64_t tensors;        /* number of them */
  int64_t metadata;       /* key-values, trainer state included */
  uint64_t raw_bytes;     /* of all tensors when decoded */
  uint64_t file_bytes;    /* 0 when it was built and not opened */
  int64_t sections;       /* ancillary ones */
} bzd_checkpoint_info;

/* sizeof(bzd_checkpoint_info) in this library. Threads: any. Since 0.1. */
BZD_API size_t bzd_checkpoint_info_size(void);
/* Facts of a checkpoint into the part of *info that the caller's struct_size covers. Status: BZD_E_ARGUMENT (NULL),
 * BZD_E_STATE (not a live handle), BZD_E_CONFIG (struct_size never set). Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_get_info(const bzd_checkpoint *checkpoint, bzd_checkpoint_info *info);

#define BZD_ROLE_PARAMETER 1 /* weights and biases */
#define BZD_ROLE_EMA 2       /* averaged weights and biases */
#define BZD_ROLE_MOMENT1 3   /* of Adam: mean of the gradient */
#define BZD_ROLE_MOMENT2 4   /* of Adam: mean of its square */
#define BZD_ROLE_BUFFER 5    /* what is not trained: frequencies, scale, offset */
#define BZD_ROLE_PATHS 6     /* what a path store holds */

/* What bzd_checkpoint_get_tensor and bzd_tensors_get fill. */
typedef struct bzd_tensor_info {
  uint32_t struct_size;     /* set by the caller */
  int32_t role;             /* BZD_ROLE_ */
  const char *name;         /* lives as long as the checkpoint */
  const char *dtype;        /* "f32", "f64", "bf16", "i32", "i64", "u8"; static */
  int32_t ndim;             /* 0..8 */
  int32_t reserved;         /* 0 */
  int64_t shape[8];         /* the first ndim */
  uint64_t raw_bytes;       /* when decoded */
  uint64_t stored_bytes;    /* 0 when built and not opened */
  const char *stored_dtype; /* what the file keeps: dtype, or "bf16" of an "f32" (bzd_checkpoint_set_storage); static */
} bzd_tensor_info;

/* sizeof(bzd_tensor_info) in this library. Threads: any. Since 0.1. */
BZD_API size_t bzd_tensor_info_size(void);
/* Tensor i in file order. Status: BZD_E_ARGUMENT (i, NULL), BZD_E_STATE, BZD_E_CONFIG. Threads: shared-read. Since 0.1.
 */
BZD_API bzd_status bzd_checkpoint_get_tensor(const bzd_checkpoint *checkpoint, int64_t i, bzd_tensor_info *info);
/* Decodes tensor i into data of cap >= raw_bytes bytes, checked. Status: BZD_E_LIMIT (cap), BZD_E_ARGUMENT,
 * BZD_E_STATE, BZD_E_CORRUPT, BZD_E_IO, BZD_E_MEMORY. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_read_tensor(const bzd_checkpoint *checkpoint, int64_t i, void *data, size_t cap);
/* The same for rows first..first+count-1 along its leading dimension (a tensor of no dimensions has one row), cap >=
 * count rows. Only the blocks that the rows touch are read, and their checksums compared; the checksum of the whole
 * tensor cannot be. Status: BZD_E_LIMIT (cap), BZD_E_ARGUMENT (i, first, count), BZD_E_STATE, BZD_E_CORRUPT, BZD_E_IO,
 * BZD_E_MEMORY. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_read_rows(const bzd_checkpoint *checkpoint, int64_t i, int64_t first, int64_t count,
                                            void *data, size_t cap);
/* The i-th key-value as text, in file order (metadata, then trainer state): *key lives as long as the checkpoint; the
 * value is copied to value, cut to cap with the closing NUL (one that fills cap may have been longer); either may be
 * NULL. Status: BZD_E_ARGUMENT (i),
 * BZD_E_STATE. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_get_metadata(const bzd_checkpoint *checkpoint, int64_t i, const char **key,
                                               char *value, size_t cap);
/* Decodes and checks every byte, on all threads of the context, without a model. Status: BZD_E_STATE, BZD_E_CORRUPT
 * (tensor and block), BZD_E_IO, BZD_E_MEMORY. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_verify(const bzd_checkpoint *checkpoint);
/* SHA-256 of what the model is (docs/checkpoint-format.md): 64 hex digits and a NUL into id[65]. Status: as
 * bzd_checkpoint_verify. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_content_id(const bzd_checkpoint *checkpoint, char *id);

/* ---- Changing ------------------------------------------------------------------------------------------------ */

/* A checkpoint, also an opened one, can be changed and written again, to the same path as well; what is not changed
 * goes over as it is, blocks by their bytes (their checksums are compared), unknown ancillary sections included. All of
 * these: exclusive. */

/* The caller's metadata of the whole (META keys user.KEY), as bzd_flow_set_metadata of the flow inside; value NULL
 * removes. An ensemble's members keep their own. Status: BZD_E_ARGUMENT, BZD_E_LIMIT (more than 4096 keys),
 * BZD_E_STATE, BZD_E_MEMORY. Threads: exclusive. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_set_metadata(bzd_checkpoint *checkpoint, const char *key, const char *value);
/* Value of such a key, *value NULL when there is none; it lives until the checkpoint or its metadata change. Status:
 * BZD_E_ARGUMENT, BZD_E_STATE, BZD_E_CORRUPT (it is no text). Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_find_metadata(const bzd_checkpoint *checkpoint, const char *key, const char **value);

/* Ancillary sections carry the host's own bytes inside a file: no part of the model, not in the content id, kept by
 * every program that loads and writes. Their names are four letters, the first two small (a small first letter says
 * that readers need not know it, a small second one that the format does not define it). Sets or replaces one by a copy
 * of size bytes; data NULL with size 0 removes it. At most 64 sections, 24 MiB in all. Status: BZD_E_ARGUMENT,
 * BZD_E_LIMIT, BZD_E_STATE, BZD_E_MEMORY. Threads: exclusive. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_set_section(bzd_checkpoint *checkpoint, const char *name, const void *data,
                                              size_t size);
/* Its bytes, until the checkpoint or its sections change; *data NULL when there is none. name: four letters, the first
 * small. Status: BZD_E_ARGUMENT, BZD_E_STATE. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_get_section(const bzd_checkpoint *checkpoint, const char *name, const void **data,
                                              size_t *size);
/* Name of the i-th section (info.sections) in ascending order: 4 letters and a NUL into name[5]; size may be NULL.
 * Status: BZD_E_ARGUMENT (i, NULL), BZD_E_STATE. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_section_at(const bzd_checkpoint *checkpoint, int64_t i, char *name, size_t *size);

#define BZD_STORAGE_EXACT 0 /* float32 parameters as they are */
#define BZD_STORAGE_BF16 1  /* as bfloat16, for export: about 40 % of the bytes, a relative error of up to 2^-8 */

/* How the parameters of a flow or ensemble are stored. BF16 rounds them at once, to nearest, ties to even (NaN stays
 * NaN): tensors, content id and flows of this checkpoint are of the rounded values from then on, as are those of the
 * file, whose loading gives float32 again. Buffers (frequencies, scale, offset) stay exact. EXACT makes float32 of what
 * there is. Status: BZD_E_UNSUPPORTED (BF16 for a trainer, whose resume is exact, or paths), BZD_E_NUMERIC (a number
 * that would become infinite; nothing is changed), BZD_E_ARGUMENT, BZD_E_STATE, BZD_E_CORRUPT, BZD_E_IO, BZD_E_MEMORY.
 * Threads: exclusive. Since 0.1. */
BZD_API bzd_status bzd_checkpoint_set_storage(bzd_checkpoint *checkpoint, int32_t storage);

/* ---- Short forms --------------------------------------------------------------------------------------------- */

/* bzd_checkpoint_from_flow and _write_file. Status as theirs. Threads: shared-read. Since 0.1. */
BZD_API bzd_status bzd_flow_save(const bzd_flow *flow, const char *path);
/* bzd_checkpoint_open_file and _get_flow with BZD_WEIGHTS_AUTO. Status as theirs. Threads: any. Since 0.1. */
BZD_API bzd_status bzd_flow_load(const bzd_context *context, const char *path, bzd_flow **out);

#ifdef __cplusplus
}
#endif
#endif
