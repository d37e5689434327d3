/* SPDX-License-Identifier: MIT */
/* Text that grows, and pictures inside it. */
#include "page.h"

#include <stdarg.h>
#include <stdlib.h>

static void reserve(struct text *text, size_t more) {
  if (text->size + more + 1 <= text->capacity) return;
  text->capacity = 2 * (text->size + more + 1);
  text->data = realloc(text->data, text->capacity);
  if (!text->data) die("no memory for a page of %zu bytes", text->capacity);
}

void text_add(struct text *text, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  reserve(text, (size_t)length);
  vsnprintf(text->data + text->size, (size_t)length + 1, format, again);
  va_end(again);
  text->size += (size_t)length;
}

void text_add_png(struct text *text, const unsigned char *png, size_t size, const char *alt) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  text_add(text, "<img alt=\"%s\" src=\"data:image/png;base64,", alt);
  reserve(text, (size + 2) / 3 * 4);
  for (size_t i = 0; i < size; i += 3) {
    unsigned word =
        (unsigned)png[i] << 16 | (i + 1 < size ? (unsigned)png[i + 1] << 8 : 0) | (i + 2 < size ? png[i + 2] : 0);
    char *out = text->data + text->size;
    out[0] = digits[word >> 18];
    out[1] = digits[word >> 12 & 63];
    out[2] = i + 1 < size ? digits[word >> 6 & 63] : '=';
    out[3] = i + 2 < size ? digits[word & 63] : '=';
    text->size += 4;
  }
  text_add(text, "\">");
}
