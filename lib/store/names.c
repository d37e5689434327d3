/* SPDX-License-Identifier: MIT */
#include "store/names.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

/* ---- Sorting ------------------------------------------------------------------------------------------------- */

typedef int before_fn(const void *user, int64_t a, int64_t b);

/* The number at the root sinks until no child belongs after it. */
static void sink(int64_t *numbers, int64_t root, int64_t count, before_fn *before, const void *user) {
  int64_t moved = numbers[root];
  for (int64_t child; (child = 2 * root + 1) < count; root = child) {
    if (child + 1 < count && before(user, numbers[child], numbers[child + 1])) child++;
    if (!before(user, moved, numbers[child])) break;
    numbers[root] = numbers[child];
  }
  numbers[root] = moved;
}

void bzdi_sort(int64_t *numbers, int64_t count, before_fn *before, const void *user) {
  for (int64_t root = count / 2; root-- > 0;) sink(numbers, root, count, before, user);
  for (int64_t last = count; last-- > 1;) {
    int64_t largest = numbers[0];
    numbers[0] = numbers[last];
    sink(numbers, 0, last, before, user);
    numbers[last] = largest;
  }
}

/* ---- Names --------------------------------------------------------------------------------------------------- */

char *bzdi_names_copy(const bzd_context *context, const char *text, size_t length) {
  char *copy = bzdi_malloc(context, length + 1, 1);
  if (!copy) return NULL;
  memcpy(copy, text, length);
  copy[length] = 0;
  return copy;
}

static bzd_status grow(const bzd_context *context, bzdi_names *names) {
  if (names->count < names->room) return BZD_OK;
  int64_t room = names->room ? 2 * names->room : 16;
  char **name = bzdi_malloc(context, (size_t)room, sizeof *name);
  int64_t *order = bzdi_malloc(context, (size_t)room, sizeof *order);
  if (!name || !order) {
    bzdi_free(context, name);
    bzdi_free(context, order);
    return bzdi_no_memory("names", (size_t)room, sizeof *name + sizeof *order);
  }
  if (names->count > 0) {
    memcpy(name, names->name, (size_t)names->count * sizeof *name);
    memcpy(order, names->order, (size_t)names->count * sizeof *order);
  }
  bzdi_free(context, names->name);
  bzdi_free(context, names->order);
  names->name = name;
  names->order = order;
  names->room = room;
  return BZD_OK;
}

/* Where it stands in the order or would stand. */
static int64_t place(const bzdi_names *names, const char *name, int *found) {
  int64_t low = 0, high = names->count;
  *found = 0;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    int order = strcmp(name, names->name[names->order[middle]]);
    if (order == 0) return *found = 1, middle;
    if (order > 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

bzd_status bzdi_names_append(const bzd_context *context, bzdi_names *names, char *name) {
  BZDI_TRY(grow(context, names));
  names->name[names->count] = name;
  names->order[names->count] = names->count;
  names->count++;
  return BZD_OK;
}

bzd_status bzdi_names_insert(const bzd_context *context, bzdi_names *names, char *name) {
  int found;
  BZDI_TRY(grow(context, names));
  int64_t at = place(names, name, &found);
  memmove(names->order + at + 1, names->order + at, (size_t)(names->count - at) * sizeof *names->order);
  names->name[names->count] = name;
  names->order[at] = names->count++;
  return BZD_OK;
}

static int before(const void *user, int64_t a, int64_t b) {
  const bzdi_names *names = user;
  return strcmp(names->name[a], names->name[b]) < 0;
}

int64_t bzdi_names_sort(bzdi_names *names) {
  bzdi_sort(names->order, names->count, before, names);
  for (int64_t i = 1; i < names->count; i++)
    if (strcmp(names->name[names->order[i - 1]], names->name[names->order[i]]) == 0) return names->order[i];
  return -1;
}

int64_t bzdi_names_find(const bzdi_names *names, const char *name) {
  int found;
  int64_t at = place(names, name, &found);
  return found ? names->order[at] : -1;
}

void bzdi_names_remove(const bzd_context *context, bzdi_names *names, int64_t number) {
  int64_t kept = 0;
  for (int64_t i = 0; i < names->count; i++)
    if (names->order[i] != number) names->order[kept++] = names->order[i] - (names->order[i] > number);
  bzdi_free(context, names->name[number]);
  names->count--;
  memmove(names->name + number, names->name + number + 1, (size_t)(names->count - number) * sizeof *names->name);
}

void bzdi_names_clear(const bzd_context *context, bzdi_names *names) {
  for (int64_t i = 0; i < names->count; i++) bzdi_free(context, names->name[i]);
  bzdi_free(context, names->name);
  bzdi_free(context, names->order);
  memset(names, 0, sizeof *names);
}
