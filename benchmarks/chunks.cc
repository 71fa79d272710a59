#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "asyncpal/benchmarks/harness.h"
#include "asyncpal/pool/thread_pool.h"
#include "benchmark/benchmark.h"

// An eager map whose chunks find their size, beside chunks of fixed sizes, in
// ns per call. No fixed size is the best for all of these inputs.

namespace asyncpal::benchmarks {
namespace {

// Computes for about this many nanoseconds, wherever it is preempted.
int64_t Compute(int nanos) {
  uint64_t x = static_cast<uint64_t>(nanos) | 1;
  for (int i = 0; i < nanos; ++i) x = x * 6364136223846793005u + 1;
  return static_cast<int64_t>(x >> 1);
}

constexpr int kMicro = 1'000;
constexpr int kMilli = 1'000'000;

std::vector<int> Twice(size_t n, int first, int then) {
  std::vector<int> nanos(n, first);
  for (size_t i = n / 2; i < n; ++i) nanos[i] = then;
  return nanos;
}

std::vector<int> LogNormal(size_t n) {
  std::mt19937 random(1);
  std::lognormal_distribution<> nanos(std::log(10.0 * kMicro), 1.5);
  std::vector<int> all;
  for (size_t i = 0; i < n; ++i) {
    all.push_back(static_cast<int>(std::min(nanos(random), 10.0 * kMilli)));
  }
  return all;
}

std::vector<int> OneGiant(size_t n) {
  std::vector<int> nanos(n, 5 * kMicro);
  nanos[n / 2] = 20 * kMilli;
  return nanos;
}

// 0: they find their size.
template <size_t kChunkSize>
struct Chunks {
  static constexpr size_t kSize = kChunkSize;
  inline static const std::string kName =
      kSize == 0 ? "asyncpal" : "fixed_" + std::to_string(kSize);
};

struct MapInChunks {
  int workers;
  std::vector<int> nanos;

  template <typename Size>
  void Run(benchmark::State& state) const {
    ThreadPool pool(workers);
    Round(pool, Size::kSize);  // starts threads
    for (auto _ : state) Round(pool, Size::kSize);
    state.SetItemsProcessed(state.iterations() *
                            static_cast<int64_t>(nanos.size()));
  }
  void Round(ThreadPool& pool, size_t chunk_size) const {
    const auto results =
        pool.MapAll({.chunk_size = chunk_size}, Compute, nanos);
    benchmark::DoNotOptimize(results.data());
  }
};

}  // namespace

void RegisterChunks(const Settings& settings) {
  const auto add = [&](const std::string& name, std::vector<int> nanos) {
    if (settings.smoke) nanos.resize(4);
    RegisterCase<Chunks<0>, Chunks<1>, Chunks<8>, Chunks<64>, Chunks<512>>(
        "chunks_" + name, MapInChunks{settings.workers, std::move(nanos)},
        [](benchmark::internal::Benchmark* b) {
          b->MeasureProcessCPUTime()->UseRealTime()->Unit(
              benchmark::kMillisecond);
        });
  };
  add("of_1us", std::vector<int>(50'000, kMicro));
  add("of_100us", std::vector<int>(500, 100 * kMicro));
  add("of_10ms", std::vector<int>(8, 10 * kMilli));
  add("lognormal", LogNormal(2'000));
  add("fast_then_slow", Twice(1'000, kMicro, 100 * kMicro));
  add("slow_then_fast", Twice(1'000, 100 * kMicro, kMicro));
  add("one_giant", OneGiant(10'000));
}

}  // namespace asyncpal::benchmarks
