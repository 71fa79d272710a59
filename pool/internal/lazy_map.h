#ifndef ASYNCPAL_POOL_INTERNAL_LAZY_MAP_H_
#define ASYNCPAL_POOL_INTERNAL_LAZY_MAP_H_

#include <algorithm>
#include <cstddef>
#include <deque>
#include <exception>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/future_filter.h"
#include "asyncpal/future/internal/task.h"
#include "asyncpal/future/internal/zip_cursor.h"
#include "asyncpal/pool/internal/map_checks.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::internal {

// What one task of a map brings back: the results of its calls, and what the
// call after them threw. Room for one inside: a chunk of one is the default.
// Moves only: results may, and an InlinedVector of those says that it copies.
template <typename R>
struct ChunkResult {
  ChunkResult() = default;
  ChunkResult(ChunkResult&&) = default;
  ChunkResult& operator=(ChunkResult&&) = default;

  absl::InlinedVector<Stored<R>, 1> values;
  std::exception_ptr error;
};

// One task of a map: a chunk of calls of the shared `f`.
template <typename R, typename F, typename Tuple>
struct ChunkCall {
  std::shared_ptr<F> f;
  absl::InlinedVector<Tuple, 1> chunk;

  ChunkResult<R> operator()() {
    ChunkResult<R> result;
    result.values.reserve(chunk.size());
    try {
      for (Tuple& arguments : chunk) {
        result.values.push_back(InvokeStored([&]() -> decltype(auto) {
          return std::apply(*f, std::move(arguments));
        }));
      }
    } catch (...) {
      result.error = std::current_exception();
      if (result.error == nullptr) throw;  // pthread_exit()
    }
    return result;
  }
};

// One run of a map over its input: a function that returns the next result, or
// nullopt at the end. It keeps up to `buffer_size` tasks submitted and not yet
// taken. Destroying it cancels those that have not started.
template <typename PoolType, typename F, typename Cursor>
class LazyMap {
 public:
  using Tuple = typename Cursor::Value;
  using Result = std::remove_cvref_t<decltype(std::apply(
      std::declval<F&>(), std::declval<Tuple>()))>;

  static constexpr size_t kWholeInput = std::numeric_limits<size_t>::max();

  template <typename Fn>
  LazyMap(PoolType& pool, const char* function, const MapOptions& options,
          Fn&& f, Cursor cursor)
      : pool_(&pool),
        function_(function),
        options_(options),
        countdown_(options.timeout),
        cursor_(std::move(cursor)) {
    CheckMap(function, pool.name(), options, f);
    f_ = std::make_shared<F>(std::forward<Fn>(f));
    if (options_.buffer_size == 0) {
      options_.buffer_size = 2 * static_cast<size_t>(pool.max_workers());
    }
    if (!options_.keep_order) filter_ = std::make_unique<Filter>();
    try {
      Fill();
    } catch (...) {
      CancelRest();
      throw;
    }
  }
  LazyMap(LazyMap&&) = default;
  LazyMap& operator=(LazyMap&&) = delete;
  ~LazyMap() { CancelRest(); }

  std::optional<Stored<Result>> operator()() {
    try {
      while (true) {
        if (next_value_ < chunk_.values.size()) {
          return std::move(chunk_.values[next_value_++]);
        }
        if (chunk_.error != nullptr) std::rethrow_exception(chunk_.error);
        if (window_.empty()) return std::nullopt;
        chunk_ = TakeChunk();
        next_value_ = 0;
        Fill();
      }
    } catch (...) {
      CancelRest();
      throw;
    }
  }

 private:
  using Chunk = ChunkResult<Result>;
  using Filter = FutureFilter<Chunk>;

  void Fill() {
    while (!input_ended_ && window_.size() < options_.buffer_size) {
      ChunkCall<Result, F, Tuple> call{f_, {}};
      while (call.chunk.size() < options_.chunk_size) {
        std::optional<Tuple> arguments = cursor_.Next();
        if (!arguments.has_value()) {
          input_ended_ = true;
          break;
        }
        call.chunk.push_back(std::move(*arguments));
      }
      if (call.chunk.empty()) return;
      window_.push_back(SubmitInTime(std::move(call)));
      if (filter_ != nullptr) filter_->Put(window_.back());
    }
  }

  Future<Chunk> SubmitInTime(ChunkCall<Result, F, Tuple> call) {
    try {
      return pool_->SubmitChunk(countdown_, std::move(call));
    } catch (const TimeoutError&) {
      ThrowTimeout();
    }
  }

  Chunk TakeChunk() {
    Future<Chunk> done;
    if (filter_ != nullptr) {
      std::optional<Future<Chunk>> first;
      try {
        first = filter_->Get(countdown_.Remaining());
      } catch (const TimeoutError&) {
        ThrowTimeout();
      }
      done = *std::move(first);
      // One of the window's few; with the whole input submitted, most often
      // one of the oldest.
      window_.erase(std::find(window_.begin(), window_.end(), done));
    } else {
      if (!window_.front().Wait(countdown_.Remaining())) ThrowTimeout();
      done = std::move(window_.front());
      window_.pop_front();
    }
    return std::move(done).Collect();
  }

  [[noreturn]] void ThrowTimeout() const {
    ThrowMapTimeout(function_, pool_->name(), options_.timeout);
  }

  void CancelRest() {
    input_ended_ = true;
    for (Future<Chunk>& future : window_) future.Cancel();
    window_.clear();
    chunk_ = {};
  }

  PoolType* pool_;
  const char* function_;
  MapOptions options_;
  Countdown countdown_;
  Cursor cursor_;
  std::shared_ptr<F> f_;
  bool input_ended_ = false;
  std::deque<Future<Chunk>> window_;  // submitted and not yet taken
  std::unique_ptr<Filter> filter_;    // unordered: the same futures
  Chunk chunk_;                       // being given out
  size_t next_value_ = 0;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_LAZY_MAP_H_
