#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <future>
#include <latch>
#include <ranges>
#include <utility>
#include <vector>

#include "asyncpal/benchmarks/harness.h"
#include "asyncpal/benchmarks/pools.h"
#include "benchmark/benchmark.h"
#include "tbb/blocked_range.h"
#include "tbb/parallel_for.h"
#include "tbb/task_arena.h"
#include "tbb/task_group.h"

// Work that comes in many equal pieces, or divides itself: in ns per piece.
// Each library has its own words for that, so each is written out below. In
// those where the caller takes part, it is one of the `workers` threads.

namespace asyncpal::benchmarks {
namespace {

int Tiny(int x) { return 3 * x + 1; }

// ------------------------------------------------------------- Libraries

class AsyncpalLoops {
 public:
  static constexpr char kName[] = "asyncpal";
  explicit AsyncpalLoops(int workers)
      : workers_(static_cast<size_t>(workers)), pool_(workers) {}

  int64_t Fib(int n) {
    return pool_.Run([this, n] { return ForkJoin(n); });
  }
  int64_t FibByBoth(int n) {
    return pool_.Run([this, n] { return Fork(n); });
  }
  std::vector<int> Map(const std::vector<int>& in) {
    // A function object, so that the call can be inlined as in the others.
    return pool_.MapAll(
        {.chunk_size = 50'000}, [](int x) { return Tiny(x); }, in);
  }
  void Loop(const std::vector<int>& in, std::vector<int>& out) {
    pool_.MapAll(
        {.chunk_size = (in.size() + workers_ - 1) / workers_},
        [&](size_t i) { out[i] = Tiny(in[i]); },
        std::views::iota(size_t{0}, in.size()));
  }

 private:
  int64_t ForkJoin(int n) {
    if (n < 2) return n;
    auto left = pool_.Submit([this, n] { return ForkJoin(n - 1); });
    const int64_t right = ForkJoin(n - 2);
    return std::move(left).Collect() + right;
  }

  int64_t Fork(int n) {
    if (n < 2) return n;
    const auto [left, right] = pool_.Both([this, n] { return Fork(n - 1); },
                                          [this, n] { return Fork(n - 2); });
    return left + right;
  }

  const size_t workers_;
  ThreadPool pool_;
};

class TbbLoops {
 public:
  static constexpr char kName[] = "onetbb";
  explicit TbbLoops(int workers)
      : limit_(tbb::global_control::max_allowed_parallelism,
               static_cast<size_t>(workers)),
        arena_(workers) {}

  int64_t Fib(int n) {
    return arena_.execute([n] { return ForkJoin(n); });
  }
  // It has no other way.
  int64_t FibByBoth(int n) { return Fib(n); }
  std::vector<int> Map(const std::vector<int>& in) {
    std::vector<int> out(in.size());
    Loop(in, out);
    return out;
  }
  void Loop(const std::vector<int>& in, std::vector<int>& out) {
    arena_.execute([&] {
      tbb::parallel_for(tbb::blocked_range<size_t>(0, in.size()),
                        [&](const tbb::blocked_range<size_t>& range) {
                          for (size_t i = range.begin(); i < range.end(); ++i) {
                            out[i] = Tiny(in[i]);
                          }
                        });
    });
  }

 private:
  static int64_t ForkJoin(int n) {
    if (n < 2) return n;
    int64_t left;
    tbb::task_group group;
    group.run([&left, n] { left = ForkJoin(n - 1); });
    const int64_t right = ForkJoin(n - 2);
    group.wait();
    return left + right;
  }

  tbb::global_control limit_;
  tbb::task_arena arena_;
};

// What one does with a pool that has no loops: chunks by hand for the large
// one, a task for each item of the small one.
template <typename Pool>
class HandMadeLoops {
 public:
  static constexpr const char* kName = Pool::kName;
  explicit HandMadeLoops(int workers) : pool_(workers) {}

  std::vector<int> Map(const std::vector<int>& in) {
    constexpr size_t kChunk = 50'000;
    std::vector<int> out(in.size());
    std::vector<std::future<void>> chunks;
    for (size_t begin = 0; begin < in.size(); begin += kChunk) {
      const size_t end = std::min(begin + kChunk, in.size());
      chunks.push_back(pool_.Submit([&in, &out, begin, end] {
        for (size_t i = begin; i < end; ++i) out[i] = Tiny(in[i]);
      }));
    }
    for (auto& chunk : chunks) chunk.get();
    return out;
  }
  void Loop(const std::vector<int>& in, std::vector<int>& out) {
    std::latch done(static_cast<std::ptrdiff_t>(in.size()));
    for (size_t i = 0; i < in.size(); ++i) {
      pool_.Post([&in, &out, &done, i] {
        out[i] = Tiny(in[i]);
        done.count_down();
      });
    }
    done.wait();
  }

 private:
  Pool pool_;
};

#ifdef _OPENMP
class OpenMpLoops {
 public:
  static constexpr char kName[] = "openmp";
  explicit OpenMpLoops(int workers) : workers_(workers) {}

  std::vector<int> Map(const std::vector<int>& in) {
    std::vector<int> out(in.size());
    Loop(in, out);
    return out;
  }
  void Loop(const std::vector<int>& in, std::vector<int>& out) {
    const size_t size = in.size();
#pragma omp parallel for num_threads(workers_) schedule(static)
    for (size_t i = 0; i < size; ++i) out[i] = Tiny(in[i]);
  }

 private:
  const int workers_;
};
#endif

// ----------------------------------------------------------------- Cases

int64_t Fibonacci(int n) {
  int64_t a = 0, b = 1;
  for (; n > 0; --n) a = std::exchange(b, a + b);
  return a;
}

std::vector<int> Numbers(size_t size) {
  std::vector<int> numbers(size);
  for (size_t i = 0; i < size; ++i) numbers[i] = static_cast<int>(i % 1000);
  return numbers;
}

bool IsMapped(const std::vector<int>& in, const std::vector<int>& out) {
  return std::ranges::equal(out, in | std::views::transform(Tiny));
}

struct ForkJoin {
  int workers;
  int n;

  template <typename Loops>
  void Run(benchmark::State& state) const {
    Loops loops(workers);
    if (loops.Fib(n / 2) != Fibonacci(n / 2)) state.SkipWithError("wrong");
    for (auto _ : state) {
      if (loops.Fib(n) != Fibonacci(n)) state.SkipWithError("wrong");
    }
    // One task for each addition.
    state.SetItemsProcessed(state.iterations() * (Fibonacci(n + 1) - 1));
  }
};

struct ForkJoinBoth {
  int workers;
  int n;

  template <typename Loops>
  void Run(benchmark::State& state) const {
    Loops loops(workers);
    if (loops.FibByBoth(n / 2) != Fibonacci(n / 2))
      state.SkipWithError("wrong");
    for (auto _ : state) {
      if (loops.FibByBoth(n) != Fibonacci(n)) state.SkipWithError("wrong");
    }
    state.SetItemsProcessed(state.iterations() * (Fibonacci(n + 1) - 1));
  }
};

struct LargeMap {
  int workers;
  size_t size;

  // The result's memory is part of it: a map makes one.
  template <typename Loops>
  void Run(benchmark::State& state) const {
    const std::vector<int> in = Numbers(size);
    Loops loops(workers);
    if (!IsMapped(in, loops.Map(in))) state.SkipWithError("wrong");
    for (auto _ : state) benchmark::DoNotOptimize(loops.Map(in));
    state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(size));
  }
};

struct SmallLoop {
  int workers;
  size_t size;

  // An item is one loop here.
  template <typename Loops>
  void Run(benchmark::State& state) const {
    const std::vector<int> in = Numbers(size);
    std::vector<int> out(size);
    Loops loops(workers);
    loops.Loop(in, out);
    if (!IsMapped(in, out)) state.SkipWithError("wrong");
    for (auto _ : state) {
      loops.Loop(in, out);
      benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations());
  }
};

}  // namespace

void RegisterLoops(const Settings& settings) {
  const auto milliseconds = [](benchmark::internal::Benchmark* b) {
    b->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);
  };
  const auto microseconds = [](benchmark::internal::Benchmark* b) {
    b->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMicrosecond);
  };
  const ForkJoin fork_join{settings.workers, settings.Size(27, 12)};
  RegisterCase<AsyncpalLoops, TbbLoops>("fork_join", fork_join, milliseconds);
  RegisterCase<AsyncpalLoops, TbbLoops>(
      "fork_join_both", ForkJoinBoth{fork_join.workers, fork_join.n},
      milliseconds);

  const LargeMap map{settings.workers, settings.Size<size_t>(10'000'000, 1000)};
  RegisterCase<AsyncpalLoops, HandMadeLoops<Naive>, TbbLoops>("map", map,
                                                              milliseconds);
  const SmallLoop loop{settings.workers, 1000};
  RegisterCase<AsyncpalLoops, HandMadeLoops<Naive>, TbbLoops>(
      "small_loop", loop, microseconds);
#ifdef _OPENMP
  RegisterCase<OpenMpLoops>("map", map, milliseconds);
  RegisterCase<OpenMpLoops>("small_loop", loop, microseconds);
#endif
}

}  // namespace asyncpal::benchmarks
