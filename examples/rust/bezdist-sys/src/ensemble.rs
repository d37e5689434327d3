// SPDX-License-Identifier: MIT
//! bezdist/ensemble.h: ensembles of teachers.

use crate::*;
use std::os::raw::c_void;

pub const BZD_COMBINE_VELOCITY: i32 = 1;
pub const BZD_COMBINE_MIXTURE: i32 = 2;
pub const BZD_COMBINE_SELECT: i32 = 3;
pub const BZD_COMBINE_ENDPOINT: i32 = 4;
pub const BZD_COMBINE_ANY_VELOCITY: i32 = 5;
pub const BZD_RULE_UNIFORM: i32 = 1;
pub const BZD_RULE_FIXED: i32 = 2;
pub const BZD_RULE_CONSENSUS: i32 = 3;
pub const BZD_RULE_MEDOID: i32 = 4;
pub const BZD_RULE_ERROR: i32 = 5;
pub const BZD_RULE_VARIANCE: i32 = 6;
pub const BZD_RULE_CALLBACK: i32 = 7;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_ensemble_config {
    pub struct_size: u32,
    pub combine: i32,
    pub rule: i32,
    pub reserved: i32,
    pub fixed: *const f64,
    pub weights: bzd_weights_fn,
    pub weights_user: *mut c_void,
    pub validation: *const bzd_source,
    pub validation_count: i64,
    pub bins: i32,
    pub reserved2: i32,
    pub temperature: f64,
    pub guidance: *const f64,
    pub seed: u64,
}

extern "C" {
    pub fn bzd_ensemble_config_init(config: *mut bzd_ensemble_config, size: usize) -> bzd_status;
    pub fn bzd_ensemble_config_size() -> usize;
    pub fn bzd_ensemble_create(
        context: *const bzd_context,
        config: *const bzd_ensemble_config,
        count: i64,
        teachers: *const *const bzd_flow,
        out: *mut *mut bzd_ensemble,
    ) -> bzd_status;
    pub fn bzd_ensemble_destroy(ensemble: *mut bzd_ensemble);
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_ensemble_info {
    pub struct_size: u32,
    pub combine: i32,
    pub rule: i32,
    pub nfe: i32,
    pub count: i64,
    pub dim: i64,
    pub cond_dim: i64,
    pub effective: f64,
}

extern "C" {
    pub fn bzd_ensemble_info_size() -> usize;
    pub fn bzd_ensemble_get_info(ensemble: *const bzd_ensemble, info: *mut bzd_ensemble_info) -> bzd_status;
    pub fn bzd_ensemble_get_weights(ensemble: *const bzd_ensemble, t: f64, weights: *mut f64) -> bzd_status;
    pub fn bzd_ensemble_effective(
        ensemble: *const bzd_ensemble,
        n: i64,
        x: *const f32,
        t: *const f32,
        cond: *const f32,
        effective: *mut f64,
    ) -> bzd_status;
    pub fn bzd_ensemble_get_member(ensemble: *const bzd_ensemble, i: i64, out: *mut *mut bzd_flow) -> bzd_status;
    pub fn bzd_ensemble_velocity(
        ensemble: *const bzd_ensemble,
        n: i64,
        first_index: i64,
        x: *const f32,
        t: *const f32,
        cond: *const f32,
        v: *mut f32,
        weights: *mut f64,
    ) -> bzd_status;
    pub fn bzd_ensemble_sample(
        ensemble: *const bzd_ensemble,
        config: *const bzd_sample_config,
        n: i64,
        x0: *const f32,
        cond: *const f32,
        out: *mut f32,
        result: *mut bzd_sample_result,
    ) -> bzd_status;
    pub fn bzd_ensemble_trajectory(
        ensemble: *const bzd_ensemble,
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
