// SPDX-License-Identifier: MIT
//! bezdist/base.h: statuses, errors, the context, callbacks and random numbers.

use std::os::raw::{c_char, c_void};

pub const BZD_VERSION_MAJOR: u32 = 0;
pub const BZD_VERSION_MINOR: u32 = 1;
pub const BZD_VERSION_PATCH: u32 = 0;

extern "C" {
    pub fn bzd_version() -> u32;
    pub fn bzd_version_string() -> *const c_char;
    pub fn bzd_build_info(buf: *mut c_char, cap: usize) -> usize;
}

pub type bzd_status = i32;

pub const BZD_OK: bzd_status = 0;
pub const BZD_E_ARGUMENT: bzd_status = -10;
pub const BZD_E_DIMENSION: bzd_status = -11;
pub const BZD_E_CONFIG: bzd_status = -12;
pub const BZD_E_STATE: bzd_status = -13;
pub const BZD_E_UNSUPPORTED: bzd_status = -14;
pub const BZD_E_MEMORY: bzd_status = -20;
pub const BZD_E_LIMIT: bzd_status = -21;
pub const BZD_E_IO: bzd_status = -30;
pub const BZD_E_FORMAT: bzd_status = -31;
pub const BZD_E_CORRUPT: bzd_status = -32;
pub const BZD_E_VERSION: bzd_status = -33;
pub const BZD_E_NUMERIC: bzd_status = -40;
pub const BZD_E_DIVERGED: bzd_status = -41;
pub const BZD_E_STEPS: bzd_status = -42;
pub const BZD_E_CANCELLED: bzd_status = -50;
pub const BZD_E_INTERNAL: bzd_status = -90;

extern "C" {
    pub fn bzd_status_name(status: bzd_status) -> *const c_char;
    pub fn bzd_last_error(buf: *mut c_char, cap: usize) -> usize;
}

opaque!(bzd_context);

pub type bzd_alloc_fn = Option<unsafe extern "C" fn(user: *mut c_void, size: usize, align: usize) -> *mut c_void>;

pub type bzd_free_fn = Option<unsafe extern "C" fn(user: *mut c_void, ptr: *mut c_void, size: usize, align: usize)>;

pub const BZD_LOG_WARNING: i32 = 1;
pub const BZD_LOG_INFO: i32 = 2;

pub type bzd_log_fn = Option<unsafe extern "C" fn(user: *mut c_void, level: i32, text: *const c_char)>;

pub type bzd_task_fn = Option<unsafe extern "C" fn(arg: *mut c_void, i: i64)>;

pub type bzd_parallel_for_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, n: i64, fn_: bzd_task_fn, arg: *mut c_void)>;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_context_config {
    pub struct_size: u32,
    pub threads: i32,
    pub alloc: bzd_alloc_fn,
    pub free: bzd_free_fn,
    pub alloc_user: *mut c_void,
    pub log: bzd_log_fn,
    pub log_user: *mut c_void,
    pub parallel_for: bzd_parallel_for_fn,
    pub parallel_for_user: *mut c_void,
}

extern "C" {
    pub fn bzd_context_config_init(config: *mut bzd_context_config, size: usize) -> bzd_status;
    pub fn bzd_context_config_size() -> usize;
    pub fn bzd_context_create(config: *const bzd_context_config, out: *mut *mut bzd_context) -> bzd_status;
    pub fn bzd_context_destroy(context: *mut bzd_context);
    pub fn bzd_context_threads(context: *const bzd_context) -> i32;
}

opaque!(bzd_data);
opaque!(bzd_flow);
opaque!(bzd_ensemble);
opaque!(bzd_fitter);
opaque!(bzd_source);
opaque!(bzd_trainer);
opaque!(bzd_checkpoint);
opaque!(bzd_tensors);

pub type bzd_release_fn = Option<unsafe extern "C" fn(user: *mut c_void)>;

extern "C" {
    pub fn bzd_on_release(handle: *mut c_void, fn_: bzd_release_fn, user: *mut c_void) -> bzd_status;
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_progress {
    pub struct_size: u32,
    pub phase: i32,
    pub step: i64,
    pub of: i64,
    pub loss: f64,
    pub smooth_loss: f64,
    pub rate: f64,
    pub nfe: f64,
    pub seconds: f64,
}

pub const BZD_PHASE_TRAIN: i32 = 1;
pub const BZD_PHASE_SAMPLE: i32 = 2;
pub const BZD_PHASE_GENERATE: i32 = 3;

extern "C" {
    pub fn bzd_progress_size() -> usize;
}

pub type bzd_progress_fn = Option<unsafe extern "C" fn(user: *mut c_void, progress: *const bzd_progress) -> i32>;

pub type bzd_velocity_fn = Option<
    unsafe extern "C" fn(
        user: *mut c_void,
        n: i64,
        dim: i64,
        x: *const f32,
        t: *const f32,
        cond_dim: i64,
        cond: *const f32,
        v: *mut f32,
    ) -> i32,
>;

pub type bzd_weights_fn = Option<
    unsafe extern "C" fn(
        user: *mut c_void,
        n: i64,
        count: i64,
        dim: i64,
        x: *const f32,
        t: *const f32,
        v: *const f32,
        weights: *mut f64,
    ) -> i32,
>;

pub type bzd_paths_fn = Option<
    unsafe extern "C" fn(
        user: *mut c_void,
        n: i64,
        index: *const i64,
        degree: i32,
        dim: i64,
        cond_dim: i64,
        paths: *mut f32,
        cond: *mut f32,
        span: *mut f32,
    ) -> i32,
>;

pub const BZD_STREAM_NOISE: u32 = 0;
pub const BZD_STREAM_ORDER: u32 = 1;
pub const BZD_STREAM_TIME: u32 = 2;
pub const BZD_STREAM_DROPOUT: u32 = 3;
pub const BZD_STREAM_INIT: u32 = 4;
pub const BZD_STREAM_PARTNER: u32 = 5;
pub const BZD_STREAM_MEMBER: u32 = 6;
pub const BZD_STREAM_ANCHOR: u32 = 7;
pub const BZD_STREAM_METRIC: u32 = 8;
pub const BZD_STREAM_CONSISTENCY: u32 = 9;
pub const BZD_STREAM_VISIT: u32 = 10;
pub const BZD_STREAM_RENOISE: u32 = 11;
pub const BZD_STREAM_USER: u32 = 0x10000;
pub const BZD_NOISE_VERSION: u32 = 1;

extern "C" {
    pub fn bzd_noise(seed: u64, stream: u32, first: i64, n: i64, dim: i64, out: *mut f32) -> bzd_status;
    pub fn bzd_uniform(seed: u64, stream: u32, first: i64, n: i64, dim: i64, out: *mut f32) -> bzd_status;
}
