// SPDX-License-Identifier: MIT
//! Threads: one flow for many, loops on the program's own, a stop from another.
use bezdist::*;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;

fn is_send<T: Send>() {}
fn is_sync<T: Sync>() {}

#[test]
fn send_and_sync_as_the_headers_say() {
    is_send::<(Context, Data, Flow, Ensemble, Fitter, Source)>();
    is_sync::<(Context, Data, Flow, Ensemble, Fitter, Source)>();
    is_send::<(Checkpoint, Tensors, Cancel, Error)>();
    is_sync::<(Checkpoint, Tensors, Cancel, Error)>();
    is_send::<Trainer>(); // and not Sync: a compile_fail test of trainer.rs
}

#[test]
fn many_threads_sample_one_flow() {
    let count = AtomicUsize::new(0);
    let flow = Flow::new(None, &FlowConfig { dim: 3, width: 16, ..Default::default() }).unwrap();
    let all = flow.sample(&SampleConfig::default(), 40).unwrap();
    thread::scope(|scope| {
        for k in 0..4 {
            let (flow, all, count) = (&flow, &all, &count);
            scope.spawn(move || {
                let config = SampleConfig { first_index: 10 * k, ..Default::default() };
                let part = flow.sample(&config, 10).unwrap();
                assert_eq!(part[..], all[30 * k as usize..][..30]); // whatever the batch, the same bits
                count.fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(count.into_inner(), 4);
}

#[test]
fn a_closure_that_changes_is_entered_by_one_at_a_time() {
    let mut calls = 0u64;
    let (inside, most) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
    let seen = (inside, most.clone());
    let config = FlowConfig { dim: 2, ..Default::default() };
    let flow = Flow::from_fn_mut(None, &config, move |_, v| {
        seen.1.fetch_max(seen.0.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        calls += 1;
        v.fill(calls as f32);
        thread::yield_now();
        seen.0.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    })
    .unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| flow.sample(&SampleConfig { solver: Solver::EULER, ..Default::default() }, 5).unwrap());
        }
    });
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert_eq!(flow.velocity(&[0.0; 2], &[0.0], None, 1.0).unwrap(), [65.0; 2]);
    // 4 times 16 steps before it
}

#[test]
fn loops_on_the_program_s_threads_give_the_same_bits() {
    let pieces = Arc::new(AtomicI64::new(0));
    let seen = pieces.clone();
    let config = ContextConfig::default().threads(3).parallel_for(move |n, piece| {
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..n).for_each(|_| piece())); // together twice as often as it should
            }
        });
        seen.fetch_add(n, Ordering::Relaxed);
    });
    let context = Context::new(config).unwrap();
    assert_eq!(context.threads(), 3);
    let config = FlowConfig { dim: 64, width: 256, ..Default::default() };
    let sample = |flow: Flow| flow.sample(&SampleConfig { steps: 2, solver: Solver::EULER, ..Default::default() }, 512);
    let own = sample(Flow::new(&context, &config).unwrap()).unwrap();
    assert_eq!(own, sample(Flow::new(None, &config).unwrap()).unwrap());
    assert!(pieces.load(Ordering::Relaxed) > 0, "no loop came here");
}

#[test]
fn cancel_from_another_thread_and_go_on() {
    let data = Data::new(None, &[1.0; 40], &DataConfig { dim: 2, ..Default::default() }).unwrap();
    let source = Source::from_data(&data, None, 0).unwrap();
    let flow = Flow::new(None, &FlowConfig { dim: 2, width: 8, ..Default::default() }).unwrap();
    let config = TrainerConfig { steps: 50, batch: 8, ..Default::default() };
    let mut trainer = Trainer::new(&flow, &source, &config).unwrap();
    let cancel = trainer.canceller();
    let mut steps = 0;
    let error = trainer
        .run_with(0, |progress| {
            steps = progress.step;
            if steps == 7 {
                thread::scope(|scope| scope.spawn(|| cancel.cancel()).join().unwrap());
            }
            Ok(())
        })
        .unwrap_err();
    assert_eq!((error.status(), steps), (Status::CANCELLED, 7));
    assert_eq!(trainer.info().unwrap().step, 7);
    let mut trainer = thread::spawn(move || trainer.run(0).map(|_| trainer)).join().unwrap().unwrap(); // it is Send
    let mut straight = Trainer::new(&flow, &source, &config).unwrap();
    straight.run(0).unwrap();
    let bits = |trainer: &Trainer| trainer.flow(Weights::EMA).unwrap().parameters().unwrap();
    assert_eq!(bits(&trainer), bits(&straight));
    assert_eq!(trainer.evaluate(None, 0, 8, Weights::RAW), straight.evaluate(&source, 0, 8, Weights::RAW));
    drop(trainer);
    cancel.cancel(); // it holds the trainer: nothing happens, and nothing bad
}
