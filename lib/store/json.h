/* SPDX-License-Identifier: MIT */
/* JSON (RFC 8259) read forwards by somebody who knows what must come next, so that nesting is as deep as that reader's
 * loops and no deeper; and strings written. */
#ifndef BZDI_STORE_JSON_H
#define BZDI_STORE_JSON_H

#include "store/buffer.h"

typedef struct bzdi_json {
  const bzd_context *context;
  const char *what; /* begins every text of a failure: "header" */
  const unsigned char *start, *at, *end;
} bzdi_json;

/* Refuses what is not UTF-8 or holds a NUL. */
bzd_status bzdi_json_start(const bzd_context *context, const char *what, const void *text, size_t size,
                           bzdi_json *json);
/* Whether c is next, white space apart; it is not taken. */
int bzdi_json_next_is(bzdi_json *json, char c);
bzd_status bzdi_json_expect(bzdi_json *json, char c);
/* In a list that closes with this: *more says whether an element follows. first: it was opened just now. */
bzd_status bzdi_json_more(bzdi_json *json, int first, char close, int *more);
/* A string without its escapes, the caller's to bzdi_free. A NUL in it cannot be held: BZD_E_UNSUPPORTED. */
bzd_status bzdi_json_string(bzdi_json *json, char **out);
/* A string and the colon after it. */
bzd_status bzdi_json_key(bzdi_json *json, char **out);
/* A whole number 0..INT64_MAX in digits alone. */
bzd_status bzdi_json_number(bzdi_json *json, int64_t *out);
/* Nothing but spaces follows. */
bzd_status bzdi_json_end(bzdi_json *json);

/* In quotes, escaped as few as must be. */
bzd_status bzdi_json_write(bzdi_buffer *buffer, const char *text);

#endif
