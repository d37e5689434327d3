/* SPDX-License-Identifier: MIT */
/* Rows of a study as CSV. */
#include "study.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const column_names[COLUMNS] = {"steps",
                                           "nfe",
                                           "sw2",
                                           "energy",
                                           "frechet",
                                           "frechet_matched",
                                           "total_variance",
                                           "total_variance_real",
                                           "precision",
                                           "recall",
                                           "mode_std",
                                           "off_mode",
                                           "straightness",
                                           "arc_over_chord",
                                           "crossing_variance",
                                           "budget",
                                           "drift",
                                           "effective_teachers",
                                           "kept",
                                           "moved"};

void row_clear(struct row *row) {
  memset(row, 0, sizeof *row);
  for (int c = 0; c < COLUMNS; c++) row->value[c] = NAN;
}

void rows_add(struct rows *rows, const struct row *row) {
  if (rows->n == rows->capacity) {
    rows->capacity = rows->capacity ? 2 * rows->capacity : 64;
    rows->row = realloc(rows->row, rows->capacity * sizeof *row);
    if (!rows->row) die("no memory for %zu rows", rows->capacity);
  }
  rows->row[rows->n++] = *row;
}

void rows_write_header(FILE *csv) {
  fputs("study,data,seed,method,variant,round,sampling,model", csv);
  for (int c = 0; c < COLUMNS; c++) fprintf(csv, ",%s", column_names[c]);
  fputc('\n', csv);
}

void rows_write(FILE *csv, const struct row *row) {
  fprintf(csv, "%s,%s,%llu,%s,%s,%d,%s,%s", row->study, row->data, (unsigned long long)row->seed, row->method,
          row->variant, row->round, row->sampling, row->model);
  for (int c = 0; c < COLUMNS; c++)
    if (isfinite(row->value[c]))
      fprintf(csv, ",%.7g", row->value[c]);
    else
      fputc(',', csv);
  fputc('\n', csv);
}

/* The next field of a line, cut out in place; NULL when there is none. */
static char *field(char **line) {
  char *text = *line;
  if (!text) return NULL;
  size_t length = strcspn(text, ",\n");
  *line = text[length] == ',' ? text + length + 1 : NULL;
  text[length] = '\0';
  return text;
}

static bool copy(char *to, size_t size, const char *from) {
  size_t length = from ? strlen(from) : size;
  if (length >= size) return false;
  memcpy(to, from, length + 1);
  return true;
}

static bool parse(char *line, struct row *row) {
  row_clear(row);
  char *seed, *round, *value;
  if (!strchr(line, '\n')) return false; /* cut short */
  if (!copy(row->study, sizeof row->study, field(&line)) || !copy(row->data, sizeof row->data, field(&line)) ||
      !(seed = field(&line)) || !copy(row->method, sizeof row->method, field(&line)) ||
      !copy(row->variant, sizeof row->variant, field(&line)) || !(round = field(&line)) ||
      !copy(row->sampling, sizeof row->sampling, field(&line)) || !copy(row->model, sizeof row->model, field(&line)))
    return false;
  row->seed = strtoull(seed, NULL, 10);
  row->round = atoi(round);
  for (int c = 0; c < COLUMNS; c++) {
    if (!(value = field(&line))) return false;
    if (*value) row->value[c] = strtod(value, NULL);
  }
  return true;
}

static bool same_row(const struct row *a, const struct row *b) {
  return a->seed == b->seed && a->round == b->round && strcmp(a->method, b->method) == 0 &&
         strcmp(a->variant, b->variant) == 0 && strcmp(a->sampling, b->sampling) == 0 && strcmp(a->data, b->data) == 0;
}

bool rows_read(struct rows *rows, const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) return false;
  char line[4096];
  struct row row;
  bool first = true;
  while (fgets(line, sizeof line, file)) {
    if (!first && parse(line, &row)) {
      size_t i = 0;
      while (i < rows->n && !same_row(&rows->row[i], &row)) i++;
      if (i < rows->n)
        rows->row[i] = row;
      else
        rows_add(rows, &row);
    }
    first = false;
  }
  fclose(file);
  return true;
}
