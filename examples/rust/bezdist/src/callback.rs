// SPDX-License-Identifier: MIT
//! Closures that the library calls, and the functions in C's form that call them. All of these trap panics.
use crate::code::codes;
use crate::trap::trap;
use bezdist_sys as sys;
use std::os::raw::c_void;

codes! {
    /// What [`Progress`] counts.
    Phase: i32 {
        /// Training steps.
        TRAIN = BZD_PHASE_TRAIN,
        /// Rows sampled.
        SAMPLE = BZD_PHASE_SAMPLE,
        /// Paths made by a source.
        GENERATE = BZD_PHASE_GENERATE,
    }
}

/// A closure's wish to stop the call it is in, which then fails with [`Status::CANCELLED`](crate::Status::CANCELLED)
/// (readers and writers: [`Status::IO`](crate::Status::IO)). The number is quoted in the error; 0 counts as 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop(
    /// The number.
    pub i32,
);

fn code(result: Result<(), Stop>) -> i32 {
    match result {
        Ok(()) => 0,
        Err(Stop(0)) => 1,
        Err(Stop(number)) => number,
    }
}

/// What a call whose closure panicked is told. Nobody reads it: the panic goes on instead of the error.
const PANICKED: i32 = 1;

/// Partial progress of a long call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// What the numbers count.
    pub phase: Phase,
    /// Done so far: this call's, or the whole schedule's (trainers).
    pub step: i64,
    /// Of so many; 0: unknown.
    pub of: i64,
    /// Trainers: loss of the last step; else 0.
    pub loss: f64,
    /// Trainers: exponential mean over about 100 steps.
    pub smooth_loss: f64,
    /// Trainers: learning rate of the last step.
    pub rate: f64,
    /// Samplers and sources: network evaluations per row so far, mean.
    pub nfe: f64,
    /// Seconds since the call began.
    pub seconds: f64,
}

impl Progress {
    fn new(raw: &sys::bzd_progress) -> Progress {
        Progress {
            phase: Phase(raw.phase),
            step: raw.step,
            of: raw.of,
            loss: raw.loss,
            smooth_loss: raw.smooth_loss,
            rate: raw.rate,
            nfe: raw.nfe,
            seconds: raw.seconds,
        }
    }
}

/// A closure that is told of progress during one call, on the thread of that call.
pub type ProgressFn<'a> = &'a mut (dyn FnMut(&Progress) -> Result<(), Stop> + 'a);

/// Function and `user` for a call's progress; `progress` stays where it is during the call.
pub(crate) fn progress_of(progress: &mut Option<ProgressFn<'_>>) -> (sys::bzd_progress_fn, *mut c_void) {
    match progress {
        None => (None, std::ptr::null_mut()),
        Some(progress) => (Some(call_progress), (progress as *mut ProgressFn<'_>).cast()),
    }
}

unsafe extern "C" fn call_progress(user: *mut c_void, progress: *const sys::bzd_progress) -> i32 {
    // SAFETY: `user` is the ProgressFn of progress_of, which nothing else uses during the call; the library's struct
    // lives during this one, and has every field of the first release.
    let (closure, progress) = unsafe { (&mut *user.cast::<ProgressFn<'_>>(), &*progress) };
    trap(PANICKED, || code(closure(&Progress::new(progress))))
}

/// A slice of C's memory; empty where C has NULL.
///
/// # Safety
/// `pointer` is NULL or good for `length` values during `'a`, and nobody writes them meanwhile.
pub(crate) unsafe fn slice<'a, T>(pointer: *const T, length: usize) -> &'a [T] {
    if pointer.is_null() || length == 0 {
        return &[];
    }
    // SAFETY: by this function's own demand.
    unsafe { std::slice::from_raw_parts(pointer, length) }
}

/// The same for writing.
///
/// # Safety
/// `pointer` is NULL or good for `length` initialised values during `'a`, and nobody else uses them meanwhile.
unsafe fn slice_mut<'a, T>(pointer: *mut T, length: usize) -> &'a mut [T] {
    if pointer.is_null() || length == 0 {
        return &mut [];
    }
    // SAFETY: by this function's own demand.
    unsafe { std::slice::from_raw_parts_mut(pointer, length) }
}

/// The same for numbers that C has not set: they become 0 first.
///
/// # Safety
/// As for `slice_mut`, but the values may be uninitialised; all zeros is a value of `T`.
unsafe fn zeroed_mut<'a, T>(pointer: *mut T, length: usize) -> &'a mut [T] {
    if !pointer.is_null() {
        // SAFETY: by this function's own demand.
        unsafe { std::ptr::write_bytes(pointer, 0, length) };
    }
    // SAFETY: by this function's own demand, and now they are set.
    unsafe { slice_mut(pointer, length) }
}

/// Where a velocity is asked for.
#[derive(Clone, Copy, Debug)]
pub struct VelocityInput<'a> {
    /// Rows.
    pub n: usize,
    /// Numbers in a row.
    pub dim: usize,
    /// Numbers in a condition.
    pub cond_dim: usize,
    /// States `[n, dim]`.
    pub x: &'a [f32],
    /// Times `[n]`, each row its own.
    pub t: &'a [f32],
    /// Conditions `[n, cond_dim]`; empty without.
    pub cond: &'a [f32],
}

/// # Safety
/// For the library alone: `user` points to an `F` that outlives the flow.
#[allow(clippy::too_many_arguments)]
pub(crate) unsafe extern "C" fn call_velocity<F>(
    user: *mut c_void,
    n: i64,
    dim: i64,
    x: *const f32,
    t: *const f32,
    cond_dim: i64,
    cond: *const f32,
    v: *mut f32,
) -> i32
where
    F: Fn(&VelocityInput<'_>, &mut [f32]) -> Result<(), Stop> + Send + Sync,
{
    let (n, dim, cond_dim) = (n as usize, dim as usize, cond_dim as usize);
    // SAFETY: `user` is an F, shared; the arrays have these sizes (bzd_velocity_fn), and v is the library's for us to
    // fill.
    let (closure, input, v) = unsafe {
        let (x, t, cond) = (slice(x, n * dim), slice(t, n), slice(cond, n * cond_dim));
        (&*user.cast::<F>(), VelocityInput { n, dim, cond_dim, x, t, cond }, zeroed_mut(v, n * dim))
    };
    trap(PANICKED, || code(closure(&input, v)))
}

/// Where the weights of teachers are asked for.
#[derive(Clone, Copy, Debug)]
pub struct WeightsInput<'a> {
    /// Rows.
    pub n: usize,
    /// Teachers.
    pub count: usize,
    /// Numbers in a row.
    pub dim: usize,
    /// States `[n, dim]`.
    pub x: &'a [f32],
    /// Times `[n]`.
    pub t: &'a [f32],
    /// The teachers' velocities there, `[count, n, dim]`.
    pub v: &'a [f32],
}

/// # Safety
/// For the library alone: `user` points to an `F` that outlives the ensemble.
#[allow(clippy::too_many_arguments)]
pub(crate) unsafe extern "C" fn call_weights<F>(
    user: *mut c_void,
    n: i64,
    count: i64,
    dim: i64,
    x: *const f32,
    t: *const f32,
    v: *const f32,
    weights: *mut f64,
) -> i32
where
    F: Fn(&WeightsInput<'_>, &mut [f64]) -> Result<(), Stop> + Send + Sync,
{
    let (n, count, dim) = (n as usize, count as usize, dim as usize);
    // SAFETY: `user` is an F, shared; the arrays have these sizes (bzd_weights_fn), and weights are ours to fill.
    let (closure, input, weights) = unsafe {
        let (x, t, v) = (slice(x, n * dim), slice(t, n), slice(v, count * n * dim));
        (&*user.cast::<F>(), WeightsInput { n, count, dim, x, t, v }, zeroed_mut(weights, n * count))
    };
    trap(PANICKED, || code(closure(&input, weights)))
}

/// Paths to be made, and room for them. All start as 0, but the spans, which start as 0 and 1.
#[derive(Debug)]
pub struct PathsOutput<'a> {
    /// Degree of the paths.
    pub degree: usize,
    /// Numbers in a control point.
    pub dim: usize,
    /// Numbers in a condition.
    pub cond_dim: usize,
    /// Control points `[n, degree + 1, dim]`.
    pub paths: &'a mut [f32],
    /// Conditions `[n, cond_dim]`; empty without.
    pub cond: &'a mut [f32],
    /// Times of the paths' ends `[n, 2]`, `0 <= start < end <= 1`.
    pub span: &'a mut [f32],
}

/// # Safety
/// For the library alone: `user` points to an `F` that outlives the source.
#[allow(clippy::too_many_arguments)]
pub(crate) unsafe extern "C" fn call_paths<F>(
    user: *mut c_void,
    n: i64,
    index: *const i64,
    degree: i32,
    dim: i64,
    cond_dim: i64,
    paths: *mut f32,
    cond: *mut f32,
    span: *mut f32,
) -> i32
where
    F: Fn(&[i64], &mut PathsOutput<'_>) -> Result<(), Stop> + Send + Sync,
{
    let (n, degree, dim, cond_dim) = (n as usize, degree as usize, dim as usize, cond_dim as usize);
    // SAFETY: `user` is an F, shared; the arrays have these sizes (bzd_paths_fn) and are ours to fill; span is set.
    let (closure, index, mut output) = unsafe {
        let paths = zeroed_mut(paths, n * (degree + 1) * dim);
        let (cond, span) = (zeroed_mut(cond, n * cond_dim), slice_mut(span, n * 2));
        (&*user.cast::<F>(), slice(index, n), PathsOutput { degree, dim, cond_dim, paths, cond, span })
    };
    trap(PANICKED, || code(closure(index, &mut output)))
}

/// A closure that takes the bytes of a file, in order.
pub type WriteFn<'a> = &'a mut (dyn FnMut(&[u8]) -> Result<(), Stop> + 'a);

/// # Safety
/// For the library alone: `user` points to a `WriteFn` that nothing else uses during the call.
pub(crate) unsafe extern "C" fn call_write(user: *mut c_void, data: *const c_void, size: usize) -> i32 {
    // SAFETY: see above; the bytes are the library's during this call.
    let (closure, bytes) = unsafe { (&mut *user.cast::<WriteFn<'_>>(), slice(data.cast::<u8>(), size)) };
    trap(PANICKED, || code(closure(bytes)))
}

/// # Safety
/// For the library alone: `user` points to an `F` that outlives what was opened.
pub(crate) unsafe extern "C" fn call_read<F>(user: *mut c_void, offset: u64, data: *mut c_void, size: usize) -> i32
where
    F: Fn(u64, &mut [u8]) -> Result<(), Stop> + Send + Sync,
{
    // SAFETY: `user` is an F, shared; the bytes are ours to fill.
    let (closure, bytes) = unsafe { (&*user.cast::<F>(), zeroed_mut(data.cast::<u8>(), size)) };
    trap(PANICKED, || code(closure(offset, bytes)))
}

/// # Safety
/// For the library alone: `user` points to an `F` that outlives the checkpoint.
pub(crate) unsafe extern "C" fn call_kept_progress<F>(user: *mut c_void, progress: *const sys::bzd_progress) -> i32
where
    F: Fn(&Progress) -> Result<(), Stop> + Send + Sync,
{
    // SAFETY: `user` is an F, shared; the library's struct lives during this call.
    let (closure, progress) = unsafe { (&*user.cast::<F>(), &*progress) };
    trap(PANICKED, || code(closure(&Progress::new(progress))))
}
