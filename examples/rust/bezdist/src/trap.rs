// SPDX-License-Identifier: MIT
//! What must not happen inside C happens after the call, on the same thread: a callback's panic goes on, and what the
//! library has released is dropped. Callbacks run on the thread that called the library, so variables of the thread are
//! enough.
use crate::object::Keep;
use std::any::Any;
use std::cell::RefCell;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::thread::LocalKey;

thread_local! {
    static PANICS: RefCell<Vec<Box<dyn Any + Send>>> = const { RefCell::new(Vec::new()) };
    static RELEASED: RefCell<Vec<Keep>> = const { RefCell::new(Vec::new()) };
}

/// Runs a closure of the user's. When it panics, keeps the panic for [`after_call`] and returns `otherwise`.
pub(crate) fn trap<R>(otherwise: R, closure: impl FnOnce() -> R) -> R {
    match catch_unwind(AssertUnwindSafe(closure)) {
        Ok(result) => result,
        Err(panic) => {
            put(&PANICS, panic);
            otherwise
        }
    }
}

/// Keeps what was lent for [`after_call`].
pub(crate) fn drop_later(lent: Keep) {
    put(&RELEASED, lent);
}

/// A thread that has dropped its variables already leaks the value: its drop inside of C could panic.
fn put<T>(list: &'static LocalKey<RefCell<Vec<T>>>, value: T) {
    let mut value = Some(value);
    let _ = list.try_with(|list| list.borrow_mut().extend(value.take()));
    std::mem::forget(value);
}

/// Drops what was released and lets the first trapped panic go on. To be called after each call of C that may have
/// called back or ended an object.
pub(crate) fn after_call() {
    let panics = PANICS.try_with(RefCell::take).unwrap_or_default();
    // One at a time: each drop may call the library, and come here again.
    while let Ok(Some(lent)) = RELEASED.try_with(|released| released.borrow_mut().pop()) {
        drop(lent);
    }
    match panics.into_iter().next() {
        Some(panic) if !std::thread::panicking() => resume_unwind(panic),
        _ => {}
    }
}
