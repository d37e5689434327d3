// SPDX-License-Identifier: MIT
//! Flows.
use crate::callback::{call_velocity, Stop, VelocityInput};
use crate::code::{codes, config, facts};
use crate::context::{self, Context};
use crate::data::{item, size};
use crate::error::{c_path, c_text, check, int, own_text, pointer, product, same, Result};
use crate::object::{exclusive, Handle, Keep, Owned};
use crate::sample::{self, GridConfig, Inputs, SampleConfig, SampleResult};
use bezdist_sys as sys;
use std::os::raw::c_void;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

codes! {
    /// What the network of a flow says at (x, t).
    FlowKind: i32 {
        /// The velocity: sampled by an ODE solver.
        VELOCITY = BZD_FLOW_VELOCITY,
        /// The control points of the rest of the path: one evaluation gives the whole curve.
        CONTROL = BZD_FLOW_CONTROL,
        /// The mean velocity to the end: one jump.
        ENDPOINT = BZD_FLOW_ENDPOINT,
        /// A closure's velocity.
        CALLBACK = BZD_FLOW_CALLBACK,
    }
}

codes! {
    /// How evaluation and sampling read a flow's weights.
    Precision: i32 {
        /// As they are.
        FLOAT32 = BZD_PRECISION_FLOAT32,
        /// Rounded to bfloat16: half the bytes.
        BFLOAT16 = BZD_PRECISION_BFLOAT16,
    }
}

config! {
    /// What a flow is.
    FlowConfig = bzd_flow_config, bzd_flow_config_init {
        /// What the network says.
        kind: FlowKind,
        /// Of a control-point flow, 1..=16.
        degree: i32,
        /// Hidden layers, 1..=16.
        layers: i32,
        /// Numbers in one sample; required.
        dim: i64,
        /// Numbers in one condition.
        cond_dim: i64,
        /// Units of each hidden layer.
        width: i64,
        /// Even: sines and cosines of the time.
        time_features: i32,
        /// Of the initial weights.
        seed: u64,
        /// Whether the network has a learned multiple of its input in its output.
        skip: bool,
    } with {
        /// Shape of an item, such as `[1, 28, 28]`. Empty: `[dim]`.
        item_shape: Vec<i64>,
        /// Data value = scale * model value + offset: `dim` numbers. Empty: 1.
        scale: Vec<f32>,
        /// `dim` numbers, together with `scale`. Empty: 0.
        offset: Vec<f32>,
    }
}

impl FlowConfig {
    /// The config of C, which points into this one.
    pub(crate) fn raw(&self) -> Result<sys::bzd_flow_config> {
        let mut raw = self.numbers();
        if !self.scale.is_empty() {
            same("scale", self.scale.len(), size(raw.dim))?;
            raw.scale = self.scale.as_ptr();
        }
        if !self.offset.is_empty() {
            same("offset", self.offset.len(), size(raw.dim))?;
            raw.offset = self.offset.as_ptr();
        }
        let (item_ndim, item_shape) = item(&self.item_shape)?;
        raw.item_ndim = item_ndim;
        raw.item_shape = item_shape;
        Ok(raw)
    }
}

facts! {
    /// Facts of a flow.
    FlowInfo = bzd_flow_info {
        /// What the network says.
        kind: FlowKind,
        /// Degree of its curves.
        degree: i32,
        /// Hidden layers; 0 for a closure, as are the next four.
        layers: i32,
        /// Units of each hidden layer.
        width: i64,
        /// Weights, in floats.
        parameters: i64,
        /// Bytes of the weights as sampling reads them.
        packed_bytes: i64,
        /// Sines and cosines of the time.
        time_features: i32,
        /// Whether it has a map to data units.
        has_affine: bool,
        /// Numbers in one sample.
        dim: i64,
        /// Numbers in one condition.
        cond_dim: i64,
        /// Number of dimensions of an item; 0: `[dim]`.
        item_ndim: i32,
        /// 1: trained on data; 2: on paths of such flows, ...; 0: unknown.
        generation: i32,
        /// Shape of an item.
        item_shape: [i64; 4],
        /// Whether the network has a skip connection.
        skip: bool,
    }
}

/// A model of transport from noise (t = 0) to data (t = 1). Clones are the same flow, and any number of threads may
/// sample from it at once. What changes a flow works only while no clone and no other object (an ensemble, a source)
/// holds it.
#[derive(Clone)]
pub struct Flow {
    pub(crate) inner: Arc<Owned<sys::bzd_flow>>,
    pub(crate) dim: usize,
    pub(crate) cond_dim: usize,
}

impl Flow {
    pub(crate) fn wrap(handle: Handle<sys::bzd_flow>) -> Result<Flow> {
        let inner = Owned::new(handle, Vec::new());
        let mut flow = Flow { inner, dim: 0, cond_dim: 0 };
        let info = flow.info()?;
        flow.dim = size(info.dim);
        flow.cond_dim = size(info.cond_dim);
        Ok(flow)
    }

    /// A flow with fresh weights.
    pub fn new<'c>(context: impl Into<Option<&'c Context>>, config: &FlowConfig) -> Result<Flow> {
        let (context, raw) = (context.into(), config.raw()?);
        // SAFETY: the config and what it points to live during the call.
        let handle = Handle::new(|out| unsafe { sys::bzd_flow_create(context::raw(context), &raw, out) })?;
        Flow::wrap(handle)
    }

    /// A student that starts from this flow's weights.
    pub fn student(&self, kind: FlowKind, degree: i32) -> Result<Flow> {
        let teacher = self.inner.shared();
        // SAFETY: a live handle.
        let handle = Handle::new(|out| unsafe { sys::bzd_flow_create_from(teacher, kind.0, degree, out) })?;
        Flow::wrap(handle)
    }

    /// A flow that is a closure: it fills `v [n, dim]` with the velocity at each row of its input. It is called on the
    /// thread that needs it, from several at once when several use the flow. An `Err` makes that call fail with
    /// [`Status::CANCELLED`](crate::Status::CANCELLED); a panic goes on in it. Of the config `dim`, `cond_dim`, item
    /// shape and affine count.
    ///
    /// ```compile_fail,E0277
    /// let count = std::cell::Cell::new(0); // two threads at once may not have this
    /// let config = bezdist::FlowConfig { dim: 2, ..Default::default() };
    /// let flow = bezdist::Flow::from_fn(None, &config, move |_, _| Ok(count.set(count.get() + 1)));
    /// # let _: bezdist::Result<bezdist::Flow> = flow;
    /// ```
    pub fn from_fn<'c, F>(context: impl Into<Option<&'c Context>>, config: &FlowConfig, velocity: F) -> Result<Flow>
    where
        F: Fn(&VelocityInput<'_>, &mut [f32]) -> std::result::Result<(), Stop> + Send + Sync + 'static,
    {
        Flow::callback(context.into(), config, velocity, 0)
    }

    /// The same for a closure that changes what it holds: one thread at a time is in it. It must not use the flow that
    /// it is: that would wait for itself.
    pub fn from_fn_mut<'c, F>(context: impl Into<Option<&'c Context>>, config: &FlowConfig, velocity: F) -> Result<Flow>
    where
        F: FnMut(&VelocityInput<'_>, &mut [f32]) -> std::result::Result<(), Stop> + Send + 'static,
    {
        let velocity = Mutex::new(velocity);
        let locked = move |input: &VelocityInput<'_>, v: &mut [f32]| {
            let mut velocity = velocity.lock().unwrap_or_else(PoisonError::into_inner);
            velocity(input, v)
        };
        Flow::callback(context.into(), config, locked, 1)
    }

    fn callback<F>(context: Option<&Context>, config: &FlowConfig, velocity: F, serialise: i32) -> Result<Flow>
    where
        F: Fn(&VelocityInput<'_>, &mut [f32]) -> std::result::Result<(), Stop> + Send + Sync + 'static,
    {
        let raw = config.raw()?;
        let velocity = Arc::new(velocity);
        let user = Arc::as_ptr(&velocity) as *mut c_void;
        // SAFETY: the function fits the closure, which is lent.
        let handle = Handle::lent(velocity as Keep, |out| unsafe {
            let function: sys::bzd_velocity_fn = Some(call_velocity::<F>);
            sys::bzd_flow_create_callback(context::raw(context), &raw, function, user, serialise, out)
        })?;
        Flow::wrap(handle)
    }

    /// Reads a flow from a file: averaged weights when there are some.
    pub fn load<'c>(context: impl Into<Option<&'c Context>>, path: impl AsRef<Path>) -> Result<Flow> {
        let (context, path) = (context.into(), c_path(path.as_ref())?);
        // SAFETY: the path is a text that lives during the call.
        let handle = Handle::new(|out| unsafe { sys::bzd_flow_load(context::raw(context), path.as_ptr(), out) })?;
        Flow::wrap(handle)
    }

    /// Saves it, whole or not at all.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = c_path(path.as_ref())?;
        // SAFETY: a live handle; the path is a text that lives during the call.
        check(unsafe { sys::bzd_flow_save(self.inner.shared(), path.as_ptr()) })
    }

    /// Facts of the flow.
    pub fn info(&self) -> Result<FlowInfo> {
        // SAFETY: a live handle; the struct is the library's to fill.
        FlowInfo::read(|info| unsafe { sys::bzd_flow_get_info(self.inner.shared(), info) })
    }

    /// Scale and offset of the map to data units, `dim` numbers each.
    pub fn affine(&self) -> Result<(Vec<f32>, Vec<f32>)> {
        let (mut scale, mut offset) = (vec![0.0; self.dim], vec![0.0; self.dim]);
        // SAFETY: both have dim numbers.
        check(unsafe { sys::bzd_flow_get_affine(self.inner.shared(), scale.as_mut_ptr(), offset.as_mut_ptr()) })?;
        Ok((scale, offset))
    }

    /// Sets a metadatum, which is saved with the flow; None removes it. Nobody else may hold the flow.
    pub fn set_metadata(&mut self, key: &str, value: Option<&str>) -> Result<()> {
        let key = c_text("key", key)?;
        let value = value.map(|value| c_text("value", value)).transpose()?;
        let value = value.as_ref().map_or(std::ptr::null(), |value| value.as_ptr());
        let flow = exclusive(&mut self.inner)?;
        // SAFETY: nobody else holds the flow; the texts live during the call.
        check(unsafe { sys::bzd_flow_set_metadata(flow, key.as_ptr(), value) })
    }

    /// A metadatum.
    pub fn get_metadata(&self, key: &str) -> Result<Option<String>> {
        let key = c_text("key", key)?;
        let mut value = std::ptr::null();
        // SAFETY: a live handle; the text that is given lives while nobody changes the flow, which &self prevents.
        unsafe {
            check(sys::bzd_flow_get_metadata(self.inner.shared(), key.as_ptr(), &mut value))?;
            Ok(own_text(value))
        }
    }

    /// All metadata, keys ascending.
    pub fn metadata(&self) -> Result<Vec<(String, String)>> {
        // SAFETY: a live handle.
        let count = unsafe { sys::bzd_flow_metadata_count(self.inner.shared()) };
        let at = |i| {
            let (mut key, mut value) = (std::ptr::null(), std::ptr::null());
            // SAFETY: as in get_metadata.
            unsafe {
                check(sys::bzd_flow_metadata_at(self.inner.shared(), i, &mut key, &mut value))?;
                Ok((own_text(key).unwrap_or_default(), own_text(value).unwrap_or_default()))
            }
        };
        (0..count).map(at).collect()
    }

    /// A copy of the weights, tensor by tensor in the order of the file.
    pub fn parameters(&self) -> Result<Vec<f32>> {
        let mut values = vec![0.0; size(self.info()?.parameters)];
        let count = int("values", values.len())?;
        // SAFETY: count numbers.
        check(unsafe { sys::bzd_flow_get_parameters(self.inner.shared(), count, values.as_mut_ptr()) })?;
        Ok(values)
    }

    /// Replaces the weights. Nobody else may hold the flow.
    pub fn set_parameters(&mut self, values: &[f32]) -> Result<()> {
        let count = int("values", values.len())?;
        let flow = exclusive(&mut self.inner)?;
        // SAFETY: nobody else holds the flow; count numbers.
        check(unsafe { sys::bzd_flow_set_parameters(flow, count, values.as_ptr()) })
    }

    /// How evaluation and sampling read the weights. Returns the relative error of the heads at some noise. Nobody else
    /// may hold the flow.
    pub fn set_precision(&mut self, precision: Precision) -> Result<f64> {
        let mut error = 0.0;
        let flow = exclusive(&mut self.inner)?;
        // SAFETY: nobody else holds the flow.
        check(unsafe { sys::bzd_flow_set_precision(flow, precision.0, &mut error) })?;
        Ok(error)
    }

    /// Velocity `[n, dim]` at `x [n, dim]`, `t [n]` and `cond [n, cond_dim]` (None: unconditional), with guidance (1:
    /// plain).
    pub fn velocity(&self, x: &[f32], t: &[f32], cond: Option<&[f32]>, guidance: f64) -> Result<Vec<f32>> {
        let mut v = vec![0.0; x.len()];
        self.velocity_into(x, t, cond, guidance, &mut v)?;
        Ok(v)
    }

    /// The same into `v`, which has the length of `x`.
    pub fn velocity_into(
        &self,
        x: &[f32],
        t: &[f32],
        cond: Option<&[f32]>,
        guidance: f64,
        v: &mut [f32],
    ) -> Result<()> {
        let n = sample::count_rows((self.dim, self.cond_dim), x, t, cond)?;
        same("v", v.len(), x.len())?;
        let (n, cond) = (int("x", n)?, pointer(cond));
        // SAFETY: n rows of dim, 1, cond_dim and dim numbers.
        check(unsafe {
            let flow = self.inner.shared();
            sys::bzd_flow_velocity(flow, n, x.as_ptr(), t.as_ptr(), cond, guidance, v.as_mut_ptr())
        })
    }

    /// Control points `[n, degree + 1, dim]` of the rest of each row's curve; of control-point and endpoint flows.
    pub fn curve(&self, x: &[f32], t: &[f32], cond: Option<&[f32]>, guidance: f64) -> Result<Vec<f32>> {
        let n = sample::count_rows((self.dim, self.cond_dim), x, t, cond)?;
        let degree = size(self.info()?.degree.into());
        let mut paths = vec![0.0; product(&[n, degree + 1, self.dim])?];
        let (n, cond) = (int("x", n)?, pointer(cond));
        // SAFETY: n rows of dim, 1, cond_dim and (degree + 1) dim numbers.
        check(unsafe {
            let flow = self.inner.shared();
            sys::bzd_flow_curve(flow, n, x.as_ptr(), t.as_ptr(), cond, guidance, paths.as_mut_ptr())
        })?;
        Ok(paths)
    }

    /// `n` new rows `[n, dim]` from noise of the config's seed.
    pub fn sample(&self, config: &SampleConfig, n: usize) -> Result<Vec<f32>> {
        let mut out = vec![0.0; product(&[n, self.dim])?];
        self.sample_into(config, Inputs::default(), &mut out)?;
        Ok(out)
    }

    /// Fills `out [n, dim]` with rows moved from t0 to t1; n is what fits.
    pub fn sample_into(&self, config: &SampleConfig, inputs: Inputs<'_>, out: &mut [f32]) -> Result<SampleResult> {
        let dims = (self.dim, self.cond_dim);
        // SAFETY: the function and the handle belong together.
        unsafe { sample::sample(sys::bzd_flow_sample, self.inner.shared(), dims, config, inputs, out) }
    }

    /// The states `[n, times, dim]` of `n` rows at `times`, which go from t0 to t1, both included.
    pub fn trajectory(
        &self,
        config: &SampleConfig,
        inputs: Inputs<'_>,
        n: usize,
        times: &[f64],
    ) -> Result<(Vec<f32>, SampleResult)> {
        let dims = (self.dim, self.cond_dim);
        // SAFETY: the function and the handle belong together.
        unsafe { sample::trajectory(sys::bzd_flow_trajectory, self.inner.shared(), dims, config, inputs, n, times) }
    }

    /// The grid `[steps + 1]` of least error for few-step sampling, and that error.
    pub fn choose_grid(&self, config: &GridConfig) -> Result<(Vec<f64>, f64)> {
        let mut raw = config.numbers();
        raw.paths = config.paths.as_ref().map_or(std::ptr::null(), |paths| paths.inner.shared());
        let (mut grid, mut error) = (vec![0.0; product(&[size(raw.steps.into()).min(1 << 20) + 1])?], 0.0);
        // SAFETY: the grid has steps + 1 numbers (the library refuses more than 256 steps); the source lives.
        check(unsafe { sys::bzd_flow_choose_grid(self.inner.shared(), &raw, grid.as_mut_ptr(), &mut error) })?;
        Ok((grid, error))
    }
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flow").field("dim", &self.dim).field("cond_dim", &self.cond_dim).finish_non_exhaustive()
    }
}
