/* SPDX-License-Identifier: MIT */
/* Options of a training, and one run of it that can be stopped and resumed. */
#include "training.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  KEY_OUT = 0x2000,
  KEY_NET,
  KEY_STEPS,
  KEY_BATCH,
  KEY_LR,
  KEY_FINAL_LR,
  KEY_WARMUP,
  KEY_EMA,
  KEY_CLIP,
  KEY_DECAY,
  KEY_LOSS,
  KEY_TIME,
  KEY_AT_ZERO,
  KEY_AT_GRID,
  KEY_GRID_STEPS,
  KEY_ONE_STEP,
  KEY_END_WEIGHT,
  KEY_CONSISTENCY,
  KEY_DROPOUT,
  KEY_STOP_AT,
  KEY_SAVE_EVERY,
  KEY_DIVERGED,
  KEY_RESUME,
  KEY_LOSSES,
  KEY_LABELS,
  KEY_CONDITION,
  KEY_TOY_COUNT
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Training:", 50},
    {"out", KEY_OUT, "M.bzd", 0, "File of the model and of the trainer's state", 50},
    {"net", KEY_NET, "mlp:WxL[+skip]", 0,
     "Width and number of hidden layers (default mlp:256x3); +skip: a learned multiple of the input in the output, for "
     "samples of more "
     "numbers than half the width",
     50},
    {"steps", KEY_STEPS, "N", 0, "Length of the schedule (default 10000)", 50},
    {"batch", KEY_BATCH, "N", 0, "Rows of a step (default 256)", 50},
    {"lr", KEY_LR, "F", 0, "Peak learning rate (default 0.001)", 50},
    {"final-lr", KEY_FINAL_LR, "F", 0, "Share of the rate left at the end (default 0)", 50},
    {"warmup", KEY_WARMUP, "N", 0, "Steps of linear warm-up (default: the smaller of 100 and a tenth of --steps)", 50},
    {"ema", KEY_EMA, "F", 0, "Decay of the averaged weights, 0 = off (default 0.999)", 50},
    {"clip", KEY_CLIP, "F", 0, "Largest gradient norm, 0 = off (default 1)", 50},
    {"weight-decay", KEY_DECAY, "F", 0, "Decoupled weight decay (default 0)", 50},
    {"loss", KEY_LOSS, "NAME", 0, "mse (default), huber[:C], or gram: the distance of the curves", 50},
    {"time", KEY_TIME, "NAME", 0,
     "How training times are drawn: uniform (default), u-shaped[:A], logit-normal[:MEAN,STD] or loss-aware", 50},
    {"at-grid", KEY_AT_GRID, "F", 0, "Fraction of rows that are steps of a few-step sampler (default 0)", 50},
    {"one-step", KEY_ONE_STEP, "F", 0, "Share of those that are the step of a sampler of one (default 0.75)", 50},
    {"grid-steps", KEY_GRID_STEPS, "N", 0, "Steps of the other samplers: N, its half, .. (default 4)", 50},
    {"endpoint-weight", KEY_END_WEIGHT, "F", 0, "Weight of the last head (default 1)", 50},
    {"consistency", KEY_CONSISTENCY, "F", 0,
     "Weight of agreement with the own composition; rows at t = 0 keep it, that of others falls towards 0 (default 0)",
     50},
    {"at-zero", KEY_AT_ZERO, "F", 0, "Fraction of rows trained at t = 0 (default 0)", 50},
    {"dropout", KEY_DROPOUT, "F", 0, "Fraction of rows trained without their condition (default 0)", 50},
    {"stop-at", KEY_STOP_AT, "K", 0, "Save and end after step K of the schedule", 50},
    {"save-every", KEY_SAVE_EVERY, "N", 0,
     "Also save after every N steps; the save before stays as M.bzd.previous until the training is complete", 50},
    {"diverged", KEY_DIVERGED, "NAME", 0,
     "What to do with a step whose loss or gradient is not finite: stop (default), skip[:N] of them in a row at most, "
     "roll-back[:N[,EVERY[,F]]]: N times at most to a snapshot of every EVERY steps, with F times the rate",
     50},
    {"resume", KEY_RESUME, NULL, 0, "Go on with the training saved in --out", 50},
    {"losses", KEY_LOSSES, "FILE.csv", 0, "Also write step, loss, smoothed loss and rate", 50},
    {"labels", KEY_LABELS, "FILE", 0, "Class labels (IDX, plain or .gz) of the data", 50},
    {"condition", KEY_CONDITION, "FILE.npy", 0, "Conditions [n, cond_dim] of the data", 50},
    {"toy-count", KEY_TOY_COUNT, "N", 0, "Rows of a toy set (default 20000)", 50},
    {0},
};

static const struct name losses[] = {
    {"mse", BZD_LOSS_MSE}, {"huber", BZD_LOSS_PSEUDO_HUBER}, {"gram", BZD_LOSS_GRAM}, {0}};
static const struct name times[] = {{"uniform", BZD_TIME_UNIFORM},
                                    {"u-shaped", BZD_TIME_U_SHAPED},
                                    {"logit-normal", BZD_TIME_LOGIT_NORMAL},
                                    {"loss-aware", BZD_TIME_LOSS_AWARE},
                                    {0}};

static const struct name policies[] = {
    {"stop", BZD_DIVERGENCE_STOP}, {"skip", BZD_DIVERGENCE_SKIP}, {"roll-back", BZD_DIVERGENCE_ROLL_BACK}, {0}};

static void parse_loss(bzd_trainer_config *config, const char *text) {
  int count;
  double c = config->huber_c;
  config->loss = parse_name_with("--loss", text, losses, 0, 1e30, 1, &c, &count);
  if (count > 0 && config->loss != BZD_LOSS_PSEUDO_HUBER) die_usage("--loss: '%s': only huber takes a number", text);
  config->huber_c = c;
}

static void parse_time(bzd_trainer_config *config, const char *text) {
  int count;
  double values[2];
  config->time = parse_name_with("--time", text, times, -30, 30, 2, values, &count);
  int takes = config->time == BZD_TIME_U_SHAPED ? 1 : config->time == BZD_TIME_LOGIT_NORMAL ? 2 : 0;
  if (count > 0 && count != takes) die_usage("--time: '%s': %d numbers, it takes %d", text, count, takes);
  if (count == 1) config->u_shape = values[0];
  if (count == 2) config->logit_mean = values[0], config->logit_std = values[1];
}

static void parse_diverged(bzd_trainer_config *config, const char *text) {
  int count;
  double values[3];
  config->divergence = parse_name_with("--diverged", text, policies, 1e-6, 1e6, 3, values, &count);
  int takes = config->divergence == BZD_DIVERGENCE_ROLL_BACK ? 3 : config->divergence == BZD_DIVERGENCE_SKIP ? 1 : 0;
  if (count > takes) die_usage("--diverged: '%s': %d numbers, it takes at most %d", text, count, takes);
  for (int i = 0; i < count && i < 2; i++)
    if (values[i] < 1 || values[i] != (double)(int64_t)values[i])
      die_usage("--diverged: '%s': %g, expected a whole number from 1", text, values[i]);
  if (count > 2 && values[2] > 1) die_usage("--diverged: '%s': %g, expected at most 1", text, values[2]);
  if (count > 0) config->divergence_limit = (int32_t)values[0];
  if (count > 1) config->snapshot_every = (int64_t)values[1];
  if (count > 2) config->rollback_rate = values[2];
}

static void parse_net(struct training *training, const char *text) {
  long long width, layers;
  int used = 0;
  bool fits = sscanf(text, "mlp:%lldx%lld%n", &width, &layers, &used) == 2 && width >= 1 && width <= 65536 &&
              layers >= 1 && layers <= 16;
  training->skip = fits && strcmp(text + used, "+skip") == 0;
  if (!fits || (text[used] && !training->skip))
    die_usage("--net: '%s' is not mlp:WIDTHxLAYERS or mlp:WIDTHxLAYERS+skip with width 1..65536 and 1..16 layers",
              text);
  training->width = width;
  training->layers = (int32_t)layers;
}

static error_t parse(int key, char *text, struct argp_state *state) {
  struct training *training = state->input;
  bzd_trainer_config *config = &training->config;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &training->common; return 0;
  case KEY_OUT: training->out = text; return 0;
  case KEY_NET: parse_net(training, text); return 0;
  case KEY_STEPS:
    config->steps = parse_int("--steps", text, 1, (int64_t)1 << 40);
    training->set_steps = true;
    return 0;
  case KEY_BATCH: config->batch = parse_int("--batch", text, 1, 1 << 20); return 0;
  case KEY_LR: config->rate = parse_real("--lr", text, 1e-12, 1); return 0;
  case KEY_FINAL_LR: config->final_rate = parse_real("--final-lr", text, 0, 1); return 0;
  case KEY_WARMUP: config->warmup = parse_int("--warmup", text, 0, (int64_t)1 << 40); return 0;
  case KEY_EMA: config->ema = parse_real("--ema", text, 0, 0.999999); return 0;
  case KEY_CLIP: config->clip = parse_real("--clip", text, 0, 1e12); return 0;
  case KEY_DECAY: config->weight_decay = parse_real("--weight-decay", text, 0, 1); return 0;
  case KEY_LOSS: parse_loss(config, text); return 0;
  case KEY_TIME: parse_time(config, text); return 0;
  case KEY_AT_GRID: config->at_grid = parse_real("--at-grid", text, 0, 1); return 0;
  case KEY_ONE_STEP: config->one_step = parse_real("--one-step", text, 0, 1); return 0;
  case KEY_GRID_STEPS: config->grid_steps = (int32_t)parse_int("--grid-steps", text, 1, 1024); return 0;
  case KEY_END_WEIGHT: config->endpoint_weight = parse_real("--endpoint-weight", text, 0, 1e6); return 0;
  case KEY_CONSISTENCY: config->consistency = parse_real("--consistency", text, 0, 1e6); return 0;
  case KEY_AT_ZERO: config->at_zero = parse_real("--at-zero", text, 0, 1); return 0;
  case KEY_DROPOUT: config->cond_dropout = parse_real("--dropout", text, 0, 1); return 0;
  case KEY_STOP_AT: training->stop_at = parse_int("--stop-at", text, 1, (int64_t)1 << 40); return 0;
  case KEY_SAVE_EVERY: training->save_every = parse_int("--save-every", text, 1, (int64_t)1 << 40); return 0;
  case KEY_DIVERGED: parse_diverged(config, text); return 0;
  case KEY_RESUME: training->resume = true; return 0;
  case KEY_LOSSES: training->losses = text; return 0;
  case KEY_LABELS: training->labels = text; return 0;
  case KEY_CONDITION: training->condition = text; return 0;
  case KEY_TOY_COUNT: training->toy_count = parse_int("--toy-count", text, 1, 1 << 30); return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_child children[] = {{&common_argp, 0, NULL, 0}, {0}};
const struct argp training_argp = {.options = options, .parser = parse, .children = children};

void training_init(struct training *training, char **argv) {
  memset(training, 0, sizeof *training);
  must(bzd_trainer_config_init(&training->config, sizeof training->config), NULL);
  training->width = 256;
  training->layers = 3;
  training->argv = argv;
}

bzd_flow *training_flow(const struct training *training, const struct set *set, int64_t cond_dim, int32_t kind,
                        int32_t degree) {
  bzd_flow_config config;
  must(bzd_flow_config_init(&config, sizeof config), NULL);
  config.kind = kind;
  config.degree = degree;
  config.layers = training->layers;
  config.width = training->width;
  config.skip = training->skip;
  config.dim = set->dim;
  config.cond_dim = cond_dim;
  config.seed = training->common.seed;
  config.item_ndim = set->ndim;
  memcpy(config.item_shape, set->shape, sizeof config.item_shape);
  float *affine = NULL;
  if (set->bytes) { /* -1..1 back to 0..255 */
    affine = must_alloc((size_t)set->dim, sizeof(float));
    for (int64_t i = 0; i < set->dim; i++) affine[i] = 127.5f;
    config.scale = config.offset = affine;
  }
  bzd_flow *flow;
  must(bzd_flow_create(training->common.context, &config, &flow), "--net");
  free(affine);
  return flow;
}

static void print_quoted(const char *text) {
  if (*text &&
      strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%") == strlen(text)) {
    fputs(text, stderr);
    return;
  }
  fputc('\'', stderr);
  for (; *text; text++) *text == '\'' ? (void)fputs("'\\''", stderr) : (void)fputc(*text, stderr);
  fputc('\'', stderr);
}

static void print_resume(const struct training *training) {
  fputs("bezdist: go on with: ", stderr);
  fputs(training->argv[0], stderr); /* "bezdist COMMAND" */
  for (char **word = training->argv + 1; *word; word++) {
    if (!strcmp(*word, "--resume")) continue;
    const size_t length = strcspn(*word, "="); /* an option may be cut short as long as it is the only one */
    if (length >= strlen("--sto") && !strncmp(*word, "--stop-at", length)) {
      if (!(*word)[length] && word[1]) word++;
      continue;
    }
    fputc(' ', stderr);
    print_quoted(*word);
  }
  fputs(" --resume\n", stderr);
}

/* ---- The two newest saves: OUT, and OUT.previous where --save-every is given ---------------------------------- */

/* What becomes of OUT.previous at the next save: an older training's goes; after a resume from it, when OUT was
 * damaged, it stays; else OUT takes its place. */
enum older { OLDER_GOES, OLDER_STAYS, OLDER_RENEWED };

struct saves {
  const char *path;
  char *previous;
  enum older older;
};

static void saves_init(struct saves *saves, const char *path) {
  saves->path = path;
  saves->previous = must_alloc(strlen(path) + sizeof ".previous", 1);
  strcpy(saves->previous, path);
  strcat(saves->previous, ".previous");
  saves->older = OLDER_GOES;
}

/* At each moment one whole save is there, under one of the two names. */
static void save(struct saves *saves, const bzd_trainer *trainer, bool keep) {
  bzd_checkpoint *checkpoint;
  must(bzd_checkpoint_from_trainer(trainer, &checkpoint), saves->path);
  if (keep && saves->older == OLDER_RENEWED) {
    unlink(saves->previous);
    /* not every file system has links */
    if (link(saves->path, saves->previous) != 0 && rename(saves->path, saves->previous) != 0 && errno != ENOENT)
      die("%s: %s", saves->previous, strerror(errno));
  }
  must(bzd_checkpoint_write_file(checkpoint, saves->path), NULL);
  bzd_checkpoint_destroy(checkpoint);
  if (saves->older == OLDER_GOES) unlink(saves->previous);
  saves->older = OLDER_RENEWED;
}

/* By fingerprint_differs. */
static const char *const made_by[4] = {"", "with other matrix kernels", "by another version of the library",
                                       "with other matrix kernels, by another version of the library"};

/* False, with the reason in text: the file is damaged and there is another to try. Dies of all else. */
static bool open_trainer(const struct training *training, const bzd_source *source, const char *path, bool another,
                         bzd_trainer **out, char text[512]) {
  const char *what = NULL; /* texts about opening name the file themselves */
  bzd_checkpoint *checkpoint;
  bzd_status status = bzd_checkpoint_open_file(training->common.context, path, NULL, &checkpoint);
  if (status == BZD_OK) {
    what = path;
    status = bzd_checkpoint_get_trainer(checkpoint, source, out);
    bzd_checkpoint_destroy(checkpoint);
  }
  bool damaged = status == BZD_E_CORRUPT || status == BZD_E_FORMAT || status == BZD_E_IO;
  if (another && damaged) return bzd_last_error(text, 512), false;
  must(status, what);
  return true;
}

/* NULL: there is nothing to go on with. */
static bzd_trainer *load(const struct training *training, const bzd_source *source, struct saves *saves) {
  const char *path = saves->path;
  char text[512] = "it is missing";
  bool newest = access(path, F_OK) == 0, older = access(saves->previous, F_OK) == 0;
  bzd_trainer *trainer;
  if (!newest && !older) return NULL;
  if (newest && open_trainer(training, source, path, older, &trainer, text)) {
    saves->older = OLDER_RENEWED;
  } else {
    saves->older = OLDER_STAYS;
    open_trainer(training, source, saves->previous, false, &trainer, text);
  }
  bzd_trainer_info info = {.struct_size = sizeof info};
  must(bzd_trainer_get_info(trainer, &info), NULL);
  if (saves->older == OLDER_STAYS)
    fprintf(stderr, "bezdist: note: %s cannot be resumed (%s); going on from %s, step %lld\n", path, text,
            saves->previous, (long long)info.step);
  if (training->set_steps && info.steps != training->config.steps)
    die("%s: its schedule has %lld steps, --steps says %lld", path, (long long)info.steps,
        (long long)training->config.steps);
  if (info.fingerprint_differs && !training->common.quiet)
    fprintf(stderr, "bezdist: note: %s was trained %s; the last bits may differ\n", path,
            made_by[info.fingerprint_differs & 3]);
  return trainer;
}

/* To the end or the first stop; saved after every save_every steps on the way. */
static bzd_status run(const struct training *training, bzd_trainer *trainer, struct saves *saves,
                      struct progress *progress, bzd_trainer_info *info) {
  const int64_t every = training->save_every;
  *info = (bzd_trainer_info){.struct_size = sizeof *info};
  must(bzd_trainer_get_info(trainer, info), NULL);
  for (;;) {
    bzd_status status = bzd_trainer_run(trainer, every > 0 ? every - info->step % every : 0, progress_show, progress);
    must(bzd_trainer_get_info(trainer, info), NULL);
    if (status != BZD_OK || info->step == info->steps) return status;
    save(saves, trainer, true);
  }
}

bzd_flow *training_run(const struct training *training, const char *title, const bzd_source *source,
                       const bzd_flow *student, const char *path) {
  struct saves saves;
  bzd_trainer_info info;
  bzd_trainer_config config = training->config;
  config.seed = training->common.seed;
  saves_init(&saves, path);
  bzd_trainer *trainer = training->resume ? load(training, source, &saves) : NULL;
  if (!trainer) must(bzd_trainer_create(student, source, &config, &trainer), NULL);
  struct progress progress = {.title = title, .quiet = training->common.quiet, .stop_at = training->stop_at};
  if (training->losses) {
    progress.losses = fopen(training->losses, training->resume ? "a" : "w");
    if (!progress.losses) die("%s: %s", training->losses, strerror(errno));
    if (!training->resume) fputs("step,loss,smooth_loss,rate\n", progress.losses);
  }
  interrupt_catch();
  bzd_status status = run(training, trainer, &saves, &progress, &info);
  progress_end(&progress);
  if (progress.losses && fclose(progress.losses) != 0) die("%s: %s", training->losses, strerror(errno));
  if (status != BZD_OK && status != BZD_E_CANCELLED) must(status, title);
  save(&saves, trainer, training->save_every > 0);
  if (status == BZD_E_CANCELLED) {
    if (!training->common.quiet || interrupted()) {
      fprintf(stderr, "bezdist: stopped after step %lld of %lld, saved in %s\n", (long long)info.step,
              (long long)info.steps, path);
      print_resume(training);
    }
    exit(interrupted() ? EXIT_INTERRUPTED : EXIT_DONE);
  }
  unlink(saves.previous); /* complete: nothing is left to go on with */
  free(saves.previous);
  bzd_flow *flow;
  must(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &flow), NULL);
  bzd_trainer_destroy(trainer);
  if (training->common.json) {
    json_t *line = json_pack("{s:s, s:I, s:f, s:s}", "out", path, "steps", (json_int_t)info.steps, "loss",
                             info.smooth_loss, "what", title);
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(line);
  } else {
    printf("%s: %lld steps, smoothed loss %.5g, written to %s\n", title, (long long)info.steps, info.smooth_loss, path);
  }
  return flow;
}

void training_not_begun(const struct training *training, const char *path, bool going_on) {
  if (!going_on && !training->resume) {
    fputs("bezdist: stopped while paths were made; nothing was written\n", stderr);
    exit(EXIT_INTERRUPTED);
  }
  fprintf(stderr, "bezdist: stopped while paths were made; %s was not begun\n", path);
  if (!training->resume && access(path, F_OK) == 0)
    fprintf(stderr, "bezdist: %s is of an earlier command: remove it before\n", path);
  print_resume(training);
  exit(EXIT_INTERRUPTED);
}
