/* SPDX-License-Identifier: MIT */
/* What train, distill and reflow share: the options of a training, running it, stopping, saving and resuming. */
#ifndef BEZDIST_CLI_TRAINING_H
#define BEZDIST_CLI_TRAINING_H

#include "cli.h"

struct training {
  struct common common;
  bzd_trainer_config config;
  int64_t width;
  int32_t layers, skip;
  const char *out, *losses; /* --out, --losses */
  const char *labels, *condition;
  int64_t toy_count, stop_at, save_every; /* save_every 0: at the end alone */
  bool resume, set_steps;
  char **argv; /* of the command, for the resume line */
};

extern const struct argp training_argp; /* a child parser; its input is a struct training */
void training_init(struct training *training, char **argv);

/* Runs a training of student on source and writes the trainer to path; with --resume goes on from path where that, or
 * path.previous, exists. After Ctrl-C or --stop-at: saves, prints how to go on, exits (130 or 0). Returns the trained
 * flow. */
bzd_flow *training_run(const struct training *training, const char *title, const bzd_source *source,
                       const bzd_flow *student, const char *path);
/* Ends a command that was interrupted while the paths of path's training were made; going_on: the same command has
 * saved trainings before it, so says how to go on. */
_Noreturn void training_not_begun(const struct training *training, const char *path, bool going_on);
/* A fresh flow of --net for samples of this set and condition size. */
bzd_flow *training_flow(const struct training *training, const struct set *set, int64_t cond_dim, int32_t kind,
                        int32_t degree);

#endif
