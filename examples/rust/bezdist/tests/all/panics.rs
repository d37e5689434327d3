// SPDX-License-Identifier: MIT
//! A panic of a closure goes on in the call that called it, whichever closure it is; nothing is lost by it.
use bezdist::*;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// What `call` panics with.
fn panic_of<R>(call: impl FnOnce() -> R) -> String {
    let payload = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(_) => panic!("no panic"),
        Err(payload) => payload,
    };
    payload.downcast_ref::<&str>().map(|text| text.to_string()).expect("a text")
}

fn config() -> FlowConfig {
    FlowConfig { dim: 2, width: 8, layers: 1, ..Default::default() }
}

fn paths() -> Source {
    let data = Data::new(None, &[1.0; 40], &DataConfig { dim: 2, ..Default::default() }).unwrap();
    Source::from_data(&data, None, 0).unwrap()
}

#[test]
fn teacher_weights_paths() {
    let teacher = Flow::from_fn(None, &config(), |_, _| panic!("teacher")).unwrap();
    assert_eq!(panic_of(|| teacher.sample(&SampleConfig::default(), 3)), "teacher");
    assert_eq!(panic_of(|| teacher.velocity(&[0.0; 2], &[0.0], None, 1.0)), "teacher");
    let teacher = Flow::from_fn_mut(None, &config(), |_, _| panic!("teacher")).unwrap();
    assert_eq!(panic_of(|| teacher.sample(&SampleConfig::default(), 3)), "teacher");
    assert_eq!(panic_of(|| teacher.sample(&SampleConfig::default(), 3)), "teacher"); // its lock is not the end of it

    let flow = Flow::new(None, &config()).unwrap();
    let ensemble =
        Ensemble::with_weights(None, &EnsembleConfig::default(), &[&flow], |_, _| panic!("weights")).unwrap();
    assert_eq!(panic_of(|| ensemble.sample(&SampleConfig::default(), 3)), "weights");
    let source = Source::from_fn(None, 1, 2, 0, |_, _| panic!("paths")).unwrap();
    assert_eq!(panic_of(|| source.samples(0, 3)), "paths");
    let mut trainer = Trainer::new(&flow, &source, &TrainerConfig { steps: 3, ..Default::default() }).unwrap();
    assert_eq!(panic_of(|| trainer.run(0)), "paths");
    trainer.set_source(&paths()).unwrap();
    trainer.run(0).unwrap(); // the trainer is whole
    assert_eq!(trainer.info().unwrap().step, 3);
}

#[test]
fn progress_of_all_kinds() {
    let flow = Flow::new(None, &config()).unwrap();
    let mut trainer = Trainer::new(&flow, &paths(), &TrainerConfig { steps: 5, ..Default::default() }).unwrap();
    assert_eq!(panic_of(|| trainer.run_with(0, |_| panic!("run"))), "run");
    assert_eq!(trainer.info().unwrap().step, 1);
    trainer.run(0).unwrap();
    assert_eq!(panic_of(|| paths().pool_with(0, 64, 0, |_| panic!("pool"))), "pool");
    let mut stop = |_: &Progress| -> std::result::Result<(), Stop> { panic!("sample") };
    let inputs = Inputs { progress: Some(&mut stop), ..Default::default() };
    assert_eq!(panic_of(|| flow.sample_into(&SampleConfig::default(), inputs, &mut [0.0; 4])), "sample");
    let mut stored = Checkpoint::from_paths_with(&paths(), 0, 64, 0, 0, |_| panic!("store")).unwrap();
    assert_eq!(panic_of(|| stored.to_bytes()), "store");
}

#[test]
fn readers_and_writers() {
    let mut checkpoint = Checkpoint::from_flow(&Flow::new(None, &config()).unwrap()).unwrap();
    assert_eq!(panic_of(|| checkpoint.write_with(|_| panic!("write"))), "write");
    let length = checkpoint.to_bytes().unwrap().len() as u64;
    let open = || Checkpoint::open_with(None, length, &Limits::default(), |_, _| panic!("read"));
    assert_eq!(panic_of(open), "read");
    let open = || Tensors::open_with(None, length, Format::AUTO, &Limits::default(), |_, _| panic!("read"));
    assert_eq!(panic_of(open), "read");
    let tensors = Tensors::from_flow(&Flow::new(None, &config()).unwrap()).unwrap();
    assert_eq!(panic_of(|| tensors.write_with(Format::SAFETENSORS, |_| panic!("write"))), "write");
}

#[test]
fn log_and_threads_of_the_context() {
    // A step that is skipped is a line of the log; here each is, and the panic comes although the call succeeds.
    let context = Context::new(ContextConfig::default().log(|_, _| panic!("log"))).unwrap();
    let flow = Flow::new(&context, &config()).unwrap();
    let wild = Source::from_fn(&context, 1, 2, 0, |_, output| {
        output.paths.fill(f32::NAN);
        Ok(())
    })
    .unwrap();
    let config = TrainerConfig { steps: 2, divergence: Divergence::SKIP, ..Default::default() };
    let mut trainer = Trainer::new(&flow, &wild, &config).unwrap();
    assert_eq!(panic_of(|| trainer.run(0)), "log");
    assert_eq!(trainer.info().unwrap().skipped, 2);

    let panics = ContextConfig::default().threads(2).parallel_for(|_, _| panic!("loop"));
    let context = Context::new(panics).unwrap();
    let large = FlowConfig { dim: 64, width: 256, ..Default::default() };
    let alone = Flow::new(None, &large).unwrap().sample(&SampleConfig::default(), 512).unwrap();
    let flow = Flow::new(&context, &large).unwrap();
    let mut out = vec![0.0; alone.len()];
    assert_eq!(panic_of(|| flow.sample_into(&SampleConfig::default(), Inputs::default(), &mut out)), "loop");
    assert_eq!(out, alone); // what the loop left undone was done all the same
}

#[test]
fn the_first_panic_counts_and_one_panic_is_one() {
    let teacher = Flow::from_fn(None, &config(), |_, _| panic!("first")).unwrap();
    let outer = Flow::from_fn(None, &config(), move |input, v| {
        teacher.velocity_into(input.x, input.t, None, 1.0, v).map_err(|_| Stop(1))
    })
    .unwrap();
    assert_eq!(panic_of(|| outer.sample(&SampleConfig::default(), 3)), "first"); // through C twice
    Flow::new(None, &config()).unwrap().sample(&SampleConfig::default(), 1).unwrap();
    // nothing is left of it
}

#[test]
fn err_is_no_panic() {
    let teacher = Flow::from_fn(None, &config(), |_, _| Err(Stop(42))).unwrap();
    let error = teacher.sample(&SampleConfig::default(), 3).unwrap_err();
    assert_eq!(error.status(), Status::CANCELLED);
    assert!(error.text().contains("42"), "{error}");
    let teacher = Flow::from_fn(None, &config(), |_, _| Err(Stop(0))).unwrap();
    assert_eq!(teacher.sample(&SampleConfig::default(), 3).unwrap_err().status(), Status::CANCELLED);
}
