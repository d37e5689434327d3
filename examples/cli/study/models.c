/* SPDX-License-Identifier: MIT */
/* Models of a study, made when they are first asked for. A model's file is named by all that went into it, so another
 * study of the folder, or the same one after a stop, finds it. */
#include "study.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A hash of names and values. A value that changes nothing (neutral: a feature that is off) is left out, so that a new
 * field leaves the names of the models that do not use it. */
static uint64_t mix_text(uint64_t hash, const char *text) { /* FNV-1a, the closing NUL included */
  do hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
  while (*text++);
  return hash;
}

static uint64_t mix(uint64_t hash, const char *name, double value, double neutral) {
  char text[32];
  if (value == neutral) return hash;
  snprintf(text, sizeof text, "%.17g", value);
  return mix_text(mix_text(hash, name), text);
}

static uint64_t start_hash(const struct piece *piece) {
  const struct bed *bed = piece->bed;
  uint64_t hash = mix_text(UINT64_C(14695981039346656037), bed->name);
  hash = mix(hash, "rows", (double)bed->rows, 0);
  hash = mix(hash, "held", (double)bed->held, 0);
  hash = mix(hash, "width", (double)bed->width, 0);
  hash = mix(hash, "layers", (double)bed->layers, 0);
  hash = mix(hash, "skip", bed->skip, 0);
  hash = mix(hash, "shrink", bed->shrink, 0);
  return mix(hash, "seed", (double)piece->seed, 0);
}

static uint64_t mix_training(uint64_t hash, const bzd_trainer_config *config) {
  hash = mix(hash, "loss", config->loss, BZD_LOSS_MSE);
  hash = mix(hash, "steps", (double)config->steps, 0);
  hash = mix(hash, "batch", (double)config->batch, 0);
  hash = mix(hash, "rate", config->rate, 0);
  hash = mix(hash, "final rate", config->final_rate, 0);
  hash = mix(hash, "warmup", (double)config->warmup, -1);
  hash = mix(hash, "beta1", config->beta1, 0.9);
  hash = mix(hash, "beta2", config->beta2, 0.999);
  hash = mix(hash, "epsilon", config->epsilon, 1e-8);
  hash = mix(hash, "weight decay", config->weight_decay, 0);
  hash = mix(hash, "clip", config->clip, 0);
  hash = mix(hash, "ema", config->ema, 0);
  if (config->loss == BZD_LOSS_PSEUDO_HUBER) hash = mix(hash, "huber c", config->huber_c, 0);
  hash = mix(hash, "time", config->time, BZD_TIME_UNIFORM);
  if (config->time == BZD_TIME_U_SHAPED) hash = mix(hash, "u shape", config->u_shape, 0);
  if (config->time == BZD_TIME_LOGIT_NORMAL) {
    hash = mix(hash, "logit mean", config->logit_mean, 0);
    hash = mix(hash, "logit std", config->logit_std, 0);
  }
  hash = mix(hash, "at zero", config->at_zero, 0);
  hash = mix(hash, "at grid", config->at_grid, 0);
  if (config->at_grid > 0) {
    hash = mix(hash, "grid steps", config->grid_steps, 0);
    hash = mix(hash, "one step", config->one_step, -1);
  }
  hash = mix(hash, "endpoint weight", config->endpoint_weight, 1);
  hash = mix(hash, "consistency of jumps, fading of others", config->consistency, 0);
  hash = mix(hash, "cond dropout", config->cond_dropout, 0);
  return mix(hash, "training seed", (double)config->seed, 0);
}

static uint64_t mix_recipe(uint64_t hash, const struct recipe *recipe) {
  char name[16];
  hash = mix(hash, "kind", recipe->kind, 0);
  hash = mix(hash, "degree", recipe->degree, 0);
  hash = mix(hash, "guide", recipe->guide, BZD_GUIDE_FIT);
  hash = mix(hash, "guide flows", (double)recipe->guide_flows, 0);
  hash = mix(hash, "combine", recipe->combine, BZD_COMBINE_VELOCITY);
  hash = mix(hash, "rule", recipe->rule, BZD_RULE_UNIFORM);
  for (int m = 0; m < MOST_TEACHERS; m++) {
    snprintf(name, sizeof name, "weight %d", m);
    hash = mix(hash, name, recipe->weights[m], 0);
  }
  hash = mix(hash, "windows", recipe->windows, 1);
  hash = mix(hash, "rho", recipe->rho, 0);
  if (recipe->degree > 1 && recipe->guide == BZD_GUIDE_FIT) hash = mix(hash, "bend", recipe->bend, 1);
  hash = mix(hash, "paths", (double)recipe->paths, 0);
  hash = mix(hash, "seed of paths", (double)recipe->seed, 0);
  return mix_training(hash, &recipe->training);
}

static int64_t scaled(const struct piece *piece, double count) { return (int64_t)ceil(count * piece->scale); }

static bzd_trainer_config training(const struct piece *piece, double steps, uint64_t seed) {
  bzd_trainer_config config;
  must(bzd_trainer_config_init(&config, sizeof config), NULL);
  config.steps = scaled(piece, steps);
  config.seed = piece->seed * 1000 + seed;
  return config;
}

struct recipe recipe_default(const struct piece *piece) {
  struct recipe recipe;
  bzd_ensemble_source_config source;
  must(bzd_ensemble_source_config_init(&source, sizeof source), NULL);
  memset(&recipe, 0, sizeof recipe);
  recipe.kind = BZD_FLOW_CONTROL;
  recipe.degree = 2;
  recipe.combine = BZD_COMBINE_VELOCITY;
  recipe.rule = BZD_RULE_UNIFORM;
  recipe.windows = 1;
  recipe.bend = source.bend;
  recipe.seed = 1; /* as the first round of accumulation, whose models other studies find */
  recipe.paths = scaled(piece, (double)piece->bed->paths);
  recipe.training = training(piece, (double)piece->bed->student_steps, 500);
  return recipe;
}

/* ---- Describing them --------------------------------------------------------------------------------------------- */

/* The piece's model of this name and hash, new or known. */
static struct model *describe(struct piece *piece, const char *name, uint64_t hash, bool *fresh) {
  char key[sizeof((struct model *)0)->key];
  snprintf(key, sizeof key, "%s-%016llx", name, (unsigned long long)hash);
  struct model *model = piece->models;
  while (model && strcmp(model->key, key) != 0) model = model->next;
  *fresh = !model;
  if (model) return model;
  model = must_alloc(1, sizeof *model);
  memcpy(model->key, key, sizeof key);
  model->next = piece->models;
  piece->models = model;
  return model;
}

struct model *make_teacher(struct piece *piece, int m, double steps_times, const struct part *part) {
  char name[32];
  bool fresh;
  bzd_trainer_config config = training(piece, (double)piece->bed->teacher_steps * steps_times, (uint64_t)m);
  uint64_t hash = mix_training(start_hash(piece), &config);
  if (part) {
    hash = mix(hash, "first", (double)part->first, -1);
    hash = mix(hash, "stride", (double)part->stride, 0);
    hash = mix(hash, "class from", part->class_from, -1);
    hash = mix(hash, "class to", part->class_to, -1);
  }
  snprintf(name, sizeof name, "teacher%d", m);
  struct model *model = describe(piece, name, hash, &fresh);
  if (!fresh) return model;
  model->is_teacher = true;
  model->recipe.training = config;
  model->steps = (double)config.steps;
  if (part) model->part = *part;
  return model;
}

struct model *make_student(struct piece *piece, const struct recipe *recipe, int count, struct model *const *teachers,
                           struct model *init) {
  bool fresh;
  struct recipe own = *recipe;
  own.training.seed += own.seed;
  uint64_t hash = mix_recipe(start_hash(piece), &own);
  for (int i = 0; i < count; i++) hash = mix_text(hash, teachers[i]->key);
  if (init) hash = mix_text(mix_text(hash, "from"), init->key);
  struct model *model = describe(piece, "student", hash, &fresh);
  if (!fresh) return model;
  model->recipe = own;
  model->count = count;
  model->init = init;
  for (int i = 0; i < count; i++) {
    model->teachers[i] = teachers[i];
    model->steps += teachers[i]->steps;
  }
  if (init) model->steps = fmax(model->steps, init->steps);
  model->steps += (double)own.training.steps;
  return model;
}

/* ---- Making them ------------------------------------------------------------------------------------------------- */

static const char *path_of(const struct piece *piece, const char *key) {
  static char path[4096];
  snprintf(path, sizeof path, "%s/models/%s-%llu", piece->out, piece->bed->name, (unsigned long long)piece->seed);
  mkdir(path, 0777);
  snprintf(path, sizeof path, "%s/models/%s-%llu/%s.bzd", piece->out, piece->bed->name, (unsigned long long)piece->seed,
           key);
  return path;
}

static bzd_flow *train(struct piece *piece, const struct model *model, const bzd_flow *student,
                       const bzd_source *source) {
  bzd_trainer *trainer;
  bzd_flow *flow;
  must(bzd_trainer_create(student, source, &model->recipe.training, &trainer), model->key);
  must(bzd_trainer_run(trainer, 0, NULL, NULL), model->key);
  must(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &flow), model->key);
  bzd_trainer_destroy(trainer);
  must(bzd_flow_save(flow, path_of(piece, model->key)), NULL);
  return flow;
}

/* Rows that a specialist learns, copied; the whole set is borrowed. */
static bzd_data *part_data(struct piece *piece, const struct part *part) {
  struct set *set = &piece->set;
  size_t row = (size_t)set->dim * (set->bytes ? 1 : sizeof(float));
  const char *from = set->bytes ? (const char *)set->bytes : (const char *)set->rows;
  char *rows = must_alloc((size_t)piece->train_n, row);
  bzd_data_config config;
  must(bzd_data_config_init(&config, sizeof config), NULL);
  for (int64_t i = part->first; i < piece->train_n; i += part->stride) {
    if (part->class_to > part->class_from && (set->labels[i] < part->class_from || set->labels[i] >= part->class_to))
      continue;
    memcpy(rows + (size_t)config.n++ * row, from + (size_t)i * row, row);
  }
  config.dtype = set->bytes ? BZD_DTYPE_U8 : BZD_DTYPE_F32;
  config.rows = rows;
  config.dim = set->dim;
  config.item_ndim = set->ndim;
  config.copy = 1;
  memcpy(config.item_shape, set->shape, sizeof config.item_shape);
  bzd_data *data;
  must(bzd_data_create(piece->common.context, &config, &data), "part of the data");
  free(rows);
  return data;
}

static bzd_flow *train_teacher(struct piece *piece, const struct model *model) {
  bzd_data *part = model->part.stride ? part_data(piece, &model->part) : NULL;
  bzd_source *source;
  must(bzd_source_create_data(part ? part : piece->data, piece->start, model->recipe.training.seed, &source),
       model->key);
  bzd_flow_config shape;
  must(bzd_flow_config_init(&shape, sizeof shape), NULL);
  shape.dim = piece->set.dim;
  shape.width = piece->bed->width;
  shape.layers = piece->bed->layers;
  shape.skip = piece->bed->skip;
  shape.seed = model->recipe.training.seed;
  shape.item_ndim = piece->set.ndim;
  memcpy(shape.item_shape, piece->set.shape, sizeof shape.item_shape);
  bzd_flow *fresh;
  must(bzd_flow_create(piece->common.context, &shape, &fresh), model->key);
  bzd_flow *flow = train(piece, model, fresh, source);
  bzd_flow_destroy(fresh);
  bzd_source_destroy(source);
  bzd_data_destroy(part);
  return flow;
}

bzd_ensemble *model_ensemble(struct piece *piece, struct model *model) {
  const struct recipe *recipe = &model->recipe;
  const bzd_flow *flows[MOST_TEACHERS];
  int count = recipe->guide_flows ? 1 : model->count; /* the others give guides */
  for (int i = 0; i < count; i++) flows[i] = model_flow(piece, model->teachers[i]);
  bzd_ensemble_config config;
  must(bzd_ensemble_config_init(&config, sizeof config), NULL);
  config.combine = recipe->combine;
  config.seed = piece->seed;
  if (count > 1) config.rule = recipe->rule;
  if (config.rule == BZD_RULE_FIXED) config.fixed = recipe->weights;
  bzd_source *validation = NULL;
  if (config.rule == BZD_RULE_ERROR || config.rule == BZD_RULE_VARIANCE)
    must(bzd_source_create_data(piece->data, piece->start, piece->seed * 1000 + 999, &validation), "validation");
  config.validation = validation;
  bzd_ensemble *ensemble;
  must(bzd_ensemble_create(piece->common.context, &config, count, flows, &ensemble), "ensemble");
  bzd_source_destroy(validation);
  return ensemble;
}

bzd_source *model_paths(struct piece *piece, struct model *model, uint64_t seed) {
  const struct recipe *recipe = &model->recipe;
  bzd_source *source;
  if (model->is_teacher) {
    must(bzd_source_create_data(piece->data, piece->start, piece->seed * 1000 + 900 + seed, &source), "paths");
    return source;
  }
  bzd_ensemble *ensemble = model_ensemble(piece, model);
  bzd_fitter_config fitter_config;
  must(bzd_fitter_config_init(&fitter_config, sizeof fitter_config), NULL);
  fitter_config.degree = recipe->degree;
  bzd_fitter *fitter;
  must(bzd_fitter_create(piece->common.context, &fitter_config, &fitter), "fitter");
  bzd_ensemble_source_config config;
  must(bzd_ensemble_source_config_init(&config, sizeof config), NULL);
  config.guide = recipe->guide;
  config.windows = recipe->windows;
  config.bend = recipe->bend;
  if (recipe->degree == 2) config.guide_times[0] = 0.5;
  config.seed = piece->seed * 1000 + 900 + seed;
  config.start = piece->start;
  if (recipe->rho > 0) config.real = piece->data, config.rho = recipe->rho;
  const bzd_flow *guides[MOST_TEACHERS];
  if (recipe->guide_flows) {
    for (int i = 1; i < model->count; i++) guides[i - 1] = model_flow(piece, model->teachers[i]);
    config.guides = guides;
  }
  must(bzd_source_create_ensemble(ensemble, fitter, &config, &source), "paths");
  bzd_fitter_destroy(fitter);
  bzd_ensemble_destroy(ensemble);
  return source;
}

static bzd_flow *train_student(struct piece *piece, struct model *model) {
  const struct recipe *recipe = &model->recipe;
  bzd_flow *student, *start = model_flow(piece, model->init ? model->init : model->teachers[0]);
  bzd_source *source = model_paths(piece, model, recipe->seed), *pool;
  must(bzd_source_create_pool(source, 0, recipe->paths, recipe->training.seed, NULL, NULL, &pool), model->key);
  bzd_source_destroy(source);
  must(bzd_flow_create_from(start, recipe->kind, recipe->degree, &student), model->key);
  bzd_flow *flow = train(piece, model, student, pool);
  bzd_flow_destroy(student);
  bzd_source_destroy(pool);
  return flow;
}

bzd_flow *model_flow(struct piece *piece, struct model *model) {
  if (model->flow) return model->flow;
  const char *path = path_of(piece, model->key);
  if (access(path, F_OK) == 0)
    must(bzd_flow_load(piece->common.context, path, &model->flow), NULL);
  else
    model->flow = model->is_teacher ? train_teacher(piece, model) : train_student(piece, model);
  return model->flow;
}

void models_free(struct piece *piece) {
  while (piece->models) {
    struct model *model = piece->models;
    piece->models = model->next;
    bzd_flow_destroy(model->flow);
    free(model);
  }
}
