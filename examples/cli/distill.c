/* SPDX-License-Identifier: MIT */
/* bezdist distill and reflow: a student along Bezier paths of its teachers' trajectories. */
#include "training.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_TEACHERS = 64 };

struct distill {
  struct training training;
  bool reflow;
  const char *teacher[MAX_TEACHERS];
  int teachers;
  int32_t kind, degree, combine, rule, solver, guide;
  double fixed[MAX_TEACHERS], guidance, rho;
  int fixed_count;
  bool fresh;
  const char *real, *start;
  int64_t rounds, pool, nodes, solver_steps;
};

enum {
  KEY_TEACHER = 1,
  KEY_STUDENT,
  KEY_DEGREE,
  KEY_COMBINE,
  KEY_WEIGHTS,
  KEY_REAL,
  KEY_RHO,
  KEY_ROUNDS,
  KEY_INIT,
  KEY_POOL,
  KEY_SOLVER,
  KEY_SOLVER_STEPS,
  KEY_NODES,
  KEY_GUIDE,
  KEY_GUIDANCE,
  KEY_SOURCE
};

static const struct argp_option shared_options[] = {
    {"teacher", KEY_TEACHER, "M.bzd", 0, "Teacher; give it several times for an ensemble", 0},
    {"source", KEY_SOURCE, "DATA", 0, "Start from these rows instead of noise", 0},
    {"real", KEY_REAL, "DATA", 0, "Real data: anchors paths (--rho) and gives conditions", 0},
    {"rho", KEY_RHO, "F", 0, "Fraction of paths integrated backwards from real rows (default 0; 0.5 with --real)", 0},
    {"rounds", KEY_ROUNDS, "N", 0, "Rounds; each one's student teaches the next (default 1)", 0},
    {"init", KEY_INIT, "teacher|fresh", 0, "Initial weights (default teacher)", 0},
    {"pool", KEY_POOL, "N", 0, "Paths made once and reused, 0 = new ones for every step (default 65536)", 0},
    {"solver", KEY_SOLVER, "NAME", 0, "Of the teacher's trajectories (default rk4)", 0},
    {"solver-steps", KEY_SOLVER_STEPS, "N", 0, "Steps of a trajectory (default 16)", 0},
    {"guidance", KEY_GUIDANCE, "F", 0, "Guidance of the teachers (default 1)", 0},
    {0},
};
/* What reflow fixes to degree 1 and a velocity student. */
static const struct argp_option distill_options[] = {
    {"student", KEY_STUDENT, "control|endpoint|velocity", 0, "Kind of student (default control)", 0},
    {"degree", KEY_DEGREE, "N", 0, "Degree of the paths, 1..16 (default 2)", 0},
    {"combine", KEY_COMBINE, "velocity|mixture", 0, "How teachers combine (default velocity)", 0},
    {"weights", KEY_WEIGHTS, "uniform|fixed:A,B,..|consensus", 0, "Weights of the teachers (default uniform)", 0},
    {"nodes", KEY_NODES, "N", 0, "States per trajectory that are fitted (default 17)", 0},
    {"guide", KEY_GUIDE, "fit|control|waypoint", 0,
     "Interior points: fit of the trajectory, its states as control points, or passed (default fit)", 0},
    {0},
};

static void parse_weights(struct distill *distill, const char *text) {
  distill->fixed_count = 0;
  if (!strcmp(text, "uniform")) {
    distill->rule = BZD_RULE_UNIFORM;
  } else if (!strcmp(text, "consensus")) {
    distill->rule = BZD_RULE_CONSENSUS;
  } else if (!strncmp(text, "fixed:", 6)) {
    distill->rule = BZD_RULE_FIXED;
    for (const char *at = text + 6; *at;) {
      char *end;
      double value = strtod(at, &end);
      if (end == at || (*end && *end != ',') || distill->fixed_count == MAX_TEACHERS)
        die_usage("--weights: '%s' is not fixed:A,B,.. with a number for each teacher", text);
      distill->fixed[distill->fixed_count++] = value;
      at = *end ? end + 1 : end;
    }
  } else {
    die_usage("--weights: '%s' is not uniform, consensus or fixed:A,B,..", text);
  }
}

static const struct name students[] = {
    {"velocity", BZD_FLOW_VELOCITY}, {"control", BZD_FLOW_CONTROL}, {"endpoint", BZD_FLOW_ENDPOINT}, {0}};
static const struct name combines[] = {{"velocity", BZD_COMBINE_VELOCITY}, {"mixture", BZD_COMBINE_MIXTURE}, {0}};
static const struct name guides[] = {
    {"fit", BZD_GUIDE_FIT}, {"control", BZD_GUIDE_CONTROL}, {"waypoint", BZD_GUIDE_WAYPOINT}, {0}};
static const struct name inits[] = {{"teacher", false}, {"fresh", true}, {0}};

static error_t parse(int key, char *text, struct argp_state *state) {
  struct distill *distill = state->input;
  switch (key) {
  case ARGP_KEY_INIT:
    state->child_inputs[0] = &distill->training;
    state->child_inputs[1] = distill;
    return 0;
  case KEY_TEACHER:
    if (distill->teachers == MAX_TEACHERS) die_usage("--teacher: more than %d", MAX_TEACHERS);
    distill->teacher[distill->teachers++] = text;
    return 0;
  case KEY_STUDENT: distill->kind = parse_name("--student", text, students); return 0;
  case KEY_DEGREE: distill->degree = (int32_t)parse_int("--degree", text, 1, 16); return 0;
  case KEY_COMBINE: distill->combine = parse_name("--combine", text, combines); return 0;
  case KEY_WEIGHTS: parse_weights(distill, text); return 0;
  case KEY_REAL: distill->real = text; return 0;
  case KEY_SOURCE: distill->start = text; return 0;
  case KEY_RHO: distill->rho = parse_real("--rho", text, 0, 1); return 0;
  case KEY_ROUNDS: distill->rounds = parse_int("--rounds", text, 1, 100); return 0;
  case KEY_INIT: distill->fresh = parse_name("--init", text, inits); return 0;
  case KEY_POOL: distill->pool = parse_int("--pool", text, 0, (int64_t)1 << 32); return 0;
  case KEY_SOLVER:
    distill->solver = parse_name("--solver", text, solvers);
    if (distill->solver == BZD_SOLVER_CONTROL || distill->solver == BZD_SOLVER_REANCHOR)
      die_usage("--solver: '%s' follows a student's curve, teachers need one of the others", text);
    return 0;
  case KEY_SOLVER_STEPS: distill->solver_steps = parse_int("--solver-steps", text, 1, 100000); return 0;
  case KEY_NODES: distill->nodes = parse_int("--nodes", text, 2, 4096); return 0;
  case KEY_GUIDE: distill->guide = parse_name("--guide", text, guides); return 0;
  case KEY_GUIDANCE: distill->guidance = parse_real("--guidance", text, 0, 1000); return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static bzd_source *make_source(const struct distill *distill, const bzd_ensemble *ensemble, const bzd_data *real,
                               const bzd_data *start) {
  bzd_fitter_config fitter_config;
  must(bzd_fitter_config_init(&fitter_config, sizeof fitter_config), NULL);
  fitter_config.degree = distill->degree;
  fitter_config.nodes = (int32_t)(distill->degree == 1 ? 2 : distill->nodes);
  bzd_fitter *fitter;
  must(bzd_fitter_create(distill->training.common.context, &fitter_config, &fitter), "--degree, --nodes");
  bzd_ensemble_source_config config;
  must(bzd_ensemble_source_config_init(&config, sizeof config), NULL);
  config.guide = distill->guide;
  if (distill->degree == 2) config.guide_times[0] = 0.5;
  config.seed = distill->training.common.seed;
  config.start = start;
  config.real = real;
  config.rho = distill->rho >= 0 ? distill->rho : real ? 0.5 : 0;
  config.solver = distill->solver;
  config.steps = (int32_t)distill->solver_steps;
  bzd_source *source;
  must(bzd_source_create_ensemble(ensemble, fitter, &config, &source), NULL);
  bzd_fitter_destroy(fitter);
  if (distill->pool == 0) return source;
  struct progress progress = {.title = "paths", .quiet = distill->training.common.quiet};
  bzd_source *pool;
  interrupt_catch();
  bzd_status status =
      bzd_source_create_pool(source, 0, distill->pool, distill->training.common.seed, progress_show, &progress, &pool);
  progress_end(&progress);
  if (status == BZD_E_CANCELLED && interrupted()) {
    fprintf(stderr, "bezdist: stopped while paths were made; nothing was written\n");
    exit(EXIT_INTERRUPTED);
  }
  must(status, "paths");
  bzd_source_destroy(source);
  return pool;
}

static bzd_ensemble *make_ensemble(const struct distill *distill, int count, bzd_flow *const *teachers) {
  bzd_ensemble_config config;
  must(bzd_ensemble_config_init(&config, sizeof config), NULL);
  double guidance[MAX_TEACHERS];
  for (int i = 0; i < count; i++) guidance[i] = distill->guidance;
  config.combine = distill->combine;
  config.seed = distill->training.common.seed;
  if (count > 1) config.rule = distill->rule;
  config.fixed = count > 1 && distill->rule == BZD_RULE_FIXED ? distill->fixed : NULL;
  config.guidance = guidance;
  if (config.fixed && distill->fixed_count != count)
    die("--weights: %d numbers for %d teachers", distill->fixed_count, count);
  bzd_ensemble *ensemble;
  must(bzd_ensemble_create(distill->training.common.context, &config, count, (const bzd_flow *const *)teachers,
                           &ensemble),
       NULL);
  return ensemble;
}

static int run(struct distill *distill) {
  struct training *training = &distill->training;
  struct common *common = &training->common;
  if (!distill->teachers || !training->out)
    die_usage("%s needs --teacher and --out", distill->reflow ? "reflow" : "distill");
  common_start(common);
  bzd_flow *teacher[MAX_TEACHERS];
  int count = distill->teachers;
  for (int i = 0; i < count; i++) must(bzd_flow_load(common->context, distill->teacher[i], &teacher[i]), NULL);
  struct set real_set = {0}, start_set = {0};
  if (distill->real)
    set_read(&real_set, distill->real, training->labels, training->condition, training->toy_count, common->seed);
  if (distill->start) set_read(&start_set, distill->start, NULL, NULL, training->toy_count, common->seed + 1);
  bzd_data *real = distill->real ? set_data(common, &real_set, 0, real_set.n) : NULL,
           *start = distill->start ? set_data(common, &start_set, 0, start_set.n) : NULL;

  for (int64_t round = 1; round <= distill->rounds; round++) {
    char path[4096], title[64];
    if (round < distill->rounds)
      snprintf(path, sizeof path, "%s.round%lld", training->out, (long long)round);
    else
      snprintf(path, sizeof path, "%s", training->out);
    if (distill->rounds > 1)
      snprintf(title, sizeof title, "round %lld of %lld", (long long)round, (long long)distill->rounds);
    else
      snprintf(title, sizeof title, "%s", distill->reflow ? "reflow" : "distill");
    bzd_ensemble *ensemble = make_ensemble(distill, count, teacher);
    bzd_source *source = make_source(distill, ensemble, real, start);
    bzd_flow *student;
    if (distill->fresh) { /* the teacher's item and condition, the size of --net */
      bzd_flow_info info = {.struct_size = sizeof info};
      must(bzd_flow_get_info(teacher[0], &info), NULL);
      bzd_flow_config config;
      must(bzd_flow_config_init(&config, sizeof config), NULL);
      float *scale = must_alloc((size_t)info.dim, sizeof(float)), *offset = must_alloc((size_t)info.dim, sizeof(float));
      must(bzd_flow_get_affine(teacher[0], scale, offset), NULL);
      config.kind = distill->kind;
      config.degree = distill->degree;
      config.layers = training->layers;
      config.width = training->width;
      config.dim = info.dim;
      config.cond_dim = info.cond_dim;
      config.seed = common->seed;
      config.item_ndim = info.item_ndim;
      memcpy(config.item_shape, info.item_shape, sizeof config.item_shape);
      if (info.has_affine) config.scale = scale, config.offset = offset;
      must(bzd_flow_create(common->context, &config, &student), "--net");
      free(scale);
      free(offset);
    } else {
      must(bzd_flow_create_from(teacher[0], distill->kind, distill->degree, &student), NULL);
    }
    must(bzd_flow_set_metadata(student, "teacher", distill->teacher[0]), NULL);
    bzd_flow *trained = training_run(training, title, source, student, path);
    bzd_flow_destroy(student);
    bzd_source_destroy(source);
    bzd_ensemble_destroy(ensemble);
    for (int i = 0; i < count; i++) bzd_flow_destroy(teacher[i]);
    teacher[0] = trained;
    count = 1;
  }
  bzd_flow_destroy(teacher[0]);
  bzd_data_destroy(real);
  bzd_data_destroy(start);
  set_free(&real_set);
  set_free(&start_set);
  common_finish(common);
  return EXIT_DONE;
}

/* The options both commands have sit in a child parser; only the command's own parser hands inputs on. */
static error_t parse_shared(int key, char *text, struct argp_state *state) {
  return key == ARGP_KEY_INIT ? 0 : parse(key, text, state);
}

static const struct argp shared_argp = {.options = shared_options, .parser = parse_shared};

static void defaults(struct distill *distill, char **argv) {
  memset(distill, 0, sizeof *distill);
  training_init(&distill->training, argv);
  distill->kind = BZD_FLOW_CONTROL;
  distill->degree = 2;
  distill->combine = BZD_COMBINE_VELOCITY;
  distill->rule = BZD_RULE_UNIFORM;
  distill->solver = BZD_SOLVER_RK4;
  distill->solver_steps = 16;
  distill->nodes = 17;
  distill->guidance = 1;
  distill->rounds = 1;
  distill->pool = 65536;
  distill->rho = -1;
}

static const struct argp_child children[] = {{&training_argp, 0, NULL, 10}, {&shared_argp, 0, NULL, 5}, {0}};

int cmd_distill(int argc, char **argv) {
  static const struct argp argp = {
      .options = distill_options,
      .parser = parse,
      .children = children,
      .doc = "Distils teachers into a student along Bezier paths fitted to their trajectories.\v"
             "Example: bezdist distill --teacher a.bzd --teacher b.bzd --out student.bzd --degree 2 --steps 10000"};
  struct distill distill;
  defaults(&distill, argv);
  argp_parse(&argp, argc, argv, 0, NULL, &distill);
  return run(&distill);
}

int cmd_reflow(int argc, char **argv) {
  static const struct argp argp = {
      .parser = parse,
      .children = children,
      .doc = "Straightens a flow: trains a velocity flow on the lines from x0 to where the teacher sends it.\v"
             "Example: bezdist reflow --teacher teacher.bzd --out straight.bzd --rounds 2"};
  struct distill distill;
  defaults(&distill, argv);
  distill.reflow = true;
  distill.kind = BZD_FLOW_VELOCITY;
  distill.degree = 1;
  argp_parse(&argp, argc, argv, 0, NULL, &distill);
  return run(&distill);
}
