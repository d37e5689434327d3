/* SPDX-License-Identifier: MIT */
/* Two ways to spread a loop: over threads of our own (a crew), or through the host's function. Neither shows in the
 * result, because a piece knows its number alone. */
#include "base/task.h"

#include "base/alloc.h"
#include "base/context.h"
#include "base/local.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#elif !defined(__aarch64__)
#include <fenv.h>
#endif

/* Looks at a word this often before it sleeps: about 30 us, more than lies between the loops of a training step. */
#define SPINS 2000

/* State of the open job in one word, so that joining it is one compare-and-swap: helpers at work in the low 16 bits,
 * then one bit "open", then the number of the job. */
#define GATE_OPEN UINT64_C(0x10000)
#define GATE_HELPERS UINT64_C(0xFFFF)

struct crew;

struct worker {
  struct crew *crew;
  pthread_t thread;
  int32_t slot;
};

/* One process's threads. A child of fork leaves the parent's crew untouched, locks included, and makes its own. */
struct crew {
  struct crew *parents; /* crew of the process this one was forked from */
  pid_t pid;
  int spins;
  pthread_mutex_t turn; /* held by the caller whose loop runs */
  int started;          /* under turn */
  int32_t workers;      /* under turn: threads that exist */

  bzdi_task task; /* the job: written before the gate opens */
  void *arg;
  int64_t n;
  uint32_t mode;
  _Alignas(64) _Atomic(uint64_t) gate;
  _Alignas(64) _Atomic(int64_t) next;
  _Alignas(64) atomic_int sleepers; /* workers asleep or about to be */
  atomic_int caller_sleeps;
  atomic_int stop;
  pthread_mutex_t lock; /* guards nothing but the way to sleep */
  pthread_cond_t wake, done;
  struct worker worker[];
};

struct bzdi_pool {
  int32_t threads;
  _Atomic(struct crew *) crew;
};

/* Slot of the piece this thread is in, plus one; 0 outside. */
static BZDI_THREAD_LOCAL int32_t inside;

static void relax(void) {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Rounding, denormal and trap mode of this thread (of processors that we do not know, rounding alone): helpers take
 * over the caller's, so that bits do not tell who computed. */
static uint32_t mode_get(void) {
#if defined(__x86_64__)
  return _mm_getcsr() & ~0x3Fu;
#elif defined(__aarch64__)
  uint64_t mode;
  __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
  return (uint32_t)mode;
#else
  return (uint32_t)fegetround();
#endif
}

static void mode_set(uint32_t mode) {
  if (mode_get() == mode) return;
#if defined(__x86_64__)
  _mm_setcsr(mode);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)mode));
#else
  fesetround((int)mode);
#endif
}

static void serial(int64_t n, bzdi_task task, void *arg, int32_t slot) {
  for (int64_t i = 0; i < n; i++) task(arg, i, slot);
}

/* ---- A crew of our own ---------------------------------------------------------------------------------------- */

static void work(struct crew *crew, int32_t slot) {
  inside = slot + 1;
  for (int64_t i; (i = atomic_fetch_add_explicit(&crew->next, 1, memory_order_relaxed)) < crew->n;)
    crew->task(crew->arg, i, slot);
  inside = 0;
}

/* Is there a job other than the last one seen, or the end? */
static int called(struct crew *crew, uint64_t last, uint64_t *gate) {
  *gate = atomic_load(&crew->gate);
  return ((*gate & GATE_OPEN) && *gate / (2 * GATE_OPEN) != last) || atomic_load(&crew->stop);
}

static uint64_t await_call(struct crew *crew, uint64_t last) {
  uint64_t gate;
  for (int i = 0; i < crew->spins; i++) {
    if (called(crew, last, &gate)) return gate;
    relax();
  }
  pthread_mutex_lock(&crew->lock);
  atomic_fetch_add(&crew->sleepers, 1); /* before the look at the gate, as the caller opens it before looking here */
  while (!called(crew, last, &gate)) pthread_cond_wait(&crew->wake, &crew->lock);
  atomic_fetch_sub(&crew->sleepers, 1);
  pthread_mutex_unlock(&crew->lock);
  return gate;
}

static void *worker_main(void *arg) {
  const struct worker *self = arg;
  struct crew *crew = self->crew;
  uint64_t last = 0;
  for (;;) {
    uint64_t gate = await_call(crew, last);
    if (atomic_load(&crew->stop)) return NULL;
    if (!atomic_compare_exchange_strong(&crew->gate, &gate, gate + 1)) continue;
    last = gate / (2 * GATE_OPEN);
    mode_set(crew->mode);
    work(crew, self->slot);
    gate = atomic_fetch_sub(&crew->gate, 1) - 1;
    if ((gate & (GATE_OPEN | GATE_HELPERS)) == 0 && atomic_load(&crew->caller_sleeps)) {
      pthread_mutex_lock(&crew->lock);
      pthread_cond_signal(&crew->done);
      pthread_mutex_unlock(&crew->lock);
    }
  }
}

/* The system may grant fewer threads than asked for; the caller alone is enough. Workers block every signal, so that
 * the host's handlers run on the host's threads. */
static void start(struct crew *crew, int32_t workers) {
  sigset_t all, old;
  sigfillset(&all);
  if (pthread_sigmask(SIG_SETMASK, &all, &old) != 0) return;
  while (crew->workers < workers) {
    struct worker *worker = &crew->worker[crew->workers];
    *worker = (struct worker){.crew = crew, .slot = crew->workers + 1};
    if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0) break;
    crew->workers++;
  }
  pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static int idle(struct crew *crew) { return (atomic_load(&crew->gate) & GATE_HELPERS) == 0; }

static void run(struct crew *crew, int32_t workers, int64_t n, bzdi_task task, void *arg) {
  pthread_mutex_lock(&crew->turn);
  if (!crew->started) {
    crew->started = 1;
    start(crew, workers);
  }
  crew->task = task;
  crew->arg = arg;
  crew->n = n;
  crew->mode = mode_get();
  atomic_store(&crew->next, 0);
  const uint64_t job = atomic_load(&crew->gate) / (2 * GATE_OPEN) + 1;
  atomic_store(&crew->gate, job * (2 * GATE_OPEN) + GATE_OPEN);
  if (atomic_load(&crew->sleepers) > 0) {
    pthread_mutex_lock(&crew->lock);
    if (n > crew->workers)
      pthread_cond_broadcast(&crew->wake);
    else
      for (int64_t i = 1; i < n; i++) pthread_cond_signal(&crew->wake);
    pthread_mutex_unlock(&crew->lock);
  }

  work(crew, 0);

  /* Whoever has not joined by now is not waited for. */
  atomic_fetch_and(&crew->gate, ~GATE_OPEN);
  for (int i = 0; i < crew->spins && !idle(crew); i++) relax();
  if (!idle(crew)) {
    pthread_mutex_lock(&crew->lock);
    atomic_store(&crew->caller_sleeps, 1);
    while (!idle(crew)) pthread_cond_wait(&crew->done, &crew->lock);
    atomic_store(&crew->caller_sleeps, 0);
    pthread_mutex_unlock(&crew->lock);
  }
  pthread_mutex_unlock(&crew->turn);
}

static struct crew *crew_new(const bzd_context *context, int32_t threads, struct crew *parents) {
  struct crew *crew = bzdi_calloc(context, 1, sizeof *crew + (size_t)(threads - 1) * sizeof *crew->worker);
  if (!crew) return NULL;
  crew->parents = parents;
  crew->pid = getpid();
  crew->spins = threads <= bzdi_cores() ? SPINS : SPINS / 40; /* spinning must not keep the working ones off a core */
  if (pthread_mutex_init(&crew->turn, NULL) != 0) goto no_turn;
  if (pthread_mutex_init(&crew->lock, NULL) != 0) goto no_lock;
  if (pthread_cond_init(&crew->wake, NULL) != 0) goto no_wake;
  if (pthread_cond_init(&crew->done, NULL) != 0) goto no_done;
  return crew;

no_done:
  pthread_cond_destroy(&crew->wake);
no_wake:
  pthread_mutex_destroy(&crew->lock);
no_lock:
  pthread_mutex_destroy(&crew->turn);
no_turn:
  bzdi_free(context, crew);
  return NULL;
}

static void crew_free(const bzd_context *context, struct crew *crew) {
  if (crew->pid == getpid()) { /* a parent's threads do not exist here, and its locks may be held for ever */
    pthread_mutex_lock(&crew->lock);
    atomic_store(&crew->stop, 1);
    pthread_cond_broadcast(&crew->wake);
    pthread_mutex_unlock(&crew->lock);
    for (int32_t i = 0; i < crew->workers; i++) pthread_join(crew->worker[i].thread, NULL);
    pthread_cond_destroy(&crew->done);
    pthread_cond_destroy(&crew->wake);
    pthread_mutex_destroy(&crew->lock);
    pthread_mutex_destroy(&crew->turn);
  }
  bzdi_free(context, crew);
}

struct bzdi_pool *bzdi_pool_new(const bzd_context *context, int32_t threads) {
  assert(threads >= 1);
  struct bzdi_pool *pool = bzdi_calloc(context, 1, sizeof *pool);
  if (!pool) return NULL;
  struct crew *crew = crew_new(context, threads, NULL);
  if (!crew) {
    bzdi_free(context, pool);
    return NULL;
  }
  pool->threads = threads;
  atomic_init(&pool->crew, crew);
  return pool;
}

void bzdi_pool_free(const bzd_context *context, struct bzdi_pool *pool) {
  if (!pool) return;
  for (struct crew *crew = atomic_load(&pool->crew), *parents; crew; crew = parents) {
    parents = crew->parents;
    crew_free(context, crew);
  }
  bzdi_free(context, pool);
}

/* This process's crew; NULL when a child has no memory for one. */
static struct crew *crew_here(const bzd_context *context, struct bzdi_pool *pool) {
  struct crew *crew = atomic_load_explicit(&pool->crew, memory_order_acquire);
  const pid_t pid = getpid();
  while (crew->pid != pid) {
    struct crew *fresh = crew_new(context, pool->threads, crew);
    if (!fresh) return NULL;
    if (atomic_compare_exchange_strong(&pool->crew, &crew, fresh)) return fresh;
    crew_free(context, fresh); /* another thread of the child was first */
  }
  return crew;
}

/* ---- The host's function -------------------------------------------------------------------------------------- */

struct hosted {
  bzdi_task task;
  void *arg;
  int32_t slots;
  uint32_t mode;
  _Atomic(uint64_t) busy[4]; /* a bit per slot */
};

static int32_t slot_take(struct hosted *job) {
  for (int tries = 0;; tries++) {
    for (int32_t base = 0; base < job->slots; base += 64) {
      _Atomic(uint64_t) *word = &job->busy[base / 64];
      const int32_t here = job->slots - base < 64 ? job->slots - base : 64;
      const uint64_t all = ~UINT64_C(0) >> (64 - here);
      uint64_t busy = atomic_load_explicit(word, memory_order_relaxed);
      while ((busy & all) != all) {
        int bit = __builtin_ctzll(~busy);
        if (atomic_compare_exchange_weak_explicit(word, &busy, busy | UINT64_C(1) << bit, memory_order_acquire,
                                                  memory_order_relaxed))
          return base + bit;
      }
    }
    if (tries < 100)
      sched_yield();
    else
      nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
  }
}

static void hosted_piece(void *arg, int64_t i) {
  struct hosted *job = arg;
  const int32_t outer = inside;
  const uint32_t mode = mode_get();
  const int32_t slot = slot_take(job);
  inside = slot + 1;
  mode_set(job->mode);
  job->task(job->arg, i, slot);
  mode_set(mode);
  inside = outer;
  atomic_fetch_and_explicit(&job->busy[slot / 64], ~(UINT64_C(1) << slot % 64), memory_order_release);
}

/* ---- The loop ------------------------------------------------------------------------------------------------- */

int32_t bzdi_slots(const bzd_context *context) { return bzdi_context(context)->threads; }

void bzdi_parallel_for(const bzd_context *context, int64_t n, bzdi_task task, void *arg) {
  const bzd_context *host = bzdi_context(context);
  if (n <= 0) return;
  if (inside) { /* scratch of the outer call goes by its slot, so keep to it */
    serial(n, task, arg, inside - 1 < host->threads ? inside - 1 : 0);
  } else if (n == 1 || host->threads == 1) {
    serial(n, task, arg, 0);
  } else if (host->parallel_for) {
    struct hosted job = {.task = task, .arg = arg, .slots = host->threads, .mode = mode_get()};
    host->parallel_for(host->parallel_for_user, n, hosted_piece, &job);
  } else {
    struct crew *crew = crew_here(host, host->pool);
    if (crew)
      run(crew, host->pool->threads - 1, n, task, arg);
    else
      serial(n, task, arg, 0);
  }
}
