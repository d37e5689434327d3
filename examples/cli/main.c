/* SPDX-License-Identifier: MIT */
/* bezdist COMMAND [options]: finds the command and hands over. */
#include "cli.h"

#include <string.h>

static const struct command {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *what;
} commands[] = {
    {"demo", cmd_demo, "the whole job on real data: teachers, ensemble, Bezier paths, student, scores, report"},
    {"train", cmd_train, "train a flow on data by flow matching"},
    {"distill", cmd_distill, "distil teachers into a few-step student along Bezier paths"},
    {"reflow", cmd_reflow, "straighten a flow: distill with degree 1 into a velocity flow"},
    {"sample", cmd_sample, "draw samples from a model, or send given points through it"},
    {"fit", cmd_fit, "fit Bezier control points to trajectories"},
    {"compare", cmd_compare, "every metric between two sets"},
    {"eval", cmd_eval, "metrics of a model against data, per number of evaluations"},
    {"inspect", cmd_inspect, "what a .bzd or tensor file holds; with --verify every byte is checked"},
    {"convert", cmd_convert,
     "write a file as another: bfloat16, metadata, safetensors, a C array, the flow of a trainer"},
    {"bench", cmd_bench, "time the reference work"},
    {"study", cmd_study, "an experiment of docs/results.md, end to end"},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void usage(FILE *out) {
  fprintf(out, "Usage: bezdist COMMAND [options]\n\n");
  for (int i = 0; i < COMMANDS; i++) fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].what);
  fprintf(out, "\nbezdist COMMAND --help shows the options of a command with an example.\n"
               "Common to all: --threads N, --seed N, --json, --quiet.\n");
}

int main(int argc, char **argv) {
  if (argc < 2) {
    usage(stderr);
    return EXIT_USAGE;
  }
  if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
    usage(stdout);
    return EXIT_DONE;
  }
  if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
    char info[512];
    bzd_build_info(info, sizeof info);
    printf("bezdist %s\n%s\n", bzd_version_string(), info);
    return EXIT_DONE;
  }
  for (int i = 0; i < COMMANDS; i++)
    if (!strcmp(argv[1], commands[i].name)) {
      static char title[64]; /* argp names the program by argv[0] */
      snprintf(title, sizeof title, "bezdist %s", commands[i].name);
      argv[1] = title;
      argp_err_exit_status = EXIT_USAGE;
      return commands[i].run(argc - 1, argv + 1);
    }
  fprintf(stderr, "bezdist: no command '%s'; 'bezdist --help' lists them\n", argv[1]);
  return EXIT_USAGE;
}
