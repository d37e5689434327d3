/* SPDX-License-Identifier: MIT */
/* Bad arguments to tensors.h. Part of test_arguments.c. */

static void test_tensors_bytes(void) {
  size_t size = 0;
  const int32_t format = BZD_FORMAT_SAFETENSORS;
  BAD_HANDLE(bzd_tensors, bzd_tensors_write_file(h, "/tmp/never", format));
  BAD(ARG, bzd_tensors_write_file(s.tensors, NULL, format));
  BAD(ARG, bzd_tensors_write_file(s.tensors, "/tmp/never", BZD_FORMAT_AUTO));
  BAD(ARG, bzd_tensors_write_file(s.tensors, "/tmp/never", 6));
  BAD(BZD_E_UNSUPPORTED, bzd_tensors_write_file(s.tensors, "/tmp/never", BZD_FORMAT_IDX));
  BAD(BZD_E_UNSUPPORTED, bzd_tensors_write_file(s.tensors, "/tmp/never", BZD_FORMAT_NPY));
  BAD(BZD_E_UNSUPPORTED, bzd_tensors_write_file(s.tensors, "/tmp/never", BZD_FORMAT_NPZ));
  BAD(BZD_E_IO, bzd_tensors_write_file(s.tensors, "/no/such/directory/x.safetensors", format));
  BAD_HANDLE(bzd_tensors, bzd_tensors_write_callback(h, write_nothing, NULL, format));
  BAD(ARG, bzd_tensors_write_callback(s.tensors, NULL, NULL, format));
  BAD(ARG, bzd_tensors_write_callback(s.tensors, write_nothing, NULL, -1));
  BAD_HANDLE(bzd_tensors, bzd_tensors_write_buffer(h, s.out, 4, &size, format));
  BAD(ARG, bzd_tensors_write_buffer(s.tensors, s.out, sizeof s.out, NULL, format));
  BAD(ARG, bzd_tensors_write_buffer(s.tensors, s.out, sizeof s.out, &size, 6));
#define OPEN_FILE(path, format_, limits) bzd_tensors_open_file(s.context, path, format_, limits, &made)
#define OPEN_BUFFER(data, size_, limits) bzd_tensors_open_buffer(s.context, data, size_, BZD_FORMAT_AUTO, limits, &made)
#define OPEN_CALLBACK(fn, limits) bzd_tensors_open_callback(s.context, fn, NULL, 1000, BZD_FORMAT_AUTO, limits, &made)
  BAD_CONFIG(bzd_limits, bzd_limits_init, bzd_tensors, OPEN_BUFFER(s.x, 64, c));
  bzd_limits limits;
  OK(bzd_limits_init(&limits, sizeof limits));
  limits.max_meta = -1;
  BAD_OUT(ARG, bzd_tensors, OPEN_BUFFER(s.x, 64, &limits));
  BAD_OUT(ARG, bzd_tensors, OPEN_FILE("/no/such/file", BZD_FORMAT_AUTO, &limits));
  BAD_OUT(ARG, bzd_tensors, OPEN_CALLBACK(read_nothing, &limits));
  BAD_OUT(ARG, bzd_tensors, OPEN_FILE(NULL, BZD_FORMAT_AUTO, NULL));
  BAD_OUT(ARG, bzd_tensors, OPEN_FILE("/no/such/file", -1, NULL));
  BAD_OUT(ARG, bzd_tensors, OPEN_FILE("/no/such/file", BZD_FORMAT_NPZ_DEFLATED, NULL));
  BAD_OUT(BZD_E_IO, bzd_tensors, OPEN_FILE("/no/such/file", BZD_FORMAT_AUTO, NULL));
  BAD_OUT(BZD_E_IO, bzd_tensors, OPEN_FILE("/tmp", BZD_FORMAT_NPY, NULL));
  BAD_OUT(ARG, bzd_tensors, OPEN_BUFFER(NULL, 64, NULL));
  for (int32_t any = BZD_FORMAT_AUTO; any <= BZD_FORMAT_IDX; any++)
    BAD_OUT(BZD_E_FORMAT, bzd_tensors, bzd_tensors_open_buffer(s.context, s.x, 0, any, NULL, &made));
  BAD_OUT(ARG, bzd_tensors, bzd_tensors_open_buffer(s.context, s.x, 0, 5, NULL, &made));
  BAD_OUT(ARG, bzd_tensors, OPEN_CALLBACK(NULL, NULL));
  BAD_OUT(ARG, bzd_tensors, bzd_tensors_open_callback(s.context, read_nothing, NULL, 1000, 5, NULL, &made));
  BAD_OUT(BZD_E_IO, bzd_tensors, OPEN_CALLBACK(read_nothing, NULL));
#undef OPEN_FILE
#undef OPEN_BUFFER
#undef OPEN_CALLBACK
  bzd_context *foreign = (bzd_context *)(void *)s.data;
  BAD_OUT(BZD_E_STATE, bzd_tensors, bzd_tensors_open_file(foreign, "/no/such/file", 0, NULL, &made));
  BAD_OUT(BZD_E_STATE, bzd_tensors, bzd_tensors_open_buffer(foreign, s.x, 64, 0, NULL, &made));
  BAD_OUT(BZD_E_STATE, bzd_tensors, bzd_tensors_open_callback(foreign, read_nothing, NULL, 64, 0, NULL, &made));
  BAD_OUT(BZD_E_STATE, bzd_tensors, bzd_tensors_create(foreign, &made));
  BAD(ARG, bzd_tensors_open_file(s.context, "/no/such/file", 0, NULL, NULL));
  BAD(ARG, bzd_tensors_open_buffer(s.context, s.x, 64, 0, NULL, NULL));
  BAD(ARG, bzd_tensors_open_callback(s.context, read_nothing, NULL, 64, 0, NULL, NULL));
  BAD(ARG, bzd_tensors_create(s.context, NULL));
}

static void test_tensors_building(void) {
  const int64_t two[2] = {2, 2}, huge[2] = {INT64_MAX, 2}, below[2] = {2, -1};
  const char *value = "kept";
  BAD_HANDLE(bzd_tensors, bzd_tensors_add(h, "x", "f32", 2, two, s.x));
  BAD(ARG, bzd_tensors_add(s.tensors, NULL, "f32", 2, two, s.x));
  BAD(ARG, bzd_tensors_add(s.tensors, "\xFF", "f32", 2, two, s.x));
  BAD(ARG, bzd_tensors_add(s.tensors, "x", NULL, 2, two, s.x));
  BAD(ARG, bzd_tensors_add(s.tensors, "x", "F32", 2, two, s.x));
  BAD(ARG, bzd_tensors_add(s.tensors, "x", "", 2, two, s.x));
  BAD(ARG, bzd_tensors_add(s.tensors, "x", "f32", -1, two, s.x));
  BAD(ARG, bzd_tensors_add(s.tensors, "x", "f32", 9, two, s.x));
  BAD(ARG, bzd_tensors_add(s.tensors, "x", "f32", 2, NULL, s.x));
  BAD(ARG, bzd_tensors_add(s.tensors, "x", "f32", 2, huge, s.x));
  BAD(ARG, bzd_tensors_add(s.tensors, "x", "f32", 2, below, s.x));
  BAD(ARG, bzd_tensors_add(s.tensors, "x", "f32", 2, two, NULL));
  BAD(ARG, bzd_tensors_add(s.tensors, "layers.0.bias", "f32", 2, two, s.x));
  BAD_HANDLE(bzd_tensors, bzd_tensors_set_text(h, "k", "v"));
  BAD(ARG, bzd_tensors_set_text(s.tensors, NULL, "v"));
  BAD(ARG, bzd_tensors_set_text(s.tensors, "\xFF", "v"));
  BAD(ARG, bzd_tensors_set_text(s.tensors, "k", "\xFF"));
  OK(bzd_tensors_set_text(s.tensors, "none", NULL));
  BAD_HANDLE(bzd_tensors, bzd_tensors_text_at(h, 0, NULL, &value));
  BAD(ARG, bzd_tensors_text_at(s.tensors, -1, NULL, &value));
  BAD(ARG, bzd_tensors_text_at(s.tensors, 1, NULL, &value));
  BAD_HANDLE(bzd_tensors, bzd_tensors_get_text(h, "k", &value));
  BAD(ARG, bzd_tensors_get_text(s.tensors, NULL, &value));
  BAD(ARG, bzd_tensors_get_text(s.tensors, "k", NULL));
  assert_string_equal(value, "kept");
  OK(bzd_tensors_text_at(s.tensors, 0, NULL, NULL));
}

static void test_tensors(void **state) {
  int64_t place = 7;
  (void)state;
  test_tensors_bytes();
  test_tensors_building();
  bzd_tensors_info info = {.struct_size = sizeof info};
  bzd_tensor_info tensor = {.struct_size = sizeof tensor};
  BAD_INFO(bzd_tensors_info, bzd_tensors_get_info(s.tensors, i));
  BAD_INFO(bzd_tensor_info, bzd_tensors_get(s.tensors, 0, i));
  BAD_HANDLE(bzd_tensors, bzd_tensors_get_info(h, &info));
  BAD_HANDLE(bzd_tensors, bzd_tensors_get(h, 0, &tensor));
  BAD(ARG, bzd_tensors_get(s.tensors, -1, &tensor));
  BAD(ARG, bzd_tensors_get(s.tensors, INT64_MAX, &tensor));
  OK(bzd_tensors_get(s.tensors, 0, &tensor));
  BAD_HANDLE(bzd_tensors, bzd_tensors_find(h, "x", &place));
  BAD(ARG, bzd_tensors_find(s.tensors, NULL, &place));
  BAD(ARG, bzd_tensors_find(s.tensors, "x", NULL));
  assert_int_equal(place, 7);
  BAD_HANDLE(bzd_tensors, bzd_tensors_read(h, 0, s.out, sizeof s.out));
  BAD(ARG, bzd_tensors_read(s.tensors, -1, s.out, sizeof s.out));
  BAD(ARG, bzd_tensors_read(s.tensors, INT64_MAX, s.out, sizeof s.out));
  BAD(BZD_E_LIMIT, bzd_tensors_read(s.tensors, 0, s.out, tensor.raw_bytes - 1));
  BAD(ARG, bzd_tensors_read(s.tensors, 0, NULL, SIZE_MAX));
  size_t count = tensor.raw_bytes / sizeof(float);
  BAD_HANDLE(bzd_tensors, bzd_tensors_read_f32(h, 0, s.out, count));
  BAD(ARG, bzd_tensors_read_f32(s.tensors, -1, s.out, count));
  BAD(BZD_E_DIMENSION, bzd_tensors_read_f32(s.tensors, 0, s.out, count - 1));
  BAD(BZD_E_DIMENSION, bzd_tensors_read_f32(s.tensors, 0, s.out, count + 1));
  BAD(ARG, bzd_tensors_read_f32(s.tensors, 0, NULL, count));
  BAD_HANDLE_OUT(bzd_flow, bzd_tensors, bzd_tensors_from_flow(h, &made));
  BAD(ARG, bzd_tensors_from_flow(s.flow, NULL));
  BAD_OUT(BZD_E_UNSUPPORTED, bzd_tensors, bzd_tensors_from_flow(s.callback, &made));
  BAD_HANDLE_OUT(bzd_tensors, bzd_flow, bzd_tensors_get_flow(h, NULL, &made));
  BAD(ARG, bzd_tensors_get_flow(s.tensors, NULL, NULL));
  bzd_tensors *plain;
  OK(bzd_tensors_create(s.context, &plain));
  BAD_OUT(BZD_E_UNSUPPORTED, bzd_flow, bzd_tensors_get_flow(plain, NULL, &made));
  BAD_CONFIG_FROM(104, bzd_flow_config, bzd_flow_config_init,
                  BAD_OUT(BZD_E_CONFIG, bzd_flow, bzd_tensors_get_flow(plain, c, &made)));
#define FIELD(member, value)                                                                                           \
  BAD_FIELD(ARG, good_flow, bzd_flow_config, member, value, bzd_flow, bzd_tensors_get_flow(plain, c, &made))
  FIELD(kind, 0);
  FIELD(kind, BZD_FLOW_CALLBACK);
  FIELD(dim, 0);
  FIELD(dim, INT64_MAX);
  FIELD(cond_dim, -1);
  FIELD(item_ndim, 5);
  FIELD(scale, s.x);
#undef FIELD
  bzd_flow_config good = good_flow();
  BAD_OUT(BZD_E_UNSUPPORTED, bzd_flow, bzd_tensors_get_flow(plain, &good, &made)); /* no layers */
  bzd_tensors_destroy(plain);
}
