/* SPDX-License-Identifier: MIT */
/* A velocity field as the solvers see it: a flow, or an ensemble of them. */
#ifndef BZDI_FLOW_FIELD_H
#define BZDI_FLOW_FIELD_H

#include <bezdist/base.h>

typedef struct bzdi_eval {
  int64_t n;
  const float *x;       /* [n, dim] */
  const float *t;       /* [n] */
  const float *cond;    /* [n, cond_dim] or NULL: unconditional */
  const int64_t *index; /* [n] sample numbers: what a mixture draws its member from */
} bzdi_eval;

typedef struct bzdi_field bzdi_field;
struct bzdi_field {
  const void *self;
  double guidance;
  int64_t dim, cond_dim;
  int32_t nfe; /* network evaluations one evaluation of a row counts */
  int serial;  /* calls the host's code: only on the caller's thread, in batches as large as possible */
  size_t (*work)(const bzdi_field *field, int64_t n); /* bytes */
  /* v [n, dim]. Fails only when serial (the host's function). A row's bits depend on that row alone. */
  bzd_status (*velocity)(const bzdi_field *field, const bzdi_eval *eval, float *v, void *work);
};

/* Rows of one block of work when n are to be done: never fewer for more rows. The split may depend on the threads,
 * because a row's bits do not depend on those beside it. */
int64_t bzdi_field_block(const bzdi_field *field, const bzd_context *context, int64_t n);

#endif
