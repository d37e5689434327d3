/* SPDX-License-Identifier: MIT */
/* The thread's error text. A function that fails sets it once, where the numbers are known, and returns the status. */
#ifndef BZDI_BASE_ERROR_H
#define BZDI_BASE_ERROR_H

#include <bezdist/base.h>

/* Sets this thread's text (cut at 511 bytes, control bytes replaced by '?') and returns status. */
bzd_status bzdi_fail(bzd_status status, const char *format, ...) __attribute__((format(printf, 2, 3), cold));
void bzdi_error_clear(void);
/* What bzd_last_error does. */
size_t bzdi_error_copy(char *buf, size_t cap);
/* Copies text into buf as bzd_last_error promises: cut to cap with a NUL; returns the whole length. */
size_t bzdi_text_copy(const char *text, char *buf, size_t cap);

/* Name of a status as in bzd_status_name. */
const char *bzdi_status_name(bzd_status status);

/* Last line of every api function: clears the text on success, passes status on. */
static inline bzd_status bzdi_done(bzd_status status) {
  if (status == BZD_OK) bzdi_error_clear();
  return status;
}

/* Returns from the calling function when the expression is a failure. */
#define BZDI_TRY(expression)                                                                                           \
  do {                                                                                                                 \
    bzd_status bzdi_try_status = (expression);                                                                         \
    if (bzdi_try_status != BZD_OK) return bzdi_try_status;                                                             \
  } while (0)

#endif
