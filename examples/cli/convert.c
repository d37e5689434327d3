/* SPDX-License-Identifier: MIT */
/* bezdist convert: a file as another one: the flow of a trainer, parameters as bfloat16, other metadata, other
 * programs' tensors, a C array. */
#include "cli.h"
#include "embed.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_CHANGES = 64 };

/* What OUT is: BZD_FORMAT_ of other programs, or one of these. */
enum { OUT_BZD = 0, OUT_HEADER = -1 };

struct convert {
  struct common common;
  const char *file, *out;
  bool slim;
  int32_t storage, weights; /* -1: not given */
  int changes;
  char *change[MOST_CHANGES]; /* KEY=VALUE, or KEY to be removed */
};

enum { KEY_OUT = 1, KEY_STORAGE, KEY_BF16, KEY_SLIM, KEY_WEIGHTS, KEY_SET, KEY_UNSET };

static const struct argp_option options[] = {
    {"out", KEY_OUT, "FILE", 0, "What to write: .bzd, .safetensors or .h, a C array that holds the .bzd file", 0},
    {"storage", KEY_STORAGE, "NAME", 0, "Parameters: exact (float32) or bf16, rounded to half the size (.bzd, .h)", 0},
    {"bf16", KEY_BF16, NULL, 0, "The same as --storage bf16", 0},
    {"slim", KEY_SLIM, NULL, 0,
     "What sampling needs: no trainer state, metadata of the whole or ancillary sections (.bzd, .h)", 0},
    {"weights", KEY_WEIGHTS, "NAME", 0, "The flow of a trainer: auto, raw or ema", 0},
    {"set", KEY_SET, "KEY=VALUE", 0, "Metadata to set; may be repeated", 0},
    {"unset", KEY_UNSET, "KEY", 0, "Metadata to remove; may be repeated", 0},
    {0},
};

static const struct name storages[] = {{"exact", BZD_STORAGE_EXACT}, {"bf16", BZD_STORAGE_BF16}, {0}};
static const struct name weights[] = {
    {"auto", BZD_WEIGHTS_AUTO}, {"raw", BZD_WEIGHTS_RAW}, {"ema", BZD_WEIGHTS_EMA}, {0}};

static error_t parse(int key, char *text, struct argp_state *state) {
  struct convert *convert = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &convert->common; return 0;
  case KEY_OUT: convert->out = text; return 0;
  case KEY_STORAGE: convert->storage = parse_name("--storage", text, storages); return 0;
  case KEY_BF16: convert->storage = BZD_STORAGE_BF16; return 0;
  case KEY_SLIM: convert->slim = true; return 0;
  case KEY_WEIGHTS: convert->weights = parse_name("--weights", text, weights); return 0;
  case KEY_SET:
    if (!strchr(text, '=')) die_usage("--set %s: expected KEY=VALUE", text);
    /* fall through */
  case KEY_UNSET:
    if (key == KEY_UNSET && strchr(text, '=')) die_usage("--unset %s: a key has no '='", text);
    if (convert->changes == MOST_CHANGES) die_usage("at most %d times --set and --unset", MOST_CHANGES);
    convert->change[convert->changes++] = text;
    return 0;
  case ARGP_KEY_ARG: /* FILE [OUT] */
    if (convert->file && convert->out) return ARGP_ERR_UNKNOWN;
    *(convert->file ? &convert->out : &convert->file) = text;
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static int32_t format_of(const char *path) {
  static const struct name endings[] = {
      {".bzd", OUT_BZD}, {".h", OUT_HEADER}, {".safetensors", BZD_FORMAT_SAFETENSORS}, {0}};
  const char *dot = strrchr(path, '.');
  const struct name *ending = dot ? find_name(dot, endings) : NULL;
  if (!ending) die_usage("--out %s: expected a name that ends in .bzd, .safetensors or .h", path);
  return ending->value;
}

static bzd_checkpoint *of_flow(bzd_flow *flow) {
  bzd_checkpoint *checkpoint;
  must(bzd_checkpoint_from_flow(flow, &checkpoint), NULL);
  bzd_flow_destroy(flow);
  return checkpoint;
}

static bzd_checkpoint *open_any(const struct convert *convert) {
  bzd_checkpoint *checkpoint;
  bzd_tensors *tensors;
  bzd_flow *flow;
  bzd_status status = bzd_checkpoint_open_file(convert->common.context, convert->file, NULL, &checkpoint);
  if (status != BZD_E_FORMAT) {
    must(status, NULL);
    return checkpoint;
  }
  must(bzd_tensors_open_file(convert->common.context, convert->file, BZD_FORMAT_AUTO, NULL, &tensors), NULL);
  must(bzd_tensors_get_flow(tensors, NULL, &flow), convert->file);
  bzd_tensors_destroy(tensors);
  return of_flow(flow);
}

static bzd_checkpoint *flow_of(const struct convert *convert, bzd_checkpoint *checkpoint) {
  bzd_flow *flow;
  int32_t which = convert->weights < 0 ? BZD_WEIGHTS_AUTO : convert->weights;
  must(bzd_checkpoint_get_flow(checkpoint, which, &flow), convert->file);
  bzd_checkpoint_destroy(checkpoint);
  return of_flow(flow);
}

/* What evaluating the model does not need. */
static void slim(bzd_checkpoint *checkpoint) {
  static const char user[] = "user.";
  bzd_checkpoint_info info = {.struct_size = sizeof info};
  must(bzd_checkpoint_get_info(checkpoint, &info), NULL);
  for (int64_t i = info.metadata; i-- > 0;) { /* from the end: removing moves what comes later */
    const char *key;
    must(bzd_checkpoint_get_metadata(checkpoint, i, &key, NULL, 0), NULL);
    if (strncmp(key, user, sizeof user - 1) != 0) continue;
    char *own = strdup(key + sizeof user - 1); /* key lives in what is removed */
    if (!own) die("no memory for a key");
    must(bzd_checkpoint_set_metadata(checkpoint, own, NULL), NULL);
    free(own);
  }
  for (int64_t i = info.sections; i-- > 0;) {
    char name[5];
    must(bzd_checkpoint_section_at(checkpoint, i, name, NULL), NULL);
    if (name[1] >= 'a') must(bzd_checkpoint_set_section(checkpoint, name, NULL, 0), NULL); /* else the format's */
  }
}

static void change(const struct convert *convert, bzd_checkpoint *checkpoint) {
  for (int i = 0; i < convert->changes; i++) {
    char *equals = strchr(convert->change[i], '=');
    if (equals) *equals = 0;
    must(bzd_checkpoint_set_metadata(checkpoint, convert->change[i], equals ? equals + 1 : NULL), NULL);
  }
}

static void write_tensors(const struct convert *convert, const bzd_checkpoint *checkpoint, int32_t format) {
  bzd_flow *flow;
  bzd_tensors *tensors;
  must(bzd_checkpoint_get_flow(checkpoint, BZD_WEIGHTS_AUTO, &flow), convert->file);
  must(bzd_tensors_from_flow(flow, &tensors), NULL);
  must(bzd_tensors_write_file(tensors, convert->out, format), NULL);
  bzd_tensors_destroy(tensors);
  bzd_flow_destroy(flow);
}

int cmd_convert(int argc, char **argv) {
  static const struct argp_child children[] = {{&common_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {.options = options,
                                   .parser = parse,
                                   .children = children,
                                   .args_doc = "FILE [OUT]",
                                   .doc =
                                       "Writes a .bzd file, or another program's tensors of a flow, as another file."
                                       " Without options a .bzd file becomes what it was; --weights, --slim, bf16 and"
                                       " other formats take the flow out of a trainer's file. OUT may follow FILE"
                                       " instead of --out.\v"
                                       "Example: bezdist convert model.bzd --out small.bzd --storage bf16 --set "
                                       "title=\"for the robot\""};
  struct convert convert = {.storage = -1, .weights = -1};
  argp_parse(&argp, argc, argv, 0, NULL, &convert);
  if (!convert.file) die_usage("convert needs a file");
  if (!convert.out) die_usage("convert needs --out");
  int32_t format = format_of(convert.out);
  if (format > 0 && convert.storage >= 0) die_usage("--storage is for .bzd files and C arrays");
  if (format > 0 && convert.slim) die_usage("--slim is for .bzd files and C arrays");
  common_start(&convert.common);
  bzd_checkpoint *checkpoint = open_any(&convert);
  bzd_checkpoint_info info = {.struct_size = sizeof info};
  must(bzd_checkpoint_get_info(checkpoint, &info), NULL);
  bool take =
      info.kind == BZD_CHECKPOINT_TRAINER && (format != OUT_BZD || convert.storage == BZD_STORAGE_BF16 || convert.slim);
  if (take || convert.weights >= 0) checkpoint = flow_of(&convert, checkpoint);
  if (convert.slim) slim(checkpoint);
  change(&convert, checkpoint);
  if (convert.storage >= 0) must(bzd_checkpoint_set_storage(checkpoint, convert.storage), convert.file);
  if (format == OUT_BZD)
    must(bzd_checkpoint_write_file(checkpoint, convert.out), NULL);
  else if (format == OUT_HEADER)
    write_header(checkpoint, convert.file, convert.out);
  else
    write_tensors(&convert, checkpoint, format);
  bzd_checkpoint_destroy(checkpoint);
  common_finish(&convert.common);
  return EXIT_DONE;
}
