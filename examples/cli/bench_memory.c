/* SPDX-License-Identifier: MIT */
/* How much memory training and sampling hold, by a context whose allocator counts. */
#include "bench.h"
#include "cli.h"

#include <stdatomic.h>
#include <stdlib.h>

static void *counting_alloc(void *user, size_t size, size_t align) {
  void *block = aligned_alloc(align, (size + align - 1) / align * align);
  if (block) atomic_fetch_add((_Atomic int64_t *)user, (int64_t)size);
  return block;
}

static void counting_free(void *user, void *block, size_t size, size_t align) {
  (void)align;
  if (block) atomic_fetch_sub((_Atomic int64_t *)user, (int64_t)size);
  free(block);
}

void measure_memory(int threads, int64_t dim, int64_t width, int64_t batch, struct bench_memory *memory) {
  _Atomic int64_t live = 0;
  bzd_context_config context_config;
  bzd_context *context;
  must(bzd_context_config_init(&context_config, sizeof context_config), NULL);
  context_config.threads = threads;
  context_config.alloc = counting_alloc;
  context_config.free = counting_free;
  context_config.alloc_user = &live;
  must(bzd_context_create(&context_config, &context), NULL);

  float *rows = must_alloc((size_t)(batch * dim), sizeof *rows), *out = must_alloc((size_t)(batch * dim), sizeof *out);
  must(bzd_noise(1, BZD_STREAM_USER, 0, batch, dim, rows), NULL);
  bzd_data_config data_config;
  bzd_data *data;
  bzd_source *source;
  must(bzd_data_config_init(&data_config, sizeof data_config), NULL);
  data_config.n = batch;
  data_config.dim = dim;
  data_config.rows = rows;
  must(bzd_data_create(context, &data_config, &data), NULL);
  must(bzd_source_create_data(data, NULL, 0, &source), NULL);

  bzd_flow_config flow_config;
  bzd_flow *flow;
  must(bzd_flow_config_init(&flow_config, sizeof flow_config), NULL);
  flow_config.kind = BZD_FLOW_CONTROL;
  flow_config.dim = dim;
  flow_config.width = width;
  int64_t before = live;
  must(bzd_flow_create(context, &flow_config, &flow), NULL);
  bzd_flow_info info = {.struct_size = sizeof info};
  must(bzd_flow_get_info(flow, &info), NULL);
  memory->parameters = info.parameters;
  memory->packed = info.packed_bytes;
  must(bzd_flow_sample(flow, NULL, batch, rows, NULL, out, NULL), NULL);
  memory->sampler = live - before - info.parameters * (int64_t)sizeof(float);
  memory->workspace = memory->sampler - memory->packed;

  bzd_trainer_config config;
  bzd_trainer *trainer;
  must(bzd_trainer_config_init(&config, sizeof config), NULL);
  config.batch = batch;
  config.steps = 2;
  before = live;
  must(bzd_trainer_create(flow, source, &config, &trainer), NULL);
  must(bzd_trainer_run(trainer, 0, NULL, NULL), NULL);
  memory->trainer = live - before;
  /* Of one batch: the input, for each hidden layer what goes in and what comes out, the output and its target. */
  memory->activations =
      batch * (int64_t)sizeof(float) * (dim + info.time_features + 2 * info.layers * width + 2 * info.degree * dim);

  bzd_trainer_destroy(trainer);
  bzd_flow_destroy(flow);
  bzd_source_destroy(source);
  bzd_data_destroy(data);
  bzd_context_destroy(context);
  free(rows);
  free(out);
}
