#ifndef ASYNCPAL_POOL_INTERNAL_MAP_MONITOR_H_
#define ASYNCPAL_POOL_INTERNAL_MAP_MONITOR_H_

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "asyncpal/future/countdown.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/future_filter.h"
#include "asyncpal/pool/internal/map_chunk.h"
#include "asyncpal/pool/internal/map_counter.h"
#include "asyncpal/pool/progress.h"

namespace asyncpal::internal {

inline CallCounts CountCalls(const std::exception_ptr& error, size_t calls) {
  return {.ended = calls, .failed = error != nullptr ? calls : 0};
}

// Follows the chunks of a map that has a MapProgress. The map waits for them
// here, and each is counted as soon as it is done, also where results are taken
// in order and another comes first.
//
// `T` is what a chunk's task returns; CountCalls() of it and the number of its
// calls says how many have ended, and failed.
//
// Threads: one, which reads the map. Lifetime: shares futures that are not
// counted, and the observer.
// Ordering: a chunk is counted before Wait() or Next() gives it.
// Errors: what OnChange() throws. Shutdown: none.
template <typename T>
class MapMonitor {
 public:
  MapMonitor(std::shared_ptr<MapProgress> progress, std::optional<size_t> total)
      : counter_(std::move(progress), total) {}
  void Begin() { counter_.Begin(); }

  // A chunk of this many calls was submitted.
  void Add(const Future<T>& chunk, size_t calls) {
    calls_.emplace(chunk.task_id(), calls);
    submitted_ += calls;
    filter_.Put(chunk);
  }
  // The rest of one was, of which some calls have been counted.
  void AddRest(const Future<T>& chunk, size_t calls) {
    calls_.emplace(chunk.task_id(), calls);
    uncounted_ -= calls;
    filter_.Put(chunk);
  }
  // And no more will be.
  void EndInput() { counter_.SetTotal(submitted_); }

  // Blocks until this chunk, which is not moved from, is done. False: the limit
  // passed.
  bool Wait(const Future<T>& chunk, const Countdown& countdown) {
    while (calls_.contains(chunk.task_id())) {
      if (!Next(countdown).has_value()) return false;
    }
    return true;
  }

  // The next chunk that is done; blocks until there is one. nullopt: the limit
  // passed. There must be one.
  std::optional<Future<T>> Next(const Countdown& countdown) {
    std::optional<Future<T>> chunk;
    try {
      chunk = filter_.Get(countdown);
    } catch (const TimeoutError&) {
      return std::nullopt;
    }
    const auto it = calls_.find(chunk->task_id());
    const size_t calls = it->second;
    calls_.erase(it);
    if (chunk->is_cancelled()) return chunk;
    const T* const result = chunk->result();
    const CallCounts counts = result != nullptr
                                  ? CountCalls(*result, calls)
                                  : CallCounts{.ended = calls, .failed = calls};
    counter_.Count(counts.ended - counts.failed, counts.failed);
    uncounted_ += calls - counts.ended;
    return chunk;
  }

  // At the end of all chunks: calls of which no chunk was made again have
  // failed.
  void CountRest() {
    if (uncounted_ > 0) counter_.Count(0, std::exchange(uncounted_, 0));
  }
  void End() noexcept { counter_.End(); }

 private:
  MapCounter counter_;
  FutureFilter<T> filter_;
  size_t submitted_ = 0;  // calls
  size_t uncounted_ = 0;  // the rests of chunks that have been counted
  std::unordered_map<uint64_t, size_t> calls_;  // of chunks not yet counted
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_MAP_MONITOR_H_
