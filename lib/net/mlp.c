/* SPDX-License-Identifier: MIT */
#include "net/mlp.h"

#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/task.h"
#include "net/embed.h"
#include "num/gemm.h"
#include "num/vec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROW_BLOCK = 64 }; /* rows of one task in the element-wise passes */

/* Linear layer l = 0..layers: its shape. */
static int64_t layer_in(const bzdi_mlp *mlp, int32_t l) { return l == 0 ? mlp->input : mlp->width; }
static int64_t layer_out(const bzdi_mlp *mlp, int32_t l) {
  return l == mlp->layers ? mlp->net.heads * mlp->net.dim : mlp->width;
}
static const float *weight(const bzdi_mlp *mlp, const float *weights, int32_t l) {
  return weights + mlp->net.param[2 * l].offset;
}
static const float *bias(const bzdi_mlp *mlp, const float *weights, int32_t l) {
  return weights + mlp->net.param[2 * l + 1].offset;
}

/* The skip connection's weight [heads, time_features] and bias [heads] come last. */
static const bzdi_param *skip_param(const bzdi_mlp *mlp) { return &mlp->net.param[2 * (mlp->layers + 1)]; }

static void drop(void *self) {
  bzdi_mlp *mlp = self;
  bzdi_free(mlp->net.handle.context, mlp->net.param);
  bzdi_free(mlp->net.handle.context, mlp->frequencies);
}

static void add_linear(bzdi_net *net, int32_t i, const char *name, int64_t out, int64_t in) {
  bzdi_param *w = &net->param[i], *b = w + 1;
  snprintf(w->name, sizeof w->name, "%s.weight", name);
  snprintf(b->name, sizeof b->name, "%s.bias", name);
  w->ndim = 2;
  w->shape[0] = out;
  w->shape[1] = in;
  w->count = out * in;
  w->offset = net->count;
  b->ndim = 1;
  b->shape[0] = b->count = out;
  b->offset = net->count + w->count;
  net->count = b->offset + b->count;
}

bzd_status bzdi_mlp_new(const bzd_context *context, const bzdi_mlp_spec *spec, bzdi_net **out) {
  *out = NULL;
  if (bzdi_context(context) == bzdi_context(NULL) && !bzdi_gemm_ready()) /* a context of the host's saw to it */
    return bzdi_fail(BZD_E_MEMORY, "network: no memory for BLIS to set itself up");
  bzdi_mlp *mlp = bzdi_handle_new(context, BZDI_MAGIC_NET, sizeof *mlp, drop);
  if (!mlp) return bzdi_no_memory("network", 1, sizeof *mlp);
  bzdi_net *net = &mlp->net;
  net->kind = &bzdi_mlp_kind;
  net->dim = spec->dim;
  net->cond_dim = spec->cond_dim;
  net->heads = spec->heads;
  net->params = 2 * (spec->layers + 1 + spec->skip);
  mlp->width = spec->width;
  mlp->layers = spec->layers;
  mlp->time_features = spec->time_features;
  mlp->skip = spec->skip;
  mlp->input = spec->dim + (spec->cond_dim ? spec->cond_dim + 1 : 0) + spec->time_features;
  net->param = bzdi_calloc(context, (size_t)net->params, sizeof *net->param);
  mlp->frequencies = bzdi_calloc(context, (size_t)spec->time_features / 2, sizeof(float));
  if (!net->param || !mlp->frequencies) {
    bzdi_release(mlp);
    return bzdi_no_memory("network", (size_t)spec->time_features, sizeof(float));
  }
  if (spec->frequencies)
    memcpy(mlp->frequencies, spec->frequencies, (size_t)spec->time_features / 2 * sizeof(float));
  else
    bzdi_embed_frequencies(spec->time_features / 2, mlp->frequencies);
  for (int32_t l = 0; l <= mlp->layers; l++) {
    char name[24];
    snprintf(name, sizeof name, "layers.%d", (int)l);
    add_linear(net, 2 * l, name, layer_out(mlp, l), layer_in(mlp, l));
  }
  if (mlp->skip) add_linear(net, 2 * (mlp->layers + 1), "skip", net->heads, mlp->time_features);
  *out = net;
  return BZD_OK;
}

/* Weights and biases uniform in +-1/sqrt(fan in), as PyTorch's Linear. The skip connection begins as none. */
static void init(const bzdi_net *net, uint64_t seed, float *weights) {
  const bzdi_mlp *mlp = (const bzdi_mlp *)net;
  const int32_t in_layers = 2 * (mlp->layers + 1);
  for (int32_t i = 0; i < in_layers; i++) {
    const bzdi_param *param = &net->param[i];
    float bound = (float)(1.0 / sqrt((double)layer_in(mlp, i / 2)));
    float *out = weights + param->offset;
    bzdi_rng_uniforms(seed, BZD_STREAM_INIT, (uint64_t)i, 1, param->count, out);
    for (int64_t j = 0; j < param->count; j++) out[j] = (2 * out[j] - 1) * bound;
  }
  for (int32_t i = in_layers; i < net->params; i++)
    memset(weights + net->param[i].offset, 0, (size_t)net->param[i].count * sizeof(float));
}

/* out[r, h] += (weight[h] . features of t + bias[h]) x of n embedded rows. */
static void add_skip(const bzdi_mlp *mlp, const float *weight, const float *bias, int64_t n, const float *input,
                     float *out) {
  const int64_t dim = mlp->net.dim, heads = mlp->net.heads, count = mlp->time_features;
  for (int64_t r = 0; r < n; r++, input += mlp->input)
    for (int64_t h = 0; h < heads; h++, out += dim) {
      const float *features = input + mlp->input - count;
      float gain = bias[h];
      for (int64_t j = 0; j < count; j++) gain += weight[h * count + j] * features[j];
      for (int64_t j = 0; j < dim; j++) out[j] += gain * input[j];
    }
}

/* ---- Training ------------------------------------------------------------------------------------------------ */

/* Work: the embedded input, then for each hidden layer its pre-activation z, which becomes silu'(z) for the
 * backward pass, and its activation y, which its gradient takes the place of; scratch of the products. */
typedef struct work {
  float *input, *z[16], *y[16];
  float *gain; /* [n, heads], gradient of the skip connection's factors */
  void *scratch;
} work;

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static size_t carve(const bzdi_mlp *mlp, int64_t n, void *base, work *w) {
  bzdi_arena arena = {base, 0};
  size_t scratch = 0;
  w->input = bzdi_arena_take(&arena, (size_t)(n * mlp->input), sizeof(float));
  for (int32_t l = 0; l < mlp->layers; l++) {
    w->z[l] = bzdi_arena_take(&arena, (size_t)(n * mlp->width), sizeof(float));
    w->y[l] = bzdi_arena_take(&arena, (size_t)(n * mlp->width), sizeof(float));
  }
  w->gain = bzdi_arena_take(&arena, mlp->skip ? (size_t)(n * mlp->net.heads) : 0, sizeof(float));
  for (int32_t l = 0; l <= mlp->layers; l++) {
    int64_t in = layer_in(mlp, l), out = layer_out(mlp, l);
    scratch = larger(scratch, bzdi_gemm_scratch(mlp->net.handle.context, n, out, in, in, 1));
    scratch = larger(scratch, bzdi_gemm_scratch(mlp->net.handle.context, n, in, out, out, 1));
    scratch = larger(scratch, bzdi_gemm_scratch(mlp->net.handle.context, out, in, n, 1, out));
  }
  if (mlp->skip)
    scratch = larger(
        scratch, bzdi_gemm_scratch(mlp->net.handle.context, mlp->net.heads, mlp->time_features, n, 1, mlp->net.heads));
  w->scratch = bzdi_arena_take(&arena, scratch, 1);
  return arena.used;
}

static size_t train_work(const bzdi_net *net, int64_t n) {
  work w;
  return carve((const bzdi_mlp *)net, n, NULL, &w);
}

/* The element-wise passes, a block of rows at a time. */
typedef struct pass {
  const bzdi_mlp *mlp;
  const bzdi_rows *rows;
  const float *weights, *bias, *slope;
  float *input, *z, *y, *gradient, *gain;
  int64_t n, width;
} pass;

static int64_t block_rows(const pass *p, int64_t i) {
  return p->n - i * ROW_BLOCK < ROW_BLOCK ? p->n - i * ROW_BLOCK : ROW_BLOCK;
}

static void embed_task(void *arg, int64_t i, int32_t slot) {
  const pass *p = arg;
  const bzdi_rows *all = p->rows;
  const bzdi_mlp *mlp = p->mlp;
  int64_t first = i * ROW_BLOCK;
  (void)slot;
  bzdi_rows part = {block_rows(p, i), all->x + first * mlp->net.dim, all->t + first,
                    all->cond ? all->cond + first * mlp->net.cond_dim : NULL, all->keep ? all->keep + first : NULL};
  bzdi_embed(&part, mlp->net.dim, mlp->net.cond_dim, mlp->time_features / 2, mlp->frequencies,
             p->input + first * mlp->input, mlp->input);
}

static void activate_task(void *arg, int64_t i, int32_t slot) {
  const pass *p = arg;
  int64_t first = i * ROW_BLOCK * p->width;
  (void)slot;
  if (p->y)
    bzdi_vec_bias_silu(block_rows(p, i), p->width, p->bias, p->z + first, p->y + first);
  else
    bzdi_vec_bias(block_rows(p, i), p->width, p->bias, p->z + first);
}

static void slope_task(void *arg, int64_t i, int32_t slot) {
  const pass *p = arg;
  int64_t first = i * ROW_BLOCK * p->width;
  (void)slot;
  bzdi_vec_multiply(block_rows(p, i) * p->width, p->slope + first, p->gradient + first);
}

static void skip_task(void *arg, int64_t i, int32_t slot) {
  const pass *p = arg;
  const bzdi_param *w = skip_param(p->mlp);
  int64_t first = i * ROW_BLOCK;
  (void)slot;
  add_skip(p->mlp, p->weights + w[0].offset, p->weights + w[1].offset, block_rows(p, i),
           p->input + first * p->mlp->input, p->z + first * p->width);
}

/* d loss / d gain[r, h] = d loss / d out[r, h] . x[r] */
static void gain_task(void *arg, int64_t i, int32_t slot) {
  const pass *p = arg;
  const int64_t dim = p->mlp->net.dim, heads = p->mlp->net.heads, first = i * ROW_BLOCK;
  (void)slot;
  for (int64_t r = first; r < first + block_rows(p, i); r++)
    for (int64_t h = 0; h < heads; h++) {
      const float *x = p->input + r * p->mlp->input, *gradient = p->gradient + (r * heads + h) * dim;
      double sum = 0;
      for (int64_t j = 0; j < dim; j++) sum += (double)gradient[j] * (double)x[j];
      p->gain[r * heads + h] = (float)sum;
    }
}

static int64_t blocks(int64_t n) { return (n + ROW_BLOCK - 1) / ROW_BLOCK; }

static void forward(const bzdi_net *net, const float *weights, const bzdi_rows *rows, float *out, void *memory) {
  const bzdi_mlp *mlp = (const bzdi_mlp *)net;
  const bzd_context *context = net->handle.context;
  work w;
  carve(mlp, rows->n, memory, &w);
  pass p = {.mlp = mlp, .rows = rows, .weights = weights, .input = w.input, .n = rows->n};
  bzdi_parallel_for(context, blocks(rows->n), embed_task, &p);
  const float *x = w.input;
  for (int32_t l = 0; l <= mlp->layers; l++) {
    int64_t in = layer_in(mlp, l), width = layer_out(mlp, l);
    float *z = l == mlp->layers ? out : w.z[l];
    bzdi_gemm(context, rows->n, width, in, x, in, 1, weight(mlp, weights, l), 1, in, z, width, w.scratch);
    p.bias = bias(mlp, weights, l);
    p.z = z;
    p.y = l == mlp->layers ? NULL : w.y[l];
    p.width = width;
    bzdi_parallel_for(context, blocks(rows->n), activate_task, &p);
    x = p.y;
  }
  if (mlp->skip) bzdi_parallel_for(context, blocks(rows->n), skip_task, &p);
}

/* The gradient of the skip connection's weight and bias, rows added in order. */
static void skip_backward(const bzdi_mlp *mlp, int64_t n, float *out_grad, work *w, float *grad) {
  const bzdi_param *param = skip_param(mlp);
  const int64_t heads = mlp->net.heads, count = mlp->time_features;
  pass p = {.mlp = mlp, .input = w->input, .gradient = out_grad, .gain = w->gain, .n = n};
  bzdi_parallel_for(mlp->net.handle.context, blocks(n), gain_task, &p);
  bzdi_gemm(mlp->net.handle.context, heads, count, n, w->gain, 1, heads, w->input + mlp->input - count, mlp->input, 1,
            grad + param[0].offset, count, w->scratch);
  bzdi_vec_column_sums(n, heads, w->gain, grad + param[1].offset);
}

static void backward(const bzdi_net *net, const float *weights, const bzdi_rows *rows, float *out_grad, float *grad,
                     void *memory) {
  const bzdi_mlp *mlp = (const bzdi_mlp *)net;
  const bzd_context *context = net->handle.context;
  int64_t n = rows->n;
  work w;
  carve(mlp, n, memory, &w);
  float *dz = out_grad;
  if (mlp->skip) skip_backward(mlp, n, out_grad, &w, grad);
  for (int32_t l = mlp->layers; l >= 0; l--) {
    int64_t in = layer_in(mlp, l), width = layer_out(mlp, l);
    const float *x = l == 0 ? w.input : w.y[l - 1];
    /* dW = dz' x, db = sum of rows of dz, dx = dz W (not for the first layer: nobody asks for it). */
    bzdi_gemm(context, width, in, n, dz, 1, width, x, in, 1, grad + net->param[2 * l].offset, in, w.scratch);
    bzdi_vec_column_sums(n, width, dz, grad + net->param[2 * l + 1].offset);
    if (l == 0) break;
    float *dx = w.y[l - 1]; /* x, which nobody needs any more */
    bzdi_gemm(context, n, in, width, dz, width, 1, weight(mlp, weights, l), in, 1, dx, in, w.scratch);
    pass p = {.slope = w.z[l - 1], .gradient = dx, .n = n, .width = in};
    bzdi_parallel_for(context, blocks(n), slope_task, &p);
    dz = dx;
  }
}

/* ---- Sampling ------------------------------------------------------------------------------------------------ */

/* Packed: for each layer its packed weight, then its bias, each in whole lines of memory. */
static size_t bias_bytes(const bzdi_mlp *mlp, int32_t l) {
  return ((size_t)layer_out(mlp, l) * sizeof(float) + 63) / 64 * 64;
}
static size_t weight_bytes(const bzdi_mlp *mlp, int precision, int32_t l) {
  return bzdi_packed_bytes(precision, layer_in(mlp, l), layer_out(mlp, l));
}

/* Then the skip connection's weight and bias as they are in the weights. */
static size_t skip_count(const bzdi_mlp *mlp) { return (size_t)(skip_param(mlp)[0].count + skip_param(mlp)[1].count); }
static size_t skip_bytes(const bzdi_mlp *mlp) {
  return mlp->skip ? (skip_count(mlp) * sizeof(float) + 63) / 64 * 64 : 0;
}

static size_t packed_bytes(const bzdi_net *net, int precision) {
  const bzdi_mlp *mlp = (const bzdi_mlp *)net;
  size_t total = 0;
  for (int32_t l = 0; l <= mlp->layers; l++) total += weight_bytes(mlp, precision, l) + bias_bytes(mlp, l);
  return total + skip_bytes(mlp);
}

static void pack(const bzdi_net *net, int precision, const float *weights, void *packed) {
  const bzdi_mlp *mlp = (const bzdi_mlp *)net;
  char *out = packed;
  for (int32_t l = 0; l <= mlp->layers; l++) {
    bzdi_pack(precision, layer_in(mlp, l), layer_out(mlp, l), weight(mlp, weights, l), 1, layer_in(mlp, l), out);
    out += weight_bytes(mlp, precision, l);
    memcpy(out, bias(mlp, weights, l), (size_t)layer_out(mlp, l) * sizeof(float));
    out += bias_bytes(mlp, l);
  }
  if (mlp->skip) memcpy(out, weights + skip_param(mlp)->offset, skip_count(mlp) * sizeof(float));
}

/* The embedded input, two layers in turn, and what the products need. Rows of activations whole 4 KiB apart would fall
 * on the same lines of the first-level cache. */
typedef struct infer_room {
  int64_t line; /* floats from one row of y to the next */
  float *x, *y[2];
  void *work;
} infer_room;

static size_t carve_infer(const bzdi_mlp *mlp, int precision, int64_t n, void *base, infer_room *room) {
  bzdi_arena arena = {base, 0};
  const int64_t deepest = mlp->input > mlp->width ? mlp->input : mlp->width;
  room->x = bzdi_arena_take(&arena, (size_t)(n * mlp->input), sizeof(float));
  room->line = mlp->width + (mlp->width % 1024 == 0 ? 16 : 0);
  for (int i = 0; i < 2; i++) room->y[i] = bzdi_arena_take(&arena, (size_t)(n * room->line), sizeof(float));
  room->work = bzdi_arena_take(&arena, bzdi_packed_work(precision, deepest), 1);
  return arena.used;
}

static size_t infer_work(const bzdi_net *net, int precision, int64_t n) {
  infer_room room;
  return carve_infer((const bzdi_mlp *)net, precision, n, NULL, &room);
}

static void infer(const bzdi_net *net, int precision, const void *packed, const bzdi_rows *rows, float *out,
                  void *memory) {
  const bzdi_mlp *mlp = (const bzdi_mlp *)net;
  infer_room room;
  carve_infer(mlp, precision, rows->n, memory, &room);
  bzdi_embed(rows, net->dim, net->cond_dim, mlp->time_features / 2, mlp->frequencies, room.x, mlp->input);
  const float *x = room.x;
  const char *at = packed;
  int64_t x_line = mlp->input;
  for (int32_t l = 0; l <= mlp->layers; l++) {
    const int64_t in = layer_in(mlp, l), width = layer_out(mlp, l);
    const char *layer_bias = at + weight_bytes(mlp, precision, l);
    float *y = l == mlp->layers ? out : room.y[l & 1];
    const int64_t y_line = l == mlp->layers ? width : room.line;
    bzdi_packed_gemm(precision, rows->n, width, in, x, x_line, at, (const float *)(const void *)layer_bias,
                     l < mlp->layers, y, y_line, room.work);
    x_line = y_line;
    at = layer_bias + bias_bytes(mlp, l);
    x = y;
  }
  if (!mlp->skip) return;
  const float *skip = (const float *)(const void *)at;
  add_skip(mlp, skip, skip + skip_param(mlp)->count, rows->n, room.x, out);
}

/* ---- Files --------------------------------------------------------------------------------------------------- */

static bzd_status set_i64(bzdi_store *store, const char *prefix, const char *key, int64_t value) {
  char name[128];
  snprintf(name, sizeof name, "%snet.%s", prefix, key);
  return bzdi_store_set_i64(store, BZDI_META, name, value, BZDI_MODEL);
}

static bzd_status get_i64(const bzdi_store *store, const char *prefix, const char *key, int64_t low, int64_t high,
                          int64_t *value) {
  char name[128];
  snprintf(name, sizeof name, "%snet.%s", prefix, key);
  return bzdi_store_get_i64(store, BZDI_META, name, low, high, value);
}

static bzd_status describe(const bzdi_net *net, bzdi_store *store, const char *prefix) {
  const bzdi_mlp *mlp = (const bzdi_mlp *)net;
  char name[128];
  snprintf(name, sizeof name, "%snet.kind", prefix);
  BZDI_TRY(bzdi_store_set_str(store, BZDI_META, name, bzdi_mlp_kind.name, BZDI_MODEL));
  BZDI_TRY(set_i64(store, prefix, "dim", net->dim));
  BZDI_TRY(set_i64(store, prefix, "cond_dim", net->cond_dim));
  BZDI_TRY(set_i64(store, prefix, "heads", net->heads));
  BZDI_TRY(set_i64(store, prefix, "width", mlp->width));
  BZDI_TRY(set_i64(store, prefix, "layers", mlp->layers));
  BZDI_TRY(set_i64(store, prefix, "time_features", mlp->time_features));
  if (mlp->skip) BZDI_TRY(set_i64(store, prefix, "skip", 1));
  snprintf(name, sizeof name, "%sfrequencies", prefix);
  int64_t count = mlp->time_features / 2;
  return bzdi_store_add(store, name, BZDI_ROLE_BUFFER, BZDI_DTYPE_F32, 1, &count, mlp->frequencies);
}

bzd_status bzdi_mlp_load(const bzd_context *context, const bzdi_store *store, const char *prefix, bzdi_net **out) {
  int64_t dim, cond_dim, heads, width, layers, features, skip = 0, first;
  *out = NULL;
  BZDI_TRY(get_i64(store, prefix, "dim", 1, 1 << 20, &dim));
  BZDI_TRY(get_i64(store, prefix, "cond_dim", 0, 1 << 20, &cond_dim));
  BZDI_TRY(get_i64(store, prefix, "heads", 1, 16, &heads));
  BZDI_TRY(get_i64(store, prefix, "width", 1, 65536, &width));
  BZDI_TRY(get_i64(store, prefix, "layers", 1, 16, &layers));
  BZDI_TRY(get_i64(store, prefix, "time_features", 2, 1024, &features));
  if (features % 2) return bzdi_fail(BZD_E_CORRUPT, "net.time_features is %lld, expected even", (long long)features);
  char name[128];
  snprintf(name, sizeof name, "%snet.skip", prefix); /* only there where there is one */
  if (bzdi_store_has(store, BZDI_META, name)) BZDI_TRY(get_i64(store, prefix, "skip", 1, 1, &skip));
  snprintf(name, sizeof name, "%sskip.weight", prefix);
  if (!skip && bzdi_store_find(store, name, BZDI_ROLE_PARAMETER) >= 0)
    return bzdi_fail(BZD_E_CORRUPT, "%s is there, net.skip is not", name);
  /* A tensor of the promised size must be there before memory is taken by what the metadata say. */
  snprintf(name, sizeof name, "%slayers.0.weight", prefix);
  first = bzdi_store_find(store, name, BZDI_ROLE_PARAMETER);
  int64_t input = dim + (cond_dim ? cond_dim + 1 : 0) + features;
  const bzdi_tensor *tensor = first < 0 ? NULL : bzdi_store_tensor(store, first);
  if (!tensor || tensor->ndim != 2 || tensor->shape[0] != width || tensor->shape[1] != input)
    return bzdi_fail(BZD_E_CORRUPT, "%s is missing or not [%lld, %lld]", name, (long long)width, (long long)input);
  float frequencies[512];
  int64_t count = features / 2;
  snprintf(name, sizeof name, "%sfrequencies", prefix);
  BZDI_TRY(bzdi_store_read_f32(store, name, BZDI_ROLE_BUFFER, 1, &count, frequencies));
  for (int64_t j = 0; j < count; j++)
    if (!(fabsf(frequencies[j]) <= 1000))
      return bzdi_fail(BZD_E_CORRUPT, "%s: entry %lld is %g, expected -1000..1000", name, (long long)j,
                       (double)frequencies[j]);
  bzdi_mlp_spec spec = {dim, cond_dim, heads, width, (int32_t)layers, (int32_t)features, frequencies, (int32_t)skip};
  return bzdi_mlp_new(context, &spec, out);
}

/* ---- Heads --------------------------------------------------------------------------------------------------- */

bzd_status bzdi_mlp_with_heads(const bzdi_net *net, int64_t heads, bzdi_net **out) {
  const bzdi_mlp *mlp = (const bzdi_mlp *)net;
  bzdi_mlp_spec spec = {net->dim,           net->cond_dim,    heads,    mlp->width, mlp->layers,
                        mlp->time_features, mlp->frequencies, mlp->skip};
  return bzdi_mlp_new(net->handle.context, &spec, out);
}

static void copy_heads(const bzdi_param *from, const float *weights, int64_t head, int64_t heads, int64_t to_heads,
                       const bzdi_param *to, float *out) {
  const int64_t count = from->count / heads;
  for (int64_t h = 0; h < to_heads; h++)
    memcpy(out + to->offset + h * count, weights + from->offset + head * count, (size_t)count * sizeof(float));
}

void bzdi_mlp_copy_heads(const bzdi_net *net, const float *weights, int64_t from, const bzdi_net *to, float *out) {
  const int32_t trunk = 2 * ((const bzdi_mlp *)net)->layers; /* the trunk comes first and is the same */
  memcpy(out, weights, (size_t)net->param[trunk].offset * sizeof(float));
  for (int32_t i = trunk; i < net->params; i++)
    copy_heads(&net->param[i], weights, from, net->heads, to->heads, &to->param[i], out);
}

const bzdi_net_kind bzdi_mlp_kind = {
    .name = "mlp",
    .init = init,
    .train_work = train_work,
    .forward = forward,
    .backward = backward,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .infer_work = infer_work,
    .infer = infer,
    .describe = describe,
};
