/* SPDX-License-Identifier: MIT */
/* bezdist study: experiments of docs/results.md. A study is cut into pieces (test bed x seed), each a process of its
 * own with one CSV file. A row is written when it is measured; a piece that is started again keeps the rows it has,
 * and trains only what rows are missing for. */
#ifndef BEZDIST_CLI_STUDY_H
#define BEZDIST_CLI_STUDY_H

#include "cli.h"

/* A data set with the budgets that fit it. */
struct bed {
  const char *name;
  const char *data, *start; /* DATA of the command line; start NULL: noise */
  bool shrink;              /* images averaged over 2 x 2 pixels */
  bool pair;    /* data and start are two classes of one set, half of the rows each; flows start from noise */
  int64_t rows; /* of toy sets; of images how many are used, 0 = all */
  int64_t held; /* of images: rows kept back for scoring, 0 = scored against all that is learned */
  int64_t width;
  int32_t layers;
  bool skip; /* samples of more numbers than half the width */
  int64_t teacher_steps, student_steps, paths;
  int64_t samples; /* scored */
  int rounds, seeds;
  bool ablated; /* accumulation also asks whether it matters which flow teaches a round */
};
extern const struct bed beds[];
extern const int bed_count;

/* ---- Rows (rows.c) --------------------------------------------------------------------------------------------- */

/* What is measured of a model's samples, and of the flow itself; NaN where it does not apply. The order is that of the
 * CSV's columns. */
enum {
  STEPS, /* gradient steps of the model and all behind it */
  NFE,
  SW2,
  ENERGY,
  FRECHET,
  FRECHET_MATCHED,
  VARIANCE,      /* total */
  VARIANCE_REAL, /* of the real rows */
  PRECISION,
  RECALL,
  MODE_STD, /* the 8 Gaussians: spread within a mode per coordinate (the law's is 0.2), and the share of samples */
  OFF_MODE, /* farther than three of those from every centre (of the law: 1.1 %) */
  STRAIGHTNESS,
  ARC,      /* arc length / chord - 1 */
  CROSSING, /* V of the training paths */
  BUDGET,
  DRIFT,    /* of real rows, encoded and decoded */
  TEACHERS, /* effective number of them */
  KEPT,     /* translation: root mean square distance to where the teachers' own solver sends the same row, over the
               spread of the target; and to the row itself */
  MOVED,
  COLUMNS
};
extern const char *const column_names[COLUMNS];

struct row {
  char study[24], data[24], method[32], variant[32], sampling[16], model[96];
  uint64_t seed;
  int round;
  double value[COLUMNS];
};
struct rows {
  size_t n, capacity;
  struct row *row;
};
void row_clear(struct row *row); /* every value NaN */
void rows_add(struct rows *rows, const struct row *row);
/* Adds the rows of a CSV file; of two of one method, variant, round, sampling and seed the later stays. A last line cut
 * short is left out. False when there is no such file. */
bool rows_read(struct rows *rows, const char *path);
void rows_write_header(FILE *csv);
void rows_write(FILE *csv, const struct row *row);

/* ---- A piece ---------------------------------------------------------------------------------------------------- */

struct model;

/* One process's work. */
struct piece {
  struct common common;
  const char *study, *out;
  const struct bed *bed;
  uint64_t seed;
  double scale; /* of all budgets */
  int rounds;
  struct set set, start_set;
  int64_t train_n;        /* rows of set that are learned, the first ones */
  bzd_data *data, *start; /* start NULL: noise */
  float *x0;              /* [samples, dim] where scored samples start */
  float *real;            /* [real_n, dim] what they are scored against */
  int64_t samples, real_n;
  struct model *models; /* a list */
  char path[4096];      /* of the CSV */
  FILE *csv;
  struct rows old, kept; /* read from it; visited so far, in order */
  bool planning;         /* the first pass: rows are counted, nothing is trained */
  int planned, measured; /* rows */
  double began;
};

void piece_open(struct piece *piece);
void piece_close(struct piece *piece);

/* ---- Models (models.c): made when something is asked of them, then kept in the study's folder -------------------- */

/* Rows of a bed that a specialist learns: first, first + stride, ... of those whose class is in [class_from, class_to)
 * (0, 0: all). */
struct part {
  int64_t first, stride;
  int32_t class_from, class_to;
};

enum { MOST_TEACHERS = 8 };
/* How a student is made. Fill by recipe_default, change what the study is about. */
struct recipe {
  int32_t kind, degree, guide, combine, rule, windows;
  double rho, bend;
  int64_t paths;
  double weights[MOST_TEACHERS]; /* of BZD_RULE_FIXED */
  bzd_trainer_config training;
  uint64_t seed;        /* of paths and training, on top of the piece's */
  uint64_t guide_flows; /* 1: guides are where the second and third teacher send x0; the first alone is followed */
};

struct model {
  char key[96];   /* its name in the folder: a hash of all that went into it */
  double steps;   /* gradient steps of it and of everything behind it */
  bzd_flow *flow; /* NULL until model_flow */
  bool is_teacher;
  struct part part;
  struct recipe recipe;
  int count;
  struct model *teachers[MOST_TEACHERS], *init;
  struct model *next;
};

struct recipe recipe_default(const struct piece *piece);
/* Teacher number m: flow matching on the bed's data (part NULL: all of it), steps_times the bed's steps. */
struct model *make_teacher(struct piece *piece, int m, double steps_times, const struct part *part);
/* A student of teachers along recipe; init NULL: starts from the first teacher. */
struct model *make_student(struct piece *piece, const struct recipe *recipe, int count, struct model *const *teachers,
                           struct model *init);
/* The flow, trained or read from the folder; the piece's. */
bzd_flow *model_flow(struct piece *piece, struct model *model);
/* The ensemble of a student's teachers, and new paths like those it learned (not pooled); the caller's. */
bzd_ensemble *model_ensemble(struct piece *piece, struct model *model);
bzd_source *model_paths(struct piece *piece, struct model *model, uint64_t seed);
void models_free(struct piece *piece);

/* ---- Scoring (score.c) ------------------------------------------------------------------------------------------- */

/* Row of a model under a sampling: true when it must be measured now, then fill row->value and pass it to
 * row_done. */
bool row_wanted(struct piece *piece, const char *method, const char *variant, int round, const struct model *model,
                const char *sampling, struct row *row);
void row_done(struct piece *piece, struct row *row);
/* The distances of samples [n, dim] to the real rows into row. */
void measure_samples(struct piece *piece, struct row *row, const float *samples, int64_t n);
/* How samples are drawn. */
struct sampling {
  const char *name;   /* in the row */
  int nfe;            /* 0: the adaptive solver */
  int32_t solver;     /* 0: the model's own */
  const double *grid; /* [steps + 1], NULL: equal steps */
  double renoise;
};
/* One row, measured if it is wanted; score_now: of a row that is. */
void score(struct piece *piece, const char *method, const char *variant, int round, struct model *model,
           const struct sampling *sampling);
void score_now(struct piece *piece, struct row *row, struct model *model, const struct sampling *sampling);
/* At 1, 2, 4, 8 and by the adaptive solver; endpoint students at 1 alone. */
void score_all(struct piece *piece, const char *method, const char *variant, int round, struct model *model);
/* The floor: as many learned rows as samples (or all), scored as if they were samples. */
void score_floor(struct piece *piece);

/* ---- Studies, and what is made of their rows --------------------------------------------------------------------- */

struct study {
  const char *name, *what;
  const char *beds; /* comma-separated default */
  void (*run)(struct piece *piece);
};
extern const struct study studies[];
extern const int study_count;

/* NAME.md, NAME.html and NAME-*.svg of all rows in the folder. */
void study_report(const struct study *study, const char *out, double scale);

#endif
