/* SPDX-License-Identifier: MIT */
/* What callbacks of the tests do in place of what they should, at one of their calls or from it on. Only
 * api/test_callbacks sets it; everywhere else they are honest. */
#ifndef TESTS_SUPPORT_TRICKS_H
#define TESTS_SUPPORT_TRICKS_H

#include <stdatomic.h>
#include <string.h>

typedef enum trick_part { TRICK_RETURN, TRICK_VALUES, TRICK_LAST, TRICK_COND, TRICK_SPAN } trick_part;

typedef struct trick {
  const char *name;
  int32_t answer;  /* what is returned */
  trick_part part; /* TRICK_RETURN: at once, nothing written */
  double value;    /* in all numbers of that part, or its last one */
} trick;

static struct {
  const trick *now; /* NULL: honest */
  int once;
  long long at;
  atomic_llong calls, played, numbers; /* calls of callbacks; of them with the trick; those that spoilt numbers */
} tricks;

/* The trick to play in this call of a callback, or NULL. */
static inline const trick *trick_due(void) {
  const long long call = atomic_fetch_add(&tricks.calls, 1);
  if (!tricks.now || (tricks.once ? call != tricks.at : call < tricks.at)) return NULL;
  if (tricks.now->part == TRICK_RETURN) atomic_fetch_add(&tricks.played, 1);
  return tricks.now;
}

static inline void trick_put(double value, void *out, size_t width) {
  const float narrow = (float)value;
  if (width == sizeof value) memcpy(out, &value, width);
  if (width == sizeof narrow) memcpy(out, &narrow, width);
  if (width == 1) *(unsigned char *)out ^= 0xFF; /* bytes of a file */
}

/* After the callback has written count numbers of width bytes as it should. */
static inline void trick_spoil(const trick *t, trick_part part, void *out, int64_t count, size_t width) {
  if (!t || count < 1) return;
  const int last = t->part == TRICK_LAST && part == TRICK_VALUES;
  if (t->part != part && !last) return;
  atomic_fetch_add(&tricks.played, 1);
  if (width > 1) atomic_fetch_add(&tricks.numbers, 1);
  for (int64_t i = last ? count - 1 : 0; i < count; i++) trick_put(t->value, (char *)out + (size_t)i * width, width);
}

#define TRICK_EARLY(t)                                                                                                 \
  do {                                                                                                                 \
    if ((t) && (t)->part == TRICK_RETURN) return (t)->answer;                                                          \
  } while (0)

#endif
