// SPDX-License-Identifier: MIT
//! What sampling from flows and from ensembles shares.
use crate::callback::{progress_of, ProgressFn};
use crate::code::{codes, config, facts};
use crate::error::{int, int32, pointer, product, rows, same, same_if, Error, Result, Status};
use crate::source::Source;
use bezdist_sys as sys;

codes! {
    /// How the ODE of a flow is solved.
    Solver: i32 {
        /// `CONTROL` for control-point and endpoint flows, `DOPRI5` otherwise.
        AUTO = BZD_SOLVER_AUTO,
        /// Order 1, one evaluation a step.
        EULER = BZD_SOLVER_EULER,
        /// Order 2, two evaluations.
        MIDPOINT = BZD_SOLVER_MIDPOINT,
        /// Order 2, two evaluations.
        HEUN = BZD_SOLVER_HEUN,
        /// Order 4, four evaluations.
        RK4 = BZD_SOLVER_RK4,
        /// Dormand-Prince 5(4), with a step size of its own for each row.
        DOPRI5 = BZD_SOLVER_DOPRI5,
        /// Along the predicted curve, one evaluation a step.
        CONTROL = BZD_SOLVER_CONTROL,
        /// The tableau of `DOPRI5` with fixed steps.
        DOPRI5_FIXED = BZD_SOLVER_DOPRI5_FIXED,
        /// Jumps to the end, re-anchored in the noise.
        REANCHOR = BZD_SOLVER_REANCHOR,
    }
}

codes! {
    /// Units of a sample's end at t = 1.
    Units: i32 {
        /// As the network sees them.
        MODEL = BZD_UNITS_MODEL,
        /// Those of the data, by the flow's affine.
        DATA = BZD_UNITS_DATA,
    }
}

config! {
    /// How to sample.
    SampleConfig = bzd_sample_config, bzd_sample_config_init {
        /// The solver.
        solver: Solver,
        /// Of fixed-step solvers; 0: the solver's default.
        steps: i32,
        /// Start, 0..=1.
        t0: f64,
        /// End, 0..=1; below t0: backwards.
        t1: f64,
        /// Relative tolerance of `DOPRI5`.
        rtol: f64,
        /// Absolute tolerance of `DOPRI5`.
        atol: f64,
        /// Steps that `DOPRI5` may try for one row.
        max_steps: i64,
        /// Of conditions; 1: plain.
        guidance: f64,
        /// Of the noise.
        seed: u64,
        /// Number of the first row: row r is sample `first_index + r`.
        first_index: i64,
        /// Units of the ends at t = 1.
        units: Units,
        /// Share of fresh noise of `REANCHOR`, 0..=1.
        renoise: f64,
    } with {
        /// Times of the steps from t0 to t1, instead of `steps`. Empty: equal steps.
        grid: Vec<f64>,
    }
}

facts! {
    /// What sampling took.
    SampleResult = bzd_sample_result {
        /// The solver that was used, never `AUTO`.
        solver: Solver,
        /// Network evaluations per row, mean.
        nfe_mean: f64,
        /// Network evaluations of a row, most.
        nfe_max: i64,
        /// Rejected steps of all rows.
        rejected: i64,
        /// Time it took.
        seconds: f64,
    }
}

config! {
    /// How to choose a grid.
    GridConfig = bzd_grid_config, bzd_grid_config_init {
        /// Of the grid wanted, 1..=256.
        steps: i32,
        /// Equal intervals whose ends are the times to choose from, `steps..=256`.
        candidates: i32,
        /// Trajectories measured on.
        rows: i64,
        /// Of their noise when there are no paths.
        seed: u64,
    } with {
        /// The teacher's curves. None: the flow's own trajectories.
        paths: Option<Source>,
    }
}

/// What goes into sampling beside the config.
#[derive(Default)]
pub struct Inputs<'a> {
    /// Where rows start, `[n, dim]`. None: noise of the config's seed.
    pub x0: Option<&'a [f32]>,
    /// Rows start as the output holds them, instead. Not of trajectories.
    pub in_place: bool,
    /// Conditions `[n, cond_dim]`. None: unconditional.
    pub cond: Option<&'a [f32]>,
    /// Told of progress on the way; its `Err` stops the call.
    pub progress: Option<ProgressFn<'a>>,
}

impl std::fmt::Debug for Inputs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inputs").field("x0", &self.x0).field("cond", &self.cond).finish_non_exhaustive()
    }
}

fn raw_config(config: &SampleConfig) -> Result<sys::bzd_sample_config> {
    let mut raw = config.numbers();
    if !config.grid.is_empty() {
        raw.grid = config.grid.as_ptr();
        raw.grid_count = int32("grid", config.grid.len())?;
    }
    Ok(raw)
}

type SampleFn<T> = unsafe extern "C" fn(
    *const T,
    *const sys::bzd_sample_config,
    i64,
    *const f32,
    *const f32,
    *mut f32,
    *mut sys::bzd_sample_result,
) -> sys::bzd_status;

/// How many rows `x` has, of `(dim, cond_dim)` numbers; `t` and `cond` must have as many.
pub(crate) fn count_rows(dims: (usize, usize), x: &[f32], t: &[f32], cond: Option<&[f32]>) -> Result<usize> {
    let n = rows("x", x.len(), dims.0)?;
    same("t", t.len(), n)?;
    same_if("cond", cond, product(&[n, dims.1])?)?;
    Ok(n)
}

/// # Safety
/// `function` samples from objects like `object`, which lives and has `dims`: (dim, cond_dim).
pub(crate) unsafe fn sample<T>(
    function: SampleFn<T>,
    object: *const T,
    dims: (usize, usize),
    config: &SampleConfig,
    inputs: Inputs<'_>,
    out: &mut [f32],
) -> Result<SampleResult> {
    let Inputs { x0, in_place, cond, mut progress } = inputs;
    let n = rows("out", out.len(), dims.0)?;
    same_if("x0", x0, out.len())?;
    same_if("cond", cond, product(&[n, dims.1])?)?;
    let mut raw = raw_config(config)?;
    (raw.progress, raw.progress_user) = progress_of(&mut progress);
    let n = int("out", n)?;
    let out = out.as_mut_ptr();
    let x0 = if in_place { out } else { pointer(x0) };
    // SAFETY: x0, cond and out have n rows; config, grid and progress live during the call.
    SampleResult::read(|result| unsafe { function(object, &raw, n, x0, pointer(cond), out, result) })
}

type TrajectoryFn<T> = unsafe extern "C" fn(
    *const T,
    *const sys::bzd_sample_config,
    i64,
    *const f32,
    *const f32,
    i64,
    *const f64,
    *mut f32,
    *mut sys::bzd_sample_result,
) -> sys::bzd_status;

/// # Safety
/// As for `sample`.
pub(crate) unsafe fn trajectory<T>(
    function: TrajectoryFn<T>,
    object: *const T,
    dims: (usize, usize),
    config: &SampleConfig,
    inputs: Inputs<'_>,
    n: usize,
    times: &[f64],
) -> Result<(Vec<f32>, SampleResult)> {
    let Inputs { x0, in_place, cond, mut progress } = inputs;
    if in_place {
        return Err(Error::new(Status::UNSUPPORTED, "in_place: a trajectory has an output of its own".to_string()));
    }
    same_if("x0", x0, product(&[n, dims.0])?)?;
    same_if("cond", cond, product(&[n, dims.1])?)?;
    let mut states = vec![0.0; product(&[n, times.len(), dims.0])?];
    let mut raw = raw_config(config)?;
    (raw.progress, raw.progress_user) = progress_of(&mut progress);
    let (n, count) = (int("n", n)?, int("times", times.len())?);
    let (x0, cond) = (pointer(x0), pointer(cond));
    // SAFETY: x0 and cond have n rows, states n times count; config, grid and progress live during the call.
    let result = SampleResult::read(|result| unsafe {
        function(object, &raw, n, x0, cond, count, times.as_ptr(), states.as_mut_ptr(), result)
    })?;
    Ok((states, result))
}
