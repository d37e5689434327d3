// SPDX-License-Identifier: MIT
//! bezdist/source.h: where training paths come from.

use crate::*;
use std::os::raw::c_void;

extern "C" {
    pub fn bzd_source_create_data(
        target: *const bzd_data,
        start: *const bzd_data,
        seed: u64,
        out: *mut *mut bzd_source,
    ) -> bzd_status;
    pub fn bzd_source_create_transport(
        target: *const bzd_data,
        start: *const bzd_data,
        group: i64,
        seed: u64,
        out: *mut *mut bzd_source,
    ) -> bzd_status;
}

pub const BZD_GUIDE_FIT: i32 = 0;
pub const BZD_GUIDE_CONTROL: i32 = 1;
pub const BZD_GUIDE_WAYPOINT: i32 = 2;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_ensemble_source_config {
    pub struct_size: u32,
    pub guide: i32,
    pub guide_times: [f64; 2],
    pub seed: u64,
    pub start: *const bzd_data,
    pub real: *const bzd_data,
    pub rho: f64,
    pub solver: i32,
    pub steps: i32,
    pub rtol: f64,
    pub atol: f64,
    pub cond: *const f32,
    pub cond_count: i64,
    pub guides: *const *const bzd_flow,
    pub visitor: *const bzd_flow,
    pub visit_steps: i32,
    pub windows: i32,
    pub tolerance: f64,
    pub bend: f64,
}

extern "C" {
    pub fn bzd_ensemble_source_config_init(config: *mut bzd_ensemble_source_config, size: usize) -> bzd_status;
    pub fn bzd_ensemble_source_config_size() -> usize;
    pub fn bzd_source_create_ensemble(
        ensemble: *const bzd_ensemble,
        fitter: *const bzd_fitter,
        config: *const bzd_ensemble_source_config,
        out: *mut *mut bzd_source,
    ) -> bzd_status;
    pub fn bzd_source_create_callback(
        context: *const bzd_context,
        degree: i32,
        dim: i64,
        cond_dim: i64,
        fn_: bzd_paths_fn,
        user: *mut c_void,
        out: *mut *mut bzd_source,
    ) -> bzd_status;
    pub fn bzd_source_create_pool(
        base: *const bzd_source,
        first: i64,
        count: i64,
        seed: u64,
        progress: bzd_progress_fn,
        user: *mut c_void,
        out: *mut *mut bzd_source,
    ) -> bzd_status;
    pub fn bzd_source_destroy(source: *mut bzd_source);
}

pub const BZD_SOURCE_DATA: i32 = 1;
pub const BZD_SOURCE_ENSEMBLE: i32 = 2;
pub const BZD_SOURCE_CALLBACK: i32 = 3;
pub const BZD_SOURCE_POOL: i32 = 4;
pub const BZD_SOURCE_TRANSPORT: i32 = 5;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_source_info {
    pub struct_size: u32,
    pub kind: i32,
    pub degree: i32,
    pub generation: i32,
    pub dim: i64,
    pub cond_dim: i64,
    pub count: i64,
    pub nfe: f64,
    pub residual: f64,
    pub relative_residual: f64,
}

extern "C" {
    pub fn bzd_source_info_size() -> usize;
    pub fn bzd_source_get_info(source: *const bzd_source, info: *mut bzd_source_info) -> bzd_status;
    pub fn bzd_source_get_paths(
        source: *const bzd_source,
        first: i64,
        n: i64,
        paths: *mut f32,
        cond: *mut f32,
        span: *mut f32,
    ) -> bzd_status;
}
