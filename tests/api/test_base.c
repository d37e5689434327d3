/* SPDX-License-Identifier: MIT */
/* Version, statuses, error text, struct sizes, contexts, random numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bezdist/bezdist.h>

#include <math.h>
#include <pthread.h>

#include "../support/host.h"

static void test_version(void **state) {
  (void)state;
  char text[32], info[512], cut[8];
  assert_int_equal(bzd_version(), BZD_VERSION_MAJOR << 16 | BZD_VERSION_MINOR << 8 | BZD_VERSION_PATCH);
  snprintf(text, sizeof text, "%d.%d.%d", BZD_VERSION_MAJOR, BZD_VERSION_MINOR, BZD_VERSION_PATCH);
  assert_string_equal(bzd_version_string(), text);
  size_t length = bzd_build_info(NULL, 0);
  assert_in_range(length, 20, sizeof info - 1);
  assert_int_equal(bzd_build_info(info, sizeof info), length);
  assert_int_equal(strlen(info), length);
  assert_null(strchr(info, '\n'));
  assert_non_null(strstr(info, text));
  assert_non_null(strstr(info, "zlib 1."));
  assert_non_null(strstr(info, "noise version 1"));
  assert_int_equal(bzd_build_info(cut, sizeof cut), length);
  assert_int_equal(strlen(cut), sizeof cut - 1);
  assert_memory_equal(cut, info, sizeof cut - 1);
}

static void test_statuses(void **state) {
  static const struct {
    bzd_status status;
    const char *name;
  } pinned[] = {{0, "BZD_OK"},           {-10, "BZD_E_ARGUMENT"},    {-11, "BZD_E_DIMENSION"}, {-12, "BZD_E_CONFIG"},
                {-13, "BZD_E_STATE"},    {-14, "BZD_E_UNSUPPORTED"}, {-20, "BZD_E_MEMORY"},    {-21, "BZD_E_LIMIT"},
                {-30, "BZD_E_IO"},       {-31, "BZD_E_FORMAT"},      {-32, "BZD_E_CORRUPT"},   {-33, "BZD_E_VERSION"},
                {-40, "BZD_E_NUMERIC"},  {-41, "BZD_E_DIVERGED"},    {-42, "BZD_E_STEPS"},     {-50, "BZD_E_CANCELLED"},
                {-90, "BZD_E_INTERNAL"}, {1, "BZD_E_UNKNOWN"},       {-1000, "BZD_E_UNKNOWN"}};
  (void)state;
  for (size_t i = 0; i < sizeof pinned / sizeof *pinned; i++)
    assert_string_equal(bzd_status_name(pinned[i].status), pinned[i].name);
}

/* A function for each struct, for bindings that cannot see sizeof. */
static void test_sizes(void **state) {
  (void)state;
  assert_int_equal(bzd_context_config_size(), sizeof(bzd_context_config));
  assert_int_equal(bzd_progress_size(), sizeof(bzd_progress));
  assert_int_equal(bzd_limits_size(), sizeof(bzd_limits));
  assert_int_equal(bzd_checkpoint_info_size(), sizeof(bzd_checkpoint_info));
  assert_int_equal(bzd_tensor_info_size(), sizeof(bzd_tensor_info));
  assert_int_equal(bzd_data_config_size(), sizeof(bzd_data_config));
  assert_int_equal(bzd_data_info_size(), sizeof(bzd_data_info));
  assert_int_equal(bzd_ensemble_config_size(), sizeof(bzd_ensemble_config));
  assert_int_equal(bzd_ensemble_info_size(), sizeof(bzd_ensemble_info));
  assert_int_equal(bzd_fitter_config_size(), sizeof(bzd_fitter_config));
  assert_int_equal(bzd_fitter_info_size(), sizeof(bzd_fitter_info));
  assert_int_equal(bzd_flow_config_size(), sizeof(bzd_flow_config));
  assert_int_equal(bzd_flow_info_size(), sizeof(bzd_flow_info));
  assert_int_equal(bzd_grid_config_size(), sizeof(bzd_grid_config));
  assert_int_equal(bzd_flow_metrics_config_size(), sizeof(bzd_flow_metrics_config));
  assert_int_equal(bzd_flow_metrics_size(), sizeof(bzd_flow_metrics));
  assert_int_equal(bzd_sample_config_size(), sizeof(bzd_sample_config));
  assert_int_equal(bzd_sample_result_size(), sizeof(bzd_sample_result));
  assert_int_equal(bzd_metrics_config_size(), sizeof(bzd_metrics_config));
  assert_int_equal(bzd_metrics_result_size(), sizeof(bzd_metrics_result));
  assert_int_equal(bzd_ensemble_source_config_size(), sizeof(bzd_ensemble_source_config));
  assert_int_equal(bzd_source_info_size(), sizeof(bzd_source_info));
  assert_int_equal(bzd_trainer_config_size(), sizeof(bzd_trainer_config));
  assert_int_equal(bzd_trainer_info_size(), sizeof(bzd_trainer_info));
}

/* Set by failures, cleared by successes, untouched by getters without a status. */
static void test_text(void **state) {
  (void)state;
  float x[4];
  char cut[8];
  FAILS(BZD_E_ARGUMENT, "n is -3", bzd_noise(0, 0, 0, -3, 4, x));
  bzd_context_destroy(NULL);
  (void)bzd_context_threads(NULL);
  size_t length = bzd_last_error(NULL, 0);
  assert_true(length > 10);
  assert_int_equal(bzd_last_error(cut, sizeof cut), length);
  assert_int_equal(strlen(cut), sizeof cut - 1);
  OK(bzd_noise(0, 0, 0, 1, 4, x));
  assert_int_equal(bzd_last_error(cut, sizeof cut), 0);
  assert_string_equal(cut, "");
}

static void *fail_elsewhere(void *arg) {
  (void)arg;
  bzd_noise(0, 0, 0, -3, 4, NULL);
  return NULL;
}

static void test_text_per_thread(void **state) {
  pthread_t thread;
  float x[4];
  (void)state;
  OK(bzd_noise(0, 0, 0, 1, 4, x));
  assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
  pthread_join(thread, NULL);
  assert_int_equal(bzd_last_error(NULL, 0), 0);
}

/* A struct of a newer caller is fine as long as what we do not know is zero. */
static void test_newer_config(void **state) {
  struct {
    bzd_context_config config;
    uint64_t tail[2];
  } wide;
  bzd_context *context;
  (void)state;
  memset(&wide, 0xFF, sizeof wide);
  OK(bzd_context_config_init(&wide.config, sizeof wide));
  assert_int_equal(wide.config.struct_size, sizeof wide);
  assert_int_equal(wide.config.threads, 1);
  assert_true(wide.tail[0] == 0 && wide.tail[1] == 0);
  OK(bzd_context_create(&wide.config, &context));
  bzd_context_destroy(context);
}

static void test_threads(void **state) {
  (void)state;
  bzd_context *three = host_context(NULL, 3), *all = host_context(NULL, 0);
  assert_int_equal(bzd_context_threads(three), 3);
  assert_in_range(bzd_context_threads(all), 1, 256);
  bzd_context_destroy(three);
  bzd_context_destroy(all);
}

typedef struct lines {
  int count, bad;
} lines;

static void keep(void *user, int32_t level, const char *text) {
  lines *l = user;
  l->count++;
  l->bad += (level != BZD_LOG_WARNING && level != BZD_LOG_INFO) || text[0] == '\0' || strchr(text, '\n') != NULL;
}

/* At most the one warning about the CPU. */
static void test_log(void **state) {
  lines l = {0};
  bzd_context_config config;
  bzd_context *context;
  (void)state;
  OK(bzd_context_config_init(&config, sizeof config));
  config.log = keep;
  config.log_user = &l;
  OK(bzd_context_create(&config, &context));
  bzd_context_destroy(context);
  assert_in_range(l.count, 0, 1);
  assert_int_equal(l.bad, 0);
}

/* Whatever allocation fails, creating a context fails cleanly. */
static void test_no_memory(void **state) {
  (void)state;
  host h;
  bzd_context_config config;
  bzd_context *context = NULL;
  int refused = 0;
  OK(bzd_context_config_init(&config, sizeof config));
  host_init(&h);
  config.threads = 3;
  config.alloc = host_alloc;
  config.free = host_free;
  config.alloc_user = &h;
  for (long long quota = 0; context == NULL && quota < 100; quota++) {
    atomic_store(&h.quota, quota);
    bzd_status status = bzd_context_create(&config, &context);
    if (status == BZD_OK) break;
    refused++;
    assert_int_equal(status, BZD_E_MEMORY);
    failure_text();
    assert_null(context);
    assert_int_equal(atomic_load(&h.live), 0);
  }
  assert_non_null(context);
  assert_in_range(refused, 1, 99);
  bzd_context_destroy(context);
  assert_int_equal(atomic_load(&h.live), 0);
  assert_int_equal(atomic_load(&h.wrong), 0);
}

/* Sample i is the same wherever it is asked for, streams and seeds differ, moments are right. */
static void test_random(void **state) {
  enum { N = 4096, DIM = 5 };
  static float all[N * DIM], one[DIM], uniform[N * DIM];
  double sum = 0, square = 0, mean = 0;
  (void)state;
  OK(bzd_noise(7, BZD_STREAM_USER, 100, N, DIM, all));
  for (int64_t i = 0; i < N; i += 411) {
    OK(bzd_noise(7, BZD_STREAM_USER, 100 + i, 1, DIM, one));
    assert_memory_equal(one, all + i * DIM, sizeof one);
  }
  OK(bzd_noise(8, BZD_STREAM_USER, 100, 1, DIM, one));
  assert_memory_not_equal(one, all, sizeof one);
  OK(bzd_noise(7, BZD_STREAM_USER + 1, 100, 1, DIM, one));
  assert_memory_not_equal(one, all, sizeof one);
  OK(bzd_uniform(7, BZD_STREAM_USER, 0, N, DIM, uniform));
  for (int i = 0; i < N * DIM; i++) {
    sum += (double)all[i];
    square += (double)all[i] * (double)all[i];
    mean += (double)uniform[i];
    assert_true(uniform[i] > 0.0f && uniform[i] < 1.0f);
  }
  /* Four standard errors: 4 / sqrt(20480) = 0.028 for the mean, times sqrt 2 for the square, over sqrt 12 for uniforms
   */
  assert_true(fabs(sum / (N * DIM)) < 0.028);
  assert_true(fabs(square / (N * DIM) - 1.0) < 0.040);
  assert_true(fabs(mean / (N * DIM) - 0.5) < 0.0081);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_version), cmocka_unit_test(test_statuses),        cmocka_unit_test(test_sizes),
      cmocka_unit_test(test_text),    cmocka_unit_test(test_text_per_thread), cmocka_unit_test(test_newer_config),
      cmocka_unit_test(test_threads), cmocka_unit_test(test_no_memory),       cmocka_unit_test(test_random),
      cmocka_unit_test(test_log),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
