/* SPDX-License-Identifier: MIT */
/* Tensors of other programs' files. */
#include "api/api.h"
#include "api/io.h"
#include "api/item.h"
#include "flow/flow_tensors.h"
#include "num/bernstein.h"

#include <string.h>

_Static_assert((int)BZDI_FORMAT_AUTO == BZD_FORMAT_AUTO && (int)BZDI_FORMAT_SAFETENSORS == BZD_FORMAT_SAFETENSORS &&
                   (int)BZDI_FORMAT_NPY == BZD_FORMAT_NPY && (int)BZDI_FORMAT_NPZ == BZD_FORMAT_NPZ &&
                   (int)BZDI_FORMAT_IDX == BZD_FORMAT_IDX && (int)BZDI_FORMAT_NPZ_DEFLATED == BZD_FORMAT_NPZ_DEFLATED,
               "BZD_FORMAT_");

struct bzd_tensors {
  bzdi_handle handle;
  bzdi_tensors *tensors;
};

size_t bzd_tensors_info_size(void) { return sizeof(bzd_tensors_info); }

static void drop(void *self) { bzdi_tensors_free(((bzd_tensors *)self)->tensors); }

static bzd_status begin(const bzd_context *context, bzd_tensors **out) {
  *out = bzdi_handle_new(context, BZDI_MAGIC_TENSORS, sizeof **out, drop);
  return *out == NULL ? bzdi_no_memory("tensors", 1, sizeof **out) : BZD_OK;
}

static bzd_status finish(bzd_tensors *tensors, bzd_status status, bzd_tensors **out) {
  if (status == BZD_OK)
    *out = tensors;
  else
    bzdi_release(tensors);
  return status;
}

static bzd_status check(const bzd_tensors *tensors) {
  return bzdi_handle_check(tensors, BZDI_MAGIC_TENSORS, "tensors", "tensors");
}

/* ---- In ------------------------------------------------------------------------------------------------------ */

static bzd_status check_open(const bzd_context *context, int32_t format, const bzd_limits *limits, bzdi_limits *out) {
  BZDI_TRY(bzdi_check_context(context));
  BZDI_TRY(bzdi_check_i64("tensors open", "format", format, BZD_FORMAT_AUTO, BZD_FORMAT_IDX));
  return bzdi_limits_read(limits, out);
}

/* Takes the reader over. */
static bzd_status open_reader(const bzd_context *context, const bzdi_reader *reader, int32_t format,
                              const bzdi_limits *limits, bzd_tensors **out) {
  bzd_tensors *tensors;
  bzd_status status = begin(context, &tensors);
  if (status != BZD_OK) {
    if (reader->close != NULL) reader->close(reader->user);
    return status;
  }
  status = bzdi_tensors_open(tensors->handle.context, reader, format, limits, &tensors->tensors);
  return finish(tensors, status, out);
}

bzd_status bzd_tensors_open_file(const bzd_context *context, const char *path, int32_t format, const bzd_limits *limits,
                                 bzd_tensors **out) {
  bzdi_limits values;
  bzdi_reader reader;
  BZDI_OUT(out);
  BZDI_TRY(check_open(context, format, limits, &values));
  BZDI_TRY(bzdi_check_ptr("path", path));
  BZDI_TRY(bzdi_reader_file(context, path, &reader));
  return bzdi_done(bzdi_in_file(open_reader(context, &reader, format, &values, out), path));
}

bzd_status bzd_tensors_open_buffer(const bzd_context *context, const void *data, size_t size, int32_t format,
                                   const bzd_limits *limits, bzd_tensors **out) {
  bzdi_limits values;
  bzdi_reader reader;
  BZDI_OUT(out);
  BZDI_TRY(check_open(context, format, limits, &values));
  if (size > 0) BZDI_TRY(bzdi_check_ptr("data", data));
  BZDI_TRY(bzdi_reader_buffer(context, data, size, &reader));
  return bzdi_done(open_reader(context, &reader, format, &values, out));
}

bzd_status bzd_tensors_open_callback(const bzd_context *context, bzd_read_fn fn, void *user, uint64_t file_size,
                                     int32_t format, const bzd_limits *limits, bzd_tensors **out) {
  bzdi_limits values;
  bzdi_reader reader;
  BZDI_OUT(out);
  BZDI_TRY(check_open(context, format, limits, &values));
  if (fn == NULL) return bzdi_fail(BZD_E_ARGUMENT, "tensors open: fn is NULL");
  BZDI_TRY(bzdi_reader_callback(context, fn, user, file_size, &reader));
  return bzdi_done(open_reader(context, &reader, format, &values, out));
}

/* ---- Building ------------------------------------------------------------------------------------------------ */

bzd_status bzd_tensors_create(const bzd_context *context, bzd_tensors **out) {
  bzd_tensors *tensors;
  BZDI_OUT(out);
  BZDI_TRY(bzdi_check_context(context));
  BZDI_TRY(begin(context, &tensors));
  return bzdi_done(finish(tensors, bzdi_tensors_new(tensors->handle.context, &tensors->tensors), out));
}

void bzd_tensors_destroy(bzd_tensors *tensors) { bzdi_destroy(tensors, BZDI_MAGIC_TENSORS); }

bzd_status bzd_tensors_add(bzd_tensors *tensors, const char *name, const char *dtype, int32_t ndim,
                           const int64_t *shape, const void *data) {
  static const char *const NAME = "tensors add";
  BZDI_TRY(check(tensors));
  BZDI_TRY(bzdi_check_ptr("tensors add: name", name));
  BZDI_TRY(bzdi_check_ptr("tensors add: dtype", dtype));
  int32_t type = bzdi_element_of(dtype);
  if (type == 0) return bzdi_fail(BZD_E_ARGUMENT, "%s: dtype '%.20s' is none of bool, u8 .. f64", NAME, dtype);
  BZDI_TRY(bzdi_check_i64(NAME, "ndim", ndim, 0, BZDI_MOST_DIMS));
  if (ndim > 0) BZDI_TRY(bzdi_check_ptr("tensors add: shape", shape));
  for (int32_t i = 0; i < ndim; i++) BZDI_TRY(bzdi_check_i64(NAME, "shape", shape[i], 0, INT64_MAX));
  uint64_t bytes;
  if (bzdi_array_bytes(type, ndim, shape, &bytes) && bytes > 0) BZDI_TRY(bzdi_check_ptr("tensors add: data", data));
  return bzdi_done(bzdi_tensors_add(tensors->tensors, name, type, ndim, shape, data));
}

bzd_status bzd_tensors_set_text(bzd_tensors *tensors, const char *key, const char *value) {
  BZDI_TRY(check(tensors));
  BZDI_TRY(bzdi_check_ptr("tensors text: key", key));
  return bzdi_done(bzdi_tensors_set_text(tensors->tensors, key, value));
}

/* ---- Looking inside ------------------------------------------------------------------------------------------ */

bzd_status bzd_tensors_get_info(const bzd_tensors *tensors, bzd_tensors_info *info) {
  BZDI_TRY(check(tensors));
  BZDI_TRY(bzdi_check_ptr("tensors info", info));
  BZDI_TRY(bzdi_result_check("tensors info", info, FIRST_TENSORS_INFO));
  const bzdi_tensors *inside = tensors->tensors;
  bzd_tensors_info values = {.format = inside->format,
                             .count = inside->names.count,
                             .texts = inside->keys.count,
                             .raw_bytes = inside->raw_bytes,
                             .file_bytes = inside->reader.size};
  bzdi_result_write(info, &values, sizeof values);
  return bzdi_done(BZD_OK);
}

static bzd_status check_number(const bzd_tensors *tensors, int64_t i) {
  BZDI_TRY(check(tensors));
  int64_t count = tensors->tensors->names.count;
  if (i < 0 || i >= count)
    return bzdi_fail(BZD_E_ARGUMENT, "tensor: i is %lld of %lld tensors", (long long)i, (long long)count);
  return BZD_OK;
}

bzd_status bzd_tensors_get(const bzd_tensors *tensors, int64_t i, bzd_tensor_info *info) {
  BZDI_TRY(check_number(tensors, i));
  BZDI_TRY(bzdi_check_ptr("tensor info", info));
  BZDI_TRY(bzdi_result_check("tensor info", info, FIRST_TENSOR_INFO));
  const bzdi_array *array = &tensors->tensors->array[i];
  bzd_tensor_info values = {.name = tensors->tensors->names.name[i],
                            .dtype = bzdi_elements[array->type].name,
                            .stored_dtype = bzdi_elements[array->type].name,
                            .ndim = array->ndim,
                            .raw_bytes = array->bytes,
                            .stored_bytes = array->data == NULL ? array->wrap.stored : 0};
  memcpy(values.shape, array->shape, sizeof values.shape);
  bzdi_result_write(info, &values, sizeof values);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_tensors_find(const bzd_tensors *tensors, const char *name, int64_t *i) {
  BZDI_TRY(check(tensors));
  BZDI_TRY(bzdi_check_ptr("tensors find: name", name));
  BZDI_TRY(bzdi_check_ptr("tensors find: i", i));
  *i = bzdi_names_find(&tensors->tensors->names, name);
  return bzdi_done(BZD_OK);
}

bzd_status bzd_tensors_read(const bzd_tensors *tensors, int64_t i, void *data, size_t cap) {
  BZDI_TRY(check_number(tensors, i));
  const bzdi_array *array = &tensors->tensors->array[i];
  if (cap < array->bytes)
    return bzdi_fail(BZD_E_LIMIT, "tensor %.60s: cap is %zu, expected %llu bytes", tensors->tensors->names.name[i], cap,
                     (unsigned long long)array->bytes);
  if (array->bytes > 0) BZDI_TRY(bzdi_check_ptr("tensor: data", data));
  return bzdi_done(bzdi_tensors_read(tensors->tensors, i, data));
}

bzd_status bzd_tensors_read_f32(const bzd_tensors *tensors, int64_t i, float *data, size_t count) {
  BZDI_TRY(check_number(tensors, i));
  uint64_t expected = bzdi_array_count(&tensors->tensors->array[i]);
  if (count != expected)
    return bzdi_fail(BZD_E_DIMENSION, "tensor %.60s: count is %zu, it has %llu numbers",
                     tensors->tensors->names.name[i], count, (unsigned long long)expected);
  if (count > 0) BZDI_TRY(bzdi_check_ptr("tensor: data", data));
  return bzdi_done(bzdi_tensors_read_f32(tensors->tensors, i, data));
}

bzd_status bzd_tensors_text_at(const bzd_tensors *tensors, int64_t i, const char **key, const char **value) {
  BZDI_TRY(check(tensors));
  const bzdi_names *keys = &tensors->tensors->keys;
  if (i < 0 || i >= keys->count)
    return bzdi_fail(BZD_E_ARGUMENT, "tensors text: i is %lld of %lld texts", (long long)i, (long long)keys->count);
  if (key != NULL) *key = keys->name[keys->order[i]];
  if (value != NULL) *value = tensors->tensors->text[keys->order[i]];
  return bzdi_done(BZD_OK);
}

bzd_status bzd_tensors_get_text(const bzd_tensors *tensors, const char *key, const char **value) {
  BZDI_TRY(check(tensors));
  BZDI_TRY(bzdi_check_ptr("tensors text: key", key));
  BZDI_TRY(bzdi_check_ptr("tensors text: value", value));
  int64_t at = bzdi_names_find(&tensors->tensors->keys, key);
  *value = at < 0 ? NULL : tensors->tensors->text[at];
  return bzdi_done(BZD_OK);
}

/* ---- Out ----------------------------------------------------------------------------------------------------- */

typedef struct writing {
  const bzdi_tensors *tensors;
  int32_t format;
} writing;

static bzd_status write_format(void *object, const bzdi_writer *writer) {
  const writing *w = object;
  return bzdi_tensors_write(w->tensors, w->format, writer);
}

static bzd_status check_write(const bzd_tensors *tensors, int32_t format, writing *w) {
  BZDI_TRY(check(tensors));
  BZDI_TRY(bzdi_check_i64("tensors write", "format", format, BZD_FORMAT_SAFETENSORS, BZD_FORMAT_NPZ_DEFLATED));
  *w = (writing){tensors->tensors, format};
  return BZD_OK;
}

bzd_status bzd_tensors_write_file(const bzd_tensors *tensors, const char *path, int32_t format) {
  writing w;
  BZDI_TRY(check_write(tensors, format, &w));
  return bzdi_done(bzdi_write_file(tensors->handle.context, path, write_format, &w));
}

bzd_status bzd_tensors_write_callback(const bzd_tensors *tensors, bzd_write_fn fn, void *user, int32_t format) {
  writing w;
  BZDI_TRY(check_write(tensors, format, &w));
  return bzdi_done(bzdi_write_callback("tensors", fn, user, write_format, &w));
}

bzd_status bzd_tensors_write_buffer(const bzd_tensors *tensors, void *buf, size_t cap, size_t *size, int32_t format) {
  writing w;
  if (size != NULL) *size = 0;
  BZDI_TRY(check_write(tensors, format, &w));
  return bzdi_done(bzdi_write_buffer("tensors", buf, cap, size, write_format, &w));
}

/* ---- Flows --------------------------------------------------------------------------------------------------- */

bzd_status bzd_tensors_from_flow(const bzd_flow *flow, bzd_tensors **out) {
  bzd_tensors *tensors;
  BZDI_OUT(out);
  BZDI_TRY(bzdi_handle_check(flow, BZDI_MAGIC_FLOW, "flow", "flow"));
  BZDI_TRY(begin(flow->handle.context, &tensors));
  bzd_status status = bzdi_tensors_new(tensors->handle.context, &tensors->tensors);
  if (status == BZD_OK) status = bzdi_flow_to_tensors(flow, tensors->tensors);
  return bzdi_done(finish(tensors, status, out));
}

/* What shapes cannot say; layers, width, features and seed of config stand for nothing here. */
static bzd_status read_config(const bzd_flow_config *config, bzdi_flow_spec *spec) {
  static const char *const NAME = "flow config";
  bzd_flow_config c;
  if (config == NULL)
    return bzdi_fail(BZD_E_UNSUPPORTED,
                     "tensors without the text 'bezdist' do not say kind, degree, dim and cond_dim of "
                     "a flow: a config must");
  BZDI_TRY(bzd_flow_config_init(&c, sizeof c));
  BZDI_TRY(bzdi_config_read(NAME, config, &c, sizeof c, FIRST_FLOW_CONFIG));
  BZDI_TRY(bzdi_check_i64(NAME, "kind", c.kind, BZD_FLOW_VELOCITY, BZD_FLOW_ENDPOINT));
  if (c.kind != BZD_FLOW_CONTROL) c.degree = 1;
  BZDI_TRY(bzdi_check_degree(NAME, c.degree, 1, BZDI_MAX_DEGREE));
  BZDI_TRY(bzdi_check_i64(NAME, "dim", c.dim, 1, BZDI_MAX_DIM));
  BZDI_TRY(bzdi_check_i64(NAME, "cond_dim", c.cond_dim, 0, BZDI_MAX_DIM));
  *spec = (bzdi_flow_spec){.kind = c.kind, .degree = c.degree, .item = {.dim = c.dim, .cond_dim = c.cond_dim}};
  BZDI_TRY(bzdi_item_shape(NAME, c.item_ndim, c.item_shape, &spec->item));
  return bzdi_item_affine(NAME, c.scale, c.offset, &spec->item);
}

bzd_status bzd_tensors_get_flow(const bzd_tensors *tensors, const bzd_flow_config *config, bzd_flow **out) {
  bzdi_flow_spec spec;
  BZDI_OUT(out);
  BZDI_TRY(check(tensors));
  int described = bzdi_tensors_describe_flow(tensors->tensors);
  if (!described) BZDI_TRY(read_config(config, &spec));
  return bzdi_done(bzdi_flow_of_tensors(tensors->handle.context, tensors->tensors, described ? NULL : &spec, out));
}
