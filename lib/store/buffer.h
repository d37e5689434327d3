/* SPDX-License-Identifier: MIT */
/* Bytes that grow at the end. */
#ifndef BZDI_STORE_BUFFER_H
#define BZDI_STORE_BUFFER_H

#include <bezdist/base.h>

typedef struct bzdi_buffer { /* zeroed but for the context: empty */
  const bzd_context *context;
  unsigned char *data;
  size_t size, room;
} bzdi_buffer;

bzd_status bzdi_buffer_room(bzdi_buffer *buffer, size_t more); /* at least this many bytes can follow */
bzd_status bzdi_buffer_add(bzdi_buffer *buffer, const void *data, size_t size);
bzd_status bzdi_buffer_text(bzdi_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bzdi_buffer_free(bzdi_buffer *buffer);

#endif
