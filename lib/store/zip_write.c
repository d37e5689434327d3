/* SPDX-License-Identifier: MIT */
/* ZIP files, written forwards: sizes and checksums are known before a member is, so that no descriptor has to follow.
 */
#include "base/error.h"
#include "store/bytes.h"
#include "store/codec.h"
#include "store/flate.h"
#include "store/zip.h"

#include <string.h>

enum { VERSION = 20, VERSION64 = 45, UNIX = 3 << 8, DAY_ONE = 1 << 5 | 1, FILE_MODE = 0600 };

typedef struct fields {
  unsigned char bytes[96];
  size_t size;
} fields;

static void add16(fields *f, uint64_t value) {
  bzdi_put16(f->bytes + f->size, (uint32_t)value);
  f->size += 2;
}
static void add32(fields *f, uint64_t value) {
  bzdi_put32(f->bytes + f->size, (uint32_t)value);
  f->size += 4;
}
static void add64(fields *f, uint64_t value) {
  bzdi_put64(f->bytes + f->size, value);
  f->size += 8;
}

static uint64_t brief32(uint64_t value) { return value < BZDI_ZIP_FULL32 ? value : BZDI_ZIP_FULL32; }

typedef struct facts {
  uint64_t size, stored, offset;
  uint32_t crc;
  int deflated, plain_name;
  size_t length;
} facts;

/* What local header and entry have in common: needed version to length of the extra fields. */
static void add_common(fields *f, const facts *m, uint64_t stored, uint64_t size, size_t extra) {
  add16(f, extra > 0 ? VERSION64 : VERSION);
  add16(f, m->plain_name ? 0 : BZDI_ZIP_UTF8);
  add16(f, m->deflated ? 8 : 0);
  add16(f, 0);
  add16(f, DAY_ONE);
  add32(f, m->crc);
  add32(f, stored);
  add32(f, size);
  add16(f, m->length);
  add16(f, extra);
}

static bzd_status put(bzdi_zip_writer *zip, const void *data, uint64_t size) {
  if (size == 0) return BZD_OK;
  BZDI_TRY(zip->writer->write(zip->writer->user, data, (size_t)size));
  zip->offset += size;
  return BZD_OK;
}

static bzd_status add_entry(bzdi_zip_writer *zip, const char *name, const facts *m) {
  fields extra = {.size = 4}, entry = {.size = 0};
  if (m->size >= BZDI_ZIP_FULL32) add64(&extra, m->size);
  if (m->stored >= BZDI_ZIP_FULL32) add64(&extra, m->stored);
  if (m->offset >= BZDI_ZIP_FULL32) add64(&extra, m->offset);
  bzdi_put16(extra.bytes, 1);
  bzdi_put16(extra.bytes + 2, (uint32_t)extra.size - 4);
  if (extra.size == 4) extra.size = 0;
  add32(&entry, BZDI_ZIP_ENTRY_SIGN);
  add16(&entry, UNIX | VERSION64);
  add_common(&entry, m, brief32(m->stored), brief32(m->size), extra.size);
  add16(&entry, 0); /* comment */
  add16(&entry, 0); /* disk */
  add16(&entry, 0);
  add32(&entry, (uint64_t)FILE_MODE << 16);
  add32(&entry, brief32(m->offset));
  BZDI_TRY(bzdi_buffer_add(&zip->directory, entry.bytes, entry.size));
  BZDI_TRY(bzdi_buffer_add(&zip->directory, name, m->length));
  return bzdi_buffer_add(&zip->directory, extra.bytes, extra.size);
}

bzd_status bzdi_zip_add(bzdi_zip_writer *zip, const char *name, int deflated, const void *head, size_t head_size,
                        const void *data, uint64_t size) {
  bzdi_buffer packed = {.context = zip->directory.context};
  facts m = {
      .size = head_size + size, .offset = zip->offset, .deflated = deflated, .plain_name = 1, .length = strlen(name)};
  for (const char *c = name; *c; c++) m.plain_name = m.plain_name && (unsigned char)*c < 0x80;
  m.crc = bzdi_crc32(0, head, head_size);
  if (size > 0) m.crc = bzdi_crc32(m.crc, data, (size_t)size);
  bzd_status status = deflated ? bzdi_deflate(packed.context, head, head_size, data, size, &packed) : BZD_OK;
  m.stored = deflated ? packed.size : m.size;
  fields local = {.size = 0};
  /* Local headers give both sizes wide or none. */
  int wide = m.size >= BZDI_ZIP_FULL32 || m.stored >= BZDI_ZIP_FULL32;
  add32(&local, BZDI_ZIP_LOCAL_SIGN);
  add_common(&local, &m, wide ? BZDI_ZIP_FULL32 : m.stored, wide ? BZDI_ZIP_FULL32 : m.size, wide ? 20 : 0);
  if (status == BZD_OK) status = add_entry(zip, name, &m);
  if (status == BZD_OK) status = put(zip, local.bytes, local.size);
  if (status == BZD_OK) status = put(zip, name, m.length);
  if (status == BZD_OK && wide) {
    fields extra = {.size = 0};
    add16(&extra, 1);
    add16(&extra, 16);
    add64(&extra, m.size);
    add64(&extra, m.stored);
    status = put(zip, extra.bytes, extra.size);
  }
  if (status == BZD_OK) status = put(zip, deflated ? packed.data : head, deflated ? packed.size : head_size);
  if (status == BZD_OK && !deflated) status = put(zip, data, size);
  bzdi_buffer_free(&packed);
  zip->members++;
  return status;
}

bzd_status bzdi_zip_finish(bzdi_zip_writer *zip) {
  uint64_t at = zip->offset, size = zip->directory.size, count = zip->members;
  fields end = {.size = 0};
  BZDI_TRY(put(zip, zip->directory.data, size));
  if (count >= BZDI_ZIP_FULL16 || size >= BZDI_ZIP_FULL32 || at >= BZDI_ZIP_FULL32) {
    uint64_t end64 = zip->offset;
    add32(&end, BZDI_ZIP_END64_SIGN);
    add64(&end, BZDI_ZIP_END64 - 12);
    add16(&end, UNIX | VERSION64);
    add16(&end, VERSION64);
    add32(&end, 0);
    add32(&end, 0);
    add64(&end, count);
    add64(&end, count);
    add64(&end, size);
    add64(&end, at);
    add32(&end, BZDI_ZIP_LOCATOR_SIGN);
    add32(&end, 0);
    add64(&end, end64);
    add32(&end, 1);
    BZDI_TRY(put(zip, end.bytes, end.size));
    end.size = 0;
  }
  uint64_t brief = count < BZDI_ZIP_FULL16 ? count : BZDI_ZIP_FULL16;
  add32(&end, BZDI_ZIP_END_SIGN);
  add16(&end, 0);
  add16(&end, 0);
  add16(&end, brief);
  add16(&end, brief);
  add32(&end, brief32(size));
  add32(&end, brief32(at));
  add16(&end, 0);
  return put(zip, end.bytes, end.size);
}
