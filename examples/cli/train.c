/* SPDX-License-Identifier: MIT */
/* bezdist train: a flow by flow matching. */
#include "training.h"

#include <string.h>

struct train {
  struct training training;
  const char *data, *start;
  bool transport;
  int64_t group; /* 0: as many as the rows of a step */
};

enum { KEY_DATA = 1, KEY_SOURCE, KEY_COUPLING, KEY_GROUP };

static const struct argp_option options[] = {
    {"data", KEY_DATA, "DATA", 0, "Target: toy:NAME, IDX (.gz) or NPY file", 0},
    {"source", KEY_SOURCE, "DATA", 0, "Start from these rows instead of noise (data to data)", 0},
    {"coupling", KEY_COUPLING, "independent|transport", 0,
     "Which start goes with which row of the data: any (default), or the nearest ones in optimal transport", 0},
    {"group", KEY_GROUP, "N", 0, "Rows coupled at once by transport, 2..2048 (default: --batch)", 0},
    {0},
};
static const struct name couplings[] = {{"independent", false}, {"transport", true}, {0}};

static error_t parse(int key, char *text, struct argp_state *state) {
  struct train *train = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &train->training; return 0;
  case KEY_DATA: train->data = text; return 0;
  case KEY_SOURCE: train->start = text; return 0;
  case KEY_COUPLING: train->transport = parse_name("--coupling", text, couplings); return 0;
  case KEY_GROUP: train->group = parse_int("--group", text, 2, 2048); return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static bzd_source *make_source(const struct train *train, const bzd_data *target, const bzd_data *start) {
  uint64_t seed = train->training.common.seed;
  int64_t batch = train->training.config.batch;
  bzd_source *source;
  if (train->transport)
    must(bzd_source_create_transport(target, start, train->group ? train->group : batch, seed, &source), "--group");
  else
    must(bzd_source_create_data(target, start, seed, &source), NULL);
  return source;
}

int cmd_train(int argc, char **argv) {
  static const struct argp_child children[] = {{&training_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {
      .options = options,
      .parser = parse,
      .children = children,
      .doc = "Trains a flow from noise (or --source) to --data by flow matching.\v"
             "Example: bezdist train --data toy:moons --out moons.bzd --net mlp:128x3 --steps 5000"};
  struct train train = {0};
  training_init(&train.training, argv);
  argp_parse(&argp, argc, argv, 0, NULL, &train);
  if (!train.data || !train.training.out) die_usage("train needs --data and --out");
  if (train.group && !train.transport) die_usage("--group goes with --coupling transport");
  struct common *common = &train.training.common;
  common_start(common);
  struct set target, start = {0};
  set_read(&target, train.data, train.training.labels, train.training.condition, train.training.toy_count,
           common->seed);
  if (train.start) set_read(&start, train.start, NULL, NULL, train.training.toy_count, common->seed + 1);
  bzd_data *target_data = set_data(common, &target, 0, target.n),
           *start_data = train.start ? set_data(common, &start, 0, start.n) : NULL;
  bzd_data_info info = {.struct_size = sizeof info};
  must(bzd_data_get_info(target_data, &info), NULL);
  bzd_source *source = make_source(&train, target_data, start_data);
  bzd_flow *fresh = training_flow(&train.training, &target, info.cond_dim, BZD_FLOW_VELOCITY, 1);
  must(bzd_flow_set_metadata(fresh, "trained_on", train.data), NULL);
  bzd_flow *flow = training_run(&train.training, "train", source, fresh, train.training.out);
  bzd_flow_destroy(flow);
  bzd_flow_destroy(fresh);
  bzd_source_destroy(source);
  bzd_data_destroy(target_data);
  bzd_data_destroy(start_data);
  set_free(&target);
  set_free(&start);
  common_finish(common);
  return EXIT_DONE;
}
