// SPDX-License-Identifier: MIT
//! bezdist/flow.h: flows and sampling.

use crate::*;
use std::os::raw::{c_char, c_void};

pub const BZD_FLOW_VELOCITY: i32 = 1;
pub const BZD_FLOW_CONTROL: i32 = 2;
pub const BZD_FLOW_ENDPOINT: i32 = 3;
pub const BZD_FLOW_CALLBACK: i32 = 4;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_flow_config {
    pub struct_size: u32,
    pub kind: i32,
    pub degree: i32,
    pub layers: i32,
    pub dim: i64,
    pub cond_dim: i64,
    pub width: i64,
    pub time_features: i32,
    pub item_ndim: i32,
    pub item_shape: [i64; 4],
    pub seed: u64,
    pub scale: *const f32,
    pub offset: *const f32,
    pub skip: i32,
    pub reserved: i32,
}

extern "C" {
    pub fn bzd_flow_config_init(config: *mut bzd_flow_config, size: usize) -> bzd_status;
    pub fn bzd_flow_config_size() -> usize;
    pub fn bzd_flow_create(
        context: *const bzd_context,
        config: *const bzd_flow_config,
        out: *mut *mut bzd_flow,
    ) -> bzd_status;
    pub fn bzd_flow_create_from(
        teacher: *const bzd_flow,
        kind: i32,
        degree: i32,
        out: *mut *mut bzd_flow,
    ) -> bzd_status;
    pub fn bzd_flow_create_callback(
        context: *const bzd_context,
        config: *const bzd_flow_config,
        fn_: bzd_velocity_fn,
        user: *mut c_void,
        serialise: i32,
        out: *mut *mut bzd_flow,
    ) -> bzd_status;
    pub fn bzd_flow_destroy(flow: *mut bzd_flow);
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_flow_info {
    pub struct_size: u32,
    pub kind: i32,
    pub degree: i32,
    pub layers: i32,
    pub width: i64,
    pub parameters: i64,
    pub packed_bytes: i64,
    pub time_features: i32,
    pub has_affine: i32,
    pub dim: i64,
    pub cond_dim: i64,
    pub item_ndim: i32,
    pub generation: i32,
    pub item_shape: [i64; 4],
    pub skip: i32,
    pub reserved: i32,
}

extern "C" {
    pub fn bzd_flow_info_size() -> usize;
    pub fn bzd_flow_get_info(flow: *const bzd_flow, info: *mut bzd_flow_info) -> bzd_status;
    pub fn bzd_flow_get_affine(flow: *const bzd_flow, scale: *mut f32, offset: *mut f32) -> bzd_status;
    pub fn bzd_flow_set_metadata(flow: *mut bzd_flow, key: *const c_char, value: *const c_char) -> bzd_status;
    pub fn bzd_flow_metadata_count(flow: *const bzd_flow) -> i64;
    pub fn bzd_flow_metadata_at(
        flow: *const bzd_flow,
        i: i64,
        key: *mut *const c_char,
        value: *mut *const c_char,
    ) -> bzd_status;
    pub fn bzd_flow_get_metadata(flow: *const bzd_flow, key: *const c_char, value: *mut *const c_char) -> bzd_status;
    pub fn bzd_flow_get_parameters(flow: *const bzd_flow, count: i64, values: *mut f32) -> bzd_status;
    pub fn bzd_flow_set_parameters(flow: *mut bzd_flow, count: i64, values: *const f32) -> bzd_status;
}

pub const BZD_PRECISION_FLOAT32: i32 = 0;
pub const BZD_PRECISION_BFLOAT16: i32 = 1;

extern "C" {
    pub fn bzd_flow_set_precision(flow: *mut bzd_flow, precision: i32, error: *mut f64) -> bzd_status;
    pub fn bzd_flow_velocity(
        flow: *const bzd_flow,
        n: i64,
        x: *const f32,
        t: *const f32,
        cond: *const f32,
        guidance: f64,
        v: *mut f32,
    ) -> bzd_status;
    pub fn bzd_flow_curve(
        flow: *const bzd_flow,
        n: i64,
        x: *const f32,
        t: *const f32,
        cond: *const f32,
        guidance: f64,
        paths: *mut f32,
    ) -> bzd_status;
}

pub const BZD_SOLVER_AUTO: i32 = 0;
pub const BZD_SOLVER_EULER: i32 = 1;
pub const BZD_SOLVER_MIDPOINT: i32 = 2;
pub const BZD_SOLVER_HEUN: i32 = 3;
pub const BZD_SOLVER_RK4: i32 = 4;
pub const BZD_SOLVER_DOPRI5: i32 = 5;
pub const BZD_SOLVER_CONTROL: i32 = 6;
pub const BZD_SOLVER_DOPRI5_FIXED: i32 = 7;
pub const BZD_SOLVER_REANCHOR: i32 = 8;
pub const BZD_UNITS_MODEL: i32 = 0;
pub const BZD_UNITS_DATA: i32 = 1;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_sample_config {
    pub struct_size: u32,
    pub solver: i32,
    pub steps: i32,
    pub grid_count: i32,
    pub grid: *const f64,
    pub t0: f64,
    pub t1: f64,
    pub rtol: f64,
    pub atol: f64,
    pub max_steps: i64,
    pub guidance: f64,
    pub seed: u64,
    pub first_index: i64,
    pub units: i32,
    pub reserved: i32,
    pub renoise: f64,
    pub progress: bzd_progress_fn,
    pub progress_user: *mut c_void,
}

extern "C" {
    pub fn bzd_sample_config_init(config: *mut bzd_sample_config, size: usize) -> bzd_status;
    pub fn bzd_sample_config_size() -> usize;
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_sample_result {
    pub struct_size: u32,
    pub solver: i32,
    pub nfe_mean: f64,
    pub nfe_max: i64,
    pub rejected: i64,
    pub seconds: f64,
}

extern "C" {
    pub fn bzd_sample_result_size() -> usize;
    pub fn bzd_flow_sample(
        flow: *const bzd_flow,
        config: *const bzd_sample_config,
        n: i64,
        x0: *const f32,
        cond: *const f32,
        out: *mut f32,
        result: *mut bzd_sample_result,
    ) -> bzd_status;
    pub fn bzd_flow_trajectory(
        flow: *const bzd_flow,
        config: *const bzd_sample_config,
        n: i64,
        x0: *const f32,
        cond: *const f32,
        count: i64,
        times: *const f64,
        states: *mut f32,
        result: *mut bzd_sample_result,
    ) -> bzd_status;
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_grid_config {
    pub struct_size: u32,
    pub steps: i32,
    pub candidates: i32,
    pub reserved: i32,
    pub rows: i64,
    pub seed: u64,
    pub paths: *const bzd_source,
}

extern "C" {
    pub fn bzd_grid_config_init(config: *mut bzd_grid_config, size: usize) -> bzd_status;
    pub fn bzd_grid_config_size() -> usize;
    pub fn bzd_flow_choose_grid(
        flow: *const bzd_flow,
        config: *const bzd_grid_config,
        grid: *mut f64,
        error: *mut f64,
    ) -> bzd_status;
}
