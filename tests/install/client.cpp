// SPDX-License-Identifier: MIT
// A C++17 program against the installed library and its C++ header: reads what client.c wrote, and catches an error.
#include <bezdist/bezdist.hpp>

#include <cstdio>
#include <vector>

int main() {
  try {
    bezdist::Flow::load("nothing.bzd");
    return 1;
  } catch (const bezdist::Error &error) {
    if (error.status() != BZD_E_IO) return 1;
  }
  const bezdist::Flow flow = bezdist::Flow::load("client.bzd");
  std::vector<float> samples(64 * 4);
  if (bzd_flow_sample(flow.get(), nullptr, 64, nullptr, nullptr, samples.data(), nullptr) != BZD_OK) return 1;
  std::printf("%s %.9g\n", bzd_version_string(), static_cast<double>(samples[0]));
}
