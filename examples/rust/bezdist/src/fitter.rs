// SPDX-License-Identifier: MIT
//! Fitters: trajectories to control points.
use crate::code::{config, facts};
use crate::context::{self, Context};
use crate::data::size;
use crate::error::{check, int, product, rows, same, Result};
use crate::object::{Handle, Owned};
use bezdist_sys as sys;
use std::sync::Arc;

config! {
    /// How trajectories become curves.
    FitterConfig = bzd_fitter_config, bzd_fitter_config_init {
        /// Of the curves, 1..=16.
        degree: i32,
        /// States per trajectory, `degree + 1..=4096`.
        nodes: i32,
        /// Pulls the curve towards its chord.
        ridge: f64,
    } with {
        /// Times of the nodes, from 0 to 1, ascending. Empty: equal distances.
        times: Vec<f64>,
        /// Weights of the nodes. Empty: 1.
        weights: Vec<f64>,
    }
}

facts! {
    /// Facts of a fitter.
    FitterInfo = bzd_fitter_info {
        /// Of the curves.
        degree: i32,
        /// States per trajectory.
        nodes: i32,
        /// Whether the product is made in double.
        in_double: bool,
        /// Of the fit matrix: how much an error of a state is amplified.
        norm: f64,
        /// Of the normal equations.
        condition: f64,
    }
}

/// Fits Bezier curves to trajectories, both ends pinned. Immutable; clones are the same fitter.
#[derive(Clone)]
pub struct Fitter {
    pub(crate) inner: Arc<Owned<sys::bzd_fitter>>,
    info: FitterInfo,
}

impl Fitter {
    /// Makes the fit matrix.
    pub fn new<'c>(context: impl Into<Option<&'c Context>>, config: &FitterConfig) -> Result<Fitter> {
        let (context, mut raw) = (context.into(), config.numbers());
        if !config.times.is_empty() {
            same("times", config.times.len(), size(raw.nodes.into()))?;
            raw.times = config.times.as_ptr();
        }
        if !config.weights.is_empty() {
            same("weights", config.weights.len(), size(raw.nodes.into()))?;
            raw.weights = config.weights.as_ptr();
        }
        // SAFETY: the arrays have one number for each node, and live during the call.
        let handle = Handle::new(|out| unsafe { sys::bzd_fitter_create(context::raw(context), &raw, out) })?;
        let inner = Owned::new(handle, Vec::new());
        // SAFETY: a live handle; the struct is the library's to fill.
        let info = FitterInfo::read(|info| unsafe { sys::bzd_fitter_get_info(inner.shared(), info) })?;
        Ok(Fitter { inner, info })
    }

    /// Facts of the fitter.
    pub fn info(&self) -> FitterInfo {
        self.info
    }

    /// Times of the nodes.
    pub fn times(&self) -> Result<Vec<f64>> {
        let mut times = vec![0.0; size(self.info.nodes.into())];
        // SAFETY: one number for each node.
        check(unsafe { sys::bzd_fitter_get_times(self.inner.shared(), times.as_mut_ptr()) })?;
        Ok(times)
    }

    /// Fits `states [n, nodes, dim]`: control points `[n, degree + 1, dim]` and residuals `[n]`.
    pub fn fit(&self, states: &[f32], dim: usize) -> Result<(Vec<f32>, Vec<f64>)> {
        let n = rows("states", states.len(), product(&[size(self.info.nodes.into()), dim])?)?;
        let mut paths = vec![0.0; product(&[n, size(self.info.degree.into()) + 1, dim])?];
        let mut residual = vec![0.0; n];
        let (n, dim) = (int("states", n)?, int("dim", dim)?);
        // SAFETY: n rows of nodes dim, (degree + 1) dim and 1 numbers.
        check(unsafe {
            let (paths, residual) = (paths.as_mut_ptr(), residual.as_mut_ptr());
            sys::bzd_fitter_fit(self.inner.shared(), n, dim, states.as_ptr(), paths, residual)
        })?;
        Ok((paths, residual))
    }
}

impl std::fmt::Debug for Fitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Fitter").field(&self.info).finish()
    }
}
