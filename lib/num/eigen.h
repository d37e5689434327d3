/* SPDX-License-Identifier: MIT */
/* The symmetric eigenproblem in double. */
#ifndef BZDI_NUM_EIGEN_H
#define BZDI_NUM_EIGEN_H

#include <bezdist/base.h>

/* Values ascending; a [n,n] (both triangles given) is overwritten, with the eigenvectors in its columns when vectors is
 * 1. work: 2 n doubles. Householder reduction and implicit QL. BZD_E_NUMERIC: an element is not finite, or no
 * convergence. */
bzd_status bzdi_eigen_symmetric(int64_t n, double *a, int vectors, double *values, double *work);

#endif
