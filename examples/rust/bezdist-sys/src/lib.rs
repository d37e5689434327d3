// SPDX-License-Identifier: MIT
//! Raw declarations of libbezdist: the whole public API, one module per header, in the order of the headers, under the
//! names of C. What each call does and demands is said in the headers, include/bezdist/*.h. A test compares these
//! declarations with the headers and with the names the library exports.
//!
//! Callbacks must not unwind into C. The crate `bezdist` is the safe way to all of this.
#![allow(non_camel_case_types)]

/// A type that C alone knows: not made, moved or shared but by pointer.
macro_rules! opaque {
    ($name:ident) => {
        #[repr(C)]
        pub struct $name {
            _unused: [u8; 0],
            _marker: std::marker::PhantomData<(*mut u8, std::marker::PhantomPinned)>,
        }
    };
}

mod base;
mod checkpoint;
mod data;
mod ensemble;
mod fitter;
mod flow;
mod metrics;
mod path;
mod source;
mod tensors;
mod trainer;

pub use base::*;
pub use checkpoint::*;
pub use data::*;
pub use ensemble::*;
pub use fitter::*;
pub use flow::*;
pub use metrics::*;
pub use path::*;
pub use source::*;
pub use tensors::*;
pub use trainer::*;

#[link(name = "bezdist")]
extern "C" {}
