// SPDX-License-Identifier: MIT
//! Distances between sets of samples, and measures of a flow.
use crate::code::{config, facts};
use crate::context::{self, Context};
use crate::data::Data;
use crate::error::{check, int, rows, Result};
use crate::flow::Flow;
use crate::sample::Solver;
use crate::source::Source;
use bezdist_sys as sys;

/// Which distances: bits for [`MetricsConfig::which`].
pub mod which {
    use bezdist_sys as sys;

    /// Sliced 2-Wasserstein.
    pub const SW2: u32 = sys::BZD_METRIC_SW2;
    /// Exact 2-Wasserstein; sets of equal size up to 2048.
    pub const W2: u32 = sys::BZD_METRIC_W2;
    /// Energy.
    pub const ENERGY: u32 = sys::BZD_METRIC_ENERGY;
    /// Frechet.
    pub const FRECHET: u32 = sys::BZD_METRIC_FRECHET;
    /// Precision and recall.
    pub const PRECISION_RECALL: u32 = sys::BZD_METRIC_PRECISION_RECALL;
    /// Squared maximum mean discrepancy.
    pub const MMD: u32 = sys::BZD_METRIC_MMD;
    /// Total variance.
    pub const TOTAL_VARIANCE: u32 = sys::BZD_METRIC_TOTAL_VARIANCE;
    /// All, `W2` where it applies.
    pub const ALL: u32 = sys::BZD_METRIC_ALL;
}

config! {
    /// How to compare.
    MetricsConfig = bzd_metrics_config, bzd_metrics_config_init {
        /// Bits of [`which`].
        which: u32,
        /// Of sw2.
        directions: i32,
        /// Of precision and recall.
        neighbours: i32,
        /// Of the directions.
        seed: u64,
    } with {
    }
}

facts! {
    /// Distances; what was not asked for, or does not apply, is NaN.
    Metrics = bzd_metrics_result {
        /// What was computed.
        which: u32,
        /// Sliced 2-Wasserstein distance.
        sw2: f64,
        /// Exact 2-Wasserstein distance.
        w2: f64,
        /// Energy distance, squared form.
        energy: f64,
        /// Frechet distance of Gaussian fits, squared form.
        frechet: f64,
        /// The same with a at b's total variance.
        frechet_matched: f64,
        /// Share of a inside b's neighbourhood balls.
        precision: f64,
        /// Share of b inside a's.
        recall: f64,
        /// Squared MMD, unbiased.
        mmd: f64,
        /// Of a.
        total_variance: f64,
        /// Of b.
        total_variance_b: f64,
    }
}

/// Compares `a [n, dim]` (generated) with `b [m, dim]` (real), at least 8 rows each.
pub fn compare<'c>(
    context: impl Into<Option<&'c Context>>,
    config: &MetricsConfig,
    dim: usize,
    a: &[f32],
    b: &[f32],
) -> Result<Metrics> {
    let (context, raw) = (context::raw(context.into()), config.numbers());
    let (n, m) = (int("a", rows("a", a.len(), dim)?)?, int("b", rows("b", b.len(), dim)?)?);
    let dim = int("dim", dim)?;
    // SAFETY: n and m rows of dim numbers; the struct is the library's to fill.
    Metrics::read(|result| unsafe {
        sys::bzd_metrics_compare(context, &raw, dim, n, a.as_ptr(), m, b.as_ptr(), result)
    })
}

/// For each row of `a [n, dim]` the number of the nearest row of `b [m, dim]`, and its distance.
pub fn nearest<'c>(
    context: impl Into<Option<&'c Context>>,
    dim: usize,
    a: &[f32],
    b: &[f32],
) -> Result<Vec<(i64, f64)>> {
    let context = context::raw(context.into());
    let (n, m) = (rows("a", a.len(), dim)?, int("b", rows("b", b.len(), dim)?)?);
    let (mut index, mut distance) = (vec![0i64; n], vec![0.0; n]);
    let (n, dim) = (int("a", n)?, int("dim", dim)?);
    // SAFETY: n and m rows of dim numbers, and n results.
    check(unsafe {
        let (index, distance) = (index.as_mut_ptr(), distance.as_mut_ptr());
        sys::bzd_metrics_nearest(context, dim, n, a.as_ptr(), m, b.as_ptr(), index, distance)
    })?;
    Ok(index.into_iter().zip(distance).collect())
}

config! {
    /// How to measure a flow.
    FlowMetricsConfig = bzd_flow_metrics_config, bzd_flow_metrics_config_init {
        /// Of the trajectories measured, even.
        steps: i32,
        /// Trajectories.
        rows: i64,
        /// Of the way back from a code.
        decode_solver: Solver,
        /// Of the way back.
        decode_steps: i32,
        /// Of the noise without paths.
        seed: u64,
    } with {
        /// What the flow was trained on. None: from noise.
        paths: Option<Source>,
        /// Rows to encode and decode. None: no drift.
        real: Option<Data>,
    }
}

facts! {
    /// Measures of a flow; what was not asked for is NaN. Formulas: docs/math.md.
    FlowMetrics = bzd_flow_metrics {
        /// Of the flow's trajectories.
        straightness: f64,
        /// Mean square distance of their ends.
        chord2: f64,
        /// Mean of arc length / chord - 1.
        arc_over_chord: f64,
        /// Straightness of the paths.
        path_straightness: f64,
        /// Mean square distance of the paths' ends.
        path_chord2: f64,
        /// Mean of arc length / chord - 1 of the paths.
        path_arc_over_chord: f64,
        /// What no velocity field can follow, plus the error of this one.
        crossing_variance: f64,
        /// 0 for the exact field.
        budget: f64,
        /// Between real rows and what their codes decode to.
        drift: f64,
    }
}

impl Flow {
    /// Measures the flow itself.
    pub fn measure(&self, config: &FlowMetricsConfig) -> Result<FlowMetrics> {
        let mut raw = config.numbers();
        raw.paths = config.paths.as_ref().map_or(std::ptr::null(), |paths| paths.inner.shared());
        raw.real = config.real.as_ref().map_or(std::ptr::null(), |real| real.inner.shared());
        // SAFETY: live handles; the struct is the library's to fill.
        FlowMetrics::read(|result| unsafe { sys::bzd_metrics_flow(self.inner.shared(), &raw, result) })
    }
}
