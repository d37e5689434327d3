// SPDX-License-Identifier: MIT
//! Which library runs.
use crate::error::text_of;
use bezdist_sys as sys;
use std::ffi::CStr;

/// Version of the library that runs: major, minor, patch.
pub fn version() -> (u32, u32, u32) {
    // SAFETY: the function takes nothing and returns a number.
    let version = unsafe { sys::bzd_version() };
    (version >> 16, version >> 8 & 255, version & 255)
}

/// The same as text, such as `"0.1.0"`.
pub fn version_string() -> &'static str {
    // SAFETY: the function returns a text in static storage.
    let text = unsafe { CStr::from_ptr(sys::bzd_version_string()) };
    text.to_str().unwrap_or("")
}

/// One line on how the library was built and what it chose on this machine.
pub fn build_info() -> String {
    // SAFETY: the buffer has cap bytes.
    text_of(|buf, cap| unsafe { sys::bzd_build_info(buf, cap) })
}
