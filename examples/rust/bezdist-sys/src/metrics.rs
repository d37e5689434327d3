// SPDX-License-Identifier: MIT
//! bezdist/metrics.h: distances between sets of samples.

use crate::*;

pub const BZD_METRIC_SW2: u32 = 1;
pub const BZD_METRIC_W2: u32 = 2;
pub const BZD_METRIC_ENERGY: u32 = 4;
pub const BZD_METRIC_FRECHET: u32 = 8;
pub const BZD_METRIC_PRECISION_RECALL: u32 = 16;
pub const BZD_METRIC_MMD: u32 = 32;
pub const BZD_METRIC_TOTAL_VARIANCE: u32 = 64;
pub const BZD_METRIC_ALL: u32 = 127;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_metrics_config {
    pub struct_size: u32,
    pub which: u32,
    pub directions: i32,
    pub neighbours: i32,
    pub seed: u64,
}

extern "C" {
    pub fn bzd_metrics_config_init(config: *mut bzd_metrics_config, size: usize) -> bzd_status;
    pub fn bzd_metrics_config_size() -> usize;
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_metrics_result {
    pub struct_size: u32,
    pub which: u32,
    pub sw2: f64,
    pub w2: f64,
    pub energy: f64,
    pub frechet: f64,
    pub frechet_matched: f64,
    pub precision: f64,
    pub recall: f64,
    pub mmd: f64,
    pub total_variance: f64,
    pub total_variance_b: f64,
}

extern "C" {
    pub fn bzd_metrics_result_size() -> usize;
    pub fn bzd_metrics_compare(
        context: *const bzd_context,
        config: *const bzd_metrics_config,
        dim: i64,
        n: i64,
        a: *const f32,
        m: i64,
        b: *const f32,
        result: *mut bzd_metrics_result,
    ) -> bzd_status;
    pub fn bzd_metrics_nearest(
        context: *const bzd_context,
        dim: i64,
        n: i64,
        a: *const f32,
        m: i64,
        b: *const f32,
        index: *mut i64,
        distance: *mut f64,
    ) -> bzd_status;
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_flow_metrics_config {
    pub struct_size: u32,
    pub steps: i32,
    pub rows: i64,
    pub paths: *const bzd_source,
    pub real: *const bzd_data,
    pub decode_solver: i32,
    pub decode_steps: i32,
    pub seed: u64,
}

extern "C" {
    pub fn bzd_flow_metrics_config_init(config: *mut bzd_flow_metrics_config, size: usize) -> bzd_status;
    pub fn bzd_flow_metrics_config_size() -> usize;
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_flow_metrics {
    pub struct_size: u32,
    pub reserved: u32,
    pub straightness: f64,
    pub chord2: f64,
    pub arc_over_chord: f64,
    pub path_straightness: f64,
    pub path_chord2: f64,
    pub path_arc_over_chord: f64,
    pub crossing_variance: f64,
    pub budget: f64,
    pub drift: f64,
}

extern "C" {
    pub fn bzd_flow_metrics_size() -> usize;
    pub fn bzd_metrics_flow(
        flow: *const bzd_flow,
        config: *const bzd_flow_metrics_config,
        result: *mut bzd_flow_metrics,
    ) -> bzd_status;
}
