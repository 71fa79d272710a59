#ifndef ASYNCPAL_POOL_INTERNAL_CHUNK_SIZER_H_
#define ASYNCPAL_POOL_INTERNAL_CHUNK_SIZER_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>

#include "absl/time/time.h"

namespace asyncpal::internal {

// How large the chunks of a map are where the map is to find that out: large
// enough that a task costs little beside its calls, and small enough that each
// worker has something to do until the end.
//
//   ChunkSizer sizer(absl::Microseconds(1), /*workers=*/2);
//   size_t size = sizer.Next(/*left=*/1000);  // 1: nothing is known yet
//   ...                                       // those calls took 10 ns
//   sizer.Learn(size, absl::Nanoseconds(10));
//   size = sizer.Next(999);                   // 2: at most double
//
// A chunk is to take kCostsPerChunk times what a task costs, by the time of the
// items before it: one that takes longer than expected counts at once, one that
// takes less counts by half. It is at most double the one that it is judged by,
// and a third of a worker's share of what is left.
//
// Threads: none of its own; a plain value. Lifetime, Errors, Shutdown: none.
// Ordering: chunks are learned of in any order.
class ChunkSizer {
 public:
  static constexpr int kCostsPerChunk = 20;

  // `task_cost`: of a task that does nothing, to the pool and to the map.
  // `workers`: how many run at once; at least 1.
  ChunkSizer(absl::Duration task_cost, int workers)
      : wanted_nanos_(kCostsPerChunk * absl::ToDoubleNanoseconds(task_cost)),
        workers_(static_cast<size_t>(workers)) {}

  // How many items the next chunk has, at least 1. `left`: how many there are;
  // nullopt: nobody knows.
  size_t Next(std::optional<size_t> left) const {
    if (!left.has_value()) return size_;
    return std::clamp<size_t>(*left / (3 * workers_), 1, size_);
  }

  // How many chunks of that size the workers get through in `time`, at least 1,
  // as far as is known.
  size_t ChunksIn(absl::Duration time) const {
    if (item_nanos_ == 0) return 1;
    const double chunk = item_nanos_ * static_cast<double>(size_);
    const double chunks =
        absl::ToDoubleNanoseconds(time) / chunk * static_cast<double>(workers_);
    return static_cast<size_t>(std::clamp(chunks, 1.0, kMostChunks));
  }

  // A chunk of so many items, at least 1, took that long.
  void Learn(size_t items, absl::Duration ran) {
    const double item =
        std::max(absl::ToDoubleNanoseconds(ran) / static_cast<double>(items),
                 kLeastNanos);
    item_nanos_ =
        item_nanos_ == 0 ? item : std::max(item, (item_nanos_ + item) / 2);
    const double most = 2 * static_cast<double>(items);
    size_ = static_cast<size_t>(
        std::clamp(std::floor(wanted_nanos_ / item_nanos_), 1.0, most));
  }

 private:
  static constexpr double kLeastNanos = 0.1;  // clocks have steps
  static constexpr double kMostChunks = 1e9;

  double wanted_nanos_;
  size_t workers_;
  double item_nanos_ = 0;  // 0: nothing is known
  size_t size_ = 1;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_CHUNK_SIZER_H_
