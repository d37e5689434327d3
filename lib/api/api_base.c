/* SPDX-License-Identifier: MIT */
#include "api/api.h"
#include "base/rng.h"
#include "num/gemm.h"
#include "store/codec.h"

#include <stdio.h>

_Static_assert(sizeof(bzd_status) == 4, "statuses are 32 bits");

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define VERSION_TEXT TEXT(BZD_VERSION_MAJOR) "." TEXT(BZD_VERSION_MINOR) "." TEXT(BZD_VERSION_PATCH)

uint32_t bzd_version(void) {
  return (uint32_t)BZD_VERSION_MAJOR << 16 | (uint32_t)BZD_VERSION_MINOR << 8 | (uint32_t)BZD_VERSION_PATCH;
}

const char *bzd_version_string(void) { return VERSION_TEXT; }

size_t bzd_build_info(char *buf, size_t cap) {
  char gemm[256], text[512];
  if (bzdi_gemm_ready())
    bzdi_gemm_describe(gemm, sizeof gemm);
  else
    snprintf(gemm, sizeof gemm, "no memory to ask blis");
  snprintf(text, sizeof text, "libbezdist %s; gemm: %s; zlib %s; noise version %d", VERSION_TEXT, gemm,
           bzdi_codec_zlib_version(), BZD_NOISE_VERSION);
  return bzdi_text_copy(text, buf, buf == NULL ? 0 : cap);
}

const char *bzd_status_name(bzd_status status) { return bzdi_status_name(status); }

size_t bzd_last_error(char *buf, size_t cap) { return bzdi_error_copy(buf, buf == NULL ? 0 : cap); }

/* ---- Context ------------------------------------------------------------------------------------------------- */

static const bzd_context_config context_defaults = {.struct_size = sizeof(bzd_context_config), .threads = 1};

bzd_status bzd_context_config_init(bzd_context_config *config, size_t size) {
  return bzdi_done(bzdi_config_init("context config", config, size, &context_defaults, sizeof context_defaults,
                                    FIRST_CONTEXT_CONFIG));
}

size_t bzd_context_config_size(void) { return sizeof(bzd_context_config); }
size_t bzd_progress_size(void) { return sizeof(bzd_progress); }

bzd_status bzd_context_create(const bzd_context_config *config, bzd_context **out) {
  BZDI_OUT(out);
  bzd_context_config values = context_defaults;
  BZDI_TRY(bzdi_config_read("context config", config, &values, sizeof values, FIRST_CONTEXT_CONFIG));
  BZDI_TRY(bzdi_check_i64("context config", "threads", values.threads, 0, 256));
  if ((values.alloc == NULL) != (values.free == NULL))
    return bzdi_fail(BZD_E_ARGUMENT, "context config: alloc and free must be given together, %s is NULL",
                     values.alloc == NULL ? "alloc" : "free");
  bzd_context *context;
  BZDI_TRY(bzdi_context_new(&values, &context));
  if (!bzdi_gemm_ready()) {
    bzdi_release(context);
    return bzdi_fail(BZD_E_MEMORY, "context: no memory for BLIS to set itself up");
  }
  if (bzdi_gemm_is_slow()) {
    char text[256];
    bzdi_gemm_describe(text, sizeof text);
    bzdi_log(context, BZD_LOG_WARNING, "slow matrix products, no kernels for this CPU: %s", text);
  }
  *out = context;
  return bzdi_done(BZD_OK);
}

void bzd_context_destroy(bzd_context *context) { bzdi_destroy(context, BZDI_MAGIC_CONTEXT); }

int32_t bzd_context_threads(const bzd_context *context) {
  return context == NULL || context->handle.magic != BZDI_MAGIC_CONTEXT ? 1 : context->threads;
}

bzd_status bzd_on_release(void *handle, bzd_release_fn fn, void *user) {
  return bzdi_done(bzdi_handle_on_release(handle, fn, user));
}

/* ---- Random numbers ------------------------------------------------------------------------------------------ */

static bzd_status check_random(const char *name, int64_t first, int64_t n, int64_t dim, const float *out) {
  BZDI_TRY(bzdi_check_first(name, "first", first));
  BZDI_TRY(bzdi_check_i64(name, "dim", dim, 1, INT64_C(1) << 24));
  BZDI_TRY(bzdi_check_rows(name, n, dim));
  if (n > 0 && out == NULL) return bzdi_fail(BZD_E_ARGUMENT, "%s: out is NULL", name);
  return BZD_OK;
}

bzd_status bzd_noise(uint64_t seed, uint32_t stream, int64_t first, int64_t n, int64_t dim, float *out) {
  BZDI_TRY(check_random("noise", first, n, dim, out));
  if (n > 0) bzdi_rng_normals(seed, stream, (uint64_t)first, n, dim, out, dim);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_uniform(uint64_t seed, uint32_t stream, int64_t first, int64_t n, int64_t dim, float *out) {
  BZDI_TRY(check_random("uniform", first, n, dim, out));
  if (n > 0) bzdi_rng_uniforms(seed, stream, (uint64_t)first, n, dim, out);
  return bzdi_done(BZD_OK);
}
