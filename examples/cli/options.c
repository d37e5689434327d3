/* SPDX-License-Identifier: MIT */
/* Options that every command has, strict parsing of their values, and the ways to fail. */
#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void complain(const char *format, va_list arguments) {
  fputs("bezdist: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
}

void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  complain(format, arguments);
  va_end(arguments);
  exit(EXIT_FAILED);
}

void die_usage(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  complain(format, arguments);
  va_end(arguments);
  exit(EXIT_USAGE);
}

void must(bzd_status status, const char *what) {
  if (status == BZD_OK) return;
  char text[600];
  bzd_last_error(text, sizeof text);
  if (what) die("%s: %s", what, text);
  die("%s", text);
}

void *must_alloc(size_t count, size_t size) {
  void *block = calloc(count ? count : 1, size ? size : 1);
  if (!block) die("no memory for %zu x %zu bytes", count, size);
  return block;
}

int64_t parse_int(const char *option, const char *text, int64_t low, int64_t high) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (end == text || *end || errno || value < low || value > high)
    die_usage("%s: '%s' is not a whole number in %lld..%lld", option, text, (long long)low, (long long)high);
  return value;
}

double parse_real(const char *option, const char *text, double low, double high) {
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end || !(value >= low && value <= high))
    die_usage("%s: '%s' is not a number in %g..%g", option, text, low, high);
  return value;
}

uint64_t parse_seed(const char *option, const char *text) {
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (end == text || *end || errno || text[0] == '-')
    die_usage("%s: '%s' is not a whole number in 0..2^64-1", option, text);
  return value;
}

int parse_reals(const char *option, const char *text, double low, double high, int most, double *values) {
  const char *at = text;
  for (int count = 0; count < most;) {
    char *end;
    double value = strtod(at, &end);
    if (end == at || (*end && *end != ',') || !(value >= low && value <= high)) break;
    values[count++] = value;
    if (!*end) return count;
    at = end + 1;
  }
  die_usage("%s: '%s' is not a list A,B,.. of at most %d numbers in %g..%g", option, text, most, low, high);
}

const struct name *find_name(const char *text, const struct name *names) {
  while (names->text && strcmp(text, names->text) != 0) names++;
  return names->text ? names : NULL;
}

int32_t parse_name(const char *option, const char *text, const struct name *names) {
  const struct name *found = find_name(text, names);
  if (found) return found->value;
  char list[256] = "";
  for (const struct name *name = names; name->text; name++)
    snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", name == names ? "" : ", ", name->text);
  die_usage("%s: '%s' is not one of %s", option, text, list);
}

int32_t parse_name_with(const char *option, const char *text, const struct name *names, double low, double high,
                        int most, double *values, int *count) {
  char name[64];
  size_t length = strcspn(text, ":");
  if (length >= sizeof name) length = sizeof name - 1;
  memcpy(name, text, length);
  name[length] = '\0';
  *count = text[length] == ':' ? parse_reals(option, text + length + 1, low, high, most, values) : 0;
  return parse_name(option, name, names);
}

enum { KEY_THREADS = 0x1000, KEY_SEED, KEY_JSON, KEY_QUIET };

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Common options:", 90},
    {"threads", KEY_THREADS, "N", 0, "Threads to work with (default: all cores)", 90},
    {"seed", KEY_SEED, "N", 0, "Seed of all random numbers (default 0)", 90},
    {"json", KEY_JSON, NULL, 0, "One JSON object per line on stdout and nothing else there", 90},
    {"quiet", KEY_QUIET, NULL, 0, "No progress on stderr", 90},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state) {
  struct common *common = state->input;
  switch (key) {
  case KEY_THREADS: common->threads = (int)parse_int("--threads", text, 1, 256); return 0;
  case KEY_SEED: common->seed = parse_seed("--seed", text); return 0;
  case KEY_JSON: common->json = true; return 0;
  case KEY_QUIET: common->quiet = true; return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp common_argp = {.options = options, .parser = parse};

static void log_line(void *user, int32_t level, const char *text) {
  const struct common *common = user;
  if (!common->quiet && level == BZD_LOG_WARNING) fprintf(stderr, "bezdist: note: %s\n", text);
}

void common_start(struct common *common) {
  bzd_context_config config;
  must(bzd_context_config_init(&config, sizeof config), NULL);
  config.threads = common->threads;
  config.log = log_line;
  config.log_user = common;
  must(bzd_context_create(&config, &common->context), NULL);
}

void common_finish(struct common *common) {
  bzd_context_destroy(common->context);
  common->context = NULL;
}
