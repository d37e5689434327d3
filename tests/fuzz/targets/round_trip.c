/* SPDX-License-Identifier: MIT */
/* Things made from the input's bytes, written, read and compared to the bit: tensors in any format, a store of any
 * types, a flow with its numbers and metadata. */
#include "../look.h"
#include "store/layout.h"

enum { ROOM = 1 << 17, MOST = 6, DATA = 512 };
static unsigned char file[ROOM];

/* One of a few, so that some come twice, or any. */
static void take_name(input *in, char *name, size_t size) {
  uint8_t how = input_u8(in);
  memset(name, 0, size);
  if (how < 192)
    name[0] = (char)('a' + how % 4);
  else
    input_bytes(in, name, size - 1);
}

/* ---- Tensors ------------------------------------------------------------------------------------------------- */

static void compare(const bzd_tensors *one, const bzd_tensors *other, int named) {
  bzd_tensors_info info = {.struct_size = sizeof info};
  unsigned char a[DATA], b[DATA];
  OK(bzd_tensors_get_info(one, &info));
  for (int64_t i = 0; i < info.count; i++) {
    bzd_tensor_info x = {.struct_size = sizeof x}, y = {.struct_size = sizeof y};
    int64_t k = 0;
    OK(bzd_tensors_get(one, i, &x));
    if (named) OK(bzd_tensors_find(other, x.name, &k));
    OK(bzd_tensors_get(other, k, &y));
    CHECK(x.ndim == y.ndim && strcmp(x.dtype, y.dtype) == 0 && x.raw_bytes == y.raw_bytes);
    CHECK(memcmp(x.shape, y.shape, sizeof x.shape) == 0);
    OK(bzd_tensors_read(one, i, a, sizeof a));
    OK(bzd_tensors_read(other, k, b, sizeof b));
    CHECK(memcmp(a, b, x.raw_bytes) == 0);
  }
  for (int64_t i = 0; i < info.texts; i++) {
    const char *key, *value, *found;
    OK(bzd_tensors_text_at(one, i, &key, &value));
    OK(bzd_tensors_get_text(other, key, &found));
    CHECK(found != NULL && strcmp(found, value) == 0);
  }
}

static void tensors(input *in, uint8_t choice) {
  static const char *const dtypes[] = {"bool", "u8",  "i8",  "u16", "i16", "f16", "bf16",
                                       "u32",  "i32", "f32", "u64", "i64", "f64", "complex"};
  bzd_tensors *made, *read;
  unsigned char data[DATA];
  char name[20], text[20];
  OK(bzd_tensors_create(fuzz_context(), &made));
  for (int i = input_u8(in) % MOST; i > 0; i--) {
    int64_t shape[8], bytes = 8;
    int32_t ndim = input_u8(in) % 9;
    const char *dtype = dtypes[input_u8(in) % 14];
    for (int32_t k = 0; k < ndim; k++) {
      shape[k] = input_u8(in) % 8 == 7 ? input_i64(in) : input_u8(in) % 4;
      if (shape[k] >= 0 && shape[k] <= DATA)
        bytes *= shape[k];
      else
        bytes = -1;
      if (bytes < 0 || bytes > DATA) bytes = -1, shape[k] = -1; /* must be refused */
    }
    take_name(in, name, sizeof name);
    input_bytes(in, data, bytes > 0 ? (size_t)bytes : 0);
    bzd_status status = bzd_tensors_add(made, name, dtype, ndim, shape, data);
    CHECK(status == BZD_OK || status == BZD_E_ARGUMENT);
  }
  for (int i = input_u8(in) % 3; i > 0; i--) {
    input_bytes(in, name, sizeof name - 1);
    input_bytes(in, text, sizeof text - 1);
    name[sizeof name - 1] = text[sizeof text - 1] = 0;
    SANE(bzd_tensors_set_text(made, name, input_u8(in) % 8 ? text : NULL));
  }
  int32_t format = BZD_FORMAT_SAFETENSORS + choice % (BZD_FORMAT_NPZ_DEFLATED - BZD_FORMAT_SAFETENSORS + 1);
  size_t size;
  bzd_status status = bzd_tensors_write_buffer(made, file, ROOM, &size, format);
  CHECK(status == BZD_OK || status == BZD_E_UNSUPPORTED);
  if (status == BZD_OK) {
    OK(bzd_tensors_open_buffer(fuzz_context(), file, size, BZD_FORMAT_AUTO, NULL, &read));
    compare(made, read, format != BZD_FORMAT_NPY);
    bzd_tensors_destroy(read);
  }
  bzd_tensors_destroy(made);
}

/* ---- Stores -------------------------------------------------------------------------------------------------- */

static bzd_status append(void *user, const void *data, size_t size) {
  size_t *used = user;
  CHECK(size <= ROOM - *used);
  memcpy(file + *used, data, size);
  *used += size;
  return BZD_OK;
}

static void set(bzdi_store *store, input *in) {
  char key[12], text[12];
  take_name(in, key, sizeof key);
  input_bytes(in, text, sizeof text - 1);
  text[sizeof text - 1] = 0;
  int section = input_u8(in) % 2, flags = input_u8(in) % 2;
  uint64_t bits = input_u64(in);
  double real;
  memcpy(&real, &bits, sizeof real);
  bzd_status status;
  switch (input_u8(in) % 5) {
  case 0: status = bzdi_store_set_i64(store, section, key, (int64_t)bits, flags); break;
  case 1: status = bzdi_store_set_u64(store, section, key, bits, flags); break;
  case 2: status = bzdi_store_set_f64(store, section, key, real, flags); break;
  case 3: status = bzdi_store_set_bytes(store, section, key, text, bits % sizeof text, flags); break;
  default: /* what is written must be UTF-8: who calls sees to that */
    for (char *c = text; *c; c++) *c &= 0x7F;
    status = bzdi_store_set_str(store, section, key, text, flags);
  }
  CHECK(status == BZD_OK || status == BZD_E_ARGUMENT);
}

static void stores(input *in) {
  bzdi_store *made, *read;
  unsigned char data[DATA], back[DATA];
  char name[12];
  uint8_t one[32], other[32];
  size_t size = 0;
  CHECK(bzdi_store_new(fuzz_context(), &made) == BZD_OK);
  for (int i = input_u8(in) % MOST; i > 0; i--) {
    int64_t shape[8];
    int32_t ndim = input_u8(in) % 7, dtype = input_u8(in) % 6 + 1, role = input_u8(in) % 6 + 1;
    for (int32_t k = 0; k < ndim; k++) shape[k] = input_u8(in) % 16 == 15 ? input_i64(in) : 1 + k % 2;
    take_name(in, name, sizeof name);
    input_bytes(in, data, input_u8(in) * 2u);
    if (bzdi_shape_bytes(dtype, ndim, shape) > DATA) continue;
    bzd_status status = bzdi_store_add(made, name, role, dtype, ndim, shape, data);
    CHECK(status == BZD_OK || status == BZD_E_ARGUMENT);
  }
  for (int i = input_u8(in) % MOST; i > 0; i--) set(made, in);
  CHECK(bzdi_store_write(made, &(bzdi_writer){append, &size}) == BZD_OK);
  bzdi_reader reader;
  CHECK(bzdi_reader_buffer(fuzz_context(), file, size, &reader) == BZD_OK);
  CHECK(bzdi_store_open(fuzz_context(), &reader, NULL, &read) == BZD_OK);
  CHECK(bzdi_store_tensors(made) == bzdi_store_tensors(read));
  for (int64_t i = 0; i < bzdi_store_tensors(made); i++) {
    const bzdi_tensor *x = bzdi_store_tensor(made, i), *y = bzdi_store_tensor(read, i);
    CHECK(strcmp(x->name, y->name) == 0 && x->role == y->role && x->dtype == y->dtype && x->ndim == y->ndim);
    CHECK(bzdi_store_find(read, x->name, x->role) == i && x->bytes == y->bytes);
    CHECK(bzdi_store_read(made, i, data) == BZD_OK && bzdi_store_read(read, i, back) == BZD_OK);
    CHECK(memcmp(data, back, x->bytes) == 0);
  }
  for (int s = 0; s < 2; s++) {
    CHECK(bzdi_store_count(made, s) == bzdi_store_count(read, s));
    for (int64_t i = 0; i < bzdi_store_count(made, s); i++) {
      const char *x, *y;
      int32_t type, same;
      int flags, mark;
      char text[40], words[40];
      CHECK(bzdi_store_at(made, s, i, &x, &type, &flags, text, sizeof text) == BZD_OK);
      CHECK(bzdi_store_at(read, s, i, &y, &same, &mark, words, sizeof words) == BZD_OK);
      CHECK(strcmp(x, y) == 0 && type == same && flags == mark && strcmp(text, words) == 0);
      CHECK(bzdi_store_has(read, s, x));
    }
  }
  CHECK(bzdi_store_content_id(made, one) == BZD_OK && bzdi_store_content_id(read, other) == BZD_OK);
  CHECK(memcmp(one, other, sizeof one) == 0);
  bzdi_store_free(read);
  bzdi_store_free(made);
}

/* ---- Flows --------------------------------------------------------------------------------------------------- */

static void compare_flows(const bzd_flow *one, const bzd_flow *other) {
  enum { MOST_PARAMETERS = 2048 };
  static float a[MOST_PARAMETERS], b[MOST_PARAMETERS];
  bzd_flow_info x = {.struct_size = sizeof x}, y = {.struct_size = sizeof y};
  OK(bzd_flow_get_info(one, &x));
  OK(bzd_flow_get_info(other, &y));
  CHECK(memcmp(&x, &y, sizeof x) == 0 && x.parameters <= MOST_PARAMETERS);
  OK(bzd_flow_get_parameters(one, x.parameters, a));
  OK(bzd_flow_get_parameters(other, x.parameters, b));
  CHECK(memcmp(a, b, (size_t)x.parameters * sizeof *a) == 0);
  CHECK(bzd_flow_metadata_count(one) == bzd_flow_metadata_count(other));
  for (int64_t i = 0; i < bzd_flow_metadata_count(one); i++) {
    const char *key, *value, *same;
    OK(bzd_flow_metadata_at(one, i, &key, &value));
    OK(bzd_flow_get_metadata(other, key, &same));
    CHECK(same != NULL && strcmp(value, same) == 0);
  }
}

static void flow_in_checkpoint(const bzd_flow *flow) {
  bzd_checkpoint *checkpoint;
  bzd_flow *loaded;
  size_t size;
  OK(bzd_checkpoint_from_flow(flow, &checkpoint));
  OK(bzd_checkpoint_write_buffer(checkpoint, file, ROOM, &size));
  bzd_checkpoint_destroy(checkpoint);
  OK(bzd_checkpoint_open_buffer(fuzz_context(), file, size, NULL, &checkpoint));
  OK(bzd_checkpoint_get_flow(checkpoint, BZD_WEIGHTS_AUTO, &loaded));
  compare_flows(flow, loaded);
  bzd_flow_destroy(loaded);
  bzd_checkpoint_destroy(checkpoint);
}

static void flow_in_tensors(const bzd_flow *flow) {
  bzd_tensors *made;
  bzd_flow *loaded;
  size_t size;
  OK(bzd_tensors_from_flow(flow, &made));
  OK(bzd_tensors_write_buffer(made, file, ROOM, &size, BZD_FORMAT_SAFETENSORS));
  bzd_tensors_destroy(made);
  OK(bzd_tensors_open_buffer(fuzz_context(), file, size, BZD_FORMAT_AUTO, NULL, &made));
  OK(bzd_tensors_get_flow(made, NULL, &loaded));
  compare_flows(flow, loaded);
  bzd_flow_destroy(loaded);
  bzd_tensors_destroy(made);
}

static void flows(input *in, uint8_t choice) {
  bzd_flow_config config;
  bzd_flow *flow;
  bzd_flow_info info = {.struct_size = sizeof info};
  float values[2048];
  char key[8], text[24];
  OK(bzd_flow_config_init(&config, sizeof config));
  config.kind = 1 + input_u8(in) % 3;
  config.degree = 1 + input_u8(in) % 3;
  config.dim = 1 + input_u8(in) % 4;
  config.cond_dim = input_u8(in) % 3;
  config.layers = 1 + input_u8(in) % 2;
  config.width = 1 + input_u8(in) % 6;
  config.time_features = 2 + 2 * (input_u8(in) % 2);
  config.skip = input_u8(in) % 2;
  OK(bzd_flow_create(fuzz_context(), &config, &flow));
  OK(bzd_flow_get_info(flow, &info));
  input_bytes(in, values, (size_t)info.parameters * sizeof *values);
  bzd_status status = bzd_flow_set_parameters(flow, info.parameters, values);
  CHECK(status == BZD_OK || status == BZD_E_NUMERIC);
  for (int i = input_u8(in) % 3; i > 0; i--) {
    input_bytes(in, key, sizeof key - 1);
    input_bytes(in, text, sizeof text - 1);
    key[sizeof key - 1] = text[sizeof text - 1] = 0;
    SANE(bzd_flow_set_metadata(flow, key, text));
  }
  if (choice % 2)
    flow_in_checkpoint(flow);
  else
    flow_in_tensors(flow);
  bzd_flow_destroy(flow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input in = {data, size};
  size_t live = (fuzz_context(), fuzz_host.live);
  uint8_t kind = input_u8(&in) % 3, last = size > 0 ? data[size - 1] : 0; /* one format at a time */
  if (kind == 0) tensors(&in, last);
  if (kind == 1) stores(&in);
  if (kind == 2) flows(&in, last);
  CHECK(fuzz_host.live == live);
  return 0;
}
