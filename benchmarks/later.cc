#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asio/io_context.hpp"
#include "asio/steady_timer.hpp"
#include "asyncpal/benchmarks/harness.h"
#include "asyncpal/benchmarks/pools.h"
#include "asyncpal/future/future.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/thread_pool.h"
#include "benchmark/benchmark.h"

// Tasks for later, and tasks of several classes.

namespace asyncpal::benchmarks {
namespace {

using Clock = std::chrono::steady_clock;

// ----------------------------------------------------------------- Classes

// Posts in all classes in turn.
class AsyncpalClasses : public Asyncpal {
 public:
  using Asyncpal::Asyncpal;
  template <typename F>
  void Post(F f) {
    pool().Post({.priority = static_cast<TaskPriority>(next_++ % 5)},
                std::move(f));
  }

 private:
  unsigned next_ = 0;
};

// The same with options that say what is the default.
class AsyncpalOneClass : public Asyncpal {
 public:
  static constexpr char kName[] = "asyncpal_one_class";
  using Asyncpal::Asyncpal;
  template <typename F>
  void Post(F f) {
    pool().Post(TaskOptions{.priority = TaskPriority::kNormal}, std::move(f));
  }
};

// All in one class that is not the default: what five cost beyond that is what
// it takes to choose.
class AsyncpalHighClass : public Asyncpal {
 public:
  static constexpr char kName[] = "asyncpal_high_class";
  using Asyncpal::Asyncpal;
  template <typename F>
  void Post(F f) {
    pool().Post({.priority = TaskPriority::kHigh}, std::move(f));
  }
};

// ------------------------------------------------------ Many that are pending

// Hours, in an order that no heap likes.
absl::Duration DelayOf(int64_t i) {
  return absl::Hours(1) + absl::Microseconds(i * 7919 % 1'000'003);
}

class AsyncpalTimers {
 public:
  static constexpr char kName[] = "asyncpal";
  void Schedule(int64_t i) {
    futures_.push_back(pool_.SubmitAfter(DelayOf(i), [] {}));
  }
  void CancelAll() {
    for (Future<void>& future : futures_) future.Cancel();
    futures_.clear();
  }

 private:
  ThreadPool pool_{1};
  std::vector<Future<void>> futures_;
};

class AsioTimers {
 public:
  static constexpr char kName[] = "asio";
  void Schedule(int64_t i) {
    timers_.emplace_back(context_, absl::ToChronoNanoseconds(DelayOf(i)));
    timers_.back().async_wait([](const asio::error_code&) {});
  }
  void CancelAll() {
    for (asio::steady_timer& timer : timers_) timer.cancel();
    context_.run();
    context_.restart();
    timers_.clear();
  }

 private:
  asio::io_context context_;
  std::deque<asio::steady_timer> timers_;
};

struct ScheduleAndCancel {
  int64_t tasks;

  template <typename Timers>
  void Run(benchmark::State& state) const {
    Timers timers;
    for (auto _ : state) {
      for (int64_t i = 0; i < tasks; ++i) timers.Schedule(i);
      timers.CancelAll();
    }
    state.SetItemsProcessed(state.iterations() * tasks);
  }
};

// ---------------------------------------------------------------- Lateness

// Calls `f` on a thread of its own, one after the other.
class AsyncpalTimer {
 public:
  static constexpr char kName[] = "asyncpal";
  template <typename F>
  void RunAfter(std::chrono::nanoseconds delay, F f) {
    pool_.SubmitAfter(absl::FromChrono(delay), std::move(f)).Wait();
  }

 private:
  ThreadPool pool_{1};
};

// What it takes at least where a thread keeps time for those that work: one
// that waits until a time and then wakes another.
class RawTimer {
 public:
  static constexpr char kName[] = "raw_wait";
  RawTimer()
      : worker_([this](const std::stop_token& stop) { Work(stop); }),
        timer_([this](const std::stop_token& stop) { KeepTime(stop); }) {}
  ~RawTimer() {
    timer_.request_stop();
    worker_.request_stop();
    changed_.notify_all();
    is_due_.notify_all();
    is_done_.notify_all();
  }

  template <typename F>
  void RunAfter(std::chrono::nanoseconds delay, F f) {
    std::unique_lock lock(mu_);
    due_ = Clock::now() + delay;
    has_task_ = true;
    task_ = [](void* callable) { (*static_cast<F*>(callable))(); };
    callable_ = &f;
    changed_.notify_one();
    is_done_.wait(lock, [this] { return !has_task_; });
  }

 private:
  void KeepTime(const std::stop_token& stop) {
    std::unique_lock lock(mu_);
    while (!stop.stop_requested()) {
      if (!has_task_ || due_passed_) {
        changed_.wait_for(lock, std::chrono::seconds(1));
      } else if (changed_.wait_until(lock, due_) == std::cv_status::timeout) {
        due_passed_ = true;
        is_due_.notify_one();
      }
    }
  }
  void Work(const std::stop_token& stop) {
    std::unique_lock lock(mu_);
    while (!stop.stop_requested()) {
      if (!due_passed_) {
        is_due_.wait_for(lock, std::chrono::seconds(1));
        continue;
      }
      lock.unlock();
      task_(callable_);
      lock.lock();
      due_passed_ = false;
      has_task_ = false;
      is_done_.notify_one();
    }
  }

  std::mutex mu_;
  std::condition_variable changed_;
  std::condition_variable is_due_;
  std::condition_variable is_done_;
  Clock::time_point due_;
  bool has_task_ = false;
  bool due_passed_ = false;
  void (*task_)(void*) = nullptr;
  void* callable_ = nullptr;
  std::jthread worker_;
  std::jthread timer_;
};

struct Lateness {
  size_t percent;
  int tasks;

  template <typename Timer>
  void Run(benchmark::State& state) const {
    Timer timer;
    timer.RunAfter(std::chrono::milliseconds(1), [] {});
    std::vector<int64_t> late;
    for (auto _ : state) {
      for (int i = 0; i < tasks; ++i) {
        // Nobody is awake by chance.
        const auto delay = std::chrono::microseconds(1000 + i * 37 % 500);
        const auto due = Clock::now() + delay;
        timer.RunAfter(delay, [&] {
          late.push_back(std::chrono::duration_cast<std::chrono::nanoseconds>(
                             Clock::now() - due)
                             .count());
        });
      }
    }
    const auto nth =
        late.begin() + static_cast<std::ptrdiff_t>(late.size() * percent / 100);
    std::nth_element(late.begin(), nth, late.end());
    state.counters["value"] = static_cast<double>(*nth);
  }
};

}  // namespace

void RegisterLater(const Settings& settings) {
  RegisterCase<AsyncpalClasses, AsyncpalOneClass, AsyncpalHighClass>(
      "posts_in_classes",
      FireAndForget{settings.workers, settings.Size<int64_t>(100'000, 1'000)},
      [](benchmark::internal::Benchmark* b) {
        b->MeasureProcessCPUTime()->UseRealTime()->Unit(
            benchmark::kMillisecond);
      });
  RegisterCase<AsyncpalTimers, AsioTimers>(
      "schedule_and_cancel",
      ScheduleAndCancel{settings.Size<int64_t>(1'000'000, 1'000)},
      [](benchmark::internal::Benchmark* b) {
        b->UseRealTime()->Iterations(1);
      });
  for (const size_t percent : {size_t{50}, size_t{99}}) {
    RegisterCase<AsyncpalTimer, RawTimer>(
        "lateness_p" + std::to_string(percent),
        Lateness{percent, settings.Size(500, 3)},
        [](benchmark::internal::Benchmark* b) {
          b->UseRealTime()->Iterations(1);
        });
  }
}

}  // namespace asyncpal::benchmarks
