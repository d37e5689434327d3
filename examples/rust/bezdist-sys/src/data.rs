// SPDX-License-Identifier: MIT
//! bezdist/data.h: data sets.

use crate::*;
use std::os::raw::c_void;

pub const BZD_DTYPE_F32: i32 = 1;
pub const BZD_DTYPE_U8: i32 = 2;
pub const BZD_NORMALISE_AUTO: i32 = 0;
pub const BZD_NORMALISE_NONE: i32 = 1;
pub const BZD_NORMALISE_STANDARDISE: i32 = 2;
pub const BZD_NORMALISE_GIVEN: i32 = 3;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_data_config {
    pub struct_size: u32,
    pub dtype: i32,
    pub n: i64,
    pub dim: i64,
    pub row_stride: i64,
    pub rows: *const c_void,
    pub copy: i32,
    pub classes: i32,
    pub labels: *const i32,
    pub cond: *const f32,
    pub cond_dim: i64,
    pub normalise: i32,
    pub item_ndim: i32,
    pub scale: *const f32,
    pub offset: *const f32,
    pub item_shape: [i64; 4],
}

extern "C" {
    pub fn bzd_data_config_init(config: *mut bzd_data_config, size: usize) -> bzd_status;
    pub fn bzd_data_config_size() -> usize;
    pub fn bzd_data_create(
        context: *const bzd_context,
        config: *const bzd_data_config,
        out: *mut *mut bzd_data,
    ) -> bzd_status;
    pub fn bzd_data_destroy(data: *mut bzd_data);
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_data_info {
    pub struct_size: u32,
    pub dtype: i32,
    pub n: i64,
    pub dim: i64,
    pub cond_dim: i64,
    pub classes: i32,
    pub has_affine: i32,
    pub item_ndim: i32,
    pub reserved: i32,
    pub item_shape: [i64; 4],
}

extern "C" {
    pub fn bzd_data_info_size() -> usize;
    pub fn bzd_data_get_info(data: *const bzd_data, info: *mut bzd_data_info) -> bzd_status;
    pub fn bzd_data_get_affine(data: *const bzd_data, scale: *mut f32, offset: *mut f32) -> bzd_status;
    pub fn bzd_data_get_rows(data: *const bzd_data, first: i64, n: i64, x: *mut f32, cond: *mut f32) -> bzd_status;
}
