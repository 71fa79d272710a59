#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "asyncpal/benchmarks/harness.h"
#include "asyncpal/benchmarks/pools.h"
#include "benchmark/benchmark.h"

// How long one submission takes from the call to its result, in ns.

namespace asyncpal::benchmarks {
namespace {

template <typename Pool>
void RoundTrip(Pool& pool) {
  int result = Pool::Collect(pool.Submit([] { return 42; }));
  benchmark::DoNotOptimize(result);
}

struct RoundTripParked {
  int workers;
  int trips;

  // One iteration is the median of many trips: they are bimodal, and their mean
  // says more about the scheduler than about the pool.
  template <typename Pool>
  void Run(benchmark::State& state) const {
    Pool pool(workers);
    for (int i = 0; i < 10; ++i) RoundTrip(pool);
    std::vector<double> seconds;
    for (auto _ : state) {
      seconds.clear();
      for (int i = 0; i < trips; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        const Stopwatch watch;
        RoundTrip(pool);
        seconds.push_back(watch.Seconds());
      }
      const auto middle = seconds.begin() + trips / 2;
      std::nth_element(seconds.begin(), middle, seconds.end());
      state.SetIterationTime(*middle);
    }
    state.SetItemsProcessed(state.iterations());
  }
};

struct RoundTripBackToBack {
  int workers;

  template <typename Pool>
  void Run(benchmark::State& state) const {
    Pool pool(workers);
    for (int i = 0; i < 10; ++i) RoundTrip(pool);
    for (auto _ : state) RoundTrip(pool);
    state.SetItemsProcessed(state.iterations());
  }
};

}  // namespace

void RegisterLatency(const Settings& settings) {
  const int trips = settings.Size(100, 3);
  RegisterCase<Asyncpal, Naive, Tbb, Asio, StealingPool>(
      "round_trip_parked", RoundTripParked{settings.workers, trips},
      [](benchmark::internal::Benchmark* b) {
        b->UseManualTime()->Iterations(1);
      });
  RegisterCase<Asyncpal, Naive, Tbb, Asio, StealingPool>(
      "round_trip_back_to_back", RoundTripBackToBack{settings.workers},
      [](benchmark::internal::Benchmark* b) {
        b->MeasureProcessCPUTime()->UseRealTime();
      });
}

}  // namespace asyncpal::benchmarks
