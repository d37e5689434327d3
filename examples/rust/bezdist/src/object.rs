// SPDX-License-Identifier: MIT
//! Ownership. A C object retains the C objects that it is made from; what it borrows from Rust, closures and memory, is
//! dropped when the library says that the last of them is gone (`bzd_on_release`).
//!
//! Who holds whom is known here as well, as far as something may be changed: `exclusive` calls of the headers demand
//! that nobody else holds the object, not even another object.
use crate::error::{check, Error, Result, Status};
use crate::trap;
use bezdist_sys as sys;
use std::any::Any;
use std::os::raw::c_void;
use std::ptr::NonNull;
use std::sync::Arc;

/// A kind of handle, and how it is destroyed.
pub(crate) trait Object {
    /// # Safety
    /// `object` is a handle of the caller's, and is not used again.
    unsafe fn destroy(object: *mut Self);
}

macro_rules! objects {
    ($($name:ident $destroy:ident)*) => {
        $(impl Object for sys::$name {
            unsafe fn destroy(object: *mut Self) {
                // SAFETY: by the demand of the trait.
                unsafe { sys::$destroy(object) }
            }
        })*
    };
}
objects! {
    bzd_context bzd_context_destroy
    bzd_data bzd_data_destroy
    bzd_flow bzd_flow_destroy
    bzd_ensemble bzd_ensemble_destroy
    bzd_fitter bzd_fitter_destroy
    bzd_source bzd_source_destroy
    bzd_trainer bzd_trainer_destroy
    bzd_checkpoint bzd_checkpoint_destroy
    bzd_tensors bzd_tensors_destroy
}

/// One hold on a C object.
pub(crate) struct Handle<T: Object>(NonNull<T>);

// SAFETY: handles belong to no thread. Calls through a shared reference are only those that the headers mark "any" or
// "shared-read"; the "exclusive" ones go through `exclusive` below, or a trainer's `&mut self`. Closures that a handle
// may call are Send and Sync.
unsafe impl<T: Object> Send for Handle<T> {}
// SAFETY: as for Send.
unsafe impl<T: Object> Sync for Handle<T> {}

impl<T: Object> Drop for Handle<T> {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, and this is its last use.
        unsafe { T::destroy(self.0.as_ptr()) };
        trap::after_call();
    }
}

impl<T: Object> Handle<T> {
    /// The object that a create function puts into its `out`.
    pub(crate) fn new(create: impl FnOnce(*mut *mut T) -> sys::bzd_status) -> Result<Handle<T>> {
        let mut out = std::ptr::null_mut();
        let status = create(&mut out);
        let handle = NonNull::new(out).map(Handle); // before the check: a panic that goes on leaks nothing
        check(status)?;
        handle.ok_or_else(|| Error::new(Status::INTERNAL, "no object, and no failure".to_string()))
    }

    /// The same of an object that borrows what is lent: it is dropped when the library uses it no more.
    pub(crate) fn lent(
        lent: impl Into<Keep>,
        create: impl FnOnce(*mut *mut T) -> sys::bzd_status,
    ) -> Result<Handle<T>> {
        let lent = lent.into();
        let handle = Handle::new(create)?;
        let user = Box::into_raw(Box::new(lent));
        // SAFETY: nobody else knows the object yet. `release` takes the box back, once; if this fails, it is lost: a
        // leak, but what the object uses stays.
        check(unsafe { sys::bzd_on_release(handle.get().cast(), Some(release), user.cast()) })?;
        Ok(handle)
    }

    pub(crate) fn get(&self) -> *mut T {
        self.0.as_ptr()
    }
}

/// What was lent is not dropped in here: that may call the library, which a release function must not.
unsafe extern "C" fn release(user: *mut c_void) {
    // SAFETY: `user` is the box of `lent`, which comes back here once.
    trap::drop_later(*unsafe { Box::from_raw(user.cast::<Keep>()) });
}

/// Something that is shared and kept: an object, a closure, memory.
pub(crate) type Keep = Arc<dyn Any + Send + Sync>;

/// An object, and the Rust objects that it holds and that could be changed otherwise.
pub(crate) struct Owned<T: Object> {
    handle: Handle<T>,
    _holds: Vec<Keep>,
}

impl<T: Object> Owned<T> {
    pub(crate) fn new(handle: Handle<T>, holds: Vec<Keep>) -> Arc<Owned<T>> {
        Arc::new(Owned { handle, _holds: holds })
    }

    /// For calls marked "any" or "shared-read".
    pub(crate) fn shared(&self) -> *const T {
        self.handle.get()
    }

    /// For a trainer, whose `run` is guarded by `&mut self` and whose `cancel` may be called at any time.
    pub(crate) fn unguarded(&self) -> *mut T {
        self.handle.get()
    }
}

/// For calls marked "exclusive": fails while another handle or object holds this one.
pub(crate) fn exclusive<T: Object>(owned: &mut Arc<Owned<T>>) -> Result<*mut T> {
    match Arc::get_mut(owned) {
        Some(owned) => Ok(owned.handle.get()),
        None => Err(Error::new(Status::STATE, "others hold this object: it may not change".to_string())),
    }
}
