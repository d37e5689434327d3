/* SPDX-License-Identifier: MIT */
/* libbezdist: trains, distils and runs few-step generative flow models. This header includes all others. */
#ifndef BEZDIST_BEZDIST_H
#define BEZDIST_BEZDIST_H

#include <bezdist/base.h>
#include <bezdist/checkpoint.h>
#include <bezdist/data.h>
#include <bezdist/ensemble.h>
#include <bezdist/fitter.h>
#include <bezdist/flow.h>
#include <bezdist/metrics.h>
#include <bezdist/path.h>
#include <bezdist/source.h>
#include <bezdist/tensors.h>
#include <bezdist/trainer.h>

#endif
