#include <atomic>
#include <cstdint>
#include <latch>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "asyncpal/benchmarks/harness.h"
#include "asyncpal/benchmarks/pools.h"
#include "benchmark/benchmark.h"

// How many tasks a pool gets through, in ns per task from the first submission
// to the end of the last task.

namespace asyncpal::benchmarks {
namespace {

struct FourProducers {
  int workers;
  int64_t tasks;

  template <typename Pool>
  void Run(benchmark::State& state) const {
    Pool pool(workers);
    Round(pool);
    for (auto _ : state) state.SetIterationTime(Round(pool));
    state.SetItemsProcessed(state.iterations() * tasks);
  }

  template <typename Pool>
  double Round(Pool& pool) const {
    constexpr int kProducers = 4;
    TaskCounter done;
    std::latch ready(kProducers);
    std::latch go(1);
    std::vector<std::jthread> producers;
    for (int p = 0; p < kProducers; ++p) {
      producers.emplace_back([&] {
        pool.Produce([&] {
          ready.count_down();
          go.wait();
          for (int64_t i = 0; i < tasks / kProducers; ++i) {
            pool.Post([&done] { done.Add(); });
          }
        });
      });
    }
    ready.wait();
    const Stopwatch watch;  // before they go: this thread may be slow to go on
    go.count_down();
    for (std::jthread& producer : producers) producer.join();
    pool.Drain();
    done.WaitFor(tasks / kProducers * kProducers);
    return watch.Seconds();
  }
};

// The same with more threads than there are processors.
struct ManyWorkers {
  int64_t tasks;

  template <typename Pool>
  void Run(benchmark::State& state) const {
    constexpr int kWorkers = 64;
    constexpr bool kOfTwo = std::is_same_v<Pool, AsyncpalOfTwo>;
    FireAndForget{kOfTwo ? 2 : kWorkers, tasks}.Run<Pool>(state);
  }
};

// Tasks that wait in a queue of a certain length: none runs before the last is
// there.
struct Backlog {
  int workers;
  int64_t tasks;

  template <typename Pool>
  void Run(benchmark::State& state) const {
    Pool pool(workers);
    for (auto _ : state) {
      std::atomic<int> busy{0};
      std::atomic<bool> go{false};
      for (int i = 0; i < workers; ++i) {
        pool.Post([&] {
          ++busy;
          go.wait(false);
          --busy;
        });
      }
      while (busy < workers) std::this_thread::yield();
      TaskCounter done;
      const Stopwatch watch;
      for (int64_t i = 0; i < tasks; ++i) pool.Post([&done] { done.Add(); });
      go = true;
      go.notify_all();
      done.WaitFor(tasks);
      state.SetIterationTime(watch.Seconds());
      while (busy > 0) std::this_thread::yield();  // they use what is here
    }
    state.SetItemsProcessed(state.iterations() * tasks);
  }
};

struct SubmitCollect {
  int workers;
  int64_t tasks;

  template <typename Pool>
  void Run(benchmark::State& state) const {
    Pool pool(workers);
    auto submit = [&pool](int64_t i) {
      return pool.Submit([i] { return static_cast<int>(i); });
    };
    std::vector<decltype(submit(0))> futures;
    futures.reserve(static_cast<size_t>(tasks));
    auto round = [&] {
      for (int64_t i = 0; i < tasks; ++i) futures.push_back(submit(i));
      int64_t sum = 0;
      for (auto& future : futures) sum += Pool::Collect(std::move(future));
      benchmark::DoNotOptimize(sum);
      futures.clear();
    };
    round();
    for (auto _ : state) round();
    state.SetItemsProcessed(state.iterations() * tasks);
  }
};

}  // namespace

void RegisterThroughput(const Settings& settings) {
  const auto wall = [](benchmark::internal::Benchmark* b) {
    b->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);
  };
  const auto manual = [](benchmark::internal::Benchmark* b) {
    b->MeasureProcessCPUTime()->UseManualTime()->Unit(benchmark::kMillisecond);
  };
  const int64_t tasks = settings.Size(100'000, 1'000);
  RegisterCase<Asyncpal, AsyncpalLimited, AsyncpalMeasured, AsyncpalObserved,
               Naive, Tbb, Asio, StealingPool>(
      "fire_and_forget", FireAndForget{settings.workers, tasks}, wall);
  RegisterCase<Asyncpal, Naive, Tbb, Asio, StealingPool>(
      "four_producers", FourProducers{settings.workers, tasks}, manual);
  RegisterCase<Asyncpal, AsyncpalOfTwo, Naive>("many_workers",
                                               ManyWorkers{tasks}, wall);
  for (const int digits : {3, 5, 7}) {
    int64_t length = 1;
    for (int i = 0; i < digits; ++i) length *= 10;
    RegisterCase<Asyncpal, Naive>(
        "backlog_1e" + std::to_string(digits),
        Backlog{settings.workers, settings.Size<int64_t>(length, 100)}, manual);
  }
  RegisterCase<Asyncpal, AsyncpalLimited, Naive, Tbb, Asio, StealingPool>(
      "submit_collect", SubmitCollect{settings.workers, tasks / 5}, wall);
}

}  // namespace asyncpal::benchmarks
