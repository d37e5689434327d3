/* SPDX-License-Identifier: MIT */
/* What a library could leave behind in its host: taken before and after, and compared. Needs _GNU_SOURCE. */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include <dirent.h>
#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

extern char **environ;

/* All that a library could leave behind. Compared as bytes, so it is zeroed first. */
typedef struct process {
  uint64_t float_mode; /* mxcsr without the sticky flags, which any arithmetic sets; fpcr of aarch64 */
  uint16_t x87;
  int rounding, masked;
  locale_t thread_locale;
  char locale[256], folder[512];
  uint64_t blocked;
  struct {
    void (*handler)(int number);
    int flags;
    uint64_t blocked;
  } action[65];
  stack_t stack;
  mode_t mask;
  uint64_t environment, files;
  int descriptors, flags[64];
  int threads, priority;
  cpu_set_t cpus;
  struct itimerval timer;
  struct rlimit limit[RLIM_NLIMITS];
} process;

static inline uint64_t text_hash(const char *text) {
  uint64_t hash = 5381;
  while (*text) hash = hash * 33 + (unsigned char)*text++;
  return hash;
}

static inline int entries(const char *folder, uint64_t *names) {
  int count = 0;
  DIR *dir = opendir(folder);
  if (dir == NULL) return -1;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL; count++)
    if (names) *names += text_hash(entry->d_name); /* in any order */
  closedir(dir);
  return count;
}

static inline uint64_t members(const sigset_t *set) {
  uint64_t bits = 0;
  for (int s = 1; s < 65; s++) bits |= (uint64_t)(sigismember(set, s) == 1) << (s - 1);
  return bits;
}

static inline void look(process *p) {
  memset(p, 0, sizeof *p);
#if defined(__x86_64__)
  p->float_mode = _mm_getcsr() & ~0x3Fu;
  __asm__ volatile("fnstcw %0" : "=m"(p->x87));
#elif defined(__aarch64__)
  __asm__ volatile("mrs %0, fpcr" : "=r"(p->float_mode));
#endif
  p->rounding = fegetround();
  p->masked = fegetexcept();
  p->thread_locale = uselocale((locale_t)0);
  snprintf(p->locale, sizeof p->locale, "%s", setlocale(LC_ALL, NULL));
  if (getcwd(p->folder, sizeof p->folder) == NULL) p->folder[0] = 0;
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, NULL, &blocked);
  p->blocked = members(&blocked);
  for (int s = 1; s < 65; s++) {
    struct sigaction action;
    if (sigaction(s, NULL, &action) != 0) continue; /* libc keeps two for itself */
    p->action[s].handler = action.sa_handler;
    p->action[s].flags = action.sa_flags;
    p->action[s].blocked = members(&action.sa_mask);
  }
  sigaltstack(NULL, &p->stack);
  p->mask = umask(0);
  umask(p->mask);
  for (char **e = environ; *e; e++) p->environment = p->environment * 31 + text_hash(*e) + (uint64_t)(uintptr_t)*e;
  entries(".", &p->files);
  p->descriptors = entries("/proc/self/fd", NULL);
  for (int fd = 0; fd < 64; fd++) p->flags[fd] = fcntl(fd, F_GETFD);
  p->threads = entries("/proc/self/task", NULL);
  p->priority = getpriority(PRIO_PROCESS, 0);
  sched_getaffinity(0, sizeof p->cpus, &p->cpus);
  getitimer(ITIMER_REAL, &p->timer);
  for (int r = 0; r < RLIM_NLIMITS; r++) getrlimit((__rlimit_resource_t)r, &p->limit[r]);
}

/* The first thing that differs, or NULL. */
static inline const char *changed(const process *before, const process *after) {
#define SAME(field)                                                                                                    \
  if (memcmp(&before->field, &after->field, sizeof before->field) != 0) return #field
  SAME(float_mode);
  SAME(x87);
  SAME(rounding);
  SAME(masked);
  SAME(thread_locale);
  SAME(locale);
  SAME(folder);
  SAME(blocked);
  SAME(action);
  SAME(stack);
  SAME(mask);
  SAME(environment);
  SAME(files);
  SAME(descriptors);
  SAME(flags);
  SAME(threads);
  SAME(priority);
  SAME(cpus);
  SAME(timer);
  SAME(limit);
#undef SAME
  return NULL;
}

/* The same, once a thread that was joined has left the list of threads, where it may stand a moment longer. */
static inline const char *changed_since(const process *before, process *after) {
  for (int i = 0; i < 10000; i++) {
    look(after);
    if (after->threads == before->threads) break;
    nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
  }
  return changed(before, after);
}

#endif
