// SPDX-License-Identifier: MIT
//! Statuses, errors, and the checks that come before a call.
use crate::code::codes;
use crate::trap;
use bezdist_sys as sys;
use std::ffi::{CStr, CString};
use std::fmt;
use std::os::raw::c_char;

codes! {
    /// What kind of failure a call met. Numbers are pinned; later libraries may know more of them.
    Status: i32 {
        /// An argument is out of range or not finite.
        ARGUMENT = BZD_E_ARGUMENT,
        /// Two things that must agree in shape do not, a slice of the wrong length among them.
        DIMENSION = BZD_E_DIMENSION,
        /// A struct is newer than the library.
        CONFIG = BZD_E_CONFIG,
        /// The object cannot do this now; or others share it and it may not change.
        STATE = BZD_E_STATE,
        /// Meaningful, but not offered by this flow, build or combination.
        UNSUPPORTED = BZD_E_UNSUPPORTED,
        /// The allocator refused.
        MEMORY = BZD_E_MEMORY,
        /// A limit would be passed.
        LIMIT = BZD_E_LIMIT,
        /// The system or a closure that reads or writes failed.
        IO = BZD_E_IO,
        /// Not a file of the expected kind.
        FORMAT = BZD_E_FORMAT,
        /// Such a file, but damaged.
        CORRUPT = BZD_E_CORRUPT,
        /// Such a file, but of a later version.
        VERSION = BZD_E_VERSION,
        /// A value that must be finite is not.
        NUMERIC = BZD_E_NUMERIC,
        /// Training met a loss or gradient that is not finite.
        DIVERGED = BZD_E_DIVERGED,
        /// An adaptive solver used up its steps.
        STEPS = BZD_E_STEPS,
        /// A closure returned [`Stop`](crate::Stop), or a [`Cancel`](crate::Cancel) was used.
        CANCELLED = BZD_E_CANCELLED,
        /// A defect of the library.
        INTERNAL = BZD_E_INTERNAL,
    }
}

impl Status {
    /// The name in C, such as `BZD_E_MEMORY`.
    pub fn name(self) -> &'static str {
        // SAFETY: the function takes any number and returns a text in static storage.
        let name = unsafe { CStr::from_ptr(sys::bzd_status_name(self.0)) };
        name.to_str().unwrap_or("BZD_E_UNKNOWN")
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    status: Status,
    text: String,
}

/// What the calls of this crate return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(status: Status, text: String) -> Error {
        Error { status, text }
    }

    /// The error of this thread's last call.
    fn last(status: sys::bzd_status) -> Error {
        // SAFETY: the buffer has cap bytes.
        let text = text_of(|buf, cap| unsafe { sys::bzd_last_error(buf, cap) });
        Error::new(Status(status), text)
    }

    /// What kind of failure it is.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The name of the status, such as `BZD_E_MEMORY`.
    pub fn name(&self) -> &'static str {
        self.status.name()
    }

    /// One line on what was wrong.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.text)
    }
}

impl std::error::Error for Error {}

/// A text that the library copies: `get(buf, cap)` returns its whole length.
pub(crate) fn text_of(get: impl Fn(*mut c_char, usize) -> usize) -> String {
    let mut bytes = vec![0u8; 512];
    let length = get(bytes.as_mut_ptr().cast(), bytes.len());
    if length >= bytes.len() {
        bytes.resize(length + 1, 0);
        get(bytes.as_mut_ptr().cast(), bytes.len());
    }
    bytes.truncate(length);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Lets a panic of a closure go on; makes a failure of the library an error.
pub(crate) fn check(status: sys::bzd_status) -> Result<()> {
    trap::after_call();
    if status == sys::BZD_OK {
        Ok(())
    } else {
        Err(Error::last(status))
    }
}

pub(crate) fn same(name: &str, length: usize, expected: usize) -> Result<()> {
    if length == expected {
        return Ok(());
    }
    Err(Error::new(Status::DIMENSION, format!("{name}: length {length}, expected {expected}")))
}

/// The same for something that may be left out.
pub(crate) fn same_if<T>(name: &str, slice: Option<&[T]>, expected: usize) -> Result<()> {
    slice.map_or(Ok(()), |s| same(name, s.len(), expected))
}

/// The number of rows of `row` numbers in `length`.
pub(crate) fn rows(name: &str, length: usize, row: usize) -> Result<usize> {
    if row == 0 {
        return Err(Error::new(Status::ARGUMENT, format!("{name}: rows of no numbers")));
    }
    if length % row == 0 {
        return Ok(length / row);
    }
    Err(Error::new(Status::DIMENSION, format!("{name}: length {length} is not a multiple of {row}")))
}

/// The size of an array, in numbers; checked, so that no size wraps.
pub(crate) fn product(sizes: &[usize]) -> Result<usize> {
    let product = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    match product {
        Some(product) if product <= isize::MAX as usize / 8 => Ok(product),
        _ => Err(Error::new(Status::ARGUMENT, "an array of more bytes than there are addresses".to_string())),
    }
}

/// A size as C has it.
pub(crate) fn int(name: &str, value: usize) -> Result<i64> {
    i64::try_from(value).map_err(|_| Error::new(Status::ARGUMENT, format!("{name}: {value} is too large")))
}

/// The same where C has 32 bits.
pub(crate) fn int32(name: &str, value: usize) -> Result<i32> {
    i32::try_from(value).map_err(|_| Error::new(Status::ARGUMENT, format!("{name}: {value} is too large")))
}

/// A text for C.
pub(crate) fn c_text(name: &str, text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::new(Status::ARGUMENT, format!("{name}: a NUL within the text")))
}

/// A path for C.
pub(crate) fn c_path(path: &std::path::Path) -> Result<CString> {
    use std::os::unix::ffi::OsStrExt;
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| Error::new(Status::ARGUMENT, "path: a NUL within the text".to_string()))
}

/// An owned copy of a text of C; None for NULL.
///
/// # Safety
/// `text` is NULL or a text that lives during the call.
pub(crate) unsafe fn own_text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: by this function's own demand.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// The pointer of something that may be left out.
pub(crate) fn pointer<T>(slice: Option<&[T]>) -> *const T {
    slice.map_or(std::ptr::null(), <[T]>::as_ptr)
}
