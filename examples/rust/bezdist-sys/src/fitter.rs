// SPDX-License-Identifier: MIT
//! bezdist/fitter.h: trajectories to control points.

use crate::*;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_fitter_config {
    pub struct_size: u32,
    pub degree: i32,
    pub nodes: i32,
    pub reserved: i32,
    pub times: *const f64,
    pub weights: *const f64,
    pub ridge: f64,
}

extern "C" {
    pub fn bzd_fitter_config_init(config: *mut bzd_fitter_config, size: usize) -> bzd_status;
    pub fn bzd_fitter_config_size() -> usize;
    pub fn bzd_fitter_create(
        context: *const bzd_context,
        config: *const bzd_fitter_config,
        out: *mut *mut bzd_fitter,
    ) -> bzd_status;
    pub fn bzd_fitter_destroy(fitter: *mut bzd_fitter);
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_fitter_info {
    pub struct_size: u32,
    pub degree: i32,
    pub nodes: i32,
    pub in_double: i32,
    pub norm: f64,
    pub condition: f64,
}

extern "C" {
    pub fn bzd_fitter_info_size() -> usize;
    pub fn bzd_fitter_get_info(fitter: *const bzd_fitter, info: *mut bzd_fitter_info) -> bzd_status;
    pub fn bzd_fitter_get_times(fitter: *const bzd_fitter, times: *mut f64) -> bzd_status;
    pub fn bzd_fitter_fit(
        fitter: *const bzd_fitter,
        n: i64,
        dim: i64,
        states: *const f32,
        paths: *mut f32,
        residual: *mut f64,
    ) -> bzd_status;
}
