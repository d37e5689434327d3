/* SPDX-License-Identifier: MIT */
#include "store/json.h"

#include "base/alloc.h"
#include "base/error.h"
#include "store/bytes.h"

#include <string.h>

bzd_status bzdi_json_start(const bzd_context *context, const char *what, const void *text, size_t size,
                           bzdi_json *json) {
  const unsigned char *start = text;
  if (!bzdi_is_utf8(start, size)) return bzdi_fail(BZD_E_CORRUPT, "%s: not UTF-8 without NUL", what);
  *json = (bzdi_json){context, what, start, start, start + size};
  return BZD_OK;
}

static bzd_status bad(const bzdi_json *json, const char *expected) {
  size_t offset = (size_t)(json->at - json->start);
  if (json->at == json->end)
    return bzdi_fail(BZD_E_CORRUPT, "%s: ends after %zu bytes, expected %s", json->what, offset, expected);
  return bzdi_fail(BZD_E_CORRUPT, "%s: byte %zu is 0x%02x, expected %s", json->what, offset, *json->at, expected);
}

static void skip_space(bzdi_json *json) {
  while (json->at < json->end && (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r'))
    json->at++;
}

int bzdi_json_next_is(bzdi_json *json, char c) {
  skip_space(json);
  return json->at < json->end && *json->at == (unsigned char)c;
}

bzd_status bzdi_json_expect(bzdi_json *json, char c) {
  const char expected[] = {'\'', c, '\'', 0};
  if (!bzdi_json_next_is(json, c)) return bad(json, expected);
  json->at++;
  return BZD_OK;
}

bzd_status bzdi_json_more(bzdi_json *json, int first, char close, int *more) {
  *more = !bzdi_json_next_is(json, close);
  if (!*more) {
    json->at++;
    return BZD_OK;
  }
  return first ? BZD_OK : bzdi_json_expect(json, ',');
}

/* ---- Strings ------------------------------------------------------------------------------------------------- */

/* Four hexadecimal digits, or -1. */
static int32_t hex4(const unsigned char *at, const unsigned char *end) {
  int32_t value = 0;
  if (end - at < 4) return -1;
  for (int i = 0; i < 4; i++) {
    unsigned char c = at[i];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return -1;
    value = 16 * value + digit;
  }
  return value;
}

static size_t put_utf8(char *to, int32_t point) {
  unsigned char bytes[4];
  size_t size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
  for (size_t i = size; i-- > 1; point >>= 6) bytes[i] = (unsigned char)(0x80 | (point & 0x3F));
  bytes[0] = (unsigned char)(lead[size] | point);
  memcpy(to, bytes, size);
  return size;
}

/* After \u: a character, of two such escapes where it lies beyond U+FFFF. */
static bzd_status escaped_point(bzdi_json *json, int32_t *point) {
  int32_t high = hex4(json->at, json->end);
  if (high < 0) return bad(json, "four hexadecimal digits");
  if (high == 0) return bzdi_fail(BZD_E_UNSUPPORTED, "%s: a string with a NUL in it", json->what);
  *point = high;
  if (high < 0xD800 || high > 0xDFFF) return json->at += 4, BZD_OK;
  int32_t low =
      json->end - json->at >= 10 && json->at[4] == '\\' && json->at[5] == 'u' ? hex4(json->at + 6, json->end) : -1;
  if (high > 0xDBFF || low < 0xDC00 || low > 0xDFFF) return bad(json, "a pair of surrogates");
  *point = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
  json->at += 10;
  return BZD_OK;
}

static bzd_status decode(bzdi_json *json, char *out) {
  static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  size_t size = 0;
  while (*json->at != '"') { /* its end was found */
    if (*json->at != '\\') {
      out[size++] = (char)*json->at++;
      continue;
    }
    unsigned char c = *++json->at;
    const char *escape = strchr(escapes, c);
    if (c == 'u') {
      int32_t point = 0;
      json->at++;
      BZDI_TRY(escaped_point(json, &point));
      size += put_utf8(out + size, point);
    } else if (escape) {
      out[size++] = meant[escape - escapes];
      json->at++;
    } else {
      return bad(json, "an escape");
    }
  }
  json->at++;
  out[size] = 0;
  return BZD_OK;
}

bzd_status bzdi_json_string(bzdi_json *json, char **out) {
  *out = NULL;
  BZDI_TRY(bzdi_json_expect(json, '"'));
  const unsigned char *start = json->at, *end = start;
  for (; end < json->end && *end != '"'; end += *end == '\\' && end + 1 < json->end ? 2 : 1)
    if (*end < 0x20) {
      json->at = end;
      return bad(json, "no control byte in a string");
    }
  if (end >= json->end) {
    json->at = json->end;
    return bad(json, "the end of a string");
  }
  /* No escape is shorter than what it stands for. */
  char *text = bzdi_malloc(json->context, (size_t)(end - start) + 1, 1);
  if (!text) return bzdi_no_memory(json->what, (size_t)(end - start) + 1, 1);
  bzd_status status = decode(json, text);
  if (status == BZD_OK)
    *out = text;
  else
    bzdi_free(json->context, text);
  return status;
}

bzd_status bzdi_json_key(bzdi_json *json, char **out) {
  BZDI_TRY(bzdi_json_string(json, out));
  bzd_status status = bzdi_json_expect(json, ':');
  if (status != BZD_OK) {
    bzdi_free(json->context, *out);
    *out = NULL;
  }
  return status;
}

/* ---- Numbers and the end ------------------------------------------------------------------------------------- */

bzd_status bzdi_json_number(bzdi_json *json, int64_t *out) {
  uint64_t value = 0;
  skip_space(json);
  const unsigned char *start = json->at;
  for (; json->at < json->end && *json->at >= '0' && *json->at <= '9'; json->at++)
    if (!bzdi_mul64(&value, 10) || !bzdi_add64(&value, (uint64_t)(*json->at - '0')) || value > INT64_MAX)
      return bad(json, "a whole number below 2^63");
  if (json->at == start) return bad(json, "a whole number");
  if (*start == '0' && json->at - start > 1) {
    json->at = start;
    return bad(json, "a number without leading 0");
  }
  if (json->at < json->end && (*json->at == '.' || *json->at == 'e' || *json->at == 'E'))
    return bad(json, "a number in digits alone");
  *out = (int64_t)value;
  return BZD_OK;
}

bzd_status bzdi_json_end(bzdi_json *json) {
  while (json->at < json->end && *json->at == ' ') json->at++;
  return json->at == json->end ? BZD_OK : bad(json, "nothing but spaces");
}

bzd_status bzdi_json_write(bzdi_buffer *buffer, const char *text) {
  static const char escapes[] = "\"\\bfnrt", meant[] = "\"\\\b\f\n\r\t";
  BZDI_TRY(bzdi_buffer_add(buffer, "\"", 1));
  for (const char *at = text; *at; at++) {
    const char *escape = strchr(meant, *at);
    if (escape) {
      const char pair[2] = {'\\', escapes[escape - meant]};
      BZDI_TRY(bzdi_buffer_add(buffer, pair, 2));
    } else if ((unsigned char)*at < 0x20) {
      BZDI_TRY(bzdi_buffer_text(buffer, "\\u%04x", (unsigned)*at));
    } else {
      BZDI_TRY(bzdi_buffer_add(buffer, at, 1));
    }
  }
  return bzdi_buffer_add(buffer, "\"", 1);
}
