/* SPDX-License-Identifier: MIT */
/* C++17 on top of the C headers, which say what each call does: here is only what C++ adds. Header-only and no part of
 * the ABI: it is compiled into your program and may change with any release. Compile all files of a program that
 * include it with one -std (from C++20 on, span is std::span).
 *
 * - A class per noun owns one handle: it moves and does not copy. A default-constructed or moved-from object is empty:
 *   calls on it fail with BZD_E_ARGUMENT. An empty Context stands for the defaults.
 * - A failure is an Error. Exceptions of your callables are caught, stop the C call and are thrown again after it.
 * - Arrays are spans. Counts of rows are told by their lengths, and a length that does not fit is an Error
 *   (BZD_E_DIMENSION) before the C call. An empty span stands for NULL.
 * - A config is the C struct, initialised. Its pointers are spans, vectors, callables or objects here; their counts and
 *   `user` fields are filled in by the call.
 * - Callables and the `owner` of borrowed memory live until the last object that may use them is gone; spans, and
 *   objects that a config points to, need only last for the call. `const` means shared-read, as in C. */
#ifndef BEZDIST_BEZDIST_HPP
#define BEZDIST_BEZDIST_HPP

#include <bezdist/bezdist.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>
#if __cplusplus >= 202002L && defined(__has_include)
#if __has_include(<span>)
#include <span>
#endif
#endif

namespace bezdist {

/* ---- Spans and errors ---------------------------------------------------------------------------------------- */

#ifdef __cpp_lib_span
template <class T> using span = std::span<T>;
#else
/* What is needed of C++20's. */
template <class T> class span {
  template <class C> using element = std::remove_pointer_t<decltype(std::data(std::declval<C &>()))>;
  template <class C>
  using fits = std::enable_if_t<std::is_convertible_v<element<C> (*)[], T (*)[]> &&
                                (std::is_lvalue_reference_v<C> || std::is_const_v<T>)>;

public:
  constexpr span() noexcept = default;
  constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
  template <class C, class = fits<C>> constexpr span(C &&c) noexcept : data_(std::data(c)), size_(std::size(c)) {}
  constexpr T *data() const noexcept { return data_; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr T &operator[](std::size_t i) const { return data_[i]; }
  constexpr T *begin() const noexcept { return data_; }
  constexpr T *end() const noexcept { return data_ + size_; }

private:
  T *data_ = nullptr;
  std::size_t size_ = 0;
};
#endif

namespace detail {
template <class Copy> std::string text(Copy copy) {
  std::string s(copy(nullptr, 0), '\0');
  copy(s.data(), s.size() + 1);
  return s;
}
} // namespace detail

/* A failed call: what() is the library's text, one line. */
class Error : public std::runtime_error {
public:
  explicit Error(bzd_status status) : Error(status, detail::text(bzd_last_error)) {}
  Error(bzd_status status, const std::string &text) : std::runtime_error(text), status_(status) {}
  bzd_status status() const noexcept { return status_; }
  const char *name() const noexcept { return bzd_status_name(status_); } /* "BZD_E_MEMORY" */

private:
  bzd_status status_;
};

namespace detail {
/* What a callable threw inside a call of this thread; callbacks run on the thread of the call. */
inline std::exception_ptr &thrown() {
  static thread_local std::exception_ptr exception;
  return exception;
}

/* What an object of the library was lent. The library gives it back when the object is gone, and it ends after the
 * call: a callable may hold objects of the library, which must not be destroyed inside one of its calls. */
struct Lent {
  std::shared_ptr<const void> what;
  Lent *next;
};
inline Lent *&returned() {
  static thread_local Lent *first;
  return first;
}
inline void take_back(void *user) {
  Lent *lent = static_cast<Lent *>(user);
  lent->next = std::exchange(returned(), lent);
}
inline void end_returned() noexcept {
  while (Lent *lent = returned()) {
    returned() = lent->next;
    delete lent;
  }
}

/* After each call. */
inline void check(bzd_status status) {
  std::exception_ptr exception = std::exchange(thrown(), nullptr);
  if (status != BZD_OK && !exception) exception = std::make_exception_ptr(Error(status));
  end_returned();
  if (status != BZD_OK) std::rethrow_exception(exception);
}

/* A call. What a callable threw in one that was none of this header's is forgotten first. */
template <class Fn, class... A> void checked(Fn fn, const A &...arguments) {
  thrown() = nullptr;
  check(fn(arguments...));
}

/* The body of a callback: its answer, true = stop. */
template <class F> int32_t guard(F &&body) noexcept {
  try {
    if constexpr (std::is_void_v<decltype(body())>)
      return body(), 0;
    else
      return body() ? 1 : 0;
  } catch (...) {
    thrown() = std::current_exception();
    return 1;
  }
}

[[noreturn]] inline void mismatch(const char *name, std::size_t size, const std::string &expected) {
  throw Error(BZD_E_DIMENSION, std::string(name) + ": " + std::to_string(size) + " numbers, expected " + expected);
}

inline std::size_t product(std::initializer_list<int64_t> shape) {
  std::size_t all = 1;
  for (int64_t n : shape) {
    if (n < 0 || (n > 0 && all > static_cast<std::size_t>(INT64_MAX / n)))
      throw Error(BZD_E_ARGUMENT, "a count of " + std::to_string(n) + " is out of range");
    all *= static_cast<std::size_t>(n);
  }
  return all;
}

/* Data of a span that must hold exactly this many numbers. */
template <class T> T *exact(const char *name, span<T> numbers, std::initializer_list<int64_t> shape) {
  if (std::size_t expected = product(shape); numbers.size() != expected)
    mismatch(name, numbers.size(), std::to_string(expected));
  return numbers.data();
}

/* Data of a span, NULL of an empty one, which may have memory behind it. */
template <class T> T *pointer(span<T> numbers) { return numbers.empty() ? nullptr : numbers.data(); }

/* The same of one that, if it is given, must hold exactly this many numbers. */
template <class T> T *given(const char *name, span<T> numbers, std::initializer_list<int64_t> shape) {
  return numbers.empty() ? nullptr : exact(name, numbers, shape);
}

/* How many rows of this shape an array has. */
template <class T> int64_t rows(const char *name, span<T> numbers, std::initializer_list<int64_t> shape) {
  std::size_t row = product(shape);
  if (row == 0) throw Error(BZD_E_ARGUMENT, std::string(name) + ": rows of no numbers");
  if (numbers.size() % row != 0) mismatch(name, numbers.size(), "rows of " + std::to_string(row));
  return static_cast<int64_t>(numbers.size() / row);
}

template <class T> span<const T> view(const std::vector<T> &numbers) { return {numbers.data(), numbers.size()}; }
template <class T> span<T> view(T *data, int64_t n) { return {data, data ? static_cast<std::size_t>(n) : 0}; }

/* What the library fills: the last argument of fn. */
template <class Info, class Fn, class... A> Info fill(Fn fn, const A &...arguments) {
  Info info{};
  info.struct_size = sizeof info;
  checked(fn, arguments..., &info);
  return info;
}

template <class C, bzd_status (*Init)(C *, std::size_t)> struct Config : C {
  Config() : C() { checked(Init, this, sizeof(C)); }
};

/* A config as the C call takes it. */
template <class C> struct Raw {
  C c;
  operator const C *() const { return &c; }
};

template <class T, void (*Destroy)(T *)> class Handle {
  struct Drop {
    void operator()(T *object) const noexcept {
      Destroy(object);
      end_returned();
    }
  };
  std::unique_ptr<T, Drop> object_;

public:
  Handle() = default;
  /* Takes over a handle of the C API. */
  explicit Handle(T *owned) : object_(owned) {}
  /* What fn makes of its arguments; the library says when it needs no more what it was lent. */
  template <class Fn, class... A> Handle(std::shared_ptr<const void> what, Fn fn, const A &...arguments) {
    std::unique_ptr<Lent> lent(what ? new Lent{what, nullptr} : nullptr);
    T *out = nullptr;
    checked(fn, arguments..., &out);
    object_.reset(out);
    if (!lent) return;
    checked(bzd_on_release, out, take_back, lent.get());
    lent.release();
  }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  const T *get() const noexcept { return object_.get(); }
  T *get() noexcept { return object_.get(); }

protected:
  template <class Fn, class... A> void call(Fn fn, const A &...arguments) const { checked(fn, get(), arguments...); }
  template <class Fn, class... A> void call(Fn fn, const A &...arguments) { checked(fn, get(), arguments...); }
  /* The text at fn's last argument. */
  template <class Fn> std::optional<std::string> look_up(Fn fn, const std::string &key) const {
    const char *value = nullptr;
    call(fn, key.c_str(), &value);
    return value ? std::optional<std::string>(value) : std::nullopt;
  }
};

/* Of an object that may be missing. */
template <class T> auto get_of(const T *object) { return object ? object->get() : nullptr; }

/* Nouns that tell facts about themselves. */
template <class T, void (*Destroy)(T *), class Info, bzd_status (*GetInfo)(const T *, Info *)>
class Noun : public Handle<T, Destroy> {
public:
  using Handle<T, Destroy>::Handle;
  Info info() const { return fill<Info>(GetInfo, this->get()); }
};
} // namespace detail

/* data value = scale * model value + offset. */
struct Affine {
  std::vector<float> scale, offset;
};

/* Keys and values. */
using Metadata = std::vector<std::pair<std::string, std::string>>;

/* ---- Callables ----------------------------------------------------------------------------------------------- */

/* Each may throw, which stops the call that needs it. Counts are told by the lengths: n = t.size() and so on. */
using Velocity = std::function<void(span<const float> x, span<const float> t, span<const float> cond, span<float> v)>;
using Weights =
    std::function<void(span<const float> x, span<const float> t, span<const float> v, span<double> weights)>;
using Paths = std::function<void(span<const int64_t> index, span<float> paths, span<float> cond, span<float> times)>;
using Write = std::function<void(span<const std::byte> bytes)>;
using Read = std::function<void(uint64_t offset, span<std::byte> bytes)>;

/* Any callable of a const bzd_progress &. One that returns something stops the call by an answer other than 0 or false:
 * Error with BZD_E_CANCELLED. */
class Progress {
public:
  Progress() = default;
  template <class F, class = std::enable_if_t<std::is_invocable_v<F &, const bzd_progress &>>> Progress(F f) {
    using Answer = std::invoke_result_t<F &, const bzd_progress &>;
    std::function<Answer(const bzd_progress &)> given(std::move(f)); /* knows an empty one */
    if (!given) return;
    stop_ = [given = std::move(given)](const bzd_progress &progress) {
      if constexpr (std::is_void_v<Answer>)
        return given(progress), false;
      else
        return static_cast<bool>(given(progress));
    };
  }
  explicit operator bool() const { return static_cast<bool>(stop_); }
  bool operator()(const bzd_progress &progress) const { return stop_(progress); }

private:
  std::function<bool(const bzd_progress &)> stop_;
};

namespace detail {
template <class F> void *user(const F &f) { return const_cast<F *>(&f); }
template <class F> const F &callable(void *user) { return *static_cast<const F *>(user); }
/* The callback of a callable, NULL for an empty one. */
template <class F, class Fn> Fn *callback(const F &f, Fn *fn) { return f ? fn : nullptr; }

inline int32_t progress(void *user, const bzd_progress *progress) {
  return guard([&] { return callable<Progress>(user)(*progress); });
}
inline int32_t velocity(void *user, int64_t n, int64_t dim, const float *x, const float *t, int64_t cond_dim,
                        const float *cond, float *v) {
  return guard(
      [&] { callable<Velocity>(user)(view(x, n * dim), view(t, n), view(cond, n * cond_dim), view(v, n * dim)); });
}
inline int32_t weights(void *user, int64_t n, int64_t count, int64_t dim, const float *x, const float *t,
                       const float *v, double *weights) {
  return guard([&] {
    callable<Weights>(user)(view(x, n * dim), view(t, n), view(v, count * n * dim), view(weights, n * count));
  });
}
inline int32_t paths(void *user, int64_t n, const int64_t *index, int32_t degree, int64_t dim, int64_t cond_dim,
                     float *paths, float *cond, float *times) {
  return guard([&] {
    callable<Paths>(user)(view(index, n), view(paths, n * (degree + 1) * dim), view(cond, n * cond_dim),
                          view(times, 2 * n));
  });
}
inline int32_t write(void *user, const void *data, std::size_t size) {
  return guard([&] { callable<Write>(user)({static_cast<const std::byte *>(data), size}); });
}
inline int32_t read(void *user, uint64_t offset, void *data, std::size_t size) {
  return guard([&] { callable<Read>(user)(offset, {static_cast<std::byte *>(data), size}); });
}
} // namespace detail

/* ---- Library and context (base.h) ---------------------------------------------------------------------------- */

inline uint32_t version() noexcept { return bzd_version(); }
inline const char *version_string() noexcept { return bzd_version_string(); }
inline std::string build_info() { return detail::text(bzd_build_info); }

/* Numbers of samples first.., rows of dim. */
inline void noise(uint64_t seed, uint32_t stream, int64_t first, int64_t dim, span<float> out) {
  detail::checked(bzd_noise, seed, stream, first, detail::rows("out", out, {dim}), dim, out.data());
}
inline void uniform(uint64_t seed, uint32_t stream, int64_t first, int64_t dim, span<float> out) {
  detail::checked(bzd_uniform, seed, stream, first, detail::rows("out", out, {dim}), dim, out.data());
}

/* One loop of the library: task(i) does piece i. */
struct Task {
  bzd_task_fn fn;
  void *arg;
  void operator()(int64_t i) const { fn(arg, i); }
};

/* alloc, free and parallel_for may be called on any thread. An alloc that throws has refused; what log throws is
 * dropped; free and parallel_for must not throw (std::terminate). */
struct ContextConfig : detail::Config<bzd_context_config, bzd_context_config_init> {
  std::function<void *(std::size_t size, std::size_t align)> alloc;
  std::function<void(void *data, std::size_t size, std::size_t align)> free;
  std::function<void(int32_t level, const char *text)> log;
  std::function<void(int64_t n, Task task)> parallel_for;
};

namespace detail {
inline void *alloc(void *user, std::size_t size, std::size_t align) noexcept {
  try {
    return callable<ContextConfig>(user).alloc(size, align);
  } catch (...) {
    return nullptr;
  }
}
inline void free(void *user, void *data, std::size_t size, std::size_t align) noexcept {
  callable<ContextConfig>(user).free(data, size, align);
}
inline void log(void *user, int32_t level, const char *text) noexcept {
  std::exception_ptr outer = thrown(); /* log may use the library */
  try {
    callable<ContextConfig>(user).log(level, text);
  } catch (...) {}
  thrown() = outer;
}
inline void parallel_for(void *user, int64_t n, bzd_task_fn fn, void *arg) noexcept {
  callable<ContextConfig>(user).parallel_for(n, Task{fn, arg});
}
inline Raw<bzd_context_config> raw(const ContextConfig &config) {
  bzd_context_config c = config;
  c.alloc_user = c.log_user = c.parallel_for_user = user(config);
  c.alloc = callback(config.alloc, alloc);
  c.free = callback(config.free, free);
  c.log = callback(config.log, log);
  c.parallel_for = callback(config.parallel_for, parallel_for);
  return {c};
}
} // namespace detail

class Context : public detail::Handle<bzd_context, bzd_context_destroy> {
public:
  using Handle::Handle;
  Context() = default;
  explicit Context(const ContextConfig &config) : Context(std::make_shared<const ContextConfig>(config)) {}
  int32_t threads() const { return bzd_context_threads(get()); }

private:
  explicit Context(const std::shared_ptr<const ContextConfig> &config)
      : Handle(config, bzd_context_create, detail::raw(*config)) {}
};

/* ---- Data (data.h) ------------------------------------------------------------------------------------------- */

/* n, dim, dtype and rows are those of the constructor's. */
struct DataConfig : detail::Config<bzd_data_config, bzd_data_config_init> {
  span<const int32_t> labels;
  span<const float> cond;
  std::vector<float> scale, offset;

  template <class T> detail::Raw<bzd_data_config> raw(span<const T> numbers, int64_t width) const {
    bzd_data_config c = *this;
    std::size_t stride = detail::product({row_stride == 0 ? width : row_stride});
    /* The last row may end where its numbers do. */
    std::size_t over = stride > 0 ? numbers.size() % stride : 0;
    if (over != 0 && static_cast<int64_t>(over) != width)
      detail::mismatch("rows", numbers.size(), "rows of " + std::to_string(stride));
    c.n = stride > 0 ? static_cast<int64_t>(numbers.size() / stride) + (over != 0) : 0;
    c.dim = width;
    c.dtype = std::is_same_v<T, float> ? BZD_DTYPE_F32 : BZD_DTYPE_U8;
    c.rows = numbers.data();
    c.labels = detail::given("labels", labels, {c.n});
    c.cond = detail::given("cond", cond, {c.n, c.cond_dim});
    c.scale = detail::given("scale", detail::view(scale), {width});
    c.offset = detail::given("offset", detail::view(offset), {width});
    return {c};
  }
};

class Data : public detail::Noun<bzd_data, bzd_data_destroy, bzd_data_info, bzd_data_get_info> {
public:
  using Noun::Noun;
  Data() = default;
  /* Rows of dim numbers, config.row_stride apart. With config.copy = 0 the owner is held while they are used. */
  Data(span<const float> rows, int64_t dim, const DataConfig &config = {}, const Context &context = Context(),
       std::shared_ptr<const void> owner = nullptr)
      : Noun(owner, bzd_data_create, context.get(), config.raw(rows, dim)) {}
  Data(span<const unsigned char> rows, int64_t dim, const DataConfig &config = {}, const Context &context = Context(),
       std::shared_ptr<const void> owner = nullptr)
      : Noun(owner, bzd_data_create, context.get(), config.raw(rows, dim)) {}

  Affine affine() const {
    std::vector<float> scale(static_cast<std::size_t>(info().dim)), offset(scale.size());
    call(bzd_data_get_affine, scale.data(), offset.data());
    return {scale, offset};
  }
  /* Either may be empty. */
  void rows(int64_t first, span<float> x, span<float> cond = {}) const {
    bzd_data_info i = info();
    int64_t n = x.empty() && !cond.empty() ? detail::rows("cond", cond, {i.cond_dim}) : detail::rows("x", x, {i.dim});
    call(bzd_data_get_rows, first, n, detail::pointer(x), detail::given("cond", cond, {n, i.cond_dim}));
  }
};

/* ---- Flows (flow.h) ------------------------------------------------------------------------------------------ */

class Source;

struct FlowConfig : detail::Config<bzd_flow_config, bzd_flow_config_init> {
  std::vector<float> scale, offset;

  detail::Raw<bzd_flow_config> raw() const {
    bzd_flow_config c = *this;
    c.scale = detail::given("scale", detail::view(scale), {dim});
    c.offset = detail::given("offset", detail::view(offset), {dim});
    return {c};
  }
};

struct SampleConfig : detail::Config<bzd_sample_config, bzd_sample_config_init> {
  std::vector<double> grid; /* empty: equal steps */
  Progress progress;

  detail::Raw<bzd_sample_config> raw() const {
    if (grid.size() > INT32_MAX) detail::mismatch("grid", grid.size(), "at most 1000001");
    bzd_sample_config c = *this;
    c.grid_count = static_cast<int32_t>(grid.size());
    c.grid = grid.data();
    c.progress = detail::callback(progress, detail::progress);
    c.progress_user = detail::user(progress);
    return {c};
  }
};

struct GridConfig : detail::Config<bzd_grid_config, bzd_grid_config_init> {
  const Source *paths = nullptr;
};

struct Grid {
  std::vector<double> times;
  double error;
};

namespace detail {
/* What flows and ensembles have alike. */
template <class Base, auto Sample, auto Trajectory> class Field : public Base {
public:
  using Base::Base;
  /* Rows of out; x0 and cond may be empty: noise, no condition. */
  bzd_sample_result sample(span<float> out, const SampleConfig &config = {}, span<const float> x0 = {},
                           span<const float> cond = {}) const {
    auto i = this->info();
    int64_t n = rows("out", out, {i.dim});
    return fill<bzd_sample_result>(Sample, this->get(), config.raw(), n, given("x0", x0, {n, i.dim}),
                                   given("cond", cond, {n, i.cond_dim}), out.data());
  }
  /* n new rows. */
  std::vector<float> sample(int64_t n, const SampleConfig &config = {}, span<const float> cond = {}) const {
    std::vector<float> out(product({n, this->info().dim}));
    sample(out, config, {}, cond);
    return out;
  }
  /* states [n, times.size(), dim]. */
  bzd_sample_result trajectory(span<const double> times, span<float> states, const SampleConfig &config = {},
                               span<const float> x0 = {}, span<const float> cond = {}) const {
    auto i = this->info();
    int64_t count = static_cast<int64_t>(times.size()), n = rows("states", states, {count, i.dim});
    return fill<bzd_sample_result>(Trajectory, this->get(), config.raw(), n, given("x0", x0, {n, i.dim}),
                                   given("cond", cond, {n, i.cond_dim}), count, times.data(), states.data());
  }
};
using FlowField =
    Field<Noun<bzd_flow, bzd_flow_destroy, bzd_flow_info, bzd_flow_get_info>, bzd_flow_sample, bzd_flow_trajectory>;
using EnsembleField = Field<Noun<bzd_ensemble, bzd_ensemble_destroy, bzd_ensemble_info, bzd_ensemble_get_info>,
                            bzd_ensemble_sample, bzd_ensemble_trajectory>;
} // namespace detail

class Flow : public detail::FlowField {
public:
  using Field::Field;
  Flow() = default;
  explicit Flow(const FlowConfig &config, const Context &context = Context())
      : Field(nullptr, bzd_flow_create, context.get(), config.raw()) {}
  /* A student that starts from a teacher's weights. */
  static Flow from(const Flow &teacher, int32_t kind, int32_t degree) {
    return Flow(nullptr, bzd_flow_create_from, teacher.get(), kind, degree);
  }
  /* A flow that is your function. */
  static Flow callback(const FlowConfig &config, Velocity velocity, bool serialise = false,
                       const Context &context = Context()) {
    auto fn = std::make_shared<const Velocity>(std::move(velocity));
    return Flow(fn, bzd_flow_create_callback, context.get(), config.raw(), detail::callback(*fn, detail::velocity),
                detail::user(*fn), serialise);
  }
  static Flow load(const std::string &path, const Context &context = Context()) {
    return Flow(nullptr, bzd_flow_load, context.get(), path.c_str());
  }
  void save(const std::string &path) const { call(bzd_flow_save, path.c_str()); }

  Affine affine() const {
    std::vector<float> scale(static_cast<std::size_t>(info().dim)), offset(scale.size());
    call(bzd_flow_get_affine, scale.data(), offset.data());
    return {scale, offset};
  }
  void set_metadata(const std::string &key, const std::string &value) {
    call(bzd_flow_set_metadata, key.c_str(), value.c_str());
  }
  void remove_metadata(const std::string &key) { call(bzd_flow_set_metadata, key.c_str(), nullptr); }
  std::optional<std::string> metadata(const std::string &key) const { return look_up(bzd_flow_get_metadata, key); }
  Metadata metadata() const {
    Metadata all;
    const char *key, *value;
    int64_t n = bzd_flow_metadata_count(get()); /* -1: no flow, which the call below says */
    for (int64_t i = 0; i != n; all.emplace_back(key, value), i++) call(bzd_flow_metadata_at, i, &key, &value);
    return all;
  }
  std::vector<float> parameters() const {
    std::vector<float> values(static_cast<std::size_t>(info().parameters));
    call(bzd_flow_get_parameters, static_cast<int64_t>(values.size()), values.data());
    return values;
  }
  void set_parameters(span<const float> values) {
    call(bzd_flow_set_parameters, static_cast<int64_t>(values.size()), values.data());
  }
  /* Returns what the heads change by. */
  double set_precision(int32_t precision) {
    double error = 0;
    call(bzd_flow_set_precision, precision, &error);
    return error;
  }
  void velocity(span<const float> x, span<const float> t, span<float> v, span<const float> cond = {},
                double guidance = 1) const {
    bzd_flow_info i = info();
    int64_t n = detail::rows("v", v, {i.dim});
    call(bzd_flow_velocity, n, detail::exact("x", x, {n, i.dim}), detail::exact("t", t, {n}),
         detail::given("cond", cond, {n, i.cond_dim}), guidance, v.data());
  }
  /* paths [n, degree + 1, dim]. */
  void curve(span<const float> x, span<const float> t, span<float> paths, span<const float> cond = {},
             double guidance = 1) const {
    bzd_flow_info i = info();
    int64_t n = detail::rows("paths", paths, {i.degree + 1, i.dim});
    call(bzd_flow_curve, n, detail::exact("x", x, {n, i.dim}), detail::exact("t", t, {n}),
         detail::given("cond", cond, {n, i.cond_dim}), guidance, paths.data());
  }
  Grid choose_grid(const GridConfig &config = {}) const;
};

/* ---- Ensembles (ensemble.h) ---------------------------------------------------------------------------------- */

struct EnsembleConfig : detail::Config<bzd_ensemble_config, bzd_ensemble_config_init> {
  std::vector<double> fixed, guidance;
  Weights weights;
  const Source *validation = nullptr;

  detail::Raw<bzd_ensemble_config> raw(int64_t count, const Weights &kept) const;
};

using Flows = std::vector<std::reference_wrapper<const Flow>>;

class Ensemble : public detail::EnsembleField {
public:
  using Field::Field;
  Ensemble() = default;
  /* Ensemble({a, b}), or Ensemble(Flows(v.begin(), v.end())) of a container of flows. */
  explicit Ensemble(const Flows &teachers, const EnsembleConfig &config = {}, const Context &context = Context())
      : Ensemble(teachers, config, context, std::make_shared<const Weights>(config.weights)) {}

  std::vector<double> weights(double t) const {
    std::vector<double> all(static_cast<std::size_t>(info().count));
    call(bzd_ensemble_get_weights, t, all.data());
    return all;
  }
  double effective(span<const float> x, span<const float> t, span<const float> cond = {}) const {
    bzd_ensemble_info i = info();
    int64_t n = detail::rows("x", x, {i.dim});
    double value = 0;
    call(bzd_ensemble_effective, n, x.data(), detail::exact("t", t, {n}), detail::given("cond", cond, {n, i.cond_dim}),
         &value);
    return value;
  }
  Flow member(int64_t i) const { return Flow(nullptr, bzd_ensemble_get_member, get(), i); }
  /* weights [n, count] may be empty. */
  void velocity(int64_t first_index, span<const float> x, span<const float> t, span<float> v,
                span<const float> cond = {}, span<double> weights = {}) const {
    bzd_ensemble_info i = info();
    int64_t n = detail::rows("v", v, {i.dim});
    call(bzd_ensemble_velocity, n, first_index, detail::exact("x", x, {n, i.dim}), detail::exact("t", t, {n}),
         detail::given("cond", cond, {n, i.cond_dim}), v.data(), detail::given("weights", weights, {n, i.count}));
  }

private:
  using Handles = std::vector<const bzd_flow *>;
  Ensemble(const Flows &teachers, const EnsembleConfig &config, const Context &context,
           const std::shared_ptr<const Weights> &weights)
      : Field(weights, bzd_ensemble_create, context.get(), config.raw(static_cast<int64_t>(teachers.size()), *weights),
              static_cast<int64_t>(teachers.size()), handles(teachers).data()) {}
  static Handles handles(const Flows &teachers) {
    Handles all;
    for (const Flow &flow : teachers) all.push_back(flow.get());
    return all;
  }
};

/* ---- Fitters (fitter.h) -------------------------------------------------------------------------------------- */

struct FitterConfig : detail::Config<bzd_fitter_config, bzd_fitter_config_init> {
  std::vector<double> times, weights;

  detail::Raw<bzd_fitter_config> raw() const {
    bzd_fitter_config c = *this;
    c.times = detail::given("times", detail::view(times), {nodes});
    c.weights = detail::given("weights", detail::view(weights), {nodes});
    return {c};
  }
};

class Fitter : public detail::Noun<bzd_fitter, bzd_fitter_destroy, bzd_fitter_info, bzd_fitter_get_info> {
public:
  using Noun::Noun;
  Fitter() = default;
  explicit Fitter(const FitterConfig &config, const Context &context = Context())
      : Noun(nullptr, bzd_fitter_create, context.get(), config.raw()) {}
  std::vector<double> times() const {
    std::vector<double> all(static_cast<std::size_t>(info().nodes));
    call(bzd_fitter_get_times, all.data());
    return all;
  }
  void fit(int64_t dim, span<const float> states, span<float> paths, span<double> residual = {}) const {
    bzd_fitter_info i = info();
    int64_t n = detail::rows("states", states, {i.nodes, dim});
    call(bzd_fitter_fit, n, dim, states.data(), detail::exact("paths", paths, {n, i.degree + 1, dim}),
         detail::given("residual", residual, {n}));
  }
};

/* ---- Sources (source.h) -------------------------------------------------------------------------------------- */

struct EnsembleSourceConfig : detail::Config<bzd_ensemble_source_config, bzd_ensemble_source_config_init> {
  const Data *start = nullptr, *real = nullptr;
  span<const float> cond; /* rows of the teachers' cond_dim */
  std::vector<const Flow *> guides;
  const Flow *visitor = nullptr;
};

class Source : public detail::Noun<bzd_source, bzd_source_destroy, bzd_source_info, bzd_source_get_info> {
public:
  using Noun::Noun;
  Source() = default;
  static Source data(const Data &target, uint64_t seed = 0, const Data *start = nullptr) {
    return Source(nullptr, bzd_source_create_data, target.get(), detail::get_of(start), seed);
  }
  static Source transport(const Data &target, int64_t group, uint64_t seed = 0, const Data *start = nullptr) {
    return Source(nullptr, bzd_source_create_transport, target.get(), detail::get_of(start), group, seed);
  }
  static Source ensemble(const Ensemble &ensemble, const Fitter &fitter, const EnsembleSourceConfig &config = {}) {
    std::vector<const bzd_flow *> guides;
    for (const Flow *guide : config.guides) guides.push_back(detail::get_of(guide));
    if (int32_t expected = fitter.info().degree - 1; !guides.empty() && guides.size() != static_cast<size_t>(expected))
      throw Error(BZD_E_DIMENSION, "guides: " + std::to_string(guides.size()) +
                                       " flows, expected degree - 1 = " + std::to_string(expected));
    bzd_ensemble_source_config c = config;
    c.start = detail::get_of(config.start);
    c.real = detail::get_of(config.real);
    c.visitor = detail::get_of(config.visitor);
    c.guides = guides.empty() ? nullptr : guides.data();
    c.cond = detail::pointer(config.cond);
    c.cond_count = config.cond.empty() ? 0 : detail::rows("cond", config.cond, {ensemble.info().cond_dim});
    return Source(nullptr, bzd_source_create_ensemble, ensemble.get(), fitter.get(), &c);
  }
  static Source callback(int32_t degree, int64_t dim, int64_t cond_dim, Paths paths,
                         const Context &context = Context()) {
    auto fn = std::make_shared<const Paths>(std::move(paths));
    return Source(fn, bzd_source_create_callback, context.get(), degree, dim, cond_dim,
                  detail::callback(*fn, detail::paths), detail::user(*fn));
  }
  /* This source's paths of samples first.., made once. */
  Source pool(int64_t first, int64_t count, uint64_t seed = 0, const Progress &progress = {}) const {
    return Source(nullptr, bzd_source_create_pool, get(), first, count, seed,
                  detail::callback(progress, detail::progress), detail::user(progress));
  }
  /* paths [n, degree + 1, dim], cond [n, cond_dim], times of their ends [n, 2]. */
  void paths(int64_t first, span<float> paths, span<float> cond = {}, span<float> times = {}) const {
    bzd_source_info i = info();
    int64_t n = detail::rows("paths", paths, {i.degree + 1, i.dim});
    call(bzd_source_get_paths, first, n, paths.data(), detail::given("cond", cond, {n, i.cond_dim}),
         detail::given("times", times, {n, 2}));
  }
};

inline Grid Flow::choose_grid(const GridConfig &config) const {
  bzd_grid_config c = config;
  c.paths = detail::get_of(config.paths);
  if (c.steps > 1 << 20) throw Error(BZD_E_ARGUMENT, "grid: " + std::to_string(c.steps) + " steps are out of range");
  Grid grid{std::vector<double>(detail::product({static_cast<int64_t>(c.steps) + 1})), 0};
  call(bzd_flow_choose_grid, &c, grid.times.data(), &grid.error);
  return grid;
}

inline detail::Raw<bzd_ensemble_config> EnsembleConfig::raw(int64_t count, const Weights &kept) const {
  bzd_ensemble_config c = *this;
  c.fixed = detail::given("fixed", detail::view(fixed), {count});
  c.guidance = detail::given("guidance", detail::view(guidance), {count});
  c.weights = detail::callback(kept, detail::weights);
  c.weights_user = detail::user(kept);
  c.validation = detail::get_of(validation);
  return {c};
}

/* ---- Trainers (trainer.h) ------------------------------------------------------------------------------------ */

struct TrainerConfig : detail::Config<bzd_trainer_config, bzd_trainer_config_init> {
  void aim(int32_t kind, int32_t nfe) { detail::checked(bzd_trainer_config_aim, this, kind, nfe); }
};

class Trainer : public detail::Noun<bzd_trainer, bzd_trainer_destroy, bzd_trainer_info, bzd_trainer_get_info> {
public:
  using Noun::Noun;
  Trainer() = default;
  Trainer(const Flow &student, const Source &source, const TrainerConfig &config = {})
      : Noun(nullptr, bzd_trainer_create, student.get(), source.get(), &config) {}
  /* Up to count more steps, 0: to the end of the schedule. A stop is an Error (BZD_E_CANCELLED); run again to go on. */
  void run(int64_t count = 0, const Progress &progress = {}) {
    call(bzd_trainer_run, count, detail::callback(progress, detail::progress), detail::user(progress));
  }
  /* From any thread and from signal handlers. */
  void cancel() noexcept { bzd_trainer_cancel(get()); }
  void set_source(const Source &source) { call(bzd_trainer_set_source, source.get()); }
  Flow flow(int32_t which = BZD_WEIGHTS_AUTO) const { return Flow(nullptr, bzd_trainer_get_flow, get(), which); }
  double evaluate(int64_t first, int64_t n, int32_t which = BZD_WEIGHTS_AUTO, const Source *source = nullptr) {
    double loss = 0;
    call(bzd_trainer_evaluate, detail::get_of(source), first, n, which, &loss);
    return loss;
  }
};

/* ---- Checkpoints (checkpoint.h) ------------------------------------------------------------------------------ */

using Limits = detail::Config<bzd_limits, bzd_limits_init>;

namespace detail {
/* Name of a tensor's numbers, NULL for other types. */
template <class T> constexpr const char *dtype() {
  if constexpr (std::is_same_v<T, bool>) return "bool";
  if constexpr (std::is_same_v<T, float>) return "f32";
  if constexpr (std::is_same_v<T, double>) return "f64";
  if constexpr (std::is_same_v<T, uint8_t>) return "u8";
  if constexpr (std::is_same_v<T, int8_t>) return "i8";
  if constexpr (std::is_same_v<T, uint16_t>) return "u16";
  if constexpr (std::is_same_v<T, int16_t>) return "i16";
  if constexpr (std::is_same_v<T, uint32_t>) return "u32";
  if constexpr (std::is_same_v<T, int32_t>) return "i32";
  if constexpr (std::is_same_v<T, uint64_t>) return "u64";
  if constexpr (std::is_same_v<T, int64_t>) return "i64";
  return nullptr;
}

/* Room for this many bytes of a tensor as T; std::byte stands for any type. */
template <class T> std::vector<T> room(const bzd_tensor_info &info, uint64_t bytes) {
  static_assert(std::is_same_v<T, std::byte> || (dtype<T>() && !std::is_same_v<T, bool>), "no type of a tensor");
  if constexpr (!std::is_same_v<T, std::byte>)
    if (std::string(info.dtype) != dtype<T>())
      throw Error(BZD_E_DIMENSION, std::string(info.name) + ": " + info.dtype + ", expected " + dtype<T>());
  return std::vector<T>(static_cast<std::size_t>(bytes / sizeof(T)));
}
} // namespace detail

class Checkpoint
    : public detail::Noun<bzd_checkpoint, bzd_checkpoint_destroy, bzd_checkpoint_info, bzd_checkpoint_get_info> {
public:
  using Noun::Noun;
  Checkpoint() = default;
  static Checkpoint from(const Flow &flow) { return Checkpoint(nullptr, bzd_checkpoint_from_flow, flow.get()); }
  static Checkpoint from(const Ensemble &ensemble) {
    return Checkpoint(nullptr, bzd_checkpoint_from_ensemble, ensemble.get());
  }
  static Checkpoint from(const Trainer &trainer) {
    return Checkpoint(nullptr, bzd_checkpoint_from_trainer, trainer.get());
  }
  static Checkpoint from(const Source &pool) { return Checkpoint(nullptr, bzd_checkpoint_from_source, pool.get()); }
  /* Paths that are made when they are written; each write calls progress. */
  static Checkpoint from_paths(const Source &base, int64_t first, int64_t count, int64_t window = 0, uint64_t seed = 0,
                               Progress progress = {}) {
    auto fn = std::make_shared<const Progress>(std::move(progress));
    return Checkpoint(fn, bzd_checkpoint_from_paths, base.get(), first, count, window, seed,
                      detail::callback(*fn, detail::progress), detail::user(*fn));
  }

  static Checkpoint open_file(const std::string &path, const Limits &limits = {}, const Context &context = Context()) {
    return Checkpoint(nullptr, bzd_checkpoint_open_file, context.get(), path.c_str(), &limits);
  }
  /* The bytes are borrowed; the owner is held while they are used. */
  static Checkpoint open_buffer(const void *data, std::size_t size, const Limits &limits = {},
                                const Context &context = Context(), std::shared_ptr<const void> owner = nullptr) {
    return Checkpoint(owner, bzd_checkpoint_open_buffer, context.get(), data, size, &limits);
  }
  static Checkpoint open(Read read, uint64_t file_size, const Limits &limits = {}, const Context &context = Context()) {
    auto fn = std::make_shared<const Read>(std::move(read));
    return Checkpoint(fn, bzd_checkpoint_open_callback, context.get(), detail::callback(*fn, detail::read),
                      detail::user(*fn), file_size, &limits);
  }

  void write_file(const std::string &path) { call(bzd_checkpoint_write_file, path.c_str()); }
  void write(const Write &write) {
    call(bzd_checkpoint_write_callback, detail::callback(write, detail::write), detail::user(write));
  }
  /* Returns the size needed; with an empty buffer nothing is written. */
  std::size_t write_buffer(span<std::byte> buffer) {
    std::size_t size = 0;
    call(bzd_checkpoint_write_buffer, detail::pointer(buffer), buffer.size(), &size);
    return size;
  }

  Flow flow(int32_t which = BZD_WEIGHTS_AUTO) const { return Flow(nullptr, bzd_checkpoint_get_flow, get(), which); }
  Ensemble ensemble() const { return Ensemble(nullptr, bzd_checkpoint_get_ensemble, get()); }
  Trainer trainer(const Source &source) const {
    return Trainer(nullptr, bzd_checkpoint_get_trainer, get(), source.get());
  }
  Source source() const { return Source(nullptr, bzd_checkpoint_get_source, get()); }
  /* Reads paths when they are asked for. */
  Source stream() const { return Source(nullptr, bzd_checkpoint_stream_source, get()); }

  bzd_tensor_info tensor(int64_t i) const { return detail::fill<bzd_tensor_info>(bzd_checkpoint_get_tensor, get(), i); }
  /* Tensor i, which must be of T's type; std::byte takes any. */
  template <class T> std::vector<T> read(int64_t i) const {
    bzd_tensor_info t = tensor(i);
    std::vector<T> values = detail::room<T>(t, t.raw_bytes);
    call(bzd_checkpoint_read_tensor, i, values.data(), values.size() * sizeof(T));
    return values;
  }
  template <class T> std::vector<T> read_rows(int64_t i, int64_t first, int64_t count) const {
    bzd_tensor_info t = tensor(i);
    int64_t all = t.ndim > 0 ? t.shape[0] : 1, some = count > 0 && count <= all ? count : 0;
    uint64_t row = all > 0 ? t.raw_bytes / static_cast<uint64_t>(all) : 0;
    std::vector<T> values = detail::room<T>(t, row * static_cast<uint64_t>(some));
    call(bzd_checkpoint_read_rows, i, first, count, values.data(), values.size() * sizeof(T));
    return values;
  }
  /* All key-values of the file; the caller's own by key. */
  Metadata metadata() const {
    Metadata all;
    std::string value(256, '\0');
    for (int64_t i = 0, n = info().metadata; i < n; i++) {
      const char *key = nullptr;
      call(bzd_checkpoint_get_metadata, i, &key, value.data(), value.size());
      while (value.c_str()[value.size() - 2] != '\0') { /* full, perhaps cut */
        value.assign(2 * value.size(), '\0');
        call(bzd_checkpoint_get_metadata, i, &key, value.data(), value.size());
      }
      all.emplace_back(key, value.c_str());
      value.assign(value.size(), '\0');
    }
    return all;
  }
  std::optional<std::string> metadata(const std::string &key) const {
    return look_up(bzd_checkpoint_find_metadata, key);
  }
  void verify() const { call(bzd_checkpoint_verify); }
  std::string content_id() const {
    char id[65];
    call(bzd_checkpoint_content_id, +id);
    return id;
  }

  void set_metadata(const std::string &key, const std::string &value) {
    call(bzd_checkpoint_set_metadata, key.c_str(), value.c_str());
  }
  void remove_metadata(const std::string &key) { call(bzd_checkpoint_set_metadata, key.c_str(), nullptr); }
  void set_section(const std::string &name, const void *data, std::size_t size) {
    call(bzd_checkpoint_set_section, name.c_str(), data, size);
  }
  void remove_section(const std::string &name) { set_section(name, nullptr, 0); }
  std::optional<std::vector<std::byte>> section(const std::string &name) const {
    const void *data = nullptr;
    std::size_t size = 0;
    call(bzd_checkpoint_get_section, name.c_str(), &data, &size);
    const std::byte *bytes = static_cast<const std::byte *>(data);
    return data ? std::optional(std::vector<std::byte>(bytes, bytes + size)) : std::nullopt;
  }
  /* Names and sizes. */
  std::vector<std::pair<std::string, std::size_t>> sections() const {
    std::vector<std::pair<std::string, std::size_t>> all;
    char name[5];
    std::size_t size;
    for (int64_t i = 0, n = info().sections; i < n; all.emplace_back(name, size), i++)
      call(bzd_checkpoint_section_at, i, +name, &size);
    return all;
  }
  void set_storage(int32_t storage) { call(bzd_checkpoint_set_storage, storage); }
};

/* ---- Tensors (tensors.h) ------------------------------------------------------------------------------------- */

class Tensors : public detail::Noun<bzd_tensors, bzd_tensors_destroy, bzd_tensors_info, bzd_tensors_get_info> {
public:
  using Noun::Noun;
  Tensors() = default;
  static Tensors create(const Context &context = Context()) {
    return Tensors(nullptr, bzd_tensors_create, context.get());
  }
  static Tensors from(const Flow &flow) { return Tensors(nullptr, bzd_tensors_from_flow, flow.get()); }
  static Tensors open_file(const std::string &path, int32_t format = BZD_FORMAT_AUTO, const Limits &limits = {},
                           const Context &context = Context()) {
    return Tensors(nullptr, bzd_tensors_open_file, context.get(), path.c_str(), format, &limits);
  }
  /* The bytes are borrowed; the owner is held while they are used. */
  static Tensors open_buffer(const void *data, std::size_t size, int32_t format = BZD_FORMAT_AUTO,
                             const Limits &limits = {}, const Context &context = Context(),
                             std::shared_ptr<const void> owner = nullptr) {
    return Tensors(owner, bzd_tensors_open_buffer, context.get(), data, size, format, &limits);
  }
  static Tensors open(Read read, uint64_t file_size, int32_t format = BZD_FORMAT_AUTO, const Limits &limits = {},
                      const Context &context = Context()) {
    auto fn = std::make_shared<const Read>(std::move(read));
    return Tensors(fn, bzd_tensors_open_callback, context.get(), detail::callback(*fn, detail::read), detail::user(*fn),
                   file_size, format, &limits);
  }

  /* An array or container of numbers of one of the types of a tensor. */
  template <class C> void add(const std::string &name, const std::vector<int64_t> &shape, const C &numbers) {
    using T = std::remove_cv_t<std::remove_pointer_t<decltype(std::data(numbers))>>;
    static_assert(detail::dtype<T>() != nullptr, "no type of a tensor");
    add(name, detail::dtype<T>(), shape, std::data(numbers), std::size(numbers) * sizeof(T));
  }
  /* Bytes of a type by name, for those that C++ has not: "f16", "bf16". */
  void add(const std::string &name, const std::string &dtype, const std::vector<int64_t> &shape, const void *data,
           std::size_t bytes) {
    std::size_t digits = dtype.find_first_of("0123456789");
    std::size_t all = dtype == "bool" ? 1 : digits == dtype.npos ? 0 : std::strtoul(&dtype[digits], nullptr, 10) / 8;
    for (int64_t n : shape) all = detail::product({static_cast<int64_t>(all), n});
    if (all != bytes) detail::mismatch(name.c_str(), bytes, std::to_string(all) + " bytes in all");
    call(bzd_tensors_add, name.c_str(), dtype.c_str(), static_cast<int32_t>(shape.size()), shape.data(), data);
  }
  void set_text(const std::string &key, const std::string &value) {
    call(bzd_tensors_set_text, key.c_str(), value.c_str());
  }
  void remove_text(const std::string &key) { call(bzd_tensors_set_text, key.c_str(), nullptr); }
  std::optional<std::string> text(const std::string &key) const { return look_up(bzd_tensors_get_text, key); }
  Metadata texts() const {
    Metadata all;
    const char *key, *value;
    for (int64_t i = 0, n = info().texts; i < n; all.emplace_back(key, value), i++)
      call(bzd_tensors_text_at, i, &key, &value);
    return all;
  }

  bzd_tensor_info tensor(int64_t i) const { return detail::fill<bzd_tensor_info>(bzd_tensors_get, get(), i); }
  std::optional<int64_t> find(const std::string &name) const {
    int64_t i = -1;
    call(bzd_tensors_find, name.c_str(), &i);
    return i < 0 ? std::nullopt : std::optional(i);
  }
  /* Tensor i, which must be of T's type; std::byte takes any. */
  template <class T> std::vector<T> read(int64_t i) const {
    bzd_tensor_info t = tensor(i);
    std::vector<T> values = detail::room<T>(t, t.raw_bytes);
    call(bzd_tensors_read, i, values.data(), values.size() * sizeof(T));
    return values;
  }
  /* As float32, whatever its type. */
  std::vector<float> read_f32(int64_t i) const {
    bzd_tensor_info t = tensor(i);
    std::size_t count = 1;
    for (int32_t d = 0; d < t.ndim; d++) count = detail::product({static_cast<int64_t>(count), t.shape[d]});
    std::vector<float> values(count);
    call(bzd_tensors_read_f32, i, values.data(), count);
    return values;
  }

  void write_file(const std::string &path, int32_t format) const { call(bzd_tensors_write_file, path.c_str(), format); }
  void write(const Write &write, int32_t format) const {
    call(bzd_tensors_write_callback, detail::callback(write, detail::write), detail::user(write), format);
  }
  std::size_t write_buffer(span<std::byte> buffer, int32_t format) const {
    std::size_t size = 0;
    call(bzd_tensors_write_buffer, detail::pointer(buffer), buffer.size(), &size, format);
    return size;
  }

  /* The flow in them; config for plain state dicts. */
  Flow flow() const { return Flow(nullptr, bzd_tensors_get_flow, get(), nullptr); }
  Flow flow(const FlowConfig &config) const { return Flow(nullptr, bzd_tensors_get_flow, get(), config.raw()); }
};

/* ---- Metrics (metrics.h) ------------------------------------------------------------------------------------- */

using MetricsConfig = detail::Config<bzd_metrics_config, bzd_metrics_config_init>;

struct FlowMetricsConfig : detail::Config<bzd_flow_metrics_config, bzd_flow_metrics_config_init> {
  const Source *paths = nullptr;
  const Data *real = nullptr;
};

struct Nearest {
  std::vector<int64_t> index;
  std::vector<double> distance;
};

namespace metrics {
inline bzd_metrics_result compare(int64_t dim, span<const float> a, span<const float> b,
                                  const MetricsConfig &config = {}, const Context &context = Context()) {
  return detail::fill<bzd_metrics_result>(bzd_metrics_compare, context.get(), &config, dim, detail::rows("a", a, {dim}),
                                          a.data(), detail::rows("b", b, {dim}), b.data());
}
/* For each row of a the nearest row of b. */
inline Nearest nearest(int64_t dim, span<const float> a, span<const float> b, const Context &context = Context()) {
  int64_t n = detail::rows("a", a, {dim}), m = detail::rows("b", b, {dim});
  Nearest all{std::vector<int64_t>(static_cast<std::size_t>(n)), std::vector<double>(static_cast<std::size_t>(n))};
  detail::checked(bzd_metrics_nearest, context.get(), dim, n, a.data(), m, b.data(), all.index.data(),
                  all.distance.data());
  return all;
}
inline bzd_flow_metrics measure(const Flow &flow, const FlowMetricsConfig &config = {}) {
  bzd_flow_metrics_config c = config;
  c.paths = detail::get_of(config.paths);
  c.real = detail::get_of(config.real);
  return detail::fill<bzd_flow_metrics>(bzd_metrics_flow, flow.get(), &c);
}
} // namespace metrics

/* ---- Paths (path.h) ------------------------------------------------------------------------------------------ */

/* paths [n, degree + 1, dim]; outputs that path.h allows to be NULL may be empty. (1LL: no degree overflows, however
 * wrong.) */
namespace path {
inline void evaluate(int32_t degree, int64_t dim, span<const float> paths, span<const double> times,
                     span<float> points) {
  int64_t n = detail::rows("paths", paths, {degree + 1LL, dim}), count = static_cast<int64_t>(times.size());
  detail::checked(bzd_path_evaluate, n, degree, dim, paths.data(), count, times.data(),
                  detail::exact("points", points, {n, count, dim}));
}
inline void derivative(int32_t degree, int64_t dim, span<const float> paths, span<const double> times,
                       span<float> velocities) {
  int64_t n = detail::rows("paths", paths, {degree + 1LL, dim}), count = static_cast<int64_t>(times.size());
  detail::checked(bzd_path_derivative, n, degree, dim, paths.data(), count, times.data(),
                  detail::exact("velocities", velocities, {n, count, dim}));
}
inline void curvature(int32_t degree, int64_t dim, span<const float> paths, span<const double> times,
                      span<double> curvature) {
  int64_t n = detail::rows("paths", paths, {degree + 1LL, dim}), count = static_cast<int64_t>(times.size());
  detail::checked(bzd_path_curvature, n, degree, dim, paths.data(), count, times.data(),
                  detail::exact("curvature", curvature, {n, count}));
}
inline void elevate(int32_t degree, int64_t dim, span<const float> paths, int32_t to, span<float> out) {
  int64_t n = detail::rows("paths", paths, {degree + 1LL, dim});
  detail::checked(bzd_path_elevate, n, degree, dim, paths.data(), to, detail::exact("out", out, {n, to + 1LL, dim}));
}
inline void reduce(int32_t degree, int64_t dim, span<const float> paths, int32_t to, span<float> out,
                   span<double> error = {}) {
  int64_t n = detail::rows("paths", paths, {degree + 1LL, dim});
  detail::checked(bzd_path_reduce, n, degree, dim, paths.data(), to, detail::exact("out", out, {n, to + 1LL, dim}),
                  detail::given("error", error, {n}));
}
inline void split(int32_t degree, int64_t dim, span<const float> paths, double t, span<float> left, span<float> right) {
  int64_t n = detail::rows("paths", paths, {degree + 1LL, dim});
  detail::checked(bzd_path_split, n, degree, dim, paths.data(), t, detail::given("left", left, {n, degree + 1LL, dim}),
                  detail::given("right", right, {n, degree + 1LL, dim}));
}
inline void measure(int32_t degree, int64_t dim, span<const float> paths, span<double> straightness, span<double> arc,
                    span<double> chord) {
  int64_t n = detail::rows("paths", paths, {degree + 1LL, dim});
  detail::checked(bzd_path_measure, n, degree, dim, paths.data(), detail::given("straightness", straightness, {n}),
                  detail::given("arc", arc, {n}), detail::given("chord", chord, {n}));
}
inline void distance(int32_t degree, int64_t dim, span<const float> a, span<const float> b, span<double> distance) {
  int64_t n = detail::rows("a", a, {degree + 1LL, dim});
  detail::checked(bzd_path_distance, n, degree, dim, a.data(), detail::exact("b", b, {n, degree + 1LL, dim}),
                  detail::exact("distance", distance, {n}));
}
inline void from_waypoints(int32_t degree, int64_t dim, span<const float> start, span<const float> guides,
                           span<const double> tau, span<const float> end, span<float> paths) {
  int64_t n = detail::rows("start", start, {dim});
  detail::checked(bzd_path_from_waypoints, n, degree, dim, start.data(),
                  detail::exact("guides", guides, {n, degree - 1LL, dim}), detail::exact("tau", tau, {degree - 1LL}),
                  detail::exact("end", end, {n, dim}), detail::exact("paths", paths, {n, degree + 1LL, dim}));
}
inline void targets(int32_t degree, int64_t dim, span<const float> paths, span<const float> t, span<float> x,
                    span<float> u) {
  int64_t n = detail::rows("paths", paths, {degree + 1LL, dim});
  detail::checked(bzd_path_targets, n, degree, dim, paths.data(), detail::exact("t", t, {n}),
                  detail::given("x", x, {n, dim}), detail::given("u", u, {n, degree, dim}));
}
} // namespace path

} // namespace bezdist

#endif
