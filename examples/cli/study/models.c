/* SPDX-License-Identifier: MIT */
/* Training models of a study, once each: a model's file is named by all that went into it. */
#include "study.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t mix(uint64_t hash, const void *data, size_t size) { /* FNV-1a */
  const unsigned char *at = data;
  for (size_t i = 0; i < size; i++) hash = (hash ^ at[i]) * UINT64_C(1099511628211);
  return hash;
}

static uint64_t start_hash(const struct piece *piece) {
  const struct bed *bed = piece->bed;
  const int64_t numbers[] = {bed->rows, bed->width, bed->layers, bed->shrink, (int64_t)piece->seed};
  uint64_t hash = mix(UINT64_C(14695981039346656037), bed->name, strlen(bed->name));
  return mix(hash, numbers, sizeof numbers);
}

static const char *path_of(const struct piece *piece, const char *key) {
  static char path[4096];
  snprintf(path, sizeof path, "%s/models/%s-%llu", piece->out, piece->bed->name, (unsigned long long)piece->seed);
  mkdir(path, 0777);
  snprintf(path, sizeof path, "%s/models/%s-%llu/%s.bzd", piece->out, piece->bed->name, (unsigned long long)piece->seed,
           key);
  return path;
}

/* The flow of this key, if an earlier run trained it. */
static bzd_flow *known(struct piece *piece, const char *key) {
  bzd_flow *flow = NULL;
  const char *path = path_of(piece, key);
  if (access(path, F_OK) == 0) must(bzd_flow_load(piece->common.context, path, &flow), NULL);
  return flow;
}

static bzd_flow *train(struct piece *piece, const char *key, const bzd_flow *student, const bzd_source *source,
                       const bzd_trainer_config *config) {
  bzd_trainer *trainer;
  bzd_flow *flow;
  bzd_checkpoint *checkpoint;
  must(bzd_trainer_create(student, source, config, &trainer), key);
  must(bzd_trainer_run(trainer, 0, NULL, NULL), key);
  must(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &flow), key);
  bzd_trainer_destroy(trainer);
  must(bzd_checkpoint_from_flow(flow, &checkpoint), key);
  must(bzd_checkpoint_write_file(checkpoint, path_of(piece, key)), NULL);
  bzd_checkpoint_destroy(checkpoint);
  fprintf(stderr, "%s-%llu: %s\n", piece->bed->name, (unsigned long long)piece->seed, key);
  return flow;
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
  memset(&recipe, 0, sizeof recipe);
  recipe.kind = BZD_FLOW_CONTROL;
  recipe.degree = 2;
  recipe.combine = BZD_COMBINE_VELOCITY;
  recipe.rule = BZD_RULE_UNIFORM;
  recipe.paths = scaled(piece, (double)piece->bed->paths);
  recipe.training = training(piece, (double)piece->bed->student_steps, 500);
  return recipe;
}

/* Rows of the bed that a specialist learns, copied; the whole set is borrowed. */
static bzd_data *part_data(struct piece *piece, const struct part *part) {
  struct set *set = &piece->set, own = *set;
  size_t row = (size_t)set->dim * (set->bytes ? 1 : sizeof(float));
  own.labels = NULL;
  if (!part) return set_data(&piece->common, &own, 0, set->n);
  char *from = set->bytes ? (char *)set->bytes : (char *)set->rows, *rows = must_alloc((size_t)set->n, row);
  int64_t n = 0;
  for (int64_t i = part->first; i < set->n; i += part->stride) {
    if (part->class_to > part->class_from && (set->labels[i] < part->class_from || set->labels[i] >= part->class_to))
      continue;
    memcpy(rows + (size_t)n++ * row, from + (size_t)i * row, row);
  }
  if (set->bytes)
    own.bytes = (unsigned char *)rows;
  else
    own.rows = (float *)(void *)rows;
  bzd_data_config config;
  must(bzd_data_config_init(&config, sizeof config), NULL);
  config.dtype = set->bytes ? BZD_DTYPE_U8 : BZD_DTYPE_F32;
  config.rows = rows;
  config.n = n;
  config.dim = set->dim;
  config.item_ndim = set->ndim;
  memcpy(config.item_shape, set->shape, sizeof config.item_shape);
  bzd_data *data;
  must(bzd_data_create(piece->common.context, &config, &data), "part of the data");
  free(rows);
  return data;
}

struct model make_teacher(struct piece *piece, int m, double steps_times, const struct part *part) {
  struct model model = {0};
  bzd_trainer_config config = training(piece, (double)piece->bed->teacher_steps * steps_times, (uint64_t)m);
  uint64_t hash = mix(start_hash(piece), &config, sizeof config);
  if (part) hash = mix(hash, part, sizeof *part);
  snprintf(model.key, sizeof model.key, "teacher%d-%016llx", m, (unsigned long long)hash);
  model.steps = (double)config.steps;
  model.flow = known(piece, model.key);
  if (model.flow) return model;
  bzd_data *data = part_data(piece, part);
  bzd_source *source;
  must(bzd_source_create_data(data, piece->start, config.seed, &source), model.key);
  bzd_flow_config shape;
  must(bzd_flow_config_init(&shape, sizeof shape), NULL);
  shape.dim = piece->set.dim;
  shape.width = piece->bed->width;
  shape.layers = piece->bed->layers;
  shape.seed = config.seed;
  shape.item_ndim = piece->set.ndim;
  memcpy(shape.item_shape, piece->set.shape, sizeof shape.item_shape);
  float *affine = NULL;
  if (piece->set.bytes) {
    affine = must_alloc((size_t)shape.dim, sizeof(float));
    for (int64_t j = 0; j < shape.dim; j++) affine[j] = 127.5f;
    shape.scale = shape.offset = affine;
  }
  bzd_flow *fresh;
  must(bzd_flow_create(piece->common.context, &shape, &fresh), model.key);
  model.flow = train(piece, model.key, fresh, source, &config);
  free(affine);
  bzd_flow_destroy(fresh);
  bzd_source_destroy(source);
  bzd_data_destroy(data);
  return model;
}

bzd_source *make_paths(const struct piece *piece, const struct recipe *recipe, int count,
                       const struct model *teachers) {
  const bzd_context *context = piece->common.context;
  const bzd_flow *flows[64];
  for (int i = 0; i < count; i++) flows[i] = teachers[i].flow;
  bzd_ensemble_config ensemble_config;
  must(bzd_ensemble_config_init(&ensemble_config, sizeof ensemble_config), NULL);
  ensemble_config.combine = recipe->combine;
  if (count > 1) ensemble_config.rule = recipe->rule;
  ensemble_config.seed = piece->seed;
  bzd_ensemble *ensemble;
  must(bzd_ensemble_create(context, &ensemble_config, count, flows, &ensemble), "ensemble");
  bzd_fitter_config fitter_config;
  must(bzd_fitter_config_init(&fitter_config, sizeof fitter_config), NULL);
  fitter_config.degree = recipe->degree;
  bzd_fitter *fitter;
  must(bzd_fitter_create(context, &fitter_config, &fitter), "fitter");
  bzd_ensemble_source_config config;
  must(bzd_ensemble_source_config_init(&config, sizeof config), NULL);
  config.guide = recipe->guide;
  if (recipe->degree == 2) config.guide_times[0] = 0.5;
  config.seed = piece->seed * 1000 + 900 + recipe->seed;
  config.start = piece->start;
  if (recipe->rho > 0) config.real = piece->data, config.rho = recipe->rho;
  bzd_source *source;
  must(bzd_source_create_ensemble(ensemble, fitter, &config, &source), "paths");
  bzd_fitter_destroy(fitter);
  bzd_ensemble_destroy(ensemble);
  return source;
}

struct model make_student(struct piece *piece, const char *name, const struct recipe *recipe, int count,
                          const struct model *teachers, const struct model *init) {
  struct model model = {0};
  struct recipe own = *recipe;
  own.training.seed += own.seed;
  uint64_t hash = mix(start_hash(piece), &own, sizeof own);
  for (int i = 0; i < count; i++) {
    hash = mix(hash, teachers[i].key, strlen(teachers[i].key));
    model.steps += teachers[i].steps;
  }
  if (init) {
    hash = mix(hash, init->key, strlen(init->key));
    model.steps = fmax(model.steps, init->steps);
  }
  model.steps += (double)own.training.steps;
  snprintf(model.key, sizeof model.key, "%s-%016llx", name, (unsigned long long)hash);
  model.flow = known(piece, model.key);
  if (model.flow) return model;
  bzd_source *source = make_paths(piece, &own, count, teachers), *pool;
  must(bzd_source_create_pool(source, 0, own.paths, own.training.seed, NULL, NULL, &pool), model.key);
  bzd_source_destroy(source);
  bzd_flow *student;
  must(bzd_flow_create_from((init ? init : teachers)->flow, own.kind, own.degree, &student), model.key);
  model.flow = train(piece, model.key, student, pool, &own.training);
  bzd_flow_destroy(student);
  bzd_source_destroy(pool);
  return model;
}
