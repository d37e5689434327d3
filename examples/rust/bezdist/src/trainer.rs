// SPDX-License-Identifier: MIT
//! Trainers.
use crate::callback::{progress_of, Progress, ProgressFn, Stop};
use crate::checkpoint::Checkpoint;
use crate::code::{codes, config, facts};
use crate::error::{check, Result};
use crate::flow::{Flow, FlowKind};
use crate::object::{Handle, Owned};
use crate::source::Source;
use bezdist_sys as sys;
use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;

codes! {
    /// What is minimised.
    Loss: i32 {
        /// Mean square over heads and coordinates.
        MSE = BZD_LOSS_MSE,
        /// Per row, quadratic near 0 and linear beyond.
        PSEUDO_HUBER = BZD_LOSS_PSEUDO_HUBER,
        /// Control-point students: distance of the two curves.
        GRAM = BZD_LOSS_GRAM,
    }
}

codes! {
    /// How the times of training rows are drawn.
    TimeLaw: i32 {
        /// All alike.
        UNIFORM = BZD_TIME_UNIFORM,
        /// Denser at both ends.
        U_SHAPED = BZD_TIME_U_SHAPED,
        /// Of a normal number.
        LOGIT_NORMAL = BZD_TIME_LOGIT_NORMAL,
        /// Denser where the loss has been larger.
        LOSS_AWARE = BZD_TIME_LOSS_AWARE,
    }
}

codes! {
    /// What a step does that is not finite.
    Divergence: i32 {
        /// The run ends.
        STOP = BZD_DIVERGENCE_STOP,
        /// The step is left out.
        SKIP = BZD_DIVERGENCE_SKIP,
        /// Back to a snapshot, with a lower rate.
        ROLL_BACK = BZD_DIVERGENCE_ROLL_BACK,
    }
}

codes! {
    /// Which weights of a trainer.
    Weights: i32 {
        /// Averaged when there are some, else raw.
        AUTO = BZD_WEIGHTS_AUTO,
        /// Those of the last step.
        RAW = BZD_WEIGHTS_RAW,
        /// Averaged.
        EMA = BZD_WEIGHTS_EMA,
    }
}

config! {
    /// How to train. Formulas and ranges: bezdist/trainer.h.
    TrainerConfig = bzd_trainer_config, bzd_trainer_config_init {
        /// What is minimised.
        loss: Loss,
        /// Length of the schedule.
        steps: i64,
        /// Rows of a step.
        batch: i64,
        /// Peak learning rate.
        rate: f64,
        /// Share of the rate that is left at the end.
        final_rate: f64,
        /// Steps of linear warm-up; -1: the library's choice.
        warmup: i64,
        /// Of Adam.
        beta1: f64,
        /// Of Adam.
        beta2: f64,
        /// Of Adam.
        epsilon: f64,
        /// Decoupled.
        weight_decay: f64,
        /// Largest gradient norm; 0: off.
        clip: f64,
        /// Decay of the averaged weights; 0: off.
        ema: f64,
        /// Of [`Loss::PSEUDO_HUBER`]; 0: the library's choice.
        huber_c: f64,
        /// How times are drawn.
        time: TimeLaw,
        /// Of `at_grid`.
        grid_steps: i32,
        /// Of [`TimeLaw::U_SHAPED`].
        u_shape: f64,
        /// Of [`TimeLaw::LOGIT_NORMAL`].
        logit_mean: f64,
        /// Of [`TimeLaw::LOGIT_NORMAL`].
        logit_std: f64,
        /// Fraction of rows at t = 0.
        at_zero: f64,
        /// Fraction of rows that are steps of a few-step sampler.
        at_grid: f64,
        /// Share of one step among those.
        one_step: f64,
        /// Weight of the last head; control-point students.
        endpoint_weight: f64,
        /// Weight of consistency: rows at t = 0 keep it, that of others falls towards 0; control-point students.
        consistency: f64,
        /// Fraction of rows trained without their condition.
        cond_dropout: f64,
        /// Of times and dropout.
        seed: u64,
        /// What a step does that is not finite.
        divergence: Divergence,
        /// How often it may.
        divergence_limit: i32,
        /// Steps between snapshots.
        snapshot_every: i64,
        /// Factor of the rate at a roll back.
        rollback_rate: f64,
    } with {
    }
}

impl TrainerConfig {
    /// Sets what was measured best for a student of this kind that will be sampled with `nfe` evaluations.
    pub fn aim(mut self, kind: FlowKind, nfe: i32) -> Result<TrainerConfig> {
        let mut raw = self.numbers();
        // SAFETY: an initialised config.
        check(unsafe { sys::bzd_trainer_config_aim(&mut raw, kind.0, nfe) })?;
        self.set_numbers(&raw);
        Ok(self)
    }
}

facts! {
    /// Facts of a trainer.
    TrainerInfo = bzd_trainer_info {
        /// Whether averaged weights are kept.
        has_ema: bool,
        /// Steps done, those that were skipped or rolled back included.
        step: i64,
        /// Steps of the schedule.
        steps: i64,
        /// Rows of a step.
        batch: i64,
        /// Weights, in floats.
        parameters: i64,
        /// Bytes of activations, batch and scratch.
        work_bytes: i64,
        /// Loss of the last step that was applied; NaN before the first.
        loss: f64,
        /// Exponential mean of the loss.
        smooth_loss: f64,
        /// Learning rate.
        rate: f64,
        /// Norm of the gradient.
        gradient_norm: f64,
        /// Resumed from a file made with other matrix kernels (+ 1), by another version (+ 2).
        fingerprint_differs: i32,
        /// Steps skipped.
        skipped: i64,
        /// Steps rolled back.
        rollbacks: i64,
    }
}

/// Fits a copy of a student to the paths of a source. It may move between threads; one at a time has it:
///
/// ```compile_fail,E0277
/// fn shared<T: Sync>() {}
/// shared::<bezdist::Trainer>();
/// ```
///
/// Other threads stop it with a [`Cancel`].
pub struct Trainer {
    inner: Arc<Owned<sys::bzd_trainer>>,
    /// The source in use: what it is made from must not change meanwhile.
    source: Source,
    _not_sync: PhantomData<Cell<()>>,
}

/// Stops a trainer's run from another thread. Clones stop the same trainer; each keeps it in memory.
#[derive(Clone)]
pub struct Cancel {
    inner: Arc<Owned<sys::bzd_trainer>>,
}

impl Cancel {
    /// Asks the running run, or the next, to stop after its current step; it then fails with
    /// [`Status::CANCELLED`](crate::Status::CANCELLED).
    pub fn cancel(&self) {
        // SAFETY: a live handle; the function may be called from any thread at any time.
        unsafe { sys::bzd_trainer_cancel(self.inner.unguarded()) }
    }
}

impl Trainer {
    /// A trainer at step 0.
    pub fn new(student: &Flow, source: &Source, config: &TrainerConfig) -> Result<Trainer> {
        let raw = config.numbers();
        // SAFETY: live handles.
        let handle = Handle::new(|out| unsafe {
            sys::bzd_trainer_create(student.inner.shared(), source.inner.shared(), &raw, out)
        })?;
        Ok(Trainer::wrap(handle, source))
    }

    pub(crate) fn wrap(handle: Handle<sys::bzd_trainer>, source: &Source) -> Trainer {
        Trainer { inner: Owned::new(handle, Vec::new()), source: source.clone(), _not_sync: PhantomData }
    }

    /// Facts of the trainer.
    pub fn info(&self) -> Result<TrainerInfo> {
        // SAFETY: a live handle that is not in a run, which would have it by &mut; the struct is the library's to fill.
        TrainerInfo::read(|info| unsafe { sys::bzd_trainer_get_info(self.inner.shared(), info) })
    }

    /// Up to `count` more steps; 0: to the end of the schedule. After a stop the next call goes on where it was, with
    /// the bits of a run without one.
    pub fn run(&mut self, count: i64) -> Result<()> {
        self.run_steps(count, None)
    }

    /// The same, telling of progress after each step.
    pub fn run_with(
        &mut self,
        count: i64,
        mut progress: impl FnMut(&Progress) -> std::result::Result<(), Stop>,
    ) -> Result<()> {
        self.run_steps(count, Some(&mut progress))
    }

    fn run_steps(&mut self, count: i64, mut progress: Option<ProgressFn<'_>>) -> Result<()> {
        let (function, user) = progress_of(&mut progress);
        // SAFETY: a live handle that nobody else uses but to cancel; the closure lives during the call.
        check(unsafe { sys::bzd_trainer_run(self.inner.unguarded(), count, function, user) })
    }

    /// A handle that stops this trainer's runs.
    pub fn canceller(&self) -> Cancel {
        Cancel { inner: self.inner.clone() }
    }

    /// Another source from the next step on. Lets the old one go.
    pub fn set_source(&mut self, source: &Source) -> Result<()> {
        // SAFETY: a live handle that nobody else uses but to cancel.
        let status = unsafe { sys::bzd_trainer_set_source(self.inner.unguarded(), source.inner.shared()) };
        let mut other = source.clone();
        if status == sys::BZD_OK {
            std::mem::swap(&mut self.source, &mut other);
        }
        check(status) // `other`, now the old source or the refused one, goes
    }

    /// An independent flow with the weights of now.
    pub fn flow(&self, which: Weights) -> Result<Flow> {
        // SAFETY: a live handle that is not in a run.
        let handle = Handle::new(|out| unsafe { sys::bzd_trainer_get_flow(self.inner.shared(), which.0, out) })?;
        Flow::wrap(handle)
    }

    /// Mean loss over n rows of samples `first..` of `source` (None: the trainer's own), without training.
    pub fn evaluate<'s>(
        &mut self,
        source: impl Into<Option<&'s Source>>,
        first: i64,
        n: i64,
        which: Weights,
    ) -> Result<f64> {
        let source = source.into().map_or(std::ptr::null(), |source| source.inner.shared());
        let mut loss = 0.0;
        // SAFETY: live handles; nobody else uses the trainer but to cancel.
        check(unsafe { sys::bzd_trainer_evaluate(self.inner.unguarded(), source, first, n, which.0, &mut loss) })?;
        Ok(loss)
    }

    /// Everything exact resume needs but the source.
    pub fn checkpoint(&self) -> Result<Checkpoint> {
        // SAFETY: a live handle that is not in a run.
        let handle = Handle::new(|out| unsafe { sys::bzd_checkpoint_from_trainer(self.inner.shared(), out) })?;
        Ok(Checkpoint::wrap(handle))
    }
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Trainer").field(&self.info()).finish()
    }
}

impl std::fmt::Debug for Cancel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cancel").finish_non_exhaustive()
    }
}
