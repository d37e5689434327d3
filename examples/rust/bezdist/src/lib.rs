// SPDX-License-Identifier: MIT
//! libbezdist in Rust: trains, distils and runs few-step flow models. What the pieces are: docs/concepts.md of
//! libbezdist; what each field and number means to the last detail: its headers, whose names these are.
//!
//! ```no_run
//! use bezdist::*;
//!
//! fn learn(rows: &[f32], dim: i64) -> Result<Vec<f32>> {
//!     let data = Data::new(None, rows, &DataConfig { dim, ..Default::default() })?;
//!     let source = Source::from_data(&data, None, 0)?; // lines from noise to rows
//!     let fresh = Flow::new(None, &FlowConfig { dim, ..Default::default() })?;
//!     let mut trainer = Trainer::new(&fresh, &source, &TrainerConfig { steps: 3000, ..Default::default() })?;
//!     trainer.run(0)?; // to the end of the schedule
//!     trainer.flow(Weights::AUTO)?.sample(&SampleConfig::default(), 16)
//! }
//! ```
//!
//! **Arrays** are slices of `f32`, row-major and dense; how many rows they hold follows from their length. A slice of
//! the wrong length is an [`Error`] with [`Status::DIMENSION`], before the library is called.
//!
//! **Lifetimes.** Objects keep what they are made from, closures and borrowed memory included; drop them in any order.
//!
//! **Threads.** All objects are [`Send`], all but [`Trainer`] are [`Sync`]: many threads may sample from one [`Flow`].
//! Closures that objects keep must be `Send + Sync` for that; those that live for one call may be any `FnMut`.
//!
//! **Closures** that panic do so in the call that called them: the panic passes through C safely.
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]

mod callback;
mod checkpoint;
mod code;
mod context;
mod data;
mod ensemble;
mod error;
mod fitter;
mod flow;
pub mod metrics;
mod noise;
mod object;
mod path;
mod sample;
mod source;
mod tensors;
mod trainer;
mod trap;
mod version;

pub use callback::{PathsOutput, Phase, Progress, ProgressFn, Stop, VelocityInput, WeightsInput};
pub use checkpoint::{Checkpoint, CheckpointInfo, CheckpointKind, Limits, Role, Storage, TensorInfo};
pub use context::{Context, ContextConfig, LogLevel, Memory};
pub use data::{Data, DataConfig, DataInfo, Dtype, Normalise};
pub use ensemble::{Combine, Ensemble, EnsembleConfig, EnsembleInfo, Rule};
pub use error::{Error, Result, Status};
pub use fitter::{Fitter, FitterConfig, FitterInfo};
pub use flow::{Flow, FlowConfig, FlowInfo, FlowKind, Precision};
pub use noise::{noise, uniform, Stream};
pub use path::{through_waypoints, Measures, Paths};
pub use sample::{GridConfig, Inputs, SampleConfig, SampleResult, Solver, Units};
pub use source::{EnsembleSourceConfig, Guide, Samples, Source, SourceInfo, SourceKind};
pub use tensors::{Format, Tensors, TensorsInfo};
pub use trainer::{Cancel, Divergence, Loss, TimeLaw, Trainer, TrainerConfig, TrainerInfo, Weights};
pub use version::{build_info, version, version_string};
