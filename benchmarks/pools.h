#ifndef ASYNCPAL_BENCHMARKS_POOLS_H_
#define ASYNCPAL_BENCHMARKS_POOLS_H_

#include <future>
#include <memory>
#include <type_traits>
#include <utility>

#include "asio/packaged_task.hpp"
#include "asio/post.hpp"
#include "asio/thread_pool.hpp"
#include "asyncpal/benchmarks/naive_pool.h"
#include "asyncpal/future/future.h"
#include "asyncpal/pool/observer.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/thread_pool.h"
#include "tbb/global_control.h"
#include "tbb/task_arena.h"
#include "tbb/task_group.h"
#include "thread_pool/thread_pool.hpp"

// Each pool behind the same few functions, so that a case is written once:
//
//   Pool(workers)           that many threads, the caller's not among them
//   Produce(f)              calls f, which may call Post() many times
//   Post(f)                 runs f some time, no result
//   Drain()                 helps with what was posted, where a pool's waiting
//                           does that; it may return early
//   Submit(f), Collect(h)   runs f; waits for its result
//
// A function costs no more than what a user of that library would write.

namespace asyncpal::benchmarks {

// What the pools have in common that hand out std::future.
class AdapterBase {
 public:
  template <typename F>
  void Produce(F&& f) {
    f();
  }
  void Drain() {}
  template <typename T>
  static T Collect(std::future<T> future) {
    return future.get();
  }
};

class Asyncpal : public AdapterBase {
 public:
  static constexpr char kName[] = "asyncpal";
  explicit Asyncpal(int workers) : pool_(workers) {}
  explicit Asyncpal(PoolOptions options) : pool_(std::move(options)) {}
  template <typename F>
  void Post(F f) {
    pool_.Post(std::move(f));
  }
  template <typename F>
  auto Submit(F f) {
    return pool_.Submit(std::move(f));
  }
  template <typename T>
  static T Collect(Future<T> future) {
    return std::move(future).Collect();
  }
  ThreadPool& pool() { return pool_; }

 private:
  ThreadPool pool_;
};

// The same, for cases that compare it with itself.
class AsyncpalOfTwo : public Asyncpal {
 public:
  static constexpr char kName[] = "asyncpal_of_2";
  using Asyncpal::Asyncpal;
};

// The same with a limit on what is pending, which is never reached.
class AsyncpalLimited : public Asyncpal {
 public:
  static constexpr char kName[] = "asyncpal_limited";
  explicit AsyncpalLimited(int workers)
      : Asyncpal(PoolOptions{.max_workers = workers,
                             .max_pending = 1'000'000'000}) {}
};

// The same with histograms, and with an observer that does nothing.
class AsyncpalMeasured : public Asyncpal {
 public:
  static constexpr char kName[] = "asyncpal_measured";
  explicit AsyncpalMeasured(int workers)
      : Asyncpal(PoolOptions{.max_workers = workers, .histograms = true}) {}
};
class AsyncpalObserved : public Asyncpal {
 public:
  static constexpr char kName[] = "asyncpal_observed";
  explicit AsyncpalObserved(int workers)
      : Asyncpal(PoolOptions{.max_workers = workers,
                             .observer = std::make_shared<PoolObserver>()}) {}
};

class Naive : public AdapterBase {
 public:
  static constexpr char kName[] = "naive";
  explicit Naive(int workers) : pool_(workers) {}
  template <typename F>
  void Post(F f) {
    pool_.Post(std::move(f));
  }
  template <typename F>
  auto Submit(F f) {
    return pool_.Submit(std::move(f));
  }

 private:
  NaivePool pool_;
};

// Posts by task_group, the cheapest way in, which is also how its users wait:
// they work too. Its futures are ours to make.
class Tbb : public AdapterBase {
 public:
  static constexpr char kName[] = "onetbb";
  static constexpr int kCallers =
      4;  // threads that may be in Produce() at once

  explicit Tbb(int workers)
      : limit_(tbb::global_control::max_allowed_parallelism,
               static_cast<size_t>(workers) + 1),
        arena_(workers + kCallers, kCallers) {}
  ~Tbb() {
    arena_.execute([this] { group_.wait(); });
  }

  template <typename F>
  void Produce(F&& f) {
    arena_.execute(f);
  }
  template <typename F>
  void Post(F f) {
    group_.run(std::move(f));
  }
  void Drain() {
    arena_.execute([this] { group_.wait(); });
  }
  template <typename F>
  auto Submit(F f) {
    // The arena keeps the callable as const.
    struct Call {
      void operator()() const { task(); }
      mutable std::packaged_task<std::invoke_result_t<F>()> task;
    };
    Call call{std::packaged_task<std::invoke_result_t<F>()>(std::move(f))};
    auto future = call.task.get_future();
    arena_.enqueue(std::move(call));
    return future;
  }

 private:
  tbb::global_control limit_;
  tbb::task_arena arena_;
  tbb::task_group group_;
};

class Asio : public AdapterBase {
 public:
  static constexpr char kName[] = "asio";
  explicit Asio(int workers) : pool_(static_cast<size_t>(workers)) {}
  template <typename F>
  void Post(F f) {
    asio::post(pool_, std::move(f));
  }
  template <typename F>
  auto Submit(F f) {
    return asio::post(
        pool_, std::packaged_task<std::invoke_result_t<F>()>(std::move(f)));
  }

 private:
  asio::thread_pool pool_;
};

// Debian's libthread-pool-dev: a queue for each thread, with stealing. It has
// no way to post without a future.
class StealingPool : public AdapterBase {
 public:
  static constexpr char kName[] = "thread_pool";
  explicit StealingPool(int workers) : pool_(static_cast<size_t>(workers)) {}
  template <typename F>
  void Post(F f) {
    pool_.Submit(std::move(f));
  }
  template <typename F>
  auto Submit(F f) {
    return pool_.Submit(std::move(f));
  }

 private:
  ::thread_pool::ThreadPool pool_;
};

}  // namespace asyncpal::benchmarks

#endif  // ASYNCPAL_BENCHMARKS_POOLS_H_
