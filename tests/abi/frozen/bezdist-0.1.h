/* SPDX-License-Identifier: MIT */
/* The public interface as version 0.1 had it. Never changed: sh tests/abi/freeze.sh --client made it. */
/* clang-format off */
#ifndef BEZDIST_FROZEN_H
#define BEZDIST_FROZEN_H
#include <stddef.h>
#include <stdint.h>
#if defined(__GNUC__)
#define BZD_API __attribute__((visibility("default")))
#else
#define BZD_API 
#endif
#define BZD_VERSION_MAJOR 0
#define BZD_VERSION_MINOR 1
#define BZD_VERSION_PATCH 0
BZD_API uint32_t bzd_version(void);
BZD_API const char *bzd_version_string(void);
BZD_API size_t bzd_build_info(char *buf, size_t cap);
typedef int32_t bzd_status;
#define BZD_OK 0
#define BZD_E_ARGUMENT (-10)
#define BZD_E_DIMENSION (-11)
#define BZD_E_CONFIG (-12)
#define BZD_E_STATE (-13)
#define BZD_E_UNSUPPORTED (-14)
#define BZD_E_MEMORY (-20)
#define BZD_E_LIMIT (-21)
#define BZD_E_IO (-30)
#define BZD_E_FORMAT (-31)
#define BZD_E_CORRUPT (-32)
#define BZD_E_VERSION (-33)
#define BZD_E_NUMERIC (-40)
#define BZD_E_DIVERGED (-41)
#define BZD_E_STEPS (-42)
#define BZD_E_CANCELLED (-50)
#define BZD_E_INTERNAL (-90)
BZD_API const char *bzd_status_name(bzd_status status);
BZD_API size_t bzd_last_error(char *buf, size_t cap);
typedef struct bzd_context bzd_context;
typedef void *(*bzd_alloc_fn)(void *user, size_t size, size_t align);
typedef void (*bzd_free_fn)(void *user, void *ptr, size_t size, size_t align);
#define BZD_LOG_WARNING 1
#define BZD_LOG_INFO 2
typedef void (*bzd_log_fn)(void *user, int32_t level, const char *text);
typedef void (*bzd_task_fn)(void *arg, int64_t i);
typedef void (*bzd_parallel_for_fn)(void *user, int64_t n, bzd_task_fn fn, void *arg);
typedef struct bzd_context_config {
  uint32_t struct_size;
  int32_t threads;
  bzd_alloc_fn alloc;
  bzd_free_fn free;
  void *alloc_user;
  bzd_log_fn log;
  void *log_user;
  bzd_parallel_for_fn parallel_for;
  void *parallel_for_user;
} bzd_context_config;
BZD_API bzd_status bzd_context_config_init(bzd_context_config *config, size_t size);
BZD_API size_t bzd_context_config_size(void);
BZD_API bzd_status bzd_context_create(const bzd_context_config *config, bzd_context **out);
BZD_API void bzd_context_destroy(bzd_context *context);
BZD_API int32_t bzd_context_threads(const bzd_context *context);
typedef struct bzd_data bzd_data;
typedef struct bzd_flow bzd_flow;
typedef struct bzd_ensemble bzd_ensemble;
typedef struct bzd_fitter bzd_fitter;
typedef struct bzd_source bzd_source;
typedef struct bzd_trainer bzd_trainer;
typedef struct bzd_checkpoint bzd_checkpoint;
typedef struct bzd_tensors bzd_tensors;
typedef void (*bzd_release_fn)(void *user);
BZD_API bzd_status bzd_on_release(void *handle, bzd_release_fn fn, void *user);
typedef struct bzd_progress {
  uint32_t struct_size;
  int32_t phase;
  int64_t step;
  int64_t of;
  double loss;
  double smooth_loss;
  double rate;
  double nfe;
  double seconds;
} bzd_progress;
#define BZD_PHASE_TRAIN 1
#define BZD_PHASE_SAMPLE 2
#define BZD_PHASE_GENERATE 3
BZD_API size_t bzd_progress_size(void);
typedef int32_t (*bzd_progress_fn)(void *user, const bzd_progress *progress);
typedef int32_t (*bzd_velocity_fn)(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                                   const float *cond, float *v);
typedef int32_t (*bzd_weights_fn)(void *user, int64_t n, int64_t count, int64_t dim, const float *x, const float *t,
                                  const float *v, double *weights);
typedef int32_t (*bzd_paths_fn)(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim,
                                int64_t cond_dim, float *paths, float *cond, float *span);
#define BZD_STREAM_NOISE 0
#define BZD_STREAM_ORDER 1
#define BZD_STREAM_TIME 2
#define BZD_STREAM_DROPOUT 3
#define BZD_STREAM_INIT 4
#define BZD_STREAM_PARTNER 5
#define BZD_STREAM_MEMBER 6
#define BZD_STREAM_ANCHOR 7
#define BZD_STREAM_METRIC 8
#define BZD_STREAM_CONSISTENCY 9
#define BZD_STREAM_VISIT 10
#define BZD_STREAM_RENOISE 11
#define BZD_STREAM_USER 0x10000
#define BZD_NOISE_VERSION 1
BZD_API bzd_status bzd_noise(uint64_t seed, uint32_t stream, int64_t first, int64_t n, int64_t dim, float *out);
BZD_API bzd_status bzd_uniform(uint64_t seed, uint32_t stream, int64_t first, int64_t n, int64_t dim, float *out);
typedef struct bzd_limits {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t max_file;
  uint64_t max_raw;
  uint64_t max_index;
  int64_t max_tensors;
  int64_t max_meta;
} bzd_limits;
BZD_API bzd_status bzd_limits_init(bzd_limits *limits, size_t size);
BZD_API size_t bzd_limits_size(void);
BZD_API bzd_status bzd_checkpoint_from_flow(const bzd_flow *flow, bzd_checkpoint **out);
BZD_API bzd_status bzd_checkpoint_from_ensemble(const bzd_ensemble *ensemble, bzd_checkpoint **out);
BZD_API bzd_status bzd_checkpoint_from_trainer(const bzd_trainer *trainer, bzd_checkpoint **out);
BZD_API bzd_status bzd_checkpoint_from_source(const bzd_source *source, bzd_checkpoint **out);
BZD_API bzd_status bzd_checkpoint_from_paths(const bzd_source *base, int64_t first, int64_t count, int64_t window,
                                             uint64_t seed, bzd_progress_fn progress, void *user, bzd_checkpoint **out);
BZD_API void bzd_checkpoint_destroy(bzd_checkpoint *checkpoint);
BZD_API bzd_status bzd_checkpoint_write_file(bzd_checkpoint *checkpoint, const char *path);
typedef int32_t (*bzd_write_fn)(void *user, const void *data, size_t size);
BZD_API bzd_status bzd_checkpoint_write_callback(bzd_checkpoint *checkpoint, bzd_write_fn fn, void *user);
BZD_API bzd_status bzd_checkpoint_write_buffer(bzd_checkpoint *checkpoint, void *buf, size_t cap, size_t *size);
BZD_API bzd_status bzd_checkpoint_open_file(const bzd_context *context, const char *path, const bzd_limits *limits,
                                            bzd_checkpoint **out);
BZD_API bzd_status bzd_checkpoint_open_buffer(const bzd_context *context, const void *data, size_t size,
                                              const bzd_limits *limits, bzd_checkpoint **out);
typedef int32_t (*bzd_read_fn)(void *user, uint64_t offset, void *data, size_t size);
BZD_API bzd_status bzd_checkpoint_open_callback(const bzd_context *context, bzd_read_fn fn, void *user,
                                                uint64_t file_size, const bzd_limits *limits, bzd_checkpoint **out);
BZD_API bzd_status bzd_checkpoint_get_flow(const bzd_checkpoint *checkpoint, int32_t which, bzd_flow **out);
BZD_API bzd_status bzd_checkpoint_get_ensemble(const bzd_checkpoint *checkpoint, bzd_ensemble **out);
BZD_API bzd_status bzd_checkpoint_get_trainer(const bzd_checkpoint *checkpoint, const bzd_source *source,
                                              bzd_trainer **out);
BZD_API bzd_status bzd_checkpoint_get_source(const bzd_checkpoint *checkpoint, bzd_source **out);
BZD_API bzd_status bzd_checkpoint_stream_source(const bzd_checkpoint *checkpoint, bzd_source **out);
#define BZD_CHECKPOINT_FLOW 1
#define BZD_CHECKPOINT_ENSEMBLE 2
#define BZD_CHECKPOINT_TRAINER 3
#define BZD_CHECKPOINT_PATHS 4
typedef struct bzd_checkpoint_info {
  uint32_t struct_size;
  int32_t kind;
  uint32_t version_major;
  uint32_t version_minor;
  int64_t tensors;
  int64_t metadata;
  uint64_t raw_bytes;
  uint64_t file_bytes;
  int64_t sections;
} bzd_checkpoint_info;
BZD_API size_t bzd_checkpoint_info_size(void);
BZD_API bzd_status bzd_checkpoint_get_info(const bzd_checkpoint *checkpoint, bzd_checkpoint_info *info);
#define BZD_ROLE_PARAMETER 1
#define BZD_ROLE_EMA 2
#define BZD_ROLE_MOMENT1 3
#define BZD_ROLE_MOMENT2 4
#define BZD_ROLE_BUFFER 5
#define BZD_ROLE_PATHS 6
typedef struct bzd_tensor_info {
  uint32_t struct_size;
  int32_t role;
  const char *name;
  const char *dtype;
  int32_t ndim;
  int32_t reserved;
  int64_t shape[8];
  uint64_t raw_bytes;
  uint64_t stored_bytes;
  const char *stored_dtype;
} bzd_tensor_info;
BZD_API size_t bzd_tensor_info_size(void);
BZD_API bzd_status bzd_checkpoint_get_tensor(const bzd_checkpoint *checkpoint, int64_t i, bzd_tensor_info *info);
BZD_API bzd_status bzd_checkpoint_read_tensor(const bzd_checkpoint *checkpoint, int64_t i, void *data, size_t cap);
BZD_API bzd_status bzd_checkpoint_read_rows(const bzd_checkpoint *checkpoint, int64_t i, int64_t first, int64_t count,
                                            void *data, size_t cap);
BZD_API bzd_status bzd_checkpoint_get_metadata(const bzd_checkpoint *checkpoint, int64_t i, const char **key,
                                               char *value, size_t cap);
BZD_API bzd_status bzd_checkpoint_verify(const bzd_checkpoint *checkpoint);
BZD_API bzd_status bzd_checkpoint_content_id(const bzd_checkpoint *checkpoint, char *id);
BZD_API bzd_status bzd_checkpoint_set_metadata(bzd_checkpoint *checkpoint, const char *key, const char *value);
BZD_API bzd_status bzd_checkpoint_find_metadata(const bzd_checkpoint *checkpoint, const char *key, const char **value);
BZD_API bzd_status bzd_checkpoint_set_section(bzd_checkpoint *checkpoint, const char *name, const void *data,
                                              size_t size);
BZD_API bzd_status bzd_checkpoint_get_section(const bzd_checkpoint *checkpoint, const char *name, const void **data,
                                              size_t *size);
BZD_API bzd_status bzd_checkpoint_section_at(const bzd_checkpoint *checkpoint, int64_t i, char *name, size_t *size);
#define BZD_STORAGE_EXACT 0
#define BZD_STORAGE_BF16 1
BZD_API bzd_status bzd_checkpoint_set_storage(bzd_checkpoint *checkpoint, int32_t storage);
BZD_API bzd_status bzd_flow_save(const bzd_flow *flow, const char *path);
BZD_API bzd_status bzd_flow_load(const bzd_context *context, const char *path, bzd_flow **out);
#define BZD_DTYPE_F32 1
#define BZD_DTYPE_U8 2
#define BZD_NORMALISE_AUTO 0
#define BZD_NORMALISE_NONE 1
#define BZD_NORMALISE_STANDARDISE 2
#define BZD_NORMALISE_GIVEN 3
typedef struct bzd_data_config {
  uint32_t struct_size;
  int32_t dtype;
  int64_t n;
  int64_t dim;
  int64_t row_stride;
  const void *rows;
  int32_t copy;
  int32_t classes;
  const int32_t *labels;
  const float *cond;
  int64_t cond_dim;
  int32_t normalise;
  int32_t item_ndim;
  const float *scale;
  const float *offset;
  int64_t item_shape[4];
} bzd_data_config;
BZD_API bzd_status bzd_data_config_init(bzd_data_config *config, size_t size);
BZD_API size_t bzd_data_config_size(void);
BZD_API bzd_status bzd_data_create(const bzd_context *context, const bzd_data_config *config, bzd_data **out);
BZD_API void bzd_data_destroy(bzd_data *data);
typedef struct bzd_data_info {
  uint32_t struct_size;
  int32_t dtype;
  int64_t n;
  int64_t dim;
  int64_t cond_dim;
  int32_t classes;
  int32_t has_affine;
  int32_t item_ndim;
  int32_t reserved;
  int64_t item_shape[4];
} bzd_data_info;
BZD_API size_t bzd_data_info_size(void);
BZD_API bzd_status bzd_data_get_info(const bzd_data *data, bzd_data_info *info);
BZD_API bzd_status bzd_data_get_affine(const bzd_data *data, float *scale, float *offset);
BZD_API bzd_status bzd_data_get_rows(const bzd_data *data, int64_t first, int64_t n, float *x, float *cond);
#define BZD_FLOW_VELOCITY 1
#define BZD_FLOW_CONTROL 2
#define BZD_FLOW_ENDPOINT 3
#define BZD_FLOW_CALLBACK 4
typedef struct bzd_flow_config {
  uint32_t struct_size;
  int32_t kind;
  int32_t degree;
  int32_t layers;
  int64_t dim;
  int64_t cond_dim;
  int64_t width;
  int32_t time_features;
  int32_t item_ndim;
  int64_t item_shape[4];
  uint64_t seed;
  const float *scale;
  const float *offset;
} bzd_flow_config;
BZD_API bzd_status bzd_flow_config_init(bzd_flow_config *config, size_t size);
BZD_API size_t bzd_flow_config_size(void);
BZD_API bzd_status bzd_flow_create(const bzd_context *context, const bzd_flow_config *config, bzd_flow **out);
BZD_API bzd_status bzd_flow_create_from(const bzd_flow *teacher, int32_t kind, int32_t degree, bzd_flow **out);
BZD_API bzd_status bzd_flow_create_callback(const bzd_context *context, const bzd_flow_config *config,
                                            bzd_velocity_fn fn, void *user, int32_t serialise, bzd_flow **out);
BZD_API void bzd_flow_destroy(bzd_flow *flow);
typedef struct bzd_flow_info {
  uint32_t struct_size;
  int32_t kind;
  int32_t degree;
  int32_t layers;
  int64_t width;
  int64_t parameters;
  int64_t packed_bytes;
  int32_t time_features;
  int32_t has_affine;
  int64_t dim;
  int64_t cond_dim;
  int32_t item_ndim;
  int32_t generation;
  int64_t item_shape[4];
} bzd_flow_info;
BZD_API size_t bzd_flow_info_size(void);
BZD_API bzd_status bzd_flow_get_info(const bzd_flow *flow, bzd_flow_info *info);
BZD_API bzd_status bzd_flow_get_affine(const bzd_flow *flow, float *scale, float *offset);
BZD_API bzd_status bzd_flow_set_metadata(bzd_flow *flow, const char *key, const char *value);
BZD_API int64_t bzd_flow_metadata_count(const bzd_flow *flow);
BZD_API bzd_status bzd_flow_metadata_at(const bzd_flow *flow, int64_t i, const char **key, const char **value);
BZD_API bzd_status bzd_flow_get_metadata(const bzd_flow *flow, const char *key, const char **value);
BZD_API bzd_status bzd_flow_get_parameters(const bzd_flow *flow, int64_t count, float *values);
BZD_API bzd_status bzd_flow_set_parameters(bzd_flow *flow, int64_t count, const float *values);
#define BZD_PRECISION_FLOAT32 0
#define BZD_PRECISION_BFLOAT16 1
BZD_API bzd_status bzd_flow_set_precision(bzd_flow *flow, int32_t precision, double *error);
BZD_API bzd_status bzd_flow_velocity(const bzd_flow *flow, int64_t n, const float *x, const float *t, const float *cond,
                                     double guidance, float *v);
BZD_API bzd_status bzd_flow_curve(const bzd_flow *flow, int64_t n, const float *x, const float *t, const float *cond,
                                  double guidance, float *paths);
#define BZD_SOLVER_AUTO 0
#define BZD_SOLVER_EULER 1
#define BZD_SOLVER_MIDPOINT 2
#define BZD_SOLVER_HEUN 3
#define BZD_SOLVER_RK4 4
#define BZD_SOLVER_DOPRI5 5
#define BZD_SOLVER_CONTROL 6
#define BZD_SOLVER_DOPRI5_FIXED 7
#define BZD_SOLVER_REANCHOR 8
#define BZD_UNITS_MODEL 0
#define BZD_UNITS_DATA 1
typedef struct bzd_sample_config {
  uint32_t struct_size;
  int32_t solver;
  int32_t steps;
  int32_t grid_count;
  const double *grid;
  double t0;
  double t1;
  double rtol;
  double atol;
  int64_t max_steps;
  double guidance;
  uint64_t seed;
  int64_t first_index;
  int32_t units;
  int32_t reserved;
  double renoise;
  bzd_progress_fn progress;
  void *progress_user;
} bzd_sample_config;
BZD_API bzd_status bzd_sample_config_init(bzd_sample_config *config, size_t size);
BZD_API size_t bzd_sample_config_size(void);
typedef struct bzd_sample_result {
  uint32_t struct_size;
  int32_t solver;
  double nfe_mean;
  int64_t nfe_max;
  int64_t rejected;
  double seconds;
} bzd_sample_result;
BZD_API size_t bzd_sample_result_size(void);
BZD_API bzd_status bzd_flow_sample(const bzd_flow *flow, const bzd_sample_config *config, int64_t n, const float *x0,
                                   const float *cond, float *out, bzd_sample_result *result);
BZD_API bzd_status bzd_flow_trajectory(const bzd_flow *flow, const bzd_sample_config *config, int64_t n,
                                       const float *x0, const float *cond, int64_t count, const double *times,
                                       float *states, bzd_sample_result *result);
typedef struct bzd_grid_config {
  uint32_t struct_size;
  int32_t steps;
  int32_t candidates;
  int32_t reserved;
  int64_t rows;
  uint64_t seed;
  const bzd_source *paths;
} bzd_grid_config;
BZD_API bzd_status bzd_grid_config_init(bzd_grid_config *config, size_t size);
BZD_API size_t bzd_grid_config_size(void);
BZD_API bzd_status bzd_flow_choose_grid(const bzd_flow *flow, const bzd_grid_config *config, double *grid,
                                        double *error);
#define BZD_COMBINE_VELOCITY 1
#define BZD_COMBINE_MIXTURE 2
#define BZD_COMBINE_SELECT 3
#define BZD_COMBINE_ENDPOINT 4
#define BZD_COMBINE_ANY_VELOCITY 5
#define BZD_RULE_UNIFORM 1
#define BZD_RULE_FIXED 2
#define BZD_RULE_CONSENSUS 3
#define BZD_RULE_MEDOID 4
#define BZD_RULE_ERROR 5
#define BZD_RULE_VARIANCE 6
#define BZD_RULE_CALLBACK 7
typedef struct bzd_ensemble_config {
  uint32_t struct_size;
  int32_t combine;
  int32_t rule;
  int32_t reserved;
  const double *fixed;
  bzd_weights_fn weights;
  void *weights_user;
  const bzd_source *validation;
  int64_t validation_count;
  int32_t bins;
  int32_t reserved2;
  double temperature;
  const double *guidance;
  uint64_t seed;
} bzd_ensemble_config;
BZD_API bzd_status bzd_ensemble_config_init(bzd_ensemble_config *config, size_t size);
BZD_API size_t bzd_ensemble_config_size(void);
BZD_API bzd_status bzd_ensemble_create(const bzd_context *context, const bzd_ensemble_config *config, int64_t count,
                                       const bzd_flow *const *teachers, bzd_ensemble **out);
BZD_API void bzd_ensemble_destroy(bzd_ensemble *ensemble);
typedef struct bzd_ensemble_info {
  uint32_t struct_size;
  int32_t combine;
  int32_t rule;
  int32_t nfe;
  int64_t count;
  int64_t dim;
  int64_t cond_dim;
  double effective;
} bzd_ensemble_info;
BZD_API size_t bzd_ensemble_info_size(void);
BZD_API bzd_status bzd_ensemble_get_info(const bzd_ensemble *ensemble, bzd_ensemble_info *info);
BZD_API bzd_status bzd_ensemble_get_weights(const bzd_ensemble *ensemble, double t, double *weights);
BZD_API bzd_status bzd_ensemble_effective(const bzd_ensemble *ensemble, int64_t n, const float *x, const float *t,
                                          const float *cond, double *effective);
BZD_API bzd_status bzd_ensemble_get_member(const bzd_ensemble *ensemble, int64_t i, bzd_flow **out);
BZD_API bzd_status bzd_ensemble_velocity(const bzd_ensemble *ensemble, int64_t n, int64_t first_index, const float *x,
                                         const float *t, const float *cond, float *v, double *weights);
BZD_API bzd_status bzd_ensemble_sample(const bzd_ensemble *ensemble, const bzd_sample_config *config, int64_t n,
                                       const float *x0, const float *cond, float *out, bzd_sample_result *result);
BZD_API bzd_status bzd_ensemble_trajectory(const bzd_ensemble *ensemble, const bzd_sample_config *config, int64_t n,
                                           const float *x0, const float *cond, int64_t count, const double *times,
                                           float *states, bzd_sample_result *result);
typedef struct bzd_fitter_config {
  uint32_t struct_size;
  int32_t degree;
  int32_t nodes;
  int32_t reserved;
  const double *times;
  const double *weights;
  double ridge;
} bzd_fitter_config;
BZD_API bzd_status bzd_fitter_config_init(bzd_fitter_config *config, size_t size);
BZD_API size_t bzd_fitter_config_size(void);
BZD_API bzd_status bzd_fitter_create(const bzd_context *context, const bzd_fitter_config *config, bzd_fitter **out);
BZD_API void bzd_fitter_destroy(bzd_fitter *fitter);
typedef struct bzd_fitter_info {
  uint32_t struct_size;
  int32_t degree;
  int32_t nodes;
  int32_t in_double;
  double norm;
  double condition;
} bzd_fitter_info;
BZD_API size_t bzd_fitter_info_size(void);
BZD_API bzd_status bzd_fitter_get_info(const bzd_fitter *fitter, bzd_fitter_info *info);
BZD_API bzd_status bzd_fitter_get_times(const bzd_fitter *fitter, double *times);
BZD_API bzd_status bzd_fitter_fit(const bzd_fitter *fitter, int64_t n, int64_t dim, const float *states, float *paths,
                                  double *residual);
#define BZD_METRIC_SW2 1
#define BZD_METRIC_W2 2
#define BZD_METRIC_ENERGY 4
#define BZD_METRIC_FRECHET 8
#define BZD_METRIC_PRECISION_RECALL 16
#define BZD_METRIC_MMD 32
#define BZD_METRIC_TOTAL_VARIANCE 64
#define BZD_METRIC_ALL 127
typedef struct bzd_metrics_config {
  uint32_t struct_size;
  uint32_t which;
  int32_t directions;
  int32_t neighbours;
  uint64_t seed;
} bzd_metrics_config;
BZD_API bzd_status bzd_metrics_config_init(bzd_metrics_config *config, size_t size);
BZD_API size_t bzd_metrics_config_size(void);
typedef struct bzd_metrics_result {
  uint32_t struct_size;
  uint32_t which;
  double sw2;
  double w2;
  double energy;
  double frechet;
  double frechet_matched;
  double precision;
  double recall;
  double mmd;
  double total_variance;
  double total_variance_b;
} bzd_metrics_result;
BZD_API size_t bzd_metrics_result_size(void);
BZD_API bzd_status bzd_metrics_compare(const bzd_context *context, const bzd_metrics_config *config, int64_t dim,
                                       int64_t n, const float *a, int64_t m, const float *b,
                                       bzd_metrics_result *result);
BZD_API bzd_status bzd_metrics_nearest(const bzd_context *context, int64_t dim, int64_t n, const float *a, int64_t m,
                                       const float *b, int64_t *index, double *distance);
typedef struct bzd_flow_metrics_config {
  uint32_t struct_size;
  int32_t steps;
  int64_t rows;
  const bzd_source *paths;
  const bzd_data *real;
  int32_t decode_solver;
  int32_t decode_steps;
  uint64_t seed;
} bzd_flow_metrics_config;
BZD_API bzd_status bzd_flow_metrics_config_init(bzd_flow_metrics_config *config, size_t size);
BZD_API size_t bzd_flow_metrics_config_size(void);
typedef struct bzd_flow_metrics {
  uint32_t struct_size;
  uint32_t reserved;
  double straightness;
  double chord2;
  double arc_over_chord;
  double path_straightness;
  double path_chord2;
  double path_arc_over_chord;
  double crossing_variance;
  double budget;
  double drift;
} bzd_flow_metrics;
BZD_API size_t bzd_flow_metrics_size(void);
BZD_API bzd_status bzd_metrics_flow(const bzd_flow *flow, const bzd_flow_metrics_config *config,
                                    bzd_flow_metrics *result);
BZD_API bzd_status bzd_path_evaluate(int64_t n, int32_t degree, int64_t dim, const float *paths, int64_t count,
                                     const double *times, float *points);
BZD_API bzd_status bzd_path_derivative(int64_t n, int32_t degree, int64_t dim, const float *paths, int64_t count,
                                       const double *times, float *velocities);
BZD_API bzd_status bzd_path_elevate(int64_t n, int32_t degree, int64_t dim, const float *paths, int32_t to, float *out);
BZD_API bzd_status bzd_path_reduce(int64_t n, int32_t degree, int64_t dim, const float *paths, int32_t to, float *out,
                                   double *error);
BZD_API bzd_status bzd_path_split(int64_t n, int32_t degree, int64_t dim, const float *paths, double t, float *left,
                                  float *right);
BZD_API bzd_status bzd_path_measure(int64_t n, int32_t degree, int64_t dim, const float *paths, double *straightness,
                                    double *arc, double *chord);
BZD_API bzd_status bzd_path_curvature(int64_t n, int32_t degree, int64_t dim, const float *paths, int64_t count,
                                      const double *times, double *curvature);
BZD_API bzd_status bzd_path_distance(int64_t n, int32_t degree, int64_t dim, const float *a, const float *b,
                                     double *distance);
BZD_API bzd_status bzd_path_from_waypoints(int64_t n, int32_t degree, int64_t dim, const float *start,
                                           const float *guides, const double *tau, const float *end, float *paths);
BZD_API bzd_status bzd_path_targets(int64_t n, int32_t degree, int64_t dim, const float *paths, const float *t,
                                    float *x, float *u);
BZD_API bzd_status bzd_source_create_data(const bzd_data *target, const bzd_data *start, uint64_t seed,
                                          bzd_source **out);
BZD_API bzd_status bzd_source_create_transport(const bzd_data *target, const bzd_data *start, int64_t group,
                                               uint64_t seed, bzd_source **out);
#define BZD_GUIDE_FIT 0
#define BZD_GUIDE_CONTROL 1
#define BZD_GUIDE_WAYPOINT 2
typedef struct bzd_ensemble_source_config {
  uint32_t struct_size;
  int32_t guide;
  double guide_times[2];
  uint64_t seed;
  const bzd_data *start;
  const bzd_data *real;
  double rho;
  int32_t solver;
  int32_t steps;
  double rtol;
  double atol;
  const float *cond;
  int64_t cond_count;
  const bzd_flow *const *guides;
  const bzd_flow *visitor;
  int32_t visit_steps;
  int32_t windows;
  double tolerance;
  double bend;
} bzd_ensemble_source_config;
BZD_API bzd_status bzd_ensemble_source_config_init(bzd_ensemble_source_config *config, size_t size);
BZD_API size_t bzd_ensemble_source_config_size(void);
BZD_API bzd_status bzd_source_create_ensemble(const bzd_ensemble *ensemble, const bzd_fitter *fitter,
                                              const bzd_ensemble_source_config *config, bzd_source **out);
BZD_API bzd_status bzd_source_create_callback(const bzd_context *context, int32_t degree, int64_t dim, int64_t cond_dim,
                                              bzd_paths_fn fn, void *user, bzd_source **out);
BZD_API bzd_status bzd_source_create_pool(const bzd_source *base, int64_t first, int64_t count, uint64_t seed,
                                          bzd_progress_fn progress, void *user, bzd_source **out);
BZD_API void bzd_source_destroy(bzd_source *source);
#define BZD_SOURCE_DATA 1
#define BZD_SOURCE_ENSEMBLE 2
#define BZD_SOURCE_CALLBACK 3
#define BZD_SOURCE_POOL 4
#define BZD_SOURCE_TRANSPORT 5
typedef struct bzd_source_info {
  uint32_t struct_size;
  int32_t kind;
  int32_t degree;
  int32_t generation;
  int64_t dim;
  int64_t cond_dim;
  int64_t count;
  double nfe;
  double residual;
  double relative_residual;
} bzd_source_info;
BZD_API size_t bzd_source_info_size(void);
BZD_API bzd_status bzd_source_get_info(const bzd_source *source, bzd_source_info *info);
BZD_API bzd_status bzd_source_get_paths(const bzd_source *source, int64_t first, int64_t n, float *paths, float *cond,
                                        float *span);
#define BZD_FORMAT_AUTO 0
#define BZD_FORMAT_SAFETENSORS 1
#define BZD_FORMAT_NPY 2
#define BZD_FORMAT_NPZ 3
#define BZD_FORMAT_IDX 4
#define BZD_FORMAT_NPZ_DEFLATED 5
BZD_API bzd_status bzd_tensors_open_file(const bzd_context *context, const char *path, int32_t format,
                                         const bzd_limits *limits, bzd_tensors **out);
BZD_API bzd_status bzd_tensors_open_buffer(const bzd_context *context, const void *data, size_t size, int32_t format,
                                           const bzd_limits *limits, bzd_tensors **out);
BZD_API bzd_status bzd_tensors_open_callback(const bzd_context *context, bzd_read_fn fn, void *user, uint64_t file_size,
                                             int32_t format, const bzd_limits *limits, bzd_tensors **out);
BZD_API bzd_status bzd_tensors_create(const bzd_context *context, bzd_tensors **out);
BZD_API void bzd_tensors_destroy(bzd_tensors *tensors);
BZD_API bzd_status bzd_tensors_add(bzd_tensors *tensors, const char *name, const char *dtype, int32_t ndim,
                                   const int64_t *shape, const void *data);
BZD_API bzd_status bzd_tensors_set_text(bzd_tensors *tensors, const char *key, const char *value);
typedef struct bzd_tensors_info {
  uint32_t struct_size;
  int32_t format;
  int64_t count;
  int64_t texts;
  uint64_t raw_bytes;
  uint64_t file_bytes;
} bzd_tensors_info;
BZD_API size_t bzd_tensors_info_size(void);
BZD_API bzd_status bzd_tensors_get_info(const bzd_tensors *tensors, bzd_tensors_info *info);
BZD_API bzd_status bzd_tensors_get(const bzd_tensors *tensors, int64_t i, bzd_tensor_info *info);
BZD_API bzd_status bzd_tensors_find(const bzd_tensors *tensors, const char *name, int64_t *i);
BZD_API bzd_status bzd_tensors_read(const bzd_tensors *tensors, int64_t i, void *data, size_t cap);
BZD_API bzd_status bzd_tensors_read_f32(const bzd_tensors *tensors, int64_t i, float *data, size_t count);
BZD_API bzd_status bzd_tensors_text_at(const bzd_tensors *tensors, int64_t i, const char **key, const char **value);
BZD_API bzd_status bzd_tensors_get_text(const bzd_tensors *tensors, const char *key, const char **value);
BZD_API bzd_status bzd_tensors_write_file(const bzd_tensors *tensors, const char *path, int32_t format);
BZD_API bzd_status bzd_tensors_write_callback(const bzd_tensors *tensors, bzd_write_fn fn, void *user, int32_t format);
BZD_API bzd_status bzd_tensors_write_buffer(const bzd_tensors *tensors, void *buf, size_t cap, size_t *size,
                                            int32_t format);
BZD_API bzd_status bzd_tensors_from_flow(const bzd_flow *flow, bzd_tensors **out);
BZD_API bzd_status bzd_tensors_get_flow(const bzd_tensors *tensors, const bzd_flow_config *config, bzd_flow **out);
#define BZD_LOSS_MSE 1
#define BZD_LOSS_PSEUDO_HUBER 2
#define BZD_LOSS_GRAM 3
#define BZD_TIME_UNIFORM 1
#define BZD_TIME_U_SHAPED 2
#define BZD_TIME_LOGIT_NORMAL 3
#define BZD_TIME_LOSS_AWARE 4
#define BZD_DIVERGENCE_STOP 1
#define BZD_DIVERGENCE_SKIP 2
#define BZD_DIVERGENCE_ROLL_BACK 3
typedef struct bzd_trainer_config {
  uint32_t struct_size;
  int32_t loss;
  int64_t steps;
  int64_t batch;
  double rate;
  double final_rate;
  int64_t warmup;
  double beta1;
  double beta2;
  double epsilon;
  double weight_decay;
  double clip;
  double ema;
  double huber_c;
  int32_t time;
  int32_t grid_steps;
  double u_shape;
  double logit_mean;
  double logit_std;
  double at_zero;
  double at_grid;
  double one_step;
  double endpoint_weight;
  double
      consistency;
  double cond_dropout;
  uint64_t seed;
  int32_t divergence;
  int32_t divergence_limit;
  int64_t snapshot_every;
  double rollback_rate;
} bzd_trainer_config;
BZD_API bzd_status bzd_trainer_config_init(bzd_trainer_config *config, size_t size);
BZD_API size_t bzd_trainer_config_size(void);
BZD_API bzd_status bzd_trainer_config_aim(bzd_trainer_config *config, int32_t kind, int32_t nfe);
BZD_API bzd_status bzd_trainer_create(const bzd_flow *student, const bzd_source *source,
                                      const bzd_trainer_config *config, bzd_trainer **out);
BZD_API void bzd_trainer_destroy(bzd_trainer *trainer);
typedef struct bzd_trainer_info {
  uint32_t struct_size;
  int32_t has_ema;
  int64_t step;
  int64_t steps;
  int64_t batch;
  int64_t parameters;
  int64_t work_bytes;
  double loss;
  double smooth_loss;
  double rate;
  double gradient_norm;
  int32_t fingerprint_differs;
  int32_t reserved;
  int64_t skipped;
  int64_t rollbacks;
} bzd_trainer_info;
BZD_API size_t bzd_trainer_info_size(void);
BZD_API bzd_status bzd_trainer_get_info(const bzd_trainer *trainer, bzd_trainer_info *info);
BZD_API bzd_status bzd_trainer_run(bzd_trainer *trainer, int64_t count, bzd_progress_fn progress, void *user);
BZD_API bzd_status bzd_trainer_set_source(bzd_trainer *trainer, const bzd_source *source);
BZD_API void bzd_trainer_cancel(bzd_trainer *trainer);
#define BZD_WEIGHTS_AUTO 0
#define BZD_WEIGHTS_RAW 1
#define BZD_WEIGHTS_EMA 2
BZD_API bzd_status bzd_trainer_get_flow(const bzd_trainer *trainer, int32_t which, bzd_flow **out);
BZD_API bzd_status bzd_trainer_evaluate(bzd_trainer *trainer, const bzd_source *source, int64_t first, int64_t n,
                                        int32_t which, double *loss);
#endif
