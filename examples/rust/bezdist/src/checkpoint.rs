// SPDX-License-Identifier: MIT
//! Checkpoints: what a `.bzd` file holds.
use crate::callback::{call_kept_progress, call_read, call_write, slice, Progress, Stop, WriteFn};
use crate::code::{codes, config, facts};
use crate::context::{self, Context};
use crate::data::size;
use crate::ensemble::Ensemble;
use crate::error::{c_path, c_text, check, int, own_text, product, Error, Result, Status};
use crate::flow::Flow;
use crate::object::{exclusive, Handle, Keep, Owned};
use crate::source::Source;
use crate::trainer::{Trainer, Weights};
use bezdist_sys as sys;
use std::os::raw::{c_char, c_void};
use std::path::Path;
use std::sync::Arc;

config! {
    /// What a reader may be made to use by a file.
    Limits = bzd_limits, bzd_limits_init {
        /// Bytes of the file.
        max_file: u64,
        /// Bytes of all tensors when decoded.
        max_raw: u64,
        /// Bytes of the index.
        max_index: u64,
        /// Tensors.
        max_tensors: i64,
        /// Key-values.
        max_meta: i64,
    } with {
    }
}

codes! {
    /// What a checkpoint holds.
    CheckpointKind: i32 {
        /// A flow.
        FLOW = BZD_CHECKPOINT_FLOW,
        /// An ensemble, members included.
        ENSEMBLE = BZD_CHECKPOINT_ENSEMBLE,
        /// A trainer.
        TRAINER = BZD_CHECKPOINT_TRAINER,
        /// A path store.
        PATHS = BZD_CHECKPOINT_PATHS,
    }
}

codes! {
    /// What a tensor is for.
    Role: i32 {
        /// A weight.
        PARAMETER = BZD_ROLE_PARAMETER,
        /// An averaged weight.
        EMA = BZD_ROLE_EMA,
        /// Adam's first moment.
        MOMENT1 = BZD_ROLE_MOMENT1,
        /// Adam's second moment.
        MOMENT2 = BZD_ROLE_MOMENT2,
        /// A constant of the model.
        BUFFER = BZD_ROLE_BUFFER,
        /// Paths.
        PATHS = BZD_ROLE_PATHS,
    }
}

codes! {
    /// How parameters are stored.
    Storage: i32 {
        /// As they are.
        EXACT = BZD_STORAGE_EXACT,
        /// Rounded to bfloat16.
        BF16 = BZD_STORAGE_BF16,
    }
}

facts! {
    /// Facts of a checkpoint.
    CheckpointInfo = bzd_checkpoint_info {
        /// What it holds.
        kind: CheckpointKind,
        /// Of the format.
        version_major: u32,
        /// Of the format.
        version_minor: u32,
        /// Number of tensors.
        tensors: i64,
        /// Number of key-values.
        metadata: i64,
        /// Bytes of all tensors.
        raw_bytes: u64,
        /// Bytes of the file; 0 when it was built and not opened.
        file_bytes: u64,
        /// Number of ancillary sections.
        sections: i64,
    }
}

/// Facts of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// What it is for; `Role(0)` in other programs' files.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// Type of its numbers, such as `"f32"`.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<i64>,
    /// Bytes when decoded.
    pub raw_bytes: u64,
    /// Bytes in the file; 0 when built.
    pub stored_bytes: u64,
    /// Type that the file keeps.
    pub stored_dtype: String,
}

impl TensorInfo {
    /// # Safety
    /// `fill` fills the struct with texts that live during this call.
    pub(crate) unsafe fn read(fill: impl FnOnce(*mut sys::bzd_tensor_info) -> sys::bzd_status) -> Result<TensorInfo> {
        // SAFETY: all zeros is a value of this struct of numbers and pointers.
        let mut raw: sys::bzd_tensor_info = unsafe { std::mem::zeroed() };
        raw.struct_size = std::mem::size_of_val(&raw) as u32;
        check(fill(&mut raw))?;
        // SAFETY: by this function's own demand.
        let text = |text| unsafe { own_text(text) }.unwrap_or_default();
        Ok(TensorInfo {
            role: Role(raw.role),
            name: text(raw.name),
            dtype: text(raw.dtype),
            shape: raw.shape[..size(raw.ndim.into()).min(raw.shape.len())].to_vec(),
            raw_bytes: raw.raw_bytes,
            stored_bytes: raw.stored_bytes,
            stored_dtype: text(raw.stored_dtype),
        })
    }

    pub(crate) fn bytes(&self) -> Result<usize> {
        usize::try_from(self.raw_bytes)
            .map_err(|_| Error::new(Status::LIMIT, format!("{}: {} bytes", self.name, self.raw_bytes)))
    }
}

/// What a `.bzd` file holds, as an object: built, or opened from a file, bytes or a closure.
pub struct Checkpoint {
    inner: Arc<Owned<sys::bzd_checkpoint>>,
}

impl Checkpoint {
    pub(crate) fn wrap(handle: Handle<sys::bzd_checkpoint>) -> Checkpoint {
        Checkpoint { inner: Owned::new(handle, Vec::new()) }
    }

    /// A copy of a flow. A trainer's: [`Trainer::checkpoint`].
    pub fn from_flow(flow: &Flow) -> Result<Checkpoint> {
        // SAFETY: a live handle.
        let handle = Handle::new(|out| unsafe { sys::bzd_checkpoint_from_flow(flow.inner.shared(), out) })?;
        Ok(Checkpoint::wrap(handle))
    }

    /// A copy of an ensemble, members included.
    pub fn from_ensemble(ensemble: &Ensemble) -> Result<Checkpoint> {
        // SAFETY: a live handle.
        let handle = Handle::new(|out| unsafe { sys::bzd_checkpoint_from_ensemble(ensemble.inner.shared(), out) })?;
        Ok(Checkpoint::wrap(handle))
    }

    /// A path store, which must be a pool.
    pub fn from_source(source: &Source) -> Result<Checkpoint> {
        // SAFETY: a live handle.
        let handle = Handle::new(|out| unsafe { sys::bzd_checkpoint_from_source(source.inner.shared(), out) })?;
        Ok(Checkpoint::wrap(handle))
    }

    /// A path store too large for memory: samples `first..first + count` of `base` in windows of `window` rows (0: the
    /// library's choice), made when they are written.
    pub fn from_paths(base: &Source, first: i64, count: i64, window: i64, seed: u64) -> Result<Checkpoint> {
        Checkpoint::make_paths(base, [first, count, window], seed, (None, std::ptr::null_mut()), None)
    }

    /// The same, telling of progress at each write.
    pub fn from_paths_with<F>(
        base: &Source,
        first: i64,
        count: i64,
        window: i64,
        seed: u64,
        progress: F,
    ) -> Result<Checkpoint>
    where
        F: Fn(&Progress) -> std::result::Result<(), Stop> + Send + Sync + 'static,
    {
        let progress = Arc::new(progress);
        let function: sys::bzd_progress_fn = Some(call_kept_progress::<F>);
        let call = (function, Arc::as_ptr(&progress) as *mut c_void);
        Checkpoint::make_paths(base, [first, count, window], seed, call, Some(progress))
    }

    /// `call` is of the closure that is lent.
    fn make_paths(
        base: &Source,
        [first, count, window]: [i64; 3],
        seed: u64,
        (function, user): (sys::bzd_progress_fn, *mut c_void),
        lent: Option<Keep>,
    ) -> Result<Checkpoint> {
        let source = base.inner.shared();
        // SAFETY: a live handle; the closure is lent.
        let create =
            |out| unsafe { sys::bzd_checkpoint_from_paths(source, first, count, window, seed, function, user, out) };
        let handle = match lent {
            Some(lent) => Handle::lent(lent, create)?,
            None => Handle::new(create)?,
        };
        Ok(Checkpoint { inner: Owned::new(handle, vec![base.inner.clone()]) })
    }

    /// Opens a file, which stays open.
    pub fn open<'c>(
        context: impl Into<Option<&'c Context>>,
        path: impl AsRef<Path>,
        limits: &Limits,
    ) -> Result<Checkpoint> {
        let (context, path) = (context.into(), c_path(path.as_ref())?);
        let raw = limits.numbers();
        // SAFETY: the path is a text that lives during the call.
        let handle = Handle::new(|out| unsafe {
            sys::bzd_checkpoint_open_file(context::raw(context), path.as_ptr(), &raw, out)
        })?;
        Ok(Checkpoint::wrap(handle))
    }

    /// Opens bytes, which are read where they are: a `Vec`, an `Arc<[u8]>`, a `&'static [u8]`. They are dropped when
    /// the checkpoint and what streams from it are gone.
    pub fn open_bytes<'c, B>(context: impl Into<Option<&'c Context>>, bytes: B, limits: &Limits) -> Result<Checkpoint>
    where
        B: AsRef<[u8]> + Send + Sync + 'static,
    {
        let (context, raw) = (context.into(), limits.numbers());
        let keep = Arc::new(bytes);
        let bytes: &[u8] = (*keep).as_ref();
        let (data, length) = (bytes.as_ptr().cast::<c_void>(), bytes.len());
        // SAFETY: the bytes are lent.
        let handle = Handle::lent(keep as Keep, |out| unsafe {
            sys::bzd_checkpoint_open_buffer(context::raw(context), data, length, &raw, out)
        })?;
        Ok(Checkpoint::wrap(handle))
    }

    /// Opens what a closure reads: it fills a slice with the bytes from an offset of a file of `file_size` bytes.
    pub fn open_with<'c, F>(
        context: impl Into<Option<&'c Context>>,
        file_size: u64,
        limits: &Limits,
        read: F,
    ) -> Result<Checkpoint>
    where
        F: Fn(u64, &mut [u8]) -> std::result::Result<(), Stop> + Send + Sync + 'static,
    {
        let (context, raw) = (context.into(), limits.numbers());
        let read = Arc::new(read);
        let user = Arc::as_ptr(&read) as *mut c_void;
        // SAFETY: the function fits the closure, which is lent.
        let handle = Handle::lent(read as Keep, |out| unsafe {
            let function: sys::bzd_read_fn = Some(call_read::<F>);
            sys::bzd_checkpoint_open_callback(context::raw(context), function, user, file_size, &raw, out)
        })?;
        Ok(Checkpoint::wrap(handle))
    }

    fn exclusive(&mut self) -> Result<*mut sys::bzd_checkpoint> {
        exclusive(&mut self.inner)
    }

    /// Writes a file, whole or not at all. As all that takes `&mut self`, not while a source streams from it.
    pub fn write(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = c_path(path.as_ref())?;
        let checkpoint = self.exclusive()?;
        // SAFETY: nobody else holds the checkpoint; the path is a text that lives during the call.
        check(unsafe { sys::bzd_checkpoint_write_file(checkpoint, path.as_ptr()) })
    }

    /// The bytes of the file, through a closure.
    pub fn write_with(&mut self, mut write: impl FnMut(&[u8]) -> std::result::Result<(), Stop>) -> Result<()> {
        let checkpoint = self.exclusive()?;
        let mut write: WriteFn<'_> = &mut write;
        let user = (&mut write as *mut WriteFn<'_>).cast::<c_void>();
        // SAFETY: nobody else holds the checkpoint; the closure lives during the call.
        check(unsafe { sys::bzd_checkpoint_write_callback(checkpoint, Some(call_write), user) })
    }

    /// The bytes of the file.
    pub fn to_bytes(&mut self) -> Result<Vec<u8>> {
        let checkpoint = self.exclusive()?;
        let mut length = 0;
        // SAFETY: nobody else holds the checkpoint; NULL asks for the size.
        check(unsafe { sys::bzd_checkpoint_write_buffer(checkpoint, std::ptr::null_mut(), 0, &mut length) })?;
        let mut bytes = vec![0u8; length];
        // SAFETY: the buffer has so many bytes.
        check(unsafe {
            sys::bzd_checkpoint_write_buffer(checkpoint, bytes.as_mut_ptr().cast(), bytes.len(), &mut length)
        })?;
        bytes.truncate(length);
        Ok(bytes)
    }

    /// The flow of a flow's or trainer's file.
    pub fn flow(&self, which: Weights) -> Result<Flow> {
        // SAFETY: a live handle.
        let handle = Handle::new(|out| unsafe { sys::bzd_checkpoint_get_flow(self.inner.shared(), which.0, out) })?;
        Flow::wrap(handle)
    }

    /// The ensemble of an ensemble's file.
    pub fn ensemble(&self) -> Result<Ensemble> {
        // SAFETY: a live handle.
        let handle = Handle::new(|out| unsafe { sys::bzd_checkpoint_get_ensemble(self.inner.shared(), out) })?;
        Ensemble::loaded(handle)
    }

    /// The trainer of a trainer's file, on the source that it had.
    pub fn trainer(&self, source: &Source) -> Result<Trainer> {
        // SAFETY: live handles.
        let handle = Handle::new(|out| unsafe {
            sys::bzd_checkpoint_get_trainer(self.inner.shared(), source.inner.shared(), out)
        })?;
        Ok(Trainer::wrap(handle, source))
    }

    /// The path store, all of it in memory.
    pub fn source(&self) -> Result<Source> {
        // SAFETY: a live handle.
        let handle = Handle::new(|out| unsafe { sys::bzd_checkpoint_get_source(self.inner.shared(), out) })?;
        Source::wrap(handle, Vec::new())
    }

    /// The same store, its paths read when they are asked for. While it lives, this checkpoint may not change.
    pub fn stream_source(&self) -> Result<Source> {
        // SAFETY: a live handle.
        let handle = Handle::new(|out| unsafe { sys::bzd_checkpoint_stream_source(self.inner.shared(), out) })?;
        Source::wrap(handle, vec![self.inner.clone()])
    }

    /// Facts of the checkpoint.
    pub fn info(&self) -> Result<CheckpointInfo> {
        // SAFETY: a live handle; the struct is the library's to fill.
        CheckpointInfo::read(|info| unsafe { sys::bzd_checkpoint_get_info(self.inner.shared(), info) })
    }

    /// Facts of tensor i.
    pub fn tensor(&self, i: i64) -> Result<TensorInfo> {
        // SAFETY: a live handle; the texts live as long as it does.
        unsafe { TensorInfo::read(|info| sys::bzd_checkpoint_get_tensor(self.inner.shared(), i, info)) }
    }

    /// The bytes of tensor i, decoded and checked.
    pub fn read_tensor(&self, i: i64) -> Result<Vec<u8>> {
        let mut bytes = vec![0u8; product(&[self.tensor(i)?.bytes()?])?];
        // SAFETY: the buffer has so many bytes.
        check(unsafe {
            sys::bzd_checkpoint_read_tensor(self.inner.shared(), i, bytes.as_mut_ptr().cast(), bytes.len())
        })?;
        Ok(bytes)
    }

    /// The bytes of rows `first..first + count` along the leading dimension of tensor i.
    pub fn read_rows(&self, i: i64, first: i64, count: usize) -> Result<Vec<u8>> {
        let info = self.tensor(i)?;
        let all = size(info.shape.first().copied().unwrap_or(1));
        let row = info.bytes()? / all.max(1);
        let mut bytes = vec![0u8; product(&[count, row])?];
        let rows = int("count", count)?;
        // SAFETY: the buffer has so many bytes.
        check(unsafe {
            let data = bytes.as_mut_ptr().cast();
            sys::bzd_checkpoint_read_rows(self.inner.shared(), i, first, rows, data, bytes.len())
        })?;
        Ok(bytes)
    }

    /// The i-th key-value, in the order of the file. `cap` bounds the bytes of the value.
    pub fn metadata(&self, i: i64, cap: usize) -> Result<(String, String)> {
        let mut key = std::ptr::null();
        let mut value = vec![0u8; product(&[cap])?.max(1)];
        // SAFETY: a live handle; the buffer has so many bytes, and ends up with a NUL within.
        unsafe {
            let (data, length) = (value.as_mut_ptr().cast::<c_char>(), value.len());
            check(sys::bzd_checkpoint_get_metadata(self.inner.shared(), i, &mut key, data, length))?;
            Ok((own_text(key).unwrap_or_default(), own_text(data).unwrap_or_default()))
        }
    }

    /// Decodes and checks every byte.
    pub fn verify(&self) -> Result<()> {
        // SAFETY: a live handle.
        check(unsafe { sys::bzd_checkpoint_verify(self.inner.shared()) })
    }

    /// SHA-256 of what the model is, 64 hex digits.
    pub fn content_id(&self) -> Result<String> {
        let mut id = [0 as c_char; 65];
        // SAFETY: the function fills 64 digits and a NUL.
        unsafe {
            check(sys::bzd_checkpoint_content_id(self.inner.shared(), id.as_mut_ptr()))?;
            Ok(own_text(id.as_ptr()).unwrap_or_default())
        }
    }

    /// Sets a metadatum of the whole; None removes it.
    pub fn set_metadata(&mut self, key: &str, value: Option<&str>) -> Result<()> {
        let key = c_text("key", key)?;
        let value = value.map(|value| c_text("value", value)).transpose()?;
        let value = value.as_ref().map_or(std::ptr::null(), |value| value.as_ptr());
        let checkpoint = self.exclusive()?;
        // SAFETY: nobody else holds the checkpoint; the texts live during the call.
        check(unsafe { sys::bzd_checkpoint_set_metadata(checkpoint, key.as_ptr(), value) })
    }

    /// A metadatum that [`Checkpoint::set_metadata`] or [`Flow::set_metadata`] set.
    pub fn find_metadata(&self, key: &str) -> Result<Option<String>> {
        let key = c_text("key", key)?;
        let mut value = std::ptr::null();
        // SAFETY: a live handle; the text lives while nobody changes the checkpoint, which &self prevents.
        unsafe {
            check(sys::bzd_checkpoint_find_metadata(self.inner.shared(), key.as_ptr(), &mut value))?;
            Ok(own_text(value))
        }
    }

    /// Sets an ancillary section, bytes of the program's own under a name of four letters, the first two small; None
    /// removes it.
    pub fn set_section(&mut self, name: &str, bytes: Option<&[u8]>) -> Result<()> {
        let name = c_text("name", name)?;
        let (data, length) = bytes.map_or((std::ptr::null(), 0), |bytes| (bytes.as_ptr(), bytes.len()));
        let checkpoint = self.exclusive()?;
        // SAFETY: nobody else holds the checkpoint; the bytes live during the call.
        check(unsafe { sys::bzd_checkpoint_set_section(checkpoint, name.as_ptr(), data.cast(), length) })
    }

    /// The bytes of an ancillary section.
    pub fn section(&self, name: &str) -> Result<Option<&[u8]>> {
        let name = c_text("name", name)?;
        let (mut data, mut length) = (std::ptr::null(), 0);
        // SAFETY: a live handle; the bytes live while nobody changes the checkpoint, which the loan of self prevents.
        unsafe {
            check(sys::bzd_checkpoint_get_section(self.inner.shared(), name.as_ptr(), &mut data, &mut length))?;
            Ok(if data.is_null() { None } else { Some(slice(data.cast::<u8>(), length)) })
        }
    }

    /// Name and size of the i-th ancillary section.
    pub fn section_at(&self, i: i64) -> Result<(String, usize)> {
        let (mut name, mut length) = ([0 as c_char; 5], 0);
        // SAFETY: the function fills four letters and a NUL.
        unsafe {
            check(sys::bzd_checkpoint_section_at(self.inner.shared(), i, name.as_mut_ptr(), &mut length))?;
            Ok((own_text(name.as_ptr()).unwrap_or_default(), length))
        }
    }

    /// How the parameters of a flow or ensemble are stored.
    pub fn set_storage(&mut self, storage: Storage) -> Result<()> {
        let checkpoint = self.exclusive()?;
        // SAFETY: nobody else holds the checkpoint.
        check(unsafe { sys::bzd_checkpoint_set_storage(checkpoint, storage.0) })
    }
}

impl std::fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Checkpoint").field(&self.info()).finish()
    }
}
