/* SPDX-License-Identifier: MIT */
/* 09: all that a host may lend, at once: an allocator with a budget, a log, two threads of its own and a cancel from a
 * signal handler; the bits are those of a host that lends nothing. Introduces: refusals that are survived. */
#define _XOPEN_SOURCE 700 /* setitimer */
#include <bezdist/bezdist.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static void check(bzd_status status) {
  if (status == BZD_OK) return;
  char text[512];
  bzd_last_error(text, sizeof text);
  fprintf(stderr, "%s: %s\n", bzd_status_name(status), text);
  exit(1);
}

/* ---- Memory: counted, and refused above the budget ------------------------------------------------------------ */

struct ledger {
  _Atomic size_t live, budget;
  atomic_int refused;
};

static void *lend(void *user, size_t size, size_t align) {
  struct ledger *ledger = user; /* any thread may be here */
  if (atomic_fetch_add(&ledger->live, size) + size <= atomic_load(&ledger->budget)) {
    void *block = aligned_alloc(align, (size + align - 1) / align * align);
    if (block != NULL) return block;
  }
  atomic_fetch_sub(&ledger->live, size);
  atomic_fetch_add(&ledger->refused, 1);
  return NULL;
}

static void take_back(void *user, void *block, size_t size, size_t align) {
  (void)align;
  atomic_fetch_sub(&((struct ledger *)user)->live, size);
  free(block);
}

/* ---- Two threads that do the library's loops ------------------------------------------------------------------ */

enum { CREW = 2 };

struct crew {
  pthread_mutex_t mutex;
  pthread_cond_t work, done;
  bzd_task_fn fn;
  void *arg;
  int64_t n, next, left; /* of the loop there is: pieces, the next to begin, those that are not done */
  int64_t pieces;        /* of all loops */
  int over;
  pthread_t threads[CREW];
};

static void *serve(void *user) {
  struct crew *crew = user;
  pthread_mutex_lock(&crew->mutex);
  for (;;) {
    while (crew->next == crew->n && !crew->over) pthread_cond_wait(&crew->work, &crew->mutex);
    if (crew->next == crew->n) break;
    int64_t i = crew->next++;
    pthread_mutex_unlock(&crew->mutex);
    crew->fn(crew->arg, i);
    pthread_mutex_lock(&crew->mutex);
    crew->pieces++;
    if (--crew->left == 0) pthread_cond_signal(&crew->done);
  }
  pthread_mutex_unlock(&crew->mutex);
  return NULL;
}

/* One loop at a time: this program calls the library from one thread. */
static void parallel_for(void *user, int64_t n, bzd_task_fn fn, void *arg) {
  struct crew *crew = user;
  pthread_mutex_lock(&crew->mutex);
  crew->fn = fn, crew->arg = arg, crew->n = crew->left = n, crew->next = 0;
  pthread_cond_broadcast(&crew->work);
  while (crew->left > 0) pthread_cond_wait(&crew->done, &crew->mutex);
  pthread_mutex_unlock(&crew->mutex);
}

/* ---- Log and cancel -------------------------------------------------------------------------------------------- */

static void write_down(void *user, int32_t level, const char *text) {
  int *lines = user;
  if ((*lines)++ == 0) printf("log, level %d: %s\n", (int)level, text);
}

static bzd_trainer *_Atomic running;
static void on_alarm(int number) {
  (void)number;
  bzd_trainer_cancel(atomic_load(&running)); /* one atomic store */
}

static void set_alarm(long microseconds) {
  struct itimerval timer = {.it_interval.tv_usec = microseconds, .it_value.tv_usec = microseconds};
  setitimer(ITIMER_REAL, &timer, NULL);
}

/* ---- The same training on any host ----------------------------------------------------------------------------- */

static bzd_trainer *new_trainer(const bzd_context *context) {
  enum { ROWS = 1000 };
  static float rows[2 * ROWS];
  check(bzd_noise(1, BZD_STREAM_USER, 0, ROWS, 2, rows));
  rows[500] = 1e30f; /* a broken sensor: its loss is not finite */
  bzd_data_config data_config;
  bzd_flow_config flow_config;
  bzd_trainer_config config;
  check(bzd_data_config_init(&data_config, sizeof data_config));
  check(bzd_flow_config_init(&flow_config, sizeof flow_config));
  check(bzd_trainer_config_init(&config, sizeof config));
  data_config.n = ROWS, data_config.dim = 2, data_config.rows = rows;
  flow_config.dim = 2, flow_config.width = 64;
  config.steps = 1500, config.batch = 128;
  config.divergence = BZD_DIVERGENCE_SKIP; /* such steps are left out, with a warning in the log */
  bzd_data *data;
  bzd_source *source;
  bzd_flow *fresh;
  bzd_trainer *trainer;
  check(bzd_data_create(context, &data_config, &data));
  check(bzd_source_create_data(data, NULL, 0, &source));
  check(bzd_flow_create(context, &flow_config, &fresh));
  check(bzd_trainer_create(fresh, source, &config, &trainer));
  bzd_flow_destroy(fresh), bzd_source_destroy(source), bzd_data_destroy(data);
  return trainer;
}

static float *weights_of(const bzd_flow *flow, size_t *bytes) {
  bzd_flow_info info = {.struct_size = sizeof info};
  check(bzd_flow_get_info(flow, &info));
  *bytes = (size_t)info.parameters * sizeof(float);
  float *weights = malloc(*bytes);
  if (weights == NULL) exit(1);
  check(bzd_flow_get_parameters(flow, info.parameters, weights));
  return weights;
}

int main(void) {
  struct ledger ledger = {.budget = 64 << 20};
  struct crew crew = {
      .mutex = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
  int lines = 0, stops = 0;
  for (int i = 0; i < CREW; i++)
    if (pthread_create(&crew.threads[i], NULL, serve, &crew) != 0) return 1;
  bzd_context_config config;
  check(bzd_context_config_init(&config, sizeof config));
  config.threads = CREW; /* how many pieces may run at once */
  config.alloc = lend, config.free = take_back, config.alloc_user = &ledger;
  config.log = write_down, config.log_user = &lines;
  config.parallel_for = parallel_for, config.parallel_for_user = &crew;
  bzd_context *context;
  check(bzd_context_create(&config, &context));

  /* Stopped by the alarm again and again, and going on each time. */
  bzd_trainer *trainer = new_trainer(context);
  atomic_store(&running, trainer);
  sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm, .sa_flags = SA_RESTART}, NULL);
  set_alarm(20000);
  bzd_status status;
  while ((status = bzd_trainer_run(trainer, 0, NULL, NULL)) == BZD_E_CANCELLED) stops++;
  set_alarm(0);
  check(status);

  /* No room for the flow: the call fails, the trainer does not. */
  bzd_flow *flow;
  atomic_store(&ledger.budget, atomic_load(&ledger.live) + 1000);
  status = bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &flow);
  printf("without room: %s, %d refused\n", bzd_status_name(status), atomic_load(&ledger.refused));
  atomic_store(&ledger.budget, 64 << 20);
  check(bzd_trainer_get_flow(trainer, BZD_WEIGHTS_AUTO, &flow));
  printf("%d stops, %lld pieces on two threads, %d lines of log, %zu bytes in use\n", stops, (long long)crew.pieces,
         lines, atomic_load(&ledger.live));

  bzd_trainer *plain = new_trainer(NULL);
  bzd_flow *expected;
  check(bzd_trainer_run(plain, 0, NULL, NULL));
  check(bzd_trainer_get_flow(plain, BZD_WEIGHTS_AUTO, &expected));
  size_t bytes, expected_bytes;
  float *a = weights_of(flow, &bytes), *b = weights_of(expected, &expected_bytes);
  int same = bytes == expected_bytes && memcmp(a, b, bytes) == 0;
  printf("%s as on a host that lends nothing\n", same ? "the same bits" : "other bits");

  free(a), free(b);
  bzd_trainer_destroy(plain), bzd_flow_destroy(expected);
  bzd_trainer_destroy(trainer), bzd_flow_destroy(flow), bzd_context_destroy(context);
  pthread_mutex_lock(&crew.mutex);
  crew.over = 1;
  pthread_cond_broadcast(&crew.work);
  pthread_mutex_unlock(&crew.mutex);
  for (int i = 0; i < CREW; i++) pthread_join(crew.threads[i], NULL);
  printf("%zu bytes left\n", atomic_load(&ledger.live));
  return same && stops > 0 && lines > 0 && crew.pieces > 0 && status == BZD_E_MEMORY && ledger.live == 0 ? 0 : 1;
}
