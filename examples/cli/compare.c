/* SPDX-License-Identifier: MIT */
/* bezdist compare: every metric between two sets. */
#include "cli.h"

#include <stdlib.h>

struct compare {
  struct common common;
  const char *file[2];
};

static error_t parse(int key, char *text, struct argp_state *state) {
  struct compare *compare = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &compare->common; return 0;
  case ARGP_KEY_ARG:
    if (state->arg_num >= 2) return ARGP_ERR_UNKNOWN;
    compare->file[state->arg_num] = text;
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

int cmd_compare(int argc, char **argv) {
  static const struct argp_child children[] = {{&common_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {.parser = parse,
                                   .children = children,
                                   .args_doc = "A.npy B.npy",
                                   .doc = "Compares samples A with real rows B by every metric.\v"
                                          "Example: bezdist compare samples.npy real.npy --json"};
  struct compare compare = {0};
  argp_parse(&argp, argc, argv, 0, NULL, &compare);
  if (!compare.file[1]) die_usage("compare needs two files");
  common_start(&compare.common);
  int64_t shape[2][5], dim[2] = {1, 1};
  float *rows[2];
  for (int i = 0; i < 2; i++) {
    int ndim;
    rows[i] = npy_read(compare.file[i], &ndim, shape[i]);
    for (int k = 1; k < ndim; k++) dim[i] *= shape[i][k];
  }
  if (dim[0] != dim[1])
    die("%s: rows of %lld numbers, %s: %lld", compare.file[0], (long long)dim[0], compare.file[1], (long long)dim[1]);
  json_t *table = json_array();
  json_array_append_new(table, metrics_json(&compare.common, dim[0], shape[0][0], rows[0], shape[1][0], rows[1], ""));
  static const char *const keys[] = {"sw2",       "w2",     "energy", "frechet", "frechet_matched", "total_variance",
                                     "precision", "recall", "mmd",    NULL};
  print_rows(&compare.common, table, keys);
  json_decref(table);
  free(rows[0]);
  free(rows[1]);
  common_finish(&compare.common);
  return EXIT_DONE;
}
