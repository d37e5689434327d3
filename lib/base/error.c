/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include "base/local.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 512

static BZDI_THREAD_LOCAL char error_text[TEXT_BYTES];

bzd_status bzdi_fail(bzd_status status, const char *format, ...) {
  char text[TEXT_BYTES]; /* apart, because the arguments may point into the old text */
  va_list args;
  va_start(args, format);
  int length = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (length < 0) text[0] = '\0';
  for (char *c = text; *c; c++) {
    if ((unsigned char)*c < 0x20 || *c == 0x7F) *c = '?';
  }
  memcpy(error_text, text, strlen(text) + 1);
  return status;
}

void bzdi_error_clear(void) { error_text[0] = '\0'; }

size_t bzdi_error_copy(char *buf, size_t cap) { return bzdi_text_copy(error_text, buf, cap); }

size_t bzdi_text_copy(const char *text, char *buf, size_t cap) {
  size_t length = strlen(text);
  if (buf && cap > 0) {
    size_t kept = length < cap ? length : cap - 1;
    memcpy(buf, text, kept);
    buf[kept] = '\0';
  }
  return length;
}

const char *bzdi_status_name(bzd_status status) {
#define NAME(name)                                                                                                     \
  case name: return #name
  switch (status) {
    NAME(BZD_OK);
    NAME(BZD_E_ARGUMENT);
    NAME(BZD_E_DIMENSION);
    NAME(BZD_E_CONFIG);
    NAME(BZD_E_STATE);
    NAME(BZD_E_UNSUPPORTED);
    NAME(BZD_E_MEMORY);
    NAME(BZD_E_LIMIT);
    NAME(BZD_E_IO);
    NAME(BZD_E_FORMAT);
    NAME(BZD_E_CORRUPT);
    NAME(BZD_E_VERSION);
    NAME(BZD_E_NUMERIC);
    NAME(BZD_E_DIVERGED);
    NAME(BZD_E_STEPS);
    NAME(BZD_E_CANCELLED);
    NAME(BZD_E_INTERNAL);
  default: return "BZD_E_UNKNOWN";
  }
#undef NAME
}
