/* SPDX-License-Identifier: MIT */
/* By way of a store, whose loader makes every check there is: tensors there are tensors here, metadata there are
 * members of a JSON object here. */
#include "flow/flow_tensors.h"

#include "base/error.h"
#include "net/embed.h"
#include "store/json.h"

#include <stdio.h>
#include <string.h>

static const char TEXT[] = "bezdist";
enum { MOST_LAYERS = 16, MOST_FEATURES = 1024, MOST_CHAR = 0x7E };

/* ---- To tensors ---------------------------------------------------------------------------------------------- */

static bzd_status add_meta(const bzdi_store *store, int64_t i, bzdi_buffer *json) {
  const char *key, *value;
  int32_t type;
  int64_t number;
  BZDI_TRY(bzdi_store_at(store, BZDI_META, i, &key, &type, NULL, NULL, 0));
  BZDI_TRY(bzdi_buffer_add(json, i ? "," : "{", 1));
  BZDI_TRY(bzdi_json_write(json, key));
  BZDI_TRY(bzdi_buffer_add(json, ":", 1));
  if (type == BZDI_STR) {
    BZDI_TRY(bzdi_store_get_str(store, BZDI_META, key, &value));
    return bzdi_json_write(json, value);
  }
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_META, key, 0, INT64_MAX, &number));
  return bzdi_buffer_text(json, "%lld", (long long)number);
}

static bzd_status copy_out(const bzdi_store *store, bzdi_tensors *tensors, bzdi_buffer *json) {
  for (int64_t i = 0; i < bzdi_store_tensors(store); i++) {
    const bzdi_tensor *tensor = bzdi_store_tensor(store, i);
    float *values = bzdi_malloc(tensors->context, tensor->bytes, 1);
    if (!values) return bzdi_no_memory(tensor->name, tensor->bytes, 1);
    bzd_status status = bzdi_store_read(store, i, values);
    if (status == BZD_OK)
      status = bzdi_tensors_add(tensors, tensor->name, BZDI_EL_F32, tensor->ndim, tensor->shape, values);
    bzdi_free(tensors->context, values);
    BZDI_TRY(status);
  }
  for (int64_t i = 0; i < bzdi_store_count(store, BZDI_META); i++) BZDI_TRY(add_meta(store, i, json));
  BZDI_TRY(bzdi_buffer_add(json, "}", 2)); /* the NUL too */
  return bzdi_tensors_set_text(tensors, TEXT, (const char *)json->data);
}

bzd_status bzdi_flow_to_tensors(const bzd_flow *flow, bzdi_tensors *tensors) {
  bzdi_store *store;
  bzdi_buffer json = {.context = tensors->context};
  BZDI_TRY(bzdi_store_new(tensors->context, &store));
  bzd_status status = bzdi_flow_store(flow, store, "");
  if (status == BZD_OK) status = copy_out(store, tensors, &json);
  bzdi_buffer_free(&json);
  bzdi_store_free(store);
  return status;
}

/* ---- From tensors -------------------------------------------------------------------------------------------- */

int bzdi_tensors_describe_flow(const bzdi_tensors *tensors) { return bzdi_names_find(&tensors->keys, TEXT) >= 0; }

/* 1: a part of a flow; its role in a store. */
static int role_of(const char *name, int32_t *role) {
  char expected[40];
  *role = BZDI_ROLE_BUFFER;
  if (!strcmp(name, "frequencies") || !strcmp(name, "scale") || !strcmp(name, "offset")) return 1;
  *role = BZDI_ROLE_PARAMETER;
  if (!strcmp(name, "skip.weight") || !strcmp(name, "skip.bias")) return 1;
  for (int l = 0; l <= MOST_LAYERS; l++)
    for (int k = 0; k < 2; k++) {
      snprintf(expected, sizeof expected, "layers.%d.%s", l, k ? "bias" : "weight");
      if (!strcmp(name, expected)) return 1;
    }
  return 0;
}

static bzd_status copy_tensor(const bzdi_tensors *tensors, int64_t i, bzdi_store *store) {
  const bzdi_array *array = &tensors->array[i];
  const char *name = tensors->names.name[i];
  int32_t role;
  uint64_t count = bzdi_array_count(array);
  if (!role_of(name, &role))
    return bzdi_fail(
        BZD_E_UNSUPPORTED,
        "tensor %.60s is no part of a flow (layers.0..%d.weight and bias, skip.weight and bias, frequencies, "
        "scale, offset)",
        name, MOST_LAYERS);
  if (!bzdi_element_is_float(array->type))
    return bzdi_fail(BZD_E_UNSUPPORTED, "tensor %.60s: dtype %s, expected f16, bf16, f32 or f64", name,
                     bzdi_elements[array->type].name);
  if (count == 0) return bzdi_fail(BZD_E_CORRUPT, "tensor %.60s is empty", name);
  if (count > SIZE_MAX / sizeof(float)) return bzdi_no_memory(name, SIZE_MAX, 1);
  float *values = bzdi_malloc(tensors->context, (size_t)count, sizeof *values);
  if (!values) return bzdi_no_memory(name, (size_t)count, sizeof *values);
  bzd_status status = bzdi_tensors_read_f32(tensors, i, values);
  if (status == BZD_OK) status = bzdi_store_add(store, name, role, BZDI_DTYPE_F32, array->ndim, array->shape, values);
  bzdi_free(tensors->context, values);
  return status;
}

/* ---- By the text --------------------------------------------------------------------------------------------- */

/* Keys are those of a store: 1 to 255 printable bytes, each once. */
static bzd_status read_member(bzdi_json *json, const char *key, bzdi_store *store) {
  size_t length = strlen(key);
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)key[i] < 0x21 || (unsigned char)key[i] > MOST_CHAR) length = 0;
  if (length == 0 || length > 255) return bzdi_fail(BZD_E_CORRUPT, "text %s: key '%.60s' cannot be", TEXT, key);
  if (bzdi_store_has(store, BZDI_META, key))
    return bzdi_fail(BZD_E_CORRUPT, "text %s: key %.60s is there twice", TEXT, key);
  if (!bzdi_json_next_is(json, '"')) {
    int64_t number;
    BZDI_TRY(bzdi_json_number(json, &number));
    return bzdi_store_set_i64(store, BZDI_META, key, number, BZDI_MODEL);
  }
  char *value;
  BZDI_TRY(bzdi_json_string(json, &value));
  bzd_status status = bzdi_store_set_str(store, BZDI_META, key, value, 0);
  bzdi_free(json->context, value);
  return status;
}

static bzd_status read_text(const char *text, const bzd_context *context, bzdi_store *store) {
  bzdi_json json;
  int more;
  BZDI_TRY(bzdi_json_start(context, "text bezdist", text, strlen(text), &json));
  BZDI_TRY(bzdi_json_expect(&json, '{'));
  for (int first = 1;; first = 0) {
    char *key;
    BZDI_TRY(bzdi_json_more(&json, first, '}', &more));
    if (!more) return bzdi_json_end(&json);
    BZDI_TRY(bzdi_json_key(&json, &key));
    bzd_status status = read_member(&json, key, store);
    bzdi_free(context, key);
    BZDI_TRY(status);
  }
}

/* ---- By shapes ----------------------------------------------------------------------------------------------- */

static const bzdi_array *find(const bzdi_tensors *tensors, const char *name) {
  int64_t i = bzdi_names_find(&tensors->names, name);
  return i < 0 ? NULL : &tensors->array[i];
}

static bzd_status set(bzdi_store *store, const char *key, int64_t value) {
  return bzdi_store_set_i64(store, BZDI_META, key, value, BZDI_MODEL);
}

/* Hidden layers, width, features and skip connection, and whether first and last layer fit what the caller says. */
static bzd_status infer(const bzdi_tensors *tensors, const bzdi_flow_spec *spec, bzdi_flow_spec *out) {
  char last[40];
  int32_t layers = 0;
  for (; layers <= MOST_LAYERS; layers++) {
    snprintf(last, sizeof last, "layers.%d.weight", (int)layers);
    if (!find(tensors, last)) break;
  }
  if (layers < 2 || layers > MOST_LAYERS + 1)
    return bzdi_fail(BZD_E_UNSUPPORTED, "%d tensors layers.L.weight, expected 2..%d: not a flow's network", (int)layers,
                     MOST_LAYERS + 1);
  snprintf(last, sizeof last, "layers.%d.weight", (int)layers - 1);
  const bzdi_array *head = find(tensors, "layers.0.weight"), *tail = find(tensors, last);
  if (head->ndim != 2 || tail->ndim != 2)
    return bzdi_fail(BZD_E_DIMENSION, "layers.0.weight and %s have %d and %d dimensions, expected 2", last,
                     (int)head->ndim, (int)tail->ndim);
  int64_t heads = bzdi_flow_heads(spec->kind, spec->degree), dim = spec->item.dim, cond = spec->item.cond_dim;
  if (tail->shape[0] != heads * dim)
    return bzdi_fail(BZD_E_DIMENSION, "%s has %lld rows, config says %lld heads of dim %lld", last,
                     (long long)tail->shape[0], (long long)heads, (long long)dim);
  int64_t seen = dim + (cond ? cond + 1 : 0), features = head->shape[1] - seen;
  if (features < 2 || features > MOST_FEATURES || features % 2 != 0)
    return bzdi_fail(BZD_E_DIMENSION,
                     "layers.0.weight has %lld columns: %lld for dim %lld and cond_dim %lld leave %lld "
                     "for the time, expected an even number 2..%d",
                     (long long)head->shape[1], (long long)seen, (long long)dim, (long long)cond, (long long)features,
                     MOST_FEATURES);
  if (head->shape[0] < 1 || head->shape[0] > 65536)
    return bzdi_fail(BZD_E_DIMENSION, "layers.0.weight has %lld rows, expected 1..65536", (long long)head->shape[0]);
  out->layers = layers - 1;
  out->time_features = (int32_t)features;
  out->width = head->shape[0];
  const bzdi_array *skip = find(tensors, "skip.weight");
  out->skip = skip != NULL;
  if (skip && (skip->ndim != 2 || skip->shape[0] != heads || skip->shape[1] != features))
    return bzdi_fail(BZD_E_DIMENSION, "skip.weight is not [%lld, %lld], for %lld heads and %lld time features",
                     (long long)heads, (long long)features, (long long)heads, (long long)features);
  return BZD_OK;
}

/* Metadata as a checkpoint of such a flow has them, and the buffers that the tensors lack. */
static bzd_status describe(const bzdi_tensors *tensors, const bzdi_flow_spec *given, bzdi_store *store) {
  bzdi_flow_spec spec = *given;
  BZDI_TRY(infer(tensors, given, &spec));
  bzdi_item item = spec.item;
  if (find(tensors, "scale") || find(tensors, "offset")) item.scale = item.offset = NULL; /* theirs */
  BZDI_TRY(set(store, "flow.kind", spec.kind));
  BZDI_TRY(set(store, "flow.degree", spec.kind == BZDI_FLOW_CONTROL ? spec.degree : 1));
  BZDI_TRY(set(store, "flow.generation", 0));
  BZDI_TRY(set(store, "flow.noise_version", BZD_NOISE_VERSION));
  BZDI_TRY(bzdi_item_store(&item, store, ""));
  BZDI_TRY(bzdi_store_set_str(store, BZDI_META, "net.kind", "mlp", BZDI_MODEL));
  BZDI_TRY(set(store, "net.dim", item.dim));
  BZDI_TRY(set(store, "net.cond_dim", item.cond_dim));
  BZDI_TRY(set(store, "net.heads", bzdi_flow_heads(spec.kind, spec.degree)));
  BZDI_TRY(set(store, "net.width", spec.width));
  BZDI_TRY(set(store, "net.layers", spec.layers));
  BZDI_TRY(set(store, "net.time_features", spec.time_features));
  if (spec.skip) BZDI_TRY(set(store, "net.skip", 1));
  if (find(tensors, "frequencies")) return BZD_OK;
  float frequencies[MOST_FEATURES / 2];
  int64_t count = spec.time_features / 2;
  bzdi_embed_frequencies((int32_t)count, frequencies);
  return bzdi_store_add(store, "frequencies", BZDI_ROLE_BUFFER, BZDI_DTYPE_F32, 1, &count, frequencies);
}

/* A layer that the description does not count would be left out without a word. */
static bzd_status check_layers(const bzdi_tensors *tensors, const bzdi_store *store) {
  int64_t layers;
  char name[40];
  BZDI_TRY(bzdi_store_get_i64(store, BZDI_META, "net.layers", 1, MOST_LAYERS, &layers));
  for (int l = (int)layers + 1; l <= MOST_LAYERS; l++)
    for (int k = 0; k < 2; k++) {
      snprintf(name, sizeof name, "layers.%d.%s", l, k ? "bias" : "weight");
      if (find(tensors, name))
        return bzdi_fail(BZD_E_CORRUPT, "tensor %s is there, the last layer is %lld", name, (long long)layers);
    }
  static const char *const pairs[][2] = {{"scale", "offset"}, {"skip.weight", "skip.bias"}};
  for (int k = 0; k < 2; k++)
    if (!find(tensors, pairs[k][0]) != !find(tensors, pairs[k][1]))
      return bzdi_fail(BZD_E_CORRUPT, "%s and %s go together, %s is missing", pairs[k][0], pairs[k][1],
                       pairs[k][find(tensors, pairs[k][0]) != NULL]);
  return BZD_OK;
}

static bzd_status fill(const bzdi_tensors *tensors, const bzdi_flow_spec *spec, bzdi_store *store) {
  int64_t text = bzdi_names_find(&tensors->keys, TEXT);
  if (text >= 0)
    BZDI_TRY(read_text(tensors->text[text], tensors->context, store));
  else
    BZDI_TRY(describe(tensors, spec, store));
  BZDI_TRY(check_layers(tensors, store));
  for (int64_t i = 0; i < tensors->names.count; i++) BZDI_TRY(copy_tensor(tensors, i, store));
  return BZD_OK;
}

bzd_status bzdi_flow_of_tensors(const bzd_context *context, const bzdi_tensors *tensors, const bzdi_flow_spec *spec,
                                bzd_flow **out) {
  bzdi_store *store;
  *out = NULL;
  BZDI_TRY(bzdi_store_new(tensors->context, &store));
  bzd_status status = fill(tensors, spec, store);
  if (status == BZD_OK) status = bzdi_flow_load(context, store, "", BZDI_ROLE_PARAMETER, out);
  bzdi_store_free(store);
  return status;
}
