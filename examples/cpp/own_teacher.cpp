// SPDX-License-Identifier: MIT
// A lambda as teacher: progress, a cancel from another thread, and an exception that passes through the C call.
#include <bezdist/bezdist.hpp>

#include <chrono>
#include <cstdio>
#include <thread>

// The exact field from N(0, 1) to N(mean, deviation^2). The function keeps its state; the library keeps the function.
static bezdist::Flow gaussian(double mean, double deviation, const bool &broken) {
  bezdist::FlowConfig config;
  config.dim = 1;
  return bezdist::Flow::callback(config, [mean, deviation, &broken](auto x, auto t, auto, auto v) {
    if (broken) throw std::runtime_error("the teacher is out of order");
    for (std::size_t i = 0; i < v.size(); i++) {
      double time = t[i], s2 = deviation * deviation;
      double gain = (time * s2 - (1 - time)) / ((1 - time) * (1 - time) + time * time * s2);
      v[i] = static_cast<float>(mean + gain * (x[i] - time * mean));
    }
  });
}

int main() {
  bool broken = false;
  bezdist::Source paths;
  {
    bezdist::Flow teacher = gaussian(3, 0.5, broken);
    paths = bezdist::Source::ensemble(bezdist::Ensemble({teacher}), bezdist::Fitter(bezdist::FitterConfig()));
  } // the teacher's handle is gone, what uses its function is not

  bezdist::FlowConfig flow;
  flow.kind = BZD_FLOW_CONTROL;
  flow.dim = 1;
  flow.width = 32;
  bezdist::TrainerConfig config;
  config.steps = 2000;
  config.batch = 64;
  bezdist::Trainer trainer(bezdist::Flow(flow), paths, config);

  // A training that asks its teacher for new paths in each step, stopped from another thread.
  std::thread watchdog([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    trainer.cancel(); // one atomic store, from any thread
  });
  try {
    trainer.run(0, [](const bzd_progress &) { std::this_thread::sleep_for(std::chrono::microseconds(100)); });
  } catch (const bezdist::Error &e) {
    std::printf("step %lld: %s\n", static_cast<long long>(trainer.info().step), e.name());
  }
  watchdog.join();

  // What the teacher throws arrives as it was thrown; the trainer stands after its last whole step.
  broken = true;
  bool arrived = false;
  try {
    trainer.run();
  } catch (const std::runtime_error &e) {
    arrived = dynamic_cast<const bezdist::Error *>(&e) == nullptr;
    std::printf("step %lld: %s\n", static_cast<long long>(trainer.info().step), e.what());
  }

  broken = false;
  trainer.run();
  bezdist::SampleConfig two;
  two.steps = 2;
  double mean = 0;
  for (float x : trainer.flow().sample(2000, two)) mean += x / 2000;
  std::printf("step %lld: mean %.3f (3)\n", static_cast<long long>(trainer.info().step), mean);
  return arrived && mean > 2.9 && mean < 3.1 ? 0 : 1;
}
