// SPDX-License-Identifier: MIT
//! bezdist/trainer.h: training.

use crate::*;
use std::os::raw::c_void;

pub const BZD_LOSS_MSE: i32 = 1;
pub const BZD_LOSS_PSEUDO_HUBER: i32 = 2;
pub const BZD_LOSS_GRAM: i32 = 3;
pub const BZD_TIME_UNIFORM: i32 = 1;
pub const BZD_TIME_U_SHAPED: i32 = 2;
pub const BZD_TIME_LOGIT_NORMAL: i32 = 3;
pub const BZD_TIME_LOSS_AWARE: i32 = 4;
pub const BZD_DIVERGENCE_STOP: i32 = 1;
pub const BZD_DIVERGENCE_SKIP: i32 = 2;
pub const BZD_DIVERGENCE_ROLL_BACK: i32 = 3;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_trainer_config {
    pub struct_size: u32,
    pub loss: i32,
    pub steps: i64,
    pub batch: i64,
    pub rate: f64,
    pub final_rate: f64,
    pub warmup: i64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    pub weight_decay: f64,
    pub clip: f64,
    pub ema: f64,
    pub huber_c: f64,
    pub time: i32,
    pub grid_steps: i32,
    pub u_shape: f64,
    pub logit_mean: f64,
    pub logit_std: f64,
    pub at_zero: f64,
    pub at_grid: f64,
    pub one_step: f64,
    pub endpoint_weight: f64,
    pub consistency: f64,
    pub cond_dropout: f64,
    pub seed: u64,
    pub divergence: i32,
    pub divergence_limit: i32,
    pub snapshot_every: i64,
    pub rollback_rate: f64,
}

extern "C" {
    pub fn bzd_trainer_config_init(config: *mut bzd_trainer_config, size: usize) -> bzd_status;
    pub fn bzd_trainer_config_size() -> usize;
    pub fn bzd_trainer_config_aim(config: *mut bzd_trainer_config, kind: i32, nfe: i32) -> bzd_status;
    pub fn bzd_trainer_create(
        student: *const bzd_flow,
        source: *const bzd_source,
        config: *const bzd_trainer_config,
        out: *mut *mut bzd_trainer,
    ) -> bzd_status;
    pub fn bzd_trainer_destroy(trainer: *mut bzd_trainer);
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_trainer_info {
    pub struct_size: u32,
    pub has_ema: i32,
    pub step: i64,
    pub steps: i64,
    pub batch: i64,
    pub parameters: i64,
    pub work_bytes: i64,
    pub loss: f64,
    pub smooth_loss: f64,
    pub rate: f64,
    pub gradient_norm: f64,
    pub fingerprint_differs: i32,
    pub reserved: i32,
    pub skipped: i64,
    pub rollbacks: i64,
}

extern "C" {
    pub fn bzd_trainer_info_size() -> usize;
    pub fn bzd_trainer_get_info(trainer: *const bzd_trainer, info: *mut bzd_trainer_info) -> bzd_status;
    pub fn bzd_trainer_run(
        trainer: *mut bzd_trainer,
        count: i64,
        progress: bzd_progress_fn,
        user: *mut c_void,
    ) -> bzd_status;
    pub fn bzd_trainer_set_source(trainer: *mut bzd_trainer, source: *const bzd_source) -> bzd_status;
    pub fn bzd_trainer_cancel(trainer: *mut bzd_trainer);
}

pub const BZD_WEIGHTS_AUTO: i32 = 0;
pub const BZD_WEIGHTS_RAW: i32 = 1;
pub const BZD_WEIGHTS_EMA: i32 = 2;

extern "C" {
    pub fn bzd_trainer_get_flow(trainer: *const bzd_trainer, which: i32, out: *mut *mut bzd_flow) -> bzd_status;
    pub fn bzd_trainer_evaluate(
        trainer: *mut bzd_trainer,
        source: *const bzd_source,
        first: i64,
        n: i64,
        which: i32,
        loss: *mut f64,
    ) -> bzd_status;
}
