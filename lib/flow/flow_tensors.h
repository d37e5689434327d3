/* SPDX-License-Identifier: MIT */
/* Flows as tensors under PyTorch's names. What a checkpoint says in metadata stands in one text, "bezdist", as JSON. */
#ifndef BZDI_FLOW_FLOW_TENSORS_H
#define BZDI_FLOW_FLOW_TENSORS_H

#include "flow/flow.h"
#include "store/tensors.h"

/* Into empty tensors. Callback flows: BZD_E_UNSUPPORTED. */
bzd_status bzdi_flow_to_tensors(const bzd_flow *flow, bzdi_tensors *tensors);
int bzdi_tensors_describe_flow(const bzdi_tensors *tensors); /* 1: the text is there */
/* By the text; spec is for tensors without it: kind, degree and item (arrays borrowed, used where the tensors hold
 * none), checked by the caller. */
bzd_status bzdi_flow_of_tensors(const bzd_context *context, const bzdi_tensors *tensors, const bzdi_flow_spec *spec,
                                bzd_flow **out);

#endif
