/* SPDX-License-Identifier: MIT */
/* The bezdist program: what its commands share. On the public API alone. */
#ifndef BEZDIST_CLI_H
#define BEZDIST_CLI_H

#include <argp.h>
#include <bezdist/bezdist.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Exit codes (docs/cli.md). */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

/* ---- Options every command has (options.c) ------------------------------------------------------------------- */

struct common {
  int threads;   /* --threads, 0 = all cores */
  uint64_t seed; /* --seed */
  bool json, quiet;
  bzd_context *context; /* made by common_start */
};
extern const struct argp common_argp;     /* a child parser; its input is a struct common */
void common_start(struct common *common); /* dies on failure */
void common_finish(struct common *common);

/* Parse a whole option value or die with a usage error naming option, text and range. */
int64_t parse_int(const char *option, const char *text, int64_t low, int64_t high);
double parse_real(const char *option, const char *text, double low, double high);
uint64_t parse_seed(const char *option, const char *text);
/* Numbers A,B,..: at most `most` of them into values; returns how many. */
int parse_reals(const char *option, const char *text, double low, double high, int most, double *values);
/* A word of the command line and what it stands for in the library; tables end with {0}. */
struct name {
  const char *text;
  int32_t value;
};
const struct name *find_name(const char *text, const struct name *names); /* NULL: not there */
int32_t parse_name(const char *option, const char *text, const struct name *names);
/* NAME or NAME:A,B,..: at most `most` numbers into values, how many into *count. */
int32_t parse_name_with(const char *option, const char *text, const struct name *names, double low, double high,
                        int most, double *values, int *count);

/* ---- Failing (options.c) ------------------------------------------------------------------------------------- */

/* Prints "bezdist: <text>" on stderr and exits 1. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Dies with the library's text, preceded by what was being done (may be NULL), unless status is BZD_OK. */
void must(bzd_status status, const char *what);
void *must_alloc(size_t count, size_t size); /* zeroed */

/* ---- Progress and Ctrl-C (progress.c) ------------------------------------------------------------------------ */

/* One line on stderr: bar, numbers, smoothed loss, ETA; redrawn on a terminal, a plain line every few seconds
 * elsewhere, nothing with --quiet. Pass progress_show and a struct progress to the library. */
struct progress {
  const char *title; /* "teacher 1 of 3" */
  bool quiet;
  double began, next;  /* moment of the first step, seconds of the next line */
  int64_t stop_at;     /* trainers: stop after this step, 0 = never */
  FILE *losses;        /* CSV step,loss,smooth_loss,rate about 500 times a training, or NULL */
  bool started, shown; /* kept by progress_show, as began, next and first are */
  int64_t first;       /* steps done before this call */
  json_t *curve;       /* JSON array of [step, smooth_loss] about 200 times a training, or NULL */
};
int32_t progress_show(void *progress, const bzd_progress *numbers);
void progress_end(struct progress *progress); /* clears or ends the line */
/* From now on the first Ctrl-C or SIGTERM sets a flag that progress_show turns into a stop; a second one kills. */
void interrupt_catch(void);
bool interrupted(void);
/* Seconds since some moment. */
double clock_seconds(void);

/* ---- Data (input.c, toy.c, arrays.c) -------------------------------------------------------------------------- */

/* A set in memory. rows are floats in [-1, 1] for bytes (bytes kept in `bytes` for pictures and for the library). */
struct set {
  int64_t n, dim;
  int ndim;
  int64_t shape[4];     /* of one item */
  float *rows;          /* [n, dim], NULL when bytes are given */
  unsigned char *bytes; /* [n, dim] or NULL */
  int32_t *labels;      /* [n] or NULL */
  int32_t classes;
  float *cond; /* [n, cond_dim] or NULL */
  int64_t cond_dim;
};
/* DATA of the command line: toy:NAME (toy_count rows, 0 = 20000), IDX, IDX.gz or NPY; labels and condition may be NULL.
 * Dies naming the file and what is wrong with it. */
void set_read(struct set *set, const char *data, const char *labels, const char *condition, int64_t toy_count,
              uint64_t seed);
void set_free(struct set *set);
/* The library's view of rows first..first+n-1 of the set (borrowed: the set must outlive it). */
bzd_data *set_data(const struct common *common, const struct set *set, int64_t first, int64_t n);
/* Rows shuffled in place, by the seed (labels and conditions along). */
void set_shuffle(struct set *set, uint64_t seed);
/* n rows of the set in model units into out [n, dim]. */
void set_rows(const struct set *set, int64_t first, int64_t n, float *out);

/* Points of toy:NAME; returns false for an unknown name. Deterministic in (name, n, seed). */
bool toy_make(const char *name, int64_t n, uint64_t seed, float *rows);
/* Evenly spread points of the same law (a Hammersley set): for scoring. Dies on an unknown name. */
void toy_even(const char *name, int64_t n, float *rows);
extern const char *const toy_names; /* "gaussian, 8gaussians, ..." */

/* Arrays of floats as float32, of uint8 from -1 to 1, of 1 to 5 dimensions; dies naming file and reason. */
float *npy_read(const char *path, int *ndim, int64_t shape[5]);
void npy_write(const char *path, int ndim, const int64_t *shape, const float *values); /* atomic */
/* Bytes of an IDX file, plain or gzipped, or of "digits" and "digits-labels" inside the program. */
unsigned char *idx_read(const char *path, int *ndim, int64_t shape[4]);

/* ---- Pictures and pages (png.c, svg.c, html.c) --------------------------------------------------------------- */

/* Grey picture (8 bit) into memory; *size bytes, free() it. */
unsigned char *png_encode(int64_t width, int64_t height, const unsigned char *grey, size_t *size);
/* A sheet of n items: images in a grid, scaled up; rows in model units, -1..1. Other shapes than [h, w], [1, h, w] or
 * [dim] with dim a square are refused (returns NULL); 2-D points are drawn as a scatter picture. */
unsigned char *sheet_png(int64_t n, const float *rows, int ndim, const int64_t *shape, size_t *size);
/* Makes a folder and those above it. */
void make_folder(const char *path);
/* Writes a file whole or not at all. */
void write_atomic(const char *path, const void *data, size_t size);

/* ---- Models -------------------------------------------------------------------------------------------------- */

extern const struct name solvers[]; /* "euler" .. "reanchor" */
const char *solver_name(int32_t solver);
/* Numbers of one set of samples against real ones, by cli.md's keys, as a JSON object; prefix "" or "floor_". */
json_t *metrics_json(const struct common *common, int64_t dim, int64_t n, const float *a, int64_t m, const float *b,
                     const char *prefix);
/* Measures of the flow itself (not of an endpoint flow), with paths from start (NULL: noise) to the data, over this
 * many rows. */
json_t *flow_metrics_json(const struct common *common, const bzd_flow *flow, const bzd_data *data,
                          const bzd_data *start, int64_t rows);
/* A table for people from JSON objects with the same keys: aligned columns; or one object per line with --json. */
void print_rows(const struct common *common, json_t *rows, const char *const *keys);

/* ---- Commands: argv[0] is "bezdist COMMAND" ------------------------------------------------------------------ */

int cmd_demo(int argc, char **argv);
int cmd_train(int argc, char **argv);
int cmd_distill(int argc, char **argv);
int cmd_reflow(int argc, char **argv);
int cmd_sample(int argc, char **argv);
int cmd_fit(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_study(int argc, char **argv);

#endif
