/* SPDX-License-Identifier: MIT */
/* Tensors: in and out by file, buffer and callback; flows both ways to the bit; any refused allocation survived. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <dirent.h>
#include <math.h>
#include <unistd.h>

#include "../support/full_flow.h"
#include "../support/host.h"
#include "../support/objects.h"

enum { DIM = 5, CLASSES = 3, N = 20 };

static char directory[] = "tensors-XXXXXX", path[64];

static const char *const DTYPES[] = {"bool", "u8",  "i8",  "u16", "i16", "f16", "bf16",
                                     "u32",  "i32", "f32", "u64", "i64", "f64"};
enum { TYPES = sizeof DTYPES / sizeof DTYPES[0] };

static int entries(void) {
  int count = 0;
  DIR *dir = opendir(directory);
  assert_non_null(dir);
  for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
    count += e->d_name[0] != '.' || strlen(e->d_name) > 2;
  closedir(dir);
  return count;
}

typedef struct store { /* what callbacks read and write */
  unsigned char data[1 << 16];
  size_t size, fail_at; /* fail_at: calls until it fails, 0: never */
} store;

static int32_t take(void *user, const void *data, size_t size) {
  store *s = user;
  if (s->fail_at > 0 && --s->fail_at == 0) return 9;
  assert_true(size <= sizeof s->data - s->size);
  memcpy(s->data + s->size, data, size);
  s->size += size;
  return 0;
}

static int32_t give(void *user, uint64_t offset, void *data, size_t size) {
  store *s = user;
  if (s->fail_at > 0 && --s->fail_at == 0) return 8;
  assert_true(offset <= s->size && size <= s->size - offset);
  memcpy(data, s->data + offset, size);
  return 0;
}

/* One of each type that the format has, [2, 3]; a number alone; an empty one. */
static bzd_tensors *make(const bzd_context *context, int32_t format) {
  static const int64_t shape[2] = {2, 3}, empty[3] = {4, 0, 2};
  static const unsigned char data[48] = {1, 0, 1, 1, 0, 1, 0x3C, 0x40, 7, 8, 9, 0x42};
  bzd_tensors *tensors;
  OK(bzd_tensors_create(context, &tensors));
  for (int i = 0; i < TYPES; i++)
    if (format == BZD_FORMAT_SAFETENSORS || strcmp(DTYPES[i], "bf16") != 0)
      OK(bzd_tensors_add(tensors, DTYPES[i], DTYPES[i], 2, shape, data));
  OK(bzd_tensors_add(tensors, "one", "f64", 0, NULL, data));
  OK(bzd_tensors_add(tensors, "none", "i32", 3, empty, NULL));
  if (format != BZD_FORMAT_SAFETENSORS) return tensors;
  OK(bzd_tensors_set_text(tensors, "zebra", "\xC3\xA9t\xC3\xA9 \"\\\n"));
  OK(bzd_tensors_set_text(tensors, "ape", "old"));
  OK(bzd_tensors_set_text(tensors, "gone", "x"));
  OK(bzd_tensors_set_text(tensors, "ape", ""));
  OK(bzd_tensors_set_text(tensors, "gone", NULL));
  return tensors;
}

static void expect_same(const bzd_tensors *one, const bzd_tensors *other) {
  bzd_tensors_info a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
  OK(bzd_tensors_get_info(one, &a));
  OK(bzd_tensors_get_info(other, &b));
  assert_true(a.count == b.count && a.texts == b.texts && a.raw_bytes == b.raw_bytes && b.file_bytes > b.raw_bytes);
  for (int64_t i = 0; i < a.count; i++) {
    bzd_tensor_info x = {.struct_size = sizeof x}, y = {.struct_size = sizeof y};
    unsigned char raw_x[48], raw_y[48];
    float f_x[6], f_y[6];
    int64_t k;
    OK(bzd_tensors_get(one, i, &x));
    OK(bzd_tensors_find(other, x.name, &k));
    OK(bzd_tensors_get(other, k, &y));
    assert_string_equal(x.dtype, y.dtype);
    assert_true(x.role == 0 && x.ndim == y.ndim && x.raw_bytes == y.raw_bytes);
    assert_memory_equal(x.shape, y.shape, sizeof x.shape);
    OK(bzd_tensors_read(one, i, raw_x, sizeof raw_x));
    OK(bzd_tensors_read(other, k, raw_y, sizeof raw_y));
    assert_memory_equal(raw_x, raw_y, x.raw_bytes);
    size_t count = x.ndim == 0 ? 1 : x.ndim == 3 ? 0 : 6;
    OK(bzd_tensors_read_f32(one, i, f_x, count));
    OK(bzd_tensors_read_f32(other, k, f_y, count));
    assert_memory_equal(f_x, f_y, count * sizeof(float));
  }
  for (int64_t i = 0; i < a.texts; i++) {
    const char *key, *value, *again;
    OK(bzd_tensors_text_at(one, i, &key, &value));
    OK(bzd_tensors_get_text(other, key, &again));
    assert_string_equal(value, again);
  }
}

static void test_three_ways(void **state) {
  static const int32_t formats[3] = {BZD_FORMAT_SAFETENSORS, BZD_FORMAT_NPZ, BZD_FORMAT_NPZ_DEFLATED};
  static store s, file;
  (void)state;
  for (int f = 0; f < 3; f++) {
    bzd_tensors *tensors = make(NULL, formats[f]), *opened;
    size_t size;
    OK(bzd_tensors_write_buffer(tensors, NULL, 0, &size, formats[f]));
    unsigned char *buf = malloc(size);
    FAILS(BZD_E_LIMIT, "cap", bzd_tensors_write_buffer(tensors, buf, size - 1, &size, formats[f]));
    OK(bzd_tensors_write_buffer(tensors, buf, size, &size, formats[f]));
    s.size = s.fail_at = 0;
    OK(bzd_tensors_write_callback(tensors, take, &s, formats[f]));
    assert_int_equal(s.size, size);
    assert_memory_equal(s.data, buf, size);
    OK(bzd_tensors_write_file(tensors, path, formats[f]));
    assert_int_equal(entries(), 1);

    OK(bzd_tensors_open_buffer(NULL, buf, size, BZD_FORMAT_AUTO, NULL, &opened));
    expect_same(tensors, opened);
    bzd_tensors_destroy(opened);
    OK(bzd_tensors_open_callback(NULL, give, &s, s.size, formats[f] == 1 ? 1 : BZD_FORMAT_NPZ, NULL, &opened));
    expect_same(tensors, opened);
    bzd_tensors_destroy(opened);
    OK(bzd_tensors_open_file(NULL, path, BZD_FORMAT_AUTO, NULL, &opened));
    expect_same(tensors, opened);
    /* Over itself, with one tensor more. */
    OK(bzd_tensors_add(opened, "more", "u8", 0, NULL, "x"));
    OK(bzd_tensors_write_file(opened, path, formats[f]));
    file.size = file.fail_at = 0;
    OK(bzd_tensors_write_callback(opened, take, &file, formats[f]));
    bzd_tensors_destroy(opened);
    assert_true(file.size > s.size);
    OK(bzd_tensors_open_file(NULL, path, BZD_FORMAT_AUTO, NULL, &opened));
    int64_t more;
    OK(bzd_tensors_find(opened, "more", &more));
    assert_true(more >= 0);
    OK(bzd_tensors_find(opened, "nothing", &more));
    assert_int_equal(more, -1);
    bzd_tensors_destroy(opened);

    /* Callbacks that fail, at each call in turn. */
    bzd_status status = BZD_E_IO;
    for (size_t call = 1; status != BZD_OK; call++) {
      s.size = 0;
      s.fail_at = call;
      status = bzd_tensors_write_callback(tensors, take, &s, formats[f]);
      if (status != BZD_OK) FAILS(BZD_E_IO, "returned 9", status);
    }
    status = BZD_E_IO;
    for (size_t call = 1; status != BZD_OK; call++) {
      s.fail_at = call;
      status = bzd_tensors_open_callback(NULL, give, &s, s.size, BZD_FORMAT_AUTO, NULL, &opened);
      if (status != BZD_OK) FAILS(BZD_E_IO, "returned 8", status);
    }
    float one;
    int64_t at;
    OK(bzd_tensors_find(opened, "one", &at));
    s.fail_at = 1;
    FAILS(BZD_E_IO, "tensor one: read callback returned 8", bzd_tensors_read_f32(opened, at, &one, 1));
    OK(bzd_tensors_read_f32(opened, at, &one, 1)); /* and the tensors are as good as before */
    bzd_tensors_destroy(opened);
    bzd_tensors_destroy(tensors);
    free(buf);
    remove(path);
  }
}

static void test_texts(void **state) {
  const char *key, *value;
  (void)state;
  bzd_tensors *tensors = make(NULL, BZD_FORMAT_SAFETENSORS);
  bzd_tensors_info info = {.struct_size = sizeof info};
  OK(bzd_tensors_get_info(tensors, &info));
  assert_true(info.texts == 2 && info.format == BZD_FORMAT_AUTO && info.file_bytes == 0 && info.count == TYPES + 2);
  assert_int_equal(bzd_tensors_info_size(), sizeof info);
  OK(bzd_tensors_text_at(tensors, 0, &key, &value));
  assert_string_equal(key, "ape");
  assert_string_equal(value, "");
  OK(bzd_tensors_text_at(tensors, 1, &key, NULL));
  assert_string_equal(key, "zebra");
  OK(bzd_tensors_get_text(tensors, "gone", &value));
  assert_null(value);
  bzd_tensors_destroy(tensors);
}

/* What a format cannot hold is refused, and an old file stays what it was. */
static void test_unsupported(void **state) {
  (void)state;
  bzd_tensors *all = make(NULL, BZD_FORMAT_SAFETENSORS), *opened;
  float value = 3;
  OK(bzd_tensors_write_file(all, path, BZD_FORMAT_SAFETENSORS));
  FAILS(BZD_E_UNSUPPORTED, "one tensor", bzd_tensors_write_file(all, path, BZD_FORMAT_NPY));
  FAILS(BZD_E_UNSUPPORTED, "texts", bzd_tensors_write_file(all, path, BZD_FORMAT_NPZ));
  OK(bzd_tensors_set_text(all, "ape", NULL));
  OK(bzd_tensors_set_text(all, "zebra", NULL));
  FAILS(BZD_E_UNSUPPORTED, "bf16", bzd_tensors_write_file(all, path, BZD_FORMAT_NPZ_DEFLATED));
  FAILS(BZD_E_UNSUPPORTED, "IDX", bzd_tensors_write_file(all, path, BZD_FORMAT_IDX));
  assert_int_equal(entries(), 1);
  OK(bzd_tensors_open_file(NULL, path, BZD_FORMAT_SAFETENSORS, NULL, &opened));
  bzd_tensors_destroy(opened);
  FAILS(BZD_E_FORMAT, path, bzd_tensors_open_file(NULL, path, BZD_FORMAT_NPY, NULL, &opened));
  assert_null(opened);
  bzd_tensors_destroy(all);
  OK(bzd_tensors_create(NULL, &all));
  OK(bzd_tensors_add(all, "any name", "f32", 0, NULL, &value));
  OK(bzd_tensors_write_file(all, path, BZD_FORMAT_NPY));
  OK(bzd_tensors_open_file(NULL, path, BZD_FORMAT_AUTO, NULL, &opened));
  bzd_tensor_info info = {.struct_size = sizeof info};
  OK(bzd_tensors_get(opened, 0, &info));
  assert_string_equal(info.name, "arr_0");
  assert_int_equal(info.stored_bytes, 4);
  bzd_tensors_destroy(opened);
  bzd_tensors_destroy(all);
  remove(path);
}

/* ---- Flows --------------------------------------------------------------------------------------------------- */

static void test_flow(void **state) {
  (void)state;
  for (int32_t kind = BZD_FLOW_VELOCITY; kind <= BZD_FLOW_ENDPOINT; kind++) {
    bzd_flow *flow = make_full_flow(NULL, kind), *loaded;
    bzd_tensors *tensors, *opened;
    OK(bzd_tensors_from_flow(flow, &tensors));
    OK(bzd_tensors_write_file(tensors, path, BZD_FORMAT_SAFETENSORS));
    OK(bzd_tensors_open_file(NULL, path, BZD_FORMAT_AUTO, NULL, &opened));
    OK(bzd_tensors_get_flow(opened, NULL, &loaded));
    bzd_flow_info one = {.struct_size = sizeof one}, other = {.struct_size = sizeof other};
    OK(bzd_flow_get_info(flow, &one));
    OK(bzd_flow_get_info(loaded, &other));
    assert_memory_equal(&one, &other, sizeof one);
    const char *title;
    OK(bzd_flow_get_metadata(loaded, "title", &title));
    assert_string_equal(title, FULL_TITLE);
    expect_same_samples(flow, loaded);
    bzd_flow_destroy(loaded);
    bzd_tensor_info info = {.struct_size = sizeof info};
    int64_t i;
    OK(bzd_tensors_find(opened, "layers.3.weight", &i));
    OK(bzd_tensors_get(opened, i, &info));
    assert_true(info.ndim == 2 && info.shape[0] == (kind == BZD_FLOW_CONTROL ? 4 : 1) * DIM && info.shape[1] == 24);

    /* Without the text, the shapes and a config say enough; layers, width and features of it do not count. */
    OK(bzd_tensors_set_text(opened, "bezdist", NULL));
    FAILS(BZD_E_UNSUPPORTED, "config", bzd_tensors_get_flow(opened, NULL, &loaded));
    bzd_flow_config config;
    OK(bzd_flow_config_init(&config, sizeof config));
    config.kind = kind;
    config.degree = 4;
    config.dim = DIM;
    config.cond_dim = CLASSES;
    OK(bzd_tensors_get_flow(opened, &config, &loaded));
    expect_same_samples(flow, loaded);
    OK(bzd_flow_get_info(loaded, &other));
    assert_true(other.layers == 3 && other.width == 24 && other.time_features == 32 && other.has_affine == 1);
    bzd_flow_destroy(loaded);
    config.cond_dim = CLASSES + 1;
    FAILS(BZD_E_DIMENSION, "41 columns", bzd_tensors_get_flow(opened, &config, &loaded));
    config.cond_dim = CLASSES;
    config.dim = DIM + 1;
    FAILS(BZD_E_DIMENSION, "rows", bzd_tensors_get_flow(opened, &config, &loaded));
    bzd_tensors_destroy(opened);
    bzd_tensors_destroy(tensors);
    bzd_flow_destroy(flow);
    remove(path);
  }
}

/* A skip connection, with the text and without. */
static void test_skip(void **state) {
  (void)state;
  enum { HEADS = 2, COUNT = HEADS * 32 };
  bzd_flow_config config;
  OK(bzd_flow_config_init(&config, sizeof config));
  config.kind = BZD_FLOW_CONTROL;
  config.degree = HEADS;
  config.dim = DIM;
  config.cond_dim = CLASSES;
  config.width = 8;
  config.skip = 1;
  bzd_flow *flow, *loaded;
  bzd_tensors *tensors;
  OK(bzd_flow_create(NULL, &config, &flow));
  set_skip(flow, HEADS, 0.01f);
  OK(bzd_tensors_from_flow(flow, &tensors));
  OK(bzd_tensors_get_flow(tensors, NULL, &loaded));
  expect_same_samples(flow, loaded);
  bzd_flow_destroy(loaded);
  config.skip = 0; /* told by the tensors */
  OK(bzd_tensors_set_text(tensors, "bezdist", NULL));
  OK(bzd_tensors_get_flow(tensors, &config, &loaded));
  expect_same_samples(flow, loaded);
  bzd_flow_destroy(loaded);
  bzd_tensors_destroy(tensors);
  bzd_flow_destroy(flow);

  /* One that the text does not have, one of another shape. */
  const int64_t shape[2] = {HEADS, 32}, turned[2] = {32, HEADS};
  const float values[COUNT] = {0};
  for (int text = 0; text < 2; text++) {
    OK(bzd_flow_create(NULL, &config, &flow));
    OK(bzd_tensors_from_flow(flow, &tensors));
    if (!text) OK(bzd_tensors_set_text(tensors, "bezdist", NULL));
    OK(bzd_tensors_add(tensors, "skip.weight", "f32", 2, text ? shape : turned, values));
    FAILS(text ? BZD_E_CORRUPT : BZD_E_DIMENSION, "skip.weight", bzd_tensors_get_flow(tensors, &config, &loaded));
    bzd_tensors_destroy(tensors);
    bzd_flow_destroy(flow);
  }
}

/* A plain state dict: weights alone, of doubles; scale and offset from the config; frequencies the library's own. */
static void test_state_dict(void **state) {
  static const float scale[DIM] = {1, 2, 3, 4, 5}, offset[DIM] = {-1, 0, 1, 2, 3};
  (void)state;
  bzd_flow *flow = make_full_flow(NULL, BZD_FLOW_VELOCITY), *loaded;
  bzd_tensors *all, *plain;
  bzd_flow_config config;
  OK(bzd_flow_config_init(&config, sizeof config));
  config.dim = DIM;
  config.cond_dim = CLASSES;
  config.scale = scale;
  config.offset = offset;
  OK(bzd_tensors_from_flow(flow, &all));
  OK(bzd_tensors_create(NULL, &plain));
  bzd_tensors_info info = {.struct_size = sizeof info};
  OK(bzd_tensors_get_info(all, &info));
  for (int64_t i = 0; i < info.count; i++) {
    bzd_tensor_info tensor = {.struct_size = sizeof tensor};
    OK(bzd_tensors_get(all, i, &tensor));
    if (strncmp(tensor.name, "layers.", 7) != 0) continue;
    size_t count = tensor.raw_bytes / sizeof(float);
    float *values = malloc(count * sizeof *values);
    double *wide = malloc(count * sizeof *wide);
    OK(bzd_tensors_read_f32(all, i, values, count));
    for (size_t k = 0; k < count; k++) wide[k] = (double)values[k];
    OK(bzd_tensors_add(plain, tensor.name, "f64", tensor.ndim, tensor.shape, wide));
    free(values), free(wide);
  }
  OK(bzd_tensors_get_flow(plain, &config, &loaded));
  expect_same_samples(flow, loaded);
  bzd_flow_destroy(loaded);

  const int64_t one[1] = {1}, features[1] = {16};
  float number = 1, times[16] = {0};
  OK(bzd_tensors_add(plain, "norm.weight", "f32", 1, one, &number));
  FAILS(BZD_E_UNSUPPORTED, "norm.weight", bzd_tensors_get_flow(plain, &config, &loaded));
  bzd_tensors_destroy(plain);

  /* Tensors that do not fit the text. */
  OK(bzd_tensors_create(NULL, &plain));
  const char *text;
  OK(bzd_tensors_get_text(all, "bezdist", &text));
  OK(bzd_tensors_set_text(plain, "bezdist", text));
  FAILS(BZD_E_CORRUPT, "", bzd_tensors_get_flow(plain, &config, &loaded));
  OK(bzd_tensors_add(plain, "layers.9.bias", "f32", 1, features, times));
  FAILS(BZD_E_CORRUPT, "layers.9.bias", bzd_tensors_get_flow(plain, NULL, &loaded));
  bzd_tensors_destroy(plain);
  static const char *const texts[] = {"",
                                      "[]",
                                      "{\"flow.dim\":5",
                                      "{\"flow.dim\":5,\"flow.dim\":5}",
                                      "{\"\":1}",
                                      "{\"flow.dim\":-5}",
                                      "{\"flow.dim\":{}}",
                                      "{} x",
                                      "{\"a b\":1}",
                                      "{}"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    OK(bzd_tensors_set_text(all, "bezdist", texts[i]));
    FAILS(BZD_E_CORRUPT, "", bzd_tensors_get_flow(all, NULL, &loaded));
    assert_null(loaded);
  }
  bzd_tensors_destroy(all);

  /* Numbers a network cannot have, types that are none of one, a bias that does not fit, columns left over. */
  for (int turn = 0; turn < 4; turn++) {
    static float weights[8 * 24];
    const int64_t shape[2] = {8, DIM + (turn == 3 ? 19 : 16)}, last[2] = {DIM, 8}, bias[1] = {turn == 2 ? 7 : 8};
    static const bzd_status expected[4] = {BZD_E_CORRUPT, BZD_E_UNSUPPORTED, BZD_E_CORRUPT, BZD_E_DIMENSION};
    static const char *const words[4] = {"inf", "i32", "layers.0.bias", "leave 19"};
    weights[7] = turn == 0 ? (float)INFINITY : 0;
    OK(bzd_tensors_create(NULL, &plain));
    config.cond_dim = 0;
    OK(bzd_tensors_add(plain, "layers.0.weight", turn == 1 ? "i32" : "f32", 2, shape, weights));
    OK(bzd_tensors_add(plain, "layers.0.bias", "f32", 1, bias, weights + 8));
    OK(bzd_tensors_add(plain, "layers.1.weight", "f32", 2, last, weights + 8));
    OK(bzd_tensors_add(plain, "layers.1.bias", "f32", 1, last, weights + 8));
    FAILS(expected[turn], words[turn], bzd_tensors_get_flow(plain, &config, &loaded));
    assert_null(loaded);
    bzd_tensors_destroy(plain);
  }
  bzd_flow_destroy(flow);
}

/* ---- Memory -------------------------------------------------------------------------------------------------- */

/* All there is, from a flow to a file and back; stops at the first failure. */
static bzd_status whole_way(const bzd_context *context, const bzd_flow *flow, int32_t format) {
  static unsigned char buf[1 << 16];
  static float values[1 << 14];
  bzd_tensors *tensors = NULL, *opened = NULL;
  bzd_flow *loaded = NULL;
  size_t size;
  bzd_tensor_info info = {.struct_size = sizeof info};
  bzd_status status = bzd_tensors_from_flow(flow, &tensors);
  if (!status) status = bzd_tensors_set_text(tensors, "more", "text");
  if (!status && format != BZD_FORMAT_SAFETENSORS) status = bzd_tensors_set_text(tensors, "more", NULL);
  if (!status && format != BZD_FORMAT_SAFETENSORS) status = bzd_tensors_set_text(tensors, "bezdist", NULL);
  if (!status) status = bzd_tensors_add(tensors, "double", "f64", 0, NULL, "12345678");
  if (!status) status = bzd_tensors_write_buffer(tensors, buf, sizeof buf, &size, format);
  if (!status) status = bzd_tensors_open_buffer(context, buf, size, BZD_FORMAT_AUTO, NULL, &opened);
  for (int64_t i = 0; !status && bzd_tensors_get(opened, i, &info) == BZD_OK; i++)
    status = bzd_tensors_read_f32(opened, i, values, info.raw_bytes / (strcmp(info.dtype, "f64") ? 4 : 8));
  if (!status && format == BZD_FORMAT_SAFETENSORS) {
    bzd_tensors_destroy(tensors);
    tensors = NULL;
    status = bzd_tensors_from_flow(flow, &tensors);
    if (!status) status = bzd_tensors_get_flow(tensors, NULL, &loaded);
  }
  bzd_flow_destroy(loaded);
  bzd_tensors_destroy(opened);
  bzd_tensors_destroy(tensors);
  return status;
}

static void test_refused(void **state) {
  static const int32_t formats[3] = {BZD_FORMAT_SAFETENSORS, BZD_FORMAT_NPZ, BZD_FORMAT_NPZ_DEFLATED};
  (void)state;
  for (int f = 0; f < 3; f++) {
    host h;
    host_init(&h);
    bzd_context *context = host_context(&h, 1);
    bzd_flow *flow = make_full_flow(context, BZD_FLOW_VELOCITY);
    long long base = atomic_load(&h.live), refused = 0;
    for (long long quota = 0; quota < 5000; quota++) {
      char text[512] = "";
      atomic_store(&h.quota, quota);
      bzd_status status = whole_way(context, flow, formats[f]);
      if (status != BZD_OK) bzd_last_error(text, sizeof text);
      atomic_store(&h.quota, -1);
      if (atomic_load(&h.live) != base) fail_msg("allocation %d refused: memory kept (%s)", (int)quota, text);
      if (status == BZD_OK) break;
      refused++;
      if (status != BZD_E_MEMORY) fail_msg("allocation %d: %s (%s)", (int)quota, bzd_status_name(status), text);
      if (quota % 16 == 0) OK(whole_way(context, flow, formats[f]));
    }
    print_message("format %d: %d allocations refused in turn\n", (int)formats[f], (int)refused);
    assert_in_range(refused, 50, 4999);
    bzd_flow_destroy(flow);
    bzd_context_destroy(context);
    assert_int_equal(atomic_load(&h.live), 0);
    assert_int_equal(atomic_load(&h.wrong), 0);
  }
}

/* The tensors' bytes lie in the file until they are read: opening takes no more than headers need. */
static void test_lazy(void **state) {
  enum { COUNT = 4 << 20 };
  float *values = calloc(COUNT, sizeof *values), *out = malloc(COUNT * sizeof *out);
  const int64_t shape[1] = {COUNT};
  (void)state;
  for (int i = 0; i < COUNT; i++) values[i] = (float)(i % 1000);
  for (int32_t format = BZD_FORMAT_SAFETENSORS; format <= BZD_FORMAT_NPZ_DEFLATED; format++) {
    if (format == BZD_FORMAT_IDX) continue;
    host h;
    bzd_tensors *tensors;
    OK(bzd_tensors_create(NULL, &tensors));
    OK(bzd_tensors_add(tensors, "x", "f32", 1, shape, values));
    OK(bzd_tensors_write_file(tensors, path, format));
    bzd_tensors_destroy(tensors);
    host_init(&h);
    bzd_context *context = host_context(&h, 1);
    long long base = atomic_load(&h.live);
    OK(bzd_tensors_open_file(context, path, BZD_FORMAT_AUTO, NULL, &tensors));
    assert_in_range(atomic_load(&h.live) - base, 1, 8192);
    OK(bzd_tensors_read_f32(tensors, 0, out, COUNT));
    assert_memory_equal(out, values, COUNT * sizeof *out);
    bzd_tensors_destroy(tensors);
    bzd_context_destroy(context);
    assert_int_equal(atomic_load(&h.live), 0);
    remove(path);
  }
  free(values), free(out);
}

static int setup(void **state) {
  (void)state;
  assert_non_null(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/t.bin", directory);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  assert_int_equal(entries(), 0);
  return rmdir(directory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_three_ways), cmocka_unit_test(test_texts), cmocka_unit_test(test_unsupported),
      cmocka_unit_test(test_flow),       cmocka_unit_test(test_skip),  cmocka_unit_test(test_state_dict),
      cmocka_unit_test(test_refused),    cmocka_unit_test(test_lazy),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
