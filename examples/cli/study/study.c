/* SPDX-License-Identifier: MIT */
/* bezdist study: pieces side by side, each in a process of its own with one thread. */
#include "ideas.h"
#include "studies.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOY "8gaussians,moons-8gaussians,checkerboard"
#define SMALL "moons-8gaussians,digits,fashion14"

const struct study studies[] = {
    {"accumulation", "error over rounds: reflow, one-step and Bezier distillation, with and without real anchoring",
     TOY ",digits,fashion14,fashion28", run_accumulation},
    {"degree", "degree of the paths, kind of student", SMALL, run_degree},
    {"teachers", "number of teachers, how they combine, their weights, and one teacher of the same cost", SMALL,
     run_teachers},
    {"anchoring", "the share of paths that end in real data", SMALL, run_anchoring},
    {"guides", "what the interior control points are made of", SMALL, run_guides},
    {"sampling", "times, atoms at 0 and on a grid, losses", SMALL, run_sampling},
    {"grids", "where few evaluations are spent", SMALL, run_grids},
    {"specialists", "teachers of disjoint classes and of disjoint shards, merged without their data", SMALL,
     run_specialists},
    {"translation", "data to data: encoded by one flow, decoded by another", "moons+8gaussians,digits",
     run_translation},
};
const int study_count = sizeof studies / sizeof studies[0];

struct options {
  struct common common;
  const struct study *study;
  const char *out, *data;
  int seeds, rounds, first_seed;
  double scale;
  bool report_only, ideas;
};

enum { KEY_OUT = 1, KEY_DATA, KEY_SEEDS, KEY_FIRST, KEY_ROUNDS, KEY_SCALE, KEY_REPORT };

static const struct argp_option option_list[] = {
    {"out", KEY_OUT, "DIR", 0, "Folder of rows, models and report (default build/study)", 0},
    {"data", KEY_DATA, "LIST", 0, "Test beds (default: all of the study)", 0},
    {"seeds", KEY_SEEDS, "N", 0, "Seeds of each test bed (default: its own number)", 0},
    {"first-seed", KEY_FIRST, "N", 0, "The first of them (default 0)", 0},
    {"rounds", KEY_ROUNDS, "N", 0, "Rounds of accumulation (default: the test bed's)", 0},
    {"scale", KEY_SCALE, "F", 0, "Scale of all budgets (default 1); below 1 only to try the command", 0},
    {"report", KEY_REPORT, NULL, 0, "Only make the report of the rows there are", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state) {
  struct options *options = state->input;
  switch (key) {
  case ARGP_KEY_INIT: state->child_inputs[0] = &options->common; return 0;
  case KEY_OUT: options->out = text; return 0;
  case KEY_DATA: options->data = text; return 0;
  case KEY_SEEDS: options->seeds = (int)parse_int("--seeds", text, 1, 1000); return 0;
  case KEY_FIRST: options->first_seed = (int)parse_int("--first-seed", text, 0, 1000000); return 0;
  case KEY_ROUNDS: options->rounds = (int)parse_int("--rounds", text, 1, 100); return 0;
  case KEY_SCALE: options->scale = parse_real("--scale", text, 1e-4, 100); return 0;
  case KEY_REPORT: options->report_only = true; return 0;
  case ARGP_KEY_ARG:
    options->ideas = strcmp(text, "ideas") == 0; /* the pictures of docs/math.md: no pieces, no rows */
    if (options->ideas) return 0;
    for (int i = 0; i < study_count; i++)
      if (strcmp(text, studies[i].name) == 0) options->study = &studies[i];
    if (!options->study) {
      fprintf(stderr, "bezdist: no study '%s'; there are", text);
      for (int i = 0; i < study_count; i++) fprintf(stderr, " %s", studies[i].name);
      fputc('\n', stderr);
      exit(EXIT_USAGE);
    }
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static bool in_list(const char *name, const char *list) {
  size_t length = strlen(name);
  for (const char *at = list; *at;) {
    size_t word = strcspn(at, ",");
    if (word == length && strncmp(at, name, length) == 0) return true;
    at += word + (at[word] == ',');
  }
  return false;
}

struct task {
  const struct bed *bed;
  int seed;
  char path[4096];
  pid_t pid; /* 0: not started */
  bool done;
  double started;
};

/* The child: one piece. The first pass counts the rows that are missing, the second measures them. */
_Noreturn static void work(const struct options *options, const struct task *task) {
  struct piece piece = {.common = options->common,
                        .study = options->study->name,
                        .out = options->out,
                        .bed = task->bed,
                        .seed = (uint64_t)task->seed,
                        .scale = options->scale,
                        .rounds = options->rounds ? options->rounds : task->bed->rounds,
                        .began = clock_seconds(),
                        .planning = true};
  piece.common.threads = 1;
  bool known = rows_read(&piece.old, task->path);
  piece_open(&piece);
  options->study->run(&piece);
  piece.planning = false;
  piece.csv = fopen(task->path, "a");
  if (!piece.csv) die("%s: %s", task->path, strerror(errno));
  if (!known) rows_write_header(piece.csv);
  options->study->run(&piece);
  char draft[4200]; /* the same rows in order, without those that no longer belong */
  snprintf(draft, sizeof draft, "%s.part", task->path);
  if (fclose(piece.csv) != 0 || !(piece.csv = fopen(draft, "w"))) die("%s: %s", draft, strerror(errno));
  rows_write_header(piece.csv);
  for (size_t i = 0; i < piece.kept.n; i++) rows_write(piece.csv, &piece.kept.row[i]);
  if (fclose(piece.csv) != 0 || rename(draft, task->path) != 0) die("%s: %s", task->path, strerror(errno));
  piece_close(&piece);
  exit(EXIT_DONE);
}

static volatile sig_atomic_t stopped;
static void stop(int signal) {
  (void)signal;
  stopped = 1;
}

static void run_tasks(const struct options *options, int count, struct task *tasks) {
  int cores = options->common.threads ? options->common.threads : (int)sysconf(_SC_NPROCESSORS_ONLN);
  int next = 0, running = 0, finished = 0, failed = 0;
  double began = clock_seconds();
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  while (finished < count && !(stopped && running == 0)) {
    while (running < cores && next < count && !stopped && !failed) {
      struct task *task = &tasks[next++];
      task->started = clock_seconds();
      fflush(NULL);
      task->pid = fork();
      if (task->pid < 0) die("no process for a piece: %s", strerror(errno));
      if (task->pid == 0) {
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        work(options, task);
      }
      running++;
    }
    if (running == 0) break;
    int status;
    pid_t pid = wait(&status);
    if (pid < 0) {
      if (errno != EINTR) die("waiting for a piece: %s", strerror(errno));
      for (int i = 0; i < count; i++)
        if (tasks[i].pid > 0 && !tasks[i].done) kill(tasks[i].pid, SIGTERM);
      continue;
    }
    for (int i = 0; i < count; i++) {
      if (tasks[i].pid != pid) continue;
      tasks[i].done = true;
      running--;
      finished++;
      failed |= !WIFEXITED(status) || WEXITSTATUS(status) != 0;
      double gone = clock_seconds() - began, left = gone / finished * (count - finished);
      if (!options->common.quiet)
        fprintf(stderr, "%s %s seed %d: %s after %.0f s; %d of %d pieces, about %.0f min left\n", options->study->name,
                tasks[i].bed->name, tasks[i].seed, failed ? "failed" : "done", clock_seconds() - tasks[i].started,
                finished, count, left / 60);
    }
  }
  if (stopped) {
    fprintf(stderr, "bezdist: stopped; rows measured and models trained so far are in %s; the same command goes on\n",
            options->out);
    exit(EXIT_INTERRUPTED);
  }
  if (failed) die("a piece of the study failed; what it printed stands above");
}

int cmd_study(int argc, char **argv) {
  static const struct argp_child children[] = {{&common_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {
      .options = option_list,
      .parser = parse,
      .children = children,
      .args_doc = "NAME",
      .doc = "An experiment of docs/results.md: pieces (test bed x seed) side by side on all cores, each writing its "
             "rows to DIR/NAME-DATA-SEED.csv as they are measured; then a report over all rows there are. Stopped and "
             "started again, it goes on where it was.\v"
             "Example: bezdist study accumulation --data moons-8gaussians --out build/study"};
  static struct options options = {.out = "build/study", .scale = 1};
  argp_parse(&argp, argc, argv, 0, NULL, &options);
  if (options.ideas) {
    study_ideas(&options.common, options.out);
    return EXIT_DONE;
  }
  if (!options.study) die_usage("study needs a name; 'bezdist study --help' says more");
  const char *list = options.data ? options.data : options.study->beds;
  for (const char *at = list; *at;) { /* every name must be known */
    char name[64];
    size_t word = strcspn(at, ",");
    snprintf(name, sizeof name, "%.*s", (int)word, at);
    bool known = false;
    for (int b = 0; b < bed_count; b++) known |= strcmp(beds[b].name, name) == 0;
    if (!known) die_usage("--data: no test bed '%s'", name);
    at += word + (at[word] == ',');
  }
  make_folder(options.out);
  char path[4096];
  snprintf(path, sizeof path, "%s/models", options.out);
  make_folder(path);
  struct task *tasks = NULL;
  int count = 0;
  for (int b = 0; b < bed_count; b++) {
    if (!in_list(beds[b].name, list)) continue;
    int seeds = options.seeds ? options.seeds : beds[b].seeds;
    for (int s = options.first_seed; s < options.first_seed + seeds; s++) {
      tasks = realloc(tasks, (size_t)(count + 1) * sizeof *tasks);
      if (!tasks) die("no memory for the list of pieces");
      struct task *task = &tasks[count];
      memset(task, 0, sizeof *task);
      task->bed = &beds[b];
      task->seed = s;
      snprintf(task->path, sizeof task->path, "%s/%s-%s-%d.csv", options.out, options.study->name, beds[b].name, s);
      count++;
    }
  }
  if (!options.report_only) run_tasks(&options, count, tasks);
  free(tasks);
  study_report(options.study, options.out, options.scale);
  return EXIT_DONE;
}
