#ifndef ASYNCPAL_BENCHMARKS_HARNESS_H_
#define ASYNCPAL_BENCHMARKS_HARNESS_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include "asyncpal/benchmarks/stopwatch.h"
#include "benchmark/benchmark.h"

namespace asyncpal::benchmarks {

// What the command line says; see thread_pool.cc. With `smoke`, inputs are
// small and only show that a case still works.
struct Settings {
  int workers = 2;
  bool smoke = false;
  template <typename T>
  T Size(T full, T smoke_size) const {
    return smoke ? smoke_size : full;
  }
};

// One function for each file of cases; they fill Google Benchmark's list.
void RegisterThroughput(const Settings& settings);
void RegisterLatency(const Settings& settings);
void RegisterLoops(const Settings& settings);
void RegisterResources(const Settings& settings);
void RegisterViews(const Settings& settings);
void RegisterLater(const Settings& settings);
void RegisterChunks(const Settings& settings);

// Resident bytes per pending future, or per pending post, of the pool of that
// name; negative for an unknown name. Call it in a fresh process.
double MeasurePendingBytes(std::string_view pool, bool with_futures,
                           int workers, int64_t count);

// The same per ThreadPool that has run a task and has no thread left.
double MeasureIdlePoolBytes(int64_t count);

// Registers `case/pool` for each of the Pools. `body` is a function object with
// a member template <typename Pool> void Run(benchmark::State&) const; `adjust`
// gets the registered benchmark.
//
// How compare.py reads a benchmark: its counter "value" if it has one, else the
// nanoseconds per item.
template <typename... Pools, typename Body, typename Adjust>
void RegisterCase(const std::string& name, Body body, Adjust adjust) {
  (adjust(benchmark::RegisterBenchmark(
       (name + "/" + Pools::kName).c_str(),
       [body](benchmark::State& state) { body.template Run<Pools>(state); })),
   ...);
}

// Counts finished tasks. Threads share no cache line, so that the counting is
// not what a case measures.
class TaskCounter {
 public:
  void Add() {
    slots_[ThisThread()].count.fetch_add(1, std::memory_order_release);
  }
  // Sleeps between looks: a waiter that spins would take a worker's core.
  void WaitFor(int64_t total) const {
    while (Sum() < total) {
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  }

 private:
  struct alignas(64) Slot {
    std::atomic<int64_t> count{0};
  };
  static constexpr size_t kSlots = 64;

  static size_t ThisThread() {
    static constinit std::atomic<size_t> threads{0};
    thread_local const size_t slot = threads++ % kSlots;
    return slot;
  }
  int64_t Sum() const {
    int64_t sum = 0;
    for (const Slot& slot : slots_) {
      sum += slot.count.load(std::memory_order_acquire);
    }
    return sum;
  }

  std::array<Slot, kSlots> slots_;
};

// Posts that many tasks from this thread, and waits until the last has run.
struct FireAndForget {
  int workers;
  int64_t tasks;

  template <typename Pool>
  void Run(benchmark::State& state) const {
    Pool pool(workers);
    Round(pool);  // starts threads, fills caches
    for (auto _ : state) Round(pool);
    state.SetItemsProcessed(state.iterations() * tasks);
  }

  template <typename Pool>
  void Round(Pool& pool) const {
    TaskCounter done;
    pool.Produce([&] {
      for (int64_t i = 0; i < tasks; ++i) pool.Post([&done] { done.Add(); });
    });
    pool.Drain();
    done.WaitFor(tasks);
  }
};

}  // namespace asyncpal::benchmarks

#endif  // ASYNCPAL_BENCHMARKS_HARNESS_H_
