/* SPDX-License-Identifier: MIT */
/* The directory of a ZIP file. It stands at the end; what the local headers say must agree with it. */
#include "store/zip.h"

#include "base/alloc.h"
#include "base/error.h"
#include "store/bytes.h"
#include "store/flate.h"
#include "store/names.h"
#include "store/tensors.h"

#include <string.h>

enum { MOST_COMMENT = 65535, STORE = 0, DEFLATE = 8 };
enum { ENCRYPTED = 1, LEVEL = 6, DESCRIPTOR = 8 }; /* flags; the level is a hint of the writer */

typedef struct ending { /* what the end records say */
  uint64_t entries, at, size;
  uint64_t end; /* where the directory must end */
} ending;

static bzd_status corrupt(const char *what, uint64_t have, uint64_t expected) {
  return bzdi_fail(BZD_E_CORRUPT, "zip: %s is %llu, expected %llu", what, (unsigned long long)have,
                   (unsigned long long)expected);
}

/* ---- The end ------------------------------------------------------------------------------------------------- */

/* A number of the short record is that of the long one, or says that it stands there. */
static int agrees(uint64_t brief, uint64_t full, uint64_t whole) { return brief == full || brief == whole; }

static bzd_status read_end64(const bzdi_reader *reader, const unsigned char *locator, uint64_t locator_at,
                             const unsigned char *end, ending *e) {
  unsigned char record[BZDI_ZIP_END64];
  uint64_t at = bzdi_get64(locator + 8);
  if (bzdi_get32(locator + 4) != 0 || bzdi_get32(locator + 16) != 1)
    return bzdi_fail(BZD_E_UNSUPPORTED, "zip: a file on %u disks", bzdi_get32(locator + 16));
  if (at > locator_at || locator_at - at < BZDI_ZIP_END64) return corrupt("offset of the zip64 end", at, locator_at);
  BZDI_TRY(reader->read(reader->user, at, record, sizeof record));
  if (bzdi_get32(record) != BZDI_ZIP_END64_SIGN)
    return corrupt("signature of the zip64 end", bzdi_get32(record), BZDI_ZIP_END64_SIGN);
  if (bzdi_get64(record + 4) != locator_at - at - 12)
    return corrupt("length of the zip64 end", bzdi_get64(record + 4), locator_at - at - 12);
  if (bzdi_get32(record + 16) != 0 || bzdi_get32(record + 20) != 0)
    return bzdi_fail(BZD_E_UNSUPPORTED, "zip: a part of several disks");
  e->entries = bzdi_get64(record + 32);
  e->size = bzdi_get64(record + 40);
  e->at = bzdi_get64(record + 48);
  e->end = at;
  if (bzdi_get64(record + 24) != e->entries)
    return corrupt("entries on this disk", bzdi_get64(record + 24), e->entries);
  if (!agrees(bzdi_get16(end + 10), BZDI_ZIP_FULL16, e->entries))
    return corrupt("number of entries", bzdi_get16(end + 10), e->entries);
  if (!agrees(bzdi_get32(end + 12), BZDI_ZIP_FULL32, e->size))
    return corrupt("size of the directory", bzdi_get32(end + 12), e->size);
  if (!agrees(bzdi_get32(end + 16), BZDI_ZIP_FULL32, e->at))
    return corrupt("offset of the directory", bzdi_get32(end + 16), e->at);
  return BZD_OK;
}

/* tail: the last tail_size bytes of the file. */
static bzd_status read_end(const bzdi_reader *reader, const unsigned char *tail, size_t tail_size, ending *e) {
  size_t place = tail_size - BZDI_ZIP_END + 1;
  while (place-- > 0)
    if (bzdi_get32(tail + place) == BZDI_ZIP_END_SIGN &&
        bzdi_get16(tail + place + 20) == tail_size - place - BZDI_ZIP_END)
      break;
  if (place >= tail_size) return bzdi_fail(BZD_E_CORRUPT, "zip: no end record: the file is cut off");
  const unsigned char *end = tail + place;
  uint64_t at = reader->size - tail_size + place;
  *e = (ending){bzdi_get16(end + 10), bzdi_get32(end + 16), bzdi_get32(end + 12), at};
  if (bzdi_get16(end + 4) != 0 || bzdi_get16(end + 6) != 0)
    return bzdi_fail(BZD_E_UNSUPPORTED, "zip: disk %u of a file on several", bzdi_get16(end + 4));
  if (bzdi_get16(end + 8) != e->entries) return corrupt("entries on this disk", bzdi_get16(end + 8), e->entries);
  if (at >= BZDI_ZIP_LOCATOR) {
    unsigned char locator[BZDI_ZIP_LOCATOR];
    BZDI_TRY(reader->read(reader->user, at - BZDI_ZIP_LOCATOR, locator, sizeof locator));
    if (bzdi_get32(locator) == BZDI_ZIP_LOCATOR_SIGN)
      BZDI_TRY(read_end64(reader, locator, at - BZDI_ZIP_LOCATOR, end, e));
  }
  if (e->at > e->end || e->end - e->at != e->size) return corrupt("size of the directory", e->size, e->end - e->at);
  return BZD_OK;
}

static bzd_status find_end(const bzd_context *context, const bzdi_reader *reader, ending *e) {
  uint64_t size = reader->size < BZDI_ZIP_END + MOST_COMMENT ? reader->size : BZDI_ZIP_END + MOST_COMMENT;
  if (size < BZDI_ZIP_END)
    return bzdi_fail(BZD_E_FORMAT, "%llu bytes are too few for a zip file", (unsigned long long)size);
  unsigned char *tail = bzdi_malloc(context, (size_t)size, 1);
  if (!tail) return bzdi_no_memory("zip", (size_t)size, 1);
  bzd_status status = reader->read(reader->user, reader->size - size, tail, (size_t)size);
  if (status == BZD_OK) status = read_end(reader, tail, (size_t)size, e);
  bzdi_free(context, tail);
  return status;
}

/* ---- Entries ------------------------------------------------------------------------------------------------- */

/* The zip64 field of extra into *field, empty when there is none. */
static bzd_status find_zip64(const unsigned char *extra, size_t size, bzdi_cursor *field) {
  bzdi_cursor all = {extra, extra + size, 0};
  *field = (bzdi_cursor){extra, extra, 0};
  int found = 0;
  while (all.at < all.end) {
    uint32_t id = bzdi_cursor_u16(&all), length = bzdi_cursor_u16(&all);
    const unsigned char *at = bzdi_cursor_bytes(&all, length);
    if (all.bad) return bzdi_fail(BZD_E_CORRUPT, "zip: extra fields of %zu bytes are cut off", size);
    if (id != 1) continue;
    if (found++) return bzdi_fail(BZD_E_CORRUPT, "zip: two zip64 fields");
    *field = (bzdi_cursor){at, at + length, 0};
  }
  return BZD_OK;
}

static bzd_status check_flags(uint32_t flags, uint32_t method) {
  if (flags & ENCRYPTED) return bzdi_fail(BZD_E_UNSUPPORTED, "zip: an encrypted member");
  if (flags & ~(uint32_t)(LEVEL | DESCRIPTOR | BZDI_ZIP_UTF8))
    return bzdi_fail(BZD_E_UNSUPPORTED, "zip: flags 0x%04x are not known", flags);
  if (method != STORE && method != DEFLATE)
    return bzdi_fail(BZD_E_UNSUPPORTED, "zip: method %u, expected 0 (stored) or 8 (deflated)", method);
  return BZD_OK;
}

static bzd_status check_name(const bzdi_member *member, uint32_t flags) {
  const unsigned char *name = (const unsigned char *)member->name;
  if (!bzdi_is_utf8(name, member->length)) return bzdi_fail(BZD_E_CORRUPT, "zip: a member's name is not UTF-8");
  for (size_t i = 0; i < member->length; i++)
    if (name[i] >= 0x80 && !(flags & BZDI_ZIP_UTF8))
      return bzdi_fail(BZD_E_UNSUPPORTED, "zip: a member's name is neither ASCII nor marked as UTF-8");
  return BZD_OK;
}

/* One entry of the directory; flags and method are compared with the local header's later. */
static bzd_status read_entry(bzdi_cursor *cursor, bzdi_member *member, const unsigned char **entry) {
  const unsigned char *at = bzdi_cursor_bytes(cursor, BZDI_ZIP_ENTRY);
  if (!at) return bzdi_fail(BZD_E_CORRUPT, "zip: the directory is cut off");
  if (bzdi_get32(at) != BZDI_ZIP_ENTRY_SIGN)
    return corrupt("signature of an entry", bzdi_get32(at), BZDI_ZIP_ENTRY_SIGN);
  size_t extra_size = bzdi_get16(at + 30);
  member->length = bzdi_get16(at + 28);
  member->name = (const char *)bzdi_cursor_bytes(cursor, member->length);
  const unsigned char *extra = bzdi_cursor_bytes(cursor, extra_size);
  bzdi_cursor_bytes(cursor, bzdi_get16(at + 32)); /* comment */
  if (cursor->bad) return bzdi_fail(BZD_E_CORRUPT, "zip: the directory is cut off");
  BZDI_TRY(check_flags(bzdi_get16(at + 8), bzdi_get16(at + 10)));
  BZDI_TRY(check_name(member, bzdi_get16(at + 8)));
  bzdi_cursor zip64;
  BZDI_TRY(find_zip64(extra, extra_size, &zip64));
  member->wrap.packing = bzdi_get16(at + 10) == STORE ? BZDI_WRAP_STORED : BZDI_WRAP_DEFLATED;
  member->wrap.crc = bzdi_get32(at + 16);
  member->wrap.stored = bzdi_get32(at + 20);
  member->size = bzdi_get32(at + 24);
  member->begin = bzdi_get32(at + 42);
  uint32_t disk = bzdi_get16(at + 34);
  /* The field holds only what did not fit, in this order. */
  if (member->size == BZDI_ZIP_FULL32) member->size = bzdi_cursor_u64(&zip64);
  if (member->wrap.stored == BZDI_ZIP_FULL32) member->wrap.stored = bzdi_cursor_u64(&zip64);
  if (member->begin == BZDI_ZIP_FULL32) member->begin = bzdi_cursor_u64(&zip64);
  if (disk == BZDI_ZIP_FULL16) disk = bzdi_cursor_u32(&zip64);
  if (zip64.bad) return bzdi_fail(BZD_E_CORRUPT, "zip: a zip64 field lacks a number");
  if (disk != 0) return bzdi_fail(BZD_E_UNSUPPORTED, "zip: a member on disk %u", disk);
  if (member->wrap.packing == BZDI_WRAP_STORED && member->size != member->wrap.stored)
    return corrupt("size of a stored member", member->wrap.stored, member->size);
  if (member->size / BZDI_BEST_RATIO > member->wrap.stored)
    return bzdi_over("size of a deflated member", member->size, BZDI_BEST_RATIO * member->wrap.stored);
  *entry = at;
  return BZD_OK;
}

/* The number of a local header: the directory's, or nothing yet where a descriptor follows the data. */
static int same_size(uint32_t local, uint64_t wide, int has_wide, uint64_t expected, int descriptor) {
  if (local == BZDI_ZIP_FULL32 && has_wide) return wide == expected || (descriptor && wide == 0);
  return (local == expected && local != BZDI_ZIP_FULL32) || (descriptor && local == 0);
}

static bzd_status check_local(const bzd_context *context, const bzdi_reader *reader, const unsigned char *entry,
                              uint64_t directory_at, bzdi_member *member) {
  unsigned char head[BZDI_ZIP_LOCAL];
  if (member->begin > directory_at || directory_at - member->begin < BZDI_ZIP_LOCAL)
    return corrupt("offset of a member", member->begin, directory_at);
  BZDI_TRY(reader->read(reader->user, member->begin, head, sizeof head));
  if (bzdi_get32(head) != BZDI_ZIP_LOCAL_SIGN)
    return corrupt("signature of a member", bzdi_get32(head), BZDI_ZIP_LOCAL_SIGN);
  uint32_t flags = bzdi_get16(head + 6), length = bzdi_get16(head + 26), extra_size = bzdi_get16(head + 28);
  if (flags != bzdi_get16(entry + 8)) return corrupt("flags of a member", flags, bzdi_get16(entry + 8));
  if (bzdi_get16(head + 8) != bzdi_get16(entry + 10))
    return corrupt("method of a member", bzdi_get16(head + 8), bzdi_get16(entry + 10));
  if (length != member->length) return corrupt("length of a member's name", length, member->length);
  uint64_t room = directory_at - member->begin - BZDI_ZIP_LOCAL;
  if (room < length + extra_size || room - length - extra_size < member->wrap.stored)
    return corrupt("room of a member", room, length + extra_size + member->wrap.stored);
  member->wrap.offset = member->begin + BZDI_ZIP_LOCAL + length + extra_size;
  unsigned char *rest = bzdi_malloc(context, length + extra_size, 1);
  if (!rest) return bzdi_no_memory("zip", length + extra_size, 1);
  bzd_status status = reader->read(reader->user, member->begin + BZDI_ZIP_LOCAL, rest, length + extra_size);
  bzdi_cursor zip64 = {NULL, NULL, 0};
  if (status == BZD_OK && memcmp(rest, member->name, length) != 0)
    status = bzdi_fail(BZD_E_CORRUPT, "zip: a member's name differs from the directory's");
  if (status == BZD_OK) status = find_zip64(rest + length, extra_size, &zip64);
  int descriptor = (flags & DESCRIPTOR) != 0, wide = zip64.at != zip64.end;
  uint64_t raw = wide ? bzdi_cursor_u64(&zip64) : 0, stored = wide ? bzdi_cursor_u64(&zip64) : 0;
  bzdi_free(context, rest);
  BZDI_TRY(status);
  if (zip64.bad) return bzdi_fail(BZD_E_CORRUPT, "zip: a zip64 field lacks a number");
  if (!same_size(bzdi_get32(head + 22), raw, wide, member->size, descriptor))
    return corrupt("size of a member", bzdi_get32(head + 22), member->size);
  if (!same_size(bzdi_get32(head + 18), stored, wide, member->wrap.stored, descriptor))
    return corrupt("stored size of a member", bzdi_get32(head + 18), member->wrap.stored);
  uint32_t crc = bzdi_get32(head + 14);
  if (crc != member->wrap.crc && !(descriptor && crc == 0))
    return corrupt("checksum of a member", crc, member->wrap.crc);
  return BZD_OK;
}

static int lies_before(const void *user, int64_t a, int64_t b) {
  return ((const bzdi_member *)user)[a].begin < ((const bzdi_member *)user)[b].begin;
}

static bzd_status check_overlaps(const bzdi_zip *zip) {
  int64_t *order = bzdi_malloc(zip->context, (size_t)zip->members, sizeof *order);
  if (!order) return bzdi_no_memory("zip", (size_t)zip->members, sizeof *order);
  uint64_t end = 0;
  bzd_status status = BZD_OK;
  for (int64_t i = 0; i < zip->members; i++) order[i] = i;
  bzdi_sort(order, zip->members, lies_before, zip->member);
  for (int64_t i = 0; i < zip->members && status == BZD_OK; i++) {
    const bzdi_member *member = &zip->member[order[i]];
    if (member->begin < end)
      status = bzdi_fail(BZD_E_CORRUPT, "zip: a member at %llu overlaps one that ends at %llu",
                         (unsigned long long)member->begin, (unsigned long long)end);
    end = member->wrap.offset + member->wrap.stored;
  }
  bzdi_free(zip->context, order);
  return status;
}

static bzd_status read_members(bzdi_zip *zip, const bzdi_reader *reader, const ending *e) {
  bzdi_cursor cursor = {zip->directory, zip->directory + e->size, 0};
  for (int64_t i = 0; i < zip->members; i++) {
    const unsigned char *entry = NULL;
    BZDI_TRY(read_entry(&cursor, &zip->member[i], &entry));
    BZDI_TRY(check_local(zip->context, reader, entry, e->at, &zip->member[i]));
  }
  if (cursor.at != cursor.end) return corrupt("end of the directory", (uint64_t)(cursor.at - zip->directory), e->size);
  return check_overlaps(zip);
}

bzd_status bzdi_zip_open(const bzd_context *context, const bzdi_reader *reader, const bzdi_limits *limits,
                         bzdi_zip *out) {
  ending e = {0, 0, 0, 0};
  *out = (bzdi_zip){.context = context};
  BZDI_TRY(find_end(context, reader, &e));
  if (e.size > limits->max_index) return bzdi_over("size of the zip directory", e.size, limits->max_index);
  if (e.entries > (uint64_t)limits->max_tensors)
    return bzdi_over("number of members", e.entries, (uint64_t)limits->max_tensors);
  if (e.entries > e.size / BZDI_ZIP_ENTRY) return corrupt("number of entries", e.entries, e.size / BZDI_ZIP_ENTRY);
  bzdi_zip zip = {.context = context, .members = (int64_t)e.entries};
  zip.directory = bzdi_malloc(context, (size_t)e.size, 1);
  zip.member = bzdi_calloc(context, (size_t)e.entries, sizeof *zip.member);
  bzd_status status = zip.directory && zip.member ? BZD_OK : bzdi_no_memory("zip directory", (size_t)e.size, 1);
  if (status == BZD_OK && e.size > 0) status = reader->read(reader->user, e.at, zip.directory, (size_t)e.size);
  if (status == BZD_OK) status = read_members(&zip, reader, &e);
  if (status == BZD_OK)
    *out = zip;
  else
    bzdi_zip_clear(&zip);
  return status;
}

void bzdi_zip_clear(bzdi_zip *zip) {
  bzdi_free(zip->context, zip->directory);
  bzdi_free(zip->context, zip->member);
  zip->directory = NULL;
  zip->member = NULL;
  zip->members = 0;
}
