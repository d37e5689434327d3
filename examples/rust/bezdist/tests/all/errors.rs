// SPDX-License-Identifier: MIT
//! Failures are values: of the library, with its status and text, and of slices of the wrong length, before any call.
use bezdist::*;

fn flow(dim: i64, cond_dim: i64) -> Flow {
    Flow::new(None, &FlowConfig { dim, cond_dim, width: 8, layers: 1, ..Default::default() }).unwrap()
}

fn status<T: std::fmt::Debug>(result: Result<T>) -> Status {
    result.unwrap_err().status()
}

#[test]
fn the_library_s_text_and_status() {
    let error = Flow::new(None, &FlowConfig::default()).unwrap_err();
    assert_eq!(error.status(), Status::ARGUMENT);
    assert_eq!(error.name(), "BZD_E_ARGUMENT");
    assert!(error.text().contains("dim"), "{error}");
    assert_eq!(error.to_string(), format!("BZD_E_ARGUMENT: {}", error.text()));
    let boxed: Box<dyn std::error::Error + Send + Sync> = error.into();
    assert!(boxed.to_string().starts_with("BZD_E_ARGUMENT: "));
    let error = Flow::load(None, "no/such/file.bzd").unwrap_err();
    assert_eq!(error.status(), Status::IO);
    assert!(error.text().contains("no/such/file.bzd"), "{error}");
}

#[test]
fn codes_have_names_and_may_be_unknown() {
    assert_eq!(format!("{:?} {:?}", Solver::RK4, Solver(77)), "Solver::RK4 Solver(77)");
    assert_eq!(Status(-77).name(), "BZD_E_UNKNOWN");
    let config = SampleConfig { solver: Solver(77), ..Default::default() };
    assert_eq!(status(flow(2, 0).sample(&config, 1)), Status::ARGUMENT);
}

#[test]
fn defaults_are_the_library_s() {
    let config = TrainerConfig::default();
    assert_eq!((config.steps, config.batch, config.loss), (10000, 256, Loss::MSE)); // as trainer.h has them
    let aimed = config.aim(FlowKind::CONTROL, 1).unwrap();
    assert_eq!((aimed.at_grid, aimed.one_step, aimed.steps), (1.0, 1.0, 10000));
    assert_eq!(status(TrainerConfig::default().aim(FlowKind::CONTROL, 0)), Status::ARGUMENT);
}

#[test]
fn wrong_lengths() {
    let (plain, conditional) = (flow(2, 0), flow(2, 3));
    let wrong = Status::DIMENSION;
    assert_eq!(status(plain.velocity(&[0.0; 5], &[0.0; 2], None, 1.0)), wrong);
    assert_eq!(status(plain.velocity(&[0.0; 4], &[0.0; 3], None, 1.0)), wrong);
    assert_eq!(status(plain.velocity_into(&[0.0; 4], &[0.0; 2], None, 1.0, &mut [0.0; 3])), wrong);
    assert_eq!(status(conditional.velocity(&[0.0; 4], &[0.0; 2], Some(&[0.0; 5]), 1.0)), wrong);
    assert_eq!(status(conditional.curve(&[0.0; 4], &[0.0; 2], Some(&[0.0; 5]), 1.0)), wrong);
    let config = SampleConfig::default();
    let short = Inputs { x0: Some(&[0.0; 3]), ..Default::default() };
    assert_eq!(status(plain.sample_into(&config, short, &mut [0.0; 4])), wrong);
    let short = Inputs { cond: Some(&[0.0; 5]), ..Default::default() };
    assert_eq!(status(conditional.sample_into(&config, short, &mut [0.0; 4])), wrong);
    assert_eq!(status(plain.sample_into(&config, Inputs::default(), &mut [0.0; 3])), wrong);
    let short = Inputs { x0: Some(&[0.0; 3]), ..Default::default() };
    assert_eq!(status(plain.trajectory(&config, short, 2, &[0.0, 1.0])), wrong);
    assert_eq!(status(plain.clone().set_parameters(&[0.0; 3])), Status::STATE);

    let data = |rows: &[f32], config: DataConfig| Data::new(None, rows, &config);
    assert_eq!(status(data(&[0.0; 5], DataConfig { dim: 2, ..Default::default() })), wrong);
    let labels = DataConfig { dim: 2, classes: 2, labels: vec![0; 3], ..Default::default() };
    assert_eq!(status(data(&[0.0; 4], labels)), wrong);
    let cond = DataConfig { dim: 2, cond_dim: 2, cond: vec![0.0; 3], ..Default::default() };
    assert_eq!(status(data(&[0.0; 4], cond)), wrong);
    let scale = DataConfig { dim: 2, normalise: Normalise::GIVEN, scale: vec![1.0], ..Default::default() };
    assert_eq!(status(data(&[0.0; 4], scale)), wrong);
    let item = DataConfig { dim: 2, item_shape: vec![1, 1, 1, 1, 2], ..Default::default() };
    assert_eq!(status(data(&[0.0; 4], item)), wrong);
    let stride = DataConfig { dim: 2, row_stride: 1, ..Default::default() };
    assert_eq!(status(data(&[0.0; 4], stride)), Status::ARGUMENT);
    assert_eq!(status(data(&[], DataConfig::default())), Status::ARGUMENT);

    let affine = FlowConfig { dim: 2, scale: vec![1.0], offset: vec![0.0; 2], ..Default::default() };
    assert_eq!(status(Flow::new(None, &affine)), wrong);
    let teachers = EnsembleConfig { rule: Rule::FIXED, fixed: vec![1.0, 1.0], ..Default::default() };
    assert_eq!(status(Ensemble::new(None, &teachers, &[&plain])), wrong);
    let guided = EnsembleConfig { guidance: vec![1.0, 1.0], ..Default::default() };
    assert_eq!(status(Ensemble::new(None, &guided, &[&plain])), wrong);
    let fitter = Fitter::new(None, &FitterConfig::default()).unwrap();
    assert_eq!(status(fitter.fit(&[0.0; 18], 1)), wrong);
    assert_eq!(status(Fitter::new(None, &FitterConfig { times: vec![0.0, 1.0], ..Default::default() })), wrong);
    let ensemble = Ensemble::new(None, &EnsembleConfig::default(), &[&plain]).unwrap();
    assert_eq!(status(ensemble.velocity(0, &[0.0; 4], &[0.0; 3], None)), wrong);
    assert_eq!(status(ensemble.effective(&[0.0; 4], &[0.0; 3], None)), wrong);
    let guides = EnsembleSourceConfig { guide: Guide::CONTROL, guides: vec![plain; 2], ..Default::default() };
    assert_eq!(status(Source::from_ensemble(&ensemble, &fitter, &guides)), wrong);

    assert_eq!(status(Paths::new(&[0.0; 5], 2, 2)), wrong);
    assert_eq!(status(Paths::new(&[0.0; 6], 0, 2)), Status::ARGUMENT);
    let paths = Paths::new(&[0.0; 6], 2, 2).unwrap();
    assert_eq!(status(paths.targets(&[0.0; 2])), wrong);
    assert_eq!(status(paths.distance(&Paths::new(&[0.0; 12], 2, 2).unwrap())), wrong);
    assert_eq!(status(through_waypoints(2, &[0.0; 2], &[0.0; 3], &[0.5], &[0.0; 2])), wrong);
    assert_eq!(status(metrics::compare(None, &Default::default(), 2, &[0.0; 17], &[0.0; 16])), wrong);
    assert_eq!(status(metrics::nearest(None, 2, &[0.0; 2], &[0.0; 3])), wrong);
    let mut tensors = Tensors::new(None).unwrap();
    assert_eq!(status(tensors.add("a", "f32", &[2], &[0; 7])), wrong);
    assert_eq!(status(tensors.add("a", "f33", &[2], &[0; 8])), Status::ARGUMENT);
}

#[test]
fn absurd_sizes_and_texts() {
    assert_eq!(status(flow(2, 0).sample(&SampleConfig::default(), usize::MAX / 2)), Status::ARGUMENT);
    assert_eq!(status(noise(0, Stream::USER, 0, usize::MAX, usize::MAX)), Status::ARGUMENT);
    assert_eq!(status(flow(2, 0).set_metadata("a\0b", Some("c"))), Status::ARGUMENT);
    assert_eq!(status(flow(2, 0).save("a\0b")), Status::ARGUMENT);
    let steps = GridConfig { steps: i32::MAX, ..Default::default() };
    assert_eq!(status(flow(2, 0).choose_grid(&steps)), Status::ARGUMENT);
}

#[test]
fn memory_has_its_limit() {
    let memory = Memory::new(100_000);
    let context = Context::new(ContextConfig::default().memory(&memory)).unwrap();
    let large = FlowConfig { dim: 2, width: 4096, ..Default::default() };
    assert_eq!(status(Flow::new(&context, &large)), Status::MEMORY);
    let small = Flow::new(&context, &FlowConfig { dim: 2, width: 8, ..Default::default() }).unwrap();
    drop(context);
    assert!(memory.live() > 0);
    drop(small);
    assert_eq!(memory.live(), 0);
}
