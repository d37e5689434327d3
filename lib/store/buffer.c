/* SPDX-License-Identifier: MIT */
#include "store/buffer.h"

#include "base/alloc.h"
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bzd_status bzdi_buffer_room(bzdi_buffer *buffer, size_t more) {
  if (more <= buffer->room - buffer->size) return BZD_OK;
  if (more > SIZE_MAX / 4 - buffer->size) return bzdi_no_memory("output", SIZE_MAX, 1);
  size_t room = buffer->size + more > 2 * buffer->room ? buffer->size + more + 256 : 2 * buffer->room;
  unsigned char *grown = bzdi_malloc(buffer->context, room, 1);
  if (!grown) return bzdi_no_memory("output", room, 1);
  if (buffer->size > 0) memcpy(grown, buffer->data, buffer->size);
  bzdi_free(buffer->context, buffer->data);
  buffer->data = grown;
  buffer->room = room;
  return BZD_OK;
}

bzd_status bzdi_buffer_add(bzdi_buffer *buffer, const void *data, size_t size) {
  BZDI_TRY(bzdi_buffer_room(buffer, size));
  if (size > 0) memcpy(buffer->data + buffer->size, data, size);
  buffer->size += size;
  return BZD_OK;
}

bzd_status bzdi_buffer_text(bzdi_buffer *buffer, const char *format, ...) {
  char text[256]; /* numbers and short words alone */
  va_list list;
  va_start(list, format);
  int length = vsnprintf(text, sizeof text, format, list);
  va_end(list);
  return bzdi_buffer_add(buffer, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

void bzdi_buffer_free(bzdi_buffer *buffer) {
  bzdi_free(buffer->context, buffer->data);
  buffer->data = NULL;
  buffer->size = buffer->room = 0;
}
