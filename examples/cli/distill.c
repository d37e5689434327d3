/* SPDX-License-Identifier: MIT */
/* bezdist distill and reflow: a student along Bezier paths of its teachers' trajectories. */
#include "distill.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
  KEY_BEND,
  KEY_GUIDE,
  KEY_GUIDES,
  KEY_GUIDANCE,
  KEY_SOURCE,
  KEY_TOLERANCE,
  KEY_WINDOWS,
  KEY_VISITOR,
  KEY_VISIT_STEPS,
  KEY_AIM
};

static const struct argp_option shared_options[] = {
    {"teacher", KEY_TEACHER, "M.bzd", 0, "Teacher; give it several times for an ensemble", 0},
    {"source", KEY_SOURCE, "DATA", 0, "Start from these rows instead of noise", 0},
    {"combine", KEY_COMBINE, "NAME", 0,
     "How teachers combine: velocity (default), any-velocity, mixture, select or endpoint", 0},
    {"weights", KEY_WEIGHTS, "NAME", 0,
     "Weights of the teachers: uniform (default), fixed:A,B,.., error, variance[:BINS], consensus[:TEMPERATURE] or "
     "medoid; error and variance learn from a fifth of --real's rows",
     0},
    {"real", KEY_REAL, "DATA", 0, "Real data: anchors paths (--rho), gives conditions, weighs teachers (--weights)", 0},
    {"rho", KEY_RHO, "F", 0, "Fraction of paths integrated backwards from real rows (default 0; 0.5 with --real)", 0},
    {"rounds", KEY_ROUNDS, "N", 0, "Rounds; each one's student teaches the next (default 1)", 0},
    {"init", KEY_INIT, "teacher|fresh", 0, "Initial weights (default teacher)", 0},
    {"pool", KEY_POOL, "N", 0, "Paths made once and reused, 0 = new ones for every step (default 65536)", 0},
    {"solver", KEY_SOLVER, "NAME", 0, "Of the teacher's trajectories (default rk4)", 0},
    {"solver-steps", KEY_SOLVER_STEPS, "N", 0, "Steps of a trajectory (default 16)", 0},
    {"guidance", KEY_GUIDANCE, "F", 0, "Guidance of the teachers (default 1)", 0},
    {"windows", KEY_WINDOWS, "K", 0, "Cut trajectories into K windows, a path each (default 1); velocity students", 0},
    {"visitor", KEY_VISITOR, "S.bzd", 0, "On-policy paths: from states that this student reaches", 0},
    {"visit-steps", KEY_VISIT_STEPS, "N", 0, "Steps of its sampler, of which it goes 0..N-1 (default 4)", 0},
    {0},
};
/* What reflow fixes to degree 1 and a velocity student. */
static const struct argp_option distill_options[] = {
    {"student", KEY_STUDENT, "control|endpoint|velocity", 0, "Kind of student (default control)", 0},
    {"aim", KEY_AIM, "NFE", 0,
     "For a student that will be sampled with this many evaluations: sets --at-zero, --at-grid, --one-step, "
     "--grid-steps and --consistency to what was measured best",
     0},
    {"degree", KEY_DEGREE, "N|auto", 0, "Degree of the paths, 1..16 (default 2); auto: by --tolerance, at most 8", 0},
    {"tolerance", KEY_TOLERANCE, "F", 0,
     "Of --degree auto: largest residual of the fit over the distance travelled (default 0.01)", 0},
    {"nodes", KEY_NODES, "N", 0, "States per trajectory that are fitted (default 17)", 0},
    {"bend", KEY_BEND, "F", 0,
     "Share of the fitted curve's deviation from its chord that paths keep, 0..1 (default 0.75): 1 the fit, 0 straight",
     0},
    {"guide", KEY_GUIDE, "fit|control|waypoint", 0,
     "Interior points: fit of the trajectory (default), or its states as control points, or passed", 0},
    {"guides", KEY_GUIDES, "A.bzd[,B.bzd]", 0,
     "Flows whose ends are the interior points instead, one for each (--guide control by default)", 0},
    {0},
};

static const struct name students[] = {
    {"velocity", BZD_FLOW_VELOCITY}, {"control", BZD_FLOW_CONTROL}, {"endpoint", BZD_FLOW_ENDPOINT}, {0}};
static const struct name combines[] = {
    {"velocity", BZD_COMBINE_VELOCITY}, {"mixture", BZD_COMBINE_MIXTURE},           {"select", BZD_COMBINE_SELECT},
    {"endpoint", BZD_COMBINE_ENDPOINT}, {"any-velocity", BZD_COMBINE_ANY_VELOCITY}, {0}};
static const struct name rules[] = {{"uniform", BZD_RULE_UNIFORM},
                                    {"fixed", BZD_RULE_FIXED},
                                    {"error", BZD_RULE_ERROR},
                                    {"variance", BZD_RULE_VARIANCE},
                                    {"consensus", BZD_RULE_CONSENSUS},
                                    {"medoid", BZD_RULE_MEDOID},
                                    {0}};
static const struct name guides[] = {
    {"fit", BZD_GUIDE_FIT}, {"control", BZD_GUIDE_CONTROL}, {"waypoint", BZD_GUIDE_WAYPOINT}, {0}};
static const struct name inits[] = {{"teacher", false}, {"fresh", true}, {0}};

/* fixed:A,B,.. weights; variance:BINS; consensus:TEMPERATURE. */
static void parse_weights(struct distill *distill, const char *text) {
  distill->rule =
      parse_name_with("--weights", text, rules, 0, 1e30, MAX_TEACHERS, distill->rule_numbers, &distill->rule_count);
  int one = distill->rule == BZD_RULE_VARIANCE || distill->rule == BZD_RULE_CONSENSUS;
  if (distill->rule == BZD_RULE_FIXED && distill->rule_count == 0)
    die_usage("--weights: fixed takes a number for each teacher, fixed:A,B,..");
  if (distill->rule != BZD_RULE_FIXED && distill->rule_count > one)
    die_usage("--weights: '%s': %d numbers, it takes %d", text, distill->rule_count, one);
  double bins = distill->rule_numbers[0];
  if (distill->rule == BZD_RULE_VARIANCE && distill->rule_count > 0 &&
      !(bins >= 1 && bins <= 64 && floor(bins) == bins))
    die_usage("--weights: '%s': bins are a whole number, 1..64", text);
}

static void parse_guides(struct distill *distill, const char *text) {
  char *state = NULL;
  free(distill->guide_names);
  distill->guide_names = strdup(text);
  if (!distill->guide_names) die("no memory");
  distill->guide_count = 0;
  for (char *word = strtok_r(distill->guide_names, ",", &state); word; word = strtok_r(NULL, ",", &state)) {
    if (distill->guide_count == MAX_GUIDES) die_usage("--guides: '%s' is not A.bzd or A.bzd,B.bzd", text);
    distill->guides[distill->guide_count++] = word;
  }
}

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
  case KEY_AIM: distill->aim = (int32_t)parse_int("--aim", text, 1, 1000000); return 0;
  case KEY_STUDENT: distill->kind = parse_name("--student", text, students); return 0;
  case KEY_DEGREE: distill->degree = strcmp(text, "auto") ? (int32_t)parse_int("--degree", text, 1, 16) : 0; return 0;
  case KEY_TOLERANCE: distill->tolerance = parse_real("--tolerance", text, 1e-9, 1e6); return 0;
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
  case KEY_BEND: distill->bend = parse_real("--bend", text, 0, 1); return 0;
  case KEY_GUIDE: distill->guide = parse_name("--guide", text, guides); return 0;
  case KEY_GUIDES: parse_guides(distill, text); return 0;
  case KEY_WINDOWS: distill->windows = parse_int("--windows", text, 1, 256); return 0;
  case KEY_VISITOR: distill->visitor = text; return 0;
  case KEY_VISIT_STEPS: distill->visit_steps = parse_int("--visit-steps", text, 1, 1024); return 0;
  case KEY_GUIDANCE: distill->guidance = parse_real("--guidance", text, 0, 1000); return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

/* What does not go together, before anything is read; fills in what depends on other options. */
static void check(struct distill *distill) {
  if (!distill->teachers || !distill->training.out)
    die_usage("%s needs --teacher and --out", distill->reflow ? "reflow" : "distill");
  if (distill_learns(distill) && !distill->real)
    die_usage("--weights error and variance learn from real data: give --real");
  bool averages = distill->combine == BZD_COMBINE_VELOCITY || distill->combine == BZD_COMBINE_ANY_VELOCITY;
  bool velocities =
      distill->rule == BZD_RULE_VARIANCE || distill->rule == BZD_RULE_CONSENSUS || distill->rule == BZD_RULE_MEDOID;
  if (velocities && !averages)
    die_usage("--weights variance, consensus and medoid weigh velocities: --combine velocity or any-velocity");
  if (distill->tolerance > 0 && distill->degree) die_usage("--tolerance goes with --degree auto");
  if (distill->tolerance == 0) distill->tolerance = 0.01;
  if (distill->guide < 0) distill->guide = distill->guide_count ? BZD_GUIDE_CONTROL : BZD_GUIDE_FIT;
  if (distill->guide != BZD_GUIDE_FIT && !distill->degree) die_usage("--degree auto goes with --guide fit");
  if (distill->guide_count && distill->guide == BZD_GUIDE_FIT) die_usage("--guides do not go with --guide fit");
  if (distill->guide_count && distill->guide_count != distill->degree - 1)
    die_usage("--guides: %d flows, --degree %d has %d interior points", distill->guide_count, distill->degree,
              distill->degree - 1);
  if (distill->windows > 1 && distill->kind != BZD_FLOW_VELOCITY)
    die_usage("--windows %lld: only --student velocity learns paths that end before t = 1",
              (long long)distill->windows);
  if (distill->visit_steps && !distill->visitor) die_usage("--visit-steps goes with --visitor");
  if (!distill->visit_steps) distill->visit_steps = 4;
}

/* A student with the teacher's weights; with --init fresh of the size of --net. */
static bzd_flow *make_student(const struct distill *distill, const bzd_flow *teacher, int32_t degree) {
  bzd_flow *student;
  if (!distill->fresh) {
    must(bzd_flow_create_from(teacher, distill->kind, degree, &student), NULL);
    return student;
  }
  bzd_flow_info info = {.struct_size = sizeof info};
  must(bzd_flow_get_info(teacher, &info), NULL);
  bzd_flow_config config;
  must(bzd_flow_config_init(&config, sizeof config), NULL);
  float *scale = must_alloc((size_t)info.dim, sizeof(float)), *offset = must_alloc((size_t)info.dim, sizeof(float));
  must(bzd_flow_get_affine(teacher, scale, offset), NULL);
  config.kind = distill->kind;
  config.degree = degree;
  config.layers = distill->training.layers;
  config.width = distill->training.width;
  config.skip = distill->training.skip;
  config.dim = info.dim;
  config.cond_dim = info.cond_dim;
  config.seed = distill->training.common.seed;
  config.item_ndim = info.item_ndim;
  memcpy(config.item_shape, info.item_shape, sizeof config.item_shape);
  if (info.has_affine) config.scale = scale, config.offset = offset;
  must(bzd_flow_create(distill->training.common.context, &config, &student), "--net");
  free(scale);
  free(offset);
  return student;
}

static int run(struct distill *distill) {
  struct training *training = &distill->training;
  struct common *common = &training->common;
  check(distill);
  if (distill->aim) must(bzd_trainer_config_aim(&training->config, distill->kind, distill->aim), "--aim");
  common_start(common);
  bzd_flow *teacher[MAX_TEACHERS];
  int count = distill->teachers;
  for (int i = 0; i < count; i++) must(bzd_flow_load(common->context, distill->teacher[i], &teacher[i]), NULL);
  struct companions with;
  companions_load(&with, distill);
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
    bzd_source *source = distill_paths(distill, &with, count, teacher);
    if (!source) training_not_begun(training, path, round > 1);
    bzd_source_info info = {.struct_size = sizeof info};
    must(bzd_source_get_info(source, &info), NULL);
    bzd_flow *student = make_student(distill, teacher[0], info.degree);
    must(bzd_flow_set_metadata(student, "teacher", distill->teacher[0]), NULL);
    bzd_flow *trained = training_run(training, title, source, student, path);
    bzd_flow_destroy(student);
    bzd_source_destroy(source);
    for (int i = 0; i < count; i++) bzd_flow_destroy(teacher[i]);
    teacher[0] = trained;
    count = 1;
  }
  bzd_flow_destroy(teacher[0]);
  companions_free(&with);
  free(distill->guide_names);
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
  distill->bend = -1; /* the library's */
  distill->guidance = 1;
  distill->rounds = 1;
  distill->pool = 65536;
  distill->rho = -1;
  distill->guide = -1;
  distill->windows = 1;
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
