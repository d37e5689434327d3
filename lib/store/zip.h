/* SPDX-License-Identifier: MIT */
/* ZIP (APPNOTE 6.3.9) as NumPy uses it: stored and deflated members, zip64, no encryption, one disk. */
#ifndef BZDI_STORE_ZIP_H
#define BZDI_STORE_ZIP_H

#include "store/buffer.h"
#include "store/stream.h"

typedef struct bzdi_member {
  const char *name; /* length bytes in the directory, without a NUL at the end */
  size_t length;
  uint64_t size;  /* raw */
  uint64_t begin; /* of its local header */
  bzdi_wrap wrap;
} bzdi_member;

typedef struct bzdi_zip {
  const bzd_context *context;
  unsigned char *directory;
  bzdi_member *member; /* in the order of the directory */
  int64_t members;
} bzdi_zip;

/* Reads and checks the directory and every local header; nothing of a name but that it is UTF-8. */
bzd_status bzdi_zip_open(const bzd_context *context, const bzdi_reader *reader, const bzdi_limits *limits,
                         bzdi_zip *out);
void bzdi_zip_clear(bzdi_zip *zip);

typedef struct bzdi_zip_writer { /* zeroed but for writer and the directory's context */
  const bzdi_writer *writer;
  uint64_t offset, members;
  bzdi_buffer directory;
} bzdi_zip_writer;
/* A member of head and then data. */
bzd_status bzdi_zip_add(bzdi_zip_writer *zip, const char *name, int deflated, const void *head, size_t head_size,
                        const void *data, uint64_t size);
bzd_status bzdi_zip_finish(bzdi_zip_writer *zip);

/* Numbers of the format that reader and writer share. */
enum { BZDI_ZIP_LOCAL = 30, BZDI_ZIP_ENTRY = 46, BZDI_ZIP_END = 22, BZDI_ZIP_END64 = 56, BZDI_ZIP_LOCATOR = 20 };
enum { BZDI_ZIP_UTF8 = 1 << 11 };
#define BZDI_ZIP_LOCAL_SIGN 0x04034b50u
#define BZDI_ZIP_ENTRY_SIGN 0x02014b50u
#define BZDI_ZIP_END_SIGN 0x06054b50u
#define BZDI_ZIP_END64_SIGN 0x06064b50u
#define BZDI_ZIP_LOCATOR_SIGN 0x07064b50u
#define BZDI_ZIP_FULL32 0xFFFFFFFFu /* the number stands in the zip64 field */
#define BZDI_ZIP_FULL16 0xFFFFu

#endif
