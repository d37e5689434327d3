// SPDX-License-Identifier: MIT
//! Ensembles of teachers.
use crate::callback::{call_weights, Stop, WeightsInput};
use crate::code::{codes, config, facts};
use crate::context::{self, Context};
use crate::data::size;
use crate::error::{check, int, pointer, product, same, Result};
use crate::flow::Flow;
use crate::object::{Handle, Keep, Owned};
use crate::sample::{self, Inputs, SampleConfig, SampleResult};
use crate::source::Source;
use bezdist_sys as sys;
use std::os::raw::c_void;
use std::sync::Arc;

codes! {
    /// How teachers become one field.
    Combine: i32 {
        /// Mean velocity; teachers of one coupling.
        VELOCITY = BZD_COMBINE_VELOCITY,
        /// Each sample follows one teacher, drawn with the weights.
        MIXTURE = BZD_COMBINE_MIXTURE,
        /// Each sample takes the trajectory nearest to the others; paths only.
        SELECT = BZD_COMBINE_SELECT,
        /// Mean of the trajectories; paths only.
        ENDPOINT = BZD_COMBINE_ENDPOINT,
        /// As `VELOCITY`, of any teachers.
        ANY_VELOCITY = BZD_COMBINE_ANY_VELOCITY,
    }
}

codes! {
    /// Where the weights of teachers come from.
    Rule: i32 {
        /// All the same.
        UNIFORM = BZD_RULE_UNIFORM,
        /// Given numbers.
        FIXED = BZD_RULE_FIXED,
        /// Per row, by nearness to the mean of the others.
        CONSENSUS = BZD_RULE_CONSENSUS,
        /// Per row, the one nearest to the others.
        MEDOID = BZD_RULE_MEDOID,
        /// By the error on validation's paths.
        ERROR = BZD_RULE_ERROR,
        /// By the variance per bin of time.
        VARIANCE = BZD_RULE_VARIANCE,
        /// A closure: [`Ensemble::with_weights`].
        CALLBACK = BZD_RULE_CALLBACK,
    }
}

config! {
    /// How teachers are combined.
    EnsembleConfig = bzd_ensemble_config, bzd_ensemble_config_init {
        /// How teachers become one field.
        combine: Combine,
        /// Where weights come from.
        rule: Rule,
        /// Samples of validation.
        validation_count: i64,
        /// Of time, for [`Rule::VARIANCE`].
        bins: i32,
        /// Of [`Rule::CONSENSUS`].
        temperature: f64,
        /// Which member a sample of a mixture follows.
        seed: u64,
    } with {
        /// Weights of [`Rule::FIXED`], one a teacher.
        fixed: Vec<f64>,
        /// Guidance of each teacher. Empty: 1.
        guidance: Vec<f64>,
        /// Paths that [`Rule::ERROR`] and [`Rule::VARIANCE`] learn from; not kept.
        validation: Option<Source>,
    }
}

facts! {
    /// Facts of an ensemble.
    EnsembleInfo = bzd_ensemble_info {
        /// How teachers become one field.
        combine: Combine,
        /// Where weights come from.
        rule: Rule,
        /// Network evaluations that one evaluation of a row counts.
        nfe: i32,
        /// Teachers.
        count: i64,
        /// Numbers in one sample.
        dim: i64,
        /// Numbers in one condition.
        cond_dim: i64,
        /// Effective number of teachers, mean over time; NaN for rules by row.
        effective: f64,
    }
}

/// Teachers and the rule that combines them: a velocity field like a flow. Immutable; clones are the same ensemble.
#[derive(Clone)]
pub struct Ensemble {
    pub(crate) inner: Arc<Owned<sys::bzd_ensemble>>,
    members: Vec<Flow>,
    pub(crate) dim: usize,
    pub(crate) cond_dim: usize,
}

impl Ensemble {
    /// Combines teachers.
    pub fn new<'c>(
        context: impl Into<Option<&'c Context>>,
        config: &EnsembleConfig,
        teachers: &[&Flow],
    ) -> Result<Ensemble> {
        Ensemble::create(context.into(), config, teachers, None)
    }

    /// Combines teachers by a closure's weights: it fills `weights [n, count]`, each at least 0 and not all 0 in a row.
    /// A row's weights must depend on that row alone. The config's rule does not count.
    pub fn with_weights<'c, F>(
        context: impl Into<Option<&'c Context>>,
        config: &EnsembleConfig,
        teachers: &[&Flow],
        weights: F,
    ) -> Result<Ensemble>
    where
        F: Fn(&WeightsInput<'_>, &mut [f64]) -> std::result::Result<(), Stop> + Send + Sync + 'static,
    {
        let weights = Arc::new(weights);
        let function: sys::bzd_weights_fn = Some(call_weights::<F>);
        let user = Arc::as_ptr(&weights) as *mut c_void;
        Ensemble::create(context.into(), config, teachers, Some((function, user, weights)))
    }

    fn create(
        context: Option<&Context>,
        config: &EnsembleConfig,
        teachers: &[&Flow],
        call: Option<(sys::bzd_weights_fn, *mut c_void, Keep)>,
    ) -> Result<Ensemble> {
        let mut raw = config.numbers();
        if !config.fixed.is_empty() {
            same("fixed", config.fixed.len(), teachers.len())?;
            raw.fixed = config.fixed.as_ptr();
        }
        if !config.guidance.is_empty() {
            same("guidance", config.guidance.len(), teachers.len())?;
            raw.guidance = config.guidance.as_ptr();
        }
        raw.validation = config.validation.as_ref().map_or(std::ptr::null(), |source| source.inner.shared());
        let flows: Vec<_> = teachers.iter().map(|flow| flow.inner.shared()).collect();
        let count = int("teachers", flows.len())?;
        // SAFETY: live handles; the arrays have count numbers; the closure is lent.
        let create = |raw: &sys::bzd_ensemble_config, out| unsafe {
            sys::bzd_ensemble_create(context::raw(context), raw, count, flows.as_ptr(), out)
        };
        let handle = match call {
            None => Handle::new(|out| create(&raw, out))?,
            Some((function, user, weights)) => {
                raw.rule = Rule::CALLBACK.0;
                raw.weights = function;
                raw.weights_user = user;
                Handle::lent(weights, |out| create(&raw, out))?
            }
        };
        let members = teachers.iter().map(|&flow| flow.clone()).collect();
        Ensemble::wrap(handle, members)
    }

    /// An ensemble with members of its own, which a file held.
    pub(crate) fn loaded(handle: Handle<sys::bzd_ensemble>) -> Result<Ensemble> {
        // SAFETY: a live handle; the struct is the library's to fill.
        let info = EnsembleInfo::read(|info| unsafe { sys::bzd_ensemble_get_info(handle.get(), info) })?;
        // Its members are the objects that it reads. All are held from the start, so that none can be changed.
        let member = |i| {
            // SAFETY: a live handle.
            let flow = Handle::new(|out| unsafe { sys::bzd_ensemble_get_member(handle.get(), i, out) })?;
            Flow::wrap(flow)
        };
        let members = (0..info.count).map(member).collect::<Result<_>>()?;
        Ensemble::wrap(handle, members)
    }

    fn wrap(handle: Handle<sys::bzd_ensemble>, members: Vec<Flow>) -> Result<Ensemble> {
        let inner = Owned::new(handle, members.iter().map(|flow| flow.inner.clone() as Keep).collect());
        let mut ensemble = Ensemble { inner, members, dim: 0, cond_dim: 0 };
        let info = ensemble.info()?;
        ensemble.dim = size(info.dim);
        ensemble.cond_dim = size(info.cond_dim);
        Ok(ensemble)
    }

    /// Facts of the ensemble.
    pub fn info(&self) -> Result<EnsembleInfo> {
        // SAFETY: a live handle; the struct is the library's to fill.
        EnsembleInfo::read(|info| unsafe { sys::bzd_ensemble_get_info(self.inner.shared(), info) })
    }

    /// The teachers.
    pub fn members(&self) -> &[Flow] {
        &self.members
    }

    /// The weights at time t, one a teacher; not of rules by row.
    pub fn weights(&self, t: f64) -> Result<Vec<f64>> {
        let mut weights = vec![0.0; self.members.len()];
        // SAFETY: one number for each member.
        check(unsafe { sys::bzd_ensemble_get_weights(self.inner.shared(), t, weights.as_mut_ptr()) })?;
        Ok(weights)
    }

    /// Effective number of teachers over the rows `x [n, dim]`, `t [n]`, `cond [n, cond_dim]`.
    pub fn effective(&self, x: &[f32], t: &[f32], cond: Option<&[f32]>) -> Result<f64> {
        let n = int("x", sample::count_rows((self.dim, self.cond_dim), x, t, cond)?)?;
        let mut effective = 0.0;
        // SAFETY: n rows of dim, 1 and cond_dim numbers.
        check(unsafe {
            let (x, t) = (x.as_ptr(), t.as_ptr());
            sys::bzd_ensemble_effective(self.inner.shared(), n, x, t, pointer(cond), &mut effective)
        })?;
        Ok(effective)
    }

    /// The combined velocity `[n, dim]` at rows whose sample numbers are `first_index..`, and the weights `[n, count]`.
    pub fn velocity(
        &self,
        first_index: i64,
        x: &[f32],
        t: &[f32],
        cond: Option<&[f32]>,
    ) -> Result<(Vec<f32>, Vec<f64>)> {
        let n = sample::count_rows((self.dim, self.cond_dim), x, t, cond)?;
        let mut v = vec![0.0; x.len()];
        let mut weights = vec![0.0; product(&[n, self.members.len()])?];
        let (n, cond) = (int("x", n)?, pointer(cond));
        // SAFETY: n rows of dim, 1, cond_dim, dim and count numbers.
        check(unsafe {
            let (x, t, v, weights) = (x.as_ptr(), t.as_ptr(), v.as_mut_ptr(), weights.as_mut_ptr());
            sys::bzd_ensemble_velocity(self.inner.shared(), n, first_index, x, t, cond, v, weights)
        })?;
        Ok((v, weights))
    }

    /// As [`Flow::sample`].
    pub fn sample(&self, config: &SampleConfig, n: usize) -> Result<Vec<f32>> {
        let mut out = vec![0.0; product(&[n, self.dim])?];
        self.sample_into(config, Inputs::default(), &mut out)?;
        Ok(out)
    }

    /// As [`Flow::sample_into`].
    pub fn sample_into(&self, config: &SampleConfig, inputs: Inputs<'_>, out: &mut [f32]) -> Result<SampleResult> {
        let dims = (self.dim, self.cond_dim);
        // SAFETY: the function and the handle belong together.
        unsafe { sample::sample(sys::bzd_ensemble_sample, self.inner.shared(), dims, config, inputs, out) }
    }

    /// As [`Flow::trajectory`].
    pub fn trajectory(
        &self,
        config: &SampleConfig,
        inputs: Inputs<'_>,
        n: usize,
        times: &[f64],
    ) -> Result<(Vec<f32>, SampleResult)> {
        let (dims, ensemble) = ((self.dim, self.cond_dim), self.inner.shared());
        // SAFETY: the function and the handle belong together.
        unsafe { sample::trajectory(sys::bzd_ensemble_trajectory, ensemble, dims, config, inputs, n, times) }
    }
}

impl std::fmt::Debug for Ensemble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ensemble").field("members", &self.members).finish_non_exhaustive()
    }
}
