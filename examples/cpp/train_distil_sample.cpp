// SPDX-License-Identifier: MIT
// Two moons: train a teacher, distil it along quadratic Bezier paths, sample the student with two evaluations.
#include <bezdist/bezdist.hpp>

#include <cmath>
#include <cstdio>

// Two interleaved half circles with a little noise: n rows of two numbers.
static std::vector<float> moons(int64_t n) {
  std::vector<float> rows(static_cast<std::size_t>(2 * n));
  bezdist::noise(1, BZD_STREAM_USER, 0, 2, rows);
  for (std::size_t i = 0; i < rows.size(); i += 2) {
    double angle = 3.141592653589793 * std::fmod(0.3090169943749474 * static_cast<double>(i), 1);
    double side = i % 4 ? -1 : 1;
    rows[i] = static_cast<float>(side * (std::cos(angle) - 0.5) + 0.07 * rows[i]);
    rows[i + 1] = static_cast<float>(side * (std::sin(angle) - 0.25) + 0.07 * rows[i + 1]);
  }
  return rows;
}

static bezdist::Flow train(const bezdist::Source &source, int32_t kind) {
  bezdist::FlowConfig flow; // the C struct with its defaults
  flow.kind = kind;
  flow.dim = 2;
  flow.width = 64;
  bezdist::TrainerConfig config;
  config.steps = 1000;
  bezdist::Trainer trainer(bezdist::Flow(flow), source, config);
  trainer.run(0, [](const bzd_progress &p) {
    if (p.step % 500 == 0) std::printf("step %lld, loss %.4f\n", static_cast<long long>(p.step), p.smooth_loss);
  });
  return trainer.flow();
}

int main() {
  try {
    std::vector<float> rows = moons(4000);
    bezdist::Flow teacher = train(bezdist::Source::data(bezdist::Data(rows, 2)), BZD_FLOW_VELOCITY);
    bezdist::Fitter quadratic{bezdist::FitterConfig()};
    bezdist::Source paths = bezdist::Source::ensemble(bezdist::Ensemble({teacher}), quadratic);
    bezdist::Flow student = train(paths.pool(0, 10000), BZD_FLOW_CONTROL);

    bezdist::SampleConfig two;
    two.steps = 2;
    std::vector<float> samples = student.sample(1000, two);
    double distance = bezdist::metrics::compare(2, samples, moons(1000)).sw2;
    std::printf("two evaluations a sample, sliced W2 to the data %.4f\n", distance);
    student.save("student.bzd");
    return distance < 0.2 ? 0 : 1;
  } catch (const bezdist::Error &e) {
    std::fprintf(stderr, "%s: %s\n", e.name(), e.what());
    return 1;
  }
}
