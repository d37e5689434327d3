// SPDX-License-Identifier: MIT
//! What a program lends the library: memory, log, threads.
use crate::code::codes;
use crate::error::{check, own_text, Result};
use crate::object::{Handle, Keep, Owned};
use crate::trap::trap;
use bezdist_sys as sys;
use std::alloc::Layout;
use std::fmt;
use std::os::raw::{c_char, c_void};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::Arc;

codes! {
    /// Weight of a line of the log.
    LogLevel: i32 {
        /// Something that a person should know.
        WARNING = BZD_LOG_WARNING,
        /// Something that may help.
        INFO = BZD_LOG_INFO,
    }
}

type Log = Box<dyn Fn(LogLevel, &str) + Send + Sync>;
type ParallelFor = Box<dyn Fn(i64, &(dyn Fn() + Sync)) + Send + Sync>;

/// Rust's global allocator for the library's objects, counted, with an upper limit.
pub struct Memory {
    limit: usize,
    live: AtomicUsize,
}

impl Memory {
    /// Memory of which at most `limit` bytes are given out at a time; more fails with
    /// [`Status::MEMORY`](crate::Status::MEMORY).
    pub fn new(limit: usize) -> Arc<Memory> {
        Arc::new(Memory { limit, live: AtomicUsize::new(0) })
    }

    /// Bytes given out now.
    pub fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }
}

/// What a context is made of. `ContextConfig::default()` is libc's memory, no log and the calling thread alone.
#[derive(Default)]
pub struct ContextConfig {
    threads: Option<i32>,
    memory: Option<Arc<Memory>>,
    log: Option<Log>,
    parallel_for: Option<ParallelFor>,
}

impl ContextConfig {
    /// Number of threads, 1..=256; 0: the number of cores this process may use. With `parallel_for`: how many pieces
    /// may run at once.
    pub fn threads(mut self, threads: i32) -> ContextConfig {
        self.threads = Some(threads);
        self
    }

    /// Takes memory from Rust's global allocator, counted by `memory`.
    pub fn memory(mut self, memory: &Arc<Memory>) -> ContextConfig {
        self.memory = Some(memory.clone());
        self
    }

    /// Hands each line of the log to `log`, on the thread of the call that it is about.
    pub fn log(mut self, log: impl Fn(LogLevel, &str) + Send + Sync + 'static) -> ContextConfig {
        self.log = Some(Box::new(log));
        self
    }

    /// Runs loops on the program's own threads: `parallel_for(n, piece)` calls `piece` n times, on any threads, and
    /// returns when all are done. Calls in excess do nothing; what is missing is done on the calling thread.
    pub fn parallel_for(
        mut self,
        parallel_for: impl Fn(i64, &(dyn Fn() + Sync)) + Send + Sync + 'static,
    ) -> ContextConfig {
        self.parallel_for = Some(Box::new(parallel_for));
        self
    }
}

impl fmt::Debug for ContextConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextConfig").field("threads", &self.threads).finish_non_exhaustive()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("limit", &self.limit).field("live", &self.live()).finish()
    }
}

/// What a program lends the library. Immutable; clones are the same context. Objects keep theirs alive.
///
/// Wherever a function takes `impl Into<Option<&Context>>`, `None` is the default: libc's memory, no log, the calling
/// thread alone.
#[derive(Clone)]
pub struct Context {
    pub(crate) inner: Arc<Owned<sys::bzd_context>>,
}

impl Context {
    /// Creates a context.
    ///
    /// The bounds of the closures are those that threads demand:
    /// ```compile_fail,E0277
    /// let lines = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    /// bezdist::ContextConfig::default().log(move |_, text| lines.borrow_mut().push(text.to_string()));
    /// ```
    pub fn new(config: ContextConfig) -> Result<Context> {
        // SAFETY: all zeros is a value of this struct of numbers, pointers and optional functions.
        let mut raw: sys::bzd_context_config = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is good for the size that is given.
        check(unsafe { sys::bzd_context_config_init(&mut raw, std::mem::size_of_val(&raw)) })?;
        let mut lent: Vec<Keep> = Vec::new();
        if let Some(threads) = config.threads {
            raw.threads = threads;
        }
        if let Some(memory) = config.memory {
            raw.alloc = Some(alloc);
            raw.free = Some(free);
            raw.alloc_user = Arc::as_ptr(&memory) as *mut c_void;
            lent.push(memory);
        }
        if let Some(log) = config.log {
            let log = Arc::new(log);
            raw.log = Some(call_log);
            raw.log_user = Arc::as_ptr(&log) as *mut c_void;
            lent.push(log);
        }
        if let Some(parallel_for) = config.parallel_for {
            let parallel_for = Arc::new(parallel_for);
            raw.parallel_for = Some(call_parallel_for);
            raw.parallel_for_user = Arc::as_ptr(&parallel_for) as *mut c_void;
            lent.push(parallel_for);
        }
        // SAFETY: the config is set, and what it points to is lent.
        let handle = Handle::lent(Arc::new(lent) as Keep, |out| unsafe { sys::bzd_context_create(&raw, out) })?;
        Ok(Context { inner: Owned::new(handle, Vec::new()) })
    }

    /// Number of threads it works with.
    pub fn threads(&self) -> i32 {
        // SAFETY: a live handle.
        unsafe { sys::bzd_context_threads(self.inner.shared()) }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("threads", &self.threads()).finish()
    }
}

pub(crate) fn raw(context: Option<&Context>) -> *const sys::bzd_context {
    context.map_or(std::ptr::null(), |c| c.inner.shared())
}

unsafe extern "C" fn alloc(user: *mut c_void, size: usize, align: usize) -> *mut c_void {
    // SAFETY: `user` is the Memory that was lent to the context.
    let memory = unsafe { &*user.cast::<Memory>() };
    let layout = match Layout::from_size_align(size.max(1), align) {
        Ok(layout) => layout,
        Err(_) => return std::ptr::null_mut(),
    };
    let take = |live: usize| live.checked_add(size).filter(|&live| live <= memory.limit);
    if memory.live.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
        return std::ptr::null_mut();
    }
    // SAFETY: the size of the layout is not 0.
    let pointer = unsafe { std::alloc::alloc(layout) };
    if pointer.is_null() {
        memory.live.fetch_sub(size, Ordering::Relaxed);
    }
    pointer.cast()
}

unsafe extern "C" fn free(user: *mut c_void, pointer: *mut c_void, size: usize, align: usize) {
    if pointer.is_null() {
        return;
    }
    // SAFETY: `user` is the Memory that was lent to the context; `pointer` came from `alloc` with this size and align,
    // so that the layout is one.
    unsafe {
        std::alloc::dealloc(pointer.cast(), Layout::from_size_align_unchecked(size.max(1), align));
        (*user.cast::<Memory>()).live.fetch_sub(size, Ordering::Relaxed);
    }
}

unsafe extern "C" fn call_log(user: *mut c_void, level: i32, text: *const c_char) {
    // SAFETY: `user` is the Log that was lent to the context; the text lives during this call.
    let (log, text) = unsafe { (&*user.cast::<Log>(), own_text(text).unwrap_or_default()) };
    trap((), || log(LogLevel(level), &text));
}

/// The argument of a task: the library lets any thread have it.
struct Argument(*mut c_void);
// SAFETY: "any threads in any order" (bzd_parallel_for_fn).
unsafe impl Sync for Argument {}

impl Argument {
    fn get(&self) -> *mut c_void {
        self.0
    }
}

unsafe extern "C" fn call_parallel_for(user: *mut c_void, n: i64, task: sys::bzd_task_fn, argument: *mut c_void) {
    let task = match task {
        Some(task) => task,
        None => return,
    };
    let (argument, next) = (Argument(argument), AtomicI64::new(0));
    // The closure cannot choose the number of a piece, so that no piece is done twice.
    let piece = || {
        let i = next.fetch_add(1, Ordering::Relaxed);
        if i < n {
            // SAFETY: each i of 0..n comes once; the loan of `piece` ends before this function does.
            unsafe { task(argument.get(), i) };
        }
    };
    // SAFETY: `user` is the ParallelFor that was lent to the context.
    let parallel_for = unsafe { &*user.cast::<ParallelFor>() };
    trap((), || parallel_for(n, &piece));
    while next.load(Ordering::Relaxed) < n {
        piece();
    }
}
