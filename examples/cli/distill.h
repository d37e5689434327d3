/* SPDX-License-Identifier: MIT */
/* What distill and reflow were asked for, and the paths that come of it. */
#ifndef BEZDIST_CLI_DISTILL_H
#define BEZDIST_CLI_DISTILL_H

#include "training.h"

enum { MAX_TEACHERS = 64, MAX_GUIDES = 2 };

struct distill {
  struct training training;
  bool reflow;
  const char *teacher[MAX_TEACHERS];
  int teachers;
  int32_t kind, degree, combine, rule, solver, guide;                /* degree 0: the smallest within tolerance */
  int32_t aim;                                                       /* NFE, 0: none */
  double rule_numbers[MAX_TEACHERS], guidance, rho, tolerance, bend; /* what --weights gives after the name */
  int rule_count;
  bool fresh;
  const char *real, *start, *visitor, *guides[MAX_GUIDES];
  int guide_count;
  char *guide_names; /* holds the words of guides */
  int64_t rounds, pool, nodes, solver_steps, windows, visit_steps;
};

/* Whether weights of this rule are learned from paths. */
bool distill_learns(const struct distill *distill);

/* Data and flows that go along with the teachers; NULL where there are none. */
struct companions {
  struct set real_set, start_set;
  bzd_data *real, *start;
  bzd_source *validation; /* flow matching paths of rows of --real that nothing else sees */
  bzd_flow *visitor, *guide[MAX_GUIDES];
};
void companions_load(struct companions *with, const struct distill *distill);
void companions_free(struct companions *with);

/* Paths of the teachers' trajectories, with --pool made now; tells what was chosen and learned. NULL: interrupted. */
bzd_source *distill_paths(const struct distill *distill, const struct companions *with, int count,
                          bzd_flow *const *teachers);

#endif
