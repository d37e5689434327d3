// SPDX-License-Identifier: MIT
//! Sources: where training paths come from.
use crate::callback::{call_paths, progress_of, PathsOutput, ProgressFn, Stop};
use crate::code::{codes, config, facts};
use crate::context::{self, Context};
use crate::data::{size, Data};
use crate::ensemble::Ensemble;
use crate::error::{check, int, int32, product, rows, same, Result};
use crate::fitter::Fitter;
use crate::flow::Flow;
use crate::object::{Handle, Keep, Owned};
use crate::sample::Solver;
use bezdist_sys as sys;
use std::os::raw::c_void;
use std::sync::Arc;

codes! {
    /// What a curve is fitted to.
    Guide: i32 {
        /// The whole trajectory, by least squares.
        FIT = BZD_GUIDE_FIT,
        /// The guides become the interior control points.
        CONTROL = BZD_GUIDE_CONTROL,
        /// The curve passes the guides.
        WAYPOINT = BZD_GUIDE_WAYPOINT,
    }
}

codes! {
    /// Kind of a source.
    SourceKind: i32 {
        /// [`Source::from_data`].
        DATA = BZD_SOURCE_DATA,
        /// [`Source::from_ensemble`].
        ENSEMBLE = BZD_SOURCE_ENSEMBLE,
        /// [`Source::from_fn`].
        CALLBACK = BZD_SOURCE_CALLBACK,
        /// [`Source::pool`], or a path store from a file.
        POOL = BZD_SOURCE_POOL,
        /// [`Source::transport`].
        TRANSPORT = BZD_SOURCE_TRANSPORT,
    }
}

config! {
    /// How an ensemble's trajectories become paths.
    EnsembleSourceConfig = bzd_ensemble_source_config, bzd_ensemble_source_config_init {
        /// What a curve is fitted to.
        guide: Guide,
        /// Times of guides; for degree 2 the first counts.
        guide_times: [f64; 2],
        /// Of the noise and of the orders.
        seed: u64,
        /// Fraction of paths integrated backwards from a row of `real`.
        rho: f64,
        /// The solver, any but `CONTROL`.
        solver: Solver,
        /// Of fixed-step solvers.
        steps: i32,
        /// Relative tolerance of `DOPRI5`.
        rtol: f64,
        /// Absolute tolerance of `DOPRI5`.
        atol: f64,
        /// Steps of the visitor, 1..=1024.
        visit_steps: i32,
        /// Windows that trajectories are cut into.
        windows: i32,
        /// Above 0: the smallest degree whose residual is at most this.
        tolerance: f64,
        /// Share of the fitted curve's bend that a path keeps, 0..=1.
        bend: f64,
    } with {
        /// Rows for the starts. None: noise.
        start: Option<Data>,
        /// Real data: ends of anchored paths, and conditions.
        real: Option<Data>,
        /// Conditions `[count, cond_dim]` to draw from when `real` gives none.
        cond: Vec<f32>,
        /// For [`Guide::CONTROL`] and [`Guide::WAYPOINT`]: `degree - 1` flows. Empty: states of the trajectory.
        guides: Vec<Flow>,
        /// On-policy paths: this flow goes the first part of each.
        visitor: Option<Flow>,
    }
}

facts! {
    /// Facts of a source.
    SourceInfo = bzd_source_info {
        /// Kind of source.
        kind: SourceKind,
        /// Of its paths.
        degree: i32,
        /// Of a flow trained on it: 1 from data, one more than the teachers'; 0 unknown.
        generation: i32,
        /// Numbers in a control point.
        dim: i64,
        /// Numbers in a condition.
        cond_dim: i64,
        /// Paths of a pool; 0: endless.
        count: i64,
        /// Pool: teacher evaluations per path it cost.
        nfe: f64,
        /// Pool over an ensemble: root mean square of state - path.
        residual: f64,
        /// Of the probe that chose the degree; NaN when it was given.
        relative_residual: f64,
    }
}

/// Paths, their conditions, and the times of their ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// Control points `[n, degree + 1, dim]`.
    pub paths: Vec<f32>,
    /// Conditions `[n, cond_dim]`.
    pub cond: Vec<f32>,
    /// Times of the ends `[n, 2]`.
    pub span: Vec<f32>,
}

/// A pure function from sample numbers to Bezier paths. Immutable; clones are the same source.
#[derive(Clone)]
pub struct Source {
    pub(crate) inner: Arc<Owned<sys::bzd_source>>,
    info: SourceInfo,
}

impl Source {
    pub(crate) fn wrap(handle: Handle<sys::bzd_source>, holds: Vec<Keep>) -> Result<Source> {
        // SAFETY: a live handle; the struct is the library's to fill.
        let info = SourceInfo::read(|info| unsafe { sys::bzd_source_get_info(handle.get(), info) })?;
        Ok(Source { inner: Owned::new(handle, holds), info })
    }

    /// Straight paths to the rows of `target`, from noise or from rows of `start`: flow matching.
    pub fn from_data<'d>(target: &Data, start: impl Into<Option<&'d Data>>, seed: u64) -> Result<Source> {
        let start = start.into();
        // SAFETY: live handles.
        let handle = Handle::new(|out| unsafe {
            sys::bzd_source_create_data(target.inner.shared(), raw_data(start), seed, out)
        })?;
        Source::wrap(handle, Vec::new())
    }

    /// The same in minibatch optimal transport among groups of `group` (2..=2048) samples.
    pub fn transport<'d>(target: &Data, start: impl Into<Option<&'d Data>>, group: i64, seed: u64) -> Result<Source> {
        let start = start.into();
        // SAFETY: live handles.
        let handle = Handle::new(|out| unsafe {
            sys::bzd_source_create_transport(target.inner.shared(), raw_data(start), group, seed, out)
        })?;
        Source::wrap(handle, Vec::new())
    }

    /// An ensemble's trajectories, fitted: distillation; with a fitter of degree 1, reflow.
    pub fn from_ensemble(ensemble: &Ensemble, fitter: &Fitter, config: &EnsembleSourceConfig) -> Result<Source> {
        let mut raw = config.numbers();
        let mut holds: Vec<Keep> = vec![ensemble.inner.clone()];
        holds.extend(config.guides.iter().chain(&config.visitor).map(|flow| flow.inner.clone() as Keep));
        raw.start = raw_data(config.start.as_ref());
        raw.real = raw_data(config.real.as_ref());
        raw.visitor = config.visitor.as_ref().map_or(std::ptr::null(), |flow| flow.inner.shared());
        if !config.cond.is_empty() {
            raw.cond_count = int("cond", rows("cond", config.cond.len(), ensemble.cond_dim)?)?;
            raw.cond = config.cond.as_ptr();
        }
        let guides: Vec<_> = config.guides.iter().map(|flow| flow.inner.shared()).collect();
        if !guides.is_empty() {
            same("guides", guides.len(), size(i64::from(fitter.info().degree) - 1))?;
            raw.guides = guides.as_ptr();
        }
        // SAFETY: live handles; the arrays have the sizes that the config says.
        let handle = Handle::new(|out| unsafe {
            sys::bzd_source_create_ensemble(ensemble.inner.shared(), fitter.inner.shared(), &raw, out)
        })?;
        Source::wrap(handle, holds)
    }

    /// A closure's paths: it is given sample numbers and fills a path for each. The same number must give the same
    /// path. It is called on the thread that needs it, from several at once when several use the source.
    pub fn from_fn<'c, F>(
        context: impl Into<Option<&'c Context>>,
        degree: usize,
        dim: usize,
        cond_dim: usize,
        paths: F,
    ) -> Result<Source>
    where
        F: Fn(&[i64], &mut PathsOutput<'_>) -> std::result::Result<(), Stop> + Send + Sync + 'static,
    {
        let context = context.into();
        let (degree, dim, cond_dim) = (int32("degree", degree)?, int("dim", dim)?, int("cond_dim", cond_dim)?);
        let paths = Arc::new(paths);
        let user = Arc::as_ptr(&paths) as *mut c_void;
        // SAFETY: the function fits the closure, which is lent.
        let handle = Handle::lent(paths as Keep, |out| unsafe {
            let function: sys::bzd_paths_fn = Some(call_paths::<F>);
            sys::bzd_source_create_callback(context::raw(context), degree, dim, cond_dim, function, user, out)
        })?;
        Source::wrap(handle, Vec::new())
    }

    /// A path store: samples `first..first + count` made now and kept in memory.
    pub fn pool(&self, first: i64, count: i64, seed: u64) -> Result<Source> {
        self.make_pool(first, count, seed, None)
    }

    /// The same, telling of progress.
    pub fn pool_with(
        &self,
        first: i64,
        count: i64,
        seed: u64,
        mut progress: impl FnMut(&crate::Progress) -> std::result::Result<(), Stop>,
    ) -> Result<Source> {
        self.make_pool(first, count, seed, Some(&mut progress))
    }

    fn make_pool(&self, first: i64, count: i64, seed: u64, mut progress: Option<ProgressFn<'_>>) -> Result<Source> {
        let (function, user) = progress_of(&mut progress);
        // SAFETY: a live handle; the closure lives during the call.
        let handle = Handle::new(|out| unsafe {
            sys::bzd_source_create_pool(self.inner.shared(), first, count, seed, function, user, out)
        })?;
        Source::wrap(handle, Vec::new()) // its paths are made: it needs this source no more
    }

    /// Facts of the source.
    pub fn info(&self) -> SourceInfo {
        self.info
    }

    /// The samples `first..first + n`.
    pub fn samples(&self, first: i64, n: usize) -> Result<Samples> {
        let (degree, dim) = (size(self.info.degree.into()), size(self.info.dim));
        let mut paths = vec![0.0; product(&[n, degree + 1, dim])?];
        let mut cond = vec![0.0; product(&[n, size(self.info.cond_dim)])?];
        let mut span = vec![0.0; product(&[n, 2])?];
        let n = int("n", n)?;
        // SAFETY: n rows of (degree + 1) dim, cond_dim and 2 numbers.
        check(unsafe {
            let (paths, cond, span) = (paths.as_mut_ptr(), cond.as_mut_ptr(), span.as_mut_ptr());
            sys::bzd_source_get_paths(self.inner.shared(), first, n, paths, cond, span)
        })?;
        Ok(Samples { paths, cond, span })
    }
}

fn raw_data(data: Option<&Data>) -> *const sys::bzd_data {
    data.map_or(std::ptr::null(), |data| data.inner.shared())
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Source").field(&self.info).finish()
    }
}
