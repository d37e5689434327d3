// SPDX-License-Identifier: MIT
//! What the other tests leave out: each wrapper does what its C function does, on numbers known beforehand.
use bezdist::*;

/// A file of this process in the folder for such.
fn scratch(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("bezdist-{}-{name}", std::process::id()))
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-5
}

/// A small flow with known metadata, of four rows of data.
fn trained() -> (Source, Trainer) {
    let bytes = [0, 0, 255, 0, 0, 255, 255, 255];
    let data = Data::from_bytes(None, &bytes, &DataConfig { dim: 2, ..Default::default() }).unwrap();
    assert_eq!(data.info().n, 4);
    assert_eq!(data.affine().unwrap(), (vec![127.5; 2], vec![127.5; 2]));
    let source = Source::transport(&data, None, 4, 1).unwrap();
    assert_eq!(source.info().kind, SourceKind::TRANSPORT);
    let (scale, offset) = data.affine().unwrap();
    let config =
        FlowConfig { dim: 2, width: 16, skip: true, scale, offset, item_shape: vec![1, 2], ..Default::default() };
    let mut flow = Flow::new(None, &config).unwrap();
    assert!(flow.info().unwrap().skip);
    flow.set_metadata("name", Some("squares")).unwrap();
    let config = TrainerConfig { steps: 6, batch: 8, ..Default::default() };
    let mut trainer = Trainer::new(&flow, &source, &config).unwrap();
    trainer.run(3).unwrap();
    (source, trainer)
}

#[test]
fn paths_by_hand() {
    let points = [0.0, 0.0, 1.0, 2.0, 2.0, 0.0]; // a parabola
    let paths = Paths::new(&points, 2, 2).unwrap();
    assert!(paths.len() == 1 && !paths.is_empty());
    assert_eq!(paths.evaluate(&[0.0, 0.5, 1.0]).unwrap(), [0.0, 0.0, 1.0, 1.0, 2.0, 0.0]);
    assert_eq!(paths.derivative(&[0.5]).unwrap(), [2.0, 0.0]);
    assert!(near(paths.curvature(&[0.5]).unwrap()[0], 2.0)); // |B''| = 8 across a speed of 2
    let cubic = paths.elevate(3).unwrap();
    let (back, error) = Paths::new(&cubic, 3, 2).unwrap().reduce(2).unwrap();
    assert!(back.iter().zip(&points).all(|(a, b)| near(f64::from(*a), f64::from(*b))) && error[0] < 1e-5);
    let (left, right) = paths.split(0.5).unwrap();
    assert!(left[4..] == [1.0, 1.0] && right[..2] == [1.0, 1.0]);
    let measures = paths.measure().unwrap();
    assert!(near(measures.chord[0], 2.0) && near(measures.straightness[0], 16.0 / 3.0) && measures.arc[0] > 2.5);
    assert!(near(paths.distance(&paths).unwrap()[0], 0.0));
    let (x, u) = paths.targets(&[0.0]).unwrap();
    // The first head goes halfway, to (1, 2), in half the time.
    assert!(x == [0.0, 0.0] && u == [2.0, 4.0, 2.0, 0.0]);
    assert_eq!(through_waypoints(2, &[0.0, 0.0], &[1.0, 1.0], &[0.5], &[2.0, 0.0]).unwrap(), points);
}

#[test]
fn fitters_fit() {
    let fitter = Fitter::new(None, &FitterConfig { nodes: 5, ..Default::default() }).unwrap();
    let times = fitter.times().unwrap();
    assert_eq!(times, [0.0, 0.25, 0.5, 0.75, 1.0]);
    assert_eq!((fitter.info().degree, fitter.info().nodes), (2, 5));
    let points = [0.0, 0.0, 1.0, 2.0, 2.0, 0.0];
    let states = Paths::new(&points, 2, 2).unwrap().evaluate(&times).unwrap();
    let (paths, residual) = fitter.fit(&states, 2).unwrap();
    assert!(paths.iter().zip(&points).all(|(a, b)| near(f64::from(*a), f64::from(*b))) && residual[0] < 1e-5);
}

#[test]
fn flows_and_their_files() {
    let (_, trainer) = trained();
    let mut flow = trainer.flow(Weights::RAW).unwrap();
    assert_eq!(flow.get_metadata("name").unwrap().as_deref(), Some("squares"));
    assert_eq!(flow.get_metadata("other").unwrap(), None);
    assert_eq!(flow.metadata().unwrap(), [("name".to_string(), "squares".to_string())]);
    assert_eq!(flow.affine().unwrap().0, [127.5; 2]);
    let info = flow.info().unwrap();
    assert_eq!((info.item_ndim, info.item_shape, info.generation), (2, [1, 2, 0, 0], 1));
    let path = scratch("flow.bzd");
    flow.save(&path).unwrap();
    let loaded = Flow::load(None, &path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(loaded.parameters().unwrap(), flow.parameters().unwrap());
    assert!(flow.set_precision(Precision::BFLOAT16).unwrap() > 0.0);
    assert_eq!(flow.set_precision(Precision::FLOAT32).unwrap(), 0.0);
    let (x, t) = ([0.1, 0.2, 0.3, 0.4], [0.0, 0.5]);
    assert_eq!(flow.velocity(&x, &t, None, 1.0).unwrap(), loaded.velocity(&x, &t, None, 1.0).unwrap());
    let student = flow.student(FlowKind::CONTROL, 2).unwrap();
    let curve = student.curve(&x, &t, None, 1.0).unwrap();
    assert!(curve.len() == 12 && curve[..2] == x[..2] && curve[6..8] == x[2..]);
    let (grid, error) = student.choose_grid(&GridConfig { steps: 2, rows: 16, ..Default::default() }).unwrap();
    assert!(grid.len() == 3 && grid[0] == 0.0 && grid[2] == 1.0 && error >= 0.0);
    let config = SampleConfig { solver: Solver::EULER, grid: grid.clone(), seed: 1, ..Default::default() };
    let noise = noise(1, Stream::NOISE, 0, 2, 2).unwrap();
    let inputs = Inputs { x0: Some(&noise), ..Default::default() };
    let mut out = [0.0; 4];
    let result = flow.sample_into(&config, inputs, &mut out).unwrap();
    assert_eq!((result.solver, result.nfe_mean), (Solver::EULER, 2.0));
    assert_eq!(out[..], flow.sample(&config, 2).unwrap()[..]);
    let mut moved = noise.clone();
    flow.sample_into(&config, Inputs { in_place: true, ..Default::default() }, &mut moved).unwrap();
    assert_eq!(moved, out);
    let in_place = Inputs { in_place: true, ..Default::default() };
    assert_eq!(flow.trajectory(&config, in_place, 2, &grid).unwrap_err().status(), Status::UNSUPPORTED);
    let mut told = 0;
    let mut progress = |p: &Progress| {
        assert_eq!(p.phase, Phase::SAMPLE);
        told += 1;
        Ok(())
    };
    let inputs = Inputs { progress: Some(&mut progress), ..Default::default() };
    let config = SampleConfig { seed: 1, ..Default::default() };
    let (states, _) = flow.trajectory(&config, inputs, 2, &[0.0, 0.5, 1.0]).unwrap();
    assert!(states.len() == 12 && states[..2] == noise[..2] && told > 0);
    let metrics = flow.measure(&metrics::FlowMetricsConfig { rows: 16, ..Default::default() }).unwrap();
    assert!(metrics.chord2 > 0.0 && metrics.drift.is_nan());
}

#[test]
fn ensembles_weigh() {
    let constant = |value: f32| {
        let config = FlowConfig { dim: 1, ..Default::default() };
        Flow::from_fn(None, &config, move |_, v| {
            v.fill(value);
            Ok(())
        })
    };
    let (one, three) = (constant(1.0).unwrap(), constant(3.0).unwrap());
    let config = EnsembleConfig { rule: Rule::FIXED, fixed: vec![3.0, 1.0], ..Default::default() };
    let ensemble = Ensemble::new(None, &config, &[&one, &three]).unwrap();
    assert_eq!(ensemble.weights(0.5).unwrap(), [0.75, 0.25]);
    assert_eq!(ensemble.velocity(0, &[0.0], &[0.0], None).unwrap(), (vec![1.5], vec![0.75, 0.25]));
    assert!(near(ensemble.effective(&[0.0], &[0.0], None).unwrap(), 1.6));
    assert_eq!((ensemble.info().unwrap().count, ensemble.members().len()), (2, 2));
    let config = SampleConfig { solver: Solver::EULER, ..Default::default() };
    let start = Inputs { x0: Some(&[0.5]), ..Default::default() };
    let (states, _) = ensemble.trajectory(&config, start, 1, &[0.0, 1.0]).unwrap();
    assert!(states[0] == 0.5 && near(f64::from(states[1]), 2.0));
    let last = |input: &WeightsInput<'_>, weights: &mut [f64]| {
        assert_eq!((input.n, input.count, input.dim, input.v.len()), (1, 2, 1, 2));
        weights[1] = 7.0;
        Ok(())
    };
    let ensemble = Ensemble::with_weights(None, &EnsembleConfig::default(), &[&one, &three], last).unwrap();
    assert_eq!(ensemble.velocity(0, &[0.0], &[0.0], None).unwrap(), (vec![3.0], vec![0.0, 1.0]));
}

#[test]
fn checkpoints_resume_and_change() {
    let (source, mut trainer) = trained();
    let mut checkpoint = trainer.checkpoint().unwrap();
    let path = scratch("trainer.bzd");
    checkpoint.write(&path).unwrap();
    let opened = Checkpoint::open(None, &path, &Limits::default()).unwrap();
    std::fs::remove_file(&path).unwrap();
    opened.verify().unwrap();
    let info = opened.info().unwrap();
    assert_eq!(info.kind, CheckpointKind::TRAINER);
    let mut resumed = opened.trainer(&source).unwrap();
    assert_eq!(resumed.info().unwrap().step, 3);
    resumed.run(0).unwrap();
    trainer.run(0).unwrap();
    let bits = |trainer: &Trainer| trainer.flow(Weights::RAW).unwrap().parameters().unwrap();
    assert_eq!(bits(&trainer), bits(&resumed));

    let tensor = (0..info.tensors).map(|i| opened.tensor(i).unwrap()).position(|t| t.role == Role::PARAMETER);
    let i = tensor.unwrap() as i64;
    let whole = opened.read_tensor(i).unwrap();
    let row = whole.len() / opened.tensor(i).unwrap().shape[0] as usize;
    assert_eq!(opened.read_rows(i, 1, 2).unwrap(), whole[row..3 * row]);
    let all: Vec<_> = (0..info.metadata).map(|i| opened.metadata(i, 4096).unwrap()).collect();
    assert!(all.iter().any(|(key, value)| key == "user.name" && value == "squares"), "{all:?}");

    let mut checkpoint = Checkpoint::from_flow(&trainer.flow(Weights::EMA).unwrap()).unwrap();
    let id = checkpoint.content_id().unwrap();
    assert_eq!(id.len(), 64);
    checkpoint.set_section("hoST", Some(b"own bytes")).unwrap();
    checkpoint.set_metadata("name", Some("new")).unwrap();
    let bytes = checkpoint.to_bytes().unwrap();
    let mut written = Vec::new();
    checkpoint
        .write_with(|part| {
            written.extend_from_slice(part);
            Ok(())
        })
        .unwrap();
    assert_eq!(written, bytes);
    let mut opened = Checkpoint::open_bytes(None, bytes, &Limits::default()).unwrap();
    assert_eq!(opened.section("hoST").unwrap(), Some(&b"own bytes"[..]));
    assert_eq!(opened.section("noNE").unwrap(), None);
    assert_eq!(opened.section_at(0).unwrap(), ("hoST".to_string(), 9));
    assert_eq!(opened.find_metadata("name").unwrap().as_deref(), Some("new"));
    opened.set_storage(Storage::BF16).unwrap();
    assert_ne!(opened.content_id().unwrap(), id);
    let small = Limits { max_raw: 16, ..Default::default() };
    let bytes = opened.to_bytes().unwrap();
    assert_eq!(Checkpoint::open_bytes(None, bytes, &small).unwrap_err().status(), Status::LIMIT);
}

#[test]
fn stores_of_paths() {
    let (source, _) = trained();
    let mut told = Vec::new();
    let pool = source.pool_with(5, 40, 9, |p| {
        told.push((p.phase, p.of));
        Ok(())
    });
    let pool = pool.unwrap();
    assert!(told.contains(&(Phase::GENERATE, 40)));
    assert_eq!(pool.info().count, 40);
    let bytes = Checkpoint::from_source(&pool).unwrap().to_bytes().unwrap();
    assert_eq!(Checkpoint::from_paths(&source, 5, 40, 0, 9).unwrap().to_bytes().unwrap(), bytes);
    let loaded = Checkpoint::open_bytes(None, bytes, &Limits::default()).unwrap().source().unwrap();
    assert_eq!(loaded.samples(0, 40).unwrap(), pool.samples(0, 40).unwrap());
    let stopped = source.pool_with(0, 40, 0, |_| Err(Stop(3)));
    assert_eq!(stopped.unwrap_err().status(), Status::CANCELLED);
}

#[test]
fn tensor_files() {
    let mut tensors = Tensors::new(None).unwrap();
    tensors.add_f32("a", &[2, 2], &[1.0, 2.0, 3.0, 4.0]).unwrap();
    tensors.add("b", "u8", &[3], &[7, 8, 9]).unwrap();
    tensors.set_text("from", Some("here")).unwrap();
    let bytes = tensors.to_bytes(Format::SAFETENSORS).unwrap();
    let mut written = Vec::new();
    tensors
        .write_with(Format::SAFETENSORS, |part| {
            written.extend_from_slice(part);
            Ok(())
        })
        .unwrap();
    assert_eq!(written, bytes);
    let opened = Tensors::open_bytes(None, bytes, Format::AUTO, &Limits::default()).unwrap();
    assert_eq!((opened.info().unwrap().count, opened.info().unwrap().format), (2, Format::SAFETENSORS));
    assert_eq!(opened.text("from").unwrap().as_deref(), Some("here"));
    assert_eq!(opened.text_at(0).unwrap(), ("from".to_string(), "here".to_string()));
    assert_eq!(opened.find("none").unwrap(), None);
    let b = opened.find("b").unwrap().unwrap();
    assert_eq!((opened.get(b).unwrap().dtype.as_str(), opened.get(b).unwrap().shape), ("u8", vec![3]));
    assert_eq!((opened.read(b).unwrap(), opened.read_f32(b).unwrap()), (vec![7, 8, 9], vec![7.0, 8.0, 9.0]));

    let flow = Flow::new(None, &FlowConfig { dim: 2, width: 8, ..Default::default() }).unwrap();
    let path = scratch("flow.safetensors");
    Tensors::from_flow(&flow).unwrap().write(&path, Format::SAFETENSORS).unwrap();
    let opened = Tensors::open(None, &path, Format::AUTO, &Limits::default()).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(opened.flow(None).unwrap().parameters().unwrap(), flow.parameters().unwrap());
    assert_eq!(tensors.flow(&FlowConfig { dim: 2, ..Default::default() }).unwrap_err().status(), Status::UNSUPPORTED);
}

#[test]
fn numbers_and_distances() {
    assert_eq!(version_string(), {
        let (a, b, c) = version();
        format!("{a}.{b}.{c}")
    });
    assert!(!build_info().is_empty() && !build_info().contains('\0'));
    let a = noise(1, Stream::USER, 0, 64, 2).unwrap();
    assert_eq!(noise(1, Stream::USER, 60, 4, 2).unwrap(), a[120..]);
    assert!(uniform(1, Stream::USER, 0, 8, 2).unwrap().iter().all(|u| *u > 0.0 && *u < 1.0));
    let b: Vec<f32> = a.iter().map(|x| x + 3.0).collect();
    let config = metrics::MetricsConfig { which: metrics::which::W2, ..Default::default() };
    let distance = metrics::compare(None, &config, 2, &a, &b).unwrap();
    assert!((distance.w2 - 18f64.sqrt()).abs() < 1e-4 && distance.sw2.is_nan(), "{distance:?}");
    assert_eq!(metrics::nearest(None, 2, &a[6..8], &a).unwrap(), [(3, 0.0)]);
}
