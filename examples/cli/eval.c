/* SPDX-License-Identifier: MIT */
/* bezdist eval: metrics of a model against data, per number of evaluations, with the floor. */
#include "sampling.h"

#include <stdlib.h>
#include <string.h>

struct eval {
  struct common common;
  const char *model, *data, *source, *nfe, *labels, *condition;
  int64_t count;
  double guidance;
};

enum { KEY_MODEL = 1, KEY_DATA, KEY_SOURCE, KEY_NFE, KEY_COUNT, KEY_LABELS, KEY_CONDITION, KEY_GUIDANCE };

static const struct argp_option options[] = {
    {"model", KEY_MODEL, "M.bzd", 0, "Model to judge", 0},
    {"data", KEY_DATA, "DATA", 0, "Real data", 0},
    {"source", KEY_SOURCE, "DATA", 0, "Start from these rows instead of noise", 0},
    {"labels", KEY_LABELS, "FILE", 0, "Class labels of the data: samples get the same ones", 0},
    {"condition", KEY_CONDITION, "FILE.npy", 0, "Conditions of the data: samples get the same ones", 0},
    {"guidance", KEY_GUIDANCE, "F", 0, "Guidance scale (default 1)", 0},
    {"nfe", KEY_NFE, "LIST", 0, "Evaluations per sample, and solvers (default 1,2,4,8,dopri5)", 0},
    {"count", KEY_COUNT, "N", 0, "Samples and real rows used (default: half of the data, at most 2048)", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state) {
  struct eval *eval = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &eval->common; return 0;
  case KEY_MODEL: eval->model = text; return 0;
  case KEY_DATA: eval->data = text; return 0;
  case KEY_SOURCE: eval->source = text; return 0;
  case KEY_LABELS: eval->labels = text; return 0;
  case KEY_CONDITION: eval->condition = text; return 0;
  case KEY_GUIDANCE: eval->guidance = parse_real("--guidance", text, 0, 1000); return 0;
  case KEY_NFE: eval->nfe = text; return 0;
  case KEY_COUNT: eval->count = parse_int("--count", text, 8, 1 << 24); return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

/* n rows to start from, none of which training drew if it is a toy set, in model units; the set must outlive the data.
 */
static bzd_data *read_starts(const struct eval *eval, int64_t dim, int64_t n, struct set *set, float **x0) {
  set_read(set, eval->source, NULL, NULL, 0, eval->common.seed + 2000);
  if (set->dim != dim)
    die("%s: rows of %lld numbers, the model has %lld", eval->source, (long long)set->dim, (long long)dim);
  if (set->n < n) die("%s: %lld rows, --count is %lld", eval->source, (long long)set->n, (long long)n);
  set_shuffle(set, eval->common.seed);
  bzd_data *data = set_data(&eval->common, set, 0, n);
  *x0 = must_alloc((size_t)(n * dim), sizeof(float));
  must(bzd_data_get_rows(data, 0, n, *x0, NULL), eval->source);
  return data;
}

int cmd_eval(int argc, char **argv) {
  static const struct argp_child children[] = {{&common_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {.options = options,
                                   .parser = parse,
                                   .children = children,
                                   .doc = "Scores samples of a model against real data.\v"
                                          "Example: bezdist eval --model m.bzd --data toy:moons --nfe 1,2,4,dopri5"};
  struct eval eval = {.nfe = "1,2,4,8,dopri5", .guidance = 1};
  argp_parse(&argp, argc, argv, 0, NULL, &eval);
  if (!eval.model || !eval.data) die_usage("eval needs --model and --data");
  common_start(&eval.common);
  bzd_flow *flow;
  must(bzd_flow_load(eval.common.context, eval.model, &flow), NULL);
  bzd_flow_info info = {.struct_size = sizeof info};
  must(bzd_flow_get_info(flow, &info), NULL);
  struct set set, starts = {0};
  bool conditional = info.cond_dim > 0;
  uint64_t unseen = eval.common.seed + 1000; /* rows of toy sets that training did not see */
  set_read(&set, eval.data, conditional ? eval.labels : NULL, conditional ? eval.condition : NULL, 0, unseen);
  if (set.dim != info.dim)
    die("%s: rows of %lld numbers, the model has %lld", eval.data, (long long)set.dim, (long long)info.dim);
  set_shuffle(&set, eval.common.seed);
  int64_t n = eval.count ? eval.count : set.n / 2 < 2048 ? set.n / 2 : 2048;
  if (n < 8 || 2 * n > set.n)
    die("--count %lld: %s has %lld rows; the floor needs twice the count, and the count is at least 8", (long long)n,
        eval.data, (long long)set.n);
  float *real = must_alloc((size_t)(2 * n * set.dim), sizeof(float)),
        *out = must_alloc((size_t)(n * set.dim), sizeof(float)), *cond = NULL, *x0 = NULL;
  set_rows(&set, 0, 2 * n, real);
  bzd_data *data = set_data(&eval.common, &set, 0, n), *start = NULL;
  if (eval.source) start = read_starts(&eval, set.dim, n, &starts, &x0);
  if (set.labels || set.cond) {
    bzd_data_info data_info = {.struct_size = sizeof data_info};
    must(bzd_data_get_info(data, &data_info), NULL);
    if (data_info.cond_dim != info.cond_dim)
      die("%s: conditions of %lld numbers, the model takes %lld", eval.data, (long long)data_info.cond_dim,
          (long long)info.cond_dim);
    cond = must_alloc((size_t)(n * info.cond_dim), sizeof(float));
    must(bzd_data_get_rows(data, 0, n, NULL, cond), NULL);
  }
  json_t *measures = NULL; /* of the field itself: not where it is guided or lacks its conditions */
  if (info.kind != BZD_FLOW_ENDPOINT && eval.guidance == 1 && (!conditional || cond))
    measures = flow_metrics_json(&eval.common, flow, data, start, n < 1024 ? n : 1024);
  json_t *rows = json_array(),
         *floor_row = metrics_json(&eval.common, set.dim, n, real + n * set.dim, n, real, "floor_");
  char *list = strdup(eval.nfe), *state = NULL;
  if (!list) die("no memory");
  for (char *word = strtok_r(list, ",", &state); word; word = strtok_r(NULL, ",", &state)) {
    bzd_sample_config config;
    const struct name *solver = find_name(word, solvers);
    if (solver)
      sampling_for(flow, solver->value, 0, eval.guidance, &config);
    else
      sampling_for(flow, BZD_SOLVER_AUTO, parse_int("--nfe", word, 1, 1000000), eval.guidance, &config);
    config.seed = eval.common.seed;
    bzd_sample_result result = {.struct_size = sizeof result};
    must(bzd_flow_sample(flow, &config, n, x0, cond, out, &result), word);
    json_t *row = json_pack("{s:f, s:I, s:s}", "nfe", result.nfe_mean, "nfe_max", (json_int_t)result.nfe_max, "solver",
                            solver_name(result.solver));
    json_t *numbers = metrics_json(&eval.common, set.dim, n, out, n, real, "");
    json_object_update(row, numbers);
    json_object_update(row, floor_row);
    if (measures) json_object_update(row, measures);
    json_object_set_new(row, "us_per_sample", json_real(result.seconds * 1e6 / (double)n));
    json_array_append_new(rows, row);
    json_decref(numbers);
  }
  static const char *const keys[] = {"nfe",       "nfe_max", "solver",          "sw2",
                                     "energy",    "frechet", "frechet_matched", "total_variance",
                                     "precision", "recall",  "us_per_sample",   NULL};
  print_rows(&eval.common, rows, keys);
  if (!eval.common.json && measures) {
    json_t *table = json_pack("[O]", measures);
    static const char *const measure_keys[] = {"straightness", "arc_over_chord", "crossing_variance", "drift", NULL};
    puts("the flow itself:");
    print_rows(&eval.common, table, measure_keys);
    json_decref(table);
  }
  if (!eval.common.json) {
    json_t *floors = json_pack("[O]", floor_row);
    static const char *const floor_keys[] = {
        "floor_sw2", "floor_energy", "floor_frechet", "floor_total_variance", "floor_precision", "floor_recall", NULL};
    puts("two halves of the real data:");
    print_rows(&eval.common, floors, floor_keys);
    json_decref(floors);
  }
  json_decref(rows);
  json_decref(floor_row);
  json_decref(measures);
  bzd_data_destroy(data);
  bzd_data_destroy(start);
  free(x0);
  free(list);
  free(real);
  free(out);
  free(cond);
  set_free(&set);
  set_free(&starts);
  bzd_flow_destroy(flow);
  common_finish(&eval.common);
  return EXIT_DONE;
}
