/* SPDX-License-Identifier: MIT */
/* The clock that progress and results are timed by. */
#ifndef BZDI_BASE_CLOCK_H
#define BZDI_BASE_CLOCK_H

/* Monotonic, in seconds since some moment. */
double bzdi_seconds(void);

#endif
