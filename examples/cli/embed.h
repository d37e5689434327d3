/* SPDX-License-Identifier: MIT */
/* A checkpoint as a C array. */
#ifndef BEZDIST_CLI_EMBED_H
#define BEZDIST_CLI_EMBED_H

#include <bezdist/bezdist.h>

/* Writes path, a header of C99 and C++11 with the bytes of the checkpoint's file, whole or not at all. file is where
 * the checkpoint came from, for what goes wrong. Dies on failure, also for what holds no model. */
void write_header(bzd_checkpoint *checkpoint, const char *file, const char *path);

#endif
