/* SPDX-License-Identifier: MIT */
/* The progress line, and Ctrl-C turned into a stop between two steps. */
#include "cli.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t caught;

static void on_signal(int number) {
  if (caught) { /* a second one, of whichever kind, means it */
    signal(number, SIG_DFL);
    raise(number);
  }
  caught = 1;
}

void interrupt_catch(void) {
  struct sigaction action = {.sa_handler = on_signal};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

bool interrupted(void) { return caught != 0; }

double clock_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void print_time(char *out, size_t cap, double seconds) {
  long s = lround(seconds);
  if (s >= 3600)
    snprintf(out, cap, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  else
    snprintf(out, cap, "%ld:%02ld", s / 60, s % 60);
}

static void print_line(struct progress *progress, const bzd_progress *now, bool terminal) {
  const char *unit = now->phase == BZD_PHASE_TRAIN ? "step" : now->phase == BZD_PHASE_GENERATE ? "path" : "sample";
  char left[32] = "?", bar[25] = "", loss[64] = "";
  if (now->of > 0) {
    double share = (double)now->step / (double)now->of;
    /* a resumed training has done some of its steps before this call: its speed is not known from step alone */
    double seconds = clock_seconds() - progress->began;
    double speed = seconds > 0 ? (double)(now->step - progress->first) / seconds : 0;
    if (speed > 0) print_time(left, sizeof left, (double)(now->of - now->step) / speed);
    int filled = (int)(24 * share);
    for (int i = 0; i < 24; i++) bar[i] = i < filled ? '=' : i == filled ? '>' : ' ';
    bar[24] = 0;
  }
  if (now->phase == BZD_PHASE_TRAIN) snprintf(loss, sizeof loss, ", loss %.4g, rate %.2g", now->smooth_loss, now->rate);
  bool colour = terminal && !getenv("NO_COLOR");
  fprintf(stderr, "%s%s%s[%s]%s %s %lld of %lld%s, %s left%s", terminal ? "\r" : "",
          progress->title ? progress->title : "", colour ? " \033[36m" : " ", bar, colour ? "\033[0m" : "", unit,
          (long long)now->step, (long long)now->of, loss, left, terminal ? "\033[K" : "\n");
  fflush(stderr);
}

int32_t progress_show(void *user, const bzd_progress *now) {
  struct progress *progress = user;
  bool last = now->of > 0 && now->step >= now->of;
  if (!progress->started) {
    progress->started = true;
    progress->began = clock_seconds() - now->seconds; /* of all its calls of the library */
    progress->first = now->phase == BZD_PHASE_TRAIN ? now->step - 1 : 0;
    progress->next = 0.3;
  }
  if (now->phase == BZD_PHASE_TRAIN) {
    int64_t every = now->of / 400 + 1;
    if (progress->losses && (now->step % every == 0 || last))
      fprintf(progress->losses, "%lld,%.9g,%.9g,%.9g\n", (long long)now->step, now->loss, now->smooth_loss, now->rate);
    every = now->of / 200 + 1;
    if (progress->curve && (now->step % every == 0 || last))
      json_array_append_new(progress->curve, json_pack("[I, f]", (json_int_t)now->step, now->smooth_loss));
  }
  if (!progress->quiet) {
    bool terminal = isatty(STDERR_FILENO);
    double seconds = clock_seconds() - progress->began;
    if (seconds >= progress->next || (last && progress->shown)) {
      print_line(progress, now, terminal);
      progress->shown = true;
      progress->next = seconds + (terminal ? 0.1 : 5);
    }
  }
  if (caught) return 1;
  return progress->stop_at > 0 && now->phase == BZD_PHASE_TRAIN && now->step >= progress->stop_at && !last ? 2 : 0;
}

void progress_end(struct progress *progress) {
  if (progress->shown && isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
  progress->shown = progress->started = false;
}
