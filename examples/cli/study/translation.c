/* SPDX-License-Identifier: MIT */
/* From one set to another: rows of the first are encoded (its teacher's field backwards, into noise) and decoded by the
 * second's teacher or by its students. A student keeps the coupling when it sends a row where its teacher does. */
#include "studies.h"

#include "sampling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct task {
  struct piece *piece;
  struct model *from, *to; /* teachers of the two sets */
  int64_t n;
  float *x, *code,
      *y;        /* [n, dim] rows of the first set, their codes, and where the second teacher's solver sends them */
  double spread; /* root mean square distance of the second set's rows from their mean */
};

static float *rows_of_class(struct piece *piece, int32_t from, int32_t to, int64_t most, int64_t *n) {
  int64_t dim = piece->set.dim;
  float *rows = must_alloc((size_t)(most * dim), sizeof(float));
  *n = 0;
  for (int64_t i = 0; i < piece->train_n && *n < most; i++)
    if (piece->set.labels[i] >= from && piece->set.labels[i] < to) set_rows(&piece->set, i, 1, rows + (*n)++ * dim);
  return rows;
}

static void move(struct task *task, struct model *model, int nfe, bool back, const float *rows, float *out,
                 double *count) {
  struct piece *piece = task->piece;
  bzd_flow *flow = model_flow(piece, model);
  bzd_sample_config config;
  sampling_for(flow, nfe == 0 ? BZD_SOLVER_DOPRI5 : BZD_SOLVER_AUTO, nfe, 1, &config);
  if (back) config.t0 = 1, config.t1 = 0;
  bzd_sample_result result = {.struct_size = sizeof result};
  must(bzd_flow_sample(flow, &config, task->n, rows, NULL, out, &result), model->key);
  if (count) *count = result.nfe_mean;
}

/* Root mean square distance of rows. */
static double distance(int64_t n, int64_t dim, const float *a, const float *b) {
  double sum = 0;
  for (int64_t i = 0; i < n * dim; i++) sum += pow((double)a[i] - (double)b[i], 2);
  return sqrt(sum / (double)n);
}

static double spread(int64_t n, int64_t dim, const float *rows) {
  double sum = 0;
  for (int64_t j = 0; j < dim; j++) {
    double mean = 0;
    for (int64_t i = 0; i < n; i++) mean += (double)rows[i * dim + j] / (double)n;
    for (int64_t i = 0; i < n; i++) sum += pow((double)rows[i * dim + j] - mean, 2) / (double)n;
  }
  return sqrt(sum);
}

/* The teachers' own translation, made when a row first needs it. */
static void prepare(struct task *task) {
  if (task->code) return;
  size_t size = (size_t)(task->n * task->piece->set.dim);
  task->code = must_alloc(size, sizeof(float));
  task->y = must_alloc(size, sizeof(float));
  move(task, task->from, 0, true, task->x, task->code, NULL);
  move(task, task->to, 0, false, task->code, task->y, NULL);
}

static void translate(struct task *task, const char *method, const char *variant, struct model *model, int nfe) {
  struct piece *piece = task->piece;
  int64_t n = task->n, dim = piece->set.dim;
  char name[16] = "ode";
  struct row row;
  if (nfe) snprintf(name, sizeof name, "%d", nfe);
  if (!row_wanted(piece, method, variant, 1, model, name, &row)) return;
  prepare(task);
  float *y = must_alloc((size_t)(n * dim), sizeof(float)), *again = must_alloc((size_t)(n * dim), sizeof(float));
  move(task, model, nfe, false, task->code, y, &row.value[NFE]);
  measure_samples(piece, &row, y, n);
  row.value[KEPT] = distance(n, dim, y, task->y) / task->spread;
  row.value[MOVED] = distance(n, dim, y, task->x);
  move(task, task->to, 0, true, y, again, NULL);
  move(task, task->from, 0, false, again, again, NULL);
  row.value[DRIFT] = distance(n, dim, again, task->x) / sqrt((double)dim);
  free(y);
  free(again);
  row_done(piece, &row);
}

void run_translation(struct piece *piece) {
  int32_t classes = piece->set.classes, middle = classes / 2;
  const struct part first = {0, 1, 0, middle}, second = {0, 1, middle, classes};
  struct task task = {
      .piece = piece, .from = make_teacher(piece, 0, 1, &first), .to = make_teacher(piece, 1, 1, &second)};
  float *real = piece->real;
  int64_t real_n = piece->real_n;
  piece->real = rows_of_class(piece, middle, classes, piece->samples, &piece->real_n);
  task.x = rows_of_class(piece, 0, middle, piece->samples, &task.n);
  task.spread = spread(piece->real_n, piece->set.dim, piece->real);
  struct recipe line = recipe_reflow(piece), onestep = recipe_onestep(piece), curve = recipe_bezier(piece);
  translate(&task, "teacher", "one", task.to, 0);
  for (int nfe = 1; nfe <= 8; nfe *= 2) {
    translate(&task, "teacher", "one", task.to, nfe);
    translate(&task, "krf", "once", make_student(piece, &line, 1, &task.to, NULL), nfe);
    translate(&task, "bezier", "once", make_student(piece, &curve, 1, &task.to, NULL), nfe);
  }
  translate(&task, "onestep", "once", make_student(piece, &onestep, 1, &task.to, NULL), 1);
  free(piece->real);
  free(task.x);
  free(task.code);
  free(task.y);
  piece->real = real;
  piece->real_n = real_n;
}
