/* SPDX-License-Identifier: MIT */
/* bezdist study: experiments of docs/results.md. A study is cut into pieces (test bed x seed), each a process of its
 * own that writes one CSV file when it is done; trained models are kept and shared by the studies of a folder. */
#ifndef BEZDIST_CLI_STUDY_H
#define BEZDIST_CLI_STUDY_H

#include "cli.h"

/* A data set with the budgets that fit it. */
struct bed {
  const char *name;
  const char *data, *start; /* DATA of the command line; start NULL: noise */
  bool shrink;              /* images averaged over 2 x 2 pixels */
  int64_t rows;             /* of toy sets; of images how many are used, 0 = all */
  int64_t width;
  int32_t layers;
  int64_t teacher_steps, student_steps, paths;
  int64_t samples; /* scored */
  int rounds, seeds;
};
extern const struct bed beds[];
extern const int bed_count;

/* One process's work. */
struct piece {
  struct common common;
  const char *study, *out;
  const struct bed *bed;
  uint64_t seed;
  double scale; /* of all budgets */
  int rounds;
  struct set set, start_set;
  bzd_data *data, *start; /* start NULL: noise */
  const float *x0;        /* [samples, dim] where scored samples start */
  const float *real;      /* [real_n, dim] what they are scored against */
  int64_t samples, real_n;
  FILE *csv;
  int trained, planned; /* models of this piece, for progress */
};

/* A trained flow, its name in the folder, and the gradient steps of everything behind it. */
struct model {
  bzd_flow *flow;
  char key[96];
  double steps;
};

/* How a student is made. Fill by recipe_default, change what the study is about. */
struct recipe {
  int32_t kind, degree, guide, combine, rule;
  double rho;
  int64_t paths;
  bzd_trainer_config training;
  uint64_t seed; /* of paths and training, on top of the piece's */
};
struct recipe recipe_default(const struct piece *piece);

/* ---- Making models (models.c); each is trained once and then read from the folder ------------------------------- */

/* Teacher number m: flow matching on the bed's data; rows first, first + stride, ... of those whose class is in
 * [class_from, class_to) (0, 0: all). */
struct part {
  int64_t first, stride;
  int32_t class_from, class_to;
};
struct model make_teacher(struct piece *piece, int m, double steps_times, const struct part *part);
/* A student of teachers along recipe; init NULL: starts from the first teacher. */
struct model make_student(struct piece *piece, const char *name, const struct recipe *recipe, int count,
                          const struct model *teachers, const struct model *init);
/* A source of the recipe's paths, not pooled. */
bzd_source *make_paths(const struct piece *piece, const struct recipe *recipe, int count, const struct model *teachers);

/* ---- Scoring (score.c) ------------------------------------------------------------------------------------------ */

#define NFE_ODE 0 /* the adaptive solver */
/* Scores the model at each of nfe[count], a line of the CSV each. */
void score(struct piece *piece, const char *method, const char *variant, int round, const struct model *model,
           int count, const int *nfe);
/* At 1, 2, 4, 8 and by the adaptive solver; endpoint students at 1 alone. */
void score_all(struct piece *piece, const char *method, const char *variant, int round, const struct model *model);
/* One line with other columns filled by the caller. */
void score_rows(struct piece *piece, const char *method, const char *variant, int round, double steps, double nfe,
                const char *solver, const float *rows, int64_t n);
void score_header(FILE *csv);

/* ---- Data (beds.c) ----------------------------------------------------------------------------------------------- */

void piece_open(struct piece *piece);
void piece_close(struct piece *piece);

/* ---- Studies, and what is made of their rows --------------------------------------------------------------------- */

struct study {
  const char *name, *what;
  const char *beds; /* comma-separated default */
  void (*run)(struct piece *piece);
};
extern const struct study studies[];
extern const int study_count;

void study_report(const char *name, const char *out);

#endif
