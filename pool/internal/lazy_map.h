#ifndef ASYNCPAL_POOL_INTERNAL_LAZY_MAP_H_
#define ASYNCPAL_POOL_INTERNAL_LAZY_MAP_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
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

#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/future_filter.h"
#include "asyncpal/future/internal/result_state.h"
#include "asyncpal/future/internal/zip_cursor.h"
#include "asyncpal/pool/internal/chunk_sizer.h"
#include "asyncpal/pool/internal/map_checks.h"
#include "asyncpal/pool/internal/map_chunk.h"
#include "asyncpal/pool/internal/map_monitor.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/settled.h"

namespace asyncpal::internal {

// Which part of the input each chunk of a map's window has: for a map that
// tells.
class InputSpans {
 public:
  // A chunk of this many calls comes to the window's end.
  void Add(size_t calls) {
    window_.push_back({end_, calls});
    end_ += calls;
  }
  // The chunk at this place leaves the window, and is the current one.
  void Take(size_t place) {
    const auto it = window_.begin() + static_cast<std::ptrdiff_t>(place);
    current_ = *it;
    window_.erase(it);
  }
  // The last calls of the current chunk are one again, and come to the window's
  // beginning.
  void AddRest(size_t calls) {
    current_.calls -= calls;
    window_.push_front({current_.first + current_.calls, calls});
  }
  size_t first() const { return current_.first; }  // of the current chunk
  size_t calls() const { return current_.calls; }

 private:
  struct Span {
    size_t first = 0;
    size_t calls = 0;
  };
  std::deque<Span> window_;
  size_t end_ = 0;
  Span current_;
};

// For one that does not.
class NoInputSpans {
 public:
  void Add(size_t) {}
  void Take(size_t) {}
  void AddRest(size_t) {}
};

// What a chunk takes of memory before its calls are known, at most.
inline constexpr size_t kChunkReserveBytes = 16 * 1024;

// The sizes of the chunks in a map's window, for a map that finds out what is
// best.
class AutomaticChunks {
 public:
  AutomaticChunks(absl::Duration task_cost, int workers,
                  std::optional<size_t> total)
      : sizer_(task_cost, workers), left_(total) {}

  size_t Next() const { return sizer_.Next(left_); }
  // A chunk of this many calls comes to the window's end.
  void Add(size_t calls) {
    sizes_.push_back(calls);
    if (left_.has_value()) *left_ -= std::min(*left_, calls);
  }
  // The chunk at this place leaves the window, and is the current one.
  void Take(size_t place) {
    const auto it = sizes_.begin() + static_cast<std::ptrdiff_t>(place);
    current_ = *it;
    sizes_.erase(it);
  }
  // The last calls of the current one are a chunk again.
  void AddRest(size_t calls) { sizes_.push_front(calls); }
  // How long the calls of the current one took.
  void Learn(int64_t nanos) {
    sizer_.Learn(current_, absl::Nanoseconds(nanos));
  }

 private:
  ChunkSizer sizer_;
  std::optional<size_t> left_;
  std::deque<size_t> sizes_;
  size_t current_ = 1;
};

// One run of a map over its input: a function that returns the next result, or
// nullopt at the end. It keeps up to `buffer_size` tasks submitted and not yet
// taken. Destroying it cancels those that have not started.
//
// With `kSettles`, each call has a result that says how it ended. Then, and
// with OnError::kSkip, a task that is lost with its worker, or fails otherwise,
// costs its calls and not the map; what ends the pool still ends the map. Of a
// chunk that is lost in the middle, those calls that had not begun are made by
// another task, in its place.
template <typename PoolType, typename F, typename Cursor, bool kSettles = false>
class LazyMap {
 public:
  using Tuple = typename Cursor::Value;
  using Result = std::remove_cvref_t<decltype(std::apply(
      std::declval<F&>(), std::declval<Tuple>()))>;
  // What the map gives.
  using Output = std::conditional_t<kSettles, Settled<Result>, Stored<Result>>;

  static constexpr size_t kWholeInput = std::numeric_limits<size_t>::max();
  // With chunks of automatic sizes, so many for each worker.
  static constexpr size_t kChunksAhead = 16;

  template <typename Fn>
  LazyMap(PoolType& pool, const char* function, const MapOptions& options,
          Fn&& f, Cursor cursor)
      : pool_(&pool),
        function_(function),
        options_(options),
        countdown_(options.timeout),
        cursor_(std::move(cursor)) {
    CheckMap(function, pool.name(), options, f);
    if constexpr (kSettles) CheckSettles(function, options);
    f_ = std::make_shared<MapFunction<F>>(std::forward<Fn>(f),
                                          options.on_error == OnError::kSkip,
                                          options.chunk_size == 0);
    if (options_.buffer_size == 0) {
      options_.buffer_size = 2 * static_cast<size_t>(pool.max_workers());
    }
    if (options_.chunk_size == 0) {
      automatic_ = std::make_unique<AutomaticChunks>(
          PoolType::kMapTaskCost, std::max(pool.max_workers(), 1),
          cursor_.Size());
      // Sizes are found while chunks are done, so they aren't all ahead.
      options_.buffer_size =
          std::min(options_.buffer_size,
                   kChunksAhead * static_cast<size_t>(pool.max_workers()));
    }
    if (options_.progress != nullptr) {
      monitor_ = std::make_unique<MapMonitor<Chunk>>(
          std::move(options_.progress), cursor_.Size());
    } else if (!options_.keep_order) {
      filter_ = std::make_unique<Filter>();
    }
    try {
      if (monitor_ != nullptr) monitor_->Begin();
      Fill();
    } catch (...) {
      CancelRest();
      throw;
    }
  }
  LazyMap(LazyMap&&) = default;
  LazyMap& operator=(LazyMap&&) = delete;
  ~LazyMap() { CancelRest(); }

  std::optional<Output> operator()() {
    try {
      while (true) {
        if (next_value_ < chunk_.values.size()) {
          auto& value = chunk_.values[next_value_++];
          if constexpr (kSettles) {
            return Output{.index = spans_.first() + next_value_ - 1,
                          .value = std::move(value.value),
                          .exception = std::move(value.exception)};
          } else {
            return std::move(value);
          }
        }
        if (chunk_.error != nullptr) std::rethrow_exception(chunk_.error);
        if (window_.empty()) {
          if (monitor_ != nullptr) {
            monitor_->CountRest();
            monitor_->End();
          }
          return std::nullopt;
        }
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
  // What a call brings back.
  using Returned = std::conditional_t<kSettles, CallOutcome<Result>, Result>;
  using Chunk = ChunkResult<Returned>;
  using Call = ChunkCall<Returned, F, Tuple>;
  using Filter = FutureFilter<Chunk>;

  // Calls of a chunk that room is made for ahead of them.
  static constexpr size_t kMostReserved =
      std::max<size_t>(kChunkReserveBytes / sizeof(Tuple), 1);

  void Fill() {
    while (!input_ended_ && window_.size() < options_.buffer_size) {
      Call call{f_, {}};
      const size_t size =
          automatic_ != nullptr ? automatic_->Next() : options_.chunk_size;
      call.chunk.reserve(std::min(size, kMostReserved));
      while (call.chunk.size() < size) {
        std::optional<Tuple> arguments = cursor_.Next();
        if (!arguments.has_value()) {
          input_ended_ = true;
          break;
        }
        call.chunk.push_back(std::move(*arguments));
      }
      if (call.chunk.empty()) break;
      const size_t calls = call.chunk.size();
      window_.push_back(SubmitInTime(std::move(call)));
      spans_.Add(calls);
      if (automatic_ != nullptr) automatic_->Add(calls);
      if (monitor_ != nullptr) {
        monitor_->Add(window_.back(), calls);
      } else if (filter_ != nullptr) {
        filter_->Put(window_.back());
      }
    }
    if (input_ended_ && monitor_ != nullptr) monitor_->EndInput();
  }

  Future<Chunk> SubmitInTime(Call call) {
    try {
      return pool_->SubmitChunk(countdown_, std::move(call));
    } catch (const TimeoutError&) {
      ThrowTimeout();
    }
  }

  Chunk TakeChunk() {
    Future<Chunk> done;
    if (options_.keep_order) {
      const Future<Chunk>& first = window_.front();
      if (monitor_ != nullptr ? !monitor_->Wait(first, countdown_)
                              : !first.Wait(countdown_.Remaining())) {
        ThrowTimeout();
      }
      done = std::move(window_.front());
      window_.pop_front();
      Leave(0);
    } else {
      done = NextDone();
      // One of the window's few; with the whole input submitted, most often
      // one of the oldest.
      const auto it = std::find(window_.begin(), window_.end(), done);
      Leave(static_cast<size_t>(it - window_.begin()));
      window_.erase(it);
    }
    try {
      Chunk chunk = std::move(done).Collect();
      if (automatic_ != nullptr && chunk.nanos > 0) {
        automatic_->Learn(chunk.nanos);
      }
      if constexpr (PoolType::kSendsCalls) {
        if (auto lost = FindLostCalls(chunk.error)) GoOnAfter(*lost, chunk);
      }
      return chunk;
    } catch (const CancelledError&) {
      throw;  // the pool is shut down
    } catch (const BrokenPoolError&) {
      throw;
    } catch (...) {
      const std::exception_ptr error = std::current_exception();
      if (error == nullptr) throw;  // pthread_exit()
      if (!kSettles && options_.on_error == OnError::kRaise) throw;
      return LostChunk(error);
    }
  }

  // The chunk at this place leaves the window.
  void Leave(size_t place) {
    spans_.Take(place);
    if (automatic_ != nullptr) automatic_->Take(place);
  }

  // What a task that has failed itself stands for.
  Chunk LostChunk(const std::exception_ptr& error) const {
    Chunk chunk;
    if constexpr (kSettles) {
      for (size_t i = 0; i < spans_.calls(); ++i) {
        chunk.values.push_back(Returned{.exception = error});
      }
    }
    return chunk;
  }

  // A chunk was lost, of which this came back: what had not begun of it is a
  // chunk again, and the rest has failed.
  void GoOnAfter(const LostCalls& lost, Chunk& chunk) {
    chunk.error = nullptr;
    const size_t left = SubmitRest(lost);
    if constexpr (kSettles) {
      while (chunk.values.size() + left < spans_.calls()) {
        chunk.values.push_back(Returned{.exception = lost.error});
      }
    }
    if (left == 0) return;
    spans_.AddRest(left);
    if (automatic_ != nullptr) automatic_->AddRest(left);
    if (monitor_ != nullptr) {
      monitor_->AddRest(window_.front(), left);
    } else if (filter_ != nullptr) {
      filter_->Put(window_.front());
    }
  }

  // Returns how many calls it has; 0: they can't be made.
  size_t SubmitRest(const LostCalls& lost) {
    Call rest{f_, {}};
    try {
      rest.chunk = DecodeRest<Call>(*lost.call, lost.rest);
    } catch (...) {
      // Workers only can read these arguments.
      if (std::current_exception() == nullptr) throw;  // pthread_exit()
      return 0;
    }
    const size_t calls = rest.chunk.size();
    if (calls == 0) return 0;
    try {
      window_.push_front(SubmitInTime(std::move(rest)));
    } catch (const ClosedPoolError&) {
      return 0;  // it is shutting down, and does what it has
    }
    return calls;
  }

  Future<Chunk> NextDone() {
    std::optional<Future<Chunk>> first;
    if (monitor_ != nullptr) {
      first = monitor_->Next(countdown_);
      if (!first.has_value()) ThrowTimeout();
    } else {
      try {
        first = filter_->Get(countdown_.Remaining());
      } catch (const TimeoutError&) {
        ThrowTimeout();
      }
    }
    return *std::move(first);
  }

  [[noreturn]] void ThrowTimeout() const {
    ThrowMapTimeout(function_, pool_->name(), options_.timeout);
  }

  void CancelRest() {
    input_ended_ = true;
    for (Future<Chunk>& future : window_) future.Cancel();
    window_.clear();
    chunk_ = {};
    if (monitor_ != nullptr) monitor_->End();
  }

  PoolType* pool_;
  const char* function_;
  MapOptions options_;
  Countdown countdown_;
  Cursor cursor_;
  std::shared_ptr<MapFunction<F>> f_;
  bool input_ended_ = false;
  std::deque<Future<Chunk>> window_;  // submitted and not yet taken
  [[no_unique_address]] std::conditional_t<kSettles, InputSpans, NoInputSpans>
      spans_;
  std::unique_ptr<AutomaticChunks> automatic_;  // null with a chunk_size
  // The same futures: with a MapProgress, or else where they come unordered.
  std::unique_ptr<MapMonitor<Chunk>> monitor_;
  std::unique_ptr<Filter> filter_;
  Chunk chunk_;  // being given out
  size_t next_value_ = 0;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_LAZY_MAP_H_
