/* SPDX-License-Identifier: MIT */
/* What all networks share: their arrays as tensors of a store, and which kind a file names. */
#include "net/net.h"

#include "base/alloc.h"
#include "base/error.h"
#include "net/mlp.h"

#include <stdio.h>
#include <string.h>

bzd_status bzdi_net_save_array(const bzdi_net *net, bzdi_store *store, const char *prefix, int32_t role,
                               const float *array) {
  for (int32_t i = 0; i < net->params; i++) {
    char name[128];
    snprintf(name, sizeof name, "%s%s", prefix, net->param[i].name);
    BZDI_TRY(bzdi_store_add(store, name, role, BZDI_DTYPE_F32, net->param[i].ndim, net->param[i].shape,
                            array + net->param[i].offset));
  }
  return BZD_OK;
}

bzd_status bzdi_net_load_array(const bzdi_net *net, const bzdi_store *store, const char *prefix, int32_t role,
                               float *array) {
  const bzd_context *context = net->handle.context;
  bzdi_want *want = bzdi_malloc(context, (size_t)net->params, sizeof *want);
  if (!want) return bzdi_no_memory("weights", (size_t)net->params, sizeof *want);
  bzd_status status = BZD_OK;
  for (int32_t i = 0; status == BZD_OK && i < net->params; i++) {
    const bzdi_param *param = &net->param[i];
    char name[128];
    snprintf(name, sizeof name, "%s%s", prefix, param->name);
    want[i] = (bzdi_want){.to = (uint64_t)param->count * sizeof *array, .dst = array + param->offset};
    status = bzdi_store_find_f32(store, name, role, param->ndim, param->shape, &want[i].tensor);
  }
  if (status == BZD_OK) status = bzdi_store_read_many(store, net->params, want);
  bzdi_free(context, want);
  return status;
}

bzd_status bzdi_net_load(const bzd_context *context, const bzdi_store *store, const char *prefix, bzdi_net **out) {
  char key[128];
  const char *kind;
  snprintf(key, sizeof key, "%snet.kind", prefix);
  BZDI_TRY(bzdi_store_get_str(store, BZDI_META, key, &kind));
  if (strcmp(kind, bzdi_mlp_kind.name) == 0) return bzdi_mlp_load(context, store, prefix, out);
  return bzdi_fail(BZD_E_VERSION, "network kind '%.40s' is not known to this library", kind);
}
