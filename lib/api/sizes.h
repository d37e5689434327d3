/* SPDX-License-Identifier: MIT */
/* Bytes of every public struct that a caller fills or sizes, in the first release that had it. These numbers never
 * change: a program built against that release calls with them (docs/abi.md). */
#ifndef BZDI_API_SIZES_H
#define BZDI_API_SIZES_H

#define FIRST_CHECKPOINT_INFO 56
#define FIRST_CONTEXT_CONFIG 64
#define FIRST_DATA_CONFIG 128
#define FIRST_DATA_INFO 80
#define FIRST_ENSEMBLE_CONFIG 88
#define FIRST_ENSEMBLE_INFO 48
#define FIRST_ENSEMBLE_SOURCE_CONFIG 136
#define FIRST_FITTER_CONFIG 40
#define FIRST_FITTER_INFO 32
#define FIRST_FLOW_CONFIG 104
#define FIRST_FLOW_INFO 104
#define FIRST_FLOW_METRICS 80
#define FIRST_FLOW_METRICS_CONFIG 48
#define FIRST_GRID_CONFIG 40
#define FIRST_LIMITS 48
#define FIRST_METRICS_CONFIG 24
#define FIRST_METRICS_RESULT 88
#define FIRST_SAMPLE_CONFIG 120
#define FIRST_SAMPLE_RESULT 40
#define FIRST_SOURCE_INFO 64
#define FIRST_TENSORS_INFO 40
#define FIRST_TENSOR_INFO 120
#define FIRST_TRAINER_CONFIG 216
#define FIRST_TRAINER_INFO 104

#endif
