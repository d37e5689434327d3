// SPDX-License-Identifier: MIT
//! Other programs' tensor files.
use crate::callback::{call_read, call_write, Stop, WriteFn};
use crate::checkpoint::{Limits, TensorInfo};
use crate::code::{codes, facts};
use crate::context::{self, Context};
use crate::data::size;
use crate::error::{c_path, c_text, check, int32, own_text, product, same, Error, Result, Status};
use crate::flow::{Flow, FlowConfig};
use crate::object::{exclusive, Handle, Keep, Owned};
use bezdist_sys as sys;
use std::os::raw::c_void;
use std::path::Path;
use std::sync::Arc;

codes! {
    /// Format of a tensor file.
    Format: i32 {
        /// Opening only: told by the first bytes.
        AUTO = BZD_FORMAT_AUTO,
        /// safetensors.
        SAFETENSORS = BZD_FORMAT_SAFETENSORS,
        /// One tensor of NumPy.
        NPY = BZD_FORMAT_NPY,
        /// Tensors of NumPy.
        NPZ = BZD_FORMAT_NPZ,
        /// Opening only: MNIST's format.
        IDX = BZD_FORMAT_IDX,
        /// Writing only: NPZ, compressed.
        NPZ_DEFLATED = BZD_FORMAT_NPZ_DEFLATED,
    }
}

facts! {
    /// Facts of tensors.
    TensorsInfo = bzd_tensors_info {
        /// Format of the file that was opened.
        format: Format,
        /// Number of tensors.
        count: i64,
        /// Number of texts.
        texts: i64,
        /// Bytes of all tensors.
        raw_bytes: u64,
        /// Bytes of the file; 0 when built.
        file_bytes: u64,
    }
}

/// Named tensors and texts, read from and written to safetensors, NPY and NPZ, read from IDX.
pub struct Tensors {
    inner: Arc<Owned<sys::bzd_tensors>>,
}

/// Bytes of one number.
fn width(dtype: &str) -> Result<usize> {
    Ok(match dtype {
        "bool" | "u8" | "i8" => 1,
        "u16" | "i16" | "f16" | "bf16" => 2,
        "u32" | "i32" | "f32" => 4,
        "u64" | "i64" | "f64" => 8,
        _ => return Err(Error::new(Status::ARGUMENT, format!("dtype: no type is called \"{dtype}\""))),
    })
}

impl Tensors {
    fn wrap(handle: Handle<sys::bzd_tensors>) -> Tensors {
        Tensors { inner: Owned::new(handle, Vec::new()) }
    }

    /// No tensors, no texts.
    pub fn new<'c>(context: impl Into<Option<&'c Context>>) -> Result<Tensors> {
        let context = context.into();
        // SAFETY: a live handle or NULL.
        let handle = Handle::new(|out| unsafe { sys::bzd_tensors_create(context::raw(context), out) })?;
        Ok(Tensors::wrap(handle))
    }

    /// A flow under PyTorch's names.
    pub fn from_flow(flow: &Flow) -> Result<Tensors> {
        // SAFETY: a live handle.
        let handle = Handle::new(|out| unsafe { sys::bzd_tensors_from_flow(flow.inner.shared(), out) })?;
        Ok(Tensors::wrap(handle))
    }

    /// Opens a file, which stays open.
    pub fn open<'c>(
        context: impl Into<Option<&'c Context>>,
        path: impl AsRef<Path>,
        format: Format,
        limits: &Limits,
    ) -> Result<Tensors> {
        let (context, path) = (context.into(), c_path(path.as_ref())?);
        let raw = limits.numbers();
        // SAFETY: the path is a text that lives during the call.
        let handle = Handle::new(|out| unsafe {
            sys::bzd_tensors_open_file(context::raw(context), path.as_ptr(), format.0, &raw, out)
        })?;
        Ok(Tensors::wrap(handle))
    }

    /// Opens bytes, which are read where they are, and are dropped with the tensors.
    pub fn open_bytes<'c, B>(
        context: impl Into<Option<&'c Context>>,
        bytes: B,
        format: Format,
        limits: &Limits,
    ) -> Result<Tensors>
    where
        B: AsRef<[u8]> + Send + Sync + 'static,
    {
        let (context, raw) = (context.into(), limits.numbers());
        let keep = Arc::new(bytes);
        let bytes: &[u8] = (*keep).as_ref();
        let (data, length) = (bytes.as_ptr().cast::<c_void>(), bytes.len());
        // SAFETY: the bytes are lent.
        let handle = Handle::lent(keep as Keep, |out| unsafe {
            sys::bzd_tensors_open_buffer(context::raw(context), data, length, format.0, &raw, out)
        })?;
        Ok(Tensors::wrap(handle))
    }

    /// Opens what a closure reads: it fills a slice with the bytes from an offset of a file of `file_size` bytes.
    pub fn open_with<'c, F>(
        context: impl Into<Option<&'c Context>>,
        file_size: u64,
        format: Format,
        limits: &Limits,
        read: F,
    ) -> Result<Tensors>
    where
        F: Fn(u64, &mut [u8]) -> std::result::Result<(), Stop> + Send + Sync + 'static,
    {
        let (context, raw) = (context.into(), limits.numbers());
        let read = Arc::new(read);
        let user = Arc::as_ptr(&read) as *mut c_void;
        // SAFETY: the function fits the closure, which is lent.
        let handle = Handle::lent(read as Keep, |out| unsafe {
            let function: sys::bzd_read_fn = Some(call_read::<F>);
            sys::bzd_tensors_open_callback(context::raw(context), function, user, file_size, format.0, &raw, out)
        })?;
        Ok(Tensors::wrap(handle))
    }

    /// One tensor more: its bytes in C order and this machine's byte order.
    pub fn add(&mut self, name: &str, dtype: &str, shape: &[i64], bytes: &[u8]) -> Result<()> {
        let sizes: Vec<usize> = shape.iter().map(|&length| size(length)).collect();
        same("bytes", bytes.len(), product(&[product(&sizes)?, width(dtype)?])?)?;
        let (name, dtype) = (c_text("name", name)?, c_text("dtype", dtype)?);
        let ndim = int32("shape", shape.len())?;
        let tensors = exclusive(&mut self.inner)?;
        // SAFETY: nobody else holds the tensors; the bytes are those of the shape.
        check(unsafe {
            let data = bytes.as_ptr().cast();
            sys::bzd_tensors_add(tensors, name.as_ptr(), dtype.as_ptr(), ndim, shape.as_ptr(), data)
        })
    }

    /// One tensor of `f32` more.
    pub fn add_f32(&mut self, name: &str, shape: &[i64], values: &[f32]) -> Result<()> {
        // SAFETY: these are the bytes of the values, and bytes have no alignment and no invalid values.
        let bytes = unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), std::mem::size_of_val(values)) };
        self.add(name, "f32", shape, bytes)
    }

    /// Sets a text; None removes it.
    pub fn set_text(&mut self, key: &str, value: Option<&str>) -> Result<()> {
        let key = c_text("key", key)?;
        let value = value.map(|value| c_text("value", value)).transpose()?;
        let value = value.as_ref().map_or(std::ptr::null(), |value| value.as_ptr());
        let tensors = exclusive(&mut self.inner)?;
        // SAFETY: nobody else holds the tensors; the texts live during the call.
        check(unsafe { sys::bzd_tensors_set_text(tensors, key.as_ptr(), value) })
    }

    /// Facts of the tensors.
    pub fn info(&self) -> Result<TensorsInfo> {
        // SAFETY: a live handle; the struct is the library's to fill.
        TensorsInfo::read(|info| unsafe { sys::bzd_tensors_get_info(self.inner.shared(), info) })
    }

    /// Facts of tensor i.
    pub fn get(&self, i: i64) -> Result<TensorInfo> {
        // SAFETY: a live handle; the texts live as long as it does.
        unsafe { TensorInfo::read(|info| sys::bzd_tensors_get(self.inner.shared(), i, info)) }
    }

    /// Number of the tensor of this name.
    pub fn find(&self, name: &str) -> Result<Option<i64>> {
        let name = c_text("name", name)?;
        let mut i = -1;
        // SAFETY: a live handle; the text lives during the call.
        check(unsafe { sys::bzd_tensors_find(self.inner.shared(), name.as_ptr(), &mut i) })?;
        Ok(if i < 0 { None } else { Some(i) })
    }

    /// The bytes of tensor i in C order and this machine's byte order.
    pub fn read(&self, i: i64) -> Result<Vec<u8>> {
        let mut bytes = vec![0u8; product(&[self.get(i)?.bytes()?])?];
        // SAFETY: the buffer has so many bytes.
        check(unsafe { sys::bzd_tensors_read(self.inner.shared(), i, bytes.as_mut_ptr().cast(), bytes.len()) })?;
        Ok(bytes)
    }

    /// The numbers of tensor i as `f32`.
    pub fn read_f32(&self, i: i64) -> Result<Vec<f32>> {
        let sizes: Vec<usize> = self.get(i)?.shape.iter().map(|&length| size(length)).collect();
        let mut values = vec![0.0; product(&sizes)?];
        // SAFETY: the buffer has so many numbers.
        check(unsafe { sys::bzd_tensors_read_f32(self.inner.shared(), i, values.as_mut_ptr(), values.len()) })?;
        Ok(values)
    }

    /// The i-th text, keys ascending.
    pub fn text_at(&self, i: i64) -> Result<(String, String)> {
        let (mut key, mut value) = (std::ptr::null(), std::ptr::null());
        // SAFETY: a live handle; the texts live while nobody changes the tensors, which &self prevents.
        unsafe {
            check(sys::bzd_tensors_text_at(self.inner.shared(), i, &mut key, &mut value))?;
            Ok((own_text(key).unwrap_or_default(), own_text(value).unwrap_or_default()))
        }
    }

    /// A text.
    pub fn text(&self, key: &str) -> Result<Option<String>> {
        let key = c_text("key", key)?;
        let mut value = std::ptr::null();
        // SAFETY: as in text_at.
        unsafe {
            check(sys::bzd_tensors_get_text(self.inner.shared(), key.as_ptr(), &mut value))?;
            Ok(own_text(value))
        }
    }

    /// Writes a file, whole or not at all.
    pub fn write(&self, path: impl AsRef<Path>, format: Format) -> Result<()> {
        let path = c_path(path.as_ref())?;
        // SAFETY: a live handle; the path is a text that lives during the call.
        check(unsafe { sys::bzd_tensors_write_file(self.inner.shared(), path.as_ptr(), format.0) })
    }

    /// The bytes of the file, through a closure.
    pub fn write_with(
        &self,
        format: Format,
        mut write: impl FnMut(&[u8]) -> std::result::Result<(), Stop>,
    ) -> Result<()> {
        let mut write: WriteFn<'_> = &mut write;
        let user = (&mut write as *mut WriteFn<'_>).cast::<c_void>();
        // SAFETY: a live handle; the closure lives during the call.
        check(unsafe { sys::bzd_tensors_write_callback(self.inner.shared(), Some(call_write), user, format.0) })
    }

    /// The bytes of the file.
    pub fn to_bytes(&self, format: Format) -> Result<Vec<u8>> {
        let (tensors, mut length) = (self.inner.shared(), 0);
        // SAFETY: a live handle; NULL asks for the size.
        check(unsafe { sys::bzd_tensors_write_buffer(tensors, std::ptr::null_mut(), 0, &mut length, format.0) })?;
        let mut bytes = vec![0u8; length];
        // SAFETY: the buffer has so many bytes.
        check(unsafe {
            let data = bytes.as_mut_ptr().cast();
            sys::bzd_tensors_write_buffer(tensors, data, bytes.len(), &mut length, format.0)
        })?;
        bytes.truncate(length);
        Ok(bytes)
    }

    /// The flow of such tensors; of a plain state dict the config says what shapes cannot.
    pub fn flow<'f>(&self, config: impl Into<Option<&'f FlowConfig>>) -> Result<Flow> {
        let raw = config.into().map(FlowConfig::raw).transpose()?;
        let config = raw.as_ref().map_or(std::ptr::null(), |raw| raw as *const sys::bzd_flow_config);
        // SAFETY: a live handle; the config lives during the call.
        let handle = Handle::new(|out| unsafe { sys::bzd_tensors_get_flow(self.inner.shared(), config, out) })?;
        Flow::wrap(handle)
    }
}

impl std::fmt::Debug for Tensors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tensors").field(&self.info()).finish()
    }
}
