// SPDX-License-Identifier: MIT
// Every function of bezdist.hpp once: what it gives, what passes through it, and how long it keeps what it was lent.
#include <bezdist/bezdist.hpp>

#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace bz = bezdist;
using std::size_t;
using std::vector;

#ifdef __cpp_lib_span
static_assert(std::is_same_v<bz::span<float>, std::span<float>>);
#endif
static_assert(!std::is_copy_constructible_v<bz::Flow> && std::is_nothrow_move_constructible_v<bz::Flow>);
static_assert(!std::is_convertible_v<bz::span<const float>, bz::span<float>>);
static_assert(!std::is_constructible_v<bz::span<float>, vector<float>>); // a temporary to write to
static_assert(std::is_constructible_v<bz::span<const float>, vector<float>>);
static_assert(!std::is_constructible_v<bz::span<const float>, vector<double>>);

static std::atomic<int> checks;

static void verify(bool holds, const char *what, int line) {
  checks++;
  if (!holds) std::fprintf(stderr, "test_cpp.cpp:%d: %s\n", line, what), std::exit(1);
}
#define CHECK(what) verify(static_cast<bool>(what), #what, __LINE__)

// A lambda by its address: the compiler has hundreds of them to do.
struct Call {
  const void *lambda;
  void (*run)(const void *lambda);
  template <class F> Call(const F &f) : lambda(&f), run([](const void *self) { (*static_cast<const F *>(self))(); }) {}
  void operator()() const { run(lambda); }
};

// The call fails with this status and these words in its text.
static void fails(bzd_status status, const char *words, Call call) {
  try {
    call();
  } catch (const bz::Error &e) {
    bool right = e.status() == status && std::strstr(e.what(), words);
    if (!right) std::fprintf(stderr, "%s: %s, expected %s: %s\n", e.name(), e.what(), bzd_status_name(status), words);
    CHECK(right);
    return;
  }
  std::fprintf(stderr, "no failure, expected %s\n", words);
  CHECK(false);
}

struct Mine { // no std::exception
  int number;
};

// The call throws Mine with this number.
static void throws(int number, Call call) {
  int got = -1;
  try {
    call();
  } catch (const Mine &mine) {
    got = mine.number;
  }
  CHECK(got == number);
}

// Counts the copies that are alive of a callable's state.
struct Token {
  static std::atomic<int> alive;
  std::shared_ptr<int> at = std::make_shared<int>(7); // read by those who hold one: a use after its end is seen
  Token() { alive++; }
  Token(const Token &o) : at(o.at) { alive++; }
  ~Token() { alive--; }
  Token &operator=(const Token &) = delete;
};
std::atomic<int> Token::alive;

static void pull(bz::span<const float> x, bz::span<float> v) {
  for (size_t i = 0; i < v.size(); i++) v[i] = 1 - x[i];
}

static bz::Flow teacher(const bz::Context &context = bz::Context()) {
  bz::FlowConfig config;
  config.dim = 2;
  return bz::Flow::callback(
      config,
      [token = Token()](bz::span<const float> x, bz::span<const float> t, bz::span<const float> cond,
                        bz::span<float> v) {
        CHECK(*token.at == 7 && x.size() == 2 * t.size() && cond.empty() && v.size() == x.size());
        pull(x, v);
      },
      false, context);
}

static bz::Flow small(int32_t kind = BZD_FLOW_VELOCITY, int64_t cond_dim = 0,
                      const bz::Context &context = bz::Context()) {
  bz::FlowConfig config;
  config.kind = kind;
  config.dim = 2;
  config.cond_dim = cond_dim;
  config.width = 16;
  config.layers = 2;
  config.skip = kind == BZD_FLOW_CONTROL;
  return bz::Flow(config, context);
}

static vector<float> normals(int64_t n, int64_t dim, uint64_t seed = 1) {
  vector<float> rows(static_cast<size_t>(n * dim));
  bz::noise(seed, BZD_STREAM_USER, 0, dim, rows);
  return rows;
}

static void library() {
  CHECK(bz::version() == bzd_version() && std::strcmp(bz::version_string(), bzd_version_string()) == 0);
  CHECK(bz::build_info().size() == bzd_build_info(nullptr, 0) && bz::build_info().find('\0') == std::string::npos);
  float z[6], u[6], again[6];
  bz::noise(3, BZD_STREAM_USER, 5, 3, z);
  CHECK(bzd_noise(3, BZD_STREAM_USER, 5, 2, 3, again) == BZD_OK && std::memcmp(z, again, sizeof z) == 0);
  bz::uniform(3, BZD_STREAM_USER, 5, 3, u);
  CHECK(bzd_uniform(3, BZD_STREAM_USER, 5, 2, 3, again) == BZD_OK && std::memcmp(u, again, sizeof u) == 0);
  fails(BZD_E_DIMENSION, "out: 6 numbers, expected rows of 4", [&] { bz::noise(0, 0, 0, 4, z); });
  fails(BZD_E_ARGUMENT, "out of range", [&] { bz::noise(0, 0, 0, -1, z); });
  fails(BZD_E_ARGUMENT, "first", [&] { bz::noise(0, 0, -1, 3, z); });

  bz::Flow none;
  CHECK(!none && none.get() == nullptr);
  fails(BZD_E_ARGUMENT, "flow is NULL", [&] { none.info(); });
  fails(BZD_E_ARGUMENT, "flow is NULL", [&] { none.sample(3); });
  fails(BZD_E_ARGUMENT, "flow is NULL", [&] { none.metadata(); });
  bz::Flow one = small(), two = std::move(one);
  CHECK(!one && two && two.info().dim == 2);
  one = std::move(two);
  CHECK(one && !two);
  bz::Flow adopted([] {
    bz::FlowConfig config;
    config.dim = 3;
    bzd_flow *flow;
    CHECK(bzd_flow_create(nullptr, config.raw(), &flow) == BZD_OK);
    return flow;
  }());
  CHECK(adopted.info().dim == 3);
}

static void data() {
  vector<float> rows = normals(10, 2), cond(30, 1.5f), x(4), c(6);
  bz::DataConfig config;
  config.cond = cond;
  config.cond_dim = 3;
  config.normalise = BZD_NORMALISE_GIVEN;
  config.scale = {2, 4};
  config.offset = {1, 0};
  bz::Data set(rows, 2, config);
  CHECK(set.info().n == 10 && set.info().dim == 2 && set.info().cond_dim == 3);
  CHECK(set.affine().scale == config.scale && set.affine().offset == config.offset);
  set.rows(8, x, c);
  CHECK(x[0] == (rows[16] - 1) / 2 && x[3] == rows[19] / 4 && c[5] == 1.5f);
  set.rows(8, {}, c);
  x.assign(4, 9);
  set.rows(8, bz::span<float>(x.data(), 0), c); // empty, with memory behind it, as of a vector that was cleared
  CHECK(x[0] == 9);
  set.rows(0, x);
  fails(BZD_E_ARGUMENT, "", [&] { set.rows(9, x); });
  fails(BZD_E_DIMENSION, "cond: 6 numbers, expected 3", [&] { set.rows(0, bz::span<float>(x.data(), 2), c); });
  fails(BZD_E_DIMENSION, "rows: 20 numbers, expected rows of 7", [&] { bz::Data(rows, 7); });
  fails(BZD_E_DIMENSION, "cond: 30 numbers, expected 20", [&] {
    config.cond_dim = 2;
    bz::Data(rows, 2, config);
  });
  config.cond_dim = 3;
  config.scale.pop_back();
  fails(BZD_E_DIMENSION, "scale: 1 numbers, expected 2", [&] { bz::Data(rows, 2, config); });
  fails(BZD_E_ARGUMENT, "", [&] { bz::Data(rows, 0); });

  const unsigned char bytes[] = {0, 255, 9, 255, 0}; // two rows of two, three apart
  const int32_t labels[] = {1, 0, 1};
  bz::DataConfig strided;
  strided.row_stride = 3;
  strided.labels = bz::span<const int32_t>(labels, 2);
  strided.classes = 2;
  bz::Data picture(bytes, 2, strided);
  picture.rows(0, x, bz::span<float>(c.data(), 4));
  CHECK(picture.info().n == 2 && picture.info().classes == 2 && x[0] == -1 && x[1] == 1 && x[2] == 1 && x[3] == -1);
  CHECK(c[0] == 0 && c[1] == 1 && c[2] == 1);
  strided.labels = labels;
  fails(BZD_E_DIMENSION, "labels: 3 numbers, expected 2", [&] { bz::Data(bytes, 2, strided); });

  // Borrowed rows: the owner stays as long as what reads them.
  Token *owner = new Token;
  bz::DataConfig borrow;
  borrow.copy = 0;
  auto lent = std::make_shared<vector<float>>(normals(10, 2));
  bz::span<const float> view(lent->data(), lent->size());
  bz::Trainer trainer;
  {
    bz::Data borrowed(view, 2, borrow, {}, std::shared_ptr<Token>(owner, [lent](Token *t) { delete t; }));
    lent.reset();
    trainer = bz::Trainer(small(), bz::Source::data(borrowed));
  }
  CHECK(Token::alive == 1);
  trainer.run(3);
  trainer = bz::Trainer();
  CHECK(Token::alive == 0);
}

static void flows() {
  bz::Flow flow = small(BZD_FLOW_CONTROL, 3);
  bzd_flow_info info = flow.info();
  CHECK(info.kind == BZD_FLOW_CONTROL && info.degree == 2 && info.cond_dim == 3 && info.width == 16);
  vector<float> weights = flow.parameters();
  CHECK(static_cast<int64_t>(weights.size()) == info.parameters);
  bz::Flow longer = bz::Flow::from(flow, BZD_FLOW_CONTROL, 3), other = bz::Flow::from(longer, BZD_FLOW_CONTROL, 2);
  CHECK(longer.info().degree == 3 && other.parameters() != weights); // heads are copies of one
  other.set_parameters(weights);
  CHECK(other.parameters() == weights);
  fails(BZD_E_DIMENSION, "", [&] { other.set_parameters(bz::span<const float>(weights.data(), 3)); });
  CHECK(flow.set_precision(BZD_PRECISION_BFLOAT16) > 0 && flow.set_precision(BZD_PRECISION_FLOAT32) == 0);

  flow.set_metadata("b", "2");
  flow.set_metadata("a", "1");
  CHECK(flow.metadata() == (bz::Metadata{{"a", "1"}, {"b", "2"}}) && flow.metadata("a") == "1");
  flow.remove_metadata("a");
  CHECK(!flow.metadata("a") && flow.metadata().size() == 1);
  fails(BZD_E_ARGUMENT, "key", [&] { flow.set_metadata("a b", "1"); });

  vector<float> x = normals(4, 2), t(4, 0.25f), cond(12, 0.5f), v(8), paths(24), v2(8);
  flow.velocity(x, t, v, cond, 1.5);
  CHECK(bzd_flow_velocity(flow.get(), 4, x.data(), t.data(), cond.data(), 1.5, v2.data()) == BZD_OK && v == v2);
  flow.velocity(x, t, v);
  CHECK(v != v2);
  flow.curve(x, t, paths, cond);
  CHECK(paths[0] == x[0] && paths[7] == x[3]);
  fails(BZD_E_DIMENSION, "x: 6 numbers, expected 8", [&] { flow.velocity(bz::span<float>(x.data(), 6), t, v); });
  fails(BZD_E_DIMENSION, "t: 4 numbers, expected 3",
        [&] { flow.velocity(bz::span<float>(x.data(), 6), t, bz::span<float>(v.data(), 6)); });
  fails(BZD_E_DIMENSION, "cond: 6 numbers, expected 12",
        [&] { flow.velocity(x, t, v, bz::span<float>(cond.data(), 6)); });
  fails(BZD_E_DIMENSION, "paths: 8 numbers, expected rows of 6", [&] { flow.curve(x, t, v); });

  bz::SampleConfig config;
  config.grid = {0, 0.25, 1};
  config.seed = 5;
  vector<float> out(8), out2(8), states(24);
  bzd_sample_result result = flow.sample(out, config, x, cond);
  const double grid[] = {0, 0.25, 1};
  bzd_sample_config c = config.raw().c;
  c.grid = grid;
  CHECK(bzd_flow_sample(flow.get(), &c, 4, x.data(), cond.data(), out2.data(), nullptr) == BZD_OK && out == out2);
  CHECK(result.nfe_mean == 2 && result.solver == BZD_SOLVER_CONTROL && result.struct_size == sizeof result);
  CHECK(flow.sample(4, config, cond).size() == 8 && flow.sample(4, config, cond) != out);
  flow.sample(bz::span<float>(), config);
  CHECK(flow.sample(0).empty());
  const double times[] = {0, 0.5, 1};
  CHECK(flow.trajectory(times, states, {}, x, cond).nfe_mean > 0 && states[0] == x[0] && states[6] == x[2]);
  fails(BZD_E_DIMENSION, "out: 7 numbers, expected rows of 2", [&] { flow.sample(bz::span<float>(out.data(), 7)); });
  fails(BZD_E_DIMENSION, "x0: 8 numbers, expected 6", [&] { flow.sample(bz::span<float>(out.data(), 6), {}, x); });
  fails(BZD_E_DIMENSION, "states: 8 numbers, expected rows of 6", [&] { flow.trajectory(times, out, {}, x); });
  fails(BZD_E_ARGUMENT, "out of range", [&] { flow.sample(INT64_MAX); });
  fails(BZD_E_ARGUMENT, "out of range", [&] { flow.sample(-1); });

  bz::Flow plain = small();
  bz::GridConfig grids;
  grids.steps = 3;
  grids.rows = 16;
  bz::Grid found = plain.choose_grid(grids);
  CHECK(found.times.size() == 4 && found.times[0] == 0 && found.times[3] == 1 && found.error >= 0);
  bz::Source lines = bz::Source::data(bz::Data(normals(32, 2), 2));
  grids.paths = &lines;
  CHECK(plain.choose_grid(grids).times.size() == 4);
  grids.steps = INT32_MAX;
  fails(BZD_E_ARGUMENT, "2147483647 steps", [&] { plain.choose_grid(grids); });

  CHECK(small(BZD_FLOW_CONTROL).info().skip == 1 && small().info().skip == 0);

  bz::FlowConfig affine;
  affine.dim = 2;
  affine.scale = {2, 3};
  affine.offset = {0, 1};
  CHECK(bz::Flow(affine).affine().scale == affine.scale && bz::Flow(affine).affine().offset == affine.offset);
  affine.offset.push_back(1);
  fails(BZD_E_DIMENSION, "offset: 3 numbers, expected 2", [&] { bz::Flow flow3(affine); });
  affine.dim = 0;
  fails(BZD_E_DIMENSION, "scale", [&] { bz::Flow flow4(affine); });
  affine.dim = 3;
  affine.scale.push_back(1);
  fails(BZD_E_ARGUMENT, "fn is NULL", [&] { bz::Flow::callback(affine, {}); });

  flow.save("flow.bzd");
  CHECK(bz::Flow::load("flow.bzd").parameters() == weights);
  fails(BZD_E_IO, "none.bzd", [] { bz::Flow::load("none.bzd"); });
}

static void ensembles() {
  bz::Flow a = teacher(), b = teacher(), network = small();
  vector<float> x = normals(3, 2), t(3, 0.5f), v(6), v2(6);
  bz::EnsembleConfig config;
  config.rule = BZD_RULE_FIXED;
  config.fixed = {3, 1};
  config.guidance = {1, 1};
  bz::Ensemble ensemble({a, b}, config);
  CHECK(ensemble.info().count == 2 && ensemble.weights(0.5) == (vector<double>{0.75, 0.25}));
  CHECK(std::fabs(ensemble.effective(x, t) - 1.6) < 1e-9);
  vector<double> weights(6);
  ensemble.velocity(0, x, t, v, {}, weights);
  a.velocity(x, t, v2);
  CHECK(std::fabs(v[5] - v2[5]) < 1e-6f && weights[4] == 0.75);
  CHECK(ensemble.sample(5).size() == 10);
  const double times[] = {0, 1};
  vector<float> states(12);
  ensemble.trajectory(times, states, {}, x);
  CHECK(states[8] == x[4]);
  config.fixed.push_back(1);
  fails(BZD_E_DIMENSION, "fixed: 3 numbers, expected 2", [&] { bz::Ensemble bad({a, b}, config); });
  fails(BZD_E_DIMENSION, "weights: 5 numbers, expected 6",
        [&] { ensemble.velocity(0, x, t, v, {}, bz::span<double>(weights.data(), 5)); });
  vector<bz::Flow> many;
  for (int i = 0; i < 3; i++) many.push_back(small());
  CHECK(bz::Ensemble(bz::Flows(many.begin(), many.end())).info().count == 3);

  bz::Source lines = bz::Source::data(bz::Data(normals(64, 2), 2));
  bz::EnsembleConfig by_error;
  by_error.rule = BZD_RULE_ERROR;
  by_error.validation = &lines;
  by_error.validation_count = 64;
  CHECK(bz::Ensemble({a, network}, by_error).weights(0).size() == 2);

  bz::EnsembleConfig own;
  own.rule = BZD_RULE_CALLBACK;
  own.weights = [token = Token()](bz::span<const float> rows, bz::span<const float> at, bz::span<const float> all,
                                  bz::span<double> out) {
    CHECK(*token.at == 7 && rows.size() == 2 * at.size() && out.size() == 2 * at.size() && all.size() == 4 * at.size());
    if (at[0] == 1) throw Mine{4};
    for (size_t i = 0; i < out.size(); i++) out[i] = i % 2 == 0 ? 1 : 0;
  };
  bz::Ensemble chosen({a, b}, own);
  own = bz::EnsembleConfig();
  chosen.velocity(0, x, t, v, {}, weights);
  CHECK(weights[0] == 1 && weights[5] == 0);
  t.assign(3, 1);
  throws(4, [&] { chosen.velocity(0, x, t, v); });
}

static void fitters_and_paths() {
  bz::FitterConfig config;
  config.nodes = 3;
  config.degree = 2;
  config.times = {0, 0.5, 1};
  config.weights = {1, 2, 1};
  bz::Fitter fitter(config);
  CHECK(fitter.info().nodes == 3 && fitter.times() == config.times);
  const vector<float> states{0, 0, 1, 1, 2, 0}; // one trajectory of two numbers: its curve passes (1, 1)
  vector<float> paths(6), at(2), longer(8), back(6), left(6), right(6), head(4), ends{0, 0, 2, 0};
  vector<double> residual(1), number(1), second(1), third(1);
  fitter.fit(2, states, paths, residual);
  CHECK(paths[2] == 1 && paths[3] == 2 && residual[0] < 1e-6);
  fails(BZD_E_DIMENSION, "paths: 4 numbers, expected 6", [&] { fitter.fit(2, states, head); });
  fails(BZD_E_DIMENSION, "states: 6 numbers, expected rows of 9", [&] { fitter.fit(3, states, paths); });
  config.times.pop_back();
  fails(BZD_E_DIMENSION, "times: 2 numbers, expected 3", [&] { bz::Fitter bad(config); });

  const double half[] = {0.5};
  bz::path::evaluate(2, 2, paths, half, at);
  CHECK(at[0] == 1 && at[1] == 1);
  bz::path::derivative(2, 2, paths, half, at);
  CHECK(at[0] == 2 && at[1] == 0);
  bz::path::curvature(2, 2, paths, half, number);
  CHECK(std::fabs(number[0] - 2) < 1e-6);
  bz::path::elevate(2, 2, paths, 3, longer);
  bz::path::reduce(3, 2, longer, 2, back, number);
  CHECK(std::fabs(back[3] - 2) < 1e-5f && number[0] < 1e-5);
  bz::path::split(2, 2, paths, 0.5, left, right);
  CHECK(left[4] == 1 && right[0] == 1 && left[5] == 1);
  bz::path::split(2, 2, paths, 0.5, {}, right);
  bz::path::measure(2, 2, paths, number, second, third);
  CHECK(number[0] > 0 && second[0] > 2 && third[0] == 2);
  bz::path::distance(2, 2, paths, paths, number);
  CHECK(number[0] == 0);
  bz::path::evaluate(2, 2, paths, half, at);
  bz::path::from_waypoints(2, 2, bz::span<const float>(ends.data(), 2), at, half, bz::span<const float>(&ends[2], 2),
                           left);
  CHECK(std::fabs(left[3] - 2) < 1e-6f);
  const float now[] = {0.5f};
  bz::path::targets(2, 2, paths, now, at, head);
  CHECK(at[0] == 1 && at[1] == 1 && head[2] == 2 && head[3] == -2);
  fails(BZD_E_DIMENSION, "points: 6 numbers, expected 2", [&] { bz::path::evaluate(2, 2, paths, half, left); });
  fails(BZD_E_DIMENSION, "paths: 6 numbers, expected rows of 8", [&] { bz::path::evaluate(3, 2, paths, half, at); });
  fails(BZD_E_ARGUMENT, "", [&] { bz::path::evaluate(-1, 2, paths, half, at); });
  fails(BZD_E_DIMENSION, "", [&] { bz::path::evaluate(INT32_MAX, 2, paths, half, at); });
  fails(BZD_E_DIMENSION, "", [&] { bz::path::elevate(2, 2, paths, INT32_MAX, longer); });
  fails(BZD_E_ARGUMENT, "", [&] { bz::path::from_waypoints(INT32_MIN, 2, ends, at, half, ends, left); });
}

static void sources() {
  bz::Data set(normals(64, 2), 2), start(normals(64, 2, 9), 2);
  vector<float> paths(8), times(4), other(8);
  bz::Source lines = bz::Source::data(set, 3), moved = bz::Source::data(set, 3, &start);
  lines.paths(5, paths, {}, times);
  moved.paths(5, other);
  CHECK(lines.info().kind == BZD_SOURCE_DATA && times[1] == 1 && paths[0] != other[0] && paths[2] == other[2]);
  CHECK(bz::Source::transport(set, 8, 1, &start).info().kind == BZD_SOURCE_TRANSPORT);
  fails(BZD_E_DIMENSION, "times: 4 numbers, expected 2",
        [&] { lines.paths(5, bz::span<float>(paths.data(), 4), {}, times); });

  bz::Fitter fitter{bz::FitterConfig()};
  bz::Flow a = teacher(), guide = small();
  bz::Ensemble ensemble({a});
  bz::EnsembleSourceConfig config;
  config.start = &start;
  config.real = &set;
  config.rho = 0.5;
  config.cond = bz::span<const float>(paths.data(), 0);
  bz::Source fitted = bz::Source::ensemble(ensemble, fitter, config);
  CHECK(fitted.info().kind == BZD_SOURCE_ENSEMBLE && fitted.info().degree == 2);
  int64_t seen = 0;
  bz::Source pool = fitted.pool(0, 100, 0, [&](const bzd_progress &progress) {
    CHECK(progress.phase == BZD_PHASE_GENERATE);
    seen = progress.step;
  });
  CHECK(pool.info().count == 100 && seen == 100);
  bz::EnsembleSourceConfig guided;
  guided.guide = BZD_GUIDE_CONTROL;
  guided.guides = {&guide};
  guided.visitor = nullptr;
  CHECK(bz::Source::ensemble(ensemble, fitter, guided).info().degree == 2);
  guided.guides = {&guide, &guide};
  fails(BZD_E_DIMENSION, "guides: 2 flows, expected degree - 1 = 1",
        [&] { bz::Source::ensemble(ensemble, fitter, guided); });
  bz::EnsembleSourceConfig visited;
  bz::Flow student = small(BZD_FLOW_CONTROL);
  visited.visitor = &student;
  CHECK(bz::Source::ensemble(ensemble, fitter, visited).info().degree == 2);

  bz::Flow with_cond = small(BZD_FLOW_VELOCITY, 3);
  bz::Ensemble conditional({with_cond});
  const vector<float> conditions(6, 1);
  bz::EnsembleSourceConfig drawn;
  drawn.cond = conditions;
  vector<float> path(6), cond(3);
  bz::Source::ensemble(conditional, fitter, drawn).paths(0, path, cond);
  CHECK(cond[2] == 1);
  drawn.cond = bz::span<const float>(conditions.data(), 4);
  fails(BZD_E_DIMENSION, "cond: 4 numbers, expected rows of 3",
        [&] { bz::Source::ensemble(conditional, fitter, drawn); });

  bz::Source own = bz::Source::callback(
      1, 2, 1,
      [token = Token()](bz::span<const int64_t> index, bz::span<float> p, bz::span<float> c, bz::span<float> ends) {
        CHECK(*token.at == 7 && p.size() == 4 * index.size() && c.size() == index.size());
        CHECK(ends.size() == 2 * index.size() && ends[1] == 1);
        if (index[0] == 13) throw Mine{13};
        for (size_t i = 0; i < index.size(); i++) {
          for (size_t j = 0; j < 4; j++) p[4 * i + j] = static_cast<float>(index[i]);
          c[i] = -1;
        }
      });
  vector<float> one(4), c(1);
  own.paths(12, one, c);
  CHECK(one[3] == 12 && c[0] == -1);
  throws(13, [&] { own.paths(13, one, c); });
  fails(BZD_E_ARGUMENT, "fn is NULL", [] { bz::Source::callback(1, 2, 0, {}); });
}

static void trainers() {
  bz::TrainerConfig config;
  config.steps = 40;
  config.batch = 16;
  config.aim(BZD_FLOW_CONTROL, 4);
  CHECK(config.at_grid == 0.5 && config.steps == 40);
  bz::Source lines = bz::Source::data(bz::Data(normals(64, 2), 2));
  bz::Trainer trainer(small(BZD_FLOW_CONTROL), lines, config);
  trainer.run(3);
  CHECK(trainer.info().step == 3 && trainer.info().steps == 40);
  int64_t last = 0;
  trainer.run(2, [&](const bzd_progress &progress) { last = progress.step; }); // no answer: goes on
  trainer.run(1, std::function<void(const bzd_progress &)>());                 // an empty callable is none
  CHECK(last == 5);
  fails(BZD_E_CANCELLED, "", [&] { trainer.run(0, [](const bzd_progress &progress) { return progress.step == 9; }); });
  CHECK(trainer.info().step == 9);
  throws(11, [&] {
    trainer.run(0, [](const bzd_progress &progress) {
      if (progress.step == 11) throw Mine{11};
    });
  });
  CHECK(trainer.info().step == 11);
  std::thread([&] { trainer.cancel(); }).join();
  fails(BZD_E_CANCELLED, "", [&] { trainer.run(); });
  CHECK(trainer.evaluate(0, 32) > 0 && trainer.evaluate(0, 32, BZD_WEIGHTS_RAW, &lines) > 0);
  CHECK(trainer.flow().parameters() != trainer.flow(BZD_WEIGHTS_RAW).parameters());

  // Saved, loaded and ended: the bits of one that was never stopped.
  bz::Checkpoint saved = bz::Checkpoint::from(trainer);
  bz::Trainer resumed = saved.trainer(lines), whole(small(BZD_FLOW_CONTROL), lines, config);
  resumed.run();
  whole.run();
  trainer.run();
  CHECK(bz::Checkpoint::from(resumed).content_id() == bz::Checkpoint::from(whole).content_id());
  CHECK(bz::Checkpoint::from(trainer).content_id() == bz::Checkpoint::from(whole).content_id());
}

static void checkpoints() {
  bz::Context context([] {
    bz::ContextConfig config;
    config.threads = 2;
    return config;
  }());
  bz::FlowConfig wide;
  wide.dim = 2;
  wide.width = 300; // several blocks
  bz::Checkpoint saved = bz::Checkpoint::from(bz::Flow(wide));
  saved.set_metadata("title", std::string(1000, 'x'));
  saved.set_metadata("note", "y");
  saved.set_section("hoST", "abc", 3);
  saved.remove_metadata("note");
  CHECK(saved.metadata("title") == std::string(1000, 'x') && !saved.metadata("note"));
  CHECK(saved.sections().size() == 1 && saved.sections()[0].first == "hoST" && saved.sections()[0].second == 3);
  CHECK(saved.section("hoST")->size() == 3 && (*saved.section("hoST"))[2] == std::byte{'c'} && !saved.section("noNE"));
  vector<std::byte> bytes(saved.write_buffer({}));
  CHECK(saved.write_buffer(bz::span<std::byte>(bytes.data(), 0)) == bytes.size());
  CHECK(saved.write_buffer(bytes) == bytes.size());
  fails(BZD_E_LIMIT, "", [&] { saved.write_buffer(bz::span<std::byte>(bytes.data(), 10)); });
  vector<std::byte> same;
  saved.write([&](bz::span<const std::byte> some) { same.insert(same.end(), some.begin(), some.end()); });
  CHECK(same == bytes);
  throws(5, [&] { saved.write([](bz::span<const std::byte>) { throw Mine{5}; }); });
  saved.write_file("saved.bzd");

  bz::Checkpoint opened = bz::Checkpoint::open_buffer(bytes.data(), bytes.size(), {}, context);
  CHECK(opened.info().kind == BZD_CHECKPOINT_FLOW && opened.info().file_bytes == bytes.size());
  opened.verify();
  CHECK(opened.content_id() == saved.content_id() && opened.content_id().size() == 64);
  CHECK(opened.flow().parameters() == saved.flow().parameters());
  bz::Metadata all = opened.metadata();
  bool found = false;
  for (auto &[key, value] : all) found = found || (key == "user.title" && value == std::string(1000, 'x'));
  CHECK(found && static_cast<int64_t>(all.size()) == opened.info().metadata);
  bzd_tensor_info tensor = opened.tensor(0);
  vector<float> weights = opened.read<float>(0), rows = opened.read_rows<float>(0, 2, 3);
  CHECK(weights.size() * sizeof(float) == tensor.raw_bytes && opened.read<std::byte>(0).size() == tensor.raw_bytes);
  size_t row = weights.size() / static_cast<size_t>(tensor.shape[0]);
  CHECK(rows.size() == 3 * row && std::memcmp(rows.data(), &weights[2 * row], rows.size() * sizeof(float)) == 0);
  fails(BZD_E_DIMENSION, "f32, expected f64", [&] { opened.read<double>(0); });
  fails(BZD_E_ARGUMENT, "", [&] { opened.read_rows<float>(0, 2, tensor.shape[0]); });
  fails(BZD_E_ARGUMENT, "", [&] { opened.read<float>(99); });
  fails(BZD_E_STATE, "an ensemble", [&] { opened.ensemble(); });
  opened.set_storage(BZD_STORAGE_BF16);
  CHECK(opened.content_id() != saved.content_id());
  saved.remove_section("hoST");
  CHECK(!saved.section("hoST"));
  bz::Limits limits;
  limits.max_raw = 100;
  fails(BZD_E_LIMIT, "", [&] { bz::Checkpoint::open_file("saved.bzd", limits).flow(); });
  CHECK(bz::Checkpoint::open_file("saved.bzd").content_id() == saved.content_id());

  // A reader that throws, when it opens and later, also while all threads decode; it goes with the checkpoint.
  int left = 1 << 30;
  auto read = [&left, &bytes, token = Token()](uint64_t offset, bz::span<std::byte> out) {
    if (left-- == 0) throw Mine{6};
    CHECK(*token.at == 7);
    std::memcpy(out.data(), bytes.data() + offset, out.size());
  };
  int before = Token::alive; // read holds one
  {
    bz::Checkpoint through = bz::Checkpoint::open(read, bytes.size(), {}, context);
    left = 1;
    throws(6, [&] { through.verify(); });
    left = 1 << 30;
    through.verify();
    bz::Flow flow = through.flow();
    CHECK(Token::alive == before + 1);
    through = bz::Checkpoint();
    CHECK(Token::alive == before && flow.sample(2).size() == 4);
  }
  left = 1;
  throws(6, [&] { bz::Checkpoint::open(read, bytes.size()); });
  CHECK(Token::alive == before);

  // Ensembles and path stores.
  bz::Flow network = small();
  bz::Checkpoint ensemble = bz::Checkpoint::from(bz::Ensemble({network}));
  CHECK(ensemble.ensemble().info().count == 1 && ensemble.ensemble().member(0).parameters() == network.parameters());
  bz::Source own = bz::Source::callback(
      1, 2, 0, [token = Token()](bz::span<const int64_t> index, bz::span<float> p, bz::span<float>, bz::span<float>) {
        for (size_t i = 0; i < p.size(); i++) p[i] = static_cast<float>(index[i / 4] * *token.at);
      });
  bz::Source pool = own.pool(0, 50);
  bz::Checkpoint store = bz::Checkpoint::from(pool), made;
  {
    int64_t *count = new int64_t(0);
    bool stop = false;
    made = bz::Checkpoint::from_paths(own, 0, 50, 0, 0, [count = std::shared_ptr<int64_t>(count), &stop](auto &) {
      if (++*count > 0 && stop) throw Mine{8};
    });
    own = bz::Source();
    stop = true;
    throws(8, [&] { made.write([](bz::span<const std::byte>) {}); });
    stop = false;
    CHECK(made.content_id() == store.content_id());
    made.write_file("paths.bzd");
  }
  bz::Checkpoint on_disk = bz::Checkpoint::open_file("paths.bzd");
  vector<float> a(8), b(8), c(8);
  pool.paths(3, a);
  on_disk.source().paths(3, b);
  bz::Source stream = on_disk.stream();
  on_disk = bz::Checkpoint();
  stream.paths(3, c);
  CHECK(a == b && a == c);
}

static void tensors() {
  bz::Tensors set = bz::Tensors::create();
  const int64_t numbers[] = {1, 2, 3, 4};
  const bool flags[] = {true, false};
  set.add("n", {2, 2}, numbers);
  set.add("v", {3}, vector<float>{1, 2, 3});
  set.add("one", {}, std::array<double, 1>{0.5});
  set.add("none", {0, 4}, vector<uint8_t>());
  set.add("flag", {2}, flags);
  const uint16_t halves[] = {0x3f80, 0x4000};
  set.add("half", "bf16", {2}, halves, sizeof halves);
  fails(BZD_E_DIMENSION, "v2: 12 numbers, expected 16 bytes in all", [&] { set.add("v2", {4}, vector<float>(3)); });
  fails(BZD_E_DIMENSION, "bytes in all", [&] { set.add("half2", "bf16", {3}, halves, sizeof halves); });
  fails(BZD_E_ARGUMENT, "out of range", [&] { set.add("v3", {-1}, vector<float>(3)); });
  set.set_text("b", "2");
  set.set_text("a", "1");
  CHECK(set.texts() == (bz::Metadata{{"a", "1"}, {"b", "2"}}) && set.text("b") == "2");
  set.remove_text("b");
  CHECK(!set.text("b") && set.info().count == 6);
  CHECK(set.find("v") == 1 && !set.find("w"));
  CHECK(set.read<int64_t>(0) == (vector<int64_t>{1, 2, 3, 4}) && set.read_f32(0)[3] == 4 && set.read_f32(5)[1] == 2);
  CHECK(set.read<std::byte>(1).size() == 12 && set.read<double>(2)[0] == 0.5 && set.read<uint8_t>(3).empty());
  fails(BZD_E_DIMENSION, "v: f32, expected i32", [&] { set.read<int32_t>(1); });
  CHECK(set.tensor(0).shape[1] == 2);
  set.write_file("set.safetensors", BZD_FORMAT_SAFETENSORS);
  vector<std::byte> bytes(set.write_buffer({}, BZD_FORMAT_SAFETENSORS)), same;
  CHECK(set.write_buffer(bytes, BZD_FORMAT_SAFETENSORS) == bytes.size());
  CHECK(set.write_buffer(bz::span<std::byte>(bytes.data(), 0), BZD_FORMAT_SAFETENSORS) == bytes.size());
  set.write([&](bz::span<const std::byte> some) { same.insert(same.end(), some.begin(), some.end()); },
            BZD_FORMAT_SAFETENSORS);
  CHECK(same == bytes);
  CHECK(bz::Tensors::open_file("set.safetensors").read<int64_t>(*bz::Tensors::open_file("set.safetensors").find("n")) ==
        (vector<int64_t>{1, 2, 3, 4}));
  CHECK(bz::Tensors::open_buffer(bytes.data(), bytes.size()).info().format == BZD_FORMAT_SAFETENSORS);
  bz::Tensors through = bz::Tensors::open(
      [&](uint64_t offset, bz::span<std::byte> out) { std::memcpy(out.data(), bytes.data() + offset, out.size()); },
      bytes.size());
  CHECK(through.read<float>(*through.find("v"))[2] == 3);
  throws(9, [&] { bz::Tensors::open([](uint64_t, bz::span<std::byte>) { throw Mine{9}; }, bytes.size()); });

  bz::Flow flow = small();
  bz::Tensors state = bz::Tensors::from(flow);
  CHECK(state.flow().parameters() == flow.parameters());
  state.remove_text("bezdist");
  fails(BZD_E_UNSUPPORTED, "", [&] { state.flow(); });
  bz::FlowConfig config;
  config.dim = 2;
  CHECK(state.flow(config).parameters() == flow.parameters());
}

static void metrics() {
  vector<float> a = normals(64, 2), b = normals(32, 2, 4);
  bz::MetricsConfig config;
  config.which = BZD_METRIC_ENERGY;
  bzd_metrics_result result = bz::metrics::compare(2, a, b, config);
  CHECK(result.which == BZD_METRIC_ENERGY && std::isnan(result.sw2) && std::isfinite(result.energy));
  bz::Nearest nearest = bz::metrics::nearest(2, a, a);
  CHECK(nearest.index[5] == 5 && nearest.distance[5] == 0);
  fails(BZD_E_DIMENSION, "b: 64 numbers, expected rows of 128", [&] { bz::metrics::compare(128, a, b); });
  bz::Data set(a, 2);
  bz::Source lines = bz::Source::data(set);
  bz::FlowMetricsConfig measures;
  measures.rows = 32;
  measures.paths = &lines;
  measures.real = &set;
  bzd_flow_metrics flow = bz::metrics::measure(small(), measures);
  CHECK(flow.crossing_variance > 0 && flow.drift >= 0 && flow.struct_size == sizeof flow);
}

// Callables of a context serve until its last object is gone, and no longer.
static void contexts() {
  struct Ledger {
    std::atomic<int64_t> live{0};
    std::atomic<bool> full{false};
  };
  auto ledger = std::make_shared<Ledger>();
  std::atomic<int> loops{0}, lines{0};
  bz::Flow flow;
  {
    bz::ContextConfig config;
    config.threads = 2;
    config.alloc = [ledger, token = Token()](size_t size, size_t align) -> void * {
      if (ledger->full) throw Mine{1}; // refused
      ledger->live += static_cast<int64_t>(size);
      return std::aligned_alloc(align, (size + align - 1) / align * align);
    };
    config.free = [ledger, token = Token()](void *data, size_t size, size_t) {
      ledger->live -= static_cast<int64_t>(size);
      std::free(data);
    };
    config.log = [&lines](int32_t, const char *) {
      lines++;
      throw Mine{2}; // dropped
    };
    config.parallel_for = [&loops](int64_t n, bz::Task task) {
      loops++;
      for (int64_t i = n; i-- > 0;) task(i);
    };
    bz::Context context(config);
    CHECK(context.threads() == 2 && bz::Context().threads() == 1);
    config = bz::ContextConfig();
    bz::TrainerConfig steps;
    steps.steps = 30;
    steps.rate = 1;
    steps.clip = 0;
    steps.divergence = BZD_DIVERGENCE_SKIP; // one warning for each step that is skipped
    bz::Trainer trainer(
        small(BZD_FLOW_VELOCITY, 0, context),
        bz::Source::callback(1, 2, 0,
                             [](bz::span<const int64_t> index, bz::span<float> p, bz::span<float>, bz::span<float>) {
                               for (size_t i = 0; i < p.size(); i++)
                                 p[i] = index[0] == 256 ? 3e38f : 1 + static_cast<float>(i % 2);
                             }),
        steps);
    trainer.run(2);
    CHECK(trainer.info().skipped == 1 && lines == 1);
    ledger->full = true;
    fails(BZD_E_MEMORY, "", [&] { trainer.flow(); });
    ledger->full = false;
    flow = trainer.flow();
  }
  CHECK(loops > 0 && ledger->live > 0);
  vector<float> before = flow.sample(100);
  int alive = Token::alive;
  CHECK(alive > 0);
  flow = small(); // the old one is given back through its allocator
  CHECK(ledger->live == 0 && Token::alive == alive - 2 && ledger.use_count() == 1);
  CHECK(before.size() == 200);
}

// Callables and what they hold stay exactly as long as something may call them.
static void lifetimes() {
  CHECK(Token::alive == 0);
  bz::TrainerConfig config;
  config.steps = 20;
  bz::Trainer trainer;
  {
    bz::Flow flow = teacher();
    bz::Ensemble ensemble({flow});
    flow = bz::Flow();
    bz::Source source = bz::Source::ensemble(ensemble, bz::Fitter(bz::FitterConfig()));
    ensemble = bz::Ensemble();
    trainer = bz::Trainer(small(), source, config);
  }
  CHECK(Token::alive == 1);
  trainer.run(3); // the teacher's function is called
  bz::Flow snapshot = trainer.flow();
  trainer.set_source(bz::Source::data(bz::Data(normals(64, 2), 2)));
  CHECK(Token::alive == 0);
  trainer.run();
  CHECK(snapshot.sample(2).size() == 4);

  bz::Flow member;
  {
    bz::Ensemble ensemble;
    {
      bz::Flow a = teacher(), b = teacher();
      ensemble = bz::Ensemble({a, b});
    }
    member = ensemble.member(1);
  }
  CHECK(member.sample(3).size() == 6 && Token::alive == 1);
  member = bz::Flow();
  CHECK(Token::alive == 0);

  // A function may itself hold objects of the library.
  {
    auto inner = std::make_shared<bz::Flow>(teacher());
    bz::FlowConfig flow;
    flow.dim = 2;
    auto through = [inner](bz::span<const float> x, bz::span<const float> t, bz::span<const float>, bz::span<float> v) {
      inner->velocity(x, t, v);
    };
    bz::Flow outer = bz::Flow::callback(flow, through);
    inner.reset();
    bz::Trainer reflow(small(), bz::Source::ensemble(bz::Ensemble({outer}), bz::Fitter(bz::FitterConfig())), config);
    outer = bz::Flow();
    reflow.run(1);
    CHECK(Token::alive == 1);
  }
  CHECK(Token::alive == 0);

  // A pool has its paths and needs its teacher no more.
  bz::Source pool;
  {
    bz::Flow flow = teacher();
    pool = bz::Source::ensemble(bz::Ensemble({flow}), bz::Fitter(bz::FitterConfig())).pool(0, 20);
  }
  CHECK(Token::alive == 0 && pool.info().count == 20);
}

static bz::Flow throwing(std::function<void()> act) {
  bz::FlowConfig config;
  config.dim = 2;
  return bz::Flow::callback(
      config, [act](bz::span<const float> x, bz::span<const float>, bz::span<const float>, bz::span<float> v) {
        act();
        pull(x, v);
      });
}

static void exceptions() {
  int left = 0;
  bz::Flow flow = throwing([&left] {
    if (left-- == 0) throw Mine{3};
  });
  vector<float> x = normals(2, 2), t(2, 0.5f), v(4), states(8);
  const double times[] = {0, 1};
  bz::Ensemble ensemble({flow});
  bz::Source source = bz::Source::ensemble(ensemble, bz::Fitter(bz::FitterConfig()));
  bz::Trainer trainer(small(), source);
  const std::function<void()> calls[] = {[&] { flow.sample(v); },
                                         [&] { flow.velocity(x, t, v); },
                                         [&] { flow.trajectory(times, states); },
                                         [&] { ensemble.velocity(0, x, t, v); },
                                         [&] { ensemble.sample(v); },
                                         [&] { source.pool(0, 10); },
                                         [&] { trainer.run(1); },
                                         [&] { bz::metrics::measure(flow); }};
  for (auto &call : calls) {
    left = 0;
    throws(3, call);
    left = 1 << 30;
    call(); // nothing is left of the failure
  }
  // A failure of the library's own, after an exception, is its own.
  left = 0;
  throws(3, [&] { flow.sample(v); });
  fails(BZD_E_ARGUMENT, "first", [&] { source.paths(-1, bz::span<float>(states.data(), 6)); });

  // An exception in a call without this header comes out of none.
  left = 0;
  CHECK(bzd_flow_sample(flow.get(), nullptr, 2, nullptr, nullptr, v.data(), nullptr) == BZD_E_CANCELLED);
  fails(BZD_E_IO, "nowhere.bzd", [&] { bz::Flow::load("nowhere.bzd"); });

  // A teacher that is itself a call of the library: the innermost exception passes through both.
  bz::Flow outer = throwing([&] { flow.sample(bz::span<float>(v.data(), 2)); });
  left = 0;
  throws(3, [&] { outer.sample(4); });
  left = 1 << 30;
  CHECK(outer.sample(4).size() == 8);
  // And one that catches it goes on.
  bz::Flow careful = throwing([&] {
    left = 0;
    throws(3, [&] { flow.velocity(x, t, v); });
  });
  CHECK(careful.sample(4).size() == 8);

  bz::SampleConfig config;
  config.progress = [](const bzd_progress &progress) { return progress.step > 0; };
  fails(BZD_E_CANCELLED, "", [&] { small().sample(5000, config); });
  config.progress = [](const bzd_progress &) { throw Mine{12}; };
  bz::SampleConfig copy = config; // callables go along
  throws(12, [&] { small().sample(5000, copy); });
  left = 1 << 30;
  throws(14, [&] { source.pool(0, 10, 0, [](const bzd_progress &) { throw Mine{14}; }); });

  // Each thread its own.
  bz::Flow shared = throwing([&] { throw std::this_thread::get_id(); });
  std::atomic<int> own{0};
  vector<std::thread> threads;
  for (int i = 0; i < 4; i++)
    threads.emplace_back([&] {
      for (int k = 0; k < 20; k++) try {
          shared.sample(3);
        } catch (const std::thread::id &id) {
          own += id == std::this_thread::get_id();
        }
    });
  for (std::thread &thread : threads) thread.join();
  CHECK(own == 80);
}

int main() {
  library();
  data();
  flows();
  ensembles();
  fitters_and_paths();
  sources();
  trainers();
  checkpoints();
  tensors();
  metrics();
  contexts();
  lifetimes();
  exceptions();
  CHECK(Token::alive == 0);
  std::printf("%d checks\n", checks.load());
}
