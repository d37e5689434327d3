// SPDX-License-Identifier: MIT
//! Trains a teacher on data, distils it into a few-step student, samples from that.
use bezdist::*;

fn main() -> Result<()> {
    // Data: 1000 points of a ring of radius 2.
    let angles = uniform(1, Stream::USER, 0, 1000, 1)?;
    let rows: Vec<f32> =
        angles.iter().map(|a| a * std::f32::consts::TAU).flat_map(|a| [2.0 * a.cos(), 2.0 * a.sin()]).collect();
    let data = Data::new(None, &rows, &DataConfig { dim: 2, ..Default::default() })?;

    // A teacher: flow matching from noise to the data.
    let fresh = Flow::new(None, &FlowConfig { dim: 2, width: 64, ..Default::default() })?;
    let config = TrainerConfig { steps: 600, rate: 3e-3, ..Default::default() };
    let mut trainer = Trainer::new(&fresh, &Source::from_data(&data, None, 0)?, &config)?;
    trainer.run(0)?;
    let teacher = trainer.flow(Weights::AUTO)?;

    // A student: it learns the Bezier curves that fit the teacher's trajectories.
    let ensemble = Ensemble::new(None, &EnsembleConfig::default(), &[&teacher])?;
    let fitter = Fitter::new(None, &FitterConfig::default())?;
    let paths = Source::from_ensemble(&ensemble, &fitter, &EnsembleSourceConfig::default())?.pool(0, 2048, 0)?;
    let config = TrainerConfig { steps: 600, rate: 3e-3, ..Default::default() }.aim(FlowKind::CONTROL, 2)?;
    let mut trainer = Trainer::new(&teacher.student(FlowKind::CONTROL, 2)?, &paths, &config)?;
    trainer.run(0)?;
    let student = trainer.flow(Weights::AUTO)?;

    // Two network evaluations a sample.
    let samples = student.sample(&SampleConfig { steps: 2, ..Default::default() }, 1000)?;
    let distance = metrics::compare(None, &metrics::MetricsConfig::default(), 2, &samples, &rows)?.sw2;
    println!("sliced W2 to the data {distance:.3}, first sample {:?}", &samples[..2]);
    assert!(distance < 0.3, "the student has not learnt");
    Ok(())
}
