/* SPDX-License-Identifier: MIT */
/* The system calls of a save, between the library and libc: the program defines open, write, ... itself, and the
 * dynamic linker takes those for the shipped library too. Off, they pass everything on. */
#ifndef TESTS_FAULTS_OS_H
#define TESTS_FAULTS_OS_H

#include <stdint.h>
#include <stdio.h>

enum os_call {
  OS_OPEN, /* of a folder */
  OS_OPENAT,
  OS_STAT,
  OS_LOCK,
  OS_CHMOD,
  OS_READ,
  OS_WRITE,
  OS_FSYNC,
  OS_COPY, /* of a descriptor */
  OS_CLOSE,
  OS_RENAME,
  OS_UNLINK,
  OS_CALLS
};

enum os_action {
  OS_NO_FAULT,
  OS_ERROR, /* the call does nothing (close: closes) and fails with fault.error */
  OS_ONE,   /* write, read: one byte */
  OS_HALF,  /* write, read: half of them */
  OS_ZERO,  /* write: none, returns 0 */
  OS_FULL   /* write: to /dev/full */
};

typedef struct os_fault {
  long at; /* number of the call */
  int action, error;
  int lasting; /* all later calls too */
} os_fault;

enum os_operation { OS_LOG_CREATE, OS_LOG_WRITE, OS_LOG_SYNC, OS_LOG_SYNC_FOLDER, OS_LOG_RENAME, OS_LOG_UNLINK };

typedef struct os_record { /* of what changes a file system */
  int operation;
  size_t offset, size; /* of a write */
  unsigned char *data;
  char from[256], to[256];
} os_record;

enum { OS_MOST_CALLS = 100000, OS_MOST_RECORDS = 4096 };

typedef struct os_state {
  int on; /* count calls, and the four below; fsync is then not passed on: what it is for is simulated */
  os_fault fault;
  void (*hook)(long at, int call); /* before each call, itself with everything off; may be NULL */
  int logging;
  int no_sync, no_folder_sync; /* the log lacks them */
  /* Since os_start: */
  long calls;
  long kinds[OS_CALLS];
  unsigned char kind[OS_MOST_CALLS];
  unsigned met; /* 1 << call for each that a fault met */
  int records;
  os_record record[OS_MOST_RECORDS];
} os_state;

extern os_state os;

void os_start(os_fault fault);
void os_stop(void);
void os_clear_log(void);
extern const char *const os_names[OS_CALLS];

#endif
