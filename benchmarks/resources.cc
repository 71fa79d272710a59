#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <latch>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/benchmarks/harness.h"
#include "asyncpal/benchmarks/pools.h"
#include "asyncpal/pool/thread_pool.h"
#include "benchmark/benchmark.h"
#include "tbb/global_control.h"

// What a pool costs besides time per task: memory, starting and stopping, and
// doing nothing.

namespace asyncpal::benchmarks {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// ---------------------------------------------------------------- Memory

int64_t ResidentBytes() {
  std::ifstream file("/proc/self/smaps_rollup");
  std::string word;
  while (file >> word) {
    int64_t kib;
    if (word == "Rss:" && file >> kib) return kib * 1024;
  }
  return 0;
}

// All workers of a pool, until it goes: what is submitted meanwhile is pending.
template <typename Pool>
class BusyWorkers {
 public:
  BusyWorkers(Pool& pool, int workers) {
    // More than one each where a pool queues a task behind a busy worker.
    for (; begun_ < workers; ++submitted_) {
      pool.Submit([this] {
        ++begun_;
        go_.wait(false);
        ++over_;
      });
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
  ~BusyWorkers() {
    go_ = true;
    go_.notify_all();
    while (over_ < submitted_) std::this_thread::sleep_for(milliseconds(1));
  }

 private:
  std::atomic<bool> go_{false};
  std::atomic<int> begun_{0};
  std::atomic<int> over_{0};
  int submitted_ = 0;
};

double BytesOfEach(int64_t before, int64_t count) {
  return static_cast<double>(ResidentBytes() - before) /
         static_cast<double>(count);
}

template <typename Pool>
double BytesOfFutures(int workers, int64_t count) {
  Pool pool(workers);
  const auto submit = [&pool](int64_t i) {
    return pool.Submit([i] { return static_cast<int>(i); });
  };
  // The handles are the user's, and there before.
  std::vector<decltype(submit(0))> futures(static_cast<size_t>(count));
  double bytes;
  {
    const BusyWorkers<Pool> busy(pool, workers);
    const int64_t before = ResidentBytes();
    for (int64_t i = 0; i < count; ++i) {
      futures[static_cast<size_t>(i)] = submit(i);
    }
    bytes = BytesOfEach(before, count);
  }
  for (auto& future : futures) Pool::Collect(std::move(future));
  return bytes;
}

template <typename Pool>
double BytesOfPosts(int workers, int64_t count) {
  TaskCounter done;
  Pool pool(workers);
  double bytes;
  {
    const BusyWorkers<Pool> busy(pool, workers);
    const int64_t before = ResidentBytes();
    pool.Produce([&] {
      for (int64_t i = 0; i < count; ++i) pool.Post([&done] { done.Add(); });
    });
    bytes = BytesOfEach(before, count);
  }
  pool.Drain();
  done.WaitFor(count);
  return bytes;
}

// Where no allocator has memory left from before. Returns what it prints.
double MeasureInAFreshProcess(benchmark::State& state,
                              const std::string& arguments) {
  char self[4096];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof(self));
  const std::string command =
      "'" + std::string(self, length > 0 ? static_cast<size_t>(length) : 0) +
      "' " + arguments;
  std::FILE* const pipe = popen(command.c_str(), "r");
  double value = 0;
  if (pipe == nullptr || std::fscanf(pipe, "%lf", &value) != 1) {
    state.SkipWithError("the measuring process said nothing");
  }
  if (pipe != nullptr) pclose(pipe);
  return value;
}

struct PendingBytes {
  const char* flag;
  int workers;
  int64_t count;

  template <typename Pool>
  void Run(benchmark::State& state) const {
    for (auto _ : state) {
      state.counters["value"] = MeasureInAFreshProcess(
          state, std::string(flag) + "=" + Pool::kName +
                     " --workers=" + std::to_string(workers) +
                     " --count=" + std::to_string(count));
    }
  }
};

// Pools that have run a task each, and have no thread any more.
double BytesOfIdlePools(int64_t count) {
  std::vector<std::unique_ptr<ThreadPool>> pools(static_cast<size_t>(count));
  const int64_t before = ResidentBytes();
  for (auto& pool : pools) {
    pool = std::make_unique<ThreadPool>(
        PoolOptions{.max_workers = 2, .idle_timeout = absl::ZeroDuration()});
    pool->Post([] {});
    pool->Join();
  }
  const int64_t after = ResidentBytes();
  return static_cast<double>(after - before) / static_cast<double>(count);
}

struct IdlePoolBytes {
  int64_t count;

  template <typename Pool>
  void Run(benchmark::State& state) const {
    for (auto _ : state) {
      state.counters["value"] = MeasureInAFreshProcess(
          state, "--measure_idle_pools=" + std::to_string(count));
    }
  }
};

// -------------------------------------------------- Starting and stopping

struct CreateRunShutDown {
  int workers;

  template <typename Pool>
  void Run(benchmark::State& state) const {
    for (auto _ : state) {
      if constexpr (std::is_same_v<Pool, Tbb>) {
        // Its threads would otherwise stay for the next.
        tbb::task_scheduler_handle threads{tbb::attach{}};
        Life<Pool>();
        if (!tbb::finalize(threads, std::nothrow)) {
          state.SkipWithError("oneTBB has not ended its threads");
        }
      } else {
        Life<Pool>();
      }
    }
    state.SetItemsProcessed(state.iterations());
  }

  template <typename Pool>
  void Life() const {
    Pool pool(workers);
    int result = Pool::Collect(pool.Submit([] { return 42; }));
    benchmark::DoNotOptimize(result);
  }
};

// -------------------------------------------------------- Doing nothing

struct Usage {
  static Usage Now() {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const auto micros = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) * 1e6 +
             static_cast<double>(time.tv_usec);
    };
    return {micros(usage.ru_utime) + micros(usage.ru_stime),
            static_cast<double>(usage.ru_nvcsw)};
  }
  double cpu_micros;
  double sleeps;  // how often a thread went to sleep by itself
};

struct IdlePool {
  milliseconds time;

  template <typename Pool>
  void Run(benchmark::State& state) const {
    constexpr int kWorkers = 8;
    Pool pool(kWorkers);
    StartAll(pool, kWorkers);
    std::this_thread::sleep_for(time / 5);  // whoever spins may finish that
    for (auto _ : state) {
      const Usage before = Usage::Now();
      std::this_thread::sleep_for(time);
      const Usage after = Usage::Now();
      state.counters["value"] = after.sleeps - before.sleeps - 1;
      state.counters["cpu_us"] = after.cpu_micros - before.cpu_micros;
    }
  }

  // Each task waits for the others, so that each needs a worker; some pools do
  // not promise that, so not for ever.
  template <typename Pool>
  void StartAll(Pool& pool, int workers) const {
    std::latch all(workers);
    const auto limit = steady_clock::now() + milliseconds(100);
    std::vector<decltype(pool.Submit([] { return 0; }))> futures;
    for (int i = 0; i < workers; ++i) {
      futures.push_back(pool.Submit([&all, limit] {
        all.count_down();
        while (!all.try_wait() && steady_clock::now() < limit) {
          std::this_thread::sleep_for(milliseconds(1));
        }
        return 0;
      }));
    }
    for (auto& future : futures) Pool::Collect(std::move(future));
  }
};

}  // namespace

double MeasurePendingBytes(std::string_view pool, bool with_futures,
                           int workers, int64_t count) {
  const auto measure = [&](auto* p) {
    using Pool = std::remove_pointer_t<decltype(p)>;
    return with_futures ? BytesOfFutures<Pool>(workers, count)
                        : BytesOfPosts<Pool>(workers, count);
  };
  if (pool == Asyncpal::kName) return measure(static_cast<Asyncpal*>(nullptr));
  if (pool == AsyncpalMeasured::kName) {
    return measure(static_cast<AsyncpalMeasured*>(nullptr));
  }
  if (pool == AsyncpalObserved::kName) {
    return measure(static_cast<AsyncpalObserved*>(nullptr));
  }
  if (pool == Naive::kName) return measure(static_cast<Naive*>(nullptr));
  if (pool == Tbb::kName) return measure(static_cast<Tbb*>(nullptr));
  if (pool == Asio::kName) return measure(static_cast<Asio*>(nullptr));
  if (pool == StealingPool::kName) {
    return measure(static_cast<StealingPool*>(nullptr));
  }
  return -1;
}

double MeasureIdlePoolBytes(int64_t count) { return BytesOfIdlePools(count); }

void RegisterResources(const Settings& settings) {
  const auto once = [](benchmark::internal::Benchmark* b) {
    b->Iterations(1)->Repetitions(1);
  };
  RegisterCase<Asyncpal>("idle_pool_bytes",
                         IdlePoolBytes{settings.Size(10'000, 100)}, once);
  RegisterCase<Asyncpal, Naive, Tbb, Asio, StealingPool>(
      "pending_future_bytes",
      PendingBytes{"--measure_future_bytes", settings.workers,
                   settings.Size(200'000, 2'000)},
      once);
  RegisterCase<Asyncpal, Naive, Tbb, Asio, StealingPool>(
      "pending_post_bytes",
      PendingBytes{"--measure_post_bytes", settings.workers,
                   settings.Size(1'000'000, 2'000)},
      once);
  RegisterCase<Asyncpal, Naive, Tbb, Asio, StealingPool>(
      "create_run_shut_down", CreateRunShutDown{settings.workers},
      [](benchmark::internal::Benchmark* b) {
        b->MeasureProcessCPUTime()->UseRealTime()->Unit(
            benchmark::kMicrosecond);
      });
  RegisterCase<Asyncpal, Naive, Tbb, Asio, StealingPool>(
      "idle_wakeups", IdlePool{milliseconds(settings.Size(1000, 20))}, once);
}

}  // namespace asyncpal::benchmarks
