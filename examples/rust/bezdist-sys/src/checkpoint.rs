// SPDX-License-Identifier: MIT
//! bezdist/checkpoint.h: .bzd files.

use crate::*;
use std::os::raw::{c_char, c_void};

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_limits {
    pub struct_size: u32,
    pub reserved: u32,
    pub max_file: u64,
    pub max_raw: u64,
    pub max_index: u64,
    pub max_tensors: i64,
    pub max_meta: i64,
}

extern "C" {
    pub fn bzd_limits_init(limits: *mut bzd_limits, size: usize) -> bzd_status;
    pub fn bzd_limits_size() -> usize;
    pub fn bzd_checkpoint_from_flow(flow: *const bzd_flow, out: *mut *mut bzd_checkpoint) -> bzd_status;
    pub fn bzd_checkpoint_from_ensemble(ensemble: *const bzd_ensemble, out: *mut *mut bzd_checkpoint) -> bzd_status;
    pub fn bzd_checkpoint_from_trainer(trainer: *const bzd_trainer, out: *mut *mut bzd_checkpoint) -> bzd_status;
    pub fn bzd_checkpoint_from_source(source: *const bzd_source, out: *mut *mut bzd_checkpoint) -> bzd_status;
    pub fn bzd_checkpoint_from_paths(
        base: *const bzd_source,
        first: i64,
        count: i64,
        window: i64,
        seed: u64,
        progress: bzd_progress_fn,
        user: *mut c_void,
        out: *mut *mut bzd_checkpoint,
    ) -> bzd_status;
    pub fn bzd_checkpoint_destroy(checkpoint: *mut bzd_checkpoint);
    pub fn bzd_checkpoint_write_file(checkpoint: *mut bzd_checkpoint, path: *const c_char) -> bzd_status;
}

pub type bzd_write_fn = Option<unsafe extern "C" fn(user: *mut c_void, data: *const c_void, size: usize) -> i32>;

extern "C" {
    pub fn bzd_checkpoint_write_callback(
        checkpoint: *mut bzd_checkpoint,
        fn_: bzd_write_fn,
        user: *mut c_void,
    ) -> bzd_status;
    pub fn bzd_checkpoint_write_buffer(
        checkpoint: *mut bzd_checkpoint,
        buf: *mut c_void,
        cap: usize,
        size: *mut usize,
    ) -> bzd_status;
    pub fn bzd_checkpoint_open_file(
        context: *const bzd_context,
        path: *const c_char,
        limits: *const bzd_limits,
        out: *mut *mut bzd_checkpoint,
    ) -> bzd_status;
    pub fn bzd_checkpoint_open_buffer(
        context: *const bzd_context,
        data: *const c_void,
        size: usize,
        limits: *const bzd_limits,
        out: *mut *mut bzd_checkpoint,
    ) -> bzd_status;
}

pub type bzd_read_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, offset: u64, data: *mut c_void, size: usize) -> i32>;

extern "C" {
    pub fn bzd_checkpoint_open_callback(
        context: *const bzd_context,
        fn_: bzd_read_fn,
        user: *mut c_void,
        file_size: u64,
        limits: *const bzd_limits,
        out: *mut *mut bzd_checkpoint,
    ) -> bzd_status;
    pub fn bzd_checkpoint_get_flow(
        checkpoint: *const bzd_checkpoint,
        which: i32,
        out: *mut *mut bzd_flow,
    ) -> bzd_status;
    pub fn bzd_checkpoint_get_ensemble(checkpoint: *const bzd_checkpoint, out: *mut *mut bzd_ensemble) -> bzd_status;
    pub fn bzd_checkpoint_get_trainer(
        checkpoint: *const bzd_checkpoint,
        source: *const bzd_source,
        out: *mut *mut bzd_trainer,
    ) -> bzd_status;
    pub fn bzd_checkpoint_get_source(checkpoint: *const bzd_checkpoint, out: *mut *mut bzd_source) -> bzd_status;
    pub fn bzd_checkpoint_stream_source(checkpoint: *const bzd_checkpoint, out: *mut *mut bzd_source) -> bzd_status;
}

pub const BZD_CHECKPOINT_FLOW: i32 = 1;
pub const BZD_CHECKPOINT_ENSEMBLE: i32 = 2;
pub const BZD_CHECKPOINT_TRAINER: i32 = 3;
pub const BZD_CHECKPOINT_PATHS: i32 = 4;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_checkpoint_info {
    pub struct_size: u32,
    pub kind: i32,
    pub version_major: u32,
    pub version_minor: u32,
    pub tensors: i64,
    pub metadata: i64,
    pub raw_bytes: u64,
    pub file_bytes: u64,
    pub sections: i64,
}

extern "C" {
    pub fn bzd_checkpoint_info_size() -> usize;
    pub fn bzd_checkpoint_get_info(checkpoint: *const bzd_checkpoint, info: *mut bzd_checkpoint_info) -> bzd_status;
}

pub const BZD_ROLE_PARAMETER: i32 = 1;
pub const BZD_ROLE_EMA: i32 = 2;
pub const BZD_ROLE_MOMENT1: i32 = 3;
pub const BZD_ROLE_MOMENT2: i32 = 4;
pub const BZD_ROLE_BUFFER: i32 = 5;
pub const BZD_ROLE_PATHS: i32 = 6;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct bzd_tensor_info {
    pub struct_size: u32,
    pub role: i32,
    pub name: *const c_char,
    pub dtype: *const c_char,
    pub ndim: i32,
    pub reserved: i32,
    pub shape: [i64; 8],
    pub raw_bytes: u64,
    pub stored_bytes: u64,
    pub stored_dtype: *const c_char,
}

extern "C" {
    pub fn bzd_tensor_info_size() -> usize;
    pub fn bzd_checkpoint_get_tensor(
        checkpoint: *const bzd_checkpoint,
        i: i64,
        info: *mut bzd_tensor_info,
    ) -> bzd_status;
    pub fn bzd_checkpoint_read_tensor(
        checkpoint: *const bzd_checkpoint,
        i: i64,
        data: *mut c_void,
        cap: usize,
    ) -> bzd_status;
    pub fn bzd_checkpoint_read_rows(
        checkpoint: *const bzd_checkpoint,
        i: i64,
        first: i64,
        count: i64,
        data: *mut c_void,
        cap: usize,
    ) -> bzd_status;
    pub fn bzd_checkpoint_get_metadata(
        checkpoint: *const bzd_checkpoint,
        i: i64,
        key: *mut *const c_char,
        value: *mut c_char,
        cap: usize,
    ) -> bzd_status;
    pub fn bzd_checkpoint_verify(checkpoint: *const bzd_checkpoint) -> bzd_status;
    pub fn bzd_checkpoint_content_id(checkpoint: *const bzd_checkpoint, id: *mut c_char) -> bzd_status;
    pub fn bzd_checkpoint_set_metadata(
        checkpoint: *mut bzd_checkpoint,
        key: *const c_char,
        value: *const c_char,
    ) -> bzd_status;
    pub fn bzd_checkpoint_find_metadata(
        checkpoint: *const bzd_checkpoint,
        key: *const c_char,
        value: *mut *const c_char,
    ) -> bzd_status;
    pub fn bzd_checkpoint_set_section(
        checkpoint: *mut bzd_checkpoint,
        name: *const c_char,
        data: *const c_void,
        size: usize,
    ) -> bzd_status;
    pub fn bzd_checkpoint_get_section(
        checkpoint: *const bzd_checkpoint,
        name: *const c_char,
        data: *mut *const c_void,
        size: *mut usize,
    ) -> bzd_status;
    pub fn bzd_checkpoint_section_at(
        checkpoint: *const bzd_checkpoint,
        i: i64,
        name: *mut c_char,
        size: *mut usize,
    ) -> bzd_status;
}

pub const BZD_STORAGE_EXACT: i32 = 0;
pub const BZD_STORAGE_BF16: i32 = 1;

extern "C" {
    pub fn bzd_checkpoint_set_storage(checkpoint: *mut bzd_checkpoint, storage: i32) -> bzd_status;
    pub fn bzd_flow_save(flow: *const bzd_flow, path: *const c_char) -> bzd_status;
    pub fn bzd_flow_load(context: *const bzd_context, path: *const c_char, out: *mut *mut bzd_flow) -> bzd_status;
}
