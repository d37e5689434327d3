// SPDX-License-Identifier: MIT
//! Closures and borrowed memory live exactly as long as an object that may use them, in whatever order things are
//! dropped; what others hold may not change; nothing leaks.
use bezdist::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// Says when it is dropped.
struct Guard(Arc<AtomicBool>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn guard() -> (Guard, impl Fn() -> bool) {
    let gone = Arc::new(AtomicBool::new(false));
    (Guard(gone.clone()), move || gone.load(Ordering::Relaxed))
}

/// Memory that says when it is dropped.
struct Rows<T>(Vec<T>, #[allow(dead_code)] Guard);

impl<T> AsRef<[T]> for Rows<T> {
    fn as_ref(&self) -> &[T] {
        &self.0
    }
}

fn config() -> FlowConfig {
    FlowConfig { dim: 2, width: 8, layers: 1, ..Default::default() }
}

fn short() -> TrainerConfig {
    TrainerConfig { steps: 4, batch: 8, ..Default::default() }
}

#[test]
fn a_teacher_s_closure_lives_in_ensemble_source_and_trainer() {
    let (held, gone) = guard();
    let teacher = Flow::from_fn(None, &config(), move |_, v| {
        let _ = &held;
        v.fill(1.0);
        Ok(())
    })
    .unwrap();
    let ensemble = Ensemble::new(None, &EnsembleConfig::default(), &[&teacher]).unwrap();
    drop(teacher);
    let fitter = Fitter::new(None, &FitterConfig::default()).unwrap();
    let source = Source::from_ensemble(&ensemble, &fitter, &EnsembleSourceConfig::default()).unwrap();
    drop((ensemble, fitter));
    let student = Flow::new(None, &config()).unwrap();
    let mut trainer = Trainer::new(&student, &source, &short()).unwrap();
    let pool = source.pool(0, 16, 0).unwrap();
    drop(source);
    trainer.run(2).unwrap();
    assert!(!gone());
    let cancel = trainer.canceller();
    let trained = trainer.flow(Weights::AUTO).unwrap();
    drop(trainer);
    assert!(!gone()); // a Cancel holds the trainer
    drop(cancel);
    assert!(gone()); // the pool and the trained flow need it no more
    pool.samples(0, 3).unwrap();
    trained.sample(&SampleConfig::default(), 3).unwrap();
}

#[test]
fn set_source_lets_the_old_closure_go() {
    let line = |guard: Guard| {
        Source::from_fn(None, 1, 2, 0, move |index, output| {
            let _ = &guard;
            output.paths.fill(index[0] as f32 * 0.1);
            Ok(())
        })
        .unwrap()
    };
    let ((old, old_gone), (new, new_gone)) = (guard(), guard());
    let mut trainer = Trainer::new(&Flow::new(None, &config()).unwrap(), &line(old), &short()).unwrap();
    trainer.run(1).unwrap();
    trainer.set_source(&line(new)).unwrap();
    assert!(old_gone() && !new_gone());
    trainer.run(1).unwrap();
    let (unfit, unfit_gone) = guard();
    let unfit = Source::from_fn(None, 1, 3, 0, move |_, _| {
        let _ = &unfit;
        Ok(())
    })
    .unwrap();
    assert_eq!(trainer.set_source(&unfit).unwrap_err().status(), Status::DIMENSION);
    drop(unfit);
    assert!(unfit_gone() && !new_gone());
    trainer.run(1).unwrap();
    drop(trainer);
    assert!(new_gone());
}

#[test]
fn other_closures_and_buffers() {
    let ((weights, weights_gone), (log, log_gone)) = (guard(), guard());
    let context = Context::new(ContextConfig::default().log(move |_, _| {
        let _ = &log;
    }))
    .unwrap();
    let flow = Flow::new(&context, &config()).unwrap();
    let ensemble = Ensemble::with_weights(&context, &EnsembleConfig::default(), &[&flow], move |_, w| {
        let _ = &weights;
        w.fill(1.0);
        Ok(())
    })
    .unwrap();
    drop((context, flow));
    let sampled = ensemble.clone();
    drop(ensemble);
    sampled.sample(&SampleConfig::default(), 2).unwrap();
    assert!(!weights_gone() && !log_gone());
    drop(sampled);
    assert!(weights_gone() && log_gone());

    let (held, gone) = guard();
    let bytes = Checkpoint::from_flow(&Flow::new(None, &config()).unwrap()).unwrap().to_bytes().unwrap();
    let opened = Checkpoint::open_bytes(None, Rows(bytes.clone(), held), &Limits::default()).unwrap();
    let flow = opened.flow(Weights::AUTO).unwrap();
    assert!(!gone());
    drop(opened);
    assert!(gone());
    flow.sample(&SampleConfig::default(), 2).unwrap();

    let (held, gone) = guard();
    let read = move |offset: u64, data: &mut [u8]| {
        let _ = &held;
        data.copy_from_slice(&bytes[offset as usize..][..data.len()]);
        Ok(())
    };
    let length = Checkpoint::from_flow(&flow).unwrap().to_bytes().unwrap().len() as u64;
    let opened = Checkpoint::open_with(None, length, &Limits::default(), read).unwrap();
    assert_eq!(opened.flow(Weights::AUTO).unwrap().parameters().unwrap(), flow.parameters().unwrap());
    assert!(!gone());
    drop(opened);
    assert!(gone());
}

#[test]
fn borrowed_rows_are_read_where_they_are() {
    let (held, gone) = guard();
    let rows = Rows((0..40).map(|i| i as f32).collect(), held);
    let config = DataConfig { dim: 2, classes: 2, labels: (0..20).map(|i| i % 2).collect(), ..Default::default() };
    let memory = Memory::new(usize::MAX);
    let context = Context::new(ContextConfig::default().memory(&memory)).unwrap();
    let data = Data::borrowing(&context, rows, &config).unwrap();
    drop(config);
    let source = Source::from_data(&data, None, 3).unwrap();
    drop(data);
    let samples = source.samples(0, 20).unwrap();
    let mut ends: Vec<f32> = samples.paths.chunks_exact(4).map(|path| path[2]).collect();
    ends.sort_by(f32::total_cmp);
    assert_eq!(ends, (0..20).map(|i| 2.0 * i as f32).collect::<Vec<_>>());
    assert_eq!(samples.cond.len(), 40);
    assert!(!gone());
    drop(source);
    assert!(gone());

    let bytes: &'static [u8] = &[0, 255, 255, 0];
    let data = Data::borrowing_bytes(None, bytes, &DataConfig { dim: 2, ..Default::default() }).unwrap();
    assert_eq!(data.rows(0, 2).unwrap().0, [-1.0, 1.0, 1.0, -1.0]);
    let strided = DataConfig { dim: 2, row_stride: 3, ..Default::default() };
    let rows: Arc<[f32]> = vec![1.0, 2.0, 9.0, 3.0, 4.0].into(); // the last row does not fill its stride
    assert_eq!(Data::borrowing(None, rows, &strided).unwrap().rows(0, 2).unwrap().0, [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn a_stream_holds_its_checkpoint() {
    let data = Data::new(None, &[1.0; 40], &DataConfig { dim: 2, ..Default::default() }).unwrap();
    let pool = Source::from_data(&data, None, 0).unwrap().pool(0, 16, 0).unwrap();
    let (held, gone) = guard();
    let bytes = Checkpoint::from_source(&pool).unwrap().to_bytes().unwrap();
    let mut opened = Checkpoint::open_bytes(None, Rows(bytes, held), &Limits::default()).unwrap();
    let stream = opened.stream_source().unwrap();
    assert_eq!(opened.set_metadata("a", Some("b")).unwrap_err().status(), Status::STATE);
    assert_eq!(opened.to_bytes().unwrap_err().status(), Status::STATE);
    drop(opened);
    assert!(!gone());
    assert_eq!(stream.samples(0, 16).unwrap(), pool.samples(0, 16).unwrap());
    drop(stream);
    assert!(gone());
}

#[test]
fn what_others_hold_may_not_change() {
    let mut flow = Flow::new(None, &config()).unwrap();
    flow.set_metadata("a", Some("b")).unwrap();
    let clone = flow.clone();
    assert_eq!(flow.set_metadata("a", None).unwrap_err().status(), Status::STATE);
    drop(clone);
    let ensemble = Ensemble::new(None, &EnsembleConfig::default(), &[&flow]).unwrap();
    let zeros = vec![0.0; flow.parameters().unwrap().len()];
    assert_eq!(flow.set_parameters(&zeros).unwrap_err().status(), Status::STATE);
    drop(ensemble);
    flow.set_parameters(&zeros).unwrap();
    assert_eq!(flow.parameters().unwrap(), zeros);

    // Members of an ensemble that C has made are shared just so.
    let teacher = Flow::new(None, &config()).unwrap();
    let ensemble = Ensemble::new(None, &EnsembleConfig::default(), &[&teacher]).unwrap();
    let bytes = Checkpoint::from_ensemble(&ensemble).unwrap().to_bytes().unwrap();
    let loaded = Checkpoint::open_bytes(None, bytes, &Limits::default()).unwrap().ensemble().unwrap();
    let mut member = loaded.members()[0].clone();
    assert_eq!(member.set_parameters(&zeros).unwrap_err().status(), Status::STATE);
    let fitter = Fitter::new(None, &FitterConfig::default()).unwrap();
    let source = Source::from_ensemble(&loaded, &fitter, &EnsembleSourceConfig::default()).unwrap();
    drop(loaded);
    assert_eq!(member.set_parameters(&zeros).unwrap_err().status(), Status::STATE);
    drop(source);
    member.set_parameters(&zeros).unwrap();
}

#[test]
fn a_closure_may_own_objects_of_the_library() {
    let memory = Memory::new(usize::MAX);
    let context = Context::new(ContextConfig::default().memory(&memory)).unwrap();
    let inner = Flow::new(&context, &config()).unwrap();
    let twice = Flow::from_fn(&context, &config(), move |input, v| {
        inner.velocity_into(input.x, input.t, None, 1.0, v).map_err(|_| Stop(1))?;
        v.iter_mut().for_each(|v| *v *= 2.0);
        Ok(())
    });
    let ensemble = Ensemble::new(&context, &EnsembleConfig::default(), &[&twice.unwrap()]).unwrap();
    drop(context);
    ensemble.sample(&SampleConfig::default(), 2).unwrap();
    drop(ensemble); // ends the closure, whose end destroys a flow, after the call and not within
    assert_eq!(memory.live(), 0);
}

#[test]
fn nothing_leaks_in_any_order() {
    for order in 0..2 {
        let memory = Memory::new(usize::MAX);
        let context = Context::new(ContextConfig::default().memory(&memory)).unwrap();
        let data = Data::new(&context, &[1.0; 40], &DataConfig { dim: 2, ..Default::default() }).unwrap();
        let source = Source::from_data(&data, &data, 0).unwrap();
        let flow = Flow::new(&context, &config()).unwrap();
        let mut trainer = Trainer::new(&flow, &source, &short()).unwrap();
        trainer.run(0).unwrap();
        let checkpoint = trainer.checkpoint().unwrap();
        let trained = checkpoint.flow(Weights::RAW).unwrap();
        assert!(memory.live() > 0);
        if order == 0 {
            drop((context, data, source, flow, trainer, checkpoint, trained));
        } else {
            drop((trained, checkpoint, trainer, flow, source, data, context));
        }
        assert_eq!(memory.live(), 0);
    }
}
