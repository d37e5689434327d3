/* SPDX-License-Identifier: MIT */
/* A flow with all that a file must carry, and the same one again. Include it after cmocka.h and bezdist.h. */
#ifndef TESTS_SUPPORT_FULL_FLOW_H
#define TESTS_SUPPORT_FULL_FLOW_H

#include "host.h"

enum { FULL_DIM = 5, FULL_CLASSES = 3 };
#define FULL_TITLE "a \"full\" flow\n\xC3\xA9"

static inline bzd_flow *make_full_flow(const bzd_context *context, int32_t kind) {
  static const float scale[FULL_DIM] = {1, 2, 3, 4, 5}, offset[FULL_DIM] = {-1, 0, 1, 2, 3};
  bzd_flow_config config;
  bzd_flow *flow;
  OK(bzd_flow_config_init(&config, sizeof config));
  config.kind = kind;
  config.degree = 4;
  config.dim = FULL_DIM;
  config.cond_dim = FULL_CLASSES;
  config.width = 24;
  config.item_ndim = 2;
  config.item_shape[0] = 1;
  config.item_shape[1] = FULL_DIM;
  config.scale = scale;
  config.offset = offset;
  config.seed = 12;
  OK(bzd_flow_create(context, &config, &flow));
  OK(bzd_flow_set_metadata(flow, "title", FULL_TITLE));
  return flow;
}

static inline void expect_same_samples(const bzd_flow *one, const bzd_flow *other) {
  enum { ROWS = 20 };
  float x[ROWS * FULL_DIM], y[ROWS * FULL_DIM], cond[ROWS * FULL_CLASSES] = {0};
  bzd_sample_config config;
  OK(bzd_sample_config_init(&config, sizeof config));
  config.units = BZD_UNITS_DATA;
  config.guidance = 1.5;
  for (int r = 0; r < ROWS; r++) cond[r * FULL_CLASSES + r % FULL_CLASSES] = 1.0f;
  OK(bzd_flow_sample(one, &config, ROWS, NULL, cond, x, NULL));
  OK(bzd_flow_sample(other, &config, ROWS, NULL, cond, y, NULL));
  assert_memory_equal(x, y, sizeof x);
}

#endif
