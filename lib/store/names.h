/* SPDX-License-Identifier: MIT */
/* Texts numbered in the order they came in, and found by binary search; and a sort that takes no memory. */
#ifndef BZDI_STORE_NAMES_H
#define BZDI_STORE_NAMES_H

#include <bezdist/base.h>

typedef struct bzdi_names { /* zeroed: none */
  char **name;              /* [count], owned */
  int64_t *order;           /* their numbers, ascending by name */
  int64_t count, room;
} bzdi_names;

/* Takes name over (bzdi_malloc'd) as number count; on failure it stays the caller's. Append leaves the order wrong
 * until bzdi_names_sort: many names of a file in n log n. */
bzd_status bzdi_names_insert(const bzd_context *context, bzdi_names *names, char *name);
bzd_status bzdi_names_append(const bzd_context *context, bzdi_names *names, char *name);
/* The number of a name that is there twice, or -1. */
int64_t bzdi_names_sort(bzdi_names *names);
/* Its number or -1. */
int64_t bzdi_names_find(const bzdi_names *names, const char *name);
/* Later ones move down by one. */
void bzdi_names_remove(const bzd_context *context, bzdi_names *names, int64_t number);
void bzdi_names_clear(const bzd_context *context, bzdi_names *names);

char *bzdi_names_copy(const bzd_context *context, const char *text, size_t length); /* NULL: no memory */

/* Heap sort of numbers; before(user, a, b): a belongs before b. */
void bzdi_sort(int64_t *numbers, int64_t count, int (*before)(const void *user, int64_t a, int64_t b),
               const void *user);

#endif
