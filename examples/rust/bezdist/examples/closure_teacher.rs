// SPDX-License-Identifier: MIT
//! A closure as the teacher, progress on the way, a stop from another thread, and the same bits as without it.
use bezdist::*;
use std::sync::mpsc;

fn main() -> Result<()> {
    // The teacher is a formula: the straight way to the point (1, 2), spread 0.1. Any model fits in here.
    let config = FlowConfig { dim: 2, width: 32, ..Default::default() };
    let teacher = Flow::from_fn(None, &config, |input: &VelocityInput, v: &mut [f32]| {
        for ((v, x), t) in v.chunks_exact_mut(2).zip(input.x.chunks_exact(2)).zip(input.t) {
            let (spread, aim) = (1.0 - 0.9 * t, [1.0, 2.0]);
            for j in 0..2 {
                v[j] = aim[j] - 0.9 * (x[j] - t * aim[j]) / spread;
            }
        }
        Ok(())
    })?;
    let ensemble = Ensemble::new(None, &EnsembleConfig::default(), &[&teacher])?;
    let fitter = Fitter::new(None, &FitterConfig::default())?;
    let paths = Source::from_ensemble(&ensemble, &fitter, &EnsembleSourceConfig::default())?.pool(0, 1024, 0)?;

    let fresh = Flow::new(None, &FlowConfig { kind: FlowKind::CONTROL, ..config })?;
    let config = TrainerConfig { steps: 400, batch: 64, rate: 3e-3, ..Default::default() };
    let mut undisturbed = Trainer::new(&fresh, &paths, &config)?;
    undisturbed.run(0)?;

    // Another thread stops this one when it hears of step 100.
    let mut trainer = Trainer::new(&fresh, &paths, &config)?;
    let cancel = trainer.canceller();
    let ((tell, hear), (answer, wait)) = (mpsc::channel(), mpsc::channel());
    let stopper = std::thread::spawn(move || {
        for step in hear {
            if step == 100 {
                cancel.cancel();
                answer.send(()).unwrap();
            }
        }
    });
    let stopped = trainer.run_with(0, |progress| {
        tell.send(progress.step).map_err(|_| Stop(1))?;
        if progress.step == 100 {
            wait.recv().map_err(|_| Stop(2))?;
        }
        Ok(())
    });
    drop(tell);
    stopper.join().unwrap();
    match stopped {
        Err(error) if error.status() == Status::CANCELLED => println!("step {}: {error}", trainer.info()?.step),
        other => panic!("not stopped: {other:?}"),
    }
    trainer.run(0)?; // goes on where it was

    let bits = |trainer: &Trainer| trainer.flow(Weights::AUTO)?.parameters();
    assert_eq!(bits(&trainer)?, bits(&undisturbed)?, "the stop has changed something");
    let samples = trainer.flow(Weights::AUTO)?.sample(&SampleConfig::default(), 500)?;
    let mean = |j: usize| samples.iter().skip(j).step_by(2).sum::<f32>() / 500.0;
    println!("mean of the samples {:.2} {:.2}", mean(0), mean(1));
    assert!((mean(0) - 1.0).abs() < 0.1 && (mean(1) - 2.0).abs() < 0.1);
    Ok(())
}
