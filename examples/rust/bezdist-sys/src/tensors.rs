// SPDX-License-Identifier: MIT
//! bezdist/tensors.h: other programs' tensor files.

use crate::*;
use std::os::raw::{c_char, c_void};

pub const BZD_FORMAT_AUTO: i32 = 0;
pub const BZD_FORMAT_SAFETENSORS: i32 = 1;
pub const BZD_FORMAT_NPY: i32 = 2;
pub const BZD_FORMAT_NPZ: i32 = 3;
pub const BZD_FORMAT_IDX: i32 = 4;
pub const BZD_FORMAT_NPZ_DEFLATED: i32 = 5;

extern "C" {
    pub fn bzd_tensors_open_file(
        context: *const bzd_context,
        path: *const c_char,
        format: i32,
        limits: *const bzd_limits,
        out: *mut *mut bzd_tensors,
    ) -> bzd_status;
    pub fn bzd_tensors_open_buffer(
        context: *const bzd_context,
        data: *const c_void,
        size: usize,
        format: i32,
        limits: *const bzd_limits,
        out: *mut *mut bzd_tensors,
    ) -> bzd_status;
    pub fn bzd_tensors_open_callback(
        context: *const bzd_context,
        fn_: bzd_read_fn,
        user: *mut c_void,
        file_size: u64,
        format: i32,
        limits: *const bzd_limits,
        out: *mut *mut bzd_tensors,
    ) -> bzd_status;
    pub fn bzd_tensors_create(context: *const bzd_context, out: *mut *mut bzd_tensors) -> bzd_status;
    pub fn bzd_tensors_destroy(tensors: *mut bzd_tensors);
    pub fn bzd_tensors_add(
        tensors: *mut bzd_tensors,
        name: *const c_char,
        dtype: *const c_char,
        ndim: i32,
        shape: *const i64,
        data: *const c_void,
    ) -> bzd_status;
    pub fn bzd_tensors_set_text(tensors: *mut bzd_tensors, key: *const c_char, value: *const c_char) -> bzd_status;
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_tensors_info {
    pub struct_size: u32,
    pub format: i32,
    pub count: i64,
    pub texts: i64,
    pub raw_bytes: u64,
    pub file_bytes: u64,
}

extern "C" {
    pub fn bzd_tensors_info_size() -> usize;
    pub fn bzd_tensors_get_info(tensors: *const bzd_tensors, info: *mut bzd_tensors_info) -> bzd_status;
    pub fn bzd_tensors_get(tensors: *const bzd_tensors, i: i64, info: *mut bzd_tensor_info) -> bzd_status;
    pub fn bzd_tensors_find(tensors: *const bzd_tensors, name: *const c_char, i: *mut i64) -> bzd_status;
    pub fn bzd_tensors_read(tensors: *const bzd_tensors, i: i64, data: *mut c_void, cap: usize) -> bzd_status;
    pub fn bzd_tensors_read_f32(tensors: *const bzd_tensors, i: i64, data: *mut f32, count: usize) -> bzd_status;
    pub fn bzd_tensors_text_at(
        tensors: *const bzd_tensors,
        i: i64,
        key: *mut *const c_char,
        value: *mut *const c_char,
    ) -> bzd_status;
    pub fn bzd_tensors_get_text(
        tensors: *const bzd_tensors,
        key: *const c_char,
        value: *mut *const c_char,
    ) -> bzd_status;
    pub fn bzd_tensors_write_file(tensors: *const bzd_tensors, path: *const c_char, format: i32) -> bzd_status;
    pub fn bzd_tensors_write_callback(
        tensors: *const bzd_tensors,
        fn_: bzd_write_fn,
        user: *mut c_void,
        format: i32,
    ) -> bzd_status;
    pub fn bzd_tensors_write_buffer(
        tensors: *const bzd_tensors,
        buf: *mut c_void,
        cap: usize,
        size: *mut usize,
        format: i32,
    ) -> bzd_status;
    pub fn bzd_tensors_from_flow(flow: *const bzd_flow, out: *mut *mut bzd_tensors) -> bzd_status;
    pub fn bzd_tensors_get_flow(
        tensors: *const bzd_tensors,
        config: *const bzd_flow_config,
        out: *mut *mut bzd_flow,
    ) -> bzd_status;
}
