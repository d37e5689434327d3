/* SPDX-License-Identifier: MIT */
/* Thread-local variables that are there from a thread's beginning. glibc by default makes those of a library loaded
 * with dlopen at their first use on a thread, and ends the process when there is no memory for them. It keeps some 1.6
 * KiB of a process for variables like these; ours take 516 bytes. */
#ifndef BZDI_BASE_LOCAL_H
#define BZDI_BASE_LOCAL_H

#include <stdlib.h> /* for __GLIBC__ */

#if defined(__GLIBC__)
#define BZDI_THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define BZDI_THREAD_LOCAL _Thread_local
#endif

#endif
