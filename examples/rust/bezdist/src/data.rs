// SPDX-License-Identifier: MIT
//! Data sets.
use crate::code::{codes, config, facts};
use crate::context::{self, Context};
use crate::error::{check, int, int32, product, rows, same, Result};
use crate::object::{Handle, Keep, Owned};
use bezdist_sys as sys;
use std::os::raw::c_void;
use std::sync::Arc;

codes! {
    /// Type of a data set's numbers.
    Dtype: i32 {
        /// `f32`.
        F32 = BZD_DTYPE_F32,
        /// `u8`.
        U8 = BZD_DTYPE_U8,
    }
}

codes! {
    /// How data become what a flow sees: model value = (data value - offset) / scale.
    Normalise: i32 {
        /// Bytes to -1..1; floats as they are.
        AUTO = BZD_NORMALISE_AUTO,
        /// The numbers themselves.
        NONE = BZD_NORMALISE_NONE,
        /// Per coordinate mean 0 and standard deviation 1.
        STANDARDISE = BZD_NORMALISE_STANDARDISE,
        /// By the config's scale and offset.
        GIVEN = BZD_NORMALISE_GIVEN,
    }
}

config! {
    /// What rows mean.
    DataConfig = bzd_data_config, bzd_data_config_init {
        /// Numbers in a row; required.
        dim: i64,
        /// Distance of rows in numbers; 0: dim. Labels and conditions are dense.
        row_stride: i64,
        /// With labels: the number of classes.
        classes: i32,
        /// Numbers in a condition.
        cond_dim: i64,
        /// How data become what a flow sees.
        normalise: Normalise,
    } with {
        /// Labels, one a row, each in `0..classes`; they become one-hot conditions. Empty: none.
        labels: Vec<i32>,
        /// Conditions `[n, cond_dim]`; not together with labels. Empty: none.
        cond: Vec<f32>,
        /// With [`Normalise::GIVEN`]: scale, `dim` numbers.
        scale: Vec<f32>,
        /// With [`Normalise::GIVEN`]: offset, `dim` numbers.
        offset: Vec<f32>,
        /// Shape of an item, such as `[1, 28, 28]`, at most four numbers whose product is dim. Empty: `[dim]`.
        item_shape: Vec<i64>,
    }
}

facts! {
    /// Facts of a data set.
    DataInfo = bzd_data_info {
        /// Type of its numbers.
        dtype: Dtype,
        /// Rows.
        n: i64,
        /// Numbers in a row.
        dim: i64,
        /// Numbers in a condition; the number of classes when there are labels.
        cond_dim: i64,
        /// Number of classes; 0 without labels.
        classes: i32,
        /// Whether the normalisation does anything.
        has_affine: bool,
        /// Number of dimensions of an item; 0: `[dim]`.
        item_ndim: i32,
        /// Shape of an item.
        item_shape: [i64; 4],
    }
}

/// A data set. Immutable; clones are the same set.
#[derive(Clone)]
pub struct Data {
    pub(crate) inner: Arc<Owned<sys::bzd_data>>,
    pub(crate) info: DataInfo,
}

/// An item's shape as C has it.
pub(crate) fn item(shape: &[i64]) -> Result<(i32, [i64; 4])> {
    let mut item = [0; 4];
    if shape.len() > item.len() {
        same("item_shape", shape.len(), item.len())?;
    }
    item[..shape.len()].copy_from_slice(shape);
    Ok((int32("item_shape", shape.len())?, item))
}

/// A number of the config as a size; what is negative is refused by the library later, and counts as 0 here.
pub(crate) fn size(value: i64) -> usize {
    usize::try_from(value).unwrap_or(0)
}

impl Data {
    /// A data set of a copy of `rows`.
    pub fn new<'c>(context: impl Into<Option<&'c Context>>, rows: &[f32], config: &DataConfig) -> Result<Data> {
        Data::create(context.into(), Dtype::F32, rows.as_ptr().cast(), rows.len(), config, None)
    }

    /// A data set of a copy of `rows`.
    pub fn from_bytes<'c>(context: impl Into<Option<&'c Context>>, rows: &[u8], config: &DataConfig) -> Result<Data> {
        Data::create(context.into(), Dtype::U8, rows.as_ptr().cast(), rows.len(), config, None)
    }

    /// A data set that reads `rows` where they are: a `Vec`, an `Arc<[f32]>`, a `&'static [f32]`, a mapped file. They
    /// are dropped when the set and everything made from it that reads them are gone.
    ///
    /// ```compile_fail,E0597
    /// let rows = vec![0.0f32; 20];
    /// let config = bezdist::DataConfig { dim: 2, ..Default::default() };
    /// let data = bezdist::Data::borrowing(None, &rows[..], &config); // these rows die too soon
    /// # let _: bezdist::Result<bezdist::Data> = data;
    /// ```
    pub fn borrowing<'c, R>(context: impl Into<Option<&'c Context>>, rows: R, config: &DataConfig) -> Result<Data>
    where
        R: AsRef<[f32]> + Send + Sync + 'static,
    {
        let config = config.clone();
        let keep = Arc::new((rows, config));
        let rows = keep.0.as_ref();
        Data::create(context.into(), Dtype::F32, rows.as_ptr().cast(), rows.len(), &keep.1, Some(keep.clone()))
    }

    /// The same for rows of bytes.
    pub fn borrowing_bytes<'c, R>(context: impl Into<Option<&'c Context>>, rows: R, config: &DataConfig) -> Result<Data>
    where
        R: AsRef<[u8]> + Send + Sync + 'static,
    {
        let config = config.clone();
        let keep = Arc::new((rows, config));
        let rows = keep.0.as_ref();
        Data::create(context.into(), Dtype::U8, rows.as_ptr().cast(), rows.len(), &keep.1, Some(keep.clone()))
    }

    /// The rows and the config with its labels and conditions are copied, or lent.
    fn create(
        context: Option<&Context>,
        dtype: Dtype,
        numbers: *const c_void,
        length: usize,
        config: &DataConfig,
        lent: Option<Keep>,
    ) -> Result<Data> {
        let mut raw = config.numbers();
        let dim = size(raw.dim);
        let stride = if raw.row_stride == 0 { dim } else { size(raw.row_stride) };
        // The last row need not fill its stride.
        let full = if length % stride.max(1) == dim { length - dim + stride } else { length };
        let n = rows("rows", full, stride)?;
        if !config.labels.is_empty() {
            same("labels", config.labels.len(), n)?;
            raw.labels = config.labels.as_ptr();
        }
        if !config.cond.is_empty() {
            same("cond", config.cond.len(), product(&[n, size(raw.cond_dim)])?)?;
            raw.cond = config.cond.as_ptr();
        }
        if !config.scale.is_empty() {
            same("scale", config.scale.len(), dim)?;
            raw.scale = config.scale.as_ptr();
        }
        if !config.offset.is_empty() {
            same("offset", config.offset.len(), dim)?;
            raw.offset = config.offset.as_ptr();
        }
        let (item_ndim, item_shape) = item(&config.item_shape)?;
        raw.item_ndim = item_ndim;
        raw.item_shape = item_shape;
        raw.dtype = dtype.0;
        raw.n = int("rows", n)?;
        raw.rows = numbers;
        raw.copy = i32::from(lent.is_none());
        // SAFETY: all arrays have the sizes that the config says (the library refuses a stride below dim); those that
        // are not copied are lent.
        let create = |out| unsafe { sys::bzd_data_create(context::raw(context), &raw, out) };
        let handle = match lent {
            Some(lent) => Handle::lent(lent, create)?,
            None => Handle::new(create)?,
        };
        let inner = Owned::new(handle, Vec::new());
        // SAFETY: a live handle; the struct is the library's to fill.
        let info = DataInfo::read(|info| unsafe { sys::bzd_data_get_info(inner.shared(), info) })?;
        Ok(Data { inner, info })
    }

    /// Facts of the set.
    pub fn info(&self) -> DataInfo {
        self.info
    }

    /// Scale and offset of the normalisation, for [`FlowConfig`](crate::FlowConfig): `dim` numbers each.
    pub fn affine(&self) -> Result<(Vec<f32>, Vec<f32>)> {
        let dim = size(self.info.dim);
        let (mut scale, mut offset) = (vec![0.0; dim], vec![0.0; dim]);
        // SAFETY: both have dim numbers.
        check(unsafe { sys::bzd_data_get_affine(self.inner.shared(), scale.as_mut_ptr(), offset.as_mut_ptr()) })?;
        Ok((scale, offset))
    }

    /// Rows `first..first + n` in model units, `[n, dim]`, and their conditions, `[n, cond_dim]`.
    pub fn rows(&self, first: i64, n: usize) -> Result<(Vec<f32>, Vec<f32>)> {
        let mut x = vec![0.0; product(&[n, size(self.info.dim)])?];
        let mut cond = vec![0.0; product(&[n, size(self.info.cond_dim)])?];
        // SAFETY: the arrays have these sizes.
        check(unsafe {
            sys::bzd_data_get_rows(self.inner.shared(), first, int("n", n)?, x.as_mut_ptr(), cond.as_mut_ptr())
        })?;
        Ok((x, cond))
    }
}

impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Data").field(&self.info).finish()
    }
}
