#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "asio/post.hpp"
#include "asio/strand.hpp"
#include "asio/thread_pool.hpp"
#include "asyncpal/benchmarks/harness.h"
#include "asyncpal/pool/pool_view.h"
#include "asyncpal/pool/thread_pool.h"
#include "benchmark/benchmark.h"

// Tasks that run one at a time, in order: serial views beside Asio's strands,
// in ns per task from the first submission to the end of the last task.

namespace asyncpal::benchmarks {
namespace {

class AsyncpalViews {
 public:
  static constexpr char kName[] = "asyncpal";
  AsyncpalViews(int workers, size_t views) : pool_(workers) {
    for (size_t i = 0; i < views; ++i) views_.push_back(pool_.Serial());
  }
  template <typename F>
  void Post(size_t view, F f) {
    views_[view].Post(std::move(f));
  }

 private:
  ThreadPool pool_;
  std::vector<PoolView<>> views_;
};

class AsioStrands {
 public:
  static constexpr char kName[] = "asio";
  AsioStrands(int workers, size_t strands)
      : pool_(static_cast<size_t>(workers)) {
    for (size_t i = 0; i < strands; ++i) {
      strands_.push_back(asio::make_strand(pool_));
    }
  }
  template <typename F>
  void Post(size_t strand, F f) {
    asio::post(strands_[strand], std::move(f));
  }

 private:
  asio::thread_pool pool_;
  std::vector<asio::strand<asio::thread_pool::executor_type>> strands_;
};

struct PostsToViews {
  int workers;
  size_t views;
  int64_t tasks;

  template <typename Pool>
  void Run(benchmark::State& state) const {
    Pool pool(workers, views);
    Round(pool);  // starts threads, fills caches
    for (auto _ : state) Round(pool);
    state.SetItemsProcessed(state.iterations() * tasks);
  }

  template <typename Pool>
  void Round(Pool& pool) const {
    TaskCounter done;
    size_t view = 0;
    for (int64_t i = 0; i < tasks; ++i) {
      pool.Post(view, [&done] { done.Add(); });
      if (++view == views) view = 0;
    }
    done.WaitFor(tasks);
  }
};

}  // namespace

void RegisterViews(const Settings& settings) {
  for (const size_t views : {size_t{1}, size_t{1000}}) {
    RegisterCase<AsyncpalViews, AsioStrands>(
        "serial_posts_" + std::to_string(views),
        PostsToViews{settings.workers, views,
                     settings.Size<int64_t>(100'000, 1'000)},
        [](benchmark::internal::Benchmark* b) {
          b->MeasureProcessCPUTime()->UseRealTime()->Unit(
              benchmark::kMillisecond);
        });
  }
}

}  // namespace asyncpal::benchmarks
